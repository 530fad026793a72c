package doctor

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// overdue is how late a delivery may be before people should know.
const overdue = 5 * time.Minute

// badShare is the share of failed requests, one of so many, from which it is worth a look.
const badShare = 20

func (s *Service) lookAtWebhooks(ctx context.Context, found *findings) error {
	all, err := s.o.Webhooks.List(ctx)
	if err != nil {
		return err
	}
	settings, err := s.o.Tenants.Settings(ctx)
	if err != nil {
		return err
	}
	sent, err := s.o.Traffic.Last24h(ctx)
	if err != nil {
		return err
	}
	for _, w := range all {
		var backlog wire.WebhookBacklog
		err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
			backlog, err = s.o.Outbox.BacklogOf(tx, w.ID)
			return err
		})
		if err != nil {
			return err
		}
		about := Subject{Webhook, w.ID, egress.RedactURL(w.URL)}
		attempts, failed := sums(sent[w.ID])
		well := stateFindings(found, about, &w, s.o.Outbox.Flow(w.ID))
		well = backlogFindings(found, about, WebhookBacklog, WebhookDead, backlog, s.o.DB.Now()) && well
		settingFindings(found, about, &w, settings, s.deadline())
		switch {
		case failed*badShare >= attempts && failed > 0:
			found.add(WebhookFailures, about, "failed", failed, "attempts", attempts)
		case well && w.Enabled == nil:
			found.add(WebhookWell, about, "accepted", attempts-failed, "attempts", attempts)
		}
	}
	return s.lookAtSinks(ctx, found, sent)
}

// lookAtSinks finds what there is to say about sinks: whether they can be reached, what waits for them, and how they have done.
func (s *Service) lookAtSinks(ctx context.Context, found *findings, sent map[wire.ID]*traffic.Series) error {
	registry, err := s.o.Webhooks.Registry(ctx)
	if err != nil {
		return err
	}
	for _, target := range registry.Sinks() {
		var backlog wire.WebhookBacklog
		err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
			backlog, err = s.o.Outbox.BacklogOf(tx, target.ID)
			return err
		})
		if err != nil {
			return err
		}
		about := Subject{Sink, target.ID, target.Name()}
		attempts, failed := sums(sent[target.ID])
		flow := s.o.Outbox.Flow(target.ID)
		well := false
		switch {
		case !target.Enabled():
			found.add(SinkDisabled, about)
		case flow.Paused:
			found.add(SinkPaused, about, "since", wire.Instant(flow.PausedInstant), "reason", orElse(flow.PauseReason, noReason))
		case flow.Open:
			found.add(SinkFailing, about, "since", wire.Instant(flow.OpenedInstant), "reason", flow.Failure)
		default:
			well = true
		}
		well = backlogFindings(found, about, SinkBacklog, SinkDead, backlog, s.o.DB.Now()) && well
		switch {
		case failed*badShare >= attempts && failed > 0:
			found.add(SinkFailures, about, "failed", failed, "attempts", attempts)
		case well:
			found.add(SinkWell, about, "accepted", attempts-failed, "attempts", attempts)
		}
	}
	return nil
}

// noReason stands where somebody who paused a receiver did not say why.
const noReason = "no reason was given"

