package listen

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. All but Logger and the durations are required.
type Options struct {
	DB       *db.DB
	Webhooks *webhook.Service
	Tenants  *tenant.Service
	Keys     *key.Service
	Log      *webhooklog.Log
	Journal  *journal.Journal
	Logger   *slog.Logger
	// Node names this process. No two processes on one store may have the same name.
	Node string

	// Every is the time between two looks at the store while somebody listens. Defaults to 200 ms.
	Every time.Duration
	// AnswerWithin is how long the answer to a vote may take: the usual read timeout of a webhook. Defaults to 2 s.
	AnswerWithin time.Duration
	// Grace is how much later than that an answer may arrive here, before its listener is taken for gone. Defaults to 500 ms.
	Grace time.Duration
	// Beat is how often a listener is asked for a sign of life. One that gives none four times is taken for gone. Defaults to 5 s.
	Beat time.Duration
	// ReadWithin is how long a listener may take to read what it is sent, before its connection is given up. Defaults to 5 s.
	ReadWithin time.Duration
}

// Service lets programs listen. It is safe for concurrent use.
type Service struct {
	o Options

	mu      sync.Mutex
	stopped bool
	all     map[wire.ID]*Listener
	reader  *feed // nil while nobody listens
	running sync.WaitGroup
}

// SigningKeyID is the key that signs for listeners. The first one makes it, and it stays.
const SigningKeyID wire.ID = "5c9d1a52-0e4f-4e0b-9d5e-6c697374656e"

// SigningKeyName is what people call it.
const SigningKeyName = "dev-listen"

const (
	// mostListeners is how many may listen at one process.
	mostListeners = 100
	// missedBeats is how many signs of life may be missing.
	missedBeats = 4
	// storePatience bounds each transaction that no caller waits for.
	storePatience = 10 * time.Second
	longestTarget = 2000
)

var (
	// ErrStopped says that this process is being stopped.
	ErrStopped error = problem.New(problem.Unavailable, "[ShuttingDown]", "This server is being stopped.")
	// ErrCrowded says that too many listen already.
	ErrCrowded error = problem.New(problem.TooMany, "[tooManyListeners]", "%d programs listen at this server already.", mostListeners)
)

// New returns a Service at which nobody listens. Start forgets those of a crash.
func New(o Options) *Service {
	o.Every = cmp.Or(o.Every, 200*time.Millisecond)
	o.AnswerWithin = cmp.Or(o.AnswerWithin, 2*time.Second)
	o.Grace = cmp.Or(o.Grace, 500*time.Millisecond)
	o.Beat = cmp.Or(o.Beat, 5*time.Second)
	o.ReadWithin = cmp.Or(o.ReadWithin, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{o: o, all: map[wire.ID]*Listener{}}
}

// silence is after how long without a sign of life a listener is gone.
func (s *Service) silence() time.Duration { return missedBeats * s.o.Beat }

// ReadWithin is how long a listener may take to read what it is sent.
func (s *Service) ReadWithin() time.Duration { return s.o.ReadWithin }

// Start forgets who listened at processes that are gone: on SQLite all, as a folder belongs to one process.
func (s *Service) Start(ctx context.Context) error {
	return s.o.DB.Update(ctx, func(tx *db.Tx) error {
		before := tx.NowMillis() - s.silence().Milliseconds()
		if tx.Engine() == db.SQLite {
			before = tx.NowMillis() + 1
		}
		return s.sweep(tx, before)
	})
}

// sweep removes listeners without a sign of life since, and what was left of exchanges.
func (s *Service) sweep(tx *db.Tx, since int64) error {
	silent, err := silentListeners(tx, since)
	if err != nil {
		return err
	}
	if err := s.remove(tx, silent, ", without a sign of life"); err != nil {
		return err
	}
	return removeExchanges(tx, tx.NowMillis()-time.Minute.Milliseconds())
}

// remove takes listeners out of the store, each once whoever does it, and tells so.
func (s *Service) remove(tx *db.Tx, rows []listenerRow, how string) error {
	for _, row := range rows {
		was, err := deleteListener(tx, row.ID)
		if err != nil {
			return err
		}
		if !was {
			continue
		}
		if row.Transactional {
			if err := s.o.Webhooks.ListenersChanged(tx); err != nil {
				return err
			}
		}
		if err := s.tell(tx, row, nil, "ended listening to "+what(&row.Listener)+how); err != nil {
			return err
		}
	}
	return nil
}

// removeOne is remove in a transaction of its own, for one that may be gone already.
func (s *Service) removeOne(id wire.ID, how string) {
	ctx, cancel := context.WithTimeout(context.Background(), storePatience)
	defer cancel()
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		rows, err := loadListener(tx, id)
		if err != nil {
			return err
		}
		return s.remove(tx, rows, how)
	})
	if err != nil {
		s.o.Logger.Warn("the end of a listener could not be stored; it is found out later", "listener", id, "error", err)
	}
}

