package identity

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// Verifications are the ways to prove that an address or a number is somebody's, and that a registration is wanted: an id that is sent there and comes
// back, alone or together with a short code that is typed in. It is safe for concurrent use.
//
// An id begins with the change that makes it necessary, in the transaction of that (ask.go), or because somebody asks for it. The message leaves after
// the commit.
type Verifications struct {
	users *Service
	o     ResetOptions
}

// NewVerifications returns the verifications of users.
func NewVerifications(users *Service, o ResetOptions) *Verifications { return &Verifications{users, o} }

// ErrDisabled says that the tenant, or the application, verifies nothing of the kind.
var ErrDisabled = errors.New("identity: this is not verified here")

// verification is what goes with a ticket that proves something. It is sealed, and so can have what must not be read.
type verification struct {
	// ID is that of the ticket, to be told again to who may know it.
	ID     string  `json:"id"`
	Tenant wire.ID `json:"tenant"`
	// Kind and Value are what is verified; of a registration, where the message goes.
	Kind  wire.IdentityType `json:"kind"`
	Value string            `json:"value"`
	// Application is that of the registration, or the one whose template counts. May be empty in that case.
	Application wire.ID `json:"application,omitempty"`
	// Code is what has to be typed in. Empty when the id is enough.
	Code  string      `json:"code,omitempty"`
	State wire.Object `json:"state,omitempty"`
	// New says that there is no user with it yet, Done that it is proved, for one who is created later.
	New  bool `json:"new,omitempty"`
	Done bool `json:"done,omitempty"`
}

// asked is a verification with the ticket that it has.
type asked struct {
	verification
	ticket ticket.Kind
	user   *User // nil for nobody yet
}

// shown is what callers with a key are told.
func (a *asked) shown() wire.VerificationID {
	return wire.VerificationID{ID: a.ID, OneTimeCode: a.Code, Type: a.Kind, Value: a.Value}
}

// codeOf is the code for a verification, "" when the id is enough.
func codeOf(strategy tenant.VerificationStrategy, form tenant.Generator) string {
	if strategy == tenant.FormField {
		return form.New()
	}
	return ""
}

// ofIdentity makes the verification of an address or a number. strategy may be empty; then the tenant's counts.
func ofIdentity(flows *tenant.Flows, of wire.ID, kind wire.IdentityType, value string, application wire.ID, strategy tenant.VerificationStrategy) verification {
	code := codeOf(cmp.Or(strategy, flows.Email.Strategy), flows.EmailCode)
	if kind == wire.IdentityPhoneNumber {
		code = codeOf(cmp.Or(strategy, flows.Phone.Strategy), flows.PhoneCode)
	}
	return verification{ID: ticket.NewID(), Tenant: of, Kind: kind, Value: value, Application: application, Code: code}
}

func (a *asked) lifetime(flows *tenant.Flows) time.Duration {
	switch {
	case a.ticket == ticket.RegistrationVerification:
		return flows.Lifetimes.RegistrationVerification
	case a.Kind == wire.IdentityPhoneNumber:
		return flows.Lifetimes.PhoneVerification
	default:
		return flows.Lifetimes.EmailVerification
	}
}

// issue stores the id.
func (s *Verifications) issue(tx *db.Tx, a *asked, flows *tenant.Flows) (*ticket.Ticket, error) {
	var user wire.ID
	if a.user != nil {
		user = a.user.ID
	}
	return s.o.Tickets.Issue(tx, a.ticket, a.ID, user, a.verification, a.lifetime(flows))
}

// find returns what an id is about, without locking it, and its user if there is one.
func (s *Verifications) find(ctx context.Context, kind ticket.Kind, id string) (a asked, t *ticket.Ticket, err error) {
	a.ticket = kind
	err = s.users.db.View(ctx, func(tx *db.Tx) error {
		if t, err = s.o.Tickets.Find(tx, kind, id); err != nil {
			return err
		}
		if err := t.Content(&a.verification); err != nil || t.User == "" {
			return err
		}
		a.user, err = s.users.load(tx, t.User)
		return err
	})
	return a, t, err
}

// TenantOf returns the tenant of an id that verifies an address or a number, or problem.ErrNotFound.
func (s *Verifications) TenantOf(ctx context.Context, id string) (wire.ID, error) {
	a, _, err := s.find(ctx, ticket.Verification, id)
	return a.Tenant, err
}

