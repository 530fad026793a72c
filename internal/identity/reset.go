package identity

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"unicode/utf8"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// Resets are the ways to a new password: a message with an id that allows to choose one, and the choice. It is safe for concurrent use once
// its exported fields are set.
type Resets struct {
	users *Service
	o     ResetOptions
}

// ResetOptions are what [Resets] and [Verifications] are made of. All but Model and Logger are required.
type ResetOptions struct {
	Tickets *ticket.Office
	Sender  Sender
	// Model makes the variables of a message that are not particular to it: the user, the tenant, the application, which is problem.ErrNotFound
	// if there is no such one. Nil makes none.
	Model func(ctx context.Context, u *wire.User, application wire.ID) (map[string]any, error)
	// Logger hears of what cannot be returned to anybody. Nil means silence.
	Logger *slog.Logger
}

// Sender sends messages: [message.Sender].
type Sender interface {
	Send(ctx context.Context, r message.Request) (wire.Message, error)
	Post(r message.Request)
}

// NewResets returns the ways to a new password of users.
func NewResets(users *Service, o ResetOptions) *Resets { return &Resets{users, o} }

var (
	// ErrNoTemplate says that the tenant has no template for the message: the flow is switched off.
	ErrNoTemplate = errors.New("identity: the tenant has no template for this message")
	// ErrNoAddress says that the user cannot be reached.
	ErrNoAddress = errors.New("identity: the user has no address for this message")
)

// reset is what goes with a ticket that allows to choose a new password.
type reset struct {
	// Kind and Value are where the id was sent. Empty when it was handed to the caller alone.
	Kind  wire.IdentityType `json:"kind,omitempty"`
	Value string            `json:"value,omitempty"`
	State wire.Object       `json:"state,omitempty"`
}

// maxChangePasswordID is for ids that a caller brings along, in characters.
const maxChangePasswordID = 191

// Forgot makes an id with which the user who is named can choose a new password, and sends it unless trusted callers do not want that. trusted
// says that the caller has an API key: only then the request's changePasswordId and its switches count.
//
// Errors: problem.Invalid; problem.ErrNotFound for an unknown user; ErrNoTemplate, ErrNoAddress; a problem of kind TooMany; a message that
// nobody took is a problem with the code [MessengerError], and nothing has begun then.
//
// Events: user.password.reset.start, and user.password.reset.send once somebody has taken the message.
func (s *Resets) Forgot(ctx context.Context, tenantID wire.ID, req wire.ForgotPasswordRequest, trusted bool, info *wire.EventInfo) (id string, err error) {
	loginID := cmp.Or(req.LoginID, req.Email, req.Username)
	send := !trusted || (req.SendForgotPasswordMessage == nil && req.SendForgotPasswordEmail == nil) ||
		isTrue(req.SendForgotPasswordMessage) || isTrue(req.SendForgotPasswordEmail)
	var v problem.Validation
	v.Check(loginID != "", "loginId", "blank", "Say who: loginId is what the user logs in with.")
	if id = ticket.NewID(); trusted && req.ChangePasswordID != "" {
		id = req.ChangePasswordID
		v.Check(problem.IsText(id) && utf8.RuneCountInString(id) <= maxChangePasswordID, "changePasswordId", "invalid",
			"An id has at most %d characters, and no control characters.", maxChangePasswordID)
	}
	if err := v.Err(); err != nil {
		return "", err
	}
	u, kind, err := s.users.FindByLoginID(ctx, tenantID, loginID, req.LoginIDTypes)
	if err != nil {
		return "", err
	}
	if !u.Active {
		return "", problem.ErrNotFound
	}
	flows, err := s.users.flows(ctx, u.TenantID)
	if err != nil {
		return "", err
	}
	var to reset
	var r message.Request
	if send {
		if to, r, err = s.message(ctx, u, kind, flows, req, id); err != nil {
			return "", err
		}
	}
	to.State = req.State

	start := func() event.Payload {
		return &event.UserEvent{Header: event.About(event.UserPasswordResetStart, u.ID), User: u.User}
	}
	var t *ticket.Ticket
	err = s.users.db.Update(ctx, func(tx *db.Tx) error {
		if err := Allow(tx, u.ID, "forgotPassword", flows.ForgotPassword); err != nil {
			return err
		}
		t, err = s.o.Tickets.Issue(tx, ticket.ChangePassword, id, u.ID, to, flows.Lifetimes.ChangePassword)
		if errors.Is(err, ticket.ErrTaken) {
			var v problem.Validation
			v.Field("changePasswordId", "duplicate", "This id is in use.")
			return v.Err()
		}
		if err != nil || send {
			return err
		}
		return s.users.events.Announce(tx, u.TenantID, info, start())
	})
	if err != nil || !send {
		return id, err
	}

	// From here on a caller that goes away changes nothing any more: the message is on its way.
	ctx = context.WithoutCancel(ctx)
	r.Until = s.users.db.Now().Add(flows.Lifetimes.ChangePassword)
	sent, failure := s.o.Sender.Send(ctx, r)
	if failure != nil && sent.State != wire.MessageUnknown { // the id of a message that may have arrived stays good
		_ = s.users.db.Update(ctx, func(tx *db.Tx) error { return t.Spend(tx) }) // it ends by itself as well
		return "", failure
	}
	err = s.users.db.Update(ctx, func(tx *db.Tx) error {
		events := []event.Payload{start()}
		if failure == nil {
			events = append(events, &event.UserEvent{Header: event.About(event.UserPasswordResetSend, u.ID), User: u.User})
		}
		return s.users.events.Announce(tx, u.TenantID, info, events...)
	})
	return id, cmp.Or(failure, err)
}

