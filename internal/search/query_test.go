package search_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// people is a search as a package writes it.
func people(page wire.Page, order ...search.Term) search.Query {
	return search.Query{Columns: "p.name", From: "person p", ID: "p.id", Order: order, Indexed: true, Page: page}
}

func TestReading_SQL(t *testing.T) {
	t.Parallel()
	byName := []search.Term{{Column: "p.name"}, {Column: "p.id"}}
	for name, test := range map[string]struct {
		order []search.Term
		where func(*search.Conditions)
		key   []any
		want  string
		args  []any
	}{
		"from the beginning": {
			order: byName,
			want:  `(SELECT p.id AS picked1 FROM person p ORDER BY p.name ASC, p.id ASC LIMIT $1 OFFSET $2)`, args: []any{11, 30},
		},
		"behind a row": {
			order: byName, key: []any{"Ada", int64(7)},
			want: `(SELECT p.id AS picked1 FROM person p WHERE (p.name, p.id) > ($1, $2) ORDER BY p.name ASC, p.id ASC LIMIT $3 OFFSET $4)`,
			args: []any{"Ada", int64(7), 11, 5},
		},
		"with conditions": {
			order: byName, key: []any{"Ada", int64(7)}, where: func(c *search.Conditions) { c.Equals("p.team", "x") },
			want: `(SELECT p.id AS picked1 FROM person p WHERE (p.name, p.id) > ($2, $3) AND p.team = $1 ORDER BY p.name ASC, p.id ASC LIMIT $4 OFFSET $5)`,
			args: []any{"x", "Ada", int64(7), 11, 5},
		},
		"one column, down": {
			order: []search.Term{{Column: "p.id", Descending: true}}, key: []any{int64(7)},
			want: `(SELECT p.id AS picked1 FROM person p WHERE p.id < $1 ORDER BY p.id DESC LIMIT $2 OFFSET $3)`,
			args: []any{int64(7), 11, 5},
		},
		"both directions": {
			order: []search.Term{{Column: "a", Descending: true}, {Column: "b"}, {Column: "p.id"}}, key: []any{1, 2, 3},
			want: `(SELECT p.id AS picked1 FROM person p WHERE a <= $1 AND (a < $1 OR (b, p.id) > ($2, $3)) ORDER BY a DESC, b ASC, p.id ASC LIMIT $4 OFFSET $5)`,
			args: []any{1, 2, 3, 11, 5},
		},
		"there and back": {
			order: []search.Term{{Column: "a"}, {Column: "b", Descending: true}, {Column: "p.id"}}, key: []any{1, 2, 3},
			want: `(SELECT p.id AS picked1 FROM person p WHERE a >= $1 AND (a > $1 OR b <= $2 AND (b < $2 OR p.id > $3)) ORDER BY a ASC, b DESC, p.id ASC LIMIT $4 OFFSET $5)`,
			args: []any{1, 2, 3, 11, 5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := people(wire.Page{StartRow: 30, NumberOfResults: 10}, test.order...)
			if test.where != nil {
				test.where(&q.Where)
			}
			var positions search.Positions
			if test.key != nil {
				keep(t, &positions, q, 15, 10, noon, test.key...)
			}
			text, args := begin(t, q, &positions, noon).Rows()
			names, _, _ := strings.Cut(strings.TrimPrefix(text, "SELECT p.name, "), " FROM")
			var columns []string
			for _, term := range test.order {
				columns = append(columns, term.Column)
			}
			if names != strings.Join(columns, ", ") {
				t.Errorf("the key is %s, want %s", names, columns)
			}
			_, text, _ = strings.Cut(text, " FROM ")
			if want := test.want + " AS picked CROSS JOIN person p WHERE p.id = picked1 ORDER BY " + search.Order(test.order).String(); text != want {
				t.Errorf("rows\n%s, want\n%s", text, want)
			}
			if diff := cmp.Diff(test.args, args); diff != "" {
				t.Errorf("args: %s", diff)
			}
		})
	}
}

// A page can begin where the caller says that the one before ended, and all rows be counted.
func TestReading_After(t *testing.T) {
	t.Parallel()
	q := people(wire.Page{StartRow: 7, NumberOfResults: 10}, search.Term{Column: "p.id"})
	q.After, q.CountAll, q.Indexed = search.Place{Row: 30_000, Key: []any{"x"}}, true, false
	r := begin(t, q, nil, noon)
	text, args := r.Rows()
	if want := `(SELECT p.id AS picked1 FROM person p WHERE p.id > $1 ORDER BY p.id ASC LIMIT $2 OFFSET $3)`; !strings.Contains(text, want) {
		t.Errorf("rows %s, want %s", text, want)
	}
	if diff := cmp.Diff([]any{"x", 11, 0}, args); diff != "" {
		t.Errorf("args: %s", diff)
	}
	if diff := cmp.Diff(search.Place{Row: 30_010, Key: []any{"y"}}, r.Place([]any{"y"})); diff != "" {
		t.Errorf("next: %s", diff)
	}
	if least, certain := r.Total(10, true); least != 30_011 || certain {
		t.Errorf("a total of %d, certain: %t", least, certain)
	}
	if text, args := r.Count(); strings.Contains(text, "LIMIT") || len(args) != 0 {
		t.Errorf("count %s", text)
	}
}

