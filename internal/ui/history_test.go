package ui_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "history", path: "/admin/email-template/{historied}/history"},
		screen{name: "history-empty", path: "/admin/message-template/{messageTemplate}/history"},
		screen{name: "history-version", path: "/admin/email-template/{historied}/history", prepare: func(p *uitest.Page, _ *stage) { p.Click(".versions li:last-child .button") }},
		screen{name: "audit-log-object", path: "/admin/audit-log?object=e-mail+template+{historied}"},
	)
	furnishers = append(furnishers, func(s *stage) {
		var e wire.EmailTemplateResponse
		s.Call("POST", "/api/email/template", map[string]any{"emailTemplate": map[string]any{
			"name": s.text("Order confirmed", 180) + " 3", "defaultSubject": "Your order", "defaultTextTemplate": "It is on its way.\nRing twice.\nOr knock.\nThanks\nThe shop", "defaultHtmlTemplate": "<p>It is on its way.",
		}}).Want(200).Decode(&e)
		s.note("historied", string(e.EmailTemplate.ID))
		b, path := s.browser(), "/admin/email-template/"+string(e.EmailTemplate.ID)
		b.signIn("root@example.com", password, 303, "/admin/")
		for i, text := range []string{"It is at the door.\nRing twice.\nOr knock.\nThanks\nThe shop", "It is at the door.\nRing once.\nOr knock.\n" + s.text("Thanks", 3000) + "\nThe shop", "Gone"} {
			if i == 2 {
				s.Call("PATCH", "/api/email/template/"+string(e.EmailTemplate.ID), map[string]any{"emailTemplate": map[string]any{"defaultTextTemplate": text}}).Want(200)
				text = "It is back.\nRing once."
			}
			b.posts(path, url.Values{"emailTemplate.defaultTextTemplate": {text}, "emailTemplate.defaultSubject": {s.text("Your order", 100)}}, 303, path)
		}
	})
}

