package metrics

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/herald-events/herald/internal/db"
)

// Backlog is what is owed to webhooks and who is at work on it, at one moment.
type Backlog struct {
	// Pending deliveries have had no attempt yet, Retrying ones have had one that failed, Dead ones were given up and are still in the store. They
	// are the store's: every process on it has the same numbers.
	Pending, Retrying, Dead int64
	// OldestAge is the age of the oldest delivery that is pending or being retried. 0 without one.
	OldestAge time.Duration
	// OpenBreakers are the webhooks that are left alone because they kept failing, PausedWebhooks those that somebody has paused. Of the store.
	OpenBreakers, PausedWebhooks int
	// Lanes are the webhooks that this process is at work for, Queued the deliveries it has claimed and not sent yet, UnderWay its requests.
	Lanes, Queued, UnderWay int
}

// WatchBacklog sets the function that a scrape reads the backlog with. It is called once at a time, and its context ends after two seconds. When it
// fails or takes longer, the scrape has herald_outbox_up 0 instead of the backlog, and everything else as usual; the error is logged.
func (m *Metrics) WatchBacklog(read func(ctx context.Context) (Backlog, error)) {
	if m == nil {
		return
	}
	m.backlog.read.Store(&read)
}

// WatchStore sets the function that a scrape reads the store's counters with: [db.DB.Stats].
func (m *Metrics) WatchStore(read func() db.Stats) {
	if m == nil {
		return
	}
	m.store.read.Store(&read)
}

// backlogPatience is how long a scrape waits for the backlog. Prometheus gives up on all of a scrape after ten seconds by default.
const backlogPatience = 2 * time.Second

type backlogCollector struct {
	read atomic.Pointer[func(context.Context) (Backlog, error)]

	mu   sync.Mutex
	call *backlogCall // the one under way; scrapes at the same time share it, also one that hangs beyond its time

	up, pending, dead, oldest, breakers, paused, lanes, queued, underWay *prometheus.Desc
}

type backlogCall struct {
	done    chan struct{} // closed when the others are set
	backlog Backlog
	err     error
}

func newBacklogCollector() *backlogCollector {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &backlogCollector{
		up: describe("herald_outbox_up", "1 when the backlog could be read, 0 when not; its other metrics are missing then."),
		pending: describe("herald_outbox_pending",
			"Deliveries in the store that are still to be made: pending before their first attempt, retrying after one that failed.", "state"),
		dead:     describe("herald_outbox_dead", "Deliveries in the store that were given up."),
		oldest:   describe("herald_outbox_oldest_seconds", "Age of the oldest delivery that is still to be made, 0 without one."),
		breakers: describe("herald_breakers_open", "Webhooks that are left alone because they kept failing."),
		paused:   describe("herald_webhooks_paused", "Webhooks that somebody has paused."),
		lanes:    describe("herald_lanes", "Webhooks that this process is at work for."),
		queued:   describe("herald_deliveries_queued", "Deliveries that this process has claimed and not sent yet."),
		underWay: describe("herald_deliveries_under_way", "Requests of this process to webhooks that are not answered yet."),
	}
}

func (c *backlogCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.pending, c.dead, c.oldest, c.breakers, c.paused, c.lanes, c.queued, c.underWay} {
		out <- d
	}
}

func (c *backlogCollector) Collect(out chan<- prometheus.Metric) {
	read := c.read.Load()
	if read == nil {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	b, err := c.look(*read)
	if err != nil {
		gauge(c.up, 0)
		out <- prometheus.NewInvalidMetric(c.pending, err) // takes the error to the log of the handler
		return
	}
	gauge(c.up, 1)
	gauge(c.pending, float64(b.Pending), "pending")
	gauge(c.pending, float64(b.Retrying), "retrying")
	gauge(c.dead, float64(b.Dead))
	gauge(c.oldest, seconds(b.OldestAge))
	gauge(c.breakers, float64(b.OpenBreakers))
	gauge(c.paused, float64(b.PausedWebhooks))
	gauge(c.lanes, float64(b.Lanes))
	gauge(c.queued, float64(b.Queued))
	gauge(c.underWay, float64(b.UnderWay))
}

// look waits for the call under way, or for a new one, but not longer than its patience. A function that ignores its context can so hold up one
// goroutine, and no scrape.
func (c *backlogCollector) look(read func(context.Context) (Backlog, error)) (Backlog, error) {
	c.mu.Lock()
	call := c.call
	if call == nil {
		call = &backlogCall{done: make(chan struct{})}
		c.call = call
		go c.run(call, read)
	}
	c.mu.Unlock()

	timer := time.NewTimer(backlogPatience)
	defer timer.Stop()
	select {
	case <-call.done:
		return call.backlog, call.err
	case <-timer.C:
		return Backlog{}, fmt.Errorf("the backlog could not be read within %v", backlogPatience)
	}
}

func (c *backlogCollector) run(call *backlogCall, read func(context.Context) (Backlog, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogPatience)
	defer cancel()
	defer func() {
		if caught := recover(); caught != nil { // else a mistake in a gauge would end the server
			call.err = fmt.Errorf("reading the backlog panicked: %v\n%s", caught, debug.Stack())
		}
		c.mu.Lock()
		c.call = nil
		c.mu.Unlock()
		close(call.done)
	}()
	call.backlog, call.err = read(ctx)
}

type storeCollector struct {
	read atomic.Pointer[func() db.Stats]

	counters []storeCounter
}

type storeCounter struct {
	desc *prometheus.Desc
	of   func(db.Stats) int64
}

func newStoreCollector() *storeCollector {
	counter := func(name, help string, of func(db.Stats) int64) storeCounter {
		return storeCounter{prometheus.NewDesc("herald_store_"+name+"_total", help, nil, nil), of}
	}
	return &storeCollector{counters: []storeCounter{
		counter("updates", "Transactions that wrote and were committed.", func(s db.Stats) int64 { return s.Updates }),
		counter("commits", "Commits that these transactions shared.", func(s db.Stats) int64 { return s.Commits }),
		counter("views", "Transactions that only read.", func(s db.Stats) int64 { return s.Views }),
		counter("checkpoints", "Times the write-ahead log was copied into the file of the database (SQLite).", func(s db.Stats) int64 { return s.Checkpoints }),
		counter("restarts", "Checkpoints that writers had to wait for (SQLite).", func(s db.Stats) int64 { return s.Restarts }),
		counter("retries", "Transactions that were run again after a deadlock (PostgreSQL).", func(s db.Stats) int64 { return s.Retries }),
	}}
}

func (c *storeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, counter := range c.counters {
		out <- counter.desc
	}
}

func (c *storeCollector) Collect(out chan<- prometheus.Metric) {
	read := c.read.Load()
	if read == nil {
		return
	}
	stats := (*read)()
	for _, counter := range c.counters {
		out <- prometheus.MustNewConstMetric(counter.desc, prometheus.CounterValue, float64(counter.of(stats)))
	}
}
