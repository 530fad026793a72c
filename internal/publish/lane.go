package publish

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// lane delivers to one webhook: it claims what is due, as much as may be under way at once, sends it and settles each result. A
// receiver that hangs fills its own lane and no other.
type lane struct {
	p       *Publisher
	webhook wire.ID
	woken   chan struct{}
	batches int64 // claimed so far; numbers them
}

// run is the life of a lane: claim, send, and sleep until something is due, somebody wakes it, or room comes free for what is left. It
// ends when its webhook is gone.
func (l *lane) run(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	most := l.p.Concurrency
	free, returned := most, make(chan bool, most)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		found := l.claim(ctx, free)
		if found.gone {
			if l.p.forget(l) {
				return
			}
			continue
		}
		free -= len(found.due)
		for _, row := range rows(found.due) {
			sending.Go(func() {
				for _, d := range row {
					returned <- l.deliver(ctx, d)
				}
			})
		}
		timer.Reset(found.wait)
		enough := 1 // places that must be free before the lane looks again
		if found.more {
			enough = max(1, most/4) // a claim per delivery would cost a transaction each
		}
		for look := found.more; !look || free < enough; {
			select {
			case again := <-returned:
				free++
				look = look || again
			case <-l.woken:
				look = true
			case <-timer.C:
				look = true
			case <-ctx.Done():
				return
			}
		}
	}
}

// longestRow is how many deliveries are sent one after the other at most; a lease lasts for that many.
const longestRow = 4

// rows are the deliveries that leave one after the other: the events of one operation about one object, so that, as far as one claim
// brings them and up to longestRow, none overtakes the one before it (`user.create.complete` its `user.create`). That is best effort: a
// failure does not hold up the next, and a retry, a late vote or another process can still change the order.
func rows(claimed []*delivery) [][]*delivery {
	type key struct{ operation, object string }
	open := map[key]int{} // the row that is not full yet
	var all [][]*delivery
	for _, d := range claimed {
		k := key{d.operation, d.object}
		if i, ok := open[k]; ok && len(all[i]) < longestRow {
			all[i] = append(all[i], d)
			continue
		}
		open[k] = len(all)
		all = append(all, []*delivery{d})
	}
	return all
}

// found is what a lane's look at the store has brought.
type found struct {
	due  []*delivery
	more bool          // there may be more due than there was room for
	wait time.Duration // until something may be due, if nobody wakes the lane before
	gone bool          // the webhook does not exist any more
}

// longestWait is how long a lane sleeps at most. The patrol and those who write deliveries wake it; this only bounds a mistake.
const longestWait = time.Minute

// shortestWait is how long it sleeps at least: a row that another process holds looks due all the time.
const shortestWait = 50 * time.Millisecond

// claim takes what is due, up to room deliveries.
func (l *lane) claim(ctx context.Context, room int) found {
	var f found
	err := l.p.DB.Update(ctx, func(tx *db.Tx) error {
		f = found{wait: longestWait}
		registry, err := l.p.Webhooks.RegistryIn(tx)
		if err != nil {
			return err
		}
		target := registry.Target(l.webhook)
		if target == nil {
			// An operation that began before the deletion may have written a delivery after it.
			f.gone = true
			return cancelDeliveries(tx, l.webhook)
		}
		if !target.Enabled() {
			return nil
		}
		l.batches++
		lease := longestRow*target.Patience() + l.p.Lease
		f.due, err = claimDue(tx, l.webhook, fmt.Sprintf("%s/%d", l.p.Node, l.batches), room, lease.Milliseconds())
		if f.more = len(f.due) == room; f.more || err != nil {
			return err
		}
		next, waiting, err := nextDue(tx, l.webhook)
		if waiting {
			f.wait = min(longestWait, max(time.Duration(next-tx.NowMillis())*time.Millisecond, shortestWait))
		}
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			l.p.Logger.Error("deliveries could not be claimed", "webhook", l.webhook, "error", err)
		}
		return found{wait: l.p.Poll}
	}
	if len(f.due) > 0 {
		crashpoint.Here("claimed")
	}
	return f
}

// deliver sends one delivery and stores what became of it, unless ctx, the lane's, has ended meanwhile. It tells whether the delivery
// is to be tried again.
func (l *lane) deliver(ctx context.Context, d *delivery) (again bool) {
	if ctx.Err() != nil {
		l.p.giveBack(d)
		return true
	}
	registry, err := l.p.Webhooks.Registry(l.p.sending)
	if err != nil {
		l.p.giveBack(d)
		return true
	}
	target := registry.Target(d.webhook)
	if target == nil {
		return true // deleted a moment ago: the next look ends the lane, and what is owed
	}
	kind := webhook.Delivery
	if d.attempts > 0 {
		kind = webhook.Retry
	}
	a := target.Send(l.p.sending, d.body)
	if a.Outcome == egress.Cancelled { // we are stopping, and have no more patience
		l.p.giveBack(d)
		return true
	}
	crashpoint.Here("sent")
	d.attempts++
	if err := l.p.settle(d, kind, a); err != nil {
		l.p.Logger.Error("the result of a delivery could not be stored; it is sent again", "event", d.event, "webhook", d.webhook, "error", err)
	}
	crashpoint.Here("settled")
	return !a.Outcome.Success()
}
