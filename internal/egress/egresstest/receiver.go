// Package egresstest has the other ends of outgoing HTTP for tests: a receiver that misbehaves on command, one below HTTP, a proxy, a name
// server, certificates, and an address that never connects. All of them are real servers on the loopback interface that end with
// the test, without leaving a goroutine behind.
package egresstest

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a test waits for something that should happen at once.
const patience = 10 * time.Second

// Recorded is one request as it arrived.
type Recorded struct {
	Method     string
	Path       string // with the query
	Host       string
	Header     http.Header
	Body       []byte // the raw bytes
	Time       time.Time
	RemoteAddr string
	TLS        *tls.ConnectionState // nil without TLS
}

// Event is the type of the event in the body, `{"event":{"type":…}}`; empty when there is none.
func (r Recorded) Event() string {
	var b struct {
		Event struct {
			Type string `json:"type"`
		} `json:"event"`
	}
	_ = json.Unmarshal(r.Body, &b)
	return b.Event.Type
}

// Receiver is a scripted HTTP server. It records each request as soon as it has read its body, then does what the script says. Without
// a script it accepts everything. It is safe for concurrent use.
type Receiver struct {
	URL string // http://127.0.0.1:port, without a slash at the end

	tb     testing.TB
	server *httptest.Server
	done   chan struct{} // closed when the test ends: what hangs goes home
	busy   sync.WaitGroup
	conns  atomic.Int64

	mu       sync.Mutex
	scripts  map[string][]Step // by path, or by event type; "" for all others
	recorded []Recorded
	news     chan struct{} // closed and replaced with every request
}

// NewReceiver starts a receiver that speaks plain HTTP.
func NewReceiver(tb testing.TB) *Receiver {
	tb.Helper()
	return newReceiver(tb, nil)
}

// NewTLSReceiver starts a receiver that speaks TLS with a certificate of the authority for 127.0.0.1, ::1 and localhost. Trust it with
// the authority's PEM.
func NewTLSReceiver(tb testing.TB, a *Authority) *Receiver {
	tb.Helper()
	return newReceiver(tb, &tls.Config{Certificates: []tls.Certificate{a.ServerCertificate("127.0.0.1", "::1", "localhost")}})
}

// NewTLSReceiverWith starts a receiver with a TLS configuration of its own: another certificate, old versions.
func NewTLSReceiverWith(tb testing.TB, config *tls.Config) *Receiver {
	tb.Helper()
	return newReceiver(tb, config)
}

// NewMutualTLSReceiver is a TLS receiver that answers nobody without a client certificate of the authority clients.
func NewMutualTLSReceiver(tb testing.TB, a, clients *Authority) *Receiver {
	tb.Helper()
	return newReceiver(tb, &tls.Config{
		Certificates: []tls.Certificate{a.ServerCertificate("127.0.0.1", "::1", "localhost")},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients.pool(),
	})
}

func newReceiver(tb testing.TB, config *tls.Config) *Receiver {
	tb.Helper()
	r := &Receiver{tb: tb, done: make(chan struct{}), scripts: map[string][]Step{}, news: make(chan struct{})}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0) // faults are what it is for
	r.server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.conns.Add(1)
		}
	}
	if config == nil {
		r.server.Start()
	} else {
		r.server.TLS = config
		r.server.StartTLS()
	}
	r.URL = r.server.URL
	tb.Cleanup(func() {
		close(r.done)
		r.server.CloseClientConnections()
		r.server.Close()
		r.busy.Wait()
	})
	return r
}

// CertificatePEM is the receiver's own certificate, empty without TLS.
func (r *Receiver) CertificatePEM() string {
	if r.server.TLS == nil {
		return ""
	}
	return encode("CERTIFICATE", r.server.TLS.Certificates[0].Certificate[0])
}

// Script sets what happens to the coming requests, one step each; the last step goes on for ever. It replaces an earlier script.
// Mind that a sender may repeat a request whose kept-alive connection was cut before an answer: Script(Accept(), Reset(), Accept())
// can look like two acceptances to it.
func (r *Receiver) Script(steps ...Step) *Receiver { return r.script("", steps) }

// On is Script for requests to one path ("/hook"), or carrying one type of event ("user.create"); the path wins over the type, both
// over Script.
func (r *Receiver) On(pathOrEvent string, steps ...Step) *Receiver {
	return r.script(pathOrEvent, steps)
}

func (r *Receiver) script(key string, steps []Step) *Receiver {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scripts[key] = slices.Clone(steps)
	return r
}