func isTrue(b *bool) bool { return b != nil && *b }

// message says where the id goes, and makes the message.
func (s *Resets) message(ctx context.Context, u *User, kind wire.IdentityType, flows *tenant.Flows, req wire.ForgotPasswordRequest, id string) (reset, message.Request, error) {
	r := message.Request{
		Tenant: u.TenantID, User: &u.User, Languages: u.PreferredLanguages, Purpose: "forgot-password", Secrets: []string{id},
		Kind: wire.KindEmail, To: u.Email, Template: flows.Email.ForgotPasswordTemplateID,
	}
	to := reset{Kind: wire.IdentityEmail, Value: u.Email}
	if kind == wire.IdentityPhoneNumber {
		r.Kind, r.To, r.Template, r.Messengers = wire.KindSMS, u.PhoneNumber, flows.Phone.ForgotPasswordTemplateID, flows.Phone.Messengers
		to = reset{Kind: wire.IdentityPhoneNumber, Value: u.PhoneNumber}
	}
	all, err := s.users.applications.Registry(ctx)
	if err != nil {
		return to, r, err
	}
	if app := all.In(u.TenantID, req.ApplicationID); app != nil { // what it says wins over the tenant
		r.Application = app.ID
		if r.Kind == wire.KindSMS {
			r.Template = cmp.Or(app.PhoneForgotTemplateID, r.Template)
		} else {
			r.Template = cmp.Or(app.ForgotPasswordTemplateID, r.Template)
		}
	}
	switch {
	case r.Template == "":
		return to, r, ErrNoTemplate
	case r.To == "":
		return to, r, ErrNoAddress
	}
	r.Model = map[string]any{}
	if s.o.Model != nil {
		model, err := s.o.Model(ctx, &u.User, req.ApplicationID)
		if errors.Is(err, problem.ErrNotFound) {
			err = invalidApplication(req.ApplicationID)
		}
		if err != nil {
			return to, r, err
		}
		r.Model = model
	}
	r.Model["changePasswordId"], r.Model["state"] = id, map[string]any(req.State)
	return to, r, nil
}

// LoadByID returns the user whom an id of [Resets.Forgot] lets choose a new password, or problem.ErrNotFound.
func (s *Resets) LoadByID(ctx context.Context, id string) (u *User, err error) {
	err = s.users.db.View(ctx, func(tx *db.Tx) error {
		t, err := s.o.Tickets.Find(tx, ticket.ChangePassword, id)
		if err != nil {
			return err
		}
		u, err = s.users.load(tx, t.User)
		return err
	})
	return u, err
}

// IssueIn makes an id with which a user can choose a new password, for somebody whom a login told to. The caller gets it and nobody else.
func (s *Resets) IssueIn(tx *db.Tx, u *User, flows *tenant.Flows) (id string, err error) {
	id = ticket.NewID()
	_, err = s.o.Tickets.Issue(tx, ticket.ChangePassword, id, u.ID, reset{}, flows.Lifetimes.ChangePassword)
	return id, err
}

