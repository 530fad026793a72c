package application

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// row is an application as it is stored, with its roles.
type row struct {
	id, tenant                       wire.ID
	name                             string
	active                           bool
	document                         string // without what has a column, and without secrets
	secrets                          string // sealed
	version                          int64
	insertInstant, lastUpdateInstant int64
	roles                            []wire.ApplicationRole
}

func place(id wire.ID) string { return "application/secrets/" + string(id) }

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "application", Column: "secrets", Key: []string{"id"}, Context: func(key []string) string { return place(wire.ID(key[0])) },
}}

const columns = `id, tenant_id, name, active, document, secrets, version, insert_instant, last_update_instant`

func scan(s db.Row) (r row, err error) {
	err = s.Scan(&r.id, &r.tenant, &r.name, &r.active, &r.document, &r.secrets, &r.version, &r.insertInstant, &r.lastUpdateInstant)
	return r, err
}

func scanRows(rows *sql.Rows) (row, error) { return scan(rows) }

// open makes of a row what callers see.
func (s *Service) open(r row) (wire.Application, error) {
	a := wire.Application{
		ID: r.id, TenantID: r.tenant, Name: r.name, Active: r.active, State: wire.Active, Roles: r.roles,
		InsertInstant: wire.Instant(r.insertInstant), LastUpdateInstant: wire.Instant(r.lastUpdateInstant),
	}
	if !r.active {
		a.State = wire.Inactive
	}
	if err := json.Unmarshal([]byte(r.document), &a.Extra); err != nil {
		return a, fmt.Errorf("decode application %s: %w", r.id, err)
	}
	values, err := sealed.Open(s.Sealer, place(r.id), r.secrets)
	if err != nil {
		return a, err
	}
	if err := secrets.Join(a.Extra, values); err != nil {
		return a, fmt.Errorf("application %s: %w", r.id, err)
	}
	return a, nil
}

