package entity_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/wire"
)

const (
	grantsOnA = "/api/entity/" + idA + "/grant"
	userID    = "30000000-0000-4000-8000-000000000003"
)

// grant returns the grant that GET finds on the entity idA.
func (h *herald) grant(recipient string) wire.EntityGrant {
	h.t.Helper()
	var r wire.EntityGrantResponse
	h.Call("GET", grantsOnA+"?"+recipient, nil).Want(200).Decode(&r)
	return *r.Grant
}

// grants returns all on the entity idA.
func (h *herald) grants() []wire.EntityGrant {
	h.t.Helper()
	var r wire.EntityGrantsResponse
	h.Call("GET", grantsOnA, nil).Want(200).Decode(&r)
	return r.Grants
}

func TestGrant(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idA, "Door")
		h.sensor(idB, "Alarm")
		h.user(userID)
		if got := h.grants(); got == nil || len(got) != 0 {
			t.Errorf("grants before there are any: %v", got)
		}
		permitted := func(recipient string, want ...string) {
			t.Helper()
			if got := h.grant(recipient).Permissions; !slices.Equal(got, want) {
				t.Errorf("%s may %v, want %v", recipient, got, want)
			}
		}
		const theUser, theEntity = "userId=" + userID, "recipientEntityId=" + idB

		answer := h.Call("POST", grantsOnA, `{"grant":{"id":"`+idX+`","userId":"`+strings.ToUpper(userID)+`","permissions":["write","read","write"],"data":{"a":1},"insertInstant":1}}`).Want(200)
		if len(answer.Body) > 0 {
			t.Errorf("the answer has a body: %s", answer.Body)
		}
		first := h.grant(theUser)
		if first.ID == idX || first.UserID != userID || first.RecipientEntityID != "" || fmt.Sprint(first.Data) != "map[a:1]" || first.InsertInstant < 1000 ||
			first.Entity.ID != idA || first.Entity.Type.Name != "Sensor" || len(first.Entity.Type.Permissions) != 2 || first.Entity.ClientSecret != "" {
			t.Errorf("the grant is %+v", first)
		}
		permitted(theUser, "read", "write")

		// POST and PUT replace, PATCH adds.
		h.Call("POST", grantsOnA, `{"grant":{"userId":"`+userID+`","permissions":["write"]}}`).Want(200)
		permitted(theUser, "write")
		if again := h.grant(theUser); again.ID != first.ID || again.InsertInstant != first.InsertInstant || len(again.Data) != 0 {
			t.Errorf("after the second POST it is %+v", again)
		}
		h.Call("PATCH", grantsOnA, `{"grant":{"userId":"`+strings.ToUpper(userID)+`","permissions":["read"],"data":{"b":2}}}`).Want(200)
		permitted(theUser, "read", "write")
		h.Call("PATCH", grantsOnA, `{"grant":{"userId":"`+userID+`","permissions":["read"]}}`, "Content-Type", "application/merge-patch+json").Want(200)
		permitted(theUser, "read")
		h.Call("PATCH", grantsOnA+"?"+theUser, `[{"op":"add","path":"/grant/permissions/-","value":"write"},{"op":"add","path":"/grant/userId","value":"`+idX+`"}]`,
			"Content-Type", "application/json-patch+json").Want(200)
		permitted(theUser, "read", "write")
		if got := fmt.Sprint(h.grant(theUser).Data); got != "map[b:2]" {
			t.Errorf("data %s", got)
		}
		h.Call("PUT", grantsOnA, `{"grant":{"userId":"`+userID+`"}}`).Want(200) // none named: those that are default
		permitted(theUser, "read")

		h.Call("PUT", grantsOnA, `{"grant":{"recipientEntityId":"`+idB+`","permissions":["write"]}}`).Want(200)
		permitted(theEntity, "write")
		if all := h.grants(); len(all) != 2 || all[0].UserID != userID || all[1].RecipientEntityID != idB || all[1].Permissions[0] != "write" {
			t.Errorf("all grants: %+v", all)
		}
		for _, nobodys := range []string{"userId=" + idX, "recipientEntityId=" + idX, "recipientEntityId=" + userID} {
			h.Call("GET", grantsOnA+"?"+nobodys, nil).Want(404)
			h.Call("DELETE", grantsOnA+"?"+nobodys, nil).Want(404)
		}
		h.Call("PATCH", grantsOnA, `{"grant":{"recipientEntityId":"`+idX+`"}}`).Want(404)

		if answer := h.Call("DELETE", grantsOnA+"?"+theUser, nil).Want(200); len(answer.Body) > 0 {
			t.Errorf("the deletion answers %s", answer.Body)
		}
		h.Call("GET", grantsOnA+"?"+theUser, nil).Want(404)
		if all := h.grants(); len(all) != 1 {
			t.Errorf("after the deletion: %+v", all)
		}
		h.WantEvents("all of it")
	})
}

