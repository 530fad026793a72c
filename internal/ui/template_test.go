package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	samples := func(p *uitest.Page, _ *stage) { p.Click("Variables").Click("Sample values") }
	screens = append(
		screens,
		screen{name: "message-templates", path: "/admin/message-template"},
		screen{name: "message-template", path: "/admin/message-template/{messageTemplate}"},
		screen{name: "message-template-values", path: "/admin/message-template/{messageTemplate}", prepare: samples},
		screen{name: "message-template-wrong", path: "/admin/message-template/{messageTemplate}", prepare: func(p *uitest.Page, _ *stage) {
			p.Type("Text *", "Code ${user.nothing}").See("nothing is missing")
		}},
		screen{name: "message-template-add", path: "/admin/message-template/add"},
		screen{name: "message-template-language", path: "/admin/message-template/{messageTemplate}", prepare: func(p *uitest.Page, _ *stage) { p.Click("#texts-more-tab") }},
		screen{name: "email-templates", path: "/admin/email-template"},
		screen{name: "email-template", path: "/admin/email-template/{emailTemplate}"},
		screen{name: "email-template-standard", path: "/admin/email-template/" + string(template.TwoFactorEmail) + "?{text}"},
		screen{name: "email-template-add", path: "/admin/email-template/add"},
		screen{name: "email-template-delete", path: "/admin/email-template/{emailTemplate}/delete"},
	)
	furnishers = append(furnishers, func(s *stage) {
		var m wire.MessageTemplateResponse
		s.Call("POST", "/api/message/template", map[string]any{"messageTemplate": map[string]any{
			"name": s.text("Parcel is there", 190), "type": "SMS", "defaultTemplate": s.text("${user.firstName}, you’re in luck: your parcel is there. Code ${code}", 5000),
			"localizedTemplates": map[string]any{"de": s.text("${user.firstName}, Ihr Paket ist da. Code ${code}", 5000)},
		}}).Want(200).Decode(&m)
		s.note("messageTemplate", string(m.MessageTemplate.ID))
		var e wire.EmailTemplateResponse
		s.Call("POST", "/api/email/template", map[string]any{"emailTemplate": map[string]any{
			"name": s.text("Parcel is there", 180) + " 2", "defaultSubject": s.text("Your parcel", 1000), "defaultTextTemplate": s.text("It is there.", 5000), "fromEmail": "shop@example.com",
			"defaultHtmlTemplate": `<style>p{color:#246}</style><img src="https://example.com/logo.png" alt="Logo"><p style="font-size:20px">` + s.text("It <b>is</b> there, ${user.firstName}.", 5000),
			"defaultFromName":     s.text("The shop", 1000),
		}}).Want(200).Decode(&e)
		s.note("emailTemplate", string(e.EmailTemplate.ID))
	})
}

