package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

const (
	// stepSize is how many deliveries one transaction changes at most.
	stepSize = 200
	// stepsPerSecond is how many steps a task with a rate takes, where the rate leaves enough for each.
	stepsPerSecond = 5
	// A task that can do nothing looks again after shortPause, then in growing pauses up to longPause.
	shortPause = 20 * time.Millisecond
	longPause  = time.Second
)

// Start begins to carry tasks. It does not block.
func (s *Service) Start(ctx context.Context) error {
	if s.DB.Engine() == db.SQLite {
		// The folder has one process, so whoever had claimed a task is gone.
		if err := s.DB.Update(ctx, releaseAll); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	s.active.Go(s.watch)
	s.active.Go(func() { s.DB.Listen(s.working, taskChannel, s.heard) })
	return nil
}

// Stop waits for the steps under way and gives the tasks back, for other processes or the next start.
func (s *Service) Stop() {
	s.halt()
	s.active.Wait()
}

// heard is told that somebody did something with a task, or with "" that this may be so.
func (s *Service) heard(id string) {
	s.mu.Lock()
	if c := s.carriers[wire.ID(id)]; c != nil {
		c.poke()
	}
	s.mu.Unlock()
	s.wake()
}

func (s *Service) wake() {
	select {
	case s.woken <- struct{}{}:
	default: // it has been told and has not looked yet
	}
}

// watch finds tasks that nobody carries and carries them.
func (s *Service) watch() {
	tick := time.NewTicker(s.Poll)
	defer tick.Stop()
	for {
		if err := s.takeOver(); err != nil && s.working.Err() == nil {
			s.Logger.Error("tasks could not be looked for", "error", err)
		}
		select {
		case <-s.woken:
		case <-tick.C:
		case <-s.working.Done():
			return
		}
	}
}

// takeOver claims all tasks that nobody carries. There is no limit: one that waits for a slow receiver costs next to nothing, and must not hold up
// the others. Nor must one that cannot be claimed.
func (s *Service) takeOver() error {
	var free []wire.ID
	err := s.DB.View(s.working, func(tx *db.Tx) (err error) {
		free, err = freeTasks(tx)
		return err
	})
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range free {
		s.mu.Lock()
		_, busy := s.carriers[id] // it has lost its claim and will notice; when it has ended we are woken
		s.mu.Unlock()
		if busy {
			continue
		}
		c, err := s.claim(id)
		if err != nil {
			failed = append(failed, fmt.Errorf("task %s: %w", id, err))
		}
		if c == nil {
			continue
		}
		s.mu.Lock()
		s.carriers[id] = c
		s.mu.Unlock()
		s.active.Go(func() {
			c.carry(s.working)
			s.mu.Lock()
			delete(s.carriers, id)
			s.mu.Unlock()
			s.wake()
		})
	}
	return errors.Join(failed...)
}

// claim takes a task that nobody carries, nil when somebody was faster.
func (s *Service) claim(id wire.ID) (c *carrier, err error) {
	claim := fmt.Sprintf("%s/%d", s.Node, s.claims.Add(1))
	err = s.DB.Update(s.working, func(tx *db.Tx) error {
		c = nil
		ours, err := claimTask(tx, id, claim, tx.Now().Add(s.Lease).UnixMilli())
		if err != nil || !ours {
			return err
		}
		c = &carrier{s: s, poked: make(chan struct{}, 1), renewed: tx.Now()}
		if c.task, err = loadTask(tx, id); err != nil {
			return err
		}
		c.parts, err = loadParts(tx, id)
		return err
	})
	return c, err
}

// carrier carries one task, which this process has claimed.
type carrier struct {
	s       *Service
	task    task
	parts   []*part
	turn    int           // of the parts, whose it is next
	poked   chan struct{} // of one: the task was steered
	pause   time.Duration // the last one, when there was nothing to do
	renewed time.Time     // the instant of the last transaction that renewed the claim
}

// part is a task's work on one webhook.
type part struct {
	webhook  wire.ID
	position int64 // up to which its deliveries are done
	finished bool

	found   []chosen // what comes next
	reached int64    // up to which the table was looked through
}

var (
	errLost  = errors.New("replay: the task was steered, or taken over by another process")
	errEnded = errors.New("replay: the task has ended")
	errGone  = errors.New("replay: the webhook that the task is about was deleted")
)

func (c *carrier) poke() {
	select {
	case c.poked <- struct{}{}:
	default:
	}
}

// carry takes step after step until the task has ended, or is not ours any more.
func (c *carrier) carry(ctx context.Context) {
	for ctx.Err() == nil {
		wait, err := c.advance(ctx)
		switch {
		case errors.Is(err, errLost), errors.Is(err, errEnded):
			return
		case err != nil && ctx.Err() == nil:
			c.s.Logger.Error("a task could not go on; it is tried again", "task", c.task.ID, "error", err)
			wait = longPause
		}
		if wait > 0 {
			c.rest(ctx, wait)
		}
	}
	released, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := c.s.DB.Update(released, func(tx *db.Tx) error {
		if err := releaseTask(tx, c.task.ID, c.task.claimedBy); err != nil {
			return err
		}
		return tx.Notify(taskChannel, string(c.task.ID))
	})
	if err != nil {
		c.s.Logger.Error("a task could not be given back; its claim ends with its lease", "task", c.task.ID, "error", err)
	}
}

// rest waits, but not when the task is steered.
func (c *carrier) rest(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.poked:
		c.renewed = time.Time{} // look at the claim before anything else
	case <-ctx.Done():
	}
}

