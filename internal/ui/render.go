package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/wire"
)

//go:embed page/*.html asset/*
var files embed.FS

// pages are the templates by the names of their files, one set per page, each with the frame and the shared parts. A page is parsed when it is first shown: all of them
// take as long as everything else at a start. TestPages_Parse looks at each.
type pages map[string]func() *template.Template

// allPages is the same for every server in the process.
var allPages = sync.OnceValue(func() pages {
	base := template.Must(template.New("").Funcs(template.FuncMap{"asset": assetURL}).ParseFS(files, "page/frame.html", "page/parts.html"))
	names, err := fs.Glob(files, "page/*.html")
	if err != nil {
		panic(err)
	}
	all := pages{}
	for _, file := range names {
		if name := strings.TrimSuffix(path.Base(file), ".html"); name != "frame" && name != "parts" {
			all[name] = sync.OnceValue(func() *template.Template { return template.Must(template.Must(base.Clone()).ParseFS(files, file)) })
		}
	}
	return all
})

// frame is what every page has. Page is what the screen itself shows.
type frame struct {
	v     *visit
	Title string
	Page  any
}

// Of is what the page is about, beside the title.
func (f frame) Of() string { return f.v.of }

// Above are the pages that lead to this one.
func (f frame) Above() []link { return f.v.above }

// Menu is the navigation, as far as the administrator's roles open it.
func (f frame) Menu() []menuGroup { return f.v.menu() }

// Said is what the page before has done.
func (f frame) Said() string { return f.v.said() }

// Tenants are those to choose from: none when there are so many that nobody would look for one in a list.
func (f frame) Tenants() ([]wire.Tenant, error) {
	all, err := f.v.s.Tenants.List(f.v.Context())
	if len(all) > mostTenants {
		return nil, err
	}
	return all, err
}

const mostTenants = 200

// Here is the address of the page, to come back to.
func (f frame) Here() string {
	if f.v.Method == http.MethodGet {
		return f.v.URL.RequestURI()
	}
	return "/admin/"
}

// Confirmed tells whether the password need not be given again.
func (f frame) Confirmed() bool { return f.v.session.Confirmed() }

// Prefers is one of the preferences.
func (f frame) Prefers() preferences { return f.v.preferences }

// Say is a text in the language of the page; args are pairs of a name and a value.
func (f frame) Say(id string, args ...any) string { return f.v.text.say(id, args...) }

// Lang is the language of the page.
func (f frame) Lang() string { return f.v.text.lang }

// Admin is the name of who has signed in, or "".
func (f frame) Admin() string {
	if f.v.session == nil {
		return ""
	}
	return f.v.session.Name()
}

// Time is an instant for people, to the second, and exact for programs.
func (f frame) Time(i wire.Instant) template.HTML {
	if i == 0 {
		return ""
	}
	t := time.UnixMilli(int64(i)).UTC()
	return template.HTML(fmt.Sprintf(`<time datetime=%q>%s</time>`, t.Format(time.RFC3339Nano), t.Format("2006-01-02 15:04:05 UTC"))) //nolint:gosec // digits
}

// Until is how far an instant is away, in words: "in 12 days", "3 days ago".
func (f frame) Until(i wire.Instant) string {
	left := time.UnixMilli(int64(i)).Sub(f.v.began)
	way := "In"
	if left < 0 {
		left, way = -left, "Ago"
	}
	const day = 24 * time.Hour
	for _, unit := range []struct {
		name        string
		size, least time.Duration
	}{{"Years", 365 * day, 2 * 365 * day}, {"Months", 30 * day, 90 * day}, {"Days", day, 2 * day}, {"Hours", time.Hour, 2 * time.Hour}} {
		if left >= unit.least {
			return f.Say(unit.name+way, "Count", int(left/unit.size))
		}
	}
	return f.Say("Minutes"+way, "Count", int(left/time.Minute))
}

// Short is as much of a text as a row has room for.
func (f frame) Short(text string, most int) string { return shortened(text, most) }

