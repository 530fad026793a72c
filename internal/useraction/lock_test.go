package useraction_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// part is what takes part in somebody's operation.
type part func(tx *db.Tx, plan *publish.Plan, u *wire.User) (commit func(*db.Tx) error, err error)

// during carries out an operation on Ada, as a login is one, of which part is a part. did tells whether there was something to do.
func (h *herald) during(part part) (did bool, err error) {
	var commit func(*db.Tx) error
	err = h.App.Events().Do(context.WithoutCancel(h.t.Context()), publish.Operation{
		Tenant: h.Tenant,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			u := wire.User{ID: ada, TenantID: h.Tenant, Email: "ada@example.com", PreferredLanguages: wire.List[string]{"de"}}
			plan.Publish(&event.UserLoginFailedEvent{Header: event.About(event.UserLoginFailed, ada), User: u})
			commit, err = part(tx, plan, &u)
			return err
		},
		Commit: func(tx *db.Tx) error {
			if commit == nil {
				return nil
			}
			return commit(tx)
		},
	})
	return commit != nil, err
}

// does fails the test unless the part had something to do, and published what is wanted behind user.login.failed.
func (h *herald) does(what string, part part, want ...string) {
	h.t.Helper()
	did, err := h.during(part)
	if err != nil {
		h.t.Fatalf("%s: %v", what, err)
	}
	if did != (len(want) > 0) {
		h.t.Errorf("%s: there was something to do: %v", what, did)
	}
	h.published(what, append([]string{"user.login.failed Succeeded"}, want...)...)
}

// prevented are the actions that keep Ada from logging in.
func (h *herald) prevented(application wire.ID) (all []wire.PreventingAction) {
	h.t.Helper()
	err := h.App.Store().View(h.t.Context(), func(tx *db.Tx) (err error) {
		all, err = h.App.Actions().Preventing(tx, ada, application)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

func (h *herald) lockout(change object) {
	h.t.Helper()
	members := object{"userActionId": ban, "actionDuration": 10, "actionDurationUnit": "MINUTES", "actionCancelPolicy": object{"onPasswordReset": true}}
	for name, value := range change {
		members[name] = value
	}
	h.configure(object{"failedAuthenticationConfiguration": members})
	h.skip()
}

func TestLock(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		s := h.App.Actions()
		h.does("a lock that the tenant does not want", s.LockIn)
		h.lockout(nil)
		h.does("a lock to begin anew without one", s.RestartIn)
		h.does("a lock to end without one", s.CancelLockIn)
		mine := h.ban(wire.Forever) // which is no lockout
		h.skip()

		h.does("lock", s.LockIn, "user.action Succeeded")
		start := h.in(0)
		e := h.last()
		wantTold(t, "lock", told{
			Type: "user.action", TenantID: h.Tenant, LinkedObjectID: ada, ActionID: e.ActionID, ActioneeUserID: ada, Action: "Ban", LocalizedAction: "Sperre",
			Phase: "start", LocalizedDuration: "10 Minuten", Expiry: h.in(10 * time.Minute),
		}, e)
		want := wire.PreventingAction{ActionID: e.ActionID, Name: "Ban", LocalizedName: "Sperre", Expiry: h.in(10 * time.Minute)}
		if diff := cmp.Diff(want, h.prevented("")[0]); diff != "" {
			t.Errorf("prevented (-want +got):\n%s", diff)
		}

		for what, begin := range map[string]part{"a restart": s.RestartIn, "a lock of one who is locked out": s.LockIn} {
			h.later(9 * time.Minute)
			h.does(what, begin, "user.action Succeeded")
			if again := h.last(); again.Phase != "modify" || again.ActionID != e.ActionID || again.Expiry != h.in(10*time.Minute) || again.ActionerUserID != "" {
				t.Errorf("%s: %+v", what, again)
			}
		}
		// However often it begins anew, the history does not grow.
		got := taken(h.Call("GET", "/api/user/action/"+string(e.ActionID), nil).Want(200))
		history := wire.List[wire.UserActionHistoryItem]{{CreateInstant: start, Expiry: start + 600_000}, {CreateInstant: h.in(0), Expiry: h.in(10 * time.Minute)}}
		if diff := cmp.Diff(history, got.History.HistoryItems); diff != "" || got.ActionerUserID != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}

		h.lockout(object{"actionCancelPolicy": object{"onPasswordReset": false}})
		h.does("a reset that ends nothing", s.CancelLockIn)
		h.lockout(nil)
		h.does("a reset", s.CancelLockIn, "user.action Succeeded")
		if c := h.last(); c.Phase != "cancel" || c.ActionID != e.ActionID || c.Expiry != h.in(0) {
			t.Errorf("the end of the lock: %+v", c)
		}
		if got := h.prevented(""); len(got) != 1 || got[0].ActionID != mine.ID || got[0].ActionerUserID != bob {
			t.Errorf("after the reset, prevented by %+v", got)
		}
		h.end()
		h.published("after the cancellation")

		// A lock ends by itself, too.
		h.does("another lock", s.LockIn, "user.action Succeeded")
		h.later(10 * time.Minute)
		h.end()
		h.published("the end", "user.action Succeeded")
		if c := h.last(); c.Phase != "end" {
			t.Errorf("the end: %+v", c)
		}
		h.does("a lock to begin anew that has ended", s.RestartIn)
	})
}

