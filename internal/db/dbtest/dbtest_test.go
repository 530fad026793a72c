package dbtest_test

import (
	"fmt"
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

func TestEverything(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			for _, text := range []string{
				`CREATE TABLE "a new one" (id BIGINT, content TEXT)`, `INSERT INTO "a new one" VALUES (2, 'b')`, `INSERT INTO "a new one" VALUES (1, NULL)`,
			} {
				if _, err := tx.Exec(text); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range dbtest.Everything(t, d) {
			if table.Name == "a new one" {
				if got := fmt.Sprint(table.Columns, table.Lines()); got != "[id content] [1 | NULL 2 | b]" {
					t.Error(got)
				}
				return
			}
		}
		t.Error("the new table is not among all tables")
	})
}
