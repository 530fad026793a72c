package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// Options are what a Publisher works with. All but Logger, Metrics, Traffic, Listeners and Deadline are required.
type Options struct {
	DB       *db.DB
	Webhooks *webhook.Service
	Tenants  *tenant.Service
	Log      *webhooklog.Log
	Outbox   *outbox.Outbox
	Logger   *slog.Logger
	Metrics  *metrics.Metrics // may be nil
	Traffic  *traffic.Traffic // may be nil
	Trace    *trace.Tracer    // may be nil
	// Listeners puts questions to temporary webhooks. Required where the registry has any.
	Listeners Listeners

	// Deadline bounds the votes of one API call, all its events together. Defaults to 10 s.
	Deadline time.Duration
}

// Listeners are programs that listen over the API; those with a say are asked like webhooks.
type Listeners interface {
	// Ask puts the event to one of them, and returns what it has answered within the patience: an attempt that is Cancelled when it is gone, or says nothing. Nothing but
	// an answer counts, so that nobody is ever refused something because of a listener that is not there any more.
	Ask(ctx context.Context, l *webhook.Listener, e *webhooklog.Event, patience time.Duration) *webhook.Attempt
}

// Publisher publishes events. It is safe for concurrent use.
type Publisher struct {
	Options
	voteSlots slots
	doors     doors

	// Whatever is under way (operations, votes, tests) is admitted under gate, so that Stop can wait for it.
	gate     sync.Mutex
	stopped  bool
	stopping chan struct{} // closed by Stop
	underWay sync.WaitGroup
	watching sync.WaitGroup
	// sending ends when requests that are under way must end as well.
	sending context.Context
	abort   context.CancelFunc
}

var _ Doer = (*Publisher)(nil)

// New returns a Publisher. Start closes what a crash left open.
func New(o Options) *Publisher {
	o.Deadline = cmp.Or(o.Deadline, 10*time.Second)
	p := &Publisher{Options: o, stopping: make(chan struct{})}
	p.doors.init(p)
	p.sending, p.abort = context.WithCancel(context.Background())
	return p
}

var (
	// ErrRefused says that the webhooks did not agree. Code and message are part of the compatible contract, word for word.
	ErrRefused error = problem.New(problem.Refused, "[WebhookTransactionException]",
		"One or more webhooks returned an invalid response or were unreachable. Based on your transaction configuration, your action cannot be completed.")
	// ErrStopping says that this server takes no more changes.
	ErrStopping error = problem.New(problem.Unavailable, "[ShuttingDown]", "This server is being stopped. Nothing was changed; try again.")
)

// Refusal is [ErrRefused] with the event that was not agreed to.
type Refusal struct{ Event wire.ID }

func (r *Refusal) Error() string { return ErrRefused.Error() }
func (r *Refusal) Unwrap() error { return ErrRefused }

// Do takes the operation through prepare, ask and commit. Webhooks that do not agree are a [*Refusal].
//
// A caller that goes away does not stop it: an operation that was put to webhooks is carried through, so that what they were told and
// what is stored agree.
func (p *Publisher) Do(ctx context.Context, op Operation) error {
	if !p.enter() {
		return ErrStopping
	}
	defer p.underWay.Done()
	ctx = context.WithoutCancel(ctx)

	r, err := p.prepare(ctx, op)
	if err != nil || r.done {
		return err
	}
	crashpoint.Here("prepared")
	defer func() {
		if r.outcome == undecided { // refused, not committable, or op.Commit panicked
			p.refuse(ctx, r)
		}
		p.Traffic.Transaction(r.outcome == passed)
		close(r.settled)
	}()

	if p.ask(r) == refused {
		return &Refusal{r.blamed()}
	}
	crashpoint.Here("answered")

	err = p.commit(ctx, r, op)
	if err != nil {
		p.refuse(ctx, r)
	}
	if r.outcome == passed { // also when it was committed all the same, and only the database's word about it was lost
		return nil
	}
	return err
}

// enter admits something that Stop has to wait for, unless it has begun.
func (p *Publisher) enter() bool {
	p.gate.Lock()
	defer p.gate.Unlock()
	if p.stopped {
		return false
	}
	p.underWay.Add(1)
	return true
}

