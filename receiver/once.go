package receiver

import (
	"context"
	"sync"
)

// Once remembers what was handled. A receiver claims an event before its handler runs, and then commits or releases the claim:
//
//	Claim → Fresh → the handler succeeds → Commit: from now on Claim answers Done
//	              → it refuses or fails   → Release: it may be claimed again
//	Claim → Busy: another request is handling it; the answer asks to come again in a second
//	Claim → Done: answered 200 without calling the handler
//
// A store that others share, or that outlives the process, must end a claim by itself when it was neither committed nor released for longer than a handler can take,
// a minute say: its process may have died, and the event is not to be lost with it. The handler then runs once more. What must not happen twice even then
// belongs into one database transaction with the note that the event was handled; the examples of this package show it.
//
// Methods are called concurrently. Ids are those of events, or the keys of messages, at most 200 bytes. The context of Commit and Release does not end with the
// request. Package receivertest has a test for implementations.
type Once interface {
	// Claim says who may handle id. Of concurrent calls for one id, one gets Fresh. An error is answered with 503: the event will come again.
	Claim(ctx context.Context, id string) (State, error)
	// Commit notes that id was handled.
	Commit(ctx context.Context, id string) error
	// Release gives up the claim to id.
	Release(ctx context.Context, id string) error
}

// State is what a claim finds.
type State int

const (
	// Fresh is what was not handled yet: the caller has the claim.
	Fresh State = iota + 1
	// Busy is being handled.
	Busy
	// Done was handled.
	Done
)

// Memory returns a Once that remembers the latest ids, as many as size, at about 150 bytes each. It forgets with the process, after which an event whose answer was lost is
// handled again. Zero means 100,000.
func Memory(size int) Once {
	if size <= 0 {
		size = 100_000
	}
	return &memory{size: size, states: map[string]State{}}
}

type memory struct {
	mu     sync.Mutex
	size   int
	states map[string]State
	done   []string // a ring of those that are Done, the oldest at next once it is full
	next   int
}

func (m *memory) Claim(_ context.Context, id string) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if state, known := m.states[id]; known {
		return state, nil
	}
	m.states[id] = Busy
	return Fresh, nil
}

func (m *memory) Commit(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states[id] == Done {
		return nil
	}
	m.states[id] = Done
	if len(m.done) < m.size {
		m.done = append(m.done, id)
		return nil
	}
	delete(m.states, m.done[m.next])
	m.done[m.next] = id
	m.next = (m.next + 1) % m.size
	return nil
}

func (m *memory) Release(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states[id] == Busy {
		delete(m.states, id)
	}
	return nil
}
