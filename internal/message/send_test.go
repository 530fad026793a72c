package message_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func outcomes(m wire.Message) string {
	var all []string
	for _, a := range m.Attempts {
		all = append(all, fmt.Sprint(a.MessengerName, ":", a.Outcome, ":", a.StatusCode))
	}
	return strings.Join(all, " ")
}

func keys(requests []egresstest.Recorded) (all []string) {
	for _, q := range requests {
		all = append(all, q.Header.Get("Idempotency-Key"))
	}
	return all
}

func TestSend(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t)
		m := r.send(request(r.messenger("Main", to)), wire.MessageSent, "")
		requests := to.Requests()
		if len(requests) != 1 || string(requests[0].Body) != `{"phoneNumber":"+49 170 1234567","textMessage":"Ihr Code ist 483920","type":"SMS"}` {
			t.Fatalf("received %d requests: %+v", len(requests), requests)
		}
		if got := keys(requests)[0]; got != string(m.ID) {
			t.Errorf("the key is %q, want the message's id", got)
		}
		if m.TenantID != home || m.UserID != user || m.Kind != wire.KindSMS || m.Purpose != "two-factor" || m.Recipient != "+49…67" || m.TemplateID != twoFactor ||
			m.TemplateName != "Two Factor" || m.Locale != "de" || m.LocaleReason != "first preferred language" || m.Failure != "" || m.InsertInstant != wire.Instant(noon.UnixMilli()) {
			t.Errorf("recorded %+v", m)
		}
		if got := outcomes(m); got != "Main:accepted:200" {
			t.Errorf("attempts %s", got)
		}
		if all := r.strings(`SELECT message FROM event_log`); len(all) != 0 {
			t.Errorf("the event log has %q", all)
		}
		r.counts.want(t, "SMS attempt accepted", "SMS sent")
	})
}

func TestSend_TriesAgainAndGoesOn(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		first, second := egresstest.NewReceiver(t), egresstest.NewReceiver(t)
		q := request(r.messenger("First", first), r.messenger("Second", second))

		first.Script(egresstest.Status(503), egresstest.Status(429), egresstest.Accept())
		if got := outcomes(r.send(q, wire.MessageSent, "")); got != "First:refused:503 First:refused:429 First:accepted:200" {
			t.Errorf("attempts %s", got)
		}
		if fmt.Sprint(r.pauses) != "[200ms 500ms]" {
			t.Errorf("pauses %v", r.pauses)
		}

		first.Forget()
		first.Script(egresstest.Status(503))
		m := r.send(q, wire.MessageSent, "")
		if got := outcomes(m); got != "First:refused:503 First:refused:503 First:refused:503 Second:accepted:200" {
			t.Errorf("attempts %s", got)
		}
		for _, got := range append(keys(first.Requests()), keys(second.Requests())...) {
			if got != string(m.ID) {
				t.Errorf("an attempt has the key %q, want %s", got, m.ID)
			}
		}

		first.Script(egresstest.Status(400))
		if got := outcomes(r.send(q, wire.MessageSent, "")); got != "First:refused:400 Second:accepted:200" {
			t.Errorf("attempts %s", got)
		}
		if all := r.entries(wire.EventLogError); len(all) != 0 {
			t.Errorf("the event log has %q", all)
		}
	})
}

func TestSend_NobodyTakesIt(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		first, second := egresstest.NewReceiver(t), egresstest.NewReceiver(t)
		first.Script(egresstest.Status(503))
		second.Script(egresstest.Answer(401, http.Header{}, "who are you"))
		q := request(r.messenger("First", first), r.messenger("Second", second))
		q.ErrorCode = "[PushTwoFactorFailed]"
		m := r.send(q, wire.MessageFailed, "[PushTwoFactorFailed]")
		if !strings.Contains(m.Failure, `nobody took it; the last was messenger "Second"`) || m.Attempts[3].ResponseBody != "who are you" {
			t.Errorf("recorded %+v", m)
		}
		r.wantEntry(wire.EventLogError, string(m.ID), "+49…67", "two-factor", `messenger "First"`, `messenger "Second"`, "status 503", "status 401", "who are you", "first preferred language",
			"What to do: The receiver does not accept the credentials in the messenger.")
		r.counts.want(t, "SMS attempt refused", "SMS attempt refused", "SMS attempt refused", "SMS attempt refused", "SMS failed")
		_, err := r.Send(t.Context(), q)
		if p, _ := problem.As(err); p == nil || p.Kind != problem.Invalid || strings.Contains(p.Error(), "Second") {
			t.Errorf("the error is %v; it must be an invalid request, and tell strangers nothing about messengers", err)
		}
	})
}

