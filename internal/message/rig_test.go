package message_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	home      = wire.ID("a0000000-0000-4000-8000-00000000000a") // the tenant
	user      = wire.ID("b0000000-0000-4000-8000-00000000000b")
	twoFactor = wire.ID("c0000000-0000-4000-8000-00000000000c")
	broken    = wire.ID("d0000000-0000-4000-8000-00000000000d") // a template
	nowhere   = wire.ID("e0000000-0000-4000-8000-00000000000e")

	number = "+49 170 1234567"
	code   = "483920"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// texts are Templates with one good and one bad template of each kind.
type texts struct{}

func (texts) Text(_ context.Context, id wire.ID, languages []string, model map[string]any) (message.Rendered, error) {
	switch id {
	case twoFactor:
		r := message.Rendered{Name: "Two Factor", Reason: "no language of the user has a text", Text: fmt.Sprint("Your code is ", model["code"])}
		if len(languages) > 0 && languages[0] == "de" {
			r.Locale, r.Reason, r.Text = "de", "first preferred language", fmt.Sprint("Ihr Code ist ", model["code"])
		}
		r.Mail = wire.Email{Subject: "A code", Text: r.Text, From: wire.EmailAddress{Address: "herald@example.com"}}
		return r, nil
	case broken:
		return message.Rendered{Name: "Broken", Locale: "de"}, fmt.Errorf("line 3, column 7: %v has no member name", model["code"])
	}
	return message.Rendered{}, problem.ErrNotFound
}

func (t texts) Mail(ctx context.Context, id wire.ID, languages []string, model map[string]any) (message.Rendered, error) {
	return t.Text(ctx, id, languages, model)
}

// counts are Metrics.
type counts struct {
	mu  sync.Mutex
	all []string
}

func (c *counts) Message(kind, state string, _ time.Duration) { c.add(kind + " " + state) }
func (c *counts) MessageAttempt(kind, outcome string, _ time.Duration) {
	c.add(kind + " attempt " + outcome)
}

func (c *counts) add(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, text)
}

func (c *counts) want(t *testing.T, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if fmt.Sprint(c.all) != fmt.Sprint(want) {
		t.Errorf("counted %q, want %q", c.all, want)
	}
}

// ways are the real ones. A test may replace the mail server.
type ways struct {
	message.Through

	mail func(tenant wire.ID) (*message.Way, error)
}

func (w *ways) Mail(ctx context.Context, tenant wire.ID) (*message.Way, error) {
	if w.mail != nil {
		return w.mail(tenant)
	}
	return w.Through.Mail(ctx, tenant)
}

// rig is a Sender on an empty store that has a tenant, with real messengers that send to real receivers. Its clock stands still, and pauses are
// noted instead of waited for.
type rig struct {
	*message.Sender

	t          testing.TB
	d          *db.DB
	now        *atomic.Int64
	messengers *messenger.Service
	tenants    *tenant.Service
	ways       *ways
	counts     *counts
	log        *safeBuffer

	mu     sync.Mutex
	pauses []time.Duration
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func each(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			now := &atomic.Int64{}
			now.Store(noon.UnixMilli())
			d := dbtest.Open(t, engine, dbtest.WithClock(func() time.Time { return time.UnixMilli(now.Load()) }))
			r := newRig(t, d, now, "node-1")
			if err := r.tenants.Bootstrap(t.Context(), home); err != nil {
				t.Fatal(err)
			}
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			fn(t, r)
		})
	}
}

