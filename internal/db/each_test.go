package db_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

const insertEvent = `INSERT INTO event (id, operation_id, type, transaction_type, result, body, insert_instant, last_update_instant)
	VALUES ($1, 'o', 't', 'None', 'Running', '{}', $2, $2)`

func TestEach(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		var sequences []int64
		err := d.Update(ctx, func(tx *db.Tx) (err error) {
			sequences, err = tx.InsertEach(insertEvent, "sequence", [][]any{{"a", 1}, {"b", int64(2)}, {"c", 3}})
			return err
		})
		if err != nil || len(sequences) != 3 || !slices.IsSorted(sequences) || sequences[0] == sequences[1] {
			t.Fatalf("sequences %v, error %v", sequences, err)
		}
		if err := d.View(ctx, func(tx *db.Tx) error {
			var id string
			if err := tx.QueryRow(`SELECT id FROM event WHERE sequence = $1`, sequences[1]).Scan(&id); err != nil || id != "b" {
				t.Errorf("the second row is %q, error %v", id, err)
			}
			if _, err := tx.ExecEach(`DELETE FROM event WHERE id = $1`, [][]any{{"a"}}); err == nil {
				t.Error("a reading transaction may write")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}

		var affected []int64
		err = d.Update(ctx, func(tx *db.Tx) (err error) {
			affected, err = tx.ExecEach(`UPDATE event SET result = $1 WHERE id = $2`, [][]any{{"Failed", "a"}, {"Failed", "nobody"}, {"Failed", "c"}})
			return err
		})
		if err != nil || !slices.Equal(affected, []int64{1, 0, 1}) {
			t.Errorf("affected %v, error %v", affected, err)
		}
	})
}

// An error of one row is the error of the call, and nothing of the transaction stays.
func TestEach_Fails(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		reserve := `INSERT INTO reservation (name, operation_id, expire_instant) VALUES ($1, 'o', 1)`
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.ExecEach(reserve, [][]any{{"one"}, {"two"}, {"one"}, {"three"}})
			return err
		})
		if !db.IsDuplicate(err) {
			t.Errorf("a duplicate row gives the error %v", err)
		}
		err = d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.InsertEach(insertEvent, "sequence", [][]any{{"four", 4}, {"four", 4}})
			return err
		})
		if !db.IsDuplicate(err) {
			t.Errorf("a duplicate row with a key gives the error %v", err)
		}
		var n int
		if err := errors.Join(d.View(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT (SELECT COUNT(*) FROM reservation) + (SELECT COUNT(*) FROM event)`).Scan(&n)
		})); err != nil || n != 0 {
			t.Errorf("%d rows are left, error %v", n, err)
		}
		// The connection goes on working.
		if err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.ExecEach(reserve, [][]any{{"one"}})
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}
