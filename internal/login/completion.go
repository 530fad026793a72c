package login

import (
	"cmp"
	"context"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/wire"
)

// Completion is the end of a login, as a part of the operation of whoever has the proof: Prepare in its Prepare, Commit in its Commit, and Outcome when it
// has committed.
type Completion struct {
	s       *Service
	e       Entry
	flows   *tenant.Flows
	factors Factors // nil when the second factor was proved

	out     Outcome
	known   device
	roles   []string
	commits []func(*db.Tx) error
	refresh *token.Refresh
	threats []event.Threat
	resumed identity.Resumed
}

// Complete returns the end of a login whose second factor was proved, or is not asked for.
func (s *Service) Complete(e Entry, flows *tenant.Flows) *Completion {
	return &Completion{s: s, e: e, flows: flows}
}

// Prepare decides how the login ends, and plans its events. u is the user as tx sees it.
//
// Errors: [ErrLocked], [ErrExpired], [PreventedError]; nothing is planned then.
func (c *Completion) Prepare(tx *db.Tx, plan *publish.Plan, u *identity.User) (err error) {
	c.e.User, c.out, c.commits = u, Outcome{LoginResponse: wire.LoginResponse{State: c.e.State}}, nil
	now := wire.Instant(tx.NowMillis())
	switch {
	case !u.Active:
		return ErrLocked
	case u.Expired(now):
		return ErrExpired
	}
	if c.s.Actions != nil {
		actions, err := c.s.Actions.Preventing(tx, u.ID, c.e.ApplicationID())
		if err != nil {
			return err
		}
		if len(actions) > 0 {
			return &PreventedError{actions}
		}
	}
	if c.factors != nil {
		commit, answer, err := c.factors.Challenge(tx, plan, c.e, c.flows)
		if err != nil {
			return err
		}
		if commit != nil {
			c.out.Status, c.out.LoginResponse = Challenged, *answer
			c.commits = append(c.commits, commit)
			return nil
		}
	}
	if j := c.e.Judgment; j.Status != "" && j.Status != u.BreachedPasswordStatus {
		before := u
		u = u.Copy()
		u.BreachedPasswordStatus, u.BreachedPasswordLastCheckedInstant = j.Status, now
		c.e.User = u
		c.commits = append(c.commits, func(tx *db.Tx) error { return c.s.Users.WriteIn(tx, before, u) })
	}
	reason := c.e.Judgment.Change
	if u.PasswordChangeRequired {
		reason = cmp.Or(u.PasswordChangeReason, wire.PasswordChangeAdministrative)
	}
	registration := registrationOf(u, c.e.Application)
	switch {
	case reason != "":
		c.out.Status, c.out.ChangePasswordReason = ChangePassword, reason
		c.commits = append(c.commits, func(tx *db.Tx) (err error) {
			c.out.ChangePasswordID, err = c.s.Resets.IssueIn(tx, u, c.flows)
			return err
		})
		return nil
	case gated(u, c.flows):
		c.out.Status = Unverified
		c.commits = append(c.commits, func(tx *db.Tx) (err error) {
			c.resumed, err = c.s.Verifications.ResumeIn(tx, u, u.Identities[gate(u, c.flows)], c.flows, c.e.ApplicationID())
			if c.out.IdentityVerificationID = c.resumed.ID; c.resumed.Kind == wire.IdentityEmail {
				c.out.EmailVerificationID = c.resumed.ID
			}
			return err
		})
		return nil
	case registrationGated(registration, c.e.Application):
		c.out.Status = RegistrationUnverified
		c.commits = append(c.commits, func(tx *db.Tx) (err error) {
			c.resumed, err = c.s.Verifications.ResumeRegistrationIn(tx, u, c.e.Application, c.flows)
			c.out.RegistrationVerificationID = c.resumed.ID
			return err
		})
		return nil
	}
	return c.letIn(tx, plan)
}

// letIn plans what follows when nothing is in the way any more.
func (c *Completion) letIn(tx *db.Tx, plan *publish.Plan) (err error) {
	u, now := c.e.User, wire.Instant(tx.NowMillis())
	registration := registrationOf(u, c.e.Application)
	c.out.Status = In
	if c.e.Application != nil && registration == nil {
		c.out.Status = NotRegistered
	}
	u.LastLoginInstant = now
	if registration != nil {
		registration.LastLoginInstant = now
		if c.roles, err = c.s.rolesOf(tx, &u.User, registration); err != nil {
			return err
		}
	}
	if c.known, err = c.s.deviceOf(tx, &c.e); err != nil {
		return err
	}
	if c.threats, err = c.s.threatsTo(tx, &c.e, c.known, c.flows); err != nil {
		return err
	}

	if c.e.Judgment.Breached {
		plan.Publish(&event.UserEvent{Header: event.About(event.UserPasswordBreach, u.ID), User: u.User})
	}
	payload := event.UserLoginEvent{
		Header: event.About(event.UserLoginSuccess, u.ID), AuthenticationType: c.e.Type, ConnectorID: u.ConnectorID, User: u.User,
	}
	//lint:ignore SA1019 receivers may still read it
	payload.IPAddress = c.e.IPAddress
	if registration != nil {
		payload.ApplicationID = c.e.Application.ID
	}
	plan.Publish(&payload)
	if c.e.NewDevice || c.known.isNew {
		plan.Publish(event.WithType(&payload, event.UserLoginNewDevice))
	}
	if len(c.threats) > 0 {
		plan.Publish(&event.UserLoginSuspiciousEvent{
			Header: event.About(event.UserLoginSuspicious, u.ID), ApplicationID: payload.ApplicationID, AuthenticationType: c.e.Type, ConnectorID: u.ConnectorID,
			//lint:ignore SA1019 receivers may still read it
			IPAddress: payload.IPAddress, ThreatsDetected: c.threats, User: u.User,
		})
	}
	c.commits = append(c.commits, c.record)
	return nil
}

