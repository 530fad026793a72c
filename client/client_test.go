package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/wire"
)

const secret = "pl4nted-key"

// scripted is a server that answers with one after the other, the last one again and again, and a client of it.
func scripted(t *testing.T, o client.Options, answers ...http.HandlerFunc) (c *client.Client, calls *atomic.Int32) {
	t.Helper()
	calls = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[min(int(calls.Add(1)), len(answers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	o.URL, o.APIKey = s.URL, secret
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, calls
}

func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// What only reads is repeated, what changes something only when the server says that it has done nothing.
func TestRepeats(t *testing.T) {
	t.Parallel()
	version := answer(200, `{"version":"1"}`)
	read := func(c *client.Client) error { _, err := c.System.Version(t.Context()); return err }
	search := func(c *client.Client) error {
		_, err := c.Webhooks.Page(t.Context(), wire.WebhookSearch{})
		return err
	}
	change := func(c *client.Client) error { return c.Webhooks.Delete(t.Context(), "x") }
	for name, test := range map[string]struct {
		do      func(*client.Client) error
		answers []http.HandlerFunc
		retries int
		calls   int32
		fine    bool
	}{
		"read, hung up":                  {read, []http.HandlerFunc{hangUp, version}, 0, 2, true},
		"read, unavailable":              {read, []http.HandlerFunc{answer(503, ""), version}, 0, 2, true},
		"read, bad gateway":              {read, []http.HandlerFunc{answer(502, ""), version}, 0, 2, true},
		"read, failed":                   {read, []http.HandlerFunc{answer(500, "")}, 0, 1, false},
		"read, never":                    {read, []http.HandlerFunc{answer(503, "")}, 1, 2, false},
		"read, not wanted":               {read, []http.HandlerFunc{answer(503, ""), version}, -1, 1, false},
		"search, hung up":                {search, []http.HandlerFunc{hangUp, answer(200, `{}`)}, 0, 2, true},
		"change, hung up":                {change, []http.HandlerFunc{hangUp, answer(200, "")}, 0, 1, false},
		"change, unavailable":            {change, []http.HandlerFunc{answer(503, ""), answer(200, "")}, 0, 1, false},
		"change, bad gateway":            {change, []http.HandlerFunc{answer(502, ""), answer(200, "")}, 0, 1, false},
		"change, unavailable for a time": {change, []http.HandlerFunc{answer(503, "", "Retry-After", "1"), answer(200, "")}, 0, 2, true},
		"change, too many":               {change, []http.HandlerFunc{answer(429, "", "Retry-After", "1"), answer(200, "")}, 0, 2, true},
		"too long a time":                {read, []http.HandlerFunc{answer(503, "", "Retry-After", "3600")}, 0, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, calls := scripted(t, client.Options{Retries: test.retries}, test.answers...)
			if err := test.do(c); (err == nil) != test.fine {
				t.Errorf("the error is %v", err)
			}
			if calls.Load() != test.calls {
				t.Errorf("the server was called %d times, want %d", calls.Load(), test.calls)
			}
		})
	}
}

// Errors say what is wrong, are told apart, and hold no secret.
func TestErrors(t *testing.T) {
	t.Parallel()
	const refused = `{"generalErrors":[{"code":"[WebhookTransactionException]","message":"One or more webhooks returned an invalid response."}]}`
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		is     error
		says   string
	}{
		"invalid":    {answer(400, `{"fieldErrors":{"b":[{"code":"[b]b","message":"B."}],"a":[{"code":"[a]a","message":"A."}]},"generalErrors":[{"code":"[c]","message":"C."}]}`, "X-Request-Id", "r1"), client.ErrInvalid, "a: A. b: B. C. (request r1)"},
		"no key":     {answer(401, ""), client.ErrForbidden, "The API key is unknown, has expired or may not do this (401)."},
		"not there":  {answer(404, ""), client.ErrNotFound, "There is no such object (404)."},
		"conflict":   {answer(409, `{"generalErrors":[{"code":"[retryableConflict]","message":"Again."}]}`), client.ErrConflict, "Again."},
		"refused":    {answer(504, refused), client.ErrRefused, "One or more webhooks returned an invalid response."},
		"a proxy":    {answer(504, "<html>"), nil, "The server answered POST /api/webhook with 504 Gateway Timeout."},
		"a redirect": {answer(302, "", "Location", "/login"), nil, "The server answered POST /api/webhook with 302 Found."},
		"hung up":    {hangUp, client.ErrUnreachable, "cannot be reached"},
		"a page":     {answer(200, "<html>"), nil, "is there a Herald at this address?"},
		"nothing":    {answer(200, ""), nil, "is there a Herald at this address?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, client.Options{}, test.answer)
			_, err := c.Webhooks.Create(t.Context(), wire.Webhook{URL: "https://example.com"})
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
				t.Errorf("the error is %v, want %q", err, test.says)
			}
			for _, about := range []error{client.ErrInvalid, client.ErrForbidden, client.ErrNotFound, client.ErrConflict, client.ErrRefused, client.ErrUnreachable} {
				if errors.Is(err, about) != (about == test.is) {
					t.Errorf("that it is %q: %v", about, errors.Is(err, about))
				}
			}
		})
	}
	c, _ := scripted(t, client.Options{}, answer(503, "", "Retry-After", "20"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.System.Version(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a context that ends during a pause gives %v", err)
	}
	for _, url := range []string{"", "localhost:9011", "ftp://localhost", "http://", "http://me:" + secret + "@localhost", "http://localhost?key=" + secret, "http://[" + secret} {
		if _, err := client.New(client.Options{URL: url}); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// The whole client against the whole server, on both engines.
func TestAll(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		c, err := client.New(client.Options{URL: s.URL + "/", APIKey: apptest.Key})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		want := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}

		// Pages: every one once, however many there are.
		for i := range 7 {
			_, err := c.Webhooks.Create(ctx, wire.Webhook{URL: fmt.Sprintf("http://127.0.0.1:9/%d", i), Global: true, ConnectTimeout: 1, ReadTimeout: 1})
			want(err)
		}
		urls := map[string]bool{}
		for w, err := range c.Webhooks.List(ctx, wire.WebhookSearch{Page: wire.Page{NumberOfResults: 3}}) {
			want(err)
			urls[w.URL] = true
		}
		if len(urls) != 7 {
			t.Errorf("the list has %d webhooks, want 7", len(urls))
		}

		// Create with an id, load, patch, replace, delete.
		const id = "11111111-1111-4111-8111-111111111111"
		w, err := c.Webhooks.Create(ctx, wire.Webhook{
			ID: id, URL: "http://127.0.0.1:9/x", Description: "before", Global: true, ConnectTimeout: 1, ReadTimeout: 1, EventsEnabled: wire.Map[bool]{"user.create": true, "user.delete": true},
		})
		want(err)
		w, err = c.Webhooks.Patch(ctx, w.ID, map[string]any{"description": nil, "eventsEnabled": map[string]any{"user.create": nil}})
		want(err)
		if w.Description != "" || len(w.EventsEnabled) != 1 {
			t.Errorf("the patched webhook is %+v", w)
		}
		w.Description = "after"
		_, err = c.Webhooks.Replace(ctx, *w)
		want(err)
		w, err = c.Webhooks.Load(ctx, id)
		want(err)
		if w.Description != "after" {
			t.Errorf("the replaced webhook is %+v", w)
		}
		explained, err := c.Webhooks.Explain(ctx, id, "user.delete", s.Tenant)
		want(err)
		if explained.Receives {
			t.Error("an event that is off at the tenant is received")
		}
		_, err = c.Webhooks.Pause(ctx, id, "to see")
		want(err)
		_, err = c.Webhooks.Resume(ctx, id)
		want(err)
		tried, err := c.Webhooks.Test(ctx, id, wire.WebhookTestRequest{Type: "user.create"})
		want(err)
		if tried.Outcome == "accepted" {
			t.Error("a test to a closed port was accepted")
		}
		want(c.Webhooks.Delete(ctx, id))
		if _, err := c.Webhooks.Load(ctx, id); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("a deleted webhook gives %v", err)
		}

		// Tenants, users, logins.
		tenant, err := c.Tenants.SetEvent(ctx, s.Tenant, "user.create.complete", wire.EventSetting{Enabled: true})
		want(err)
		if !tenant.EventConfiguration.Events["user.create.complete"].Enabled {
			t.Error("the event was not switched on")
		}
		_, err = c.Webhooks.Create(ctx, wire.Webhook{URL: "http://127.0.0.1:9/all", Global: true, ConnectTimeout: 1, ReadTimeout: 1, EventsEnabled: wire.Map[bool]{"user.create.complete": true}})
		want(err)
		for i := range 5 {
			_, err := c.Users.Create(ctx, "", wire.UserRequest{User: wire.UserInput{User: wire.User{Email: fmt.Sprintf("u%d@example.com", i)}, Password: "correct horse"}})
			want(err)
		}
		users := 0
		for _, err := range c.Users.List(ctx, wire.UserSearch{Page: wire.Page{NumberOfResults: 2}, QueryString: "*"}) {
			want(err)
			users++
		}
		if users != 5 {
			t.Errorf("the list has %d users, want 5", users)
		}
		u, err := c.Users.ByLoginID(ctx, "u3@example.com")
		want(err)
		login, err := c.Users.Login(ctx, wire.LoginRequest{LoginID: "u3@example.com", Password: "correct horse"})
		want(err)
		if login.User == nil || login.User.ID != u.ID {
			t.Errorf("the login is that of %+v", login.User)
		}
		want(c.Users.Delete(ctx, u.ID, true))

		// Events and what is owed of them.
		events := 0
		var first wire.WebhookEventLog
		for e, err := range c.Events.List(ctx, wire.WebhookEventLogSearch{Page: wire.Page{NumberOfResults: 2}, EventType: "user.create.complete"}) {
			want(err)
			events, first = events+1, e
		}
		if events != 5 {
			t.Errorf("there are %d events on record, want 5", events)
		}
		on, err := c.Events.Load(ctx, first.ID)
		want(err)
		if len(on.Deliveries) != 1 {
			t.Errorf("the event has the deliveries %+v", on.Deliveries)
		}
		_, err = c.Deliveries.Cancel(ctx, first.ID, on.Deliveries[0].WebhookID)
		want(err)
		_, counted, err := c.Deliveries.ReplayAll(ctx, wire.DeliveryReplayRequest{Search: wire.DeliveryFilter{EventTypes: []string{"user.create.complete"}}, DryRun: true})
		want(err)
		if counted == nil || counted.Count != 1 {
			t.Errorf("a replay would send %+v, want 1", counted)
		}
		task, _, err := c.Deliveries.ReplayAll(ctx, wire.DeliveryReplayRequest{Search: wire.DeliveryFilter{EventTypes: []string{"user.create.complete"}}})
		want(err)
		if task == nil {
			t.Fatal("a replay is no task")
		}
		_, err = c.Deliveries.Task(ctx, task.ID)
		want(err)
		tasks := 0
		for _, err := range c.Deliveries.Tasks(ctx, wire.DeliveryTaskSearch{}) {
			want(err)
			tasks++
		}
		if tasks != 1 {
			t.Errorf("there are %d tasks, want 1", tasks)
		}

		// Keys.
		made, err := c.APIKeys.Create(ctx, wire.APIKey{Name: "mine", Retrievable: new(bool)})
		want(err)
		names := ""
		for k, err := range c.APIKeys.List(ctx) {
			want(err)
			names += k.Name + " "
			if k.Key != "" {
				t.Error("the list of API keys shows one")
			}
		}
		if !strings.Contains(names, "mine ") {
			t.Errorf("the API keys are %s", names)
		}
		want(c.APIKeys.Delete(ctx, made.ID))
		key, err := c.Keys.Generate(ctx, "", wire.KeyInput{Name: "signs", Algorithm: wire.ES256})
		want(err)
		set, err := c.Keys.JWKS(ctx)
		want(err)
		if !strings.Contains(string(set), key.KID) {
			t.Errorf("the key set is %s", set)
		}
		want(c.System.Healthy(ctx))

		// A key that ends with the process.
		text := s.App.LocalKey()
		local, err := client.New(client.Options{URL: s.URL, APIKey: text})
		want(err)
		_, err = local.System.Version(ctx)
		want(err)
		_, err = c.System.Version(ctx) // the keys in the store go on working beside it
		want(err)
		s.App.LocalKey()
		if _, err := local.System.Version(ctx); !errors.Is(err, client.ErrForbidden) {
			t.Errorf("a local key that was replaced gives %v", err)
		}
	})
}
