package tenant

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

const tenantColumns = `id, name, document, secrets, deleting, version, insert_instant, last_update_instant`

func scanTenant(s db.Row) (r row, err error) {
	err = s.Scan(&r.id, &r.name, &r.document, &r.secrets, &r.deleting, &r.version, &r.insertInstant, &r.lastUpdateInstant)
	return r, err
}

func scanTenants(rows *sql.Rows) (row, error) { return scanTenant(rows) }

func loadTenant(tx *db.Tx, id wire.ID) (row, error) {
	r, err := scanTenant(tx.QueryRow(`SELECT `+tenantColumns+` FROM tenant WHERE id = $1`, string(id)))
	return r, db.Found(err)
}

func allTenants(tx *db.Tx) ([]row, error) {
	rows, err := tx.Query(`SELECT ` + tenantColumns + ` FROM tenant ORDER BY name_key, id`)
	return db.Collect(rows, err, scanTenants)
}

func searchTenants(tx *db.Tx, c wire.TenantSearch) (found []row, total int, err error) {
	var w search.Conditions
	w.Contains("name_key", c.Name)
	order := search.OrderBy(c.OrderBy, map[string]string{"id": "id", "insertInstant": "insert_instant", "name": "name_key"}, "name_key ASC")
	limit, offset := search.Window(c.Page)
	return db.Page(tx, tenantColumns, "tenant"+w.Where(), w.Args(), order, limit, offset, scanTenants)
}

func tenantExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM tenant WHERE id = $1`, string(id))
}

// nameTaken tells whether a tenant other than self has the name.
func nameTaken(tx *db.Tx, name string, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM tenant WHERE name_key = $1 AND id <> $2`, search.Fold(name), string(self))
}

// insertTenant reports false when there is a tenant with the same id or name. On PostgreSQL a failed statement would end the transaction,
// so the conflict is no error.
func insertTenant(tx *db.Tx, r row) (inserted bool, err error) {
	n, err := tx.Exec(`
		INSERT INTO tenant (id, name, name_key, document, secrets, deleting, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		string(r.id), r.name, search.Fold(r.name), r.document, r.secrets, r.deleting, r.version, r.insertInstant, r.lastUpdateInstant)
	if err != nil {
		return false, fmt.Errorf("insert tenant: %w", err)
	}
	return n == 1, nil
}

// updateTenant reports false when the tenant is no longer what it was at that version.
func updateTenant(tx *db.Tx, r row, version int64) (updated bool, err error) {
	n, err := tx.Exec(`
		UPDATE tenant SET name = $3, name_key = $4, document = $5, secrets = $6, version = $7, last_update_instant = $8
		WHERE id = $1 AND version = $2`,
		string(r.id), version, r.name, search.Fold(r.name), r.document, r.secrets, r.version, r.lastUpdateInstant)
	if err != nil {
		return false, fmt.Errorf("update tenant: %w", err)
	}
	return n == 1, nil
}

func renameTenant(tx *db.Tx, from, to wire.ID, secrets string) error {
	_, err := tx.Exec(`UPDATE tenant SET id = $2, secrets = $3, version = version + 1 WHERE id = $1`, string(from), string(to), secrets)
	return err
}

// markTenant reports false when there is no such tenant. The version moves, so that no change that is under way comes after it.
func markTenant(tx *db.Tx, id wire.ID, deleting bool) (marked bool, err error) {
	n, err := tx.Exec(`UPDATE tenant SET deleting = $2, version = version + 1 WHERE id = $1`, string(id), deleting)
	return n == 1, err
}

func tenantsInDeletion(tx *db.Tx) ([]wire.ID, error) {
	rows, err := tx.Query(`SELECT id FROM tenant WHERE deleting ORDER BY id`)
	return db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}

func deleteTenant(tx *db.Tx, id wire.ID) error {
	_, err := tx.Exec(`DELETE FROM tenant WHERE id = $1`, string(id))
	return err
}

// instance is what this installation is.
type instance struct {
	id, defaultTenant wire.ID
	keyCheck          string
	recipientKey      string
}

// loadInstance returns the zero value before Bootstrap.
func loadInstance(tx *db.Tx) (i instance, err error) {
	err = tx.QueryRow(`SELECT id, default_tenant_id, key_check, recipient_key FROM instance`).Scan(&i.id, &i.defaultTenant, &i.keyCheck, &i.recipientKey)
	if errors.Is(err, db.ErrNoRows) {
		return instance{}, nil
	}
	return i, err
}

func insertInstance(tx *db.Tx, i instance) error {
	_, err := tx.Exec(`INSERT INTO instance (singleton, id, default_tenant_id, key_check, insert_instant) VALUES (1, $1, $2, '', $3)`,
		string(i.id), string(i.defaultTenant), tx.NowMillis())
	return err
}

func storeKeyCheck(tx *db.Tx, sealed string) error {
	_, err := tx.Exec(`UPDATE instance SET key_check = $1 WHERE key_check = ''`, sealed)
	return err
}

func replaceKeyCheck(tx *db.Tx, sealed string) error {
	_, err := tx.Exec(`UPDATE instance SET key_check = $1`, sealed)
	return err
}

func storeRecipientKey(tx *db.Tx, sealed string) error {
	_, err := tx.Exec(`UPDATE instance SET recipient_key = $1 WHERE recipient_key = ''`, sealed)
	return err
}
