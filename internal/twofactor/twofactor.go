// Package twofactor owns second factors: how users get and lose them, how codes are sent and checked, and the completion of a login that
// waits for one. It does not own the first factor, nor how a message is sent (package message), nor how an id is kept (package ticket).
//
//	totp.go       codes of authenticator apps, RFC 6238 (pure)
//	code.go       random codes, and how codes are compared
//	policy.go     when a login needs a second factor (pure)
//	send.go       sending a code, for whatever it is
//	proof.go      which second factor a code is of, and its use
//	enroll.go     switching a method on and off
//	challenge.go  a login that waits: start, completion, trusted computers
//	recovery.go   recovery codes
//	import.go     the second factors of users who come from elsewhere
//
// Rules that hold everywhere: a code is stored and committed before it is sent, and no transaction is open while it is; a new code voids the one
// before; five wrong tries void what was tried; whatever is right is right once, for one of all who try at the same moment. A method's secret
// is in no user, event, error or log.
//
// Events of this package:
//
//	enable    user.two-factor.method.add; before it user.email.verified and user.identity.verified, when the address waited for that
//	disable   user.two-factor.method.remove, one for each method
//	start     user.two-factor.challenge
//	complete  user.login.success and user.login.new-device when the user is logged in, then user.two-factor.success;
//	          or user.two-factor.failed-attempt
//
// When webhooks refuse a login, nothing of it has happened: there is no user.two-factor.success, and the code is good for another try.
package twofactor

import (
	"context"
	"errors"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/login"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/wire"
)

// Sender sends messages: [message.Sender].
type Sender interface {
	Send(ctx context.Context, r message.Request) (wire.Message, error)
}

// Options are what a Service is made of. Model has a default, all else is required.
type Options struct {
	DB           *db.DB
	Events       publish.Doer
	Tenants      *tenant.Service
	Users        *identity.Service
	Logins       *login.Service
	Tokens       *token.Service
	Tickets      *ticket.Office
	Sealer       sealed.Sealer
	Sender       Sender
	Applications *application.Service
	// Model makes the variables of a message that are not particular to it: the user, the tenant, the application. Defaults to none.
	Model func(ctx context.Context, u *wire.User, application wire.ID) (map[string]any, error)
}

// Service manages second factors. It is safe for concurrent use.
type Service struct{ o Options }

// New returns the second factors of users.
func New(o Options) *Service {
	if o.Model == nil {
		o.Model = func(context.Context, *wire.User, wire.ID) (map[string]any, error) { return map[string]any{}, nil }
	}
	return &Service{o}
}

// ErrWrongCode says that a code is not right, or not any more: 421.
var ErrWrongCode = errors.New("twofactor: the code is wrong")

// flows returns what a tenant says.
func (s *Service) flows(ctx context.Context, id wire.ID) (*tenant.Flows, error) {
	settings, err := s.o.Tenants.Settings(ctx)
	if err != nil {
		return nil, err
	}
	flows, ok := settings.Flows(id)
	if !ok {
		return nil, problem.ErrNotFound
	}
	return flows, nil
}

// application returns the application with the id, the zero value for "": then all is as the tenant has it. One that does not exist in the tenant is
// added to v.
func (s *Service) application(ctx context.Context, v *problem.Validation, of, id wire.ID) (application.Application, error) {
	if id == "" {
		return application.Application{}, nil
	}
	all, err := s.o.Applications.Registry(ctx)
	if err != nil {
		return application.Application{}, err
	}
	a := all.In(of, id)
	if a == nil {
		v.Field("applicationId", "invalid", "There is no application with the id %s in the tenant of the user.", id)
		return application.Application{}, nil
	}
	return *a, nil
}

// method returns the method of u with an id.
func method(u *identity.User, id string) (wire.TwoFactorMethod, bool) {
	for _, m := range u.TwoFactor.Methods {
		if m.ID == id {
			return m, true
		}
	}
	return wire.TwoFactorMethod{}, false
}
