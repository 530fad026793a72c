package outbox

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// lane carries the deliveries of one webhook: a short queue in memory, workers that exist only while there is something to send, and a feeder
// that claims more from the table when the queue runs low. A receiver that hangs fills its own lane and no other.
type lane struct {
	o       *Outbox
	webhook wire.ID
	woken   chan struct{} // of one: the feeder is to look
	limiter *rate.Limiter // sends per second

	mu       sync.Mutex
	first    lineup              // first attempts
	again    lineup              // retries
	loaded   map[int64]*delivery // by the sequence of their event: in the queue, with a worker, or held by somebody else
	workers  int
	retrying int         // of the workers, those with retries
	behind   bool        // the table may hold something that is due
	next     int64       // the earliest instant at which the table is known to have something due
	alarm    *time.Timer // rings then
	batches  int64       // claimed so far; numbers them
	reached  [2]place    // on SQLite: how far the feeder has come in the table, of first attempts and of retries
}

// lineup is lines of deliveries, each to be sent one after the other.
type lineup struct{ lines [][]*delivery }

func (q *lineup) push(line []*delivery) { q.lines = append(q.lines, line) }

func (q *lineup) pop() (line []*delivery) {
	line, q.lines[0] = q.lines[0], nil
	if q.lines = q.lines[1:]; len(q.lines) == 0 {
		q.lines = nil // so that append begins anew and what was sent can be collected
	}
	return line
}

func newLane(o *Outbox, webhook wire.ID) *lane {
	return &lane{
		o: o, webhook: webhook, woken: make(chan struct{}, 1), limiter: rate.NewLimiter(rate.Inf, 1),
		loaded: map[int64]*delivery{}, behind: true, alarm: time.NewTimer(0),
	}
}

// accepts tells whether the lane takes so many more deliveries without their being claimed in the table first. Not if others are
// waiting there: they would be overtaken. A nil lane takes none.
func (l *lane) accepts(target *webhook.Target, more int) bool {
	if l == nil || target.Ordered() || !target.Enabled() || l.o.flows.of(l.webhook).held() || !l.o.node.alive() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind || len(l.loaded)+more > l.o.Queue {
		l.behind = true
		return false
	}
	return true
}

// push queues claimed deliveries and sees to it that somebody sends them.
func (l *lane) push(claimed []*delivery) {
	concurrency := l.concurrency()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range lines(claimed) {
		for _, d := range line {
			l.loaded[d.sequence] = d
		}
		if line[0].attempts > 0 {
			l.again.push(line)
		} else {
			l.first.push(line)
		}
	}
	// Workers are never idle, they end. One too many does too.
	for n := len(l.first.lines) + len(l.again.lines); n > 0 && l.workers < concurrency; n-- {
		if !l.o.active.Go(func() { l.work(concurrency) }) {
			return // we stop, and what is claimed is given back
		}
		l.workers++
	}
}

func (l *lane) concurrency() int {
	if registry, err := l.o.Webhooks.Registry(l.o.sending); err == nil {
		if target := registry.Target(l.webhook); target != nil {
			return cmp.Or(target.Concurrency(), l.o.Concurrency)
		}
	}
	return l.o.Concurrency
}

// work sends until there is nothing left that this worker may take.
func (l *lane) work(concurrency int) {
	for {
		line, retry := l.take(concurrency)
		if line == nil {
			return
		}
		for _, d := range line {
			l.carry(d)
		}
		if retry {
			l.mu.Lock()
			l.retrying--
			l.mu.Unlock()
		}
	}
}

// take gives a worker its next line, first attempts before retries; retries never have all the places, so that a first attempt finds one soon
// however many retries hang. Without a line the worker ends.
func (l *lane) take(concurrency int) (line []*delivery, retry bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.o.working.Err() != nil || l.workers > concurrency:
	case len(l.first.lines) > 0:
		return l.first.pop(), false
	case len(l.again.lines) > 0 && l.retrying < max(concurrency-max(concurrency/4, 1), 1):
		l.retrying++
		return l.again.pop(), true
	}
	l.workers--
	return nil, false
}

