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
	"runtime"
	"strconv"
	"strings"
	"time"

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
	lines    bytes.Buffer
}

func (w *fileWriter) reopen() error {
	w.drop()
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
	w.file = f
	return w.keepNames()
}

// drop closes the file, and with it gives it back.
func (w *fileWriter) drop() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
}

// keepNames has the names of the file, and of the folders that lead to it, on the disk: what is in a file is lost with its name.
func (w *fileWriter) keepNames() error {
	if w.settings.Sync == syncNever || !foldersSync {
		return nil
	}
	for dir := path.Dir(w.settings.Path); ; dir = path.Dir(dir) {
		d, err := w.root.Open(dir)
		if err == nil {
			err = errors.Join(d.Sync(), d.Close())
		}
		if err != nil || dir == "." {
			return err
		}
	}
}

// foldersSync tells whether the names in a folder can be forced to the disk.
const foldersSync = runtime.GOOS != "windows"

// take keeps away other processes that write into the file, or move it, until it is given back, and returns its length. Whoever has waited may find it moved meanwhile,
// by such a process or by logrotate; then it is opened anew.
func (w *fileWriter) take() (length int64, err error) {
	for {
		if w.file == nil {
			if err := w.reopen(); err != nil {
				return 0, err
			}
		}
		lock(w.file)
		ours, err := w.file.Stat()
		if err != nil {
			return 0, err
		}
		if there, err := w.root.Stat(w.settings.Path); err == nil && os.SameFile(there, ours) {
			return ours.Size(), nil
		}
		w.drop()
	}
}

// torn tells whether the last line was cut off, by a full disk or a crash.
func (w *fileWriter) torn(length int64) bool {
	last := make([]byte, 1)
	if length == 0 {
		return false
	}
	n, err := w.file.ReadAt(last, length-1)
	return err == nil && n == 1 && last[0] != '\n'
}

// write appends the records, and has them on the disk before it says so.
func (w *fileWriter) write(batch []*handed) {
	err := w.append(batch)
	if err != nil {
		w.drop()
		err = fileFailed(err)
	} else {
		unlock(w.file)
	}
	for _, h := range batch {
		h.done("", err)
	}
}

func (w *fileWriter) append(batch []*handed) error {
	length, err := w.begin()
	if err != nil {
		return err
	}
	for _, h := range batch {
		begun := w.lines.Len()
		writeLine(&w.lines, h.value)
		for w.full(length, begun) {
			line := bytes.Clone(w.lines.Bytes()[begun:])
			w.lines.Truncate(begun)
			if err := w.flush(); err != nil {
				return err
			}
			if err := w.rotate(); err != nil {
				return err
			}
			// Another process may have been faster, and have filled the next file as well.
			if length, err = w.begin(); err != nil {
				return err
			}
			begun = w.lines.Len()
			w.lines.Write(line)
		}
	}
	return w.flush()
}

// begin takes the file, has no lines for it yet, and returns its length. What was cut off, and is written again, must not become a part of the next line.
func (w *fileWriter) begin() (length int64, err error) {
	w.lines.Reset()
	length, err = w.take()
	if err == nil && w.torn(length) {
		w.lines.WriteByte('\n')
	}
	return length, err
}

// full tells whether the line that begins there in the lines has no place in a file of that length. The first line of a file always has.
func (w *fileWriter) full(length int64, begun int) bool {
	return w.settings.MaxSize > 0 && length+int64(begun) > 0 && length+int64(w.lines.Len()) > w.settings.MaxSize
}

// flush writes the lines that were gathered, in one piece.
func (w *fileWriter) flush() error {
	if _, err := w.file.Write(w.lines.Bytes()); err != nil || w.settings.Sync == syncNever {
		return err
	}
	return w.file.Sync()
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
	over := make(chan struct{})
	go func() {
		<-w.ended
		w.end()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(time.Second): // the disk does not answer, or a process that stands still has the file
	}
}

func (w *fileWriter) end() {
	w.drop()
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
