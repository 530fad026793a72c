package search

import (
	"fmt"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// MaxCount is how far rows are counted. A total of up to MaxCount is exact. A larger one says "at least": the rows up to the end of the page,
// and one more if there are more. So who reads page after page until the total is reached reads everything, and nobody waits for the count
// of ten million rows.
const MaxCount = 10_000

// Query is a search in a table that may have millions of rows; for small ones db.Page is enough. db.Search runs it.
type Query struct {
	// Columns is what is read of each row, From where from: a table, or several joined. ID is a column, or several separated by commas, that is different in each row of From.
	// Rows that the page skips are only looked at as far as Where and Order need it.
	Columns, From, ID string
	Where             Conditions
	// Order must tell any two rows apart, so its last term is usually ID. Expressions that may be long (a message) belong cut short (SUBSTR), and
	// those that may be NULL into a COALESCE: the place of a NULL cannot be remembered, and the engines sort it to different ends.
	Order Order
	// Indexed says that an index has the rows in this order. In any other order all rows that match are read for each page, and those before
	// it are sorted in memory; see [Query.Begin].
	Indexed bool
	Page    wire.Page
	// After, when it has a key, is where the page begins, instead of at Page.StartRow: what [Reading.Place] said of the page before.
	After Place
	// CountAll makes the total exact however large it is, and reads every row that matches for it.
	CountAll bool
	// Identity, when it is not empty, stands for the arguments of Where where searches are told apart, so that the next page of one is known by it. It is for arguments
	// that move with the clock or with what is stored, like an end that defaults to now: what the caller asked for is what stays the same.
	Identity string
}

// Reading is a page of a Query that is being read. It is pure text; who has it runs Rows, tells Keep, asks Total, and perhaps runs Count.
type Reading struct {
	q         Query
	positions *Positions
	now       time.Time
	name      fingerprint
	from      Place
	limit     int
	row       int // of the whole search, where the page begins
}

// Begin finds the nearest place from which the page can be read. positions may be nil. now is the instant of the transaction.
//
// The error is a problem of kind Invalid, when the order has no index and the page begins more than MaxResults rows behind the nearest place:
// so many rows are not sorted in memory to be skipped. Reading page after page gets there in any order.
func (q Query) Begin(positions *Positions, now time.Time) (Reading, error) {
	r := Reading{q: q, positions: positions, now: now, name: q.fingerprint()}
	r.limit, r.row = Window(q.Page)
	if q.After.Key != nil {
		r.row, r.from = q.After.Row, q.After
		return r, nil
	}
	r.from = positions.nearest(r.name, r.row, now)
	var v problem.Validation
	v.Check(q.Indexed || r.row-r.from.Row <= MaxResults, "search.startRow", "invalid",
		"In this order a page can begin up to %d rows behind one that was just read, and this one is further away. The default order has no such limit.", MaxResults)
	return r, v.Err()
}

// Limit is how many rows the page has at most. [Reading.Rows] finds one more when there are more.
func (r Reading) Limit() int { return r.limit }

// Rows is the query of the page. Each row has the columns of the Query and behind them its key, one value for each term of the order.
//
// What is skipped, filtered and sorted are ids; the columns are read of the rows of the page only.
func (r Reading) Rows() (text string, args []any) {
	where := r.q.Where.clone()
	if r.from.Key != nil {
		r.q.Order.behind(&where, r.from.Key)
	}
	limit, offset := where.param(r.limit+1), where.param(r.row-r.from.Row)
	return r.q.rows(where, r.q.Order, " LIMIT "+limit+" OFFSET "+offset)
}

// rows is the query of those rows that where and part, a LIMIT, leave over. The rows are looked up one by one: CROSS JOIN is what SQLite keeps to. Asked for rows
// whose id is among those, it reads all of the table in the order of the index.
func (q Query) rows(where Conditions, by Order, part string) (text string, args []any) {
	var picks, same []string
	for i, column := range strings.Split(q.ID, ",") {
		column = strings.TrimSpace(column)
		picks = append(picks, fmt.Sprintf("%s AS picked%d", column, i+1))
		same = append(same, fmt.Sprintf("%s = picked%d", column, i+1))
	}
	order := " ORDER BY " + by.String()
	picked := "SELECT " + strings.Join(picks, ", ") + " FROM " + q.From + where.Where() + order + part
	return "SELECT " + q.Columns + ", " + q.Order.columns() + " FROM (" + picked + ") AS picked CROSS JOIN " + q.From + " WHERE " + strings.Join(same, " AND ") + order, where.Args()
}

// Keep remembers the key of the last row of a full page, so that the next page begins there.
func (r Reading) Keep(key []any) { r.positions.keep(r.name, r.row+r.limit, key, r.now) }

// Place is where the next page begins, when key is that of the last row of a full page.
func (r Reading) Place(key []any) Place { return Place{Row: r.row + r.limit, Key: key} }

// Total is what is known of the total after found rows were read, and whether there are more. When it is not certain, it is the larger of
// least and what [Reading.Count] counts.
func (r Reading) Total(found int, more bool) (least int, certain bool) {
	switch {
	case more:
		least = r.row + r.limit + 1
		return least, least > MaxCount && !r.q.CountAll
	case found > 0 || r.row == 0:
		return r.row + found, true
	default: // behind the end
		return 0, false
	}
}

// Count is the query that counts all rows, but not much further than MaxCount unless all are wanted.
func (r Reading) Count() (text string, args []any) {
	if r.q.CountAll {
		return "SELECT COUNT(*) FROM " + r.q.From + r.q.Where.Where(), r.q.Where.Args()
	}
	where := r.q.Where.clone()
	limit := where.param(MaxCount + 1)
	return "SELECT COUNT(*) FROM (SELECT 1 FROM " + r.q.From + where.Where() + " LIMIT " + limit + ") AS counted", where.Args()
}
