package outbox

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

const (
	listColumns = `d.event_sequence, e.id, e.type, d.webhook_id, COALESCE(e.tenant_id, ''), COALESCE(e.linked_object_id, ''), d.state, d.attempts, d.replays,
	CASE WHEN d.state IN ('pending', 'retrying') AND d.claimed_by IS NULL THEN d.due_instant ELSE 0 END, e.insert_instant, d.last_update_instant`
	listFrom = `delivery d JOIN event e ON e.sequence = d.event_sequence`
	// deliveriesFirst keeps SQLite from reading the events of a span first and then sorting all of their deliveries for one page.
	deliveriesFirst = `delivery d JOIN event e ON e.sequence = +d.event_sequence`
)

func scanListed(row db.Row) (l listed, err error) {
	err = row.Scan(&l.sequence, &l.EventID, &l.EventType, &l.WebhookID, &l.TenantID, &l.LinkedObjectID, &l.State, &l.Attempts, &l.Replays,
		&l.NextAttemptInstant, &l.InsertInstant, &l.LastUpdateInstant)
	return l, err
}

func findListed(tx *db.Tx, event, webhook wire.ID) (listed, error) {
	l, err := scanListed(tx.QueryRow(`SELECT `+listColumns+` FROM `+listFrom+` WHERE e.id = $1 AND d.webhook_id = $2`, event, webhook))
	return l, db.Found(err)
}

// listQuery is the search, and whether there can be anything to find. A plus before a column keeps the engines from reading the table in its order: they know how
// many rows there are, but not how few of them match.
func listQuery(tx *db.Tx, c wire.DeliverySearch) (q search.Query, possible bool, err error) {
	order := listOrder(c.OrderBy)
	span, possible, err := spanOfList(tx, c.Period, order[0].Descending, fewEvents)
	if err != nil || !possible {
		return q, false, err
	}
	if c.EventID != "" {
		sequence, err := sequenceOf(tx, c.EventID)
		if err != nil || sequence == 0 {
			return q, false, err
		}
		span = Span{max(span.After, sequence-1), min(span.Through, sequence)}
	}
	states := statesOf(c.DeliveryFilter)
	to, sequence, from := routeTo(states), bySequence, deliveriesFirst
	switch {
	case c.EventID != "":
		to, from = everything, listFrom // there are few
	case to == open:
		sequence = "+" + sequence
	case to == everything && c.WebhookID == "" && (len(c.EventTypes) > 0 || c.TenantID != "" || c.LinkedObjectID != ""):
		sequence, from = "e.sequence", listFrom // there are fewer events than deliveries to look through
	}
	for i := range order {
		if order[i].Column == bySequence {
			order[i].Column = sequence
		}
	}
	var w search.Conditions
	w.Add(sequence+" > ?"+inStates("d", states)+ofTypes(c.DeliveryFilter), span.After)
	w.Add(sequence+" <= ?", span.Through)
	switch {
	case c.WebhookID != "":
		w.Equals("d.webhook_id", string(c.WebhookID))
	case to == open:
		w.Add(`d.webhook_id IN (SELECT id FROM (`+openWebhooks+`) AS owed WHERE id > ?)`, "")
	}
	addEventTerms(&w, c.DeliveryFilter)
	identity, err := json.Marshal(c.DeliveryFilter) // the span moves with what is stored
	if err != nil {
		return q, false, err
	}
	return search.Query{
		Columns: listColumns, From: from, ID: "d.event_sequence, d.webhook_id", Where: w, Order: order,
		Indexed: order[0].Column == sequence && to != open, Page: c.Page, Identity: string(identity),
	}, true, nil
}

// mostOpenSorted is up to how many open deliveries are sorted for a page.
const mostOpenSorted = 1000

// newestDeliveries is the order of lists, whose first column is written in two ways, see listQuery.
func newestDeliveries(sequence string) search.Order {
	return search.Order{{Column: sequence, Descending: true}, {Column: "d.webhook_id", Descending: true, Kind: search.Text}}
}

