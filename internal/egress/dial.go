package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// net/http lets a dial go on when its request has given up, since another one may use the connection. So what is dialled
// here is bounded by the connect timeout of the request that began it, which travels in the context's values.

// dialPlain connects for plain http, to the receiver or to the proxy.
func (e *Egress) dialPlain(ctx context.Context, _, addr string) (net.Conn, error) {
	x := exchangeOf(ctx)
	ctx, cancel := context.WithDeadline(ctx, x.connectDeadline())
	defer cancel()
	return e.dial(ctx, x, addr)
}

// dialTLS connects for https: to the receiver, or through the proxy to the receiver, TLS included.
func (e *Egress) dialTLS(base *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		x := exchangeOf(ctx)
		deadline := x.connectDeadline()
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()

		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, &dialError{err}
		}
		var conn net.Conn
		if e.proxy == nil {
			conn, err = e.dial(ctx, x, addr)
		} else {
			conn, err = e.tunnel(ctx, x, host, addr, deadline)
		}
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		config := base.Clone()
		config.ServerName = host
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			if expired(ctx) {
				return nil, connectTimeout(x.request.ConnectTimeout)
			}
			return nil, &tlsError{err}
		}
		x.dialled(func(p *Phases) { p.TLS = time.Since(begin) })
		return secured, nil
	}
}

// dial opens a TCP connection to the receiver, or to the proxy when there is one.
func (e *Egress) dial(ctx context.Context, x *exchange, addr string) (net.Conn, error) {
	dialer := e.dialTarget
	if e.proxy != nil {
		dialer, addr = e.dialProxy, e.proxy.address()
	}
	begin, dnsBefore := time.Now(), x.dnsTime()
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		_, blocked := errors.AsType[*BlockedAddressError](err)
		switch {
		case blocked:
			return nil, &dialError{err}
		case expired(ctx):
			return nil, connectTimeout(x.request.ConnectTimeout)
		case e.proxy != nil:
			return nil, &proxyError{"no connection to the proxy"}
		}
		return nil, &dialError{err}
	}
	x.dialled(func(p *Phases) { p.Connect = time.Since(begin) - (p.DNS - dnsBefore) })
	return conn, nil
}

// tunnel asks the proxy for a connection to addr.
func (e *Egress) tunnel(ctx context.Context, x *exchange, host, addr string, deadline time.Time) (net.Conn, error) {
	if err := e.checkBehindProxy(ctx, x, host); err != nil {
		return nil, err
	}
	conn, err := e.dial(ctx, x, addr)
	if err != nil {
		return nil, err
	}
	if err := e.connectThrough(conn, addr, deadline); err != nil {
		_ = conn.Close()
		if expired(ctx) {
			return nil, connectTimeout(x.request.ConnectTimeout)
		}
		return nil, err
	}
	return conn, nil
}

// connectThrough speaks CONNECT on a connection to the proxy (RFC 9110, section 9.3.6).
func (e *Egress) connectThrough(conn net.Conn, addr string, deadline time.Time) error {
	if err := conn.SetDeadline(deadline); err != nil {
		return &dialError{err}
	}
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{"User-Agent": {e.agent}}}
	if e.proxy.Username != "" {
		login := e.proxy.Username + ":" + string(e.proxy.Password)
		r.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(login)))
	}
	if err := r.Write(conn); err != nil {
		return &dialError{err}
	}
	buffered := bufio.NewReader(io.LimitReader(conn, maxResponseHeader))
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
	return conn.SetDeadline(time.Time{})
}

func proxyRefused(status int) error {
	if status == http.StatusProxyAuthRequired {
		return &proxyError{"the proxy did not accept our login (status 407)"}
	}
	return &proxyError{fmt.Sprintf("the proxy refused to connect (status %d)", status)}
}

// checkBehindProxy applies the policy to a receiver that the proxy will dial. The proxy may choose any address of the name, so
// each must be allowed. It also looks the name up for itself and could be told another address; only the proxy can close that gap.
func (e *Egress) checkBehindProxy(ctx context.Context, x *exchange, host string) error {
	addrs, err := e.lookup(ctx, x, host)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if err := e.policy.Check(a); err != nil {
			return err
		}
	}
	return nil
}

func (e *Egress) lookup(ctx context.Context, x *exchange, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := e.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil && (ctx.Err() != nil || !time.Now().Before(x.connectDeadline())) {
		return nil, connectTimeout(x.request.ConnectTimeout)
	}
	return addrs, err
}

// expired tells whether an error is due to the deadline of ctx: a socket may notice it a little before ctx does.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}
