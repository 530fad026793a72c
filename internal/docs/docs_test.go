package docs_test

import (
	"bytes"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/api"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/openapi/openapitest"
	"github.com/herald-events/herald/internal/ui/uitest"
)

func TestMain(m *testing.M) {
	status := dbtest.Run(m)
	uitest.Stop()
	os.Exit(status)
}

// get is a page, which needs no key.
func get(t *testing.T, s *apptest.Server, path string) (int, string) {
	t.Helper()
	response, err := http.Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("%s: the policy %q", path, policy)
	}
	return response.StatusCode, b.String()
}

var (
	links = regexp.MustCompile(`href="([^"]+)"`)
	ids   = regexp.MustCompile(` id="([^"]+)"`)
	shown = regexp.MustCompile(`<span class="method [a-z]+">([A-Z]+)</span> <code>([^<]+)</code>`)
)

// TestPages follows every link from the first page on: each leads to a page, each fragment to a place on it, and together they show every route and every
// type of event.
func TestPages(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	pages, fragments := map[string]string{}, map[string]string{}
	routes := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if _, done := pages[path]; done {
			return
		}
		status, text := get(t, s, path)
		pages[path] = text
		if status != http.StatusOK {
			t.Errorf("%s: status %d", path, status)
		}
		for _, route := range shown.FindAllStringSubmatch(text, -1) {
			routes[route[1]+" "+route[2]] = true
		}
		for _, found := range links.FindAllStringSubmatch(text, -1) {
			to, fragment, _ := strings.Cut(found[1], "#")
			if strings.Contains(to, ":") { // elsewhere
				continue
			}
			if to == "" {
				to = path
			}
			if fragment != "" {
				fragments[to+"#"+fragment] = path
			}
			if strings.HasPrefix(to, "/docs/") && !strings.HasPrefix(to, "/docs/asset/") {
				visit(to)
			}
		}
	}
	visit("/docs/")
	for to, from := range fragments {
		path, id, _ := strings.Cut(to, "#")
		if !strings.Contains(pages[path], ` id="`+id+`"`) {
			t.Errorf("%s leads to %s, which is not there", from, to)
		}
	}
	for path, text := range pages {
		seen := map[string]bool{}
		for _, id := range ids.FindAllStringSubmatch(text, -1) {
			if seen[id[1]] {
				t.Errorf("%s has the id %s twice", path, id[1])
			}
			seen[id[1]] = true
		}
	}
	for _, r := range api.Routes() {
		if !routes[r.Method+" "+r.Pattern] {
			t.Errorf("no page shows %s %s", r.Method, r.Pattern)
		}
	}
	for _, e := range event.All() {
		if pages["/docs/event/"+string(e.Type)] == "" {
			t.Errorf("no page shows %s", e.Type)
		}
	}
	for path, want := range map[string]int{"/docs": 200, "/docs/asset/docs.css": 200, "/docs/api/nothing": 404, "/docs/event/nothing": 404, "/docs/guide": 200, "/docs/guide/nothing": 404, "/docs/asset/../docs.go": 404} {
		if path == "/docs" {
			response, err := http.Get(s.URL + path)
			if err != nil || response.Request.URL.Path != "/docs/" {
				t.Errorf("/docs leads to %v, %v", response.Request.URL, err)
			}
			continue
		}
		if status, _ := get(t, s, path); status != want {
			t.Errorf("%s: status %d, want %d", path, status, want)
		}
	}
	if _, text := get(t, s, "/docs/?q=%3Cscript%3E"); strings.Contains(text, "<script>") || !strings.Contains(text, "No request and no event has these words") {
		t.Error("what somebody looks for is shown as it came")
	}
	if _, text := get(t, s, "/docs/?q=User.Delete+Complete"); !strings.Contains(text, `href="/docs/event/user.delete.complete"`) || strings.Contains(text, "/docs/event/user.create") {
		t.Error("without a script, a search does not find a type of event")
	}
	if _, text := get(t, s, "/docs/api/webhooks"); !strings.Contains(text, "Required. The type of the event") {
		t.Error("a parameter that has to be there is not said to be required")
	}
	if _, text := get(t, s, "/docs/?q=webhook+explain"); strings.Count(text, "<li data-operation") != 1 {
		t.Error("without a script, a search does not find the one request there is")
	}
}

// TestExamples sends the bodies that the pages show: readers copy them, so they have to work.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	doc, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, method := range []string{"PATCH", "POST"} { // the patch of the tenant lets it have the events that are published
		for _, path := range doc.Paths.InMatchingOrder() {
			o := doc.Paths.Value(path).GetOperation(method)
			if o == nil || o.RequestBody == nil || o.RequestBody.Value.Content["application/json"] == nil || o.RequestBody.Value.Content["application/json"].Example == nil {
				continue
			}
			to := strings.ReplaceAll(path, "{tenantId}", string(s.Tenant))
			if strings.Contains(to, "{") || path == "/api/login" { // the latter needs the user
				continue
			}
			s.Call(method, to, o.RequestBody.Value.Content["application/json"].Example).Want(200)
			sent++
		}
	}
	s.Call("POST", "/api/login", doc.Paths.Value("/api/login").Post.RequestBody.Value.Content["application/json"].Example).Want(200)
	if sent < 12 {
		t.Errorf("only %d examples were sent", sent)
	}
}

// TestBrowser_Pages looks at a page of each kind, and does what a script is for. The pages are those with little on them: what is repeated three hundred times
// need not be looked at as often.
func TestBrowser_Pages(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := apptest.Start(t, db.SQLite)
	p := uitest.New(t, s.URL)
	p.Open("/docs/?q=webhook+test").See("Send a webhook an event").Looks("docs-overview")
	p.Open("/docs/").Type("Find a request or an event", "replay").See("/api/delivery/replay").NotSee("/api/user/import")
	p.Open("/docs/api/events-in-and-out").See("Publish an event").Looks("docs-part")
	p.Type("Find a request or an event", "batch").See("/api/event/batch")
	p.Type("Find a request or an event", "xyzzy").See("Enter looks everywhere").NotSee("/api/event/batch").Axe()
	p.Type("Find a request or an event", "user.bulk").Press("Enter").See("user.bulk.create").NotSee("Enter looks everywhere")
	p.Open("/docs/event/user.create").Eval(`Object.defineProperty(navigator, "clipboard", {value: undefined}), document.addEventListener("copy", () => (window.copied = String(getSelection())))`, nil)
	var copied string
	if p.Click("Copy").See("Copied").Eval("window.copied", &copied); !strings.Contains(copied, `"type": "user.create"`) {
		t.Errorf("without a clipboard, what is copied is %q", copied)
	}
	p.Open("/docs/event/").See("user.create")
	p.Open("/docs/event/jwt.refresh").See("Members of event").Glance()
	p.Open("/docs/guide/concepts").See("The three switches").Looks("docs-chapter")
	p.OpenWith(404, "/docs/nothing").See("There is no such page")
}
