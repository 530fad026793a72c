package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// A delivery that fails is tried again when its schedule says so, spread by up to a fifth, and given up after the last time; the clock of the
// server is put on from one attempt to the next.
func TestOutbox_Schedule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		own    []int // of the webhook, in seconds
		pauses []time.Duration
	}{
		{"the server's", nil, []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour}},
		{"the webhook's own", []int{60, 7, 86400}, []time.Duration{time.Minute, 7 * time.Second, 24 * time.Hour}},
		{"one attempt only", []int{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			clockedShops(t, func(t *testing.T, s *apptest.Server, clock *handClock) {
				w := newWitness(t, func(notice) int { return 500 })
				hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) {
					if c.own != nil {
						w.RetryConfiguration = &wire.RetryConfiguration{Delays: c.own}
					}
				})
				ids := sell(t, s, 1)
				for i, want := range c.pauses {
					untilAttempts(s, hook, i+1)
					last, due := instants(s, hook)
					if pause := due.Sub(last); pause < want*8/10 || pause > want*12/10 {
						t.Errorf("the pause after attempt %d is %v, want %v give or take a fifth", i+1, pause, want)
					}
					clock.set(due)
				}
				untilCount(s, hook, "dead", 1)
				if n := w.count(); n != len(c.pauses)+1 {
					t.Errorf("%d attempts, want %d", n, len(c.pauses)+1)
				}
				kinds := s.Strings(`SELECT kind FROM attempt ORDER BY start_instant, kind`)
				if n := len(c.pauses); kinds[0] != "delivery" || len(kinds) != n+1 || slices.ContainsFunc(kinds[1:], func(kind string) bool { return kind != "retry" }) {
					t.Errorf("attempts on record: %v", kinds)
				}
				if entries := errorEntries(s, string(ids[0])); len(entries) != 1 || !strings.Contains(entries[0], "given up after "+strconv.Itoa(len(c.pauses)+1)+" attempt") {
					t.Errorf("Error entries: %q", entries)
				}
				w.sameBytes(t)
			}, patrolled)
		})
	}
}

// untilAttempts waits until the only delivery of a webhook has so many attempts on record and waits for the next one.
func untilAttempts(s *apptest.Server, hook wire.ID, n int) {
	s.Eventually(patience, fmt.Sprintf("%d attempts are recorded", n), func() bool {
		return slices.Equal(s.Strings(`SELECT CAST(attempts AS TEXT) FROM delivery WHERE webhook_id = $1 AND state = 'retrying' AND due_instant > last_update_instant
			AND claimed_by IS NULL`, hook), []string{strconv.Itoa(n)})
	})
}

// instants are when something happened to the only delivery of a webhook, and when it is due.
func instants(s *apptest.Server, hook wire.ID) (last, due time.Time) {
	read := func(column string) time.Time {
		millis, _ := strconv.ParseInt(s.Strings(`SELECT CAST(`+column+` AS TEXT) FROM delivery WHERE webhook_id = $1`, hook)[0], 10, 64)
		return time.UnixMilli(millis)
	}
	return read("last_update_instant"), read("due_instant")
}

// A receiver may ask for a longer pause, up to the longest one of the schedule.
func TestOutbox_RetryAfter(t *testing.T) {
	clockedShops(t, func(t *testing.T, s *apptest.Server, _ *handClock) {
		for asked, want := range map[string]time.Duration{"1800": 30 * time.Minute, "99999": time.Hour, "1": time.Minute, "soon": time.Minute} {
			r := egresstest.NewReceiver(t).Script(egresstest.Answer(429, http.Header{"Retry-After": {asked}}, ""))
			hook := s.Subscribe(r.URL, []string{sale}, func(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{60, 3600}} })
			sell(t, s, 1)
			untilAttempts(s, hook, 1)
			last, due := instants(s, hook)
			if pause := due.Sub(last); pause < want*8/10 || pause > want*12/10 {
				t.Errorf("Retry-After: %s makes the pause %v, want about %v", asked, pause, want)
			}
			s.Call("DELETE", "/api/webhook/"+string(hook), nil).Want(200)
		}
	})
}

