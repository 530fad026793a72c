package outbox

import (
	"math/rand/v2"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// Owed is a committed event and the webhooks that are to have it.
type Owed struct {
	Event  *webhooklog.Event
	Shares []Share
}

// Share is one webhook's part in an event.
type Share struct {
	Target *webhook.Target
	// Vote is its answer when it was asked before the commit. A yes means that it has had the event.
	Vote *webhook.Attempt
	// Open says that it was asked and has not answered yet. Whoever asked hands its answer in with Settle.
	Open bool
}

// Owe writes the deliveries of events that tx commits. What a lane has room for is claimed for it in the same breath and handed over after the commit,
// so that the usual delivery is sent without another look at the table.
func (o *Outbox) Owe(tx *db.Tx, owed []Owed) error {
	var (
		rows    [][]any
		votes   []webhooklog.Attempt
		deaths  []*death
		parcels = map[wire.ID][]*delivery{}
		waiting = map[wire.ID][]wire.ID{} // webhooks with something due in the table, and with an ordering the objects that it is about
	)
	now := tx.NowMillis()
	for _, each := range owed {
		for _, share := range each.Shares {
			d := newDelivery(each.Event, share.Target.ID)
			state, due, claimer, key := Pending, now, "", wire.ID("")
			if share.Target.Ordered() {
				key = d.orderingKey()
			}
			switch {
			case share.Open:
				due, claimer = carried, o.claimer(0)
				tx.AfterCommit(func() { o.hold(d) })
			case share.Vote != nil:
				d.attempts = 1
				f := o.scheduleFor(share.Target).next(1, share.Vote, tx.Now(), rand.Float64())
				state, due = f.state, f.due.UnixMilli()
				vote, err := o.Log.Attempt(d.sequence, webhook.Vote, share.Vote)
				if err != nil {
					return err
				}
				votes = append(votes, vote)
				switch state {
				case Retrying:
					tx.AfterCommit(func() { o.dueAt(d.webhook, due) })
				case Dead:
					deaths = append(deaths, &death{d, 1, share.Vote})
				}
			case o.lane(d.webhook).accepts(share.Target, len(parcels[d.webhook])+1):
				due, claimer = carried, o.claimer(0)
				parcels[d.webhook] = append(parcels[d.webhook], d)
			default:
				objects := waiting[d.webhook]
				if key != "" {
					objects = append(objects, key)
				}
				waiting[d.webhook] = objects
			}
			rows = append(rows, []any{
				d.sequence, string(d.webhook), string(state), d.attempts, d.replays, due, d.claim, db.Null(claimer), db.Null(key), now,
			})
		}
	}
	if err := insertDeliveries(tx, rows); err != nil {
		return err
	}
	if err := o.Log.Record(tx, votes); err != nil {
		return err
	}
	for _, d := range deaths {
		if err := o.bury(tx, d); err != nil {
			return err
		}
		if err := o.Gone(tx, d.webhook, d.last); err != nil {
			return err
		}
	}
	if len(parcels) > 0 {
		tx.AfterCommit(func() {
			since := o.DB.Now()
			for id, parcel := range parcels {
				for _, d := range parcel {
					d.since = since
				}
				if l := o.lane(id); l != nil { // else we stop, and Stop gives back what is claimed
					l.push(parcel)
				}
			}
		})
	}
	for id, objects := range waiting {
		if err := o.announce(tx, id, objects); err != nil {
			return err
		}
	}
	return nil
}

// announce has the webhook's lane look for what is due in the table, with an ordering at the objects that it is about, and tells the other processes.
func (o *Outbox) announce(tx *db.Tx, id wire.ID, objects []wire.ID) error {
	tx.AfterCommit(func() {
		switch l := o.lane(id); {
		case l == nil: // we stop; the next start looks
		case len(objects) > 0:
			l.owed(objects)
		default:
			l.wake()
		}
	})
	if l := o.lane(id); l != nil && !l.tells() {
		return nil
	}
	return tx.Notify(channel, somethingDue+string(id))
}

// tellEvery is how often the other processes are told at most that a commit has left something due for a webhook. PostgreSQL commits transactions with notifications one after
// the other, so that a busy webhook would slow down everybody. What they are not told of they find in the next round of their patrol.
const tellEvery = 100 * time.Millisecond

// tells tells whether it is time to tell the other processes again.
func (l *lane) tells() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.o.DB.Now()
	if since := now.Sub(l.told); since >= 0 && since < tellEvery {
		return false
	}
	l.told = now
	return true
}

func newDelivery(e *webhooklog.Event, webhook wire.ID) *delivery {
	d := &delivery{sequence: e.Sequence, event: e.ID, kind: string(e.Type), webhook: webhook, operation: e.Operation, object: e.LinkedObject, trace: e.Trace, claim: 1}
	if len(e.Body) <= largestKept {
		d.body = e.Body
	}
	return d
}

// Settle stores the answer of a webhook whose Share was Open. nil means that it was never asked: the event is due for it at once.
func (o *Outbox) Settle(e *webhooklog.Event, webhookID wire.ID, vote *webhook.Attempt) {
	o.recorder.put(newDelivery(e, webhookID), webhook.Vote, vote)
}

// hold notes that somebody outside of the lane carries the delivery.
func (o *Outbox) hold(d *delivery) {
	if l := o.lane(d.webhook); l != nil {
		l.hold(d)
	}
}

// dueAt tells the lane when a delivery in the table is due.
func (o *Outbox) dueAt(id wire.ID, instant int64) {
	if l := o.lane(id); l != nil {
		l.dueAt(instant)
	}
}

func (o *Outbox) scheduleFor(t *webhook.Target) schedule {
	if own := t.Delays(); own != nil {
		return own
	}
	return o.schedule
}
