package publish

import (
	"context"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// Operation is one API call's change on its way to the store: prepare, ask, commit (docs/decisions/0001-ask-then-commit.md).
//
// Both functions run in a transaction of their own, one after the other in the same transaction when there is nobody to ask. They
// may run more than once, so they have no effect outside the transaction; slow work (hashing a password) is done before.
type Operation struct {
	// Tenant decides which settings and which webhooks count. Empty for a change that belongs to no tenant.
	Tenant wire.ID
	// Info is the origin of the request, copied into every event. May be nil.
	Info *wire.EventInfo
	// Prepare checks everything that can be checked, reserves what must stay free until the commit, remembers the version of what it
	// read, and says which events the change consists of. It changes nothing that anybody else can see.
	Prepare func(tx *db.Tx, plan *Plan) error
	// Commit checks that what Prepare read is still so (problem.Stale if not) and writes the change.
	Commit func(tx *db.Tx) error
}

// Plan is what Prepare announces. It is valid during Prepare only.
type Plan struct {
	operation string
	expire    int64 // of its reservations, in milliseconds
	events    []planned
	names     []string  // reserved
	outside   *recorded // an event that another system publishes, which has no twin here
	source    string
}

// Publish adds an event. Its type must be set, id, instant, tenant and info are filled in.
//
// The order of calls is the order of events: transactional types are asked in it before the commit. Their `.complete` twins
// follow by themselves after the commit, in the same order; other non-transactional types come after those.
func (p *Plan) Publish(e event.Payload) { p.PublishUnder(e, wire.None) }

// PublishUnder is Publish for a transactional event that has a rule of its own. What its tenant wants of the type must be met as well: the
// stricter of the two decides. None adds nothing to that.
func (p *Plan) PublishUnder(e event.Payload, rule wire.TransactionType) {
	p.events = append(p.events, planned{e, rule})
}

// planned is an event of a plan.
type planned struct {
	event.Payload

	rule wire.TransactionType // its own
}

// Events are those published so far.
func (p *Plan) Events() []event.Payload {
	all := make([]event.Payload, len(p.events))
	for i, e := range p.events {
		all[i] = e.Payload
	}
	return all
}

// Reserve keeps a name (`user/email/<tenant>/<address>`) for this operation until its commit or refusal, so that of two concurrent
// operations that want it one gets the error taken, before its webhooks are asked. Look for the name in the store after reserving
// it, not before: that closes the gap between another operation's commit and its release of the name.
func (p *Plan) Reserve(tx *db.Tx, name string, taken error) error {
	if slices.Contains(p.names, name) {
		return nil
	}
	free, err := reserve(tx, name, p.operation, p.expire)
	switch {
	case err != nil:
		return err
	case !free:
		return taken
	}
	p.names = append(p.names, name)
	return nil
}

// ReserveAll is Reserve for many names, none of which the operation has yet. It returns those that other operations have.
func (p *Plan) ReserveAll(tx *db.Tx, names []string) (taken []string, err error) {
	names = slices.Compact(slices.Sorted(slices.Values(names))) // in one order, so that no two operations wait for each other
	if taken, err = reserveAll(tx, names, p.operation, p.expire); err != nil || len(taken) > 0 {
		return taken, err
	}
	p.names = append(p.names, names...)
	return nil, nil
}

// Claim is Reserve for a name that is free as long as look finds nobody in the store who has it. Otherwise it returns taken.
func (p *Plan) Claim(tx *db.Tx, name string, taken error, look func() (found bool, err error)) error {
	if err := p.Reserve(tx, name, taken); err != nil {
		return err
	}
	found, err := look()
	if err == nil && found {
		err = taken
	}
	return err
}

// Doer is what a publisher of changes needs: the one way to change something that has events.
type Doer interface {
	// Do takes the operation through prepare, ask and commit. Errors: those of Prepare and Commit; a problem of kind Refused when the
	// webhooks did not agree. After an error nothing is stored but the record of the attempt.
	Do(ctx context.Context, op Operation) error
	// Announce records non-transactional events of a change that is written in tx, and their deliveries, sent after its commit.
	Announce(tx *db.Tx, tenant wire.ID, info *wire.EventInfo, events ...event.Payload) error
}
