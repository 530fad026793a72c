package filter

import (
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
)

// The time that an expression takes is bounded although the library cannot interrupt one: whatever comes past an element of a list, or goes through a text or a list, is a
// call of a function that panics when it is enough. The library makes an error of that.
//
// Only who has done much is looked at: so a short expression about a usual event never fails because the machine is busy.

const (
	// patience is how long one evaluation may take, and work how many bytes it may have come past before anybody looks at the clock: steps times the size of the event.
	patience = 500 * time.Millisecond
	work     = 10 << 20
)

// stepName is what that function is called. It cannot be written in an expression.
const stepName = "one step"

// stepFunc is of the type that the library calls without reflection. It returns what it is given.
type stepFunc = func(...any) any

// steps counts those of one evaluation.
type steps struct {
	size  int // of the event, in bytes
	done  int
	begin time.Time
}

func (s *steps) step(value ...any) any {
	s.done++
	switch {
	case s.begin.IsZero():
		s.begin = time.Now()
	case s.done*s.size > work && time.Since(s.begin) > patience:
		panic("this takes too long with an event as large as this one")
	}
	return value[0]
}

// counted makes steps of all that is not done at once.
type counted struct{}

// goingThrough are the functions that read all of a text, a list or an object.
var goingThrough = []string{"lower", "upper", "trim", "trimPrefix", "trimSuffix", "indexOf", "string", "keys", "values"}

func (counted) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		n.Node = stepOf(n.Node)
	case *ast.BuiltinNode:
		if slices.Contains(goingThrough, n.Name) {
			ast.Patch(node, stepOf(n))
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "matches", "contains", "in":
			ast.Patch(node, stepOf(n))
		}
	}
}

func stepOf(n ast.Node) ast.Node {
	call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: stepName}, Arguments: []ast.Node{n}}
	call.SetLocation(n.Location())
	return call
}
