package ftl

import (
	"slices"
	"strings"
)

// directive is how a tag is read. Those without a parse function belong to the directive around them.
type directive struct {
	parameters parameters
	parse      func(p *parser, into *treePart, tag piece)
}

type parameters int

const (
	required parameters = iota
	none
	optional
)

var directives map[string]directive

func init() {
	directives = map[string]directive{
		"if":           {required, (*parser).ifDirective},
		"elseif":       {required, nil},
		"else":         {none, nil},
		"list":         {required, (*parser).listDirective},
		"foreach":      {required, (*parser).foreachDirective},
		"items":        {required, (*parser).itemsDirective},
		"sep":          {none, (*parser).sepDirective},
		"break":        {none, (*parser).breakDirective},
		"continue":     {none, (*parser).breakDirective},
		"switch":       {required, (*parser).switchDirective},
		"case":         {required, nil},
		"default":      {none, nil},
		"assign":       {required, (*parser).assignDirective},
		"local":        {required, (*parser).assignDirective},
		"global":       {required, (*parser).assignDirective},
		"macro":        {required, (*parser).macroDirective},
		"function":     {required, (*parser).macroDirective},
		"nested":       {optional, (*parser).nestedDirective},
		"return":       {optional, (*parser).returnDirective},
		"attempt":      {none, (*parser).attemptDirective},
		"recover":      {none, nil},
		"stop":         {optional, (*parser).stopDirective},
		"setting":      {required, (*parser).settingDirective},
		"noparse":      {none, (*parser).noparseDirective},
		"comment":      {none, (*parser).noparseDirective},
		"compress":     {none, (*parser).bodyDirective},
		"escape":       {required, (*parser).escapeDirective},
		"noescape":     {none, (*parser).noescapeDirective},
		"autoesc":      {none, (*parser).bodyDirective},
		"noautoesc":    {none, (*parser).bodyDirective},
		"outputformat": {required, (*parser).outputFormatDirective},
		"t":            {none, (*parser).trimDirective},
		"lt":           {none, (*parser).trimDirective},
		"rt":           {none, (*parser).trimDirective},
		"nt":           {none, (*parser).trimDirective},
		"flush":        {none, (*parser).flushDirective},
	}
	for camel, name := range map[string]string{
		"no_parse": "noparse", "no_escape": "noescape", "auto_esc": "autoesc", "no_auto_esc": "noautoesc", "output_format": "outputformat",
		"else_if": "elseif", "for_each": "foreach",
	} {
		directives[camel] = directives[name]
	}
}

// directiveName is the name of a directive in its older spelling.
func directiveName(tag piece) string { return strings.ReplaceAll(snakeCase(tag.name), "_", "") }

func (p *parser) ifDirective(into *treePart, tag piece) {
	n := &ifNode{spot: spot(tag.from)}
	whole := p.add(into, otherPart, n, tag)
	next := tag
	for last := false; ; {
		b := branch{body: &block{}}
		if next.kind == openTag && directiveName(next) == "else" {
			last = true
		} else {
			p.begin(true)
			b.condition = p.expression()
			p.endTag(false)
		}
		n.branches = append(n.branches, b)
		child := p.addBlock(whole, nil, b.body, next)
		next = p.content(child)
		if next.kind != openTag || last {
			break
		}
		if name := directiveName(next); name != "else" && name != "elseif" {
			break
		}
	}
	p.closed(tag, next)
	if p.ends(whole); len(whole.children) == 1 {
		p.ends(whole.children[0])
	}
}

func (p *parser) listDirective(into *treePart, tag piece) {
	p.begin(true)
	n := &listNode{spot: spot(tag.from), of: p.expression(), body: &block{}}
	if p.take("as") {
		n.name, n.key = p.loopVariables()
	}
	p.endTag(false)
	p.list(into, tag, n)
}

// foreachDirective is the oldest form of #list.
func (p *parser) foreachDirective(into *treePart, tag piece) {
	p.begin(true)
	n := &listNode{spot: spot(tag.from), body: &block{}, name: p.tok.text}
	p.expect(nameToken, "of a variable")
	p.expect("in", "behind the variable")
	n.of = p.expression()
	p.endTag(false)
	p.list(into, tag, n)
}

