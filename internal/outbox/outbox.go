package outbox

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// Options are what an Outbox works with. DB, Webhooks, Journal, Log and Node are required.
type Options struct {
	DB       *db.DB
	Webhooks *webhook.Service
	Journal  *journal.Journal
	Log      *webhooklog.Log
	Logger   *slog.Logger
	Metrics  *metrics.Metrics // may be nil
	Traffic  *traffic.Traffic // may be nil
	// Moved, if set, hears of the events of deliveries that people have changed, by their sequences, in the transaction that does it.
	Moved func(tx *db.Tx, sequences []int64) error

	// Node names this process in claims. No two processes on one store may have the same name; it has no slash in it.
	Node string
	// Keys names the keys that this process can open secrets with, with blanks between them, for whoever changes them. Defaults to none.
	Keys string
	// Schedule is the pauses between the attempts of a delivery to a webhook that has none of its own. Defaults to the product's: 5 s … 10 h, nine of them.
	Schedule []time.Duration
	// Concurrency is how many requests to one webhook may be under way at once, unless it says so itself. Defaults to 16.
	Concurrency int
	// Queue is how many deliveries to one webhook wait in memory at most; more stay in the table. Defaults to 1,024.
	Queue int
	// Poll is how often the table is looked through for work that nobody announced. Defaults to 1 s, on SQLite to 10 s.
	Poll time.Duration
	// Lease is how long the claims of a process outlast its last sign of life, on PostgreSQL. Defaults to 15 s.
	Lease time.Duration
}

// Outbox delivers. It is safe for concurrent use.
type Outbox struct {
	Options
	schedule schedule
	recorder recorder
	flows    flows
	node     node

	// working ends with Stop: nothing more is claimed or sent.
	working context.Context
	halt    context.CancelFunc
	// sending ends when requests that are under way must end as well.
	sending context.Context
	abort   context.CancelFunc
	// storing ends when the store is not waited for any more.
	storing context.Context
	giveUp  context.CancelFunc
	// kept is how many bytes of bodies wait in memory.
	kept atomic.Int64

	mu      sync.Mutex
	started bool
	lanes   map[wire.ID]*lane
	active  group
}

// New returns an Outbox that takes deliveries; Start makes it carry them.
func New(o Options) *Outbox {
	o.Concurrency = cmp.Or(o.Concurrency, 16)
	o.Queue = cmp.Or(o.Queue, 1024)
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
	b := &Outbox{Options: o, schedule: o.Schedule, lanes: map[wire.ID]*lane{}}
	b.working, b.halt = context.WithCancel(context.Background())
	b.sending, b.abort = context.WithCancel(context.Background())
	b.storing, b.giveUp = context.WithCancel(context.Background())
	b.recorder.init(b)
	b.flows.init(b)
	b.node.init(b)
	return b
}

