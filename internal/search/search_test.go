package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":            "",
		"   ":         "",
		"Example":     "%example%",
		"  Mixed x ":  "%mixed x%",
		"ÄRGER":       "%ärger%",
		"a*":          "a%",
		"*":           "%",
		"*.com":       "%.com",
		"a*b":         "a%b",
		"a**b":        "%a*b%",
		"a**b*":       "a*b%",
		"***":         "*%",
		"100%":        `%100\%%`,
		"a_b":         `%a\_b%`,
		`back\slash`:  `%back\\slash%`,
		"a%*":         `a\%%`,
		"'; DROP --":  "%'; drop --%",
		"line\nbreak": "%line\nbreak%",
	} {
		if got := search.Pattern(text); got != want {
			t.Errorf("Pattern(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestOrderBy(t *testing.T) {
	t.Parallel()
	columns := map[string]string{"id": "w.id", "url": "w.url", "insertInstant": "w.insert_instant"}
	const fallback = "w.insert_instant DESC, w.id DESC"
	for text, want := range map[string]string{
		"":                             fallback,
		"url":                          "w.url ASC, w.id ASC",
		"url desc":                     "w.url DESC, w.id DESC",
		" insertInstant DESC ,url Asc": "w.insert_instant DESC, w.url ASC, w.id ASC",
		"id DESC":                      "w.id DESC",
		"id DESC, url":                 "w.id DESC, w.url ASC",
		"url, url desc":                "w.url ASC, w.id ASC",
		"name":                         fallback,
		"URL":                          fallback,
		"url down":                     fallback,
		"url asc id":                   fallback,
		"url,":                         fallback,
		",":                            fallback,
		"url; DROP TABLE webhook":      fallback,
		"(SELECT 1)":                   fallback,
	} {
		if got := search.OrderBy(text, columns, fallback); got != want {
			t.Errorf("OrderBy(%q) = %q, want %q", text, got, want)
		}
	}
	if got := search.OrderBy("name", map[string]string{"name": "n"}, "x"); got != "n ASC" {
		t.Errorf("without an id column: %q", got)
	}
	if got := search.OrderBy(strings.Repeat("url,", 5000)+"url", columns, fallback); got != "w.url ASC, w.id ASC" {
		t.Errorf("a long list became %d bytes", len(got))
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		page          wire.Page
		limit, offset int
		wrong         string
	}{
		{wire.Page{}, 25, 0, ""},
		{wire.Page{NumberOfResults: 3, StartRow: 7}, 3, 7, ""},
		{wire.Page{NumberOfResults: search.MaxResults}, search.MaxResults, 0, ""},
		{wire.Page{NumberOfResults: search.MaxResults + 1}, search.MaxResults, 0, "search.numberOfResults"},
		{wire.Page{NumberOfResults: -1}, 25, 0, "search.numberOfResults"},
		{wire.Page{StartRow: -1}, 25, 0, "search.startRow"},
		{wire.Page{StartRow: -1, NumberOfResults: -5}, 25, 0, "search.startRow search.numberOfResults"},
	} {
		limit, offset := search.Window(test.page)
		if limit != test.limit || offset != test.offset {
			t.Errorf("Window(%+v) = %d, %d, want %d, %d", test.page, limit, offset, test.limit, test.offset)
		}
		var v problem.Validation
		search.Check(&v, "search.", test.page)
		var wrong []string
		if p, ok := errors.AsType[*problem.Error](v.Err()); ok {
			for _, f := range p.Fields {
				wrong = append(wrong, f.Field)
			}
		}
		if got := strings.Join(wrong, " "); got != test.wrong {
			t.Errorf("Check(%+v) complains about %q, want %q", test.page, got, test.wrong)
		}
	}
}