// ErrTrustTokenRequired says that a user with a second factor has to prove it first.
var ErrTrustTokenRequired error = problem.New(problem.Invalid, "[TrustTokenRequired]",
	"This user has a second factor. Ask for it with /api/two-factor/start, and bring the trustToken that completing it gives.")

// Proof is what goes with a trust token: whose it is, and what it was asked for with.
type Proof struct {
	// Challenge is empty when it was asked for without one.
	Challenge string `json:"challenge,omitempty"`
}

// Check tells whether the request could succeed, as far as that can be told without the passwords. trusted says that the caller has an API key.
//
// Errors: problem.ErrNotFound; ErrTrustTokenRequired.
func (s *Resets) Check(ctx context.Context, req wire.ChangePasswordRequest, trusted bool) error {
	u, err := s.LoadByID(ctx, req.ChangePasswordID)
	if err != nil {
		return err
	}
	return s.checkTrust(ctx, u, req, trusted)
}

// CheckOwn is Check for a user who wants to change their own password.
//
// Errors: ErrTrustTokenRequired.
func (s *Resets) CheckOwn(ctx context.Context, u *User, req wire.ChangePasswordRequest) error {
	return s.checkTrust(ctx, u, req, false)
}

func (s *Resets) checkTrust(ctx context.Context, u *User, req wire.ChangePasswordRequest, trusted bool) error {
	return s.users.db.View(ctx, func(tx *db.Tx) error {
		_, err := s.trust(tx, u, req, trusted)
		return err
	})
}

// trust returns the ticket of the trust token, nil when none is needed.
func (s *Resets) trust(tx *db.Tx, u *User, req wire.ChangePasswordRequest, trusted bool) (*ticket.Ticket, error) {
	if trusted || len(u.TwoFactor.Methods) == 0 {
		return nil, nil //nolint:nilnil // no ticket is no error
	}
	if req.TrustToken == "" {
		return nil, ErrTrustTokenRequired
	}
	t, err := s.o.Tickets.Find(tx, ticket.TrustToken, req.TrustToken)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, ErrTrustTokenRequired
	}
	if err != nil {
		return nil, err
	}
	var p Proof
	if err := t.Content(&p); err != nil {
		return nil, err
	}
	if t.User != u.ID || p.Challenge != req.TrustChallenge {
		return nil, ErrTrustTokenRequired
	}
	return t, nil
}

// Change sets the password of whoever holds the request's changePasswordId. trusted says that the caller has an API key.
//
// Errors: problem.Invalid with what the new password lacks; problem.ErrNotFound when the id is unknown, has ended or was used, and when an
// untrusted caller's current password is wrong; ErrTrustTokenRequired; problem.Stale; publish.ErrRefused.
//
// Events: user.email.verified and user.identity.verified when the id had been sent to an address that waits for its verification; then
// user.password.update and user.password.reset.success.
func (s *Resets) Change(ctx context.Context, req wire.ChangePasswordRequest, trusted bool, info *wire.EventInfo) (wire.ChangePasswordResponse, error) {
	u, err := s.LoadByID(ctx, req.ChangePasswordID)
	if err != nil {
		return wire.ChangePasswordResponse{}, err
	}
	return s.change(ctx, u, req, trusted, false, info)
}

// ChangeOwn sets the password of a user who has shown his access token, and now his present password. Errors as of [Resets.Change]. Events: what
// OnPasswordChange adds, user.password.update.
func (s *Resets) ChangeOwn(ctx context.Context, u *User, req wire.ChangePasswordRequest, info *wire.EventInfo) (wire.ChangePasswordResponse, error) {
	req.ChangePasswordID = ""
	var v problem.Validation
	if v.Check(req.CurrentPassword != "", "currentPassword", "blank", "The present password is required."); v.Err() != nil {
		return wire.ChangePasswordResponse{}, v.Err()
	}
	return s.change(ctx, u, req, false, true, info)
}

// ChangeOf sets the password of a user whom an API key may change. Errors as of [Resets.Change]. Event: user.password.update.
func (s *Resets) ChangeOf(ctx context.Context, u *User, req wire.ChangePasswordRequest, info *wire.EventInfo) error {
	req.ChangePasswordID = ""
	_, err := s.change(ctx, u, req, true, false, info)
	return err
}

