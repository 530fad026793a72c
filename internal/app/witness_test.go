package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// notice is one request as a witness sees it.
type notice struct {
	ID     wire.ID // of the event
	Number int
	Object wire.ID
	Note   string
	Time   int // 1 when this event comes for the first time, 2 for the second
	Size   int // of the body
}

// witness is a receiver that keeps a record of what it gets and of what is open at once.
type witness struct {
	*egresstest.Receiver

	mu      sync.Mutex
	answer  func(n notice) int // gives the status; may wait
	notices []notice           // in the order of arrival
	times   map[wire.ID]int
	bodies  map[wire.ID]string
	open    int // requests without an answer yet
	most    int // of those at once, since the last look
	clashes []wire.ID
	busy    map[wire.ID]int // open ones by object
	changed chan struct{}   // closed and replaced with every change
	ended   chan struct{}
}

// newWitness starts a receiver that answers as told; nil accepts everything.
func newWitness(t *testing.T, answer func(n notice) int) *witness {
	w := &witness{
		Receiver: egresstest.NewReceiver(t), answer: answer, times: map[wire.ID]int{}, bodies: map[wire.ID]string{}, busy: map[wire.ID]int{},
		changed: make(chan struct{}), ended: make(chan struct{}),
	}
	w.Script(egresstest.Handle(w.serve))
	t.Cleanup(func() { close(w.ended) })
	return w
}

func (w *witness) serve(rw http.ResponseWriter, q *http.Request) {
	var body struct {
		Event struct {
			ID             wire.ID `json:"id"`
			Number         int     `json:"number"`
			LinkedObjectID wire.ID `json:"linkedObjectId"`
			Note           string  `json:"note"`
		} `json:"event"`
	}
	raw, err := io.ReadAll(q.Body)
	if err != nil || json.Unmarshal(raw, &body) != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	e := body.Event
	n := notice{ID: e.ID, Number: e.Number, Object: e.LinkedObjectID, Note: e.Note, Size: len(raw)}
	var answer func(notice) int
	w.update(func() {
		answer = w.answer
		w.times[n.ID]++
		n.Time = w.times[n.ID]
		if before, again := w.bodies[n.ID]; again && before != string(raw) {
			w.bodies[n.ID] = "two different bodies"
		} else {
			w.bodies[n.ID] = string(raw)
		}
		w.notices = append(w.notices, n)
		w.open++
		w.most = max(w.most, w.open)
		if w.busy[n.Object]++; n.Object != "" && w.busy[n.Object] > 1 {
			w.clashes = append(w.clashes, n.Object)
		}
	})
	status := 200
	if answer != nil {
		status = answer(n)
	}
	w.update(func() {
		w.open--
		w.busy[n.Object]--
	})
	rw.WriteHeader(status)
}

func (w *witness) update(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	close(w.changed)
	w.changed = make(chan struct{})
}

// answers changes what the witness does from now on; nil accepts everything.
func (w *witness) answers(answer func(n notice) int) {
	w.update(func() { w.answer = answer })
}

// hold waits until the gate is closed, or the test ends.
func (w *witness) hold(gate <-chan struct{}) {
	select {
	case <-gate:
	case <-w.ended:
	}
}

// until waits until the condition holds. It is looked at with w.mu held, whenever something comes or is answered.
func (w *witness) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		w.mu.Lock()
		ok, changed, count := holds(), w.changed, len(w.notices)
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("after %v and %d requests it does not hold that %s", patience, count, what)
		}
	}
}

// untilAll waits until each of the events has come.
func (w *witness) untilAll(t *testing.T, ids []wire.ID) {
	t.Helper()
	w.until(t, fmt.Sprintf("%d events have come", len(ids)), func() bool {
		return !slices.ContainsFunc(ids, func(id wire.ID) bool { return w.times[id] == 0 })
	})
}

// onceEach checks that each of the events has come exactly once, and nothing else has.
func (w *witness) onceEach(t *testing.T, ids []wire.ID) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if w.times[id] != 1 {
			t.Errorf("event %s came %d times", id, w.times[id])
		}
	}
	if len(w.notices) != len(ids) {
		t.Errorf("%d requests, want %d", len(w.notices), len(ids))
	}
}

// sameBytes checks that no event came with two different bodies.
func (w *witness) sameBytes(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, body := range w.bodies {
		if body == "two different bodies" {
			t.Errorf("event %s came with %s", id, body)
		}
	}
}

// count returns how many requests have come.
func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.notices)
}

// peak returns how many requests were open at once since it was last called.
func (w *witness) peak() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	peak := w.most
	w.most = w.open
	return peak
}

// handClock is the clock of a server that goes on only when it is told to.
type handClock struct{ millis atomic.Int64 }

