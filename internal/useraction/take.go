package useraction

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// Reach confines a caller to tenants. The zero value confines to nothing.
type Reach struct {
	// Users is the tenant of the users on whom actions are taken, Actioners that of those who take them.
	Users, Actioners wire.ID
}

// Take takes an action on a user and returns it. info is the origin of the request.
//
// Errors: problem.Invalid with everything that is wrong with the request; problem.Stale; publish.ErrRefused. Events: user.action of the phase start, if req
// says broadcast; what [Service.Revoke] adds for an action that prevents a login.
func (s *Service) Take(ctx context.Context, reach Reach, req wire.ActionRequest, info *wire.EventInfo) (wire.UserActionLog, error) {
	tenant, err := s.tenantOf(ctx, req.Action.ActioneeUserID)
	if err != nil {
		return wire.UserActionLog{}, err
	}
	return s.do(ctx, tenant, req.Broadcast, info, func(tx *db.Tx) (*step, error) { return s.taking(tx, reach, req.Action) })
}

// Modify gives an action that lasts for a time another end, and perhaps another reason, and returns it.
//
// Errors: problem.ErrNotFound; else as of [Service.Take]. Events: user.action of the phase modify, if req says broadcast.
func (s *Service) Modify(ctx context.Context, reach Reach, id wire.ID, req wire.ActionRequest, info *wire.EventInfo) (wire.UserActionLog, error) {
	return s.change(ctx, event.PhaseModify, reach, id, req, info)
}

// Cancel ends an action that lasts for a time before its time, and returns it. Errors as of [Service.Modify]. Events: user.action of the phase cancel, if
// req says broadcast.
func (s *Service) Cancel(ctx context.Context, reach Reach, id wire.ID, req wire.ActionRequest, info *wire.EventInfo) (wire.UserActionLog, error) {
	return s.change(ctx, event.PhaseCancel, reach, id, req, info)
}

func (s *Service) change(ctx context.Context, phase event.Phase, reach Reach, id wire.ID, req wire.ActionRequest, info *wire.EventInfo) (wire.UserActionLog, error) {
	var e entry
	err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		e, err = entryWithin(tx, reach.Users, id)
		return err
	})
	if err != nil {
		return wire.UserActionLog{}, err
	}
	return s.do(ctx, e.tenant, req.Broadcast, info, func(tx *db.Tx) (*step, error) { return s.changing(tx, phase, reach, id, req.Action) })
}

// do carries a step through: make checks everything and says what it is.
func (s *Service) do(ctx context.Context, tenant wire.ID, broadcast bool, info *wire.EventInfo, make func(*db.Tx) (*step, error)) (wire.UserActionLog, error) {
	var st *step
	var commit func(*db.Tx) error
	err := s.o.Events.Do(ctx, publish.Operation{
		Tenant: tenant,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if st, err = make(tx); err != nil {
				return err
			}
			commit, err = s.plan(tx, plan, st, broadcast)
			return err
		},
		Commit: func(tx *db.Tx) error { return commit(tx) },
	})
	if err != nil {
		return wire.UserActionLog{}, err
	}
	return st.entry.UserActionLog, nil
}

