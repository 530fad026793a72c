package egress_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
)

func post(t testing.TB, c *egress.Client, url string, body []byte) egress.Result {
	t.Helper()
	return c.Do(t.Context(), egress.Request{URL: url, Body: body, ConnectTimeout: long, ReadTimeout: long})
}

func TestDo_BytesOnTheWire(t *testing.T) {
	t.Parallel()
	heads := make(chan string, 1)
	wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
		for {
			head, ok := c.ReadHead()
			if !ok {
				return
			}
			heads <- head
			c.Say("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
			c.Linger()
		}
	})
	addr := strings.TrimPrefix(wire.URL, "http://")
	_, port, _ := strings.Cut(addr, ":")
	names := make(chan string, 10)
	resolver := egresstest.NewResolver(t, func(host string) []netip.Addr {
		names <- host
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	})
	c := newEgress(t, egress.Options{Policy: local, Resolver: resolver}).Client(nil)
	tests := []struct {
		name    string
		request egress.Request
		want    string
	}{
		{
			"post",
			egress.Request{URL: wire.URL + "/hook?x=1", Body: []byte("four")},
			"POST /hook?x=1 HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: Herald\r\nContent-Length: 4\r\n\r\n",
		},
		{"no path", egress.Request{URL: wire.URL}, "POST / HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n"},
		{"get", egress.Request{URL: wire.URL + "/?q", Method: "GET"}, "GET /?q HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n"},
		{"escaped path", egress.Request{URL: wire.URL + "/a%2Fb/%C3%BC"}, "POST /a%2Fb/%C3%BC HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n"},
		{"path in Unicode", egress.Request{URL: wire.URL + "/ü?ü=%20"}, "POST /%C3%BC?ü=%20 HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n"},
		{
			"headers in order, trimmed",
			egress.Request{URL: wire.URL, Header: http.Header{"X-B": {"1", " 2\t"}, "x-a": {"ü"}, "X-Empty": {""}, "X-None": nil}},
			"POST / HTTP/1.1\r\nHost: " + addr + "\r\nX-B: 1\r\nX-B: 2\r\nX-Empty: \r\nx-a: ü\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n",
		},
		{"own agent", egress.Request{URL: wire.URL, Header: http.Header{"user-agent": {"Mine"}}}, "POST / HTTP/1.1\r\nHost: " + addr + "\r\nuser-agent: Mine\r\nContent-Length: 0\r\n\r\n"},
		{"no agent", egress.Request{URL: wire.URL, Header: http.Header{"User-Agent": {""}}}, "POST / HTTP/1.1\r\nHost: " + addr + "\r\nContent-Length: 0\r\n\r\n"},
		{"framing of others", egress.Request{URL: wire.URL, Body: []byte("x"), Header: http.Header{
			"Content-Length": {"100"}, "content-length": {"7"}, "CONTENT-LENGTH": {"8"}, "Transfer-Encoding": {"chunked"}, "transfer-encoding": {"chunked"},
			"Host": {"evil"}, "hOsT": {"evil"}, "Connection": {"close"}, "Upgrade": {"h2c"}, "te": {"trailers"}, "Trailer": {"X"}, "Expect": {"100-continue"},
			"Keep-Alive": {"1"}, "Proxy-Connection": {"x"}, "Proxy-Authorization": {"x"},
		}}, "POST / HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: Herald\r\nContent-Length: 1\r\n\r\n"},
		{"name", egress.Request{URL: "http://Receiver.example:" + port}, "POST / HTTP/1.1\r\nHost: Receiver.example:" + port + "\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n"},
		{"name in another script", egress.Request{URL: "http://BÜCHER.example:" + port}, "POST / HTTP/1.1\r\nHost: xn--bcher-kva.example:" + port + "\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n"},
		{"IPv6 that is IPv4", egress.Request{URL: "http://[::ffff:127.0.0.1]:" + port}, "POST / HTTP/1.1\r\nHost: [::ffff:127.0.0.1]:" + port + "\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n"},
	}
	for _, tt := range tests {
		tt.request.ConnectTimeout, tt.request.ReadTimeout = long, long
		res := c.Do(t.Context(), tt.request)
		if res.Outcome != egress.Accepted {
			t.Errorf("%s: %s %s", tt.name, res.Outcome, res.Err)
			continue
		}
		if got := <-heads; got != tt.want {
			t.Errorf("%s:\n%q, want\n%q", tt.name, got, tt.want)
		}
	}
	for len(names) > 0 {
		if name := <-names; name != "Receiver.example" && name != "xn--bcher-kva.example" {
			t.Errorf("looked up %q", name)
		}
	}
}

