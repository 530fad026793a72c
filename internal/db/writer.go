package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// maxBatchJobs bounds a batch. It ends earlier when nobody waits any more, and after two milliseconds. Nothing is ever
// delayed to fill one: while a commit syncs, the next callers queue up by themselves.
const maxBatchJobs = 256

// writer is the one goroutine that owns SQLite's writing connection. It commits the changes of all callers who wait at that
// moment together:
//
//	BEGIN IMMEDIATE
//	SAVEPOINT job · first caller's fn · RELEASE job                     (or ROLLBACK TO job, RELEASE job)
//	SAVEPOINT job · second caller's fn · RELEASE job
//	COMMIT                                                              (one sync of the write-ahead log)
//
// fn runs on its caller's goroutine, to which the writer lends the connection: a panic or a runtime.Goexit (t.FailNow)
// unwinds where it belongs, and the writer lives on.
type writer struct {
	d          *DB
	conn       *sql.Conn
	checkpoint *checkpointer

	jobs    chan *job
	stopped chan struct{} // closed when the goroutine has ended
}

// job is one call of Update.
type job struct {
	ctx   context.Context
	state atomic.Int32

	turn chan *Tx   // the writer: the connection is yours; nil when it could not begin
	back chan error // the caller: have it back, this is fn's error
	done chan error // the writer: this became of it
}

const (
	jobQueued int32 = iota
	jobStarted
	jobAbandoned // its ctx ended first
)

// errUnwound stands for fn's error when fn did not return.
var errUnwound = errors.New("db: the transaction's function did not return")

// batch is the transaction several jobs share.
type batch struct {
	bumped map[string]bool // topics of the jobs released so far
}

// update queues fn, runs it when it is its turn, and returns what became of the commit.
func (w *writer) update(ctx context.Context, fn func(*Tx) error) (after []func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j := &job{ctx: ctx, turn: make(chan *Tx, 1), back: make(chan error, 1), done: make(chan error, 1)}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return nil, ctx.Err()
	}

	var tx *Tx
	select {
	case tx = <-j.turn:
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobQueued, jobAbandoned) {
			return nil, ctx.Err()
		}
		tx = <-j.turn // it had begun in the same moment: wait for the real outcome
	}
	if tx == nil {
		return nil, <-j.done
	}

	// Deferred, because fn may panic or exit the goroutine. The writer gets its connection back either way, and the panic
	// goes on only when the savepoint is gone.
	result := errUnwound
	defer func() {
		tx.end()
		after = tx.after
		j.back <- result
		err = <-j.done
	}()
	result = fn(tx)
	return nil, nil
}

// run is the goroutine.
func (w *writer) run() {
	defer close(w.stopped)
	for first := range w.jobs {
		w.batch(first)
		w.checkpoint.afterCommit(w.conn)
	}
}

// batch runs first and whoever is waiting, and commits.
func (w *writer) batch(first *job) {
	var (
		b     = &batch{bumped: map[string]bool{}}
		seen  = w.d.bumps.now()
		ran   []*job // those whose savepoint was released
		began = false
		count = 0
		start = time.Now()
		fatal error
	)
	for j := first; j != nil && fatal == nil; j = w.waiting(count, start) {
		if !j.state.CompareAndSwap(jobQueued, jobStarted) {
			continue
		}
		if !began {
			if err := w.exec("BEGIN IMMEDIATE"); err != nil {
				j.turn <- nil
				j.done <- fmt.Errorf("begin: %w", err)
				return
			}
			began = true
		}
		count++
		var own error
		if own, fatal = w.one(j, b, seen); own != nil {
			j.done <- own
		} else {
			ran = append(ran, j)
		}
	}
	if !began {
		return
	}

	if fatal == nil && len(ran) > 0 {
		fatal = w.commit(b)
	}
	if fatal != nil || len(ran) == 0 {
		// SQLite may have rolled back already, after a full disk for example; then this fails and does no harm.
		_ = w.exec("ROLLBACK")
	}
	for _, j := range ran {
		j.done <- fatal
	}
}

// waiting returns the next job of the batch, or nil when it is time to commit.
func (w *writer) waiting(count int, start time.Time) *job {
	if count >= maxBatchJobs || time.Since(start) >= w.d.tuning.batchTime {
		return nil
	}
	select {
	case j := <-w.jobs:
		return j
	default:
		return nil
	}
}

// one runs one job in its savepoint. own is the job's failure, which concerns nobody else; fatal ends the batch for all,
// and tells the others nothing of what own says.
func (w *writer) one(j *job, b *batch, seen snapshot) (own, fatal error) {
	if err := w.exec("SAVEPOINT job"); err != nil {
		j.turn <- nil
		return nil, fmt.Errorf("begin a savepoint: %w", err)
	}
	// Without the caller's cancellation: it would interrupt the connection, and with it the others' transaction.
	tx := w.d.newTx(context.WithoutCancel(j.ctx), w.conn, true)
	tx.batch, tx.seen, tx.raw = b, seen, w.conn.Raw
	j.turn <- tx
	own = <-j.back
	if err := w.closeRows(); own == nil {
		own = err
	}

	if own != nil {
		if err := w.exec("ROLLBACK TO job"); err != nil {
			return own, fmt.Errorf("another change of the same commit failed beyond repair: %w", err)
		}
	}
	if err := w.exec("RELEASE job"); err != nil {
		return own, fmt.Errorf("release a savepoint: %w", err)
	}
	if own == nil {
		for _, topic := range tx.bumped {
			b.bumped[topic] = true
		}
	}
	return own, nil
}

func (w *writer) commit(b *batch) error {
	defer w.d.bumps.commit(b.bumped)()
	if err := w.exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.d.stats.commits.Add(1)
	return nil
}

func (w *writer) exec(statement string) error {
	_, err := w.conn.ExecContext(context.Background(), statement)
	return err
}

// stop waits for the queued jobs and ends the goroutine. No update may be under way or begin.
func (w *writer) stop() {
	close(w.jobs)
	<-w.stopped
}

// close closes the connection. Not through database/sql, which would wait for rows that are still open.
func (w *writer) close() error {
	return w.conn.Raw(func(conn any) error { return conn.(*cachingConn).Close() })
}

// errOpenRow is a mistake in the program: the row would keep its snapshot open, and the log from being emptied.
var errOpenRow = errors.New("db: the transaction left a QueryRow without Scan")

// closeRows closes the rows that a job has left open, and returns errOpenRow when there were any.
func (w *writer) closeRows() error {
	return w.conn.Raw(func(conn any) error {
		if conn.(*cachingConn).closeRows() {
			return errOpenRow
		}
		return nil
	})
}
