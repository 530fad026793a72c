package twofactor

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// Sizes of secrets in bytes. RFC 4226 recommends 160 bits; what other systems made is accepted down to half of that.
const (
	newSecret            = 20
	minSecret, maxSecret = 10, 128
)

// maxMethods bounds how many methods a user has, maxName their names in characters.
const (
	maxMethods = 20
	maxName    = 255
)

// Secret makes the secret of an authenticator. Nothing is stored.
func (s *Service) Secret() wire.TwoFactorSecretResponse {
	secret := make([]byte, newSecret)
	_, _ = rand.Read(secret) // never fails
	return wire.TwoFactorSecretResponse{
		Secret: base64.StdEncoding.EncodeToString(secret), SecretBase32Encoded: base32.StdEncoding.EncodeToString(secret),
	}
}

// secretOf reads a secret in either spelling. prefix stands before the names of the members.
func secretOf(v *problem.Validation, prefix, inBase64, inBase32 string) []byte {
	path, text := prefix+"secret", inBase64
	decode := base64.RawStdEncoding.DecodeString
	if text == "" && inBase32 != "" {
		path, text = prefix+"secretBase32Encoded", strings.ToUpper(strings.ReplaceAll(inBase32, " ", ""))
		decode = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString
	}
	if text == "" {
		v.Field(path, "blank", "The secret of the authenticator is missing.")
		return nil
	}
	secret, err := decode(strings.TrimRight(text, "="))
	v.Check(err == nil && len(secret) >= minSecret && len(secret) <= maxSecret, path, "invalid",
		"A secret has %d to %d bytes, in base64 or, as secretBase32Encoded, in base32.", minSecret, maxSecret)
	return secret
}

func nameOf(v *problem.Validation, path, name string) string {
	v.Text(path, &name, maxName)
	return name
}

// Enable adds a second factor to a user, who proves with a code to have it. The answer has recovery codes when it is the first one.
//
// Errors: problem.Invalid, among them [mismatch]email and [mismatch]mobilePhone for a code that was sent elsewhere; problem.ErrNotFound;
// ErrWrongCode; problem.Stale; publish.ErrRefused.
//
// Events: user.email.verified and user.identity.verified when the address is the user's own and waited for that; user.two-factor.method.add.
func (s *Service) Enable(ctx context.Context, u *identity.User, req wire.TwoFactorRequest, info *wire.EventInfo) (wire.TwoFactorResponse, error) {
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return wire.TwoFactorResponse{}, err
	}
	var v problem.Validation
	e := &enrolment{s: s, user: u.ID, flows: flows, code: req.Code, twoFactorID: req.TwoFactorID}
	e.to = destinationOf(&v, flows, req.Method, req.Email, req.MobilePhone, "")
	e.method = wire.TwoFactorMethod{Method: e.to.Method, Name: nameOf(&v, "name", req.Name)}
	switch e.to.Method {
	case wire.TwoFactorByAuthenticator:
		v.Check(flows.MultiFactor.Authenticator.Enabled, "method", "disabled", "The tenant has switched authenticators off.")
		e.secret = secretOf(&v, "", req.Secret, req.SecretBase32Encoded)
		how := flows.MultiFactor.Authenticator.TwoFactorAuthenticator
		e.method.Authenticator = &how
	case wire.TwoFactorByEmail:
		e.method.Email = e.to.Address
	case wire.TwoFactorBySMS:
		e.method.MobilePhone = e.to.Address
	}
	v.Check(strings.TrimSpace(req.Code) != "", "code", "blank", "The code is missing.")
	v.Check(len(req.Code) <= maxCode, "code", "tooLong", "A code has at most %d bytes.", maxCode)
	if err := v.Err(); err != nil {
		return wire.TwoFactorResponse{}, err
	}
	if err := s.o.Events.Do(ctx, publish.Operation{Tenant: u.TenantID, Info: info, Prepare: e.prepare, Commit: e.commit}); err != nil {
		return wire.TwoFactorResponse{}, err
	}
	if e.wrong {
		return wire.TwoFactorResponse{}, ErrWrongCode
	}
	return e.result, nil
}

// enrolment is one call of Enable on its way through its operation.
type enrolment struct {
	s           *Service
	user        wire.ID
	flows       *tenant.Flows
	to          destination
	method      wire.TwoFactorMethod
	secret      []byte
	code        string
	twoFactorID string

	original, changed *identity.User
	ticket            *ticket.Ticket // of the code; nil for an authenticator, or when none was sent
	counter           int64
	wrong             bool
	result            wire.TwoFactorResponse
	revoke            func(*db.Tx) error // ends the sessions from before; nil when there is nothing to do
}

