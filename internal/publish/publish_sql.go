package publish

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// result of an event, as stored and as sent by the webhook log.
type result string

const (
	running   result = "Running"   // being voted on
	succeeded result = "Succeeded" // committed
	failed    result = "Failed"    // refused, or left open by a crash
)

// state of a delivery, as stored and as sent.
type state string

const (
	pending   state = "pending"
	delivered state = "delivered"
	dead      state = "dead"
	cancelled state = "cancelled"
)

var (
	// errClosed says that the operation's events were closed as failed while it was still under way.
	errClosed = problem.New(problem.Unavailable, "[OperationTimedOut]", "The change took too long to be decided and was given up. Nothing was stored; try again.")
	// errReleased says that the operation's reservations ran out while it was still under way.
	errReleased = problem.Stale("name")
)

func insertEvents(tx *db.Tx, operation string, events []*recorded, r result, decideBy int64) error {
	for _, e := range events {
		if _, err := tx.Exec(`INSERT INTO event (id, operation_id, tenant_id, type, transaction_type, result, linked_object_id, body,
				insert_instant, decide_by_instant, last_update_instant)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)`,
			e.head.ID, operation, db.Null(e.head.TenantID), e.head.Type, e.rule, r, db.Null(e.head.LinkedObjectID), string(e.body),
			int64(e.head.CreateInstant), decideBy); err != nil {
			return err
		}
	}
	return nil
}

// closeEvents gives the operation's events their result. errClosed when one of them is no longer Running.
func closeEvents(tx *db.Tx, r *run, to result) error {
	var closed error
	for _, e := range r.before {
		n, err := tx.Exec(`UPDATE event SET result = $1, last_update_instant = $2 WHERE id = $3 AND result = 'Running'`, to, tx.NowMillis(), e.head.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			closed = errClosed
		}
	}
	return closed
}

// wasCommitted tells whether the operation's commit has happened.
func wasCommitted(tx *db.Tx, r *run) (bool, error) {
	var is result
	err := tx.QueryRow(`SELECT result FROM event WHERE id = $1`, r.before[0].head.ID).Scan(&is)
	return is == succeeded, err
}

// closeAbandoned closes what is still Running although its time is over, or whatever its time with all: votes that a crash left open.
func closeAbandoned(tx *db.Tx, all bool) error {
	if _, err := tx.Exec(`UPDATE event SET result = 'Failed', last_update_instant = $1
		WHERE result = 'Running' AND (decide_by_instant < $1 OR $2)`, tx.NowMillis(), all); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM reservation WHERE expire_instant < $1 OR $2`, tx.NowMillis(), all)
	return err
}

// reserve tells whether the name is free, and keeps it from others until the transaction ends.
//
// On PostgreSQL that takes a row: the same insert of another transaction waits for this one's end. On SQLite nobody else writes
// before this transaction ends, so it is enough to look; reserveBeyondPrepare writes the row if the operation then goes on to ask.
func reserve(tx *db.Tx, name, operation string, expire int64) (free bool, err error) {
	if tx.Engine() == db.PostgreSQL {
		return insertReservation(tx, name, operation, expire)
	}
	var holder string
	err = tx.QueryRow(`SELECT operation_id FROM reservation WHERE name = $1 AND expire_instant >= $2`, name, tx.NowMillis()).Scan(&holder)
	if errors.Is(err, db.ErrNoRows) {
		return true, nil
	}
	return false, err
}

// insertReservation takes the name, unless another operation holds it. One that ran out is taken over.
func insertReservation(tx *db.Tx, name, operation string, expire int64) (free bool, err error) {
	n, err := tx.Exec(`INSERT INTO reservation (name, operation_id, expire_instant) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET operation_id = excluded.operation_id, expire_instant = excluded.expire_instant
		WHERE reservation.expire_instant < $4`, name, operation, expire, tx.NowMillis())
	return n == 1, err
}

// reserveBeyondPrepare makes the operation's reservations last while it asks.
func reserveBeyondPrepare(tx *db.Tx, r *run, expire int64) error {
	if tx.Engine() == db.PostgreSQL {
		return nil // reserve did
	}
	for _, name := range r.names {
		// Free: reserve looked in this same transaction.
		if _, err := insertReservation(tx, name, r.id, expire); err != nil {
			return err
		}
	}
	return nil
}

// releaseUnasked ends the reservations of an operation that commits without asking.
func releaseUnasked(tx *db.Tx, r *run) error {
	if tx.Engine() == db.SQLite {
		return nil // there are none
	}
	return release(tx, r)
}

// release gives the operation's names back. errReleased when one of them had run out: it was taken over, or cleared away.
func release(tx *db.Tx, r *run) error {
	for _, name := range r.names {
		n, err := tx.Exec(`DELETE FROM reservation WHERE name = $1 AND operation_id = $2`, name, r.id)
		if err != nil {
			return err
		}
		if n == 0 {
			return errReleased
		}
	}
	return nil
}

// delivery is one event on its way to one webhook, claimed by this process.
type delivery struct {
	id    string
	event wire.ID
	kind  string // the event's type
	body  []byte

	operation, object string // what it shares with the events it must not overtake

	webhook  wire.ID
	attempts int   // made so far
	claim    int64 // fence: a result counts only while the delivery is still claimed by this number
}

func insertDelivery(tx *db.Tx, d *delivery, s state, due int64, claimedBy string) error {
	_, err := tx.Exec(`INSERT INTO delivery (id, event_id, webhook_id, state, attempts, due_instant, claim, claimed_by, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
		d.id, d.event, d.webhook, s, d.attempts, due, d.claim, db.Null(claimedBy), tx.NowMillis())
	return err
}