// run is an operation under way.
type run struct {
	id     string
	before []*recorded     // the transactional events, in order
	after  []event.Payload // what follows the commit
	names  []string        // reserved
	done   bool            // there was nobody to ask: prepare has committed

	// outcome is final, and stored, once settled is closed. Votes that come in later wait for that, then follow it.
	outcome verdict
	source  string // where its events come from, for the metrics
	settled chan struct{}
	against atomic.Pointer[recorded] // the first event that was refused
}

// blamed is the event that was refused: the first of all when time was over before any was.
func (r *run) blamed() wire.ID {
	if e := r.against.Load(); e != nil {
		return e.ID
	}
	return r.before[0].ID
}

// recorded is one event: what is sent, to whom, and under which rule.
type recorded struct {
	webhooklog.Event
	targets   []*webhook.Target
	voters    []*webhook.Target   // those of the targets that have a say
	listeners []*webhook.Listener // those with a say: they are asked as well, and owed nothing
	votes     []*vote             // of those that were asked; nil when the event is not voted on
}

// needsVote tells whether webhooks decide about the event.
func (e *recorded) needsVote() bool { return e.Rule != wire.None && len(e.voters)+len(e.listeners) > 0 }

// vote is one webhook's answer to one event. What it is owed is written with the commit, whatever the answer.
type vote struct {
	by       wire.ID
	listener bool             // it is no webhook
	attempt  *webhook.Attempt // what came of it; read it only when counted, or after receiving the vote from the channel of answers
	counted  bool             // the answer came before the decision
}

// prepare runs the operation's checks and records the events to be voted on as Running, each with the time by which it must be decided:
// what a crash leaves Running after that is closed as Failed. With nobody to ask it goes on to the commit in the same transaction.
func (p *Publisher) prepare(ctx context.Context, op Operation) (*run, error) {
	var r *run
	err := p.update(ctx, func(tx *db.Tx) error {
		r = &run{id: db.NewID(), settled: make(chan struct{})}
		decideBy := tx.NowMillis() + (p.Deadline + commitGrace).Milliseconds()
		plan := &Plan{operation: r.id, expire: decideBy}
		if err := op.Prepare(tx, plan); err != nil {
			return err
		}
		r.names, r.source = plan.names, cmp.Or(plan.source, fromDirectory)
		var err error
		if r.before, r.after, err = p.recordPlan(tx, op, plan.events); err != nil {
			return err
		}
		if e := plan.outside; e != nil {
			if err := p.admitOutside(tx, e); err != nil {
				return err
			}
			r.before = append(r.before, e)
		}
		if slices.ContainsFunc(r.before, (*recorded).needsVote) {
			crashpoint.Here("preparing")
			if err := reserveBeyondPrepare(tx, r, decideBy); err != nil {
				return err
			}
			return p.insert(tx, r.id, r.before, webhooklog.Running, decideBy)
		}
		r.done = true
		if err := releaseUnasked(tx, r); err != nil {
			return err
		}
		if err := p.insert(tx, r.id, r.before, webhooklog.Succeeded, 0); err != nil {
			return err
		}
		return p.write(ctx, tx, r, op)
	})
	return r, err
}

// insert puts the events of an operation on record.
func (p *Publisher) insert(tx *db.Tx, operation string, events []*recorded, result webhooklog.Result, decideBy int64) error {
	for _, e := range events {
		e.Operation = operation
	}
	return p.Log.Insert(tx, rowsOf(events), result, decideBy)
}

// count counts events for the metrics once their result is stored.
func (p *Publisher) count(tx *db.Tx, events []*recorded, result webhooklog.Result, source string) {
	tx.AfterCommit(func() {
		for _, e := range events {
			p.Metrics.Published(string(e.Type), string(result), source)
			if result == webhooklog.Succeeded {
				p.Traffic.Published()
			}
		}
	})
}

// rowsOf are the events as the log has them.
func rowsOf(events []*recorded) []*webhooklog.Event {
	rows := make([]*webhooklog.Event, len(events))
	for i, e := range events {
		rows[i] = &e.Event
	}
	return rows
}

// commitGrace is how long after its deadline an operation may still commit, and its reservations hold.
const commitGrace = 5 * time.Second

// storePatience bounds each transaction of an operation, which no longer follows its caller's context.
const storePatience = 30 * time.Second

