package live_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/live"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	sale     = "custom.sale.complete"
	patience = 20 * time.Second
)

// soon lets deliveries that failed be tried again at once.
func soon(o *app.Options) { o.Outbox.Schedule = []time.Duration{50 * time.Millisecond, time.Hour} }

// screen is what somebody who watches has before the eyes: rows by their keys.
type screen struct {
	*live.Watcher

	t          *testing.T
	cursor     live.Cursor
	gap        bool
	published  int
	of         int
	events     map[wire.ID]live.Event
	order      []wire.ID // in which events came first
	attempts   map[wire.ID]live.Attempt
	deliveries map[string]live.Delivery
	webhooks   map[wire.ID]live.Webhook
}

// watch begins to watch; the first batch has come when it returns.
func watch(t *testing.T, s *apptest.Server, after live.Cursor) *screen {
	t.Helper()
	w, err := s.App.Live().Watch(t.Context(), after)
	if err != nil {
		t.Fatal(err)
	}
	c := &screen{
		Watcher: w, t: t, events: map[wire.ID]live.Event{}, attempts: map[wire.ID]live.Attempt{}, deliveries: map[string]live.Delivery{},
		webhooks: map[wire.ID]live.Webhook{},
	}
	c.take()
	return c
}

// take takes the next batch.
func (c *screen) take() {
	c.t.Helper()
	select {
	case b, ok := <-c.Batches:
		if !ok {
			c.t.Fatalf("the batches have ended: %v", c.Err())
		}
		c.cursor, c.gap, c.published, c.of = b.Cursor, c.gap || b.Gap, c.published+b.Published, max(c.of, b.Of)
		for _, e := range b.Events {
			if _, known := c.events[e.ID]; !known {
				c.order = append(c.order, e.ID)
			}
			c.events[e.ID] = e
		}
		for _, a := range b.Attempts {
			c.attempts[a.ID] = a
		}
		for _, d := range b.Deliveries {
			c.deliveries[string(d.EventID)+" "+string(d.WebhookID)] = d
		}
		for _, w := range b.Webhooks {
			c.webhooks[w.ID] = w
		}
	case <-time.After(patience):
		c.t.Fatalf("no batch came for %v", patience)
	}
}

// until takes batches until the condition holds.
func (c *screen) until(what string, holds func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			c.t.Fatalf("after %v it does not hold that %s: events %v, deliveries %v, attempts %v", patience, what, c.events, c.deliveries, c.attempts)
		}
		c.take()
	}
}

// has tells whether there are events, deliveries in that state and attempts, so many of each.
func (c *screen) has(events int, state string, deliveries, attempts int) func() bool {
	return func() bool {
		n := 0
		for _, d := range c.deliveries {
			if d.State == state {
				n++
			}
		}
		return len(c.events) == events && n == deliveries && len(c.attempts) == attempts
	}
}

