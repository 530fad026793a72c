package group_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/wire"
)

// members adds (POST) or replaces (PUT) members of groups.
func (h *herald) members(method string, members object) apptest.Answer {
	h.t.Helper()
	return h.Call(method, "/api/group/member", object{"members": members})
}

// of returns the users in a group.
func (h *herald) of(group string) []string {
	return h.Strings(`SELECT user_id FROM group_member WHERE group_id = $1 ORDER BY user_id`, group)
}

type memberEvent struct {
	LinkedObjectID wire.ID
	Group          wire.Group
	Members        []wire.GroupMember
}

func membersOf(a apptest.Answer) map[string][]wire.GroupMember {
	var r struct {
		Members map[string][]wire.GroupMember
	}
	a.Decode(&r)
	return r.Members
}

func TestMembers(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.group(staff, "Staff")
		h.group(guests, "Guests")

		// One event for each group, in the order of the ids; members do not say which group theirs is.
		a := h.members("POST", object{
			guests: []object{{"userId": cyd}}, staff: []object{{"userId": ada, "data": object{"since": 7}, "id": idX}, {"userId": bob}, {"userId": ada}},
		}).Want(200)
		add := []string{"group.member.add", "group.member.add", "group.member.add.complete", "group.member.add.complete"}
		h.WantEvents("adding to two groups", add...)
		added := membersOf(a)
		if len(added[staff]) != 2 || len(added[guests]) != 1 {
			t.Fatalf("added %s", a.Body)
		}
		first := added[staff][0]
		if first.UserID != ada || first.GroupID != staff || first.ID == "" || first.ID == idX || first.InsertInstant == 0 || fmt.Sprint(first.Data) != "map[since:7]" {
			t.Errorf("member %+v", first)
		}
		var of []string
		for _, kind := range []string{"group.member.add", "group.member.add.complete"} {
			of = append(of, h.Strings(`SELECT linked_object_id FROM event WHERE type = $1 ORDER BY sequence`, kind)...)
		}
		if !slices.Equal(of, []string{staff, guests, staff, guests}) {
			t.Errorf("events about %v", of)
		}
		var e memberEvent
		if h.event("group.member.add.complete", &e); e.Group.Name != "Guests" || len(e.Members) != 1 || e.Members[0].GroupID != "" || e.Members[0].ID != added[guests][0].ID || e.Members[0].UserID != cyd {
			t.Errorf("event %+v", e)
		}

		// Who is there keeps the membership and is in no event.
		again := membersOf(h.members("POST", object{staff: []object{{"userId": ada, "data": object{"since": 8}}, {"userId": cyd}}}).Want(200))
		h.WantEvents("adding one who is there, and one who is not", "group.member.add", "group.member.add.complete")
		if !cmp.Equal(again[staff][0], first) || len(again[staff]) != 2 {
			t.Errorf("added again: %+v", again)
		}
		if h.event("group.member.add", &e); len(e.Members) != 1 || e.Members[0].UserID != cyd {
			t.Errorf("event %+v", e)
		}
		h.members("POST", object{staff: []object{{"userId": ada}}}).Want(200)
		h.WantEvents("adding one who is there")

		// Replacing keeps memberships, with the data given now.
		replaced := membersOf(h.members("PUT", object{staff: []object{{"userId": ada, "data": object{"x": 1}}, {"userId": bob}}}).Want(200))
		h.WantEvents("replacing", "group.member.update", "group.member.update.complete")
		if got := replaced[staff]; len(got) != 2 || got[0].ID != first.ID || got[0].InsertInstant != first.InsertInstant || fmt.Sprint(got[0].Data) != "map[x:1]" {
			t.Errorf("replaced %+v", got)
		}
		if h.event("group.member.update", &e); len(e.Members) != 2 || e.Members[0].ID != first.ID || fmt.Sprint(e.Members[0].Data) != "map[x:1]" {
			t.Errorf("event %+v", e)
		}
		if got := h.of(staff); !slices.Equal(got, []string{ada, bob}) {
			t.Errorf("members %v", got)
		}
		h.members("PUT", object{staff: []object{}, guests: []object{{"userId": cyd}}}).Want(200)
		h.WantEvents("replacing in two groups, one by nobody", "group.member.update", "group.member.update", "group.member.update.complete", "group.member.update.complete")
		if bodies := h.Strings(`SELECT body FROM event WHERE type = 'group.member.update' AND linked_object_id = $1 AND body LIKE '%"members":[]%'`, staff); len(bodies) != 1 {
			t.Errorf("events about nobody: %d", len(bodies))
		}
	})
}

