package publish

import (
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// owed is what the webhooks are to have of committed events. One that voted yes has had its event; one that voted no, has not answered
// yet, or could not be asked, is owed it like those that had no vote.
func owed(events []*recorded) []outbox.Owed {
	all := make([]outbox.Owed, len(events))
	for i, e := range events {
		all[i] = outbox.Owed{Event: &e.Event, Shares: make([]outbox.Share, len(e.targets))}
		for k, target := range e.targets {
			share := outbox.Share{Target: target}
			if v := e.vote(target.ID); v != nil {
				share.Open = !v.counted
				if v.counted && v.asked() {
					share.Vote = v.attempt
				}
			}
			all[i].Shares[k] = share
		}
	}
	return all
}

// vote is what the webhook was asked, nil if it was not.
func (e *recorded) vote(id wire.ID) *vote {
	for _, v := range e.votes {
		if v.by == id {
			return v
		}
	}
	return nil
}

// asked tells whether a request was made. Without one there is nothing to record.
func (v *vote) asked() bool { return v.attempt.Outcome != egress.Cancelled }

// countedVotes are the attempts that the votes which decided were, of all or of listeners alone.
func (p *Publisher) countedVotes(events []*recorded, ofListeners bool) (attempts []webhooklog.Attempt, err error) {
	for _, e := range events {
		for _, v := range e.votes {
			if !v.counted || !v.asked() || ofListeners && !v.listener {
				continue
			}
			a, err := p.Log.Attempt(e.Sequence, webhook.Vote, v.attempt)
			if err != nil {
				return nil, err
			}
			attempts = append(attempts, a)
		}
	}
	return attempts, nil
}

// recordListeners records what listeners have answered to events that are committed. That of webhooks comes with what they are owed.
func (p *Publisher) recordListeners(tx *db.Tx, events []*recorded) error {
	attempts, err := p.countedVotes(events, true)
	if err != nil || len(attempts) == 0 {
		return err
	}
	return p.Log.Record(tx, attempts)
}

// recordLate records an answer that came after the decision. If the change was committed it settles the delivery that the commit wrote for
// it; if not, nothing is owed.
func (p *Publisher) recordLate(r *run, e *recorded, v *vote) {
	if r.outcome == passed && !v.listener {
		attempt := v.attempt
		if !v.asked() {
			attempt = nil
		}
		p.Outbox.Settle(&e.Event, v.by, attempt)
		return
	}
	if !v.asked() {
		return
	}
	attempt, err := p.Log.Attempt(e.Sequence, webhook.Vote, v.attempt)
	if err == nil {
		err = p.update(p.sending, func(tx *db.Tx) error { return p.Log.Record(tx, []webhooklog.Attempt{attempt}) })
	}
	if err != nil {
		p.Logger.Error("a late vote could not be recorded", "event", e.ID, "webhook", v.by, "error", err)
	}
}
