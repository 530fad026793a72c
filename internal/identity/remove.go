package identity

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// Deactivate keeps a user from logging in. The login ids stay taken. Nothing happens to a user who is inactive already.
//
// Errors: problem.ErrNotFound when the user is gone meanwhile; problem.Stale; publish.ErrRefused. Event: user.deactivate.
func (s *Service) Deactivate(ctx context.Context, u *User, info *wire.EventInfo) error {
	_, err := s.change(ctx, u.TenantID, []wire.ID{u.ID}, deactivation, info)
	return err
}

// Reactivate undoes [Service.Deactivate] and returns the user. Nothing happens to a user who is active already. Errors as there. Event:
// user.reactivate.
func (s *Service) Reactivate(ctx context.Context, u *User, info *wire.EventInfo) (*User, error) {
	changed, err := s.change(ctx, u.TenantID, []wire.ID{u.ID}, reactivation, info)
	if err != nil {
		return nil, err
	}
	return changed[0], nil
}

// Delete removes a user for good. Errors as of [Service.Deactivate]. Events: user.delete, user.delete.complete.
func (s *Service) Delete(ctx context.Context, u *User, info *wire.EventInfo) error {
	_, err := s.change(ctx, u.TenantID, []wire.ID{u.ID}, deletion, info)
	return err
}

// kind is a change of a whole user.
type kind event.Type

const (
	deactivation = kind(event.UserDeactivate)
	reactivation = kind(event.UserReactivate)
	deletion     = kind(event.UserDelete)
)

// done tells whether nothing is left to do.
func (k kind) done(u *User) bool {
	switch k {
	case deactivation:
		return !u.Active
	case reactivation:
		return u.Active
	}
	return false
}

// apply makes the change to u, as far as it can be seen.
func (k kind) apply(u *User, now wire.Instant) {
	if k != deletion {
		u.Active, u.LastUpdateInstant = k == reactivation, now
	}
}

// change makes the same change to users of one tenant, in one operation: one refusal refuses all. It returns the users after it. Ids
// without a user are skipped; when there is no user at all it is problem.ErrNotFound.
func (s *Service) change(ctx context.Context, tenant wire.ID, ids []wire.ID, k kind, info *wire.EventInfo) ([]*User, error) {
	var users, changed []*User
	err := s.events.Do(ctx, publish.Operation{
		Tenant: tenant,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			changed = nil
			if users, err = loadMany(tx, ids); err != nil {
				return err
			}
			if err := s.complete(tx, users...); err != nil {
				return err
			}
			if len(users) == 0 {
				return problem.ErrNotFound
			}
			for _, u := range users {
				if k.done(u) {
					continue
				}
				k.apply(u, wire.Instant(tx.NowMillis()))
				changed = append(changed, u)
				plan.Publish(&event.UserEvent{Header: event.About(event.Type(k), u.ID), User: u.User})
			}
			return nil
		},
		Commit: func(tx *db.Tx) error {
			for _, u := range changed {
				if err := k.write(tx, u); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return users, err
}

// bulkLimit is how many users one bulk call concerns unless it says otherwise, and how many ids it may name. FusionAuth's default.
const bulkLimit = 10_000

// DeleteBulk deactivates or deletes the users that req names, all in one operation: one refusal refuses all. scope confines it to a
// tenant; empty means any, but all users must be of the same one then. With req.DryRun nothing happens.
//
// Errors: problem.Invalid; problem.Stale; publish.ErrRefused. Events: per user those of [Service.Deactivate] or [Service.Delete].
func (s *Service) DeleteBulk(ctx context.Context, scope wire.ID, req wire.UserDeleteRequest, info *wire.EventInfo) (wire.UserDeleteResponse, error) {
	res := wire.UserDeleteResponse{DryRun: req.DryRun, HardDelete: req.HardDelete}
	clauses, err := checkBulk(req)
	if err != nil {
		return res, err
	}
	var found []place
	err = s.db.View(ctx, func(tx *db.Tx) (err error) {
		if len(req.UserIDs) > 0 {
			found, err = placesOf(tx, scope, req.UserIDs)
		} else {
			found, err = placesFound(tx, scope, clauses, limitOf(req))
		}
		return err
	})
	if err != nil || len(found) == 0 {
		return res, err
	}
	for _, f := range found {
		if f.tenant != found[0].tenant {
			return res, problem.New(problem.Invalid, "[TenantIdRequired]",
				"These users belong to several tenants. Name one of them with the header X-FusionAuth-TenantId.")
		}
		res.UserIDs = append(res.UserIDs, f.user)
	}
	res.Total = len(res.UserIDs)
	if req.DryRun {
		return res, nil
	}
	k := deactivation
	if req.HardDelete {
		k = deletion
	}
	users, err := s.change(ctx, found[0].tenant, res.UserIDs, k, info)
	if err != nil && !errors.Is(err, problem.ErrNotFound) { // all of them may be gone meanwhile
		return res, err
	}
	res.UserIDs = res.UserIDs[:0]
	for _, u := range users {
		res.UserIDs = append(res.UserIDs, u.ID)
	}
	res.Total = len(res.UserIDs)
	return res, nil
}

// place says where a user lives.
type place struct{ user, tenant wire.ID }

// checkBulk returns which users req is about, when it does not name them.
func checkBulk(req wire.UserDeleteRequest) (clauses []clause, err error) {
	var v problem.Validation
	v.Check(len(req.UserIDs) <= bulkLimit, "userIds", "tooMany", "One call names at most %d users.", bulkLimit)
	v.Check(req.Limit >= 0, "limit", "invalid", "The limit is a positive number.")
	switch {
	case len(req.UserIDs) > 0:
	case !asks(json.RawMessage(req.Query), req.QueryString): // who names nobody does not mean everybody
		v.Field("userIds", "missing", "Name the users with userIds, or find them with queryString.")
	default:
		clauses = parseQueries(&v, "", json.RawMessage(req.Query), req.QueryString)
	}
	return clauses, v.Err()
}

func limitOf(req wire.UserDeleteRequest) int {
	if req.Limit > 0 {
		return req.Limit
	}
	return bulkLimit
}

// tenantStep is how many users of a tenant that is being deleted go in one transaction, so that others get their turn in between.
const tenantStep = 100

// DeleteOfTenant deletes all users of a tenant that is being deleted, step by step; after an error or a crash it can be called again
// and goes on where it ended. Webhooks are told, not asked: the tenant and its settings are about to be gone. Nobody may create users in
// the tenant meanwhile.
//
// Events: user.delete and user.delete.complete per user.
func (s *Service) DeleteOfTenant(ctx context.Context, tenant wire.ID, info *wire.EventInfo) error {
	for {
		var users []*User
		err := s.db.Update(ctx, func(tx *db.Tx) (err error) {
			if users, err = oldest(tx, tenant, tenantStep); err != nil {
				return err
			}
			if err := s.complete(tx, users...); err != nil {
				return err
			}
			for _, u := range users {
				if err := deletion.write(tx, u); err != nil {
					return err
				}
				if err := s.events.Announce(tx, tenant, info,
					&event.UserEvent{Header: event.About(event.UserDelete, u.ID), User: u.User},
					&event.UserEvent{Header: event.About(event.UserDeleteComplete, u.ID), User: u.User},
				); err != nil {
					return err
				}
			}
			return nil
		})
		if p, ok := problem.As(err); ok && p.Kind == problem.Conflict {
			continue // a user was changed under our hands, by a request that began before the tenant was marked
		}
		if err != nil || len(users) < tenantStep {
			return err
		}
	}
}