// Stop ends all listening. Nobody can listen afterwards.
func (s *Service) Stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	for _, l := range s.locals() {
		l.end(wire.ListenerEnd{Reason: "stopping", Message: "The server is being stopped."})
	}
	s.running.Wait()
}

// Listener is a program that listens at this process. Next is for one goroutine.
type Listener struct {
	s     *Service
	shown wire.Listener
	key   wire.ID
	want  patterns
	url   string // what attempts say that it is
	beat  *time.Ticker
	news  chan struct{} // something is in the queue, or it has ended

	mu         sync.Mutex
	stored     bool // there is a row of it, unless somebody has found it dead
	ended      bool
	why        wire.ListenerEnd
	gone       chan struct{} // closed at the end
	seen       time.Time     // the last sign of life
	queue      []*exchange
	queued     int // bytes of bodies in it
	lost       int
	open       map[wire.ID]*exchange // sent, not answered
	order      []wire.ID             // of open, the oldest first; may name some that are gone
	asked      map[int64]bool        // sequences of events that it was asked about
	askedOrder []int64
}

// By is on whose behalf somebody listens.
type By struct {
	// Key is the API key; only with it anything can be answered.
	Key wire.ID
	// Tenant confines the listener, empty for none.
	Tenant wire.ID
	// MayVote tells whether the key may have a say.
	MayVote bool
	Info    *wire.EventInfo
}

// Begin begins to listen. The caller takes messages with Next and calls End at last. What has happened before Begin returns is not heard of.
//
// Errors: problem.Invalid for events that do not exist, or a say that the key may not have; ErrStopped, ErrCrowded, and those of the store.
func (s *Service) Begin(ctx context.Context, by By, given wire.Listener) (*Listener, error) {
	var v problem.Validation
	want := checkPatterns(&v, given.Events)
	v.Check(len(given.Target) <= longestTarget && problem.IsText(given.Target), "listener.target", "invalid", "A target is a text of at most %d bytes.", longestTarget)
	v.Check(!given.Transactional || by.MayVote, "listener.transactional", "invalid",
		"This API key may listen but have no say: that takes the permission to create webhooks too, POST for /api/webhook.")
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := s.ensureKey(ctx); err != nil {
		return nil, err
	}
	now := s.o.DB.Now()
	l := &Listener{
		s: s, key: by.Key, want: want, url: urlOf(given.Target), beat: time.NewTicker(s.o.Beat), news: make(chan struct{}, 1), gone: make(chan struct{}),
		seen: now, open: map[wire.ID]*exchange{}, asked: map[int64]bool{},
		shown: wire.Listener{
			ID: wire.ID(db.NewID()), Events: want, TenantID: by.Tenant, Transactional: given.Transactional, Target: targetOf(given.Target), InsertInstant: wire.Instant(now.UnixMilli()),
		},
	}
	if err := s.enter(ctx, l, by.Info); err != nil {
		l.beat.Stop()
		return nil, err
	}
	return l, nil
}

func (s *Service) ensureKey(ctx context.Context) error {
	return s.o.Keys.Ensure(ctx, SigningKeyID, SigningKeyName, wire.ES256)
}

// targetOf is a target without what nobody may read in it.
func targetOf(target string) string {
	if target == "" {
		return ""
	}
	return egress.RedactURL(target)
}