func TestSend_UnknownIsNotRepeated(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		first, second := egresstest.NewReceiver(t), egresstest.NewReceiver(t)
		first.Script(egresstest.Close())
		q := request(r.messenger("First", first), r.messenger("Second", second))
		m := r.send(q, wire.MessageUnknown, "[MessengerError]")
		if got := outcomes(m); got != "First:reset:0" || len(second.Requests()) != 0 {
			t.Errorf("attempts %s, the second got %d", got, len(second.Requests()))
		}
		r.wantEntry(wire.EventLogError, "may not have arrived", "it may have arrived", "retryUnknown")

		careless := r.messenger("Careless", first, func(m *wire.Messenger) { m.RetryUnknown = true })
		q.Messengers = []wire.ID{careless, q.Messengers[1]}
		if got := outcomes(r.send(q, wire.MessageSent, "")); got != "Careless:reset:0 Careless:reset:0 Careless:reset:0 Second:accepted:200" {
			t.Errorf("attempts %s", got)
		}
		second.Script(egresstest.Status(400))
		if m = r.send(q, wire.MessageUnknown, "[MessengerError]"); !strings.Contains(m.Failure, `messenger "Careless"`) {
			t.Errorf("the failure is %q", m.Failure)
		}
	})
}

func TestSend_TimeIsLimited(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		busy := egresstest.NewReceiver(t).Script(egresstest.Status(503))
		var all []wire.ID
		for i := range 20 {
			all = append(all, r.messenger(fmt.Sprint("M", i), busy))
		}
		q := request(all...)
		// Each messenger takes 0.7 s, and after 8 s nobody waits. With what is left of them, nobody is tried twice.
		m := r.send(q, wire.MessageFailed, "[MessengerError]")
		if took := r.d.Now().Sub(noon); took < 7*time.Second || took >= 8*time.Second || len(m.Attempts) >= 60 {
			t.Errorf("%d attempts within %v", len(m.Attempts), took)
		}

		q.Until = r.d.Now().Add(300 * time.Millisecond)
		r.pauses = nil
		m = r.send(q, wire.MessageFailed, "[MessengerError]")
		if len(m.Attempts) < 2 || fmt.Sprint(r.pauses) != "[200ms]" {
			t.Errorf("%d attempts with pauses %v within 300 ms", len(m.Attempts), r.pauses)
		}

		busy.Forget()
		q.Until = r.d.Now()
		if m := r.send(q, wire.MessageFailed, "[MessengerError]"); len(m.Attempts) != 0 || len(busy.Requests()) != 0 {
			t.Errorf("%d attempts of what was worth nothing any more", len(m.Attempts))
		}
	})
}

func TestSend_WhatCannotBeSent(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t)
		main := r.messenger("Main", to)
		for name, test := range map[string]struct {
			change func(*message.Request)
			entry  []string
		}{
			"template is broken": {
				func(q *message.Request) { q.Template = broken },
				[]string{"Broken", "locale de", "line 3, column 7", "(hidden) has no member name", "render its preview"},
			},
			"template is missing": {func(q *message.Request) { q.Template = nowhere }, []string{"there is no template with the id " + string(nowhere)}},
			"no messenger":        {func(q *message.Request) { q.Messengers = nil }, []string{"no messenger is set for it", "Choose a messenger"}},
			"missing messenger":   {func(q *message.Request) { q.Messengers = []wire.ID{nowhere} }, []string{"there is no messenger with this id", string(nowhere)}},
			"messenger of another kind": {
				func(q *message.Request) { q.Kind = wire.KindVoice },
				[]string{`messenger "Main"`, "the messenger carries no messages of type Voice"},
			},
		} {
			r.exec(`DELETE FROM event_log`)
			q := request(main)
			test.change(&q)
			r.send(q, wire.MessageFailed, "[MessengerError]")
			t.Log(name)
			r.wantEntry(wire.EventLogError, test.entry...)
		}
		if len(to.Requests()) != 0 {
			t.Errorf("the receiver got %d messages", len(to.Requests()))
		}

		q := request(nowhere, main)
		if got := outcomes(r.send(q, wire.MessageSent, "")); got != ":invalid:0 Main:accepted:200" {
			t.Errorf("a missing messenger: attempts %s", got)
		}

		before := len(r.strings(`SELECT id FROM message`))
		q = request(main)
		q.To = "no number"
		_, err := r.Send(t.Context(), q)
		if p, _ := problem.As(err); p == nil || p.Fields[0].Code != "[invalid]phoneNumber" {
			t.Errorf("no number: %v", err)
		}
		for _, change := range []func(*message.Request){
			func(q *message.Request) { q.Purpose = "" }, func(q *message.Request) { q.Tenant = "" }, func(q *message.Request) { q.Kind = "Pigeon" },
			func(q *message.Request) { q.Template = "" },
		} {
			q := request(main)
			change(&q)
			if _, err := r.Send(t.Context(), q); err == nil {
				t.Errorf("%+v was sent", q)
			} else if _, ok := problem.As(err); ok {
				t.Errorf("a mistake of ours is a problem of the caller: %v", err)
			}
		}
		if after := len(r.strings(`SELECT id FROM message`)); after != before {
			t.Errorf("%d messages are on record, which were none", after-before)
		}
	})
}

