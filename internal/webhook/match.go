package webhook

import (
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/filter"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Gate is what keeps an event from a receiver. The tenant's own switch is not among them: it is asked before any receiver is looked at.
type Gate string

const (
	Open          Gate = ""               // nothing: the receiver gets the event
	Disabled      Gate = "disabled"       // the receiver is switched off as a whole
	EventDisabled Gate = "event disabled" // the receiver has not switched the event type on
	OtherTenant   Gate = "other tenant"   // the receiver is neither global nor bound to the event's tenant
	Filtered      Gate = "filter"         // the receiver's filter is not true for the event
	FilterFailed  Gate = "filter failed"  // the receiver's filter says neither yes nor no about the event
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
	// Filter decides about each event, nil lets all through.
	Filter *filter.Filter
}

// Pass tells whether the filter lets the event through, and if it failed, why.
func (s *Subscription) Pass(e *filter.Event) (gate Gate, why string) {
	if s.Filter == nil {
		return Open, ""
	}
	switch matches, err := s.Filter.Match(e); {
	case err != nil:
		return FilterFailed, err.Error()
	case matches:
		return Open, ""
	default:
		return Filtered, ""
	}
}

// CheckFilter normalizes a filter and adds what is wrong with it.
func CheckFilter(v *problem.Validation, path string, text *string) {
	if *text = strings.TrimSpace(*text); *text == "" {
		return
	}
	if _, err := filter.Compile(*text); err != nil {
		v.Field(path, "invalid", "The filter cannot be read: %v.", err)
	}
}

// FilterOf is the filter with that text, nil for none. One that is stored and cannot be read any more lets nothing through.
func FilterOf(text string) *filter.Filter {
	if text == "" {
		return nil
	}
	f, err := filter.Compile(text)
	if err != nil {
		f, _ = filter.Compile("false")
	}
	return f
}

func subscriptionOf(w *wire.Webhook) Subscription {
	return Subscription{Enabled: enabled(w), Events: w.EventsEnabled, Global: w.Global, Tenants: w.TenantIDs, Filter: FilterOf(w.Filter)}
}

// Wants tells whether the type is switched on.
func (s *Subscription) Wants(t event.Type) bool { return s.All || s.Events[string(t)] }

// Match tells which gate, if any, keeps an event of type t of the given tenant away.
//
// A system event needs only its switch and ignores tenants, except an audit log entry that belongs to a
// tenant: that one goes only where the tenant's other events go; and all events without any tenant are those of all tenants. Rules: FusionAuth's webhook documentation, tenants (since 1.37).
func (s *Subscription) Match(t event.Type, scope event.Scope, tenant wire.ID) Gate {
	switch {
	case !s.Enabled:
		return Disabled
	case !s.Wants(t):
		return EventDisabled
	case scope == event.ScopeSystem && tenant == "":
		if s.All && !s.Global { // all of its tenants is meant
			return OtherTenant
		}
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
