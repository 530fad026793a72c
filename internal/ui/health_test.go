package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens, screen{name: "health", path: "/admin/health"}, screen{name: "health-probed", path: "/admin/health", prepare: func(p *uitest.Page, s *stage) {
		if _, has := s.noted["webhook"]; has {
			p.Click("Probe receivers").See("What the receivers answered")
		}
	}})
}

// blocked makes a webhook that cannot be reached and whose consent every login needs.
func blocked(h *house) (hook wire.ID) {
	h.t.Helper()
	hook = h.Subscribe("http://127.0.0.1:1/?token=pl4nted", []string{"user.create", "user.login.success"}, func(w *wire.Webhook) { w.ConnectTimeout, w.ReadTimeout = 500, 500 })
	h.Enable(wire.AbsoluteMajority, "user.login.success")
	h.Enable(wire.None, "user.create")
	h.Eventually(20*time.Second, "the webhook is known to fail", func() bool {
		h.Call("POST", "/api/user", `{"user":{"username":"`+string(wire.ID(time.Now().Format("150405.000000000")))+`","password":"`+password+`"}}`).Want(200)
		blocking, err := h.App.Doctor().Blocking(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		return len(blocking) > 0
	})
	return hook
}

// What blocks users is said on every page, with the switch to mend it.
func TestAlarm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		if page := b.gets("/admin/webhook", 200, ""); strings.Contains(page, `class="alarm"`) {
			t.Error("an alarm without a reason")
		}
		hook := blocked(h)
		page := b.gets("/admin/log", 200, `class="alarm"`)
		for _, want := range []string{"user.login.success", "/admin/webhook/" + string(hook), `name="rule" value="None"`} {
			if !strings.Contains(page, want) {
				t.Errorf("the alarm lacks %q", want)
			}
		}
		if strings.Contains(page, `value="Any"`) {
			t.Error("what would help nobody is offered")
		}
		if strings.Contains(page, "pl4nted") {
			t.Error("a secret in the alarm")
		}
		if page := h.admin("auditor").gets("/admin/log", 200, `class="alarm"`); strings.Contains(page, `name="rule"`) {
			t.Error("an auditor is offered a change")
		}
		h.Call("PATCH", "/api/tenant/"+string(h.Tenant), `{"tenant":{"name":"Confidential Ltd."}}`).Want(200)
		b.gets("/admin/log", 200, "Confidential Ltd.")
		stranger := h.admin("messenger_manager").gets("/admin/", 200, `class="alarm"`)
		if strings.Contains(stranger, "Confidential") || strings.Contains(stranger, "127.0.0.1:1") || strings.Contains(stranger, "/admin/webhook/") || !strings.Contains(stranger, "user.login.success") {
			t.Errorf("who may see neither tenants nor webhooks is told of them, or of nothing:\n%s", stranger)
		}
		if page := h.admin("webhook_manager").gets("/admin/", 200, `class="alarm"`); strings.Contains(page, "Confidential") || !strings.Contains(page, "127.0.0.1:1") {
			t.Errorf("who may see webhooks only:\n%s", page)
		}
		if page := b.gets("/admin/health", 200, "user.login.success"); !strings.Contains(page, "Does not work") {
			t.Error("health does not know")
		}
		path := "/admin/tenant/" + string(h.Tenant) + "/lenient"
		form := url.Values{"type": {"user.login.success"}, "rule": {"None"}, "next": {"/admin/log"}}
		h.admin("auditor", "webhook_manager").posts(path, form, 403, "roles do not open")
		b.posts(path, url.Values{"type": {"user.login.success"}, "rule": {"AbsoluteMajority"}}, 404, "")
		b.posts(path, form, 303, "/admin/log")
		entry := h.audited()
		if entry.InsertUser != "admin@example.com" || !strings.Contains(entry.Message, "user.login.success") || !strings.Contains(string(entry.OldValue), "AbsoluteMajority") || strings.Contains(string(entry.NewValue), "AbsoluteMajority") {
			t.Errorf("audit log: %+v", entry)
		}
		if page := b.gets("/admin/log", 200, "The transaction setting was changed"); strings.Contains(page, `class="alarm"`) {
			t.Error("the alarm stays")
		}
		// An old page makes nothing stricter.
		form.Set("rule", "Any")
		b.posts(path, form, 303, "/admin/log")
		var found wire.TenantResponse
		h.Call("GET", "/api/tenant/"+string(h.Tenant), nil).Want(200).Decode(&found)
		if rule := found.Tenant.EventConfiguration.Events["user.login.success"].TransactionType; rule != wire.None {
			t.Errorf("the setting is %s", rule)
		}
	})
}

func TestHealth(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		page := b.gets("/admin/health", 200, "Well")
		if strings.Contains(page, "Probe receivers") {
			t.Error("there is nobody to be asked")
		}
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusNoContent))
		hook := h.Subscribe(receiver.URL+"/?token=pl4nted", []string{"user.create"})
		page = b.gets("/admin/health", 200, "Probe receivers")
		if !strings.Contains(page, `href="/admin/webhook/`+string(hook)) || strings.Contains(page, "pl4nted") {
			t.Errorf("no link to the webhook, or its secret:\n%s", page)
		}
		b.posts("/admin/health", nil, 200, "answered")
		auditor := h.admin("auditor")
		auditor.posts("/admin/health", nil, 403, "roles do not open")
		if page := auditor.gets("/admin/health", 200, "which no tenant of its own sends"); strings.Contains(page, "Probe receivers") {
			t.Error("an auditor is offered to send something")
		}
		manager := h.admin("messenger_manager")
		manager.gets("/admin/health", 403, "")

		// The overview says the same, of what one may see; only a script waits for it.
		part, body, _ := b.send("GET", "/admin/attention", nil, "HX-Request", "true")
		if part != 200 || !strings.Contains(body, "which no tenant of its own sends") || strings.Contains(body, "<html") {
			t.Errorf("%d\n%s", part, body)
		}
		b.gets("/admin/", 200, "which no tenant of its own sends")
		b.gets("/admin/attention", 303, "/admin/")
		if page := manager.gets("/admin/", 200, "Nothing needs attention"); strings.Contains(page, "which no tenant of its own sends") {
			t.Error("who may not see webhooks is told of one")
		}
		if _, body, _ := b.send("GET", "/admin/health", nil, "Accept-Language", "de"); !strings.Contains(body, "keiner seiner Mandanten") {
			t.Errorf("not in German:\n%s", body)
		}
	})
}
