package outbox

import (
	"math"
	"slices"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// target is the only webhook there is.
func (r *rig) target(tx *db.Tx) *webhook.Target {
	r.t.Helper()
	registry, err := r.Webhooks.RegistryIn(tx)
	if err != nil || len(registry.IDs()) != 1 {
		r.t.Fatalf("%v, %v", registry, err)
	}
	return registry.Target(registry.IDs()[0])
}

// Each of the things that people do touches only what is in a state for it, and counts what it has changed.
func TestReopen_OnlyWhatMayBe(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		all := []State{Pending, Retrying, Delivered, Dead, Cancelled}
		for _, test := range []struct {
			name string
			do   func(tx *db.Tx, r *rig, sequences []int64) (int, error)
			want []State
			n    int
		}{
			{"reopen", func(tx *db.Tx, r *rig, s []int64) (int, error) {
				return r.Reopen(tx, r.target(tx), s, true, math.MaxInt64)
			}, []State{Pending, Retrying, Pending, Pending, Pending}, 3},
			{"reopen what was not delivered", func(tx *db.Tx, r *rig, s []int64) (int, error) {
				return r.Reopen(tx, r.target(tx), s, false, math.MaxInt64)
			}, []State{Pending, Retrying, Delivered, Pending, Pending}, 2},
			{"reopen what has ended before", func(tx *db.Tx, r *rig, s []int64) (int, error) {
				return r.Reopen(tx, r.target(tx), s, true, tx.NowMillis()-1)
			}, all, 0},
			{"cancel", func(tx *db.Tx, r *rig, s []int64) (int, error) { return r.Cancel(tx, r.target(tx).ID, s) }, []State{Cancelled, Cancelled, Delivered, Dead, Cancelled}, 2},
			{"owe late", func(tx *db.Tx, r *rig, s []int64) (int, error) { return r.OweLate(tx, r.target(tx), s) }, all, 0},
			{"hasten", func(tx *db.Tx, r *rig, s []int64) (int, error) { return r.Hasten(tx, r.target(tx).ID, s) }, all, 0}, // due already
		} {
			r := newRig(t, r.store.Engine())
			sequences := r.fill(r.hook(""), len(all), all...)
			n := 0
			r.update(func(tx *db.Tx) (err error) {
				n, err = test.do(tx, r, sequences)
				return err
			})
			var got []State
			for _, state := range r.rows(`SELECT state FROM delivery ORDER BY event_sequence`) {
				got = append(got, State(state))
			}
			if !slices.Equal(got, test.want) || n != test.n {
				t.Errorf("%s: %v, %d changed, want %v, %d", test.name, got, n, test.want, test.n)
			}
		}
	})
}

// What is cancelled leaves the queue of its lane, so that it can come back there.
func TestCancel_ThenReopen(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		receiver := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Concurrency = 1 })
		r.start()
		r.eventually("nothing is left to look for", r.lane(target.ID).idle) // so that the first one is sent first
		sequences := r.owe(target, 4)
		receiver.WaitFor(1)
		r.update(func(tx *db.Tx) error {
			n, err := r.Cancel(tx, target.ID, sequences[1:])
			if n != 3 {
				t.Errorf("%d were cancelled", n)
			}
			return err
		})
		r.Outbox.mu.Lock()
		l := r.lanes[target.ID]
		r.Outbox.mu.Unlock()
		if strays := l.notCarried(sequences); !slices.Equal(strays, sequences[1:]) {
			t.Errorf("after the cancellation the lane does not have %v, want %v", strays, sequences[1:])
		}
		r.update(func(tx *db.Tx) error {
			n, err := r.Reopen(tx, target, sequences, true, math.MaxInt64)
			if n != 3 {
				t.Errorf("%d were begun anew", n)
			}
			return err
		})
		close(release)
		receiver.WaitFor(4)
		r.eventually("all are delivered", func() bool { return r.count(Delivered) == 4 })
	})
}

// What is begun anew while it is being sent, is sent again: what came of it before does not count.
func TestReopen_UnderWay(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		receiver := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		target := r.hook(receiver.URL)
		r.start()
		sequences := r.owe(target, 1)
		receiver.WaitFor(1)
		r.update(func(tx *db.Tx) error {
			if _, err := r.Cancel(tx, target.ID, sequences); err != nil {
				return err
			}
			_, err := r.Reopen(tx, target, sequences, true, math.MaxInt64)
			return err
		})
		close(release)
		receiver.WaitFor(2)
		r.eventually("it is delivered", func() bool { return r.count(Delivered) == 1 })
	})
}

// Hastening is for what is due later and nobody carries; it does not give a delivery another number of attempts.
func TestHasten(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		sequences := r.fill(r.hook(""), 3, Retrying)
		now := r.now.Load()
		r.exec(`UPDATE delivery SET due_instant = $1 WHERE event_sequence = $2`, now+1000, sequences[0])
		r.exec(`UPDATE delivery SET due_instant = $1 WHERE event_sequence = $2`, int64(carried), sequences[1])
		r.exec(`UPDATE delivery SET due_instant = $1 WHERE event_sequence = $2`, now-1000, sequences[2])
		n := 0
		r.update(func(tx *db.Tx) (err error) {
			n, err = r.Hasten(tx, r.target(tx).ID, sequences)
			return err
		})
		got := r.rows(`SELECT CAST(CASE WHEN due_instant = $1 THEN -1 ELSE due_instant - $2 END AS TEXT) || ' ' || CAST(attempts AS TEXT) FROM delivery ORDER BY event_sequence`, int64(carried), now)
		if want := []string{"0 1", "-1 1", "-1000 1"}; n != 1 || !slices.Equal(got, want) {
			t.Errorf("%d changed, due %v, want %v", n, got, want)
		}
	})
}

// What is owed late is what was committed, and is owed once.
func TestOweLate(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		other := r.hook("")
		sequences := r.fill(other, 4, Delivered)
		r.hook("")
		r.exec(`UPDATE event SET result = 'Failed' WHERE sequence = $1`, sequences[0])
		r.exec(`UPDATE event SET test = TRUE WHERE sequence = $1`, sequences[1])
		for _, want := range []int{2, 0} {
			r.update(func(tx *db.Tx) error {
				registry, err := r.Webhooks.RegistryIn(tx)
				if err != nil {
					return err
				}
				for _, id := range registry.IDs() {
					if id == other.ID {
						continue
					}
					n, err := r.OweLate(tx, registry.Target(id), append(sequences, sequences[3]+1000))
					if err != nil || n != want {
						t.Errorf("%d owed, %v, want %d", n, err, want)
					}
				}
				return nil
			})
		}
		if n := r.count(Pending); n != 2 {
			t.Errorf("%d deliveries wait", n)
		}
	})
}
