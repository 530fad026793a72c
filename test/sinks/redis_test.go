package sinks

import (
	cryptotls "crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

type redisBroker struct{ *server }

func startRedis(t testing.TB, more ...string) *redisBroker {
	s := &server{t: t, program: programOf(t, "redis-server"), port: freePort(t)}
	s.args = append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--requirepass", password, "--appendonly", "yes", "--appendfsync", "always",
		"--save", "",
	}, more...)
	s.start()
	return &redisBroker{s}
}

func (b *redisBroker) with(address, password string) wire.Sink {
	return wire.Sink{Name: "Redis", Type: wire.SinkRedis, Redis: &wire.RedisSink{Address: address, Stream: "identity", Password: &password}}
}

func (b *redisBroker) sink() wire.Sink { return b.with(b.address(), password) }
func (b *redisBroker) wrongLogin() (wire.Sink, string) {
	return b.with(b.address(), "wrong-"+password), "WRONGPASS"
}

func (b *redisBroker) nowhere() (wire.Sink, string) {
	w := b.sink()
	w.Redis.Stream, w.Redis.MustExist = "nowhere", true
	return w, `the stream "nowhere" does not exist`
}
func (b *redisBroker) at(address string) wire.Sink { return b.with(address, password) }
func (b *redisBroker) mostBytes() int              { return 0 }

func (b *redisBroker) received() (all []received) {
	client := redis.NewClient(&redis.Options{Addr: b.address(), Password: password})
	defer client.Close()
	entries, err := client.XRange(b.t.Context(), "identity", "-", "+").Result()
	if err != nil {
		return nil // it is still loading
	}
	for _, e := range entries {
		one := received{key: e.Values["herald-key"].(string), value: e.Values["body"].(string), headers: map[string]string{}}
		for name, value := range e.Values {
			if name != "herald-key" && name != "body" {
				one.headers[name] = value.(string)
			}
		}
		all = append(all, one)
	}
	return all
}

func TestRedis(t *testing.T) {
	t.Parallel()
	run(t, dbtest.Engines()[0], startRedis(t))
}

// Connections to brokers are checked as those to webhooks are: whose certificate is trusted, which addresses may be dialled.
func TestTrustAndPolicy(t *testing.T) {
	t.Parallel()
	ca := egresstest.NewAuthority(t)
	leaf := ca.ServerCertificate("127.0.0.1")
	secret, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}))),
		write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	b := startRedis(t, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", write("ca.pem", ca.PEM()), "--tls-auth-clients", "no")
	tls := &server{t: t, program: b.program, port: freePort(t)}
	b.stop()
	b.args = append(b.args, "--tls-port", strconv.Itoa(tls.port))
	b.start()

	try := func(s *apptest.Server, w wire.Sink, want string) {
		t.Helper()
		var made wire.SinkResponse
		s.Call("POST", "/api/sink", wire.SinkRequest{Sink: w}).Want(200).Decode(&made)
		var r wire.WebhookTestResponse
		s.Call("POST", "/api/sink/"+string(made.Sink.ID)+"/test", `{"type":"user.create"}`).Want(200).Decode(&r)
		if r.Attempt.Outcome != want {
			t.Errorf("outcome %q (%s), want %q", r.Attempt.Outcome, r.Attempt.Exception, want)
		}
		s.Call("DELETE", "/api/sink/"+string(made.Sink.ID), nil).Want(200)
	}
	secure := func(certificate string) wire.Sink {
		w := b.at(tls.address())
		w.Redis.TLS = &wire.SinkTLS{Enabled: true}
		if certificate != "" {
			w.Redis.TLS.Certificate = &certificate
		}
		return w
	}
	s := apptest.Start(t, dbtest.Engines()[0])
	try(s, secure(ca.PEM()), "accepted")
	try(s, secure(""), "tls")
	try(s, secure(egresstest.NewAuthority(t).PEM()), "tls")

	clients := egresstest.NewAuthority(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(clients.PEM()))
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic), kfake.TLS(&cryptotls.Config{
		Certificates: []cryptotls.Certificate{leaf}, ClientAuth: cryptotls.RequireAndVerifyClientCert, ClientCAs: pool,
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	identity := clients.ClientPEM("herald")
	at := strings.Index(identity, "-----BEGIN PRIVATE KEY")
	kafka := func(roots, chain, key string) wire.Sink {
		return wire.Sink{Name: "Kafka", Type: wire.SinkKafka, Kafka: &wire.KafkaSink{Topic: topic, Producer: wire.Map[string]{
			"bootstrap.servers": strings.Join(cluster.ListenAddrs(), ","), "security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.certificates": roots,
			"ssl.keystore.certificate.chain": chain, "ssl.keystore.key": key,
		}}}
	}
	try(s, kafka(ca.PEM(), identity[:at], identity[at:]), "accepted")
	try(s, kafka(clients.PEM(), identity[:at], identity[at:]), "tls")

	hardened := apptest.Start(t, dbtest.Engines()[0], func(o *app.Options) { o.Settings.Hardened = true })
	try(hardened, b.sink(), "blocked")
}
