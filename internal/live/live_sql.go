package live

import (
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

const eventColumns = `e.sequence, e.id, e.type, COALESCE(e.tenant_id, ''), e.result, e.transaction_type, COALESCE(e.linked_object_id, ''), e.test, e.insert_instant, e.last_update_instant`

func scanEvent(rows *sql.Rows) (e Event, err error) {
	err = rows.Scan(&e.Sequence, &e.ID, &e.Type, &e.TenantID, &e.Result, &e.Rule, &e.LinkedObjectID, &e.Test, &e.Instant, &e.DecidedInstant)
	if e.Result == wire.EventRunning {
		e.DecidedInstant = 0
	}
	return e, err
}

// eventsAfter reads the newest events behind a sequence, up to limit, in the order of their sequences.
func eventsAfter(tx *db.Tx, sequence int64, limit int) ([]Event, error) {
	rows, err := tx.Query(`SELECT `+eventColumns+` FROM event e WHERE e.sequence > $1 ORDER BY e.sequence DESC LIMIT $2`, sequence, limit)
	all, err := db.Collect(rows, err, scanEvent)
	slices.Reverse(all)
	return all, err
}

// span is events with consecutive sequences, from the first to the last.
type span struct{ first, last int64 }

// spansOf puts consecutive sequences together, so that few conditions are about many events.
func spansOf(sequences []int64) (all []span) {
	for _, s := range slices.Sorted(slices.Values(sequences)) {
		if n := len(all); n > 0 && all[n-1].last >= s-1 {
			all[n-1].last = s
			continue
		}
		all = append(all, span{s, s})
	}
	return all
}

// batchSizes are how many spans one statement is about: few different numbers, so that the statements are prepared once.
var batchSizes = []int{1, 10, 50}

// inSpans runs a query once for each span of sequences, many in one statement; bounds turns a span into what the column is between, the second excluded. It stops
// when enough says so.
func inSpans(tx *db.Tx, query, column string, sequences []int64, bounds func(span) (from, to any), scan func(*sql.Rows) error, enough func() bool) error {
	for batch := range slices.Chunk(spansOf(sequences), batchSizes[len(batchSizes)-1]) {
		size, _ := slices.BinarySearch(batchSizes, len(batch))
		parts, args := make([]string, batchSizes[size]), make([]any, 0, 2*batchSizes[size])
		for i := range parts {
			s := span{0, -1} // fills the statement up
			if i < len(batch) {
				s = batch[i]
			}
			from, to := bounds(s)
			args = append(args, from, to)
			parts[i] = fmt.Sprintf(`%s WHERE %s >= $%d AND %s < $%d`, query, column, 2*i+1, column, 2*i+2)
		}
		rows, err := tx.Query(strings.Join(parts, ` UNION ALL `), args...)
		if err != nil {
			return err
		}
		for rows.Next() && !enough() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		if err := closed(rows); err != nil || enough() {
			return err
		}
	}
	return nil
}

// closed closes the rows and returns what went wrong while they were read.
func closed(rows *sql.Rows) error {
	err := rows.Err()
	if ended := rows.Close(); err == nil {
		err = ended
	}
	return err
}

func bySequence(s span) (from, to any) { return s.first, s.last + 1 }

func byAttempt(s span) (from, to any) {
	first, _ := webhooklog.AttemptRange(max(s.first, 0))
	_, next := webhooklog.AttemptRange(max(s.last, 0))
	if s.last < s.first {
		next = first
	}
	return first, next
}

func never() bool { return false }

// eventsOf reads the events with these sequences, as far as they are visible.
func eventsOf(tx *db.Tx, sequences []int64) (all []Event, err error) {
	err = inSpans(tx, `SELECT `+eventColumns+` FROM event e`, "e.sequence", sequences, bySequence, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		all = append(all, e)
		return err
	}, never)
	return all, err
}

// eachDelivery reads the deliveries of these events, claimed says that a process is at it.
func eachDelivery(tx *db.Tx, sequences []int64, fn func(sequence int64, d Delivery, due int64, claimed bool), enough func() bool) error {
	return inSpans(tx, `SELECT event_sequence, webhook_id, state, attempts, replays, due_instant, claimed_by IS NOT NULL, last_update_instant FROM delivery`,
		"event_sequence", sequences, bySequence, func(rows *sql.Rows) error {
			var sequence, due int64
			var claimed bool
			var d Delivery
			err := rows.Scan(&sequence, &d.WebhookID, &d.State, &d.Attempts, &d.Replays, &due, &claimed, &d.LastUpdateInstant)
			if isOpen(d.State) && !claimed {
				d.NextAttemptInstant = wire.Instant(due)
			}
			fn(sequence, d, due, claimed)
			return err
		}, enough)
}

// eachAttempt reads the attempts about these events.
func eachAttempt(tx *db.Tx, sequences []int64, fn func(Attempt), enough func() bool) error {
	return inSpans(tx, `SELECT id, webhook_id, url, kind, outcome, status_code, start_instant, end_instant FROM attempt`, "id", sequences, byAttempt,
		func(rows *sql.Rows) error {
			var a Attempt
			err := rows.Scan(&a.ID, &a.WebhookID, &a.URL, &a.Kind, &a.Outcome, &a.StatusCode, &a.Start, &a.End)
			fn(a)
			return err
		}, enough)
}

// carried is the due time of a delivery that a process has claimed, see package outbox.
const carried int64 = math.MaxInt64

// ask is a webhook whose deliveries in motion are looked for: those that are claimed, and those due until an instant; -1 for none of these.
type ask struct {
	webhook wire.ID
	until   int64
}

// inMotion reads the sequences of events whose deliveries to these webhooks are claimed, or due: of each webhook, state and kind up to most. Each is
// looked up in the index of what is open.
func inMotion(tx *db.Tx, asks []ask, most int) (sequences []int64, full bool, err error) {
	const atOnce = 10
	for batch := range slices.Chunk(asks, atOnce) {
		var parts []string
		var args []any
		for i := range atOnce {
			a := ask{"", -1} // fills the statement up
			if i < len(batch) {
				a = batch[i]
			}
			args = append(args, a.webhook, a.until)
			for _, state := range []string{"pending", "retrying"} {
				where := fmt.Sprintf(`FROM delivery WHERE webhook_id = $%d AND state <> 'delivered' AND state = '%s' AND due_instant`, 2*i+1, state)
				parts = append(parts,
					fmt.Sprintf(`SELECT event_sequence FROM (SELECT event_sequence %s <= $%d ORDER BY due_instant LIMIT %d) AS due`, where, 2*i+2, most),
					fmt.Sprintf(`SELECT event_sequence FROM (SELECT event_sequence %s = %d LIMIT %d) AS claimed`, where, carried, most))
			}
		}
		rows, err := tx.Query(strings.Join(parts, ` UNION ALL `), args...)
		found, err := db.Collect(rows, err, func(rows *sql.Rows) (s int64, err error) { return s, rows.Scan(&s) })
		if err != nil {
			return nil, false, err
		}
		full = full || len(found) >= most
		sequences = append(sequences, found...)
	}
	return sequences, full, nil
}

// lastSequence is the highest sequence that is visible, 0 without events.
func lastSequence(tx *db.Tx) (last int64, err error) {
	err = tx.QueryRow(`SELECT COALESCE(MAX(sequence), 0) FROM event`).Scan(&last)
	return last, err
}