// loopVariables reads what stands behind as. Of two the first is the key.
func (p *parser) loopVariables() (name, key string) {
	name = p.tok.text
	p.expect(nameToken, "of a variable")
	if !p.take(",") {
		return name, ""
	}
	key, name = name, p.tok.text
	p.expect(nameToken, "of a second variable")
	if name == key {
		p.fail(p.tok.from, Syntax, "", "the two variables have the same name")
	}
	return name, key
}

func (p *parser) list(into *treePart, tag piece, n *listNode) {
	whole := p.add(into, otherPart, n, tag)
	p.lists = append(p.lists, &openList{rounds: n.name != ""})
	end := p.loopBody(p.addBlock(whole, nil, n.body, tag), n.name, n.key)
	if l := p.lists[len(p.lists)-1]; !l.rounds && !l.items {
		p.fail(tag.from, Syntax, "write as and a variable, or [#items] into it", "the #list says nothing about its elements")
	}
	p.lists = p.lists[:len(p.lists)-1]
	if end.kind == openTag && directiveName(end) == "else" {
		n.none = &block{}
		end = p.content(p.addBlock(whole, nil, n.none, end))
	}
	p.closed(tag, end)
	p.ends(whole)
	p.ends(whole.children[0]) // with an #else too, for FreeMarker
}

// loopBody reads what a loop repeats.
func (p *parser) loopBody(into *treePart, names ...string) piece {
	before := p.loopNames
	if names[0] != "" {
		p.loopNames = append(slices.Clone(before), names...)
		p.breakable++
	}
	end := p.content(into)
	if names[0] != "" {
		p.breakable--
	}
	p.loopNames = before
	return end
}

func (p *parser) itemsDirective(into *treePart, tag piece) {
	if len(p.lists) == 0 || p.lists[len(p.lists)-1].rounds {
		p.misplaced(tag, "write it into a #list without as")
	}
	l := p.lists[len(p.lists)-1]
	p.begin(true)
	p.expect("as", "")
	n := &itemsNode{spot: spot(tag.from), body: &block{}}
	n.name, n.key = p.loopVariables()
	p.endTag(false)
	part := p.addBlock(into, n, n.body, tag)
	l.rounds, l.items = true, true
	end := p.loopBody(part, n.name, n.key)
	l.rounds = false
	p.closed(tag, end)
	p.ends(part)
}

// sepDirective goes up to its closing tag or to where what it is in ends.
func (p *parser) sepDirective(into *treePart, tag piece) {
	if len(p.lists) == 0 || !p.lists[len(p.lists)-1].rounds {
		p.misplaced(tag, "write it into a #list or #items")
	}
	n := &sepNode{spot(tag.from), &block{}}
	part := p.addBlock(into, n, n.body, tag)
	end := p.content(part)
	if end.kind == closeTag && end.name == tag.name {
		p.ends(part)
		return
	}
	p.at = end.from // it belongs to what is around
	p.ends(part)
}

func (p *parser) breakDirective(into *treePart, tag piece) {
	f, name := breaks, directiveName(tag)
	inLoop := len(p.loopNames) > 0
	if name == "continue" {
		f = continues
	}
	if !inLoop && (p.breakable == 0 || f == continues) {
		p.misplaced(tag, "write it into a loop")
	}
	p.add(into, otherPart, &flowNode{spot(tag.from), f}, tag)
}

func (p *parser) switchDirective(into *treePart, tag piece) {
	p.begin(true)
	n := &switchNode{spot: spot(tag.from), of: p.expression()}
	p.endTag(false)
	whole := p.add(into, otherPart, n, tag)
	p.breakable++
	before := &treePart{into: &block{}, parent: whole}
	end := p.content(before)
	for _, part := range before.children {
		_, isComment := part.node.(*nothing)
		if !isComment && (part.text == nil || !blank(part.text.text)) {
			p.fail(part.node.place(), Syntax, "", "nothing but white space can stand before the first #case")
		}
	}
	hasDefault := false
	for end.kind == openTag && (end.name == "case" || end.name == "default") {
		b := branch{body: &block{}}
		if end.name == "default" {
			if hasDefault {
				p.misplaced(end, "there is a #default already")
			}
			hasDefault = true
		} else {
			p.begin(true)
			b.condition = p.expression()
			p.endTag(false)
		}
		n.cases = append(n.cases, b)
		end = p.content(p.addBlock(whole, nil, b.body, end))
	}
	p.breakable--
	p.closed(tag, end)
	p.ends(whole)
}

