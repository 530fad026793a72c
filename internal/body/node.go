package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/problem"
)

// MaxDepth is how many levels deep the values of a body may be nested. Nothing in the API comes near it.
const MaxDepth = 100

// node is a JSON value as it was written.
type node struct {
	// value is nil, bool, json.Number, string, []*node or object. It never changes.
	value any
	// raw is the text it was read from, nil for what was put together from parts.
	raw []byte
}

type object map[string]*node

// append adds the JSON of n to b: what was read as it was, and the rest from its parts, members in the order of their names.
func (n *node) append(b []byte) []byte {
	if n.raw != nil {
		return append(b, n.raw...)
	}
	switch v := n.value.(type) {
	case object:
		b = append(b, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, textNode(name).raw...)
			b = append(b, ':')
			b = v[name].append(b)
		}
		return append(b, '}')
	case []*node:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = element.append(b)
		}
		return append(b, ']')
	}
	return append(b, "null"...) // never: a scalar is read or made by textNode, and has its text
}

// textNode is the node of a string.
func textNode(text string) *node {
	raw, _ := json.Marshal(text) // text can always be encoded
	return &node{value: text, raw: raw}
}

// Encode is [json.Marshal] that leaves <, > and & as they are.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Check reads one JSON value and returns what [Decode] would say about its syntax. Beyond what encoding/json refuses it refuses text that is
// not UTF-8 (which would be replaced silently), the character U+0000 (which PostgreSQL cannot store), an object with the same member twice
// (of which two readers could see different halves), and nesting deeper than [MaxDepth]. Its errors are problems `[invalidJSON]` that say
// in which line and column.
func Check(data []byte) error {
	_, err := parse(data)
	return err
}

// parse returns the value that Check has no complaint about.
func parse(data []byte) (*node, error) {
	if i := invalidUTF8(data); i >= 0 {
		return nil, malformed(data, i, "this is not UTF-8")
	}
	// The tokens below are only those of valid JSON, because this has seen all of it.
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		at := len(data) // where JSON ends that ends too early
		if e, ok := errors.AsType[*json.SyntaxError](err); ok && !strings.HasPrefix(e.Error(), "unexpected end") {
			at = max(int(e.Offset)-1, 0)
		}
		return nil, malformed(data, at, "%v", err)
	}
	p := parser{data: data, d: json.NewDecoder(bytes.NewReader(data))}
	p.d.UseNumber()
	return p.value(0)
}

type parser struct {
	data []byte
	d    *json.Decoder
}

// offset is where the next token begins.
func (p *parser) offset() int {
	i := int(p.d.InputOffset())
	for i < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[i]) >= 0 {
		i++
	}
	return i
}

func (p *parser) value(depth int) (*node, error) {
	start := p.offset()
	if depth > MaxDepth {
		return nil, malformed(p.data, start, "this is nested more than %d levels deep", MaxDepth)
	}
	token, err := p.d.Token()
	if err != nil {
		return nil, malformed(p.data, start, "%v", err)
	}
	n := &node{value: token}
	switch token := token.(type) {
	case string:
		err = p.checkText(token, start)
	case json.Delim:
		if token == '{' {
			n.value, err = p.object(depth)
		} else {
			n.value, err = p.array(depth)
		}
	}
	n.raw = p.data[start:p.d.InputOffset()]
	return n, err
}

func (p *parser) object(depth int) (object, error) {
	members := object{}
	for p.d.More() {
		start := p.offset()
		token, err := p.d.Token()
		if err != nil {
			return nil, malformed(p.data, start, "%v", err)
		}
		name, _ := token.(string)
		if err := p.checkText(name, start); err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, malformed(p.data, start, "the member %q is there twice", name)
		}
		if members[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := p.d.Token() // the closing brace
	return members, err
}

func (p *parser) array(depth int) ([]*node, error) {
	elements := []*node{}
	for p.d.More() {
		element, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	_, err := p.d.Token() // the closing bracket
	return elements, err
}

func (p *parser) checkText(text string, at int) error {
	if strings.IndexByte(text, 0) >= 0 {
		return malformed(p.data, at, "text cannot contain the character U+0000")
	}
	return nil
}

// invalidUTF8 returns the position of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	i := 0
	for i < len(data) {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// malformed describes a body that cannot be read, and where.
func malformed(data []byte, at int, format string, args ...any) error {
	before := data[:min(at, len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return problem.New(problem.Invalid, "[invalidJSON]", "The body cannot be read as JSON: %s (line %d, column %d).",
		fmt.Sprintf(format, args...), line, column)
}
