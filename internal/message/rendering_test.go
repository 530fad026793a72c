package message_test

import (
	"errors"
	"testing"

	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

func TestRendering(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		templates := template.New(r.d)
		_, err := templates.Messages().Create(t.Context(), template1, wire.MessageTemplate{
			Name: "Two Factor", Type: wire.SMS, DefaultTemplate: "Your code is ${code}", LocalizedTemplates: wire.Map[string]{"de": "Ihr Code ist ${code}"},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = templates.Emails().Create(t.Context(), template2, wire.EmailTemplate{
			Name: "Mail", DefaultSubject: "Code", DefaultTextTemplate: "Your code is ${code}", DefaultHTMLTemplate: "<b>${code}</b>", DefaultFromName: "Herald",
			FromEmail: "herald@example.com",
		})
		if err != nil {
			t.Fatal(err)
		}
		rendering, model := message.Rendering{Templates: templates}, map[string]any{"code": code}
		text, err := rendering.Text(t.Context(), template1, []string{"de-CH"}, model)
		if err != nil || text.Name != "Two Factor" || text.Locale != "de" || text.Reason == "" || text.Text != "Ihr Code ist "+code {
			t.Errorf("%+v, %v", text, err)
		}
		mail, err := rendering.Mail(t.Context(), template2, nil, model)
		want := wire.Email{From: wire.EmailAddress{Address: "herald@example.com", Display: "Herald"}, Subject: "Code", Text: "Your code is " + code, HTML: "<b>" + code + "</b>"}
		if err != nil || mail.Name != "Mail" || mail.Locale != "" || mail.Mail.From != want.From || mail.Mail.Subject != want.Subject || mail.Mail.Text != want.Text || mail.Mail.HTML != want.HTML {
			t.Errorf("%+v, %v", mail, err)
		}
		if _, err := rendering.Text(t.Context(), nowhere, nil, model); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("no message template: %v", err)
		}
		if _, err := rendering.Mail(t.Context(), nowhere, nil, model); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("no e-mail template: %v", err)
		}
	})
}

const (
	template1 = wire.ID("c1000000-0000-4000-8000-00000000000c")
	template2 = wire.ID("c2000000-0000-4000-8000-00000000000c")
)
