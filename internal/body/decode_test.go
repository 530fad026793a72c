package body

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// requests are the types that bodies and queries are decoded into.
var requests = []any{
	new(wire.APIKeyRequest), new(wire.WebhookRequest), new(wire.WebhookSearchRequest), new(wire.WebhookTestRequest),
	new(wire.TenantRequest), new(wire.TenantDeleteRequest), new(wire.TenantSearchRequest),
	new(wire.UserRequest), new(wire.UserDeleteRequest), new(wire.UserDeleteSingleRequest), new(wire.UserSearchRequest),
	new(wire.AuditLogRequest), new(wire.AuditLogSearchRequest), new(wire.AuditLogExportRequest), new(wire.EventLogSearchRequest),
	new(wire.SystemConfigurationRequest), new(wire.UserActionRequest), new(wire.UserActionReasonRequest), new(wire.ActionRequest),
	new(wire.DeliverySearchRequest), new(wire.DeliveryReplayRequest), new(wire.DeliveryCancelRequest), new(wire.DeliveryRecoverRequest), new(wire.WebhookPauseRequest),
}

const (
	tenantA = wire.ID("a0000000-0000-4000-8000-00000000000a")
	tenantB = wire.ID("b0000000-0000-4000-8000-00000000000b")
)

// sink has what the shapes of package wire have, without their rules.
type sink struct {
	Embedded
	Text    string            `json:"text"`
	ID      wire.ID           `json:"id"`
	Int     int               `json:"int"`
	Small   int8              `json:"small"`
	Instant wire.Instant      `json:"instant"`
	Float   float64           `json:"float"`
	Bool    bool              `json:"bool"`
	MayBool *bool             `json:"mayBool"`
	Enum    wire.ObjectState  `json:"enum"`
	Inner   struct{ X int }   `json:"inner"`
	MayHave *Embedded         `json:"mayHave"`
	IDs     []wire.ID         `json:"ids"`
	List    wire.List[string] `json:"list"`
	Bools   wire.Map[bool]    `json:"bools"`
	Texts   map[string]string `json:"texts"`
	Many    []Embedded        `json:"many"`
	Data    wire.Object       `json:"data"`
	Raw     json.RawMessage   `json:"raw"`
	Any     any               `json:"any"`
	Tenant  wire.Tenant       `json:"tenant"`
	Hidden  int               `json:"-"`
}