// taking is the step that a request to take an action asks for.
func (s *Service) taking(tx *db.Tx, reach Reach, a wire.ActionData) (*step, error) {
	now := wire.Instant(tx.NowMillis())
	var v problem.Validation
	d, err := loadDefinition(tx, a.UserActionID)
	known := err == nil && d.Active
	switch {
	case a.UserActionID == "":
		v.Field("action.userActionId", "missing", "Say which action is taken.")
	case err == nil && !known, errors.Is(err, problem.ErrNotFound):
		v.Field("action.userActionId", "invalid", "There is no active user action with the id %s.", a.UserActionID)
	case err != nil:
		return nil, err
	}
	u, err := s.user(tx, &v, "action.actioneeUserId", a.ActioneeUserID, reach.Users)
	if err != nil {
		return nil, err
	}
	if _, err := s.user(tx, &v, "action.actionerUserId", a.ActionerUserID, reach.Actioners); err != nil {
		return nil, err
	}
	reason, err := reasonOf(tx, &v, a.ReasonID)
	if err != nil {
		return nil, err
	}
	comment := commentOf(&v, a.Comment)
	if u != nil {
		if err := s.checkApplications(tx, &v, u.TenantID, a.ApplicationIDs); err != nil {
			return nil, err
		}
	}
	if known && d.Temporal {
		checkExpiry(&v, a.Expiry, now)
	}
	v.Check(!known || d.Temporal || a.Expiry == 0, "action.expiry", "invalid", "This action does not last for a time, so it has no end.")
	if !known || u == nil {
		return nil, v.Err()
	}
	st := begin(d, u, a.ActionerUserID, comment, a.Expiry, now)
	v.Check(a.Option == "" || st.choose(a.Option), "action.option", "invalid", "%.64q is none of the options of this action.", a.Option)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if reason != nil {
		st.because(reason)
	}
	st.entry.ApplicationIDs = slices.Compact(slices.Sorted(slices.Values(a.ApplicationIDs)))
	st.email, st.notify = a.EmailUser, a.NotifyUser
	st.entry.EmailUserOnEnd, st.entry.NotifyUserOnEnd = d.Temporal && a.EmailUser, d.Temporal && a.NotifyUser
	return st, nil
}

