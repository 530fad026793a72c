package listen

import (
	"context"
	"encoding/json"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// keptAnswer is how many bytes of a body are handed to another process; more than that would not be recorded.
const keptAnswer = 64 << 10

// Answer takes what came of an exchange: a vote is counted, anything else becomes an attempt in the webhook log. It may come in at another process than the one that holds the
// connection.
//
// Errors: problem.ErrNotFound when the key has no such listener, or nobody waits for this answer any more; problem.Invalid.
func (s *Service) Answer(ctx context.Context, key, listener, id wire.ID, a wire.ListenerAnswer) error {
	var v problem.Validation
	v.Check(a.StatusCode == 0 || a.StatusCode >= 100 && a.StatusCode <= 599, "answer.statusCode", "invalid", "A status is a number from 100 to 599; without one there was no answer.")
	v.Check(a.BodySize >= 0, "answer.bodySize", "invalid", "A size is not below zero.")
	v.Check(a.DurationMicros >= 0, "answer.durationMicros", "invalid", "A duration is not below zero.")
	if err := v.Err(); err != nil {
		return err
	}
	if l := s.local(listener); l != nil {
		if l.key != key {
			return problem.ErrNotFound
		}
		l.alive()
		return s.answered(ctx, l, id, a)
	}
	a.BodySize = max(a.BodySize, int64(len(a.Body)))
	a.Body = a.Body[:min(len(a.Body), keptAnswer)]
	document, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return s.elsewhere(ctx, func(tx *db.Tx) error {
		known, err := touchListener(tx, listener, key)
		if err == nil && !known {
			err = problem.ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := putAnswer(tx, id, listener, string(document)); err != nil {
			return err
		}
		return tx.Notify(channel, answers+string(listener)+" "+string(id))
	})
}

// answered does with an answer what its exchange is for.
func (s *Service) answered(ctx context.Context, l *Listener, id wire.ID, a wire.ListenerAnswer) error {
	x := l.take(id)
	switch {
	case x == nil:
		return problem.ErrNotFound
	case x.vote != nil:
		x.vote <- a // there is room: it is taken once
		return nil
	case x.remote:
		document, err := json.Marshal(a)
		if err != nil {
			return err
		}
		return s.o.DB.Update(ctx, func(tx *db.Tx) error { return answerQuestion(tx, id, string(document)) })
	}
	attempt, err := s.o.Log.Attempt(x.sequence, webhook.Delivery, webhook.Reported(l.shown.ID, l.url, x.Headers, x.size, x.sent, s.o.DB.Now(), a))
	if err != nil {
		return err
	}
	return s.o.DB.Update(ctx, func(tx *db.Tx) error {
		there, err := eventExists(tx, x.sequence)
		if err != nil || !there { // the log has been trimmed meanwhile
			return err
		}
		return s.o.Log.Record(tx, []webhooklog.Attempt{attempt})
	})
}

// takeAnswer takes an answer that came in at another process. That to a question of another process is left to that one, which looks for it.
func (s *Service) takeAnswer(ctx context.Context, l *Listener, id wire.ID) error {
	var q exchangeRow
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		if q, err = loadExchange(tx, id); err != nil || q.sequence != 0 || q.answer == "" {
			return err
		}
		return removeExchange(tx, id)
	})
	if err != nil || q.answer == "" {
		return err
	}
	if q.sequence != 0 {
		l.forget(id)
		return nil
	}
	var a wire.ListenerAnswer
	if err := json.Unmarshal([]byte(q.answer), &a); err != nil {
		return err
	}
	return s.answered(ctx, l, id, a)
}
