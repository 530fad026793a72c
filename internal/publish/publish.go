package publish

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Options are what a Publisher works with. DB, Webhooks, Tenants and Journal are required.
type Options struct {
	DB       *db.DB
	Webhooks *webhook.Service
	Tenants  *tenant.Service
	Journal  *journal.Journal
	Logger   *slog.Logger

	// Node names this process in claims and attempts; no two processes on one store may have the same name. Empty means a random one.
	Node string
	// Deadline bounds the votes of one API call, all its events together. Defaults to 10 s.
	Deadline time.Duration
	// Schedule is the pauses between the attempts of a delivery. Defaults to the product's: 5 s … 10 h, nine of them.
	Schedule []time.Duration
	// Concurrency is how many requests to one webhook may be under way at once. Defaults to 16.
	Concurrency int
	// Poll is how often a lane looks for work that nobody announced (another process, a lease that ran out). Defaults to 1 s, on SQLite to 10 s.
	Poll time.Duration
	// Lease is how long a claim holds beyond the time that its requests can take. Defaults to 15 s.
	Lease time.Duration
}

// Publisher publishes events. It is safe for concurrent use.
type Publisher struct {
	Options
	schedule  schedule
	voteSlots slots
	lanes     lanes

	// Whatever is under way (operations, votes, tests) is admitted under gate, so that Stop can wait for it.
	gate     sync.Mutex
	stopped  bool
	underWay sync.WaitGroup
	// sending ends when requests that are under way must end as well.
	sending context.Context
	abort   context.CancelFunc
}

var _ Doer = (*Publisher)(nil)

// New returns a Publisher that votes and records; Start makes it deliver.
func New(o Options) *Publisher {
	o.Node = cmp.Or(o.Node, rand.Text()[:12])
	o.Deadline = cmp.Or(o.Deadline, 10*time.Second)
	o.Concurrency = cmp.Or(o.Concurrency, 16)
	o.Lease = cmp.Or(o.Lease, 15*time.Second)
	if o.Poll == 0 {
		// On SQLite nobody else writes: everything is announced, and polling only heals what should not happen.
		if o.Poll = time.Second; o.DB.Engine() == db.SQLite {
			o.Poll = 10 * time.Second
		}
	}
	if o.Schedule == nil {
		o.Schedule = defaultSchedule
	}
	p := &Publisher{Options: o, schedule: o.Schedule}
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

// Do takes the operation through prepare, ask and commit.
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
		close(r.settled)
	}()

	if p.ask(r) == refused {
		return ErrRefused
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
	settled chan struct{}
}

// recorded is one event: what is sent, to whom, and under which rule.
type recorded struct {
	head    event.Header
	body    []byte
	rule    wire.TransactionType // None when nobody decides
	targets []*webhook.Target
	votes   []*vote // parallel to targets; nil when the event is not voted on
}

// needsVote tells whether webhooks decide about the event.
func (e *recorded) needsVote() bool { return e.rule != wire.None && len(e.targets) > 0 }

// vote is one webhook's answer to one event. Its delivery is written with the commit, whatever the answer.
type vote struct {
	target   *webhook.Target
	delivery string
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
		r.names = plan.names
		var first []event.Payload
		first, r.after = inOrder(plan.events)
		var err error
		if r.before, err = p.record(tx, op.Tenant, op.Info, first); err != nil {
			return err
		}
		if slices.ContainsFunc(r.before, (*recorded).needsVote) {
			crashpoint.Here("preparing")
			if err := reserveBeyondPrepare(tx, r, decideBy); err != nil {
				return err
			}
			return insertEvents(tx, r.id, r.before, running, decideBy)
		}
		r.done = true
		if err := releaseUnasked(tx, r); err != nil {
			return err
		}
		if err := insertEvents(tx, r.id, r.before, succeeded, 0); err != nil {
			return err
		}
		return p.write(tx, r, op)
	})
	return r, err
}

// commitGrace is how long after its deadline an operation may still commit, and its reservations hold.
const commitGrace = 5 * time.Second

// storePatience bounds each transaction of an operation, which no longer follows its caller's context.
const storePatience = 30 * time.Second

