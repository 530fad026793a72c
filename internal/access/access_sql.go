package access

import (
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

// topic of the cached keys: bumped by every change of the table.
const topic = "api-key"

// document is the part of a key that is only stored and returned.
type document struct {
	IPAccessControlListID wire.ID             `json:"ipAccessControlListId,omitempty"`
	MetaData              wire.APIKeyMetaData `json:"metaData,omitzero"`
}

func sealContext(id wire.ID) string { return "api-key/" + string(id) }

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "api_key", Column: "sealed", Key: []string{"id"}, Context: func(key []string) string { return sealContext(wire.ID(key[0])) },
}}

// columns in the order of insertRecord and scan.
const columns = `id, hash, sealed, name, tenant_id, key_manager, retrievable, expiration_instant, permissions, document,
	version, insert_instant, last_update_instant`

func (s *Service) insertRecord(tx *db.Tx, r *record) error {
	if *r.Retrievable {
		sealed, err := s.sealer.Seal(sealContext(r.ID), []byte(r.Key))
		if err != nil {
			return fmt.Errorf("seal an API key: %w", err)
		}
		r.sealed = sealed
	}
	permissions, doc, err := r.encode()
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO api_key (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.ID, hex.EncodeToString(r.hash[:]), r.sealed, db.Null(r.Name), r.TenantID, r.KeyManager, *r.Retrievable, r.ExpirationInstant,
		permissions, doc, r.version, r.InsertInstant, r.LastUpdateInstant)
	if err != nil {
		return err
	}
	return tx.Bump(topic)
}

// updateRecord fails with a conflict when the key was changed since it was read.
func (s *Service) updateRecord(tx *db.Tx, r *record) error {
	permissions, doc, err := r.encode()
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE api_key SET name = $1, expiration_instant = $2, permissions = $3, document = $4,
			version = version + 1, last_update_instant = $5
		WHERE id = $6 AND version = $7`,
		db.Null(r.Name), r.ExpirationInstant, permissions, doc, r.LastUpdateInstant, r.ID, r.version)
	if err != nil {
		return err
	}
	if n == 0 {
		return problem.Stale("API key")
	}
	return tx.Bump(topic)
}

func remove(tx *db.Tx, id wire.ID) error {
	if _, err := tx.Exec(`DELETE FROM api_key WHERE id = $1`, id); err != nil {
		return err
	}
	return tx.Bump(topic)
}

func removeOfTenant(tx *db.Tx, tenant wire.ID) error {
	n, err := tx.Exec(`DELETE FROM api_key WHERE tenant_id = $1`, tenant)
	if err != nil || n == 0 {
		return err
	}
	return tx.Bump(topic)
}

// find returns nil when there is no such key.
func find(tx *db.Tx, id wire.ID) (*record, error) {
	r, err := scan(tx.QueryRow(`SELECT `+columns+` FROM api_key WHERE id = $1`, id))
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	return r, err
}

// findSame tells which of the unique values of r are taken. With own set, r is stored already, and only others count.
func findSame(tx *db.Tx, r *record, own bool) (sameID, sameKey, sameName bool, err error) {
	hash := hex.EncodeToString(r.hash[:])
	rows, err := tx.Query(`SELECT id, hash, name FROM api_key WHERE id = $1 OR hash = $2 OR name = $3`, r.ID, hash, db.Null(r.Name))
	_, err = db.Collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var otherID wire.ID
		var otherHash string
		var otherName sql.NullString
		err := rows.Scan(&otherID, &otherHash, &otherName)
		if !own || otherID != r.ID {
			sameID = sameID || otherID == r.ID
			sameKey = sameKey || otherHash == hash
			sameName = sameName || r.Name != "" && otherName.String == r.Name
		}
		return struct{}{}, err
	})
	return sameID, sameKey, sameName, err
}

func anyKey(tx *db.Tx) (bool, error) { return tx.Exists(`SELECT 1 FROM api_key`) }

// allKeys are all records by name, those without one last. Their texts stay sealed.
func allKeys(tx *db.Tx) ([]*record, error) {
	rows, err := tx.Query(`SELECT ` + columns + ` FROM api_key ORDER BY CASE WHEN name IS NULL THEN 1 ELSE 0 END, name, id`)
	return db.Collect(rows, err, func(rows *sql.Rows) (*record, error) { return scan(rows) })
}

// loadKeys reads what it takes to check keys, and none of their texts.
func loadKeys(tx *db.Tx) (map[digest]*Key, error) {
	rows, err := tx.Query(`SELECT ` + columns + ` FROM api_key`)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (*record, error) { return scan(rows) })
	if err != nil {
		return nil, fmt.Errorf("load the API keys: %w", err)
	}
	keys := make(map[digest]*Key, len(all))
	for _, r := range all {
		keys[r.hash] = &Key{
			id: r.ID, hash: r.hash, tenant: r.TenantID, manager: r.KeyManager, expires: r.ExpirationInstant,
			may: r.Permissions.Endpoints,
		}
	}
	return keys, nil
}

// scan reads one row of columns. The key itself stays sealed.
func scan(row db.Row) (*record, error) {
	var r record
	var hash, permissions, doc string
	var name sql.NullString
	var retrievable bool
	err := row.Scan(&r.ID, &hash, &r.sealed, &name, &r.TenantID, &r.KeyManager, &retrievable, &r.ExpirationInstant, &permissions, &doc,
		&r.version, &r.InsertInstant, &r.LastUpdateInstant)
	if err != nil {
		return nil, err
	}
	r.Name, r.Retrievable = name.String, &retrievable
	if n, err := hex.Decode(r.hash[:], []byte(hash)); err != nil || n != len(r.hash) {
		return nil, fmt.Errorf("the stored hash of API key %s is damaged", r.ID)
	}
	if err := json.Unmarshal([]byte(permissions), &r.Permissions); err != nil {
		return nil, fmt.Errorf("the stored permissions of API key %s: %w", r.ID, err)
	}
	var d document
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		return nil, fmt.Errorf("the stored document of API key %s: %w", r.ID, err)
	}
	r.IPAccessControlListID, r.MetaData = d.IPAccessControlListID, d.MetaData
	return &r, nil
}

// open fills in the key itself when it is retrievable.
func (s *Service) open(r *record) error {
	if r.sealed == "" {
		return nil
	}
	plain, err := s.sealer.Open(sealContext(r.ID), r.sealed)
	if err != nil {
		return fmt.Errorf("open API key %s: %w", r.ID, err)
	}
	r.Key = string(plain)
	return nil
}

func (r *record) encode() (permissions, doc string, err error) {
	p, err := json.Marshal(r.Permissions)
	if err != nil {
		return "", "", err
	}
	d, err := json.Marshal(document{IPAccessControlListID: r.IPAccessControlListID, MetaData: r.MetaData})
	return string(p), string(d), err
}
