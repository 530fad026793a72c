// Package egress sends HTTP requests to places that other people chose: webhooks, messengers, providers.
//
// It owns everything that keeps such a request from doing harm or from hanging: which addresses may be dialled, what a
// certificate is trusted for, the proxy, timeouts that hold, redirects (never followed), how much of an answer is read,
// and that no secret ends up in the text of an error. It does not know what a webhook is, what an answer means, or
// whether to try again.
//
// The flow of one request, [Client.Do], all of it on the goroutine of its caller:
//
//	connect timeout │ idle connection, or: look up → check address → dial → (proxy CONNECT) → TLS
//	read timeout    │ send the request in one write → status and headers → body, up to a cap
//	                ▼
//	Result: an Outcome from a closed set, never an error
//
// The client is our own, since net/http's spends two goroutines and their channels on each connection and a timer on each
// request; sending is most of what this process does. Answers are still read by net/http's parser. Who reads on:
//
//	endpoint.go  what is known of a request before it is made: the place, the request line, the headers
//	request.go   one call: its timeouts, the one repetition, sending, reading
//	dial.go      the way to a new connection
//	conn.go      a connection: what may be read of an answer's header, whether an idle one is still good
//	pool.go      the idle ones
//
// One [Egress] exists per process. It keeps idle connections apart by [Trust], scheme and place, so that requests to the
// same receiver reuse a connection. HTTP/1.1 only: to a single busy receiver HTTP/2 was measured slower, and one dead
// connection then takes many requests with it.
package egress

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options and Request.
const (
	DefaultMaxResponse    = 1 << 20         // bytes of an answer's body that are read
	DefaultKeepResponse   = 16 << 10        // bytes of an answer's body that are kept
	DefaultConnectTimeout = 1 * time.Second // FusionAuth's webhook API: connectTimeout
	DefaultReadTimeout    = 2 * time.Second // FusionAuth's webhook API: readTimeout

	maxResponseHeader = 64 << 10
	idleTimeout       = 90 * time.Second
	// Go's own default of two idle connections per host makes every burst dial anew.
	idlePerHost = 512
	idleTotal   = 4096 // of all clients together
)

// Secret is a string that does not print: every formatting verb, slog and encoding/json show a placeholder.
type Secret string

func (Secret) String() string               { return "[secret]" }
func (Secret) GoString() string             { return "[secret]" }
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Proxy is the HTTP proxy that all requests go through: plain requests in absolute form, https through CONNECT, so that
// TLS and its trust are between us and the receiver. Environment variables such as HTTP_PROXY are never looked at.
type Proxy struct {
	Host     string
	Port     int
	Username string // empty: the proxy asks for no login
	Password Secret
}

func (p *Proxy) address() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// login is the value of Proxy-Authorization, empty when the proxy asks for none.
func (p *Proxy) login() string {
	if p.Username == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(p.Username+":"+string(p.Password)))
}

func (p *Proxy) validate() error {
	switch {
	case p.Host == "":
		return errors.New("egress: the proxy needs a host")
	case p.Port < 1 || p.Port > 65535:
		return errors.New("egress: the proxy needs a port from 1 to 65535")
	case (p.Username == "") != (p.Password == ""):
		return errors.New("egress: the proxy's username and password need each other")
	}
	return nil
}

// Options of an Egress. The zero value is usable and strict: public addresses only, no proxy.
type Options struct {
	// Policy decides which addresses may be dialled.
	Policy Policy
	// Proxy, when not nil, carries all requests.
	Proxy *Proxy
	// MaxResponse is how many bytes of an answer's body are read; the connection is dropped after that.
	// Defaults to DefaultMaxResponse.
	MaxResponse int64
	// KeepResponse is how many bytes of an answer's body are kept in the Result. Defaults to DefaultKeepResponse;
	// negative keeps none.
	KeepResponse int
	// Resolver looks up names. Defaults to the system's.
	Resolver *net.Resolver
	// UserAgent is sent unless a request has its own. Defaults to "Herald".
	UserAgent string
	// Clock stamps Result.Start. Durations and timeouts always follow the monotonic clock. Defaults to time.Now.
	Clock func() time.Time
}

