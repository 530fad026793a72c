package message

import (
	"context"
	"errors"
)

// postedAtOnce is how many posted messages are sent at the same time. The others wait: nobody waits for them.
const postedAtOnce = 16

// Post sends a message beside everything else: what it tells of has committed, and whoever caused it has nothing to do with how it arrives. That it could
// not be sent is for the log of messages and the event log. Nothing is sent once Drain was called, or when the process ends before.
func (s *Sender) Post(r Request) {
	s.posting.Lock()
	defer s.posting.Unlock()
	if s.drained {
		s.o.Logger.Warn("a message is not sent, because the server stops", "purpose", r.Purpose, "tenant", r.Tenant)
		return
	}
	s.posted.Go(func() {
		s.postmen <- struct{}{}
		defer func() { <-s.postmen }()
		_, err := s.Send(context.Background(), r)
		if err != nil && !errors.Is(err, ErrNotSent) && !errors.Is(err, ErrLimited) {
			s.o.Logger.Error("a message could not be sent", "purpose", r.Purpose, "tenant", r.Tenant, "error", err)
		}
	})
}

// Drain waits until what was posted is sent, or ctx ends. Nothing that is posted afterwards is sent.
func (s *Sender) Drain(ctx context.Context) {
	s.posting.Lock()
	s.drained = true
	s.posting.Unlock()
	sent := make(chan struct{})
	go func() {
		s.posted.Wait()
		close(sent)
	}()
	select {
	case <-sent:
	case <-ctx.Done():
	}
}
