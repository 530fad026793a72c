// Package firstminutes does what somebody does who has just got the binary: two commands, no configuration, and a first event.
package firstminutes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newcomer has an empty folder, an empty home and the binary.
type newcomer struct {
	t      *testing.T
	binary string
	folder string
	env    []string // what they have exported
}

var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "firstminutes")
	if err == nil {
		err = os.Chmod(folder, 0o755) // other users start it, too
	}
	if err == nil {
		binary = filepath.Join(folder, "herald")
		build := exec.Command("go", "build", "-o", binary, "../../cmd/herald")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	status := 1
	if err == nil {
		status = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(folder)
	os.Exit(status)
}

func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	return &newcomer{t: t, binary: binary, folder: t.TempDir()}
}

func (n *newcomer) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(n.t.Context(), n.binary, args...)
	c.Dir = n.folder
	c.Env = append([]string{"HOME=" + n.folder, "PATH=" + os.Getenv("PATH")}, n.env...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 20 * time.Second
	return c
}

// start starts a command in a terminal of its own, and returns what it writes, line by line.
func (n *newcomer) start(args ...string) (c *exec.Cmd, said func(text string) string) {
	n.t.Helper()
	r, w := io.Pipe()
	c = n.command(args...)
	c.Stdout, c.Stderr = w, w
	if err := c.Start(); err != nil {
		n.t.Fatal(err)
	}
	lines := make(chan string, 10_000)
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	go func() { _ = c.Wait() }()
	return c, func(text string) string {
		n.t.Helper()
		var all bytes.Buffer
		timeout := time.After(time.Minute)
		for {
			select {
			case line := <-lines:
				if strings.Contains(line, text) {
					return line
				}
				all.WriteString(line + "\n")
			case <-timeout:
				n.t.Fatalf("herald %s never says %q, but\n%s", strings.Join(args, " "), text, all.String())
			}
		}
	}
}

// run runs a command to its end.
func (n *newcomer) run(want int, args ...string) string {
	n.t.Helper()
	out, err := n.command(args...).CombinedOutput()
	status := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		status = e.ExitCode()
	} else if err != nil {
		n.t.Fatal(err)
	}
	if status != want {
		n.t.Fatalf("herald %s: status %d, want %d\n%s", strings.Join(args, " "), status, want, out)
	}
	return string(out)
}

func TestFirstMinutes(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	begin := time.Now()
	_, served := n.start("serve", "--addr", "127.0.0.1:0")
	served("CLI       ready on this machine")
	listening, heard := n.start("listen")
	if ready := heard("Ready."); ready != "Ready. 64 event types → this terminal" {
		t.Errorf("it says %q", ready)
	}
	heard("Signing key  dev-listen (kept between runs)")
	said := n.run(0, "trigger", "user.create", "--user", "email=ana@example.com", "-o", "table")
	if !strings.Contains(said, "POST /api/user → 200 in ") || !strings.Contains(said, "user.create.complete") || !strings.Contains(said, "1/1 webhooks") {
		t.Errorf("trigger says\n%s", said)
	}
	line := heard("user.create ")
	took := time.Since(begin)
	t.Logf("the first event was seen %v after the first command", took.Round(time.Millisecond))
	if took > time.Minute {
		t.Errorf("the first event was seen after %v", took)
	}
	if !strings.Contains(line, "TX  ana@example.com") || !strings.Contains(line, "off at tenant: webhooks will not get this") {
		t.Errorf("it says %q", line)
	}
	heard("user.create.complete")
	if err := listening.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	heard("2 events.")

	// A receiver that is written just now: nobody answers yet, then it does.
	receiver := httptest.NewUnstartedServer(nil)
	address := "http://" + receiver.Listener.Addr().String() + "/hooks"
	asked, hang := make(chan string, 10), make(chan struct{})
	receiver.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("X-FusionAuth-Signature-JWT")
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	_ = receiver.Listener.Close()
	_, heard = n.start("listen", "--forward-to", address, "--events", "user.create", "--count", "1")
	heard("add --transactional to be able to refuse")
	n.run(0, "trigger", "user.create")
	heard("nobody answers at " + address)

	// It has a say, and is killed in the middle of it: that refuses nobody.
	receiver = httptest.NewServer(receiver.Config.Handler)
	t.Cleanup(receiver.Close)
	n.run(0, "tenants", "set-event", "Default", "user.create", "--enabled", "--transaction", "all", "-y")
	listening, heard = n.start("listen", "--forward-to", receiver.URL, "--events", "user.*", "--transactional")
	heard("the answer counts for user.create")
	ended := make(chan string, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, n.binary, "trigger", "user.create", "-o", "table")
		c.Dir, c.Env = n.folder, []string{"HOME=" + n.folder}
		out, err := c.CombinedOutput()
		if err != nil {
			out = append(out, err.Error()...)
		}
		ended <- string(out)
	}()
	if token := <-asked; token == "" {
		t.Error("the request has no signature")
	}
	if err := listening.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if said := <-ended; !strings.Contains(said, "→ 200") || !strings.Contains(said, "committed") {
		t.Errorf("killed in the middle of its vote: %s", said)
	}
	close(hang)
	said = n.run(0, "trigger", "user.create", "-o", "table")
	if !strings.Contains(said, "→ 200") {
		t.Errorf("afterwards: %s", said)
	}
}
