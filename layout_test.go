package herald_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/herald-events/herald/"

// mayImport is the layout: which of our packages each package may import. Arrows point down only. Packages that everybody may
// import (wire, event, problem, nearest, crashpoint) are not listed on the right. CONTRIBUTING.md has the table with the reasons.
var mayImport = map[string][]string{
	".":                   {},
	"wire":                {},
	"event":               {},
	"receiver":            {},
	"client":              {},
	"internal/problem":    {},
	"internal/nearest":    {},
	"internal/crashpoint": {},
	"internal/rawjson":    {},
	"internal/search":     {},
	"internal/egress":     {},
	"internal/chart":      {},
	"internal/kickstart":  {"internal/egress"},
	"internal/config":     {},
	"internal/db":         {"internal/search"},
	"internal/backup":     {"internal/db"},
	"internal/metrics":    {"internal/db", "internal/egress"},
	"internal/trace":      {},
	"internal/traffic":    {"internal/db"},
	"internal/system":     {"internal/db"},
	"internal/key":        {"internal/db", "internal/sealed", "internal/search"},
	"internal/journal":    {"internal/db", "internal/search"},
	"internal/loose":      {},
	"internal/body":       {},
	"internal/sealed":     {"internal/loose"},
	"internal/risk":       {"internal/loose"},
	"internal/tenant": {
		"internal/db", "internal/search", "internal/journal", "internal/loose", "internal/sealed", "internal/risk", "internal/egress", "internal/messenger",
	},
	"internal/access":     {"internal/sealed", "internal/db", "internal/search", "internal/journal"},
	"internal/filter":     {},
	"internal/webhook":    {"internal/trace", "internal/filter", "internal/sealed", "internal/db", "internal/search", "internal/egress", "internal/key", "internal/rawjson"},
	"internal/sink":       {"internal/db", "internal/egress", "internal/rawjson", "internal/sealed", "internal/search", "internal/webhook"},
	"internal/webhooklog": {"internal/trace", "internal/filter", "internal/db", "internal/search", "internal/egress", "internal/webhook"},
	"internal/outbox":     {"internal/trace", "internal/db", "internal/search", "internal/egress", "internal/journal", "internal/metrics", "internal/traffic", "internal/webhook", "internal/webhooklog"},
	"internal/publish": {
		"internal/trace",
		"internal/db", "internal/egress", "internal/metrics", "internal/outbox", "internal/rawjson", "internal/search", "internal/tenant", "internal/traffic", "internal/webhook", "internal/webhooklog",
	},
	"internal/application": {"internal/db", "internal/key", "internal/loose", "internal/publish", "internal/sealed", "internal/search", "internal/tenant"},
	"internal/token":       {"internal/application", "internal/db", "internal/key", "internal/publish", "internal/tenant"},
	"internal/useraction": {
		"internal/application", "internal/db", "internal/identity", "internal/message", "internal/publish", "internal/search", "internal/template", "internal/tenant", "ftl",
	},
	"internal/login": {
		"internal/application", "internal/db", "internal/identity", "internal/message", "internal/publish", "internal/risk", "internal/search", "internal/tenant",
		"internal/ticket", "internal/token",
	},
	"internal/replay":           {"internal/filter", "internal/db", "internal/journal", "internal/search", "internal/outbox", "internal/tenant", "internal/webhook", "internal/webhooklog"},
	"internal/identity":         {"internal/application", "internal/sealed", "internal/loose", "internal/risk", "internal/db", "internal/search", "internal/journal", "internal/message", "internal/tenant", "internal/ticket", "internal/publish"},
	"internal/group":            {"internal/application", "internal/db", "internal/identity", "internal/publish", "internal/search", "internal/tenant"},
	"internal/keep":             {"internal/db", "internal/loose", "internal/sealed", "internal/search", "internal/tenant"},
	"internal/entity":           {"internal/db", "internal/key", "internal/publish", "internal/sealed", "internal/search", "internal/tenant"},
	"internal/idp":              {"internal/db", "internal/search", "internal/identity", "internal/keep", "internal/loose", "internal/publish", "internal/sealed"},
	"ftl":                       {},
	"examples/message-receiver": {"receiver"},
	"examples/webhook-go":       {"receiver"},
	"internal/messenger":        {"internal/sealed", "internal/db", "internal/search", "internal/egress"},
	"internal/template":         {"internal/db", "internal/search", "ftl"},
	"internal/message":          {"internal/db", "internal/search", "internal/egress", "internal/journal", "internal/messenger", "internal/metrics", "internal/template", "internal/tenant"},
	"internal/ticket":           {"internal/sealed", "internal/db"},
	"internal/twofactor":        {"internal/sealed", "internal/token", "internal/login", "internal/application", "internal/db", "internal/identity", "internal/message", "internal/publish", "internal/template", "internal/tenant", "internal/ticket"},

	"internal/doctor": {
		"internal/db", "internal/egress", "internal/key", "internal/messenger", "internal/outbox", "internal/publish", "internal/system", "internal/tenant", "internal/traffic",
		"internal/webhook",
	},
	"internal/feed": {"internal/db", "internal/tenant", "internal/webhooklog"},
	"internal/listen": {
		"internal/db", "internal/egress", "internal/journal", "internal/key", "internal/search", "internal/tenant", "internal/webhook", "internal/webhooklog",
	},
	"internal/live":  {"internal/db", "internal/outbox", "internal/webhook", "internal/webhooklog"},
	"internal/admin": {"internal/application", "internal/db", "internal/identity", "internal/publish", "internal/tenant", "internal/ticket", "internal/twofactor"},
	"internal/ui": {
		"internal/access", "internal/admin", "internal/application", "internal/body", "internal/chart", "internal/db", "internal/doctor", "internal/egress", "internal/entity", "internal/group", "internal/identity",
		"internal/journal", "internal/key", "internal/kickstart", "internal/listen", "internal/live", "internal/login", "internal/message", "internal/messenger", "internal/metrics", "internal/outbox", "internal/publish", "internal/replay", "internal/search", "internal/sink",
		"internal/system", "internal/template", "internal/tenant", "internal/traffic", "internal/twofactor", "internal/useraction", "internal/webhook", "internal/webhooklog",
	},

	"internal/api": {
		"internal/trace",
		"internal/feed",
		"internal/access",
		"internal/application",
		"internal/body",
		"internal/db",
		"internal/doctor",
		"internal/entity",
		"internal/group",
		"internal/identity",
		"internal/idp",
		"internal/journal",
		"internal/keep",
		"internal/key",
		"internal/listen",
		"internal/login",
		"internal/loose",
		"internal/message",
		"internal/messenger",
		"internal/metrics",
		"internal/outbox",
		"internal/publish",
		"internal/rawjson",
		"internal/replay",
		"internal/search",
		"internal/sink",
		"internal/system",
		"internal/template",
		"internal/tenant",
		"internal/token",
		"internal/twofactor",
		"internal/useraction",
		"internal/webhook",
		"internal/webhooklog",
	},
	"internal/docs":             {},
	"internal/openapi":          {"internal/api", "internal/keep"},
	"internal/openapi/generate": {"internal/openapi"},
	"internal/release":          {},
	"internal/release/build":    {"internal/release"},
	"internal/app": {
		"internal/trace",
		"internal/feed",
		"internal/access",
		"internal/admin",
		"internal/api",
		"internal/application",
		"internal/config",
		"internal/db",
		"internal/docs",
		"internal/doctor",
		"internal/egress",
		"internal/entity",
		"internal/group",
		"internal/identity",
		"internal/idp",
		"internal/journal",
		"internal/keep",
		"internal/key",
		"internal/kickstart",
		"internal/listen",
		"internal/live",
		"internal/login",
		"internal/message",
		"internal/messenger",
		"internal/metrics",
		"internal/outbox",
		"internal/publish",
		"internal/replay",
		"internal/risk",
		"internal/sealed",
		"internal/sink",
		"internal/system",
		"internal/template",
		"internal/tenant",
		"internal/ticket",
		"internal/token",
		"internal/traffic",
		"internal/twofactor",
		"internal/ui",
		"internal/useraction",
		"internal/webhook",
		"internal/webhooklog",
	},
	"internal/cli": {"client", "receiver", "internal/app", "internal/backup", "internal/config", "internal/egress", "internal/filter", "internal/kickstart"},
	"cmd/herald":   {"internal/cli"},
}