// TenantOfRegistration is [Verifications.TenantOf] for an id that verifies a registration.
func (s *Verifications) TenantOfRegistration(ctx context.Context, id string) (wire.ID, error) {
	a, _, err := s.find(ctx, ticket.RegistrationVerification, id)
	return a.Tenant, err
}

// LoadByID returns the user whose address, number or registration an id verifies, or problem.ErrNotFound.
func (s *Verifications) LoadByID(ctx context.Context, id string) (*User, error) {
	for _, kind := range []ticket.Kind{ticket.Verification, ticket.RegistrationVerification} {
		a, _, err := s.find(ctx, kind, id)
		if err == nil && a.user != nil {
			return a.user, nil
		}
		if err != nil && !errors.Is(err, problem.ErrNotFound) {
			return nil, err
		}
	}
	return nil, problem.ErrNotFound
}

// Of returns the verifications of addresses and numbers that wait for a user, one for each, the newest.
func (s *Verifications) Of(ctx context.Context, u *User) (all []wire.VerificationID, err error) {
	if !slices.ContainsFunc(u.Identities, waits) {
		return nil, nil
	}
	err = s.users.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		for _, i := range u.Identities {
			if !waits(i) {
				continue
			}
			a, err := s.liveIn(tx, u, ticket.Verification, func(v verification) bool { return v.Kind == i.Type && v.Value == i.Value })
			if err != nil {
				return err
			}
			if a != nil {
				all = append(all, a.shown())
			}
		}
		return nil
	})
	return all, err
}

// waits tells whether an identity is yet to be verified.
func waits(i wire.UserIdentity) bool { return !i.Verified && i.VerifiedReason == wire.VerifiedPending }

// liveIn returns the newest verification of u that is worth something and about what is asked for; nil if there is none.
func (s *Verifications) liveIn(tx *db.Tx, u *User, kind ticket.Kind, about func(verification) bool) (*asked, error) {
	all, err := s.o.Tickets.Live(tx, kind, u.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		a := asked{ticket: kind, user: u}
		if err := t.Content(&a.verification); err != nil {
			return nil, err
		}
		if about(a.verification) {
			return &a, nil
		}
	}
	return nil, nil //nolint:nilnil // none is no error
}

// message makes the message of a verification. Errors: ErrNoTemplate, ErrNoAddress.
func (s *Verifications) message(ctx context.Context, a *asked, flows *tenant.Flows) (message.Request, error) {
	r := message.Request{
		Tenant: a.Tenant, Application: a.Application, Secrets: []string{a.ID}, Code: a.Code, To: a.Value, Until: s.users.db.Now().Add(a.lifetime(flows)),
		Kind: wire.KindEmail, Purpose: "email-verification", Template: flows.Email.VerificationTemplateID,
	}
	all, err := s.users.applications.Registry(ctx)
	if err != nil {
		return r, err
	}
	app := all.In(a.Tenant, a.Application)
	switch {
	case a.ticket == ticket.RegistrationVerification:
		r.Purpose, r.Template = "registration-verification", ""
		if app != nil {
			r.Template = app.VerificationEmailTemplateID
		}
	case a.Kind == wire.IdentityPhoneNumber:
		r.Kind, r.Purpose, r.Messengers, r.Template = wire.KindSMS, "phone-verification", flows.Phone.Messengers, flows.Phone.VerificationTemplateID
		if app != nil {
			r.Template = cmp.Or(app.PhoneVerificationTemplateID, r.Template)
		}
	case app != nil:
		r.Template = cmp.Or(app.EmailVerificationTemplateID, r.Template)
	}
	model := map[string]any{
		"verificationId": a.ID, "verificationOneTimeCode": a.Code, "oneTimeCode": a.Code, "code": a.Code, "state": map[string]any(a.State),
	}
	return s.complete(ctx, r, a.user, a.Kind, model)
}

// complete adds to a message who gets it, and what it says besides model.
func (s *Verifications) complete(ctx context.Context, r message.Request, u *User, kind wire.IdentityType, model map[string]any) (message.Request, error) {
	switch {
	case r.Template == "":
		return r, ErrNoTemplate
	case r.To == "":
		return r, ErrNoAddress
	}
	about := &wire.User{TenantID: r.Tenant} // somebody who is no user yet
	if kind == wire.IdentityPhoneNumber {
		about.PhoneNumber = r.To
	} else {
		about.Email = r.To
	}
	if u != nil {
		about = &u.User
		r.User, r.Languages = about, u.Languages(r.Application)
	}
	r.Model = map[string]any{}
	if s.o.Model != nil {
		var err error
		r.Model, err = s.o.Model(ctx, about, r.Application)
		if errors.Is(err, problem.ErrNotFound) { // the application is gone
			r.Application = ""
			r.Model, err = s.o.Model(ctx, about, "")
		}
		if err != nil {
			return r, err
		}
	}
	for name, value := range model {
		r.Model[name] = value
	}
	return r, nil
}