// record writes that the user has come in.
func (c *Completion) record(tx *db.Tx) error {
	u := c.e.User
	if err := c.s.Users.LoggedInIn(tx, u, c.e.ApplicationID()); err != nil {
		return err
	}
	if err := insertRecord(tx, &c.e); err != nil {
		return err
	}
	if err := c.known.keep(tx); err != nil {
		return err
	}
	if err := forgetFailures(tx, u.ID); err != nil {
		return err
	}
	if c.out.Status != In || !c.wantsRefreshToken() {
		return nil
	}
	meta := wire.RefreshTokenMetaData{Device: c.e.MetaData.Device, Scopes: c.e.MetaData.Scopes, Data: c.e.MetaData.Data}
	meta.Device.LastAccessedInstant = wire.Instant(tx.NowMillis())
	meta.Device.LastAccessedAddress = cmp.Or(meta.Device.LastAccessedAddress, c.e.IPAddress)
	value, refresh, err := c.s.Tokens.Issue(tx, &u.User, c.e.Application, token.Rules(c.flows, c.e.Application), meta)
	c.refresh, c.out.RefreshToken = refresh, value
	return err
}

func (c *Completion) wantsRefreshToken() bool {
	a := c.e.Application
	if a == nil || c.e.NoJWT {
		return false
	}
	if c.e.Scope != "" {
		return a.OAuth.RefreshTokens && c.e.Asks("offline_access")
	}
	return a.RefreshTokens
}

// Commit writes what Prepare planned.
func (c *Completion) Commit(tx *db.Tx) error {
	for _, commit := range c.commits {
		if err := commit(tx); err != nil {
			return err
		}
	}
	return nil
}

// Outcome returns how the login has ended, with the tokens that it leads to. To be called once the operation has committed.
func (c *Completion) Outcome(ctx context.Context) (*Outcome, error) {
	out := &c.out
	for _, t := range c.threats {
		out.ThreatsDetected = append(out.ThreatsDetected, string(t))
	}
	if out.Status != In && out.Status != NotRegistered {
		c.resumed.Tell(ctx)
		return out, nil
	}
	out.User = &c.e.User.User
	if c.e.Judgment.Notify != "" {
		c.s.tellOfBreach(ctx, c.e.User, c.e.Judgment.Notify)
	}
	if c.e.NoJWT {
		return out, nil
	}
	grant := c.Grant()
	signed, err := c.s.Tokens.Sign(ctx, grant)
	if err != nil {
		return nil, err
	}
	out.Token, out.TokenExpirationInstant, out.RefreshTokenID = signed.Token, signed.Expires, grant.Session
	return out, nil
}

// tellOfBreach writes to the user whose password is stolen. Whether that arrives is in the message log; the login does not depend on it.
func (s *Service) tellOfBreach(ctx context.Context, u *identity.User, template wire.ID) {
	if u.Email == "" {
		return
	}
	r := message.Request{
		Tenant: u.TenantID, User: &u.User, Languages: u.PreferredLanguages, Purpose: "breached-password", Kind: wire.KindEmail, To: u.Email, Template: template, Model: map[string]any{},
	}
	if s.Model != nil {
		model, err := s.Model(ctx, &u.User, "")
		if err != nil {
			return
		}
		r.Model = model
	}
	_, _ = s.Sender.Send(ctx, r)
}

// Grant is what the tokens of the login say.
func (c *Completion) Grant() token.Grant {
	g := token.Grant{User: &c.e.User.User, Type: c.e.Type, Scope: c.e.Scope}
	if c.out.Status == In {
		g.Application, g.Roles = c.e.Application, c.roles
	}
	if c.refresh != nil {
		g.Session = c.refresh.ID
	}
	return g
}

// registrationOf returns the registration of a user for an application, nil if there is none.
func registrationOf(u *identity.User, a *application.Application) *wire.Registration {
	if a == nil {
		return nil
	}
	if i := slices.IndexFunc(u.Registrations, func(r wire.Registration) bool { return r.ApplicationID == a.ID }); i >= 0 {
		return &u.Registrations[i]
	}
	return nil
}

// rolesOf are the roles that a user has in the application of a registration: its own and those of groups, each once.
func (s *Service) rolesOf(tx *db.Tx, u *wire.User, r *wire.Registration) ([]string, error) {
	roles := slices.Clone(r.Roles)
	if s.GroupRoles != nil {
		more, err := s.GroupRoles(tx, u, r.ApplicationID)
		if err != nil {
			return nil, err
		}
		roles = append(roles, more...)
	}
	slices.Sort(roles)
	return slices.Compact(roles), nil
}

// registrationGated tells whether a registration that waits for its verification keeps the user out. r may be nil.
func registrationGated(r *wire.Registration, a *application.Application) bool {
	return r != nil && a.GateUnverified && a.VerifyRegistration && !r.Verified
}

// gated tells whether an address of the user that waits for its verification keeps him out.
func gated(u *identity.User, flows *tenant.Flows) bool { return gate(u, flows) >= 0 }

// gate is which of the user's identities does so, -1 for none.
func gate(u *identity.User, flows *tenant.Flows) int {
	return slices.IndexFunc(u.Identities, func(i wire.UserIdentity) bool {
		waits := !i.Verified && i.VerifiedReason == wire.VerifiedPending
		return waits && (i.Type == wire.IdentityEmail && flows.Email.Gated || i.Type == wire.IdentityPhoneNumber && flows.Phone.Gated)
	})
}
