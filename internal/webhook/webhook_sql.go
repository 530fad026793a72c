package webhook

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

// secrets are the members of a webhook that are sealed at rest.
type secrets struct {
	Password    string            `json:"password,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Certificate string            `json:"certificate,omitempty"` // may hold a private key
}

// split separates w into the document and the sealed secrets that its row holds.
func (s *Service) split(w *wire.Webhook) (document, secret string, err error) {
	open := *w
	open.HTTPAuthenticationPassword, open.Headers, open.SSLCertificate, open.TenantIDs = "", nil, "", nil
	plain, err := json.Marshal(open)
	if err != nil {
		return "", "", err
	}
	secret, err = sealed.SealJSON(s.Sealer, place(w.ID), secrets{w.HTTPAuthenticationPassword, w.Headers, w.SSLCertificate})
	return string(plain), secret, err
}

// join is the reverse of split.
func (s *Service) join(id wire.ID, document, secret string) (w wire.Webhook, err error) {
	if err := json.Unmarshal([]byte(document), &w); err != nil {
		return w, fmt.Errorf("webhook %s: %w", id, err)
	}
	var hidden secrets
	if err := sealed.OpenJSON(s.Sealer, place(id), secret, &hidden); err != nil {
		return w, fmt.Errorf("webhook %s: %w", id, err)
	}
	w.HTTPAuthenticationPassword, w.Headers, w.SSLCertificate = hidden.Password, hidden.Headers, hidden.Certificate
	return w, nil
}

// place is what binds the sealed secrets to their row.
func place(id wire.ID) string { return "webhook/secrets/" + string(id) }

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "webhook", Column: "secrets", Key: []string{"id"}, Context: func(key []string) string { return place(wire.ID(key[0])) },
}}

func (s *Service) insert(tx *db.Tx, w *wire.Webhook) error {
	document, secret, err := s.split(w)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO webhook (id, url, description, global, document, secrets, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)`,
		w.ID, search.Fold(w.URL), search.Fold(w.Description), w.Global, document, secret, tx.NowMillis()); err != nil {
		return err
	}
	if err := insertKeys(tx, w); err != nil {
		return err
	}
	return insertTenants(tx, w)
}

func (s *Service) update(tx *db.Tx, w *wire.Webhook, version int64) error {
	document, secret, err := s.split(w)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE webhook SET url = $1, description = $2, global = $3, document = $4, secrets = $5, version = version + 1, last_update_instant = $6
		WHERE id = $7 AND version = $8`, search.Fold(w.URL), search.Fold(w.Description), w.Global, document, secret, tx.NowMillis(), w.ID, version)
	if err != nil {
		return err
	}
	if n == 0 {
		return problem.Stale("webhook")
	}
	if _, err := tx.Exec(`DELETE FROM webhook_key WHERE webhook_id = $1`, w.ID); err != nil {
		return err
	}
	if err := insertKeys(tx, w); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM webhook_tenant WHERE webhook_id = $1`, w.ID); err != nil {
		return err
	}
	return insertTenants(tx, w)
}

// touch moves the version of a webhook, which keeps others from changing it until the transaction ends.
func touch(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`UPDATE webhook SET version = version + 1 WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

func remove(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM webhook WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// insertKeys says which keys the webhook uses, so that none of them can be deleted.
func insertKeys(tx *db.Tx, w *wire.Webhook) error {
	for _, id := range keysOf(w) {
		if _, err := tx.Exec(`INSERT INTO webhook_key (webhook_id, key_id) VALUES ($1, $2)`, w.ID, id); err != nil {
			return gone(err, "key")
		}
	}
	return nil
}

func insertTenants(tx *db.Tx, w *wire.Webhook) error {
	for _, tenant := range w.TenantIDs {
		if _, err := tx.Exec(`INSERT INTO webhook_tenant (webhook_id, tenant_id) VALUES ($1, $2)`, w.ID, tenant); err != nil {
			return gone(err, "tenant")
		}
	}
	return nil
}

// rebind makes webhooks the ones that are bound to the tenant. Their versions move, those of the ones no longer bound too, so that a
// concurrent change of a webhook does not write the bindings it has read.
func (s *Service) rebind(tx *db.Tx, tenant wire.ID, webhooks []wire.ID) error {
	const move = `UPDATE webhook SET version = version + 1 WHERE id `
	if _, err := tx.Exec(move+`IN (SELECT webhook_id FROM webhook_tenant WHERE tenant_id = $1)`, tenant); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM webhook_tenant WHERE tenant_id = $1`, tenant); err != nil {
		return err
	}
	for _, id := range webhooks {
		if _, err := tx.Exec(move+`= $1`, id); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO webhook_tenant (webhook_id, tenant_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, tenant); err != nil {
			return gone(err, "webhook")
		}
	}
	return nil
}

