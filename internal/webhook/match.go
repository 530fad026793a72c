package webhook

import (
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// Gate is what keeps an event from a webhook. The tenant's own switch is not among them: it is asked before any webhook is looked at.
type Gate string

const (
	Open          Gate = ""               // nothing: the webhook gets the event
	Disabled      Gate = "disabled"       // the webhook is switched off as a whole
	EventDisabled Gate = "event disabled" // the webhook has not switched the event type on
	OtherTenant   Gate = "other tenant"   // the webhook is neither global nor bound to the event's tenant
)

// Match tells which gate, if any, keeps an event of type t of the given tenant from webhook w.
//
// A system event needs only its switch on the webhook and ignores tenants, except an audit log entry that belongs to a
// tenant: that one goes only where the tenant's other events go. Rules: FusionAuth's webhook documentation, tenants (since 1.37).
func Match(w *wire.Webhook, t event.Type, scope event.Scope, tenant wire.ID) Gate {
	switch {
	case !enabled(w):
		return Disabled
	case !w.EventsEnabled[string(t)]:
		return EventDisabled
	case scope == event.ScopeSystem && tenant == "":
		return Open
	case w.Global || slices.Contains(w.TenantIDs, tenant):
		return Open
	default:
		return OtherTenant
	}
}
