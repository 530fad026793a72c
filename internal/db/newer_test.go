package db_test

import (
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

func TestOpen_NewerDatabase(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			o := dbtest.Options(t, engine)
			d, err := db.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			update(t, d, func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO schema_version (version_id, is_applied) VALUES (9999, true)`)
				return err
			})
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err = db.Open(t.Context(), o)
				wantSentence(t, err, "The database was written by a newer Herald", "9999")
			}
		})
	}
}
