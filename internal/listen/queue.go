package listen

import (
	"time"

	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// What one listener may have at the server, so that one which is slow, or never reads, costs little.
const (
	mostQueued = 256     // requests that wait to be sent
	mostBytes  = 8 << 20 // of their bodies
	mostOpen   = 1024    // requests that were sent and not answered
	mostAsked  = 1024    // events that it is known to have been asked about
)

// exchange is a request for a listener, and later what it was, for the answer.
type exchange struct {
	wire.ListenerExchange

	sequence int64 // of the event
	sent     time.Time
	size     int                      // of the body
	vote     chan wire.ListenerAnswer // takes the answer to a vote of this process; nil for all others
	remote   bool                     // a vote of another process
}

// newExchange is the request about an event without its header. body is the event's, as a text that all who get it share: many may be slow at once.
func newExchange(id wire.ID, e *webhooklog.Event, body string, result wire.WebhookEventResult) *exchange {
	return &exchange{
		ListenerExchange: wire.ListenerExchange{
			ID: id, EventID: e.ID, EventType: string(e.Type), TenantID: e.Tenant, LinkedObjectID: e.LinkedObject, CreateInstant: wire.Instant(e.Instant),
			TransactionType: e.Rule, EventResult: result, Body: body,
		},
		sequence: e.Sequence, size: len(body),
	}
}

// push puts a request into the listener's queue. When it does not fit it is lost: false.
func (l *Listener) push(x *exchange) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	if len(l.queue) >= mostQueued || l.queued+x.size > mostBytes && len(l.queue) > 0 {
		l.lost++
		return false
	}
	if x.Vote {
		l.noteAsked(x.sequence)
		// A vote is waited for: it overtakes what is only to be seen.
		at := 0
		for at < len(l.queue) && l.queue[at].Vote {
			at++
		}
		l.queue = append(l.queue[:at], append([]*exchange{x}, l.queue[at:]...)...)
	} else {
		l.queue = append(l.queue, x)
	}
	l.queued += x.size
	l.nudge()
	return true
}

// lose counts events that the listener does not get.
func (l *Listener) lose(n int) {
	if n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += n
	l.nudge()
}

// nudge wakes Next. The lock is held.
func (l *Listener) nudge() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// next takes out what is to be sent first; false when there is nothing.
func (l *Listener) next(now time.Time) (m wire.ListenerMessage, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 {
		m.Lost, l.lost = l.lost, 0
		return m, true
	}
	if len(l.queue) == 0 {
		return m, false
	}
	x := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	l.queued -= x.size
	m.Exchange = &x.ListenerExchange
	open := *x
	open.Body, open.sent = "", now // of what is sent nobody needs the body any more
	if len(l.order) >= mostOpen {
		delete(l.open, l.order[0])
		l.order = l.order[1:]
	}
	l.open[x.ID] = &open
	l.order = append(l.order, x.ID)
	return m, true
}

// take returns what an answer is about, once; nil when nobody waits for it any more.
func (l *Listener) take(id wire.ID) *exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.open[id]
	delete(l.open, id)
	return x
}

// forget ends waiting for an answer, sent or not.
func (l *Listener) forget(id wire.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, id)
	for i, x := range l.queue {
		if x.ID == id {
			l.queued -= x.size
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return
		}
	}
}

// noteAsked remembers that the listener has had an event as a vote. The lock is held.
func (l *Listener) noteAsked(sequence int64) {
	if len(l.askedOrder) >= mostAsked {
		delete(l.asked, l.askedOrder[0])
		l.askedOrder = l.askedOrder[1:]
	}
	l.asked[sequence] = true
	l.askedOrder = append(l.askedOrder, sequence)
}

func (l *Listener) wasAsked(sequence int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[sequence]
}