// A template can become again what it was at any time, also what the API made of it in between.
func TestHistory(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin("message_template_manager")
		path := "/admin/message-template/" + string(template.TwoFactorSMS)
		b.gets(path, 200, path+"/history")
		b.gets(path+"/history", 200, "Nobody has changed this here yet")
		save := func(text string) {
			t.Helper()
			b.posts(path, url.Values{"messageTemplate.defaultTemplate": {text}, "messageTemplate.localizedTemplates[de]": {"Hallo"}}, 303, path)
		}
		now := func() wire.MessageTemplate {
			var r wire.MessageTemplateResponse
			h.Call("GET", "/api/message/template/"+string(template.TwoFactorSMS), nil).Want(200).Decode(&r)
			return *r.MessageTemplate
		}
		original := now()
		save("One ${code}")
		save("Two ${code}\nand more")
		h.Call("PATCH", "/api/message/template/"+string(template.TwoFactorSMS), map[string]any{"messageTemplate": map[string]any{"defaultTemplate": "Elsewhere ${code}", "data": map[string]any{"a": 1}}}).Want(200)
		page := b.gets(path+"/history", 200, "Changed elsewhere")
		if !strings.Contains(page, "<ins>and more</ins>") || !strings.Contains(page, "Two ${code}") || strings.Contains(page, "/admin/audit-log/") {
			t.Errorf("the history:\n%s", page)
		}
		save("Three ${code}")
		page = b.gets(path+"/history", 200, "Changed elsewhere")
		links := regexp.MustCompile(`href="(`+path+`/history/\d+(?:\?before=true)?)"`).FindAllStringSubmatch(page, -1)
		if len(links) != 4 || strings.Count(page, ">Current<") != 1 {
			t.Fatalf("versions: %v\n%s", links, page)
		}
		elsewhere, two, first := links[0][1], links[1][1], links[3][1]
		for _, step := range []struct{ link, text, said string }{
			{elsewhere, "Elsewhere ${code}", "as it was before the change of"}, {two, "Two ${code}\nand more", "as it was after the change of"}, {first, original.DefaultTemplate, "as it was before the change of"},
		} {
			b.gets(step.link, 200, "What would change")
			b.posts(step.link, url.Values{}, 303, path)
			if m := now(); m.DefaultTemplate != step.text || m.Name != original.Name || m.InsertInstant != original.InsertInstant {
				t.Errorf("restored: %+v", m)
			}
			if e := h.audited(); !strings.Contains(e.Message, "Restored the message template "+string(template.TwoFactorSMS)+" "+step.said) || e.Data["objectId"] != string(template.TwoFactorSMS) || e.Data["object"] != "message template" {
				t.Errorf("audit log: %+v", e)
			}
			b.gets(step.link, 200, "nothing to restore")
		}
		if m := now(); m.LocalizedTemplates["de"] != original.LocalizedTemplates["de"] {
			t.Errorf("the German text is %q", m.LocalizedTemplates["de"])
		}

		// A version is checked as what somebody enters is.
		h.Call("POST", "/api/message/template", map[string]any{"messageTemplate": map[string]any{"name": "Parcel", "type": "SMS", "defaultTemplate": "x"}}).Want(200)
		b.posts(path, url.Values{"messageTemplate.name": {"Other"}}, 303, path)
		b.posts(path, url.Values{"messageTemplate.name": {"Third"}}, 303, path)
		other := regexp.MustCompile(path+`/history/\d+`).FindAllString(b.gets(path+"/history", 200, "Other"), -1)[0]
		h.Call("POST", "/api/message/template", map[string]any{"messageTemplate": map[string]any{"name": "Other", "type": "SMS", "defaultTemplate": "x"}}).Want(200)
		b.posts(other, url.Values{}, 400, "What would change")

		auditor := h.admin("auditor")
		auditor.posts(other, url.Values{}, 403, "roles do not open")
		if strings.Contains(auditor.gets(other, 200, "What would change"), ">Restore<") {
			t.Error("an auditor is offered to restore")
		}
		// What others write into the audit log is no version, and neither is what is about another template.
		b.gets("/admin/message-template/"+string(template.VerificationSMS)+"/history/"+other[strings.LastIndex(other, "/")+1:], 404, "nothing at this address")
		b.gets(path+"/history/0", 404, "nothing at this address")
		b.gets(path+"/history/x", 404, "nothing at this address")
		b.gets(path+"/history?at=nonsense", 200, "no place in this list")
		if page := auditor.gets("/admin/audit-log?object=message+template+"+string(template.TwoFactorSMS), 200, "Restored the message template"); strings.Contains(page, "export") {
			t.Error("the entries about an object are offered for download")
		}
		auditor.gets("/admin/audit-log?object=%00", 404, "nothing at this address")
	})
}

// What the UI changes is found by the object from its own page.
func TestHistory_OfObjects(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		hook := h.Subscribe("https://crm.example.com/hook", []string{"user.create"})
		b.posts("/admin/webhook/"+string(hook)+"/disable", url.Values{}, 303, "/admin/webhook/"+string(hook))
		b.posts("/admin/tenant/"+string(h.Tenant)+"/edit", url.Values{"tenant.name": {"Example Inc."}}, 303, "/admin/tenant/"+string(h.Tenant))
		for path, message := range map[string]string{"webhook/" + string(hook): "Changed the webhook " + string(hook), "tenant/" + string(h.Tenant): "Changed the tenant " + string(h.Tenant)} {
			noun, id, _ := strings.Cut(path, "/")
			b.gets("/admin/"+path, 200, "/admin/audit-log?object="+noun+"&#43;"+id)
			if page := b.gets("/admin/audit-log?object="+noun+"+"+id, 200, message); strings.Count(page, "Changed the ") != 1 {
				t.Errorf("entries about others are among those about %s:\n%s", path, page)
			}
			if page := h.admin(noun+"_manager").gets("/admin/"+path, 200, id); strings.Contains(page, "/admin/audit-log?object=") {
				t.Error("the audit log is offered to somebody who may not see it")
			}
		}
	})
}
