package identity

import (
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// writeLogin leaves the version alone: logging in is no change of the user that another change could collide with.
func writeLogin(tx *db.Tx, u *User, application wire.ID) error {
	n, err := tx.Exec(`UPDATE users SET last_login_instant = $1 WHERE id = $2 AND active`, int64(u.LastLoginInstant), string(u.ID))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	if err != nil || application == "" {
		return err
	}
	_, err = tx.Exec(`UPDATE registration SET last_login_instant = $1 WHERE user_id = $2 AND application_id = $3`, int64(u.LastLoginInstant), u.ID, application)
	return err
}

func hasPassword(tx *db.Tx, u *User) (bool, error) {
	return tx.Exists(`SELECT 1 FROM users WHERE id = $1 AND COALESCE(password_scheme, '') = $2 AND COALESCE(password_hash, '') = $3`,
		string(u.ID), string(u.password.scheme), u.password.encoded)
}

// count adds one to what the user did in the window, which lasts period milliseconds, or begins a new one.
func count(tx *db.Tx, user wire.ID, kind string, period int64) (used int, begin int64, err error) {
	err = tx.QueryRow(`INSERT INTO rate_limit (user_id, kind, start_instant, used) VALUES ($1, $2, $3, 1)
		ON CONFLICT (user_id, kind) DO UPDATE SET
			used          = CASE WHEN rate_limit.start_instant > $4 THEN rate_limit.used + 1      ELSE 1                      END,
			start_instant = CASE WHEN rate_limit.start_instant > $4 THEN rate_limit.start_instant ELSE excluded.start_instant END
		RETURNING used, start_instant`,
		string(user), kind, tx.NowMillis(), tx.NowMillis()-period).Scan(&used, &begin)
	return used, begin, err
}
