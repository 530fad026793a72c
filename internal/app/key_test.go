package app_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/webhook/webhooktest"
	"github.com/herald-events/herald/wire"
)

const (
	keyID      = "7f3a0000-0000-4000-8000-00000000000a"
	defaultKey = "7d1c3e52-61a8-4c0f-9b1e-2f5a4d8e6c70"
)

// keyOf is the key in an answer, as JSON.
func keyOf(t *testing.T, a apptest.Answer) map[string]any {
	t.Helper()
	k, ok := tree(t, a.Want(200).Body)["key"].(map[string]any)
	if !ok {
		t.Fatalf("no key in %s", a.Body)
	}
	return k
}

func TestKeyAPI_Lifecycle(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		// What the original's minimal request generates.
		made := keyOf(t, s.Call("POST", "/api/key/generate/"+strings.ToUpper(keyID), `{"key":{"algorithm":"RS256","name":"n","length":2048,"unknown":1}}`))
		members := []string{
			"algorithm", "certificate", "certificateInformation", "expirationInstant", "hasPrivateKey", "id", "insertInstant", "issuer", "kid",
			"lastUpdateInstant", "length", "name", "publicKey", "type",
		}
		if got := slices.Sorted(maps.Keys(made)); !slices.Equal(got, members) {
			t.Errorf("members %v, want %v", got, members)
		}
		if made["id"] != keyID || made["issuer"] != "acme.com" || made["hasPrivateKey"] != true || made["type"] != "RSA" || made["length"] != json.Number("2048") {
			t.Errorf("%v", made)
		}
		read := s.Call("GET", "/api/key/"+keyID, nil)
		if got := keyOf(t, read); len(got) != len(made) || got["certificate"] != made["certificate"] || got["kid"] != made["kid"] {
			t.Errorf("read back: %v", got)
		}

		// PUT changes the name and nothing else, whatever else is sent.
		renamed := keyOf(t, s.Call("PUT", "/api/key/"+keyID, `{"key":{"name":" n2 ","algorithm":"HS512","type":"HMAC","kid":"x","length":1,"issuer":"x","secret":"x","id":"`+nowhere+`"}}`))
		for _, name := range members {
			if name != "name" && name != "lastUpdateInstant" && name != "certificateInformation" && renamed[name] != made[name] {
				t.Errorf("PUT has changed %s to %v", name, renamed[name])
			}
		}
		if renamed["name"] != "n2" {
			t.Errorf("the name is %v", renamed["name"])
		}
		keyOf(t, s.Call("PUT", "/api/key/"+keyID, read.Body)) // what was read can be written
		if got := s.Call("PUT", "/api/key/"+keyID, `{"key":{}}`).Want(400).Codes(); !slices.Equal(got, []string{"[blank]key.name"}) {
			t.Errorf("PUT without a name: %v", got)
		}

		// Imports, and what may never come back.
		secret := s.Call("POST", "/api/key/import", `{"key":{"type":"HMAC","algorithm":"HS256","name":"hmac","secret":"planted-0123456789"}}`)
		if k := keyOf(t, secret); k["hasPrivateKey"] != false || k["kid"] == nil {
			t.Errorf("imported %v", k)
		}
		client := egresstest.NewAuthority(t).ClientPEM("client")
		at := strings.Index(client, "-----BEGIN PRIVATE")
		pair := s.Call("POST", "/api/key/import", map[string]any{"key": map[string]any{"name": "pair", "privateKey": client[at:], "certificate": client[:at]}})
		if k := keyOf(t, pair); k["algorithm"] != "ES256" || k["hasPrivateKey"] != true || k["issuer"] != "Test authority" {
			t.Errorf("imported %v", k)
		}
		list, found := s.Call("GET", "/api/key", nil).Want(200), s.Call("POST", "/api/key/search", `{"search":{"orderBy":"name"}}`).Want(200)
		for _, answer := range []apptest.Answer{secret, pair, list, found, s.Call("GET", "/.well-known/jwks.json", nil)} {
			for _, hidden := range []string{"planted", "PRIVATE KEY", "\"secret\"", "\"privateKey\"", `"d":`, strings.Split(client[at:], "\n")[1]} {
				if strings.Contains(string(answer.Body), hidden) {
					t.Errorf("%s is in %s", hidden, answer.Body)
				}
			}
		}
		var all wire.KeysResponse
		list.Decode(&all)
		var names []string
		for _, k := range all.Keys {
			names = append(names, k.Name)
		}
		if want := []string{"Default signing key", "hmac", "n", "pair"}; !slices.Equal(names, want) {
			t.Errorf("keys %q, want %q", names, want)
		}
		for query, want := range map[string]int{"": 4, "name=N": 2, "algorithm=HS256": 2, "type=EC": 1, "type=EC&algorithm=RS256": 0, "numberOfResults=1": 4} {
			var r wire.KeySearchResponse
			s.Call("GET", "/api/key/search?"+query, nil).Want(200).Decode(&r)
			if r.Total != want {
				t.Errorf("?%s finds %d, want %d", query, r.Total, want)
			}
		}
		if got := s.Call("GET", "/api/key/search?algorithm=HS265", nil).Want(400); !strings.Contains(string(got.Body), "Did you mean HS256?") {
			t.Errorf("%s", got.Body)
		}

		// Everything that is wrong, at once.
		bad := s.Call("POST", "/api/key/generate/"+keyID, `{"key":{"algorithm":"RS257","name":"HMAC","kid":"`+made["kid"].(string)+`"}}`).Want(400)
		codes := bad.Codes()
		slices.Sort(codes)
		if want := []string{"[duplicate]key.kid", "[duplicate]key.name", "[duplicate]keyId", "[invalid]key.algorithm"}; !slices.Equal(codes, want) {
			t.Errorf("codes %v, want %v", codes, want)
		}
		if got := s.Call("POST", "/api/key/generate", `{"key":{"algorithm":7,"length":"long","name":"x"}}`).Want(400).Codes(); len(got) != 2 {
			t.Errorf("wrong types: %v", got)
		}

		if a := s.Call("DELETE", "/api/key/"+keyID, nil).Want(200); len(a.Body) > 0 {
			t.Errorf("the answer has a body: %s", a.Body)
		}
		for _, method := range []string{"GET", "DELETE"} {
			if a := s.Call(method, "/api/key/"+keyID, nil).Want(404); len(a.Body) > 0 {
				t.Errorf("%s: a 404 with a body: %s", method, a.Body)
			}
		}
		s.Call("PUT", "/api/key/"+keyID, `{"key":{"name":"x"}}`).Want(404)
	})
}

