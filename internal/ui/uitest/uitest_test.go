package uitest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	status := m.Run()
	Stop()
	os.Exit(status)
}

// recorder is a test that may fail without anybody minding.
type recorder struct {
	testing.TB
	said     []string
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Failed() bool      { return len(r.said) > 0 }
func (r *recorder) Cleanup(fn func()) { r.cleanups = append(r.cleanups, fn) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) {
	r.Errorf("%s", fmt.Sprint(args...))
	runtime.Goexit()
}

// try runs fn on a page and returns what a test would have said of it.
func try(t *testing.T, base string, fn func(p *Page)) []string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range slices.Backward(r.cleanups) {
				cleanup()
			}
		}()
		p := New(r, base)
		p.patience = time.Second
		fn(p)
	}()
	<-done
	return r.said
}

// serve serves pages with the given content, under the same policy as Herald's.
func serve(t *testing.T, pages map[string]string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := pages[r.URL.Path]
		switch {
		case !ok:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNotFound)
			content = `<link rel="icon" href="data:,">nothing here`
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
		case strings.HasSuffix(r.URL.Path, ".css"):
			w.Header().Set("Content-Type", "text/css")
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:")
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusBadRequest)
			}
			content = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
				`<title>A page</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head><body><main><h1>A page</h1>` + content + `</main></body></html>`
		}
		_, _ = w.Write([]byte(content))
	}))
	t.Cleanup(server.Close)
	if _, ok := pages["/style.css"]; !ok {
		pages["/style.css"] = ""
	}
	return server.URL
}