// update is a transaction of an operation. What a caller's context carries along belongs to the one that makes the change, which write is a part of.
func (p *Publisher) update(ctx context.Context, fn func(*db.Tx) error) error {
	ctx, cancel := context.WithTimeout(db.Aside(ctx), storePatience)
	defer cancel()
	return p.DB.Update(ctx, fn)
}

// abreast is how many events of one kind an operation asks about at once (a bulk delete has one for each user).
const abreast = 32

// ask puts the events to their webhooks in order; consecutive events of one type are about different objects, so their order means
// nothing and they are asked about abreast. The first refusal refuses all; an event that is still undecided at the deadline is
// refused. No transaction is open meanwhile.
func (p *Publisher) ask(r *run) verdict {
	patience, cancel := context.WithTimeout(p.sending, p.Deadline)
	defer cancel()
	for _, voted := range kinds(r.before) {
		var asking errgroup.Group
		asking.SetLimit(abreast)
		for _, e := range voted {
			if patience.Err() != nil {
				break
			}
			asking.Go(func() error {
				if p.askAbout(patience, r, e) == refused {
					r.against.CompareAndSwap(nil, e)
					cancel() // patience is shared: who waits for votes on other events stops; requests that were sent go on
					return ErrRefused
				}
				return nil
			})
		}
		if asking.Wait() != nil || patience.Err() != nil {
			return refused
		}
	}
	return passed
}

// askAbout asks the webhooks of one event, all at once, and counts their votes until the outcome is certain. Calls under way then go on
// under their own timeouts and are recorded once the operation's outcome is.
func (p *Publisher) askAbout(patience context.Context, r *run, e *recorded) verdict {
	began, timedOut := p.DB.Now(), false
	span := p.voting(e)
	place := e.Trace
	if span.On() {
		place = span.Parent()
	}
	answers := make(chan *vote, len(e.voters)+len(e.listeners))
	for _, target := range e.voters {
		available := p.Outbox.Availability(patience, target.ID)
		if available == outbox.OnPause {
			continue
		}
		v := &vote{by: target.ID}
		e.votes = append(e.votes, v)
		p.underWay.Go(func() {
			if available == outbox.Unreachable {
				v.attempt = target.NotSent("the receiver cannot be reached for the moment, so it was not asked")
			} else {
				v.attempt = p.voteSlots.send(p.sending, patience, target, webhook.Message{ID: e.ID, Body: e.Body, Trace: place, Type: string(e.Type), Kind: webhook.Vote})
				p.Outbox.Observe(target.ID, v.attempt)
				p.Metrics.Attempt(string(webhook.Vote), string(v.attempt.Outcome), v.attempt.End.Sub(v.attempt.Start))
				if v.asked() {
					p.Traffic.Vote(target.ID, v.attempt.Outcome.Success(), v.attempt.End.Sub(v.attempt.Start))
				}
			}
			answers <- v
		})
	}
	for _, l := range e.listeners {
		v := &vote{by: l.ID, listener: true}
		e.votes = append(e.votes, v)
		p.underWay.Go(func() {
			v.attempt = p.Listeners.Ask(p.sending, l, &e.Event, remaining(patience))
			answers <- v
		})
	}
	counted := tally{asked: len(e.votes), listening: len(e.listeners)}
	outcome := counted.decide(e.Rule)
	for outcome == undecided {
		select {
		case v := <-answers:
			v.counted = true
			counted.add(v)
			outcome = counted.decide(e.Rule)
		case <-patience.Done():
			if outcome = counted.withoutListeners().decide(e.Rule); outcome == undecided {
				outcome = refused
			}
			timedOut = outcome == refused && errors.Is(patience.Err(), context.DeadlineExceeded) // else another event of the operation was refused, or we stop
		}
	}
	if len(e.votes) > 0 {
		p.Metrics.Transaction(string(e.Rule), ending(outcome, timedOut), p.DB.Now().Sub(began))
	}
	if span.On() {
		span.Text(trace.Result, ending(outcome, timedOut))
		span.End("")
	}
	if late := len(e.votes) - counted.came; late > 0 {
		p.underWay.Go(func() {
			<-r.settled
			for range late {
				p.recordLate(r, e, <-answers)
			}
		})
	}
	return outcome
}

// remaining is how much of the patience is left.
func remaining(patience context.Context) time.Duration {
	deadline, _ := patience.Deadline() // ask has given it one
	return time.Until(deadline)
}

