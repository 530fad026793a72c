package outbox

import (
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
)

// What a process claimed that has no lease (it was suspended until others had removed it, committed what it was at, and died) is found while others go on.
func TestNode_AdoptsWhatNobodyCarries(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.PostgreSQL)
	receiver := egresstest.NewReceiver(t)
	target := r.hook(receiver.URL)
	r.start()
	r.exec(`INSERT INTO node (id, started_instant, expire_instant) VALUES ('neighbour', 0, $1)`, r.now.Load()+1_000_000)
	r.owe(target, 3)
	receiver.WaitFor(3)
	r.eventually("all are delivered", func() bool { return r.count(Delivered) == 3 })
	r.exec(`UPDATE delivery SET state = 'pending', due_instant = $1, claimed_by = CASE WHEN event_sequence = (SELECT MIN(event_sequence) FROM delivery) THEN 'neighbour/7' ELSE 'ghost/7' END`,
		int64(carried))
	receiver.Forget()
	if err := r.node.adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	receiver.WaitFor(2)
	r.eventually("both are delivered", func() bool { return r.count(Delivered) == 2 })
	if rows := r.rows(`SELECT claimed_by FROM delivery WHERE state = 'pending'`); len(rows) != 1 {
		t.Errorf("what a living process carries was taken from it: %v", rows)
	}
}
