// Package apptest runs a whole Herald in a test, on either engine, and talks to it over real HTTP.
package apptest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/openapi/openapitest"
	"github.com/herald-events/herald/wire"
)

// Key is the API key every Server has; it may do everything.
const Key = "apptest-0123456789-apptest-0123456789"

// Server is a running Herald. It is stopped at the end of the test.
type Server struct {
	App *app.App
	// URL is the address, without a slash at its end.
	URL string
	// Tenant is the default tenant.
	Tenant wire.ID
	// Seen is how many events WantEvents has looked at.
	Seen int
	// Odd says that requests have parameters which nobody has documented, Broken that answers may be 500 because the store is made to fail.
	Odd, Broken bool

	t       testing.TB
	options app.Options
	client  *http.Client
}

// Option changes how a Server is made.
type Option func(*app.Options)

// Each runs fn as a parallel subtest on every engine, each with a Server of its own.
func Each(t *testing.T, fn func(t *testing.T, s *Server), options ...Option) {
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, Start(t, engine, options...))
		})
	}
}

// Start starts a Server on an empty store.
func Start(t testing.TB, engine db.Engine, options ...Option) *Server {
	t.Helper()
	store := dbtest.Options(t, engine)
	if store.Dir == "" {
		store.Dir = t.TempDir() // for the key file
	}
	o := app.Options{Settings: config.Serve{
		Store:              config.Store{Data: store.Dir, DatabaseURL: config.NewSecret(store.URL)},
		Addr:               "127.0.0.1:0",
		TransactionTimeout: 10 * time.Second,
	}}
	if testing.Verbose() {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	for _, option := range options {
		option(&o)
	}
	s := &Server{t: t, options: o, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	t.Cleanup(s.Stop)
	s.start()
	if _, err := s.App.CreateKey(t.Context(), app.NewKey{Key: Key, Manager: true}); err != nil {
		t.Fatal(err)
	}
	var tenants wire.TenantsResponse
	s.Call("GET", "/api/tenant", nil).Want(200).Decode(&tenants)
	s.Tenant = tenants.Tenants[0].ID
	return s
}

// Data is the folder of the server.
func (s *Server) Data() string { return s.options.Settings.Data }

// In is the same server for a subtest, which what goes wrong is reported to. It has its own Seen.
func (s *Server) In(t testing.TB) *Server {
	in := *s
	in.t = t
	return &in
}

func (s *Server) start() {
	s.t.Helper()
	var err error
	if s.App, err = app.New(s.t.Context(), s.options); err != nil {
		s.t.Fatal(err)
	}
	if err := s.App.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.URL = "http://" + s.App.Addr()
}

// Stop stops the server in good order. It may be called twice.
func (s *Server) Stop() { s.stop(20 * time.Second) }

// Cut stops the server without patience for deliveries under way.
func (s *Server) Cut() { s.stop(100 * time.Millisecond) }

func (s *Server) stop(patience time.Duration) {
	if s.App == nil {
		return
	}
	s.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.App.Stop(ctx); err != nil {
		s.t.Errorf("stop: %v", err)
	}
	s.App = nil
}

// Restart stops the server and starts another one on the same store.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.start()
}

// Answer is what came back from a call.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	t    testing.TB
	call string
}

// Call makes a request with the key Key, and fails the test unless the answer is as the OpenAPI document says. body is sent as JSON; a string or []byte as it is; nil sends none. header are pairs of name and
// value; they replace the usual ones.
func (s *Server) Call(method, path string, body any, header ...string) Answer {
	s.t.Helper()
	var data io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		data = strings.NewReader(b)
	case []byte:
		data = bytes.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		data = bytes.NewReader(encoded)
	}
	r, err := http.NewRequest(method, s.URL+path, data)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", Key)
	if data != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	s.documented(r, response, content)
	return Answer{response.StatusCode, response.Header, content, s.t, method + " " + path}
}

// documented fails the test when an answer is not as the OpenAPI document says.
func (s *Server) documented(r *http.Request, response *http.Response, content []byte) {
	s.t.Helper()
	err := openapitest.Check(r, response.StatusCode, response.Header, content)
	switch {
	case s.Odd && errors.Is(err, openapitest.ErrParameter), s.Broken && response.StatusCode == http.StatusInternalServerError:
	case err != nil:
		s.t.Errorf("the OpenAPI document: %v", err)
	}
}