// pageQuery is listQuery for a list. It goes through the deliveries from the newest on, unless an index of those in certain states has few.
func pageQuery(tx *db.Tx, c wire.DeliverySearch) (q search.Query, possible bool, err error) {
	q = search.Query{Columns: listColumns, From: deliveriesFirst, ID: "d.event_sequence, d.webhook_id", Order: newestDeliveries(bySequence), Page: c.Page}
	w, states := &q.Where, statesOf(c.DeliveryFilter)
	if c.EventID != "" {
		sequence, err := sequenceOf(tx, c.EventID)
		if err != nil || sequence == 0 {
			return q, false, err
		}
		w.Add("d.event_sequence = ?"+inStates("d", states)+ofTypes(c.DeliveryFilter), sequence)
		w.Equals("d.webhook_id", string(c.WebhookID))
		addEventTerms(w, c.DeliveryFilter)
		w.Indexed() // there are few
		return q, true, nil
	}
	span, possible, err := spanOfPage(tx, c.Period)
	if err != nil || !possible {
		return q, false, err
	}
	to := routeTo(states)
	sequence := bySequence
	if to == open {
		few, err := fewAre(tx, c.WebhookID, states)
		if err != nil {
			return q, false, err
		}
		if few {
			sequence = "+" + sequence
			q.Order = newestDeliveries(sequence)
		} else {
			to = everything
		}
	}
	addSpan(w, sequence, span)
	w.Equals("d.webhook_id", string(c.WebhookID))
	switch to {
	case open:
		addOpen(w, c.WebhookID, states)
	case failed:
		w.AddEach("d.state IN ('dead', 'cancelled')")
	}
	w.Indexed()
	if len(states) > 0 && to != open {
		w.AddEach("d.state IN " + literals(states))
	}
	if len(c.EventTypes) > 0 {
		w.AddEach("e.type IN " + literals(c.EventTypes))
	}
	addEventTerms(w, c.DeliveryFilter)
	if to == open {
		w.Indexed() // few are looked at
	}
	return q, true, nil
}

func addSpan(w *search.Conditions, sequence string, s Span) {
	if s.After > 0 {
		w.Add(sequence+" > ?", s.After)
	}
	if s.Through < math.MaxInt64 {
		w.Add(sequence+" <= ?", s.Through)
	}
}

// addOpen are the conditions by which the index of what is open finds it.
func addOpen(w *search.Conditions, webhook wire.ID, states []State) {
	w.AddEach("d.state <> 'delivered' AND d.state IN " + literals(states))
	if webhook == "" {
		w.AddEach(`d.webhook_id IN (` + openWebhooks + `)`)
	}
}

// fewAre tells whether few deliveries are in these states, which are open.
func fewAre(tx *db.Tx, webhook wire.ID, states []State) (bool, error) {
	var w search.Conditions
	w.Equals("d.webhook_id", string(webhook))
	addOpen(&w, webhook, states)
	many, err := tx.Exists(fmt.Sprintf(`SELECT 1 FROM delivery d%s LIMIT 1 OFFSET %d`, w.Where(), mostOpenSorted), w.Args()...)
	return !many, err
}

// edge is how many events at the edge of a period are looked at for the one that was stored last, or first.
const edge = 1000

