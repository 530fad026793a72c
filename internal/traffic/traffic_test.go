package traffic_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	one   = wire.ID("11111111-1111-1111-1111-111111111111")
	other = wire.ID("22222222-2222-2222-2222-222222222222")
)

// noon is in the middle of a minute and of an hour.
var noon = time.Date(2026, 3, 4, 12, 30, 20, 0, time.UTC)

// rig is a Traffic that writes when it is told to, on a clock that stands still, and remembers no answers.
type rig struct {
	*traffic.Traffic
	t     *testing.T
	store *db.DB
	now   *atomic.Int64
}

func rigs(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			now := &atomic.Int64{}
			now.Store(noon.UnixMilli())
			d := dbtest.Open(t, engine, dbtest.WithClock(func() time.Time { return time.UnixMilli(now.Load()) }))
			fn(t, &rig{traffic.New(traffic.Options{DB: d, Fresh: -1}), t, d, now})
		})
	}
}

func (r *rig) later(d time.Duration) { r.now.Add(d.Milliseconds()) }

func (r *rig) time() time.Time { return time.UnixMilli(r.now.Load()) }

func (r *rig) flush() {
	r.t.Helper()
	if err := r.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) series(from time.Duration, step time.Duration, webhook wire.ID) *traffic.Series {
	r.t.Helper()
	s, err := r.Series(r.t.Context(), r.time().Add(-from), r.time(), step, webhook)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// count is the sum of a result over the whole series.
func count(s *traffic.Series, results ...traffic.Result) int64 {
	total := s.Total()
	return total.Count(results...)
}

func (r *rig) rows() (n int) {
	r.t.Helper()
	err := r.store.View(r.t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM traffic`).Scan(&n) })
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func TestSeries_CountsWhatItIsTold(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		told := func() {
			r.Vote(one, true, time.Millisecond)
			r.Vote(one, false, time.Millisecond)
			r.Taken(one, true, time.Millisecond)
			r.Taken(one, false, time.Millisecond)
			r.NotTaken(one, true, time.Second)
			r.NotTaken(other, false, time.Second)
			r.Published()
			r.Transaction(true)
			r.Transaction(false)
		}
		told()
		r.flush()
		told() // the second time on top of what is stored
		r.flush()
		told() // the third is not stored yet
		each := []traffic.Result{traffic.Accepted, traffic.Refused, traffic.Delivered, traffic.Late, traffic.Retried}
		for name, s := range map[string]*traffic.Series{"minutes": r.series(10*time.Minute, time.Minute, one), "hours": r.series(5*time.Hour, time.Hour, one)} {
			for _, result := range each {
				if n := count(s, result); n != 3 {
					t.Errorf("%s: %v %d times, want 3", name, result, n)
				}
			}
			if n := count(s, traffic.Failed, traffic.Published, traffic.Committed, traffic.RolledBack); n != 0 {
				t.Errorf("%s: %d of what did not happen to the webhook", name, n)
			}
			total := s.Total()
			if rate, known := total.SuccessRate(); total.Attempts() != 15 || !known || rate != .6 {
				t.Errorf("%s: rate %v of %d", name, rate, total.Attempts())
			}
		}
		for name, s := range map[string]*traffic.Series{"minutes": r.series(10*time.Minute, time.Minute, traffic.All), "hours": r.series(5*time.Hour, time.Hour, traffic.All)} {
			for _, result := range append(each, traffic.Failed, traffic.Published, traffic.Committed, traffic.RolledBack) {
				if n := count(s, result); n != 3 {
					t.Errorf("all, %s: %v %d times, want 3", name, result, n)
				}
			}
		}
		if n := r.rows(); n != 2*(5+1+9) {
			t.Errorf("%d rows, want one per webhook, result and span", n)
		}
	})
}

func TestSeries_Buckets(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		r.Published() // 12:30
		r.later(2 * time.Minute)
		r.flush()
		r.Vote(one, true, 3*time.Millisecond) // 12:32
		r.later(4 * time.Minute)
		r.NotTaken(one, true, time.Minute) // 12:36
		r.flush()
		r.later(time.Minute) // 12:37:20

		s := r.series(10*time.Minute, 2*time.Minute, one)
		var starts, gaps, unfinished string
		var attempts []int64
		for i := range s.Buckets {
			b := &s.Buckets[i]
			starts += b.Start.UTC().Format(" 15:04")
			gaps += fmt.Sprintf(" %v", b.Gap)
			unfinished += fmt.Sprintf(" %v", b.Unfinished)
			attempts = append(attempts, b.Attempts())
		}
		if starts != " 12:26 12:28 12:30 12:32 12:34 12:36" || unfinished != " false false false false false true" {
			t.Errorf("buckets at%s, unfinished%s", starts, unfinished)
		}
		// The event at 12:30 was no attempt, but a Herald ran that would have counted one.
		if !slices.Equal(attempts, []int64{0, 0, 0, 1, 0, 1}) || gaps != " true true false false true false" {
			t.Errorf("attempts %v, gaps%s", attempts, gaps)
		}
		if !s.AsOf.Equal(r.time()) || s.Step != 2*time.Minute {
			t.Errorf("as of %v, step %v", s.AsOf, s.Step)
		}
		if b := s.Buckets[3]; b.P50() < 2*time.Millisecond || b.P99() > 5*time.Millisecond {
			t.Errorf("3 ms became %v and %v", b.P50(), b.P99())
		}
		if b := s.Buckets[4]; b.P95() != 0 {
			t.Errorf("nothing took %v", b.P95())
		}
	})
}

// A Herald that runs and has nothing to do leaves zeros, and not gaps.
func TestSeries_KnowsThatNothingHappened(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		served := traffic.New(traffic.Options{DB: r.store, Fresh: -1, Every: time.Hour})
		served.Start()
		served.Stop(t.Context())
		r.later(time.Minute)
		for _, webhook := range []wire.ID{one, traffic.All} {
			s := r.series(2*time.Minute, time.Minute, webhook)
			if b := s.Buckets; len(b) != 3 || !b[0].Gap || b[1].Gap || !b[2].Gap {
				t.Errorf("webhook %q: %+v", webhook, b)
			}
		}
	})
}

func TestFlush_SeveralProcesses(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		const writers, times = 4, 25
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				w := traffic.New(traffic.Options{DB: r.store})
				for i := range times {
					w.Taken(one, true, time.Duration(i)*time.Millisecond)
					w.NotTaken(other, true, time.Second)
					w.Published()
					if err := w.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := count(r.series(time.Minute, time.Minute, one), traffic.Delivered); n != writers*times {
			t.Errorf("%d deliveries, want %d", n, writers*times)
		}
		if n := count(r.series(time.Minute, time.Minute, traffic.All), traffic.Delivered, traffic.Retried, traffic.Published); n != 3*writers*times {
			t.Errorf("%d of all, want %d", n, 3*writers*times)
		}
	})
}

func TestFlush_StoreThatTakesNothing(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		broken, cancel := context.WithCancel(t.Context())
		cancel()
		_ = r.store.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(`ALTER TABLE traffic RENAME TO away`); return err })
		r.Taken(one, true, time.Millisecond)
		for range 3 {
			if r.Flush(t.Context()) == nil || r.Flush(broken) == nil {
				t.Fatal("the table is not there")
			}
			r.Taken(one, true, time.Millisecond)
		}
		for i := range 2 * traffic.MostKept { // nobody who counts notices
			r.NotTaken(wire.ID(fmt.Sprint(i)), true, time.Millisecond)
		}
		r.later(time.Minute)
		r.Taken(other, true, time.Millisecond)
		if r.Flush(t.Context()) == nil || r.Waiting() != traffic.MostKept {
			t.Fatalf("%d are kept, want %d", r.Waiting(), traffic.MostKept)
		}
		_ = r.store.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(`ALTER TABLE away RENAME TO traffic`); return err })
		r.flush()
		if n := r.Waiting(); n != 0 {
			t.Errorf("%d are left", n)
		}
		if n := count(r.series(time.Minute, time.Minute, other), traffic.Delivered); n != 1 {
			t.Errorf("the newest was counted %d times", n)
		}
		if n := count(r.series(2*time.Minute, time.Minute, traffic.All), traffic.Retried); n < traffic.MostKept-10 || n > traffic.MostKept {
			t.Errorf("%d of those that were kept are counted", n)
		}
	})
}

func TestRestart(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		r.Taken(one, true, time.Millisecond)
		r.Stop(t.Context())
		again := traffic.New(traffic.Options{DB: dbtest.Reopen(t, r.store), Fresh: -1})
		again.Taken(one, true, time.Millisecond)
		s, err := again.Series(t.Context(), r.time().Add(-time.Minute), r.time(), time.Minute, one)
		if err != nil || count(s, traffic.Delivered) != 2 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestStop_OutOfPatience(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		r.Start()
		r.Taken(one, true, time.Millisecond)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		r.Stop(over)
		if n := r.Waiting(); n != 0 {
			t.Errorf("%d were not written", n)
		}
	})
}

func TestTrim(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		start := r.time()
		for range 30 {
			r.Taken(one, true, time.Millisecond)
			r.later(time.Minute)
		}
		r.flush()
		counted := func(step time.Duration) (n int64) {
			s, err := r.Series(t.Context(), start.Add(-time.Hour), start.Add(2*time.Hour), step, one)
			if err != nil {
				t.Fatal(err)
			}
			return count(s, traffic.Delivered)
		}
		trim := func() {
			if err := r.Trim(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		trim()
		if counted(time.Minute) != 30 || counted(time.Hour) != 30 {
			t.Error("too much was removed at once")
		}
		r.now.Store(start.Add(traffic.KeepMinutes + 15*time.Minute).UnixMilli())
		trim()
		if n := counted(time.Minute); n != 14 || counted(time.Hour) != 30 { // the first that is left began 12:46
			t.Errorf("%d minutes and %d in hours are left", n, counted(time.Hour))
		}
		r.later(time.Hour)
		trim()
		if counted(time.Minute) != 0 || counted(time.Hour) != 30 {
			t.Error("minutes are left, or hours are not")
		}
		r.now.Store(start.Add(traffic.KeepHours + time.Hour).UnixMilli())
		trim()
		if n := r.rows(); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

func TestLast24h(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		r.Taken(one, true, time.Second) // too long ago
		r.later(24 * time.Hour)
		for hour := range 3 {
			for range hour + 1 {
				r.Taken(one, true, 10*time.Millisecond)
			}
			r.NotTaken(other, true, 3*time.Second)
			if hour < 2 {
				r.flush()
				r.later(time.Hour)
			}
		}
		all, err := r.Last24h(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 3 {
			t.Errorf("%d series, want two webhooks and the sum", len(all))
		}
		var counts []int64
		for i := range all[one].Buckets {
			counts = append(counts, all[one].Buckets[i].Count(traffic.Delivered))
		}
		if want := append(make([]int64, 21), 1, 2, 3); !slices.Equal(counts, want) {
			t.Errorf("hours %v, want %v", counts, want)
		}
		total, sum := all[one].Total(), all[traffic.All].Total()
		if rate, _ := total.SuccessRate(); rate != 1 || total.P95() > 15*time.Millisecond || !total.Unfinished || total.Gap {
			t.Errorf("rate %v, p95 %v", rate, total.P95())
		}
		if sum.Attempts() != 9 || sum.Count(traffic.Retried) != 3 || !all[one].Buckets[23].Unfinished || all[one].Buckets[22].Unfinished {
			t.Errorf("sum of all: %d attempts, %d failed", sum.Attempts(), sum.Count(traffic.Retried))
		}
	})
}

func TestSeries_GivenAgain(t *testing.T) {
	t.Parallel()
	tr := traffic.New(traffic.Options{DB: dbtest.Open(t, db.SQLite), Fresh: time.Hour})
	now := time.Now()
	ask := func(webhook wire.ID) *traffic.Series {
		s, err := tr.Series(t.Context(), now.Add(-time.Hour), now, time.Minute, webhook)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := ask(one)
	tr.Taken(one, true, time.Second)
	if again := ask(one); again != first || again.AsOf != first.AsOf {
		t.Error("the same question was answered anew")
	}
	if count(ask(traffic.All), traffic.Delivered) != 1 {
		t.Error("another question was not answered anew")
	}
	for i := range 500 { // what is remembered has an end
		ask(wire.ID(fmt.Sprint(i)))
	}
}

func TestSeries_Mistakes(t *testing.T) {
	t.Parallel()
	tr := traffic.New(traffic.Options{DB: dbtest.Open(t, db.SQLite)})
	now := time.Now()
	for name, c := range map[string]struct {
		from time.Time
		step time.Duration
		want string
	}{
		"no step":        {now.Add(-time.Hour), 0, "step"},
		"negative step":  {now.Add(-time.Hour), -time.Minute, "step"},
		"half a minute":  {now.Add(-time.Hour), 30 * time.Second, "step"},
		"a century":      {now.Add(-time.Hour), math.MaxInt64, "step"},
		"too many":       {now.AddDate(0, 0, -90), time.Minute, "step"},
		"backwards":      {now.Add(time.Hour), time.Minute, "from"},
		"nothing at all": {now, time.Minute, "from"},
	} {
		_, err := tr.Series(t.Context(), c.from, now, c.step, traffic.All)
		p, ok := problem.As(err)
		if !ok || p.Kind != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Field != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string][2]time.Time{"the beginning of time": {{}, now}, "the future": {now.Add(time.Hour), now.Add(2 * time.Hour)}} {
		if _, err := tr.Series(t.Context(), c[0], c[1], traffic.KeepHours, one); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Percentiles are compared with those of all durations in order. A part of these is stored, another on top of it, and the rest is not stored yet.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func() time.Duration{
		"even":      func() time.Duration { return time.Duration(random.Int64N(int64(2 * time.Second))) },
		"lognormal": func() time.Duration { return time.Duration(math.Exp(random.NormFloat64()*1.5) * 2e7) },
		"two hills": func() time.Duration {
			if random.IntN(10) == 0 {
				return 30*time.Second + time.Duration(random.IntN(1e9))
			}
			return time.Duration(1e6 + random.IntN(1e6))
		},
		"the same": func() time.Duration { return 42 * time.Millisecond },
	}
	for name, shape := range shapes {
		for _, n := range []int{1, 2, 19, 100, 5000} {
			now := time.Now()
			tr := traffic.New(traffic.Options{DB: dbtest.Open(t, db.SQLite, dbtest.WithClock(func() time.Time { return now })), Fresh: -1})
			all := make([]time.Duration, n)
			for i := range all {
				all[i] = shape()
				tr.Taken(one, i%2 == 0, all[i])
				if i == n/3 || i == n*2/3 {
					if err := tr.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			slices.Sort(all)
			s, err := tr.Series(t.Context(), now.Add(-time.Minute), now.Add(time.Second), time.Minute, one)
			if err != nil {
				t.Fatal(err)
			}
			total := s.Total()
			for p, got := range map[float64]time.Duration{.5: total.P50(), .95: total.P95(), .99: total.P99()} {
				want := all[max(int(math.Ceil(p*float64(n)))-1, 0)]
				floor := time.Millisecond / 2 // below it nothing is promised
				if ratio := float64(max(got, floor)) / float64(max(want, floor)); ratio > 1.4143 || ratio < .7071 {
					t.Errorf("%s, %d of them: p%v is %v, want %v", name, n, 100*p, got, want)
				}
			}
		}
	}
	longest := traffic.SlotBounds[len(traffic.SlotBounds)-1]
	if longest < time.Minute {
		t.Errorf("the longest that is told apart is %v", longest)
	}
}

func TestPercentiles_Extremes(t *testing.T) {
	t.Parallel()
	tr := traffic.New(traffic.Options{DB: dbtest.Open(t, db.SQLite), Fresh: -1})
	tr.Taken(one, true, -time.Hour)
	tr.Taken(other, true, math.MaxInt64)
	all, err := tr.Last24h(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shortest, longest := all[one].Total(), all[other].Total()
	if shortest.P99() > traffic.SlotBounds[0] || longest.P50() != traffic.SlotBounds[len(traffic.SlotBounds)-1] {
		t.Errorf("%v and %v", shortest.P99(), longest.P50())
	}
}

func TestCounting_Nil(t *testing.T) {
	t.Parallel()
	var none *traffic.Traffic
	none.Vote(one, true, 0)
	none.Taken(one, true, 0)
	none.NotTaken(one, true, 0)
	none.Published()
	none.Transaction(true)
}

func TestCounting_MakesNothing(t *testing.T) {
	tr := traffic.New(traffic.Options{DB: dbtest.Open(t, db.SQLite)})
	if n := testing.AllocsPerRun(1000, func() { tr.Taken(one, true, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCounting(b *testing.B) {
	for _, webhooks := range []int{1, 100} {
		b.Run(fmt.Sprint(webhooks), func(b *testing.B) {
			tr := traffic.New(traffic.Options{DB: dbtest.Open(b, db.SQLite)})
			ids := make([]wire.ID, webhooks)
			for i := range ids {
				ids[i] = wire.ID(db.NewID())
				tr.Taken(ids[i], true, time.Millisecond)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					tr.Taken(ids[i%webhooks], true, time.Duration(i)*time.Microsecond)
				}
			})
		})
	}
}

// BenchmarkFlush is five seconds of 100 webhooks.
func BenchmarkFlush(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			tr := traffic.New(traffic.Options{DB: dbtest.Open(b, engine)})
			for b.Loop() {
				for i := range 100 {
					id := wire.ID(fmt.Sprintf("11111111-1111-1111-1111-%012d", i))
					tr.Taken(id, true, 5*time.Millisecond)
					tr.NotTaken(id, true, time.Second)
				}
				if err := tr.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLast24h reads a day of 100 webhooks.
func BenchmarkLast24h(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			now := time.Now()
			tr := traffic.New(traffic.Options{DB: dbtest.Open(b, engine, dbtest.WithClock(func() time.Time { return now })), Fresh: -1})
			for range 24 {
				for i := range 100 {
					id := wire.ID(fmt.Sprintf("11111111-1111-1111-1111-%012d", i))
					tr.Taken(id, true, 5*time.Millisecond)
					tr.NotTaken(id, true, time.Second)
				}
				if err := tr.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
				now = now.Add(time.Hour)
			}
			now = now.Add(-time.Hour)
			for b.Loop() {
				if _, err := tr.Last24h(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