func (e *enrolment) prepare(tx *db.Tx, plan *publish.Plan) (err error) {
	e.wrong, e.ticket, e.result = false, nil, wire.TwoFactorResponse{}
	if e.original, err = e.s.o.Users.LoadIn(tx, e.user); err != nil {
		return err
	}
	e.changed = e.original.Copy()
	methods := e.changed.TwoFactor.Methods
	var v problem.Validation
	v.Check(len(methods) < maxMethods, "method", "tooMany", "A user has at most %d methods.", maxMethods)
	for _, m := range methods {
		v.Check(e.method.Email == "" || m.Email != e.method.Email, "email", "duplicate", "The user has a method with this address.")
		v.Check(e.method.MobilePhone == "" || m.MobilePhone != e.method.MobilePhone, "mobilePhone", "duplicate", "The user has a method with this number.")
	}
	if err := v.Err(); err != nil {
		return err
	}
	if right, err := e.check(tx, plan); err != nil || !right {
		e.wrong = !right
		return err
	}
	e.method.ID = newMethodID(methods)
	e.changed.TwoFactor.Methods = append(methods, e.method)
	now := wire.Instant(tx.NowMillis())
	switch e.to.Method {
	case wire.TwoFactorByEmail:
		e.changed.Verify(plan, e.flows, wire.IdentityEmail, e.to.Address, now)
	case wire.TwoFactorBySMS:
		e.changed.Verify(plan, e.flows, wire.IdentityPhoneNumber, e.to.Address, now)
	}
	if e.revoke = nil; len(methods) == 0 && e.flows.JWT.Revoke.OnMultiFactorEnable {
		if e.revoke, err = e.s.o.Tokens.RevokeOfUserIn(tx, plan, &e.changed.User, ""); err != nil {
			return err
		}
	}
	plan.Publish(&event.UserTwoFactorMethodEvent{Header: event.About(event.UserTwoFactorMethodAdd, e.user), Method: e.method, User: e.changed.User})
	return nil
}