// A key stays as long as anything names it: a webhook in any of its members, a tenant, an application, and the default key for all others.
func TestKeyAPI_InUse(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("POST", "/api/key/generate/"+keyID, `{"key":{"algorithm":"Ed25519","name":"n"}}`).Want(200)
		refused := func(id, why string) {
			t.Helper()
			a := s.Call("DELETE", "/api/key/"+id, nil).Want(400)
			if got := a.Codes(); !slices.Equal(got, []string{"[inUse]keyId"}) || !strings.Contains(string(a.Body), why) {
				t.Errorf("%s: %s", why, a.Body)
			}
		}
		refused(defaultKey, "every tenant that names no other")
		hook := s.Subscribe("https://example.com", nil)
		for _, member := range []string{
			`"sslCertificateKeyId":"` + keyID + `"`, `"signatureConfiguration":{"signingKeyId":"` + keyID + `"}`,
			`"signatureConfiguration":{"enabled":true,"signingKeyId":"` + defaultKey + `","secondarySigningKeyId":"` + strings.ToUpper(keyID) + `"}`,
			`"signatureConfiguration":{"standardWebhooks":{"enabled":true,"signingKeyId":"` + keyID + `"}}`,
		} {
			s.Call("PUT", "/api/webhook/"+string(hook), `{"webhook":{"url":"https://example.com","connectTimeout":1,"readTimeout":1,`+member+`}}`).Want(200)
			refused(keyID, "the webhook "+string(hook))
		}
		s.Call("DELETE", "/api/webhook/"+string(hook), nil).Want(200)
		for _, member := range []string{"accessTokenKeyId", "idTokenKeyId"} {
			s.Call("PUT", "/api/tenant/"+string(s.Tenant), `{"tenant":{"name":"Default","jwtConfiguration":{"`+member+`":"`+keyID+`"}}}`).Want(200)
			refused(keyID, "the tenant Default")
		}
		s.Call("PUT", "/api/tenant/"+string(s.Tenant), `{"tenant":{"name":"Default"}}`).Want(200)
		s.Call("DELETE", "/api/key/"+keyID, nil).Want(200)
	})
}

// Keys outlive restarts, the default one as it was made the first time.
func TestKeyAPI_Restart(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		r := egresstest.NewReceiver(t)
		s.Call("POST", "/api/key/generate/"+keyID, `{"key":{"algorithm":"ES512","name":"n"}}`).Want(200)
		for _, id := range []string{keyID, defaultKey} {
			s.Subscribe(r.URL, []string{"user.create"}, func(w *wire.Webhook) {
				w.SignatureConfiguration = wire.SignatureConfiguration{Enabled: true, SigningKeyID: wire.ID(id)}
			})
		}
		s.Enable(wire.AbsoluteMajority, "user.create")
		before := s.Call("GET", "/api/key", nil).Want(200).Body
		var published []byte
		for range 2 {
			s.Call("POST", "/api/user", user(db.NewID()+"@example.com")).Want(200)
			jwks := s.Call("GET", "/.well-known/jwks.json", nil, "Authorization", "").Want(200)
			if got := jwks.Header.Get("Cache-Control"); got != "public, max-age=300" || jwks.Header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", jwks.Header)
			}
			if published != nil && string(published) != string(jwks.Body) {
				t.Errorf("the key set has changed:\n%s\n%s", published, jwks.Body)
			}
			published = jwks.Body
			if after := s.Call("GET", "/api/key", nil).Want(200).Body; string(after) != string(before) {
				t.Errorf("the keys have changed:\n%s\n%s", before, after)
			}
			keys, err := webhooktest.ParseJWKS(published)
			if err != nil || len(keys) != 1 {
				t.Fatalf("%v in %s", err, published)
			}
			verified := 0
			for _, q := range r.WaitFor(2) {
				if h, _, err := webhooktest.VerifyJWT(q.Header.Get("X-FusionAuth-Signature-JWT"), q.Body, keys); err == nil {
					verified++
				} else if h.Algorithm != "HS256" {
					t.Errorf("%+v: %v", h, err)
				}
			}
			if verified != 1 {
				t.Errorf("%d signatures verify with the key set, want 1", verified)
			}
			r.Forget()
			s.Restart()
		}
	})
}
