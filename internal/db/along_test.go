package db_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/herald-events/herald/internal/db"
)

func TestAlong(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		failure := errors.New("no")
		ctx := db.Along(t.Context(), func(tx *db.Tx) error { return insert(tx, "along") })
		if err := d.Update(ctx, func(*db.Tx) error { return failure }); !errors.Is(err, failure) {
			t.Fatal(err)
		}
		if err := d.Update(db.Aside(ctx), func(tx *db.Tx) error { return insert(tx, "before") }); err != nil {
			t.Fatal(err)
		}
		if got, want := ids(t, d), []string{"before"}; !slices.Equal(got, want) {
			t.Errorf("%v after a change that failed, and one aside; want %v", got, want)
		}
		for _, id := range []string{"change", "later"} {
			if err := d.Update(ctx, func(tx *db.Tx) error { return insert(tx, id) }); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := ids(t, d), []string{"along", "before", "change", "later"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}

		ctx = db.Along(t.Context(), func(tx *db.Tx) error { return insert(tx, "kept out") })
		err := d.Update(ctx, func(tx *db.Tx) error {
			tx.Alone()
			return insert(tx, "no change")
		})
		if got := ids(t, d); err != nil || slices.Contains(got, "kept out") || !slices.Contains(got, "no change") {
			t.Errorf("alone: %v, %v", got, err)
		}

		ctx = db.Along(t.Context(), func(*db.Tx) error { return failure })
		if err := d.Update(ctx, func(tx *db.Tx) error { return insert(tx, "lost") }); !errors.Is(err, failure) {
			t.Fatal(err)
		}
		if slices.Contains(ids(t, d), "lost") {
			t.Error("a change is there whose companion failed")
		}

		ctx = db.Along(t.Context(), func(tx *db.Tx) error { return insert(tx, "asked") })
		update(t, d, func(tx *db.Tx) error { return tx.Along(ctx) })
		update(t, d, func(tx *db.Tx) error { return tx.Along(ctx) })
		if !slices.Contains(ids(t, d), "asked") {
			t.Error("Tx.Along did nothing")
		}
	})
}
