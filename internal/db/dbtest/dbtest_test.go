package dbtest_test

import (
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestEach_StoresAreSeparateAndMigrated(t *testing.T) {
	t.Parallel()
	for range 2 {
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			t.Parallel()
			err := d.Update(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO revision (topic, number) VALUES ('mine', 1)`)
				return err
			})
			if err != nil {
				t.Fatalf("a second test found the row of the first, or no table: %v", err)
			}
		})
	}
}

func TestReopen_KeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO revision (topic, number) VALUES ('mine', 7)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d = dbtest.Reopen(t, d)
		var number int
		err = d.View(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT number FROM revision WHERE topic = 'mine'`).Scan(&number)
		})
		if err != nil || number != 7 {
			t.Errorf("after the restart number = %d, %v, want 7", number, err)
		}
	})
}
