package crash

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/herald-events/herald/wire"
)

// process is one `herald serve`.
type process struct {
	w     *world
	cmd   *exec.Cmd
	ready chan struct{} // closed when it serves; url is valid from then on
	url   string
	died  chan struct{} // closed when it is gone; said is complete from then on

	mu      sync.Mutex
	doomed  bool // its end is wanted
	stopped bool // by SIGSTOP
	said    []string
}

// launch starts a process and does not wait until it serves.
func (w *world) launch(env ...string) *process {
	w.t.Helper()
	p := &process{w: w, cmd: exec.Command(binary, w.args...), ready: make(chan struct{}), died: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), w.env...), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.processes = append(w.processes, p)
	w.mu.Unlock()
	go func() {
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.mu.Lock()
			p.said = append(p.said, lines.Text())
			p.mu.Unlock()
			if _, after, ok := strings.Cut(lines.Text(), "  API       "); ok {
				p.url, _, _ = strings.Cut(after, "/api")
				close(p.ready)
				w.announce()
			}
		}
		_ = p.cmd.Wait()
		close(p.died)
		w.announce()
		if !p.isDoomed() {
			w.t.Errorf("a process ended by itself (%v):\n%s", p.cmd.ProcessState, p.words())
		}
	}()
	return p
}

// start starts a process and waits until it serves.
func (w *world) start(env ...string) *process {
	w.t.Helper()
	p := w.launch(env...)
	p.awaitReady()
	return p
}

func (p *process) awaitReady() {
	p.w.t.Helper()
	select {
	case <-p.ready:
	case <-p.died:
		p.w.t.Fatalf("the server did not start:\n%s", p.words())
	case <-time.After(patience):
		p.w.t.Fatalf("the server does not say where it listens:\n%s", p.words())
	}
}

// begin starts the first process on an empty store, which runs the kickstart file. That is no part of any storm: a server that does not get
// through it does not start again.
func (w *world) begin() *process {
	w.t.Helper()
	p := w.start()
	var answer wire.TenantsResponse
	if err := json.Unmarshal(p.must("GET", "/api/tenant", nil), &answer); err != nil || len(answer.Tenants) != 1 {
		w.t.Fatalf("tenants: %v, %+v", err, answer)
	}
	w.tenant = answer.Tenants[0].ID
	return p
}

// doom says that the process is going to end and that this is as it should be.
func (p *process) doom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
}

func (p *process) isDoomed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doomed
}

// kill ends the process as `kill -9` does.
func (p *process) kill() {
	p.doom()
	p.w.interrupted("kill", func() {
		_ = p.cmd.Process.Kill()
		<-p.died
	})
}

// waitForDeath waits until the process has killed itself at a named point, at most for the given time, and tells whether it has.
func (p *process) waitForDeath(limit time.Duration) bool {
	p.w.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-p.died:
	}
	// When it died is not known better than this.
	p.w.interrupted("kill", func() {})
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		p.w.t.Errorf("the process ended by itself (%v):\n%s", p.cmd.ProcessState, p.words())
	}
	return true
}

// stop lets the process end in good order.
func (p *process) stop() {
	p.w.t.Helper()
	p.doom()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.died:
	case <-time.After(patience):
		p.w.t.Errorf("the process does not stop:\n%s", p.words())
		p.kill()
		return
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.w.t.Errorf("stopping ended with status %d:\n%s", code, p.words())
	}
}

// freeze holds the process for as long as fn runs: to everybody else it looks dead, but it comes back.
func (p *process) freeze(fn func()) {
	p.w.interrupted("freeze", func() {
		p.setStopped(true)
		_ = p.cmd.Process.Signal(syscall.SIGSTOP)
		fn()
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		p.setStopped(false)
	})
}

func (p *process) setStopped(stopped bool) {
	p.mu.Lock()
	p.stopped = stopped
	p.mu.Unlock()
	p.w.announce()
}

// isStopped tells whether the process has been stopped, by whomever.
func (p *process) isStopped() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "T")
}

// serves tells whether the process can be expected to answer.
func (p *process) serves() bool {
	select {
	case <-p.died:
		return false
	default:
	}
	select {
	case <-p.ready:
	default:
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.stopped
}

// words are the last ones of the process.
func (p *process) words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	const most = 30
	return strings.Join(p.said[max(0, len(p.said)-most):], "\n")
}

// complaints counts the errors that the world's processes have logged, by their message.
func (w *world) complaints() map[string]int {
	all := map[string]int{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.processes {
		p.mu.Lock()
		for _, line := range p.said {
			if _, rest, ok := strings.Cut(line, " level=ERROR msg="); ok {
				all[message(rest)]++
			}
			if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
				all[line]++
			}
		}
		p.mu.Unlock()
	}
	return all
}

// message is the first member of a log line, which is quoted when it has blanks.
func message(line string) string {
	var quoted string
	if _, err := fmt.Sscanf(line, "%q", &quoted); err == nil {
		return quoted
	}
	word, _, _ := strings.Cut(line, " ")
	return word
}
