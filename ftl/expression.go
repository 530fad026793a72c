package ftl

import (
	"math"
	"strconv"
	"strings"
)

// expression is a part of the tree that has a value. A value that is missing is nil; whether that is an error is for whoever asked to say.
type expression interface {
	eval(e *env) value
	place() int  // offset in the source
	height() int // of the tree below, to bound how deep functions call themselves
}

type base struct{ at, high int }

func (b base) place() int  { return b.at }
func (b base) height() int { return b.high }

type (
	literal struct {
		base
		value value
	}
	// composed is a string literal with interpolations.
	composed struct {
		base
		parts []expression
	}
	variable struct {
		base
		name string
	}
	// special is a variable of the engine: .now
	special struct {
		base
		name string
	}
	member struct {
		base
		of   expression
		name string
	}
	item struct {
		base
		of, key expression
	}
	call struct {
		base
		function  expression
		arguments []expression
	}
	// fallback is x!y; without a y what is missing is empty.
	fallback struct {
		base
		of, otherwise expression
	}
	exists struct {
		base
		of expression
	}
	parentheses struct {
		base
		inner expression
	}
	not struct {
		base
		of expression
	}
	signed struct {
		base
		of       expression
		negative bool
	}
	logical struct {
		base
		left, right expression
		or          bool
	}
	comparison struct {
		base
		left, right expression
		operator    string
	}
	arithmetic struct {
		base
		left, right expression
		operator    byte
	}
	// span is a range; without a right side it has no end.
	span struct {
		base
		from, to expression
		operator string
	}
	listLiteral struct {
		base
		elements []expression
	}
	hashLiteral struct {
		base
		keys, values []expression
	}
	// lambda is x -> x.name, and only an argument of built-ins.
	lambda struct {
		base
		parameter string // none: ""
		body      expression
	}
	// numberOutput is #{x; m1M2} within a string or a text.
	numberOutput struct {
		base
		of       expression
		min, max int // digits behind the point; -1: as the number has
	}
)

func (x *literal) eval(*env) value    { return x.value }
func (x *variable) eval(e *env) value { return e.lookup(x.name) }
func (x *special) eval(e *env) value  { return e.special(x) }
func (x *exists) eval(e *env) value   { return e.maybe(x.of) != nil }
func (x *not) eval(e *env) value      { return !e.boolean(x.of) }
func (x *lambda) eval(*env) value     { return x }
func (x *parentheses) eval(e *env) value {
	return e.eval(x.inner)
}

func (x *composed) eval(e *env) value {
	var result value = ""
	var b strings.Builder
	for _, part := range x.parts {
		switch v := e.printable(part).(type) {
		case string:
			e.grow(b.Len(), v)
			b.WriteString(v)
		case *markup:
			result = e.concat(e.concat(result, b.String(), x.at), v, x.at)
			b.Reset()
		}
	}
	return e.concat(result, b.String(), x.at)
}

func (x *member) eval(e *env) value { return e.member(x, e.eval(x.of)) }

// member is a member of a value that was found where x.of is.
func (e *env) member(x *member, of value) value {
	switch of := of.(type) {
	case hash:
		return of.get(x.name)
	case nil:
		e.missing(x.of)
	default:
		e.mistaken(x.of, of, "an object", "only objects have members such as ."+x.name)
	}
	return nil
}

func (x *item) eval(e *env) value { return e.item(x, e.eval(x.of)) }

func (e *env) item(x *item, of value) value {
	if of == nil {
		e.missing(x.of)
	}
	switch key := e.value(x.key).(type) {
	case number:
		return e.itemAt(x, of, key)
	case string:
		e.read(key)
		if h, is := of.(hash); is {
			return h.get(key)
		}
		e.mistaken(x.of, of, "an object", "only objects have members with a name")
	case *rangeValue:
		return e.slice(x, of, key)
	default:
		e.mistaken(x.key, key, "a number, a string or a range", "")
	}
	return nil
}

func (e *env) itemAt(x *item, of value, key number) value {
	i := e.whole(key, x.key.place())
	if s, is := of.(sequence); is {
		if i < 0 || i >= s.length() {
			return nil
		}
		return s.at(i)
	}
	if _, is := of.(hash); is {
		e.mistaken(x.key, key, "a string", "members of objects have names")
	}
	text := e.textOf(of, x.of)
	if i < 0 || i >= length(text) {
		fail(x.at, Failed, "", "the text %s has %d characters, there is none at %d", describe(x.of), length(text), i)
	}
	return substring(text, i, i+1)
}

// slice is a part of a text or a sequence.
func (e *env) slice(x *item, of value, r *rangeValue) value {
	s, isSequence := of.(sequence)
	text, size := "", 0
	if isSequence {
		size = s.length()
	} else {
		text = e.textOf(of, x.of)
		size = length(text)
	}
	n, last := r.count, r.from+(r.count-1)*r.step
	beyond := size // the first index that is none; a range that adapts to its target may begin behind the last element
	if r.step == 1 && r.adapts {
		beyond++
	}
	switch {
	case n == 0:
	case r.from < 0 || r.from >= beyond || !r.adapts && (last < 0 || last >= size):
		fail(x.at, Failed, "", "the range %s does not fit: %s has %d elements", r, describe(x.of), size)
	case last < 0:
		n = r.from + 1
	case last >= size:
		n = size - r.from
	}
	switch {
	case isSequence:
		e.spend(n)
		part := make(list, n)
		for i := range part {
			part[i] = s.at(r.from + i*r.step)
		}
		return part
	case r.step < 0 && n == 2 && r.inclusive: // s[i..i-1] was the way to write an empty part, before there was ..<
		n = 0
	case r.step < 0 && n > 1:
		fail(x.at, Failed, "", "a part of a text cannot run backwards")
	}
	if n == 0 {
		return ""
	}
	return substring(text, r.from, r.from+n)
}

