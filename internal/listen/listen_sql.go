package listen

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

func insertListener(tx *db.Tx, node string, l *Listener) error {
	document, err := json.Marshal(l.shown)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO listener (id, node, key_id, transactional, document, insert_instant, seen_instant) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
		l.shown.ID, node, l.key, l.shown.Transactional, string(document), tx.NowMillis())
	return err
}

// listenerRow is a listener as it is stored.
type listenerRow struct {
	wire.Listener

	key wire.ID
}

func scanListener(rows *sql.Rows) (l listenerRow, err error) {
	var document string
	if err := rows.Scan(&document, &l.key); err != nil {
		return l, err
	}
	if err := json.Unmarshal([]byte(document), &l.Listener); err != nil {
		return l, fmt.Errorf("listen: a listener: %w", err)
	}
	return l, nil
}

// selectListeners reads listeners that a condition is about.
func selectListeners(tx *db.Tx, rest string, args ...any) ([]listenerRow, error) {
	rows, err := tx.Query(`SELECT document, key_id FROM listener WHERE `+rest, args...)
	return db.Collect(rows, err, scanListener)
}

// loadListener returns no more than one.
func loadListener(tx *db.Tx, id wire.ID) ([]listenerRow, error) {
	return selectListeners(tx, `id = $1`, id)
}

// silentListeners are those without a sign of life since an instant.
func silentListeners(tx *db.Tx, since int64) ([]listenerRow, error) {
	return selectListeners(tx, `seen_instant < $1`, since)
}

// listeners are the others, the oldest first.
func listeners(tx *db.Tx, since int64) ([]listenerRow, error) {
	return selectListeners(tx, `seen_instant >= $1 ORDER BY insert_instant, id`, since)
}

// voters are those of them that have a say.
func voters(tx *db.Tx, since int64) ([]listenerRow, error) {
	return selectListeners(tx, `transactional AND seen_instant >= $1 ORDER BY id`, since)
}

// deleteListener tells whether there was such a listener still.
func deleteListener(tx *db.Tx, id wire.ID) (was bool, err error) {
	n, err := tx.Exec(`DELETE FROM listener WHERE id = $1`, id)
	return n > 0, err
}

// touchListener notes a sign of life, and tells whether the key has such a listener.
func touchListener(tx *db.Tx, id, key wire.ID) (known bool, err error) {
	n, err := tx.Exec(`UPDATE listener SET seen_instant = $1 WHERE id = $2 AND key_id = $3`, tx.NowMillis(), id, key)
	return n > 0, err
}

func noteSeen(tx *db.Tx, id wire.ID, seen int64) error {
	_, err := tx.Exec(`UPDATE listener SET seen_instant = $1 WHERE id = $2 AND seen_instant < $1`, seen, id)
	return err
}

// seenAt is the last sign of life of each listener of a process.
func seenAt(tx *db.Tx, node string) (map[wire.ID]int64, error) {
	rows, err := tx.Query(`SELECT id, seen_instant FROM listener WHERE node = $1`, node)
	if err != nil {
		return nil, err
	}
	all := map[wire.ID]int64{}
	for rows.Next() {
		var id wire.ID
		var seen int64
		if err := rows.Scan(&id, &seen); err != nil {
			return nil, err
		}
		all[id] = seen
	}
	return all, rows.Err()
}

// exchangeRow is what one process has for another.
type exchangeRow struct {
	id, listener wire.ID
	sequence     int64 // 0 for an answer alone
	timeout      time.Duration
	taken        bool
	answer       string
	living       bool // its listener is still there
}

const exchangeColumns = `x.id, x.listener_id, COALESCE(x.event_sequence, 0), x.timeout, x.taken, COALESCE(x.answer, ''), l.id IS NOT NULL`

func scanExchange(row db.Row) (q exchangeRow, err error) {
	var timeout int64
	err = row.Scan(&q.id, &q.listener, &q.sequence, &timeout, &q.taken, &q.answer, &q.living)
	q.timeout = time.Duration(timeout) * time.Millisecond
	return q, err
}

func insertQuestion(tx *db.Tx, id, listener wire.ID, sequence int64, timeout time.Duration) error {
	_, err := tx.Exec(`INSERT INTO listener_exchange (id, listener_id, event_sequence, timeout, taken, insert_instant) VALUES ($1, $2, $3, $4, FALSE, $5)`,
		id, listener, sequence, timeout.Milliseconds(), tx.NowMillis())
	return err
}

// takeExchange tells whether the question was still to be taken.
func takeExchange(tx *db.Tx, id wire.ID) (ours bool, err error) {
	n, err := tx.Exec(`UPDATE listener_exchange SET taken = TRUE WHERE id = $1 AND NOT taken AND event_sequence IS NOT NULL`, id)
	return n > 0, err
}

// answerQuestion answers a question that is still open.
func answerQuestion(tx *db.Tx, id wire.ID, answer string) error {
	_, err := tx.Exec(`UPDATE listener_exchange SET answer = $1 WHERE id = $2 AND answer IS NULL`, answer, id)
	return err
}

