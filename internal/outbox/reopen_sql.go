package outbox

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// The claim is counted up by everything that overtakes a result which is still under way.
const (
	reopenDelivery = `UPDATE delivery SET state = 'pending', attempts = 0, replays = replays + 1, due_instant = $1, claim = claim + 1, claimed_by = NULL,
			ordering_key = CASE WHEN $2 THEN (SELECT COALESCE(e.linked_object_id, e.id) FROM event e WHERE e.sequence = delivery.event_sequence) END, last_update_instant = $1
		WHERE event_sequence = $3 AND webhook_id = $4 AND state IN ('delivered', 'dead', 'cancelled') AND last_update_instant <= $5
			AND ($6 OR state <> 'delivered')`

	// The update counts as something that has happened, so that what has waited for long is not given up in the same moment.
	hastenDelivery = `UPDATE delivery SET due_instant = $1, last_update_instant = $1
		WHERE event_sequence = $2 AND webhook_id = $3 AND state IN ('pending', 'retrying') AND due_instant > $1 AND due_instant < $4`

	cancelDelivery = `UPDATE delivery SET state = 'cancelled', due_instant = $1, claim = claim + 1, claimed_by = NULL, last_update_instant = $1
		WHERE event_sequence = $2 AND webhook_id = $3 AND state IN ('pending', 'retrying')`

	oweDeliverySelect = `INSERT INTO delivery (event_sequence, webhook_id, state, attempts, replays, due_instant, claim, claimed_by, ordering_key, insert_instant, last_update_instant)
		SELECT e.sequence, CAST($1 AS TEXT), 'pending', 0, 0, CAST($2 AS BIGINT), 0, NULL, CASE WHEN $3 THEN COALESCE(e.linked_object_id, e.id) END, CAST($2 AS BIGINT), CAST($2 AS BIGINT)
		FROM event e WHERE e.sequence = $4 AND e.result = 'Succeeded' AND NOT e.test`
)

// oweDelivery keeps the event from being removed for its age in the same moment, by another process: what is owed would have nothing to send.
func oweDelivery(tx *db.Tx) string {
	lock := ""
	if tx.Engine() == db.PostgreSQL {
		lock = ` FOR KEY SHARE`
	}
	return oweDeliverySelect + lock + ` ON CONFLICT (event_sequence, webhook_id) DO NOTHING`
}

func findEvent(tx *db.Tx, id wire.ID) (sequence int64, result string, test bool, err error) {
	err = tx.QueryRow(`SELECT sequence, result, test FROM event WHERE id = $1`, id).Scan(&sequence, &result, &test)
	return sequence, result, test, db.Found(err)
}

// examined is a delivery that a walk came past.
type examined struct {
	sequence int64
	matches  bool
}

func walk(tx *db.Tx, f wire.DeliveryFilter, webhook wire.ID, states []State, changedUntil int64, s Span, limit int) ([]examined, error) {
	// What is examined is cut out first, by the index on the way to it, and then looked at more closely.
	cut, sequence, within := inStates("d", states), "d.event_sequence", ""
	switch routeTo(states) {
	case everything:
		cut, within = "", strings.ReplaceAll(cut, "d.state", "s.state") // past those in other states
	case open:
		sequence = "+" + sequence
	}
	var w search.Conditions
	w.Add("s.event_sequence > ?"+within+ofTypes(f), s.After)
	addEventTerms(&w, f)
	if f.EventID != "" {
		w.Equals("e.id", string(f.EventID))
	}
	if changedUntil != 0 {
		w.Add("s.last_update_instant <= ?", changedUntil)
	}
	matches, args := strings.TrimPrefix(w.Where(), " WHERE "), w.Args()
	n := len(args)
	rows, err := tx.Query(fmt.Sprintf(`WITH s AS (SELECT d.event_sequence, d.state, d.last_update_instant FROM delivery d
			WHERE d.webhook_id = $%[1]d AND %[2]s > $%[3]d AND %[2]s <= $%[4]d%[5]s ORDER BY %[2]s LIMIT $%[6]d)
		SELECT s.event_sequence, CASE WHEN %[7]s THEN 1 ELSE 0 END FROM s LEFT JOIN event e ON e.sequence = s.event_sequence ORDER BY s.event_sequence`,
		n+1, sequence, n+2, n+3, cut, n+4, matches), append(args[:n:n], webhook, s.After, s.Through, limit)...)
	return db.Collect(rows, err, func(rows *sql.Rows) (e examined, err error) {
		var matches int
		err = rows.Scan(&e.sequence, &matches)
		e.matches = matches == 1
		return e, err
	})
}

// passed is an event that a walk came past.
type passed struct {
	Missed

	committed bool // in the period, and no test
}

func walkMissed(tx *db.Tx, p wire.Period, webhook wire.ID, s Span, limit int) ([]passed, error) {
	from, to := bounds(p)
	rows, err := tx.Query(`WITH s AS (SELECT sequence, type, tenant_id, result, test, insert_instant FROM event WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3)
		SELECT s.sequence, s.type, COALESCE(s.tenant_id, ''), COALESCE(d.state, ''),
			CASE WHEN s.result = 'Succeeded' AND NOT s.test AND s.insert_instant >= $4 AND s.insert_instant < $5 THEN 1 ELSE 0 END
		FROM s LEFT JOIN delivery d ON d.event_sequence = s.sequence AND d.webhook_id = $6 ORDER BY s.sequence`,
		s.After, s.Through, limit, from, to, webhook)
	return db.Collect(rows, err, func(rows *sql.Rows) (one passed, err error) {
		var committed int
		err = rows.Scan(&one.Sequence, &one.Type, &one.Tenant, &one.State, &committed)
		one.committed = committed == 1
		return one, err
	})
}

// anyBeyond tells whether more than so many deliveries are due to a webhook that nobody has tried yet.
func anyBeyond(tx *db.Tx, webhook wire.ID, limit int) (bool, error) {
	return tx.Exists(`SELECT 1 FROM delivery WHERE webhook_id = $1 AND state <> 'delivered' AND state = 'pending' AND due_instant <= $2 ORDER BY due_instant LIMIT 1 OFFSET $3`,
		webhook, tx.NowMillis(), limit)
}