func sell(t *testing.T, s *apptest.Server, n int) (ids []wire.ID) {
	t.Helper()
	for batch := range slices.Chunk(make([]int, n), 1000) {
		var events []map[string]any
		for i := range batch {
			events = append(events, map[string]any{"type": sale, "tenantId": s.Tenant, "number": i, "secretWord": "rosebud"})
		}
		var response wire.EventBatchResponse
		s.Call("POST", "/api/event/batch", map[string]any{"events": events}).Want(200).Decode(&response)
		for _, e := range response.Events {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

func user(email string) map[string]any {
	return map[string]any{"user": map[string]any{"email": email, "password": "correct horse battery"}}
}

// What is published, tried, delivered, refused and given up is told as it happens, and nothing of a body.
func TestWatch_TellsWhatHappens(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, sale)
		s.Enable(wire.AbsoluteMajority, "user.create")
		sell(t, s, 3) // before anybody watches: no news
		good := egresstest.NewReceiver(t)
		bad := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusTeapot))
		first, second := s.Subscribe(good.URL, []string{sale}), s.Subscribe(bad.URL, []string{sale, "user.create"})
		c := watch(t, s, "")
		if len(c.events)+len(c.webhooks) != 0 || c.gap || c.cursor == "" {
			t.Errorf("who begins to watch is told %v %v, a gap: %v, the cursor %q", c.events, c.webhooks, c.gap, c.cursor)
		}

		sold := sell(t, s, 1)[0]
		c.until("one delivery has arrived, the other failed twice", func() bool {
			d := c.deliveries[string(sold)+" "+string(second)]
			return c.deliveries[string(sold)+" "+string(first)].State == "delivered" && d.State == "retrying" && d.Attempts == 2 && d.NextAttemptInstant > 0 && len(c.attempts) == 3
		})
		e := c.events[sold]
		if e.Type != sale || e.TenantID != s.Tenant || e.Result != wire.EventSucceeded || e.Instant == 0 {
			t.Errorf("the event is told as %+v", e)
		}
		for _, a := range c.attempts {
			if a.EventID != sold || a.EventType != sale || a.Start == 0 || a.End < a.Start || a.WebhookID == second && (a.StatusCode != http.StatusTeapot || a.URL != bad.URL) {
				t.Errorf("an attempt is told as %+v", a)
			}
		}
		if text := fmt.Sprint(c.events, c.attempts, c.deliveries); strings.Contains(text, "rosebud") {
			t.Errorf("a body is told: %s", text)
		}

		s.Call("POST", "/api/user", user("no@example.com")).Want(504)
		c.until("the refused event is told, with the vote", func() bool {
			for _, e := range c.events {
				if e.Type == "user.create" && e.Result == wire.EventFailed && e.DecidedInstant > 0 {
					return len(c.attempts) == 4
				}
			}
			return false
		})
		s.Call("POST", "/api/delivery/webhook/"+string(first)+"/pause", map[string]any{"reason": "tidying"}).Want(200)
		c.until("the pause is told", func() bool { return c.webhooks[first].State == live.Paused && c.webhooks[first].Reason == "tidying" })
		s.Call("POST", "/api/delivery/webhook/"+string(first)+"/resume", nil).Want(200)
		c.until("its end is told", func() bool { return c.webhooks[first].State == live.Healthy })
	}, soon)
}

// A vote that takes its time is told while it runs, and again when it is decided.
func TestWatch_Running(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		s.Subscribe(r.URL, []string{"user.create"})
		c := watch(t, s, "")
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Call("POST", "/api/user", user("slow@example.com"))
		}()
		result := func() (is wire.WebhookEventResult) {
			for _, e := range c.events {
				if e.Type == "user.create" {
					is = e.Result
				}
			}
			return is
		}
		c.until("it is asked about", func() bool { return result() == wire.EventRunning })
		close(release)
		<-done
		c.until("it is committed", func() bool { return result() == wire.EventSucceeded })
	})
}

// An event of long ago that is sent again is told, also when it is delivered at once, between two looks.
func TestWatch_SentAgain(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, sale)
		r := egresstest.NewReceiver(t)
		hook := s.Subscribe(r.URL, []string{sale})
		old := sell(t, s, 700)[0] // more than a reader that begins looks at
		s.Settled(patience)
		s.Exec(`UPDATE delivery SET last_update_instant = 1`)
		s.Exec(`UPDATE attempt SET start_instant = 1, end_instant = 1`)
		c := watch(t, s, "")
		s.Call("POST", "/api/delivery/"+string(old)+"/"+string(hook)+"/replay", nil).Want(200)
		c.until("the delivery is told", func() bool {
			d := c.deliveries[string(old)+" "+string(hook)]
			return d.Replays == 1 && d.State == "delivered"
		})
		if len(c.attempts) != 1 || len(c.deliveries) != 1 {
			t.Errorf("told are the attempts %v and the deliveries %v, want those that are new", c.attempts, c.deliveries)
		}
	})
}

