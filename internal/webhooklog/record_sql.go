package webhooklog

import (
	"database/sql"
	"errors"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

func insertEvents(tx *db.Tx, rows [][]any) (sequences []int64, err error) {
	return tx.InsertEach(`INSERT INTO event (id, operation_id, tenant_id, type, transaction_type, result, linked_object_id, test, audience_id, body,
			insert_instant, decide_by_instant, last_update_instant, trace)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`, "sequence", rows)
}

func closeEvents(tx *db.Tx, rows [][]any) (affected []int64, err error) {
	return tx.ExecEach(`UPDATE event SET result = $1, last_update_instant = $2 WHERE sequence = $3 AND result = 'Running'`, rows)
}

func insertAttempts(tx *db.Tx, rows [][]any) error {
	_, err := tx.ExecEach(`INSERT INTO attempt (id, webhook_id, kind, node, outcome, status_code, url, exception, detail, start_instant, end_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, rows)
	return err
}

// ResultOf returns the result of an event, "" when there is no such event.
func (l *Log) ResultOf(tx *db.Tx, id wire.ID) (is Result, err error) {
	err = tx.QueryRow(`SELECT result FROM event WHERE id = $1`, id).Scan(&is)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return is, err
}

// CloseAbandoned closes as Failed what is still Running although its time is over, or whatever its time with all: votes that a crash left open.
func (l *Log) CloseAbandoned(tx *db.Tx, all bool) error {
	_, err := tx.Exec(`UPDATE event SET result = 'Failed', last_update_instant = $1
		WHERE result = 'Running' AND (decide_by_instant < $1 OR $2)`, tx.NowMillis(), all)
	return err
}

// Body returns the bytes of the event with that sequence, problem.ErrNotFound when it is gone.
func (l *Log) Body(tx *db.Tx, sequence int64) ([]byte, error) {
	var body string
	err := tx.QueryRow(`SELECT body FROM event WHERE sequence = $1`, sequence).Scan(&body)
	return []byte(body), db.Found(err)
}

// useAudience stores the document under its id, or notes that it is still in use.
func useAudience(tx *db.Tx, id, document string) error {
	_, err := tx.Exec(`INSERT INTO audience (id, document, last_used_instant) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET last_used_instant = excluded.last_used_instant`, id, document, tx.NowMillis())
	return err
}

// loadAudience returns the document with that id, an empty list when it is gone.
func loadAudience(tx *db.Tx, id string) (document string, err error) {
	err = tx.QueryRow(`SELECT document FROM audience WHERE id = $1`, id).Scan(&document)
	if errors.Is(err, sql.ErrNoRows) {
		return "[]", nil
	}
	return document, err
}
