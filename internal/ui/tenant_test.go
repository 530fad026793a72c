package ui_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "tenants", path: "/admin/tenant"},
		screen{name: "tenants-nothing-found", path: "/admin/tenant?name={text}{text}"},
		screen{name: "tenant", path: "/admin/tenant/{tenant}"},
		screen{name: "tenant-password", path: "/admin/tenant/{tenant}", prepare: func(p *uitest.Page, _ *stage) { p.Click("Password") }},
		screen{name: "tenant-add", path: "/admin/tenant/add"},
		screen{name: "tenant-edit", path: "/admin/tenant/{tenant}/edit"},
		screen{name: "tenant-edit-webhooks", path: "/admin/tenant/{tenant}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Within("main").Click("Webhooks") }},
		screen{name: "tenant-edit-factors", path: "/admin/tenant/{tenant}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Multi-Factor") }},
		screen{name: "tenant-edit-email", path: "/admin/tenant/{tenant}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Email") }},
		screen{name: "tenant-edit-security", path: "/admin/tenant/{tenant}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Security") }},
		screen{name: "tenant-edit-refused", path: "/admin/tenant/{tenant}/edit", prepare: func(p *uitest.Page, _ *stage) {
			p.Click("Password").Type("Minimum length", "1000").Click("Save").See("from 0 to 256")
		}},
		screen{name: "tenant-duplicate", path: "/admin/tenant/{tenant}/duplicate"},
		screen{name: "tenant-delete", path: "/admin/tenant/{tenantLabs}/delete"},
		screen{name: "tenant-delete-default", path: "/admin/tenant/{tenant}/delete"},
	)
}

// tenant is what the API says of a tenant, as JSON.
func (h *house) tenant(id string) map[string]any {
	h.t.Helper()
	var found map[string]any
	h.Call("GET", "/api/tenant/"+id, nil).Want(200).Decode(&found)
	return found["tenant"].(map[string]any)
}

