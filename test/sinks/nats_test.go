package sinks

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

type natsBroker struct {
	*server
	read []received
}

func startNATS(t testing.TB) *natsBroker {
	s := &server{t: t, program: programOf(t, "nats-server", "/usr/sbin/nats-server"), port: freePort(t)}
	s.args = []string{"-a", "127.0.0.1", "-p", strconv.Itoa(s.port), "-js", "-sd", t.TempDir(), "--user", "herald", "--pass", password}
	s.start()
	b := &natsBroker{server: s}
	conn, js := b.connect()
	defer conn.Close()
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "IDENTITY", Subjects: []string{"identity.>"}}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *natsBroker) connect() (*nats.Conn, jetstream.JetStream) {
	conn, err := nats.Connect("nats://"+b.address(), nats.UserInfo("herald", password), nats.RetryOnFailedConnect(true), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		b.t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		b.t.Fatal(err)
	}
	return conn, js
}

func (b *natsBroker) with(address, subject, password string) wire.Sink {
	return wire.Sink{Name: "NATS", Type: wire.SinkNATS, NATS: &wire.NATSSink{
		Servers: []string{address}, Subject: subject, Stream: "IDENTITY", Username: "herald", Password: &password,
	}}
}

func (b *natsBroker) sink() wire.Sink { return b.with(b.address(), "identity.{type}", password) }
func (b *natsBroker) wrongLogin() (wire.Sink, string) {
	return b.with(b.address(), "identity.x", "wrong-"+password), "Authorization Violation"
}

func (b *natsBroker) nowhere() (wire.Sink, string) {
	return b.with(b.address(), "nowhere.x", password), `no stream takes the subject "nowhere.x"`
}
func (b *natsBroker) at(address string) wire.Sink { return b.with(address, "identity.x", password) }
func (b *natsBroker) mostBytes() int              { return 1 << 20 }

func (b *natsBroker) received() []received {
	conn, js := b.connect()
	defer conn.Close()
	stream, err := js.Stream(b.t.Context(), "IDENTITY")
	if err != nil {
		return b.read // it is still starting
	}
	consumer, err := stream.OrderedConsumer(b.t.Context(), jetstream.OrderedConsumerConfig{OptStartSeq: uint64(len(b.read)) + 1, DeliverPolicy: jetstream.DeliverByStartSequencePolicy})
	if err != nil {
		return b.read
	}
	messages, err := consumer.FetchNoWait(1000)
	if err != nil {
		return b.read
	}
	for m := range messages.Messages() {
		one := received{key: m.Headers().Get("herald-key"), value: string(m.Data()), headers: map[string]string{}}
		for name, values := range m.Headers() {
			if name != "herald-key" && name != "Nats-Msg-Id" && name != "Nats-Expected-Stream" {
				one.headers[name] = values[0]
			}
		}
		b.read = append(b.read, one)
	}
	return b.read
}

func TestNATS(t *testing.T) {
	t.Parallel()
	run(t, dbtest.Engines()[0], startNATS(t))
}