// spanOfPage is a span in which the events of the period are, as far as they were stored in the order of their instants, or nearly.
func spanOfPage(tx *db.Tx, p wire.Period) (s Span, possible bool, err error) {
	s = Span{0, math.MaxInt64}
	from, to := bounds(p)
	var first, last sql.NullInt64
	if p.Start > 0 {
		err = tx.QueryRow(`SELECT MIN(sequence) FROM (SELECT sequence FROM event WHERE insert_instant >= $1 AND insert_instant < $2 ORDER BY insert_instant, sequence LIMIT $3) AS part`,
			from, to, edge).Scan(&first)
		if err != nil || !first.Valid {
			return s, false, err
		}
		s.After = first.Int64 - 1
	}
	if p.End > 0 {
		err = tx.QueryRow(`SELECT MAX(sequence) FROM (SELECT sequence FROM event WHERE insert_instant >= $1 AND insert_instant < $2 ORDER BY insert_instant DESC, sequence DESC LIMIT $3) AS part`,
			from, to, edge).Scan(&last)
		if err != nil || !last.Valid {
			return s, false, err
		}
		s.Through = last.Int64
	}
	return s, true, nil
}

func instantOf(tx *db.Tx, sequence int64) (at wire.Instant, err error) {
	err = tx.QueryRow(`SELECT insert_instant FROM event WHERE sequence = $1`, sequence).Scan(&at)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	return at, err
}

// openWebhooks are the webhooks, deleted ones included, to which deliveries are not delivered. It looks once per webhook, not once per delivery.
const openWebhooks = `WITH RECURSIVE owed(id) AS (
		SELECT MIN(webhook_id) FROM delivery WHERE state <> 'delivered'
		UNION ALL
		SELECT (SELECT MIN(webhook_id) FROM delivery WHERE state <> 'delivered' AND webhook_id > owed.id) FROM owed WHERE owed.id IS NOT NULL)
	SELECT id FROM owed WHERE id IS NOT NULL`

// inStates is the condition on the states, in a form that the index on the way to them is found by.
func inStates(table string, states []State) string {
	prefix := " AND " + table + ".state "
	switch routeTo(states) {
	case failed:
		text := prefix + `IN ('dead', 'cancelled')`
		if len(states) == 1 {
			text += prefix + "= " + strings.Trim(literals(states), "()")
		}
		return text
	case open:
		return prefix + `<> 'delivered'` + prefix + "IN " + literals(states)
	}
	if len(states) == 0 {
		return ""
	}
	return prefix + "IN " + literals(states)
}

func ofTypes(f wire.DeliveryFilter) string {
	if len(f.EventTypes) == 0 {
		return ""
	}
	return " AND e.type IN " + literals(f.EventTypes)
}

// addEventTerms adds the conditions of the filter that are about the event.
func addEventTerms(w *search.Conditions, f wire.DeliveryFilter) {
	w.Within("+e.insert_instant", f.Period)
	w.Equals("e.tenant_id", string(f.TenantID))
	w.Equals("e.linked_object_id", string(f.LinkedObjectID))
}

func sequenceOf(tx *db.Tx, event wire.ID) (sequence int64, err error) {
	err = tx.QueryRow(`SELECT sequence FROM event WHERE id = $1`, event).Scan(&sequence)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	return sequence, err
}

func lastSequence(tx *db.Tx) (last int64, err error) {
	err = tx.QueryRow(`SELECT COALESCE(MAX(sequence), 0) FROM event`).Scan(&last)
	return last, err
}

// sequencesWithin are the smallest and the largest sequence among the events of the period, as far as the first most of them go, and how many these are.
func sequencesWithin(tx *db.Tx, p wire.Period, most int64) (first, last, count int64, err error) {
	from, to := bounds(p)
	err = tx.QueryRow(`SELECT COALESCE(MIN(sequence), 1), COALESCE(MAX(sequence), 0), COUNT(*)
		FROM (SELECT sequence FROM event WHERE insert_instant >= $1 AND insert_instant < $2 LIMIT $3) AS within`, from, to, most).Scan(&first, &last, &count)
	return first, last, count, err
}

func firstWithin(tx *db.Tx, p wire.Period) (first int64, err error) {
	from, to := bounds(p)
	err = tx.QueryRow(`SELECT MIN(+sequence) FROM event WHERE insert_instant >= $1 AND insert_instant < $2`, from, to).Scan(&first)
	return first, err
}

