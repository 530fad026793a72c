package app_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/webhook/webhooktest"
	"github.com/herald-events/herald/wire"
)

const hmacSecret = "a secret that somebody told the receiver"

// Votes, deliveries, retries and tests carry the same signatures, and the receiver of each can verify them with what it can know.
func TestSignature_OfEveryAttempt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		s.Enable(wire.None, "user.create.complete")
		r := egresstest.NewReceiver(t)
		r.On("user.create.complete", egresstest.Status(500), egresstest.Accept())
		s.Call("POST", "/api/key/generate/"+keyID, `{"key":{"algorithm":"RS256","name":"first","length":2048}}`).Want(200)
		hmac := keyOf(t, s.Call("POST", "/api/key/import", map[string]any{"key": map[string]any{"algorithm": "HS256", "name": "second", "secret": hmacSecret}}))
		hook := s.Subscribe(r.URL, []string{"user.create", "user.create.complete"}, func(w *wire.Webhook) {
			w.SignatureConfiguration = wire.SignatureConfiguration{
				Enabled: true, SigningKeyID: keyID, SecondarySigningKeyID: wire.ID(hmac["id"].(string)), Claims: true,
				StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: wire.ID(hmac["id"].(string))},
			}
		})
		s.Call("POST", "/api/user", user("signed@example.com")).Want(200)
		r.WaitFor(3) // vote, delivery, retry
		var test wire.WebhookTestResponse
		s.Call("POST", "/api/webhook/"+string(hook)+"/test", `{"type":"user.delete"}`).Want(200).Decode(&test)
		if got := test.Attempt.RequestHeaders; got["X-FusionAuth-Signature-JWT"] == "" || got["webhook-signature"] == "" {
			t.Errorf("the answer to a test shows the headers %v", got)
		}

		public, err := webhooktest.ParseJWKS(s.Call("GET", "/.well-known/jwks.json", nil, "Authorization", "").Want(200).Body)
		if err != nil {
			t.Fatal(err)
		}
		secret := []webhooktest.Key{{KID: hmac["kid"].(string), Algorithm: "HS256", Public: []byte(hmacSecret)}}
		tokens := map[string][]string{}
		for i, q := range r.Requests() {
			var body struct {
				Event struct{ ID, Type string }
			}
			if err := json.Unmarshal(q.Body, &body); err != nil {
				t.Fatal(err)
			}
			_, claims, err := webhooktest.VerifyJWT(q.Header.Get("X-FusionAuth-Signature-JWT"), q.Body, public)
			if err != nil {
				t.Errorf("request %d, %s: %v", i, body.Event.Type, err)
			}
			if _, _, err := webhooktest.VerifyJWT(q.Header.Get("X-Herald-Signature-JWT-Secondary"), q.Body, secret); err != nil {
				t.Errorf("request %d, %s, secondary: %v", i, body.Event.Type, err)
			}
			id := q.Header.Get("webhook-id")
			if err := webhooktest.VerifyStandard(id, q.Header.Get("webhook-timestamp"), q.Header.Get("webhook-signature"), q.Body, secret, time.Now()); err != nil {
				t.Errorf("request %d, %s: %v", i, body.Event.Type, err)
			}
			if id == "" || claims["eventId"] != id || body.Event.ID != id {
				t.Errorf("request %d, %s: webhook-id %s, claims %v, event %s", i, body.Event.Type, id, claims, body.Event.ID)
			}
			tokens[body.Event.Type] = append(tokens[body.Event.Type], q.Header.Get("X-FusionAuth-Signature-JWT"))
		}
		if retried := tokens["user.create.complete"]; len(retried) != 2 || retried[0] != retried[1] {
			t.Errorf("a retry is signed anew: %q", retried)
		}
		// Nobody can put a signature of their own in the place of ours.
		for _, name := range []string{"x-fusionauth-signature-jwt", "X-Herald-Signature-JWT-Secondary", "Webhook-Signature", "webhook-id"} {
			a := s.Call("PATCH", "/api/webhook/"+string(hook), map[string]any{"webhook": map[string]any{"headers": map[string]string{name: "forged"}}}).Want(400)
			if got := a.Codes(); !slices.Equal(got, []string{"[invalid]webhook.headers"}) {
				t.Errorf("%s: %v", name, got)
			}
		}
	}, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{10 * time.Millisecond} })
}

