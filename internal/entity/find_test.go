package entity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/herald-events/herald/wire"
)

// search posts a search for entities.
func (h *herald) search(criteria string, header ...string) (r wire.EntitySearchResponse) {
	h.t.Helper()
	h.Call("POST", "/api/entity/search", `{"search":`+criteria+`}`, header...).Want(200).Decode(&r)
	return r
}

// found are the names of the entities that a search finds, in order.
func (h *herald) found(criteria string, header ...string) (names []string) {
	h.t.Helper()
	for _, e := range h.search(criteria, header...).Entities {
		names = append(names, e.Name)
	}
	return names
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sensor(idC, "Beta")
		h.sensor(idB, "alpha")
		h.sensor(idA, "Ärger")
		h.Call("PATCH", "/api/entity/"+idA, `{"entity":{"clientId":"Zulu"}}`).Want(200)
		// All of that may have been within one millisecond.
		for i, id := range []string{idC, idB, idA} {
			h.Exec(`UPDATE entity SET insert_instant = insert_instant + $1, last_update_instant = last_update_instant + $1 WHERE id = $2`, i, id)
		}

		for criteria, want := range map[string]string{
			`{}`:                            "[Beta alpha Ärger] 3",
			`{"queryString":"*"}`:           "[Beta alpha Ärger] 3",
			`{"queryString":" BETA "}`:      "[Beta] 1",
			`{"queryString":"ÄRGER"}`:       "[Ärger] 1",
			`{"queryString":"zuLU"}`:        "[Ärger] 1",
			`{"queryString":"` + idB + `"}`: "[alpha] 1",
			`{"queryString":"bet"}`:         "[] 0", // a term is not a part of one
			`{"queryString":"' OR 1=1 --"}`: "[] 0",
			`{"ids":["` + idA + `","` + idX + `","` + strings.ToUpper(idC) + `","` + idA + `"],"numberOfResults":1,"queryString":"alpha"}`: "[Ärger Beta] 2",
			`{"orderBy":"name ASC"}`:           "[alpha Beta Ärger] 3",
			`{"orderBy":"clientId DESC"}`:      "[Ärger Beta alpha] 3",
			`{"orderBy":"id ASC"}`:             "[Ärger alpha Beta] 3",
			`{"orderBy":"insertInstant DESC"}`: "[Ärger alpha Beta] 3",
			`{"sortFields":[{"name":"name","order":"desc","missing":"_first"},{"name":"id"}]}`:    "[Ärger Beta alpha] 3",
			`{"startRow":1,"numberOfResults":1}`:                                                  "[alpha] 3",
			`{"startRow":5}`:                                                                      "[] 3",
			`{"sortFields":[{"name":"lastUpdateInstant","order":"DESC"}],"numberOfResults":1}`:    "[Ärger] 3",
			`{"accurateTotal":"true","nextResults":"x","orderBy":"nonsense","numberOfResults":2}`: "[Beta alpha] 3",
		} {
			r := h.search(criteria)
			var names []string
			for _, e := range r.Entities {
				names = append(names, e.Name)
			}
			if got := fmt.Sprint(names, " ", r.Total); got != want {
				t.Errorf("%s found %s, want %s", criteria, got, want)
			}
		}
		var r wire.EntitySearchResponse
		h.Call("GET", "/api/entity/search?ids="+idB+"&ids="+idA, nil).Want(200).Decode(&r)
		if r.Total != 2 || r.Entities[0].ID != idB || r.Entities[0].ClientSecret == "" || r.Entities[0].Type.Name != "Sensor" {
			t.Errorf("GET with ids: %+v", r)
		}
		h.Call("GET", "/api/entity/search?queryString=beta", nil).Want(200).Decode(&r)
		if r.Total != 1 || r.Entities[0].ID != idC {
			t.Errorf("GET with a term: %+v", r)
		}
		if answer := h.Call("PUT", "/api/entity/search", nil).Want(200); len(answer.Body) > 0 {
			t.Errorf("the refresh answers %s", answer.Body)
		}

		h.Call("POST", "/api/entity/search", `{"search":{"query":{"match_all":{}},"sortFields":[{"name":"nothing"}]}}`).
			WantCodes("[invalid]search.query", "[invalid]search.sortFields")
		h.Call("POST", "/api/entity/search", `{"search":{"numberOfResults":-1}}`).WantCodes("[invalid]search.numberOfResults")
		h.Call("POST", "/api/entity/search", `{"search":{"ids":["x"],"startRow":"y"}}`).WantCodes("[couldNotConvert]search.ids[0]", "[couldNotConvert]search.startRow")
		h.Call("POST", "/api/entity/search", object{"search": object{"queryString": strings.Repeat("x", 1001)}}).WantCodes("[tooLong]search.queryString")
	})
}

// Reading page after page gives every entity once, in any order.
func TestSearch_Pages(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const entities = 23
		for i := range entities {
			h.Call("POST", "/api/entity", object{"entity": object{"name": fmt.Sprint("e", i%5), "type": object{"id": sensor}}}).Want(200)
		}
		for _, order := range []string{`"orderBy":"insertInstant DESC"`, `"orderBy":"name"`, `"sortFields":[{"name":"name","order":"desc"}]`} {
			seen := map[wire.ID]bool{}
			for start := 0; start < entities; start += 4 {
				r := h.search(fmt.Sprintf(`{"startRow":%d,"numberOfResults":4,%s}`, start, order))
				if r.Total != entities {
					t.Errorf("total %d", r.Total)
				}
				for _, e := range r.Entities {
					seen[e.ID] = true
				}
			}
			if len(seen) != entities {
				t.Errorf("%s: the pages have %d entities", order, len(seen))
			}
		}
	})
}
