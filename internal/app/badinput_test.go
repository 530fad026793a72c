package app_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

// scene is a server with one of everything, so that bad input has something to break.
type scene struct {
	*apptest.Server
	other     wire.ID // a tenant
	user      string  // in the default tenant
	foreigner string  // a user of the other one
	hook      string
	keyID     string
	tenantKey string // bound to the other tenant
}

func newScene(t *testing.T, s *apptest.Server) *scene {
	t.Helper()
	c := &scene{Server: s, hook: hookID}
	s.Call("POST", "/api/webhook/"+hookID, fullHook(t, s.Tenant)).Want(200)
	var u wire.UserResponse
	s.Call("POST", "/api/user", `{"user":{"email":"one@example.com","username":"one","password":"a long password"}}`).Want(200).Decode(&u)
	c.user = string(u.User.ID)
	c.other = createTenant(s, "Other")
	s.Call("POST", "/api/user", user("two@example.com"), "X-FusionAuth-TenantId", string(c.other)).Want(200).Decode(&u)
	c.foreigner = string(u.User.ID)
	var k wire.APIKeyResponse
	s.Call("POST", "/api/api-key", wire.APIKeyRequest{APIKey: wire.APIKey{Name: "one", TenantID: c.other}}).Want(200).Decode(&k)
	c.keyID, c.tenantKey = string(k.APIKey.ID), k.APIKey.Key
	s.Call("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"a","message":"b"}}`).Want(200)
	s.Settled(patience)
	return c
}

// Everything that the issue calls bad input is refused with errors that name the member, and leaves nothing behind.
func TestBadInput_IsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		c := newScene(t, s)
		before := s.Rows()
		const webhook, user, tenant, key, audit = "/api/webhook", "/api/user", "/api/tenant", "/api/api-key", "/api/system/audit-log"
		hookWith := func(member string) string {
			return `{"webhook":{"url":"https://example.com","connectTimeout":1,"readTimeout":1,` + member + `}}`
		}
		inTenant := []string{"X-FusionAuth-TenantId", string(s.Tenant)}
		for _, try := range []struct {
			name, method, path, body string
			header                   []string
			status                   int
			codes                    string // separated by blanks, sorted; empty for an empty body
		}{
			{"malformed JSON", "POST", webhook, `{"webhook":`, nil, 400, "[invalidJSON]"},
			{"no JSON", "PUT", user + "/" + c.user, `user=1`, inTenant, 400, "[invalidJSON]"},
			{"two documents", "POST", tenant, `{"tenant":{"name":"x"}}{}`, nil, 400, "[invalidJSON]"},
			{"no body", "POST", tenant, ``, nil, 400, "[invalidJSON]"},
			{"an array", "POST", user, `[]`, inTenant, 400, "[invalidJSON]"},
			{"a member twice", "POST", tenant, `{"tenant":{"name":"x","name":"y"}}`, nil, 400, "[invalidJSON]"},
			{"not UTF-8", "POST", tenant, "{\"tenant\":{\"name\":\"\xff\"}}", nil, 400, "[invalidJSON]"},
			{"NUL", "POST", tenant, `{"tenant":{"name":"a\u0000b"}}`, nil, 400, "[invalidJSON]"},
			{"NUL as a member", "POST", user, `{"user":{"email":"x@example.com","password":"a long password","data":{"\u0000":1}}}`, inTenant, 400, "[invalidJSON]"},
			{"NUL, raw", "POST", tenant, "{\"tenant\":{\"name\":\"\x00\"}}", nil, 400, "[invalidJSON]"},
			{"deep nesting", "POST", user, `{"user":{"data":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000) + `}}`, inTenant, 400, "[invalidJSON]"},
			{"deep nesting that never ends", "POST", user, strings.Repeat(`[`, 1_000_000), inTenant, 400, "[invalidJSON]"},
			{"wrong Content-Type", "POST", tenant, `{"tenant":{"name":"x"}}`, []string{"Content-Type", "text/xml"}, 400, "[invalidContentType]"},
			{"no Content-Type", "POST", tenant, `{"tenant":{"name":"x"}}`, []string{"Content-Type", ""}, 400, "[invalidContentType]"},
			{"another character set", "POST", tenant, `{"tenant":{"name":"x"}}`, []string{"Content-Type", "application/json; charset=latin1"}, 400, "[invalidContentType]"},
			{"a patch that is none", "PATCH", webhook + "/" + c.hook, `{"webhook":{}}`, []string{"Content-Type", "application/json-patch+json"}, 400, "[invalidPatch]"},

			{
				"wrong types", "POST", user, `{"user":{"email":5,"birthDate":[],"data":"x","preferredLanguages":{}}}`, inTenant, 400,
				"[couldNotConvert]user.birthDate [couldNotConvert]user.data [couldNotConvert]user.email [couldNotConvert]user.preferredLanguages",
			},
			{"the wrapper of a wrong type", "POST", webhook, `{"webhook":"x"}`, nil, 400, "[couldNotConvert]webhook"},
			{"no wrapper", "POST", tenant, `{"name":"x"}`, nil, 400, "[blank]tenant.name"},
			{"a number out of range", "POST", webhook, hookWith(`"data":{},"signatureConfiguration":{"enabled":1e999}`), nil, 400, "[couldNotConvert]webhook.signatureConfiguration.enabled"},

			{"bad UUID in the path", "POST", user + "/123", `{"user":{"email":"x@example.com","password":"a long password"}}`, inTenant, 400, "[couldNotConvert]userId"},
			{"bad UUID in the body", "POST", webhook, hookWith(`"tenantIds":["{` + nowhere + `}"]`), nil, 400, "[couldNotConvert]webhook.tenantIds[0]"},
			{"bad UUID in the header", "POST", user, `{"user":{"email":"x@example.com","password":"a long password"}}`, []string{"X-FusionAuth-TenantId", "x"}, 400, "[couldNotConvert]tenantId"},
			{"bad number in the path", "GET", audit + "/99999999999999999999", ``, nil, 400, "[couldNotConvert]auditLogId"},

			{"an event that does not exist, in a webhook", "POST", webhook, hookWith(`"eventsEnabled":{"user.nothing":true}`), nil, 400, "[invalid]webhook.eventsEnabled"},
			{"an event that does not exist, in a tenant", "PATCH", tenant + "/" + string(c.other), `{"tenant":{"eventConfiguration":{"events":{"user.nothing":{"enabled":true}}}}}`, nil, 400, "[invalid]tenant.eventConfiguration.events"},
			{"a transaction setting that does not exist", "PATCH", tenant + "/" + string(c.other), `{"tenant":{"eventConfiguration":{"events":{"user.create":{"enabled":true,"transactionType":"Most"}}}}}`, nil, 400, "[invalid]tenant.eventConfiguration.events"},

			{"a webhook's id twice", "POST", webhook + "/" + c.hook, hookWith(`"global":true`), nil, 400, "[duplicate]webhookId"},
			{"a tenant's id twice", "POST", tenant + "/" + string(c.other), `{"tenant":{"name":"x"}}`, nil, 400, "[duplicate]tenantId"},
			{"a tenant's name twice", "POST", tenant, `{"tenant":{"name":"OTHER"}}`, nil, 400, "[duplicate]tenant.name"},
			{"a key's name twice", "POST", key, `{"apiKey":{"name":"one"}}`, nil, 400, "[duplicate]apiKey.name"},
			{"a user's id twice", "POST", user + "/" + c.user, `{"user":{"email":"x@example.com","password":"a long password"}}`, inTenant, 400, "[duplicate]userId"},

			{"an unknown tenant in the header", "POST", user, `{"user":{"email":"x@example.com","password":"a long password"}}`, []string{"X-FusionAuth-TenantId", nowhere}, 400, "[invalid]tenantId"},
			{"no tenant among several", "POST", user, `{"user":{"email":"x@example.com","password":"a long password"}}`, nil, 400, "[TenantIdRequired]"},
			{"an unknown tenant in a webhook", "POST", webhook, hookWith(`"tenantIds":["` + nowhere + `"]`), nil, 400, "[invalid]webhook.tenantIds"},
			{"an unknown tenant in a key", "POST", key, `{"apiKey":{"tenantId":"` + nowhere + `"}}`, nil, 400, "[invalid]apiKey.tenantId"},
			{"an unknown webhook in a tenant", "POST", tenant, `{"tenant":{"name":"x"},"webhookIds":["` + nowhere + `"]}`, nil, 400, "[invalid]webhookIds"},

			{"PEM that is none", "POST", webhook, hookWith(`"sslCertificate":"-----BEGIN CERTIFICATE-----"`), nil, 400, "[invalid]webhook.sslCertificate"},
			{"negative timeouts", "POST", webhook, `{"webhook":{"url":"https://example.com","connectTimeout":-1,"readTimeout":-1}}`, nil, 400, "[invalid]webhook.connectTimeout [invalid]webhook.readTimeout"},
			{"a line break in a header", "POST", webhook, hookWith(`"headers":{"X-A":"1\r\nX-B: 2"}`), nil, 400, "[invalid]webhook.headers"},
			{"a line break in a header's name", "POST", webhook, hookWith(`"headers":{"X-A: 1\r\nX-B":"2"}`), nil, 400, "[invalid]webhook.headers"},
			{"a header that is ours", "POST", webhook, hookWith(`"headers":{"transfer-encoding":"chunked"}`), nil, 400, "[invalid]webhook.headers"},
			{"a line break in a password", "POST", webhook, hookWith(`"httpAuthenticationUsername":"a","httpAuthenticationPassword":"b\r\nX-B: 2"`), nil, 400, "[invalid]webhook.httpAuthenticationPassword"},
			{"a file as a URL", "POST", webhook, `{"webhook":{"url":"file:///etc/passwd","connectTimeout":1,"readTimeout":1}}`, nil, 400, "[invalid]webhook.url"},
			{"a script as a URL", "POST", webhook, `{"webhook":{"url":"javascript:alert(1)","connectTimeout":1,"readTimeout":1}}`, nil, 400, "[invalid]webhook.url"},
			{"a path as a URL", "POST", webhook, `{"webhook":{"url":"//example.com/x","connectTimeout":1,"readTimeout":1}}`, nil, 400, "[invalid]webhook.url"},
			{"a URL with a line break", "POST", webhook, `{"webhook":{"url":"http://example.com/ HTTP/1.1\r\nX: y","connectTimeout":1,"readTimeout":1}}`, nil, 400, "[invalid]webhook.url"},
			{"a URL with a password", "POST", webhook, `{"webhook":{"url":"http://a:b@example.com","connectTimeout":1,"readTimeout":1}}`, nil, 400, "[invalid]webhook.url"},

			{"a user of another tenant, read", "GET", user + "/" + c.foreigner, ``, inTenant, 404, ""},
			{"a user of another tenant, changed", "PATCH", user + "/" + c.foreigner, `{"user":{"firstName":"x"}}`, inTenant, 404, ""},
			{"a user of another tenant, deleted", "DELETE", user + "/" + c.foreigner + "?hardDelete=true", ``, inTenant, 404, ""},
			{"a user of another tenant, by a tenant's key", "PATCH", user + "/" + c.user, `{"user":{"firstName":"x"}}`, []string{"Authorization", c.tenantKey}, 404, ""},
			{"another tenant, by a tenant's key", "GET", tenant + "/" + string(s.Tenant), ``, []string{"Authorization", c.tenantKey}, 404, ""},
			{"the header of another tenant, by a tenant's key", "GET", user + "/" + c.user, ``, []string{"Authorization", c.tenantKey, "X-FusionAuth-TenantId", string(s.Tenant)}, 401, ""},

			{"an unknown user", "PUT", user + "/" + nowhere, `{"user":{"email":"x@example.com"}}`, nil, 404, ""},
			{"an unknown webhook", "PUT", webhook + "/" + nowhere, hookWith(`"global":true`), nil, 404, ""},
			{"an unknown key", "PUT", key + "/" + nowhere, `{"apiKey":{"name":"x"}}`, nil, 404, ""},
			{"an unknown path", "GET", "/api/nothing", ``, nil, 404, ""},
			{"a path beside the API", "GET", "/../../etc/passwd", ``, nil, 404, ""},
			{"a method that is none of the path's", "PUT", webhook, hookWith(`"global":true`), nil, 405, ""},
			{"a bad query", "GET", webhook + "/search?%zz", ``, nil, 400, "[invalidQuery]"},
			{"NUL in the query", "GET", user + "?email=%00", ``, inTenant, 400, "[invalid]email"},
			{"no UTF-8 in the query", "GET", webhook + "/search?url=%ff", ``, nil, 400, "[invalid]url"},
			{"nothing to log", "POST", audit, `{"auditLog":{}}`, nil, 400, "[blank]auditLog.insertUser [blank]auditLog.message"},
		} {
			var body any
			if try.method != "GET" && try.body != "" {
				body = try.body
			}
			a := s.Call(try.method, try.path, body, try.header...)
			codes := ""
			if len(a.Body) > 0 {
				all := a.Codes()
				slices.Sort(all)
				codes = strings.Join(all, " ")
			}
			if a.Status != try.status || codes != try.codes {
				t.Errorf("%s: %d %s, want %d %s; body: %.500s", try.name, a.Status, codes, try.status, try.codes, a.Body)
			}
		}
		s.Unchanged(before)
	})
}

// A body that is too large is refused wherever it goes, before anybody reads it.
func TestBadInput_TenMegabytes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		before := s.Rows()
		body := []byte(`{"tenant":{"name":"` + strings.Repeat("x", 10<<20) + `"}}`)
		for _, call := range [][2]string{
			{"POST", "/api/tenant"},
			{"PUT", "/api/tenant/" + string(s.Tenant)},
			{"PATCH", "/api/webhook/" + nowhere},
			{"POST", "/api/webhook/" + nowhere + "/test"},
			{"DELETE", "/api/user/bulk"},
			{"POST", "/api/user/search"},
		} {
			if a := s.Call(call[0], call[1], body).Want(413); !slices.Equal(a.Codes(), []string{"[bodyTooLarge]"}) {
				t.Errorf("%s %s: %s", call[0], call[1], a.Body)
			}
		}
		// Without a key nobody learns even that.
		s.Call("POST", "/api/tenant", body[:1<<20], "Authorization", "nobody").Want(401)
		s.Unchanged(before)
	})
}

// routes are all rows of the API's table, read from its source so that a new one cannot be forgotten here.
func routes(t *testing.T) (all [][2]string) {
	t.Helper()
	files, err := filepath.Glob("../api/*.go")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`\{"([A-Z]+)", "(/api/[^"]*)", `)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range row.FindAllStringSubmatch(string(source), -1) {
			all = append(all, [2]string{m[1], m[2]})
		}
	}
	if len(all) < 45 {
		t.Fatalf("%d routes were found; has the table another form?", len(all))
	}
	return all
}

