package twofactor

import (
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

func insertSecret(tx *db.Tx, user wire.ID, methodID, secret string, lastCounter int64) error {
	_, err := tx.Exec(`INSERT INTO two_factor_secret (user_id, method_id, secret, last_counter) VALUES ($1, $2, $3, $4)`,
		string(user), methodID, secret, lastCounter)
	return err
}

func loadSecret(tx *db.Tx, user wire.ID, methodID string) (secret string, lastCounter int64, err error) {
	err = tx.QueryRow(`SELECT secret, last_counter FROM two_factor_secret WHERE user_id = $1 AND method_id = $2`, string(user), methodID).
		Scan(&secret, &lastCounter)
	return secret, lastCounter, err
}

// useCounter reports false when a code of this time step or a later one was used before.
func useCounter(tx *db.Tx, user wire.ID, methodID string, counter int64) (used bool, err error) {
	n, err := tx.Exec(`UPDATE two_factor_secret SET last_counter = $1 WHERE user_id = $2 AND method_id = $3 AND last_counter < $1`,
		counter, string(user), methodID)
	return n == 1, err
}

func deleteSecret(tx *db.Tx, user wire.ID, methodID string) error {
	_, err := tx.Exec(`DELETE FROM two_factor_secret WHERE user_id = $1 AND method_id = $2`, string(user), methodID)
	return err
}

// loadRecovery locks the row by writing what is there already, if asked to.
func loadRecovery(tx *db.Tx, user wire.ID, lock bool) (sealed string, err error) {
	query := `SELECT codes FROM two_factor_recovery WHERE user_id = $1`
	if lock {
		query = `UPDATE two_factor_recovery SET codes = codes WHERE user_id = $1 RETURNING codes`
	}
	err = tx.QueryRow(query, string(user)).Scan(&sealed)
	return sealed, err
}

func storeRecovery(tx *db.Tx, user wire.ID, sealed string) error {
	_, err := tx.Exec(`INSERT INTO two_factor_recovery (user_id, codes) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET codes = excluded.codes`,
		string(user), sealed)
	return err
}

func deleteRecovery(tx *db.Tx, user wire.ID) error {
	_, err := tx.Exec(`DELETE FROM two_factor_recovery WHERE user_id = $1`, string(user))
	return err
}
