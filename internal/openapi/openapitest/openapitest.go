// Package openapitest holds what a server answers against the OpenAPI document of its API.
package openapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/herald-events/herald/internal/api"
)

// Load is the document as kin-openapi has it, or why it is none. It is stricter than the document: an object that is not open has no other members than
// those listed, so that a member nobody has documented is found.
func Load() (*openapi3.T, error) { return load() }

var load = sync.OnceValues(func() (*openapi3.T, error) {
	var raw any
	if err := json.Unmarshal(api.Document(), &raw); err != nil {
		return nil, err
	}
	closeObjects(raw)
	text, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(text)
})

// closeObjects has the objects in a part of the document refuse members that are not listed, unless it says that they are open. What stands beside a
// reference goes: it is prose.
func closeObjects(part any) {
	switch v := part.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			clear(v)
			v["$ref"] = ref
			return
		}
		if _, said := v["additionalProperties"]; v["type"] == "object" && !said {
			v["additionalProperties"] = false
		}
		for name, inner := range v {
			if name != "example" {
				closeObjects(inner)
			}
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

// operations finds the operation of a request as the server does.
type operations struct {
	mux    *http.ServeMux
	byName map[string]*openapi3.Operation
}

var all = sync.OnceValues(func() (*operations, error) {
	doc, err := load()
	if err != nil {
		return nil, err
	}
	o := &operations{http.NewServeMux(), map[string]*openapi3.Operation{}}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			pattern := method + " " + path
			o.mux.HandleFunc(pattern, nothing)
			o.byName[pattern] = operation
		}
	}
	return o, nil
})

func nothing(http.ResponseWriter, *http.Request) {}

// ErrParameter is wrapped by the error about a request that was answered although it has a parameter which nobody has documented.
var ErrParameter = errors.New("the parameter is not documented")

// Check returns what is not documented about an answer to a request: its status, the type of its body, a member of the body, or a parameter of the request.
// It is nil when all is as documented. The answer to a request that no route takes has to be 404 or 405, without a body.
func Check(r *http.Request, status int, header http.Header, body []byte) error {
	known, err := all()
	if err != nil {
		return err
	}
	operation, name := known.of(r)
	_, path, _ := strings.Cut(name, " ")
	if operation == nil || status == http.StatusMethodNotAllowed && path != r.URL.Path { // POST /api/user/bulk creates no user with the id "bulk"
		if (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) && len(body) == 0 {
			return nil
		}
		return fmt.Errorf("no route takes the request, and the answer is %d", status)
	}
	response := operation.Responses.Value(strconv.Itoa(status))
	if response == nil {
		return fmt.Errorf("%s: the status %d is not documented: %s", name, status, body)
	}
	if err := content(response.Value, status, header, body, name); err != nil || status >= 300 {
		return err
	}
	return undocumented(operation, r)
}

// of is the operation of a request and its name.
func (o *operations) of(r *http.Request) (*openapi3.Operation, string) {
	if r.Method == http.MethodHead {
		return nil, ""
	}
	_, pattern := o.mux.Handler(r)
	return o.byName[pattern], pattern
}

// undocumented finds parameters of the query that were taken, and that nobody has documented.
func undocumented(operation *openapi3.Operation, r *http.Request) error {
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		if operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("%s: %w", name, ErrParameter)
		}
	}
	return nil
}

func content(response *openapi3.Response, status int, header http.Header, body []byte, name string) error {
	if len(body) == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("%s: %d has a body and the type %q: %w", name, status, header.Get("Content-Type"), err)
	}
	documented := response.Content.Get(kind)
	if documented == nil {
		return fmt.Errorf("%s: %d with a body of the type %s is not documented: %s", name, status, kind, body)
	}
	if kind != "application/json" {
		return nil
	}
	value, err := decode(body)
	if err != nil {
		return fmt.Errorf("%s: %d: %w", name, status, err)
	}
	if err := documented.Schema.Value.VisitJSON(value, ids, openapi3.EnableFormatValidation(), openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("%s: %d: %s: %s", name, status, reason(err), body)
	}
	return nil
}

func decode(body []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON")
	}
	return value, nil
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var ids = openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(func(text string) error {
	if uuid.MatchString(text) {
		return nil
	}
	return fmt.Errorf("%.50q is no UUID in lower case", text)
}))

// reason is an error without the schemas and values that kin-openapi adds.
func reason(err error) string {
	several, ok := errors.AsType[openapi3.MultiError](err)
	if !ok {
		several = openapi3.MultiError{err}
	}
	var texts []string
	for _, one := range several {
		if s, ok := errors.AsType[*openapi3.SchemaError](one); ok {
			texts = append(texts, "/"+strings.Join(s.JSONPointer(), "/")+" "+s.Reason)
			continue
		}
		if nested, ok := errors.AsType[openapi3.MultiError](one); ok {
			texts = append(texts, reason(nested))
			continue
		}
		texts = append(texts, one.Error())
	}
	return strings.Join(texts, "; ")
}
