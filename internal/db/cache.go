package db

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Cache keeps one value made from tables (all webhooks, all keys) in memory. Whoever changes these tables calls [Tx.Bump]
// with the cache's topic in the same transaction; the value is then made anew when it is needed. A Cache is safe for
// concurrent use; its values are shared, so nobody may change them.
type Cache[T any] struct {
	d     *DB
	topic string
	load  func(*Tx) (T, error)

	entry   atomic.Pointer[entry[T]]
	loading sync.Mutex
}

// entry is a cached value and the moment it belongs to.
type entry[T any] struct {
	value   T
	seen    int64     // bumps of this process it certainly contains
	number  int64     // PostgreSQL: the revision it was read at
	checked time.Time // PostgreSQL: when that was last known to be current
}

// NewCache returns an empty cache of what load makes in a transaction. load is called by the first who needs the value.
func NewCache[T any](d *DB, topic string, load func(*Tx) (T, error)) *Cache[T] {
	return &Cache[T]{d: d, topic: topic, load: load}
}

// Load returns the value. It contains every change whose Update has returned in this process; a change by another process
// (PostgreSQL) may be missing for a second. Inside a transaction use [Cache.LoadIn].
func (c *Cache[T]) Load(ctx context.Context) (T, error) {
	if e := c.entry.Load(); e != nil && c.current(e) {
		return e.value, nil
	}
	// One at a time: the others find what the first has loaded.
	c.loading.Lock()
	defer c.loading.Unlock()
	if e := c.entry.Load(); e != nil && c.current(e) {
		return e.value, nil
	}
	var value T
	err := c.d.View(ctx, func(tx *Tx) (err error) {
		value, err = c.LoadIn(tx)
		return err
	})
	return value, err
}

// current reports whether Load may return e without a look at the database.
func (c *Cache[T]) current(e *entry[T]) bool {
	if c.d.bumps.last(c.topic) > e.seen {
		return false
	}
	// The wall clock and not the store's: staleness is about real time, which tests of schedules stop.
	return c.d.engine == SQLite || time.Since(e.checked) < c.d.tuning.staleness
}

// LoadIn returns the value as the transaction sees the tables, including its own changes once it has bumped the topic. What
// such a transaction sees is not kept, nor what an Update sees that is rolled back. On PostgreSQL it costs one query.
func (c *Cache[T]) LoadIn(tx *Tx) (T, error) {
	if slices.Contains(tx.bumped, c.topic) || (tx.batch != nil && tx.batch.bumped[c.topic]) {
		return c.load(tx)
	}
	now := time.Now()
	number, err := tx.revision(c.topic)
	if err != nil {
		var none T
		return none, err
	}

	if e := c.entry.Load(); e != nil {
		switch {
		case tx.d.engine == PostgreSQL && e.number == number:
			c.entry.CompareAndSwap(e, &entry[T]{value: e.value, seen: max(e.seen, tx.seen.number), number: number, checked: now})
			return e.value, nil
		case tx.d.engine == SQLite && tx.seen.stable && tx.d.bumps.last(c.topic) <= min(e.seen, tx.seen.number):
			return e.value, nil
		}
	}

	value, err := c.load(tx)
	if err != nil || !tx.seen.stable {
		return value, err
	}
	if tx.write && tx.d.engine == PostgreSQL {
		// Each statement of an Update sees what was committed before it: the value may be newer than the revision that was read first.
		if again, err := tx.revision(c.topic); err != nil || again != number {
			return value, err
		}
	}
	e := &entry[T]{value: value, seen: tx.seen.number, number: number, checked: now}
	if tx.write {
		tx.AfterCommit(func() { c.keep(e) }) // should it bump the topic until then, e is outdated already
	} else {
		c.keep(e)
	}
	return value, nil
}

// keep stores e unless the cache has something newer.
func (c *Cache[T]) keep(e *entry[T]) {
	for {
		old := c.entry.Load()
		if old != nil && (old.seen > e.seen || old.number > e.number) {
			return
		}
		if c.entry.CompareAndSwap(old, e) {
			return
		}
	}
}

// bumps counts the commits of this process that bumped a topic. Commits of SQLite's writer also mark their beginning, so
// that a reader can tell which side of a commit its snapshot is on.
type bumps struct {
	mu      sync.RWMutex
	number  int64            // of the last commit with bumps
	topics  map[string]int64 // topic → number of the last commit that bumped it
	running int              // commits with bumps under way
}

// snapshot is a moment in the count of bumps.
type snapshot struct {
	number int64
	stable bool // no commit with bumps was under way
}

func (b *bumps) now() snapshot {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return snapshot{number: b.number, stable: b.running == 0}
}

func (b *bumps) last(topic string) int64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.topics[topic]
}

// commit marks the begin of a commit that bumps topics; the function it returns marks the end. A commit that failed counts
// as well, which costs a reload.
func (b *bumps) commit(topics map[string]bool) (end func()) {
	if len(topics) == 0 {
		return func() {}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.running--
		b.number++
		if b.topics == nil {
			b.topics = map[string]int64{}
		}
		for topic := range topics {
			b.topics[topic] = b.number
		}
	}
}
