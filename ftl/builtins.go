package ftl

import (
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/nearest"
)

// builtin is what can be asked of a value: ?upper_case. It takes from least to most arguments; with none it stands without parentheses.
type builtin struct {
	least, most int
	run         func(c evaluation) value
}

// builtinCall is a built-in in a template.
type builtinCall struct {
	base
	of        expression
	name      string
	builtin   *builtin
	arguments []expression
	format    *outputFormat // where the call stands
}

// evaluation is a built-in at work.
type evaluation struct {
	*env
	x *builtinCall
}

func (x *builtinCall) eval(e *env) value { return x.builtin.run(evaluation{e, x}) }

// has tells whether there is an argument of that number.
func (c evaluation) has(i int) bool { return i < len(c.x.arguments) }

func (c evaluation) arg(i int) value { return c.value(c.x.arguments[i]) }

// textArg is an argument that must be a string: numbers are not formatted.
func (c evaluation) textArg(i int) string {
	switch v := c.arg(i).(type) {
	case string:
		c.read(v)
		return v
	case empty:
		return ""
	default:
		c.mistaken(c.x.arguments[i], v, "a text", "")
		return ""
	}
}

// anyArg is an argument as text: numbers are formatted.
func (c evaluation) anyArg(i int) string { return c.text(c.x.arguments[i]) }

func (c evaluation) intArg(i int) int {
	return c.whole(c.env.number(c.x.arguments[i]), c.x.arguments[i].place())
}

// flags are the letters of an argument, of which only some are known.
func (c evaluation) flags(i int, known string) string {
	if !c.has(i) {
		return ""
	}
	flags := c.textArg(i)
	if strings.Trim(flags, known) != "" {
		fail(c.x.arguments[i].place(), Failed, "the flags of ?"+c.x.name+" are "+known, "there are no flags %q", flags)
	}
	return flags
}

func (c evaluation) fail(hint, format string, args ...any) value {
	fail(c.x.at, Failed, hint, format, args...)
	return nil
}

// function is an argument that is called for each element of a sequence.
func (c evaluation) function(i int) func(value) value {
	x, v := c.x.arguments[i], c.arg(i)
	switch f := v.(type) {
	case *lambda:
		return func(v value) value {
			outer := c.loops
			c.enter(x.place())
			c.loops = &loop{outer: outer, name: f.parameter, value: v}
			result := c.eval(f.body)
			c.loops = outer
			c.leave()
			return result
		}
	case *macro:
		if f.function {
			return func(v value) value { return c.callFunction(f, []value{v}, x.place()) }
		}
	}
	c.mistaken(x, v, "a function such as x -> x.name", "")
	return nil
}

// Built-ins by what they are asked of. Each of these makes one of a function that is given the value.

func ofText(least, most int, run func(c evaluation, s string) value) *builtin {
	return &builtin{least, most, func(c evaluation) value { return run(c, c.text(c.x.of)) }}
}

// textToText is for built-ins without arguments that make a text of a text.
func textToText(run func(string) string) *builtin {
	return ofText(0, 0, func(c evaluation, s string) value { return c.made(run(s)) })
}

func ofNumber(least, most int, run func(c evaluation, n number) value) *builtin {
	return &builtin{least, most, func(c evaluation) value { return run(c, c.env.number(c.x.of)) }}
}

func ofList(least, most int, run func(c evaluation, s sequence) value) *builtin {
	return &builtin{least, most, func(c evaluation) value {
		v := c.value(c.x.of)
		s, is := v.(sequence)
		if !is {
			c.mistaken(c.x.of, v, "a list", "")
		}
		return run(c, s)
	}}
}

// ofAny is for built-ins that take any value but none that is missing.
func ofAny(least, most int, run func(c evaluation, v value) value) *builtin {
	return &builtin{least, most, func(c evaluation) value { return run(c, c.value(c.x.of)) }}
}

// ofMaybe is for those that take a missing one too, with the meaning of parentheses for x!.
func ofMaybe(least, most int, run func(c evaluation, v value) value) *builtin {
	return &builtin{least, most, func(c evaluation) value { return run(c, c.maybe(c.x.of)) }}
}

