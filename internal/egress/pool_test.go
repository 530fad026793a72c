package egress

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
)

// pipe is a connection of its own kind: what the pool does with it can be seen from its other end.
type pipe struct {
	*conn
	shut atomic.Bool
}

func (p *pipe) Close() error {
	p.shut.Store(true)
	return nil
}

func (p *pipe) closed() bool { return p.shut.Load() }

type closer struct {
	net.Conn
	close func() error
}

func (c closer) Close() error              { return c.close() }
func (c closer) RemoteAddr() net.Addr      { return &net.TCPAddr{} }
func (c closer) Read([]byte) (int, error)  { panic("nobody reads from an idle connection") }
func (c closer) Write([]byte) (int, error) { panic("nobody writes to an idle connection") }

func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

func newPipe(place string) *pipe {
	p := &pipe{}
	s := newSocket(closer{close: p.Close})
	p.conn = newConn(origin{place: place}, s, s)
	return p
}

func TestPool_Limits(t *testing.T) {
	t.Parallel()
	p := newPool()
	defer p.close()
	p.perOrigin, p.total = 3, 5
	now := time.Now()
	var a, b []*pipe
	for range 4 {
		a = append(a, newPipe("a"))
		p.put(a[len(a)-1].conn, now)
	}
	if !a[0].closed() || a[1].closed() || p.size() != 3 {
		t.Errorf("the oldest of four closed: %t, the next %t, %d idle", a[0].closed(), a[1].closed(), p.size())
	}
	for range 3 {
		b = append(b, newPipe("b"))
		p.put(b[len(b)-1].conn, now)
	}
	if !a[1].closed() || a[2].closed() || b[0].closed() || p.size() != 5 {
		t.Errorf("the oldest of six closed: %t, others %t %t, %d idle", a[1].closed(), a[2].closed(), b[0].closed(), p.size())
	}
	if c := p.take(origin{place: "a"}, now); c != a[3].conn {
		t.Error("not the one that became idle last")
	}
	if c := p.take(origin{place: "a", client: &Client{}}, now); c != nil {
		t.Error("a connection of another trust")
	}
	p.put(a[3].conn, now)
	p.close()
	for i, c := range append(a, b...) {
		if !c.closed() {
			t.Errorf("%d is open after close", i)
		}
	}
	late := newPipe("a")
	if p.put(late.conn, now); !late.closed() || p.size() != 0 || p.oldest != nil || p.newest != nil {
		t.Errorf("closed: %t, %d idle", late.closed(), p.size())
	}
}

func TestPool_Drop(t *testing.T) {
	t.Parallel()
	p := newPool()
	defer p.close()
	one, two := newPipe("a"), newPipe("a")
	one.origin.client, two.origin.client = &Client{}, &Client{}
	p.put(one.conn, time.Now())
	p.put(two.conn, time.Now())
	if p.drop(one.origin.client); !one.closed() || two.closed() || p.size() != 1 || len(p.idle) != 1 {
		t.Errorf("closed %t and %t, %d idle", one.closed(), two.closed(), p.size())
	}
}

func TestPool_OldConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool()
		defer p.close()
		first, second := newPipe("a"), newPipe("b")
		p.put(first.conn, time.Now())
		time.Sleep(sweepEvery + sweepEvery/2)
		p.put(second.conn, time.Now())
		time.Sleep(idleTimeout - sweepEvery)
		synctest.Wait()
		if !first.closed() || second.closed() || p.size() != 1 {
			t.Errorf("after its time the first is closed: %t, the second %t", first.closed(), second.closed())
		}
		time.Sleep(idleTimeout)
		synctest.Wait()
		p.mu.Lock()
		if !second.closed() || p.count != 0 || len(p.idle) != 0 || p.ticking {
			t.Errorf("closed %t, %d idle, origins %v, timer %t", second.closed(), p.count, p.idle, p.ticking)
		}
		p.mu.Unlock()
		third := newPipe("a")
		p.put(third.conn, time.Now())
		if c := p.take(third.origin, time.Now().Add(idleTimeout)); c != nil || !third.closed() {
			t.Error("a connection was used that is too old")
		}
		fourth := newPipe("a")
		p.put(fourth.conn, time.Now())
		time.Sleep(idleTimeout + sweepEvery)
		synctest.Wait()
		if !fourth.closed() {
			t.Error("the timer does not run again")
		}
	})
}

