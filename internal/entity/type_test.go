package entity_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/wire"
)

const types = "/api/entity/type"

func entityType(a apptest.Answer) wire.EntityType {
	var r wire.EntityTypeResponse
	a.Decode(&r)
	return *r.EntityType
}

func permission(a apptest.Answer) wire.EntityTypePermission {
	var r wire.EntityTypePermissionResponse
	a.Decode(&r)
	return *r.Permission
}

// names are those of the permissions of a type, in the order they are shown.
func names(t wire.EntityType) []string {
	all := []string{}
	for _, p := range t.Permissions {
		all = append(all, p.Name)
	}
	return all
}

func TestType(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		created := entityType(h.Call("POST", types+"/"+strings.ToUpper(idA), `{"entityType":{"id":"`+idX+`","insertInstant":1,"name":" Company ","data":{"n":12345678901234567890},
			"jwtConfiguration":{"enabled":"true","timeToLiveInSeconds":"60"},"permissions":[{"name":"b","isDefault":"true"},{"name":"a","data":{"x":1}}],"unknown":1}}`).Want(200))
		now := created.InsertInstant
		if now < 1_000_000 || created.LastUpdateInstant != now || created.Permissions[0].InsertInstant != now || created.Permissions[0].ID == "" {
			t.Errorf("created %+v", created)
		}
		read := entityType(h.Call("GET", types+"/"+idA, nil).Want(200))
		if read.ID != idA || read.Name != "Company" || !slices.Equal(names(read), []string{"a", "b"}) || !read.Permissions[1].IsDefault ||
			*read.JWTConfiguration != (wire.EntityJWTConfiguration{Enabled: true, TimeToLiveInSeconds: 60}) || fmt.Sprint(read.Data) != "map[n:12345678901234567890]" {
			t.Errorf("read %+v", read)
		}
		h.Call("POST", types+"/"+idA, `{"entityType":{"name":"company"}}`).WantCodes("[duplicate]entityTypeId", "[duplicate]entityType.name")

		// All types, by name.
		var all wire.EntityTypesResponse
		h.Call("GET", types, nil).Want(200).Decode(&all)
		if len(all.EntityTypes) != 2 || all.EntityTypes[0].ID != idA || all.EntityTypes[1].ID != sensor {
			t.Errorf("all types: %+v", all)
		}

		// PUT replaces everything but the permissions.
		replaced := entityType(h.Call("PUT", types+"/"+idA, `{"entityType":{"name":"Firm","permissions":[{"name":"c"}]}}`).Want(200))
		if replaced.Name != "Firm" || len(replaced.Data) != 0 || replaced.JWTConfiguration.Enabled || !slices.Equal(names(replaced), []string{"a", "b"}) || replaced.InsertInstant != now {
			t.Errorf("replaced %+v", replaced)
		}
		h.Call("PUT", types+"/"+idA, `{"entityType":{"name":"SENSOR"}}`).WantCodes("[duplicate]entityType.name")
		h.Call("PUT", types+"/"+idA, `{"entityType":{}}`).WantCodes("[blank]entityType.name")

		// PATCH in its three kinds.
		h.Call("PATCH", types+"/"+idA, `{"entityType":{"data":{"a":1},"jwtConfiguration":{"timeToLiveInSeconds":5}}}`).Want(200)
		h.Call("PATCH", types+"/"+idA, `{"entityType":{"data":{"a":null,"b":2}}}`, "Content-Type", "application/merge-patch+json").Want(200)
		patched := entityType(h.Call("PATCH", types+"/"+idA, `[{"op":"replace","path":"/entityType/name","value":"firm"}]`, "Content-Type", "application/json-patch+json").Want(200))
		if patched.Name != "firm" || fmt.Sprint(patched.Data) != "map[b:2]" || patched.JWTConfiguration.TimeToLiveInSeconds != 5 || len(patched.Permissions) != 2 {
			t.Errorf("patched %+v", patched)
		}
		if diff := cmp.Diff(patched, entityType(h.Call("GET", types+"/"+idA, nil).Want(200))); diff != "" {
			t.Errorf("answer and stored type differ: %s", diff)
		}

		h.Call("DELETE", types+"/"+idA, nil).Want(200)
		for _, call := range []string{"GET", "DELETE"} {
			h.Call(call, types+"/"+idA, nil).Want(404)
		}
		h.Call("PUT", types+"/"+idA, `{"entityType":{"name":"x"}}`).Want(404)
		h.Call("PATCH", types+"/"+idA, `{"entityType":{"name":"x"}}`).Want(404)
		if h.count("entity_permission") != "2" {
			t.Error("the permissions of the deleted type are still there")
		}
		h.WantEvents("all of it")
	})
}

