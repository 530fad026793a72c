package live

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

const (
	// mostRead is how many new events one look takes in, mostShown how many of them a batch shows.
	mostRead  = 2000
	mostShown = 100
	// mostRows is how many deliveries, and how many attempts, one look takes in; a batch shows mostRowsShown of each.
	mostRows      = 5000
	mostRowsShown = 500
	// mostItems is how many events are followed at once.
	mostItems = 1000
	// mostGaps is how many sequences are waited for, and gapPatience how long: longer than a transaction may take.
	mostGaps    = 1000
	gapPatience = time.Minute
	// behind is how many of the newest events a reader that begins looks at, for what is missing among them or still in motion.
	behind = 500
	// lateVotes is how long after a refusal votes may still come in.
	lateVotes = 15 * time.Second
	// mostInMotion is of how many deliveries per webhook, state and kind one look learns, and mostAsked for how many webhooks.
	mostInMotion = 50
	mostAsked    = 50
	// justNow is how old what is found at an event that was not followed may be to be news.
	justNow = 3 * time.Second
)

// tracker knows what was told. It is for one goroutine.
type tracker struct {
	every    time.Duration // between two looks
	high     int64
	gaps     map[int64]int64 // sequence → when it was missed first
	items    map[int64]*item
	webhooks map[wire.ID]Webhook
	turn     int // which webhooks are asked about next
}

// item is an event that is followed.
type item struct {
	event      Event
	deliveries map[wire.ID]told
	attempts   map[wire.ID]bool
}

// told is a delivery as it was told, and what the store knows beyond that.
type told struct {
	Delivery

	due     int64
	claimed bool
}

func newTracker(every time.Duration) *tracker {
	return &tracker{every: every, gaps: map[int64]int64{}, items: map[int64]*item{}, webhooks: map[wire.ID]Webhook{}}
}

func isOpen(state string) bool {
	return state == string(outbox.Pending) || state == string(outbox.Retrying)
}

// begin takes in what there is already; it is no news.
func (t *tracker) begin(tx *db.Tx, webhooks map[wire.ID]Webhook) error {
	newest, err := eventsAfter(tx, 0, behind)
	if err != nil {
		return err
	}
	t.webhooks = webhooks
	if len(newest) == 0 {
		return nil
	}
	t.high = newest[0].Sequence - 1
	if len(newest) < behind {
		t.high = 0 // there are no older ones, so even the first may be missing
	}
	t.advance(newest, tx.NowMillis())
	for _, e := range newest {
		t.follow(e)
	}
	var nobody Batch
	if err := t.refresh(tx, &nobody, 0); err != nil {
		return err
	}
	t.drop(tx.NowMillis())
	return nil
}

// look finds the news. moved are sequences of events that were announced.
func (t *tracker) look(tx *db.Tx, webhooks map[wire.ID]Webhook, moved []int64) (b Batch, err error) {
	b.Of = 1
	now := tx.NowMillis()
	fresh, total, err := t.fresh(tx)
	if err != nil {
		return b, err
	}
	b.Published = total
	b.Of = max((total+mostShown-1)/mostShown, 1)
	for i, e := range fresh {
		if i%b.Of == 0 && len(b.Events) < mostShown {
			b.Events = append(b.Events, e)
			t.follow(e)
		}
	}
	if err := t.join(tx, &b, moved); err != nil {
		return b, err
	}
	if err := t.refresh(tx, &b, now-justNow.Milliseconds()); err != nil {
		return b, err
	}
	t.drop(now)
	for id, gap := range t.gaps {
		if now-gap > gapPatience.Milliseconds() {
			delete(t.gaps, id)
		}
	}
	b.Webhooks = changedWebhooks(t.webhooks, webhooks)
	t.webhooks = webhooks
	b.cut()
	b.Cursor = t.place(now).cursor()
	return b, nil
}

