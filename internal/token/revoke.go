package token

import (
	"context"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// Commit writes what was planned.
type Commit = func(tx *db.Tx) error

// RevokeOfUserIn plans the end of all tokens of a user, or of those for one application if one is given, and returns what carries it out: nil when the
// user has none, and then there is no event either.
//
// Event: jwt.refresh-token.revoke. A receiver learns from it how long the access tokens that are out there may still look valid, per application.
func (s *Service) RevokeOfUserIn(tx *db.Tx, plan *publish.Plan, u *wire.User, application wire.ID) (Commit, error) {
	found, err := ofUser(tx, u.ID, application)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var concerned []wire.ID
	for _, r := range found {
		concerned = append(concerned, r.ApplicationID)
	}
	e := &event.JWTRefreshTokenRevokeEvent{Header: event.About(event.JWTRefreshTokenRevoke, u.ID), ApplicationID: application, User: u, UserID: u.ID}
	if e.ApplicationTimeToLiveInSeconds, err = s.lifetimes(tx, concerned); err != nil {
		return nil, err
	}
	plan.Publish(e)
	return func(tx *db.Tx) error { return deleteOfUser(tx, u.ID, application) }, nil
}

// RevokeIn plans the end of one token. u is whose it is. Event: jwt.refresh-token.revoke.
func (s *Service) RevokeIn(tx *db.Tx, plan *publish.Plan, u *wire.User, r *Refresh) (Commit, error) {
	shown := r.RefreshToken
	e := &event.JWTRefreshTokenRevokeEvent{
		Header: event.About(event.JWTRefreshTokenRevoke, u.ID), ApplicationID: r.ApplicationID, RefreshToken: &shown, User: u, UserID: u.ID,
	}
	var err error
	if e.ApplicationTimeToLiveInSeconds, err = s.lifetimes(tx, []wire.ID{r.ApplicationID}); err != nil {
		return nil, err
	}
	plan.Publish(e)
	return func(tx *db.Tx) error { return deleteToken(tx, r.ID) }, nil
}

// lifetimes are those of the access tokens of applications, in seconds. A token for none counts for nothing.
func (s *Service) lifetimes(tx *db.Tx, applications []wire.ID) (wire.Map[int], error) {
	all, err := s.Applications.RegistryIn(tx)
	if err != nil {
		return nil, err
	}
	lifetimes := wire.Map[int]{}
	for _, id := range applications {
		if a := all.Find(id); a != nil {
			lifetimes[string(id)] = int(a.JWT.AccessToken / time.Second)
		}
	}
	return lifetimes, nil
}

// RevokeOfUser ends all tokens of a user, or those for one application if one is given. Nothing happens when there are none.
//
// Errors: publish.ErrRefused. Event: jwt.refresh-token.revoke.
func (s *Service) RevokeOfUser(ctx context.Context, u *wire.User, application wire.ID, info *wire.EventInfo) error {
	return s.revoke(ctx, u.TenantID, info, func(tx *db.Tx, plan *publish.Plan) (Commit, error) {
		return s.RevokeOfUserIn(tx, plan, u, application)
	})
}

// Revoke ends one token. It is problem.ErrNotFound when it has ended already. Errors: publish.ErrRefused. Event: jwt.refresh-token.revoke.
func (s *Service) Revoke(ctx context.Context, u *wire.User, id wire.ID, info *wire.EventInfo) error {
	return s.revoke(ctx, u.TenantID, info, func(tx *db.Tx, plan *publish.Plan) (Commit, error) {
		r, err := load(tx, id)
		if err != nil {
			return nil, db.Found(err)
		}
		if err := plan.Reserve(tx, "refresh-token/"+string(id), problem.ErrNotFound); err != nil { // another request is about to end it
			return nil, err
		}
		return s.RevokeIn(tx, plan, u, r)
	})
}

// RevokeOfApplication ends all tokens for an application. Nothing happens when there are none. Errors: publish.ErrRefused. Event:
// jwt.refresh-token.revoke.
func (s *Service) RevokeOfApplication(ctx context.Context, tenant, application wire.ID, info *wire.EventInfo) error {
	return s.revoke(ctx, tenant, info, func(tx *db.Tx, plan *publish.Plan) (Commit, error) {
		any, err := anyOfApplication(tx, application)
		if err != nil || !any {
			return nil, err
		}
		e := &event.JWTRefreshTokenRevokeEvent{Header: event.Header{Type: event.JWTRefreshTokenRevoke}, ApplicationID: application}
		if e.ApplicationTimeToLiveInSeconds, err = s.lifetimes(tx, []wire.ID{application}); err != nil {
			return nil, err
		}
		plan.Publish(e)
		return func(tx *db.Tx) error { return deleteOfApplication(tx, application) }, nil
	})
}

func (s *Service) revoke(ctx context.Context, tenant wire.ID, info *wire.EventInfo, planned func(*db.Tx, *publish.Plan) (Commit, error)) error {
	var commit Commit
	return s.Events.Do(ctx, publish.Operation{
		Tenant:  tenant,
		Info:    info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) { commit, err = planned(tx, plan); return err },
		Commit: func(tx *db.Tx) error {
			if commit == nil {
				return nil
			}
			return commit(tx)
		},
	})
}
