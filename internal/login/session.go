package login

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/wire"
)

// Refreshed is what a refresh token was exchanged for.
type Refreshed struct {
	token.Signed
	RefreshToken   string
	RefreshTokenID wire.ID
	Grant          token.Grant
}

// Refresh exchanges a refresh token for an access token. oauth says that an OAuth client asks, for which the application's grants count and not
// allowTokenRefresh.
//
// Errors: problem.Invalid, for a token that is no good as well; publish.ErrRefused, after which the refresh token is as it was. Event: jwt.refresh, before the
// token is handed out. A one-time token that is used a second time is stolen, and ended where the tenant wants that: jwt.refresh-token.revoke.
func (s *Service) Refresh(ctx context.Context, req wire.RefreshRequest, oauth bool, info *wire.EventInfo) (*Refreshed, error) {
	var v problem.Validation
	v.Check(req.RefreshToken != "", "refreshToken", "blank", "The refresh token is missing.")
	v.Check(req.TimeToLiveInSeconds >= 0, "timeToLiveInSeconds", "invalid", "A lifetime is a number of seconds.")
	if err := v.Err(); err != nil {
		return nil, err
	}
	presented, u, flows, err := s.session(ctx, req.RefreshToken)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, badToken("The refresh token is unknown, has expired or was revoked.")
	}
	if err != nil {
		return nil, err
	}
	if presented.Stolen {
		if flows.JWT.Revoke.OnOneTimeTokenReuse {
			if err := s.Tokens.Revoke(ctx, &u.User, presented.ID, info); err != nil && !errors.Is(err, problem.ErrNotFound) && !errors.Is(err, publish.ErrRefused) {
				return nil, err
			}
		}
		return nil, badToken("The refresh token was used before, and could be used once.")
	}
	e := Entry{User: u, Type: event.AuthenticationRefreshToken}
	if presented.ApplicationID != "" {
		if e.Application, err = s.application(ctx, &v, u.TenantID, presented.ApplicationID); err != nil {
			return nil, err
		}
		if e.Application == nil {
			return nil, badToken("The application of the refresh token is not active any more.")
		}
		if !oauth && !e.Application.TokenRefresh {
			v.Field("refreshToken", "disabled", "The application does not allow this (loginConfiguration.allowTokenRefresh).")
			return nil, v.Err()
		}
	}
	rules := token.Rules(flows, e.Application)
	lifetime := time.Duration(req.TimeToLiveInSeconds) * time.Second
	if v.Check(lifetime <= rules.AccessToken, "timeToLiveInSeconds", "invalid", "An access token lives for %d seconds at most.", int(rules.AccessToken/time.Second)); v.Err() != nil {
		return nil, v.Err()
	}

	// Signed before anybody is asked, because the event has the new token.
	grant := token.Grant{User: &u.User, Application: e.Application, Type: e.Type, Session: presented.ID, Lifetime: lifetime}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		barred, err := s.barred(tx, u, e.ApplicationID())
		if err != nil || barred {
			return orBad(err, "The user cannot log in.")
		}
		if e.Application == nil {
			return nil
		}
		registration := registrationOf(u, e.Application)
		if registration == nil {
			return badToken("The user is not registered for the application any more.")
		}
		grant.Roles, err = s.rolesOf(tx, &u.User, registration)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &Refreshed{RefreshTokenID: presented.ID, Grant: grant}
	if out.Signed, err = s.Tokens.Sign(ctx, grant); err != nil {
		return nil, err
	}
	address := ""
	if info != nil {
		address = info.IPAddress
	}
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if presented, err = s.Tokens.Find(tx, req.RefreshToken); err != nil {
				return err
			}
			if presented.Stolen { // it was good a moment ago: another request was faster
				return problem.Stale("refresh token")
			}
			if rules.Usage == tenant.UsageOneTime {
				if err := plan.Reserve(tx, "refresh-token/"+string(presented.ID), problem.Stale("refresh token")); err != nil {
					return err
				}
			}
			plan.Publish(&event.JWTRefreshEvent{
				Header: event.About(event.JWTRefresh, u.ID), ApplicationID: e.ApplicationID(), UserID: u.ID,
				RefreshToken: req.RefreshToken, Token: out.Token, Original: req.Token,
			})
			return nil
		},
		Commit: func(tx *db.Tx) (err error) {
			out.RefreshToken, err = s.Tokens.Use(tx, presented, rules, address)
			return err
		},
	})
	if errors.Is(err, problem.ErrNotFound) { // revoked at this moment
		err = badToken("The refresh token was revoked.")
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// session returns a refresh token, whose it is and what the tenant says. It is problem.ErrNotFound when the token is no good, or its user may not log in.
func (s *Service) session(ctx context.Context, value string) (p *token.Presented, u *identity.User, flows *tenant.Flows, err error) {
	if p, err = s.Tokens.Present(ctx, value); err != nil {
		return nil, nil, nil, err
	}
	if u, err = s.Users.Load(ctx, p.UserID); err != nil {
		return nil, nil, nil, err
	}
	flows, err = s.flows(ctx, u.TenantID)
	return p, u, flows, err
}

// barred tells whether a user may not use what he has: he was deactivated, has expired, or is kept out by an action.
func (s *Service) barred(tx *db.Tx, u *identity.User, application wire.ID) (bool, error) {
	if !u.Active || u.Expired(wire.Instant(tx.NowMillis())) {
		return true, nil
	}
	if s.Actions == nil {
		return false, nil
	}
	actions, err := s.Actions.Preventing(tx, u.ID, application)
	return len(actions) > 0, err
}

func badToken(message string) error {
	var v problem.Validation
	v.Field("refreshToken", "invalid", "%s", message)
	return v.Err()
}

func orBad(err error, message string) error {
	if err != nil {
		return err
	}
	return badToken(message)
}

// Logout ends the session of a refresh token, or, if it is global, all sessions of its user. A token that is no good ends nothing, and is no error.
//
// Event: jwt.refresh-token.revoke. Its webhooks are told and not asked: nobody can keep a user from leaving.
func (s *Service) Logout(ctx context.Context, req wire.LogoutRequest, info *wire.EventInfo) error {
	if req.RefreshToken == "" {
		return nil
	}
	p, u, _, err := s.session(ctx, req.RefreshToken)
	if errors.Is(err, problem.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		var plan publish.Plan
		var commit token.Commit
		if req.Global {
			commit, err = s.Tokens.RevokeOfUserIn(tx, &plan, &u.User, "")
		} else {
			commit, err = s.Tokens.RevokeIn(tx, &plan, &u.User, p.Refresh)
		}
		if err != nil || commit == nil {
			return err
		}
		if err := commit(tx); err != nil {
			return err
		}
		return s.Events.Announce(tx, u.TenantID, info, plan.Events()...)
	})
	if errors.Is(err, problem.ErrNotFound) { // ended at this moment
		return nil
	}
	return err
}