func TestLock_ARefusalChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		s := h.App.Actions()
		h.lockout(nil)
		h.does("lock", s.LockIn, "user.action Succeeded")
		voter := egresstest.NewReceiver(t)
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe(voter.URL, []string{"user.action"})
		voter.Script(egresstest.Status(500))
		before := h.Rows()
		h.later(time.Minute)
		h.skip()
		for _, part := range []part{s.RestartIn, s.LockIn, s.CancelLockIn} {
			if _, err := h.during(part); !errors.Is(err, publish.ErrRefused) {
				t.Errorf("error %v", err)
			}
			h.published("a refusal", "user.login.failed Failed", "user.action Failed")
		}
		h.Unchanged(before, "event", "attempt", "audience", "webhook_flow")
	})
}

// TestLock_OneOfMany: of many failed logins at the same time one locks the user out.
func TestLock_OneOfMany(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.lockout(nil)
		voter, asked := egresstest.NewReceiver(t), make(chan struct{})
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe(voter.URL, []string{"user.action"})
		voter.Script(egresstest.Hold(asked, egresstest.Accept()))
		h.skip()
		var first sync.WaitGroup
		first.Go(func() {
			if _, err := h.during(h.App.Actions().LockIn); err != nil {
				t.Errorf("the first: %v", err)
			}
		})
		voter.WaitFor(1)
		for range 3 {
			_, err := h.during(h.App.Actions().LockIn)
			if p, ok := problem.As(err); !ok || p.Kind != problem.Conflict {
				t.Errorf("another one meanwhile: %v", err)
			}
		}
		if n := len(voter.Requests()); n != 1 {
			t.Errorf("webhooks were asked about %d locks", n)
		}
		close(asked)
		first.Wait()
		if got := h.prevented(""); len(got) != 1 {
			t.Errorf("locked out by %+v", got)
		}
	})
}

func TestLock_TellsTheUserOnce(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		office := h.mails(object{"includeEmailInEventJSON": true})
		h.lockout(object{"emailUser": true})
		h.does("lock", h.App.Actions().LockIn, "user.action Succeeded")
		h.mailed(office, 1, "Subject: start auf Deutsch: Sperre", "10 Minuten")
		if e := h.last(); !e.EmailedUser || e.Email == nil || e.Email.Subject != "start auf Deutsch: Sperre" {
			t.Errorf("event %+v", e)
		}
		h.does("restart", h.App.Actions().RestartIn, "user.action Succeeded")
		h.later(10 * time.Minute)
		h.end()
		h.mailed(office, 2, "Subject: end auf Deutsch: Sperre")
		h.skip()
		h.does("lock", h.App.Actions().LockIn, "user.action Succeeded")
		h.mailed(office, 3, "Subject: start")
		h.does("reset", h.App.Actions().CancelLockIn, "user.action Succeeded")
		h.mailed(office, 4, "Subject: cancel")
	})
}

