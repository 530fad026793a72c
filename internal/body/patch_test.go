package body

import (
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/problem"
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
	for name, test := range map[string]struct {
		kind   Kind
		patch  string
		change func(*wire.Webhook)
	}{
		"nothing":    {AppendPatch, `{}`, func(*wire.Webhook) {}},
		"one member": {AppendPatch, `{"webhook":{"description":"new"}}`, func(w *wire.Webhook) { w.Description = "new" }},
		"null removes": {AppendPatch, `{"webhook":{"description":null,"headers":{"A":null},"data":{"deep":{"b":null}},"nothing":null}}`, func(w *wire.Webhook) {
			w.Description = ""
			delete(w.Headers, "A")
			w.Data = wire.Object{"list": []any{"x"}, "deep": map[string]any{"a": "1"}}
		}},
		"null in a new object": {AppendPatch, `{"webhook":{"data":{"new":{"a":null,"b":{"c":null}}}}}`, func(w *wire.Webhook) {
			w.Data["new"] = map[string]any{"b": map[string]any{}}
		}},
		"objects merge": {AppendPatch, `{"webhook":{"headers":{"C":"3"},"eventsEnabled":{"user.delete":"true"}}}`, func(w *wire.Webhook) {
			w.Headers["C"] = "3"
			w.EventsEnabled["user.delete"] = true
		}},
		"arrays are appended to": {AppendPatch, `{"webhook":{"tenantIds":["` + string(tenantB) + `"],"data":{"list":["y"]}}}`, func(w *wire.Webhook) {
			w.TenantIDs = append(w.TenantIDs, tenantB)
			w.Data["list"] = []any{"x", "y"}
		}},
		"another type": {AppendPatch, `{"webhook":{"data":{"list":{"a":1},"deep":[1]}}}`, func(w *wire.Webhook) {
			w.Data = wire.Object{"list": map[string]any{"a": 1}, "deep": []any{1}}
		}},
		"merge patch replaces arrays": {MergePatch, `{"webhook":{"tenantIds":["` + string(tenantB) + `"],"description":null}}`, func(w *wire.Webhook) {
			w.TenantIDs = []wire.ID{tenantB}
			w.Description = ""
		}},
		"operations": {JSONPatch, `[
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
		"large numbers": {AppendPatch, `{"webhook":{"data":{"n":12345678901234567890}}}`, func(w *wire.Webhook) {
			w.Data["n"] = uint64(12345678901234567890)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := patched()
			test.change(&want)
			var got wire.WebhookRequest
			if err := Patch(test.kind, wire.WebhookRequest{Webhook: patched()}, []byte(test.patch), &got, 1<<20); err != nil {
				t.Fatal(err)
			}
			if got, want := encoded(t, got), encoded(t, wire.WebhookRequest{Webhook: want}); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPatch_Refuses(t *testing.T) {
	t.Parallel()
	double := `{"op":"copy","from":"/webhook/data","path":"/webhook/data/list/-"}`
	for name, test := range map[string]struct {
		kind         Kind
		patch, codes string
	}{
		"malformed":            {AppendPatch, `{`, "[invalidJSON]"},
		"malformed operations": {JSONPatch, `[`, "[invalidJSON]"},
		"no object":            {AppendPatch, `[]`, "[invalidJSON]"},
		"null":                 {MergePatch, `null`, "[invalidJSON]"},
		"no array":             {JSONPatch, `{}`, "[invalidPatch]"},
		"no operations":        {JSONPatch, `[1]`, "[invalidPatch]"},
		"no path":              {JSONPatch, `[{"op":"add","value":1}]`, "[invalidPatch]"},
		"unknown operation":    {JSONPatch, `[{"op":"spam","path":"/webhook"}]`, "[invalidPatch]"},
		"failed test":          {JSONPatch, `[{"op":"test","path":"/webhook/url","value":"http://other"}]`, "[invalidPatch]"},
		"missing member":       {JSONPatch, `[{"op":"remove","path":"/webhook/nothing"}]`, "[invalidPatch]"},
		"missing element":      {JSONPatch, `[{"op":"replace","path":"/webhook/tenantIds/7","value":"x"}]`, "[invalidPatch]"},
		"index from the end":   {JSONPatch, `[{"op":"remove","path":"/webhook/tenantIds/-1"}]`, "[invalidPatch]"},
		"huge index":           {JSONPatch, `[{"op":"add","path":"/webhook/tenantIds/1000000000","value":"x"}]`, "[invalidPatch]"},
		"copies without end":   {JSONPatch, "[" + strings.Repeat(double+",", 60) + double + "]", "[invalidPatch]"},
		"too many operations":  {JSONPatch, "[" + strings.Repeat(double+",", 1000) + double + "]", "[invalidPatch]"},
		"no root":              {JSONPatch, `[{"op":"replace","path":"","value":[]}]`, "[invalidJSON]"},
		"wrong types":          {AppendPatch, `{"webhook":{"url":1,"readTimeout":"x"}}`, "[couldNotConvert]webhook.readTimeout [couldNotConvert]webhook.url"},
		"wrong result":         {JSONPatch, `[{"op":"add","path":"/webhook/headers","value":[]}]`, "[couldNotConvert]webhook.headers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ok := problem.As(Patch(test.kind, wire.WebhookRequest{Webhook: patched()}, []byte(test.patch), new(wire.WebhookRequest), 1<<20))
			if !ok || p.Kind != problem.Invalid {
				t.Fatalf("%v, want %s", p, test.codes)
			}
			var codes []string
			for _, f := range p.Fields {
				codes = append(codes, f.Code)
			}
			for _, g := range p.General {
				codes = append(codes, g.Code)
			}
			slices.Sort(codes)
			if got := strings.Join(codes, " "); got != test.codes {
				t.Errorf("%s, want %s", got, test.codes)
			}
		})
	}
}

// FuzzPatch: as FuzzDecode, for the three kinds of PATCH.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"webhook":{"url":null,"tenantIds":[]}}`, `[{"op":"add","path":"/webhook/url","value":"x"}]`, `[{"op":"copy","from":"","path":"/a"}]`,
		`[{"op":"move","from":"/webhook","path":"/webhook/url"}]`, `[{"op":"test","path":"","value":null}]`, `[{"op":"remove","path":""}]`,
		`[null]`, `[{"op":null}]`, `[{"op":"replace","path":"/webhook/tenantIds/-","value":{}}]`, `[{"op":"add","path":"/webhook/headers/~2"}]`,
	} {
		f.Add([]byte(seed))
	}
	text, err := Encode(wire.WebhookRequest{Webhook: patched()})
	if err != nil {
		f.Fatal(err)
	}
	before, err := parse(text)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		change, err := parse(data)
		if err != nil {
			return
		}
		for _, kind := range []Kind{AppendPatch, MergePatch, JSONPatch} {
			after, err := apply(kind, before, change, 1<<16)
			if err == nil {
				err = Decode(after.append(nil), new(wire.WebhookRequest))
			}
			if _, ok := problem.As(err); err != nil && !ok {
				t.Fatal(err)
			}
		}
		if fresh, err := parse(text); err != nil || !equal(before, fresh) {
			t.Fatalf("a patch changed the document it was applied to: %v", err)
		}
	})
}
