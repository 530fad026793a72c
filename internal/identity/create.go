package identity

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// Create makes a user of a tenant, under id or under a new one if that is empty. info is the origin of the request.
//
// Errors: problem.Invalid with everything that is wrong with the request; publish.ErrRefused.
//
// Events: user.create, user.create.complete; between them user.email.verified and user.identity.verified for what completed verifications prove. When a login id belongs to others: user.loginId.duplicate.create, once per owner.
func (s *Service) Create(ctx context.Context, tenant, id wire.ID, req wire.UserRequest, info *wire.EventInfo) (*User, error) {
	var v problem.Validation
	c, err := s.newCreation(ctx, &v, tenant, id, req)
	if err == nil {
		err = s.checkApplication(ctx, &v, tenant, req.ApplicationID)
	}
	if err := cmp.Or(err, v.Err()); err != nil {
		return nil, err
	}
	if err := c.hash(ctx); err != nil {
		return nil, err
	}
	if err := s.events.Do(ctx, publish.Operation{Tenant: tenant, Info: info, Commit: c.commit, Prepare: func(tx *db.Tx, plan *publish.Plan) error {
		if err := c.prepare(tx, plan); err != nil {
			return err
		}
		c.proved.publish(plan, c.user)
		return nil
	}}); err != nil {
		return nil, s.refused(ctx, err, event.UserLoginIDDuplicateCreate, info)
	}
	c.asking.tell(ctx)
	return c.user, nil
}

// creation is a new user on the way through an operation.
type creation struct {
	s          *Service
	tenant, id wire.ID
	rules      Rules
	in         input
	joins      []wire.GroupMember // the groups in which the user begins
	password   credential
	user       *User

	application wire.ID // whose templates count, "" for the tenant's
	proved      proved
	asking      *asking
}

// newCreation adds to v what is wrong with the request.
func (s *Service) newCreation(ctx context.Context, v *problem.Validation, tenant, id wire.ID, req wire.UserRequest) (*creation, error) {
	rules, err := s.rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	c := &creation{s: s, tenant: tenant, id: id, rules: rules, in: readNew(v, req, rules), application: req.ApplicationID}
	c.proved.read(v, s.Verifications, req)
	if c.joins = req.User.Memberships; len(c.joins) == 0 {
		return c, nil
	}
	return c, s.db.View(ctx, func(tx *db.Tx) error {
		there, err := s.groupsOf(tx, tenant, c.joins)
		if err == nil {
			checkGroups(v, "user", there, c.joins)
		}
		return err
	})
}

// groupsOf returns the groups of the tenant that are among those in which joins are.
func (s *Service) groupsOf(tx *db.Tx, tenant wire.ID, joins []wire.GroupMember) (map[wire.ID]bool, error) {
	if s.Groups == nil || len(joins) == 0 {
		return nil, nil
	}
	ids := make([]wire.ID, len(joins))
	for i, m := range joins {
		ids[i] = m.GroupID
	}
	return s.Groups.Exist(tx, tenant, ids)
}

// checkGroups adds to v which memberships of a new user are in no group that is there. path is that of the user.
func checkGroups(v *problem.Validation, path string, there map[wire.ID]bool, joins []wire.GroupMember) {
	for i, m := range joins {
		at := fmt.Sprintf("%s.memberships[%d].groupId", path, i)
		switch {
		case m.GroupID == "":
			v.Field(at, "missing", "Say in which group.")
		case !there[m.GroupID]:
			v.Field(at, "invalid", "There is no group with the id %s in the tenant of the user.", m.GroupID)
		}
	}
}

// join makes u, which is new, a member of the groups in which joins are, of each once.
func join(u *User, joins []wire.GroupMember) {
	seen := map[wire.ID]bool{}
	for _, m := range joins {
		if seen[m.GroupID] {
			continue
		}
		seen[m.GroupID] = true
		if m.Data == nil {
			m.Data = wire.Object{}
		}
		u.Memberships = append(u.Memberships, wire.GroupMember{ID: wire.ID(db.NewID()), GroupID: m.GroupID, Data: m.Data, InsertInstant: u.InsertInstant})
	}
}

