package metrics

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
)

// names are all metrics of ours. Dashboards and alerts rely on them.
var names = map[string]string{
	"herald_breaker_transitions_total":     "COUNTER",
	"herald_breakers_open":                 "GAUGE",
	"herald_build_info":                    "GAUGE",
	"herald_deliveries_dead_total":         "COUNTER",
	"herald_deliveries_queued":             "GAUGE",
	"herald_deliveries_under_way":          "GAUGE",
	"herald_delivery_attempts_total":       "COUNTER",
	"herald_delivery_duration_seconds":     "HISTOGRAM",
	"herald_delivery_latency_seconds":      "HISTOGRAM",
	"herald_events_published_total":        "COUNTER",
	"herald_http_request_duration_seconds": "HISTOGRAM",
	"herald_http_requests_total":           "COUNTER",
	"herald_lanes":                         "GAUGE",
	"herald_outbox_claim_seconds":          "HISTOGRAM",
	"herald_outbox_claim_size":             "HISTOGRAM",
	"herald_outbox_claimed_total":          "COUNTER",
	"herald_outbox_dead":                   "GAUGE",
	"herald_outbox_oldest_seconds":         "GAUGE",
	"herald_outbox_pending":                "GAUGE",
	"herald_outbox_record_seconds":         "HISTOGRAM",
	"herald_outbox_record_size":            "HISTOGRAM",
	"herald_outbox_recorded_total":         "COUNTER",
	"herald_outbox_up":                     "GAUGE",
	"herald_store_checkpoints_total":       "COUNTER",
	"herald_store_commits_total":           "COUNTER",
	"herald_store_restarts_total":          "COUNTER",
	"herald_store_retries_total":           "COUNTER",
	"herald_store_updates_total":           "COUNTER",
	"herald_store_views_total":             "COUNTER",
	"herald_message_attempts_total":        "COUNTER",
	"herald_message_duration_seconds":      "HISTOGRAM",
	"herald_messages_total":                "COUNTER",
	"herald_transaction_duration_seconds":  "HISTOGRAM",
	"herald_transactions_total":            "COUNTER",
	"herald_webhooks_paused":               "GAUGE",
}

// full are Metrics in which each metric has a value.
func full() *Metrics {
	m := New()
	m.SetVersion("1.2.3")
	m.SetRoutes([]string{"/api/user", "/api/user/{userId}", "/api/user"})
	m.WatchStore(func() db.Stats {
		return db.Stats{Updates: 1, Commits: 2, Views: 3, Checkpoints: 4, Restarts: 5, Retries: 6}
	})
	m.WatchBacklog(func(context.Context) (Backlog, error) {
		return Backlog{
			Pending: 1, Retrying: 2, Dead: 3, OldestAge: 1500 * time.Millisecond, OpenBreakers: 4, PausedWebhooks: 5, Lanes: 6, Queued: 7, UnderWay: 8,
		}, nil
	})
	m.Published("user.create", "Succeeded", "directory")
	m.Attempt("vote", "too large", 3*time.Millisecond)
	m.Transaction("Any", "passed", 40*time.Millisecond)
	m.Message("SMS", "sent", 30*time.Millisecond)
	m.MessageAttempt("SMS", "accepted", 20*time.Millisecond)
	m.Latency(time.Millisecond)
	m.Claimed(16, 300*time.Microsecond)
	m.Claimed(0, 200*time.Microsecond)
	m.Recorded(3, time.Millisecond)
	m.Dead()
	m.BreakerOpened()
	m.BreakerOpened()
	m.BreakerClosed()
	m.Request("/api/user/{userId}", "GET", 200, 2*time.Millisecond)
	return m
}

func TestMetrics_Scrape(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(full().Handler(slog.New(slog.DiscardHandler)))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	kind := response.Header.Get("Content-Type")
	if response.StatusCode != 200 || !strings.HasPrefix(kind, "text/plain; version=0.0.4; charset=utf-8") {
		t.Errorf("status %d, content type %q", response.StatusCode, kind)
	}
	families, err := new(expfmt.NewTextParser(model.LegacyValidation)).TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatalf("the text cannot be parsed: %v", err)
	}
	got := map[string]string{}
	for name, family := range families {
		switch {
		case strings.HasPrefix(name, "herald_"):
			got[name] = family.GetType().String()
		case !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_"):
			t.Errorf("there is a metric %s", name)
		}
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if families["go_goroutines"] == nil {
		t.Error("the metrics of the Go runtime are missing")
	}
}

