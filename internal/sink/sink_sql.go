package sink

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

const (
	sinkExists   = `SELECT 1 FROM sink WHERE id = $1`
	tenantExists = `SELECT 1 FROM tenant WHERE id = $1`
	nameTaken    = `SELECT 1 FROM sink WHERE name_key = $1 AND id <> $2`
)

func (s *Service) insert(tx *db.Tx, w *wire.Sink, tenant wire.ID, integration bool) error {
	document, secret, err := s.split(w)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO sink (id, name_key, type, global, integration, tenant_id, document, secrets, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9)`,
		w.ID, search.Fold(w.Name), string(w.Type), w.Global, integration, db.Null(tenant), document, secret, tx.NowMillis()); err != nil {
		return err
	}
	return insertTenants(tx, w)
}

func (s *Service) store(tx *db.Tx, w *wire.Sink, version int64) error {
	document, secret, err := s.split(w)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE sink SET name_key = $1, global = $2, document = $3, secrets = $4, version = version + 1, last_update_instant = $5
		WHERE id = $6 AND version = $7`, search.Fold(w.Name), w.Global, document, secret, tx.NowMillis(), w.ID, version)
	if err != nil {
		return err
	}
	if n == 0 {
		return problem.Stale("sink")
	}
	if _, err := tx.Exec(`DELETE FROM sink_tenant WHERE sink_id = $1`, w.ID); err != nil {
		return err
	}
	return insertTenants(tx, w)
}

func insertTenants(tx *db.Tx, w *wire.Sink) error {
	for _, tenant := range w.TenantIDs {
		if _, err := tx.Exec(`INSERT INTO sink_tenant (sink_id, tenant_id) VALUES ($1, $2)`, w.ID, tenant); err != nil {
			if db.IsForeignKey(err) { // deleted after we looked
				return problem.Stale("tenant")
			}
			return err
		}
	}
	return nil
}

func remove(tx *db.Tx, id wire.ID) error {
	_, err := tx.Exec(`DELETE FROM sink WHERE id = $1`, id)
	return err
}

// sinkColumns is what scan reads.
const sinkColumns = `id, integration, document, secrets, version`

func (s *Service) scan(row db.Row) (w wire.Sink, version int64, err error) {
	var id wire.ID
	var builtIn bool
	var document, secret string
	if err := row.Scan(&id, &builtIn, &document, &secret, &version); err != nil {
		return w, 0, err
	}
	if err := json.Unmarshal([]byte(document), &w); err != nil {
		return w, 0, fmt.Errorf("sink %s: %w", id, err)
	}
	secrets, err := sealed.Open(s.Sealer, place(id), secret)
	if err != nil {
		return w, 0, fmt.Errorf("sink %s: %w", id, err)
	}
	put(&w, secrets)
	w.BuiltIn = builtIn
	return w, version, nil
}

func (s *Service) scanRows(rows *sql.Rows) (wire.Sink, error) {
	w, _, err := s.scan(rows)
	return w, err
}

// load reads a sink with its secrets.
func (s *Service) load(tx *db.Tx, id wire.ID) (w wire.Sink, version int64, err error) {
	w, version, err = s.scan(tx.QueryRow(`SELECT `+sinkColumns+` FROM sink WHERE id = $1`, id))
	if err != nil {
		return w, 0, db.Found(err)
	}
	one := []wire.Sink{w}
	err = addTenants(tx, one, `WHERE sink_id = $1`, id)
	return one[0], version, err
}

// byName is the order of lists, and of searches that name no other.
const byName = `name_key, id`

// all reads all sinks with their secrets.
func (s *Service) all(tx *db.Tx) ([]wire.Sink, error) {
	rows, err := tx.Query(`SELECT ` + sinkColumns + ` FROM sink ORDER BY ` + byName)
	sinks, err := db.Collect(rows, err, s.scanRows)
	if err != nil || len(sinks) == 0 {
		return nil, err
	}
	return sinks, addTenants(tx, sinks, ``)
}

// columns maps what a search may be ordered by to columns.
var columns = map[string]string{"id": "id", "insertInstant": "insert_instant", "name": "name_key", "type": "type"}

func (s *Service) search(tx *db.Tx, c wire.SinkSearch) ([]wire.Sink, int, error) {
	var w search.Conditions
	w.Contains("name_key", c.Name)
	w.Equals("type", string(c.Type))
	if c.TenantID != "" {
		w.Add(`(global OR id IN (SELECT sink_id FROM sink_tenant WHERE tenant_id = ?))`, c.TenantID)
	}
	limit, offset := search.Window(c.Page)
	sinks, total, err := db.Page(tx, sinkColumns, `sink`+w.Where(), w.Args(), search.OrderBy(c.OrderBy, columns, byName), limit, offset, s.scanRows)
	if err != nil {
		return nil, 0, err
	}
	return sinks, total, addTenants(tx, sinks, ``)
}

// addTenants fills in the tenants of the sinks, as condition selects them.
func addTenants(tx *db.Tx, sinks []wire.Sink, condition string, args ...any) error {
	tenants, err := tx.Grouped(`SELECT sink_id, tenant_id FROM sink_tenant `+condition+` ORDER BY tenant_id`, args...)
	if err != nil {
		return err
	}
	for i := range sinks {
		sinks[i].TenantIDs = append(sinks[i].TenantIDs, tenants[sinks[i].ID]...)
	}
	return nil
}
