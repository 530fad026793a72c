package ftl

import (
	"errors"
	"io"
	"iter"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pattern is a regular expression. Package regexp needs time in proportion to the text that a search reads and to the size of the expression. How much a
// search reads can be seen by nobody but its reader, and it can be all of the text for each of thousands of matches; so the reader pays.
type pattern struct {
	e      *env
	source string // as package regexp writes it
	size   int    // what reading one character costs, in 1/32 of a step
	first  *regexp.Regexp
	// next finds a match behind the first character of a text, which it looks at: what matches can depend on what stands before.
	next  *regexp.Regexp
	whole *regexp.Regexp
}

// longestPattern is in bytes. Repetitions make a program of several megabytes of it.
const longestPattern = 1000

// expression is what is searched for: with the flag r a regular expression, with i whatever the case.
func (c evaluation) expression(part, flags string) *pattern {
	if !strings.Contains(flags, "r") {
		part = regexp.QuoteMeta(part)
	}
	if mode := strings.Map(func(r rune) rune {
		if strings.ContainsRune("ims", r) {
			return r
		}
		return -1
	}, flags); mode != "" {
		part = "(?" + mode + ")" + part
	}
	if known := c.patterns[part]; known != nil {
		return known
	}
	if len(part) > longestPattern {
		c.fail("", "an expression to search for of %d bytes is too long", len(part))
	}
	c.spend(readingSteps(part))
	parsed, err := syntax.Parse(part, syntax.Perl)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		c.fail("", "%q is no regular expression that is known here: %s in %q", part, wrong.Code, wrong.Expr)
	}
	p := &pattern{e: c.env, source: parsed.String()}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil { // never: it was parsed
		c.fail("", "%q cannot be searched for: %v", part, err)
	}
	p.size = len(program.Inst)
	for _, i := range program.Inst { // a class of characters can have thousands
		c.spend(len(i.Rune))
	}
	p.first = p.compile(p.source)
	if c.patterns == nil {
		c.env.patterns = map[string]*pattern{}
	}
	c.patterns[part] = p
	return p
}

// readingSteps is what it can cost to read an expression. Classes of Unicode take long, and with the flag i ranges do, by how far they go.
func readingSteps(part string) int {
	steps := 20 + 2*len(part) + 2000*(strings.Count(part, `\p`)+strings.Count(part, `\P`))
	for rest, found := part, true; found; {
		if _, rest, found = strings.Cut(rest, "-"); rest == "" {
			break
		}
		last, _ := utf8.DecodeRuneInString(rest)
		if code, is := strings.CutPrefix(rest, `\x{`); is {
			code, _, _ = strings.Cut(code, "}")
			number, _ := strconv.ParseUint(code, 16, 31)
			last = rune(number)
		}
		steps += int(min(last, 1<<17)) // there is no other case beyond
	}
	return steps
}

func (p *pattern) compile(source string) *regexp.Regexp {
	p.e.spend(p.size)
	r, err := regexp.Compile(source)
	if err != nil {
		fail(p.e.at, Failed, "", "%q cannot be searched for: %v", p.source, err)
	}
	return r
}

// find is where the first match is that begins at an offset or behind it: its beginning and its end, then those of its groups. Nil: nowhere.
func (p *pattern) find(s string, from int) []int {
	if from == 0 {
		return p.search(p.first, s)
	}
	if p.next == nil {
		p.next = p.compile(`\A(?s:.)(?s:.*?)(` + p.source + `)`)
	}
	_, size := utf8.DecodeLastRuneInString(s[:from])
	before := from - size
	m := p.search(p.next, s[before:])
	if m == nil {
		return nil
	}
	for i := range m {
		if m[i] >= 0 {
			m[i] += before
		}
	}
	return m[2:]
}

// complete is like find for a match of the whole text.
func (p *pattern) complete(s string) []int {
	if p.whole == nil {
		p.whole = p.compile(`\A(?:` + p.source + `)\z`)
	}
	return p.search(p.whole, s)
}

func (p *pattern) search(r *regexp.Regexp, s string) []int {
	reader := &payingReader{pattern: p, text: s}
	m := r.FindReaderSubmatchIndex(reader)
	p.e.spend(2 + len(m)/2 + reader.owed/32)
	return m
}

// payingReader hands out a text and pays for it.
type payingReader struct {
	*pattern
	text string
	at   int
	owed int
}

func (r *payingReader) ReadRune() (c rune, size int, err error) {
	if r.at == len(r.text) {
		return 0, 0, io.EOF
	}
	if r.owed += r.size; r.owed >= 32*pauseEvery {
		r.e.spend(r.owed / 32)
		r.owed = 0
	}
	c, size = utf8.DecodeRuneInString(r.text[r.at:])
	r.at += size
	return c, size, nil
}

// all are the matches in a text that do not overlap, as [regexp.Regexp.FindAllStringSubmatchIndex] finds them.
func (p *pattern) all(s string) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		for at, end := 0, -1; at <= len(s); {
			m := p.find(s, at)
			if m == nil {
				return
			}
			found := m[1] > at || m[0] != end // not nothing right behind a match
			if end = m[1]; m[1] > at {
				at = m[1]
			} else if _, size := utf8.DecodeRuneInString(s[at:]); size > 0 {
				at += size
			} else {
				at++
			}
			if found && !yield(m) {
				return
			}
		}
	}
}

// expand writes a replacement as Java does: $1 is a group, a backslash takes the meaning of what follows.
func (c evaluation) expand(b *strings.Builder, by, s string, match []int) {
	for i := 0; i < len(by); i++ {
		switch {
		case by[i] == '\\' && i+1 < len(by):
			i++
			b.WriteByte(by[i])
		case by[i] == '$' && i+1 < len(by) && isDigit(by[i+1]):
			i++
			group := int(by[i] - '0')
			for i+1 < len(by) && isDigit(by[i+1]) && (group*10+int(by[i+1]-'0'))*2 < len(match) {
				i++
				group = group*10 + int(by[i]-'0')
			}
			if group*2 >= len(match) {
				c.fail("", "the expression has no group %d", group)
			}
			if match[2*group] >= 0 {
				b.WriteString(s[match[2*group]:match[2*group+1]])
			}
		case by[i] == '$':
			c.fail(`write \$ for the sign itself`, "a $ in the replacement must be followed by the number of a group")
		default:
			b.WriteByte(by[i])
		}
	}
}

// match is what ?matches has: whether the whole text matches, what all matches in it are, and the groups of the whole.
type match struct {
	list
	whole  bool
	groups list
}

// oneMatch is one of them, with its groups.
type oneMatch struct {
	text   string
	groups list
}

func matches(c evaluation, s string) value {
	p := c.expression(c.textArg(0), "r"+c.flags(1, "imsr"))
	m := &match{}
	groupsOf := func(at []int) (groups list) {
		for i := 0; i < len(at); i += 2 {
			if at[i] < 0 {
				groups = append(groups, "")
			} else {
				groups = append(groups, s[at[i]:at[i+1]])
			}
		}
		return groups
	}
	for at := range p.all(s) {
		m.list = append(m.list, oneMatch{s[at[0]:at[1]], groupsOf(at)})
	}
	if at := p.complete(s); at != nil {
		m.whole, m.groups = true, groupsOf(at)
	}
	return m
}

func groups(c evaluation, v value) value {
	switch m := v.(type) {
	case *match:
		return m.groups
	case oneMatch:
		return m.groups
	}
	c.mistaken(c.x.of, v, "what ?matches found", "")
	return nil
}
