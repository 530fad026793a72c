package publish

import (
	"context"
	"sync"

	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// mostVotes is how many votes of one webhook may be open at once. Decided operations do not wait for slow voters, so without a bound
// one that hangs would collect connections until the process has none left.
const mostVotes = 256

// slots bounds the votes of each webhook. The zero value is ready to use.
type slots struct {
	mu   sync.Mutex
	byID map[wire.ID]chan struct{}
}

// send sends m to the target as soon as there is room, if that is while patience lasts.
func (s *slots) send(ctx, patience context.Context, target *webhook.Target, m webhook.Message) *webhook.Attempt {
	slot := s.of(target.ID)
	// Looked at alone first: of two ready cases select takes any, and room must not lose against an operation decided meanwhile.
	select {
	case slot <- struct{}{}:
	default:
		select {
		case slot <- struct{}{}:
		case <-patience.Done():
			return target.NotSent("too many requests to this webhook are still unanswered")
		}
	}
	defer func() { <-slot }()
	return target.Send(ctx, m)
}

func (s *slots) of(id wire.ID) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[wire.ID]chan struct{}{}
	}
	if s.byID[id] == nil {
		s.byID[id] = make(chan struct{}, mostVotes)
	}
	return s.byID[id]
}
