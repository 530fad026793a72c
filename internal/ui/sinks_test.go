package ui_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(
		screens,
		screen{name: "sinks", path: "/admin/sink"},
		screen{name: "sink", path: "/admin/sink/{sink}"},
		screen{name: "sink-types", path: "/admin/sink/add"},
		screen{name: "sink-add", path: "/admin/sink/add?type=kafka"},
		screen{name: "sink-add-refused", path: "/admin/sink/add?type=nats", prepare: func(p *uitest.Page, s *stage) {
			p.Type("Name", s.text("To the warehouse", 190)).Type("Servers", "nowhere").Click("Save").See("An address is host:port")
		}},
		screen{name: "sink-edit", path: "/admin/sink/{sink}/edit"},
		screen{name: "sink-edit-events", path: "/admin/sink/{sink}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Events") }},
		screen{name: "sink-edit-delivery", path: "/admin/sink/{sink}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Delivery") }},
		screen{name: "sink-integration", path: "/admin/sink/{integration}"},
		screen{name: "sink-recover", path: "/admin/sink/{sink}/recover?since=2020-01-01T00:00"},
		screen{name: "sink-attempt", path: "/admin/attempt/{sinkAttempt}"},
		screen{name: "sink-event", path: "/admin/log/{sinkEvent}"},
		screen{name: "integrations", path: "/admin/integration"},
		screen{name: "integration", path: "/admin/integration/kafka"},
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
		s.note("sinkAttempt", s.Strings(`SELECT id FROM attempt WHERE webhook_id = $1`, string(r.Sink.ID))[0])
		s.note("sinkEvent", s.Strings(`SELECT id FROM event ORDER BY sequence DESC`)[0])
		s.Call("PATCH", "/api/integration", map[string]any{"integrations": map[string]any{"kafka": map[string]any{
			"enabled": false, "defaultTopic": s.text("identity", 240), "producer": map[string]any{
				"bootstrap.servers": "127.0.0.1:1", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "client.id": s.text("herald", 240),
				"sasl.jaas.config": sink.LoginText("PLAIN", "herald", "secret"),
			},
		}}}).Want(200)
		s.note("integration", string(sink.IntegrationID("")))
	})
}

