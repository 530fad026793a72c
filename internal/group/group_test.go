package group_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	staff  = "c1000000-0000-4000-8000-000000000001"
	guests = "c1000000-0000-4000-8000-000000000002"
	idX    = "00000000-0000-4000-8000-0000000000ff" // nobody's
	other  = "00000000-0000-4000-8000-0000000000ee" // a second tenant

	ada = "a0000000-0000-4000-8000-00000000000a"
	bob = "b0000000-0000-4000-8000-00000000000b"
	cyd = "c0000000-0000-4000-8000-00000000000c"

	shop  = "a9000000-0000-4000-8000-000000000001"
	forum = "a9000000-0000-4000-8000-000000000002"
	buyer = "a9000000-0000-4000-8000-00000000000b"
	clerk = "a9000000-0000-4000-8000-00000000000c" // both of the shop
	mod   = "a9000000-0000-4000-8000-00000000000d" // of the forum
)

type object = map[string]any

// herald is a server with two applications, their roles, and three users.
type herald struct {
	*apptest.Server
	t *testing.T
}

func each(t *testing.T, fn func(t *testing.T, h *herald)) {
	t.Helper()
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		h := &herald{s, t}
		h.Call("POST", "/api/application/"+shop, `{"application":{"name":"Shop","roles":[{"id":"`+clerk+`","name":"clerk"},{"id":"`+buyer+`","name":"buyer"}]}}`).Want(200)
		h.Call("POST", "/api/application/"+forum, `{"application":{"name":"Forum","roles":[{"id":"`+mod+`","name":"moderator"}]}}`).Want(200)
		for _, id := range []string{ada, bob, cyd} {
			h.Call("POST", "/api/user/"+id, object{"user": object{"username": id}, "sendSetPasswordIdentityType": "doNotSend"}).Want(200)
		}
		h.Seen = len(h.Published())
		fn(t, h)
	})
}

// group makes a group.
func (h *herald) group(id, name string, roles ...string) wire.Group {
	h.t.Helper()
	g := group(h.Call("POST", "/api/group/"+id, object{"group": object{"name": name}, "roleIds": roles}).Want(200))
	h.WantEvents("the creation of "+name, "group.create", "group.create.complete")
	return g
}

func group(a apptest.Answer) wire.Group {
	var r wire.GroupResponse
	a.Decode(&r)
	return *r.Group
}

// event decodes the newest event of a type into v.
func (h *herald) event(kind string, v any) {
	h.t.Helper()
	bodies := h.Strings(`SELECT body FROM event WHERE type = $1 ORDER BY sequence DESC LIMIT 1`, kind)
	if len(bodies) == 0 {
		h.t.Fatalf("there is no event %s", kind)
	}
	outer := struct{ Event any }{v}
	if err := json.Unmarshal([]byte(bodies[0]), &outer); err != nil {
		h.t.Fatal(err)
	}
}

type groupEvent struct {
	LinkedObjectID, TenantID wire.ID
	Original, Group          *wire.Group
}

func wantCodes(t *testing.T, a apptest.Answer, want ...string) {
	t.Helper()
	got := a.Want(400).Codes()
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
}

// names are the names of the roles in each application.
func names(g wire.Group) map[wire.ID][]string {
	all := map[wire.ID][]string{}
	for id, roles := range g.Roles {
		for _, r := range roles {
			all[id] = append(all[id], r.Name)
		}
	}
	return all
}

