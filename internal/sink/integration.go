package sink

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// The Integration API is a view of one Kafka sink for the installation, which gets all events of all tenants and those of the system, and of one for each tenant that has
// settings of its own, which gets the events of that tenant. A sink of these is made when it is set for the first time.

// IntegrationID is the id of the sink behind the integrations of a tenant, or of the installation.
func IntegrationID(tenant wire.ID) wire.ID {
	return wire.ID(uuid.NewSHA1(uuid.Nil, []byte("herald/integration/kafka/"+string(tenant))).String())
}

// Integrations returns the integrations of a tenant, or those of the installation without one, as they are by default until they are set. A tenant that does not exist is
// a problem of the member tenantId.
func (s *Service) Integrations(ctx context.Context, tenant wire.ID) (i wire.Integrations, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		i, _, err = s.integrations(tx, tenant)
		return err
	})
	return i, err
}

func (s *Service) integrations(tx *db.Tx, tenant wire.ID) (i wire.Integrations, known bool, err error) {
	if tenant != "" {
		exists, err := tx.Exists(tenantExists, tenant)
		if err != nil {
			return i, false, err
		}
		var v problem.Validation
		if v.Check(exists, "tenantId", "invalid", "There is no tenant with the id %s.", tenant); !exists {
			return i, false, v.Err()
		}
	}
	w, _, err := s.load(tx, IntegrationID(tenant))
	if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
		return wire.Integrations{Kafka: &wire.KafkaIntegration{}}, false, nil
	}
	take(&w)
	return integrationsOf(&w), true, err
}

func integrationsOf(w *wire.Sink) wire.Integrations {
	k := &wire.KafkaIntegration{Enabled: enabled(w)}
	if w.Kafka != nil {
		k.DefaultTopic, k.Producer = w.Kafka.Topic, w.Kafka.Producer
	}
	return wire.Integrations{Kafka: k}
}

// SetIntegrations replaces the integrations by what change makes of them. Secret properties that it does not mention stay. change may run more than once.
func (s *Service) SetIntegrations(ctx context.Context, tenant wire.ID, change func(wire.Integrations) (wire.Integrations, error)) (i wire.Integrations, err error) {
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		current, known, err := s.integrations(tx, tenant)
		if err != nil {
			return err
		}
		next, err := change(current)
		if err != nil {
			return err
		}
		if next.Kafka == nil {
			next.Kafka = &wire.KafkaIntegration{}
		}
		apply := func(w wire.Sink) (wire.Sink, error) {
			w.Enabled = new(next.Kafka.Enabled)
			w.Kafka = &wire.KafkaSink{Topic: next.Kafka.DefaultTopic, Producer: withDefaults(next.Kafka.Producer)}
			return w, nil
		}
		var w wire.Sink
		if known {
			w, err = s.update(tx, IntegrationID(tenant), apply)
		} else {
			w, _ = apply(wire.Sink{ID: IntegrationID(tenant), Name: "Kafka", Type: wire.SinkKafka, BuiltIn: true, AllEvents: true, Global: tenant == ""})
			if tenant != "" {
				w.Name, w.TenantIDs = "Kafka of the tenant "+string(tenant), []wire.ID{tenant}
			}
			err = s.create(tx, &w, tenant, true)
		}
		if err != nil {
			return inIntegrations(err)
		}
		take(&w)
		i = integrationsOf(&w)
		return nil
	})
	return i, err
}

// inIntegrations is an error about the sink as one about the integrations.
func inIntegrations(err error) error {
	typed, ok := problem.As(err)
	if !ok || len(typed.Fields) == 0 {
		return err
	}
	renamed := *typed
	renamed.Fields = slices.Clone(typed.Fields)
	for i := range renamed.Fields {
		renamed.Fields[i].Field = IntegrationMember(renamed.Fields[i].Field)
		renamed.Fields[i].Code = IntegrationMember(renamed.Fields[i].Code)
	}
	return &renamed
}

var integrationMembers = strings.NewReplacer("sink.kafka.topic", "integrations.kafka.defaultTopic", "sink.kafka.producer", "integrations.kafka.producer")

// IntegrationMember is the name of a member of a Kafka sink as the integrations have it.
func IntegrationMember(ofSink string) string { return integrationMembers.Replace(ofSink) }
