package template_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

func (w *world) bootstrap() {
	w.t.Helper()
	if err := w.Bootstrap(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) names() (messages, emails []string) {
	w.t.Helper()
	m, err1 := w.Messages().List(w.t.Context())
	e, err2 := w.Emails().List(w.t.Context())
	if err := errors.Join(err1, err2); err != nil {
		w.t.Fatal(err)
	}
	for _, t := range m {
		messages = append(messages, t.Name)
	}
	for _, t := range e {
		emails = append(emails, t.Name)
	}
	return messages, emails
}

// What is stored at the beginning passes the rules for everybody else, and says something with nothing but what a message always has.
func TestDefaults_Render(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.bootstrap()
	needs := map[wire.ID]map[string]any{
		template.TwoFactorSMS:        {"code": "483920"},
		template.ForgotPasswordSMS:   {"changePasswordId": "id/1"},
		template.TwoFactorEmail:      {"code": "483920"},
		template.ForgotPasswordEmail: {"changePasswordId": "id/1"},
		template.SetPasswordEmail:    {"changePasswordId": "id/1"},
		template.EmailVerification:   {"verificationId": "id/1"},

		template.VerificationSMS:          {"verificationId": "id/1"},
		template.SetPasswordSMS:           {"changePasswordId": "id/1"},
		template.RegistrationVerification: {"verificationId": "id/1"},
	}
	has := func(id wire.ID, text string) {
		t.Helper()
		want := "483920"
		if needs[id]["code"] == nil {
			want = "https://example.com/"
			if !strings.Contains(text, "id%2F1") {
				t.Errorf("%s has no id: %s", id, text)
			}
		}
		if !strings.Contains(text, want) || strings.Contains(text, "${") || strings.Contains(text, "[#") || strings.Contains(text, "\n\n\n") {
			t.Errorf("%s: %s", id, text)
		}
	}
	messages, err := w.Messages().List(t.Context())
	if err != nil || len(messages) != 4 {
		t.Fatalf("%v, %d message templates", err, len(messages))
	}
	seen := map[string]string{}
	languages := [][]string{nil, {"en", "de"}, {"de_CH", "en"}}
	different := func(name, locale, text string) {
		t.Helper()
		for other, same := range seen {
			if same == text && other != name+"en" && other != name {
				t.Errorf("%s in %q is the same as %s", name, locale, other)
			}
		}
		seen[name+locale] = text
	}
	for _, m := range messages {
		if _, err := w.Messages().Update(t.Context(), m.ID, func(c wire.MessageTemplate) (wire.MessageTemplate, error) { return c, nil }); err != nil {
			t.Errorf("%s breaks the rules: %v", m.Name, err)
		}
		for i, wanted := range languages {
			got := w.says(m.ID, wanted, needs[m.ID])
			has(m.ID, got.Text)
			if want := []string{"", "en", "de"}[i]; got.Locale != want {
				t.Errorf("%s for %v is in %q", m.Name, wanted, got.Locale)
			}
			if bad := notGSM(got.Text); bad != "" {
				t.Errorf("%s in %q has %q, which makes an SMS half as long", m.Name, got.Locale, bad)
			}
			different(m.Name, got.Locale, got.Text)
		}
		if text := w.says(m.ID, nil, template.Sample()).Text; m.ID == template.TwoFactorSMS && len([]rune(text)) > 160 {
			t.Errorf("%s needs two SMS: %s", m.Name, text)
		}
	}
	emails, err := w.Emails().List(t.Context())
	if err != nil || len(emails) != 5 {
		t.Fatalf("%v, %d e-mail templates", err, len(emails))
	}
	for _, m := range emails {
		if _, err := w.Emails().Update(t.Context(), m.ID, func(c wire.EmailTemplate) (wire.EmailTemplate, error) { return c, nil }); err != nil {
			t.Errorf("%s breaks the rules: %v", m.Name, err)
		}
		ready, err := w.Email(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		for i, wanted := range languages {
			got, err := ready.Render(t.Context(), wanted, needs[m.ID])
			if err != nil {
				t.Error(err)
				continue
			}
			has(m.ID, got.Text)
			has(m.ID, got.HTML)
			different(m.Name, got.Locale, got.Text)
			if want := []string{"", "en", "de"}[i]; got.Locale != want || got.Subject == "" || strings.Contains(got.Subject, "${") || got.FromEmail != "" {
				t.Errorf("%s for %v: %+v", m.Name, wanted, got)
			}
			// A name is greeted, and cannot become a part of the page.
			model := map[string]any{"user": map[string]any{"firstName": "<Jo>"}}
			for name, value := range needs[m.ID] {
				model[name] = value
			}
			got, err = ready.Render(t.Context(), wanted, model)
			if err != nil || !strings.Contains(got.Text, "<Jo>") || !strings.Contains(got.HTML, "&lt;Jo&gt;") || strings.Contains(got.HTML, "<Jo>") {
				t.Errorf("%s for <Jo>: %v, %+v", m.Name, err, got)
			}
			if got, err := ready.Render(t.Context(), wanted, template.Sample()); err != nil || !strings.Contains(got.Text, "Jane") {
				t.Errorf("%s with sample values: %v, %+v", m.Name, err, got)
			}
		}
	}
	// An address, a number or a registration is confirmed by a code where there is one.
	coded := map[string]any{"verificationId": "id", "verificationOneTimeCode": "777888"}
	for _, id := range []wire.ID{template.EmailVerification, template.RegistrationVerification} {
		ready, err := w.Email(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ready.Render(t.Context(), nil, coded)
		if err != nil || !strings.Contains(got.Text, "777888") || !strings.Contains(got.HTML, "777888") || strings.Contains(got.Text, "https:") {
			t.Errorf("%v, %+v", err, got)
		}
	}
	for _, language := range languages {
		if text := w.says(template.VerificationSMS, language, coded).Text; !strings.Contains(text, "777888") || strings.Contains(text, "https:") {
			t.Errorf("by SMS: %s", text)
		}
	}
}

// notGSM are the characters of a text that the alphabet of SMS does not have.
func notGSM(text string) string {
	const gsm = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(gsm, r) {
			return -1
		}
		return r
	}, text)
}

// ours are the names of the default message templates, but for the one whose name is FusionAuth's.
var ours = []string{"[Herald Default] Forgot Password", "[Herald Default] Phone Verification", "[Herald Default] Set up Password"}

func TestBootstrap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		// Several processes at once.
		failed := make([]error, 4)
		var all sync.WaitGroup
		for i := range failed {
			all.Go(func() { failed[i] = template.New(w.d).Bootstrap(t.Context()) })
		}
		all.Wait()
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
		messages, emails := w.names()
		if want := append(slices.Clone(ours), "Default Two-Factor Request"); !slices.Equal(messages, want) || len(emails) != 5 {
			t.Errorf("%q, %q", messages, emails)
		}

		// What somebody has changed or deleted stays so.
		if _, err := w.Messages().Update(t.Context(), template.TwoFactorSMS, func(c wire.MessageTemplate) (wire.MessageTemplate, error) {
			c.DefaultTemplate, c.LocalizedTemplates = "Ours: ${code}", nil
			return c, nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := w.Messages().Delete(t.Context(), template.ForgotPasswordSMS); err != nil {
			t.Fatal(err)
		}
		w.bootstrap()
		if got := w.says(template.TwoFactorSMS, []string{"de"}, map[string]any{"code": "1"}); got.Text != "Ours: 1" {
			t.Errorf("%+v", got)
		}
		if messages, _ := w.names(); !slices.Equal(messages, append(slices.Clone(ours[1:]), "Default Two-Factor Request")) {
			t.Errorf("%q", messages)
		}
	})
}

