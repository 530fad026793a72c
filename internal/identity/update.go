package identity

import (
	"cmp"
	"context"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// Update replaces what a caller may set of a user by what req says; the password stays when req has none. original is the user as
// loaded before: when somebody else changed it since, the answer is a conflict and nothing happens.
//
// Errors: problem.Invalid with everything that is wrong with the request; problem.Stale; publish.ErrRefused.
//
// Events: user.update, user.update.complete; user.email.verified and user.identity.verified for what completed verifications prove;
// user.email.update if the address changed; if a password was set what OnPasswordChange adds, and user.password.update. When a login id belongs to
// others: user.loginId.duplicate.update, once per owner.
func (s *Service) Update(ctx context.Context, original *User, req wire.UserRequest, info *wire.EventInfo) (*User, error) {
	rules, err := s.rules(ctx, original.TenantID)
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	in := read(&v, "user", req, rules)
	if req.CurrentPassword != "" {
		ok, err := s.hasher.verify(ctx, original.password, req.CurrentPassword)
		if err != nil {
			return nil, err
		}
		v.Check(ok, "currentPassword", "invalid", "This is not the user's password.")
	}
	var brought proved
	brought.read(&v, s.Verifications, req)
	if err := s.checkApplication(ctx, &v, original.TenantID, req.ApplicationID); err != nil {
		return nil, err
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	password := original.password
	if in.password != "" {
		if password, err = s.choose(ctx, "user.password", in.password, original, &in.user, rules.Password); err != nil {
			return nil, err
		}
	}

	var u *User
	var ask *asking
	var follows []func(*db.Tx) error
	err = s.events.Do(ctx, publish.Operation{
		Tenant: original.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			if err := unmoved(tx, original); err != nil {
				return err
			}
			u = updated(original, in, rules, wire.Instant(tx.NowMillis()))
			u.password = password
			if err := brought.apply(tx, plan, s.Verifications, u, u.LastUpdateInstant); err != nil {
				return err
			}
			if err := s.claim(tx, plan, u, without(loginIDs(&u.User), loginIDs(&original.User))); err != nil {
				return err
			}
			plan.Publish(&event.UserUpdateEvent{Header: event.About(event.UserUpdate, u.ID), Original: original.User, User: u.User})
			brought.publish(plan, u)
			if u.Email != original.Email {
				plan.Publish(&event.UserEmailUpdateEvent{Header: event.About(event.UserEmailUpdate, u.ID), User: u.User, PreviousEmail: original.Email})
			}
			if in.password != "" {
				if follows, err = s.followUp(tx, plan, u, false); err != nil {
					return err
				}
				plan.Publish(&event.UserEvent{Header: event.About(event.UserPasswordUpdate, u.ID), User: u.User})
			}
			return nil
		},
		Commit: func(tx *db.Tx) error {
			if err := cmp.Or(update(tx, original, u), brought.spend(tx)); err != nil {
				return err
			}
			if slices.ContainsFunc(u.Identities, waits) {
				ask = s.Verifications.begin(u, rules.flows, req.ApplicationID)
				if err := ask.proofs(tx, original.Identities); err != nil {
					return err
				}
				u.Asked = ask.shown()
			}
			if in.password == "" {
				return nil
			}
			if err := remember(tx, original, rules.Password); err != nil {
				return err
			}
			return run(tx, follows)
		},
	})
	if err != nil {
		return nil, s.refused(ctx, err, event.UserLoginIDDuplicateUpdate, info)
	}
	ask.tell(ctx)
	return u, nil
}

// updated builds the user that a checked request makes of original. What only the server sets stays.
func updated(original *User, in input, rules Rules, now wire.Instant) *User {
	u := &User{User: in.user, version: original.version}
	u.ID, u.TenantID, u.Active, u.ConnectorID = original.ID, original.TenantID, original.Active, original.ConnectorID
	u.Registrations, u.Memberships, u.TwoFactor = original.Registrations, original.Memberships, original.TwoFactor
	u.UniqueUsername = original.UniqueUsername
	u.BreachedPasswordStatus, u.BreachedPasswordLastCheckedInstant = original.BreachedPasswordStatus, original.BreachedPasswordLastCheckedInstant
	u.PasswordLastUpdateInstant, u.LastLoginInstant = original.PasswordLastUpdateInstant, original.LastLoginInstant
	u.InsertInstant, u.LastUpdateInstant = original.InsertInstant, now
	if in.password != "" {
		u.PasswordLastUpdateInstant = now
	}
	u.Identities = identities(&u.User, original.Identities, in, rules, now)
	u.Verified, u.VerifiedInstant = original.Verified, original.VerifiedInstant
	if u.Email != original.Email {
		u.Verified, u.VerifiedInstant = verified(u.Identities), 0
	}
	return u
}

// without returns the elements of a that are not in b.
func without(a, b []loginID) []loginID {
	return slices.DeleteFunc(a, func(l loginID) bool { return slices.Contains(b, l) })
}