// voting begins the span in which the webhooks of an event are asked.
func (p *Publisher) voting(e *recorded) trace.Span {
	if len(e.voters) == 0 {
		return trace.Span{}
	}
	span := p.Trace.Start(e.Trace, trace.Internal, "vote")
	if span.On() {
		span.Name("vote " + string(e.Type))
		span.Text(trace.EventType, string(e.Type))
		span.Text(trace.EventID, string(e.ID))
		span.Text(trace.Tenant, string(e.Tenant))
		span.Text(trace.Rule, string(e.Rule))
	}
	return span
}

// ending is how a vote ended, as the metrics tell.
func ending(outcome verdict, timedOut bool) string {
	switch {
	case timedOut:
		return "timeout"
	case outcome == passed:
		return "passed"
	default:
		return "refused"
	}
}

// commit writes the change, unless the operation was closed as failed meanwhile (it took too long) or one of its names was lost.
func (p *Publisher) commit(ctx context.Context, r *run, op Operation) error {
	err := p.update(ctx, func(tx *db.Tx) error {
		all, err := p.Log.Close(tx, rowsOf(r.before), webhooklog.Succeeded)
		if err != nil {
			return err
		}
		if !all {
			return errClosed
		}
		if err := release(tx, r); err != nil {
			return err
		}
		return p.write(ctx, tx, r, op)
	})
	if err == nil {
		r.outcome = passed
	}
	return err
}

// write writes the change itself, its remaining events and every delivery that is owed.
func (p *Publisher) write(ctx context.Context, tx *db.Tx, r *run, op Operation) error {
	if op.Commit != nil {
		if err := op.Commit(tx); err != nil {
			return err
		}
	}
	rest, err := p.record(tx, op.Tenant, op.Info, r.after)
	if err != nil {
		return err
	}
	if err := p.insert(tx, r.id, rest, webhooklog.Succeeded, 0); err != nil {
		return err
	}
	p.count(tx, r.before, webhooklog.Succeeded, r.source)
	p.count(tx, rest, webhooklog.Succeeded, r.source)
	tx.AfterCommit(func() { crashpoint.Here("committed") }) // before those that wake the lanes
	if err := p.Outbox.Owe(tx, owed(slices.Concat(r.before, rest))); err != nil {
		return err
	}
	if err := p.recordListeners(tx, r.before); err != nil {
		return err
	}
	if err := tx.Along(ctx); err != nil {
		return err
	}
	crashpoint.Here("committing")
	return nil
}

