package webhooklog

import (
	"database/sql"
	"slices"

	"github.com/herald-events/herald/internal/db"
)

// place is where a look at the events, in the order of their age, has come to.
type place struct{ instant, sequence int64 }

// condition tells whether an event e may go; $1 is the limit.
func (l ageLimit) condition() string {
	condition := `e.insert_instant < $1 AND e.result <> 'Running'
		AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_sequence = e.sequence AND d.state IN ('pending', 'retrying'))`
	if l.quiet {
		condition += ` AND e.last_update_instant < $1
			AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_sequence = e.sequence AND d.last_update_instant >= $1)`
	}
	return condition
}

// removable finds events that may go behind the place from, the oldest first, until there are enough for a transaction or it has seen enough. It returns where it
// has come to, and whether there is more.
func removable(tx *db.Tx, from place, limit ageLimit) (found []span, to place, more bool, err error) {
	rows, err := tx.Query(`SELECT e.insert_instant, e.sequence, `+limit.condition()+` FROM event e
		WHERE e.insert_instant < $1 AND (e.insert_instant, e.sequence) > ($2, $3) ORDER BY e.insert_instant, e.sequence LIMIT $4`,
		limit.before, from.instant, from.sequence, examined)
	if err != nil {
		return nil, from, false, err
	}
	defer rows.Close()
	to = from
	var sequences []int64
	seen := 0
	for len(sequences) < mostEvents && rows.Next() {
		var may bool
		if err := rows.Scan(&to.instant, &to.sequence, &may); err != nil {
			return nil, from, false, err
		}
		if may {
			sequences = append(sequences, to.sequence)
		}
		seen++
	}
	return spansOf(sequences), to, seen == examined || len(sequences) == mostEvents, rows.Err()
}

// lockRemovable returns those of the events that may still go, except what another process is just removing. They stay as they are until the
// transaction ends.
func lockRemovable(tx *db.Tx, found []span, limit ageLimit) ([]span, error) {
	var still []int64
	for _, events := range found {
		rows, err := tx.Query(`SELECT e.sequence FROM event e WHERE e.sequence >= $2 AND e.sequence <= $3 AND `+limit.condition()+tx.ForUpdateSkipLocked(),
			limit.before, events.first, events.last)
		some, err := db.Collect(rows, err, func(rows *sql.Rows) (s int64, err error) { return s, rows.Scan(&s) })
		if err != nil {
			return nil, err
		}
		still = append(still, some...)
	}
	return spansOf(still), nil
}

// deleteAttempts removes attempts about the events, up to limit.
func deleteAttempts(tx *db.Tx, events span, limit int64) (int64, error) {
	from, to := events.attempts()
	return tx.Exec(`DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3)`, from, to, limit)
}

// deleteDeliveries removes deliveries of the events, up to limit. One that was begun anew since we looked stays, and its event with it: PostgreSQL looks at the state
// once more when it has the lock of the row.
func deleteDeliveries(tx *db.Tx, events span, limit int64) (int64, error) {
	return tx.Exec(`DELETE FROM delivery WHERE (event_sequence, webhook_id) IN (
		SELECT event_sequence, webhook_id FROM delivery WHERE event_sequence >= $1 AND event_sequence <= $2 AND state NOT IN ('pending', 'retrying')
		ORDER BY event_sequence, webhook_id LIMIT $3) AND state NOT IN ('pending', 'retrying')`,
		events.first, events.last, limit)
}

// deleteEvents removes events that have no deliveries any more, up to limit, and notes up to where some that were committed are gone.
func deleteEvents(tx *db.Tx, events span, limit int64) (int64, error) {
	rows, err := tx.Query(`DELETE FROM event WHERE sequence IN (SELECT e.sequence FROM event e WHERE e.sequence >= $1 AND e.sequence <= $2
		AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_sequence = e.sequence) ORDER BY e.sequence LIMIT $3)
		RETURNING CASE WHEN result = 'Succeeded' AND NOT test THEN sequence ELSE 0 END`,
		events.first, events.last, limit)
	removed, err := db.Collect(rows, err, func(rows *sql.Rows) (s int64, err error) { return s, rows.Scan(&s) })
	if err != nil || len(removed) == 0 {
		return 0, err
	}
	_, err = tx.Exec(`INSERT INTO event_removed (one, sequence) VALUES (1, $1)
		ON CONFLICT (one) DO UPDATE SET sequence = excluded.sequence WHERE event_removed.sequence < excluded.sequence`, slices.Max(removed))
	return int64(len(removed)), err
}

// RemovedUpTo is the sequence of the last committed event that was removed; 0 when none was.
func RemovedUpTo(tx *db.Tx) (sequence int64, err error) {
	return sequence, tx.QueryRow(`SELECT COALESCE(MAX(sequence), 0) FROM event_removed`).Scan(&sequence)
}

// attemptsBefore are attempts behind the one given, in the order of their ids, that ended before the instant.
func attemptsBefore(tx *db.Tx, from string, before int64, limit int) ([]string, error) {
	rows, err := tx.Query(`SELECT id FROM attempt WHERE id > $1 AND end_instant < $2 ORDER BY id LIMIT $3`, from, before, limit)
	return db.Collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
}

func deleteEach(tx *db.Tx, attempts []string) error {
	rows := make([][]any, len(attempts))
	for i, id := range attempts {
		rows[i] = []any{id}
	}
	_, err := tx.ExecEach(`DELETE FROM attempt WHERE id = $1`, rows)
	return err
}

// deleteAudiences removes up to limit of those that no event refers to: their last use, which is noted once a day, is more than a day before the oldest
// event, or before the given instant when there are no events.
func deleteAudiences(tx *db.Tx, before int64, limit int) error {
	_, err := tx.Exec(`DELETE FROM audience WHERE id IN (SELECT id FROM audience
		WHERE last_used_instant + $2 < (SELECT COALESCE(MIN(insert_instant), $1) FROM event) LIMIT $3)`, before, dayMillis, limit)
	return err
}

// countTrimmable counts events that may go, and what goes with them. With a quiet limit attempts go by their own age.
func countTrimmable(tx *db.Tx, limit ageLimit) (n Trimmable, err error) {
	gone := `SELECT e.sequence FROM event e WHERE ` + limit.condition()
	if err := tx.QueryRow(`SELECT COUNT(*) FROM (`+gone+`) gone`, limit.before).Scan(&n.Events); err != nil {
		return n, err
	}
	if err := tx.QueryRow(`SELECT COUNT(*) FROM delivery WHERE event_sequence IN (`+gone+`)`, limit.before).Scan(&n.Deliveries); err != nil {
		return n, err
	}
	if limit.quiet {
		return n, tx.QueryRow(`SELECT COUNT(*) FROM attempt WHERE end_instant < $1`, limit.before).Scan(&n.Attempts)
	}
	rows, err := tx.Query(gone, limit.before)
	sequences, err := db.Collect(rows, err, func(rows *sql.Rows) (s int64, err error) { return s, rows.Scan(&s) })
	if err != nil {
		return n, err
	}
	for _, events := range spansOf(sequences) {
		from, to := events.attempts()
		var attempts int64
		if err := tx.QueryRow(`SELECT COUNT(*) FROM attempt WHERE id >= $1 AND id < $2`, from, to).Scan(&attempts); err != nil {
			return n, err
		}
		n.Attempts += attempts
	}
	return n, nil
}
