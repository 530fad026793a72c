package ui

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/useraction"
	"github.com/herald-events/herald/wire"
)

var userFormRoutes = append([]route{
	{"GET /admin/user/add", signedIn, admin.Users, admin.Change, (*server).addUser},
	{"POST /admin/user/add", signedIn, admin.Users, admin.Change, (*server).createUser},
	{"POST /admin/user/sample", signedIn, admin.Users, admin.Change, (*server).createSample},
	{"GET /admin/user/{id}/edit", signedIn, admin.Users, admin.Change, (*server).editUser},
	{"POST /admin/user/{id}/edit", signedIn, admin.Users, admin.Change, (*server).updateUser},
	{"POST /admin/user/{id}/verify", signedIn, admin.Users, admin.Change, (*server).verifyUser},
	{"GET /admin/user/{id}/action/{action}/cancel", signedIn, admin.Users, admin.Change, (*server).askCancelAction},
	{"POST /admin/user/{id}/action/{action}/cancel", signedIn, admin.Users, admin.Change, (*server).cancelAction},
}, deedRoutes()...)

type userForm struct {
	wire.User
	New     bool
	Tenants []option
	// Sends are sentences about what is sent when the form is.
	Sends []string
	IsYou bool
}

// DataOf is the free data as JSON, "" for none.
func (f userForm) DataOf() (string, error) { return jsonOf(f.Data) }

// usualTenant is the tenant that something new belongs to unless another is chosen.
func (s *server) usualTenant(v *visit) (wire.ID, error) {
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return "", err
	}
	return cmp.Or(v.preferences.Tenant, settings.Default()), nil
}

// chosenTenant is the one that a form names for something new.
func (s *server) chosenTenant(v *visit) (wire.ID, error) {
	given := wire.ID(v.PostFormValue("tenant"))
	if given == "" {
		return s.usualTenant(v)
	}
	exists, err := s.Tenants.Exists(v.Context(), given)
	if err != nil {
		return "", err
	}
	var wrong problem.Validation
	wrong.Check(exists, "tenant", "invalid", "%s", v.text.say("TenantGone"))
	return given, wrong.Err()
}

// tenantChoices are the tenants to choose from.
func (s *server) tenantChoices(v *visit, chosen wire.ID) ([]option, error) {
	all, err := s.Tenants.List(v.Context())
	options := make([]option, len(all))
	for i, t := range all {
		options[i] = option{Value: string(t.ID), Text: t.Name, Chosen: t.ID == chosen}
	}
	return options, err
}

func (s *server) addUser(v *visit) error { return s.showUserForm(v, wire.User{}) }

func (s *server) createUser(v *visit) error {
	tenant, err := s.chosenTenant(v)
	var request wire.UserRequest
	var id wire.ID
	if err == nil {
		request, err = v.userOf(wire.User{})
	}
	if err == nil {
		id, err = s.newUser(v, tenant, request)
	}
	if err != nil {
		return v.again(err, func() error { return s.showUserForm(v, wire.User{}) })
	}
	return v.done("UserCreated", "/admin/user/"+string(id))
}

// newUser makes a user, and the entry of the audit log.
func (s *server) newUser(v *visit, tenant wire.ID, request wire.UserRequest) (wire.ID, error) {
	id := wire.ID(db.NewID())
	c := v.changing("Created the user %s", id).of("user", id)
	c.tenant, c.after = tenant, request.User.User
	_, err := s.Users.Create(c.context(), tenant, id, request, v.info())
	return id, err
}

// createSample makes a user who obviously is none, so that something happens.
func (s *server) createSample(v *visit) error {
	tenant, err := s.usualTenant(v)
	if err != nil {
		return err
	}
	number, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return err
	}
	request := wire.UserRequest{User: wire.UserInput{User: wire.User{
		Email: fmt.Sprintf("sample-%06d@example.com", number), FirstName: "Sample", LastName: "User", FullName: "Sample User", Data: wire.Object{"sample": true},
	}, Password: rand.Text() + "-aA1"}, SkipVerification: true} // nobody is told: it is nobody's account
	id, err := s.newUser(v, tenant, request)
	if err != nil {
		return err
	}
	return v.done("SampleCreated", "/admin/user/"+string(id))
}

// userOf is what the form makes of a user.
func (v *visit) userOf(current wire.User) (request wire.UserRequest, err error) {
	err = v.fill(wire.UserRequest{User: wire.UserInput{User: current}}, &request)
	request.User.Memberships, request.VerificationIDs, request.CurrentPassword = nil, nil, "" // have forms of their own, or none
	return request, err
}

// changeable loads the user that the path names, whom the administrator must be allowed to change.
func (s *server) changeable(v *visit) (*identity.User, error) {
	u, err := s.Users.Load(v.Context(), v.id())
	if err != nil {
		return nil, err
	}
	return u, v.session.MayChangeUser(&u.User)
}

