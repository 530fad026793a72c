package webhooklog

import (
	"context"
	"slices"
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
	now := l.db.Now()
	limit := ageLimit{quiet: keep.Off}
	switch {
	case keep.Off:
		limit.before = now.Add(-stillWarm).UnixMilli()
		if err := l.trimAttempts(ctx, limit.before); err != nil {
			return err
		}
	case keep.Days > 0:
		limit.before = now.AddDate(0, 0, -keep.Days).UnixMilli()
	default:
		return nil
	}
	if err := l.trimEvents(ctx, limit); err != nil {
		return err
	}
	return l.db.Update(ctx, func(tx *db.Tx) error { return deleteAudiences(tx, limit.before-dayMillis, mostRows) })
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
		var found []int64
		err := l.db.View(ctx, func(tx *db.Tx) (err error) {
			found, from, more, err = removable(tx, from, limit)
			return err
		})
		if err != nil {
			return err
		}
		for len(found) > 0 {
			rest := found
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

// removeSome removes the events that are still removable, or as many of them as one transaction may, and returns those that are left to do. Everything
// that belongs to an event goes before it, so that nothing is left without one.
func removeSome(tx *db.Tx, found []int64, limit ageLimit) (rest []int64, err error) {
	found, err = lockRemovable(tx, found, limit)
	if err != nil {
		return nil, err
	}
	slices.Sort(found)
	left := int64(mostRows)
	for len(found) > 0 {
		run := firstRun(found)
		for _, remove := range []func(*db.Tx, span, int64) (int64, error){deleteAttempts, deleteDeliveries} {
			n, err := remove(tx, run, left)
			if err != nil {
				return nil, err
			}
			if left -= n; left == 0 {
				return found, nil
			}
		}
		run.last = min(run.last, run.first+left-1)
		n, err := deleteEvents(tx, run)
		if err != nil {
			return nil, err
		}
		found = found[run.last-run.first+1:]
		if left -= n; left == 0 {
			return found, nil
		}
	}
	return nil, nil
}

// span is events with consecutive sequences, from the first to the last.
type span struct{ first, last int64 }

// firstRun is the longest run of consecutive sequences that the sorted list begins with: few statements are about many events.
func firstRun(sorted []int64) span {
	run := span{sorted[0], sorted[0]}
	for _, s := range sorted[1:] {
		if s != run.last+1 {
			break
		}
		run.last = s
	}
	return run
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
