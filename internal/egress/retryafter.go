package egress

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// RetryAfter is the pause that an answer asks for with Retry-After (seconds or a date, RFC 9110 section 10.2.3), a year at most; zero if it asks for
// none or cannot be understood.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if value == "" {
		return 0
	}
	const year = 365 * 24 * 60 * 60
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) { // seconds is then the number that comes nearest
		return time.Duration(min(max(seconds, 0), year)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), year*time.Second)
	}
	return 0
}
