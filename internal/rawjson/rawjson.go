// Package rawjson finds the parts of a JSON text without decoding it: where the members of an object and the elements of an array stand. It is for bodies that
// are passed on as they came, of which only a little is looked at.
//
// [Sound] is the gate: whatever it lets through, the other functions can be used on. They panic or loop on text that is not valid JSON, and they do not copy.
package rawjson

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Member is one member of an object.
type Member struct {
	Name     []byte // without escapes; part of the text when it was written without any
	Value    []byte // part of the text, without space around it
	From, To int    // where the value stands
}

// Members yields the members of an object in their order. A name that is there twice is yielded twice.
func Members(object []byte) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for at := space(object, space(object, 0)+1); object[at] == '"'; {
			end := stringEnd(object, at)
			name := content(object[at:end])
			at = space(object, space(object, end)+1)
			end = valueEnd(object, at)
			if !yield(Member{name, object[at:end], at, end}) {
				return
			}
			if at = space(object, end); object[at] != ',' {
				return
			}
			at = space(object, at+1)
		}
	}
}

// Elements yields the elements of an array.
func Elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for at := space(array, space(array, 0)+1); array[at] != ']'; {
			end := valueEnd(array, at)
			if !yield(array[at:end]) {
				return
			}
			if at = space(array, end); array[at] != ',' {
				return
			}
			at = space(array, at+1)
		}
	}
}

// IsObject tells whether the text is an object.
func IsObject(text []byte) bool { return text[space(text, 0)] == '{' }

// Text is what a JSON string says. It is a part of the string itself when nothing in it is escaped.
func Text(value []byte) (text []byte, isString bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	return content(value), true
}

// content is what stands between the quotes of a string, without escapes.
func content(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return []byte(unescaped(quoted))
	}
	return quoted[1 : len(quoted)-1]
}

func unescaped(quoted []byte) (text string) {
	_ = json.Unmarshal(bytes.Clone(quoted), &text) // it is valid; of a copy, so that what it comes from can stay on the stack
	return text
}

// space is where the white space that begins at at ends.
func space(text []byte, at int) int {
	for text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r' {
		at++
	}
	return at
}

// stringEnd is behind the closing quote of the string that begins at at.
func stringEnd(text []byte, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// valueEnd is behind the value that begins at at.
func valueEnd(text []byte, at int) int {
	switch text[at] {
	case '"':
		return stringEnd(text, at)
	case '{', '[':
		depth := 1
		for at++; depth > 0; at++ {
			switch kinds[text[at]] {
			case quote:
				at = stringEnd(text, at) - 1
			case opening:
				depth++
			case closing:
				depth--
			}
		}
		return at
	}
	for at < len(text) && kinds[text[at]] == 0 {
		at++
	}
	return at
}

// kinds are the bytes that mean something outside of strings.
var kinds = [256]byte{'"': quote, '{': opening, '[': opening, '}': closing, ']': closing, ',': between, ' ': between, '\t': between, '\n': between, '\r': between}

const (
	quote = 1 + iota
	opening
	closing
	between
)