// limit is what bounds how often a user can have a message sent.
func (a *asked) limit(flows *tenant.Flows) (kind string, of tenant.RateLimit) {
	switch {
	case a.ticket == ticket.RegistrationVerification:
		return "sendRegistrationVerification", flows.SendRegistrationVerification
	case a.Kind == wire.IdentityPhoneNumber:
		return "sendPhoneVerification", flows.SendPhoneVerification
	default:
		return "sendEmailVerification", flows.SendEmailVerification
	}
}

// again issues a new id for what somebody asks for, and sends it if send says so.
func (s *Verifications) again(ctx context.Context, a *asked, flows *tenant.Flows, send bool) (wire.VerificationID, error) {
	var r message.Request
	if send {
		var err error
		if r, err = s.message(ctx, a, flows); err != nil {
			return wire.VerificationID{}, err
		}
	}
	var t *ticket.Ticket
	err := s.users.db.Update(ctx, func(tx *db.Tx) (err error) {
		if send {
			kind, limit := a.limit(flows)
			if err := Allow(tx, a.user.ID, kind, limit); err != nil {
				return err
			}
		}
		t, err = s.issue(tx, a, flows)
		return err
	})
	if err != nil || !send {
		return a.shown(), err
	}
	ctx = context.WithoutCancel(ctx)
	sent, failure := s.o.Sender.Send(ctx, r)
	if failure != nil {
		if sent.State != wire.MessageUnknown { // the id of a message that may have arrived stays good
			_ = s.users.db.Update(ctx, func(tx *db.Tx) error { return t.Spend(tx) }) // it ends by itself as well
		}
		return wire.VerificationID{}, failure
	}
	return a.shown(), nil
}

// ResendEmail makes another id for an address that is to be verified and sends it, unless trusted callers, who have an API key, do not want that. What is
// verified already is left alone: the id is empty then.
//
// Errors: problem.Invalid; problem.ErrNotFound; ErrDisabled; ErrNoTemplate; a problem of kind TooMany; a message that nobody took has the code
// [MessengerError], and the id is worth nothing then.
func (s *Verifications) ResendEmail(ctx context.Context, tenantID wire.ID, req wire.ResendEmailRequest, trusted bool) (none wire.VerificationID, err error) {
	u, flows, err := s.addressed(ctx, tenantID, req.Email)
	if err != nil {
		return none, err
	}
	if !flows.Email.Verify && !flows.Email.VerifyWhenChanged {
		return none, ErrDisabled
	}
	if err := s.checkApplication(ctx, u.TenantID, req.ApplicationID); err != nil {
		return none, err
	}
	if i := u.identity(wire.IdentityEmail, u.Email); i < 0 || u.Identities[i].Verified {
		return none, nil
	}
	a := &asked{ofIdentity(flows, u.TenantID, wire.IdentityEmail, u.Email, req.ApplicationID, ""), ticket.Verification, u}
	return s.again(ctx, a, flows, !trusted || req.SendVerifyEmail == nil || *req.SendVerifyEmail)
}

// ResendRegistration is [Verifications.ResendEmail] for the registration of a user, who is found by the address.
func (s *Verifications) ResendRegistration(ctx context.Context, tenantID wire.ID, req wire.ResendRegistrationRequest, trusted bool) (none wire.VerificationID, err error) {
	var v problem.Validation
	v.Check(req.ApplicationID != "", "applicationId", "blank", "Say which registration: applicationId.")
	v.Check(req.Email != "", "email", "blank", "Say whose: email.")
	if err := v.Err(); err != nil {
		return none, err
	}
	u, flows, err := s.addressed(ctx, tenantID, req.Email)
	if err != nil {
		return none, err
	}
	all, err := s.users.applications.Registry(ctx)
	if err != nil {
		return none, err
	}
	app := all.In(u.TenantID, req.ApplicationID)
	if app == nil {
		return none, invalidApplication(req.ApplicationID)
	}
	if !app.VerifyRegistration {
		return none, ErrDisabled
	}
	r, err := u.Registration(app.ID)
	if err != nil || r.Verified {
		return none, err
	}
	a := &asked{ofRegistration(flows, u, app), ticket.RegistrationVerification, u}
	undecided := req.SendVerifyRegistrationEmail == nil && req.SendVerifyPasswordEmail == nil
	return s.again(ctx, a, flows, !trusted || undecided || isTrue(req.SendVerifyRegistrationEmail) || isTrue(req.SendVerifyPasswordEmail))
}