// Nobody has to look around for what is due: not for retries, not for what did not fit into the queue, not after an answer that came late.
func TestOutbox_NeedsNoPatrol(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		w := newWitness(t, func(n notice) int {
			if n.Time <= n.Number%4 {
				return 500
			}
			return 200
		})
		s.Subscribe(w.URL, []string{sale})
		s.Subscribe(newWitness(t, nil).URL, []string{sale}, func(w *wire.Webhook) { w.Ordering = wire.OrderedByLinkedObject })
		const n = 300
		ids := sell(t, s, n, func(number int, e map[string]any) {
			e["linkedObjectId"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", number%30)
		})
		w.until(t, "each has come as often as it took", func() bool {
			return !slices.ContainsFunc(ids, func(id wire.ID) bool { return w.times[id] == 0 }) && len(w.notices) >= n/4*(1+2+3+4)
		})
		s.Settled(patience)
		w.sameBytes(t)
	}, quickRetries, smallQueue, unpatrolled)
}

// 410 says that a webhook is not wanted any more: it is switched off, with a reason that people see, and what it is owed waits until they have
// switched it on again.
func TestOutbox_GoneSwitchesTheWebhookOff(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		owed, off := make(chan struct{}), make(chan struct{})
		gone := newWitness(t, nil)
		gone.answer = func(n notice) int {
			if n.Number == 0 {
				gone.hold(owed)
				return 410
			}
			gone.hold(off) // the one that leaves before the 410 is on record
			return 200
		}
		hook := s.Subscribe(gone.URL, []string{sale}, func(w *wire.Webhook) { w.Concurrency = 1 })
		other := newWitness(t, nil)
		s.Subscribe(other.URL, []string{sale})
		ids := sell(t, s, 100)
		close(owed)
		untilCount(s, hook, "dead", 1)
		close(off)
		var w wire.WebhookResponse
		s.Call("GET", "/api/webhook/"+string(hook), nil).Want(200).Decode(&w)
		if w.Webhook.Enabled == nil || *w.Webhook.Enabled || !strings.Contains(w.Webhook.DisabledReason, "410") || w.Webhook.DisabledInstant == 0 {
			t.Errorf("the webhook: enabled %v, %q at %d", w.Webhook.Enabled, w.Webhook.DisabledReason, w.Webhook.DisabledInstant)
		}
		if entries := errorEntries(s, "switched off"); len(entries) != 1 || !strings.Contains(entries[0], string(hook)) {
			t.Errorf("Error entries: %q", entries)
		}
		other.untilAll(t, ids)
		if n := gone.count(); n > 20 { // what was under way until the answer was on record, of a hundred
			t.Errorf("%d requests came to a receiver that said it was gone", n)
		}
		waiting := len(s.Strings(`SELECT webhook_id FROM delivery WHERE webhook_id = $1 AND state IN ('pending', 'delivered')`, hook)) // one look: one may be under way
		if waiting != len(ids)-1 {
			t.Errorf("%d deliveries are owed or done, want all but the one that was refused", waiting)
		}
		// New events are not for a webhook that is off.
		late := sell(t, s, 1)
		other.untilAll(t, late)
		if n := len(s.Strings(`SELECT webhook_id FROM delivery WHERE webhook_id = $1`, hook)); n != len(ids) {
			t.Errorf("%d deliveries, want %d", n, len(ids))
		}

		patch(s, hook, map[string]any{"enabled": true})
		gone.untilAll(t, ids)
		s.Settled(patience)
		var back wire.WebhookResponse
		s.Call("GET", "/api/webhook/"+string(hook), nil).Want(200).Decode(&back)
		if back.Webhook.Enabled != nil || back.Webhook.DisabledReason != "" {
			t.Errorf("switched on again: enabled %v, %q", back.Webhook.Enabled, back.Webhook.DisabledReason)
		}
		gone.onceEach(t, ids)
	})
}

