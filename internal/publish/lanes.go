package publish

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// lanes are the webhooks' lanes, made when something is due for one for the first time.
type lanes struct {
	mu     sync.Mutex
	ctx    context.Context // ends when no more deliveries may be claimed; nil before Start and after Stop
	cancel context.CancelFunc
	byID   map[wire.ID]*lane
	active sync.WaitGroup
}

// Start closes what a crash left open and begins to deliver. It does not block.
func (p *Publisher) Start(ctx context.Context) error {
	// A SQLite folder has one process, so whatever is open now was left by one that is gone. On PostgreSQL others may be at work: what
	// they left ends with its time.
	alone := p.DB.Engine() == db.SQLite
	err := p.update(ctx, func(tx *db.Tx) error {
		if alone {
			if err := freeClaims(tx); err != nil {
				return err
			}
		}
		if err := cancelOrphans(tx); err != nil {
			return err
		}
		return closeAbandoned(tx, alone)
	})
	if err != nil {
		return fmt.Errorf("publish: recover: %w", err)
	}
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	working, cancel := context.WithCancel(context.Background())
	p.lanes.ctx, p.lanes.cancel, p.lanes.byID = working, cancel, map[wire.ID]*lane{}
	p.lanes.active.Go(func() { p.patrol(working) })
	return nil
}

// Stop ends claiming at once, admits no more operations, and waits for the votes and deliveries under way; what is not sent yet stays in
// the outbox. When ctx ends first, the requests still under way are cut off: votes then count as no, deliveries are tried again
// after the next start.
func (p *Publisher) Stop(ctx context.Context) {
	p.gate.Lock()
	p.stopped = true
	p.gate.Unlock()

	p.lanes.mu.Lock()
	if p.lanes.ctx != nil {
		p.lanes.cancel()
		p.lanes.ctx = nil
	}
	p.lanes.mu.Unlock()

	cut := context.AfterFunc(ctx, p.abort)
	defer cut()
	p.underWay.Wait()
	p.lanes.active.Wait()
	p.abort()
}

// patrol is the safety net: it finds what is due although nobody woke its lane (another process wrote it, a lease ran out), and closes votes
// that nobody closed.
func (p *Publisher) patrol(ctx context.Context) {
	tick := time.NewTicker(p.Poll)
	defer tick.Stop()
	for first := true; ; first = false {
		var due []wire.ID
		err := p.DB.View(ctx, func(tx *db.Tx) (err error) {
			until := tx.NowMillis()
			if first { // what is due later needs its lane too, which then sleeps until it is
				until = math.MaxInt64
			}
			due, err = dueWebhooks(tx, until)
			return err
		})
		p.wake(due)
		if err == nil {
			err = p.DB.Update(ctx, func(tx *db.Tx) error { return closeAbandoned(tx, false) })
		}
		if err != nil && ctx.Err() == nil {
			p.Logger.Error("the store could not be looked through for what is due", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// wake tells the lanes of the webhooks that there may be something due.
func (p *Publisher) wake(webhooks []wire.ID) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	if p.lanes.ctx == nil {
		return
	}
	for _, id := range webhooks {
		l := p.lanes.byID[id]
		if l == nil {
			l = &lane{p: p, webhook: id, woken: make(chan struct{}, 1)}
			p.lanes.byID[id] = l
			ctx := p.lanes.ctx
			p.lanes.active.Go(func() { l.run(ctx) })
		}
		select {
		case l.woken <- struct{}{}:
		default: // it has been told and has not looked yet
		}
	}
}

// forget lets a lane whose webhook is gone end, unless somebody has written another delivery since it looked.
func (p *Publisher) forget(l *lane) bool {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	select {
	case <-l.woken:
		return false
	default:
		delete(p.lanes.byID, l.webhook)
		return true
	}
}

// WebhookChanged lets the lane of a webhook look again: it may have been switched on, or its receiver may have moved.
func (p *Publisher) WebhookChanged(tx *db.Tx, id wire.ID) error {
	tx.AfterCommit(func() { p.wake([]wire.ID{id}) })
	return nil
}

// WebhookDeleting ends what is still owed to a webhook that is about to be deleted.
func (p *Publisher) WebhookDeleting(tx *db.Tx, id wire.ID) error { return cancelDeliveries(tx, id) }