// Who lost the connection goes on where it was.
func TestWatch_Cursor(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, sale)
		r := egresstest.NewReceiver(t)
		s.Subscribe(r.URL, []string{sale})
		c := watch(t, s, "")
		sell(t, s, 2)
		c.until("both have arrived", c.has(2, "delivered", 2, 2))

		missed := sell(t, s, 5)
		s.Settled(patience)
		back := watch(t, s, c.cursor)
		if !slices.Equal(back.order, missed) || back.gap || back.published != 5 {
			t.Errorf("who comes back is told the events %v, %d of them new, a gap: %v; want %v", back.order, back.published, back.gap, missed)
		}
		for _, id := range missed {
			if !slices.ContainsFunc(mapValues(back.deliveries), func(d live.Delivery) bool { return d.EventID == id && d.State == "delivered" }) {
				t.Errorf("nothing is told of the delivery of %s", id)
			}
		}
		more := sell(t, s, 1)
		back.until("what happens then is told, too", func() bool { _, told := back.events[more[0]]; return told })

		list, err := s.App.Live().Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		after := sell(t, s, 1)
		if page := watch(t, s, list); !slices.Equal(page.order, after) {
			t.Errorf("who goes on from a list is told %v, want %v", page.order, after)
		}
		sell(t, s, 600) // more than is caught up with
		if long := watch(t, s, c.cursor); !long.gap || len(long.events) == 0 {
			t.Errorf("who was away for long is told a gap: %v, and %d events", long.gap, len(long.events))
		}
		for _, bad := range []live.Cursor{
			"x", "-", "1", "1-", "-1-1", "99999999999999999999-1", "5-1-9", "999999999-1", "1-99999999999999", live.Cursor(strings.Repeat("1-", 5000)), "1-1",
		} {
			if odd := watch(t, s, bad); !odd.gap || odd.cursor == "" {
				t.Errorf("with the cursor %.20q: a gap: %v, the next cursor %q", bad, odd.gap, odd.cursor)
			}
		}
	})
}

func mapValues[V any](m map[string]V) (all []V) {
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// A transaction that drew the smaller number and commits later is not lost, neither for who watches nor for who comes back.
func TestWatch_OutOfOrder(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.PostgreSQL)
	insert := func(tx *db.Tx, id string) error {
		_, err := tx.Exec(`INSERT INTO event (id, operation_id, type, transaction_type, result, test, body, insert_instant, last_update_instant)
			VALUES ($1, $1, 'user.update', 'None', 'Succeeded', FALSE, '{}', $2, $2)`, id, tx.NowMillis())
		return err
	}
	drawn, release, committed := make(chan struct{}), make(chan struct{}), make(chan error)
	c := watch(t, s, "")
	go func() {
		committed <- s.App.Store().Update(t.Context(), func(tx *db.Tx) error {
			err := insert(tx, "slow")
			close(drawn)
			<-release
			return err
		})
	}()
	<-drawn
	if err := s.App.Store().Update(t.Context(), func(tx *db.Tx) error { return insert(tx, "fast") }); err != nil {
		t.Fatal(err)
	}
	c.until("the faster one is told", func() bool { _, told := c.events["fast"]; return told })
	joined := watch(t, s, "") // begins in between
	cursor := c.cursor
	close(release)
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	c.until("the slower one is told", func() bool { _, told := c.events["slow"]; return told })
	joined.until("the slower one is told to who came in between", func() bool { _, told := joined.events["slow"]; return told })
	back := watch(t, s.Join(), cursor)
	if _, told := back.events["slow"]; !told || back.gap || back.published != 1 {
		t.Errorf("who comes back is told %v, %d of them new, a gap: %v", back.events, back.published, back.gap)
	}
}

