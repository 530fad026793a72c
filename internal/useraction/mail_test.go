package useraction_test

import (
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/wire"
)

// mails sets a mail server up, and the action so that it has an e-mail for each phase.
func (h *herald) mails(change object) *messengertest.PostOffice {
	h.t.Helper()
	office := messengertest.NewPostOffice(h.t)
	h.configure(object{
		"emailConfiguration": object{"host": office.Host, "port": office.Port, "security": "NONE", "defaultFromEmail": "herald@example.com"},
	})
	members := object{"userEmailingEnabled": true}
	for _, phase := range []string{"start", "modify", "cancel", "end"} {
		var r wire.EmailTemplateResponse
		h.Call("POST", "/api/email/template", object{"emailTemplate": object{
			"name": phase, "fromEmail": "moderator@example.com", "defaultFromName": "Moderator",
			"defaultSubject": phase + " of ${action.localizedName}", "defaultHtmlTemplate": "<p>${comment}</p>",
			"defaultTextTemplate":    "${user.email} ${phase} ${comment} ${localizedDuration} ${action.reason!'no reason'} ${tenant.name}",
			"localizedSubjects":      object{"de": phase + " auf Deutsch: ${action.localizedName}"},
			"localizedTextTemplates": object{"de": "${user.email} ${phase} ${comment} ${localizedDuration} ${action.localizedReason!'ohne Grund'}"},
			"localizedHtmlTemplates": object{"de": "<p>${comment}</p>"},
		}}).Want(200).Decode(&r)
		members[phase+"EmailTemplateId"] = r.EmailTemplate.ID
	}
	for name, value := range change {
		members[name] = value
	}
	h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": members}).Want(200)
	h.skip()
	return office
}

// mailed waits for the next mail, which is number n, and fails the test unless it holds the texts.
func (h *herald) mailed(office *messengertest.PostOffice, n int, texts ...string) {
	h.t.Helper()
	h.Eventually(patience, "a mail is taken", func() bool { return len(office.Mails()) >= n })
	content := office.Mails()[n-1].Content
	for _, text := range texts {
		if !strings.Contains(content, text) {
			h.t.Errorf("mail %d lacks %q:\n%s", n, text, content)
		}
	}
}

func TestMail_OfEachPhase(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		office := h.mails(object{"includeEmailInEventJSON": true})
		a := taken(h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(72 * time.Hour), "comment": "Enough.", "emailUser": true, "reasonId": spam}).Want(200))
		h.mailed(office, 1, "To: <ada@example.com>", "From: \"Moderator\" <moderator@example.com>", "Subject: start auf Deutsch: Sperre", "ada@example.com start Enough. 3 Tage")
		e := h.last()
		if !e.EmailedUser || e.Email == nil {
			t.Fatalf("event %+v", e)
		}
		if e.Email.Subject != "start auf Deutsch: Sperre" || e.Email.Text != "ada@example.com start Enough. 3 Tage Unerwünschte Werbung" || e.Email.HTML != "<p>Enough.</p>" ||
			e.Email.From != (wire.EmailAddress{Address: "moderator@example.com", Display: "Moderator"}) || e.Email.To[0].Address != "ada@example.com" {
			t.Errorf("the e-mail in the event is %+v", e.Email)
		}
		h.act("PUT", "/"+string(a.ID), object{"expiry": h.in(time.Hour), "emailUser": true}).Want(200)
		h.mailed(office, 2, "Subject: modify auf Deutsch: Sperre", "1 Stunde")
		h.act("DELETE", "/"+string(a.ID), object{"emailUser": true}).Want(200)
		h.mailed(office, 3, "Subject: cancel auf Deutsch: Sperre")
		h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour), "emailUser": true}).Want(200)
		h.mailed(office, 4, "Subject: start auf Deutsch: Sperre", "ohne Grund")
		h.later(time.Hour)
		h.end()
		h.mailed(office, 5, "Subject: end auf Deutsch: Sperre")
		if e := h.last(); e.Phase != "end" || !e.EmailedUser || e.Email == nil || e.Email.Subject != "end auf Deutsch: Sperre" {
			t.Errorf("event of the end: %+v", e)
		}
	})
}

func TestMail_OnlyWhereItIsWanted(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		office := h.mails(nil)
		take := func(action object) told {
			t.Helper()
			h.act("POST", "", action).Want(200)
			return h.last()
		}
		// With the e-mail kept to the user.
		if e := take(object{"userActionId": ban, "actioneeUserId": ada, "expiry": wire.Forever, "emailUser": true}); !e.EmailedUser || e.Email != nil {
			t.Errorf("event %+v", e)
		}
		h.mailed(office, 1)

		none := func(what string, e told) {
			t.Helper()
			if e.EmailedUser || e.Email != nil {
				t.Errorf("%s: %+v", what, e)
			}
		}
		none("nobody asks for it", take(object{"userActionId": ban, "actioneeUserId": ada, "expiry": wire.Forever}))
		h.user("30000000-0000-4000-8000-000000000003", "", "X-FusionAuth-TenantId", string(h.Tenant))
		none("a user without an address", take(object{"userActionId": ban, "actioneeUserId": "30000000-0000-4000-8000-000000000003", "expiry": wire.Forever, "emailUser": true}))
		none("an action without templates", take(object{"userActionId": warn, "actioneeUserId": ada, "emailUser": true}))
		h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"userEmailingEnabled": false}}).Want(200)
		none("an action that sends no e-mails", take(object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour), "emailUser": true}))

		h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"userEmailingEnabled": true}}).Want(200)
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe("http://127.0.0.1:1/", []string{"user.action"})
		h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour), "emailUser": true}).Want(504)
		h.Stop() // when it has stopped, all that was to be sent has been
		if n := len(office.Mails()); n != 1 {
			t.Errorf("%d mails were sent, want 1", n)
		}
	})
}

// TestMail_ThatCannotBeSent: the action is taken all the same, and the event log says what is wrong.
func TestMail_ThatCannotBeSent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		office := h.mails(object{"includeEmailInEventJSON": true})
		d := definition(h.Call("GET", "/api/user-action/"+ban, nil).Want(200))
		h.Call("PATCH", "/api/email/template/"+string(d.StartEmailTemplateID), object{"emailTemplate": object{
			"localizedTextTemplates": object{"de": "${nothing.like.that}"},
		}}).Want(200)
		a := taken(h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": wire.Forever, "emailUser": true}).Want(200))
		if e := h.last(); e.ActionID != a.ID || e.Email != nil {
			t.Errorf("event %+v", e)
		}
		h.Eventually(patience, "the event log tells of it", func() bool {
			return len(h.Strings(`SELECT message FROM event_log WHERE message LIKE '%nothing%'`)) > 0
		})
		if n := len(office.Mails()); n > 0 {
			t.Errorf("%d mails were sent", n)
		}
	})
}
