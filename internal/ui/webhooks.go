package ui

import (
	"github.com/herald-events/herald/wire"
)

type webhooksPage struct{ Webhooks []webhookRow }

type webhookRow struct {
	wire.Webhook
	Events int
	State  string // the id of a text
}

func (s *server) webhooks(v *visit) error {
	all, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	var page webhooksPage
	for _, w := range all {
		page.Webhooks = append(page.Webhooks, s.webhookRow(w))
	}
	return v.show("webhooks", "Webhooks", page)
}

func (s *server) webhookRow(w wire.Webhook) webhookRow {
	row := webhookRow{Webhook: w, State: "StateHealthy"}
	for _, on := range w.EventsEnabled {
		if on {
			row.Events++
		}
	}
	switch flow := s.Outbox.Flow(w.ID); {
	case w.Enabled != nil && !*w.Enabled:
		row.State = "StateDisabled"
	case flow.Paused:
		row.State = "StatePaused"
	case flow.Open:
		row.State = "StateFailing"
	}
	return row
}