func TestMembers_Remove(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.group(staff, "Staff")
		h.group(guests, "Guests")
		fill := func() map[string][]wire.GroupMember {
			t.Helper()
			everybody := []object{{"userId": ada}, {"userId": bob}, {"userId": cyd}}
			all := membersOf(h.members("PUT", object{staff: everybody, guests: everybody}).Want(200))
			h.Seen = len(h.Published())
			return all
		}
		remove := func(what, path string, body any, want ...string) {
			t.Helper()
			if a := h.Call("DELETE", "/api/group/member"+path, body).Want(200); len(a.Body) != 0 {
				t.Errorf("%s answered %s", what, a.Body)
			}
			h.WantEvents(what, want...)
		}
		once := []string{"group.member.remove", "group.member.remove.complete"}
		twice := []string{"group.member.remove", "group.member.remove", "group.member.remove.complete", "group.member.remove.complete"}

		all := fill()
		one := all[staff][1]
		remove("removing one by id", "/"+string(one.ID), nil, once...)
		var e memberEvent
		if h.event("group.member.remove.complete", &e); e.LinkedObjectID != staff || len(e.Members) != 1 || e.Members[0].ID != one.ID || e.Members[0].UserID != one.UserID || e.Members[0].GroupID != "" {
			t.Errorf("event %+v", e)
		}
		h.Call("DELETE", "/api/group/member/"+string(one.ID), nil).Want(404)
		remove("removing one by user", "?groupId="+staff+"&userId="+cyd, nil, once...)
		h.Call("DELETE", "/api/group/member?groupId="+staff+"&userId="+cyd, nil).Want(404)
		if got := h.of(staff); !slices.Equal(got, []string{ada}) {
			t.Errorf("members %v", got)
		}

		all = fill()
		remove("removing many by id, with some that do not exist", "", object{"memberIds": []wire.ID{all[staff][0].ID, all[guests][0].ID, all[staff][1].ID, all[staff][1].ID, idX}}, twice...)
		remove("removing many by user", "", object{"members": object{staff: []string{cyd, ada}, guests: []string{bob, cyd}, idX: []string{ada}}}, twice...)
		if left := append(h.of(staff), h.of(guests)...); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		remove("removing nobody", "", object{"memberIds": []string{idX}})

		fill()
		remove("removing all", "?groupId="+staff, nil, "group.member.update", "group.member.update.complete")
		if h.event("group.member.update", &e); e.LinkedObjectID != staff || len(e.Members) != 0 {
			t.Errorf("event %+v", e)
		}
		if len(h.of(staff)) != 0 || len(h.of(guests)) != 3 {
			t.Errorf("left: %v %v", h.of(staff), h.of(guests))
		}
		h.Call("DELETE", "/api/group/member?groupId="+idX, nil).Want(404)

		// Users and groups that go take their memberships with them, without a word.
		h.Call("DELETE", "/api/user/"+ada+"?hardDelete=true", nil).Want(200)
		h.WantEvents("deleting a member", "user.delete", "user.delete.complete")
		if got := h.of(guests); !slices.Equal(got, []string{bob, cyd}) {
			t.Errorf("members %v", got)
		}
		h.Call("DELETE", "/api/group/"+guests, nil).Want(200)
		h.WantEvents("deleting a group", "group.delete", "group.delete.complete")
		if got := h.of(guests); len(got) != 0 {
			t.Errorf("members of no group: %v", got)
		}
	})
}

