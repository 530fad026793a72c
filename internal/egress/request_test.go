package egress_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
)

// short is a timeout that a test waits out, long one that must not be reached.
const (
	short = 150 * time.Millisecond
	long  = 30 * time.Second
)

func loopbackResolver(t testing.TB) *net.Resolver {
	return egresstest.NewResolver(t, func(string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} })
}

func TestDo_Outcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		step   egresstest.Step
		want   egress.Outcome
		status int
		err    string
	}{
		{"200", egresstest.Accept(), egress.Accepted, 200, ""},
		{"201", egresstest.Status(201), egress.Accepted, 201, ""},
		{"204", egresstest.Status(204), egress.Accepted, 204, ""},
		{"299", egresstest.Status(299), egress.Accepted, 299, ""},
		{"400", egresstest.Status(400), egress.Refused, 400, ""},
		{"407 of a receiver", egresstest.Status(407), egress.Refused, 407, ""},
		{"410", egresstest.Status(410), egress.Refused, 410, ""},
		{"500", egresstest.Status(500), egress.Refused, 500, ""},
		{"599", egresstest.Status(599), egress.Refused, 599, ""},
		{"300", egresstest.Status(300), egress.Redirect, 300, ""},
		{"304", egresstest.Status(304), egress.Redirect, 304, ""},
		{"redirect inward", egresstest.Redirect("http://169.254.169.254/latest"), egress.Redirect, 302, ""},
		{"101", egresstest.Raw("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), egress.Protocol, 101, "the receiver changed the protocol unasked"},
		{"reset", egresstest.Reset(), egress.Reset, 0, "the receiver closed the connection before its answer was complete"},
		{"closed", egresstest.Close(), egress.Reset, 0, "the receiver closed the connection before its answer was complete"},
		{"half answer", egresstest.HalfAnswer(), egress.Reset, 200, "the receiver closed the connection before its answer was complete"},
		{"half header", egresstest.HalfHeader(), egress.Reset, 0, "the receiver closed the connection before its answer was complete"},
		{"garbage", egresstest.Garbage(), egress.Protocol, 0, "the answer of the receiver is not HTTP"},
		{"bad chunks", egresstest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n"), egress.Protocol, 200, "the answer of the receiver is not HTTP"},
		{"huge header", egresstest.HugeHeader(128 << 10), egress.TooLarge, 0, "the header of the answer exceeds 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			receiver := egresstest.NewReceiver(t).Script(tt.step)
			res := newClient(t).Do(t.Context(), egress.Request{URL: receiver.URL + "/hook", Body: []byte(`{}`), ReadTimeout: long})
			if res.Outcome != tt.want || res.StatusCode != tt.status || res.Err != tt.err {
				t.Errorf("%s %d %q, want %s %d %q", res.Outcome, res.StatusCode, res.Err, tt.want, tt.status, tt.err)
			}
			if res.Outcome.Success() != (tt.want == egress.Accepted) {
				t.Errorf("success: %t", res.Outcome.Success())
			}
			if !res.RequestSent || res.Replayed || res.RemoteAddr != strings.TrimPrefix(receiver.URL, "http://") {
				t.Errorf("sent %t, replayed %t, to %s", res.RequestSent, res.Replayed, res.RemoteAddr)
			}
			if n := len(receiver.Requests()); n != 1 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

func TestDo_SendsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t).Script(egresstest.Answer(200, http.Header{"X-Answer": {"yes"}}, "thanks"))
	start := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	e := newEgress(t, egress.Options{Policy: local, UserAgent: "Test/1", Clock: func() time.Time { return start }})
	header := http.Header{"Content-Type": {"application/json"}, "X-Many": {"a", "b"}}
	body := []byte(`{"event":{"type":"user.create"}}`)
	res := e.Client(nil).Do(t.Context(), egress.Request{URL: receiver.URL + "/hook?x=1", Header: header, Body: body})

	if res.Outcome != egress.Accepted || res.Header.Get("X-Answer") != "yes" || string(res.Body) != "thanks" || res.BodySize != 6 || res.BodyTruncated {
		t.Errorf("result %+v", res)
	}
	if !res.Start.Equal(start) || res.End.Sub(res.Start) != res.Phases.Total || res.Phases.Total < res.Phases.FirstByte || res.Phases.FirstByte <= 0 || res.Phases.Connect <= 0 {
		t.Errorf("times %s %s %+v", res.Start, res.End, res.Phases)
	}
	got := receiver.WaitFor(1)[0]
	if got.Method != "POST" || got.Path != "/hook?x=1" || !bytes.Equal(got.Body, body) || got.Event() != "user.create" {
		t.Errorf("request %+v", got)
	}
	var names []string
	for name := range got.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"Content-Length", "Content-Type", "User-Agent", "X-Many"}; !slices.Equal(names, want) {
		t.Errorf("headers %v, want %v", names, want)
	}
	if got.Header.Get("User-Agent") != "Test/1" || len(got.Header["X-Many"]) != 2 {
		t.Errorf("headers %v", got.Header)
	}
	if len(header) != 2 {
		t.Errorf("the caller's header was changed: %v", header)
	}
}

func TestDo_KeepsConnections(t *testing.T) {
	t.Parallel()
	a := egresstest.NewAuthority(t)
	for name, receiver := range map[string]*egresstest.Receiver{"http": egresstest.NewReceiver(t), "https": egresstest.NewTLSReceiver(t, a)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver.Script(egresstest.Accept(), egresstest.Answer(500, nil, strings.Repeat("x", 100<<10)), egresstest.Accept())
			e := newEgress(t, egress.Options{Policy: local})
			for i := range 20 {
				res := e.Client(trust(t, a.PEM())).Do(t.Context(), egress.Request{URL: receiver.URL, Body: []byte("{}"), ReadTimeout: long})
				if res.StatusCode == 0 {
					t.Fatalf("%d: %s", i, res.Err)
				}
				if reused := res.Phases.Connect == 0 && res.Phases.TLS == 0; reused != (i > 0) {
					t.Errorf("%d: phases %+v", i, res.Phases)
				}
			}
			if n := receiver.Connections(); n != 1 {
				t.Errorf("%d connections for 20 requests", n)
			}
		})
	}
}

