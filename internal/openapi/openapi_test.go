package openapi

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/herald-events/herald/internal/api"
	"github.com/herald-events/herald/internal/openapi/openapitest"
)

// TestDocument_IsCurrent: the document that is served is what the routes, the types and their documentation say today. It also fails when a route is not
// described, or a description has no route.
func TestDocument_IsCurrent(t *testing.T) {
	t.Parallel()
	made, err := Generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, api.Document()) {
		t.Error("internal/api/openapi.json is stale: make generate")
	}
}

// TestDocument_IsSound: the document is what OpenAPI calls one, its examples are as its schemas say, and the ids of operations are unique.
func TestDocument_IsSound(t *testing.T) {
	t.Parallel()
	doc, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// TestRoutes_BothWays compares the document with the table of routes once more, without the generator.
func TestRoutes_BothWays(t *testing.T) {
	t.Parallel()
	doc, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, r := range api.Routes() {
		name := r.Method + " " + r.Pattern
		if !described[name] {
			t.Errorf("%s is not in the document", name)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("%s is in the document, and no route", name)
	}
}

// TestBinary_HasNoGenerator: what makes and checks the document is for development alone.
func TestBinary_HasNoGenerator(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../cmd/herald").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(out)) {
		for _, unwanted := range []string{"github.com/swaggest/", "github.com/getkin/", "github.com/herald-events/herald/internal/openapi"} {
			if strings.HasPrefix(name, unwanted) {
				t.Errorf("the binary is linked with %s", name)
			}
		}
	}
}
