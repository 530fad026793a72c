package docs

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// guidePath is where the pages of the guide are. The table of contents is the page index.
const guidePath, contents = "/docs/guide/", "index"

// chapter is a page of the guide.
type chapter struct {
	Name  string // of its file, without .md
	Title string
	Body  template.HTML
	// Parts are its headings, for a table of contents.
	Parts []heading
	// Previous and Next lead along the guide, in the order of its table of contents; Next is nil at the end.
	Previous, Next *link
}

type heading struct{ ID, Text string }

// To is the address of the chapter.
func (c *chapter) To() string {
	if c.Name == contents {
		return guidePath
	}
	return guidePath + c.Name
}

// readGuide turns the Markdown of a folder into chapters, in the order in which the table of contents links to them. Raw HTML is left out of pages, comments among it.
func readGuide(folder fs.FS) ([]*chapter, error) {
	first, err := readChapter(folder, contents)
	if err != nil {
		return nil, err
	}
	all := []*chapter{first.chapter}
	for _, name := range first.chapters {
		c, err := readChapter(folder, name)
		if err != nil {
			return nil, err
		}
		all = append(all, c.chapter)
	}
	for i, c := range all {
		if i > 0 {
			c.Previous = &link{all[i-1].To(), all[i-1].Title}
		}
		if i+1 < len(all) {
			c.Next = &link{all[i+1].To(), all[i+1].Title}
		}
	}
	return all, nil
}

// reading is a chapter, and the names of those it links to.
type reading struct {
	*chapter
	chapters []string
}

func readChapter(folder fs.FS, name string) (*reading, error) {
	source, err := fs.ReadFile(folder, name+".md")
	if err != nil {
		return nil, err
	}
	r := &reading{chapter: &chapter{Name: name}}
	markdown := goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(transformer{r}, 0))),
	)
	var b bytes.Buffer
	if err := markdown.Convert(source, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// What is wider than the page is scrolled, with the keyboard too.
	scrolled := strings.NewReplacer("<pre>", `<pre tabindex="0">`, "<table>", `<div class="wide" tabindex="0"><table>`, "</table>", "</table></div>")
	r.Body = template.HTML(scrolled.Replace(b.String())) // of our own pages, without what they have of raw HTML
	return r, nil
}

// transformer makes a page of the site out of a page of the repository: the title stands outside of it, and links lead to the site.
type transformer struct{ *reading }

// Transform implements [parser.ASTTransformer].
func (t transformer) Transform(document *ast.Document, reader text.Reader, _ parser.Context) {
	var title ast.Node
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // no error is made
		switch n := n.(type) {
		case *ast.Link:
			if entering {
				t.lead(n)
			}
		case *ast.Heading:
			words := string(plain(n, reader.Source()))
			switch {
			case !entering:
			case n.Level == 1:
				t.Title, title = words, n
			case n.Level == 2:
				if id, ok := n.AttributeString("id"); ok {
					t.Parts = append(t.Parts, heading{string(id.([]byte)), words})
				}
			}
		}
		return ast.WalkContinue, nil
	})
	if title != nil {
		document.RemoveChild(document, title)
	}
}

// lead lets a link to another page of the guide, start.md#a-server, lead to where that is on the site.
func (t transformer) lead(n *ast.Link) {
	file, part, _ := strings.Cut(string(n.Destination), "#")
	name, ok := strings.CutSuffix(file, ".md")
	if !ok || strings.Contains(file, "/") {
		return
	}
	t.chapters = append(t.chapters, name)
	to := (&chapter{Name: name}).To()
	if part != "" {
		to += "#" + part
	}
	n.Destination = []byte(to)
}

// plain is the text of a node.
func plain(n ast.Node, source []byte) (words []byte) {
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if t, ok := child.(*ast.Text); ok {
			words = append(words, t.Segment.Value(source)...)
			continue
		}
		words = append(words, plain(child, source)...)
	}
	return words
}

func (s *site) chapter(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	if r.URL.Path == guidePath {
		name = contents
	}
	for _, c := range s.pages().guide {
		if c.Name == name && c.To() == r.URL.Path {
			s.show(w, http.StatusOK, "chapter", view{Title: c.Title, Here: c.To(), Page: c})
			return
		}
	}
	s.missing(w)
}