var everybodyMayImport = []string{"wire", "event", "internal/problem", "internal/nearest", "internal/crashpoint"}

// domain packages take their clock, their HTTP client and their context from whoever calls them.
var domain = []string{
	"internal/access",
	"internal/application",
	"internal/doctor",
	"internal/entity",
	"internal/group",
	"internal/identity",
	"internal/idp",
	"internal/journal",
	"internal/keep",
	"internal/key",
	"internal/listen",
	"internal/live",
	"internal/login",
	"internal/message",
	"internal/messenger",
	"internal/outbox",
	"internal/publish",
	"internal/replay",
	"internal/risk",
	"internal/system",
	"internal/template",
	"internal/tenant",
	"internal/ticket",
	"internal/token",
	"internal/twofactor",
	"internal/useraction",
	"internal/webhook",
	"internal/webhooklog",
}

var notInDomain = map[string]string{
	"time.Now":             "take the clock of the transaction (tx.Now) or of the options",
	"http.DefaultClient":   "send through egress",
	"http.Get":             "send through egress",
	"http.Post":            "send through egress",
	"time.Sleep":           "wait for a signal or a timer that can be stopped",
	"http.DefaultServeMux": "make a mux of your own",
}

func TestLayout_ImportsPointDown(t *testing.T) {
	t.Parallel()
	eachFile(t, func(pkg, file string, f *ast.File) {
		allowed, listed := mayImport[pkg]
		if !listed {
			t.Errorf("%s: package %s is not in the layout table", file, pkg)
			return
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			ours, ok := strings.CutPrefix(imported, module)
			if ok && !slices.Contains(allowed, ours) && !slices.Contains(everybodyMayImport, ours) {
				t.Errorf("%s imports %s: %s may import only %v", file, ours, pkg, allowed)
			}
			public := pkg == "wire" || pkg == "event" || pkg == "receiver" || pkg == "client"
			if public && !ok && strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("%s imports %s: public packages use the standard library only", file, imported)
			}
			if strings.HasPrefix(imported, "github.com/chromedp/") {
				t.Errorf("%s imports %s: the browser is for tests only", file, imported)
			}
			if strings.HasPrefix(imported, "github.com/swaggest/") && pkg != "internal/openapi" || strings.HasPrefix(imported, "github.com/getkin/") {
				t.Errorf("%s imports %s: the API is described at development time, and checked in tests", file, imported)
			}
		}
	})
}

