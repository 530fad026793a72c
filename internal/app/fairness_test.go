package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// A webhook that hangs keeps its own deliveries waiting, and those of the nine others arrive meanwhile.
func TestFairness_OneHangsAmongTen(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		var healthy []*witness
		for range 9 {
			w := newWitness(t, nil)
			healthy = append(healthy, w)
			s.Subscribe(w.URL, []string{sale})
		}
		hanging := newWitness(t, nil)
		gate := make(chan struct{})
		hanging.answer = func(notice) int { hanging.hold(gate); return 200 }
		s.Subscribe(hanging.URL, []string{sale}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
		ids := sell(t, s, 100) // more than the queue of the hanging one has room for
		for _, w := range healthy {
			w.untilAll(t, ids)
		}
		hanging.until(t, "all its places are taken", func() bool { return hanging.open == 16 })
		if n := hanging.count(); n != 16 {
			t.Errorf("%d requests to the hanging webhook, want as many as it may have at once", n)
		}
		close(gate)
		s.Settled(patience)
		hanging.onceEach(t, ids)
	}, smallQueue)
}

// However many retries hang, new events arrive.
func TestFairness_FirstAttemptsBesideRetries(t *testing.T) {
	for _, c := range []struct{ concurrency, retries int }{{16, 12}, {2, 1}} {
		t.Run(fmt.Sprint(c.concurrency, " places"), func(t *testing.T) {
			shops(t, func(t *testing.T, s *apptest.Server) {
				gate := make(chan struct{})
				w := newWitness(t, nil)
				w.answer = func(n notice) int {
					switch {
					case n.Note == "new":
						return 200
					case n.Time == 1:
						return 500
					}
					w.hold(gate)
					return 200
				}
				hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.ReadTimeout, w.Concurrency = 60_000, c.concurrency })
				old := sell(t, s, 200) // far more retries than the queue holds
				untilCount(s, hook, "retrying", len(old))
				w.until(t, "retries hang in all places they may have", func() bool { return w.open == c.retries })
				w.peak()
				for range 3 {
					w.untilAll(t, sell(t, s, 30, noted("new")))
				}
				w.mu.Lock()
				if w.most > c.concurrency {
					t.Errorf("%d requests were open at once", w.most)
				}
				w.mu.Unlock()
				close(gate)
				s.Settled(patience)
				if n := w.count(); n != 2*len(old)+90 {
					t.Errorf("%d requests, want two for each old event and one for each new one", n)
				}
			}, unpatrolled, func(o *app.Options) {
				o.Outbox.Queue, o.Outbox.Schedule = 64, []time.Duration{10 * time.Millisecond, time.Hour}
			})
		})
	}
}

// A webhook has as many requests under way as it may, and no more, also when the number changes while everything it is owed is in the queue already.
func TestFairness_Concurrency(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		turns := make(chan struct{})
		w := newWitness(t, nil)
		w.answer = func(notice) int { w.hold(turns); return 200 }
		hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.ReadTimeout, w.Concurrency = 60_000, 3 })
		byDefault := newWitness(t, nil)
		gate := make(chan struct{})
		byDefault.answer = func(notice) int { byDefault.hold(gate); return 200 }
		s.Subscribe(byDefault.URL, []string{sale}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
		ids := sell(t, s, 120)
		turn := func() { turns <- struct{}{} }

		w.until(t, "three are open", func() bool { return w.open == 3 })
		turn()
		w.until(t, "three are open again", func() bool { return w.open == 3 && len(w.notices) == 4 })
		if n := w.peak(); n != 3 {
			t.Errorf("%d requests were open at once, want 3", n)
		}
		patch(s, hook, map[string]any{"concurrency": 7})
		w.until(t, "seven are open", func() bool { return w.open == 7 })
		turn()
		w.until(t, "seven are open again", func() bool { return w.open == 7 && len(w.notices) == 9 })
		if n := w.peak(); n != 7 {
			t.Errorf("%d requests were open at once, want 7", n)
		}
		patch(s, hook, map[string]any{"concurrency": 2})
		for range 6 {
			turn()
		}
		s.Eventually(patience, "no more than two places of the first webhook are taken", func() bool {
			b, err := s.App.Outbox().Backlog(t.Context())
			return err == nil && b.UnderWay == 2+16
		})
		w.until(t, "two are open", func() bool { return w.open == 2 && len(w.notices) == 10 })
		w.peak()
		for range 20 {
			turn()
		}
		w.until(t, "two are open again", func() bool { return w.open == 2 && len(w.notices) == 30 })
		if n := w.peak(); n != 2 {
			t.Errorf("%d requests were open at once, want 2", n)
		}
		close(turns)
		byDefault.until(t, "sixteen are open", func() bool { return byDefault.open == 16 })
		close(gate)
		s.Settled(patience)
		w.onceEach(t, ids)
		byDefault.onceEach(t, ids)
		if n := byDefault.peak(); n != 16 {
			t.Errorf("%d requests were open at once by default, want 16", n)
		}
	})
}

