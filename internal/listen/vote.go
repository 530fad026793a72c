package listen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// channel is where processes tell each other about exchanges: one of these, the id of the listener and that of the exchange.
const (
	channel = "herald_listen"
	asks    = "ask "
	answers = "answer "
)

const (
	// leastPatience is below which nobody is asked: no answer would be in time.
	leastPatience = 20 * time.Millisecond
	// takeWithin is how soon another process has to have taken a question to the listener whose connection it holds.
	takeWithin = time.Second
	// pollEvery is how often it is looked whether another process has the answer.
	pollEvery = 20 * time.Millisecond
)

// Listeners are those with a say, at any process, as tx sees them. It is for the registry of webhooks.
func (s *Service) Listeners(tx *db.Tx) (all []*webhook.Listener, err error) {
	known, err := voters(tx, tx.NowMillis()-s.silence().Milliseconds())
	for _, l := range known {
		all = append(all, &webhook.Listener{ID: l.ID, Tenant: l.TenantID, Wants: patterns(l.Events).want, URL: urlOf(l.Target)})
	}
	return all, err
}

// Ask puts an event to a listener, wherever its connection is, and returns what it has answered. When it is gone, or says nothing within its time, the attempt is Cancelled
// and the listener is dropped: nobody waits for it twice.
func (s *Service) Ask(ctx context.Context, v *webhook.Listener, e *webhooklog.Event, patience time.Duration) *webhook.Attempt {
	timeout := min(s.o.AnswerWithin, patience-s.o.Grace)
	if timeout < leastPatience {
		timeout = patience / 2 // what the program reports as too slow must still arrive here in time
	}
	began := s.o.DB.Now()
	if timeout < leastPatience {
		return v.NotAsked(began, "there was no time left to ask")
	}
	if l := s.local(v.ID); l != nil {
		return s.askHere(ctx, l, v, e, timeout)
	}
	if s.o.DB.Engine() == db.SQLite {
		return v.NotAsked(began, gone)
	}
	a, err := s.askElsewhere(ctx, v, e, timeout)
	if err != nil {
		if ctx.Err() == nil {
			s.o.Logger.Warn("a listener of another process could not be asked", "listener", v.ID, "error", err)
		}
		return v.NotAsked(began, "the listener could not be asked")
	}
	return a
}

const gone = "the listener is gone"

// question is the exchange by which an event is put to the vote.
func (s *Service) question(ctx context.Context, id wire.ID, e *webhooklog.Event, timeout time.Duration) (*exchange, error) {
	x := newExchange(id, e, string(e.Body), wire.EventRunning)
	x.Vote, x.Timeout = true, int(timeout.Milliseconds())
	var err error
	x.Headers, err = s.header(ctx, e)
	return x, err
}

func (s *Service) askHere(ctx context.Context, l *Listener, v *webhook.Listener, e *webhooklog.Event, timeout time.Duration) *webhook.Attempt {
	began := s.o.DB.Now()
	x, err := s.question(ctx, wire.ID(db.NewID()), e, timeout)
	if err != nil {
		return v.NotAsked(began, err.Error())
	}
	x.vote = make(chan wire.ListenerAnswer, 1)
	if !l.push(x) {
		return v.NotAsked(began, "the listener has too much to do already, or is gone")
	}
	defer l.forget(x.ID)
	late := time.NewTimer(timeout + s.o.Grace)
	defer late.Stop()
	select {
	case a := <-x.vote:
		return webhook.Reported(v.ID, v.URL, x.Headers, x.size, began, s.o.DB.Now(), a)
	case <-l.gone:
		return v.NotAsked(began, gone)
	case <-ctx.Done():
		return v.NotAsked(began, "this server is being stopped")
	case <-late.C:
		s.drop(v.ID)
		return v.NotAsked(began, "the listener said nothing")
	}
}

// drop ends a listener that was asked and said nothing, wherever its connection is.
func (s *Service) drop(id wire.ID) {
	if l := s.local(id); l != nil {
		l.end(wire.ListenerEnd{Reason: "silent", Message: "It was asked for its vote and said nothing in time."})
	}
	s.removeOne(id, ", as it said nothing when it was asked")
}

