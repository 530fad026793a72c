// Package docs is the documentation that a server brings along: pages under /docs that are rendered here, for people who have nothing but the binary. They
// work without JavaScript and without a network.
//
//	docs.go    the pages and their routes, the map of them
//	spec.go    the OpenAPI document, as far as pages need it
//	api.go     the pages of the API and of the events
//	sample.go  a command for each request
//	guide.go   the pages of the guide, from Markdown
//
//	page/   templates: frame.html around all
//	asset/  a style beside that of the admin UI, and a script that filters and copies
package docs

import (
	"bytes"
	"embed"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed page/*.html asset/*
var files embed.FS

// Options are what the pages are made of.
type Options struct {
	// Guide has the pages of the guide as Markdown; index.md is its table of contents.
	Guide fs.FS
	// Document is the OpenAPI document.
	Document []byte
	// Stylesheet is the address of the admin UI's style, which these pages share.
	Stylesheet string
	// Icon is the address of the picture in the tab of a browser.
	Icon string
	// Version is that of the binary.
	Version string
}

// section is a part of the map beside the pages.
type section struct {
	Title string
	Links []link
}

// link leads to a page.
type link struct{ To, Text string }

// site has all pages. They are made when somebody first asks for one: who never does pays nothing.
type site struct {
	Options
	pages func() *pages
}

// pages is what is known once the document is read.
type pages struct {
	templates map[string]*template.Template
	spec      *spec
	parts     []*part
	events    []*eventType
	guide     []*chapter
	sections  []section
}

// New returns the handler of /docs/ and all below it. It is safe for concurrent use.
func New(o Options) http.Handler {
	s := &site{Options: o}
	s.pages = sync.OnceValue(s.make)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /docs/{$}", s.overview)
	mux.HandleFunc("GET /docs/guide/{$}", s.chapter)
	mux.HandleFunc("GET /docs/guide/{chapter}", s.chapter)
	mux.HandleFunc("GET /docs/api/{part}", s.part)
	mux.HandleFunc("GET /docs/event/{$}", s.eventTypes)
	mux.HandleFunc("GET /docs/event/{type}", s.eventType)
	mux.Handle("GET /docs/asset/", http.StripPrefix("/docs/", http.FileServerFS(files)))
	mux.HandleFunc("/docs/", func(w http.ResponseWriter, r *http.Request) { s.missing(w) })
	return guard(mux)
}

// policy allows what comes from here and nothing else. Pages have no inline script or style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "public, max-age=300")
		next.ServeHTTP(w, r)
	})
}

// make reads the document and the guide, which are parts of the program: it panics if it cannot.
func (s *site) make() *pages {
	p := &pages{templates: map[string]*template.Template{}}
	base := template.Must(template.New("").Funcs(template.FuncMap{"prose": prose, "say": say}).ParseFS(files, "page/frame.html", "page/parts.html"))
	for _, name := range []string{"overview", "part", "event-types", "event-type", "chapter", "missing"} {
		p.templates[name] = template.Must(template.Must(base.Clone()).ParseFS(files, "page/"+name+".html"))
	}
	var err error
	if p.spec, err = read(s.Document); err != nil {
		panic(fmt.Sprintf("docs: the OpenAPI document: %v", err))
	}
	p.parts, p.events = p.spec.parts(), p.spec.eventTypes()
	if p.guide, err = readGuide(s.Guide); err != nil {
		panic(fmt.Sprintf("docs: the guide: %v", err))
	}
	p.sections = s.sections(p.parts, p.guide)
	return p
}

// sections are the map of the pages.
func (s *site) sections(parts []*part, chapters []*chapter) []section {
	guide := section{Title: "Guide"}
	for _, c := range chapters[1:] {
		guide.Links = append(guide.Links, link{c.To(), c.Title})
	}
	api := section{"API", []link{{"/docs/", "Overview"}}}
	for _, p := range parts {
		api.Links = append(api.Links, link{p.To(), p.Name})
	}
	return []section{
		guide,
		{"Events", []link{{"/docs/event/", "Event types"}}},
		api,
		{"Elsewhere", []link{{"/api/openapi.json", "OpenAPI document"}, {"/admin/", "Admin UI"}}},
	}
}

// view is what a template gets.
type view struct {
	Title      string
	Here       string // the address of the page
	Sections   []section
	Stylesheet string
	Icon       string
	Version    string
	Query      string
	Page       any
}

func (s *site) show(w http.ResponseWriter, status int, name string, v view) {
	p := s.pages()
	v.Sections, v.Stylesheet, v.Icon, v.Version = p.sections, s.Stylesheet, s.Icon, s.Version
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "frame.html", v); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader hung up: there is nobody left to tell
}

func (s *site) missing(w http.ResponseWriter) {
	s.show(w, http.StatusNotFound, "missing", view{Title: "No such page"})
}

func (s *site) overview(w http.ResponseWriter, r *http.Request) {
	p := s.pages()
	query := r.URL.Query().Get("q")
	s.show(w, http.StatusOK, "overview", view{Title: "API", Here: "/docs/", Query: query, Page: struct {
		About, Query string
		Parts        []*part
		Events       []*eventType
	}{p.spec.Info.Description, query, found(p.parts, query), foundEvents(p.events, query)}})
}

// found are the parts with only those operations that a search for words finds.
func found(parts []*part, query string) (all []*part) {
	words := strings.Fields(strings.ToLower(query))
	for _, p := range parts {
		some := *p
		some.Operations = nil
		for _, o := range p.Operations {
			if o.has(words) {
				some.Operations = append(some.Operations, o)
			}
		}
		if len(some.Operations) > 0 {
			all = append(all, &some)
		}
	}
	return all
}

// foundEvents are the types of events that a search for words finds; none without words, as they have a page of their own.
func foundEvents(types []*eventType, query string) (all []*eventType) {
	words := strings.Fields(strings.ToLower(query))
	for _, e := range types {
		if len(words) > 0 && hasAll(e.Type+" "+e.Summary+" "+e.Description, words) {
			all = append(all, e)
		}
	}
	return all
}

// hasAll tells whether a text has all words, which are in lower case.
func hasAll(text string, words []string) bool {
	text = strings.ToLower(text)
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
}

func (s *site) part(w http.ResponseWriter, r *http.Request) {
	for _, p := range s.pages().parts {
		if p.To() == r.URL.Path {
			s.show(w, http.StatusOK, "part", view{Title: p.Name, Here: p.To(), Page: p})
			return
		}
	}
	s.missing(w)
}

func (s *site) eventTypes(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "event-types", view{Title: "Event types", Here: "/docs/event/", Page: s.pages().events})
}

func (s *site) eventType(w http.ResponseWriter, r *http.Request) {
	for _, e := range s.pages().events {
		if e.Type == r.PathValue("type") {
			s.show(w, http.StatusOK, "event-type", view{Title: e.Type, Here: "/docs/event/", Page: e})
			return
		}
	}
	s.missing(w)
}

var (
	code   = regexp.MustCompile("`([^`]+)`")
	strong = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// say is a text with names in it, for within a paragraph.
func say(text string) template.HTML {
	text = html.EscapeString(text)
	text = code.ReplaceAllString(text, "<code>$1</code>")
	return template.HTML(strong.ReplaceAllString(text, "<strong>$1</strong>")) //nolint:gosec // escaped above
}

// prose is a text of several paragraphs.
func prose(text string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		b.WriteString("<p>" + string(say(paragraph)) + "</p>\n")
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}
