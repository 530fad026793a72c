package webhooklog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// fill writes n events with a delivery and an attempt each, the last one at the given instant, each a millisecond after the one before. Every tenth has
// another type, every hundredth was refused, every thousandth went to the webhook 7.
func fill(t testing.TB, d *db.DB, n int, last time.Time) {
	t.Helper()
	const step = 100_000
	numbers := `WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2) `
	hexadecimal := `printf('%08x-%04x', sequence >> 16, sequence & 65535)`
	if d.Engine() == db.PostgreSQL {
		hexadecimal = `lpad(to_hex(sequence >> 16), 8, '0') || '-' || lpad(to_hex(sequence & 65535), 4, '0')`
	}
	webhookID := `CASE WHEN e.id LIKE '%000' THEN '` + string(uuid(7)) + `' ELSE '` + string(uuid(1)) + `' END`
	for first := 1; first <= n; first += step {
		until := min(first+step-1, n)
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			base := last.UnixMilli() - int64(n)
			if _, err := tx.Exec(numbers+`INSERT INTO event (id, operation_id, tenant_id, type, transaction_type, result, linked_object_id, test, body,
					insert_instant, decide_by_instant, last_update_instant)
				SELECT '00000000-0000-4000-8000-' || SUBSTR('000000000000' || CAST(i AS TEXT), LENGTH(CAST(i AS TEXT)) + 1), 'operation', 'tenant-' || CAST(i % 100 AS TEXT),
					CASE WHEN i % 10 = 0 THEN 'user.delete' ELSE 'user.create' END, 'None', CASE WHEN i % 100 = 0 THEN 'Failed' ELSE 'Succeeded' END, NULL, FALSE,
					'{"event":{"createInstant":1767355200000,"id":"00000000-0000-4000-8000-000000000000","tenantId":"7a1f2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b","type":"user.create",'
					|| '"info":{"ipAddress":"127.0.0.1","userAgent":"bench/1"},"user":{"active":true,"data":{},"email":"user-' || CAST(i AS TEXT) || '@example.com","firstName":"Ada",'
					|| '"id":"5f0c6f0a-3a3e-4b0e-9d0a-1b2c3d4e5f60","insertInstant":1767355200000,"lastName":"Lovelace","lastUpdateInstant":1767355200000,"memberships":[],"registrations":[],'
					|| '"tenantId":"7a1f2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b","twoFactor":{},"usernameStatus":"ACTIVE","verified":true}}}',
					$3 + i, 0, $3 + i FROM n`, first, until, base); err != nil {
				return err
			}
			from := base + int64(first) - 1
			if _, err := tx.Exec(`INSERT INTO delivery (event_sequence, webhook_id, state, attempts, replays, due_instant, claim, insert_instant, last_update_instant)
				SELECT sequence, `+webhookID+`, 'delivered', 1, 0, insert_instant, 1, insert_instant, insert_instant FROM event e WHERE insert_instant > $1`, from); err != nil {
				return err
			}
			_, err := tx.Exec(`INSERT INTO attempt (id, webhook_id, kind, node, outcome, status_code, url, exception, detail, start_instant, end_instant)
				SELECT `+hexadecimal+` || '-8' || SUBSTR('000-8000-00000000000000000', 1, 21), `+webhookID+`, 'delivery', 'node', 'accepted', 200, 'https://example.com', '',
					'{"requestSize":600,"responseSize":2,"responseBody":"ok","requestHeaders":{"Content-Type":"application/json"},"phases":{"total":900}}',
					insert_instant, insert_instant + 1 FROM event e WHERE insert_instant > $1`, from)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkSearch reads pages of a log with a million events, of which the last hour has all.
func BenchmarkSearch(b *testing.B) {
	const events = 1_000_000
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			d := dbtest.Open(b, engine, dbtest.WithClock(func() time.Time { return noon }))
			fill(b, d, events, noon)
			if engine == db.PostgreSQL {
				for _, table := range []string{"event", "delivery", "attempt"} {
					if err := d.Update(b.Context(), func(tx *db.Tx) error { _, err := tx.Exec(`ANALYZE ` + table); return err }); err != nil {
						b.Fatal(err)
					}
				}
			}
			aMinute := wire.Period{Start: wire.Instant(noon.Add(-time.Minute).UnixMilli())}
			for _, test := range []struct {
				name string
				c    wire.WebhookEventLogSearch
			}{
				{"all", wire.WebhookEventLogSearch{}},
				{"a type of ten", wire.WebhookEventLogSearch{EventType: "user.delete"}},
				{"a type of none", wire.WebhookEventLogSearch{EventType: "user.update"}},
				{"a tenant of a hundred", wire.WebhookEventLogSearch{TenantID: "tenant-7"}},
				{"a webhook of most", wire.WebhookEventLogSearch{WebhookID: uuid(1)}},
				{"a webhook of a thousandth", wire.WebhookEventLogSearch{WebhookID: uuid(7)}},
				{"refused", wire.WebhookEventLogSearch{EventResult: wire.EventFailed}},
				{"a status of none", wire.WebhookEventLogSearch{StatusCode: "5xx", Period: aMinute}},
				{"a text in most", wire.WebhookEventLogSearch{Event: "lovelace"}},
				{"a text in one", wire.WebhookEventLogSearch{Event: "user-1234@"}},
				{"a text in none of a minute", wire.WebhookEventLogSearch{Event: "nothing like it", Period: aMinute}},
				{"by sequence", wire.WebhookEventLogSearch{Page: wire.Page{OrderBy: "sequence"}}},
				{"by last attempt of a minute", wire.WebhookEventLogSearch{Page: wire.Page{OrderBy: "lastAttemptInstant DESC"}, Period: aMinute}},
			} {
				read := func(b *testing.B, r *webhooklog.Reader, start int) int {
					c := test.c
					c.StartRow = start
					found, _, err := r.Search(b.Context(), c)
					if err != nil {
						b.Fatal(err)
					}
					return len(found)
				}
				b.Run(test.name+"/first page", func(b *testing.B) {
					r := webhooklog.NewReader(d)
					for b.Loop() {
						read(b, r, 0)
					}
				})
				for _, start := range []int{5_000, 500_000} {
					if start > 10_000 && test.c.OrderBy != "" || test.name != "all" && test.name != "a type of ten" && test.name != "a webhook of most" {
						continue
					}
					r := webhooklog.NewReader(d)
					if read(b, r, start) == 0 { // not so many
						continue
					}
					b.Run(fmt.Sprintf("%s/jump to row %d", test.name, start), func(b *testing.B) {
						for b.Loop() {
							read(b, webhooklog.NewReader(d), start)
						}
					})
					b.Run(fmt.Sprintf("%s/next page at row %d", test.name, start), func(b *testing.B) {
						for b.Loop() {
							read(b, r, start+25)
						}
					})
				}
			}
		})
	}
}
