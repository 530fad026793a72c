package webhooklog

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// AttemptFilter says which attempts are meant: those that meet all of its conditions. The zero value means all.
type AttemptFilter struct {
	// Period is about the instants at which attempts began.
	wire.Period

	WebhookID wire.ID
	Kind      webhook.Kind
	// Result finds attempts that came out so, Outcome those of one class of what went wrong, StatusCode a status (503) or a class of them (5xx).
	Result     wire.WebhookAttemptResult
	Outcome    string
	StatusCode string
}

// TriedAttempt is an attempt in a list, with the event that it was about.
type TriedAttempt struct {
	wire.WebhookAttemptLog

	EventType string
	// EventInstant is when the event happened, long before the attempt when that is a late one.
	EventInstant wire.Instant
}

// PageAttempts returns one page of the attempts that match as a list for people, size of them, 0 for the default: those about the newest events first, from a cursor
// on. The attempts about one event are in no order. They are without what is kept of request and answer.
//
// There is no index by time of all attempts, as each would have to be put into it: so a period reaches only attempts about events of before its end. Errors: a problem
// of kind Invalid for a filter that cannot be meant, or a cursor of another list.
func (r *Reader) PageAttempts(ctx context.Context, f AttemptFilter, size int, at search.Cursor) (found []TriedAttempt, links search.Links, err error) {
	from, to, err := f.check()
	if err != nil {
		return nil, links, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		q, possible, err := f.query(tx, from, to)
		if err != nil || !possible {
			return err
		}
		q.Page.NumberOfResults = size
		rows, onward, err := db.List(tx, q, at, func(row db.Row) (attemptRow, error) { return scanAttempt(row) })
		if err != nil {
			return err
		}
		links = onward
		if len(links.Reached) > 0 {
			if sequence, ok := SequenceOf(wire.ID(links.Reached[0].(string))); ok {
				if links.Until, err = instantOf(tx, sequence); err != nil {
					return err
				}
			}
		}
		found, err = completeAttempts(tx, rows)
		return err
	})
	return found, links, err
}

// check checks the filter, and returns the first status that is meant and the first that is not; both 0 when any is.
func (f AttemptFilter) check() (from, to int, err error) {
	var v problem.Validation
	search.CheckPeriod(&v, "", f.Period)
	search.CheckOneOf(&v, "kind", "kind of attempt", []webhook.Kind{webhook.Vote, webhook.Delivery, webhook.Retry, webhook.Test, webhook.Replay}, search.Given(f.Kind)...)
	search.CheckOneOf(&v, "result", "result of an attempt", []wire.WebhookAttemptResult{wire.AttemptSuccess, wire.AttemptFailure, wire.AttemptUnknown}, search.Given(f.Result)...)
	search.CheckOneOf(&v, "outcome", "outcome of an attempt", egress.Outcomes(), search.Given(egress.Outcome(f.Outcome))...)
	from, to, ok := statuses(f.StatusCode)
	v.Check(ok, "statusCode", "invalid", "This must be a status from 100 to 599 (503), or a class of them (5xx).")
	return from, to, v.Err()
}

// completeAttempts adds to attempts what they were about.
func completeAttempts(tx *db.Tx, rows []attemptRow) ([]TriedAttempt, error) {
	sequences := make([]int64, len(rows))
	for i, row := range rows {
		sequences[i], _ = SequenceOf(row.ID)
	}
	events, err := eventsOf(tx, sequences)
	if err != nil {
		return nil, err
	}
	found := make([]TriedAttempt, len(rows))
	for i, row := range rows {
		a, err := row.wire(false)
		if err != nil {
			return nil, err
		}
		e := events[sequences[i]]
		a.WebhookEventLogID = e.ID
		found[i] = TriedAttempt{WebhookAttemptLog: a, EventType: e.EventType, EventInstant: e.InsertInstant}
	}
	return found, nil
}
