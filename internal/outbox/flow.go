package outbox

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Flow says whether deliveries to a webhook flow. It is one row for all processes; the zero value is that of a webhook without one, to which they do.
type Flow struct {
	Paused        bool // by a person
	PausedInstant int64
	PauseReason   string

	Open          bool // the breaker: the receiver cannot be reached
	OpenedInstant int64
	ProbeInstant  int64 // when the next attempt is let through
	Probes        int64 // attempts let through since it opened
	Failure       string
}

func (f Flow) held() bool { return f.Paused || f.Open }

// probeDue tells whether it is time to look if the receiver is back. An instant further away than any pause was written under a clock that was ahead.
func (f Flow) probeDue(now int64) bool {
	return f.ProbeInstant <= now || f.ProbeInstant > now+longestProbe.Milliseconds()
}

// flows knows the flow of every webhook, and counts who does not answer.
//
// What is known is read on every delivery and inside of transactions, so it is a map in memory and never a query: this process' changes are in it at once, those of
// others when they announce them, at the latest with the next round of the patrol.
type flows struct {
	o          *Outbox
	known      atomic.Pointer[map[wire.ID]Flow] // of the webhooks that are paused or whose breaker is open
	refreshing sync.Mutex

	mu       sync.Mutex
	failures map[wire.ID]int       // attempts in a row that reached nobody
	changing map[wire.ID]bool      // their breaker is just being opened or closed
	failing  map[wire.ID]time.Time // since when no delivery was accepted, where the last one was not
}

func (s *flows) init(o *Outbox) {
	s.o, s.failures, s.changing, s.failing = o, map[wire.ID]int{}, map[wire.ID]bool{}, map[wire.ID]time.Time{}
	s.known.Store(&map[wire.ID]Flow{})
}

// of is the webhook's flow, as known in this process.
func (s *flows) of(id wire.ID) Flow { return (*s.known.Load())[id] }

// refresh reads what is stored.
func (s *flows) refresh(ctx context.Context) error {
	s.refreshing.Lock() // one after the other, so that none overwrites what a later one has read
	defer s.refreshing.Unlock()
	return s.o.DB.View(ctx, func(tx *db.Tx) error {
		all, err := loadFlows(tx)
		if err == nil {
			s.known.Store(&all)
		}
		return err
	})
}

// changed makes the transaction's change of a flow known, here and in other processes, and has the lane look again.
func (s *flows) changed(tx *db.Tx, id wire.ID) error {
	tx.AfterCommit(func() {
		if err := s.refresh(s.o.sending); err != nil {
			s.o.Logger.Error("the state of webhooks could not be read", "error", err)
		}
		s.o.wake(id)
	})
	return tx.Notify(channel, flowChanged+string(id))
}

