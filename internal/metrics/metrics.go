// Package metrics counts and times what Herald does, and shows it to Prometheus.
//
// It owns the names of the metrics, their labels and the text they are read as. It does not know where in the work something is counted:
// whoever does the work calls one method of [Metrics].
//
// Labels have closed sets of values. What is in none of them (an event type that somebody registered, an outcome that is new) counts as
// "custom" or "other", so that nothing from outside makes series, and no id, address or free text is ever shown. Everything is named herald_….
//
//	metrics.go  the metrics and the methods that count
//	labels.go   closed sets, and metrics with labels from them
//	watch.go    what is read from elsewhere at the moment of a scrape: the backlog, the store
//	scrape.go   the HTTP handler
package metrics

import (
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// Metrics are the metrics of one Herald. All methods are safe for concurrent use and do nothing on a nil Metrics. Those that count take less than a
// microsecond and do not allocate, once a combination of labels has occurred. Negative durations and numbers, which a clock that jumps can
// make, count as zero.
type Metrics struct {
	registry *prometheus.Registry

	events             *family[prometheus.Counter]
	attempts           *family[prometheus.Counter]
	attemptSeconds     *family[prometheus.Observer]
	transactions       *family[prometheus.Counter]
	transactionSeconds *family[prometheus.Observer]
	messages           *family[prometheus.Counter]
	messageAttempts    *family[prometheus.Counter]
	messageSeconds     *family[prometheus.Observer]
	transitions        *family[prometheus.Counter]
	latency            prometheus.Histogram
	claims, records    batches
	dead               prometheus.Counter

	requestCounts  *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	requests       atomic.Pointer[requests]

	version *prometheus.GaugeVec
	store   *storeCollector
	backlog *backlogCollector
}

// batches is work on the outbox that is done for several deliveries at once.
type batches struct {
	total         prometheus.Counter
	seconds, size prometheus.Histogram
}

// The closed sets. The first value of each newSet is what everything else counts as.
var (
	types         = newSet("custom", eventTypes()...)
	messageKinds  = newSet(other, string(wire.KindSMS), string(wire.KindVoice), string(wire.KindEmail))
	messageStates = newSet(other, string(wire.MessageSent), string(wire.MessageFailed), string(wire.MessageUnknown), string(wire.MessageLimited))
	results       = newSet(other, "Succeeded", "Failed")
	sources       = newSet(other, "directory", "intake", "system")
	kinds         = newSet(other, "vote", "delivery", "retry", "test", "replay")
	outcomes      = newSet(other, outcomeNames()...)
	rules         = newSet(other, string(wire.Any), string(wire.SimpleMajority), string(wire.SuperMajority), string(wire.AbsoluteMajority))
	verdicts      = newSet(other, "passed", "refused", "timeout")
	transitions   = newSet(other, "open", "closed")
	methods       = newSet(other, "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
	codes         = newSet(other, statusCodes()...)
)

const other = "other"

func eventTypes() []string {
	var all []string
	for _, d := range event.All() {
		all = append(all, string(d.Type))
	}
	return all
}

func outcomeNames() []string {
	var all []string
	for _, o := range egress.Outcomes() {
		all = append(all, string(o))
	}
	return all
}

const lowestCode, highestCode = 100, 599

func statusCodes() []string {
	var all []string
	for code := lowestCode; code <= highestCode; code++ {
		all = append(all, strconv.Itoa(code))
	}
	return all
}

// Upper bounds of the histograms, in seconds. Requests over the network take from half a millisecond to a webhook's longest timeouts; work on
// the store begins far below that.
var (
	networkBuckets = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60}
	storeBuckets   = []float64{.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5}
	sizeBuckets    = []float64{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
)

// New returns Metrics with a registry of their own. The version, the routes, the store and the backlog are told to it afterwards.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.events = newFamily(m.counters("herald_events_published_total",
		"Events by type, result (Running is one that webhooks are asked about) and the source they came from.", "type", "result", "source"),
		types, results, sources)

	m.attempts = newFamily(m.counters("herald_delivery_attempts_total",
		"Requests to webhooks by what they were made for and what came of them.", "kind", "outcome"), kinds, outcomes)
	m.attemptSeconds = newFamily(m.histograms("herald_delivery_duration_seconds",
		"How long requests to webhooks took, from the connection to the complete answer.", networkBuckets, "kind"), kinds)
	m.latency = m.histogram("herald_delivery_latency_seconds",
		"Time from the commit of an event until a webhook had accepted it, first attempts only.", networkBuckets)
	m.dead = m.counter("herald_deliveries_dead_total", "Deliveries that were given up.")
	m.transitions = newFamily(m.counters("herald_breaker_transitions_total",
		"How often the breaker of a webhook opened, because the webhook kept failing, and closed again.", "to"), transitions)

	m.transactions = newFamily(m.counters("herald_transactions_total",
		"Votes of webhooks on events by rule and how they ended.", "rule", "result"), rules, verdicts)
	m.transactionSeconds = newFamily(m.histograms("herald_transaction_duration_seconds",
		"How long webhooks were asked until the outcome was certain.", networkBuckets, "rule"), rules)

	m.messages = newFamily(m.counters("herald_messages_total", "Messages to people by kind and how they ended.", "kind", "state"), messageKinds, messageStates)
	m.messageAttempts = newFamily(m.counters("herald_message_attempts_total",
		"Attempts to hand a message over by kind and what came of them.", "kind", "outcome"), messageKinds, outcomes)
	m.messageSeconds = newFamily(m.histograms("herald_message_duration_seconds",
		"How long messages took, from the request to the end of the last attempt.", networkBuckets, "kind"), messageKinds)

	m.claims = m.batches("claim", "claimed", "claim of due deliveries")
	m.records = m.batches("record", "recorded", "record of results")

	m.requestCounts = m.counters("herald_http_requests_total", "Requests to the API by route, method and status.", "route", "method", "code")
	m.requestSeconds = m.histograms("herald_http_request_duration_seconds", "How long requests to the API took.", networkBuckets, "route")
	m.SetRoutes(nil)

	m.version = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "herald_build_info", Help: "Always 1; the version is in the label."}, []string{"version"})
	m.store, m.backlog = newStoreCollector(), newBacklogCollector()
	m.registry.MustRegister(m.version, m.store, m.backlog)

	// These are few, and a rate that is asked for before the first failure should be 0 and not nothing. Types of events and routes are many
	// and appear with their first occurrence.
	m.attempts.fill()
	m.attemptSeconds.fill()
	m.transactions.fill()
	m.transactionSeconds.fill()
	m.messages.fill()
	m.messageAttempts.fill()
	m.messageSeconds.fill()
	m.transitions.fill()
	return m
}

