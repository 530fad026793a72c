package webhooklog

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

const (
	eventColumns = listColumns + `, COALESCE(e.audience_id, ''), e.body`
	listColumns  = `e.sequence, e.id, e.type, e.result, e.transaction_type, COALESCE(e.tenant_id, ''), COALESCE(e.linked_object_id, ''), e.test, e.operation_id,
	e.insert_instant, e.last_update_instant`
)

func scanEvent(row db.Row) (e entry, err error) {
	var audience, body string
	e, err = scanListed(row, &audience, &body)
	e.audience, e.Event = audience, json.RawMessage(webhook.Shown([]byte(body)))
	return e, err
}

// scanListed scans listColumns, and what stands behind them into more.
func scanListed(row db.Row, more ...any) (e entry, err error) {
	err = row.Scan(append([]any{
		&e.Sequence, &e.ID, &e.EventType, &e.EventResult, &e.TransactionType, &e.TenantID, &e.LinkedObjectID, &e.Test, &e.OperationID, &e.InsertInstant, &e.LastUpdateInstant,
	}, more...)...)
	if e.TransactionType == wire.None {
		e.TransactionType = ""
	}
	return e, err
}

func loadEvent(tx *db.Tx, id wire.ID) (entry, error) {
	e, err := scanEvent(tx.QueryRow(`SELECT `+eventColumns+` FROM event e WHERE e.id = $1`, id))
	return e, db.Found(err)
}

// The events are in the order of their instants in the index event_time, which is where lists are read from. Events of one instant are put in order when they
// are read; there are few. All other orders are sorted for each page, within the time that is asked for.
var (
	bySequence  = search.Term{Column: "e.sequence"}
	newestFirst = search.Order{{Column: "e.insert_instant", Descending: true, Kind: search.Instant}, {Column: "e.sequence", Descending: true}}
	orders      = map[string]string{
		"eventResult": "e.result", "eventType": "e.type", "insertInstant": "e.insert_instant", "lastAttemptInstant": lastAttempt,
		"linkedObjectId": "COALESCE(e.linked_object_id, '')", "sequence": bySequence.Column,
	}
	ordersAndID = withID(orders)
)

func withID(columns map[string]string) map[string]string {
	columns = maps.Clone(columns)
	columns["id"] = "e.id"
	return columns
}

// orderOf ends in something that tells any two events apart: the sequence, unless the caller names the id.
func orderOf(text string) search.Order {
	order := search.ParseOrder(text, orders, nil)
	if order == nil {
		return search.ParseOrder(text, ordersAndID, newestFirst)
	}
	if !slices.ContainsFunc(order, func(t search.Term) bool { return t.Column == bySequence.Column }) {
		order = append(order, search.Term{Column: bySequence.Column, Descending: order[len(order)-1].Descending})
	}
	return order
}

var (
	// prefix and ofEvent are what AttemptRange is where the sequence is a column. The engines have different functions for hexadecimal digits.
	prefix      = hexadecimal(44, 16) + ` || '-' || ` + hexadecimal(12, 0)
	ofEvent     = `a.id >= ` + prefix + ` || '-8' AND a.id < ` + prefix + ` || '-9'`
	lastAttempt = `COALESCE((SELECT MAX(a.start_instant) FROM attempt a WHERE ` + ofEvent + `), 0)`
)

// hexadecimal is an expression for digits of e.sequence: those of the bits from shift first down to shift last.
func hexadecimal(first, last int) string {
	var digits []string
	for shift := first; shift >= last; shift -= 4 {
		digits = append(digits, fmt.Sprintf(`SUBSTR('0123456789abcdef', CAST((e.sequence >> %d) & 15 AS INTEGER) + 1, 1)`, shift))
	}
	return strings.Join(digits, " || ")
}

