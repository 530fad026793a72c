package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func TestRoutes_Unknown(t *testing.T) {
	t.Parallel()
	h := once(t, Services{Tenancy: tenants{tenantA}})
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", 404},
		{"GET", "/api", 404},
		{"POST", "/api/nothing", 404},
		{"POST", "/api/api-key/", 404},
		{"POST", "/api//api-key", 404},
		{"GET", "/api/api-key/../health", 404},
		{"PUT", "/api/event", 405},
		{"POST", "/api/health", 405},
		{"PUT", "/api/system/version", 405},
		{"OPTIONS", "/api/api-key", 405},
	} {
		a := h.do(test.method, test.path, "")
		a.expect(t, test.want, "")
		if a.header.Get("Location") != "" || a.header.Get("Content-Type") != "" {
			t.Errorf("%s %s answers with %v", test.method, test.path, a.header)
		}
	}
}

// TestRoutes_Table keeps the table honest: permissions are the path without ids, and no row is open by mistake.
func TestRoutes_Table(t *testing.T) {
	t.Parallel()
	public := []string{
		"/api/health", "/api/tenant/password-validation-rules", "/api/tenant/password-validation-rules/{tenantId}", "/.well-known/jwks.json",
		"/api/two-factor/send/{twoFactorId}", "/api/two-factor/login", "/api/logout", "/api/passwordless/send", "/api/passwordless/login",
		"/api/jwt/refresh", "/api/jwt/validate", "/api/jwt/public-key", "/oauth2/token", "/oauth2/introspect",
		"/.well-known/openid-configuration", "/.well-known/openid-configuration/{tenantId}", "/api/openapi.json",
	}
	s := newServer(Services{})
	for _, row := range s.routes() {
		path := pathIDs.ReplaceAllString(strings.Replace(row.pattern, "{grant}", "grant", 1), "") // see entityRoutes
		if !strings.HasPrefix(path, row.permission) {
			t.Errorf("%s %s has the permission %s", row.method, row.pattern, row.permission)
		}
		if row.access == open && !slices.Contains(public, row.pattern) {
			t.Errorf("%s %s is open", row.method, row.pattern)
		}
		switch row.access {
		case open, optionalKey, userOrKey, userOrOpen, userOnly, tenantKey, globalKey, instanceKey, keyManager, metricsKey:
		default:
			t.Errorf("%s %s has no access kind", row.method, row.pattern)
		}
	}
}

func TestKeys_WhoMayCallWhat(t *testing.T) {
	each(t, tenants{tenantA, tenantB}, func(t *testing.T, h *herald) {
		get := wire.APIKeyPermissions{Endpoints: map[string][]string{"/probe": {"GET"}}}
		post := wire.APIKeyPermissions{Endpoints: map[string][]string{"/probe": {"POST"}}}
		keys := map[string]string{
			"super":       superKey,
			"none":        "",
			"unknown":     "unknown",
			"bearer":      "Bearer " + superKey,
			"get":         h.key(wire.APIKey{Permissions: get}),
			"post":        h.key(wire.APIKey{Permissions: post}),
			"tenant":      h.key(wire.APIKey{TenantID: tenantA}),
			"tenant get":  h.key(wire.APIKey{TenantID: tenantA, Permissions: get}),
			"tenant post": h.key(wire.APIKey{TenantID: tenantA, Permissions: post}),
		}
		for path, allowed := range map[string][]string{
			"/probe/accepted":                 {"super", "none", "unknown", "bearer", "get", "post", "tenant", "tenant get", "tenant post"},
			"/probe/object-of-a":              {"super", "get", "tenant", "tenant get"},
			"/probe/global":                   {"super", "get"},
			"/probe/instance":                 {"super", "get"},
			"/api/api-key/" + string(nowhere): {"super"},
		} {
			for name, key := range keys {
				a := h.do("GET", path, "", withKey(key))
				switch {
				case !slices.Contains(allowed, name):
					a.expect(t, 401, "")
				case a.status == 401:
					t.Errorf("%s is refused with the key %s", path, name)
				}
			}
		}
	})
}

