package app_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// hs256 makes a JWT as anybody can who has a secret.
func hs256(t *testing.T, kid, secret string, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT","kid":"`+kid+`"}`)) + "." + encode(text)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// Secrets are shared: with the receivers of a webhook, with the programs of an application. Whoever has one can let nobody in where it does not sign.
func TestToken_SharedSecrets(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const secret = "a secret of 32 bytes and some more"
		var k wire.KeyResponse
		d.Call("POST", "/api/key/import", `{"key":{"name":"hooks","algorithm":"HS256","kid":"hooks","secret":"`+secret+`"}}`).Want(200).Decode(&k)
		status := func(claims map[string]any) int {
			claims["sub"], claims["tty"], claims["exp"] = ada, "at", time.Now().Add(time.Hour).Unix()
			return d.Call("GET", "/api/user", nil, "Authorization", "Bearer "+hs256(t, "hooks", secret, claims)).Status
		}
		if got := status(map[string]any{"tid": d.Tenant}); got != 401 {
			t.Errorf("a token that was signed with the secret of a webhook: %d", got)
		}
		d.Call("PATCH", "/api/application/"+appID, `{"application":{"jwtConfiguration":{"enabled":true,"accessTokenKeyId":"`+string(k.Key.ID)+`","timeToLiveInSeconds":60,"refreshTokenTimeToLiveInMinutes":60}}}`).Want(200)
		if got := status(map[string]any{"tid": d.Tenant, "applicationId": appID}); got != 200 {
			t.Errorf("a token of the application whose secret it is: %d", got)
		}
		if got := status(map[string]any{"tid": d.Tenant}); got != 401 {
			t.Errorf("a token of the tenant, signed with the secret of an application: %d", got)
		}
		other := createTenant(d.Server, "Other")
		var u wire.UserResponse
		d.Call("POST", "/api/user", user("two@example.com"), "X-FusionAuth-TenantId", string(other)).Want(200).Decode(&u)
		claims := map[string]any{"sub": u.User.ID, "tid": other, "applicationId": appID, "tty": "at", "exp": time.Now().Add(time.Hour).Unix()}
		d.Call("GET", "/api/user", nil, "Authorization", "Bearer "+hs256(t, "hooks", secret, claims)).Want(401)
	})
}

// An access token outlives what happens to its user. It leads to no other one then, and by itself to none that lasts longer.
func TestToken_Issue(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.Call("POST", "/api/user/registration/"+ada, `{"registration":{"applicationId":"`+appID+`"}}`).Want(200)
		var in wire.LoginResponse
		d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse","applicationId":"`+appID+`"}`).Want(200).Decode(&in)
		issue := func(more string) apptest.Answer {
			return d.Call("GET", "/api/jwt/issue?applicationId="+appID+more, nil, "Authorization", "Bearer "+in.Token)
		}
		var out wire.JWTResponse
		claims := func(token string) map[string]any {
			t.Helper()
			return tree(t, d.Call("GET", "/api/jwt/validate", nil, "Authorization", "Bearer "+token).Want(200).Body)["jwt"].(map[string]any)
		}
		d.ahead.Add(int64(10 * time.Minute))
		issue("").Want(200).Decode(&out)
		if was, is := claims(in.Token)["exp"], claims(out.Token)["exp"]; was != is {
			t.Errorf("a token that ends at %v leads to one that ends at %v", was, is)
		}
		issue("&refreshToken=" + in.RefreshToken).Want(200).Decode(&out)
		if was, is := claims(in.Token)["exp"].(json.Number), claims(out.Token)["exp"].(json.Number); is <= was { // of equal length
			t.Errorf("with a refresh token: one that ends at %v leads to one that ends at %v", was, is)
		}
		var a wire.UserActionResponse
		d.Call("POST", "/api/user-action", `{"userAction":{"name":"Ban","temporal":true,"preventLogin":true}}`).Want(200).Decode(&a)
		var taken wire.ActionResponse
		d.Call("POST", "/api/user/action", `{"action":{"userActionId":"`+string(a.UserAction.ID)+`","actioneeUserId":"`+ada+`","actionerUserId":"`+ada+`","expiry":9223372036854775807}}`).
			Want(200).Decode(&taken)
		issue("").Want(401)
		d.Call("DELETE", "/api/user/action/"+string(taken.Action.ID), `{"action":{"actionerUserId":"`+ada+`"}}`).Want(200)
		issue("").Want(200)
		d.Call("PATCH", "/api/user/"+ada, `{"user":{"expiry":1000}}`).Want(200)
		issue("").Want(401)
		d.Call("GET", "/api/user", nil, "Authorization", "Bearer "+in.Token).Want(401)
	})
}

