package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// lanes are the deliveries under way, one lane per webhook.
type lanes struct {
	mu      sync.Mutex
	ctx     context.Context // ends when no more deliveries may be claimed; nil before Start and after Stop
	cancel  context.CancelFunc
	sending context.Context // ends when those under way must end as well
	abort   context.CancelFunc
	byID    map[wire.ID]*lane
	running sync.WaitGroup
	batch   int64
}

// lane delivers to one webhook: it claims what is due, as much as may be under way at once, sends it and settles each result. A
// receiver that hangs fills its own lane and no other.
type lane struct {
	*Publisher
	webhook wire.ID
	wake    chan struct{}
}

// Start closes what a crash left open and begins to deliver. It does not block.
func (p *Publisher) Start(ctx context.Context) error {
	// A SQLite folder has one process, so whatever is open now was left by one that is gone. On PostgreSQL others may be at work: what
	// they left ends with its time.
	alone := p.DB.Engine() == db.SQLite
	err := p.DB.Update(ctx, func(tx *db.Tx) error {
		if alone {
			if err := freeClaims(tx); err != nil {
				return err
			}
		}
		return closeAbandoned(tx, alone)
	})
	if err != nil {
		return fmt.Errorf("publish: recover: %w", err)
	}
	p.lanes.mu.Lock()
	p.lanes.ctx, p.lanes.cancel = context.WithCancel(context.Background())
	p.lanes.sending, p.lanes.abort = context.WithCancel(context.Background())
	p.lanes.byID = map[wire.ID]*lane{}
	p.lanes.mu.Unlock()
	p.lanes.running.Go(func() { p.patrol(p.lanes.ctx) })
	return nil
}

// Stop ends claiming at once and waits for the votes and deliveries under way; what is not sent yet stays in the outbox. When ctx ends
// first, the deliveries still under way are cut off and tried again after the next start.
func (p *Publisher) Stop(ctx context.Context) {
	p.lanes.mu.Lock()
	started := p.lanes.ctx != nil
	if started {
		p.lanes.cancel()
		p.lanes.ctx = nil
	}
	p.lanes.mu.Unlock()
	if !started {
		return
	}
	cut := context.AfterFunc(ctx, p.lanes.abort)
	defer cut()
	p.running.Wait()
	p.lanes.running.Wait()
	p.lanes.abort()
}

