package main

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-events/herald/internal/db"
)

// filling writes what a long life leaves in a store, with one statement for a hundred thousand rows of a table.
type filling struct {
	d               *db.DB
	rows            int // events, and as many deliveries, attempts, logins; of all else a tenth
	tenant, webhook string
	last            time.Time // of the newest rows; each is a millisecond behind the one before
}

// filledID is the id of row i of a table.
func filledID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

const (
	// rowNumbers are the numbers from $1 to $2; base, behind it, is the instant before the first.
	rowNumbers = `WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2) `
	rowID      = `'00000000-0000-4000-8000-' || SUBSTR('000000000000' || CAST(i AS TEXT), LENGTH(CAST(i AS TEXT)) + 1)`
	rowBody    = `'{"event":{"createInstant":1767355200000,"id":"00000000-0000-4000-8000-000000000000","tenantId":"7a1f2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b","type":"user.create",` +
		`"info":{"ipAddress":"127.0.0.1","userAgent":"bench/1"},"user":{"active":true,"data":{},"email":"user' || CAST(i AS TEXT) || '@example.com","firstName":"Ada",` +
		`"id":"5f0c6f0a-3a3e-4b0e-9d0a-1b2c3d4e5f60","insertInstant":1767355200000,"lastName":"Lovelace","lastUpdateInstant":1767355200000,"memberships":[],"registrations":[],` +
		`"tenantId":"7a1f2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b","twoFactor":{},"usernameStatus":"ACTIVE","verified":true}}}'`
)

