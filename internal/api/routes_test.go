package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/access"
)

func TestEndpoints(t *testing.T) {
	t.Parallel()
	all := Endpoints()
	for path, want := range map[string]string{
		"/api/webhook": "DELETE GET PATCH POST PUT", "/api/user/search": "GET POST PUT", "/api/status": "GET", "/api/message/template": "DELETE GET PATCH POST PUT", "/api/api-key": "DELETE GET PATCH POST PUT", "/.well-known/jwks.json": "", "": "",
	} {
		got := ""
		if at := slices.IndexFunc(all, func(e access.Endpoint) bool { return e.Path == path }); at >= 0 {
			got = strings.Join(slices.Sorted(slices.Values(all[at].Methods)), " ")
		}
		if got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
