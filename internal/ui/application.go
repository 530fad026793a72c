package ui

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

var applicationRoutes = []route{
	{"GET /admin/application", signedIn, admin.Applications, admin.View, (*server).applications},
	{"GET /admin/application/{id}", signedIn, admin.Applications, admin.View, (*server).application},
	{"GET /admin/application/add", signedIn, admin.Applications, admin.Change, (*server).addApplication},
	{"POST /admin/application/add", signedIn, admin.Applications, admin.Change, (*server).createApplication},
	{"GET /admin/application/{id}/edit", signedIn, admin.Applications, admin.Change, (*server).editApplication},
	{"POST /admin/application/{id}/edit", signedIn, admin.Applications, admin.Change, (*server).updateApplication},
	{"GET /admin/application/{id}/deactivate", signedIn, admin.Applications, admin.Change, (*server).askDeactivateApplication},
	{"POST /admin/application/{id}/deactivate", signedIn, admin.Applications, admin.Change, (*server).deactivateApplication},
	{"POST /admin/application/{id}/reactivate", signedIn, admin.Applications, admin.Change, (*server).reactivateApplication},
	{"GET /admin/application/{id}/delete", signedIn, admin.Applications, admin.Delete, (*server).askDeleteApplication},
	{"POST /admin/application/{id}/delete", signedIn, admin.Applications, admin.Delete, (*server).deleteApplication},
	{"GET /admin/application/{id}/role/add", signedIn, admin.Applications, admin.Change, (*server).addRole},
	{"POST /admin/application/{id}/role/add", signedIn, admin.Applications, admin.Change, (*server).createRole},
	{"GET /admin/application/{id}/role/{role}/edit", signedIn, admin.Applications, admin.Change, (*server).editRole},
	{"POST /admin/application/{id}/role/{role}/edit", signedIn, admin.Applications, admin.Change, (*server).updateRole},
	{"GET /admin/application/{id}/role/{role}/delete", signedIn, admin.Applications, admin.Change, (*server).askDeleteRole},
	{"POST /admin/application/{id}/role/{role}/delete", signedIn, admin.Applications, admin.Change, (*server).deleteRole},
}

type applicationsPage struct {
	Text         string
	Applications []applicationRow
	Older, Newer string
	names        names
}

type applicationRow struct {
	wire.Application
	BuiltIn, May bool
}

// Tenant is how the tenant of an application is called, ManyTenants tells whether that needs to be said.
func (p applicationsPage) Tenant(id wire.ID) string { return p.names.of(id) }
func (p applicationsPage) ManyTenants() bool        { return len(p.names) > 1 }

func (s *server) applicationRow(v *visit, a wire.Application) applicationRow {
	return applicationRow{a, a.ID == application.AdminID, v.session.MayChangeApplication(a.ID) == nil}
}

func (s *server) applications(v *visit) (err error) {
	page := applicationsPage{Text: strings.TrimSpace(v.FormValue("text"))}
	if page.names, err = s.tenantNames(v); err != nil {
		return err
	}
	c := wire.ApplicationSearch{Name: page.Text, Page: v.window()}
	found, total, err := s.Applications.Search(v.Context(), v.preferences.Tenant, c)
	if err != nil {
		return err
	}
	for _, a := range found {
		page.Applications = append(page.Applications, s.applicationRow(v, a))
	}
	page.Newer, page.Older = v.windows(len(found), total)
	return v.show("applications", "Applications", page)
}

type applicationPage struct {
	applicationRow
	Tenant string
	application.Settings
	Data string
}

func (s *server) application(v *visit) error {
	a, err := s.Applications.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := applicationPage{applicationRow: s.applicationRow(v, a)}
	all, err := s.Applications.Registry(v.Context())
	if err != nil {
		return err
	}
	if found := all.Find(a.ID); found != nil {
		page.Settings = found.Settings
		page.OAuth.ClientSecret = ""
	}
	if page.Tenant, err = s.tenantName(v, a.TenantID); err != nil {
		return err
	}
	page.Data = pretty(a.Extra["data"])
	v.under("Applications", "/admin/application")
	v.of = a.Name
	return v.show("application", "Application", page)
}

// pretty is JSON for people, "" for nothing.
func pretty(raw json.RawMessage) string {
	var object wire.Object
	if json.Unmarshal(raw, &object) != nil {
		return ""
	}
	text, _ := jsonOf(object) // it was JSON before
	return text
}