// tables are the statements that fill, with the number of the first row and of the last, and the instant before the first of all.
func (f *filling) tables() []struct {
	rows      int
	statement string
} {
	attempt := `printf('%08x-%04x', i >> 16, i & 65535)`
	if f.d.Engine() == db.PostgreSQL {
		attempt = `lpad(to_hex(i >> 16), 8, '0') || '-' || lpad(to_hex(i & 65535), 4, '0')`
	}
	webhook := `CASE WHEN i % 1000 = 0 THEN '` + rareWebhook + `' ELSE '` + f.webhook + `' END`
	tenant := `'` + f.tenant + `'`
	tenth := f.rows / 10
	return []struct {
		rows      int
		statement string
	}{
		{f.rows, `INSERT INTO event (sequence, id, operation_id, tenant_id, type, transaction_type, result, linked_object_id, test, body, insert_instant, decide_by_instant, last_update_instant)
			SELECT i, ` + rowID + `, 'operation', ` + tenant + `, CASE WHEN i % 10 = 0 THEN 'user.delete' ELSE 'user.create' END, 'None',
				CASE WHEN i % 100 = 50 THEN 'Failed' ELSE 'Succeeded' END, NULL, FALSE, ` + rowBody + `, $3 + i, 0, $3 + i FROM n`},
		{f.rows, `INSERT INTO delivery (event_sequence, webhook_id, state, attempts, replays, due_instant, claim, insert_instant, last_update_instant)
			SELECT i, ` + webhook + `, CASE WHEN i % 1000 = 1 THEN 'dead' WHEN i % 1000 = 0 AND i % 10000 = 0 THEN 'retrying' WHEN i % 10 = 0 AND i % 1000 = 0 THEN 'pending' ELSE 'delivered' END,
				1, 0, $3 + i + 86400000, 1, $3 + i, $3 + i FROM n`},
		{f.rows, `INSERT INTO attempt (id, webhook_id, kind, node, outcome, status_code, url, exception, detail, start_instant, end_instant)
			SELECT ` + attempt + ` || '-8000-8000-000000000000', ` + webhook + `, 'delivery', 'node', CASE WHEN i % 100 = 1 THEN 'refused' ELSE 'accepted' END,
				CASE WHEN i % 100 = 1 THEN 503 ELSE 200 END, 'https://example.com', '',
				'{"requestSize":600,"responseSize":2,"responseBody":"ok","requestHeaders":{"Content-Type":"application/json"},"phases":{"total":900}}', $3 + i, $3 + i + 1 FROM n`},
		{tenth, `INSERT INTO users (id, tenant_id, active, email, first_name, last_name, full_name, document, version, insert_instant, last_update_instant)
			SELECT ` + rowID + `, ` + tenant + `, TRUE, 'user' || CAST(i AS TEXT) || '@example.com', 'ada', 'lovelace ' || CAST(i AS TEXT), 'ada lovelace ' || CAST(i AS TEXT),
				'{"active":true,"email":"user' || CAST(i AS TEXT) || '@example.com","firstName":"Ada","lastName":"Lovelace ' || CAST(i AS TEXT) || '","fullName":"Ada Lovelace"}',
				1, $3 + 10 * i, $3 + 10 * i FROM n`},
		{tenth, `INSERT INTO login_id (tenant_id, type, value, user_id) SELECT ` + tenant + `, 'email', 'user' || CAST(i AS TEXT) || '@example.com', ` + rowID + ` FROM n WHERE $3 > i`},
		{f.rows, fmt.Sprintf(`INSERT INTO login_record (id, tenant_id, user_id, application_id, instant, ip_address, login_id, login_id_type, document)
			SELECT `+rowID+`, `+tenant+`, '00000000-0000-4000-8000-' || SUBSTR('000000000000' || CAST(1 + i %% %[1]d AS TEXT), LENGTH(CAST(1 + i %% %[1]d AS TEXT)) + 1),
				NULL, $3 + i, '127.0.0.1', 'user@example.com', 'email', '{}' FROM n`, tenth)},
		{tenth, `INSERT INTO message (id, tenant_id, kind, purpose, recipient, recipient_hash, template_name, locale, locale_reason, state, counted, failure, attempts, node,
				insert_instant, last_update_instant)
			SELECT ` + rowID + `, ` + tenant + `, 'Email', 'two-factor', 'u…@example.com', 'hash' || CAST(i % 1000 AS TEXT), 'Code', 'en', 'default',
				CASE WHEN i % 100 = 0 THEN 'failed' ELSE 'sent' END, TRUE, '', '[]', 'node', $3 + 10 * i, $3 + 10 * i FROM n`},
		{tenth, `INSERT INTO event_log (type, message, message_fold, insert_instant)
			SELECT CASE WHEN i % 100 = 0 THEN 'Error' ELSE 'Information' END, 'Something has happened that people may want to know, number ' || CAST(i AS TEXT),
				'something has happened that people may want to know, number ' || CAST(i AS TEXT), $3 + 10 * i FROM n`},
		{tenth, `INSERT INTO audit_log (tenant_id, insert_user, insert_user_fold, message, message_fold, reason, reason_fold, insert_instant)
			SELECT ` + tenant + `, 'root@example.com', 'root@example.com', 'Changed the webhook ' || CAST(i AS TEXT), 'changed the webhook ' || CAST(i AS TEXT), '', '', $3 + 10 * i FROM n`},
	}
}

// filled is how many rows one transaction writes.
const filled = 50_000

func (f *filling) fill(ctx context.Context) error {
	statements := []string{`DELETE FROM attempt`, `DELETE FROM delivery`, `DELETE FROM event`} // of the server that made the store
	for _, s := range statements {
		if err := f.d.Update(ctx, func(tx *db.Tx) error { _, err := tx.Exec(s); return err }); err != nil {
			return err
		}
	}
	base := f.last.UnixMilli() - int64(f.rows)
	for _, table := range f.tables() {
		for first := 1; first <= table.rows; first += filled {
			err := f.d.Update(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(rowNumbers+table.statement, first, min(first+filled-1, table.rows), base)
				return err
			})
			if err != nil {
				return fmt.Errorf("%.40s…: %w", table.statement, err)
			}
		}
	}
	if f.d.Engine() == db.SQLite {
		return nil
	}
	// What autovacuum does in time: statistics, and which pages all transactions see.
	return f.d.Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`SELECT setval('event_sequence_seq', $1)`, f.rows); err != nil {
			return err
		}
		_, err := tx.Exec(`ANALYZE`)
		return err
	})
}
