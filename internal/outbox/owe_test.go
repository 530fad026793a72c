package outbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
)

// sent are the numbers of the events that a receiver has got.
func sent(r *egresstest.Receiver) (bodies []string) {
	for _, q := range r.Requests() {
		bodies = append(bodies, string(q.Body))
	}
	slices.Sort(bodies)
	return bodies
}

// What a transaction that fails would have owed is not sent, although the lane had room for it; what is owed afterwards is.
func TestOwe_RolledBack(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t)
		target := r.hook(receiver.URL)
		r.start()
		r.owe(target, 1)
		receiver.WaitFor(1)
		r.eventually("the lane has looked", func() bool { return r.lane(target.ID).accepts(target, 1) })
		no := errors.New("no")
		err := r.store.Update(t.Context(), func(tx *db.Tx) error {
			for range 3 { // fills the queue as far as the lane is asked
				var owed []Owed
				for _, e := range r.record(tx, 500) {
					owed = append(owed, Owed{Event: e, Shares: []Share{{Target: target}}})
				}
				if err := r.Owe(tx, owed); err != nil {
					return err
				}
			}
			return no
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		receiver.Forget()
		r.owe(target, 2)
		got := receiver.WaitFor(2)
		r.eventually("all are delivered", func() bool { return r.count(Delivered) == 3 })
		if len(got) != 2 || len(r.rows(`SELECT webhook_id FROM delivery`)) != 3 {
			t.Errorf("%d requests after the transaction that failed, want 2: %v", len(got), sent(receiver))
		}
	})
}

// What is owed before the outbox is started waits for that; after its stop, for the next start.
func TestOwe_WithoutAnOutboxAtWork(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t)
		target := r.hook(receiver.URL)
		r.owe(target, 3)
		r.start()
		receiver.WaitFor(3)
		r.eventually("all are delivered", func() bool { return r.count(Delivered) == 3 })
		r.Stop(t.Context())
		r.owe(target, 2)
		if claims := r.rows(`SELECT claimed_by FROM delivery WHERE claimed_by IS NOT NULL`); len(claims) != 0 {
			t.Errorf("a stopped outbox has claimed %v", claims)
		}
		if n := r.count(Pending); n != 2 {
			t.Errorf("%d deliveries wait, want 2", n)
		}
	})
}

// Commits that come while the outbox is stopped are handed over, or are left in the table without a claim.
func TestOwe_WhileStopping(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t)
		target := r.hook(receiver.URL)
		r.start()
		r.owe(target, 1)
		receiver.WaitFor(1)
		var owing sync.WaitGroup
		ready := make(chan struct{})
		owing.Go(func() {
			for i := range 40 {
				if i == 5 {
					close(ready)
				}
				r.owe(target, 5)
			}
		})
		<-ready
		r.Stop(t.Context())
		owing.Wait()
		done, waiting := r.count(Delivered), r.count(Pending)
		if done+waiting != 201 || len(receiver.Requests()) != done {
			t.Errorf("%d delivered, %d wait, %d requests; want 201 in all and a request for each that is delivered", done, waiting, len(receiver.Requests()))
		}
		// Those that were under way between the two, claimed by the lane that is gone, are found by the next start.
		r.update(func(tx *db.Tx) error { _, err := freeUnknown(tx); return err })
		if stuck := r.rows(`SELECT claimed_by FROM delivery WHERE due_instant = $1`, int64(carried)); len(stuck) != 0 {
			t.Errorf("%d deliveries are claimed by nobody", len(stuck))
		}
	})
}

// Large bodies do not wait in memory, and are counted in bytes.
func TestOwe_LargeBodies(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t)
		target := r.hook(receiver.URL)
		for size, kept := range map[int]bool{largestKept: true, largestKept + 2: false} {
			body := []byte(`"` + strings.Repeat("ü", size/2-1) + `"`)
			var sequence int64
			r.update(func(tx *db.Tx) error {
				events := r.record(tx, 1)
				events[0].Body = body
				sequence = events[0].Sequence
				if _, err := tx.Exec(`UPDATE event SET body = $1 WHERE sequence = $2`, string(body), sequence); err != nil {
					return err
				}
				if d := newDelivery(events[0], target.ID); (d.body != nil) != kept {
					t.Errorf("%d bytes: kept in memory is %v", len(body), d.body != nil)
				}
				return r.Owe(tx, []Owed{{Event: events[0], Shares: []Share{{Target: target}}}})
			})
			r.update(func(tx *db.Tx) error {
				due, err := claimDue(tx, target.ID, Pending, "rig/1", false, 1)
				if err == nil && (len(due) != 1 || (due[0].body != nil) != kept) {
					t.Errorf("%d bytes: read into memory is %v", len(body), due[0].body != nil)
				}
				return err
			})
			r.exec(`UPDATE delivery SET state = 'pending', due_instant = $1, claimed_by = NULL WHERE event_sequence = $2`, r.now.Load()+1, sequence) // not for the next round
		}
		r.advance(time.Second)
		r.start()
		for _, q := range receiver.WaitFor(2) {
			if n := len(q.Body); n != largestKept && n != largestKept+2 {
				t.Errorf("a body arrived with %d bytes", n)
			}
		}
	})
}

// Other processes are told at once that something is due, but not with every commit of a busy webhook.
func TestOwe_TellsOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.PostgreSQL)
	target := r.hook("")
	r.start()
	if err := r.Pause(t.Context(), target.ID, ""); err != nil {
		t.Fatal(err)
	}
	const last = "the last one"
	due, listening, end := 0, make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var listener sync.WaitGroup
	listener.Go(func() {
		r.store.Listen(ctx, channel, func(news string) {
			switch news {
			case "":
				close(listening)
			case somethingDue + string(target.ID):
				due++
			case last:
				close(end)
			}
		})
	})
	<-listening
	for range 2 {
		for range 10 {
			r.owe(target, 1)
		}
		r.advance(tellEvery)
	}
	r.update(func(tx *db.Tx) error { return tx.Notify(channel, last) })
	<-end
	cancel()
	listener.Wait()
	if due != 2 {
		t.Errorf("they are told %d times in two periods, want once in each", due)
	}
}
