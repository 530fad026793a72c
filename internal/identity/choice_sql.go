package identity

import (
	"database/sql"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// oldPasswords returns the last passwords that a user had before the present one.
func oldPasswords(tx *db.Tx, user wire.ID, last int) ([]credential, error) {
	rows, err := tx.Query(`SELECT password_scheme, password_hash FROM password_history WHERE user_id = $1 ORDER BY instant DESC LIMIT $2`, user, last)
	return db.Collect(rows, err, func(rows *sql.Rows) (c credential, err error) { return c, rows.Scan(&c.scheme, &c.encoded) })
}

// keepPassword keeps the present password of u as an old one, and no more than the last so many.
func keepPassword(tx *db.Tx, u *User, last int) error {
	_, err := tx.Exec(`INSERT INTO password_history (user_id, instant, password_scheme, password_hash) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		u.ID, tx.NowMillis(), string(u.password.scheme), u.password.encoded)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM password_history WHERE user_id = $1 AND instant NOT IN (
		SELECT instant FROM password_history WHERE user_id = $1 ORDER BY instant DESC LIMIT $2)`, u.ID, last)
	return err
}