// TestPool_WhatCameUnasked lets the receiver speak, or hang up, while the connection is idle.
func TestPool_WhatCameUnasked(t *testing.T) {
	t.Parallel()
	a := egresstest.NewAuthority(t)
	for _, secure := range []bool{false, true} {
		for name, speak := range map[string]func(*egresstest.WireConn){
			"an answer": func(c *egresstest.WireConn) { c.Say("HTTP/1.1 299 Evil\r\nContent-Length: 0\r\n\r\n") },
			"a byte":    func(c *egresstest.WireConn) { c.Say("H") },
			"part of a record": func(c *egresstest.WireConn) {
				if secured, ok := c.Conn.(*tls.Conn); ok {
					_, _ = secured.NetConn().Write([]byte{23, 3, 3})
				} else {
					c.Say("\x17\x03\x03")
				}
			},
			"the end": func(c *egresstest.WireConn) { _ = c.Conn.Close() },
		} {
			for _, swept := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, TLS %t, swept %t", name, secure, swept), func(t *testing.T) {
					t.Parallel()
					idle := make(chan struct{})
					config := &tls.Config{Certificates: []tls.Certificate{a.ServerCertificate("127.0.0.1")}}
					wire := egresstest.NewWire(t, func(c *egresstest.WireConn) {
						if secure {
							c.StartTLS(config)
						}
						c.ReadRequest()
						c.Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
						if c.Number == 0 {
							<-idle
							speak(c)
						}
						<-c.Done
					})
					e, err := New(Options{Policy: Policy{AllowPrivate: true}})
					if err != nil {
						t.Fatal(err)
					}
					defer e.Close()
					tr, err := ParsePEM(a.PEM())
					if err != nil {
						t.Fatal(err)
					}
					url := wire.URL
					if secure {
						url = strings.Replace(url, "http:", "https:", 1)
					}
					send := func() Result {
						return e.Client(tr).Do(t.Context(), Request{URL: url, ConnectTimeout: time.Minute, ReadTimeout: time.Minute})
					}
					if res := send(); res.Outcome != Accepted {
						t.Fatalf("%s %s", res.Outcome, res.Err)
					}
					c := e.idle.newest
					if c == nil || !c.quiet() {
						t.Fatal("the connection is not idle")
					}
					close(idle)
					awaitReadable(t, c)
					if swept {
						if e.idle.sweep(); e.idle.size() != 0 {
							t.Error("it is still there after a sweep")
						}
					}
					if res := send(); res.StatusCode != 200 || res.Replayed {
						t.Errorf("the next one: %s %d, replayed %t", res.Outcome, res.StatusCode, res.Replayed)
					}
					if n := wire.Connections(); n != 2 {
						t.Errorf("%d connections", n)
					}
				})
			}
		}
	}
}

