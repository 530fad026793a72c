package identity

import (
	"cmp"
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

const (
	// importLimit is how many users one import may have, as many as FusionAuth recommends.
	importLimit = 10_000
	// importErrors is how much of what is wrong an import tells. Whoever has made the same mistake in each of 10,000 users has seen enough.
	importErrors = 100
)

// Import makes the users of req in a tenant: all of them or none. Passwords in clear are hashed, which takes its time; those that are hashed stay so.
//
// Errors: problem.Invalid with what is wrong, up to a hundred things; publish.ErrRefused. Event: user.bulk.create.
func (s *Service) Import(ctx context.Context, tenant wire.ID, req wire.UserImportRequest, info *wire.EventInfo) error {
	rules, err := s.rules(ctx, tenant)
	if err != nil {
		return err
	}
	b := &batch{s: s, tenant: tenant}
	if err := b.read(req, rules); err != nil {
		return err
	}
	if err := s.db.View(ctx, func(tx *db.Tx) error { return b.readWhatUsersHave(tx, req) }); err != nil {
		return err
	}
	if err := b.hash(ctx); err != nil {
		return err
	}
	return s.events.Do(ctx, publish.Operation{Tenant: tenant, Info: info, Prepare: b.prepare, Commit: b.commit})
}

// batch are users on their way through an import.
type batch struct {
	s      *Service
	tenant wire.ID
	users  []*imported
	v      problem.Validation
	told   int // how many errors are in v
}

// imported is a user to be created, with what has tables of its own.
type imported struct {
	User
	clear         string // the password, if it is yet to be hashed
	registrations []registration
	joins         []wire.GroupMember                  // the groups in which the user begins
	factors       func(tx *db.Tx, user wire.ID) error // stores the secrets of the second factors; nil without any
}

func importPath(i int) string { return fmt.Sprintf("users[%d]", i) }

// tell adds what is wrong with one user. It returns an error when that is enough.
func (b *batch) tell(v *problem.Validation) error {
	err := v.Err()
	if err == nil {
		return nil
	}
	p, _ := problem.As(err)
	b.told += len(p.Fields)
	if err := b.v.Merge(err); err != nil || b.told < importErrors {
		return err
	}
	return b.v.Err()
}

// read takes from the request what can be understood without the store.
func (b *batch) read(req wire.UserImportRequest, rules Rules) error {
	b.v.Check(len(req.Users) > 0, "users", "missing", "Say which users.")
	b.v.Check(len(req.Users) <= importLimit, "users", "tooMany", "One import has at most %d users.", importLimit)
	if err := b.v.Err(); err != nil {
		return err
	}
	ids, logins := map[wire.ID]bool{}, map[loginID]bool{}
	for i, given := range req.Users {
		given.EncryptionScheme, given.Factor = cmp.Or(given.EncryptionScheme, req.EncryptionScheme), cmp.Or(given.Factor, req.Factor)
		var v problem.Validation
		path := importPath(i)
		u := readImported(&v, path, given, rules)
		u.TenantID = b.tenant
		v.Check(!ids[u.ID], path+".id", "duplicate", "Another of the users has this id.")
		ids[u.ID] = true
		for _, l := range loginIDs(&u.User.User) {
			v.Check(!logins[l], path+"."+string(l.kind), "duplicate", "Another of the users has this.")
			logins[l] = true
		}
		if b.s.Factors != nil {
			u.TwoFactor, u.factors = b.s.Factors.Imported(&v, path+".twoFactor", given.TwoFactor)
		}
		b.users = append(b.users, u)
		if err := b.tell(&v); err != nil {
			return err
		}
	}
	return nil
}

// readImported brings a user into canonical form and adds what is wrong with it.
func readImported(v *problem.Validation, path string, given wire.ImportedUser, rules Rules) *imported {
	password := given.Password
	given.Password = "" // what was good enough elsewhere is not measured by the rules here
	in := read(v, path, wire.UserRequest{User: given.UserInput}, rules)
	u := &imported{User: User{User: in.user, version: 1}}
	u.ID, u.Active, u.ConnectorID = cmp.Or(given.ID, wire.ID(db.NewID())), given.Active, wire.InternalConnectorID
	u.Verified, u.VerifiedInstant = given.Verified, given.VerifiedInstant
	u.InsertInstant, u.PasswordLastUpdateInstant = given.InsertInstant, given.PasswordLastUpdateInstant
	for _, instant := range []struct {
		name  string
		value wire.Instant
	}{{"insertInstant", u.InsertInstant}, {"passwordLastUpdateInstant", u.PasswordLastUpdateInstant}, {"verifiedInstant", u.VerifiedInstant}} {
		v.Check(instant.value >= 0 && instant.value <= wire.LastInstant, path+"."+instant.name, "invalid", "An instant is written in milliseconds since 1970.")
	}
	switch {
	case password == "":
		v.Check(given.Salt == "", path+".password", "blank", "There is a salt, but no password.")
	case given.EncryptionScheme == "" && given.Salt == "":
		u.clear = password
	default:
		how := cmp.Or(scheme(given.EncryptionScheme), schemeFusionAuth)
		u.password = readHashed(v, path, hashed{how, given.Factor, given.Salt, password})
	}
	return u
}

// readWhatUsersHave takes the registrations and memberships from the request.
func (b *batch) readWhatUsersHave(tx *db.Tx, req wire.UserImportRequest) error {
	all, err := b.s.applications.RegistryIn(tx)
	if err != nil {
		return err
	}
	var joins []wire.GroupMember
	for _, given := range req.Users {
		joins = append(joins, given.Memberships...)
	}
	groups, err := b.s.groupsOf(tx, b.tenant, joins)
	if err != nil {
		return err
	}
	for i, u := range b.users {
		var v problem.Validation
		path := importPath(i)
		for k, given := range req.Users[i].Registrations {
			b.readRegistration(&v, fmt.Sprintf("%s.registrations[%d]", path, k), all, u, given)
		}
		checkGroups(&v, path, groups, req.Users[i].Memberships)
		u.joins = req.Users[i].Memberships
		if err := b.tell(&v); err != nil {
			return err
		}
	}
	return b.v.Err()
}

func (b *batch) readRegistration(v *problem.Validation, path string, all *application.Registry, u *imported, given wire.Registration) {
	a := applicationOf(v, path+".applicationId", all, b.tenant, given.ApplicationID)
	if a == nil {
		return
	}
	for _, other := range u.registrations {
		v.Check(other.ApplicationID != a.ID || v.Has(path+".applicationId"), path+".applicationId", "duplicate", "The user has a registration for this application already.")
	}
	r := readRegistration(v, path, given, a)
	if len(given.Roles) == 0 {
		r.setRoles(defaultRoles(a))
	}
	r.ID, r.user, r.version = cmp.Or(given.ID, wire.ID(db.NewID())), u.ID, 1
	r.Verified, r.VerifiedInstant, r.InsertInstant = given.Verified || !a.VerifyRegistration, given.VerifiedInstant, given.InsertInstant
	u.registrations = append(u.registrations, r)
}

// hash hashes the passwords that came in clear, several at a time. Whoever logs in meanwhile waits for one of them, not for all.
func (b *batch) hash(ctx context.Context) error {
	hashing, ctx := errgroup.WithContext(ctx)
	hashing.SetLimit(cap(b.s.hasher.slots))
	for _, u := range b.users {
		if u.clear == "" {
			continue
		}
		hashing.Go(func() (err error) {
			u.password, err = b.s.hasher.hash(ctx, u.clear)
			return err
		})
	}
	return hashing.Wait()
}

func (b *batch) prepare(tx *db.Tx, plan *publish.Plan) error {
	if err := b.claim(tx, plan); err != nil {
		return err
	}
	now := wire.Instant(tx.NowMillis())
	users := make([]wire.User, len(b.users))
	for i, u := range b.users {
		u.complete(now)
		users[i] = u.User.User
	}
	plan.Publish(&event.UserBulkCreateEvent{Header: event.Header{Type: event.UserBulkCreate}, Users: users})
	return nil
}

// complete sets what depends on the moment, unless the import has said it. It may be called again.
func (u *imported) complete(now wire.Instant) {
	u.InsertInstant, u.LastUpdateInstant = cmp.Or(u.InsertInstant, now), now
	if u.password != (credential{}) {
		u.PasswordLastUpdateInstant = cmp.Or(u.PasswordLastUpdateInstant, now)
	}
	u.Identities = nil
	for _, l := range loginIDs(&u.User.User) {
		one := wire.UserIdentity{
			Type: l.kind, Value: l.value(&u.User.User), DisplayValue: l.value(&u.User.User), Primary: true, ModerationStatus: moderation(&u.User.User, l.kind),
			VerifiedReason: wire.VerifiedImport, InsertInstant: u.InsertInstant, LastUpdateInstant: now,
		}
		switch {
		case l.kind == wire.IdentityUsername:
			one.VerifiedReason = wire.VerifiedUnverifiable
		case l.kind == wire.IdentityEmail && u.Verified:
			one.Verified, one.VerifiedInstant = true, u.VerifiedInstant
		}
		u.Identities = append(u.Identities, one)
	}
	u.Memberships = nil
	join(&u.User, u.joins)
	u.Registrations = nil
	for i := range u.registrations {
		r := &u.registrations[i]
		r.InsertInstant, r.LastUpdateInstant = cmp.Or(r.InsertInstant, now), now
		u.Registrations = append(u.Registrations, r.Registration)
	}
}

// claim is claim of one user for all: ids and login ids belong to nobody else, and nobody gets them before the commit.
func (b *batch) claim(tx *db.Tx, plan *publish.Plan) error {
	var ids []wire.ID
	var logins []loginID
	var names []string
	at := map[string]string{} // from a reserved name to the path of the member
	for i, u := range b.users {
		ids = append(ids, u.ID)
		names = append(names, idReservation(u.ID))
		at[idReservation(u.ID)] = importPath(i) + ".id"
		for _, l := range loginIDs(&u.User.User) {
			logins = append(logins, l)
			names = append(names, l.reservation(b.tenant))
			at[l.reservation(b.tenant)] = importPath(i) + "." + string(l.kind)
		}
	}
	taken, err := plan.ReserveAll(tx, names)
	if err != nil {
		return err
	}
	there, err := placesOf(tx, "", ids)
	if err != nil {
		return err
	}
	for _, p := range there {
		taken = append(taken, idReservation(p.user))
	}
	owned, err := takenLoginIDs(tx, b.tenant, logins)
	if err != nil {
		return err
	}
	for _, l := range owned {
		taken = append(taken, l.reservation(b.tenant))
	}
	var v problem.Validation
	for _, name := range taken[:min(len(taken), importErrors)] {
		v.Field(at[name], "duplicate", "This belongs to another user.")
	}
	return v.Err()
}

func (b *batch) commit(tx *db.Tx) error {
	if exists, err := b.s.tenants.ExistsIn(tx, b.tenant); err != nil || !exists {
		return cmp.Or(err, noTenant())
	}
	users := make([]*User, len(b.users))
	var registrations []*registration
	var members []wire.GroupMember
	for i, u := range b.users {
		users[i] = &u.User
		for k := range u.registrations {
			registrations = append(registrations, &u.registrations[k])
		}
		members = append(members, membershipsOf(&u.User)...)
	}
	if err := insertAll(tx, users); err != nil {
		return err
	}
	if err := b.s.insertRegistrations(tx, registrations); err != nil {
		return err
	}
	for _, u := range b.users {
		if u.factors != nil {
			if err := u.factors(tx, u.ID); err != nil {
				return err
			}
		}
	}
	if len(members) == 0 {
		return nil
	}
	return b.s.Groups.Join(tx, members)
}
