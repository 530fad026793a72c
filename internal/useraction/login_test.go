package useraction_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// TestLogin is the whole of a lockout as it comes about: over HTTP, by wrong passwords, with the sessions that it ends.
func TestLogin(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const right, wrong = "correct horse", "wrong horse"
		var apps wire.ApplicationsResponse
		h.Call("GET", "/api/application", nil).Want(200).Decode(&apps)
		app := apps.Applications[0].ID
		h.Call("PATCH", "/api/user/"+ada, object{"user": object{"password": right}}).Want(200)
		h.lockout(object{"tooManyAttempts": 2})
		login := func(password string) apptest.Answer {
			return h.Call("POST", "/api/login", object{"loginId": "ada@example.com", "password": password, "applicationId": app})
		}
		session := func(value string) {
			t.Helper()
			h.Call("POST", "/api/user/refresh-token/import", object{"refreshTokens": []any{object{"userId": ada, "applicationId": app, "token": value}}}).Want(200)
		}
		session("one")
		h.skip()

		login(wrong).Want(404)
		h.published("a failure", "user.login.failed Succeeded")
		login(wrong).Want(404)
		h.published("one too many", "user.login.failed Succeeded", "user.action Succeeded", "jwt.refresh-token.revoke Succeeded")
		h.Call("POST", "/api/jwt/refresh", object{"refreshToken": "one"}).Want(400)
		e := h.last()
		var prevented struct{ Actions []wire.PreventingAction }
		login(right).Want(409).Decode(&prevented)
		want := []wire.PreventingAction{{ActionID: e.ActionID, Name: "Ban", LocalizedName: "Sperre", Expiry: h.in(10 * time.Minute)}}
		if diff := cmp.Diff(want, prevented.Actions); diff != "" {
			t.Errorf("prevented (-want +got):\n%s", diff)
		}
		h.published("a right password meanwhile")
		h.later(5 * time.Minute)
		login(wrong).Want(404)
		h.published("another failure", "user.login.failed Succeeded", "user.action Succeeded")
		if again := h.last(); again.Phase != "modify" || again.ActionID != e.ActionID {
			t.Errorf("another failure: %+v", again)
		}

		// A lock that webhooks refuse is none, and the failure is one all the same.
		h.later(10 * time.Minute)
		h.end()
		h.skip()
		if a := login(right); a.Status != 200 && a.Status != 202 {
			t.Errorf("after the end: %d %s", a.Status, a.Body)
		}
		voter := egresstest.NewReceiver(t)
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe(voter.URL, []string{"user.action"})
		voter.Script(egresstest.Status(500))
		login(wrong).Want(404)
		session("two")
		h.skip()
		before := h.Rows()
		login(wrong).Want(504)
		h.published("a lock that is refused", "user.login.failed Failed", "user.action Failed", "jwt.refresh-token.revoke Failed")
		h.Unchanged(before, "event", "attempt", "audience", "webhook_flow", "login_failure")
	})
}

// TestLogin_ABanEndsTheSessions: behind its own event, in the same operation.
func TestLogin_ABanEndsTheSessions(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.Call("POST", "/api/user/refresh-token/import", object{"refreshTokens": []any{object{"userId": ada, "token": "one"}}}).Want(200)
		h.skip()
		h.ban(h.in(time.Hour))
		h.published("ban", "user.action Succeeded", "jwt.refresh-token.revoke Succeeded")
		h.ban(h.in(time.Hour))
		h.published("another ban", "user.action Succeeded")
	})
}

// TestLogin_AResetEndsTheLock, and a password that somebody else has set does not.
func TestLogin_AResetEndsTheLock(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.lockout(object{"tooManyAttempts": 1})
		h.Call("PATCH", "/api/user/"+ada, object{"user": object{"password": "correct horse"}}).Want(200)
		wrong := object{"loginId": "ada@example.com", "password": "wrong horse"}
		h.Call("POST", "/api/login", wrong).Want(404)
		h.Call("POST", "/api/user/refresh-token/import", object{"refreshTokens": []any{object{"userId": ada, "token": "one"}}}).Want(200)
		h.Call("PATCH", "/api/user/"+ada, object{"user": object{"password": "another horse"}}).Want(200)
		if got := h.prevented(""); len(got) != 1 {
			t.Errorf("an administrator has set a password; prevented by %+v", got)
		}
		h.Call("POST", "/api/user/refresh-token/import", object{"refreshTokens": []any{object{"userId": ada, "token": "two"}}}).Want(200)
		var forgot wire.ForgotPasswordResponse
		h.Call("POST", "/api/user/forgot-password", object{"loginId": "ada@example.com", "sendForgotPasswordMessage": false}).Want(200).Decode(&forgot)
		h.skip()
		h.Call("POST", "/api/user/change-password/"+forgot.ChangePasswordID, object{"password": "a better horse"}).Want(200)
		h.published("reset", "user.action Succeeded", "jwt.refresh-token.revoke Succeeded", "user.password.update Succeeded", "user.password.reset.success Succeeded")
		if e := h.last(); e.Phase != "cancel" || len(h.prevented("")) > 0 {
			t.Errorf("event %+v, prevented by %+v", e, h.prevented(""))
		}
	})
}
