package db_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// BenchmarkUpdate stores rows of the size of an event, each in an Update of its own, by callers who wait for their commit.
// On PostgreSQL the test server does not sync.
func BenchmarkUpdate(b *testing.B) {
	body := strings.Repeat("x", 1500)
	for _, engine := range dbtest.Engines() {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", engine, callers), func(b *testing.B) {
				d := dbtest.Open(b, engine)
				update(b, d, func(tx *db.Tx) error {
					_, err := tx.Exec(`CREATE TABLE row (id TEXT PRIMARY KEY, at BIGINT NOT NULL, body TEXT NOT NULL)`)
					return err
				})
				before := d.Stats()
				b.ResetTimer()
				var wg sync.WaitGroup
				rest := make(chan struct{}, b.N)
				for range b.N {
					rest <- struct{}{}
				}
				close(rest)
				for range callers {
					wg.Go(func() {
						for range rest {
							update(b, d, func(tx *db.Tx) error {
								_, err := tx.Exec(`INSERT INTO row (id, at, body) VALUES ($1, $2, $3)`, db.NewID(), tx.NowMillis(), body)
								return err
							})
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				after := d.Stats()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
				b.ReportMetric(float64(after.Updates-before.Updates)/float64(after.Commits-before.Commits), "updates/commit")
			})
		}
	}
}

// BenchmarkView reads one row by its id.
func BenchmarkView(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			d := withTable(b, engine)
			update(b, d, func(tx *db.Tx) error { return insert(tx, "a") })
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					var size int
					err := d.View(b.Context(), func(tx *db.Tx) error {
						return tx.QueryRow(`SELECT size FROM item WHERE id = $1`, "a").Scan(&size)
					})
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