// refuse records that the change did not happen, and sets the outcome. A commit whose answer from the database was lost may have
// happened all the same; then the outcome is passed and nothing else is to be done.
func (p *Publisher) refuse(ctx context.Context, r *run) {
	crashpoint.Here("refusing")
	r.outcome = refused
	err := p.update(ctx, func(tx *db.Tx) error {
		// Closing comes first: it waits for a commit that the database is still busy with.
		all, err := p.Log.Close(tx, rowsOf(r.before), webhooklog.Failed)
		if err != nil {
			return err
		}
		if !all {
			is, err := p.Log.ResultOf(tx, r.before[0].ID)
			if err != nil {
				return err
			}
			if is == webhooklog.Succeeded {
				r.outcome = passed
				return nil
			}
		}
		if err := release(tx, r); err != nil && !errors.Is(err, errReleased) {
			return err
		}
		p.count(tx, r.before, webhooklog.Failed, r.source)
		votes, err := p.countedVotes(r.before, false)
		if err != nil {
			return err
		}
		if err := p.Log.Record(tx, votes); err != nil {
			return err
		}
		for _, e := range r.before {
			for _, v := range e.votes {
				if v.counted && v.asked() && !v.listener {
					if err := p.Outbox.Gone(tx, v.by, v.attempt); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		// The caller is told the outcome all the same. The patrol closes the events, the reservations run out.
		p.Logger.Error("a refused operation could not be recorded", "operation", r.id, "error", err)
	}
}

// Announce records non-transactional events of a change that tx writes, and the deliveries they owe. They are sent after the commit.
func (p *Publisher) Announce(tx *db.Tx, tenant wire.ID, info *wire.EventInfo, events ...event.Payload) error {
	all, err := p.record(tx, tenant, info, events)
	if err != nil {
		return err
	}
	if err := p.insert(tx, db.NewID(), all, webhooklog.Succeeded, 0); err != nil {
		return err
	}
	p.count(tx, all, webhooklog.Succeeded, fromSystem)
	return p.Outbox.Owe(tx, owed(all))
}

// recordPlan records the events of an operation that come before the commit, and returns those after it: the twins of the former in the same
// order, then the other non-transactional ones.
func (p *Publisher) recordPlan(tx *db.Tx, op Operation, events []planned) (before []*recorded, after []event.Payload, err error) {
	var first, others []event.Payload
	var rules []wire.TransactionType // of the first
	for _, e := range events {
		d, _ := event.Lookup(e.Head().Type)
		if !d.Transactional {
			others = append(others, e.Payload)
			continue
		}
		first, rules = append(first, e.Payload), append(rules, e.rule)
		if d.Complete != "" {
			after = append(after, event.WithType(e.Payload, d.Complete))
		}
	}
	if before, err = p.record(tx, op.Tenant, op.Info, first); err != nil {
		return nil, nil, err
	}
	for i, e := range before {
		e.Rule = stricter(e.Rule, rules[i])
	}
	return before, append(after, others...), nil
}

// kinds are the events that are voted on, consecutive ones of one type together.
func kinds(asked []*recorded) [][]*recorded {
	var all [][]*recorded
	for _, e := range asked {
		switch last := len(all) - 1; {
		case !e.needsVote():
		case last >= 0 && all[last][0].Type == e.Type:
			all[last] = append(all[last], e)
		default:
			all = append(all, []*recorded{e})
		}
	}
	return all
}

// record fills in the events' common members, encodes each once, and finds out whom it concerns.
func (p *Publisher) record(tx *db.Tx, tenant wire.ID, info *wire.EventInfo, events []event.Payload) ([]*recorded, error) {
	if len(events) == 0 {
		return nil, nil
	}
	settings, webhooks, err := p.settingsIn(tx)
	if err != nil {
		return nil, err
	}
	all := make([]*recorded, 0, len(events))
	for _, payload := range events {
		head := payload.Head()
		d, ok := event.Lookup(head.Type)
		if !ok {
			return nil, fmt.Errorf("publish: event type %q is not in the catalogue", head.Type)
		}
		head.ID, head.CreateInstant, head.TenantID = wire.ID(db.NewID()), wire.Instant(tx.NowMillis()), tenant
		if head.Info == nil {
			head.Info = info
		}
		e := &recorded{Event: webhooklog.Event{
			ID: head.ID, Tenant: tenant, Type: head.Type, LinkedObject: head.LinkedObjectID, Instant: int64(head.CreateInstant), Trace: trace.In(tx.Context()),
		}}
		if e.Body, err = event.Encode(payload); err != nil {
			return nil, fmt.Errorf("publish: encode %s: %w", head.Type, err)
		}
		if err := p.address(tx, e, d, settings, webhooks); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// address finds out whom the event concerns, and under which rule.
func (p *Publisher) address(tx *db.Tx, e *recorded, d event.Descriptor, settings *tenant.Settings, webhooks *webhook.Registry) (err error) {
	enabled := true
	e.Rule = wire.None
	if d.Scope == event.ScopeTenant {
		var rule wire.TransactionType
		if enabled, rule = settings.Event(e.Tenant, e.Type); d.Transactional {
			e.Rule = rule
		}
	}
	audience := webhooks.Audience(e.Type, d.Scope, e.Tenant)
	if enabled {
		audience = audience.For(e.Body)
		e.targets, e.voters = audience.Targets, audience.Voters
		if e.Rule != wire.None {
			e.listeners = webhooks.Listeners(e.Type, e.Tenant)
		}
	}
	e.Audience, err = p.Log.Audience(tx, audience, enabled)
	return err
}

// admitOutside addresses an event from outside as the transaction sees the settings.
func (p *Publisher) admitOutside(tx *db.Tx, e *recorded) error {
	settings, webhooks, err := p.settingsIn(tx)
	if err != nil {
		return err
	}
	d, _ := event.Lookup(e.Type)
	return p.address(tx, e, d, settings, webhooks)
}

// Where events come from, as the metrics tell them apart.
const (
	fromDirectory = "directory" // a change made through the API
	fromIntake    = "intake"    // another identity system
	fromSystem    = "system"    // log entries
)
