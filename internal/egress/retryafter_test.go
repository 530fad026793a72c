package egress_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress"
)

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "1", "9999999999", "-1", "Fri, 20 Nov 2026 12:00:00 GMT", "1e9", "\x00", "9999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if pause := egress.RetryAfter(http.Header{"Retry-After": {value}}, now); pause < 0 || pause > 365*24*time.Hour {
			t.Errorf("%q asks for %v", value, pause)
		}
	})
}
