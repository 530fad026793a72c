package login

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/wire"
)

// Login logs a user of a tenant in with a password, or with what stands for one.
//
// Errors: problem.Invalid; problem.ErrNotFound for an unknown user as well as for a wrong password, and both take the same time; [ErrLocked], [ErrExpired],
// [PreventedError]; publish.ErrRefused, after which nobody is logged in. Events: see the package.
func (s *Service) Login(ctx context.Context, of wire.ID, req wire.LoginRequest, info *wire.EventInfo) (*Outcome, error) {
	var v problem.Validation
	if req.OneTimePassword == "" {
		v.Check(req.LoginID != "", "loginId", "blank", "Say who logs in: loginId.")
		v.Check(req.Password != "", "password", "blank", "The password is missing.")
	}
	a, err := s.application(ctx, &v, of, req.ApplicationID)
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		return nil, err
	}
	origin := Origin{BaseLogin: req.BaseLogin, TrustID: req.TwoFactorTrustID}
	if req.OneTimePassword != "" {
		return s.byOneTimePassword(ctx, of, a, req.OneTimePassword, origin, info)
	}
	u, kind, err := s.Users.FindCredential(ctx, of, req.LoginID, req.LoginIDTypes, takesTokens(a))
	if errors.Is(err, problem.ErrNotFound) {
		return nil, s.unknown(ctx, req.Password)
	}
	if err != nil {
		return nil, err
	}
	origin.LoginID, origin.LoginIDType = req.LoginID, kind
	e := Entry{User: u, Application: a, Type: event.AuthenticationPassword, Origin: origin}
	c, err := s.byPassword(ctx, e, req.Password, info)
	if err != nil {
		return nil, err
	}
	return c.Outcome(ctx)
}

// unknown takes as long as a wrong password does, so that nobody learns who has an account.
func (s *Service) unknown(ctx context.Context, password string) error {
	if _, err := s.Users.CheckPassword(ctx, nil, password); err != nil {
		return err
	}
	return problem.ErrNotFound
}

// byPassword lets a user in whose password is given. Errors and events are those of [Service.Login].
func (s *Service) byPassword(ctx context.Context, e Entry, password string, info *wire.EventInfo) (*Completion, error) {
	right := takesTokens(e.Application) && s.isToken(&e, password)
	if right {
		e.Type = event.AuthenticationApplicationToken
	} else {
		var err error
		if right, err = s.Users.CheckPassword(ctx, e.User, password); err != nil {
			return nil, err
		}
	}
	if !right {
		return nil, s.fail(ctx, e, info)
	}
	return s.enter(ctx, e, info, proof{user: e.User, password: password})
}

// takesTokens tells whether an authentication token may stand for the password. a may be nil.
func takesTokens(a *application.Application) bool { return a != nil && a.AuthenticationTokens }

// isToken tells whether a text is the authentication token of the user's registration.
func (s *Service) isToken(e *Entry, text string) bool {
	r := registrationOf(e.User, e.Application)
	return r != nil && r.AuthenticationToken != "" && subtle.ConstantTimeCompare([]byte(r.AuthenticationToken), []byte(text)) == 1
}

// proof is what is looked at again in the operation that lets somebody in: it may have changed since it was right.
type proof struct {
	user     *identity.User // whose password was right
	password string         // in clear, for the rules about it; empty when it was something else
	ticket   func(tx *db.Tx) (*ticket.Ticket, error)
	// also plans what else the ticket leads to, such as a verified address. It returns the user as he is then, and what carries it out, nil for nothing.
	also func(tx *db.Tx, plan *publish.Plan, u *identity.User, t *ticket.Ticket) (after *identity.User, commit func(*db.Tx) error, err error)
}

