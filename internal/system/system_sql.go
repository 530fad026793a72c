package system

import (
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/db"
)

// loadConfiguration returns version 0 when nothing has been saved.
func loadConfiguration(tx *db.Tx) (r row, err error) {
	err = tx.QueryRow(`SELECT document, version, insert_instant, last_update_instant FROM system_configuration`).
		Scan(&r.document, &r.version, &r.insertInstant, &r.lastUpdateInstant)
	if errors.Is(err, db.ErrNoRows) {
		return row{}, nil
	}
	return r, err
}

// saveConfiguration reports false when what is stored is not the version before.
func saveConfiguration(tx *db.Tx, r row) (saved bool, err error) {
	statement := `UPDATE system_configuration SET document = $1, version = $2, insert_instant = $3, last_update_instant = $4 WHERE version = $2 - 1`
	if r.version == 1 {
		statement = `
			INSERT INTO system_configuration (singleton, document, version, insert_instant, last_update_instant) VALUES (1, $1, $2, $3, $4)
			ON CONFLICT DO NOTHING`
	}
	n, err := tx.Exec(statement, r.document, r.version, r.insertInstant, r.lastUpdateInstant)
	if err != nil {
		return false, fmt.Errorf("save the system configuration: %w", err)
	}
	return n == 1, nil
}