func TestGrant_BadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.withOtherTenant()
		h.sensor(idA, "Door", h.inDefault()...)
		h.sensor(idB, "Foreign", inOther...)
		h.user(userID, h.inDefault()...)
		h.user(idC, inOther...)
		h.Call("POST", grantsOnA, `{"grant":{"userId":"`+userID+`"}}`).Want(200)
		before := h.Rows()
		for _, try := range []struct {
			body  string
			codes []string
		}{
			{`{}`, []string{"[missing]grant.userId"}},
			{`{"grant":{"userId":"","permissions":["rea"]}}`, []string{"[missing]grant.userId", "[invalid]grant.permissions"}},
			{`{"grant":{"userId":"` + userID + `","recipientEntityId":"` + idA + `"}}`, []string{"[invalid]grant.recipientEntityId"}},
			{`{"grant":{"userId":"` + idX + `","permissions":["READ"]}}`, []string{"[invalid]grant.userId", "[invalid]grant.permissions"}},
			{`{"grant":{"userId":"` + idC + `"}}`, []string{"[invalid]grant.userId"}},                       // of the other tenant
			{`{"grant":{"recipientEntityId":"` + idB + `"}}`, []string{"[invalid]grant.recipientEntityId"}}, // likewise
			{`{"grant":{"recipientEntityId":"` + userID + `"}}`, []string{"[invalid]grant.recipientEntityId"}},
			{`{"grant":{"userId":"x","permissions":"read","data":7}}`, []string{"[couldNotConvert]grant.userId", "[couldNotConvert]grant.permissions", "[couldNotConvert]grant.data"}},
		} {
			for _, method := range []string{"POST", "PUT"} {
				h.Call(method, grantsOnA, try.body).WantCodes(try.codes...)
			}
		}
		for _, try := range []struct{ query, body, kind, code string }{
			{"", `{"grant":{}}`, "application/json", "[missing]grant.userId"},
			{"", `[]`, "application/json-patch+json", "[missing]grant.userId"},
			{"?userId=" + userID + "&recipientEntityId=" + idA, `{}`, "application/json", "[invalid]grant.recipientEntityId"},
			{"?userId=" + userID, `{"grant":{"permissions":["x"]}}`, "application/json", "[invalid]grant.permissions"},
			{"", `{"grant":{"userId":"x"}}`, "application/json", "[couldNotConvert]grant.userId"},
			{"", ``, "application/json", "[invalidJSON]"},
			{"", `{}`, "text/plain", "[invalidContentType]"},
			{"?userId=x&recipientEntityId=y", `{}`, "application/json", "[couldNotConvert]recipientEntityId [couldNotConvert]userId"},
		} {
			h.Call("PATCH", grantsOnA+try.query, try.body, "Content-Type", try.kind).WantCodes(strings.Fields(try.code)...)
		}
		h.Call("GET", grantsOnA+"?userId="+userID+"&recipientEntityId="+idA, nil).WantCodes("[invalid]recipientEntityId")
		h.Call("DELETE", grantsOnA, nil).WantCodes("[missing]userId")
		h.Call("DELETE", grantsOnA+"?userId=x", nil).WantCodes("[couldNotConvert]userId")
		for _, method := range []string{"POST", "PUT", "PATCH", "GET", "DELETE"} {
			h.Call(method, "/api/entity/"+idX+"/grant?userId="+userID, body(method)).Want(404)
			h.Call(method, "/api/entity/"+idA+"/nothing?userId="+userID, body(method)).Want(404)
		}
		h.Unchanged(before)
	})
}

// A grant ends with its entity, with who has it, and with its permissions; a permission that is renamed is so in the grants.
func TestGrant_Ends(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idA, "Door")
		h.sensor(idB, "Alarm")
		h.user(userID)
		for _, to := range []object{{"userId": userID, "permissions": []string{"read", "write"}}, {"recipientEntityId": idB, "permissions": []string{"write"}}} {
			h.Call("POST", grantsOnA, object{"grant": to}).Want(200)
		}
		h.Call("PATCH", types+"/"+sensor+"/permission/"+readID, `{"permission":{"name":"look"}}`).Want(200)
		if got := h.grant("userId=" + userID).Permissions; !slices.Equal(got, []string{"look", "write"}) {
			t.Errorf("after the renaming: %v", got)
		}
		h.Call("DELETE", types+"/"+sensor+"/permission/"+writeID, nil).Want(200)
		h.Call("POST", types+"/"+sensor+"/permission/"+writeID, `{"permission":{"name":"write"}}`).Want(200) // another one, of the same name and id
		if got := h.grant("userId=" + userID).Permissions; !slices.Equal(got, []string{"look"}) {
			t.Errorf("after the end of a permission: %v", got)
		}
		if got := h.grant("recipientEntityId=" + idB).Permissions; got == nil || len(got) != 0 {
			t.Errorf("after the end of its only permission: %v", got)
		}

		h.Call("DELETE", "/api/user/"+userID, nil).Want(200) // deactivated
		h.grant("userId=" + userID)
		h.Call("DELETE", "/api/user/"+userID+"?hardDelete=true", nil).Want(200)
		h.Call("GET", grantsOnA+"?userId="+userID, nil).Want(404)
		h.Call("DELETE", "/api/entity/"+idB, nil).Want(200)
		if got := h.grants(); len(got) != 0 {
			t.Errorf("after the end of both recipients: %+v", got)
		}
		h.WantEvents("the ends", "user.deactivate", "user.delete", "user.delete.complete", "entity.delete", "entity.delete.complete")

		h.user(userID)
		h.Call("POST", grantsOnA, object{"grant": object{"userId": userID}}).Want(200)
		h.Call("DELETE", "/api/entity/"+idA, nil).Want(200)
		if h.count("entity_grant") != "0" || h.count("entity_grant_permission") != "0" {
			t.Error("grants are left")
		}
	})
}

