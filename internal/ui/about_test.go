package ui_test

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "events", path: "/admin/event"},
		screen{name: "event", path: "/admin/event/user.create"},
		screen{name: "event-system", path: "/admin/event/audit-log.create"},
		screen{name: "event-custom", path: "/admin/event/custom.order.paid"},
		screen{name: "about", path: "/admin/about"},
	)
}

func TestEventCatalogue(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, other := h.admin(), h.admin("group_manager")
		b.gets("/admin/event", 200, `href="/admin/event/user.two-factor.success"`)
		page := b.gets("/admin/event/user.create", 200, "user.create.complete")
		for _, says := range []string{"event.user.email", "No tenant has it on", "No webhook wants it"} {
			if !strings.Contains(page, says) {
				t.Errorf("the page does not say %q", says)
			}
		}
		h.Enable(wire.Any, "user.create")
		id := h.Subscribe("https://crm.example.com/hook?key=secret", []string{"user.create"}, func(w *wire.Webhook) { w.Description = "" })
		page = b.gets("/admin/event/user.create", 200, "/admin/webhook/"+string(id)+"?type=user.create&amp;tenant="+string(h.Tenant))
		if !strings.Contains(page, "Any") || strings.Contains(page, "secret") {
			t.Errorf("who gets it:\n%s", page)
		}
		b.gets("/admin/event/user.nothing", 404, "nothing at this address")
		b.gets("/admin/event/custom.order.paid", 200, "POST /api/event")
		if page := other.gets("/admin/event/user.create", 200, "event.user.email"); strings.Contains(page, "Who gets it now") {
			t.Error("who may see neither tenants nor webhooks sees them here")
		}
	})
}

func TestAbout(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		page := h.admin().gets("/admin/about", 200, "transaction-timeout")
		for _, says := range []string{"Apache License", "Prometheus instrumentation", "go1.", "bug report"} {
			if !strings.Contains(strings.ToLower(page), strings.ToLower(says)) {
				t.Errorf("the page does not say %q", says)
			}
		}
		if page := h.admin("webhook_manager").gets("/admin/about", 200, "go1."); strings.Contains(page, "transaction-timeout") {
			t.Error("settings are shown to who may not see them")
		}
	})
}
