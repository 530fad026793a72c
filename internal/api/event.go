package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

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

// eventRoutes are ours: the door for publishers that are not Herald's own directory.
func (s *server) eventRoutes() []route {
	return []route{
		{"POST", "/api/event", "/api/event", tenantKey, s.publishEvent},
		{"POST", "/api/event/batch", "/api/event", tenantKey, s.publishEvents},
	}
}

func (s *server) publishEvent(c *call) (any, error) {
	raw, err := c.member("event")
	if err != nil {
		return nil, err
	}
	in, err := c.intake(raw, "event")
	if err != nil {
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
	if len(raw) == 0 || raw[0] != '[' {
		v.Field("events", "missing", "A batch has a list of events.")
		return nil, v.Err()
	}
	all := make([]*publish.Intake, 0, publish.MostIntake)
	for raw := range rawjson.Elements(raw) {
		if len(all) == publish.MostIntake {
			v.Field("events", "tooMany", "A batch has %d events at most.", publish.MostIntake)
			return nil, v.Err()
		}
		in, err := c.intake(raw, fmt.Sprintf("events[%d]", len(all)))
		if err := v.Merge(err); err != nil {
			return nil, err
		}
		all = append(all, in)
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

// member returns one member of the body as it was sent, nil without it. Unlike decode it does not look into what is only passed on.
func (c *call) member(name string) (raw []byte, err error) {
	if err := c.needsBody(); err != nil {
		return nil, err
	}
	if _, err := c.contentType(typeJSON); err != nil {
		return nil, err
	}
	if !json.Valid(c.body) || !utf8.Valid(c.body) || bytes.TrimSpace(c.body)[0] != '{' {
		return nil, decodeJSON(c.body, &struct{}{}) // which says what is wrong, and where
	}
	for m := range rawjson.Members(c.body) {
		if m.Name != name {
			continue
		}
		if raw != nil {
			return nil, invalidField(name, "invalid", "This member is there twice.")
		}
		raw = m.Value
	}
	return raw, nil
}

// intake reads one event and settles which tenant it belongs to: its own, which must be the caller's, or else the caller's.
func (c *call) intake(raw []byte, path string) (*publish.Intake, error) {
	in, err := publish.ParseIntake(raw, path)
	if err != nil {
		return nil, err
	}
	if in.Tenant == "" {
		in.Tenant, err = c.tenant()
		return in, err
	}
	if c.scope != "" && in.Tenant != c.scope {
		return nil, invalidField(path+".tenantId", "invalid", "This key or the tenant header is for the tenant %s.", c.scope)
	}
	return in, nil
}

func published(r publish.Receipt) wire.PublishedEvent {
	return wire.PublishedEvent{ID: r.ID, Type: string(r.Type), TenantID: r.Tenant, CreateInstant: wire.Instant(r.Instant), Duplicate: r.Duplicate}
}