func TestMetrics_FollowTheConventions(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(full().registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetrics_Values(t *testing.T) {
	t.Parallel()
	lines := scrapeText(t, full())
	for _, want := range []string{
		`herald_build_info{version="1.2.3"} 1`,
		`herald_events_published_total{result="Succeeded",source="directory",type="user.create"} 1`,
		`herald_delivery_attempts_total{kind="vote",outcome="too large"} 1`,
		`herald_delivery_attempts_total{kind="replay",outcome="accepted"} 0`,
		`herald_delivery_duration_seconds_bucket{kind="vote",le="0.002"} 0`,
		`herald_delivery_duration_seconds_bucket{kind="vote",le="0.005"} 1`,
		`herald_delivery_duration_seconds_bucket{kind="delivery",le="+Inf"} 0`,
		`herald_delivery_latency_seconds_bucket{le="0.0005"} 0`,
		`herald_delivery_latency_seconds_bucket{le="0.001"} 1`,
		`herald_transactions_total{result="passed",rule="Any"} 1`,
		`herald_transactions_total{result="timeout",rule="AbsoluteMajority"} 0`,
		`herald_transaction_duration_seconds_count{rule="Any"} 1`,
		`herald_outbox_claimed_total 16`,
		`herald_outbox_claim_seconds_count 2`,
		`herald_outbox_claim_size_bucket{le="0"} 1`,
		`herald_outbox_claim_size_bucket{le="16"} 2`,
		`herald_outbox_recorded_total 3`,
		`herald_outbox_record_size_sum 3`,
		`herald_deliveries_dead_total 1`,
		`herald_breaker_transitions_total{to="open"} 2`,
		`herald_breaker_transitions_total{to="closed"} 1`,
		`herald_http_requests_total{code="200",method="GET",route="/api/user/{userId}"} 1`,
		`herald_http_request_duration_seconds_count{route="/api/user/{userId}"} 1`,
		`herald_outbox_up 1`,
		`herald_outbox_pending{state="pending"} 1`,
		`herald_outbox_pending{state="retrying"} 2`,
		`herald_outbox_dead 3`,
		`herald_outbox_oldest_seconds 1.5`,
		`herald_breakers_open 4`,
		`herald_webhooks_paused 5`,
		`herald_lanes 6`,
		`herald_deliveries_queued 7`,
		`herald_deliveries_under_way 8`,
		`herald_store_updates_total 1`,
		`herald_store_commits_total 2`,
		`herald_store_views_total 3`,
		`herald_store_checkpoints_total 4`,
		`herald_store_restarts_total 5`,
		`herald_store_retries_total 6`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %s", want)
		}
	}
}

// TestMetrics_SetsAreClosed: whatever comes in, nothing new comes out.
func TestMetrics_SetsAreClosed(t *testing.T) {
	t.Parallel()
	const rogue = "r0gue https://10.0.0.1/?token=1"
	m := New()
	m.SetRoutes([]string{"/api/user"})
	for _, value := range []string{rogue, "", "custom.order.paid", "USER.CREATE", "\xff\n\""} {
		m.Published(value, value, value)
		m.Attempt(value, value, time.Second)
		m.Transaction(value, value, time.Second)
		m.Request(value, value, 0, time.Second)
	}
	m.Published("user.create", "Succeeded", rogue)
	m.Attempt("vote", rogue, time.Second)
	m.Transaction("None", "passed", time.Second)
	m.Request("/api/user", rogue, 1000, time.Second)
	m.Request("/api/user/1", "GET", -200, time.Second)

	lines := scrapeText(t, m)
	for _, want := range []string{
		`herald_events_published_total{result="other",source="other",type="custom"} 5`,
		`herald_events_published_total{result="Succeeded",source="other",type="user.create"} 1`,
		`herald_delivery_attempts_total{kind="other",outcome="other"} 5`,
		`herald_delivery_attempts_total{kind="vote",outcome="other"} 1`,
		`herald_transactions_total{result="other",rule="other"} 5`,
		`herald_transactions_total{result="passed",rule="other"} 1`,
		`herald_http_requests_total{code="other",method="other",route="other"} 5`,
		`herald_http_requests_total{code="other",method="other",route="/api/user"} 1`,
		`herald_http_requests_total{code="other",method="GET",route="other"} 1`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %s", want)
		}
	}
	for _, line := range lines {
		for _, bad := range []string{"r0gue", "order.paid", "USER", "\xff", `=""`, `"None"`, "/api/user/1"} {
			if strings.Contains(line, bad) {
				t.Errorf("something new came out: %s", line)
			}
		}
	}
}

