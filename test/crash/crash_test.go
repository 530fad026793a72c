// Package crash kills the real binary at named instants and looks at what the next start makes of it: every committed event
// arrives, no refused change is announced, nothing stays open.
package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

const (
	key   = "crash-test-key-0123456789-0123456789"
	email = "crash@example.com"
	// patience is longer than anything the product may take to notice a dead process on PostgreSQL: a claim's lease of 15 s.
	patience = 60 * time.Second
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "herald-crash-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		binary = filepath.Join(folder, "herald")
		build := exec.Command("go", "build", "-tags", "crashpoint", "-o", binary, "../../cmd/herald")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return dbtest.Run(m)
	}())
}

// points are where the process is killed. Those with a type of event are killed by the receiver, while it is being called; the
// others by the process itself, when it comes by.
var points = []struct {
	name    string
	during  event.Type // killed while the receiver has this event and has not answered
	refuse  bool       // the receiver refuses the change
	commits bool       // whether the change must exist afterwards
}{
	{name: "preparing"},
	{name: "prepared"},
	{name: "asking", during: event.UserCreate},
	{name: "answered"},
	{name: "committing"},
	{name: "refusing", refuse: true},
	{name: "committed", commits: true},
	{name: "claimed", commits: true},
	{name: "delivering", during: event.UserCreateComplete, commits: true},
	{name: "sent", commits: true},
	{name: "settling", commits: true},
	{name: "settled", commits: true},
}

func TestKill(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		for _, point := range points {
			t.Run(string(engine)+"/"+point.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, engine)
				w.refuse, w.killDuring = point.refuse, point.during
				crashAt := point.name
				if point.during != "" {
					crashAt = "" // the receiver does it
				}
				w.start("HERALD_CRASH_AT=" + crashAt)
				w.create() // the answer, if there is one, does not matter: the process dies
				w.waitForDeath()

				w.mu.Lock()
				w.refuse, w.killDuring = false, ""
				w.mu.Unlock()
				w.start()
				exists := w.call("GET", "/api/user?email="+email, "").StatusCode == 200
				if exists != point.commits {
					t.Fatalf("the user exists: %v, want %v", exists, point.commits)
				}
				if exists {
					w.eventually("the event has arrived", func() bool { return w.arrived(event.UserCreateComplete) > 0 })
				}
				w.eventually("nothing is open", func() bool { return w.open() == 0 })
				if !exists {
					if n := w.arrived(event.UserCreateComplete); n > 0 {
						t.Errorf("a change that did not happen was announced %d times", n)
					}
					if response := w.create(); response == nil || response.StatusCode != 200 {
						t.Errorf("the e-mail address is not free again: %+v", response)
					}
				}
				w.checkBodies()
			})
		}
	}
}

// world is a store, a receiver with a ledger, and the process that is killed and started again.
type world struct {
	t      *testing.T
	engine db.Engine
	args   []string
	data   string // folder
	url    string
	client *http.Client

	database string // of PostgreSQL

	mu         sync.Mutex
	process    *exec.Cmd
	died       chan struct{}
	ledger     []delivery
	refuse     bool
	killDuring event.Type
}

type delivery struct {
	kind event.Type
	id   string
	body []byte
}

