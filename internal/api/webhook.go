package api

import (
	"context"

	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// Trier sends a test event to a webhook.
type Trier interface {
	// Try sends body to the webhook as a test, records it or not, and returns what came of it; problem.ErrNotFound without such a webhook.
	Try(ctx context.Context, id wire.ID, body []byte, record bool) (publish.Tried, error)
	// BareTest is the body of a test that is no event.
	BareTest() ([]byte, error)
}

func (s *server) webhookRoutes() []route {
	webhooks := resource[wire.Webhook, wire.WebhookRequest]{
		objects: s.Webhooks, path: "/api/webhook", id: "webhookId",
		in:  func(r *wire.WebhookRequest) *wire.Webhook { return &r.Webhook },
		one: func(w *wire.Webhook) any { return wire.WebhookResponse{Webhook: w} },
		all: func(all []wire.Webhook) any { return wire.WebhooksResponse{Webhooks: all} },
	}
	return append(webhooks.routes(), []route{
		{"GET", "/api/webhook/search", "/api/webhook/search", globalKey, s.searchWebhooks},
		{"POST", "/api/webhook/search", "/api/webhook/search", globalKey, s.searchWebhooks},
		{"POST", "/api/webhook/filter/try", "/api/webhook/filter/try", globalKey, s.tryFilter},
		{"POST", "/api/webhook/{webhookId}/test", "/api/webhook", globalKey, s.testWebhook},
		{"GET", "/api/webhook/{webhookId}/explain", "/api/webhook", globalKey, s.explainWebhook},
	}...)
}

func (s *server) searchWebhooks(c *call) (any, error) {
	var criteria wire.WebhookSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	webhooks, total, err := s.Webhooks.Search(c.ctx(), criteria)
	return wire.WebhookSearchResponse{Total: total, Webhooks: webhooks}, err
}

// testWebhook sends the given event, or the example of a type, to one webhook and shows what came back. The call is ours.
func (s *server) testWebhook(c *call) (any, error) {
	id, err := c.pathID("webhookId")
	if err != nil {
		return nil, err
	}
	var request wire.WebhookTestRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	sample, err := publish.Sample(request)
	if err != nil {
		return nil, err
	}
	tried, err := s.Trier.Try(c.ctx(), id, sample, request.Record == nil || *request.Record)
	if err != nil {
		return nil, err
	}
	return wire.WebhookTestResponse{Attempt: tried.Wire()}, nil
}

// tryFilter tells what a filter, which need not be anybody's, says about the newest events. The call is ours.
func (s *server) tryFilter(c *call) (any, error) {
	var request wire.FilterTryRequest
	if err := c.strict(&request); err != nil {
		return nil, err
	}
	answer, err := s.WebhookLog.TryFilter(c.ctx(), request)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// explainWebhook tells whether a webhook gets the events of a type of a tenant, and what would have to change if not. The call is ours.
func (s *server) explainWebhook(c *call) (any, error) {
	return s.explanation(c, "webhookId", s.Webhooks.Explain)
}
