package identity_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"

	"github.com/herald-events/herald/wire"
)

// proofs is a server whose tenant verifies addresses and numbers, with a mail server and a messenger, and a clock that can be moved on.
type proofs struct {
	*herald

	sms    *egresstest.Receiver
	office *messengertest.PostOffice
	texts  int
	mails  int
	ahead  *atomic.Int64
}

const (
	proofPassword = "correct horse"
	proofMail     = "ada@example.com"
	proofPhone    = "+491701234567"
)

// eachProof runs fn with links, or with codes that are typed in.
func eachProof(t *testing.T, strategy string, fn func(t *testing.T, h *proofs)) {
	t.Helper()
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			ahead := &atomic.Int64{}
			s := apptest.Start(t, engine, func(o *app.Options) {
				o.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			})
			h := &proofs{herald: &herald{Server: s, t: t}, sms: egresstest.NewReceiver(t), office: messengertest.NewPostOffice(t), ahead: ahead}
			var m wire.MessengerResponse
			h.Call("POST", "/api/messenger", object{"messenger": object{
				"type": "Generic", "name": "Texts", "url": h.sms.URL, "connectTimeout": 1000, "readTimeout": 5000,
			}}).Want(200).Decode(&m)
			var text wire.MessageTemplateResponse
			h.Call("POST", "/api/message/template", object{"messageTemplate": object{
				"type": "SMS", "name": "Verify", "defaultTemplate": "id=${verificationId!changePasswordId} code=${verificationOneTimeCode!} to=${user.phoneNumber}",
			}}).Want(200).Decode(&text)
			mail := func(name, id string) wire.ID {
				var r wire.EmailTemplateResponse
				text := "id=${" + id + "} code=${verificationOneTimeCode!} state=${(state.a)!} for=${(application.name)!} to=${user.email}"
				h.Call("POST", "/api/email/template", object{"emailTemplate": object{
					"name": name, "defaultSubject": name, "defaultTextTemplate": text, "defaultHtmlTemplate": "<p>${" + id + "}</p>",
					"localizedSubjects": object{"de": name}, "localizedTextTemplates": object{"de": text + " language=de"}, "localizedHtmlTemplates": object{"de": "<p>${" + id + "}</p>"},
				}}).Want(200).Decode(&r)
				return r.EmailTemplate.ID
			}
			h.configure(object{
				"phoneConfiguration": object{
					"messengerId": m.Messenger.ID, "verificationTemplateId": text.MessageTemplate.ID, "setPasswordTemplateId": text.MessageTemplate.ID,
					"verifyPhoneNumber": true, "unverified": object{"behavior": "Gated"}, "verificationStrategy": strategy,
				},
				"emailConfiguration": object{
					"host": h.office.Host, "port": h.office.Port, "defaultFromEmail": "from@example.com",
					"verifyEmail": true, "verifyEmailWhenChanged": true, "unverified": object{"behavior": "Gated"}, "verificationStrategy": strategy,
					"verificationEmailTemplateId": mail("Verify your address", "verificationId"), "setPasswordEmailTemplateId": mail("Choose a password", "changePasswordId"),
				},
				"messageLimits": object{"perRecipient": object{"limit": 1000}},
			})
			h.Call("POST", "/api/application/"+shop, object{"application": object{
				"name": "Shop", "verifyRegistration": true, "verificationEmailTemplateId": mail("Verify your registration", "verificationId"),
				"unverified": object{"behavior": "Gated"}, "verificationStrategy": strategy,
			}}).Want(200)
			fn(t, h)
		})
	}
}

func (h *proofs) configure(members object) {
	h.t.Helper()
	h.Call("PATCH", "/api/tenant/"+string(h.Tenant), object{"tenant": members}, "Content-Type", "application/merge-patch+json").Want(200)
}

func (h *proofs) anonymous(method, path string, body any) apptest.Answer {
	h.t.Helper()
	return h.Call(method, path, body, "Authorization", "")
}

// told is what a message says.
type told struct{ subject, id, code, state, application, to, language string }

func readTold(text string) (m told) {
	for field := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "id":
			m.id = value
		case "code":
			m.code = value
		case "state":
			m.state = value
		case "for":
			m.application = value
		case "to":
			m.to = value
		case "language":
			m.language = value
		}
	}
	return m
}

// mailed waits for the next e-mails and returns them by their subject.
func (h *proofs) mailed(n int) map[string]told {
	h.t.Helper()
	h.Eventually(10*time.Second, fmt.Sprintf("%d e-mails have arrived", h.mails+n), func() bool { return len(h.office.Mails()) >= h.mails+n })
	all := map[string]told{}
	for _, m := range h.office.Mails()[h.mails:] {
		opened := m.Open(h.t)
		one := readTold(opened.Text)
		one.subject = opened.Subject
		all[one.subject] = one
	}
	h.mails += n
	return all
}

// texted waits for the next text message.
func (h *proofs) texted() told {
	h.t.Helper()
	var m struct{ TextMessage string }
	if err := json.Unmarshal(h.sms.WaitFor(h.texts + 1)[h.texts].Body, &m); err != nil {
		h.t.Fatal(err)
	}
	h.texts++
	return readTold(m.TextMessage)
}