func TestLayout_DomainTakesWhatItNeeds(t *testing.T) {
	t.Parallel()
	eachFile(t, func(pkg, file string, f *ast.File) {
		if !slices.Contains(domain, pkg) {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok {
					if instead, ok := notInDomain[x.Name+"."+sel.Sel.Name]; ok {
						t.Errorf("%s uses %s.%s: %s", file, x.Name, sel.Sel.Name, instead)
					}
				}
			}
			return true
		})
	})
}

// TestLayout_SQLHasItsFiles keeps SQL where it is looked for: in *_sql.go, in db and in migrations.
func TestLayout_SQLHasItsFiles(t *testing.T) {
	t.Parallel()
	eachFile(t, func(pkg, file string, f *ast.File) {
		if strings.HasSuffix(file, "_sql.go") || pkg == "internal/db" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				for _, verb := range []string{"SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "} {
					if strings.HasPrefix(text, verb) {
						t.Errorf("%s: SQL text belongs into a file named *_sql.go: %.40q", file, text)
					}
				}
			}
			return true
		})
	})
}

// TestLayout_MigrationsHaveNumbers keeps two changes that were made side by side from landing with one number.
func TestLayout_MigrationsHaveNumbers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("internal/db/migrations/*.sql")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d migrations were found, %v", len(files), err)
	}
	names := map[string]string{}
	for _, file := range files {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(path.Base(filepath.ToSlash(file)), ".sql"), ".sqlite"), ".postgres")
		number, name, _ := strings.Cut(base, "_")
		if other, taken := names[number]; taken && other != name {
			t.Errorf("the migrations %s and %s have the number %s", other, name, number)
		}
		names[number] = name
	}
}

// eachFile calls fn for every file of the product itself: no tests, no test kits, no tools.
func eachFile(t *testing.T, fn func(pkg, file string, f *ast.File)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if base := path.Base(name); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || strings.HasSuffix(base, "test") ||
				name == "tools" || name == "test") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		fn(path.Dir(name), name, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d files were found: is the test still run from the root?", files)
	}
}
