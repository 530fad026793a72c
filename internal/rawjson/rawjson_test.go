package rawjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/rawjson"
)

func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":{"b":[1,"}"]},"c":"\\\"","d":null , "e" : -1e5 }`, `{"\u0061":"x","a":"y"}`, `{"a":[],"b":{}}`, `{"":""}`, "{\"a\":\n\ttrue\r}",
		`{"a":"\\","b":["\\\"]"],"c":{"}":"{"}}`,
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
			got[string(m.Name)] = m.Value
			if !bytes.Equal(text[m.From:m.To], m.Value) {
				t.Errorf("%q does not stand at %d to %d", m.Value, m.From, m.To)
			}
			checkText(t, m.Value)
		}
		if !reflect.DeepEqual(got, want) && utf8.Valid(text) { // names that are not UTF-8 are only told apart here
			t.Errorf("%s has the members %s, want %s", text, got, want)
		}
	})
}

func FuzzElements(f *testing.F) {
	for _, seed := range []string{`[]`, ` [ ] `, `[1]`, `[{"a":"]"}, "b,", [1,2],null]`, `["\\"]`, "[\"\\u0041\\ud800\",-0.5e+7 ,\n[[]]]"} {
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
			checkText(t, e)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the elements %s, want %s", text, got, want)
		}
	})
}

func checkText(t *testing.T, value []byte) {
	t.Helper()
	if !utf8.Valid(value) {
		return
	}
	var want any
	if err := json.Unmarshal(value, &want); err != nil {
		return // a number that no float64 can hold
	}
	text, is := rawjson.Text(value)
	if said, isString := want.(string); is != isString || string(text) != said {
		t.Errorf("%s says %q (%t), want %q (%t)", value, text, is, said, isString)
	}
}

func TestSound(t *testing.T) {
	t.Parallel()
	members := func(n int, more string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"m%d":%d,`, i, i)
		}
		return "{" + b.String() + more + "}"
	}
	for text, want := range map[string]bool{
		`{}`: true, ` { } `: true, `[]`: true, `"x"`: true, `1`: true, "\n1\t": true, `null`: true, `true`: true, `false`: true,
		``: false, ` `: false, `nul`: false, `nulll`: false, `True`: false, `{}{}`: false, `{} x`: false, "\ufeff{}": false, "\u00a0{}": false,
		`{"a":1,"b":{"a":1}}`: true, `{"a":1,"a":1}`: false, `{"a":1,"\u0061":1}`: false, `{"a":1,"A":1}`: true, `{"x":{"a":1,"a":2}}`: false,
		`[{"a":1},{"a":1}]`: true, `{"a":{},"b":{},"a":{}}`: false,
		`{"\u0000":1}`: false, `{"a":"\u0000"}`: false, `"\\u0000"`: true, `"\u0001"`: true, "\"\x00\"": false, "\"\n\"": false, "\"\x7f\"": true,
		"\"\xff\"": false, "{\"\xc3\":1}": false, `"\ud800"`: true, `{"\ud800":1,"\udfff":1}`: false,
		`"\x"`: false, `"\u12"`: false, `"\u12g4"`: false, `"\u"`: false, `"\`: false, `"\u000`: false, `"abc`: false, `"\"`: false,
		`0`: true, `-0`: true, `01`: false, `-`: false, `+1`: false, `1.`: false, `.5`: false, `1.5`: true, `1e5`: true, `1E+5`: true, `1e`: false, `1e400`: true, `-1.0e-7`: true,
		`[1,]`: false, `[,1]`: false, `[1 2]`: false, `[`: false, `[1`: false, `[1,`: false, `]`: false, `{"a":1,}`: false, `{,}`: false, `{"a" 1}`: false, `{"a":}`: false,
		`{"a"}`: false, `{a:1}`: false, `{"a":1`: false, `{"a":1,`: false, `{"a":`: false, `{"a"`: false, `{`: false, `{1:1}`: false, `[1}`: false, `{"a":1]`: false,
		strings.Repeat("[", 101) + strings.Repeat("]", 101): true, strings.Repeat("[", 101) + "1" + strings.Repeat("]", 101): false,
		strings.Repeat("[", 102) + strings.Repeat("]", 102): false, strings.Repeat("[", 1_000_000): false, strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100): true,
		members(20, `"m19":0`): false, members(100, `"m0":0`): false, members(100, `"m32":0`): false, members(100, `"m33":0`): false, members(100, `"m99":0`): false,
		members(100, `"x":`+members(50, `"m1000":0`)): true, members(50, `"x":{},"x":{}`): false, members(10, `"x":`+members(60, `"m59":1`)): false,
	} {
		if got := rawjson.Sound([]byte(text), 100); got != want {
			t.Errorf("%.60q is sound: %t, want %t", text, got, want)
		}
	}
}

func FuzzSound(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e-3,true,false,null,"\"\\\/\b\f\n\r\t\u00e9"],"b":{"a":{}}}`, `{"a":1,"\u0061":2}`, `"\u0000"`, `[[[[]]]]`, `{"a":{"b":{"c":{"d":1}}}}`, `01`, "\"\xff\"", ` [ 1 , 2 ] `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const deepest = 3
		if got, want := rawjson.Sound(text, deepest), sound(text, deepest); got != want {
			t.Errorf("%q is sound: %t, want %t", text, got, want)
		}
	})
}

// sound is Sound, written with a decoder.
func sound(text []byte, deepest int) bool {
	if !utf8.Valid(text) || !json.Valid(text) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value func(depth int) bool
	value = func(depth int) bool {
		token, err := d.Token()
		if err != nil || depth > deepest {
			return false
		}
		said, _ := token.(string)
		if strings.ContainsRune(said, 0) {
			return false
		}
		kind, _ := token.(json.Delim)
		if kind == 0 {
			return true
		}
		names := map[string]bool{}
		for d.More() {
			if kind == '{' {
				token, _ := d.Token()
				name := token.(string)
				if names[name] || strings.ContainsRune(name, 0) {
					return false
				}
				names[name] = true
			}
			if !value(depth + 1) {
				return false
			}
		}
		_, err = d.Token()
		return err == nil
	}
	return value(0)
}

func BenchmarkSound(b *testing.B) {
	text := []byte(`{"id":"0198c5d2-5f4c-7b0e-9d0a-1b2c3d4e5f60","type":"user.login.success","info":{"ipAddress":"192.0.2.10","location":{"latitude":39.5,"zipcode":"00000"}},` +
		`"user":{"active":true,"email":"user@example.com","identities":[{"type":"email","value":"user@example.com","verifiedInstant":1700000300000}],"data":{},"twoFactor":{}}}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		rawjson.Sound(text, 100)
	}
}