// What is owed to a webhook that is dead stands in the table: memory holds a queue of it and no more, whatever comes in meanwhile. When the receiver
// is back, everything arrives, same bytes, large events too.
func TestOutbox_BacklogStaysInTheTable(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		gate := make(chan struct{})
		w := newWitness(t, nil)
		w.answer = func(notice) int { w.hold(gate); return 200 }
		hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
		large := strings.Repeat("large ", 5000)
		ids := sell(t, s, 1000, func(number int, e map[string]any) {
			if number%100 == 0 {
				e["note"] = large
			}
		})
		w.until(t, "all places are taken", func() bool { return w.open == 16 })
		b, err := s.App.Outbox().Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if loaded := b.Queued + b.UnderWay; loaded > 3*32 || b.Pending != int64(len(ids)) { // a commit may hand over as much as there was room for when it began
			t.Errorf("of %d deliveries %d are in memory, although the queue has 32 places", b.Pending, loaded)
		}
		close(gate)
		s.Settled(patience)
		w.onceEach(t, ids)
		if n := count(s, hook, "delivered"); n != len(ids) {
			t.Errorf("%d deliveries are recorded, want %d", n, len(ids))
		}
		sizes := 0
		for _, n := range w.notices {
			if n.Size > len(large) {
				sizes++
			}
		}
		if want := len(ids) / 100; sizes != want {
			t.Errorf("%d large events arrived, want %d", sizes, want)
		}
	}, smallQueue)
}

// A webhook that is deleted takes with it what it was owed, step by step, and its lane ends.
func TestOutbox_DeletedWebhook(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		gate := make(chan struct{})
		w := newWitness(t, nil)
		w.answer = func(notice) int { w.hold(gate); return 200 }
		hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.Concurrency = 3 })
		sell(t, s, 2500)
		w.until(t, "requests are under way", func() bool { return w.open == 3 })
		s.Call("DELETE", "/api/webhook/"+string(hook), nil).Want(200)
		untilCount(s, hook, "cancelled", 2500)
		close(gate)
		s.Eventually(patience, "its lane has ended", func() bool {
			b, err := s.App.Outbox().Backlog(t.Context())
			return err == nil && b.Lanes == 0
		})
		if n := w.count(); n != 3 {
			t.Errorf("%d requests, want only those that were under way", n)
		}
		if n := count(s, hook, "cancelled"); n != 2500 {
			t.Errorf("%d deliveries are cancelled, want all: an answer that came afterwards counts for nothing", n)
		}
	}, unpatrolled)
}

// A server that was killed has left claims of a process that does not exist any more. The next start frees them.
func TestOutbox_StartFreesWhatACrashLeft(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		w := newWitness(t, nil)
		hook := s.Subscribe(w.URL, []string{sale})
		if err := s.App.Outbox().Pause(t.Context(), hook, "so that nothing is sent"); err != nil {
			t.Fatal(err)
		}
		ids := sell(t, s, 5)
		s.Exec(`UPDATE delivery SET claimed_by = 'killed-1a2b/7', due_instant = 9223372036854775807, claim = claim + 1`)
		s.Exec(`UPDATE webhook_flow SET paused = FALSE`)
		s.Restart()
		w.untilAll(t, ids)
		s.Settled(patience)
		w.onceEach(t, ids)
	}, unpatrolled)
}

// A paused webhook is not asked for its vote and not sent anything; what was under way goes on. When it is resumed it gets everything. The pause
// survives a restart.
func TestOutbox_Pause(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		asked, paused := egresstest.NewReceiver(t), egresstest.NewReceiver(t).Script(egresstest.Status(403)) // would vote no
		s.Subscribe(asked.URL, []string{"user.create"})
		hook := s.Subscribe(paused.URL, []string{"user.create"})
		if err := s.App.Outbox().Pause(t.Context(), hook, "maintenance"); err != nil {
			t.Fatal(err)
		}
		s.Call("POST", "/api/user", user("pause@example.com")).Want(200)
		s.Restart()
		if f := s.App.Outbox().Flow(hook); !f.Paused || f.PauseReason != "maintenance" || f.PausedInstant == 0 {
			t.Errorf("after a restart: %+v", f)
		}
		s.Call("POST", "/api/user", user("pause2@example.com")).Want(200)
		asked.WaitFor(2)
		if n := len(paused.Requests()); n != 0 {
			t.Errorf("the paused webhook got %d requests", n)
		}
		if err := s.App.Outbox().Pause(t.Context(), "00000000-0000-4000-8000-000000000000", ""); err == nil {
			t.Error("a webhook that does not exist can be paused")
		}

		paused.Script(egresstest.Accept())
		if err := s.App.Outbox().Resume(t.Context(), hook); err != nil {
			t.Fatal(err)
		}
		paused.WaitFor(2)
		s.Settled(patience)
		if kinds := s.Strings(`SELECT kind || ' ' || outcome FROM attempt WHERE webhook_id = $1`, hook); !slices.Equal(kinds, []string{"delivery accepted", "delivery accepted"}) {
			t.Errorf("attempts of the paused webhook: %v", kinds)
		}
	}, unpatrolled)
}

