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
	retrying int              // of the workers, those with retries
	firsts   int              // first attempts begun since a worker took a retry
	behind   bool             // the table may hold first attempts that are due, or something that the feeder has not looked for yet
	late     bool             // the table may hold retries that are due
	next     int64            // the earliest instant since the feeder began to look at which the table is known to have something due; 0 for none
	alarm    *time.Timer      // rings then
	batches  int64            // claimed so far; numbers them
	reached  map[State]*place // on SQLite: how far the feeder has come in the table
	expiring bool             // what has waited for too long is being given up, step by step; the feeder's
	strays   map[int64]bool   // what the last round of healing found to be claimed and carried by nobody
	told     time.Time        // when other processes were told that something is due
	sequences
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
		reached: map[State]*place{Pending: {}, Retrying: {}}, sequences: sequences{turns: map[wire.ID]bool{}},
	}
}

// The queue has a part for first attempts and a smaller one for retries, so that a backlog of either leaves room for the other.

func (l *lane) roomForFirst() int {
	return max(l.o.Queue-l.o.Queue/4, 1) - (len(l.loaded) - l.retries())
}

func (l *lane) roomForRetries() int { return max(l.o.Queue/4, 1) - l.retries() }

// worthFirst and worthRetries are the room, or none while that is too little to be worth a look and something is still queued.

func (l *lane) worthFirst() int { return worth(l.roomForFirst(), l.o.Queue/4, &l.first) }

func (l *lane) worthRetries() int { return worth(l.roomForRetries(), l.o.Queue/8, &l.again) }

func worth(room, little int, queued *lineup) int {
	if room <= little && len(queued.lines) > 0 {
		return 0
	}
	return max(room, 0)
}

func (l *lane) retries() int { return len(l.again.lines) + l.retrying }

// hungry tells whether the table may hold something that there is much room for. l.mu is held.
func (l *lane) hungry() bool {
	return (l.behind || len(l.turns) > 0) && l.worthFirst() > 0 || l.late && l.worthRetries() > 0
}

// accepts tells whether the lane takes so many more deliveries without their being claimed in the table first. Not if others are
// waiting there: they would be overtaken. A nil lane takes none.
func (l *lane) accepts(target *webhook.Target, more int) bool {
	if l == nil || target.Ordered() || !target.Enabled() || l.o.flows.of(l.webhook).held() || !l.o.node.alive() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind || more > l.roomForFirst() {
		l.behind = true
		return false
	}
	return true
}

// push queues claimed deliveries and sees to it that somebody sends them.
func (l *lane) push(claimed []*delivery) {
	l.mu.Lock()
	for _, line := range lines(claimed) {
		for _, d := range line {
			l.loaded[d.sequence] = d
			l.o.keep(d)
		}
		if line[0].attempts > 0 {
			l.again.push(line)
		} else {
			l.first.push(line)
		}
	}
	l.mu.Unlock()
	l.employ()
}

// employ begins workers for what is queued. They are never idle, they end; one too many does too.
func (l *lane) employ() {
	concurrency := l.concurrency()
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := len(l.first.lines) + len(l.again.lines); n > 0 && l.workers < concurrency; n-- {
		if !l.o.active.Go(l.work) {
			return // we stop, and what is claimed is given back
		}
		l.workers++
	}
}

// concurrency is this process' share of what the webhook allows at once, at least one.
func (l *lane) concurrency() int {
	limit := l.o.Concurrency
	if registry, err := l.o.Webhooks.Registry(l.o.sending); err == nil {
		if target := registry.Target(l.webhook); target != nil {
			limit = cmp.Or(target.Concurrency(), limit)
		}
	}
	return max(limit/l.o.node.living(), 1)
}

