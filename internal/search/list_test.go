package search_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// lists are orders of lists.
var lists = map[string]search.Order{
	"id":     {{Column: "i.id", Descending: true}},
	"a b id": {{Column: "a", Descending: true}, {Column: "b", Descending: true, Kind: search.Text}, {Column: "i.id", Descending: true}},
	"oldest": {{Column: "b", Kind: search.Text}, {Column: "i.id"}},
}

// listed reads a page; conditions are checked row by row.
func listed(t *testing.T, d *db.DB, order search.Order, size int, at search.Cursor, conditions ...string) (ids []int, links search.Links) {
	t.Helper()
	ids, links, err := tryList(t, d, order, size, at, conditions...)
	if err != nil {
		t.Fatal(err)
	}
	return ids, links
}

func tryList(t *testing.T, d *db.DB, order search.Order, size int, at search.Cursor, conditions ...string) (ids []int, links search.Links, err error) {
	t.Helper()
	q := search.Query{Columns: "i.id", From: "item i", ID: "i.id", Order: order, Page: wire.Page{NumberOfResults: size}}
	q.Where.Add("i.id > ?", 0)
	q.Where.Indexed()
	for _, condition := range conditions {
		q.Where.Add(condition, 0)
	}
	err = d.View(t.Context(), func(tx *db.Tx) (err error) {
		ids, links, err = db.List(tx, q, at, func(row db.Row) (id int, err error) { return id, row.Scan(&id) })
		return err
	})
	return ids, links, err
}

func TestList_PagesHaveEveryRowOnceInBothDirections(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d, 1003)
		for name, order := range lists {
			for _, conditions := range [][]string{nil, {"a = ?"}, {"a = ?", "c <> (i.id % 4 = ?)"}, {"i.id < ?"}} {
				all, links := listed(t, d, order, 2000, "", conditions...)
				if !cmp.Equal(links, search.Links{}) {
					t.Errorf("%s %v: everything has links %+v", name, conditions, links)
				}
				const size = 70
				var down []int
				var begins []search.Cursor // of the page before each, as that page says it
				page, links := listed(t, d, order, size, "", conditions...)
				for {
					down = append(down, page...)
					if links.Older == "" {
						break
					}
					page, links = listed(t, d, order, size, links.Older, conditions...)
					begins = append(begins, links.Newer)
				}
				if !slices.Equal(down, all) {
					t.Fatalf("%s %v: pages have\n%v, want\n%v", name, conditions, down, all)
				}
				end := len(begins) * size
				for i := len(begins) - 1; i >= 0; i-- {
					page, links := listed(t, d, order, size, begins[i], conditions...)
					end -= size
					if want := all[end : end+size]; !slices.Equal(page, want) {
						t.Fatalf("%s %v: back come %v, want %v", name, conditions, page, want)
					}
					if (links.Newer == "") != (i == 0) || links.Older == "" {
						t.Errorf("%s %v, page %d: links %+v", name, conditions, i, links)
					}
				}
			}
		}
	}, dbtest.WithClock(func() time.Time { return noon }))
}

// Cursors stay where they are, whatever comes or goes; a page of fewer rows than it has room for becomes the first one.
func TestList_WhileRowsComeAndGo(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d, 10)
		order := lists["id"]
		first, links := listed(t, d, order, 3, "")
		insert(t, d, 11, 12)
		second, next := listed(t, d, order, 3, links.Older)
		if !slices.Equal(first, []int{10, 9, 8}) || !slices.Equal(second, []int{7, 6, 5}) {
			t.Errorf("pages %v and %v", first, second)
		}
		if back, links := listed(t, d, order, 3, next.Newer); !slices.Equal(back, []int{10, 9, 8}) || links.Newer == "" {
			t.Errorf("back %v, %+v", back, links)
		} else if top, links := listed(t, d, order, 3, links.Newer); !slices.Equal(top, []int{12, 11, 10}) || links.Newer != "" || links.Older == "" {
			t.Errorf("at the top %v, %+v", top, links)
		}
		update(t, d, `DELETE FROM item WHERE id < 8`)
		gone, links := listed(t, d, order, 3, next.Older)
		if len(gone) != 0 || links.Older != "" {
			t.Errorf("behind what is gone %v, %+v", gone, links)
		}
		if back, _ := listed(t, d, order, 3, links.Newer); !slices.Equal(back, []int{10, 9, 8}) {
			t.Errorf("back from there %v", back)
		}
		only, links := listed(t, d, order, 1, "", "i.id - 8 = ?")
		if !slices.Equal(only, []int{8}) || !cmp.Equal(links, search.Links{}) {
			t.Errorf("the only one %v, %+v", only, links)
		}
	})
}

// What is rare is not looked for until it is found: a page says how far it has got, and the next one goes on.
func TestList_StopsAndGoesOn(t *testing.T) {
	t.Parallel()
	var now time.Time
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d, 3000)
		order := search.Order{{Column: "i.id", Descending: true, Kind: search.Instant}}
		rare := "i.id % 2999 = ?"
		var found []int
		var at search.Cursor
		pages := 0
		for before := wire.Instant(3001); ; pages++ {
			page, links := listed(t, d, order, 25, at, rare)
			found = append(found, page...)
			if links.Older == "" {
				break
			}
			if !links.Stopped || links.Until <= 0 || links.Until >= before || (links.Newer == "") != (pages == 0) {
				t.Fatalf("page %d: %+v after %d", pages, links, before)
			}
			at, before = links.Older, links.Until
		}
		if !slices.Equal(found, []int{2999}) || pages < 3 {
			t.Errorf("found %v on %d pages", found, pages+1)
		}
		for i := 0; ; i++ { // and back up, through pages without rows
			page, links := listed(t, d, order, 25, at, "i.id = ? - 1")
			if len(page) > 0 || i > 20 {
				t.Fatalf("%v on the way up", page)
			}
			if at = links.Newer; at == "" {
				break
			}
		}
		if _, links := listed(t, d, order, 25, "", "i.id > ?"); links.Stopped || links.Older == "" {
			t.Errorf("a full page has links %+v", links)
		}
	}, dbtest.WithClock(func() time.Time { now = now.Add(search.Patience / 2); return now }))
}

func TestList_CursorsOfOtherLists(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d, 10)
		order := lists["a b id"]
		for _, at := range []search.Cursor{
			"x", "o", "o1", "o1~YQ", "o1~YQ~2~3", "o1~?~2", "oYQ~YQ~2", "o1~YQ~99999999999999999999", "x1~YQ~2", "o1~AA~2", "ö1~YQ~2",
			search.Cursor("o1~" + strings.Repeat("YWFh", 2000) + "~2"),
		} {
			_, _, err := tryList(t, d, order, 3, at)
			p, ok := problem.As(err)
			if !ok || len(p.Fields) != 1 || p.Fields[0].Code != "[invalid]cursor" {
				t.Errorf("%.20s: error %v", at, err)
			}
		}
		if _, _, err := tryList(t, d, order, 3, "o1~YQ~2"); err != nil {
			t.Error(err)
		}
	})
}
