package ftl

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/collate"

	"github.com/herald-events/herald/internal/nearest"
)

// env is one rendering: its variables, its settings, what it has written and what it has spent.
type env struct {
	t     *Template
	model hash
	now   time.Time

	ctx    context.Context
	at     int // where the directive stands that is running
	steps  int
	pause  int // the number of steps at which to look around again
	depth  int // of calls
	limits Limits

	out []byte

	loops    *loop // variables of loops and of nested content, the innermost first
	frame    *frame
	assigned *members   // [#assign]
	globals  *members   // [#global]
	problems []*failure // what [#recover] is about, the innermost last

	locale                                *locale
	zone                                  *time.Location
	numberPattern                         string
	booleans                              string // boolean_format
	datePattern, timePattern, bothPattern string
	urlCharset                            string

	formats  map[string]*numberFormat
	patterns map[string]*pattern
	collator *collate.Collator
}

// loop is what a list or a call with nested content makes known within its content.
type loop struct {
	outer *loop
	name  string // of the variable
	value value
	key   string // of the first variable of two; the other one is the value then
	keyed value
	index int
	last  bool
	// isLoop tells the variable of a loop from a parameter of nested content or of a lambda.
	isLoop bool
	// listed is what a [#list of] without a variable is about, for [#items] to go through, which did not happen yet when it is unstarted.
	of        expression
	listed    value
	unstarted bool
}

// frame is a running macro or function.
type frame struct {
	macro  *macro
	locals *members
	// content is what stands between the tags of the call, with the names it gives to what [#nested] passes; caller and loops are where it belongs.
	content    *block
	parameters []string
	caller     *frame
	loops      *loop
	result     value // of [#return]
}

// pauseEvery is how many steps lie between two looks at the context.
const pauseEvery = 1000

func newEnv(ctx context.Context, t *Template, o RenderOptions) *env {
	e := &env{
		t: t, ctx: ctx, limits: t.limits, now: o.Now, zone: o.Zone, locale: localeOf(o.Locale), assigned: newMembers(0), globals: newMembers(0),
		numberPattern: "number", booleans: "true,false", pause: min(pauseEvery, t.limits.Steps), out: make([]byte, 0, 256),
	}
	if e.zone == nil {
		e.zone = time.UTC
	}
	for _, m := range t.macros {
		e.assigned.set(m.name, m)
	}
	return e
}

// spend counts steps. All that takes time comes by here, so nothing runs for ever.
func (e *env) spend(steps int) {
	if e.steps += max(0, steps); e.steps >= e.pause {
		e.lookAround()
	}
}

func (e *env) lookAround() {
	if e.steps >= e.limits.Steps {
		fail(e.at, Limit, "a loop or a macro that calls itself may have no end", "the template did not come to its end within %d steps", e.limits.Steps)
	}
	e.pause = min(e.steps+pauseEvery, e.limits.Steps)
	e.checkContext()
}

func (e *env) checkContext() {
	if err := e.ctx.Err(); err != nil {
		panic(&failure{at: e.at, error: &Error{Kind: Canceled, Message: "the rendering was ended: " + err.Error(), cause: err}})
	}
}

// read pays for a text that is looked at.
func (e *env) read(text string) { e.spend(len(text) / 64) }

// grow pays for a text that gets longer.
func (e *env) grow(size int, by string) {
	e.spend(len(by) / 64)
	if size+len(by) > e.limits.Output {
		fail(e.at, Limit, "", "a text of more than %d bytes was made", e.limits.Output)
	}
}

// made pays for a text that a built-in made.
func (e *env) made(text string) string {
	e.grow(0, text)
	return text
}

// repeated fails before a text becomes too long.
func (e *env) repeated(text string, times int) string {
	if times > 0 && len(text) > e.limits.Output/times {
		fail(e.at, Limit, "", "a text of more than %d bytes was made", e.limits.Output)
	}
	return e.made(strings.Repeat(text, max(0, times)))
}

func (e *env) write(text string) {
	e.read(text)
	if len(e.out)+len(text) > e.limits.Output {
		fail(e.at, Limit, "", "the template wrote more than %d bytes", e.limits.Output)
	}
	e.out = append(e.out, text...)
}

