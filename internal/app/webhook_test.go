package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

const (
	hookID  = "5f0c6f0a-3a3e-4b0e-9d0a-1b2c3d4e5f60"
	nowhere = "00000000-0000-4000-8000-00000000dead"
)

// tree is the JSON with its numbers as they are written.
func tree(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

func (h hook) object(name string) map[string]any {
	o, _ := h[name].(map[string]any)
	return o
}

// hook is a webhook as JSON.
type hook map[string]any

func hookOf(t *testing.T, a apptest.Answer) hook {
	t.Helper()
	h, ok := tree(t, a.Want(200).Body)["webhook"].(map[string]any)
	if !ok {
		t.Fatalf("no webhook in %s", a.Body)
	}
	return h
}

func createTenant(s *apptest.Server, name string, webhooks ...wire.ID) wire.ID {
	var r wire.TenantResponse
	s.Call("POST", "/api/tenant", wire.TenantRequest{Tenant: wire.Tenant{Name: name}, WebhookIDs: webhooks}).Want(200).Decode(&r)
	return r.Tenant.ID
}

// fullHook has every member that a webhook can have, as a client would send it.
func fullHook(t *testing.T, tenants ...wire.ID) string {
	t.Helper()
	pem, _ := json.Marshal(strings.ReplaceAll(egresstest.NewAuthority(t).ClientPEM("full"), "\n", "\r\n"))
	ids, _ := json.Marshal(tenants)
	return `{"webhook":{
		"connectTimeout":1000,"readTimeout":2000,"description":"CRM <sync> & more – ünïcödé 💡",
		"data":{"owner":"crm","id":12345678901234567890,"price":1.10,"tiny":1e-400,"deep":[{"a":[]},{},"",false,0],"markup":"<a href=\"?x&y\">"},
		"eventsEnabled":{"user.create":true,"user.delete":false,"audit-log.create":true},
		"global":false,"enabled":false,"headers":{"X-Api-Key":"s3cret; with \"quotes\"","x-lower":"inner  blanks"},
		"httpAuthenticationUsername":"fa","httpAuthenticationPassword":"pw: \"ß\" \\ and more",
		"signatureConfiguration":{"enabled":false},"sslCertificate":` + string(pem) + `,
		"tenantIds":` + string(ids) + `,"url":"https://crm.example.com:8443/hook?token=a%20b&x=<>"}}`
}

// Clients write an object, read it back and compare every member.
func TestWebhookAPI_RoundTrip(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		other := createTenant(s, "Other")
		tenants := []wire.ID{s.Tenant, other}
		slices.Sort(tenants)
		sent := fullHook(t, tenants...)
		want := hook(tree(t, []byte(sent))["webhook"].(map[string]any))
		want["sslCertificate"] = strings.TrimSpace(want["sslCertificate"].(string))
		compare := func(when string, got hook) {
			t.Helper()
			for _, instant := range []string{"insertInstant", "lastUpdateInstant"} {
				if n, err := got[instant].(json.Number).Int64(); err != nil || time.Since(time.UnixMilli(n)).Abs() > time.Minute {
					t.Errorf("%s: %s is %v", when, instant, got[instant])
				}
			}
			got = maps.Clone(got)
			maps.DeleteFunc(got, func(name string, _ any) bool { return name == "id" || strings.HasSuffix(name, "Instant") })
			for name := range got {
				if !reflect.DeepEqual(got[name], want[name]) {
					t.Errorf("%s: %s is %v, want %v", when, name, got[name], want[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: members %v, want %v", when, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
		}

		created := hookOf(t, s.Call("POST", "/api/webhook/"+strings.ToUpper(hookID), sent))
		if created["id"] != hookID {
			t.Errorf("created under %v", created["id"])
		}
		compare("POST", created)
		compare("GET", hookOf(t, s.Call("GET", "/api/webhook/"+hookID, nil)))

		// An object that was read can be written back, whatever of it the server decides itself.
		read := s.Call("GET", "/api/webhook/"+hookID, nil).Body
		compare("PUT of what was read", hookOf(t, s.Call("PUT", "/api/webhook/"+hookID, read)))
		strange := strings.Replace(sent, `"url":`, `"id":"`+nowhere+`","insertInstant":1,"lastUpdateInstant":"2","applicationIds":["x"],"unknown":{},"url":`, 1)
		put := hookOf(t, s.Call("PUT", "/api/webhook/"+hookID, strange))
		compare("PUT", put)
		if put["id"] != hookID || put["insertInstant"] != created["insertInstant"] {
			t.Errorf("PUT changed id or insertInstant: %v %v", put["id"], put["insertInstant"])
		}
		compare("GET after PUT", hookOf(t, s.Call("GET", "/api/webhook/"+hookID, nil)))
		var list struct{ Webhooks []json.RawMessage }
		s.Call("GET", "/api/webhook", nil).Want(200).Decode(&list)
		if len(list.Webhooks) != 1 {
			t.Fatalf("the list has %d webhooks", len(list.Webhooks))
		}
		compare("list", tree(t, list.Webhooks[0]))

		// What PUT leaves out is back at its default, and absent from the answer where it is empty. Only the ends of texts are trimmed.
		minimal := hookOf(t, s.Call("PUT", "/api/webhook/"+hookID, `{"webhook":{"url":" http://127.0.0.1:9 ","connectTimeout":"1","readTimeout":1.0,
			"enabled":"true","headers":{" X-A ":" a  b "},"httpAuthenticationUsername":" u ","httpAuthenticationPassword":"\tp p\n","data":null}}`))
		want = hook{
			"url": "http://127.0.0.1:9", "connectTimeout": json.Number("1"), "readTimeout": json.Number("1"), "global": false,
			"eventsEnabled": map[string]any{}, "signatureConfiguration": map[string]any{"enabled": false}, "data": map[string]any{},
			"headers": map[string]any{"X-A": "a  b"}, "httpAuthenticationUsername": "u", "httpAuthenticationPassword": "p p",
		}
		compare("PUT of little", minimal)
		compare("GET of little", hookOf(t, s.Call("GET", "/api/webhook/"+hookID, nil)))

		// Without an id one is chosen.
		random := hookOf(t, s.Call("POST", "/api/webhook", fullHook(t)))
		if id, _ := random["id"].(string); len(id) != 36 || id == hookID {
			t.Errorf("id %v", random["id"])
		}
	})
}

func TestWebhookAPI_Patch(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		other := createTenant(s, "Other")
		s.Call("POST", "/api/webhook/"+hookID, fullHook(t, s.Tenant)).Want(200)
		before := hookOf(t, s.Call("GET", "/api/webhook/"+hookID, nil))
		patch := func(kind, body string) hook {
			t.Helper()
			return hookOf(t, s.Call("PATCH", "/api/webhook/"+hookID, body, "Content-Type", kind))
		}
		const ours, merge, operations = "application/json", "application/merge-patch+json", "application/json-patch+json"

		// The original kind: objects merge, null removes, arrays grow.
		h := patch(ours, `{"webhook":{"description":null,"enabled":null,"tenantIds":["`+string(other)+`"],"eventsEnabled":{"user.update":true,"user.create":null},"headers":{"x-lower":null,"X-New":"1"}}}`)
		if got := h["tenantIds"].([]any); len(got) != 2 || !slices.Contains(got, any(string(other))) || !slices.Contains(got, any(string(s.Tenant))) {
			t.Errorf("tenantIds after an added one: %v", got)
		}
		if want := map[string]any{"user.update": true, "user.delete": false, "audit-log.create": true}; !reflect.DeepEqual(h["eventsEnabled"], want) {
			t.Errorf("eventsEnabled %v, want %v", h["eventsEnabled"], want)
		}
		if want := map[string]any{"X-Api-Key": `s3cret; with "quotes"`, "X-New": "1"}; !reflect.DeepEqual(h["headers"], want) {
			t.Errorf("headers %v, want %v", h["headers"], want)
		}
		_, described := h["description"]
		_, enabled := h["enabled"]
		if described || enabled {
			t.Errorf("null did not remove: %v %v", h["description"], h["enabled"])
		}
		if !reflect.DeepEqual(h["data"], before["data"]) || h["sslCertificate"] != before["sslCertificate"] || h["httpAuthenticationPassword"] != before["httpAuthenticationPassword"] {
			t.Errorf("what was not mentioned has changed: %v", h)
		}
		// The same element once more is no second one.
		if got := patch(ours, `{"webhook":{"tenantIds":["`+string(other)+`"]}}`)["tenantIds"].([]any); len(got) != 2 {
			t.Errorf("tenantIds %v", got)
		}

		// RFC 7396: arrays are replaced.
		h = patch(merge, `{"webhook":{"tenantIds":["`+string(other)+`"],"data":{"deep":null,"id":98765432109876543210}}}`)
		if got := h["tenantIds"].([]any); len(got) != 1 || got[0] != string(other) {
			t.Errorf("tenantIds after a merge patch: %v", got)
		}
		if data := h.object("data"); data["id"] != json.Number("98765432109876543210") || data["owner"] != "crm" || len(data) != 5 {
			t.Errorf("data after a merge patch: %v", data)
		}

		// RFC 6902: operations.
		h = patch(operations, `[{"op":"test","path":"/webhook/connectTimeout","value":1000},{"op":"replace","path":"/webhook/connectTimeout","value":1500},
			{"op":"add","path":"/webhook/tenantIds/-","value":"`+string(s.Tenant)+`"},{"op":"remove","path":"/webhook/headers/X-New"},
			{"op":"copy","from":"/webhook/data/owner","path":"/webhook/data/a~1b"}]`)
		if h["connectTimeout"] != json.Number("1500") || len(h["tenantIds"].([]any)) != 2 || len(h.object("headers")) != 1 || h.object("data")["a/b"] != "crm" {
			t.Errorf("after the operations: %v", h)
		}

		// What a patch makes must be valid, and a patch that fails changes nothing.
		after := hookOf(t, s.Call("GET", "/api/webhook/"+hookID, nil))
		for body, code := range map[string]string{
			`{"webhook":{"url":null}}`:                                "[blank]webhook.url",
			`{"webhook":{"readTimeout":-1,"description":"x"}}`:        "[invalid]webhook.readTimeout",
			`{"webhook":null}`:                                        "[blank]webhook.url",
			`{"webhook":{"tenantIds":["` + nowhere + `"]}}`:           "[invalid]webhook.tenantIds",
			`{"webhook":{"tenantIds":"` + string(s.Tenant) + `"}}`:    "[couldNotConvert]webhook.tenantIds",
			`{"webhook":{"eventsEnabled":{"user.created.it":true}}}`:  "[invalid]webhook.eventsEnabled",
			`{"webhook":{"headers":{"x-api-key":"the same header"}}}`: "[duplicate]webhook.headers",
		} {
			a := s.Call("PATCH", "/api/webhook/"+hookID, body).Want(400)
			if !slices.Contains(a.Codes(), code) {
				t.Errorf("%s: codes %v, want %s", body, a.Codes(), code)
			}
		}
		s.Call("PATCH", "/api/webhook/"+hookID, `[{"op":"test","path":"/webhook/global","value":true},{"op":"remove","path":"/webhook/url"}]`, "Content-Type", operations).Want(400)
		if now := hookOf(t, s.Call("GET", "/api/webhook/"+hookID, nil)); !reflect.DeepEqual(now, after) {
			t.Errorf("patches that were refused have changed the webhook:\n%v\n%v", now, after)
		}
		s.Call("PATCH", "/api/webhook/"+nowhere, `{"webhook":{}}`).Want(404)
		s.Call("PUT", "/api/webhook/"+nowhere, fullHook(t)).Want(404)
	})
}

func TestWebhookAPI_Search(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		other := createTenant(s, "Other")
		for i, h := range []wire.Webhook{
			{URL: "https://a.example.com/CRM", Description: "Ätna 100%", Global: true},
			{URL: "https://b.example.com/crm", Description: "under_score", TenantIDs: []wire.ID{s.Tenant}},
			{URL: "https://c.example.com/erp", Description: "a * star", TenantIDs: []wire.ID{other, s.Tenant}},
			{URL: "https://d.example.com/erp", TenantIDs: []wire.ID{other}},
			{URL: "https://e.example.com/none", Description: "underXscore"},
		} {
			h.ConnectTimeout, h.ReadTimeout = 1, 1
			s.Call("POST", fmt.Sprintf("/api/webhook/%c0000000-0000-4000-8000-000000000000", 'a'+i), wire.WebhookRequest{Webhook: h}).Want(200)
		}
		// The webhooks are known by the first letters of their ids.
		letters := func(a apptest.Answer) string {
			t.Helper()
			var r wire.WebhookSearchResponse
			a.Want(200).Decode(&r)
			found := fmt.Sprint(r.Total, " ")
			for _, h := range r.Webhooks {
				found += string(h.ID[:1])
			}
			return found
		}
		for query, want := range map[string]string{
			"":                          "5 edcba",
			"url=CRM&orderBy=url":       "2 ab",
			"url=%20crm%20&orderBy=url": "2 ab",
			"url=https://*.example.com/e*&orderBy=id": "2 cd",
			"url=*crm":                                                   "2 ba",
			"url=crm*":                                                   "0 ",
			"description=ätna":                                           "1 a",
			"description=%C3%84TNA%20100%25":                             "1 a",
			"description=100%25*":                                        "0 ",
			"description=under_":                                         "1 b",
			"description=a%20**%20s":                                     "1 c",
			"description=under*score&orderBy=id%20desc":                  "2 eb",
			"description=\\":                                             "0 ",
			"tenantId=" + string(s.Tenant) + "&orderBy=id":               "3 abc",
			"tenantId=" + string(other) + "&orderBy=id":                  "3 acd",
			"tenantId=" + strings.ToUpper(string(other)) + "&url=crm":    "1 a",
			"tenantId=" + nowhere:                                        "1 a",
			"orderBy=url%20DESC":                                         "5 edcba",
			"orderBy=insertInstant%20ASC,id":                             "5 abcde",
			"orderBy=description,id%20desc":                              "5 dcbea",
			"orderBy=name%20ASC":                                         "5 edcba",
			"orderBy=url%3Bdrop%20table%20webhook":                       "5 edcba",
			"orderBy=id&numberOfResults=2":                               "5 ab",
			"orderBy=id&numberOfResults=2&startRow=2":                    "5 cd",
			"orderBy=id&numberOfResults=2&startRow=4":                    "5 e",
			"orderBy=id&numberOfResults=2&startRow=99":                   "5 ",
			"description=x%27)%20OR%20(%27%27%3D%27":                     "0 ",
			"url=" + strings.Repeat("*a", 400) + "&unknown=1&orderBy=id": "0 ",
		} {
			s.Odd = strings.Contains(query, "unknown")
			if got := letters(s.Call("GET", "/api/webhook/search?"+query, nil)); got != want {
				t.Errorf("?%s finds %q, want %q", query, got, want)
			}
		}
		for body, want := range map[string]string{
			`{}`: "5 edcba",
			`{"search":{"url":"*crm*","tenantId":"` + string(s.Tenant) + `","orderBy":"insertInstant DESC","numberOfResults":25,"startRow":0}}`: "2 ba",
			`{"search":{"numberOfResults":"1","startRow":"3","orderBy":"id"}}`:                                                                  "5 d",
		} {
			if got := letters(s.Call("POST", "/api/webhook/search", body)); got != want {
				t.Errorf("%s finds %q, want %q", body, got, want)
			}
		}
		for query, code := range map[string]string{
			"numberOfResults=-1":                   "[invalid]numberOfResults",
			"numberOfResults=10001":                "[invalid]numberOfResults",
			"startRow=-1":                          "[invalid]startRow",
			"startRow=x":                           "[couldNotConvert]startRow",
			"tenantId=x":                           "[couldNotConvert]tenantId",
			"url=" + strings.Repeat("a", 60<<10-1): "[tooLong]search.url",
		} {
			if got := s.Call("GET", "/api/webhook/search?"+query, nil).Want(400).Codes(); !slices.Equal(got, []string{code}) {
				t.Errorf("?%.40s: codes %v, want %s", query, got, code)
			}
		}
		long := s.Call("POST", "/api/webhook/search", map[string]any{"search": map[string]any{"description": strings.Repeat("*a", 100_000)}}).Want(400)
		if got := long.Codes(); !slices.Equal(got, []string{"[tooLong]search.description"}) {
			t.Errorf("a long description: codes %v", got)
		}
	}, func(o *app.Options) {
		var ticks atomic.Int64 // so that no two webhooks are of one instant
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(ticks.Add(2)) * time.Millisecond) }
	})
}

