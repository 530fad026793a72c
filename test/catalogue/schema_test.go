package catalogue

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/event"
)

// schema is what receivers rely on: which members the events have, of which kinds, and which of them are always there.
//
// A kind is boolean, integer, number, string, uuid, object (anything inside), any, empty (nothing inside), the name of one of the objects, or made of these:
// array<kind>, map<uuid,kind>. A question mark at its end makes the member optional.
type schema struct {
	types   map[string]map[string]string // the members of each type of event
	objects map[string]map[string]string
}

// deviations are members that we send and others do not, or that may be missing with us, by type of event. docs/compatibility.md says so too.
var deviations = map[event.Type]map[string]string{
	event.UserIdentityVerified: {"linkedObjectId": "uuid?", "user": "user?"}, // an address is verified before there is a user with it
	event.UserLoginNewDevice:   {"ipAddress": "string?"},
	event.UserLoginSuspicious:  {"ipAddress": "string?"},
}

// documented is the part of the schema that package event is tested with: the members of the events themselves.
type documented struct {
	Info  map[string]string `json:"info"`
	Types []struct {
		Type   string            `json:"type"`
		Info   bool              `json:"info"`
		Fields map[string]string `json:"fields"`
	} `json:"types"`
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	var d documented
	readJSON(t, "../../event/testdata/fields.json", &d)
	var inner struct {
		Places  map[string]string            `json:"places"` // which object stands in which member
		Objects map[string]map[string]string `json:"objects"`
	}
	readJSON(t, "testdata/objects.json", &inner)
	s := &schema{types: map[string]map[string]string{}, objects: inner.Objects}
	for _, of := range d.Types {
		members := map[string]string{}
		places := maps.Clone(inner.Places)
		for _, object := range []string{"user", "registration", "group", "entity"} { // the last one that the event has is the one that was changed
			if _, ok := of.Fields[object]; ok {
				places["original"] = object
			}
		}
		for path, kind := range of.Fields {
			if !strings.ContainsAny(path, ".[") { // what is deeper is in the objects
				members[path] = refine(kind, places[path])
			}
		}
		if of.Info {
			members["info"] = "info?"
		}
		maps.Copy(members, deviations[event.Type(of.Type)])
		s.types[of.Type] = members
	}
	return s
}

// refine puts the name of an object where only "object" is documented.
func refine(kind, object string) string {
	if object == "" {
		return kind
	}
	return strings.Replace(kind, "object", object, 1)
}

// check returns what is wrong with an event.
func (s *schema) check(e map[string]any) (wrong []string) {
	typ, _ := e["type"].(string)
	members, ok := s.types[typ]
	if !ok {
		return []string{fmt.Sprintf("there is no type %q", typ)}
	}
	return s.checkMembers("event", members, e)
}

func (s *schema) checkMembers(path string, members map[string]string, object map[string]any) (wrong []string) {
	for name, kind := range members {
		kind, optional := strings.CutSuffix(kind, "?")
		value, ok := object[name]
		if !ok && !optional {
			wrong = append(wrong, fmt.Sprintf("%s.%s is missing", path, name))
		}
		if ok {
			wrong = append(wrong, s.checkValue(path+"."+name, kind, value)...)
		}
	}
	for name := range object {
		if _, ok := members[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s.%s is not in the schema", path, name))
		}
	}
	slices.Sort(wrong)
	return wrong
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func (s *schema) checkValue(path, kind string, value any) (wrong []string) {
	if element, ok := strings.CutPrefix(kind, "array<"); ok {
		list, ok := value.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, want a list", path, value)}
		}
		for i, one := range list {
			wrong = append(wrong, s.checkValue(fmt.Sprintf("%s[%d]", path, i), strings.TrimSuffix(element, ">"), one)...)
		}
		return wrong
	}
	object, isObject := value.(map[string]any)
	if element, ok := strings.CutPrefix(kind, "map<uuid,"); ok && isObject {
		for id, one := range object {
			wrong = append(wrong, s.checkValue(path+"["+id+"]", "uuid", id)...)
			wrong = append(wrong, s.checkValue(path+"["+id+"]", strings.TrimSuffix(element, ">"), one)...)
		}
		return wrong
	}
	if members, ok := s.objects[kind]; ok && isObject {
		return s.checkMembers(path, members, object)
	}
	is := false
	switch kind {
	case "any":
		is = true
	case "boolean":
		_, is = value.(bool)
	case "object":
		is = isObject
	case "empty":
		list, isList := value.([]any)
		is = isObject && len(object) == 0 || isList && len(list) == 0
	case "string":
		_, is = value.(string)
	case "uuid":
		text, _ := value.(string)
		is = uuid.MatchString(text)
	case "number":
		_, is = value.(float64)
	case "integer":
		n, isNumber := value.(float64)
		is = isNumber && n == math.Trunc(n)
	}
	if !is {
		return []string{fmt.Sprintf("%s is %v, want %s", path, value, kind)}
	}
	return nil
}