func (s *Service) openAll(rows []row) ([]wire.Application, error) {
	all := make([]wire.Application, len(rows))
	for i, r := range rows {
		var err error
		if all[i], err = s.open(r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// closed makes the document and the sealed secrets of a draft.
func (s *Service) closed(d *draft) (document, sealedSecrets string, err error) {
	rest, values, err := secrets.Split(d.Extra, nil)
	if err != nil {
		return "", "", err
	}
	if sealedSecrets, err = sealed.Seal(s.Sealer, place(d.ID), values); err != nil {
		return "", "", err
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return "", "", fmt.Errorf("encode application: %w", err)
	}
	return string(bytes.ToValidUTF8(text, []byte("\uFFFD"))), sealedSecrets, nil
}

func (s *Service) insert(tx *db.Tx, d *draft) error {
	document, secrets, err := s.closed(d)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`
		INSERT INTO application (id, tenant_id, name, name_key, client_id, active, document, secrets, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10) ON CONFLICT DO NOTHING`,
		d.ID, d.tenant, d.Name, search.Fold(d.Name), d.clientID, d.Active, document, secrets, int64(d.InsertInstant), int64(d.LastUpdateInstant))
	if db.IsForeignKey(err) {
		return tenant.ErrGone
	}
	if err != nil {
		return err
	}
	if n == 0 { // although id, name and client id were free, or reserved: somebody was faster
		return problem.Stale("application")
	}
	for _, r := range d.Roles {
		if err := insertRole(tx, d.ID, r); err != nil {
			return err
		}
	}
	return tx.Bump(tenant.Topic)
}

// write writes d over before. It is problem.Stale when that is not what is stored any more.
func (s *Service) write(tx *db.Tx, before row, d *draft) error {
	document, secrets, err := s.closed(d)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`
		UPDATE application SET name = $1, name_key = $2, client_id = $3, document = $4, secrets = $5, last_update_instant = $6, version = version + 1
		WHERE id = $7 AND version = $8`,
		d.Name, search.Fold(d.Name), d.clientID, document, secrets, int64(d.LastUpdateInstant), d.ID, before.version)
	if db.IsDuplicate(err) || err == nil && n == 0 {
		return problem.Stale("application")
	}
	if err != nil {
		return err
	}
	return tx.Bump(tenant.Topic)
}

func setActive(tx *db.Tx, id wire.ID, active bool) error {
	n, err := tx.Exec(`UPDATE application SET active = $1, last_update_instant = $2, version = version + 1 WHERE id = $3`, active, tx.NowMillis(), id)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

func deleteApplication(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM application WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

func loadRow(tx *db.Tx, id wire.ID) (row, error) {
	r, err := scan(tx.QueryRow(`SELECT `+columns+` FROM application WHERE id = $1`, id))
	if err != nil {
		return r, db.Found(err)
	}
	all, err := withRoles(tx, []row{r})
	if err != nil {
		return r, err
	}
	return all[0], nil
}

// allRows returns every application, by name.
func allRows(tx *db.Tx) ([]row, error) {
	rows, err := tx.Query(`SELECT ` + columns + ` FROM application ORDER BY name_key, id`)
	return complete(tx, rows, err)
}

func rowsOf(tx *db.Tx, tenant wire.ID, active bool) ([]row, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM application WHERE ($1 = '' OR tenant_id = $1) AND active = $2 ORDER BY name_key, id`, string(tenant), active)
	return complete(tx, rows, err)
}

func rowsOfTenant(tx *db.Tx, tenant wire.ID) ([]row, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM application WHERE tenant_id = $1 ORDER BY id`, tenant)
	return complete(tx, rows, err)
}

// rowsNaming returns the applications with a setting in which an id stands.
func rowsNaming(tx *db.Tx, id wire.ID) ([]row, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM application WHERE LOWER(document) LIKE $1 ORDER BY name_key, id`, "%"+string(id)+"%")
	return complete(tx, rows, err)
}

func complete(tx *db.Tx, rows *sql.Rows, err error) ([]row, error) {
	all, err := db.Collect(rows, err, scanRows)
	if err != nil {
		return nil, err
	}
	return withRoles(tx, all)
}

func searchRows(tx *db.Tx, c wire.ApplicationSearch) (found []row, total int, err error) {
	var w search.Conditions
	w.Contains("name_key", c.Name)
	if c.State != "" {
		w.Add("active = ?", c.State == wire.Active)
	}
	if c.TenantID != "" {
		w.Add("tenant_id = ?", string(c.TenantID))
	}
	order := search.OrderBy(c.OrderBy, map[string]string{"id": "id", "insertInstant": "insert_instant", "name": "name_key", "tenant": "tenant_id"}, "name_key ASC")
	limit, offset := search.Window(c.Page)
	if found, total, err = db.Page(tx, columns, "application"+w.Where(), w.Args(), order, limit, offset, scanRows); err != nil {
		return nil, 0, err
	}
	found, err = withRoles(tx, found)
	return found, total, err
}

// withRoles adds their roles, by name. One application's are read by themselves, those of several with all others: there are not many.
func withRoles(tx *db.Tx, all []row) ([]row, error) {
	at := make(map[wire.ID]int, len(all))
	for i, r := range all {
		at[r.id] = i
	}
	only := wire.ID("")
	if len(all) == 1 {
		only = all[0].id
	}
	type owned struct {
		of wire.ID
		wire.ApplicationRole
	}
	rows, err := tx.Query(`
		SELECT application_id, id, name, description, is_default, is_super_role, insert_instant, last_update_instant FROM application_role
		WHERE $1 = '' OR application_id = $1 ORDER BY name, id`, string(only))
	roles, err := db.Collect(rows, err, func(rows *sql.Rows) (o owned, err error) {
		return o, rows.Scan(&o.of, &o.ID, &o.Name, &o.Description, &o.IsDefault, &o.IsSuperRole, &o.InsertInstant, &o.LastUpdateInstant)
	})
	if err != nil {
		return nil, err
	}
	for _, r := range roles {
		if i, ok := at[r.of]; ok {
			all[i].roles = append(all[i].roles, r.ApplicationRole)
		}
	}
	return all, nil
}

func applicationExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM application WHERE id = $1`, id)
}

// nameTaken tells whether an application of the tenant other than self has the name.
func nameTaken(tx *db.Tx, tenant wire.ID, name string, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM application WHERE tenant_id = $1 AND name_key = $2 AND id <> $3`, tenant, search.Fold(name), self)
}

func clientTaken(tx *db.Tx, clientID string, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM application WHERE client_id = $1 AND id <> $2`, clientID, self)
}

func insertRole(tx *db.Tx, application wire.ID, r wire.ApplicationRole) error {
	_, err := tx.Exec(`
		INSERT INTO application_role (id, application_id, name, description, is_default, is_super_role, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		r.ID, application, r.Name, r.Description, r.IsDefault, r.IsSuperRole, int64(r.InsertInstant), int64(r.LastUpdateInstant))
	if db.IsForeignKey(err) {
		return problem.ErrNotFound
	}
	return err
}

func updateRole(tx *db.Tx, r wire.ApplicationRole) error {
	_, err := tx.Exec(`UPDATE application_role SET name = $1, description = $2, is_default = $3, is_super_role = $4, last_update_instant = $5 WHERE id = $6`,
		r.Name, r.Description, r.IsDefault, r.IsSuperRole, int64(r.LastUpdateInstant), r.ID)
	return err
}

func deleteRole(tx *db.Tx, application, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM application_role WHERE application_id = $1 AND id = $2`, application, id)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

func loadRole(tx *db.Tx, application, id wire.ID) (r wire.ApplicationRole, err error) {
	err = tx.QueryRow(`SELECT id, name, description, is_default, is_super_role, insert_instant, last_update_instant FROM application_role
		WHERE application_id = $1 AND id = $2`, application, id).
		Scan(&r.ID, &r.Name, &r.Description, &r.IsDefault, &r.IsSuperRole, &r.InsertInstant, &r.LastUpdateInstant)
	return r, db.Found(err)
}

func roleExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM application_role WHERE id = $1`, id)
}

func roleNameTaken(tx *db.Tx, application wire.ID, name string, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM application_role WHERE application_id = $1 AND name = $2 AND id <> $3`, application, name, self)
}
