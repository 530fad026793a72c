package entity_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func TestCreate(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		created := entity(h.Call("POST", "/api/entity/"+strings.ToUpper(idA), `{"entity":{
			"id":"`+idX+`","tenantId":"`+idX+`","insertInstant":1,"name":" Front door ","clientId":" Front-Door ","clientSecret":"`+planted+`",
			"data":{"n":12345678901234567890},"type":{"id":"`+strings.ToUpper(sensor)+`","name":"ignored","permissions":[{"name":"ignored"}]},"unknown":1},
			"eventInfo":{"location":{"city":"Springfield"}}}`).Want(200))
		h.WantEvents("create", "entity.create", "entity.create.complete")

		now := created.InsertInstant
		want := wire.Entity{
			ID: idA, TenantID: h.Tenant, Name: "Front door", ClientID: "Front-Door", ClientSecret: planted, Data: wire.Object{"n": json.Number("12345678901234567890")},
			Type: entityType(h.Call("GET", types+"/"+sensor, nil)), InsertInstant: now, LastUpdateInstant: now,
		}
		if now == 0 {
			t.Error("no instant")
		}
		if diff := cmp.Diff(want, created); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(created, h.entity(idA)); diff != "" {
			t.Errorf("read back (-created +read):\n%s", diff)
		}
		want.ClientSecret = ""
		for _, kind := range []string{"entity.create", "entity.create.complete"} {
			e, body := h.last(kind)
			if e.LinkedObjectID != idA || e.TenantID != h.Tenant || e.Info == nil || e.Info.Location.City != "Springfield" || strings.Contains(body, "clientSecret") {
				t.Errorf("%s: %s", kind, body)
			}
			if diff := cmp.Diff(want, *e.Entity); diff != "" {
				t.Errorf("%s (-want +event):\n%s", kind, diff)
			}
		}
		for table, rows := range h.Rows() {
			if text := strings.Join(rows, ""); strings.Contains(text, planted) {
				t.Errorf("table %s has the secret in clear", table)
			}
		}

		// What nobody says is made up.
		plain := h.sensor(idB, "Front door")
		if plain.ClientID != idB || len(plain.ClientSecret) != 52 || plain.ClientSecret == h.sensor("", "Another").ClientSecret {
			t.Errorf("client id %q, secret of %d characters", plain.ClientID, len(plain.ClientSecret))
		}
		h.Call("POST", "/api/entity/"+idA, `{"entity":{"clientId":"FRONT-DOOR","type":{"id":"`+idX+`"}}}`).
			WantCodes("[duplicate]entityId", "[duplicate]entity.clientId", "[blank]entity.name", "[invalid]entity.type.id")
		h.WantEvents("a refused creation")
	})
}

func TestBadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.withOtherTenant()
		h.sensor(idA, "One", h.inDefault()...)
		h.sensor(idB, "Foreign", inOther...)
		before := h.Rows()
		with := func(members string) string {
			return `{"entity":{"name":"x","type":{"id":"` + sensor + `"},` + members + `}}`
		}
		for _, try := range []struct {
			body  string
			codes []string
		}{
			{`{}`, []string{"[blank]entity.name", "[missing]entity.type.id"}},
			{`{"entity":[]}`, []string{"[couldNotConvert]entity"}},
			{with(`"clientId":"` + strings.Repeat("x", 192) + `"`), []string{"[tooLong]entity.clientId"}},
			{with(`"clientId":"a\u0001b","clientSecret":"a\nb"`), []string{"[invalid]entity.clientId", "[invalid]entity.clientSecret"}},
			{with(`"clientSecret":" x"`), []string{"[invalid]entity.clientSecret"}},
			{with(`"clientSecret":"` + strings.Repeat("x", 256) + `"`), []string{"[tooLong]entity.clientSecret"}},
			{with(`"clientId":"` + idA + `"`), []string{"[duplicate]entity.clientId"}},
			{with(`"parentId":"` + idX + `"`), []string{"[invalid]entity.parentId"}},
			{with(`"parentId":"` + idB + `"`), []string{"[invalid]entity.parentId"}}, // of the other tenant
			{with(`"parentId":"` + idC + `"`), []string{"[invalid]entity.parentId"}}, // itself
			{with(`"parentId":"x","data":1`), []string{"[couldNotConvert]entity.parentId", "[couldNotConvert]entity.data"}},
			{with(`"name":"` + strings.Repeat("ä", 192) + `"`), []string{"[invalidJSON]"}}, // a member twice
			{`{"entity":{"name":"` + strings.Repeat("ä", 192) + `","type":{"id":"x"}}}`, []string{"[couldNotConvert]entity.type.id"}},
			{`{"entity":{"name":"` + strings.Repeat("ä", 192) + `"}}`, []string{"[tooLong]entity.name", "[missing]entity.type.id"}},
		} {
			h.Call("POST", "/api/entity/"+idC, try.body, h.inDefault()...).WantCodes(try.codes...)
		}
		for _, call := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			h.Call(call, "/api/entity/x", body(call)).WantCodes("[couldNotConvert]entityId")
			h.Call(call, "/api/entity/"+idX, body(call)).Want(404)
		}
		h.Call("POST", "/api/entity", with(`"data":{}`)).WantCodes("[TenantIdRequired]")
		h.Call("PATCH", "/api/entity/"+idA, `[{"op":"remove","path":"/entity/nothing"}]`, "Content-Type", "application/json-patch+json").Want(400)
		h.Call("PUT", "/api/entity/"+idA, with(`"parentId":"`+idA+`"`)).WantCodes("[invalid]entity.parentId")
		h.Unchanged(before)
		h.WantEvents("refused requests")
	})
}

