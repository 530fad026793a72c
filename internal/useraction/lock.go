package useraction

import (
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// This file has what logging in needs. A lockout is an action that the server takes by itself, as the tenant's failedAuthenticationConfiguration says: it has
// no actioner, and is always broadcast.
//
// What plans something takes part in the Prepare of somebody's operation, in the tenant of the user; what it returns is to be called in its Commit, and is nil
// when there is nothing to do.

// Preventing returns the actions that keep a user from logging in to an application, or without one if that is empty. None means that the user may. An action
// that is limited to other applications does not count; without an application all count.
func (s *Service) Preventing(tx *db.Tx, user, application wire.ID) ([]wire.PreventingAction, error) {
	entries, err := listEntries(tx, user, Preventing)
	if err != nil {
		return nil, err
	}
	var all []wire.PreventingAction
	for _, e := range entries {
		if application != "" && len(e.ApplicationIDs) > 0 && !slices.Contains(e.ApplicationIDs, application) {
			continue
		}
		all = append(all, wire.PreventingAction{
			ActionID: e.ID, ActionerUserID: e.ActionerUserID, Expiry: e.Expiry, Name: e.Name, LocalizedName: e.LocalizedName,
			Option: e.Option, LocalizedOption: e.LocalizedOption, Reason: e.Reason, LocalizedReason: e.LocalizedReason, ReasonCode: e.ReasonCode,
		})
	}
	return all, nil
}

// LockIn plans the lockout of a user who has failed to log in too often. One who is locked out already is so from now on for the whole duration again. It
// returns nil when the tenant locks nobody out.
//
// Of two operations that lock the same user out at once the second is problem.Stale. Events: user.action of the phase start, and what [Service.Revoke] adds; or
// those of [Service.RestartIn].
func (s *Service) LockIn(tx *db.Tx, plan *publish.Plan, u *wire.User) (commit func(*db.Tx) error, err error) {
	flows, err := s.flows(tx, u.TenantID)
	if err != nil || flows.Lockout.UserActionID == "" {
		return nil, err
	}
	if err := plan.Reserve(tx, "user-action/lock/"+string(u.ID), problem.Stale("user")); err != nil {
		return nil, err
	}
	if commit, err := s.RestartIn(tx, plan, u); commit != nil || err != nil {
		return commit, err
	}
	d, err := loadDefinition(tx, flows.Lockout.UserActionID)
	if err != nil {
		return nil, err
	}
	st := begin(d, u, "", "", wire.Instant(flows.Lockout.Until(tx.Now()).UnixMilli()), wire.Instant(tx.NowMillis()))
	st.email, st.entry.EmailUserOnEnd = flows.Lockout.EmailUser, flows.Lockout.EmailUser
	return s.plan(tx, plan, st, true)
}

// RestartIn plans that a user who is locked out is so from now on for the whole duration again, because of another failed login. It returns nil when the user
// is not locked out.
//
// The user is not told again. Events: user.action of the phase modify.
func (s *Service) RestartIn(tx *db.Tx, plan *publish.Plan, u *wire.User) (commit func(*db.Tx) error, err error) {
	flows, err := s.flows(tx, u.TenantID)
	if err != nil || flows.Lockout.UserActionID == "" {
		return nil, err
	}
	locks, err := locksOf(tx, u.ID)
	if err != nil || len(locks) == 0 {
		return nil, err
	}
	until := wire.Instant(flows.Lockout.Until(tx.Now()).UnixMilli())
	st, err := s.later(tx, event.PhaseModify, locks[0], "", "", until)
	if err != nil {
		return nil, err
	}
	return s.plan(tx, plan, st, true)
}

// CancelLockIn plans the end of the lockout of a user who has a new password, if the tenant wants that (actionCancelPolicy.onPasswordReset). It returns nil when
// there is nothing to end. Actions that somebody took on the user stay.
//
// Events: user.action of the phase cancel.
func (s *Service) CancelLockIn(tx *db.Tx, plan *publish.Plan, u *wire.User) (commit func(*db.Tx) error, err error) {
	flows, err := s.flows(tx, u.TenantID)
	if err != nil || !flows.Lockout.EndOnPasswordReset {
		return nil, err
	}
	locks, err := locksOf(tx, u.ID)
	if err != nil || len(locks) == 0 {
		return nil, err
	}
	var commits []func(*db.Tx) error
	for _, e := range locks {
		st, err := s.later(tx, event.PhaseCancel, e, "", "", wire.Instant(tx.NowMillis()))
		if err != nil {
			return nil, err
		}
		st.email = e.EmailUserOnEnd
		commit, err := s.plan(tx, plan, st, true)
		if err != nil {
			return nil, err
		}
		commits = append(commits, commit)
	}
	return func(tx *db.Tx) error {
		for _, commit := range commits {
			if err := commit(tx); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// locksOf are the lockouts of a user. There is one at most, unless the tenant has changed the action meanwhile.
func locksOf(tx *db.Tx, user wire.ID) ([]entry, error) {
	entries, err := listEntries(tx, user, Preventing)
	return slices.DeleteFunc(entries, func(e entry) bool { return e.ActionerUserID != "" }), err
}