func TestMembers_BadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.Call("POST", "/api/tenant/"+other, object{"tenant": object{"name": "Other"}}).Want(200)
		inOther := []string{"X-FusionAuth-TenantId", other}
		h.Call("POST", "/api/group/"+staff, object{"group": object{"name": "Staff"}}, "X-FusionAuth-TenantId", string(h.Tenant)).Want(200)
		h.Call("POST", "/api/group/"+guests, object{"group": object{"name": "Guests"}}, inOther...).Want(200)
		h.Call("POST", "/api/user/"+idX, object{"user": object{"username": "x"}, "sendSetPasswordIdentityType": "doNotSend"}, inOther...).Want(200)
		h.Seen = len(h.Published())
		before := h.Rows()
		const path = "/api/group/member"
		for body, want := range map[string][]string{
			`{}`:                                 {"[missing]members"},
			`{"members":{}}`:                     {"[missing]members"},
			`{"members":[]}`:                     {"[couldNotConvert]members"},
			`{"members":{"staff":[]}}`:           {"[couldNotConvert]members[staff]"},
			`{"members":{"` + idX + `":[]}}`:     {"[invalid]members[" + idX + "]"},
			`{"members":{"` + staff + `":[{}]}}`: {"[missing]members[" + staff + "][0].userId"},
			`{"members":{"` + staff + `":[{"userId":"x"}]}}`: {"[couldNotConvert]members[" + staff + "][0].userId"},
			`{"members":{"` + staff + `":[{"userId":"` + ada + `"},{"userId":"` + idX + `"},{"userId":"` + staff + `"}]}}`: {
				"[invalid]members[" + staff + "][1].userId", "[invalid]members[" + staff + "][2].userId", // of another tenant; nobody
			},
			`{"members":{"` + staff + `":[],"` + guests + `":[]}}`: {"[TenantIdRequired]"},
		} {
			for _, method := range []string{"POST", "PUT"} {
				wantCodes(t, h.Call(method, path, body), want...)
			}
		}
		wantCodes(t, h.Call("POST", path, object{"members": object{staff: []object{{"userId": ada}}}}, inOther...), "[invalid]members["+staff+"]")
		wantCodes(t, h.Call("DELETE", path, nil), "[missing]memberIds")
		wantCodes(t, h.Call("DELETE", path+"/x", nil), "[couldNotConvert]memberId")
		wantCodes(t, h.Call("DELETE", path+"?groupId=x", nil), "[couldNotConvert]groupId")
		wantCodes(t, h.Call("DELETE", path+"?userId="+ada, nil), "[missing]memberIds")
		wantCodes(t, h.Call("DELETE", path, object{"memberIds": []string{"x"}}), "[couldNotConvert]memberIds[0]")
		wantCodes(t, h.Call("POST", "/api/user", object{"user": object{"username": "y", "memberships": []object{{}, {"groupId": guests}}}, "sendSetPasswordIdentityType": "doNotSend"},
			"X-FusionAuth-TenantId", string(h.Tenant)), "[missing]user.memberships[0].groupId", "[invalid]user.memberships[1].groupId")
		h.Unchanged(before)
		h.WantEvents("bad requests")
		h.Call("DELETE", path+"?groupId="+staff, nil, inOther...).Want(404)
		h.Call("DELETE", path+"?groupId="+staff+"&userId="+ada, nil, inOther...).Want(404)
	})
}

