package useraction

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// document is what the column of that name holds: all that has no column of its own.
func (e *entry) document() (string, error) {
	l := e.UserActionLog
	l.ID, l.UserActionID, l.ActioneeUserID, l.ActionerUserID, l.Expiry, l.EndEventSent, l.InsertInstant = "", "", "", "", 0, false, 0
	text, err := json.Marshal(l)
	return string(text), err
}

// expiry is NULL for an action that does not last for a time.
func (e *entry) expiry() any {
	if e.Expiry == 0 {
		return nil
	}
	return int64(e.Expiry)
}

func insertEntry(tx *db.Tx, e *entry) error {
	document, err := e.document()
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO user_action_log (id, user_id, user_action_id, actioner_id, document, expire_instant, open, end_event_sent, version, insert_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		string(e.ID), string(e.ActioneeUserID), string(e.UserActionID), db.Null(e.ActionerUserID), document, e.expiry(), e.open, e.EndEventSent, e.version,
		int64(e.InsertInstant))
	return err
}

// updateEntry writes e over what it was. It is problem.Stale when that is not what is stored any more.
func updateEntry(tx *db.Tx, e *entry) error {
	document, err := e.document()
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE user_action_log SET document = $1, expire_instant = $2, open = $3, end_event_sent = $4, version = version + 1
		WHERE id = $5 AND version = $6`, document, e.expiry(), e.open, e.EndEventSent, string(e.ID), e.version)
	if err == nil && n == 0 {
		err = problem.Stale("action")
	}
	return err
}

// selectEntries begins statements that read whole entries.
const selectEntries = `SELECT l.id, l.user_id, l.user_action_id, l.actioner_id, l.document, l.expire_instant, l.open, l.end_event_sent, l.version, l.insert_instant, u.tenant_id
	FROM user_action_log l JOIN users u ON u.id = l.user_id `

func scanEntry(row db.Row) (e entry, err error) {
	var columns wire.UserActionLog
	var actioner sql.NullString
	var expiry sql.NullInt64
	var document string
	err = row.Scan(&columns.ID, &columns.ActioneeUserID, &columns.UserActionID, &actioner, &document, &expiry, &e.open, &columns.EndEventSent,
		&e.version, &columns.InsertInstant, &e.tenant)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal([]byte(document), &e.UserActionLog); err != nil {
		return e, fmt.Errorf("decode action %s: %w", columns.ID, err)
	}
	e.ID, e.ActioneeUserID, e.UserActionID = columns.ID, columns.ActioneeUserID, columns.UserActionID
	e.ActionerUserID, e.Expiry = wire.ID(actioner.String), wire.Instant(expiry.Int64)
	e.EndEventSent, e.InsertInstant = columns.EndEventSent, columns.InsertInstant
	return e, nil
}

func loadEntry(tx *db.Tx, id wire.ID) (entry, error) {
	e, err := scanEntry(tx.QueryRow(selectEntries+`WHERE l.id = $1`, string(id)))
	return e, db.Found(err)
}

// conditions say which entries of a user are listed. $2 is the instant.
var conditions = map[Which]string{
	All:        ` AND CAST($2 AS BIGINT) > 0`,
	Active:     ` AND l.open AND l.expire_instant > $2`,
	Inactive:   ` AND NOT (l.open AND l.expire_instant > $2)`,
	Preventing: ` AND l.open AND l.expire_instant > $2 AND EXISTS (SELECT 1 FROM user_action d WHERE d.id = l.user_action_id AND d.prevent_login)`,
}

// listEntries returns entries of a user, the newest first.
func listEntries(tx *db.Tx, user wire.ID, which Which) ([]entry, error) {
	rows, err := tx.Query(selectEntries+`WHERE l.user_id = $1`+conditions[which]+` ORDER BY l.insert_instant DESC, l.id DESC`, string(user), tx.NowMillis())
	return db.Collect(rows, err, func(rows *sql.Rows) (entry, error) { return scanEntry(rows) })
}

// dueEntries are those that have ended and that nobody has seen to, the earliest first. Other processes skip them until tx ends.
func dueEntries(tx *db.Tx, limit int) ([]wire.ID, error) {
	rows, err := tx.Query(`SELECT id FROM user_action_log WHERE open AND expire_instant <= $1 ORDER BY expire_instant, id LIMIT $2`+tx.ForUpdateSkipLocked(),
		tx.NowMillis(), limit)
	return db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}

// nextEnd is when the next end is to be seen to, wire.Forever without one.
func nextEnd(tx *db.Tx) (next int64, err error) {
	err = tx.QueryRow(`SELECT COALESCE(MIN(expire_instant), $1) FROM user_action_log WHERE open`, int64(wire.Forever)).Scan(&next)
	return next, err
}
