package webhooklog

import (
	"context"
	"time"

	"github.com/herald-events/herald/internal/db"
)

// Retention says what Trim leaves. The zero value leaves everything.
type Retention struct {
	// Days removes events that happened so many days ago, with all that is known about them. Zero means never.
	Days int
	// Off keeps events no longer than they are needed: until their deliveries have ended, and a minute, so that one that is published twice is
	// recognized. Attempts are kept for that minute only.
	Off bool
}

const (
	// examined is how many events one look takes in. Looking holds up nobody; it is bounded because a long one keeps SQLite's write-ahead log from
	// shrinking.
	examined = 10_000
	// mostEvents is how many events one transaction removes, and mostRows how many rows, attempts and deliveries included: few enough that nobody
	// notices on a store with one writer. An event may have thousands of attempts, which then take several.
	mostEvents = 500
	mostRows   = 2_000
	// breather is the pause after each transaction. It is for others: removing as fast as possible would take half of the writer's time.
	breather = 10 * time.Millisecond
	// stillWarm is how long events and attempts stay when the log is off.
	stillWarm = time.Minute
)

// Trim removes what is older than wanted, the oldest events first. Events that are being voted on or are still owed to a webhook stay. It works in small
// transactions with pauses in between, and ends between two of them when ctx does, with its error.
func (l *Log) Trim(ctx context.Context, keep Retention) error {
	limit, some := keep.limit(l.db.Now())
	if !some {
		return nil
	}
	if keep.Off {
		if err := l.trimAttempts(ctx, limit.before); err != nil {
			return err
		}
	}
	if err := l.trimEvents(ctx, limit); err != nil {
		return err
	}
	return l.db.Update(ctx, func(tx *db.Tx) error { return deleteAudiences(tx, limit.before, mostRows) })
}

// limit is how old an event must be to be removed now; not some when all stay.
func (keep Retention) limit(now time.Time) (limit ageLimit, some bool) {
	switch {
	case keep.Off:
		return ageLimit{now.Add(-stillWarm).UnixMilli(), true}, true
	case keep.Days > 0:
		return ageLimit{now.AddDate(0, 0, -keep.Days).UnixMilli(), false}, true
	default:
		return ageLimit{}, false
	}
}

// Trimmable is how much of the log Trim would remove.
type Trimmable struct{ Events, Attempts, Deliveries int64 }

// Trimmable counts what Trim would remove.
func (l *Log) Trimmable(ctx context.Context, keep Retention) (n Trimmable, err error) {
	limit, some := keep.limit(l.db.Now())
	if !some {
		return n, nil
	}
	err = l.db.View(ctx, func(tx *db.Tx) (err error) {
		n, err = countTrimmable(tx, limit)
		return err
	})
	return n, err
}

// ageLimit is how old an event must be to be removed.
type ageLimit struct {
	before int64
	quiet  bool // nothing may have happened to it, or to its deliveries, since then either
}

// trimEvents alternates between looking and removing.
func (l *Log) trimEvents(ctx context.Context, limit ageLimit) error {
	from, more := place{}, true
	for more {
		var found []span
		err := l.db.View(ctx, func(tx *db.Tx) (err error) {
			found, from, more, err = removable(tx, from, limit)
			return err
		})
		if err != nil {
			return err
		}
		for len(found) > 0 {
			var rest []span
			err := l.step(ctx, func(tx *db.Tx) (err error) {
				rest, err = removeSome(tx, found, limit)
				return err
			})
			if err != nil {
				return err
			}
			found = rest
		}
	}
	return nil
}

// removeSome removes those of the events that are still removable, or as many of them as one transaction may, and returns where others are left. Everything
// that belongs to an event goes before it, so that nothing is left without one.
func removeSome(tx *db.Tx, found []span, limit ageLimit) (rest []span, err error) {
	found, err = lockRemovable(tx, found, limit)
	if err != nil {
		return nil, err
	}
	left := int64(mostRows)
	for i, events := range found {
		for _, remove := range []func(*db.Tx, span, int64) (int64, error){deleteAttempts, deleteDeliveries, deleteEvents} {
			n, err := remove(tx, events, left)
			if err != nil {
				return nil, err
			}
			if left -= n; left == 0 {
				return found[i:], nil
			}
		}
	}
	return nil, nil
}

// trimAttempts removes attempts that ended before the instant, whatever has become of their events.
func (l *Log) trimAttempts(ctx context.Context, before int64) error {
	for from := ""; ; {
		var found []string
		err := l.db.View(ctx, func(tx *db.Tx) (err error) {
			found, err = attemptsBefore(tx, from, before, mostRows)
			return err
		})
		if err != nil || len(found) == 0 {
			return err
		}
		from = found[len(found)-1]
		if err := l.step(ctx, func(tx *db.Tx) error { return deleteEach(tx, found) }); err != nil {
			return err
		}
	}
}

// step runs a transaction, then makes way for others.
func (l *Log) step(ctx context.Context, do func(*db.Tx) error) error {
	if err := l.db.Update(ctx, do); err != nil {
		return err
	}
	pause := time.NewTimer(breather)
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
