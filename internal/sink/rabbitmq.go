package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// rabbitDriver publishes to an exchange of RabbitMQ.
type rabbitDriver struct{}

func (rabbitDriver) settings() []Setting {
	return withTLS(
		Setting{Name: "address", Kind: KindAddress, Required: true, Example: "rabbitmq.example.com:5672"},
		Setting{Name: "exchange", Kind: KindText, Example: "identity"},
		Setting{Name: "routingKey", Kind: KindDestination, Example: "{type}", what: "routing key"},
		Setting{Name: "virtualHost", Kind: KindText, Default: "/", Rare: true},
		Setting{Name: "username", Kind: KindText, Default: defaultGuest}, Setting{Name: "password", Kind: KindSecret},
	)
}

// defaultGuest is both the user and the password that RabbitMQ comes with.
const defaultGuest = "guest"

func (rabbitDriver) check(v *problem.Validation, w *wire.Sink) {
	r := w.RabbitMQ
	if r.Exchange == "" && r.RoutingKey == "" {
		v.Field("sink.rabbitmq.routingKey", "blank", "Name the queue, or the exchange, that events are sent to.")
	}
	dropTLS(&r.TLS)
}

func (rabbitDriver) address(w *wire.Sink) string {
	return fmt.Sprintf("amqp://%s/%s/%s/%s", w.RabbitMQ.Address, w.RabbitMQ.VirtualHost, w.RabbitMQ.Exchange, w.RabbitMQ.RoutingKey)
}

func (rabbitDriver) open(ctx context.Context, r *route) (connection, error) {
	settings := r.sink.RabbitMQ
	d, err := newDialer(r, settings.TLS)
	if err != nil {
		return nil, err
	}
	login := &amqp.PlainAuth{Username: cmp.Or(settings.Username, defaultGuest), Password: defaultGuest}
	if settings.Password != nil {
		login.Password = *settings.Password
	}
	virtualHost := cmp.Or(settings.VirtualHost, "/")
	p := &rabbitPublisher{settings: settings, work: make(chan func()), ended: make(chan struct{}), asks: make(chan ask)}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("herald")
	p.conn, err = amqp.DialConfig("amqp://"+settings.Address, amqp.Config{
		SASL: []amqp.Authentication{login}, Vhost: virtualHost, Heartbeat: heartbeat, Properties: properties,
		Dial: func(network, address string) (net.Conn, error) {
			c, err := d.dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			p.socket = c
			// After ours, which says why. The library takes it away once the connection is open.
			return c, c.SetDeadline(time.Now().Add(r.connect + time.Second))
		},
	})
	if err != nil {
		return nil, d.orDial(notLetIn(explainRabbit(err)))
	}
	if p.channel, err = p.conn.Channel(); err == nil {
		err = p.channel.Confirm(false)
	}
	if err != nil {
		_ = p.socket.Close()
		return nil, notLetIn(explainRabbit(err))
	}
	p.why = p.channel.NotifyClose(make(chan *amqp.Error, 1))
	p.returned = p.channel.NotifyReturn(make(chan amqp.Return))
	go p.publish()
	go p.listen()
	return p, nil
}

const heartbeat = 10 * time.Second

// rabbitPublisher has many publications under way on one channel; their confirmations overlap.
type rabbitPublisher struct {
	settings *wire.RabbitMQSink
	socket   net.Conn
	conn     *amqp.Connection
	channel  *amqp.Channel

	// Writing to a broker that takes nothing blocks, so one goroutine does it for all.
	work  chan func()
	ended chan struct{}
	count atomic.Int64
	stuck atomic.Bool // a confirmation did not come in time

	// What no queue took comes back before its confirmation. One goroutine keeps it until it is asked.
	returned chan amqp.Return
	asks     chan ask
	why      chan *amqp.Error
	closed   atomic.Pointer[amqp.Error]
}

// ask is the question whether a publication came back.
type ask struct {
	number string
	answer chan string // why, empty when it did not
}

func (p *rabbitPublisher) publish() {
	for {
		select {
		case do := <-p.work:
			do()
		case <-p.ended:
			return
		}
	}
}

func (p *rabbitPublisher) listen() {
	defer close(p.ended)
	back := map[string]string{}
	for {
		select {
		case r, more := <-p.returned:
			if !more {
				if why := <-p.why; why != nil {
					p.closed.Store(why)
				}
				return
			}
			back[r.CorrelationId] = r.ReplyText
		case q := <-p.asks:
			q.answer <- back[q.number]
			delete(back, q.number)
		}
	}
}