// query is the search. Of the conditions those that the index can answer come first, and what has to read whole bodies last.
func (q criteria) query() search.Query {
	var w search.Conditions
	w.Within("e.insert_instant", q.Period)
	w.Indexed()
	w.Equals("e.type", q.EventType)
	w.Equals("e.tenant_id", string(q.TenantID))
	w.Equals("e.result", string(q.EventResult))
	w.Equals("e.linked_object_id", string(q.LinkedObjectID))
	if q.Test != nil {
		w.Add("e.test = ?", *q.Test)
	}
	q.addDelivery(&w)
	q.addAttempt(&w)
	if q.WebhookID != "" && !q.wantsDelivery() && !q.wantsAttempt() {
		// A refused event was owed to nobody, and nor is a test: only their attempts tell whose they were.
		w.Add(`(EXISTS (SELECT 1 FROM delivery d WHERE d.event_sequence = e.sequence AND d.webhook_id = ?)
			OR (e.result <> 'Succeeded' OR e.test) AND EXISTS (SELECT 1 FROM attempt a WHERE `+ofEvent+` AND a.webhook_id = ?))`, string(q.WebhookID))
	}
	addBody(&w, q.Event)
	order := orderOf(q.OrderBy)
	return search.Query{
		Columns: eventColumns, From: "event e", ID: "e.sequence", Where: w, Order: order, Indexed: order[0].Column == "e.insert_instant", Page: q.Page, Identity: q.asked,
	}
}

// list is the search for a list: the newest events first, without what only some of them show.
func (q criteria) list() search.Query {
	list := q.query()
	list.Columns, list.Order = listColumns, newestFirst
	return list
}

func (q criteria) wantsDelivery() bool { return q.DeliveryState != "" }
func (q criteria) wantsAttempt() bool  { return q.Outcome != "" || q.toStatus != 0 }

// addDelivery and addAttempt put into the text what is known to be one of ours, as a condition has one parameter: the webhook, empty for any.
func (q criteria) addDelivery(w *search.Conditions) {
	if q.wantsDelivery() {
		w.Add(fmt.Sprintf(`EXISTS (SELECT 1 FROM delivery d WHERE d.event_sequence = e.sequence AND d.state = '%s' AND ('' = ? OR d.webhook_id = ?))`, q.DeliveryState),
			string(q.WebhookID))
	}
}

func (q criteria) addAttempt(w *search.Conditions) {
	if !q.wantsAttempt() {
		return
	}
	text := ofEvent
	if q.Outcome != "" {
		text += fmt.Sprintf(` AND a.outcome = '%s'`, q.Outcome)
	}
	if q.toStatus != 0 {
		text += fmt.Sprintf(` AND a.status_code >= %d AND a.status_code < %d`, q.fromStatus, q.toStatus)
	}
	w.Add(`EXISTS (SELECT 1 FROM attempt a WHERE `+text+` AND ('' = ? OR a.webhook_id = ?))`, string(q.WebhookID))
}

// addBody looks for text in bodies, which are stored as they are sent.
func addBody(w *search.Conditions, text string) {
	if pattern := search.Pattern(text); pattern != "" {
		w.Add(foldedBody(pattern)+` LIKE ?`+search.Escape, pattern)
	}
}

// mostFolded bounds the work per body.
const mostFolded = 16

// foldedBody is the body in lower case as far as the pattern, which is in lower case, needs it. LOWER folds the letters of ASCII only on SQLite, and on
// PostgreSQL with some locales; of the others the first few that the pattern has are folded one by one.
func foldedBody(pattern string) string {
	body := "e.body"
	var folded []rune
	for _, letter := range pattern {
		upper := unicode.ToUpper(letter)
		if letter <= unicode.MaxASCII || upper == letter || unicode.ToLower(upper) != letter || slices.Contains(folded, letter) {
			continue
		}
		if len(folded) == mostFolded {
			break
		}
		folded = append(folded, letter)
		body = fmt.Sprintf("REPLACE(%s, '%c', '%c')", body, upper, letter)
	}
	return "LOWER(" + body + ")"
}

// loadAttempt returns the attempt with its detail.
func loadAttempt(tx *db.Tx, id wire.ID) (attemptRow, error) {
	a, err := scanAttempt(tx.QueryRow(`SELECT `+attemptColumns+`, a.detail FROM attempt a WHERE a.id = $1`, id))
	return a, db.Found(err)
}

// loadSent returns the id and the body of the event with that sequence.
func loadSent(tx *db.Tx, sequence int64) (id wire.ID, body string, err error) {
	err = tx.QueryRow(`SELECT id, body FROM event WHERE sequence = $1`, sequence).Scan(&id, &body)
	return id, body, db.Found(err)
}

const attemptColumns = `a.id, a.webhook_id, a.kind, a.node, a.outcome, a.status_code, a.url, a.exception, a.start_instant, a.end_instant`

