package db

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Tx is one transaction, and the instant it happens at. It is for the goroutine that runs the function it was given to, and
// only until that function returns.
type Tx struct {
	d      *DB
	q      querier
	raw    func(func(driverConn any) error) error // reaches the driver's connection; nil in a View
	ctx    context.Context
	now    time.Time
	write  bool
	ended  bool
	alone  bool        // see Alone
	rows   []*sql.Rows // of Query, to be closed at the end
	after  []func()
	bumped []string // topics, in the order of Bump

	seen  snapshot // what Cache knows about the moment this transaction began
	batch *batch   // SQLite's writer only: the transaction shared with others
}

// querier is the part of *sql.Conn and *sql.Tx that Tx needs.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

var errEnded = errors.New("db: the transaction has ended")

// endedContext makes QueryRow fail after the end, because a *sql.Row cannot be made to carry an error otherwise.
var endedContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (d *DB) newTx(ctx context.Context, q querier, write bool) *Tx {
	// Whole milliseconds, so that Now and what is read back from a column are equal.
	return &Tx{d: d, q: q, ctx: ctx, write: write, now: time.UnixMilli(d.Now().UnixMilli()).UTC()}
}

// end makes tx useless and closes the rows its user left open.
func (tx *Tx) end() {
	tx.ended = true
	for _, rows := range tx.rows {
		_ = rows.Close()
	}
}

// Context is what the transaction was begun with.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Now is the instant of the transaction, in UTC and whole milliseconds. It is read once, when the transaction begins.
func (tx *Tx) Now() time.Time { return tx.now }

// NowMillis is Now in milliseconds since 1970, as instants are stored and sent.
func (tx *Tx) NowMillis() int64 { return tx.now.UnixMilli() }

// Engine returns the engine the transaction runs on.
func (tx *Tx) Engine() Engine { return tx.d.engine }

// Exec runs a statement and returns how many rows it inserted, updated or deleted.
func (tx *Tx) Exec(query string, args ...any) (rowsAffected int64, err error) {
	if tx.ended {
		return 0, errEnded
	}
	res, err := tx.q.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query runs a statement that returns rows. The caller closes them before the next statement: PostgreSQL's connection is
// busy until then. [Collect] does. Rows left open end with the transaction.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if tx.ended {
		return nil, errEnded
	}
	rows, err := tx.q.QueryContext(tx.ctx, query, args...)
	if err == nil {
		tx.rows = append(tx.rows, rows)
	}
	return rows, err
}

// QueryRow runs a statement that returns at most one row. Its Scan returns [ErrNoRows] when there is none. Scan must be
// called, as only that closes the row: without it the transaction fails.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	if tx.ended {
		return tx.q.QueryRowContext(endedContext, query, args...)
	}
	return tx.q.QueryRowContext(tx.ctx, query, args...)
}

// Savepoint runs fn as a part of the transaction that can fail by itself: when fn returns an error, what it did is undone,
// its AfterCommit functions and bumps are forgotten, the error is returned, and the transaction goes on. Savepoints nest.
func (tx *Tx) Savepoint(fn func() error) error {
	if _, err := tx.Exec("SAVEPOINT part"); err != nil {
		return err
	}
	after, bumped := len(tx.after), len(tx.bumped)
	err := fn()
	if err != nil {
		tx.after, tx.bumped = tx.after[:after], tx.bumped[:bumped]
		if _, rollback := tx.Exec("ROLLBACK TO SAVEPOINT part"); rollback != nil {
			return errors.Join(err, rollback)
		}
	}
	if _, release := tx.Exec("RELEASE SAVEPOINT part"); release != nil {
		return errors.Join(err, release)
	}
	return err
}

// AfterCommit has fn run once the commit is durable, before [DB.Update] returns and on its caller's goroutine, in the order
// of the calls. fn does not run when the transaction fails, and never in a View. It may begin transactions of its own.
func (tx *Tx) AfterCommit(fn func()) {
	if tx.write && !tx.ended {
		tx.after = append(tx.after, fn)
	}
}

// Bump says that the transaction changes what values cached under topic are made of. See [Cache].
func (tx *Tx) Bump(topic string) error {
	switch {
	case tx.ended:
		return errEnded
	case !tx.write:
		return errors.New("db: Bump in a read-only transaction")
	}
	if !slices.Contains(tx.bumped, topic) {
		tx.bumped = append(tx.bumped, topic)
	}
	return nil
}

// Collect scans all rows and closes them. It takes what [Tx.Query] returned, the error included, so that a query needs one
// check only. No rows give a nil slice.
func Collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
