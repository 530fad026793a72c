package sink

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

// secretMembers are the members of w that are secret, by their names at rest.
func secretMembers(w *wire.Sink) map[string]**string {
	all := map[string]**string{}
	tls := func(t *wire.SinkTLS) {
		if t != nil {
			all["certificate"] = &t.Certificate
		}
	}
	if n := w.NATS; n != nil {
		all["password"], all["token"] = &n.Password, &n.Token
		tls(n.TLS)
	}
	if r := w.RabbitMQ; r != nil {
		all["password"] = &r.Password
		tls(r.TLS)
	}
	if r := w.Redis; r != nil {
		all["password"] = &r.Password
		tls(r.TLS)
	}
	return all
}

// ofProducer begins the names at rest of secret properties.
const ofProducer = "producer."

// take takes the secrets out of w, which shares nothing of what it changes with the caller's object afterwards.
func take(w *wire.Sink) (secrets map[string]string) {
	unshare(w)
	secrets = map[string]string{}
	for name, member := range secretMembers(w) {
		if *member != nil {
			secrets[name] = **member
			*member = nil
		}
	}
	if w.Kafka != nil {
		for name, value := range w.Kafka.Producer {
			if isSecretProperty(name) {
				secrets[ofProducer+name] = value
				delete(w.Kafka.Producer, name)
			}
		}
	}
	return secrets
}

// put puts secrets back into w where it does not mention them. Those of members that are gone are dropped.
func put(w *wire.Sink, secrets map[string]string) {
	unshare(w)
	for name, member := range secretMembers(w) {
		if value, known := secrets[name]; known && *member == nil {
			*member = &value
		}
	}
	if w.Kafka == nil {
		return
	}
	for name, value := range secrets {
		property, is := strings.CutPrefix(name, ofProducer)
		if _, mentioned := w.Kafka.Producer[property]; is && !mentioned {
			if w.Kafka.Producer == nil {
				w.Kafka.Producer = map[string]string{}
			}
			w.Kafka.Producer[property] = value
		}
	}
}

// unshare copies the parts of w that have secrets in them.
func unshare(w *wire.Sink) {
	tls := func(t *wire.SinkTLS) *wire.SinkTLS {
		if t == nil {
			return nil
		}
		return new(*t)
	}
	if w.Kafka != nil {
		w.Kafka = new(*w.Kafka)
		w.Kafka.Producer = maps.Clone(w.Kafka.Producer)
	}
	if w.NATS != nil {
		w.NATS = new(*w.NATS)
		w.NATS.TLS = tls(w.NATS.TLS)
	}
	if w.RabbitMQ != nil {
		w.RabbitMQ = new(*w.RabbitMQ)
		w.RabbitMQ.TLS = tls(w.RabbitMQ.TLS)
	}
	if w.Redis != nil {
		w.Redis = new(*w.Redis)
		w.Redis.TLS = tls(w.Redis.TLS)
	}
}

// dropEmpty removes the secrets that are there and empty: that is how they are taken away.
func dropEmpty(w *wire.Sink) {
	for _, member := range secretMembers(w) {
		if *member != nil && **member == "" {
			*member = nil
		}
	}
	if w.Kafka != nil {
		maps.DeleteFunc(w.Kafka.Producer, func(name, value string) bool { return value == "" && isSecretProperty(name) })
	}
}

// split separates w into the document and the sealed secrets that its row holds.
func (s *Service) split(w *wire.Sink) (document, secret string, err error) {
	open := *w
	open.TenantIDs = nil
	secrets := take(&open)
	plain, err := json.Marshal(open)
	if err != nil {
		return "", "", err
	}
	secret, err = sealed.Seal(s.Sealer, place(w.ID), secrets)
	return string(plain), secret, err
}

// place is what binds the sealed secrets to their row.
func place(id wire.ID) string { return "sink/secrets/" + string(id) }

// Shown is the sink as people may see it: without its secrets. It shares nothing that has secrets with w.
func Shown(w wire.Sink) wire.Sink {
	take(&w)
	return w
}

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "sink", Column: "secrets", Key: []string{"id"}, Context: func(key []string) string { return place(wire.ID(key[0])) },
}}
