package entity

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// typeDocument is what the column document holds of a type.
type typeDocument struct {
	Data             wire.Object                  `json:"data"`
	JWTConfiguration *wire.EntityJWTConfiguration `json:"jwtConfiguration"`
}

// permissionDocument is what the column document holds of a permission.
type permissionDocument struct {
	Description string      `json:"description,omitempty"`
	Data        wire.Object `json:"data"`
	IsDefault   bool        `json:"isDefault"`
}

// readCatalogue reads all types and permissions.
func readCatalogue(tx *db.Tx) (*catalogue, error) {
	rows, err := tx.Query(`SELECT id, name, document, version, insert_instant, last_update_instant FROM entity_type ORDER BY name_key, id`)
	all := &catalogue{byID: map[wire.ID]*kind{}}
	all.byName, err = db.Collect(rows, err, scanType)
	if err != nil {
		return nil, err
	}
	for _, k := range all.byName {
		all.byID[k.ID] = k
	}
	rows, err = tx.Query(`SELECT type_id, id, name, document, insert_instant, last_update_instant FROM entity_permission ORDER BY name_key, id`)
	_, err = db.Collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		of, p, err := scanPermission(rows)
		if k := all.byID[of]; err == nil && k != nil {
			k.Permissions = append(k.Permissions, p)
		}
		return struct{}{}, err
	})
	return all, err
}

func scanType(rows *sql.Rows) (*kind, error) {
	k := &kind{EntityType: wire.EntityType{Permissions: []wire.EntityTypePermission{}}}
	var document string
	if err := rows.Scan(&k.ID, &k.Name, &document, &k.version, &k.InsertInstant, &k.LastUpdateInstant); err != nil {
		return nil, err
	}
	var d typeDocument
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return nil, fmt.Errorf("entity type %s: %w", k.ID, err)
	}
	k.Data, k.JWTConfiguration = d.Data, d.JWTConfiguration
	return k, nil
}

func scanPermission(rows *sql.Rows) (of wire.ID, p wire.EntityTypePermission, err error) {
	var document string
	if err := rows.Scan(&of, &p.ID, &p.Name, &document, &p.InsertInstant, &p.LastUpdateInstant); err != nil {
		return "", p, err
	}
	var d permissionDocument
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return "", p, fmt.Errorf("entity permission %s: %w", p.ID, err)
	}
	p.Description, p.Data, p.IsDefault = d.Description, d.Data, d.IsDefault
	return of, p, nil
}

func insertType(tx *db.Tx, t *wire.EntityType) error {
	document, err := json.Marshal(typeDocument{t.Data, t.JWTConfiguration})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO entity_type (id, name, name_key, document, access_token_key_id, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6)`,
		string(t.ID), t.Name, search.Fold(t.Name), string(document), db.Null(t.JWTConfiguration.AccessTokenKeyID), tx.NowMillis())
	return keyGone(err)
}

// updateType is problem.Stale when the type has another version.
func updateType(tx *db.Tx, t *wire.EntityType, version int64) error {
	document, err := json.Marshal(typeDocument{t.Data, t.JWTConfiguration})
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE entity_type SET name = $1, name_key = $2, document = $3, access_token_key_id = $4, version = version + 1, last_update_instant = $5
		WHERE id = $6 AND version = $7`,
		t.Name, search.Fold(t.Name), string(document), db.Null(t.JWTConfiguration.AccessTokenKeyID), tx.NowMillis(), string(t.ID), version)
	if err == nil && n == 0 {
		err = problem.Stale("entity type")
	}
	return keyGone(err)
}

// keyGone turns the error of a key that was deleted after we looked.
func keyGone(err error) error {
	if db.IsForeignKey(err) {
		return problem.Stale("key of the entity type")
	}
	return err
}

// claimType counts a change of a type's permissions as one of the type. It is problem.Stale when the type has another version.
func claimType(tx *db.Tx, id wire.ID, version int64) error {
	n, err := tx.Exec(`UPDATE entity_type SET version = version + 1 WHERE id = $1 AND version = $2`, string(id), version)
	if err == nil && n == 0 {
		err = problem.Stale("entity type")
	}
	return err
}

func deleteType(tx *db.Tx, id wire.ID) error {
	_, err := tx.Exec(`DELETE FROM entity_type WHERE id = $1`, string(id))
	return err
}

func entitiesOfType(tx *db.Tx, id wire.ID) (n int, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM entity WHERE type_id = $1`, string(id)).Scan(&n)
	return n, err
}

// typeColumns maps the members that types can be ordered by.
var typeColumns = map[string]string{
	"id": "id", "insertInstant": "insert_instant", "lastUpdateInstant": "last_update_instant", "name": "name_key",
}

func findTypes(tx *db.Tx, c wire.EntityTypeSearch) (ids []wire.ID, total int, err error) {
	var w search.Conditions
	w.Contains("name_key", c.Name)
	limit, offset := search.Window(c.Page)
	return db.Page(tx, `id`, `entity_type`+w.Where(), w.Args(), search.OrderBy(c.OrderBy, typeColumns, "name_key ASC, id ASC"), limit, offset,
		func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}

func insertPermission(tx *db.Tx, of wire.ID, p *wire.EntityTypePermission) error {
	document, err := json.Marshal(permissionDocument{p.Description, p.Data, p.IsDefault})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO entity_permission (id, type_id, name, name_key, document, insert_instant, last_update_instant) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
		string(p.ID), string(of), p.Name, search.Fold(p.Name), string(document), tx.NowMillis())
	return err
}

func updatePermission(tx *db.Tx, p *wire.EntityTypePermission) error {
	document, err := json.Marshal(permissionDocument{p.Description, p.Data, p.IsDefault})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE entity_permission SET name = $1, name_key = $2, document = $3, last_update_instant = $4 WHERE id = $5`,
		p.Name, search.Fold(p.Name), string(document), tx.NowMillis(), string(p.ID))
	return err
}

func deletePermission(tx *db.Tx, id wire.ID) error {
	_, err := tx.Exec(`DELETE FROM entity_permission WHERE id = $1`, string(id))
	return err
}
