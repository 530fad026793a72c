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
	screens = append(screens,
		screen{name: "webhook-new", path: "/admin/webhook/{webhookNew}"},
		screen{name: "webhook-recover", path: "/admin/webhook/{webhook}/recover"},
		screen{name: "webhook-recover-count", path: "/admin/webhook/{webhook}/recover?since=2020-01-01T00:00&which=&rate=0.5"},
		screen{name: "tasks", path: "/admin/task"},
		screen{name: "task", path: "/admin/task/{task}"},
	)
	furnishers = append(furnishers, func(s *stage) {
		s.note("webhookNew", string(s.Subscribe("http://shop.example.com/hook", []string{"user.create", "user.delete", "user.reactivate"}, func(w *wire.Webhook) {
			w.Global, w.TenantIDs, w.ReadTimeout = false, nil, 20_000
		})))
		hook := s.noted["webhook"]
		s.Call("POST", "/api/delivery/webhook/"+hook+"/pause", map[string]any{"reason": s.text("They move to a new data centre", 1000)}).Want(200)
		var begun wire.DeliveryTaskResponse
		s.Call("POST", "/api/delivery/recover", map[string]any{"webhookId": hook, "since": 1}).Want(200).Decode(&begun)
		s.note("task", string(begun.Task.ID))
	})
}

// The page of a webhook draws what was sent to it, and to no other.
func TestWebhookView_Charts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		receiver := egresstest.NewReceiver(t)
		hook := h.Subscribe(receiver.URL, []string{"user.create"})
		other := h.Subscribe("https://other.example.com/hook", []string{"user.delete"})
		h.Enable(wire.None, "user.create")
		h.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"`+password+`"}}`).Want(200)
		receiver.WaitFor(1)
		path := "/admin/webhook/" + string(hook)
		h.Eventually(10*time.Second, "the delivery is counted", func() bool {
			_, page, _ := b.send("GET", path, nil)
			return strings.Contains(page, "Attempts by the hour")
		})
		page := b.gets(path, 200, "chart.")
		for _, want := range []string{"1 accepted, 0 to be tried again, 0 refused or given up", "How long answers took", "&amp;webhook=" + string(hook)} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q:\n%s", want, page)
			}
		}
		if page := b.gets("/admin/webhook/"+string(other), 200, "https://other.example.com/hook"); strings.Contains(page, "Attempts by the hour") {
			t.Error("there is a chart without anything sent")
		}
	})
}

// Each closed gate of the delivery check is opened where it is shown, until the event would be sent.
func TestWebhookView_DeliveryCheck(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		off := false
		hook := h.Subscribe("https://crm.example.com/hook?key=pl4nted", nil, func(w *wire.Webhook) {
			w.Global, w.TenantIDs, w.EventsEnabled, w.Enabled = false, nil, wire.Map[bool]{}, &off
		})
		path := "/admin/webhook/" + string(hook)
		h.Call("POST", "/api/delivery/webhook/"+string(hook)+"/pause", map[string]any{"reason": "moving"}).Want(200)
		check := path + "?type=user.create&tenant=" + string(h.Tenant)
		page := b.gets(check, 200, "It would not be sent.")
		for _, want := range []string{"Switch on at the tenant", "Switch on at this receiver", "Send it this tenant", "No event is enabled here", "No tenant is chosen"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if strings.Contains(page, "pl4nted") {
			t.Error("the page shows a secret")
		}
		hooks := h.admin("webhook_manager") // may not change tenants
		if page := hooks.gets(check, 200, "Switch on at this receiver"); strings.Contains(page, "Switch on at the tenant") {
			t.Error("a switch is offered to somebody who may not use it")
		}
		form := func(gate string) url.Values {
			return url.Values{"gate": {gate}, "type": {"user.create"}, "tenant": {string(h.Tenant)}}
		}
		hooks.posts(path+"/open", form("tenantEvent"), 403, "roles do not open")
		h.admin("auditor").posts(path+"/open", form("webhookEvent"), 403, "roles do not open")
		back := "/admin/webhook/" + string(hook) + "?tenant=" + string(h.Tenant) + "&type=user.create#check"
		for _, one := range []struct{ gate, did string }{
			{"tenantEvent", "Changed the tenant " + string(h.Tenant)},
			{"webhookEnabled", "Changed the webhook " + string(hook)},
			{"webhookEvent", "Changed the webhook "},
			{"tenantBinding", "Changed the webhook "},
			{"paused", "Resumed the webhook "},
		} {
			b.gets(check, 200, "It would not be sent.")
			b.posts(path+"/open", form(one.gate), 303, back)
			if entry := h.audited(); !strings.Contains(entry.Message, one.did) {
				t.Errorf("%s: audit log %+v", one.gate, entry)
			}
		}
		b.gets(check, 200, "It would be sent.")
		b.posts(path+"/open", form("breaker"), 404, "nothing at this address")
		wrong := form("webhookEvent")
		wrong.Set("type", "user.creat")
		b.posts(path+"/open", wrong, 400, "Did you mean")
	})
}

// The list finds webhooks by what people call them, and says how they are.
func TestWebhooks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/webhook", 200, "there is none yet")
		receiver := egresstest.NewReceiver(t)
		h.Enable(wire.None, "user.create")
		hook := h.Subscribe(receiver.URL+"/crm?key=pl4nted", []string{"user.create"}, func(w *wire.Webhook) { w.Description = "Customers" })
		other := h.Subscribe("https://other.example.com/hook", []string{"user.delete"}, func(w *wire.Webhook) { w.Global, w.TenantIDs = false, nil })
		h.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"pl4nted-password"}}`).Want(200)
		h.Settled(10 * time.Second)
		page := b.gets("/admin/webhook", 200, string(other))
		for _, want := range []string{"100 %", "<svg", ">200</span>", "Customers"} {
			if !strings.Contains(page, want) {
				t.Errorf("the list lacks %q:\n%s", want, page)
			}
		}
		if strings.Contains(page, "pl4nted") {
			t.Error("the list shows a secret")
		}
		if page = b.gets("/admin/webhook?text=CUSTOM", 200, string(hook)); strings.Contains(page, string(other)) {
			t.Error("the list has what was not looked for")
		}
		b.gets("/admin/webhook?text=pl4nted", 200, "No webhook matches")
		b.gets("/admin/webhook?from=-1", 200, string(hook))
		b.gets("/admin/webhook?from=99999999999999999999", 200, string(hook))
		b.posts("/admin/preferences", url.Values{"tenant": {string(h.Tenant)}, "next": {"/admin/webhook"}}, 303, "/admin/webhook")
		if page = b.gets("/admin/webhook", 200, string(hook)); strings.Contains(page, string(other)) {
			t.Error("the list has a webhook that gets nothing of the chosen tenant")
		}
		if page = b.gets("/admin/webhook/"+string(hook), 200, "100 %"); !strings.Contains(page, "<svg") {
			t.Error("the page of the webhook does not show what was sent to it")
		}
	})
}