// body is one for methods that have one.
func body(method string) any {
	if method == "GET" || method == "DELETE" {
		return nil
	}
	return `{"entity":{"name":"x"}}`
}

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		before := entity(h.Call("POST", "/api/entity/"+idA, object{"entity": object{
			"name": "One", "clientId": "one", "clientSecret": planted, "data": object{"a": 1, "list": []int{1}}, "type": object{"id": sensor},
		}}).Want(200))
		h.WantEvents("create", "entity.create", "entity.create.complete")

		// PUT replaces everything but what it must not lose, and fires even when nothing changes.
		after := entity(h.Call("PUT", "/api/entity/"+idA, object{"entity": object{"id": idX, "name": "Two", "clientSecret": ""}}).Want(200))
		h.WantEvents("PUT", "entity.update", "entity.update.complete")
		want := before
		want.Name, want.Data, want.LastUpdateInstant = "Two", wire.Object{}, after.LastUpdateInstant
		if diff := cmp.Diff(want, after); diff != "" || after.LastUpdateInstant < before.LastUpdateInstant {
			t.Errorf("after PUT (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(after, h.entity(idA)); diff != "" {
			t.Errorf("read back (-answer +read):\n%s", diff)
		}
		for _, kind := range []string{"entity.update", "entity.update.complete"} {
			e, text := h.last(kind)
			original, changed := before, after
			original.ClientSecret, changed.ClientSecret = "", ""
			if diff := cmp.Diff([]wire.Entity{original, changed}, []wire.Entity{*e.Original, *e.Entity}); diff != "" || strings.Contains(text, "clientSecret") || e.LinkedObjectID != idA {
				t.Errorf("%s (-want +event):\n%s", kind, diff)
			}
		}

		for _, row := range []struct {
			what, kind, body string
			check            func(e wire.Entity) bool
		}{
			{"a name", "application/json", `{"entity":{"name":"Three"}}`, func(e wire.Entity) bool { return e.Name == "Three" && e.ClientSecret == planted }},
			{"nothing", "application/json", `{}`, func(e wire.Entity) bool { return e.Name == "Three" }},
			{"a secret", "application/json", `{"entity":{"clientSecret":"another"}}`, func(e wire.Entity) bool { return e.ClientSecret == "another" }},
			{"no secret", "application/json", `{"entity":{"clientSecret":null,"clientId":null}}`, func(e wire.Entity) bool { return e.ClientSecret == "another" && e.ClientID == "one" }},
			{"a client id's case", "application/json", `{"entity":{"clientId":"ONE"}}`, func(e wire.Entity) bool { return e.ClientID == "ONE" }},
			{"data", "application/merge-patch+json", `{"entity":{"data":{"list":[1]}}}`, func(e wire.Entity) bool { return fmt.Sprint(e.Data) == "map[list:[1]]" }},
			{"more data", "application/json", `{"entity":{"data":{"list":[2]}}}`, func(e wire.Entity) bool { return fmt.Sprint(e.Data) == "map[list:[1 2]]" }},
			{"operations", "application/json-patch+json", `[{"op":"replace","path":"/entity/name","value":"Four"}]`, func(e wire.Entity) bool { return e.Name == "Four" }},
		} {
			got := entity(h.Call("PATCH", "/api/entity/"+idA, row.body, "Content-Type", row.kind).Want(200))
			h.WantEvents("PATCH of "+row.what, "entity.update", "entity.update.complete")
			if !row.check(got) || !row.check(h.entity(idA)) {
				t.Errorf("PATCH of %s: %+v", row.what, got)
			}
		}

		// The type stays, and is shown as it is now.
		h.Call("POST", types+"/"+idB, `{"entityType":{"name":"Other"}}`).Want(200)
		for _, other := range []string{idB, idX} {
			h.Call("PATCH", "/api/entity/"+idA, object{"entity": object{"type": object{"id": other}}}).WantCodes("[invalid]entity.type.id")
		}
		h.WantEvents("refused updates")
		h.Call("PATCH", types+"/"+sensor, `{"entityType":{"name":"Detector"}}`).Want(200)
		if got := h.entity(idA).Type.Name; got != "Detector" {
			t.Errorf("the type is called %s", got)
		}
		h.sensor(idC, "Other")
		h.Call("PATCH", "/api/entity/"+idA, object{"entity": object{"clientId": strings.ToUpper(idC)}}).WantCodes("[duplicate]entity.clientId")
	})
}