func TestDo_NothingIsSmuggled(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t)
	c := newClient(t)
	for name, header := range map[string]http.Header{
		"LF":              {"X-A": {"1\nX-B: 2"}},
		"CR":              {"X-A": {"1\rX-B: 2"}},
		"CR LF at end":    {"X-A": {"1\r\n"}},
		"NUL":             {"X-A": {"1\x00"}},
		"DEL":             {"X-A": {"1\x7f"}},
		"second value":    {"X-A": {"1", "2\r\n\r\nGET / HTTP/1.1"}},
		"LF in name":      {"X-A\nX-B": {"1"}},
		"colon in name":   {"X-A:": {"1"}},
		"space in name":   {"Content-Length ": {"1"}},
		"space before it": {" X-A": {"1"}},
		"empty name":      {"": {"1"}},
		"name in Unicode": {"X-\u212a": {"1"}},
		"agent":           {"User-Agent": {"a\r\nX-B: 2"}},
	} {
		for _, send := range []func() egress.Result{
			func() egress.Result { return c.Do(t.Context(), egress.Request{URL: receiver.URL, Header: header}) },
			func() egress.Result { return c.Endpoint(receiver.URL, header).Do(t.Context(), egress.Request{}) },
		} {
			if res := send(); res.Outcome != egress.Invalid || res.Err == "" || res.RequestSent {
				t.Errorf("%s: %s %q", name, res.Outcome, res.Err)
			}
		}
	}
	for _, method := range []string{"CONNECT", "GET /", "P\r\nX", "ö"} {
		if res := c.Do(t.Context(), egress.Request{URL: receiver.URL, Method: method}); res.Outcome != egress.Invalid {
			t.Errorf("method %q: %s", method, res.Outcome)
		}
	}
	for _, url := range []string{"http://a<b/", "http://\xff.example/", "http://a\"b/", "http://\u2100.example/"} {
		if err := egress.CheckURL(url); err == nil || !strings.Contains(err.Error(), "not valid") {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := egress.New(egress.Options{UserAgent: "a\r\nX-B: 2"}); err == nil {
		t.Error("a user agent of two lines")
	}
	if n := receiver.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestDo_ManyCallersKeepConnections(t *testing.T) {
	t.Parallel()
	const callers, each = 64, 50
	receiver := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(w, q.Body)
	}))
	c := newClient(t)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for j := range each {
				body := fmt.Sprintf("caller %d, request %d", i, j)
				if res := post(t, c, receiver.URL, []byte(body)); res.Outcome != egress.Accepted || string(res.Body) != body || res.Replayed {
					t.Errorf("%s %q, answer %q to %q", res.Outcome, res.Err, res.Body, body)
				}
			}
		})
	}
	group.Wait()
	if n := receiver.Connections(); n > callers {
		t.Errorf("%d connections for %d callers", n, callers)
	}
	if n := len(receiver.Requests()); n != callers*each {
		t.Errorf("%d requests", n)
	}
}