// What a deleted webhook was still owed is cancelled, and never sent.
func TestWebhookAPI_Delete(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create")
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500))
		deleted, kept := s.Subscribe(r.URL+"/deleted", []string{"user.create"}), s.Subscribe(r.URL+"/kept", []string{"user.create"})
		s.Call("POST", "/api/user", user("delete@example.com")).Want(200)
		s.Eventually(patience, "both webhooks have failed once", func() bool {
			return len(s.Strings(`SELECT webhook_id FROM delivery WHERE attempts = 1 AND claimed_by IS NULL`)) == 2
		})
		if a := s.Call("DELETE", "/api/webhook/"+string(deleted), nil).Want(200); len(a.Body) > 0 {
			t.Errorf("the answer has a body: %s", a.Body)
		}
		s.Eventually(patience, "what was owed to the deleted webhook is cancelled, and nothing else", func() bool {
			states := s.Strings(`SELECT CASE WHEN webhook_id = $1 THEN 'deleted ' ELSE 'kept ' END || state FROM delivery ORDER BY 1`, deleted)
			return slices.Equal(states, []string{"deleted cancelled", "kept retrying"})
		})
		for _, method := range []string{"GET", "DELETE"} {
			if a := s.Call(method, "/api/webhook/"+string(deleted), nil).Want(404); len(a.Body) > 0 {
				t.Errorf("%s: a 404 with a body: %s", method, a.Body)
			}
		}
		s.Call("GET", "/api/webhook/"+string(kept), nil).Want(200)
		r.Forget()
		s.Call("POST", "/api/user", user("after@example.com")).Want(200)
		r.WaitFor(1)
		s.Eventually(patience, "the remaining webhook has failed again", func() bool {
			return len(s.Strings(`SELECT webhook_id FROM delivery WHERE attempts = 1 AND claimed_by IS NULL AND state = 'retrying'`)) == 2
		})
		for _, q := range r.Requests() {
			if q.Path != "/kept" {
				t.Errorf("a request to %s", q.Path)
			}
		}
	}, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{time.Hour} })
}