// Requests returns what has arrived, in order of arrival.
func (r *Receiver) Requests() []Recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.recorded)
}

// Events returns the types of the events that have arrived, in order of arrival.
func (r *Receiver) Events() []string {
	types := []string{}
	for _, q := range r.Requests() {
		types = append(types, q.Event())
	}
	return types
}

// Connections returns how many connections were ever made to the receiver.
func (r *Receiver) Connections() int { return int(r.conns.Load()) }

// Forget drops what was recorded so far.
func (r *Receiver) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recorded = nil
}

// CutConnections closes every connection, idle or not, as a receiver that restarts does.
func (r *Receiver) CutConnections() { r.server.CloseClientConnections() }

// WaitFor blocks until at least n requests have arrived and returns them all; the test fails when they do not. To be called from the
// test's goroutine.
func (r *Receiver) WaitFor(n int) []Recorded {
	r.tb.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		r.mu.Lock()
		recorded, news := slices.Clone(r.recorded), r.news
		r.mu.Unlock()
		if len(recorded) >= n {
			return recorded
		}
		select {
		case <-news:
		case <-timeout.C:
			r.tb.Fatalf("the receiver got %d of %d requests: %v", len(recorded), n, r.Events())
		}
	}
}

func (r *Receiver) serve(w http.ResponseWriter, q *http.Request) {
	r.busy.Add(1) // a server does not wait for connections that were taken out of its hands
	defer r.busy.Done()
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // the sender has gone
	}
	rec := Recorded{
		Method: q.Method, Path: q.URL.RequestURI(), Host: q.Host, Header: q.Header.Clone(), Body: body, Time: time.Now(),
		RemoteAddr: q.RemoteAddr, TLS: q.TLS,
	}
	event := rec.Event()

	r.mu.Lock()
	r.recorded = append(r.recorded, rec)
	step := r.next(q.URL.Path, event)
	close(r.news)
	r.news = make(chan struct{})
	r.mu.Unlock()

	q.Body = io.NopCloser(bytes.NewReader(body))
	step.play(r, w, q)
}

// next takes a step off the script that fits; r.mu is held.
func (r *Receiver) next(keys ...string) Step {
	for _, key := range append(keys, "") {
		steps := r.scripts[key]
		if len(steps) == 0 {
			continue
		}
		if len(steps) > 1 {
			r.scripts[key] = steps[1:]
		}
		return steps[0]
	}
	return Accept()
}

// Step is what a receiver does with one request.
type Step struct {
	play func(*Receiver, http.ResponseWriter, *http.Request)
}

// Accept says yes: 200 and an empty body.
func Accept() Step { return Status(http.StatusOK) }

// Status answers with a status and an empty body.
func Status(code int) Step { return Answer(code, nil, "") }

// Answer answers with a status, header and body.
func Answer(code int, header http.Header, body string) Step {
	return Handle(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		if body != "" {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	})
}

// Redirect answers 302 to another place.
func Redirect(to string) Step { return Answer(http.StatusFound, http.Header{"Location": {to}}, "") }

// Handle lets a handler answer. Its request has the body to be read again.
func Handle(h http.HandlerFunc) Step {
	return Step{func(_ *Receiver, w http.ResponseWriter, q *http.Request) { h(w, q) }}
}

// Hold waits until the channel is closed, then goes on with the step: the moment of an answer under the test's control.
func Hold(until <-chan struct{}, then Step) Step {
	return Step{func(r *Receiver, w http.ResponseWriter, q *http.Request) {
		select {
		case <-until:
			then.play(r, w, q)
		case <-q.Context().Done():
		case <-r.done:
		}
	}}
}

// Slow answers like then, after a while.
func Slow(d time.Duration, then Step) Step {
	return Step{func(r *Receiver, w http.ResponseWriter, q *http.Request) {
		if r.pause(q, d) {
			then.play(r, w, q)
		}
	}}
}

// Hang reads the request and never answers. It ends with the sender's patience or with the test.
func Hang() Step { return Hold(nil, Step{}) }

// Drip says 200 at once and then sends a byte of its body after each interval, without end.
func Drip(interval time.Duration) Step {
	return Step{func(r *Receiver, w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(http.StatusOK)
		flusher := http.NewResponseController(w)
		for {
			if _, err := w.Write([]byte{'.'}); err != nil || flusher.Flush() != nil {
				return
			}
			if !r.pause(q, interval) {
				return
			}
		}
	}}
}

