package ftl

import (
	"slices"
	"strconv"
	"strings"
)

// parser makes a tree of a template.
type parser struct {
	lexer
	source *source
	limits Limits
	depth  int // of brackets and directives
	tok    token

	// The output format and whether interpolations are escaped, where the parser is.
	format     *outputFormat
	autoEscape bool
	escapes    []escape // [#escape], the outermost first
	replaced   map[string]expression

	strip, stripText bool
	macros           []*macro
	macro            *macro   // the macro or function that the parser is in
	loopNames        []string // variables of the loops that it is in
	lists            []*openList
	breakable        int // loops and switches that it is in

	spaceEnds bool // white space ends the expression: the name of a macro that is called
	bangEnds  bool // and a ! before white space has no default: arguments with names

	scans int // how much more may be looked at to strip white space
}

// openList is a list that the parser is in.
type openList struct {
	rounds bool // it has a variable, or [#items] gave it one
	items  bool // it had its [#items]
}

// escape is what [#escape x as …] does to an interpolation. Its expression is parsed again for each of them, with the interpolation for the variable.
type escape struct {
	variable string
	from     int // where its expression begins
}

func newParser(s *source, limits Limits) *parser {
	return &parser{
		lexer:  lexer{text: s.text, within: -1, budget: 4*limits.Source + 10_000},
		source: s, limits: limits, strip: true, scans: 40 * limits.Source, replaced: map[string]expression{},
	}
}

// treePart is a part of a template as white-space stripping sees it: its place among others and in the lines of the source.
type treePart struct {
	node     node
	text     *textNode // of a text
	kind     partKind
	parent   *treePart
	index    int
	children []*treePart
	into     *block // where the nodes of the children belong

	firstLine, lastLine int
	atLineStart         bool // it begins in the first column
}

type partKind int

const (
	otherPart   partKind = iota
	textPart             // text
	outputPart           // an interpolation
	trimPart             // [#t] and its kin
	quietPart            // it writes nothing by itself: a macro, an assignment, a setting, a comment
	macroPart            // a macro: quiet too, and from outside its content is not looked at
	capturePart          // a captured text, whose content is not looked at either
)

// template reads everything.
func (p *parser) template() *block {
	root := &treePart{into: &block{}}
	p.header()
	end := p.content(root)
	if end.kind != endOfText {
		p.misplaced(end, "")
	}
	if len(root.children) != 1 || root.children[0].kind != textPart {
		p.cleanUp(root)
	}
	root.fill()
	return root.into
}

// header reads [#ftl …], which can only stand at the beginning.
func (p *parser) header() {
	start := p.skipSpace(0)
	if !strings.HasPrefix(p.text[start:], "[#ftl") && !strings.HasPrefix(p.text[start:], "<#ftl") {
		return
	}
	tag, _ := p.special(start)
	if tag.name != "ftl" {
		p.known = false
		return
	}
	p.at = tag.to
	if !tag.bare {
		p.begin(true)
		for p.is(nameToken) {
			p.headerParameter()
		}
		p.endTag(true)
	}
	rest := strings.TrimLeft(p.text[p.at:], " \t")
	for _, end := range []string{"\r\n", "\n", "\r"} {
		if strings.HasPrefix(rest, end) {
			p.at = len(p.text) - len(rest) + len(end)
			break
		}
	}
}

func (p *parser) headerParameter() {
	name := p.tok
	p.advance()
	p.expect("=", "behind "+name.text)
	x := p.expression()
	l, isLiteral := x.(*literal)
	var v value
	if isLiteral {
		v = l.value
	}
	flag, isFlag := v.(bool)
	text, isText := v.(string)
	if isText && (text == "yes" || text == "true" || text == "no" || text == "false") {
		flag, isFlag = text == "yes" || text == "true", true
	}
	switch snakeCase(name.text) {
	case "encoding", "attributes":
	case "strip_whitespace":
		p.strip = flag
	case "strip_text":
		p.stripText = flag
	case "auto_esc":
		if p.autoEscape = flag; flag && p.format.escape == nil {
			p.fail(name.from, Syntax, "", "the output format %s has no escaping", p.format.name)
		}
	case "output_format":
		p.setFormat(x)
		isFlag = isText
	case "ns_prefixes":
		p.fail(name.from, Refused, "", "there are no XML documents here")
	default:
		p.fail(name.from, Syntax, "", "[#ftl] has no parameter %s", name.text)
	}
	if snakeCase(name.text) != "encoding" && snakeCase(name.text) != "attributes" && !isFlag {
		p.fail(x.place(), Syntax, "", "the parameter %s must be true or false", name.text)
	}
}

func (p *parser) setFormat(x expression) {
	l, _ := x.(*literal)
	if l == nil || !isString(l.value) {
		p.fail(x.place(), Syntax, "", "the output format must be a string")
	}
	format := outputFormats[l.value.(string)]
	if format == nil || l.value == "" {
		p.fail(x.place(), Syntax, "", "there is no output format %q", l.value)
	}
	p.format, p.autoEscape = format, format.escape != nil
}

