package ui

import (
	"strconv"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

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
