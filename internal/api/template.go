package api

import (
	"slices"

	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// templates are the handlers of what only templates can do.
type templates struct{ *template.Service }

func templateRoutes(t *template.Service) []route {
	if t == nil { // in tests of other resources
		return nil
	}
	h := templates{t}
	const message, email = "/api/message/template", "/api/email/template"
	messages := resource[wire.MessageTemplate, wire.MessageTemplateRequest]{
		objects: t.Messages(), path: message, id: "messageTemplateId",
		in:  func(r *wire.MessageTemplateRequest) *wire.MessageTemplate { return &r.MessageTemplate },
		one: func(t *wire.MessageTemplate) any { return wire.MessageTemplateResponse{MessageTemplate: t} },
		all: func(all []wire.MessageTemplate) any { return wire.MessageTemplatesResponse{MessageTemplates: all} },
	}
	emails := resource[wire.EmailTemplate, wire.EmailTemplateRequest]{
		objects: t.Emails(), path: email, id: "emailTemplateId",
		in:  func(r *wire.EmailTemplateRequest) *wire.EmailTemplate { return &r.EmailTemplate },
		one: func(t *wire.EmailTemplate) any { return wire.EmailTemplateResponse{EmailTemplate: t} },
		all: func(all []wire.EmailTemplate) any { return wire.EmailTemplatesResponse{EmailTemplates: all} },
	}
	return slices.Concat(messages.routes(), emails.routes(), []route{
		{"POST", message + "/preview", message + "/preview", globalKey, h.previewMessage},
		{"POST", email + "/preview", email + "/preview", globalKey, h.previewEmail},
		{"GET", email + "/search", email + "/search", globalKey, h.searchEmails},
		{"POST", email + "/search", email + "/search", globalKey, h.searchEmails},
	})
}

// previewMessage shows a template with sample values. What is wrong with the template is a part of the answer, which is a 200 all the same.
func (h templates) previewMessage(c *call) (any, error) {
	var request wire.MessageTemplatePreviewRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	text, err := h.Messages().PreviewWith(c.ctx(), request.MessageTemplate, request.Locale, template.SampleWith(request.Values))
	wrong, err := inside(err)
	if err != nil {
		return nil, err
	}
	response := wire.MessageTemplatePreviewResponse{Errors: wrong, PreviewMessage: text.Text, Locale: text.Locale}
	if request.MessageTemplate.Type == wire.SMS && text.Text != "" {
		response.Message = &wire.SMSMessage{TextMessage: text.Text, Type: wire.SMS}
		length := messenger.Segments(text.Text)
		response.SMS = &wire.SMSLength{Segments: length.Segments, Encoding: length.Encoding(), Characters: length.Characters}
	}
	return response, nil
}

// previewEmail is previewMessage for e-mails. The parts with which nothing is wrong are shown even when there is with others.
func (h templates) previewEmail(c *call) (any, error) {
	var request wire.EmailTemplatePreviewRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	m, err := h.Emails().PreviewWith(c.ctx(), request.EmailTemplate, request.Locale, template.SampleWith(request.Values))
	wrong, err := inside(err)
	if err != nil {
		return nil, err
	}
	return wire.EmailTemplatePreviewResponse{Errors: wrong, Locale: m.Locale, Email: wire.Email{
		From: wire.EmailAddress{Address: m.FromEmail, Display: m.FromName}, Subject: m.Subject, Text: m.Text, HTML: m.HTML,
	}}, nil
}

func (h templates) searchEmails(c *call) (any, error) {
	var criteria wire.EmailTemplateSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	found, total, err := h.Emails().Search(c.ctx(), criteria)
	return wire.EmailTemplateSearchResponse{EmailTemplates: found, Total: total}, err
}

// inside turns what is wrong with a request into a part of an answer that is none of an error. Other errors it returns.
func inside(err error) (wrong wire.Errors, other error) {
	p, ok := problem.As(err)
	if err == nil || !ok || p.Kind != problem.Invalid {
		return wrong, err
	}
	for _, f := range p.Fields {
		if wrong.FieldErrors == nil {
			wrong.FieldErrors = map[string][]wire.Error{}
		}
		wrong.FieldErrors[f.Field] = append(wrong.FieldErrors[f.Field], wire.Error{Code: f.Code, Message: f.Message})
	}
	for _, g := range p.General {
		wrong.GeneralErrors = append(wrong.GeneralErrors, wire.Error{Code: g.Code, Message: g.Message})
	}
	return wrong, nil
}