// ofLoop is for those of the variable of a loop.
func ofLoop(least, most int, run func(c evaluation, l *loop) value) *builtin {
	return &builtin{least, most, func(c evaluation) value {
		name := c.x.of.(*variable).name // the parser saw to it
		for l := c.loops; l != nil; l = l.outer {
			if l.isLoop && (l.name == name || l.key == name) {
				return run(c, l)
			}
		}
		return c.fail("", "%s is not the variable of a loop that is running", name)
	}}
}

// is is for questions about the type.
func is(test func(v value) bool) *builtin {
	return ofAny(0, 0, func(_ evaluation, v value) value { return test(v) })
}

// builtins are all of them.
var builtins = map[string]*builtin{
	"default": ofMaybe(1, 20, func(c evaluation, v value) value {
		for i := 0; v == nil && c.has(i); i++ {
			v = c.eval(c.x.arguments[i])
		}
		return v
	}),
	"exists": ofMaybe(0, 0, func(_ evaluation, v value) value { return v != nil }),
	"if_exists": ofMaybe(0, 0, func(_ evaluation, v value) value {
		if v == nil {
			return empty{}
		}
		return v
	}),
	"has_content": ofMaybe(0, 0, func(_ evaluation, v value) value { return hasContent(v) }),
	"then": {2, 2, func(c evaluation) value {
		if c.boolean(c.x.of) {
			return c.arg(0)
		}
		return c.arg(1)
	}},
	"switch": {2, 100, func(c evaluation) value {
		v := c.value(c.x.of)
		i := 0
		for ; c.has(i + 1); i += 2 {
			if c.compare(c.x.arguments[i].place(), "==", v, c.arg(i)) {
				return c.arg(i + 1)
			}
		}
		if c.has(i) {
			return c.arg(i)
		}
		return c.fail("add a result without a case at the end", "no case of ?switch fits")
	}},
	"c": ofAny(0, 0, func(c evaluation, v value) value {
		switch v := v.(type) {
		case number:
			return v.String()
		case bool:
			return strconv.FormatBool(v)
		case *match:
			return strconv.FormatBool(v.whole)
		}
		c.mistaken(c.x.of, v, "a number or a boolean", "")
		return nil
	}),
	"string":  ofAny(0, 2, asString),
	"boolean": ofAny(0, 0, asBoolean),
	"size": ofAny(0, 0, func(c evaluation, v value) value {
		if !listable(v) {
			c.mistaken(c.x.of, v, "a list or an object", "write ?length for the length of a text")
		}
		return whole(size(v))
	}),
	"namespace": ofAny(0, 0, func(c evaluation, v value) value {
		if _, is := v.(*macro); !is {
			c.mistaken(c.x.of, v, "a macro", "")
		}
		return c.assigned
	}),

	"esc": ofAny(0, 0, func(c evaluation, v value) value {
		if m, is := c.textOrMarkup(v, c.x.of).(*markup); is {
			return m
		}
		return &markup{c.x.format, c.x.format.escape(c.textOf(v, c.x.of))}
	}),
	"no_esc": ofAny(0, 0, func(c evaluation, v value) value {
		if m, is := c.textOrMarkup(v, c.x.of).(*markup); is {
			return m
		}
		return &markup{c.x.format, c.textOf(v, c.x.of)}
	}),
	"markup_string": ofAny(0, 0, func(c evaluation, v value) value {
		m, is := v.(*markup)
		if !is {
			c.mistaken(c.x.of, v, "markup", "")
		}
		return m.text
	}),

	"is_boolean":       is(isBool),
	"is_collection":    is(func(value) bool { return false }),
	"is_collection_ex": is(func(value) bool { return false }),
	"is_date":          is(isInstant),
	"is_date_like":     is(isInstant),
	"is_date_only":     is(func(v value) bool { t, is := v.(instant); return is && t.part == onlyDate }),
	"is_datetime":      is(func(v value) bool { t, is := v.(instant); return is && t.part == dateAndTime }),
	"is_directive":     is(isMacro),
	"is_enumerable":    is(isSequence),
	"is_hash":          is(isHash),
	"is_hash_ex":       is(isHash),
	"is_indexable":     is(isSequence),
	"is_infinite":      ofNumber(0, 0, func(evaluation, number) value { return false }),
	"is_macro":         is(isMacro),
	"is_markup_output": is(func(v value) bool { _, is := v.(*markup); return is }),
	"is_method":        is(func(value) bool { return false }),
	"is_nan":           ofNumber(0, 0, func(evaluation, number) value { return false }),
	"is_node":          is(func(value) bool { return false }),
	"is_number":        is(func(v value) bool { _, is := v.(number); return is }),
	"is_sequence":      is(isSequence),
	"is_string":        is(func(v value) bool { return isString(v) || v == value(empty{}) }),
	"is_time":          is(func(v value) bool { t, is := v.(instant); return is && t.part == onlyTime }),
	"is_transform":     is(func(value) bool { return false }),

	"is_unknown_date_like": is(func(value) bool { return false }),
}

