package template

import (
	"context"
	"maps"
	"net/mail"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Emails are the e-mail templates as objects.
type Emails struct {
	objects[wire.EmailTemplate, *Email]
}

func newEmails(d *db.DB, used Used) *Emails {
	e := &Emails{objects[wire.EmailTemplate, *Email]{
		db: d, kind: kind{"email", "e-mail template", "emailTemplate"}, used: used, check: checkEmail,
		head: func(t *wire.EmailTemplate) head { return head{&t.ID, &t.Name, &t.InsertInstant, &t.LastUpdateInstant} },
	}}
	e.remember(func(t wire.EmailTemplate) *Email { return newEmail(t, d.Now) })
	return e
}

// Search returns a page of the templates that match, and how many match in all.
func (e *Emails) Search(ctx context.Context, c wire.EmailTemplateSearch) (found []wire.EmailTemplate, total int, err error) {
	var v problem.Validation
	search.Check(&v, "search.", c.Page)
	search.CheckText(&v, "search.name", c.Name)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = e.db.View(ctx, func(tx *db.Tx) error {
		found, total, err = e.find(tx, c.Name, c.Page)
		return err
	})
	return found, total, err
}

// emailPart is one of the texts that an e-mail has in each language.
type emailPart struct {
	standard, localized string // the members of the template
	style               style
	needed              bool
	text                func(*wire.EmailTemplate) *string
	texts               func(*wire.EmailTemplate) *wire.Map[string]
}

// emailParts has all of them, in the order in which they are rendered.
var emailParts = []emailPart{
	{
		"defaultFromName", "localizedFromNames", oneLine, false,
		func(t *wire.EmailTemplate) *string { return &t.DefaultFromName },
		func(t *wire.EmailTemplate) *wire.Map[string] { return &t.LocalizedFromNames },
	},
	{
		"defaultSubject", "localizedSubjects", oneLine, true,
		func(t *wire.EmailTemplate) *string { return &t.DefaultSubject },
		func(t *wire.EmailTemplate) *wire.Map[string] { return &t.LocalizedSubjects },
	},
	{
		"defaultTextTemplate", "localizedTextTemplates", textPart, true,
		func(t *wire.EmailTemplate) *string { return &t.DefaultTextTemplate },
		func(t *wire.EmailTemplate) *wire.Map[string] { return &t.LocalizedTextTemplates },
	},
	{
		"defaultHtmlTemplate", "localizedHtmlTemplates", htmlPart, true,
		func(t *wire.EmailTemplate) *string { return &t.DefaultHTMLTemplate },
		func(t *wire.EmailTemplate) *wire.Map[string] { return &t.LocalizedHTMLTemplates },
	},
}

// emailLocales are the locales of the texts of t. One that has no more than the name of the sender is none of them.
func emailLocales(t *wire.EmailTemplate) []string {
	all := map[string]bool{}
	for _, p := range emailParts {
		for locale := range *p.texts(t) {
			all[locale] = all[locale] || p.needed
		}
	}
	maps.DeleteFunc(all, func(_ string, texts bool) bool { return !texts })
	return slices.Sorted(maps.Keys(all))
}

func checkEmail(v *problem.Validation, t, _ *wire.EmailTemplate) {
	r := rules{v, "emailTemplate"}
	checkFromEmail(v, t)
	for _, p := range emailParts {
		r.text(p.standard, p.text(t), p.needed, p.style)
		*p.texts(t) = r.localized(p.localized, *p.texts(t), p.style)
	}
	for _, locale := range emailLocales(t) {
		for _, p := range emailParts {
			_, there := (*p.texts(t))[locale]
			v.Check(there || !p.needed, "emailTemplate."+inPart(p.localized, locale), "blank",
				"There are other texts in %s. A locale needs all of subject, text and HTML.", locale)
		}
	}
}

func checkFromEmail(v *problem.Validation, t *wire.EmailTemplate) {
	t.FromEmail = strings.TrimSpace(t.FromEmail)
	if t.FromEmail == "" {
		return
	}
	parsed, err := mail.ParseAddress(t.FromEmail)
	v.Check(err == nil && parsed.Name == "" && parsed.Address == t.FromEmail && inOneLine(t.FromEmail) == t.FromEmail && len(t.FromEmail) <= longestAddress,
		"emailTemplate.fromEmail", "notEmail", "This is not an e-mail address. The name of the sender has a member of its own.")
}

// longestAddress in bytes; mail servers take no longer ones.
const longestAddress = 254

// Email is an e-mail template ready to be rendered. It does not change and may be used by many at the same time.
type Email struct {
	ID   wire.ID
	Name string

	fromEmail string
	standard  emailTexts
	locales   locales
	localized map[string]emailTexts
	now       clock
}

// emailTexts are the texts of an e-mail in one language, in the order of emailParts.
type emailTexts []*text

func newEmail(t wire.EmailTemplate, now clock) *Email {
	names := emailLocales(&t)
	e := &Email{ID: t.ID, Name: t.Name, fromEmail: t.FromEmail, locales: newLocales(names), localized: make(map[string]emailTexts, len(names)), now: now}
	for _, p := range emailParts {
		standard := newText(p.standard, *p.text(&t), p.style)
		e.standard = append(e.standard, standard)
		for _, locale := range names {
			localized := standard
			if source, ok := (*p.texts(&t))[locale]; ok {
				localized = newText(inPart(p.localized, locale), source, p.style)
			}
			e.localized[locale] = append(e.localized[locale], localized)
		}
	}
	return e
}

// Mail is an e-mail in a person's language.
type Mail struct {
	// FromName and FromEmail are the sender, each empty where the template names none.
	FromName, FromEmail string
	// Subject has no line breaks.
	Subject    string
	Text, HTML string
	// Locale is that of the texts, as the template names it; empty for the default ones. Reason says in words why they were chosen.
	Locale, Reason string
}

// set puts the texts, in the order of emailParts, where they belong.
func (m *Mail) set(texts []string) {
	m.FromName, m.Subject, m.Text, m.HTML = texts[0], texts[1], texts[2], texts[3]
}

// Render returns the e-mail in the best of the languages for the model, which is not changed. The error is an [*Error]; locale and reason are set
// even then, and no text.
func (e *Email) Render(ctx context.Context, languages []string, model map[string]any) (Mail, error) {
	c := e.locales.choose(languages)
	chosen := e.standard
	if c.locale != "" {
		chosen = e.localized[c.locale]
	}
	m := Mail{Locale: c.locale, Reason: c.reason}
	now, rendered := e.now(), make([]string, len(chosen))
	for i, t := range chosen {
		var err error
		if rendered[i], err = t.render(ctx, model, c.tag, now); err != nil {
			return m, named(e.Name, err)
		}
	}
	m.FromEmail = e.fromEmail
	m.set(rendered)
	return m, nil
}

// Preview renders t, which need not be complete, with sample values in the language of locale; without one the default texts. A problem of kind
// Invalid says what is wrong with the template; the texts with which nothing is wrong are there even then.
func (e *Emails) Preview(ctx context.Context, t wire.EmailTemplate, locale string) (Mail, error) {
	return e.PreviewWith(ctx, t, locale, Sample())
}

// PreviewWith is [Emails.Preview] with other values than the samples.
func (e *Emails) PreviewWith(ctx context.Context, t wire.EmailTemplate, locale string, model map[string]any) (Mail, error) {
	var v problem.Validation
	checkFromEmail(&v, &t)
	c := previewed(&v, locale, emailLocales(&t))
	m := Mail{Locale: c.locale, Reason: c.reason, FromEmail: t.FromEmail}
	p := previewer{rules{&v, "emailTemplate"}, model, c, e.db.Now}
	rendered := make([]string, len(emailParts))
	for i, part := range emailParts {
		name, source := part.standard, *part.text(&t)
		if localized, ok := (*part.texts(&t))[c.locale]; ok || part.needed && c.locale != "" {
			name, source = inPart(part.localized, c.locale), unixLines(localized)
		}
		var err error
		if rendered[i], err = p.render(ctx, name, source, part.needed, part.style); err != nil {
			return Mail{}, err
		}
	}
	m.set(rendered)
	return m, v.Err()
}
