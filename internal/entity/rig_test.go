package entity_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	idA = "a0000000-0000-4000-8000-00000000000a"
	idB = "b0000000-0000-4000-8000-00000000000b"
	idC = "c0000000-0000-4000-8000-00000000000c"
	idX = "00000000-0000-4000-8000-0000000000ff" // nobody's

	sensor  = "10000000-0000-4000-8000-000000000001" // a type with the permissions read (default) and write
	readID  = "10000000-0000-4000-8000-000000000011"
	writeID = "10000000-0000-4000-8000-000000000012"

	otherTenant = "20000000-0000-4000-8000-000000000002"
	tenantKey   = "the key of the other tenant"

	planted = "the-planted-secret" // must not turn up anywhere
)

type object = map[string]any

// herald is a server with a type of entities.
type herald struct {
	*apptest.Server
	t *testing.T
}

func each(t *testing.T, fn func(t *testing.T, h *herald)) {
	t.Helper()
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		h := &herald{s, t}
		h.Call("POST", "/api/entity/type/"+sensor, `{"entityType":{"name":"Sensor","permissions":[
			{"id":"`+readID+`","name":"read","isDefault":true,"description":"Read it"},{"id":"`+writeID+`","name":"write"}]}}`).Want(200)
		fn(t, h)
	})
}

// withOtherTenant adds a second tenant, and a key that is bound to it.
func (h *herald) withOtherTenant() {
	h.t.Helper()
	h.Call("POST", "/api/tenant/"+otherTenant, object{"tenant": object{"name": "Other"}}).Want(200)
	h.Call("POST", "/api/api-key", wire.APIKeyRequest{APIKey: wire.APIKey{Name: "other", Key: tenantKey, TenantID: otherTenant}}).Want(200)
}

var inOther = []string{"X-FusionAuth-TenantId", otherTenant}

func (h *herald) inDefault() []string { return []string{"X-FusionAuth-TenantId", string(h.Tenant)} }

// sensor makes an entity of the type Sensor.
func (h *herald) sensor(id, name string, header ...string) wire.Entity {
	h.t.Helper()
	body := object{"entity": object{"name": name, "type": object{"id": sensor}}}
	e := entity(h.Call("POST", strings.TrimSuffix("/api/entity/"+id, "/"), body, header...).Want(200))
	h.WantEvents("the creation of "+name, "entity.create", "entity.create.complete")
	return e
}

// user makes a user.
func (h *herald) user(id string, header ...string) {
	h.t.Helper()
	h.Call("POST", "/api/user/"+id, object{"user": object{"username": id}, "sendSetPasswordIdentityType": "doNotSend"}, header...).Want(200)
	h.WantEvents("the creation of a user", "user.create", "user.create.complete")
}

func entity(a apptest.Answer) wire.Entity {
	var r wire.EntityResponse
	a.Decode(&r)
	return *r.Entity
}

// entity returns what GET says about an entity; fails when there is none.
func (h *herald) entity(id string) wire.Entity {
	h.t.Helper()
	return entity(h.Call("GET", "/api/entity/"+id, nil).Want(200))
}

// sent is an event as it was sent.
type sent struct {
	TenantID, LinkedObjectID wire.ID
	Info                     *wire.EventInfo
	Entity, Original         *wire.Entity
}

// last returns the newest event of a type, and its bytes.
func (h *herald) last(kind string) (sent, string) {
	h.t.Helper()
	bodies := h.Strings(`SELECT body FROM event WHERE type = $1 ORDER BY sequence DESC LIMIT 1`, kind)
	if len(bodies) == 0 {
		h.t.Fatalf("there is no event %s", kind)
	}
	var e struct{ Event sent }
	if err := json.Unmarshal([]byte(bodies[0]), &e); err != nil {
		h.t.Fatal(err)
	}
	return e.Event, bodies[0]
}

// count is how many rows a table has.
func (h *herald) count(table string) string {
	h.t.Helper()
	return h.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM ` + table)[0]
}
