package ftl

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexer cuts a template into pieces, which are text and tags, and what is in a tag into tokens. The parser says which of the two it wants, piece or
// token: what a character means depends on where it stands.
type lexer struct {
	text string
	at   int // of the next byte
	// square says that tags look like [#this]. It is decided by the first tag (known); after that tags of the other kind are text.
	square, known bool
	inTag         bool // the tokens are those of a tag, not of an interpolation: its end is no operator
	parens        int  // open parentheses: within them > is an operator even in <#tags>
	budget        int  // how many tokens there may be
	// inString says that the text is that of a string literal, which has interpolations but no tags. within is where the literal stands, else -1.
	inString bool
	within   int
}

// fail is fail at a place of the source. What is wrong in a string literal is said to be where the literal begins.
func (l *lexer) fail(at int, kind Kind, hint, format string, args ...any) {
	fail(l.sourceAt(at), kind, hint, format, args...)
}

func (l *lexer) sourceAt(at int) int {
	if l.within >= 0 {
		return l.within
	}
	return at
}

type pieceKind int

const (
	endOfText pieceKind = iota
	plainText
	interpolation       // ${
	numberInterpolation // #{
	openTag             // [#name
	closeTag            // [/#name]
	callTag             // [@
	endOfCall           // [/@name]
	comment             // [#-- … --]
)

// piece is a part of a template outside of expressions.
type piece struct {
	kind     pieceKind
	name     string // of a tag
	from, to int
	bare     bool // an openTag that ends here, without parameters
}

// next reads a piece. Of interpolations, tags and calls it reads the beginning; tokens follow.
func (l *lexer) next() piece {
	from := l.at
	for l.at < len(l.text) {
		step := strings.IndexAny(l.text[l.at:], "$#<[")
		if step < 0 {
			l.at = len(l.text)
			break
		}
		start := l.at + step
		p, is := l.special(start)
		if is && start > from {
			l.at = start
			return piece{kind: plainText, from: from, to: start}
		}
		if is {
			l.at = p.to
			return p
		}
		l.at = start + 1
	}
	if l.at > from {
		return piece{kind: plainText, from: from, to: l.at}
	}
	return piece{kind: endOfText, from: from, to: from}
}

// special recognizes what begins at start, if it is not text.
func (l *lexer) special(start int) (piece, bool) {
	rest := l.text[start:]
	switch {
	case strings.HasPrefix(rest, "${"):
		return piece{kind: interpolation, from: start, to: start + 2}, true
	case strings.HasPrefix(rest, "#{"):
		return piece{kind: numberInterpolation, from: start, to: start + 2}, true
	case l.inString || rest[0] != '<' && rest[0] != '[' || l.known && l.square != (rest[0] == '['):
		return piece{}, false
	}
	p := piece{from: start}
	body := strings.TrimPrefix(rest[1:], "/")
	closing := len(body) < len(rest)-1
	name := 0
	for name+1 < len(body) && (isLetter(body[name+1]) || body[name+1] == '_') {
		name++
	}
	switch {
	case strings.HasPrefix(body, "#--") && !closing:
		p.kind = comment
	case strings.HasPrefix(body, "#") && name > 0 && closing:
		p.kind, p.name = closeTag, body[1:1+name]
	case strings.HasPrefix(body, "#") && name > 0:
		p.kind, p.name = openTag, body[1:1+name]
	case strings.HasPrefix(body, "@") && closing:
		p.kind = endOfCall
	case strings.HasPrefix(body, "@"):
		p.kind = callTag
	default:
		return piece{}, false
	}
	square := rest[0] == '['
	end := len(l.text) - len(body) + 1 + name // behind the name
	switch p.kind {
	case comment:
		l.square, l.known = square, true
		p.to = l.endOf(start, "#--", end+2, "--"+l.bracket())
	case callTag:
		l.square, l.known = square, true
		p.to = end - name
	case endOfCall:
		end -= name
		for end < len(l.text) && (l.text[end] == '.' || isNameByte(l.text[end])) {
			end++
		}
		p.name = l.text[start+3 : end]
		if !l.known && rest[0] == '[' {
			return piece{}, false
		}
		if p.to = l.skipSpace(end); p.to == len(l.text) || l.text[p.to] != '>' && l.text[p.to] != ']' {
			return piece{}, false
		}
		l.square, l.known = square, true
		l.checkBracket(p.to)
		p.to++
	default:
		l.square, l.known = square, true
		p.to = end
		last := l.skipSpace(end)
		if p.kind == openTag && last < len(l.text) && l.text[last] == '/' {
			last++
		}
		switch {
		case last < len(l.text) && (l.text[last] == ']' || l.text[last] == '>'):
			l.checkBracket(last)
			p.bare, p.to = true, last+1
		case p.kind == closeTag:
			l.fail(start, Syntax, "write "+l.tag("/#"+p.name), "the closing tag of #%s is malformed", p.name)
		case !isSpace(l.text[end:]):
			l.fail(start, Syntax, "", "the tag %s is malformed: what follows its name must be a space or its end", l.tag("#"+p.name))
		}
	}
	return p, true
}

