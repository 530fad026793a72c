package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(
		screens,
		screen{name: "sinks", path: "/admin/sink"},
		screen{name: "sink", path: "/admin/sink/{sink}"},
		screen{name: "sink-add", path: "/admin/sink/add?type=kafka"},
		screen{name: "sink-edit", path: "/admin/sink/{sink}/edit"},
		screen{name: "sink-delete", path: "/admin/sink/{sink}/delete"},
		screen{name: "webhook-add-filter", path: "/admin/webhook/add", prepare: func(p *uitest.Page, _ *stage) {
			p.Click("Events").Type("Filter", `event.type startsWith "user."`).Click("Try on the last 100 events").See("events match.")
		}},
	)
	furnishers = append(furnishers, func(s *stage) {
		var r wire.SinkResponse
		s.Call("POST", "/api/sink", wire.SinkRequest{Sink: wire.Sink{
			Name: s.text("To the warehouse", 190), Type: wire.SinkRedis, AllEvents: true, Global: true, Filter: `event.type startsWith "user."`, ConnectTimeout: 500,
			Redis: &wire.RedisSink{Address: "127.0.0.1:1", Stream: s.text("identity", 240)},
		}}).Want(200).Decode(&r)
		s.note("sink", string(r.Sink.ID))
		s.Call("POST", "/api/sink/"+string(r.Sink.ID)+"/test", `{"type":"user.create"}`).Want(200)
	})
}

// A sink is made, tried, changed and removed by clicking; what is secret stays, and is nowhere.
func TestSinks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, auditor := h.admin(), h.admin("auditor")
		b.gets("/admin/sink", 200, "There are no sinks")
		b.gets("/admin/sink/add?type=redis", 200, "localhost:6379")
		auditor.gets("/admin/sink/add", 403, "roles do not open")
		b.posts("/admin/sink/add", url.Values{"sink.type": {"kafka"}, "sink.name": {"Out"}, "sink.kafka:json": {`{"topic":"","producer":{"aks":"1"}}`}}, 400, "Did you mean acks?")
		const secret = "pl4nted-password"
		b.posts("/admin/sink/add", url.Values{
			"sink.type": {"redis"}, "sink.name": {"Out"}, "sink.redis:json": {`{"address":"127.0.0.1:1","stream":"s","password":"` + secret + `"}`}, "sink.connectTimeout:number": {"300"},
			"sink.allEvents:bool": {"true"}, "sink.global:bool": {"true"}, "sink.filter": {`event.type != "user.login.failed"`}, "sink.id": {"6a1f2a1e-5f4c-4b0e-9d0a-1b2c3d4e5f60"},
		}, 303, "/admin/sink/6a1f2a1e-5f4c-4b0e-9d0a-1b2c3d4e5f60")
		var all wire.SinksResponse
		h.Call("GET", "/api/sink", nil).Want(200).Decode(&all)
		path := "/admin/sink/" + string(all.Sinks[0].ID)
		b.gets("/admin/webhook/"+string(all.Sinks[0].ID), 303, path)
		b.gets("/admin/sink", 200, "redis://127.0.0.1:1/0/s")
		b.posts(path+"/test", nil, 303, path)
		page := b.gets(path, 200, "connection refused")
		page += b.gets(path+"/edit", 200, "127.0.0.1:1") + b.gets("/admin/audit-log", 200, "Created the sink")
		if strings.Contains(page, secret) {
			t.Error("the password is shown")
		}
		b.posts(path+"/pause", nil, 303, path)
		b.gets(path, 200, "/resume")
		auditor.posts(path+"/resume", nil, 403, "roles do not open")
		b.posts(path+"/resume", nil, 303, path)
		b.posts(path+"/edit", url.Values{"sink.name": {"Renamed"}, "sink.type": {"redis"}}, 303, path)
		b.gets(path, 200, "Renamed")
		hook := egresstest.NewReceiver(t)
		b.posts("/admin/sink/"+string(h.Subscribe(hook.URL, nil))+"/test", nil, 404, "")
		b.posts("/admin/webhook/filter", url.Values{"webhook.filter": {"event.type =="}}, 200, "line 1")
		b.posts("/admin/webhook/filter", url.Values{"sink.filter": {`event.type startsWith "user."`}}, 200, "events match")
		b.posts(path+"/delete", nil, 303, "/admin/sink")
		b.gets(path, 404, "")
	})
}
