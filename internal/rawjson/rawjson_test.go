package rawjson_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/herald-events/herald/internal/rawjson"
)

func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":{"b":[1,"}"]},"c":"\\\"","d":null , "e" : -1e5 }`, `{"\u0061":"x","a":"y"}`, `{"a":[],"b":{}}`, `{"":""}`, "{\"a\":\n\ttrue\r}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want map[string]json.RawMessage
		if json.Unmarshal(text, &want) != nil || want == nil {
			return
		}
		got := map[string]json.RawMessage{}
		for m := range rawjson.Members(text) {
			got[m.Name] = m.Value
			if !bytes.Equal(text[m.From:m.To], m.Value) {
				t.Errorf("%q does not stand at %d to %d", m.Value, m.From, m.To)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the members %s, want %s", text, got, want)
		}
	})
}

func FuzzElements(f *testing.F) {
	for _, seed := range []string{`[]`, ` [ ] `, `[1]`, `[{"a":"]"}, "b,", [1,2],null]`, `["\\"]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []json.RawMessage
		if json.Unmarshal(text, &want) != nil || want == nil {
			return
		}
		got := []json.RawMessage{}
		for e := range rawjson.Elements(text) {
			got = append(got, e)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the elements %s, want %s", text, got, want)
		}
	})
}
