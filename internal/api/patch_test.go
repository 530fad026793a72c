package api

import (
	"strings"
	"testing"

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

func TestPatch(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	for name, test := range map[string]struct {
		kind, body string
		change     func(*wire.Webhook)
	}{
		"nothing":    {typeJSON, `{}`, func(*wire.Webhook) {}},
		"one member": {typeJSON, `{"webhook":{"description":"new"}}`, func(w *wire.Webhook) { w.Description = "new" }},
		"null removes": {typeJSON, `{"webhook":{"description":null,"headers":{"A":null},"data":{"deep":{"b":null}},"nothing":null}}`, func(w *wire.Webhook) {
			w.Description = ""
			delete(w.Headers, "A")
			w.Data = wire.Object{"list": []any{"x"}, "deep": map[string]any{"a": "1"}}
		}},
		"null in a new object": {typeJSON, `{"webhook":{"data":{"new":{"a":null,"b":{"c":null}}}}}`, func(w *wire.Webhook) {
			w.Data["new"] = map[string]any{"b": map[string]any{}}
		}},
		"objects merge": {typeJSON, `{"webhook":{"headers":{"C":"3"},"eventsEnabled":{"user.delete":"true"}}}`, func(w *wire.Webhook) {
			w.Headers["C"] = "3"
			w.EventsEnabled["user.delete"] = true
		}},
		"arrays are appended to": {typeJSON, `{"webhook":{"tenantIds":["` + string(tenantB) + `"],"data":{"list":["y"]}}}`, func(w *wire.Webhook) {
			w.TenantIDs = append(w.TenantIDs, tenantB)
			w.Data["list"] = []any{"x", "y"}
		}},
		"another type": {typeJSON, `{"webhook":{"data":{"list":{"a":1},"deep":[1]}}}`, func(w *wire.Webhook) {
			w.Data = wire.Object{"list": map[string]any{"a": 1}, "deep": []any{1}}
		}},
		"merge patch replaces arrays": {typeMergePatch + "; charset=UTF-8", `{"webhook":{"tenantIds":["` + string(tenantB) + `"],"description":null}}`, func(w *wire.Webhook) {
			w.TenantIDs = []wire.ID{tenantB}
			w.Description = ""
		}},
		"operations": {typeJSONPatch, `[
			{"op":"test","path":"/webhook/url","value":"http://a"},
			{"op":"replace","path":"/webhook/url","value":"http://b?x=<&>"},
			{"op":"add","path":"/webhook/tenantIds/0","value":"` + string(tenantB) + `"},
			{"op":"remove","path":"/webhook/headers/A"},
			{"op":"copy","from":"/webhook/headers/B","path":"/webhook/headers/~1"},
			{"op":"move","from":"/webhook/description","path":"/webhook/data/moved"}]`, func(w *wire.Webhook) {
			w.URL = "http://b?x=<&>"
			w.TenantIDs = []wire.ID{tenantB, tenantA}
			w.Headers = map[string]string{"B": "2", "/": "2"}
			w.Description = ""
			w.Data["moved"] = "old"
		}},
		"large numbers": {typeJSON, `{"webhook":{"data":{"n":12345678901234567890}}}`, func(w *wire.Webhook) {
			w.Data["n"] = uint64(12345678901234567890)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want := patched()
			test.change(&want)
			text, err := encodeJSON(wire.WebhookRequest{Webhook: want})
			if err != nil {
				t.Fatal(err)
			}
			h.do("PATCH", "/probe/echo", test.body, with("Content-Type", test.kind)).expect(t, 200, string(text))
		})
	}
}

func TestPatch_Refuses(t *testing.T) {
	t.Parallel()
	h := once(t, Services{BodyLimit: 1 << 20})
	double := `{"op":"copy","from":"/webhook/data","path":"/webhook/data/list/-"}`
	for name, test := range map[string]struct{ kind, body, codes string }{
		"no type":              {"", `{}`, "[invalidContentType]"},
		"wrong type":           {"text/plain", `{}`, "[invalidContentType]"},
		"malformed":            {typeJSON, `{`, "[invalidJSON]"},
		"malformed operations": {typeJSONPatch, `[`, "[invalidJSON]"},
		"no object":            {typeJSON, `[]`, "[invalidJSON]"},
		"null":                 {typeMergePatch, `null`, "[invalidJSON]"},
		"no array":             {typeJSONPatch, `{}`, "[invalidPatch]"},
		"no operations":        {typeJSONPatch, `[1]`, "[invalidPatch]"},
		"no path":              {typeJSONPatch, `[{"op":"add","value":1}]`, "[invalidPatch]"},
		"unknown operation":    {typeJSONPatch, `[{"op":"spam","path":"/webhook"}]`, "[invalidPatch]"},
		"failed test":          {typeJSONPatch, `[{"op":"test","path":"/webhook/url","value":"http://other"}]`, "[invalidPatch]"},
		"missing member":       {typeJSONPatch, `[{"op":"remove","path":"/webhook/nothing"}]`, "[invalidPatch]"},
		"missing element":      {typeJSONPatch, `[{"op":"replace","path":"/webhook/tenantIds/7","value":"x"}]`, "[invalidPatch]"},
		"index from the end":   {typeJSONPatch, `[{"op":"remove","path":"/webhook/tenantIds/-1"}]`, "[invalidPatch]"},
		"huge index":           {typeJSONPatch, `[{"op":"add","path":"/webhook/tenantIds/1000000000","value":"x"}]`, "[invalidPatch]"},
		"copies without end":   {typeJSONPatch, "[" + strings.Repeat(double+",", 60) + double + "]", "[invalidPatch]"},
		"too many operations":  {typeJSONPatch, "[" + strings.Repeat(double+",", 1000) + double + "]", "[invalidPatch]"},
		"no root":              {typeJSONPatch, `[{"op":"replace","path":"","value":[]}]`, "[invalidJSON]"},
		"wrong types":          {typeJSON, `{"webhook":{"url":1,"readTimeout":"x"}}`, "[couldNotConvert]webhook.readTimeout [couldNotConvert]webhook.url"},
		"wrong result":         {typeJSONPatch, `[{"op":"add","path":"/webhook/headers","value":[]}]`, "[couldNotConvert]webhook.headers"},
	} {
		t.Run(name, func(t *testing.T) {
			h.do("PATCH", "/probe/echo", test.body, with("Content-Type", test.kind)).expectCodes(t, 400, test.codes)
		})
	}
	h.do("PATCH", "/probe/echo", "").expectCodes(t, 400, "[invalidJSON]")
}