// A type that any entity has stays, and says why.
func TestType_InUse(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idA, "One")
		before := h.Rows()
		answer := h.Call("DELETE", types+"/"+sensor, nil)
		answer.WantCodes("[inUse]entityTypeId")
		if !strings.Contains(string(answer.Body), "there are 1.") {
			t.Errorf("the answer does not say how many: %s", answer.Body)
		}
		h.Unchanged(before)
		h.Call("DELETE", "/api/entity/"+idA, nil).Want(200)
		h.Call("DELETE", types+"/"+sensor, nil).Want(200)
	})
}

func TestType_BadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		var k wire.KeyResponse
		h.Call("POST", "/api/key/generate", `{"key":{"algorithm":"ES256","name":"tokens"}}`).Want(200).Decode(&k)
		before := h.Rows()
		long := strings.Repeat("x", 256)
		for _, try := range []struct {
			body  string
			codes []string
		}{
			{`{}`, []string{"[blank]entityType.name"}},
			{`{"entityType":5}`, []string{"[couldNotConvert]entityType"}},
			{`{"entityType":{"data":5,"permissions":[{"name":"a"},{"name":"a"}]}}`, []string{
				"[couldNotConvert]entityType.data", "[blank]entityType.name", "[duplicate]entityType.permissions[1].name",
			}},
			{`{"entityType":{"name":"a\u0007"}}`, []string{"[invalid]entityType.name"}},
			{`{"entityType":{"name":"` + long + `","jwtConfiguration":{"enabled":true}}}`, []string{"[tooLong]entityType.name", "[missing]entityType.jwtConfiguration.timeToLiveInSeconds"}},
			{`{"entityType":{"name":"x","jwtConfiguration":{"timeToLiveInSeconds":-1,"accessTokenKeyId":"` + idX + `"}}}`, []string{
				"[invalid]entityType.jwtConfiguration.timeToLiveInSeconds", "[invalid]entityType.jwtConfiguration.accessTokenKeyId",
			}},
			{`{"entityType":{"name":"x","jwtConfiguration":{"timeToLiveInSeconds":2147483648}}}`, []string{"[invalid]entityType.jwtConfiguration.timeToLiveInSeconds"}},
			{`{"entityType":{"name":"x","jwtConfiguration":{"timeToLiveInSeconds":"soon"},"data":[]}}`, []string{
				"[couldNotConvert]entityType.data", "[couldNotConvert]entityType.jwtConfiguration.timeToLiveInSeconds",
			}},
			{`{"entityType":{"name":"x","permissions":[{"name":"a","description":"` + long + `"},{"name":"A"},{"id":"` + readID + `","name":"b"},{}]}}`, []string{
				"[tooLong]entityType.permissions[0].description", "[duplicate]entityType.permissions[1].name", "[duplicate]entityType.permissions[2].id",
				"[blank]entityType.permissions[3].name",
			}},
			{`{"entityType":{"name":"x","permissions":[{"id":"` + idX + `","name":"a"},{"id":"` + idX + `","name":"b"}]}}`, []string{"[duplicate]entityType.permissions[1].id"}},
		} {
			h.Call("POST", types, try.body).WantCodes(try.codes...)
		}
		var many []object
		for i := range 1001 {
			many = append(many, object{"name": fmt.Sprint("p", i)})
		}
		h.Call("POST", types, object{"entityType": object{"name": "x", "permissions": many}}).WantCodes("[tooMany]entityType.permissions")
		h.Call("GET", types+"/x", nil).WantCodes("[couldNotConvert]entityTypeId")
		h.Unchanged(before)

		// A key that signs for a type stays.
		h.Call("PATCH", types+"/"+sensor, object{"entityType": object{"jwtConfiguration": object{"accessTokenKeyId": k.Key.ID}}}).Want(200)
		answer := h.Call("DELETE", "/api/key/"+string(k.Key.ID), nil)
		answer.WantCodes("[inUse]keyId")
		if !strings.Contains(string(answer.Body), "the entity type Sensor") {
			t.Errorf("the answer does not say by whom: %s", answer.Body)
		}
		h.Call("PUT", types+"/"+sensor, `{"entityType":{"name":"Sensor"}}`).Want(200)
		h.Call("DELETE", "/api/key/"+string(k.Key.ID), nil).Want(200)
	})
}

