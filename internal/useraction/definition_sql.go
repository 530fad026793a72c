package useraction

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// documentOf is what the column of that name holds: all that has no column of its own.
func documentOf(d wire.UserAction) (string, error) {
	d.ID, d.Name, d.InsertInstant, d.LastUpdateInstant = "", "", 0, 0
	text, err := json.Marshal(d)
	return string(text), err
}

func insertDefinition(tx *db.Tx, d *wire.UserAction) error {
	document, err := documentOf(*d)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO user_action (id, name, name_key, active, temporal, prevent_login, document, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8)`,
		string(d.ID), d.Name, search.Fold(d.Name), d.Active, d.Temporal, d.PreventLogin, document, int64(d.InsertInstant))
	return err
}

func updateDefinition(tx *db.Tx, d *wire.UserAction, version int64) error {
	document, err := documentOf(*d)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE user_action SET name = $1, name_key = $2, temporal = $3, prevent_login = $4, document = $5, last_update_instant = $6,
		version = version + 1 WHERE id = $7 AND version = $8`,
		d.Name, search.Fold(d.Name), d.Temporal, d.PreventLogin, document, int64(d.LastUpdateInstant), string(d.ID), version)
	if err == nil && n == 0 {
		err = problem.Stale("user action")
	}
	return err
}

// activateDefinition does nothing to one that is as wanted already.
func activateDefinition(tx *db.Tx, id wire.ID, active bool) error {
	n, err := tx.Exec(`UPDATE user_action SET active = $1,
			version             = CASE WHEN active = $1 THEN version             ELSE version + 1 END,
			last_update_instant = CASE WHEN active = $1 THEN last_update_instant ELSE $2          END
		WHERE id = $3`, active, tx.NowMillis(), string(id))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// holdDefinition writes, though nothing new, so that a change of the action waits for the end of tx.
func holdDefinition(tx *db.Tx, id wire.ID) (found bool, err error) {
	n, err := tx.Exec(`UPDATE user_action SET version = version WHERE id = $1`, string(id))
	return n > 0, err
}

func deleteDefinition(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM user_action WHERE id = $1`, string(id))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

func definitionExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM user_action WHERE id = $1`, string(id))
}

// definitionNamed tells whether another action than self has the name.
func definitionNamed(tx *db.Tx, name string, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM user_action WHERE name_key = $1 AND id <> $2`, search.Fold(name), string(self))
}

// wasTaken tells whether the action was taken on a user who is still there.
func wasTaken(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM user_action_log WHERE user_action_id = $1`, string(id))
}

const definitionColumns = `d.id, d.name, d.active, d.temporal, d.prevent_login, d.document, d.version, d.insert_instant, d.last_update_instant`

// scanDefinition reads definitionColumns.
func scanDefinition(row db.Row) (d definition, err error) {
	var columns wire.UserAction
	var document string
	err = row.Scan(&columns.ID, &columns.Name, &columns.Active, &columns.Temporal, &columns.PreventLogin, &document, &d.version,
		&columns.InsertInstant, &columns.LastUpdateInstant)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal([]byte(document), &d.UserAction); err != nil {
		return d, fmt.Errorf("decode user action %s: %w", columns.ID, err)
	}
	d.ID, d.Name, d.Active, d.Temporal, d.PreventLogin = columns.ID, columns.Name, columns.Active, columns.Temporal, columns.PreventLogin
	d.InsertInstant, d.LastUpdateInstant = columns.InsertInstant, columns.LastUpdateInstant
	return d, nil
}

func loadDefinition(tx *db.Tx, id wire.ID) (definition, error) {
	d, err := scanDefinition(tx.QueryRow(`SELECT `+definitionColumns+` FROM user_action d WHERE d.id = $1`, string(id)))
	return d, db.Found(err)
}

// definitionVersion is 0 when there is no such action any more.
func definitionVersion(tx *db.Tx, id wire.ID) (version int64, err error) {
	err = tx.QueryRow(`SELECT COALESCE(MAX(version), 0) FROM user_action WHERE id = $1`, string(id)).Scan(&version)
	return version, err
}

func listDefinitions(tx *db.Tx, active bool) ([]wire.UserAction, error) {
	rows, err := tx.Query(`SELECT `+definitionColumns+` FROM user_action d WHERE d.active = $1 ORDER BY d.name_key`, active)
	return db.Collect(rows, err, func(rows *sql.Rows) (wire.UserAction, error) {
		d, err := scanDefinition(rows)
		return d.UserAction, err
	})
}
