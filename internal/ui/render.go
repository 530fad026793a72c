package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/wire"
)

//go:embed page/*.html asset/*
var files embed.FS

// pages are the templates, one set per page, each with the frame and the shared parts.
type pages struct{ byName map[string]*template.Template }

// parsePages panics on a template that cannot be read: they are part of the program.
func parsePages() *pages {
	base := template.Must(template.New("").Funcs(template.FuncMap{"asset": assetURL}).ParseFS(files, "page/frame.html", "page/parts.html"))
	p := &pages{map[string]*template.Template{}}
	names, err := fs.Glob(files, "page/*.html")
	if err != nil {
		panic(err)
	}
	for _, file := range names {
		if name := strings.TrimSuffix(path.Base(file), ".html"); name != "frame" && name != "parts" {
			p.byName[name] = template.Must(template.Must(base.Clone()).ParseFS(files, file))
		}
	}
	return p
}

// frame is what every page has. Page is what the screen itself shows.
type frame struct {
	v     *visit
	Title string
	Page  any
	Areas []link
}

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
	return template.HTML(fmt.Sprintf(`<time datetime=%q>%s</time>`, t.Format(time.RFC3339Nano), t.Format("2006-01-02 15:04:05"))) //nolint:gosec // digits
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

// link is an entry of the navigation.
type link struct {
	Text, To string
	Here     bool
}

// show renders a page. Nothing is sent before all of it is there.
func (v *visit) show(name, title string, page any) error {
	t, ok := v.s.pages.byName[name]
	if !ok {
		return fmt.Errorf("ui: there is no page %q", name)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "frame.html", frame{v: v, Title: v.text.say(title), Page: page, Areas: v.areas()}); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(v.status)
	_, _ = v.w.Write(out.Bytes()) // a browser that is gone needs nothing
	return nil
}

// areas is the navigation, as far as the administrator's roles open it.
func (v *visit) areas() (all []link) {
	if v.session == nil {
		return nil
	}
	for _, a := range []struct {
		text, to string
		area     admin.Area
	}{
		{"Overview", "/admin/", ""},
		{"WebhookLog", "/admin/log", admin.WebhookLog},
		{"Webhooks", "/admin/webhook", admin.Webhooks},
	} {
		if a.area == "" || v.session.May(a.area, admin.View) {
			here := v.URL.Path == a.to || a.to != "/admin/" && strings.HasPrefix(v.URL.Path, a.to+"/")
			all = append(all, link{v.text.say(a.text), a.to, here})
		}
	}
	return all
}

// The assets are served under a name with the hash of their content, so that browsers keep them for ever and never an old one.
var assetNames, assets = func() (map[string]string, http.Handler) {
	names, contents := map[string]string{}, map[string][]byte{}
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
		names[e.Name()], contents[hashed] = hashed, content
	}
	return names, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := contents[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, r.URL.Path, time.Time{}, bytes.NewReader(content))
	})
}()

// assetURL is where an asset is. A template that names one that does not exist does not render.
func assetURL(name string) (string, error) {
	hashed, ok := assetNames[name]
	if !ok {
		return "", fmt.Errorf("ui: there is no asset %q", name)
	}
	return "/admin/asset/" + hashed, nil
}