// What another process does is told as well, and its watchers can go on here.
func TestWatch_OtherProcess(t *testing.T) {
	t.Parallel()
	here := apptest.Start(t, db.PostgreSQL)
	here.Enable(wire.None, sale)
	r := egresstest.NewReceiver(t)
	hook := here.Subscribe(r.URL, []string{sale})
	there := here.Join()
	old := sell(t, here, 700)[0]
	here.Settled(patience)
	here.Exec(`UPDATE delivery SET last_update_instant = 1`)
	here.Exec(`UPDATE attempt SET start_instant = 1, end_instant = 1`)

	c := watch(t, here, "")
	sold := sell(t, there, 1)[0]
	c.until("the event of the other process is told", func() bool { return c.deliveries[string(sold)+" "+string(hook)].State == "delivered" })
	there.Call("POST", "/api/delivery/webhook/"+string(hook)+"/pause", map[string]any{"reason": "there"}).Want(200)
	c.until("the pause is told", func() bool { return c.webhooks[hook].State == live.Paused })
	there.Call("POST", "/api/delivery/webhook/"+string(hook)+"/resume", nil).Want(200)
	there.Call("POST", "/api/delivery/"+string(old)+"/"+string(hook)+"/replay", nil).Want(200)
	c.until("what is sent again is told", func() bool {
		d := c.deliveries[string(old)+" "+string(hook)]
		return d.Replays == 1 && d.State == "delivered"
	})
	more := sell(t, here, 1)[0]
	if back := watch(t, there, c.cursor); back.gap || back.events[more].ID != more {
		t.Errorf("with a cursor of the other process: a gap: %v, told %v", back.gap, back.events)
	}
}

// When more happens than can be shown, some of it is, and the rest is counted.
func TestWatch_Samples(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, sale)
		c := watch(t, s, "")
		sell(t, s, 3000)
		c.until("all are counted", func() bool { return c.published >= 3000 })
		if c.published > 3100 || c.of < 2 || len(c.events) > 3000/c.of*2+200 || len(c.events) < 50 {
			t.Errorf("%d were published, 1 of %d shown: %d", c.published, c.of, len(c.events))
		}
	})
}

// Who does not take its batches is let go, and nobody else waits for it.
func TestWatch_Slow(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	s.Enable(wire.None, sale)
	c := watch(t, s, "")
	slow, err := s.App.Live().Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for slow.Err() == nil { // each batch is one that slow does not take
		sell(t, s, 1)
		c.take()
	}
	left := 0
	for range slow.Batches {
		left++
	}
	if !errors.Is(slow.Err(), live.ErrSlow) || left == 0 || left > 20 {
		t.Errorf("the slow one ends with %v after %d batches", slow.Err(), left)
	}
	sell(t, s, 1)
	c.take()
}

// The reader ends with the last who watches, and another one begins with the next.
func TestWatch_NobodyWatches(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			var all []*live.Watcher
			for range 3 {
				w, err := s.App.Live().Watch(ctx, "")
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, w)
			}
			cancel()
			for _, w := range all {
				for range w.Batches {
					continue
				}
				if !errors.Is(w.Err(), context.Canceled) {
					t.Errorf("a watcher ends with %v", w.Err())
				}
			}
			s.App.Live().Quiet()
		}
	})
}

// A server that is stopped lets everybody go at once and leaves nothing behind. It runs alone, so that goroutines of other tests do not matter.
func TestWatch_Stop(t *testing.T) {
	for _, engine := range dbtest.Engines() {
		dbtest.Options(t, engine) // starts the database server, if it is not running yet
		before := goleak.IgnoreCurrent()
		t.Run(string(engine), func(t *testing.T) {
			s := apptest.Start(t, engine)
			c, other := watch(t, s, ""), watch(t, s, "")
			service := s.App.Live()
			s.Stop()
			for _, w := range []*screen{c, other} {
				for range w.Batches {
					continue
				}
				if !errors.Is(w.Err(), live.ErrStopped) {
					t.Errorf("a watcher ends with %v", w.Err())
				}
			}
			if _, err := service.Watch(t.Context(), ""); !errors.Is(err, live.ErrStopped) {
				t.Errorf("watching a stopped server: %v", err)
			}
		})
		goleak.VerifyNone(t, before)
	}
}
