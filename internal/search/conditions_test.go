package search

import (
	"slices"
	"testing"

	"github.com/herald-events/herald/wire"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	var none Conditions
	none.Contains("a", "  ")
	none.Equals("b", "")
	none.Within("c", wire.Period{})
	if none.Where() != "" || len(none.Args()) != 0 {
		t.Errorf("nothing is looked for: %q %v", none.Where(), none.Args())
	}

	var all Conditions
	all.Contains("a", "X_y*")
	all.Equals("b", "1")
	all.Within("c", wire.Period{Start: 5, End: 9})
	all.Add("(d = ? OR e = ?)", "both")
	const want = ` WHERE a LIKE $1 ESCAPE '\' AND b = $2 AND c >= $3 AND c < $4 AND (d = $5 OR e = $5)`
	if all.Where() != want {
		t.Errorf("clause\n%s, want\n%s", all.Where(), want)
	}
	if args := []any{`x\_y%`, "1", int64(5), int64(9), "both"}; !slices.Equal(all.Args(), args) {
		t.Errorf("args %v, want %v", all.Args(), args)
	}
	var ids Conditions
	ids.Equals("a", "x")
	ids.OneOf("id", []wire.ID{"1", "2"})
	if want := ` WHERE a = $1 AND id IN ($2, $3)`; ids.Where() != want || !slices.Equal(ids.Args(), []any{"x", wire.ID("1"), wire.ID("2")}) {
		t.Errorf("ids: %s %v, want %s", ids.Where(), ids.Args(), want)
	}
	var noIDs Conditions
	noIDs.OneOf("id", nil)
	if noIDs.Where() != " WHERE FALSE" {
		t.Errorf("no ids: %s", noIDs.Where())
	}
	all.Nothing()
	if all.Where() != want+" AND FALSE" {
		t.Errorf("clause that finds nothing: %s", all.Where())
	}
}
