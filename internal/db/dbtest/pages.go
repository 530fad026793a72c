package dbtest

import (
	"slices"
	"testing"

	"github.com/herald-events/herald/internal/search"
)

// Pages checks that a list has these rows, on pages that follow each other, and the same pages on the way back. read reads the page at a cursor: one of few rows, so that
// there are several pages.
func Pages[T comparable](t testing.TB, name string, want []T, read func(at search.Cursor) ([]T, search.Links, error)) {
	t.Helper()
	var got []T
	var pages [][]T
	var back []search.Cursor // from each page to the one before
	for at, more := search.Cursor(""), true; more; {
		page, links, err := read(at)
		if err != nil {
			t.Errorf("%s: page %d: %v", name, len(pages), err)
			return
		}
		if len(pages) > len(want) || links.Stopped {
			t.Errorf("%s: page %d of %d rows: %+v", name, len(pages), len(want), links)
			return
		}
		got, pages, back = append(got, page...), append(pages, page), append(back, links.Newer)
		at, more = links.Older, links.Older != ""
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", name, got, want)
		return
	}
	for i := len(pages) - 1; i > 0; i-- {
		page, links, err := read(back[i])
		if err != nil || !slices.Equal(page, pages[i-1]) || links.Older == "" || (links.Newer == "") != (i == 1) {
			t.Errorf("%s: back from page %d come %v, %+v, %v; want %v", name, i, page, links, err, pages[i-1])
		}
	}
	if back[0] != "" {
		t.Errorf("%s: before the first page there is %s", name, back[0])
	}
}
