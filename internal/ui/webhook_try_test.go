package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "webhook-try", path: "/admin/webhook/{webhook}/test"},
		screen{name: "webhook-try-real", path: "/admin/webhook/{webhook}/test?type=user.create&tenant={tenant}&from=last"},
		screen{name: "webhook-try-answer", path: "/admin/webhook/{webhook}/test?type=user.create&tenant={tenant}", prepare: func(p *uitest.Page, _ *stage) {
			p.Click("Send").See("The receiver has").Click("As curl")
		}},
		screen{name: "webhook-try-refused", path: "/admin/webhook/{webhook}/test?type=user.create&tenant={tenant}&from=example", prepare: func(p *uitest.Page, s *stage) {
			p.Type("Event", s.text("nothing that is JSON", 500)).Click("Send").See("This is not JSON")
		}},
	)
}

func TestWebhookTry(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		receiver := egresstest.NewReceiver(t).Script(egresstest.Answer(http.StatusTeapot, http.Header{"X-Kettle": {"blue"}}, `{"why":"short and stout"}`))
		hook := h.Subscribe(receiver.URL+"/hook?token=pl4nted", []string{"user.create"}, func(w *wire.Webhook) {
			w.HTTPAuthenticationUsername, w.HTTPAuthenticationPassword = "herald", "hush-hush"
			w.Headers = map[string]string{"X-Api-Key": "s3same"}
		})
		path := "/admin/webhook/" + string(hook) + "/test"

		page := b.gets(path, 200, "<option selected>user.create</option>")
		if !strings.Contains(page, `&#34;tenantId&#34;: &#34;`+string(h.Tenant)) || strings.Contains(page, "10000000-0000-4000-8000") {
			t.Errorf("the example is not of this tenant, or has the id of the catalogue:\n%s", page)
		}
		b.gets(path+"?type=user.delete", 200, "user.delete&#34;")
		b.gets(path+"?type=custom.order.paid", 200, "custom.order.paid&#34;")
		b.gets(path+"?type=user.creat", 400, "Did you mean")
		b.gets(path+"?type=user.delete&from=last&tenant="+string(h.Tenant), 200, "has no event of that type")

		// Without a script the whole page comes back; with one the answer alone. What was written is sent byte for byte.
		text := "{\r\n  \"event\": {\"type\": \"user.create\", \"note\": \"<it's>\"}}"
		page = b.posts(path, url.Values{"event": {text}, "type": {"user.create"}}, 200, "short and stout")
		for _, want := range []string{">418</span>", "X-Kettle", "does not take this event", "curl -i -X POST", "&lt;it&#39;\\&#39;&#39;s&gt;", "</html>"} {
			if !strings.Contains(page, want) {
				t.Errorf("the answer lacks %q:\n%s", want, page)
			}
		}
		for _, secret := range []string{"pl4nted", "hush-hush", "s3same"} {
			if strings.Contains(page, secret) {
				t.Errorf("the page shows %q", secret)
			}
		}
		if got := receiver.WaitFor(1)[0]; string(got.Body) != strings.ReplaceAll(text, "\r\n", "\n") || got.Header.Get("X-Api-Key") != "s3same" || got.Header.Get("Authorization") == "" {
			t.Errorf("sent %s with %v", got.Body, got.Header)
		}
		status, part, _ := b.send("POST", path, url.Values{"event": {text}}, "HX-Request", "true")
		if status != 200 || strings.Contains(part, "<html") || !strings.Contains(part, "short and stout") {
			t.Errorf("the part: %d\n%s", status, part)
		}
		if logged := h.Strings(`SELECT id FROM event WHERE test`); len(logged) != 0 {
			t.Errorf("recorded, though nobody asked for it: %v", logged)
		}
		page = b.posts(path, url.Values{"event": {text}, "record": {"true"}}, 200, "see it in the webhook log")
		if logged := h.Strings(`SELECT id FROM event WHERE test`); len(logged) != 1 || !strings.Contains(page, "/admin/log/"+logged[0]) {
			t.Errorf("recorded: %v", logged)
		}

		b.posts(path, url.Values{"event": {"{"}}, 400, "This is not JSON")
		b.posts(path, url.Values{"event": {"[]"}}, 400, "The event to send is a JSON object")
		status, part, _ = b.send("POST", path, url.Values{"event": {"{"}}, "HX-Request", "true")
		if status != 200 || !strings.Contains(part, `href="#event"`) {
			t.Errorf("the part with a mistake: %d\n%s", status, part)
		}
		b.posts(path, url.Values{"ping": {"1"}}, 200, `type&#34;: &#34;test&#34;`)

		h.Enable(wire.None, "user.create")
		h.Call("POST", "/api/user", `{"user":{"email":"real@example.com","password":"pl4nted-password"}}`).Want(200)
		b.gets(path+"?type=user.create&from=last&tenant="+string(h.Tenant), 200, "real@example.com")
		hooks := h.admin("webhook_manager") // may test, but may not read the log
		if page = hooks.gets(path+"?type=user.create&from=last", 200, "user.create"); strings.Contains(page, "real@example.com") {
			t.Error("an event is shown to somebody who may not read the webhook log")
		}
		h.admin("auditor").posts(path, url.Values{"event": {text}}, 403, "roles do not open")
		b.gets("/admin/webhook/nothing/test", 404, "nothing at this address")
	})
}

// What somebody writes is there again after another look elsewhere, until it is reset.
func TestBrowser_WebhookTry(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	receiver := egresstest.NewReceiver(t)
	hook := s.Subscribe(receiver.URL+"/hook", []string{"user.create"})
	p := signIn(uitest.New(t, s.URL))
	path := "/admin/webhook/" + string(hook) + "/test"
	p.Open(path).Type("Event", `{"event":{"type":"user.create","mine":true}}`).Click("Send").See("The receiver has accepted it.").At(path)
	if got := string(receiver.WaitFor(1)[0].Body); got != `{"event":{"type":"user.create","mine":true}}` {
		t.Errorf("sent %s", got)
	}
	p.Choose("Event type", "user.delete").See("will stand here")
	if text := p.Value("Event"); !strings.Contains(text, "user.delete") {
		t.Errorf("another type shows %s", text)
	}
	p.Open(path)
	if text := p.Value("Event"); !strings.Contains(text, "mine") {
		t.Errorf("what was written is gone: %s", text)
	}
	p.Click("Reset")
	if text := p.Open(path).Value("Event"); strings.Contains(text, "mine") {
		t.Errorf("it stays after all: %s", text)
	}
}