func TestWebhookView_Actions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, auditor := h.admin(), h.admin("auditor")
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusServiceUnavailable))
		h.Enable(wire.None, "user.create")
		hook := h.Subscribe(receiver.URL, []string{"user.create"})
		path := "/admin/webhook/" + string(hook)
		b.gets(path, 200, "Send a test event now")
		h.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"pl4nted-password"}}`).Want(200)
		h.Eventually(10*time.Second, "an attempt is recorded", func() bool { return h.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM attempt`)[0] != "0" })
		page := b.gets(path, 200, ">503</span>")
		if strings.Contains(page, "Send a test event now") || !strings.Contains(page, "user.create</code></a>") {
			t.Errorf("the page does not show the attempt:\n%s", page)
		}
		b.posts(path+"/pause", url.Values{"reason": {strings.Repeat("x", 1001)}}, 400, `id="reason-error"`)
		auditor.posts(path+"/pause", url.Values{"reason": {"no"}}, 403, "roles do not open")
		b.posts(path+"/pause", url.Values{"reason": {"They <move>"}}, 303, path)
		if entry := h.audited(); !strings.Contains(entry.Message, "Paused the webhook") || !strings.Contains(string(entry.NewValue), "move") {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets(path, 200, "They &lt;move&gt;")
		if strings.Contains(auditor.gets(path, 200, "They &lt;move&gt;"), `/resume"`) {
			t.Error("an auditor is offered to resume")
		}
		b.posts(path+"/resume", url.Values{}, 303, path)
		b.posts(path+"/disable", url.Values{}, 303, path)
		b.gets(path, 200, "The webhook is disabled")
		b.posts(path+"/enable", url.Values{}, 303, path)
		if entry := h.audited(); !strings.Contains(entry.Message, "Changed the webhook") {
			t.Errorf("audit log: %+v", entry)
		}
		copied := b.gets("/admin/webhook/add?from="+string(hook), 200, receiver.URL)
		if strings.Contains(copied, string(hook)) {
			t.Error("the copy has the id of the original")
		}
	})
}

