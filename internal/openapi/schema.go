package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/swaggest/jsonschema-go"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// schemaOf is a schema as the document has it.
type schemaOf = map[string]any

// schemas makes schemas of types. Those of structs, and of texts with known values, are gathered under their names.
type schemas struct {
	prose  prose
	byName map[string]schemaOf
	// always are the members that answers have whatever their value is, by the name of the schema.
	always    map[string][]string
	reflector jsonschema.Reflector
	known     map[reflect.Type]bool // to the reflector, those that stand where they are used
}

func newSchemas(p prose) *schemas {
	s := &schemas{prose: p, byName: map[string]schemaOf{}, always: map[string][]string{}, known: map[reflect.Type]bool{}}
	s.reflector.DefaultOptions = []func(*jsonschema.ReflectContext){
		jsonschema.DefinitionsPrefix(componentSchemas),
		jsonschema.RootRef,
		jsonschema.InterceptDefName(s.name),
		jsonschema.InterceptNullability(func(p jsonschema.InterceptNullabilityParams) { p.Schema.RemoveType(jsonschema.Null) }),
		jsonschema.InterceptSchema(s.intercept),
		jsonschema.CollectDefinitions(func(name string, schema jsonschema.Schema) { s.byName[name] = plain(&schema) }),
	}
	return s
}

const componentSchemas = "#/components/schemas/"

// of is the schema of the type of a value. Alternatives are any of theirs.
func (s *schemas) of(value any) (schemaOf, error) {
	if some, ok := value.(alternatives); ok {
		var any []schemaOf
		for _, one := range some {
			schema, err := s.of(one)
			if err != nil {
				return nil, err
			}
			any = append(any, schema)
		}
		return schemaOf{"anyOf": any}, nil
	}
	s.prepare(reflect.TypeOf(value))
	schema, err := s.reflector.Reflect(value)
	if err != nil {
		return nil, fmt.Errorf("the schema of %T: %w", value, err)
	}
	schema.RemoveType(jsonschema.Null)
	return plain(&schema), nil
}

// plain is a schema as JSON has it.
func plain(schema *jsonschema.Schema) (out schemaOf) {
	text, err := json.Marshal(schema)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err) // it is made of what JSON has
	}
	return out
}

// inlined are the types that stand where they are used.
var inlined = map[reflect.Type]func(*jsonschema.Schema){
	reflect.TypeFor[wire.ID]():         func(s *jsonschema.Schema) { s.WithType(jsonschema.String.Type()).WithFormat("uuid") },
	reflect.TypeFor[wire.Instant]():    func(s *jsonschema.Schema) { s.WithType(jsonschema.Integer.Type()).WithFormat("int64") },
	reflect.TypeFor[wire.Object]():     func(s *jsonschema.Schema) { s.WithType(jsonschema.Object.Type()).WithAdditionalProperties(open) },
	reflect.TypeFor[json.RawMessage](): func(*jsonschema.Schema) {},
	reflect.TypeFor[event.Type]():      func(s *jsonschema.Schema) { s.WithType(jsonschema.String.Type()) },
}

// open lets an object have members that the document does not know.
var open = func() (yes jsonschema.SchemaOrBool) { return *yes.WithTypeBoolean(true) }()