// enter lets somebody in who has proved who he is.
func (s *Service) enter(ctx context.Context, e Entry, info *wire.EventInfo, p proof) (*Completion, error) {
	flows, err := s.flows(ctx, e.User.TenantID)
	if err != nil {
		return nil, err
	}
	if info != nil {
		e.IPAddress, e.EventInfo = cmp.Or(e.IPAddress, info.IPAddress), info
	}
	c := s.Complete(e, flows)
	c.factors = s.Factors
	if p.password != "" && e.Type == event.AuthenticationPassword {
		if c.e.Judgment, err = s.Users.Judge(ctx, e.User, p.password); err != nil {
			return nil, err
		}
	}
	var spent *ticket.Ticket
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: e.User.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			u, err := s.Users.LoadIn(tx, e.User.ID)
			if err != nil {
				return err
			}
			if p.user != nil && !u.SamePassword(p.user) { // changed at this moment
				return problem.ErrNotFound
			}
			var also func(*db.Tx) error
			if p.ticket != nil {
				if spent, err = p.ticket(tx); err != nil {
					return err
				}
				if err := plan.Reserve(tx, spent.Name(), problem.ErrNotFound); err != nil { // another request is about to use it
					return err
				}
				if p.also != nil {
					if u, also, err = p.also(tx, plan, u, spent); err != nil {
						return err
					}
				}
			}
			if err := c.Prepare(tx, plan, u); err != nil {
				return err
			}
			if also != nil {
				c.commits = append([]func(*db.Tx) error{also}, c.commits...)
			}
			return nil
		},
		Commit: func(tx *db.Tx) error {
			if spent != nil {
				if err := spent.Spend(tx); err != nil {
					return err
				}
			}
			if err := c.Commit(tx); err != nil || p.user == nil {
				return err
			}
			// Once more, because somebody may have changed it while webhooks were asked. Last, because the write before has waited for that.
			same, err := s.Users.StillHasPassword(tx, p.user)
			if err == nil && !same {
				err = problem.ErrNotFound
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// byOneTimePassword lets somebody in who has just chosen a new password.
func (s *Service) byOneTimePassword(ctx context.Context, of wire.ID, a *application.Application, password string, origin Origin, info *wire.EventInfo) (*Outcome, error) {
	var u *identity.User
	err := s.DB.View(ctx, func(tx *db.Tx) error {
		t, err := s.Tickets.Find(tx, ticket.OneTimePassword, password)
		if err != nil {
			return err
		}
		u, err = s.Users.LoadIn(tx, t.User)
		return err
	})
	if err != nil {
		return nil, err
	}
	if u.TenantID != of {
		return nil, problem.ErrNotFound
	}
	e := Entry{User: u, Application: a, Type: event.AuthenticationOneTimePassword, Origin: origin}
	c, err := s.enter(ctx, e, info, proof{
		ticket: func(tx *db.Tx) (*ticket.Ticket, error) { return s.Tickets.Lock(tx, ticket.OneTimePassword, password) },
	})
	if err != nil {
		return nil, err
	}
	return c.Outcome(ctx)
}

// fail is for a wrong password. It returns problem.ErrNotFound, or what went wrong on the way.
//
// The failure is counted by itself: no webhook can undo that. Events: user.login.failed, then what keeps the user out when it was one too many.
func (s *Service) fail(ctx context.Context, e Entry, info *wire.EventInfo) error {
	flows, err := s.flows(ctx, e.User.TenantID)
	if err != nil {
		return err
	}
	failures, err := s.CountFailure(ctx, e.User.ID, flows.Lockout.Window)
	if err != nil {
		return err
	}
	var commit func(*db.Tx) error
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: e.User.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			u, err := s.Users.LoadIn(tx, e.User.ID)
			if err != nil {
				return err
			}
			payload := &event.UserLoginFailedEvent{
				Header: event.About(event.UserLoginFailed, u.ID), AuthenticationType: e.Type, Reason: &event.LoginFailure{Code: event.WrongCredentials}, User: u.User,
			}
			if e.IPAddress == "" && info != nil {
				e.IPAddress = info.IPAddress
			}
			//lint:ignore SA1019 receivers may still read it
			payload.IPAddress = e.IPAddress
			if registrationOf(u, e.Application) != nil {
				payload.ApplicationID = e.Application.ID
			}
			plan.Publish(payload)
			commit, err = s.Lock(tx, plan, u, failures, flows.Lockout.TooManyAttempts)
			return err
		},
		Commit: func(tx *db.Tx) error {
			if commit == nil {
				return nil
			}
			return commit(tx)
		},
	})
	if err != nil {
		return err
	}
	return problem.ErrNotFound
}

// Lock plans what a failed attempt leads to besides its own event: one too many keeps the user out, and whoever is kept out already is so anew. It returns
// nil when there is nothing to do.
func (s *Service) Lock(tx *db.Tx, plan *publish.Plan, u *identity.User, failures, tooMany int) (commit func(*db.Tx) error, err error) {
	switch {
	case s.Actions == nil:
		return nil, nil //nolint:nilnil // nobody is kept out
	case failures >= tooMany:
		return s.Actions.LockIn(tx, plan, &u.User)
	default:
		return s.Actions.RestartIn(tx, plan, &u.User)
	}
}

// ByOAuth is [Service.Login] for an OAuth client, with a scope, and also returns what an id token would say.
func (s *Service) ByOAuth(ctx context.Context, a *application.Application, req wire.LoginRequest, scope string, info *wire.EventInfo) (*Outcome, token.Grant, error) {
	var v problem.Validation
	v.Check(req.LoginID != "", "username", "blank", "Say who logs in: username.")
	v.Check(req.Password != "", "password", "blank", "The password is missing.")
	if err := v.Err(); err != nil {
		return nil, token.Grant{}, err
	}
	u, kind, err := s.Users.FindCredential(ctx, a.TenantID, req.LoginID, req.LoginIDTypes, takesTokens(a))
	if errors.Is(err, problem.ErrNotFound) {
		err = s.unknown(ctx, req.Password)
	}
	if err != nil {
		return nil, token.Grant{}, err
	}
	e := Entry{
		User: u, Application: a, Type: event.AuthenticationPassword,
		Origin: Origin{BaseLogin: req.BaseLogin, LoginID: req.LoginID, LoginIDType: kind, Scope: scope},
	}
	c, err := s.byPassword(ctx, e, req.Password, info)
	if err != nil {
		return nil, token.Grant{}, err
	}
	out, err := c.Outcome(ctx)
	return out, c.Grant(), err
}