func newHandClock() *handClock {
	c := &handClock{}
	c.set(time.Now())
	return c
}

func (c *handClock) set(at time.Time)        { c.millis.Store(at.UnixMilli()) }
func (c *handClock) advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }

// drive makes it the clock of a server.
func (c *handClock) drive(o *app.Options) {
	o.Clock = func() time.Time { return time.UnixMilli(c.millis.Load()) }
}

// sale is the type of the events that the tests of the outbox publish.
const sale = "custom.sale.complete"

// sell publishes events, numbered from 0, in batches; change may say more about each. It returns their ids.
func sell(t *testing.T, s *apptest.Server, n int, change ...func(number int, e map[string]any)) (ids []wire.ID) {
	t.Helper()
	var events []map[string]any
	for number := range n {
		e := map[string]any{"type": sale, "tenantId": s.Tenant, "number": number}
		for _, c := range change {
			c(number, e)
		}
		events = append(events, e)
	}
	for batch := range slices.Chunk(events, 1000) {
		var response wire.EventBatchResponse
		s.Call("POST", "/api/event/batch", map[string]any{"events": batch}).Want(200).Decode(&response)
		for _, e := range response.Events {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// about makes events be about one object.
func about(object wire.ID) func(int, map[string]any) {
	return func(_ int, e map[string]any) { e["linkedObjectId"] = object }
}

// noted makes events carry a note.
func noted(note string) func(int, map[string]any) {
	return func(_ int, e map[string]any) { e["note"] = note }
}

// shops runs fn as a parallel subtest on every engine, with a server whose tenant publishes sales.
func shops(t *testing.T, fn func(t *testing.T, s *apptest.Server), options ...apptest.Option) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, sale)
		fn(t, s)
	}, options...)
}

// clockedShops is shops with a clock for each server that the test puts on.
func clockedShops(t *testing.T, fn func(t *testing.T, s *apptest.Server, clock *handClock), options ...apptest.Option) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			clock := newHandClock()
			s := apptest.Start(t, engine, append([]apptest.Option{clock.drive}, options...)...)
			s.Enable(wire.None, sale)
			fn(t, s, clock)
		})
	}
}

// shopCluster is n servers on one PostgreSQL whose tenant publishes sales.
func shopCluster(t *testing.T, n int, options ...apptest.Option) []*apptest.Server {
	t.Parallel()
	all := apptest.StartCluster(t, n, options...)
	all[0].Enable(wire.None, sale)
	for _, s := range all[1:] {
		s.Eventually(patience, "the other server knows the event type", func() bool {
			return s.Call("POST", "/api/event", map[string]any{"event": map[string]any{"type": sale, "tenantId": s.Tenant}}).Status == 200
		})
	}
	return all
}

// unpatrolled leaves everything to those who announce what they do: nobody looks for what was missed before the tests have lost patience.
func unpatrolled(o *app.Options) { o.Outbox.Poll = time.Hour }

// patrolled makes the outbox look around all the time, for tests that put the clock on.
func patrolled(o *app.Options) { o.Outbox.Poll = 10 * time.Millisecond }

// smallQueue makes what does not fit into memory easy to reach.
func smallQueue(o *app.Options) { o.Outbox.Queue = 32 }

// patch changes a webhook.
func patch(s *apptest.Server, id wire.ID, change map[string]any) {
	s.Call("PATCH", "/api/webhook/"+string(id), map[string]any{"webhook": change}).Want(200)
}

// count is the number of deliveries to a webhook in a state.
func count(s *apptest.Server, id wire.ID, state string) int {
	return len(s.Strings(`SELECT webhook_id FROM delivery WHERE webhook_id = $1 AND state = $2`, id, state))
}

// untilCount waits until so many deliveries to a webhook are in a state.
func untilCount(s *apptest.Server, id wire.ID, state string, n int) {
	s.Eventually(patience, fmt.Sprintf("%d deliveries are %s", n, state), func() bool { return count(s, id, state) == n })
}

// untilRecorded waits until everything that has come to the witness is on record, and nothing is under way or queued.
func untilRecorded(s *apptest.Server, w *witness) {
	s.Eventually(patience, "all attempts are recorded", func() bool {
		b, err := s.App.Outbox().Backlog(context.Background())
		return err == nil && b.UnderWay == 0 && b.Queued == 0 && len(s.Strings(`SELECT id FROM attempt`)) == w.count()
	})
}

// errorEntries are the Error entries of the event log that contain the text.
func errorEntries(s *apptest.Server, text string) []string {
	return s.Strings(`SELECT message FROM event_log WHERE type = 'Error' AND message LIKE '%' || $1 || '%' ORDER BY id`, text)
}
