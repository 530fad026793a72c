package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish/publishtest"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// world is the API on a real store with the default tenant A and the logs.
type world struct {
	*herald

	journal *journal.Journal
	bound   *sync.Map // tenant → []wire.ID
}

func eachWorld(t *testing.T, fn func(t *testing.T, w world)) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, newWorld(t, engine))
		})
	}
}

func newWorld(t *testing.T, engine db.Engine) world {
	t.Helper()
	d := dbtest.Open(t, engine)
	w := world{journal: journal.New(d), bound: &sync.Map{}}
	tenants := tenant.New(d, key.NewSealer(make([]byte, key.Size)))
	tenants.Bindings = w
	if err := tenants.Bootstrap(t.Context(), tenantA); err != nil {
		t.Fatal(err)
	}
	applications := applicationsOf(t, d, tenants)
	w.herald = serve(t, d, Services{Tenancy: tenants, Tenants: tenants, Applications: applications, Journal: w.journal})
	return w
}

// applicationsOf returns the applications of a store whose changes nobody is asked about.
func applicationsOf(t *testing.T, d *db.DB, tenants *tenant.Service) *application.Service {
	t.Helper()
	sealer := key.NewSealer(make([]byte, key.Size))
	applications := application.New(application.Options{
		DB: d, Events: publishtest.New(d), Tenants: tenants, Keys: key.NewService(d, sealer, tenant.DefaultSigningKeyID), Sealer: sealer,
	})
	if err := applications.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	return applications
}

// Bind knows the webhook someID only.
func (w world) Bind(_ *db.Tx, tenant wire.ID, webhooks []wire.ID) error {
	var v problem.Validation
	for _, id := range webhooks {
		v.Check(id == someID, "webhookIds", "invalid", "There is no such webhook.")
	}
	if err := v.Err(); err != nil {
		return err
	}
	w.bound.Store(tenant, webhooks)
	return nil
}

func (w world) wantBound(t *testing.T, ids ...wire.ID) {
	t.Helper()
	if got, _ := w.bound.Load(tenantB); !slices.Equal(got.([]wire.ID), ids) {
		t.Errorf("bound %v, want %v", got, ids)
	}
}

// member returns the object under a name of the body.
func (a answerTo) member(t *testing.T, name string) map[string]any {
	t.Helper()
	if a.status != 200 {
		t.Fatalf("status %d, body: %s", a.status, a.body)
	}
	object, ok := tree(t, a.body).(map[string]any)[name].(map[string]any)
	if !ok {
		t.Fatalf("no %s in %s", name, a.body)
	}
	return object
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTenant_ClientsWriteAndCompareWholeObjects(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		path := "/api/tenant/" + string(tenantB)
		const sent = `{"tenant":{"name":"B","issuer":"b.example.com","themeId":null,"data":{"big":12345678901234567890,"html":"<&>"},
			"eventConfiguration":{"events":{"user.create":{"enabled":"true","transactionType":"AbsoluteMajority"},"user.email.update":{"enabled":true,"transactionType":"Any"},
				"event-log.create":{"enabled":true,"transactionType":"None"}}},
			"emailConfiguration":{"host":"mail","port":"25","password":"s3cret"},"unknownMember":{"a":[1,{"b":null}]}}}`
		const want = `{"tenant":{"id":"b0000000-0000-4000-8000-00000000000b","state":"Active","name":"B","issuer":"b.example.com","themeId":"75a068fd-e94b-451a-9aeb-3ddb9a3b5987",
			"data":{"big":12345678901234567890,"html":"<&>"},
			"eventConfiguration":{"events":{"user.create":{"enabled":true,"transactionType":"AbsoluteMajority"},"user.email.update":{"enabled":true,"transactionType":"None"}}},
			"emailConfiguration":{"host":"mail","port":"25"},"unknownMember":{"a":[1,{"b":null}]}}}`
		created := w.do("POST", path, sent)
		loaded := w.do("GET", path, "")
		if created.body != loaded.body {
			t.Errorf("POST answered %s\nGET answers %s", created.body, loaded.body)
		}
		replaced := w.do("PUT", path, loaded.body)
		instants := func(a answerTo) answerTo { return a.without(t, "insertInstant", "lastUpdateInstant") }
		instants(loaded).expect(t, 200, want)
		instants(replaced).expect(t, 200, want)
		if strings.Contains(created.body+replaced.body, "s3cret") {
			t.Error("an answer shows the password of the mail server")
		}
		w.do("POST", path, `{"tenant":{"name":"b"}}`).expectCodes(t, 400, "[duplicate]tenant.name [duplicate]tenantId")
	})
}