// Find returns the user that the request names by a login id. Errors: problem.Invalid, problem.ErrNotFound.
func (s *Resets) Find(ctx context.Context, tenantID wire.ID, req wire.ChangePasswordRequest) (*User, error) {
	var v problem.Validation
	v.Check(req.LoginID != "", "loginId", "blank", "Say whose password: with changePasswordId, or with loginId.")
	if err := v.Err(); err != nil {
		return nil, err
	}
	u, _, err := s.users.FindByLoginID(ctx, tenantID, req.LoginID, req.LoginIDTypes)
	return u, err
}

// change sets a password: by id, by an API key (trusted), or of the user's own accord (own).
func (s *Resets) change(ctx context.Context, u *User, req wire.ChangePasswordRequest, trusted, own bool, info *wire.EventInfo) (wire.ChangePasswordResponse, error) {
	var res wire.ChangePasswordResponse
	rules, err := s.users.rules(ctx, u.TenantID)
	if err != nil {
		return res, err
	}
	flows, err := s.users.flows(ctx, u.TenantID)
	if err != nil {
		return res, err
	}
	var v problem.Validation
	if v.Check(req.Password != "", "password", "blank", "A new password is required."); req.Password != "" {
		rules.Password.check(&v, "password", req.Password)
	}
	if err := v.Err(); err != nil {
		return res, err
	}
	// Before anything slow, and again in the transaction.
	if err := s.users.db.View(ctx, func(tx *db.Tx) error { _, err := s.trust(tx, u, req, trusted); return err }); err != nil {
		return res, err
	}
	if req.CurrentPassword != "" {
		ok, err := s.users.hasher.verify(ctx, u.password, req.CurrentPassword)
		switch {
		case err != nil:
			return res, err
		case !ok && !trusted:
			return res, problem.ErrNotFound
		case !ok:
			v.Field("currentPassword", "invalid", "This is not the user's password.")
			return res, v.Err()
		}
	}
	password, err := s.users.choose(ctx, "password", req.Password, u, &u.User, rules.Password)
	if err != nil {
		return res, err
	}

	byID := req.ChangePasswordID != ""
	var original, changed *User
	var used, proof *ticket.Ticket
	var follows []func(*db.Tx) error
	err = s.users.events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			var to reset
			if byID {
				if used, err = s.o.Tickets.Lock(tx, ticket.ChangePassword, req.ChangePasswordID); err != nil {
					return err
				}
				if err := plan.Reserve(tx, used.Name(), problem.ErrNotFound); err != nil { // another request is about to use it
					return err
				}
				if err := used.Content(&to); err != nil {
					return err
				}
			}
			if original, err = s.users.load(tx, u.ID); err != nil {
				return err
			}
			if proof, err = s.trust(tx, original, req, trusted); err != nil {
				return err
			}
			now := wire.Instant(tx.NowMillis())
			changed = original.Copy()
			changed.password, changed.PasswordLastUpdateInstant = password, now
			changed.PasswordChangeRequired, changed.PasswordChangeReason = false, ""
			changed.LastUpdateInstant = now
			if byID && to.Value != "" {
				changed.Verify(plan, flows, to.Kind, to.Value, now)
			}
			if follows, err = s.users.followUp(tx, plan, changed, true); err != nil {
				return err
			}
			plan.Publish(&event.UserEvent{Header: event.About(event.UserPasswordUpdate, u.ID), User: changed.User})
			if byID {
				plan.Publish(&event.UserEvent{Header: event.About(event.UserPasswordResetSuccess, u.ID), User: changed.User})
			}
			res.State = to.State
			return nil
		},
		Commit: func(tx *db.Tx) error {
			for _, t := range []*ticket.Ticket{used, proof} {
				if t == nil {
					continue
				}
				if err := t.Spend(tx); err != nil {
					return err
				}
			}
			if err := s.users.WriteIn(tx, original, changed); err != nil {
				return err
			}
			if err := remember(tx, original, rules.Password); err != nil {
				return err
			}
			if err := run(tx, follows); err != nil {
				return err
			}
			// Whoever could choose a password until now could also undo this choice.
			if err := ticket.Revoke(tx, u.ID, ticket.ChangePassword, ticket.OneTimePassword); err != nil || !byID && !own {
				return err
			}
			res.OneTimePassword = ticket.NewID()
			_, err := s.o.Tickets.Issue(tx, ticket.OneTimePassword, res.OneTimePassword, u.ID, struct{}{}, flows.Lifetimes.OneTimePassword)
			return err
		},
	})
	if err != nil {
		return wire.ChangePasswordResponse{}, err
	}
	return res, nil
}
