package ui

import (
	"bytes"

	"github.com/herald-events/herald/internal/admin"
)

var exportRoutes = []route{
	{"GET /admin/system/export", signedIn, admin.System, admin.View, (*server).export},
}

// mayExport tells whether the administrator may see all that a set-up consists of.
func (v *visit) mayExport() bool {
	for _, area := range []admin.Area{admin.Tenants, admin.Webhooks, admin.Messengers, admin.Messages, admin.Emails} {
		if !v.session.May(area, admin.View) {
			return false
		}
	}
	return true
}

// export is the set-up as a kickstart file.
func (s *server) export(v *visit) error {
	if !v.mayExport() {
		return errForbidden
	}
	file, err := s.SetUp(v.Context())
	if err != nil {
		return err
	}
	return v.download("application/json", "kickstart.json", bytes.NewReader(file))
}