// TestDo_WhatEndsAConnection has answers after which a connection may or may not be used again. The receiver numbers its connections in
// the status of the second answer.
func TestDo_WhatEndsAConnection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, answer string
		method       string
		status       int
		body         string
		kept         bool
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "", 200, "hi", true},
		{"nothing", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200, "", true},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", "", 204, "", true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "", 200, "hi", true},
		{"chunks and a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", "", 200, "hi", true},
		{"interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "", 200, "hi", true},
		{"HTTP/1.0 that keeps", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", "", 200, "hi", true},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", 200, "", true},
		{"refused", "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", "", 500, "no", true},

		{"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "", 200, "hi", false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "", 200, "hi", false},
		{"another HTTP", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "", 200, "hi", false},
		{"more than the length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi there", "", 200, "hi", false},
		{"more than the chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n\r\n", "", 200, "hi", false},
		{"a body after 204", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi", "", 204, "", false},
		{"a body after HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HEAD", 200, "", false},
		{"a second answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 299 Evil\r\nContent-Length: 0\r\n\r\n", "", 200, "", false},
		{"protocol changed", "HTTP/1.1 101 Switching\r\n\r\n", "", 101, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
				if c.Number == 0 {
					c.ReadRequest()
					c.Say(tt.answer)
				}
				for c.ReadRequest() {
					c.Say(fmt.Sprintf("HTTP/1.1 %d Fine\r\nContent-Length: 0\r\n\r\n", 210+c.Number))
				}
			})
			c := newClient(t)
			res := c.Do(t.Context(), egress.Request{URL: wire.URL, Method: tt.method, ReadTimeout: long})
			if res.StatusCode != tt.status || string(res.Body) != tt.body || res.Replayed {
				t.Errorf("first: %s %d %q %q", res.Outcome, res.StatusCode, res.Body, res.Err)
			}
			res = post(t, c, wire.URL, nil)
			if want := map[bool]int{true: 210, false: 211}[tt.kept]; res.StatusCode != want || res.Replayed {
				t.Errorf("second: %s %d %q, want %d", res.Outcome, res.StatusCode, res.Err, want)
			}
		})
	}
}

func TestDo_BodyUntilTheEndOfTheConnection(t *testing.T) {
	t.Parallel()
	wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
		c.ReadRequest()
		c.Say("HTTP/1.0 200 OK\r\n\r\nall that comes")
		c.Linger()
	})
	if res := post(t, newClient(t), wire.URL, nil); res.Outcome != egress.Accepted || string(res.Body) != "all that comes" {
		t.Errorf("%s %q %q", res.Outcome, res.Body, res.Err)
	}
}

func TestDo_AnswersBeforeTheEndOfTheRequest(t *testing.T) {
	t.Parallel()
	tooLarge := "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n"
	tests := []struct {
		name string
		size int
		then func(*egresstest.WireConn)
		want string // of the body
	}{
		{"then reads on", 8 << 20, func(c *egresstest.WireConn) {
			c.Say(tooLarge + "Connection: close\r\n\r\nmuch")
			c.Linger()
		}, "much"},
		{"then reads nothing", 8 << 20, func(c *egresstest.WireConn) {
			c.Say(tooLarge + "\r\nmuch")
			<-c.Done
		}, "much"},
		{"then reads nothing, says it will close", 8 << 20, func(c *egresstest.WireConn) {
			c.Say(tooLarge + "Connection: close\r\n\r\nmuch")
			<-c.Done
		}, "much"},
		{"short request", 24 << 10, func(c *egresstest.WireConn) {
			c.Say(tooLarge + "\r\nmuch")
			<-c.Done
		}, "much"},
	}
	if runtime.GOOS == "linux" { // elsewhere a reset may take away what has arrived before it
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.name, last.then = "then closes", func(c *egresstest.WireConn) { c.Say(tooLarge + "\r\nmuch") }
	}
	for _, tt := range tests {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %t", tt.name, secure), func(t *testing.T) {
				t.Parallel()
				a := egresstest.NewAuthority(t)
				config := &tls.Config{Certificates: []tls.Certificate{a.ServerCertificate("127.0.0.1")}}
				wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
					if secure {
						c.StartTLS(config)
					}
					if c.Number > 0 {
						c.ReadRequest()
						c.Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
						return
					}
					if _, ok := c.ReadHead(); ok {
						tt.then(c)
					}
				})
				c := newEgress(t, egress.Options{Policy: local}).Client(trust(t, a.PEM()))
				url := wire.URL
				if secure {
					url = strings.Replace(url, "http:", "https:", 1)
				}
				res := post(t, c, url, make([]byte, tt.size))
				if res.Outcome != egress.Refused || res.StatusCode != 413 || string(res.Body) != tt.want || res.Replayed {
					t.Errorf("%s %d %q %q", res.Outcome, res.StatusCode, res.Body, res.Err)
				}
				// A short request is in the hands of the kernel, so its connection counts as good.
				if tt.size > 32<<10 {
					if res := post(t, c, url, nil); res.Outcome != egress.Accepted || res.Replayed {
						t.Errorf("next: %s %d %q", res.Outcome, res.StatusCode, res.Err)
					}
				}
			})
		}
	}
}

