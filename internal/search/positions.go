package search

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxPositions bounds the memory: a position takes 100 bytes and its key, at most maxKey.
	maxPositions = 1000
	// maxKey is the length in bytes of the longest text in a key that is remembered.
	maxKey = 1000
	// positionsLast is how long a position is good for. Callers write startRow, and mean the rows as they are now; a page that begins behind the
	// last row of the page before, as it was a moment ago, is better still: rows that came in between push nothing onto it a second time. But
	// who comes back after a while wants to see what has changed.
	positionsLast = 5 * time.Minute
)

// Positions remembers where pages of searches ended, so that the next page of the same search begins there instead of skipping all rows before
// it: the page at row 500,000 costs what the first one does. It keeps the latest thousand, in the memory of one process; a page whose
// place is not known is found by skipping.
//
// The zero value is ready to use, and nil remembers nothing. It is safe for concurrent use.
type Positions struct {
	mu   sync.Mutex
	kept []position // a ring once it is full
	next int        // the oldest, which the next one replaces
}

type position struct {
	Place

	search fingerprint
	at     time.Time
}

// Place is a row number of a search and the key of the row before it; nil at the beginning.
type Place struct {
	Row int
	Key []any
}

// fingerprint tells searches apart: the same one has the same rows in the same order.
type fingerprint [sha256.Size]byte

func (q Query) fingerprint() fingerprint {
	var text []byte
	text = fmt.Appendf(text, "%q %q %q", q.From, q.Where.Where(), q.Order.String())
	if q.Identity != "" {
		return sha256.Sum256(fmt.Appendf(text, " %q", q.Identity))
	}
	for _, arg := range q.Where.args {
		text = fmt.Appendf(text, " %T %#v", arg, arg)
	}
	return sha256.Sum256(text)
}

// nearest returns the place nearest before a row that is known and still good.
func (p *Positions) nearest(search fingerprint, row int, now time.Time) (best Place) {
	if p == nil || row == 0 {
		return Place{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, known := range p.kept { // a thousand comparisons take microseconds, and the list needs no care
		age := now.Sub(known.at)
		if known.search == search && known.Row <= row && known.Row > best.Row && age >= 0 && age < positionsLast {
			best = known.Place
		}
	}
	return best
}

// keep remembers that the row before row has that key. A key that cannot be compared with, or is too long, is not remembered.
func (p *Positions) keep(search fingerprint, row int, key []any, now time.Time) {
	if p == nil || slices.ContainsFunc(key, unfit) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := position{Place{row, key}, search, now}
	same := func(other position) bool { return other.search == search && other.Row == row }
	switch i := slices.IndexFunc(p.kept, same); {
	case i >= 0:
		p.kept[i] = kept
	case len(p.kept) < maxPositions:
		p.kept = append(p.kept, kept)
	default:
		p.kept[p.next] = kept
		p.next = (p.next + 1) % maxPositions
	}
}

func unfit(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return len(v) > maxKey
	case []byte:
		return len(v) > maxKey
	}
	return false
}
