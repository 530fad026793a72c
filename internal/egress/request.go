package egress

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// copyLimit is how long a request may be to be put together in a buffer and sent in one write. The kernel takes over that much without
// waiting for the receiver to read it.
const copyLimit = 32 << 10

// uploadGrace is how long we go on sending a request that has been answered already, so that its connection can be kept.
const uploadGrace = 50 * time.Millisecond

// Request is one request to be sent. Header and Body are only read; the same ones may be used for many requests at once. Nothing reads
// them any more when Do has returned.
type Request struct {
	Method string // empty means POST
	URL    string // as CheckURL wants it
	// Header may hold what is a header by its letters; a line break in one makes the request Invalid. Left out is what says where
	// a request ends or belongs to the connection (Host, Content-Length, Transfer-Encoding, Connection …), in any spelling: it is
	// written here. Without a User-Agent the request gets that of Options; one with an entry and no value gets none.
	Header http.Header
	Body   []byte

	// ConnectTimeout bounds the way to a connection: looking up the name, dialling, the proxy, TLS. A request that finds an idle
	// connection needs none of it. Zero or less means DefaultConnectTimeout.
	ConnectTimeout time.Duration

	// ReadTimeout bounds everything after that, as a whole: sending the request, waiting, and reading the answer up to its cap. A
	// receiver that accepts and never answers and one that sends a byte a second both end on time; a timeout per read, as socket
	// options offer, would let the second live for ever. Zero or less means DefaultReadTimeout.
	ReadTimeout time.Duration

	// Once is for what must not arrive twice: the request is never repeated on another connection. A connection that was idle for longer than
	// a moment is not used for it, as the receiver may be about to close that.
	Once bool
}

// moment is how long a connection may have been idle to be used for a request that is sent only once. No server closes one so soon.
const moment = time.Second

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
// reused connection ends before the first byte of an answer, the request is sent once more on a new one, within the same timeouts, unless
// it asks not to be.
// The receiver may then see it twice; it carries the same bytes and ids both times, as with any later attempt.
//
// An answer counts from its first byte on, even if the receiver has not read the whole request: one that refuses what is too large for
// it need not swallow it first.
func (c *Client) Do(ctx context.Context, r Request) Result { return c.endpoint(r.URL).do(ctx, &r) }

func (p *Endpoint) do(ctx context.Context, r *Request) Result {
	r.Method = cmp.Or(r.Method, http.MethodPost)
	if r.ConnectTimeout <= 0 {
		r.ConnectTimeout = DefaultConnectTimeout
	}
	if r.ReadTimeout <= 0 {
		r.ReadTimeout = DefaultReadTimeout
	}
	e := p.client.egress
	x := exchange{endpoint: p, request: r, begin: time.Now(), desk: e.desks.Get().(*desk)}
	p.client.wanted(x.begin)
	x.last = x.begin.Add(r.ConnectTimeout + r.ReadTimeout)
	res := Result{Start: e.clock()}
	if err := x.do(ctx, &res); err != nil {
		res.Outcome, res.Err = explain(ctx, err, p.host)
	}
	e.desks.Put(x.desk.cleared())
	res.RequestSent, res.Replayed = x.sends > 0, x.sends > 1
	if x.end.IsZero() {
		x.end = time.Now()
	}
	res.Phases.Total = x.end.Sub(x.begin)
	res.End = res.Start.Add(res.Phases.Total)
	return res
}

// desk is what one call works with and the next one can use again.
type desk struct {
	out []byte
	in  *bufio.Reader
}

func newDesk() *desk { return &desk{in: bufio.NewReader(nil)} }

func (d *desk) cleared() *desk {
	d.in.Reset(nil)
	if cap(d.out) > 2*copyLimit {
		d.out = nil // headers of such a size are rare
	}
	return d
}

// exchange is one call of Do.
type exchange struct {
	endpoint *Endpoint
	request  *Request
	begin    time.Time
	last     time.Time // both timeouts together: a kept connection that dies late does not stretch them
	desk     *desk
	rest     []byte // of the body, what is not in desk.out
	sends    int
	end      time.Time // of the last try, zero without one that had a connection
}