// Pausing a webhook whose queue is full gives back what nobody has begun to send; nothing gets lost, nothing comes twice.
func TestOutbox_PauseInTheMiddle(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		gate := make(chan struct{})
		w := newWitness(t, nil)
		w.answer = func(notice) int { w.hold(gate); return 200 }
		hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.Concurrency = 4 })
		ids := sell(t, s, 200)
		w.until(t, "requests are under way", func() bool { return w.open == 4 })
		if err := s.App.Outbox().Pause(t.Context(), hook, ""); err != nil {
			t.Fatal(err)
		}
		close(gate)
		untilCount(s, hook, "delivered", 4)
		s.Eventually(patience, "the queue is empty", func() bool {
			b, err := s.App.Outbox().Backlog(t.Context())
			return err == nil && b.Queued == 0 && b.UnderWay == 0
		})
		more := sell(t, s, 10)
		if n := w.count(); n != 4 {
			t.Errorf("%d requests came, want those 4 that were under way", n)
		}
		if err := s.App.Outbox().Resume(t.Context(), hook); err != nil {
			t.Fatal(err)
		}
		s.Settled(patience)
		w.onceEach(t, append(ids, more...))
	}, smallQueue, unpatrolled)
}

// The events of one object come strictly one after the other to a webhook that wants it so, also when one fails again and again; those of others
// come beside it.
func TestOutbox_Ordered(t *testing.T) {
	const ada, bob = wire.ID("00000000-0000-4000-8000-00000000000a"), wire.ID("00000000-0000-4000-8000-00000000000b")
	shops(t, func(t *testing.T, s *apptest.Server) {
		gate := make(chan struct{})
		w := newWitness(t, nil)
		w.answer = func(n notice) int {
			switch {
			case n.Object == ada && n.Number == 0 && n.Time < 4:
				return 500
			case n.Object == ada && n.Number == 0:
				w.hold(gate)
			}
			return 200
		}
		s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.Ordering = wire.OrderedByLinkedObject })
		first := sell(t, s, 10, about(ada))
		second := sell(t, s, 10, about(bob))
		loose := sell(t, s, 10) // about nothing, in no order
		w.untilAll(t, append(second, loose...))
		w.until(t, "the first one is tried for the fourth time", func() bool { return w.times[first[0]] == 4 })
		w.mu.Lock()
		for _, n := range w.notices {
			if n.Object == ada && n.Number != 0 {
				t.Errorf("number %d overtook number 0", n.Number)
			}
		}
		w.mu.Unlock()
		close(gate)
		w.untilAll(t, first)
		s.Settled(patience)
		inSequence(t, w)
	}, quickRetries, unpatrolled)
}

// inSequence checks that the events of each object have come in the order of their numbers, never two at once.
func inSequence(t *testing.T, w *witness) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	last := map[wire.ID]int{}
	for _, n := range w.notices {
		if n.Object == "" {
			continue
		}
		if before, ok := last[n.Object]; ok && n.Number < before {
			t.Errorf("of object %s number %d came after number %d", n.Object, n.Number, before)
		}
		last[n.Object] = n.Number
	}
	if len(w.clashes) > 0 {
		t.Errorf("%d times two events of one object were open at once", len(w.clashes))
	}
}

// Many events of many objects, some of which fail, with more than fits into the queue.
func TestOutbox_OrderedCrowd(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		w := newWitness(t, func(n notice) int {
			if n.Number%7 == 3 && n.Time == 1 {
				return 500
			}
			return 200
		})
		s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.Ordering = wire.OrderedByLinkedObject })
		ids := sell(t, s, 600, func(number int, e map[string]any) {
			e["linkedObjectId"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", number%60)
		})
		w.untilAll(t, ids)
		s.Settled(patience)
		inSequence(t, w)
	}, quickRetries, smallQueue, unpatrolled)
}

