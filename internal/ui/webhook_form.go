package ui

import (
	"cmp"
	"slices"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var webhookFormRoutes = []route{
	{"POST /admin/webhook/check", signedIn, admin.Webhooks, admin.Change, (*server).checkWebhook},
	{"POST /admin/webhook/filter", signedIn, admin.Webhooks, admin.Change, (*server).tryFilter},
	{"GET /admin/webhook/add", signedIn, admin.Webhooks, admin.Change, (*server).addWebhook},
	{"POST /admin/webhook/add", signedIn, admin.Webhooks, admin.Change, (*server).createWebhook},
	{"GET /admin/webhook/{id}/edit", signedIn, admin.Webhooks, admin.Change, (*server).editWebhook},
	{"POST /admin/webhook/{id}/edit", signedIn, admin.Webhooks, admin.Change, (*server).updateWebhook},
	{"GET /admin/webhook/{id}/delete", signedIn, admin.Webhooks, admin.Delete, (*server).askDeleteWebhook},
	{"POST /admin/webhook/{id}/delete", signedIn, admin.Webhooks, admin.Delete, (*server).deleteWebhook},
}

type webhookForm struct {
	wire.Webhook
	// New tells that the webhook does not exist yet.
	New     bool
	Tenants []wire.Tenant
	// SigningKeys and Certificates are the keys that can be chosen.
	SigningKeys, Certificates []option
	Headers                   pairs
	// StandardKeys are those of the signing keys that Standard Webhooks knows.
	StandardKeys []option
	// Warnings are what its owner will want to know.
	Warnings []warning
}

func (s *server) addWebhook(v *visit) error {
	w := wire.Webhook{ConnectTimeout: 1000, ReadTimeout: 2000, Global: true}
	if source := v.FormValue("from"); source != "" { // a copy of another one, of which secrets are not taken
		from, err := s.Webhooks.Load(v.Context(), wire.ID(source))
		if err != nil {
			return err
		}
		w = from
		w.ID, w.HTTPAuthenticationPassword = "", ""
		for name := range w.Headers {
			if isSecretHeader(name) {
				w.Headers[name] = ""
			}
		}
	}
	return s.showWebhookForm(v, w)
}

func (s *server) createWebhook(v *visit) error {
	w, err := v.webhookOf(wire.Webhook{})
	if err == nil {
		w.ID, err = create(v, "webhook", w.ID, w, s.Webhooks.Create)
	}
	if err != nil {
		w.ID = ""
		return v.again(err, func() error { return s.showWebhookForm(v, w) })
	}
	return v.done("WebhookCreated", "/admin/webhook/"+string(w.ID))
}

func (s *server) editWebhook(v *visit) error {
	w, err := s.Webhooks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	return s.showWebhookForm(v, w)
}

func (s *server) updateWebhook(v *visit) error {
	err := update(v, "webhook", v.id(), s.Webhooks.Update, v.webhookOf)
	if err != nil {
		return v.again(err, func() error { return s.editWebhook(v) })
	}
	return v.done("WebhookSaved", "/admin/webhook/"+string(v.id()))
}

// webhookOf is what the form makes of a webhook.
func (v *visit) webhookOf(current wire.Webhook) (wire.Webhook, error) {
	var request wire.WebhookRequest
	var wrong problem.Validation
	if err := wrong.Merge(v.fill(wire.WebhookRequest{Webhook: current}, &request)); err != nil {
		return wire.Webhook{}, err
	}
	w := request.Webhook
	v.setCustom(&wrong, &w.EventsEnabled)
	for name, value := range w.Headers {
		wrong.Check(value != "" || !isSecretHeader(name), "webhook.headers", "missing", "%s", v.text.say("HeaderSecretMissing", "Header", name))
	}
	w.RetryConfiguration = v.schedule(&wrong)
	return w, wrong.Err()
}

// checkWebhook tells what the owner of the webhook in the form will want to know, while it is written.
func (s *server) checkWebhook(v *visit) error {
	var current wire.Webhook
	if id := wire.ID(v.URL.Query().Get("id")); id != "" {
		var err error
		if current, err = s.Webhooks.Load(v.Context(), id); err != nil {
			return err
		}
	}
	w, err := v.webhookOf(current)
	form := webhookForm{Webhook: w, New: current.ID == ""}
	if _, ok := problem.As(err); err != nil && !ok {
		return err
	}
	if w.URL != "" {
		tenants, err := s.Tenants.List(v.Context())
		if err != nil {
			return err
		}
		form.Warnings = warningsOf(w, tenants, s.Webhooks.Egress.Permits)
	}
	return v.part("webhook-form", "checked", form)
}

// Schedule says when a delivery is tried.
func (f webhookForm) Schedule() schedule { return schedule{f.RetryConfiguration} }

// filterTrial is what a filter says about the newest events. Problem is why it cannot be read.
type filterTrial struct {
	wire.FilterTryResponse
	Problem string
}

// mostMatches is how many of the events that match are named.
const mostMatches = 10

// tryFilter shows what the filter in a form, of a webhook or a sink, says about the newest events.
func (s *server) tryFilter(v *visit) error {
	request := wire.FilterTryRequest{Filter: cmp.Or(v.PostFormValue("webhook.filter"), v.PostFormValue("sink.filter"))}
	var t filterTrial
	var err error
	if t.FilterTryResponse, err = s.WebhookLog.TryFilter(v.Context(), request); err != nil {
		p, ok := problem.As(err)
		if !ok || len(p.Fields) == 0 {
			return err
		}
		t.Problem = p.Fields[0].Message
	}
	t.Events = slices.DeleteFunc(t.Events, func(e wire.FilteredEvent) bool { return !e.Matches && e.Error == "" })
	t.Events = t.Events[:min(len(t.Events), mostMatches)]
	return v.part("webhook-form", "filter-tried", t)
}

func (s *server) showWebhookForm(v *visit, w wire.Webhook) (err error) {
	form := webhookForm{Webhook: w, New: w.ID == "", Headers: pairsOf("webhook.headers", w.Headers)}
	if form.New {
		form.Headers = form.Headers.copied()
	}
	if form.Tenants, err = s.Tenants.List(v.Context()); err != nil {
		return err
	}
	keys, err := s.Keys.List(v.Context())
	if err != nil {
		return err
	}
	none := option{Text: v.text.say("None")}
	form.SigningKeys, form.Certificates = []option{none}, []option{none}
	form.StandardKeys = []option{{Text: v.text.say("SameAsSigning")}}
	for _, k := range keys {
		if signs(k) {
			form.SigningKeys = append(form.SigningKeys, option{Value: string(k.ID), Text: k.Name + " (" + string(k.Algorithm) + ")"})
		}
		if k.Type == wire.KeyTypeHMAC || k.HasPrivateKey && k.Algorithm == wire.Ed25519 {
			form.StandardKeys = append(form.StandardKeys, option{Value: string(k.ID), Text: k.Name + " (" + string(k.Algorithm) + ")"})
		}
		if k.Certificate != "" {
			form.Certificates = append(form.Certificates, option{Value: string(k.ID), Text: k.Name})
		}
	}
	if !form.New {
		form.Warnings = warningsOf(w, form.Tenants, s.Webhooks.Egress.Permits)
	}
	v.under("Webhooks", "/admin/webhook")
	if form.New {
		return v.show("webhook-form", "WebhookAdd", form)
	}
	v.of = nameOfWebhook(w)
	return v.show("webhook-form", "WebhookEdit", form)
}

// On tells whether the webhook is switched on.
func (f webhookForm) On() bool { return f.Enabled == nil || *f.Enabled }

// Switches are what chooses the types of events, Bindings the tenants.
func (f webhookForm) Switches() eventSwitches { return eventSwitches{"webhook", f.EventsEnabled} }

func (f webhookForm) Bindings() bindings {
	return bindings{"webhook", f.Global, f.TenantIDs, f.Tenants}
}

// Orderings are the choices of an order.
func (f webhookForm) Orderings(at frame) []option {
	return []option{{Text: at.Say("OrderedNot")}, {Value: string(wire.OrderedByLinkedObject), Text: at.Say("OrderedByObject")}}
}

// DataOf is the free data as JSON, "" for none.
func (f webhookForm) DataOf() (string, error) { return jsonOf(f.Data) }

// nameOfWebhook is what people call it by: its description, or its address without what is secret in it.
func nameOfWebhook(w wire.Webhook) string {
	if w.Description != "" {
		return w.Description
	}
	return egress.RedactURL(w.URL)
}

func (s *server) askDeleteWebhook(v *visit) error {
	w, err := s.Webhooks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	backlogs, err := s.Replay.Backlogs(v.Context())
	if err != nil {
		return err
	}
	q := question{Text: v.text.say("WebhookDeleteAbout"), Do: v.text.say("WebhookDelete"), Back: "/admin/webhook/" + string(w.ID)}
	for _, b := range backlogs {
		if waiting := b.Pending + b.Retrying; b.WebhookID == w.ID && waiting > 0 {
			q.Effects = append(q.Effects, v.text.say("WebhookDeleteWaiting", "Count", waiting))
		}
	}
	v.under("Webhooks", "/admin/webhook")
	v.of = nameOfWebhook(w)
	return v.show("confirm", "WebhookDelete", q)
}

func (s *server) deleteWebhook(v *visit) error {
	w, err := s.Webhooks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	if err := remove(v, "webhook", w.ID, w, s.Webhooks.Delete); err != nil {
		return v.again(err, func() error { return s.askDeleteWebhook(v) })
	}
	return v.done("WebhookDeleted", "/admin/webhook")
}
