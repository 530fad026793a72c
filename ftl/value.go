package ftl

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Object is an object whose members have an order, for models. A name that is there twice stands for its last value.
type Object []Member

// Member is a member of an [Object].
type Member struct {
	Name  string
	Value any
}

// value is what an expression has: a string, a bool, a number, an instant, a *markup, a *macro, a *lambda, or something with elements. Nil is missing.
type value = any

// sequence has elements in an order.
type sequence interface {
	length() int
	at(i int) value
}

// hash has members with names. Those of names are in their order.
type hash interface {
	get(name string) value
	names() []string
}

// instant is a point in time, and which part of it is meant.
type instant struct {
	time.Time
	part datePart
}

type datePart int

const (
	dateAndTime datePart = iota
	onlyDate
	onlyTime
)

// markup is text that is written in an output format already.
type markup struct {
	format *outputFormat
	text   string
}

// empty is the default that x! has: an empty text, an empty sequence and an empty object, whatever is needed.
type empty struct{}

func (empty) length() int      { return 0 }
func (empty) at(int) value     { return nil }
func (empty) get(string) value { return nil }
func (empty) names() []string  { return nil }

// list is a sequence that is there.
type list []value

func (l list) length() int    { return len(l) }
func (l list) at(i int) value { return l[i] }

// rangeValue is a sequence of numbers. With adapts it ends where what it is used on ends; it has no end of its own when count is the largest number.
type rangeValue struct {
	from, step, count int
	adapts, inclusive bool
}

func (r *rangeValue) length() int    { return r.count }
func (r *rangeValue) at(i int) value { return whole(r.from + i*r.step) }
func (r *rangeValue) endless() bool  { return r.adapts && r.count == math.MaxInt32 }

func (r *rangeValue) String() string {
	if r.endless() {
		return fmt.Sprintf("%d..", r.from)
	}
	return fmt.Sprintf("%d to %d", r.from, r.from+(r.count-1)*r.step)
}

// joined has the elements of both.
func (e *env) joined(left, right sequence) value {
	for _, s := range []sequence{left, right} {
		if r, is := s.(*rangeValue); is && r.endless() {
			fail(e.at, Failed, "", "an endless range cannot be added to")
		}
	}
	e.spend(e.elementSteps(left) + e.elementSteps(right))
	all := make(list, 0, left.length()+right.length())
	for _, s := range []sequence{left, right} {
		for i := range s.length() {
			all = append(all, s.at(i))
		}
	}
	return all
}

// elementSteps is what it costs to have the elements of a sequence in another one. Those of a range do not exist before.
func (e *env) elementSteps(s sequence) int {
	if _, is := s.(*rangeValue); is {
		return s.length()
	}
	return s.length() / 4
}

// members is an object that a template made.
type members struct {
	order  []string
	values map[string]value
}

func newMembers(size int) *members {
	if size == 0 {
		return &members{}
	}
	return &members{make([]string, 0, size), make(map[string]value, size)}
}

func (m *members) get(name string) value { return m.values[name] }
func (m *members) names() []string       { return m.order }

func (m *members) set(name string, v value) {
	if m.values == nil {
		m.values = map[string]value{}
	}
	if _, known := m.values[name]; !known {
		m.order = append(m.order, name)
	}
	m.values[name] = v
}

// merged has the members of both, those of the right one before those of the left.
func (e *env) merged(left, right hash) value {
	all := newMembers(0)
	for _, h := range []hash{left, right} {
		names := h.names()
		e.spend(2 * len(names))
		for _, name := range names {
			all.set(name, h.get(name))
		}
	}
	return all
}

// goObject is an object of the model. What it has is looked at when it is asked for, and once.
type goObject struct {
	e     *env
	of    map[string]any
	order []string
	known map[string]value
}

func (o *goObject) get(name string) value {
	if v, is := o.known[name]; is {
		return v
	}
	v := o.e.valueOf(o.of[name])
	switch v.(type) {
	case hash, sequence:
		if o.known == nil {
			o.known = make(map[string]value, 4)
		}
		o.known[name] = v
	}
	return v
}

// names are sorted: maps have no order.
func (o *goObject) names() []string {
	if o.order == nil {
		o.order = make([]string, 0, len(o.of))
		for name := range o.of {
			o.order = append(o.order, name)
		}
		slices.Sort(o.order)
	}
	return o.order
}

// goList is a list of the model.
type goList struct {
	e  *env
	of []any
}

func (l goList) length() int    { return len(l.of) }
func (l goList) at(i int) value { return l.e.valueOf(l.of[i]) }

// valueOf is the value for a value of the model.
func (e *env) valueOf(v any) value {
	switch v := v.(type) {
	case nil:
		return nil
	case string, bool:
		return v
	case JSON:
		return e.jsonValue(v)
	case json.RawMessage:
		return e.jsonValue(v)
	case map[string]any:
		return &goObject{e: e, of: v}
	case map[string]string:
		m := newMembers(len(v))
		for name, text := range v {
			m.set(name, text)
		}
		slices.Sort(m.order)
		return m
	case Object:
		m := newMembers(len(v))
		for _, member := range v {
			m.set(member.Name, e.valueOf(member.Value))
		}
		return m
	case []any:
		return goList{e, v}
	case []string:
		l := make(list, len(v))
		for i, text := range v {
			l[i] = text
		}
		return l
	case time.Time:
		return instant{v, dateAndTime}
	case int:
		return whole(v)
	case int64:
		return number{small: v}
	case int32:
		return number{small: int64(v)}
	case uint32:
		return number{small: int64(v)}
	case uint64:
		return mustNumber(strconv.FormatUint(v, 10))
	case float64:
		return e.float(v, 64)
	case float32:
		return e.float(float64(v), 32)
	case json.Number:
		return mustNumber(v.String())
	}
	fail(e.at, Failed, "", "the model has a Go value of type %T, which templates cannot use", v)
	return nil
}

func (e *env) float(f float64, bits int) value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		fail(e.at, Failed, "", "the model has a number that is none: %v", f)
	}
	return mustNumber(strconv.FormatFloat(f, 'g', -1, bits))
}

// typeName says what a value is, for errors.
func typeName(v value) string {
	switch v := v.(type) {
	case nil:
		return "missing"
	case string:
		return "a text"
	case number:
		return "a number"
	case bool:
		return "a boolean"
	case instant:
		return "a date"
	case *markup:
		return v.format.name + " markup"
	case *macro:
		if v.function {
			return "a function"
		}
		return "a macro"
	case *lambda:
		return "a function"
	case empty:
		return "empty"
	case sequence:
		return "a list"
	case hash:
		return "an object"
	}
	return fmt.Sprintf("a %T", v)
}

// length is the number of characters of a text.
func length(s string) int { return utf8.RuneCountInString(s) }

// substring is the part of a text between two of its characters.
func substring(s string, from, to int) string {
	begin := offset(s, from)
	return s[begin : begin+offset(s[begin:], to-from)]
}

// offset is where in a text the character with that number begins, from 0, or the end of the text when there are not so many.
func offset(s string, number int) int {
	for i := range s {
		if number <= 0 {
			return i
		}
		number--
	}
	return len(s)
}