// work sends until there is nothing left that this worker may take.
func (l *lane) work() {
	for {
		line, retry := l.take(l.concurrency())
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

// mostFirsts is how many first attempts pass a retry where there is only one place.
const mostFirsts = 4

// take gives a worker its next line, first attempts before retries; but retries always have one place of several, and never all of them, and a single place they
// share, so that neither waits for ever for the other. Without a line the worker ends.
func (l *lane) take(concurrency int) (line []*delivery, retry bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, again := len(l.first.lines) > 0, len(l.again.lines) > 0
	switch {
	case l.o.working.Err() != nil || l.workers > concurrency:
	case again && (l.retrying == 0 && (concurrency > 1 || l.firsts >= mostFirsts) || !first && l.retrying < max(concurrency-max(concurrency/4, 1), 1)):
		l.retrying++
		l.firsts = 0
		return l.again.pop(), true
	case first:
		l.firsts++
		return l.first.pop(), false
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
		attempt = target.Send(o.sending, webhook.Message{ID: d.event, Body: body, Object: d.object, Trace: d.trace, Type: d.kind, Kind: kind, Made: d.attempts})
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
	target := l.target(d)
	for target != nil {
		pause := l.wait(target)
		if pause == 0 {
			break
		}
		select {
		case <-time.After(pause):
		case <-l.o.working.Done():
		}
		target = l.target(d) // it may have been paused, or its limit changed
	}
	if target == nil {
		return nil, nil
	}
	if d.body != nil {
		return target, d.body
	}
	var body []byte
	err := l.o.DB.View(l.o.sending, func(tx *db.Tx) (err error) {
		body, err = l.o.Log.Body(tx, d.sequence)
		return err
	})
	if err != nil {
		return nil, nil
	}
	return target, body
}

// target is the webhook if the delivery may be sent to it now, else nil.
func (l *lane) target(d *delivery) *webhook.Target {
	registry, err := l.o.Webhooks.Registry(l.o.sending)
	if err != nil || l.o.working.Err() != nil || !l.o.node.alive() || !l.o.flows.lets(d) {
		return nil
	}
	if target := registry.Target(l.webhook); target != nil && target.Enabled() {
		return target
	}
	return nil
}

// wait tells how long to wait before the webhook's rate limit can be asked again; zero lets a delivery pass.
func (l *lane) wait(target *webhook.Target) time.Duration {
	limit := rate.Inf
	if perSecond := target.RateLimit(); perSecond > 0 {
		limit = rate.Limit(perSecond / float64(l.o.node.living())) // this process' share
	}
	if l.limiter.Limit() != limit {
		l.limiter.SetLimit(limit)
	}
	if limit == rate.Inf {
		return 0
	}
	l.mu.Lock() // or what one worker gives back another would already have built on
	defer l.mu.Unlock()
	turn := l.limiter.Reserve()
	delay := turn.Delay()
	if delay > 0 {
		turn.Cancel() // whoever waits has no turn yet: it would keep it although the limit was changed
	}
	return min(delay, time.Second)
}

// hold notes a delivery that somebody else carries in this process.
func (l *lane) hold(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded[d.sequence] = d
}

// settled takes a delivery out of the lane after its fate is stored.
func (l *lane) settled(d *delivery, f fate) {
	ordered := l.ordered()
	l.mu.Lock()
	l.unload(d)
	switch {
	case !ordered:
	case f.state == Pending: // it was not sent
		l.behind = true
	case f.state != Retrying:
		l.turns[d.orderingKey()] = true
	}
	hungry := l.hungry()
	l.mu.Unlock()
	if f.state == Pending || f.state == Retrying {
		l.dueAt(f.due.UnixMilli())
	}
	if hungry {
		l.nudge()
	}
}

// unload forgets the delivery, unless it has been claimed anew meanwhile. l.mu is held.
func (l *lane) unload(d *delivery) {
	l.o.letGo(d)
	if held := l.loaded[d.sequence]; held != nil && held.claim == d.claim {
		delete(l.loaded, d.sequence)
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

func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.loaded) == 0 && !l.behind && !l.late
}

// drop empties the queue and returns what was in it; what workers have goes on.
func (l *lane) drop() []*delivery { return l.dropAll(func(*delivery) bool { return true }) }

// dropAll is drop for the deliveries that meet the condition.
func (l *lane) dropAll(which func(*delivery) bool) (dropped []*delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range []*lineup{&l.first, &l.again} {
		var kept [][]*delivery
		for _, line := range q.lines {
			var rest []*delivery
			for _, d := range line {
				if which(d) {
					dropped = append(dropped, d)
				} else {
					rest = append(rest, d)
				}
			}
			if len(rest) > 0 {
				kept = append(kept, rest)
			}
		}
		q.lines = kept
	}
	return dropped
}

// wake has the feeder look for everything that is due.
func (l *lane) wake() {
	l.mu.Lock()
	l.behind, l.late = true, true
	l.mu.Unlock()
	l.nudge()
}

// nudge has the feeder look.
func (l *lane) nudge() {
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
	now := l.o.DB.Now().UnixMilli()
	l.mu.Lock()
	l.late = l.late || l.next <= now
	l.next = 0 // what becomes due while we look may be missed by the look
	l.mu.Unlock()
	f, err := l.claim(ctx, now)
	if err != nil {
		if ctx.Err() == nil {
			l.o.Logger.Error("deliveries could not be claimed", "webhook", l.webhook, "error", err)
		}
		f = found{behind: true, late: true, next: l.o.DB.Now().Add(l.o.Poll).UnixMilli()}
		l.reached = map[State]*place{Pending: {}, Retrying: {}}
	}
	l.push(f.due) // also when it is nothing: the webhook may be allowed more workers now
	l.looked(f)
	return f.gone && l.o.forget(l)
}

// looked notes what a look has found out, beside what the lane was told meanwhile.
func (l *lane) looked(f found) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behind, l.late = l.behind || f.behind, l.late || f.late
	if l.next == 0 || f.next < l.next {
		l.setAlarm(f.next)
	}
}

// found is what a look at the table has brought.
type found struct {
	due    []*delivery
	behind bool  // there may be more first attempts that are due than there was room for
	late   bool  // the same of retries
	next   int64 // when something may be due, if nobody wakes the lane before
	gone   bool  // the webhook does not exist any more, and nothing is owed to it
}

// claim takes what is due, first attempts before retries, up to the room there is. asOf is when it was found out whether retries are due.
func (l *lane) claim(ctx context.Context, asOf int64) (f found, err error) {
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
	if flow.Open {
		return l.probe(ctx, target)
	}
	l.mu.Lock()
	// Whoever adds something from now on says so again. Where there is little room we do not look, and still have to: settled wakes us when there is more.
	rooms := map[State]int{Pending: l.worthFirst(), Retrying: l.worthRetries()}
	asked := map[State]bool{Pending: l.behind, Retrying: l.late}
	l.behind, l.late = rooms[Pending] == 0, rooms[Retrying] == 0
	if l.behind && l.late {
		l.mu.Unlock()
		return found{next: sleep}, nil
	}
	turns, pause := l.narrow(target, rooms, asked)
	if pause > 0 {
		sleep = min(sleep, begin.Add(pause).UnixMilli())
	}
	more := len(l.turns) > 0
	l.batches++
	claimer := l.o.claimer(l.batches)
	passed := l.passed()
	l.mu.Unlock()
	claim, look := claimFunc(claimDue), l.o.DB.Update
	if passed != nil {
		claim, look = l.picker(passed), l.o.DB.View
	}
	err = look(ctx, func(tx *db.Tx) error {
		heads, err := l.heads(tx, turns, claimer, passed)
		if err != nil {
			return err
		}
		f = found{due: heads, next: sleep}
		for _, state := range []State{Pending, Retrying} {
			room := rooms[state]
			if room == 0 {
				continue
			}
			if state == Pending {
				room -= len(heads)
			}
			began := l.o.DB.Now()
			due, err := claim(tx, l.webhook, state, claimer, target.Ordered(), room)
			if err != nil {
				return err
			}
			f.due = append(f.due, due...)
			if full := len(due) == room; state == Pending {
				if f.behind = full; !full {
					now := l.o.DB.Now()
					l.rested = now.Add(restFactor * now.Sub(began))
				}
			} else {
				f.late = full
			}
		}
		after := tx.NowMillis()
		if rooms[Retrying] == 0 {
			after = min(after, asOf) // what has become due since then nobody has looked for
		}
		next, err := nextDue(tx, l.webhook, after)
		f.next = min(next, sleep)
		return err
	})
	if more && err == nil && len(f.due) < len(turns) {
		l.nudge() // there were more turns than there was room for, but some were in vain
	}
	if err == nil && len(f.due) > 0 {
		l.o.Metrics.Claimed(len(f.due), l.o.DB.Now().Sub(begin))
	}
	return f, err
}

// passed are the sequences of what this lane has loaded, which a look on SQLite has to pass over; nil where claims stand in the table. l.mu is held.
func (l *lane) passed() map[int64]bool {
	if l.o.DB.Engine() != db.SQLite {
		return nil
	}
	passed := make(map[int64]bool, len(l.loaded))
	for sequence := range l.loaded {
		passed[sequence] = true
	}
	return passed
}

// place is a place in the table's order of due times.
type place struct{ due, sequence int64 }

// picker is claimDue without a trace in the table: on SQLite there is no other process to keep away, and what this one has loaded it knows. Not writing the claim saves
// a fifth of what a delivery costs.
//
// passed is what was loaded before the look. What has left the lane since then was stored before that, so the look sees it settled.
func (l *lane) picker(passed map[int64]bool) claimFunc {
	return func(tx *db.Tx, _ wire.ID, state State, _ string, ordered bool, limit int) (picked []*delivery, err error) {
		at := l.reached[state]
		whole := *at == (place{}) // this look goes through all of the table
		for len(picked) < limit {
			if *at == (place{}) && len(passed) > 0 {
				if *at, err = behindPassed(tx, l.webhook, state, passed); err != nil {
					return nil, err
				}
			}
			most := limit - len(picked)
			due, err := pickDue(tx, l.webhook, state, *at, ordered, most)
			if err != nil {
				return nil, err
			}
			for _, d := range due {
				if *at = d.place; !passed[d.sequence] {
					passed[d.sequence] = true
					picked = append(picked, d)
				}
			}
			if len(due) == most {
				continue
			}
			*at = place{} // nothing is left behind it; what was not due when we passed may stand before it
			if whole {
				break
			}
			whole = true
		}
		return picked, nil
	}
}

// claimFunc takes up to limit due deliveries in one state.
type claimFunc func(tx *db.Tx, webhook wire.ID, state State, claimer string, ordered bool, limit int) ([]*delivery, error)

// probe lets one delivery through to a receiver that could not be reached, when it is time.
func (l *lane) probe(ctx context.Context, target *webhook.Target) (f found, err error) {
	if err := l.giveBack(l.dropAll(func(d *delivery) bool { return !d.probe })); err != nil {
		return f, err
	}
	l.mu.Lock()
	l.batches++
	claimer, passed := l.o.claimer(l.batches), l.passed()
	l.mu.Unlock()
	err = l.o.DB.Update(ctx, func(tx *db.Tx) error {
		f = found{next: tx.Now().Add(longestWait).UnixMilli()}
		flow, err := loadFlow(tx, l.webhook)
		if err != nil {
			return err
		}
		if !flow.Open { // closed since we were told
			f.next = tx.NowMillis()
			return nil
		}
		if len(passed) == 0 { // what is just being sent might be given up with the rest
			more, err := l.expire(tx, target, flow)
			if err != nil {
				return err
			}
			if more {
				f.next = tx.NowMillis()
				return nil
			}
		}
		due, err := anyDue(tx, l.webhook)
		if err != nil || !due {
			return err
		}
		if !flow.probeDue(tx.NowMillis()) {
			f.next = min(f.next, flow.ProbeInstant)
			return nil
		}
		// The delivery first, because there may be none: what is due may wait for its predecessor, or another process may have it.
		for _, state := range []State{Retrying, Pending} {
			claim := claimFunc(claimDue)
			if passed != nil { // as in claim: what is still under way from before has no mark in the table
				*l.reached[state] = place{}
				claim = l.picker(passed)
			}
			if f.due, err = claim(tx, l.webhook, state, claimer, target.Ordered(), 1); err != nil {
				return err
			}
			if len(f.due) > 0 {
				break
			}
		}
		if len(f.due) == 0 {
			return nil
		}
		f.due[0].probe = true
		next, ours, err := l.o.flows.takeProbe(tx, l.webhook)
		if f.next = next; err == nil && !ours {
			err = returnDeliveries(tx, f.due)
			f.due = nil
		}
		return err
	})
	return f, err
}

// leastPatience is how long a delivery waits at least for a receiver that cannot be reached, also if its schedule is over sooner.
const leastPatience = time.Hour

// expire gives up what has waited for longer than a whole schedule takes, if all that time nobody could be reached. It goes step by step, and tells whether there may
// be more.
func (l *lane) expire(tx *db.Tx, target *webhook.Target, flow Flow) (more bool, err error) {
	patience := max(l.o.scheduleFor(target).lifetime(), leastPatience)
	since := tx.Now().Add(-patience).UnixMilli()
	if flow.OpenedInstant > since {
		return false, nil // it may have waited for another reason, like a pause
	}
	n, err := expireDeliveries(tx, l.webhook, since, stepSize)
	if err != nil {
		return false, err
	}
	more = n == stepSize
	first := n > 0 && !l.expiring
	tx.AfterCommit(func() {
		l.expiring = more
		for range n {
			l.o.Metrics.Dead()
		}
	})
	if !first {
		return more, nil
	}
	// Quietly: the entry's own event would be owed to the very webhook that cannot be reached, and given up with the next entry.
	return more, l.o.Journal.ErrorQuietly(tx, fmt.Sprintf("%s %s has been unreachable for so long that what has waited for it since before %s is given up, some of it without "+
		"an attempt. The events stay in the store. When the receiver answers again, recover what it has missed.", target.Kind().Title(), l.webhook, time.UnixMilli(since).UTC().Format(time.RFC3339)))
}

// stepSize is how many rows one transaction changes at most when there may be a million.
const stepSize = 1000

// end cancels what is owed to a webhook that is gone, step by step.
func (l *lane) end(ctx context.Context) (f found, err error) {
	exists := false
	err = l.o.DB.Update(ctx, func(tx *db.Tx) error {
		f = found{next: tx.NowMillis()}
		// What we knew of webhooks may be a second old, and this one younger.
		registry, err := l.o.Webhooks.RegistryIn(tx)
		if err != nil {
			return err
		}
		if exists = registry.Target(l.webhook) != nil; exists {
			return nil
		}
		n, err := cancelSome(tx, l.webhook, stepSize)
		if err != nil || n == stepSize {
			return err
		}
		f.gone, f.next = true, f.next+longestWait.Milliseconds()
		return l.o.flows.forget(tx, l.webhook)
	})
	if err != nil || exists {
		return f, err
	}
	dropped := l.drop() // it is cancelled with the rest
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range dropped {
		l.unload(d)
	}
	if f.gone {
		l.behind, l.late = false, false
		clear(l.loaded)
	}
	return f, nil
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
		l.unload(d)
	}
	return err
}