// changing is the step that a request to change or cancel an action asks for.
func (s *Service) changing(tx *db.Tx, phase event.Phase, reach Reach, id wire.ID, a wire.ActionData) (*step, error) {
	e, err := entryWithin(tx, reach.Users, id)
	if err != nil {
		return nil, err
	}
	now := wire.Instant(tx.NowMillis())
	var v problem.Validation
	v.Check(e.Expiry != 0, "actionId", "invalid", "This action does not last for a time, so it can be neither changed nor cancelled.")
	v.Check(e.Expiry == 0 || e.active(now), "actionId", "ended", "This action has ended, or was cancelled.")
	if _, err := s.user(tx, &v, "action.actionerUserId", a.ActionerUserID, reach.Actioners); err != nil {
		return nil, err
	}
	comment, expiry := commentOf(&v, a.Comment), now
	var reason *wire.UserActionReason
	if phase == event.PhaseModify {
		expiry = a.Expiry
		checkExpiry(&v, expiry, now)
		if reason, err = reasonOf(tx, &v, a.ReasonID); err != nil {
			return nil, err
		}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	st, err := s.later(tx, phase, e, a.ActionerUserID, comment, expiry)
	if err != nil {
		return nil, err
	}
	if reason != nil {
		st.because(reason)
	}
	st.email, st.notify = a.EmailUser, a.NotifyUser
	if phase == event.PhaseModify {
		st.entry.EmailUserOnEnd, st.entry.NotifyUserOnEnd = a.EmailUser, a.NotifyUser
	}
	return st, nil
}

// later is a later step of an action.
func (s *Service) later(tx *db.Tx, phase event.Phase, e entry, actioner wire.ID, comment string, expiry wire.Instant) (*step, error) {
	d, err := loadDefinition(tx, e.UserActionID)
	if err != nil {
		return nil, err
	}
	u, err := s.o.Users.LoadIn(tx, e.ActioneeUserID)
	if err != nil {
		return nil, err
	}
	return again(phase, d, &u.User, e, actioner, comment, expiry, wire.Instant(tx.NowMillis())), nil
}

// user returns a user whom the request names, nil with an entry in v if there is none within the tenant.
func (s *Service) user(tx *db.Tx, v *problem.Validation, path string, id, tenant wire.ID) (*wire.User, error) {
	if id == "" {
		v.Field(path, "missing", "Name the user.")
		return nil, nil //nolint:nilnil // v has it
	}
	u, err := s.o.Users.LoadIn(tx, id)
	if errors.Is(err, problem.ErrNotFound) || err == nil && tenant != "" && u.TenantID != tenant {
		v.Field(path, "invalid", "There is no user with the id %s.", id)
		return nil, nil //nolint:nilnil // v has it
	}
	if err != nil {
		return nil, err
	}
	return &u.User, nil
}

// checkApplications adds those that do not exist in the tenant.
func (s *Service) checkApplications(tx *db.Tx, v *problem.Validation, tenant wire.ID, ids []wire.ID) error {
	const path = "action.applicationIds"
	if len(ids) == 0 {
		return nil
	}
	if len(ids) > mostApps {
		v.Field(path, "tooMany", "An action is limited to at most %d applications.", mostApps)
		return nil
	}
	all, err := s.o.Applications.RegistryIn(tx)
	if err != nil {
		return err
	}
	for i, id := range ids {
		v.Check(all.In(tenant, id) != nil, fmt.Sprintf("%s[%d]", path, i), "invalid", "There is no application with the id %s in the tenant of the user.", id)
	}
	return nil
}

// reasonOf returns a reason, nil without an id, and with an entry in v if there is none.
func reasonOf(tx *db.Tx, v *problem.Validation, id wire.ID) (*wire.UserActionReason, error) {
	if id == "" {
		return nil, nil //nolint:nilnil // no reason is no error
	}
	r, _, err := loadReason(tx, id)
	if errors.Is(err, problem.ErrNotFound) {
		v.Field("action.reasonId", "invalid", "There is no reason with the id %s.", id)
		return nil, nil //nolint:nilnil // v has it
	}
	return &r, err
}

func commentOf(v *problem.Validation, text string) string {
	text = strings.TrimSpace(text)
	v.Check(utf8.RuneCountInString(text) <= longestComment, "action.comment", "tooLong", "A comment has at most %d characters.", longestComment)
	return text
}

func checkExpiry(v *problem.Validation, expiry, now wire.Instant) {
	const path = "action.expiry"
	switch {
	case expiry == 0:
		v.Field(path, "missing", "This action lasts for a time: say when it ends, or %d for never.", wire.Forever)
	case expiry <= now:
		v.Field(path, "invalid", "The end has to be in the future.")
	case expiry > wire.LastInstant && expiry != wire.Forever:
		v.Field(path, "invalid", "An instant is in milliseconds, and before the year 10000. %d means that there is no end.", wire.Forever)
	}
}

// tenantOf is the tenant of a user, "" when there is no such user.
func (s *Service) tenantOf(ctx context.Context, id wire.ID) (wire.ID, error) {
	u, err := s.o.Users.Load(ctx, id)
	if errors.Is(err, problem.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return u.TenantID, nil
}

// Load returns an action that was taken on a user of the tenant, or of any if that is empty, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, tenant, id wire.ID) (wire.UserActionLog, error) {
	var e entry
	err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		e, err = entryWithin(tx, tenant, id)
		return err
	})
	return e.UserActionLog, err
}

// Which says which actions of a user are listed.
type Which string

// The kinds of lists.
const (
	All        Which = "all"
	Active     Which = "active"     // last for a time, and now
	Inactive   Which = "inactive"   // all others
	Preventing Which = "preventing" // active, and prevent a login
)

// List returns actions that were taken on a user of the tenant, or of any if that is empty, the newest first. It is problem.ErrNotFound when there is no such
// user.
func (s *Service) List(ctx context.Context, tenant, user wire.ID, which Which) (all []wire.UserActionLog, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		u, err := s.o.Users.LoadIn(tx, user)
		if err != nil {
			return err
		}
		if tenant != "" && u.TenantID != tenant {
			return problem.ErrNotFound
		}
		entries, err := listEntries(tx, user, which)
		all = make([]wire.UserActionLog, len(entries))
		for i, e := range entries {
			all[i] = e.UserActionLog
		}
		return err
	})
	return all, err
}

// entryWithin loads an action on a user of the tenant, or of any if that is empty.
func entryWithin(tx *db.Tx, tenant, id wire.ID) (entry, error) {
	e, err := loadEntry(tx, id)
	if err == nil && tenant != "" && e.tenant != tenant {
		return entry{}, problem.ErrNotFound
	}
	return e, err
}