func TestTenantForm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		global := h.Subscribe("https://global.example.com/hook", []string{"user.create"})
		own := h.Subscribe("https://own.example.com/hook?key=pl4nted", []string{"user.create"}, func(w *wire.Webhook) { w.Global = false })
		path := "/admin/tenant/" + string(h.Tenant)
		h.Call("PATCH", "/api/tenant/"+string(h.Tenant), `{"tenant":{"unknown":{"a":[1]},"emailConfiguration":{"host":"mail.example.com","username":"u","password":"pl4nted-mail"}}}`).Want(200)
		before := h.tenant(string(h.Tenant))

		// What is saved as it was shown is what it was.
		page := b.gets(path+"/edit", 200, "All of the Webhooks must succeed")
		if strings.Contains(page, "pl4nted") {
			t.Error("a secret comes back")
		}
		b.posts(path+"/edit", url.Values{
			"tenant.name": {before["name"].(string)}, "tenant.issuer": {"acme.com"}, "tenant.multiFactorConfiguration.loginPolicy": {"Enabled"},
			"tenant.multiFactorConfiguration.authenticator.enabled:bool": {"false", "true"}, "tenant.emailConfiguration.password:secret": {""},
			"tenant.emailConfiguration.host": {"mail.example.com"}, "tenant.emailConfiguration.username": {"u"}, "tenant.emailConfiguration.port:number": {""},
			"tenant.eventConfiguration.events[user.create].enabled:bool": {"false"}, "tenant.eventConfiguration.events[user.create].transactionType": {"None"},
			"tenant.clientRiskConfiguration.suspiciousUserAgents:lines": {""}, "webhookIds[]": {""},
		}, 303, path)
		after := h.tenant(string(h.Tenant))
		delete(before, "lastUpdateInstant")
		delete(after, "lastUpdateInstant")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("changed by being looked at: %s", diff)
		}

		form := url.Values{
			"tenant.name": {"Example Inc."}, "tenant.passwordValidationRules.minLength:number": {"soon"}, "tenant.emailConfiguration.port:number": {"70000"},
			"tenant.multiFactorConfiguration.sms.enabled:bool":                 {"false", "true"},
			"tenant.clientRiskConfiguration.suspiciousUserAgents:lines":        {"curl\r\n\r\nwget "},
			"tenant.emailConfiguration.additionalHeaders[0].name":              {"X-Mail"},
			"tenant.emailConfiguration.additionalHeaders[0].value":             {"one"},
			"tenant.emailConfiguration.additionalHeaders[1].name":              {""},
			"tenant.emailConfiguration.additionalHeaders[1].value":             {""},
			"tenant.eventConfiguration.events[user.create].enabled:bool":       {"false", "true"},
			"tenant.eventConfiguration.events[user.create].transactionType":    {"AbsoluteMajority"},
			"tenant.eventConfiguration.events[user.delete].enabled:bool":       {"false"},
			"tenant.eventConfiguration.events[user.delete].transactionType":    {"None"},
			"tenant.eventConfiguration.events[user.email.update].enabled:bool": {"false", "true"},
			"customType": {"custom.order.paid"}, "webhookIds[]": {"", string(own)},
		}
		b.posts(path+"/edit", form, 400, "This must be a whole number.")
		form.Set("tenant.passwordValidationRules.minLength:number", "12")
		wrong := b.posts(path+"/edit", form, 400, `id="tenant.multiFactorConfiguration.sms.messengerId-error"`)
		for _, want := range []string{
			"Example Inc.", "curl", `value="X-Mail"`, `value="AbsoluteMajority" selected`, `value="` + string(own) + `" checked`, `value="70000"`, `value="custom.order.paid"`,
			`id="tenant.emailConfiguration.port-error"`,
		} {
			if !strings.Contains(wrong, want) {
				t.Errorf("what was entered, or what is wrong with it, is missing: %q", want)
			}
		}
		form.Set("tenant.emailConfiguration.port:number", "587")
		form["tenant.multiFactorConfiguration.sms.enabled:bool"] = []string{"false"}
		b.posts(path+"/edit", form, 303, path)
		entry := h.audited()
		if entry.InsertUser != "admin@example.com" || entry.TenantID != "" || !strings.Contains(string(entry.NewValue), "Example Inc.") || strings.Contains(string(entry.OldValue), "Example Inc.") {
			t.Errorf("audit log: %+v", entry)
		}
		got := h.tenant(string(h.Tenant))
		text, _ := json.Marshal(got)
		for _, want := range []string{
			`"minLength":12`, `"port":587`, `"suspiciousUserAgents":["curl","wget"]`, `"additionalHeaders":[{"name":"X-Mail","value":"one"}]`, `"unknown":{"a":[1]}`,
			`"events":{"custom.order.paid":{"enabled":true,"transactionType":"None"},"user.create":{"enabled":true,"transactionType":"AbsoluteMajority"},"user.email.update":{"enabled":true,"transactionType":"None"}}`,
		} {
			if !strings.Contains(string(text), want) {
				t.Errorf("the tenant lacks %s:\n%s", want, text)
			}
		}
		form.Set("tenant.emailConfiguration.additionalHeaders[1].name", "X-Auth-Token")
		form.Set("tenant.emailConfiguration.additionalHeaders[1].value", "pl4nted")
		b.posts(path+"/edit", form, 303, path)
		if page := b.gets(path, 200, "X-Mail: one"); !strings.Contains(page, "X-Auth-Token: set") || strings.Contains(page, "pl4nted") {
			t.Error("the page lacks a mail header, or shows a secret one")
		}
		if page := b.gets(path+"/edit", 200, `value="X-Auth-Token"`); strings.Contains(page, "pl4nted") {
			t.Error("the form shows a secret mail header")
		}
		form.Set("tenant.emailConfiguration.additionalHeaders[1].value", "")
		b.posts(path+"/edit", form, 303, path)
		if text, _ := json.Marshal(h.tenant(string(h.Tenant))); !strings.Contains(string(text), `{"name":"X-Auth-Token","value":"pl4nted"}`) {
			t.Errorf("the secret mail header did not stay: %s", text)
		}
		if kept := h.Strings(`SELECT secrets FROM tenant WHERE id = $1`, string(h.Tenant)); kept[0] == "" {
			t.Error("the hidden password did not stay")
		}
		var hook wire.WebhookResponse
		h.Call("GET", "/api/webhook/"+string(own), nil).Want(200).Decode(&hook)
		if len(hook.Webhook.TenantIDs) != 1 {
			t.Errorf("bound to %v", hook.Webhook.TenantIDs)
		}
		view := b.gets(path, 200, "All must succeed, with 2 webhooks.")
		if !strings.Contains(view, string(global)) || strings.Contains(view, "pl4nted") {
			t.Error("the page lacks a webhook, or shows a secret")
		}

		// Only a form that says so unbinds.
		b.posts(path+"/edit", url.Values{"tenant.name": {"Example Inc."}}, 303, path)
		b.posts(path+"/edit", url.Values{"tenant.name": {"Example Inc."}, "webhookIds[]": {""}}, 303, path)
		hook = wire.WebhookResponse{}
		h.Call("GET", "/api/webhook/"+string(own), nil).Want(200).Decode(&hook)
		if len(hook.Webhook.TenantIDs) != 0 {
			t.Errorf("still bound to %v", hook.Webhook.TenantIDs)
		}
		h.Enable(wire.None, "user.create")
		auditor := h.admin("auditor")
		auditor.gets(path, 200, "Example Inc.")
		auditor.gets(path+"/edit", 403, "roles do not open")
		auditor.posts(path+"/edit", form, 403, "roles do not open")
		h.admin("tenant_manager").gets(path+"/delete", 403, "roles do not open")
	})
}

