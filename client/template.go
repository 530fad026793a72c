package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/herald-events/herald/wire"
)

// Templates are the texts that people get: of messages to phones, and of e-mails.
type Templates struct{ c *Client }

const (
	messageTemplate = "/api/message/template"
	emailTemplate   = "/api/email/template"
)

// ListMessages returns all message templates.
func (t Templates) ListMessages(ctx context.Context) iter.Seq2[wire.MessageTemplate, error] {
	return whole(ctx, func(ctx context.Context) ([]wire.MessageTemplate, error) {
		answer, err := get[wire.MessageTemplatesResponse](ctx, t.c, messageTemplate)
		return answer.MessageTemplates, err
	})
}

// LoadMessage returns one message template.
func (t Templates) LoadMessage(ctx context.Context, id wire.ID) (*wire.MessageTemplate, error) {
	answer, err := get[wire.MessageTemplateResponse](ctx, t.c, at(messageTemplate, id))
	return answer.MessageTemplate, err
}

// CreateMessage makes a message template.
func (t Templates) CreateMessage(ctx context.Context, given wire.MessageTemplate) (*wire.MessageTemplate, error) {
	answer, err := send[wire.MessageTemplateResponse](ctx, t.c, http.MethodPost, at(messageTemplate, given.ID), wire.MessageTemplateRequest{MessageTemplate: given})
	return answer.MessageTemplate, err
}

// ReplaceMessage changes all of a message template.
func (t Templates) ReplaceMessage(ctx context.Context, given wire.MessageTemplate) (*wire.MessageTemplate, error) {
	answer, err := send[wire.MessageTemplateResponse](ctx, t.c, http.MethodPut, at(messageTemplate, given.ID), wire.MessageTemplateRequest{MessageTemplate: given})
	return answer.MessageTemplate, err
}

// PreviewMessage renders a message template with sample values. What is wrong with the template is part of the answer and no error.
func (t Templates) PreviewMessage(ctx context.Context, request wire.MessageTemplatePreviewRequest) (wire.MessageTemplatePreviewResponse, error) {
	return send[wire.MessageTemplatePreviewResponse](ctx, t.c, http.MethodPost, messageTemplate+"/preview", request)
}

// ListEmails returns all e-mail templates.
func (t Templates) ListEmails(ctx context.Context) iter.Seq2[wire.EmailTemplate, error] {
	return whole(ctx, func(ctx context.Context) ([]wire.EmailTemplate, error) {
		answer, err := get[wire.EmailTemplatesResponse](ctx, t.c, emailTemplate)
		return answer.EmailTemplates, err
	})
}

// LoadEmail returns one e-mail template.
func (t Templates) LoadEmail(ctx context.Context, id wire.ID) (*wire.EmailTemplate, error) {
	answer, err := get[wire.EmailTemplateResponse](ctx, t.c, at(emailTemplate, id))
	return answer.EmailTemplate, err
}

// CreateEmail makes an e-mail template.
func (t Templates) CreateEmail(ctx context.Context, given wire.EmailTemplate) (*wire.EmailTemplate, error) {
	answer, err := send[wire.EmailTemplateResponse](ctx, t.c, http.MethodPost, at(emailTemplate, given.ID), wire.EmailTemplateRequest{EmailTemplate: given})
	return answer.EmailTemplate, err
}

// ReplaceEmail changes all of an e-mail template.
func (t Templates) ReplaceEmail(ctx context.Context, given wire.EmailTemplate) (*wire.EmailTemplate, error) {
	answer, err := send[wire.EmailTemplateResponse](ctx, t.c, http.MethodPut, at(emailTemplate, given.ID), wire.EmailTemplateRequest{EmailTemplate: given})
	return answer.EmailTemplate, err
}

// PreviewEmail renders an e-mail template with sample values. What is wrong with the template is part of the answer and no error.
func (t Templates) PreviewEmail(ctx context.Context, request wire.EmailTemplatePreviewRequest) (wire.EmailTemplatePreviewResponse, error) {
	return send[wire.EmailTemplatePreviewResponse](ctx, t.c, http.MethodPost, emailTemplate+"/preview", request)
}
