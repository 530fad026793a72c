package api

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/herald-events/herald/internal/problem"
)

// Limits are how many requests one caller may make: one API key, or one address where there is no key. Each process counts for itself: with several of them
// behind a load balancer a caller gets that many times as much. Zero means no limit.
type Limits struct {
	// Login is how many requests per second may try what lets somebody in: passwords, codes, tokens; or have a message sent that brings one.
	Login float64
	// Publish is how many requests per second may bring events of other systems. One with a thousand events is one.
	Publish float64
}

// The routes that are limited, as "METHOD pattern" of the table.
var (
	loginRoutes = []string{
		"POST /api/login", "POST /api/passwordless/start", "POST /api/passwordless/send", "POST /api/passwordless/login",
		"POST /api/two-factor/start", "POST /api/two-factor/send", "POST /api/two-factor/send/{twoFactorId}", "POST /api/two-factor/login",
		"POST /api/user/forgot-password", "POST /api/user/change-password", "POST /api/user/change-password/{changePasswordId}",
		"GET /api/user/change-password", "GET /api/user/change-password/{changePasswordId}",
		"POST /api/user/verify-email", "POST /api/user/verify-email/{verificationId}", "POST /api/user/verify-registration", "POST /api/user/verify-registration/{verificationId}",
		"PUT /api/user/verify-email", "PUT /api/user/verify-registration",
		"POST /api/identity/verify/start", "POST /api/identity/verify/send", "POST /api/identity/verify/complete",
		"POST /api/jwt/refresh", "POST /oauth2/token",
	}
	publishRoutes = []string{"POST /api/event", "POST /api/event/batch"}
)

const (
	// burst is how many seconds' worth of requests may come at once, after a pause of that length.
	burst = 10
	// maxCallers bounds the memory: so many are remembered in each of two generations.
	maxCallers = 10_000
)

// limiter counts the requests of callers. It is safe for concurrent use, and nil when there is no limit.
type limiter struct {
	perSecond rate.Limit
	burst     int
	callers   int // in a generation

	mu sync.Mutex
	// A caller of the older generation who comes again moves to the newer one. When that is full it becomes the older one, and who has not come since is
	// forgotten: of callers without end, such as addresses that are made up, nobody keeps account.
	newer, older map[string]*rate.Limiter
}

func newLimiter(perSecond float64, callers int) *limiter {
	if perSecond <= 0 {
		return nil
	}
	return &limiter{
		perSecond: rate.Limit(perSecond), burst: max(1, int(math.Ceil(perSecond*burst))), callers: callers, newer: map[string]*rate.Limiter{},
	}
}

// wait is how long the caller has to wait before the next request, 0 when this one may pass, which is then counted.
func (l *limiter) wait(caller string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.newer[caller]
	if one == nil {
		if one = l.older[caller]; one == nil {
			one = rate.NewLimiter(l.perSecond, l.burst)
		}
		if len(l.newer) >= l.callers {
			l.newer, l.older = map[string]*rate.Limiter{}, l.newer
		}
		l.newer[caller] = one
	}
	r := one.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > 0 {
		r.CancelAt(now)
	}
	return delay
}

// limiterOf is the limiter of a row of the table, nil without a limit.
func (s *server) limiterOf(row route) *limiter {
	switch name := row.method + " " + row.pattern; {
	case slices.Contains(loginRoutes, name):
		return s.logins
	case slices.Contains(publishRoutes, name):
		return s.publishing
	}
	return nil
}

// limited tells whether a row has a limiter when limits are set.
func limited(row route) bool {
	name := row.method + " " + row.pattern
	return slices.Contains(loginRoutes, name) || slices.Contains(publishRoutes, name)
}

// limit refuses a request of somebody who makes too many. It comes after the key is known, and before the body is read.
func (c *call) limit(l *limiter, header http.Header) error {
	if l == nil {
		return nil
	}
	caller := "address " + c.clientAddress()
	if c.key != nil {
		caller = "key " + string(c.key.ID())
	}
	delay := l.wait(caller, c.s.Clock())
	if delay == 0 {
		return nil
	}
	seconds := int64(math.Ceil(delay.Seconds()))
	header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	return problem.New(problem.TooMany, "[RateLimitedException]", "There are more requests than this server takes from one caller. Try again in %d s.", seconds)
}