func (p *rabbitPublisher) send(ctx context.Context, r *record) (string, error) {
	number := strconv.FormatInt(p.count.Add(1), 10)
	m := amqp.Publishing{
		ContentType: "application/json", DeliveryMode: amqp.Persistent, MessageId: r.id, CorrelationId: number, Type: r.kind, AppId: "herald", Body: r.value,
		Headers: amqp.Table{headerKey: r.key},
	}
	for _, h := range r.headers() {
		m.Headers[h[0]] = h[1]
	}
	type begun struct {
		confirmation *amqp.DeferredConfirmation
		err          error
	}
	started := make(chan begun, 1)
	do := func() {
		c, err := p.channel.PublishWithDeferredConfirm(p.settings.Exchange, r.fill(p.settings.RoutingKey), true, false, m)
		started <- begun{c, err}
	}
	select {
	case p.work <- do:
	case <-p.ended:
		return "", p.lost(r)
	case <-ctx.Done():
		return "", p.late(ctx)
	}
	var b begun
	select {
	case b = <-started:
	case <-ctx.Done():
		return "", p.late(ctx)
	}
	if b.err != nil {
		return "", p.lost(r)
	}
	select {
	case <-b.confirmation.Done():
	case <-ctx.Done():
		return "", p.late(ctx)
	}
	q := ask{number, make(chan string, 1)}
	select {
	case p.asks <- q:
	case <-p.ended:
		if !b.confirmation.Acked() {
			return "", p.lost(r)
		}
		return "", nil
	}
	switch why := <-q.answer; {
	case why != "":
		return "", refused(fmt.Sprintf("no queue takes what is sent to the exchange %q with the routing key %q (%s)", p.settings.Exchange, r.fill(p.settings.RoutingKey), why))
	case b.confirmation.Acked():
		return "", nil
	}
	select {
	case <-p.ended:
		return "", p.lost(r)
	case <-time.After(time.Second): // the end of the channel would be known by now
		return "", refused("RabbitMQ did not take the event (nack)")
	}
}

// late is for a confirmation that did not come: the connection is replaced, as it may never come.
func (p *rabbitPublisher) late(ctx context.Context) error {
	p.stuck.Store(true)
	return ctx.Err()
}

// lost waits for why the channel was closed while r, if it is not nil, was under way.
func (p *rabbitPublisher) lost(r *record) error {
	select {
	case <-p.ended:
	case <-time.After(time.Second):
	}
	why := p.closed.Load()
	switch {
	case why == nil:
		return errLineClosed
	case why.Code != amqp.PreconditionFailed || r == nil:
		return explainRabbit(why)
	}
	if said := sizeLimit.FindStringSubmatch(why.Reason); said != nil {
		if limit, err := strconv.Atoi(said[1]); err == nil && len(r.value) > limit {
			return tooLarge("the event is too large: RabbitMQ said: " + why.Reason)
		}
	}
	return refused("RabbitMQ closed the channel because of another event; this one may have arrived. It said: " + why.Reason)
}

// sizeLimit finds the limit in what RabbitMQ says about a message that is too large. It closes the channel then, and with it ends all that is under way.
var sizeLimit = regexp.MustCompile(`larger than (?:configured )?max size (\d+)`)

// notLetIn is a refusal while the connection is being made.
func notLetIn(err error) error {
	if f, known := errors.AsType[*failure](err); known && f.outcome == egress.Refused {
		return lockedOut(f.text)
	}
	return err
}

// explainRabbit makes a failure of what the broker has said, if it has.
func explainRabbit(err error) error {
	said, ok := errors.AsType[*amqp.Error](err)
	if !ok || !said.Server {
		if errors.Is(err, amqp.ErrCredentials) || errors.Is(err, amqp.ErrVhost) || errors.Is(err, amqp.ErrSASL) {
			return refused("RabbitMQ said: " + err.Error())
		}
		if t, is := errors.AsType[net.Error](err); is && t.Timeout() {
			return fail(egress.Timeout, "the broker did not answer in time")
		}
		return err
	}
	if said.Code == amqp.ConnectionForced { // it is being stopped
		return fail(egress.Reset, "RabbitMQ said: "+said.Reason)
	}
	return refused("RabbitMQ said: " + said.Reason)
}

func (p *rabbitPublisher) ping(context.Context) error {
	if !p.usable() {
		return p.lost(nil)
	}
	return nil
}

func (p *rabbitPublisher) usable() bool {
	return !p.stuck.Load() && !p.channel.IsClosed() && !p.conn.IsClosed()
}

func (p *rabbitPublisher) close() {
	if !p.stuck.Load() {
		_ = p.conn.CloseDeadline(time.Now().Add(time.Second))
	}
	_ = p.socket.Close()
}