func TestKeys_Expire(t *testing.T) {
	each(t, tenants{tenantA}, func(t *testing.T, h *herald) {
		soon := h.key(wire.APIKey{ExpirationInstant: wire.Instant(time.Now().Add(time.Hour).UnixMilli())})
		h.do("GET", "/api/system/version", "", withKey(soon)).expect(t, 200, `{"version":"1.2.3"}`)
		k, err := h.keys.Authenticate(t.Context(), soon)
		if err != nil {
			t.Fatal(err)
		}
		h.do("PATCH", "/api/api-key/"+string(k.ID()), `{"apiKey":{"expirationInstant":1}}`)
		h.do("GET", "/api/system/version", "", withKey(soon)).expect(t, 401, "")
	})
}

func TestTenant(t *testing.T) {
	each(t, tenants{tenantA, tenantB}, func(t *testing.T, h *herald) {
		ofA, ofNowhere := h.key(wire.APIKey{TenantID: tenantA}), h.keyOfNoTenant()
		for _, test := range []struct {
			name, key, header, path string
			status                  int
			want                    string
		}{
			{"several, none named", superKey, "", "tenant", 400, "[TenantIdRequired]"},
			{"header", superKey, string(tenantB), "tenant", 200, `{"got":"` + string(tenantB) + `"}`},
			{"header in upper case", superKey, strings.ToUpper(string(tenantB)), "tenant", 200, `{"got":"` + string(tenantB) + `"}`},
			{"unknown", superKey, string(nowhere), "tenant", 400, "[invalid]tenantId"},
			{"no UUID", superKey, "A", "tenant", 400, "[couldNotConvert]tenantId"},
			{"key", ofA, "", "tenant", 200, `{"got":"` + string(tenantA) + `"}`},
			{"key and its header", ofA, string(tenantA), "tenant", 200, `{"got":"` + string(tenantA) + `"}`},
			{"key and another header", ofA, string(tenantB), "tenant", 401, ""},
			{"key and an unknown header", ofA, string(nowhere), "tenant", 401, ""},
			{"key of a deleted tenant", ofNowhere, "", "tenant", 401, ""},

			{"object, no header", superKey, "", "object-of-a", 200, `{"got":"a"}`},
			{"object, its header", superKey, string(tenantA), "object-of-a", 200, `{"got":"a"}`},
			{"object, another header", superKey, string(tenantB), "object-of-a", 404, ""},
			{"object, unknown header", superKey, string(nowhere), "object-of-a", 404, ""},
			{"object, its key", ofA, "", "object-of-a", 200, `{"got":"a"}`},
			{"object, another key", ofNowhere, "", "object-of-a", 404, ""},
			{"shared object", ofNowhere, "", "shared-object", 200, `{"got":"shared"}`},

			{"global ignores the header", superKey, string(tenantA), "global", 200, `{"got":""}`},
			{"instance refuses the header", superKey, string(tenantA), "instance", 401, ""},
			{"instance without", superKey, "", "instance", 200, `{"got":""}`},
		} {
			t.Run(test.name, func(t *testing.T) {
				options := []option{withKey(test.key)}
				if test.header != "" {
					options = append(options, with(tenantHeader, test.header))
				}
				a := h.do("GET", "/probe/"+test.path, "", options...)
				if strings.HasPrefix(test.want, "[") {
					a.expectCodes(t, test.status, test.want)
					return
				}
				a.expect(t, test.status, test.want)
			})
		}
	})
}

func TestTenant_TheOnlyOneNeedsNoHeader(t *testing.T) {
	t.Parallel()
	h := once(t, Services{Tenancy: tenants{tenantB}})
	h.do("GET", "/probe/tenant", "").expect(t, 200, `{"got":"`+string(tenantB)+`"}`)
}