func TestParent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idA, "A")
		h.sensor(idB, "B")
		h.sensor(idC, "C")
		parent := func(of, id string) apptest.Answer {
			return h.Call("PATCH", "/api/entity/"+of, object{"entity": object{"parentId": id}})
		}
		parent(idB, idA).Want(200)
		parent(idC, idB).Want(200)
		if got := h.entity(idC).ParentID; got != idB {
			t.Errorf("parent %s", got)
		}
		for _, id := range []string{idA, idB, idC} {
			parent(idA, id).WantCodes("[invalid]entity.parentId")
		}
		before := h.Rows()
		h.Call("DELETE", "/api/entity/"+idA, nil).WantCodes("[inUse]entityId")
		h.Unchanged(before)
		h.Enable(wire.AbsoluteMajority, "entity.delete")
		r := egresstest.NewReceiver(t)
		h.Subscribe(r.URL, []string{"entity.delete"})
		h.Call("DELETE", "/api/entity/"+idA, nil).WantCodes("[inUse]entityId")
		if asked := len(r.Requests()); asked > 0 {
			t.Errorf("the webhook was asked %d times about what cannot be", asked)
		}
		h.Call("PUT", "/api/entity/"+idB, object{"entity": object{"name": "B"}}).Want(200) // without a parent
		h.Call("DELETE", "/api/entity/"+idA, nil).Want(200)
	})
}

func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		e := h.sensor(idA, "One")
		answer := h.Call("DELETE", "/api/entity/"+idA, `{"eventInfo":{"ipAddress":"192.0.2.7"}}`).Want(200)
		if len(answer.Body) > 0 {
			t.Errorf("the deletion answers %s", answer.Body)
		}
		h.WantEvents("DELETE", "entity.delete", "entity.delete.complete")
		e.ClientSecret = ""
		for _, kind := range []string{"entity.delete", "entity.delete.complete"} {
			got, text := h.last(kind)
			if diff := cmp.Diff(e, *got.Entity); diff != "" || strings.Contains(text, "clientSecret") || got.LinkedObjectID != idA || got.Info.IPAddress != "192.0.2.7" {
				t.Errorf("%s: %s\n%s", kind, text, diff)
			}
		}
		h.Call("DELETE", "/api/entity/"+idA, nil).Want(404)
		h.Call("GET", "/api/entity/"+idA, nil).Want(404)
		h.sensor(idA, "One") // id and client id are free again
	})
}