// opened are the objects with members that the document does not know, and what it says about those.
var opened = map[reflect.Type]string{
	reflect.TypeFor[wire.Tenant]():      "Members that are not listed are kept as they were sent.",
	reflect.TypeFor[wire.Application](): "Members that are not listed are kept as they were sent.",
	reflect.TypeFor[Kept]():             "",
	reflect.TypeFor[Introspection]():    "",
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9]+`)

// named tells whether the schema of a type stands for itself, under its name: those of objects, and of texts with known values.
func (s *schemas) named(t reflect.Type) bool {
	_, inline := inlined[t]
	return !inline && t.PkgPath() != "" && t.Name() != "" && (t.Kind() == reflect.Struct || len(s.prose.of(t).values) > 0)
}

// name is that of a type's schema.
func (s *schemas) name(t reflect.Type, usual string) string {
	if s.named(t) {
		return unfit.ReplaceAllString(t.Name(), "")
	}
	return usual
}

// prepare tells the reflector which of the types within a type have no schema of their own.
func (s *schemas) prepare(t reflect.Type) {
	if s.known[t] {
		return
	}
	s.known[t] = true
	if t.Kind() != reflect.Pointer && !s.named(t) {
		s.reflector.InlineDefinition(reflect.Zero(t).Interface())
	}
	if _, inline := inlined[t]; inline {
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if t.Elem().Kind() != reflect.Interface {
			s.prepare(t.Elem())
		}
	case reflect.Struct:
		for _, m := range members(t) {
			if m.field.Type.Kind() != reflect.Interface {
				s.prepare(m.field.Type)
			}
		}
	}
}

// intercept has the last word about the schema of a type.
func (s *schemas) intercept(p jsonschema.InterceptSchemaParams) (stop bool, err error) {
	t := p.Value.Type()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if fill, ok := inlined[t]; ok {
		fill(p.Schema)
		return true, nil
	}
	if !p.Processed {
		return false, nil
	}
	about := s.prose.of(t)
	if text := about.text; text != "" && s.named(t) {
		if more := opened[t]; more != "" {
			text, _, _ = strings.Cut(text, "\n\n") // what follows is for people who read Go
			text += " " + more
		}
		p.Schema.WithDescription(text)
	}
	for _, value := range about.values {
		p.Schema.Enum = append(p.Schema.Enum, value)
	}
	if t.Kind() == reflect.Struct {
		s.describe(t, p.Schema)
		if _, ok := opened[t]; ok {
			p.Schema.WithAdditionalProperties(open)
		}
	}
	return false, nil
}

// describe gives the members of a struct their texts, and remembers which of them are always there.
func (s *schemas) describe(t reflect.Type, schema *jsonschema.Schema) {
	for _, m := range members(t) {
		if !m.omitted && s.named(t) {
			s.always[s.name(t, "")] = append(s.always[s.name(t, "")], m.name)
		}
		property, ok := schema.Properties[m.name]
		if text := s.prose.of(m.owner).members[m.field.Name]; ok && text != "" {
			property.TypeObject.WithDescription(text)
		}
	}
}

// member is a member of an object.
type memberOf struct {
	name    string
	field   reflect.StructField
	owner   reflect.Type // the struct that declares it
	omitted bool         // where it has nothing to say
}

// members are those of a struct, those of embedded ones in their place. Of two with one name the outer one counts.
func members(t reflect.Type) (all []memberOf) {
	defer func() {
		depth := func(m memberOf) int { // 0 for what t declares itself
			if m.owner == t {
				return 0
			}
			return 1
		}
		all = slices.DeleteFunc(all, func(m memberOf) bool {
			return slices.ContainsFunc(all, func(other memberOf) bool { return other.name == m.name && depth(other) < depth(m) })
		})
	}()
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			inner := field.Type
			pointer := inner.Kind() == reflect.Pointer
			if pointer {
				inner = inner.Elem()
			}
			for _, m := range members(inner) {
				m.omitted = m.omitted || pointer
				all = append(all, m)
			}
			continue
		}
		if name != "" && name != "-" {
			all = append(all, memberOf{name, field, t, options != ""})
		}
	}
	return all
}

// require says of the schemas that only answers have which of their members are always there. asked are the schemas of requests, where such a member
// may be missing all the same.
func (s *schemas) require(asked map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(s.byName)) {
		if always := s.always[name]; len(always) > 0 && !asked[name] {
			slices.Sort(always)
			s.byName[name]["required"] = slices.Compact(always)
		}
	}
}

// reached adds to names the schemas that a part of the document refers to, and those that they refer to.
func (s *schemas) reached(part any, names map[string]bool) {
	switch v := part.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, componentSchemas)
			if !names[name] {
				names[name] = true
				s.reached(s.byName[name], names)
			}
		}
		for _, inner := range v {
			s.reached(inner, names)
		}
	case []any:
		for _, inner := range v {
			s.reached(inner, names)
		}
	case []schemaOf:
		for _, inner := range v {
			s.reached(inner, names)
		}
	}
}

// typeOf is the type of a value, which may be a pointer.
func typeOf(value any) reflect.Type {
	t := reflect.TypeOf(value)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// inQuery is a value of the type that a member has in a query, where what may be anything is a text.
func inQuery(t reflect.Type) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		return ""
	}
	return reflect.Zero(t).Interface()
}

// fitsQuery tells whether values of a type can stand in a query: texts, numbers, booleans, and lists of them.
func fitsQuery(value any) bool {
	t := reflect.TypeOf(value)
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() != reflect.Struct && t.Kind() != reflect.Map
}