func newRig(t testing.TB, d *db.DB, now *atomic.Int64, node string) *rig {
	t.Helper()
	out, err := egress.New(egress.Options{Policy: egress.Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	sealer := key.NewSealer(make([]byte, key.Size))
	r := &rig{t: t, d: d, now: now, counts: &counts{}, log: &safeBuffer{}, tenants: tenant.New(d, sealer)}
	r.messengers = messenger.New(messenger.Options{DB: d, Sealer: sealer, Egress: out, Clock: d.Now})
	r.ways = &ways{Through: message.Through{Messengers: r.messengers, Tenants: r.tenants}}
	r.Sender = message.New(message.Options{
		DB: d, Journal: journal.New(d), Tenants: r.tenants, Ways: r.ways, Templates: texts{}, RecipientKey: []byte("a key for hashes"), Node: node, Metrics: r.counts,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	r.OnPause(func(_ context.Context, d time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pauses = append(r.pauses, d)
		r.pass(d)
	})
	return r
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) { r.now.Add(d.Milliseconds()) }

// messenger makes a Generic messenger that sends to the receiver.
func (r *rig) messenger(name string, to *egresstest.Receiver, change ...func(*wire.Messenger)) wire.ID {
	r.t.Helper()
	m := wire.Messenger{Name: name, Type: wire.Generic, URL: to.URL, ConnectTimeout: 2000, ReadTimeout: 5000}
	for _, edit := range change {
		edit(&m)
	}
	m, err := r.messengers.Create(r.t.Context(), "", m)
	if err != nil {
		r.t.Fatal(err)
	}
	return m.ID
}

// request is a usual one.
func request(messengers ...wire.ID) message.Request {
	return message.Request{
		Tenant: home, User: &wire.User{ID: user}, Languages: []string{"de"}, Kind: wire.KindSMS, To: number, Purpose: "two-factor", Template: twoFactor,
		Model: map[string]any{"code": code}, Code: code, Messengers: messengers,
	}
}

// send sends and wants the state, and the code of the problem, "" for none. The record says the same.
func (r *rig) send(q message.Request, state wire.MessageState, problemCode string) wire.Message {
	r.t.Helper()
	m, err := r.Send(r.t.Context(), q)
	got := ""
	if p, ok := problem.As(err); ok {
		got = append(p.General, problem.Detail{})[0].Code
	} else if err != nil {
		r.t.Fatal(err)
	}
	if m.State != state || got != problemCode {
		r.t.Fatalf("the message is %s (%s), the error %q; want %s, %q", m.State, m.Failure, got, state, problemCode)
	}
	limited, notSent := errors.Is(err, message.ErrLimited), errors.Is(err, message.ErrNotSent)
	if limited != (state == wire.MessageLimited) || notSent != (state == wire.MessageFailed || state == wire.MessageUnknown) {
		r.t.Errorf("%s: limited %v, not sent %v", state, limited, notSent)
	}
	if m.ID == "" {
		return m
	}
	stored, err := r.Load(r.t.Context(), m.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	if fmt.Sprintf("%+v", stored) != fmt.Sprintf("%+v", m) {
		r.t.Errorf("the record is\n%+v, the answer was\n%+v", stored, m)
	}
	return m
}

// strings runs a query with one text column.
func (r *rig) strings(query string, args ...any) (all []string) {
	r.t.Helper()
	err := r.d.View(r.t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(query, args...)
		all, err = db.Collect(rows, err, func(rows *sql.Rows) (one string, err error) { return one, rows.Scan(&one) })
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *rig) exec(query string, args ...any) {
	r.t.Helper()
	err := r.d.Update(r.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// entries are the messages of the event log of that type.
func (r *rig) entries(kind wire.EventLogType) []string {
	return r.strings(`SELECT message FROM event_log WHERE type = $1 ORDER BY id`, string(kind))
}

// wantEntry wants exactly one entry of the type, with all of the texts.
func (r *rig) wantEntry(kind wire.EventLogType, texts ...string) {
	r.t.Helper()
	all := r.entries(kind)
	if len(all) != 1 {
		r.t.Fatalf("%d entries of the type %s: %q", len(all), kind, all)
	}
	for _, text := range texts {
		if !strings.Contains(all[0], text) {
			r.t.Errorf("the entry does not say %q:\n%s", text, all[0])
		}
	}
}

// limit gives the tenant limits of its own.
func (r *rig) limit(limits string) {
	r.t.Helper()
	_, err := r.tenants.Update(r.t.Context(), home, func(t wire.Tenant) (wire.Tenant, []wire.ID, error) {
		t.Extra["messageLimits"] = []byte(limits)
		return t, nil, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// everything is all that the store has, as text: each row of each table.
func (r *rig) everything() string {
	r.t.Helper()
	var b strings.Builder
	for _, table := range dbtest.Everything(r.t, r.d) {
		b.WriteString(strings.Join(table.Lines(), "\n") + "\n")
	}
	return b.String()
}
