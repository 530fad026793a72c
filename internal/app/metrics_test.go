package app_test

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

const metricsPath = "/api/prometheus/metrics"

// scrape returns the lines of the metrics.
func scrape(s *apptest.Server, t *testing.T) []string {
	t.Helper()
	return strings.Split(string(s.Call("GET", metricsPath, nil).Want(200).Body), "\n")
}

// shows waits until all lines are among the metrics: what an answer had to do with is counted after it has been sent.
func shows(s *apptest.Server, t *testing.T, want ...string) {
	t.Helper()
	missing := func() []string {
		lines := scrape(s, t)
		return slices.DeleteFunc(slices.Clone(want), func(line string) bool { return slices.Contains(lines, line) })
	}
	defer func() {
		if t.Failed() {
			t.Log("missing:\n" + strings.Join(missing(), "\n"))
		}
	}()
	s.Eventually(patience, "the metrics show what happened", func() bool { return len(missing()) == 0 })
}

// sample returns the value of a metric, -1 without it.
func sample(s *apptest.Server, t *testing.T, name string) float64 {
	t.Helper()
	for _, line := range scrape(s, t) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	return -1
}

func TestMetrics_OfTheServer(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("GET", metricsPath, nil, "Authorization", "").Want(401)
		s.Call("GET", metricsPath, nil, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("apikey:"+apptest.Key))).Want(200)
		shows(s, t,
			`herald_build_info{version="1.2.3"} 1`,
			`herald_http_requests_total{code="401",method="GET",route="/api/prometheus/metrics"} 1`,
		)
		if commits := sample(s, t, "herald_store_commits_total"); commits < 1 {
			t.Errorf("the store has made %v commits", commits)
		}
		if routines := sample(s, t, "go_goroutines"); routines < 1 {
			t.Errorf("there are %v goroutines", routines)
		}
	}, func(o *app.Options) { o.Version = "1.2.3" })
}

func TestMetrics_WithoutKeyFromThisMachine(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("GET", metricsPath, nil, "Authorization", "").Want(200)
		s.Call("GET", metricsPath, nil, "Authorization", "wrong").Want(401)
		s.Call("GET", "/api/status", nil, "Authorization", "").Want(200)
		s.Call("GET", "/api/system/version", nil, "Authorization", "").Want(401)
	}, func(o *app.Options) { o.Settings.LocalMetrics = true })
}

// TestMetrics_OfEvents follows events from the vote to the delivery.
func TestMetrics_OfEvents(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		s.Enable(wire.None, "user.create.complete")
		voter := egresstest.NewReceiver(t).Script(egresstest.Accept(), egresstest.Status(500))
		hears := egresstest.NewReceiver(t)
		s.Subscribe(voter.URL, []string{"user.create"})
		id := s.Subscribe(hears.URL, []string{"user.create.complete"})

		s.Call("POST", "/api/user", user("yes@example.com")).Want(200)
		s.Call("POST", "/api/user", user("no@example.com")).Want(504)
		hears.WaitFor(1)
		s.Call("POST", "/api/webhook/"+string(id)+"/test", `{"type":"user.create"}`).Want(200)
		shows(
			s, t,
			`herald_events_published_total{result="Succeeded",source="directory",type="user.create"} 1`,
			`herald_events_published_total{result="Failed",source="directory",type="user.create"} 1`,
			`herald_events_published_total{result="Succeeded",source="directory",type="user.create.complete"} 1`,
			`herald_transactions_total{result="passed",rule="AbsoluteMajority"} 1`,
			`herald_transactions_total{result="refused",rule="AbsoluteMajority"} 1`,
			`herald_transactions_total{result="timeout",rule="AbsoluteMajority"} 0`,
			`herald_transaction_duration_seconds_count{rule="AbsoluteMajority"} 2`,
			`herald_delivery_attempts_total{kind="vote",outcome="accepted"} 1`,
			`herald_delivery_attempts_total{kind="vote",outcome="refused"} 1`,
			`herald_delivery_attempts_total{kind="delivery",outcome="accepted"} 1`,
			`herald_delivery_attempts_total{kind="test",outcome="accepted"} 1`,
			`herald_delivery_duration_seconds_count{kind="vote"} 2`,
			`herald_delivery_latency_seconds_count 1`,
			`herald_outbox_up 1`,
			`herald_outbox_pending{state="pending"} 0`,
			`herald_outbox_pending{state="retrying"} 0`,
			`herald_deliveries_under_way 0`,
			`herald_deliveries_dead_total 0`,
		)
		if recorded := sample(s, t, "herald_outbox_recorded_total"); recorded < 1 {
			t.Errorf("%v results were recorded", recorded)
		}
	})
}

// TestMetrics_OfTheBacklog has one receiver that holds its delivery, one that refuses it, and one that wants no more.
func TestMetrics_OfTheBacklog(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create")
		release := make(chan struct{})
		holds := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		refuses := egresstest.NewReceiver(t).Script(egresstest.Status(500))
		gone := egresstest.NewReceiver(t).Script(egresstest.Status(410))
		for _, r := range []*egresstest.Receiver{holds, refuses, gone} {
			s.Subscribe(r.URL, []string{"user.create"})
		}
		s.Call("POST", "/api/user", user("one@example.com")).Want(200)
		shows(
			s, t,
			`herald_outbox_pending{state="pending"} 1`,
			`herald_outbox_pending{state="retrying"} 1`,
			`herald_outbox_dead 1`,
			`herald_deliveries_dead_total 1`,
			`herald_deliveries_under_way 1`,
			`herald_deliveries_queued 0`,
			`herald_breakers_open 0`,
			`herald_webhooks_paused 0`,
			`herald_delivery_attempts_total{kind="delivery",outcome="refused"} 2`,
			`herald_delivery_latency_seconds_count 0`,
		)
		if age := sample(s, t, "herald_outbox_oldest_seconds"); age < 0 || age > patience.Seconds() {
			t.Errorf("the oldest delivery is %v seconds old", age)
		}
		close(release)
		shows(
			s, t,
			`herald_outbox_pending{state="pending"} 0`,
			`herald_deliveries_under_way 0`,
			`herald_delivery_attempts_total{kind="delivery",outcome="accepted"} 1`,
			`herald_delivery_latency_seconds_count 1`,
		)
	})
}
