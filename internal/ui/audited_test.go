package ui_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/ui"
)

// unaudited are the forms that leave nothing in the audit log, with why.
var unaudited = map[string]string{
	"POST /admin/preferences":              "changes the browser's own cookie",
	"POST /admin/sign-in":                  "changes nothing that others see",
	"POST /admin/sign-in/code":             "changes nothing that others see",
	"POST /admin/sign-in/send":             "the message has its own record",
	"POST /admin/sign-out":                 "ends the browser's own session",
	"POST /admin/webhook/check":            "shows what the form would do",
	"POST /admin/webhook/{id}/test":        "the attempt is in the webhook log, if it is to be recorded",
	"POST /admin/webhook/filter":           "shows what a filter would say",
	"POST /admin/sink/{id}/test":           "the attempt is in the webhook log",
	"POST /admin/sink/check":               "shows what the form would do",
	"POST /admin/health":                   "only asks the receivers",
	"POST /admin/message-template/preview": "shows what the form would do",
	"POST /admin/email-template/preview":   "shows what the form would do",
}

// Every form either begins an entry of the audit log or says here why it does not. That is found out from the source: which functions a handler may come to
// call, by their names. That the entry is there after the change, and is not when the change was refused, is for the tests of each screen.
func TestRoutes_Audited(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]map[string]bool{}    // what a function mentions; methods begin with a dot
	handlers := map[string]map[string]bool{} // the same for the handler in a row of the table, by its pattern
	mentions := func(in ast.Node, into map[string]bool) {
		ast.Inspect(in, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				into["."+n.Sel.Name] = true
			case *ast.Ident:
				into[n.Name] = true
			}
			return true
		})
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				name := n.Name.Name
				if n.Recv != nil {
					name = "." + name
				}
				if calls[name] == nil {
					calls[name] = map[string]bool{}
				}
				if n.Body != nil {
					mentions(n.Body, calls[name])
				}
			case *ast.CompositeLit:
				if len(n.Elts) != 5 { // a row of the table has so many
					return true
				}
				if pattern := constant(n.Elts[0]); strings.HasPrefix(pattern, "POST") {
					if handlers[pattern] == nil {
						handlers[pattern] = map[string]bool{}
					}
					mentions(n.Elts[4], handlers[pattern])
				}
			}
			return true
		})
	}
	writes := func(pattern string) bool {
		seen := map[string]bool{}
		next := slices.Collect(maps.Keys(handlers[pattern]))
		for len(next) > 0 {
			name := next[0]
			next = next[1:]
			if name == ".changing" || strings.HasPrefix(name, ".CreateAudit") || name == ".AuditOf" {
				return true
			}
			if seen[name] {
				continue
			}
			seen[name] = true
			next = slices.AppendSeq(next, maps.Keys(calls[name]))
		}
		return false
	}
	checked := 0
	for _, r := range ui.Routes() {
		if !strings.HasPrefix(r.Pattern, "POST ") {
			continue
		}
		pattern := r.Pattern
		if handlers[pattern] == nil { // the source has the end of the pattern only, or as of the deeds nothing but the method
			pattern = "POST…"
			for known := range handlers {
				if end, ok := strings.CutPrefix(known, "POST …"); ok && strings.HasSuffix(r.Pattern, end) && len(known) > len(pattern) {
					pattern = known
				}
			}
		}
		if handlers[pattern] == nil {
			t.Errorf("%s: no handler was found", pattern)
			continue
		}
		checked++
		why, excepted := unaudited[r.Pattern]
		if wrote := writes(pattern); wrote == excepted {
			t.Errorf("%s: it begins an entry of the audit log: %v; it is excepted: %q", r.Pattern, wrote, why)
		}
	}
	if checked < 60 {
		t.Errorf("only %d forms were looked at", checked)
	}
}

// constant is a text as far as the source has it, with … for the rest.
func constant(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strings.Trim(e.Value, "`\"")
	case *ast.BinaryExpr:
		return constant(e.X) + constant(e.Y)
	}
	return "…"
}
