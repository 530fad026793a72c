package outbox

import (
	"net/http"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
)

func TestSchedule_Next(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	answer := func(status int, retryAfter ...string) *webhook.Attempt {
		a := &webhook.Attempt{Outcome: egress.Refused, StatusCode: status, ResponseHeader: http.Header{"Retry-After": retryAfter}}
		if status/100 == 2 {
			a.Outcome = egress.Accepted
		}
		return a
	}
	timeout := &webhook.Attempt{Outcome: egress.Timeout}
	for name, c := range map[string]struct {
		attempts int
		attempt  *webhook.Attempt
		jitter   float64
		state    State
		pause    time.Duration
	}{
		"2xx is delivered":                       {1, answer(204), 0, Delivered, 0},
		"the first failure waits about 5 s":      {1, timeout, 0.5, Retrying, 5 * time.Second},
		"at least 20 % less":                     {1, timeout, 0, Retrying, 4 * time.Second},
		"at most 20 % more":                      {1, timeout, 1, Retrying, 6 * time.Second},
		"the second waits 30 s":                  {2, answer(500), 0.5, Retrying, 30 * time.Second},
		"the ninth waits 10 h":                   {9, answer(500), 0.5, Retrying, 10 * time.Hour},
		"the tenth is the last":                  {10, answer(500), 0.5, Dead, 0},
		"2xx on the tenth is delivered":          {10, answer(200), 0.5, Delivered, 0},
		"410 ends at once":                       {1, answer(410), 0.5, Dead, 0},
		"so does what will never be taken":       {1, &webhook.Attempt{Outcome: egress.Refused, Hopeless: true}, 0.5, Dead, 0},
		"Retry-After in seconds":                 {1, answer(503, "120"), 0.5, Retrying, 2 * time.Minute},
		"Retry-After as a date":                  {1, answer(503, now.Add(time.Hour).Format(http.TimeFormat)), 0.5, Retrying, time.Hour},
		"Retry-After never shortens":             {2, answer(503, "1"), 0.5, Retrying, 30 * time.Second},
		"Retry-After in the past":                {1, answer(503, now.Add(-time.Hour).Format(http.TimeFormat)), 0.5, Retrying, 5 * time.Second},
		"Retry-After is capped":                  {1, answer(503, "9999999999"), 0.5, Retrying, 10 * time.Hour},
		"Retry-After beyond every number":        {1, answer(503, "99999999999999999999999"), 0.5, Retrying, 10 * time.Hour},
		"Retry-After below every number":         {1, answer(503, "-99999999999999999999999"), 0.5, Retrying, 5 * time.Second},
		"Retry-After that is negative":           {1, answer(503, "-5"), 0.5, Retrying, 5 * time.Second},
		"Retry-After that is none":               {1, answer(503, "soon"), 0.5, Retrying, 5 * time.Second},
		"a vote that was counted as no attempts": {0, timeout, 0.5, Retrying, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := defaultSchedule.next(c.attempts, c.attempt, now, c.jitter)
			if f.state != c.state {
				t.Fatalf("state %s, want %s", f.state, c.state)
			}
			if f.state == Retrying && f.due.Sub(now) != c.pause {
				t.Errorf("due after %v, want %v", f.due.Sub(now), c.pause)
			}
			if f.state != Retrying && !f.due.Equal(now) {
				t.Errorf("it ended at %v, want %v", f.due, now)
			}
		})
	}
}