// A webhook with a rate limit gets no more than that; a limit that is lifted holds up nobody any longer.
func TestFairness_RateLimit(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		w := newWitness(t, nil)
		hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.RateLimit = 50 })
		ids := sell(t, s, 21)
		w.untilAll(t, ids)
		// The first leaves at once, so 20 of them take 400 ms at least. That they may take longer is not looked at.
		requests := w.Requests()
		slices.SortFunc(requests, func(a, b egresstest.Recorded) int { return a.Time.Compare(b.Time) })
		if took := requests[20].Time.Sub(requests[0].Time); took < 380*time.Millisecond {
			t.Errorf("21 deliveries took %v at 50 a second", took)
		}
		patch(s, hook, map[string]any{"rateLimit": 0.001})
		more := sell(t, s, 30)
		late := newWitness(t, nil)
		s.Subscribe(late.URL, []string{sale})
		late.untilAll(t, sell(t, s, 1)) // while the first of the others wait for their turn
		patch(s, hook, map[string]any{"rateLimit": 0})
		w.untilAll(t, more)
		s.Settled(patience)
	})
}

// unreachable is what a receiver answers behind which nobody is.
const unreachable = 503

// After ten attempts in a row that reached nobody a webhook is left alone: its deliveries wait without a request, its votes are a no at once. One
// attempt at a time is let through to see whether it is back; then everything that waited is delivered.
func TestBreaker(t *testing.T) {
	clockedShops(t, func(t *testing.T, s *apptest.Server, clock *handClock) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		w := newWitness(t, func(notice) int { return unreachable })
		hook := s.Subscribe(w.URL, []string{sale, "user.create"}, func(w *wire.Webhook) { w.Concurrency = 1 })
		open := func() bool { return s.App.Outbox().Flow(hook).Open }
		ids := sell(t, s, 100)
		s.Eventually(patience, "the breaker is open", open)
		stored := s.Strings(`SELECT failure FROM webhook_flow WHERE webhook_id = $1 AND open AND probe_instant = $2`, hook, clock.millis.Load()+1000)
		if len(stored) != 1 || !strings.Contains(stored[0], "503") {
			t.Errorf("stored: %q", stored)
		}
		if entries := errorEntries(s, "cannot be reached"); len(entries) != 1 || !strings.Contains(entries[0], string(hook)) {
			t.Errorf("Error entries: %q", entries)
		}
		s.Eventually(patience, "the queue is empty", func() bool {
			b, err := s.App.Outbox().Backlog(t.Context())
			return err == nil && b.Queued == 0 && b.UnderWay == 0 && b.OpenBreakers == 1
		})
		before := w.count()
		if before != 10 {
			t.Errorf("%d attempts were made, want 10", before)
		}

		s.Call("POST", "/api/user", user("closed@example.com")).Want(504)
		more := sell(t, s, 5)
		if n := w.count(); n != before {
			t.Errorf("%d requests came while the breaker was open", n-before)
		}
		if attempts := s.Strings(`SELECT id FROM attempt WHERE kind = 'vote'`); len(attempts) != 0 {
			t.Errorf("%d votes are on record, although nobody was asked", len(attempts))
		}

		// Probes that fail leave it open, each a longer pause after the one before.
		for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			clock.advance(pause - time.Millisecond)
			s.Call("POST", "/api/user", user("early@example.com")).Want(504)
			if n := w.count(); n != before+i {
				t.Errorf("%d probes before it was time for number %d", n-before, i+1)
			}
			clock.advance(time.Millisecond)
			w.until(t, fmt.Sprint("there were ", i+1, " probes"), func() bool { return len(w.notices) == before+i+1 })
			untilRecorded(s, w)
			if !open() {
				t.Error("a probe that failed has closed the breaker")
			}
		}
		w.answers(nil)
		clock.advance(8 * time.Second)
		s.Eventually(patience, "the breaker is closed", func() bool { return !open() })
		clock.advance(24 * time.Hour) // those that had failed are due as well
		all := append(ids, more...)
		w.untilAll(t, all)
		s.Settled(patience)
		if n := count(s, hook, "delivered"); n != len(all) {
			t.Errorf("%d are delivered, want %d", n, len(all))
		}
		s.Call("POST", "/api/user", user("open@example.com")).Want(200)
		w.sameBytes(t)
	}, patrolled)
}

