package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// journey is the way to one new connection. Its context ends with the connect timeout, or with the call.
type journey struct {
	*Egress
	call    context.Context // without the connect timeout
	timeout time.Duration   // for the texts

	asked  time.Time // when the look-up began
	phases Phases
}

// setOut returns a journey and its context, which reports look-ups to it.
func (e *Egress) setOut(call context.Context, timeout time.Duration, by time.Time) (*journey, context.Context, context.CancelFunc) {
	j := &journey{Egress: e, call: call, timeout: timeout}
	ctx, cancel := context.WithDeadline(call, by)
	// Both are called on the goroutine that looks up, before any other one is started to dial.
	return j, httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { j.asked = time.Now() },
		DNSDone:  func(httptrace.DNSDoneInfo) { j.phases.DNS += time.Since(j.asked) },
	}), cancel
}

// connect opens a connection to the endpoint: to the receiver, or to the proxy, or through it; with its TLS.
func (j *journey) connect(ctx context.Context, p *Endpoint) (*conn, error) {
	through := j.proxy != nil && p.secure
	if through {
		if err := j.checkBehindProxy(ctx, p.host); err != nil {
			return nil, err
		}
	}
	socket, err := j.dial(ctx, p.addr)
	if err != nil {
		return nil, err
	}
	if through {
		if err := j.connectThrough(ctx, socket, p.addr); err != nil {
			_ = socket.Close()
			return nil, j.timedOut(ctx, err)
		}
	}
	if !p.secure {
		return newConn(p.origin, socket, socket), nil
	}
	begin := time.Now()
	config := p.client.tls.Clone()
	config.ServerName = p.host
	secured := tls.Client(socket, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = socket.Close()
		return nil, j.timedOut(ctx, &tlsError{err})
	}
	j.phases.TLS = time.Since(begin)
	return newConn(p.origin, secured, socket), nil
}

// dial opens a TCP connection to the receiver, or to the proxy when there is one.
func (j *journey) dial(ctx context.Context, addr string) (*socket, error) {
	dialer := j.dialTarget
	if j.proxy != nil {
		dialer, addr = j.dialProxy, j.proxy.address()
	}
	begin, dnsBefore := time.Now(), j.phases.DNS
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		_, blocked := errors.AsType[*BlockedAddressError](err)
		switch {
		case blocked:
			return nil, &dialError{err}
		case j.proxy != nil:
			return nil, j.timedOut(ctx, &proxyError{"no connection to the proxy"})
		}
		return nil, j.timedOut(ctx, &dialError{err})
	}
	j.phases.Connect = time.Since(begin) - (j.phases.DNS - dnsBefore)
	return newSocket(c), nil
}

// Dial opens a TCP connection for something other than HTTP, such as mail. The address policy applies as to every receiver; the proxy, which
// is for HTTP, is not used. host is a name or an address. Without a connection outcome and text say why, as those of a Result.
func (e *Egress) Dial(ctx context.Context, host string, port int, timeout time.Duration) (c net.Conn, outcome Outcome, text string) {
	name, err := CheckHost(host)
	if err != nil {
		return nil, Invalid, err.Error()
	}
	if e.closed.Load() {
		return nil, Cancelled, "ended by the caller"
	}
	j, connecting, done := e.setOut(ctx, timeout, time.Now().Add(timeout))
	defer done()
	c, err = e.dialTarget.DialContext(connecting, "tcp", net.JoinHostPort(name, strconv.Itoa(port)))
	if err != nil {
		outcome, text = explain(ctx, j.timedOut(connecting, &dialError{err}), name)
		return nil, outcome, text
	}
	return c, "", ""
}

// timedOut is err, or the connect timeout when it is due to that.
func (j *journey) timedOut(ctx context.Context, err error) error {
	if ended(ctx) != nil && ended(j.call) == nil {
		return connectTimeout(j.timeout)
	}
	return err
}

// connectThrough speaks CONNECT on a connection to the proxy (RFC 9110, section 9.3.6).
func (j *journey) connectThrough(ctx context.Context, c net.Conn, addr string) error {
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return &dialError{err}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) })
	defer stop()
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{"User-Agent": {j.agent}}}
	if login := j.proxy.login(); login != "" {
		r.Header.Set("Proxy-Authorization", login)
	}
	if err := r.Write(c); err != nil {
		return &dialError{err}
	}
	buffered := bufio.NewReader(io.LimitReader(c, maxResponseHeader))
	answer, err := http.ReadResponse(buffered, r)
	if err != nil {
		return &proxyError{"the proxy gave no answer that is HTTP"}
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return proxyRefused(answer.StatusCode)
	}
	if buffered.Buffered() > 0 {
		return &proxyError{"the proxy sent data that nobody asked for"} // with TLS, the client speaks first
	}
	return nil
}

func proxyRefused(status int) error {
	if status == http.StatusProxyAuthRequired {
		return &proxyError{"the proxy did not accept our login (status 407)"}
	}
	return &proxyError{fmt.Sprintf("the proxy refused to connect (status %d)", status)}
}

// checkBehindProxy applies the policy to a receiver that the proxy will dial. The proxy may choose any address of the name, so
// each must be allowed. It also looks the name up for itself and could be told another address; only the proxy can close that gap.
func (j *journey) checkBehindProxy(ctx context.Context, host string) error {
	addrs, err := j.lookup(ctx, host)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if err := j.policy.Check(a); err != nil {
			return err
		}
	}
	return nil
}

func (j *journey) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := j.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, j.timedOut(ctx, err)
	}
	return addrs, nil
}
