package doctor_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	sale     = "custom.sale.complete"
	patience = 20 * time.Second
)

type object = map[string]any

// clinic is a server with a doctor.
type clinic struct {
	*apptest.Server
	t *testing.T
}

func clinics(t *testing.T, fn func(t *testing.T, c clinic), options ...apptest.Option) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) { fn(t, clinic{s, t}) }, options...)
}

// find is the finding with that code about that subject, "" for any; nil without one.
func (c clinic) find(code doctor.Code, about wire.ID) *doctor.Finding {
	c.t.Helper()
	for _, f := range c.App.Doctor().Examine(c.t.Context()) {
		if f.Code == doctor.CheckFailed {
			c.t.Errorf("%s", f.Text())
		}
		if f.Code == code && (about == "" || f.Subject.ID == about) {
			return &f
		}
	}
	return nil
}

// want fails the test unless there is such a finding, with these words in its text.
func (c clinic) want(code doctor.Code, about wire.ID, words ...string) {
	c.t.Helper()
	f := c.find(code, about)
	if f == nil {
		c.t.Errorf("no finding %s about %q", code, about)
		return
	}
	for _, word := range words {
		if !strings.Contains(f.Text(), word) {
			c.t.Errorf("%s: %q, want %q in it", code, f.Text(), word)
		}
	}
	if strings.ContainsAny(f.Text(), "{}") {
		c.t.Errorf("%s: a part is missing in %q", code, f.Text())
	}
}

func (c clinic) wantNone(code doctor.Code, about wire.ID) {
	c.t.Helper()
	if f := c.find(code, about); f != nil {
		c.t.Errorf("an unexpected finding: %s", f.Text())
	}
}

func (c clinic) patchTenant(settings object) {
	c.t.Helper()
	c.Call("PATCH", "/api/tenant/"+string(c.Tenant), object{"tenant": settings}).Want(200)
}

func (c clinic) sell(n int) {
	c.t.Helper()
	var events []object
	for range n {
		events = append(events, object{"type": sale, "tenantId": c.Tenant})
	}
	c.Call("POST", "/api/event/batch", object{"events": events}).Want(200)
}

// closed is the address of a port at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestExamine_FreshServer(t *testing.T) {
	clinics(t, func(t *testing.T, c clinic) {
		engine, key := "PostgreSQL", doctor.MasterKeyFile
		if c.App.Store().Engine() == db.SQLite {
			engine, key = "SQLite", doctor.MasterKeyBeside
			c.want(doctor.StoreWell, "", "integrity ok")
		}
		c.want(doctor.StoreWell, "", engine)
		c.want(doctor.ClockRight, "", "ms")
		c.want(doctor.OutboundOpen, "", "proxy none")
		c.want(key, "", "herald.key")
		for _, f := range c.App.Doctor().Attention(t.Context()) {
			if f.Code != doctor.MasterKeyBeside && f.Code != doctor.StoreDiskTight && f.Code != doctor.StoreDiskFull {
				t.Errorf("on a fresh server: %s: %s", f.Code, f.Text())
			}
		}
	})
}

