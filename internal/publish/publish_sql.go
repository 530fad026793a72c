package publish

import (
	"database/sql"
	"errors"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
)

var (
	// errClosed says that the operation's events were closed as failed while it was still under way.
	errClosed = problem.New(problem.Unavailable, "[OperationTimedOut]", "The change took too long to be decided and was given up. Nothing was stored; try again.")
	// errReleased says that the operation's reservations ran out while it was still under way.
	errReleased = problem.Stale("name")
)

// clearReservations ends those whose time is over, or all.
func clearReservations(tx *db.Tx, all bool) error {
	_, err := tx.Exec(`DELETE FROM reservation WHERE expire_instant < $1 OR $2`, tx.NowMillis(), all)
	return err
}

// reserve tells whether the name is free, and keeps it from others until the transaction ends.
//
// On PostgreSQL that takes a row: the same insert of another transaction waits for this one's end. On SQLite nobody else writes
// before this transaction ends, so it is enough to look; reserveBeyondPrepare writes the row if the operation then goes on to ask.
func reserve(tx *db.Tx, name, operation string, expire int64) (free bool, err error) {
	if tx.Engine() == db.PostgreSQL {
		n, err := tx.Exec(insertReservation, name, operation, expire, tx.NowMillis())
		return n == 1, err
	}
	var holder string
	err = tx.QueryRow(`SELECT operation_id FROM reservation WHERE name = $1 AND expire_instant >= $2`, name, tx.NowMillis()).Scan(&holder)
	if errors.Is(err, db.ErrNoRows) {
		return true, nil
	}
	return false, err
}

// reserveAll is reserve for many names. It returns those that are not free.
func reserveAll(tx *db.Tx, names []string, operation string, expire int64) (taken []string, err error) {
	if tx.Engine() == db.PostgreSQL {
		return insertReservations(tx, names, operation, expire)
	}
	for chunk := range slices.Chunk(names, namesAtOnce) {
		var w search.Conditions
		w.Add("expire_instant >= ?", tx.NowMillis())
		w.AnyOf("name", chunk)
		rows, err := tx.Query(`SELECT name FROM reservation`+w.Where(), w.Args()...)
		held, err := db.Collect(rows, err, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) })
		if err != nil {
			return nil, err
		}
		taken = append(taken, held...)
	}
	return taken, nil
}

// namesAtOnce is how many names one statement looks for.
const namesAtOnce = 500

// insertReservation takes the name, unless another operation holds it. One that ran out is taken over.
const insertReservation = `INSERT INTO reservation (name, operation_id, expire_instant) VALUES ($1, $2, $3)
	ON CONFLICT (name) DO UPDATE SET operation_id = excluded.operation_id, expire_instant = excluded.expire_instant
	WHERE reservation.expire_instant < $4`

// insertReservations takes the names, and returns those that another operation holds.
func insertReservations(tx *db.Tx, names []string, operation string, expire int64) (taken []string, err error) {
	rows := make([][]any, len(names))
	for i, name := range names {
		rows[i] = []any{name, operation, expire, tx.NowMillis()}
	}
	done, err := tx.ExecEach(insertReservation, rows)
	for i, n := range done {
		if n == 0 {
			taken = append(taken, names[i])
		}
	}
	return taken, err
}

// reserveBeyondPrepare makes the operation's reservations last while it asks.
func reserveBeyondPrepare(tx *db.Tx, r *run, expire int64) error {
	if tx.Engine() == db.PostgreSQL {
		return nil // reserve did
	}
	_, err := insertReservations(tx, r.names, r.id, expire) // all are free: reserve looked in this same transaction
	return err
}

// releaseUnasked ends the reservations of an operation that commits without asking.
func releaseUnasked(tx *db.Tx, r *run) error {
	if tx.Engine() == db.SQLite {
		return nil // there are none
	}
	return release(tx, r)
}

// release gives the operation's names back. errReleased when one of them had run out: it was taken over, or cleared away.
func release(tx *db.Tx, r *run) error {
	rows := make([][]any, len(r.names))
	for i, name := range r.names {
		rows[i] = []any{name, r.id}
	}
	done, err := tx.ExecEach(`DELETE FROM reservation WHERE name = $1 AND operation_id = $2`, rows)
	if err == nil && slices.Contains(done, 0) {
		err = errReleased
	}
	return err
}