func TestWebhookAPI_Validation(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("POST", "/api/webhook/"+hookID, fullHook(t)).Want(200)
		before := s.Rows()
		const fine = `"url":"https://example.com","connectTimeout":1,"readTimeout":1`
		for _, c := range []struct {
			path, members string
			codes         string // sorted
		}{
			{"", ``, "[blank]webhook.url [missing]webhook.connectTimeout [missing]webhook.readTimeout"},
			{"", `"url":" ","connectTimeout":0,"readTimeout":""`, "[blank]webhook.url [missing]webhook.connectTimeout [missing]webhook.readTimeout"},
			{"", `"url":"ftp://example.com","connectTimeout":-1,"readTimeout":-2147483649`, "[invalid]webhook.connectTimeout [invalid]webhook.readTimeout [invalid]webhook.url"},
			{"", `"url":"https://example.com","connectTimeout":600001,"readTimeout":1`, "[invalid]webhook.connectTimeout"},
			// Everything at once, the id of the path included.
			{"/" + hookID, `"url":"nowhere","connectTimeout":-1,"readTimeout":0,"eventsEnabled":{"user.creat":true},"tenantIds":["` + nowhere + `"],
				"headers":{"Content-Length":"1"},"httpAuthenticationUsername":"a:b","httpAuthenticationPassword":"a\u0007b","sslCertificate":"no PEM",
				"sslCertificateKeyId":"` + nowhere + `","signatureConfiguration":{"enabled":true}`, strings.Join([]string{
				"[duplicate]webhookId", "[invalid]webhook.connectTimeout", "[invalid]webhook.eventsEnabled", "[invalid]webhook.headers",
				"[invalid]webhook.httpAuthenticationPassword", "[invalid]webhook.httpAuthenticationUsername", "[invalid]webhook.sslCertificate",
				"[invalid]webhook.sslCertificateKeyId", "[invalid]webhook.tenantIds", "[invalid]webhook.url", "[missing]webhook.readTimeout",
				"[missing]webhook.signatureConfiguration.signingKeyId",
			}, " ")},
			{"/" + hookID, fine, "[duplicate]webhookId"},
			{"", fine + `,"signatureConfiguration":{"enabled":true,"signingKeyId":"` + nowhere + `"}`, "[invalid]webhook.signatureConfiguration.signingKeyId"},
			{"", fine + `,"eventsEnabled":{"` + strings.Repeat("x", 100) + `":true,"UserCreate":false}`, "[invalid]webhook.eventsEnabled [invalid]webhook.eventsEnabled"},
			{"", fine + `,"headers":{"X-A":"1","x-a":"2"}`, "[duplicate]webhook.headers"},
			{"", fine + `,"headers":{" X-A":"1","X-A":"2"}`, "[duplicate]webhook.headers"},
			{"", fine + `,"description":"` + strings.Repeat("x", 64<<10+1) + `"`, "[tooLong]webhook.description"},
			{"", fine + `,"sslCertificate":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"`, "[invalid]webhook.sslCertificate"},
		} {
			a := s.Call("POST", "/api/webhook"+c.path, `{"webhook":{`+c.members+`}}`).Want(400)
			codes := a.Codes()
			slices.Sort(codes)
			if got := strings.Join(codes, " "); got != c.codes {
				t.Errorf("%.80s…:\n%s, want\n%s", c.members, got, c.codes)
			}
			if strings.Contains(string(a.Body), `Did you mean \"\"`) {
				t.Errorf("a suggestion of nothing: %s", a.Body)
			}
		}
		// Members of a wrong type are all reported too.
		a := s.Call("POST", "/api/webhook", `{"webhook":{"url":5,"connectTimeout":"soon","readTimeout":1.5,"eventsEnabled":{"user.create":"maybe"},"tenantIds":["x"],"headers":{"a":1},"global":"no","data":[]}}`).Want(400)
		codes := a.Codes()
		slices.Sort(codes)
		want := []string{
			"[couldNotConvert]webhook.connectTimeout", "[couldNotConvert]webhook.data", "[couldNotConvert]webhook.eventsEnabled[user.create]",
			"[couldNotConvert]webhook.global", "[couldNotConvert]webhook.headers[a]", "[couldNotConvert]webhook.readTimeout",
			"[couldNotConvert]webhook.tenantIds[0]", "[couldNotConvert]webhook.url",
		}
		if !slices.Equal(codes, want) {
			t.Errorf("codes %v, want %v", codes, want)
		}
		s.Unchanged(before)
	})
}

