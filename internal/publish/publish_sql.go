package publish

import (
	"errors"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
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
		return insertReservation(tx, name, operation, expire)
	}
	var holder string
	err = tx.QueryRow(`SELECT operation_id FROM reservation WHERE name = $1 AND expire_instant >= $2`, name, tx.NowMillis()).Scan(&holder)
	if errors.Is(err, db.ErrNoRows) {
		return true, nil
	}
	return false, err
}

// insertReservation takes the name, unless another operation holds it. One that ran out is taken over.
func insertReservation(tx *db.Tx, name, operation string, expire int64) (free bool, err error) {
	n, err := tx.Exec(`INSERT INTO reservation (name, operation_id, expire_instant) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET operation_id = excluded.operation_id, expire_instant = excluded.expire_instant
		WHERE reservation.expire_instant < $4`, name, operation, expire, tx.NowMillis())
	return n == 1, err
}

// reserveBeyondPrepare makes the operation's reservations last while it asks.
func reserveBeyondPrepare(tx *db.Tx, r *run, expire int64) error {
	if tx.Engine() == db.PostgreSQL {
		return nil // reserve did
	}
	for _, name := range r.names {
		// Free: reserve looked in this same transaction.
		if _, err := insertReservation(tx, name, r.id, expire); err != nil {
			return err
		}
	}
	return nil
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
	for _, name := range r.names {
		n, err := tx.Exec(`DELETE FROM reservation WHERE name = $1 AND operation_id = $2`, name, r.id)
		if err != nil {
			return err
		}
		if n == 0 {
			return errReleased
		}
	}
	return nil
}