// TestDo_AnsweredBeforeAnythingWasSent has a receiver for which the connection alone is reason enough to answer. However soon that comes, it is heard.
func TestDo_AnsweredBeforeAnythingWasSent(t *testing.T) {
	t.Parallel()
	wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
		c.Say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		c.ReadRequest()
		<-c.Done
	})
	client := newClient(t)
	for i := range 300 {
		res := client.Do(t.Context(), egress.Request{URL: wire.URL, Body: []byte("{}"), ConnectTimeout: time.Minute, ReadTimeout: 2 * time.Second})
		if res.Outcome != egress.Refused || res.StatusCode != 503 || res.Replayed {
			t.Fatalf("request %d: %s %d %s", i, res.Outcome, res.StatusCode, res.Err)
		}
	}
	if n := wire.Connections(); n != 300 {
		t.Errorf("%d connections", n)
	}
}

func TestDo_LongRequestsArriveWhole(t *testing.T) {
	t.Parallel()
	a := egresstest.NewAuthority(t)
	echo := egresstest.Handle(func(w http.ResponseWriter, q *http.Request) { _, _ = io.Copy(w, q.Body) })
	for name, receiver := range map[string]*egresstest.Receiver{"http": egresstest.NewReceiver(t), "https": egresstest.NewTLSReceiver(t, a)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver.Script(echo)
			c := newEgress(t, egress.Options{Policy: local, MaxResponse: 16 << 20, KeepResponse: 16 << 20}).Client(trust(t, a.PEM()))
			for _, size := range []int{1, 16 << 10, 32<<10 - 200, 32 << 10, 64 << 10, 3 << 20} {
				body := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
				res := post(t, c, receiver.URL, body)
				if res.Outcome != egress.Accepted || !bytes.Equal(res.Body, body) {
					t.Errorf("%d bytes: %s %q, %d came back", size, res.Outcome, res.Err, len(res.Body))
				}
			}
			if n := receiver.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestDo_LongRequestIsSentAgain(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t).Script(egresstest.Accept(), egresstest.Close(), egresstest.Accept())
	c := newClient(t)
	body := bytes.Repeat([]byte("x"), 1<<20)
	for i := range 2 {
		if res := post(t, c, receiver.URL, body); res.Outcome != egress.Accepted || res.Replayed != (i == 1) || !res.RequestSent {
			t.Fatalf("%d: %s %s, replayed %t", i, res.Outcome, res.Err, res.Replayed)
		}
	}
	if got := receiver.WaitFor(3)[2].Body; !bytes.Equal(got, body) {
		t.Errorf("%d bytes arrived", len(got))
	}
}

func TestDo_WhatIsNotSentAgain(t *testing.T) {
	t.Parallel()
	accept := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	t.Run("a new connection that dies", func(t *testing.T) {
		t.Parallel()
		wire := egresstest.NewWire(t, func(c *egresstest.WireConn) { c.ReadRequest() })
		res := post(t, newClient(t), wire.URL, nil)
		if res.Outcome != egress.Reset || res.Replayed || wire.Connections() != 1 {
			t.Errorf("%s, replayed %t, %d connections", res.Outcome, res.Replayed, wire.Connections())
		}
	})
	t.Run("an answer that has begun", func(t *testing.T) {
		t.Parallel()
		wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
			c.ReadRequest()
			c.Say(accept)
			c.ReadRequest()
			c.Say("HTTP/1.1 200 OK\r\n")
		})
		c := newClient(t)
		post(t, c, wire.URL, nil)
		if res := post(t, c, wire.URL, nil); res.Outcome != egress.Reset || res.Replayed || wire.Connections() != 1 {
			t.Errorf("%s, replayed %t, %d connections", res.Outcome, res.Replayed, wire.Connections())
		}
	})
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
			if c.ReadRequest(); c.Number == 0 {
				c.Say(accept)
				c.ReadRequest()
			}
		})
		c := newClient(t)
		post(t, c, wire.URL, nil)
		if res := post(t, c, wire.URL, nil); res.Outcome != egress.Reset || !res.Replayed || wire.Connections() != 2 {
			t.Errorf("%s, replayed %t, %d connections", res.Outcome, res.Replayed, wire.Connections())
		}
	})
	t.Run("a timeout", func(t *testing.T) {
		t.Parallel()
		receiver := egresstest.NewReceiver(t).Script(egresstest.Accept(), egresstest.Hang())
		c := newClient(t)
		post(t, c, receiver.URL, nil)
		if res := c.Do(t.Context(), egress.Request{URL: receiver.URL, ReadTimeout: short}); res.Outcome != egress.Timeout || res.Replayed {
			t.Errorf("%s, replayed %t", res.Outcome, res.Replayed)
		}
	})
}