func TestExamine_Webhooks(t *testing.T) {
	clinics(t, func(t *testing.T, c clinic) {
		c.Enable(wire.None, sale, "user.update.complete")
		c.Enable(wire.AbsoluteMajority, "user.create")
		good := c.Subscribe(egresstest.NewReceiver(t).URL, []string{sale})
		bad := c.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(418)).URL, []string{sale})
		down := c.Subscribe(closed(t), []string{sale, "user.create"})
		gone := c.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(410)).URL, []string{sale})
		paused := c.Subscribe("https://paused.example.com/hook?key=planted", []string{sale})
		c.Call("POST", "/api/delivery/webhook/"+string(paused)+"/pause", object{"reason": "moving house"}).Want(200)
		plain := c.Subscribe("http://plain.example.com", []string{"group.create"})
		never := c.Subscribe("https://never.example.com", []string{"user.create"}, func(w *wire.Webhook) { w.Global = false })
		none := c.Subscribe("https://none.example.com", nil)
		slow := c.Subscribe("https://slow.example.com", []string{"user.create"}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
		off := c.Subscribe("https://off.example.com", []string{sale}, func(w *wire.Webhook) { w.Enabled = new(false) })
		c.sell(12)
		c.Eventually(patience, "the receiver is known to be unreachable, and the other one to be gone", func() bool {
			return c.App.Outbox().Flow(down).Open && c.find(doctor.WebhookSwitchedOff, gone) != nil
		})
		c.Eventually(patience, "what was sent is counted", func() bool { // answers about that are some seconds old
			m, err := c.App.Doctor().Meaning(t.Context(), c.Tenant, sale, wire.None)
			if err != nil {
				t.Fatal(err)
			}
			failures := map[wire.ID]int64{}
			for _, v := range m.Voters {
				failures[v.ID] = v.Failures
			}
			well := c.find(doctor.WebhookWell, good)
			return failures[bad] == 12 && failures[down] >= 10 && well != nil && strings.Contains(well.Text(), "12 of 12")
		})
		c.Exec(`UPDATE delivery SET due_instant = 1 WHERE webhook_id = $1`, string(paused))
		c.Exec(`UPDATE delivery SET state = 'dead' WHERE webhook_id = $1`, string(off))

		c.want(doctor.WebhookWell, good, "12 of 12")
		c.want(doctor.WebhookFailures, bad, "failed 12 of")
		c.want(doctor.WebhookFailing, down, "cannot be reached since")
		c.want(doctor.WebhookSwitchedOff, gone, "410")
		c.want(doctor.WebhookPaused, paused, "moving house", "paused.example.com")
		c.want(doctor.WebhookBacklog, paused, "12 deliveries", "1970")
		c.want(doctor.WebhookPlain, plain, "plain.example.com")
		c.wantNone(doctor.WebhookPlain, good)
		c.want(doctor.WebhookEventOff, plain, "group.create")
		c.want(doctor.WebhookNeverFires, never)
		c.want(doctor.WebhookNoEvents, none)
		c.want(doctor.WebhookNoAnswer, slow, "61 s", "10 s")
		c.want(doctor.WebhookDisabled, off)
		c.want(doctor.EventToNobody, c.Tenant, "user.update.complete")
		c.want(doctor.Refusing, c.Tenant, "user.create", "AbsoluteMajority", "1 of 2", "127.0.0.1")
		for _, f := range c.App.Doctor().Examine(t.Context()) {
			if strings.Contains(f.Text(), "planted") {
				t.Errorf("a finding tells what is in an address: %s", f.Text())
			}
		}

		blocked, err := c.App.Doctor().Blocking(t.Context())
		if err != nil || len(blocked) != 1 || blocked[0].Type != "user.create" || blocked[0].Failing[0].ID != down {
			t.Fatalf("blocked are %+v, %v", blocked, err)
		}
		c.Enable(wire.Any, "user.create")
		if blocked, err = c.App.Doctor().Blocking(t.Context()); err != nil || len(blocked) != 0 {
			t.Errorf("with another setting, blocked are %+v, %v", blocked, err)
		}
		c.Enable(wire.AbsoluteMajority, "user.create")
		c.Call("POST", "/api/delivery/webhook/"+string(down)+"/pause", nil).Want(200)
		if blocked, err = c.App.Doctor().Blocking(t.Context()); err != nil || len(blocked) != 0 {
			t.Errorf("with the webhook paused, blocked are %+v, %v", blocked, err)
		}
		c.Call("POST", "/api/delivery/webhook/"+string(down)+"/resume", nil).Want(200)
		views := c.App.Store().Stats().Views
		if blocked, _ = c.App.Doctor().Blocking(t.Context()); len(blocked) != 1 {
			t.Errorf("after the pause, blocked are %+v", blocked)
		}
		for range 100 {
			_, _ = c.App.Doctor().Blocking(t.Context())
		}
		if read := c.App.Store().Stats().Views - views; read > 50 {
			t.Errorf("the store was read %d times to tell 100 times what is blocked", read)
		}

		m, err := c.App.Doctor().Meaning(t.Context(), c.Tenant, "user.create", wire.AbsoluteMajority)
		if err != nil || m.Asked != 2 || !m.RefusesNow || !m.OneRefuses || m.WorstWait != 10*time.Second {
			t.Errorf("the meaning is %+v, %v", m, err)
		}
		for _, v := range m.Voters {
			if v.ID == down && (v.Failures < 10 || !v.Unreachable) {
				t.Errorf("the voter that cannot be reached is %+v", v)
			}
		}

		probes, err := c.App.Doctor().Probe(t.Context(), []wire.ID{good, down, "nobody"})
		if err != nil || len(probes) != 2 || probes[0].Code != doctor.ProbeAnswered || probes[1].Code != doctor.ProbeFailed {
			t.Errorf("probed: %v, %v", probes, err)
		}
	}, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{time.Hour} })
}