// urlOf is what attempts of a listener have as their URL.
func urlOf(target string) string {
	if target == "" {
		return "herald listen"
	}
	return "herald listen → " + targetOf(target)
}

// enter makes the listener known, to the store first: then the first event that it could have a say about finds it here.
func (s *Service) enter(ctx context.Context, l *Listener, info *wire.EventInfo) error {
	s.mu.Lock()
	switch {
	case s.stopped:
		s.mu.Unlock()
		return ErrStopped
	case len(s.all) >= mostListeners:
		s.mu.Unlock()
		return ErrCrowded
	}
	s.all[l.shown.ID] = l
	s.running.Add(1)
	f := s.reader
	if f == nil {
		f = s.newFeed()
		s.reader = f
	}
	s.mu.Unlock()

	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		if err := s.sweep(tx, tx.NowMillis()-s.silence().Milliseconds()); err != nil {
			return err
		}
		if err := insertListener(tx, s.o.Node, l); err != nil {
			return err
		}
		if l.shown.Transactional {
			if err := s.o.Webhooks.ListenersChanged(tx); err != nil {
				return err
			}
		}
		return s.tell(tx, listenerRow{l.shown, l.key}, info, "began to listen to "+what(&l.shown))
	})
	if err == nil {
		l.mu.Lock()
		l.stored = true
		l.mu.Unlock()
		err = f.join(ctx, l)
	}
	if err != nil {
		l.End()
	}
	return err
}

// what says for people what one listens to.
func what(l *wire.Listener) string {
	what := "all events"
	if len(l.Events) > 0 {
		what = "the events " + strings.Join(l.Events, ", ")
	}
	if len(what) > 500 {
		what = fmt.Sprintf("%d kinds of events", len(l.Events))
	}
	if l.Transactional {
		what += " with a say"
	}
	return what
}

// tell puts into the audit log what a listener does.
func (s *Service) tell(tx *db.Tx, l listenerRow, info *wire.EventInfo, did string) error {
	_, err := s.o.Journal.AuditOf(tx, journal.Object{Kind: "listener", ID: l.ID}, wire.AuditLog{
		InsertUser: "API key " + string(l.key), Message: "A program with this key " + did + ".", TenantID: l.TenantID,
		Data: wire.Object{"target": urlOf(l.Target), "transactional": l.Transactional},
	}, info)
	return err
}

// ID is the listener's.
func (l *Listener) ID() wire.ID { return l.shown.ID }

// Ready is the first message.
func (l *Listener) Ready(ctx context.Context) (wire.ListenerMessage, error) {
	settings, err := l.s.o.Tenants.Settings(ctx)
	if err != nil {
		return wire.ListenerMessage{}, err
	}
	keys, err := l.s.o.Keys.Set(ctx)
	if err != nil {
		return wire.ListenerMessage{}, err
	}
	ready := &wire.ListenerReady{
		Listener: l.shown, AnswerWithin: int(l.s.o.AnswerWithin.Milliseconds()), SilentAfter: int(l.s.silence().Milliseconds()),
		EventTypes: wire.List[string]{}, Voting: wire.List[string]{},
		SigningKey: wire.ListenerKey{Name: SigningKeyName, JWKSPath: "/.well-known/jwks.json"},
	}
	if k := keys.Key(SigningKeyID); k != nil {
		ready.SigningKey.Name, ready.SigningKey.KID, ready.SigningKey.Algorithm = k.Name, k.KID, k.Algorithm
	}
	tenants := settings.IDs()
	if l.shown.TenantID != "" {
		tenants = []wire.ID{l.shown.TenantID}
	}
	for _, d := range l.want.types() {
		if d.Scope == event.ScopeSystem && l.shown.TenantID != "" && d.Type != event.AuditLogCreate {
			continue
		}
		ready.EventTypes = append(ready.EventTypes, string(d.Type))
		for _, t := range tenants {
			if enabled, rule := settings.Event(t, d.Type); l.shown.Transactional && d.Transactional && enabled && rule != wire.None {
				ready.Voting = append(ready.Voting, string(d.Type))
				break
			}
		}
	}
	return wire.ListenerMessage{Ready: ready}, nil
}

