package app_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// spans is where traces are sent to.
type spans struct {
	URL string

	mu  sync.Mutex
	all []*otlp.Span
}

func newSpans(t *testing.T) *spans {
	s := &spans{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				s.all = append(s.all, scope.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL + "/v1/traces"
	return s
}

// named returns the spans of a trace with that name.
func (s *spans) named(trace, name string) (found []*otlp.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.all {
		if hex.EncodeToString(span.TraceId) == trace && span.Name == name {
			found = append(found, span)
		}
	}
	return found
}

func said(span *otlp.Span, name string) string {
	for _, a := range span.Attributes {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// TestTraces follows one request from the caller through a vote and, after a restart, to a delivery.
func TestTraces(t *testing.T) {
	t.Parallel()
	const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			kept := newSpans(t)
			s := apptest.Start(t, engine, quickRetries, func(o *app.Options) { o.Trace = kept.URL })
			s.Enable(wire.AbsoluteMajority, "user.create")
			s.Enable(wire.None, "user.create.complete")
			voter, told := egresstest.NewReceiver(t), egresstest.NewReceiver(t)
			s.Subscribe(voter.URL, []string{"user.create"})
			later := s.Subscribe(told.URL, []string{"user.create.complete"})
			s.Call("POST", "/api/delivery/webhook/"+string(later)+"/pause", nil).Want(200)
			s.Call("POST", "/api/user", object{"user": object{"email": "ada@example.com", "password": "correct horse"}}, "traceparent", "00-"+trace+"-"+caller+"-01").Want(200)
			s.Restart()
			s.Call("POST", "/api/delivery/webhook/"+string(later)+"/resume", nil).Want(200)
			s.Settled(20 * time.Second)
			voterSaw, toldSaw := voter.WaitFor(1)[0].Header.Get("Traceparent"), told.WaitFor(1)[0].Header.Get("Traceparent")

			// The log of the attempts names the trace.
			ids := s.Strings(`SELECT id FROM attempt`)
			if len(ids) != 2 {
				t.Fatalf("%d attempts are on record", len(ids))
			}
			for _, id := range ids {
				if a := s.Call("GET", "/api/system/webhook-attempt-log/"+id, nil).Want(200); !strings.Contains(string(a.Body), `"traceId":"`+trace+`"`) {
					t.Errorf("the attempt does not name its trace: %s", a.Body)
				}
			}
			s.Stop()

			request, vote, attempts := kept.named(trace, "POST /api/user"), kept.named(trace, "vote user.create"), kept.named(trace, "POST")
			if len(request) != 1 || len(vote) != 1 || len(attempts) != 2 {
				t.Fatalf("%d requests, %d votes, %d attempts in the trace", len(request), len(vote), len(attempts))
			}
			if hex.EncodeToString(request[0].ParentSpanId) != caller || request[0].Kind != otlp.Span_SPAN_KIND_SERVER {
				t.Errorf("the request is not continued: %v", request[0])
			}
			if string(vote[0].ParentSpanId) != string(request[0].SpanId) || said(vote[0], "herald.result") != "passed" || said(vote[0], "herald.transaction") != "AbsoluteMajority" {
				t.Errorf("the vote: %v", vote[0])
			}
			for _, span := range attempts {
				parent, saw, kind := vote[0], voterSaw, "vote"
				if said(span, "herald.event.type") == "user.create.complete" {
					parent, saw, kind = request[0], toldSaw, "delivery"
				}
				if string(span.ParentSpanId) != string(parent.SpanId) || span.Kind != otlp.Span_SPAN_KIND_CLIENT || said(span, "herald.attempt") != kind {
					t.Errorf("an attempt: %v", span)
				}
				if want := "00-" + trace + "-" + hex.EncodeToString(span.SpanId) + "-01"; saw != want {
					t.Errorf("the receiver was told %q, want %q", saw, want)
				}
				if said(span, "server.address") != "127.0.0.1" || said(span, "url.full") == "" {
					t.Errorf("an attempt says too little: %v", span)
				}
			}
		})
	}
}

// TestTraces_Intake follows events of another system, one by one and many at once, to a webhook that fails at first, and to a sink.
func TestTraces_Intake(t *testing.T) {
	t.Parallel()
	const trace, caller = "5bf92f3577b34da6a3ce929d0e0e4737", "10f067aa0ba902b8"
	kept := newSpans(t)
	s := apptest.Start(t, dbtest.Engines()[0], quickRetries, func(o *app.Options) { o.Trace = kept.URL })
	s.Enable(wire.None, "user.create.complete")
	told := egresstest.NewReceiver(t).Script(egresstest.Status(503), egresstest.Accept())
	webhook := s.Subscribe(told.URL+"/hook?token=pl4nted", []string{"user.create.complete"})
	s.Call("POST", "/api/sink", object{"sink": object{
		"name": "file", "type": "file", "file": object{"path": "events.jsonl"}, "global": true, "eventsEnabled": object{"user.create.complete": true},
	}}).Want(200)
	sample := func(email string) object {
		return object{"type": "user.create.complete", "tenantId": s.Tenant, "user": object{"id": "a1000000-0000-4000-8000-00000000000a", "email": email}}
	}
	s.Call("POST", "/api/event", object{"event": sample("one@example.com")}, "traceparent", "00-"+trace+"-"+caller+"-01").Want(200)
	s.Settled(20 * time.Second)
	s.Call("POST", "/api/event/batch", object{"events": []object{sample("two@example.com")}}, "traceparent", "00-"+trace+"-"+caller+"-01").Want(200)
	s.Settled(20 * time.Second)
	s.Call("POST", "/api/event", object{"event": sample("three@example.com")}, "traceparent", "00-"+trace+"-"+caller+"-zz").Want(200) // none
	s.Settled(20 * time.Second)
	s.Stop()

	single, batch := kept.named(trace, "POST /api/event"), kept.named(trace, "POST /api/event/batch")
	attempts, records := kept.named(trace, "POST"), kept.named(trace, "send")
	if len(single) != 1 || len(batch) != 1 || len(attempts) != 3 || len(records) != 2 {
		t.Fatalf("%d and %d requests, %d attempts, %d records in the trace", len(single), len(batch), len(attempts), len(records))
	}
	parents := map[string]int{}
	failed := 0
	for _, span := range append(attempts, records...) {
		parents[string(span.ParentSpanId)]++
		if strings.Contains(span.String(), "pl4nted") {
			t.Errorf("a span tells a secret: %v", span)
		}
		if span.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
			failed++
			if said(span, "error.type") == "" || number(span, "http.response.status_code") != 503 || number(span, "http.request.resend_count") != 0 {
				t.Errorf("the attempt that failed: %v", span)
			}
		}
	}
	if parents[string(single[0].SpanId)] != 3 || parents[string(batch[0].SpanId)] != 2 || failed != 1 {
		t.Errorf("%d of them failed, they belong to %v", failed, parents)
	}
	again := 0
	for _, span := range attempts {
		if said(span, "herald.webhook.id") != string(webhook) {
			t.Errorf("an attempt: %v", span)
		}
		again += int(number(span, "http.request.resend_count"))
	}
	if again != 1 {
		t.Errorf("attempts that came again: %d", again)
	}
	for _, span := range records {
		if span.Kind != otlp.Span_SPAN_KIND_PRODUCER || said(span, "messaging.operation.name") != "send" || said(span, "messaging.destination.name") == "" || said(span, "messaging.message.id") == "" {
			t.Errorf("a record: %v", span)
		}
	}
	if requests := told.Requests(); len(requests) != 4 || strings.Contains(requests[3].Header.Get("Traceparent"), trace) || requests[3].Header.Get("Traceparent") == "" {
		t.Errorf("what says nothing of a trace begins one of its own: %d requests", len(requests))
	}
}

