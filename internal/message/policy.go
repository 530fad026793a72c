package message

import (
	"time"

	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/wire"
)

// pauses are those before the second and the third try at one messenger; there are no more. A receiver that restarts is back after that, and one
// that is not has a successor.
var pauses = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond}

// patience is how long a message is tried while somebody waits. An attempt that began within it may take its messenger's own timeouts.
const patience = 8 * time.Second

// verdict is what an attempt says about its message.
type verdict string

const (
	taken   verdict = "taken"
	refused verdict = "refused" // this messenger will not take it; another one may
	again   verdict = "again"   // it may take it in a moment
	unsure  verdict = "unsure"  // it may have taken it
)

func verdictOf(a messenger.Attempt) verdict {
	switch {
	case a.Accepted():
		return taken
	case a.Unknown: // also when another try could help: what counts is whether it may be made
		return unsure
	case a.Again:
		return again
	}
	return refused
}

// situation is all that counts after an attempt.
type situation struct {
	verdict      verdict
	tries        int           // at this messenger, this one included
	retryUnknown bool          // the messenger may get again what it may have taken
	others       bool          // there is another messenger
	left         time.Duration // until nobody waits, or needs the message
}

// move is what to do next.
type move string

const (
	end       move = "end"
	retry     move = "retry"     // the same messenger, after a pause
	nextInRow move = "nextInRow" // the next messenger, at once
)

// decide returns what to do after an attempt, and after which pause.
func decide(s situation) (move, time.Duration) {
	if s.verdict == taken || s.verdict == unsure && !s.retryUnknown {
		return end, 0
	}
	if s.verdict != refused && s.tries <= len(pauses) {
		if pause := pauses[s.tries-1]; pause < s.left {
			return retry, pause
		}
	}
	if s.others && s.left > 0 {
		return nextInRow, 0
	}
	return end, 0
}

// stateOf is how a message has ended with these verdicts, in the order of the attempts.
func stateOf(verdicts []verdict) wire.MessageState {
	state := wire.MessageFailed
	for _, v := range verdicts {
		switch v {
		case taken:
			return wire.MessageSent
		case unsure:
			state = wire.MessageUnknown
		}
	}
	return state
}
