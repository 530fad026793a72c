package search

import (
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

// Term is one thing to sort by: a column, or another SQL expression of ours.
type Term struct {
	Column     string
	Descending bool
	// Kind is what the values are. Only lists need it: a [Cursor] comes from outside.
	Kind Kind
}

// Kind says what values are.
type Kind int

// The kinds. The zero value is a number.
const (
	Number  Kind = iota // an integer
	Text                // such as an id
	Instant             // an integer, milliseconds since 1970
)

// Order is what a list is sorted by, the first term first. No order is no preference.
type Order []Term

// ParseOrder returns the order a caller asks for. columns maps the names callers use to expressions. Text looks like "name",
// "insertInstant DESC, id"; asc and desc in any case. All of it is ignored, and fallback returned, when something in it does not fit: callers
// of FusionAuth rely on a bad order being no error.
//
// When columns has "id" and text does not name it, it decides last, so that pages neither overlap nor leave gaps. It runs in the direction of
// the term before it, because an index can be read backwards but not in both directions at once.
func ParseOrder(text string, columns map[string]string, fallback Order) Order {
	var order Order
	var seen []string
	for term := range strings.SplitSeq(text, ",") {
		words := strings.Fields(term)
		if len(words) == 0 || len(words) > 2 {
			return fallback
		}
		column, ok := columns[words[0]]
		if !ok {
			return fallback
		}
		descending := false
		if len(words) == 2 {
			direction := strings.ToUpper(words[1])
			if descending = direction == "DESC"; !descending && direction != "ASC" {
				return fallback
			}
		}
		if slices.Contains(seen, words[0]) { // means nothing, and the engines limit the number of terms
			continue
		}
		seen = append(seen, words[0])
		order = append(order, Term{Column: column, Descending: descending})
	}
	if id, ok := columns["id"]; ok && !slices.Contains(seen, "id") {
		order = append(order, Term{Column: id, Descending: order[len(order)-1].Descending})
	}
	return order
}

// directions are the ways a sort field can be written, in lower case, and whether they descend.
var directions = map[string]bool{"": false, "asc": false, "desc": true}

// SortFields returns the order of a list of fields, nil without any; [CheckCriteria] has found them usable. missing maps the names of members that
// rows may lack to the condition that says so: such rows come last unless the field says otherwise, as the engines would not agree. columns["id"]
// decides last, in the direction of the field before it, as in [ParseOrder].
func SortFields(fields []wire.SortField, columns, missing map[string]string) Order {
	var order Order
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(before wire.SortField) bool { return before.Name == f.Name }) {
			continue
		}
		if lacks, ok := missing[f.Name]; ok {
			order = append(order, Term{Column: lacks, Descending: f.Missing == "_first"})
		}
		order = append(order, Term{Column: columns[f.Name], Descending: directions[strings.ToLower(f.Order)]})
		if f.Name == "id" { // nothing is left to be decided
			return order
		}
	}
	if order == nil {
		return nil
	}
	return append(order, Term{Column: columns["id"], Descending: order[len(order)-1].Descending})
}

// OrderBy is [ParseOrder] for lists that are small enough to be sorted anew for each page: it returns what stands behind ORDER BY, and
// fallback is such a text.
func OrderBy(text string, columns map[string]string, fallback string) string {
	if order := ParseOrder(text, columns, nil); order != nil {
		return order.String()
	}
	return fallback
}

// String is what stands behind ORDER BY.
func (o Order) String() string {
	terms := make([]string, len(o))
	for i, t := range o {
		terms[i] = t.Column + " ASC"
		if t.Descending {
			terms[i] = t.Column + " DESC"
		}
	}
	return strings.Join(terms, ", ")
}

// columns lists the expressions whose values are the key of a row: its place in the order.
func (o Order) columns() string {
	all := make([]string, len(o))
	for i, t := range o {
		all[i] = t.Column
	}
	return strings.Join(all, ", ")
}

// behind adds to c that only rows count which come after the row with that key.
func (o Order) behind(c *Conditions, key []any) {
	params := make([]string, len(key))
	for i, value := range key {
		params[i] = c.param(value)
	}
	// First, because SQLite begins to read at the first bound that it finds, which may else be that of a period.
	c.terms = slices.Insert(c.terms, 0, o.after(params))
}

// between adds to c that only rows count from one key on, up to and including another. from counts only when inclusive; nil keys are no bounds. All terms run in one
// direction.
func (o Order) between(c *Conditions, from []any, inclusive bool, through []any) {
	beyond, before := " > ", " <= "
	if o[0].Descending {
		beyond, before = " < ", " >= "
	}
	if inclusive {
		beyond = beyond[:2] + "= "
	}
	bound := func(operator string, key []any) string {
		params := make([]string, len(key))
		for i, value := range key {
			params[i] = c.param(value)
		}
		if len(o) == 1 {
			return o[0].Column + operator + params[0]
		}
		return "(" + o.columns() + ")" + operator + "(" + strings.Join(params, ", ") + ")"
	}
	var bounds []string
	if from != nil {
		bounds = append(bounds, bound(beyond, from))
	}
	if through != nil {
		bounds = append(bounds, bound(before, through))
	}
	c.terms = slices.Concat(bounds, c.terms) // first, as in behind
}

// reversed is the order from the other end.
func (o Order) reversed() Order {
	all := slices.Clone(o)
	for i := range all {
		all[i].Descending = !all[i].Descending
	}
	return all
}

// after is the comparison of a row with a place. Where all terms run in one direction it is a comparison of row values, which both engines look up
// in an index; otherwise it is taken apart, in a form whose first half an index still serves.
func (o Order) after(params []string) string {
	first := o[0]
	operator := " > "
	if first.Descending {
		operator = " < "
	}
	mixed := slices.ContainsFunc(o, func(t Term) bool { return t.Descending != first.Descending })
	switch {
	case len(o) == 1:
		return first.Column + operator + params[0]
	case !mixed:
		return "(" + o.columns() + ")" + operator + "(" + strings.Join(params, ", ") + ")"
	}
	orEqual := strings.TrimSuffix(operator, " ") + "= "
	return first.Column + orEqual + params[0] + " AND (" + first.Column + operator + params[0] + " OR " + o[1:].after(params[1:]) + ")"
}
