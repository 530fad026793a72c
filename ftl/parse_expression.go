package ftl

import (
	"fmt"
	"slices"
	"strings"
)

// precedences of the operators between two expressions. Of comparisons there can only be one in a row.
var precedences = map[string]int{
	"||": 1, "&&": 2, "==": 3, "=": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "..": 5, "..<": 5, "..*": 5, "+": 6, "-": 6, "*": 7, "/": 7, "%": 7,
}

const (
	equality   = 3
	relational = 4
	ranges     = 5
	additive   = 6
)

// advance reads the next token. The one that ends a tag or an interpolation is never advanced from: text follows.
func (p *parser) advance() { p.tok = p.lexer.token() }

// begin reads the first token of what is in a tag or, without inTag, in an interpolation.
func (p *parser) begin(inTag bool) {
	p.inTag, p.parens = inTag, 0
	p.advance()
}

// back goes back to where the parser was. What the tokens since then have cost is not given back, or one could look ahead without end.
func (p *parser) back(l lexer, t token) {
	l.budget = p.budget
	p.lexer, p.tok = l, t
}

func (p *parser) is(kind string) bool { return p.tok.kind == kind }

// take advances if the token is of the kind.
func (p *parser) take(kind string) bool {
	if p.is(kind) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(kind, why string) {
	if !p.take(kind) {
		p.unexpected(kind + " " + why)
	}
}

func (p *parser) unexpected(want string) {
	what := p.tok.kind
	switch what {
	case nameToken, numberToken:
		what = p.tok.text
	case stringToken, rawToken:
		what = "a string"
	case tagEnd:
		what = "the end of the tag"
	case emptyTagEnd:
		what = "the end of an empty tag"
	case endToken:
		what = "the end of the template"
	}
	p.fail(p.tok.from, Syntax, "", "%s was expected, %s was found", want, what)
}

// node is the base of an expression that has others in it, and the gate for how deep expressions can be.
func (p *parser) node(at int, parts ...expression) base {
	high := 0
	for _, part := range parts {
		if part != nil {
			high = max(high, part.height())
		}
	}
	if high++; high > 10*p.limits.Depth {
		p.fail(at, Limit, "take it apart with [#assign]", "the expression is too long")
	}
	return base{p.sourceAt(at), high}
}

// nested runs a part of the parser that can come to itself again.
func (p *parser) nested(at int, parse func()) {
	if p.depth++; p.depth > p.limits.Depth {
		p.fail(at, Limit, "", "more than %d brackets or directives within each other", p.limits.Depth)
	}
	parse()
	p.depth--
}

func (p *parser) expression() expression { return p.binary(1) }

// binary reads an expression of operators that bind at least so strongly.
func (p *parser) binary(least int) expression {
	left, most := p.unary(), 10
	for {
		operator, from := p.tok.kind, left.place()
		precedence := precedences[operator]
		if precedence < least || precedence > most {
			return left
		}
		p.advance()
		if precedence == ranges {
			left, most = p.rangeFrom(left, operator), ranges-1
			continue
		}
		right := p.binary(precedence + 1)
		b := p.node(from, left, right)
		switch precedence {
		case 1, 2:
			left = &logical{b, left, right, operator == "||"}
		case equality, relational:
			if operator == "=" {
				operator = "=="
			}
			left, most = &comparison{b, left, right, operator}, precedence-1
		default:
			left = &arithmetic{b, left, right, operator[0]}
		}
	}
}

func (p *parser) rangeFrom(left expression, operator string) expression {
	var to expression
	if operator != ".." || p.startsExpression() {
		to = p.binary(additive)
	}
	return &span{p.node(left.place(), left, to), left, to, operator}
}

// startsExpression tells whether an expression begins here. A ! may be the end of one as well: x!!.
func (p *parser) startsExpression() bool {
	switch p.tok.kind {
	case "+", "-", "!":
		lexer, tok := p.lexer, p.tok
		for p.advance(); tok.kind == "!" && p.is("!"); {
			p.advance()
		}
		starts := p.startsPrimary()
		p.back(lexer, tok)
		return starts
	}
	return p.startsPrimary()
}

func (p *parser) startsPrimary() bool {
	switch p.tok.kind {
	case nameToken, stringToken, rawToken, numberToken, "true", "false", "(", "[", "{", ".":
		return true
	}
	return false
}

func (p *parser) unary() (x expression) {
	operator, at := p.tok.kind, p.tok.from
	switch operator {
	case "!":
		nots := 0
		for p.take("!") {
			nots++
		}
		x = p.postfix(p.primary())
		for range nots {
			x = &not{p.node(at, x), x}
		}
		return x
	case "+", "-":
		p.advance()
		of := p.postfix(p.primary())
		return &signed{p.node(at, of), of, operator == "-"}
	}
	return p.postfix(p.primary())
}

func (p *parser) primary() (x expression) {
	t := p.tok
	b := base{p.sourceAt(t.from), 1}
	switch t.kind {
	case nameToken:
		p.advance()
		if replaced, is := p.replaced[t.text]; is {
			return replaced
		}
		return &variable{b, t.text}
	case numberToken:
		p.advance()
		n, valid := parseNumber(t.text)
		if !valid {
			p.fail(t.from, Limit, "", "the number is too large")
		}
		return &literal{b, n}
	case stringToken:
		p.advance()
		return p.composed(t, b)
	case rawToken:
		p.advance()
		return &literal{b, t.text}
	case "true", "false":
		p.advance()
		return &literal{b, t.kind == "true"}
	case ".":
		p.advance()
		name := p.tok
		p.expect(nameToken, "of a special variable")
		return p.specialVariable(t.from, name.text)
	case "(":
		p.brackets(func() {
			inner := p.expression()
			x = &parentheses{p.node(t.from, inner), inner}
		})
		p.expect(")", "")
		return x
	case "[":
		p.brackets(func() {
			elements := p.expressions("]")
			x = &listLiteral{p.node(t.from, elements...), elements}
		})
		p.expect("]", "")
		return x
	case "{":
		p.brackets(func() { x = p.hashLiteral(t.from) })
		p.expect("}", "")
		return x
	}
	p.unexpected("an expression")
	return nil
}

// brackets parses what is between brackets, where nothing from outside of them ends an expression.
func (p *parser) brackets(parse func()) {
	spaced, bang := p.spaceEnds, p.bangEnds
	p.spaceEnds, p.bangEnds = false, false
	p.nested(p.tok.from, func() {
		p.advance()
		parse()
	})
	p.spaceEnds, p.bangEnds = spaced, bang
}

// expressions reads some with or without commas between them, up to the closing bracket.
func (p *parser) expressions(closing string) (list []expression) {
	for !p.is(closing) {
		list = append(list, p.expression())
		if p.take(",") && p.is(closing) || !p.is(closing) && !p.startsExpression() {
			p.unexpected("an expression or " + closing)
		}
	}
	return list
}

func (p *parser) hashLiteral(from int) expression {
	var keys, values []expression
	for !p.is("}") {
		key := p.expression()
		if l, is := key.(*literal); is && !isString(l.value) {
			p.fail(key.place(), Syntax, "write the name in quotes", "the names of members are strings")
		}
		if !p.take(":") && !p.take(",") {
			p.unexpected("a colon")
		}
		keys, values = append(keys, key), append(values, p.expression())
		if !p.take(",") {
			break
		}
		if p.is("}") {
			p.unexpected("a name")
		}
	}
	return &hashLiteral{p.node(from, slices.Concat(keys, values)...), keys, values}
}

func isString(v value) bool {
	_, is := v.(string)
	return is
}

// refusedVariables are those that FreeMarker has, with the reason why they are not here.
var refusedVariables = map[string]string{
	"data_model": "write the name of the variable, or .vars", "node": "there are no XML documents here", "current_node": "there are no XML documents here",
	"get_optional_template": "there are no other templates here", "caller_template_name": "there are no other templates here", "args": "name the parameters",
	"pass": "write nothing", "incompatible_improvements": "",
}

var specialVariables = []string{
	"now", "locale", "locale_object", "lang", "time_zone", "vars", "globals", "main", "namespace", "locals", "error", "template_name", "main_template_name",
	"current_template_name", "output_encoding", "url_escaping_charset", "version", "output_format", "auto_esc",
}

func (p *parser) specialVariable(at int, written string) expression {
	name := snakeCase(written)
	if hint, is := refusedVariables[name]; is {
		p.fail(at, Refused, hint, "the variable .%s cannot be used here", written)
	}
	switch name {
	case "output_format":
		return &literal{base{p.sourceAt(at), 1}, p.format.name}
	case "auto_esc":
		return &literal{base{p.sourceAt(at), 1}, p.autoEscape}
	}
	if !slices.Contains(specialVariables, name) {
		p.fail(at, Syntax, suggest(name, specialVariables, "."), "there is no special variable .%s", written)
	}
	return &special{base{p.sourceAt(at), 1}, name}
}

// postfix reads what stands behind an expression and belongs to it.
func (p *parser) postfix(x expression) expression {
	for {
		if p.spaceEnds && p.tok.spaced {
			return x
		}
		at := x.place()
		operator := p.tok
		switch operator.kind {
		case ".":
			p.advance()
			name := p.tok.text
			if _, isWord := words[name]; !isWord && !p.is(nameToken) {
				p.unexpected("the name of a member")
			}
			p.advance()
			x = &member{p.node(at, x), x, name}
		case "[":
			p.brackets(func() {
				key := p.expression()
				x = &item{p.node(at, x, key), x, key}
			})
			p.expect("]", "")
		case "(":
			p.brackets(func() {
				arguments := p.expressions(")")
				x = &call{p.node(at, slices.Concat([]expression{x}, arguments)...), x, arguments}
			})
			p.expect(")", "")
		case "?":
			p.advance()
			x = p.builtin(x)
		case "??":
			p.advance()
			x = &exists{p.node(at, x), x}
		case "!":
			p.advance()
			var otherwise expression
			if !(p.bangEnds && p.tok.spaced) && p.startsExpression() {
				p.nested(operator.from, func() { otherwise = p.expression() })
			}
			x = &fallback{p.node(at, x, otherwise), x, otherwise}
		default:
			return x
		}
	}
}

// composed is a string literal, with the interpolations in it. What is between them has lost its escapes by now, as in FreeMarker.
func (p *parser) composed(t token, b base) (x expression) {
	if len(t.text) <= 3 || !strings.Contains(t.text, "${") && !strings.Contains(t.text, "#{") {
		return &literal{b, t.text}
	}
	p.nested(t.from, func() {
		inner := newParser(&source{text: t.text}, p.limits)
		inner.within, inner.depth, inner.budget = b.at, p.depth, p.budget
		inner.format, inner.loopNames = p.format, p.loopNames
		inner.inString = true
		var parts []expression
		for piece := inner.next(); piece.kind != endOfText; piece = inner.next() {
			if piece.kind == plainText {
				parts = append(parts, &literal{b, t.text[piece.from:piece.to]})
			} else {
				parts = append(parts, inner.interpolation(piece))
			}
		}
		p.budget = inner.budget
		x = &composed{p.node(t.from, parts...), parts}
	})
	return x
}

// interpolation reads the rest of ${…} or #{…}.
func (p *parser) interpolation(start piece) expression {
	p.begin(false)
	x := p.expression()
	if start.kind == numberInterpolation {
		n := &numberOutput{p.node(start.from, x), x, -1, -1}
		if p.take(";") {
			if !p.is(nameToken) || !p.digitsOf(n, p.tok.text) {
				p.unexpected("a format such as m2M4")
			}
			p.advance()
		}
		x = n
	}
	if !p.is("}") {
		if p.is(endToken) {
			p.fail(start.from, Syntax, "write }", "%s is never closed", p.text[start.from:start.to])
		}
		p.unexpected("}")
	}
	return x
}

// digitsOf reads the format of a number interpolation: m is for the least number of digits behind the point, M for the most.
func (p *parser) digitsOf(n *numberOutput, format string) bool {
	for format != "" {
		letter, digits := format[0], 1
		for digits < len(format) && isDigit(format[digits]) {
			digits++
		}
		var count int
		if _, err := fmt.Sscanf(format[1:digits], "%d", &count); err != nil || count > 50 {
			return false
		}
		switch {
		case letter == 'm' && n.min < 0:
			n.min = count
		case letter == 'M' && n.max < 0:
			n.max = count
		default:
			return false
		}
		format = format[digits:]
	}
	return n.max < 0 || n.min <= n.max
}