// Webhooks belong to the whole installation: a key of one tenant has no business with them.
func TestWebhookAPI_RefusesTenantKeys(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("POST", "/api/webhook/"+hookID, fullHook(t)).Want(200)
		key := createKey(s, wire.APIKey{TenantID: s.Tenant})
		limited := createKey(s, wire.APIKey{Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{"/api/webhook": {"GET"}}}})
		for _, call := range [][2]string{
			{"POST", "/api/webhook"},
			{"POST", "/api/webhook/" + nowhere},
			{"GET", "/api/webhook"},
			{"GET", "/api/webhook/" + hookID},
			{"PUT", "/api/webhook/" + hookID},
			{"PATCH", "/api/webhook/" + hookID},
			{"DELETE", "/api/webhook/" + hookID},
			{"GET", "/api/webhook/search"},
			{"POST", "/api/webhook/search"},
			{"POST", "/api/webhook/" + hookID + "/test"},
		} {
			var body any
			if call[0] != "GET" {
				body = fullHook(t)
			}
			for who, key := range map[string]string{"a tenant's key": key, "no key": "", "an unknown key": "nobody knows me"} {
				if a := s.Call(call[0], call[1], body, "Authorization", key); a.Status != 401 || len(a.Body) > 0 {
					t.Errorf("%s %s with %s: status %d, body %q", call[0], call[1], who, a.Status, a.Body)
				}
			}
			want := 401
			if call[0] == "GET" && !strings.HasSuffix(call[1], "search") {
				want = 200
			}
			if got := s.Call(call[0], call[1], body, "Authorization", limited).Status; got != want {
				t.Errorf("%s %s with a key for GET only: status %d, want %d", call[0], call[1], got, want)
			}
		}
		s.Call("GET", "/api/webhook/"+hookID, nil).Want(200)
	})
}