// What is ours in a webhook comes back as it was sent, can be patched, and is absent while it has its default.
func TestWebhookAPI_OwnMembers(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("POST", "/api/key/generate/"+keyID, `{"key":{"algorithm":"Ed25519","name":"n"}}`).Want(200)
		const ours = `"concurrency":4,"rateLimit":0.5,"ordering":"linkedObject","retryConfiguration":{"delays":[5,30,604800]},"sslCertificateKeyId":"` + keyID + `",
			"signatureConfiguration":{"enabled":true,"signingKeyId":"` + keyID + `","secondarySigningKeyId":"` + defaultKey + `","claims":true,"standardWebhooks":{"enabled":true}},
			"eventsEnabled":{"custom.order.paid":true}`
		body := `{"webhook":{"url":"https://example.com","connectTimeout":1,"readTimeout":1,` + ours + `,"disabledReason":"mine","disabledInstant":1}}`
		want := hook(tree(t, []byte("{"+ours+"}")))
		compare := func(when string, got hook) {
			t.Helper()
			for name, value := range want {
				if !reflect.DeepEqual(got[name], value) {
					t.Errorf("%s: %s is %v, want %v", when, name, got[name], value)
				}
			}
			if got["disabledReason"] != nil || got["disabledInstant"] != nil {
				t.Errorf("%s: what the server alone says: %v", when, got)
			}
		}
		path := "/api/webhook/" + hookID
		compare("POST", hookOf(t, s.Call("POST", path, body)))
		read := s.Call("GET", path, nil)
		compare("GET", hookOf(t, read))
		compare("PUT of what was read", hookOf(t, s.Call("PUT", path, read.Body)))

		patched := hookOf(t, s.Call("PATCH", path, `{"webhook":{"concurrency":null,"retryConfiguration":{"delays":[1]},"rateLimit":"100","signatureConfiguration":{"claims":false,"secondarySigningKeyId":null}}}`))
		delete(want, "concurrency")
		want["retryConfiguration"] = map[string]any{"delays": []any{json.Number("5"), json.Number("30"), json.Number("604800"), json.Number("1")}} // this kind of PATCH appends
		want["rateLimit"] = json.Number("100")
		want["signatureConfiguration"] = map[string]any{"enabled": true, "signingKeyId": keyID, "standardWebhooks": map[string]any{"enabled": true}}
		compare("PATCH", patched)
		patched = hookOf(t, s.Call("PATCH", path, `{"webhook":{"retryConfiguration":{"delays":[]}}}`, "Content-Type", "application/merge-patch+json"))
		want["retryConfiguration"] = map[string]any{"delays": []any{}}
		compare("merge patch", patched)

		before := s.Rows()
		a := s.Call("PATCH", path, `{"webhook":{"concurrency":1000,"rateLimit":-0.1,"ordering":"all","retryConfiguration":{"delays":[0]},"eventsEnabled":{"custom.Order":true},
			"signatureConfiguration":{"secondarySigningKeyId":"`+keyID+`","standardWebhooks":{"signingKeyId":"`+nowhere+`"}}}}`).Want(400)
		codes := a.Codes()
		slices.Sort(codes)
		if want := []string{
			"[invalid]webhook.concurrency", "[invalid]webhook.eventsEnabled", "[invalid]webhook.ordering", "[invalid]webhook.rateLimit", "[invalid]webhook.retryConfiguration.delays",
			"[invalid]webhook.signatureConfiguration.secondarySigningKeyId", "[invalid]webhook.signatureConfiguration.standardWebhooks.signingKeyId",
		}; !slices.Equal(codes, want) {
			t.Errorf("codes %v, want %v", codes, want)
		}
		for members, code := range map[string]string{
			`"concurrency":"many"`: "[couldNotConvert]webhook.concurrency", `"rateLimit":1e999`: "[couldNotConvert]webhook.rateLimit", `"ordering":1`: "[couldNotConvert]webhook.ordering",
			`"retryConfiguration":{"delays":[1.5]}`:              "[couldNotConvert]webhook.retryConfiguration.delays[3]",
			`"signatureConfiguration":{"standardWebhooks":true}`: "[couldNotConvert]webhook.signatureConfiguration.standardWebhooks",
		} {
			if got := s.Call("PATCH", path, `{"webhook":{`+members+`}}`).Want(400).Codes(); len(got) != 1 || got[0][:20] != code[:20] {
				t.Errorf("%s: codes %v, want %s", members, got, code)
			}
		}
		s.Unchanged(before)

		plain := hookOf(t, s.Call("PUT", path, `{"webhook":{"url":"https://example.com","connectTimeout":1,"readTimeout":1,"retryConfiguration":{},"rateLimit":0,"ordering":""}}`))
		if got := slices.Sorted(maps.Keys(plain)); strings.Join(got, " ") !=
			"connectTimeout data eventsEnabled global id insertInstant lastUpdateInstant readTimeout signatureConfiguration url" || len(plain.object("signatureConfiguration")) != 1 {
			t.Errorf("a plain webhook has %v", plain)
		}
	})
}