func newWorld(t *testing.T, engine db.Engine) *world {
	w := &world{t: t, engine: engine, client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	folder := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	w.data = filepath.Join(folder, "data")
	kickstart := filepath.Join(folder, "kickstart.json")
	events := `{"user.create": %s, "user.create.complete": %s}`
	setting := `{"enabled": true, "transactionType": "AbsoluteMajority"}`
	file := fmt.Sprintf(`{"apiKeys": [{"key": %q}], "requests": [
		{"method": "PATCH", "url": "/api/tenant/#{FUSIONAUTH_TENANT_ID}", "body": {"tenant": {"eventConfiguration": {"events": %s}}}},
		{"method": "POST", "url": "/api/webhook", "body": {"webhook": {"url": "http://%s/", "global": true, "connectTimeout": 1000, "readTimeout": 1000, "eventsEnabled": %s}}}
	]}`, key, fmt.Sprintf(events, setting, setting), listener.Addr(), fmt.Sprintf(events, "true", "true"))
	if err := os.WriteFile(kickstart, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	w.args = []string{"serve", "--addr", "127.0.0.1:0", "--data", w.data, "--kickstart", kickstart, "--transaction-timeout", "2s"}
	if engine == db.PostgreSQL {
		w.database = dbtest.URL(t)
		w.args = append(w.args, "--database-url", w.database)
	}
	t.Cleanup(w.kill)
	return w
}

// start starts the binary and waits until it says where it listens.
func (w *world) start(env ...string) {
	w.t.Helper()
	process := exec.Command(binary, w.args...)
	process.Env = append(os.Environ(), env...)
	stderr, err := process.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		w.t.Fatal(err)
	}
	address, died := make(chan string, 1), make(chan struct{})
	var said strings.Builder // to be read when died is closed
	go func() {
		defer close(died)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			fmt.Fprintln(&said, lines.Text())
			if _, url, ok := strings.Cut(lines.Text(), "  API    "); ok {
				address <- strings.TrimSuffix(url, "/api")
			}
		}
		_ = process.Wait()
	}()
	w.mu.Lock()
	w.process, w.died = process, died
	w.mu.Unlock()
	select {
	case w.url = <-address:
	case <-died:
		w.t.Fatalf("the server did not start:\n%s", &said)
	case <-time.After(patience):
		w.t.Fatal("the server did not say where it listens")
	}
}

func (w *world) kill() {
	w.mu.Lock()
	process, died := w.process, w.died
	w.mu.Unlock()
	if process != nil {
		_ = process.Process.Kill()
		<-died
	}
}

func (w *world) waitForDeath() {
	w.t.Helper()
	select {
	case <-w.died:
	case <-time.After(patience):
		w.t.Fatal("the process came through: the point was not reached")
	}
	if status, ok := w.process.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		w.t.Fatalf("the process ended by itself: %v", w.process.ProcessState)
	}
}

// ServeHTTP is the receiver: it writes everything into its ledger before it does anything else.
func (w *world) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sender died while sending: nothing has arrived
	}
	var e struct {
		Event struct {
			ID   string     `json:"id"`
			Type event.Type `json:"type"`
		} `json:"event"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		w.t.Errorf("the receiver got no event: %s", body)
	}
	w.mu.Lock()
	w.ledger = append(w.ledger, delivery{e.Event.Type, e.Event.ID, body})
	refuse, die, process, died := w.refuse, w.killDuring == e.Event.Type, w.process, w.died
	w.mu.Unlock()
	if die {
		_ = process.Process.Kill()
		<-died
		return
	}
	if refuse {
		response.WriteHeader(http.StatusForbidden)
	}
}

func (w *world) arrived(t event.Type) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.ledger {
		if d.kind == t {
			n++
		}
	}
	return n
}

// checkBodies checks that an event that came more than once came with the same bytes.
func (w *world) checkBodies() {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := map[string][]byte{}
	for _, d := range w.ledger {
		if before, ok := first[d.id]; ok && !bytes.Equal(before, d.body) {
			w.t.Errorf("event %s came with different bytes:\n%s\n%s", d.id, before, d.body)
		}
		first[d.id] = d.body
	}
}

// create creates the user. Nil when there was no answer.
func (w *world) create() *http.Response {
	response, err := w.try("POST", "/api/user", `{"user": {"email": "`+email+`", "password": "a long password"}}`)
	if err != nil {
		return nil
	}
	return response
}

func (w *world) call(method, path, body string) *http.Response {
	w.t.Helper()
	response, err := w.try(method, path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response
}

func (w *world) try(method, path, body string) (*http.Response, error) {
	request, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", key)
	request.Header.Set("Content-Type", "application/json")
	response, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response, err
}

// open counts what is neither decided nor settled. A SQLite folder belongs to one process, so there the server is stopped meanwhile.
func (w *world) open() (n int) {
	w.t.Helper()
	if w.engine == db.SQLite {
		_ = w.process.Process.Signal(syscall.SIGTERM)
		<-w.died
		defer w.start()
	}
	d, err := db.Open(context.Background(), db.Options{Dir: w.data, URL: w.database, Clock: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	err = d.View(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT (SELECT COUNT(*) FROM event WHERE result = 'Running') + (SELECT COUNT(*) FROM delivery WHERE state = 'pending')
			+ (SELECT COUNT(*) FROM reservation)`).Scan(&n)
	})
	if err := errors.Join(err, d.Close()); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// eventually waits for something that happens in another process.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("after %v it does not hold that %s", patience, what)
		}
	}
}
