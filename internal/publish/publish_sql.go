package publish

import (
	"database/sql"
	"encoding/json"

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
			e.head.ID, operation, null(e.head.TenantID), e.head.Type, e.rule, r, null(e.head.LinkedObjectID), string(e.body),
			int64(e.head.CreateInstant), decideBy); err != nil {
			return err
		}
	}
	return nil
}

// null stores "none" as NULL.
func null[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// closeEvents gives the operation's events their result. An event that is no longer Running is errClosed.
func closeEvents(tx *db.Tx, r *run, to result) error {
	for _, e := range r.asked {
		n, err := tx.Exec(`UPDATE event SET result = $1, last_update_instant = $2 WHERE id = $3 AND result = 'Running'`, to, tx.NowMillis(), e.head.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return errClosed
		}
	}
	return nil
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

// insertReservation takes the name, unless another operation holds it. One that ran out is taken over.
func insertReservation(tx *db.Tx, name, operation string, expire int64) (bool, error) {
	n, err := tx.Exec(`INSERT INTO reservation (name, operation_id, expire_instant) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET operation_id = excluded.operation_id, expire_instant = excluded.expire_instant
		WHERE reservation.expire_instant < $4 OR reservation.operation_id = excluded.operation_id`, name, operation, expire, tx.NowMillis())
	return n == 1, err
}

// release gives the operation's names back. errReleased when one of them had run out and was taken over.
func release(tx *db.Tx, r *run) error {
	if r.reservations == 0 {
		return nil
	}
	n, err := tx.Exec(`DELETE FROM reservation WHERE operation_id = $1`, r.id)
	if err == nil && int(n) != r.reservations {
		err = errReleased
	}
	return err
}

// delivery is one event on its way to one webhook, claimed by this process.
type delivery struct {
	id       string
	event    wire.ID
	kind     string // the event's type
	body     []byte
	webhook  wire.ID
	attempts int   // made so far
	claim    int64 // fence: a result counts only while the delivery is still claimed by this number
}

func insertDelivery(tx *db.Tx, d *delivery, s state, due int64, claimedBy string) error {
	_, err := tx.Exec(`INSERT INTO delivery (id, event_id, webhook_id, state, attempts, due_instant, claim, claimed_by, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
		d.id, d.event, d.webhook, s, d.attempts, due, d.claim, null(claimedBy), tx.NowMillis())
	return err
}

// claim takes up to limit due deliveries of one webhook until the end of the lease. Claims of different processes never overlap.
func claim(tx *db.Tx, webhook wire.ID, batch string, limit int, lease int64) ([]*delivery, error) {
	now := tx.NowMillis()
	n, err := tx.Exec(`UPDATE delivery SET due_instant = $1, claim = claim + 1, claimed_by = $2
		WHERE id IN (SELECT id FROM delivery WHERE webhook_id = $3 AND state = 'pending' AND due_instant <= $4
			ORDER BY due_instant LIMIT $5`+tx.ForUpdateSkipLocked()+`)`, now+lease, batch, webhook, now, limit)
	if err != nil || n == 0 {
		return nil, err
	}
	rows, err := tx.Query(`SELECT d.id, d.attempts, d.claim, e.id, e.type, e.body FROM delivery d JOIN event e ON e.id = d.event_id
		WHERE d.webhook_id = $1 AND d.state = 'pending' AND d.due_instant = $2 AND d.claimed_by = $3 ORDER BY d.id`, webhook, now+lease, batch)
	return db.Collect(rows, err, func(rows *sql.Rows) (*delivery, error) {
		d := &delivery{webhook: webhook}
		var body string
		err := rows.Scan(&d.id, &d.attempts, &d.claim, &d.event, &d.kind, &body)
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

// cancelDeliveries ends what is still owed to a webhook that is about to be deleted.
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
		db.NewID(), event, null(delivery), a.Webhook, kind, p.Node, a.Outcome, a.StatusCode, a.URL, a.Exception, string(detail),
		a.Start.UnixMilli(), a.End.UnixMilli())
	return err
}

// insertTest records what was sent as a test.
func insertTest(tx *db.Tx, id, eventType string, tenant wire.ID, body []byte, a *webhook.Attempt) error {
	outcome := succeeded
	if !a.Outcome.Success() {
		outcome = failed
	}
	_, err := tx.Exec(`INSERT INTO event (id, operation_id, tenant_id, type, transaction_type, result, test, body, insert_instant, last_attempt_instant, last_update_instant)
		VALUES ($1, $1, $2, $3, $4, $5, TRUE, $6, $7, $8, $7)`,
		id, null(tenant), eventType, wire.None, outcome, string(body), tx.NowMillis(), a.Start.UnixMilli())
	return err
}
