package feed

import (
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/problem"
)

// Cursor is a place in the feed, as text for a URL. Empty is the beginning: the oldest event that is kept.
type Cursor string

// Newest is the place behind all that is there now.
const Newest Cursor = "now"

// place is what a cursor says: all events up to the sequence were read or passed over, and that was so at the instant, in milliseconds.
type place struct{ sequence, instant int64 }

func (p place) cursor() Cursor {
	return Cursor(strconv.FormatInt(p.sequence, 36) + "." + strconv.FormatInt(p.instant, 36))
}

func placeOf(c Cursor) (p place, err error) {
	if c == "" {
		return p, nil
	}
	sequence, instant, _ := strings.Cut(string(c), ".")
	p.sequence, err = strconv.ParseInt(sequence, 36, 64)
	if err == nil {
		p.instant, err = strconv.ParseInt(instant, 36, 64)
	}
	if err != nil || p.sequence < 0 || p.instant < 0 || p.cursor() != c {
		var v problem.Validation
		v.Field("after", "invalid", "This is no place in the feed. Begin without after for the oldest event, with after=now for those to come, or with the next of an answer.")
		return p, v.Err()
	}
	return p, nil
}

// slack is how much older than its first appearance in the feed an event may say it is: the longest that webhooks are asked, and clocks that differ.
const slack = 5 * time.Minute

// expired tells whether events behind the place may have been removed meanwhile. What is not read when the place is made happens later than that.
func (p place) expired(now time.Time, kept time.Duration) bool {
	return p.instant != 0 && kept > 0 && now.Sub(time.UnixMilli(p.instant)) > max(kept-slack, kept/2)
}
