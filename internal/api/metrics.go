package api

import (
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/internal/problem"
)

// metricsRoutes has no s in front because m may be nil: the route then exists and finds nothing.
func metricsRoutes(m *metrics.Metrics, log *slog.Logger) []route {
	h := m.Handler(log)
	return []route{
		{"GET", "/api/prometheus/metrics", "/api/prometheus/metrics", metricsKey, func(c *call) (any, error) {
			if m == nil {
				return nil, problem.ErrNotFound
			}
			return &exposition{h, c.r}, nil
		}},
	}
}

// exposition as the result of a handler answers with metrics, in the format and the encoding that the request asks for.
type exposition struct {
	metrics http.Handler
	request *http.Request
}

func (e *exposition) send(w http.ResponseWriter) error {
	e.metrics.ServeHTTP(w, e.request)
	return nil
}

// metricsKeyText is the key of a request to a route of the kind metricsKey: the whole Authorization header or, as programs that scrape know no
// other way, the password of HTTP Basic authentication as the user "apikey".
func metricsKeyText(r *http.Request) string {
	user, password, basic := r.BasicAuth()
	switch {
	case !basic:
		return r.Header.Get("Authorization")
	case user != "apikey":
		return ""
	}
	return password
}

// withoutKey tells whether a request to a route of the kind metricsKey needs no key: none is sent, and it comes from this machine. Only the peer of
// the connection says so, as X-Forwarded-For is the caller's to choose. A key that is sent is checked, here too, so that a wrong one shows.
func withoutKey(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return r.Header.Get("Authorization") == "" && err == nil && peer.Addr().Unmap().IsLoopback()
}