// carry sends one delivery and hands what became of it to the recorder.
func (l *lane) carry(d *delivery) {
	o := l.o
	kind, attempt := d.attemptKind(), (*webhook.Attempt)(nil)
	if target, body := l.ready(d); target != nil {
		crashpoint.Here("claimed")
		attempt = target.Send(o.sending, webhook.Message{ID: d.event, Body: body})
		if attempt.Outcome == egress.Cancelled { // we are stopping, and have no more patience
			attempt = nil
		} else {
			crashpoint.Here("sent")
			o.Metrics.Attempt(string(kind), string(attempt.Outcome), attempt.End.Sub(attempt.Start))
			if kind == webhook.Delivery && attempt.Outcome.Success() {
				o.Metrics.Latency(o.DB.Now().Sub(d.since))
			}
			o.Observe(d.webhook, attempt)
		}
	}
	o.recorder.put(d, kind, attempt)
}

// ready returns what it takes to send the delivery, a nil target when it must go back into the table.
func (l *lane) ready(d *delivery) (*webhook.Target, []byte) {
	registry, err := l.o.Webhooks.Registry(l.o.sending)
	if err != nil {
		return nil, nil
	}
	target := registry.Target(l.webhook)
	if target == nil || !target.Enabled() || !l.o.node.alive() {
		return nil, nil
	}
	if f := l.o.flows.of(l.webhook); f.Paused {
		return nil, nil
	}
	if err := l.wait(target); err != nil {
		return nil, nil
	}
	if d.body != nil {
		return target, d.body
	}
	var body []byte
	err = l.o.DB.View(l.o.sending, func(tx *db.Tx) (err error) {
		body, err = l.o.Log.Body(tx, d.sequence)
		return err
	})
	if err != nil {
		return nil, nil
	}
	return target, body
}

// wait holds a delivery back until the webhook's rate limit lets it pass.
func (l *lane) wait(target *webhook.Target) error {
	limit := rate.Inf
	if perSecond := target.RateLimit(); perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	if l.limiter.Limit() != limit {
		l.limiter.SetLimit(limit)
	}
	if limit == rate.Inf {
		return nil
	}
	return l.limiter.Wait(l.o.working)
}

// hold notes a delivery that somebody else carries in this process.
func (l *lane) hold(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded[d.sequence] = d
}

// settled takes a delivery out of the lane after its fate is stored.
func (l *lane) settled(d *delivery, f fate) {
	l.mu.Lock()
	delete(l.loaded, d.sequence)
	hungry := l.behind && len(l.loaded) <= l.o.Queue/2
	l.mu.Unlock()
	if f.state == Pending || f.state == Retrying {
		l.dueAt(f.due.UnixMilli())
	}
	if hungry || l.ordered() { // an ordered webhook's next delivery may have waited for this one
		l.wake()
	}
}

// notCarried picks from the sequences those that nobody in this process carries.
func (l *lane) notCarried(sequences []int64) (strays []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range sequences {
		if l.loaded[s] == nil {
			strays = append(strays, s)
		}
	}
	return strays
}

// ordered tells whether the webhook wants the events of one object in sequence.
func (l *lane) ordered() bool {
	registry, err := l.o.Webhooks.Registry(l.o.sending)
	if err != nil {
		return false
	}
	target := registry.Target(l.webhook)
	return target != nil && target.Ordered()
}

func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.loaded) == 0 && !l.behind
}

// drop empties the queue and returns what was in it; what workers have goes on.
func (l *lane) drop() (dropped []*delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range []*lineup{&l.first, &l.again} {
		for _, line := range q.lines {
			dropped = append(dropped, line...)
		}
		q.lines = nil
	}
	return dropped
}

func (l *lane) wake() {
	l.mu.Lock()
	l.behind = true
	l.mu.Unlock()
	select {
	case l.woken <- struct{}{}:
	default: // it has been told and has not looked yet
	}
}

// dueAt makes the feeder look at that instant, unless it looks earlier anyway.
func (l *lane) dueAt(instant int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == 0 || instant < l.next {
		l.setAlarm(instant)
	}
}

