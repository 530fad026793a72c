package journal_test

import (
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/wire"
)

// fill writes n entries of the audit log, a tenth of a second apart: the first at the instant 100, the last at n*100.
func fill(t testing.TB, d *db.DB, n int) {
	t.Helper()
	const step = 100_000
	for first := 1; first <= n; first += step {
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`
				WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2)
				INSERT INTO audit_log (tenant_id, insert_user, insert_user_fold, message, message_fold, reason, reason_fold,
					old_value, old_value_fold, new_value, new_value_fold, insert_instant)
				SELECT 'tenant-' || CAST(i % 100 AS TEXT), 'Admin' || CAST(i % 1000 AS TEXT) || '@example.com', 'admin' || CAST(i % 1000 AS TEXT) || '@example.com',
					'Changed user ' || CAST(i AS TEXT), 'changed user ' || CAST(i AS TEXT), 'API', 'api',
					'{"user":{"firstName":"Ada","lastName":"Lovelace","n":' || CAST(i AS TEXT) || '}}',
					'{"user":{"firstname":"ada","lastname":"lovelace","n":' || CAST(i AS TEXT) || '}}',
					'{"user":{"firstName":"Ada","lastName":"Byron","n":' || CAST(i AS TEXT) || '}}',
					'{"user":{"firstname":"ada","lastname":"byron","n":' || CAST(i AS TEXT) || '}}', i * 100 FROM n`, first, min(first+step-1, n))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkSearchAuditLog reads pages of a log with a million entries.
func BenchmarkSearchAuditLog(b *testing.B) {
	const entries = 1_000_000
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			d := dbtest.Open(b, engine)
			fill(b, d, entries)
			if engine == db.PostgreSQL {
				err := d.Update(b.Context(), func(tx *db.Tx) error { _, err := tx.Exec(`ANALYZE audit_log`); return err })
				if err != nil {
					b.Fatal(err)
				}
			}
			for _, test := range []struct {
				name string
				c    wire.AuditLogSearch
			}{
				{"all", wire.AuditLogSearch{}},
				{"oldest first", wire.AuditLogSearch{Page: wire.Page{OrderBy: "insertInstant"}}},
				{"one tenant of 100", wire.AuditLogSearch{TenantID: "tenant-7"}},
				{"a tenth of the time", wire.AuditLogSearch{Period: wire.Period{Start: entries * 40, End: entries * 50}}},
				{"a text in most", wire.AuditLogSearch{Message: "changed"}},
				{"a text in every tenth", wire.AuditLogSearch{Message: "*7"}},
				{"a text in none", wire.AuditLogSearch{Message: "nothing like it"}},
				{"a text in none of a hundredth of the time", wire.AuditLogSearch{Message: "nothing", Period: wire.Period{Start: entries * 99}}},
				{"by user", wire.AuditLogSearch{Page: wire.Page{OrderBy: "insertUser"}}},
			} {
				for _, start := range []int{0, 5_000, 500_000} {
					read := func(b *testing.B, j *journal.Journal, start int) int {
						c := test.c
						c.StartRow = start
						found, _, err := j.SearchAuditLog(b.Context(), c)
						if err != nil {
							b.Fatal(err)
						}
						return len(found)
					}
					switch known := journal.New(d); {
					case start > 10_000 && test.c.OrderBy == "insertUser":
					case read(b, known, start) == 0 && start > 0: // not so many
					case start == 0:
						b.Run(test.name+"/first page", func(b *testing.B) {
							for b.Loop() {
								read(b, known, 0)
							}
						})
					default:
						where := map[int]string{5_000: "row 5000", 500_000: "row 500000"}[start]
						b.Run(test.name+"/jump to "+where, func(b *testing.B) {
							for b.Loop() {
								read(b, journal.New(d), start)
							}
						})
						b.Run(test.name+"/next page at "+where, func(b *testing.B) {
							for b.Loop() {
								read(b, known, start+25)
							}
						})
					}
				}
			}
		})
	}
}
