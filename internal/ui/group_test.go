package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "groups", path: "/admin/group"},
		screen{name: "group", path: "/admin/group/{group}"},
		screen{name: "group-add", path: "/admin/group/add"},
		screen{name: "group-edit", path: "/admin/group/{group}/edit"},
		screen{name: "group-delete", path: "/admin/group/{group}/delete"},
	)
	furnishers = append(furnishers, func(s *stage) {
		var app wire.ApplicationResponse
		s.Call("POST", "/api/application", map[string]any{"application": map[string]any{"name": s.text("Warehouse", 150) + " 2", "roles": []map[string]any{{"name": "packer"}}}}).Want(200).Decode(&app)
		var made wire.GroupResponse
		s.Call("POST", "/api/group", map[string]any{
			"group": map[string]any{"name": s.text("Night shift", 180), "data": map[string]any{"floor": s.text("third", 1000)}}, "roleIds": []any{app.Application.Roles[0].ID},
		}).Want(200).Decode(&made)
		s.note("group", string(made.Group.ID))
		var members []map[string]any
		for _, id := range s.Strings(`SELECT id FROM users`) {
			members = append(members, map[string]any{"userId": id})
		}
		s.Call("POST", "/api/group/member", map[string]any{"members": map[string]any{string(made.Group.ID): members}}).Want(200)
	})
}

func TestGroupForm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/group", 200, "There are no groups yet")
		var app, builtIn wire.ApplicationResponse
		h.Call("POST", "/api/application", `{"application":{"name":"Shop","roles":[{"name":"clerk"},{"name":"boss"}]}}`).Want(200).Decode(&app)
		h.Call("GET", "/api/application/"+string(application.AdminID), nil).Want(200).Decode(&builtIn)
		clerk, admin := string(app.Application.Roles[0].ID), string(builtIn.Application.Roles[0].ID)
		b.posts("/admin/group/add", url.Values{"group.name": {""}, "roleIds[]": {"", clerk}}, 400, `id="group.name-error"`)
		_, _, to := b.send("POST", "/admin/group/add", url.Values{"group.name": {"Night shift"}, "roleIds[]": {"", clerk}, "group.data:json": {`{"a":1}`}})
		id := idIn(t, to)
		load := func() wire.Group {
			var found wire.GroupResponse
			h.Call("GET", "/api/group/"+id, nil).Want(200).Decode(&found)
			return *found.Group
		}
		if g := load(); g.Name != "Night shift" || len(g.Roles[app.Application.ID]) != 1 || g.Data["a"] == nil {
			t.Errorf("created %+v", g)
		}
		if entry := h.audited(); entry.Message != "Created the group "+id || !strings.Contains(string(entry.NewValue), clerk) {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets(to+"/edit", 200, `value="`+clerk+`" checked`)
		b.posts(to+"/edit", url.Values{"group.name": {"Day shift"}, "roleIds[]": {""}, "group.data:json": {""}}, 303, to)
		if g := load(); g.Name != "Day shift" || len(g.Roles) != 0 || len(g.Data) != 0 {
			t.Errorf("changed to %+v", g)
		}
		if entry := h.audited(); !strings.Contains(string(entry.OldValue), "Night") || !strings.Contains(string(entry.NewValue), "Day") {
			t.Errorf("audit log: %+v", entry)
		}

		ada := string(h.person("ada@example.com"))
		b.posts(to+"/member/add", url.Values{"user": {"nobody@example.com"}}, 400, "no such user")
		b.posts(to+"/member/add", url.Values{"user": {"ADA@example.com"}}, 303, to+"#members")
		if u := h.user(ada); len(u.Memberships) != 1 {
			t.Errorf("memberships %+v", u.Memberships)
		}
		if entry := h.audited(); entry.Message != "Added the user "+ada+" to the group "+id {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets(to, 200, "ada@example.com")
		b.gets("/admin/user/"+ada, 200, "Day shift")
		h.Enable(wire.AbsoluteMajority, "group.member.remove")
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden))
		h.Subscribe(receiver.URL, []string{"group.member.remove"})
		b.posts(to+"/member/remove", url.Values{"user": {ada}}, 409, "The event that was refused")
		receiver.Script(egresstest.Status(http.StatusOK))
		b.posts(to+"/member/remove", url.Values{"user": {ada}}, 303, to+"#members")
		if u := h.user(ada); len(u.Memberships) != 0 {
			t.Errorf("memberships %+v", u.Memberships)
		}

		manager := h.admin("group_manager", "group_deleter")
		powerful := url.Values{"group.name": {"Mine"}, "roleIds[]": {"", admin}}
		manager.posts("/admin/group/add", powerful, 403, "Only the role admin")
		manager.posts(to+"/edit", powerful, 403, "Only the role admin")
		if page := manager.gets("/admin/group/add", 200, clerk); strings.Contains(page, admin) {
			t.Error("a manager is offered the roles of the built-in application")
		}
		b.posts(to+"/edit", powerful, 303, to)
		for _, path := range []string{"/edit", "/delete", "/member/add", "/member/remove"} {
			manager.posts(to+path, url.Values{"group.name": {"Mine"}, "user": {ada}}, 403, "Only the role admin")
		}
		manager.gets(to, 200, "Only the role admin")
		h.admin("auditor").posts(to+"/member/add", url.Values{"user": {ada}}, 403, "roles do not open")
		b.gets(to+"/delete", 200, "0 memberships end")
		b.posts(to+"/delete", url.Values{}, 303, "/admin/group")
		h.Call("GET", "/api/group/"+id, nil).Want(404)
	})
}