func begin(t *testing.T, q search.Query, positions *search.Positions, now time.Time) search.Reading {
	t.Helper()
	r, err := q.Begin(positions, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// keep reads the page from a row on, which ends with that key.
func keep(t *testing.T, positions *search.Positions, q search.Query, row, size int, now time.Time, key ...any) {
	t.Helper()
	q.Page.StartRow, q.Page.NumberOfResults = row, size
	begin(t, q, positions, now).Keep(key)
}

// skipped is how many rows are skipped to reach a row.
func skipped(t *testing.T, positions *search.Positions, q search.Query, row int, now time.Time) int {
	t.Helper()
	q.Page.StartRow = row
	_, args := begin(t, q, positions, now).Rows()
	return args[len(args)-1].(int)
}

func TestPositions(t *testing.T) {
	t.Parallel()
	where := func(term string, arg any) search.Query {
		q := people(wire.Page{}, search.Term{Column: "p.id"})
		q.Where.Add(term, arg)
		return q
	}
	q, down := where("p.n = ?", 1), people(wire.Page{}, search.Term{Column: "p.id", Descending: true})
	down.Where = q.Where
	type read struct { // a page of 25
		q   search.Query
		row int
		at  time.Time
		key any
	}
	const later = 4 * time.Minute
	for name, test := range map[string]struct {
		read []read
		row  int
		at   time.Time
		want int
	}{
		"nothing known":    {nil, 500, noon, 500},
		"the page before":  {[]read{{q, 475, noon, 1}}, 500, noon, 0},
		"some pages back":  {[]read{{q, 75, noon, 1}, {q, 375, noon, 1}}, 500, noon, 100},
		"a later page":     {[]read{{q, 975, noon, 1}}, 500, noon, 500},
		"the first page":   {[]read{{q, 475, noon, 1}}, 0, noon, 0},
		"another column":   {[]read{{where("p.m = ?", 1), 475, noon, 1}}, 500, noon, 500},
		"another value":    {[]read{{where("p.n = ?", 2), 475, noon, 1}}, 500, noon, 500},
		"another type":     {[]read{{where("p.n = ?", "1"), 475, noon, 1}}, 500, noon, 500},
		"another order":    {[]read{{down, 475, noon, 1}}, 500, noon, 500},
		"a while ago":      {[]read{{q, 475, noon, 1}}, 500, noon.Add(later), 0},
		"long ago":         {[]read{{q, 475, noon, 1}}, 500, noon.Add(2 * later), 500},
		"read again":       {[]read{{q, 475, noon, 1}, {q, 475, noon.Add(later), 1}}, 500, noon.Add(2 * later), 0},
		"the clock jumped": {[]read{{q, 475, noon, 1}}, 500, noon.Add(-time.Hour), 500},
		"NULL":             {[]read{{q, 475, noon, nil}}, 500, noon, 500},
		"a long text":      {[]read{{q, 475, noon, strings.Repeat("x", 2000)}}, 500, noon, 500},
		"long bytes":       {[]read{{q, 475, noon, make([]byte, 2000)}}, 500, noon, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var positions search.Positions
			for _, r := range test.read {
				keep(t, &positions, r.q, r.row, 25, r.at, r.key)
			}
			if got := skipped(t, &positions, q, test.row, test.at); got != test.want {
				t.Errorf("%d rows are skipped, want %d", got, test.want)
			}
		})
	}
	if got := skipped(t, nil, q, 500, noon); got != 500 {
		t.Errorf("without positions %d rows are skipped", got)
	}
	keep(t, nil, q, 475, 25, noon, 1)
}

// A search with an identity is told from others by that, and by what is no argument.
func TestPositions_Identity(t *testing.T) {
	t.Parallel()
	of := func(term string, arg any, identity string) search.Query {
		q := people(wire.Page{}, search.Term{Column: "p.id"})
		q.Where.Add(term, arg)
		q.Identity = identity
		return q
	}
	for name, test := range map[string]struct {
		before, now search.Query
		want        int
	}{
		"another value":        {of("p.n = ?", 1, "a"), of("p.n = ?", 2, "a"), 0},
		"another identity":     {of("p.n = ?", 1, "a"), of("p.n = ?", 1, "b"), 500},
		"none any more":        {of("p.n = ?", 1, "a"), of("p.n = ?", 1, ""), 500},
		"another column":       {of("p.m = ?", 1, "a"), of("p.n = ?", 1, "a"), 500},
		"an argument like one": {of("p.n = ?", "a", ""), of("p.n = ?", "a", "a"), 500},
	} {
		var positions search.Positions
		keep(t, &positions, test.before, 475, 25, noon, 1)
		if got := skipped(t, &positions, test.now, 500, noon); got != test.want {
			t.Errorf("%s: %d rows are skipped, want %d", name, got, test.want)
		}
	}
}

func TestPositions_AreTheLatestThousand(t *testing.T) {
	t.Parallel()
	var positions search.Positions
	q := people(wire.Page{}, search.Term{Column: "p.id"})
	for page := range 1500 {
		keep(t, &positions, q, page*25, 25, noon, page)
	}
	for row, want := range map[int]int{500 * 25: 500 * 25, 501 * 25: 0, 1500 * 25: 0} {
		if got := skipped(t, &positions, q, row, noon); got != want {
			t.Errorf("row %d: %d rows are skipped, want %d", row, got, want)
		}
	}
}

func TestPositions_ConcurrentUse(t *testing.T) {
	t.Parallel()
	var positions search.Positions
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			q := people(wire.Page{}, search.Term{Column: fmt.Sprint("p.c", i)})
			for page := range 50 {
				keep(t, &positions, q, page*25, 25, noon, i)
				if got := skipped(t, &positions, q, page*25+30, noon); got != 5 {
					t.Errorf("%d rows are skipped, want 5", got)
				}
			}
		})
	}
	wg.Wait()
}

