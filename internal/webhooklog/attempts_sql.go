package webhooklog

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// newestEventsFirst is the order of the ids of attempts, which begin with the sequence of the event.
var newestEventsFirst = search.Order{{Column: "a.id", Descending: true, Kind: search.Text}}

// edge is how many events at the end of a period are looked at for the one that was stored last: clocks may have jumped a little.
const edge = 1000

// query is the search of attempts, and whether there can be any. Statuses count from the first on, up to, not including, the second.
func (f AttemptFilter) query(tx *db.Tx, fromStatus, toStatus int) (q search.Query, possible bool, err error) {
	var w search.Conditions
	if f.End != 0 { // what was tried before that was stored before that
		var last sql.NullInt64
		err := tx.QueryRow(`SELECT MAX(sequence) FROM (SELECT sequence FROM event WHERE insert_instant < $1 ORDER BY insert_instant DESC, sequence DESC LIMIT $2) AS part`,
			int64(f.End), edge).Scan(&last)
		if err != nil || !last.Valid {
			return q, false, err
		}
		_, next := AttemptRange(last.Int64)
		w.Add("a.id < ?", next)
	}
	w.Indexed()
	w.Equals("a.webhook_id", string(f.WebhookID))
	w.Equals("a.kind", string(f.Kind))
	switch f.Result {
	case wire.AttemptSuccess:
		w.Equals("a.outcome", string(egress.Accepted))
	case wire.AttemptFailure:
		w.AddEach("a.outcome <> ? AND a.outcome <> ?", string(egress.Accepted), string(egress.Cancelled))
	case wire.AttemptUnknown:
		w.Equals("a.outcome", string(egress.Cancelled))
	}
	w.Equals("a.outcome", f.Outcome)
	if toStatus != 0 {
		w.Add("a.status_code >= ?", fromStatus)
		w.Add("a.status_code < ?", toStatus)
	}
	w.Within("a.start_instant", f.Period)
	return search.Query{Columns: attemptColumns + `, ''`, From: "attempt a", ID: "a.id", Where: w, Order: newestEventsFirst, Indexed: true}, true, nil
}

// eventsOf returns id, type and instant of each event. They may lie anywhere, so they are named one by one.
func eventsOf(tx *db.Tx, sequences []int64) (map[int64]wire.WebhookEventLog, error) {
	all := make(map[int64]wire.WebhookEventLog, len(sequences))
	for batch := range slices.Chunk(sequences, batchSizes[len(batchSizes)-1]) {
		size, _ := slices.BinarySearch(batchSizes, len(batch))
		params, args := make([]string, batchSizes[size]), make([]any, batchSizes[size])
		for i := range params {
			params[i], args[i] = fmt.Sprintf("$%d", i+1), batch[min(i, len(batch)-1)]
		}
		err := each(tx, `SELECT e.sequence, e.id, e.type, e.insert_instant FROM event e WHERE e.sequence IN (`+strings.Join(params, ", ")+`)`, args, func(rows *sql.Rows) error {
			var e wire.WebhookEventLog
			err := rows.Scan(&e.Sequence, &e.ID, &e.EventType, &e.InsertInstant)
			all[e.Sequence] = e
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func instantOf(tx *db.Tx, sequence int64) (at wire.Instant, err error) {
	err = tx.QueryRow(`SELECT insert_instant FROM event WHERE sequence = $1`, sequence).Scan(&at)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	return at, err
}
