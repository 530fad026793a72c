package search

import (
	"slices"
	"time"

	"github.com/herald-events/herald/wire"
)

const (
	// Patience is how long a page of a list looks at rows one by one before it says how far it has got.
	Patience = 25 * time.Millisecond
	// firstLook is how many rows that is about in the beginning. It grows as fast as time allows: on a quiet machine a page looks at tens of thousands.
	firstLook = 200
)

// Listing is a page of a list that is being read: the rows of a [Query] that follow a [Cursor]. It is pure: text, and what follows from what was read. Who has it
// repeats: run Bound, then Rows, tell Add, until there is nothing left to do; then ask Links.
//
// An index has the rows in the order of the Query, whose terms have their kinds and run in one direction: the newest rows first. Where says with [Conditions.Indexed] what that
// index finds. Of Page only the size counts; After, CountAll, Identity mean nothing here.
type Listing struct {
	q     Query
	by    Order // the direction in which the page is read
	at    Cursor
	start place
	size  int

	from      []any // where the next step begins
	inclusive bool
	look      int
	elapsed   time.Duration

	found       int
	first, last []any // keys of the rows of the page that were read first and last
	more        bool
	stopped     []any
}

// List begins a page. The error is a problem of kind Invalid for a cursor that is none of this list.
func (q Query) List(at Cursor) (*Listing, error) {
	p, err := placeOf(at, q.Order)
	l := &Listing{q: q, by: q.Order, at: at, start: p, from: p.key, inclusive: p.inclusive, look: firstLook}
	l.size, _ = Window(q.Page)
	if p.newer {
		l.by = q.Order.reversed()
	}
	return l, err
}

// Upwards tells whether the rows are read in the opposite direction, the oldest of the page first.
func (l *Listing) Upwards() bool { return l.start.newer }

// Bound is the query of the key of the last row that the next step may look at. It finds none when there are fewer rows. Without ok a step needs no bound: an
// index finds all that is looked for.
func (l *Listing) Bound() (text string, args []any, ok bool) {
	if !l.q.Where.sift() {
		return "", nil, false
	}
	where := l.q.Where.findable()
	l.by.between(&where, l.from, l.inclusive, nil)
	skip := where.param(l.look - 1)
	return "SELECT " + l.by.columns() + " FROM " + l.q.From + where.Where() + " ORDER BY " + l.by.String() + " LIMIT 1 OFFSET " + skip, where.Args(), true
}

// Rows is the query of the next step, up to through, nil for all. Each row has the columns of the Query and behind them its key. It finds one more than the page
// has room for when there are more.
func (l *Listing) Rows(through []any) (text string, args []any) {
	where := l.q.Where.clone()
	l.by.between(&where, l.from, l.inclusive, through)
	limit := where.param(l.size + 1 - l.found)
	return l.q.rows(where, l.by, " LIMIT "+limit)
}

// Add says which rows a step up to through has found, by their keys, and how long it took. It returns how many of them belong to the page, and whether
// there is another step to do.
func (l *Listing) Add(keys [][]any, through []any, took time.Duration) (take int, goOn bool) {
	take = min(len(keys), l.size-l.found)
	if take > 0 {
		if l.found == 0 {
			l.first = keys[0]
		}
		l.last = keys[take-1]
	}
	l.found += take
	l.more = take < len(keys)
	if l.more || through == nil {
		return take, false
	}
	l.from, l.inclusive = through, false
	l.elapsed += took
	left := Patience - l.elapsed
	if took >= left { // another one would take too long
		l.stopped = through
		return take, false
	}
	if took < left/4 {
		l.look *= 2
	}
	return take, true
}

// Short tells whether the page was read upwards and the newest rows do not fill it: then the page from the beginning is the better one.
func (l *Listing) Short() bool {
	return l.start.newer && !l.more && l.stopped == nil && l.found < l.size
}

// Links says where to go from the page. It is asked in the end.
func (l *Listing) Links() (links Links) {
	onward := func(newer bool) Cursor {
		switch {
		case l.more:
			return place{newer: newer, key: l.last}.cursor(l.q.Order)
		case l.stopped != nil:
			return place{newer: newer, key: l.stopped}.cursor(l.q.Order)
		}
		return ""
	}
	back := func(newer bool) Cursor {
		if l.found > 0 {
			return place{newer: newer, key: l.first}.cursor(l.q.Order)
		}
		return place{newer: newer, inclusive: !l.start.inclusive, key: l.start.key}.cursor(l.q.Order)
	}
	switch {
	case l.start.newer:
		links.Newer, links.Older = onward(true), back(false)
	case l.at != "":
		links.Newer, links.Older = back(true), onward(false)
	default:
		links.Older = onward(false)
	}
	if l.stopped != nil {
		links.Stopped, links.Reached = true, slices.Clone(l.stopped)
		if n, ok := l.stopped[0].(int64); ok && l.q.Order[0].Kind == Instant {
			links.Until = wire.Instant(n)
		}
	}
	return links
}
