package entity

import (
	"context"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Search returns a page of entities, and how many match in all: exactly up to search.MaxCount, beyond it at least so many. scope confines it to a
// tenant; empty means all.
//
// IDs win over the query and are not paged. Without either the search finds every entity. Errors: problem.Invalid.
func (s *Service) Search(ctx context.Context, scope wire.ID, c wire.EntitySearch) (entities []wire.Entity, total int, err error) {
	var v problem.Validation
	search.CheckCriteria(&v, "Entities", c.IDs, c.Query, c.SortFields, entityOrders)
	search.CheckText(&v, "search.queryString", c.QueryString)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		var rows []*row
		if len(c.IDs) > 0 {
			rows, err = loadMany(tx, c.IDs)
			rows = slices.DeleteFunc(rows, func(r *row) bool { return scope != "" && r.TenantID != scope })
			total = len(rows)
		} else {
			rows, total, err = find(tx, &s.positions, scope, c)
		}
		if err != nil {
			return err
		}
		found, err := s.open(tx, rows)
		entities = make([]wire.Entity, len(found))
		for i, e := range found {
			entities[i] = e.Entity
		}
		return err
	})
	return entities, total, err
}
