package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

// Conditions builds a WHERE clause out of what a caller looks for: columns and terms are ours, values become parameters. The zero value finds
// everything.
type Conditions struct {
	terms []string
	args  []any

	indexed struct{ terms, args int } // how many of them came before Indexed
}

// Indexed says that an index finds, in the order of the search, what the terms so far look for: a period of the column that is ordered by, whatever the index
// begins with. The terms that are added later are checked row by row, which [Query.List] does for so many rows only. Without a call that is all of them.
func (c *Conditions) Indexed() { c.indexed.terms, c.indexed.args = len(c.terms), len(c.args) }

// sift tells whether rows are checked one by one.
func (c *Conditions) sift() bool { return c.indexed.terms < len(c.terms) }

// findable is a copy of what an index finds.
func (c *Conditions) findable() Conditions {
	return Conditions{terms: slices.Clone(c.terms[:c.indexed.terms]), args: slices.Clone(c.args[:c.indexed.args])}
}

// Add adds a term; each ? in it stands for arg.
func (c *Conditions) Add(term string, arg any) {
	c.terms = append(c.terms, strings.ReplaceAll(term, "?", c.param(arg)))
}

// AddEach adds a term; the first ? in it stands for the first of args, and so on.
func (c *Conditions) AddEach(term string, args ...any) {
	parts := strings.Split(term, "?")
	for i, arg := range args {
		parts[i] += c.param(arg)
	}
	c.terms = append(c.terms, strings.Join(parts, ""))
}

// param adds a parameter and returns what stands for it in a term.
func (c *Conditions) param(arg any) string {
	c.args = append(c.args, arg)
	return fmt.Sprintf("$%d", len(c.args))
}

// clone is a copy that can be added to without a change of c.
func (c *Conditions) clone() Conditions {
	return Conditions{terms: slices.Clone(c.terms), args: slices.Clone(c.args)}
}

// Nothing makes the clause find nothing.
func (c *Conditions) Nothing() { c.terms = append(c.terms, "FALSE") }

// Contains looks for text with wildcards in a column that holds folded text; an empty text finds everything.
func (c *Conditions) Contains(column, text string) {
	if pattern := Pattern(text); pattern != "" {
		c.Add(column+" LIKE ?"+Escape, pattern)
	}
}

// Equals looks for a value; an empty one finds everything.
func (c *Conditions) Equals(column, value string) {
	if value != "" {
		c.Add(column+" = ?", value)
	}
}

// OneOf looks for ids; without any it finds nothing.
func (c *Conditions) OneOf(column string, ids []wire.ID) { oneOf(c, column, ids) }

// AnyOf is OneOf for other values.
func (c *Conditions) AnyOf(column string, values []string) { oneOf(c, column, values) }

// AnyNumber is OneOf for numbers.
func (c *Conditions) AnyNumber(column string, values []int64) { oneOf(c, column, values) }

func oneOf[T any](c *Conditions, column string, values []T) {
	if len(values) == 0 {
		c.Nothing()
		return
	}
	params := make([]string, len(values))
	for i, value := range values {
		params[i] = c.param(value)
	}
	c.terms = append(c.terms, column+" IN ("+strings.Join(params, ", ")+")")
}

// Within looks for instants; an open bound finds everything on its side.
func (c *Conditions) Within(column string, p wire.Period) {
	if p.Start != 0 {
		c.Add(column+" >= ?", int64(p.Start))
	}
	if p.End != 0 {
		c.Add(column+" < ?", int64(p.End))
	}
}

// Where is the clause, beginning with a blank, or "" when nothing is looked for.
func (c *Conditions) Where() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// Args are the parameters of the clause.
func (c *Conditions) Args() []any { return c.args }