func TestDo_CancelledAnywhere(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"look-up", "look-up behind a proxy", "handshake", "proxy", "sending", "waiting", "header", "body"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			there := make(chan struct{})
			wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
				switch where {
				case "proxy", "sending":
					c.ReadHead()
				case "waiting", "header", "body":
					c.ReadRequest()
				}
				switch where {
				case "header":
					c.Say("HTTP/1.1 200 OK\r\nX-")
				case "body":
					c.Say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
				}
				close(there)
				<-c.Done
			})
			o, url := egress.Options{Policy: local}, wire.URL
			ended := make(chan struct{})
			switch where {
			case "look-up", "look-up behind a proxy":
				var once sync.Once
				o.Resolver = egresstest.NewResolver(t, func(string) []netip.Addr {
					once.Do(func() { close(there) })
					<-ended
					return nil
				})
				url = "http://receiver.example/"
				if where != "look-up" {
					o.Proxy = proxyAt(egresstest.UnusedAddress(t))
				}
			case "handshake":
				url = strings.Replace(url, "http:", "https:", 1)
			case "proxy":
				o.Proxy = proxyAt(netip.MustParseAddrPort(strings.TrimPrefix(url, "http://")))
				url = "https://127.0.0.1:1/"
			}
			t.Cleanup(func() { close(ended) })
			c := newEgress(t, o).Client(nil)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-there
				cancel()
			}()
			res := c.Do(ctx, egress.Request{URL: url, Body: make([]byte, 8<<20), ConnectTimeout: long, ReadTimeout: long})
			if res.Outcome != egress.Cancelled || res.Err != "ended by the caller" || res.Phases.Total > long/2 {
				t.Errorf("%s %q after %s", res.Outcome, res.Err, res.Phases.Total)
			}
			sent := where == "sending" || where == "waiting" || where == "header" || where == "body"
			if res.RequestSent != sent || res.Replayed {
				t.Errorf("sent %t, replayed %t", res.RequestSent, res.Replayed)
			}
		})
	}
}

// TestDo_CancelledTooLateHurtsNobody ends contexts in the moment of the answer: a connection must not come into the pool and be cut there.
func TestDo_CancelledTooLateHurtsNobody(t *testing.T) {
	t.Parallel()
	cancels := make(chan context.CancelFunc, 1)
	receiver := egresstest.NewReceiver(t).On("/cancel", egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		(<-cancels)()
	}))
	c := newClient(t)
	for range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		cancels <- cancel
		if res := c.Do(ctx, egress.Request{URL: receiver.URL + "/cancel", ReadTimeout: long}); res.Outcome != egress.Accepted && res.Outcome != egress.Cancelled {
			t.Errorf("%s %s", res.Outcome, res.Err)
		}
		if res := post(t, c, receiver.URL, nil); res.Outcome != egress.Accepted || res.Replayed {
			t.Errorf("the next one: %s %s, replayed %t", res.Outcome, res.Err, res.Replayed)
		}
	}
}