func (x *exchange) do(ctx context.Context, res *Result) error {
	e := x.endpoint.client.egress
	switch {
	case x.endpoint.fault != "":
		res.Outcome, res.Err = Invalid, x.endpoint.fault
		return nil
	case !x.encode():
		res.Outcome, res.Err = Invalid, unsendable
		return nil
	case e.closed.Load():
		res.Outcome, res.Err = Cancelled, "ended by the caller"
		return nil
	}
	if err := ended(ctx); err != nil {
		return err
	}
	connectBy := x.begin.Add(x.request.ConnectTimeout)
	// Connections to a proxy for plain http are shared by all receivers, so this is the place where each request is checked.
	var dns time.Duration
	if x.endpoint.absolute {
		j, looking, done := e.setOut(ctx, x.request.ConnectTimeout, connectBy)
		err := j.checkBehindProxy(looking, x.endpoint.host)
		done()
		dns = j.phases.DNS
		if err != nil {
			res.Phases = j.phases
			return err
		}
	}
	begin := x.begin
	if x.endpoint.absolute {
		begin = time.Now() // the look-up took its time
	}
	c := e.idle.take(x.endpoint.origin, begin)
	if c != nil && x.request.Once && begin.Sub(c.since) > moment {
		c.close()
		c = nil
	}
	if c != nil {
		stale, err := x.over(ctx, c, res, begin)
		if !stale || x.request.Once {
			return err
		}
		// The other idle ones are as old, so it shall be a new one.
		x.end = time.Time{}
		connectBy = earlier(time.Now().Add(x.request.ConnectTimeout), x.last)
	}
	j, connecting, done := e.setOut(ctx, x.request.ConnectTimeout, connectBy)
	c, err := j.connect(connecting, x.endpoint)
	done()
	res.Phases = j.phases
	res.Phases.DNS += dns
	if err != nil {
		return err
	}
	_, err = x.over(ctx, c, res, time.Now())
	return err
}