func (p *Publisher) update(ctx context.Context, fn func(*db.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, storePatience)
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
	answers := make(chan *vote, len(e.targets))
	for _, target := range e.targets {
		v := &vote{target: target, delivery: db.NewID()}
		e.votes = append(e.votes, v)
		p.underWay.Go(func() {
			v.attempt = p.voteSlots.send(p.sending, patience, target, e.body)
			answers <- v
		})
	}
	yes, no, outcome := 0, 0, undecided
	for outcome == undecided {
		select {
		case v := <-answers:
			v.counted = true
			if v.attempt.Outcome.Success() {
				yes++
			} else {
				no++
			}
			outcome = decide(e.rule, len(e.targets), yes, no)
		case <-patience.Done():
			outcome = refused
		}
	}
	if late := len(e.targets) - yes - no; late > 0 {
		p.underWay.Go(func() {
			<-r.settled
			for range late {
				p.recordLate(r, e, <-answers)
			}
		})
	}
	return outcome
}

// commit writes the change, unless the operation was closed as failed meanwhile (it took too long) or one of its names was lost.
func (p *Publisher) commit(ctx context.Context, r *run, op Operation) error {
	err := p.update(ctx, func(tx *db.Tx) error {
		if err := closeEvents(tx, r, succeeded); err != nil {
			return err
		}
		if err := release(tx, r); err != nil {
			return err
		}
		return p.write(tx, r, op)
	})
	if err == nil {
		r.outcome = passed
	}
	return err
}

// write writes the change itself, its remaining events and every delivery that is owed.
func (p *Publisher) write(tx *db.Tx, r *run, op Operation) error {
	if op.Commit != nil {
		if err := op.Commit(tx); err != nil {
			return err
		}
	}
	rest, err := p.record(tx, op.Tenant, op.Info, r.after)
	if err != nil {
		return err
	}
	if err := insertEvents(tx, r.id, rest, succeeded, 0); err != nil {
		return err
	}
	tx.AfterCommit(func() { crashpoint.Here("committed") }) // before those that wake the lanes
	if err := p.owe(tx, slices.Concat(r.before, rest)); err != nil {
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
		switch err := closeEvents(tx, r, failed); {
		case errors.Is(err, errClosed):
			happened, err := wasCommitted(tx, r)
			if err != nil {
				return err
			}
			if happened {
				r.outcome = passed
				return nil
			}
		case err != nil:
			return err
		}
		if err := release(tx, r); err != nil && !errors.Is(err, errReleased) {
			return err
		}
		for _, e := range r.before {
			for _, v := range e.votes {
				if v.counted && v.attempt.Outcome != egress.Cancelled {
					if err := p.insertAttempt(tx, e.head.ID, "", webhook.Vote, v.attempt); err != nil {
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
	operation := db.NewID()
	all, err := p.record(tx, tenant, info, events)
	if err != nil {
		return err
	}
	if err := insertEvents(tx, operation, all, succeeded, 0); err != nil {
		return err
	}
	return p.owe(tx, all)
}

// inOrder splits the events of an operation into those before the commit and those after it: the twins of the former in the same
// order, then the other non-transactional ones.
func inOrder(events []event.Payload) (before, after []event.Payload) {
	var others []event.Payload
	for _, e := range events {
		d, _ := event.Lookup(e.Head().Type)
		if !d.Transactional {
			others = append(others, e)
			continue
		}
		before = append(before, e)
		if d.Complete != "" {
			after = append(after, event.WithType(e, d.Complete))
		}
	}
	return before, append(after, others...)
}

// kinds are the events that are voted on, consecutive ones of one type together.
func kinds(asked []*recorded) [][]*recorded {
	var all [][]*recorded
	for _, e := range asked {
		switch last := len(all) - 1; {
		case !e.needsVote():
		case last >= 0 && all[last][0].head.Type == e.head.Type:
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
	settings, err := p.Tenants.SettingsIn(tx)
	if err != nil {
		return nil, err
	}
	webhooks, err := p.Webhooks.RegistryIn(tx)
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
		enabled, rule := true, wire.None
		if d.Scope == event.ScopeTenant {
			enabled, rule = settings.Event(tenant, head.Type)
		}
		e := &recorded{head: *head, rule: wire.None}
		if enabled {
			e.targets = webhooks.Subscribers(head.Type, d.Scope, tenant)
		}
		if d.Transactional {
			e.rule = rule
		}
		if e.body, err = event.Encode(payload); err != nil {
			return nil, fmt.Errorf("publish: encode %s: %w", head.Type, err)
		}
		all = append(all, e)
	}
	return all, nil
}