func TestDo_DeadKeptConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	// The receiver cuts the connection exactly when the second request is there: for us, one that went stale while it was used.
	receiver := egresstest.NewReceiver(t).Script(egresstest.Accept(), egresstest.Close(), egresstest.Accept())
	c := newClient(t)
	for i := range 2 {
		res := c.Do(t.Context(), egress.Request{URL: receiver.URL, Body: []byte(`{"n":1}`), ReadTimeout: long})
		if res.Outcome != egress.Accepted || res.Replayed != (i == 1) {
			t.Fatalf("%d: %s %s, replayed %t", i, res.Outcome, res.Err, res.Replayed)
		}
	}
	requests := receiver.WaitFor(3)
	if len(requests) != 3 || string(requests[2].Body) != `{"n":1}` {
		t.Errorf("%d requests, the last %q", len(requests), requests[len(requests)-1].Body)
	}
}

func TestDo_TimeoutsHold(t *testing.T) {
	t.Parallel()
	silent := egresstest.SilentListener(t)
	read := "no complete answer within the read timeout of 150 ms"
	connect := "no connection within the connect timeout of 150 ms"
	post := func(t *testing.T, step egresstest.Step, body int) egress.Result {
		receiver := egresstest.NewReceiver(t).Script(step)
		return newClient(t).Do(t.Context(), egress.Request{URL: receiver.URL, Body: make([]byte, body), ConnectTimeout: long, ReadTimeout: short})
	}
	dial := func(t *testing.T, o egress.Options, url string) egress.Result {
		o.Policy = local
		return newEgress(t, o).Client(nil).Do(t.Context(), egress.Request{URL: url, ConnectTimeout: short, ReadTimeout: long})
	}
	tests := []struct {
		name string
		do   func(*testing.T) egress.Result
		want string
		sent bool
	}{
		{"never answers", func(t *testing.T) egress.Result { return post(t, egresstest.Hang(), 10) }, read, true},
		{"drips its body", func(t *testing.T) egress.Result { return post(t, egresstest.Drip(20*time.Millisecond), 10) }, read, true},
		{"drips its header", func(t *testing.T) egress.Result { return post(t, egresstest.DripHeader(20*time.Millisecond), 10) }, read, true},
		{"slow answer", func(t *testing.T) egress.Result { return post(t, egresstest.Slow(long, egresstest.Accept()), 10) }, read, true},
		{"never reads the request", func(t *testing.T) egress.Result {
			return newClient(t).Do(t.Context(), egress.Request{URL: "http://" + silent.String(), Body: make([]byte, 32<<20), ConnectTimeout: long, ReadTimeout: short})
		}, read, true},
		{"never accepts", func(t *testing.T) egress.Result {
			return dial(t, egress.Options{}, "http://"+egresstest.Blackhole(t).String())
		}, connect, false},
		{"never shakes hands", func(t *testing.T) egress.Result { return dial(t, egress.Options{}, "https://"+silent.String()) }, connect, false},
		{"no name server", func(t *testing.T) egress.Result {
			return dial(t, egress.Options{Resolver: egresstest.NewResolver(t, nil)}, "http://receiver.example")
		}, connect, false},
		{"silent proxy", func(t *testing.T) egress.Result {
			return dial(t, egress.Options{Proxy: proxyAt(silent)}, "https://127.0.0.1:1")
		}, connect, false},
		{"no name server behind a proxy", func(t *testing.T) egress.Result {
			return dial(t, egress.Options{Proxy: proxyAt(silent), Resolver: egresstest.NewResolver(t, nil)}, "http://receiver.example")
		}, connect, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := tt.do(t)
			if res.Outcome != egress.Timeout || res.Err != tt.want || res.RequestSent != tt.sent {
				t.Errorf("%s %q, sent %t", res.Outcome, res.Err, res.RequestSent)
			}
			// The upper bound is only there to tell "on time" from "not at all": other tests share the machine.
			if res.Phases.Total < short || res.Phases.Total > long/2 {
				t.Errorf("took %s", res.Phases.Total)
			}
		})
	}
}