// Next waits for the next message. The last one is an End; after it, and with the error of ctx, there is nothing more.
func (l *Listener) Next(ctx context.Context) (wire.ListenerMessage, error) {
	for {
		l.mu.Lock()
		ended, why := l.ended, l.why
		l.mu.Unlock()
		if ended {
			return wire.ListenerMessage{End: &why}, nil
		}
		if m, ok := l.next(l.s.o.DB.Now()); ok {
			return m, nil
		}
		select {
		case <-l.news:
		case <-l.beat.C:
			return wire.ListenerMessage{Ping: true}, nil
		case <-ctx.Done():
			return wire.ListenerMessage{}, ctx.Err()
		}
	}
}

// Deny ends the listening because the key may not do it any more.
func (l *Listener) Deny() {
	l.end(wire.ListenerEnd{Reason: "denied", Message: "The API key may not listen any more."})
}

// end makes Next return the end. Votes that wait for the listener wait no longer.
func (l *Listener) end(why wire.ListenerEnd) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended, l.why = true, why
	close(l.gone)
	l.nudge()
}

// End ends the listening for good: the connection is gone. It is to be called once by whoever has called Begin.
func (l *Listener) End() {
	l.end(wire.ListenerEnd{Reason: "closed", Message: "The connection is gone."})
	l.beat.Stop()
	s := l.s
	s.mu.Lock()
	delete(s.all, l.shown.ID)
	if f := s.reader; f != nil && len(s.all) == 0 {
		s.reader = nil
		f.stop()
	}
	s.mu.Unlock()
	defer s.running.Done()
	s.removeOne(l.shown.ID, "")
}

// Current are those who listen now, at any process, the oldest first.
func (s *Service) Current(ctx context.Context) (all []wire.Listener, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		rows, err := listeners(tx, tx.NowMillis()-s.silence().Milliseconds())
		for _, row := range rows {
			all = append(all, row.Listener)
		}
		return err
	})
	return all, err
}

// Alive takes a sign of life. Errors: problem.ErrNotFound when there is no such listener of the key.
func (s *Service) Alive(ctx context.Context, key, id wire.ID) error {
	if l := s.local(id); l != nil {
		if l.key != key {
			return problem.ErrNotFound
		}
		l.alive()
		return nil
	}
	return s.elsewhere(ctx, func(tx *db.Tx) error {
		known, err := touchListener(tx, id, key)
		if err == nil && !known {
			err = problem.ErrNotFound
		}
		return err
	})
}

// elsewhere does something about a listener whose connection another process may hold. On SQLite there is none.
func (s *Service) elsewhere(ctx context.Context, do func(*db.Tx) error) error {
	if s.o.DB.Engine() == db.SQLite {
		return problem.ErrNotFound
	}
	return s.o.DB.Update(ctx, do)
}

func (s *Service) local(id wire.ID) *Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[id]
}

func (s *Service) locals() []*Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.all))
}

func (l *Listener) isStored() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stored
}

func (l *Listener) alive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = l.s.o.DB.Now()
}

// look exchanges signs of life with the store: those that came in here, and those that came in elsewhere. Who gave none, or was found dead, is dropped.
func (s *Service) look(ctx context.Context) error {
	here := slices.DeleteFunc(s.locals(), func(l *Listener) bool { return !l.isStored() })
	if len(here) == 0 {
		return nil
	}
	var stored map[wire.ID]int64
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		for _, l := range here {
			l.mu.Lock()
			seen := l.seen.UnixMilli()
			l.mu.Unlock()
			if err := noteSeen(tx, l.shown.ID, seen); err != nil {
				return err
			}
		}
		if err := s.sweep(tx, tx.NowMillis()-s.silence().Milliseconds()); err != nil {
			return err
		}
		var err error
		stored, err = seenAt(tx, s.o.Node)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range here {
		if seen, ok := stored[l.shown.ID]; ok {
			l.mu.Lock()
			if at := time.UnixMilli(seen); at.After(l.seen) {
				l.seen = at
			}
			l.mu.Unlock()
			continue
		}
		l.end(wire.ListenerEnd{Reason: "silent", Message: fmt.Sprintf("There was no sign of life for %v.", s.silence())})
	}
	return nil
}
