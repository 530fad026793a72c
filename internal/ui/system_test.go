package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "system", path: "/admin/system"},
		screen{name: "system-refused", path: "/admin/system", prepare: func(p *uitest.Page, s *stage) {
			p.Type("Report time zone", s.text("Europe/Berlinn", 100)).Click("Save").See("no time zone")
		}},
	)
}

func TestSystem(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const root = "systemConfiguration."
		b := h.admin()
		b.gets("/admin/system", 200, `value="Etc/UTC"`)
		form := url.Values{
			root + "webhookEventLogConfiguration.enabled:bool":                       {"false"},
			root + "webhookEventLogConfiguration.delete.numberOfDaysToRetain:number": {"0"},
			root + "auditLogConfiguration.delete.enabled:bool":                       {"false", "true"},
			root + "auditLogConfiguration.delete.numberOfDaysToRetain:number":        {"90"},
			root + "loginRecordConfiguration.delete.enabled:bool":                    {"false", "true"},
			root + "loginRecordConfiguration.delete.numberOfDaysToRetain:number":     {"45"},
			root + "eventLogConfiguration.numberToRetain:number":                     {"500"},
			root + "reportTimezone":                        {"Europe/Berlin"},
			root + "trustedProxyConfiguration.trustPolicy": {"OnlyConfigured"},
			"proxies":                       {"10.0.0.0/8\r\nnonsense"},
			root + "corsConfiguration:json": {`{"enabled": true}`},
		}
		page := b.posts("/admin/system", form, 400, root+"webhookEventLogConfiguration.delete.numberOfDaysToRetain-error")
		if !strings.Contains(page, `href="#`+root+`trustedProxyConfiguration.trusted`) || !strings.Contains(page, "nonsense") {
			t.Errorf("the proxies are not refused:\n%s", page)
		}
		form.Set(root+"webhookEventLogConfiguration.delete.numberOfDaysToRetain:number", "7")
		form.Set("proxies", "10.0.0.0/8\r\n192.0.2.1")
		b.posts("/admin/system", form, 303, "/admin/system")
		var saved wire.SystemConfigurationResponse
		h.Call("GET", "/api/system-configuration", nil).Want(200).Decode(&saved)
		c := saved.SystemConfiguration
		if *c.WebhookEventLogConfiguration.Enabled || *c.WebhookEventLogConfiguration.Delete.NumberOfDaysToRetain != 7 || !*c.AuditLogConfiguration.Delete.Enabled || !*c.LoginRecordConfiguration.Delete.Enabled || *c.LoginRecordConfiguration.Delete.NumberOfDaysToRetain != 45 ||
			*c.EventLogConfiguration.NumberToRetain != 500 || c.ReportTimezone != "Europe/Berlin" || len(c.TrustedProxyConfiguration.Trusted) != 2 || !strings.Contains(string(c.CORSConfiguration), "true") {
			t.Errorf("saved %+v", c)
		}
		if entry := h.audited(); !strings.Contains(string(entry.OldValue), "Etc/UTC") || !strings.Contains(string(entry.NewValue), "Europe/Berlin") {
			t.Errorf("audit log: %+v", entry)
		}
		for range 3 {
			if err := h.App.Journal().Log(t.Context(), wire.EventLogDebug, "x"); err != nil {
				t.Fatal(err)
			}
		}
		b.gets("/admin/system", 200, "About 3 entries since")
		form.Set(root+"eventLogConfiguration.numberToRetain:number", "1")
		b.posts("/admin/system", form, 303, "/admin/system")
		b.gets("/admin/system", 200, "About 2 of them will be removed")
		viewer := h.admin("auditor")
		if page := viewer.gets("/admin/system", 200, "Europe/Berlin"); strings.Contains(page, "<button class=\"main\">") {
			t.Error("an auditor is offered to save")
		}
		viewer.posts("/admin/system", form, 403, "roles do not open")
	})
}
