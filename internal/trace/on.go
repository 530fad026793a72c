//go:build !notrace

package trace

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// Tracer begins spans. It is safe for concurrent use; a nil one traces nothing.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   api.Tracer
}

// New returns a tracer, or nil when nothing is to be traced.
func New(ctx context.Context, o Options) (*Tracer, error) {
	off := strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none"
	if o.Endpoint == "" && (off || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "") {
		return nil, nil
	}
	var options []otlptracehttp.Option
	if o.Endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(o.Endpoint))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("the settings OTEL_EXPORTER_OTLP_… cannot be used: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attribute.String("service.name", "herald"),
		attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Instance)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("the settings OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME cannot be used: %w", err)
	}
	if o.Failed != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(o.Failed))
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/herald-events/herald")}, nil
}

// Stop sends what has not been sent, as long as ctx lasts.
func (t *Tracer) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Span is something that takes its time. The zero value is none, and all its methods do nothing.
type Span struct{ span api.Span }

var kinds = map[Kind]api.SpanKind{Server: api.SpanKindServer, Client: api.SpanKindClient, Producer: api.SpanKindProducer, Internal: api.SpanKindInternal}

// Start begins a span below a place in a trace, or a trace of its own.
func (t *Tracer) Start(parent Parent, kind Kind, name string) Span {
	if t == nil {
		return Span{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": string(parent)})
	_, span := t.tracer.Start(ctx, name, api.WithSpanKind(kinds[kind]))
	return Span{span}
}

// On tells whether anybody looks at the span: what it costs to describe it can be saved otherwise.
func (s Span) On() bool { return s.span != nil }

// Parent is the place of the span, for what happens below it.
func (s Span) Parent() Parent {
	if s.span == nil {
		return ""
	}
	c := s.span.SpanContext()
	return Parent("00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String())
}

// Trace is the id of the trace that the span belongs to, "" when nobody keeps it.
func (s Span) Trace() string {
	if s.span == nil || !s.span.SpanContext().IsSampled() {
		return ""
	}
	return s.span.SpanContext().TraceID().String()
}

// Name gives the span another name, once it is known.
func (s Span) Name(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// Text and Number describe the span. Empty texts say nothing.
func (s Span) Text(name, value string) {
	if s.span != nil && value != "" {
		s.span.SetAttributes(attribute.String(name, value))
	}
}

func (s Span) Number(name string, value int) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int(name, value))
	}
}

// Where describes whom the span talks to: the address of a URL.
func (s Span) Where(address string) {
	if s.span == nil {
		return
	}
	s.Text(URL, address)
	if u, err := url.Parse(address); err == nil {
		s.Text("server.address", u.Hostname())
	}
}

// End ends the span; failure is a class of errors, "" when there was none.
func (s Span) End(failure string) {
	if s.span == nil {
		return
	}
	if failure != "" {
		s.Text(ErrorType, failure)
		s.span.SetStatus(codes.Error, failure)
	}
	s.span.End()
}
