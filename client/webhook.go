package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"

	"github.com/herald-events/herald/wire"
)

// Webhooks are who gets events.
type Webhooks struct{ c *Client }

const webhook = "/api/webhook"

// List returns all webhooks that match, by default the newest first.
func (w Webhooks) List(ctx context.Context, search wire.WebhookSearch) iter.Seq2[wire.Webhook, error] {
	return each(search.Page, func(w *wire.Webhook) string { return string(w.ID) }, func(p wire.Page) ([]wire.Webhook, int, error) {
		search.Page = p
		answer, err := w.Page(ctx, search)
		return answer.Webhooks, answer.Total, err
	})
}

// Page returns one page of those that match.
func (w Webhooks) Page(ctx context.Context, search wire.WebhookSearch) (wire.WebhookSearchResponse, error) {
	return find[wire.WebhookSearchResponse](ctx, w.c, webhook+"/search", search)
}

// Load returns one webhook.
func (w Webhooks) Load(ctx context.Context, id wire.ID) (*wire.Webhook, error) {
	answer, err := get[wire.WebhookResponse](ctx, w.c, at(webhook, id))
	return answer.Webhook, err
}

// Create makes a webhook.
func (w Webhooks) Create(ctx context.Context, given wire.Webhook) (*wire.Webhook, error) {
	answer, err := send[wire.WebhookResponse](ctx, w.c, http.MethodPost, at(webhook, given.ID), wire.WebhookRequest{Webhook: given})
	return answer.Webhook, err
}

// Replace changes all of a webhook.
func (w Webhooks) Replace(ctx context.Context, given wire.Webhook) (*wire.Webhook, error) {
	answer, err := send[wire.WebhookResponse](ctx, w.c, http.MethodPut, at(webhook, given.ID), wire.WebhookRequest{Webhook: given})
	return answer.Webhook, err
}

// Patch changes the members of a webhook that changes names: map[string]any{"enabled": false}.
func (w Webhooks) Patch(ctx context.Context, id wire.ID, changes any) (*wire.Webhook, error) {
	answer, err := send[wire.WebhookResponse](ctx, w.c, http.MethodPatch, at(webhook, id), patch{map[string]any{"webhook": changes}})
	return answer.Webhook, err
}

// Delete removes a webhook, and with it what is owed to it.
func (w Webhooks) Delete(ctx context.Context, id wire.ID) error {
	return w.c.call(ctx, http.MethodDelete, at(webhook, id), nil, nil, false)
}

// Test sends one event to the webhook and returns what came of it.
func (w Webhooks) Test(ctx context.Context, id wire.ID, request wire.WebhookTestRequest) (*wire.WebhookAttempt, error) {
	answer, err := send[struct {
		Attempt *wire.WebhookAttempt `json:"attempt"`
	}](ctx, w.c, http.MethodPost, at(webhook, id)+"/test", request)
	return answer.Attempt, err
}

// Explain tells whether the webhook gets the events of a type of a tenant, and what decides. An empty tenant is for events of the whole installation.
func (w Webhooks) Explain(ctx context.Context, id wire.ID, eventType string, tenant wire.ID) (*wire.Explanation, error) {
	query := url.Values{"eventType": {eventType}}
	if tenant != "" {
		query.Set("tenantId", string(tenant))
	}
	answer, err := get[struct {
		Explanation *wire.Explanation `json:"explanation"`
	}](ctx, w.c, at(webhook, id)+"/explain?"+query.Encode())
	return answer.Explanation, err
}

// Backlogs returns for each webhook what is owed to it and whether it flows, in the order of their ids.
func (w Webhooks) Backlogs(ctx context.Context) ([]wire.WebhookBacklog, error) {
	answer, err := get[wire.WebhookBacklogsResponse](ctx, w.c, "/api/delivery/webhook")
	return answer.Webhooks, err
}

// Pause keeps deliveries and votes away from a webhook until Resume. Nothing is lost. reason is for people.
func (w Webhooks) Pause(ctx context.Context, id wire.ID, reason string) (*wire.WebhookBacklog, error) {
	answer, err := send[wire.WebhookBacklogResponse](ctx, w.c, http.MethodPost, at("/api/delivery/webhook", id)+"/pause", wire.WebhookPauseRequest{Reason: reason})
	return answer.Webhook, err
}

// Resume ends a pause.
func (w Webhooks) Resume(ctx context.Context, id wire.ID) (*wire.WebhookBacklog, error) {
	answer, err := send[wire.WebhookBacklogResponse](ctx, w.c, http.MethodPost, at("/api/delivery/webhook", id)+"/resume", nil)
	return answer.Webhook, err
}

// Events are what happened, and the way in for events of other systems.
type Events struct{ c *Client }

// List returns all events on record that match, by default the newest first. A search without a period is about the last hour.
func (e Events) List(ctx context.Context, search wire.WebhookEventLogSearch) iter.Seq2[wire.WebhookEventLog, error] {
	return each(search.Page, func(e *wire.WebhookEventLog) string { return string(e.ID) }, func(p wire.Page) ([]wire.WebhookEventLog, int, error) {
		search.Page = p
		answer, err := e.Page(ctx, search)
		return answer.WebhookEventLogs, answer.Total, err
	})
}

// Page returns one page of those that match.
func (e Events) Page(ctx context.Context, search wire.WebhookEventLogSearch) (wire.WebhookEventLogSearchResponse, error) {
	return find[wire.WebhookEventLogSearchResponse](ctx, e.c, "/api/system/webhook-event-log/search", search)
}

// Load returns one event on record with all its attempts.
func (e Events) Load(ctx context.Context, id wire.ID) (*wire.WebhookEventLog, error) {
	answer, err := get[wire.WebhookEventLogResponse](ctx, e.c, at("/api/system/webhook-event-log", id))
	return answer.WebhookEventLog, err
}

// Attempt returns one request to a webhook.
func (e Events) Attempt(ctx context.Context, id wire.ID) (*wire.WebhookAttemptLog, error) {
	answer, err := get[wire.WebhookAttemptLogResponse](ctx, e.c, at("/api/system/webhook-attempt-log", id))
	return answer.WebhookAttemptLog, err
}

// Publish stores an event of another system, after its webhooks have agreed where they are to: [ErrRefused] when they have not. With an id of its own in the event
// it can be repeated.
func (e Events) Publish(ctx context.Context, event json.RawMessage) (*wire.PublishedEvent, error) {
	answer, err := send[struct {
		Event *wire.PublishedEvent `json:"event"`
	}](ctx, e.c, http.MethodPost, "/api/event", wire.EventRequest{Event: event})
	return answer.Event, err
}

// PublishAll stores up to 1,000 events in one commit: all of them, or none.
func (e Events) PublishAll(ctx context.Context, events []json.RawMessage) ([]wire.PublishedEvent, error) {
	answer, err := send[wire.EventBatchResponse](ctx, e.c, http.MethodPost, "/api/event/batch", wire.EventBatchRequest{Events: events})
	return answer.Events, err
}