// bracket is what ends a tag.
func (l *lexer) bracket() string {
	if l.square {
		return "]"
	}
	return ">"
}

// tag writes a tag in the style of the template.
func (l *lexer) tag(content string) string {
	if l.square {
		return "[" + content + "]"
	}
	return "<" + content + ">"
}

func (l *lexer) checkBracket(at int) {
	if l.text[at] != l.bracket()[0] {
		l.fail(at, Syntax, "", "this tag must end with %s", l.bracket())
	}
}

// endOf finds what ends a part that is not looked into, and returns where that ends.
func (l *lexer) endOf(start int, what string, from int, end string) int {
	if i := strings.Index(l.text[min(from, len(l.text)):], end); i >= 0 {
		return from + i + len(end)
	}
	l.fail(start, Syntax, "write "+end, "%s is never closed", what)
	return 0
}

func (l *lexer) skipSpace(at int) int {
	for isSpace(l.text[at:]) {
		at++
	}
	return at
}

// isSpace tells whether a text begins with white space.
func isSpace(s string) bool {
	return s != "" && (s[0] == ' ' || s[0] == '\t' || s[0] == '\n' || s[0] == '\r')
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameByte(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '_' || c == '$' || c == '@' || c >= utf8.RuneSelf
}

// Kinds of tokens. All others are the operators and brackets themselves: "(", "+", "..<".
const (
	nameToken   = "name"
	stringToken = "string"
	rawToken    = "raw string"
	numberToken = "number"
	endToken    = "end of the template"
	tagEnd      = "end of the tag"
	emptyTagEnd = "end of the empty tag"
)

// token is a part of an expression.
type token struct {
	kind     string
	text     string // of names, numbers and strings, these without quotes and escapes
	from, to int
	spaced   bool // white space stands before it
}

// operators are the tokens that are no words, the longer ones first.
var operators = strings.Fields(`&amp;&amp; \and -&gt; &gt;= &lt;= \lte \gte &gt; &lt; \lt \gt ... ..< ..! ..* .. ?? == != <= >= && || & |
	+= -= *= /= %= ++ -> -- = ? ! . + - * / % < > , ; : ( ) [ ] { }`)

// aliases are other spellings of operators, mostly for templates that are XML.
var aliases = map[string]string{
	"&amp;&amp;": "&&", `\and`: "&&", "&": "&&", "|": "||", "-&gt;": "->", "..!": "..<",
	"&gt;": ">", `\gt`: ">", "&gt;=": ">=", `\gte`: ">=", "&lt;": "<", `\lt`: "<", "&lt;=": "<=", `\lte`: "<=",
}

// words are the names that are operators, unless they stand behind a dot.
var words = map[string]string{"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "as": "as", "in": "in", "using": "using", "true": "true", "false": "false"}

// token reads a token.
func (l *lexer) token() token {
	if l.budget--; l.budget < 0 {
		l.fail(l.at, Limit, "make it simpler", "the template has too many expressions within [#escape]")
	}
	t := token{from: l.at}
	l.skipSpaceAndComments()
	t.spaced = l.at > t.from
	t.from = l.at
	switch rest := l.text[l.at:]; {
	case rest == "":
		t.kind = endToken
	case strings.HasPrefix(rest, "${"), strings.HasPrefix(rest, "#{"):
		l.fail(l.at, Syntax, "write the variable without "+rest[:2]+"}, or the whole as a string in quotes", "%s…} cannot be used here, in an expression", rest[:2])
	case isDigit(rest[0]):
		t.kind = numberToken
		l.digits()
		if strings.HasPrefix(l.text[l.at:], ".") && l.at+1 < len(l.text) && isDigit(l.text[l.at+1]) {
			l.at++
			l.digits()
		}
		t.text = l.text[t.from:l.at]
	case rest[0] == '"' || rest[0] == '\'':
		t.kind, t.text = stringToken, l.quoted(false)
	case rest[0] == 'r' && len(rest) > 1 && (rest[1] == '"' || rest[1] == '\''):
		l.at++
		t.kind, t.text = rawToken, l.quoted(true)
	default:
		if t.kind, t.text = l.name(); t.kind == "" {
			t.kind = l.operator()
		}
	}
	t.to = l.at
	return t
}

func (l *lexer) digits() {
	for l.at < len(l.text) && isDigit(l.text[l.at]) {
		l.at++
	}
}

func (l *lexer) skipSpaceAndComments() {
	for {
		l.at = l.skipSpace(l.at)
		rest := l.text[l.at:]
		if len(rest) < 4 || rest[0] != '<' && rest[0] != '[' || rest[1] != '#' && rest[1] != '!' || rest[2:4] != "--" {
			return
		}
		end := "-->"
		if rest[0] == '[' {
			end = "--]"
		}
		l.at = l.endOf(l.at, "the comment", l.at+4, end)
	}
}

// name reads a name or an operator that looks like one. Characters that names do not have may be written behind a backslash: data\-id.
func (l *lexer) name() (kind, text string) {
	from, escaped := l.at, false
	for l.at < len(l.text) {
		c, size := utf8.DecodeRuneInString(l.text[l.at:])
		switch {
		case c == '\\' && l.at+1 < len(l.text) && strings.IndexByte("-.:#", l.text[l.at+1]) >= 0:
			escaped, size = true, 2
		case c == '_' || c == '$' || c == '@' || unicode.IsLetter(c) || unicode.IsDigit(c) && l.at > from:
		default:
			size = 0
		}
		if size == 0 {
			break
		}
		l.at += size
	}
	text = l.text[from:l.at]
	l.checkName(from, text)
	if operator, is := words[text]; is {
		return operator, text
	}
	if escaped {
		text = strings.ReplaceAll(text, "\\", "")
	}
	if text == "" {
		return "", ""
	}
	return nameToken, text
}

// longestName is in bytes. What is done with a name takes time in proportion to its length, and is counted as if it did not.
const longestName = 500

func (l *lexer) checkName(at int, name string) {
	if len(name) > longestName {
		l.fail(at, Limit, "", "a name of %d bytes is too long", len(name))
	}
}

func (l *lexer) operator() string {
	rest := l.text[l.at:]
	if l.inTag && l.square && strings.HasPrefix(rest, "/]") || l.inTag && !l.square && l.parens == 0 && strings.HasPrefix(rest, "/>") {
		l.at += 2
		return emptyTagEnd
	}
	if l.inTag && !l.square && l.parens == 0 && rest[0] == '>' {
		l.at++
		return tagEnd
	}
	for _, o := range operators {
		if !strings.HasPrefix(rest, o) {
			continue
		}
		l.at += len(o)
		switch o {
		case "(":
			l.parens++
		case ")":
			l.parens--
		}
		if meant, is := aliases[o]; is {
			return meant
		}
		return o
	}
	c, _ := utf8.DecodeRuneInString(rest)
	l.fail(l.at, Syntax, "", "the character %q has no meaning here", c)
	return ""
}

// quoted reads a string that begins here.
func (l *lexer) quoted(raw bool) string {
	from, quote := l.at, l.text[l.at]
	var b strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		c := l.text[l.at]
		switch {
		case c == quote:
			l.at++
			return b.String()
		case c == '\\' && !raw:
			l.at++
			b.WriteString(l.escape())
		default:
			b.WriteByte(c)
		}
	}
	l.fail(from, Syntax, "write "+string(quote)+" where it ends", "the string is never closed")
	return ""
}

var escapes = map[byte]string{
	'n': "\n", 't': "\t", 'r': "\r", 'f': "\f", 'b': "\b", 'g': ">", 'l': "<", 'a': "&", '\\': `\`, '\'': "'", '"': `"`, '{': "{", '=': "=",
}

// escape reads what stands behind a backslash, except for its last byte.
func (l *lexer) escape() string {
	if l.at == len(l.text) {
		return ""
	}
	if text, is := escapes[l.text[l.at]]; is {
		return text
	}
	digits := 0
	for digits < 4 && l.at+1+digits < len(l.text) && isHex(l.text[l.at+1+digits]) {
		digits++
	}
	if l.text[l.at] != 'x' || digits == 0 {
		c, _ := utf8.DecodeRuneInString(l.text[l.at:])
		l.fail(l.at-1, Syntax, `write \\ for a backslash`, `there is no escape \%c`, c)
	}
	code, _ := strconv.ParseUint(l.text[l.at+1:l.at+1+digits], 16, 16)
	l.at += digits
	return string(rune(code))
}

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