func TestType_Search(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		for _, name := range []string{"Camera", "Car", "Ärger", "100%"} {
			h.Call("POST", types, object{"entityType": object{"name": name}}).Want(200)
		}
		found := func(body string) (names []string, total int) {
			var r wire.EntityTypeSearchResponse
			h.Call("POST", types+"/search", `{"search":`+body+`}`).Want(200).Decode(&r)
			for _, one := range r.EntityTypes {
				names = append(names, one.Name)
			}
			return names, r.Total
		}
		for body, want := range map[string]string{
			`{}`:                                  "[100% Camera Car Sensor Ärger] 5",
			`{"name":"*"}`:                        "[100% Camera Car Sensor Ärger] 5",
			`{"name":"ca"}`:                       "[Camera Car] 2",
			`{"name":"c*R"}`:                      "[Car] 1",
			`{"name":"%"}`:                        "[100%] 1",
			`{"name":"ÄRGER"}`:                    "[Ärger] 1",
			`{"name":"nothing"}`:                  "[] 0",
			`{"orderBy":"name DESC"}`:             "[Ärger Sensor Car Camera 100%] 5",
			`{"orderBy":"insertInstant ASC, id"}`: "[Sensor Camera Car Ärger 100%] 5",
			`{"orderBy":"nonsense"}`:              "[100% Camera Car Sensor Ärger] 5",
			`{"startRow":1,"numberOfResults":2}`:  "[Camera Car] 5",
		} {
			names, total := found(body)
			if got := fmt.Sprint(names, " ", total); got != want {
				t.Errorf("%s found %s, want %s", body, got, want)
			}
		}
		var r wire.EntityTypeSearchResponse
		h.Call("GET", types+"/search?numberOfResults=1&name="+url.QueryEscape("*a*"), nil).Want(200).Decode(&r)
		if r.Total != 2 || len(r.EntityTypes) != 1 || r.EntityTypes[0].Permissions == nil {
			t.Errorf("GET found %+v", r)
		}
		h.Call("GET", types+"/search?numberOfResults=10001", nil).WantCodes("[invalid]numberOfResults")
		h.Call("POST", types+"/search", object{"search": object{"name": strings.Repeat("x", 1001)}}).WantCodes("[tooLong]search.name")
	})
}

