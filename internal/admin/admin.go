// Package admin owns the people who administer Herald through its admin UI: who they are, how they sign in, and what they may do. It knows no HTTP.
//
// An administrator is a user who is registered with the built-in application; the roles of the registration say what they may do. So the API and
// kickstart files make administrators as they make any other user, and FusionAuth's do so too.
//
// Signing in here is not the login of /api/login: no webhook is asked and nothing they answer keeps an administrator out, because who signs in
// may be about to repair them. Nor does a user action. What keeps one out is a wrong password or second factor, a deactivated user, or a
// registration without a role.
//
//	admin.go    administrators, roles, rights
//	setup.go    the first administrator
//	signin.go   password, then second factor
//	tries.go    how often it may be tried
//	session.go  sessions
package admin

import (
	"context"
	"slices"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/internal/twofactor"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service is made of. All are required.
type Options struct {
	DB           *db.DB
	Users        *identity.Service
	Applications *application.Service
	Factors      *twofactor.Service
	Tickets      *ticket.Office
}

// Service lets administrators in. It is safe for concurrent use.
type Service struct {
	o     Options
	setup setup
}

// New returns the administrators of a store.
func New(o Options) *Service { return &Service{o: o} }

// Admin is somebody who administers Herald.
type Admin struct {
	*identity.User
	roles []string
}

// Name is how the administrator is called in the audit log and on the screen.
func (a *Admin) Name() string {
	for _, name := range []string{a.Email, a.Username, a.PhoneNumber} {
		if name != "" {
			return name
		}
	}
	return string(a.ID)
}

// administrator makes an Admin of a user who is one. It is problem.ErrNotFound for everybody else.
func administrator(u *identity.User) (*Admin, error) {
	at := slices.IndexFunc(u.Registrations, func(r wire.Registration) bool { return r.ApplicationID == application.AdminID })
	if !u.Active || at < 0 || len(u.Registrations[at].Roles) == 0 {
		return nil, problem.ErrNotFound
	}
	return &Admin{u, u.Registrations[at].Roles}, nil
}

// home is the tenant that administrators belong to: that of the built-in application.
func (s *Service) home(ctx context.Context) (wire.ID, error) {
	all, err := s.o.Applications.Registry(ctx)
	if err != nil {
		return "", err
	}
	built := all.Find(application.AdminID)
	if built == nil {
		return "", problem.ErrNotFound
	}
	return built.TenantID, nil
}

// Area is a part of the admin UI that roles open.
type Area string

// The areas.
const (
	Webhooks     Area = "webhook"
	WebhookLog   Area = "webhook_event_log"
	Messengers   Area = "messenger"
	Messages     Area = "message_template"
	Emails       Area = "email_template"
	Keys         Area = "key"
	APIKeys      Area = "api_key"
	Tenants      Area = "tenant"
	Applications Area = "application"
	Users        Area = "user"
	Groups       Area = "group"
	System       Area = "system"
	EventLog     Area = "event_log"
	AuditLog     Area = "audit_log"
)

// Right is what may be done in an area. Each includes the one before.
type Right int

// The rights.
const (
	View Right = iota
	Change
	Delete
)

// deletedByDeleters are the areas where deleting takes a role of its own, as in the compatible product (reference, section 10).
var deletedByDeleters = []Area{Messengers, Messages, Emails, Tenants, Applications, Users, Groups}

// May tells whether a role of the administrator opens an area to that extent.
func (a *Admin) May(area Area, right Right) bool {
	has := func(role string) bool { return slices.Contains(a.roles, role) }
	switch {
	case has("admin"):
		return true
	case right == View:
		return has("auditor") || has(string(area)+"_viewer") || has(string(area)+"_manager") || has(string(area)+"_deleter")
	case right == Delete && slices.Contains(deletedByDeleters, area):
		return has(string(area) + "_deleter")
	}
	return has(string(area) + "_manager")
}
