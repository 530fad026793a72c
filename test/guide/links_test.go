package guide

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	inlineLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	unslugged  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks follows the links between the pages of the repository: each leads to a file or a folder, each fragment to a heading there.
func TestLinks(t *testing.T) {
	t.Parallel()
	repository := os.DirFS(root)
	pages := map[string]string{}
	err := fs.WalkDir(repository, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return fs.SkipDir
		}
		if err != nil || path.Ext(name) != ".md" {
			return err
		}
		text, err := fs.ReadFile(repository, name)
		pages[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 20 {
		t.Fatalf("there are only %d pages", len(pages))
	}
	for name, text := range pages {
		for _, found := range inlineLink.FindAllStringSubmatch(text, -1) {
			to, fragment, _ := strings.Cut(found[1], "#")
			if strings.Contains(to, ":") || strings.HasPrefix(to, "/") { // elsewhere; of a running server
				continue
			}
			target := name
			if to != "" {
				target = path.Join(path.Dir(name), to)
			}
			if _, err := fs.Stat(repository, target); err != nil {
				t.Errorf("%s leads to %s, which is not there", name, found[1])
				continue
			}
			if fragment != "" && !hasHeading(pages[target], fragment) {
				t.Errorf("%s leads to %s, where there is no such heading", name, found[1])
			}
		}
	}
}

// hasHeading tells whether a page has a heading that GitHub calls slug.
func hasHeading(text, slug string) bool {
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		if strings.ReplaceAll(unslugged.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-") == slug {
			return true
		}
	}
	return false
}
