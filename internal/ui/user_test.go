package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "users", path: "/admin/user"},
		screen{name: "users-nothing-found", path: "/admin/user?state=inactive&text={text}"},
		screen{name: "users-wrong-query", path: "/admin/user?text=nonsense:1"},
		screen{name: "user", path: "/admin/user/{user}"},
		screen{name: "user-registrations", path: "/admin/user/{user}?registrations", prepare: tab("Registrations")},
		screen{name: "user-events", path: "/admin/user/{user}?events", prepare: tab("Events")},
		screen{name: "user-actions", path: "/admin/user/{user}?actions", prepare: tab("Actions taken")},
		screen{name: "user-add", path: "/admin/user/add"},
		screen{name: "user-add-refused", path: "/admin/user/add", prepare: func(p *uitest.Page, _ *stage) {
			p.Type("Phone number", "nonsense").Click("Save").See("Phone")
		}},
		screen{name: "user-edit", path: "/admin/user/{user}/edit"},
		screen{name: "user-delete", path: "/admin/user/{user}/delete"},
		screen{name: "registration-add", path: "/admin/user/{user}/registration/add"},
		screen{name: "registration-edit", path: "/admin/user/{administrator}/registration/" + string(application.AdminID) + "/edit"},
		screen{name: "registration-delete", path: "/admin/user/{user}/registration/{application}/delete"},
	)
	furnishers = append(furnishers, furnishUsers)
}

// tab opens a tab of the page.
func tab(name string) func(*uitest.Page, *stage) {
	return func(p *uitest.Page, _ *stage) { p.Click(name) }
}

func furnishUsers(s *stage) {
	s.Enable(wire.None, "user.create", "user.update", "user.login.success", "user.registration.create")
	var made wire.ApplicationResponse
	s.Call("POST", "/api/application", map[string]any{"application": map[string]any{
		"name": s.text("Shop", 180), "roles": []map[string]any{{"name": "customer", "isDefault": true}, {"name": s.text("manager", 180), "description": s.text("May see all orders", 250)}},
	}}).Want(200).Decode(&made)
	s.note("application", string(made.Application.ID))
	var action wire.UserActionResponse
	s.Call("POST", "/api/user-action", map[string]any{"userAction": map[string]any{"name": s.text("Ban", 180), "temporal": true, "preventLogin": true}}).Want(200).Decode(&action)
	s.note("administrator", string(s.person("viewer@example.com", "auditor", "user_manager")))
	var user wire.RegistrationResponse
	s.Call("POST", "/api/user/registration", map[string]any{
		"user": map[string]any{
			"email": "grace@example.com", "username": "grace" + s.text("", 100), "phoneNumber": "+4930901820", "password": password, "fullName": s.text("Grace Hopper", 250),
			"preferredLanguages": []string{"en", "de"}, "timezone": "Europe/Berlin", "data": map[string]any{s.text("rank", 1000): s.text("Rear Admiral", 5000)},
		},
		"registration": map[string]any{"applicationId": made.Application.ID, "roles": []string{"customer"}},
	}).Want(200).Decode(&user)
	id := user.User.ID
	s.note("user", string(id))
	s.Call("POST", "/api/login", map[string]any{"loginId": "grace@example.com", "password": password, "applicationId": made.Application.ID}).Want(200)
	s.Call("POST", "/api/user/action", map[string]any{"action": map[string]any{
		"userActionId": action.UserAction.ID, "actioneeUserId": id, "actionerUserId": id, "expiry": wire.Forever, "comment": s.text("asked us to", 250),
	}}).Want(200)
	for range 3 {
		s.Call("POST", "/api/user", map[string]any{"user": map[string]any{"password": password, "username": s.text("user", 150) + string(id[30:]) + string(rune('a'+len(s.Strings(`SELECT id FROM users`))))}}).Want(200)
	}
}

// user reads a user through the API.
func (h *house) user(id string) wire.User {
	h.t.Helper()
	var found wire.UserResponse
	h.Call("GET", "/api/user/"+id, nil).Want(200).Decode(&found)
	return *found.User
}

// idIn is the last part of the path that a form has led to.
func idIn(t *testing.T, to string) string {
	t.Helper()
	path, _, _ := strings.Cut(to, "#")
	id := path[strings.LastIndexByte(path, '/')+1:]
	if len(id) != 36 {
		t.Fatalf("the form has led to %q", to)
	}
	return id
}

