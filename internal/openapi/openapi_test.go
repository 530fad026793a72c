package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
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

// TestDocument_SpeaksJSON: people who read the document know the names that JSON has. The names of Go, and what its comments write in brackets, stay in the source;
// names of schemas and values of enumerations are the document's own.
func TestDocument_SpeaksJSON(t *testing.T) {
	t.Parallel()
	var document any
	if err := json.Unmarshal(api.Document(), &document); err != nil {
		t.Fatal(err)
	}
	goNames, own := exported(t, "../../wire", "../../event", "."), map[string]bool{}
	walk(document, "", func(_, name string, value any) {
		if name == "enum" {
			for _, one := range value.([]any) {
				own[fmt.Sprint(one)] = true
			}
		}
	})
	for name := range document.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		own[name] = true
	}
	word, qualified := regexp.MustCompile(`\w+`), regexp.MustCompile(`\b(wire|event|json|time|receiver)\.[A-Z]\w*|\[[a-z]+\.[A-Z]\w*\]|\bnil\b`)
	walk(document, "", func(path, name string, value any) {
		text, ok := value.(string)
		if !ok || name != "description" && name != "summary" {
			return
		}
		for _, found := range word.FindAllString(text, -1) {
			if goNames[found] && !own[found] {
				t.Errorf("%s: %s is a name of Go: %s", path, found, text)
			}
		}
		if found := qualified.FindString(text); found != "" {
			t.Errorf("%s: %s is Go: %s", path, found, text)
		}
	})
}

// walk visits every member of a document.
func walk(part any, path string, visit func(path, name string, value any)) {
	switch v := part.(type) {
	case map[string]any:
		for name, value := range v {
			if name == "example" {
				continue
			}
			visit(path, name, value)
			walk(value, path+"/"+name, visit)
		}
	case []any:
		for i, value := range v {
			walk(value, fmt.Sprint(path, "/", i), visit)
		}
	}
}

// exported are the names that packages export, but for those that are words of English as well, such as User.
func exported(t *testing.T, folders ...string) map[string]bool {
	t.Helper()
	names, composed := map[string]bool{}, regexp.MustCompile(`^[A-Z][a-z0-9]*[A-Z].*[a-z]|[a-z].*[A-Z]`)
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, files, err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if name, ok := n.(*ast.Ident); ok && name.IsExported() && composed.MatchString(name.Name) {
					names[name.Name] = true
				}
				return true
			})
		}
	}
	return names
}
