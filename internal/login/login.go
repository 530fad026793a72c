// Package login lets users in: with a password, with a one-time password, without a password, with a second factor (package twofactor brings the proof
// and completes the login here), or because they are in already. It owns what follows from that (events, tokens, the record of logins, the devices that
// are known), what keeps somebody out, and what failures lead to.
//
//	login.go        what a login is, and the ways it can end
//	password.go     a password, or an application's token in its place; failures and lockout
//	completion.go   the end of every login, as a part of somebody's operation
//	session.go      what a refresh token is good for: refresh, logout; the ping of a user who is logged in
//	passwordless.go a code that was sent in place of a password
//	record.go       the record of logins; devices
//
// The order of what is asked (identity.md, section 8.1): the password, first, also of somebody who is locked out, because failures count for them too; then
// whether the user is active, has not expired, and is kept out by no action; a second factor; a password that must be changed; addresses and
// registrations that must be verified.
//
// Events, in their order within one call: user.password.breach, user.login.success, user.login.new-device, user.login.suspicious. A failure:
// user.login.failed, then user.action and jwt.refresh-token.revoke when it was one too many.
package login

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service is made of. All down to Sender are required.
type Options struct {
	DB           *db.DB
	Events       publish.Doer
	Tenants      *tenant.Service
	Applications *application.Service
	Users        *identity.Service
	Resets       *identity.Resets
	Tokens       *token.Service
	Tickets      *ticket.Office
	Sender       Sender
	// Verifications have the ids for who has to type a code in first. Nil means that nobody gets one.
	Verifications *identity.Verifications
	// Actions are those that keep users out. Nil means that none does.
	Actions Actions
	// Model makes the variables of a message that are not particular to it: the user, the tenant, the application. Nil makes none.
	Model func(ctx context.Context, u *wire.User, application wire.ID) (map[string]any, error)
	// GroupRoles are the roles that a user has in an application through groups. Nil means none.
	GroupRoles func(tx *db.Tx, u *wire.User, application wire.ID) ([]string, error)
}

// Sender sends messages: [message.Sender].
type Sender interface {
	Send(ctx context.Context, r message.Request) (wire.Message, error)
}

// Actions are the user actions, as far as they are about logging in. What LockIn and RestartIn return is called in the commit of the operation, and is nil
// when there is nothing to do.
type Actions interface {
	// Preventing are the actions that keep a user out of an application, or, if that is empty, out of all.
	Preventing(tx *db.Tx, user, application wire.ID) ([]wire.PreventingAction, error)
	// LockIn keeps a user out for a while, RestartIn does so anew if he is kept out already.
	LockIn(tx *db.Tx, plan *publish.Plan, u *wire.User) (commit func(*db.Tx) error, err error)
	RestartIn(tx *db.Tx, plan *publish.Plan, u *wire.User) (commit func(*db.Tx) error, err error)
}

// Factors are the second factors, as far as a login has to know.
type Factors interface {
	// Challenge plans the demand for a second factor when e needs one, and returns what carries it out, and the answer. It returns nil when e needs none.
	Challenge(tx *db.Tx, plan *publish.Plan, e Entry, flows *tenant.Flows) (commit func(*db.Tx) error, answer *wire.LoginResponse, err error)
}

// Service lets users in. It is safe for concurrent use once its exported fields are set.
type Service struct {
	Options
	positions search.Positions

	// Factors are asked before anybody is let in. Nil means that there are none.
	Factors Factors
}

// New returns a Service.
func New(o Options) *Service { return &Service{Options: o} }

// Entry is somebody about to be let in: who, to what, from where, and how that was proved.
type Entry struct {
	User *identity.User
	// Application is nil when the request named none.
	Application *application.Application
	Type        event.AuthenticationType
	// Judgment is what there is to say about the password. Zero when nothing is, or when there was none.
	Judgment identity.Judgment
	Origin
	// State is the caller's, and comes back with the answer.
	State wire.Object
}

// Origin is where a request to be let in came from, and what it wants.
type Origin struct {
	wire.BaseLogin
	// LoginID and LoginIDType are what the user was found by, for the record. May be empty.
	LoginID     string
	LoginIDType wire.IdentityType
	// TrustID is that of a computer that needs no second factor. May be empty.
	TrustID string
	// Scope is what an OAuth client asked for, separated by spaces. Empty for other callers.
	Scope string
}

// Asks tells whether an OAuth client asked for a scope.
func (o Origin) Asks(scope string) bool { return slices.Contains(strings.Fields(o.Scope), scope) }

// ApplicationID is that of the application, "" for none.
func (e *Entry) ApplicationID() wire.ID {
	if e.Application == nil {
		return ""
	}
	return e.Application.ID
}

// Status says how a login ended that did not fail.
type Status string

// The statuses. FusionAuth's codes are beside them.
const (
	In                     Status = "in"                      // 200
	NotRegistered          Status = "not registered"          // 202: in, but the user is not registered for the application
	ChangePassword         Status = "change password"         // 203: a new password has to be chosen first
	Unverified             Status = "unverified"              // 212: an address has to be verified first
	RegistrationUnverified Status = "registration unverified" // 213: the registration has to be
	Challenged             Status = "challenged"              // 242: a second factor is needed
)

// Outcome is how a login ended that did not fail.
type Outcome struct {
	Status Status
	wire.LoginResponse
}

var (
	// ErrLocked says that the user was deactivated: 423.
	ErrLocked = errors.New("login: the user is deactivated")
	// ErrExpired says that the user's time is over: 410.
	ErrExpired = errors.New("login: the user has expired")
)

// PreventedError says that actions keep the user out: 409.
type PreventedError struct{ Actions []wire.PreventingAction }

func (e *PreventedError) Error() string { return "login: an action keeps the user out" }

// application returns the application with an id in a tenant, nil for "". One that does not exist there or is inactive is added to v.
func (s *Service) application(ctx context.Context, v *problem.Validation, of, id wire.ID) (*application.Application, error) {
	if id == "" {
		return nil, nil //nolint:nilnil // none was named
	}
	all, err := s.Applications.Registry(ctx)
	if err != nil {
		return nil, err
	}
	a := all.In(of, id)
	if a == nil || !a.Active {
		v.Field("applicationId", "invalid", "There is no active application with the id %s.", id)
		return nil, nil //nolint:nilnil // v says so
	}
	return a, nil
}

// flows returns what a tenant says.
func (s *Service) flows(ctx context.Context, id wire.ID) (*tenant.Flows, error) {
	settings, err := s.Tenants.Settings(ctx)
	if err != nil {
		return nil, err
	}
	flows, ok := settings.Flows(id)
	if !ok {
		return nil, problem.ErrNotFound
	}
	return flows, nil
}

// Open tells whether a login to an application, or without one, needs no API key.
func (s *Service) Open(ctx context.Context, of, id wire.ID) (bool, error) {
	if id == "" {
		flows, err := s.flows(ctx, of)
		return err == nil && !flows.RequireAuthentication, err
	}
	all, err := s.Applications.Registry(ctx)
	if err != nil {
		return false, err
	}
	a := all.Find(id)
	return a != nil && !a.RequireAuthentication, nil
}
