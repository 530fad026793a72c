package sinks

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/wire"
)

// kafka is Kafka's protocol in this process, with its data in a folder so that it may come back.
type kafka struct {
	t       testing.TB
	port    int
	dir     string
	cluster *kfake.Cluster

	mu   sync.Mutex
	read []received
	from map[int32]int64
}

const topic = "identity"

func newKafka(t testing.TB) *kafka {
	k := &kafka{t: t, port: freePort(t), dir: t.TempDir()}
	k.revive()
	t.Cleanup(func() { k.cluster.Close() })
	if err := k.cluster.CreateTopic(topic, 3, nil); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kafka) address() string { return "127.0.0.1:" + strconv.Itoa(k.port) }

func (k *kafka) with(address, topic, password string) wire.Sink {
	return wire.Sink{Name: "Kafka", Type: wire.SinkKafka, Kafka: &wire.KafkaSink{Topic: topic, Producer: wire.Map[string]{
		"bootstrap.servers": address, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "linger.ms": "1", "compression.type": "zstd",
		"sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required username="herald" password="` + password + `";`,
	}}}
}

func (k *kafka) sink() wire.Sink { return k.with(k.address(), topic, password) }
func (k *kafka) wrongLogin() (wire.Sink, string) {
	w := k.with(k.address(), topic, "wrong-"+password)
	w.Kafka.Producer["sasl.mechanism"] = "PLAIN"
	return w, "SASL_AUTHENTICATION_FAILED"
}

func (k *kafka) nowhere() (wire.Sink, string) {
	return k.with(k.address(), "nowhere", password), `the topic "nowhere" does not exist`
}
func (k *kafka) at(address string) wire.Sink { return k.with(address, topic, password) }
func (k *kafka) mostBytes() int              { return 1 << 20 }
func (k *kafka) kill()                       { k.cluster.Close() }

func (k *kafka) revive() {
	var err error
	k.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(k.port), kfake.DataDir(k.dir), kfake.SyncWrites(), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-256", "herald", password), kfake.Superuser("PLAIN", "herald", password))
	if err != nil {
		k.t.Fatal(err)
	}
	// It closes the connection on a wrong password; Kafka says why.
	k.cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.cluster.KeepControl()
		if !bytes.Contains(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes, []byte("wrong-")) {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return answer, nil, true
	})
}

// received reads on to the present end of the topic.
func (k *kafka) received() []received {
	k.mu.Lock()
	defer k.mu.Unlock()
	start := kgo.NewOffset().AtStart()
	at := map[int32]kgo.Offset{}
	for p := range int32(3) {
		at[p] = start
		if next, known := k.from[p]; known {
			at[p] = kgo.NewOffset().At(next)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.address()), kgo.SASL(scram.Auth{User: "herald", Pass: password}.AsSha256Mechanism()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		k.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			one := received{key: string(r.Key), value: string(r.Value), headers: map[string]string{}}
			for _, h := range r.Headers {
				one.headers[h.Key] = string(h.Value)
			}
			k.read = append(k.read, one)
			if k.from == nil {
				k.from = map[int32]int64{}
			}
			k.from[r.Partition] = r.Offset + 1
		})
	}
	return k.read
}

