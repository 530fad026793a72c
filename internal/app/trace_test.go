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