type Embedded struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want sink
	}{
		"nothing":         {`{}`, sink{}},
		"unknown members": {`{"unknown":{"a":[1]},"Text":"x","TEXT":1,"Hidden":1,"-":1}`, sink{}},
		"null is absent": {
			`{"text":null,"id":null,"int":null,"bool":null,"inner":null,"ids":null,"bools":null,"data":null,"raw":null,"any":null,"tenant":null,"mayHave":null}`,
			sink{},
		},
		"null inside":         {`{"ids":[null],"bools":{"a":null,"b":true},"many":[null,{"number":1}]}`, sink{IDs: []wire.ID{}, Bools: wire.Map[bool]{"b": true}, Many: []Embedded{{Number: 1}}}},
		"text":                {`{"text":" ä\u0041😀 "}`, sink{Text: " äA😀 "}},
		"embedded":            {`{"number":1,"text":"outer"}`, sink{Embedded: Embedded{Number: 1}, Text: "outer"}},
		"ids":                 {`{"id":"A0000000-0000-4000-8000-00000000000A","ids":["A0000000-0000-4000-8000-00000000000A"]}`, sink{ID: tenantA, IDs: []wire.ID{tenantA}}},
		"no id":               {`{"id":"","ids":[""]}`, sink{IDs: []wire.ID{}}},
		"numbers":             {`{"int":-7,"instant":9223372036854775807,"float":-1.5e3}`, sink{Int: -7, Instant: 9223372036854775807, Float: -1500}},
		"numbers as text":     {`{"int":"42","instant":" 1 ","float":"0.5","small":"-128"}`, sink{Int: 42, Instant: 1, Float: 0.5, Small: -128}},
		"whole, said strange": {`{"int":1.0,"small":"1e2","instant":1.5e3}`, sink{Int: 1, Small: 100, Instant: 1500}},
		"empty text":          {`{"int":"","float":"","bool":"","mayBool":" "}`, sink{}},
		"booleans":            {`{"bool":true,"mayBool":false}`, sink{Bool: true, MayBool: new(false)}},
		"booleans as text":    {`{"bool":"true","mayBool":"false"}`, sink{Bool: true, MayBool: new(false)}},
		"enum":                {`{"enum":"whatever"}`, sink{Enum: "whatever"}},
		"objects":             {`{"inner":{"X":"1"},"mayHave":{}}`, sink{Inner: struct{ X int }{1}, MayHave: &Embedded{}}},
		"maps":                {`{"bools":{"user.create":"true","b":false},"texts":{"":"x"}}`, sink{Bools: wire.Map[bool]{"user.create": true, "b": false}, Texts: map[string]string{"": "x"}}},
		"lists":               {`{"list":["b","a"],"ids":[]}`, sink{List: wire.List[string]{"b", "a"}, IDs: []wire.ID{}}},
		"free-form": {
			`{"data":{"n":12345678901234567890.10,"nested":{"b":null,"a":"<&>"}},"raw": {"z":1, "a":"<&>"},"any":[1e400]}`,
			sink{
				Data: wire.Object{"n": json.Number("12345678901234567890.10"), "nested": map[string]any{"b": nil, "a": "<&>"}},
				Raw:  json.RawMessage(`{"z":1,"a":"<&>"}`), Any: []any{json.Number("1e400")},
			},
		},
		"tenant": {
			`{"tenant":{"id":null,"name":"x","Name":7,"insertInstant":"5","issuer":"acme.com","themeId":null,"big":1.10,
				"eventConfiguration":{"extra":1,"events":{"user.create":{"enabled":"true","transactionType":"Any"}}}}}`,
			sink{Tenant: wire.Tenant{
				Name: "x", InsertInstant: 5,
				EventConfiguration: wire.EventConfiguration{Events: wire.Map[wire.EventSetting]{"user.create": {Enabled: true, TransactionType: "Any"}}},
				Extra:              map[string]json.RawMessage{"issuer": json.RawMessage(`"acme.com"`), "big": json.RawMessage(`1.10`)},
			}},
		},
		"white space": {" \r\n\t{ \"int\" : \n1 , \"ids\" : [ ] } \n", sink{Int: 1, IDs: []wire.ID{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got sink
			if err := Decode([]byte(test.body), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecode_WrongTypes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"text":1}`:    "text",
		`{"text":true}`: "text",
		`{"text":{}}`:   "text",
		`{"text":[]}`:   "text",
		`{"enum":1}`:    "enum",
		`{"id":"x"}`:    "id",
		`{"id":1}`:      "id",
		`{"id":"{a0000000-0000-4000-8000-00000000000a}"}`: "id",
		`{"id":" a0000000-0000-4000-8000-00000000000a"}`:  "id",
		`{"int":"x"}`:                 "int",
		`{"int":1.5}`:                 "int",
		`{"int":"0x10"}`:              "int",
		`{"int":"1_000"}`:             "int",
		`{"int":"+1"}`:                "int",
		`{"int":"007"}`:               "int",
		`{"int":true}`:                "int",
		`{"int":[1]}`:                 "int",
		`{"int":9223372036854775808}`: "int",
		`{"int":1e400}`:               "int",
		`{"small":128}`:               "small",
		`{"small":1e3}`:               "small",
		`{"float":"NaN"}`:             "float",
		`{"float":"Infinity"}`:        "float",
		`{"float":1e999}`:             "float",
		`{"float":{}}`:                "float",
		`{"bool":1}`:                  "bool",
		`{"bool":"yes"}`:              "bool",
		`{"mayBool":"TRUE"}`:          "mayBool",
		`{"inner":1}`:                 "inner",
		`{"inner":[]}`:                "inner",
		`{"inner":{"X":"x"}}`:         "inner.X",
		`{"mayHave":"x"}`:             "mayHave",
		`{"ids":"a0000000-0000-4000-8000-00000000000a"}`: "ids",
		`{"ids":["x",null,1]}`:                           "ids[0] ids[2]",
		`{"list":[{}]}`:                                  "list[0]",
		`{"bools":[]}`:                                   "bools",
		`{"bools":{"user.create":2,"a":"x"}}`:            "bools[a] bools[user.create]",
		`{"many":[{"number":"x"},{"number":[]}]}`:        "many[0].number many[1].number",
		`{"data":[]}`:                                    "data",
		`{"data":"x"}`:                                   "data",
		`{"tenant":{"name":1,"eventConfiguration":{"events":{"user.create":{"enabled":3}}}}}`: "tenant.eventConfiguration.events[user.create].enabled tenant.name",
		`{"tenant":7}`:                     "tenant",
		`{"int":"x","text":1,"number":[]}`: "number text int", // in the order of the struct
	} {
		var got sink
		err := Decode([]byte(body), &got)
		p, ok := problem.As(err)
		if !ok || p.Kind != problem.Invalid {
			t.Errorf("%s: %v", body, err)
			continue
		}
		var fields []string
		for _, f := range p.Fields {
			if f.Code != "[couldNotConvert]"+f.Field {
				t.Errorf("%s: the code is %s", body, f.Code)
			}
			fields = append(fields, f.Field)
		}
		if strings.Join(fields, " ") != want || len(p.General) > 0 {
			t.Errorf("%s: %v, want %s", body, p, want)
		}
	}
}

// The rules about members of the right type can be checked in the same answer, so these arrive although others are wrong.
func TestDecode_KeepsWhatIsRight(t *testing.T) {
	t.Parallel()
	var got wire.WebhookRequest
	err := Decode([]byte(`{"webhook":{"url":"ftp://x","readTimeout":"abc","connectTimeout":-1,"eventsEnabled":{"a":true,"b":"maybe"},"tenantIds":["x"]}}`), &got)
	if p, ok := problem.As(err); !ok || len(p.Fields) != 3 {
		t.Errorf("error %v, want three wrong members", err)
	}
	want := wire.WebhookRequest{Webhook: wire.Webhook{URL: "ftp://x", ConnectTimeout: -1, EventsEnabled: wire.Map[bool]{"a": true}, TenantIDs: []wire.ID{}}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestDecode_ReportsSoManyAndNoMore(t *testing.T) {
	t.Parallel()
	err := Decode([]byte(`{"ids":[1`+strings.Repeat(",1", 100_000)+`]}`), new(sink))
	if p, ok := problem.As(err); !ok || len(p.Fields) != maxWrong {
		t.Errorf("%d problems", len(p.Fields))
	}
}

func TestDecode_Malformed(t *testing.T) {
	t.Parallel()
	for body, where := range map[string]string{
		"":                            "line 1, column 1",
		"x":                           "line 1, column 1",
		"{":                           "line 1, column 2",
		"{\n  \"a\": 1,\n  \"ä\": x}": "line 3, column 8",
		`{"a":1}{`:                    "line 1, column 8",
		`{"a":1} x`:                   "line 1, column 9",
		`{"a":1,}`:                    "line 1, column 8",
		`{'a':1}`:                     "line 1, column 2",
		`{"a":01}`:                    "line 1, column 7",
		`{"a":"\q"}`:                  "line 1, column 8",
		"{\"a\":\"\xff\"}":            "line 1, column 7",
		`{"a":"x\u0000"}`:             "line 1, column 6",
		`{"a":1, "\u0000":2}`:         "line 1, column 9",
		`{"a":1, "a":2}`:              "line 1, column 9",
		`{"a":[{"b":1,"b":2}]}`:       "line 1, column 14",
		"\ufeff{}":                    "line 1, column 1",
		`{"a":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}`: "line 1, column 106",
		strings.Repeat("[", 100_000):                                        "line 1, column 10001", // encoding/json has a limit, too
		`[]`:                                                                "must be a JSON object",
		`"x"`:                                                               "must be a JSON object",
		`null`:                                                              "must be a JSON object",
	} {
		p, ok := problem.As(Decode([]byte(body), new(sink)))
		if len(body) > 60 {
			body = body[:60] + "…"
		}
		switch {
		case !ok || p.Kind != problem.Invalid || len(p.General) != 1 || p.General[0].Code != "[invalidJSON]":
			t.Errorf("%q: %v", body, p)
		case !strings.Contains(p.General[0].Message, where):
			t.Errorf("%q: %s, want %s", body, p.General[0].Message, where)
		}
	}
	deep := `{"any":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + `}`
	if err := Decode([]byte(deep), new(sink)); err != nil {
		t.Error(err)
	}
}

// TestDecode_KnowsEveryRequest: convert panics at a kind of Go type it has not met, and typedMembers must be complete.
func TestDecode_KnowsEveryRequest(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type, path string) error
	walk = func(t reflect.Type, path string) error {
		if seen[t] {
			return nil
		}
		seen[t] = true
		if members, ok := typedMembers[t]; ok {
			return walk(members, path)
		}
		switch {
		case t == rawType, t == idType, t == reflect.TypeFor[wire.Object]():
			return nil
		case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
			return fmt.Errorf("%s: %v decodes itself and is not in typedMembers", path, t)
		}
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			return walk(t.Elem(), path+"*")
		case reflect.Struct:
			for _, m := range membersOf(t) {
				if err := walk(m.kind, path+"."+m.name); err != nil {
					return err
				}
			}
			return nil
		case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Float64, reflect.Interface:
			return nil
		}
		return fmt.Errorf("%s: decode does not know %v", path, t)
	}
	for _, request := range requests {
		if err := walk(reflect.TypeOf(request).Elem(), fmt.Sprintf("%T", request)); err != nil {
			t.Error(err)
		}
	}
}

// TestTypedMembers: a member that is typed in package wire but not here would reach its UnmarshalJSON unconverted. Each is sent
// as an object, which no typed member takes but the ones that are objects.
func TestTypedMembers(t *testing.T) {
	t.Parallel()
	tenant := reflect.TypeFor[wire.Tenant]()
	known := membersOf(typedMembers[tenant])
	for f := range tenant.Fields() {
		found := false
		for _, m := range known {
			found = found || strings.EqualFold(m.name, f.Name) && m.kind == f.Type
		}
		if !found && f.Name != "Extra" {
			t.Errorf("wire.Tenant.%s is not in typedMembers", f.Name)
		}
	}
	if len(known) != tenant.NumField()-1 {
		t.Errorf("%d typed members for %d fields", len(known), tenant.NumField())
	}
}

// FuzzDecode: whatever is sent, the answer is a request or an invalid one: no panic, no internal error.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"webhook":{"url":"x","readTimeout":"1"}}`, `{"tenant":{"name":"x","Name":1,"a":{"b":[null]}}}`, `{"user":{"data":{"a":1e999}}}`,
		`{"search":{"numberOfResults":1.0,"sortFields":[{}]}}`, `{"apiKey":{"permissions":{"endpoints":{"/a":["GET"]}}}}`, `[`, `{"a":1,"a":2}`, "\xff",
		`{"user":{"identities":[{"verified":"x"}],"birthDate":1}}`, `{"tenant":{"NAME":1,"eventConfiguration":null}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, request := range requests {
			dst := reflect.New(reflect.TypeOf(request).Elem()).Interface()
			err := Decode(data, dst)
			if p, ok := problem.As(err); err != nil && (!ok || p.Kind != problem.Invalid) {
				t.Fatalf("%T: %v", dst, err)
			}
			if err != nil {
				continue
			}
			text, err := Encode(dst)
			if err != nil {
				t.Fatalf("%T cannot be encoded again: %v", dst, err)
			}
			again := reflect.New(reflect.TypeOf(request).Elem()).Interface()
			if err := Decode(text, again); err != nil {
				t.Fatalf("%T cannot be decoded again: %v in %s", dst, err, text)
			}
		}
	})
}
