package template

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// document is what the column of that name holds of a template.
func (o *objects[T, C]) document(t T) (string, error) {
	h := o.head(&t)
	*h.id, *h.name, *h.inserted, *h.updated = "", "", 0, 0
	text, err := json.Marshal(t)
	return string(text), err
}

func (o *objects[T, C]) insert(tx *db.Tx, t *T) error {
	document, err := o.document(*t)
	if err != nil {
		return err
	}
	h := o.head(t)
	_, err = tx.Exec(`INSERT INTO template (kind, id, name, name_key, document, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6)`, o.kind.stored, string(*h.id), *h.name, search.Fold(*h.name), document, tx.NowMillis())
	return err
}

func (o *objects[T, C]) update(tx *db.Tx, t *T, version int64) error {
	document, err := o.document(*t)
	if err != nil {
		return err
	}
	h := o.head(t)
	n, err := tx.Exec(`UPDATE template SET name = $1, name_key = $2, document = $3, version = version + 1, last_update_instant = $4
		WHERE kind = $5 AND id = $6 AND version = $7`, *h.name, search.Fold(*h.name), document, tx.NowMillis(), o.kind.stored, string(*h.id), version)
	if err == nil && n == 0 {
		err = problem.Stale("template")
	}
	return err
}

func (o *objects[T, C]) remove(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM template WHERE kind = $1 AND id = $2`, o.kind.stored, string(id))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// hold is load for one who is about to refer to the template. It writes, though nothing new, so that a deletion waits for the end of tx.
func (o *objects[T, C]) hold(tx *db.Tx, id wire.ID) (t T, found bool, err error) {
	n, err := tx.Exec(`UPDATE template SET version = version WHERE kind = $1 AND id = $2`, o.kind.stored, string(id))
	if err != nil || n == 0 {
		return t, false, err
	}
	t, _, err = o.load(tx, id)
	if errors.Is(err, problem.ErrNotFound) {
		return t, false, nil
	}
	return t, err == nil, err
}

func (o *objects[T, C]) exists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM template WHERE kind = $1 AND id = $2`, o.kind.stored, string(id))
}

// nameTaken tells whether a template other than self has the name.
func (o *objects[T, C]) nameTaken(tx *db.Tx, name string, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM template WHERE kind = $1 AND name_key = $2 AND id <> $3`, o.kind.stored, search.Fold(name), string(self))
}

// columns is what scan reads.
const columns = `id, name, document, version, insert_instant, last_update_instant`

func (o *objects[T, C]) scan(row db.Row) (t T, version int64, err error) {
	var id, name, document string
	var inserted, updated int64
	if err := row.Scan(&id, &name, &document, &version, &inserted, &updated); err != nil {
		return t, 0, err
	}
	if err := json.Unmarshal([]byte(document), &t); err != nil {
		return t, 0, fmt.Errorf("decode %s %s: %w", o.kind.noun, id, err)
	}
	h := o.head(&t)
	*h.id, *h.name, *h.inserted, *h.updated = wire.ID(id), name, wire.Instant(inserted), wire.Instant(updated)
	return t, version, nil
}

func (o *objects[T, C]) scanRows(rows *sql.Rows) (T, error) {
	t, _, err := o.scan(rows)
	return t, err
}

func (o *objects[T, C]) load(tx *db.Tx, id wire.ID) (t T, version int64, err error) {
	t, version, err = o.scan(tx.QueryRow(`SELECT `+columns+` FROM template WHERE kind = $1 AND id = $2`, o.kind.stored, string(id)))
	return t, version, db.Found(err)
}

// byName is the order of lists, and of searches that name no other.
const byName = `name_key ASC, id ASC`

func (o *objects[T, C]) all(tx *db.Tx) ([]T, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM template WHERE kind = $1 ORDER BY `+byName, o.kind.stored)
	return db.Collect(rows, err, o.scanRows)
}

// orders maps what a search may be ordered by to columns.
var orders = map[string]string{"id": "id", "insertInstant": "insert_instant", "name": "name_key"}

func (o *objects[T, C]) find(tx *db.Tx, name string, page wire.Page) ([]T, int, error) {
	var w search.Conditions
	w.Equals("kind", o.kind.stored)
	w.Contains("name_key", name)
	limit, offset := search.Window(page)
	return db.Page(tx, columns, `template`+w.Where(), w.Args(), search.OrderBy(page.OrderBy, orders, byName), limit, offset, o.scanRows)
}

// first marks a default template as stored. False means that it was before, by this process or another one.
func (o *objects[T, C]) first(tx *db.Tx, id wire.ID) (bool, error) {
	n, err := tx.Exec(`INSERT INTO template_default (kind, id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, o.kind.stored, string(id))
	return n > 0, err
}

// known are the ids of the default templates that were stored once.
func (o *objects[T, C]) known(tx *db.Tx) ([]wire.ID, error) {
	rows, err := tx.Query(`SELECT id FROM template_default WHERE kind = $1`, o.kind.stored)
	return db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}
