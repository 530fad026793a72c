package outbox

import (
	"math"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Waiting and Ended are the states of deliveries that will be sent without anybody's doing, and of those that will not.
var (
	Waiting = []State{Pending, Retrying}
	Ended   = []State{Delivered, Dead, Cancelled}
)

// Search returns one page of the deliveries that match, and how many match in all: exactly up to search.MaxCount, beyond it at least so many. Types and
// states of the criteria must be known ones, and the order a [KnownOrder].
func Search(tx *db.Tx, positions *search.Positions, c wire.DeliverySearch) (found []wire.Delivery, total int, err error) {
	q, possible, err := listQuery(tx, c)
	if err != nil || !possible {
		return nil, 0, err
	}
	var rows []listed
	if rows, total, err = db.Search(tx, q, positions, scanListed); err != nil {
		return nil, 0, err
	}
	if err := addLastAttempts(tx, rows); err != nil {
		return nil, 0, err
	}
	for _, row := range rows {
		found = append(found, row.Delivery)
	}
	return found, total, nil
}

// Page returns one page of these deliveries as a list for people, those of the newest events first, from a cursor on. OrderBy and StartRow mean nothing. The period finds
// events as they follow each other: where clocks have jumped, those at its edges may be missing. The error is a problem of kind Invalid for a cursor of another list.
func Page(tx *db.Tx, c wire.DeliverySearch, at search.Cursor) (found []wire.Delivery, links search.Links, err error) {
	q, possible, err := pageQuery(tx, c)
	if err != nil || !possible {
		return nil, links, err
	}
	rows, links, err := db.List(tx, q, at, scanListed)
	if err != nil {
		return nil, links, err
	}
	if sequence, ok := sequenceIn(links.Reached); ok {
		if links.Until, err = instantOf(tx, sequence); err != nil {
			return nil, links, err
		}
	}
	if err := addLastAttempts(tx, rows); err != nil {
		return nil, links, err
	}
	for _, row := range rows {
		found = append(found, row.Delivery)
	}
	return found, links, nil
}

// sequenceIn is the sequence that a key of a list begins with.
func sequenceIn(key []any) (sequence int64, ok bool) {
	if len(key) == 0 {
		return 0, false
	}
	sequence, ok = key[0].(int64)
	return sequence, ok
}

// Find returns the delivery of an event to a webhook, or problem.ErrNotFound.
func Find(tx *db.Tx, event, webhook wire.ID) (wire.Delivery, error) {
	row, err := findListed(tx, event, webhook)
	if err != nil {
		return wire.Delivery{}, err
	}
	rows := []listed{row}
	err = addLastAttempts(tx, rows)
	return rows[0].Delivery, err
}

// listed is a row of a list.
type listed struct {
	wire.Delivery

	sequence int64
}

// listOrders are what deliveries can be sorted by. Their insertion is the order of their events, which three indexes have.
var listOrders = map[string]string{
	"insertInstant": bySequence, "lastUpdateInstant": "d.last_update_instant", "nextAttemptInstant": "d.due_instant", "attempts": "d.attempts",
}

const bySequence = "d.event_sequence"

// OrderNames are what deliveries can be sorted by.
func OrderNames() []string {
	return []string{"insertInstant", "lastUpdateInstant", "nextAttemptInstant", "attempts"}
}

// KnownOrder tells whether deliveries can be sorted like that.
func KnownOrder(text string) bool {
	return text == "" || search.ParseOrder(text, listOrders, nil) != nil
}

// listOrder ends in what tells any two deliveries apart.
func listOrder(text string) search.Order {
	order := search.ParseOrder(text, listOrders, search.Order{{Column: bySequence, Descending: true}})
	last := order[len(order)-1]
	if !slices.ContainsFunc(order, func(t search.Term) bool { return t.Column == bySequence }) {
		order = append(order, search.Term{Column: bySequence, Descending: last.Descending})
	}
	return append(order, search.Term{Column: "d.webhook_id", Descending: last.Descending})
}

// route is the way to the deliveries in certain states.
type route int

const (
	// everything: in the order of events, past those in other states. Most deliveries are delivered, so there is no index for these.
	everything route = iota
	// failed: dead and cancelled ones have their own indexes in the order of events.
	failed
	// open: the index of what is not delivered knows webhook and state, and what it finds is sorted. There is none in the order of events
	// because every new delivery would have to be put into it and taken out again.
	open
)

func routeTo(states []State) route {
	switch {
	case len(states) == 0 || slices.Contains(states, Delivered):
		return everything
	case !slices.Contains(states, Pending) && !slices.Contains(states, Retrying):
		return failed
	default:
		return open
	}
}

// statesOf are the states of a filter.
func statesOf(f wire.DeliveryFilter) []State {
	states := make([]State, len(f.States))
	for i, s := range f.States {
		states[i] = State(s)
	}
	return states
}

// BacklogOf returns what is owed to a webhook, and whether it flows. It is problem.ErrNotFound without such a webhook.
func (o *Outbox) BacklogOf(tx *db.Tx, id wire.ID) (b wire.WebhookBacklog, err error) {
	registry, err := o.Webhooks.RegistryIn(tx)
	if err != nil {
		return b, err
	}
	target := registry.Target(id)
	if target == nil {
		return b, errNotFound
	}
	b = wire.WebhookBacklog{WebhookID: id, URL: target.URL(), Enabled: target.Enabled(), Breaker: wire.WebhookBreaker{State: "closed"}}
	due, err := countOwed(tx, &b)
	if err != nil {
		return b, err
	}
	if due != carried {
		b.NextAttemptInstant = wire.Instant(due)
		if due <= tx.NowMillis() {
			b.OldestDueInstant = wire.Instant(due)
		}
	}
	f, err := loadFlow(tx, id)
	if f.Paused {
		b.Paused = &wire.WebhookPause{Reason: f.PauseReason, Instant: wire.Instant(f.PausedInstant)}
	}
	if f.Open {
		b.Breaker = wire.WebhookBreaker{
			State: "open", OpenedInstant: wire.Instant(f.OpenedInstant), ProbeInstant: wire.Instant(f.ProbeInstant), Failure: f.Failure,
		}
	}
	return b, err
}

// Span is a part of the events: those with a sequence after After, up to Through.
type Span struct{ After, Through int64 }

// SpanOf returns the smallest span that has all events which were stored in the period. It looks at each of them, which takes SQLite about a second for five million.
func SpanOf(tx *db.Tx, p wire.Period) (Span, error) {
	if p.Start == 0 && p.End == 0 {
		last, err := lastSequence(tx)
		return Span{0, last}, err
	}
	first, last, _, err := sequencesWithin(tx, p, math.MaxInt64)
	return Span{first - 1, last}, err
}

// fewEvents is up to how many events of a period a list looks at to find where they begin and end.
const fewEvents = 100_000

// spanOfList is a span in which all events of the period are that a list needs. Events stand in the order of their storing, and nearly in that of their instants, but
// clocks jump. So the span of a short period is found by looking at all its events; of a long one only the end is sought where the list begins, as a page is
// soon full from there.
func spanOfList(tx *db.Tx, p wire.Period, descending bool, few int64) (s Span, possible bool, err error) {
	s = Span{0, math.MaxInt64}
	if p.Start == 0 && p.End == 0 {
		return s, true, nil
	}
	first, last, count, err := sequencesWithin(tx, p, few)
	if err != nil || count == 0 {
		return s, false, err
	}
	switch {
	case count < few:
		s = Span{first - 1, last}
	case descending && p.End != 0:
		s.Through, err = lastWithin(tx, p)
	case !descending && p.Start != 0:
		s.After, err = firstWithin(tx, p)
		s.After--
	}
	return s, true, err
}

// literals are texts as SQL has them. They are names of ours, which need no care; they get it all the same.
func literals[T ~string](texts []T) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = "'" + strings.ReplaceAll(string(text), "'", "''") + "'"
	}
	return "(" + strings.Join(quoted, ", ") + ")"
}
