package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// fileDriver writes events into a file, one a line.
type fileDriver struct{}

const (
	syncAlways = "always"
	syncNever  = "never"

	leastSize   = 4 << 10
	mostKept    = 1000
	defaultKept = 5
	longestPath = 1000 // bytes
)

func (fileDriver) settings() []Setting {
	return []Setting{
		{Name: "path", Kind: KindPath, Required: true, Example: "events.jsonl"},
		{Name: "maxSize", Kind: KindNumber, Least: leastSize, Most: math.MaxInt64},
		{Name: "keep", Kind: KindNumber, Least: 1, Most: mostKept, Default: strconv.Itoa(defaultKept)},
		{Name: "sync", Kind: KindChoice, Choices: []string{syncAlways, syncNever}, Default: syncAlways, Rare: true},
	}
}

func (fileDriver) check(v *problem.Validation, w *wire.Sink) {
	f := w.File
	f.Path = strings.TrimSpace(f.Path)
	switch clean := path.Clean(f.Path); {
	case f.Path == "":
		v.Field("sink.file.path", "blank", "Name the file, relative to the folder of sinks.")
	case len(f.Path) > longestPath || !problem.IsText(f.Path):
		v.Field("sink.file.path", "invalid", "A path has at most %d bytes and no control characters.", longestPath)
	case strings.HasSuffix(f.Path, "/") || clean == ".":
		v.Field("sink.file.path", "invalid", "This names a folder. Name a file in it.")
	case !fs.ValidPath(clean) || strings.Contains(f.Path, `\`):
		v.Field("sink.file.path", "invalid", "The path is relative to the folder of sinks in the data folder and cannot leave it.")
	default:
		f.Path = clean
	}
}

func (fileDriver) address(w *wire.Sink) string { return "file:" + w.File.Path }

func (fileDriver) open(_ context.Context, r *route) (connection, error) {
	if err := os.MkdirAll(r.service.Dir, 0o750); err != nil {
		return nil, fileFailed(err)
	}
	root, err := os.OpenRoot(r.service.Dir)
	if err != nil {
		return nil, fileFailed(err)
	}
	w := &fileWriter{root: root, settings: *r.sink.File}
	w.settings.Keep = orDefault(w.settings.Keep, defaultKept)
	if err := w.reopen(); err != nil {
		w.end()
		return nil, fileFailed(err)
	}
	w.batcher = newBatcher(w.write)
	return w, nil
}

// fileWriter has the file open. Paths are looked up below the folder of sinks and cannot leave it, through no link either.
type fileWriter struct {
	*batcher

	root     *os.Root
	settings wire.FileSink
	file     *os.File // nil after a failure: it is opened anew
	size     int64
	torn     bool // its last line was cut off, by a full disk or a crash
	lines    bytes.Buffer
}

func (w *fileWriter) reopen() error {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
	if dir := path.Dir(w.settings.Path); dir != "." {
		if err := w.root.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	}
	f, err := w.root.OpenFile(w.settings.Path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	w.file, w.size, w.torn = f, info.Size(), false
	if last := make([]byte, 1); w.size > 0 {
		n, err := f.ReadAt(last, w.size-1)
		w.torn = err == nil && n == 1 && last[0] != '\n'
	}
	return nil
}

// moved tells whether somebody has moved or removed the file since it was opened, as logrotate does.
func (w *fileWriter) moved() bool {
	there, err := w.root.Stat(w.settings.Path)
	if err != nil {
		return true
	}
	ours, err := w.file.Stat()
	return err != nil || !os.SameFile(there, ours)
}

// write appends the records in one piece, so that no other process writes into the middle of a line, and has them on the disk before it says so.
func (w *fileWriter) write(batch []*handed) {
	err := w.append(batch)
	for _, h := range batch {
		if err != nil {
			h.done("", fileFailed(err))
		} else {
			h.done("", nil)
		}
	}
}

func (w *fileWriter) append(batch []*handed) error {
	if w.file == nil || w.moved() {
		if err := w.reopen(); err != nil {
			return err
		}
	}
	w.lines.Reset()
	if w.torn { // what was begun, and is written again, must not become a part of the next line
		w.lines.WriteByte('\n')
	}
	for _, h := range batch {
		writeLine(&w.lines, h.value)
	}
	if w.settings.MaxSize > 0 && w.size > 0 && w.size+int64(w.lines.Len()) > w.settings.MaxSize {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	n, err := w.file.Write(w.lines.Bytes())
	w.size, w.torn = w.size+int64(n), false
	if err == nil && w.settings.Sync != syncNever {
		err = w.file.Sync()
	}
	if err != nil {
		_ = w.file.Close()
		w.file = nil // it is looked at again
	}
	return err
}

// writeLine appends a JSON text as one line. Line breaks can only stand between its parts.
func writeLine(b *bytes.Buffer, text []byte) {
	if bytes.ContainsAny(text, "\r\n") {
		var compact bytes.Buffer
		if json.Compact(&compact, text) == nil {
			text = compact.Bytes()
		}
	}
	b.Write(text)
	b.WriteByte('\n')
}

// rotate moves the file to path.1, what is there to path.2, and so on; the last one goes.
func (w *fileWriter) rotate() error {
	name := func(n int) string { return w.settings.Path + "." + strconv.Itoa(n) }
	for n := w.settings.Keep - 1; n >= 1; n-- {
		if err := w.root.Rename(name(n), name(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := w.root.Rename(w.settings.Path, name(1)); err != nil {
		return err
	}
	return w.reopen()
}

func (w *fileWriter) ping(context.Context) error {
	if _, err := w.root.Stat("."); err != nil {
		return fileFailed(err)
	}
	return nil
}

func (w *fileWriter) usable() bool { return true }

func (w *fileWriter) close() {
	w.batcher.close()
	<-w.ended
	w.end()
}

func (w *fileWriter) end() {
	if w.file != nil {
		_ = w.file.Close()
	}
	_ = w.root.Close()
}

// fileFailed is an error of the file system, as a receiver that cannot be reached: it may get better, and nothing else of the sink works until then.
func fileFailed(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // the path says where our data is
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		err = l.Err
	}
	return fail(egress.Connect, "the file cannot be written: "+err.Error())
}