// Want fails the test when the status is another one.
func (a Answer) Want(status int) Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s: status %d, want %d; body: %s", a.call, a.Status, status, a.Body)
	}
	return a
}

// Decode decodes the body into v.
func (a Answer) Decode(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		a.t.Fatalf("%s: %v in %s", a.call, err, a.Body)
	}
}

// Codes are the error codes of the body, field errors before general ones.
func (a Answer) Codes() []string {
	a.t.Helper()
	var e wire.Errors
	a.Decode(&e)
	var codes []string
	for _, all := range e.FieldErrors {
		for _, one := range all {
			codes = append(codes, one.Code)
		}
	}
	for _, one := range e.GeneralErrors {
		codes = append(codes, one.Code)
	}
	return codes
}

// WantCodes fails the test unless the request was refused with 400 and exactly these codes, in any order.
func (a Answer) WantCodes(want ...string) {
	a.t.Helper()
	got := a.Want(http.StatusBadRequest).Codes()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		a.t.Errorf("%s: codes %v, want %v", a.call, got, want)
	}
}

// Enable switches event types on for the default tenant, under the given transaction setting.
func (s *Server) Enable(rule wire.TransactionType, types ...string) {
	s.t.Helper()
	events := map[string]any{}
	for _, t := range types {
		events[t] = map[string]any{"enabled": true, "transactionType": rule}
	}
	s.Call("PATCH", "/api/tenant/"+string(s.Tenant), map[string]any{"tenant": map[string]any{"eventConfiguration": map[string]any{"events": events}}}).Want(200)
}

// KeyOf creates an API key that is bound to a tenant, and may do everything there.
func (s *Server) KeyOf(tenant wire.ID) string {
	s.t.Helper()
	var k wire.APIKeyResponse
	s.Call("POST", "/api/api-key", wire.APIKeyRequest{APIKey: wire.APIKey{Name: "of " + string(tenant), TenantID: tenant}}).Want(200).Decode(&k)
	return k.APIKey.Key
}

// Subscribe creates a global webhook for the types and returns its id. change, if given, edits it first.
func (s *Server) Subscribe(url string, types []string, change ...func(*wire.Webhook)) wire.ID {
	s.t.Helper()
	w := wire.Webhook{URL: url, Global: true, ConnectTimeout: 1000, ReadTimeout: 5000, EventsEnabled: wire.Map[bool]{}}
	for _, t := range types {
		w.EventsEnabled[t] = true
	}
	for _, edit := range change {
		edit(&w)
	}
	var response wire.WebhookResponse
	s.Call("POST", "/api/webhook", wire.WebhookRequest{Webhook: w}).Want(200).Decode(&response)
	return response.Webhook.ID
}

// Published are the events on record in order, each as "type result".
func (s *Server) Published() []string {
	s.t.Helper()
	return s.Strings(`SELECT type || ' ' || result FROM event WHERE NOT test ORDER BY sequence`)
}

// WantEvents fails the test unless exactly these events, in this order, are on record since the last call. what is what caused them.
func (s *Server) WantEvents(what string, want ...string) {
	s.t.Helper()
	all := s.Strings(`SELECT type FROM event ORDER BY sequence`)
	if got := all[s.Seen:]; !slices.Equal(got, want) {
		s.t.Errorf("%s published %v, want %v and no others", what, got, want)
	}
	s.Seen = len(all)
}

// Strings runs a query with one text column on the store.
func (s *Server) Strings(query string, args ...any) []string {
	s.t.Helper()
	var all []string
	err := s.App.Store().View(s.t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(query, args...)
		all, err = db.Collect(rows, err, func(rows *sql.Rows) (one string, err error) { return one, rows.Scan(&one) })
		return err
	})
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return all
}

// Settled waits until no delivery is pending, at most the given time.
func (s *Server) Settled(patience time.Duration) {
	s.t.Helper()
	s.Eventually(patience, "no delivery is pending", func() bool {
		return s.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE state IN ('pending', 'retrying')`)[0] == "0"
	})
}

// Eventually waits until the condition holds. It looks again and again, because what happens in the background of a whole
// server has no signal a test could wait for.
func (s *Server) Eventually(patience time.Duration, what string, holds func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			s.t.Fatalf("after %v it does not hold that %s", patience, what)
		}
	}
}

// Options are what the server was made with.
func (s *Server) Options() app.Options { return s.options }