func TestDo_KeptConnectionNeedsNoConnectTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	receiver := egresstest.NewReceiver(t).Script(egresstest.Accept(), egresstest.Hold(release, egresstest.Accept()))
	c := newClient(t)
	c.Do(t.Context(), egress.Request{URL: receiver.URL, ReadTimeout: long})
	time.AfterFunc(2*short, func() { close(release) })
	res := c.Do(t.Context(), egress.Request{URL: receiver.URL, ConnectTimeout: short, ReadTimeout: long})
	if res.Outcome != egress.Accepted || res.Phases.Total < short {
		t.Errorf("%s %q after %s", res.Outcome, res.Err, res.Phases.Total)
	}
}

func TestDo_OneHangingReceiverHoldsUpNobody(t *testing.T) {
	t.Parallel()
	hanging, good := egresstest.NewReceiver(t).Script(egresstest.Hang()), egresstest.NewReceiver(t)
	c := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if res := c.Do(ctx, egress.Request{URL: hanging.URL, ReadTimeout: long}); res.Outcome != egress.Cancelled {
				t.Errorf("%s %s", res.Outcome, res.Err)
			}
		})
	}
	hanging.WaitFor(50)
	if res := c.Do(t.Context(), egress.Request{URL: good.URL}); res.Outcome != egress.Accepted {
		t.Errorf("%s %s", res.Outcome, res.Err)
	}
	cancel()
	group.Wait()
}

