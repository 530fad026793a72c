package app_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

const (
	appID  = "a9000000-0000-4000-8000-000000000001"
	roleID = "a9000000-0000-4000-8000-00000000000e"
)

// signingKey generates a key and returns its id.
func signingKey(s *apptest.Server, t *testing.T, name, algorithm string) string {
	t.Helper()
	var r wire.KeyResponse
	s.Call("POST", "/api/key/generate", map[string]any{"key": map[string]any{"name": name, "algorithm": algorithm}}).Want(200).Decode(&r)
	return string(r.Key.ID)
}

func TestApplication_Lifecycle(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		created := s.Call("POST", "/api/application/"+strings.ToUpper(appID), `{"application":{"name":" Shop ","unknown":{"big":12345678901234567890},"data":{"a":null,"b":1},
			"active":false,"oauthConfiguration":{"enabledGrants":["password"]},"roles":[{"name":"buyer","isDefault":true},{"name":"admin","id":"`+roleID+`"}]}}`).Want(200)
		a := tree(t, created.Body)["application"].(map[string]any)
		oauth := a["oauthConfiguration"].(map[string]any)
		if a["id"] != appID || a["name"] != "Shop" || a["active"] != true || a["state"] != "Active" || a["tenantId"] != string(s.Tenant) ||
			!strings.Contains(string(created.Body), `"unknown":{"big":12345678901234567890}`) || oauth["clientId"] != appID || len(oauth["clientSecret"].(string)) < 40 {
			t.Errorf("created %s", created.Body)
		}
		if roles := a["roles"].([]any); len(roles) != 2 || roles[0].(map[string]any)["id"] != roleID || roles[1].(map[string]any)["isDefault"] != true {
			t.Errorf("roles %v", roles)
		}
		if read := s.Call("GET", "/api/application/"+appID, nil).Want(200); string(read.Body) != string(created.Body) {
			t.Errorf("read %s\ncreated %s", read.Body, created.Body)
		}
		for _, stored := range s.Strings(`SELECT document || secrets FROM application`) {
			if strings.Contains(stored, oauth["clientSecret"].(string)) {
				t.Errorf("the client secret is readable in the store: %s", stored)
			}
		}

		// What was read can be written. PUT without the client's id and secret keeps them, and drops what else it does not mention.
		s.Call("PUT", "/api/application/"+appID, created.Body).Want(200)
		put := tree(t, s.Call("PUT", "/api/application/"+appID, `{"application":{"name":"Shop","oauthConfiguration":{"clientSecret":""}}}`).Want(200).Body)["application"].(map[string]any)
		if now := put["oauthConfiguration"].(map[string]any); now["clientSecret"] != oauth["clientSecret"] || now["clientId"] != appID || put["unknown"] != nil || len(put["roles"].([]any)) != 2 {
			t.Errorf("after PUT: %v", put)
		}
		patched := tree(t, s.Call("PATCH", "/api/application/"+appID, `{"application":{"loginConfiguration":{"allowTokenRefresh":"true"}}}`).Want(200).Body)["application"].(map[string]any)
		if patched["loginConfiguration"].(map[string]any)["allowTokenRefresh"] != "true" || patched["oauthConfiguration"] == nil {
			t.Errorf("after PATCH: %v", patched)
		}
		view := tree(t, s.Call("GET", "/api/application/"+appID+"/oauth-configuration", nil).Want(200).Body)
		if view["oauthConfiguration"].(map[string]any)["clientId"] != appID {
			t.Errorf("OAuth view %v", view)
		}

		// Exactly two applications, which clients rely on, until one is deactivated.
		names := func(path string) (names []string) {
			var list wire.ApplicationsResponse
			s.Call("GET", path, nil).Want(200).Decode(&list)
			for _, a := range list.Applications {
				names = append(names, a.Name)
			}
			return names
		}
		if got := names("/api/application"); !slices.Equal(got, []string{"Herald", "Shop"}) {
			t.Errorf("applications %v", got)
		}
		s.Call("DELETE", "/api/application/"+appID, nil).Want(200)
		if got := names("/api/application?inactive=true"); !slices.Equal(got, []string{"Shop"}) {
			t.Errorf("inactive applications %v", got)
		}
		s.Call("PUT", "/api/application/"+appID+"?reactivate=true", nil).Want(200)
		var found wire.ApplicationSearchResponse
		s.Call("POST", "/api/application/search", `{"search":{"name":"sh*","state":"Active"}}`).Want(200).Decode(&found)
		if found.Total != 1 || found.Applications[0].ID != appID {
			t.Errorf("found %+v", found)
		}

		// A copy has settings and roles, under ids of its own.
		copied := tree(t, s.Call("POST", "/api/application", `{"sourceApplicationId":"`+appID+`","application":{"name":"Copy"}}`).Want(200).Body)["application"].(map[string]any)
		if copied["loginConfiguration"] == nil || copied["oauthConfiguration"].(map[string]any)["clientId"] != copied["id"] || len(copied["roles"].([]any)) != 2 {
			t.Errorf("copy %v", copied)
		}
		s.Call("DELETE", "/api/application/"+appID, `{"hardDelete":true}`).Want(200)
		if gone := s.Call("GET", "/api/application/"+appID, nil).Want(404); len(gone.Body) != 0 {
			t.Errorf("404 with a body: %s", gone.Body)
		}
		if events := s.Published(); len(events) != 0 {
			t.Errorf("published %v", events)
		}
	})
}

