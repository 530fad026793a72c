package kickstart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sizes no honest kickstart file comes near; they keep a broken or hostile one from filling the memory.
const (
	maxFile  = 10 << 20 // bytes of one file, and of one string after variables are set
	maxTotal = 64 << 20 // bytes of all files and strings together, each counted as often as it is included
	maxDepth = 100      // nesting of JSON values
	maxChain = 16       // files including files
)

// source is a text with a name, to which a position can refer.
type source struct {
	name string
	data []byte
}

// line of an offset, counted from 1.
func (s *source) line(at int) int {
	return 1 + bytes.Count(s.data[:min(at, len(s.data))], []byte{'\n'})
}

// node is a JSON value that knows where it was written and keeps the order of members and the digits of numbers.
type node struct {
	kind    kind
	text    string // the string, or the literal
	members []member
	items   []*node

	src *source
	at  int // an offset in the value's first token

	broken bool // something in it could not be worked out, and has been reported
}

// offset is the node of a position in the text of n. Only the text of a whole file has lines of its own.
func (n *node) offset(at int) *node {
	if n.kind != prose {
		return n
	}
	return &node{kind: prose, src: n.src, at: at}
}

type kind int

const (
	object kind = iota
	array
	text
	literal // number, true, false, null
	prose   // the text of an included file
)

func (k kind) String() string {
	return [...]string{"an object", "an array", "a string", "a number, true, false or null", "a text file"}[k]
}

type member struct {
	name  string
	at    int
	value *node
}

// syntaxError is a text that is not JSON, and where.
type syntaxError struct {
	line    int
	message string
}

func (e *syntaxError) Error() string { return e.message }

// parse reads one JSON value.
func parse(s *source) (*node, error) {
	s.data = bytes.TrimPrefix(s.data, []byte("\ufeff"))
	if err := valid(s); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(s.data))
	dec.UseNumber()
	p := parser{dec, s}
	return p.value(0)
}

// valid finds syntax errors with the parser that reports exact offsets. The token reader, which sees the text next, does not.
func valid(s *source) error {
	var raw json.RawMessage
	err := json.Unmarshal(s.data, &raw)
	if err == nil {
		return nil
	}
	bad, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return &syntaxError{message: "is no JSON: " + err.Error()}
	}
	at := int(bad.Offset)
	message := "is no JSON: " + bad.Error()
	if at > 0 && at <= len(s.data) && (s.data[at-1] == '/' || s.data[at-1] == '#') {
		message += " (JSON has no comments)"
	}
	return &syntaxError{line: s.line(max(at-1, 0)), message: message}
}

type parser struct {
	dec *json.Decoder
	src *source
}

func (p parser) value(depth int) (*node, error) {
	t, err := p.dec.Token()
	if err != nil {
		return nil, &syntaxError{line: p.line(), message: "is no JSON: " + err.Error()}
	}
	n := &node{src: p.src, at: p.at()}
	if depth > maxDepth {
		return nil, &syntaxError{line: p.line(), message: fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
	}
	switch t := t.(type) {
	case string:
		n.kind, n.text = text, t
	case json.Number:
		n.kind, n.text = literal, t.String()
	case bool:
		n.kind, n.text = literal, fmt.Sprint(t)
	case nil:
		n.kind, n.text = literal, "null"
	case json.Delim:
		if t == '{' {
			n.kind = object
			return n, p.members(n, depth)
		}
		n.kind = array
		return n, p.items(n, depth)
	}
	return n, nil
}

func (p parser) members(n *node, depth int) error {
	for p.dec.More() {
		name, err := p.value(depth + 1) // in an object the reader alternates between names and values
		if err != nil {
			return err
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{name.text, name.at, v})
	}
	_, err := p.dec.Token()
	return err
}

func (p parser) items(n *node, depth int) error {
	for p.dec.More() {
		v, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	_, err := p.dec.Token()
	return err
}

// at is the offset of the last byte read: on the same line as the token, because no JSON token holds a line break.
func (p parser) at() int { return max(int(p.dec.InputOffset())-1, 0) }

func (p parser) line() int { return p.src.line(p.at()) }

// find returns the member's value, nil when it is absent or null. Of members with the same name the last counts, as in most JSON readers.
func (n *node) find(name string) *node {
	for i := len(n.members) - 1; i >= 0; i-- {
		if n.members[i].name == name {
			if v := n.members[i].value; v.kind != literal || v.text != "null" {
				return v
			}
			return nil
		}
	}
	return nil
}

// encode writes the value as compact JSON.
func (n *node) encode(b *bytes.Buffer) {
	switch n.kind {
	case literal:
		b.WriteString(n.text)
	case text:
		encodeText(b, n.text)
	case array:
		b.WriteByte('[')
		for i, v := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			v.encode(b)
		}
		b.WriteByte(']')
	case object:
		b.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			encodeText(b, m.name)
			b.WriteByte(':')
			m.value.encode(b)
		}
		b.WriteByte('}')
	}
}

// encodeText writes a JSON string. Unlike json.Marshal it leaves <, > and & alone, so that a template arrives readable in a log or a diff.
func encodeText(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("kickstart: a string could not be encoded: " + err.Error()) // impossible: every string can
	}
	b.Truncate(b.Len() - 1) // the line break of Encode
}

// folder reads the files beside a kickstart file, and no others.
type folder struct {
	root *os.Root
}

func openFolder(kickstart string) (*folder, error) {
	root, err := os.OpenRoot(filepath.Dir(kickstart))
	if err != nil {
		return nil, plainPathError(err)
	}
	return &folder{root}, nil
}

func (f *folder) close() { _ = f.root.Close() }

// read returns the content of a file below the folder. Its errors are for people.
func (f *folder) read(name string) ([]byte, error) {
	if name == "" {
		return nil, errors.New("names no file")
	}
	if filepath.IsAbs(name) || strings.HasPrefix(name, "/") {
		return nil, fmt.Errorf("names %s: paths are relative to the kickstart file", quote(name))
	}
	// Looked at before it is opened, because opening a named pipe waits for a writer.
	info, err := f.root.Stat(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("includes %s, which does not exist in the kickstart file's folder", quote(name))
	case err != nil:
		return nil, fmt.Errorf("includes %s: %w", quote(name), plainPathError(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("includes %s, which is no regular file", quote(name))
	}
	file, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("includes %s: %w", quote(name), plainPathError(err))
	}
	defer func() { _ = file.Close() }()
	data, err := readCapped(file)
	if err != nil {
		return nil, fmt.Errorf("includes %s, which %w", quote(name), err)
	}
	return data, nil
}

// readFile reads the kickstart file itself, which may be anything that can be read.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", plainPathError(err))
	}
	defer func() { _ = file.Close() }()
	return readCapped(file)
}

func readCapped(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", plainPathError(err))
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("is larger than %d MB", maxFile>>20)
	}
	return data, nil
}

// plainPathError drops operation and path, which our sentences already name.
func plainPathError(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