// putAnswer answers a question, or leaves the answer to something that only the process with the connection knows. The first one stays.
func putAnswer(tx *db.Tx, id, listener wire.ID, answer string) error {
	_, err := tx.Exec(`INSERT INTO listener_exchange (id, listener_id, timeout, taken, answer, insert_instant) VALUES ($1, $2, 0, TRUE, $3, $4)
		ON CONFLICT (id) DO UPDATE SET answer = excluded.answer
		WHERE listener_exchange.answer IS NULL AND listener_exchange.listener_id = excluded.listener_id`, id, listener, answer, tx.NowMillis())
	return err
}

func loadExchange(tx *db.Tx, id wire.ID) (exchangeRow, error) {
	q, err := scanExchange(tx.QueryRow(`SELECT `+exchangeColumns+` FROM listener_exchange x LEFT JOIN listener l ON l.id = x.listener_id WHERE x.id = $1`, id))
	return q, db.Found(err)
}

// waitingFor is what there is for the listeners of a process.
func waitingFor(tx *db.Tx, node string) ([]exchangeRow, error) {
	rows, err := tx.Query(`SELECT `+exchangeColumns+` FROM listener_exchange x JOIN listener l ON l.id = x.listener_id WHERE l.node = $1`, node)
	return db.Collect(rows, err, func(rows *sql.Rows) (exchangeRow, error) { return scanExchange(rows) })
}

func removeExchange(tx *db.Tx, id wire.ID) error {
	_, err := tx.Exec(`DELETE FROM listener_exchange WHERE id = $1`, id)
	return err
}

// removeExchanges removes what a crash has left.
func removeExchanges(tx *db.Tx, before int64) error {
	any, err := tx.Exists(`SELECT 1 FROM listener_exchange WHERE insert_instant < $1`, before)
	if err != nil || !any {
		return err
	}
	_, err = tx.Exec(`DELETE FROM listener_exchange WHERE insert_instant < $1`, before)
	return err
}

const eventColumns = `e.sequence, e.id, e.type, COALESCE(e.tenant_id, ''), e.result, e.transaction_type, COALESCE(e.linked_object_id, ''), e.test, e.insert_instant`

func scanEvent(rows *sql.Rows) (e seenEvent, err error) {
	err = rows.Scan(&e.Sequence, &e.ID, &e.Type, &e.Tenant, &e.result, &e.Rule, &e.LinkedObject, &e.Test, &e.Instant)
	return e, err
}

func lastSequence(tx *db.Tx) (last int64, err error) {
	err = tx.QueryRow(`SELECT COALESCE(MAX(sequence), 0) FROM event`).Scan(&last)
	return last, err
}

// eventsAfter reads the first events behind a sequence, up to limit.
func eventsAfter(tx *db.Tx, sequence int64, limit int) ([]seenEvent, error) {
	rows, err := tx.Query(`SELECT `+eventColumns+` FROM event e WHERE e.sequence > $1 ORDER BY e.sequence LIMIT $2`, sequence, limit)
	return db.Collect(rows, err, scanEvent)
}

// listSizes are how many events one statement names: few different numbers, so that the statements are prepared once.
var listSizes = []int{1, 10, 100, 500}

// eventsOf reads the events with these sequences, as far as they are there.
func eventsOf(tx *db.Tx, sequences []int64) (all []seenEvent, err error) {
	for chunk := range slices.Chunk(sequences, listSizes[len(listSizes)-1]) {
		size, _ := slices.BinarySearch(listSizes, len(chunk))
		list := make([]int64, listSizes[size])
		for i := range list {
			list[i] = chunk[min(i, len(chunk)-1)] // naming one again fills the statement up
		}
		var w search.Conditions
		w.AnyNumber("e.sequence", list)
		rows, err := tx.Query(`SELECT `+eventColumns+` FROM event e`+w.Where(), w.Args()...)
		some, err := db.Collect(rows, err, scanEvent)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// loadEvent reads an event with its body.
func loadEvent(tx *db.Tx, sequence int64) (*webhooklog.Event, error) {
	all, err := eventsOf(tx, []int64{sequence})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("listen: there is no event %d", sequence)
	}
	e := &all[0].Event
	e.Body, err = bodyOf(tx, sequence)
	return e, err
}

// bodyOf reads the body of an event, nil when it is gone.
func bodyOf(tx *db.Tx, sequence int64) ([]byte, error) {
	rows, err := tx.Query(`SELECT body FROM event WHERE sequence = $1`, sequence)
	found, err := db.Collect(rows, err, func(rows *sql.Rows) (body string, err error) { return body, rows.Scan(&body) })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return []byte(found[0]), nil
}

func eventExists(tx *db.Tx, sequence int64) (bool, error) {
	return tx.Exists(`SELECT 1 FROM event WHERE sequence = $1`, sequence)
}