func TestPermission(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const all = types + "/" + sensor + "/permission"
		created := permission(h.Call("POST", all+"/"+idA, `{"permission":{"name":" calibrate ","description":"Set it right","isDefault":"true","data":{"a":1}}}`).Want(200))
		if created.ID != idA || created.Name != "calibrate" || !created.IsDefault || created.Description != "Set it right" || created.InsertInstant == 0 {
			t.Errorf("created %+v", created)
		}
		inBody := permission(h.Call("POST", all, `{"permission":{"id":"`+idB+`","name":"reset"}}`).Want(200))
		generated := permission(h.Call("POST", all, `{"permission":{"name":"open"}}`).Want(200))
		if inBody.ID != idB || generated.ID == "" {
			t.Errorf("ids %s and %s", inBody.ID, generated.ID)
		}
		if got := names(entityType(h.Call("GET", types+"/"+sensor, nil).Want(200))); !slices.Equal(got, []string{"calibrate", "open", "read", "reset", "write"}) {
			t.Errorf("permissions %v", got)
		}
		h.Call("POST", all+"/"+idA, `{"permission":{"name":"READ","description":"`+strings.Repeat("x", 256)+`"}}`).
			WantCodes("[duplicate]permissionId", "[duplicate]permission.name", "[tooLong]permission.description")
		h.Call("POST", all, `{"permission":{}}`).WantCodes("[blank]permission.name")
		h.Call("POST", types+"/"+idX+"/permission", `{"permission":{"name":"x"}}`).Want(404)

		replaced := permission(h.Call("PUT", all+"/"+idA, `{"permission":{"name":"Calibrate"}}`).Want(200))
		if replaced.Name != "Calibrate" || replaced.IsDefault || replaced.Description != "" || len(replaced.Data) != 0 || replaced.InsertInstant != created.InsertInstant {
			t.Errorf("replaced %+v", replaced)
		}
		h.Call("PUT", all+"/"+idA, `{"permission":{"name":"write"}}`).WantCodes("[duplicate]permission.name")
		patched := permission(h.Call("PATCH", all+"/"+idA, `{"permission":{"isDefault":true,"data":{"b":2}}}`).Want(200))
		if patched.Name != "Calibrate" || !patched.IsDefault || fmt.Sprint(patched.Data) != "map[b:2]" {
			t.Errorf("patched %+v", patched)
		}

		// Only through its own type.
		h.Call("POST", types+"/"+idC, `{"entityType":{"name":"Other"}}`).Want(200)
		for _, call := range []string{"PUT", "PATCH"} {
			h.Call(call, types+"/"+idC+"/permission/"+idA, `{"permission":{"name":"x"}}`).Want(404)
			h.Call(call, all+"/"+idX, `{"permission":{"name":"x"}}`).Want(404)
		}
		h.Call("DELETE", types+"/"+idC+"/permission/"+idA, nil).Want(404)
		h.Call("POST", types+"/"+idC+"/permission/"+idA, `{"permission":{"name":"x"}}`).WantCodes("[duplicate]permissionId")

		if answer := h.Call("DELETE", all+"/"+idA, nil).Want(200); len(answer.Body) > 0 {
			t.Errorf("deletion answers %s", answer.Body)
		}
		h.Call("DELETE", all+"/"+idA, nil).Want(404)
		h.Call("DELETE", all+"/x", nil).WantCodes("[couldNotConvert]permissionId")
		h.WantEvents("all of it")
	})
}

// Of concurrent requests for one name one wins, and the others are told.
func TestType_Concurrent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		race := func(path, body, code string) {
			answers := make([]apptest.Answer, 6)
			var calls sync.WaitGroup
			for i := range answers {
				calls.Go(func() { answers[i] = h.Call("POST", path, body) })
			}
			calls.Wait()
			won := 0
			for _, a := range answers {
				switch a.Status {
				case 200:
					won++
				case 409: // the type has changed under its hands
				default:
					a.WantCodes(code)
				}
			}
			if won != 1 {
				t.Errorf("%s: %d won", path, won)
			}
		}
		race(types, `{"entityType":{"name":"Race"}}`, "[duplicate]entityType.name")
		race(types+"/"+sensor+"/permission", `{"permission":{"name":"race"}}`, "[duplicate]permission.name")
	})
}

// Types belong to all tenants: a tenant's key reads them, and a global one changes them.
func TestType_WhoMayDoWhat(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.withOtherTenant()
		as := func(method, path string) int {
			var body any
			if method != "GET" && method != "DELETE" {
				body = `{"entityType":{"name":"x"},"permission":{"name":"x"}}`
			}
			return h.Call(method, path, body, "Authorization", tenantKey).Status
		}
		for _, path := range []string{types, types + "/" + sensor, types + "/search"} {
			if got := as("GET", path); got != 200 {
				t.Errorf("GET %s: %d", path, got)
			}
		}
		before := h.Rows()
		for _, call := range []string{
			"POST " + types, "POST " + types + "/" + idA, "PUT " + types + "/" + sensor, "PATCH " + types + "/" + sensor, "DELETE " + types + "/" + sensor,
			"POST " + types + "/" + sensor + "/permission", "PUT " + types + "/" + sensor + "/permission/" + readID,
			"PATCH " + types + "/" + sensor + "/permission/" + readID, "DELETE " + types + "/" + sensor + "/permission/" + readID,
		} {
			method, path, _ := strings.Cut(call, " ")
			if got := as(method, path); got != 401 {
				t.Errorf("%s: %d", call, got)
			}
		}
		h.Unchanged(before)
	})
}
