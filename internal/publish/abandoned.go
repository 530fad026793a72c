package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-events/herald/internal/db"
)

// closeEvery is how often operations are looked for that a process has left open. Until then they only wait; nobody is misled by them.
const closeEvery = 5 * time.Second

// Start closes what a crash left open, and goes on doing so until Stop.
func (p *Publisher) Start(ctx context.Context) error {
	// A SQLite folder has one process, so whatever is open now was left by one that is gone. On PostgreSQL others may be at work: what
	// they left ends with its time.
	alone := p.DB.Engine() == db.SQLite
	if err := p.closeAbandoned(ctx, alone); err != nil {
		return fmt.Errorf("publish: recover: %w", err)
	}
	p.doors.open()
	p.watching.Go(func() {
		tick := time.NewTicker(closeEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-p.stopping:
				return
			}
			if err := p.closeAbandoned(p.sending, false); err != nil && p.sending.Err() == nil {
				p.Logger.Error("the store could not be looked through for votes that were left open", "error", err)
			}
		}
	})
	return nil
}

func (p *Publisher) closeAbandoned(ctx context.Context, all bool) error {
	return p.DB.Update(ctx, func(tx *db.Tx) error {
		if err := p.Log.CloseAbandoned(tx, all); err != nil {
			return err
		}
		return clearReservations(tx, all)
	})
}

// Stop admits no more operations and waits for the votes under way. When ctx ends first, they are cut off, and count as no.
func (p *Publisher) Stop(ctx context.Context) {
	p.gate.Lock()
	first := !p.stopped
	if first {
		close(p.stopping)
	}
	p.stopped = true
	p.gate.Unlock()
	cut := context.AfterFunc(ctx, p.abort)
	defer cut()
	p.underWay.Wait()
	p.watching.Wait()
	if first {
		p.doors.close()
	}
	p.abort()
}
