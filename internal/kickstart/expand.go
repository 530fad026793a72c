package kickstart

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/nearest"
)

// expander sets variables and inserts files, collecting what is wrong on the way.
type expander struct {
	path     string // the kickstart file
	folder   *folder
	env      func(string) (string, bool)
	builtIns map[string]string
	newUUID  func() string

	variables  map[string]*variable
	evaluating []string // variables whose value is being worked out, outermost first
	failures   int      // references and includes that led nowhere
	spent      int      // bytes inserted so far
	exhausted  bool

	problems, warnings []Problem
}

// variable is evaluated when first asked for, so that variables may refer to each other in any order.
type variable struct {
	node  *node
	state state
	value string
}

type state int

const (
	waiting state = iota
	evaluating
	known
	broken // reported already; whatever uses it is not reported again
)

// place is where a value is used, for problems.
type place struct {
	where  string   // "request 3 body.user"
	member bool     // whether where ends in a member, so that the next one is joined with a dot
	prose  bool     // text in which ${…} is at home, such as a message template
	chain  []string // the files being included, outermost first
}

func (p place) in(name string) place {
	sep := " "
	if p.member {
		sep = "."
	}
	p.where, p.member = strings.TrimPrefix(p.where+sep+name, " "), true
	p.prose = p.prose || name == "body"
	return p
}

func (p place) at(i int) place {
	p.where, p.member = fmt.Sprintf("%s[%d]", p.where, i), true
	return p
}

// problem reports something wrong with n. A value that could not be worked out has been reported where that failed, so whatever else
// is wrong with it is a consequence and left out.
func (e *expander) problem(n *node, p place, format string, args ...any) {
	if n != nil && n.broken {
		return
	}
	// The same thing can be met twice in one place: #{a}#{a}.
	if d := e.describe(n, p, format, args...); !slices.Contains(e.problems, d) {
		e.problems = append(e.problems, d)
	}
}

func (e *expander) warning(n *node, p place, format string, args ...any) {
	if d := e.describe(n, p, format, args...); !slices.Contains(e.warnings, d) {
		e.warnings = append(e.warnings, d)
	}
}

func (e *expander) describe(n *node, p place, format string, args ...any) Problem {
	d := Problem{File: e.path, Where: p.where, Message: fmt.Sprintf(format, args...)}
	if n != nil && n.src != nil {
		d.File, d.Line = n.src.name, n.src.line(n.at)
	}
	return d
}

// value returns n with everything set and inserted; n itself stays as it was written.
func (e *expander) value(n *node, p place) *node {
	out, before := *n, e.failures
	switch n.kind {
	case object:
		out.members = make([]member, 0, len(n.members))
		names := map[string]bool{}
		for _, m := range n.members {
			name := e.text(m.name, &node{src: n.src, at: m.at}, p)
			if names[name] {
				e.warning(&node{src: n.src, at: m.at}, p, "member %s is there twice; the last one counts", quote(name))
				out.members = slices.DeleteFunc(out.members, func(earlier member) bool { return earlier.name == name })
			}
			names[name] = true
			out.members = append(out.members, member{name, m.at, e.value(m.value, p.in(name))})
		}
	case array:
		out.items = make([]*node, 0, len(n.items))
		for i, v := range n.items {
			out.items = append(out.items, e.value(v, p.at(i)))
		}
	case text:
		switch sigil, path := include(n.text); sigil {
		case '@':
			out.text = e.includeText(n, e.text(path, n, p), p)
		case '&':
			return e.includeJSON(n, e.text(path, n, p), p)
		default:
			out.text = e.text(unescapeInclude(n.text), n, p)
		}
	}
	out.broken = e.failures > before
	return &out
}

// text sets the variables in s, which was written at n.
func (e *expander) text(s string, n *node, p place) string {
	for _, name := range dollarNames(s) {
		if !p.prose || e.knows(name) {
			e.warning(n, p, `"${%s}" will be sent literally; kickstart variables are written #{%s}`, name, name)
		}
	}
	return substitute(s,
		func(name string, at int) (string, bool) { return e.lookup(name, n.offset(at), p) },
		func(at int) {
			e.failures++
			e.problem(n.offset(at), p, `a "#{" is not closed; a literal one is written \\#{ in JSON, \#{ in a text file`)
		})
}

func (e *expander) includeText(n *node, path string, p place) string {
	data, err := e.folder.read(path)
	if err != nil {
		e.failures++
		e.problem(n, p, "%v", err)
		return ""
	}
	if !e.spend(len(data), n, p) {
		return ""
	}
	p.prose = true
	return e.text(string(data), &node{kind: prose, src: &source{name: path, data: data}}, p)
}

