package outbox

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
)

// held is a transaction on a connection of its own that goes as far as fn and then waits. The function it returns lets it commit.
func (r *rig) held(fn func(tx *db.Tx) error) (commit func()) {
	r.t.Helper()
	d, err := db.Open(r.t.Context(), dbtest.OptionsOf(r.t, r.store))
	if err != nil {
		r.t.Fatal(err)
	}
	done, gate, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.Update(r.t.Context(), func(tx *db.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			close(done)
			<-gate
			return nil
		})
	}()
	end := func() {
		close(gate)
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		_ = d.Close()
	}
	select {
	case <-done:
	case err := <-ended:
		r.t.Fatal(err)
	}
	return end
}

// untilBlocked waits until so many transactions wait for the lock of another one.
func (r *rig) untilBlocked(n int) {
	r.t.Helper()
	r.eventually("somebody waits for a lock", func() bool {
		return len(r.rows(`SELECT state FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)) == n
	})
}

// What is begun anew, or owed late, in the very instant in which retention removes its event is either delivered or was never said to be owed. There is nobody between
// the two who could notice a loss.
func TestRetention_AtTheSameInstant(t *testing.T) {
	t.Parallel()
	type act func(r *rig, tx *db.Tx, target *webhook.Target, sequence int64) (int, error)
	reopen := func(r *rig, tx *db.Tx, target *webhook.Target, sequence int64) (int, error) {
		return r.Reopen(tx, target, []int64{sequence}, true, math.MaxInt64)
	}
	oweLate := func(r *rig, tx *db.Tx, target *webhook.Target, sequence int64) (int, error) {
		return r.OweLate(tx, target, []int64{sequence})
	}
	for _, test := range []struct {
		name string
		// late: the webhook has no delivery of the event yet.
		late bool
		act  act
		// order is what comes first: the person, whose transaction is still open when retention comes, or retention, which has found and locked the event.
		first string
		owed  int
	}{
		{"begun anew, then retention", false, reopen, "person", 1},
		{"begun anew when retention has begun", false, reopen, "retention", 1},
		{"owed late, then retention", true, oweLate, "person", 1},
		{"owed late when retention has begun", true, oweLate, "retention", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, db.PostgreSQL)
			target, other := r.hook(""), r.hook("")
			had := target
			if test.late {
				had = other
			}
			sequence := r.fill(had, 1, Delivered)[0]
			// An attempt, which retention removes after it has locked the event and before it comes to the deliveries.
			r.update(func(tx *db.Tx) error {
				now := tx.Now()
				a, err := r.Log.Attempt(sequence, webhook.Delivery, &webhook.Attempt{Webhook: had.ID, Start: now, End: now})
				if err != nil {
					return err
				}
				return r.Log.Record(tx, []webhooklog.Attempt{a})
			})
			r.advance(48 * time.Hour)
			trimmed := make(chan error, 1)
			trim := func() { trimmed <- r.Log.Trim(t.Context(), webhooklog.Retention{Days: 1}) }
			owed := -1
			person := func(tx *db.Tx) (err error) {
				owed, err = test.act(r, tx, target, sequence)
				return err
			}
			if test.first == "person" {
				commit := r.held(person)
				go trim()
				if !test.late { // else retention passes over the event, which is locked
					r.untilBlocked(1)
					commit()
				}
				if err := <-trimmed; err != nil {
					t.Error(err)
				}
				if test.late {
					commit()
				}
			} else {
				commit := r.held(func(tx *db.Tx) error {
					return tx.QueryRow(`SELECT 1 FROM attempt FOR UPDATE`).Scan(new(int))
				})
				go trim()
				r.untilBlocked(1)
				acted := make(chan struct{})
				go func() {
					defer close(acted)
					if err := r.store.Update(t.Context(), person); err != nil {
						t.Error(err)
					}
				}()
				if test.late {
					r.untilBlocked(2)
				} else {
					<-acted
				}
				commit()
				if err := <-trimmed; err != nil {
					t.Error(err)
				}
				<-acted
			}
			if owed != test.owed {
				t.Errorf("%d are said to be owed, want %d", owed, test.owed)
			}
			var want []string
			if owed == 1 {
				want = []string{"pending with its event"}
			}
			got := r.rows(`SELECT d.state || CASE WHEN e.sequence IS NULL THEN ' without event' ELSE ' with its event' END
				FROM delivery d LEFT JOIN event e ON e.sequence = d.event_sequence WHERE d.webhook_id = $1`, target.ID)
			if !slices.Equal(got, want) {
				t.Errorf("the delivery is %v, want %v", got, want)
			}
		})
	}
}

// What retention has removed is not said to be begun anew.
func TestRetention_Before(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.PostgreSQL)
	target := r.hook("")
	sequence := r.fill(target, 1, Delivered)[0]
	commit := r.held(func(tx *db.Tx) error { // as retention does, when it has come as far as that
		for _, statement := range []string{`SELECT 1 FROM event FOR UPDATE SKIP LOCKED`, `DELETE FROM delivery`, `DELETE FROM event`} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	owed := make(chan int, 1)
	go func() {
		n := -1
		err := r.store.Update(t.Context(), func(tx *db.Tx) (err error) {
			n, err = r.Reopen(tx, target, []int64{sequence}, true, math.MaxInt64)
			return err
		})
		if err != nil {
			t.Error(err)
		}
		owed <- n
	}()
	r.untilBlocked(1)
	commit()
	if n := <-owed; n != 0 {
		t.Errorf("%d are said to be begun anew", n)
	}
	if left := r.rows(`SELECT state FROM delivery`); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
