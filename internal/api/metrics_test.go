package api

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/wire"
)

const metricsPath = "/api/prometheus/metrics"

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// expectMetrics fails unless the answer is metrics that Prometheus can read.
func (a answerTo) expectMetrics(t *testing.T) {
	t.Helper()
	if kind := a.header.Get("Content-Type"); a.status != 200 || !strings.HasPrefix(kind, "text/plain; version=0.0.4; charset=utf-8") {
		t.Errorf("status %d, content type %q, body %.200s", a.status, kind, a.body)
		return
	}
	families, err := new(expfmt.NewTextParser(model.LegacyValidation)).TextToMetricFamilies(strings.NewReader(a.body))
	if err != nil || families["herald_http_requests_total"] == nil && families["herald_deliveries_dead_total"] == nil {
		t.Errorf("these are no metrics of Herald: %v in %.200s", err, a.body)
	}
}

func TestMetrics_WhoMayRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		h := serve(t, d, Services{Tenancy: tenants{tenantA, tenantB}, Metrics: metrics.New()})
		permission := wire.APIKeyPermissions{Endpoints: map[string][]string{metricsPath: {"GET"}}}
		for name, test := range map[string]struct {
			key     string
			allowed bool
		}{
			"super key":                  {superKey, true},
			"permission":                 {h.key(wire.APIKey{Permissions: permission}), true},
			"with a colon":               {h.key(wire.APIKey{Key: "one:two:three"}), true},
			"another permission":         {h.key(wire.APIKey{Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{"/api/status": {"GET"}}}}), false},
			"another method":             {h.key(wire.APIKey{Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{metricsPath: {"POST"}}}}), false},
			"of a tenant":                {h.key(wire.APIKey{TenantID: tenantA}), false},
			"of a tenant, by permission": {h.key(wire.APIKey{TenantID: tenantA, Permissions: permission}), false},
			"unknown":                    {"unknown", false},
			"none":                       {"", false},
		} {
			t.Run(name, func(t *testing.T) {
				for header, right := range map[string]bool{
					test.key: test.allowed, basic("apikey", test.key): test.allowed,
					basic("APIKEY", test.key): false, basic("", test.key): false, basic(test.key, ""): false, basic("apikey ", test.key): false,
					"Bearer " + test.key: false, "Basic " + test.key: false, "basic": false,
				} {
					a := h.do("GET", metricsPath, "", withKey(header))
					if right {
						a.expectMetrics(t)
					} else {
						a.expect(t, 401, "")
					}
				}
			})
		}
		h.do("GET", metricsPath, "", with(tenantHeader, string(tenantA))).expectMetrics(t) // a tenant header means nothing
		h.do("GET", statusPattern, "", withKey(basic("apikey", superKey))).expect(t, 200, `{"version":"1.2.3"}`)
		// What is for those who watch is for nothing else.
		h.do("GET", "/api/system/version", "", withKey(basic("apikey", superKey))).expect(t, 401, "")
		h.do("GET", "/probe/global", "", withKey(basic("apikey", superKey))).expect(t, 401, "")
	})
}

// from serves s over HTTP as if every connection came from the address.
func (h *herald) from(t *testing.T, address string, services Services) *herald {
	t.Helper()
	services.Keys, services.Version, services.Log = h.keys, "1.2.3", slog.New(slog.DiscardHandler)
	s := newServer(services)
	server := httptest.NewUnstartedServer(s.handler(append(s.routes(), s.probes()...)))
	server.Listener = peers{server.Listener, &net.TCPAddr{IP: net.ParseIP(address), Port: 1234}}
	server.Start()
	t.Cleanup(server.Close)
	return &herald{t: t, url: server.URL, keys: h.keys, log: h.log}
}

// peers is a listener whose connections say that they come from an address.
type peers struct {
	net.Listener

	address net.Addr
}

func (p peers) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	return peer{c, p.address}, err
}

type peer struct {
	net.Conn

	address net.Addr
}

func (p peer) RemoteAddr() net.Addr { return p.address }

