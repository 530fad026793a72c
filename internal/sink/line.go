package sink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// idle is how long a connection stays open that nobody uses.
const idle = time.Minute

// lines are the connections of this process, one for each sink, and one more while the deliveries under way with the sink's former settings run to their end.
type lines struct {
	mu     sync.Mutex
	open   map[lineKey]*line
	closed bool
	idle   time.Duration
	// opening ends when connections are not waited for any more.
	opening context.Context //nolint:containedctx // outlives who asks for a connection
	abort   context.CancelFunc
}

type lineKey struct {
	sink    wire.ID
	version string
}

// line is one connection, or the attempt to make it.
type line struct {
	ready  chan struct{} // closed when conn or err is there
	conn   connection
	err    error
	users  int
	ending bool        // nobody new may use it: it is broken, or its settings are out of date
	timer  *time.Timer // closes it when it is idle
}

func (l *lines) init() {
	l.open, l.idle = map[lineKey]*line{}, idle
	l.opening, l.abort = context.WithCancel(context.Background())
}

var errClosed = fail(egress.Cancelled, "this server is being stopped")

// borrow returns the connection of the route. All who want it while it is being made wait for the same attempt and share what comes of it; it goes on when one of them
// leaves. release is to be called once.
func (l *lines) borrow(ctx context.Context, r *route) (c connection, release func(), err error) {
	key := lineKey{r.sink.ID, r.version}
	one, err := l.join(key, r)
	if err != nil {
		return nil, nil, err
	}
	select {
	case <-one.ready:
	case <-ctx.Done():
		l.leave(key, one)
		return nil, nil, ctx.Err()
	}
	l.mu.Lock()
	c, err = one.conn, one.err
	l.mu.Unlock()
	if err == nil && c == nil { // it was closed at once, as this server is being stopped
		err = errClosed
	}
	if err != nil {
		l.leave(key, one)
		return nil, nil, err
	}
	return c, func() { l.leave(key, one) }, nil
}

func (l *lines) join(key lineKey, r *route) (*line, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	one := l.open[key]
	if one != nil && one.done() && one.err == nil && !one.conn.usable() {
		l.end(key, one)
		one = nil
	}
	if one == nil {
		one = &line{ready: make(chan struct{})}
		l.open[key] = one
		go l.make(key, one, r)
	}
	one.users++
	if one.timer != nil {
		one.timer.Stop()
	}
	return one, nil
}

func (one *line) done() bool {
	select {
	case <-one.ready:
		return true
	default:
		return false
	}
}

// make opens the connection, within the connect timeout whatever the driver does.
func (l *lines) make(key lineKey, one *line, r *route) {
	ctx, cancel := context.WithTimeout(l.opening, r.connect)
	defer cancel()
	type opened struct {
		conn connection
		err  error
	}
	result := make(chan opened, 1)
	go func() {
		c, err := r.driver.open(ctx, r)
		result <- opened{c, err}
	}()
	var o opened
	select {
	case o = <-result:
	case <-ctx.Done():
		o.err = ctx.Err()
		go func() { // it may still come
			if late := <-result; late.conn != nil {
				late.conn.close()
			}
		}()
	}
	if o.err != nil {
		if _, known := errors.AsType[*failure](o.err); !known && ctx.Err() != nil {
			o.err = fail(egress.Timeout, fmt.Sprintf("no connection within the connect timeout of %d ms", r.connect.Milliseconds()))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	one.conn, one.err = o.conn, o.err
	close(one.ready)
	if one.err != nil || l.closed {
		l.end(key, one)
	} else if one.users == 0 {
		l.rest(key, one)
	}
}

// leave ends a use.
func (l *lines) leave(key lineKey, one *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one.users--
	switch {
	case one.users > 0 || !one.done():
	case one.ending:
		one.close()
	default:
		l.rest(key, one)
	}
}

// rest closes the line later, unless somebody uses it. l.mu is held.
func (l *lines) rest(key lineKey, one *line) {
	if one.timer != nil {
		one.timer.Reset(l.idle)
		return
	}
	one.timer = time.AfterFunc(l.idle, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.users == 0 {
			l.end(key, one)
		}
	})
}

// end lets nobody new use the line, and closes it when nobody does. l.mu is held.
func (l *lines) end(key lineKey, one *line) {
	one.ending = true
	if l.open[key] == one {
		delete(l.open, key)
	}
	if one.users == 0 && one.done() {
		one.close()
	}
}

func (one *line) close() {
	if one.timer != nil {
		one.timer.Stop()
	}
	if one.conn != nil {
		c := one.conn
		one.conn = nil
		go c.close() // it may take its time
	}
}

// retire ends the lines of a sink whose settings have changed, except that with the present ones; version is empty when the sink is gone.
func (l *lines) retire(id wire.ID, version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, one := range l.open {
		if key.sink == id && key.version != version {
			l.end(key, one)
		}
	}
}

// close ends all lines at once. What is under way fails.
func (l *lines) close() {
	l.mu.Lock()
	l.closed = true
	all := l.open
	l.open = map[lineKey]*line{}
	l.mu.Unlock()
	l.abort()
	for _, one := range all {
		<-one.ready // at once, as it is not waited for any more
		l.mu.Lock()
		c := one.conn
		one.conn, one.ending = nil, true
		if one.timer != nil {
			one.timer.Stop()
		}
		l.mu.Unlock()
		if c != nil {
			c.close()
		}
	}
}
