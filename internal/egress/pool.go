package egress

import (
	"slices"
	"sync"
	"time"
)

// origin says for what a connection can be used.
type origin struct {
	client *Client // its trust
	place  string  // scheme://host:port, or the proxy
}

// sweepEvery is how often idle connections are looked at: those whose receiver has closed them need not stay open for the rest of
// idleTimeout.
const sweepEvery = 10 * time.Second

// pool holds the idle connections of an Egress. The one that became idle last is used first, so that those of a burst grow old and
// are closed.
//
// There is no timer for each connection and no goroutine that waits: one timer runs while there are any.
type pool struct {
	perOrigin, total int

	mu             sync.Mutex
	closed         bool
	idle           map[origin]*[]*conn // each in the order in which they became idle
	count          int
	oldest, newest *conn // of all
	timer          *time.Timer
	ticking        bool
}

func newPool() *pool {
	return &pool{perOrigin: idlePerHost, total: idleTotal, idle: map[origin]*[]*conn{}}
}

// take returns an idle connection, nil if there is none. It belongs to the caller until it is put back.
func (p *pool) take(o origin, now time.Time) *conn {
	for {
		c := p.last(o)
		if c == nil {
			return nil
		}
		if now.Sub(c.since) < idleTimeout && c.quiet() {
			return c
		}
		c.close()
	}
}

func (p *pool) last(o origin) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[o]
	if list == nil || len(*list) == 0 {
		return nil
	}
	end := len(*list) - 1
	c := (*list)[end]
	(*list)[end] = nil
	*list = (*list)[:end]
	p.unlink(c)
	return c
}

// put makes a connection idle that has nothing more to say; or closes one, when there are too many.
func (p *pool) put(c *conn, now time.Time) {
	if surplus := p.add(c, now); surplus != nil {
		surplus.close()
	}
}

func (p *pool) add(c *conn, now time.Time) (surplus *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return c
	}
	list := p.idle[c.origin]
	if list == nil {
		list = new([]*conn)
		p.idle[c.origin] = list
	}
	switch {
	case len(*list) >= p.perOrigin:
		surplus = (*list)[0]
	case p.count >= p.total:
		surplus = p.oldest
	}
	if surplus != nil {
		// The oldest of all is the first in its own list.
		of := p.idle[surplus.origin]
		*of = slices.Delete(*of, 0, 1)
		p.unlink(surplus)
	}
	*list = append(*list, c)
	c.since, c.older, c.newer = now, p.newest, nil
	if p.newest != nil {
		p.newest.newer = c
	} else {
		p.oldest = c
	}
	p.newest = c
	p.count++
	p.tick()
	return surplus
}

// unlink takes c out of the order of all; p.mu is held.
func (p *pool) unlink(c *conn) {
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		p.oldest = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		p.newest = c.older
	}
	c.older, c.newer = nil, nil
	p.count--
}

// tick lets the timer run if it does not; p.mu is held.
func (p *pool) tick() {
	switch {
	case p.ticking:
		return
	case p.timer == nil:
		p.timer = time.AfterFunc(sweepEvery, p.sweep)
	default:
		p.timer.Reset(sweepEvery)
	}
	p.ticking = true
}

// sweep closes what is too old or was closed by the other side.
func (p *pool) sweep() {
	p.mu.Lock()
	origins := make([]origin, 0, len(p.idle))
	for o := range p.idle {
		origins = append(origins, o)
	}
	p.mu.Unlock()
	now := time.Now()
	for _, o := range origins {
		// One origin after the other: looking at all of them would hold up everybody who needs a connection.
		p.remove(o, func(c *conn) bool { return now.Sub(c.since) >= idleTimeout || !c.quiet() })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ticking = false
	if len(p.idle) > 0 && !p.closed {
		p.tick()
	}
}

// remove closes the idle connections of an origin to which that applies, and forgets the origin when none is left.
func (p *pool) remove(o origin, applies func(*conn) bool) {
	p.mu.Lock()
	list := p.idle[o]
	if list == nil {
		p.mu.Unlock()
		return
	}
	var gone []*conn
	left := (*list)[:0]
	for _, c := range *list {
		if applies(c) {
			p.unlink(c)
			gone = append(gone, c)
		} else {
			left = append(left, c)
		}
	}
	clear((*list)[len(left):])
	if *list = left; len(left) == 0 {
		delete(p.idle, o)
	}
	p.mu.Unlock()
	for _, c := range gone {
		c.close() // which may take a moment with TLS
	}
}

// drop closes the idle connections of a client.
func (p *pool) drop(client *Client) {
	p.mu.Lock()
	var origins []origin
	for o := range p.idle {
		if o.client == client {
			origins = append(origins, o)
		}
	}
	p.mu.Unlock()
	for _, o := range origins {
		p.remove(o, func(*conn) bool { return true })
	}
}

// close closes all of them, and those that will be put.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	var origins []origin
	for o := range p.idle {
		origins = append(origins, o)
	}
	p.mu.Unlock()
	for _, o := range origins {
		p.remove(o, func(*conn) bool { return true })
	}
}
