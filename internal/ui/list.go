package ui

import (
	"github.com/herald-events/herald/internal/search"
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
