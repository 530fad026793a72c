package sink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// natsDriver publishes to a subject that a stream of JetStream takes.
type natsDriver struct{}

func (natsDriver) settings() []Setting {
	return withTLS(
		Setting{Name: "servers", Kind: KindAddresses, Required: true, Example: "nats-1.example.com:4222, nats-2.example.com:4222"},
		Setting{Name: "subject", Kind: KindDestination, Required: true, Example: "identity.{type}", what: "subject"},
		Setting{Name: "stream", Kind: KindText, Rare: true},
		Setting{Name: "username", Kind: KindText}, Setting{Name: "password", Kind: KindSecret}, Setting{Name: "token", Kind: KindSecret},
	)
}

func (natsDriver) check(v *problem.Validation, w *wire.Sink) {
	n := w.NATS
	v.Check(!strings.ContainsAny(n.Subject, " \t*>") && !strings.HasPrefix(n.Subject, ".") && !strings.HasSuffix(n.Subject, ".") && !strings.Contains(n.Subject, ".."),
		"sink.nats.subject", "invalid", "A subject to publish to is words with dots between them, without * and >.")
	v.Check(n.Token == nil || n.Username == "" && n.Password == nil, "sink.nats.token", "invalid", "Log in either with a token or with a name and a password.")
	dropTLS(&n.TLS)
}

func (natsDriver) address(w *wire.Sink) string {
	return "nats://" + strings.Join(w.NATS.Servers, ",") + "/" + w.NATS.Subject
}

// natsDialer is how the library dials: without TLS, which NATS begins on an open connection.
type natsDialer struct {
	*dialer
	ctx context.Context //nolint:containedctx // of the opening, which is the only time it dials
}

func (d natsDialer) Dial(network, address string) (net.Conn, error) {
	return d.plain(d.ctx, network, address)
}

func (natsDriver) open(ctx context.Context, r *route) (connection, error) {
	settings := r.sink.NATS
	d, err := newDialer(r, settings.TLS)
	if err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name("herald"), nats.SetCustomDialer(natsDialer{d, ctx}), nats.SkipHostLookup(), nats.Timeout(r.connect), nats.NoReconnect(), nats.IgnoreDiscoveredServers(),
	}
	if d.secure {
		options = append(options, nats.Secure(d.trust.TLSConfig("")))
	}
	password := ""
	if settings.Password != nil {
		password = *settings.Password
	}
	switch {
	case settings.Token != nil:
		options = append(options, nats.Token(*settings.Token))
	case settings.Username != "":
		options = append(options, nats.UserInfo(settings.Username, password))
	}
	urls := make([]string, len(settings.Servers))
	for i, server := range settings.Servers {
		if urls[i] = "nats://" + server; d.secure {
			urls[i] = "tls://" + server
		}
	}
	conn, err := nats.Connect(strings.Join(urls, ","), options...)
	if err != nil {
		switch {
		case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
			return nil, lockedOut("NATS said: " + err.Error())
		case errors.Is(err, nats.ErrTimeout):
			return nil, d.orDial(fail(egress.Timeout, "the server did not answer in time"))
		case errors.Is(err, nats.ErrSecureConnRequired):
			return nil, fail(egress.TLS, "the server wants TLS: set nats.tls.enabled")
		case errors.Is(err, nats.ErrSecureConnWanted):
			return nil, fail(egress.TLS, "the server does not speak TLS")
		}
		if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
			err = fail(egress.Timeout, "the server did not answer in time")
		}
		return nil, d.orDial(err)
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(mostUnderWay))
	if err != nil {
		conn.Close()
		return nil, fail(egress.Invalid, "JetStream cannot be used: "+err.Error())
	}
	return &natsPublisher{conn: conn, js: js, dialer: d, settings: settings}, nil
}

const mostUnderWay = 4096

// natsPublisher has many publications under way over one connection; their confirmations overlap.
type natsPublisher struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	dialer   *dialer
	settings *wire.NATSSink
	stuck    atomic.Bool // a confirmation did not come in time
}

func (p *natsPublisher) send(ctx context.Context, r *record) (string, error) {
	m := &nats.Msg{Subject: r.fill(p.settings.Subject), Data: r.value, Header: nats.Header{headerKey: {r.key}}}
	for _, h := range r.headers() {
		m.Header[h[0]] = []string{h[1]}
	}
	// The stream drops what it has had under the same id within its window.
	options := []jetstream.PublishOpt{jetstream.WithMsgID(r.id), jetstream.WithRetryAttempts(0)}
	if p.settings.Stream != "" {
		options = append(options, jetstream.WithExpectStream(p.settings.Stream))
	}
	future, err := p.js.PublishMsgAsync(m, options...)
	if err != nil {
		return "", p.explain(m.Subject, err)
	}
	select {
	case ack := <-future.Ok():
		return fmt.Sprintf("stream %s, sequence %d", ack.Stream, ack.Sequence), nil
	case err := <-future.Err():
		return "", p.explain(m.Subject, err)
	case <-ctx.Done(): // the connection is replaced: the network may have lost it without a word, and the library would go on with it for minutes
		p.stuck.Store(true)
		return "", ctx.Err()
	}
}

func (p *natsPublisher) explain(subject string, err error) error {
	said, isAPI := errors.AsType[*jetstream.APIError](err)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return tooLarge(fmt.Sprintf("the event is too large: the server takes %d bytes (max_payload)", p.conn.MaxPayload()))
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return refused(fmt.Sprintf("no stream takes the subject %q", subject))
	case isAPI && said.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return tooLarge("the event is too large for the stream (max_msg_size)")
	case isAPI:
		return refused("JetStream said: " + said.Description)
	case errors.Is(err, jetstream.ErrTooManyStalledMsgs), errors.Is(err, nats.ErrTimeout):
		return context.DeadlineExceeded
	}
	return err
}

func (p *natsPublisher) ping(ctx context.Context) error {
	if err := p.conn.FlushWithContext(ctx); err != nil {
		return p.explain(p.settings.Subject, err)
	}
	return nil
}

func (p *natsPublisher) usable() bool { return p.conn.IsConnected() && !p.stuck.Load() }

func (p *natsPublisher) close() {
	p.js.CleanupPublisher()
	p.conn.Close()
}
