package doctor

import (
	"database/sql"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// storeFacts are what a database says about itself.
type storeFacts struct {
	engine, version string
	bytes           int64
}

func readFacts(tx *db.Tx) (f storeFacts, err error) {
	if tx.Engine() == db.PostgreSQL {
		f.engine = "PostgreSQL"
		err = tx.QueryRow(`SELECT current_setting('server_version'), pg_database_size(current_database())`).Scan(&f.version, &f.bytes)
		return f, err
	}
	f.engine = "SQLite"
	err = tx.QueryRow(`SELECT sqlite_version(), (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)`).Scan(&f.version, &f.bytes)
	return f, err
}

// quickCheck is the first damage that SQLite finds in its file, empty without any.
func quickCheck(tx *db.Tx) (damage string, err error) {
	if err := tx.QueryRow(`PRAGMA quick_check(1)`).Scan(&damage); err != nil {
		return "", err
	}
	if damage == "ok" {
		return "", nil
	}
	return damage, nil
}

// logFacts are estimates about the log of events.
type logFacts struct {
	events    int64
	oldest    int64 // instant
	removable int64
}

// readLog estimates by sequences, which are the order of storing, so that nothing is counted. Events before limit are removable.
func readLog(tx *db.Tx, limit int64) (f logFacts, err error) {
	var last, kept int64
	err = tx.QueryRow(`SELECT COALESCE(MAX(sequence), 0) FROM event`).Scan(&last)
	if err != nil || last == 0 {
		return f, err
	}
	var first int64
	if err := tx.QueryRow(`SELECT MIN(sequence) FROM event`).Scan(&first); err != nil {
		return f, err
	}
	if err := tx.QueryRow(`SELECT insert_instant FROM event ORDER BY insert_instant LIMIT 1`).Scan(&f.oldest); err != nil {
		return f, err
	}
	f.events = last - first + 1
	err = tx.QueryRow(`SELECT sequence FROM event WHERE insert_instant >= $1 ORDER BY insert_instant, sequence LIMIT 1`, limit).Scan(&kept)
	switch {
	case err == db.ErrNoRows:
		f.removable, err = f.events, nil
	case err == nil:
		f.removable = max(kept-first, 0)
	}
	return f, err
}

// mostFailed is how many failed messages are looked at, the newest.
const mostFailed = 500

func failedMessages(tx *db.Tx, since int64) ([]failedMessage, error) {
	// All of them are read in the order of the index, so that a day in which everything is well is bounded as well.
	rows, err := tx.Query(`SELECT tenant_id, attempts FROM (SELECT COALESCE(tenant_id, '') AS tenant_id, attempts, state, insert_instant FROM message
		WHERE insert_instant >= $1 ORDER BY insert_instant DESC, id DESC LIMIT 50000) AS newest WHERE state = 'failed' OR state = 'unknown' ORDER BY insert_instant DESC LIMIT $2`, since, mostFailed)
	return db.Collect(rows, err, func(rows *sql.Rows) (m failedMessage, err error) { return m, rows.Scan(&m.tenant, &m.attempts) })
}

func templateExists(tx *db.Tx, kind string, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM template WHERE kind = $1 AND id = $2`, kind, string(id))
}

// failedTask is a task that ended because of an error.
type failedTask struct {
	id           wire.ID
	kind, reason string
	at           wire.Instant
}

func failedTasks(tx *db.Tx, since int64) ([]failedTask, error) {
	rows, err := tx.Query(`SELECT id, kind, error, finish_instant FROM task WHERE state = 'failed' AND finish_instant >= $1 ORDER BY finish_instant DESC LIMIT 20`, since)
	return db.Collect(rows, err, func(rows *sql.Rows) (t failedTask, err error) { return t, rows.Scan(&t.id, &t.kind, &t.reason, &t.at) })
}

// readJournal estimates by ids, which are the order of storing.
func readJournal(tx *db.Tx, table string) (size Extent, err error) {
	var first, last int64
	err = tx.QueryRow(`SELECT COALESCE((SELECT MIN(id) FROM `+table+`), 0), COALESCE((SELECT MAX(id) FROM `+table+`), 0)`).Scan(&first, &last)
	if err != nil || last == 0 {
		return size, err
	}
	size.Entries = last - first + 1
	return size, tx.QueryRow(`SELECT insert_instant FROM ` + table + ` ORDER BY insert_instant, id LIMIT 1`).Scan(&size.Oldest)
}
