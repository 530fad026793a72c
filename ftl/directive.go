package ftl

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

// node is what a template consists of outside of expressions: a piece of text, an interpolation, a directive.
type node interface {
	run(e *env) flow
	place() int
}

// flow is how the running goes on behind a node.
type flow int

const (
	onward flow = iota
	breaks
	continues
	returns
)

// block is what stands between two tags.
type block struct{ nodes []node }

func (b *block) run(e *env) flow {
	for _, n := range b.nodes {
		e.at = n.place()
		e.spend(1)
		if f := n.run(e); f != onward {
			return f
		}
	}
	return onward
}

// spot is where a node stands in the source.
type spot int

func (s spot) place() int { return int(s) }

type (
	textNode struct {
		spot
		text string
	}
	outputNode struct {
		spot
		of     expression
		format *outputFormat
		escape bool
	}
	ifNode struct {
		spot
		branches []branch
	}
	branch struct {
		condition expression // nil: else
		body      *block
	}
	listNode struct {
		spot
		of         expression
		name, key  string // key is the name of the first variable of two, name that of the second then
		body, none *block // none is for when there is nothing
	}
	itemsNode struct {
		spot
		name, key string
		body      *block
	}
	sepNode struct {
		spot
		body *block
	}
	flowNode struct {
		spot
		flow flow
	}
	switchNode struct {
		spot
		of    expression
		cases []branch // without a condition: default
	}
	assignNode struct {
		spot
		scope    scope
		name     string
		operator string // "=", "+=", "++", …
		value    expression
	}
	captureNode struct {
		spot
		scope  scope
		name   string
		format *outputFormat
		body   *block
	}
	macroNode struct {
		spot
		macro *macro
	}
	callNode struct {
		spot
		of         expression
		named      []argument
		positional []expression
		body       *block
		parameters []string // of the body
	}
	argument struct {
		name  string
		value expression
	}
	nestedNode struct {
		spot
		arguments []expression
	}
	returnNode struct {
		spot
		value expression
	}
	attemptNode struct {
		spot
		body, recover *block
	}
	stopNode struct {
		spot
		message expression
	}
	settingNode struct {
		spot
		name  string
		value expression
	}
	compressNode struct {
		spot
		body *block
	}
	// bodyNode is a directive that has done what it does when the template was parsed: [#escape], [#outputformat].
	bodyNode struct {
		spot
		body *block
	}
	// nothing is a comment, an empty directive, or one that only white-space stripping looks at.
	nothing struct{ spot }
)

type scope string

const (
	assign scope = "assign"
	local  scope = "local"
	global scope = "global"
)

// macro is a macro or a function.
type macro struct {
	name       string
	function   bool
	parameters []parameter
	names      map[string]bool // of the parameters
	rest       string          // name of the parameter that takes what is left over, or ""
	body       *block
}

type parameter struct {
	name      string
	otherwise expression // nil: it must be given
}

func (n *nothing) run(*env) flow     { return onward }
func (n *bodyNode) run(e *env) flow  { return n.body.run(e) }
func (n *flowNode) run(*env) flow    { return n.flow }
func (n *textNode) run(e *env) flow  { e.write(n.text); return onward }
func (n *macroNode) run(e *env) flow { e.assigned.set(n.macro.name, n.macro); return onward }
func (n *compressNode) run(e *env) flow {
	text, f := e.captured(n.body)
	e.write(compressed(text))
	return f
}

func (n *outputNode) run(e *env) flow {
	switch v := e.printable(n.of).(type) {
	case string:
		if n.escape {
			e.spend(len(v) / 64)
			v = n.format.escape(v)
		}
		e.write(v)
	case *markup:
		if n.format != v.format && !n.format.mixed {
			fail(n.place(), Failed, "", "%s is %s markup and cannot be written into %s", describe(n.of), v.format.name, n.format.name)
		}
		e.write(v.text)
	}
	return onward
}

func (n *ifNode) run(e *env) flow {
	for _, b := range n.branches {
		if b.condition == nil || e.boolean(b.condition) {
			return b.body.run(e)
		}
	}
	return onward
}

