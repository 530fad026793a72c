package listen

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// feed reads what is decided, for all who listen at this process. It exists while somebody does.
//
// On PostgreSQL sequences become visible out of order: a transaction that drew a smaller number may commit later. So the numbers that were not seen below the highest one are
// asked for again for a while, as in package live, which samples for people who watch; here nothing is left out as long as the listener keeps up.
type feed struct {
	s      *Service
	cancel context.CancelFunc

	mu      sync.Mutex // one look at a time
	begun   bool
	joined  map[*Listener]bool
	high    int64
	gaps    map[int64]int64 // sequence → when it was missed first, in milliseconds
	running map[int64]bool  // events that are being decided
}

const (
	// atOnce is how many events one statement reads, and mostAtOnce how many one look does; what is beyond that is lost.
	atOnce     = 500
	mostAtOnce = 4 * atOnce
	// mostGaps is how many sequences are waited for, and gapPatience how long: longer than a transaction may take.
	mostGaps    = 1000
	gapPatience = time.Minute
	// behind is how far below the highest sequence a feed that begins looks for those that are still to come.
	behind = 200
	// mostRunning is how many undecided events are followed.
	mostRunning = 2000
	// bodiesAtOnce and bytesAtOnce bound the bodies in memory.
	bodiesAtOnce = 64
	bytesAtOnce  = 4 << 20
	lookPatience = 10 * time.Second
)

// seenEvent is an event without its body.
type seenEvent struct {
	webhooklog.Event

	result wire.WebhookEventResult
}

// newFeed begins to read. The service's lock is held.
func (s *Service) newFeed() *feed {
	ctx, cancel := context.WithCancel(context.Background())
	f := &feed{s: s, cancel: cancel, joined: map[*Listener]bool{}, gaps: map[int64]int64{}, running: map[int64]bool{}}
	s.running.Go(func() { f.run(ctx) })
	s.running.Go(func() { s.o.DB.Listen(ctx, channel, func(news string) { s.heard(ctx, news) }) })
	return f
}

func (f *feed) stop() { f.cancel() }

// join lets the listener hear of everything that is decided from now on.
func (f *feed) join(ctx context.Context, l *Listener) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	if f.begun {
		err = f.look(ctx) // for the others
	} else {
		err = f.begin(ctx)
	}
	if err == nil {
		f.begun = true
		f.joined[l] = true
	}
	return err
}

func (f *feed) run(ctx context.Context) {
	look := time.NewTicker(f.s.o.Every)
	defer look.Stop()
	beat := time.NewTicker(f.s.o.Beat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			f.mu.Lock()
			if f.begun {
				err = f.look(ctx)
			}
			f.mu.Unlock()
		case <-beat.C:
			err = f.s.look(ctx)
		}
		if err != nil && ctx.Err() == nil {
			f.s.o.Logger.Warn("those who listen cannot be told what happens; it is tried again", "error", err)
		}
	}
}

// begin finds out where now is.
func (f *feed) begin(ctx context.Context) error {
	return f.s.o.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		if f.high, err = lastSequence(tx); err != nil || tx.Engine() == db.SQLite {
			return err
		}
		there, err := eventsAfter(tx, f.high-behind, behind)
		if err != nil {
			return err
		}
		high := f.high
		f.high = max(high-behind, 0)
		f.advance(there, tx.NowMillis())
		f.high = high
		return nil
	})
}

// advance moves the highest sequence up and notes which are missing in between.
func (f *feed) advance(events []seenEvent, now int64) {
	for _, e := range events {
		for s := max(f.high+1, e.Sequence-mostGaps); s < e.Sequence && len(f.gaps) < mostGaps; s++ {
			f.gaps[s] = now
		}
		f.high = e.Sequence
	}
}

// look hands on what is decided since the last time. The lock is held.
func (f *feed) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	for l := range f.joined {
		if l.over() {
			delete(f.joined, l)
		}
	}
	var decided []seenEvent
	lost := 0
	err := f.s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		decided, lost, err = f.read(tx)
		return err
	})
	if err != nil {
		return err
	}
	for l := range f.joined {
		l.lose(lost)
	}
	return f.hand(ctx, decided)
}

