package rawjson

import "unicode/utf8"

// Sound tells whether text is one JSON value that everybody reads in the same way: valid as [json.Valid] has it, and beyond that in UTF-8, without an object
// that has a member twice, without the character U+0000, and with no value deeper than deepest (the whole is at depth 0).
//
// It does not say what is wrong where. Who needs to know decodes the text token by token, which takes many times as long.
func Sound(text []byte, deepest int) bool {
	if !utf8.Valid(text) {
		return false
	}
	c := checker{text: text, deepest: deepest}
	at := c.value(c.space(0), 0)
	return at >= 0 && c.space(at) == len(text)
}

// checker reads a text once, from its beginning to its end. Its methods return where they have come to, -1 when something is wrong.
type checker struct {
	text    []byte
	deepest int
}

// span is where something stands in the text.
type span struct{ from, to int }

func (c *checker) space(at int) int {
	for at < len(c.text) && (c.text[at] == ' ' || c.text[at] == '\n' || c.text[at] == '\t' || c.text[at] == '\r') {
		at++
	}
	return at
}

// is tells whether the byte stands there.
func (c *checker) is(at int, b byte) bool { return at < len(c.text) && c.text[at] == b }

func (c *checker) value(at, depth int) int {
	if depth > c.deepest || at >= len(c.text) {
		return -1
	}
	switch c.text[at] {
	case '"':
		end, _ := c.quoted(at)
		return end
	case '{':
		return c.object(at, depth)
	case '[':
		return c.array(at, depth)
	case 't':
		return c.word(at, "true")
	case 'f':
		return c.word(at, "false")
	case 'n':
		return c.word(at, "null")
	default:
		return c.number(at)
	}
}

func (c *checker) object(at, depth int) int {
	if at = c.space(at + 1); c.is(at, '}') {
		return at + 1
	}
	var (
		names [few]span
		count int
		many  map[string]struct{} // instead of names, when there are more, or one has escapes
	)
	for c.is(at, '"') {
		end, plain := c.quoted(at)
		if end < 0 {
			return -1
		}
		name := span{at + 1, end - 1}
		if plain && many == nil && count < few {
			for _, other := range names[:count] {
				if string(c.text[other.from:other.to]) == string(c.text[name.from:name.to]) {
					return -1
				}
			}
			names[count] = name
			count++
		} else {
			if many == nil {
				many = c.collect(names[:count])
			}
			text := string(c.text[name.from:name.to])
			if !plain {
				text = unescaped(c.text[at:end])
			}
			if _, twice := many[text]; twice {
				return -1
			}
			many[text] = struct{}{}
		}
		if at = c.space(end); !c.is(at, ':') {
			return -1
		}
		if at = c.value(c.space(at+1), depth+1); at < 0 {
			return -1
		}
		at = c.space(at)
		if c.is(at, '}') {
			return at + 1
		}
		if !c.is(at, ',') {
			return -1
		}
		at = c.space(at + 1)
	}
	return -1
}

func (c *checker) array(at, depth int) int {
	if at = c.space(at + 1); c.is(at, ']') {
		return at + 1
	}
	for {
		if at = c.value(at, depth+1); at < 0 {
			return -1
		}
		at = c.space(at)
		if c.is(at, ']') {
			return at + 1
		}
		if !c.is(at, ',') {
			return -1
		}
		at = c.space(at + 1)
	}
}

// few is how many members of one object are compared with each other one by one.
const few = 32

func (c *checker) collect(names []span) map[string]struct{} {
	all := make(map[string]struct{}, 2*few)
	for _, name := range names {
		all[string(c.text[name.from:name.to])] = struct{}{}
	}
	return all
}

// quoted reads a string. plain tells that nothing in it is escaped.
func (c *checker) quoted(at int) (end int, plain bool) {
	plain = true
	text := c.text
	for at++; ; at++ {
		for at < len(text) && !special[text[at]] {
			at++
		}
		switch {
		case at >= len(text):
			return -1, false
		case text[at] == '"':
			return at + 1, plain
		case text[at] != '\\':
			return -1, false // a control character
		}
		plain = false
		if at++; at >= len(text) {
			return -1, false
		}
		switch text[at] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if at+4 >= len(text) {
				return -1, false
			}
			digits := text[at+1 : at+5]
			if string(digits) == "0000" {
				return -1, false
			}
			for _, d := range digits {
				if !('0' <= d && d <= '9' || 'a' <= d && d <= 'f' || 'A' <= d && d <= 'F') {
					return -1, false
				}
			}
			at += 4
		default:
			return -1, false
		}
	}
}

// special are the bytes that cannot stand for themselves in a string.
var special = func() (special [256]bool) {
	for b := range byte(' ') {
		special[b] = true
	}
	special['"'], special['\\'] = true, true
	return special
}()

func (c *checker) word(at int, word string) int {
	if end := at + len(word); end <= len(c.text) && string(c.text[at:end]) == word {
		return end
	}
	return -1
}

func (c *checker) number(at int) int {
	if c.is(at, '-') {
		at++
	}
	whole := c.digits(at)
	if whole == at || c.is(at, '0') && whole > at+1 {
		return -1
	}
	at = whole
	if c.is(at, '.') {
		fraction := c.digits(at + 1)
		if fraction == at+1 {
			return -1
		}
		at = fraction
	}
	if c.is(at, 'e') || c.is(at, 'E') {
		if at++; c.is(at, '+') || c.is(at, '-') {
			at++
		}
		exponent := c.digits(at)
		if exponent == at {
			return -1
		}
		at = exponent
	}
	return at
}

func (c *checker) digits(at int) int {
	for at < len(c.text) && '0' <= c.text[at] && c.text[at] <= '9' {
		at++
	}
	return at
}
