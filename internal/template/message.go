package template

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Messages are the message templates as objects.
type Messages struct {
	objects[wire.MessageTemplate, *Message]
}

func newMessages(d *db.DB, used Used) *Messages {
	m := &Messages{objects[wire.MessageTemplate, *Message]{
		db: d, kind: kind{"message", "message template", "messageTemplate"}, used: used, check: checkMessage,
		head: func(t *wire.MessageTemplate) head {
			return head{&t.ID, &t.Name, &t.InsertInstant, &t.LastUpdateInstant}
		},
	}}
	m.remember(func(t wire.MessageTemplate) *Message { return newMessage(t, d.Now) })
	return m
}

func checkMessage(v *problem.Validation, t, current *wire.MessageTemplate) {
	const member = "messageTemplate"
	checkMessageType(v, t.Type)
	v.Check(current == nil || t.Type == current.Type || v.Has(member+".type"), member+".type", "invalid", "The type of a template cannot change.")
	r := rules{v, member}
	r.text("defaultTemplate", &t.DefaultTemplate, true, toPhone)
	t.LocalizedTemplates = r.localized("localizedTemplates", t.LocalizedTemplates, toPhone)
}

func checkMessageType(v *problem.Validation, t wire.MessageType) {
	const path = "messageTemplate.type"
	switch t {
	case wire.SMS, wire.Voice:
	case "":
		v.Field(path, "missing", "A message template needs a type, SMS or Voice.")
	default:
		v.Field(path, "invalid", "There is no type %.64q. The types are SMS and Voice.", string(t))
	}
}

// Message is a message template ready to be rendered. It does not change and may be used by many at the same time.
type Message struct {
	ID   wire.ID
	Name string
	Type wire.MessageType

	standard  *text
	locales   locales
	localized map[string]*text
	now       clock
}

func newMessage(t wire.MessageTemplate, now clock) *Message {
	m := &Message{
		ID: t.ID, Name: t.Name, Type: t.Type, now: now,
		standard: newText("defaultTemplate", t.DefaultTemplate, toPhone), localized: make(map[string]*text, len(t.LocalizedTemplates)),
		locales: newLocales(slices.Collect(maps.Keys(t.LocalizedTemplates))),
	}
	for locale, source := range t.LocalizedTemplates {
		m.localized[locale] = newText(inPart("localizedTemplates", locale), source, toPhone)
	}
	return m
}

// Text is a message in a person's language.
type Text struct {
	Text string
	// Locale is that of the text, as the template names it; empty for the default one. Reason says in words why it was chosen.
	Locale, Reason string
}

// Render returns the text in the best of the languages for the model, which is not changed. The error is an [*Error]; locale and reason are set
// even then.
func (m *Message) Render(ctx context.Context, languages []string, model map[string]any) (Text, error) {
	c := m.locales.choose(languages)
	chosen := m.standard
	if c.locale != "" {
		chosen = m.localized[c.locale]
	}
	rendered, err := chosen.render(ctx, model, c.tag, m.now())
	if err != nil {
		err = named(m.Name, err)
	}
	return Text{rendered, c.locale, c.reason}, err
}

// Preview renders t, which need not be complete, with sample values in the language of locale; without one the default text. A problem of kind
// Invalid says what is wrong with the template.
func (m *Messages) Preview(ctx context.Context, t wire.MessageTemplate, locale string) (Text, error) {
	return m.PreviewWith(ctx, t, locale, Sample())
}

// PreviewWith is [Messages.Preview] with other values than the samples.
func (m *Messages) PreviewWith(ctx context.Context, t wire.MessageTemplate, locale string, model map[string]any) (Text, error) {
	var v problem.Validation
	checkMessageType(&v, t.Type)
	c := previewed(&v, locale, slices.Collect(maps.Keys(t.LocalizedTemplates)))
	source, part := t.DefaultTemplate, "defaultTemplate"
	if c.locale != "" {
		source, part = unixLines(t.LocalizedTemplates[c.locale]), inPart("localizedTemplates", c.locale)
	}
	shown, err := previewer{rules{&v, "messageTemplate"}, model, c, m.db.Now}.render(ctx, part, source, true, toPhone)
	if err != nil {
		return Text{}, err
	}
	if err := v.Err(); err != nil {
		return Text{}, err
	}
	return Text{shown, c.locale, c.reason}, nil
}

// previewed chooses the text that a preview shows.
func previewed(v *problem.Validation, locale string, has []string) choice {
	if locale == "" {
		return locales(nil).choose(nil)
	}
	if _, ok := parseLocale(locale); !ok {
		v.Field("locale", "invalid", "%.64q is no locale. Locales look like de or de_CH.", locale)
	}
	return newLocales(has).choose([]string{locale})
}

// previewer renders the texts of a template that may be of no use, and collects what is wrong with them.
type previewer struct {
	rules
	model  map[string]any
	choice choice
	now    clock
}

// render returns "" when there is something wrong with the text. Only the end of ctx is an error.
func (p previewer) render(ctx context.Context, part, source string, needed bool, as style) (string, error) {
	given := source
	p.text(part, &source, needed, as)
	if source == "" || p.v.Has(p.member+"."+part) {
		return "", nil
	}
	shown, err := newText(part, source, as).render(ctx, p.model, p.choice.tag, p.now())
	var wrong *Error
	switch {
	case err == nil:
		return shown, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.As(err, &wrong):
		wrong.addTo(p.v, p.member, given)
		return "", nil
	}
	return "", err
}
