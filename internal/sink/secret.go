package sink

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

// secretMember is a member of a sink that is secret.
type secretMember struct {
	name string // at rest: the last part of the setting's
	at   **string
}

// secretMembers are the secret members of w, but for properties of Kafka's producer: also those that its type does not have, as somebody may have sent them.
func secretMembers(w *wire.Sink) (all []secretMember) {
	for _, t := range types {
		for _, s := range Settings(t) {
			if !s.IsSecret() || s.Property() != "" {
				continue
			}
			if at, ok := member(w, t, s.Name).(**string); ok {
				all = append(all, secretMember{s.Name[strings.LastIndexByte(s.Name, '.')+1:], at})
			}
		}
	}
	return all
}

// Secrets are the names of the settings of a sink whose secrets are there, for who may not see them. Errors: problem.ErrNotFound without such a sink.
func (s *Service) Secrets(ctx context.Context, id wire.ID) (names []string, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		w, _, err := s.load(tx, id)
		names = SecretsOf(&w)
		return err
	})
	return names, err
}

// SecretsOf are the names of the settings of w whose secrets are in it.
func SecretsOf(w *wire.Sink) (names []string) {
	for _, setting := range Settings(w.Type) {
		there := false
		switch property := setting.Property(); {
		case !setting.IsSecret():
		case property != "":
			there = w.Kafka != nil && w.Kafka.Producer[property] != ""
		default:
			at, ok := member(w, w.Type, setting.Name).(**string)
			there = ok && *at != nil && **at != ""
		}
		if there {
			names = append(names, setting.Name)
		}
	}
	return names
}

// ofProducer begins the names at rest of secret properties.
const ofProducer = "producer."

// take takes the secrets out of w, which shares nothing of what it changes with the caller's object afterwards.
func take(w *wire.Sink) (secrets map[string]string) {
	unshare(w)
	secrets = map[string]string{}
	for _, m := range secretMembers(w) {
		if *m.at != nil {
			secrets[m.name] = **m.at
			*m.at = nil
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
	for _, m := range secretMembers(w) {
		if value, known := secrets[m.name]; known && *m.at == nil {
			*m.at = &value
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
	for _, m := range secretMembers(w) {
		if *m.at != nil && **m.at == "" {
			*m.at = nil
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