// What FusionAuth's TypeScript client tests do: post back the default tenant with another name.
func TestTenant_PostBackTheDefaultTenant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		list := tree(t, w.do("GET", "/api/tenant", "").body).(map[string]any)["tenants"].([]any)
		if len(list) != 1 {
			t.Fatalf("%d tenants, want the default one", len(list))
		}
		first := list[0].(map[string]any)
		first["id"], first["name"] = nil, "A new one"
		created := w.do("POST", "/api/tenant", encoded(t, map[string]any{"tenant": first})).member(t, "tenant")
		if created["id"] == string(tenantA) || created["name"] != "A new one" {
			t.Errorf("created %v", created)
		}
		copied := w.do("POST", "/api/tenant", fmt.Sprintf(`{"sourceTenantId":"%s","tenant":{"name":"Copy"}}`, tenantA)).member(t, "tenant")
		if copied["name"] != "Copy" || copied["issuer"] != "acme.com" {
			t.Errorf("copied %v", copied)
		}
	})
}

func TestTenant_Patch(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		path := "/api/tenant/" + string(tenantB)
		w.do("POST", path, `{"tenant":{"name":"B","list":[1],"gone":1,"deep":{"kept":1},"emailConfiguration":{"host":"mail","password":"s3cret"}}}`)
		for _, step := range []struct{ kind, body string }{
			{typeJSON, `{"tenant":{"list":[2],"gone":null,"deep":{"added":2}}}`},
			{typeMergePatch, `{"tenant":{"list":[3],"eventConfiguration":{"events":{"user.create":{"enabled":true}}}}}`},
			{typeJSONPatch, `[{"op":"add","path":"/tenant/list/-","value":4}]`},
		} {
			if a := w.do("PATCH", path, step.body, with("Content-Type", step.kind)); a.status != 200 {
				t.Fatalf("%s: %d %s", step.kind, a.status, a.body)
			}
		}
		w.do("GET", path, "").without(t, "insertInstant", "lastUpdateInstant").expect(t, 200,
			`{"tenant":{"id":"b0000000-0000-4000-8000-00000000000b","name":"B","state":"Active","issuer":"acme.com","themeId":"75a068fd-e94b-451a-9aeb-3ddb9a3b5987","list":[3,4],"deep":{"kept":1,"added":2},
				"emailConfiguration":{"host":"mail"},"eventConfiguration":{"events":{"user.create":{"enabled":true,"transactionType":"None"}}}}}`)
		w.do("PATCH", path, `{"tenant":{"name":" "}}`).expectCodes(t, 400, "[blank]tenant.name")
		w.do("PATCH", "/api/tenant/"+string(nowhere), `{"tenant":{"name":"x"}}`).expect(t, 404, "")
	})
}

func TestTenant_WebhookIDs(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		path := "/api/tenant/" + string(tenantB)
		created := w.do("POST", path, `{"tenant":{"name":"B"},"webhookIds":["`+string(someID)+`"]}`)
		if created.status != 200 || strings.Contains(created.body, "webhookIds") {
			t.Errorf("status %d, body %s; webhookIds are write-only", created.status, created.body)
		}
		w.wantBound(t, someID)
		w.do("PATCH", path, `{"tenant":{"name":"B2"}}`)
		w.wantBound(t, someID)
		w.do("PUT", path, `{"tenant":{"name":""},"webhookIds":["`+string(nowhere)+`"]}`).expectCodes(t, 400, "[blank]tenant.name [invalid]webhookIds")
		w.wantBound(t, someID)
		w.do("PUT", path, `{"tenant":{"name":"B3"}}`)
		w.wantBound(t)
		w.do("PATCH", path, `{"webhookIds":["`+string(someID)+`"]}`)
		w.wantBound(t, someID)
		w.do("PATCH", path, `{"webhookIds":[]}`)
		w.wantBound(t)
	})
}