func (e *expander) includeJSON(n *node, path string, p place) *node {
	failed := func(format string, args ...any) *node {
		e.failures++
		e.problem(n, p, format, args...)
		return &node{kind: literal, text: "null", src: n.src, at: n.at, broken: true}
	}
	if slices.Contains(p.chain, path) {
		return failed("includes go in a circle: %s", strings.Join(append(slices.Clone(p.chain), path), " → "))
	}
	if len(p.chain) >= maxChain {
		return failed("includes are nested deeper than %d files", maxChain)
	}
	data, err := e.folder.read(path)
	if err != nil {
		return failed("%v", err)
	}
	if !e.spend(len(data), n, p) {
		return &node{kind: literal, text: "null", src: n.src, at: n.at, broken: true}
	}
	src := &source{name: path, data: data}
	raw, err := parse(src)
	if err != nil {
		e.failures++
		e.syntax(src, p, err)
		return &node{kind: literal, text: "null", src: n.src, at: n.at, broken: true}
	}
	p.chain = append(slices.Clone(p.chain), path)
	return e.value(raw, p)
}

// syntax reports a file that is no JSON.
func (e *expander) syntax(src *source, p place, err error) {
	d := Problem{File: src.name, Where: p.where, Message: err.Error()}
	if bad, ok := errors.AsType[*syntaxError](err); ok {
		d.Line = bad.line
	}
	e.problems = append(e.problems, d)
}

// spend counts what is inserted. Variables that double each other, or files that include each other in a fan, would otherwise
// grow without bound from a few lines.
func (e *expander) spend(n int, at *node, p place) bool {
	if e.spent += n; e.spent <= maxTotal {
		return true
	}
	e.failures++
	if !e.exhausted {
		e.exhausted = true
		e.problem(at, p, "variables and includes add up to more than %d MB", maxTotal>>20)
	}
	return false
}

// lookup returns the value of a reference. When it returns false, the problem has been reported.
func (e *expander) lookup(name string, n *node, p place) (string, bool) {
	value, ok := e.resolve(name, n, p)
	if !ok {
		e.failures++
		return "", false
	}
	return value, e.spend(len(value), n, p)
}

func (e *expander) resolve(name string, n *node, p place) (string, bool) {
	if name == "UUID()" {
		return e.newUUID(), true
	}
	if variable, ok := strings.CutPrefix(name, "ENV."); ok {
		value, set := e.env(variable)
		if !set {
			e.problem(n, p, "reads ENV.%s, which is not set", plain(variable))
		}
		return value, set
	}
	if name == tenantBuiltIn && e.variables[defaultTenantVariable] != nil {
		name = defaultTenantVariable
	}
	if v := e.variables[name]; v != nil {
		return e.evaluate(name, v)
	}
	if value, ok := e.builtIns[name]; ok {
		return value, true
	}
	e.unknown(name, n, p)
	return "", false
}

func (e *expander) unknown(name string, n *node, p place) {
	hint := ""
	if name == "" {
		e.problem(n, p, "#{} names no variable")
		return
	}
	if _, set := e.env(name); set {
		hint = fmt.Sprintf("; did you mean #{ENV.%s}?", plain(name))
	} else if near := nearest.Name(name, e.names()); near != "" {
		hint = fmt.Sprintf("; did you mean #{%s}?", near)
	}
	e.problem(n, p, "#{%s} is no variable of this file and no built-in%s", plain(name), hint)
}

// evaluate works out a variable once; #{UUID()} in it therefore has one value everywhere.
func (e *expander) evaluate(name string, v *variable) (string, bool) {
	switch v.state {
	case known:
		return v.value, true
	case broken:
		return "", false
	case evaluating:
		circle := append(slices.Clone(e.evaluating[slices.Index(e.evaluating, name):]), name)
		e.problem(v.node, place{}.in("variables").in(name), "variables refer to each other in a circle: %s", strings.Join(circle, " → "))
		return "", false
	}
	v.state = evaluating
	e.evaluating = append(e.evaluating, name)
	p := place{}.in("variables").in(name)
	out := e.value(v.node, p)
	e.evaluating = e.evaluating[:len(e.evaluating)-1]

	v.state, v.value = known, out.text
	// Numbers and booleans are taken by their text, as they would be in a URL or a header.
	if out.kind == object || out.kind == array || out.kind == literal && out.text == "null" {
		e.problem(out, p, "the value of a variable must be a string")
		v.state = broken
	}
	if out.broken {
		v.state = broken
	}
	return v.value, v.state == known
}

// knows tells whether #{name} would mean something.
func (e *expander) knows(name string) bool {
	_, builtIn := e.builtIns[name]
	return builtIn || e.variables[name] != nil || name == "UUID()" || strings.HasPrefix(name, "ENV.")
}

func (e *expander) names() []string {
	names := slices.AppendSeq([]string{"UUID()"}, maps.Keys(e.builtIns))
	names = slices.AppendSeq(names, maps.Keys(e.variables))
	slices.Sort(names)
	return names
}

// sorted puts the problems of the kickstart file first, each file's in the order of its lines.
func (e *expander) sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if (a.File == e.path) != (b.File == e.path) {
			if a.File == e.path {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return problems
}

// plain is quote without the quotes.
func plain(name string) string { return strings.Trim(quote(name), `"`) }

// randomUUID is a random UUID, version 4.
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// isUUID accepts the form with hyphens, in either case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch hyphen := i == 8 || i == 13 || i == 18 || i == 23; {
		case hyphen != (c == '-'):
			return false
		case !hyphen && !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'):
			return false
		}
	}
	return true
}