func TestTenant_CreateDuplicateDelete(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.posts("/admin/tenant/add", url.Values{"tenant.name": {"default"}}, 400, "already")
		id := "0e8a4f52-9d36-4b71-8c25-a1f7d3e6b904"
		b.posts("/admin/tenant/add", url.Values{
			"tenantId": {id}, "tenant.name": {"Labs"}, "tenant.eventConfiguration.events[user.create].enabled:bool": {"false", "true"},
			"tenant.emailConfiguration.password:secret": {"pl4nted-mail"},
		}, 303, "/admin/tenant/"+id)
		if entry := h.audited(); !strings.Contains(entry.Message, "Created the tenant "+id) || strings.Contains(string(entry.NewValue), "pl4nted") {
			t.Errorf("audit log: %+v", entry)
		}
		b.posts("/admin/tenant/"+id+"/duplicate", url.Values{"tenant.name": {"Labs"}}, 400, "already")
		_, _, to := b.send("POST", "/admin/tenant/"+id+"/duplicate", url.Values{"tenant.name": {"Labs 2"}})
		copied := h.tenant(strings.TrimPrefix(to, "/admin/tenant/"))
		if text, _ := json.Marshal(copied); !strings.Contains(string(text), `"user.create":{"enabled":true`) {
			t.Errorf("copied %s", text)
		}
		b.gets("/admin/tenant?name=labs", 200, "Labs 2")
		h.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"correct horse"}}`, "X-FusionAuth-TenantId", id).Want(200)
		b.gets("/admin/tenant/"+id+"/delete", 200, "1 user, with")
		h.ahead.Store(int64(11 * 60e9)) // the password was given long ago
		b.posts("/admin/tenant/"+id+"/delete", url.Values{"name": {"Labs"}, "password-again": {"wrong"}}, 400, "the password you sign in with")
		b.posts("/admin/tenant/"+id+"/delete", url.Values{"name": {"Lab"}, "password-again": {password}}, 400, "not the name of the tenant")
		b.posts("/admin/tenant/"+id+"/delete", url.Values{"name": {"Labs"}, "password-again": {password}}, 303, "/admin/tenant")
		h.Call("GET", "/api/tenant/"+id, nil).Want(404)
		if entry := h.audited(); !strings.Contains(entry.Message, "Deleted the tenant "+id) {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets("/admin/tenant/"+string(h.Tenant)+"/delete", 200, "cannot be deleted")
		b.posts("/admin/tenant/"+string(h.Tenant)+"/delete", url.Values{"name": {"Default"}}, 400, "cannot be deleted")
	})
}

// What a setting means follows the form before anything is saved.
func TestTenant_Meaning(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		refusing := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden))
		h.Subscribe(refusing.URL, []string{"user.create", "user.login.success"}, func(w *wire.Webhook) { w.ReadTimeout = 2000 })
		second := h.Subscribe("https://second.example.com/", []string{"user.create"}, func(w *wire.Webhook) { w.Global = false })
		ask := func(rule string, webhooks ...string) string {
			return "/admin/tenant/meaning?" + url.Values{
				"type": {"user.create"}, "tenant": {string(h.Tenant)}, "webhookIds[]": webhooks,
				"tenant.eventConfiguration.events[user.create].enabled:bool": {"false", "true"}, "tenant.eventConfiguration.events[user.create].transactionType": {rule},
			}.Encode()
		}
		b.gets(ask("None"), 200, "Nobody waits: 1 webhook gets it")
		b.gets(ask("AbsoluteMajority"), 200, "All must succeed, with 1 webhook. Slowest limit 3 s, asked in parallel: the creation of a user waits up to 3 s.")
		b.gets(ask("AbsoluteMajority"), 200, "If one of them fails, it is refused every time.")
		b.gets(ask("Any", string(second)), 200, "Any must succeed, with 2 webhooks.")
		b.gets(ask("Any", string(second)), 200, "1 may fail without anything being refused.")
		h.Enable(wire.AbsoluteMajority, "user.create")
		h.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"correct horse"}}`).Want(504)
		if page := b.gets(ask("AbsoluteMajority"), 200, "is refused every time"); !strings.Contains(page, "hint wait") {
			t.Errorf("it is not pointed out:\n%s", page)
		}
		h.Enable(wire.None, "user.create")
		b.gets("/admin/tenant/meaning?type=nothing", 404, "")
		h.admin("webhook_manager").gets(ask("None"), 403, "")

		form := url.Values{
			"tenant.name": {"Unsaved"}, "tenant.eventConfiguration.events[user.create].enabled:bool": {"false"}, "tenant.eventConfiguration.events[user.create.complete].enabled:bool": {"false"},
			"tenant.eventConfiguration.events[group.create].enabled:bool": {"false"}, "tenant.emailConfiguration.port:number": {"x"},
		}
		page := b.posts("/admin/tenant/"+string(h.Tenant)+"/edit?bulk=on.user", form, 200, "Unsaved")
		if strings.Count(page, `:bool" value="true" aria-label="Enabled: user.create" checked`) != 1 || strings.Contains(page, `aria-label="Enabled: group.create" checked`) {
			t.Error("the group is not switched on, or more than it is")
		}
		if got := h.tenant(string(h.Tenant))["name"]; got != "Default" {
			t.Errorf("saved %v", got)
		}
	})
}
