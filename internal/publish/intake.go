package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// Events from outside take the same way as those of the directory. One that webhooks decide about is an operation without a change of its own: the sender
// commits, or not, according to the answer. All others are stored and delivered; many that come at the same time share a transaction.
//
// A sender may give an event its id, and then send it as often as it needs to until it has an answer: the index of the table lets one in. Only when it has
// refused one does anybody look what is there already; the usual event costs no look.

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
	settings, webhooks, err := p.settings(ctx)
	if err != nil {
		return Receipt{}, err
	}
	d, err := in.check(settings)
	if err != nil {
		return Receipt{}, err
	}
	a := p.arrival(ctx, in, p.DB.Now().UnixMilli())
	if !a.voted(d, settings, webhooks) {
		if err := p.doors.accept(ctx, a); !errors.Is(err, errNeedsVote) { // else another process has just changed the tenant's setting
			return a.receipt, err
		}
	}
	err = p.put(ctx, a)
	return a.receipt, err
}

// MostIntake is how many events one batch may have.
const MostIntake = 1000

// AcceptAll publishes events in one commit: all, or none. None of them may need a vote, because there would be one answer for many questions.
//
// Errors: problem.Invalid, with everything that is wrong with any of them.
func (p *Publisher) AcceptAll(ctx context.Context, all []*Intake) ([]Receipt, error) {
	if !p.enter() {
		return nil, ErrStopping
	}
	defer p.underWay.Done()
	settings, webhooks, err := p.settings(ctx)
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	arrivals := make([]*arrival, len(all))
	now, operation := p.DB.Now().UnixMilli(), db.NewID()
	for i, in := range all {
		a := p.arrival(ctx, in, now)
		a.e.Operation = operation // so that events about one object leave in the order of the batch
		arrivals[i] = a
		d, err := in.check(settings)
		if err == nil && a.votedByWebhooks(d, settings, webhooks) {
			err = in.wrong("type", "invalid", votedInBatch)
		}
		if err := v.Merge(err); err != nil {
			return nil, err
		}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := p.store(arrivals, true); err != nil {
		return nil, err
	}
	receipts := make([]Receipt, len(all))
	for i, a := range arrivals {
		if err := v.Merge(a.inBatch()); err != nil {
			return nil, err
		}
		receipts[i] = a.receipt
	}
	return receipts, v.Err()
}

// inBatch is the arrival's error as an answer to a batch. What says something about one event alone becomes something wrong with the batch.
func (a *arrival) inBatch() error {
	switch {
	case errors.Is(a.err, errNeedsVote):
		return a.in.wrong("type", "invalid", votedInBatch)
	case errors.Is(a.err, ErrRefused):
		return a.in.wrong("id", "refused", "Webhooks did not agree to the event %s when it was published before.", a.e.ID)
	case isConflict(a.err):
		return a.in.wrong("id", "running", "The event %s is just being voted on.", a.e.ID)
	}
	return a.err
}

const votedInBatch = "The tenant has this event voted on by webhooks, so it cannot be part of a batch. Publish it by itself."

// settings are the settings of tenants and webhooks as they were a moment ago.
func (p *Publisher) settings(ctx context.Context) (*tenant.Settings, *webhook.Registry, error) {
	settings, err := p.Tenants.Settings(ctx)
	if err != nil {
		return nil, nil, err
	}
	webhooks, err := p.Webhooks.Registry(ctx)
	return settings, webhooks, err
}

// settingsIn are those that tx sees.
func (p *Publisher) settingsIn(tx *db.Tx) (*tenant.Settings, *webhook.Registry, error) {
	settings, err := p.Tenants.SettingsIn(tx)
	if err != nil {
		return nil, nil, err
	}
	webhooks, err := p.Webhooks.RegistryIn(tx)
	return settings, webhooks, err
}

// check checks type and tenant.
func (in *Intake) check(settings *tenant.Settings) (event.Descriptor, error) {
	var v problem.Validation
	d, known := event.Lookup(in.Type)
	if !known {
		hint := "Types of your own are named " + event.CustomNaming + "."
		if near := event.Suggest(string(in.Type)); near != "" {
			hint = fmt.Sprintf("Did you mean %q?", near)
		}
		v.Field(in.Place.String()+".type", "invalid", "There is no event type %.100q. %s", in.Type, hint)
	} else if d.Scope == event.ScopeSystem {
		v.Field(in.Place.String()+".type", "invalid", "Events of the type %s are about this server itself; only it publishes them.", in.Type)
	}
	switch {
	case in.Tenant == "":
		v.Field(in.Place.String()+".tenantId", "missing", "An event needs its tenant.")
	case !settings.Exists(in.Tenant):
		v.Field(in.Place.String()+".tenantId", "invalid", "There is no tenant with the id %s.", in.Tenant)
	case known && event.IsCustom(in.Type) && !settings.Lists(in.Tenant, in.Type):
		v.Field(in.Place.String()+".type", "invalid", "The tenant does not know the event type %s: add it to tenant.eventConfiguration.events.", in.Type)
	}
	return d, v.Err()
}

// wrong is the error that one member of the event is wrong.
func (in *Intake) wrong(member, kind, format string, args ...any) error {
	var v problem.Validation
	v.Field(in.Place.String()+"."+member, kind, format, args...)
	return v.Err()
}

// arrival is an event on its way in, and what becomes of it.
type arrival struct {
	in      *Intake
	e       recorded
	first   *arrival // the one with the same id that came with it, before it
	settled bool     // it was on record already
	receipt Receipt
	err     error
	done    chan struct{} // of single events: closed when receipt and err are final
}

// arrival makes the event as it is stored and sent.
func (p *Publisher) arrival(ctx context.Context, in *Intake, now int64) *arrival {
	a := &arrival{in: in, e: recorded{Event: webhooklog.Event{
		ID: in.ID, Tenant: in.Tenant, Type: in.Type, LinkedObject: in.LinkedObject, Instant: now, Trace: trace.In(ctx),
	}}}
	if a.e.ID == "" {
		a.e.ID = wire.ID(db.NewID())
	}
	a.e.Operation = string(a.e.ID) // an operation by itself, unless somebody says otherwise
	a.receipt = Receipt{ID: a.e.ID, Type: in.Type, Tenant: in.Tenant, Instant: cmp.Or(in.Instant, now)}
	a.e.Body = in.body(a.e.ID, in.Tenant, a.receipt.Instant)
	return a
}

// voted tells whether webhooks, or listeners with a say, decide about the event.
func (a *arrival) voted(d event.Descriptor, settings *tenant.Settings, webhooks *webhook.Registry) bool {
	return a.votedByWebhooks(d, settings, webhooks) || a.mayBeVoted(d, settings) && len(webhooks.Listeners(a.in.Type, a.in.Tenant)) > 0
}

// votedByWebhooks is voted as to what lasts. In a batch nobody else counts: somebody who listens must not make a sender's batches be refused.
func (a *arrival) votedByWebhooks(d event.Descriptor, settings *tenant.Settings, webhooks *webhook.Registry) bool {
	if !a.mayBeVoted(d, settings) {
		return false
	}
	audience := webhooks.Audience(a.in.Type, d.Scope, a.in.Tenant)
	return len(audience.Voters) > 0 && len(audience.For(a.e.Body).Voters) > 0
}

func (a *arrival) mayBeVoted(d event.Descriptor, settings *tenant.Settings) bool {
	enabled, rule := settings.Event(a.in.Tenant, a.in.Type)
	return enabled && d.Transactional && rule != wire.None
}

// put puts the event to its webhooks.
func (p *Publisher) put(ctx context.Context, a *arrival) error {
	for tries := mostTries; ; {
		err := p.Do(ctx, Operation{
			Tenant: a.in.Tenant,
			Prepare: func(tx *db.Tx, plan *Plan) error {
				settings, err := p.Tenants.SettingsIn(tx)
				if err != nil {
					return err
				}
				if _, err := a.in.check(settings); err != nil {
					return err
				}
				fresh := a.e // Prepare may run again
				plan.source, plan.outside = fromIntake, &fresh
				return nil
			},
		})
		if tries--; !isConflict(err) || tries == 0 {
			return err
		}
		if err := p.recognize([]*arrival{a}); err != nil {
			return err
		}
		if a.settled {
			return a.err
		}
	}
}

// mostTries is how often it is tried to put events into the store that has refused one of their ids, and does not have it a moment later: what had it
// was refused itself, or is being deleted.
const mostTries = 3

// isConflict tells whether an id is on record already: nothing else that is done for an event from outside meets a conflict.
func isConflict(err error) bool {
	e, ok := problem.As(err)
	return ok && e.Kind == problem.Conflict
}

// store puts events on record that need no vote, with the deliveries they owe, and settles the arrivals. With together it is all or none: nothing is stored
// when one of them is wrong. An error is about the store, and leaves arrivals unsettled.
func (p *Publisher) store(arrivals []*arrival, together bool) error {
	open := joinTwins(arrivals)
	if together && slices.ContainsFunc(arrivals, (*arrival).failed) {
		return p.recognize(open) // for all that is wrong
	}
	for tries := mostTries; len(open) > 0; {
		err := p.insertOutside(open, together)
		if err == nil {
			break
		}
		if tries--; !isConflict(err) || tries == 0 {
			return err
		}
		if err := p.recognize(open); err != nil {
			return err
		}
		if together && slices.ContainsFunc(open, (*arrival).failed) {
			return nil
		}
		if left := unsettled(open); len(left) < len(open) { // while we looked at these, others may have come
			open, tries = left, mostTries
		}
	}
	for _, a := range arrivals {
		if a.first != nil {
			a.receipt, a.err = a.first.receipt, a.first.err
			a.receipt.Duplicate = true
		}
	}
	return nil
}

func (a *arrival) failed() bool { return a.err != nil }

func unsettled(all []*arrival) []*arrival {
	return slices.DeleteFunc(slices.Clone(all), func(a *arrival) bool { return a.settled })
}

// joinTwins returns the arrivals that are the first with their id, and leads the others to them.
func joinTwins(arrivals []*arrival) (open []*arrival) {
	if len(arrivals) == 1 {
		return arrivals
	}
	open = make([]*arrival, 0, len(arrivals))
	byID := make(map[wire.ID]*arrival, len(arrivals))
	for _, a := range arrivals {
		first := byID[a.e.ID]
		switch {
		case first == nil:
			byID[a.e.ID] = a
			open = append(open, a)
		case a.in.equals(first.e.Body):
			a.first = first
		default:
			a.err = a.in.taken()
		}
	}
	return open
}

// insertOutside stores the events in one transaction. What cannot be stored has an error of its own; with together, nothing is stored then.
func (p *Publisher) insertOutside(open []*arrival, together bool) error {
	return p.update(context.Background(), func(tx *db.Tx) error { // of many callers, none of whom can call it off for the others
		settings, webhooks, err := p.settingsIn(tx)
		if err != nil {
			return err
		}
		wrong := false
		fresh := make([]*recorded, 0, len(open))
		for _, a := range open {
			var d event.Descriptor
			a.e.targets, a.e.voters, a.e.listeners = nil, nil, nil // this may run again
			if d, a.err = a.in.check(settings); a.err == nil {
				if err := p.address(tx, &a.e, d, settings, webhooks); err != nil {
					return err
				}
				if together {
					a.e.listeners = nil // as in votedByWebhooks
				}
				if a.e.needsVote() {
					a.err = errNeedsVote
				}
			}
			if a.err != nil {
				wrong = true
				continue
			}
			fresh = append(fresh, &a.e)
		}
		if len(fresh) == 0 || together && wrong {
			return nil
		}
		if err := p.Log.Insert(tx, rowsOf(fresh), webhooklog.Succeeded, 0); err != nil {
			return err
		}
		p.count(tx, fresh, webhooklog.Succeeded, fromIntake)
		return p.Outbox.Owe(tx, owed(fresh))
	})
}

// errNeedsVote says that webhooks decide about the event, so that it cannot just be stored.
var errNeedsVote = errors.New("publish: the event needs a vote")

// recognize settles the arrivals whose ids are on record.
//
// It looks from within a transaction that writes: on SQLite what has taken the id may be a part of the same commit, which readers do not see yet.
func (p *Publisher) recognize(open []*arrival) error {
	byID, ids := make(map[wire.ID]*arrival, len(open)), make([]wire.ID, len(open))
	for i, a := range open {
		byID[a.e.ID], ids[i] = a, a.e.ID
	}
	var known map[*arrival]onRecord
	err := p.update(context.Background(), func(tx *db.Tx) error {
		known = map[*arrival]onRecord{}
		return eachOnRecord(tx, ids, func(r onRecord) {
			if len(r.body) > mostCompared && !byID[r.id].in.isSent(r.body) {
				r.body = nil
			}
			known[byID[r.id]] = r
		})
	})
	if err != nil {
		return err
	}
	for a, r := range known {
		a.settled = true
		a.receipt, a.err = a.in.answer(r)
	}
	return nil
}

// mostCompared is up to how many bytes an event on record is kept and decoded to find out whether another one with its id says the same. A larger one must have
// the same bytes.
const mostCompared = 64 << 10

// answer is the answer about an event that is on record already.
func (in *Intake) answer(r onRecord) (Receipt, error) {
	switch {
	case r.body == nil || !in.equals(r.body):
		return Receipt{}, in.taken()
	case r.result == webhooklog.Running:
		return Receipt{}, problem.New(problem.Conflict, "[retryableConflict]", "The event %s is just being voted on. Ask again in a moment.", in.ID)
	case r.result == webhooklog.Failed:
		return Receipt{}, ErrRefused
	}
	return Receipt{ID: in.ID, Type: in.Type, Tenant: in.Tenant, Instant: instantOf(r.body), Duplicate: true}, nil
}

// taken says that the id belongs to an event that is not the same.
func (in *Intake) taken() error {
	return in.wrong("id", "duplicate", "Another event has the id %s. An id belongs to one event for ever; send the same event with it, or another id.", in.ID)
}

// doors let single events in, those that wait at the same time together. While one commit is under way the next callers gather by themselves; nobody
// is held up to fill a transaction.
type doors struct {
	p       *Publisher
	waiting chan *arrival
	closed  sync.WaitGroup
}

const (
	mostGuests = 256 // in one transaction
	// postgresDoors is how many transactions there are at a time on PostgreSQL, where each takes several round trips. SQLite has one writer.
	postgresDoors = 4
)

func (s *doors) init(p *Publisher) { s.p, s.waiting = p, make(chan *arrival, mostGuests) }

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

// accept waits until the event is stored, or cannot be. It does not end with ctx once it has begun to wait: the event may be stored then.
func (s *doors) accept(ctx context.Context, a *arrival) error {
	a.done = make(chan struct{})
	select {
	case s.waiting <- a:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-a.done
	return a.err
}

func (s *doors) run() {
	batch := make([]*arrival, 0, mostGuests)
	for first := range s.waiting {
		batch = append(batch[:0], first)
		for more := true; more && len(batch) < mostGuests; {
			select {
			case a, ok := <-s.waiting:
				if more = ok; ok {
					batch = append(batch, a)
				}
			default:
				more = false
			}
		}
		s.admit(batch)
		clear(batch)
	}
}

// admit stores the events of all in one transaction.
func (s *doors) admit(batch []*arrival) {
	err := s.p.store(batch, false)
	for _, a := range batch {
		if err != nil && !a.settled {
			a.err = err
		}
		close(a.done)
	}
}
