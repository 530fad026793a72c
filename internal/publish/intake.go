package publish

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// Events from outside take the same way as those of the directory. One that webhooks decide about is an operation without a change of its own: the sender
// commits, or not, according to the answer. All others are stored and delivered; many that come at the same time share a transaction.

// Receipt says that an event is on record.
type Receipt struct {
	ID        wire.ID
	Type      event.Type
	Tenant    wire.ID
	Instant   int64
	Duplicate bool // it was there already
}

// Accept publishes one event. An id that is on record already makes it a duplicate: the answer is that of the first time.
//
// Errors: problem.Invalid; ErrRefused when the webhooks did not agree, now or the first time; problem.Conflict while an event with the same id is being voted on.
func (p *Publisher) Accept(ctx context.Context, in *Intake) (Receipt, error) {
	if !p.enter() {
		return Receipt{}, ErrStopping
	}
	defer p.underWay.Done()
	e, voted, err := p.admit(ctx, in, "event")
	if err != nil {
		return Receipt{}, err
	}
	if voted {
		return p.acceptVoted(ctx, in, e)
	}
	return p.doors.accept(ctx, arrival{in, e})
}

// MostIntake is how many events one batch may have.
const MostIntake = 1000

// AcceptAll publishes events in one commit: all, or none. None of them may need a vote, because there would be one answer for many questions.
func (p *Publisher) AcceptAll(ctx context.Context, all []*Intake) ([]Receipt, error) {
	if !p.enter() {
		return nil, ErrStopping
	}
	defer p.underWay.Done()
	var v problem.Validation
	arrivals := make([]arrival, len(all))
	for i, in := range all {
		path := fmt.Sprintf("events[%d]", i)
		e, voted, err := p.admit(ctx, in, path)
		if err := v.Merge(err); err != nil {
			return nil, err
		}
		if voted {
			v.Field(path+".type", "invalid", "The tenant has this event voted on by webhooks, so it cannot be part of a batch. Publish it by itself.")
		}
		arrivals[i] = arrival{in, e}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	return p.storeArrivals(context.WithoutCancel(ctx), arrivals)
}

// admit checks everything about an event that can be checked without a transaction, and tells whether it looks as if webhooks decide about it.
func (p *Publisher) admit(ctx context.Context, in *Intake, path string) (e *recorded, voted bool, err error) {
	settings, err := p.Tenants.Settings(ctx)
	if err != nil {
		return nil, false, err
	}
	webhooks, err := p.Webhooks.Registry(ctx)
	if err != nil {
		return nil, false, err
	}
	d, err := intakeType(in, path, settings)
	if err != nil {
		return nil, false, err
	}
	now := p.DB.Now().UnixMilli()
	e = &recorded{Event: webhooklog.Event{
		ID: cmp.Or(in.ID, wire.ID(db.NewID())), Operation: db.NewID(), Tenant: in.Tenant, Type: in.Type, LinkedObject: in.LinkedObject, Instant: now,
	}}
	e.Body = in.body(e.ID, e.Tenant, cmp.Or(in.Instant, now))
	_, rule := settings.Event(e.Tenant, e.Type)
	voted = d.Transactional && rule != wire.None && len(webhooks.Audience(e.Type, d.Scope, e.Tenant).Targets) > 0
	return e, voted, nil
}

// intakeType checks type and tenant.
func intakeType(in *Intake, path string, settings *tenant.Settings) (event.Descriptor, error) {
	var v problem.Validation
	d, known := event.Lookup(in.Type)
	switch {
	case !known:
		if near := event.Suggest(string(in.Type)); near != "" {
			v.Field(path+".type", "invalid", "There is no event type %.100q. Did you mean %q?", in.Type, near)
		} else {
			v.Field(path+".type", "invalid", "There is no event type %.100q. Types of your own are named %s.", in.Type, event.CustomNaming)
		}
	case d.Scope == event.ScopeSystem:
		v.Field(path+".type", "invalid", "Events of the type %s are about this server itself; only it publishes them.", in.Type)
	}
	switch {
	case in.Tenant == "":
		v.Field(path+".tenantId", "missing", "An event needs its tenant.")
	case !settings.Exists(in.Tenant):
		v.Field(path+".tenantId", "invalid", "There is no tenant with the id %s.", in.Tenant)
	case known && event.IsCustom(in.Type) && !settings.Lists(in.Tenant, in.Type):
		v.Field(path+".type", "invalid", "The tenant does not know the event type %s: add it to tenant.eventConfiguration.events.", in.Type)
	}
	return d, v.Err()
}

// acceptVoted puts the event to its webhooks.
func (p *Publisher) acceptVoted(ctx context.Context, in *Intake, e *recorded) (Receipt, error) {
	receipt := receiptOf(in, e)
	err := p.Do(ctx, Operation{
		Tenant: e.Tenant,
		Prepare: func(tx *db.Tx, plan *Plan) error {
			plan.source = fromIntake
			if in.ID != "" {
				before, err := p.Log.Find(tx, in.ID)
				if err != nil {
					return err
				}
				if before != nil {
					receipt.Duplicate = true
					return outcomeOf(before, in)
				}
			}
			fresh := *e // Prepare may run again
			plan.outside = &fresh
			return nil
		},
	})
	return receipt, err
}

// outcomeOf is the answer about an event that is on record already.
func outcomeOf(before *webhooklog.Found, in *Intake) error {
	switch {
	case before.Type != in.Type || before.Tenant != in.Tenant || before.Test:
		var v problem.Validation
		v.Field("event.id", "duplicate", "Another event has the id %s. An id belongs to one event for ever.", in.ID)
		return v.Err()
	case before.Result == webhooklog.Running:
		return problem.New(problem.Conflict, "[retryableConflict]", "The event %s is just being voted on. Ask again in a moment.", in.ID)
	case before.Result == webhooklog.Failed:
		return ErrRefused
	}
	return nil
}

func receiptOf(in *Intake, e *recorded) Receipt {
	return Receipt{ID: e.ID, Type: e.Type, Tenant: e.Tenant, Instant: cmp.Or(in.Instant, e.Instant)}
}

// arrival is an event that only has to be stored.
type arrival struct {
	in *Intake
	e  *recorded
}

// storeArrivals stores the events in one transaction.
func (p *Publisher) storeArrivals(ctx context.Context, arrivals []arrival) ([]Receipt, error) {
	receipts := make([]Receipt, len(arrivals))
	err := p.update(ctx, func(tx *db.Tx) error {
		settings, err := p.Tenants.SettingsIn(tx)
		if err != nil {
			return err
		}
		webhooks, err := p.Webhooks.RegistryIn(tx)
		if err != nil {
			return err
		}
		fresh := make([]*recorded, 0, len(arrivals))
		given := map[wire.ID]*recorded{}
		for i, a := range arrivals {
			receipts[i] = receiptOf(a.in, a.e)
			if a.in.ID != "" {
				before, err := p.Log.Find(tx, a.in.ID)
				if err != nil {
					return err
				}
				if twin := given[a.in.ID]; twin != nil {
					before = &webhooklog.Found{Event: twin.Event, Result: webhooklog.Succeeded}
				}
				if before != nil {
					if err := outcomeOf(before, a.in); err != nil {
						return err
					}
					receipts[i].Duplicate = true
					continue
				}
				given[a.in.ID] = a.e
			}
			d, _ := event.Lookup(a.e.Type)
			a.e.targets = nil
			if err := p.address(tx, a.e, d, settings, webhooks); err != nil {
				return err
			}
			if a.e.needsVote() {
				return problem.Stale("tenant's event setting")
			}
			fresh = append(fresh, a.e)
		}
		if err := p.Log.Insert(tx, rowsOf(fresh), webhooklog.Succeeded, 0); err != nil {
			return err
		}
		p.count(tx, fresh, webhooklog.Succeeded, fromIntake)
		return p.Outbox.Owe(tx, owed(fresh))
	})
	return receipts, err
}

// doors let single events in, those that wait at the same time together. While one commit is under way the next callers gather by themselves; nobody
// is held up to fill a transaction.
type doors struct {
	p       *Publisher
	waiting chan *guest
	closed  sync.WaitGroup
}

// guest is a caller with an event.
type guest struct {
	ctx context.Context
	arrival
	receipt Receipt
	err     error
	done    chan struct{}
}

const (
	mostGuests = 256 // in one transaction
	// postgresDoors is how many transactions there are at a time on PostgreSQL, where each takes several round trips. SQLite has one writer.
	postgresDoors = 4
)

func (s *doors) init(p *Publisher) { s.p, s.waiting = p, make(chan *guest, mostGuests) }

func (s *doors) open() {
	n := 1
	if s.p.DB.Engine() == db.PostgreSQL {
		n = postgresDoors
	}
	for range n {
		s.closed.Go(s.run)
	}
}

// close ends the goroutines. Nobody may come any more.
func (s *doors) close() {
	close(s.waiting)
	s.closed.Wait()
}

// accept waits until the event is stored. It does not end with ctx once it has begun to wait: the event may be stored then.
func (s *doors) accept(ctx context.Context, a arrival) (Receipt, error) {
	g := &guest{ctx: ctx, arrival: a, done: make(chan struct{})}
	select {
	case s.waiting <- g:
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
	<-g.done
	return g.receipt, g.err
}

func (s *doors) run() {
	batch := make([]*guest, 0, mostGuests)
	for first := range s.waiting {
		batch = append(batch[:0], first)
		for more := true; more && len(batch) < mostGuests; {
			select {
			case g, ok := <-s.waiting:
				if more = ok; ok {
					batch = append(batch, g)
				}
			default:
				more = false
			}
		}
		s.admit(batch)
		clear(batch)
	}
}

// admit stores the events of all in one transaction. When that fails, it may be due to one of them: then each is stored by itself.
func (s *doors) admit(batch []*guest) {
	arrivals := make([]arrival, len(batch))
	for i, g := range batch {
		arrivals[i] = g.arrival
	}
	ctx := context.Background() // of many callers, none of whom can call it off for the others
	receipts, err := s.p.storeArrivals(ctx, arrivals)
	for i, g := range batch {
		switch {
		case err == nil:
			g.receipt = receipts[i]
		case len(batch) == 1:
			g.err = err
		default:
			if alone, err := s.p.storeArrivals(ctx, arrivals[i:i+1]); err != nil {
				g.err = err
			} else {
				g.receipt = alone[0]
			}
		}
		close(g.done)
	}
}