// read returns the events that are visible and decided now and were not before, in the order of their storing, and how many were passed over.
func (f *feed) read(tx *db.Tx) (decided []seenEvent, lost int, err error) {
	now := tx.NowMillis()
	older := slices.AppendSeq(slices.Collect(maps.Keys(f.gaps)), maps.Keys(f.running))
	all, err := eventsOf(tx, older)
	if err != nil {
		return nil, 0, err
	}
	for {
		fresh, err := eventsAfter(tx, f.high, atOnce)
		if err != nil {
			return nil, 0, err
		}
		if tx.Engine() == db.PostgreSQL {
			f.advance(fresh, now)
		} else if len(fresh) > 0 {
			f.high = fresh[len(fresh)-1].Sequence
		}
		if all = append(all, fresh...); len(fresh) < atOnce {
			break
		}
		if len(all) >= mostAtOnce {
			last, err := lastSequence(tx)
			if err != nil {
				return nil, 0, err
			}
			lost, f.high = int(last-f.high), last
			break
		}
	}
	for _, e := range all {
		delete(f.gaps, e.Sequence)
		switch {
		case e.result != wire.EventRunning:
			delete(f.running, e.Sequence)
			decided = append(decided, e)
		case len(f.running) < mostRunning:
			f.running[e.Sequence] = true
		}
	}
	for s, since := range f.gaps {
		if now-since > gapPatience.Milliseconds() {
			delete(f.gaps, s)
		}
	}
	slices.SortFunc(decided, func(a, b seenEvent) int { return int(a.Sequence - b.Sequence) })
	return decided, lost, nil
}

// hand gives each event to those who want it.
func (f *feed) hand(ctx context.Context, decided []seenEvent) error {
	type one struct {
		*seenEvent

		to []*Listener
	}
	var wanted []one
	for i := range decided {
		e := &decided[i]
		var to []*Listener
		for l := range f.joined {
			if !e.Test && l.wants(&e.Event) && !l.wasAsked(e.Sequence) {
				to = append(to, l)
			}
		}
		if len(to) > 0 {
			wanted = append(wanted, one{e, to})
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	settings, err := f.s.o.Tenants.Settings(ctx)
	if err != nil {
		return err
	}
	for len(wanted) > 0 {
		n := 0
		err := f.s.o.DB.View(ctx, func(tx *db.Tx) error {
			for size := 0; n < min(len(wanted), bodiesAtOnce) && size < bytesAtOnce; n++ {
				w := wanted[n]
				if !slices.ContainsFunc(w.to, (*Listener).hasRoom) {
					continue // it is lost, and told so by push
				}
				var err error
				if w.Body, err = bodyOf(tx, w.Sequence); err != nil {
					return err
				}
				size += len(w.Body)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, w := range wanted[:n] {
			d, _ := event.Lookup(w.Type)
			on, _ := settings.Event(w.Tenant, w.Type)
			f.s.show(ctx, w.seenEvent, d.Scope == event.ScopeTenant && !on, w.to)
			w.Body = nil
		}
		wanted = wanted[n:]
	}
	return nil
}

// show puts an event that is over into the queues of those who listen. Without a body it is lost to them.
func (s *Service) show(ctx context.Context, e *seenEvent, off bool, to []*Listener) {
	var header map[string]string
	if e.Body != nil {
		var err error
		if header, err = s.header(ctx, &e.Event); err != nil {
			s.o.Logger.Warn("an event could not be signed for those who listen", "event", e.ID, "error", err)
		}
	}
	body := string(e.Body)
	for _, l := range to {
		if header == nil {
			l.lose(1)
			continue
		}
		x := newExchange(wire.ID(db.NewID()), &e.Event, body, e.result)
		x.Headers, x.OffAtTenant, x.Timeout = header, off, int(s.o.AnswerWithin.Milliseconds())
		l.push(x)
	}
}

// header is that of the request about an event. A key that somebody has deleted is made again.
func (s *Service) header(ctx context.Context, e *webhooklog.Event) (map[string]string, error) {
	m := webhook.Message{ID: e.ID, Body: e.Body}
	header, err := s.o.Webhooks.Header(ctx, SigningKeyID, m)
	if err == nil {
		return header, nil
	}
	if err := s.ensureKey(ctx); err != nil {
		return nil, err
	}
	return s.o.Webhooks.Header(ctx, SigningKeyID, m)
}

// wants tells whether the event is one that the listener hears of: of its tenant, and of its types.
func (l *Listener) wants(e *webhooklog.Event) bool {
	return (l.shown.TenantID == "" || l.shown.TenantID == e.Tenant) && l.want.want(e.Type)
}

func (l *Listener) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *Listener) hasRoom() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) < mostQueued && l.queued < mostBytes
}
