package ui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/wire"
)

var webhookRoutes = slices.Concat(webhookFormRoutes, webhookTryRoutes, webhookViewRoutes, recoverRoutes, taskRoutes, []route{
	{"GET /admin/webhook", signedIn, admin.Webhooks, admin.View, (*server).webhooks},
})

type webhooksPage struct {
	listing[wire.Webhook]
	Webhooks []webhookRow
	Any      bool // there are webhooks at all
	// Listeners is how many programs listen, and Targets where they hand events to.
	Listeners int
	Targets   string
}

type webhookRow struct {
	wire.Webhook
	health

	Events int
	// Last is the newest request about what is owed to it; nil without one.
	Last *wire.DeliveryAttempt
}

// webhooks are all that match, the newest first.
func (s *server) webhooks(v *visit) error {
	all, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	page := webhooksPage{Any: len(all) > 0}
	if of := v.preferences.Tenant; of != "" {
		all = slices.DeleteFunc(all, func(w wire.Webhook) bool { return !w.Global && !slices.Contains(w.TenantIDs, of) })
	}
	page.listing = listingOf(v, all, wordsOfWebhook)
	listeners, err := s.Listeners.Current(v.Context())
	if err != nil {
		return err
	}
	var targets []string
	for _, l := range listeners {
		if of := v.preferences.Tenant; of == "" || l.TenantID == "" || l.TenantID == of {
			targets = append(targets, cmp.Or(l.Target, "herald listen"))
		}
	}
	slices.Sort(targets)
	page.Listeners, page.Targets = len(targets), strings.Join(slices.Compact(targets), ", ")
	var days map[wire.ID]*traffic.Series
	if page.Any {
		if days, err = s.Traffic.Last24h(v.Context()); err != nil {
			return err
		}
	}
	for _, w := range page.Rows {
		row := s.webhookRow(w)
		if row.Backlog, err = s.Replay.Backlog(v.Context(), w.ID); err != nil {
			return err
		}
		newest := wire.DeliverySearch{DeliveryFilter: wire.DeliveryFilter{WebhookID: w.ID}}
		newest.NumberOfResults = 1
		found, _, err := s.Replay.Page(v.Context(), newest, search.Cursor(""))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			row.Last = found[0].LastAttempt
		}
		row.Day = days[w.ID]
		page.Webhooks = append(page.Webhooks, row)
	}
	return v.show("webhooks", "Webhooks", page)
}

// wordsOfWebhook are what a webhook is found by.
func wordsOfWebhook(w wire.Webhook) string {
	return w.Description + "\x00" + egress.RedactURL(w.URL) + "\x00" + string(w.ID)
}

func (s *server) webhookRow(w wire.Webhook) webhookRow {
	w.URL = egress.RedactURL(w.URL) // it may hold a secret, which nobody needs to see to recognise it
	row := webhookRow{Webhook: w, health: s.healthOf(w.ID, w.Enabled)}
	for _, on := range w.EventsEnabled {
		if on {
			row.Events++
		}
	}
	return row
}

// Schedule says when a delivery is tried.
func (r webhookRow) Schedule() schedule { return schedule{r.RetryConfiguration} }

// Since is when the webhook came into its state, 0 for a healthy one.
func (r webhookRow) Since() wire.Instant {
	if r.Off() {
		return r.DisabledInstant
	}
	return r.health.Since()
}
