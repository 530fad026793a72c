package event

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

// FuzzCustom: what another system publishes under a type of its own survives decoding and encoding, member by member.
func FuzzCustom(f *testing.F) {
	for _, seed := range []string{
		`{"type":"custom.order.paid","amount":1.0,"user":{"password":null},"ID":1}`, `{"type":"custom.a","info":{"data":{}},"x":[1e400,"\u2028<&>"],"":{}}`,
		`{"type":"custom.a.complete","id":"10000000-0000-4000-8000-000000000042","createInstant":17,"tenantId":"t","linkedObjectId":"o"}`, `{"type":"custom..a"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := Decode(slices.Concat([]byte(`{"event":`), raw, []byte(`}`)))
		if err != nil {
			return
		}
		e, ok := p.(*CustomEvent)
		if !ok {
			return
		}
		body, err := Encode(e)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		var came map[string]json.RawMessage
		var went struct{ Event map[string]json.RawMessage }
		if err := json.Unmarshal(raw, &came); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(body, &went); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		for _, name := range headerMembers {
			delete(came, name)
			delete(went.Event, name)
		}
		same := func(a, b json.RawMessage) bool {
			var x, y bytes.Buffer
			return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
		}
		if !maps.EqualFunc(came, went.Event, same) {
			t.Errorf("%s\nbecame %s", raw, body)
		}
	})
}
