package sinks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

// lineOf is a body as a broker has it: files have one line for each.
func lineOf(b broker, body string) string {
	if _, ok := b.(*fileBroker); !ok {
		return body
	}
	var line bytes.Buffer
	_ = json.Compact(&line, []byte(body))
	return line.String()
}

// fileBroker is a file.
type fileBroker struct {
	t     testing.TB
	dir   func() string
	moved []string // what was the file before
}

func (b *fileBroker) path() string { return filepath.Join(b.dir(), "a", "events.jsonl") }

func (b *fileBroker) sink() wire.Sink {
	return wire.Sink{Name: "File", Type: wire.SinkFile, File: &wire.FileSink{Path: "a/events.jsonl"}}
}
func (b *fileBroker) wrongLogin() (wire.Sink, string) { return wire.Sink{}, "" }
func (b *fileBroker) nowhere() (wire.Sink, string)    { return wire.Sink{}, "" }
func (b *fileBroker) at(string) wire.Sink             { return wire.Sink{} }
func (b *fileBroker) mostBytes() int                  { return 0 }

// kill puts a folder where the file is.
func (b *fileBroker) kill() {
	for {
		b.moved = append(b.moved, fmt.Sprintf("%s.moved%d", b.path(), len(b.moved)))
		if err := os.Rename(b.path(), b.moved[len(b.moved)-1]); err != nil {
			b.t.Fatal(err)
		}
		if os.Mkdir(b.path(), 0o700) == nil { // else it has been begun anew meanwhile
			return
		}
	}
}

func (b *fileBroker) revive() {
	if err := os.Remove(b.path()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *fileBroker) received() []received {
	return readLines(b.t, append(slices.Clone(b.moved), b.path())...)
}

func readLines(t testing.TB, paths ...string) (all []received) {
	for _, path := range paths {
		content, _ := os.ReadFile(path)
		for line := range strings.Lines(string(content)) {
			var one struct {
				Event struct{ LinkedObjectID string }
			}
			if !strings.HasSuffix(line, "\n") { // is just being written
				continue
			}
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Errorf("%v in the line %q", err, line)
			}
			all = append(all, received{key: one.Event.LinkedObjectID, value: strings.TrimSuffix(line, "\n")})
		}
	}
	return all
}

func TestFile(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			b := &fileBroker{t: t}
			run(t, engine, b)
		})
	}
}

// A file is moved when it is full, begun anew when somebody else moves it, and never written outside of its folder; a line that a crash cut off stays alone.
func TestFile_Rotation(t *testing.T) {
	t.Parallel()
	var out safeBuffer
	s := &suite{t: t}
	s.Server = apptest.Start(t, dbtest.Engines()[0], func(o *app.Options) { o.Stdout = &out })
	dir := filepath.Join(s.Data(), "sinks")
	s.Enable(wire.None, kind)
	outside := t.TempDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "/etc/passwd", "../x", "a/../../x", "a/", ".", `a\b`} {
		code := "[invalid]sink.file.path"
		if path == "" {
			code = "[blank]sink.file.path"
		}
		s.Call("POST", "/api/sink", wire.SinkRequest{Sink: wire.Sink{Name: "Out", Type: wire.SinkFile, File: &wire.FileSink{Path: path}}}).WantCodes(code)
	}
	id := s.create(wire.Sink{Name: "Link", Type: wire.SinkFile, File: &wire.FileSink{Path: "link/x"}})
	var r wire.WebhookTestResponse
	s.Call("POST", "/api/sink/"+string(id)+"/test", `{"type":"user.create"}`).Want(200).Decode(&r)
	if left, _ := os.ReadDir(outside); r.Attempt.Outcome != "connect" || len(left) > 0 || strings.Contains(r.Attempt.Exception, dir) {
		t.Errorf("through a link: %+v, %v", r.Attempt, left)
	}
	s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)

	file := filepath.Join(dir, "events.jsonl")
	torn := `{"event":{"id":"cut o`
	if err := os.WriteFile(file, []byte(torn), 0o600); err != nil {
		t.Fatal(err)
	}
	s.create(wire.Sink{Name: "Rotating", Type: wire.SinkFile, File: &wire.FileSink{Path: "events.jsonl", MaxSize: 4096, Keep: 2}})
	stdout := s.create(wire.Sink{Name: "Out", Type: wire.SinkStdout})
	for range 12 {
		s.publish(1, 1000)
		s.Settled(patience)
	}
	names, _ := filepath.Glob(file + "*")
	if len(names) != 3 {
		t.Errorf("files: %v", names)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.Size() > 4096 {
			t.Errorf("%s has %d bytes (%v)", name, info.Size(), err)
		}
	}
	if got := readLines(t, file+".2", file+".1", file); len(got) < 7 || got[len(got)-1].id() != "0198c5d2-5f4c-7b0e-9d0a-000000000012" {
		t.Errorf("%d lines, the last %v", len(got), got[len(got)-1])
	}
	if err := os.Rename(file, file+".theirs"); err != nil { // as logrotate does
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(torn), 0o600); err != nil {
		t.Fatal(err)
	}
	s.publish(1, 10)
	s.Settled(patience)
	if content, _ := os.ReadFile(file); !strings.HasPrefix(string(content), torn+"\n{") || !strings.HasSuffix(string(content), "}\n") {
		t.Errorf("behind a line that was cut off: %q", content)
	}
	if n := strings.Count(out.String(), "\n"); n != 13 || strings.Count(out.String(), `{"event":{`) != 13 {
		t.Errorf("standard output has %d lines", n)
	}
	s.Call("DELETE", "/api/sink/"+string(stdout), nil).Want(200)
}

// safeBuffer is a buffer that may be written and read at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// filesOf are a sink's files and how large they are.
func filesOf(t *testing.T, data, name string) (paths []string, sizes []int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(data, "sinks", name) + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
	}
	return paths, sizes
}