// DripHeader sends its header a byte at a time, without end.
func DripHeader(interval time.Duration) Step {
	return raw(func(r *Receiver, c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Drip: ")
		for {
			timer := time.NewTimer(interval)
			select {
			case <-timer.C:
			case <-r.done:
				timer.Stop()
				return
			}
			if _, err := c.Write([]byte{'.'}); err != nil {
				return
			}
		}
	})
}

// Reset cuts the connection (RST) instead of an answer.
func Reset() Step {
	return raw(func(_ *Receiver, c net.Conn) {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
	})
}

// Close ends the connection in an orderly way (FIN) instead of an answer.
func Close() Step { return raw(func(*Receiver, net.Conn) {}) }

// HalfAnswer says 200, promises a hundred bytes, sends fifty and closes the connection.
func HalfAnswer() Step {
	return Raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 50))
}

// HalfHeader closes the connection in the middle of the header.
func HalfHeader() Step { return Raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n") }

// HalfChunk says 200, announces a chunk of sixteen bytes, sends four and closes the connection.
func HalfChunk() Step {
	return Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf")
}

// Garbage answers with something that is not HTTP.
func Garbage() Step { return Raw("220 mail.example.com ESMTP ready, tell me your secret\r\n") }

// HugeBody says 200 and sends n bytes.
func HugeBody(n int64) Step {
	return Handle(func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("0123456789abcdef"), 2048)
		for n := n; n > 0; n -= int64(len(chunk)) {
			if _, err := w.Write(chunk[:min(n, int64(len(chunk)))]); err != nil {
				return
			}
		}
	})
}

// HugeHeader says 200 with a header of more than n bytes.
func HugeHeader(n int) Step {
	return Raw("HTTP/1.1 200 OK\r\nX-Huge: " + strings.Repeat("x", n) + "\r\nContent-Length: 0\r\n\r\n")
}

// EndlessBody says 200 and sends for ever, as fast as it is read.
func EndlessBody() Step { return HugeBody(1 << 62) }

// EndlessHeader sends header lines without end.
func EndlessHeader() Step { return endless("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n") }

// EndlessHeaderLine sends one header line without end.
func EndlessHeaderLine() Step {
	return endless("HTTP/1.1 200 OK\r\nX-Long: ", strings.Repeat("x", 1000))
}

// EndlessStatusLine never comes to the end of its first line.
func EndlessStatusLine() Step { return endless("HTTP/1.1 200 ", strings.Repeat("O", 1000)) }

// EndlessInterim says "please continue" for ever.
func EndlessInterim() Step { return endless("", "HTTP/1.1 100 Continue\r\n\r\n") }

// endless sends the beginning and then the rest again and again, until the sender has enough.
func endless(begin, rest string) Step {
	return raw(func(_ *Receiver, c net.Conn) {
		chunk := strings.Repeat(rest, 1+4096/len(rest))
		for _, err := io.WriteString(c, begin); err == nil; {
			_, err = io.WriteString(c, chunk)
		}
	})
}

// GzipBomb says 200 and sends a small body that becomes n zero bytes when unpacked.
func GzipBomb(n int64) Step {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	zero := make([]byte, 64<<10)
	for left := n; left > 0; left -= int64(len(zero)) {
		_, _ = z.Write(zero[:min(left, int64(len(zero)))]) // a buffer takes everything
	}
	_ = z.Close()
	return Answer(http.StatusOK, http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"application/json"}}, packed.String())
}

// Raw sends these bytes as they are and closes the connection.
func Raw(answer string) Step {
	return raw(func(_ *Receiver, c net.Conn) { _, _ = io.WriteString(c, answer) })
}

// Pause sends these bytes as they are and then nothing more, until the sender has lost patience.
func Pause(answer string) Step {
	return raw(func(r *Receiver, c net.Conn) {
		_, _ = io.WriteString(c, answer)
		ended := make(chan struct{})
		go func() {
			_, _ = c.Read(make([]byte, 1)) // the sender says nothing, so this is its end
			close(ended)
		}()
		select {
		case <-ended:
		case <-r.done:
			_ = c.Close()
			<-ended
		}
	})
}

// raw takes the connection out of the server's hands and closes it afterwards.
func raw(play func(*Receiver, net.Conn)) Step {
	return Step{func(r *Receiver, w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience)) // the other side may not read
		play(r, c)
	}}
}

// pause waits; false when the sender has gone or the test has ended.
func (r *Receiver) pause(q *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-q.Context().Done():
	case <-r.done:
	}
	return false
}