// The Integration API is FusionAuth's: a topic for all that tenants send, and what happens to the server.
func TestIntegration(t *testing.T) {
	t.Parallel()
	k := newKafka(t)
	s := &suite{t: t, b: k}
	s.Server = apptest.Start(t, dbtest.Engines()[len(dbtest.Engines())-1])
	s.Enable(wire.None, kind)
	var got wire.IntegrationResponse
	s.Call("GET", "/api/integration", nil).Want(200).Decode(&got)
	if got.Integrations.Kafka.Enabled || len(got.Integrations.Kafka.Producer) > 0 {
		t.Errorf("by default: %+v", got.Integrations.Kafka)
	}
	s.Call("PUT", "/api/integration", `{"integrations":{"kafka":{"enabled":false}}}`).Want(200).Decode(&got)
	if p := got.Integrations.Kafka.Producer; len(p) != 3 || p["bootstrap.servers"] != "localhost:9092" || p["max.block.ms"] != "5000" || p["request.timeout.ms"] != "2000" {
		t.Errorf("without brokers: %v", p)
	}
	s.Call("PATCH", "/api/integration", `{"integrations":{"kafka":{"enabled":true,"producer":{"aks":"1","acks":"0","batch.size":"7"}}}}`).WantCodes(
		"[blank]integrations.kafka.defaultTopic", "[invalid]integrations.kafka.producer.aks", "[invalid]integrations.kafka.producer.acks")
	s.Call("GET", "/api/integration?tenantId="+string(sink.IntegrationID("")), nil).WantCodes("[invalid]tenantId")

	settings := wire.KafkaIntegration{Enabled: true, DefaultTopic: topic, Producer: k.sink().Kafka.Producer}
	put := s.Call("PUT", "/api/integration", wire.IntegrationRequest{Integrations: wire.Integrations{Kafka: &settings}}).Want(200)
	own := settings
	own.DefaultTopic = "own"
	if err := k.cluster.CreateTopic("own", 1, nil); err != nil {
		t.Fatal(err)
	}
	s.Call("PUT", "/api/integration?tenantId="+string(s.Tenant), wire.IntegrationRequest{Integrations: wire.Integrations{Kafka: &own}}).Want(200)
	if bytes.Contains(put.Body, []byte(password)) {
		t.Errorf("the password is shown: %s", put.Body)
	}
	s.Call("PATCH", "/api/integration", `{"integrations":{"kafka":{"producer":{"client.id":"herald-1"}}}}`).Want(200) // and it stays
	s.wait(s.publish(10, 10))
	s.Call("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"a","message":"b"}}`).Want(200)
	s.Settled(patience)
	id := sink.IntegrationID("")
	s.Call("POST", "/api/sink/"+string(id)+"/test", ``).Want(200)
	var kinds []string
	for _, r := range k.received() {
		if kind := r.headers["herald-event-type"]; len(kinds) == 0 || kinds[len(kinds)-1] != kind {
			kinds = append(kinds, kind)
		}
		if r.headers["herald-event-type"] == "" && !strings.HasPrefix(r.value, `{"createInstant":`) {
			t.Errorf("a test: %s", r.value)
		}
	}
	slices.Sort(kinds)
	if kinds = slices.Compact(kinds); !slices.Equal(kinds, []string{"", "audit-log.create", kind}) {
		t.Errorf("received: %q", kinds)
	}
	counts := s.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE webhook_id = $1`, sink.IntegrationID(s.Tenant))
	if counts[0] != "10" {
		t.Errorf("%s events for the tenant's own topic, want 10", counts[0])
	}
	s.Call("DELETE", "/api/sink/"+string(id), nil).WantCodes("[builtIn]")
	s.Call("PATCH", "/api/sink/"+string(id), `{"sink":{"name":"Mine"}}`).WantCodes("[builtIn]")
}

// A broker measures records that come together, and refuses all of them: each gets through by itself then, and only one that is too large alone is given up.
func TestKafka_TopicTakesLess(t *testing.T) {
	t.Parallel()
	k := newKafka(t)
	if err := k.cluster.CreateTopic("small", 1, map[string]string{"max.message.bytes": "40000"}); err != nil {
		t.Fatal(err)
	}
	s := &suite{t: t, b: k}
	s.Server = apptest.Start(t, dbtest.Engines()[0])
	s.Enable(wire.None, kind)
	w := k.with(k.address(), "small", password)
	w.Ordering = wire.SinkUnordered
	w.Kafka.Producer["linger.ms"], w.Kafka.Producer["compression.type"] = "50", "none"
	id := s.create(w)
	s.publish(40, 10_000)
	s.publish(1, 50_000)
	s.Settled(patience)
	states := s.Strings(`SELECT state || ' ' || CAST(COUNT(*) AS TEXT) FROM delivery WHERE webhook_id = $1 GROUP BY state ORDER BY state`, id)
	if !slices.Equal(states, []string{"dead 1", "delivered 40"}) {
		t.Errorf("deliveries: %q", states)
	}
}

func TestKafka(t *testing.T) {
	t.Parallel()
	run(t, dbtest.Engines()[0], newKafka(t))
}
