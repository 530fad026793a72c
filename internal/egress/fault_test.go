package egress_test

import (
	"context"
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
)

// TestDo_EveryFault lets receivers do their worst. Each fault has one outcome, nothing takes longer than its timeout or more memory than
// the caps, and every outcome there is appears.
func TestDo_EveryFault(t *testing.T) {
	t.Parallel()
	const read, keep = 100_000, 1000
	a, stranger := egresstest.NewAuthority(t), egresstest.NewAuthority(t)
	type fault struct {
		name    string
		want    egress.Outcome
		status  int
		step    egresstest.Step                                           // of a plain receiver, or
		request func(*testing.T, *egress.Options, *egress.Request) string // returns the URL
		sent    bool
	}
	receiver := func(t *testing.T, r *egress.Request) string {
		r.ReadTimeout = long
		return egresstest.NewReceiver(t).URL
	}
	secure := func(cert tls.Certificate) func(*testing.T, *egress.Options, *egress.Request) string {
		return func(t *testing.T, _ *egress.Options, _ *egress.Request) string {
			return egresstest.NewTLSReceiverWith(t, &tls.Config{Certificates: []tls.Certificate{cert}}).URL
		}
	}
	none := func(string) []netip.Addr { return nil }
	faults := []fault{
		{name: "accepts", want: egress.Accepted, status: 200, step: egresstest.Accept(), sent: true},
		{name: "endless body", want: egress.Accepted, status: 200, step: egresstest.EndlessBody(), sent: true},
		{name: "gzip bomb", want: egress.Accepted, status: 200, step: egresstest.GzipBomb(8 << 20), sent: true},
		{name: "no", want: egress.Refused, status: 403, step: egresstest.Status(403), sent: true},
		{name: "redirect inward", want: egress.Redirect, status: 302, step: egresstest.Redirect("http://169.254.169.254/latest/meta-data"), sent: true},
		{name: "redirect to itself", want: egress.Redirect, status: 302, step: egresstest.Redirect("/"), sent: true},

		{name: "hangs", want: egress.Timeout, step: egresstest.Hang(), sent: true},
		{name: "drips", want: egress.Timeout, status: 200, step: egresstest.Drip(10 * time.Millisecond), sent: true},
		{name: "hangs within a line", want: egress.Timeout, step: egresstest.Pause("HTTP/1.1 200 OK\r\nX-Ha"), sent: true},
		{name: "hangs within the status", want: egress.Timeout, step: egresstest.Pause("HTT"), sent: true},
		{name: "hangs before the trailer", want: egress.Timeout, status: 200, step: egresstest.Pause("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"), sent: true},
		{name: "drips a header", want: egress.Timeout, step: egresstest.DripHeader(10 * time.Millisecond), sent: true},
		{name: "never shakes hands", want: egress.Timeout, request: func(t *testing.T, _ *egress.Options, r *egress.Request) string {
			r.ConnectTimeout = short
			return "https://" + egresstest.SilentListener(t).String()
		}},
		{name: "never accepts", want: egress.Timeout, request: func(t *testing.T, _ *egress.Options, r *egress.Request) string {
			r.ConnectTimeout = short
			return "http://" + egresstest.Blackhole(t).String()
		}},

		{name: "nobody listens", want: egress.Connect, request: func(t *testing.T, _ *egress.Options, _ *egress.Request) string {
			return "http://" + egresstest.UnusedAddress(t).String()
		}},
		{name: "wrong authority", want: egress.TLS, request: secure(stranger.ServerCertificate("127.0.0.1"))},
		{name: "wrong host", want: egress.TLS, request: secure(a.ServerCertificate("other.example"))},
		{name: "expired", want: egress.TLS, request: secure(a.ExpiredCertificate("127.0.0.1"))},
		{name: "no TLS", want: egress.TLS, request: func(t *testing.T, _ *egress.Options, r *egress.Request) string {
			return strings.Replace(receiver(t, r), "http:", "https:", 1)
		}},
		{name: "no such name", want: egress.DNS, request: func(t *testing.T, o *egress.Options, _ *egress.Request) string {
			o.Resolver = egresstest.NewResolver(t, none)
			return "http://receiver.example"
		}},
		{name: "inside", want: egress.Blocked, request: func(t *testing.T, o *egress.Options, r *egress.Request) string {
			o.Policy = egress.Policy{}
			return receiver(t, r)
		}},
		{name: "name that leads inside", want: egress.Blocked, request: func(t *testing.T, o *egress.Options, r *egress.Request) string {
			o.Policy, o.Resolver = egress.Policy{}, loopbackResolver(t)
			return strings.Replace(receiver(t, r), "127.0.0.1", "receiver.example", 1)
		}},

		{name: "huge header", want: egress.TooLarge, step: egresstest.HugeHeader(1 << 20), sent: true},
		{name: "endless header", want: egress.TooLarge, step: egresstest.EndlessHeader(), sent: true},
		{name: "endless header line", want: egress.TooLarge, step: egresstest.EndlessHeaderLine(), sent: true},
		{name: "endless status line", want: egress.TooLarge, step: egresstest.EndlessStatusLine(), sent: true},
		{name: "endless interim answers", want: egress.TooLarge, step: egresstest.EndlessInterim(), sent: true},

		{name: "reset", want: egress.Reset, step: egresstest.Reset(), sent: true},
		{name: "closes", want: egress.Reset, step: egresstest.Close(), sent: true},
		{name: "half a header", want: egress.Reset, step: egresstest.HalfHeader(), sent: true},
		{name: "half a header line", want: egress.Reset, step: egresstest.Raw("HTTP/1.1 200 OK\r\nX-Ha"), sent: true},
		{name: "half an answer", want: egress.Reset, status: 200, step: egresstest.HalfAnswer(), sent: true},
		{name: "half a chunk", want: egress.Reset, status: 200, step: egresstest.HalfChunk(), sent: true},

		{name: "not HTTP", want: egress.Protocol, step: egresstest.Garbage(), sent: true},
		{name: "a status of two digits", want: egress.Protocol, step: egresstest.Raw("HTTP/1.1 20 OK\r\n\r\n"), sent: true},
		{name: "a status that is no number", want: egress.Protocol, step: egresstest.Raw("HTTP/1.1 +20 OK\r\n\r\n"), sent: true},
		{name: "two lengths", want: egress.Protocol, step: egresstest.Raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi"), sent: true},
		{name: "changes the protocol", want: egress.Protocol, status: 101, step: egresstest.Raw("HTTP/1.1 101 Switching\r\n\r\n"), sent: true},

		{name: "not sendable", want: egress.Invalid, request: func(t *testing.T, _ *egress.Options, r *egress.Request) string {
			r.Method = "A B"
			return receiver(t, r)
		}},
	}
	seen := []egress.Outcome{}
	for _, f := range faults {
		seen = append(seen, f.want)
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			o := egress.Options{Policy: local, MaxResponse: read, KeepResponse: keep}
			r := egress.Request{Body: []byte("{}"), ConnectTimeout: long, ReadTimeout: long}
			if f.request != nil {
				r.URL = f.request(t, &o, &r)
			} else {
				r.URL = egresstest.NewReceiver(t).Script(f.step).URL
			}
			if f.want == egress.Timeout && r.ConnectTimeout == long {
				r.ReadTimeout = short
			}
			res := newEgress(t, o).Client(trust(t, a.PEM())).Do(t.Context(), r)
			if res.Outcome != f.want || res.StatusCode != f.status || res.RequestSent != f.sent || res.Replayed {
				t.Errorf("%s %d %q, sent %t, replayed %t", res.Outcome, res.StatusCode, res.Err, res.RequestSent, res.Replayed)
			}
			if res.Outcome.Success() != (res.Err == "") && res.Outcome != egress.Refused && res.Outcome != egress.Redirect {
				t.Errorf("%s with the text %q", res.Outcome, res.Err)
			}
			if len(res.Body) > keep || cap(res.Body) > 4*keep || res.BodySize > read || res.Phases.Total > long/2 {
				t.Errorf("kept %d (%d) of %d bytes in %s", len(res.Body), cap(res.Body), res.BodySize, res.Phases.Total)
			}
		})
	}
	t.Run("ended by us", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		res := newClient(t).Do(ctx, egress.Request{URL: egresstest.NewReceiver(t).Script(egresstest.Hang()).URL, ReadTimeout: long})
		if res.Outcome != egress.Cancelled {
			t.Errorf("%s %s", res.Outcome, res.Err)
		}
	})
	seen = append(seen, egress.Cancelled)
	for _, o := range egress.Outcomes() {
		if !slices.Contains(seen, o) {
			t.Errorf("no fault leads to %q", o)
		}
	}
}
