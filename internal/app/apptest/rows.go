package apptest

import (
	"maps"
	"slices"

	"github.com/herald-events/herald/internal/db/dbtest"
)

// Rows are the rows of each table as text.
type Rows map[string][]string

// Rows is everything in the store, but for what the server itself renews and the tables that are named.
func (s *Server) Rows(without ...string) Rows {
	s.t.Helper()
	all := Rows{}
	for _, table := range dbtest.Everything(s.t, s.App.Store(), append(slices.Clone(without), "node", "traffic")...) {
		all[table.Name] = table.Lines()
	}
	return all
}

// Unchanged fails the test for each table that differs from before, except those that are named.
func (s *Server) Unchanged(before Rows, except ...string) {
	s.t.Helper()
	after := s.Rows(except...)
	for _, table := range slices.Sorted(maps.Keys(before)) {
		if slices.Equal(before[table], after[table]) || slices.Contains(except, table) {
			continue
		}
		s.t.Errorf("table %s had %d rows and has %d:", table, len(before[table]), len(after[table]))
		for _, row := range after[table] {
			if !slices.Contains(before[table], row) {
				s.t.Errorf("  new: %.300s", row)
			}
		}
	}
}
