package ui

import (
	"strconv"

	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// pager leads from one part of a list to the others. Its links are queries of the same page, "" for none.
type pager struct{ Newest, Newer, Older string }

// pagesOf are the links of a list whose cursor is the parameter "at".
func (v *visit) pagesOf(links search.Links) pager {
	to := func(at search.Cursor) string {
		query := v.URL.Query()
		if query.Del("at"); at != "" {
			query.Set("at", string(at))
		}
		return "?" + query.Encode()
	}
	var p pager
	if links.Newer != "" {
		p.Newer = to(links.Newer)
	}
	if links.Older != "" {
		p.Older = to(links.Older)
	}
	if v.FormValue("at") != "" {
		p.Newest = to("")
	}
	return p
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
	from := v.window().StartRow
	to := func(from int) string {
		query := v.URL.Query()
		query.Set("from", strconv.Itoa(max(from, 0)))
		return "?" + query.Encode()
	}
	if from > 0 {
		before = to(from - rowsOfWindow)
	}
	if from+rows < total && rows > 0 {
		behind = to(from + rows)
	}
	return before, behind
}

const (
	rowsOfWindow = 25
	mostSkipped  = 10_000
)