// A user has memberships wherever users are read, and may begin with some.
func TestMembers_OfUsers(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.group(staff, "Staff", clerk, mod)
		h.group(guests, "Guests", buyer, clerk)
		h.Call("POST", "/api/user/"+idX, object{
			"user":                        object{"username": "dot", "memberships": []object{{"groupId": guests, "data": object{"a": 1}, "id": ada}, {"groupId": guests}, {"groupId": staff}}},
			"sendSetPasswordIdentityType": "doNotSend",
		}).Want(200)
		h.WantEvents("a user who begins in groups", "user.create", "user.create.complete")
		var created struct{ User wire.User }
		h.event("user.create", &created)
		read := func() (u wire.User) {
			t.Helper()
			var r wire.UserResponse
			h.Call("GET", "/api/user/"+idX, nil).Want(200).Decode(&r)
			return *r.User
		}
		u := read()
		if len(u.Memberships) != 2 || u.Memberships[0].GroupID != guests || u.Memberships[0].ID == "" || u.Memberships[0].ID == ada || u.Memberships[0].UserID != "" ||
			fmt.Sprint(u.Memberships[0].Data) != "map[a:1]" || u.Memberships[1].GroupID != staff {
			t.Errorf("memberships %+v", u.Memberships)
		}
		if diff := cmp.Diff(created.User, u); diff != "" {
			t.Errorf("read back (-event +read):\n%s", diff)
		}

		// What bodies say about memberships later counts for nothing.
		h.Call("PUT", "/api/user/"+idX, object{"user": object{"username": "dot", "memberships": []object{}}}).Want(200)
		if got := read(); !cmp.Equal(got.Memberships, u.Memberships) {
			t.Errorf("after PUT: %+v", got.Memberships)
		}
		h.members("POST", object{staff: []object{{"userId": ada}}}).Want(200)
		var found wire.UserSearchResponse
		h.Call("POST", "/api/user/search", `{"search":{"queryString":"*"}}`).Want(200).Decode(&found)
		for _, one := range found.Users {
			want := map[wire.ID]int{idX: 2, ada: 1}[one.ID]
			if len(one.Memberships) != want {
				t.Errorf("user %s has %d memberships, want %d", one.ID, len(one.Memberships), want)
			}
		}

		// Roles in a token are those of the registration and of groups, each once, and of one application.
		h.Call("PATCH", "/api/user/"+idX, object{"user": object{"password": "a long password"}}).Want(200)
		roles := func(application string) (names []string) {
			t.Helper()
			var in wire.LoginResponse
			h.Call("POST", "/api/login", object{"loginId": "dot", "password": "a long password", "applicationId": application}).Want(200).Decode(&in)
			claims, err := base64.RawURLEncoding.DecodeString(strings.Split(in.Token, ".")[1])
			if err != nil {
				t.Fatal(err)
			}
			var c struct{ Roles []string }
			if err := json.Unmarshal(claims, &c); err != nil {
				t.Fatal(err)
			}
			return c.Roles
		}
		h.Call("POST", "/api/user/registration/"+idX, object{"registration": object{"applicationId": shop, "roles": []string{"clerk"}}}).Want(200)
		h.Call("POST", "/api/user/registration/"+idX, object{"registration": object{"applicationId": forum}}).Want(200)
		if got := roles(shop); !slices.Equal(got, []string{"buyer", "clerk"}) {
			t.Errorf("roles in the shop: %v", got)
		}
		if got := roles(forum); !slices.Equal(got, []string{"moderator"}) {
			t.Errorf("roles in the forum: %v", got)
		}
		h.Call("DELETE", "/api/group/member?groupId="+guests, nil).Want(200)
		if got := roles(shop); !slices.Equal(got, []string{"clerk"}) {
			t.Errorf("roles after leaving a group: %v", got)
		}
	})
}

func TestMembers_Search(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.group(staff, "Staff")
		h.group(guests, "Guests")
		for _, id := range []string{cyd, ada, bob} {
			h.members("POST", object{staff: []object{{"userId": id}}}).Want(200)
		}
		h.members("POST", object{guests: []object{{"userId": ada}}}).Want(200)
		for criteria, want := range map[string][]string{
			`{}`:                          {"staff " + cyd, "staff " + ada, "staff " + bob, "guests " + ada},
			`{"groupId":"` + staff + `"}`: {"staff " + cyd, "staff " + ada, "staff " + bob},
			`{"userId":"` + ada + `"}`:    {"staff " + ada, "guests " + ada},
			`{"groupId":"` + staff + `","userId":"` + bob + `"}`:            {"staff " + bob},
			`{"groupId":"` + staff + `","orderBy":"userId DESC"}`:           {"staff " + cyd, "staff " + bob, "staff " + ada},
			`{"groupId":"` + staff + `","numberOfResults":1,"startRow":1}`:  {"staff " + ada},
			`{"groupId":"` + idX + `"}`:                                     nil,
			`{"tenantId":"` + string(h.Tenant) + `","numberOfResults":"1"}`: {"staff " + cyd},
			`{"tenantId":"` + idX + `"}`:                                    nil,
		} {
			var found wire.GroupMemberSearchResponse
			h.Call("POST", "/api/group/member/search", `{"search":`+criteria+`}`).Want(200).Decode(&found)
			var got []string
			for _, m := range found.Members {
				got = append(got, map[wire.ID]string{staff: "staff ", guests: "guests "}[m.GroupID]+string(m.UserID))
			}
			if !slices.Equal(got, want) || found.Total < len(want) {
				t.Errorf("%s found %v (%d), want %v", criteria, got, found.Total, want)
			}
		}
	})
}
