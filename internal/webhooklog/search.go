package webhooklog

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Search returns one page of the events that match, with their attempts and deliveries, and how many match in all: exactly up to
// search.MaxCount, beyond it at least so many. Errors: a problem of kind Invalid for criteria that cannot be meant, or a page that is too large.
func (r *Reader) Search(ctx context.Context, c wire.WebhookEventLogSearch) (events []wire.WebhookEventLog, total int, err error) {
	q, err := criteriaOf(c, r.db.Now())
	if err != nil {
		return nil, 0, err
	}
	var page []entry
	err = r.db.View(ctx, func(tx *db.Tx) error {
		left := budget(largestPage)
		page, total, err = db.Search(tx, q.query(), &r.positions, func(row db.Row) (entry, error) {
			e, err := scanEvent(row)
			if err == nil {
				err = left.spend(len(e.Event) + 500)
			}
			return e, err
		})
		if err != nil {
			return err
		}
		return complete(tx, page, false, &left)
	})
	if err != nil {
		return nil, 0, err
	}
	events = make([]wire.WebhookEventLog, len(page))
	for i := range page {
		events[i] = page[i].WebhookEventLog
	}
	return events, total, nil
}

// Page returns one page of the events that match as a list for people, the newest first, from a cursor on. Each event is without its body and without
// whom it was withheld from. OrderBy and StartRow of the criteria mean nothing. Errors are those of Search, and a problem of kind Invalid for a cursor of another list.
func (r *Reader) Page(ctx context.Context, c wire.WebhookEventLogSearch, at search.Cursor) (events []wire.WebhookEventLog, links search.Links, err error) {
	q, err := criteriaOf(c, r.db.Now())
	if err != nil {
		return nil, links, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var page []entry
		page, links, err = db.List(tx, q.list(), at, func(row db.Row) (entry, error) { return scanListed(row) })
		if err != nil {
			return err
		}
		left := budget(largestPage)
		if err := completeTried(tx, page, false, &left); err != nil {
			return err
		}
		for i := range page {
			events = append(events, page[i].WebhookEventLog)
		}
		return nil
	})
	return events, links, err
}

// criteria are what is looked for, checked and complete.
type criteria struct {
	wire.WebhookEventLogSearch

	asked string // what the caller looks for, as one text
	// Statuses of answers, the first that counts and the first that does not; both 0 when any does.
	fromStatus, toStatus int
}

// deliveryStates are those that package outbox, which is above this one, knows.
var deliveryStates = []string{"pending", "retrying", "delivered", "dead", "cancelled"}

// criteriaOf checks what a caller looks for, all of it at once, and fills in what the time defaults to.
func criteriaOf(c wire.WebhookEventLogSearch, now time.Time) (criteria, error) {
	asked := c
	asked.Page = wire.Page{}
	identity, err := json.Marshal(asked)
	if err != nil {
		return criteria{}, fmt.Errorf("webhooklog: criteria of a search: %w", err)
	}
	q := criteria{WebhookEventLogSearch: c, asked: string(identity)}
	var v problem.Validation
	search.CheckText(&v, "search.event", c.Event)
	search.CheckOneOf(&v, "search.eventResult", "result of an event", []wire.WebhookEventResult{wire.EventRunning, wire.EventSucceeded, wire.EventFailed}, search.Given(c.EventResult)...)
	if _, ok := event.Lookup(event.Type(c.EventType)); !ok {
		search.CheckOneOf(&v, "search.eventType", "type of event", eventTypes(), search.Given(event.Type(c.EventType))...)
	}
	search.CheckOneOf(&v, "search.deliveryState", "state of a delivery", deliveryStates, search.Given(c.DeliveryState)...)
	search.CheckOneOf(&v, "search.outcome", "outcome of an attempt", egress.Outcomes(), search.Given(egress.Outcome(c.Outcome))...)
	var ok bool
	q.fromStatus, q.toStatus, ok = statuses(c.StatusCode)
	v.Check(ok, "search.statusCode", "invalid", "This must be a status from 100 to 599 (503), or a class of them (5xx).")

	v.Check(c.Start >= 0 && c.Start <= wire.LastInstant, "search.start", "invalid", "This must be an instant in milliseconds since 1970, before the year 10000.")
	v.Check(c.End >= 0 && c.End <= wire.LastInstant, "search.end", "invalid", "This must be an instant in milliseconds since 1970, before the year 10000.")
	q.Period = window(c.Period, now)
	if !v.Has("search.start") && !v.Has("search.end") {
		v.Check(q.Start <= q.End, "search.end", "invalid", "The end, %s, is before the start, %s. Without an end it is now.", q.End.Shown(), q.Start.Shown())
	}
	return q, v.Err()
}

func eventTypes() []event.Type {
	all := event.All()
	types := make([]event.Type, len(all))
	for i, d := range all {
		types[i] = d.Type
	}
	return types
}

// statuses reads a status or a class of them. Empty text means any.
func statuses(text string) (from, to int, ok bool) {
	if text == "" {
		return 0, 0, true
	}
	if len(text) != 3 || text[0] < '1' || text[0] > '5' {
		return 0, 0, false
	}
	if rest := text[1:]; rest == "xx" || rest == "XX" {
		from = int(text[0]-'0') * 100
		return from, from + 100, true
	}
	status, err := strconv.ParseUint(text, 10, 16)
	return int(status), int(status) + 1, err == nil
}

// window is the stretch of time that is searched. FusionAuth's documentation (since 1.57): the last hour by default, to the whole minute. With an
// end before that hour, nothing could be found by it: then it is the hour before the end.
func window(p wire.Period, now time.Time) wire.Period {
	if p.End == 0 {
		p.End = wire.Instant(now.Truncate(time.Minute).Add(time.Minute).UnixMilli()) // behind what happens at this very instant
	}
	if p.Start == 0 {
		until := now
		if end := time.UnixMilli(int64(p.End)); end.Before(now.Add(-time.Hour)) {
			until = end
		}
		p.Start = max(1, wire.Instant(until.Add(-time.Hour).Truncate(time.Minute).UnixMilli()))
	}
	return p
}