// advance does the next thing, and returns how long to wait after it.
func (c *carrier) advance(ctx context.Context) (wait time.Duration, err error) {
	if err := c.keepClaim(ctx); err != nil {
		return 0, err
	}
	if c.task.Total == nil {
		return 0, c.count(ctx)
	}
	p, waitsFor, err := c.next(ctx)
	if err != nil {
		return 0, err
	}
	if p == nil {
		if waitsFor == "" {
			return 0, c.conclude(ctx, wire.TaskDone, "")
		}
		if waitsFor != c.task.WaitsFor {
			c.task.WaitsFor = waitsFor
			if err := c.keep(ctx, nil); err != nil {
				return 0, err
			}
		}
		c.pause = min(max(2*c.pause, shortPause), longPause)
		return c.pause, nil
	}
	c.pause = 0
	if ahead := time.Duration(c.task.step-c.s.DB.Now().UnixMilli()) * time.Millisecond; ahead > 0 && len(p.found) > 0 {
		return min(ahead, longPause), nil
	}
	begin := c.s.DB.Now()
	if err := c.step(ctx, p); err != nil {
		// What was found is looked for again: it may be what could not be changed.
		p.found, p.reached = nil, p.position
		return 0, err
	}
	if c.task.plan.Rate > 0 {
		return 0, nil
	}
	return max(c.s.DB.Now().Sub(begin), 0), nil // half of the time is for others who write
}

// keepClaim renews the claim when a third of the lease is over.
func (c *carrier) keepClaim(ctx context.Context) error {
	if c.s.DB.Now().Sub(c.renewed) < c.s.Lease/3 {
		return nil
	}
	return c.keep(ctx, nil)
}

// keep writes how far the task has come, together with what do does, and renews the claim. It is errLost, and nothing is written, when the task is not ours
// any more.
func (c *carrier) keep(ctx context.Context, do func(*db.Tx) error) error {
	var now time.Time
	err := c.s.DB.Update(ctx, func(tx *db.Tx) error {
		if do != nil {
			if err := do(tx); err != nil {
				return err
			}
		}
		now = tx.Now()
		ours, err := keepTask(tx, &c.task, now.Add(c.s.Lease).UnixMilli())
		if err == nil && !ours {
			return errLost
		}
		return err
	})
	if err == nil {
		c.renewed = now
	}
	return err
}

// count finds out how much there is to do.
func (c *carrier) count(ctx context.Context) error {
	ids := make([]wire.ID, len(c.parts))
	for i, p := range c.parts {
		ids[i] = p.webhook
	}
	t, err := c.s.count(ctx, &c.task.plan, ids, func() error { return c.keepClaim(ctx) })
	if err != nil {
		return err
	}
	total := t.total()
	c.task.Total = &total
	if err := c.keep(ctx, nil); err != nil {
		c.task.Total = nil
		return err
	}
	return nil
}

// next is the part whose turn it is and that can go on, with something found to do; nil when there is none, with what all wait for. When nothing is left to wait for
// either, everything is done.
func (c *carrier) next(ctx context.Context) (p *part, waitsFor string, err error) {
	for range c.parts {
		c.turn = (c.turn + 1) % len(c.parts)
		p := c.parts[c.turn]
		if p.finished {
			continue
		}
		why := ""
		err := c.s.DB.View(ctx, func(tx *db.Tx) (err error) {
			why, err = c.prepare(tx, p)
			return err
		})
		if err != nil {
			return nil, "", err
		}
		if why == "" {
			return p, "", nil
		}
		waitsFor = why
	}
	return nil, waitsFor, nil
}

// prepare looks for the next things to do for a part, and tells what it has to wait for instead.
func (c *carrier) prepare(tx *db.Tx, p *part) (waitsFor string, err error) {
	target, err := c.s.target(tx, p.webhook)
	if isNotFound(err) {
		return "", nil // the step ends it
	}
	if err != nil {
		return "", err
	}
	if c.task.plan.sends() {
		if waitsFor, err := c.s.obstacle(tx, target); err != nil || waitsFor != "" {
			return waitsFor, err
		}
	}
	if len(p.found) == 0 && p.reached < c.task.plan.Span.Through {
		p.found, p.reached, err = c.s.look(tx, &c.task.plan, target, p.position)
	}
	return "", err
}

