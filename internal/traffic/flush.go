package traffic

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

const (
	// mostKept is how many sums wait in memory while the store takes none. A webhook has one for each minute in which something was sent; each takes about 2 KB.
	mostKept = 4096
	// mostAtOnce is how many of them are written in one transaction, so that nobody else waits long for the store. Usually that is all.
	mostAtOnce = 128
	// patience bounds one transaction.
	patience = 10 * time.Second
	// lastGrace is how long the last flush may take when whoever stops us has no more patience.
	lastGrace = 2 * time.Second
)

// The spans that are kept, in seconds, and for how long.
const (
	minuteSpan = 60
	hourSpan   = 3600

	KeepMinutes = 25 * time.Hour
	KeepHours   = 90 * 24 * time.Hour
)

// Start begins to write the sums, at once and then every few seconds. It is called once.
func (t *Traffic) Start() {
	t.turn <- struct{}{}
	t.serves = true
	t.end()
	t.stopped.Go(func() {
		tick := time.NewTicker(t.o.Every)
		defer tick.Stop()
		for {
			t.try(context.Background())
			select {
			case <-tick.C:
			case <-t.stop:
				return
			}
		}
	})
}

// Stop writes what is left. It is called once, after the last that counts; when ctx ends it gives the store a moment more and no longer. Start need not have been called.
func (t *Traffic) Stop(ctx context.Context) {
	close(t.stop)
	t.stopped.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastGrace, cancel) })()
	t.try(last)
}

// try flushes, and reports the first failure of several.
func (t *Traffic) try(ctx context.Context) {
	err := t.Flush(ctx)
	if err != nil && !t.failed {
		t.o.Logger.Warn("the statistics of what was sent could not be stored; they are kept for the next time", "error", err)
	}
	t.failed = err != nil
}

// Flush adds what was counted to the sums in the store. What it cannot write is kept for the next time.
func (t *Traffic) Flush(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	defer t.end()
	t.collect()
	for some := range slices.Chunk(t.inOrder(), mostAtOnce) {
		if err := t.write(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// begin waits for the turn, which end gives on.
func (t *Traffic) begin(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Traffic) end() { <-t.turn }

// collect moves what was counted to what is kept. Whoever calls has the turn.
func (t *Traffic) collect() {
	minute := t.minute()
	t.mu.Lock()
	if t.serves && t.marked != minute { // once: a Herald that has nothing to do should not write all the time
		t.marked = minute
		t.sums(place{minute: minute}).counts[alive]++
	}
	taken := t.open
	if len(t.kept) == 0 {
		t.open, t.kept, taken = t.kept, taken, nil // the usual case: maps keep their size, and nobody makes one while counting
	} else {
		t.open = make(map[place]*sums, len(taken))
	}
	t.mu.Unlock()

	for at, s := range taken {
		if before := t.kept[at]; before != nil {
			before.add(s)
		} else {
			t.kept[at] = s
		}
	}
	if tooMany := len(t.kept) - mostKept; tooMany > 0 {
		for _, at := range t.inOrder()[:tooMany] {
			delete(t.kept, at)
		}
		t.o.Logger.Warn("the store has taken no statistics for so long that the oldest are dropped", "dropped", tooMany)
	}
}

// inOrder are the places of what is kept, the oldest first.
func (t *Traffic) inOrder() []place {
	return slices.SortedFunc(maps.Keys(t.kept), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(a.webhook, b.webhook))
	})
}

// row is one in the store.
type row struct {
	webhook wire.ID
	span    int64
	instant int64
	result  Result
}

// write stores what is kept of these places, and keeps it no longer.
func (t *Traffic) write(ctx context.Context, places []place) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	added := map[row]*counted{}
	for _, at := range places {
		s := t.kept[at]
		for r, n := range s.counts {
			if n == 0 {
				continue
			}
			durations := s.of(Result(r))
			for _, span := range []int64{minuteSpan, hourSpan} {
				instant := at.minute * 60 / span * span * 1000
				add(added, row{at.webhook, span, instant, Result(r)}, n, durations)
				if at.webhook != "" {
					add(added, row{"", span, instant, Result(r)}, n, durations)
				}
			}
		}
	}
	// In one order, so that processes which write the same rows do not wait for each other in a circle.
	rows := slices.SortedFunc(maps.Keys(added), func(a, b row) int {
		return cmp.Or(cmp.Compare(a.webhook, b.webhook), cmp.Compare(a.span, b.span), cmp.Compare(a.instant, b.instant), cmp.Compare(a.result, b.result))
	})
	if err := t.o.DB.Update(ctx, func(tx *db.Tx) error { return addRows(tx, rows, added) }); err != nil {
		return err
	}
	done := make([]*sums, 0, len(places))
	for _, at := range places {
		s := t.kept[at]
		delete(t.kept, at)
		*s = sums{}
		done = append(done, s)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spare)+len(done) <= mostKept {
		t.spare = append(t.spare, done...)
	}
	return nil
}

// counted is what a row counts.
type counted struct {
	count     int64
	durations histogram
}

func add(all map[row]*counted, to row, n int64, durations *histogram) {
	c := all[to]
	if c == nil {
		c = &counted{}
		all[to] = c
	}
	c.count += n
	if durations != nil {
		c.durations.add(durations)
	}
}

// Trim removes minutes and hours that are older than they are kept.
func (t *Traffic) Trim(ctx context.Context) error {
	now := t.o.DB.Now()
	return errors.Join(
		t.trim(ctx, minuteSpan, now.Add(-KeepMinutes)),
		t.trim(ctx, hourSpan, now.Add(-KeepHours)))
}

// trim goes in small steps: after a long stop there may be much to remove, and somebody else wants to write.
func (t *Traffic) trim(ctx context.Context, span int64, before time.Time) error {
	const step = 10
	for {
		found := false
		err := t.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
			var oldest int64
			oldest, found, err = oldestInstant(tx, span, before.UnixMilli())
			if err != nil || !found {
				return err
			}
			return deleteUntil(tx, span, min(before.UnixMilli(), oldest+step*span*1000))
		})
		if err != nil || !found {
			return err
		}
	}
}