func TestTenant_WrongInput(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		tests := []struct{ method, path, body, codes string }{
			{"POST", "/api/tenant", `{"tenant":`, "[invalidJSON]"},
			{"POST", "/api/tenant", `{}`, "[blank]tenant.name"},
			{"POST", "/api/tenant", `{"tenant":5}`, "[couldNotConvert]tenant"},
			{"POST", "/api/tenant", `{"tenant":{"name":["x"]}}`, "[couldNotConvert]tenant.name"},
			{"POST", "/api/tenant", `{"tenant":{"name":"x","eventConfiguration":{"events":{"user.create":{"enabled":"maybe"}}}}}`, "[couldNotConvert]tenant.eventConfiguration.events[user.create].enabled"},
			{"POST", "/api/tenant", `{"tenant":{"name":"x","eventConfiguration":{"events":{"no.such":{},"user.create":{"transactionType":"all"}}}}}`, "[invalid]tenant.eventConfiguration.events [invalid]tenant.eventConfiguration.events"},
			{"POST", "/api/tenant", `{"tenant":{"name":"x","multiFactorConfiguration":{"email":{"enabled":true}}}}`, "[missing]tenant.multiFactorConfiguration.email.templateId"},
			{"POST", "/api/tenant", `{"tenant":{"name":"x"},"sourceTenantId":"` + string(nowhere) + `"}`, "[invalid]sourceTenantId"},
			{"POST", "/api/tenant", `{"tenant":{"name":"x"},"webhookIds":["no id"]}`, "[couldNotConvert]webhookIds[0]"},
			{"POST", "/api/tenant/no-id", `{"tenant":{"name":"x"}}`, "[couldNotConvert]tenantId"},
			{"GET", "/api/tenant/no-id", ``, "[couldNotConvert]tenantId"},
			{"DELETE", "/api/tenant/" + string(tenantA), ``, "[invalid]tenantId"},
			{"DELETE", "/api/tenant/" + string(tenantA) + "?async=perhaps", ``, "[couldNotConvert]async"},
			{"GET", "/api/tenant/search?numberOfResults=-1", ``, "[invalid]numberOfResults"},
		}
		for _, tt := range tests {
			a := w.do(tt.method, tt.path, tt.body)
			if a.status != 400 || a.codes(t) != tt.codes {
				t.Errorf("%s %s %s: %d %s, want 400 %s", tt.method, tt.path, tt.body, a.status, a.body, tt.codes)
			}
		}
		deep := w.do("POST", "/api/tenant", `{"tenant":{"name":"deep","x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}}`)
		if deep.status >= 500 {
			t.Errorf("deeply nested member: %d", deep.status)
		}
		if a := w.do("POST", "/api/tenant", "{\"tenant\":{\"name\":\"bytes\",\"x\":\"a\\u0000b\xff\"}}"); a.status >= 500 {
			t.Errorf("bytes that are no text: %d", a.status)
		}
		if list := tree(t, w.do("GET", "/api/tenant", "").body).(map[string]any)["tenants"].([]any); len(list) > 3 {
			t.Errorf("%d tenants; a refused one was stored", len(list))
		}
	})
}

func TestTenant_Delete(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		path := "/api/tenant/" + string(tenantB)
		for _, tt := range []struct {
			query, body string
			status      int
		}{{"", "", 200}, {"?async=true", "", 202}, {"", `{"async":true,"eventInfo":{}}`, 202}, {"?async=false", `{"async":false}`, 200}} {
			w.do("POST", path, `{"tenant":{"name":"B"}}`)
			w.do("DELETE", path, "", with(tenantHeader, string(tenantA))).expect(t, 404, "")
			w.do("DELETE", path+tt.query, tt.body).expect(t, tt.status, "")
			w.do("GET", path, "").expect(t, 404, "")
			w.do("DELETE", path, "").expect(t, 404, "")
		}
	})
}