// run without a variable leaves the rounds to [#items].
func (n *listNode) run(e *env) flow {
	v := e.value(n.of)
	switch {
	case n.name != "":
		e.checkListed(n.of, v, n.key)
	case !listable(v):
		e.mistaken(n.of, v, "a list or an object", "")
	}
	if size(v) == 0 {
		if n.none == nil {
			return onward
		}
		return n.none.run(e)
	}
	if n.name != "" {
		return e.rounds(v, n.name, n.key, n.body)
	}
	e.loops = &loop{outer: e.loops, of: n.of, listed: v, unstarted: true}
	f := n.body.run(e)
	e.loops = e.loops.outer
	if f == breaks {
		return onward
	}
	return f
}

func listable(v value) bool {
	switch v.(type) {
	case sequence, hash:
		return true
	}
	return false
}

func size(v value) int {
	switch v := v.(type) {
	case sequence:
		return v.length()
	case hash:
		return len(v.names())
	}
	return 0
}

// checkListed fails unless a value can be listed, with two variables when there is a key.
func (e *env) checkListed(x expression, v value, key string) {
	switch {
	case !listable(v):
		e.mistaken(x, v, "a list or an object", "")
	case key == "" && !isSequence(v):
		fail(x.place(), Failed, "write … as key, value", "%s is an object, which is listed with two variables", describe(x))
	case key != "" && !isHash(v):
		fail(x.place(), Failed, "write … as "+key, "%s is a list, which is listed with one variable", describe(x))
	}
}

// rounds runs a block for each element of a sequence or, with a key, for each member of an object.
func (e *env) rounds(v value, name, key string, body *block) flow {
	l := &loop{outer: e.loops, name: name, key: key, isLoop: true}
	var names []string
	n := size(v)
	if key != "" {
		names = v.(hash).names()
		n = len(names)
		e.spend(n / 8)
	}
	for i := range n {
		e.spend(1)
		l.index, l.last = i, i == n-1
		if key == "" {
			l.value = v.(sequence).at(i)
		} else {
			l.value, l.keyed = v.(hash).get(names[i]), names[i]
		}
		e.loops = l
		f := body.run(e)
		e.loops = l.outer
		if f == breaks {
			return onward
		}
		if f == returns {
			return f
		}
	}
	return onward
}

func (n *itemsNode) run(e *env) flow {
	l := e.loops
	for l != nil && l.listed == nil {
		l = l.outer
	}
	if l == nil || !l.unstarted {
		fail(n.place(), Failed, "", "#items can run once within a #list")
	}
	l.unstarted = false
	e.checkListed(l.of, l.listed, n.key)
	return e.rounds(l.listed, n.name, n.key, n.body)
}

func (n *sepNode) run(e *env) flow {
	for l := e.loops; l != nil; l = l.outer {
		if l.isLoop {
			if l.last {
				return onward
			}
			return n.body.run(e)
		}
	}
	fail(n.place(), Failed, "", "#sep is not within a #list")
	return onward
}

// run compares with each case in turn. From the first that fits everything up to a [#break] runs, or else the default.
func (n *switchNode) run(e *env) flow {
	v := e.value(n.of)
	found, otherwise := -1, -1
	for i, c := range n.cases {
		if c.condition == nil {
			otherwise = i
		} else if found < 0 && e.compare(c.condition.place(), "==", v, e.value(c.condition)) {
			found = i
			break
		}
	}
	cases := n.cases[max(found, 0):]
	switch {
	case found < 0 && otherwise < 0:
		return onward
	case found < 0: // nothing follows a default that is nobody's case
		cases = n.cases[otherwise : otherwise+1]
	}
	for _, c := range cases {
		switch f := c.body.run(e); f {
		case breaks:
			return onward
		case continues, returns:
			return f
		}
	}
	return onward
}

func (e *env) set(s scope, name string, v value) {
	switch s {
	case local:
		e.frame.locals.set(name, v)
	case global:
		e.globals.set(name, v)
	default:
		e.assigned.set(name, v)
	}
}

func (n *assignNode) run(e *env) flow {
	if n.operator == "=" {
		e.set(n.scope, n.name, e.value(n.value))
		return onward
	}
	target := &variable{base{at: n.place()}, n.name}
	var old value
	switch n.scope {
	case local:
		old = e.frame.locals.get(n.name)
	case global:
		old = e.global(n.name)
	default:
		old = e.assigned.get(n.name)
	}
	if old == nil {
		fail(n.place(), Missing, "#"+string(n.scope)+" it first", "%s is missing, so it cannot be changed with %s", n.name, n.operator)
	}
	var by value = whole(1)
	if n.value != nil {
		by = e.value(n.value)
	}
	operand := n.value
	if operand == nil {
		operand = target
	}
	if n.operator == "+=" {
		e.set(n.scope, n.name, e.add(n.place(), old, by, target, operand))
		return onward
	}
	left, leftIs := old.(number)
	right, rightIs := by.(number)
	if !leftIs {
		e.mistaken(target, old, "a number", "")
	}
	if !rightIs {
		e.mistaken(operand, by, "a number", "")
	}
	e.set(n.scope, n.name, e.compute(n.place(), n.operator[0], left, right))
	return onward
}

