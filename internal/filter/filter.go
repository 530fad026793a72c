// Package filter decides about events by an expression of an administrator: event.type startsWith "user." and event.user.email endsWith "@example.com".
//
// The language is that of github.com/expr-lang/expr. An expression sees two names: event, the object that receivers get, and tenant, the id of its tenant ("" for an
// event of the whole installation). A member that is not there is nil, and so is everything in it.
//
// What an expression costs is bounded: by its length and the number of its parts, by a memory budget, by having no loops but one over a list of the event (all, any,
// one, none, count, filter, find and their like), none of them inside of another, and by patterns that are constant. As a list may be long and a text too, what goes
// through them is counted, and ended when an event has taken too much time by it: steps.go.
package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Longest is how many bytes the text of a filter may have.
const Longest = 2000

const (
	mostParts = 300
	memory    = 100_000 // in the measure of the library: about elements that are made
)

// builtins are the functions that an expression may call.
var builtins = []string{
	"all", "any", "one", "none", "count", "filter", "find", "len", "lower", "upper", "trim", "trimPrefix", "trimSuffix", "hasPrefix", "hasSuffix", "indexOf", "int", "float",
	"string", "abs", "first", "last", "keys", "values", "type",
}

// Filter is a compiled expression. It is immutable and safe for concurrent use.
type Filter struct {
	text    string
	program *vm.Program
}

// Error is what is wrong with an expression. Line and column begin with 1.
type Error struct {
	Line, Column int
	Text         string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

// known remembers what was compiled: all filters are compiled again whenever one receiver changes.
var known struct {
	sync.Mutex

	filters map[string]*Filter
}

const mostKnown = 2000

// Compile reads an expression. Errors are of type [*Error].
func Compile(text string) (*Filter, error) {
	if len(text) > Longest {
		return nil, &Error{Text: fmt.Sprintf("a filter has at most %d bytes", Longest)}
	}
	known.Lock()
	f := known.filters[text]
	known.Unlock()
	if f != nil {
		return f, nil
	}
	check := &bounds{}
	options := []expr.Option{
		expr.Env(map[string]any{"event": map[string]any{}, "tenant": ""}), expr.AsBool(), expr.MaxNodes(mostParts), expr.Patch(check), expr.DisableAllBuiltins(),
	}
	for _, name := range builtins {
		options = append(options, expr.EnableBuiltin(name))
	}
	if _, err := expr.Compile(text, options...); err != nil {
		return nil, explain(err)
	}
	if check.wrong != nil {
		e := *check.wrong
		e.Line, e.Column = place(text, check.at)
		return nil, &e
	}
	// Once more with what counts its steps, whose types say less: what is wrong was found without it.
	program, err := expr.Compile(text, append(options, expr.Env(map[string]any{"event": map[string]any{}, "tenant": "", stepName: stepFunc(nil)}), expr.Patch(counted{}))...)
	if err != nil {
		return nil, explain(err)
	}
	f = &Filter{text, program}
	known.Lock()
	defer known.Unlock()
	if known.filters == nil || len(known.filters) >= mostKnown {
		known.filters = map[string]*Filter{}
	}
	known.filters[text] = f
	return f, nil
}

// place is line and column of a place in the text, counted in characters.
func place(text string, at int) (line, column int) {
	before := []rune(text)
	before = before[:min(at, len(before))]
	line = 1
	for _, r := range before {
		column++
		if r == '\n' {
			line, column = line+1, 0
		}
	}
	return line, column + 1
}

func explain(err error) error {
	e, ok := errors.AsType[*file.Error](err)
	if !ok {
		return &Error{Text: firstLine(err.Error())}
	}
	return &Error{Line: e.Line, Column: e.Column + 1, Text: firstLine(e.Message)}
}

// firstLine is without the picture of the place that the library draws.
func firstLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

// bounds makes members that are not there nil, and refuses what could take long.
type bounds struct {
	wrong *Error
	at    int
}

func (b *bounds) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		if n.Method || n.Optional {
			return
		}
		n.Optional = true
		ast.Patch(node, &ast.ChainNode{Node: n})
	case *ast.PredicateNode:
		inner := &finder{}
		ast.Walk(&n.Node, inner)
		if inner.found {
			b.refuse(n, "a list cannot be gone through inside of another")
		}
	case *ast.BinaryNode:
		if _, constant := n.Right.(*ast.StringNode); n.Operator == "matches" && !constant {
			b.refuse(n, "the pattern must be a text in quotes")
		}
	}
}

func (b *bounds) refuse(n ast.Node, text string) {
	if b.wrong == nil {
		b.wrong, b.at = &Error{Text: text}, n.Location().From
	}
}

// finder looks for what goes through a list.
type finder struct{ found bool }

func (f *finder) Visit(node *ast.Node) {
	if _, is := (*node).(*ast.PredicateNode); is {
		f.found = true
	}
}

// Text is the expression as it was written.
func (f *Filter) Text() string { return f.text }

// Event is an event that filters look at. It is decoded once, when the first filter does. It is not safe for concurrent use.
type Event struct {
	body  []byte
	env   map[string]any
	err   error
	steps steps
}

// NewEvent returns the event with that body, {"event":{…}}.
func NewEvent(body []byte) *Event { return &Event{body: body} }

func (e *Event) decode() {
	var body struct {
		Event map[string]any `json:"event"`
	}
	if e.err = json.Unmarshal(e.body, &body); e.err != nil {
		e.err = errors.New("the event cannot be read")
	}
	tenant, _ := body.Event["tenantId"].(string)
	e.env = map[string]any{"event": body.Event, "tenant": tenant, stepName: stepFunc(e.steps.step)}
}

// Match tells whether the expression is true for the event. The error, of one line, is why that cannot be told.
func (f *Filter) Match(e *Event) (bool, error) {
	if e.env == nil {
		e.decode()
	}
	if e.err != nil {
		return false, e.err
	}
	machine := vm.VM{MemoryBudget: memory}
	e.steps = steps{size: len(e.body)}
	result, err := machine.Run(f.program, e.env)
	if err != nil {
		return false, explain(err)
	}
	matches, ok := result.(bool)
	if !ok {
		return false, fmt.Errorf("the result is %T instead of true or false", result)
	}
	return matches, nil
}
