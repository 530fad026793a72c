package replay

import (
	"context"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/filter"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// plan is what a task is to do, as it is stored.
type plan struct {
	kind wire.DeliveryTaskKind

	Search   *wire.DeliveryFilter   `json:"search,omitzero"`
	Recovery *wire.DeliveryRecovery `json:"recovery,omitzero"`
	Rate     float64                `json:"rate,omitzero"`
	// Span are the events it covers, and Begun the instant at which it was created: what is stored later, or ends later, is none of its business. So it ends.
	Span  outbox.Span `json:"span"`
	Begun int64       `json:"begun"`
	// Whom is how the receiver that it names was called then, "" for all receivers, and for one in plans that were made before it was noted.
	Whom string `json:"whom,omitzero"`
}

// action is what is done with a delivery.
type action int

const (
	again action = iota // has ended, is sent again
	soon                // waits, is tried at once
	late                // was never owed, is sent for the first time
	never               // waits, is cancelled
)

// chosen is a delivery that a plan does something with.
type chosen struct {
	sequence int64 // of its event
	do       action
}

// names is the webhook that the plan names, empty if it is about several.
func (p *plan) names() wire.ID {
	if p.Recovery != nil {
		return p.Recovery.WebhookID
	}
	return p.Search.WebhookID
}

// sends tells whether the plan makes webhooks get something. Then it leaves out those that are switched off.
func (p *plan) sends() bool { return p.kind != wire.TaskCancel }

// period is the stretch of time whose events the plan covers.
func (p *plan) period() wire.Period {
	if p.Recovery != nil {
		return wire.Period{Start: p.Recovery.Since, End: p.Recovery.Until}
	}
	return p.Search.Period
}

// look finds what the plan does with a webhook's deliveries behind a position, as far as one look goes, and how far that is.
func (s *Service) look(tx *db.Tx, p *plan, target *webhook.Target, position int64) (found []chosen, reached int64, err error) {
	span := outbox.Span{After: position, Through: p.Span.Through}
	if p.kind == wire.TaskRecover {
		return s.lookForMissed(tx, p, target, span)
	}
	states, changedUntil, do := outbox.Ended, p.Begun, again
	if p.kind == wire.TaskCancel {
		states, changedUntil, do = outbox.Waiting, 0, never
	}
	if len(p.Search.States) > 0 {
		states = make([]outbox.State, len(p.Search.States))
		for i, state := range p.Search.States {
			states[i] = outbox.State(state)
		}
	}
	sequences, reached, err := outbox.Walk(tx, *p.Search, target.ID, states, changedUntil, span)
	for _, sequence := range sequences {
		found = append(found, chosen{sequence, do})
	}
	return found, reached, err
}

func (s *Service) lookForMissed(tx *db.Tx, p *plan, target *webhook.Target, span outbox.Span) (found []chosen, reached int64, err error) {
	settings, err := s.Tenants.SettingsIn(tx)
	if err != nil {
		return nil, 0, err
	}
	missed, reached, err := outbox.WalkMissed(tx, p.period(), target.ID, span)
	wanted := interest{target, settings, map[audience]bool{}}
	for _, m := range missed {
		switch {
		case m.State == "":
			if p.Recovery.Which == wire.RecoverFailed || !wanted.in(m.Type, m.Tenant) {
				continue
			}
			passes, err := s.passes(tx, target, m.Sequence)
			if err != nil {
				return nil, 0, err
			}
			if passes {
				found = append(found, chosen{m.Sequence, late})
			}
		case p.Recovery.Which == wire.RecoverNeverSent:
		case outbox.IsEnded(m.State):
			found = append(found, chosen{m.Sequence, again})
		default:
			found = append(found, chosen{m.Sequence, soon})
		}
	}
	return found, reached, err
}

// passes tells whether the filter of the webhook lets an event on record through today.
func (s *Service) passes(tx *db.Tx, target *webhook.Target, sequence int64) (bool, error) {
	if !target.HasFilter() {
		return true, nil
	}
	body, err := s.Outbox.Log.Body(tx, sequence)
	if isNotFound(err) { // removed just now
		return false, nil
	}
	gate, _ := target.Pass(filter.NewEvent(body))
	return gate == webhook.Open, err
}

// interest is what a webhook would get today. It remembers its answers: there are many events of few kinds.
type interest struct {
	target   *webhook.Target
	settings *tenant.Settings
	known    map[audience]bool
}

// audience is what decides about whom an event goes to.
type audience struct {
	t      event.Type
	tenant wire.ID
}

// in tells whether the webhook would get an event of type t of the tenant.
func (i interest) in(t event.Type, tenant wire.ID) bool {
	wanted, ok := i.known[audience{t, tenant}]
	if ok {
		return wanted
	}
	if d, ok := event.Lookup(t); ok && i.target.Want(t, d.Scope, tenant) == webhook.Open {
		wanted = true
		if d.Scope == event.ScopeTenant {
			wanted, _ = i.settings.Event(tenant, t)
		}
	}
	i.known[audience{t, tenant}] = wanted
	return wanted
}

// parts are the webhooks that the plan is about, as the registry has them, in the order of their ids.
func (p *plan) parts(registry *webhook.Registry) (ids []wire.ID) {
	if id := p.names(); id != "" {
		return []wire.ID{id}
	}
	for _, id := range registry.IDs() {
		if !p.sends() || registry.Target(id).Enabled() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// tally counts what a plan does.
type tally struct{ again, soon, late, never int }

func (t *tally) add(found []chosen) {
	for _, c := range found {
		switch c.do {
		case again:
			t.again++
		case soon:
			t.soon++
		case late:
			t.late++
		case never:
			t.never++
		}
	}
}

func (t tally) total() int { return t.again + t.soon + t.late + t.never }

// count walks through everything that the plan covers. It calls between now and then, if that is not nil; an error of it ends the walk.
func (s *Service) count(ctx context.Context, p *plan, ids []wire.ID, between func() error) (t tally, err error) {
	for _, id := range ids {
		for position := p.Span.After; position < p.Span.Through; {
			err := s.DB.View(ctx, func(tx *db.Tx) error {
				target, err := s.target(tx, id)
				if isNotFound(err) { // it was deleted meanwhile
					position = p.Span.Through
					return nil
				}
				if err != nil {
					return err
				}
				found, reached, err := s.look(tx, p, target, position)
				t.add(found)
				position = reached
				return err
			})
			if err == nil && between != nil {
				err = between()
			}
			if err != nil {
				return t, err
			}
		}
	}
	return t, nil
}
