package docs

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// part is a part of the API: a page.
type part struct {
	Name, About string
	Operations  []*operation
	spec        *spec
}

// To is the address of the page.
func (p *part) To() string {
	return "/docs/api/" + strings.ReplaceAll(strings.ToLower(p.Name), " ", "-")
}

// has tells whether an operation has all words in its path or its texts.
func (o *operation) has(words []string) bool {
	return hasAll(o.Method+" "+o.Path+" "+o.Summary+" "+o.Description, words)
}

// Slug is the method in lower case, for its colour.
func (o *operation) Slug() string { return strings.ToLower(o.Method) }

// access says who may make a request, by the access of its route.
var access = map[string]string{
	"open": "Needs no key.", "tenant key": "Needs an API key. One that is bound to a tenant stays inside it.",
	"optional key": "Takes an API key, and works without one where the tenant or the application allows it.", "user or key": "Needs an API key, or the access token of a user.",
	"user or open": "Takes an API key or the access token of a user, and works without.", "user": "Needs the access token of a user.",
	"global key": "Needs an API key that is bound to no tenant.", "instance key": "Needs an API key that is bound to no tenant, and takes no tenant header.",
	"key manager": "Needs an API key that is a key manager.", "metrics key": "Needs an API key that is bound to no tenant, which may stand as the password of the user apikey.",
}

// Who says who may make the request.
func (o *operation) Who() string { return access[o.Access] }

// In are the parameters in a place: path, query or header.
func (o *operation) In(place string) (all []row) {
	for _, p := range o.Parameters {
		if p.In == place {
			r := rowOf(p.Name, p.Schema, false)
			if r.About = p.Description; p.Required && place != "path" {
				r.About = strings.TrimSpace("Required. " + r.About)
			}
			all = append(all, r)
		}
	}
	return all
}

// Body is what a request carries, nil without a body.
func (o *operation) Body() *shown {
	if o.RequestBody == nil {
		return nil
	}
	return o.spec.shown(o.RequestBody.Content)
}

// Patches tells whether the body is a patch, of which there are three kinds.
func (o *operation) Patches() bool { return o.Method == http.MethodPatch }

// Answer is one that a request may get.
type Answer struct {
	Status, About string
	Shape         *shown
}

// Answers are all of them, those that are no failure first.
func (o *operation) Answers() (all []Answer) {
	for _, code := range slices.SortedFunc(maps.Keys(o.Responses), func(a, b string) int { return status(a) - status(b) }) {
		r := o.Responses[code]
		a := Answer{Status: code, About: r.Description}
		if len(r.Content) > 0 {
			a.Shape = o.spec.shown(r.Content)
		}
		all = append(all, a)
	}
	return all
}

// Success is the shape of the body when all goes well, nil when it has none, or is no JSON.
func (o *operation) Success() *shown {
	for _, a := range o.Answers() {
		if a.Good() && a.Shape != nil && a.Shape.JSON() {
			return a.Shape
		}
	}
	return nil
}

// Good tells whether an answer is no failure.
func (a Answer) Good() bool { return status(a.Status) < 300 }

// shown is the shape of a body.
type shown struct {
	// Types are its media types.
	Types []string
	// Kind names it, Rows are its members.
	Kind kind
	Rows []row
}

// JSON tells whether the body is JSON.
func (s *shown) JSON() bool { return len(s.Types) == 0 || strings.Contains(s.Types[0], "json") }

func (s *spec) shown(all map[string]*content) *shown {
	types := slices.Sorted(maps.Keys(all))
	slices.SortStableFunc(types, func(a, b string) int { return len(a) - len(b) })
	of := all[types[0]].Schema
	out := &shown{Types: types, Kind: kindOf(of)}
	if of != nil && of.Ref != "" {
		of = s.named(last(of.Ref))
	}
	out.Rows = rows(of)
	return out
}

// kind is a type for people: "array of", and the name of an object to look up.
type kind struct {
	Before, Name, After string
	// Or are further ones that it may be instead.
	Or []kind
}

