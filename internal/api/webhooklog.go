package api

import (
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// webhookLog are the handlers of the webhook log, which only reads: what happens is written by those who do it.
type webhookLog struct{ *webhooklog.Reader }

// webhookLogRoutes are for global keys: the entries tell about all tenants.
func (*server) webhookLogRoutes(log *webhooklog.Reader) []route {
	h := webhookLog{log}
	return []route{
		{"GET", "/api/system/webhook-event-log/{webhookEventLogId}", "/api/system/webhook-event-log", globalKey, h.event},
		{"GET", "/api/system/webhook-attempt-log/{webhookAttemptLogId}", "/api/system/webhook-attempt-log", globalKey, h.attempt},
		{"GET", "/api/system/webhook-event-log/search", "/api/system/webhook-event-log/search", globalKey, h.search},
		{"POST", "/api/system/webhook-event-log/search", "/api/system/webhook-event-log/search", globalKey, h.search},
	}
}

func (h webhookLog) event(c *call) (any, error) {
	id, err := c.pathID("webhookEventLogId")
	if err != nil {
		return nil, err
	}
	e, err := h.Event(c.ctx(), id)
	return wire.WebhookEventLogResponse{WebhookEventLog: &e}, err
}

func (h webhookLog) attempt(c *call) (any, error) {
	id, err := c.pathID("webhookAttemptLogId")
	if err != nil {
		return nil, err
	}
	a, err := h.Attempt(c.ctx(), id)
	return wire.WebhookAttemptLogResponse{WebhookAttemptLog: &a}, err
}

func (h webhookLog) search(c *call) (any, error) {
	var criteria wire.WebhookEventLogSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	events, total, err := h.Search(c.ctx(), criteria)
	return wire.WebhookEventLogSearchResponse{Total: total, WebhookEventLogs: events}, err
}