func TestRecover(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, auditor := h.admin(), h.admin("auditor")
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusInternalServerError))
		h.Enable(wire.None, "user.create")
		hook := h.Subscribe(receiver.URL, []string{"user.create"}, func(w *wire.Webhook) {
			w.RetryConfiguration, w.RateLimit = &wire.RetryConfiguration{Delays: []int{}}, 0.5
		})
		path := "/admin/webhook/" + string(hook) + "/recover"
		h.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"pl4nted-password"}}`).Want(200)
		h.Settled(10 * time.Second)
		b.gets(path, 200, `name="since" type="datetime-local"`)
		b.gets(path+"?since=yesterday", 400, `id="since-error"`)
		b.gets(path+"?since=2999-01-01T00:00", 400, "still to come")
		since := url.Values{"since": {time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04")}, "which": {"failed"}}
		page := b.gets(path+"?"+since.Encode(), 200, "Sends 1 request")
		if !strings.Contains(page, "in about 2 seconds") || !strings.Contains(page, "1 delivery that has failed") {
			t.Errorf("the effect is not told:\n%s", page)
		}
		never := url.Values{"since": since["since"], "which": {"neverSent"}}
		if page = b.gets(path+"?"+never.Encode(), 200, "Sends"); strings.Contains(page, "that has failed") {
			t.Error("what has failed counts as never sent")
		}
		auditor.posts(path, since, 403, "roles do not open")
		receiver.Script(egresstest.Accept())
		status, _, to := b.send("POST", path, since)
		if status != 303 || !strings.HasPrefix(to, "/admin/task/") {
			t.Fatalf("%d to %q", status, to)
		}
		if entry := h.audited(); !strings.Contains(entry.Message, "Began to recover what the webhook "+string(hook)) {
			t.Errorf("audit log: %+v", entry)
		}
		receiver.WaitFor(2)
		h.Eventually(10*time.Second, "the task is done", func() bool { return h.Strings(`SELECT state FROM task`)[0] == "done" })
		b.gets(to, 200, "Done</span>")
		auditor.gets("/admin/task", 200, to)
		b.posts(to+"/pause", url.Values{}, 400, "This task has ended")
		b.posts(to+"/burn", url.Values{}, 404, "nothing at this address")
		auditor.posts(to+"/cancel", url.Values{}, 403, "roles do not open")
		if status, part, _ := b.send("GET", to, nil, "HX-Request", "true"); status != 200 || strings.Contains(part, "<html") || strings.Contains(part, "hx-get") {
			t.Errorf("the part of an ended task: %d\n%s", status, part)
		}
		b.gets("/admin/task/nothing", 404, "nothing at this address")
	})
}

// From "why does it not arrive?" to its arrival, by clicking.
func TestBrowser_WebhookView(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	receiver := egresstest.NewReceiver(t)
	hook := s.Subscribe(receiver.URL+"/hook", nil, func(w *wire.Webhook) { w.EventsEnabled = wire.Map[bool]{"user.create": true} })
	p := signIn(uitest.New(t, s.URL))
	p.Open("/admin/webhook/" + string(hook)).Click("Send a test event now").See("The receiver has accepted it.").See("It would not be sent.")
	p.Click("Switch on at the tenant").See("It would be sent.")
	s.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"pl4nted-password"}}`).Want(200)
	receiver.WaitFor(2)
	s.Settled(10 * time.Second)
	p.Open("/admin/webhook/" + string(hook)).See("Recent deliveries").Click("Recover").Click("Count").See("Sends 1 request").Click("Send 1 request").See("Done")
}

// A receiver whose last delivery was not accepted is not shown as if all were well, until the next one is.
func TestWebhookView_Failing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Status(200))
		hook := h.Subscribe(receiver.URL, []string{"user.create"}, func(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{}} })
		h.Enable(wire.None, "user.create")
		for _, want := range []struct{ user, state, not string }{{"ada", "Failing", "Healthy"}, {"bob", "Healthy", "Failing"}} {
			h.Call("POST", "/api/user", `{"user":{"username":"`+want.user+`","password":"`+password+`"}}`).Want(200)
			for _, path := range []string{"/admin/webhook", "/admin/webhook/" + string(hook)} {
				h.Eventually(10*time.Second, path+" says "+want.state, func() bool {
					_, page, _ := b.send("GET", path, nil)
					return strings.Contains(page, ">"+want.state+"</span>") && !strings.Contains(page, ">"+want.not+"</span>")
				})
			}
		}
	})
}
