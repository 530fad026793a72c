package ui

import (
	"maps"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// What the forms of webhooks and of sinks share: which types of events of which tenants a receiver gets.

// eventGroup are the event types that begin alike, as user.login.…
type eventGroup struct {
	Name  string
	Types []event.Descriptor
}

// groupOf is the name of the group that a type is in: the first part of its own.
func groupOf(t event.Type) string {
	name, _, _ := strings.Cut(string(t), ".")
	return name
}

// eventGroups are all types that a webhook can have, by the first part of their names, in the order of the catalogue.
func eventGroups() (groups []eventGroup) {
	for _, d := range event.All() {
		name := groupOf(d.Type)
		at := slices.IndexFunc(groups, func(g eventGroup) bool { return g.Name == name })
		if at < 0 {
			groups, at = append(groups, eventGroup{Name: name}), len(groups)
		}
		groups[at].Types = append(groups[at].Types, d)
	}
	return groups
}

// eventSwitches chooses types of events, for the part "event-switches". Of is the object they belong to: "webhook".
type eventSwitches struct {
	Of string
	On wire.Map[bool]
}

func (eventSwitches) Groups() []eventGroup { return eventGroups() }

// GroupOf is the group of a type, for the button that selects all of it.
func (eventSwitches) GroupOf(t event.Type) string { return groupOf(t) }

// Sends tells whether a type is on, as the form says when it is shown again.
func (s eventSwitches) Sends(at frame, t event.Type) bool {
	return at.Field(s.Of+".eventsEnabled["+string(t)+"]", "Enabled", s.On[string(t)]).Switch().On
}

// Custom are the custom types that are on, a line each.
func (s eventSwitches) Custom() (lines string) {
	for _, name := range slices.Sorted(maps.Keys(s.On)) {
		if s.On[name] && event.IsCustom(event.Type(name)) {
			lines += name + "\n"
		}
	}
	return lines
}

// setCustom makes the custom types that the form names the ones that are on. A form without the input changes none.
func (v *visit) setCustom(wrong *problem.Validation, on *wire.Map[bool]) {
	posted, ok := v.PostForm["custom"]
	if !ok {
		return
	}
	events := wire.Map[bool]{}
	for name, enabled := range *on {
		if !event.IsCustom(event.Type(name)) {
			events[name] = enabled
		}
	}
	for _, name := range strings.Fields(strings.ReplaceAll(posted[len(posted)-1], ",", " ")) {
		switch {
		case event.IsCustom(event.Type(name)):
			events[name] = true
		case strings.HasPrefix(name, event.CustomPrefix):
			webhook.UnknownType(wrong, "custom", name)
		default:
			wrong.Field("custom", "invalid", "%s", v.text.say("CustomWrong", "Name", name))
		}
	}
	*on = events
}

// bindings chooses tenants, for the part "bindings". Of is the object they belong to: "webhook".
type bindings struct {
	Of      string
	Global  bool
	IDs     []wire.ID
	Tenants []wire.Tenant
}

// Bound tells whether a tenant is chosen, as the form says when it is shown again.
func (b bindings) Bound(at frame, id wire.ID) bool {
	if posted, ok := at.v.PostForm[b.Of+".tenantIds[]"]; ok && at.v.problem != nil {
		return slices.Contains(posted, string(id))
	}
	return slices.Contains(b.IDs, id)
}
