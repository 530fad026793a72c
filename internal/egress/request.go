package egress

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// Request is one request to be sent. Header and Body are only read; the same ones may be used for many requests at once.
type Request struct {
	Method string // empty means POST
	URL    string // as CheckURL wants it
	Header http.Header
	Body   []byte

	// ConnectTimeout bounds the way to a connection: looking up the name, dialling, the proxy, TLS. A request that finds an idle
	// connection needs none of it. Zero or less means DefaultConnectTimeout.
	ConnectTimeout time.Duration

	// ReadTimeout bounds everything after that, as a whole: sending the request, waiting, and reading the answer up to its cap. A
	// receiver that accepts and never answers and one that sends a byte a second both end on time; a timeout per read, as socket
	// options offer, would let the second live for ever. Zero or less means DefaultReadTimeout.
	ReadTimeout time.Duration
}

// Result is what became of a Request. It holds nothing of the request but its host, and no secret of it.
type Result struct {
	Outcome Outcome

	// StatusCode is the status of the answer, 0 without one. It may be there without success: the body can still break or
	// come too late.
	StatusCode int
	Header     http.Header // of the answer, 64 KiB at most; nil without one

	// Body is what was kept of the answer's body, as it came (a compressed one stays compressed), and BodySize how much of it was
	// read. BodyTruncated says that there was more than Body holds. An answer that is longer than what we read
	// counts by its status all the same: the receiver has decided, we just stop listening.
	Body          []byte
	BodySize      int64
	BodyTruncated bool

	// Err is a short text for people when no status decided the outcome, else empty.
	Err string

	// RequestSent says that the receiver may have seen something of the request. False is certain.
	RequestSent bool
	// Replayed says that the request was sent once more on another connection; see Client.Do.
	Replayed bool

	Phases     Phases
	RemoteAddr string // the address of the connection, the proxy's when there is one; empty without a connection
	Start, End time.Time
}

// Phases is where the time went. DNS, Connect and TLS are zero when an idle connection was used; with a
// proxy, Connect is the way to it.
type Phases struct {
	DNS       time.Duration // looking up the name
	Connect   time.Duration // TCP
	TLS       time.Duration // handshake
	FirstByte time.Duration // from having the connection to the first byte of the answer
	Total     time.Duration
}

// Do sends the request and reads the answer. It never returns an error: the outcome is a value. It returns within ConnectTimeout +
// ReadTimeout, or when ctx ends, whichever is sooner.
//
// An idle connection may have been closed by the receiver in the moment we use it (many servers do so after five seconds). When a
// reused connection ends before the first byte of an answer, the request is sent again on another one, within the same timeouts.
// The receiver may then see it twice; it carries the same bytes and ids both times, as with any later attempt.
func (c *Client) Do(ctx context.Context, r Request) Result {
	r.Method = cmp.Or(r.Method, http.MethodPost)
	if r.ConnectTimeout <= 0 {
		r.ConnectTimeout = DefaultConnectTimeout
	}
	if r.ReadTimeout <= 0 {
		r.ReadTimeout = DefaultReadTimeout
	}
	x := &exchange{client: c, request: &r, begin: time.Now()}
	res := Result{Start: c.egress.clock()}
	x.do(ctx, &res)
	x.report(&res)
	res.Phases.Total = time.Since(x.begin)
	res.End = res.Start.Add(res.Phases.Total)
	if c.egress.closed.Load() {
		c.transport.CloseIdleConnections() // ours may have become idle after Close looked
	}
	return res
}

