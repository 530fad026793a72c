package docs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// spec is the OpenAPI document.
type spec struct {
	Info struct{ Description string }
	Tags []struct{ Name, Description string }
	// Paths are by path, and below by method in lower case; Webhooks by the type of event.
	Paths, Webhooks map[string]map[string]*operation
	Components      struct {
		Schemas    map[string]*schema
		Responses  map[string]*response
		Parameters map[string]*parameter
	}
}

type operation struct {
	Method, Path string `json:"-"`
	OperationID  string
	Summary      string
	Description  string
	Tags         []string
	Parameters   []*parameter
	RequestBody  *requestBody
	Responses    map[string]*response
	Access       string `json:"x-access"`
	Permission   string `json:"x-permission"`
	// Scope and Transactional are those of an event.
	Scope         string `json:"x-scope"`
	Transactional bool   `json:"x-transactional"`

	spec *spec
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                *schema
}

type requestBody struct {
	Required bool
	Content  map[string]*content
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]*content
}

type content struct {
	Schema  *schema
	Example json.RawMessage
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Format               string
	Description          string
	Properties           map[string]*schema
	Required             []string
	Items                *schema
	AdditionalProperties *additional
	Enum                 []string
	AnyOf                []*schema
}

// additional says what other members an object may have: any, or those with a schema.
type additional struct {
	any    bool
	schema *schema
}

func (a *additional) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &a.any) == nil {
		return nil
	}
	return json.Unmarshal(text, &a.schema)
}

// read reads the document and resolves what is shared.
func read(document []byte) (*spec, error) {
	s := new(spec)
	if err := json.Unmarshal(document, s); err != nil {
		return nil, err
	}
	for path, methods := range s.Paths {
		for method, o := range methods {
			o.Method, o.Path = strings.ToUpper(method), path
			s.complete(o)
		}
	}
	for _, methods := range s.Webhooks {
		for _, o := range methods {
			s.complete(o)
		}
	}
	return s, nil
}

func (s *spec) complete(o *operation) {
	o.spec = s
	for i, p := range o.Parameters {
		if p.Ref != "" {
			o.Parameters[i] = s.Components.Parameters[last(p.Ref)]
		}
	}
	for status, r := range o.Responses {
		if r.Ref != "" {
			o.Responses[status] = s.Components.Responses[last(r.Ref)]
		}
	}
}

// last is the name that a reference ends with.
func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// named is a schema by its name.
func (s *spec) named(name string) *schema { return s.Components.Schemas[name] }

// methods in the order in which they are shown.
var methods = []string{"POST", "GET", "PUT", "PATCH", "DELETE"}

// parts are those of the API, with their operations in order.
func (s *spec) parts() (all []*part) {
	byName := map[string]*part{}
	for _, tag := range s.Tags {
		p := &part{Name: tag.Name, About: tag.Description, spec: s}
		byName[tag.Name] = p
		all = append(all, p)
	}
	for _, path := range slices.Sorted(maps.Keys(s.Paths)) {
		for _, method := range methods {
			if o := s.Paths[path][strings.ToLower(method)]; o != nil {
				p := byName[o.Tags[0]]
				p.Operations = append(p.Operations, o)
			}
		}
	}
	return all
}

// eventTypes are those of the catalogue.
func (s *spec) eventTypes() (all []*eventType) {
	for _, name := range slices.Sorted(maps.Keys(s.Webhooks)) {
		all = append(all, &eventType{Type: name, operation: s.Webhooks[name]["post"]})
	}
	return all
}

// status is the number of an answer's status, for the order.
func status(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
