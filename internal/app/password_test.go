package app_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// configure changes settings of the tenant.
func (d *door) configure(tenant string) {
	d.t.Helper()
	d.Call("PATCH", "/api/tenant/"+string(d.Tenant), `{"tenant":`+tenant+`}`, "Content-Type", "application/merge-patch+json").Want(200)
}

func TestPassword_Rules(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		put := func(password string) apptest.Answer {
			return d.Call("PATCH", "/api/user/"+ada, map[string]any{"user": map[string]any{"password": password}})
		}
		refused := func(password, code string) {
			t.Helper()
			if got := put(password).Want(400).Codes(); !slices.Equal(got, []string{code}) {
				t.Errorf("%q: %v, want %s", password, got, code)
			}
		}
		d.configure(`{"passwordValidationRules":{"rememberPreviousPasswords":{"enabled":"true","count":2},"disallowUserLoginId":true,"breachDetection":{"enabled":true}},
			"minimumPasswordAge":{"enabled":true,"seconds":60}}`)
		refused("first password", "[tooYoung]user.password")
		later := func() { d.ahead.Add(int64(2 * time.Minute)) }
		later()
		refused("correct horse", "[previouslyUsed]user.password")
		refused("ada@EXAMPLE.com", "[matchesLoginId]user.password")
		refused("Password123!", "[breachedCommonPassword]user.password")
		d.published()
		for _, password := range []string{"first password", "second password"} {
			put(password).Want(200)
			d.wants(password, "user.update Succeeded", "user.update.complete Succeeded", "user.password.update Succeeded")
			later()
		}
		refused("correct horse", "[previouslyUsed]user.password")
		put("third password").Want(200)
		later()
		put("correct horse").Want(200) // which is now one more ago than is remembered
		if n := d.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM password_history`); n[0] != "2" {
			t.Errorf("%s passwords are remembered", n[0])
		}
		if got := d.Call("POST", "/api/user", `{"user":{"email":"b@example.com","password":"password1234"}}`).Want(400).Codes(); !slices.Equal(got, []string{"[breachedCommonPassword]user.password"}) {
			t.Errorf("a new user: %v", got)
		}
	})
}

func TestPassword_JudgedAtLogin(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const body = `{"loginId":"ada","password":"password1234"}`
		d.Call("PATCH", "/api/user/"+ada, `{"user":{"password":"password1234"}}`).Want(200)
		login := func(want int) (in wire.LoginResponse) {
			t.Helper()
			d.published()
			d.Call("POST", "/api/login", body).Want(want).Decode(&in)
			return in
		}
		breach := func(reaction string) {
			d.configure(`{"passwordValidationRules":{"breachDetection":{"enabled":true,"onLogin":"` + reaction + `"}}}`)
		}
		breach("Off")
		login(200)
		d.wants("ignored", "user.login.success Succeeded")
		breach("RecordOnly")
		if in := login(200); in.User.BreachedPasswordStatus != wire.BreachedCommonPassword || in.User.BreachedPasswordLastCheckedInstant == 0 {
			t.Errorf("user %+v", in.User)
		}
		d.wants("recorded", "user.password.breach Succeeded", "user.login.success Succeeded")
		breach("RequireChange")
		if in := login(203); in.ChangePasswordReason != wire.PasswordChangeBreached || in.ChangePasswordID == "" {
			t.Errorf("203: %+v", in)
		}
		d.wants("to be changed")

		// A webhook can stop the login.
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden))
		breach("RecordOnly")
		d.Enable(wire.AbsoluteMajority, "user.password.breach")
		d.Subscribe(receiver.URL, []string{"user.password.breach"})
		d.published()
		d.Call("POST", "/api/login", body).Want(504)
		d.wants("refused", "user.password.breach Failed", "user.login.success Failed")

		d.configure(`{"passwordValidationRules":{"breachDetection":{"enabled":false},"validateOnLogin":true,"requireNonAlpha":true,"minLength":20}}`)
		if in := login(203); in.ChangePasswordReason != wire.PasswordChangeValidation {
			t.Errorf("203: %+v", in)
		}
		d.configure(`{"passwordValidationRules":null,"maximumPasswordAge":{"enabled":true,"days":10}}`)
		login(200)
		d.ahead.Add(int64(11 * 24 * time.Hour))
		if in := login(203); in.ChangePasswordReason != wire.PasswordChangeExpired {
			t.Errorf("203: %+v", in)
		}
	})
}

func TestPassword_OwnChangeEndsSessions(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		var in wire.LoginResponse
		d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse"}`).Want(200).Decode(&in)
		import_ := `{"refreshTokens":[{"userId":"` + ada + `","applicationId":"` + appID + `","token":"brought along"}]}`
		d.Call("POST", "/api/user/refresh-token/import", import_).Want(200)
		if got := d.Call("POST", "/api/user/refresh-token/import", import_).Want(400).Codes(); !slices.Equal(got, []string{"[duplicate]refreshTokens[0].token"}) {
			t.Errorf("imported twice: %v", got)
		}
		d.published()
		change := func(body string) apptest.Answer {
			return d.Call("POST", "/api/user/change-password", body, "Authorization", "Bearer "+in.Token)
		}
		if got := change(`{"password":"battery staple"}`).Want(400).Codes(); !slices.Equal(got, []string{"[blank]currentPassword"}) {
			t.Errorf("without the present password: %v", got)
		}
		change(`{"currentPassword":"wrong","password":"battery staple"}`).Want(404)
		d.Call("GET", "/api/user/change-password", nil, "Authorization", "Bearer "+in.Token).Want(200) // no second factor to be proven
		d.Call("GET", "/api/user/change-password", nil, "Authorization", "Bearer "+in.Token+"x").Want(401)
		var changed wire.ChangePasswordResponse
		change(`{"currentPassword":"correct horse","password":"battery staple"}`).Want(200).Decode(&changed)
		d.wants("changed", "jwt.refresh-token.revoke Succeeded", "user.password.update Succeeded")
		d.Call("POST", "/api/login", `{"oneTimePassword":"`+changed.OneTimePassword+`"}`).Want(200)
		if left := d.Strings(`SELECT id FROM refresh_token`); len(left) != 0 {
			t.Errorf("tokens left: %v", left)
		}
	})
}
