// Package rawjson finds the parts of a JSON text without decoding it: where the members of an object and the elements of an array stand. It is for bodies that
// are passed on as they came, of which only a little is looked at.
//
// All functions take valid JSON ([json.Valid]) and panic or loop on anything else. They do not copy.
package rawjson

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Member is one member of an object.
type Member struct {
	Name     string
	Value    []byte // part of the text, without space around it
	From, To int    // where the value stands
}

// Members yields the members of an object in their order. A name that is there twice is yielded twice.
func Members(object []byte) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for at := space(object, space(object, 0)+1); object[at] == '"'; {
			end := stringEnd(object, at)
			name := string(object[at+1 : end-1])
			if bytes.IndexByte(object[at:end], '\\') >= 0 {
				_ = json.Unmarshal(object[at:end], &name) // it is valid
			}
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
	depth := 0
	for {
		switch text[at] {
		case '"':
			at = stringEnd(text, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		default:
			at++
		}
		if depth == 0 && (at == len(text) || text[at] == ',' || text[at] == '}' || text[at] == ']' || text[at] <= ' ') {
			return at
		}
	}
}
