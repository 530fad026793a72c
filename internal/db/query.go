package db

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/problem"
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

// Page reads a part of what from selects (a table, perhaps with a WHERE clause and its args), and counts all of it.
func Page[T any](tx *Tx, columns, from string, args []any, order string, limit, offset int, scan func(*sql.Rows) (T, error)) (found []T, total int, err error) {
	if err := tx.QueryRow(`SELECT COUNT(*) FROM `+from, args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	n := len(args)
	rows, err := tx.Query(fmt.Sprintf(`SELECT %s FROM %s ORDER BY %s LIMIT $%d OFFSET $%d`, columns, from, order, n+1, n+2), append(args[:n:n], limit, offset)...)
	found, err = Collect(rows, err, scan)
	return found, total, err
}
