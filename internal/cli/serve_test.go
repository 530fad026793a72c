package cli_test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
)

// process is `herald serve` as a process of its own, on a folder of its own, set up by a kickstart file.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	data string
	url  string
	// said are the lines of stderr so far; more is closed and replaced with each.
	mu   sync.Mutex
	said []string
	more chan struct{}
	// ended is closed when stderr has ended.
	ended chan struct{}
}

const (
	processKey = "key-of-the-process"
	patience   = 20 * time.Second
)

// startProcess starts a server whose webhook is at the receiver and must agree to user.create.
func startProcess(t *testing.T, receiver string) *process {
	t.Helper()
	p := &process{t: t, data: filepath.Join(t.TempDir(), "data"), more: make(chan struct{}), ended: make(chan struct{})}
	file := filepath.Join(t.TempDir(), "kickstart.json")
	text := fmt.Sprintf(`{
		"apiKeys": [{"key": %q}],
		"requests": [
			{"method": "PATCH", "url": "/api/tenant/#{FUSIONAUTH_TENANT_ID}", "body": {"tenant": {"eventConfiguration": {"events": {
				"user.create": {"enabled": true, "transactionType": "AbsoluteMajority"}, "user.create.complete": {"enabled": true}}}}}},
			{"method": "POST", "url": "/api/webhook", "body": {"webhook": {"url": %q, "global": true, "connectTimeout": 1000, "readTimeout": 20000,
				"eventsEnabled": {"user.create": true, "user.create.complete": true}}}}
		]}`, processKey, receiver)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command("herald", "serve", "--no-local-cli", "--addr", "127.0.0.1:0", "--data", p.data, "--kickstart", file)
	p.run()
	_, address, _ := strings.Cut(p.hear("  API "), "http://")
	address, _, _ = strings.Cut(address, "/api")
	p.url = "http://" + address
	return p
}

func (p *process) run() {
	p.t.Helper()
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			p.said = append(p.said, lines.Text())
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
	}()
	p.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.wait()
		}
	})
}

// hear waits for a line of stderr that contains the text.
func (p *process) hear(text string) string {
	p.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for from := 0; ; {
		p.mu.Lock()
		said, more := p.said, p.more
		p.mu.Unlock()
		for ; from < len(said); from++ {
			if strings.Contains(said[from], text) {
				return said[from]
			}
		}
		select {
		case <-more:
		case <-p.ended:
			p.t.Fatalf("the server ended without saying %q:\n%s", text, strings.Join(said, "\n"))
		case <-timeout.C:
			p.t.Fatalf("the server does not say %q:\n%s", text, strings.Join(said, "\n"))
		}
	}
}

func (p *process) signal() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
}

// wait waits for the end of the process.
func (p *process) wait() error {
	<-p.ended // Wait closes the pipe
	return p.cmd.Wait()
}

// create creates a user and sends the status of the answer, zero when there was none.
func (p *process) create(email string) <-chan int {
	status := make(chan int, 1)
	go func() {
		body, _ := json.Marshal(map[string]any{"user": map[string]any{"email": email, "password": "a long password"}})
		r, _ := http.NewRequest(http.MethodPost, p.url+"/api/user", strings.NewReader(string(body)))
		r.Header.Set("Authorization", processKey)
		r.Header.Set("Content-Type", "application/json")
		r.Close = true
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	return status
}

// count runs a query on the database that the process has left.
func (p *process) count(query string) (n int) {
	p.t.Helper()
	d, err := sql.Open("sqlite", filepath.Join(p.data, "herald.db"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.Close()
	if err := d.QueryRow(query).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// SIGTERM in the middle of a vote: the vote ends, the caller is answered, what is owed stays in the outbox, the exit status is 0.
func TestServe_StopsInGoodOrder(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := egresstest.NewReceiver(t).
		On("user.create", egresstest.Hold(release, egresstest.Accept())).
		On("user.create.complete", egresstest.Status(http.StatusServiceUnavailable))
	p := startProcess(t, r.URL)
	status := p.create("ada@example.com")
	r.WaitFor(1)
	p.signal()
	p.hear("Stopping: ")
	close(release)
	if got := <-status; got != http.StatusOK {
		t.Errorf("the caller got status %d, want 200", got)
	}
	if err := p.wait(); err != nil {
		t.Errorf("the server ended with %v, want status 0:\n%s", err, strings.Join(p.said, "\n"))
	}
	if users := p.count(`SELECT COUNT(*) FROM users`); users != 1 {
		t.Errorf("%d users are stored, want 1", users)
	}
	if owed := p.count(`SELECT COUNT(*) FROM delivery WHERE state IN ('pending', 'retrying')`); owed != 1 {
		t.Errorf("%d deliveries are in the outbox, want user.create.complete", owed)
	}
	lines := 0
	for _, line := range p.said {
		if strings.Contains(line, "msg=request ") && strings.Contains(line, "method=POST route=/api/user ") {
			lines++
		}
	}
	if lines != 1 {
		t.Errorf("the request has %d lines in the log, want 1:\n%s", lines, strings.Join(p.said, "\n"))
	}
}

// Who does not want to wait for the vote sends the signal again.
func TestServe_SecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	r := egresstest.NewReceiver(t).Script(egresstest.Hang())
	p := startProcess(t, r.URL)
	status := p.create("ada@example.com")
	r.WaitFor(1)
	p.signal()
	p.hear("Stopping: ")
	again := time.NewTicker(10 * time.Millisecond) // the second may come before the first one's handler is gone
	defer again.Stop()
	for ended := false; !ended; {
		select {
		case <-again.C:
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
		case <-p.ended:
			ended = true
		}
	}
	exit, ok := errors.AsType[*exec.ExitError](p.wait())
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the server ended with %v, want the signal", exit)
	}
	if got := <-status; got != 0 {
		t.Errorf("the caller got status %d, want none", got)
	}
	if users := p.count(`SELECT COUNT(*) FROM users`); users != 0 {
		t.Errorf("%d users are stored without an answer of the webhook", users)
	}
}

// A first start says how to go on.
func TestServe_FirstStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for _, database := range []string{data + "/herald.db (new) · ", data + "/herald.db · "} { // a second one does not find a new store
		cmd := exec.Command("herald", "serve", "--no-local-cli", "--addr", "127.0.0.1:0", "--data", data)
		p := &process{t: t, cmd: cmd, more: make(chan struct{}), ended: make(chan struct{})}
		p.run()
		p.hear("herald v0.0.0 · SQLite " + database)
		p.hear("Admin     http://127.0.0.1:")
		p.hear("First-time setup (valid 30 min): http://127.0.0.1:")
		p.hear("API       http://127.0.0.1:")
		p.hear("docs: /docs")
		p.hear("There is no API key yet. Stop the server, then make one:  herald apikey create --data ")
		p.signal()
		if err := p.wait(); err != nil {
			t.Errorf("the server ended with %v, want status 0", err)
		}
	}
}
