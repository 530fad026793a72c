package feed

import (
	"strconv"

	"github.com/herald-events/herald/internal/problem"
)

// Cursor is a place in the feed, as text for a URL. Empty is the beginning: the oldest event that is kept.
type Cursor string

// Newest is the place behind all that is there now.
const Newest Cursor = "now"

// cursorAt is the place behind a sequence: all events up to it were read or passed over.
func cursorAt(sequence int64) Cursor { return Cursor(strconv.FormatInt(sequence, 36)) }

func sequenceOf(c Cursor) (sequence int64, err error) {
	sequence, err = strconv.ParseInt(string(c), 36, 64)
	if err != nil || sequence < 0 || cursorAt(sequence) != c {
		return 0, misplaced("invalid", "This is no place in the feed.")
	}
	return sequence, nil
}

// misplaced is the problem of a place that cannot be read from.
func misplaced(kind, why string) error {
	var v problem.Validation
	v.Field("after", kind, "%s Begin without after for the oldest event that is kept, with after=now for those to come, or with the next of an answer.", why)
	return v.Err()
}
