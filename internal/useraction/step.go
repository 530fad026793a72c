package useraction

import (
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// entry is an action that was taken on a user, as stored.
type entry struct {
	wire.UserActionLog

	tenant  wire.ID // of the user
	open    bool    // lasts for a time, was not cancelled, and nobody has seen to its end yet
	version int64
}

// active tells whether it lasts now.
func (e *entry) active(now wire.Instant) bool { return e.open && e.Expiry > now }

// step is one thing that happens to an action on a user.
type step struct {
	phase      event.Phase
	definition definition
	user       *wire.User // the one it was taken on
	entry      entry      // as it is after the step
	actioner   wire.ID    // empty when it is the server
	comment    string
	// email and notify say what the user is to be told, where the definition allows it.
	email, notify bool
}

// begin is the first step of an action. expiry is zero for one that does not last for a time.
func begin(d definition, u *wire.User, actioner wire.ID, comment string, expiry, now wire.Instant) *step {
	st := &step{phase: event.PhaseStart, definition: d, user: u, actioner: actioner, comment: comment}
	st.entry = entry{tenant: u.TenantID, open: expiry != 0, version: 1, UserActionLog: wire.UserActionLog{
		ID: wire.ID(db.NewID()), UserActionID: d.ID, ActioneeUserID: u.ID, ActionerUserID: actioner, Comment: comment,
		Name: d.Name, LocalizedName: template.Localized(d.LocalizedNames, u.PreferredLanguages, d.Name), Expiry: expiry, InsertInstant: now,
	}}
	st.remember(now)
	return st
}

// again is a later step of an action that lasts for a time.
func again(phase event.Phase, d definition, u *wire.User, e entry, actioner wire.ID, comment string, expiry, now wire.Instant) *step {
	st := &step{phase: phase, definition: d, user: u, entry: e, actioner: actioner, comment: comment}
	st.entry.Expiry, st.entry.open = expiry, phase == event.PhaseModify
	st.remember(now)
	return st
}

// remember adds the step to the history of an action that lasts for a time. Of all the times that the server itself began it anew only the last one is kept:
// somebody who tries passwords could make it grow without end.
func (st *step) remember(now wire.Instant) {
	if st.entry.Expiry == 0 {
		return
	}
	var items []wire.UserActionHistoryItem
	if st.entry.History != nil {
		items = slices.Clone(st.entry.History.HistoryItems)
	}
	if last := len(items) - 1; st.actioner == "" && st.phase == event.PhaseModify && last > 0 && items[last].ActionerUserID == "" {
		items = items[:last]
	}
	items = append(items, wire.UserActionHistoryItem{ActionerUserID: st.actioner, Comment: st.comment, CreateInstant: now, Expiry: st.entry.Expiry})
	st.entry.History = &wire.UserActionHistory{HistoryItems: items}
}

// because gives the action a reason.
func (st *step) because(r *wire.UserActionReason) {
	st.entry.Reason, st.entry.ReasonCode = r.Text, r.Code
	st.entry.LocalizedReason = template.Localized(r.LocalizedTexts, st.user.PreferredLanguages, r.Text)
}

// choose gives the action one of the options of its definition, and tells whether there is such one.
func (st *step) choose(option string) bool {
	i := slices.IndexFunc(st.definition.Options, func(o wire.UserActionOption) bool { return o.Name == option })
	if i < 0 {
		return false
	}
	st.entry.Option = option
	st.entry.LocalizedOption = template.Localized(st.definition.Options[i].LocalizedNames, st.user.PreferredLanguages, option)
	return true
}

// event is what receivers are told.
func (st *step) event(now wire.Instant) *event.UserActionEvent {
	e := &event.UserActionEvent{
		Header: event.About(event.UserAction, st.entry.ActioneeUserID),
		Action: st.entry.Name, LocalizedAction: st.entry.LocalizedName, ActionID: st.entry.ID,
		ActioneeUserID: st.entry.ActioneeUserID, ActionerUserID: st.actioner, ApplicationIDs: st.entry.ApplicationIDs,
		Comment: st.comment, Expiry: st.entry.Expiry, Phase: st.phase, NotifyUser: st.notify && st.definition.UserNotificationsEnabled,
		Option: st.entry.Option, LocalizedOption: st.entry.LocalizedOption,
		Reason: st.entry.Reason, LocalizedReason: st.entry.LocalizedReason, ReasonCode: st.entry.ReasonCode,
	}
	if st.phase == event.PhaseStart || st.phase == event.PhaseModify {
		e.LocalizedDuration = localizedDuration(now, st.entry.Expiry, st.user.PreferredLanguages)
	}
	return e
}

// plan plans a step, and returns what writes it: in an operation, what its Commit does. Without broadcast there is no event.
func (s *Service) plan(tx *db.Tx, plan *publish.Plan, st *step, broadcast bool) (commit func(*db.Tx) error, err error) {
	told, mail, err := s.tell(tx, st)
	if err != nil {
		return nil, err
	}
	if broadcast {
		plan.PublishUnder(told, st.definition.TransactionType)
	}
	revoke, err := s.revoke(tx, plan, st)
	if err != nil {
		return nil, err
	}
	return func(tx *db.Tx) error {
		if err := st.write(tx); err != nil {
			return err
		}
		if revoke != nil {
			if err := revoke(tx); err != nil {
				return err
			}
		}
		tx.AfterCommit(func() {
			s.post(mail)
			if st.entry.open {
				s.expect(st.entry.Expiry)
			}
		})
		return nil
	}, nil
}

// revoke plans the end of the refresh tokens of a user whose login is prevented from now on. It returns nil when there is nothing to do.
func (s *Service) revoke(tx *db.Tx, plan *publish.Plan, st *step) (commit func(*db.Tx) error, err error) {
	if st.phase != event.PhaseStart || !st.definition.PreventLogin || s.Revoke == nil {
		return nil, nil
	}
	flows, err := s.flows(tx, st.user.TenantID)
	if err != nil || !flows.JWT.Revoke.OnLoginPrevented {
		return nil, err
	}
	return s.Revoke(tx, plan, st.user)
}

// tell makes what is told of a step: the event, and the e-mail to the user, nil without one.
func (s *Service) tell(tx *db.Tx, st *step) (*event.UserActionEvent, *message.Request, error) {
	told := st.event(wire.Instant(tx.NowMillis()))
	mail, err := s.mail(tx, st, told.LocalizedDuration)
	if err != nil || mail == nil {
		return told, nil, err
	}
	told.EmailedUser = true
	if st.definition.IncludeEmailInEventJSON {
		if told.Email, err = s.rendered(tx, mail); err != nil {
			return nil, nil, err
		}
	}
	return told, mail, nil
}

// write stores the step. It is problem.Stale when what it was planned upon has changed since.
func (st *step) write(tx *db.Tx) error {
	if st.phase != event.PhaseStart {
		return updateEntry(tx, &st.entry)
	}
	version, err := definitionVersion(tx, st.definition.ID)
	if err != nil {
		return err
	}
	if version != st.definition.version {
		return problem.Stale("user action")
	}
	err = insertEntry(tx, &st.entry)
	if db.IsForeignKey(err) { // the user is gone
		err = problem.Stale("user")
	}
	return err
}