// captured runs a block and returns what it wrote.
func (e *env) captured(b *block) (string, flow) {
	from := len(e.out)
	f := b.run(e)
	text := e.made(string(e.out[from:]))
	e.out = e.out[:from]
	return text, f
}

// enter and leave stand around everything that can call itself.
func (e *env) enter(at int) {
	if e.depth++; e.depth > e.limits.Depth {
		fail(at, Limit, "a macro or function may call itself without end", "more than %d calls within each other", e.limits.Depth)
	}
	e.spend(1)
}

func (e *env) leave() { e.depth-- }

// saved is what has to be as it was when an error is caught.
type saved struct {
	out, depth, problems int
	loops                *loop
	frame                *frame
}

func (e *env) save() saved { return saved{len(e.out), e.depth, len(e.problems), e.loops, e.frame} }

func (e *env) restore(s saved) {
	e.out, e.depth, e.problems, e.loops, e.frame = e.out[:s.out], s.depth, e.problems[:s.problems], s.loops, s.frame
}

// attempt runs something and returns what went wrong, if it is something that templates may catch: not an exhausted limit, or they would go on.
func (e *env) attempt(run func()) (f *failure) {
	before := e.save()
	defer func() {
		recovered := recover()
		if recovered == nil {
			return
		}
		var ours bool
		if f, ours = recovered.(*failure); !ours || f.error.Kind != Missing && f.error.Kind != Failed && f.error.Kind != Stopped {
			panic(recovered)
		}
		e.restore(before)
	}()
	run()
	return nil
}

// lookup finds a variable: of loops, of the running macro, of the template, of the model.
func (e *env) lookup(name string) value {
	e.spend(1)
	for l := e.loops; l != nil; l = l.outer {
		if v := l.variable(name); v != nil {
			return v
		}
	}
	if e.frame != nil {
		if v := e.frame.locals.get(name); v != nil {
			return v
		}
	}
	if v := e.assigned.get(name); v != nil {
		return v
	}
	return e.global(name)
}

func (e *env) global(name string) value {
	if v := e.globals.get(name); v != nil {
		return v
	}
	return e.model.get(name)
}

func (l *loop) variable(name string) value {
	switch {
	case name == l.name:
		return l.value
	case l.key != "" && name == l.key:
		return l.keyed
	case !l.isLoop || len(name) <= len(l.name) || name[:len(l.name)] != l.name:
	case name[len(l.name):] == "_index":
		return whole(l.index)
	case name[len(l.name):] == "_has_next":
		return !l.last
	}
	return nil
}

// eval is the value of an expression, nil when it is missing.
func (e *env) eval(x expression) value {
	e.spend(1)
	return x.eval(e)
}

// value is the value of an expression that must not be missing.
func (e *env) value(x expression) value {
	v := e.eval(x)
	if v == nil {
		e.missing(x)
	}
	return v
}

// maybe is the value of an expression of which at least the last part may be missing; within parentheses any part may be.
func (e *env) maybe(x expression) value {
	p, is := x.(*parentheses)
	if !is {
		return e.eval(x)
	}
	return e.lenient(p.inner)
}

// lenient is the value of an expression of which any part may be missing. Paths are gone along one by one; what is left fails and is caught.
func (e *env) lenient(x expression) (v value) {
	switch x := x.(type) {
	case *variable, *literal:
		return e.eval(x)
	case *parentheses:
		return e.lenient(x.inner)
	case *member:
		of := e.lenient(x.of)
		if of == nil {
			return nil
		}
		return e.member(x, of)
	}
	f := e.attempt(func() { v = e.eval(x) })
	if f == nil {
		return v
	}
	if f.error.Kind != Missing {
		panic(f)
	}
	return nil
}

