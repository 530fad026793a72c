// Package guide runs what the guide tells people to type.
package guide

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	root     = "../.."
	patience = 60 * time.Second
)

var binaries string // a folder with herald

func TestMain(m *testing.M) {
	flag.Parse()
	folder, err := os.MkdirTemp("", "guide")
	if err == nil {
		binaries = folder
		build := exec.Command("go", "build", "-o", filepath.Join(folder, "herald"), root+"/cmd/herald")
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

func TestGuide(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(root + "/docs/guide/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("there are no pages", err)
	}
	for _, path := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".md"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			blocks, err := parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			r := newReader(t)
			for _, b := range blocks {
				if !r.follow(b) {
					t.Fatalf("%s:%d", filepath.Base(path), b.line)
				}
			}
		})
	}
}

// reader does what the page says.
type reader struct {
	t      *testing.T
	folder string
	env    []string
	ports  *strings.Replacer
	shell  *shell
	output string // of the last commands
}

func newReader(t *testing.T) *reader {
	r := &reader{t: t, folder: t.TempDir()}
	// The ports of the page are free ones here, so that pages can be read side by side.
	herald, other, third, mail := freePort(t), freePort(t), freePort(t), freePort(t)
	r.ports = strings.NewReplacer("9011", herald, "3000", other, "9021", third, "2525", mail)
	r.env = append(os.Environ(),
		"PATH="+binaries+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+r.folder, "XDG_RUNTIME_DIR="+r.folder, "XDG_CONFIG_HOME="+r.folder,
		"HERALD_ADDR=localhost:"+herald, "NO_COLOR=1")
	r.env = append(r.env, goEnvironment(t, r.folder)...)
	r.shell = startShell(t, r.folder, r.env)
	return r
}

// goEnvironment makes the folder a module that uses this one, and lets go find what it has built and fetched, though the home is another one.
func goEnvironment(t *testing.T, folder string) []string {
	t.Helper()
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	const herald = "github.com/herald-events/herald"
	module := fmt.Sprintf("module example.com/hooks\n\ngo 1.26\n\nrequire %s v0.0.0\n\nreplace %s => %s\n", herald, herald, repository)
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	print := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY")
	text, err := print.Output()
	if err != nil {
		t.Fatal(err)
	}
	values := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i := range values {
		values[i] = print.Args[2+i] + "=" + values[i]
	}
	return append(values, "GOFLAGS=-mod=mod")
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// follow does what one block says, and returns false when it does not go as the page says.
func (r *reader) follow(b block) bool {
	text := r.ports.Replace(b.text)
	name, value := b.directive()
	switch {
	case name == "not run":
		return true
	case name == "part of":
		return r.isPart(b, value)
	case name == "file":
		return r.write(value, text)
	case b.language == "text":
		if line := missing(r.output, text); line != "" {
			r.t.Errorf("not printed:\n%s\nprinted:\n%s", line, r.output)
			return false
		}
		return true
	case b.language != "sh":
		r.t.Errorf("a block of %s is written to a file, or part of one", b.language)
		return false
	case name == "in the background until":
		return r.background(text, r.ports.Replace(value))
	case name == "exit":
		status, err := strconv.Atoi(value)
		return err == nil && r.run(text, status)
	case b.note != "":
		r.t.Errorf("a comment that means nothing: %s", b.note)
		return false
	}
	return r.run(text, 0)
}

func (r *reader) write(name, text string) bool {
	path := filepath.Join(r.folder, name)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
	if err != nil {
		r.t.Error(err)
	}
	return err == nil
}

func (r *reader) isPart(b block, name string) bool {
	file, err := fs.ReadFile(os.DirFS(root), name)
	if err != nil {
		r.t.Error(err)
		return false
	}
	if line := missing(string(file), b.text); line != "" {
		r.t.Errorf("%s does not have the line %q", name, line)
		return false
	}
	return true
}

func (r *reader) run(text string, status int) bool {
	output, ended := r.shell.run(text)
	r.output = output
	if ended != status {
		r.t.Errorf("status %d instead of %d from:\n%s\nprinted:\n%s", ended, status, text, output)
	}
	return ended == status
}

// background starts commands that go on, and waits until they have printed something.
func (r *reader) background(text, until string) bool {
	var printed output
	c := exec.Command("bash", "-c", "exec "+strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "&")))
	c.Dir, c.Env, c.Stdout, c.Stderr = r.folder, r.shell.environment(r.env), &printed, &printed
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.WaitDelay = patience
	if err := c.Start(); err != nil {
		r.t.Error(err)
		return false
	}
	gone := make(chan struct{})
	go func() { _ = c.Wait(); close(gone) }()
	r.t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(patience):
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			<-gone
		}
	})
	deadline := time.After(patience)
	for !strings.Contains(printed.String(), until) {
		select {
		case <-printed.changed():
		case <-gone:
			r.t.Errorf("ended before %q was printed:\n%s", until, printed.String())
			return false
		case <-deadline:
			r.t.Errorf("%q is not printed:\n%s", until, printed.String())
			return false
		}
	}
	r.output = printed.String()
	return true
}

// output is what was printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	wake chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wake != nil {
		close(o.wake)
		o.wake = nil
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) changed() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wake == nil {
		o.wake = make(chan struct{})
	}
	return o.wake
}
