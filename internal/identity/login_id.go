package identity

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// loginID is one thing a user logs in with, in the form in which it is unique within a tenant.
type loginID struct {
	kind wire.IdentityType
	key  string // in lower case
}

// loginIDs returns what u logs in with, in the order of the members.
func loginIDs(u *wire.User) []loginID {
	var all []loginID
	for _, l := range []loginID{{wire.IdentityEmail, u.Email}, {wire.IdentityUsername, u.Username}, {wire.IdentityPhoneNumber, u.PhoneNumber}} {
		if l.key != "" {
			all = append(all, loginID{l.kind, strings.ToLower(l.key)})
		}
	}
	return all
}

// value returns the member of u that l is made of.
func (l loginID) value(u *wire.User) string {
	switch l.kind {
	case wire.IdentityEmail:
		return u.Email
	case wire.IdentityUsername:
		return u.Username
	default:
		return u.PhoneNumber
	}
}

// reservation is the name under which l is kept free until the commit.
func (l loginID) reservation(tenant wire.ID) string {
	return "user/" + string(l.kind) + "/" + string(tenant) + "/" + l.key
}

// identities returns what u.Identities should be at now. Those whose value is as in old keep what is known of them.
func identities(u *wire.User, old []wire.UserIdentity, in input, rules Rules, now wire.Instant) []wire.UserIdentity {
	var all []wire.UserIdentity
	for _, l := range loginIDs(u) {
		value := l.value(u)
		same := func(i wire.UserIdentity) bool { return i.Type == l.kind && i.Value == value }
		if i := slices.IndexFunc(old, same); i >= 0 {
			kept := old[i]
			kept.ModerationStatus = moderation(u, l.kind)
			all = append(all, kept)
			continue
		}
		had := slices.ContainsFunc(old, func(i wire.UserIdentity) bool { return i.Type == l.kind })
		all = append(all, wire.UserIdentity{
			Type: l.kind, Value: value, DisplayValue: value, Primary: true, ModerationStatus: moderation(u, l.kind),
			VerifiedReason: reason(l.kind, had, in, rules), InsertInstant: now, LastUpdateInstant: now,
		})
	}
	return all
}

// moderation is the state of an identity under moderation. Only user names are.
func moderation(u *wire.User, kind wire.IdentityType) wire.ContentStatus {
	if kind == wire.IdentityUsername {
		return u.UsernameStatus
	}
	return wire.ContentActive
}

// reason says why a new identity is not verified. Only Pending asks anything of the user.
func reason(kind wire.IdentityType, changed bool, in input, rules Rules) wire.VerifiedReason {
	verify := rules.VerifyPhoneNumber
	if kind == wire.IdentityEmail {
		verify = rules.VerifyEmail && !changed || rules.VerifyEmailWhenChanged && changed
	}
	switch {
	case kind == wire.IdentityUsername:
		return wire.VerifiedUnverifiable
	case in.skip:
		return wire.VerifiedSkipped
	case verify:
		return wire.VerifiedPending
	default:
		return wire.VerifiedDisabled
	}
}

// verified is the older member of a user, which means "nothing stands in the way of using the address". So it is true for an address
// that nobody is asked to verify, although its identity is not verified.
func verified(identities []wire.UserIdentity) bool {
	return slices.ContainsFunc(identities, func(i wire.UserIdentity) bool {
		return i.Type == wire.IdentityEmail && (i.Verified || i.VerifiedReason != wire.VerifiedPending)
	})
}

// claim makes sure that the login ids belong to nobody else and that nobody gets them before the commit. It reserves first and looks
// then: between the commit of another operation and its release of the name there is no gap. Errors: [duplicateError].
func (s *Service) claim(tx *db.Tx, plan *publish.Plan, u *User, wanted []loginID) error {
	var clash duplicateError
	for _, l := range wanted {
		err := plan.Reserve(tx, l.reservation(u.TenantID), errTaken)
		if err != nil && !errors.Is(err, errTaken) {
			return err
		}
		owner, ownerErr := findByLoginID(tx, u.TenantID, l)
		switch {
		case ownerErr == nil && owner.ID != u.ID:
			clash.add(l, owner)
		case ownerErr != nil && !errors.Is(ownerErr, problem.ErrNotFound):
			return ownerErr
		case err != nil:
			// Somebody is about to get it. There is no user yet whom an event could name.
			clash.add(l, nil)
		}
	}
	if len(clash.taken) == 0 {
		return nil
	}
	clash.user = u.User
	for _, t := range clash.taken {
		if t.owner != nil {
			if err := s.complete(tx, t.owner); err != nil {
				return err
			}
		}
	}
	return &clash
}

var errTaken = errors.New("identity: the login id is reserved")

// duplicateError refuses a request because login ids belong to others. It unwraps to the problem that the caller is told.
type duplicateError struct {
	user  wire.User // as the request would have made it
	taken []takenID
}

type takenID struct {
	loginID
	owner *User // nil when the owner is only about to be
}

func (e *duplicateError) add(l loginID, owner *User) { e.taken = append(e.taken, takenID{l, owner}) }

func (e *duplicateError) Error() string { return e.Unwrap().Error() }

func (e *duplicateError) Unwrap() error {
	var v problem.Validation
	for _, t := range e.taken {
		path := "user." + string(t.kind)
		if t.owner != nil && !t.owner.Active {
			v.Field(path, "inactive", "This belongs to a user who is deactivated.")
		} else {
			v.Field(path, "duplicate", "This belongs to another user.")
		}
	}
	return v.Err()
}

// events returns one event per distinct owner.
func (e *duplicateError) events(t event.Type) []event.Payload {
	var all []event.Payload
	byOwner := map[wire.ID]*event.UserLoginIDDuplicateEvent{}
	for _, l := range e.taken {
		if l.owner == nil {
			continue
		}
		payload := byOwner[l.owner.ID]
		if payload == nil {
			payload = &event.UserLoginIDDuplicateEvent{Header: event.About(t, e.user.ID), Existing: l.owner.User, User: e.user}
			byOwner[l.owner.ID] = payload
			all = append(all, payload)
		}
		value := l.value(&e.user)
		payload.DuplicateIdentities = append(payload.DuplicateIdentities, event.IdentityValue{Type: l.kind, Value: value})
		switch l.kind {
		case wire.IdentityEmail:
			payload.DuplicateEmail = value
		case wire.IdentityUsername:
			payload.DuplicateUsername = value
		case wire.IdentityPhoneNumber:
			payload.DuplicatePhoneNumber = value
		}
	}
	return all
}

// refused looks at the error of an operation. Login ids that belong to others are announced although nothing is committed, in a
// transaction of their own as that of the operation is gone; then the caller gets the problem.
func (s *Service) refused(ctx context.Context, err error, t event.Type, info *wire.EventInfo) error {
	clash, ok := errors.AsType[*duplicateError](err)
	if !ok {
		return err
	}
	if events := clash.events(t); len(events) > 0 {
		err := s.db.Update(context.WithoutCancel(db.Aside(ctx)), func(tx *db.Tx) error {
			return s.events.Announce(tx, clash.user.TenantID, info, events...)
		})
		if err != nil {
			return err
		}
	}
	return clash.Unwrap()
}