func TestSend_Mail(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		var got []message.Content
		accept := messenger.Attempt{MessageAttempt: wire.MessageAttempt{Outcome: "accepted", StatusCode: 250, URL: "mail.example.com:25"}}
		r.ways.mail = func(tenant wire.ID) (*message.Way, error) {
			if tenant != home {
				t.Errorf("the mail server of %s", tenant)
			}
			return &message.Way{Send: func(_ context.Context, c message.Content) messenger.Attempt {
				got = append(got, c)
				return accept
			}}, nil
		}
		q := request()
		q.Kind, q.To = wire.KindEmail, "Ada@example.com"
		m := r.send(q, wire.MessageSent, "")
		if m.Recipient != "a…@example.com" || len(got) != 1 || got[0].Mail.Subject != "A code" || got[0].Mail.Text != "Ihr Code ist 483920" ||
			got[0].Mail.To[0].Address != "Ada@example.com" || got[0].Key != string(m.ID) {
			t.Errorf("sent %+v, recorded %+v", got, m)
		}

		accept = messenger.Attempt{MessageAttempt: wire.MessageAttempt{Outcome: "refused", StatusCode: 550, Exception: "550 no <ADA@example.com> here"}}
		r.send(q, wire.MessageFailed, "[MessengerError]")
		r.wantEntry(wire.EventLogError, "the mail server of the tenant", "status 550", "Check the sender in emailConfiguration")

		r.exec(`DELETE FROM event_log`)
		r.ways.mail = func(wire.ID) (*message.Way, error) {
			var v problem.Validation
			v.Field("emailConfiguration.host", "blank", "There is no host.")
			return nil, v.Err()
		}
		r.send(q, wire.MessageFailed, "[MessengerError]")
		r.wantEntry(wire.EventLogError, "There is no host.")

		q.To = "Ada <ada@example.com>"
		_, err := r.Send(t.Context(), q)
		if p, _ := problem.As(err); p == nil || p.Fields[0].Code != "[invalid]email" {
			t.Errorf("no address: %v", err)
		}
	})
}

func TestSend_Test(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t).Script(egresstest.Status(503), egresstest.Accept())
		q := request(r.messenger("Main", to))
		q.Purpose, q.Test = "test", true
		if got := outcomes(r.send(q, wire.MessageFailed, "[MessengerError]")); got != "Main:refused:503" || len(r.entries(wire.EventLogError)) != 0 {
			t.Errorf("attempts %s, entries %q", got, r.entries(wire.EventLogError))
		}
		for range 8 { // above the limit of a recipient
			r.send(q, wire.MessageSent, "")
		}
		r.send(request(q.Messengers...), wire.MessageSent, "")
	})
}

func TestRecordTest(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t).Script(egresstest.Answer(400, http.Header{}, "not +491701234567"), egresstest.Accept())
		target, err := r.messengers.Unsaved(wire.Messenger{Name: "New", Type: wire.Generic, URL: to.URL, ConnectTimeout: 1000, ReadTimeout: 5000, Debug: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"failed", "sent"} {
			r.exec(`DELETE FROM event_log`)
			r.exec(`DELETE FROM message`)
			a := target.Send(t.Context(), messenger.Message{Kind: wire.KindSMS, PhoneNumber: number, Text: "A test", Key: "1"})
			if err := r.RecordTest(t.Context(), "", wire.KindSMS, number, a); err != nil {
				t.Fatal(err)
			}
			found, _, err := r.Search(t.Context(), wire.MessageSearch{Recipient: number})
			if err != nil || len(found) != 1 || found[0].Purpose != "test" || string(found[0].State) != want || found[0].Recipient != "+49…67" || found[0].TenantID != "" {
				t.Errorf("on record are %+v, %v; want one that is %s", found, err, want)
			}
			r.wantEntry(wire.EventLogDebug, `messenger "New"`, "(test): "+want)
		}
		if kept := r.everything(); strings.Contains(kept, "1701234567") {
			t.Error("the number is kept")
		}
		for range 6 {
			if err := r.RecordTest(t.Context(), "", wire.KindSMS, number, messenger.Attempt{}); err != nil {
				t.Fatal(err)
			}
		}
		r.send(request(r.messenger("Main", to)), wire.MessageSent, "") // tests do not count
	})
}

