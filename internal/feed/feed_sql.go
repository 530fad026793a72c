package feed

import (
	"database/sql"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// row is an event as the feed looks at it.
type row struct {
	sequence int64
	kind     event.Type
	tenant   wire.ID
	result   string
	test     bool
	written  int64  // when, in milliseconds
	body     []byte // of committed events only
}

// rowsAfter reads the events behind a sequence, the next ones first.
func rowsAfter(tx *db.Tx, sequence int64, limit int) ([]row, error) {
	rows, err := tx.Query(`SELECT sequence, type, COALESCE(tenant_id, ''), result, test, last_update_instant, CASE WHEN result = 'Succeeded' THEN body END
		FROM event WHERE sequence > $1 ORDER BY sequence LIMIT $2`, sequence, limit)
	return db.Collect(rows, err, func(rows *sql.Rows) (r row, err error) {
		return r, rows.Scan(&r.sequence, &r.kind, &r.tenant, &r.result, &r.test, &r.written, &r.body)
	})
}

// newest returns the highest sequence, 0 without any.
func newest(tx *db.Tx) (sequence int64, err error) {
	return sequence, tx.QueryRow(`SELECT COALESCE(MAX(sequence), 0) FROM event`).Scan(&sequence)
}

// lastDrawn is the highest sequence that any event was ever given, also one that is gone or was never committed.
func lastDrawn(tx *db.Tx) (sequence int64, err error) {
	query := `SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'event'`
	if tx.Engine() == db.PostgreSQL {
		query = `SELECT last_value FROM event_sequence_seq`
	}
	return sequence, tx.QueryRow(query).Scan(&sequence)
}

// transactions tells how the ids of transactions stand in the snapshot of tx: all below oldest have ended, and the next one to begin gets at least next.
func transactions(tx *db.Tx) (oldest, next int64, err error) {
	if tx.Engine() == db.SQLite {
		return 0, 0, nil // one writes at a time: what was drawn is there, or was never drawn
	}
	err = tx.QueryRow(`SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s`).Scan(&oldest, &next)
	return oldest, next, err
}
