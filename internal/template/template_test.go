package template_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	someID  = wire.ID("d0000000-0000-4000-8000-00000000000d")
	otherID = wire.ID("e0000000-0000-4000-8000-00000000000e")
)

// world is a service on an empty store.
type world struct {
	*template.Service
	t testing.TB
	d *db.DB
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		fn(t, &world{template.New(d), t, d})
	})
}

func alone(t testing.TB) *world {
	d := dbtest.Open(t, db.SQLite)
	return &world{template.New(d), t, d}
}

// codes are the codes of a problem with the request, sorted.
func codes(err error) string {
	p, ok := problem.As(err)
	if !ok {
		return fmt.Sprintf("no problem: %v", err)
	}
	var all []string
	for _, f := range p.Fields {
		all = append(all, f.Code)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func sms(name, text string, localized ...string) wire.MessageTemplate {
	t := wire.MessageTemplate{Name: name, Type: wire.SMS, DefaultTemplate: text}
	for i := 0; i < len(localized); i += 2 {
		if t.LocalizedTemplates == nil {
			t.LocalizedTemplates = wire.Map[string]{}
		}
		t.LocalizedTemplates[localized[i]] = localized[i+1]
	}
	return t
}

func mail(name, subject, text, html string) wire.EmailTemplate {
	return wire.EmailTemplate{Name: name, DefaultSubject: subject, DefaultTextTemplate: text, DefaultHTMLTemplate: html}
}

func (w *world) message(id wire.ID, t wire.MessageTemplate) wire.MessageTemplate {
	w.t.Helper()
	created, err := w.Messages().Create(w.t.Context(), id, t)
	if err != nil {
		w.t.Fatalf("create: %v", err)
	}
	return created
}

func (w *world) email(id wire.ID, t wire.EmailTemplate) wire.EmailTemplate {
	w.t.Helper()
	created, err := w.Emails().Create(w.t.Context(), id, t)
	if err != nil {
		w.t.Fatalf("create: %v", err)
	}
	return created
}

// says renders a message template.
func (w *world) says(id wire.ID, languages []string, model map[string]any) template.Text {
	w.t.Helper()
	m, err := w.Message(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := m.Render(w.t.Context(), languages, model)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func TestMessages_Life(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		given := sms("  Code ", " Code: ${code}\r\n", "DE-de", "\r\nDein Code:\r\n${code}\r", "fr", "Code : ${code}")
		given.Data = wire.Object{"a": "b"}
		created := w.message(someID, given)
		if created.ID != someID || created.Name != "Code" || created.DefaultTemplate != "Code: ${code}" || created.InsertInstant == 0 ||
			created.LastUpdateInstant != created.InsertInstant {
			t.Errorf("created %+v", created)
		}
		if diff := cmp.Diff(wire.Map[string]{"de_DE": "Dein Code:\n${code}", "fr": "Code : ${code}"}, created.LocalizedTemplates); diff != "" {
			t.Errorf("localized (-want +got)\n%s", diff)
		}
		loaded, err := w.Messages().Load(t.Context(), someID)
		if diff := cmp.Diff(created, loaded, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%v (-created +loaded)\n%s", err, diff)
		}

		changed, err := w.Messages().Update(t.Context(), someID, func(current wire.MessageTemplate) (wire.MessageTemplate, error) {
			if diff := cmp.Diff(created, current, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the change sees (-created +current)\n%s", diff)
			}
			current.Name, current.ID, current.InsertInstant = "code", otherID, 1 // its own name in other letters is free; the id is not to change
			current.LocalizedTemplates = nil
			return current, nil
		})
		if err != nil || changed.Name != "code" || changed.ID != someID || changed.InsertInstant != created.InsertInstant || len(changed.LocalizedTemplates) > 0 {
			t.Errorf("%v, changed %+v", err, changed)
		}
		random := w.message("", sms("Another", "x"))
		if all, err := w.Messages().List(t.Context()); err != nil || len(all) != 2 || all[0].ID != random.ID || all[1].Name != "code" {
			t.Errorf("%v, listed %+v", err, all)
		}

		if err := w.Messages().Delete(t.Context(), someID); err != nil {
			t.Error(err)
		}
		for what, err := range map[string]error{
			"load": func() error { _, err := w.Messages().Load(t.Context(), someID); return err }(),
			"update": func() error {
				_, err := w.Messages().Update(t.Context(), someID, func(c wire.MessageTemplate) (wire.MessageTemplate, error) { return c, nil })
				return err
			}(),
			"delete": w.Messages().Delete(t.Context(), someID),
			"ready":  func() error { _, err := w.Message(t.Context(), someID); return err }(),
			"email":  w.Emails().Delete(t.Context(), random.ID),
		} {
			if !errors.Is(err, problem.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestMessages_Rules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.message(someID, sms("Taken", "x"))
		typed := func(of wire.MessageType) wire.MessageTemplate {
			m := sms("n", "x")
			m.Type = of
			return m
		}
		const p = "messageTemplate."
		for name, c := range map[string]struct {
			given wire.MessageTemplate
			want  string
		}{
			"nothing":             {wire.MessageTemplate{}, "[blank]" + p + "defaultTemplate [blank]" + p + "name [missing]" + p + "type"},
			"blanks":              {sms(" \n", "\t "), "[blank]" + p + "defaultTemplate [blank]" + p + "name"},
			"name taken":          {sms(" tAKEN", "x"), "[duplicate]" + p + "name"},
			"long name":           {sms(strings.Repeat("ä", 192), "x"), "[tooLong]" + p + "name"},
			"no text in name":     {sms("a\x00", "x"), "[invalid]" + p + "name"},
			"no text":             {sms("n", "a\xff"), "[invalid]" + p + "defaultTemplate"},
			"unknown type":        {typed("Fax"), "[invalid]" + p + "type"},
			"type in other case":  {typed("sms"), "[invalid]" + p + "type"},
			"unclosed":            {sms("n", "${code"), "[invalid]" + p + "defaultTemplate"},
			"too long":            {sms("n", strings.Repeat("x", 64<<10+1)), "[tooLong]" + p + "defaultTemplate"},
			"locale and its text": {sms("n", "x", "de", "${", "fr", ""), "[blank]" + p + "localizedTemplates[fr] [invalid]" + p + "localizedTemplates[de]"},
			"unknown locales":     {sms("n", "x", "xx", "y", "", "y", "german", "y"), "[invalid]" + p + "localizedTemplates[] [invalid]" + p + "localizedTemplates[german] [invalid]" + p + "localizedTemplates[xx]"},
			"a locale twice":      {sms("n", "x", "de_AT", "y", "de-at", "y"), "[duplicate]" + p + "localizedTemplates[de_AT]"},
			"a long locale":       {sms("n", "x", strings.Repeat("d", 1000), "y"), "[invalid]" + p + "localizedTemplates[" + strings.Repeat("d", 64) + "…]"},
		} {
			if _, err := w.Messages().Create(t.Context(), "", c.given); codes(err) != c.want {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		if _, err := w.Messages().Create(t.Context(), someID, sms("taken", "")); codes(err) != "[blank]"+p+"defaultTemplate [duplicate]"+p+"name [duplicate]messageTemplateId" {
			t.Errorf("both taken: %v", err)
		}
		if _, err := w.Messages().Update(t.Context(), someID, func(c wire.MessageTemplate) (wire.MessageTemplate, error) {
			c.Type = wire.Voice
			return c, nil
		}); codes(err) != "[invalid]"+p+"type" {
			t.Errorf("another type: %v", err)
		}
		if all, err := w.Messages().List(t.Context()); err != nil || len(all) != 1 || all[0].Type != wire.SMS {
			t.Errorf("%v, %d are stored", err, len(all))
		}
		// The sizes that are just allowed.
		w.message("", sms(strings.Repeat("ä", 191), strings.Repeat("x", 64<<10)))
		// Both kinds may have the same names and ids.
		w.email(someID, mail("Taken", "s", "t", "h"))
	})
}

// Errors name the place in the text as it was given, which is trimmed afterwards.
func TestRules_Place(t *testing.T) {
	t.Parallel()
	w := alone(t)
	for text, want := range map[string]string{
		"${x":                          "Line 1, column 1",
		"  ${x":                        "Line 1, column 3",
		"\r\n\r\n  a\r\nbäc ${x":       "Line 4, column 5",
		"\n\t${x":                      "Line 2, column 2",
		"${code}\n${code} ${code} ${x": "Line 2, column 17",
	} {
		for _, given := range []wire.MessageTemplate{sms("n", text), sms("n", "fine", "de", text)} {
			_, err := w.Messages().Create(t.Context(), "", given)
			if p, ok := problem.As(err); !ok || len(p.Fields) != 1 || !strings.HasPrefix(p.Fields[0].Message, want+": ") {
				t.Errorf("%q: %v, want %s", text, err, want)
			}
		}
	}
	for text, want := range map[string]string{"\n\n  ${nobody}": "Line 3, column 5", "${nobody}": "Line 1, column 3"} {
		_, err := w.Messages().Preview(t.Context(), sms("n", text), "")
		if p, ok := problem.As(err); !ok || len(p.Fields) != 1 || !strings.HasPrefix(p.Fields[0].Message, want+": ") || !strings.Contains(p.Fields[0].Message, "nobody") {
			t.Errorf("preview of %q: %v, want %s", text, err, want)
		}
	}
}

func TestEmails_Life(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		given := mail("Mail", " Code ${code} ", " Code\n", "<p>${code}</p>")
		given.DefaultFromName, given.FromEmail = " Us ", " us@example.com "
		given.LocalizedSubjects = wire.Map[string]{"de": "Code"}
		given.LocalizedTextTemplates = wire.Map[string]{"de": "a\r\nb"}
		given.LocalizedHTMLTemplates = wire.Map[string]{"DE": "<p>"}
		given.LocalizedFromNames = wire.Map[string]{"de": "Wir", "fr": "Nous"}
		created := w.email(someID, given)
		if created.DefaultFromName != "Us" || created.FromEmail != "us@example.com" || created.DefaultSubject != "Code ${code}" || created.DefaultTextTemplate != "Code" ||
			created.LocalizedTextTemplates["de"] != "a\nb" || created.LocalizedHTMLTemplates["de"] != "<p>" || len(created.LocalizedFromNames) != 2 {
			t.Errorf("created %+v", created)
		}
		loaded, err := w.Emails().Load(t.Context(), someID)
		if diff := cmp.Diff(created, loaded, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%v (-created +loaded)\n%s", err, diff)
		}
		changed, err := w.Emails().Update(t.Context(), someID, func(c wire.EmailTemplate) (wire.EmailTemplate, error) {
			c.DefaultSubject = "New"
			return c, nil
		})
		if err != nil || changed.DefaultSubject != "New" {
			t.Errorf("%v, changed %+v", err, changed)
		}
		if err := w.Emails().Delete(t.Context(), someID); err != nil {
			t.Error(err)
		}
		if _, err := w.Email(t.Context(), someID); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func TestEmails_Rules(t *testing.T) {
	t.Parallel()
	w := alone(t)
	with := func(change func(t *wire.EmailTemplate)) wire.EmailTemplate {
		m := mail("n", "s", "t", "h")
		change(&m)
		return m
	}
	from := func(address string) wire.EmailTemplate {
		return with(func(m *wire.EmailTemplate) { m.FromEmail = address })
	}
	const p = "emailTemplate."
	for name, c := range map[string]struct {
		given wire.EmailTemplate
		want  string
	}{
		"nothing":        {wire.EmailTemplate{}, "[blank]" + p + "defaultHtmlTemplate [blank]" + p + "defaultSubject [blank]" + p + "defaultTextTemplate [blank]" + p + "name"},
		"all unclosed":   {mail("n", "${", "${", "${"), "[invalid]" + p + "defaultHtmlTemplate [invalid]" + p + "defaultSubject [invalid]" + p + "defaultTextTemplate"},
		"sender's name":  {with(func(m *wire.EmailTemplate) { m.DefaultFromName = "${" }), "[invalid]" + p + "defaultFromName"},
		"long subject":   {mail("n", strings.Repeat("x", 4<<10+1), "t", "h"), "[tooLong]" + p + "defaultSubject"},
		"long text":      {mail("n", "s", strings.Repeat("x", 256<<10+1), "h"), "[tooLong]" + p + "defaultTextTemplate"},
		"no address":     {from("us"), "[notEmail]" + p + "fromEmail"},
		"with a name":    {from("Us <us@example.com>"), "[notEmail]" + p + "fromEmail"},
		"two addresses":  {from("us@example.com,them@example.com"), "[notEmail]" + p + "fromEmail"},
		"a header":       {from("us@example.com\r\nBcc: x@example.com"), "[notEmail]" + p + "fromEmail"},
		"only a subject": {with(func(m *wire.EmailTemplate) { m.LocalizedSubjects = wire.Map[string]{"de": "x"} }), "[blank]" + p + "localizedHtmlTemplates[de] [blank]" + p + "localizedTextTemplates[de]"},
		"no subject": {with(func(m *wire.EmailTemplate) {
			m.LocalizedTextTemplates, m.LocalizedHTMLTemplates = wire.Map[string]{"de": "x"}, wire.Map[string]{"de-DE": "x", "de": "${"}
		}), "[blank]" + p + "localizedSubjects[de] [blank]" + p + "localizedSubjects[de_DE] [blank]" + p + "localizedTextTemplates[de_DE] [invalid]" + p + "localizedHtmlTemplates[de]"},
	} {
		if _, err := w.Emails().Create(t.Context(), "", c.given); codes(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	// A locale with no more than the name of the sender needs nothing else.
	w.email("", with(func(m *wire.EmailTemplate) { m.LocalizedFromNames = wire.Map[string]{"de": "Wir"} }))
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, name := range []string{"Äpfel", "birnen 100%", "Zwetschgen", "äpfel_2"} {
			w.email("", mail(name, "s", "t", "h"))
		}
		w.message("", sms("Äpfel", "x"))
		for _, c := range []struct {
			search wire.EmailTemplateSearch
			want   string
			total  int
		}{
			{wire.EmailTemplateSearch{}, "birnen 100%,Zwetschgen,Äpfel,äpfel_2", 4},
			{wire.EmailTemplateSearch{Name: " ÄPFEL "}, "Äpfel,äpfel_2", 2},
			{wire.EmailTemplateSearch{Name: "l_"}, "äpfel_2", 1},
			{wire.EmailTemplateSearch{Name: "%"}, "birnen 100%", 1},
			{wire.EmailTemplateSearch{Name: "z*n"}, "Zwetschgen", 1},
			{wire.EmailTemplateSearch{Name: "z*g"}, "", 0},
			{wire.EmailTemplateSearch{Page: wire.Page{OrderBy: "insertInstant DESC, name DESC", NumberOfResults: 2, StartRow: 2}}, "", 4},
			{wire.EmailTemplateSearch{Page: wire.Page{OrderBy: "name desc", NumberOfResults: 2}}, "äpfel_2,Äpfel", 4},
			{wire.EmailTemplateSearch{Page: wire.Page{OrderBy: "nothing", NumberOfResults: 1}}, "birnen 100%", 4},
		} {
			found, total, err := w.Emails().Search(t.Context(), c.search)
			var names []string
			for _, f := range found {
				names = append(names, f.Name)
			}
			got := strings.Join(names, ",")
			if c.search.StartRow > 0 { // which they are depends on the instants
				got = ""
				if len(names) != 2 {
					t.Errorf("the second page has %q", names)
				}
			}
			if err != nil || got != c.want || total != c.total {
				t.Errorf("%+v: %v, %q of %d; want %q of %d", c.search, err, got, total, c.want, c.total)
			}
		}
		if _, _, err := w.Emails().Search(t.Context(), wire.EmailTemplateSearch{Name: strings.Repeat("x", 1001), Page: wire.Page{StartRow: -1}}); codes(err) !=
			"[invalid]search.startRow [tooLong]search.name" {
			t.Error(err)
		}
	})
}

// A change is there at once: the parsed text of a template does not outlive it.
func TestMessage_FollowsChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.message(someID, sms("n", "one ${code}", "de", "eins ${code}"))
		model := map[string]any{"code": "123456"}
		if got := w.says(someID, []string{"de_AT"}, model); got != (template.Text{Text: "eins 123456", Locale: "de", Reason: "de: first preferred language (de_AT), without its region"}) {
			t.Errorf("%+v", got)
		}
		if got := w.says(someID, []string{"fr"}, model); got != (template.Text{Text: "one 123456", Reason: "default: there is no text in fr"}) {
			t.Errorf("%+v", got)
		}
		for i := range 5 {
			want := fmt.Sprintf("changed %d: 123456", i)
			if _, err := w.Messages().Update(t.Context(), someID, func(c wire.MessageTemplate) (wire.MessageTemplate, error) {
				c.DefaultTemplate, c.LocalizedTemplates = fmt.Sprintf("changed %d: ${code}", i), nil
				return c, nil
			}); err != nil {
				t.Fatal(err)
			}
			if got := w.says(someID, []string{"de"}, model); got.Text != want || got.Locale != "" {
				t.Errorf("%+v, want %s", got, want)
			}
		}
	})
}

func TestMessage_Errors(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.message(someID, sms("Name", "fine", "de", "fein\nund ${user.firstName}"))
	m, err := w.Message(t.Context(), someID)
	if err != nil {
		t.Fatal(err)
	}
	text, err := m.Render(t.Context(), []string{"fr", "de"}, map[string]any{"user": map[string]any{}})
	var wrong *template.Error
	if !errors.As(err, &wrong) || wrong.Template != "Name" || wrong.Part != "localizedTemplates[de]" || wrong.Line != 2 || wrong.Column < 5 ||
		!strings.Contains(err.Error(), "firstName") || !strings.HasPrefix(err.Error(), `the template "Name", localizedTemplates[de], line 2, column `) {
		t.Errorf("%v", err)
	}
	if text.Text != "" || text.Locale != "de" || text.Reason != "de: second preferred language" {
		t.Errorf("%+v", text)
	}
	// The error of one rendering is not that of another.
	if got := w.says(someID, []string{"de"}, map[string]any{"user": map[string]any{"firstName": "Jo"}}); got.Text != "fein\nund Jo" {
		t.Errorf("%+v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Render(ended, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestEmail_Render(t *testing.T) {
	t.Parallel()
	w := alone(t)
	given := mail("n", "For ${name}", "Text for ${name}", "<p>${name}</p>")
	given.FromEmail, given.DefaultFromName = "us@example.com", "${name}'s bank"
	given.LocalizedSubjects, given.LocalizedTextTemplates, given.LocalizedHTMLTemplates = wire.Map[string]{"de": "Für ${name}"}, wire.Map[string]{"de": "An ${name}"}, wire.Map[string]{"de": "<b>${name}</b>"}
	given.LocalizedFromNames = wire.Map[string]{"fr": "Nous"}
	w.email(someID, given)
	e, err := w.Email(t.Context(), someID)
	if err != nil {
		t.Fatal(err)
	}
	hostile := map[string]any{"name": "<Jo>\r\nBcc: x@example.com\u2028&"}
	got, err := e.Render(t.Context(), nil, hostile)
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "For <Jo>  Bcc: x@example.com &" || got.FromName != "<Jo>  Bcc: x@example.com &'s bank" {
		t.Errorf("headers: %q, %q", got.Subject, got.FromName)
	}
	if !strings.HasPrefix(got.HTML, "<p>&lt;Jo&gt;") || !strings.HasSuffix(got.HTML, "&amp;</p>") || !strings.HasPrefix(got.Text, "Text for <Jo>\r\nBcc") {
		t.Errorf("bodies: %q, %q", got.HTML, got.Text)
	}
	got, err = e.Render(t.Context(), []string{"de"}, map[string]any{"name": "Jo"})
	if diff := cmp.Diff(template.Mail{
		FromName: "Jo's bank", FromEmail: "us@example.com", Subject: "Für Jo", Text: "An Jo", HTML: "<b>Jo</b>", Locale: "de", Reason: "de: first preferred language",
	}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	// A locale with the name of the sender only is no language of the e-mail.
	if got, err := e.Render(t.Context(), []string{"fr"}, map[string]any{"name": "Jo"}); err != nil || got.Locale != "" || got.FromName != "Jo's bank" {
		t.Errorf("%v, %+v", err, got)
	}
	got, err = e.Render(t.Context(), []string{"de"}, map[string]any{})
	var wrong *template.Error
	if !errors.As(err, &wrong) || wrong.Template != "n" || got != (template.Mail{Locale: "de", Reason: "de: first preferred language"}) {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestMessages_Preview(t *testing.T) {
	t.Parallel()
	w := alone(t)
	show := func(given wire.MessageTemplate, locale string) (template.Text, string) {
		text, err := w.Messages().Preview(t.Context(), given, locale)
		if err != nil {
			return text, codes(err)
		}
		return text, ""
	}
	given := sms("", " Code ${code} for ${user.firstName} of ${tenant.name}", "de", "Ihr Code:\r\n${code}", "broken", "${", "fr", "${nothing}")
	for _, c := range []struct {
		given          wire.MessageTemplate
		locale         string
		want, problems string
	}{
		{given, "", "Code 123456 for Jane of Example", ""},
		{given, "de", "Ihr Code:\n123456", ""},
		{given, "de-CH", "Ihr Code:\n123456", ""},
		{given, "it", "Code 123456 for Jane of Example", ""},
		{given, "fr", "", "[invalid]messageTemplate.localizedTemplates[fr]"},
		{given, "german", "", "[invalid]locale"},
		{wire.MessageTemplate{}, "", "", "[blank]messageTemplate.defaultTemplate [missing]messageTemplate.type"},
		{sms("", "${code"), "", "", "[invalid]messageTemplate.defaultTemplate"},
		{sms("", strings.Repeat("x", 1<<20)), "", "", "[tooLong]messageTemplate.defaultTemplate"},
	} {
		text, problems := show(c.given, c.locale)
		if text.Text != c.want || problems != c.problems {
			t.Errorf("%+v in %q: %q, %s; want %q, %s", c.given, c.locale, text.Text, problems, c.want, c.problems)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Messages().Preview(ended, given, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestEmails_Preview(t *testing.T) {
	t.Parallel()
	w := alone(t)
	given := mail("", "Code ${code}", "${nothing}", "<p>${code}")
	given.FromEmail = "us"
	m, err := w.Emails().Preview(t.Context(), given, "")
	if m.Subject != "Code 123456" || m.HTML != "<p>123456" || m.Text != "" || codes(err) != "[invalid]emailTemplate.defaultTextTemplate [notEmail]emailTemplate.fromEmail" {
		t.Errorf("%v, %+v", err, m)
	}
	given = mail("", "s", "t", "h")
	given.LocalizedSubjects, given.LocalizedFromNames = wire.Map[string]{"de": "Der Code ${code}"}, wire.Map[string]{"de": "Wir"}
	m, err = w.Emails().Preview(t.Context(), given, "de_AT")
	if m.Subject != "Der Code 123456" || m.FromName != "Wir" || m.Locale != "de" || codes(err) != "[blank]emailTemplate.localizedHtmlTemplates[de] [blank]emailTemplate.localizedTextTemplates[de]" {
		t.Errorf("%v, %+v", err, m)
	}
	if m, err = w.Emails().Preview(t.Context(), given, ""); err != nil || m.Subject != "s" || m.FromName != "" {
		t.Errorf("%v, %+v", err, m)
	}
}

func TestDelete_InUse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := []string{`tenant "A"`, `tenant "B"`}
		used := func(_ *db.Tx, id wire.ID) ([]string, error) {
			if id == someID {
				return by, nil
			}
			return nil, nil
		}
		w.MessageUsed, w.EmailUsed = used, used
		w.message(someID, sms("n", "x"))
		w.email(someID, mail("n", "s", "t", "h"))
		if err := w.Messages().Delete(t.Context(), someID); codes(err) != "[inUse]messageTemplateId" || !strings.Contains(err.Error(), `tenant "A", tenant "B"`) {
			t.Error(err)
		}
		if err := w.Emails().Delete(t.Context(), someID); codes(err) != "[inUse]emailTemplateId" {
			t.Error(err)
		}
		if got := w.says(someID, nil, nil); got.Text != "x" {
			t.Errorf("%+v", got)
		}
		by = nil
		if err := errors.Join(w.Messages().Delete(t.Context(), someID), w.Emails().Delete(t.Context(), someID)); err != nil {
			t.Error(err)
		}
	})
}

func TestHas(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.message(someID, sms("n", "x"))
		w.email(otherID, mail("n", "s", "t", "h"))
		err := w.d.Update(t.Context(), func(tx *db.Tx) error {
			for _, c := range []struct {
				has  func() (bool, error)
				want bool
			}{
				{func() (bool, error) { return w.HasMessage(tx, someID, wire.SMS) }, true},
				{func() (bool, error) { return w.HasMessage(tx, someID, wire.Voice) }, false},
				{func() (bool, error) { return w.HasMessage(tx, otherID, wire.SMS) }, false},
				{func() (bool, error) { return w.HasEmail(tx, otherID) }, true},
				{func() (bool, error) { return w.HasEmail(tx, someID) }, false},
			} {
				if has, err := c.has(); err != nil || has != c.want {
					t.Errorf("%v, %v; want %v", has, err, c.want)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Of one who deletes a template and one who begins to use it, at the same moment, only one can win.
func TestDelete_RaceWithUse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		err := w.d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`CREATE TABLE uses (id TEXT NOT NULL)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.MessageUsed = func(tx *db.Tx, id wire.ID) ([]string, error) {
			used, err := tx.Exists(`SELECT 1 FROM uses WHERE id = $1`, string(id))
			if used {
				return []string{"a test"}, err
			}
			return nil, err
		}
		for i := range 50 {
			id := w.message("", sms(fmt.Sprint(i), "x")).ID
			var has bool
			var used, deleted error
			var both sync.WaitGroup
			both.Go(func() {
				used = w.d.Update(t.Context(), func(tx *db.Tx) (err error) {
					if has, err = w.HasMessage(tx, id, wire.SMS); err == nil && has {
						_, err = tx.Exec(`INSERT INTO uses (id) VALUES ($1)`, string(id))
					}
					return err
				})
			})
			both.Go(func() { deleted = w.Messages().Delete(t.Context(), id) })
			both.Wait()
			switch {
			case used != nil:
				t.Error(used)
			case has && codes(deleted) != "[inUse]messageTemplateId", !has && deleted != nil:
				t.Errorf("used: %v, deleted: %v", has, deleted)
			}
		}
	})
}

// Of many who want the same name, one gets it, and the others learn why they do not.
func TestCreate_RaceForAName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for round := range 10 {
			failed := make([]error, 8)
			var all sync.WaitGroup
			for i := range failed {
				all.Go(func() { _, failed[i] = w.Messages().Create(t.Context(), "", sms(fmt.Sprint("Name ", round), "x")) })
			}
			all.Wait()
			created := 0
			for _, err := range failed {
				if err == nil {
					created++
				} else if codes(err) != "[duplicate]messageTemplate.name" {
					t.Error(err)
				}
			}
			if created != 1 {
				t.Errorf("%d were created", created)
			}
		}
	})
}
