package outbox

import (
	"slices"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// What one process cancels leaves the queue of the other one, which had claimed it: it is not sent.
func TestCancel_InAnotherProcess(t *testing.T) {
	t.Parallel()
	a := newRig(t, db.PostgreSQL)
	gate := make(chan struct{})
	receiver := egresstest.NewReceiver(t).Script(egresstest.Hold(gate, egresstest.Accept()))
	target := a.hook(receiver.URL, func(w *wire.Webhook) { w.Concurrency = 1 })
	a.start()
	const n = 700 // more than are told of at once
	sequences := a.resumed(target, n)
	receiver.WaitFor(1)
	a.eventually("all are in the queue of the first process", func() bool { return a.loaded(target.ID) == n })
	b := a.join("rig-b")
	b.start()
	cancelled := 0
	b.update(func(tx *db.Tx) (err error) {
		cancelled, err = b.Cancel(tx, target.ID, sequences[5:])
		return err
	})
	if cancelled != n-5 {
		t.Fatalf("%d were cancelled", cancelled)
	}
	a.eventually("they are gone from there", func() bool { return a.loaded(target.ID) == 5 })
	close(gate)
	a.eventually("the others are delivered", func() bool { return a.count(Delivered) == 5 })
	got, want := sent(receiver), a.rows(`SELECT e.body FROM event e JOIN delivery d ON d.event_sequence = e.sequence WHERE d.state = 'delivered'`)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	if kept := a.kept.Load(); kept != 0 {
		t.Errorf("%d bytes are still counted as waiting", kept)
	}
}