func (p *parser) assignDirective(into *treePart, tag piece) {
	s := scope(tag.name)
	if s == local && p.macro == nil {
		p.misplaced(tag, "write #assign outside of macros and functions")
	}
	p.begin(true)
	name := p.assignedName()
	if p.is("in") {
		p.fail(p.tok.from, Refused, "", "there are no namespaces here")
	}
	if p.is(tagEnd) || p.is("]") {
		n := &captureNode{spot(tag.from), s, name, p.format, &block{}}
		p.endTag(false)
		part := p.addBlock(into, n, n.body, tag)
		part.kind = capturePart
		p.closed(tag, p.content(part))
		p.ends(part)
		return
	}
	all := &bodyNode{spot(tag.from), &block{}}
	for {
		n := &assignNode{spot: spot(tag.from), scope: s, name: name, operator: p.tok.kind}
		switch n.operator {
		case "++", "--":
			p.advance()
		case "=", "+=", "-=", "*=", "/=", "%=":
			p.advance()
			n.value = p.expression()
		default:
			p.unexpected("= behind " + name)
		}
		all.body.nodes = append(all.body.nodes, n)
		p.take(",")
		if !p.is(nameToken) && !p.is(stringToken) {
			break
		}
		name = p.assignedName()
	}
	if p.is("in") {
		p.fail(p.tok.from, Refused, "", "there are no namespaces here")
	}
	p.endTag(true)
	p.add(into, quietPart, all, tag)
}

// assignedName reads the name of a variable, which may be written as a string.
func (p *parser) assignedName() string {
	name := p.tok.text
	p.checkName(p.tok.from, name)
	if !p.take(stringToken) && !p.take(rawToken) {
		p.expect(nameToken, "of a variable")
	}
	return name
}

func (p *parser) macroDirective(into *treePart, tag piece) {
	if p.macro != nil {
		p.fail(tag.from, Syntax, "", "a macro or function cannot be defined within another")
	}
	p.begin(true)
	m := &macro{name: p.assignedName(), function: tag.name == "function", names: map[string]bool{}, body: &block{}}
	parenthesis := p.take("(")
	for p.is(nameToken) {
		name := p.tok
		p.advance()
		if m.names[name.text] || m.rest != "" {
			p.fail(name.from, Syntax, "", "the parameter %s is there twice, or behind the one that takes the rest", name.text)
		}
		parameter := parameter{name: name.text}
		switch {
		case p.take("..."):
			m.rest = name.text
		case p.take("="):
			parameter.otherwise = p.expression()
		case len(m.parameters) > 0 && m.parameters[len(m.parameters)-1].otherwise != nil:
			p.fail(name.from, Syntax, "write the parameters without a default first", "the parameter %s has no default", name.text)
		}
		if m.rest == "" {
			m.parameters = append(m.parameters, parameter)
			m.names[name.text] = true
		}
		p.take(",")
	}
	if parenthesis {
		p.expect(")", "")
	}
	p.endTag(false)
	part := p.addBlock(into, &macroNode{spot(tag.from), m}, m.body, tag)
	part.kind = macroPart
	p.macros = append(p.macros, m)

	names, lists, breakable := p.loopNames, p.lists, p.breakable
	p.macro, p.loopNames, p.lists, p.breakable = m, nil, nil, 0
	p.closed(tag, p.content(part))
	p.macro, p.loopNames, p.lists, p.breakable = nil, names, lists, breakable
	p.ends(part)
}