func TestDo_Cancelled(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t).Script(egresstest.Hang())
	t.Run("deadline of the call", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		res := newClient(t).Do(ctx, egress.Request{URL: receiver.URL, ReadTimeout: long})
		if res.Outcome != egress.Cancelled || res.Err != "ended by the deadline of the whole call" || !res.RequestSent {
			t.Errorf("%s %q, sent %t", res.Outcome, res.Err, res.RequestSent)
		}
	})
	t.Run("before it began", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		res := newClient(t).Do(ctx, egress.Request{URL: receiver.URL})
		if res.Outcome != egress.Cancelled || res.Err != "ended by the caller" || res.RequestSent {
			t.Errorf("%s %q, sent %t", res.Outcome, res.Err, res.RequestSent)
		}
	})
	t.Run("closed", func(t *testing.T) {
		t.Parallel()
		e := newEgress(t, egress.Options{Policy: local})
		e.Close()
		if res := e.Client(nil).Do(t.Context(), egress.Request{URL: receiver.URL}); res.Outcome != egress.Cancelled || res.RequestSent {
			t.Errorf("%s %q", res.Outcome, res.Err)
		}
	})
}

func TestDo_NoConnection(t *testing.T) {
	t.Parallel()
	plain := egresstest.NewReceiver(t)
	nameless := egresstest.NewResolver(t, func(string) []netip.Addr { return nil })
	tests := []struct {
		name, url string
		options   egress.Options
		want      egress.Outcome
		err       string
	}{
		{"nobody listens", "http://" + egresstest.UnusedAddress(t).String(), egress.Options{}, egress.Connect, "connection refused"},
		{"nobody listens, TLS", "https://" + egresstest.UnusedAddress(t).String(), egress.Options{}, egress.Connect, "connection refused"},
		{"no such host", "http://receiver.example/", egress.Options{Resolver: nameless}, egress.DNS, "host receiver.example was not found"},
		{"no TLS there", strings.Replace(plain.URL, "http:", "https:", 1), egress.Options{}, egress.TLS, "TLS: the receiver does not speak TLS"},
		{"no URL", "receiver", egress.Options{}, egress.Invalid, "the URL must begin with http:// or https://"},
		{"no proxy there", plain.URL, egress.Options{Proxy: proxyAt(egresstest.UnusedAddress(t))}, egress.Connect, "no connection to the proxy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.options.Policy = local
			res := newEgress(t, tt.options).Client(nil).Do(t.Context(), egress.Request{URL: tt.url, ConnectTimeout: long})
			if res.Outcome != tt.want || res.Err != tt.err || res.RequestSent {
				t.Errorf("%s %q, sent %t, want %s %q", res.Outcome, res.Err, res.RequestSent, tt.want, tt.err)
			}
		})
	}
}

