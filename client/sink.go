package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/herald-events/herald/wire"
)

// Sinks are brokers and files that get committed events.
type Sinks struct{ c *Client }

const sink = "/api/sink"

// List returns all sinks that match, by default in the order of their names.
func (s Sinks) List(ctx context.Context, search wire.SinkSearch) iter.Seq2[wire.Sink, error] {
	return each(search.Page, func(w *wire.Sink) string { return string(w.ID) }, func(p wire.Page) ([]wire.Sink, int, error) {
		search.Page = p
		answer, err := s.Page(ctx, search)
		return answer.Sinks, answer.Total, err
	})
}

// Page returns one page of those that match.
func (s Sinks) Page(ctx context.Context, search wire.SinkSearch) (wire.SinkSearchResponse, error) {
	return find[wire.SinkSearchResponse](ctx, s.c, sink+"/search", search)
}

// Load returns one sink, without its secrets.
func (s Sinks) Load(ctx context.Context, id wire.ID) (*wire.Sink, error) {
	answer, err := get[wire.SinkResponse](ctx, s.c, at(sink, id))
	return answer.Sink, err
}

// Create makes a sink.
func (s Sinks) Create(ctx context.Context, given wire.Sink) (*wire.Sink, error) {
	answer, err := send[wire.SinkResponse](ctx, s.c, http.MethodPost, at(sink, given.ID), wire.SinkRequest{Sink: given})
	return answer.Sink, err
}

// Replace changes all of a sink but the secrets that it does not mention.
func (s Sinks) Replace(ctx context.Context, given wire.Sink) (*wire.Sink, error) {
	answer, err := send[wire.SinkResponse](ctx, s.c, http.MethodPut, at(sink, given.ID), wire.SinkRequest{Sink: given})
	return answer.Sink, err
}

// Patch changes the members of a sink that changes names: map[string]any{"enabled": false}.
func (s Sinks) Patch(ctx context.Context, id wire.ID, changes any) (*wire.Sink, error) {
	answer, err := send[wire.SinkResponse](ctx, s.c, http.MethodPatch, at(sink, id), patch{map[string]any{"sink": changes}})
	return answer.Sink, err
}

// Delete removes a sink, and with it what is owed to it.
func (s Sinks) Delete(ctx context.Context, id wire.ID) error {
	return s.c.call(ctx, http.MethodDelete, at(sink, id), nil, nil, false)
}

// Test sends one event to the sink and returns what came of it.
func (s Sinks) Test(ctx context.Context, id wire.ID, request wire.WebhookTestRequest) (*wire.WebhookAttempt, error) {
	answer, err := send[struct {
		Attempt *wire.WebhookAttempt `json:"attempt"`
	}](ctx, s.c, http.MethodPost, at(sink, id)+"/test", request)
	return answer.Attempt, err
}
