package outbox

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
)

// carriedBy commits n deliveries that the test carries itself.
func (r *rig) carriedBy(target *webhook.Target, n int) (events []*webhooklog.Event) {
	r.t.Helper()
	r.update(func(tx *db.Tx) error {
		events = r.record(tx, n)
		var owed []Owed
		for _, e := range events {
			owed = append(owed, Owed{Event: e, Shares: []Share{{Target: target, Open: true}}})
		}
		return r.Owe(tx, owed)
	})
	return events
}

// states are the deliveries in the order of their events, each as "state attempts".
func (r *rig) states() []string {
	return r.rows(`SELECT state || ' ' || CAST(attempts AS TEXT) FROM delivery ORDER BY event_sequence`)
}

// A result that cannot be written as it is does not keep others from being written, and does not make its delivery be sent again: its state is stored.
func TestRecorder_OneBadResult(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("")
		r.start()
		events := r.carriedBy(target, 3)
		yes := func() *webhook.Attempt {
			return &webhook.Attempt{Webhook: target.ID, Outcome: egress.Accepted, StatusCode: 200, Start: time.Now(), End: time.Now()}
		}
		for i, e := range events {
			kind := webhook.Vote
			if i == 1 {
				kind = "a kind that the table refuses"
			}
			r.recorder.put(newDelivery(e, target.ID), kind, yes())
		}
		want := []string{"delivered 1", "delivered 1", "delivered 1"}
		r.eventually(fmt.Sprint("the deliveries are ", want), func() bool { return slices.Equal(r.states(), want) })
		if n := len(r.rows(`SELECT id FROM attempt`)); n != 2 {
			t.Errorf("%d attempts are on record, want 2", n)
		}
		r.eventually("the lane has let go of all", func() bool {
			l := r.lane(target.ID)
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(l.loaded) == 0
		})
	})
}

// While the store takes nothing, though it answers, results wait for better times: nothing is sent again, nothing is lost.
func TestRecorder_StoreTakesNothing(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t)
		gate := make(chan struct{})
		receiver.Script(egresstest.Hold(gate, egresstest.Accept()))
		target := r.hook(receiver.URL)
		r.start()
		r.owe(target, 10)
		receiver.WaitFor(10)
		rename := func(from, to string) {
			r.update(func(tx *db.Tx) error {
				for _, table := range []string{"attempt", "delivery"} {
					if _, err := tx.Exec(`ALTER TABLE ` + table + from + ` RENAME TO ` + table + to); err != nil {
						return err
					}
				}
				return nil
			})
		}
		rename("", "_away")
		close(gate)
		r.errors.until(3)
		rename("_away", "")
		r.eventually("all are delivered", func() bool { return r.count(Delivered) == 10 })
		if n := len(receiver.Requests()); n != 10 {
			t.Errorf("%d requests for 10 deliveries", n)
		}
		if n := len(r.rows(`SELECT id FROM attempt`)); n != 10 {
			t.Errorf("%d attempts are on record, want 10", n)
		}
	})
}

// A result counts only while its claim is the newest. One that comes too late is on record as an attempt, and the lane looks again for what overtook it.
func TestRecorder_Fence(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(500))
		target := r.hook(receiver.URL)
		r.start()
		e := r.carriedBy(target, 1)[0]
		// Somebody has cancelled it and begun it anew meanwhile.
		r.exec(`UPDATE delivery SET claim = claim + 2, replays = 1, due_instant = $1, claimed_by = NULL`, r.now.Load())
		r.Settle(e, target.ID, &webhook.Attempt{Webhook: target.ID, Outcome: egress.Accepted, StatusCode: 200, Start: time.Now(), End: time.Now()})
		receiver.WaitFor(1)
		want := []string{"retrying 1"}
		r.eventually(fmt.Sprint("the delivery is ", want), func() bool { return slices.Equal(r.states(), want) })
		if kinds := r.rows(`SELECT kind FROM attempt ORDER BY kind`); !slices.Equal(kinds, []string{"replay", "vote"}) {
			t.Errorf("attempts on record: %v", kinds)
		}
	})
}

// A late vote's delivery is settled by its answer; without one it is due at once.
func TestSettle(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t)
		target := r.hook(receiver.URL)
		r.start()
		events := r.carriedBy(target, 3)
		at := time.Now()
		r.Settle(events[0], target.ID, &webhook.Attempt{Webhook: target.ID, Outcome: egress.Accepted, StatusCode: 200, Start: at, End: at})
		r.Settle(events[1], target.ID, &webhook.Attempt{Webhook: target.ID, Outcome: egress.Refused, StatusCode: 403, Start: at, End: at})
		r.Settle(events[2], target.ID, nil)
		want := []string{"delivered 1", "retrying 1", "delivered 1"}
		r.eventually(fmt.Sprint("the deliveries are ", want), func() bool { return slices.Equal(r.states(), want) })
		if n := len(receiver.Requests()); n != 1 {
			t.Errorf("%d requests, want one for the webhook that was never asked", n)
		}
	})
}
