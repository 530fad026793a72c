package sinks

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// freePort is a port of this machine that nobody listens on for the moment.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// programOf finds the server's program. Without it the test is skipped, and fails in CI.
func programOf(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s was not found: scripts/install-brokers installs it on Debian", names[0])
	}
	t.Skipf("%s was not found: scripts/install-brokers installs it on Debian", names[0])
	return ""
}

// server is a program that listens on a port, with its data in a temporary folder.
type server struct {
	t       testing.TB
	program string
	args    []string
	env     []string
	port    int
	process *exec.Cmd
	said    bytes.Buffer
}

func (s *server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// slowStart is how long a server may take to listen: RabbitMQ is at work for seconds before, on a machine with nothing else to do.
const slowStart = 3 * time.Minute

func (s *server) start() {
	s.t.Helper()
	s.process = exec.Command(s.program, s.args...)
	s.process.Env = append(os.Environ(), s.env...)
	s.process.Dir = filepath.Dir(s.program)
	s.process.Stdout, s.process.Stderr = &s.said, &s.said
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.stop)
	for deadline := time.Now().Add(slowStart); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", s.address())
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			s.stop()
			s.t.Fatalf("%s does not listen: %v\n%s", s.program, err, s.said.String())
		}
	}
}

// stop kills the program and all that it has begun.
func (s *server) stop() {
	if s.process == nil {
		return
	}
	_ = syscall.Kill(-s.process.Process.Pid, syscall.SIGKILL)
	_ = s.process.Wait()
	s.process = nil
}

func (s *server) kill()   { s.stop() }
func (s *server) revive() { s.start() }