// TestPreventing_Applications: an action that is limited to applications prevents logins there, and those without an application.
func TestPreventing_Applications(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		var apps wire.ApplicationsResponse
		h.Call("GET", "/api/application", nil).Want(200).Decode(&apps)
		app := apps.Applications[0].ID
		a := taken(h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour), "applicationIds": []any{app}}).Want(200))
		for application, want := range map[wire.ID]int{app: 1, "": 1, no: 0} {
			if got := h.prevented(application); len(got) != want || want > 0 && got[0].ActionID != a.ID {
				t.Errorf("to %q, prevented by %+v", application, got)
			}
		}
		h.later(time.Hour)
		if got := h.prevented(app); len(got) > 0 {
			t.Errorf("after the end, prevented by %+v", got)
		}
		// The definition says whether it prevents.
		h.ban(h.in(time.Hour))
		h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"preventLogin": false}}).Want(200)
		if got := h.prevented(""); len(got) > 0 {
			t.Errorf("by what does not prevent, prevented by %+v", got)
		}
	})
}

// TestRevoke: what prevents a login ends the refresh tokens, behind its own event, in the same operation.
func TestRevoke(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		var revoked []wire.ID
		h.App.Actions().Revoke = func(_ *db.Tx, plan *publish.Plan, u *wire.User) (func(*db.Tx) error, error) {
			plan.Publish(&event.JWTRefreshTokenRevokeEvent{Header: event.About(event.JWTRefreshTokenRevoke, u.ID), UserID: u.ID})
			return func(tx *db.Tx) error {
				tx.AfterCommit(func() { revoked = append(revoked, u.ID) })
				return nil
			}, nil
		}
		both := []string{"user.action Succeeded", "jwt.refresh-token.revoke Succeeded"}
		a := h.ban(h.in(time.Hour))
		h.published("ban", both...)
		h.act("PUT", "/"+string(a.ID), object{"expiry": h.in(2 * time.Hour)}).Want(200)
		h.act("POST", "", object{"userActionId": warn, "actioneeUserId": ada}).Want(200)
		h.published("what prevents nothing anew", "user.action Succeeded", "user.action Succeeded")
		h.Call("POST", "/api/user/action", object{"action": object{"userActionId": ban, "actioneeUserId": ada, "actionerUserId": bob, "expiry": h.in(time.Hour)}}).Want(200)
		h.published("a ban that is not broadcast", "jwt.refresh-token.revoke Succeeded")
		h.lockout(nil)
		h.does("lock", h.App.Actions().LockIn, both...)
		h.does("restart", h.App.Actions().RestartIn, "user.action Succeeded")
		if !slices.Equal(revoked, []wire.ID{ada, ada, ada}) {
			t.Errorf("revoked %v", revoked)
		}

		policy := func(on bool) object {
			return object{"jwtConfiguration": object{"refreshTokenRevocationPolicy": object{"onLoginPrevented": on}}}
		}
		h.configure(policy(false))
		h.skip()
		h.ban(h.in(time.Hour))
		h.published("a ban that the tenant revokes nothing for", "user.action Succeeded")
		h.configure(policy(true))

		h.App.Actions().Revoke = func(*db.Tx, *publish.Plan, *wire.User) (func(*db.Tx) error, error) {
			return func(*db.Tx) error { return problem.Stale("token") }, nil
		}
		before := h.Rows()
		h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour)}).Want(409)
		h.Unchanged(before)
		h.App.Actions().Revoke = func(*db.Tx, *publish.Plan, *wire.User) (func(*db.Tx) error, error) {
			return nil, nil //nolint:nilnil // nothing to revoke
		}
		h.skip()
		h.ban(h.in(time.Hour))
		h.published("a ban of one without tokens", "user.action Succeeded")
	})
}
