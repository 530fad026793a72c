package app_test

import (
	"strconv"
	"testing"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
)

// TestLimits makes more requests than a server takes from one caller.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite, func(o *app.Options) { o.Settings.Limit.Login, o.Settings.Limit.Publish = 0.1, 0.2 })
	another := s.KeyOf(s.Tenant)
	for _, limited := range []struct {
		path string
		body object
		once int // so many requests may come at once
	}{
		{"/api/login", object{"loginId": "ada@example.com", "password": "wrong"}, 1},
		{"/api/event", object{"event": object{"type": "custom.nothing"}}, 2},
	} {
		for range limited.once {
			if a := s.Call("POST", limited.path, limited.body); a.Status == 429 {
				t.Errorf("%s: refused at once", limited.path)
			}
		}
		refused := s.Call("POST", limited.path, limited.body).Want(429)
		if codes := refused.Codes(); len(codes) != 1 || codes[0] != "[RateLimitedException]" {
			t.Errorf("%s: codes %v", limited.path, codes)
		}
		if seconds, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 10 {
			t.Errorf("%s: Retry-After %q", limited.path, refused.Header.Get("Retry-After"))
		}
		// Another key is another caller.
		if a := s.Call("POST", limited.path, limited.body, "Authorization", another); a.Status == 429 {
			t.Errorf("%s: another key is refused", limited.path)
		}
	}
	// Without a key the address counts, that of the client behind proxies, and on all these routes together; everything else is as it was.
	body := object{"code": "x"}
	from := func(address, path string) int {
		t.Helper()
		return s.Call("POST", path, body, "Authorization", "", "X-Forwarded-For", address).Status
	}
	for i, try := range []struct {
		address, path string
		refused       bool
	}{
		{"203.0.113.1", "/api/passwordless/login", false},
		{"203.0.113.1", "/api/passwordless/login", true},
		{"203.0.113.1", "/api/two-factor/login", true},
		{"203.0.113.2", "/api/passwordless/login", false},
		{"203.0.113.2", "/api/passwordless/login", true},
		{"2001:db8::1", "/api/two-factor/login", false},
	} {
		if status := from(try.address, try.path); (status == 429) != try.refused {
			t.Errorf("request %d, from %s: %d", i, try.address, status)
		}
	}
	for range 5 {
		s.Call("GET", "/api/tenant", nil).Want(200)
	}
}
