package event

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/wire"
)

var update = flag.Bool("update", false, "rewrite examples/ in the form that Encode gives")

// fields is what FusionAuth's documentation and clients say about each type.
//
//go:embed testdata/fields.json
var testdata embed.FS

type documented struct {
	Info  map[string]string `json:"info"` // the fields of event.info, by path
	Types []struct {
		Type          Type              `json:"type"`
		Name          string            `json:"name"`
		Scope         Scope             `json:"scope"`
		Transactional bool              `json:"transactional"`
		Complete      Type              `json:"complete"`
		Completes     Type              `json:"completes"`
		Since         string            `json:"since"`
		Documented    bool              `json:"documented"`
		Info          bool              `json:"info"`   // whether the event has info
		Fields        map[string]string `json:"fields"` // kinds by path; a kind with a question mark at its end is optional
	} `json:"types"`
}

func documentation(t *testing.T) documented {
	t.Helper()
	b, err := testdata.ReadFile("testdata/fields.json")
	if err != nil {
		t.Fatal(err)
	}
	var d documented
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAll_IsWhatIsDocumented(t *testing.T) {
	t.Parallel()
	want := documentation(t).Types
	got := All()
	if len(got) != 64 || len(want) != 64 {
		t.Fatalf("%d types in the catalogue, %d documented, want 64 of both", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Type != w.Type || g.Name != w.Name || g.Scope != w.Scope || g.Transactional != w.Transactional ||
			g.Complete != w.Complete || g.Completes != w.Completes || g.Since != w.Since || g.Documented != w.Documented {
			t.Errorf("type %d is\n%+v\nwant\n%+v", i, g, w)
		}
	}
}

func TestAll_IsConsistent(t *testing.T) {
	t.Parallel()
	descriptions := map[string]Type{}
	for _, d := range All() {
		if d.Transactional && d.Scope != ScopeTenant {
			t.Errorf("%s: a system event cannot be transactional", d.Type)
		}
		if strings.HasSuffix(string(d.Type), ".complete") != (d.Completes != "") {
			t.Errorf("%s completes %q", d.Type, d.Completes)
		}
		if d.Complete != "" {
			twin, ok := Lookup(d.Complete)
			if !ok || twin.Completes != d.Type || twin.Transactional || !d.Transactional || twin.goType != d.goType {
				t.Errorf("%s and its twin %s do not fit", d.Type, d.Complete)
			}
		}
		if !strings.HasPrefix(d.Description, "Sent ") || !strings.HasSuffix(d.Description, ".") {
			t.Errorf("%s: description %q is not a sentence about when it is sent", d.Type, d.Description)
		}
		if other, ok := descriptions[d.Description]; ok {
			t.Errorf("%s and %s have the same description", d.Type, other)
		}
		descriptions[d.Description] = d.Type
	}
}

func TestAll_IsACopy(t *testing.T) {
	t.Parallel()
	All()[0].Type = "changed"
	if got := All()[0].Type; got != AuditLogCreate {
		t.Errorf("the first type is %q after a caller changed its copy", got)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	if d, ok := Lookup(UserCreate); !ok || d.Complete != UserCreateComplete {
		t.Errorf("user.create: %v, %v", d, ok)
	}
	if d, ok := Lookup("User.Create"); ok {
		t.Errorf("the wrong case finds %v", d)
	}
}

// Each example is in the form that Encode gives, so decoding into the typed payload loses nothing and adds nothing.
func TestExample_RoundTrip(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		t.Run(string(d.Type), func(t *testing.T) {
			t.Parallel()
			example, err := Example(d.Type)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Decode(example)
			if err != nil {
				t.Fatal(err)
			}
			if p.Head().Type != d.Type || reflect.TypeOf(p) != d.goType {
				t.Errorf("decoded to a %T of type %s", p, p.Head().Type)
			}
			body, err := Encode(p)
			if err != nil {
				t.Fatal(err)
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, body, "", "  "); err != nil {
				t.Fatal(err)
			}
			indented.WriteByte('\n')
			if *update {
				if err := os.WriteFile(filepath.Join("examples", string(d.Type)+".json"), indented.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(example), indented.String()); diff != "" {
				t.Errorf("decoding and encoding changes the example (-before +after):\n%s", diff)
			}
		})
	}
}

func TestExample_NoStrayFiles(t *testing.T) {
	t.Parallel()
	files, err := examples.ReadDir("examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := Lookup(Type(strings.TrimSuffix(f.Name(), ".json"))); !ok {
			t.Errorf("%s belongs to no type", f.Name())
		}
	}
}

func TestExample_HasEveryDocumentedField(t *testing.T) {
	t.Parallel()
	doc := documentation(t)
	for _, d := range doc.Types {
		event := exampleEvent(t, d.Type)
		for path, kind := range d.Fields {
			kind, optional := strings.CutSuffix(kind, "?")
			values := at(event, path)
			if len(values) == 0 && !optional {
				t.Errorf("%s: the example has no %s", d.Type, path)
			}
			for _, v := range values {
				if !isA(kind, v) {
					t.Errorf("%s: %s is %v, want %s", d.Type, path, v, kind)
				}
			}
		}
		for path, kind := range doc.Info {
			values := at(event, path)
			if len(values) > 0 != d.Info {
				t.Errorf("%s: the example has %d of %s", d.Type, len(values), path)
			}
			for _, v := range values {
				if !isA(strings.TrimSuffix(kind, "?"), v) {
					t.Errorf("%s: %s is %v, want %s", d.Type, path, v, kind)
				}
			}
		}
	}
}

// Optional fields need not be in an example, but every payload must have room for them.
func TestPayload_KeepsEveryDocumentedField(t *testing.T) {
	t.Parallel()
	sample := map[string]any{
		"array<object>": []any{map[string]any{}}, "array<uuid>": []any{exampleID}, "array<string>": []any{"x"},
		"boolean": true, "integer": 1.0, "number": 1.0, "object": map[string]any{}, "string": "x", "uuid": exampleID,
	}
	for _, d := range documentation(t).Types {
		event := exampleEvent(t, d.Type)
		paths := make([]string, 0, len(d.Fields))
		for path := range d.Fields {
			paths = append(paths, path)
		}
		slices.Sort(paths) // an object before its members
		for _, path := range paths {
			if len(at(event, path)) == 0 {
				put(t, event, path, sample[strings.TrimSuffix(d.Fields[path], "?")])
			}
		}
		body, err := json.Marshal(map[string]any{"event": event})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(body)
		if err != nil {
			t.Errorf("%s: %v", d.Type, err)
			continue
		}
		body, err = Encode(p)
		if err != nil {
			t.Errorf("%s: %v", d.Type, err)
			continue
		}
		after := eventOf(t, body)
		for _, path := range paths {
			if len(at(after, path)) == 0 {
				t.Errorf("%s: the payload has no room for %s", d.Type, path)
			}
		}
	}
}

const exampleID = "00000000-0000-4000-8000-000000000001"

func exampleEvent(t *testing.T, typ Type) map[string]any {
	t.Helper()
	b, err := Example(typ)
	if err != nil {
		t.Fatal(err)
	}
	return eventOf(t, b)
}

func eventOf(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var envelope map[string]map[string]any
	if err := json.Unmarshal(body, &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope["event"]
}

// at returns the values at a path such as info.location.city or members[x].id.
func at(v any, path string) []any {
	if path == "" {
		return []any{v}
	}
	name, rest, _ := strings.Cut(path, ".")
	name, each := strings.CutSuffix(name, "[x]")
	object, _ := v.(map[string]any)
	member, ok := object[name]
	if !ok {
		return nil
	}
	if !each {
		return at(member, rest)
	}
	var all []any
	for _, element := range member.([]any) {
		all = append(all, at(element, rest)...)
	}
	return all
}

// put adds a value at a path whose parent is there.
func put(t *testing.T, event map[string]any, path string, value any) {
	t.Helper()
	parent, name := event, path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		name = path[i+1:]
		for _, p := range at(event, path[:i]) {
			parent = p.(map[string]any)
			parent[name] = value
		}
		return
	}
	if value == nil {
		t.Fatalf("no sample for %s", path)
	}
	parent[name] = value
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func isA(kind string, v any) bool {
	if element, ok := strings.CutPrefix(kind, "array<"); ok {
		list, ok := v.([]any)
		return ok && !slices.ContainsFunc(list, func(v any) bool { return !isA(strings.TrimSuffix(element, ">"), v) })
	}
	switch v := v.(type) {
	case string:
		return kind == "string" || kind == "uuid" && uuid.MatchString(v)
	case float64:
		return kind == "number" || kind == "integer" && v == math.Trunc(v)
	case bool:
		return kind == "boolean"
	case map[string]any:
		if kind != "map<uuid,integer>" {
			return kind == "object"
		}
		for id, n := range v {
			if !isA("uuid", id) || !isA("integer", n) {
				return false
			}
		}
		return true
	}
	return false
}

func TestEncode_IsCompactAndPlain(t *testing.T) {
	t.Parallel()
	p := &UserEmailUpdateEvent{
		Header:        About(UserEmailUpdate, exampleID),
		PreviousEmail: "<a&b>@example.com",
		User:          wire.User{ID: exampleID, FullName: "A & B <c>", Data: wire.Object{"tags": []any{"<x>"}, "id": json.Number("12345678901234567890")}},
	}
	p.CreateInstant = 1700000600123
	body, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"event":{"id":"","type":"user.email.update","createInstant":1700000600123,"linkedObjectId":"` + exampleID + `",` +
		`"user":{"id":"` + exampleID + `","active":false,"fullName":"A & B <c>","preferredLanguages":[],` +
		`"data":{"id":12345678901234567890,"tags":["<x>"]},"registrations":[],"memberships":[],"verified":false,"twoFactor":{},` +
		`"passwordChangeRequired":false},"previousEmail":"<a&b>@example.com"}}`
	if string(body) != want {
		t.Errorf("encoded\n%s\nwant\n%s", body, want)
	}
}

func TestEncode_Errors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		payload Payload
		want    string
	}{
		"no type":        {&UserEvent{}, `unknown event type ""`},
		"unknown type":   {&UserEvent{Header: About("user.craete", "")}, `unknown event type "user.craete", did you mean "user.create"?`},
		"another's type": {&UserEvent{Header: About(GroupCreate, "")}, "event group.create: the payload is a *event.UserEvent, not a *event.GroupEvent"},
		"invalid JSON":   {&AuditLogEvent{Header: About(AuditLogCreate, ""), AuditLog: wire.AuditLog{OldValue: []byte("{")}}, "event audit-log.create: json: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Encode(test.payload); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestDecode_Errors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body      string
		malformed bool
		want      string
	}{
		"empty":            {``, true, `malformed event: the body is not JSON: unexpected end of JSON input`},
		"not JSON":         {`event=1`, true, `malformed event: the body is not JSON: invalid character 'e' looking for beginning of value`},
		"two values":       {`{"event":{"type":"test"}}{}`, true, `malformed event: the body is not JSON: invalid character '{' after top-level value`},
		"a list":           {`[]`, true, `malformed event: the body is not a JSON object`},
		"null":             {`null`, true, `malformed event: the body has no member "event"`},
		"no event":         {`{"type":"test"}`, true, `malformed event: the body has no member "event"`},
		"another case":     {`{"Event":{"type":"test"}}`, true, `malformed event: the body has no member "event"`},
		"event is null":    {`{"event":null}`, true, `malformed event: "event" is not a JSON object`},
		"event is text":    {`{"event":"test"}`, true, `malformed event: "event" is not a JSON object`},
		"no type":          {`{"event":{"id":"x"}}`, true, `malformed event: "event.type" is missing`},
		"type is null":     {`{"event":{"type":null}}`, true, `malformed event: "event.type" is missing`},
		"type is empty":    {`{"event":{"type":""}}`, true, `malformed event: "event.type" is missing`},
		"type is a number": {`{"event":{"type":7}}`, true, `malformed event: "event.type" is not a string`},
		"unknown":          {`{"event":{"type":"nothing.like.it"}}`, false, `unknown event type "nothing.like.it"`},
		"misspelled":       {`{"event":{"type":"user.registation.create"}}`, false, `unknown event type "user.registation.create", did you mean "user.registration.create"?`},
		"wrong kind":       {`{"event":{"type":"user.create","user":{"active":"yes"}}}`, false, `event user.create: json: cannot unmarshal string into Go struct field User.user.active of type bool`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := Decode([]byte(test.body))
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if errors.Is(err, ErrMalformed) != test.malformed || p != nil {
				t.Errorf("malformed: %v, payload: %v", !test.malformed, p)
			}
		})
	}
}

func TestDecode_UnknownTypeNamesTheNearest(t *testing.T) {
	t.Parallel()
	_, err := Decode([]byte(`{"event":{"type":"UserLoginSuccess"}}`))
	unknown, ok := errors.AsType[*UnknownTypeError](err)
	if !ok || unknown.Type != "UserLoginSuccess" || unknown.Suggestion != UserLoginSuccess {
		t.Errorf("error %#v", err)
	}
	_, err = Decode(fmt.Appendf(nil, `{"event":{"type":%q}}`, strings.Repeat("user.create", 1000)))
	if n := len(err.Error()); n > 200 {
		t.Errorf("the error repeats %d bytes of the body", n)
	}
}

func TestDecode_IgnoresUnknownMembers(t *testing.T) {
	t.Parallel()
	p, err := Decode([]byte(`{"event":{"type":"test","message":"m","Type":"user.create","new":{"a":[1]}},"more":1}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &TestEvent{Header: Header{Type: Test}, Message: "m"}
	if diff := cmp.Diff(Payload(want), p); diff != "" {
		t.Error(diff)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]Type{
		"user.craete":                    UserCreate,
		"user.created":                   UserCreate,
		"UserCreate":                     UserCreate,
		"USER_CREATE":                    UserCreate,
		"user.loginid.duplicate.create":  UserLoginIDDuplicateCreate,
		"user.two-factor.failed.attempt": UserTwoFactorFailedAttempt,
		"event.log.create":               EventLogCreate,
		"create-log.create":              "",
		"jwt.refresh-token":              "",
		"tset":                           Test,
		"tests":                          Test,
		"":                               "",
		"order.create":                   "",
		strings.Repeat("user.create", 9): "",
	} {
		if got := Suggest(given); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", given, got, want)
		}
	}
	for _, d := range All() {
		if got := Suggest(string(d.Type)); got != d.Type {
			t.Errorf("Suggest(%q) = %q", d.Type, got)
		}
	}
}

func TestWithType_CopiesTheHeader(t *testing.T) {
	t.Parallel()
	first := &UserEvent{Header: About(UserCreate, exampleID), User: wire.User{Email: "a@example.com"}}
	twin := WithType(first, UserCreateComplete)
	twin.Head().ID = "other"
	if diff := cmp.Diff(&UserEvent{Header: About(UserCreate, exampleID), User: wire.User{Email: "a@example.com"}}, first); diff != "" {
		t.Errorf("the first event changed:\n%s", diff)
	}
	want := &UserEvent{Header: Header{ID: "other", Type: UserCreateComplete, LinkedObjectID: exampleID}, User: wire.User{Email: "a@example.com"}}
	if diff := cmp.Diff(Payload(want), twin); diff != "" {
		t.Errorf("the twin differs:\n%s", diff)
	}
}

func FuzzDecode(f *testing.F) {
	for _, d := range All() {
		b, err := Example(d.Type)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Decode(body)
		if err != nil {
			return
		}
		first, err := Encode(p)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		p, err = Decode(first)
		if err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
		second, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("encoded\n%s\nthen\n%s", first, second)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	example, err := Example(UserCreate)
	if err != nil {
		b.Fatal(err)
	}
	p, err := Decode(example)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(p); err != nil {
			b.Fatal(err)
		}
	}
}
