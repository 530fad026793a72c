package ui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// pageSize is how many rows a page of a list has.
const pageSize = 50

// pager leads from one page of a list to the others. Its links are queries of the same page, "" for none.
type pager struct {
	Newest, Newer, Older string
	// Stopped says that the page ends early, because what was looked for is rare: at Until, from which Older (or Newer) goes on.
	Stopped bool
	Until   wire.Instant
}

// cursor is where in a list the page begins.
func (v *visit) cursor() search.Cursor { return search.Cursor(v.FormValue("at")) }

func (v *visit) pager(links search.Links) pager {
	p := pager{Newer: v.to(links.Newer), Older: v.to(links.Older), Stopped: links.Stopped, Until: links.Until}
	if v.cursor() != "" {
		p.Newest = v.with("at", "")
	}
	return p
}

// to is the link to the page of the list that begins at a cursor.
func (v *visit) to(at search.Cursor) string {
	if at == "" {
		return ""
	}
	return v.with("at", string(at))
}

// with is the link to this page with another value of one parameter.
func (v *visit) with(name, value string) string {
	query := v.URL.Query()
	if query.Set(name, value); value == "" {
		query.Del(name)
	}
	return "?" + query.Encode()
}

// invalid is what a list says of criteria that cannot be meant; other errors are returned.
func invalid(err error) (says string, rest error) {
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid {
		return messageOf(p), nil
	}
	return "", err
}

// The ranges of time that a list can be narrowed to. The first is the default, so that nobody takes an hour without events for an empty log.
var ranges = []string{"any", "hour", "day", "week", "month"}

var rangeLengths = map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour}

// period is the range of time that the list is narrowed to: "range" is one of the above, or "from" and "until" are given, as milliseconds or as a
// browser writes them, in UTC.
func (v *visit) period() wire.Period {
	p := wire.Period{Start: instantOf(v.FormValue("from")), End: instantOf(v.FormValue("until"))}
	if length, ok := rangeLengths[v.FormValue("range")]; ok && p == (wire.Period{}) {
		p.Start = wire.Instant(time.Now().Add(-length).UnixMilli())
	}
	p.Start = max(p.Start, 1) // 0 would be the default of the API, an hour ago
	return p
}

// instantOf is 0 for what is no instant.
func instantOf(text string) wire.Instant {
	if millis, err := strconv.ParseInt(text, 10, 64); err == nil {
		return wire.Instant(millis)
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return wire.Instant(t.UnixMilli())
		}
	}
	return 0
}

// Ranges are the choices of a range of time.
func (f frame) Ranges() []option { return f.Options("range", "Range", ranges) }

// Options are the choices of a filter: the value of the parameter is chosen, and the text of each is prefix + value.
func (f frame) Options(parameter, prefix string, values []string) []option {
	chosen := f.v.FormValue(parameter)
	options := make([]option, len(values))
	for i, value := range values {
		options[i] = option{Value: value, Text: f.Say(prefix + value), Chosen: value == chosen}
	}
	return options
}

// Asked is the value of a parameter of the page.
func (f frame) Asked(parameter string) string { return f.v.FormValue(parameter) }

// AskedTime is an instant that is a parameter of the page, as browsers write it, in UTC; "" for none.
func (f frame) AskedTime(parameter string) string {
	at := instantOf(f.Asked(parameter))
	if at == 0 {
		return ""
	}
	return time.UnixMilli(int64(at)).UTC().Format("2006-01-02T15:04:05")
}

// Filtered tells whether a list is narrowed by anything but its place.
func (f frame) Filtered() bool {
	for name, values := range f.v.URL.Query() {
		if name != "at" && values[0] != "" && (name != "range" || values[0] != ranges[0]) {
			return true
		}
	}
	return false
}

// Query is a link with parameters: pairs of a name and a value, of which empty ones are left out.
func (f frame) Query(path string, pairs ...any) string {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		switch value := pairs[i+1].(type) {
		case string:
			query.Set(name, value)
		case wire.ID:
			query.Set(name, string(value))
		}
		if query.Get(name) == "" {
			query.Del(name)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// window is the page of a list of few rows, which is counted: the parameter "from" of the query is how many rows are before it.
func (v *visit) window() wire.Page {
	from, err := strconv.Atoi(v.FormValue("from"))
	if err != nil || from < 0 || from > mostSkipped {
		from = 0
	}
	return wire.Page{StartRow: from, NumberOfResults: rowsOfWindow}
}

// windows are the pages before and behind one with so many rows, of so many in all.
func (v *visit) windows(rows, total int) (before, behind string) {
	p := v.numbered(v.window().StartRow, rowsOfWindow, total)
	if rows == 0 { // beyond the end
		p.Older = ""
	}
	return p.Newer, p.Older
}

// numbered are the links of a short list, whose pages begin at a row: the parameter "from".
func (v *visit) numbered(from, size, total int) (p pager) {
	to := func(row int) string { return v.with("from", strconv.Itoa(row)) }
	if from > 0 {
		p.Newest, p.Newer = to(0), to(max(from-size, 0))
	}
	if from+size < total {
		p.Older = to(from + size)
	}
	return p
}

// listing is a page of a list of which there are so few that all are read.
type listing[T any] struct {
	// Text is what is looked for, All how many there are without that.
	Text  string
	All   int
	Rows  []T
	Pages pager
}

// listingOf is the page that the parameter "from" names, of those whose words contain what the parameter "text" says, in any case.
func listingOf[T any](v *visit, all []T, words func(T) string) listing[T] {
	l := listing[T]{Text: strings.TrimSpace(v.FormValue("text")), All: len(all)}
	if l.Text != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(one T) bool { return !contain(l.Text, words(one)) })
	}
	from, err := strconv.Atoi(v.FormValue("from"))
	switch {
	case err != nil || from < 0:
		from = 0
	case from >= len(all): // the last page, when rows have gone
		from = max(len(all)-1, 0) / pageSize * pageSize
	}
	l.Pages = v.numbered(from, pageSize, len(all))
	l.Rows = all[from:min(from+pageSize, len(all))]
	return l
}

// fewRows are looked over at a glance: nobody narrows them.
const fewRows = 10

// Narrows tells whether the list is offered to be narrowed.
func (l listing[T]) Narrows() bool { return l.All > fewRows || l.Text != "" }

const (
	rowsOfWindow = 25
	mostSkipped  = 10_000
)
