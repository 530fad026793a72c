// Package trace follows what happens from the request that caused it to the receivers that heard of it, with OpenTelemetry: spans for requests, votes and attempts,
// sent by OTLP over HTTP to where OTEL_EXPORTER_OTLP_ENDPOINT says. Without that nothing is traced and nothing costs.
//
// A place in a trace is a [Parent]: the text of a W3C traceparent header. It comes in with a request, is kept with the events that the request causes, so that a delivery hours
// later, by another process, is still in the same trace, and goes out to receivers.
//
//	trace.go      what the rest of Herald uses
//	on.go, off.go the libraries behind it; the build tag notrace leaves them out
package trace

import (
	"context"
	"net/http"
)

// Parent is a place in a trace, as a traceparent header has it; "" is none.
type Parent string

type parentKey struct{}

// With returns a context whose operations belong to the place in the trace.
func With(ctx context.Context, p Parent) context.Context {
	if p == "" {
		return ctx
	}
	return context.WithValue(ctx, parentKey{}, p)
}

// In is the place in the trace that the operations of ctx belong to.
func In(ctx context.Context) Parent {
	p, _ := ctx.Value(parentKey{}).(Parent)
	return p
}

// Incoming is the place in the trace that a request says it belongs to. What is no traceparent is none.
func Incoming(h http.Header) Parent { return Parent(h.Get(Header)) }

// Header is the name of the header with a [Parent].
const Header = "Traceparent"

// Kind is who has begun what a span is about.
type Kind int

const (
	Server   Kind = iota // somebody else: a request to us
	Client               // we: a request to somebody
	Producer             // we: a message to a broker
	Internal             // we, and nobody else takes part
)

// Attributes of spans: those of the conventions, and ours.
const (
	Method      = "http.request.method"
	Route       = "http.route"
	Status      = "http.response.status_code"
	Resend      = "http.request.resend_count"
	URL         = "url.full"
	ErrorType   = "error.type"
	Operation   = "messaging.operation.name"
	Destination = "messaging.destination.name"
	MessageID   = "messaging.message.id"
	EventType   = "herald.event.type"
	EventID     = "herald.event.id"
	Receiver    = "herald.webhook.id"
	Tenant      = "herald.tenant.id"
	Rule        = "herald.transaction"
	Result      = "herald.result"
	Attempt     = "herald.attempt"
	Request     = "herald.request.id"
)

// Options say where spans go.
type Options struct {
	// Endpoint is the URL that spans are posted to. Defaults to what the environment says; without OTEL_EXPORTER_OTLP_ENDPOINT and
	// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT nothing is traced. Everything else is taken from the environment as OpenTelemetry has it.
	Endpoint string
	// Version and Instance name this process.
	Version, Instance string
	// Failed hears why spans could not be sent.
	Failed func(error)
}