// A one-time token is good for one of those who use it at once.
func TestToken_OneTimeAtOnce(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.Call("PATCH", "/api/tenant/"+string(d.Tenant), `{"tenant":{"jwtConfiguration":{"refreshTokenUsagePolicy":"OneTimeUse"}}}`).Want(200)
		d.Call("POST", "/api/user/registration/"+ada, `{"registration":{"applicationId":"`+appID+`"}}`).Want(200)
		for range 10 {
			var in wire.LoginResponse
			d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse","applicationId":"`+appID+`"}`).Want(200).Decode(&in)
			var all sync.WaitGroup
			got := make([]int, 8)
			for i := range got {
				all.Go(func() {
					got[i] = d.Call("POST", "/api/jwt/refresh", `{"refreshToken":"`+in.RefreshToken+`"}`, "Authorization", "").Status
				})
			}
			all.Wait()
			good := 0
			for _, status := range got {
				if status == 200 {
					good++
				}
			}
			if good != 1 {
				t.Fatalf("one token, several users of it: %v", got)
			}
		}
	})
}

// Who logs in with a password that is changed while webhooks are asked is not in.
func TestLogin_PasswordChangedMeanwhile(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		receiver := egresstest.NewReceiver(t)
		d.Enable(wire.AbsoluteMajority, "user.login.success")
		d.Subscribe(receiver.URL, []string{"user.login.success"})
		goOn := make(chan struct{})
		receiver.Script(egresstest.Hold(goOn, egresstest.Accept()))
		status := make(chan int)
		go func() { status <- d.Call("POST", "/api/login", `{"loginId":"ada","password":"correct horse"}`).Status }()
		receiver.WaitFor(1)
		d.Call("PATCH", "/api/user/"+ada, `{"user":{"password":"battery staple"}}`).Want(200)
		close(goOn)
		if got := <-status; got != 404 {
			t.Errorf("a login with a password that is another one now: %d", got)
		}
		if got := d.Strings(`SELECT 'record' FROM login_record`); len(got) != 0 {
			t.Errorf("it left %v", got)
		}
	})
}

// A key of one tenant makes no token that passes for one of another, nor for one of an entity.
func TestToken_VendedInAnotherTenant(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		own, foreign := d.KeyOf(d.Tenant), d.KeyOf(createTenant(d.Server, "Other"))
		introspected := func(key string, claims map[string]any) bool {
			t.Helper()
			var r wire.JWTResponse
			d.Call("POST", "/api/jwt/vend", map[string]any{"claims": claims}, "Authorization", key, "X-FusionAuth-TenantId", "").Want(200).Decode(&r)
			form := url.Values{"token": {r.Token}, "client_id": {appID}}
			answer := tree(t, d.Call("POST", "/oauth2/introspect", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "").Want(200).Body)
			return answer["active"].(bool)
		}
		claims := map[string]any{"sub": ada, "tid": d.Tenant, "applicationId": appID, "aud": appID, "roles": []string{"admin"}}
		if !introspected(own, claims) {
			t.Error("a token of the tenant's own key is not active")
		}
		if introspected(foreign, claims) {
			t.Error("a token of another tenant's key is active")
		}
		if introspected(foreign, map[string]any{"sub": ada, "tid": d.Tenant, "gty": []string{"client_credentials"}, "aud": ada}) {
			t.Error("a token that a key has made passes for one of an entity")
		}
	})
}
