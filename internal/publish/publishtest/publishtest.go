// Package publishtest has a publisher for the tests of what publishes: one with no webhooks, that remembers.
package publishtest

import (
	"context"
	"sync"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// Doer carries operations out as if nobody wanted to be asked. It is safe for concurrent use.
type Doer struct {
	db *db.DB

	mu   sync.Mutex
	seen []event.Payload
}

var _ publish.Doer = (*Doer)(nil)

// New returns a Doer on d.
func New(d *db.DB) *Doer { return &Doer{db: d} }

// Do prepares and commits in one transaction.
func (p *Doer) Do(ctx context.Context, op publish.Operation) error {
	var plan *publish.Plan
	err := p.db.Update(ctx, func(tx *db.Tx) error {
		plan = &publish.Plan{}
		if err := op.Prepare(tx, plan); err != nil {
			return err
		}
		if op.Commit == nil {
			return nil
		}
		return op.Commit(tx)
	})
	if err == nil {
		p.keep(plan.Events())
	}
	return err
}

// Announce keeps the events once tx commits.
func (p *Doer) Announce(tx *db.Tx, _ wire.ID, _ *wire.EventInfo, events ...event.Payload) error {
	tx.AfterCommit(func() { p.keep(events) })
	return nil
}

func (p *Doer) keep(events []event.Payload) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, events...)
}

// Events returns, and forgets, what was published since the last call, in order.
func (p *Doer) Events(t *testing.T) []event.Payload {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	p.seen = nil
	return seen
}