// awaitReadable waits until something has arrived at c, and leaves it there.
func awaitReadable(t *testing.T, c *conn) {
	t.Helper()
	_ = c.socket.SetDeadline(time.Now().Add(time.Minute))
	var one [1]byte
	err := c.socket.raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		return err != syscall.EAGAIN
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDo_RefusedByAFullKernel(t *testing.T) {
	t.Parallel()
	// With the smallest of buffers the kernel takes a request in pieces, so that its second half goes the slow way.
	receiver := egresstest.NewReceiver(t)
	e, err := New(Options{Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	send := func(size int) {
		t.Helper()
		res := e.Client(nil).Do(t.Context(), Request{URL: receiver.URL, Body: make([]byte, size), ReadTimeout: time.Minute})
		if res.Outcome != Accepted || res.Replayed {
			t.Errorf("%d bytes: %s %s", size, res.Outcome, res.Err)
		}
	}
	send(1)
	if err := e.idle.newest.socket.Conn.(*net.TCPConn).SetWriteBuffer(1); err != nil {
		t.Fatal(err)
	}
	send(30 << 10)
	send(1)
	if q := receiver.WaitFor(3); len(q[1].Body) != 30<<10 || receiver.Connections() != 1 {
		t.Errorf("%d bytes arrived, %d connections", len(q[1].Body), receiver.Connections())
	}
}

func TestClient_RemembersSomeURLs(t *testing.T) {
	t.Parallel()
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := e.Client(nil)
	for i := range 3 * endpointsKept {
		c.endpoint(fmt.Sprintf("http://receiver.example/%d", i))
	}
	if n := len(c.endpoints); n > endpointsKept {
		t.Errorf("%d URLs", n)
	}
	if first, again := c.endpoint("http://receiver.example/a"), c.endpoint("http://receiver.example/a"); first != again {
		t.Error("a URL is parsed each time")
	}
}

// TestEgress_ForgottenClientWorksOn has a client that is no longer asked for, by somebody who still holds it.
func TestEgress_ForgottenClientWorksOn(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t)
	e, err := New(Options{Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	held := e.Client(nil)
	send := func() {
		if res := held.Do(context.Background(), Request{URL: receiver.URL, ReadTimeout: time.Minute}); res.Outcome != Accepted {
			t.Errorf("%s %s", res.Outcome, res.Err)
		}
	}
	send()
	held.asked.Add(-int64(2 * idleTimeout))
	other, err := ParsePEM(egresstest.NewAuthority(t).PEM())
	if err != nil {
		t.Fatal(err)
	}
	e.Client(other)
	if e.idle.size() != 0 || e.Client(nil) == held {
		t.Errorf("%d idle connections of a forgotten client", e.idle.size())
	}
	send()
	if e.idle.size() != 1 || receiver.Connections() != 2 {
		t.Errorf("%d idle, %d connections", e.idle.size(), receiver.Connections())
	}
	if e.Close(); e.idle.size() != 0 { // goleak looks at the other side
		t.Errorf("%d idle after Close", e.idle.size())
	}
}

// TestEgress_BusyClientStays has a client that is not asked for, as its endpoints are, while another one is made.
func TestEgress_BusyClientStays(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t)
	e, err := New(Options{Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	held := e.Client(nil)
	endpoint := held.Endpoint(receiver.URL, nil)
	for i := range 3 {
		held.asked.Add(-int64(2 * idleTimeout))
		if res := endpoint.Do(t.Context(), Request{ReadTimeout: time.Minute}); res.Outcome != Accepted {
			t.Fatalf("%s %s", res.Outcome, res.Err)
		}
		other, err := ParsePEM(egresstest.NewAuthority(t).PEM())
		if err != nil {
			t.Fatal(err)
		}
		e.Client(other)
		if e.Client(nil) != held || receiver.Connections() != 1 {
			t.Fatalf("after %d others it is gone; %d connections", i+1, receiver.Connections())
		}
	}
}

// A connection that has been idle for a while may be closed by the receiver any moment: what must be sent only once gets a new one.
func TestOnce_ShunsOldConnections(t *testing.T) {
	t.Parallel()
	receiver := egresstest.NewReceiver(t)
	e, err := New(Options{Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	send := func(once bool, connections int) {
		t.Helper()
		r := e.Client(nil).Do(t.Context(), Request{URL: receiver.URL, Once: once, ConnectTimeout: time.Minute, ReadTimeout: time.Minute})
		if r.Outcome != Accepted || receiver.Connections() != connections {
			t.Errorf("%v %s over connection %d, want %d", r.Outcome, r.Err, receiver.Connections(), connections)
		}
	}
	age := func() {
		e.idle.mu.Lock()
		defer e.idle.mu.Unlock()
		for c := e.idle.oldest; c != nil; c = c.newer {
			c.since = c.since.Add(-2 * moment)
		}
	}
	send(true, 1)
	send(true, 1)
	age()
	send(false, 1)
	age()
	send(true, 2)
	if n := e.idle.size(); n != 1 {
		t.Errorf("%d idle connections", n)
	}
}
