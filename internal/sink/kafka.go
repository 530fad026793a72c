package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// kafkaDriver sends to a topic of Kafka.
type kafkaDriver struct{}

func (kafkaDriver) settings() []Setting {
	all := []Setting{{Name: "topic", Kind: KindDestination, Required: true, Example: "identity", what: "topic"}}
	for _, p := range properties {
		if p.Kind != "" {
			p.Name = "producer[" + p.Name + "]"
			all = append(all, p.Setting)
		}
	}
	return all
}

func (kafkaDriver) check(v *problem.Validation, w *wire.Sink) {
	for name, value := range w.Kafka.Producer {
		w.Kafka.Producer[name] = strings.TrimSpace(value)
	}
	producerOf(v, "sink.kafka.producer", w.Kafka.Producer)
}

func (kafkaDriver) address(w *wire.Sink) string {
	return "kafka://" + w.Kafka.Producer["bootstrap.servers"] + "/" + w.Kafka.Topic
}

func (kafkaDriver) open(ctx context.Context, r *route) (connection, error) {
	var v problem.Validation
	p := producerOf(&v, "producer", r.sink.Kafka.Producer)
	if v.Err() != nil { // it was checked when it was stored
		return nil, fail(egress.Invalid, "the properties of the producer cannot be used any more")
	}
	d := &dialer{route: r, secure: p.secure}
	var err error
	if p.roots != "" {
		if d.trust, err = egress.ParsePEM(p.roots); err != nil {
			return nil, fail(egress.TLS, "the certificates of the truststore cannot be used")
		}
	}
	if p.identity != "" {
		if d.identity, err = egress.ParsePEM(p.identity + "\n" + p.secretKey); err != nil {
			return nil, fail(egress.TLS, "the certificate of the keystore cannot be used")
		}
	}
	deadline := r.patience
	if p.delivery > 0 {
		deadline = min(deadline, p.delivery)
	}
	options := []kgo.Opt{
		kgo.ClientID("herald"), kgo.SeedBrokers(p.bootstrap...), kgo.Dialer(d.dial), kgo.DisableClientMetrics(),
		// The outbox tries again, and shows it. The library does so only where it costs no time; otherwise it would hold a record longer than its deadline.
		kgo.AllowIdempotentProduceCancellation(), kgo.RetryBackoffFn(func(int) time.Duration { return quickly }), kgo.MetadataMinAge(quickly),
		kgo.RequestRetries(2), kgo.RecordRetries(2), kgo.UnknownTopicRetries(1), kgo.RetryTimeout(deadline), kgo.RecordDeliveryTimeout(max(deadline, time.Second)),
		kgo.ProducerBatchMaxBytes(largestRecord), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // Kafka's own: murmur2 of the key
	}
	options = append(options, p.options...)
	if m := p.mechanismOf(); m != nil {
		options = append(options, kgo.SASL(m))
	}
	k := &kafkaProducer{dialer: d, topic: r.sink.Kafka.Topic, login: p.login, turn: make(chan struct{}, 1)}
	if k.client, err = kgo.NewClient(options...); err == nil {
		k.alone, err = kgo.NewClient(append(options, kgo.MaxBufferedRecords(1))...)
	}
	if err != nil {
		return nil, fail(egress.Invalid, "the properties of the producer do not fit together: "+err.Error())
	}
	if err := k.ping(ctx); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

const (
	quickly       = 100 * time.Millisecond
	largestRecord = 1 << 20 // Kafka's default max.request.size
)

// kafkaProducer batches by itself, and finds the brokers of a topic.
type kafkaProducer struct {
	client *kgo.Client
	dialer *dialer
	topic  string
	login  bool

	// alone sends one record at a time, for whoever has the turn. It connects when it is used.
	alone *kgo.Client
	turn  chan struct{}
}

func (k *kafkaProducer) send(ctx context.Context, r *record) (string, error) {
	sent, err := k.produce(ctx, k.client, r)
	if errors.Is(err, kerr.MessageTooLarge) {
		// A broker measures what it gets together, and refuses all of it. Only by itself a record is found to be too large.
		select {
		case k.turn <- struct{}{}:
			sent, err = k.produce(ctx, k.alone, r)
			<-k.turn
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return "", k.explain(sent.Topic, err)
	}
	return fmt.Sprintf("topic %s, partition %d, offset %d", sent.Topic, sent.Partition, sent.Offset), nil
}

func (k *kafkaProducer) produce(ctx context.Context, client *kgo.Client, r *record) (*kgo.Record, error) {
	one := &kgo.Record{Topic: r.fill(k.topic), Key: []byte(r.key), Value: r.value}
	for _, h := range r.headers() {
		one.Headers = append(one.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	result := make(chan error, 1)
	client.TryProduce(ctx, one, func(_ *kgo.Record, err error) { result <- err })
	select {
	case err := <-result:
		return one, err
	case <-ctx.Done(): // with a broker that dies at the wrong moment the library may hold on for longer
		return one, ctx.Err()
	}
}

// loginRefused are what brokers say to those whom they do not let in.
var loginRefused = []*kerr.Error{kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState}

// explain makes a failure of what the library says.
func (k *kafkaProducer) explain(topic string, err error) error {
	said, isBroker := errors.AsType[*kerr.Error](err)
	switch {
	case isBroker && said == kerr.UnknownTopicOrPartition:
		return refused(fmt.Sprintf("the topic %q does not exist, or may not be written to", topic))
	case isBroker && said == kerr.MessageTooLarge:
		return tooLarge("the event is too large for the topic, or for max.request.size (MESSAGE_TOO_LARGE)")
	case isBroker && slices.Contains(loginRefused, said):
		return lockedOut(fmt.Sprintf("the broker said %s: %s", said.Message, said.Description))
	case isBroker:
		return refused(fmt.Sprintf("the broker said %s: %s", said.Message, said.Description))
	case errors.Is(err, kgo.ErrMaxBuffered):
		return fail(egress.Timeout, "too many events wait for the broker already")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries):
		return k.dialer.orDial(context.DeadlineExceeded)
	}
	if eof, ok := errors.AsType[*kgo.ErrFirstReadEOF](err); ok {
		return fail(egress.Reset, "the broker closed the connection at once: does it want TLS or a login? ("+eof.Error()+")")
	}
	if errors.Is(err, io.EOF) && k.login && k.dialer.last.Load() == nil {
		return fail(egress.Reset, "the broker closed the connection; some do that when user name, password or mechanism of the login are wrong")
	}
	return k.dialer.orDial(err)
}

func (k *kafkaProducer) ping(ctx context.Context) error {
	if err := k.client.Ping(ctx); err != nil {
		return k.explain(k.topic, err)
	}
	return nil
}

func (k *kafkaProducer) usable() bool { return true }

func (k *kafkaProducer) close() {
	k.client.Close()
	k.alone.Close()
}