// addressed returns the active user with an address, and what the tenant says.
func (s *Verifications) addressed(ctx context.Context, tenantID wire.ID, address string) (*User, *tenant.Flows, error) {
	var v problem.Validation
	if v.Check(address != "", "email", "blank", "Say whose: email."); v.Err() != nil {
		return nil, nil, v.Err()
	}
	u, err := s.users.LoadByLoginID(ctx, tenantID, address, wire.IdentityEmail)
	if err == nil && !u.Active {
		err = problem.ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	flows, err := s.users.flows(ctx, u.TenantID)
	return u, flows, err
}

// checkApplication is problem.Invalid for an application that a request names and that is not in the tenant. "" is none.
func (s *Verifications) checkApplication(ctx context.Context, of, id wire.ID) error {
	var v problem.Validation
	return cmp.Or(s.users.checkApplication(ctx, &v, of, id), v.Err())
}

func invalidApplication(id wire.ID) error {
	var v problem.Validation
	v.Field("applicationId", "invalid", "There is no application with the id %s.", id)
	return v.Err()
}

// identity is where u has an address or a number, -1 if that is not the user's.
func (u *User) identity(kind wire.IdentityType, value string) int {
	return slices.IndexFunc(u.Identities, func(i wire.UserIdentity) bool { return i.Type == kind && i.Value == value })
}

// Start begins the verification of an address or a number, of a user or, with mustNotExist, of somebody who is to become one. Nothing is sent.
//
// Errors: problem.Invalid; problem.ErrNotFound when mustExist finds nobody.
func (s *Verifications) Start(ctx context.Context, tenantID wire.ID, req wire.IdentityVerifyStartRequest) (res wire.IdentityVerifyStartResponse, err error) {
	var v problem.Validation
	value := checkIdentity(&v, req.LoginID, req.LoginIDType)
	strategy := tenant.VerificationStrategy(req.VerificationStrategy)
	v.Check(strategy == "" || slices.Contains(tenant.VerificationStrategies, strategy), "verificationStrategy", "invalid",
		"This is one of %s and %s.", tenant.ClickableLink, tenant.FormField)
	existing := cmp.Or(req.ExistingUserStrategy, wire.MustExist)
	v.Check(existing == wire.MustExist || existing == wire.MustNotExist, "existingUserStrategy", "invalid", "This is one of %s and %s.", wire.MustExist, wire.MustNotExist)
	if err := v.Err(); err != nil {
		return res, err
	}
	if err := s.checkApplication(ctx, tenantID, req.ApplicationID); err != nil {
		return res, err
	}
	flows, err := s.users.flows(ctx, tenantID)
	if err != nil {
		return res, err
	}
	u, err := s.users.LoadByLoginID(ctx, tenantID, value, req.LoginIDType)
	switch {
	case existing == wire.MustExist && err == nil && !u.Active:
		return res, problem.ErrNotFound
	case existing == wire.MustExist && err != nil:
		return res, err
	case existing == wire.MustNotExist && err == nil:
		v.Field("loginId", "duplicate", "There is a user with this already.")
		return res, v.Err()
	case err != nil && !errors.Is(err, problem.ErrNotFound):
		return res, err
	}
	a := asked{ofIdentity(flows, tenantID, req.LoginIDType, value, req.ApplicationID, strategy), ticket.Verification, u}
	a.State, a.New = req.State, u == nil
	err = s.users.db.Update(ctx, func(tx *db.Tx) error {
		_, err := s.issue(tx, &a, flows)
		return err
	})
	return wire.IdentityVerifyStartResponse{VerificationID: a.ID, OneTimeCode: a.Code}, err
}

// checkIdentity returns an address or a number in canonical form, and adds what is wrong with it.
func checkIdentity(v *problem.Validation, given string, kind wire.IdentityType) string {
	v.Check(given != "", "loginId", "blank", "Say what is verified: loginId.")
	switch {
	case kind == wire.IdentityEmail:
		return email(v, "loginId", given)
	case kind == wire.IdentityPhoneNumber:
		return phoneNumber(v, "loginId", given)
	case kind == "":
		v.Field("loginIdType", "blank", "Say what loginId is: email or phoneNumber.")
	default:
		v.Field("loginIdType", "invalid", "Only an email or a phoneNumber can be verified.")
	}
	return ""
}

// Send sends the message of a verification that was begun. It may be sent again.
//
// Errors: problem.ErrNotFound for an id that is unknown, has ended or was used; ErrNoTemplate; a problem of kind TooMany; a message that nobody took has
// the code [MessengerError].
func (s *Verifications) Send(ctx context.Context, id string) error {
	a, t, err := s.find(ctx, ticket.Verification, id)
	if err != nil {
		return err
	}
	if a.Done {
		return problem.ErrNotFound
	}
	flows, err := s.users.flows(ctx, a.Tenant)
	if err != nil {
		return err
	}
	r, err := s.message(ctx, &a, flows)
	if err != nil {
		return err
	}
	r.Until = time.UnixMilli(int64(t.Expire))
	if a.user != nil {
		kind, limit := a.limit(flows)
		if err := s.users.db.Update(ctx, func(tx *db.Tx) error { return Allow(tx, a.user.ID, kind, limit) }); err != nil {
			return err
		}
	}
	_, err = s.o.Sender.Send(ctx, r)
	return err
}

// Complete verifies what an id is about, and returns the state with which that was begun. What is verified already is no error, and has no events. An id
// that was begun for somebody who is no user yet is only marked: see wire.UserRequest.
//
// Errors: problem.ErrNotFound for an id that is unknown, has ended, was used or is void after ticket.MaxWrong wrong codes, and for an address that is not
// the user's any more; problem.Invalid for a code that is missing or wrong; problem.Stale; publish.ErrRefused. After that the id is as good as before.
//
// Events: user.email.verified for an address, user.identity.verified.
func (s *Verifications) Complete(ctx context.Context, id, code string, info *wire.EventInfo) (wire.Object, error) {
	a, err := s.admit(ctx, ticket.Verification, id, code)
	if err != nil {
		return nil, err
	}
	var original, changed *User
	var used *ticket.Ticket
	var seen verification
	err = s.users.events.Do(ctx, publish.Operation{
		Tenant: a.Tenant,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			original, changed = nil, nil
			if used, seen, err = s.take(tx, plan, ticket.Verification, id); err != nil {
				return err
			}
			if seen.New {
				if !seen.Done {
					plan.Publish(&event.UserIdentityVerifiedEvent{
						Header: event.Header{Type: event.UserIdentityVerified}, LoginID: seen.Value, LoginIDType: seen.Kind,
					})
				}
				return nil
			}
			if original, err = s.users.load(tx, used.User); err != nil {
				return err
			}
			if !original.Active {
				return problem.ErrNotFound
			}
			changed, err = s.verified(tx, plan, original, seen.Kind, seen.Value, wire.VerifiedCompleted)
			return err
		},
		Commit: func(tx *db.Tx) error {
			if seen.New {
				again, done := *used, seen // this may run again, and compares with what was there
				done.Done = true
				return again.Replace(tx, done)
			}
			if err := used.Spend(tx); err != nil || changed == nil {
				return err
			}
			return s.users.WriteIn(tx, original, changed)
		},
	})
	return a.State, err
}

