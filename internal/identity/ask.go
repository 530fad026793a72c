package identity

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// This file has what a change of a user asks of that user: to prove an address, a number or a registration, or to choose a first password. The ids of that
// are stored with the change, in its transaction; the messages leave once it has committed, and whoever made the change does not wait for them.

// asking is what one change asks of a user.
type asking struct {
	s           *Verifications // nil asks nothing
	application wire.ID        // whose templates count, "" for the tenant's
	flows       *tenant.Flows
	user        *User
	identities  []*asked
	first       *firstPassword
	registered  *asked
}

// firstPassword is the message with which a new user chooses a password.
type firstPassword struct {
	id string
	message.Request
}

// begin asks nothing yet. It is for one run of a commit.
func (s *Verifications) begin(u *User, flows *tenant.Flows, application wire.ID) *asking {
	return &asking{s: s, user: u, flows: flows, application: application}
}

// proofs asks for all addresses and numbers that wait, but for those that were there before.
func (a *asking) proofs(tx *db.Tx, before []wire.UserIdentity) error {
	if a.s == nil {
		return nil
	}
	for _, i := range a.user.Identities {
		old := slices.ContainsFunc(before, func(o wire.UserIdentity) bool { return o.Type == i.Type && o.Value == i.Value })
		if !waits(i) || old {
			continue
		}
		one := &asked{ofIdentity(a.flows, a.user.TenantID, i.Type, i.Value, a.application, ""), ticket.Verification, a.user}
		if _, err := a.s.issue(tx, one, a.flows); err != nil {
			return err
		}
		a.identities = append(a.identities, one)
	}
	return nil
}

// password lets a new user choose a password by a message, if there is a template for that. to is where it goes, "" for nowhere.
func (a *asking) password(tx *db.Tx, to wire.IdentityType) error {
	if a.s == nil || to == "" {
		return nil
	}
	r := message.Request{
		Tenant: a.user.TenantID, Kind: wire.KindEmail, To: a.user.Email, Purpose: "set-password", Template: a.flows.Email.SetPasswordTemplateID,
	}
	if to == wire.IdentityPhoneNumber {
		r.Kind, r.To, r.Template, r.Messengers = wire.KindSMS, a.user.PhoneNumber, a.flows.Phone.SetPasswordTemplateID, a.flows.Phone.Messengers
	}
	if a.application != "" {
		all, err := a.s.users.applications.RegistryIn(tx)
		if err != nil {
			return err
		}
		if app := all.In(a.user.TenantID, a.application); app != nil {
			r.Application = app.ID
			if to == wire.IdentityPhoneNumber {
				r.Template = cmp.Or(app.PhoneSetPasswordTemplateID, r.Template)
			} else {
				r.Template = cmp.Or(app.SetPasswordEmailTemplateID, r.Template)
			}
		}
	}
	if r.Template == "" { // nobody would ever learn the id
		return nil
	}
	id := ticket.NewID()
	r.Secrets, r.Until = []string{id}, tx.Now().Add(a.flows.Lifetimes.SetupPassword)
	a.first = &firstPassword{id, r}
	_, err := a.s.o.Tickets.Issue(tx, ticket.ChangePassword, id, a.user.ID, reset{Kind: to, Value: r.To}, a.flows.Lifetimes.SetupPassword)
	return err
}

// registration asks for the proof of a new registration.
func (a *asking) registration(tx *db.Tx, r wire.Registration) error {
	if a.s == nil || r.Verified {
		return nil
	}
	settings, err := a.s.users.tenants.SettingsIn(tx)
	if err != nil {
		return err
	}
	flows, ok := settings.Flows(a.user.TenantID)
	if !ok {
		return noTenant()
	}
	a.flows = flows
	all, err := a.s.users.applications.RegistryIn(tx)
	if err != nil {
		return err
	}
	app := all.In(a.user.TenantID, r.ApplicationID)
	if app == nil {
		return problem.Stale("application")
	}
	a.registered = &asked{ofRegistration(a.flows, a.user, app), ticket.RegistrationVerification, a.user}
	_, err = a.s.issue(tx, a.registered, a.flows)
	return err
}

// ofRegistration makes the verification of a registration.
func ofRegistration(flows *tenant.Flows, u *User, app *application.Application) verification {
	return verification{
		ID: ticket.NewID(), Tenant: u.TenantID, Kind: wire.IdentityEmail, Value: u.Email, Application: app.ID,
		Code: codeOf(app.VerificationStrategy, flows.RegistrationCode),
	}
}

// tell sends the messages, after the commit. What has no template or goes nowhere is not sent: the caller has the ids.
func (a *asking) tell(ctx context.Context) {
	if a == nil || a.s == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for _, one := range append(slices.Clone(a.identities), a.registered) {
		if one != nil {
			r, err := a.s.message(ctx, one, a.flows)
			a.s.post(r, err)
		}
	}
	if a.first == nil {
		return
	}
	model := map[string]any{"changePasswordId": a.first.id, "state": map[string]any{}}
	kind := wire.IdentityEmail
	if a.first.Kind == wire.KindSMS {
		kind = wire.IdentityPhoneNumber
	}
	r, err := a.s.complete(ctx, a.first.Request, a.user, kind, model)
	a.s.post(r, err)
}

// post sends a message that could be made.
func (s *Verifications) post(r message.Request, err error) {
	switch {
	case err == nil:
		s.o.Sender.Post(r)
	case errors.Is(err, ErrNoTemplate) || errors.Is(err, ErrNoAddress):
	case s.o.Logger != nil:
		s.o.Logger.Error("a message could not be made", "purpose", r.Purpose, "tenant", r.Tenant, "error", err)
	}
}