func TestMetrics_FromThisMachine(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	for address, local := range map[string]bool{
		"127.0.0.1": true, "127.8.9.10": true, "::1": true, "::ffff:127.0.0.1": true,
		"192.0.2.1": false, "10.0.0.1": false, "2001:db8::1": false, "::ffff:192.0.2.1": false, "::": false, "0.0.0.0": false,
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			open := h.from(t, address, Services{Metrics: metrics.New(), LocalMetrics: true})
			shut := h.from(t, address, Services{Metrics: metrics.New()})
			for _, forwarded := range []string{"", "127.0.0.1", "::1", "203.0.113.7"} {
				options := []option{withKey("")}
				if forwarded != "" {
					options = append(options, with("X-Forwarded-For", forwarded), with("X-Real-Ip", forwarded), with("Forwarded", "for="+forwarded))
				}
				a, status := open.do("GET", metricsPath, "", options...), open.do("GET", statusPattern, "", options...)
				if local {
					a.expectMetrics(t)
					status.expect(t, 200, `{}`)
				} else {
					a.expect(t, 401, "")
					status.expect(t, 401, "")
				}
				shut.do("GET", metricsPath, "", options...).expect(t, 401, "")
				shut.do("GET", statusPattern, "", options...).expect(t, 401, "")
			}
			open.do("GET", metricsPath, "").expectMetrics(t) // with a key, everybody
			open.do("GET", statusPattern, "").expect(t, 200, `{"version":"1.2.3"}`)
			// A key that is sent is checked.
			open.do("GET", metricsPath, "", withKey("unknown")).expect(t, 401, "")
			open.do("GET", statusPattern, "", withKey("unknown")).expect(t, 401, "")
			open.do("GET", metricsPath, "", withKey(basic("apikey", "unknown"))).expect(t, 401, "")
			// And nothing else opens.
			open.do("GET", "/api/system/version", "", withKey("")).expect(t, 401, "")
			open.do("GET", "/probe/global", "", withKey("")).expect(t, 401, "")
		})
	}
}

func TestMetrics_Answer(t *testing.T) {
	t.Parallel()
	h := once(t, Services{Metrics: metrics.New()})
	h.do("POST", metricsPath, "{}").expect(t, 405, "")
	head := h.do("HEAD", metricsPath, "")
	if head.status != 200 || head.body != "" || !strings.HasPrefix(head.header.Get("Content-Type"), "text/plain") {
		t.Errorf("HEAD answers %d %q %q", head.status, head.header.Get("Content-Type"), head.body)
	}
	zipped := h.do("GET", metricsPath, "", with("Accept-Encoding", "gzip"))
	if zipped.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("the answer is not compressed: %v", zipped.header)
	}
	plain, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(plain); err != nil || !strings.Contains(string(text), "herald_deliveries_dead_total 0") {
		t.Errorf("the compressed answer: %v, %.200s", err, text)
	}

	without := once(t, Services{})
	without.do("GET", metricsPath, "").expect(t, 404, "")
	without.do("GET", metricsPath, "", withKey("")).expect(t, 401, "")
}

// TestMetrics_BacklogThatFails: the scrape goes on, the log says why.
func TestMetrics_BacklogThatFails(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	m.WatchBacklog(func(context.Context) (metrics.Backlog, error) { return metrics.Backlog{}, errors.New("no database") })
	h := once(t, Services{Metrics: m})
	a := h.do("GET", metricsPath, "")
	a.expectMetrics(t)
	if !strings.Contains(a.body, "\nherald_outbox_up 0\n") {
		t.Error("the answer does not say that the backlog could not be read")
	}
	lines, text := h.log.next(t, 2)
	if !strings.Contains(text, "no database") || lines[0]["level"] != "WARN" || lines[1]["level"] != "DEBUG" {
		t.Errorf("the log does not say why: %s", text)
	}
}

// TestMetrics_Requests: requests count under the pattern of their route, whatever the path holds.
func TestMetrics_Requests(t *testing.T) {
	t.Parallel()
	h := once(t, Services{Tenancy: tenants{tenantA}, Metrics: metrics.New()})
	const secret = "s3cret"
	for _, r := range []struct{ method, path string }{
		{"GET", "/probe/id/" + string(someID)},
		{"GET", "/probe/id/" + secret},
		{"GET", "/probe/id/" + secret},
		{"GET", "/" + secret},
		{"PUT", "/api/health"},
		{"HEAD", "/api/health"},
		{"BREW", "/api/health"},
		{"GET", "/probe/panic"},
		{"GET", "/probe/query?text=" + secret},
	} {
		h.do(r.method, r.path, "")
	}
	h.log.next(t, 9) // a request is counted after its answer has been sent, before its line is written
	body := h.do("GET", metricsPath, "").body
	lines := strings.Split(body, "\n")
	for _, want := range []string{
		`herald_http_requests_total{code="200",method="GET",route="/probe/id/{probeId}"} 1`,
		`herald_http_requests_total{code="400",method="GET",route="/probe/id/{probeId}"} 2`,
		`herald_http_requests_total{code="404",method="GET",route="other"} 1`,
		`herald_http_requests_total{code="405",method="PUT",route="other"} 1`,
		`herald_http_requests_total{code="200",method="HEAD",route="/api/health"} 1`,
		`herald_http_requests_total{code="405",method="other",route="other"} 1`,
		`herald_http_requests_total{code="500",method="GET",route="/probe/panic"} 1`,
		`herald_http_requests_total{code="200",method="GET",route="/probe/query"} 1`,
		`herald_http_request_duration_seconds_count{route="/probe/id/{probeId}"} 3`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %s", want)
		}
	}
	if strings.Contains(body, secret) || strings.Contains(body, string(someID)) || strings.Contains(body, "BREW") {
		t.Error("the metrics hold what callers sent")
	}
	if t.Failed() {
		for _, line := range lines {
			if strings.HasPrefix(line, "herald_http_requests_total") {
				t.Log(line)
			}
		}
	}
}