func TestSend_Debug(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t).Script(egresstest.Status(503), egresstest.Answer(202, http.Header{}, "queued"))
		quiet := r.messenger("Quiet", egresstest.NewReceiver(t).Script(egresstest.Status(400)))
		r.send(request(quiet, r.messenger("Main", to, func(m *wire.Messenger) { m.Debug = true })), wire.MessageSent, "")
		r.wantEntry(wire.EventLogDebug, "sent after 3 attempt(s)", `messenger "Main"`, "status 503", "status 202", "queued", "Ihr Code ist", "+49…67", "Idempotency-Key", to.URL)
		if all := r.entries(wire.EventLogDebug); strings.Contains(all[0], "Quiet") {
			t.Errorf("a messenger without debug is in the entry: %s", all[0])
		}
	})
}

// TestSend_KeepsSecrets plants what nobody but the recipient may see in everything that is sent, has receivers repeat it, and looks for it in all that
// is kept.
func TestSend_KeepsSecrets(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		const link = "3kd-Qm_x9TzPlanted"
		echo := egresstest.Handle(func(w http.ResponseWriter, q *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "no: %s and %s for 4 8 3 9 2 0 at %%2B491701234567 or 491701234567. id %s", code, number, link)
		})
		debug := func(m *wire.Messenger) { m.Debug = true }
		q := request(r.messenger("Echo", egresstest.NewReceiver(t).Script(echo), debug), r.messenger("Good", egresstest.NewReceiver(t), debug))
		q.Secrets = []string{link}
		q.Model = map[string]any{"code": code + ", link https://example.com/?id=" + link}
		r.send(q, wire.MessageSent, "")
		q.Messengers = q.Messengers[:1]
		r.send(q, wire.MessageFailed, "[MessengerError]")
		q.Template, q.Model = broken, map[string]any{"code": code + " " + link + " " + number}
		r.send(q, wire.MessageFailed, "[MessengerError]")
		r.limit(`{"perRecipient":{"limit":1}}`)
		r.send(q, wire.MessageFailed, "[MessengerError]")
		q.Template = twoFactor
		r.send(q, wire.MessageLimited, "[TooManyMessages]")

		kept := r.everything() + r.log.String()
		if !strings.Contains(kept, "id (hidden)") {
			t.Error("the answer of the receiver is not on record: the test would find nothing")
		}
		for _, secret := range []string{code, "4 8 3 9 2 0", link, number, "+491701234567", "491701234567", "1701234567"} {
			if i := strings.Index(kept, secret); i >= 0 {
				t.Errorf("%q is kept: …%s…", secret, kept[max(0, i-200):min(len(kept), i+100)])
			}
		}
	})
}

func TestSend_CallerHangsUp(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		to := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			cancel()
			w.WriteHeader(503)
		}), egresstest.Accept())
		m, err := r.Send(ctx, request(r.messenger("Main", to)))
		if err != nil || m.State != wire.MessageSent {
			t.Errorf("%s, %v", m.State, err)
		}
		if states := r.strings(`SELECT state FROM message`); fmt.Sprint(states) != "[sent]" {
			t.Errorf("the record says %s", states)
		}
	})
}

func TestSend_Stop(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			r.Stop()
			w.WriteHeader(503)
		}))
		m := r.send(request(r.messenger("Main", to), r.messenger("Other", egresstest.NewReceiver(t))), wire.MessageFailed, "[MessengerError]")
		if got := outcomes(m); got != "Main:refused:503" {
			t.Errorf("attempts %s", got)
		}
	})
}

func TestSend_UntilEndsAnAttempt(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t).Script(egresstest.Hang())
		q := request(r.messenger("Slow", to, func(m *wire.Messenger) { m.ReadTimeout = 60_000; m.RetryUnknown = true }), r.messenger("Other", egresstest.NewReceiver(t)))
		q.Until = r.d.Now().Add(100 * time.Millisecond)
		if got := outcomes(r.send(q, wire.MessageUnknown, "[MessengerError]")); got != "Slow:cancelled:0" {
			t.Errorf("attempts %s", got)
		}
	})
}