func (l *lane) setAlarm(instant int64) {
	l.next = instant
	l.alarm.Reset(min(max(time.Duration(instant-l.o.DB.Now().UnixMilli())*time.Millisecond, 0), longestWait))
}

// run is the feeder. It ends when the webhook is gone.
func (l *lane) run(ctx context.Context) {
	defer l.alarm.Stop()
	for {
		if ctx.Err() == nil && l.feed(ctx) {
			return
		}
		select {
		case <-l.woken:
		case <-l.alarm.C:
		case <-ctx.Done():
			return
		}
	}
}

// feed claims what is due, as far as there is room, and sets the alarm for the next look. It tells whether the lane has ended.
func (l *lane) feed(ctx context.Context) (ended bool) {
	f, err := l.claim(ctx)
	if err != nil {
		if ctx.Err() == nil {
			l.o.Logger.Error("deliveries could not be claimed", "webhook", l.webhook, "error", err)
		}
		f = found{behind: true, next: l.o.DB.Now().Add(l.o.Poll).UnixMilli()}
	}
	if len(f.due) > 0 {
		l.push(f.due)
	}
	l.mu.Lock()
	l.behind = l.behind || f.behind
	l.setAlarm(f.next)
	l.mu.Unlock()
	return f.gone && l.o.forget(l)
}

// found is what a look at the table has brought.
type found struct {
	due    []*delivery
	behind bool  // there may be more that is due than there was room for
	next   int64 // when something may be due, if nobody wakes the lane before
	gone   bool  // the webhook does not exist any more, and nothing is owed to it
}

// claim takes what is due, first attempts before retries, up to the room there is.
func (l *lane) claim(ctx context.Context) (f found, err error) {
	begin := l.o.DB.Now()
	sleep := begin.Add(longestWait).UnixMilli()
	registry, err := l.o.Webhooks.Registry(ctx)
	if err != nil {
		return f, err
	}
	target := registry.Target(l.webhook)
	if target == nil {
		return l.end(ctx)
	}
	flow := l.o.flows.of(l.webhook)
	if !target.Enabled() || flow.Paused || !l.o.node.alive() {
		return found{next: sleep}, l.giveBack(l.drop())
	}
	l.mu.Lock()
	l.behind = false // whoever adds something from now on says so again
	room := l.o.Queue - len(l.loaded)
	l.batches++
	claimer := l.o.claimer(l.batches)
	var passed map[int64]bool
	if l.o.DB.Engine() == db.SQLite {
		passed = make(map[int64]bool, len(l.loaded))
		for sequence := range l.loaded {
			passed[sequence] = true
		}
	}
	l.mu.Unlock()
	if flow.Open {
		return l.probe(ctx, claimer)
	}
	if room <= 0 {
		return found{behind: true, next: sleep}, nil
	}
	claim, look := claimFunc(claimDue), l.o.DB.Update
	if passed != nil {
		claim, look = l.picker(passed), l.o.DB.View
	}
	err = look(ctx, func(tx *db.Tx) error {
		f = found{next: sleep}
		for _, each := range []struct {
			state State
			most  int // retries fill no more than half of the queue
		}{{Pending, room}, {Retrying, l.o.Queue / 2}} {
			most := min(each.most, room-len(f.due))
			due, err := claim(tx, l.webhook, each.state, claimer, target.Ordered(), most)
			if err != nil {
				return err
			}
			f.due = append(f.due, due...)
			f.behind = f.behind || len(due) == most
		}
		if f.behind {
			return nil
		}
		next, waiting, err := nextDue(tx, l.webhook)
		if waiting {
			f.next = max(next, tx.NowMillis()+shortestWait.Milliseconds())
		}
		return err
	})
	if err == nil && len(f.due) > 0 {
		l.o.Metrics.Claimed(len(f.due), l.o.DB.Now().Sub(begin))
	}
	return f, err
}

// place is a place in the table's order of due times.
type place struct{ due, sequence int64 }

