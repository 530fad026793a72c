package login

import (
	"context"
	"errors"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// start is what goes with the ticket of a login without a password.
type start struct {
	Application wire.ID           `json:"application"`
	Kind        wire.IdentityType `json:"kind"`
	LoginID     string            `json:"loginId"`
	OneTimeCode string            `json:"oneTimeCode,omitempty"`
	State       wire.Object       `json:"state,omitempty"`
	// Sent says that the code went out as a message, so that whoever has it can read what is sent to the user.
	Sent bool `json:"sent,omitempty"`
}

// ErrNoTemplate says that there is no template for the message: logging in without a password is switched off.
var ErrNoTemplate = errors.New("login: there is no template for this message")

// StartPasswordless makes the code with which a user can log in without a password, for an application that allows it. Nothing is sent.
//
// Errors: problem.Invalid; problem.ErrNotFound for an unknown user.
func (s *Service) StartPasswordless(ctx context.Context, of wire.ID, req wire.PasswordlessStartRequest) (res wire.PasswordlessStartResponse, err error) {
	var v problem.Validation
	v.Check(req.LoginID != "", "loginId", "blank", "Say who logs in: loginId.")
	v.Check(req.ApplicationID != "", "applicationId", "blank", "Say what is logged in to: applicationId.")
	v.Check(slices.Contains(append(tenant.VerificationStrategies, ""), tenant.VerificationStrategy(req.LoginStrategy)), "loginStrategy", "invalid",
		"This is one of %s and %s.", tenant.ClickableLink, tenant.FormField)
	a, err := s.application(ctx, &v, of, req.ApplicationID)
	if err != nil {
		return res, err
	}
	v.Check(a == nil || a.Passwordless, "applicationId", "disabled", "The application does not allow logins without a password (passwordlessConfiguration.enabled).")
	if err := v.Err(); err != nil {
		return res, err
	}
	u, kind, err := s.Users.FindByLoginID(ctx, of, req.LoginID, req.LoginIDTypes)
	if err != nil {
		return res, err
	}
	flows, err := s.flows(ctx, of)
	if err != nil {
		return res, err
	}
	t := start{Application: a.ID, Kind: kind, LoginID: req.LoginID, State: req.State}
	if tenant.VerificationStrategy(req.LoginStrategy) == tenant.FormField {
		t.OneTimeCode = flows.PasswordlessCode.New()
	}
	res = wire.PasswordlessStartResponse{Code: ticket.NewID(), OneTimeCode: t.OneTimeCode}
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := s.Tickets.Issue(tx, ticket.Passwordless, res.Code, u.ID, t, flows.Lifetimes.Passwordless)
		return err
	})
	return res, err
}

// SendPasswordless sends the user the code of a login that was started.
//
// Errors: problem.ErrNotFound for a code that is unknown or has ended; [ErrNoTemplate]; problem.TooMany; a message that nobody took has the code
// [MessengerError].
func (s *Service) SendPasswordless(ctx context.Context, code string) error {
	var u *identity.User
	var t start
	err := s.DB.View(ctx, func(tx *db.Tx) error {
		found, err := s.Tickets.Find(tx, ticket.Passwordless, code)
		if err != nil {
			return err
		}
		if err := found.Content(&t); err != nil {
			return err
		}
		u, err = s.Users.LoadIn(tx, found.User)
		return err
	})
	if err != nil {
		return err
	}
	r, err := s.passwordlessMessage(ctx, u, t, code)
	if err != nil {
		return err
	}
	// Before the message leaves, so that whoever answers it at once is believed.
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		found, err := s.Tickets.Lock(tx, ticket.Passwordless, code)
		if err != nil {
			return err
		}
		t.Sent = true
		return found.Replace(tx, t)
	})
	if err != nil {
		return err
	}
	_, err = s.Sender.Send(ctx, r)
	return err
}

