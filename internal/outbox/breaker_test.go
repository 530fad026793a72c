package outbox

import (
	"net/http"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// TestReached is what counts as an answer of the receiver. Every outcome is in the table.
func TestReached(t *testing.T) {
	t.Parallel()
	want := map[egress.Outcome]bool{
		egress.Accepted: true, egress.Refused: true, egress.Redirect: true, egress.TooLarge: true,
		egress.Timeout: false, egress.Connect: false, egress.TLS: false, egress.DNS: false, egress.Blocked: false, egress.Reset: false, egress.Protocol: false,
		egress.Cancelled: false, egress.Invalid: false,
	}
	for _, outcome := range egress.Outcomes() {
		known, ok := want[outcome]
		if !ok {
			t.Errorf("nobody has thought about the outcome %q", outcome)
		}
		if got := reached(&webhook.Attempt{Outcome: outcome, StatusCode: 500}); got != known {
			t.Errorf("%s: reached is %v", outcome, got)
		}
	}
	if reached(&webhook.Attempt{Outcome: egress.Refused, LockedOut: true}) {
		t.Error("who is not let in has reached somebody")
	}
	for status, want := range map[int]bool{400: true, 401: true, 404: true, 410: true, 429: true, 500: true, 501: true, 502: false, 503: false, 504: false, 599: true} {
		if got := reached(&webhook.Attempt{Outcome: egress.Refused, StatusCode: status}); got != want {
			t.Errorf("status %d: reached is %v", status, got)
		}
	}
}

func TestProbePause(t *testing.T) {
	t.Parallel()
	for failed, want := range map[int64]time.Duration{
		0: time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 6: time.Minute, 7: time.Minute, 63: time.Minute, 64: time.Minute, 1 << 40: time.Minute,
	} {
		if got := probePause(failed); got != want {
			t.Errorf("after %d probes the pause is %v, want %v", failed, got, want)
		}
	}
}

// Ten attempts in a row that reach nobody open the breaker; an answer in between starts the count anew, and what says nothing about the receiver
// does not count.
func TestObserve(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("")
		timeout, refused := &webhook.Attempt{Outcome: egress.Timeout, Exception: "it hangs"}, &webhook.Attempt{Outcome: egress.Refused, StatusCode: http.StatusTeapot}
		observe := func(n int, a *webhook.Attempt) {
			for range n {
				r.Observe(target.ID, a)
			}
		}
		settled := func() {
			r.eventually("nothing is being changed", func() bool {
				r.flows.mu.Lock()
				defer r.flows.mu.Unlock()
				return len(r.flows.changing) == 0
			})
		}
		observe(9, timeout)
		observe(1, refused)
		observe(9, timeout)
		observe(100, &webhook.Attempt{Outcome: egress.Cancelled})
		observe(100, &webhook.Attempt{Outcome: egress.Invalid})
		settled()
		if r.Flow(target.ID).Open {
			t.Fatal("open although an answer came in between")
		}
		observe(1, timeout)
		r.eventually("it is open", func() bool { return r.Flow(target.ID).Open })
		settled()
		f := r.Flow(target.ID)
		if f.OpenedInstant != r.now.Load() || f.ProbeInstant != r.now.Load()+1000 || f.Probes != 0 || f.Failure != "it hangs" {
			t.Errorf("%+v", f)
		}
		observe(50, timeout) // probes, and those that were under way
		settled()
		if again := r.Flow(target.ID); again != f {
			t.Errorf("opened again: %+v", again)
		}
		observe(1, refused)
		r.eventually("it is closed", func() bool { return !r.Flow(target.ID).Open })
		settled()
		observe(9, timeout)
		settled()
		if r.Flow(target.ID).Open {
			t.Error("open after nine failures, because those before it was closed were counted")
		}

		// A webhook that is gone leaves nothing behind.
		if err := r.Webhooks.Delete(t.Context(), target.ID); err != nil {
			t.Fatal(err)
		}
		r.exec(`DELETE FROM webhook_flow`)
		observe(10, timeout)
		settled()
		if rows := r.rows(`SELECT webhook_id FROM webhook_flow`); len(rows) != 0 {
			t.Errorf("%d rows about a webhook that is gone", len(rows))
		}
	})
}

// A receiver is failing from the first delivery that it does not accept to the first that it does, and no longer when it is another one.
func TestFailingSince(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("")
		begin := time.UnixMilli(r.now.Load())
		for i, step := range []struct {
			outcome egress.Outcome
			change  bool
			since   time.Time
		}{
			{since: time.Time{}},
			{outcome: egress.Accepted, since: time.Time{}},
			{outcome: egress.Refused, since: begin.Add(2 * time.Second)},
			{outcome: egress.Timeout, since: begin.Add(2 * time.Second)},
			{outcome: egress.Accepted, since: time.Time{}},
			{outcome: egress.Refused, since: begin.Add(5 * time.Second)},
			{change: true, since: time.Time{}},
		} {
			if step.outcome != "" {
				r.flows.delivered(target.ID, &webhook.Attempt{Outcome: step.outcome, Start: begin.Add(time.Duration(i) * time.Second)})
			}
			if step.change {
				r.update(func(tx *db.Tx) error { return r.flows.forgive(tx, target.ID) })
			}
			if got := r.FailingSince(target.ID); !got.Equal(step.since) {
				t.Errorf("step %d: it is failing since %v, want %v", i, got, step.since)
			}
		}
	})
}

// While the breaker is being opened no more is sent, and afterwards nothing but the probe.
func TestFlows_Lets(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		id := r.hook("").ID
		usual, probe := &delivery{webhook: id}, &delivery{webhook: id, probe: true}
		lets := func(when string, wantUsual, wantProbe bool) {
			t.Helper()
			if got := r.flows.lets(usual); got != wantUsual {
				t.Errorf("%s: a delivery may leave is %v", when, got)
			}
			if got := r.flows.lets(probe); got != wantProbe {
				t.Errorf("%s: the probe may leave is %v", when, got)
			}
		}
		lets("at first", true, true)
		r.flows.changing[id] = true
		lets("while it is being opened", false, true)
		delete(r.flows.changing, id)
		r.flows.known.Store(&map[wire.ID]Flow{id: {Open: true}})
		lets("open", false, true)
		r.flows.known.Store(&map[wire.ID]Flow{id: {Open: true, Paused: true}})
		lets("on pause", false, false)
	})
}

// Of two processes one gets the probe.
func TestTakeProbe(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		id := r.hook("").ID
		for range breakAfter {
			r.Observe(id, &webhook.Attempt{Outcome: egress.Timeout})
		}
		r.eventually("it is open", func() bool { return r.Flow(id).Open })
		if got := r.Availability(t.Context(), id); got != Unreachable {
			t.Errorf("at once: %v", got)
		}
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			r.advance(pause*time.Second - 1*time.Millisecond)
			if got := r.Availability(t.Context(), id); got != Unreachable {
				t.Errorf("before it is time: %v", got)
			}
			r.advance(time.Millisecond)
			answers := make(chan Availability, 8)
			for range cap(answers) {
				go func() { answers <- r.Availability(t.Context(), id) }()
			}
			available := 0
			for range cap(answers) {
				if <-answers == Available {
					available++
				}
			}
			if available != 1 {
				t.Errorf("%d of %d got the probe", available, cap(answers))
			}
		}
	})
}