func lastWithin(tx *db.Tx, p wire.Period) (last int64, err error) {
	from, to := bounds(p)
	err = tx.QueryRow(`SELECT MAX(+sequence) FROM event WHERE insert_instant >= $1 AND insert_instant < $2`, from, to).Scan(&last)
	return last, err
}

func bounds(p wire.Period) (from, to int64) {
	if from, to = int64(p.Start), int64(p.End); to == 0 {
		to = math.MaxInt64
	}
	return from, to
}

// attemptBatches are how many deliveries one statement looks for attempts of: few different numbers, so that it is prepared once for each.
var attemptBatches = []int{1, search.DefaultResults, 500}

// addLastAttempts adds to each delivery the latest attempt. The ids of an event's attempts begin with its sequence, so they are one range each.
func addLastAttempts(tx *db.Tx, all []listed) error {
	type key struct {
		first   string
		webhook wire.ID
	}
	for batch := range slices.Chunk(all, attemptBatches[len(attemptBatches)-1]) {
		at := make(map[key]*wire.Delivery, len(batch))
		size, _ := slices.BinarySearch(attemptBatches, len(batch))
		args := make([]any, 0, 3*attemptBatches[size])
		for i := range attemptBatches[size] {
			l := &batch[min(i, len(batch)-1)]
			first, next := webhooklog.AttemptRange(l.sequence)
			if at[key{first, l.WebhookID}] == nil {
				at[key{first, l.WebhookID}] = &l.Delivery
				args = append(args, first, next, l.WebhookID)
				continue
			}
			args = append(args, "", "", "") // fills the statement up
		}
		rows, err := tx.Query(`WITH wanted (first, next, webhook) AS (VALUES `+triples(attemptBatches[size])+`)
			SELECT w.first, a.webhook_id, a.id, a.kind, a.outcome, a.status_code, a.exception, a.node, a.start_instant, a.end_instant
			FROM wanted w JOIN attempt a ON a.id = (SELECT b.id FROM attempt b WHERE b.id >= w.first AND b.id < w.next AND b.webhook_id = w.webhook
				ORDER BY b.start_instant DESC, b.id DESC LIMIT 1)`, args...)
		_, err = db.Collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			var k key
			var a wire.DeliveryAttempt
			err := rows.Scan(&k.first, &k.webhook, &a.ID, &a.Kind, &a.Outcome, &a.StatusCode, &a.Exception, &a.Node, &a.StartInstant, &a.EndInstant)
			if d := at[k]; err == nil && d != nil {
				d.LastAttempt = &a
			}
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// triples is n tuples of three parameters.
func triples(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("($%d, $%d, $%d)", 3*i+1, 3*i+2, 3*i+3)
	}
	return strings.Join(all, ", ")
}

// countOwed counts what is owed to the webhook, not much further than search.MaxCount, and returns when the earliest of it is due; carried without any.
func countOwed(tx *db.Tx, b *wire.WebhookBacklog) (due int64, err error) {
	count := func(state State) string {
		return `(SELECT COUNT(*) FROM (SELECT 1 FROM delivery WHERE webhook_id = $1 AND state <> 'delivered' AND state = '` + string(state) + `' LIMIT $2) AS counted)`
	}
	first := func(state State) string {
		return `COALESCE((SELECT MIN(due_instant) FROM delivery WHERE webhook_id = $1 AND state <> 'delivered' AND state = '` + string(state) + `'), $3)`
	}
	var pending, retrying int64
	err = tx.QueryRow(`SELECT `+count(Pending)+`, `+count(Retrying)+`, `+count(Dead)+`, `+first(Pending)+`, `+first(Retrying),
		b.WebhookID, search.MaxCount+1, int64(carried)).Scan(&b.Pending, &b.Retrying, &b.Dead, &pending, &retrying)
	return min(pending, retrying), err
}
