package live

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/wire"
)

// Batch is what happened since the one before. Its rows are told apart by Event.ID, Attempt.ID, Delivery.EventID with WebhookID, and Webhook.ID; one that comes
// again replaces what was shown of it.
type Batch struct {
	// Cursor is where a watcher that lost its connection goes on, in any process on the store.
	Cursor Cursor
	// Gap says that something may be missing between the cursor that the watcher gave and this batch: it was away for too long, or its cursor is none.
	Gap bool
	// Published is how many events are new, those included that are not shown.
	Published int
	// Of is 1 when everything is shown; when too much happens for that, about one row of so many is.
	Of int

	Events     []Event    // new, or decided now; in the order of their storing
	Attempts   []Attempt  // in the order of their end
	Deliveries []Delivery // new, or changed
	Webhooks   []Webhook  // whose state has changed
}

func (b *Batch) empty() bool {
	return b.Published == 0 && !b.Gap && len(b.Events)+len(b.Attempts)+len(b.Deliveries)+len(b.Webhooks) == 0
}

// Event is an event without its body.
type Event struct {
	ID       wire.ID
	Sequence int64
	Type     string
	TenantID wire.ID // empty for events of the whole installation
	Result   wire.WebhookEventResult
	// Rule is how many webhooks had to agree, None when nobody decides.
	Rule           wire.TransactionType
	LinkedObjectID wire.ID
	Test           bool
	Instant        wire.Instant
	// DecidedInstant is when the event got its result, 0 while it is Running.
	DecidedInstant wire.Instant
}

// Attempt is one HTTP call without what was sent and answered.
type Attempt struct {
	ID         wire.ID
	EventID    wire.ID
	EventType  string
	WebhookID  wire.ID
	URL        string // without credentials and query values
	Kind       string // vote, delivery, retry, test, replay
	Outcome    string // one of egress.Outcomes
	StatusCode int    // 0 without an answer
	Start, End wire.Instant
}

// Milliseconds is how long the attempt took.
func (a Attempt) Milliseconds() int64 { return int64(a.End - a.Start) }

// Delivery is one event owed to one webhook.
type Delivery struct {
	EventID   wire.ID
	EventType string
	WebhookID wire.ID
	State     string // one of outbox.State
	Attempts  int    // since it was begun, or begun anew
	Replays   int
	// NextAttemptInstant is when it is due, 0 when it has ended or is being sent just now.
	NextAttemptInstant wire.Instant
	LastUpdateInstant  wire.Instant
}

// WebhookState says whether a webhook gets what it is owed.
type WebhookState string

// The states. Of several that hold, the one furthest down is told: it has to be undone first.
const (
	Healthy  WebhookState = "healthy"
	Failing  WebhookState = "failing"  // its receiver cannot be reached
	Paused   WebhookState = "paused"   // by a person
	Disabled WebhookState = "disabled" // switched off
	Deleted  WebhookState = "deleted"
)

// Webhook is the state of a webhook.
type Webhook struct {
	ID    wire.ID
	URL   string // without credentials and query values
	State WebhookState
	Since wire.Instant // 0 when it is not known
	// Reason is why: the last failure, or what a person wrote.
	Reason string
}

// Cursor is a place in the stream, as text that can stand in a header. The empty one is now.
type Cursor string

// place is a cursor taken apart.
type place struct {
	high    int64 // events up to this sequence were seen
	instant int64 // when, by the clock of the store, in milliseconds
	gaps    []int64
}

// mostGapsTold is how many sequences a cursor carries.
const mostGapsTold = 50

func (p place) cursor() Cursor {
	var b strings.Builder
	fmt.Fprintf(&b, "%d-%d", p.high, p.instant)
	gaps := slices.SortedFunc(slices.Values(p.gaps), func(a, b int64) int { return cmp.Compare(b, a) })
	for _, g := range gaps[:min(len(gaps), mostGapsTold)] {
		b.WriteByte('-')
		b.WriteString(strconv.FormatInt(p.high-g, 10))
	}
	return Cursor(b.String())
}

// parse takes the cursor apart. A text that is none, since it comes from outside, is no place.
func (c Cursor) parse() (p place, ok bool) {
	if len(c) > 40+20*mostGapsTold {
		return p, false
	}
	for i, part := range strings.Split(string(c), "-") {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil || i > mostGapsTold+1 {
			return place{}, false
		}
		switch i {
		case 0:
			p.high = int64(n)
		case 1:
			p.instant = int64(n)
		default:
			if p.gaps = append(p.gaps, p.high-int64(n)); p.high < int64(n) {
				return place{}, false
			}
		}
	}
	return p, strings.Contains(string(c), "-")
}
