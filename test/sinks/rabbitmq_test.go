package sinks

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

type rabbitBroker struct {
	*server
	read []received
}

func startRabbitMQ(t testing.TB) *rabbitBroker {
	program := programOf(t, "/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
	dir, err := os.MkdirTemp("", "rabbit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	// The registry of Erlang's nodes would outlive the test if the node began it.
	names := &server{t: t, program: programOf(t, "epmd"), port: freePort(t)}
	names.args = []string{"-port", strconv.Itoa(names.port), "-address", "127.0.0.1"}
	names.start()

	s := &server{t: t, program: program, port: freePort(t)}
	config := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\ndefault_user = herald\ndefault_pass = %s\nloopback_users = none\nlog.console = true\nlog.file = false\nmax_message_size = 1048576\n", s.port, password)
	if err := os.WriteFile(filepath.Join(dir, "rabbitmq.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plugins"), []byte("[]."), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = []string{
		"HOME=" + dir, fmt.Sprintf("ERL_EPMD_PORT=%d", names.port), fmt.Sprintf("RABBITMQ_NODENAME=test%d@localhost", s.port), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", freePort(t)),
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "data"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"), "RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "plugins"), "RABBITMQ_CONF_ENV_FILE=" + filepath.Join(dir, "none"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +sbwt none", "RABBITMQ_GENERATED_CONFIG_DIR=" + filepath.Join(dir, "generated"),
	}
	s.start()
	b := &rabbitBroker{server: s}
	conn, channel := b.connect()
	if conn == nil {
		t.Fatal(s.said.String())
	}
	defer conn.Close()
	if err := channel.ExchangeDeclare("events", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := channel.QueueDeclare("identity", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := channel.QueueBind("identity", "#", "events", false, nil); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *rabbitBroker) connect() (*amqp.Connection, *amqp.Channel) {
	conn, err := amqp.Dial("amqp://herald:" + password + "@" + b.address())
	if err != nil {
		return nil, nil
	}
	channel, err := conn.Channel()
	if err != nil {
		return nil, nil
	}
	return conn, channel
}

func (b *rabbitBroker) with(address, exchange, password string) wire.Sink {
	return wire.Sink{Name: "RabbitMQ", Type: wire.SinkRabbitMQ, RabbitMQ: &wire.RabbitMQSink{
		Address: address, Exchange: exchange, RoutingKey: "{type}", Username: "herald", Password: &password,
	}}
}

func (b *rabbitBroker) sink() wire.Sink { return b.with(b.address(), "events", password) }
func (b *rabbitBroker) wrongLogin() (wire.Sink, string) {
	return b.with(b.address(), "events", "wrong-"+password), "username or password not allowed"
}

func (b *rabbitBroker) nowhere() (wire.Sink, string) {
	return b.with(b.address(), "nowhere", password), "no exchange 'nowhere'"
}

// unheard is one whose messages no queue takes.
func (b *rabbitBroker) unheard() (wire.Sink, string) {
	w := b.with(b.address(), "", password)
	w.RabbitMQ.RoutingKey = "nobody"
	return w, "no queue takes what is sent"
}
func (b *rabbitBroker) at(address string) wire.Sink { return b.with(address, "events", password) }
func (b *rabbitBroker) mostBytes() int              { return 1 << 20 }

func (b *rabbitBroker) received() []received {
	conn, channel := b.connect()
	if conn == nil {
		return b.read // it is still starting
	}
	defer conn.Close()
	for {
		m, ok, err := channel.Get("identity", true)
		if err != nil || !ok {
			return b.read
		}
		one := received{key: m.Headers["herald-key"].(string), value: string(m.Body), headers: map[string]string{}}
		for name, value := range m.Headers {
			if name != "herald-key" {
				one.headers[name] = value.(string)
			}
		}
		b.read = append(b.read, one)
	}
}

func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	run(t, dbtest.Engines()[0], startRabbitMQ(t))
}
