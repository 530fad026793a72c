package ftl

import (
	"bytes"
	"encoding/json"
)

// JSON is a JSON text as a value of a model. It is not decoded: what a template looks at is found when it is looked at, members keep their order, and what is
// not looked at is not even checked. A text that turns out to be no JSON is an error of the rendering.
type JSON json.RawMessage

// jsonValue is the value of a JSON text.
func (e *env) jsonValue(text []byte) value {
	c := cursor{e, text, 0}
	c.space()
	from := c.at
	if from == len(text) {
		c.fail()
	}
	switch text[from] {
	case '{':
		return &jsonObject{e: e, text: text[from:]}
	case '[':
		return &jsonArray{e: e, text: text[from:]}
	case '"':
		c.string()
		e.spend((c.at - from) / 64)
		return c.unquoted(text[from:c.at])
	}
	c.skip()
	e.spend((c.at - from) / 64)
	switch word := string(text[from:c.at]); word {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	default:
		if n, valid := parseNumber(word); valid {
			return n
		}
	}
	c.at = from
	c.fail()
	return nil
}

// cursor reads JSON just well enough to find where things are.
type cursor struct {
	e    *env
	text []byte
	at   int
}

func (c *cursor) fail() {
	fail(c.e.at, Failed, "", "the model is not valid JSON: near %.40q", c.text[min(c.at, len(c.text)):])
}

func (c *cursor) space() {
	for c.at < len(c.text) && (c.text[c.at] == ' ' || c.text[c.at] == '\n' || c.text[c.at] == '\t' || c.text[c.at] == '\r') {
		c.at++
	}
}

// is tells whether the byte stands here.
func (c *cursor) is(b byte) bool { return c.at < len(c.text) && c.text[c.at] == b }

func (c *cursor) expect(b byte) {
	c.space()
	if !c.is(b) {
		c.fail()
	}
	c.at++
}

// string goes behind a string.
func (c *cursor) string() {
	if !c.is('"') {
		c.fail()
	}
	if c.at = stringEnd(c.text, c.at); c.at > len(c.text) {
		c.fail()
	}
}

// stringEnd is behind the string that begins at at, or beyond the text when it does not end.
func stringEnd(text []byte, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '"':
			return at + 1
		case '\\':
			at++
		}
	}
	return len(text) + 1
}

func (c *cursor) unquoted(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		c.fail()
	}
	return text
}

// skip goes behind a value.
func (c *cursor) skip() {
	c.space()
	if c.at == len(c.text) {
		c.fail()
	}
	switch c.text[c.at] {
	case '"':
		c.string()
		return
	case '{', '[':
	default:
		from := c.at
		for c.at < len(c.text) && meanings[c.text[c.at]] == 0 {
			c.at++
		}
		if c.at == from {
			c.fail()
		}
		return
	}
	text, at := c.text, c.at
	for depth := 0; at < len(text); at++ {
		switch meanings[text[at]] {
		case quote:
			at = stringEnd(text, at) - 1
		case opening:
			depth++
		case closing:
			if depth--; depth == 0 {
				c.at = at + 1
				return
			}
		}
	}
	c.fail()
}

// meanings are the bytes that mean something outside of strings.
var meanings = [256]byte{'"': quote, '{': opening, '[': opening, '}': closing, ']': closing, ',': between, ':': between, ' ': between, '\t': between, '\n': between, '\r': between}

const (
	quote = 1 + iota
	opening
	closing
	between
)

// part is a value within a JSON text: where it stands, and once it was looked at what it is.
type part struct {
	from, to int32
	known    bool
	value    value
}

func (p *part) get(e *env, text []byte) value {
	if !p.known {
		p.value, p.known = e.jsonValue(text[p.from:p.to]), true
	}
	return p.value
}

// part goes behind a value and says where it stands.
func (c *cursor) part() part {
	c.space()
	from := c.at
	c.skip()
	return part{from: int32(from), to: int32(c.at)}
}

// more tells whether another member or element follows, and goes to where it begins.
func (c *cursor) more(i int, closing byte) bool {
	if c.space(); c.is(closing) {
		return false
	}
	if i > 0 {
		c.expect(',')
		c.space()
	}
	return true
}

// jsonObject is an object within a JSON text. Where its members are is found when the first is asked for.
type jsonObject struct {
	e       *env
	text    []byte
	read    bool
	members []jsonMember
	byName  map[string]int // when there are many
	order   []string
}

type jsonMember struct {
	name []byte
	part
}

// manyMembers is from how many members on they are looked up in a map.
const manyMembers = 64

func (o *jsonObject) index() {
	o.e.spend(len(o.text) / 256)
	o.read, o.members = true, make([]jsonMember, 0, min(max(4, len(o.text)/64), manyMembers))
	c := cursor{o.e, o.text, 1}
	for c.more(len(o.members), '}') {
		from := c.at
		c.string()
		name := c.text[from+1 : c.at-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(c.unquoted(c.text[from:c.at]))
		}
		c.expect(':')
		o.members = append(o.members, jsonMember{name, c.part()})
	}
	if len(o.members) < manyMembers {
		return
	}
	o.e.spend(len(o.members))
	o.byName = make(map[string]int, len(o.members))
	for i, m := range o.members {
		o.byName[string(m.name)] = i
	}
}

// get finds a member, the last of those that have the name.
func (o *jsonObject) get(name string) value {
	if !o.read {
		o.index()
	}
	if o.byName != nil {
		if i, is := o.byName[name]; is {
			return o.members[i].get(o.e, o.text)
		}
		return nil
	}
	for i := len(o.members) - 1; i >= 0; i-- {
		if string(o.members[i].name) == name {
			return o.members[i].get(o.e, o.text)
		}
	}
	return nil
}

func (o *jsonObject) names() []string {
	if !o.read {
		o.index()
	}
	if o.order == nil {
		o.order = make([]string, 0, len(o.members))
		known := make(map[string]bool, len(o.members))
		for _, m := range o.members {
			if name := string(m.name); !known[name] {
				known[name] = true
				o.order = append(o.order, name)
			}
		}
	}
	return o.order
}

// jsonArray is an array within a JSON text.
type jsonArray struct {
	e        *env
	text     []byte
	read     bool
	elements []part
}

func (a *jsonArray) index() {
	a.e.spend(len(a.text) / 256)
	a.read = true
	c := cursor{a.e, a.text, 1}
	for c.more(len(a.elements), ']') {
		a.elements = append(a.elements, c.part())
	}
	a.e.spend(len(a.elements))
}

func (a *jsonArray) length() int {
	if !a.read {
		a.index()
	}
	return len(a.elements)
}

func (a *jsonArray) at(i int) value {
	if a.length() <= i {
		return nil
	}
	return a.elements[i].get(a.e, a.text)
}
