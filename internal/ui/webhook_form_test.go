package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "webhook-edit-delivery", path: "/admin/webhook/{webhook}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Delivery") }},
		screen{name: "webhook-edit-warned", path: "/admin/webhook/{webhookNew}/edit"},
	)
}

// Nothing that was entered is lost when the form is shown again.
func TestWebhookForm_Again(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		page := b.posts("/admin/webhook/add", url.Values{
			"webhook.url": {"ftp://x"}, "webhook.connectTimeout:number": {"1000"}, "webhook.readTimeout:number": {"2000"}, "webhook.global:bool": {"false"},
			"webhook.tenantIds[]": {"", string(h.Tenant)}, "webhook.eventsEnabled[user.create]:bool": {"false", "true"}, "custom": {"custom.order.paid\ncustom.Wrong\nuser.creat"},
			"delays": {"10s, 1m"}, "webhook.rateLimit:number": {"0.5"},
			"webhook.headers{name}": {"X-One", "X-Api-Key"}, "webhook.headers{value}": {"first", ""},
		}, 400, `href="#custom"`)
		for _, want := range []string{
			`value="` + string(h.Tenant) + `" checked`, `aria-label="user.create" checked`, "custom.order.paid", "custom.Wrong", "user.creat is no custom type", `value="10s, 1m"`, `value="0.5"`,
			`value="X-One"`, `value="first"`, "Enter the value of the header X-Api-Key",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the form has lost %q:\n%s", want, page)
			}
		}
	})
}

func TestWebhookForm_Delivery(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		hook := h.Subscribe("https://crm.example.com/hook", []string{"user.create", "custom.order.paid"}, func(w *wire.Webhook) {
			w.Headers = map[string]string{"X-Api-Key": "s3same", "X-Team": "crm"}
		})
		path := "/admin/webhook/" + string(hook)
		load := func() *wire.Webhook {
			var got wire.WebhookResponse
			h.Call("GET", "/api"+strings.TrimPrefix(path, "/admin"), nil).Want(200).Decode(&got)
			return got.Webhook
		}
		if page := b.gets(path+"/edit", 200, "custom.order.paid"); strings.Contains(page, "s3same") || !strings.Contains(page, `value="crm"`) || !strings.Contains(page, "Tried 10 times") {
			t.Errorf("the form shows a secret, or lacks something:\n%s", page)
		}
		if page := b.gets("/admin/webhook/add?from="+string(hook), 200, "X-Api-Key"); strings.Contains(page, "s3same") || strings.Contains(page, "{was}") {
			t.Errorf("a copy takes the secret along, or believes that it has one:\n%s", page)
		}
		form := url.Values{
			"webhook.url": {"http://crm.example.com/hook"}, "webhook.connectTimeout:number": {"1000"}, "webhook.readTimeout:number": {"9000"}, "webhook.rateLimit:number": {"0.25"},
			"webhook.headers{was}": {"X-Api-Key", "X-Team"}, "webhook.headers{name}": {"X-Api-Key", "X-Team"}, "webhook.headers{value}": {"", "sales"},
			"custom": {"custom.order.sent\r\n"}, "delays": {"10s, 2m, 1h"}, "webhook.eventsEnabled[user.create]:bool": {"false", "true"}, "webhook.global:bool": {"true"},
		}
		// While it is written, nothing is saved, and what its owner will want to know is told.
		checked := b.posts("/admin/webhook/check?id="+string(hook), form, 200, "can read the events")
		for _, want := range []string{"user.create is enabled here, but off at every tenant", "It may take 10 seconds", "Tried 4 times: at once, then after 10 seconds, 2 minutes, 1 hour", "<svg"} {
			if !strings.Contains(checked, want) && !strings.Contains(checked, strings.Replace(want, "user.create is", "events are", 1)) {
				t.Errorf("the check lacks %q:\n%s", want, checked)
			}
		}
		if w := load(); w.URL != "https://crm.example.com/hook" {
			t.Errorf("a check has changed the webhook: %+v", w)
		}
		h.admin("auditor").posts("/admin/webhook/check", form, 403, "roles do not open")
		b.posts("/admin/webhook/check", url.Values{"delays": {"soon"}}, 200, "retries")

		b.posts(path+"/edit", form, 303, path)
		w := load()
		if w.RateLimit != 0.25 || w.Headers["X-Api-Key"] != "s3same" || w.Headers["X-Team"] != "sales" || w.EventsEnabled["custom.order.paid"] || !w.EventsEnabled["custom.order.sent"] ||
			!w.EventsEnabled["user.create"] || len(w.RetryConfiguration.Delays) != 3 || w.RetryConfiguration.Delays[2] != 3600 {
			t.Errorf("changed to %+v", w)
		}
	})
}

// Warnings and the drawing of the retries follow what is written, and the tab stays.
func TestBrowser_WebhookForm(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	hook := s.Subscribe(egresstest.NewReceiver(t).URL+"/hook", []string{"user.create"})
	p := signIn(uitest.New(t, s.URL))
	p.Open("/admin/webhook/"+string(hook)+"/edit").Click("Delivery").See("Tried 10 times").Type("Retries", "10s, 1m").Press("Tab").See("Tried 3 times").See("Rate limit")
	p.Click("General").Type("URL", "http://crm.example.com/").Press("Tab").See("can read the events")
}