// TestMetrics_KnowsWhatExists: an outcome or type that others add must not end up among the rest.
func TestMetrics_KnowsWhatExists(t *testing.T) {
	t.Parallel()
	m := New()
	for _, o := range egress.Outcomes() {
		m.Attempt("delivery", string(o), time.Millisecond)
	}
	for _, name := range eventTypes() {
		m.Published(name, "Failed", "system")
	}
	lines := scrapeText(t, m)
	if slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, `"other"`) || strings.Contains(line, `"custom"`) }) {
		t.Error("something that exists counts among the rest")
	}
	for _, o := range egress.Outcomes() {
		if want := `herald_delivery_attempts_total{kind="delivery",outcome="` + string(o) + `"} 1`; !slices.Contains(lines, want) {
			t.Errorf("there is no line %s", want)
		}
	}
}

func TestMetrics_TimeThatRunsBackwards(t *testing.T) {
	t.Parallel()
	m := New()
	m.Attempt("vote", "accepted", -time.Hour)
	m.Transaction("Any", "passed", -time.Hour)
	m.Latency(-time.Hour)
	m.Claimed(-1, -time.Hour)
	m.Recorded(-1, -time.Hour)
	m.Request("", "GET", 200, -time.Hour)
	m.WatchBacklog(func(context.Context) (Backlog, error) { return Backlog{OldestAge: -time.Hour}, nil })
	lines := scrapeText(t, m)
	for _, want := range []string{
		`herald_delivery_latency_seconds_sum 0`, `herald_delivery_latency_seconds_count 1`, `herald_outbox_claimed_total 0`, `herald_outbox_oldest_seconds 0`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %s", want)
		}
	}
}

func TestMetrics_Nil(t *testing.T) {
	t.Parallel()
	var m *Metrics
	m.SetVersion("1")
	m.SetRoutes([]string{"/"})
	m.WatchStore(func() db.Stats { return db.Stats{} })
	m.WatchBacklog(func(context.Context) (Backlog, error) { return Backlog{}, nil })
	for _, count := range calls(m) {
		count()
	}
	w := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 404 {
		t.Errorf("the handler answers %d", w.Code)
	}
}

// calls are the methods that count, each with labels of its sets.
func calls(m *Metrics) map[string]func() {
	return map[string]func(){
		"Published":      func() { m.Published("user.create", "Succeeded", "directory") },
		"Attempt":        func() { m.Attempt("delivery", "accepted", 3*time.Millisecond) },
		"Transaction":    func() { m.Transaction("Any", "passed", 3*time.Millisecond) },
		"Message":        func() { m.Message("Email", "failed", time.Millisecond) },
		"MessageAttempt": func() { m.MessageAttempt("Voice", "timeout", time.Millisecond) },
		"Latency":        func() { m.Latency(time.Millisecond) },
		"Claimed":        func() { m.Claimed(16, time.Millisecond) },
		"Recorded":       func() { m.Recorded(16, time.Millisecond) },
		"Dead":           m.Dead,
		"BreakerOpened":  m.BreakerOpened,
		"BreakerClosed":  m.BreakerClosed,
		"Request":        func() { m.Request("/api/user/{userId}", "GET", 200, time.Millisecond) },
	}
}

