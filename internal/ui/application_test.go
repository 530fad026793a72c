package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "applications", path: "/admin/application"},
		screen{name: "application", path: "/admin/application/{application}"},
		screen{name: "application-built-in", path: "/admin/application/" + string(application.AdminID), prepare: tab("Roles")},
		screen{name: "application-edit", path: "/admin/application/{application}/edit"},
		screen{name: "application-edit-login", path: "/admin/application/{application}/edit", prepare: tab("Login")},
		screen{name: "application-delete", path: "/admin/application/{application}/delete"},
		screen{name: "role-add", path: "/admin/application/{application}/role/add"},
	)
}

func TestApplicationForm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/application", 200, "built-in")
		form := url.Values{
			"application.name": {""}, "application.loginConfiguration.requireAuthentication:bool": {"false"}, "application.jwtConfiguration.timeToLiveInSeconds:number": {"soon"},
			"application.oauthConfiguration.clientSecret:secret": {"hush-hush"}, "application.data:json": {`{"a":1}`}, "application.verificationStrategy": {"FormField"},
		}
		wrong := b.posts("/admin/application/add", form, 400, `id="application.name-error"`)
		if !strings.Contains(wrong, `id="application.jwtConfiguration.timeToLiveInSeconds-error"`) || strings.Contains(wrong, "hush-hush") {
			t.Errorf("the form:\n%s", wrong)
		}
		form.Set("application.name", "Shop")
		form.Set("application.jwtConfiguration.timeToLiveInSeconds:number", "60")
		_, _, to := b.send("POST", "/admin/application/add", form)
		id := idIn(t, to)
		load := func() wire.Application {
			var found wire.ApplicationResponse
			h.Call("GET", "/api/application/"+id, nil).Want(200).Decode(&found)
			return *found.Application
		}
		a := load()
		if a.Name != "Shop" || string(a.Extra["data"]) != `{"a":1}` || !strings.Contains(string(a.Extra["loginConfiguration"]), `"requireAuthentication":false`) ||
			!strings.Contains(string(a.Extra["oauthConfiguration"]), "hush-hush") {
			t.Errorf("created %+v", a)
		}
		entry := h.audited()
		if entry.Message != "Created the application "+id || strings.Contains(string(entry.NewValue), "hush-hush") || !strings.Contains(string(entry.NewValue), "Shop") {
			t.Errorf("audit log: %+v", entry)
		}
		if page := b.gets(to, 200, "The application was created.") + b.gets(to+"/edit", 200, `value="60"`); strings.Contains(page, "hush-hush") {
			t.Error("a secret comes back")
		}
		b.posts(to+"/edit", url.Values{"application.name": {"Store"}, "application.data:json": {`{"b":2}`}, "application.oauthConfiguration.clientSecret:secret": {""}}, 303, to)
		if a = load(); a.Name != "Store" || string(a.Extra["data"]) != `{"b":2}` || !strings.Contains(string(a.Extra["oauthConfiguration"]), "hush-hush") {
			t.Errorf("changed to %+v", a)
		}
		if entry = h.audited(); !strings.Contains(string(entry.OldValue), "Shop") || !strings.Contains(string(entry.NewValue), "Store") || strings.Contains(string(entry.OldValue), "hush-hush") {
			t.Errorf("audit log: %+v", entry)
		}

		b.posts(to+"/role/add", url.Values{"role.name": {""}}, 400, `id="role.name-error"`)
		b.posts(to+"/role/add", url.Values{"role.name": {"clerk"}, "role.isDefault:bool": {"false", "true"}}, 303, to+"#roles")
		b.posts(to+"/role/add", url.Values{"role.name": {"clerk"}}, 400, "already")
		if a = load(); len(a.Roles) != 1 || !a.Roles[0].IsDefault {
			t.Fatalf("roles %+v", a.Roles)
		}
		role := to + "/role/" + string(a.Roles[0].ID)
		b.posts(role+"/edit", url.Values{"role.name": {"seller"}, "role.isDefault:bool": {"false"}}, 303, to+"#roles")
		if entry = h.audited(); !strings.Contains(string(entry.OldValue), "clerk") || !strings.Contains(string(entry.NewValue), "seller") {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets(role+"/delete", 200, "taken from everybody")
		b.posts(role+"/delete", url.Values{}, 303, to+"#roles")
		b.gets(to+"/deactivate", 200, "Nobody can log in")
		b.posts(to+"/deactivate", url.Values{}, 303, to)
		if a = load(); a.Active || len(a.Roles) != 0 {
			t.Errorf("deactivated %+v", a)
		}
		b.posts(to+"/reactivate", url.Values{}, 303, to)
		b.gets(to+"/delete", 200, "No event says so")
		b.posts(to+"/delete", url.Values{}, 303, "/admin/application")
		h.Call("GET", "/api/application/"+id, nil).Want(404)

		builtIn := "/admin/application/" + string(application.AdminID)
		b.gets(builtIn, 200, "register a user with this application")
		b.posts(builtIn+"/delete", url.Values{}, 400, "cannot be deactivated or deleted")
		b.posts(builtIn+"/deactivate", url.Values{}, 400, "cannot be deactivated or deleted")
		b.gets(builtIn+"/delete", 400, "cannot be deactivated or deleted")

		manager := h.admin("application_manager", "application_deleter")
		if page := manager.gets(builtIn, 200, "Herald"); strings.Contains(page, "/edit") || strings.Contains(page, "/role/add") {
			t.Error("a manager is offered to change the built-in application")
		}
		var found wire.ApplicationResponse
		h.Call("GET", "/api/application/"+string(application.AdminID), nil).Want(200).Decode(&found)
		for _, path := range []string{"/edit", "/delete", "/deactivate", "/reactivate", "/role/add", "/role/" + string(found.Application.Roles[0].ID) + "/edit", "/role/" + string(found.Application.Roles[0].ID) + "/delete"} {
			manager.posts(builtIn+path, url.Values{"role.name": {"user_manager2"}, "role.isDefault:bool": {"true"}}, 403, "Only the role admin")
		}
		for _, path := range []string{"/edit", "/delete"} {
			b.posts(builtIn+"/role/"+string(found.Application.Roles[0].ID)+path, url.Values{"role.name": {"none"}}, 400, "by its name")
		}
		b.posts(builtIn+"/role/add", url.Values{"role.name": {"guest"}}, 303, builtIn+"#roles")
		manager.posts("/admin/application/add", url.Values{"application.name": {"Mine"}}, 303, "")
		h.admin("auditor").posts("/admin/application/add", url.Values{"application.name": {"Mine"}}, 403, "roles do not open")
	})
}
