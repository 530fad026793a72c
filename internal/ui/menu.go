package ui

import (
	"strings"

	"github.com/herald-events/herald/internal/admin"
)

// link leads to a page.
type link struct {
	Text, To string
	// Here marks the page that is shown, and those under it.
	Here bool
}

type menuGroup struct {
	Text  string
	Links []link
}

// area is an entry of the menu. Who it is open to is the access of its route.
type area struct{ text, to string }

// menu is the map of the admin UI. The names of the screens are those of the compatible product where it has them (reference, section 10).
var menu = []struct {
	text  string
	areas []area
}{
	{"", []area{{"Overview", "/admin/"}}},
	{"MenuActivity", []area{
		{"WebhookLog", "/admin/log"}, {"Attempts", "/admin/attempt"}, {"Messages", "/admin/message"}, {"Backlog", "/admin/backlog"}, {"Live", "/admin/live"},
	}},
	{"MenuSettings", []area{
		{"Webhooks", "/admin/webhook"}, {"Sinks", "/admin/sink"}, {"Integrations", "/admin/integration"}, {"Messengers", "/admin/messenger"}, {"KeyMaster", "/admin/key"}, {"APIKeys", "/admin/api-key"}, {"System", "/admin/system"},
	}},
	{"Tenants", []area{{"Tenants", "/admin/tenant"}}},
	{"MenuCustomizations", []area{{"MessageTemplates", "/admin/message-template"}, {"EmailTemplates", "/admin/email-template"}}},
	{"MenuDirectory", []area{{"Users", "/admin/user"}, {"Applications", "/admin/application"}, {"Groups", "/admin/group"}}},
	{"MenuSystem", []area{
		{"EventLog", "/admin/event-log"}, {"AuditLog", "/admin/audit-log"}, {"LoginRecords", "/admin/login-record"}, {"Health", "/admin/health"}, {"AboutHerald", "/admin/about"},
	}},
	{"MenuHelp", []area{{"EventCatalogue", "/admin/event"}}},
}

// menu is what the administrator's roles open of it.
func (v *visit) menu() (groups []menuGroup) {
	if v.session == nil {
		return nil
	}
	for _, g := range menu {
		group := menuGroup{}
		if g.text != "" {
			group.Text = v.text.say(g.text)
		}
		for _, a := range g.areas {
			row, ok := v.s.byPath[a.to]
			if !ok || row.area != "" && !v.session.May(row.area, admin.View) {
				continue
			}
			here := v.URL.Path == a.to || a.to != "/admin/" && strings.HasPrefix(v.URL.Path, a.to+"/")
			group.Links = append(group.Links, link{v.text.say(a.text), a.to, here})
		}
		if len(group.Links) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}