// What a receiver answers itself never opens its breaker: it is there, and that is its say.
func TestBreaker_RefusalsAreAnswers(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		for _, status := range []int{500, 404, 302, 429} {
			w := newWitness(t, func(notice) int { return status })
			hook := s.Subscribe(w.URL, []string{sale})
			ids := sell(t, s, 30)
			untilCount(s, hook, "dead", len(ids))
			if f := s.App.Outbox().Flow(hook); f.Open {
				t.Errorf("status %d opened the breaker: %+v", status, f)
			}
			if n := w.count(); n != 4*len(ids) {
				t.Errorf("status %d: %d attempts, want four for each event", status, n)
			}
			s.Call("DELETE", "/api/webhook/"+string(hook), nil).Want(200)
		}
	}, quickRetries)
}

// Votes alone open the breaker, and a vote closes it.
func TestBreaker_Votes(t *testing.T) {
	clockedShops(t, func(t *testing.T, s *apptest.Server, clock *handClock) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		r := egresstest.NewReceiver(t).Script(egresstest.Reset())
		hook := s.Subscribe(r.URL, []string{"user.create"})
		for i := range 10 {
			s.Call("POST", "/api/user", user(fmt.Sprint("u", i, "@example.com"))).Want(504)
		}
		s.Eventually(patience, "the breaker is open", func() bool { return s.App.Outbox().Flow(hook).Open })
		asked := len(r.Requests())
		s.Call("POST", "/api/user", user("closed@example.com")).Want(504)
		if n := len(r.Requests()); n != asked {
			t.Errorf("a webhook that cannot be reached was asked")
		}
		r.Script(egresstest.Accept())
		clock.advance(time.Second)
		s.Call("POST", "/api/user", user("probe@example.com")).Want(200)
		s.Eventually(patience, "the breaker is closed", func() bool { return !s.App.Outbox().Flow(hook).Open })
		s.Call("POST", "/api/user", user("open@example.com")).Want(200)
	})
}

// A vote that is answered with 410 switches the webhook off like a delivery, whether the change happens or not.
func TestVote_GoneSwitchesTheWebhookOff(t *testing.T) {
	shops(t, func(t *testing.T, s *apptest.Server) {
		isOff := func(what string, hook wire.ID) {
			t.Helper()
			s.Eventually(patience, "the webhook is off: "+what, func() bool {
				var w wire.WebhookResponse
				s.Call("GET", "/api/webhook/"+string(hook), nil).Want(200).Decode(&w)
				return w.Webhook.Enabled != nil && !*w.Webhook.Enabled && strings.Contains(w.Webhook.DisabledReason, "410")
			})
			if entries := errorEntries(s, "("+string(hook)+") was switched off"); len(entries) != 1 {
				t.Errorf("%s: Error entries %q", what, entries)
			}
		}
		for _, test := range []struct {
			name   string
			rule   wire.TransactionType
			status int
		}{{"refused", wire.AbsoluteMajority, 504}, {"committed", wire.Any, 200}} {
			s.Enable(test.rule, "user.create")
			answered := make(chan struct{})
			gone := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusGone)
				close(answered)
			}))
			hook := s.Subscribe(gone.URL, []string{"user.create"})
			var yes wire.ID
			if test.rule == wire.Any {
				yes = s.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
					<-answered
					s.Call("GET", "/api/webhook/"+string(hook), nil).Want(200) // which takes longer than the answer to be counted
					w.WriteHeader(http.StatusOK)
				})).URL, []string{"user.create"})
			}
			s.Call("POST", "/api/user", user(test.name+"@example.com")).Want(test.status)
			isOff(test.name, hook)
			s.Call("DELETE", "/api/webhook/"+string(hook), nil).Want(200)
			if yes != "" {
				s.Call("DELETE", "/api/webhook/"+string(yes), nil).Want(200)
			}
		}
	})
}

