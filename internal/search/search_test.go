package search_test

import (
	"encoding/json"
	"errors"
	"slices"
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

func TestSortFields(t *testing.T) {
	t.Parallel()
	columns := map[string]string{"id": "u.id", "email": "u.email", "name": "u.name"}
	missing := map[string]string{"email": "(u.email IS NULL)"}
	for want, fields := range map[string][]wire.SortField{
		"": nil,
		"(u.email IS NULL) DESC, u.email DESC, u.name ASC, u.id ASC": {{Name: "email", Order: "DESC", Missing: "_first"}, {Name: "name"}},
		"u.name DESC, u.id DESC": {{Name: "name", Order: "desc"}},
		"u.id DESC":              {{Name: "id", Order: "desc"}, {Name: "name"}},
		"u.name ASC, (u.email IS NULL) ASC, u.email ASC, u.id ASC": {{Name: "name"}, {Name: "email"}, {Name: "name", Order: "desc"}},
	} {
		if order := search.SortFields(fields, columns, missing); order.String() != want || (order == nil) != (fields == nil) {
			t.Errorf("%v: order %s, want %s", fields, order, want)
		}
	}
}

func TestCheckCriteria(t *testing.T) {
	t.Parallel()
	columns := map[string]string{"id": "u.id"}
	for _, test := range []struct {
		ids    int
		query  string
		fields []wire.SortField
		wrong  string
	}{
		{0, "", nil, ""},
		{10_000, `{"match_all":{}}`, []wire.SortField{{Name: "id", Order: "Desc"}}, ""}, // ids win over the query
		{0, `""`, nil, ""},
		{0, `null`, nil, ""},
		{0, `{}`, nil, "[invalid]search.query"},
		{10_001, "", nil, "[tooMany]search.ids"},
		{0, "", []wire.SortField{{Name: "nothing", Order: "up"}}, "[invalid]search.sortFields"},
		{0, "", []wire.SortField{{Name: "id", Order: "up"}}, "[invalid]search.sortFields"},
		{0, "", slices.Repeat([]wire.SortField{{Name: "id"}}, 11), "[tooMany]search.sortFields"},
	} {
		var v problem.Validation
		search.CheckCriteria(&v, "Users", make([]wire.ID, test.ids), json.RawMessage(test.query), test.fields, columns)
		got := ""
		if p, ok := problem.As(v.Err()); ok {
			got = p.Fields[0].Code
			if len(p.Fields) != 1 {
				t.Errorf("%+v: %v", test, p)
			}
		}
		if got != test.wrong {
			t.Errorf("%d ids, query %s, %d fields: %q, want %q", test.ids, test.query, len(test.fields), got, test.wrong)
		}
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

func TestCheckInstant(t *testing.T) {
	t.Parallel()
	for instant, ok := range map[wire.Instant]bool{
		0: true, 1: true, 99_999_999: true, 100_000_000: false, 1_700_000_000: false, 99_999_999_999: false, 100_000_000_000: true, 1_700_000_000_000: true,
		253402300799999: true, 253402300800000: false, -1: false,
	} {
		var v problem.Validation
		search.CheckInstant(&v, "at", instant)
		if got := v.Err() == nil; got != ok {
			t.Errorf("%d is accepted: %v, want %v", instant, got, ok)
		}
	}
}

func TestCheckPeriod(t *testing.T) {
	t.Parallel()
	for period, want := range map[wire.Period]string{
		{}:                              "",
		{Start: 5}:                      "",
		{End: 5}:                        "",
		{Start: 5, End: 5}:              "",
		{Start: 6, End: 5}:              "search.end",
		{Start: -1, End: 5}:             "search.start",
		{Start: 5, End: 1_700_000_000}:  "search.end",
		{Start: -1, End: 1_700_000_000}: "search.start search.end",
	} {
		var v problem.Validation
		search.CheckPeriod(&v, "search.", period)
		var got []string
		if p, ok := problem.As(v.Err()); ok {
			for _, f := range p.Fields {
				got = append(got, f.Field)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v: %q, want %q", period, got, want)
		}
	}
}