// exchange is one call of Do. net/http reports to it from goroutines that may outlive the call, hence the lock.
type exchange struct {
	client  *Client
	request *Request
	begin   time.Time
	cancel  context.CancelCauseFunc
	timer   *time.Timer

	mu        sync.Mutex
	waiting   error     // what it means when the timer fires
	deadline  time.Time // of the timer
	connectBy time.Time // for dials
	sends     int
	reused    bool
	got       time.Time // the connection
	first     time.Duration
	remote    net.Addr
	dns       time.Time
	phases    Phases
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

func (x *exchange) do(parent context.Context, res *Result) {
	e := x.client.egress
	u, err := parseURL(x.request.URL)
	if err != nil {
		res.Outcome, res.Err = Invalid, err.Error()
		return
	}
	if e.closed.Load() {
		res.Outcome, res.Err = Cancelled, "ended by the caller"
		return
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	x.cancel = cancel
	x.connecting("")
	defer x.stop()

	ctx = httptrace.WithClientTrace(context.WithValue(ctx, exchangeKey{}, x), &httptrace.ClientTrace{
		GetConn:              x.connecting,
		GotConn:              x.connected,
		GotFirstResponseByte: x.firstByte,
		DNSStart:             x.dnsStart,
		DNSDone:              x.dnsDone,
	})
	req := (&http.Request{Method: x.request.Method, URL: u, Host: u.Host, Header: x.header()}).WithContext(ctx)
	if b := x.request.Body; len(b) > 0 {
		// net/http knows exactly this combination: it sends header and body in one write, anything else in two.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
		req.Body, _ = req.GetBody()
		req.ContentLength = int64(len(b))
	}
	// Connections to a proxy for plain http are shared by all receivers, so this is the place where each request is checked.
	if e.proxy != nil && u.Scheme == "http" {
		if err := e.checkBehindProxy(ctx, x, u.Hostname()); err != nil {
			res.Outcome, res.Err = explain(ctx, err, u.Hostname())
			return
		}
	}
	// The transport, not an http.Client: that would follow redirects.
	answer, err := x.client.transport.RoundTrip(req)
	if err != nil {
		res.Outcome, res.Err = explain(ctx, err, u.Hostname())
		return
	}
	defer answer.Body.Close()
	res.StatusCode, res.Header = answer.StatusCode, answer.Header
	res.Outcome = outcomeOf(answer.StatusCode)
	switch {
	case res.Outcome == Protocol:
		res.Err = "the receiver changed the protocol unasked"
		return
	case e.proxy != nil && u.Scheme == "http" && answer.StatusCode == http.StatusProxyAuthRequired:
		res.Outcome, res.Err = Connect, proxyRefused(answer.StatusCode).Error()
		return
	}
	if err := x.read(answer, res); err != nil {
		res.Outcome, res.Err = explain(ctx, err, u.Hostname())
	}
}

// header is a copy, because the caller's may be shared; the values are shared and not changed.
func (x *exchange) header() http.Header {
	h := make(http.Header, len(x.request.Header)+2)
	maps.Copy(h, x.request.Header)
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{x.client.egress.agent}
	}
	// An entry without a value is not sent, and tells net/http that a POST may be sent again when an idle connection turns out dead.
	if _, ok := h["X-Idempotency-Key"]; !ok {
		h["X-Idempotency-Key"] = nil
	}
	return h
}

// read reads the answer's body: it keeps its beginning, counts the rest and stops at the cap. Reading to the end is what lets the
// connection be used again.
func (x *exchange) read(answer *http.Response, res *Result) error {
	if answer.ContentLength == 0 {
		return nil
	}
	e := x.client.egress
	body := io.LimitReader(answer.Body, e.max)
	kept := make([]byte, 0, min(int64(e.keep), max(answer.ContentLength+1, 512)))
	for len(kept) < e.keep {
		if len(kept) == cap(kept) {
			kept = append(kept, 0)[:len(kept)]
		}
		n, err := body.Read(kept[len(kept):min(cap(kept), e.keep)])
		kept = kept[:len(kept)+n]
		res.Body, res.BodySize = kept, int64(len(kept))
		if err == io.EOF {
			return x.atEnd(answer, res)
		}
		if err != nil {
			return err
		}
	}
	scratch := e.scratch.Get().(*[]byte)
	defer e.scratch.Put(scratch)
	for {
		n, err := body.Read(*scratch)
		res.BodySize += int64(n)
		res.BodyTruncated = res.BodyTruncated || n > 0
		if err == io.EOF {
			return x.atEnd(answer, res)
		}
		if err != nil {
			return err
		}
	}
}

// atEnd tells the end of the body from the cap.
func (x *exchange) atEnd(answer *http.Response, res *Result) error {
	if res.BodySize < x.client.egress.max {
		return nil
	}
	var one [1]byte
	n, err := io.ReadFull(answer.Body, one[:])
	if n > 0 {
		res.BodyTruncated = true
		return nil
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// connecting starts the connect timeout: at the beginning, and when net/http looks for another connection to send again.
func (x *exchange) connecting(string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.timer != nil && x.sends == 0 {
		return // already runs
	}
	x.connectBy = x.arm(x.request.ConnectTimeout, connectTimeout(x.request.ConnectTimeout))
}

// connected starts the read timeout.
func (x *exchange) connected(info httptrace.GotConnInfo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sends++
	x.reused, x.got, x.remote = info.Reused, time.Now(), info.Conn.RemoteAddr()
	x.arm(x.request.ReadTimeout, readTimeout(x.request.ReadTimeout))
}

// arm sets the timer, never beyond the sum of both timeouts: a receiver that lets one kept connection after the other die late would
// otherwise stretch them.
func (x *exchange) arm(d time.Duration, meaning error) time.Time {
	now := time.Now()
	x.deadline, x.waiting = now.Add(d), meaning
	if last := x.begin.Add(x.request.ConnectTimeout + x.request.ReadTimeout); x.deadline.After(last) {
		x.deadline = last
	}
	if x.timer == nil {
		x.timer = time.AfterFunc(x.deadline.Sub(now), x.expire)
	} else {
		x.timer.Reset(x.deadline.Sub(now))
	}
	return x.deadline
}

func (x *exchange) expire() {
	x.mu.Lock()
	defer x.mu.Unlock()
	// The timer may fire while it is being set anew.
	if !time.Now().Before(x.deadline) {
		x.cancel(x.waiting)
	}
}

func (x *exchange) stop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.timer.Stop()
}

func (x *exchange) connectDeadline() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.connectBy
}

func (x *exchange) firstByte() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.first = time.Since(x.got)
}

func (x *exchange) dnsStart(httptrace.DNSStartInfo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dns = time.Now()
}

func (x *exchange) dnsDone(httptrace.DNSDoneInfo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.phases.DNS += time.Since(x.dns)
}

func (x *exchange) dnsTime() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.phases.DNS
}

// dialled notes a phase of a dial that this exchange began.
func (x *exchange) dialled(note func(*Phases)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	note(&x.phases)
}

// report copies what was noted. A dial that was begun but overtaken by an idle connection is not this request's time.
func (x *exchange) report(res *Result) {
	x.mu.Lock()
	defer x.mu.Unlock()
	res.RequestSent, res.Replayed = x.sends > 0, x.sends > 1
	if !x.reused {
		res.Phases = x.phases
	}
	res.Phases.FirstByte = x.first
	if x.remote != nil {
		res.RemoteAddr = x.remote.String()
	}
}
