package ui

import (
	"math"
	"strconv"
	"time"

	"github.com/herald-events/herald/wire"
)

// timeline is the picture of an event's attempts on one axis: a row per receiver, a bar per attempt. The axis is logarithmic, because votes take
// milliseconds and retries come after hours. X and widths are in percent of the picture, so that letters keep their size on every screen; Y is in pixels.
type timeline struct {
	Rows   []timelineRow
	Ticks  []tick
	Height int
	// Commit is where the change was committed, 0 when there was nothing to wait for.
	Commit float64
}

type timelineRow struct {
	Name  string
	Y     int
	Bars  []bar
	Ghost float64 // where the next attempt is due, 0 for none
}

// bar is one attempt.
type bar struct {
	X, Width float64
	Class    string // as of receiver
	ID       wire.ID
	Title    string
}

type tick struct {
	X    float64
	Text string
	// Before is true where the text has no room behind the mark.
	Before bool
}

const (
	timelineWidth = 100
	rowHeight     = 34
	leastBar      = .4 // wide, so that it can be seen
)

// timelineOf draws an event.
func timelineOf(e *wire.WebhookEventLog, receivers []receiver, names allCalled) timeline {
	if len(receivers) == 0 {
		return timeline{}
	}
	end := e.InsertInstant + 10
	for _, a := range e.Attempts {
		end = max(end, a.EndInstant)
	}
	for _, d := range e.Deliveries {
		end = max(end, d.NextAttemptInstant)
	}
	longest := math.Log10(float64(end-e.InsertInstant) + 1)
	at := func(i wire.Instant) float64 {
		since := max(float64(i-e.InsertInstant), 0)
		return math.Round(math.Log10(since+1)/longest*(timelineWidth-leastBar)*100) / 100
	}
	t := timeline{Height: len(receivers)*rowHeight + 24}
	for row, r := range receivers {
		line := timelineRow{Name: names.of(r.WebhookID).Name, Y: row * rowHeight}
		for _, a := range e.Attempts {
			if a.WebhookID != r.WebhookID {
				continue
			}
			b := bar{X: at(a.StartInstant), ID: a.ID, Class: "bad", Title: string(a.Kind) + " · " + answerOf(&a)}
			if a.AttemptResult == wire.AttemptSuccess {
				b.Class = "good"
			}
			b.Width = max(at(a.EndInstant)-b.X, leastBar)
			line.Bars = append(line.Bars, b)
			if a.Kind == wire.AttemptVote && e.EventResult == wire.EventSucceeded {
				t.Commit = max(t.Commit, at(a.EndInstant))
			}
		}
		if d := r.Delivery; d != nil && d.NextAttemptInstant > 0 {
			line.Ghost = at(d.NextAttemptInstant)
		}
		t.Rows = append(t.Rows, line)
	}
	for _, mark := range []struct {
		after time.Duration
		text  string
	}{{time.Millisecond, "1 ms"}, {10 * time.Millisecond, "10 ms"}, {100 * time.Millisecond, "100 ms"}, {time.Second, "1 s"}, {10 * time.Second, "10 s"}, {time.Minute, "1 min"}, {10 * time.Minute, "10 min"}, {time.Hour, "1 h"}, {6 * time.Hour, "6 h"}, {24 * time.Hour, "1 d"}, {7 * 24 * time.Hour, "7 d"}} {
		if x := at(e.InsertInstant + wire.Instant(mark.after.Milliseconds())); mark.after.Milliseconds() <= int64(end-e.InsertInstant) {
			t.Ticks = append(t.Ticks, tick{x, mark.text, x > .88*timelineWidth})
		}
	}
	return t
}

// answerOf is how a receiver answered, in a word: the status, or what went wrong.
func answerOf(a *wire.WebhookAttemptLog) string {
	if a.WebhookCallResponse.StatusCode > 0 {
		return strconv.Itoa(a.WebhookCallResponse.StatusCode)
	}
	return a.Outcome
}

// Answer is how a receiver answered, in a word.
func (f frame) Answer(a wire.WebhookAttemptLog) string { return answerOf(&a) }
