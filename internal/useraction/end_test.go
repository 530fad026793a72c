package useraction_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func TestEnd(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		voter := egresstest.NewReceiver(t)
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe(voter.URL, []string{"user.action"}, func(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{}} })
		h.define(no, object{"name": "Silent", "temporal": true, "sendEndEvent": false, "userNotificationsEnabled": true})
		h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"userNotificationsEnabled": true}}).Want(200)

		first := h.ban(h.in(time.Hour))
		silent := taken(h.act("POST", "", object{"userActionId": no, "actioneeUserId": ada, "expiry": h.in(time.Hour)}).Want(200))
		forever := h.ban(wire.Forever)
		cancelled := h.ban(h.in(time.Hour))
		h.act("DELETE", "/"+string(cancelled.ID), object{}).Want(200)
		// Whether the beginning was announced makes no difference for the end.
		quiet := taken(h.Call("POST", "/api/user/action", object{"action": object{
			"userActionId": ban, "actioneeUserId": bob, "actionerUserId": bob, "expiry": h.in(2 * time.Hour), "comment": "Why not.", "notifyUser": true,
		}}).Want(200))
		h.skip()

		h.later(time.Hour - time.Millisecond)
		h.end()
		h.published("before the end")
		if got := listed(h.Call("GET", "/api/user/action?preventingLogin=true&userId="+ada, nil).Want(200)); !slices.Contains(got, first.ID) {
			t.Errorf("before the end, what prevents is %v", got)
		}

		voter.Script(egresstest.Status(500)) // the end is told, not asked about
		h.later(time.Millisecond)
		if got := listed(h.Call("GET", "/api/user/action?preventingLogin=true&userId="+ada, nil).Want(200)); !slices.Equal(got, []wire.ID{forever.ID}) {
			t.Errorf("at the end, what prevents is %v", got)
		}
		h.end()
		h.published("the first end", "user.action Succeeded")
		wantTold(t, "the first end", told{
			Type: "user.action", TenantID: h.Tenant, LinkedObjectID: ada, ActionID: first.ID, ActioneeUserID: ada, Action: "Ban", LocalizedAction: "Sperre",
			Phase: "end", Expiry: first.Expiry,
		}, h.last())
		for id, want := range map[wire.ID]bool{first.ID: true, silent.ID: false, forever.ID: false, cancelled.ID: false, quiet.ID: false} {
			if got := taken(h.Call("GET", "/api/user/action/"+string(id), nil).Want(200)); got.EndEventSent != want {
				t.Errorf("action %+v: endEventSent is not %v", got, want)
			}
		}
		for _, method := range []string{"PUT", "DELETE"} {
			wantCodes(t, h.act(method, "/"+string(first.ID), object{"expiry": wire.Forever}), "[ended]actionId")
		}

		// What ended while the server was down is seen to when it is up again, and once.
		h.Stop()
		h.later(5 * time.Hour)
		h.Restart()
		h.Eventually(patience, "the end is announced", func() bool { return len(h.events()) > h.seen })
		h.end()
		h.published("the second end", "user.action Succeeded")
		e := h.last()
		wantTold(t, "the second end", told{
			Type: "user.action", TenantID: h.Tenant, LinkedObjectID: bob, ActionID: quiet.ID, ActioneeUserID: bob, Action: "Ban", LocalizedAction: "Sperre",
			Phase: "end", Expiry: quiet.Expiry, Comment: "Why not.", NotifyUser: true,
		}, e)
		h.Restart()
		h.end()
		h.published("another start")
	})
}

// TestEnd_ByItself: nobody has to ask for the ends, of whichever process the action was taken by.
func TestEnd_ByItself(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		h := &herald{Server: s, t: t, now: &atomic.Int64{}}
		h.setUp()
		h.ban(wire.Instant(time.Now().Add(time.Hour).UnixMilli()))
		a := h.ban(wire.Instant(time.Now().Add(2 * time.Second).UnixMilli()))
		h.Eventually(patience, "the end is announced", func() bool {
			return taken(h.Call("GET", "/api/user/action/"+string(a.ID), nil)).EndEventSent
		})
		h.published("two actions and an end", "user.action Succeeded", "user.action Succeeded", "user.action Succeeded")
		if e := h.last(); e.Phase != "end" || e.ActionID != a.ID {
			t.Errorf("the last event is %+v", e)
		}
	})
}

// TestEnd_OnceByManyProcesses: more ends than fit into one transaction, and processes that see to them at the same time.
func TestEnd_OnceByManyProcesses(t *testing.T) {
	t.Parallel()
	now := &atomic.Int64{}
	now.Store(time.Now().UnixMilli())
	all := apptest.StartCluster(t, 3, clockOf(now))
	h := &herald{Server: all[0], t: t, now: now}
	h.setUp()
	const many = 250
	for i := range many {
		h.ban(h.in(time.Hour + time.Duration(i)*time.Millisecond))
	}
	h.later(2 * time.Hour)
	var wait sync.WaitGroup
	for _, s := range all {
		for range 2 {
			wait.Go(func() {
				if _, err := s.App.Actions().EndDue(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wait.Wait()
	h.end()
	if got := h.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM event WHERE body LIKE '%"phase":"end"%'`)[0]; got != fmt.Sprint(many) {
		t.Errorf("%s ends were announced, want %d", got, many)
	}
	if got := h.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM user_action_log WHERE end_event_sent AND NOT open`)[0]; got != fmt.Sprint(many) {
		t.Errorf("%s ends are marked, want %d", got, many)
	}
}