// SetVersion tells the version of the binary.
func (m *Metrics) SetVersion(version string) {
	if m == nil {
		return
	}
	m.version.Reset()
	m.version.WithLabelValues(version).Set(1)
}

// Published counts an event with its result, Succeeded or Failed, once that is known; what a crash left open and tests of webhooks are not counted. source is
// where it came from: directory, intake or system.
func (m *Metrics) Published(eventType, result, source string) {
	if m == nil {
		return
	}
	m.events.at(types.place(eventType), results.place(result), sources.place(source)).Inc()
}

// Attempt counts a request to a webhook and how long it took. kind is vote, delivery, retry, test or replay; outcome is an [egress.Outcome].
func (m *Metrics) Attempt(kind, outcome string, d time.Duration) {
	if m == nil {
		return
	}
	k := kinds.place(kind)
	m.attempts.at(k, outcomes.place(outcome)).Inc()
	m.attemptSeconds.at(k).Observe(seconds(d))
}

// Transaction counts the vote on one event. rule is a [wire.TransactionType] (None, under which nobody votes, is not one of the set), result is
// passed, refused or timeout, d the time from the first question to the decision.
func (m *Metrics) Transaction(rule, result string, d time.Duration) {
	if m == nil {
		return
	}
	r := rules.place(rule)
	m.transactions.at(r, verdicts.place(result)).Inc()
	m.transactionSeconds.at(r).Observe(seconds(d))
}