func scanAttempt(row db.Row) (a attemptRow, err error) {
	r := &a.WebhookCallResponse
	err = row.Scan(&a.ID, &a.WebhookID, &a.Kind, &a.Node, &a.Outcome, &r.StatusCode, &r.URL, &r.Exception, &a.StartInstant, &a.EndInstant, &a.detail)
	return a, err
}

// eachAttempt calls fn with the attempts about these events, those of one event in the order of their start. Without details that column, which may be
// large, is not read.
func eachAttempt(tx *db.Tx, sequences []int64, details bool, fn func(attemptRow) error) error {
	detail := `''`
	if details {
		detail = `a.detail`
	}
	for spans := range batches(sequences) {
		bounds := make([]any, 0, 2*len(spans))
		for _, s := range spans {
			from, to := s.attempts()
			bounds = append(bounds, from, to)
		}
		err := each(tx, inSpans(`SELECT `+attemptColumns+`, `+detail+` FROM attempt a`, "a.id", len(spans))+` ORDER BY start_instant, id`, bounds, func(rows *sql.Rows) error {
			a, err := scanAttempt(rows)
			if err != nil {
				return err
			}
			return fn(a)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachDelivery calls fn with the deliveries of these events, those of one event in the order of their webhooks.
func eachDelivery(tx *db.Tx, sequences []int64, fn func(sequence int64, d wire.WebhookEventDelivery) error) error {
	for spans := range batches(sequences) {
		bounds := make([]any, 0, 2*len(spans))
		for _, s := range spans {
			bounds = append(bounds, s.first, s.last+1)
		}
		const query = `SELECT event_sequence, webhook_id, state, attempts, replays, last_update_instant,
			CASE WHEN state IN ('pending', 'retrying') AND claimed_by IS NULL THEN due_instant ELSE 0 END FROM delivery`
		err := each(tx, inSpans(query, "event_sequence", len(spans))+` ORDER BY event_sequence, webhook_id`, bounds, func(rows *sql.Rows) error {
			var sequence int64
			var d wire.WebhookEventDelivery
			if err := rows.Scan(&sequence, &d.WebhookID, &d.State, &d.Attempts, &d.Replays, &d.LastUpdateInstant, &d.NextAttemptInstant); err != nil {
				return err
			}
			return fn(sequence, d)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// span is events with consecutive sequences, from the first to the last.
type span struct{ first, last int64 }

// spansOf puts consecutive sequences together, so that few conditions are about many events.
func spansOf(sequences []int64) (all []span) {
	for _, s := range slices.Compact(slices.Sorted(slices.Values(sequences))) {
		if n := len(all); n > 0 && all[n-1].last == s-1 {
			all[n-1].last = s
			continue
		}
		all = append(all, span{s, s})
	}
	return all
}

// attempts is the ids that attempts about the events can have: from the first up to, not including, the second.
func (s span) attempts() (from, to string) {
	from, _ = AttemptRange(s.first)
	_, to = AttemptRange(s.last)
	return from, to
}

func each(tx *db.Tx, query string, args []any, fn func(*sql.Rows) error) error {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// batchSizes are how many spans one statement is about: few different numbers, so that the statements are prepared once. The events of most pages have
// consecutive sequences, which are one span.
var batchSizes = []int{1, 5, search.DefaultResults, 100}

// batches puts the sequences into spans and cuts these into parts of the sizes. The last one is filled up with a span that no event is in.
func batches(sequences []int64) iter.Seq[[]span] {
	return func(yield func([]span) bool) {
		for batch := range slices.Chunk(spansOf(sequences), batchSizes[len(batchSizes)-1]) {
			size, _ := slices.BinarySearch(batchSizes, len(batch))
			for batch = slices.Clip(batch); len(batch) < batchSizes[size]; {
				batch = append(batch, span{0, -1})
			}
			if !yield(batch) {
				return
			}
		}
	}
}

// inSpans repeats a query for n ranges of a column, each with two parameters: from the first up to, not including, the second. Each is looked up in the
// index for itself. With one condition for all, or the ranges as rows of a table, one engine or the other takes them for a large part of the table and
// reads all of it.
func inSpans(query, column string, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s WHERE %s >= $%d AND %s < $%d", query, column, 2*i+1, column, 2*i+2)
	}
	return strings.Join(all, " UNION ALL ")
}
