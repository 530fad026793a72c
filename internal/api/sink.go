package api

import (
	"context"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// sinkRoutes are ours.
func (s *server) sinkRoutes(service *sink.Service) []route {
	h := sinks{s, service}
	all := resource[wire.Sink, wire.SinkRequest]{
		objects: service, path: "/api/sink", id: "sinkId",
		in:  func(r *wire.SinkRequest) *wire.Sink { return &r.Sink },
		one: func(w *wire.Sink) any { return wire.SinkResponse{Sink: w} },
		all: func(all []wire.Sink) any { return wire.SinksResponse{Sinks: all} },
	}
	return append(all.routes(), []route{
		{"GET", "/api/sink/search", "/api/sink/search", globalKey, h.search},
		{"POST", "/api/sink/search", "/api/sink/search", globalKey, h.search},
		{"POST", "/api/sink/{sinkId}/test", "/api/sink", globalKey, h.test},
		{"GET", "/api/sink/{sinkId}/explain", "/api/sink", globalKey, h.explain},
	}...)
}

// sinks has the handlers that other objects do not have.
type sinks struct {
	*server
	*sink.Service
}

func (h sinks) search(c *call) (any, error) {
	var criteria wire.SinkSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	found, total, err := h.Search(c.ctx(), criteria)
	return wire.SinkSearchResponse{Total: total, Sinks: found}, err
}

// test sends the given event, or the example of a type, to one sink and shows what came of it.
func (h sinks) test(c *call) (any, error) {
	id, err := c.pathID("sinkId")
	if err != nil {
		return nil, err
	}
	w, err := h.Load(c.ctx(), id)
	if err != nil { // a webhook has its own test
		return nil, err
	}
	var request wire.WebhookTestRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	var sample []byte
	if w.BuiltIn && len(request.Event) == 0 && request.Type == "" {
		sample, err = h.Trier.BareTest()
	} else {
		sample, err = publish.Sample(request)
	}
	if err != nil {
		return nil, err
	}
	tried, err := h.Trier.Try(c.ctx(), id, sample, request.Record == nil || *request.Record)
	if err != nil {
		return nil, err
	}
	return wire.WebhookTestResponse{Attempt: tried.Wire()}, nil
}

// explain tells whether a sink gets the events of a type of a tenant, and what would have to change if not.
func (h sinks) explain(c *call) (any, error) { return h.explanation(c, "sinkId", h.Explain) }

// explanation answers a question about a receiver.
func (s *server) explanation(c *call, of string, explain func(context.Context, wire.ID, webhook.Question) (wire.Explanation, error)) (any, error) {
	id, err := c.pathID(of)
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	tenant, err := c.queryID("tenantId")
	if v.Merge(err) != nil {
		return nil, err
	}
	settings, err := s.Tenants.Settings(c.ctx())
	if err != nil {
		return nil, err
	}
	question := webhook.Ask(&v, settings, event.Type(c.query("eventType")), tenant)
	if err := v.Err(); err != nil {
		return nil, err
	}
	explanation, err := explain(c.ctx(), id, question)
	if err != nil {
		return nil, err
	}
	return wire.WebhookExplainResponse{Explanation: explanation}, nil
}