func TestExamine_DeadLetters(t *testing.T) {
	clinics(t, func(t *testing.T, c clinic) {
		c.Enable(wire.None, sale)
		bad := c.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(400)).URL, []string{sale})
		c.sell(3)
		c.Eventually(patience, "all are given up", func() bool {
			return c.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE state = 'dead'`)[0] == "3"
		})
		c.want(doctor.WebhookDead, bad, "3 deliveries")
	}, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{} })
}

// Sinks are called by their names, and are sinks.
func TestExamine_Sinks(t *testing.T) {
	clinics(t, func(t *testing.T, c clinic) {
		c.Enable(wire.None, sale)
		make := func(sink object) wire.ID {
			sink["eventsEnabled"], sink["global"], sink["connectTimeout"] = object{sale: true}, true, 500
			var r wire.SinkResponse
			c.Call("POST", "/api/sink", object{"sink": sink}).Want(200).Decode(&r)
			return r.Sink.ID
		}
		address := strings.TrimPrefix(closed(t), "http://")
		archive := make(object{"name": "Archive", "type": "file", "file": object{"path": "events.jsonl"}})
		warehouse := make(object{"name": "Warehouse", "type": "redis", "redis": object{"address": address, "stream": "identity"}})
		off := make(object{"name": "Old broker", "type": "redis", "enabled": false, "redis": object{"address": address, "stream": "identity"}})
		c.sell(2)
		c.Eventually(patience, "what one sink does not take is given up, and the other has all", func() bool {
			return c.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE state IN ('dead', 'delivered')`)[0] == "4"
		})
		c.want(doctor.SinkDead, warehouse, "2 deliveries to the sink Warehouse")
		c.want(doctor.SinkWell, archive, "Sink Archive: 2 of 2")
		c.want(doctor.SinkDisabled, off, "Sink Old broker is switched off")
		c.wantNone(doctor.EventToNobody, "")
		c.Call("POST", "/api/delivery/webhook/"+string(archive)+"/pause", object{"reason": "the disk is moved"}).Want(200)
		c.want(doctor.SinkPaused, archive, "Sink Archive is paused", "the disk is moved")

		var probed wire.DoctorResponse
		c.Call("POST", "/api/doctor/probe", nil).Want(200).Decode(&probed)
		texts := map[wire.ID]string{}
		for _, f := range probed.Findings {
			if f.SubjectType != "sink" {
				t.Errorf("probed a %s: %s", f.SubjectType, f.Text)
			}
			texts[f.SubjectID] = f.Text
		}
		if !strings.HasPrefix(texts[archive], "Sink Archive was reached in ") || !strings.HasPrefix(texts[warehouse], "Sink Warehouse could not be reached (connect)") {
			t.Errorf("probed: %v", texts)
		}
	}, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{} })
}

func TestExamine_Keys(t *testing.T) {
	clinics(t, func(t *testing.T, c clinic) {
		var r wire.KeyResponse
		make := func(name string) wire.ID {
			c.Call("POST", "/api/key/generate", object{"key": object{"name": name, "algorithm": "ES256"}}).Want(200).Decode(&r)
			return r.Key.ID
		}
		old, ending, named := make("old"), make("ending"), make("named")
		day := 24 * time.Hour.Milliseconds()
		now := time.Now().UnixMilli()
		for id, at := range map[wire.ID]int64{old: now - day, ending: now + 10*day + day/2} {
			c.Exec(`UPDATE signing_key SET document = REPLACE(document, $2, $3) WHERE id = $1`, string(id), regexp.MustCompile(`"expirationInstant":\d+`).FindString(
				c.Strings(`SELECT document FROM signing_key WHERE id = $1`, string(id))[0]), `"expirationInstant":`+strconv.FormatInt(at, 10))
		}
		c.want(doctor.KeyUnused, old, "old")
		c.want(doctor.KeyExpired, old, "ended at")
		c.want(doctor.KeyExpiring, ending, "10 days")
		c.wantNone(doctor.KeyExpired, named)
		c.patchTenant(object{"jwtConfiguration": object{"enabled": true, "accessTokenKeyId": named}})
		c.wantNone(doctor.KeyUnused, named)
		c.wantNone(doctor.KeyMissing, c.Tenant)
		c.Exec(`DELETE FROM signing_key WHERE id = $1`, string(named))
		c.want(doctor.KeyMissing, c.Tenant, string(named))

		authority := egresstest.NewAuthority(t) // its certificates are good for an hour
		hook := c.Subscribe("https://tls.example.com", []string{"user.create"}, func(w *wire.Webhook) { w.SSLCertificate = authority.PEM() })
		c.want(doctor.CertificateExpiring, hook, "tls.example.com")
	})
}

