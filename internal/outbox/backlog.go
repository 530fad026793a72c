package outbox

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/metrics"
)

// Backlog is what is owed to webhooks and who is at work on it, for the metrics. It goes once through the index of what is open, which takes SQLite a third
// of a second for a million deliveries.
func (o *Outbox) Backlog(ctx context.Context) (b metrics.Backlog, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) (err error) {
		b, err = countOpen(tx)
		return err
	})
	if err != nil {
		return b, err
	}
	for _, f := range *o.flows.known.Load() {
		if f.Open {
			b.OpenBreakers++
		}
		if f.Paused {
			b.PausedWebhooks++
		}
	}
	for _, l := range o.all() {
		queued, underWay := l.load()
		b.Lanes, b.Queued, b.UnderWay = b.Lanes+1, b.Queued+queued, b.UnderWay+underWay
	}
	return b, nil
}

// load is how many deliveries wait in the lane's queue, and how many workers are at one.
func (l *lane) load() (queued, underWay int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range []*lineup{&l.first, &l.again} {
		for _, line := range q.lines {
			queued += len(line)
		}
	}
	return queued, l.workers
}
