package outbox

import (
	"net/http"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
)

// schedule is the pauses after the first, second … failed attempt. After the attempt that follows the last pause a delivery is dead.
type schedule []time.Duration

// defaultSchedule goes on for about 28 hours: long enough for a night and the morning in which somebody finds the broken receiver.
var defaultSchedule = schedule{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
}

// spread is how far a pause is lengthened or shortened at most, so that the deliveries of an outage do not all come back in the same second.
const spread = 0.2

// longest is the cap for what a receiver may ask for with Retry-After.
func (s schedule) longest() time.Duration {
	longest := time.Duration(0)
	for _, pause := range s {
		longest = max(longest, pause)
	}
	return longest
}

// lifetime is how long a delivery that is tried on schedule can take to be given up.
func (s schedule) lifetime() (total time.Duration) {
	for _, pause := range s {
		total += pause + time.Duration(spread*float64(pause))
	}
	return total
}

// fate is what becomes of a delivery after an attempt.
type fate struct {
	state State
	due   time.Time // when a delivery that is retrying may be tried again, else when it ended
}

// next decides the fate of a delivery after its attempts-th attempt ended at now with a. jitter is a random number in [0, 1); it spreads the
// pause by ±20 %.
//
// A receiver that answers 410 says that it is gone for good, and a broker that the event is too large for it. Retry-After (seconds or a date, RFC 9110 section 10.2.3)
// lengthens a pause up to the schedule's longest, it never shortens one.
func (s schedule) next(attempts int, a *webhook.Attempt, now time.Time, jitter float64) fate {
	switch {
	case a.Outcome.Success():
		return fate{Delivered, now}
	case isGone(a), a.Hopeless, attempts > len(s):
		return fate{Dead, now}
	}
	pause := s[max(attempts, 1)-1]
	pause = time.Duration(float64(pause) * (1 - spread + 2*spread*jitter))
	pause = max(pause, min(egress.RetryAfter(a.ResponseHeader, now), s.longest()))
	return fate{Retrying, now.Add(pause)}
}

// isGone tells whether the receiver said that there is nobody here any more, and never will be (RFC 9110 section 15.5.11).
func isGone(a *webhook.Attempt) bool { return a != nil && a.StatusCode == http.StatusGone }

// DefaultDelays are the pauses after the first, second … failed attempt of webhooks that have none of their own.
func DefaultDelays() []time.Duration { return slices.Clone(defaultSchedule) }

// MaxAttempts is how many attempts a delivery to the receiver has at most.
func (o *Outbox) MaxAttempts(t *webhook.Target) int { return len(o.scheduleFor(t)) + 1 }