// Fixed tells whether a role can be neither changed nor deleted.
func (p applicationPage) Fixed(role string) bool { return p.BuiltIn && application.IsAdminRole(role) }

type applicationForm struct {
	wire.Application
	New     bool
	Tenants []option
	Keys    []option
	Emails  []option
	// SMS and Voices are message templates.
	SMS, Voices []option
}

// member is the raw value at a path of the application, nil for none.
func (f applicationForm) member(path string) json.RawMessage {
	first, rest, _ := strings.Cut(path, ".")
	raw := f.Extra[first]
	for rest != "" {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return nil
		}
		first, rest, _ = strings.Cut(rest, ".")
		raw = members[first]
	}
	return raw
}

// At is the text at a path of the application, "" for none.
func (f applicationForm) At(path string) string {
	raw := f.member(path)
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// On is the boolean at a path.
func (f applicationForm) On(path string, otherwise bool) bool {
	on := otherwise
	if json.Unmarshal(f.member(path), &on) != nil {
		return otherwise
	}
	return on
}

// Has tells whether there is a text at a path.
func (f applicationForm) Has(path string) bool { return f.At(path) != "" }

// DataOf is the free data as JSON, "" for none.
func (f applicationForm) DataOf() string { return pretty(f.Extra["data"]) }

// Policies and the others are the values that a setting can have, behind the one that means the default.
func (f applicationForm) Policies(at frame) []option {
	return []option{{Text: at.Say("AsTenant")}, {Value: string(tenant.ChallengeDisabled), Text: at.Say("FactorNever")}, {Value: string(tenant.ChallengeEnabled), Text: at.Say("FactorIfThere")}, {Value: string(tenant.ChallengeRequired), Text: at.Say("FactorAlways")}, {Value: string(tenant.ChallengeOnMediumRisk), Text: at.Say("FactorMediumRisk")}, {Value: string(tenant.ChallengeOnHighRisk), Text: at.Say("FactorHighRisk")}}
}

func (f applicationForm) Trusts(at frame) []option {
	return []option{
		{Value: string(application.TrustAny), Text: at.Say("TrustAny")}, {Value: string(application.TrustThis), Text: at.Say("TrustThis")}, {Value: string(application.TrustNone), Text: at.Say("TrustNone")},
	}
}

func (f applicationForm) Strategies(at frame) []option {
	return []option{{Value: string(tenant.ClickableLink), Text: at.Say("StrategyLink")}, {Value: string(tenant.FormField), Text: at.Say("StrategyCode")}}
}

func (f applicationForm) Behaviors(at frame) []option {
	return []option{{Value: string(tenant.AllowUnverified), Text: at.Say("UnverifiedAllowed")}, {Value: string(tenant.GateUnverified), Text: at.Say("UnverifiedGated")}}
}

func (f applicationForm) ClientPolicies(at frame) []option {
	return []option{
		{Value: string(application.ClientRequired), Text: at.Say("ClientRequired")},
		{Value: string(application.ClientNotRequired), Text: at.Say("ClientNotRequired")},
		{Value: string(application.ClientUnlessWithPKCE), Text: at.Say("ClientUnlessPKCE")},
	}
}

// changeableApplication loads the application that the path names, which the administrator must be allowed to change.
func (s *server) changeableApplication(v *visit) (wire.Application, error) {
	if err := v.session.MayChangeApplication(v.id()); err != nil {
		return wire.Application{}, err
	}
	return s.Applications.Load(v.Context(), v.id())
}

func (s *server) addApplication(v *visit) error { return s.showApplicationForm(v, wire.Application{}) }

func (s *server) createApplication(v *visit) error {
	tenant, err := s.chosenTenant(v)
	var a wire.Application
	id := wire.ID(db.NewID())
	if err == nil {
		a, err = v.applicationOf(wire.Application{})
	}
	if err == nil {
		c := v.changing("Created the application %s", id).of("application", id)
		c.tenant, c.after = tenant, a
		_, err = s.Applications.Create(c.context(), tenant, id, "", a, v.info())
	}
	if err != nil {
		return v.again(err, func() error { return s.showApplicationForm(v, wire.Application{}) })
	}
	return v.done("ApplicationCreated", "/admin/application/"+string(id))
}

// applicationOf is what the form makes of an application.
func (v *visit) applicationOf(current wire.Application) (wire.Application, error) {
	var request wire.ApplicationRequest
	err := v.fill(wire.ApplicationRequest{Application: current}, &request)
	request.Application.Roles = current.Roles // have forms of their own
	return request.Application, err
}

func (s *server) editApplication(v *visit) error {
	a, err := s.changeableApplication(v)
	if err != nil {
		return err
	}
	return s.showApplicationForm(v, a)
}

func (s *server) updateApplication(v *visit) error {
	a, err := s.changeableApplication(v)
	if err != nil {
		return err
	}
	do := func(ctx context.Context, id wire.ID, edit func(wire.Application) (wire.Application, error)) (wire.Application, error) {
		return s.Applications.Update(ctx, id, v.info(), edit)
	}
	if err := update(v, "application", a.ID, do, v.applicationOf); err != nil {
		return v.again(err, func() error { return s.showApplicationForm(v, a) })
	}
	return v.done("ApplicationSaved", "/admin/application/"+string(a.ID))
}

func (s *server) showApplicationForm(v *visit, a wire.Application) (err error) {
	form := applicationForm{Application: a, New: a.ID == ""}
	if form.New {
		if form.TenantID, err = s.usualTenant(v); err != nil {
			return err
		}
		if form.Tenants, err = s.tenantChoices(v, form.TenantID); err != nil {
			return err
		}
	}
	asTenant := option{Text: v.text.say("AsTenant")}
	form.Keys, form.Emails, form.SMS, form.Voices = []option{asTenant}, []option{asTenant}, []option{asTenant}, []option{asTenant}
	keys, err := s.Keys.List(v.Context())
	if err != nil {
		return err
	}
	for _, k := range keys {
		if signs(k) {
			form.Keys = append(form.Keys, option{Value: string(k.ID), Text: k.Name + " (" + string(k.Algorithm) + ")"})
		}
	}
	emails, err := s.Templates.Emails().List(v.Context())
	if err != nil {
		return err
	}
	for _, t := range emails {
		form.Emails = append(form.Emails, option{Value: string(t.ID), Text: t.Name})
	}
	messages, err := s.Templates.Messages().List(v.Context())
	if err != nil {
		return err
	}
	for _, t := range messages {
		switch one := (option{Value: string(t.ID), Text: t.Name}); t.Type {
		case wire.SMS:
			form.SMS = append(form.SMS, one)
		case wire.Voice:
			form.Voices = append(form.Voices, one)
		}
	}
	v.under("Applications", "/admin/application")
	if form.New {
		return v.show("application-form", "ApplicationAdd", form)
	}
	v.aboutApplication(&a)
	return v.show("application-form", "ApplicationEdit", form)
}

// aboutApplication is for pages under that of an application.
func (v *visit) aboutApplication(a *wire.Application) {
	v.above = append(v.above, link{Text: a.Name, To: "/admin/application/" + string(a.ID)})
}

func (s *server) askApplication(v *visit, title, about string, effects ...string) error {
	a, err := s.changeableApplication(v)
	if err != nil {
		return err
	}
	if a.ID == application.AdminID {
		return problem.New(problem.Invalid, "[builtIn]", "%s", v.text.say("BuiltInStays"))
	}
	q := question{Text: v.text.say(about), Effects: effects, Do: v.text.say(title), Back: "/admin/application/" + string(a.ID)}
	v.under("Applications", "/admin/application")
	v.of = a.Name
	return v.show("confirm", title, q)
}

func (s *server) askDeactivateApplication(v *visit) error {
	return s.askApplication(v, "ApplicationDeactivate", "ApplicationDeactivateAbout")
}

func (s *server) deactivateApplication(v *visit) error {
	return s.setApplication(v, false, "Deactivated the application %s", "ApplicationDeactivated")
}

func (s *server) reactivateApplication(v *visit) error {
	return s.setApplication(v, true, "Reactivated the application %s", "ApplicationReactivated")
}

func (s *server) setApplication(v *visit, active bool, message, done string) error {
	a, err := s.changeableApplication(v)
	if err != nil {
		return err
	}
	c := v.changing(message, a.ID).of("application", a.ID)
	c.tenant = a.TenantID
	if _, err := s.Applications.SetActive(c.context(), a.ID, active); err != nil {
		return err
	}
	return v.done(done, "/admin/application/"+string(a.ID))
}

func (s *server) askDeleteApplication(v *visit) error {
	return s.askApplication(v, "ApplicationDelete", "ApplicationDeleteAbout", v.text.say("ApplicationDeleteEffect"), v.text.say("ApplicationDeleteSilent"))
}

func (s *server) deleteApplication(v *visit) error {
	a, err := s.changeableApplication(v)
	if err != nil {
		return err
	}
	if err := remove(v, "application", a.ID, a, s.Applications.Delete); err != nil {
		return v.again(err, func() error { return s.askDeleteApplication(v) })
	}
	return v.done("ApplicationDeleted", "/admin/application")
}

type roleForm struct {
	wire.ApplicationRole
	Application wire.ID
}

func (s *server) addRole(v *visit) error {
	a, err := s.changeableApplication(v)
	if err != nil {
		return err
	}
	return v.showRoleForm(&a, wire.ApplicationRole{})
}

func (v *visit) showRoleForm(a *wire.Application, r wire.ApplicationRole) error {
	v.under("Applications", "/admin/application")
	v.aboutApplication(a)
	form := roleForm{r, a.ID}
	if r.ID == "" {
		return v.show("role-form", "RoleAdd", form)
	}
	v.of = r.Name
	return v.show("role-form", "RoleEdit", form)
}

// roleOf is what the form makes of a role.
func (v *visit) roleOf(current wire.ApplicationRole) (wire.ApplicationRole, error) {
	var request wire.ApplicationRequest
	err := v.fill(wire.ApplicationRequest{Role: current}, &request)
	return request.Role, err
}

func (s *server) createRole(v *visit) error {
	a, err := s.changeableApplication(v)
	if err != nil {
		return err
	}
	r, err := v.roleOf(wire.ApplicationRole{})
	if err == nil {
		_, err = create(v, "role", "", r, func(ctx context.Context, id wire.ID, r wire.ApplicationRole) (wire.ApplicationRole, error) {
			return s.Applications.CreateRole(ctx, a.ID, id, r)
		})
	}
	if err != nil {
		return v.again(err, func() error { return v.showRoleForm(&a, wire.ApplicationRole{}) })
	}
	return v.done("RoleSaved", "/admin/application/"+string(a.ID)+"#roles")
}

// role loads the role that the path names with its application, which the administrator must be allowed to change.
func (s *server) role(v *visit) (a wire.Application, r wire.ApplicationRole, err error) {
	if a, err = s.changeableApplication(v); err != nil {
		return a, r, err
	}
	at := slices.IndexFunc(a.Roles, func(r wire.ApplicationRole) bool { return r.ID == wire.ID(v.PathValue("role")) })
	if at < 0 {
		return a, r, problem.ErrNotFound
	}
	r = a.Roles[at]
	if a.ID == application.AdminID && application.IsAdminRole(r.Name) {
		err = problem.New(problem.Invalid, "[builtIn]", "%s", v.text.say("BuiltInRoleStays"))
	}
	return a, r, err
}

func (s *server) editRole(v *visit) error {
	a, r, err := s.role(v)
	if err != nil {
		return err
	}
	return v.showRoleForm(&a, r)
}

func (s *server) updateRole(v *visit) error {
	a, r, err := s.role(v)
	if err != nil {
		return err
	}
	do := func(ctx context.Context, id wire.ID, edit func(wire.ApplicationRole) (wire.ApplicationRole, error)) (wire.ApplicationRole, error) {
		return s.Applications.UpdateRole(ctx, a.ID, id, edit)
	}
	if err := update(v, "role", r.ID, do, v.roleOf); err != nil {
		return v.again(err, func() error { return v.showRoleForm(&a, r) })
	}
	return v.done("RoleSaved", "/admin/application/"+string(a.ID)+"#roles")
}

func (s *server) askDeleteRole(v *visit) error {
	a, r, err := s.role(v)
	if err != nil {
		return err
	}
	v.under("Applications", "/admin/application")
	v.aboutApplication(&a)
	v.of = r.Name
	return v.show("confirm", "RoleDelete", question{
		Text: v.text.say("RoleDeleteAbout"), Do: v.text.say("RoleDelete"), Back: "/admin/application/" + string(a.ID) + "#roles",
	})
}

func (s *server) deleteRole(v *visit) error {
	a, r, err := s.role(v)
	if err != nil {
		return err
	}
	do := func(ctx context.Context, id wire.ID) error { return s.Applications.DeleteRole(ctx, a.ID, id) }
	if err := remove(v, "role", r.ID, r, do); err != nil {
		return v.again(err, func() error { return s.askDeleteRole(v) })
	}
	return v.done("RoleDeleted", "/admin/application/"+string(a.ID)+"#roles")
}
