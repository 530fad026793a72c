package admin

import (
	"database/sql"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

const sessionColumns = `hash, user_id, insert_instant, last_instant, confirm_instant`

func insertSession(tx *db.Tx, hash string, s *Session) error {
	_, err := tx.Exec(`INSERT INTO admin_session (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5)`,
		hash, s.user, int64(s.Began), int64(s.last), int64(s.confirmed))
	return err
}

// findSession is db.ErrNoRows where there is none that has begun after the one instant and was used after the other.
func findSession(tx *db.Tx, hash string, begun, used int64) (*Session, error) {
	var s Session
	err := tx.QueryRow(`SELECT `+sessionColumns+` FROM admin_session WHERE hash = $1 AND insert_instant > $2 AND last_instant > $3`, hash, begun, used).
		Scan(&s.hash, &s.user, &s.Began, &s.last, &s.confirmed)
	return &s, err
}

func touchSession(tx *db.Tx, hash string, now int64) error {
	_, err := tx.Exec(`UPDATE admin_session SET last_instant = $1 WHERE hash = $2 AND last_instant < $1`, now, hash)
	return err
}

func confirmSession(tx *db.Tx, hash string, now int64) error {
	_, err := tx.Exec(`UPDATE admin_session SET confirm_instant = $1 WHERE hash = $2`, now, hash)
	return err
}

func deleteSession(tx *db.Tx, hash string) error {
	_, err := tx.Exec(`DELETE FROM admin_session WHERE hash = $1`, hash)
	return err
}

func deleteSessionsOf(tx *db.Tx, user wire.ID) error {
	_, err := tx.Exec(`DELETE FROM admin_session WHERE user_id = $1`, user)
	return err
}

// trimSessions removes those that have begun before the one instant or were last used before the other.
func trimSessions(tx *db.Tx, begun, used int64) error {
	_, err := tx.Exec(`DELETE FROM admin_session WHERE insert_instant <= $1 OR last_instant <= $2`, begun, used)
	return err
}

// sessionsOf are those of a user that have begun after the one instant and were used after the other.
func sessionsOf(tx *db.Tx, user wire.ID, begun, used int64) ([]Opened, error) {
	rows, err := tx.Query(`
		SELECT hash, insert_instant, last_instant FROM admin_session WHERE user_id = $1 AND insert_instant > $2 AND last_instant > $3
		ORDER BY last_instant DESC, hash`, user, begun, used)
	return db.Collect(rows, err, func(rows *sql.Rows) (o Opened, err error) {
		err = rows.Scan(&o.ID, &o.Began, &o.Last)
		return o, err
	})
}

func deleteSessionOf(tx *db.Tx, user wire.ID, hash string) error {
	n, err := tx.Exec(`DELETE FROM admin_session WHERE user_id = $1 AND hash = $2`, user, hash)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// countTry adds one to the tries of a name and an address, or begins anew when the first of them was before the instant.
func countTry(tx *db.Tx, hash string, over int64) (used int, err error) {
	err = tx.QueryRow(`INSERT INTO admin_try (hash, start_instant, used) VALUES ($1, $2, 1)
		ON CONFLICT (hash) DO UPDATE SET
			used          = CASE WHEN admin_try.start_instant > $3 THEN admin_try.used + 1      ELSE 1                      END,
			start_instant = CASE WHEN admin_try.start_instant > $3 THEN admin_try.start_instant ELSE excluded.start_instant END
		RETURNING used`, hash, tx.NowMillis(), over).Scan(&used)
	return used, err
}

// trimTries removes what began before the instant, and the oldest of more than so many.
func trimTries(tx *db.Tx, over int64, most int) error {
	_, err := tx.Exec(`DELETE FROM admin_try WHERE start_instant <= $1
		OR start_instant <= (SELECT start_instant FROM admin_try ORDER BY start_instant DESC LIMIT 1 OFFSET $2)`, over, most)
	return err
}
