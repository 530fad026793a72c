package db

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options say which store to open. One of Dir and URL is needed.
type Options struct {
	// Dir is the folder of the SQLite database, made when it is missing. The file in it is herald.db.
	Dir string

	// URL is the address of a PostgreSQL database, postgres://user:password@host:port/database, with the parameters of
	// pgxpool (pool_max_conns defaults to 32 here). When it is empty, SQLite is used.
	URL string

	// Clock gives the instant of each transaction. Defaults to the clock of this machine, on PostgreSQL to that of its server, so that
	// several processes on one database agree about the time.
	Clock func() time.Time

	// Logger hears of migrations and of what cannot be returned to anybody, such as a failed checkpoint. Defaults to
	// silence.
	Logger *slog.Logger

	// Unsynced leaves SQLite's commits to the operating system: a crash of the process loses nothing, but one of the machine may lose the store. For stores that are
	// thrown away, in tests; commits then cost a hundredth. It has no effect on PostgreSQL.
	Unsynced bool

	tuning tuning // for tests in this package
}

// tuning are the numbers tests make smaller to see what otherwise takes a gigabyte or a second.
type tuning struct {
	checkpointPages int64         // pages written between two checkpoints
	staleness       time.Duration // how long Cache.Load relies on the last look at PostgreSQL
	batchTime       time.Duration // after this SQLite's writer commits, although more callers wait
}

// StartupError is why a store cannot be opened, as one plain sentence for the person who starts Herald. It carries the
// technical reason, which is already part of the sentence where it helps.
type StartupError struct {
	Sentence string
	Err      error
}

func (e *StartupError) Error() string { return e.Sentence }
func (e *StartupError) Unwrap() error { return e.Err }

// ErrClosed is returned by operations on a DB after [DB.Close].
var ErrClosed = errors.New("db: the store is closed")

// DB is an open store. It is safe for concurrent use.
type DB struct {
	engine Engine
	clock  func() time.Time
	logger *slog.Logger
	tuning tuning

	unsynced bool         // see Options
	created  bool         // there were no tables before
	ownClock bool         // nobody gave us a clock: PostgreSQL's counts
	ahead    atomic.Int64 // nanoseconds that PostgreSQL's clock is ahead of ours

	store store
	bumps bumps
	stats counters

	closing sync.RWMutex // held for reading while an operation uses the store
	closed  bool
}

// Created tells whether Open has found no tables and made them.
func (d *DB) Created() bool { return d.created }

// store is what differs between the engines as a whole; what differs in a statement is in dialect.go.
type store interface {
	update(ctx context.Context, fn func(*Tx) error) (after []func(), err error)
	view(ctx context.Context, fn func(*Tx) error) error
	ping(ctx context.Context) error
	close() error
}

// Open opens the store, takes the folder's lock (SQLite) and brings the tables up to date. What stops it and can be
// helped by the person who starts Herald is a [*StartupError]: a folder that cannot be written or belongs to another
// running Herald, a server that does not answer, a database written by a newer Herald.
func Open(ctx context.Context, o Options) (*DB, error) {
	d := &DB{engine: SQLite, clock: o.Clock, logger: o.Logger, tuning: o.tuning, unsynced: o.Unsynced}
	if d.clock == nil {
		d.clock, d.ownClock = time.Now, true
	}
	if d.logger == nil {
		d.logger = slog.New(slog.DiscardHandler)
	}
	if d.tuning.checkpointPages == 0 {
		d.tuning.checkpointPages = 1000 // 4 MB: a short log is soon written over instead of extended, which halves the price of a sync
	}
	if d.tuning.batchTime == 0 {
		d.tuning.batchTime = 2 * time.Millisecond
	}
	if d.tuning.staleness == 0 {
		d.tuning.staleness = time.Second
	}

	var err error
	if o.URL != "" {
		d.engine = PostgreSQL
		d.store, err = openPostgres(ctx, d, o.URL)
	} else {
		d.store, err = openSQLite(ctx, d, o.Dir)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Close waits for the transactions that are under way or queued, then closes the store. Operations that begin afterwards
// return [ErrClosed]. A second Close does nothing.
func (d *DB) Close() error {
	d.closing.Lock()
	defer d.closing.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	return d.store.close()
}

// Now is the instant that a transaction would begin at.
func (d *DB) Now() time.Time { return d.clock().Add(time.Duration(d.ahead.Load())) }

// Engine returns which database this is.
func (d *DB) Engine() Engine { return d.engine }

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	return d.use(func() error { return d.store.ping(ctx) })
}

// Update runs fn in a transaction that may read and write, and commits it when fn returns nil. Update returns after the
// commit is durable (it survives a power loss) and the functions given to [Tx.AfterCommit] have run; any error means that
// nothing of fn's doing is stored. The one exception is an error from PostgreSQL's commit itself, when the connection broke
// in that moment: then nobody knows.
//
// fn must not call Update on the same DB (on SQLite it would wait for itself), must not talk to the network (on SQLite
// everybody who writes waits for it), and must not have effects outside of the transaction: on PostgreSQL it runs again, up
// to three times, when it met a deadlock or a serialization failure.
//
// A ctx that ends before fn began makes Update return its error without running fn. After that the engines differ: SQLite
// finishes what it began, because an interrupt would hit the others in the same commit; PostgreSQL cancels the statement and
// rolls back, unless the commit has begun. A panic in fn rolls back fn's changes and no others, and goes on in the caller.
func (d *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	var after []func()
	err := d.use(func() (err error) {
		after, err = d.store.update(ctx, along(ctx, fn))
		return err
	})
	if err != nil {
		return err
	}
	d.stats.updates.Add(1)
	for _, fn := range after {
		fn()
	}
	return nil
}

// View runs fn in a read-only transaction that sees one snapshot of the store: everything whose Update returned before View
// was called, and nothing that is committed later. It does not wait for writers. fn should be short: on SQLite a snapshot
// kept open keeps the write-ahead log from shrinking, and there are eight readers at a time.
func (d *DB) View(ctx context.Context, fn func(*Tx) error) error {
	return d.use(func() error {
		d.stats.views.Add(1)
		return d.store.view(ctx, fn)
	})
}

// use keeps Close waiting while do runs.
func (d *DB) use(do func() error) error {
	// TryRLock and not RLock: a Close that waits must not hold up new operations, they are refused.
	if !d.closing.TryRLock() {
		return ErrClosed
	}
	defer d.closing.RUnlock()
	if d.closed {
		return ErrClosed
	}
	return do()
}

// Stats counts what happened since Open.
type Stats struct {
	Updates     int64 // calls of Update that committed
	Commits     int64 // commits they shared; on SQLite each is one sync of the write-ahead log
	Views       int64 // calls of View
	Checkpoints int64 // times the write-ahead log was copied into the file (SQLite)
	Restarts    int64 // of these, times the writers had to wait for it (SQLite)
	Retries     int64 // transactions run again after a deadlock (PostgreSQL)
}

type counters struct {
	updates, commits, views, checkpoints, restarts, retries atomic.Int64
}

// Stats returns the counters.
func (d *DB) Stats() Stats {
	return Stats{
		Updates:     d.stats.updates.Load(),
		Commits:     d.stats.commits.Load(),
		Views:       d.stats.views.Load(),
		Checkpoints: d.stats.checkpoints.Load(),
		Restarts:    d.stats.restarts.Load(),
		Retries:     d.stats.retries.Load(),
	}
}