func createKey(s *apptest.Server, k wire.APIKey) string {
	var r wire.APIKeyResponse
	s.Call("POST", "/api/api-key", wire.APIKeyRequest{APIKey: k}).Want(200).Decode(&r)
	return r.APIKey.Key
}

// Which webhooks belong to which tenant can be said from both sides.
func TestWebhookAPI_TenantBindings(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		one := s.Subscribe("https://one.example.com", nil, func(w *wire.Webhook) { w.Global = false })
		two := s.Subscribe("https://two.example.com", nil, func(w *wire.Webhook) { w.Global = false })
		global := s.Subscribe("https://global.example.com", nil)
		tenants := func(id wire.ID) []wire.ID {
			t.Helper()
			var r wire.WebhookResponse
			s.Call("GET", "/api/webhook/"+string(id), nil).Want(200).Decode(&r)
			return r.Webhook.TenantIDs
		}
		expect := func(when string, id wire.ID, want ...wire.ID) {
			t.Helper()
			slices.Sort(want)
			if got := tenants(id); !slices.Equal(got, want) {
				t.Errorf("%s: tenants %v, want %v", when, got, want)
			}
		}
		acme := createTenant(s, "Acme", one, global)
		expect("created with one", one, acme)
		expect("created with one", two)
		expect("a global webhook needs no binding", global)

		path := "/api/tenant/" + string(acme)
		s.Call("PATCH", path, `{"tenant":{"data":{"x":1}}}`).Want(200)
		expect("PATCH without webhookIds", one, acme)
		s.Call("PATCH", path, map[string]any{"webhookIds": []wire.ID{two}}).Want(200)
		expect("PATCH with the other", one)
		expect("PATCH with the other", two, acme)
		s.Call("PUT", path, map[string]any{"tenant": map[string]any{"name": "Acme"}, "webhookIds": []wire.ID{one, two}}).Want(200)
		expect("PUT with both", one, acme)
		expect("PUT with both", two, acme)
		if codes := s.Call("PUT", path, map[string]any{"tenant": map[string]any{"name": " "}, "webhookIds": []wire.ID{nowhere}}).Want(400).Codes(); len(codes) != 2 {
			t.Errorf("codes %v, want those of name and webhookIds", codes)
		}
		expect("PUT that was refused", one, acme)
		s.Call("PUT", path, `{"tenant":{"name":"Acme"}}`).Want(200)
		expect("PUT without webhookIds", one)

		s.Call("PATCH", "/api/webhook/"+string(one), map[string]any{"webhook": map[string]any{"tenantIds": []wire.ID{acme, s.Tenant}}}).Want(200)
		expect("from the other side", one, acme, s.Tenant)
		var found wire.WebhookSearchResponse
		s.Call("GET", "/api/webhook/search?tenantId="+string(acme), nil).Want(200).Decode(&found)
		if found.Total != 2 {
			t.Errorf("%d webhooks of the tenant, want the bound one and the global one", found.Total)
		}
		s.Call("DELETE", path, nil).Want(200)
		expect("tenant deleted", one, s.Tenant)
		s.Call("PUT", "/api/webhook/"+string(one), s.Call("GET", "/api/webhook/"+string(one), nil).Body).Want(200)
	})
}