func TestPathID(t *testing.T) {
	t.Parallel()
	h := once(t, Services{Tenancy: tenants{tenantA}})
	h.do("GET", "/probe/id/"+strings.ToUpper(string(someID)), "").expect(t, 200, `{"got":"`+string(someID)+`"}`)
	for _, bad := range []string{"1", "%00", "%ff", "{" + string(someID) + "}", strings.ReplaceAll(string(someID), "-", ""), string(someID) + "0", "urn:uuid:" + string(someID)} {
		h.do("GET", "/probe/id/"+bad, "").expectCodes(t, 400, "[couldNotConvert]probeId")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"accepted":     {202, ""},
		"panic":        {500, ""},
		"broken":       {500, ""},
		"unencodable":  {500, ""},
		"unknown-kind": {500, ""},
		"not-found":    {404, ""},
		"conflict":     {409, `{"generalErrors":[{"code":"[retryableConflict]","message":"The thing was changed by another request at the same moment. Read it again and repeat your change."}]}`},
		"refused":      {504, `{"generalErrors":[{"code":"[WebhookTransactionException]","message":"no <b>"}]}`},
		"unavailable":  {503, `{"generalErrors":[{"code":"[busy]","message":"later"}]}`},
		"wrapped":      {400, `{"fieldErrors":{"a.b":[{"code":"[blank]a.b","message":"Say something."}]}}`},
	} {
		a := h.do("GET", "/probe/"+path, "")
		a.expect(t, want.status, want.body)
		if want.body != "" && a.header.Get("Content-Type") != "application/json;charset=UTF-8" {
			t.Errorf("%s has the type %q", path, a.header.Get("Content-Type"))
		}
	}
}

// TestErrors_EveryKindHasAStatus: a kind without one would be an internal error to the caller.
func TestErrors_EveryKindHasAStatus(t *testing.T) {
	t.Parallel()
	for _, kind := range []problem.Kind{
		problem.Invalid, problem.Unauthenticated, problem.NotFound, problem.Conflict, problem.TooLarge, problem.Refused, problem.Unavailable,
	} {
		if statusOf[kind].code == 0 {
			t.Errorf("%s has no status", kind)
		}
	}
}