// A page with nothing wrong passes, and each thing that can be wrong is found and told apart.
func TestPage_FindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	Need(t)
	const form = `<form method="post"><label for="n">Name</label> <input id="n" name="n"> <label for="s">Size</label> <select id="s"><option>Small</option><option>Large</option></select>` +
		` <label><input type="checkbox" name="c"> Careful</label> <button>Save</button></form><p><a href="/other">Other page</a></p>`
	for name, c := range map[string]struct {
		pages map[string]string
		do    func(p *Page)
		want  []string // parts of what is said, in any order; nothing else may be said
	}{
		"nothing wrong": {map[string]string{"/": form, "/other": "<p>Here</p>"}, func(p *Page) {
			p.Open("/").Looks("").Type("Name", "Ada").Choose("Size", "Large").Click("Careful")
			if got := p.Value("Name") + p.Value("Size") + p.Value("Careful"); got != "AdaLargetrue" {
				t.Errorf("the fields hold %s", got)
			}
			p.Click("Save").See("Other page").Click("Other page").At("/other").See("Here").NotSee("Name").OpenWith(404, "/missing")
		}, nil},
		"parts": {map[string]string{
			"/": `<table><tr><td>One</td><td><a href="/one">Edit</a></td></tr><tr><td>Two</td><td><a href="/two">Edit</a></td></tr></table>` +
				`<section aria-label="Danger"><button>Save</button><p>Boom</p></section><section id="s"><h2>Calm</h2><button>Save</button></section>`,
			"/two": "<p>The second</p>",
		}, func(p *Page) {
			p.Open("/").Within("Danger").Click("Save").See("Boom")
			p.Within("#s").NotSee("Boom").Click("Save")
			p.Within("Calm").Click("Save")
			p.Within("Two").Click("Edit")
			p.At("/two").See("The second")
			p.Within("One").Click("Edit")
		}, []string{`0 parts of the page say "One"`}},
		"inline script":     {map[string]string{"/": `<script>alert(1)</script><p onclick="alert(1)">x</p>`}, func(p *Page) { p.Open("/").Click("[onclick]") }, []string{"Content Security Policy", "Content Security Policy"}},
		"dialog":            {map[string]string{"/": `<script src="/a.js"></script>`, "/a.js": "alert('hello')"}, func(p *Page) { p.Open("/") }, []string{`a dialog opened: alert "hello"`}},
		"console":           {map[string]string{"/": `<script src="/a.js"></script>`, "/a.js": "console.log('hello', 5)"}, func(p *Page) { p.Open("/") }, []string{`console.log: "hello" 5`}},
		"exception":         {map[string]string{"/": `<script src="/a.js"></script>`, "/a.js": "\nthrow new Error('hello')"}, func(p *Page) { p.Open("/") }, []string{"Error: hello"}},
		"picture":           {map[string]string{"/": `<img src="/none.png" alt="none">`}, func(p *Page) { p.Open("/") }, []string{"/none.png: status 404"}},
		"other server":      {map[string]string{"/": `<img src="http://example.com/none.png" alt="none">`}, func(p *Page) { p.Open("/") }, []string{"Content Security Policy", "csp"}},
		"missing page":      {map[string]string{}, func(p *Page) { p.Open("/none") }, []string{"status 404, want 200", "/none: status 404"}},
		"broken link":       {map[string]string{"/": form}, func(p *Page) { p.Open("/").Click("Other page") }, []string{"/other: status 404"}},
		"two buttons":       {map[string]string{"/": `<button>Save</button> <button>Save</button>`}, func(p *Page) { p.Open("/").Click("Save") }, []string{`2 elements say "Save"`}},
		"no button":         {map[string]string{"/": form}, func(p *Page) { p.Open("/").Click("Delete") }, []string{`nothing says "Delete"`}},
		"no field":          {map[string]string{"/": form}, func(p *Page) { p.Open("/").Type("Email", "x") }, []string{`nothing says "Email"`}},
		"no option":         {map[string]string{"/": form}, func(p *Page) { p.Open("/").Choose("Size", "Huge") }, []string{`0 options "Huge"`}},
		"hidden text":       {map[string]string{"/": `<p hidden>Here</p>`}, func(p *Page) { p.Open("/").See("Here") }, []string{`does not say "Here"`}},
		"text stays":        {map[string]string{"/": `<p>Here</p>`}, func(p *Page) { p.Open("/").NotSee("Here") }, []string{`says "Here"`}},
		"covered":           {map[string]string{"/": `<button>Save</button><div class="over"></div>`, "/style.css": ".over { position: fixed; inset: 0 }"}, func(p *Page) { p.Open("/").Click("Save") }, []string{"covered by main > div.over"}},
		"no label":          {map[string]string{"/": `<input name="n">`}, func(p *Page) { p.Open("/").Axe() }, []string{"axe: label: input"}},
		"pale in the dark":  {map[string]string{"/": "<p>Here</p>", "/style.css": ":root { color-scheme: light dark } body { background: light-dark(#fff, #000) } p { color: light-dark(#000, #333) }"}, func(p *Page) { p.Open("/").Looks("") }, []string{"wide-dark: axe: color-contrast: p", "phone-dark: axe: color-contrast: p"}},
		"does not fit":      {map[string]string{"/": "<p>Here</p>", "/style.css": "p { width: 600px }"}, func(p *Page) { p.Open("/").Fits() }, []string{"phone-light: wider than the screen: 6", "main > p ends at"}},
		"pale at a glance":  {map[string]string{"/": "<p>Here</p>", "/style.css": ":root { color-scheme: light dark } body { background: light-dark(#fff, #000) } p { color: light-dark(#000, #333) }"}, func(p *Page) { p.Open("/").Glance() }, []string{"phone-dark: axe: color-contrast: p"}},
		"wide for a phone":  {map[string]string{"/": "<p>Here</p>", "/style.css": "p { width: 600px }"}, func(p *Page) { p.Open("/").Looks("") }, []string{"phone-light: wider than the screen: 6", "main > p ends at"}},
		"small for fingers": {map[string]string{"/": `<p><a href="/">1</a></p><ul><li><button></button></li></ul>`}, func(p *Page) { p.Open("/").Axe() }, []string{"axe: button-name: button"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := try(t, serve(t, c.pages), c.do)
			rest := slices.Clone(said)
			for _, want := range c.want {
				i := slices.IndexFunc(rest, func(s string) bool { return strings.Contains(s, want) })
				if i < 0 {
					t.Errorf("nothing is said of %q, but: %q", want, said)
					continue
				}
				rest = slices.Delete(rest, i, i+1)
			}
			if len(rest) > 0 {
				t.Errorf("said besides: %q", rest)
			}
		})
	}
}

// Tabs have cookies of their own.
func TestPage_Cookies(t *testing.T) {
	t.Parallel()
	Need(t)
	base := serve(t, map[string]string{"/": `<script src="/a.js"></script>`, "/a.js": "if (!document.cookie) document.body.append('new here'); document.cookie = 'a=b'"})
	p := New(t, base)
	p.Open("/").See("new here").Open("/").NotSee("new here")
	New(t, base).Open("/").See("new here")
}

// Where there is no browser, tests are skipped, except in CI.
func TestFind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CHROMIUM", "")
	if _, err := find(); err == nil || !strings.Contains(err.Error(), "no Chromium was found") {
		t.Errorf("%v", err)
	}
	t.Setenv("CHROMIUM", "/opt/chromium")
	if program, err := find(); program != "/opt/chromium" || err != nil {
		t.Errorf("%q, %v", program, err)
	}
}
