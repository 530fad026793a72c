package api

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/wire"
)

// patched is what the tests of PATCH begin with.
func patched() wire.Webhook {
	return wire.Webhook{
		URL: "http://a", Description: "old", ConnectTimeout: 1000, ReadTimeout: 2000,
		TenantIDs: []wire.ID{tenantA}, Headers: map[string]string{"A": "1", "B": "2"},
		EventsEnabled: wire.Map[bool]{"user.create": true},
		Data:          wire.Object{"list": []any{"x"}, "deep": map[string]any{"a": "1", "b": "2"}},
	}
}

// The Content-Type chooses what kind of patch a body is. What each of them does is tested in package body.
func TestPatch(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	for name, test := range map[string]struct {
		kind, body string
		change     func(*wire.Webhook)
	}{
		"nothing": {typeJSON, `{}`, func(*wire.Webhook) {}},
		"arrays are appended to": {typeJSON, `{"webhook":{"tenantIds":["` + string(tenantB) + `"],"description":null}}`, func(w *wire.Webhook) {
			w.TenantIDs = append(w.TenantIDs, tenantB)
			w.Description = ""
		}},
		"merge patch replaces arrays": {typeMergePatch + "; charset=UTF-8", `{"webhook":{"tenantIds":["` + string(tenantB) + `"],"description":null}}`, func(w *wire.Webhook) {
			w.TenantIDs = []wire.ID{tenantB}
			w.Description = ""
		}},
		"operations": {typeJSONPatch, `[{"op":"replace","path":"/webhook/url","value":"http://b?x=<&>"}]`, func(w *wire.Webhook) { w.URL = "http://b?x=<&>" }},
	} {
		t.Run(name, func(t *testing.T) {
			want := patched()
			test.change(&want)
			text, err := body.Encode(wire.WebhookRequest{Webhook: want})
			if err != nil {
				t.Fatal(err)
			}
			h.do("PATCH", "/probe/echo", test.body, with("Content-Type", test.kind)).expect(t, 200, string(text))
		})
	}
}

func TestPatch_Refuses(t *testing.T) {
	t.Parallel()
	h := once(t, Services{BodyLimit: 1 << 10})
	long := `"` + strings.Repeat("x", 600) + `"`
	for name, test := range map[string]struct{ kind, body, codes string }{
		"no type":    {"", `{}`, "[invalidContentType]"},
		"wrong type": {"text/plain", `{}`, "[invalidContentType]"},
		"malformed":  {typeJSON, `{`, "[invalidJSON]"},
		"no object":  {typeMergePatch, `null`, "[invalidJSON]"},
		"no array":   {typeJSONPatch, `{}`, "[invalidPatch]"},
		"copies beyond the limit of bodies": {
			typeJSONPatch, `[{"op":"add","path":"/a","value":` + long + `},{"op":"copy","from":"/a","path":"/b"},{"op":"copy","from":"/a","path":"/c"}]`, "[invalidPatch]",
		},
		"wrong types":  {typeJSON, `{"webhook":{"url":1,"readTimeout":"x"}}`, "[couldNotConvert]webhook.readTimeout [couldNotConvert]webhook.url"},
		"wrong result": {typeJSONPatch, `[{"op":"add","path":"/webhook/headers","value":[]}]`, "[couldNotConvert]webhook.headers"},
	} {
		t.Run(name, func(t *testing.T) {
			h.do("PATCH", "/probe/echo", test.body, with("Content-Type", test.kind)).expectCodes(t, 400, test.codes)
		})
	}
	h.do("PATCH", "/probe/echo", "").expectCodes(t, 400, "[invalidJSON]")
}
