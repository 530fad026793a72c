package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// What is indexed on record must be short, and a trial may name anything. It has to be known before it is sent.
const (
	longestType   = 200
	longestTenant = 64
)

// Try sends body to one webhook, authenticated like a real event, and returns what came of it. The attempt and what was sent are
// recorded, marked as a test; nothing is decided by the answer and nothing is tried again. A webhook that is switched off can be tried.
//
// body is an object with the member event, itself an object; its other content is the caller's business.
func (p *Publisher) Try(ctx context.Context, id wire.ID, body []byte) (*webhook.Attempt, error) {
	var sent struct {
		Event *struct {
			ID       wire.ID `json:"id"`
			Type     string  `json:"type"`
			TenantID wire.ID `json:"tenantId"`
		} `json:"event"`
	}
	if err := json.Unmarshal(body, &sent); err != nil || sent.Event == nil {
		var v problem.Validation
		v.Field("event", "invalid", "The event to send is a JSON object; its members id, type and tenantId, if given, are texts.")
		return nil, v.Err()
	}
	var v problem.Validation
	v.Check(len(sent.Event.Type) <= longestType, "event.type", "tooLong", "The type of an event has at most %d bytes.", longestType)
	v.Check(len(sent.Event.TenantID) <= longestTenant, "event.tenantId", "tooLong", "The id of a tenant has at most %d bytes.", longestTenant)
	if err := v.Err(); err != nil {
		return nil, err
	}
	registry, err := p.Webhooks.Registry(ctx)
	if err != nil {
		return nil, err
	}
	target := registry.Target(id)
	if target == nil {
		return nil, problem.ErrNotFound
	}
	if !p.enter() {
		return nil, ErrStopping
	}
	defer p.underWay.Done()
	// A test has an id of its own: the example that was sent may be sent again, and may name an event that really happened.
	record := webhooklog.Event{
		ID: wire.ID(db.NewID()), Operation: db.NewID(), Tenant: sent.Event.TenantID, Type: event.Type(strings.ToValidUTF8(sent.Event.Type, "")), Rule: wire.None,
		Test: true, Body: body, Instant: p.DB.Now().UnixMilli(),
	}
	a := target.Send(p.sending, webhook.Message{ID: cmp.Or(sent.Event.ID, record.ID), Body: body})
	p.Metrics.Attempt(string(webhook.Test), string(a.Outcome), a.End.Sub(a.Start))
	result := webhooklog.Succeeded
	if !a.Outcome.Success() {
		result = webhooklog.Failed
	}
	err = p.update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		if err := p.Log.Insert(tx, []*webhooklog.Event{&record}, result, 0); err != nil {
			return err
		}
		attempt, err := p.Log.Attempt(record.Sequence, webhook.Test, a)
		if err != nil {
			return err
		}
		return p.Log.Record(tx, []webhooklog.Attempt{attempt})
	})
	return a, err
}
