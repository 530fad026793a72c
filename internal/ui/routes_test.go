package ui_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/ui"
	"github.com/herald-events/herald/wire"
)

var pathValue = regexp.MustCompile(`\{\w+\}`)

// address is a route's, with the same for all that it is about.
func address(r ui.Route, value string) (method, path string) {
	method, path, _ = strings.Cut(r.Pattern, " ")
	return method, pathValue.ReplaceAllString(strings.TrimSuffix(path, "{$}"), value)
}

// nobody is an id that nothing has.
const nobody = "00000000-0000-4000-8000-00000000dead"

// stream is an address whose answer does not end.
const stream = "/admin/live/stream"

// export is an address that asks for more areas than its own, which no one role of theirs opens.
const export = "/admin/system/export"

// opens says which of the roles opens a route, as people are told: an auditor and a viewer see, a manager changes, and a deleter deletes where there
// is such a role.
func opens(r ui.Route, role string, all []string) bool {
	if r.Area == "" || role == "admin" {
		return true
	}
	deletes := slices.Contains(all, r.Area+"_deleter")
	switch r.Right {
	case "view":
		return role == "auditor" || role == r.Area+"_viewer" || role == r.Area+"_manager" || role == r.Area+"_deleter"
	case "delete":
		return deletes && role == r.Area+"_deleter" || !deletes && role == r.Area+"_manager"
	}
	return role == r.Area+"_manager"
}

// Every route asks for the role that its place in the table says, before it does anything else.
func TestRoutes_Rights(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.person("walker@example.com", "admin")
		var built wire.ApplicationResponse
		h.Call("GET", "/api/application/"+string(application.AdminID), nil).Want(200).Decode(&built)
		var roles []string
		for _, r := range built.Application.Roles {
			roles = append(roles, r.Name)
		}
		if len(roles) < 20 {
			t.Fatalf("%d roles", len(roles))
		}
		stranger, b := h.browser(), h.browser()
		routes := ui.Routes()
		refuses := map[string]int{} // by the pattern: to which role besides the auditor, as each of them takes long
		for i, r := range routes {
			method, path := address(r, nobody)
			status, body, to := stranger.send(method, path, nil)
			if asked := strings.HasPrefix(to, "/admin/sign-in?next="); asked == r.Open || status >= 500 {
				t.Errorf("%s %s of a stranger: %d to %q\n%s", method, path, status, to, body)
			}
			closed := slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return opens(r, role, roles) })
			if len(closed) > 0 {
				refuses[r.Pattern] = slices.Index(roles, closed[i%len(closed)])
			}
		}
		b.signIn("walker@example.com", password, 303, "/admin/")
		for i, role := range roles {
			h.Call("PUT", "/api/user/registration/"+string(id), map[string]any{
				"registration": map[string]any{"applicationId": application.AdminID, "roles": []string{role}},
			}).Want(200)
			for _, r := range routes {
				method, path := address(r, nobody)
				open := opens(r, role, roles) && (path != export || role == "auditor" || role == "admin")
				own := strings.HasPrefix(role, r.Area+"_") || role == "auditor" || role == "admin"
				if r.Area == "" || open && path == stream || open && (method == "POST" || !own) || !open && !own && refuses[r.Pattern] != i {
					continue
				}
				status, body, _ := b.send(method, path, nil)
				if open == (status == 403) || status >= 500 {
					t.Errorf("%s %s by %s: %d, and it is open: %v\n%.2000s", method, path, role, status, open, body)
				}
			}
		}
	})
}

// Whatever is in an address, a form or a cookie, the answer is never that something broke.
func TestRoutes_OddRequests(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.person("root@example.com", "admin")
		b := h.browser()
		b.signIn("root@example.com", password, 303, "/admin/")
		try := func(method, path string, form url.Values) {
			t.Helper()
			if status, body, _ := b.send(method, path, form); status >= 500 {
				t.Errorf("%s %.200s with %.200v: %d\n%.1500s", method, path, form, status, body)
			}
		}
		all := func(names []string, value string) url.Values {
			values := url.Values{}
			for _, name := range names {
				values[name] = []string{value, value}
			}
			return values
		}
		looked := []string{"text", "user", "from", "until", "at", "webhook", "application", "about", "messenger", "recipient", "template", "q"}
		names := append([]string{
			"range", "type", "state", "status", "tenant", "result", "tests", "kind", "method", "to", "part", "next", "token", "since", "which", "rate", "of", "locale", "id", "name", "show", "event",
			"gate", "rule", "step", "key.name", "samples", "value", "session", "proxies",
		}, looked...)
		for _, r := range ui.Routes() {
			method, path := address(r, nobody)
			if path == "/admin/sign-out" || path == stream {
				continue
			}
			if strings.Contains(r.Pattern, "/{") {
				for _, odd := range []string{"%00", "%ff", "..%2f..", strings.Repeat("a", 3000)} {
					_, path := address(r, odd)
					try(method, path, nil)
				}
			}
			if method == "POST" {
				try(method, path, all(names, "\x00\xff"))
				try(method, path, all(names, strings.Repeat("9", 30)))
				continue
			}
			try(method, path+"?"+all(names, "\x00\xff").Encode(), nil)
			try(method, path+"?%zz;=;&&", nil)
			try(method, path+"?"+all(names, strings.Repeat("9", 30)).Encode(), nil)
			if !strings.Contains(r.Pattern, "/{") {
				for _, name := range looked { // each by itself, as one that is refused may hide another
					try(method, path+"?"+all([]string{name}, `-1'"\%`).Encode(), nil)
				}
			}
		}
	})
}