func TestUserForm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.Enable(wire.None, "user.create", "user.update", "user.delete", "user.deactivate")
		b := h.admin()
		b.gets("/admin/user", 200, "admin@example.com")
		b.gets("/admin/user/add", 200, "No webhook wants user.create.")
		form := url.Values{"user.email": {"nonsense"}, "user.phoneNumber": {"12"}, "user.data:json": {"{"}, "user.firstName": {"<b>Ada</b>"}, "user.preferredLanguages:list": {"en, de"}}
		b.posts("/admin/user/add", form, 400, "This is not JSON")
		form.Set("user.data:json", `{"plan":"gold","old":1}`)
		wrong := b.posts("/admin/user/add", form, 400, `id="user.email-error"`)
		for _, want := range []string{`id="user.phoneNumber-error"`, "&lt;b&gt;Ada&lt;/b&gt;", `value="en, de"`} {
			if !strings.Contains(wrong, want) {
				t.Errorf("the form lacks %q", want)
			}
		}
		form.Set("user.email", "ada@example.com")
		form.Del("user.phoneNumber")
		form.Set("user.password:secret", "hush-hush-hush")
		form.Set("user.memberships[0].groupId", string(h.Tenant))
		_, _, to := b.send("POST", "/admin/user/add", form)
		id := idIn(t, to)
		if u := h.user(id); u.Email != "ada@example.com" || u.FirstName != "<b>Ada</b>" || len(u.PreferredLanguages) != 2 || u.Data["plan"] != "gold" {
			t.Errorf("created %+v", u)
		}
		h.Call("POST", "/api/login", `{"loginId":"ada@example.com","password":"hush-hush-hush"}`).Want(200)
		entry := h.audited()
		if entry.Message != "Created the user "+id || entry.InsertUser != "admin@example.com" || entry.TenantID != h.Tenant || !strings.Contains(string(entry.NewValue), "ada@example.com") {
			t.Errorf("audit log: %+v", entry)
		}
		page := b.gets(to, 200, "The user was created.")
		for _, want := range []string{"ada@example.com", "user.create", "hush"} {
			if strings.Contains(page+string(entry.NewValue), want) == (want == "hush") {
				t.Errorf("the page of the user and %q:\n%s", want, page)
			}
		}

		change := url.Values{"user.email": {"ada@example.com"}, "user.fullName": {"Ada L."}, "user.firstName": {""}, "user.data:json": {`{"plan":"silver"}`}, "user.password:secret": {""}}
		b.posts(to+"/edit", change, 303, to)
		if u := h.user(id); u.FullName != "Ada L." || u.FirstName != "" || len(u.Data) != 1 || u.Data["plan"] != "silver" || len(u.PreferredLanguages) != 2 {
			t.Errorf("changed to %+v", u)
		}
		if entry = h.audited(); !strings.Contains(string(entry.OldValue), "gold") || !strings.Contains(string(entry.NewValue), "silver") {
			t.Errorf("audit log: %+v", entry)
		}
		change.Set("user.password:secret", "new-hush-hush")
		b.posts(to+"/edit", change, 303, to)
		h.Call("POST", "/api/login", `{"loginId":"ada@example.com","password":"new-hush-hush"}`).Want(200)
		if entry = h.audited(); !strings.HasSuffix(entry.Message, "and the password") || strings.Contains(string(entry.NewValue), "hush") {
			t.Errorf("audit log: %+v", entry)
		}
		change.Set("user.email", "admin@example.com") // somebody else's
		b.posts(to+"/edit", change, 400, `id="user.email-error"`)

		for query, found := range map[string]bool{"ada": true, "ADA@EXAMPLE": true, "Ada L": true, "email:ada*": true, "grace": false, "email:a": false} {
			if page := b.gets("/admin/user?text="+url.QueryEscape(query), 200, ""); strings.Contains(page, to) != found {
				t.Errorf("looking for %q and found it: %v", query, !found)
			}
		}
		b.gets("/admin/user?text=nonsense:1", 200, `class="problem"`)
		b.gets("/admin/user?at=nonsense", 200, `class="problem"`)
		b.gets(to+"/deactivate", 200, "can no longer log in")
		b.posts(to+"/deactivate", url.Values{}, 303, to)
		if h.user(id).Active {
			t.Error("still active")
		}
		b.gets("/admin/user?state=inactive", 200, to)
		b.posts(to+"/reset", url.Values{}, 400, "cannot choose a password")
		b.posts(to+"/reactivate", url.Values{}, 303, to)
		b.posts(to+"/reset", url.Values{}, 400, "no template")
		b.gets(to+"/delete", 200, "gone for good")
		b.posts(to+"/delete", url.Values{}, 303, "/admin/user")
		h.Call("GET", "/api/user/"+id, nil).Want(404)
		if entry = h.audited(); entry.Message != "Deleted the user "+id {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets(to, 404, "nothing at this address")
		b.posts("/admin/user/sample", url.Values{}, 303, "")
		if sample := h.Strings(`SELECT email FROM users WHERE email LIKE 'sample-%@example.com'`); len(sample) != 1 {
			t.Errorf("samples: %q", sample)
		}

		auditor := h.admin("auditor")
		if page := auditor.gets("/admin/user", 200, "admin@example.com"); strings.Contains(page, "/admin/user/add") {
			t.Error("an auditor is offered a change")
		}
		auditor.posts("/admin/user/add", form, 403, "roles do not open")
		auditor.posts("/admin/user/sample", url.Values{}, 403, "roles do not open")
		h.admin("user_manager").posts("/admin/user/"+id+"/delete", url.Values{}, 403, "roles do not open")
	})
}