func TestDo_ClosedReceiverAfterAnIdleConnection(t *testing.T) {
	t.Parallel()
	// The receiver dies with the second request in its hands, and nobody is there when it is to be sent again.
	var stop func()
	wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
		c.ReadRequest()
		c.Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		c.ReadRequest()
		stop()
	})
	stop = wire.StopListening
	c := newClient(t)
	post(t, c, wire.URL, nil)
	res := post(t, c, wire.URL, nil)
	if res.Outcome != egress.Connect || !res.RequestSent || res.Replayed {
		t.Errorf("%s %q, sent %t, replayed %t", res.Outcome, res.Err, res.RequestSent, res.Replayed)
	}
}

func TestDo_TLSVersionsAndResumption(t *testing.T) {
	t.Parallel()
	a := egresstest.NewAuthority(t)
	config := func(highest uint16) *tls.Config {
		return &tls.Config{
			Certificates: []tls.Certificate{a.ServerCertificate("127.0.0.1")}, MinVersion: tls.VersionTLS10, MaxVersion: highest,
			NextProtos: []string{"h2", "http/1.1"},
		}
	}
	c := newEgress(t, egress.Options{Policy: local}).Client(trust(t, a.PEM()))

	old := egresstest.NewTLSReceiverWith(t, config(tls.VersionTLS11))
	if res := post(t, c, old.URL, nil); res.Outcome != egress.TLS || !strings.HasPrefix(res.Err, "TLS: the receiver refused the handshake") && res.Err != "TLS: the handshake failed" {
		t.Errorf("TLS 1.1: %s %q", res.Outcome, res.Err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		receiver := egresstest.NewTLSReceiverWith(t, config(version)).
			Script(egresstest.Answer(200, http.Header{"Connection": {"close"}}, "bye"), egresstest.Accept())
		for i := range 3 {
			if res := post(t, c, receiver.URL, []byte("{}")); res.Outcome != egress.Accepted || res.Replayed {
				t.Fatalf("%x, %d: %s %q", version, i, res.Outcome, res.Err)
			}
		}
		requests := receiver.WaitFor(3)
		if got := requests[1].TLS; got.Version != version || !got.DidResume || got.NegotiatedProtocol != "" {
			t.Errorf("%x: version %x, resumed %t, protocol %q", version, got.Version, got.DidResume, got.NegotiatedProtocol)
		}
		if n := receiver.Connections(); n != 2 {
			t.Errorf("%x: %d connections", version, n)
		}
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t)
	header := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"9"}}
	p := newClient(t).Endpoint(receiver.URL+"/hook?x=1", header)
	header.Set("Content-Type", "changed")
	for range 2 {
		res := p.Do(t.Context(), egress.Request{URL: "http://elsewhere.example", Header: http.Header{"Webhook-Id": {"1"}}, Body: []byte("{}"), ReadTimeout: long})
		if res.Outcome != egress.Accepted || res.Start.IsZero() || res.Phases.Total <= 0 {
			t.Fatalf("%+v", res)
		}
	}
	for _, q := range receiver.WaitFor(2) {
		if q.Path != "/hook?x=1" || q.Header.Get("Content-Type") != "application/json" || q.Header.Get("Webhook-Id") != "1" || q.Header.Get("User-Agent") != "Herald" || string(q.Body) != "{}" {
			t.Errorf("%+v", q)
		}
	}
	if n := receiver.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if res := newClient(t).Endpoint("ftp://x", nil).Do(t.Context(), egress.Request{}); res.Outcome != egress.Invalid || res.Err != "the URL must begin with http:// or https://" {
		t.Errorf("%s %q", res.Outcome, res.Err)
	}
}