// Ping records a login of a user who is known to be logged in.
//
// Errors: problem.ErrNotFound when there is no such application, or the user may not log in; publish.ErrRefused. Events: those of a login.
func (s *Service) Ping(ctx context.Context, u *identity.User, req wire.LoginPingRequest, info *wire.EventInfo) (*Outcome, error) {
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	a, err := s.application(ctx, &v, u.TenantID, req.ApplicationID)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, problem.ErrNotFound
	}
	req.NoJWT = true
	if info != nil {
		req.IPAddress, req.EventInfo = cmp.Or(req.IPAddress, info.IPAddress), info
	}
	c := s.Complete(Entry{User: u, Application: a, Type: event.AuthenticationPing, Origin: Origin{BaseLogin: req.BaseLogin}}, flows)
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if c.e.User, err = s.Users.LoadIn(tx, u.ID); err != nil {
				return err
			}
			barred, err := s.barred(tx, c.e.User, a.ID)
			if err == nil && barred {
				err = problem.ErrNotFound
			}
			if err != nil {
				return err
			}
			c.commits = nil
			return c.letIn(tx, plan)
		},
		Commit: c.Commit,
	})
	if err != nil {
		return nil, err
	}
	return c.Outcome(ctx)
}

// ErrNotRegistered says that the user is not registered for the application: 202.
var ErrNotRegistered = errors.New("login: the user is not registered for the application")