func TestBegin_SortsNoMillionRows(t *testing.T) {
	t.Parallel()
	q := people(wire.Page{StartRow: search.MaxResults + 1}, search.Term{Column: "p.name"}, search.Term{Column: "p.id"})
	begin(t, q, nil, noon)
	q.Indexed = false
	_, err := q.Begin(nil, noon)
	p, ok := problem.As(err)
	if !ok || len(p.Fields) != 1 || p.Fields[0].Code != "[invalid]search.startRow" {
		t.Fatalf("error %v, want one about startRow", err)
	}
	var positions search.Positions
	keep(t, &positions, q, 0, 1, noon, "Ada", 1)
	begin(t, q, &positions, noon) // one row nearer
}

func TestReading_Total(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		row, found int
		more       bool
		least      int
		certain    bool
	}{
		{0, 0, false, 0, true},
		{0, 3, false, 3, true},
		{50, 3, false, 53, true},
		{50, 0, false, 0, false}, // behind the end: anything from 0 to 50
		{0, 10, true, 11, false},
		{9_989, 10, true, 10_000, false},
		{9_990, 10, true, 10_001, true}, // further than anybody counts
		{500_000, 10, true, 500_011, true},
		{500_000, 4, false, 500_004, true},
	} {
		r := begin(t, people(wire.Page{StartRow: test.row, NumberOfResults: 10}, search.Term{Column: "p.id"}), nil, noon)
		if least, certain := r.Total(test.found, test.more); least != test.least || certain != test.certain {
			t.Errorf("row %d, %d found, more %v: %d, %v; want %d, %v", test.row, test.found, test.more, least, certain, test.least, test.certain)
		}
	}
}

// table is a store with rows whose columns have many equal values.
func table(t *testing.T, d *db.DB, rows int) {
	t.Helper()
	update(t, d, `CREATE TABLE item (id BIGINT PRIMARY KEY, a BIGINT NOT NULL, b TEXT NOT NULL, c BOOLEAN NOT NULL)`)
	insert(t, d, 1, rows)
}

func insert(t *testing.T, d *db.DB, first, last int) {
	t.Helper()
	update(t, d, `WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2)
		INSERT INTO item (id, a, b, c) SELECT i, (i * 7919) % 5, 'b' || CAST((i * 104729) % 3 AS TEXT), i % 2 = 0 FROM n`, first, last)
}