// A tenant that is not there, any more or ever, narrows nothing: there may be no choice of tenants to undo it with.
func TestPreferences_TenantThatIsGone(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		home, err := url.Parse(h.URL + "/admin/")
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{nobody, "\x00", "x", strings.Repeat("x", 3000)} {
			b.client.Jar.SetCookies(home, []*http.Cookie{{Name: "herald_preferences", Value: url.Values{"tenant": {value}, "theme": {"dark"}}.Encode(), Path: "/admin/"}})
			for _, path := range []string{"/admin/user", "/admin/application", "/admin/log", "/admin/audit-log", "/admin/delivery", "/admin/message", "/admin/login-record", "/admin/find?q=root"} {
				page := b.gets(path, 200, `data-theme="dark"`)
				if path == "/admin/user" && !strings.Contains(page, "admin@example.com</a>") {
					t.Errorf("%.40q: nobody is there", value)
				}
			}
		}
		// What is no preference is not kept either.
		_, _, _ = b.send("POST", "/admin/preferences", url.Values{"theme": {strings.Repeat("x", 5000)}, "tenant": {nobody}, "time": {"utc"}, "next": {"/admin/"}})
		if kept := b.cookie("herald_preferences"); len(kept) > 200 || !strings.Contains(kept, "time=utc") {
			t.Errorf("kept: %.300q", kept)
		}
	})
}

// cookie is what the browser would send.
func (b *browser) cookie(name string) string {
	home, err := url.Parse(b.url + "/admin/")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(home) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Who was signed out meanwhile comes back to a page, never to the address of a button, and no page gets the form to sign in into its middle.
func TestSignedOutMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		b.posts("/admin/webhook/"+nobody+"/pause", url.Values{}, 303, "/admin/sign-in?next=%2Fadmin%2F")
		b.posts("/admin/webhook/"+nobody+"/edit", url.Values{}, 303, "/admin/sign-in?next=%2Fadmin%2Fwebhook%2F"+nobody+"%2Fedit")
		status, body, to := b.send("GET", "/admin/task/"+nobody, nil, "HX-Request", "true")
		if status != 200 || body != "" || to != "" {
			t.Errorf("a part: %d to %q with %q", status, to, body)
		}
		status, body, to = b.send("POST", "/admin/webhook/check", url.Values{}, "HX-Request", "true")
		if status != 200 || to != "" || !strings.Contains(body, "signed out") || strings.Contains(body, "<html") {
			t.Errorf("a part of a form: %d to %q with %q", status, to, body)
		}
	})
}

// A file that cannot be finished must not look whole: what aborts the answer gets through.
func TestProtect(t *testing.T) {
	t.Parallel()
	if err := ui.Protect(func() error { panic("x") }); err == nil || !strings.Contains(err.Error(), "panic: x") {
		t.Errorf("%v", err)
	}
	defer func() {
		if caught := recover(); caught != http.ErrAbortHandler {
			t.Errorf("%v", caught)
		}
	}()
	_ = ui.Protect(func() error { panic(http.ErrAbortHandler) })
}

// A filter that deliveries cannot be found by sends nothing again: without that condition it would mean all of them.
func TestReplay_OtherFilter(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		for _, query := range []string{"text=x&range=day", "status=500", "tests=none&type=user.create", "", "state=pending"} {
			status, _, to := b.send("POST", "/admin/replay?"+query, url.Values{})
			if status != 303 || to != "/admin/log?"+query {
				t.Errorf("%s: %d to %q", query, status, to)
			}
		}
		b.posts("/admin/replay?type=user.create", url.Values{"rate": {"soon"}}, 400, `href="#rate"`)
		if entry := h.audited(); strings.Contains(entry.Message, "again") {
			t.Errorf("audit log: %+v", entry)
		}
	})
}
