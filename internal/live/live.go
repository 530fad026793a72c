package live

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. DB, Webhooks and Flow are required.
type Options struct {
	DB       *db.DB
	Webhooks *webhook.Service
	// Flow says whether deliveries to a webhook flow: Outbox.Flow.
	Flow func(wire.ID) outbox.Flow

	// Every is the time between two looks at the store, at least a tenth of a second: there are no more batches than that. Defaults to half a second.
	Every time.Duration
	// Pulse is after how much time without news a batch is sent that has only a cursor, so that cursors do not grow old. Defaults to 15 s.
	Pulse time.Duration
}

// Service lets people watch. It is safe for concurrent use.
type Service struct {
	o Options

	mu      sync.Mutex
	stopped bool
	reader  *reader // nil while nobody watches
	moved   map[int64]bool
	running sync.WaitGroup
}

// Why a Watcher's batches end, besides the end of its context and errors of the store.
var (
	// ErrSlow says that the watcher did not take its batches in time. It may come back with the last cursor it has.
	ErrSlow = errors.New("live: the watcher is too slow")
	// ErrStopped says that this process is being stopped.
	ErrStopped = errors.New("live: this server is being stopped")
	// ErrCrowded says that too many watch already.
	ErrCrowded = errors.New("live: too many are watching")
)

const (
	// most is how many may watch at once, and patience how many batches may wait for each of them.
	most     = 200
	patience = 16
	// lookBack is how old a cursor may be, and mostMissed how many events may have happened since, for the stream to go on without a gap.
	lookBack   = 2 * time.Minute
	mostMissed = 500
	// slack is how much earlier than its commit a change may say that it happened: a transaction takes its instant when it begins.
	slack = 30 * time.Second
)

// New returns a Service at which nobody watches.
func New(o Options) *Service {
	o.Every = max(cmp.Or(o.Every, 500*time.Millisecond), 100*time.Millisecond)
	o.Pulse = cmp.Or(o.Pulse, 15*time.Second)
	return &Service{o: o, moved: map[int64]bool{}}
}

// Watcher is somebody who watches.
type Watcher struct {
	// Batches are to be taken as they come. The channel is closed at the end; then Err says why.
	Batches <-chan Batch

	batches chan Batch
	held    []Batch // until what was missed is sent
	holding bool
	err     error
	service *Service
	unlink  func() bool
}

// Err is why the batches have ended: the error of the context, ErrSlow, ErrStopped or what is wrong with the store. Nil before that.
func (w *Watcher) Err() error {
	w.service.mu.Lock()
	defer w.service.mu.Unlock()
	return w.err
}

// reader is what looks at the store for all who watch.
type reader struct {
	cancel   context.CancelFunc
	ready    chan struct{} // closed when it has begun, or failed to
	watchers map[*Watcher]bool
}

// Now is a cursor at which nothing is news that a read of the store beginning after this call sees: a page that lists what there is can watch from here.
func (s *Service) Now(ctx context.Context) (c Cursor, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		t := newTracker(s.o.Every)
		if err := t.begin(tx, map[wire.ID]Webhook{}); err != nil {
			return err
		}
		c = t.place(tx.NowMillis()).cursor()
		return nil
	})
	return c, err
}

