package ui

import (
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var registrationRoutes = []route{
	{"GET /admin/user/{id}/registration/add", signedIn, admin.Users, admin.Change, (*server).addRegistration},
	{"POST /admin/user/{id}/registration/add", signedIn, admin.Users, admin.Change, (*server).createRegistration},
	{"GET /admin/user/{id}/registration/{application}/edit", signedIn, admin.Users, admin.Change, (*server).editRegistration},
	{"POST /admin/user/{id}/registration/{application}/edit", signedIn, admin.Users, admin.Change, (*server).updateRegistration},
	{"GET /admin/user/{id}/registration/{application}/delete", signedIn, admin.Users, admin.Change, (*server).askDeleteRegistration},
	{"POST /admin/user/{id}/registration/{application}/delete", signedIn, admin.Users, admin.Change, (*server).deleteRegistration},
}

type registrationForm struct {
	wire.Registration
	User wire.User
	New  bool
	// Choices are the applications that the user can be registered with; nil once one is chosen.
	Choices []option
	Name    string
	Roles   []roleChoice
	// BuiltIn says that the roles are those of the admin UI.
	BuiltIn bool
	Sends   []string
}

type roleChoice struct {
	wire.ApplicationRole
	On bool
}

// DataOf is the free data as JSON, "" for none.
func (f registrationForm) DataOf() (string, error) { return jsonOf(f.Data) }

func (s *server) addRegistration(v *visit) error {
	u, err := s.changeable(v)
	if err != nil {
		return err
	}
	all, err := s.Applications.Registry(v.Context())
	if err != nil {
		return err
	}
	if a := all.In(u.TenantID, wire.ID(v.FormValue("application"))); a != nil {
		return s.showRegistrationForm(v, u, a, wire.Registration{Roles: a.DefaultRoles()}, true)
	}
	form := registrationForm{User: u.User, New: true}
	choices, err := s.applicationChoices(v, u.TenantID, "", "")
	if err != nil {
		return err
	}
	for _, c := range choices[1:] {
		id := wire.ID(c.Value)
		if _, err := u.Registration(id); err != nil && v.session.MayRegister(&u.User, id) == nil {
			form.Choices = append(form.Choices, c)
		}
	}
	v.under("Users", "/admin/user")
	v.aboutUser(&u.User)
	return v.show("registration-form", "RegistrationAdd", form)
}

func (s *server) createRegistration(v *visit) error {
	u, err := s.changeable(v)
	if err != nil {
		return err
	}
	all, err := s.Applications.Registry(v.Context())
	if err != nil {
		return err
	}
	a := all.In(u.TenantID, wire.ID(v.PostFormValue("application")))
	if a == nil {
		return problem.ErrNotFound
	}
	request, err := v.registrationOf(wire.Registration{})
	request.Registration.ApplicationID = a.ID
	if err := v.session.MayGrant(&u.User, a.ID, request.Registration.Roles); err != nil {
		return err
	}
	if err == nil {
		c := v.changing("Registered the user %s with the application %s", u.ID, a.ID).of("user", u.ID)
		c.tenant, c.after = u.TenantID, request.Registration
		_, err = s.Users.Register(c.context(), u, request, v.info())
	}
	if err != nil {
		return v.again(err, func() error { return s.showRegistrationForm(v, u, a, request.Registration, true) })
	}
	return v.done("RegistrationCreated", "/admin/user/"+string(u.ID)+"#registrations")
}

// registrationOf is what the form makes of a registration.
func (v *visit) registrationOf(current wire.Registration) (request wire.RegistrationRequest, err error) {
	err = v.fill(wire.RegistrationRequest{Registration: current}, &request)
	request.User = nil
	return request, err
}

// registered loads the user and the application that the path names, with the registration of the one with the other.
func (s *server) registered(v *visit) (u *identity.User, a *application.Application, r wire.Registration, err error) {
	if u, err = s.changeable(v); err != nil {
		return nil, nil, r, err
	}
	all, err := s.Applications.Registry(v.Context())
	if err != nil {
		return nil, nil, r, err
	}
	if a = all.Find(wire.ID(v.PathValue("application"))); a == nil {
		return nil, nil, r, problem.ErrNotFound
	}
	if r, err = u.Registration(a.ID); err == nil {
		err = v.session.MayRegister(&u.User, a.ID)
	}
	return u, a, r, err
}

func (s *server) editRegistration(v *visit) error {
	u, a, r, err := s.registered(v)
	if err != nil {
		return err
	}
	return s.showRegistrationForm(v, u, a, r, false)
}

func (s *server) updateRegistration(v *visit) error {
	u, a, r, err := s.registered(v)
	if err != nil {
		return err
	}
	c := v.changing("Changed the registration of the user %s with the application %s", u.ID, a.ID).of("user", u.ID)
	c.tenant = u.TenantID
	_, err = s.Users.UpdateRegistration(c.context(), u, a.ID, v.info(), func(current wire.Registration) (wire.RegistrationRequest, error) {
		request, err := v.registrationOf(current)
		c.before, c.after = current, request.Registration
		if err != nil {
			return request, err
		}
		return request, v.session.MayGrant(&u.User, a.ID, request.Registration.Roles)
	})
	if err != nil {
		return v.again(err, func() error { return s.showRegistrationForm(v, u, a, r, false) })
	}
	return v.done("RegistrationSaved", "/admin/user/"+string(u.ID)+"#registrations")
}

func (s *server) showRegistrationForm(v *visit, u *identity.User, a *application.Application, r wire.Registration, isNew bool) (err error) {
	if err := v.session.MayRegister(&u.User, a.ID); err != nil {
		return err
	}
	form := registrationForm{Registration: r, User: u.User, New: isNew, Name: a.Name, BuiltIn: a.ID == application.AdminID}
	form.ApplicationID = a.ID
	chosen := r.Roles
	if given, ok := v.PostForm["registration.roles[]"]; ok && v.problem != nil {
		chosen = given
	}
	for _, role := range a.Roles {
		form.Roles = append(form.Roles, roleChoice{role, slices.Contains(chosen, role.Name)})
	}
	t := event.UserRegistrationUpdate
	if isNew {
		t = event.UserRegistrationCreate
	}
	if form.Sends, err = s.sends(v, u.TenantID, t); err != nil {
		return err
	}
	v.under("Users", "/admin/user")
	v.aboutUser(&u.User)
	v.of = a.Name
	if isNew {
		return v.show("registration-form", "RegistrationAdd", form)
	}
	return v.show("registration-form", "RegistrationEdit", form)
}

func (s *server) askDeleteRegistration(v *visit) error {
	u, a, r, err := s.registered(v)
	if err != nil {
		return err
	}
	q := question{Text: v.text.say("RegistrationDeleteAbout", "Application", a.Name), Do: v.text.say("RegistrationDelete"), Back: "/admin/user/" + string(u.ID) + "#registrations"}
	if n := len(r.Roles); n > 0 {
		q.Effects = append(q.Effects, v.text.say("DeletesRoles", "Count", n))
	}
	sends, err := s.sends(v, u.TenantID, event.UserRegistrationDelete)
	if err != nil {
		return err
	}
	q.Effects = append(q.Effects, sends...)
	v.under("Users", "/admin/user")
	v.aboutUser(&u.User)
	v.of = a.Name
	return v.show("confirm", "RegistrationDelete", q)
}

func (s *server) deleteRegistration(v *visit) error {
	u, a, r, err := s.registered(v)
	if err == nil {
		err = v.session.MayGrant(&u.User, a.ID, nil)
	}
	if err != nil {
		return err
	}
	c := v.changing("Ended the registration of the user %s with the application %s", u.ID, a.ID).of("user", u.ID)
	c.tenant, c.before = u.TenantID, r
	if err := s.Users.Unregister(c.context(), u, a.ID, v.info()); err != nil {
		return v.again(err, func() error { return s.askDeleteRegistration(v) })
	}
	return v.done("RegistrationDeleted", "/admin/user/"+string(u.ID)+"#registrations")
}
