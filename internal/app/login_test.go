package app_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

const ada = "0ada0000-0000-4000-8000-0000000000ad"

// door is a server with a user and an application to log in to, whose clock can be moved on.
type door struct {
	*apptest.Server

	t     *testing.T
	seen  int
	ahead *atomic.Int64
}

func eachDoor(t *testing.T, fn func(t *testing.T, d *door)) {
	t.Helper()
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			ahead := &atomic.Int64{}
			s := apptest.Start(t, engine, func(o *app.Options) {
				o.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			})
			d := &door{Server: s, t: t, ahead: ahead}
			d.Call("POST", "/api/user/"+ada, `{"user":{"email":"ada@example.com","username":"Ada","password":"correct horse"}}`).Want(200)
			d.Call("POST", "/api/application/"+appID, `{"application":{"name":"Shop","loginConfiguration":{"generateRefreshTokens":true,"allowTokenRefresh":true},
			"oauthConfiguration":{"enabledGrants":["password","refresh_token"],"clientSecret":"shop secret"},"passwordlessConfiguration":{"enabled":true}}}`).Want(200)
			d.published()
			fn(t, d)
		})
	}
}

// published are the events since the last call.
func (d *door) published() []string {
	d.t.Helper()
	all := d.Published()
	fresh := all[d.seen:]
	d.seen = len(all)
	return fresh
}

func (d *door) wants(what string, events ...string) {
	d.t.Helper()
	if got := d.published(); !slices.Equal(got, events) {
		d.t.Errorf("%s: published %q, want %q", what, got, events)
	}
}

func TestLogin_Password(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		answer := d.Call("POST", "/api/login", `{"loginId":"ADA@example.com","password":"correct horse"}`).Want(200)
		var in wire.LoginResponse
		answer.Decode(&in)
		if in.User == nil || in.User.ID != ada || in.User.LastLoginInstant == 0 || in.Token == "" || in.TokenExpirationInstant == 0 || in.RefreshToken != "" {
			t.Errorf("answer %s", answer.Body)
		}
		if cookies := answer.Header.Values("Set-Cookie"); len(cookies) != 1 || !strings.HasPrefix(cookies[0], "access_token="+in.Token) || !strings.Contains(cookies[0], "HttpOnly") {
			t.Errorf("cookies %q", cookies)
		}
		d.wants("a login", "user.login.success Succeeded")
		claims := tree(t, d.Call("GET", "/api/jwt/validate", nil, "Authorization", "Bearer "+in.Token).Want(200).Body)["jwt"].(map[string]any)
		if claims["sub"] != ada || claims["email"] != "ada@example.com" || claims["iss"] != "acme.com" || claims["tid"] != string(d.Tenant) || claims["authenticationType"] != "PASSWORD" || claims["roles"] != nil {
			t.Errorf("claims %v", claims)
		}
		for _, bad := range []string{in.Token + "x", strings.Replace(in.Token, ".", "..", 1), "", "x.y.z", apptest.Key} {
			d.Call("GET", "/api/jwt/validate", nil, "Authorization", "Bearer "+bad).Want(401)
		}
		if own := d.Call("GET", "/api/user", nil, "Authorization", "JWT "+in.Token).Want(200); !strings.Contains(string(own.Body), ada) {
			t.Errorf("own user: %s", own.Body)
		}
		// 202: the user is not registered for the application.
		answer = d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse","applicationId":"`+appID+`","noJWT":true}`).Want(202)
		if strings.Contains(string(answer.Body), `"token"`) || len(answer.Header.Values("Set-Cookie")) != 0 {
			t.Errorf("with noJWT: %s", answer.Body)
		}
		d.wants("not registered", "user.login.success Succeeded")

		for body, want := range map[string]int{
			`{"loginId":"ada@example.com","password":"wrong"}`:                                        404,
			`{"loginId":"nobody@example.com","password":"wrong"}`:                                     404,
			`{"loginId":"ada@example.com","password":"correct horse","loginIdTypes":["phoneNumber"]}`: 404,
			`{"loginId":"","password":""}`:                                                            400,
			`{"loginId":"ada","password":"correct horse","applicationId":"` + nowhere + `"}`:          400,
			`{"loginId":"ada","password":"correct horse","loginIdTypes":["fax"]}`:                     400,
			`{"oneTimePassword":"` + strings.Repeat("x", 43) + `"}`:                                   404,
		} {
			if a := d.Call("POST", "/api/login", body).Want(want); want == 404 && len(a.Body) != 0 {
				t.Errorf("%s: 404 with a body: %s", body, a.Body)
			}
		}
		d.wants("failures, of which one is a known user's", "user.login.failed Succeeded")

		// Without a key only where the tenant allows it.
		without := func() apptest.Answer {
			return d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse"}`, "Authorization", "")
		}
		without().Want(401)
		d.Call("PATCH", "/api/tenant/"+string(d.Tenant), `{"tenant":{"loginConfiguration":{"requireAuthentication":false}}}`).Want(200)
		without().Want(200)

		d.Call("DELETE", "/api/user/"+ada, nil).Want(200)
		d.published()
		if a := without(); a.Status != 423 || len(a.Body) != 0 {
			t.Errorf("deactivated: %d %s", a.Status, a.Body)
		}
		d.Call("GET", "/api/user", nil, "Authorization", "Bearer "+in.Token).Want(401)
		d.Call("PUT", "/api/user/"+ada+"?reactivate=true", nil).Want(200)
		d.Call("PATCH", "/api/user/"+ada, `{"user":{"passwordChangeRequired":true}}`).Want(200)
		d.published()
		without().Want(203).Decode(&in)
		if in.ChangePasswordReason != "Administrative" || in.ChangePasswordID == "" {
			t.Errorf("203: %+v", in)
		}
		var changed wire.ChangePasswordResponse
		d.Call("POST", "/api/user/change-password/"+in.ChangePasswordID, `{"password":"battery staple"}`, "Authorization", "").Want(200).Decode(&changed)
		d.published()
		once := `{"oneTimePassword":"` + changed.OneTimePassword + `"}`
		d.Call("POST", "/api/login", once).Want(200)
		d.Call("POST", "/api/login", once).Want(404)
		d.wants("with a one-time password, once", "user.login.success Succeeded")
		d.Call("PATCH", "/api/user/"+ada, `{"user":{"expiry":1000}}`).Want(200)
		d.Call("POST", "/api/login", `{"loginId":"ada","password":"battery staple"}`).Want(410)
		d.Call("GET", "/api/user/recent-login?userId="+ada+"&limit=100", nil).Want(200)
		var records wire.LoginRecordSearchResponse
		d.Call("POST", "/api/system/login-record/search", `{"retrieveTotal":true,"search":{"userId":"`+ada+`","numberOfResults":2}}`).Want(200).Decode(&records)
		if records.Total != 4 || len(records.Logins) != 2 || records.Logins[1].LoginID != "ada" || records.Logins[1].LoginIDType != "username" || records.Logins[1].IPAddress == "" {
			t.Errorf("records %+v", records)
		}
		var all []wire.Instant
		d.Call("POST", "/api/system/login-record/search", `{"search":{}}`).Want(200).Decode(&records)
		for _, r := range records.Logins {
			all = append(all, r.Instant)
		}
		for _, c := range []wire.LoginRecordSearch{{}, {UserID: ada}, {End: all[0] + 1}} {
			c.NumberOfResults = 1
			dbtest.Pages(t, fmt.Sprintf("%+v", c), all, func(at search.Cursor) (page []wire.Instant, links search.Links, err error) {
				found, links, err := d.App.Logins().PageRecords(t.Context(), "", c, at)
				for _, r := range found {
					page = append(page, r.Instant)
				}
				return page, links, err
			})
		}
		c := wire.LoginRecordSearch{Start: 2, End: 1}
		if _, _, err := d.App.Logins().PageRecords(t.Context(), "", c, ""); err == nil {
			t.Error("a start after the end was taken")
		}
	})
}

