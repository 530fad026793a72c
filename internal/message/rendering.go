package message

import (
	"context"

	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// Rendering are the templates that are set up.
type Rendering struct {
	Templates *template.Service
}

// Text renders a message template.
func (r Rendering) Text(ctx context.Context, id wire.ID, languages []string, model map[string]any) (Rendered, error) {
	t, err := r.Templates.Message(ctx, id)
	if err != nil {
		return Rendered{}, err
	}
	text, err := t.Render(ctx, languages, model)
	return Rendered{Name: t.Name, Locale: text.Locale, Reason: text.Reason, Text: text.Text}, err
}

// Mail renders an e-mail template.
func (r Rendering) Mail(ctx context.Context, id wire.ID, languages []string, model map[string]any) (Rendered, error) {
	t, err := r.Templates.Email(ctx, id)
	if err != nil {
		return Rendered{}, err
	}
	return RenderMail(ctx, t, languages, model)
}

// RenderMail renders an e-mail template.
func RenderMail(ctx context.Context, t *template.Email, languages []string, model map[string]any) (Rendered, error) {
	mail, err := t.Render(ctx, languages, model)
	return Rendered{
		Name: t.Name, Locale: mail.Locale, Reason: mail.Reason,
		Mail: wire.Email{From: wire.EmailAddress{Address: mail.FromEmail, Display: mail.FromName}, Subject: mail.Subject, Text: mail.Text, HTML: mail.HTML},
	}, err
}