func isSequence(v value) bool { _, is := v.(sequence); return is }
func isHash(v value) bool     { _, is := v.(hash); return is }
func isMacro(v value) bool    { _, is := v.(*macro); return is }
func isInstant(v value) bool  { _, is := v.(instant); return is }

func init() {
	for _, more := range []map[string]*builtin{textBuiltins, numberBuiltins, dateBuiltins, listBuiltins} {
		for name, b := range more {
			builtins[name] = b
		}
	}
}

func hasContent(v value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case *markup:
		return v.text != ""
	case sequence, hash:
		return size(v) > 0
	}
	return true
}

// asString is ?string: a value as text, in a format if one is given.
func asString(c evaluation, v value) value {
	want, given := 0, len(c.x.arguments)
	switch v := v.(type) {
	case number:
		if given == 1 {
			return c.formatNumber(v, c.anyArg(0), c.x.arguments[0].place())
		}
	case instant:
		if given == 1 {
			return c.formatDate(v, c.anyArg(0), c.x.arguments[0].place())
		}
	case bool:
		if c.has(1) {
			if v {
				return c.anyArg(0)
			}
			return c.anyArg(1)
		}
		yes, no, _ := strings.Cut(c.booleans, ",")
		if c.booleans == "c" {
			yes, no = "true", "false"
		}
		if want = 2; !c.has(0) {
			if v {
				return yes
			}
			return no
		}
	}
	if given != want && given > 0 {
		c.fail("", "%s is %s, for which ?string has no such arguments", describe(c.x.of), typeName(v))
	}
	return c.textOf(v, c.x.of)
}

func asBoolean(c evaluation, v value) value {
	yes, no, _ := strings.Cut(c.booleans, ",")
	switch c.textOf(v, c.x.of) {
	case "true", yes:
		return true
	case "false", no:
		return false
	}
	return c.fail("", "%s is not true or false", describe(c.x.of))
}

// refusedBuiltins are those of FreeMarker that are not here, with what to do instead or why.
var refusedBuiltins = map[string]string{
	"new": "templates cannot make Java objects", "api": "templates cannot reach Java objects", "has_api": "templates cannot reach Java objects",
	"eval": "templates cannot run what they are given", "interpret": "templates cannot run what they are given", "eval_json": "put the value into the model",
	"absolute_template_name": "there are no other templates here", "with_args": "write the arguments where the macro is called",
	"with_args_last": "write the arguments where the macro is called", "rtf": "there are no RTF documents here",
	"ancestors": noXML, "children": noXML, "next_sibling": noXML, "node_name": noXML, "node_namespace": noXML, "node_type": noXML, "parent": noXML,
	"previous_sibling": noXML, "root": noXML,
	"truncate": cut, "truncate_c": cut, "truncate_c_m": cut, "truncate_m": cut, "truncate_w": cut, "truncate_w_m": cut,
	"date_if_unknown": isKnown, "datetime_if_unknown": isKnown, "time_if_unknown": isKnown,
}

const (
	noXML   = "there are no XML documents here"
	cut     = "write [0..*100] for the first 100 characters"
	isKnown = "the type of a date is always known here"
)

// snakeCase turns the spelling upperCase into upper_case. Both may be used.
func snakeCase(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' && i > 0 {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func suggest(name string, known []string, sign string) string {
	if near := nearest.Name(name, known); near != "" {
		return "did you mean " + sign + near + "?"
	}
	return ""
}

