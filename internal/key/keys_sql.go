package key

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// row is a key as it is stored.
type row struct {
	id, document, name, sealed string
	version, updated           int64
}

// place is what binds a sealed private key or secret to its row.
func place(id wire.ID) string { return "signing_key/secret/" + string(id) }

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "signing_key", Column: "sealed", Key: []string{"id"}, Context: func(key []string) string { return place(wire.ID(key[0])) },
}}

// key is what may be shown. The columns are right where the document differs.
func (r row) key() (k wire.Key, err error) {
	if err := json.Unmarshal([]byte(r.document), &k); err != nil {
		return k, fmt.Errorf("decode key %s: %w", r.id, err)
	}
	k.ID, k.Name, k.LastUpdateInstant = wire.ID(r.id), r.name, wire.Instant(r.updated)
	return k, nil
}

func shown(rows []row) (keys []wire.Key, err error) {
	keys = make([]wire.Key, len(rows))
	for i, r := range rows {
		if keys[i], err = r.key(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

const keyColumns = `id, document, name, sealed, version, last_update_instant`

func scanKey(s db.Row) (r row, err error) {
	err = s.Scan(&r.id, &r.document, &r.name, &r.sealed, &r.version, &r.updated)
	return r, err
}

func scanKeys(rows *sql.Rows) (row, error) { return scanKey(rows) }

func allKeys(tx *db.Tx) ([]row, error) {
	rows, err := tx.Query(`SELECT ` + keyColumns + ` FROM signing_key ORDER BY name_key, id`)
	return db.Collect(rows, err, scanKeys)
}

func loadKey(tx *db.Tx, id wire.ID) (k wire.Key, version int64, err error) {
	r, err := scanKey(tx.QueryRow(`SELECT `+keyColumns+` FROM signing_key WHERE id = $1`, string(id)))
	if err != nil {
		return k, 0, db.Found(err)
	}
	k, err = r.key()
	return k, r.version, err
}

// columns maps what a search may be ordered by to columns. What never expires does so last.
var columns = map[string]string{
	"algorithm": "algorithm", "expiration": "CASE WHEN expiration_instant = 0 THEN 9223372036854775807 ELSE expiration_instant END",
	"id": "id", "insertInstant": "insert_instant", "name": "name_key", "type": "type",
}

func searchKeys(tx *db.Tx, c wire.KeySearch) ([]row, int, error) {
	var w search.Conditions
	w.Contains("name_key", c.Name)
	w.Equals("algorithm", string(c.Algorithm))
	w.Equals("type", string(c.Type))
	limit, offset := search.Window(c.Page)
	return db.Page(tx, keyColumns, "signing_key"+w.Where(), w.Args(), search.OrderBy(c.OrderBy, columns, "name_key ASC"), limit, offset, scanKeys)
}

// findSame looks for keys that stand in the way of a new one. An empty kid is nobody's.
func findSame(tx *db.Tx, id wire.ID, name, kid string) (sameID, sameName, sameKID bool, err error) {
	if sameID, err = tx.Exists(`SELECT 1 FROM signing_key WHERE id = $1`, string(id)); err != nil {
		return
	}
	if sameName, err = nameTaken(tx, name, ""); err != nil {
		return
	}
	sameKID, err = tx.Exists(`SELECT 1 FROM signing_key WHERE kid = $1`, kid)
	return
}

// nameTaken tells whether a key other than self has the name.
func nameTaken(tx *db.Tx, name string, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM signing_key WHERE name_key = $1 AND id <> $2`, search.Fold(name), string(self))
}

// insert stores a draft and returns what may be shown of it.
func (s *Service) insert(tx *db.Tx, d *draft) (wire.Key, error) {
	k := d.Key
	if k.ID == "" {
		k.ID = wire.ID(db.NewID())
	}
	k.InsertInstant, k.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
	document, err := json.Marshal(k)
	if err != nil {
		return k, err
	}
	sealed := ""
	if len(d.hidden) > 0 {
		if sealed, err = s.sealer.Seal(place(k.ID), d.hidden); err != nil {
			return k, err
		}
	}
	if _, err := tx.Exec(`
		INSERT INTO signing_key (id, name, name_key, kid, algorithm, type, expiration_instant, document, sealed, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10)`,
		string(k.ID), k.Name, search.Fold(k.Name), k.KID, string(k.Algorithm), string(k.Type), int64(k.ExpirationInstant), string(document), sealed,
		tx.NowMillis()); err != nil {
		return k, err
	}
	return k, tx.Bump(topic)
}

func rename(tx *db.Tx, k wire.Key, version int64) error {
	n, err := tx.Exec(`UPDATE signing_key SET name = $3, name_key = $4, version = version + 1, last_update_instant = $5 WHERE id = $1 AND version = $2`,
		string(k.ID), version, k.Name, search.Fold(k.Name), tx.NowMillis())
	if err == nil && n == 0 {
		return problem.Stale("key")
	}
	return err
}

func remove(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM signing_key WHERE id = $1`, string(id))
	if err == nil && n == 0 {
		return problem.ErrNotFound
	}
	return err
}

// usesOf are those that use a key, or any key with an empty id. Webhooks and entity types say so in a table; tenants and applications somewhere in what clients
// wrote into their settings, where the id may stand in upper case. There are at most limit.
func usesOf(tx *db.Tx, id wire.ID, limit int) ([]Use, error) {
	rows, err := tx.Query(`
		SELECT k.id, 'webhook', w.webhook_id, '' FROM signing_key k JOIN webhook_key w ON w.key_id = k.id WHERE $1 IN ('', k.id)
		UNION ALL SELECT k.id, 'entity type', e.id, e.name FROM signing_key k JOIN entity_type e ON e.access_token_key_id = k.id WHERE $1 IN ('', k.id)
		UNION ALL SELECT k.id, 'tenant', t.id, t.name FROM signing_key k JOIN tenant t ON LOWER(t.document) LIKE '%' || k.id || '%' WHERE $1 IN ('', k.id)
		UNION ALL SELECT k.id, 'application', a.id, a.name FROM signing_key k JOIN application a ON LOWER(a.document) LIKE '%' || k.id || '%' WHERE $1 IN ('', k.id)
		LIMIT $2`, string(id), limit)
	return db.Collect(rows, err, func(rows *sql.Rows) (u Use, err error) { return u, rows.Scan(&u.Key, &u.Kind, &u.ID, &u.Name) })
}