// Observe tells the breaker what became of an attempt, a vote or a delivery.
func (o *Outbox) Observe(id wire.ID, a *webhook.Attempt) {
	if !counts(a) {
		return
	}
	s := &o.flows
	open := s.of(id).Open
	s.mu.Lock()
	defer s.mu.Unlock()
	answered := reached(a)
	if answered || open {
		delete(s.failures, id)
	} else {
		s.failures[id]++
	}
	if s.changing[id] || answered != open || !answered && s.failures[id] < breakAfter {
		return
	}
	s.changing[id] = true
	o.active.Go(func() {
		var err error
		if answered {
			err = o.update(func(tx *db.Tx) error { return s.shut(tx, id) })
		} else {
			err = o.update(func(tx *db.Tx) error { return s.open(tx, id, a) })
		}
		if err != nil {
			o.Logger.Error("the state of a webhook's breaker could not be stored", "webhook", id, "error", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.changing, id)
		if err == nil {
			delete(s.failures, id) // another process may close it
		}
	})
}

// FailingSince is when the first of the deliveries to a receiver was not accepted that this process has made in vain since the last one that was. It is zero when the
// last one was accepted, and before there was one. Votes do not count: a no is an answer.
func (o *Outbox) FailingSince(id wire.ID) time.Time {
	o.flows.mu.Lock()
	defer o.flows.mu.Unlock()
	return o.flows.failing[id]
}

// delivered notes whether a delivery was accepted.
func (s *flows) delivered(id wire.ID, a *webhook.Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Outcome.Success() {
		delete(s.failing, id)
	} else if s.failing[id].IsZero() {
		s.failing[id] = a.Start
	}
}

// lets tells whether the delivery may be sent as far as pause and breaker are concerned.
func (s *flows) lets(d *delivery) bool {
	f := s.of(d.webhook)
	if f.Paused || f.Open && !d.probe {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.probe || !s.changing[d.webhook] // it is being opened: no more failures until that is stored
}

func (s *flows) open(tx *db.Tx, id wire.ID, a *webhook.Attempt) error {
	registry, err := s.o.Webhooks.RegistryIn(tx)
	if err != nil {
		return err
	}
	target := registry.Target(id)
	if target == nil { // deleted meanwhile
		return nil
	}
	waits := "Its deliveries wait"
	if target.Votes() {
		waits += " and its votes count as no"
	}
	opened, err := openBreaker(tx, id, a.Summary(), tx.Now().Add(probePause(0)).UnixMilli())
	if err != nil || !opened {
		return err
	}
	tx.AfterCommit(s.o.Metrics.BreakerOpened)
	if err := s.changed(tx, id); err != nil {
		return err
	}
	// Quietly: the entry's own event may be owed to the very webhook that cannot be reached.
	return s.o.Journal.ErrorQuietly(tx, fmt.Sprintf("%s %s (%s) cannot be reached: %d attempts in a row failed, the last one with: %s. %s "+
		"until it answers again; it is tried again after 1 s, then in growing pauses up to 1 min.", target.Kind().Title(), a.URL, id, breakAfter, a.Summary(), waits))
}

func (s *flows) shut(tx *db.Tx, id wire.ID) error {
	shut, err := shutBreaker(tx, id)
	if err != nil || !shut {
		return err
	}
	tx.AfterCommit(s.o.Metrics.BreakerClosed)
	if err := s.changed(tx, id); err != nil {
		return err
	}
	return s.o.Journal.Information(tx, fmt.Sprintf("%s %s can be reached again. What waited for it is being sent.", s.o.called(tx, id), id))
}

// absolve drops what was counted against a receiver.
func (s *flows) absolve(id wire.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failures, id)
	delete(s.failing, id)
}

// forget drops what is known about a webhook that is gone.
func (s *flows) forget(tx *db.Tx, id wire.ID) error {
	tx.AfterCommit(func() { s.absolve(id) })
	return forgetFlow(tx, id)
}

// forgive closes the breaker of a webhook that was changed: its address may be another one now.
func (s *flows) forgive(tx *db.Tx, id wire.ID) error {
	tx.AfterCommit(func() { s.absolve(id) })
	shut, err := shutBreaker(tx, id)
	if err != nil || !shut {
		return err
	}
	tx.AfterCommit(s.o.Metrics.BreakerClosed)
	return s.changed(tx, id)
}

// takeProbe lets one attempt through to a receiver that could not be reached, if it is time and nobody else, in whichever process, was faster. next is when
// the next one may go.
func (s *flows) takeProbe(tx *db.Tx, id wire.ID) (next int64, ours bool, err error) {
	f, err := loadFlow(tx, id)
	if err != nil || !f.Open {
		return tx.NowMillis(), !f.Open, err
	}
	if !f.probeDue(tx.NowMillis()) {
		return f.ProbeInstant, false, nil
	}
	next = tx.Now().Add(probePause(f.Probes + 1)).UnixMilli()
	if ours, err = moveProbe(tx, id, f.ProbeInstant, next); err != nil || !ours {
		return next, false, err
	}
	return next, true, s.changed(tx, id)
}

// called is what a receiver is called where a sentence begins.
func (o *Outbox) called(tx *db.Tx, id wire.ID) string {
	kind := webhook.Webhook
	if registry, err := o.Webhooks.RegistryIn(tx); err == nil {
		if target := registry.Target(id); target != nil {
			kind = target.Kind()
		}
	}
	return kind.Title()
}

// Availability tells whether a webhook may be asked for its vote now.
type Availability int

const (
	Available   Availability = iota
	Unreachable              // its breaker is open: the vote counts as no without a request
	OnPause                  // a person has paused it: it is not asked, and gets the event when it is resumed
)

// Availability is to be asked right before a vote; when it is time to look whether an unreachable receiver is back, the vote is the probe.
func (o *Outbox) Availability(ctx context.Context, id wire.ID) Availability {
	f := o.flows.of(id)
	switch {
	case f.Paused:
		return OnPause
	case !f.Open:
		return Available
	case !f.probeDue(o.DB.Now().UnixMilli()):
		return Unreachable
	}
	ours := false
	err := o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		_, ours, err = o.flows.takeProbe(tx, id)
		return err
	})
	if err != nil || !ours {
		return Unreachable
	}
	return Available
}

// IsPaused tells whether a person has paused the webhook.
func (o *Outbox) IsPaused(id wire.ID) bool { return o.flows.of(id).Paused }

// Pause makes what is owed to the webhook wait, and new events with it, until Resume. It is not asked for votes meanwhile. Pausing again changes the reason.
func (o *Outbox) Pause(ctx context.Context, id wire.ID, reason string) error {
	return o.setPause(ctx, id, func(tx *db.Tx) error {
		if err := pauseFlow(tx, id, reason); err != nil {
			return err
		}
		return o.Journal.Information(tx, fmt.Sprintf("%s %s was paused: %s. What is owed to it waits.", o.called(tx, id), id, cmp.Or(reason, "no reason was given")))
	})
}

// Resume ends a pause; without one it does nothing.
func (o *Outbox) Resume(ctx context.Context, id wire.ID) error {
	return o.setPause(ctx, id, func(tx *db.Tx) error {
		f, err := loadFlow(tx, id)
		if err != nil || !f.Paused {
			return err
		}
		if err := resumeFlow(tx, id); err != nil {
			return err
		}
		return o.Journal.Information(tx, fmt.Sprintf("%s %s was resumed. What waited for it is being sent.", o.called(tx, id), id))
	})
}

func (o *Outbox) setPause(ctx context.Context, id wire.ID, set func(*db.Tx) error) error {
	return o.DB.Update(ctx, func(tx *db.Tx) error {
		registry, err := o.Webhooks.RegistryIn(tx)
		if err != nil {
			return err
		}
		if registry.Target(id) == nil {
			return problem.ErrNotFound
		}
		if err := set(tx); err != nil {
			return err
		}
		return o.flows.changed(tx, id)
	})
}

// Flow returns the webhook's flow.
func (o *Outbox) Flow(id wire.ID) Flow { return o.flows.of(id) }