func TestGroup_Lifecycle(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		created := h.Call("POST", "/api/group/"+strings.ToUpper(staff), `{"group":{"id":"`+idX+`","name":" Staff ","data":{"n":12345678901234567890},"roles":{"`+shop+`":[{"name":"x"}]},"unknown":1},
			"roleIds":["`+strings.ToUpper(clerk)+`","`+mod+`","`+buyer+`","`+clerk+`"]}`).Want(200)
		h.WantEvents("create", "group.create", "group.create.complete")
		g := group(created)
		if g.ID != staff || g.Name != "Staff" || g.TenantID != h.Tenant || g.InsertInstant == 0 || !strings.Contains(string(created.Body), `"data":{"n":12345678901234567890}`) {
			t.Errorf("created %s", created.Body)
		}
		if diff := cmp.Diff(map[wire.ID][]string{shop: {"buyer", "clerk"}, forum: {"moderator"}}, names(g)); diff != "" {
			t.Errorf("roles (-want +got):\n%s", diff)
		}
		if read := h.Call("GET", "/api/group/"+staff, nil).Want(200); string(read.Body) != string(created.Body) {
			t.Errorf("read %s\ncreated %s", read.Body, created.Body)
		}
		for _, kind := range []string{"group.create", "group.create.complete"} {
			var e groupEvent
			if h.event(kind, &e); e.LinkedObjectID != staff || e.TenantID != h.Tenant || !cmp.Equal(*e.Group, g) {
				t.Errorf("%s: %+v", kind, e)
			}
		}

		// PATCH adds roles, PUT replaces everything.
		patched := group(h.Call("PATCH", "/api/group/"+staff, object{"group": object{"data": object{"a": 1}}, "roleIds": []string{clerk}}).Want(200))
		h.WantEvents("PATCH", "group.update", "group.update.complete")
		if len(patched.Data) != 2 || !cmp.Equal(names(patched), names(g)) || patched.InsertInstant != g.InsertInstant {
			t.Errorf("after PATCH: %+v", patched)
		}
		var e groupEvent
		if h.event("group.update.complete", &e); !cmp.Equal(*e.Original, g) || !cmp.Equal(*e.Group, patched) {
			t.Errorf("the event of the update: %+v", e)
		}
		put := h.Call("PUT", "/api/group/"+staff, object{"group": object{"name": "STAFF"}}).Want(200)
		h.WantEvents("PUT", "group.update", "group.update.complete")
		if got := group(put); got.Name != "STAFF" || len(got.Data) != 0 || len(got.Roles) != 0 || !strings.Contains(string(put.Body), `"roles":{}`) {
			t.Errorf("after PUT: %s", put.Body)
		}

		// Roles are those of the applications: renamed and deleted there, renamed and deleted here.
		h.Call("PUT", "/api/group/"+staff, object{"group": object{"name": "Staff"}, "roleIds": []string{clerk, mod}}).Want(200)
		h.Call("PATCH", "/api/application/"+shop+"/role/"+clerk, object{"role": object{"name": "assistant"}}).Want(200)
		h.Call("DELETE", "/api/application/"+forum+"/role/"+mod, nil).Want(200)
		if diff := cmp.Diff(map[wire.ID][]string{shop: {"assistant"}}, names(group(h.Call("GET", "/api/group/"+staff, nil).Want(200)))); diff != "" {
			t.Errorf("roles afterwards (-want +got):\n%s", diff)
		}
		h.WantEvents("another PUT", "group.update", "group.update.complete")

		h.group(guests, "Guests")
		var all wire.GroupsResponse
		h.Call("GET", "/api/group", nil).Want(200).Decode(&all)
		var found wire.GroupSearchResponse
		h.Call("POST", "/api/group/search", `{"search":{"name":"st*","orderBy":"insertInstant DESC"}}`).Want(200).Decode(&found)
		if len(all.Groups) != 2 || all.Groups[0].Name != "Guests" || found.Total != 1 || found.Groups[0].ID != staff {
			t.Errorf("list %+v, search %+v", all, found)
		}

		if a := h.Call("DELETE", "/api/group/"+staff, object{"eventInfo": object{"ipAddress": "192.0.2.7"}}).Want(200); len(a.Body) != 0 {
			t.Errorf("the deletion answered %s", a.Body)
		}
		h.WantEvents("delete", "group.delete", "group.delete.complete")
		for _, method := range []string{"GET", "DELETE", "PUT"} {
			var body any
			if method == "PUT" {
				body = object{"group": object{"name": "x"}}
			}
			if a := h.Call(method, "/api/group/"+staff, body).Want(404); len(a.Body) != 0 {
				t.Errorf("404 with a body: %s", a.Body)
			}
		}
	})
}

