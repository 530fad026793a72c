package webhook

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/filter"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/wire"
)

// Registry is all receivers at one moment, webhooks and sinks, ready to be sent to. It is immutable.
type Registry struct {
	targets   []*Target
	byID      map[wire.ID]*Target
	listeners []*Listener
	audiences audiences
}

// Target is the receiver with the given id, nil if there is none.
func (r *Registry) Target(id wire.ID) *Target { return r.byID[id] }

// IDs are the ids of all receivers.
func (r *Registry) IDs() []wire.ID { return slices.Collect(maps.Keys(r.byID)) }

// Sinks are those of the receivers that are sinks, in the order of their ids.
func (r *Registry) Sinks() (sinks []*Target) {
	for _, t := range r.targets {
		if t.kind == Sink {
			sinks = append(sinks, t)
		}
	}
	slices.SortFunc(sinks, func(a, b *Target) int { return cmp.Compare(a.ID, b.ID) })
	return sinks
}

// Message is one event on its way to receivers.
type Message struct {
	// ID is that of the event. Standard Webhooks sends it, and receivers drop what they have seen of it.
	ID wire.ID
	// Body is sent, and signed, byte for byte.
	Body []byte
	// Object is the user, group or entity that the event is about, empty without one. Brokers keep what is about one object in order.
	Object wire.ID
	// Trace is the place in a trace that the attempt belongs to. Type, Kind and Made say for it what is sent, what for, and how many attempts there were before.
	Trace trace.Parent
	Type  string
	Kind  Kind
	Made  int
	// traceparent is what the receiver is told of it.
	traceparent trace.Parent
}

// Kind of a receiver.
type ReceiverKind string

const (
	Webhook ReceiverKind = "webhook"
	// Sink is a broker or a file. It gets what is committed, and never has a say.
	Sink ReceiverKind = "sink"
)

// Title is the kind as a sentence begins with it.
func (k ReceiverKind) Title() string {
	if k == Sink {
		return "Sink"
	}
	return "Webhook"
}

// Sender makes attempts. They never fail: what went wrong is in the attempt. The outcome is Cancelled only if ctx ended.
type Sender interface {
	Send(ctx context.Context, m Message) *Attempt
	// Probe looks whether the receiver is there, without an event.
	Probe(ctx context.Context) *Attempt
}

// Pace is how deliveries to a receiver go.
type Pace struct {
	// Delays are the pauses after the first, second and so on failed attempt. Nil means those of the server, an empty list no retries.
	Delays []time.Duration
	// Concurrency is how many deliveries may be under way at once; zero means as many as the server has by default.
	Concurrency int
	// RateLimit is how many deliveries may leave per second; zero means that there is no limit.
	RateLimit float64
	// Ordered tells whether the events about one object are to be delivered strictly one after the other.
	Ordered bool
	// Patience is the longest time that one attempt can take.
	Patience time.Duration
}

// Target is a receiver as a registry has it: which events it gets, how fast, and who sends them. It is immutable.
type Target struct {
	ID     wire.ID
	kind   ReceiverKind
	name   string
	url    string
	wants  Subscription
	pace   Pace
	sender Sender
	clock  func() time.Time
	traced Traced
}

// Traced says whether attempts are traced, and whether receivers are told. The zero value traces nothing.
type Traced struct {
	Tracer *trace.Tracer
	// Tells sends the header traceparent to webhooks.
	Tells bool
}

// NewSink returns a sink as a receiver. url is where it is, without credentials.
func (s *Service) NewSink(id wire.ID, name, url string, wants Subscription, pace Pace, sender Sender) *Target {
	return &Target{ID: id, kind: Sink, name: name, url: url, wants: wants, pace: pace, sender: sender, clock: s.Clock, traced: s.Traced}
}

// Kind is what kind of receiver it is.
func (t *Target) Kind() ReceiverKind { return t.kind }

// Votes tells whether it is asked about transactional events before their commit.
func (t *Target) Votes() bool { return t.kind == Webhook }

// Enabled tells whether anything may be sent to it at all.
func (t *Target) Enabled() bool { return t.wants.Enabled }

// URL is where it is, without credentials and query values.
func (t *Target) URL() string { return t.url }

// Name is what people call it by: the name of a sink, where a webhook is.
func (t *Target) Name() string {
	if t.kind == Sink {
		return t.name
	}
	return t.url
}

// Want tells which gate, if any, keeps all events of type t of the given tenant away.
func (t *Target) Want(typ event.Type, scope event.Scope, tenant wire.ID) Gate {
	return t.wants.Match(typ, scope, tenant)
}

// Pass tells whether the filter of the receiver lets the event through, and if it failed, why.
func (t *Target) Pass(e *filter.Event) (gate Gate, why string) { return t.wants.Pass(e) }

// HasFilter tells whether Pass depends on the event.
func (t *Target) HasFilter() bool { return t.wants.Filter != nil }

func (t *Target) Delays() []time.Duration { return t.pace.Delays }
func (t *Target) Concurrency() int        { return t.pace.Concurrency }
func (t *Target) RateLimit() float64      { return t.pace.RateLimit }
func (t *Target) Ordered() bool           { return t.pace.Ordered }
func (t *Target) Patience() time.Duration { return t.pace.Patience }

// Send makes one attempt to deliver m. See [Sender].
func (t *Target) Send(ctx context.Context, m Message) *Attempt {
	span := t.span(m)
	if span.On() && t.traced.Tells {
		m.traceparent = span.Parent()
	}
	a := t.sender.Send(ctx, m)
	if span.On() {
		a.Detail.TraceID = span.Trace()
		span.Number(trace.Status, a.StatusCode)
		failure := ""
		if !a.Outcome.Success() {
			failure = string(a.Outcome)
		}
		span.End(failure)
	}
	return a
}

// span begins the span of an attempt.
func (t *Target) span(m Message) trace.Span {
	kind, name := trace.Client, http.MethodPost
	if t.kind == Sink {
		kind, name = trace.Producer, "send"
	}
	span := t.traced.Tracer.Start(m.Trace, kind, name)
	if !span.On() {
		return span
	}
	if t.kind == Sink {
		span.Text(trace.Operation, "send")
		span.Text(trace.Destination, t.url)
		span.Text(trace.MessageID, string(m.ID))
	} else {
		span.Text(trace.Method, http.MethodPost)
		span.Where(t.url)
		if m.Made > 0 {
			span.Number(trace.Resend, m.Made)
		}
	}
	span.Text(trace.Attempt, string(m.Kind))
	span.Text(trace.EventType, m.Type)
	span.Text(trace.EventID, string(m.ID))
	span.Text(trace.Receiver, string(t.ID))
	return span
}

// Probe looks whether the receiver is there. Nothing is recorded.
func (t *Target) Probe(ctx context.Context) *Attempt { return t.sender.Probe(ctx) }

// NotSent is the attempt of a request that was not made. Its outcome is Cancelled.
func (t *Target) NotSent(why string) *Attempt {
	return notSent(t.ID, t.url, egress.Cancelled, why, t.clock())
}

func notSent(id wire.ID, url string, outcome egress.Outcome, why string, now time.Time) *Attempt {
	return &Attempt{Webhook: id, URL: url, Outcome: outcome, Exception: why, Start: now, End: now}
}