func TestDo_InvalidRequests(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t)
	for name, r := range map[string]egress.Request{
		"header value":  {URL: receiver.URL, Header: http.Header{"X-Key": {"s3cret\r\nX-Other: y"}}},
		"header name":   {URL: receiver.URL, Header: http.Header{"X-Key: s3cret\r\nX": {"y"}}},
		"method":        {URL: receiver.URL, Method: "POST s3cret"},
		"user in URL":   {URL: strings.Replace(receiver.URL, "//", "//user:s3cret@", 1)},
		"break in URL":  {URL: receiver.URL + "/s3cret\r\nHost: x"},
		"other scheme":  {URL: "gopher://s3cret"},
		"missing scope": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := newClient(t).Do(t.Context(), r)
			if res.Outcome != egress.Invalid || res.Err == "" || strings.Contains(res.Err, "s3cret") {
				t.Errorf("%s %q", res.Outcome, res.Err)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(receiver.Requests()); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

func TestDo_AnswersAreCapped(t *testing.T) {
	t.Parallel()
	const read, keep = 100_000, 1000
	tests := []struct {
		name      string
		size      int64
		kept      int
		counted   int64
		truncated bool
	}{
		{"nothing", 0, 0, 0, false},
		{"a byte", 1, 1, 1, false},
		{"what is kept", keep, keep, keep, false},
		{"a byte more than is kept", keep + 1, keep, keep + 1, true},
		{"what is read", read, keep, read, true},
		{"more than is read", read + 1, keep, read, true},
		{"without end", 1 << 40, keep, read, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			receiver := egresstest.NewReceiver(t).Script(egresstest.HugeBody(tt.size))
			e := newEgress(t, egress.Options{Policy: local, MaxResponse: read, KeepResponse: keep})
			res := e.Client(nil).Do(t.Context(), egress.Request{URL: receiver.URL, ReadTimeout: long})
			if res.Outcome != egress.Accepted || len(res.Body) != tt.kept || res.BodySize != tt.counted || res.BodyTruncated != tt.truncated {
				t.Errorf("%s: kept %d of %d, truncated %t", res.Outcome, len(res.Body), res.BodySize, res.BodyTruncated)
			}
			if cap(res.Body) > 4*keep {
				t.Errorf("keeping %d bytes holds on to %d", len(res.Body), cap(res.Body))
			}
		})
	}
}

func TestDo_CompressedAnswersStayCompressed(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	receiver := egresstest.NewReceiver(t).Script(egresstest.Answer(200, http.Header{"Content-Encoding": {"gzip"}}, bomb.String()))
	res := newClient(t).Do(t.Context(), egress.Request{URL: receiver.URL, ReadTimeout: long})
	if res.Outcome != egress.Accepted || res.BodySize != int64(bomb.Len()) {
		t.Errorf("%s: %d bytes of %d", res.Outcome, res.BodySize, bomb.Len())
	}
	if got := receiver.WaitFor(1)[0].Header.Get("Accept-Encoding"); got != "" {
		t.Errorf("asked for %q", got)
	}
}

func TestDo_Blocked(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t)
	proxy := egresstest.NewProxy(t, "", "")
	port := receiver.URL[strings.LastIndex(receiver.URL, ":"):]
	resolver := loopbackResolver(t)
	tests := []struct{ name, url, err string }{
		{"address", receiver.URL, "address 127.0.0.1 is blocked by the egress policy (loopback)"},
		{"https", "https://127.0.0.1" + port, "address 127.0.0.1 is blocked by the egress policy (loopback)"},
		{"name", "http://innocent.example" + port, "address 127.0.0.1 is blocked by the egress policy (loopback)"},
		{"mapped", "http://[::ffff:127.0.0.1]" + port, ""},
		{"metadata", "http://169.254.169.254/latest/meta-data", "address 169.254.169.254 is blocked by the egress policy (cloud metadata)"},
		{"IPv6", "http://[::1]" + port, "address ::1 is blocked by the egress policy (loopback)"},
		{"this host", "http://0.0.0.0" + port, "address 0.0.0.0 is blocked by the egress policy (unspecified)"},
	}
	for _, via := range []struct {
		name  string
		proxy *egress.Proxy
	}{{"direct", nil}, {"proxy", proxyAt(proxy.Addr)}} {
		for _, tt := range tests {
			t.Run(via.name+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				e := newEgress(t, egress.Options{Proxy: via.proxy, Resolver: resolver})
				res := e.Client(nil).Do(t.Context(), egress.Request{URL: tt.url, ConnectTimeout: long})
				if res.Outcome != egress.Blocked || tt.err != "" && res.Err != tt.err || res.RequestSent {
					t.Errorf("%s %q, sent %t", res.Outcome, res.Err, res.RequestSent)
				}
			})
		}
	}
	t.Cleanup(func() {
		if n, m := receiver.Connections(), len(proxy.Targets()); n != 0 || m != 0 {
			t.Errorf("%d connections to the receiver, %d requests to the proxy", n, m)
		}
	})
}

func TestDo_RebindingGainsNothing(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t)
	var lookups atomic.Int64
	resolver := egresstest.NewResolver(t, func(string) []netip.Addr {
		lookups.Add(1)
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	})
	// The name has passed every check of its text, and an earlier look-up; what counts is where the connection goes now.
	e := newEgress(t, egress.Options{Resolver: resolver})
	url := strings.Replace(receiver.URL, "127.0.0.1", "rebind.example", 1)
	if err := egress.CheckURL(url); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if res := e.Client(nil).Do(t.Context(), egress.Request{URL: url, ConnectTimeout: long}); res.Outcome != egress.Blocked {
			t.Errorf("%s %s", res.Outcome, res.Err)
		}
	}
	if lookups.Load() < 3 || receiver.Connections() != 0 {
		t.Errorf("%d look-ups, %d connections", lookups.Load(), receiver.Connections())
	}
}

