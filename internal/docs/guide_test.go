package docs

import (
	"os"
	"testing"
	"testing/fstest"
)

// The guide is one walk: each chapter that the table of contents names, with what leads on and back.
func TestGuide(t *testing.T) {
	t.Parallel()
	all, err := readGuide(os.DirFS("../../docs/guide"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir("../../docs/guide")
	if err != nil || len(all) != len(files) {
		t.Errorf("%d chapters from %d files, %v: index.md names each of them once", len(all), len(files), err)
	}
	for i, c := range all {
		if c.Title == "" || c.Body == "" || (c.Previous == nil) != (i == 0) || (c.Next == nil) != (i == len(all)-1) {
			t.Errorf("%s: %q, %d bytes, from %v on to %v", c.Name, c.Title, len(c.Body), c.Previous, c.Next)
		}
	}
}

// Links between pages of the repository become links between those of the site; raw HTML stays out.
func TestGuide_Page(t *testing.T) {
	t.Parallel()
	all, err := readGuide(fstest.MapFS{
		"index.md": {Data: []byte("# Guide\n\n[First](first.md), [elsewhere](https://example.com/a.md)\n")},
		"first.md": {Data: []byte("# The *first*\n\n<!-- not shown -->\n## One part\n\n[back](index.md) <b>bold</b> [there](first.md#one-part)\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []chapter{
		{Name: "index", Title: "Guide", Body: `<p><a href="/docs/guide/first">First</a>, <a href="https://example.com/a.md">elsewhere</a></p>` + "\n"},
		{Name: "first", Title: "The first", Body: "<!-- raw HTML omitted -->\n<h2 id=\"one-part\">One part</h2>\n" +
			`<p><a href="/docs/guide/">back</a> <!-- raw HTML omitted -->bold<!-- raw HTML omitted --> <a href="/docs/guide/first#one-part">there</a></p>` + "\n"},
	} {
		if got := all[i]; got.Name != want.Name || got.Title != want.Title || got.Body != want.Body {
			t.Errorf("got  %q %q\n%s\nwant %q %q\n%s", got.Name, got.Title, got.Body, want.Name, want.Title, want.Body)
		}
	}
}
