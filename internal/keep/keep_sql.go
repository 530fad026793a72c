package keep

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// document is what the column of that name holds of an object.
func (s *Service) document(k *Kind, r row) (string, error) {
	plain := loose.Encode(r.object)
	if !k.Sealed {
		return string(plain), nil
	}
	return s.sealer.Seal(k.sealedAt(r.id), plain)
}

// sealedAt is what binds a sealed document to its row.
func (k *Kind) sealedAt(id wire.ID) string { return "kept/" + k.Name + "/" + string(id) }

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "kept", Column: "document", Key: []string{"kind", "id"}, Context: func(key []string) string { return (&Kind{Name: key[0]}).sealedAt(wire.ID(key[1])) },
}}

func (s *Service) insert(tx *db.Tx, k *Kind, r row) error {
	document, err := s.document(k, r)
	if err != nil {
		return err
	}
	ofType, _ := loose.Text(r.object["type"])
	_, err = tx.Exec(`INSERT INTO kept (kind, id, tenant_id, application_id, user_id, parent_kind, parent_id, name_key, unique_key, type, searched,
			document, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		k.Name, string(r.id), db.Null(r.tenant), db.Null(r.application), db.Null(r.user), db.Null(k.Refers), db.Null(r.parent),
		search.Fold(k.name(r.object)), db.Null(k.uniqueKey(r)), ofType, k.searched(r.object), document, r.version, int64(r.inserted), int64(r.updated))
	return err
}

// update writes r over what is stored under its id. It is problem.Stale when that is no longer what it was at that version.
func (s *Service) update(tx *db.Tx, k *Kind, r row, version int64) error {
	document, err := s.document(k, r)
	if err != nil {
		return err
	}
	ofType, _ := loose.Text(r.object["type"])
	n, err := tx.Exec(`UPDATE kept SET tenant_id = $1, name_key = $2, unique_key = $3, type = $4, searched = $5, document = $6, version = $7, last_update_instant = $8
		WHERE kind = $9 AND id = $10 AND version = $11`,
		db.Null(r.tenant), search.Fold(k.name(r.object)), db.Null(k.uniqueKey(r)), ofType, k.searched(r.object), document, r.version, int64(r.updated),
		k.Name, string(r.id), version)
	if err == nil && n == 0 {
		err = problem.Stale(k.One)
	}
	return err
}

func remove(tx *db.Tx, k *Kind, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM kept WHERE kind = $1 AND id = $2`, k.Name, string(id))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

func exists(tx *db.Tx, k *Kind, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM kept WHERE kind = $1 AND id = $2`, k.Name, string(id))
}

// nameTaken tells whether an object other than self has the name of that of r.
func nameTaken(tx *db.Tx, k *Kind, r row, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM kept WHERE kind = $1 AND unique_key = $2 AND id <> $3`, k.Name, k.uniqueKey(r), string(self))
}

// columns is what scan reads.
const columns = `id, COALESCE(tenant_id, ''), COALESCE(application_id, ''), COALESCE(user_id, ''), COALESCE(parent_id, ''), document, version, insert_instant, last_update_instant`

func (s *Service) scan(k *Kind, from db.Row) (r row, err error) {
	var document string
	if err := from.Scan(&r.id, &r.tenant, &r.application, &r.user, &r.parent, &document, &r.version, &r.inserted, &r.updated); err != nil {
		return r, err
	}
	plain := []byte(document)
	if k.Sealed {
		if plain, err = s.sealer.Open(k.sealedAt(r.id), document); err != nil {
			return r, err
		}
	}
	if json.Unmarshal(plain, &r.object) != nil { // whose error may show what was sealed
		return r, fmt.Errorf("keep: the document of %s %s cannot be read", k.Name, r.id)
	}
	return r, nil
}

// reach are the conditions for the objects of a kind that a caller reaches.
func (k *Kind) reach(within Within) (w search.Conditions) {
	w.Equals("kind", k.Name)
	if within.Tenant != "" {
		w.Add("(tenant_id IS NULL OR tenant_id = ?)", string(within.Tenant))
	}
	w.Equals("application_id", string(within.Application))
	w.Equals("user_id", string(within.User))
	return w
}

func (s *Service) load(tx *db.Tx, k *Kind, within Within, id wire.ID) (row, error) {
	w := k.reach(within)
	w.Equals("id", string(id))
	r, err := s.scan(k, tx.QueryRow(`SELECT `+columns+` FROM kept`+w.Where(), w.Args()...))
	return r, db.Found(err)
}

// byName is the order of lists, and of searches that name no other. What has no name comes in the order of its creation.
const byName = `name_key ASC, insert_instant ASC, id ASC`

func (s *Service) all(tx *db.Tx, k *Kind, within Within, ofType string) ([]row, error) {
	w := k.reach(within)
	w.Equals("type", ofType)
	rows, err := tx.Query(`SELECT `+columns+` FROM kept`+w.Where()+` ORDER BY `+byName, w.Args()...)
	return db.Collect(rows, err, func(rows *sql.Rows) (row, error) { return s.scan(k, rows) })
}

// orders maps what a search may be ordered by to columns.
var orders = map[string]string{"id": "id", "insertInstant": "insert_instant", "name": "name_key", "type": "type"}

func (s *Service) find(tx *db.Tx, k *Kind, within Within, c wire.KeptSearch) ([]row, int, error) {
	w := k.reach(within)
	for _, criterion := range k.Search {
		switch criterion {
		case "name":
			w.Contains("name_key", c.Name)
		case "type":
			w.Equals("type", c.Type)
		case "body":
			w.Contains("searched", c.Body)
		case "applicationId":
			w.Contains("searched", string(c.ApplicationID))
		case "tenantId":
			w.Equals("tenant_id", string(c.TenantID))
		}
	}
	limit, offset := search.Window(c.Page)
	return db.Page(tx, columns, `kept`+w.Where(), w.Args(), search.OrderBy(c.OrderBy, orders, byName), limit, offset,
		func(rows *sql.Rows) (row, error) { return s.scan(k, rows) })
}
