package outbox

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/wire"
)

func TestFlow_ProbeDue(t *testing.T) {
	t.Parallel()
	const now = 1_000_000_000
	for at, want := range map[int64]bool{
		0: true, now - 1: true, now: true, now + 1: false, now + longestProbe.Milliseconds(): false,
		now + longestProbe.Milliseconds() + 1: true, now + (365 * 24 * time.Hour).Milliseconds(): true, // written under another clock
	} {
		if got := (Flow{Open: true, ProbeInstant: at}).probeDue(now); got != want {
			t.Errorf("a probe at now%+d is due: %v, want %v", at-now, got, want)
		}
	}
}

// The attempt that is let through to a receiver that could not be reached is none that a worker is still at from before: on SQLite the table does not tell these
// from others.
func TestProbe_NotWhatIsUnderWay(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		gate := make(chan struct{})
		hold, resets := egresstest.Hold(gate, egresstest.Accept()), egresstest.Reset()
		receiver := egresstest.NewReceiver(t).Script(hold, hold, hold, hold, hold, hold, resets)
		target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Concurrency = 16 })
		r.start()
		sequences := r.resumed(target, 30)
		r.eventually("the breaker is open", func() bool { return r.Flow(target.ID).Open })
		r.eventually("only those that are held are under way", func() bool { return r.loaded(target.ID) == 6 })
		failed := len(receiver.Requests()) - 6
		var held []string
		for _, q := range receiver.Requests()[:6] {
			held = append(held, string(q.Body))
		}
		receiver.Script(egresstest.Accept())
		receiver.Forget()
		r.advance(2 * time.Second) // less than the pause of those that have failed
		r.wake(target.ID)
		if probe := string(receiver.WaitFor(1)[0].Body); slices.Contains(held, probe) {
			t.Errorf("the probe is %s, which is under way", probe)
		}
		r.eventually("the breaker is closed", func() bool { return !r.Flow(target.ID).Open })
		close(gate)
		r.advance(10 * time.Second)
		r.wake(target.ID)
		r.eventually("all are delivered", func() bool { return r.count(Delivered) == len(sequences) })
		got := sent(receiver)
		if n := len(slices.Compact(slices.Clone(got))); n != 24 || len(got) != 24 {
			t.Errorf("after the breaker opened %d requests came about %d events, want 24 about as many", len(got), n)
		}
		for _, body := range held {
			if slices.Contains(got, body) {
				t.Errorf("%s came again, although it was under way", body)
			}
		}
		if n := len(r.rows(`SELECT id FROM attempt WHERE outcome = 'accepted'`)); n != 30 {
			t.Errorf("%d attempts are recorded as accepted, want 30", n)
		}
		if n := len(r.rows(`SELECT id FROM attempt WHERE outcome <> 'accepted'`)); n != failed {
			t.Errorf("%d attempts are recorded as failed, want %d", n, failed)
		}
	})
}

// A breaker that opened while the clock was years ahead is probed when the clock is back, by deliveries and by votes.
func TestProbe_ClockWasAhead(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		const ahead = 3 * 365 * 24 * time.Hour
		receiver := egresstest.NewReceiver(t).Script(egresstest.Reset())
		target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Concurrency = 1 })
		r.start()
		r.advance(ahead)
		r.owe(target, 12)
		r.eventually("the breaker is open", func() bool { return r.Flow(target.ID).Open })
		// The clock is set back while nobody works: a claim that is given back afterwards would be due at once, and be the probe.
		r.Stop(t.Context())
		r.advance(-ahead)
		r = newRigOn(t, r.store, r.now, "rig")
		r.start()
		if a := r.Availability(t.Context(), target.ID); a != Available {
			t.Errorf("a vote finds the webhook to be %d, want it to be the probe", a)
		}
		r.advance(probePause(1) - time.Millisecond)
		if a := r.Availability(t.Context(), target.ID); a != Unreachable {
			t.Errorf("right after the probe a vote finds the webhook to be %d", a)
		}
		// The same again for a delivery.
		r.exec(`UPDATE webhook_flow SET probe_instant = $1`, r.now.Load()+ahead.Milliseconds())
		if err := r.flows.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		receiver.Script(egresstest.Accept())
		receiver.Forget()
		r.owe(target, 1)
		receiver.WaitFor(1)
		r.eventually("the breaker is closed", func() bool { return !r.Flow(target.ID).Open })
		if err := r.heal(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wake(target.ID)
		r.eventually("all are delivered", func() bool { return r.count(Delivered) == 13 })
	})
}

// What has waited too long for a receiver that cannot be reached is given up, all of it in one go though in steps, with one entry in the journal that is not announced:
// its event would be owed to the same webhook.
func TestExpire(t *testing.T) {
	counted := map[db.Engine]*metrics.Metrics{db.SQLite: metrics.New(), db.PostgreSQL: metrics.New()}
	rigs(t, func(t *testing.T, r *rig) {
		const days = 24 * time.Hour
		r.Metrics = counted[r.store.Engine()]
		var announced atomic.Int64
		r.Journal.OnEventLog = func(*db.Tx, wire.EventLog) error {
			announced.Add(1)
			return nil
		}
		target := r.hook("", func(w *wire.Webhook) { w.EventsEnabled = wire.Map[bool]{string(event.EventLogCreate): true} })
		old, young := 2*stepSize+500, 40
		r.owe(target, old)
		r.exec(`UPDATE delivery SET state = 'retrying', attempts = 1 WHERE event_sequence % 3 = 0`)
		r.advance(3*days - time.Hour)
		r.owe(target, young)
		r.advance(time.Hour)
		now := r.now.Load()
		r.exec(`INSERT INTO webhook_flow (webhook_id, paused, paused_instant, pause_reason, open, opened_instant, probe_instant, probes, failure)
			VALUES ($1, FALSE, 0, '', TRUE, $2, $3, 99, 'nobody is there')`, target.ID, now-(3*days).Milliseconds(), now+longestProbe.Milliseconds())
		r.start()
		r.eventually("all that is old is given up", func() bool { return r.count(Dead) == old })
		if n := r.count(Pending); n != young {
			t.Errorf("%d deliveries wait, want the %d that are young", n, young)
		}
		r.eventually("all of them are counted", func() bool {
			page := httptest.NewRecorder()
			r.Metrics.Handler(r.Logger).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/", nil))
			return strings.Contains(page.Body.String(), "\nherald_deliveries_dead_total 2500\n")
		})
		if entries := r.rows(`SELECT message FROM event_log`); len(entries) != 1 || !strings.Contains(entries[0], string(target.ID)) || announced.Load() != 0 {
			t.Errorf("%d of the entries are announced, which are %q", announced.Load(), entries)
		}
		// The next time it is a new story.
		r.advance(2 * days)
		r.wake(target.ID)
		r.eventually("the others are given up too", func() bool { return r.count(Dead) == old+young })
		if entries := r.rows(`SELECT message FROM event_log`); len(entries) != 2 {
			t.Errorf("entries: %q", entries)
		}
	})
}