// patrol is the safety net: it gives a lane to every webhook that has none, and closes votes that nobody closed.
func (p *Publisher) patrol(ctx context.Context) {
	tick := time.NewTicker(p.Poll)
	defer tick.Stop()
	for {
		if registry, err := p.Webhooks.Registry(ctx); err != nil {
			p.Logger.Error("the webhooks could not be read; deliveries wait", "error", err)
		} else {
			p.wake(registry.IDs())
		}
		if err := p.DB.Update(ctx, func(tx *db.Tx) error { return closeAbandoned(tx, false) }); err != nil && ctx.Err() == nil {
			p.Logger.Error("abandoned votes could not be closed", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// wake tells the lanes that there may be something due.
func (p *Publisher) wake(webhooks []wire.ID) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	if p.lanes.ctx == nil {
		return
	}
	for _, id := range webhooks {
		l := p.lanes.byID[id]
		if l == nil {
			l = &lane{Publisher: p, webhook: id, wake: make(chan struct{}, 1)}
			p.lanes.byID[id] = l
			ctx := p.lanes.ctx
			p.lanes.running.Go(func() { l.run(ctx) })
		}
		select {
		case l.wake <- struct{}{}:
		default: // it has been told and has not looked yet
		}
	}
}

// run is the life of a lane: claim, send, and sleep until something is due, somebody wakes it, or room comes free for what is left.
func (l *lane) run(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	free, returned := l.Concurrency, make(chan bool, l.Concurrency)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		claimed, wait := l.claim(ctx, free)
		free -= len(claimed)
		for _, d := range claimed {
			crashpoint.Here("claimed")
			sending.Go(func() { returned <- l.deliver(d) })
		}
		timer.Reset(wait)
		// With work left, claim again when half the lane is free: a claim per delivery would cost a transaction each.
		for look := wait == 0; !look || free < (l.Concurrency+1)/2; {
			select {
			case again := <-returned:
				free++
				look = look || again
			case <-l.wake:
				look = true
			case <-timer.C:
				look = true
			case <-ctx.Done():
				return
			}
		}
	}
}

// claim takes what is due, up to free deliveries. wait is how long nothing more is to be expected unless somebody wakes the lane; zero
// means that there is more than the lane had room for.
func (l *lane) claim(ctx context.Context, free int) (claimed []*delivery, wait time.Duration) {
	wait = l.Poll
	registry, err := l.Webhooks.Registry(ctx)
	if err != nil {
		return nil, wait
	}
	target := registry.Target(l.webhook)
	if target == nil || !target.Enabled() {
		return nil, wait
	}
	err = l.DB.Update(ctx, func(tx *db.Tx) error {
		l.lanes.mu.Lock()
		l.lanes.batch++
		batch := fmt.Sprintf("%s/%d", l.Node, l.lanes.batch)
		l.lanes.mu.Unlock()
		var err error
		if claimed, err = claim(tx, l.webhook, batch, free, (target.Patience() + l.Lease).Milliseconds()); err != nil {
			return err
		}
		if wait = 0; len(claimed) == free {
			return nil
		}
		due, any, err := nextDue(tx, l.webhook)
		if wait = l.Poll; any {
			wait = min(wait, max(time.Duration(due-tx.NowMillis())*time.Millisecond, time.Millisecond))
		}
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			l.Logger.Error("deliveries could not be claimed", "webhook", l.webhook, "error", err)
		}
		return nil, l.Poll
	}
	return claimed, wait
}

// deliver sends one delivery and stores what became of it. It tells whether the delivery is to be tried again.
func (l *lane) deliver(d *delivery) (again bool) {
	ctx := l.lanes.sending
	registry, err := l.Webhooks.Registry(ctx)
	if err != nil {
		return true // the lease runs out, then it is tried again
	}
	target := registry.Target(d.webhook)
	if target == nil {
		return false // deleted; so are its deliveries
	}
	kind := webhook.Delivery
	if d.attempts > 0 {
		kind = webhook.Retry
	}
	a := target.Send(ctx, d.body)
	if a.Outcome == egress.Cancelled {
		return true // we are stopping: the delivery stays as it is and is tried again after the next start
	}
	crashpoint.Here("sent")
	d.attempts++
	if err := l.settle(context.WithoutCancel(ctx), d, kind, a); err != nil {
		l.Logger.Error("the result of a delivery could not be stored; it is sent again", "event", d.event, "webhook", d.webhook, "error", err)
	}
	crashpoint.Here("settled")
	return !a.Outcome.Success()
}

// settle records an attempt and moves its delivery on: delivered, due again, or dead. The result of a claim that was lost is
// recorded, but decides nothing.
func (p *Publisher) settle(ctx context.Context, d *delivery, kind webhook.Kind, a *webhook.Attempt) error {
	return p.DB.Update(ctx, func(tx *db.Tx) error {
		if err := p.insertAttempt(tx, d.event, d.id, kind, a); err != nil {
			return err
		}
		f := p.schedule.next(d.attempts, a, tx.Now(), rand.Float64())
		ours, err := updateDelivery(tx, d, f)
		if err != nil || !ours {
			return err
		}
		crashpoint.Here("settling")
		if f.state == dead {
			return p.giveUp(tx, d, a)
		}
		return nil
	})
}

// recordLate records an answer that came after the decision. If the change was committed it settles the delivery that the commit wrote for
// it; if not, nothing is owed.
func (p *Publisher) recordLate(ctx context.Context, r *run, e *recorded, v *vote) {
	var err error
	if r.outcome == passed {
		err = p.settle(ctx, e.delivery(v, 1), webhook.Vote, v.attempt)
	} else {
		err = p.DB.Update(ctx, func(tx *db.Tx) error { return p.insertAttempt(tx, e.head.ID, "", webhook.Vote, v.attempt) })
	}
	if err != nil {
		p.Logger.Error("a late vote could not be recorded", "event", e.head.ID, "webhook", v.target.ID, "error", err)
	}
}

// owe writes the deliveries of committed events. A webhook that voted yes has had its event; one that voted no, or has not answered
// yet, is owed it like those that had no vote.
func (p *Publisher) owe(tx *db.Tx, events []*recorded) error {
	var owed []wire.ID
	for _, e := range events {
		for i, target := range e.targets {
			var err error
			switch v := e.vote(i); {
			case v == nil:
				owed = append(owed, target.ID)
				err = insertDelivery(tx, e.delivery(&vote{target: target, delivery: db.NewID()}, 0), pending, tx.NowMillis(), "")
			case !v.counted:
				lease := tx.NowMillis() + (target.Patience() + p.Lease).Milliseconds()
				err = insertDelivery(tx, e.delivery(v, 0), pending, lease, p.Node)
			default:
				owed = append(owed, target.ID)
				err = p.oweVoter(tx, e.delivery(v, 1), v.attempt)
			}
			if err != nil {
				return err
			}
		}
	}
	if len(owed) > 0 {
		tx.AfterCommit(func() { p.wake(owed) })
	}
	return nil
}

// oweVoter writes the delivery of a webhook whose vote was counted, with the attempt that the vote was.
func (p *Publisher) oweVoter(tx *db.Tx, d *delivery, a *webhook.Attempt) error {
	f := p.schedule.next(d.attempts, a, tx.Now(), rand.Float64())
	if err := insertDelivery(tx, d, f.state, f.dueMillis(), ""); err != nil {
		return err
	}
	if err := p.insertAttempt(tx, d.event, d.id, webhook.Vote, a); err != nil {
		return err
	}
	if f.state == dead {
		return p.giveUp(tx, d, a)
	}
	return nil
}

func (e *recorded) vote(i int) *vote {
	if e.votes == nil {
		return nil
	}
	return e.votes[i]
}

func (e *recorded) delivery(v *vote, attempts int) *delivery {
	return &delivery{id: v.delivery, event: e.head.ID, kind: string(e.head.Type), webhook: v.target.ID, attempts: attempts}
}

// giveUp tells people that a delivery is dead. An event about a log entry is reported without raising another one: a receiver of
// event-log.create that fails would feed itself.
func (p *Publisher) giveUp(tx *db.Tx, d *delivery, a *webhook.Attempt) error {
	message := fmt.Sprintf("Webhook %s (%s) did not accept the event %s (%s): given up after %d attempts. The last one: %s. "+
		"The event was not lost: it stays in the store and can be sent again once the receiver works.",
		a.URL, d.webhook, d.kind, d.event, d.attempts, a.Summary())
	if t := event.Type(d.kind); t == event.EventLogCreate || t == event.AuditLogCreate {
		return p.Journal.ErrorQuietly(tx, message)
	}
	return p.Journal.Error(tx, message)
}

// WebhookChanged lets the lane of a webhook look again: it may have been switched on, or its receiver may have moved.
func (p *Publisher) WebhookChanged(tx *db.Tx, id wire.ID) error {
	tx.AfterCommit(func() { p.wake([]wire.ID{id}) })
	return nil
}

// WebhookDeleting ends what is still owed to a webhook that is about to be deleted.
func (p *Publisher) WebhookDeleting(tx *db.Tx, id wire.ID) error { return cancelDeliveries(tx, id) }
