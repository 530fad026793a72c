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

// The document of a reason is its localized texts.

func insertReason(tx *db.Tx, r *wire.UserActionReason) error {
	document, err := json.Marshal(r.LocalizedTexts)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO user_action_reason (id, code, code_key, text, text_key, document, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)`,
		string(r.ID), r.Code, search.Fold(r.Code), r.Text, search.Fold(r.Text), string(document), int64(r.InsertInstant))
	return err
}

func updateReason(tx *db.Tx, r *wire.UserActionReason, version int64) error {
	document, err := json.Marshal(r.LocalizedTexts)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE user_action_reason SET code = $1, code_key = $2, text = $3, text_key = $4, document = $5, last_update_instant = $6,
		version = version + 1 WHERE id = $7 AND version = $8`,
		r.Code, search.Fold(r.Code), r.Text, search.Fold(r.Text), string(document), int64(r.LastUpdateInstant), string(r.ID), version)
	if err == nil && n == 0 {
		err = problem.Stale("reason")
	}
	return err
}

func deleteReason(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM user_action_reason WHERE id = $1`, string(id))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

func reasonExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM user_action_reason WHERE id = $1`, string(id))
}

// reasonsLike tells whether another reason than r has its code, or its text.
func reasonsLike(tx *db.Tx, r *wire.UserActionReason) (sameCode, sameText bool, err error) {
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM user_action_reason WHERE code_key = $1 AND id <> $3),
		EXISTS (SELECT 1 FROM user_action_reason WHERE text_key = $2 AND id <> $3)`,
		search.Fold(r.Code), search.Fold(r.Text), string(r.ID)).Scan(&sameCode, &sameText)
	return sameCode, sameText, err
}

const reasonColumns = `id, code, text, document, version, insert_instant, last_update_instant`

func scanReason(row db.Row) (r wire.UserActionReason, version int64, err error) {
	var document string
	if err := row.Scan(&r.ID, &r.Code, &r.Text, &document, &version, &r.InsertInstant, &r.LastUpdateInstant); err != nil {
		return r, 0, err
	}
	if err := json.Unmarshal([]byte(document), &r.LocalizedTexts); err != nil {
		return r, 0, fmt.Errorf("decode reason %s: %w", r.ID, err)
	}
	return r, version, nil
}

func loadReason(tx *db.Tx, id wire.ID) (r wire.UserActionReason, version int64, err error) {
	r, version, err = scanReason(tx.QueryRow(`SELECT `+reasonColumns+` FROM user_action_reason WHERE id = $1`, string(id)))
	return r, version, db.Found(err)
}

func listReasons(tx *db.Tx) ([]wire.UserActionReason, error) {
	rows, err := tx.Query(`SELECT ` + reasonColumns + ` FROM user_action_reason ORDER BY text_key`)
	return db.Collect(rows, err, func(rows *sql.Rows) (wire.UserActionReason, error) {
		r, _, err := scanReason(rows)
		return r, err
	})
}