func (n *captureNode) run(e *env) flow {
	text, f := e.captured(n.body)
	if f != onward {
		return f
	}
	if n.format.escape != nil {
		e.set(n.scope, n.name, &markup{n.format, text})
	} else {
		e.set(n.scope, n.name, text)
	}
	return onward
}

func (n *callNode) run(e *env) flow {
	v := e.value(n.of)
	m, is := v.(*macro)
	if !is {
		e.mistaken(n.of, v, "a macro", "")
	}
	if m.function {
		e.mistaken(n.of, v, "a macro", "functions are called within ${…}: "+m.name+"(…)")
	}
	f := &frame{macro: m, locals: newMembers(len(m.parameters) + 1), content: n.body, parameters: n.parameters, caller: e.frame, loops: e.loops}
	if len(n.named) > 0 {
		n.passNamed(e, f)
	} else {
		arguments := make([]value, len(n.positional))
		for i, a := range n.positional {
			arguments[i] = e.eval(a)
		}
		e.passPositional(n.place(), f, arguments)
	}
	return e.runMacro(f, n.place())
}

func (n *callNode) passNamed(e *env, f *frame) {
	var rest *members
	if f.macro.rest != "" {
		rest = newMembers(0)
		f.locals.set(f.macro.rest, rest)
	}
	for _, a := range n.named {
		v := e.eval(a.value)
		switch {
		case f.macro.names[a.name]:
			if v != nil {
				f.locals.set(a.name, v)
			}
		case rest != nil:
			if v != nil {
				rest.set(a.name, v)
			}
		default:
			fail(n.place(), Failed, "", "the macro %s has no parameter %s", f.macro.name, a.name)
		}
	}
}

func (e *env) passPositional(at int, f *frame, arguments []value) {
	m := f.macro
	if len(arguments) > len(m.parameters) && m.rest == "" {
		fail(at, Failed, "", "%s takes %d arguments, not %d", m.name, len(m.parameters), len(arguments))
	}
	for i, p := range m.parameters {
		if i < len(arguments) && arguments[i] != nil {
			f.locals.set(p.name, arguments[i])
		}
	}
	if m.rest != "" {
		f.locals.set(m.rest, list(arguments[min(len(arguments), len(m.parameters)):]))
	}
}

// runMacro runs what a frame stands for, within its own variables.
func (e *env) runMacro(f *frame, at int) flow {
	e.enter(at)
	e.frame, e.loops = f, nil
	e.spend(len(f.macro.parameters))
	for _, p := range f.macro.parameters {
		if f.locals.get(p.name) != nil {
			continue
		}
		if p.otherwise == nil {
			fail(at, Failed, "pass it, or write "+p.name+"=… where the macro is defined", "%s needs a value for its parameter %s", f.macro.name, p.name)
		}
		f.locals.set(p.name, e.value(p.otherwise))
	}
	result := f.macro.body.run(e)
	e.frame, e.loops = f.caller, f.loops
	e.leave()
	if result == returns {
		return onward
	}
	return result
}

// callFunction runs a function and returns what it returns. What it writes is lost.
func (e *env) callFunction(m *macro, arguments []value, at int) value {
	f := &frame{macro: m, locals: newMembers(len(m.parameters) + 1), caller: e.frame, loops: e.loops}
	e.passPositional(at, f, arguments)
	from := len(e.out)
	e.runMacro(f, at)
	e.out = e.out[:from]
	return f.result
}

// run runs the content of the call with the variables of where the call stands.
func (n *nestedNode) run(e *env) flow {
	f := e.frame
	if f.content == nil {
		return onward
	}
	loops := f.loops
	for i, name := range f.parameters {
		var v value
		if i < len(n.arguments) {
			v = e.eval(n.arguments[i])
		}
		loops = &loop{outer: loops, name: name, value: v}
	}
	inner := e.loops
	e.enter(n.place())
	e.frame, e.loops = f.caller, loops
	result := f.content.run(e)
	e.frame, e.loops = f, inner
	e.leave()
	return result
}