// askElsewhere hands the question to the process that holds the connection, through the store, and looks there for the answer.
func (s *Service) askElsewhere(ctx context.Context, v *webhook.Listener, e *webhooklog.Event, timeout time.Duration) (*webhook.Attempt, error) {
	id, began := wire.ID(db.NewID()), s.o.DB.Now()
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		if err := insertQuestion(tx, id, v.ID, e.Sequence, timeout); err != nil {
			return err
		}
		return tx.Notify(channel, asks+string(v.ID)+" "+string(id))
	})
	if err != nil {
		return nil, err
	}
	defer s.removeExchange(id)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	late := time.NewTimer(timeout + s.o.Grace)
	defer late.Stop()
	unclaimed := time.NewTimer(takeWithin)
	defer unclaimed.Stop()
	for {
		var q exchangeRow
		err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
			q, err = loadExchange(tx, id)
			return err
		})
		switch {
		case errors.Is(err, problem.ErrNotFound) || err == nil && !q.living:
			return v.NotAsked(began, gone), nil
		case err != nil:
			return nil, err
		case q.answer != "":
			var a wire.ListenerAnswer
			if err := json.Unmarshal([]byte(q.answer), &a); err != nil {
				return nil, fmt.Errorf("listen: the answer of %s: %w", v.ID, err)
			}
			header, err := s.header(ctx, e)
			if err != nil {
				return nil, err
			}
			return webhook.Reported(v.ID, v.URL, header, len(e.Body), began, s.o.DB.Now(), a), nil
		}
		select {
		case <-tick.C:
			continue
		case <-unclaimed.C:
			if q.taken {
				continue
			}
		case <-late.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s.drop(v.ID)
		return v.NotAsked(began, "the listener said nothing"), nil
	}
}

func (s *Service) removeExchange(id wire.ID) {
	ctx, cancel := context.WithTimeout(context.Background(), storePatience)
	defer cancel()
	if err := s.o.DB.Update(ctx, func(tx *db.Tx) error { return removeExchange(tx, id) }); err != nil {
		s.o.Logger.Warn("an exchange with a listener could not be removed; others do", "error", err)
	}
}

// heard takes what another process, or this one, has announced. Nothing at all means that announcements may have been missed.
func (s *Service) heard(ctx context.Context, news string) {
	var err error
	switch kind, rest, _ := strings.Cut(news, " "); kind + " " {
	case asks:
		listener, id, _ := strings.Cut(rest, " ")
		if l := s.local(wire.ID(listener)); l != nil {
			err = s.takeQuestion(ctx, l, wire.ID(id))
		}
	case answers:
		listener, id, _ := strings.Cut(rest, " ")
		if l := s.local(wire.ID(listener)); l != nil {
			err = s.takeAnswer(ctx, l, wire.ID(id))
		}
	default:
		err = s.catchUp(ctx)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, problem.ErrNotFound) {
		s.o.Logger.Warn("what another process has for a listener could not be read", "error", err)
	}
}

// catchUp takes all that waits for the listeners of this process.
func (s *Service) catchUp(ctx context.Context) error {
	var waiting []exchangeRow
	err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		waiting, err = waitingFor(tx, s.o.Node)
		return err
	})
	if err != nil {
		return err
	}
	for _, q := range waiting {
		l := s.local(q.listener)
		switch {
		case l == nil:
			continue
		case q.sequence != 0 && q.answer == "":
			err = errors.Join(err, s.takeQuestion(ctx, l, q.id))
		case q.sequence == 0:
			err = errors.Join(err, s.takeAnswer(ctx, l, q.id))
		}
	}
	return err
}

// takeQuestion puts a question of another process to a listener of this one.
func (s *Service) takeQuestion(ctx context.Context, l *Listener, id wire.ID) error {
	var q exchangeRow
	var e *webhooklog.Event
	ours := false
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		if ours, err = takeExchange(tx, id); err != nil || !ours {
			return err
		}
		if q, err = loadExchange(tx, id); err != nil {
			return err
		}
		e, err = loadEvent(tx, q.sequence)
		return err
	})
	if err != nil || !ours {
		return err
	}
	x, err := s.question(ctx, id, e, q.timeout)
	if err != nil {
		return err
	}
	x.remote = true
	l.push(x) // if it has no room, the other process finds out in time
	return nil
}
