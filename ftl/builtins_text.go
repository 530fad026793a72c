package ftl

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// caser changes the case of letters as a language does.
type caser = func(language.Tag, ...cases.Option) cases.Caser

// textBuiltins are those of texts. Numbers and dates are formatted for them.
var textBuiltins = map[string]*builtin{
	"cap_first":      ofText(0, 0, func(c evaluation, s string) value { return c.firstLetter(s, cases.Upper) }),
	"capitalize":     ofText(0, 0, func(c evaluation, s string) value { return c.capitalized(s) }),
	"uncap_first":    ofText(0, 0, func(c evaluation, s string) value { return c.firstLetter(s, cases.Lower) }),
	"upper_case":     ofText(0, 0, func(c evaluation, s string) value { return c.cased(s, cases.Upper) }),
	"lower_case":     ofText(0, 0, func(c evaluation, s string) value { return c.cased(s, cases.Lower) }),
	"trim":           textToText(func(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }),
	"chop_linebreak": textToText(chopLinebreak),
	"html":           textToText(escapeHTML),
	"web_safe":       textToText(escapeHTML),
	"xhtml":          textToText(escapeHTML),
	"xml":            textToText(escapeXML),
	"js_string":      textToText(func(s string) string { return escapeScript(s, false) }),
	"json_string":    textToText(func(s string) string { return escapeScript(s, true) }),
	"j_string":       textToText(escapeJava),
	"url":            ofText(0, 1, func(c evaluation, s string) value { return c.url(s, "") }),
	"url_path":       ofText(0, 1, func(c evaluation, s string) value { return c.url(s, "/") }),

	"length":      ofText(0, 0, func(_ evaluation, s string) value { return whole(length(s)) }),
	"contains":    ofText(1, 1, func(c evaluation, s string) value { return strings.Contains(s, c.textArg(0)) }),
	"starts_with": ofText(1, 1, func(c evaluation, s string) value { return strings.HasPrefix(s, c.textArg(0)) }),
	"ends_with":   ofText(1, 1, func(c evaluation, s string) value { return strings.HasSuffix(s, c.textArg(0)) }),
	"index_of": ofText(1, 2, func(c evaluation, s string) value {
		from := c.position(s, 0)
		return found(s, strings.Index(s[from:], c.textArg(0)), from)
	}),
	"last_index_of": ofText(1, 2, func(c evaluation, s string) value {
		part := c.textArg(0)
		if c.has(1) {
			if c.intArg(1) < 0 {
				return whole(-1)
			}
			s = s[:min(len(s), c.position(s, len(s))+len(part))]
		}
		return found(s, strings.LastIndex(s, part), 0)
	}),
	"substring": ofText(1, 2, substringOf),

	"ensure_starts_with": ofText(1, 1, func(c evaluation, s string) value {
		return c.made(c.textArg(0) + strings.TrimPrefix(s, c.textArg(0)))
	}),
	"ensure_ends_with": ofText(1, 1, func(c evaluation, s string) value {
		return c.made(strings.TrimSuffix(s, c.textArg(0)) + c.textArg(0))
	}),
	"remove_beginning": ofText(1, 1, func(c evaluation, s string) value { return strings.TrimPrefix(s, c.textArg(0)) }),
	"remove_ending":    ofText(1, 1, func(c evaluation, s string) value { return strings.TrimSuffix(s, c.textArg(0)) }),
	"keep_before":      ofText(1, 2, func(c evaluation, s string) value { return c.keep(s, false, true) }),
	"keep_before_last": ofText(1, 2, func(c evaluation, s string) value { return c.keep(s, true, true) }),
	"keep_after":       ofText(1, 2, func(c evaluation, s string) value { return c.keep(s, false, false) }),
	"keep_after_last":  ofText(1, 2, func(c evaluation, s string) value { return c.keep(s, true, false) }),
	"left_pad":         ofText(1, 2, func(c evaluation, s string) value { return c.concat(c.padding(s, 0), s, c.x.at) }),
	"right_pad":        ofText(1, 2, func(c evaluation, s string) value { return c.concat(s, c.padding(s, length(s)), c.x.at) }),

	"replace":   ofText(2, 3, replace),
	"split":     ofText(1, 2, split),
	"matches":   ofText(1, 2, matches),
	"groups":    ofAny(0, 0, groups),
	"word_list": ofText(0, 0, func(c evaluation, s string) value { return c.texts(strings.Fields(s)) }),
	"number": ofAny(0, 0, func(c evaluation, v value) value {
		if n, is := v.(number); is {
			return n
		}
		s := c.textOf(v, c.x.of)
		n, valid := parseNumber(s)
		if !valid {
			c.fail("", "%s is %q, which is not a number", describe(c.x.of), shortened(s, 60))
		}
		return n
	}),
}

