package webhooklog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Reader reads the record. It is safe for concurrent use.
type Reader struct {
	db        *db.DB
	positions search.Positions
}

// NewReader returns a reader of the record in d.
func NewReader(d *db.DB) *Reader { return &Reader{db: d} }

// Event returns the event with that id and everything that is known about it, or problem.ErrNotFound.
func (r *Reader) Event(ctx context.Context, id wire.ID) (wire.WebhookEventLog, error) {
	var found entry
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		if found, err = loadEvent(tx, id); err != nil {
			return err
		}
		page := []entry{found}
		err = complete(tx, page, true, nil)
		found = page[0]
		return err
	})
	return found.WebhookEventLog, err
}

// Attempt returns the attempt with that id, or problem.ErrNotFound.
func (r *Reader) Attempt(ctx context.Context, id wire.ID) (a wire.WebhookAttemptLog, err error) {
	sequence, ok := SequenceOf(id)
	if !ok {
		return a, problem.ErrNotFound
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var row attemptRow
		if row, err = loadAttempt(tx, id); err != nil {
			return err
		}
		event, body, err := loadSent(tx, sequence)
		if err != nil {
			return err
		}
		if a, err = row.wire(true); err != nil {
			return err
		}
		a.WebhookEventLogID = event
		if a.Request != nil {
			a.RequestBody, a.Request.Truncated = beginning(string(webhook.Shown([]byte(body))))
		}
		return nil
	})
	return a, err
}

// keptRequest is how many bytes of a request's body an attempt shows. The event has all of it.
const keptRequest = egress.DefaultKeepResponse

// beginning is as much of a text as an attempt shows, and how many bytes that leaves out.
func beginning(text string) (shown string, cut int64) {
	if len(text) <= keptRequest {
		return text, 0
	}
	end := keptRequest
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end], int64(len(text) - end)
}

// entry is an event on record, and what leads to the rest of it.
type entry struct {
	wire.WebhookEventLog

	audience string // id, empty when nobody was left out
}

const (
	// largestPage bounds the memory of one page, in bytes. An event may have 5 MB, and a page 10,000 of them.
	largestPage = 32 << 20
	// largestDetails bounds what one event shows of requests and answers, in bytes: a thousand webhooks that were tried ten times each
	// may have left 16 KiB of answer every time.
	largestDetails = 8 << 20
)

// budget is how many bytes an answer may still grow. A nil one is unlimited.
type budget int

func (b *budget) spend(bytes int) error {
	if b == nil {
		return nil
	}
	if *b -= budget(bytes); *b >= 0 {
		return nil
	}
	var v problem.Validation
	v.Field("search.numberOfResults", "invalid", "So many of these events are more than %d MiB. Ask for fewer on a page.", largestPage>>20)
	return v.Err()
}

// complete adds attempts, deliveries, and whom they were withheld from to the events, each with one query for all. With details, attempts have what is
// kept of request and answer.
func complete(tx *db.Tx, page []entry, details bool, left *budget) error {
	if err := completeTried(tx, page, details, left); err != nil {
		return err
	}
	return completeWithheld(tx, page, left)
}

// completeTried adds attempts and deliveries.
func completeTried(tx *db.Tx, page []entry, details bool, left *budget) error {
	at := make(map[int64]*entry, len(page))
	sequences := make([]int64, len(page))
	for i := range page {
		at[page[i].Sequence], sequences[i] = &page[i], page[i].Sequence
	}
	shown := 0
	err := eachAttempt(tx, sequences, details, func(row attemptRow) error {
		sequence, _ := SequenceOf(row.ID)
		e := at[sequence]
		if e == nil {
			return fmt.Errorf("webhooklog: attempt %s is about no event of the page", row.ID)
		}
		shown += len(row.detail)
		a, err := row.wire(shown <= largestDetails)
		if err != nil {
			return err
		}
		e.add(a)
		return left.spend(200 + len(a.WebhookCallResponse.URL) + len(a.WebhookCallResponse.Exception))
	})
	if err != nil {
		return err
	}
	return eachDelivery(tx, sequences, func(sequence int64, d wire.WebhookEventDelivery) error {
		at[sequence].Deliveries = append(at[sequence].Deliveries, d)
		return left.spend(150)
	})
}

// add adds an attempt to the event; they come in the order of their start.
func (e *entry) add(a wire.WebhookAttemptLog) {
	e.Attempts = append(e.Attempts, a)
	switch a.AttemptResult {
	case wire.AttemptSuccess:
		e.SuccessfulAttempts++
	case wire.AttemptFailure:
		e.FailedAttempts++
	}
	e.LastAttemptInstant = max(e.LastAttemptInstant, a.StartInstant)
}

