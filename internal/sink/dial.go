package sink

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// dialer opens the connections of a sink's library, those that it opens again by itself too, under the address policy of all outgoing traffic.
type dialer struct {
	*route

	secure   bool
	trust    *egress.Trust // nil trusts the system's roots
	identity *egress.Trust // whose certificate is the client's, if it is not that of trust
	// last is why the last connection did not come up; nil when it did. Libraries that try again by themselves do not tell.
	last atomic.Pointer[failure]
}

func newDialer(r *route, t *wire.SinkTLS) (*dialer, error) {
	d := &dialer{route: r}
	if t == nil || !t.Enabled {
		return d, nil
	}
	d.secure = true
	if t.Certificate == nil || *t.Certificate == "" {
		return d, nil
	}
	var err error
	if d.trust, err = egress.ParsePEM(*t.Certificate); err != nil {
		return nil, fail(egress.TLS, "the certificate "+err.Error())
	}
	return d, nil
}

// dial opens a connection, encrypted if the sink's are.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.plain(ctx, network, address)
	if err != nil || !d.secure {
		return c, err
	}
	host, _, _ := net.SplitHostPort(address)
	config := d.trust.TLSConfig(host)
	if d.identity != nil {
		config.Certificates = d.identity.TLSConfig(host).Certificates
	}
	secured := tls.Client(c, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		text, ok := egress.ExplainTLS(err)
		if !ok {
			text = "TLS: the handshake failed"
		}
		return nil, d.failed(fail(egress.TLS, text))
	}
	return secured, nil
}

// plain opens a connection without TLS.
func (d *dialer) plain(ctx context.Context, _, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	port, wrong := strconv.Atoi(text)
	if err != nil || wrong != nil {
		return nil, d.failed(fail(egress.Invalid, "the broker's address "+strconv.Quote(address)+" is not host:port"))
	}
	c, outcome, why := d.service.Egress.Dial(ctx, host, port, d.connect)
	if c == nil {
		if outcome == egress.Cancelled { // the library has lost its patience, or we have
			outcome, why = egress.Timeout, "no connection in time"
		}
		return nil, d.failed(fail(outcome, why+" ("+address+")"))
	}
	d.last.Store(nil)
	return c, nil
}

func (d *dialer) failed(f *failure) error {
	d.last.Store(f)
	return f
}

// orDial is err, or why the last connection did not come up when that explains it better.
func (d *dialer) orDial(err error) error {
	if f := d.last.Load(); f != nil && err != nil {
		return f
	}
	return err
}

// checkAddress normalizes host:port.
func checkAddress(v *problem.Validation, path string, address *string) {
	*address = strings.TrimSpace(*address)
	if *address == "" {
		v.Field(path, "blank", "Give the address of the broker, as host:port.")
		return
	}
	host, port, err := net.SplitHostPort(*address)
	n, wrong := strconv.Atoi(port)
	if err != nil || wrong != nil || n < 1 || n > 65535 {
		v.Field(path, "invalid", "An address is host:port, such as broker.example.com:9092, not %.100q.", *address)
		return
	}
	ascii, err := egress.CheckHost(host)
	if err != nil {
		v.Field(path, "invalid", "The host of the address %.100q is not valid.", *address)
		return
	}
	*address = net.JoinHostPort(ascii, port)
}

// dropTLS makes nil of settings of TLS that say nothing.
func dropTLS(t **wire.SinkTLS) {
	if *t != nil && !(*t).Enabled && (*t).Certificate == nil {
		*t = nil
	}
}
