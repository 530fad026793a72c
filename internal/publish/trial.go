package publish

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/rawjson"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// What is indexed on record must be short, and a trial may name anything. It has to be known before it is sent.
const (
	longestType   = 200
	longestTenant = 64
)

// Tried is what came of a test.
type Tried struct {
	*webhook.Attempt
	// Recorded is the id under which the webhook log has the test, empty when it was not to be recorded.
	Recorded wire.ID
}

// Try sends text to one webhook, authenticated like a real event, and returns what came of it. With record the attempt and what was sent become a
// part of the webhook log, marked as a test. Nothing is decided by the answer and nothing is tried again. A webhook that is switched off can be tried.
//
// text is a JSON object with the member event, itself an object; its other content is the caller's business.
func (p *Publisher) Try(ctx context.Context, id wire.ID, text []byte, record bool) (Tried, error) {
	type head struct {
		ID       wire.ID `json:"id"`
		Type     string  `json:"type"`
		TenantID wire.ID `json:"tenantId"`
	}
	var sent struct {
		head

		Event *head `json:"event"`
	}
	err := json.Unmarshal(text, &sent)
	if sent.Event == nil && sent.Type == bareTest {
		sent.Event = &sent.head
	}
	if err != nil || sent.Event == nil {
		var v problem.Validation
		v.Field("event", "invalid", "The event to send is a JSON object; its members id, type and tenantId, if given, are texts.")
		return Tried{}, v.Err()
	}
	var v problem.Validation
	v.Check(len(sent.Event.Type) <= longestType, "event.type", "tooLong", "The type of an event has at most %d bytes.", longestType)
	v.Check(len(sent.Event.TenantID) <= longestTenant, "event.tenantId", "tooLong", "The id of a tenant has at most %d bytes.", longestTenant)
	if err := v.Err(); err != nil {
		return Tried{}, err
	}
	registry, err := p.Webhooks.Registry(ctx)
	if err != nil {
		return Tried{}, err
	}
	target := registry.Target(id)
	if target == nil {
		return Tried{}, problem.ErrNotFound
	}
	if !p.enter() {
		return Tried{}, ErrStopping
	}
	defer p.underWay.Done()
	// A test has an id of its own: the example that was sent may be sent again, and may name an event that really happened.
	sample := webhooklog.Event{
		ID: wire.ID(db.NewID()), Operation: db.NewID(), Tenant: sent.Event.TenantID, Type: event.Type(strings.ToValidUTF8(sent.Event.Type, "")), Rule: wire.None,
		Test: true, Body: text, Instant: p.DB.Now().UnixMilli(),
	}
	a := target.Send(p.sending, webhook.Message{ID: cmp.Or(sent.Event.ID, sample.ID), Body: text, Trace: trace.In(ctx), Type: string(sample.Type), Kind: webhook.Test})
	p.Metrics.Attempt(string(webhook.Test), string(a.Outcome), a.End.Sub(a.Start))
	if !record {
		return Tried{Attempt: a}, nil
	}
	result := webhooklog.Succeeded
	if !a.Outcome.Success() {
		result = webhooklog.Failed
	}
	err = p.update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		if err := p.Log.Insert(tx, []*webhooklog.Event{&sample}, result, 0); err != nil {
			return err
		}
		attempt, err := p.Log.Attempt(sample.Sequence, webhook.Test, a)
		if err != nil {
			return err
		}
		return p.Log.Record(tx, []webhooklog.Attempt{attempt})
	})
	return Tried{a, sample.ID}, err
}

// bareTest is the type of a test that is no event.
const bareTest = "test"

// BareTest is the body that FusionAuth sends to Kafka to try it out: an object that is no event.
func (p *Publisher) BareTest() ([]byte, error) {
	return json.Marshal(map[string]any{"id": db.NewID(), "type": bareTest, "createInstant": p.DB.Now().UnixMilli(), "message": "This is a test of the integration with Kafka."})
}

// Sample is the body of a test as a request asks for it: the event that it has, or the example of a type.
func Sample(request wire.WebhookTestRequest) ([]byte, error) {
	var v problem.Validation
	switch {
	case len(request.Event) > 0 && request.Type != "":
		v.Field("type", "invalid", "Give either an event to send or the type of an example, not both.")
	case len(request.Event) > 0:
		text := bytes.NewBufferString(`{"event":`)
		err := json.Compact(text, request.Event)
		text.WriteByte('}')
		return text.Bytes(), err
	case request.Type == "":
		v.Field("event", "missing", "Give an event to send, or the type of an example.")
	case event.IsCustom(event.Type(request.Type)):
		v.Field("type", "invalid", "There are no examples of custom types. Give an event to send.")
	default:
		if example, err := event.Example(event.Type(request.Type)); err == nil {
			return example, nil
		}
		webhook.UnknownType(&v, "type", request.Type)
	}
	return nil, v.Err()
}

// SampleNow is the example of a type as if it happened now, at a tenant if one is given, and had an id of its own: receivers drop what they have seen. A custom
// type has none of its own; for it there are only the members that every event has.
func (p *Publisher) SampleNow(t event.Type, tenant wire.ID) ([]byte, error) {
	values := map[string]any{"id": db.NewID(), "createInstant": p.DB.Now().UnixMilli()}
	if tenant != "" {
		values["tenantId"] = tenant
	}
	if event.IsCustom(t) {
		values["type"], values["data"] = t, map[string]any{}
		return json.Marshal(map[string]any{"event": values})
	}
	example, err := Sample(wire.WebhookTestRequest{Type: string(t)})
	if err != nil {
		return nil, err
	}
	var sample []byte
	at := 0
	for outer := range rawjson.Members(example) {
		if string(outer.Name) != "event" || !rawjson.IsObject(outer.Value) {
			continue
		}
		for m := range rawjson.Members(outer.Value) {
			value, ok := values[string(m.Name)]
			if !ok {
				continue
			}
			text, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			sample = append(append(sample, example[at:outer.From+m.From]...), text...)
			at = outer.From + m.To
		}
	}
	return append(sample, example[at:]...), nil
}