// missing fails because an expression has no value.
func (e *env) missing(x expression) {
	for inner, is := x.(*parentheses); is; inner, is = x.(*parentheses) {
		x = inner.inner
	}
	name := written(x)
	f := &failure{at: x.place(), error: &Error{Kind: Missing, Message: describe(x) + " is missing", Hint: "write " + name + "!'' if it may be"}}
	if name != unnamed {
		f.error.Variable = name
	}
	switch x := x.(type) {
	case *variable:
		f.suggest = func() string { return nearName(x.name, slices.Concat(e.model.names(), e.assigned.names())) }
	case *member:
		f.error.Hint = "write (" + name + ")!'' if it may be"
		if of, is := e.known(x.of).(hash); is {
			f.suggest = func() string { return nearName(x.name, of.names()) }
		}
	}
	panic(f)
}

// known is the value of a path, for an error. Anything else would have to be computed a second time.
func (e *env) known(x expression) value {
	switch x := x.(type) {
	case *variable:
		return e.lookup(x.name)
	case *member:
		if of, is := e.known(x.of).(hash); is {
			return of.get(x.name)
		}
	}
	return nil
}

// nearName is the name that differs least, unless it is the same: what has no value has a name all the same.
func nearName(name string, known []string) string {
	if near := nearest.Name(name, known); near != name {
		return near
	}
	return ""
}

// mistaken fails because a value is of the wrong type.
func (e *env) mistaken(x expression, v value, want, hint string) {
	if v == nil {
		e.missing(x)
	}
	fail(x.place(), Failed, hint, "%s is %s, where %s is needed", describe(x), typeName(v), want)
}

func (e *env) number(x expression) number {
	v := e.value(x)
	n, is := v.(number)
	if !is {
		hint := ""
		if _, isText := v.(string); isText {
			hint = "write " + written(x) + "?number"
		}
		e.mistaken(x, v, "a number", hint)
	}
	return n
}

func (e *env) boolean(x expression) bool {
	v := e.value(x)
	b, is := v.(bool)
	if m, found := v.(*match); found {
		return m.whole
	}
	if !is {
		hint := "write " + written(x) + "?has_content to ask whether there is something"
		if s, isText := v.(string); isText && (s == "true" || s == "false") {
			hint = "write " + written(x) + "?boolean"
		}
		e.mistaken(x, v, "a boolean", hint)
	}
	return b
}

// text is an expression as text: numbers and dates are formatted.
func (e *env) text(x expression) string { return e.textOf(e.value(x), x) }

func (e *env) textOf(v value, x expression) string {
	switch v := e.textOrMarkup(v, x).(type) {
	case string:
		e.read(v)
		return v
	case *markup:
		e.mistaken(x, v, "a text", "write "+written(x)+"?markup_string")
	}
	return ""
}

// textOrMarkup is a string or a *markup.
func (e *env) textOrMarkup(v value, x expression) value {
	switch v := v.(type) {
	case string, *markup:
		return v
	case empty:
		return ""
	case oneMatch:
		return v.text
	case number:
		return e.formatNumber(v, e.numberPattern, x.place())
	case instant:
		return e.formatDate(v, e.datePatternFor(v.part), x.place())
	case bool:
		return e.formatBoolean(v, x)
	case *macro, *lambda:
		e.mistaken(x, v, "a text", "")
	}
	e.mistaken(x, v, "a text", "choose one of its members, or list it")
	return nil
}

// printable is what an interpolation writes, a string or a *markup.
func (e *env) printable(x expression) value { return e.textOrMarkup(e.value(x), x) }

func (e *env) formatNumber(n number, pattern string, at int) string {
	e.spend(n.size())
	if pattern == "computer" || pattern == "c" {
		return n.String()
	}
	return e.made(e.numberFormat(pattern, at).format(n, e.locale))
}

// numberFormat reads a pattern, once for each rendering.
func (e *env) numberFormat(pattern string, at int) *numberFormat {
	switch pattern {
	case "number", "":
		return &defaultFormat
	case "percent":
		pattern = e.locale.percentPattern
	case "currency":
		pattern = e.locale.currencyPattern
	}
	if f := e.formats[pattern]; f != nil {
		return f
	}
	f, wrong := parseNumberFormat(pattern)
	if wrong != "" {
		fail(at, Failed, "", "%q is no format for numbers: %s", pattern, wrong)
	}
	if e.formats == nil {
		e.formats = map[string]*numberFormat{}
	}
	e.formats[pattern] = &f
	return &f
}

