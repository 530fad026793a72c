package publish

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// owe writes the deliveries of committed events. A webhook that voted yes has had its event; one that voted no, or has not answered
// yet, is owed it like those that had no vote. The claim of one that has not answered is that of its vote: number 0.
func (p *Publisher) owe(tx *db.Tx, events []*recorded) error {
	var owed []wire.ID
	for _, e := range events {
		for i, target := range e.targets {
			var err error
			switch v := e.vote(i); {
			case v == nil:
				owed = append(owed, target.ID)
				err = insertDelivery(tx, e.delivery(db.NewID(), target.ID, 0), pending, tx.NowMillis(), "")
			case !v.counted:
				lease := tx.NowMillis() + (target.Patience() + p.Deadline + p.Lease).Milliseconds()
				err = insertDelivery(tx, e.delivery(v.delivery, target.ID, 0), pending, lease, p.Node)
			default:
				if !v.attempt.Outcome.Success() {
					owed = append(owed, target.ID)
				}
				err = p.oweVoter(tx, e.delivery(v.delivery, target.ID, 1), v.attempt)
			}
			if err != nil {
				return err
			}
		}
	}
	if len(owed) > 0 {
		tx.AfterCommit(func() { p.wake(owed) })
	}
	return nil
}

// oweVoter writes the delivery of a webhook whose vote was counted, with the attempt that the vote was.
func (p *Publisher) oweVoter(tx *db.Tx, d *delivery, a *webhook.Attempt) error {
	f := p.schedule.next(d.attempts, a, tx.Now(), rand.Float64())
	if err := insertDelivery(tx, d, f.state, f.dueMillis(), ""); err != nil {
		return err
	}
	if err := p.insertAttempt(tx, d.event, d.id, webhook.Vote, a); err != nil {
		return err
	}
	if f.state == dead {
		return p.giveUp(tx, d, a)
	}
	return nil
}

func (e *recorded) vote(i int) *vote {
	if e.votes == nil {
		return nil
	}
	return e.votes[i]
}

func (e *recorded) delivery(id string, webhook wire.ID, attempts int) *delivery {
	return &delivery{id: id, event: e.head.ID, kind: string(e.head.Type), webhook: webhook, attempts: attempts}
}

// settle records an attempt and moves its delivery on: delivered, due again, or dead. The result of a claim that was lost is
// recorded, but decides nothing.
func (p *Publisher) settle(d *delivery, kind webhook.Kind, a *webhook.Attempt) error {
	return p.update(context.Background(), func(tx *db.Tx) error {
		if err := p.insertAttempt(tx, d.event, d.id, kind, a); err != nil {
			return err
		}
		f := p.schedule.next(d.attempts, a, tx.Now(), rand.Float64())
		ours, err := updateDelivery(tx, d, f)
		if err != nil || !ours {
			return err
		}
		crashpoint.Here("settling")
		if f.state == dead {
			return p.giveUp(tx, d, a)
		}
		return nil
	})
}

// recordLate records an answer that came after the decision. If the change was committed it settles the delivery that the commit wrote for
// it; if not, nothing is owed.
func (p *Publisher) recordLate(r *run, e *recorded, v *vote) {
	var err error
	switch asked := v.attempt.Outcome != egress.Cancelled; {
	case r.outcome == passed && asked:
		err = p.settle(e.delivery(v.delivery, v.target.ID, 1), webhook.Vote, v.attempt)
	case r.outcome == passed:
		p.giveBack(e.delivery(v.delivery, v.target.ID, 0))
	case asked:
		err = p.update(context.Background(), func(tx *db.Tx) error { return p.insertAttempt(tx, e.head.ID, "", webhook.Vote, v.attempt) })
	}
	if err != nil {
		p.Logger.Error("a late vote could not be recorded", "event", e.head.ID, "webhook", v.target.ID, "error", err)
	}
	if r.outcome == passed {
		p.wake([]wire.ID{v.target.ID})
	}
}

// giveBack ends the claim of a delivery that was not sent: it is due at once, for whoever comes next.
func (p *Publisher) giveBack(d *delivery) {
	err := p.update(context.Background(), func(tx *db.Tx) error {
		_, err := updateDelivery(tx, d, fate{state: pending, due: tx.Now()})
		return err
	})
	if err != nil {
		p.Logger.Error("a claim could not be given back; it ends with its lease", "event", d.event, "webhook", d.webhook, "error", err)
	}
}

// giveUp tells people that a delivery is dead. An event about a log entry is reported without raising another one: a receiver of
// event-log.create that fails would feed itself.
func (p *Publisher) giveUp(tx *db.Tx, d *delivery, a *webhook.Attempt) error {
	attempts := "1 attempt"
	if d.attempts > 1 {
		attempts = fmt.Sprintf("%d attempts", d.attempts)
	}
	message := fmt.Sprintf("Webhook %s (%s) did not accept the event %s (%s): given up after %s. The last one: %s. The event stays in the store. "+
		"Find out why the receiver refuses it, or switch the event or the webhook off.",
		a.URL, d.webhook, d.kind, d.event, attempts, a.Summary())
	if t := event.Type(d.kind); t == event.EventLogCreate || t == event.AuditLogCreate {
		return p.Journal.ErrorQuietly(tx, message)
	}
	return p.Journal.Error(tx, message)
}