func found(s string, i, from int) value {
	if i < 0 {
		return whole(-1)
	}
	return whole(length(s[:from+i]))
}

// position is the second argument, a number of characters, as a number of bytes of the text.
func (c evaluation) position(s string, otherwise int) int {
	if !c.has(1) {
		return otherwise
	}
	return offset(s, c.intArg(1))
}

func (c evaluation) texts(texts []string) value {
	c.spend(len(texts))
	l := make(list, len(texts))
	for i, text := range texts {
		l[i] = text
	}
	return l
}

func (c evaluation) cased(s string, to caser) string {
	c.spend(1 + len(s)/16)
	return c.made(to(c.locale.tag).String(s))
}

func (c evaluation) firstLetter(s string, to caser) string {
	at := strings.IndexFunc(s, func(r rune) bool { return r > ' ' })
	if at < 0 {
		return s
	}
	c.spend(1)
	_, size := utf8.DecodeRuneInString(s[at:])
	return c.made(s[:at] + to(c.locale.tag).String(s[at:at+size]) + s[at+size:])
}

func (c evaluation) capitalized(s string) string {
	var b strings.Builder
	for word := ""; s != ""; {
		end := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' })
		if end < 0 {
			end = len(s)
		}
		word, s = s[:end], s[end:]
		b.WriteString(c.firstLetter(c.cased(word, cases.Lower), cases.Upper))
		space := len(s) - len(strings.TrimLeft(s, " \t\r\n"))
		b.WriteString(s[:max(space, min(1, len(s)))])
		s = s[max(space, min(1, len(s))):]
	}
	return c.made(b.String())
}

func chopLinebreak(s string) string {
	if rest, is := strings.CutSuffix(s, "\r\n"); is {
		return rest
	}
	if rest, is := strings.CutSuffix(s, "\n"); is {
		return rest
	}
	return strings.TrimSuffix(s, "\r")
}

func substringOf(c evaluation, s string) value {
	size := length(s)
	from, to := c.intArg(0), size
	if c.has(1) {
		to = c.intArg(1)
	}
	if from < 0 || to > size || from > to {
		return c.fail("write ["+strconv.Itoa(from)+"..*length], which takes what there is", "?substring(%d, %d) does not fit: the text has %d characters", from, to, size)
	}
	return substring(s, from, to)
}

// padding is what a text needs to become as long as the first argument says. The pattern goes on at the position where the padding begins.
func (c evaluation) padding(s string, begin int) string {
	fill := " "
	if c.has(1) {
		if fill = c.textArg(1); fill == "" {
			c.fail("", "?%s needs something to fill with", c.x.name)
		}
	}
	missing := c.intArg(0) - length(s)
	if missing <= 0 {
		return ""
	}
	pattern := length(fill)
	text := c.repeated(fill, (begin%pattern+missing)/pattern+1)
	return substring(text, begin%pattern, begin%pattern+missing)
}

func replace(c evaluation, s string) value {
	part, by, flags := c.anyArg(0), c.anyArg(1), c.flags(2, "irmsfc")
	count := -1
	if strings.Contains(flags, "f") {
		count = 1
	}
	if strings.Trim(flags, "fc") == "" {
		n := strings.Count(s, part)
		c.spend(n / 8)
		if count < 0 && n*len(by) > c.limits.Output {
			c.repeated(by, n)
		}
		return c.made(strings.Replace(s, part, by, count))
	}
	var b strings.Builder
	end := 0
	for m := range c.expression(part, flags).all(s) {
		b.WriteString(s[end:m[0]])
		if strings.Contains(flags, "r") {
			c.expand(&b, by, s, m)
		} else {
			b.WriteString(by)
		}
		c.grow(b.Len(), "")
		end = m[1]
		if count == 1 {
			break
		}
	}
	b.WriteString(s[end:])
	return c.made(b.String())
}

func split(c evaluation, s string) value {
	separator, flags := c.anyArg(0), c.flags(1, "irmsc")
	if strings.Trim(flags, "c") == "" && separator != "" {
		return c.texts(strings.Split(s, separator))
	}
	var parts []string
	begin, last := 0, -1
	for m := range c.expression(separator, flags).all(s) {
		if m[1] > 0 { // nothing at the very beginning divides nothing
			parts = append(parts, s[begin:m[0]])
		}
		begin, last = m[1], m[0]
	}
	if last < len(s) || s == "" && separator != "" { // nor does nothing at the very end
		parts = append(parts, s[begin:])
	}
	if strings.Contains(flags, "r") { // Java drops what is empty at the end
		for len(parts) > 1 && parts[len(parts)-1] == "" {
			parts = parts[:len(parts)-1]
		}
	}
	return c.texts(parts)
}