// membershipsOf are those of u as package group has them.
func membershipsOf(u *User) []wire.GroupMember {
	all := slices.Clone(u.Memberships)
	for i := range all {
		all[i].UserID = u.ID
	}
	return all
}

// hash does the slow work, before the operation, and tells what is wrong with the password.
func (c *creation) hash(ctx context.Context) (err error) {
	if c.in.password != "" {
		c.password, err = c.s.choose(ctx, "user.password", c.in.password, nil, &c.in.user, c.rules.Password)
	}
	return err
}

func (c *creation) prepare(tx *db.Tx, plan *publish.Plan) error {
	c.user = newUser(c.tenant, c.id, c.in, c.rules, wire.Instant(tx.NowMillis()))
	c.user.password = c.password
	join(c.user, c.joins)
	if c.id != "" {
		if err := claimID(tx, plan, c.id); err != nil {
			return err
		}
	}
	if err := c.proved.apply(tx, plan, c.s.Verifications, c.user, c.user.InsertInstant); err != nil {
		return err
	}
	if err := c.s.claim(tx, plan, c.user, loginIDs(&c.user.User)); err != nil {
		return err
	}
	plan.Publish(&event.UserEvent{Header: event.About(event.UserCreate, c.user.ID), User: c.user.User})
	return nil
}

func (c *creation) commit(tx *db.Tx) error {
	// Asked here and not before: whoever deletes the tenant marks it first and then looks for users.
	if exists, err := c.s.tenants.ExistsIn(tx, c.tenant); err != nil || !exists {
		return cmp.Or(err, noTenant())
	}
	if err := insert(tx, c.user); err != nil {
		return err
	}
	if err := cmp.Or(c.ask(tx), c.proved.spend(tx)); err != nil || len(c.joins) == 0 {
		return err
	}
	return c.s.Groups.Join(tx, membershipsOf(c.user))
}

// ask stores what is asked of the new user.
func (c *creation) ask(tx *db.Tx) (err error) {
	if c.in.setPassword == "" && !slices.ContainsFunc(c.user.Identities, waits) {
		return nil
	}
	c.asking = c.s.Verifications.begin(c.user, c.rules.flows, c.application)
	err = cmp.Or(c.asking.proofs(tx, nil), c.asking.password(tx, c.in.setPassword))
	c.user.Asked = c.asking.shown()
	return err
}

// checkApplication adds that there is no such application whose templates could count. "" is none.
func (s *Service) checkApplication(ctx context.Context, v *problem.Validation, tenant, id wire.ID) error {
	if id == "" {
		return nil
	}
	all, err := s.applications.Registry(ctx)
	if err != nil {
		return err
	}
	v.Check(all.In(tenant, id) != nil, "applicationId", "invalid", "There is no application with the id %s.", id)
	return nil
}

// newUser builds the user that a checked request asks for.
func newUser(tenant, id wire.ID, in input, rules Rules, now wire.Instant) *User {
	u := &User{User: in.user, version: 1}
	if u.ID = id; id == "" {
		u.ID = wire.ID(db.NewID())
	}
	u.TenantID, u.Active, u.ConnectorID = tenant, true, wire.InternalConnectorID
	u.InsertInstant, u.LastUpdateInstant = now, now
	if in.password != "" {
		u.PasswordLastUpdateInstant = now
	}
	u.Identities = identities(&u.User, nil, in, rules, now)
	u.Verified = verified(u.Identities)
	return u
}

// claimID is claim for the id that the caller chose. Ids are unique across tenants.
func claimID(tx *db.Tx, plan *publish.Plan, id wire.ID) error {
	var v problem.Validation
	v.Field("userId", "duplicate", "There is a user with the id %s already.", id)
	return plan.Claim(tx, idReservation(id), v.Err(), func() (bool, error) { return exists(tx, id) })
}

// idReservation is the name under which an id is kept free until the commit.
func idReservation(id wire.ID) string { return "user/id/" + string(id) }
