package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Keys that sign belong to no tenant, so only keys of the whole installation manage them; the public key set is for everybody.
func TestSigningKeys_WhoMayDoWhat(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	sealer := key.NewSealer(make([]byte, key.Size))
	tenants := tenant.New(d, sealer)
	if err := tenants.Bootstrap(t.Context(), tenantA); err != nil {
		t.Fatal(err)
	}
	h := &herald{t: t, keys: access.New(d, sealer, time.Now, tenants.ExistsIn)}
	s := newServer(Services{Keys: h.keys, Tenancy: tenants, Tenants: tenants, Applications: applicationsOf(t, d, tenants), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	server := httptest.NewServer(s.handler(s.signingKeyRoutes(key.NewService(d, sealer, nowhere))))
	t.Cleanup(server.Close)
	h.url = server.URL
	h.key(wire.APIKey{Key: superKey})
	h.key(wire.APIKey{Key: "of a tenant", TenantID: tenantA})
	h.key(wire.APIKey{Key: "may generate", Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{"/api/key/generate": {"POST"}}}})

	one := "/" + string(someID)
	body := `{"key":{"name":"K","algorithm":"HS256","secret":"s"}}`
	for _, call := range []string{
		"GET /api/key", "GET /api/key" + one, "PUT /api/key" + one, "DELETE /api/key" + one, "POST /api/key/generate", "POST /api/key/generate" + one,
		"POST /api/key/import", "POST /api/key/import" + one, "GET /api/key/search", "POST /api/key/search",
	} {
		method, path, _ := strings.Cut(call, " ")
		sent := body
		if method == "GET" || method == "DELETE" {
			sent = ""
		}
		for _, who := range []string{"", "unknown", "of a tenant", "may generate"} {
			if who == "may generate" && strings.Contains(path, "generate") {
				continue
			}
			h.do(method, path, sent, withKey(who)).expect(t, 401, "")
		}
	}
	h.do("POST", "/api/key/generate"+one, `{"key":{"name":"K","algorithm":"ES256"}}`, withKey("may generate")).has(t, 200, `"issuer":"acme.com"`)
	// The tenant header means nothing here.
	h.do("GET", "/api/key"+one, "", with(tenantHeader, string(nowhere))).has(t, 200, `"kid"`)
	h.do("GET", "/.well-known/jwks.json", "", withKey("")).has(t, 200, `"kty":"EC"`)
	h.do("HEAD", "/.well-known/jwks.json", "", withKey("")).expect(t, 200, "")
	for _, call := range []string{"POST /.well-known/jwks.json", "DELETE /.well-known/jwks.json", "PATCH /api/key" + one, "POST /api/key" + one, "GET /api/key/generate", "DELETE /api/key/import", "PUT /api/key/search"} {
		method, path, _ := strings.Cut(call, " ")
		h.do(method, path, "").expect(t, http.StatusMethodNotAllowed, "")
	}
	for _, path := range []string{"/.well-known", "/.well-known/", "/.well-known/openid-configuration", "/api/key/generate/x/y"} {
		h.do("GET", path, "").expect(t, 404, "")
	}
	h.do("GET", "/api/key/not-an-id", "").expectCodes(t, 400, "[couldNotConvert]keyId")
}

// has fails unless the answer has the status and the text somewhere in its body.
func (a answerTo) has(t *testing.T, status int, text string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		t.Errorf("status %d, body %s; want %d and %s", a.status, a.body, status, text)
	}
}