func (s *Service) passwordlessMessage(ctx context.Context, u *identity.User, t start, code string) (message.Request, error) {
	var r message.Request
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return r, err
	}
	all, err := s.Applications.Registry(ctx)
	if err != nil {
		return r, err
	}
	a := all.In(u.TenantID, t.Application)
	if a == nil {
		return r, problem.ErrNotFound
	}
	r = message.Request{
		Tenant: u.TenantID, Application: a.ID, User: &u.User, Languages: u.Languages(a.ID), Purpose: "passwordless", Code: t.OneTimeCode, Secrets: []string{code},
		Kind: wire.KindEmail, To: u.Email, Template: firstOf(a.PasswordlessEmailTemplateID, flows.Email.PasswordlessTemplateID),
	}
	if t.Kind == wire.IdentityPhoneNumber {
		r.Kind, r.To, r.Messengers = wire.KindSMS, u.PhoneNumber, flows.Phone.Messengers
		r.Template = firstOf(a.PhonePasswordlessTemplateID, flows.Phone.PasswordlessTemplateID)
	}
	if r.Template == "" || r.To == "" {
		return r, ErrNoTemplate
	}
	r.Model = map[string]any{}
	if s.Model != nil {
		if r.Model, err = s.Model(ctx, &u.User, a.ID); err != nil {
			return r, err
		}
	}
	r.Model["code"], r.Model["oneTimeCode"], r.Model["state"] = code, t.OneTimeCode, map[string]any(t.State)
	return r, nil
}

func firstOf(ids ...wire.ID) wire.ID {
	for _, id := range ids {
		if id != "" {
			return id
		}
	}
	return ""
}

// CompletePasswordless logs the user in who has the code. What was sent to an address and came back proves the address.
//
// Errors: those of [Service.Login]; problem.ErrNotFound also for a code that is unknown, has ended or was used. Events: user.email.verified and
// user.identity.verified when the address waited for that, then those of a login.
func (s *Service) CompletePasswordless(ctx context.Context, req wire.PasswordlessLoginRequest, info *wire.EventInfo) (*Outcome, error) {
	var v problem.Validation
	v.Check(req.Code != "", "code", "blank", "The code is missing.")
	if err := v.Err(); err != nil {
		return nil, err
	}
	var u *identity.User
	var t start
	err := s.DB.Update(ctx, func(tx *db.Tx) error {
		found, err := s.Tickets.Lock(tx, ticket.Passwordless, req.Code)
		if err != nil {
			return err
		}
		if err := found.Content(&t); err != nil {
			return err
		}
		if t.OneTimeCode != "" && !ticket.Same(t.OneTimeCode, req.OneTimeCode) {
			u = nil
			return found.CountWrong(tx)
		}
		u, err = s.Users.LoadIn(tx, found.User)
		return err
	})
	if err == nil && u == nil {
		err = problem.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	v.Check(req.ApplicationID == "" || req.ApplicationID == t.Application, "applicationId", "mismatch", "This login is one to another application.")
	a, err := s.application(ctx, &v, u.TenantID, t.Application)
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		return nil, err
	}
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return nil, err
	}
	e := Entry{
		User: u, Application: a, Type: event.AuthenticationPasswordless, State: t.State,
		Origin: Origin{BaseLogin: req.BaseLogin, LoginID: t.LoginID, LoginIDType: t.Kind, TrustID: req.TwoFactorTrustID},
	}
	c, err := s.enter(ctx, e, info, proof{
		ticket: func(tx *db.Tx) (*ticket.Ticket, error) { return s.Tickets.Lock(tx, ticket.Passwordless, req.Code) },
		also: func(tx *db.Tx, plan *publish.Plan, u *identity.User, _ *ticket.Ticket) (*identity.User, func(*db.Tx) error, error) {
			address, kind := u.Email, wire.IdentityEmail
			if t.Kind == wire.IdentityPhoneNumber {
				address, kind = u.PhoneNumber, wire.IdentityPhoneNumber
			}
			changed := u.Copy()
			if !t.Sent || !changed.Verify(plan, flows, kind, address, wire.Instant(tx.NowMillis())) {
				return u, nil, nil
			}
			return changed, func(tx *db.Tx) error { return s.Users.WriteIn(tx, u, changed) }, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return c.Outcome(ctx)
}