// builtin reads the name of a built-in and its arguments.
func (p *parser) builtin(of expression) expression {
	written, at := p.tok, of.place()
	p.expect(nameToken, "of a built-in")
	name := snakeCase(written.text)
	if hint, is := refusedBuiltins[name]; is {
		p.fail(written.from, Refused, hint, "?%s cannot be used here", written.text)
	}
	b := builtins[name]
	if b == nil {
		known := make([]string, 0, len(builtins))
		for name := range builtins {
			known = append(known, name)
		}
		slices.Sort(known)
		p.fail(written.from, Syntax, suggest(name, known, "?"), "there is no built-in ?%s", written.text)
	}
	p.checkBuiltin(written, name, of)
	x := &builtinCall{of: of, name: name, builtin: b, format: p.format}
	takesFormat := name == "string" || name == "date" || name == "time" || name == "datetime"
	switch {
	case p.is("("):
		p.brackets(func() { x.arguments = p.arguments(name) })
		p.expect(")", "")
		if b.most == 0 {
			p.fail(written.from, Syntax, "leave out the parentheses", "?%s takes no arguments", name)
		}
	case takesFormat && p.is("."):
		p.advance()
		x.arguments = []expression{&literal{base{p.sourceAt(p.tok.from), 1}, p.tok.text}}
		p.expect(nameToken, "of a format")
	case takesFormat && p.is("["):
		p.brackets(func() { x.arguments = []expression{p.expression()} })
		p.expect("]", "")
	}
	if n := len(x.arguments); n < b.least || n > b.most {
		p.fail(written.from, Syntax, "", "?%s takes %s, not %d", name, counted(b.least, b.most), n)
	}
	x.base = p.node(at, slices.Concat([]expression{of}, x.arguments)...)
	return x
}

func counted(least, most int) string {
	numbers := []string{"no", "one", "two", "three"}
	switch {
	case most > len(numbers):
		return "at least " + numbers[least] + " arguments"
	case least != most:
		return numbers[least] + " to " + numbers[most] + " arguments"
	case least == 1:
		return "one argument"
	}
	return numbers[least] + " arguments"
}

// checkBuiltin refuses what can be seen to be wrong before it runs.
func (p *parser) checkBuiltin(written token, name string, of expression) {
	switch name {
	case "html", "xhtml", "xml", "web_safe":
		if p.autoEscape {
			p.fail(written.from, Syntax, "leave it out", "?%s would escape twice: %s is escaped here anyway", name, p.format.name)
		}
	case "esc", "no_esc":
		if p.format.escape == nil {
			p.fail(written.from, Syntax, "", "?%s has no meaning in a template whose output format is %s", name, p.format.name)
		}
	case "index", "counter", "has_next", "is_first", "is_last", "is_even_item", "is_odd_item", "item_parity", "item_parity_cap", "item_cycle":
		v, is := of.(*variable)
		if !is || !slices.Contains(p.loopNames, v.name) {
			p.fail(written.from, Syntax, "", "?%s can only be asked of the variable of a loop", name)
		}
	}
}

// arguments reads those of a built-in. Some take functions.
func (p *parser) arguments(name string) (list []expression) {
	takesFunction := name == "filter" || name == "map" || name == "take_while" || name == "drop_while"
	for !p.is(")") {
		if x := p.lambda(); x != nil {
			if !takesFunction {
				p.fail(x.place(), Syntax, "", "?%s takes no function", name)
			}
			list = append(list, x)
		} else {
			list = append(list, p.expression())
		}
		if !p.take(",") {
			break
		}
		if p.is(")") {
			p.unexpected("an argument")
		}
	}
	return list
}

// lambda reads x -> …, (x) -> … or () -> …, and nil when there is none.
func (p *parser) lambda() expression {
	lexer, tok, from := p.lexer, p.tok, p.tok.from
	parenthesis := p.take("(")
	name := ""
	if p.is(nameToken) {
		name = p.tok.text
		p.advance()
	}
	if (parenthesis && !p.take(")")) || (!parenthesis && name == "") || !p.is("->") {
		p.back(lexer, tok)
		return nil
	}
	p.advance()
	hidden := p.replaced[name]
	delete(p.replaced, name)
	body := p.expression()
	if hidden != nil {
		p.replaced[name] = hidden
	}
	return &lambda{p.node(from, body), name, body}
}
