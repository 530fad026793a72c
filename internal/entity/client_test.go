package entity_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/wire"
)

// token asks for an access token. header replaces the usual ones.
func (h *herald) token(form url.Values, header ...string) apptest.Answer {
	h.t.Helper()
	return h.Call("POST", "/oauth2/token", form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded", "Authorization", ""}, header...)...)
}

// issued is the answer that has a token.
type issued struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	TokenType   string `json:"token_type"`
	Scope       string
}

// parts are the header and the claims of a token.
func parts(t *testing.T, jwt string) (header, claims map[string]any) {
	t.Helper()
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func TestClientCredentials(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idA, "Door")
		h.sensor(idB, "Alarm")
		client := entity(h.Call("POST", "/api/entity/"+idC, object{"entity": object{"name": "App", "clientId": "App", "type": object{"id": sensor}}}).Want(200))
		for on, permissions := range map[string][]string{idA: {"read", "write"}, idB: {"read"}} {
			h.Call("POST", "/api/entity/"+on+"/grant", object{"grant": object{"recipientEntityId": idC, "permissions": permissions}}).Want(200)
		}
		ask := func(scope string) url.Values {
			return url.Values{"grant_type": {"client_credentials"}, "client_id": {"App"}, "client_secret": {client.ClientSecret}, "scope": {scope}}
		}
		for scope, want := range map[string]struct{ scope, aud, permissions string }{
			"":                           {"", "<nil>", "map[]"},
			"target-entity:" + idA:       {"target-entity:" + idA + ":read,write", idA, "map[" + idA + ":[read write]]"},
			"target-entity:" + idA + ":": {"target-entity:" + idA + ":read,write", idA, "map[" + idA + ":[read write]]"},
			"openid target-entity:" + strings.ToUpper(idA) + ":write":        {"target-entity:" + idA + ":write", idA, "map[" + idA + ":[write]]"},
			"target-entity:" + idA + ":write target-entity:" + idA + ":read": {"target-entity:" + idA + ":read,write", idA, "map[" + idA + ":[read write]]"},
			"target-entity:" + idB + " target-entity:" + idA + ":read,read":  {"target-entity:" + idA + ":read target-entity:" + idB + ":read", "[" + idA + " " + idB + "]", "map[" + idA + ":[read] " + idB + ":[read]]"},
		} {
			var got issued
			h.token(ask(scope)).Want(200).Decode(&got)
			_, claims := parts(t, got.AccessToken)
			if got.TokenType != "Bearer" || got.Scope != want.scope || fmt.Sprint(claims["aud"]) != want.aud || fmt.Sprint(claims["permissions"]) != want.permissions ||
				claims["sub"] != idC || claims["tid"] != string(h.Tenant) || fmt.Sprint(claims["gty"]) != "[client_credentials]" ||
				got.ExpiresIn < 3000 || got.ExpiresIn > 3600 {
				t.Errorf("scope %q: %+v, claims %v", scope, got, claims)
			}
			var said struct {
				Active bool
				Sub    string
			}
			form := url.Values{"token": {got.AccessToken}}
			h.Call("POST", "/oauth2/introspect", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "").Want(200).Decode(&said)
			if !said.Active || said.Sub != idC {
				t.Errorf("scope %q: introspection says %+v", scope, said)
			}
		}
		basic := ask("")
		basic.Del("client_id")
		basic.Del("client_secret")
		h.token(basic, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("App:"+client.ClientSecret))).Want(200)

		// What was not granted, and whoever is not the client, gets nothing, and does not learn what there is.
		for _, scope := range []string{"target-entity:" + idB + ":write", "target-entity:" + idC, "target-entity:" + idX, "target-entity:x", "target-entity:" + idA + ":READ", "target-entity:"} {
			if a := h.token(ask(scope)).Want(400); !strings.Contains(string(a.Body), `"error":"invalid_scope"`) {
				t.Errorf("scope %q: %s", scope, a.Body)
			}
		}
		for _, change := range [][2]string{{"client_secret", ""}, {"client_secret", "wrong"}, {"client_id", "app"}, {"client_id", idC}, {"client_id", ""}} {
			form := ask("")
			form.Set(change[0], change[1])
			if a := h.token(form).Want(401); !strings.Contains(string(a.Body), `"error":"invalid_client"`) || strings.Contains(string(a.Body), client.ClientSecret) {
				t.Errorf("%v: %s", change, a.Body)
			}
		}
		h.Call("DELETE", grantsOnA+"?recipientEntityId="+idC, nil).Want(200)
		h.token(ask("target-entity:" + idA)).Want(400)
	})
}

// The type of the client says how its tokens are made.
func TestClientCredentials_Key(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		var k wire.KeyResponse
		h.Call("POST", "/api/key/generate", `{"key":{"algorithm":"ES256","name":"tokens"}}`).Want(200).Decode(&k)
		jwt := object{"enabled": true, "accessTokenKeyId": k.Key.ID, "timeToLiveInSeconds": 5}
		h.Call("PATCH", types+"/"+sensor, object{"entityType": object{"jwtConfiguration": jwt}}).Want(200)
		client := h.sensor(idA, "App")
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {idA}, "client_secret": {client.ClientSecret}}
		var got issued
		h.token(form).Want(200).Decode(&got)
		header, claims := parts(t, got.AccessToken)
		if header["alg"] != "ES256" || header["kid"] != k.Key.KID || claims["exp"].(float64)-claims["iat"].(float64) != 5 {
			t.Errorf("header %v, claims %v", header, claims)
		}
		jwt["enabled"] = false
		h.Call("PATCH", types+"/"+sensor, object{"entityType": object{"jwtConfiguration": jwt}}).Want(200)
		h.token(form).Want(200).Decode(&got)
		if header, claims = parts(t, got.AccessToken); header["alg"] != "HS256" || claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
			t.Errorf("header %v, claims %v", header, claims)
		}
	})
}

// A client id may exist in several tenants. The secret decides, and the token is of that tenant.
func TestClientCredentials_Tenants(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.withOtherTenant()
		for tenant, header := range map[string][]string{string(h.Tenant): h.inDefault(), otherTenant: inOther} {
			h.Call("POST", "/api/entity", object{"entity": object{"name": "App", "clientId": "app", "clientSecret": "secret of " + tenant, "type": object{"id": sensor}}}, header...).Want(200)
		}
		for _, tenant := range []string{string(h.Tenant), otherTenant} {
			var got issued
			h.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"secret of " + tenant}}).Want(200).Decode(&got)
			if _, claims := parts(t, got.AccessToken); claims["tid"] != tenant {
				t.Errorf("claims %v, want those of the tenant %s", claims, tenant)
			}
		}
	})
}

// Neither an entity with the id of a user nor whoever may vend tokens is let in as the user.
func TestClientCredentials_IsNoUser(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.user(userID)
		client := h.sensor(userID, "Impostor")
		var got issued
		h.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {userID}, "client_secret": {client.ClientSecret}}).Want(200).Decode(&got)
		var vended struct{ Token string }
		h.Call("POST", "/api/jwt/vend", object{"claims": object{"sub": userID, "tid": h.Tenant, "tty": "at", "TTY": "at", "authenticationType": "PASSWORD"}}).Want(200).Decode(&vended)
		for _, token := range []string{got.AccessToken, vended.Token} {
			h.Call("GET", "/oauth2/userinfo", nil, "Authorization", "Bearer "+token).Want(401)
		}
	})
}
