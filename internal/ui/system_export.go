package ui

import (
	"bytes"
	"errors"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/kickstart"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
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
	setUp, err := s.wholeSetUp(v)
	if err != nil {
		return err
	}
	file, err := kickstart.Export(setUp)
	if err != nil {
		return err
	}
	return v.download("application/json", "kickstart.json", bytes.NewReader(file))
}

func (s *server) wholeSetUp(v *visit) (all kickstart.SetUp, err error) {
	ctx := v.Context()
	all.BuiltIn = []wire.ID{tenant.DefaultSigningKeyID, tenant.DefaultThemeID}
	if all.InitialMessages, all.InitialEmails, err = template.Defaults(); err != nil {
		return all, err
	}
	if all.DefaultTenant, err = s.Tenants.DefaultID(ctx); err != nil {
		return all, err
	}
	// What names others is read before them, so that all it names is there.
	if all.Webhooks, err = s.Webhooks.List(ctx); err != nil {
		return all, err
	}
	if all.Tenants, err = s.Tenants.List(ctx); err != nil {
		return all, err
	}
	for _, t := range all.Tenants {
		server, err := s.Tenants.Mail(ctx, t.ID)
		if _, ok := problem.As(err); err != nil && !ok && !errors.Is(err, problem.ErrNotFound) { // a server that cannot be used may have a password
			return all, err
		}
		if server.Password != "" {
			all.MailPasswords = append(all.MailPasswords, t.ID)
		}
	}
	if all.Messengers, err = s.Messengers.List(ctx); err != nil {
		return all, err
	}
	if all.Messages, err = s.Templates.Messages().List(ctx); err != nil {
		return all, err
	}
	all.Emails, err = s.Templates.Emails().List(ctx)
	return all, err
}