func (x *call) eval(e *env) value {
	v := e.value(x.function)
	f, is := v.(*macro)
	if !is || !f.function {
		e.mistaken(x.function, v, "a function", "")
	}
	arguments := make([]value, len(x.arguments))
	for i, a := range x.arguments {
		arguments[i] = e.eval(a)
	}
	return e.callFunction(f, arguments, x.at)
}

func (x *fallback) eval(e *env) value {
	if v := e.maybe(x.of); v != nil {
		return v
	}
	if x.otherwise == nil {
		return empty{}
	}
	return e.eval(x.otherwise)
}

func (x *signed) eval(e *env) value {
	n := e.number(x.of)
	if x.negative {
		return n.negated()
	}
	return n
}

func (x *logical) eval(e *env) value {
	if e.boolean(x.left) == x.or {
		return x.or
	}
	return e.boolean(x.right)
}

func (x *comparison) eval(e *env) value {
	left, right := e.eval(x.left), e.eval(x.right)
	if left == nil {
		e.missing(x.left)
	}
	if right == nil {
		e.missing(x.right)
	}
	return e.compare(x.at, x.operator, left, right)
}

func (x *arithmetic) eval(e *env) value {
	if x.operator == '+' {
		return e.add(x.at, e.eval(x.left), e.eval(x.right), x.left, x.right)
	}
	return e.compute(x.at, x.operator, e.number(x.left), e.number(x.right))
}

func (e *env) compute(at int, operator byte, left, right number) number {
	e.spend(left.size() + right.size())
	var result number
	switch operator {
	case '+':
		result = left.plus(right)
	case '-':
		result = left.minus(right)
	case '*':
		result = left.times(right)
	default:
		if right.sign() == 0 || operator == '%' && right.integer().Sign() == 0 {
			fail(at, Failed, "", "division by zero")
		}
		if operator == '/' {
			result = left.dividedBy(right)
		} else {
			result = left.modulo(right)
		}
	}
	if result.size() > maxNumberSize {
		fail(at, Limit, "", "the number is too large")
	}
	return result
}

// add adds what can be added: numbers, sequences, objects; anything else is text.
func (e *env) add(at int, left, right value, leftOf, rightOf expression) value {
	if l, is := left.(number); is {
		if r, is := right.(number); is {
			return e.compute(at, '+', l, r)
		}
	}
	if l, is := left.(sequence); is {
		if r, is := right.(sequence); is {
			return e.joined(l, r)
		}
	}
	if l, is := left.(hash); is {
		if r, is := right.(hash); is {
			return e.merged(l, r)
		}
	}
	return e.concat(e.textOrMarkup(left, leftOf), e.textOrMarkup(right, rightOf), at)
}

func (x *span) eval(e *env) value {
	r := &rangeValue{from: e.whole(e.number(x.from), x.from.place()), step: 1}
	if x.to == nil {
		r.count, r.adapts = math.MaxInt32, true
		return r
	}
	to := e.whole(e.number(x.to), x.to.place())
	r.count, r.adapts, r.inclusive = to-r.from, x.operator == "..*", x.operator == ".."
	if r.adapts {
		r.count = to
	}
	if r.count < 0 {
		r.count, r.step = -r.count, -1
	}
	if r.inclusive {
		r.count++
	}
	return r
}

func (x *listLiteral) eval(e *env) value {
	elements := make(list, len(x.elements))
	for i, element := range x.elements {
		elements[i] = e.value(element)
	}
	return elements
}

func (x *hashLiteral) eval(e *env) value {
	members := newMembers(len(x.keys))
	for i, key := range x.keys {
		members.set(e.text(key), e.value(x.values[i]))
	}
	return members
}

func (x *numberOutput) eval(e *env) value {
	n := e.number(x.of)
	f := numberFormat{minInteger: 1, minFraction: max(x.min, 0), maxFraction: 50}
	if x.max >= 0 {
		f.maxFraction = x.max
	} else if x.min >= 0 {
		f.maxFraction = x.min
	}
	return f.format(n, e.locale)
}

// describe names an expression in an error, as short as it can be understood.
func describe(x expression) string {
	if text := written(x); text != unnamed {
		return text
	}
	return "the expression"
}

// unnamed stands for what is too long to be repeated.
const unnamed = "(…)"

// written is an expression as it could stand in the template.
func written(x expression) string { return writtenTo(x, 10) }

func writtenTo(x expression, depth int) string {
	if depth == 0 {
		return "…"
	}
	inner := func(x expression) string { return writtenTo(x, depth-1) }
	switch x := x.(type) {
	case *variable:
		return x.name
	case *special:
		return "." + x.name
	case *member:
		return inner(x.of) + "." + x.name
	case *item:
		if l, is := x.key.(*literal); is {
			switch key := l.value.(type) {
			case string:
				return inner(x.of) + "['" + shortened(key, 60) + "']"
			case number:
				return inner(x.of) + "[" + key.String() + "]"
			}
		}
		return inner(x.of) + "[…]"
	case *parentheses:
		if text := inner(x.inner); text != unnamed {
			return "(" + text + ")"
		}
	case *builtinCall:
		return inner(x.of) + "?" + x.name
	case *call:
		return inner(x.function) + "(…)"
	case *literal:
		switch v := x.value.(type) {
		case string:
			return "'" + shortened(v, 60) + "'"
		case number:
			return v.String()
		case bool:
			return strconv.FormatBool(v)
		}
	}
	return unnamed
}