// What webhooks refuse has not happened, and the page leads to why.
func TestUserForm_Refused(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.person("ada@example.com")
		b, manager := h.admin(), h.admin("user_manager")
		h.Enable(wire.AbsoluteMajority, "user.update", "user.create")
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden))
		h.Subscribe(receiver.URL, []string{"user.update", "user.create"})
		before := h.audited()
		path := "/admin/user/" + string(id) + "/edit"
		b.gets(path, 200, "Asks 1 webhook with user.update, which can refuse it.")
		form := url.Values{"user.email": {"ada@example.com"}, "user.fullName": {"Ada Lovelace"}}
		page := b.posts(path, form, 409, "One or more webhooks returned an invalid response")
		event := h.Strings(`SELECT id FROM event WHERE type = 'user.update'`)[0]
		if !strings.Contains(page, `href="/admin/log/`+event+`"`) || !strings.Contains(page, `value="Ada Lovelace"`) {
			t.Errorf("the page does not lead to the event %s, or has lost what was entered:\n%s", event, page)
		}
		page = b.posts("/admin/user/sample", url.Values{}, 409, "One or more webhooks")
		if event := h.Strings(`SELECT id FROM event WHERE type = 'user.create' ORDER BY sequence DESC`)[0]; !strings.Contains(page, event) {
			t.Errorf("the page does not lead to the event:\n%s", page)
		}
		if after := h.audited(); after.ID != before.ID || h.user(string(id)).FullName != "" {
			t.Errorf("after the refusal: %+v", after)
		}
		if page := manager.posts("/admin/user/sample", url.Values{}, 409, ""); strings.Contains(page, "/admin/log/") {
			t.Error("who may not see the log is led there")
		}
		receiver.Script(egresstest.Status(http.StatusOK))
		b.posts(path, form, 303, "/admin/user/"+string(id))
		if entry := h.audited(); entry.Message != "Changed the user "+string(id) {
			t.Errorf("audit log: %+v", entry)
		}
	})
}

func TestRegistrationForm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		var made wire.ApplicationResponse
		h.Call("POST", "/api/application", `{"application":{"name":"Shop","roles":[{"name":"customer","isDefault":true},{"name":"manager"}]}}`).Want(200).Decode(&made)
		var user wire.UserResponse
		h.Call("POST", "/api/user", `{"user":{"username":"ada","password":"`+password+`"}}`).Want(200).Decode(&user)
		path, app := "/admin/user/"+string(user.User.ID), string(made.Application.ID)
		b.gets(path+"/registration/add", 200, "Shop")
		b.gets(path+"/registration/add?application="+app, 200, `value="customer" checked`)
		b.posts(path+"/registration/add", url.Values{"application": {app}, "registration.roles[]": {"", "emperor"}}, 400, "no role")
		b.posts(path+"/registration/add", url.Values{"application": {app}, "registration.roles[]": {"", "manager"}, "registration.data:json": {`{"a":1}`}}, 303, path+"#registrations")
		if u := h.user(string(user.User.ID)); len(u.Registrations) != 1 || u.Registrations[0].Roles[0] != "manager" || u.Registrations[0].Data["a"] == nil {
			t.Errorf("registered %+v", u.Registrations)
		}
		if entry := h.audited(); !strings.HasPrefix(entry.Message, "Registered the user") || !strings.Contains(string(entry.NewValue), "manager") {
			t.Errorf("audit log: %+v", entry)
		}
		one := path + "/registration/" + app
		b.gets(one+"/edit", 200, `value="manager" checked`)
		b.posts(one+"/edit", url.Values{"registration.roles[]": {"", "customer", "manager"}, "registration.data:json": {`{"b":1}`}}, 303, path+"#registrations")
		if u := h.user(string(user.User.ID)); len(u.Registrations[0].Roles) != 2 || u.Registrations[0].Data["a"] != nil {
			t.Errorf("changed to %+v", u.Registrations)
		}
		if entry := h.audited(); !strings.Contains(string(entry.OldValue), `"a"`) || !strings.Contains(string(entry.NewValue), `"b"`) {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets(one+"/delete", 200, "loses 2 roles")
		b.posts(one+"/delete", url.Values{}, 303, path+"#registrations")
		if u := h.user(string(user.User.ID)); len(u.Registrations) != 0 {
			t.Errorf("still registered: %+v", u.Registrations)
		}
		b.gets(one+"/edit", 404, "nothing at this address")
	})
}