// Watch begins to watch. With a cursor the first batch has what has happened since, as far as one batch can hold; without one it has nothing but a cursor. Of what
// happened meanwhile to events older than the newest few hundred it shows what is still in motion. Errors: ErrStopped, ErrCrowded, and those of the store.
//
// The batches end with ctx.
func (s *Service) Watch(ctx context.Context, after Cursor) (*Watcher, error) {
	w := &Watcher{service: s, batches: make(chan Batch, patience), holding: true}
	w.Batches = w.batches
	r, err := s.enter(w)
	if err != nil {
		return nil, err
	}
	unlink := context.AfterFunc(ctx, func() { s.leave(w, ctx.Err()) })
	s.mu.Lock()
	w.unlink = unlink
	s.mu.Unlock()
	<-r.ready // soon: looks are bounded
	first, err := s.missed(ctx, after)
	if err != nil {
		s.leave(w, err)
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.err != nil {
		return nil, w.err
	}
	w.holding = false
	w.batches <- first // there is room: nothing else was put in
	for _, b := range w.held {
		s.hand(w, b)
	}
	w.held = nil
	return w, nil
}

// Moved says that the transaction changes deliveries of these events without sending them: it has them sent again, sooner, or not at all. Whoever watches looks after them
// however old they are. Sequences beyond a few hundred are left out.
func (s *Service) Moved(tx *db.Tx, sequences []int64) error {
	sequences = sequences[:min(len(sequences), mostMoved)]
	if len(sequences) == 0 {
		return nil
	}
	tx.AfterCommit(func() { s.note(sequences) })
	list := make([]string, len(sequences))
	for i, q := range sequences {
		list[i] = strconv.FormatInt(q, 36)
	}
	return tx.Notify(channel, strings.Join(list, ","))
}

const (
	// channel is where processes tell each other which events move.
	channel = "herald_live"
	// mostMoved is how many sequences one announcement has: PostgreSQL takes 8,000 bytes.
	mostMoved = 300
)

// heard takes what another process has announced.
func (s *Service) heard(news string) {
	var sequences []int64
	for text := range strings.SplitSeq(news, ",") {
		if q, err := strconv.ParseInt(text, 36, 64); err == nil {
			sequences = append(sequences, q)
		}
	}
	s.note(sequences)
}

func (s *Service) note(sequences []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range sequences {
		if s.reader == nil || len(s.moved) >= mostItems {
			return
		}
		s.moved[q] = true
	}
}

// Stop ends all watching with ErrStopped and waits until nothing of it is left. Nobody can watch afterwards.
func (s *Service) Stop() {
	s.mu.Lock()
	s.stopped = true
	if r := s.reader; r != nil {
		s.end(r, ErrStopped)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// enter adds a watcher, and begins to read for the first.
func (s *Service) enter(w *Watcher) (*reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, ErrStopped
	}
	r := s.reader
	if r == nil {
		// It serves everybody who watches, so it does not end with the context of the first.
		ctx, cancel := context.WithCancel(context.Background())
		r = &reader{cancel: cancel, ready: make(chan struct{}), watchers: map[*Watcher]bool{}}
		s.reader = r
		clear(s.moved)
		s.running.Go(func() { s.read(ctx, r) })
		s.running.Go(func() { s.o.DB.Listen(ctx, channel, s.heard) })
	}
	if len(r.watchers) >= most {
		return nil, ErrCrowded
	}
	r.watchers[w] = true
	return r, nil
}

// leave takes a watcher out, and ends the reader with the last one.
func (s *Service) leave(w *Watcher, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dismiss(w, why)
}

// dismiss closes the watcher's channel, once. The lock is held.
func (s *Service) dismiss(w *Watcher, why error) {
	if w.err != nil {
		return
	}
	w.err = why
	close(w.batches)
	if w.unlink != nil {
		w.unlink()
	}
	if r := s.reader; r != nil && r.watchers[w] {
		delete(r.watchers, w)
		if len(r.watchers) == 0 {
			s.end(r, why)
		}
	}
}

// end ends a reader and all who watch by it. The lock is held.
func (s *Service) end(r *reader, why error) {
	if s.reader != r {
		return
	}
	s.reader = nil
	r.cancel()
	for w := range r.watchers {
		s.dismiss(w, why)
	}
}

// hand gives the watcher a batch, or dismisses it. The lock is held.
func (s *Service) hand(w *Watcher, b Batch) {
	if w.err != nil {
		return
	}
	if w.holding {
		if w.held = append(w.held, b); len(w.held) >= patience {
			s.dismiss(w, ErrSlow)
		}
		return
	}
	select {
	case w.batches <- b:
	default:
		s.dismiss(w, ErrSlow)
	}
}

// read looks at the store until ctx ends or the store fails.
func (s *Service) read(ctx context.Context, r *reader) {
	t := newTracker(s.o.Every)
	err := s.view(ctx, func(tx *db.Tx, webhooks map[wire.ID]Webhook) error { return t.begin(tx, webhooks) })
	close(r.ready)
	tick := time.NewTicker(s.o.Every)
	defer tick.Stop()
	quiet := time.Duration(0)
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var b Batch
		moved := s.takeMoved()
		err = s.view(ctx, func(tx *db.Tx, webhooks map[wire.ID]Webhook) (err error) {
			b, err = t.look(tx, webhooks, moved)
			return err
		})
		if err != nil {
			break
		}
		if quiet += s.o.Every; b.empty() && quiet < s.o.Pulse {
			continue
		}
		quiet = 0
		s.mu.Lock()
		for w := range r.watchers {
			s.hand(w, b)
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(r, err)
}

// lookPatience bounds a look: a store that does not answer must not keep people waiting without a word.
const lookPatience = 10 * time.Second

func (s *Service) view(ctx context.Context, fn func(tx *db.Tx, webhooks map[wire.ID]Webhook) error) error {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	webhooks, err := states(ctx, s.o.Webhooks, s.o.Flow)
	if err != nil {
		return err
	}
	return s.o.DB.View(ctx, func(tx *db.Tx) error { return fn(tx, webhooks) })
}

func (s *Service) takeMoved() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := make([]int64, 0, len(s.moved))
	for q := range s.moved {
		moved = append(moved, q)
	}
	clear(s.moved)
	return moved
}

// missed is what has happened since the cursor. The reader has begun before, so what happens after this look is in its batches.
func (s *Service) missed(ctx context.Context, after Cursor) (b Batch, err error) {
	err = s.view(ctx, func(tx *db.Tx, webhooks map[wire.ID]Webhook) error {
		b = Batch{Of: 1}
		t := newTracker(s.o.Every)
		from, ok := after.parse()
		if !ok {
			b.Gap = after != ""
			if err := t.begin(tx, webhooks); err != nil {
				return err
			}
			b.Cursor = t.place(tx.NowMillis()).cursor()
			return nil
		}
		t.webhooks = webhooks
		b, err = t.catchUp(tx, from)
		if err == nil {
			b.Webhooks = changedWebhooks(nil, webhooks) // what is not healthy
		}
		return err
	})
	return b, err
}

// catchUp makes one batch of what has happened since a place.
func (t *tracker) catchUp(tx *db.Tx, from place) (b Batch, err error) {
	now := tx.NowMillis()
	since := from.instant - slack.Milliseconds()
	last, err := lastSequence(tx)
	if err != nil {
		return b, err
	}
	// A cursor of the future is one of another store, or of this one before it was restored.
	b.Gap = now-from.instant > lookBack.Milliseconds() || from.instant > now+slack.Milliseconds() || from.high > last
	from.high = min(from.high, last)

	newest, err := eventsAfter(tx, from.high-behind, behind+mostMissed)
	if err != nil {
		return b, err
	}
	missing, err := eventsOf(tx, from.gaps)
	if err != nil {
		return b, err
	}
	t.high = max(from.high-behind, 0)
	if len(newest) > 0 {
		t.high = newest[0].Sequence - 1
		b.Gap = b.Gap || t.high > from.high
	}
	t.advance(newest, now)
	late := map[int64]bool{}
	for _, e := range missing {
		late[e.Sequence] = true
	}
	for _, e := range newest {
		t.follow(e)
		if e.Sequence > from.high || late[e.Sequence] {
			b.Published++
		}
		// Only votes are decided after they were stored.
		if e.Sequence > from.high || late[e.Sequence] || e.Rule != wire.None && int64(e.DecidedInstant) >= since {
			b.Events = append(b.Events, e)
		}
		delete(late, e.Sequence)
	}
	for _, e := range missing {
		if late[e.Sequence] { // older than the newest
			t.follow(e)
			b.Published++
			b.Events = append(b.Events, e)
		}
	}
	b.Gap = b.Gap || b.Published > mostMissed
	b.Of = 1
	if err := t.join(tx, &b, nil); err != nil {
		return b, err
	}
	var all Batch
	if err := t.refresh(tx, &all, since); err != nil {
		return b, err
	}
	b.Of = max(b.Of, all.Of)
	for _, a := range all.Attempts {
		if int64(a.End) >= since {
			b.Attempts = append(b.Attempts, a)
		}
	}
	for _, d := range all.Deliveries {
		if int64(d.LastUpdateInstant) >= since {
			b.Deliveries = append(b.Deliveries, d)
		}
	}
	b.cut()
	b.Cursor = t.place(now).cursor()
	return b, nil
}

// place is how far the tracker has come.
func (t *tracker) place(now int64) place {
	gaps := make([]int64, 0, len(t.gaps))
	for g := range t.gaps {
		gaps = append(gaps, g)
	}
	slices.Sort(gaps)
	return place{t.high, now, gaps}
}