// shown are the ids of addresses and numbers, for callers with a key.
func (a *asking) shown() (all []wire.VerificationID) {
	if a == nil {
		return nil
	}
	for _, one := range a.identities {
		all = append(all, one.shown())
	}
	return all
}

// proved are the completed verifications that a user brings along.
type proved struct {
	ids     []string
	tickets []*ticket.Ticket
	at      []int // which identities of the user are verified by them
}

// maxVerificationIDs is more than a user has login ids.
const maxVerificationIDs = 10

// read takes the ids from a request, and adds what is wrong with them.
func (p *proved) read(v *problem.Validation, s *Verifications, req wire.UserRequest) {
	p.ids = slices.Compact(slices.Sorted(slices.Values(req.VerificationIDs)))
	v.Check(len(p.ids) <= maxVerificationIDs, "verificationIds", "tooMany", "These are at most %d.", maxVerificationIDs)
	v.Check(len(p.ids) == 0 || s != nil, "verificationIds", "invalid", "Nothing is verified here.")
}

// apply counts those identities of u as verified that the ids are of. What is wrong with the ids is problem.Invalid.
func (p *proved) apply(tx *db.Tx, plan *publish.Plan, s *Verifications, u *User, now wire.Instant) error {
	p.tickets, p.at = nil, nil
	var v problem.Validation
	for _, id := range p.ids {
		at := -1
		t, seen, err := s.take(tx, plan, ticket.Verification, id)
		if err != nil && !errors.Is(err, problem.ErrNotFound) {
			return err
		}
		if err == nil && seen.Done && seen.Tenant == u.TenantID {
			at = u.identity(seen.Kind, seen.Value)
		}
		if at < 0 {
			v.Check(v.Has("verificationIds"), "verificationIds", "invalid", "One of these is no completed verification of what the user logs in with.")
			continue
		}
		p.tickets = append(p.tickets, t)
		if !u.Identities[at].Verified {
			u.markVerified(at, wire.VerifiedCompleted, now)
			p.at = append(p.at, at)
		}
	}
	return v.Err()
}

// publish publishes what was proved.
func (p *proved) publish(plan *publish.Plan, u *User) {
	for _, at := range p.at {
		u.publishVerified(plan, u.Identities[at])
	}
}

// publishVerified publishes that an identity of u is verified.
func (u *User) publishVerified(plan *publish.Plan, i wire.UserIdentity) {
	if i.Type == wire.IdentityEmail {
		plan.Publish(&event.UserEvent{Header: event.About(event.UserEmailVerified, u.ID), User: u.User})
	}
	of := u.User
	plan.Publish(&event.UserIdentityVerifiedEvent{Header: event.About(event.UserIdentityVerified, u.ID), LoginID: i.Value, LoginIDType: i.Type, User: &of})
}

// spend takes the ids back.
func (p *proved) spend(tx *db.Tx) error {
	for _, t := range p.tickets {
		if err := t.Spend(tx); err != nil {
			return err
		}
	}
	return nil
}

// Resumed are verifications that a login is told of. The zero value tells nothing.
type Resumed struct {
	ID string
	// Kind is what is verified.
	Kind wire.IdentityType
	tell *asking
}

// Tell sends the message of a verification that had to be begun anew. To be called after the commit.
func (r Resumed) Tell(ctx context.Context) { r.tell.tell(ctx) }

// ResumeIn returns the id that belongs to the code which u was sent for an address or a number, where codes are typed in. If that has ended or is void, there
// is a new one.
func (s *Verifications) ResumeIn(tx *db.Tx, u *User, i wire.UserIdentity, flows *tenant.Flows, application wire.ID) (Resumed, error) {
	strategy := flows.Email.Strategy
	if i.Type == wire.IdentityPhoneNumber {
		strategy = flows.Phone.Strategy
	}
	if s == nil || strategy != tenant.FormField {
		return Resumed{}, nil
	}
	return s.resume(tx, u, flows, ticket.Verification, ofIdentity(flows, u.TenantID, i.Type, i.Value, application, ""))
}

// ResumeRegistrationIn is [Verifications.ResumeIn] for the registration for an application.
func (s *Verifications) ResumeRegistrationIn(tx *db.Tx, u *User, app *application.Application, flows *tenant.Flows) (Resumed, error) {
	if s == nil || app.VerificationStrategy != tenant.FormField {
		return Resumed{}, nil
	}
	return s.resume(tx, u, flows, ticket.RegistrationVerification, ofRegistration(flows, u, app))
}

// resume returns the verification that is alive and about the same as fresh, or issues fresh.
func (s *Verifications) resume(tx *db.Tx, u *User, flows *tenant.Flows, kind ticket.Kind, fresh verification) (Resumed, error) {
	live, err := s.liveIn(tx, u, kind, func(v verification) bool {
		return v.Code != "" && v.Kind == fresh.Kind && v.Value == fresh.Value && (kind != ticket.RegistrationVerification || v.Application == fresh.Application)
	})
	if err != nil {
		return Resumed{}, err
	}
	if live != nil {
		return Resumed{ID: live.ID, Kind: live.Kind}, nil
	}
	one := &asked{fresh, kind, u}
	if _, err := s.issue(tx, one, flows); err != nil {
		return Resumed{}, err
	}
	return Resumed{ID: one.ID, Kind: one.Kind, tell: &asking{s: s, user: u, flows: flows, identities: []*asked{one}}}, nil
}