func TestDo_ProxyConnectionsAreShared(t *testing.T) {
	t.Parallel()
	heads := make(chan string, 3)
	wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
		for {
			head, ok := c.ReadHead()
			if !ok {
				return
			}
			heads <- head
			c.Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	settings := proxyAt(netip.MustParseAddrPort(strings.TrimPrefix(wire.URL, "http://")))
	settings.Username, settings.Password = "herald", "right"
	c := newEgress(t, egress.Options{Policy: local, Proxy: settings, Resolver: loopbackResolver(t)}).Client(nil)
	header := http.Header{"Proxy-Authorization": {"mine"}}
	for _, url := range []string{"http://one.example/a?b", "http://two.example:81"} {
		if res := c.Do(t.Context(), egress.Request{URL: url, Header: header, ReadTimeout: long}); res.Outcome != egress.Accepted {
			t.Errorf("%s %s", res.Outcome, res.Err)
		}
	}
	for _, want := range []string{"http://one.example/a?b HTTP/1.1\r\nHost: one.example", "http://two.example:81/ HTTP/1.1\r\nHost: two.example:81"} {
		want = "POST " + want + "\r\nProxy-Authorization: Basic aGVyYWxkOnJpZ2h0\r\nUser-Agent: Herald\r\nContent-Length: 0\r\n\r\n"
		if got := <-heads; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if n := wire.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestDo_EarlierTimeoutDoesNotStay(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	receiver := egresstest.NewReceiver(t).Script(egresstest.Accept(), egresstest.Hold(release, egresstest.Accept()))
	c := newClient(t)
	if res := c.Do(t.Context(), egress.Request{URL: receiver.URL, ReadTimeout: short}); res.Outcome != egress.Accepted {
		t.Skipf("the machine is too slow for this: %s", res.Err)
	}
	time.AfterFunc(2*short, func() { close(release) })
	if res := post(t, c, receiver.URL, nil); res.Outcome != egress.Accepted || res.Replayed || receiver.Connections() != 1 {
		t.Errorf("%s %q, replayed %t", res.Outcome, res.Err, res.Replayed)
	}
}

// A request that must not arrive twice is not repeated on another connection, and takes an idle one only while that is certainly alive.
func TestOnce(t *testing.T) {
	t.Parallel()
	e := newEgress(t, egress.Options{Policy: local})
	const yes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	receiver := egresstest.NewWire(t, func(c *egresstest.WireConn) {
		for n := range 2 { // answers the first request of a connection and closes it when the second has come
			if !c.ReadRequest() {
				return
			}
			if n == 0 {
				c.Say(yes)
			}
		}
	})
	send := func(once bool) egress.Result {
		return e.Client(nil).Do(t.Context(), egress.Request{URL: receiver.URL, Body: []byte("{}"), Once: once, ConnectTimeout: long, ReadTimeout: long})
	}
	if r := send(true); r.Outcome != egress.Accepted {
		t.Fatalf("first: %+v", r)
	}
	if r := send(true); r.Outcome != egress.Reset || !r.RequestSent || r.Replayed || receiver.Connections() != 1 {
		t.Errorf("second: %+v over %d connections", r, receiver.Connections())
	}
	if r := send(true); r.Outcome != egress.Accepted || receiver.Connections() != 2 {
		t.Errorf("third: %+v over %d connections", r, receiver.Connections())
	}
	// Others are repeated as ever.
	if r := send(false); r.Outcome != egress.Accepted || !r.Replayed || receiver.Connections() != 3 {
		t.Errorf("fourth: %+v over %d connections", r, receiver.Connections())
	}
}

// Dial is for what is not HTTP; it has the same policy and the same words.
func TestDial(t *testing.T) {
	t.Parallel()
	e := newEgress(t, egress.Options{Policy: local})
	listener := egresstest.SilentListener(t)
	c, outcome, text := e.Dial(t.Context(), "127.0.0.1", int(listener.Port()), long)
	if c == nil || outcome != "" || text != "" {
		t.Fatalf("%v, %q", outcome, text)
	}
	_ = c.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	unused := egresstest.UnusedAddress(t)
	for name, d := range map[string]struct {
		ctx  context.Context
		host string
		port uint16
		want egress.Outcome
		text string
	}{
		"nobody listens": {t.Context(), "127.0.0.1", unused.Port(), egress.Connect, "connection refused"},
		"link-local":     {t.Context(), "169.254.1.1", 25, egress.Blocked, "link-local"},
		"no host":        {t.Context(), "a b", 25, egress.Invalid, "host"},
		"nobody waits":   {ended, "127.0.0.1", listener.Port(), egress.Cancelled, "ended by the caller"},
	} {
		c, outcome, text := e.Dial(d.ctx, d.host, int(d.port), long)
		if c != nil || outcome != d.want || !strings.Contains(text, d.text) {
			t.Errorf("%s: %v, %q", name, outcome, text)
		}
	}
}