func TestDo_ProxyChecksEveryAddressOfAName(t *testing.T) {
	t.Parallel()
	proxy := egresstest.NewProxy(t, "", "")
	resolver := egresstest.NewResolver(t, func(string) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.0.0.1")}
	})
	for _, scheme := range []string{"http", "https"} {
		res := newEgress(t, egress.Options{Proxy: proxyAt(proxy.Addr), Resolver: resolver}).Client(nil).
			Do(t.Context(), egress.Request{URL: scheme + "://two.example/", ConnectTimeout: long})
		if res.Outcome != egress.Blocked || len(proxy.Targets()) != 0 {
			t.Errorf("%s: %s %s, proxy saw %v", scheme, res.Outcome, res.Err, proxy.Targets())
		}
	}
}

func TestDo_Proxy(t *testing.T) {
	t.Parallel()
	a := egresstest.NewAuthority(t)
	plain, secure := egresstest.NewReceiver(t), egresstest.NewTLSReceiver(t, a)
	for _, login := range []bool{false, true} {
		t.Run(fmt.Sprintf("login %t", login), func(t *testing.T) {
			t.Parallel()
			username, password := "", ""
			if login {
				username, password = "herald", "s3cret"
			}
			proxy := egresstest.NewProxy(t, username, password)
			settings := proxyAt(proxy.Addr)
			settings.Username, settings.Password = username, egress.Secret(password)
			c := newEgress(t, egress.Options{Policy: local, Proxy: settings}).Client(trust(t, a.PEM()))
			for range 2 {
				for _, url := range []string{plain.URL + "/hook", secure.URL + "/hook"} {
					res := c.Do(t.Context(), egress.Request{URL: url, Body: []byte("{}"), ReadTimeout: long, ConnectTimeout: long})
					if res.Outcome != egress.Accepted || res.RemoteAddr != proxy.Addr.String() {
						t.Errorf("%s: %s %q by way of %s", url, res.Outcome, res.Err, res.RemoteAddr)
					}
				}
			}
			host := strings.TrimPrefix(secure.URL, "https://")
			want := []string{"POST " + plain.URL + "/hook", "CONNECT " + host, "POST " + plain.URL + "/hook"}
			if got := proxy.Targets(); !slices.Equal(got, want) {
				t.Errorf("the proxy saw %v, want %v", got, want)
			}
		})
	}
	t.Cleanup(func() {
		for _, q := range slices.Concat(plain.Requests(), secure.Requests()) {
			if q.Header.Get("Proxy-Authorization") != "" {
				t.Error("the receiver saw the proxy's password")
			}
		}
	})
}

func TestDo_ProxyRefuses(t *testing.T) {
	t.Parallel()
	proxy := egresstest.NewProxy(t, "herald", "right")
	nobody := egresstest.UnusedAddress(t).String()
	notProxy := egresstest.NewReceiver(t).Script(egresstest.Garbage())
	login := func(password string) *egress.Proxy {
		p := proxyAt(proxy.Addr)
		p.Username, p.Password = "herald", egress.Secret(password)
		return p
	}
	other := proxyAt(netip.MustParseAddrPort(strings.TrimPrefix(notProxy.URL, "http://")))
	tests := []struct {
		name, url string
		proxy     *egress.Proxy
		want      egress.Outcome
		err       string
	}{
		{"login, http", "http://" + nobody, login("s3cret"), egress.Connect, "the proxy did not accept our login (status 407)"},
		{"login, https", "https://" + nobody, login("s3cret"), egress.Connect, "the proxy did not accept our login (status 407)"},
		{"no receiver, https", "https://" + nobody, login("right"), egress.Connect, "the proxy refused to connect (status 502)"},
		{"no receiver, http", "http://" + nobody, login("right"), egress.Refused, ""},
		{"not a proxy, https", "https://" + nobody, other, egress.Connect, "the proxy gave no answer that is HTTP"},
		{"not a proxy, http", "http://" + nobody, other, egress.Protocol, "the answer of the receiver is not HTTP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newEgress(t, egress.Options{Policy: local, Proxy: tt.proxy}).Client(nil)
			res := c.Do(t.Context(), egress.Request{URL: tt.url, ReadTimeout: long, ConnectTimeout: long})
			if res.Outcome != tt.want || res.Err != tt.err {
				t.Errorf("%s %q, want %s %q", res.Outcome, res.Err, tt.want, tt.err)
			}
		})
	}
}

