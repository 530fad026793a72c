package identity

import (
	"cmp"
	"context"

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
// Events: user.create, user.create.complete. When a login id belongs to others: user.loginId.duplicate.create, once per owner.
func (s *Service) Create(ctx context.Context, tenant, id wire.ID, req wire.UserRequest, info *wire.EventInfo) (*User, error) {
	rules, err := s.rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	in := readNew(&v, req, rules)
	if err := v.Err(); err != nil {
		return nil, err
	}
	var password credential
	if in.password != "" {
		if password, err = s.choose(ctx, "user.password", in.password, nil, &in.user, rules.Password); err != nil {
			return nil, err
		}
	}

	var u *User
	err = s.events.Do(ctx, publish.Operation{
		Tenant: tenant,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			u = newUser(tenant, id, in, rules, wire.Instant(tx.NowMillis()))
			u.password = password
			if id != "" {
				if err := claimID(tx, plan, id); err != nil {
					return err
				}
			}
			if err := claim(tx, plan, u, loginIDs(&u.User)); err != nil {
				return err
			}
			plan.Publish(&event.UserEvent{Header: event.About(event.UserCreate, u.ID), User: u.User})
			return nil
		},
		Commit: func(tx *db.Tx) error {
			// Asked here and not before: whoever deletes the tenant marks it first and then looks for users.
			if exists, err := s.tenants.ExistsIn(tx, tenant); err != nil || !exists {
				return cmp.Or(err, noTenant())
			}
			return insert(tx, u)
		},
	})
	if err != nil {
		return nil, s.refused(ctx, err, event.UserLoginIDDuplicateCreate, info)
	}
	return u, nil
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
	if err := plan.Reserve(tx, "user/id/"+string(id), v.Err()); err != nil {
		return err
	}
	taken, err := exists(tx, id)
	if err == nil && taken {
		err = v.Err()
	}
	return err
}
