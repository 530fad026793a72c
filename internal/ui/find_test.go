package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "find", path: "/admin/find?q=user"},
		screen{name: "find-nothing", path: "/admin/find?q={text}"},
	)
}

func TestFind(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ada := h.person("ada@example.com")
		h.Enable(wire.None, "user.create")
		hook := h.Subscribe("http://127.0.0.1:1/orders?key=pl4nted", []string{"user.create"}, func(w *wire.Webhook) { w.Description = "Adapter" })
		h.Call("POST", "/api/user", `{"user":{"username":"grace","password":"`+password+`"}}`).Want(200)
		event := h.Strings(`SELECT id FROM event`)[0]
		var made wire.GroupResponse
		h.Call("POST", "/api/group", `{"group":{"name":"Adamants"}}`).Want(200).Decode(&made)
		b := h.admin()
		find := func(text string) string { return "/admin/find?q=" + url.QueryEscape(text) }
		for id, to := range map[string]string{
			event: "/admin/log/" + event, " " + strings.ToUpper(string(ada)) + " ": "/admin/user/" + string(ada), string(hook): "/admin/webhook/" + string(hook),
			string(application.AdminID): "/admin/application/" + string(application.AdminID), string(made.Group.ID): "/admin/group/" + string(made.Group.ID),
		} {
			b.gets(find(id), 303, to)
		}
		page := b.gets(find("ada"), 200, "/admin/user/"+string(ada))
		for _, want := range []string{"/admin/webhook/" + string(hook), "/admin/group/" + string(made.Group.ID)} {
			if !strings.Contains(page, want) {
				t.Errorf("%q is not found in\n%s", want, page)
			}
		}
		b.gets(find("ORDERS"), 200, "/admin/webhook/"+string(hook))
		b.gets(find("user.create"), 200, "/admin/log?type=user.create")
		almost := string(ada[:35]) + "0"
		if almost == string(ada) {
			almost = string(ada[:35]) + "1"
		}
		for _, text := range []string{"pl4nted", "nobody:*", `"'--`, strings.Repeat("x", 5000), almost, "%", `\`} {
			b.gets(find(text), 200, "Nothing is called so")
		}
		b.gets(find("\x00"), 404, "nothing at this address") // as everywhere
		b.gets("/admin/find", 200, "An id leads straight")

		// Nobody finds what their roles do not open.
		manager := h.admin("webhook_manager")
		manager.gets(find(string(ada)), 200, "Nothing is called so")
		if page := manager.gets(find("ada"), 200, "/admin/webhook/"); strings.Contains(page, "ada@example.com") || strings.Contains(page, "Adamants") {
			t.Error("a user is found by who may not see any")
		}
	})
}

// An administrator finds a user, gives a role, and looks at what was sent.
func TestBrowser_Directory(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	s.Enable(wire.None, "user.create", "user.update")
	s.Call("POST", "/api/application", `{"application":{"name":"Shop","roles":[{"name":"customer"},{"name":"manager"}]}}`).Want(200)
	p := signIn(uitest.New(t, s.URL))
	p.Click("Users").At("/admin/user").Click("Create a sample user").See("A sample user was created")
	p.Click("Events").See("user.create")
	p.Click("Edit").Type("Full name", "Grace Hopper").Click("Save").See("The user was saved").See("Grace Hopper")
	p.Click("Registrations").Click("Add registration").Choose("Application", "Shop").Click("Next").Click("manager").Click("Save").See("The registration was added")
	p.Click("Groups").Click("Groups")
	p.Open("/admin/find?q=Grace").Click("Grace Hopper").See("sample-")
	p.Click("Deactivate").See("can no longer log in").Click("Deactivate").See("The user was deactivated").See("Inactive")
	p.Open("/admin/account").Choose("Theme", "Dark").Click("Save").At("/admin/account")
}