// fresh are the events that are visible for the first time, and how many there are with those that were not read.
func (t *tracker) fresh(tx *db.Tx) (fresh []Event, total int, err error) {
	newest, err := eventsAfter(tx, t.high, mostRead)
	if err != nil {
		return nil, 0, err
	}
	if len(t.gaps) > 0 {
		if fresh, err = eventsOf(tx, slices.Collect(maps.Keys(t.gaps))); err != nil {
			return nil, 0, err
		}
		for _, e := range fresh {
			delete(t.gaps, e.Sequence)
		}
	}
	total = len(fresh) + len(newest)
	if len(newest) == mostRead {
		total += int(newest[0].Sequence - t.high - 1)
		t.high = newest[0].Sequence - 1 // nobody waits for what was passed over
	}
	t.advance(newest, tx.NowMillis())
	fresh = append(fresh, newest...)
	slices.SortFunc(fresh, func(a, b Event) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return fresh, total, nil
}

// advance moves the highest sequence up and notes which are missing in between.
func (t *tracker) advance(newest []Event, now int64) {
	for _, e := range newest {
		for s := max(t.high+1, e.Sequence-mostGaps); s < e.Sequence && len(t.gaps) < mostGaps; s++ {
			t.gaps[s] = now
		}
		t.high = e.Sequence
	}
}

func (t *tracker) follow(e Event) *item {
	i := &item{event: e, deliveries: map[wire.ID]told{}, attempts: map[wire.ID]bool{}}
	t.items[e.Sequence] = i
	return i
}

// join follows older events that something happens to: a delivery is claimed or due, or was announced to move.
func (t *tracker) join(tx *db.Tx, b *Batch, moved []int64) error {
	found, full, err := inMotion(tx, t.asks(tx.NowMillis()), mostInMotion)
	if err != nil {
		return err
	}
	if full {
		b.Of = max(b.Of, 2)
	}
	wanted := map[int64]bool{}
	for _, s := range append(moved, found...) {
		if t.items[s] == nil && s <= t.high && t.gaps[s] == 0 && len(wanted)+len(t.items) < mostItems {
			wanted[s] = true
		}
	}
	if len(wanted) == 0 || b.Of > 2 && len(moved) == 0 { // what is new is more than can be shown already
		return nil
	}
	events, err := eventsOf(tx, slices.Collect(maps.Keys(wanted)))
	for _, e := range events {
		t.follow(e).attempts = nil // not read yet: what is older is no news
	}
	return err
}

// asks are the webhooks to be asked about with this look, in turns when there are many. What is owed to one that gets nothing is due and does not move.
func (t *tracker) asks(now int64) []ask {
	ids := slices.Sorted(maps.Keys(t.webhooks))
	var asks []ask
	for i := range min(len(ids), mostAsked) {
		id := ids[(t.turn+i)%len(ids)]
		asks = append(asks, ask{id, t.until(id, now)})
	}
	t.turn += len(asks)
	return asks
}

// until is the instant up to which deliveries to the webhook that are due will be on their way before long; -1 when none will.
func (t *tracker) until(id wire.ID, now int64) int64 {
	if t.webhooks[id].State != Healthy {
		return -1
	}
	return now + 2*t.every.Milliseconds()
}

// refresh reads what has become of all that is followed. Of an event that was not followed before only what is younger than since is news.
func (t *tracker) refresh(tx *db.Tx, b *Batch, since int64) error {
	sequences := slices.Sorted(maps.Keys(t.items))
	if len(sequences) == 0 {
		return nil
	}
	var running []int64
	for s, i := range t.items {
		if i.event.Result == wire.EventRunning {
			running = append(running, s)
		}
	}
	decided, err := eventsOf(tx, running)
	if err != nil {
		return err
	}
	for _, e := range decided {
		if i := t.items[e.Sequence]; e.Result != i.event.Result {
			i.event = e
			b.Events = append(b.Events, e)
		}
	}
	read := 0
	enough := func() bool { return read >= mostRows }
	err = eachDelivery(tx, sequences, func(sequence int64, d Delivery, due int64, claimed bool) {
		read++
		i := t.items[sequence]
		d.EventID, d.EventType = i.event.ID, i.event.Type
		before, known := i.deliveries[d.WebhookID]
		i.deliveries[d.WebhookID] = told{d, due, claimed}
		if old := i.attempts == nil && int64(d.LastUpdateInstant) < since; !old && (!known || changed(before.Delivery, d)) {
			b.Deliveries = append(b.Deliveries, d)
		}
	}, enough)
	if err != nil {
		return err
	}
	if enough() {
		b.Of = max(b.Of, 2)
	}
	read = 0
	joined := map[int64]bool{}
	err = eachAttempt(tx, sequences, func(a Attempt) {
		read++
		sequence, _ := webhooklog.SequenceOf(a.ID)
		i := t.items[sequence]
		if i == nil {
			return
		}
		if i.attempts == nil {
			i.attempts, joined[sequence] = map[wire.ID]bool{}, true
		}
		if i.attempts[a.ID] {
			return
		}
		i.attempts[a.ID] = true
		if joined[sequence] && int64(a.End) < since {
			return
		}
		a.EventID, a.EventType = i.event.ID, i.event.Type
		b.Attempts = append(b.Attempts, a)
	}, enough)
	if enough() {
		b.Of = max(b.Of, 2)
	}
	for _, i := range t.items {
		if i.attempts == nil && !enough() { // it has none
			i.attempts = map[wire.ID]bool{}
		}
	}
	return err
}

// changed tells whether people would see a difference.
func changed(a, b Delivery) bool {
	a.LastUpdateInstant = b.LastUpdateInstant
	return a != b
}

// drop lets go of what has come to rest, and of the oldest when there are too many.
func (t *tracker) drop(now int64) {
	maps.DeleteFunc(t.items, func(_ int64, i *item) bool { return !t.moves(i, now) })
	if more := len(t.items) - mostItems; more > 0 {
		for _, s := range slices.Sorted(maps.Keys(t.items))[:more] {
			delete(t.items, s)
		}
	}
}

// moves tells whether something may happen to the event before the next look but one.
func (t *tracker) moves(i *item, now int64) bool {
	switch {
	case i.attempts == nil || i.event.Result == wire.EventRunning:
		return true
	case i.event.Result == wire.EventFailed && now-int64(i.event.DecidedInstant) < lateVotes.Milliseconds():
		return true
	case i.event.Test && now-int64(i.event.Instant) < justNow.Milliseconds():
		return true
	}
	for id, d := range i.deliveries {
		if isOpen(d.State) && (d.claimed || d.due <= t.until(id, now)) {
			return true
		}
	}
	return false
}

// cut bounds what is shown, in favour of what is newest.
func (b *Batch) cut() {
	slices.SortStableFunc(b.Attempts, func(a, c Attempt) int { return cmp.Compare(a.End, c.End) })
	slices.SortStableFunc(b.Events, func(a, c Event) int { return cmp.Compare(a.Sequence, c.Sequence) })
	b.Attempts, b.Of = newestOf(b.Attempts, b.Of)
	b.Deliveries, b.Of = newestOf(b.Deliveries, b.Of)
	b.Events, b.Of = newestOf(b.Events, b.Of)
	b.Webhooks, b.Of = newestOf(b.Webhooks, b.Of)
}

func newestOf[T any](rows []T, of int) ([]T, int) {
	if len(rows) <= mostRowsShown {
		return rows, of
	}
	return rows[len(rows)-mostRowsShown:], max(of, (len(rows)+mostRowsShown-1)/mostRowsShown)
}

// changedWebhooks are the webhooks whose state differs, in the order of their ids.
func changedWebhooks(before, after map[wire.ID]Webhook) (changed []Webhook) {
	for id, w := range after {
		if old, known := before[id]; !known && w.State != Healthy || known && old != w {
			changed = append(changed, w)
		}
	}
	for id, w := range before {
		if _, still := after[id]; !still {
			changed = append(changed, Webhook{ID: id, URL: w.URL, State: Deleted})
		}
	}
	slices.SortFunc(changed, func(a, b Webhook) int { return cmp.Compare(a.ID, b.ID) })
	return changed
}

// states is the state of every webhook, out of memory.
func states(ctx context.Context, webhooks *webhook.Service, flow func(wire.ID) outbox.Flow) (map[wire.ID]Webhook, error) {
	registry, err := webhooks.Registry(ctx)
	if err != nil {
		return nil, err
	}
	ids := registry.IDs()
	all := make(map[wire.ID]Webhook, len(ids))
	for _, id := range ids {
		target := registry.Target(id)
		all[id] = stateOf(id, target.URL(), target.Enabled(), flow(id))
	}
	return all, nil
}

func stateOf(id wire.ID, url string, enabled bool, f outbox.Flow) Webhook {
	w := Webhook{ID: id, URL: url, State: Healthy}
	switch {
	case !enabled:
		w.State = Disabled
	case f.Paused:
		w.State, w.Since, w.Reason = Paused, wire.Instant(f.PausedInstant), f.PauseReason
	case f.Open:
		w.State, w.Since, w.Reason = Failing, wire.Instant(f.OpenedInstant), f.Failure
	}
	return w
}
