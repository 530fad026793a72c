package ui

import (
	"slices"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/wire"
)

var overviewRoutes = []route{
	{"GET /admin/{$}", signedIn, "", 0, (*server).overview},
}

type overviewPage struct {
	hourly

	// Steps are what is to do before a first event arrives; nil once one has.
	Steps     []step
	Events    []logRow
	News      string // where the list of events hears of what happens
	Attention attentionPart
}

// step is one of the three that lead to a first event.
type step struct {
	Text, To string
	Done     bool
}

// newestEvents is how many the overview shows.
const newestEvents = 10

func (s *server) overview(v *visit) (err error) {
	var page overviewPage
	if page.hourly, err = s.lastHour(v); err != nil {
		return err
	}
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	if v.session.May(admin.WebhookLog, admin.View) {
		search := wire.WebhookEventLogSearch{Period: wire.Period{Start: 1}, TenantID: v.Tenant}
		search.NumberOfResults = newestEvents
		if page.News, err = s.news(v, true); err != nil {
			return err
		}
		events, _, err := s.WebhookLog.Page(v.Context(), search, "")
		if err != nil {
			return err
		}
		page.Events = logRows(events)
	}
	switchedOn, err := s.anyEventSwitchedOn(v)
	if err != nil {
		return err
	}
	steps := []step{
		{"StepTenant", "", switchedOn},
		{"StepWebhook", "/admin/webhook", len(webhooks) > 0},
		{"StepEvent", "/admin/log", len(page.Events) > 0},
	}
	if slices.ContainsFunc(steps, func(s step) bool { return !s.Done }) {
		page.Steps = steps
	}
	page.Attention = s.attentionKnown(v)
	return v.show("overview", "Overview", page)
}

// anyEventSwitchedOn tells whether some tenant sends something.
func (s *server) anyEventSwitchedOn(v *visit) (bool, error) {
	tenants, err := s.Tenants.List(v.Context())
	for _, t := range tenants {
		for _, setting := range t.EventConfiguration.Events {
			if setting.Enabled {
				return true, err
			}
		}
	}
	return false, err
}