func (s *server) editUser(v *visit) error {
	u, err := s.changeable(v)
	if err != nil {
		return err
	}
	return s.showUserForm(v, u.User)
}

func (s *server) updateUser(v *visit) error {
	u, err := s.changeable(v)
	if err != nil {
		return err
	}
	request, err := v.userOf(u.User)
	if err == nil {
		c := v.changing("Changed the user %s", u.ID).of("user", u.ID)
		if request.User.Password != "" {
			c = v.changing("Changed the user %s, and the password", u.ID).of("user", u.ID)
		}
		c.tenant, c.before, c.after = u.TenantID, u.User, request.User.User
		_, err = s.Users.Update(c.context(), u, request, v.info())
	}
	if err != nil {
		return v.again(err, func() error { return s.showUserForm(v, u.User) })
	}
	return v.done("UserSaved", "/admin/user/"+string(u.ID))
}

func (s *server) showUserForm(v *visit, u wire.User) (err error) {
	form := userForm{User: u, New: u.ID == "", IsYou: u.ID == v.session.ID}
	types, tenant := []event.Type{event.UserUpdate, event.UserEmailUpdate, event.UserPasswordUpdate}, u.TenantID
	when := []string{"", "WithNewAddress", "WithNewPassword"}
	if form.New {
		types = []event.Type{event.UserCreate}
		if tenant, err = s.usualTenant(v); err != nil {
			return err
		}
		form.TenantID = tenant
		if form.Tenants, err = s.tenantChoices(v, tenant); err != nil {
			return err
		}
	}
	if form.Sends, err = s.sends(v, tenant, types...); err != nil {
		return err
	}
	for i := range form.Sends {
		if when[i] != "" {
			form.Sends[i] = v.text.say(when[i]) + " " + form.Sends[i]
		}
	}
	v.under("Users", "/admin/user")
	if form.New {
		return v.show("user-form", "UserAdd", form)
	}
	v.aboutUser(&u)
	return v.show("user-form", "UserEdit", form)
}

// aboutUser is for pages under that of a user.
func (v *visit) aboutUser(u *wire.User) {
	v.above = append(v.above, link{Text: nameOfUser(u), To: "/admin/user/" + string(u.ID)})
}

// userDeed is something that is done to a user by one button, once it was asked whether it shall be.
type userDeed struct {
	// path is its address under that of the user. title, about and done are ids of texts; message is that of the audit log.
	path, title, about, done, message string
	right                             admin.Right
	types                             []event.Type
	// removes says that the user is kept out by it.
	removes bool
	do      func(s *server, v *visit, ctx context.Context, u *identity.User) error
}

// userDeeds are all there are.
var userDeeds = []userDeed{
	{
		path: "deactivate", title: "UserDeactivate", about: "UserDeactivateAbout", done: "UserDeactivated", message: "Deactivated the user %s",
		right: admin.Change, types: []event.Type{event.UserDeactivate}, removes: true,
		do: func(s *server, v *visit, ctx context.Context, u *identity.User) error {
			return s.Users.Deactivate(ctx, u, v.info())
		},
	},
	{
		path: "reactivate", title: "UserReactivate", about: "UserReactivateAbout", done: "UserReactivated", message: "Reactivated the user %s",
		right: admin.Change, types: []event.Type{event.UserReactivate},
		do: func(s *server, v *visit, ctx context.Context, u *identity.User) error {
			_, err := s.Users.Reactivate(ctx, u, v.info())
			return err
		},
	},
	{
		path: "delete", title: "UserDelete", about: "UserDeleteAbout", done: "UserDeleted", message: "Deleted the user %s",
		right: admin.Delete, types: []event.Type{event.UserDelete, event.UserDeleteComplete}, removes: true,
		do: func(s *server, v *visit, ctx context.Context, u *identity.User) error {
			return s.Users.Delete(ctx, u, v.info())
		},
	},
	{
		path: "reset", title: "UserReset", about: "UserResetAbout", done: "UserResetSent", message: "Sent a password reset to the user %s",
		right: admin.Change, types: []event.Type{event.UserPasswordResetStart, event.UserPasswordResetSend},
		do: (*server).sendReset,
	},
}

func deedRoutes() (all []route) {
	for _, d := range userDeeds {
		path := " /admin/user/{id}/" + d.path
		all = append(all,
			route{"GET" + path, signedIn, admin.Users, d.right, func(s *server, v *visit) error { return s.askDeed(v, d) }},
			route{"POST" + path, signedIn, admin.Users, d.right, func(s *server, v *visit) error { return s.doDeed(v, d) }})
	}
	return all
}

// may loads the user that the path names, to whom the administrator must be allowed to do that.
func (d userDeed) may(s *server, v *visit) (*identity.User, error) {
	u, err := s.changeable(v)
	if err == nil && d.removes {
		err = v.session.MayRemoveUser(&u.User)
	}
	return u, err
}