// stateFindings tells why the webhook gets nothing at all, and returns whether it gets something.
func stateFindings(found *findings, about Subject, w *wire.Webhook, f outbox.Flow) bool {
	on := w.Enabled == nil || *w.Enabled
	switch {
	case !on && w.DisabledReason != "":
		found.add(WebhookSwitchedOff, about, "since", w.DisabledInstant, "reason", w.DisabledReason)
	case !on:
		found.add(WebhookDisabled, about)
	case f.Paused:
		found.add(WebhookPaused, about, "since", wire.Instant(f.PausedInstant), "reason", orElse(f.PauseReason, noReason))
	case f.Open:
		found.add(WebhookFailing, about, "since", wire.Instant(f.OpenedInstant), "reason", f.Failure)
	default:
		return true
	}
	return false
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// backlogFindings tells what waits for a receiver and what was given up, under the codes of its kind, and returns whether nothing is the matter.
func backlogFindings(found *findings, about Subject, overdueCode, deadCode Code, b wire.WebhookBacklog, now time.Time) (well bool) {
	well = true
	if b.OldestDueInstant != 0 && now.UnixMilli()-int64(b.OldestDueInstant) > overdue.Milliseconds() {
		found.add(overdueCode, about, "waiting", int64(b.Pending)+int64(b.Retrying), "since", b.OldestDueInstant)
		well = false
	}
	if b.Dead > 0 {
		found.add(deadCode, about, "dead", int64(b.Dead))
		well = false
	}
	return well
}

// settingFindings tells what of the webhook's settings can hardly be meant.
func settingFindings(found *findings, about Subject, w *wire.Webhook, settings *tenant.Settings, deadline time.Duration) {
	if isPlain(w.URL) {
		found.add(WebhookPlain, about)
	}
	var wanted []event.Type
	for name, on := range w.EventsEnabled {
		if on {
			wanted = append(wanted, event.Type(name))
		}
	}
	slices.Sort(wanted)
	if len(wanted) == 0 {
		found.add(WebhookNoEvents, about)
		return
	}
	system := func(t event.Type) bool {
		d, _ := event.Lookup(t)
		return d.Scope == event.ScopeSystem
	}
	if !w.Global && len(w.TenantIDs) == 0 {
		if !slices.ContainsFunc(wanted, system) {
			found.add(WebhookNeverFires, about)
		}
		return
	}
	tenants := []wire.ID(w.TenantIDs)
	if w.Global {
		tenants = settings.IDs()
	}
	var off []string
	asked := false
	for _, t := range wanted {
		sent := system(t) || slices.ContainsFunc(tenants, func(id wire.ID) bool {
			enabled, rule := settings.Event(id, t)
			asked = asked || enabled && rule != wire.None
			return enabled
		})
		if !sent {
			off = append(off, string(t))
		}
	}
	if len(off) > 0 {
		found.add(WebhookEventOff, about, "events", few(off))
	}
	if wait := time.Duration(w.ConnectTimeout+w.ReadTimeout) * time.Millisecond; asked && wait > deadline {
		found.add(WebhookNoAnswer, about, "seconds", int64(wait.Seconds()), "deadline", int64(deadline.Seconds()))
	}
}

// isPlain tells whether requests to the URL can be read on their way. What stays on this machine cannot.
func isPlain(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" {
		return false
	}
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil {
		return !a.Unmap().IsLoopback()
	}
	return host != "localhost" && net.ParseIP(host) == nil
}

// lookAtEvents finds what tenants send and nobody gets.
func (s *Service) lookAtEvents(ctx context.Context, found *findings) error {
	settings, err := s.o.Tenants.Settings(ctx)
	if err != nil {
		return err
	}
	registry, err := s.o.Webhooks.Registry(ctx)
	if err != nil {
		return err
	}
	if len(registry.IDs()) == 0 {
		return nil // nothing is set up yet: the first steps say so
	}
	for _, id := range settings.IDs() {
		t, _ := settings.Find(id)
		if nobody := toNobody(id, &t, registry); len(nobody) > 0 {
			found.add(EventToNobody, Subject{Tenant, id, t.Name}, "events", few(nobody))
		}
	}
	return nil
}

func toNobody(id wire.ID, t *wire.Tenant, registry *webhook.Registry) (nobody []string) {
	for _, name := range slices.Sorted(maps.Keys(t.EventConfiguration.Events)) {
		d, ok := event.Lookup(event.Type(name))
		if ok && d.Scope == event.ScopeTenant && t.EventConfiguration.Events[name].Enabled && len(registry.Audience(d.Type, d.Scope, id).Targets) == 0 {
			nobody = append(nobody, name)
		}
	}
	return nobody
}
