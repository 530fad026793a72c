package useraction

import (
	"context"
	"math"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// An action that lasts for a time ends by itself: nothing has to happen for it not to count any more. What is to be seen to is that others hear of it. The
// table says which ends are still to be seen to, so they survive any restart; whoever sees to one marks it and announces it in one transaction, so it is
// announced once, by one of all processes.

// Start begins to see to the ends of actions, those that came while nobody ran included. It does not block.
func (s *Service) Start() { s.watched.Go(s.watch) }

// Stop ends that.
func (s *Service) Stop() {
	s.halt()
	s.watched.Wait()
}

func (s *Service) watch() {
	for {
		pause, err := s.look()
		if err != nil && s.working.Err() == nil {
			s.o.Logger.Error("the ends of user actions could not be seen to", "error", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.woken:
		case <-s.working.Done():
		}
		timer.Stop()
		if s.working.Err() != nil {
			return
		}
	}
}

// shortPause is that before another look at what has ended: other processes may still be about to see to it.
const shortPause = 20 * time.Millisecond

// look sees to what has ended and returns after which pause to look again.
func (s *Service) look() (pause time.Duration, err error) {
	s.next.Store(math.MaxInt64) // from here on every new action wakes us, because the query below may miss it
	var next int64
	err = s.o.DB.View(s.working, func(tx *db.Tx) error {
		next, err = nextEnd(tx)
		return err
	})
	if err != nil {
		return s.o.Poll, err
	}
	now := s.o.DB.Now().UnixMilli()
	if next <= now {
		if _, err := s.EndDue(s.working); err != nil {
			return s.o.Poll, err
		}
		return shortPause, nil
	}
	next = min(next, now+s.o.Poll.Milliseconds())
	s.next.Store(next)
	return time.Duration(next-now) * time.Millisecond, nil
}

// expect has the end of an action looked for in time.
func (s *Service) expect(end wire.Instant) {
	if int64(end) >= s.next.Load() {
		return
	}
	select {
	case s.woken <- struct{}{}:
	default: // it has been told and has not looked yet
	}
}

// endStep is how many ends are seen to in one transaction.
const endStep = 100

// EndDue sees to all actions that have ended by now, and returns how many these were: their event is announced where the definition wants one, and the user
// is told. What [Service.Start] began calls it in time.
func (s *Service) EndDue(ctx context.Context) (ended int, err error) {
	for {
		var due []wire.ID
		err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
			if due, err = dueEntries(tx, endStep); err != nil {
				return err
			}
			for _, id := range due {
				if err := s.end(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return ended, err
		}
		if ended += len(due); len(due) < endStep {
			return ended, nil
		}
	}
}

// end marks the end of an action and tells of it.
func (s *Service) end(tx *db.Tx, id wire.ID) error {
	e, err := loadEntry(tx, id)
	if err != nil {
		return err
	}
	d, err := loadDefinition(tx, e.UserActionID)
	if err != nil {
		return err
	}
	u, err := s.o.Users.LoadIn(tx, e.ActioneeUserID)
	if err != nil {
		return err
	}
	st := &step{
		phase: event.PhaseEnd, definition: d, user: &u.User, entry: e, comment: e.Comment, email: e.EmailUserOnEnd, notify: e.NotifyUserOnEnd,
	}
	told, mail, err := s.tell(tx, st)
	if err != nil {
		return err
	}
	st.entry.open, st.entry.EndEventSent = false, *d.SendEndEvent
	if err := updateEntry(tx, &st.entry); err != nil {
		return err
	}
	if st.entry.EndEventSent {
		if err := s.o.Events.Announce(tx, e.tenant, nil, told); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() { s.post(mail) })
	return nil
}
