package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// TestMain also looks for goroutines that outlive their outbox.
func TestMain(m *testing.M) {
	status := dbtest.Run(m)
	if fuzzing := flag.Lookup("test.fuzz"); status == 0 && fuzzing.Value.String() == "" {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// patience is how long a test waits for something that should happen at once.
const patience = 20 * time.Second

// rig is an outbox with what it takes to owe something.
type rig struct {
	*Outbox

	t      testing.TB
	store  *db.DB
	now    *atomic.Int64 // of the store's clock, in milliseconds
	errors *errorLog
	events int
}

// rigs runs fn as a parallel subtest on every engine, with an outbox that is not started. Its clock stands still.
func rigs(t *testing.T, fn func(t *testing.T, r *rig), change ...func(*Options)) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, newRig(t, engine, change...))
		})
	}
}

func newRig(t testing.TB, engine db.Engine, change ...func(*Options)) *rig {
	t.Helper()
	now := &atomic.Int64{}
	now.Store(time.Now().UnixMilli())
	return newRigOn(t, dbtest.Open(t, engine, dbtest.WithClock(func() time.Time { return time.UnixMilli(now.Load()) })), now, "rig", change...)
}

// join makes another process on the store of r, which must be PostgreSQL, with the same clock.
func (r *rig) join(name string, change ...func(*Options)) *rig {
	r.t.Helper()
	d, err := db.Open(r.t.Context(), dbtest.OptionsOf(r.t, r.store))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = d.Close() })
	return newRigOn(r.t, d, r.now, name, change...)
}

func newRigOn(t testing.TB, d *db.DB, now *atomic.Int64, name string, change ...func(*Options)) *rig {
	t.Helper()
	clock := func() time.Time { return time.UnixMilli(now.Load()) }
	out, err := egress.New(egress.Options{Policy: egress.Policy{AllowPrivate: true}, Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	sealer := key.NewSealer(make([]byte, key.Size))
	r := &rig{t: t, store: d, now: now, errors: &errorLog{t: t, changed: make(chan struct{})}}
	o := Options{
		DB: d, Journal: journal.New(d), Log: webhooklog.New(d, name), Logger: slog.New(r.errors), Node: name, Poll: 30 * time.Second, // longer than patience
		Webhooks: webhook.New(webhook.Options{DB: d, Sealer: sealer, Egress: out, Keys: key.NewService(d, sealer, ""), Clock: clock}),
	}
	for _, c := range change {
		c(&o)
	}
	r.Outbox = New(o)
	o.Webhooks.OnChange = r.WebhookChanged
	t.Cleanup(func() { r.Stop(context.Background()) })
	return r
}

func (r *rig) start() {
	r.t.Helper()
	if err := r.Start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// loaded is how many deliveries the webhook's lane has: those in the queue and those under way.
func (r *rig) loaded(id wire.ID) int {
	l := r.lane(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.loaded)
}

// resumed owes n events while the webhook is paused, so that they come from the table, and resumes it.
func (r *rig) resumed(target *webhook.Target, n int) (sequences []int64) {
	r.t.Helper()
	if err := r.Pause(r.t.Context(), target.ID, ""); err != nil {
		r.t.Fatal(err)
	}
	sequences = r.owe(target, n)
	if err := r.Resume(r.t.Context(), target.ID); err != nil {
		r.t.Fatal(err)
	}
	return sequences
}

func (r *rig) advance(d time.Duration) { r.now.Add(d.Milliseconds()) }

// hook makes a webhook.
func (r *rig) hook(url string, change ...func(*wire.Webhook)) *webhook.Target {
	r.t.Helper()
	w := wire.Webhook{URL: cmp.Or(url, "http://127.0.0.1:1/"), Global: true, ConnectTimeout: 1000, ReadTimeout: 20_000}
	for _, c := range change {
		c(&w)
	}
	w, err := r.Webhooks.Create(r.t.Context(), "", w)
	if err != nil {
		r.t.Fatal(err)
	}
	registry, err := r.Webhooks.Registry(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return registry.Target(w.ID)
}

func (r *rig) update(fn func(tx *db.Tx) error) {
	r.t.Helper()
	if err := r.store.Update(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// record puts n events about no object on record.
func (r *rig) record(tx *db.Tx, n int) []*webhooklog.Event {
	return r.recordAbout(tx, make([]wire.ID, n))
}

// recordAbout puts an event about each of the objects on record.
func (r *rig) recordAbout(tx *db.Tx, objects []wire.ID) (events []*webhooklog.Event) {
	r.t.Helper()
	for _, object := range objects {
		r.events++
		events = append(events, &webhooklog.Event{
			ID: wire.ID(db.NewID()), Operation: db.NewID(), Type: "user.create.complete", Rule: wire.None, LinkedObject: object,
			Body: []byte(`{"event":{"number":` + strconv.Itoa(r.events) + `}}`), Instant: tx.NowMillis(),
		})
	}
	if err := r.Log.Insert(tx, events, webhooklog.Succeeded, 0); err != nil {
		r.t.Fatal(err)
	}
	return events
}

// owe commits n events about no object that are owed to the webhook and returns their sequences.
func (r *rig) owe(target *webhook.Target, n int) (sequences []int64) {
	r.t.Helper()
	return r.oweAbout(target, make([]wire.ID, n)...)
}

// oweAbout commits an event about each of the objects that is owed to the webhook and returns their sequences.
func (r *rig) oweAbout(target *webhook.Target, objects ...wire.ID) (sequences []int64) {
	r.t.Helper()
	r.update(func(tx *db.Tx) error {
		sequences = nil
		var owed []Owed
		for _, e := range r.recordAbout(tx, objects) {
			owed = append(owed, Owed{Event: e, Shares: []Share{{Target: target}}})
			sequences = append(sequences, e.Sequence)
		}
		return r.Owe(tx, owed)
	})
	return sequences
}

// exec changes the store behind the outbox' back.
func (r *rig) exec(query string, args ...any) {
	r.t.Helper()
	r.update(func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
}

// rows runs a query with one text column.
func (r *rig) rows(query string, args ...any) (all []string) {
	r.t.Helper()
	err := r.store.View(r.t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(query, args...)
		all, err = db.Collect(rows, err, func(rows *sql.Rows) (one string, err error) { return one, rows.Scan(&one) })
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// count is how many deliveries there are in a state.
func (r *rig) count(state State) int {
	return len(r.rows(`SELECT webhook_id FROM delivery WHERE state = $1`, string(state)))
}

// eventually waits until the condition holds.
func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			r.t.Fatalf("after %v it does not hold that %s", patience, what)
		}
	}
}

// errorLog is a log that counts its errors.
type errorLog struct {
	t testing.TB

	mu      sync.Mutex
	count   int
	changed chan struct{}
}

func (l *errorLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (l *errorLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *errorLog) WithGroup(string) slog.Handler                    { return l }

func (l *errorLog) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Level == slog.LevelError {
		l.count++
		close(l.changed)
		l.changed = make(chan struct{})
	}
	return nil
}

// until waits for so many errors.
func (l *errorLog) until(n int) {
	l.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		l.mu.Lock()
		count, changed := l.count, l.changed
		l.mu.Unlock()
		if count >= n {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			l.t.Fatalf("%d errors in the log, want %d", count, n)
		}
	}
}