// TestMetrics_DoNotAllocate is not parallel, because others would be counted.
func TestMetrics_DoNotAllocate(t *testing.T) {
	for name, count := range calls(full()) {
		if n := testing.AllocsPerRun(100, count); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// TestMetrics_Concurrently has everybody at the same new combinations, while the routes change and somebody scrapes.
func TestMetrics_Concurrently(t *testing.T) {
	t.Parallel()
	m := New()
	var all sync.WaitGroup
	const workers = 8
	for range workers {
		all.Go(func() {
			for _, name := range eventTypes() {
				m.Published(name, "Succeeded", "intake")
				m.Request("/a", "GET", 200, time.Millisecond)
			}
			m.SetRoutes([]string{"/a", "/b"})
		})
	}
	all.Go(func() { scrapeText(t, m) })
	all.Wait()
	requests := 0
	for _, line := range scrapeText(t, m) {
		if strings.HasPrefix(line, "herald_events_published_total{") && !strings.HasSuffix(line, " 8") {
			t.Errorf("not each of %d workers was counted: %s", workers, line)
		}
		if strings.HasPrefix(line, "herald_http_requests_total{") {
			requests++
		}
	}
	if requests == 0 {
		t.Error("no request was counted")
	}
}

func TestBacklog_Unset(t *testing.T) {
	t.Parallel()
	for _, line := range scrapeText(t, New()) {
		for _, absent := range []string{"herald_outbox_up", "herald_outbox_pending", "herald_lanes", "herald_store_", "herald_build_info"} {
			if strings.Contains(line, absent) {
				t.Errorf("nobody told it, and there is %s", line)
			}
		}
	}
}

func TestBacklog_ThatCannotBeReadBreaksNoScrape(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		read func(context.Context) (Backlog, error)
		want string // in the log
	}{
		"fails":  {func(context.Context) (Backlog, error) { return Backlog{Pending: 9}, errors.New("no database") }, "no database"},
		"panics": {func(context.Context) (Backlog, error) { panic("no map") }, "no map"},
		"is slow": {func(ctx context.Context) (Backlog, error) {
			<-ctx.Done()
			return Backlog{}, ctx.Err()
		}, "backlog"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // for the two seconds of the slow one
				m := New()
				m.WatchBacklog(test.read)
				m.Dead()
				lines, log := scrapeAndLog(t, m)
				if !slices.Contains(lines, "herald_outbox_up 0") || !slices.Contains(lines, "herald_deliveries_dead_total 1") {
					t.Error("the scrape does not say that the backlog could not be read, or lacks the rest")
				}
				for _, line := range lines {
					if strings.HasPrefix(line, "herald_outbox_pending") {
						t.Errorf("there is a backlog: %s", line)
					}
				}
				if name != "is slow" && !strings.Contains(log, test.want) {
					t.Errorf("the log does not say why: %s", log)
				}
				if !strings.Contains(log, "level=WARN") {
					t.Errorf("there is no warning: %s", log)
				}
			})
		})
	}
}

// TestBacklog_ThatHangsIsCalledOnce: a function that ignores its context holds up one goroutine, however many scrapes come, and is read again
// when it has come back.
func TestBacklog_ThatHangsIsCalledOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New()
		var begun atomic.Int32
		release := make(chan struct{})
		m.WatchBacklog(func(context.Context) (Backlog, error) {
			begun.Add(1)
			<-release
			return Backlog{Lanes: 3}, nil
		})
		began := time.Now()
		var scrapes sync.WaitGroup
		for range 5 {
			scrapes.Go(func() {
				if lines := scrapeText(t, m); !slices.Contains(lines, "herald_outbox_up 0") {
					t.Error("the scrape does not say that the backlog could not be read")
				}
			})
		}
		scrapes.Wait()
		if took := time.Since(began); took != backlogPatience || begun.Load() != 1 {
			t.Errorf("5 scrapes took %v and called it %d times", took, begun.Load())
		}
		close(release)
		synctest.Wait()
		if lines := scrapeText(t, m); !slices.Contains(lines, "herald_outbox_up 1") || !slices.Contains(lines, "herald_lanes 3") {
			t.Error("the backlog is not read again")
		}
		if begun.Load() != 2 {
			t.Errorf("it was called %d times", begun.Load())
		}
	})
}

func scrapeText(t *testing.T, m *Metrics) []string {
	t.Helper()
	lines, _ := scrapeAndLog(t, m)
	return lines
}

// scrapeAndLog returns the lines of a scrape, which must be parsable, and what was logged.
func scrapeAndLog(t *testing.T, m *Metrics) (lines []string, log string) {
	t.Helper()
	var logged bytes.Buffer
	w := httptest.NewRecorder()
	m.Handler(slog.New(slog.NewTextHandler(&logged, nil))).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("status %d, %v", w.Code, err)
	}
	families, err := new(expfmt.NewTextParser(model.LegacyValidation)).TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("the text cannot be parsed: %v", err)
	}
	for name := range families {
		if _, known := names[name]; strings.HasPrefix(name, "herald_") && !known {
			t.Errorf("there is a metric %s", name)
		}
	}
	return strings.Split(string(body), "\n"), logged.String()
}

func BenchmarkMetrics(b *testing.B) {
	all := calls(full())
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				all[name]()
			}
		})
	}
	b.Run("Attempt by all at once", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				all["Attempt"]()
			}
		})
	})
}

func BenchmarkScrape(b *testing.B) {
	m := full()
	for _, name := range eventTypes() {
		m.Published(name, "Succeeded", "directory")
	}
	h := m.Handler(slog.New(slog.DiscardHandler))
	r := httptest.NewRequest("GET", "/", nil)
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