func TestLogin_Refused(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		receiver := egresstest.NewReceiver(t)
		types := []string{"user.login.success", "user.login.failed", "user.login.new-device", "jwt.refresh"}
		d.Enable(wire.AbsoluteMajority, types...)
		d.Subscribe(receiver.URL, types)
		receiver.Script(egresstest.Status(403))
		d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse"}`).Want(504)
		d.Call("POST", "/api/login", `{"loginId":"ada","password":"wrong"}`).Want(504)
		d.wants("refused", "user.login.success Failed", "user.login.failed Failed")
		if got := d.Strings(`SELECT 'record' FROM login_record UNION ALL SELECT 'login' FROM users WHERE last_login_instant IS NOT NULL`); len(got) != 0 {
			t.Errorf("a refused login left %v", got)
		}
		// What was counted stays counted.
		if got := d.Strings(`SELECT CAST(failures AS TEXT) FROM login_failure`); !slices.Equal(got, []string{"1"}) {
			t.Errorf("failures %v", got)
		}
		receiver.Script(egresstest.Accept())
		d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse"}`).Want(200)
		if got := d.Strings(`SELECT CAST(failures AS TEXT) FROM login_failure`); len(got) != 0 {
			t.Errorf("failures after a success %v", got)
		}
	})
}

func TestLogin_DevicesAndThreats(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.Call("PATCH", "/api/tenant/"+string(d.Tenant), `{"tenant":{"clientRiskConfiguration":{"enabled":true,"recentPasswordChange":false}}}`).Want(200)
		from := func(device, place string) {
			t.Helper()
			d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse","eventInfo":{"deviceName":"`+device+`","location":{`+place+`}}}`).Want(200)
		}
		berlin, tokyo := `"latitude":52.52,"longitude":13.4`, `"latitude":35.68,"longitude":139.69`
		from("Phone", berlin)
		d.wants("the first device of all", "user.login.success Succeeded")
		from("Phone", berlin)
		d.wants("a known device", "user.login.success Succeeded")
		d.ahead.Add(int64(24 * time.Hour))
		from("Laptop", tokyo)
		d.wants("a new device", "user.login.success Succeeded", "user.login.new-device Succeeded", "user.login.suspicious Succeeded")
		from("Laptop", berlin)
		d.wants("from Tokyo to Berlin at once", "user.login.success Succeeded", "user.login.suspicious Succeeded")
		d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse","newDevice":true,"eventInfo":{"deviceName":"Laptop"}}`).Want(200)
		d.wants("the caller says so", "user.login.success Succeeded", "user.login.new-device Succeeded", "user.login.suspicious Succeeded")
	})
}