// check tells whether the code is right.
func (e *enrolment) check(tx *db.Tx, plan *publish.Plan) (right bool, err error) {
	if e.to.Method == wire.TwoFactorByAuthenticator {
		e.counter, right = totpOf(e.method.Authenticator).verify(e.secret, typed(e.code), tx.Now(), -1)
		return right, nil
	}
	t, err := e.s.o.Tickets.Lock(tx, ticket.Code, codeToEnable(e.user, e.to.Method))
	if errors.Is(err, problem.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var sent sentCode
	if err := t.Content(&sent); err != nil {
		return false, err
	}
	if sent.Address != e.to.Address {
		path := map[string]string{wire.TwoFactorByEmail: "email", wire.TwoFactorBySMS: "mobilePhone"}[e.to.Method]
		var v problem.Validation
		v.Field(path, "mismatch", "The code was sent elsewhere.")
		return false, v.Err()
	}
	e.ticket = t
	if !ticket.Same(sent.Code, typed(e.code)) {
		return false, nil
	}
	return true, plan.Reserve(tx, t.Name(), ErrWrongCode)
}

func (e *enrolment) commit(tx *db.Tx) error {
	if e.wrong {
		tx.Alone()
		if e.ticket == nil {
			return nil
		}
		return e.ticket.CountWrong(tx)
	}
	if e.ticket != nil {
		if err := e.ticket.Spend(tx); err != nil {
			return cmp.Or(alreadyUsed(err), err)
		}
	}
	if err := e.s.o.Users.WriteIn(tx, e.original, e.changed); err != nil {
		return err
	}
	if e.revoke != nil {
		if err := e.revoke(tx); err != nil {
			return err
		}
	}
	if e.secret != nil {
		if err := e.s.keepSecret(tx, e.user, e.method.ID, e.secret, e.counter); err != nil {
			return err
		}
	}
	if len(e.original.TwoFactor.Methods) == 0 {
		e.result.RecoveryCodes = newRecoveryCodes()
		if err := e.s.giveRecoveryCodes(tx, e.user, e.result.RecoveryCodes); err != nil {
			return err
		}
	}
	return e.finishLogin(tx)
}

// alreadyUsed makes a wrong code of one that another request was faster with.
func alreadyUsed(err error) error {
	if errors.Is(err, problem.ErrNotFound) {
		return ErrWrongCode
	}
	return nil
}

// finishLogin gives the caller a code for the login that waited for a method to be added. A login that has ended meanwhile keeps nobody from
// having the method.
func (e *enrolment) finishLogin(tx *db.Tx) error {
	if e.twoFactorID == "" {
		return nil
	}
	t, err := e.s.o.Tickets.Lock(tx, ticket.Challenge, e.twoFactorID)
	if errors.Is(err, problem.ErrNotFound) || err == nil && t.User != e.user {
		return nil
	}
	if err != nil {
		return err
	}
	var c challenge
	if err := t.Content(&c); err != nil {
		return err
	}
	to := e.to
	to.MethodID = e.method.ID
	c.Sent = sentCode{to, e.flows.Code.New()}
	e.result.Code = c.Sent.Code
	return t.Replace(tx, c)
}

// newMethodID is short enough to be read aloud, and unlike the others of the user.
func newMethodID(methods []wire.TwoFactorMethod) string {
	for {
		id := tenant.RandomText(readable, 6)
		if !slices.ContainsFunc(methods, func(m wire.TwoFactorMethod) bool { return m.ID == id }) {
			return id
		}
	}
}

// Disable removes the method of a user, with a code of it, or all methods with a recovery code.
//
// Errors: problem.Invalid; problem.ErrNotFound when the user has no such method; ErrWrongCode; problem.Stale.
//
// Event: user.two-factor.method.remove for each method that is removed.
func (s *Service) Disable(ctx context.Context, u *identity.User, req wire.TwoFactorDisableRequest, info *wire.EventInfo) error {
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return err
	}
	var v problem.Validation
	v.Check(req.MethodID != "", "methodId", "blank", "Say which method.")
	v.Check(strings.TrimSpace(req.Code) != "", "code", "blank", "The code is missing.")
	v.Check(len(req.Code) <= maxCode, "code", "tooLong", "A code has at most %d bytes.", maxCode)
	if err := v.Err(); err != nil {
		return err
	}
	var original, changed *identity.User
	var t *ticket.Ticket
	var p *proof
	err = s.o.Events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			p = nil
			if original, err = s.o.Users.LoadIn(tx, u.ID); err != nil {
				return err
			}
			if _, ok := method(original, req.MethodID); !ok {
				return problem.ErrNotFound
			}
			// There may be no ticket: nothing is sent for an authenticator. Its codes must not be guessed all the same.
			if t, err = s.o.Tickets.Guard(tx, ticket.Code, codeToDisable(u.ID, req.MethodID), u.ID, flows.Lifetimes.TwoFactorCode); err != nil {
				return err
			}
			if t.Void() {
				return nil
			}
			var sent sentCode
			if err := t.Content(&sent); err != nil {
				return err
			}
			if p, err = s.prove(tx, original, sent, req.Code, req.MethodID); err != nil || p == nil {
				return err
			}
			changed = original.Copy()
			changed.TwoFactor.Methods = nil
			var gone []wire.TwoFactorMethod
			for _, m := range original.TwoFactor.Methods {
				if p.method == wire.TwoFactorByRecoveryCode || m.ID == req.MethodID {
					gone = append(gone, m)
				} else {
					changed.TwoFactor.Methods = append(changed.TwoFactor.Methods, m)
				}
			}
			for _, m := range gone {
				plan.Publish(&event.UserTwoFactorMethodEvent{Header: event.About(event.UserTwoFactorMethodRemove, u.ID), Method: m, User: changed.User})
			}
			return nil
		},
		Commit: func(tx *db.Tx) error {
			if p == nil {
				tx.Alone()
				return t.CountWrong(tx)
			}
			if err := t.Spend(tx); err != nil {
				return cmp.Or(alreadyUsed(err), err)
			}
			if err := s.use(tx, p); err != nil {
				return err
			}
			if err := s.o.Users.WriteIn(tx, original, changed); err != nil {
				return err
			}
			for _, m := range original.TwoFactor.Methods {
				if _, kept := method(changed, m.ID); !kept {
					if err := deleteSecret(tx, u.ID, m.ID); err != nil {
						return err
					}
				}
			}
			if len(changed.TwoFactor.Methods) > 0 {
				return nil
			}
			if err := deleteRecovery(tx, u.ID); err != nil {
				return err
			}
			return ticket.Revoke(tx, u.ID, ticket.Trust)
		},
	})
	if err == nil && p == nil {
		err = ErrWrongCode
	}
	return err
}

// Rename gives the method of a user another name. Errors: problem.Invalid; problem.ErrNotFound; problem.Stale.
func (s *Service) Rename(ctx context.Context, user wire.ID, methodID, name string) error {
	var v problem.Validation
	v.Check(methodID != "", "methodId", "blank", "Say which method.")
	name = nameOf(&v, "name", name)
	if err := v.Err(); err != nil {
		return err
	}
	return s.o.DB.Update(ctx, func(tx *db.Tx) error {
		u, err := s.o.Users.LoadIn(tx, user)
		if err != nil {
			return err
		}
		changed := u.Copy()
		i := slices.IndexFunc(changed.TwoFactor.Methods, func(m wire.TwoFactorMethod) bool { return m.ID == methodID })
		if i < 0 {
			return problem.ErrNotFound
		}
		changed.TwoFactor.Methods[i].Name = name
		return s.o.Users.WriteIn(tx, u, changed)
	})
}