func TestTenant_KeyOfATenantStaysInside(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		w.do("POST", "/api/tenant/"+string(tenantB), `{"tenant":{"name":"B"}}`)
		b := withKey(w.key(wire.APIKey{TenantID: tenantB}))
		list := tree(t, w.do("GET", "/api/tenant", "", b).body).(map[string]any)["tenants"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["name"] != "B" {
			t.Errorf("the list of a tenant's key: %v", list)
		}
		for _, tt := range []struct {
			method, path, body string
			status             int
		}{
			{"GET", "/api/tenant/" + string(tenantB), "", 200},
			{"PATCH", "/api/tenant/" + string(tenantB), `{"tenant":{"mine":1}}`, 200},
			{"GET", "/api/tenant/" + string(tenantA), "", 404},
			{"PUT", "/api/tenant/" + string(tenantA), `{"tenant":{"name":"taken over"}}`, 404},
			{"PATCH", "/api/tenant/" + string(tenantA), `{"tenant":{"name":"taken over"}}`, 404},
			{"POST", "/api/tenant", `{"tenant":{"name":"C"}}`, 401},
			{"DELETE", "/api/tenant/" + string(tenantB), "", 401},
			{"GET", "/api/tenant/search", "", 401},
			{"GET", "/api/application/" + string(application.AdminID), "", 404},
			{"GET", "/api/system/event-log/search", "", 401},
		} {
			if a := w.do(tt.method, tt.path, tt.body, b); a.status != tt.status {
				t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, a.status, a.body, tt.status)
			}
		}
		w.do("GET", "/api/tenant/search", "", with(tenantHeader, string(tenantA))).expect(t, 401, "")
	})
}

func TestTenant_Search(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		w.do("POST", "/api/tenant", `{"tenant":{"name":"Beta"}}`)
		names := func(a answerTo) string {
			t.Helper()
			var response wire.TenantSearchResponse
			if err := json.Unmarshal([]byte(a.body), &response); err != nil || a.status != 200 {
				t.Fatalf("%d %s: %v", a.status, a.body, err)
			}
			text := fmt.Sprint(response.Total)
			for _, found := range response.Tenants {
				text += " " + found.Name
			}
			return text
		}
		for _, tt := range []struct{ query, body, want string }{
			{"", `{}`, "2 Beta Default"},
			{"?orderBy=name+desc", `{"search":{"orderBy":"name desc"}}`, "2 Default Beta"},
			{"?name=BET*", `{"search":{"name":"BET*"}}`, "1 Beta"},
			{"?name=none", `{"search":{"name":"none"}}`, "0"},
			{"?numberOfResults=1&startRow=1", `{"search":{"numberOfResults":"1","startRow":1}}`, "2 Default"},
		} {
			if got := names(w.do("GET", "/api/tenant/search"+tt.query, "")); got != tt.want {
				t.Errorf("GET %s: %s, want %s", tt.query, got, tt.want)
			}
			if got := names(w.do("POST", "/api/tenant/search", tt.body)); got != tt.want {
				t.Errorf("POST %s: %s, want %s", tt.body, got, tt.want)
			}
		}
	})
}

func TestPasswordRules_NeedNoKey(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		const path = "/api/tenant/password-validation-rules"
		anonymous := func(path string, header wire.ID) answerTo {
			return w.do("GET", path, "", func(r *http.Request) {
				r.Header.Del("Authorization")
				if header != "" {
					r.Header.Set(tenantHeader, string(header))
				}
			})
		}
		minimum := func(a answerTo) any { t.Helper(); return a.member(t, "passwordValidationRules")["minLength"] }
		if got := minimum(anonymous(path, "")); got != json.Number("8") {
			t.Errorf("the only tenant's minLength = %v", got)
		}
		w.do("POST", "/api/tenant/"+string(tenantB), `{"tenant":{"name":"B","passwordValidationRules":{"minLength":12}}}`)
		if got := minimum(anonymous(path, tenantB)); got != json.Number("12") {
			t.Errorf("the header's tenant: minLength = %v", got)
		}
		if got := minimum(anonymous(path+"/"+string(tenantB), "")); got != json.Number("12") {
			t.Errorf("the path's tenant: minLength = %v", got)
		}
		anonymous(path, "").expectCodes(t, 400, "[TenantIdRequired]")
		anonymous(path, "x").expectCodes(t, 400, "[couldNotConvert]tenantId")
		anonymous(path+"/"+string(nowhere), "").expect(t, 404, "")
	})
}

func TestApplication_BuiltIn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		one := w.do("GET", "/api/application/"+string(application.AdminID), "").member(t, "application")
		list := tree(t, w.do("GET", "/api/application", "").body).(map[string]any)["applications"].([]any)
		if diff := cmp.Diff([]any{any(one)}, list); diff != "" {
			t.Errorf("single and list differ:\n%s", diff)
		}
		if one["tenantId"] != string(tenantA) || one["active"] != true {
			t.Errorf("application = %v", slices.Sorted(maps.Keys(one)))
		}
		w.do("GET", "/api/application?inactive=true", "").expect(t, 200, `{"applications":[]}`)
		w.do("GET", "/api/application/"+string(nowhere), "").expect(t, 404, "")
	})
}