func TestWebhookTest(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		before := s.Published()
		r := egresstest.NewReceiver(t)
		// Switched off, without any event, for no tenant: it can be tried all the same, that is what trying is for.
		id := s.Subscribe(r.URL+"/hook?token=query-0123456789", nil, func(w *wire.Webhook) {
			w.Enabled, w.Global = new(bool), false
			w.Headers = map[string]string{"X-Api-Key": "header-0123456789"}
			w.HTTPAuthenticationUsername, w.HTTPAuthenticationPassword = "herald", "password-0123456789"
		})
		path := "/api/webhook/" + string(id) + "/test"
		try := func(body string) wire.WebhookAttempt {
			t.Helper()
			var response wire.WebhookTestResponse
			s.Call("POST", path, body).Want(200).Decode(&response)
			return response.Attempt
		}

		r.Script(egresstest.Answer(201, map[string][]string{"X-Echo": {"header-0123456789"}}, "thanks for password-0123456789"))
		a := try(`{"type":"user.create"}`)
		sent := r.WaitFor(1)[0]
		example, err := event.Example("user.create")
		if err != nil || !bytes.Equal(sent.Body, example) {
			t.Errorf("sent %s, want the example of the type; %v", sent.Body, err)
		}
		if user, password, ok := basicAuth(sent); !ok || user != "herald" || password != "password-0123456789" || sent.Header.Get("X-Api-Key") != "header-0123456789" {
			t.Errorf("sent with %v", sent.Header)
		}
		if a.WebhookID != id || a.URL != r.URL+"/hook?token=…" || a.Outcome != "accepted" || a.StatusCode != 201 || a.Exception != "" ||
			a.StartInstant == 0 || a.EndInstant < a.StartInstant || a.DurationMicros <= 0 ||
			a.ResponseBody != "thanks for (hidden)" || a.ResponseHeaders["X-Echo"] != "(hidden)" || a.ResponseSize != 30 || a.ResponseTruncated ||
			a.RequestHeaders["X-Api-Key"] != "(hidden)" {
			t.Errorf("attempt %+v", a)
		}

		// A given event goes out as it is: its numbers, its markup, members nobody knows, a type nobody knows.
		r.Forget()
		r.Script(egresstest.Status(503))
		const given = `{"type":"my.own","x":12345678901234567890,"markup":"<&>","id":"not a UUID","nested":{"a":[1.10]}}`
		if a = try(`{"event":` + given + `}`); a.Outcome != "refused" || a.StatusCode != 503 {
			t.Errorf("attempt %+v", a)
		}
		if body := r.WaitFor(1)[0].Body; string(body) != `{"event":`+given+`}` {
			t.Errorf("sent %s", body)
		}
		r.Script(egresstest.Reset())
		if a = try(`{"event":{}}`); a.Outcome != "reset" || a.StatusCode != 0 || a.Exception == "" {
			t.Errorf("attempt %+v", a)
		}

		// It is on record as a test, and nowhere among what happened.
		kinds := s.Strings(`SELECT a.kind || ' ' || a.outcome || ' ' || e.type || ' ' || e.result FROM attempt a, event e WHERE e.test AND a.kind = 'test' AND substr(a.id, 13, 1) = CAST(e.sequence % 10 AS TEXT) ORDER BY e.sequence`)
		if want := []string{"test accepted user.create Succeeded", "test refused my.own Failed", "test reset  Failed"}; !slices.Equal(kinds, want) {
			t.Errorf("on record: %q, want %q", kinds, want)
		}
		if owed := s.Strings(`SELECT webhook_id FROM delivery`); len(owed) > 0 {
			t.Errorf("%d deliveries are owed after a test", len(owed))
		}
		if got := s.Published(); !slices.Equal(got, before) {
			t.Errorf("published: %v, before the tests %v", got, before)
		}

		r.Forget()
		stored := s.Rows()
		for _, c := range []struct {
			path, body string
			status     int
			codes      []string
			says       string
		}{
			{path, `{"type":"user.created"}`, 400, []string{"[invalid]type"}, "user.create"},
			{path, `{"type":"` + strings.Repeat("x", 200) + `"}`, 400, []string{"[invalid]type"}, ""},
			{path, `{}`, 400, []string{"[missing]event"}, ""},
			{path, `{"event":null}`, 400, []string{"[missing]event"}, ""},
			{path, `{"event":{},"type":"user.create"}`, 400, []string{"[invalid]type"}, ""},
			{path, `{"event":"text"}`, 400, []string{"[invalid]event"}, ""},
			{path, `{"event":[]}`, 400, []string{"[invalid]event"}, ""},
			{path, `{"event":5}`, 400, []string{"[invalid]event"}, ""},
			{path, `{"event":{"type":5}}`, 400, []string{"[invalid]event"}, ""},
			{path, `{"event":{"type":"` + strings.Repeat("x", 201) + `","tenantId":"` + strings.Repeat("x", 65) + `"}}`, 400, []string{"[tooLong]event.tenantId", "[tooLong]event.type"}, ""},
			{path, `{"event":{"text":"\u0000"}}`, 400, []string{"[invalidJSON]"}, ""},
			{path, `not JSON`, 400, []string{"[invalidJSON]"}, ""},
			{path, ``, 400, []string{"[invalidJSON]"}, ""},
			{path, `{"event":{}`, 400, []string{"[invalidJSON]"}, ""},
			{"/api/webhook/no-uuid/test", `{"type":"user.create"}`, 400, []string{"[couldNotConvert]webhookId"}, ""},
			{"/api/webhook/" + nowhere + "/test", `{"type":"user.create"}`, 404, nil, ""},
		} {
			a := s.Call("POST", c.path, c.body).Want(c.status)
			if c.status == 404 {
				if len(a.Body) > 0 {
					t.Errorf("a 404 with a body: %s", a.Body)
				}
				continue
			}
			if got := slices.Sorted(slices.Values(a.Codes())); !slices.Equal(got, c.codes) || !strings.Contains(string(a.Body), c.says) || strings.Contains(string(a.Body), `mean \"\"`) {
				t.Errorf("%.60s: %s, want %v", c.body, a.Body, c.codes)
			}
		}
		s.Call("POST", path, `{"type":"user.create"}`, "Content-Type", "text/plain").Want(400)
		if n := len(r.Requests()); n > 0 {
			t.Errorf("%d requests were sent for bad input", n)
		}
		s.Unchanged(stored)
	})
}

// Wrong types and broken rules are reported in one answer.
func TestWebhook_AllErrorsAtOnce(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	answer := s.Call("POST", "/api/webhook", `{"webhook": {"url": "ftp://x", "connectTimeout": -1, "readTimeout": "abc",
		"eventsEnabled": {"nope": true, "user.create": "maybe"}, "sslCertificate": "no pem", "headers": {"Host": "x"}, "tenantIds": ["x"]}}`).Want(400)
	codes := answer.Codes()
	slices.Sort(codes)
	want := []string{
		"[couldNotConvert]webhook.eventsEnabled[user.create]", "[couldNotConvert]webhook.readTimeout", "[couldNotConvert]webhook.tenantIds[0]",
		"[invalid]webhook.connectTimeout", "[invalid]webhook.eventsEnabled", "[invalid]webhook.headers", "[invalid]webhook.sslCertificate", "[invalid]webhook.url",
	}
	if !slices.Equal(codes, want) {
		t.Errorf("codes\n%v, want\n%v", codes, want)
	}
}
