package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// clockEvery is how often the difference to PostgreSQL's clock is measured: a machine whose clock is set wrong, or jumps, is out of step no
	// longer than that.
	clockEvery = 10 * time.Second
	// clockSamples is how many looks one measurement takes; the one with the shortest way there and back counts.
	clockSamples = 3
)

// clockFollower keeps [DB.Now] on the time of PostgreSQL's server. Leases, deadlines and due times are written by one process and read by
// others, so they must not depend on how well the machines' clocks agree.
type clockFollower struct {
	cancel  context.CancelFunc
	stopped chan struct{}
}

// followClock measures once, and goes on until stop.
func followClock(ctx context.Context, d *DB, pool *pgxpool.Pool) (*clockFollower, error) {
	if err := measureClock(ctx, d, pool); err != nil {
		return nil, err
	}
	f := &clockFollower{stopped: make(chan struct{})}
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(f.stopped)
		tick := time.NewTicker(clockEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = measureClock(ctx, d, pool) // without an answer the last difference stays
			}
		}
	}()
	return f, nil
}

func (f *clockFollower) stop() {
	f.cancel()
	<-f.stopped
}

func measureClock(ctx context.Context, d *DB, pool *pgxpool.Pool) error {
	// A connection of our own, so that waiting for one is not taken for the way to the server.
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var shortest, ahead time.Duration
	for i := range clockSamples {
		begin := time.Now()
		var theirs time.Time
		if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
			return err
		}
		// Since uses the monotonic clock, and the difference the wall clock at the middle of the way: a jump between the two looks costs a
		// wrong sample at most, and the next measurement puts it right.
		took := time.Since(begin)
		if i == 0 || took < shortest {
			shortest, ahead = took, theirs.Sub(begin.Round(0).Add(took/2))
		}
	}
	d.ahead.Store(int64(ahead))
	return nil
}