// picker is claimDue without a trace in the table: on SQLite there is no other process to keep away, and what this one has loaded it knows. Not writing the claim saves
// a fifth of what a delivery costs.
//
// passed is what was loaded before the look. What has left the lane since then was stored before that, so the look sees it settled.
func (l *lane) picker(passed map[int64]bool) claimFunc {
	return func(tx *db.Tx, _ wire.ID, state State, _ string, ordered bool, limit int) (picked []*delivery, err error) {
		if limit <= 0 {
			return nil, nil
		}
		at := &l.reached[0]
		if state == Retrying {
			at = &l.reached[1]
		}
		most := limit
		if *at == (place{}) {
			most += len(passed)
		}
		next := *at
		all, err := pickDue(tx, l.webhook, state, *at, ordered, most)
		for _, d := range all {
			if len(picked) == limit {
				break
			}
			if next = d.place; !passed[d.sequence] {
				picked = append(picked, d)
			}
		}
		if len(all) < most && len(picked) < limit {
			next = place{} // nothing is left there; what becomes due may stand anywhere
		}
		*at = next
		return picked, err
	}
}

// claimFunc takes up to limit due deliveries in one state.
type claimFunc func(tx *db.Tx, webhook wire.ID, state State, claimer string, ordered bool, limit int) ([]*delivery, error)

// shortestWait is how long a feeder sleeps at least when there is something due that it could not have: rows that another process is just claiming, or that
// wait for their predecessor.
const shortestWait = 20 * time.Millisecond

// probe lets one delivery through to a receiver that could not be reached, when it is time.
func (l *lane) probe(ctx context.Context, claimer string) (f found, err error) {
	if err := l.giveBack(l.drop()); err != nil {
		return f, err
	}
	err = l.o.DB.Update(ctx, func(tx *db.Tx) error {
		f = found{next: l.o.flows.of(l.webhook).ProbeInstant}
		if err := l.expire(tx); err != nil {
			return err
		}
		due, err := anyDue(tx, l.webhook)
		if err != nil || !due {
			f.next = tx.Now().Add(longestWait).UnixMilli()
			return err
		}
		next, ours, err := l.o.flows.takeProbe(tx, l.webhook)
		if err != nil {
			return err
		}
		f.next = next
		if !ours {
			return nil
		}
		for _, state := range []State{Retrying, Pending} {
			if f.due, err = claimDue(tx, l.webhook, state, claimer, false, 1); err != nil || len(f.due) > 0 {
				return err
			}
		}
		return nil
	})
	return f, err
}

// expire gives up what has waited for an unreachable receiver for longer than a whole schedule takes.
func (l *lane) expire(tx *db.Tx) error {
	lifetime := l.o.scheduleOf(l.webhook).lifetime()
	n, err := expireDeliveries(tx, l.webhook, tx.Now().Add(-lifetime).UnixMilli(), stepSize)
	if err != nil || n == 0 {
		return err
	}
	return l.o.Journal.Error(tx, fmt.Sprintf("Webhook %s has been unreachable for so long that %d deliveries were given up, some without an attempt. "+
		"The events stay in the store. When the receiver answers again, recover what it has missed.", l.webhook, n))
}

// stepSize is how many rows one transaction changes at most when there may be a million.
const stepSize = 1000

// end cancels what is owed to a webhook that is gone, step by step.
func (l *lane) end(ctx context.Context) (f found, err error) {
	l.drop() // what it had claimed is cancelled with the rest
	err = l.o.DB.Update(ctx, func(tx *db.Tx) error {
		n, err := cancelSome(tx, l.webhook, stepSize)
		now := tx.NowMillis()
		f = found{behind: n == stepSize, next: now}
		if err != nil || n == stepSize {
			return err
		}
		f.gone, f.next = true, now+longestWait.Milliseconds()
		return forgetFlow(tx, l.webhook)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.gone {
		l.behind = false
		clear(l.loaded)
	}
	return f, err
}

// giveBack ends the claims of deliveries that were not sent: they are due at once, for whoever comes next.
func (l *lane) giveBack(claimed []*delivery) error {
	if len(claimed) == 0 {
		return nil
	}
	err := l.o.update(func(tx *db.Tx) error { return returnDeliveries(tx, claimed) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range claimed { // also after an error: then they are strays, which the patrol finds
		delete(l.loaded, d.sequence)
	}
	return err
}