func TestMessageTemplates(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/message-template", 200, "Default Two-Factor Request")
		b.gets("/admin/message-template/"+string(template.TwoFactorSMS), 200, "1 segment")
		form := url.Values{"messageTemplate.name": {""}, "messageTemplate.type": {"SMS"}, "messageTemplate.defaultTemplate": {"Hi\n${user.firstName"}, "samples": {""}}
		wrong := b.posts("/admin/message-template/add", form, 400, `id="messageTemplate.name-error"`)
		if !strings.Contains(wrong, `id="messageTemplate.defaultTemplate-error"`) || !strings.Contains(wrong, "${user.firstName\n") {
			t.Errorf("the mistake is not shown where it is:\n%s", wrong)
		}
		form.Set("messageTemplate.name", "Parcel")
		form.Set("messageTemplate.defaultTemplate", "${user.firstName}, you’re in. ${code}")
		form.Set("show", "-")
		b.posts("/admin/message-template/add", form, 200, "Jane, you’re in. 123456")
		form.Set("samples", `{"code":"9","user":{"firstName":"Ada"}}`)
		if shown := b.posts("/admin/message-template/add", form, 200, "Ada, you’re in. 9"); !strings.Contains(shown, "’ makes it Unicode") || !strings.Contains(shown, `value="Parcel"`) {
			t.Errorf("the preview:\n%s", shown)
		}
		form.Set("samples", `[`)
		b.posts("/admin/message-template/add", form, 200, "no JSON object")
		form.Set("samples", "")
		form.Set("user", "nobody@example.com")
		b.posts("/admin/message-template/add", form, 200, "no such user")
		h.Call("POST", "/api/user", `{"user":{"email":"grace@example.com","firstName":"Grace","password":"`+password+`"}}`).Want(200)
		form.Set("user", "grace@example.com")
		b.posts("/admin/message-template/add", form, 200, "Grace, you’re in. 123456")
		// Who may not see users has the samples.
		h.admin("message_template_manager").posts("/admin/message-template/add", form, 200, "Jane, you’re in. 123456")

		// Another language begins as the default text.
		form.Del("show")
		form.Set("add", "")
		b.posts("/admin/message-template/add", form, 400, "Name a language")
		form.Set("locale", "de")
		b.posts("/admin/message-template/add", form, 200, `name="messageTemplate.localizedTemplates[de]"`)
		form.Del("add")
		form.Set("messageTemplate.localizedTemplates[de]", "Hallo ${user.firstName}")
		_, _, to := b.send("POST", "/admin/message-template/add", form)
		id := strings.TrimPrefix(to, "/admin/message-template/")
		if id == to {
			t.Fatalf("not created: %q", to)
		}
		if e := h.audited(); !strings.Contains(e.Message, "Created the message template "+id) || !strings.Contains(string(e.NewValue), "Hallo") {
			t.Errorf("audit log: %+v", e)
		}

		b.gets("/admin/message-template/"+id, 200, `value="Parcel"`)

		// What is redrawn is one language, as the form says.
		part := b.posts("/admin/message-template/preview?locale=de&of="+id, form, 200, "Hallo Grace")
		if strings.Contains(part, "<html") {
			t.Error("the preview is a whole page")
		}
		form.Set("messageTemplate.localizedTemplates[de]", "Hallo\n  ${user.nothing}")
		form.Set("user", "")
		part = b.posts("/admin/message-template/preview?locale=de&of="+id, form, 200, "Line 2, column 5")
		if !strings.Contains(part, "  ${user.nothing}\n    ^") {
			t.Errorf("the preview does not point at it:\n%s", part)
		}
		form.Set("messageTemplate.localizedTemplates[de]", "")
		b.posts("/admin/message-template/"+id, form, 303, "/admin/message-template/"+id)
		var now wire.MessageTemplateResponse
		h.Call("GET", "/api/message/template/"+id, nil).Want(200).Decode(&now)
		if m := now.MessageTemplate; m.Name != "Parcel" || len(m.LocalizedTemplates) != 0 {
			t.Errorf("saved %+v", m)
		}
		if e := h.audited(); !strings.Contains(string(e.OldValue), "Hallo") || strings.Contains(string(e.NewValue), "Hallo") {
			t.Errorf("audit log: %+v", e)
		}
		auditor := h.admin("auditor")
		if page := auditor.gets("/admin/message-template/"+id, 200, "Jane, you’re in. 123456"); strings.Contains(page, ">Save<") || strings.Contains(page, "hx-post") {
			t.Error("an auditor is offered changes")
		}
		for _, path := range []string{id, "add", "preview", id + "/delete"} {
			auditor.posts("/admin/message-template/"+path, form, 403, "roles do not open")
		}
		h.Call("PATCH", "/api/tenant/"+string(h.Tenant), map[string]any{"tenant": map[string]any{"multiFactorConfiguration": map[string]any{
			"sms": map[string]any{"enabled": false, "templateId": id},
		}}}).Want(200)
		b.gets("/admin/message-template/"+id+"/delete", 200, "multiFactorConfiguration.sms.templateId")
		b.posts("/admin/message-template/"+id+"/delete", url.Values{}, 400, "multiFactorConfiguration.sms.templateId")
		b.posts("/admin/message-template/"+string(template.VerificationSMS)+"/delete", url.Values{}, 303, "/admin/message-template")
		b.gets("/admin/message-template/"+string(template.VerificationSMS), 404, "nothing at this address")
	})
}