// A sink is made, tried, changed and removed by clicking; what is secret stays, and is nowhere.
func TestSinks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, auditor := h.admin(), h.admin("auditor")
		b.gets("/admin/sink", 200, "There are no sinks")
		b.gets("/admin/sink/add", 200, `href="/admin/sink/add?type=redis"`)
		b.gets("/admin/sink/add?type=redis", 200, "redis.example.com:6379")
		auditor.gets("/admin/sink/add", 403, "roles do not open")
		const id = "6a1f2a1e-5f4c-4b0e-9d0a-1b2c3d4e5f60"
		const secret = "pl4nted-password"
		form := url.Values{
			"sink.type": {"redis"}, "sink.name": {"Out"}, "sink.redis.address": {"here"}, "sink.redis.stream": {"s"}, "sink.redis.password:secret": {secret}, "sink.connectTimeout:number": {"300"},
			"sink.allEvents:bool": {"true"}, "sink.global:bool": {"true"}, "sink.filter": {`event.type != "user.login.failed"`}, "sink.id": {id}, "delays": {"1s, 1x"},
			"custom": {"custom.sale.complete"},
		}
		page := b.posts("/admin/sink/add", form, 400, `id="delays-error">Write the pauses`)
		form.Set("delays", "10s, 1m")
		page += b.posts("/admin/sink/add", form, 400, `id="sink.redis.address-error">An address is host:port`)
		form.Set("sink.redis.address", "127.0.0.1:1")
		for _, kept := range []string{`value="here"`, `value="s"`, `value="Out"`, `value="300"`, "custom.sale.complete"} {
			if !strings.Contains(page, kept) {
				t.Errorf("after a mistake the form lacks %s", kept)
			}
		}
		b.posts("/admin/sink/add", form, 303, "/admin/sink/"+id)
		path := "/admin/sink/" + id
		var r wire.SinkResponse
		h.Call("GET", "/api/sink/"+id, nil).Want(200).Decode(&r)
		if w := r.Sink; w.RetryConfiguration == nil || len(w.RetryConfiguration.Delays) != 2 || !w.EventsEnabled["custom.sale.complete"] || w.Redis.Address != "127.0.0.1:1" {
			t.Errorf("the sink is %+v", w)
		}
		b.gets("/admin/webhook/"+id, 303, path)
		b.gets("/admin/sink", 200, "redis://127.0.0.1:1/0/s")
		b.posts(path+"/test", url.Values{"type": {"user.update"}}, 303, path+"#recent")
		page += b.gets(path, 200, "connection refused")
		if !strings.Contains(page, "<code>user.update</code>") {
			t.Error("the test is not of the type that was chosen")
		}

		// Nothing is entered, and the password stays; only what says so removes it.
		kept := "set, and kept unless you enter another"
		change := url.Values{"sink.name": {"Renamed"}, "sink.type": {"redis"}, "sink.redis.stream": {"t"}, "sink.redis.password:secret": {""}, "sink.redis.tls.enabled:bool": {"false"}}
		page += b.gets(path+"/edit", 200, kept) + b.gets(path+"/edit", 200, `name="sink.redis.password:empty"`)
		b.posts(path+"/edit", change, 303, path)
		page += b.gets(path+"/edit", 200, kept) + b.gets(path, 200, "Renamed") + b.gets("/admin/audit-log", 200, "Created the sink")
		page += string(h.audited().NewValue)
		change.Set("sink.redis.password:empty", "true")
		b.posts(path+"/edit", change, 303, path)
		if strings.Contains(b.gets(path+"/edit", 200, "Renamed"), kept) {
			t.Error("the password was not removed")
		}
		if strings.Contains(page, secret) {
			t.Error("the password is shown")
		}

		b.posts(path+"/pause", url.Values{"reason": {"the broker moves"}}, 303, path)
		if entry := h.audited(); entry.Message != "Paused the sink "+id {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets(path, 200, "the broker moves")
		auditor.posts(path+"/resume", nil, 403, "roles do not open")
		b.posts(path+"/resume", nil, 303, path)
		b.posts(path+"/disable", nil, 303, path)
		b.gets(path, 200, "The sink is disabled: nothing is sent to it.")
		b.posts(path+"/enable", nil, 303, path)
		hook := egresstest.NewReceiver(t)
		b.posts("/admin/sink/"+string(h.Subscribe(hook.URL, nil))+"/test", nil, 404, "")
		b.posts("/admin/webhook/filter", url.Values{"webhook.filter": {"event.type =="}}, 200, "line 1")
		b.posts("/admin/webhook/filter", url.Values{"sink.filter": {`event.type startsWith "user."`}}, 200, "events match")
		b.posts(path+"/delete", nil, 303, "/admin/sink")
		b.gets(path, 404, "")
	})
}