func TestOAuth_PasswordGrant(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		grant := func(form url.Values, header ...string) apptest.Answer {
			t.Helper()
			return d.Call("POST", "/oauth2/token", form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded", "Authorization", ""}, header...)...)
		}
		form := url.Values{"grant_type": {"password"}, "client_id": {appID}, "client_secret": {"shop secret"}, "username": {"ada"}, "password": {"correct horse"}, "scope": {"openid offline_access"}}
		got := tree(t, grant(form).Want(200).Body)
		if got["token_type"] != "Bearer" || got["userId"] != ada || got["id_token"] == nil || got["access_token"] == nil {
			t.Errorf("tokens %v", got)
		}
		info := tree(t, d.Call("GET", "/oauth2/userinfo", nil, "Authorization", "Bearer "+got["access_token"].(string)).Want(200).Body)
		if info["sub"] != ada || info["email"] != "ada@example.com" || info["preferred_username"] != "Ada" {
			t.Errorf("user info %v", info)
		}
		for change, want := range map[[2]string]struct {
			status int
			error  string
		}{
			{"client_secret", "wrong"}: {401, "invalid_client"}, {"client_id", "nobody"}: {401, "invalid_client"}, {"password", "wrong"}: {400, "invalid_grant"},
			{"username", ""}: {400, "invalid_request"}, {"grant_type", "implicit"}: {400, "unsupported_grant_type"}, {"grant_type", ""}: {400, "invalid_request"},
			{"grant_type", "refresh_token"}: {400, "invalid_grant"},
		} {
			changed := url.Values{}
			for name, values := range form {
				changed[name] = values
			}
			changed.Set(change[0], change[1])
			if a := grant(changed); a.Status != want.status || tree(t, a.Body)["error"] != want.error {
				t.Errorf("%v: %d %s", change, a.Status, a.Body)
			}
		}
		d.Call("PATCH", "/api/application/"+appID, `{"application":{"oauthConfiguration":{"enabledGrants":["authorization_code"]}}}`, "Content-Type", "application/merge-patch+json").Want(200)
		if a := grant(form).Want(400); tree(t, a.Body)["error"] != "unauthorized_client" {
			t.Errorf("a grant that is switched off: %s", a.Body)
		}
		discovery := tree(t, d.Call("GET", "/.well-known/openid-configuration", nil, "Authorization", "").Want(200).Body)
		if discovery["issuer"] != "acme.com" || discovery["token_endpoint"] != d.URL+"/oauth2/token" {
			t.Errorf("discovery %v", discovery)
		}
	})
}

// A form holds what a body of JSON may hold, and no more.
func TestOAuth_FormsThatAreNoText(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		for _, bad := range []string{"a\x00b", "\xff"} {
			for _, form := range []url.Values{
				{"grant_type": {"password"}, "client_id": {appID}, "client_secret": {"shop secret"}, "username": {bad}, "password": {"x"}},
				{"grant_type": {"password"}, "client_id": {appID}, "client_secret": {"shop secret"}, "username": {"ada"}, "password": {"correct horse"}, "scope": {bad}},
				{"grant_type": {"password"}, "client_id": {appID}, "client_secret": {"shop secret"}, "username": {"ada"}, "password": {"correct horse"}, "metaData.device.name": {bad}},
				{"grant_type": {"password"}, "client_id": {bad}, "client_secret": {"shop secret"}},
				{"grant_type": {"client_credentials"}, "client_id": {bad}, "client_secret": {"x"}},
				{"grant_type": {"refresh_token"}, "client_id": {appID}, "client_secret": {"shop secret"}, "refresh_token": {bad}},
			} {
				a := d.Call("POST", "/oauth2/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "")
				if a.Status != 400 || tree(t, a.Body)["error"] != "invalid_request" {
					t.Errorf("%q: %d %s", form, a.Status, a.Body)
				}
			}
			basic := base64.StdEncoding.EncodeToString([]byte(bad + ":x"))
			a := d.Call("POST", "/oauth2/token", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded", "Authorization", "Basic "+basic)
			if a.Status != 401 {
				t.Errorf("Basic %q: %d %s", bad, a.Status, a.Body)
			}
		}
	})
}