// eventIn is the event in a body, and fails the test unless it is all there is.
func eventIn(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var all map[string]map[string]any
	if err := json.Unmarshal(body, &all); err != nil || len(all) != 1 || all["event"] == nil {
		t.Fatalf("%v: the body is not one event: %s", err, body)
	}
	return all["event"]
}

// TestSchema_KnowsWhatIsDocumented: whatever is documented below the first level is in the objects, and all examples are as the schema wants them.
func TestSchema_KnowsWhatIsDocumented(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	var d documented
	readJSON(t, "../../event/testdata/fields.json", &d)
	for path, kind := range d.Info {
		if got, _ := s.at(map[string]string{"info": "info?"}, path); path != "info" && refine(kind, map[string]string{"info.location": "location"}[path]) != got {
			t.Errorf("%s is documented as %s and has the kind %q", path, kind, got)
		}
	}
	for _, of := range d.Types {
		for path, kind := range of.Fields {
			if !strings.ContainsAny(path, ".[") {
				continue
			}
			if got, ok := s.at(s.types[of.Type], path); !ok || !fits(got, kind) {
				t.Errorf("%s: %s is documented as %s and has the kind %q", of.Type, path, kind, got)
			}
		}
	}
	for _, of := range event.All() {
		example, err := event.Example(of.Type)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range s.check(eventIn(t, example)) {
			t.Errorf("the example of %s: %s", of.Type, wrong)
		}
	}
}

// fits tells whether a kind says what is documented, or more: which object it is, and that it is always there.
func fits(kind, documented string) bool {
	kind, documented = strings.TrimSuffix(kind, "?"), strings.TrimSuffix(documented, "?")
	return kind == documented || strings.Contains(documented, "object") && !slices.Contains([]string{"boolean", "integer", "number", "string", "uuid"}, kind)
}

// at is the kind at a path such as email.from or members[x].id.
func (s *schema) at(members map[string]string, path string) (kind string, ok bool) {
	name, rest, deeper := strings.Cut(path, ".")
	kind, ok = members[strings.TrimSuffix(name, "[x]")]
	if !deeper || !ok {
		return kind, ok
	}
	return s.at(s.objects[strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(kind, "array<"), "?"), ">")], rest)
}

// TestSchema_Refuses: what the schema is for.
func TestSchema_Refuses(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	for what, row := range map[string]struct {
		change func(e map[string]any)
		want   string
	}{
		"an unknown member":    {func(e map[string]any) { e["ourOwn"] = 1.0 }, "event.ourOwn is not in the schema"},
		"a password":           {func(e map[string]any) { e["user"].(map[string]any)["password"] = "x" }, "event.user.password is not in the schema"},
		"a missing member":     {func(e map[string]any) { delete(e, "user") }, "event.user is missing"},
		"a missing member's":   {func(e map[string]any) { delete(e["user"].(map[string]any), "id") }, "event.user.id is missing"},
		"another kind":         {func(e map[string]any) { e["createInstant"] = "1" }, "event.createInstant is 1, want integer"},
		"half an integer":      {func(e map[string]any) { e["createInstant"] = 1.5 }, "event.createInstant is 1.5, want integer"},
		"an id that is none":   {func(e map[string]any) { e["id"] = "1" }, "event.id is 1, want uuid"},
		"null":                 {func(e map[string]any) { e["tenantId"] = nil }, "event.tenantId is <nil>, want uuid"},
		"a list of the wrong":  {func(e map[string]any) { e["user"].(map[string]any)["preferredLanguages"] = []any{7.0} }, "event.user.preferredLanguages[0] is 7, want string"},
		"an object for a list": {func(e map[string]any) { e["user"].(map[string]any)["identities"] = map[string]any{} }, "event.user.identities is map[string]interface {}, want a list"},
		"recovery codes": {
			func(e map[string]any) {
				e["user"].(map[string]any)["twoFactor"].(map[string]any)["recoveryCodes"] = []any{"x"}
			},
			"event.user.twoFactor.recoveryCodes is [x], want empty",
		},
	} {
		example, err := event.Example(event.UserCreate)
		if err != nil {
			t.Fatal(err)
		}
		e := eventIn(t, example)
		row.change(e)
		if got := s.check(e); !slices.Equal(got, []string{row.want}) {
			t.Errorf("%s: %q, want %q", what, got, row.want)
		}
	}
}
