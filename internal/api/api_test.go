package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	tenantA = wire.ID("a0000000-0000-4000-8000-00000000000a")
	tenantB = wire.ID("b0000000-0000-4000-8000-00000000000b")
	nowhere = wire.ID("c0000000-0000-4000-8000-00000000000c")
	someID  = wire.ID("d0000000-0000-4000-8000-00000000000d")

	superKey = "the-super-key" // planted in tests of the log
)

// tenants is a Tenancy of fixed tenants.
type tenants []wire.ID

func (t tenants) Exists(_ context.Context, id wire.ID) (bool, error) {
	return slices.Contains(t, id), nil
}

func (t tenants) Sole(context.Context) (wire.ID, error) {
	if len(t) == 1 {
		return t[0], nil
	}
	return "", nil
}

// herald is the API on a store of its own, served over HTTP, with the super key and a few routes for tests beside its own.
type herald struct {
	t    *testing.T
	url  string
	keys *access.Service
	log  logLines
}

func each(t *testing.T, tenancy tenants, fn func(t *testing.T, h *herald)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		fn(t, serve(t, d, Services{Tenancy: tenancy}))
	})
}

// once is each on one engine, for what does not touch the store.
func once(t *testing.T, services Services) *herald {
	t.Helper()
	return serve(t, dbtest.Open(t, db.SQLite), services)
}

func serve(t *testing.T, d *db.DB, services Services) *herald {
	t.Helper()
	h := &herald{t: t, log: make(logLines, 1000)}
	exists := func(_ *db.Tx, id wire.ID) (bool, error) { return id == tenantA || id == tenantB, nil }
	h.keys = access.New(d, key.NewSealer(make([]byte, key.Size)), time.Now, exists)
	services.Keys = h.keys
	services.Version = "1.2.3"
	services.Log = slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := newServer(services)
	server := httptest.NewServer(s.handler(append(s.routes(), s.probes()...)))
	t.Cleanup(server.Close)
	h.url = server.URL
	h.key(wire.APIKey{Key: superKey, KeyManager: true})
	return h
}