func completeWithheld(tx *db.Tx, page []entry, left *budget) error {
	known := map[string][]wire.WithheldWebhook{}
	for i := range page {
		e := &page[i]
		if e.audience == "" {
			continue
		}
		withheld, ok := known[e.audience]
		if !ok {
			document, err := loadAudience(tx, e.audience)
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(document), &withheld); err != nil {
				return fmt.Errorf("webhooklog: audience %s: %w", e.audience, err)
			}
			known[e.audience] = withheld
		}
		e.NotSentTo = make([]wire.WithheldWebhook, len(withheld))
		for k, w := range withheld {
			w.Detail, w.Fix = explain(e, w)
			e.NotSentTo[k] = w
			if err := left.spend(len(w.URL) + len(w.Detail) + len(w.Fix) + 100); err != nil {
				return err
			}
		}
	}
	return nil
}

// explain says why the event was withheld from the webhook, and which request would open that gate. The request is written like those of
// webhook.Service.Explain, which tells how things are now; this is how they were.
func explain(e *entry, w wire.WithheldWebhook) (detail, fix string) {
	on := map[string]any{e.EventType: true}
	kind := cmp.Or(w.Kind, string(webhook.Webhook))
	switch webhook.Gate(w.Reason) {
	case webhook.Disabled:
		return "The " + kind + " was switched off.", webhook.PatchRequest(kind, w.WebhookID, "enabled", true)
	case webhook.EventDisabled:
		return "The " + kind + " did not want the event: it was not enabled in eventsEnabled.", webhook.PatchRequest(kind, w.WebhookID, "eventsEnabled", on)
	case webhook.OtherTenant:
		return "The " + kind + " was neither global nor bound to the tenant.", webhook.PatchRequest(kind, w.WebhookID, "tenantIds", []wire.ID{e.TenantID})
	case webhook.Filtered:
		return "The filter of the " + kind + " was not true for the event.", ""
	case webhook.FilterFailed:
		return fmt.Sprintf("The filter of the %s could not tell about the event: %s.", kind, w.Detail), ""
	case tenantDisabled:
		return "The tenant did not send the event: it was not enabled in its event settings.",
			webhook.PatchRequest("tenant", e.TenantID, "eventConfiguration", map[string]any{"events": map[string]any{e.EventType: map[string]any{"enabled": true}}})
	}
	return "", ""
}

// attemptRow is a row of the table of attempts, its detail as it is stored.
type attemptRow struct {
	wire.WebhookAttemptLog

	detail string // empty when it was not read
}

// wire is the attempt as the API shows it, with the parts that only its detail knows when they are wanted and were read.
func (row attemptRow) wire(details bool) (wire.WebhookAttemptLog, error) {
	a := row.WebhookAttemptLog
	switch outcome := egress.Outcome(a.Outcome); {
	case outcome.Success():
		a.AttemptResult = wire.AttemptSuccess
	case outcome == egress.Cancelled:
		a.AttemptResult = wire.AttemptUnknown
	default:
		a.AttemptResult = wire.AttemptFailure
	}
	a.DurationMicros = int64(a.EndInstant-a.StartInstant) * 1000
	if !details || row.detail == "" {
		return a, nil
	}
	var d webhook.Detail
	if err := json.Unmarshal([]byte(row.detail), &d); err != nil {
		return a, fmt.Errorf("webhooklog: detail of attempt %s: %w", a.ID, err)
	}
	a.RemoteAddress, a.TraceID = d.RemoteAddress, d.TraceID
	if p := d.Phases; p.Total > 0 {
		a.DurationMicros = p.Total
		a.Phases = &wire.WebhookAttemptPhases{DNS: p.DNS, Connect: p.Connect, TLS: p.TLS, FirstByte: p.FirstByte, Total: p.Total}
	}
	if d.RequestSize > 0 { // else nothing was sent
		a.Request = &wire.WebhookAttemptMessage{Headers: d.RequestHeaders, Size: int64(d.RequestSize)}
	}
	if a.WebhookCallResponse.StatusCode != 0 || d.ResponseBody != "" { // brokers have no status
		a.Response = &wire.WebhookAttemptMessage{Headers: d.ResponseHeaders, Body: d.ResponseBody, Size: d.ResponseSize, HeadersTruncated: int64(d.ResponseHeadersCut)}
		if d.ResponseTruncated {
			a.Response.Truncated = d.ResponseSize - egress.DefaultKeepResponse
		}
	}
	return a, nil
}