// Every reason why an event does not arrive is named, with the request that removes it; doing all of them makes it arrive.
func TestExplain(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		r := egresstest.NewReceiver(t)
		hook := s.Subscribe(r.URL, nil, func(w *wire.Webhook) { w.Enabled, w.Global = new(bool), false })
		path := "/api/webhook/" + string(hook) + "/explain"
		explain := func(query string) wire.Explanation {
			t.Helper()
			var response wire.WebhookExplainResponse
			s.Call("GET", path+"?"+query, nil).Want(200).Decode(&response)
			return response.Explanation
		}
		closed := func(e wire.Explanation) string {
			t.Helper()
			var names []string
			for _, g := range e.Gates {
				if !g.Open {
					names = append(names, g.Gate)
				}
				if g.Detail == "" || g.Open && g.Fix != "" {
					t.Errorf("gate %+v", g)
				}
			}
			if e.Receives != (len(names) == 0) || e.WebhookID != hook {
				t.Errorf("%+v", e)
			}
			return strings.Join(names, " ")
		}
		create := "eventType=user.create&tenantId=" + string(s.Tenant)
		for query, want := range map[string]string{
			create: "tenantEvent webhookEnabled webhookEvent tenantBinding",
			"eventType=custom.order.paid&tenantId=" + strings.ToUpper(string(s.Tenant)): "eventType tenantEvent webhookEnabled webhookEvent tenantBinding",
			"eventType=event-log.create":                               "webhookEnabled webhookEvent",
			"eventType=kickstart.success&tenantId=" + string(s.Tenant): "webhookEnabled webhookEvent",
			"eventType=audit-log.create":                               "webhookEnabled webhookEvent",
			"eventType=audit-log.create&tenantId=" + string(s.Tenant):  "webhookEnabled webhookEvent tenantBinding",
		} {
			if got := closed(explain(query)); got != want {
				t.Errorf("?%s: closed are %q, want %q", query, got, want)
			}
		}

		for _, query := range []string{create, "eventType=custom.order.paid&tenantId=" + string(s.Tenant)} {
			for range 5 {
				e := explain(query)
				if e.Receives {
					break
				}
				i := slices.IndexFunc(e.Gates, func(g wire.ExplainedGate) bool { return !g.Open })
				fix := strings.SplitN(e.Gates[i].Fix, " ", 3)
				if len(fix) != 3 {
					t.Fatalf("no fix for %+v", e.Gates[i])
				}
				s.Call(fix[0], fix[1], fix[2]).Want(200)
				if after := explain(query); !after.Gates[i].Open {
					t.Errorf("%s has not opened %+v", e.Gates[i].Fix, after.Gates[i])
				}
			}
			if e := explain(query); !e.Receives {
				t.Errorf("after all fixes: %+v", e)
			}
		}
		s.Call("POST", "/api/user", user("explained@example.com")).Want(200)
		if got := r.WaitFor(1)[0].Event(); got != "user.create" {
			t.Errorf("arrived: %s", got)
		}

		for query, codes := range map[string]string{
			"":                                               "[blank]eventType",
			"eventType=user.create":                          "[missing]tenantId",
			"eventType=custom.order.paid":                    "[missing]tenantId",
			"tenantId=" + nowhere:                            "[blank]eventType [invalid]tenantId",
			create[:21] + "&tenantId=x":                      "[couldNotConvert]tenantId",
			"eventType=UserCreate":                           "[invalid]eventType",
			"eventType=UserCreate&tenantId=x":                "[couldNotConvert]tenantId [invalid]eventType",
			"eventType=custom.Order":                         "[invalid]eventType",
			create[:21] + "&tenantId=" + nowhere:             "[invalid]tenantId",
			"eventType=audit-log.create&tenantId=" + nowhere: "[invalid]tenantId",
			"eventType=" + strings.Repeat("x", 5000):         "[invalid]eventType",
		} {
			a := s.Call("GET", path+"?"+query, nil).Want(400)
			got := a.Codes()
			slices.Sort(got)
			if strings.Join(got, " ") != codes {
				t.Errorf("?%.60s: %v, want %s", query, got, codes)
			}
			if strings.Contains(query, "UserCreate") && !strings.Contains(string(a.Body), "user.create") {
				t.Errorf("no suggestion in %s", a.Body)
			}
		}
		s.Call("GET", "/api/webhook/"+nowhere+"/explain?"+create, nil).Want(404)
		s.Call("GET", path+"?"+create, nil, "Authorization", createKey(s, wire.APIKey{TenantID: s.Tenant})).Want(401)
		s.Call("POST", path, `{}`).Want(405)
	})
}

