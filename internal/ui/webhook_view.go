package ui

import (
	"context"
	"net/url"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

var webhookViewRoutes = []route{
	{"GET /admin/webhook/{id}", signedIn, admin.Webhooks, admin.View, (*server).webhook},
	{"POST /admin/webhook/{id}/pause", signedIn, admin.Webhooks, admin.Change, (*server).pauseWebhook},
	{"POST /admin/webhook/{id}/resume", signedIn, admin.Webhooks, admin.Change, (*server).resumeWebhook},
	{"POST /admin/webhook/{id}/enable", signedIn, admin.Webhooks, admin.Change, (*server).enableWebhook},
	{"POST /admin/webhook/{id}/disable", signedIn, admin.Webhooks, admin.Change, (*server).disableWebhook},
	{"POST /admin/webhook/{id}/open", signedIn, admin.Webhooks, admin.Change, (*server).openGate},
}

type webhookPage struct {
	webhookRow
	// Named are the tenants that it is bound to, without those that are gone meanwhile.
	Named    []wire.Tenant
	Attempts []webhooklog.TriedAttempt
	// Traffic is its last day by the hour, nil when nothing was sent.
	Traffic *hourly
	// Warnings are what keeps it from getting events, or will bother somebody.
	Warnings []warning
	// Types and Tenants are what the delivery check can be made for, Type and Tenant what it was, Check what came out.
	Types   []typeGroup
	Tenants []wire.Tenant
	Type    string
	Tenant  wire.ID
	Check   *wire.Explanation
	Problem string
}

// newestAttempts is how many the page of a webhook shows.
const newestAttempts = 10

// webhook shows one webhook: how it is, what was sent to it lately, and why it does or does not get an event.
func (s *server) webhook(v *visit) error {
	w, err := s.Webhooks.Load(v.Context(), v.id())
	if err != nil {
		// Lists of attempts and deliveries lead here from whatever receiver they are about.
		if _, isSink := s.Sinks.Load(v.Context(), v.id()); isSink == nil {
			v.redirect("/admin/sink/" + string(v.id()))
			return nil
		}
		return err
	}
	page := webhookPage{webhookRow: s.webhookRow(w), Type: v.FormValue("type"), Tenant: wire.ID(v.FormValue("tenant"))}
	if page.Backlog, err = s.Replay.Backlog(v.Context(), w.ID); err != nil {
		return err
	}
	if page.Attempts, _, err = s.WebhookLog.PageAttempts(v.Context(), webhooklog.AttemptFilter{WebhookID: w.ID}, newestAttempts, search.Cursor("")); err != nil {
		return err
	}
	if page.Tenants, err = s.Tenants.List(v.Context()); err != nil {
		return err
	}
	days, err := s.Traffic.Last24h(v.Context())
	if err != nil {
		return err
	}
	if page.Day = days[w.ID]; page.Day != nil {
		page.Traffic = &hourly{Title: "ChartSentHourly", Webhook: w.ID}
		frame{v: v}.draw(page.Traffic, page.Day)
	}
	for _, t := range page.Tenants {
		if slices.Contains(w.TenantIDs, t.ID) {
			page.Named = append(page.Named, t)
		}
	}
	page.Warnings = warningsOf(w, page.Tenants, s.Webhooks.Egress.Permits)
	if page.Type == "" {
		page.Type = string(firstType(w))
		if page.Tenant, err = s.tenantOf(v, w); err != nil {
			return err
		}
	}
	explanation, err := s.explain(v, w.ID, event.Type(page.Type), page.Tenant)
	if p, ok := problem.As(err); ok {
		page.Problem = messageOf(p)
	} else if err != nil {
		return err
	} else {
		page.Check = &explanation
	}
	page.Types = s.typesFor(v, w, page.Type)
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

// Wanted are the types that the webhook has switched on, those of the catalogue first.
func (p webhookPage) Wanted() (all []event.Type) {
	for _, g := range p.Types {
		for _, t := range g.Types {
			if p.EventsEnabled[string(t)] {
				all = append(all, t)
			}
		}
	}
	return all
}

// Newest is the newest attempt, nil without one.
func (p webhookPage) Newest() *webhooklog.TriedAttempt {
	if len(p.Attempts) == 0 {
		return nil
	}
	return &p.Attempts[0]
}

// Switch is what the button beside a closed gate says, the id of a text; "" when there is none, or somebody else has to press it.
func (p webhookPage) Switch(at frame, gate string) string {
	text, ok := gateSwitches[gate]
	if !ok || !at.May(admin.Webhooks, "change") || gate == gateTenant && !at.May(admin.Tenants, "change") {
		return ""
	}
	if gate == gateType {
		return p.Switch(at, gateTenant)
	}
	return text
}

// The gates that package webhook explains.
const (
	gateType    = "eventType"
	gateTenant  = "tenantEvent"
	gateEnabled = "webhookEnabled"
	gateEvent   = "webhookEvent"
	gateBinding = "tenantBinding"
	gatePaused  = "paused"
)

// gateSwitches are the gates that are opened here, with the text of the button.
var gateSwitches = map[string]string{
	gateType: "SwitchTenant", gateTenant: "SwitchTenant", gateEnabled: "SwitchWebhook", gateEvent: "SwitchEvent", gateBinding: "SwitchBinding", gatePaused: "ResumeDeliveries",
}

// openGate opens one of the gates of the delivery check, and leads back to it.
func (s *server) openGate(v *visit) error {
	t, tenant := event.Type(v.PostFormValue("type")), wire.ID(v.PostFormValue("tenant"))
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return err
	}
	var wrong problem.Validation
	webhook.Ask(&wrong, settings, t, tenant) // so that nothing is switched on that does not exist
	if err := wrong.Err(); err != nil {
		return err
	}
	switch v.PostFormValue("gate") {
	case gateType, gateTenant:
		err = s.switchOnAtTenant(v, tenant, t)
	case gateEnabled:
		err = s.setEnabled(v, true)
	case gateEvent:
		err = update(v, "webhook", v.id(), s.Webhooks.Update, func(w wire.Webhook) (wire.Webhook, error) {
			events := wire.Map[bool]{string(t): true}
			for name, on := range w.EventsEnabled {
				if name != string(t) {
					events[name] = on
				}
			}
			w.EventsEnabled = events
			return w, nil
		})
	case gateBinding:
		err = update(v, "webhook", v.id(), s.Webhooks.Update, func(w wire.Webhook) (wire.Webhook, error) {
			w.TenantIDs = append(slices.Clone(w.TenantIDs), tenant)
			return w, nil
		})
	case gatePaused:
		err = s.resume(v)
	default:
		return problem.ErrNotFound
	}
	if err != nil {
		return err
	}
	query := url.Values{"type": {string(t)}, "tenant": {string(tenant)}}
	return v.done("GateSwitched", "/admin/webhook/"+string(v.id())+"?"+query.Encode()+"#check")
}

func (s *server) switchOnAtTenant(v *visit, tenant wire.ID, t event.Type) error {
	if !v.session.May(admin.Tenants, admin.Change) {
		return errForbidden
	}
	return update(v, "tenant", tenant, func(ctx context.Context, id wire.ID, edit func(wire.Tenant) (wire.Tenant, error)) (wire.Tenant, error) {
		return s.Tenants.Update(ctx, id, func(current wire.Tenant) (wire.Tenant, []wire.ID, error) {
			next, err := edit(current)
			return next, nil, err
		})
	}, func(current wire.Tenant) (wire.Tenant, error) {
		events := wire.Map[wire.EventSetting]{}
		for name, setting := range current.EventConfiguration.Events {
			events[name] = setting
		}
		setting := events[string(t)]
		setting.Enabled = true
		events[string(t)] = setting
		current.EventConfiguration.Events = events
		return current, nil
	})
}

func (s *server) setEnabled(v *visit, on bool) error {
	return update(v, "webhook", v.id(), s.Webhooks.Update, func(w wire.Webhook) (wire.Webhook, error) {
		w.Enabled = &on
		return w, nil
	})
}

func (s *server) enableWebhook(v *visit) error {
	if err := s.setEnabled(v, true); err != nil {
		return err
	}
	return v.done("WebhookEnabledNow", "/admin/webhook/"+string(v.id()))
}

func (s *server) disableWebhook(v *visit) error {
	if err := s.setEnabled(v, false); err != nil {
		return err
	}
	return v.done("WebhookDisabledNow", "/admin/webhook/"+string(v.id()))
}

func (s *server) pauseWebhook(v *visit) error {
	reason := v.PostFormValue("reason")
	c := v.changing("Paused the webhook %s", v.id()).of("webhook", v.id())
	c.after = wire.WebhookPauseRequest{Reason: reason}
	if _, err := s.Replay.Pause(c.context(), v.id(), reason); err != nil {
		return v.again(err, func() error { return s.webhook(v) })
	}
	return v.done("WebhookPaused", "/admin/webhook/"+string(v.id()))
}

func (s *server) resume(v *visit) error {
	_, err := s.Replay.Resume(v.changing("Resumed the webhook %s", v.id()).of("webhook", v.id()).context(), v.id())
	return err
}

func (s *server) resumeWebhook(v *visit) error {
	if err := s.resume(v); err != nil {
		return err
	}
	return v.done("WebhookResumed", "/admin/webhook/"+string(v.id()))
}
