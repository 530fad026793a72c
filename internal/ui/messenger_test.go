package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(
		screens,
		screen{name: "messengers", path: "/admin/messenger"},
		screen{name: "messenger", path: "/admin/messenger/{messenger}"},
		screen{name: "messenger-add", path: "/admin/messenger/add"},
		screen{name: "messenger-add-twilio", path: "/admin/messenger/add?type=Twilio"},
		screen{name: "messenger-edit-security", path: "/admin/messenger/{messenger}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Security") }},
		screen{name: "messenger-edit-headers", path: "/admin/messenger/{messenger}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Headers") }},
		screen{name: "messenger-tried", path: "/admin/messenger/{messenger}/edit", prepare: func(p *uitest.Page, _ *stage) {
			p.Type("Phone number", "+49 170 1234567").Click("Send test message").See("Not taken")
		}},
		screen{name: "messenger-delete", path: "/admin/messenger/{messenger}/delete"},
		screen{name: "messenger-delete-used", path: "/admin/messenger/{messengerUsed}/delete"},
	)
	furnishers = append(furnishers, func(s *stage) {
		main := egresstest.NewReceiver(s.t)
		used := s.messenger(s.text("Main gateway", 190), main.URL+"/"+url.PathEscape(s.text("send", 1500)), nil)
		s.note("messengerUsed", string(used))
		s.Call("PATCH", "/api/tenant/"+string(s.Tenant), map[string]any{"tenant": map[string]any{"multiFactorConfiguration": map[string]any{
			"sms": map[string]any{"enabled": true, "messengerId": used, "templateId": "2c5a7f10-84d3-4e19-b6a2-9d0f3c71e845"},
		}}}).Want(200)
		refuses := egresstest.NewReceiver(s.t).Script(egresstest.Answer(http.StatusForbidden, nil, s.text(`{"error":"this number is blocked"}`, 10_000)))
		second := s.messenger(s.text("Second gateway", 180)+" 2", refuses.URL+"/messages", map[string]any{
			"debug": true, "headers": map[string]any{"X-Api-Key": "hush-hush", "X-Region": s.text("eu", 100)}, "httpAuthenticationUsername": "herald",
			"httpAuthenticationPassword": "hush-hush", "messageTypes": []string{"SMS", "Voice"}, "data": map[string]any{"owner": s.text("Ada", 1000)},
		})
		s.note("messenger", string(second))
		for _, id := range []wire.ID{used, second} {
			s.Call("POST", "/api/messenger/"+string(id)+"/test", map[string]any{"phoneNumber": "+49 170 1234567"}).Want(200)
		}
		s.note("message", s.Strings(`SELECT id FROM message WHERE state = 'failed' ORDER BY id DESC`)[0])
	})
}

// messenger makes a Generic one.
func (h *house) messenger(name, to string, more map[string]any) wire.ID {
	h.t.Helper()
	m := map[string]any{"type": "Generic", "name": name, "url": to, "connectTimeout": 1000, "readTimeout": 2000}
	for k, v := range more {
		m[k] = v
	}
	var made wire.MessengerResponse
	h.Call("POST", "/api/messenger", map[string]any{"messenger": m}).Want(200).Decode(&made)
	return made.Messenger.ID
}

func (h *house) messengerNow(id string) wire.Messenger {
	h.t.Helper()
	var got wire.MessengerResponse
	h.Call("GET", "/api/messenger/"+id, nil).Want(200).Decode(&got)
	return *got.Messenger
}

