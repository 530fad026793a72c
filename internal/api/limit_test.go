package api

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimits_NameRoutes keeps the lists of limited routes from naming what is not there.
func TestLimits_NameRoutes(t *testing.T) {
	t.Parallel()
	var names []string
	for _, row := range newServer(Services{}).routes() {
		names = append(names, row.method+" "+row.pattern)
	}
	for _, limited := range slices.Concat(loginRoutes, publishRoutes) {
		if !slices.Contains(names, limited) {
			t.Errorf("there is no route %s", limited)
		}
	}
}

// TestLimits_WithoutKey holds every route that takes requests without a key to a limit, but for those that nobody gets in with.
func TestLimits_WithoutKey(t *testing.T) {
	t.Parallel()
	free := []string{
		"GET /.well-known/jwks.json", "GET /.well-known/openid-configuration", "GET /.well-known/openid-configuration/{tenantId}", "GET /api/jwt/public-key",
		"GET /api/health", "GET /api/openapi.json", "GET /api/tenant/password-validation-rules", "GET /api/tenant/password-validation-rules/{tenantId}",
		"GET /api/jwt/validate", "POST /oauth2/introspect", // of a token with a signature, which nobody guesses
		"POST /api/logout",
	}
	for _, row := range newServer(Services{}).routes() {
		name := row.method + " " + row.pattern
		keyless := row.access == open || row.access == optionalKey || row.access == userOrOpen
		if keyless && limited(row) == slices.Contains(free, name) {
			t.Errorf("%s needs no key, and is limited: %v", name, limited(row))
		}
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	if newLimiter(0, maxCallers) != nil {
		t.Error("a limit of 0 limits")
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(0.5, 3)
		for i := range 5 {
			if wait := l.wait("a", time.Now()); wait > 0 {
				t.Errorf("request %d of a burst has to wait %v", i, wait)
			}
		}
		if wait := l.wait("a", time.Now()); wait != 2*time.Second {
			t.Errorf("the next one has to wait %v", wait)
		}
		if wait := l.wait("b", time.Now()); wait > 0 {
			t.Errorf("somebody else has to wait %v", wait)
		}
		time.Sleep(2 * time.Second)
		if wait := l.wait("a", time.Now()); wait > 0 {
			t.Errorf("after the wait: %v", wait)
		}
		// However many come, few are remembered, and who keeps coming is one of them.
		for i := range 100 {
			_ = l.wait(fmt.Sprint(i), time.Now())
			if wait := l.wait("a", time.Now()); wait == 0 {
				t.Fatalf("the caller is forgotten after %d others", i)
			}
		}
		if remembered := len(l.newer) + len(l.older); remembered > 6 {
			t.Errorf("%d callers are remembered", remembered)
		}
	})
}
