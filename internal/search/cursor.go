package search

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Cursor is a place in a list, as text that fits into a URL: beside a row, not at a number, so that rows that come or go move nothing. It is good for as long
// as one likes, for lists of the same kind and whatever they look for. Empty means the beginning, where the newest rows are.
type Cursor string

// Links lead from one page of a list to others.
type Links struct {
	// Newer and Older are where the pages before and behind this one begin, empty when there is nothing. Newer is never set on a page from the beginning.
	Newer, Older Cursor
	// Stopped says that the page is not full because its time was over: what was looked for is rare. Older goes on (Newer, when the page was read in that direction),
	// and Until is the instant up to which all rows were looked at, 0 when the list is not ordered by time.
	Stopped bool
	Until   wire.Instant
	// Reached is the key of the last row that was looked at, when Stopped: for packages whose order has no instant to find Until with.
	Reached []any
}

// place is what a cursor says.
type place struct {
	newer     bool // the page lies there, and not on the older side
	inclusive bool // the row with the key is on the page
	key       []any
}

// The first letter of a cursor.
const olderThan, olderFrom, newerThan, newerFrom = "o", "O", "n", "N"

func (p place) cursor(order Order) Cursor {
	var b strings.Builder
	b.WriteString(map[[2]bool]string{{false, false}: olderThan, {false, true}: olderFrom, {true, false}: newerThan, {true, true}: newerFrom}[[2]bool{p.newer, p.inclusive}])
	for i, value := range p.key {
		if i > 0 {
			b.WriteByte('~')
		}
		switch v := value.(type) {
		case int64:
			b.WriteString(strconv.FormatInt(v, 10))
		case string:
			b.WriteString(base64.RawURLEncoding.EncodeToString([]byte(v)))
		default: // the text of another type is none that can be read back
			return ""
		}
	}
	return Cursor(b.String())
}

// placeOf reads a cursor. A cursor of another kind of list, or none at all, is a problem of kind Invalid.
func placeOf(at Cursor, order Order) (p place, err error) {
	if at == "" {
		return p, nil
	}
	letter, rest := string(at[:1]), string(at[1:])
	p.newer, p.inclusive = letter == newerThan || letter == newerFrom, letter == olderFrom || letter == newerFrom
	parts := strings.Split(rest, "~")
	ok := strings.Contains(olderThan+olderFrom+newerThan+newerFrom, letter) && len(parts) == len(order) && len(rest) <= 2*maxKey
	for i := 0; ok && i < len(parts); i++ {
		if order[i].Kind == Text {
			text, err := base64.RawURLEncoding.DecodeString(parts[i])
			ok = err == nil && problem.IsText(string(text))
			p.key = append(p.key, string(text))
			continue
		}
		n, err := strconv.ParseInt(parts[i], 10, 64)
		ok = err == nil
		p.key = append(p.key, n)
	}
	var v problem.Validation
	v.Check(ok, "cursor", "invalid", "This is no place in this list. Begin with its first page.")
	return p, v.Err()
}