func TestMessengerForm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/messenger", 200, "takes codes and other messages")
		b.gets("/admin/messenger/add?type=Twilio", 200, "Account SID")
		receiver := egresstest.NewReceiver(t)
		form := url.Values{
			"messenger.type": {"Generic"}, "messenger.name": {""}, "messenger.url": {"ftp://x"}, "messenger.connectTimeout:number": {"0"}, "messenger.readTimeout:number": {"2000"},
			"messenger.messageTypes[]": {"", "SMS"}, "messenger.httpAuthenticationUsername": {"herald"}, "messenger.httpAuthenticationPassword:secret": {"hush-hush"},
			"messenger.headers{name}": {"X-Api-Key", "X-Region"}, "messenger.headers{value}": {"pst-pst", "eu"}, "messenger.sslCertificate": {"none"},
		}
		wrong := b.posts("/admin/messenger/add", form, 400, `id="messenger.url-error"`)
		for _, member := range []string{"name", "connectTimeout", "sslCertificate"} {
			if !strings.Contains(wrong, `id="messenger.`+member+`-error"`) {
				t.Errorf("nothing is said about %s", member)
			}
		}
		form.Set("messenger.name", "Gate")
		form.Set("messenger.url", receiver.URL)
		form.Set("messenger.connectTimeout:number", "1000")
		form.Set("messenger.sslCertificate", "")

		// Before it exists it can be tried.
		form.Set("try", "true")
		b.posts("/admin/messenger/add", form, 400, "Give the phone number")
		form.Set("phoneNumber", "+49 170 1234567")
		form.Set("textMessage", "Is anybody there?")
		tried := b.posts("/admin/messenger/add", form, 200, "Taken")
		if got := receiver.Requests(); len(got) != 1 || !strings.Contains(string(got[0].Body), `"textMessage":"Is anybody there?"`) || got[0].Header.Get("X-Api-Key") != "pst-pst" {
			t.Errorf("sent %+v", got)
		}
		for _, secret := range []string{"hush-hush", "pst-pst", "1234567&#34;"} {
			if strings.Contains(tried, secret) {
				t.Errorf("the page says %q", secret)
			}
		}
		if !strings.Contains(tried, `value="Gate"`) || !strings.Contains(tried, "Request: POST") {
			t.Errorf("the form is not as it was entered:\n%s", tried)
		}
		if all := h.Strings(`SELECT purpose || ' ' || state FROM message`); len(all) != 1 || all[0] != "test sent" {
			t.Errorf("recorded: %q", all)
		}
		form.Del("try")

		_, _, to := b.send("POST", "/admin/messenger/add", form)
		id := strings.TrimPrefix(to, "/admin/messenger/")
		if id == to {
			t.Fatalf("not created: %q", to)
		}
		if m := h.messengerNow(id); m.Name != "Gate" || m.HTTPAuthenticationPassword != "hush-hush" || m.Headers["X-Api-Key"] != "pst-pst" || m.Headers["X-Region"] != "eu" {
			t.Errorf("created %+v", m)
		}
		if e := h.audited(); e.InsertUser != "admin@example.com" || !strings.Contains(e.Message, "Created the messenger "+id) || !strings.Contains(string(e.NewValue), "Gate") ||
			strings.Contains(string(e.NewValue), "hush-hush") {
			t.Errorf("audit log: %+v", e)
		}
		for _, path := range []string{"", "/edit", "/delete"} {
			if page := b.gets("/admin/messenger/"+id+path, 200, "Gate"); strings.Contains(page, "hush-hush") || strings.Contains(page, "pst-pst") {
				t.Errorf("%s shows a secret", path)
			}
		}

		// What is not shown stays, and goes nowhere else.
		other := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden))
		form.Set("messenger.httpAuthenticationPassword:secret", "")
		form["messenger.headers{was}"] = []string{"X-Api-Key", "X-Region"}
		form["messenger.headers{value}"] = []string{"", "us"}
		form.Set("messenger.url", other.URL)
		form.Set("try", "true")
		wrong = b.posts("/admin/messenger/"+id+"/edit", form, 400, "only where it has always gone")
		if !strings.Contains(wrong, "X-Api-Key") || len(other.Requests()) != 0 {
			t.Errorf("%d requests; %s", len(other.Requests()), wrong)
		}
		form.Set("messenger.httpAuthenticationPassword:secret", "another")
		form["messenger.headers{value}"] = []string{"another", "us"}
		b.posts("/admin/messenger/"+id+"/edit", form, 200, "Not taken")
		form.Del("try")
		form.Set("messenger.httpAuthenticationPassword:secret", "")
		form["messenger.headers{value}"] = []string{"", "us"}
		form.Set("messenger.url", receiver.URL)
		b.posts("/admin/messenger/"+id+"/edit", form, 303, "/admin/messenger/"+id)
		if m := h.messengerNow(id); m.HTTPAuthenticationPassword != "hush-hush" || m.Headers["X-Api-Key"] != "pst-pst" || m.Headers["X-Region"] != "us" {
			t.Errorf("changed to %+v", m)
		}

		// Whoever may only look changes nothing and sends nothing.
		auditor := h.admin("auditor")
		auditor.gets("/admin/messenger/"+id, 200, "Gate")
		auditor.posts("/admin/messenger/"+id+"/edit", url.Values{"try": {"true"}}, 403, "roles do not open")
		auditor.posts("/admin/messenger/"+id+"/delete", url.Values{}, 403, "roles do not open")

		h.Call("PATCH", "/api/tenant/"+string(h.Tenant), map[string]any{"tenant": map[string]any{"multiFactorConfiguration": map[string]any{
			"sms": map[string]any{"enabled": true, "messengerId": id, "templateId": "2c5a7f10-84d3-4e19-b6a2-9d0f3c71e845"},
		}}}).Want(200)
		b.gets("/admin/messenger/"+id+"/delete", 200, "multiFactorConfiguration.sms.messengerId")
		b.posts("/admin/messenger/"+id+"/delete", url.Values{}, 400, "multiFactorConfiguration.sms.messengerId")
		h.Call("PATCH", "/api/tenant/"+string(h.Tenant), map[string]any{"tenant": map[string]any{"multiFactorConfiguration": map[string]any{"sms": map[string]any{"enabled": false, "messengerId": nil}}}}).Want(200)
		b.gets("/admin/messenger/"+id+"/delete", 200, "Nobody uses it")
		b.posts("/admin/messenger/"+id+"/delete", url.Values{}, 303, "/admin/messenger")
		h.Call("GET", "/api/messenger/"+id, nil).Want(404)
		if e := h.audited(); !strings.Contains(e.Message, "Deleted the messenger "+id) || !strings.Contains(string(e.OldValue), "Gate") {
			t.Errorf("audit log: %+v", e)
		}
	})
}

// A messenger is added and tried by hand.
func TestBrowser_Messenger(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	p := signIn(uitest.New(t, s.URL))
	twilio := messengertest.NewTwilio(t)
	p.Open("/admin/messenger").Click("Add Twilio Messenger").Type("Name *", "Twilio").Type("URL *", twilio.URL).Type("Account SID *", messengertest.TwilioSID)
	p.Type("Auth token *", messengertest.TwilioToken).Type("From phone number", "+15551234567").Click("Send test message").See("Give the phone number")
	p.Type("Phone number", "+49 170 1234567").Click("Send test message").See("Taken").See("Answer: status 201")
	if p.Value("Auth token *") == "" {
		t.Error("what was entered is gone")
	}
	p.Click("Save").See("The messenger was created.").Click(".above a").At("/admin/messenger").See("Twilio")
	if len(twilio.Forms()) != 1 {
		t.Errorf("%d messages", len(twilio.Forms()))
	}
}