func TestGroup_BadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.Call("POST", "/api/tenant/"+other, object{"tenant": object{"name": "Other"}}).Want(200)
		in := func(tenant string) []string { return []string{"X-FusionAuth-TenantId", tenant} }
		home := in(string(h.Tenant))
		h.Call("POST", "/api/group/"+staff, object{"group": object{"name": "Staff"}}, home...).Want(200)
		h.Call("POST", "/api/application/"+idX, `{"application":{"name":"Foreign","roles":[{"id":"`+idX+`","name":"foreign"}]}}`, in(other)...).Want(200)
		h.Seen = len(h.Published())
		before := h.Rows()
		for body, want := range map[string]string{
			`{}`:                           "[blank]group.name",
			`{"group":{"name":" "}}`:       "[blank]group.name",
			`{"group":{"name":"sTAFF"}}`:   "[duplicate]group.name",
			`{"group":{"name":7}}`:         "[couldNotConvert]group.name",
			`{"group":{"name":"a\u0007"}}`: "[invalid]group.name",
			`{"group":{"name":"` + strings.Repeat("ö", 192) + `"}}`: "[tooLong]group.name",
			`{"group":{"name":"x","data":"y"}}`:                     "[couldNotConvert]group.data",
			`{"group":{"name":"x"},"roleIds":["` + guests + `"]}`:   "[invalid]roleIds",
			`{"group":{"name":"x"},"roleIds":["` + idX + `"]}`:      "[invalid]roleIds", // of another tenant's application
			`{"group":{"name":"x"},"roleIds":["clerk"]}`:            "[couldNotConvert]roleIds[0]",
			`{"group":{"name":"x"}`:                                 "[invalidJSON]",
		} {
			wantCodes(t, h.Call("POST", "/api/group", body, home...), want)
		}
		wantCodes(t, h.Call("POST", "/api/group/"+staff, `{"group":{}}`, home...), "[duplicate]groupId", "[blank]group.name")
		wantCodes(t, h.Call("POST", "/api/group", `{"group":{"name":"x"}}`), "[TenantIdRequired]")
		wantCodes(t, h.Call("GET", "/api/group/staff", nil), "[couldNotConvert]groupId")
		h.Unchanged(before)
		h.WantEvents("bad requests")

		// A group of another tenant is not there; its name is free.
		h.Call("GET", "/api/group/"+staff, nil, in(other)...).Want(404)
		h.Call("DELETE", "/api/group/"+staff, nil, in(other)...).Want(404)
		h.Call("POST", "/api/group/"+guests, object{"group": object{"name": "Staff"}}, in(other)...).Want(200)
		var all wire.GroupsResponse
		h.Call("GET", "/api/group", nil, in(other)...).Want(200).Decode(&all)
		if len(all.Groups) != 1 || all.Groups[0].ID != guests {
			t.Errorf("groups of the other tenant: %+v", all)
		}
		// A tenant takes its groups with it.
		h.Call("POST", "/api/user/"+idX, object{"user": object{"username": "x", "memberships": []object{{"groupId": guests}}}, "sendSetPasswordIdentityType": "doNotSend"}, in(other)...).Want(200)
		h.Call("DELETE", "/api/tenant/"+other, nil).Want(200)
		if left := h.Strings(`SELECT id FROM user_group UNION ALL SELECT id FROM group_member`); !slices.Equal(left, []string{staff}) {
			t.Errorf("left: %v", left)
		}
	})
}