// Egress is the way out of this process. It is safe for concurrent use.
type Egress struct {
	policy   Policy
	proxy    *Proxy
	max      int64
	keep     int
	agent    string
	clock    func() time.Time
	begun    time.Time
	resolver *net.Resolver

	dialTarget *net.Dialer
	dialProxy  *net.Dialer
	idle       *pool
	desks      sync.Pool // *desk
	scratch    sync.Pool // *[]byte to drain bodies into
	closed     atomic.Bool

	mu      sync.Mutex
	clients map[[32]byte]*Client
}

// UserAgent is what requests say that they come from, unless they have their own.
func (e *Egress) UserAgent() string { return e.agent }

// New checks the options and returns an Egress. Its errors are meant for the operator who configured it.
func New(o Options) (*Egress, error) {
	if err := o.Policy.Validate(); err != nil {
		return nil, err
	}
	e := &Egress{
		policy:   Policy{o.Policy.AllowPrivate, slices.Clone(o.Policy.Allow), slices.Clone(o.Policy.Deny)},
		max:      cmp.Or(o.MaxResponse, DefaultMaxResponse),
		keep:     max(cmp.Or(o.KeepResponse, DefaultKeepResponse), 0),
		agent:    cmp.Or(o.UserAgent, "Herald"),
		clock:    o.Clock,
		begun:    time.Now(),
		resolver: cmp.Or(o.Resolver, net.DefaultResolver),
		idle:     newPool(),
		desks:    sync.Pool{New: func() any { return newDesk() }},
		scratch:  sync.Pool{New: func() any { return new(make([]byte, 16<<10)) }},
		clients:  map[[32]byte]*Client{},
	}
	if e.clock == nil {
		e.clock = time.Now
	}
	if !fieldValue(e.agent) {
		return nil, errors.New("egress: the user agent must not contain line breaks or control characters")
	}
	if o.Proxy != nil {
		if err := o.Proxy.validate(); err != nil {
			return nil, err
		}
		p := *o.Proxy
		e.proxy = &p
	}
	e.dialTarget = &net.Dialer{Resolver: e.resolver, Control: control(e.policy.Check)}
	e.dialProxy = &net.Dialer{Resolver: e.resolver, Control: control(checkNever)}
	return e, nil
}

// Client returns the client for a trust configuration; nil trusts the system's roots. The same PEM always leads to the
// same client and so to the same pool of connections. Clients need no closing: one that was neither asked for nor used during the
// life of an idle connection is dropped, and works on for whoever still holds it.
func (e *Egress) Client(t *Trust) *Client {
	var id [32]byte
	if t != nil {
		id = t.id
	}
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.clients[id]
	if c == nil {
		for k, old := range e.clients {
			if now.Sub(e.begun)-time.Duration(old.asked.Load()) > idleTimeout {
				delete(e.clients, k)
				e.idle.drop(old)
			}
		}
		c = e.newClient(t)
		e.clients[id] = c
	}
	c.wanted(now)
	return c
}

// Close drops all idle connections and makes every later request end as cancelled. Requests under way go on to
// their end; cancel their contexts to end them sooner. Close may be called more than once.
func (e *Egress) Close() {
	e.closed.Store(true)
	e.idle.close()
}

// Client sends requests under one trust configuration. It is safe for concurrent use.
type Client struct {
	egress *Egress
	tls    *tls.Config
	asked  atomic.Int64 // when somebody wanted something of it, in nanoseconds since egress.begun

	mu        sync.RWMutex
	endpoints map[string]*Endpoint // by URL, without headers
}

// wanted notes that the client is in use.
func (c *Client) wanted(now time.Time) { c.asked.Store(int64(now.Sub(c.egress.begun))) }

func (e *Egress) newClient(t *Trust) *Client {
	return &Client{egress: e, tls: t.config(), endpoints: map[string]*Endpoint{}}
}

// Permits returns nil when the address may be dialled, or is none because the name behind it has yet to be looked up; else a *BlockedAddressError.
func (e *Egress) Permits(addr netip.Addr) error {
	if !addr.IsValid() {
		return nil
	}
	return e.policy.Check(addr)
}
