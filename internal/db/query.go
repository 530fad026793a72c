package db

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Null is what stores an empty text as NULL.
func Null[T ~string](text T) any {
	if text == "" {
		return nil
	}
	return string(text)
}

// Found turns the error of a row that does not exist into problem.ErrNotFound.
func Found(err error) error {
	if errors.Is(err, ErrNoRows) {
		return problem.ErrNotFound
	}
	return err
}

// Row is one row, of QueryRow or of Query, for functions that scan either.
type Row interface{ Scan(dest ...any) error }

// Exists tells whether the query selects any row.
func (tx *Tx) Exists(query string, args ...any) (found bool, err error) {
	err = tx.QueryRow(`SELECT EXISTS (`+query+`)`, args...).Scan(&found)
	return found, err
}

// idsAtOnce is how many ids one statement names.
const idsAtOnce = 500

// ByID reads the objects with these ids: each once, in the order of the ids, without those that do not exist. selecting is the statement up to
// its WHERE clause, column the one with the ids, and idOf says which id an object has.
func ByID[T any](tx *Tx, selecting, column string, ids []wire.ID, scan func(*sql.Rows) (T, error), idOf func(T) wire.ID) ([]T, error) {
	all := make([]T, 0, len(ids))
	seen := make(map[wire.ID]bool, len(ids))
	for chunk := range slices.Chunk(ids, idsAtOnce) {
		var w search.Conditions
		w.OneOf(column, chunk)
		rows, err := tx.Query(selecting+w.Where(), w.Args()...)
		found, err := Collect(rows, err, scan)
		if err != nil {
			return nil, err
		}
		byID := make(map[wire.ID]T, len(found))
		for _, one := range found {
			byID[idOf(one)] = one
		}
		for _, id := range chunk {
			if one, ok := byID[id]; ok && !seen[id] {
				seen[id] = true
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// Grouped runs a query of two ids a row, and returns the second ones by the first, in the order of the rows.
func (tx *Tx) Grouped(query string, args ...any) (map[wire.ID][]wire.ID, error) {
	rows, err := tx.Query(query, args...)
	pairs, err := Collect(rows, err, func(rows *sql.Rows) (pair [2]wire.ID, err error) { return pair, rows.Scan(&pair[0], &pair[1]) })
	if err != nil {
		return nil, err
	}
	groups := make(map[wire.ID][]wire.ID)
	for _, pair := range pairs {
		groups[pair[0]] = append(groups[pair[0]], pair[1])
	}
	return groups, nil
}

// Page reads a part of what from selects (a table, perhaps with a WHERE clause and its args), and counts all of it. It is for tables that stay
// small; see [Search] for others.
func Page[T any](tx *Tx, columns, from string, args []any, order string, limit, offset int, scan func(*sql.Rows) (T, error)) (found []T, total int, err error) {
	if err := tx.QueryRow(`SELECT COUNT(*) FROM `+from, args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	n := len(args)
	rows, err := tx.Query(fmt.Sprintf(`SELECT %s FROM %s ORDER BY %s LIMIT $%d OFFSET $%d`, columns, from, order, n+1, n+2), append(args[:n:n], limit, offset)...)
	found, err = Collect(rows, err, scan)
	return found, total, err
}

// Search reads one page of a search in a table that may have millions of rows, and counts what it finds: exactly up to search.MaxCount, see
// there. scan gets each row. positions, which may be nil, are those of the table.
func Search[T any](tx *Tx, q search.Query, positions *search.Positions, scan func(Row) (T, error)) (found []T, total int, err error) {
	found, total, _, err = SearchOn(tx, q, positions, scan)
	return found, total, err
}

// SearchOn is Search that also returns where the next page begins, for search.Query.After. It has no key when there is none.
func SearchOn[T any](tx *Tx, q search.Query, positions *search.Positions, scan func(Row) (T, error)) (found []T, total int, next search.Place, err error) {
	page, err := q.Begin(positions, tx.Now())
	if err != nil {
		return nil, 0, next, err
	}
	text, args := page.Rows()
	row, read := keyedRow{key: make([]any, len(q.Order))}, 0
	var last []any // the key of the last row of the page, behind which one more is read
	rows, err := tx.Query(text, args...)
	found, err = Collect(rows, err, func(rows *sql.Rows) (T, error) {
		row.rows = rows
		one, err := scan(row)
		if read++; read == page.Limit() {
			last = slices.Clone(row.key)
		}
		return one, err
	})
	if err != nil {
		return nil, 0, next, err
	}
	more := len(found) > page.Limit()
	if more {
		found = found[:page.Limit()]
		page.Keep(last)
		next = page.Place(last)
	}
	total, certain := page.Total(len(found), more)
	if certain {
		return found, total, next, nil
	}
	var counted int
	text, args = page.Count()
	err = tx.QueryRow(text, args...).Scan(&counted)
	return found, max(total, counted), next, err
}

// List reads one page of a list: rows of a table that may have millions, the newest first, from a cursor on. Nothing is counted. What no index finds is looked for
// during search.Patience only, see search.Links. scan gets each row.
//
// The error is a problem of kind Invalid for a cursor that is none of this list.
func List[T any](tx *Tx, q search.Query, at search.Cursor, scan func(Row) (T, error)) (found []T, links search.Links, err error) {
	l, err := q.List(at)
	if err != nil {
		return nil, links, err
	}
	for goOn := true; goOn; {
		began := tx.d.clock()
		through, err := listBound(tx, l)
		if err != nil {
			return nil, links, err
		}
		var keys [][]any
		text, args := l.Rows(through)
		rows, err := tx.Query(text, args...)
		some, err := Collect(rows, err, func(rows *sql.Rows) (T, error) {
			row := keyedRow{rows, make([]any, len(q.Order))}
			one, err := scan(row)
			keys = append(keys, row.key)
			return one, err
		})
		if err != nil {
			return nil, links, err
		}
		var take int
		take, goOn = l.Add(keys, through, tx.d.clock().Sub(began))
		found = append(found, some[:take]...)
	}
	if l.Short() {
		return List(tx, q, "", scan)
	}
	if l.Upwards() {
		slices.Reverse(found)
	}
	return found, l.Links(), nil
}

// listBound returns the key of the last row that the next step looks at, nil when it looks at all.
func listBound(tx *Tx, l *search.Listing) ([]any, error) {
	text, args, ok := l.Bound()
	if !ok {
		return nil, nil
	}
	rows, err := tx.Query(text, args...)
	found, err := Collect(rows, err, func(rows *sql.Rows) ([]any, error) {
		columns, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		key := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range key {
			dest[i] = &key[i]
		}
		return key, rows.Scan(dest...)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// keyedRow scans what its user asks for, and the key that stands behind it.
type keyedRow struct {
	rows *sql.Rows
	key  []any
}

func (r keyedRow) Scan(dest ...any) error {
	for i := range r.key {
		dest = append(dest, &r.key[i])
	}
	return r.rows.Scan(dest...)
}