func (s *server) askDeed(v *visit, d userDeed) error {
	u, err := d.may(s, v)
	if err != nil {
		return err
	}
	q := question{Text: v.text.say(d.about), Do: v.text.say(d.title), Back: "/admin/user/" + string(u.ID)}
	if d.right == admin.Delete {
		if n := len(u.Registrations); n > 0 {
			q.Effects = append(q.Effects, v.text.say("DeletesRegistrations", "Count", n))
		}
		if n := len(u.Memberships); n > 0 {
			q.Effects = append(q.Effects, v.text.say("DeletesMemberships", "Count", n))
		}
	}
	sends, err := s.sends(v, u.TenantID, d.types...)
	if err != nil {
		return err
	}
	q.Effects = append(q.Effects, sends...)
	v.under("Users", "/admin/user")
	v.of = nameOfUser(&u.User)
	return v.show("confirm", d.title, q)
}

func (s *server) doDeed(v *visit, d userDeed) error {
	u, err := d.may(s, v)
	if err != nil {
		return err
	}
	c := v.changing(d.message, u.ID).of("user", u.ID)
	c.tenant = u.TenantID
	if d.removes {
		c.before = u.User
	}
	if err := d.do(s, v, c.context(), u); err != nil {
		return v.again(err, func() error { return s.askDeed(v, d) })
	}
	to := "/admin/user"
	if d.right != admin.Delete {
		to += "/" + string(u.ID)
	}
	return v.done(d.done, to)
}

// sendReset sends the message with which the user chooses a new password. Nobody else learns the id in it.
func (s *server) sendReset(v *visit, ctx context.Context, u *identity.User) error {
	request := wire.ForgotPasswordRequest{LoginID: loginOf(&u.User), LoginIDTypes: []wire.IdentityType{wire.IdentityEmail, wire.IdentityUsername, wire.IdentityPhoneNumber}}
	_, err := s.Resets.Forgot(ctx, u.TenantID, request, true, v.info())
	switch {
	case errors.Is(err, identity.ErrNoTemplate):
		return problem.New(problem.Invalid, "[noTemplate]", "%s", v.text.say("ResetNoTemplate"))
	case errors.Is(err, identity.ErrNoAddress):
		return problem.New(problem.Invalid, "[noAddress]", "%s", v.text.say("ResetNoAddress"))
	case errors.Is(err, problem.ErrNotFound): // whoever is inactive is not found by a login id
		return problem.New(problem.Invalid, "[inactive]", "%s", v.text.say("ResetInactive"))
	}
	return err
}

// verifyUser counts an address or a number of a user as verified.
func (s *server) verifyUser(v *visit) error {
	u, err := s.changeable(v)
	if err != nil {
		return err
	}
	kind, value := wire.IdentityType(v.PostFormValue("type")), v.PostFormValue("value")
	c := v.changing("Declared an identity of the user %s verified: %s", u.ID, kind).of("user", u.ID)
	c.tenant = u.TenantID
	if err := s.Verifying.Declare(c.context(), u, kind, value, v.info()); err != nil {
		return err
	}
	return v.done("IdentityVerified", "/admin/user/"+string(u.ID))
}

// actionOf loads the action that the path names, with its user, whom the administrator must be allowed to change.
func (s *server) actionOf(v *visit) (*identity.User, wire.UserActionLog, error) {
	u, err := s.changeable(v)
	if err != nil {
		return nil, wire.UserActionLog{}, err
	}
	a, err := s.UserActions.Load(v.Context(), u.TenantID, wire.ID(v.PathValue("action")))
	if err == nil && a.ActioneeUserID != u.ID {
		err = problem.ErrNotFound
	}
	return u, a, err
}

func (s *server) askCancelAction(v *visit) error {
	u, a, err := s.actionOf(v)
	if err != nil {
		return err
	}
	q := question{Text: v.text.say("ActionCancelAbout", "Action", a.Name), Do: v.text.say("ActionCancel"), Back: "/admin/user/" + string(u.ID) + "#actions"}
	if q.Effects, err = s.sends(v, u.TenantID, event.UserAction); err != nil {
		return err
	}
	v.under("Users", "/admin/user")
	v.aboutUser(&u.User)
	return v.show("confirm", "ActionCancel", q)
}

// cancelAction ends an action that lasts: a lockout, a ban. Webhooks hear of it, as they did of its beginning.
func (s *server) cancelAction(v *visit) error {
	u, a, err := s.actionOf(v)
	if err != nil {
		return err
	}
	c := v.changing("Cancelled the action %s (%s) on the user %s", a.ID, a.Name, u.ID).of("user", u.ID)
	c.tenant = u.TenantID
	request := wire.ActionRequest{Broadcast: true, Action: wire.ActionData{ActionerUserID: v.session.ID}}
	if _, err := s.UserActions.Cancel(c.context(), useraction.Reach{}, a.ID, request, v.info()); err != nil {
		return v.again(err, func() error { return s.askCancelAction(v) })
	}
	return v.done("ActionCancelled", "/admin/user/"+string(u.ID)+"#actions")
}
