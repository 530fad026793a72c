package webhooklog

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// The ids of an event's attempts are in its range and in no other, and in SQL the range of a column is the same one.
func TestAttemptRange(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		for _, sequence := range []int64{1, 0xffff, 0x10000, 0x1abcdef0, 1<<sequenceBits - 2} {
			id := string(attemptID(sequence))
			for _, other := range []int64{sequence - 1, sequence, sequence + 1} {
				from, to := AttemptRange(other)
				if within := from <= id && id < to; within != (other == sequence) && other < 1<<sequenceBits-1 {
					t.Errorf("an attempt of event %d has the id %s, and the range of event %d is %s to %s", sequence, id, other, from, to)
				}
				err := d.View(t.Context(), func(tx *db.Tx) error {
					within, err := tx.Exists(`SELECT 1 FROM (SELECT CAST($1 AS BIGINT) AS sequence) AS e WHERE `+strings.ReplaceAll(ofEvent, "a.id", "CAST($2 AS TEXT)"), other, id)
					if within != (other == sequence) {
						t.Errorf("in SQL, an attempt of event %d with the id %s is one of event %d: %t", sequence, id, other, within)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
