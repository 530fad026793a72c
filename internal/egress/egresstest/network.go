package egresstest

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Proxy is an HTTP proxy: plain requests and CONNECT, with a login when it was given one.
type Proxy struct {
	Addr netip.AddrPort

	login  string // the value of Proxy-Authorization; empty: none needed
	client *http.Transport

	mu      sync.Mutex
	targets []string
}

// NewProxy starts a proxy; an empty username asks for no login.
func NewProxy(tb testing.TB, username, password string) *Proxy {
	tb.Helper()
	p := &Proxy{client: &http.Transport{}}
	if username != "" {
		p.login = "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
	}
	var tunnels sync.WaitGroup
	done := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		p.serve(w, q, &tunnels, done)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	p.Addr = netip.MustParseAddrPort(server.Listener.Addr().String())
	tb.Cleanup(func() {
		close(done)
		server.CloseClientConnections()
		server.Close()
		tunnels.Wait()
		p.client.CloseIdleConnections()
	})
	return p
}

// Targets returns what was asked for, in order: "CONNECT host:port" or "POST http://host/path".
func (p *Proxy) Targets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.targets)
}

func (p *Proxy) serve(w http.ResponseWriter, q *http.Request, tunnels *sync.WaitGroup, done <-chan struct{}) {
	tunnels.Add(1) // a server does not wait for connections that were taken out of its hands
	defer tunnels.Done()
	p.mu.Lock()
	if q.Method == http.MethodConnect {
		p.targets = append(p.targets, "CONNECT "+q.Host)
	} else {
		p.targets = append(p.targets, q.Method+" "+q.URL.String())
	}
	p.mu.Unlock()
	if p.login != "" && q.Header.Get("Proxy-Authorization") != p.login {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	q.Header.Del("Proxy-Authorization")
	if q.Method != http.MethodConnect {
		q.RequestURI = ""
		answer, err := p.client.RoundTrip(q)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
		return
	}
	var dialer net.Dialer
	far, err := dialer.DialContext(q.Context(), "tcp", q.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = far.Close()
		return
	}
	_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	ended := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		tunnels.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			ended <- struct{}{}
		})
	}
	tunnels.Go(func() {
		select {
		case <-ended:
		case <-done:
		}
		_ = near.Close()
		_ = far.Close()
	})
}

// NewResolver returns a resolver that asks answer instead of a name server. The host comes without its last dot. No addresses mean
// that the name does not exist; a nil function, that no reply ever comes.
func NewResolver(tb testing.TB, answer func(host string) []netip.Addr) *net.Resolver {
	tb.Helper()
	var (
		replies sync.WaitGroup
		mu      sync.Mutex
		open    = map[net.Conn]bool{}
		ended   bool
	)
	tb.Cleanup(func() {
		mu.Lock()
		ended = true
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		replies.Wait()
	})
	return &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if ended {
				return nil, net.ErrClosed // the resolver tries for seconds after its caller has given up
			}
			near, far := net.Pipe()
			open[far] = true
			replies.Go(func() {
				for reply(far, answer) == nil {
				}
				_ = far.Close()
				mu.Lock()
				defer mu.Unlock()
				delete(open, far)
			})
			return near, nil
		},
	}
}

// reply answers one DNS query in TCP framing, which the resolver speaks on everything that is not UDP.
func reply(c net.Conn, answer func(string) []netip.Addr) error {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	q := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, q); err != nil {
		return err
	}
	if answer == nil {
		return nil
	}
	// RFC 1035, section 4: a header of twelve bytes, then the name as labels, each with its length, then type and class.
	var labels []string
	at := 12
	for q[at] != 0 {
		labels = append(labels, string(q[at+1:at+1+int(q[at])]))
		at += 1 + int(q[at])
	}
	kind := binary.BigEndian.Uint16(q[at+1:])
	question := q[12 : at+5]

	addrs := answer(strings.Join(labels, "."))
	var records []byte
	count := 0
	for _, a := range addrs {
		if a.Is4() != (kind == 1) || a.Is6() != (kind == 28) {
			continue
		}
		data := a.AsSlice()
		records = append(records, 0xc0, 12) // the name: see byte 12
		records = binary.BigEndian.AppendUint16(records, kind)
		records = append(records, 0, 1, 0, 0, 0, 0) // class IN, not to be cached
		records = binary.BigEndian.AppendUint16(records, uint16(len(data)))
		records = append(records, data...)
		count++
	}
	code := byte(0)
	if len(addrs) == 0 {
		code = 3 // no such name
	}
	m := slices.Concat(q[:2], []byte{0x81, 0x80 | code, 0, 1, 0, byte(count), 0, 0, 0, 0}, question, records)
	_, err := c.Write(slices.Concat(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m))
	return err
}

// SilentListener accepts connections and never says a word: a server whose TLS handshake, or whose proxy answer, never comes.
func SilentListener(tb testing.TB) netip.AddrPort {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var (
		accepting sync.WaitGroup
		conns     []net.Conn
	)
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// UnusedAddress returns a loopback address on which nobody listens.
func UnusedAddress(tb testing.TB) netip.AddrPort {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}