// Latency is the time from the commit of an event until a webhook had accepted it at the first attempt.
func (m *Metrics) Latency(d time.Duration) {
	if m == nil {
		return
	}
	m.latency.Observe(seconds(d))
}

// Claimed counts one claim of n deliveries. n is 0 when nothing was due.
func (m *Metrics) Claimed(n int, d time.Duration) {
	if m == nil {
		return
	}
	m.claims.done(n, d)
}

// Message counts a message to a person that has ended, and how long it took. kind is a [wire.MessageKind], state a [wire.MessageState].
func (m *Metrics) Message(kind, state string, d time.Duration) {
	if m == nil {
		return
	}
	k := messageKinds.place(kind)
	m.messages.at(k, messageStates.place(state)).Inc()
	m.messageSeconds.at(k).Observe(seconds(d))
}

// MessageAttempt counts one attempt to hand a message over. outcome is an [egress.Outcome].
func (m *Metrics) MessageAttempt(kind, outcome string, _ time.Duration) {
	if m == nil {
		return
	}
	m.messageAttempts.at(messageKinds.place(kind), outcomes.place(outcome)).Inc()
}

// Recorded counts one transaction that stored n results.
func (m *Metrics) Recorded(n int, d time.Duration) {
	if m == nil {
		return
	}
	m.records.done(n, d)
}

// Dead counts a delivery that was given up.
func (m *Metrics) Dead() {
	if m == nil {
		return
	}
	m.dead.Inc()
}

// BreakerOpened counts a webhook that is left alone because it kept failing.
func (m *Metrics) BreakerOpened() {
	if m == nil {
		return
	}
	m.transitions.at(transitions.place("open")).Inc()
}

// BreakerClosed counts a webhook that works again.
func (m *Metrics) BreakerClosed() {
	if m == nil {
		return
	}
	m.transitions.at(transitions.place("closed")).Inc()
}

// requests are the metrics of the API. They are made anew with its routes.
type requests struct {
	routes  set
	counts  *family[prometheus.Counter]
	seconds *family[prometheus.Observer]
}

// SetRoutes tells the patterns under which Request counts; before that, and without a match, it counts under "other". A pattern may occur
// more than once.
func (m *Metrics) SetRoutes(patterns []string) {
	if m == nil {
		return
	}
	patterns = slices.Compact(slices.Sorted(slices.Values(patterns)))
	routes := newSet(other, patterns...)
	m.requests.Store(&requests{
		routes:  routes,
		counts:  newFamily(m.requestCounts, routes, methods, codes),
		seconds: newFamily(m.requestSeconds, routes),
	})
}

// Request counts an answered request to the API. route is the pattern of its row in the table of routes, empty without one.
func (m *Metrics) Request(route, method string, status int, d time.Duration) {
	if m == nil {
		return
	}
	r := m.requests.Load()
	place, code := r.routes.place(route), len(codes.values)-1
	if status >= lowestCode && status <= highestCode {
		code = status - lowestCode
	}
	r.counts.at(place, methods.place(method), code).Inc()
	r.seconds.at(place).Observe(seconds(d))
}

func (b batches) done(n int, d time.Duration) {
	count := float64(max(n, 0)) // a counter panics when it is to go down
	b.total.Add(count)
	b.size.Observe(count)
	b.seconds.Observe(seconds(d))
}

func seconds(d time.Duration) float64 { return max(d, 0).Seconds() }

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

func (m *Metrics) batches(verb, done, what string) batches {
	return batches{
		total:   m.counter("herald_outbox_"+done+"_total", "Deliveries that took part in a "+what+"."),
		seconds: m.histogram("herald_outbox_"+verb+"_seconds", "How long a "+what+" took, its commit included.", storeBuckets),
		size:    m.histogram("herald_outbox_"+verb+"_size", "How many deliveries took part in one "+what+".", sizeBuckets),
	}
}