// Whatever is thrown at any route, the answer is not a 500, and nothing is stored.
func TestBadInput_EveryRoute(t *testing.T) {
	t.Parallel()
	wrappers := []string{"webhook", "tenant", "user", "apiKey", "auditLog", "search", "criteria", "event", "userIds", "userAction", "userActionReason", "action", "sourceTenantId", "sourceKeyId", "applicationId", "listener"}
	// Each is refused by whoever reads it: either it is no JSON, or every object of the API in it is of a wrong kind.
	var bodies []string
	for _, value := range []string{`5`, `"text"`, `[1]`, `true`, `{"id":{},"name":[],"url":{},"email":{},"insertUser":{},"ids":5,"orderBy":[],"key":{}}`} {
		var members []string
		for _, name := range wrappers {
			members = append(members, `"`+name+`":`+value)
		}
		bodies = append(bodies, `{`+strings.Join(members, ",")+`}`)
	}
	bodies = append(
		bodies, "", "{", "\x00", "\xff\xfe", `""`, `[]`, `5`, `nul`, `{"a":"\u0000"}`, "{\"a\":\"\xed\xa0\x80\"}", strings.Repeat("[", 10_000),
		strings.Repeat(`{"a":`, 200)+`1`+strings.Repeat(`}`, 200), `{"a":1,"a":2}`, `{"a":1e`, "\ufeff{}", strings.Repeat(" ", 100_000),
		`{"a":`+strings.Repeat("9", 100_000), `[{"op":"add"}]`, `[{"op":"copy","from":"/nowhere","path":"/a"}]`, `null`,
	)
	ids := []string{
		nowhere, "x", "00000000-0000-0000-0000-000000000000", "%00", "%ff", "..%2f..", "%27%20OR%201%3D1", "-1", "9223372036854775808", "1e9", "null",
		strings.Repeat("f", 4000), "%F0%9F%92%A9", "{" + nowhere + "}", "search", "bulk",
	}
	queries := []string{
		"numberOfResults=-1", "numberOfResults=99999999999999999999", "startRow=9223372036854775807", "orderBy=" + strings.Repeat("id,", 5000), "orderBy='--", "%zz", "a=%00",
		"a=%ff", "email=%2500&username=x&loginId=x&loginIdTypes=x", "url=" + strings.Repeat("*a", 20_000), "message=" + strings.Repeat("*", 40_001) + "&queryString=" + strings.Repeat("a", 9_000),
		"name=" + strings.Repeat("%25", 5_000), "start=9223372036854775807&end=-9223372036854775808", "tenantId=x&applicationId=x", "hardDelete=maybe", "async=maybe&reactivate=maybe",
		"ids=x", "ids=" + strings.Repeat(nowhere+"&ids=", 500) + nowhere, "queryString=" + strings.Repeat("a", 60_000), "zoneId=../../etc/passwd&dateTimeSecondsFormat=" + strings.Repeat("y", 500),
	}
	path := regexp.MustCompile(`\{[a-zA-Z]+\}`)
	all := routes(t)
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		c := newScene(t, s)
		s.Odd = true
		before := s.Rows()
		check := func(a apptest.Answer, what string, route [2]string) {
			t.Helper()
			if a.Status >= 500 || a.Status < 200 {
				t.Errorf("%s %s with %.200q: status %d %s", route[0], route[1], what, a.Status, a.Body)
			}
		}
		// What is read and refused is the same on both engines; what gets past that and upsets a database does so on PostgreSQL, which takes less. So all
		// routes are tried there, and a third of them on SQLite.
		sample := s.App.Store().Engine() == db.SQLite && len(dbtest.Engines()) > 1
		for i, r := range all {
			if sample && i%3 != 0 {
				continue
			}
			if strings.HasSuffix(r[1], "/pause") || strings.HasSuffix(r[1], "/resume") {
				continue // need no body, so with the id of a real webhook they do what they say
			}
			at := func(id string) string { return path.ReplaceAllString(r[1], id) }
			if r[0] != "GET" {
				for _, body := range bodies {
					a := s.Call(r[0], at(nowhere), body)
					check(a, body, r)
					kind := "application/json-patch+json"
					if len(body)%2 == 0 {
						kind = "application/merge-patch+json; x=" + `"`
					}
					if r[0] != "DELETE" { // which takes no body and would succeed
						check(s.Call(r[0], at(c.hook), body, "Content-Type", kind), body, r)
					}
				}
			}
			for _, id := range ids {
				if at(id) == r[1] {
					break
				}
				var body any
				if r[0] != "GET" {
					body = bodies[0]
				}
				check(s.Call(r[0], at(id), body), id, r)
			}
			for _, query := range queries {
				var body any
				if r[0] != "GET" {
					body = bodies[1]
				}
				check(s.Call(r[0], at(nowhere)+"?"+query, body), query, r)
			}
		}
		s.Unchanged(before)
		s.Call("GET", "/api/health", nil).Want(200)
	})
}

