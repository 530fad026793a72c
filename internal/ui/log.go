package ui

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var logRoutes = []route{
	{"GET /admin/log", signedIn, admin.WebhookLog, admin.View, (*server).log},
	{"GET /admin/log/{id}", signedIn, admin.WebhookLog, admin.View, (*server).logEvent},
}

type logPage struct {
	Search  wire.WebhookEventLogSearch
	Types   []event.Descriptor
	Results []wire.WebhookEventResult
	Events  []wire.WebhookEventLog
	Total   int
	Problem string
	// Next is the query of the next page, "" on the last one.
	Next string
}

// log is the webhook log: what was sent, by type, result and text.
func (s *server) log(v *visit) error {
	search := wire.WebhookEventLogSearch{
		Event: v.FormValue("text"), EventType: v.FormValue("type"), EventResult: wire.WebhookEventResult(v.FormValue("result")),
		Period: wire.Period{Start: 1},
	}
	search.StartRow, _ = strconv.Atoi(v.FormValue("from")) // what is no number is the first page
	page := logPage{Search: search, Types: event.All(), Results: []wire.WebhookEventResult{wire.EventSucceeded, wire.EventFailed, wire.EventRunning}}
	var err error
	page.Events, page.Total, err = s.WebhookLog.Search(v.Context(), search)
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid {
		page.Problem, err = messageOf(p), nil
	}
	if err != nil {
		return err
	}
	if from := search.StartRow + len(page.Events); from < page.Total && len(page.Events) > 0 {
		query := v.URL.Query()
		query.Set("from", strconv.Itoa(from))
		page.Next = "?" + query.Encode()
	}
	return v.show("log", "WebhookLog", page)
}

type logEventPage struct {
	wire.WebhookEventLog
	// Body is the event as it was sent, indented.
	Body     string
	Webhooks map[wire.ID]wire.Webhook
}

// logEvent shows one event: what became of it, who was asked and told, and who was not.
func (s *server) logEvent(v *visit) error {
	e, err := s.WebhookLog.Event(v.Context(), wire.ID(v.PathValue("id")))
	if err != nil {
		return err
	}
	all, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	page := logEventPage{WebhookEventLog: e, Webhooks: map[wire.ID]wire.Webhook{}}
	for _, w := range all {
		page.Webhooks[w.ID] = w
	}
	var body bytes.Buffer
	if err := json.Indent(&body, e.Event, "", "  "); err != nil {
		return err
	}
	page.Body = body.String()
	return v.show("log-event", "Event", page)
}

// Webhook is how a webhook is called: by its URL without what is secret in it, or, when it is gone, by its id.
func (p logEventPage) Webhook(id wire.ID) string {
	if w, ok := p.Webhooks[id]; ok {
		return egress.RedactURL(w.URL)
	}
	return string(id)
}

// Milliseconds is a duration in microseconds for people.
func (p logEventPage) Milliseconds(micros int64) string {
	return strconv.FormatFloat(float64(micros)/1000, 'f', 1, 64) + " ms"
}