func TestLog_OneLinePerRequestWithoutSecrets(t *testing.T) {
	t.Parallel()
	h := once(t, Services{Tenancy: tenants{tenantA}, Healthy: func(context.Context) error { return nil }})
	const secret = "s3cret"
	requests := []answerTo{
		h.do("GET", "/api/health", ""), // which is asked all the time
		h.do("GET", "/probe/query?text="+secret, ""),
		h.do("GET", "/probe/"+secret, "", withKey(secret)),
		h.do("GET", "/probe/query", "", withKey(secret)),
		h.do("POST", "/probe/echo", `{"webhook":{"url":{"a":"`+secret+`"}}}`),
		h.do("POST", "/probe/echo", `{"webhook":`+secret),
		h.do("POST", "/api/api-key", `{"apiKey":{"key":"`+secret+`"}}`),
		h.do("POST", "/api/api-key", `{"apiKey":{"key":"`+secret+`"}}`),
		h.do("PATCH", "/probe/echo", `[{"op":"`+secret+`","path":"/x","value":1}]`, with("Content-Type", typeJSONPatch)),
		h.do("GET", "/probe/broken", ""),
		h.do("GET", "/probe/panic", ""),
	}
	lines, text := h.log.next(t, len(requests))
	if len(h.log) > 0 {
		t.Error("there are more lines than requests")
	}
	ids := map[any]map[string]any{}
	for _, line := range lines {
		ids[line["request"]] = line
	}
	if strings.Contains(text, secret) || strings.Contains(text, superKey) {
		t.Errorf("the log holds a secret: %s", text)
	}
	for i, want := range []struct {
		level, method, route string
		status               int
		key                  bool
	}{
		{"DEBUG", "GET", "/api/health", 200, false},
		{"INFO", "GET", "/probe/query", 200, true},
		{"INFO", "GET", "", 404, false},
		{"INFO", "GET", "/probe/query", 401, false},
		{"INFO", "POST", "/probe/echo", 400, true},
		{"INFO", "POST", "/probe/echo", 400, true},
		{"INFO", "POST", "/api/api-key", 200, true},
		{"INFO", "POST", "/api/api-key", 400, true},
		{"INFO", "PATCH", "/probe/echo", 400, true},
		{"ERROR", "GET", "/probe/broken", 500, false},
		{"ERROR", "GET", "/probe/panic", 500, false},
	} {
		line := ids[requests[i].header.Get("X-Request-Id")]
		_, hasKey := line["key"]
		if line["level"] != want.level || line["method"] != want.method || line["route"] != want.route || hasKey != want.key ||
			requests[i].status != want.status || line["took"] == nil {
			t.Errorf("request %d: status %d, line %v", i, requests[i].status, line)
		}
	}
	if line := ids[requests[9].header.Get("X-Request-Id")]; line["error"] != "the hidden reason" {
		t.Errorf("the log does not say why: %v", line)
	}
	if line := ids[requests[10].header.Get("X-Request-Id")]; line["panic"] != "the hidden reason" || line["stack"] == nil {
		t.Errorf("the log does not say why: %v", line)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	healthy := once(t, Services{})
	healthy.do("GET", "/api/health", "", withKey("")).expect(t, 200, "")
	healthy.do("GET", "/api/status", "").expect(t, 200, `{"version":"1.2.3"}`)
	healthy.do("GET", "/api/system/version", "").expect(t, 200, `{"version":"1.2.3"}`)
	tenantOnly := healthy.key(wire.APIKey{TenantID: tenantA})
	healthy.do("GET", "/api/status", "", withKey(tenantOnly)).expect(t, 401, "")
	healthy.do("GET", "/api/system/version", "", withKey(tenantOnly)).expect(t, 200, `{"version":"1.2.3"}`)

	sick := once(t, Services{Healthy: func(context.Context) error { return errors.New("no database") }})
	sick.do("GET", "/api/health", "", withKey("")).expect(t, 500, "")
	sick.do("GET", "/api/status", "").expect(t, 452, "")
	if _, text := sick.log.next(t, 1); !strings.Contains(text, "no database") {
		t.Errorf("the log does not say why: %s", text)
	}
}

func TestHead_IsLikeGet(t *testing.T) {
	t.Parallel()
	h := once(t, Services{Tenancy: tenants{tenantA}})
	get := h.key(wire.APIKey{Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{"/probe": {"GET"}}}})
	h.do("HEAD", "/probe/tenant", "", withKey(get)).expect(t, 200, "")
}

func TestEventInfo(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	agent := with("User-Agent", "test/1")
	own := `{"ipAddress":"127.0.0.1","userAgent":"test/1","location":{}}`
	for name, test := range map[string]struct {
		body, forwarded, want string
	}{
		"nothing given":   {`{}`, "", own},
		"as the client":   {`{"eventInfo":{"location":{},"data":{}}}`, "", own},
		"forwarded":       {`{}`, " 203.0.113.7 , 10.0.0.1", `{"ipAddress":"203.0.113.7","userAgent":"test/1"}`},
		"with a port":     {`{}`, "203.0.113.7:1234", `{"ipAddress":"203.0.113.7","userAgent":"test/1"}`},
		"IPv6":            {`{}`, "2001:DB8::1", `{"ipAddress":"2001:db8::1","userAgent":"test/1"}`},
		"no address":      {`{}`, "<script>", own},
		"given":           {`{"eventInfo":{"deviceName":"phone"}}`, "203.0.113.7", `{"deviceName":"phone"}`},
		"given in depth":  {`{"eventInfo":{"location":{"city":"X"}}}`, "", `{"location":{"city":"X"}}`},
		"given only data": {`{"eventInfo":{"data":{"a":1}}}`, "", `{"data":{"a":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			want := strings.Replace(test.want, `,"location":{}`, "", 1)
			h.do("POST", "/probe/info", test.body, agent, with("X-Forwarded-For", test.forwarded)).expect(t, http.StatusOK, want)
		})
	}
}
