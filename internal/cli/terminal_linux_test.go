package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
)

// terminal is one that nobody sits at.
type terminal struct {
	t    *testing.T
	keys *os.File

	mu   sync.Mutex
	seen string
	more chan struct{} // has an element when something was written
}

// onTerminal runs the command on a terminal of 80 columns.
func onTerminal(t *testing.T, c *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	} else if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	var unlocked, number int32
	size := struct{ rows, columns, x, y uint16 }{24, 80, 0, 0}
	for request, at := range map[uintptr]unsafe.Pointer{
		syscall.TIOCSPTLCK: unsafe.Pointer(&unlocked), syscall.TIOCGPTN: unsafe.Pointer(&number), syscall.TIOCSWINSZ: unsafe.Pointer(&size),
	} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(at)); errno != 0 {
			t.Fatal(errno)
		}
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	s := &terminal{t: t, keys: master, more: make(chan struct{}, 1)}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			if err != nil {
				return // everybody has left
			}
			s.mu.Lock()
			s.seen += string(buffer[:n])
			s.mu.Unlock()
			select {
			case s.more <- struct{}{}:
			default:
			}
		}
	}()
	return s
}

// press presses keys and returns what is written until the text appears.
func (s *terminal) press(keys, until string) string {
	s.t.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		seen := s.seen
		if _, after, ok := strings.Cut(seen, until); ok {
			s.seen = after
			s.mu.Unlock()
			return seen
		}
		s.mu.Unlock()
		select {
		case <-s.more:
		case <-timeout.C:
			s.t.Fatalf("after %q there is no %q:\n%q", keys, until, seen)
		}
	}
}

func TestListen_Terminal(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	c := exec.Command("herald", "listen", "--url", s.URL)
	c.Env = append(os.Environ(), "HERALD_API_KEY="+apptest.Key, "TERM=xterm", "NO_COLOR=")
	screen := onTerminal(t, c)
	screen.press("", "Ready. ")
	if status, _, stderr := herald(s, "trigger", "user.create", "--user", "email=ana@example.com"); status != 0 {
		t.Fatal(stderr)
	}
	// A line with colours, its body below, and the second line without.
	if seen := screen.press("", `"type": "user.create"`); !strings.Contains(seen, "\x1b[2m") {
		t.Errorf("there are no colours: %q", seen)
	}
	screen.press("", "user.create.complete")
	screen.press("\x1b[A", "standing still")
	screen.press("", "live · q quit")
	screen.press("d", "transaction setting")
	screen.press("\x1b[B\x1b[B", `"id": `) // the body is further down
	screen.press("o", s.URL+"/admin/log/")
	screen.press("c", "\x1b]52;c;")
	screen.press("r", "There is nobody to send it to")
	screen.press("\x1b", "standing still")
	screen.press("/complete\r", "1 event, standing still · filter: complete")
	screen.press("\x1b \x1b", "\x1b[?1049l") // back to where lines scroll by
	screen.press("q", "2 events.")
	if err := c.Wait(); err != nil {
		t.Errorf("q ends it with %v", err)
	}
}

func TestNoColor_Terminal(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	for env, want := range map[string]bool{"NO_COLOR=": true, "NO_COLOR=1": false} {
		c := exec.Command("herald", "tenants", "list", "--url", s.URL)
		c.Env = append(os.Environ(), "HERALD_API_KEY="+apptest.Key, "TERM=xterm", env)
		if seen := onTerminal(t, c).press("", "1 of 1"); strings.Contains(seen, "\x1b[") != want || !strings.Contains(seen, "Default") {
			t.Errorf("with %s it looks so: %q", env, seen)
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// On a terminal a task has a bar once it has taken a second, elsewhere it has none.
func TestProgress_Terminal(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	dead(t, s, 3)
	c := exec.Command("herald", "deliveries", "recover", "--webhook", "127.0.0.1", "--since", "1h", "--rate", "0.01", "-y", "--url", s.URL)
	c.Env = append(os.Environ(), "HERALD_API_KEY="+apptest.Key, "TERM=xterm")
	screen := onTerminal(t, c)
	if seen := screen.press("", "/3"); !strings.Contains(seen, "127.0.0.1:") {
		t.Errorf("the bar does not say whom it is for: %q", seen)
	}
	screen.press("\x03", "The server goes on by itself. Follow it: herald deliveries wait --task ")
	if err := c.Wait(); c.ProcessState.ExitCode() != 130 {
		t.Errorf("Ctrl-C ends it with %v, want status 130", err)
	}
}