// obstacle is what keeps a webhook from taking more, for people; empty when nothing does.
func (s *Service) obstacle(tx *db.Tx, target *webhook.Target) (string, error) {
	if !target.Enabled() {
		return fmt.Sprintf("%s is switched off.", describe(target)), nil
	}
	crowded, err := s.Outbox.Crowded(tx, target.ID)
	if err != nil || !crowded {
		return "", err
	}
	f, err := outbox.FlowOf(tx, target.ID)
	switch {
	case err != nil:
		return "", err
	case f.Paused:
		return fmt.Sprintf("%s is paused.", describe(target)), nil
	case f.Open:
		return fmt.Sprintf("%s cannot be reached.", describe(target)), nil
	}
	return fmt.Sprintf("%s has to take what is due for it already.", describe(target)), nil
}

// step does the next things for a part, in one transaction with the move of its position.
func (c *carrier) step(ctx context.Context, p *part) error {
	size := min(stepSize, len(p.found))
	if rate := c.task.plan.Rate; rate > 0 {
		size = min(size, max(1, int(rate/stepsPerSecond)))
	}
	now, rest := p.found[:size], p.found[size:]
	position := p.reached
	if len(rest) > 0 {
		position = now[size-1].sequence
	}
	finished := position >= c.task.plan.Span.Through
	before := c.task
	err := c.keep(ctx, func(tx *db.Tx) error {
		c.task = before // it may run again
		target, err := c.s.target(tx, p.webhook)
		if isNotFound(err) {
			if c.task.plan.names() != "" {
				return errGone
			}
			finished = true
			return savePart(tx, c.task.ID, p.webhook, position, true)
		}
		if err != nil {
			return err
		}
		changed, err := c.s.apply(tx, &c.task.plan, target, now)
		if err != nil {
			return err
		}
		c.task.WaitsFor = ""
		c.task.Done += changed
		c.task.Skipped += size - changed
		if rate := c.task.plan.Rate; rate > 0 && size > 0 {
			c.task.step = max(c.task.step, tx.NowMillis()) + int64(math.Ceil(float64(size)/rate*1000))
		}
		return savePart(tx, c.task.ID, p.webhook, position, finished)
	})
	if err != nil {
		c.task = before
	}
	if errors.Is(err, errGone) {
		return c.conclude(ctx, wire.TaskFailed, "The webhook does not exist any more.")
	}
	if err != nil {
		return err
	}
	p.position, p.finished, p.found = position, finished, rest
	return nil
}

// apply does what was chosen, and returns with how many deliveries that was still possible.
func (s *Service) apply(tx *db.Tx, p *plan, target *webhook.Target, all []chosen) (changed int, err error) {
	sequences := map[action][]int64{}
	for _, c := range all {
		sequences[c.do] = append(sequences[c.do], c.sequence)
	}
	alsoDelivered, endedUntil := true, p.Begun
	if p.kind == wire.TaskRecover {
		// What was found as failed may have been delivered since, by somebody else's replay; what has failed since the beginning was missed, too.
		alsoDelivered, endedUntil = false, math.MaxInt64
	}
	for _, each := range []struct {
		do     action
		change func([]int64) (int, error)
	}{
		{again, func(some []int64) (int, error) { return s.Outbox.Reopen(tx, target, some, alsoDelivered, endedUntil) }},
		{late, func(some []int64) (int, error) { return s.Outbox.OweLate(tx, target, some) }},
		{never, func(some []int64) (int, error) { return s.Outbox.Cancel(tx, target.ID, some) }},
		{soon, func(some []int64) (int, error) {
			_, err := s.Outbox.Hasten(tx, target.ID, some)
			return len(some), err // those that are due already are as they should be
		}},
	} {
		some := sequences[each.do]
		if len(some) == 0 {
			continue
		}
		n, err := each.change(some)
		if err != nil {
			return 0, err
		}
		changed += n
	}
	return changed, nil
}

// conclude ends the task.
func (c *carrier) conclude(ctx context.Context, state wire.DeliveryTaskState, why string) error {
	err := c.s.DB.Update(ctx, func(tx *db.Tx) error {
		t := c.task // it may run again
		ours, err := keepTask(tx, &t, tx.Now().Add(c.s.Lease).UnixMilli())
		if err == nil && !ours {
			err = errLost
		}
		if err != nil {
			return err
		}
		return c.s.end(tx, &t, state, why)
	})
	if err != nil {
		return err
	}
	return errEnded
}
