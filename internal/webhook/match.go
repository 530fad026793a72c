package webhook

import (
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// Gate is what keeps an event from a receiver. The tenant's own switch is not among them: it is asked before any receiver is looked at.
type Gate string

const (
	Open          Gate = ""               // nothing: the receiver gets the event
	Disabled      Gate = "disabled"       // the receiver is switched off as a whole
	EventDisabled Gate = "event disabled" // the receiver has not switched the event type on
	OtherTenant   Gate = "other tenant"   // the receiver is neither global nor bound to the event's tenant
)

// Subscription is what decides which events a receiver gets.
type Subscription struct {
	Enabled bool
	// All wants events of every type, else those that are true in Events.
	All    bool
	Events map[string]bool
	// Global gets the events of all tenants, else those of Tenants.
	Global  bool
	Tenants []wire.ID
}

func subscriptionOf(w *wire.Webhook) Subscription {
	return Subscription{Enabled: enabled(w), Events: w.EventsEnabled, Global: w.Global, Tenants: w.TenantIDs}
}

// Wants tells whether the type is switched on.
func (s *Subscription) Wants(t event.Type) bool { return s.All || s.Events[string(t)] }

// Match tells which gate, if any, keeps an event of type t of the given tenant away.
//
// A system event needs only its switch and ignores tenants, except an audit log entry that belongs to a
// tenant: that one goes only where the tenant's other events go. Rules: FusionAuth's webhook documentation, tenants (since 1.37).
func (s *Subscription) Match(t event.Type, scope event.Scope, tenant wire.ID) Gate {
	switch {
	case !s.Enabled:
		return Disabled
	case !s.Wants(t):
		return EventDisabled
	case scope == event.ScopeSystem && tenant == "":
		return Open
	case s.Global || slices.Contains(s.Tenants, tenant):
		return Open
	default:
		return OtherTenant
	}
}

// Match is [Subscription.Match] for webhook w.
func Match(w *wire.Webhook, t event.Type, scope event.Scope, tenant wire.ID) Gate {
	s := subscriptionOf(w)
	return s.Match(t, scope, tenant)
}