// key makes an API key and returns its text.
func (h *herald) key(given wire.APIKey) string {
	h.t.Helper()
	k, err := h.keys.Create(h.t.Context(), nil, "", given, access.CreateOptions{AllowKeyManager: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return k.Key
}

// keyOfNoTenant makes a key whose tenant does not exist (any more).
func (h *herald) keyOfNoTenant() string {
	h.t.Helper()
	k, err := h.keys.Create(h.t.Context(), nil, "", wire.APIKey{TenantID: nowhere}, access.CreateOptions{AllowUnknownTenant: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return k.Key
}

// probes are routes that show what call offers to handlers.
func (s *server) probes() []route {
	const p = "/probe"
	answer := func(v any, err error) (any, error) { return map[string]any{"got": v}, err }
	failing := func(err error) func(*call) (any, error) { return func(*call) (any, error) { return nil, err } }
	return []route{
		{"GET", "/probe/tenant", p, tenantKey, func(c *call) (any, error) { return answer(c.tenant()) }},
		{"GET", "/probe/global", p, globalKey, func(c *call) (any, error) { return answer(c.scope, nil) }},
		{"GET", "/probe/instance", p, instanceKey, func(c *call) (any, error) { return answer(c.scope, nil) }},
		{"GET", "/probe/object-of-a", p, tenantKey, func(c *call) (any, error) { return answer("a", c.narrow(tenantA)) }},
		{"GET", "/probe/shared-object", p, tenantKey, func(c *call) (any, error) { return answer("shared", c.narrow("")) }},
		{"GET", "/probe/id/{probeId}", p, tenantKey, func(c *call) (any, error) { return answer(c.pathID("probeId")) }},
		{"POST", "/probe/echo", p, tenantKey, func(c *call) (any, error) {
			var request wire.WebhookRequest
			return &request, c.decode(&request)
		}},
		{"DELETE", "/probe/echo", p, tenantKey, func(c *call) (any, error) {
			var request wire.UserDeleteSingleRequest
			return &request, c.decodeOptional(&request)
		}},
		{"PATCH", "/probe/echo", p, tenantKey, func(c *call) (any, error) {
			var request wire.WebhookRequest
			return &request, c.patch(wire.WebhookRequest{Webhook: patched()}, &request)
		}},
		{"GET", "/probe/search", p, tenantKey, searchProbe},
		{"POST", "/probe/search", p, tenantKey, searchProbe},
		{"GET", "/probe/query", p, tenantKey, func(c *call) (any, error) {
			flag, err1 := c.queryBool("flag")
			var number int
			err2 := c.queryValue("number", &number)
			one, err3 := c.queryID("one")
			all, err4 := c.queryIDs("all")
			var v problem.Validation
			err := errors.Join(v.Merge(err1), v.Merge(err2), v.Merge(err3), v.Merge(err4), v.Err())
			return map[string]any{"flag": flag, "number": number, "one": one, "all": all, "text": c.query("text")}, err
		}},
		{"POST", "/probe/info", p, tenantKey, func(c *call) (any, error) {
			var request wire.UserRequest
			if err := c.decode(&request); err != nil {
				return nil, err
			}
			return c.eventInfo(request.EventInfo), nil
		}},
		{"GET", "/probe/accepted", p, open, func(*call) (any, error) { return status(http.StatusAccepted), nil }},
		{"GET", "/probe/panic", p, open, func(*call) (any, error) { panic("the hidden reason") }},
		{"GET", "/probe/broken", p, open, failing(errors.New("the hidden reason"))},
		{"GET", "/probe/unencodable", p, open, func(*call) (any, error) { return func() {}, nil }},
		{"GET", "/probe/conflict", p, open, failing(problem.Stale("thing"))},
		{"GET", "/probe/refused", p, open, failing(problem.New(problem.Refused, "[WebhookTransactionException]", "no <b>"))},
		{"GET", "/probe/unavailable", p, open, failing(problem.New(problem.Unavailable, "[busy]", "later"))},
		{"GET", "/probe/not-found", p, open, failing(problem.New(problem.NotFound, "[NotFoundException]", "hidden"))},
		{"GET", "/probe/unknown-kind", p, open, failing(problem.New("strange", "[x]", "hidden"))},
		{"GET", "/probe/wrapped", p, open, failing(errors.Join(errors.New("hidden"), invalidField("a.b", "blank", "Say something.")))},
	}
}

func searchProbe(c *call) (any, error) {
	var criteria wire.WebhookSearch
	return &criteria, c.search(&criteria)
}

// answerTo is what came back.
type answerTo struct {
	status int
	body   string
	header http.Header
}

type option func(*http.Request)

func with(name, value string) option { return func(r *http.Request) { r.Header.Set(name, value) } }

func withKey(key string) option { return with("Authorization", key) }

// do sends a request with the super key, and with application/json when there is a body, unless options say otherwise.
func (h *herald) do(method, path, body string, options ...option) answerTo {
	h.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, reader)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", superKey)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, o := range options {
		o(r)
	}
	response, err := http.DefaultTransport.RoundTrip(r) // follows no redirects
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answerTo{response.StatusCode, string(got), response.Header}
}

// expect fails unless the answer has the status and the body. A body that begins with { is compared as JSON.
func (a answerTo) expect(t *testing.T, status int, body string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d; body: %s", a.status, status, a.body)
		return
	}
	if !strings.HasPrefix(body, "{") {
		if a.body != body {
			t.Errorf("body %q, want %q", a.body, body)
		}
		return
	}
	if diff := cmp.Diff(tree(t, body), tree(t, a.body)); diff != "" {
		t.Errorf("body differs (-want +got): %s", diff)
	}
}

func tree(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// codes are the codes of an errors document, sorted.
func (a answerTo) codes(t *testing.T) string {
	t.Helper()
	var doc wire.Errors
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	var all []string
	for field, details := range doc.FieldErrors {
		for _, d := range details {
			if !strings.HasSuffix(d.Code, "]"+field) {
				t.Errorf("the code %s is filed under %s", d.Code, field)
			}
			all = append(all, d.Code)
		}
	}
	for _, d := range doc.GeneralErrors {
		all = append(all, d.Code)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (a answerTo) expectCodes(t *testing.T, status int, codes string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d; body: %s", a.status, status, a.body)
		return
	}
	if got := a.codes(t); got != codes {
		t.Errorf("codes %s, want %s", got, codes)
	}
}

// logLines passes on the lines of a log.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// next returns the next n lines. It waits for them: the line of a request is written after its answer has been sent.
func (l logLines) next(t *testing.T, n int) (lines []map[string]any, text string) {
	t.Helper()
	for range n {
		select {
		case line := <-l:
			lines = append(lines, tree(t, line).(map[string]any))
			text += line
		case <-time.After(10 * time.Second):
			t.Fatal("the log line did not come")
		}
	}
	return lines, text
}
