package ui

import (
	"net/url"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/wire"
)

var integrationRoutes = []route{
	{"GET /admin/integration", signedIn, admin.Webhooks, admin.View, (*server).integrations},
	{"GET /admin/integration/kafka", signedIn, admin.Webhooks, admin.Change, (*server).editIntegration},
	{"POST /admin/integration/kafka", signedIn, admin.Webhooks, admin.Change, (*server).updateIntegration},
}

// integrationRow is Kafka of one tenant, or of the installation.
type integrationRow struct {
	// Tenant is nil for the installation.
	Tenant *wire.Tenant
	// Sink is what it is made of, nil as long as nothing is set.
	Sink    *called
	Topic   string
	Brokers string
	// Edit is where it is changed.
	Edit string
}

// integrations are those of the installation, and of each tenant.
func (s *server) integrations(v *visit) error {
	tenants, err := s.Tenants.List(v.Context())
	if err != nil {
		return err
	}
	sinks, err := s.Sinks.List(v.Context())
	if err != nil {
		return err
	}
	all, err := s.allCalled(v.Context())
	if err != nil {
		return err
	}
	row := func(tenant *wire.Tenant, id wire.ID) integrationRow {
		r := integrationRow{Tenant: tenant, Edit: editIntegration(id)}
		for _, w := range sinks {
			if w.BuiltIn && w.ID == sink.IntegrationID(id) {
				one := all.of(w.ID)
				r.Sink, r.Topic, r.Brokers = &one, w.Kafka.Topic, w.Kafka.Producer["bootstrap.servers"]
			}
		}
		return r
	}
	rows := []integrationRow{row(nil, "")}
	for i := range tenants {
		rows = append(rows, row(&tenants[i], tenants[i].ID))
	}
	page := listingOf(v, rows, func(r integrationRow) string {
		whose := v.text.say("WholeInstallation")
		if r.Tenant != nil {
			whose = r.Tenant.Name
		}
		return whose + "\x00" + r.Topic + "\x00" + r.Brokers
	})
	return v.show("integrations", "Integrations", page)
}

// editIntegration is where Kafka of a tenant is changed, or that of the installation.
func editIntegration(tenant wire.ID) string {
	if tenant == "" {
		return "/admin/integration/kafka"
	}
	return "/admin/integration/kafka?" + url.Values{"tenant": {string(tenant)}}.Encode()
}

// integrationOf is where the sink of an integration is changed.
func integrationOf(w wire.Sink) string {
	if len(w.TenantIDs) > 0 {
		return editIntegration(w.TenantIDs[0])
	}
	return editIntegration("")
}

type integrationForm struct {
	wire.KafkaIntegration
	// Sink is what it is made of, nil as long as nothing is set.
	Sink    *called
	secrets []string
}

// Inputs are those of the settings of Kafka.
func (f integrationForm) Inputs() settingInputs {
	return settingInputs{sink: kafkaOf(wire.Integrations{Kafka: &f.KafkaIntegration}), secrets: f.secrets, member: sink.IntegrationMember}
}

// kafkaOf are integrations as the sink that they are made of.
func kafkaOf(i wire.Integrations) wire.Sink {
	w := wire.Sink{Type: wire.SinkKafka, Kafka: &wire.KafkaSink{}}
	if i.Kafka != nil {
		w.Enabled, w.Kafka = &i.Kafka.Enabled, &wire.KafkaSink{Topic: i.Kafka.DefaultTopic, Producer: i.Kafka.Producer}
	}
	return w
}

func (s *server) editIntegration(v *visit) error {
	tenant := wire.ID(v.URL.Query().Get("tenant"))
	current, err := s.Sinks.Integrations(v.Context(), tenant)
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid { // there is no such tenant
		return problem.ErrNotFound
	}
	if err != nil {
		return err
	}
	form := integrationForm{KafkaIntegration: *current.Kafka}
	all, err := s.allCalled(v.Context())
	if err != nil {
		return err
	}
	if one := all.of(sink.IntegrationID(tenant)); !one.Gone {
		form.Sink = &one
		if form.secrets, err = s.Sinks.Secrets(v.Context(), one.ID); err != nil {
			return err
		}
	}
	v.of = v.text.say("WholeInstallation")
	if tenant != "" {
		settings, err := s.Tenants.Settings(v.Context())
		if err != nil {
			return err
		}
		t, _ := settings.Find(tenant)
		v.of = t.Name
	}
	v.under("Integrations", "/admin/integration")
	return v.show("integration-form", "IntegrationKafka", form)
}

func (s *server) updateIntegration(v *visit) error {
	tenant := wire.ID(v.URL.Query().Get("tenant"))
	id := sink.IntegrationID(tenant)
	c := v.changing("Changed the sink %s", id).of("sink", id)
	_, err := s.Sinks.SetIntegrations(c.context(), tenant, func(current wire.Integrations) (wire.Integrations, error) {
		next, err := v.integrationsOf(current)
		// Its secrets are named like nothing that the audit log knows.
		c.before, c.after = kafkaOf(current), sink.Shown(kafkaOf(next))
		return next, err
	})
	if err != nil {
		return v.again(err, func() error { return s.editIntegration(v) })
	}
	return v.done("IntegrationSaved", "/admin/sink/"+string(id))
}

// integrationsOf is what the form makes of the integrations.
func (v *visit) integrationsOf(current wire.Integrations) (wire.Integrations, error) {
	var request wire.IntegrationRequest
	var wrong problem.Validation
	if err := wrong.Merge(v.fill(wire.IntegrationRequest{Integrations: current}, &request)); err != nil {
		return wire.Integrations{}, err
	}
	if request.Integrations.Kafka == nil {
		request.Integrations.Kafka = &wire.KafkaIntegration{}
	}
	v.setLogin(&wrong, &request.Integrations.Kafka.Producer, sink.IntegrationMember)
	return request.Integrations, wrong.Err()
}
