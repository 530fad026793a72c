package ui

import (
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

var webhookRoutes = slices.Concat(webhookFormRoutes, webhookTryRoutes, []route{
	{"GET /admin/webhook", signedIn, admin.Webhooks, admin.View, (*server).webhooks},
	{"GET /admin/webhook/{id}", signedIn, admin.Webhooks, admin.View, (*server).webhook},
})

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
	w.URL = egress.RedactURL(w.URL) // it may hold a secret, which nobody needs to see to recognise it
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

type webhookPage struct {
	webhookRow
	// Types and Tenants are what the delivery check can be made for, Type and Tenant what it was, Check what came out.
	Types   []event.Descriptor
	Tenants []wire.Tenant
	Type    string
	Tenant  wire.ID
	Check   *wire.Explanation
	Problem string
}

// webhook shows one webhook, and why it does or does not get an event.
func (s *server) webhook(v *visit) error {
	id := wire.ID(v.PathValue("id"))
	w, err := s.Webhooks.Load(v.Context(), id)
	if err != nil {
		return err
	}
	page := webhookPage{webhookRow: s.webhookRow(w), Types: event.All(), Type: v.FormValue("type"), Tenant: wire.ID(v.FormValue("tenant"))}
	if page.Tenants, err = s.Tenants.List(v.Context()); err != nil {
		return err
	}
	if page.Type != "" {
		explanation, err := s.explain(v, id, event.Type(page.Type), page.Tenant)
		if p, ok := problem.As(err); ok {
			page.Problem = messageOf(p)
		} else if err != nil {
			return err
		} else {
			page.Check = &explanation
		}
	}
	v.under("Webhooks", "/admin/webhook")
	v.of = nameOfWebhook(w)
	return v.show("webhook", "Webhook", page)
}

func (s *server) explain(v *visit, id wire.ID, t event.Type, tenant wire.ID) (wire.Explanation, error) {
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return wire.Explanation{}, err
	}
	var wrong problem.Validation
	q := webhook.Ask(&wrong, settings, t, tenant)
	if err := wrong.Err(); err != nil {
		return wire.Explanation{}, err
	}
	return s.Webhooks.Explain(v.Context(), id, q)
}
