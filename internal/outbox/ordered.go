package outbox

import (
	"cmp"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// sequences is what the lane of a webhook with an ordering knows of the objects whose events it sends strictly in sequence. These deliveries always go through the table,
// where of each object only the head may be sent: the earliest one that has not ended. The feeder finds heads in two ways.
//
//   - In turn: whoever ends a delivery or commits one in this process says of which object, and the feeder looks at the head of that object and at nothing else.
//   - In a look through all first attempts that are due, for what nobody here has said: after a start or a pause, when a person has cancelled something, from other
//     processes. It comes past every delivery that waits for another one, so it is made only when somebody asks for it, and not again for some time.
//
// A turn is only a hint: what is a head stands in the table, and one that no turn has found is found by the next look through all.
type sequences struct {
	turns  map[wire.ID]bool // the objects to look at
	rested time.Time        // when there may be another look through all
}

// restFactor is for how many times as long as a look through all has taken there is no other one.
const restFactor = 4

// orderingKey is what the deliveries that are sent in sequence have in common. One that is about no object has a sequence of its own.
func (d *delivery) orderingKey() wire.ID { return cmp.Or(d.object, d.event) }

// ordered tells whether the webhook wants the events of one object in sequence.
func (l *lane) ordered() bool {
	registry, err := l.o.Webhooks.Registry(l.o.sending)
	if err != nil {
		return false
	}
	target := registry.Target(l.webhook)
	return target != nil && target.Ordered()
}

// owed notes that a commit has left something due about the objects.
func (l *lane) owed(objects []wire.ID) {
	l.mu.Lock()
	if len(l.turns)+len(objects) > l.o.Queue {
		l.behind = true // so many have no room soon
	} else {
		for _, object := range objects {
			l.turns[object] = true
		}
	}
	l.mu.Unlock()
	l.nudge()
}

// narrow takes, for a webhook with an ordering, as many turns as there is room for first attempts, and leaves of the rest of a look only what was asked for. pause is how long a
// look through all that was asked for has to be put off. l.mu is held.
func (l *lane) narrow(target *webhook.Target, rooms map[State]int, asked map[State]bool) (turns []wire.ID, pause time.Duration) {
	if !target.Ordered() {
		clear(l.turns) // from before the webhook was changed
		return nil, 0
	}
	for object := range l.turns {
		if len(turns) == rooms[Pending] {
			break
		}
		delete(l.turns, object)
		turns = append(turns, object)
	}
	if asked[Pending] {
		pause = l.rested.Sub(l.o.DB.Now())
		if pause < 0 || pause > longestWait { // or the clock was ahead
			pause = 0
		}
	}
	all := asked[Pending] && pause == 0
	retries := asked[Retrying] || all
	l.behind = asked[Pending] && (pause > 0 || rooms[Pending] == 0)
	l.late = retries && rooms[Retrying] == 0
	if !all {
		rooms[Pending] = 0
	}
	if !retries {
		rooms[Retrying] = 0
	}
	if all && l.o.node.shared { // where claims stand in the table a look through all begins at the front, and needs no turns
		turns = nil
		clear(l.turns)
	}
	return turns, pause
}

// heads takes the heads of the objects that are due. Where a look through all has room for no more it goes on later, and finds what it has not come past yet: so it does not
// matter how many events an object has, what is due for longest is sent first.
func (l *lane) heads(tx *db.Tx, objects []wire.ID, claimer string, passed map[int64]bool) (heads []*delivery, err error) {
	if len(objects) == 0 {
		return nil, nil
	}
	until := *l.reached[Pending]
	if until == (place{}) {
		until.due = carried // there is nothing that it has not come past
	}
	if passed == nil {
		return claimHeads(tx, l.webhook, objects, until, claimer+"/heads")
	}
	all, err := pickHeads(tx, l.webhook, objects, until)
	for _, d := range all {
		if !passed[d.sequence] {
			passed[d.sequence] = true
			heads = append(heads, d)
		}
	}
	return heads, err
}
