package receiver_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Who writes a receiver gets the standard library and our own shapes, and nothing else to keep up to date.
func TestImports(t *testing.T) {
	t.Parallel()
	const module = "github.com/herald-events/herald/"
	ours := []string{"wire", "event", "receiver"}
	for _, folder := range []string{".", "receivertest"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", folder, files, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				imported, _ := strconv.Unquote(spec.Path.Value)
				part, own := strings.CutPrefix(imported, module)
				if own && !slices.Contains(ours, part) || !own && strings.Contains(strings.Split(imported, "/")[0], ".") {
					t.Errorf("%s imports %s", name, imported)
				}
			}
		}
	}
}