func TestApplication_Roles(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("POST", "/api/application/"+appID, `{"application":{"name":"Shop"}}`).Want(200)
		path := "/api/application/" + appID + "/role"
		var r wire.ApplicationResponse
		s.Call("POST", path+"/"+roleID, `{"role":{"name":" buyer ","description":"buys","isSuperRole":true}}`).Want(200).Decode(&r)
		if r.Role.ID != roleID || r.Role.Name != "buyer" || !r.Role.IsSuperRole || r.Role.InsertInstant == 0 {
			t.Errorf("role %+v", r.Role)
		}
		for body, code := range map[string]string{
			`{"role":{"name":"buyer"}}`: "[duplicate]role.name", `{"role":{}}`: "[blank]role.name", `{"role":{"name":"` + strings.Repeat("ö", 192) + `"}}`: "[tooLong]role.name",
		} {
			if got := s.Call("POST", path, body).Want(400).Codes(); !slices.Equal(got, []string{code}) {
				t.Errorf("%.60s: %v, want %s", body, got, code)
			}
		}
		if got := s.Call("POST", path+"/"+roleID, `{"role":{"name":"other"}}`).Want(400).Codes(); !slices.Equal(got, []string{"[duplicate]roleId"}) {
			t.Errorf("the same id: %v", got)
		}
		s.Call("PATCH", path+"/"+roleID, `{"role":{"isDefault":true}}`).Want(200).Decode(&r)
		if !r.Role.IsDefault || r.Role.Description != "buys" {
			t.Errorf("patched %+v", r.Role)
		}
		s.Call("PUT", path+"/"+roleID, `{"role":{"name":"customer"}}`).Want(200)
		s.Call("POST", path, `{"role":{"name":"clerk"}}`).Want(200)
		s.Call("DELETE", path+"?roleName=clerk", nil).Want(200)
		s.Call("DELETE", path+"?roleName=clerk", nil).Want(404)
		s.Call("DELETE", path+"/"+roleID, nil).Want(200)
		s.Call("PUT", path+"/"+roleID, `{"role":{"name":"x"}}`).Want(404)
		s.Call("POST", "/api/application/"+nowhere+"/role", `{"role":{"name":"x"}}`).Want(404)
		if got := s.Call("DELETE", path, nil).Want(400).Codes(); !slices.Equal(got, []string{"[missing]roleId"}) {
			t.Errorf("deleting no role: %v", got)
		}
	})
}

func TestApplication_BadInput(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		public := s.Call("POST", "/api/key/generate", `{"key":{"name":"pair","algorithm":"ES256"}}`).Want(200)
		var k wire.KeyResponse
		public.Decode(&k)
		s.Call("DELETE", "/api/key/"+string(k.Key.ID), nil).Want(200)
		s.Call("POST", "/api/key/import/"+keyID, map[string]any{"key": map[string]any{"name": "verify only", "publicKey": k.Key.PublicKey}}).Want(200)
		s.Call("POST", "/api/application/"+appID, `{"application":{"name":"Taken"}}`).Want(200)
		for body, codes := range map[string][]string{
			`{}`:                                 {"[blank]application.name"},
			`{"application":{"name":" tAKEN "}}`: {"[duplicate]application.name"},
			`{"application":{"name":"x","oauthConfiguration":{"clientId":"` + appID + `"}}}`:                               {"[duplicate]application.oauthConfiguration.clientId"},
			`{"application":{"name":"x","oauthConfiguration":5}}`:                                                          {"[couldNotConvert]application.oauthConfiguration"},
			`{"application":{"name":"x","verifyRegistration":true}}`:                                                       {"[missing]application.verificationEmailTemplateId"},
			`{"application":{"name":"x","verificationEmailTemplateId":"` + nowhere + `"}}`:                                 {"[invalid]application.verificationEmailTemplateId"},
			`{"application":{"name":"x","jwtConfiguration":{"enabled":true,"accessTokenKeyId":"` + nowhere + `"}}}`:        {"[invalid]application.jwtConfiguration.accessTokenKeyId"},
			`{"application":{"name":"x","jwtConfiguration":{"enabled":true,"idTokenKeyId":"` + keyID + `"}}}`:              {"[invalid]application.jwtConfiguration.idTokenKeyId"},
			`{"application":{"name":"x","jwtConfiguration":{"timeToLiveInSeconds":-1,"refreshTokenUsagePolicy":"Never"}}}`: {"[invalid]application.jwtConfiguration.refreshTokenUsagePolicy", "[invalid]application.jwtConfiguration.timeToLiveInSeconds"},
			`{"application":{"name":"x","roles":[{"name":"a"},{"name":"a"},{}]}}`:                                          {"[blank]application.roles[2].name", "[duplicate]application.roles[1].name"},
			`{"application":{"name":"x"},"sourceApplicationId":"` + nowhere + `"}`:                                         {"[invalid]sourceApplicationId"},
		} {
			got := s.Call("POST", "/api/application", body).Want(400).Codes()
			if slices.Sort(got); !slices.Equal(got, codes) {
				t.Errorf("%s: %v, want %v", body, got, codes)
			}
		}
		if got := s.Call("POST", "/api/application/"+appID, `{"application":{"name":"y"}}`).Want(400).Codes(); !slices.Equal(got, []string{"[duplicate]applicationId"}) {
			t.Errorf("the same id: %v", got)
		}
		if got := s.Call("DELETE", "/api/application/"+string(application.AdminID)+"?hardDelete=true", nil).Want(400).Codes(); !slices.Equal(got, []string{"[invalid]applicationId"}) {
			t.Errorf("deleting the built-in application: %v", got)
		}
		s.Call("DELETE", "/api/application/"+string(application.AdminID), nil).Want(400)
		if got := s.Strings(`SELECT name FROM application ORDER BY name`); !slices.Equal(got, []string{"Herald", "Taken"}) {
			t.Errorf("stored: %v", got)
		}
	})
}