func TestEmailTemplates(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin("email_template_manager", "email_template_deleter")
		b.gets("/admin/email-template", 200, "[Herald Default] Two-Factor Request")
		page := b.gets("/admin/email-template/"+string(template.TwoFactorEmail), 200, `sandbox=""`)
		if !strings.Contains(page, "Ihr Bestätigungscode") {
			t.Error("the German text is not there")
		}
		form := url.Values{
			"emailTemplate.name": {"Parcel"}, "emailTemplate.fromEmail": {"shop"}, "emailTemplate.defaultSubject": {"Parcel for ${user.firstName}"},
			"emailTemplate.defaultHtmlTemplate": {`<p onclick="x()">${user.firstName}<script>alert(1)</script><img src="https://example.com/a.png">`},
			"emailTemplate.defaultTextTemplate": {"It is there"},
		}
		b.posts("/admin/email-template/add", form, 400, `id="emailTemplate.fromEmail-error"`)
		form.Set("emailTemplate.fromEmail", "shop@example.com")
		part := b.posts("/admin/email-template/preview?locale=", form, 200, "Parcel for Jane")
		if !strings.Contains(part, "&lt;p&gt;Jane&lt;img&gt;") {
			t.Errorf("the frame does not show the HTML:\n%s", part)
		}
		for _, evil := range []string{"onclick", "alert(1)", "a.png"} {
			if strings.Contains(part, evil) {
				t.Errorf("the preview has %s:\n%s", evil, part)
			}
		}
		form.Set("emailTemplate.localizedSubjects[de]", "Ein Paket")
		b.posts("/admin/email-template/add", form, 400, `id="emailTemplate.localizedHtmlTemplates[de]-error"`)
		form.Set("emailTemplate.localizedHtmlTemplates[de]", "<p>Ein Paket")
		form.Set("emailTemplate.localizedTextTemplates[de]", "Ein Paket")
		_, _, to := b.send("POST", "/admin/email-template/add", form)
		id := strings.TrimPrefix(to, "/admin/email-template/")
		var made wire.EmailTemplateResponse
		h.Call("GET", "/api/email/template/"+id, nil).Want(200).Decode(&made)
		if e := made.EmailTemplate; e.LocalizedSubjects["de"] != "Ein Paket" || e.FromEmail != "shop@example.com" {
			t.Errorf("created %+v", e)
		}
		b.gets("/admin/email-template/add?from="+id, 200, "Ein Paket")
		if page := b.gets("/admin/email-template/"+id, 200, `value="Parcel"`); !strings.Contains(page, `value="shop@example.com"`) {
			t.Errorf("the sender is not there:\n%s", page)
		}
		b.posts("/admin/email-template/"+id+"/delete", url.Values{}, 303, "/admin/email-template")
		h.admin("message_template_manager").gets("/admin/email-template", http.StatusForbidden, "roles do not open")
	})
}

// A text is written with its preview beside it.
func TestBrowser_Templates(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	p := signIn(uitest.New(t, s.URL))
	p.Open("/admin/message-template").Click("Add message template").Type("Name *", "Parcel").Type("Text *", "Your code: ").Click("Variables").Click("code")
	p.See("Your code: 123456").See("17 characters · GSM-7 · 1 segment")
	p.Click("#texts-more-tab").Type("Language", "de").Click("#texts-more .buttons button:first-child").Type("Text *", "Ihr Code: ${code}").See("Ihr Code: 123456")
	p.Click("Save").See("The template was created.")
	p.Open("/admin/email-template/"+string(template.TwoFactorEmail)).Type("Subject *", "Hello ${user.firstName}").See("Hello Jane")
	var size string
	p.Eval(`document.querySelector("iframe.mail").sandbox.length + ""`, &size)
	if size != "0" {
		t.Errorf("the frame may do %s things", size)
	}
}