// Issue makes an access token for an application out of one for another, and a refresh token if the caller has one.
//
// Without a refresh token the new one ends when the old one does: nobody can take it back, so it must not prolong itself.
//
// Errors: problem.Invalid; [ErrNotRegistered]; problem.ErrUnauthenticated when something keeps the user out. There are no events.
func (s *Service) Issue(ctx context.Context, u *identity.User, application wire.ID, claims token.Claims, refreshToken string) (*wire.JWTResponse, error) {
	var v problem.Validation
	a, err := s.application(ctx, &v, u.TenantID, application)
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		return nil, err
	}
	registration := registrationOf(u, a)
	if registration == nil {
		return nil, ErrNotRegistered
	}
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return nil, err
	}
	grant := token.Grant{User: &u.User, Application: a, Type: event.AuthenticationJWTSSO}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		barred, err := s.barred(tx, u, a.ID)
		if err == nil && barred {
			err = problem.ErrUnauthenticated
		}
		if err != nil {
			return err
		}
		grant.Roles, err = s.rolesOf(tx, &u.User, registration)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &wire.JWTResponse{}
	if refreshToken == "" {
		grant.Lifetime = max(time.UnixMilli(int64(claims.Expires)).Sub(s.DB.Now()), time.Second)
	} else {
		presented, owner, _, found := s.session(ctx, refreshToken)
		switch {
		case found != nil && !errors.Is(found, problem.ErrNotFound):
			return nil, found
		case found != nil || presented.Stolen || owner.ID != u.ID:
			return nil, badToken("The refresh token is unknown, has expired or was revoked.")
		}
		err = s.DB.Update(ctx, func(tx *db.Tx) (err error) {
			var r *token.Refresh
			out.RefreshToken, r, err = s.Tokens.Issue(tx, &u.User, a, token.Rules(flows, a), presented.MetaData)
			if err == nil {
				grant.Session = r.ID
			}
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	signed, err := s.Tokens.Sign(ctx, grant)
	out.Token = signed.Token
	return out, err
}

// TokensFor are the tokens of a user who was just made, or registered for an application: without a login, its record and its events.
//
// A user whom something keeps from logging in gets none.
func (s *Service) TokensFor(ctx context.Context, u *identity.User, application wire.ID, by event.AuthenticationType, refresh bool) (signed token.Signed, refreshToken string, refreshTokenID wire.ID, err error) {
	var v problem.Validation
	a, err := s.application(ctx, &v, u.TenantID, application)
	if err != nil || v.Err() != nil {
		return signed, "", "", err
	}
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return signed, "", "", err
	}
	registration := registrationOf(u, a)
	out := u.PasswordChangeRequired || gated(u, flows) || registrationGated(registration, a)
	if !out {
		err = s.DB.View(ctx, func(tx *db.Tx) error {
			out, err = s.barred(tx, u, application)
			return err
		})
	}
	if out || err != nil {
		return signed, "", "", err
	}
	grant := token.Grant{User: &u.User, Application: a, Type: by}
	if registration != nil {
		err = s.DB.Update(ctx, func(tx *db.Tx) (err error) {
			if grant.Roles, err = s.rolesOf(tx, &u.User, registration); err != nil || !refresh || !a.RefreshTokens {
				return err
			}
			var r *token.Refresh
			refreshToken, r, err = s.Tokens.Issue(tx, &u.User, a, token.Rules(flows, a), wire.RefreshTokenMetaData{})
			if err == nil {
				grant.Session, refreshTokenID = r.ID, r.ID
			}
			return err
		})
		if err != nil {
			return signed, "", "", err
		}
	}
	signed, err = s.Tokens.Sign(ctx, grant)
	return signed, refreshToken, refreshTokenID, err
}