// TestApplication_PublicKeys follows jwt.public-key.update through everything that causes it, and through what does not.
func TestApplication_PublicKeys(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		receiver := egresstest.NewReceiver(t)
		s.Enable(wire.AbsoluteMajority, "jwt.public-key.update")
		s.Subscribe(receiver.URL, []string{"jwt.public-key.update"})
		one, two, secret := signingKey(s, t, "one", "ES256"), signingKey(s, t, "two", "Ed25519"), signingKey(s, t, "secret", "HS256")
		jwt := func(enabled bool, access string) map[string]any {
			return map[string]any{"enabled": enabled, "accessTokenKeyId": access}
		}
		put := func(path, what string, members map[string]any) apptest.Answer {
			t.Helper()
			return s.Call("PATCH", path, map[string]any{what: members}, "Content-Type", "application/merge-patch+json")
		}
		seen := 0
		wants := func(what string, ids ...string) {
			t.Helper()
			all := s.Published()
			if fresh := len(all) - seen; fresh != min(len(ids), 1) {
				t.Errorf("%s: %v, want events about %v", what, all[seen:], ids)
			}
			seen = len(all)
			if len(ids) > 0 {
				got := receiver.Requests()
				body := tree(t, got[len(got)-1].Body)["event"].(map[string]any)
				if concerned := body["applicationIds"].([]any); len(concerned) != len(ids) || concerned[0] != ids[0] {
					t.Errorf("%s: about %v, want %v", what, concerned, ids)
				}
			}
		}
		shop, tenant := "/api/application/"+appID, "/api/tenant/"+string(s.Tenant)
		s.Call("POST", shop, map[string]any{"application": map[string]any{"name": "Shop", "jwtConfiguration": jwt(false, one)}}).Want(200)
		wants("a configuration that is switched off")
		put(shop, "application", map[string]any{"jwtConfiguration": jwt(true, one)}).Want(200)
		wants("switched on", appID)
		put(shop, "application", map[string]any{"jwtConfiguration": jwt(true, two)}).Want(200)
		wants("another key", appID)
		put(shop, "application", map[string]any{"name": "Shop!"}).Want(200)
		wants("another name")
		put(shop, "application", map[string]any{"jwtConfiguration": jwt(true, secret)}).Want(200)
		wants("a secret instead", appID)
		put(shop, "application", map[string]any{"jwtConfiguration": jwt(true, defaultKey)}).Want(200)
		wants("another secret")

		// The tenant's key counts for the applications that have none of their own: the built-in one.
		put(tenant, "tenant", map[string]any{"jwtConfiguration": map[string]any{"accessTokenKeyId": one}}).Want(200)
		wants("the tenant's key", string(application.AdminID))
		put(tenant, "tenant", map[string]any{"jwtConfiguration": map[string]any{"accessTokenKeyId": nowhere}}).Want(400)
		wants("a key that does not exist")
		put(shop, "application", map[string]any{"jwtConfiguration": nil}).Want(200)
		wants("the tenant's again", appID)

		// Refused: nothing is stored.
		receiver.Script(egresstest.Status(http.StatusForbidden))
		before := s.Strings(`SELECT document || version FROM application UNION ALL SELECT document || version FROM tenant`)
		put(tenant, "tenant", map[string]any{"jwtConfiguration": map[string]any{"accessTokenKeyId": two}}).Want(504)
		put(shop, "application", map[string]any{"jwtConfiguration": jwt(true, two)}).Want(504)
		s.Call("POST", "/api/application", map[string]any{"application": map[string]any{"name": "New", "jwtConfiguration": jwt(true, two)}}).Want(504)
		if after := s.Strings(`SELECT document || version FROM application UNION ALL SELECT document || version FROM tenant`); !slices.Equal(before, after) {
			t.Errorf("stored after a refusal: %v\nbefore: %v", after, before)
		}
	})
}
