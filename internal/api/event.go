package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/feed"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/rawjson"
	"github.com/herald-events/herald/wire"
)

// Intake takes in events of other systems.
type Intake interface {
	Accept(ctx context.Context, in *publish.Intake) (publish.Receipt, error)
	AcceptAll(ctx context.Context, all []*publish.Intake) ([]publish.Receipt, error)
}

// eventRoutes are ours: the door for publishers that are not Herald's own directory, and for consumers that come and fetch.
func (s *server) eventRoutes() []route {
	return []route{
		{"POST", "/api/event", "/api/event", tenantKey, s.publishEvent},
		{"POST", "/api/event/batch", "/api/event", tenantKey, s.publishEvents},
		{"GET", "/api/event", "/api/event", tenantKey, s.readEvents},
	}
}

func (s *server) publishEvent(c *call) (any, error) {
	raw, err := c.member("event")
	if err != nil {
		return nil, err
	}
	in, err := publish.ParseIntake(raw, publish.Alone)
	if err != nil {
		return nil, err
	}
	if in.Tenant == "" {
		if in.Tenant, err = c.tenant(); err != nil {
			return nil, err
		}
	}
	if err := c.mayPublish(in); err != nil {
		return nil, err
	}
	receipt, err := s.Intake.Accept(c.ctx(), in)
	return wire.EventResponse{Event: published(receipt)}, err
}

func (s *server) publishEvents(c *call) (any, error) {
	raw, err := c.member("events")
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	switch {
	case raw == nil || string(raw) == "null":
		v.Field("events", "missing", "A batch has a list of events.")
		return nil, v.Err()
	case raw[0] != '[':
		v.Field("events", "couldNotConvert", "A batch has a list of events.")
		return nil, v.Err()
	}
	var home wire.ID // of events that name no tenant
	all := make([]*publish.Intake, 0, publish.MostIntake)
	for raw := range rawjson.Elements(raw) {
		if len(all) == publish.MostIntake {
			v.Field("events", "tooMany", "A batch has %d events at most.", publish.MostIntake)
			return nil, v.Err()
		}
		in, err := publish.ParseIntake(raw, publish.Place(len(all)))
		all = append(all, in)
		if err == nil && in.Tenant == "" {
			if home == "" {
				if home, err = c.tenant(); err != nil {
					return nil, err
				}
			}
			in.Tenant = home
		}
		if err == nil {
			err = c.mayPublish(in)
		}
		if err := v.Merge(err); err != nil {
			return nil, err
		}
	}
	v.Check(len(all) > 0, "events", "empty", "There are no events to publish.")
	if err := v.Err(); err != nil {
		return nil, err
	}
	receipts, err := s.Intake.AcceptAll(c.ctx(), all)
	if err != nil {
		return nil, err
	}
	response := wire.EventBatchResponse{Events: make(wire.List[wire.PublishedEvent], len(receipts))}
	for i, r := range receipts {
		response.Events[i] = published(r)
	}
	return response, nil
}

func (s *server) readEvents(c *call) (any, error) {
	var query wire.EventFeedQuery
	if err := body.DecodeValuesStrict(c.values, &query); err != nil {
		return nil, err
	}
	tenant := c.scope
	if query.TenantID != "" {
		if err := c.narrow(query.TenantID); err != nil {
			return nil, err
		}
		tenant = query.TenantID
	}
	page, err := s.Feed.Read(c.ctx(), feed.Query{
		After: feed.Cursor(query.After), Limit: query.Limit, Types: query.Type, Tenant: tenant, All: query.All, Wait: time.Duration(query.Wait) * time.Second,
	})
	if err != nil {
		return nil, err
	}
	response := wire.EventFeedResponse{Events: make(wire.List[json.RawMessage], len(page.Bodies)), Next: string(page.Next), More: page.More}
	for i, body := range page.Bodies {
		for m := range rawjson.Members(body) {
			response.Events[i] = m.Value // the only one: event
		}
	}
	return response, nil
}

// member returns one member of the body as it was sent, nil without it. Unlike decode it does not look into what is only passed on, but refuses the same bodies.
func (c *call) member(name string) ([]byte, error) {
	if err := c.needsBody(); err != nil {
		return nil, err
	}
	if _, err := c.contentType(typeJSON); err != nil {
		return nil, err
	}
	if !rawjson.Sound(c.body, body.MaxDepth) {
		if err := body.Check(c.body); err != nil { // which says what is wrong, and where
			return nil, err
		}
		return nil, problem.New(problem.Invalid, "[invalidJSON]", "The body cannot be read as JSON.")
	}
	if !rawjson.IsObject(c.body) {
		return nil, problem.New(problem.Invalid, "[invalidJSON]", "The body must be a JSON object.")
	}
	for m := range rawjson.Members(c.body) {
		if string(m.Name) == name {
			return m.Value, nil
		}
	}
	return nil, nil
}

// mayPublish tells whether the event belongs to a tenant that the caller may speak for.
func (c *call) mayPublish(in *publish.Intake) error {
	if c.scope != "" && in.Tenant != c.scope {
		return invalidField(in.Place.String()+".tenantId", "invalid", "This key or the tenant header is for the tenant %s.", c.scope)
	}
	return nil
}

func published(r publish.Receipt) wire.PublishedEvent {
	return wire.PublishedEvent{ID: r.ID, Type: string(r.Type), TenantID: r.Tenant, CreateInstant: wire.Instant(r.Instant), Duplicate: r.Duplicate}
}