// A refusing webhook leaves the store as it was: nothing but the event and the vote is on record.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idA, "One")
		h.user(idC)
		h.Call("POST", "/api/entity/"+idA+"/grant", object{"grant": object{"userId": idC}}).Want(200)
		all := []string{"entity.create", "entity.create.complete", "entity.update", "entity.update.complete", "entity.delete", "entity.delete.complete"}
		h.Enable(wire.AbsoluteMajority, all...)
		h.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(403)).URL, all)
		before := h.Rows()
		for _, call := range []struct{ method, path, body, event string }{
			{"POST", "/api/entity/" + idB, `{"entity":{"name":"Two","type":{"id":"` + sensor + `"}}}`, "entity.create"},
			{"PUT", "/api/entity/" + idA, `{"entity":{"name":"Other"}}`, "entity.update"},
			{"PATCH", "/api/entity/" + idA, `{"entity":{"clientSecret":"other"}}`, "entity.update"},
			{"DELETE", "/api/entity/" + idA, ``, "entity.delete"},
		} {
			answer := h.Call(call.method, call.path, call.body).Want(504)
			if codes := answer.Codes(); !slices.Equal(codes, []string{"[WebhookTransactionException]"}) {
				t.Errorf("%s: %v", call.event, codes)
			}
			h.WantEvents(call.method, call.event)
			h.Unchanged(before, "event", "attempt", "audience")
		}
		if results := h.Strings(`SELECT DISTINCT result FROM event WHERE type LIKE 'entity.%' AND sequence > 6`); !slices.Equal(results, []string{"Failed"}) {
			t.Errorf("results on record: %v", results)
		}
	})
}

// The webhooks see the state before the change; whoever changes the entity meanwhile wins, and the outer call is told to try again.
func TestReceiverCallsBack(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idA, "One")
		all := []string{"entity.create", "entity.update", "entity.delete"}
		h.Enable(wire.AbsoluteMajority, all...)
		inside := func() {}
		r := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			do := inside
			inside = func() {}
			do()
			w.WriteHeader(200)
		}))
		h.Subscribe(r.URL, all)
		conflict := func(a apptest.Answer) {
			t.Helper()
			if codes := a.Want(409).Codes(); !slices.Equal(codes, []string{"[retryableConflict]"}) {
				t.Errorf("codes %v", codes)
			}
		}
		newName := func(name string) object { return object{"entity": object{"name": name}} }

		inside = func() {
			h.Call("GET", "/api/entity/"+idB, nil).Want(404)
			// The name of one that is about to be is taken already.
			h.Call("POST", "/api/entity", object{"entity": object{"name": "x", "clientId": idB, "type": object{"id": sensor}}}).WantCodes("[duplicate]entity.clientId")
			h.Call("POST", "/api/entity/"+idB, object{"entity": object{"name": "x", "type": object{"id": sensor}}}).WantCodes("[duplicate]entityId", "[duplicate]entity.clientId")
		}
		h.Call("POST", "/api/entity/"+idB, object{"entity": object{"name": "Two", "type": object{"id": sensor}}}).Want(200)

		inside = func() {
			if got := h.entity(idA).Name; got != "One" {
				t.Errorf("inside the vote it is called %s", got)
			}
			h.Call("PATCH", "/api/entity/"+idA, newName("Inner")).Want(200)
		}
		conflict(h.Call("PATCH", "/api/entity/"+idA, newName("Outer")))
		if got := h.entity(idA).Name; got != "Inner" {
			t.Errorf("after both it is called %s", got)
		}
		inside = func() { h.Call("PATCH", "/api/entity/"+idA, newName("Inner 2")).Want(200) }
		conflict(h.Call("DELETE", "/api/entity/"+idA, nil))
		inside = func() { h.Call("DELETE", "/api/entity/"+idA, nil).Want(200) }
		conflict(h.Call("PATCH", "/api/entity/"+idA, newName("Outer")))

		// The type, or the parent, goes while the webhooks are asked.
		h.Call("POST", types+"/"+idC, `{"entityType":{"name":"Short-lived"}}`).Want(200)
		inside = func() { h.Call("DELETE", types+"/"+idC, nil).Want(200) }
		conflict(h.Call("POST", "/api/entity", object{"entity": object{"name": "x", "type": object{"id": idC}}}))
		inside = func() { h.Call("DELETE", "/api/entity/"+idB, nil).Want(200) }
		conflict(h.Call("POST", "/api/entity", object{"entity": object{"name": "x", "type": object{"id": sensor}, "parentId": idB}}))

		// The tenant goes.
		h.withOtherTenant()
		events := object{"entity.create": object{"enabled": true, "transactionType": "AbsoluteMajority"}}
		h.Call("PATCH", "/api/tenant/"+otherTenant, object{"tenant": object{"eventConfiguration": object{"events": events}}}).Want(200)
		inside = func() { h.Call("DELETE", "/api/tenant/"+otherTenant, nil).Want(200) }
		h.Call("POST", "/api/entity", object{"entity": object{"name": "x", "type": object{"id": sensor}}}, inOther...).WantCodes("[invalid]tenantId")

		// A child comes while they are asked about its parent's end.
		h.Call("POST", "/api/entity/"+idA, object{"entity": object{"name": "Parent", "type": object{"id": sensor}}}).Want(200)
		inside = func() {
			h.Call("POST", "/api/entity", object{"entity": object{"name": "Child", "type": object{"id": sensor}, "parentId": idA}}).Want(200)
		}
		h.Call("DELETE", "/api/entity/"+idA, nil).WantCodes("[inUse]entityId")
		h.entity(idA)
	})
}

