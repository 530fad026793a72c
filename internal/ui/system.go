package ui

import (
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/wire"
)

var systemRoutes = []route{
	{"GET /admin/system", signedIn, admin.System, admin.View, (*server).system},
	{"POST /admin/system", signedIn, admin.System, admin.Change, (*server).updateSystem},
}

type systemPage struct {
	wire.SystemConfiguration
	Sizes     doctor.LogSizes
	Megabytes int64
	// Days, Entries and so on are the values of what may be absent on the wire; stored it never is. What is only kept for clients is
	// not here, CORS excepted: an input that does nothing is worse than none.
	AuditDays, WebhookDays, LoginDays, Entries       string
	AuditDelete, WebhookDelete, LoginDelete, Webhook bool
	Proxies, CORS                                    string
	Locked                                           bool
	MayExport                                        bool
}

func (s *server) system(v *visit) error {
	c, err := s.System.Load(v.Context())
	if err != nil {
		return err
	}
	sizes, err := s.Doctor.LogSizes(v.Context())
	if err != nil {
		return err
	}
	days := func(d wire.DeleteConfiguration) (string, bool) {
		return strconv.Itoa(*d.NumberOfDaysToRetain), *d.Enabled
	}
	page := systemPage{
		SystemConfiguration: c, Sizes: sizes, Megabytes: (sizes.Bytes + 1<<20 - 1) >> 20, Entries: strconv.Itoa(*c.EventLogConfiguration.NumberToRetain), Webhook: *c.WebhookEventLogConfiguration.Enabled,
		Proxies: strings.Join(c.TrustedProxyConfiguration.Trusted, "\n"), CORS: indented(c.CORSConfiguration),
		Locked: !v.session.May(admin.System, admin.Change), MayExport: v.mayExport(),
	}
	page.AuditDays, page.AuditDelete = days(c.AuditLogConfiguration.Delete)
	page.WebhookDays, page.WebhookDelete = days(c.WebhookEventLogConfiguration.Delete)
	page.LoginDays, page.LoginDelete = days(c.LoginRecordConfiguration.Delete)
	return v.show("system", "System", page)
}

// Repeat are the commands that make the same set-up elsewhere.
func (systemPage) Repeat() string {
	return "export HERALD_API_KEY=… WEBHOOK_1_PASSWORD=…\nherald serve --kickstart kickstart.json"
}

// Policies are the choices of whom to believe.
func (systemPage) Policies(at frame) []option {
	return []option{{Value: string(wire.TrustAll), Text: at.Say("TrustAll")}, {Value: string(wire.TrustOnlyConfigured), Text: at.Say("TrustOnlyConfigured")}}
}

func (s *server) updateSystem(v *visit) error {
	c := v.changing("Changed the system configuration")
	_, err := s.System.Update(c.context(), func(current wire.SystemConfiguration) (wire.SystemConfiguration, error) {
		var request wire.SystemConfigurationRequest
		err := v.fill(wire.SystemConfigurationRequest{SystemConfiguration: current}, &request)
		if _, given := v.PostForm["proxies"]; given {
			request.SystemConfiguration.TrustedProxyConfiguration.Trusted = strings.Fields(v.PostFormValue("proxies"))
		}
		c.before, c.after = current, request.SystemConfiguration
		return request.SystemConfiguration, err
	})
	if err != nil {
		return v.again(err, func() error { return s.system(v) })
	}
	return v.done("SystemSaved", "/admin/system")
}