func number(span *otlp.Span, name string) int64 {
	for _, a := range span.Attributes {
		if a.Key == name {
			return a.Value.GetIntValue()
		}
	}
	return 0
}

// TestTraces_Off sends nothing of the kind, to nobody.
func TestTraces_Off(t *testing.T) {
	t.Parallel()
	kept := newSpans(t)
	for _, told := range []bool{false, true} {
		s := apptest.Start(t, dbtest.Engines()[0], func(o *app.Options) {
			if told {
				o.Trace, o.Settings.NoTraceparent = kept.URL, true
			}
		})
		s.Enable(wire.None, "user.create")
		receiver := egresstest.NewReceiver(t)
		s.Subscribe(receiver.URL, []string{"user.create"})
		s.Call("POST", "/api/user", object{"user": object{"email": "ada@example.com", "password": "correct horse"}}, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").Want(200)
		if header := receiver.WaitFor(1)[0].Header.Get("Traceparent"); header != "" {
			t.Errorf("the receiver was told %q", header)
		}
		s.Settled(20 * time.Second)
		if traced := s.Strings(`SELECT id FROM event WHERE trace IS NOT NULL`); !told && len(traced) > 0 {
			t.Errorf("%d events have a place in a trace that nobody keeps", len(traced))
		}
		s.Stop()
	}
}