func (p *parser) macroCall(into *treePart, tag piece) {
	p.begin(true)
	p.spaceEnds = true
	n := &callNode{spot: spot(tag.from), of: p.postfix(p.primary())}
	p.spaceEnds = false
	for first := true; p.startsExpression(); first = false {
		before, tok := p.lexer, p.tok
		if p.is(nameToken) && (first || len(n.named) > 0) {
			name := p.tok.text
			if p.advance(); p.is("=") {
				p.advance()
				p.bangEnds = true
				n.named = append(n.named, argument{name, p.expression()})
				p.bangEnds = false
				continue
			}
			p.back(before, tok)
		}
		if len(n.named) > 0 {
			p.unexpected("the name of a parameter")
		}
		n.positional = append(n.positional, p.expression())
		p.take(",")
	}
	if p.take(";") {
		for p.is(nameToken) {
			n.parameters = append(n.parameters, p.tok.text)
			if p.advance(); !p.take(",") {
				break
			}
		}
	}
	if p.endTag(true) {
		p.add(into, otherPart, n, tag)
		return
	}
	n.body = &block{}
	part := p.addBlock(into, n, n.body, tag)
	end := p.content(part)
	name := describe(n.of)
	switch {
	case end.kind == endOfText:
		p.fail(tag.from, Syntax, "write "+p.tag("/@"+name)+", or a slash at the end of the tag", "@%s is never closed", name)
	case end.kind != endOfCall:
		p.misplaced(end, "write "+p.tag("/@"+name)+" before it")
	case end.name != "" && end.name != name:
		p.misplaced(end, "write "+p.tag("/@"+name))
	}
	p.ends(part)
}

func (p *parser) nestedDirective(into *treePart, tag piece) {
	if p.macro == nil || p.macro.function {
		p.misplaced(tag, "write it into a macro")
	}
	n := &nestedNode{spot: spot(tag.from)}
	if !tag.bare {
		p.begin(true)
		for p.startsExpression() {
			n.arguments = append(n.arguments, p.expression())
			p.take(",")
		}
		p.endTag(true)
	}
	p.add(into, otherPart, n, tag)
}

func (p *parser) returnDirective(into *treePart, tag piece) {
	if p.macro == nil {
		p.misplaced(tag, "write it into a macro or function")
	}
	n := &returnNode{spot: spot(tag.from)}
	if p.macro.function == tag.bare {
		p.fail(tag.from, Syntax, "", "a function returns a value, a macro returns none")
	}
	if !tag.bare {
		p.begin(true)
		n.value = p.expression()
		p.endTag(true)
	}
	p.add(into, otherPart, n, tag)
}

func (p *parser) attemptDirective(into *treePart, tag piece) {
	n := &attemptNode{spot(tag.from), &block{}, &block{}}
	whole := p.add(into, otherPart, n, tag)
	body := p.addBlock(whole, nil, n.body, tag)
	end := p.content(body)
	if len(body.children) == 0 { // FreeMarker puts an empty text there, which is on no line
		body.kind, body.text, body.firstLine, body.lastLine = textPart, &textNode{}, -1, -1
	}
	if end.kind != openTag || end.name != "recover" {
		if end.kind == endOfText {
			p.closed(tag, end)
		}
		p.misplaced(end, "write "+p.tag("#recover")+" before it")
	}
	recover := p.addBlock(whole, nil, n.recover, end)
	end = p.content(recover)
	if end.kind != closeTag || end.name != "recover" {
		p.closed(tag, end)
	}
	p.ends(recover)
	p.ends(whole)
}

func (p *parser) stopDirective(into *treePart, tag piece) {
	n := &stopNode{spot: spot(tag.from)}
	if !tag.bare {
		p.begin(true)
		n.message = p.expression()
		p.endTag(true)
	}
	p.add(into, otherPart, n, tag)
}

var settings = []string{
	"locale", "time_zone", "number_format", "boolean_format", "date_format", "time_format", "datetime_format", "url_escaping_charset", "output_encoding",
}