// Start frees what a crash left claimed and begins to deliver. It does not block.
func (o *Outbox) Start(ctx context.Context) error {
	err := o.node.begin(ctx)
	if err == nil {
		err = o.flows.refresh(ctx)
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	o.mu.Lock()
	o.started = true
	o.mu.Unlock()
	o.recorder.start()
	o.active.Go(func() { o.patrol(o.working) })
	o.active.Go(func() { o.node.live(o.working) })
	o.active.Go(func() { o.DB.Listen(o.working, channel, o.heard) })
	return nil
}

// Stop ends claiming at once and waits for the deliveries under way and for what became of them to be stored; what is not sent yet stays in
// the table. When ctx ends first, the requests still under way are cut off: they are tried again after the next start.
func (o *Outbox) Stop(ctx context.Context) {
	o.mu.Lock()
	started := o.started
	o.started = false
	o.mu.Unlock()
	o.halt()
	cut := context.AfterFunc(ctx, func() {
		o.abort()
		time.AfterFunc(lastGrace, o.giveUp)
	})
	defer cut()
	o.active.wait()
	if started {
		o.recorder.stop()
		o.node.end()
	}
	o.abort()
}

// channel is where processes tell each other about a webhook: one of these, and its id.
const (
	channel      = "herald_outbox"
	somethingDue = "due "  // the table holds something that is due
	flowChanged  = "flow " // it was paused or resumed, or its breaker opened or closed
	calledOff    = "off "  // the deliveries whose sequences follow were cancelled
)

// heard takes what another process, or this one, has announced. Nothing at all means that announcements may have been missed.
func (o *Outbox) heard(news string) {
	if news == "" {
		if err := o.lookForDue(o.working, false); err != nil && o.working.Err() == nil {
			o.Logger.Error("the store could not be looked through for what is due", "error", err)
		}
	}
	if id, ok := strings.CutPrefix(news, somethingDue); ok {
		o.wake(wire.ID(id))
	}
	if id, ok := strings.CutPrefix(news, flowChanged); ok {
		if err := o.flows.refresh(o.working); err != nil && o.working.Err() == nil {
			o.Logger.Error("the state of webhooks could not be read", "error", err)
		}
		o.wake(wire.ID(id))
	}
	if list, ok := strings.CutPrefix(news, calledOff); ok {
		id, list, _ := strings.Cut(list, " ")
		var sequences []int64
		for text := range strings.SplitSeq(list, ",") {
			if s, err := strconv.ParseInt(text, 10, 64); err == nil {
				sequences = append(sequences, s)
			}
		}
		o.withdraw(wire.ID(id), sequences)
	}
}

// longestWait is how long a lane sleeps at most. Those who write deliveries wake it; this only bounds a mistake.
const longestWait = time.Minute

// patrol is the safety net: it finds what is due although nobody woke its lane (another process wrote it, a claim was freed), and what is claimed
// although nobody carries it.
func (o *Outbox) patrol(ctx context.Context) {
	tick := time.NewTicker(o.Poll)
	defer tick.Stop()
	rounds := max(int(longestWait/2/o.Poll), 1) // it takes two of them to be sure
	for round := 0; ; round++ {
		err := o.flows.refresh(ctx)
		if err == nil {
			err = o.lookForDue(ctx, round == 0)
		}
		if err == nil && round > 0 && round%rounds == 0 { // a lane that has just begun has lost nothing yet
			if err = o.heal(ctx); err == nil {
				err = o.node.adopt(ctx)
			}
		}
		if err != nil && ctx.Err() == nil {
			o.Logger.Error("the store could not be looked through for what is due", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// lookForDue wakes the lanes that have something due. The first time also those whose next delivery is due later: they sleep until it is.
func (o *Outbox) lookForDue(ctx context.Context, first bool) error {
	var due []wire.ID
	err := o.DB.View(ctx, func(tx *db.Tx) (err error) {
		until := tx.NowMillis()
		if first {
			until = carried - 1
		}
		due, err = dueWebhooks(tx, until)
		return err
	})
	for _, id := range due {
		o.wake(id)
	}
	return err
}

// heal puts right what only a mistake or a broken connection can cause: rows that look as if this process carried them, after a commit whose
// outcome it was never told; and due times that a clock ahead of the present one has written.
func (o *Outbox) heal(ctx context.Context) error {
	for _, l := range o.all() {
		strays := map[int64]bool{}
		l.mu.Lock()
		before := l.strays
		l.mu.Unlock()
		err := o.DB.Update(ctx, func(tx *db.Tx) error {
			mine, err := claimedBy(tx, l.webhook, o.Node)
			if err != nil {
				return err
			}
			clear(strays)
			var lost []int64
			for _, s := range l.notCarried(mine) {
				if before[s] { // in two rounds: there is a moment between a claim's commit and its arrival in the lane
					lost = append(lost, s)
				}
				strays[s] = true
			}
			if len(lost) > 0 {
				if err := freeDeliveries(tx, l.webhook, lost, o.Node); err != nil {
					return err
				}
				tx.AfterCommit(l.wake)
			}
			registry, err := o.Webhooks.RegistryIn(tx)
			if err != nil {
				return err
			}
			s := o.schedule
			if target := registry.Target(l.webhook); target != nil {
				s = o.scheduleFor(target)
			}
			return bringForward(tx, l.webhook, tx.Now().Add(longestWait).UnixMilli(), tx.Now().Add(s.lifetime()).UnixMilli())
		})
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.strays = strays
		l.mu.Unlock()
	}
	return nil
}

func (o *Outbox) all() []*lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]*lane, 0, len(o.lanes))
	for _, l := range o.lanes {
		all = append(all, l)
	}
	return all
}

// lane is the webhook's lane, made when it is needed for the first time; nil unless the outbox works.
func (o *Outbox) lane(id wire.ID) *lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.started {
		return nil
	}
	l := o.lanes[id]
	if l == nil {
		l = newLane(o, id)
		o.lanes[id] = l
		o.active.Go(func() { l.run(o.working) })
	}
	return l
}

// wake tells the lane of the webhook that there may be something due in the table.
func (o *Outbox) wake(id wire.ID) {
	if l := o.lane(id); l != nil {
		l.wake()
	}
}

// forget lets a lane whose webhook is gone end, unless there is something in it again.
func (o *Outbox) forget(l *lane) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !l.idle() {
		return false
	}
	delete(o.lanes, l.webhook)
	return true
}

// WebhookChanged lets the lane of a webhook look again: it may have been switched on, or its receiver may have moved. Whatever made its
// breaker open may be mended too.
func (o *Outbox) WebhookChanged(tx *db.Tx, id wire.ID) error {
	if err := o.flows.forgive(tx, id); err != nil {
		return err
	}
	tx.AfterCommit(func() { o.wake(id) })
	return tx.Notify(channel, somethingDue+string(id))
}

// lastGrace is how long a stop that is out of patience still waits for the store, so that what was sent is on record.
const lastGrace = 2 * time.Second

// storePatience bounds each transaction that no caller waits for.
const storePatience = 30 * time.Second

func (o *Outbox) update(fn func(*db.Tx) error) error {
	ctx, cancel := context.WithTimeout(o.storing, storePatience)
	defer cancel()
	return o.DB.Update(ctx, fn)
}

// group is goroutines that are waited for. Unlike a sync.WaitGroup it may be added to while somebody waits; then nothing is begun any more.
type group struct {
	mu     sync.Mutex
	closed bool
	all    sync.WaitGroup
}

// Go runs do in a goroutine, and tells whether it does.
func (g *group) Go(do func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.all.Go(do)
	}
	return !g.closed
}

func (g *group) wait() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.all.Wait()
}