// Texts that are valid but extreme are kept as they are, or refused; never a 500.
func TestBadInput_ExtremeTexts(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var created wire.UserResponse
		s.Call("POST", "/api/user", user("extreme@example.com")).Want(200).Decode(&created)
		id := string(created.User.ID)
		for i, text := range []string{
			strings.Repeat("x", 5000), "💩\u202e\ufeff\u2028", "\u0001\u001f\u007f\u0085", "' OR ''='", `\`, `%_*`, "\uFFFD", strings.Repeat("ﷺ", 500), "<script>", "İI\u0307ß",
		} {
			for route, body := range map[string]any{
				"/api/tenant":                  map[string]any{"tenant": map[string]any{"name": text, "data": map[string]any{text: text}}},
				"/api/webhook":                 map[string]any{"webhook": map[string]any{"url": "https://example.com/" + text, "description": text, "connectTimeout": 1, "readTimeout": 1, "headers": map[string]any{"X-A": text}, "data": map[string]any{text: text}}},
				"/api/api-key":                 map[string]any{"apiKey": map[string]any{"name": text, "key": "a key " + text, "permissions": map[string]any{"endpoints": map[string]any{text: []any{text}}}, "metaData": map[string]any{"attributes": map[string]any{text: text}}}},
				"/api/system/audit-log":        map[string]any{"auditLog": map[string]any{"insertUser": text, "message": text, "reason": text, "oldValue": text, "data": map[string]any{text: text}}},
				"/api/webhook/search":          map[string]any{"search": map[string]any{"url": text, "description": text, "orderBy": text}},
				"/api/user/search":             map[string]any{"search": map[string]any{"queryString": text, "sortFields": slices.Repeat([]any{map[string]any{"name": "email", "order": "asc"}}, 100*i), "orderBy": text}},
				"/api/tenant/search":           map[string]any{"search": map[string]any{"name": text, "orderBy": text}},
				"/api/system/audit-log/search": map[string]any{"search": map[string]any{"message": text, "user": text, "reason": text, "oldValue": text, "newValue": text}},
				"/api/system/event-log/search": map[string]any{"search": map[string]any{"message": text, "type": text}},
			} {
				tenant := fmt.Sprintf("/api/tenant/%08d-0000-4000-8000-000000000000", i)
				if route == "/api/tenant" {
					route = tenant
				}
				a := s.Call("POST", route, body, "X-FusionAuth-TenantId", string(s.Tenant))
				if route == "/api/tenant/search" {
					a = s.Call("POST", route, body)
				}
				if a.Status >= 500 {
					t.Errorf("POST %s with %.40q: status %d %s", route, text, a.Status, a.Body)
				}
			}
			// One user after another would only show how slow the hashing of a password is.
			change := map[string]any{"email": text + "@example.com", "username": text, "firstName": text, "fullName": text, "data": map[string]any{text: text}}
			for name, value := range change {
				a := s.Call("PATCH", "/api/user/"+id, map[string]any{"user": map[string]any{name: value}}, "X-FusionAuth-TenantId", string(s.Tenant))
				if a.Status != 200 && a.Status != 400 {
					t.Errorf("a user's %s as %.40q: status %d %s", name, text, a.Status, a.Body)
				}
			}
			for _, parameter := range []string{"email", "username", "loginId"} {
				if a := s.Call("GET", "/api/user?"+url.Values{parameter: {text[:min(len(text), 2000)]}}.Encode(), nil, "X-FusionAuth-TenantId", string(s.Tenant)); a.Status >= 500 {
					t.Errorf("looking for the %s %.40q: status %d %s", parameter, text, a.Status, a.Body)
				}
			}
		}
	})
}

// A caller that says nonsense on the level of HTTP gets an answer, and the server lives on.
func TestBadInput_NoHTTP(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		before := s.Rows()
		for _, text := range []string{
			"hello\r\n\r\n", "POST /api/tenant HTTP/1.1\r\nHost: x\r\nAuthorization: " + apptest.Key + "\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n",
			"POST /api/tenant HTTP/1.1\r\nHost: x\r\nAuthorization: " + apptest.Key + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
			"GET /api/health HTTP/1.1\r\n\r\n", "GET /api/health HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n",
		} {
			c, err := net.Dial("tcp", s.App.Addr())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write([]byte(text))
			answer := make([]byte, 12)
			n, _ := c.Read(answer)
			if got := string(answer[:n]); !strings.HasPrefix(got, "HTTP/1.1 4") {
				t.Errorf("%.40q: %q", text, got)
			}
			_ = c.Close()
		}
		s.Unchanged(before)
		s.Call("GET", "/api/health", nil).Want(200)
	})
}