func (p *parser) settingDirective(into *treePart, tag piece) {
	p.begin(true)
	written := p.tok
	p.expect(nameToken, "of a setting")
	name := snakeCase(written.text)
	if !slices.Contains(settings, name) {
		p.fail(written.from, Syntax, suggest(name, settings, ""), "there is no setting %s", written.text)
	}
	p.expect("=", "behind the name of the setting")
	n := &settingNode{spot(tag.from), name, p.expression()}
	p.endTag(true)
	p.add(into, quietPart, n, tag)
}

// noparseDirective is for what is text up to the closing tag, or nothing at all: a comment.
func (p *parser) noparseDirective(into *treePart, tag piece) {
	closing := strings.TrimSuffix(p.tag("/#"+tag.name), p.bracket())
	for at := p.at; ; {
		i := strings.Index(p.text[at:], closing)
		if i < 0 {
			p.closed(tag, piece{kind: endOfText})
		}
		at += i + len(closing)
		end := p.skipSpace(at)
		if !strings.HasPrefix(p.text[end:], p.bracket()) {
			continue
		}
		from := p.at
		if p.at = end + 1; directiveName(tag) == "comment" {
			p.add(into, quietPart, &nothing{spot(tag.from)}, tag)
		} else {
			p.addText(into, tag.from, from, at-len(closing))
		}
		return
	}
}

// bodyDirective is for what changes how its content is read or written, and has no parameters.
func (p *parser) bodyDirective(into *treePart, tag piece) {
	escapes := p.autoEscape
	body := &block{}
	var n node = &bodyNode{spot(tag.from), body}
	switch directiveName(tag) {
	case "compress":
		n = &compressNode{spot(tag.from), body}
	case "autoesc":
		if p.format.escape == nil {
			p.fail(tag.from, Syntax, "", "the output format %s has no escaping", p.format.name)
		}
		p.autoEscape = true
	case "noautoesc":
		p.autoEscape = false
	}
	p.body(into, n, body, tag)
	p.autoEscape = escapes
}

// body reads the content of a directive and its closing tag.
func (p *parser) body(into *treePart, n node, body *block, tag piece) {
	part := p.addBlock(into, n, body, tag)
	p.closed(tag, p.content(part))
	p.ends(part)
}

func (p *parser) escapeDirective(into *treePart, tag piece) {
	if p.autoEscape {
		p.fail(tag.from, Syntax, "leave it out", "#escape would escape twice: %s is escaped here anyway", p.format.name)
	}
	p.begin(true)
	e := escape{variable: p.tok.text}
	p.expect(nameToken, "of a variable")
	p.expect("as", "behind the variable")
	e.from = p.tok.from
	p.expression()
	p.endTag(false)
	p.escapes = append(p.escapes, e)
	n := &bodyNode{spot(tag.from), &block{}}
	p.body(into, n, n.body, tag)
	p.escapes = p.escapes[:len(p.escapes)-1]
}

func (p *parser) noescapeDirective(into *treePart, tag piece) {
	if len(p.escapes) == 0 {
		p.misplaced(tag, "write it into #escape")
	}
	escapes := p.escapes
	p.escapes = slices.Clone(escapes[:len(escapes)-1])
	n := &bodyNode{spot(tag.from), &block{}}
	p.body(into, n, n.body, tag)
	p.escapes = escapes
}

func (p *parser) outputFormatDirective(into *treePart, tag piece) {
	format, escapes := p.format, p.autoEscape
	p.begin(true)
	p.setFormat(p.expression())
	p.endTag(false)
	n := &bodyNode{spot(tag.from), &block{}}
	p.body(into, n, n.body, tag)
	p.format, p.autoEscape = format, escapes
}

// trimNode is [#t], [#lt], [#rt] or [#nt], of which nothing is left when the template runs.
type trimNode struct {
	nothing
	left, right bool
}

func (p *parser) trimDirective(into *treePart, tag piece) {
	left, right := tag.name == "t" || tag.name == "lt", tag.name == "t" || tag.name == "rt"
	p.add(into, trimPart, &trimNode{nothing{spot(tag.from)}, left, right}, tag)
}

func (p *parser) flushDirective(into *treePart, tag piece) {
	p.add(into, otherPart, &nothing{spot(tag.from)}, tag)
}
