package ui

import (
	"context"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/webhook"
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
	wire.Webhook
	Watched watched
	Gates   deliveryCheck
	// Named are the tenants that it is bound to, without those that are gone meanwhile.
	Named []wire.Tenant
	// Warnings are what keeps it from getting events, or will bother somebody.
	Warnings []warning
}

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
	to, err := s.receiver(v.Context(), w.ID)
	if err != nil {
		return err
	}
	w.URL = to.Address
	page := webhookPage{Webhook: w}
	if page.Watched, err = s.watch(v, to); err != nil {
		return err
	}
	page.Gates, err = s.check(v, to, wantedBy(w), func(q webhook.Question) (wire.Explanation, error) { return s.Webhooks.Explain(v.Context(), w.ID, q) })
	if err != nil {
		return err
	}
	for _, t := range page.Gates.Tenants {
		if slices.Contains(w.TenantIDs, t.ID) {
			page.Named = append(page.Named, t)
		}
	}
	page.Warnings = warningsOf(w, page.Gates.Tenants, s.Webhooks.Egress.Permits)
	v.under("Webhooks", "/admin/webhook")
	v.of = nameOfWebhook(w)
	return v.show("webhook", "Webhook", page)
}

// wantedBy is what a webhook says about the events it gets.
func wantedBy(w wire.Webhook) wanted { return wanted{w.EventsEnabled, w.Global, w.TenantIDs} }

// Schedule says when a delivery is tried.
func (p webhookPage) Schedule() schedule { return schedule{p.RetryConfiguration} }

// Wanted are the types that the webhook has switched on, those of the catalogue first.
func (p webhookPage) Wanted() (all []event.Type) {
	for _, g := range p.Gates.Types {
		for _, t := range g.Types {
			if p.EventsEnabled[string(t)] {
				all = append(all, t)
			}
		}
	}
	return all
}

// openGate opens one of the gates of the delivery check.
func (s *server) openGate(v *visit) error {
	change := func(edit func(w *wire.Webhook)) error {
		return update(v, "webhook", v.id(), s.Webhooks.Update, func(w wire.Webhook) (wire.Webhook, error) {
			edit(&w)
			return w, nil
		})
	}
	return s.openGateOf(v, "/admin/webhook/"+string(v.id()), opener{
		enable: func() error { return s.setEnabled(v, true) },
		want: func(t event.Type) error {
			return change(func(w *wire.Webhook) { w.EventsEnabled = alsoOn(w.EventsEnabled, t) })
		},
		bind: func(tenant wire.ID) error {
			return change(func(w *wire.Webhook) { w.TenantIDs = append(slices.Clone(w.TenantIDs), tenant) })
		},
	})
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
	return s.pause(v, "WebhookPaused", func() error { return s.webhook(v) })
}

func (s *server) resumeWebhook(v *visit) error {
	if err := s.resume(v); err != nil {
		return err
	}
	return v.done("WebhookResumed", "/admin/webhook/"+string(v.id()))
}
