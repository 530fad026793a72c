package outbox

import (
	"net/http"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
)

// A breaker keeps deliveries and votes away from a receiver that cannot be reached, so that they wait instead of occupying places and
// costing callers a timeout. What a receiver answers itself, a refusal or a 500, never opens it: that is its say, and for a vote it is meant. But a broker that does
// not let us in has said nothing about any event.

const (
	// breakAfter is how many attempts in a row must find nobody before the breaker opens.
	breakAfter = 10
	// After firstProbe an open breaker lets one attempt through; each time it fails the pause doubles, up to longestProbe.
	firstProbe   = time.Second
	longestProbe = time.Minute
)

// reached tells whether somebody answered for the receiver. A gateway that says that nobody is behind it does not count.
func reached(a *webhook.Attempt) bool {
	if a.LockedOut {
		return false
	}
	switch a.Outcome {
	case egress.Accepted, egress.Redirect, egress.TooLarge:
		return true
	case egress.Refused:
		switch a.StatusCode {
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return false
		}
		return true
	default:
		return false
	}
}

// counts tells whether the attempt says anything about the receiver at all.
func counts(a *webhook.Attempt) bool {
	return a.Outcome != egress.Cancelled && a.Outcome != egress.Invalid
}

// probePause is the time until the next probe after so many that failed.
func probePause(failed int64) time.Duration {
	if failed >= 6 {
		return longestProbe
	}
	return min(firstProbe<<failed, longestProbe)
}
