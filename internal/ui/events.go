package ui

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var eventRoutes = []route{
	{"GET /admin/event", signedIn, "", 0, (*server).events},
	{"GET /admin/event/{type}", signedIn, "", 0, (*server).event},
}

type eventsPage struct {
	Groups []eventGroup
	// Enabled counts, by type, the tenants that have it on. Nil for who may not see tenants.
	Enabled map[event.Type]int
}

// events is the catalogue: every type of event, those of other systems that a tenant has registered too.
func (s *server) events(v *visit) error {
	page := eventsPage{Groups: eventGroups()}
	tenants, err := s.Tenants.List(v.Context())
	if err != nil {
		return err
	}
	enabled, own := map[event.Type]int{}, eventGroup{Name: "custom"}
	for _, t := range tenants {
		for name, setting := range t.EventConfiguration.Events {
			d, ok := event.Lookup(event.Type(name))
			if ok && event.IsCustom(d.Type) && !slices.ContainsFunc(own.Types, func(o event.Descriptor) bool { return o.Type == d.Type }) {
				own.Types = append(own.Types, d)
			}
			if setting.Enabled {
				enabled[event.Type(name)]++
			}
		}
	}
	if len(own.Types) > 0 {
		slices.SortFunc(own.Types, func(a, b event.Descriptor) int { return strings.Compare(string(a.Type), string(b.Type)) })
		page.Groups = append(page.Groups, own)
	}
	if v.session.May(admin.Tenants, admin.View) {
		page.Enabled = enabled
	}
	return v.show("events", "EventCatalogue", page)
}

type eventPage struct {
	event.Descriptor
	Group   string
	Custom  bool
	Members []member
	// Example is a whole event, "" where there is none.
	Example string
	// Tenants have it on, Webhooks want it. Nil for who may not see them.
	Tenants  []eventTenant
	Webhooks []eventWebhook
	// Tests tells that a test can be sent from the page of a webhook.
	Tests bool
}

type eventTenant struct {
	wire.Tenant
	Rule wire.TransactionType
}

type eventWebhook struct {
	webhookRow
	Name string
	// At is the tenant to make the delivery check for: the first that has the event on and whose events the webhook gets.
	At wire.ID
}

// event shows one type: when it is sent, what is in it, and who gets it now.
func (s *server) event(v *visit) (err error) {
	d, ok := event.Lookup(event.Type(v.PathValue("type")))
	if !ok {
		return problem.ErrNotFound
	}
	page := eventPage{Descriptor: d, Custom: event.IsCustom(d.Type), Group: groupOf(d.Type)}
	if !page.Custom {
		example, err := event.Example(d.Type)
		if err != nil {
			return err
		}
		page.Example = strings.TrimSpace(string(example))
		page.Members = membersOf(example)
	}
	tenants, err := s.Tenants.List(v.Context())
	if err != nil {
		return err
	}
	var on []eventTenant
	for _, t := range tenants {
		if setting := t.EventConfiguration.Events[string(d.Type)]; setting.Enabled {
			on = append(on, eventTenant{t, setting.TransactionType})
		}
	}
	if v.session.May(admin.Tenants, admin.View) {
		page.Tenants = on
	}
	if v.session.May(admin.Webhooks, admin.View) {
		webhooks, err := s.Webhooks.List(v.Context())
		if err != nil {
			return err
		}
		for _, w := range webhooks {
			if !w.EventsEnabled[string(d.Type)] {
				continue
			}
			row := eventWebhook{webhookRow: s.webhookRow(w), Name: nameOfWebhook(w)}
			for _, t := range on {
				if row.At == "" && (w.Global || slices.Contains(w.TenantIDs, t.ID)) {
					row.At = t.ID
				}
			}
			page.Webhooks = append(page.Webhooks, row)
		}
	}
	_, page.Tests = s.byPath["/admin/webhook/{id}/test"]
	v.under("EventCatalogue", "/admin/event")
	v.of = string(d.Type)
	return v.show("event", "Event", page)
}

// member is a member of an event: where it is, the kind of its value, and an example.
type member struct{ Path, Kind, Example string }

// membersOf are the members of an example, in the order of their paths. Of a list the first element stands for all.
func membersOf(example []byte) (all []member) {
	decoder := json.NewDecoder(strings.NewReader(string(example)))
	decoder.UseNumber()
	var root any
	if decoder.Decode(&root) != nil { // the examples are tested
		return nil
	}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(value)) {
				walk(strings.TrimPrefix(path+"."+name, "."), value[name])
			}
		case []any:
			if len(value) == 0 {
				all = append(all, member{path + "[]", "list", ""})
				return
			}
			walk(path+"[]", value[0])
		default:
			all = append(all, member{path, kindOf(path, value), fmt.Sprint(value)})
		}
	}
	walk("", root)
	return all
}

func kindOf(path string, value any) string {
	switch value.(type) {
	case string:
		if strings.HasSuffix(path, "Id") || strings.HasSuffix(path, ".id") || strings.HasSuffix(path, "Ids[]") {
			return "UUID"
		}
		return "string"
	case json.Number:
		if strings.HasSuffix(path, "nstant") {
			return "instant (ms)"
		}
		return "number"
	case bool:
		return "boolean"
	}
	return "null"
}
