package api

import (
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// templates are the handlers of the message templates and of the e-mail templates.
type templates struct {
	*server
	messages *template.Messages
	emails   *template.Emails
}

func (s *server) templateRoutes(t *template.Service) []route {
	var h templates
	if t != nil { // nil in tests of other resources
		h = templates{s, t.Messages(), t.Emails()}
	}
	const message, email = "/api/message/template", "/api/email/template"
	return []route{
		{"POST", message, message, globalKey, h.createMessage},
		{"POST", message + "/{messageTemplateId}", message, globalKey, h.createMessage},
		{"GET", message, message, globalKey, h.listMessages},
		{"GET", message + "/{messageTemplateId}", message, globalKey, h.loadMessage},
		{"PUT", message + "/{messageTemplateId}", message, globalKey, h.replaceMessage},
		{"PATCH", message + "/{messageTemplateId}", message, globalKey, h.patchMessage},
		{"DELETE", message + "/{messageTemplateId}", message, globalKey, h.removeMessage},
		{"POST", message + "/preview", message + "/preview", globalKey, h.previewMessage},

		{"POST", email, email, globalKey, h.createEmail},
		{"POST", email + "/{emailTemplateId}", email, globalKey, h.createEmail},
		{"GET", email, email, globalKey, h.listEmails},
		{"GET", email + "/{emailTemplateId}", email, globalKey, h.loadEmail},
		{"PUT", email + "/{emailTemplateId}", email, globalKey, h.replaceEmail},
		{"PATCH", email + "/{emailTemplateId}", email, globalKey, h.patchEmail},
		{"DELETE", email + "/{emailTemplateId}", email, globalKey, h.removeEmail},
		{"POST", email + "/preview", email + "/preview", globalKey, h.previewEmail},
		{"GET", email + "/search", email + "/search", globalKey, h.searchEmails},
		{"POST", email + "/search", email + "/search", globalKey, h.searchEmails},
	}
}

func (h templates) createMessage(c *call) (any, error) {
	id, err := c.pathID("messageTemplateId")
	if err != nil {
		return nil, err
	}
	var request wire.MessageTemplateRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	t, err := h.messages.Create(c.ctx(), id, request.MessageTemplate)
	return wire.MessageTemplateResponse{MessageTemplate: &t}, err
}

func (h templates) listMessages(c *call) (any, error) {
	all, err := h.messages.List(c.ctx())
	return wire.MessageTemplatesResponse{MessageTemplates: all}, err
}

func (h templates) loadMessage(c *call) (any, error) {
	id, err := c.pathID("messageTemplateId")
	if err != nil {
		return nil, err
	}
	t, err := h.messages.Load(c.ctx(), id)
	return wire.MessageTemplateResponse{MessageTemplate: &t}, err
}

func (h templates) replaceMessage(c *call) (any, error) {
	return h.changeMessage(c, func(wire.MessageTemplate) (wire.MessageTemplate, error) {
		var request wire.MessageTemplateRequest
		err := c.decode(&request)
		return request.MessageTemplate, err
	})
}

func (h templates) patchMessage(c *call) (any, error) {
	return h.changeMessage(c, func(current wire.MessageTemplate) (wire.MessageTemplate, error) {
		var request wire.MessageTemplateRequest
		err := c.patch(wire.MessageTemplateRequest{MessageTemplate: current}, &request)
		return request.MessageTemplate, err
	})
}

func (h templates) changeMessage(c *call, change func(wire.MessageTemplate) (wire.MessageTemplate, error)) (any, error) {
	id, err := c.pathID("messageTemplateId")
	if err != nil {
		return nil, err
	}
	t, err := h.messages.Update(c.ctx(), id, change)
	return wire.MessageTemplateResponse{MessageTemplate: &t}, err
}

func (h templates) removeMessage(c *call) (any, error) {
	id, err := c.pathID("messageTemplateId")
	if err != nil {
		return nil, err
	}
	return nil, h.messages.Delete(c.ctx(), id)
}

// previewMessage shows a template with sample values. What is wrong with the template is a part of the answer, which is a 200 all the same.
func (h templates) previewMessage(c *call) (any, error) {
	var request wire.MessageTemplatePreviewRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	text, err := h.messages.Preview(c.ctx(), request.MessageTemplate, request.Locale)
	wrong, err := inside(err)
	if err != nil {
		return nil, err
	}
	response := wire.MessageTemplatePreviewResponse{Errors: wrong, PreviewMessage: text.Text}
	if request.MessageTemplate.Type == wire.SMS && text.Text != "" {
		response.Message = &wire.SMSMessage{TextMessage: text.Text, Type: wire.SMS}
	}
	return response, nil
}

func (h templates) createEmail(c *call) (any, error) {
	id, err := c.pathID("emailTemplateId")
	if err != nil {
		return nil, err
	}
	var request wire.EmailTemplateRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	t, err := h.emails.Create(c.ctx(), id, request.EmailTemplate)
	return wire.EmailTemplateResponse{EmailTemplate: &t}, err
}

func (h templates) listEmails(c *call) (any, error) {
	all, err := h.emails.List(c.ctx())
	return wire.EmailTemplatesResponse{EmailTemplates: all}, err
}

func (h templates) loadEmail(c *call) (any, error) {
	id, err := c.pathID("emailTemplateId")
	if err != nil {
		return nil, err
	}
	t, err := h.emails.Load(c.ctx(), id)
	return wire.EmailTemplateResponse{EmailTemplate: &t}, err
}

func (h templates) replaceEmail(c *call) (any, error) {
	return h.changeEmail(c, func(wire.EmailTemplate) (wire.EmailTemplate, error) {
		var request wire.EmailTemplateRequest
		err := c.decode(&request)
		return request.EmailTemplate, err
	})
}

func (h templates) patchEmail(c *call) (any, error) {
	return h.changeEmail(c, func(current wire.EmailTemplate) (wire.EmailTemplate, error) {
		var request wire.EmailTemplateRequest
		err := c.patch(wire.EmailTemplateRequest{EmailTemplate: current}, &request)
		return request.EmailTemplate, err
	})
}

func (h templates) changeEmail(c *call, change func(wire.EmailTemplate) (wire.EmailTemplate, error)) (any, error) {
	id, err := c.pathID("emailTemplateId")
	if err != nil {
		return nil, err
	}
	t, err := h.emails.Update(c.ctx(), id, change)
	return wire.EmailTemplateResponse{EmailTemplate: &t}, err
}

func (h templates) removeEmail(c *call) (any, error) {
	id, err := c.pathID("emailTemplateId")
	if err != nil {
		return nil, err
	}
	return nil, h.emails.Delete(c.ctx(), id)
}

// previewEmail is previewMessage for e-mails. The parts with which nothing is wrong are shown even when there is with others.
func (h templates) previewEmail(c *call) (any, error) {
	var request wire.EmailTemplatePreviewRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	m, err := h.emails.Preview(c.ctx(), request.EmailTemplate, request.Locale)
	wrong, err := inside(err)
	if err != nil {
		return nil, err
	}
	return wire.EmailTemplatePreviewResponse{Errors: wrong, Email: wire.Email{
		From: wire.EmailAddress{Address: m.FromEmail, Display: m.FromName}, Subject: m.Subject, Text: m.Text, HTML: m.HTML,
	}}, nil
}

func (h templates) searchEmails(c *call) (any, error) {
	var criteria wire.EmailTemplateSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	found, total, err := h.emails.Search(c.ctx(), criteria)
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