// A refusal leaves everything as it was, and frees what was reserved.
func TestGroup_Refused(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.group(staff, "Staff", clerk)
		h.group(guests, "Guests")
		h.members("POST", object{staff: []object{{"userId": ada}, {"userId": bob}}, guests: []object{{"userId": ada}}}).Want(200)
		kinds := []string{"group.create", "group.update", "group.delete", "group.member.add", "group.member.update", "group.member.remove"}
		h.Enable(wire.AbsoluteMajority, kinds...)
		h.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(403)).URL, kinds)
		h.Seen = len(h.Published())
		before := h.Rows()
		for _, row := range []struct {
			method, path string
			body         any
			want         []string
		}{
			{"POST", "/api/group/" + idX, object{"group": object{"name": "New"}}, []string{"group.create"}},
			{"PUT", "/api/group/" + staff, object{"group": object{"name": "New"}}, []string{"group.update"}},
			{"PATCH", "/api/group/" + staff, object{"roleIds": []string{mod}}, []string{"group.update"}},
			{"DELETE", "/api/group/" + staff, nil, []string{"group.delete"}},
			{"POST", "/api/group/member", object{"members": object{staff: []object{{"userId": cyd}}}}, []string{"group.member.add"}},
			{"PUT", "/api/group/member", object{"members": object{staff: []object{{"userId": cyd}}}}, []string{"group.member.update"}},
			{"DELETE", "/api/group/member?groupId=" + staff, nil, []string{"group.member.update"}},
			{"DELETE", "/api/group/member?groupId=" + staff + "&userId=" + ada, nil, []string{"group.member.remove"}},
			// Both groups are asked about; neither loses anybody.
			{"DELETE", "/api/group/member", object{"members": object{staff: []string{ada}, guests: []string{ada}}}, []string{"group.member.remove", "group.member.remove"}},
		} {
			h.Call(row.method, row.path, row.body).Want(504)
			h.WantEvents(row.method+" "+row.path, row.want...)
			h.Unchanged(before, "event", "attempt")
		}
	})
}

// Two changes of one group collide; the later one is told to try again.
func TestGroup_MovedWhileAsking(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.group(staff, "Staff")
		h.Enable(wire.AbsoluteMajority, "group.update", "group.member.update", "group.create")
		r := egresstest.NewReceiver(t)
		h.Subscribe(r.URL, []string{"group.update", "group.member.update", "group.create"})
		// whileAsked makes a call whose webhook answers once fn has returned.
		whileAsked := func(method, path string, body any, fn func()) apptest.Answer {
			t.Helper()
			release, asked := make(chan struct{}), len(r.Requests())
			r.Script(egresstest.Hold(release, egresstest.Accept()), egresstest.Accept())
			answer := make(chan apptest.Answer, 1)
			go func() { answer <- h.Call(method, path, body) }()
			r.WaitFor(asked + 1)
			fn()
			close(release)
			return <-answer
		}
		conflict := func(what string, a apptest.Answer) {
			t.Helper()
			if a.Status != 409 || !slices.Equal(a.Codes(), []string{"[retryableConflict]"}) {
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		conflict("two updates", whileAsked("PATCH", "/api/group/"+staff, object{"group": object{"name": "Slow"}}, func() {
			h.Call("PATCH", "/api/group/"+staff, object{"group": object{"name": "Quick"}}).Want(200)
		}))
		conflict("two lists of members", whileAsked("PUT", "/api/group/member", object{"members": object{staff: []object{{"userId": ada}}}}, func() {
			h.Call("PUT", "/api/group/member", object{"members": object{staff: []object{{"userId": bob}}}}).Want(200)
		}))
		conflict("a member who is gone", whileAsked("PUT", "/api/group/member", object{"members": object{staff: []object{{"userId": bob}, {"userId": ada}}}}, func() {
			h.Call("DELETE", "/api/user/"+bob+"?hardDelete=true", nil).Want(200)
		}))
		// The name that the slow one wants is refused meanwhile; members and the group itself are not in each other's way.
		whileAsked("POST", "/api/group", object{"group": object{"name": "Guests"}}, func() {
			wantCodes(t, h.Call("POST", "/api/group", object{"group": object{"name": "guests"}}), "[duplicate]group.name")
		}).Want(200)
		whileAsked("PUT", "/api/group/member", object{"members": object{staff: []object{{"userId": ada}}}}, func() {
			h.Call("PATCH", "/api/group/"+staff, object{"group": object{"data": object{"a": 1}}}).Want(200)
			h.members("POST", object{staff: []object{{"userId": cyd}}}).Want(200)
		}).Want(200)
		if got := h.of(staff); !slices.Equal(got, []string{ada, cyd}) {
			t.Errorf("members %v", got)
		}
	})
}