func (c evaluation) keep(s string, last, before bool) value {
	separator, flags := c.textArg(0), c.flags(1, "irms")
	var from, to int
	if flags == "" {
		if from = strings.Index(s, separator); last {
			from = strings.LastIndex(s, separator)
		}
		to = from + len(separator)
	} else {
		from = -1
		for m := range c.expression(separator, flags).all(s) {
			if from, to = m[0], m[1]; !last {
				break
			}
		}
	}
	switch {
	case from < 0 && before:
		return s
	case from < 0:
		return ""
	case before:
		return s[:from]
	}
	return s[to:]
}

func escapeHTML(s string) string { return htmlEscapes.Replace(s) }
func escapeXML(s string) string  { return xmlEscapes.Replace(s) }

var (
	htmlEscapes = strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;", `"`, "&quot;", "'", "&#39;")
	xmlEscapes  = strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;", `"`, "&quot;", "'", "&apos;")
)

// outputFormat is what a template writes.
type outputFormat struct {
	name   string
	escape func(string) string // nil: nothing is escaped
	mixed  bool                // markup of any format may be written into it
}

var outputFormats = map[string]*outputFormat{
	"":          {name: "undefined", mixed: true},
	"undefined": {name: "undefined", mixed: true},
	"plainText": {name: "plainText"},
	"HTML":      {name: "HTML", escape: escapeHTML},
	"XHTML":     {name: "XHTML", escape: escapeHTML},
	"XML":       {name: "XML", escape: escapeXML},

	"JavaScript": {name: "JavaScript"},
	"JSON":       {name: "JSON"},
	"CSS":        {name: "CSS"},
}

var shortEscapes = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`}

// escapeScript is ?js_string and ?json_string. What could end a script within an HTML page is escaped as well.
func escapeScript(s string, json bool) string {
	var b strings.Builder
	code := func(c rune) string {
		if !json && c < 0x100 {
			return `\x` + strings.ToUpper(strconv.FormatInt(int64(c)+0x100, 16)[1:])
		}
		return `\u` + strings.ToUpper(strconv.FormatInt(int64(c)+0x10000, 16)[1:])
	}
	for i, c := range s {
		short, hasShort := shortEscapes[c]
		switch {
		case hasShort:
			b.WriteString(short)
		case c == '"', c == '\\', c == '\'' && !json, c == '/' && (i == 0 || s[i-1] == '<'):
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '>' && (i == 0 || endsComment(s[:i])):
			if json {
				b.WriteString(code(c))
			} else {
				b.WriteString(`\>`)
			}
		case c == '<' && (i+1 == len(s) || s[i+1] == '!' || s[i+1] == '?'), c < ' ', c >= 0x7f && c <= 0x9f, c == '\u2028', c == '\u2029':
			b.WriteString(code(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// endsComment tells whether a > behind the text could end a comment or a CDATA section.
func endsComment(s string) bool {
	return s == "]" || s == "-" || strings.HasSuffix(s, "]]") || strings.HasSuffix(s, "--")
}

func escapeJava(s string) string {
	var b strings.Builder
	for _, c := range s {
		short, hasShort := shortEscapes[c]
		switch {
		case hasShort:
			b.WriteString(short)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ':
			b.WriteString(`\u` + strconv.FormatInt(int64(c)+0x10000, 16)[1:])
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// url is what ?url makes of a text. Some characters more are kept as they are.
func (c evaluation) url(s, kept string) value {
	charset := c.urlCharset
	if c.has(0) {
		charset = c.textArg(0)
	}
	var encode func(r rune) string
	switch strings.ToUpper(charset) {
	case "":
		return c.fail(`write [#setting url_escaping_charset="UTF-8"] at the top of the template`, "?%s does not know the character set to use", c.x.name)
	case "UTF-8", "UTF8":
		encode = func(r rune) string { return string(r) }
	case "ISO-8859-1", "LATIN1", "US-ASCII":
		most := rune(0xff)
		if charset[0] == 'U' || charset[0] == 'u' {
			most = 0x7f
		}
		encode = func(r rune) string {
			if r > most {
				return "?"
			}
			return string([]byte{byte(r)})
		}
	default:
		return c.fail("", "the character set %q is not known here", charset)
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("_-.!~'()*"+kept, r) {
			b.WriteRune(r)
			continue
		}
		encoded := encode(r)
		for i := range len(encoded) {
			b.WriteByte('%')
			b.WriteByte(hex[encoded[i]>>4])
			b.WriteByte(hex[encoded[i]&15])
		}
	}
	return c.made(b.String())
}