func update(t *testing.T, d *db.DB, statement string, args ...any) {
	t.Helper()
	if err := d.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(statement, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

func items(t *testing.T, d *db.DB, positions *search.Positions, order search.Order, page wire.Page, conditions ...string) (ids []int, total int) {
	t.Helper()
	q := search.Query{Columns: "i.id", From: "item i", ID: "i.id", Order: order, Indexed: true, Page: page}
	for _, condition := range conditions {
		q.Where.Add(condition, 0)
	}
	err := d.View(t.Context(), func(tx *db.Tx) (err error) {
		ids, total, err = db.Search(tx, q, positions, func(row db.Row) (id int, err error) { return id, row.Scan(&id) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, total
}

var orders = map[string]search.Order{
	"a b id":       {{Column: "a"}, {Column: "b"}, {Column: "i.id"}},
	"down":         {{Column: "a", Descending: true}, {Column: "b", Descending: true}, {Column: "i.id", Descending: true}},
	"mixed":        {{Column: "a", Descending: true}, {Column: "b"}, {Column: "i.id", Descending: true}},
	"mixed at end": {{Column: "a"}, {Column: "b"}, {Column: "i.id", Descending: true}},
	"booleans":     {{Column: "c", Descending: true}, {Column: "SUBSTR(b, 2)"}, {Column: "i.id"}},
	"id":           {{Column: "i.id"}},
}

func TestSearch_PagesHaveEveryRowOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const rows = 103
		table(t, d, rows)
		for name, order := range orders {
			all, total := items(t, d, nil, order, wire.Page{NumberOfResults: rows})
			if total != rows || len(all) != rows {
				t.Fatalf("%s: %d rows of %d", name, len(all), total)
			}
			var positions search.Positions
			var paged []int
			for start := 0; start < rows; start += 7 {
				page, total := items(t, d, &positions, order, wire.Page{StartRow: start, NumberOfResults: 7})
				if total != rows {
					t.Errorf("%s, row %d: total %d, want %d", name, start, total, rows)
				}
				paged = append(paged, page...)
			}
			if !slices.Equal(paged, all) {
				t.Errorf("%s: pages have\n%v, want\n%v", name, paged, all)
			}
			for _, start := range []int{60, 21, 99, 1, 102, 103, 500} { // jumps, with and without a known place near by
				page, total := items(t, d, &positions, order, wire.Page{StartRow: start, NumberOfResults: 7})
				if want := all[min(start, rows):min(start+7, rows)]; !slices.Equal(page, want) || total != rows {
					t.Errorf("%s, row %d: %v of %d, want %v of %d", name, start, page, total, want, rows)
				}
			}
		}
		half, total := items(t, d, nil, orders["id"], wire.Page{NumberOfResults: 3}, "a = ?", "i.id > ?")
		if !slices.Equal(half, []int{5, 10, 15}) || total != 20 {
			t.Errorf("with conditions: %v of %d", half, total)
		}
	})
}

func TestSearch_NewRowsPushNothingOntoTheNextPage(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			now := noon
			d := dbtest.Open(t, engine, dbtest.WithClock(func() time.Time { return now }))
			table(t, d, 10)
			var positions search.Positions
			newest := search.Order{{Column: "i.id", Descending: true}}
			page := func(start int) []int {
				ids, _ := items(t, d, &positions, newest, wire.Page{StartRow: start, NumberOfResults: 3})
				return ids
			}
			first := page(0)
			insert(t, d, 11, 13)
			if second := page(3); !slices.Equal(first, []int{10, 9, 8}) || !slices.Equal(second, []int{7, 6, 5}) {
				t.Errorf("pages %v and %v, want one to go on where the other ends", first, second)
			}
			now = now.Add(time.Hour)
			if second := page(3); !slices.Equal(second, []int{10, 9, 8}) {
				t.Errorf("an hour later the rows from 3 on are %v, want them as they are now", second)
			}
			page(0)
			update(t, d, `DELETE FROM item WHERE id = 11`) // the last row of the first page
			if second := page(3); !slices.Equal(second, []int{10, 9, 8}) {
				t.Errorf("behind a row that is gone come %v", second)
			}
		})
	}
}

func TestSearch_TotalOfManyRowsLeadsToTheLast(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		const rows = search.MaxCount + 1234
		table(t, d, rows)
		var positions search.Positions
		read, totals := 0, []int{}
		for start, total := 0, 1; start < total; start += 1000 { // as clients do
			var page []int
			page, total = items(t, d, &positions, orders["id"], wire.Page{StartRow: start, NumberOfResults: 1000})
			read += len(page)
			totals = append(totals, total)
		}
		if read != rows {
			t.Errorf("%d rows read, want %d; totals %v", read, rows, totals)
		}
		if totals[0] != search.MaxCount+1 || totals[len(totals)-1] != rows {
			t.Errorf("totals %v, want %d first and %d at the end", totals, search.MaxCount+1, rows)
		}
		update(t, d, `DELETE FROM item WHERE id > $1`, search.MaxCount)
		if _, total := items(t, d, nil, orders["id"], wire.Page{}); total != search.MaxCount {
			t.Errorf("total %d, want the exact %d", total, search.MaxCount)
		}
	})
}
