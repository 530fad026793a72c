// Package guide runs what the guide, the README and those of the examples tell people to type.
package guide

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
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
			newReader(t).read(filepath.Base(path), string(text))
		})
	}
}

// TestReadme follows the README as somebody who has cloned the repository, built the program, and has a receiver that agrees to everything.
func TestReadme(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.clone()
	receiver := &http.Server{Addr: r.ports.Replace("localhost:3000"), Handler: http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { _, _ = io.Copy(io.Discard, q.Body) })}
	listener, err := net.Listen("tcp", receiver.Addr)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = receiver.Serve(listener) }()
	t.Cleanup(func() { _ = receiver.Close() })
	r.readFile("README.md")
}

// TestExamples runs each example as its README says, and then does with it what the README of all says.
func TestExamples(t *testing.T) {
	t.Parallel()
	for folder, needs := range map[string][]string{"webhook-go": nil, "webhook-node": {"node", "npm"}, "webhook-python": {"python3"}, "message-receiver": {"node"}} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			for _, program := range needs {
				if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") == "true" {
					t.Fatalf("%v: install it", err)
				} else if err != nil {
					t.Skipf("%v: its README is not followed", err)
				}
			}
			r := newReader(t)
			r.clone()
			r.readFile("examples/" + folder + "/README.md")
			if strings.HasPrefix(folder, "webhook-") {
				r.readFile("examples/README.md")
			}
		})
	}
}

// clone makes the folder one like that of the repository, as far as the README uses it.
func (r *reader) clone() {
	r.t.Helper()
	if err := os.Symlink(binaries, filepath.Join(r.folder, "bin")); err != nil {
		r.t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(root, "examples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".mjs") || strings.HasSuffix(name, ".py") || strings.HasSuffix(name, ".go") {
			text = []byte(r.ports.Replace(string(text))) // where they listen unless they are told
		}
		return errors.Join(os.MkdirAll(filepath.Join(r.folder, filepath.Dir(name)), 0o755), os.WriteFile(filepath.Join(r.folder, name), text, 0o644))
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// readFile reads a page of the repository.
func (r *reader) readFile(name string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		r.t.Fatal(err)
	}
	r.read(name, string(text))
}

// read follows a page from its beginning to its end.
func (r *reader) read(name, text string) {
	r.t.Helper()
	blocks, err := parse(text)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	for _, b := range blocks {
		if !r.follow(b) {
			r.t.Fatalf("%s:%d", name, b.line)
		}
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
	herald, other, third, fourth, mail := freePort(t), freePort(t), freePort(t), freePort(t), freePort(t)
	r.ports = strings.NewReplacer("9011", herald, "3000", other, "9021", third, "9022", fourth, "2525", mail)
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
		if value == "" {
			r.t.Error("a block that is not run says why")
		}
		return value != ""
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
	case name == "terminals until":
		return r.terminals(text, r.ports.Replace(value))
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

// terminals runs each line of a block in a terminal of its own. All but the last go on, and have printed one of the texts each.
func (r *reader) terminals(text, untils string) bool {
	lines, printed := strings.Split(strings.TrimSpace(text), "\n"), strings.Split(untils, ", ")
	if len(lines) != len(printed)+1 {
		r.t.Errorf("%d texts for %d terminals that go on", len(printed), len(lines)-1)
		return false
	}
	for i, until := range printed {
		if !r.background(lines[i], until) {
			return false
		}
	}
	return r.run(lines[len(printed)], 0)
}

// background starts commands that go on, and waits until they have printed something.
func (r *reader) background(text, until string) bool {
	var printed output
	c := exec.Command("bash", "-c", strings.TrimSuffix(strings.TrimSpace(text), "&"))
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