// encode writes the request, with its body unless that is long. It is false when there is something in it that cannot be sent.
func (x *exchange) encode() bool {
	r, p := x.request, x.endpoint
	if !token(r.Method) || r.Method == http.MethodConnect {
		return false // CONNECT is for proxies, and what follows its answer is no body
	}
	b := append(x.desk.out[:0], r.Method...)
	b = append(b, p.head...)
	b, hasAgent, ok := appendHeader(b, r.Header)
	if !ok {
		return false
	}
	if !hasAgent && !p.hasAgent {
		b = append(b, "User-Agent: "...)
		b = append(b, p.client.egress.agent...)
		b = append(b, "\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(r.Body)), 10)
	b = append(b, "\r\n\r\n"...)
	if len(b)+len(r.Body) <= copyLimit {
		b = append(b, r.Body...)
	} else {
		x.rest = r.Body
	}
	x.desk.out = b
	return true
}

// over sends the request over c and reads the answer; afterwards c is idle or closed. stale says that c ended before the first byte of an
// answer: if it was an idle connection, the request may be sent over another one.
func (x *exchange) over(ctx context.Context, c *conn, res *Result, begin time.Time) (stale bool, err error) {
	deadline := earlier(begin.Add(x.request.ReadTimeout), x.last)
	_ = c.socket.SetDeadline(deadline) // fails on a closed socket only, as all that follows will
	uncut := func() bool { return true }
	if ctx.Done() != nil {
		uncut = context.AfterFunc(ctx, c.cut)
	}
	x.sends++
	res.RemoteAddr = c.remote

	sending := x.send(c)
	unheard, last, err := x.receive(c, res, begin)
	if err != nil && c.failure != nil {
		err = c.failure
	}
	sent := sending.finish(c, err == nil && !last, deadline)
	x.end = time.Now()
	// A connection that the context has cut, or is about to, is of no more use.
	if uncut() && err == nil && sent && !last && x.desk.in.Buffered() == 0 {
		c.used = true
		x.endpoint.client.egress.idle.put(c, x.end)
		return false, nil
	}
	c.hangUp()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, readTimeout(x.request.ReadTimeout)
	}
	return unheard && ended(ctx) == nil, err
}

// send writes the request. A long one goes on being sent while the answer is read.
func (x *exchange) send(c *conn) upload {
	if x.rest == nil {
		return upload{err: c.send(x.desk.out)}
	}
	u := upload{done: make(chan error, 1)}
	head, body := x.desk.out, x.rest
	go func() { u.done <- c.sendLong(head, body) }()
	return u
}

// upload is the sending of a request. Its error is never that of the call: a receiver may answer and close without having read
// everything. If it has not, reading tells what happened.
type upload struct {
	err  error
	done chan error // nil: it has ended with err
}

// finish ends the upload, in any case before it returns, and tells whether all was sent. Its patience is short, and there is none when
// the connection is of no more use.
func (u upload) finish(c *conn, useful bool, deadline time.Time) bool {
	if u.done == nil {
		return u.err == nil && !c.socket.cutShort
	}
	select {
	case err := <-u.done:
		return err == nil
	default:
	}
	if useful {
		_ = c.socket.SetWriteDeadline(earlier(time.Now().Add(uploadGrace), deadline))
	} else {
		c.hangUp()
	}
	return <-u.done == nil
}

// receive reads the answer. unheard says that not a byte of it came, last that the connection has served its purpose.
func (x *exchange) receive(c *conn, res *Result, begin time.Time) (unheard, last bool, err error) {
	in := x.desk.in
	in.Reset(c)
	c.headerLeft, c.failure = maxResponseHeader, nil
	if _, err := in.Peek(1); err != nil {
		return true, true, err
	}
	res.Phases.FirstByte = time.Since(begin)
	answer, err := readAnswer(in, x.request.Method)
	if err != nil {
		return false, true, err
	}
	c.headerLeft = -1
	res.StatusCode, res.Header, res.Outcome = answer.StatusCode, answer.Header, OutcomeOf(answer.StatusCode)
	switch {
	case res.Outcome == Protocol:
		res.Err = "the receiver changed the protocol unasked"
		return false, true, nil
	case x.endpoint.absolute && answer.StatusCode == http.StatusProxyAuthRequired:
		res.Outcome, res.Err = Connect, proxyRefused(answer.StatusCode).Error()
		return false, true, nil
	}
	whole, err := x.read(answer, res)
	return false, !whole || answer.Close || answer.ProtoMajor != 1, err
}

// readAnswer reads the header of an answer, and those of the interim answers before it, which together must stay below the cap.
func readAnswer(in *bufio.Reader, method string) (*http.Response, error) {
	request := postRequest
	if method != request.Method {
		request = &http.Request{Method: method} // an answer to HEAD has no body
	}
	for {
		answer, err := http.ReadResponse(in, request)
		switch {
		case err != nil:
			return nil, err
		case answer.StatusCode < 100:
			return nil, errors.New("egress: a status of less than three digits")
		case answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols:
			return answer, nil
		}
	}
}

var postRequest = &http.Request{Method: http.MethodPost}

// read reads the answer's body: it keeps its beginning, counts the rest and stops at the cap. Reading to the end is what lets the
// connection be used again; whole says that it was reached. The body is not closed, as that would read on without a limit.
func (x *exchange) read(answer *http.Response, res *Result) (whole bool, err error) {
	if answer.ContentLength == 0 {
		return true, nil
	}
	e := x.endpoint.client.egress
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
			return false, err
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
			return false, err
		}
	}
}

// atEnd tells the end of the body from the cap.
func (x *exchange) atEnd(answer *http.Response, res *Result) (whole bool, err error) {
	if res.BodySize < x.endpoint.client.egress.max {
		return true, nil
	}
	var one [1]byte
	n, err := io.ReadFull(answer.Body, one[:])
	if n > 0 {
		res.BodyTruncated = true
		return false, nil
	}
	if err == io.EOF {
		return true, nil
	}
	return false, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