// Who may change users does not become an administrator of more by that, nor come into the account of one.
func TestUsers_Administrators(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		root := "/admin/user/" + string(h.person("root@example.com", "admin"))
		plain := "/admin/user/" + string(h.person("nobody@example.com"))
		var user wire.UserResponse
		h.Call("POST", "/api/user", `{"user":{"username":"ada","password":"`+password+`"}}`).Want(200).Decode(&user)
		ada := "/admin/user/" + string(user.User.ID)
		manager := h.admin("user_manager", "user_deleter")
		self := "/admin/user/" + h.Strings(`SELECT id FROM users WHERE email = 'user_manager-user_deleter@example.com'`)[0]
		form := url.Values{"user.email": {"mine@example.com"}, "user.password:secret": {"my own choice"}}
		roles := url.Values{"application": {string(application.AdminID)}, "registration.roles[]": {"admin"}}
		builtIn := "/registration/" + string(application.AdminID)
		for _, u := range []string{root, plain, self} {
			if page := manager.gets(u, 200, "Only the role admin"); strings.Contains(page, "/edit") {
				t.Errorf("%s is offered a change", u)
			}
			manager.posts(u+"/edit", form, 403, "Only the role admin")
			manager.posts(u+"/registration/add", roles, 403, "Only the role admin")
			manager.posts(u+builtIn+"/edit", roles, 403, "Only the role admin")
			for _, deed := range []string{"/deactivate", "/delete", "/reset", "/verify", builtIn + "/delete"} {
				manager.posts(u+deed, url.Values{}, 403, "")
			}
		}
		manager.posts(ada+"/registration/add", roles, 403, "Only the role admin")
		if page := manager.gets(ada+"/registration/add", 200, ""); strings.Contains(page, string(application.AdminID)) {
			t.Error("the built-in application is offered")
		}
		manager.posts(ada+"/edit", url.Values{"user.username": {"ada"}, "user.registrations[0].applicationId": {string(application.AdminID)}, "user.registrations[0].roles[]": {"admin"}}, 303, ada)
		if u := h.user(string(user.User.ID)); len(u.Registrations) != 0 {
			t.Errorf("registered by the way: %+v", u.Registrations)
		}
		if n := h.Strings(`SELECT COUNT(*) || '' FROM audit_log`)[0]; n != "1" {
			t.Errorf("%s entries in the audit log, of one change", n)
		}

		b := h.browser()
		b.signIn("root@example.com", password, 303, "/admin/")
		b.posts(plain+builtIn+"/edit", url.Values{"registration.roles[]": {"auditor"}}, 303, plain+"#registrations")
		h.browser().signIn("nobody@example.com", password, 303, "/admin/")
		for _, deed := range []string{"/deactivate", "/delete", builtIn + "/delete"} {
			b.posts(root+deed, url.Values{}, 403, "cannot remove yourself")
		}
		b.posts(root+builtIn+"/edit", url.Values{"registration.roles[]": {"auditor"}}, 403, "cannot remove yourself")
		b.posts(plain+"/delete", url.Values{}, 303, "/admin/user")
	})
}

// A lockout and whatever else keeps a user from logging in can be ended.
func TestUser_Actions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var action wire.UserActionResponse
		h.Call("POST", "/api/user-action", `{"userAction":{"name":"Ban","temporal":true,"preventLogin":true}}`).Want(200).Decode(&action)
		var user wire.UserResponse
		h.Call("POST", "/api/user", `{"user":{"username":"ada","password":"`+password+`"}}`).Want(200).Decode(&user)
		id := string(user.User.ID)
		var taken wire.ActionResponse
		h.Call("POST", "/api/user/action", map[string]any{"action": map[string]any{
			"userActionId": action.UserAction.ID, "actioneeUserId": id, "actionerUserId": id, "expiry": wire.Forever,
		}}).Want(200).Decode(&taken)
		h.Call("POST", "/api/login", `{"loginId":"ada","password":"`+password+`"}`).Want(409)
		b := h.admin()
		b.gets("/admin/user/"+id, 200, "Ban")
		cancel := "/admin/user/" + id + "/action/" + string(taken.Action.ID) + "/cancel"
		b.gets(cancel, 200, "can log in again")
		b.posts(cancel, url.Values{}, 303, "/admin/user/"+id+"#actions")
		h.Call("POST", "/api/login", `{"loginId":"ada","password":"`+password+`"}`).Want(200)
		if entry := h.audited(); !strings.HasPrefix(entry.Message, "Cancelled the action") {
			t.Errorf("audit log: %+v", entry)
		}
		b.posts(cancel, url.Values{}, 400, "has ended")
		b.posts("/admin/user/"+string(h.person("x@example.com"))+"/action/"+string(taken.Action.ID)+"/cancel", url.Values{}, 404, "")
	})
}
