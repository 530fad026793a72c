package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/wire"
)

// admin is a browser in which an administrator has signed in.
func (h *house) admin(roles ...string) *browser {
	h.t.Helper()
	if len(roles) == 0 {
		roles = []string{"admin"}
	}
	name := strings.Join(roles, "-") + "@example.com"
	h.person(name, roles...)
	b := h.browser()
	b.signIn(name, password, 303, "/admin/")
	return b
}

// audited returns the newest entry of the audit log.
func (h *house) audited() wire.AuditLog {
	h.t.Helper()
	var found wire.AuditLogSearchResponse
	h.Call("GET", "/api/system/audit-log/search?numberOfResults=1&orderBy=insertInstant%20DESC,id%20DESC", nil).Want(200).Decode(&found)
	if len(found.AuditLogs) == 0 {
		return wire.AuditLog{}
	}
	return found.AuditLogs[0]
}

func TestWebhookForm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		form := url.Values{
			"webhook.url": {"ftp://x"}, "webhook.connectTimeout:number": {"soon"}, "webhook.readTimeout:number": {""}, "webhook.global:bool": {"false", "true"},
			"delays": {"1, x"}, "webhook.description": {"<b>CRM</b>"}, "webhook.data:json": {"{"},
		}
		b.posts("/admin/webhook/add", form, 400, "This is not JSON")
		form.Set("webhook.data:json", `{"a":1}`)
		wrong := b.posts("/admin/webhook/add", form, 400, "This must be a whole number.")
		if !strings.Contains(wrong, `id="webhook.connectTimeout-error"`) {
			t.Error("the error does not stand at its input")
		}
		if !strings.Contains(wrong, "&lt;b&gt;CRM&lt;/b&gt;") {
			t.Error("what was entered is not in the form again")
		}
		form.Set("webhook.connectTimeout:number", "1000")
		b.posts("/admin/webhook/add", form, 400, "Write the pauses")
		form.Set("delays", "1, 60")
		wrong = b.posts("/admin/webhook/add", form, 400, `href="#webhook.readTimeout"`)
		if !strings.Contains(wrong, `href="#webhook.url"`) {
			t.Errorf("only some mistakes are told:\n%s", wrong)
		}
		form.Set("webhook.readTimeout:number", "2000")
		form.Set("webhook.url", "https://crm.example.com/hook?key=secret")
		form.Set("webhook.httpAuthenticationPassword:secret", "hush-hush")
		form["webhook.headers{name}"], form["webhook.headers{value}"] = []string{"X-One", ""}, []string{"1", ""}
		form["webhook.eventsEnabled[user.create]:bool"] = []string{"false", "true"}
		form["webhook.eventsEnabled[user.delete]:bool"] = []string{"false"}
		_, _, to := b.send("POST", "/admin/webhook/add", form)
		id := strings.TrimPrefix(to, "/admin/webhook/")
		if id == to {
			t.Fatalf("not created: %q", to)
		}
		var made wire.WebhookResponse
		h.Call("GET", "/api/webhook/"+id, nil).Want(200).Decode(&made)
		w := made.Webhook
		if w.URL != form.Get("webhook.url") || w.ConnectTimeout != 1000 || !w.Global || w.HTTPAuthenticationPassword != "hush-hush" || w.Headers["X-One"] != "1" ||
			!w.EventsEnabled["user.create"] || w.EventsEnabled["user.delete"] || len(w.RetryConfiguration.Delays) != 2 || w.Data["a"] == nil {
			t.Errorf("created %+v", w)
		}
		entry := h.audited()
		if entry.InsertUser != "admin@example.com" || !strings.Contains(entry.Message, "Created the webhook "+id) || !strings.Contains(string(entry.NewValue), "X-One") {
			t.Errorf("audit log: %+v", entry)
		}
		if strings.Contains(string(entry.NewValue), "hush-hush") || strings.Contains(string(entry.NewValue), "key=secret") {
			t.Error("a secret is in the audit log")
		}

		b.gets("/admin/webhook/"+id, 200, "The webhook was created.")
		if page := b.gets("/admin/webhook/"+id+"/edit", 200, `value="X-One"`); strings.Contains(page, "hush-hush") {
			t.Error("a secret comes back")
		}
		change := url.Values{
			"webhook.url": {w.URL}, "webhook.connectTimeout:number": {"1500"}, "webhook.readTimeout:number": {"2000"}, "webhook.httpAuthenticationPassword:secret": {""},
			"webhook.headers{was}": {"X-One"}, "webhook.headers{name}": {"X-Two"}, "webhook.headers{value}": {"2"}, "delays": {"-"},
		}
		b.posts("/admin/webhook/"+id+"/edit", change, 303, "/admin/webhook/"+id)
		var changed wire.WebhookResponse
		h.Call("GET", "/api/webhook/"+id, nil).Want(200).Decode(&changed)
		if w = changed.Webhook; w.ConnectTimeout != 1500 || w.HTTPAuthenticationPassword != "hush-hush" || len(w.Headers) != 1 || w.Headers["X-Two"] != "2" ||
			w.RetryConfiguration == nil || len(w.RetryConfiguration.Delays) != 0 {
			t.Errorf("changed to %+v", w)
		}
		if entry = h.audited(); !strings.Contains(string(entry.OldValue), "X-One") || !strings.Contains(string(entry.NewValue), "X-Two") {
			t.Errorf("audit log: %+v", entry)
		}
		h.admin("auditor").posts("/admin/webhook/"+id+"/edit", change, 403, "roles do not open")
		b.gets("/admin/webhook/"+id+"/delete", 200, "no further events")
		b.posts("/admin/webhook/"+id+"/delete", url.Values{}, 303, "/admin/webhook")
		h.Call("GET", "/api/webhook/"+id, nil).Want(404)
		b.gets("/admin/webhook/"+id+"/edit", 404, "nothing at this address")
	})
}