// Servers that are stopped and started again while there is much to do send everything, and nothing twice.
func TestOutbox_RestartsInTheMiddle(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		w := newWitness(t, nil)
		s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.Concurrency = 4 })
		var ids []wire.ID
		for range 3 {
			ids = append(ids, sell(t, s, 200)...)
			w.until(t, "some have come", func() bool { return len(w.notices) >= len(ids)-150 })
			s.Restart()
		}
		w.untilAll(t, ids)
		s.Settled(patience)
		w.onceEach(t, ids)
	}, smallQueue)
}

// A clock that jumps forwards or back delays nothing for longer than a retry may wait, loses nothing, and sends nothing twice.
func TestOutbox_ClockJumps(t *testing.T) {
	clockedShops(t, func(t *testing.T, s *apptest.Server, clock *handClock) {
		w := newWitness(t, func(n notice) int {
			if n.Number%10 == 0 && n.Time == 1 {
				return 500
			}
			return 200
		})
		hook := s.Subscribe(w.URL, []string{sale})
		var ids []wire.ID
		for _, jump := range []time.Duration{0, time.Hour, -2 * time.Hour, 3 * time.Hour, -time.Minute} {
			clock.advance(jump)
			sold := sell(t, s, 100)
			w.untilAll(t, sold)
			ids = append(ids, sold...)
		}
		s.Eventually(patience, "nothing waits but retries", func() bool { return count(s, hook, "pending") == 0 })
		clock.advance(3 * time.Hour)
		s.Settled(patience)
		w.mu.Lock()
		defer w.mu.Unlock()
		if want := len(ids) + len(ids)/10; len(w.notices) != want {
			t.Errorf("%d requests, want %d", len(w.notices), want)
		}
	}, smallQueue, patrolled)
}

// A receiver that is slow does not keep the feeder busy: while everything due is in the queue there is nothing to look for.
func TestOutbox_QuietWhileNothingIsDue(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite, unpatrolled)
	s.Enable(wire.None, sale)
	gate := make(chan struct{})
	w := newWitness(t, nil)
	w.answer = func(notice) int { w.hold(gate); return 200 }
	hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
	if err := s.App.Outbox().Pause(t.Context(), hook, "so that everything goes through the table"); err != nil {
		t.Fatal(err)
	}
	ids := sell(t, s, 50)
	if err := s.App.Outbox().Resume(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	w.until(t, "all places are taken", func() bool { return w.open == 16 })
	slow := newWitness(t, nil)
	s.Subscribe(slow.URL, []string{sale}, func(w *wire.Webhook) { w.RateLimit = 20 })
	tick := sell(t, s, 10)
	slow.until(t, "time goes by", func() bool { return len(slow.notices) > 0 })
	begin := s.App.Store().Stats().Views
	slow.untilAll(t, tick)
	// The other lane took more than 400 ms for this. One that looks fifty times a second would show.
	if views := s.App.Store().Stats().Views - begin; views > 10 {
		t.Errorf("%d looks at the table, while there was nothing to find", views)
	}
	close(gate)
	w.untilAll(t, ids)
}

// A server that is stopped leaves no goroutine behind, whatever it was at. It runs alone, so that those of other tests do not matter.
func TestOutbox_StopLeavesNothingBehind(t *testing.T) {
	for _, engine := range dbtest.Engines() {
		dbtest.Options(t, engine) // starts the database server, if it is not running yet
		before := goleak.IgnoreCurrent()
		t.Run(string(engine), func(t *testing.T) {
			s := apptest.Start(t, engine)
			s.Enable(wire.None, sale)
			s.Enable(wire.AbsoluteMajority, "user.create")
			healthy, hanging, gone := newWitness(t, nil), egresstest.NewReceiver(t).Script(egresstest.Hang()), egresstest.NewReceiver(t).Script(egresstest.Reset())
			s.Subscribe(healthy.URL, []string{sale, "user.create"})
			s.Subscribe(hanging.URL, []string{sale}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
			s.Subscribe(gone.URL, []string{sale})
			s.Subscribe(healthy.URL, []string{sale}, func(w *wire.Webhook) { w.RateLimit = 0.1 })
			s.Subscribe(healthy.URL, []string{sale}, func(w *wire.Webhook) { w.Ordering = wire.OrderedByLinkedObject })
			s.Call("POST", "/api/user", user("leak@example.com")).Want(200)
			healthy.untilAll(t, sell(t, s, 50))
			hanging.WaitFor(16)
			s.Cut()
		})
		goleak.VerifyNone(t, before)
	}
}