func TestDo_NoProxyFromTheEnvironment(t *testing.T) {
	receiver := egresstest.NewReceiver(t)
	nobody := "http://" + egresstest.UnusedAddress(t).String()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, nobody)
	}
	e := newEgress(t, egress.Options{Policy: local, Resolver: loopbackResolver(t)})
	res := e.Client(nil).Do(t.Context(), egress.Request{URL: strings.Replace(receiver.URL, "127.0.0.1", "receiver.example", 1)})
	if res.Outcome != egress.Accepted {
		t.Errorf("%s %s", res.Outcome, res.Err)
	}
}

// TestDo_NoSecretInErr plants a secret everywhere a request or an answer can hold one and lets it fail in every way there is.
func TestDo_NoSecretInErr(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	steps := map[string]egresstest.Step{
		"status":       egresstest.Answer(500, http.Header{"X-Secret": {secret}}, secret),
		"redirect":     egresstest.Redirect("http://" + secret + "@127.0.0.1/"),
		"garbage":      egresstest.Raw(secret + " " + secret + "\r\n\r\n"),
		"bad status":   egresstest.Raw("HTTP/1.1 " + secret + "\r\n\r\n"),
		"bad header":   egresstest.Raw("HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n"),
		"bad length":   egresstest.Raw("HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n"),
		"bad encoding": egresstest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n"),
		"bad chunk":    egresstest.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n"),
		"half":         egresstest.Raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + secret),
		"reset":        egresstest.Reset(),
		"hang":         egresstest.Hang(),
	}
	proxy := egresstest.NewProxy(t, "herald", "other")
	settings := proxyAt(proxy.Addr)
	settings.Username, settings.Password = "herald", secret
	for name, step := range steps {
		for _, p := range []*egress.Proxy{nil, settings} {
			t.Run(fmt.Sprintf("%s, proxy %t", name, p != nil), func(t *testing.T) {
				t.Parallel()
				receiver := egresstest.NewReceiver(t).Script(step)
				header := http.Header{"Authorization": {"Basic " + secret}, "X-Api-Key": {secret}}
				for _, url := range []string{
					receiver.URL + "/?token=" + secret, strings.Replace(receiver.URL, "http:", "https:", 1) + "/?token=" + secret,
					strings.Replace(receiver.URL, "//", "//u:"+secret+"@", 1),
				} {
					c := newEgress(t, egress.Options{Policy: local, Proxy: p}).Client(nil)
					res := c.Do(t.Context(), egress.Request{URL: url, Header: header, Body: []byte(secret), ReadTimeout: short, ConnectTimeout: short})
					if strings.Contains(res.Err, secret) {
						t.Errorf("%s: %s", res.Outcome, res.Err)
					}
					if res.Outcome == egress.Accepted || !slices.Contains(egress.Outcomes(), res.Outcome) {
						t.Errorf("outcome %s", res.Outcome)
					}
				}
			})
		}
	}
}

func TestEgress_CloseLeavesNoConnection(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	receiver := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
	e := newEgress(t, egress.Options{Policy: local})
	c := e.Client(nil)
	var group sync.WaitGroup
	group.Go(func() {
		if res := c.Do(t.Context(), egress.Request{URL: receiver.URL, ReadTimeout: long}); res.Outcome != egress.Accepted {
			t.Errorf("a request under way: %s %s", res.Outcome, res.Err)
		}
	})
	receiver.WaitFor(1)
	e.Close()
	close(release)
	group.Wait() // goleak tells whether its connection stayed
}