// Each type has a form of its own, which says at the field what is wrong with it.
func TestSinkForm_Types(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		for kind, c := range map[string]struct {
			form, wrong url.Values
			field, says string
		}{
			"kafka": {
				url.Values{
					"sink.kafka.topic": {"identity"}, "sink.kafka.producer[bootstrap.servers]": {"127.0.0.1:1"}, "sink.kafka.producer[security.protocol]": {"SASL_PLAINTEXT"},
					"sink.kafka.producer[sasl.mechanism]": {"SCRAM-SHA-512"}, "sink.kafka.producer[sasl.jaas.config]{username}": {"herald"}, "sink.kafka.producer[sasl.jaas.config]{password}": {"pl4nted"},
				},
				url.Values{"sink.kafka.producer[linger.ms]": {"soon"}},
				"sink.kafka.producer.linger.ms", "This is a whole number from 0 to 60000.",
			},
			"nats": {
				url.Values{"sink.nats.servers:list": {"127.0.0.1:1, 127.0.0.1:2"}, "sink.nats.subject": {"identity.{type}"}, "sink.nats.token:secret": {"pl4nted"}},
				url.Values{"sink.nats.servers:list": {"127.0.0.1:1, nowhere"}},
				"sink.nats.servers", "not &#34;nowhere&#34;",
			},
			"rabbitmq": {
				url.Values{"sink.rabbitmq.address": {"127.0.0.1:1"}, "sink.rabbitmq.exchange": {"identity"}, "sink.rabbitmq.tls.enabled:bool": {"true"}, "sink.rabbitmq.password:secret": {"pl4nted"}},
				url.Values{"sink.rabbitmq.exchange": {""}},
				"sink.rabbitmq.routingKey", "Name the queue",
			},
			"redis": {
				url.Values{"sink.redis.address": {"127.0.0.1:1"}, "sink.redis.stream": {"identity"}, "sink.redis.maxLength:number": {"1000"}, "sink.redis.password:secret": {"pl4nted"}},
				url.Values{"sink.redis.tls.certificate:secret": {"no PEM"}},
				"sink.redis.tls.certificate", "The text",
			},
			"file":   {url.Values{"sink.file.path": {"a/events.jsonl"}, "sink.file.sync": {"never"}}, url.Values{"sink.file.keep:number": {"-1"}}, "sink.file.keep", "from 1 to 1000"},
			"stdout": {url.Values{"sink.allEvents:bool": {"true"}}, url.Values{"sink.filter": {"event.type =="}}, "sink.filter", "line 1"},
		} {
			b.gets("/admin/sink/add?type="+kind, 200, `name="sink.type" value="`+kind+`"`)
			both := url.Values{"sink.type": {kind}, "sink.name": {"Out " + kind}}
			for name, value := range c.form {
				both[name] = value
			}
			wrong := url.Values{}
			for name, value := range both {
				wrong[name] = value
			}
			for name, value := range c.wrong {
				wrong[name] = value
			}
			page := b.posts("/admin/sink/add", wrong, 400, `id="`+c.field+`-error">`)
			if !strings.Contains(page, c.says) || strings.Contains(page, "pl4nted") || !strings.Contains(page, "Out "+kind) {
				t.Errorf("%s: the form lacks %q or what was entered, or has the secret:\n%s", kind, c.says, page)
			}
			b.posts("/admin/sink/add", both, 303, "")
		}
		var all wire.SinksResponse
		h.Call("GET", "/api/sink", nil).Want(200).Decode(&all)
		if len(all.Sinks) != 6 {
			t.Fatalf("%d sinks", len(all.Sinks))
		}
		for _, w := range all.Sinks { // what the form shows is what is there: saved as it is, it changes nothing
			path := "/admin/sink/" + string(w.ID)
			page := b.gets(path, 200, w.Name)
			if edit := b.gets(path+"/edit", 200, w.Name); strings.Contains(page+edit, "pl4nted") {
				t.Errorf("%s: the secret is shown", w.Type)
			}
		}
		// Half a login is none.
		page := b.posts("/admin/sink/add", url.Values{"sink.type": {"kafka"}, "sink.name": {"Half"}, "sink.kafka.producer[sasl.jaas.config]{username}": {"herald"}}, 400, "With a user name give the password, too.")
		if !strings.Contains(page, `value="herald"`) {
			t.Error("the user name is lost")
		}
		b.posts("/admin/sink/check", url.Values{"sink.type": {"redis"}, "sink.name": {"Out"}, "sink.redis.address": {"redis.example.com:6379"}, "sink.redis.password:secret": {"x"}}, 200, "without encryption")
	})
}

