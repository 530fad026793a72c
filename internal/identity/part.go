package identity

import (
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// This file has what other packages need that take part in the life of a user: second factors live in the user's document.

// LoadIn returns a user as tx sees it, or problem.ErrNotFound.
func (s *Service) LoadIn(tx *db.Tx, id wire.ID) (*User, error) { return s.load(tx, id) }

// WriteIn writes changed, a copy of original with changes, over it. It is problem.Stale when original is not what is stored any more.
func (s *Service) WriteIn(tx *db.Tx, original, changed *User) error {
	changed.LastUpdateInstant = wire.Instant(tx.NowMillis())
	return update(tx, original, changed)
}

// LoggedInIn stores that the user has logged in, to an application if one is given; u has the instant. It is problem.ErrNotFound when the user is gone, or was
// deactivated meanwhile.
func (s *Service) LoggedInIn(tx *db.Tx, u *User, application wire.ID) error {
	return writeLogin(tx, u, application)
}

// Expired tells whether the user's time is over.
func (u *User) Expired(now wire.Instant) bool { return u.Expiry > 0 && u.Expiry <= now }

// Languages are the locales of the user for an application, the best first: those of the registration, then the user's own.
func (u *User) Languages(application wire.ID) []string {
	var all []string
	for _, r := range u.Registrations {
		if r.ApplicationID == application && application != "" {
			all = append(all, r.PreferredLanguages...)
		}
	}
	return append(all, u.PreferredLanguages...)
}

// Copy returns a copy of u whose second factors and identities can be changed without changing those of u.
func (u *User) Copy() *User {
	c := *u
	c.Identities, c.TwoFactor.Methods = slices.Clone(u.Identities), slices.Clone(u.TwoFactor.Methods)
	return &c
}

// PhoneNumber brings a number into the form in which it can be dialled from anywhere (+14155550123), or tells that it is none.
func PhoneNumber(text string) (string, bool) { return e164(text) }

// EmailAddress brings an address into the form in which addresses are compared, or tells that it is none.
func EmailAddress(text string) (string, bool) {
	address := strings.ToLower(strings.TrimSpace(text))
	return address, isEmail(address) && len(address) <= maxLoginID
}

// Verify counts an identity of u as verified, because something that was sent there came back, and publishes user.email.verified (for an
// address) and user.identity.verified. Nothing happens unless the identity waits for its verification and the tenant counts such things.
func (u *User) Verify(plan *publish.Plan, flows *tenant.Flows, kind wire.IdentityType, value string, now wire.Instant) (changed bool) {
	if kind == wire.IdentityEmail && !flows.Email.ImplicitVerification || kind == wire.IdentityPhoneNumber && !flows.Phone.ImplicitVerification {
		return false
	}
	i := slices.IndexFunc(u.Identities, func(i wire.UserIdentity) bool {
		return i.Type == kind && i.Value == value && waits(i)
	})
	if i < 0 {
		return false
	}
	u.verify(plan, i, wire.VerifiedImplicit, now)
	return true
}

// verify counts the identity at i as verified, and publishes user.email.verified (for an address) and user.identity.verified.
func (u *User) verify(plan *publish.Plan, i int, reason wire.VerifiedReason, now wire.Instant) {
	u.markVerified(i, reason, now)
	u.LastUpdateInstant = now
	u.publishVerified(plan, u.Identities[i])
}

func (u *User) markVerified(i int, reason wire.VerifiedReason, now wire.Instant) {
	identity := &u.Identities[i]
	identity.Verified, identity.VerifiedReason, identity.VerifiedInstant, identity.LastUpdateInstant = true, reason, now, now
	if identity.Type == wire.IdentityEmail {
		u.Verified, u.VerifiedInstant = true, now
	}
}

// Allow counts that a user does something, and is a problem of kind TooMany when the limit does not allow it. The count is that of a window,
// which begins with the first time after the one before has ended.
func Allow(tx *db.Tx, user wire.ID, kind string, limit tenant.RateLimit) error {
	if !limit.Enabled {
		return nil
	}
	used, begin, err := count(tx, user, kind, limit.Period.Milliseconds())
	if db.IsForeignKey(err) {
		return problem.ErrNotFound
	}
	if err != nil || used <= limit.Limit {
		return err
	}
	wait := time.Duration(begin+limit.Period.Milliseconds()-tx.NowMillis()) * time.Millisecond
	return problem.New(problem.TooMany, "[RateLimitedException]", "This was asked for too often. Try again in %v.", max(wait.Round(time.Second), time.Second))
}