// verified returns u with an identity verified, and publishes that; nil if it was already.
func (s *Verifications) verified(tx *db.Tx, plan *publish.Plan, u *User, kind wire.IdentityType, value string, reason wire.VerifiedReason) (*User, error) {
	i := u.identity(kind, value)
	if i < 0 {
		return nil, problem.ErrNotFound
	}
	if u.Identities[i].Verified {
		return nil, nil //nolint:nilnil // nothing to do
	}
	changed := u.Copy()
	changed.verify(plan, i, reason, wire.Instant(tx.NowMillis()))
	return changed, nil
}

// admit looks whether an id and a code fit, and counts a code that does not.
func (s *Verifications) admit(ctx context.Context, kind ticket.Kind, id, code string) (a asked, err error) {
	var v problem.Validation
	if v.Check(id != "", "verificationId", "blank", "The id is missing."); v.Err() != nil {
		return a, v.Err()
	}
	a, _, err = s.find(ctx, kind, id)
	if err != nil || a.Code == "" || ticket.Same(a.Code, code) {
		return a, err
	}
	if v.Check(code != "", "oneTimeCode", "blank", "This verification takes the code of the message."); v.Err() != nil {
		return a, v.Err()
	}
	err = s.users.db.Update(ctx, func(tx *db.Tx) error {
		t, err := s.o.Tickets.Lock(tx, kind, id)
		if err != nil {
			return err
		}
		return t.CountWrong(tx)
	})
	v.Field("oneTimeCode", "invalid", "This is not the code of the message.")
	return a, cmp.Or(err, v.Err())
}