// With nothing owed to it, an open breaker waits for the next event, which is the probe. A change of the webhook closes it at once: it may be
// somewhere else now.
func TestBreaker_WithNothingToDo(t *testing.T) {
	clockedShops(t, func(t *testing.T, s *apptest.Server, clock *handClock) {
		w := newWitness(t, func(notice) int { return unreachable })
		hook := s.Subscribe(w.URL, []string{sale}, once)
		open := func() bool { return s.App.Outbox().Flow(hook).Open }
		fail := func() {
			t.Helper()
			w.answers(func(notice) int { return unreachable })
			before := w.count()
			sell(t, s, 10)
			w.until(t, "all have failed", func() bool { return len(w.notices) == before+10 })
			s.Eventually(patience, "the breaker is open", open)
			s.Settled(patience)
			w.answers(nil)
		}
		fail()
		clock.advance(time.Hour)
		ids := sell(t, s, 3)
		w.untilAll(t, ids)
		s.Eventually(patience, "the breaker is closed", func() bool { return !open() })
		s.Settled(patience)

		fail()
		ids = sell(t, s, 3)
		before := w.count()
		patch(s, hook, map[string]any{"description": "moved"})
		w.untilAll(t, ids)
		s.Settled(patience)
		if n := w.count(); n != before+3 || open() {
			t.Errorf("%d requests after the change, open %v", n-before, open())
		}
	}, patrolled)
}

// The probe of a webhook that wants the events of an object in sequence is the next one in the sequence.
func TestBreaker_OrderedProbe(t *testing.T) {
	const ada = wire.ID("00000000-0000-4000-8000-00000000000a")
	clockedShops(t, func(t *testing.T, s *apptest.Server, clock *handClock) {
		w := newWitness(t, func(notice) int { return unreachable })
		hook := s.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) {
			w.Ordering, w.RetryConfiguration = wire.OrderedByLinkedObject, &wire.RetryConfiguration{Delays: []int{3600}}
		})
		first := sell(t, s, 3, about(ada))
		sell(t, s, 9) // open the breaker together with it
		s.Eventually(patience, "the breaker is open", func() bool { return s.App.Outbox().Flow(hook).Open })
		untilCount(s, hook, "retrying", 10)
		w.answers(nil)
		clock.advance(time.Minute) // time for a probe, but all that is due waits for what is not
		looked := sell(t, s, 1)    // except this one
		w.untilAll(t, looked)
		s.Eventually(patience, "the breaker is closed", func() bool { return !s.App.Outbox().Flow(hook).Open })
		clock.advance(2 * time.Hour)
		w.untilAll(t, first)
		s.Settled(patience)
		inSequence(t, w)
	}, patrolled)
}

// What has waited for a receiver that could not be reached all the time is given up in the end; what has waited for another reason is not.
func TestBreaker_GivesUpInTheEnd(t *testing.T) {
	clockedShops(t, func(t *testing.T, s *apptest.Server, clock *handClock) {
		w := newWitness(t, func(notice) int { return unreachable })
		hook := s.Subscribe(w.URL, []string{sale})
		if err := s.App.Outbox().Pause(t.Context(), hook, "for a week"); err != nil {
			t.Fatal(err)
		}
		ids := sell(t, s, 30)
		clock.advance(7 * 24 * time.Hour)
		if err := s.App.Outbox().Resume(t.Context(), hook); err != nil {
			t.Fatal(err)
		}
		s.Eventually(patience, "the breaker is open", func() bool { return s.App.Outbox().Flow(hook).Open })
		untilRecorded(s, w)
		probed := w.count()
		clock.advance(time.Minute)
		w.until(t, "it was tried again", func() bool { return len(w.notices) > probed })
		untilRecorded(s, w)
		if n := count(s, hook, "dead"); n != 0 {
			t.Errorf("%d deliveries are given up, although the receiver has been away for a minute", n)
		}
		clock.advance(36 * time.Hour)
		untilCount(s, hook, "dead", len(ids))
		if entries := errorEntries(s, "given up"); len(entries) != 1 || !strings.Contains(entries[0], string(hook)) {
			t.Errorf("Error entries: %q", entries)
		}
	}, patrolled)
}
