package sink

import (
	"strings"

	"github.com/herald-events/herald/internal/rawjson"
	"github.com/herald-events/herald/internal/webhook"
)

// record is an event on its way.
type record struct {
	id, kind, tenant string
	// key is what brokers partition by: the object that the event is about, else the event itself.
	key string
	// value is the body that webhooks get, byte for byte.
	value []byte
}

func recordOf(m webhook.Message) *record {
	r := &record{id: string(m.ID), key: string(m.Object), value: m.Body}
	for outer := range rawjson.Members(m.Body) {
		if string(outer.Name) != "event" || !rawjson.IsObject(outer.Value) {
			continue
		}
		for inner := range rawjson.Members(outer.Value) {
			text, _ := rawjson.Text(inner.Value)
			switch string(inner.Name) {
			case "type":
				r.kind = string(text)
			case "tenantId":
				r.tenant = string(text)
			}
		}
	}
	if r.key == "" {
		r.key = r.id
	}
	return r
}

// Names of the headers that records have, where a broker has headers.
const (
	headerID     = "herald-event-id"
	headerType   = "herald-event-type"
	headerTenant = "herald-tenant-id"
	headerKey    = "herald-key" // where the broker has no key of its own
)

// headers are what a consumer may want to know without reading the value, as pairs.
func (r *record) headers() [][2]string {
	all := [][2]string{{headerID, r.id}, {headerType, r.kind}}
	if r.tenant != "" {
		all = append(all, [2]string{headerTenant, r.tenant})
	}
	return all
}

// fill puts type and tenant into the name of a topic, subject or stream. An event of the whole installation has "system" for a tenant.
func (r *record) fill(name string) string {
	if !strings.Contains(name, "{") {
		return name
	}
	tenant := r.tenant
	if tenant == "" {
		tenant = "system"
	}
	return strings.NewReplacer("{type}", r.kind, "{tenantId}", tenant).Replace(name)
}