// The page of a sink says whether it would get an event, opens what is closed, and brings it what it has missed.
func TestSink_CheckAndRecover(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		var r wire.SinkResponse
		h.Call("POST", "/api/sink", wire.SinkRequest{Sink: wire.Sink{Name: "Archive", Type: wire.SinkFile, Enabled: new(false), File: &wire.FileSink{Path: "events.jsonl"}}}).Want(200).Decode(&r)
		path := "/admin/sink/" + string(r.Sink.ID)
		check := path + "?type=user.create&tenant=" + string(h.Tenant)
		page := b.gets(check, 200, "It would not be sent.")
		for _, want := range []string{"The sink is switched off.", "Switch on at the tenant", "Switch on at this receiver", "Send it this tenant", "No event is enabled here", "No tenant is chosen"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		for _, gate := range []string{"tenantEvent", "webhookEnabled", "webhookEvent", "tenantBinding"} {
			b.gets(check, 200, "It would not be sent.")
			b.posts(path+"/open", url.Values{"gate": {gate}, "type": {"user.create"}, "tenant": {string(h.Tenant)}}, 303, path+"?tenant="+string(h.Tenant)+"&type=user.create#check")
		}
		b.gets(check, 200, "It would be sent.")

		h.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"correct horse"}}`).Want(200)
		h.Settled(10 * time.Second)
		h.Eventually(20*time.Second, "the page has a chart of the last day", func() bool { // which is a few seconds old
			_, page, _ := b.send("GET", path, nil)
			return strings.Contains(page, "100 %") && strings.Contains(page, "The last 24 hours")
		})
		event := h.Strings(`SELECT id FROM event ORDER BY sequence DESC`)[0]
		page = b.gets("/admin/log/"+event, 200, `<a href="`+path+`"><bdi class="long">Archive</bdi></a> <span class="badge">Sink</span>`)
		if strings.Contains(page, ">"+string(r.Sink.ID)+"<") {
			t.Error("the event shows the id of the sink")
		}
		b.gets("/admin/attempt?webhook="+string(r.Sink.ID), 200, "Archive")
		attempt := h.Strings(`SELECT id FROM attempt WHERE webhook_id = $1`, string(r.Sink.ID))[0]
		if page := b.gets("/admin/attempt/"+attempt, 200, "Archive"); strings.Contains(page, "POST file:") {
			t.Error("the attempt says that a file was POSTed to")
		}
		b.gets("/admin/backlog", 200, "Archive")
		b.gets("/admin/find?q=archive", 200, path)

		since := url.Values{"since": {"2020-01-01T00:00"}}
		b.gets(path+"/recover?"+since.Encode(), 200, "Archive")
		h.Call("PATCH", "/api/sink/"+string(r.Sink.ID), `{"sink":{"enabled":false}}`).Want(200)
		h.Call("POST", "/api/user", `{"user":{"email":"eve@example.com","password":"correct horse"}}`).Want(200)
		h.Call("PATCH", "/api/sink/"+string(r.Sink.ID), `{"sink":{"enabled":true}}`).Want(200)
		b.posts(path+"/recover", since, 303, "")
		if entry := h.audited(); !strings.HasPrefix(entry.Message, "Began to recover what the sink "+string(r.Sink.ID)+" has missed since") {
			t.Errorf("audit log: %+v", entry)
		}
		h.Eventually(10*time.Second, "the file has what was missed", func() bool {
			lines, _ := os.ReadFile(filepath.Join(h.Data(), "sinks", "events.jsonl"))
			return strings.Contains(string(lines), "eve@example.com")
		})
	})
}

// Kafka of the installation and of a tenant are set, tried and changed by clicking.
func TestIntegrations(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, auditor := h.admin(), h.admin("auditor")
		b.gets("/admin/integration", 200, "/admin/integration/kafka?tenant="+string(h.Tenant))
		auditor.gets("/admin/integration", 200, "not set")
		auditor.gets("/admin/integration/kafka", 403, "roles do not open")
		b.gets("/admin/integration/kafka?tenant=6a1f2a1e-5f4c-4b0e-9d0a-1b2c3d4e5f60", 404, "")
		const secret = "pl4nted-password"
		form := url.Values{
			"integrations.kafka.enabled:bool": {"true"}, "integrations.kafka.producer[bootstrap.servers]": {"127.0.0.1:1"}, "integrations.kafka.producer[max.block.ms]": {"300"},
			"integrations.kafka.producer[security.protocol]": {"SASL_PLAINTEXT"}, "integrations.kafka.producer[sasl.mechanism]": {"PLAIN"},
			"integrations.kafka.producer[sasl.jaas.config]{username}": {"herald"}, "integrations.kafka.producer[sasl.jaas.config]{password}": {secret},
		}
		for _, tenant := range []wire.ID{"", h.Tenant} {
			edit, sinkPath := "/admin/integration/kafka", "/admin/sink/"+string(sink.IntegrationID(tenant))
			if tenant != "" {
				edit += "?tenant=" + string(tenant)
			}
			form.Del("integrations.kafka.defaultTopic")
			page := b.posts(edit, form, 400, `id="integrations.kafka.defaultTopic-error">Name the topic`)
			if !strings.Contains(page, `value="127.0.0.1:1"`) {
				t.Error("what was entered is lost")
			}
			form.Set("integrations.kafka.defaultTopic", "identity")
			b.posts(edit, form, 303, sinkPath)
			if entry := h.audited(); strings.Contains(string(entry.NewValue), secret) || !strings.Contains(string(entry.NewValue), "SASL_PLAINTEXT") {
				t.Errorf("audit log: %s", entry.NewValue)
			}
			page += b.gets(sinkPath, 200, "belongs to the integrations") + b.gets(edit, 200, "set, and kept unless you enter another") + b.gets("/admin/integration", 200, sinkPath)
			b.posts(sinkPath+"/test", nil, 303, sinkPath+"#recent")
			page += b.gets(sinkPath, 200, "connection refused")
			// The login stays when nothing is entered.
			b.posts(edit, url.Values{"integrations.kafka.enabled:bool": {"false"}}, 303, sinkPath)
			page += b.gets(edit, 200, "set, and kept unless you enter another")
			b.gets(sinkPath+"/edit", 303, edit)
			b.posts(sinkPath+"/edit", url.Values{"sink.name": {"Mine"}}, 400, "belongs to the integrations")
			b.posts(sinkPath+"/disable", nil, 400, "belongs to the integrations")
			if strings.Contains(page, secret) {
				t.Error("the password is shown")
			}
		}
	})
}