// Of concurrent grants for one recipient there is one in the end, and its permissions are those of one request.
func TestGrant_Concurrent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idA, "Door")
		h.user(userID)
		answers := make([]apptest.Answer, 8)
		var calls sync.WaitGroup
		for i := range answers {
			calls.Go(func() {
				answers[i] = h.Call("POST", grantsOnA, object{"grant": object{"userId": userID, "permissions": []string{[]string{"read", "write"}[i%2]}}})
			})
		}
		calls.Wait()
		done := 0
		for _, a := range answers {
			if a.Status == 200 {
				done++
			} else if codes := a.Want(409).Codes(); !slices.Equal(codes, []string{"[retryableConflict]"}) {
				t.Errorf("codes %v", codes)
			}
		}
		if all := h.grants(); done == 0 || len(all) != 1 || len(all[0].Permissions) != 1 {
			t.Errorf("%d requests succeeded, grants are %+v", done, all)
		}
	})
}

func TestGrant_Search(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.withOtherTenant()
		h.sensor(idA, "Front door", h.inDefault()...)
		h.sensor(idB, "Alarm", h.inDefault()...)
		h.sensor(idC, "Foreign", inOther...)
		h.user(userID, h.inDefault()...)
		for _, g := range []struct{ on, to, id string }{
			{idA, "userId", userID}, {idB, "userId", userID}, {idA, "recipientEntityId", idB}, {idC, "recipientEntityId", idC},
		} {
			h.Call("POST", "/api/entity/"+g.on+"/grant", object{"grant": object{g.to: g.id}}).Want(200)
		}
		label := func(g wire.EntityGrant) string {
			if g.UserID != "" {
				return g.Entity.Name + "→user"
			}
			return g.Entity.Name + "→" + string(g.RecipientEntityID[:1])
		}
		for _, try := range []struct {
			query, want string
			header      []string
		}{
			{"", "[Front door→user Alarm→user Front door→b Foreign→c] 4", nil},
			{"", "[Front door→user Alarm→user Front door→b] 3", h.inDefault()},
			{"", "[Foreign→c] 1", []string{"Authorization", tenantKey}},
			{"userId=" + userID, "[Front door→user Alarm→user] 2", nil},
			{"userId=" + userID, "[] 0", []string{"Authorization", tenantKey}},
			{"entityId=" + idA, "[Front door→user Front door→b] 2", nil},
			{"entityId=" + idA + "&userId=" + userID, "[Front door→user] 1", nil},
			{"recipientEntityId=" + idB, "[Front door→b] 1", nil},
			{"name=door", "[Front door→user Front door→b] 2", nil},
			{"name=FRONT*", "[Front door→user Front door→b] 2", nil},
			{"name=fr", "[Front door→user Front door→b] 2", nil},
			{"orderBy=insertInstant+DESC&numberOfResults=2", "[Foreign→c Front door→b] 4", nil},
			{"orderBy=name,id&startRow=1&numberOfResults=1", "[Foreign→c] 4", nil},
			{"orderBy=nonsense", "[Front door→user Alarm→user Front door→b Foreign→c] 4", nil},
			{"startRow=9", "[] 4", nil},
		} {
			var r wire.EntityGrantSearchResponse
			h.Call("GET", "/api/entity/grant/search?"+try.query, nil, try.header...).Want(200).Decode(&r)
			labels := []string{}
			for _, g := range r.Grants {
				labels = append(labels, label(g))
				if !slices.Equal(g.Permissions, []string{"read"}) || g.Entity.ClientSecret != "" || g.Entity.Type.Name != "Sensor" {
					t.Errorf("the search shows %+v", g)
				}
			}
			if got := fmt.Sprint(labels, " ", r.Total); got != try.want {
				t.Errorf("%q found %s, want %s", try.query, got, try.want)
			}
		}
		var r wire.EntityGrantSearchResponse
		h.Call("POST", "/api/entity/grant/search", object{"search": object{"entityId": strings.ToUpper(idB), "numberOfResults": "1"}}).Want(200).Decode(&r)
		if r.Total != 1 || r.Grants[0].Entity.ID != idB {
			t.Errorf("POST found %+v", r)
		}
		h.Call("GET", "/api/entity/grant/search?entityId=x&numberOfResults=y", nil).WantCodes("[couldNotConvert]entityId", "[couldNotConvert]numberOfResults")
		h.Call("POST", "/api/entity/grant/search", object{"search": object{"name": strings.Repeat("x", 1001)}}).WantCodes("[tooLong]search.name")
	})
}
