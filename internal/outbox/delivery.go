package outbox

import (
	"time"

	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// State of a delivery, as stored and as sent.
type State string

const (
	Pending   State = "pending"   // to be tried for the first time
	Retrying  State = "retrying"  // has failed, will be tried again
	Delivered State = "delivered" // a 2xx came back
	Dead      State = "dead"      // given up after its last attempt
	Cancelled State = "cancelled" // ended by a person, or with its webhook
)

// delivery is one event on its way to one webhook, claimed by this process.
type delivery struct {
	sequence int64 // of the event
	event    wire.ID
	kind     string // the event's type
	body     []byte // nil when it is too large to wait in memory, or too much waits there: it is read when it is sent
	kept     int    // bytes of the body that were counted by keep
	webhook  wire.ID
	trace    trace.Parent

	operation string  // what it shares with the events that it must not overtake:
	object    wire.ID // one change of one object

	attempts int   // made so far, since the last replay
	replays  int   // times it was begun anew
	claim    int64 // fence: a result counts only while the row still has this number
	probe    bool  // it is to find out whether the receiver can be reached again

	since time.Time // when it was committed, by the store's clock
	place place     // in the table, if it was read from there
}

// mostKept is how many bytes of bodies wait in memory, of all webhooks together.
const mostKept = 64 << 20

// keep counts the body of a delivery that is to wait in memory, or drops it when too much does already.
func (o *Outbox) keep(d *delivery) {
	n := len(d.body)
	if o.kept.Add(int64(n)) > mostKept {
		o.kept.Add(-int64(n))
		d.body = nil
		return
	}
	d.kept = n
}

// letGo ends what keep began. It may come twice, or without it.
func (o *Outbox) letGo(d *delivery) {
	o.kept.Add(-int64(d.kept))
	d.kept = 0
}

// attemptKind is what the next attempt is made for.
func (d *delivery) attemptKind() webhook.Kind {
	switch {
	case d.attempts > 0:
		return webhook.Retry
	case d.replays > 0:
		return webhook.Replay
	default:
		return webhook.Delivery
	}
}

// longestLine is how many deliveries are sent one after the other at most.
const longestLine = 4

// lines are the deliveries that leave one after the other: the events of one operation about one object, so that, as far as one hand-over
// brings them and up to longestLine, none overtakes the one before it (`user.create.complete` its `user.create`). That is best effort: a
// failure does not hold up the next, and a retry, a late vote or another process can still change the order. A webhook with
// an ordering has more. Events about no object are in line with nobody.
func lines(claimed []*delivery) [][]*delivery {
	if len(claimed) == 1 {
		return [][]*delivery{claimed}
	}
	type key struct {
		operation string
		object    wire.ID
		retry     bool // first attempts do not wait for retries
	}
	open := make(map[key]int, len(claimed)) // the line that is not full yet
	all := make([][]*delivery, 0, len(claimed))
	for i, d := range claimed {
		k := key{d.operation, d.object, d.attempts > 0}
		if at, ok := open[k]; ok && d.object != "" && len(all[at]) < longestLine {
			all[at] = append(all[at], d)
			continue
		}
		open[k] = len(all)
		all = append(all, claimed[i:i+1:i+1])
	}
	return all
}