// gone is problem.Stale when err says that what a binding refers to was deleted after we looked.
func gone(err error, what string) error {
	if db.IsForeignKey(err) {
		return problem.Stale(what)
	}
	return err
}

func tenantExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM tenant WHERE id = $1`, id)
}

func webhookExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM webhook WHERE id = $1`, id)
}

// webhookColumns is what scan reads.
const webhookColumns = `id, document, secrets, version`

func (s *Service) scan(row db.Row) (w wire.Webhook, version int64, err error) {
	var id wire.ID
	var document, secret string
	if err := row.Scan(&id, &document, &secret, &version); err != nil {
		return w, 0, err
	}
	w, err = s.join(id, document, secret)
	return w, version, err
}

func (s *Service) scanRows(rows *sql.Rows) (wire.Webhook, error) {
	w, _, err := s.scan(rows)
	return w, err
}

func (s *Service) load(tx *db.Tx, id wire.ID) (w wire.Webhook, version int64, err error) {
	w, version, err = s.scan(tx.QueryRow(`SELECT `+webhookColumns+` FROM webhook WHERE id = $1`, id))
	if err != nil {
		return w, 0, db.Found(err)
	}
	one := []wire.Webhook{w}
	err = addTenants(tx, one, `WHERE webhook_id = $1`, id)
	return one[0], version, err
}

// newestFirst is the order of lists, and of searches that name no other.
const newestFirst = `insert_instant DESC, id DESC`

func (s *Service) all(tx *db.Tx) ([]wire.Webhook, error) {
	rows, err := tx.Query(`SELECT ` + webhookColumns + ` FROM webhook ORDER BY ` + newestFirst)
	webhooks, err := db.Collect(rows, err, s.scanRows)
	if err != nil {
		return nil, err
	}
	return webhooks, addTenants(tx, webhooks, ``)
}

// columns maps what a search may be ordered by to columns.
var columns = map[string]string{"description": "description", "id": "id", "insertInstant": "insert_instant", "url": "url"}

func (s *Service) search(tx *db.Tx, c wire.WebhookSearch) ([]wire.Webhook, int, error) {
	var w search.Conditions
	w.Contains("description", c.Description)
	w.Contains("url", c.URL)
	if c.TenantID != "" {
		w.Add(`(global OR id IN (SELECT webhook_id FROM webhook_tenant WHERE tenant_id = ?))`, c.TenantID)
	}
	limit, offset := search.Window(c.Page)
	webhooks, total, err := db.Page(tx, webhookColumns, `webhook`+w.Where(), w.Args(), search.OrderBy(c.OrderBy, columns, newestFirst), limit, offset, s.scanRows)
	if err != nil {
		return nil, 0, err
	}
	return webhooks, total, addTenants(tx, webhooks, ``)
}

// addTenants fills in the tenants of the webhooks, as condition selects them.
func addTenants(tx *db.Tx, webhooks []wire.Webhook, condition string, args ...any) error {
	tenants, err := tx.Grouped(`SELECT webhook_id, tenant_id FROM webhook_tenant `+condition+` ORDER BY tenant_id`, args...)
	if err != nil {
		return err
	}
	for i := range webhooks {
		webhooks[i].TenantIDs = append(webhooks[i].TenantIDs, tenants[webhooks[i].ID]...)
	}
	return nil
}