// take locks an id that was admitted, for the operation that uses it.
func (s *Verifications) take(tx *db.Tx, plan *publish.Plan, kind ticket.Kind, id string) (t *ticket.Ticket, seen verification, err error) {
	if t, err = s.o.Tickets.Lock(tx, kind, id); err != nil {
		return nil, seen, err
	}
	if err := plan.Reserve(tx, t.Name(), problem.ErrNotFound); err != nil { // another request is about to use it
		return nil, seen, err
	}
	return t, seen, t.Content(&seen)
}

// CompleteRegistration verifies the registration that an id is about. Errors as of [Verifications.Complete]. Event: user.registration.verified.
func (s *Verifications) CompleteRegistration(ctx context.Context, id, code string, info *wire.EventInfo) error {
	a, err := s.admit(ctx, ticket.RegistrationVerification, id, code)
	if err != nil {
		return err
	}
	var original, r registration
	var used *ticket.Ticket
	return s.users.events.Do(ctx, publish.Operation{
		Tenant: a.Tenant,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			var seen verification
			if used, seen, err = s.take(tx, plan, ticket.RegistrationVerification, id); err != nil {
				return err
			}
			u, err := s.users.load(tx, used.User)
			if err != nil {
				return err
			}
			if !u.Active {
				return problem.ErrNotFound
			}
			if original, err = s.users.loadRegistration(tx, u.ID, seen.Application); err != nil || original.Verified {
				return err
			}
			r = original
			now := wire.Instant(tx.NowMillis())
			r.Verified, r.VerifiedInstant, r.LastUpdateInstant = true, now, now
			plan.Publish(&event.UserRegistrationEvent{
				Header: event.About(event.UserRegistrationVerified, u.ID), ApplicationID: r.ApplicationID, Registration: r.Registration, User: u.User,
			})
			return nil
		},
		Commit: func(tx *db.Tx) error {
			if err := used.Spend(tx); err != nil || original.Verified {
				return err
			}
			return s.users.updateRegistration(tx, original, &r)
		},
	})
}

// Declare counts an address or a number of a user as verified, because an administrator says so. An empty value means whichever the user has.
//
// Errors: problem.ErrNotFound when the user does not have it; problem.Stale; publish.ErrRefused. Events as of [Verifications.Complete].
func (s *Verifications) Declare(ctx context.Context, u *User, kind wire.IdentityType, value string, info *wire.EventInfo) error {
	var original, changed *User
	return s.users.events.Do(ctx, publish.Operation{
		Tenant: u.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if original, err = s.users.load(tx, u.ID); err != nil {
				return err
			}
			of := value
			if of == "" {
				of = loginID{kind: kind}.value(&original.User)
			}
			changed, err = s.verified(tx, plan, original, kind, of, wire.VerifiedAdministrative)
			return err
		},
		Commit: func(tx *db.Tx) error {
			if changed == nil {
				return nil
			}
			return s.users.WriteIn(tx, original, changed)
		},
	})
}

// VerifiesEmail tells whether a tenant verifies addresses.
func (s *Verifications) VerifiesEmail(ctx context.Context, of wire.ID) (bool, error) {
	flows, err := s.users.flows(ctx, of)
	return err == nil && (flows.Email.Verify || flows.Email.VerifyWhenChanged), err
}

// Find returns the user of a tenant with an address or a number, and that in canonical form. Errors: problem.Invalid, problem.ErrNotFound.
func (s *Verifications) Find(ctx context.Context, tenantID wire.ID, given string, kind wire.IdentityType) (*User, string, error) {
	var v problem.Validation
	value := checkIdentity(&v, given, kind)
	if err := v.Err(); err != nil {
		return nil, "", err
	}
	u, err := s.users.LoadByLoginID(ctx, tenantID, value, kind)
	return u, value, err
}
