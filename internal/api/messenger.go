package api

import (
	"context"
	"encoding/json"

	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Messaging is what the Messenger API works with.
type Messaging struct {
	Messengers *messenger.Service
	// Mail knows the mail servers of the tenants.
	Mail MailSettings
	// Trials keeps a record of what was sent as a test. Optional.
	Trials Trials
}

// MailSettings are the e-mail configurations of tenants.
type MailSettings interface {
	// Mail returns the mail server of the tenant, problem.ErrNotFound without such a tenant. One that cannot be used is returned with a problem of
	// kind Invalid.
	Mail(ctx context.Context, tenant wire.ID) (messenger.MailServer, error)
}

// Trials is where tests are recorded.
type Trials interface {
	// RecordTest keeps an attempt that was made to try a messenger or a mail server out. tenant is empty for a messenger, which belongs to none. The
	// recipient is given in full; the record masks it.
	RecordTest(ctx context.Context, tenant wire.ID, kind wire.MessageKind, recipient string, a messenger.Attempt) error
}

// messaging are the handlers of the Messenger API and of the test of mail servers.
type messaging struct {
	*server
	Messaging
}

func (s *server) messengerRoutes(m Messaging) []route {
	h := messaging{s, m}
	messengers := resource[wire.Messenger, wire.MessengerRequest]{
		objects: m.Messengers, path: "/api/messenger", id: "messengerId",
		in:  func(r *wire.MessengerRequest) *wire.Messenger { return &r.Messenger },
		one: func(m *wire.Messenger) any { return wire.MessengerResponse{Messenger: m} },
		all: func(all []wire.Messenger) any { return wire.MessengersResponse{Messengers: all} },
		unpatched: func(c *call, current wire.Messenger) wire.Messenger {
			if c.namesMessageTypes() {
				current.MessageTypes = nil
			}
			return current
		},
	}
	return append(messengers.routes(), []route{
		{"POST", "/api/messenger/test", "/api/messenger", globalKey, h.testUnsaved},
		{"POST", "/api/messenger/{messengerId}/test", "/api/messenger", globalKey, h.test},
		{"POST", "/api/email/test", "/api/email/test", tenantKey, h.testEmail},
	}...)
}

// namesMessageTypes tells whether the body is a patch of the original kind that sets the message types: they are a set, and the exception to the rule
// that such a patch appends to arrays.
func (c *call) namesMessageTypes() bool {
	if kind, err := c.contentType(typeJSON, typeMergePatch, typeJSONPatch); err != nil || kind != typeJSON {
		return false
	}
	var body struct {
		Messenger struct {
			MessageTypes json.RawMessage `json:"messageTypes"`
		} `json:"messenger"`
	}
	return json.Unmarshal(c.body, &body) == nil && len(body.Messenger.MessageTypes) > 0
}

// test sends one message through a stored messenger and shows what came back. The call is ours.
func (h messaging) test(c *call) (any, error) {
	id, err := c.pathID("messengerId")
	if err != nil {
		return nil, err
	}
	registry, err := h.Messengers.Registry(c.ctx())
	if err != nil {
		return nil, err
	}
	target := registry.Target(id)
	if target == nil {
		return nil, problem.ErrNotFound
	}
	var request wire.MessengerTestRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	var v problem.Validation
	v.Check(request.Messenger == nil, "messenger", "invalid", "The path names the messenger; to try another configuration, post it to /api/messenger/test.")
	return h.try(c, &v, request, target)
}

// testUnsaved sends one message as a messenger with the given configuration would, which is not stored.
func (h messaging) testUnsaved(c *call) (any, error) {
	var request wire.MessengerTestRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	var v problem.Validation
	if request.Messenger == nil {
		v.Field("messenger", "missing", "Give the messenger that is to be tried.")
		return h.try(c, &v, request, nil)
	}
	target, err := h.Messengers.Unsaved(*request.Messenger)
	if err := v.Merge(err); err != nil {
		return nil, err
	}
	return h.try(c, &v, request, target)
}

// try sends what request says through target, which is nil if v has something against it.
func (h messaging) try(c *call, v *problem.Validation, request wire.MessengerTestRequest, target *messenger.Target) (any, error) {
	m := target.Trial(v, request)
	if err := v.Err(); err != nil {
		return nil, err
	}
	return h.tried(c, "", m.Kind, m.PhoneNumber, target.Send(c.ctx(), m))
}

// testEmail sends one e-mail through the mail server of a tenant, or as the given configuration says. The call is ours.
func (h messaging) testEmail(c *call) (any, error) {
	var request wire.EmailTestRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := h.tenantOf(c, request.TenantID)
	if err != nil {
		return nil, err
	}
	server, err := h.mailServer(c.ctx(), tenant, request.EmailConfiguration)
	var v problem.Validation
	if err := v.Merge(err); err != nil {
		return nil, err
	}
	test := messenger.EmailTrial(&v, request.To)
	if err := v.Err(); err != nil {
		return nil, err
	}
	attempt := h.Messengers.Mail(server).Send(c.ctx(), test)
	return h.tried(c, tenant, wire.KindEmail, test.To[0].Address, attempt)
}

// tenantOf is the tenant that the request names, or that of its key or header.
func (h messaging) tenantOf(c *call, named wire.ID) (wire.ID, error) {
	if named == "" {
		return c.tenant()
	}
	exists, err := h.Tenancy.Exists(c.ctx(), named)
	if err != nil {
		return "", err
	}
	if !exists || c.narrow(named) != nil {
		return "", invalidField("tenantId", "invalid", "There is no tenant with the id %s.", named)
	}
	return named, nil
}

// mailServer is the given one, or that of the tenant without it.
func (h messaging) mailServer(ctx context.Context, id wire.ID, given json.RawMessage) (messenger.MailServer, error) {
	stored, err := h.Mail.Mail(ctx, id)
	if p, ok := problem.As(err); len(given) == 0 || err != nil && (!ok || p.Kind != problem.Invalid) {
		return stored, err
	}
	return tenant.MailAs(stored, "emailConfiguration", given)
}

// tried records what was sent as a test and answers with what came of it.
func (h messaging) tried(c *call, tenant wire.ID, kind wire.MessageKind, recipient string, a messenger.Attempt) (any, error) {
	if h.Trials != nil {
		// The message has been sent, so its record must not depend on whether the caller still waits.
		if err := h.Trials.RecordTest(context.WithoutCancel(c.ctx()), tenant, kind, recipient, a); err != nil {
			return nil, err
		}
	}
	return wire.MessageTestResponse{Attempt: a.MessageAttempt}, nil
}