// content reads what stands between tags into a part, up to a tag that does not begin something, and returns that.
func (p *parser) content(into *treePart) piece {
	for {
		tag := p.next()
		switch tag.kind {
		case plainText:
			p.addText(into, tag.from, tag.from, tag.to)
		case comment:
			p.add(into, quietPart, &nothing{spot(tag.from)}, tag)
		case interpolation, numberInterpolation:
			x := p.interpolation(tag)
			p.at = p.tok.to
			for _, e := range slices.Backward(p.escapes) {
				x = p.escaped(x, e)
			}
			p.add(into, outputPart, &outputNode{spot(tag.from), x, p.format, p.autoEscape}, tag)
		case callTag:
			p.nested(tag.from, func() { p.macroCall(into, tag) })
		case openTag:
			d, known := directives[snakeCase(tag.name)]
			if !known {
				p.unknownDirective(tag)
			}
			if tag.bare && d.parameters == required {
				p.fail(tag.from, Syntax, "", "#%s lacks its parameters", tag.name)
			}
			if !tag.bare && d.parameters == none {
				p.fail(tag.from, Syntax, "", "#%s takes no parameters", tag.name)
			}
			if d.parse == nil {
				return tag
			}
			p.nested(tag.from, func() { d.parse(p, into, tag) })
		default:
			return tag
		}
	}
}

// escaped is an interpolation as [#escape] wants it. Its expression is read again, with the interpolation in place of the variable.
func (p *parser) escaped(x expression, e escape) expression {
	lexer, tok := p.lexer, p.tok
	p.at, p.replaced = e.from, map[string]expression{e.variable: x}
	p.begin(true)
	x = p.expression()
	p.back(lexer, tok)
	p.replaced = map[string]expression{}
	return x
}

// add puts a node that begins with the tag and ends where the parser is into a part.
func (p *parser) add(into *treePart, kind partKind, n node, tag piece) *treePart {
	t := &treePart{node: n, kind: kind, parent: into, index: len(into.children), firstLine: p.source.line(tag.from)}
	p.ends(t)
	into.children = append(into.children, t)
	return t
}

// addBlock adds a part that has content.
func (p *parser) addBlock(into *treePart, n node, body *block, tag piece) *treePart {
	t := p.add(into, otherPart, n, tag)
	t.into = body
	return t
}

// ends says that the part goes to where the parser is.
func (p *parser) ends(t *treePart) { t.lastLine = p.source.line(p.at - 1) }

// addText adds a text. It stands where its tag begins, if it has one, and else where it begins.
func (p *parser) addText(into *treePart, start, from, to int) {
	if p.stripText && p.depth == 0 {
		return
	}
	n := &textNode{spot(from), p.text[from:to]}
	t := p.add(into, textPart, n, piece{from: start})
	t.text = n
	t.atLineStart = p.source.lines[t.firstLine] == start && p.text[start] != '\t' // the first column is the one behind a tab, for FreeMarker
}

// endTag reads the end of a tag. Some may have a slash before it.
func (p *parser) endTag(slash bool) (empty bool) {
	empty = p.is(emptyTagEnd)
	switch {
	case empty && slash:
	case p.square && p.is("]"), !p.square && p.is(tagEnd):
	default:
		p.unexpected(p.bracket() + ", the end of the tag,")
	}
	p.at = p.tok.to
	return empty
}

// closed checks that what was opened is closed by the tag.
func (p *parser) closed(opened, end piece) {
	if end.kind == closeTag && snakeCase(end.name) == snakeCase(opened.name) {
		return
	}
	if end.kind == endOfText {
		p.fail(opened.from, Syntax, "write "+p.tag("/#"+opened.name), "#%s is never closed", opened.name)
	}
	line, _ := p.source.place(opened.from)
	p.misplaced(end, "write "+p.tag("/#"+opened.name)+" before it to close the #"+opened.name+" of line "+strconv.Itoa(line))
}

// misplaced fails because of a tag where it has no meaning.
func (p *parser) misplaced(tag piece, hint string) {
	name := "#" + tag.name
	switch tag.kind {
	case closeTag:
		name = "/" + name
	case endOfCall:
		name = "/@" + tag.name
	}
	p.fail(tag.from, Syntax, hint, "%s has nothing here that it belongs to", p.tag(name))
}

// refusedDirectives are those of FreeMarker that are not here, with the reason.
var refusedDirectives = map[string]string{
	"include": noOthers, "import": noOthers, "call": "write [@name]", "transform": "write [@name]", "visit": noXML, "recurse": noXML, "fallback": noXML,
}

const noOthers = "there are no other templates here: write the text where it is needed, or define a macro"

func (p *parser) unknownDirective(tag piece) {
	if hint, is := refusedDirectives[tag.name]; is {
		p.fail(tag.from, Refused, hint, "#%s cannot be used here", tag.name)
	}
	if tag.name == "ftl" {
		p.misplaced(tag, "write it at the very beginning")
	}
	known := make([]string, 0, len(directives))
	for name := range directives {
		known = append(known, name)
	}
	slices.Sort(known)
	p.fail(tag.from, Syntax, suggest(tag.name, known, "#"), "there is no directive #%s", tag.name)
}

// fill collects the nodes that are left after white space was stripped.
func (t *treePart) fill() {
	for _, child := range t.children {
		if t.into != nil {
			t.into.nodes = append(t.into.nodes, child.node)
		}
		child.fill()
	}
}