func TestCreate_Concurrent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		answers := make([]apptest.Answer, 8)
		var calls sync.WaitGroup
		for i := range answers {
			calls.Go(func() {
				answers[i] = h.Call("POST", "/api/entity", object{"entity": object{"name": "x", "clientId": "Race", "type": object{"id": sensor}}})
			})
		}
		calls.Wait()
		won := 0
		for _, a := range answers {
			if a.Status == 200 {
				won++
				continue
			}
			a.WantCodes("[duplicate]entity.clientId")
		}
		if won != 1 {
			t.Errorf("%d creations won", won)
		}
		h.WantEvents("the race", "entity.create", "entity.create.complete")
	})
}

// A key of a tenant stays in it, and client ids are free in every tenant.
func TestTenants(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.withOtherTenant()
		mine := h.sensor(idA, "Mine", h.inDefault()...)
		theirs := h.sensor(idB, "Theirs", "Authorization", tenantKey)
		if mine.TenantID != h.Tenant || theirs.TenantID != otherTenant {
			t.Errorf("tenants %s and %s", mine.TenantID, theirs.TenantID)
		}
		before := h.Rows()
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			h.Call(method, "/api/entity/"+idA, body(method), "Authorization", tenantKey).Want(404)
			h.Call(method, "/api/entity/"+idA, body(method), inOther...).Want(404)
			h.Call(method, "/api/entity/"+idA+"/grant?userId="+idX, body(method), "Authorization", tenantKey).Want(404)
		}
		h.Call("POST", "/api/entity/"+idA+"/grant", object{"grant": object{"userId": idX}}, "Authorization", tenantKey).Want(404)
		h.Unchanged(before)
		for header, want := range map[string]string{tenantKey: "Theirs", apptest.Key: "Mine Theirs"} {
			if got := strings.Join(h.found(`{}`, "Authorization", header), " "); got != want {
				t.Errorf("the search finds %q, want %q", got, want)
			}
			if got := strings.Join(h.found(`{"ids":["`+idA+`","`+idB+`"]}`, "Authorization", header), " "); got != want {
				t.Errorf("the search by ids finds %q, want %q", got, want)
			}
		}
		h.Call("POST", "/api/entity", object{"entity": object{"name": "x", "clientId": idA, "type": object{"id": sensor}}}, inOther...).Want(200)
		h.WantEvents("the same client id in another tenant", "entity.create", "entity.create.complete")

		// The end of a tenant is that of its entities, parents and grants included. Their webhooks hear nothing of it.
		h.Call("PATCH", "/api/entity/"+idB, object{"entity": object{"parentId": string(h.sensor(idC, "Parent", inOther...).ID)}}).Want(200)
		h.Call("POST", "/api/entity/"+idB+"/grant", object{"grant": object{"recipientEntityId": idC}}).Want(200)
		h.WantEvents("a parent", "entity.update", "entity.update.complete")
		h.Call("DELETE", "/api/tenant/"+otherTenant, nil).Want(200)
		h.WantEvents("the end of the tenant")
		if got := h.Strings(`SELECT name FROM entity`); !slices.Equal(got, []string{"Mine"}) || h.count("entity_grant") != "0" || h.count("entity_grant_permission") != "0" {
			t.Errorf("after the end of the tenant there are %v", got)
		}
	})
}