func (n *returnNode) run(e *env) flow {
	if n.value != nil {
		e.frame.result = e.eval(n.value)
	}
	return returns
}

func (n *attemptNode) run(e *env) (result flow) {
	f := e.attempt(func() { result = n.body.run(e) })
	if f == nil {
		return result
	}
	e.problems = append(e.problems, f)
	result = n.recover.run(e)
	e.problems = e.problems[:len(e.problems)-1]
	return result
}

func (n *stopNode) run(e *env) flow {
	message := ""
	if n.message != nil {
		message = e.text(n.message)
	}
	if message == "" {
		message = "the template stopped"
	}
	fail(n.place(), Stopped, "", "%s", message)
	return onward
}

func (n *settingNode) run(e *env) flow {
	text := e.text(n.value)
	switch n.name {
	case "locale":
		tag, err := language.Parse(strings.ReplaceAll(shortened(text, 100), "_", "-"))
		if err != nil {
			fail(n.value.place(), Failed, "", "there is no locale %q", text)
		}
		e.locale, e.collator = localeOf(tag), nil
		e.formats = nil
	case "time_zone":
		e.spend(zoneSteps)
		zone, err := parseZone(text)
		if err != nil {
			fail(n.value.place(), Failed, "", "there is no time zone %q", text)
		}
		e.zone = zone
	case "number_format":
		e.numberPattern = text
	case "boolean_format":
		if text != "c" && !strings.Contains(text, ",") {
			fail(n.value.place(), Failed, "write two words with a comma between them: \"yes,no\"", "%q is no format for booleans", text)
		}
		e.booleans = text
	case "date_format":
		e.datePattern = text
	case "time_format":
		e.timePattern = text
	case "datetime_format":
		e.bothPattern = text
	case "url_escaping_charset", "output_encoding":
		e.urlCharset = text
	}
	return onward
}

// compressed has one space for each run of white space, or the first line break if there is one in the run, and nothing at either end of the text.
func compressed(text string) string {
	var b strings.Builder
	for text != "" {
		end := strings.IndexFunc(text, func(c rune) bool { return c <= ' ' })
		if end < 0 {
			end = len(text)
		}
		b.WriteString(text[:end])
		rest := strings.TrimLeftFunc(text[end:], func(c rune) bool { return c <= ' ' })
		between := text[end : len(text)-len(rest)]
		if text = rest; rest == "" || b.Len() == 0 {
			continue
		}
		lineBreak := strings.IndexAny(between, "\r\n")
		switch {
		case lineBreak < 0:
			b.WriteByte(' ')
		case strings.HasPrefix(between[lineBreak:], "\r\n"):
			b.WriteString("\r\n")
		default:
			b.WriteByte(between[lineBreak])
		}
	}
	return b.String()
}

// special is a variable of the engine.
func (e *env) special(x *special) value {
	switch x.name {
	case "now":
		if e.now.IsZero() {
			fail(x.at, Failed, "", ".now is not known to whoever renders this template")
		}
		return instant{e.now, dateAndTime}
	case "locale", "locale_object":
		return e.locale.name
	case "lang":
		base, _ := e.locale.tag.Base()
		return base.String()
	case "time_zone":
		return e.zone.String()
	case "vars":
		return &variables{e}
	case "globals":
		return e.merged(e.model, e.globals)
	case "main", "namespace":
		return e.assigned
	case "locals":
		if e.frame != nil {
			return e.frame.locals
		}
		return nil
	case "error":
		if len(e.problems) == 0 {
			fail(x.at, Failed, "", ".error is only known in #recover")
		}
		e.read(e.t.source.text)
		f := e.problems[len(e.problems)-1]
		f.suggest = nil // it would go through all names, time and again
		return e.made(caught(f, e.t.name, e.t.source).Error())
	case "template_name", "main_template_name", "current_template_name":
		return e.t.name
	case "output_encoding", "url_escaping_charset":
		if e.urlCharset == "" {
			return nil
		}
		return e.urlCharset
	case "version":
		return freeMarker
	}
	panic(fmt.Sprintf("no special variable %s", x.name))
}

// variables is all that can be looked up by name.
type variables struct{ e *env }

func (v *variables) get(name string) value { return v.e.lookup(name) }

func (v *variables) names() []string {
	all := v.e.merged(v.e.merged(v.e.model, v.e.globals).(hash), v.e.assigned).(hash)
	return all.names()
}
