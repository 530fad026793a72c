package api

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/wire"
)

// without removes members that differ from run to run.
func (a answerTo) without(t *testing.T, members ...string) answerTo {
	t.Helper()
	doc := tree(t, a.body).(map[string]any)
	for _, object := range doc {
		for _, m := range members {
			delete(object.(map[string]any), m)
		}
	}
	text, err := body.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	a.body = string(text)
	return a
}

func TestAPIKey_Lifecycle(t *testing.T) {
	each(t, tenants{tenantA, tenantB}, func(t *testing.T, h *herald) {
		instants := []string{"insertInstant", "lastUpdateInstant"}
		const path = "/api/api-key/" + string(someID)
		h.do("GET", path, "").expect(t, 404, "")
		h.do("PUT", path, `{"apiKey":{}}`).expect(t, 404, "")
		h.do("DELETE", path, "").expect(t, 404, "")

		h.do("POST", path, `{"apiKey":{"key":"ci","name":"CI","permissions":{"endpoints":{"/probe":["GET"]}},
			"metaData":{"attributes":{"description":"x"}},"keyManager":"false","unknown":1}}`).without(t, instants...).
			expect(t, 200, `{"apiKey":{"id":"`+string(someID)+`","key":"ci","name":"CI","keyManager":false,"retrievable":true,
				"permissions":{"endpoints":{"/probe":["GET"]}},"metaData":{"attributes":{"description":"x"}}}}`)
		h.do("GET", "/probe/global", "", withKey("ci")).expect(t, 200, `{"got":""}`)
		h.do("POST", path, `{"apiKey":{"key":"ci","name":"CI"}}`).
			expectCodes(t, 400, "[duplicate]apiKey.key [duplicate]apiKey.name [duplicate]keyId")

		h.do("PATCH", path, `{"apiKey":{"permissions":{"endpoints":{"/probe":["POST"]}},"metaData":null}}`).without(t, instants...).
			expect(t, 200, `{"apiKey":{"id":"`+string(someID)+`","key":"ci","name":"CI","keyManager":false,"retrievable":true,
				"permissions":{"endpoints":{"/probe":["GET","POST"]}}}}`)
		h.do("PATCH", path, `[{"op":"replace","path":"/apiKey/permissions/endpoints/~1probe","value":["POST"]}]`, with("Content-Type", typeJSONPatch)).
			without(t, instants...).
			expect(t, 200, `{"apiKey":{"id":"`+string(someID)+`","key":"ci","name":"CI","keyManager":false,"retrievable":true,
				"permissions":{"endpoints":{"/probe":["POST"]}}}}`)
		h.do("GET", "/probe/global", "", withKey("ci")).expect(t, 401, "")

		// What the Go client sends with PUT: all booleans, whether anybody set them or not.
		h.do("PUT", path, `{"apiKey":{"keyManager":false,"retrievable":false,"metaData":{},"permissions":{}}}`).without(t, instants...).
			expect(t, 200, `{"apiKey":{"id":"`+string(someID)+`","key":"ci","keyManager":false,"retrievable":true}}`)
		h.do("GET", path, "").without(t, instants...).
			expect(t, 200, `{"apiKey":{"id":"`+string(someID)+`","key":"ci","keyManager":false,"retrievable":true}}`)
		h.do("DELETE", path, "").expect(t, 200, "")
		h.do("GET", "/probe/tenant", "", withKey("ci")).expect(t, 401, "")
		h.do("GET", path, "").expect(t, 404, "")
	})
}

func TestAPIKey_NotRetrievableIsShownOnce(t *testing.T) {
	each(t, tenants{tenantA}, func(t *testing.T, h *herald) {
		const path = "/api/api-key/" + string(someID)
		h.do("POST", path, `{"apiKey":{"retrievable":false}}`).expectCodes(t, 400, "[blank]apiKey.name")
		created := h.do("POST", path, `{"apiKey":{"retrievable":false,"name":"once"}}`)
		if !strings.Contains(created.body, `"key":"`) {
			t.Fatalf("created %s", created.body)
		}
		for _, a := range []answerTo{h.do("GET", path, ""), h.do("PATCH", path, `{"apiKey":{"name":"again"}}`)} {
			if a.status != 200 || strings.Contains(a.body, `"key":`) {
				t.Errorf("status %d, %s", a.status, a.body)
			}
		}
	})
}

func TestAPIKey_Refuses(t *testing.T) {
	each(t, tenants{tenantA}, func(t *testing.T, h *herald) {
		for body, codes := range map[string]string{
			`{"apiKey":{"tenantId":"` + string(nowhere) + `"}}`:     "[invalid]apiKey.tenantId",
			`{"apiKey":{"tenantId":"x","expirationInstant":"x"}}`:   "[couldNotConvert]apiKey.expirationInstant [couldNotConvert]apiKey.tenantId",
			`{"apiKey":{"keyManager":true}}`:                        "[invalid]apiKey.keyManager",
			`{"apiKey":{"expirationInstant":5}}`:                    "[invalid]apiKey.expirationInstant",
			`{"apiKey":{"permissions":{"endpoints":{"/a":"GET"}}}}`: "[couldNotConvert]apiKey.permissions.endpoints[/a]",
			`{"sourceKeyId":"` + string(nowhere) + `"}`:             "[invalid]sourceKeyId",
		} {
			h.do("POST", "/api/api-key", body).expectCodes(t, 400, codes)
		}
		h.do("POST", "/api/api-key/x", `{}`).expectCodes(t, 400, "[couldNotConvert]keyId")
		h.do("GET", "/api/api-key/x", "").expectCodes(t, 400, "[couldNotConvert]keyId")
	})
}

func TestAPIKey_OfManagersOnly(t *testing.T) {
	each(t, tenants{tenantA, tenantB}, func(t *testing.T, h *herald) {
		ofA := withKey(h.key(wire.APIKey{KeyManager: true, TenantID: tenantA}))
		const path = "/api/api-key/" + string(someID)
		plain := withKey(h.key(wire.APIKey{}))
		for _, method := range []string{"POST", "GET", "PUT", "PATCH", "DELETE"} {
			h.do(method, path, `{}`, plain).expect(t, 401, "")
		}
		h.do("POST", path, `{"apiKey":{"tenantId":"`+string(tenantB)+`"}}`, ofA).expectCodes(t, 400, "[invalid]apiKey.tenantId")
		created := h.do("POST", path, `{"apiKey":{}}`, ofA)
		if !strings.Contains(created.body, `"tenantId":"`+string(tenantA)+`"`) {
			t.Errorf("a tenant's manager made %s", created.body)
		}
		h.do("POST", "/api/api-key", `{"sourceKeyId":"`+string(someID)+`","apiKey":{"key":"copy"}}`, ofA)
		h.do("GET", "/probe/tenant", "", withKey("copy")).expect(t, 200, `{"got":"`+string(tenantA)+`"}`)

		h.key(wire.APIKey{Key: "of-b", TenantID: tenantB})
		k, err := h.keys.Authenticate(t.Context(), "of-b")
		if err != nil {
			t.Fatal(err)
		}
		ofB := "/api/api-key/" + string(k.ID())
		h.do("GET", ofB, "", ofA).expect(t, 404, "")
		h.do("DELETE", ofB, "", ofA).expect(t, 404, "")

		limited := withKey(h.key(wire.APIKey{KeyManager: true, Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{"/probe": {"GET"}}}}))
		h.do("GET", ofB, "", limited).expect(t, 401, "")
		h.do("POST", "/api/api-key", `{"apiKey":{}}`, limited).expectCodes(t, 400, "[invalid]apiKey.permissions.endpoints")
	})
}
