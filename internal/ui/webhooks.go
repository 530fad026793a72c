package ui

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/chart"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/outbox"
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
	Events int
	State  string // the id of a text

	Backlog wire.WebhookBacklog
	// Last is the newest request about what is owed to it; nil without one.
	Last *wire.DeliveryAttempt
	// Day is what was sent to it in the last 24 hours; nil when nothing was.
	Day *traffic.Series
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

// Waiting is how much waits for it.
func (r webhookRow) Waiting() int { return r.Backlog.Pending + r.Backlog.Retrying }

// Rate is the share of the last 24 hours' requests that were answered well, "" without any.
func (r webhookRow) Rate() string {
	if r.Day == nil {
		return ""
	}
	total := r.Day.Total()
	rate, known := total.SuccessRate()
	if !known {
		return ""
	}
	return strconv.FormatFloat(math.Floor(rate*1000)/10, 'f', -1, 64) + " %"
}

// P95 is how long 95 of 100 requests of the last 24 hours took at most, "" without any.
func (r webhookRow) P95() string {
	if r.Day == nil {
		return ""
	}
	total := r.Day.Total()
	if took := total.P95(); took > 0 {
		return milliseconds(float64(took.Microseconds()) / 1000)
	}
	return ""
}

// Spark draws the share by the hour.
func (r webhookRow) Spark() template.HTML {
	if r.Day == nil {
		return ""
	}
	line := chart.Spark{Class: "good", Max: 1}
	for i := range r.Day.Buckets {
		b := &r.Day.Buckets[i]
		rate, known := b.SuccessRate()
		if !known {
			rate = math.NaN()
		}
		line.Values, line.Unfinished = append(line.Values, rate), b.Unfinished
	}
	return chart.Sparkline(line)
}

func (s *server) webhookRow(w wire.Webhook) webhookRow {
	w.URL = egress.RedactURL(w.URL) // it may hold a secret, which nobody needs to see to recognise it
	row := webhookRow{Webhook: w, State: stateOf(w.Enabled, s.Outbox.Flow(w.ID))}
	for _, on := range w.EventsEnabled {
		if on {
			row.Events++
		}
	}
	return row
}

// stateOf is how a receiver is, the id of a text.
func stateOf(enabled *bool, f outbox.Flow) string {
	switch {
	case enabled != nil && !*enabled:
		return "StateDisabled"
	case f.Paused:
		return "StatePaused"
	case f.Open:
		return "StateFailing"
	}
	return "StateHealthy"
}

// Off tells whether the webhook is switched off.
func (r webhookRow) Off() bool { return r.Enabled != nil && !*r.Enabled }

// Since is when the webhook came into its state, 0 for a healthy one.
func (r webhookRow) Since() wire.Instant {
	switch {
	case r.Off():
		return r.DisabledInstant
	case r.Backlog.Paused != nil:
		return r.Backlog.Paused.Instant
	}
	return r.Backlog.Breaker.OpenedInstant
}
