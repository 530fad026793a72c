package replay

import (
	"fmt"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// deliveryStates are all there are, in the order in which they are shown.
var deliveryStates = []wire.DeliveryState{
	wire.DeliveryPending, wire.DeliveryRetrying, wire.DeliveryDelivered, wire.DeliveryDead, wire.DeliveryCancelled,
}

// taskStates are all there are.
var taskStates = []wire.DeliveryTaskState{wire.TaskRunning, wire.TaskPaused, wire.TaskDone, wire.TaskCancelled, wire.TaskFailed}

const (
	// mostTypes is how many event types a filter names at most.
	mostTypes = 200
	// fastest is the highest rate of a task, in deliveries per second.
	fastest = 10_000
)

// checkSearch reports everything that cannot be meant.
func checkSearch(c wire.DeliverySearch) error {
	var v problem.Validation
	search.Check(&v, "search.", c.Page)
	if !outbox.KnownOrder(c.OrderBy) {
		v.Field("search.orderBy", "invalid", "Deliveries are ordered by %q, each with an optional ASC or DESC, separated by commas.", outbox.OrderNames())
	}
	checkFilter(&v, c.DeliveryFilter)
	return v.Err()
}

func checkFilter(v *problem.Validation, f wire.DeliveryFilter) {
	search.CheckInstant(v, "search.start", f.Start)
	search.CheckInstant(v, "search.end", f.End)
	if f.Start != 0 && f.End != 0 && !v.Has("search.start") && !v.Has("search.end") {
		v.Check(f.Start < f.End, "search.end", "invalid", "The end, %s, is not after the start, %s.", f.End.Shown(), f.Start.Shown())
	}
	v.Check(len(f.EventTypes) <= mostTypes, "search.eventType", "invalid", "A search names %d event types at most.", mostTypes)
	if !v.Has("search.eventType") {
		for _, name := range f.EventTypes {
			if _, ok := event.Lookup(event.Type(name)); !ok {
				webhook.UnknownType(v, "search.eventType", name)
			}
		}
	}
	search.CheckOneOf(v, "search.state", "state of a delivery", deliveryStates, f.States...)
}

// checkTaskFilter checks the filter of a task that changes deliveries in some of the given states.
func checkTaskFilter(v *problem.Validation, f wire.DeliveryFilter, states []outbox.State, what string) {
	checkFilter(v, f)
	if !v.Has("search.state") {
		for _, state := range f.States {
			v.Check(slices.Contains(states, outbox.State(state)), "search.state", "invalid", "Only deliveries in the states %q are %s, not those that are %s.", states, what, state)
		}
	}
	limited := f.WebhookID != "" || len(f.EventTypes) > 0 || len(f.States) > 0 || f.Start != 0 || f.End != 0 || f.LinkedObjectID != "" || f.EventID != ""
	v.Check(limited, "search", "missing", "Say which deliveries: at least one of webhookId, eventType, state, start, end, linkedObjectId and eventId is needed.")
}

func checkRate(v *problem.Validation, rate *float64) {
	v.Check(rate == nil || *rate > 0 && *rate <= fastest, "rate", "invalid", "The rate is in deliveries per second, above 0 and at most %d. Without one there is no limit.", fastest)
}

func checkRecovery(v *problem.Validation, r wire.DeliveryRecovery, now wire.Instant) {
	v.Check(r.WebhookID != "", "webhookId", "missing", "Name the webhook that is to have what it has missed.")
	if r.Since == 0 {
		v.Field("since", "missing", "Say since when, in milliseconds since 1970.")
	}
	search.CheckOneOf(v, "which", "part of what a webhook has missed", []wire.RecoveryPart{wire.RecoverFailed, wire.RecoverNeverSent}, search.Given(r.Which)...)
	search.CheckInstant(v, "since", r.Since)
	search.CheckInstant(v, "until", r.Until)
	if v.Has("since") || v.Has("until") {
		return
	}
	v.Check(r.Since <= now, "since", "invalid", "This instant, %s, is still to come.", r.Since.Shown())
	v.Check(r.Until == 0 || r.Since < r.Until, "until", "invalid", "The end, %s, is not after the beginning, %s.", r.Until.Shown(), r.Since.Shown())
}

// unknownWebhook is the field problem of a body that names a webhook which does not exist.
func unknownWebhook(path string, id wire.ID) error {
	var v problem.Validation
	v.Field(path, "invalid", "There is no webhook with the id %s.", id)
	return v.Err()
}

// number writes a count for people: "1 delivery", "2 deliveries".
func number(n int) string {
	if n == 1 {
		return "1 delivery"
	}
	return fmt.Sprintf("%d deliveries", n)
}
