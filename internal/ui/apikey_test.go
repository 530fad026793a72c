package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "api-keys", path: "/admin/api-key"},
		screen{name: "api-key", path: "/admin/api-key/{apiKey}"},
		screen{name: "api-key-add", path: "/admin/api-key/add"},
		screen{name: "api-key-edit", path: "/admin/api-key/{apiKey}/edit"},
		screen{name: "api-key-show", path: "/admin/api-key/{apiKey}/show"},
		screen{name: "api-key-text", path: "/admin/api-key/{apiKey}/show", prepare: func(p *uitest.Page, _ *stage) { p.Click("Show key").See("Keep it now") }},
	)
	furnishers = append(furnishers, func(s *stage) {
		manager, err := s.App.CreateKey(s.t.Context(), app.NewKey{Name: s.text("Terraform", 150), Manager: true})
		if err != nil {
			s.t.Fatal(err)
		}
		make := func(k wire.APIKey) wire.ID {
			var made wire.APIKeyResponse
			s.Call("POST", "/api/api-key", wire.APIKeyRequest{APIKey: k}, "Authorization", manager).Want(200).Decode(&made)
			return made.APIKey.ID
		}
		about := func(text string) wire.APIKeyMetaData {
			return wire.APIKeyMetaData{Attributes: map[string]string{"description": s.text(text, 10_000)}}
		}
		s.note("apiKey", string(make(wire.APIKey{
			Name: s.text("CRM", 150), MetaData: about("Reads customers every night"), TenantID: s.Tenant,
			ExpirationInstant: wire.Instant(time.Now().Add(12*24*time.Hour + time.Hour).UnixMilli()),
			Permissions:       wire.APIKeyPermissions{Endpoints: map[string][]string{"/api/user": {"GET"}, "/api/user/search": {"GET", "POST"}, "/api/" + s.text("theirs", 100): {"GET"}}},
		})))
		make(wire.APIKey{MetaData: about("Deployment")})
	})
}

func TestAPIKeys(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, viewer := h.admin(), h.admin("auditor")
		b.gets("/admin/api-key/add", 200, "Nothing ticked: this key may do everything.")
		b.gets("/admin/api-key/add", 200, `value="PATCH /api/webhook"`)
		form := url.Values{
			"fresh": {"8c1f9a52-76c1-4c8e-9a5e-4a7d6a0e6a11"}, "apiKey.name": {""}, "apiKey.retrievable:bool": {"false"}, "apiKey.expirationInstant:instant": {"soon"}, "apiKey.key:secret": {"hush hush "},
			"apiKey.metaData.attributes.description": {"Night job"}, "may": {"GET /api/user", "POST /api/user/search", "GET /api/none"},
		}
		b.posts("/admin/api-key/add", form, 400, "in UTC")
		form.Set("apiKey.expirationInstant:instant", "2037-01-31T12:30")
		page := b.posts("/admin/api-key/add", form, 400, `id="apiKey.name-error"`)
		if strings.Contains(page, "hush") || !strings.Contains(page, `id="apiKey.key-error"`) || !strings.Contains(page, `aria-label="GET /api/user" checked`) {
			t.Errorf("the form again:\n%s", page)
		}
		form.Set("apiKey.name", "Nights")
		form.Set("apiKey.key:secret", "hush-hush-hush")
		page = b.posts("/admin/api-key/add", form, 200, "It is not shown again.")
		if !strings.Contains(page, "hush-hush-hush") {
			t.Error("the key is not shown")
		}
		if entry := h.audited(); !strings.Contains(entry.Message, "Created the API key "+form.Get("fresh")) || !strings.Contains(string(entry.NewValue), "Night job") || strings.Contains(string(entry.NewValue), "hush") {
			t.Errorf("audit log: %+v", entry)
		}
		b.posts("/admin/api-key/add", form, 400, "already") // sent twice
		at := "/admin/api-key/" + form.Get("fresh")
		for _, path := range []string{"/admin/api-key", at, at + "/edit"} {
			if page := b.gets(path, 200, "Nights"); strings.Contains(page, "hush") {
				t.Errorf("%s shows the key", path)
			}
		}
		b.gets(at+"/show", 404, "nothing at this address")
		h.Call("GET", "/api/user?email=admin@example.com", nil, "Authorization", "hush-hush-hush").Want(http.StatusOK)
		h.Call("GET", "/api/webhook", nil, "Authorization", "hush-hush-hush").Want(http.StatusUnauthorized)

		edit := url.Values{"apiKey.name": {"Nightly"}, "may": {"GET /api/webhook"}}
		b.posts(at+"/edit", edit, 303, at)
		h.Call("GET", "/api/webhook", nil, "Authorization", "hush-hush-hush").Want(http.StatusOK)
		h.Call("GET", "/api/user?email=admin@example.com", nil, "Authorization", "hush-hush-hush").Want(http.StatusUnauthorized)
		if entry := h.audited(); !strings.Contains(string(entry.OldValue), "/api/user/search") || !strings.Contains(string(entry.NewValue), "Nightly") || strings.Contains(string(entry.NewValue), "hush") {
			t.Errorf("audit log: %+v", entry)
		}
		edit.Del("may")
		b.posts(at+"/edit", edit, 303, at)
		b.gets(at, 200, "this key may do everything")

		// One that can be shown again takes the password, and leaves a trace.
		page = b.posts("/admin/api-key/add", url.Values{"apiKey.retrievable:bool": {"true"}, "apiKey.keyManager:bool": {"true"}}, 200, "shown again with your password")
		id := page[strings.Index(page, `href="/admin/api-key/`+"0")+len(`href="/admin/api-key/`):][:36]
		h.ahead.Store(int64(11 * time.Minute))
		shown := "/admin/api-key/" + id + "/show"
		b.gets(shown, 200, "password-again")
		b.posts(shown, url.Values{"password-again": {"wrong"}}, 400, "enter the password you sign in with")
		b.posts(shown, url.Values{"password-again": {password}}, 200, "<code>")
		if entry := h.audited(); !strings.Contains(entry.Message, "Showed the API key "+id) {
			t.Errorf("audit log: %+v", entry)
		}
		viewer.gets(at, 200, "Nightly")
		for _, path := range []string{shown, at + "/edit", at + "/delete", "/admin/api-key/add"} {
			viewer.posts(path, url.Values{}, 403, "roles do not open")
		}
		b.posts(at+"/delete", url.Values{}, 303, "/admin/api-key")
		h.Call("GET", "/api/webhook", nil, "Authorization", "hush-hush-hush").Want(http.StatusUnauthorized)
	})
}

func TestBrowser_APIKey(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := typical(t)
	p := signIn(uitest.New(t, s.URL))
	p.Open("/admin/api-key").Click("Add API key").Type("Description", "By hand").Click("/api/group/search")
	var on int
	p.Eval(`document.querySelectorAll("[data-endpoint='/api/group/search']:checked").length`, &on)
	if on != 2 {
		t.Errorf("%d boxes of the row are ticked", on)
	}
	p.Click("Save").See("It can be shown again").Click("Done").See("/api/group/search")
}
