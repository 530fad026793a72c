package egress

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
)

// endpointsKept is how many URLs a client remembers in their parsed form.
const endpointsKept = 1024

// Endpoint is a URL with the headers that every request to it carries, checked and encoded once. It is immutable and safe for
// concurrent use; it needs no closing.
type Endpoint struct {
	client *Client
	fault  string // why nothing can be sent there; empty when something can

	origin   origin
	secure   bool   // TLS
	absolute bool   // plain http through a proxy
	host     string // without port and brackets, in ASCII
	addr     string // host:port
	head     []byte // from behind the method to the last of the headers
	hasAgent bool
}

// Endpoint prepares requests to one URL. The headers are what Request.Header says, and copied. What cannot be sent is no error here:
// every request to such an endpoint ends as Invalid.
func (c *Client) Endpoint(rawURL string, header http.Header) *Endpoint {
	p := &Endpoint{client: c}
	u, host, err := parseURL(rawURL)
	if err != nil {
		p.fault = err.Error()
		return p
	}
	port := u.Port()
	p.host, p.secure = host, u.Scheme == "https"
	p.addr = net.JoinHostPort(host, cmp.Or(port, map[bool]string{false: "80", true: "443"}[p.secure]))
	p.absolute = c.egress.proxy != nil && !p.secure
	p.origin = origin{client: c, place: u.Scheme + "://" + p.addr}
	if p.absolute {
		p.origin.place = "proxy" // one connection serves all receivers
	}

	hostHeader := host
	if strings.Contains(host, ":") {
		hostHeader = "[" + host + "]"
	}
	if port != "" {
		hostHeader += ":" + port
	}
	p.head = append(p.head, ' ')
	if p.absolute {
		p.head = append(p.head, "http://"+hostHeader...)
	}
	p.head = append(p.head, u.RequestURI()...) // free of spaces and control characters, which parseURL refuses
	p.head = append(p.head, " HTTP/1.1\r\nHost: "...)
	p.head = append(p.head, hostHeader...)
	p.head = append(p.head, "\r\n"...)
	if p.absolute && c.egress.proxy.login() != "" {
		p.head = append(p.head, "Proxy-Authorization: "+c.egress.proxy.login()+"\r\n"...)
	}
	var ok bool
	if p.head, p.hasAgent, ok = appendHeader(p.head, header); !ok {
		p.fault = unsendable
	}
	return p
}

// Do is Client.Do to this endpoint: r.URL is ignored, r.Header is sent in addition to the endpoint's.
func (p *Endpoint) Do(ctx context.Context, r Request) Result { return p.do(ctx, &r) }

// endpoint is the endpoint of a URL without headers, remembered: parsing costs as much as sending.
func (c *Client) endpoint(rawURL string) *Endpoint {
	c.mu.RLock()
	p := c.endpoints[rawURL]
	c.mu.RUnlock()
	if p != nil {
		return p
	}
	p = c.Endpoint(rawURL, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.endpoints) >= endpointsKept {
		clear(c.endpoints) // nobody has so many; who makes up URLs shall not fill the memory
	}
	c.endpoints[rawURL] = p
	return p
}

const unsendable = "the request has a header or a method that cannot be sent"

// isFraming tells whether a header is ours to write, because it says where a request ends or belongs to the connection. A second one
// that says something else is how requests are smuggled past a proxy.
func isFraming(name string) bool {
	for _, f := range framing {
		if len(f) == len(name) && strings.EqualFold(f, name) {
			return true
		}
	}
	return false
}

var framing = [...]string{
	"Host", "Content-Length", "Transfer-Encoding", "Trailer", "TE", "Expect", "Upgrade", "Connection", "Keep-Alive", "Proxy-Connection",
	"Proxy-Authorization", "Proxy-Authenticate",
}

// appendHeader encodes the headers in the order of their names, without those of framing. hasAgent says that a User-Agent was among
// them; ok is false when one has a name or a value that cannot be sent.
func appendHeader(b []byte, h http.Header) (_ []byte, hasAgent, ok bool) {
	var some [16]string
	names := some[:0]
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !token(name) {
			return b, false, false
		}
		if isFraming(name) {
			continue
		}
		isAgent := strings.EqualFold(name, "User-Agent")
		hasAgent = hasAgent || isAgent
		for _, value := range h[name] {
			if !fieldValue(value) {
				return b, false, false
			}
			if isAgent && value == "" {
				continue
			}
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, strings.Trim(value, " \t")...)
			b = append(b, "\r\n"...)
		}
	}
	return b, hasAgent, true
}