// claimDue takes up to limit due deliveries of one webhook until the end of the lease, oldest first, and returns them in the order of
// their events. Claims of different processes never overlap.
func claimDue(tx *db.Tx, webhook wire.ID, batch string, limit int, lease int64) ([]*delivery, error) {
	now := tx.NowMillis()
	// MATERIALIZED, because PostgreSQL may otherwise run the sub-select once for each row of the table, each time with a limit of its own.
	n, err := tx.Exec(`WITH due AS MATERIALIZED (
			SELECT id FROM delivery WHERE webhook_id = $3 AND state = 'pending' AND due_instant <= $4
			ORDER BY due_instant, id LIMIT $5`+tx.ForUpdateSkipLocked()+`)
		UPDATE delivery SET due_instant = $1, claim = claim + 1, claimed_by = $2 WHERE id IN (SELECT id FROM due)`,
		now+lease, batch, webhook, now, limit)
	if err != nil || n == 0 {
		return nil, err
	}
	rows, err := tx.Query(`SELECT d.id, d.attempts, d.claim, e.id, e.type, e.operation_id, COALESCE(e.linked_object_id, ''), e.body
		FROM delivery d JOIN event e ON e.id = d.event_id
		WHERE d.webhook_id = $1 AND d.state = 'pending' AND d.due_instant = $2 AND d.claimed_by = $3 ORDER BY e.sequence`, webhook, now+lease, batch)
	return db.Collect(rows, err, func(rows *sql.Rows) (*delivery, error) {
		d := &delivery{webhook: webhook}
		var body string
		err := rows.Scan(&d.id, &d.attempts, &d.claim, &d.event, &d.kind, &d.operation, &d.object, &body)
		d.body = []byte(body)
		return d, err
	})
}

// nextDue is the instant at which the webhook's next delivery is due, false if it has none.
func nextDue(tx *db.Tx, webhook wire.ID) (int64, bool, error) {
	var due *int64
	if err := tx.QueryRow(`SELECT MIN(due_instant) FROM delivery WHERE webhook_id = $1 AND state = 'pending'`, webhook).Scan(&due); err != nil || due == nil {
		return 0, false, err
	}
	return *due, true, nil
}

// dueWebhooks are the webhooks that something is due for until the given instant.
func dueWebhooks(tx *db.Tx, until int64) ([]wire.ID, error) {
	rows, err := tx.Query(`SELECT w.id FROM webhook w WHERE EXISTS
		(SELECT 1 FROM delivery d WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.due_instant <= $1)`, until)
	return db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}

// updateDelivery stores what became of a claimed delivery. False when the claim was lost: somebody else's result counts then.
func updateDelivery(tx *db.Tx, d *delivery, f fate) (bool, error) {
	n, err := tx.Exec(`UPDATE delivery SET state = $1, attempts = $2, due_instant = $3, claimed_by = NULL, last_update_instant = $4
		WHERE id = $5 AND claim = $6 AND state = 'pending'`, f.state, d.attempts, f.dueMillis(), tx.NowMillis(), d.id, d.claim)
	return n == 1, err
}

// freeClaims makes every claimed delivery due at once: those of a process that is known to be gone.
func freeClaims(tx *db.Tx) error {
	_, err := tx.Exec(`UPDATE delivery SET due_instant = $1, claim = claim + 1, claimed_by = NULL WHERE state = 'pending' AND claimed_by IS NOT NULL`, tx.NowMillis())
	return err
}

// cancelOrphans ends what is owed to webhooks that do not exist any more.
func cancelOrphans(tx *db.Tx) error {
	_, err := tx.Exec(`UPDATE delivery SET state = 'cancelled', last_update_instant = $1
		WHERE state = 'pending' AND webhook_id NOT IN (SELECT id FROM webhook)`, tx.NowMillis())
	return err
}

// cancelDeliveries ends what is still owed to a webhook that is deleted.
func cancelDeliveries(tx *db.Tx, webhook wire.ID) error {
	_, err := tx.Exec(`UPDATE delivery SET state = 'cancelled', last_update_instant = $1 WHERE webhook_id = $2 AND state = 'pending'`, tx.NowMillis(), webhook)
	return err
}

func (p *Publisher) insertAttempt(tx *db.Tx, event wire.ID, delivery string, kind webhook.Kind, a *webhook.Attempt) error {
	detail, err := json.Marshal(a.Detail)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO attempt (id, event_id, delivery_id, webhook_id, kind, node, outcome, status_code, url, exception, detail, start_instant, end_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		db.NewID(), event, db.Null(delivery), a.Webhook, kind, p.Node, a.Outcome, a.StatusCode, a.URL, a.Exception, string(detail),
		a.Start.UnixMilli(), a.End.UnixMilli())
	return err
}

// insertTest records what was sent as a test.
func insertTest(tx *db.Tx, id, eventType string, tenant wire.ID, body []byte, a *webhook.Attempt) error {
	outcome := succeeded
	if !a.Outcome.Success() {
		outcome = failed
	}
	_, err := tx.Exec(`INSERT INTO event (id, operation_id, tenant_id, type, transaction_type, result, test, body, insert_instant, last_update_instant)
		VALUES ($1, $1, $2, $3, $4, $5, TRUE, $6, $7, $7)`,
		id, db.Null(tenant), eventType, wire.None, outcome, string(body), tx.NowMillis())
	return err
}