func shortened(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// Middle is an id without its middle, which is enough to tell it from its neighbours.
func (f frame) Middle(id wire.ID) string {
	if len(id) < 16 {
		return string(id)
	}
	return string(id[:8]) + "…" + string(id[len(id)-4:])
}

// May tells templates what to offer.
func (f frame) May(area admin.Area, right string) bool {
	rights := map[string]admin.Right{"view": admin.View, "change": admin.Change, "delete": admin.Delete}
	return f.v.session != nil && f.v.session.May(area, rights[right])
}

// With passes several values to a shared part.
func (f frame) With(page any) frame {
	f.Page = page
	return f
}

// show renders a page. Nothing is sent before all of it is there.
func (v *visit) show(name, title string, page any) error {
	parse, ok := v.s.pages[name]
	if !ok {
		return fmt.Errorf("ui: there is no page %q", name)
	}
	var out bytes.Buffer
	if err := parse().ExecuteTemplate(&out, "frame.html", frame{v: v, Title: v.text.say(title), Page: page}); err != nil {
		return err
	}
	v.write(out.Bytes())
	return nil
}

// part renders one part of a page by itself, for a page that replaces it: a preview, a row.
func (v *visit) part(page, name string, of any) error {
	var out bytes.Buffer
	if err := v.s.pages[page]().ExecuteTemplate(&out, name, frame{v: v, Page: of}); err != nil {
		return err
	}
	v.write(out.Bytes())
	return nil
}

// isPart tells whether the request wants a part of the page that it is made from, and not a page.
func (v *visit) isPart() bool { return v.Request.Header.Get("HX-Request") == "true" }

// isByItself tells whether the page that is left open asks for what is new, and nobody does.
func (v *visit) isByItself() bool { return v.Request.Header.Get("Herald-By-Itself") == "true" }

// write sends what was rendered, packed when the browser can unpack it.
func (v *visit) write(content []byte) {
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Accept-Encoding")
	if len(content) > leastPacked && acceptsGzip(v.Request) {
		h.Set("Content-Encoding", "gzip")
		content = packed(pagePackers, content)
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	v.w.WriteHeader(v.status)
	_, _ = v.w.Write(content) // a browser that is gone needs nothing
}

// leastPacked is in bytes: what fits into one packet gains nothing.
const leastPacked = 1400

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// A packer takes a megabyte, so it is used again. Pages are made for one reader, quickly; assets once, as small as they get.
var (
	pagePackers  = packers(gzip.BestSpeed)
	assetPackers = packers(gzip.BestCompression)
)

func packers(level int) *sync.Pool {
	return &sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, level) // the levels are ours
		return w
	}}
}

func packed(packers *sync.Pool, content []byte) []byte {
	var out bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	_, _ = w.Write(content) // to memory
	_ = w.Close()
	return out.Bytes()
}

// The assets are served under a name with the hash of their content, so that browsers keep them for ever and never an old one.
var assetNames, assets = func() (map[string]string, http.Handler) {
	type asset struct {
		content []byte
		packed  func() []byte
	}
	names, contents := map[string]string{}, map[string]asset{}
	entries, err := files.ReadDir("asset")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		content, err := files.ReadFile("asset/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		hashed := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		names[e.Name()], contents[hashed] = hashed, asset{content, sync.OnceValue(func() []byte { return packed(assetPackers, content) })}
	}
	return names, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := contents[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		h.Set("Content-Type", mime.TypeByExtension(path.Ext(r.URL.Path)))
		content := a.content
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			content = a.packed()
		}
		h.Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content)
	})
}()

// Asset is the address of an asset, for pages beside the admin UI that look like it. It panics if there is none.
func Asset(name string) string {
	address, err := assetURL(name)
	if err != nil {
		panic(err)
	}
	return address
}

// assetURL is where an asset is. A template that names one that does not exist does not render.
func assetURL(name string) (string, error) {
	hashed, ok := assetNames[name]
	if !ok {
		return "", fmt.Errorf("ui: there is no asset %q", name)
	}
	return "/admin/asset/" + hashed, nil
}