func TestExamine_SecondFactors(t *testing.T) {
	clinics(t, func(t *testing.T, c clinic) {
		var m wire.MessengerResponse
		c.Call("POST", "/api/messenger", object{"messenger": object{
			"type": "Generic", "name": "Texts", "url": closed(t), "connectTimeout": 500, "readTimeout": 200, "messageTypes": []string{"SMS"},
		}}).Want(200).Decode(&m)
		c.patchTenant(object{"multiFactorConfiguration": object{"sms": object{"enabled": true, "messengerId": m.Messenger.ID, "templateId": template.TwoFactorSMS}}})
		for _, code := range []doctor.Code{doctor.NoMessenger, doctor.MissingMessenger, doctor.NoTemplate, doctor.MissingTemplate} {
			c.wantNone(code, "")
		}
		c.Exec(`INSERT INTO message (id, tenant_id, kind, purpose, recipient, recipient_hash, template_name, locale, locale_reason, state, counted, failure, attempts, node, insert_instant, last_update_instant)
			VALUES ('m1', $1, 'SMS', 'test', '', '', '', '', '', 'failed', FALSE, '', $2, '', $3, $3), ('m2', $1, 'Email', 'test', '', '', '', '', '', 'failed', FALSE, '', '[{"outcome":"tls"}]', '', $3, $3)`,
			string(c.Tenant), `[{"messengerId":"`+string(m.Messenger.ID)+`","messengerName":"Texts","outcome":"connect"}]`, c.App.Store().Now().UnixMilli())
		c.want(doctor.MessengerFailing, m.Messenger.ID, "1 messages through Texts", "connect")
		c.want(doctor.MailFailing, c.Tenant, "1 e-mails", "tls")

		c.Exec(`DELETE FROM template WHERE kind = 'message' AND id = $1`, string(template.TwoFactorSMS))
		c.Exec(`DELETE FROM messenger`)
		c.Restart()
		c.want(doctor.MissingTemplate, c.Tenant, "SMS", string(template.TwoFactorSMS))
		c.want(doctor.MissingMessenger, c.Tenant, "SMS", string(m.Messenger.ID))
		c.Exec(`UPDATE tenant SET document = REPLACE(REPLACE(document, '"messengerId"', '"x"'), '"templateId"', '"y"')`)
		c.Restart()
		c.want(doctor.NoMessenger, c.Tenant, "SMS")
		c.want(doctor.NoTemplate, c.Tenant, "SMS")
	})
}

func TestExamine_StoreAndTasks(t *testing.T) {
	clinics(t, func(t *testing.T, c clinic) {
		c.Enable(wire.None, sale)
		c.sell(20)
		c.Exec(`UPDATE event SET insert_instant = 1 WHERE sequence <= (SELECT MIN(sequence) + 9 FROM event)`)
		c.want(doctor.LogSize, "", "1970", "about 10 of them are older")
		c.Exec(`UPDATE event SET sequence = sequence + 20000 WHERE insert_instant > 1`)
		c.want(doctor.LogBehind, "", "1970", "30 days")
		c.Exec(`INSERT INTO task (id, kind, state, document, done, skipped, waits_for, error, lease_instant, step_instant, insert_instant, last_update_instant, finish_instant)
			VALUES ('t1', 'recover', 'failed', '{}', 0, 0, '', 'the disk was full', 0, 0, $1, $1, $1)`, c.App.Store().Now().UnixMilli())
		c.want(doctor.TaskFailed, "t1", "recover", "the disk was full")
	})
}

func TestExamine_MasterKey(t *testing.T) {
	t.Parallel()
	dir := ""
	s := apptest.Start(t, db.SQLite, func(o *app.Options) { dir, o.Settings.Hardened = o.Settings.Data, true })
	c := clinic{s, t}
	c.want(doctor.OutboundHardened, "", "refused")
	if err := os.Chmod(filepath.Join(dir, "herald.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.want(doctor.MasterKeyExposed, "", dir)
}

// A store that does not answer is a finding and hides no other.
func TestExamine_ClosedStore(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	d := s.App.Doctor()
	s.Stop()
	found := d.Examine(t.Context())
	for _, code := range []doctor.Code{doctor.StoreUnreachable, doctor.CheckFailed, doctor.OutboundOpen} {
		if !slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.Code == code }) {
			t.Errorf("no finding %s: %v", code, found)
		}
	}
	if found[0].Severity != doctor.Failure || found[len(found)-1].Severity != doctor.OK {
		t.Errorf("the findings are not in the order of their severity: %v", found)
	}
}