// row is a member of an object, or a parameter.
type row struct {
	Name     string
	Kind     kind
	Required bool
	About    string
	Values   []string
}

// rows are the members of an object, those first that are always there.
func rows(of *schema) (all []row) {
	if of == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(of.Properties)) {
		all = append(all, rowOf(name, of.Properties[name], slices.Contains(of.Required, name)))
	}
	return all
}

func rowOf(name string, of *schema, required bool) row {
	r := row{Name: name, Kind: kindOf(of), Required: required}
	if of != nil {
		r.About, r.Values = of.Description, of.Enum
	}
	return r
}

func kindOf(of *schema) kind {
	switch {
	case of == nil:
		return kind{Before: "any JSON"}
	case of.Ref != "":
		return kind{Name: last(of.Ref)}
	case len(of.AnyOf) > 0:
		first := kindOf(of.AnyOf[0])
		for _, other := range of.AnyOf[1:] {
			first.Or = append(first.Or, kindOf(other))
		}
		return first
	case of.Type == "array":
		return within("list of ", kindOf(of.Items))
	case of.Type == "object" && of.AdditionalProperties != nil && of.AdditionalProperties.schema != nil:
		return within("map of ", kindOf(of.AdditionalProperties.schema))
	case of.Type == "object" && len(of.Properties) == 0:
		return kind{Before: "object of any members"}
	case of.Type == "":
		return kind{Before: "any JSON"}
	case of.Format == "uuid":
		return kind{Before: "UUID"}
	}
	return kind{Before: of.Type}
}

func within(what string, k kind) kind {
	k.Before = what + k.Before
	return k
}

// Objects are all that the operations of a part refer to, and what those refer to.
func (p *part) Objects() []object {
	names := map[string]bool{}
	for _, o := range p.Operations {
		if o.RequestBody != nil {
			p.spec.gather(o.RequestBody.Content, names)
		}
		for _, r := range o.Responses {
			p.spec.gather(r.Content, names)
		}
	}
	return p.spec.objects(names)
}

// object is one that is shown by itself.
type object struct {
	Name, About string
	Rows        []row
	Values      []string
}

func (s *spec) objects(names map[string]bool) (all []object) {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		of := s.named(name)
		all = append(all, object{name, of.Description, rows(of), of.Enum})
	}
	return all
}

func (s *spec) gather(all map[string]*content, names map[string]bool) {
	for _, c := range all {
		s.reach(c.Schema, names)
	}
}

// reach adds the names of all schemas that one refers to.
func (s *spec) reach(of *schema, names map[string]bool) {
	if of == nil {
		return
	}
	if of.Ref != "" {
		if name := last(of.Ref); !names[name] {
			names[name] = true
			s.reach(s.named(name), names)
		}
		return
	}
	for _, inner := range of.Properties {
		s.reach(inner, names)
	}
	for _, inner := range of.AnyOf {
		s.reach(inner, names)
	}
	s.reach(of.Items, names)
	if of.AdditionalProperties != nil {
		s.reach(of.AdditionalProperties.schema, names)
	}
}

// eventType is a type of event: a page.
type eventType struct {
	Type string
	*operation
}

// To is the address of the page.
func (e *eventType) To() string { return "/docs/event/" + e.Type }

func (e *eventType) content() *content { return e.RequestBody.Content["application/json"] }

// Members are those of the event.
func (e *eventType) Members() []row {
	return rows(e.spec.named(last(e.content().Schema.Properties["event"].Ref)))
}

// Objects are all that the event has in it.
func (e *eventType) Objects() []object {
	names := map[string]bool{}
	itself := last(e.content().Schema.Properties["event"].Ref)
	e.spec.reach(e.content().Schema, names)
	delete(names, itself)
	return e.spec.objects(names)
}

// Example is a complete event, indented.
func (e *eventType) Example() string { return indented(e.content().Example) }

func indented(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return string(text)
	}
	return b.String()
}
