package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Question is about the events of one type of one tenant, with what the tenant says about them.
type Question struct {
	Type event.Type
	// Scope is that of the type.
	Scope event.Scope
	// Tenant is empty for events of the whole installation.
	Tenant wire.ID
	// Listed says that the tenant lists the type in its event settings, Enabled that it is switched on there.
	Listed, Enabled bool
}

// Senders are the tenants, as far as a Question needs them: tenant.Settings.
type Senders interface {
	Exists(tenant wire.ID) bool
	Event(tenant wire.ID, t event.Type) (enabled bool, rule wire.TransactionType)
	Lists(tenant wire.ID, t event.Type) bool
}

// Ask makes a Question, and adds to v what is wrong with the members eventType and tenantId, together with what v holds already.
func Ask(v *problem.Validation, senders Senders, t event.Type, tenant wire.ID) Question {
	d, known := event.Lookup(t)
	switch {
	case t == "":
		v.Field("eventType", "blank", "Name the type of event that the question is about.")
	case !known:
		UnknownType(v, "eventType", string(t))
	case d.Scope == event.ScopeTenant && tenant == "" && !v.Has("tenantId"):
		v.Field("tenantId", "missing", "Name the tenant that the question is about.")
	}
	v.Check(tenant == "" || senders.Exists(tenant), "tenantId", "invalid", "There is no tenant with the id %s.", tenant)
	if d.Scope == event.ScopeSystem && t != event.AuditLogCreate { // audit log entries alone may belong to a tenant
		tenant = ""
	}
	q := Question{Type: t, Scope: d.Scope, Tenant: tenant, Listed: senders.Lists(tenant, t)}
	q.Enabled, _ = senders.Event(tenant, t)
	return q
}

// Explain tells whether the webhook gets the events in question, and for each gate whether it is open and what would open it. Errors:
// problem.ErrNotFound without such a webhook.
func (s *Service) Explain(ctx context.Context, id wire.ID, q Question) (wire.Explanation, error) {
	w, err := s.Load(ctx, id)
	if err != nil {
		return wire.Explanation{}, err
	}
	return s.ExplainReceiver(ctx, Explained{Webhook, id, subscriptionOf(&w), w.DisabledReason}, q)
}

// Explained is the receiver that a question is about.
type Explained struct {
	Kind           ReceiverKind
	ID             wire.ID
	Wants          Subscription
	DisabledReason string
}

// ExplainReceiver is Explain for any receiver.
func (s *Service) ExplainReceiver(ctx context.Context, of Explained, q Question) (wire.Explanation, error) {
	e := wire.Explanation{WebhookID: of.ID, EventType: string(q.Type), TenantID: q.Tenant, Gates: of.gates(q)}
	if s.DeliveryGates != nil {
		more, err := s.DeliveryGates(ctx, of.ID)
		if err != nil {
			return wire.Explanation{}, err
		}
		e.Gates = append(e.Gates, more...)
	}
	e.Receives = !slices.ContainsFunc(e.Gates, func(g wire.ExplainedGate) bool { return !g.Open })
	return e, nil
}

// gates are those that Match has, seen one by one, and those of the tenant before them.
func (of *Explained) gates(q Question) []wire.ExplainedGate {
	receiver := "The " + string(of.Kind)
	fixTenant := PatchRequest("tenant", q.Tenant, "eventConfiguration", map[string]any{"events": map[string]any{string(q.Type): map[string]any{"enabled": true}}})
	fix := func(member string, value any) string { return PatchRequest(string(of.Kind), of.ID, member, value) }
	system := q.Scope == event.ScopeSystem

	known := gate("eventType", true, "The type is one of Herald's own.", "", "")
	if event.IsCustom(q.Type) {
		known = gate("eventType", q.Listed, "The tenant has registered the custom type.",
			"The tenant has not registered the custom type: it is not in its event settings.", fixTenant)
	}

	tenant := gate("tenantEvent", true, "Events of the whole installation have no switch at a tenant.", "", "")
	if !system {
		tenant = gate("tenantEvent", q.Enabled, "The tenant sends the event.", "The tenant does not send the event: it is not enabled in its event settings.", fixTenant)
	}

	off := receiver + " is switched off."
	if of.DisabledReason != "" {
		off = fmt.Sprintf("%s was switched off by the server: %s.", receiver, of.DisabledReason)
	}
	working := gate("webhookEnabled", of.Wants.Enabled, receiver+" is switched on.", off, fix("enabled", true))

	wanted := gate("webhookEvent", of.Wants.Wants(q.Type), receiver+" wants the event.",
		receiver+" does not want the event: it is not enabled in eventsEnabled.", fix("eventsEnabled", map[string]any{string(q.Type): true}))

	bound := gate("tenantBinding", true, receiver+" is bound to the tenant.", "", "")
	switch {
	case system && q.Tenant == "" && of.Wants.All && !of.Wants.Global:
		bound = gate("tenantBinding", false, "", receiver+" gets all events of its tenants. Events of the whole installation go to it when they are named in eventsEnabled, or when it is global.", "")
	case system && q.Tenant == "":
		bound.Detail = fmt.Sprintf("Events of the whole installation go to %ss of any tenant.", of.Kind)
	case of.Wants.Global:
		bound.Detail = receiver + " is global: it gets the events of all tenants."
	case !slices.Contains(of.Wants.Tenants, q.Tenant):
		bound = gate("tenantBinding", false, "", receiver+" is neither global nor bound to the tenant.", fix("tenantIds", []wire.ID{q.Tenant}))
	}
	filtered := gate("filter", true, receiver+" has no filter.", "", "")
	if of.Wants.Filter != nil {
		filtered.Detail = receiver + " takes those of the events for which its filter is true: " + of.Wants.Filter.Text()
	}
	return []wire.ExplainedGate{known, tenant, working, wanted, bound, filtered}
}

// gate is a gate with the texts for both of its states; fix is for the closed one.
func gate(name string, open bool, whenOpen, whenClosed, fix string) wire.ExplainedGate {
	if open {
		return wire.ExplainedGate{Gate: name, Open: true, Detail: whenOpen}
	}
	return wire.ExplainedGate{Gate: name, Detail: whenClosed, Fix: fix}
}

// PatchRequest is the request, for people, that changes one member of an object. In this kind of PATCH objects are merged and lists grow. value must be something
// that can be encoded.
func PatchRequest(kind string, id wire.ID, member string, value any) string {
	body, err := json.Marshal(map[string]any{kind: map[string]any{member: value}})
	if err != nil { // never: it is made of texts and booleans
		return ""
	}
	return fmt.Sprintf("PATCH /api/%s/%s %s", kind, id, body)
}