// Names and ids that are taken do not stop a start.
func TestBootstrap_Taken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.message("", sms("default two-factor request", "mine"))
		w.email(template.TwoFactorEmail, mail("Mine", "s", "t", "h"))
		w.bootstrap()
		w.bootstrap()
		messages, emails := w.names()
		if !slices.Equal(messages, append(slices.Clone(ours), "default two-factor request")) || len(emails) != 5 || !slices.Contains(emails, "Mine") {
			t.Errorf("%q, %q", messages, emails)
		}
		if _, err := w.Message(t.Context(), template.TwoFactorSMS); !errors.Is(err, problem.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestModel(t *testing.T) {
	t.Parallel()
	w := alone(t)
	const planted = "planted-secret"
	user := wire.User{ID: someID, FirstName: "Jo", Data: wire.Object{"color": "blue", "size": json.Number("12345678901234567890")}}
	tenant := wire.Tenant{ID: otherID, Name: "T", Extra: map[string]json.RawMessage{
		"issuer":                  json.RawMessage(`"example.com"`),
		"emailConfiguration":      json.RawMessage(`{"host":"mail.example.com","password":"` + planted + `","sslCertificate":"` + planted + `"}`),
		"captchaConfiguration":    json.RawMessage(`{"secretKey":"` + planted + `","siteKey":"open"}`),
		"connectors":              json.RawMessage(`[{"clientSecret":"` + planted + `","name":"c"}]`),
		"passwordValidationRules": json.RawMessage(`{"minLength":8}`),
		"data":                    json.RawMessage(`{"password":"free-form"}`),
	}}
	model, err := template.Model(&user, &tenant, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(model); strings.Contains(text, planted) {
		t.Errorf("the model has a secret: %s", text)
	}
	if _, has := model["application"]; has {
		t.Error("there is an application")
	}
	w.message(someID, sms("n", `${user.firstName} ${user.data.color} ${user.data.size?c} ${tenant.name} ${tenant.issuer} ${tenant.emailConfiguration.host} `+
		`${tenant.captchaConfiguration.siteKey} ${tenant.connectors[0].name} ${tenant.passwordValidationRules.minLength} ${tenant.data.password}`+
		`[#if application??] app[/#if][#if tenant.emailConfiguration.password??] leaked[/#if]`))
	if got := w.says(someID, nil, model); got.Text != "Jo blue 12345678901234567890 T example.com mail.example.com open c 8 free-form" {
		t.Errorf("%q", got.Text)
	}
	if template.Spoken("12ä") != "1 2 ä" || template.Spoken("") != "" {
		t.Errorf("spoken: %q", template.Spoken("12ä"))
	}
	// A caller's own values are not those of the next preview.
	mine := template.Sample()
	mine["code"] = "x"
	if template.Sample()["code"] != "123456" || len(mine) < 14 {
		t.Errorf("sample: %v", template.Sample())
	}
}

func BenchmarkRender(b *testing.B) {
	w := alone(b)
	w.bootstrap()
	user := wire.User{ID: someID, FirstName: "Jo", PreferredLanguages: wire.List[string]{"de_CH", "en"}}
	model, err := template.Model(&user, &wire.Tenant{ID: otherID, Name: "T"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	model["code"] = "123456"
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		m, err := w.Message(ctx, template.TwoFactorSMS)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Render(ctx, user.PreferredLanguages, model); err != nil {
			b.Fatal(err)
		}
	}
}
