package outbox

import (
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// What people do with deliveries: each of these functions changes deliveries of one webhook, given by the sequences of their events, and returns how many it
// has changed. Those that are not in a state for it any more stay as they are. The caller keeps the numbers small.

var errNotFound error = problem.ErrNotFound

// Reopen begins ended deliveries anew: pending, due now, with all attempts before them. Those that were delivered count only with alsoDelivered, and only
// those that ended until the instant endedUntil, in milliseconds, count at all. A result of the time before counts for nothing.
func (o *Outbox) Reopen(tx *db.Tx, target *webhook.Target, sequences []int64, alsoDelivered bool, endedUntil int64) (int, error) {
	rows := make([][]any, len(sequences))
	for i, s := range sequences {
		rows[i] = []any{tx.NowMillis(), target.Ordered(), s, target.ID, endedUntil, alsoDelivered}
	}
	return o.change(tx, target.ID, reopenDelivery, rows, sequences)
}

// Hasten makes waiting deliveries due now. Those that are due already, or that a process is just at, stay as they are.
func (o *Outbox) Hasten(tx *db.Tx, id wire.ID, sequences []int64) (int, error) {
	rows := make([][]any, len(sequences))
	for i, s := range sequences {
		rows[i] = []any{tx.NowMillis(), s, id, int64(carried)}
	}
	return o.change(tx, id, hastenDelivery, rows, sequences)
}

// Cancel ends waiting deliveries. One that is just being sent cannot be called back, but what comes of it changes nothing.
func (o *Outbox) Cancel(tx *db.Tx, id wire.ID, sequences []int64) (int, error) {
	rows := make([][]any, len(sequences))
	for i, s := range sequences {
		rows[i] = []any{tx.NowMillis(), s, id}
	}
	tx.AfterCommit(func() { o.withdraw(id, sequences) })
	for some := range slices.Chunk(sequences, 300) { // PostgreSQL takes 8,000 bytes
		var list strings.Builder
		for i, s := range some {
			if i > 0 {
				list.WriteByte(',')
			}
			list.WriteString(strconv.FormatInt(s, 10))
		}
		if err := tx.Notify(channel, calledOff+string(id)+" "+list.String()); err != nil {
			return 0, err
		}
	}
	return o.change(tx, id, cancelDelivery, rows, sequences)
}

// OweLate writes deliveries of committed events that were not owed to the webhook when they were committed. Those that it is owed, or has had, stay as they are.
func (o *Outbox) OweLate(tx *db.Tx, target *webhook.Target, sequences []int64) (int, error) {
	rows := make([][]any, len(sequences))
	for i, s := range sequences {
		rows[i] = []any{target.ID, tx.NowMillis(), target.Ordered(), s}
	}
	return o.change(tx, target.ID, oweDelivery(tx), rows, sequences)
}

// change runs the statement for each row, which are about these events, and wakes the lane.
func (o *Outbox) change(tx *db.Tx, id wire.ID, statement string, rows [][]any, sequences []int64) (changed int, err error) {
	affected, err := tx.ExecEach(statement, rows)
	if err != nil {
		return 0, err
	}
	for _, n := range affected {
		changed += int(n)
	}
	if changed == 0 {
		return 0, nil
	}
	if o.Moved != nil {
		if err := o.Moved(tx, sequences); err != nil {
			return 0, err
		}
	}
	tx.AfterCommit(func() { o.wake(id) })
	return changed, tx.Notify(channel, somethingDue+string(id))
}

// withdraw takes cancelled deliveries out of the queue of their lane.
func (o *Outbox) withdraw(id wire.ID, sequences []int64) {
	o.mu.Lock()
	l := o.lanes[id]
	o.mu.Unlock()
	if l != nil {
		l.withdraw(sequences)
	}
}

// withdraw takes deliveries out of the queue, as far as no worker has them yet.
func (l *lane) withdraw(sequences []int64) {
	gone := make(map[int64]bool, len(sequences))
	for _, s := range sequences {
		gone[s] = true
	}
	withdrawn := l.dropAll(func(d *delivery) bool { return gone[d.sequence] })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range withdrawn {
		l.unload(d)
	}
}

// SequenceOf returns the sequence of an event, or why it is none that could be sent: problem.ErrNotFound without such an event, a problem of kind Invalid when it is a test,
// or was not committed.
func SequenceOf(tx *db.Tx, id wire.ID) (int64, error) {
	sequence, result, test, err := findEvent(tx, id)
	if err != nil {
		return 0, err
	}
	switch {
	case test:
		return 0, problem.New(problem.Invalid, "[eventIsTest]", "The event %s was sent to try out a webhook. Tests are not delivered to anybody else; send another one instead.", id)
	case result == "Running":
		return 0, problem.New(problem.Invalid, "[eventNotCommitted]", "Webhooks are just being asked about the event %s. It is delivered once it is committed.", id)
	case result != "Succeeded":
		return 0, problem.New(problem.Invalid, "[eventNotCommitted]", "The event %s was refused, so it never happened and is not delivered.", id)
	}
	return sequence, nil
}

const (
	// mostExamined is how many rows one look of a walk takes in: few enough that SQLite's log can shrink meanwhile.
	mostExamined = 5000
	// mostSorted is that where each look has to sort all that there is.
	mostSorted = 50_000
)

// Walk finds a webhook's deliveries that match the filter and are in one of the states, in the order of their events, part by part. It returns
// those of the next part and how far that went; the walk is at its end when it went as far as the span.
//
// Unless it is 0, only deliveries count that nothing has happened to since the instant changedUntil, in milliseconds.
func Walk(tx *db.Tx, f wire.DeliveryFilter, id wire.ID, states []State, changedUntil int64, s Span) (found []int64, reached int64, err error) {
	most := mostExamined
	if routeTo(states) == open {
		most = mostSorted
	}
	all, err := walk(tx, f, id, states, changedUntil, s, most)
	for _, one := range all {
		if reached = one.sequence; one.matches {
			found = append(found, one.sequence)
		}
	}
	if len(all) < most {
		reached = s.Through
	}
	return found, reached, err
}

// Missed is an event that a webhook has not had.
type Missed struct {
	Sequence int64
	// State of its delivery, empty when there is none.
	State State
	// Type and Tenant are those of the event.
	Type   event.Type
	Tenant wire.ID
}

// WalkMissed finds what a webhook has not had of the committed events of a period, in their order, part by part: deliveries that have failed or
// wait, and events that were never owed to it, whether or not it should have them. It returns like [Walk].
func WalkMissed(tx *db.Tx, p wire.Period, id wire.ID, s Span) (missed []Missed, reached int64, err error) {
	all, err := walkMissed(tx, p, id, s, mostExamined)
	for _, one := range all {
		if reached = one.Sequence; one.committed && one.State != Delivered {
			missed = append(missed, one.Missed)
		}
	}
	if len(all) < mostExamined {
		reached = s.Through
	}
	return missed, reached, err
}

// Crowded tells whether so much is due for the webhook that more of what is not new would only hold up what is: the queue of its lane and as much again.
func (o *Outbox) Crowded(tx *db.Tx, id wire.ID) (bool, error) { return anyBeyond(tx, id, 2*o.Queue) }

// FlowOf returns the webhook's flow as tx sees it.
func FlowOf(tx *db.Tx, id wire.ID) (Flow, error) { return loadFlow(tx, id) }

// IsEnded tells whether a delivery in that state has ended.
func IsEnded(s State) bool { return slices.Contains(Ended, s) }