// newUser makes a user who has an address and a password.
func (h *proofs) newUser(id, address string) wire.UserResponse {
	h.t.Helper()
	var r wire.UserResponse
	h.Call("POST", "/api/user/"+id, object{"user": object{"email": address, "password": proofPassword}}).Want(200).Decode(&r)
	h.published("create", "user.create", "user.create.complete")
	return r
}

func identityOf(u wire.User, kind wire.IdentityType) wire.UserIdentity {
	for _, i := range u.Identities {
		if i.Type == kind {
			return i
		}
	}
	return wire.UserIdentity{}
}

func TestVerify_EmailByLink(t *testing.T) {
	eachProof(t, "ClickableLink", func(t *testing.T, h *proofs) {
		created := h.newUser(idA, proofMail)
		id := created.EmailVerificationID
		if id == "" || created.EmailVerificationOneTimeCode != "" || created.Token != "" ||
			!slices.Equal(created.VerificationIDs, []wire.VerificationID{{ID: id, Type: "email", Value: proofMail}}) {
			t.Errorf("created %+v", created)
		}
		if m := h.mailed(1)["Verify your address"]; m.id != id || m.code != "" || m.to != proofMail {
			t.Errorf("the message says %+v, the caller was told %s", m, id)
		}
		h.Call("POST", "/api/login", object{"loginId": proofMail, "password": proofPassword}).Want(212)
		// Whoever has a key reads the id again; the user is found by it.
		var read wire.UserResponse
		h.Call("GET", "/api/user/"+idA, nil).Want(200).Decode(&read)
		if read.EmailVerificationID != id || read.User.Verified {
			t.Errorf("read %+v", read)
		}
		if u := user(h.Call("GET", "/api/user?verificationId="+id, nil).Want(200)); u.ID != idA {
			t.Errorf("by id: %s", u.ID)
		}
		if a := h.anonymous("POST", "/api/user/verify-email/"+id, nil).Want(200); len(a.Body) != 0 {
			t.Errorf("answer %s", a.Body)
		}
		h.published("verify", "user.email.verified", "user.identity.verified")
		u := h.user(idA)
		if i := identityOf(u, "email"); !u.Verified || u.VerifiedInstant == 0 || !i.Verified || i.VerifiedReason != wire.VerifiedCompleted || i.VerifiedInstant != u.VerifiedInstant {
			t.Errorf("verified user %+v", u)
		}
		for _, kind := range []string{"user.email.verified", "user.identity.verified"} {
			e := h.last(kind).Event
			if e.LinkedObjectID != idA || e.User == nil || !e.User.Verified || e.Info == nil {
				t.Errorf("%s: %+v", kind, e)
			}
		}
		var e struct {
			Event struct{ LoginID, LoginIDType string }
		}
		h.decodeLast("user.identity.verified", &e)
		if e.Event.LoginID != proofMail || e.Event.LoginIDType != "email" {
			t.Errorf("user.identity.verified: %+v", e)
		}
		h.anonymous("POST", "/api/user/verify-email", object{"verificationId": id}).Want(404) // good once
		h.Call("GET", "/api/user?verificationId="+id, nil).Want(404)
		h.Call("POST", "/api/login", object{"loginId": proofMail, "password": proofPassword}).Want(200)
	})
}

func TestVerify_Registration(t *testing.T) {
	eachProof(t, "ClickableLink", func(t *testing.T, h *proofs) {
		h.Call("POST", "/api/user/"+idA, object{"user": object{"email": proofMail, "password": proofPassword}, "skipVerification": true}).Want(200)
		var r wire.RegistrationResponse
		h.Call("POST", "/api/user/registration/"+idA, object{"registration": object{"applicationId": shop}}).Want(200).Decode(&r)
		id := r.RegistrationVerificationID
		m := h.mailed(1)["Verify your registration"]
		if id == "" || m.id != id || m.application != "Shop" || r.Registration.Verified || r.Token != "" {
			t.Errorf("registered %+v, told %+v", r, m)
		}
		h.Call("POST", "/api/login", object{"loginId": proofMail, "password": proofPassword, "applicationId": shop}).Want(213)
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		h.anonymous("POST", "/api/user/verify-email/"+id, nil).Want(404) // it is of another kind
		h.anonymous("POST", "/api/user/verify-registration", object{"verificationId": id}).Want(200)
		h.published("verify", "user.registration.verified")
		e := h.registrationEvent("user.registration.verified")
		if e.ApplicationID != shop || e.LinkedObjectID != idA || !e.Registration.Verified || e.Registration.VerifiedInstant == 0 || e.User == nil {
			t.Errorf("event %+v", e)
		}
		if got := h.user(idA).Registrations[0]; !got.Verified || got.VerifiedInstant == 0 {
			t.Errorf("registration %+v", got)
		}
		h.anonymous("POST", "/api/user/verify-registration/"+id, nil).Want(404)
		h.Call("POST", "/api/login", object{"loginId": proofMail, "password": proofPassword, "applicationId": shop}).Want(200)
	})
}