func (e *env) datePatternFor(part datePart) string {
	switch part {
	case onlyDate:
		return e.datePattern
	case onlyTime:
		return e.timePattern
	}
	return e.bothPattern
}

func (e *env) formatDate(t instant, pattern string, at int) string {
	text, err := formatDate(t, pattern, e.zone, e.locale)
	if err != nil {
		fail(at, Failed, "", "%q is no format for dates: %v", pattern, err)
	}
	return e.made(text)
}

func (e *env) formatBoolean(b bool, x expression) string {
	if e.booleans == "c" {
		return map[bool]string{true: "true", false: "false"}[b]
	}
	yes, no, _ := strings.Cut(e.booleans, ",")
	if e.booleans == "true,false" {
		fail(x.place(), Failed, "write "+written(x)+"?string('yes', 'no'), or ?c for true and false", "%s is a boolean, which has no text of its own", describe(x))
	}
	if b {
		return yes
	}
	return no
}

// whole is a number as an index.
func (e *env) whole(n number, at int) int {
	i := n.integer()
	if !i.IsInt64() || i.Int64() > math.MaxInt32 || i.Int64() < math.MinInt32 {
		fail(at, Failed, "", "the number %s is too large here", n)
	}
	return int(i.Int64())
}

// concat puts texts and markup behind each other. Texts that meet markup are escaped.
func (e *env) concat(left, right value, at int) value {
	l, leftMarkup := left.(*markup)
	r, rightMarkup := right.(*markup)
	switch {
	case !leftMarkup && !rightMarkup:
		l, r := left.(string), right.(string)
		if l == "" {
			return r
		}
		e.read(l)
		e.grow(len(l), r)
		return l + r
	case !leftMarkup:
		l = &markup{r.format, r.format.escape(left.(string))}
	case !rightMarkup:
		r = &markup{l.format, l.format.escape(right.(string))}
	}
	if l.format != r.format {
		fail(at, Failed, "", "%s markup and %s markup cannot be joined", l.format.name, r.format.name)
	}
	e.read(l.text)
	e.grow(len(l.text), r.text)
	return &markup{l.format, l.text + r.text}
}

// compare applies ==, != and the operators of order.
func (e *env) compare(at int, operator string, left, right value) bool {
	order, problem := e.order(left, right)
	if problem != "" {
		fail(at, Failed, "", "%s", problem)
	}
	switch operator {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	}
	if _, isText := left.(string); isText || isBool(left) {
		fail(at, Failed, "", "%s cannot be compared with %s, only with == and !=", typeName(left), operator)
	}
	switch operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func isBool(v value) bool {
	_, is := v.(bool)
	return is
}

// order is which of two values comes first. Texts and booleans are only told apart.
func (e *env) order(left, right value) (order int, problem string) {
	if left == (empty{}) {
		left = ""
	}
	if right == (empty{}) {
		right = ""
	}
	switch l := left.(type) {
	case number:
		if r, is := right.(number); is {
			e.spend(l.size() + r.size())
			return l.compare(r), ""
		}
	case string:
		if r, is := right.(string); is {
			e.spend(min(len(l), len(r)) / 64)
			return strings.Compare(l, r), ""
		}
	case bool:
		if r, is := right.(bool); is {
			if l == r {
				return 0, ""
			}
			return 1, ""
		}
	case instant:
		if r, is := right.(instant); is && l.part == r.part {
			return l.Compare(r.Time), ""
		} else if is {
			return 0, "a date, a time and a date with a time cannot be compared with each other: convert them with ?date, ?time or ?datetime"
		}
	}
	return 0, typeName(left) + " cannot be compared with " + typeName(right)
}

// sorted compares texts as the language of the locale orders them.
func (e *env) sorted(left, right string) int {
	e.spend(1 + min(len(left), len(right))/16)
	if e.collator == nil {
		e.collator = collate.New(e.locale.tag)
	}
	return e.collator.CompareString(left, right)
}
