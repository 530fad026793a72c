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
	s := apptest.Start(t, db.SQLite, func(o *app.Options) { o.Settings.Limit.Login, o.Settings.Limit.Publish = 0.1, 0.1 })
	another := s.KeyOf(s.Tenant)
	for _, limited := range []struct {
		path string
		body object
	}{
		{"/api/login", object{"loginId": "ada@example.com", "password": "wrong"}},
		{"/api/event", object{"event": object{"type": "custom.nothing"}}},
	} {
		s.Call("POST", limited.path, limited.body)
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
	// Without a key the address counts; everything else is as it was.
	body := object{"code": "x"}
	s.Call("POST", "/api/passwordless/login", body, "Authorization", "")
	s.Call("POST", "/api/passwordless/login", body, "Authorization", "").Want(429)
	for range 5 {
		s.Call("GET", "/api/tenant", nil).Want(200)
	}
}