// A tenant registers custom types among its events; a webhook may want them before.
func TestCustomTypes_AreSettings(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		path := "/api/tenant/" + string(s.Tenant)
		s.Call("PATCH", path, `{"tenant":{"eventConfiguration":{"events":{"custom.order.paid":{"enabled":true,"transactionType":"Any"},"custom.order.paid.complete":{"enabled":true,"transactionType":"Any"}}}}}`).Want(200)
		var got wire.TenantResponse
		s.Call("GET", path, nil).Want(200).Decode(&got)
		events := got.Tenant.EventConfiguration.Events
		if len(events) != 2 || events["custom.order.paid"] != (wire.EventSetting{Enabled: true, TransactionType: wire.Any}) ||
			events["custom.order.paid.complete"] != (wire.EventSetting{Enabled: true, TransactionType: wire.None}) {
			t.Errorf("events %+v", events)
		}
		a := s.Call("PATCH", path, `{"tenant":{"eventConfiguration":{"events":{"custom.":{},"custom.UP":{},"custom.`+strings.Repeat("x", 94)+`":{}}}}}`).Want(400)
		if codes := a.Codes(); len(codes) != 3 || !strings.Contains(string(a.Body), "lower-case letters") {
			t.Errorf("%s", a.Body)
		}
		hook := s.Subscribe("https://example.com", []string{"custom.anything.at-all_1"})
		if a := s.Call("POST", "/api/webhook/"+string(hook)+"/test", `{"type":"custom.order.paid"}`).Want(400); !strings.Contains(string(a.Body), "no examples of custom types") {
			t.Errorf("%s", a.Body)
		}
	})
}
