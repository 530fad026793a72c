package identity_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"

	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/twofactor/twofactortest"
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
	h.settled()
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
	h.settled()
	return readTold(m.TextMessage)
}

// settled waits until no message is under way any more.
func (h *proofs) settled() {
	h.t.Helper()
	h.Eventually(10*time.Second, "no message is under way", func() bool { return len(h.Strings(`SELECT id FROM message WHERE state = 'sending'`)) == 0 })
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

// verify tells whether an id, with a code if one is given, verifies an address.
func (h *proofs) verify(id, code string) apptest.Answer {
	h.t.Helper()
	return h.anonymous("POST", "/api/user/verify-email", object{"verificationId": id, "oneTimeCode": code})
}

// login tries to log Ada in.
func (h *proofs) login(more object) (status int, r wire.LoginResponse) {
	h.t.Helper()
	body := object{"loginId": proofMail, "password": proofPassword}
	for name, value := range more {
		body[name] = value
	}
	a := h.Call("POST", "/api/login", body)
	a.Decode(&r)
	h.Seen = len(h.Strings(`SELECT type FROM event`))
	return a.Status, r
}

// wrong is a code of the same form that is another one.
func wrong(code string) string {
	if code[0] == 'x' {
		return "y" + code[1:]
	}
	return "x" + code[1:]
}

func TestVerify_EmailByCode(t *testing.T) {
	eachProof(t, "FormField", func(t *testing.T, h *proofs) {
		created := h.newUser(idA, proofMail)
		id, code := created.EmailVerificationID, created.EmailVerificationOneTimeCode
		if m := h.mailed(1)["Verify your address"]; m.id != id || m.code != code || len(code) != 6 {
			t.Errorf("the message says %+v, the caller was told %s %s", m, id, code)
		}
		// The login leads to the form for the code, but does not know the code.
		status, in := h.login(nil)
		if status != 212 || in.EmailVerificationID != id || in.IdentityVerificationID != id || in.Token != "" || in.User != nil {
			t.Errorf("%d %+v", status, in)
		}
		wantCodes(t, h.verify(id, ""), "[blank]oneTimeCode") // is no try
		for range 4 {
			wantCodes(t, h.verify(id, wrong(code)), "[invalid]oneTimeCode")
		}
		wantCodes(t, h.Call("POST", "/api/identity/verify/complete", object{"verificationId": id, "oneTimeCode": strings.ToLower(wrong(code))}), "[invalid]oneTimeCode")
		h.verify(id, code).Want(404) // it is void
		h.Call("POST", "/api/identity/verify/send", object{"verificationId": id}).Want(404)
		h.published("wrong codes")

		// The next login begins anew, and sends that; the one after it does not.
		status, in = h.login(nil)
		m := h.mailed(1)["Verify your address"]
		if status != 212 || in.EmailVerificationID == id || m.id != in.EmailVerificationID || m.code == code {
			t.Errorf("%d %+v, told %+v", status, in, m)
		}
		if _, again := h.login(nil); again.EmailVerificationID != m.id {
			t.Errorf("another login is told %s, not %s", again.EmailVerificationID, m.id)
		}
		h.verify(m.id, wrong(m.code)).Want(400)
		h.verify(m.id, m.code).Want(200)
		h.published("verify", "user.email.verified", "user.identity.verified")
		if status, in := h.login(nil); status != 200 || in.EmailVerificationID != "" || in.Token == "" {
			t.Errorf("%d %+v", status, in)
		}
		if n := len(h.office.Mails()); n != h.mails {
			t.Errorf("%d e-mails in all", n)
		}

		// A second factor comes first, and then leads to the same place.
		bob := h.newUser(idB, "bob@example.com")
		h.mailed(1)
		var secret wire.TwoFactorSecretResponse
		h.Call("GET", "/api/two-factor/secret", nil).Want(200).Decode(&secret)
		app, err := base64.StdEncoding.DecodeString(secret.Secret)
		if err != nil {
			t.Fatal(err)
		}
		h.Call("POST", "/api/user/two-factor/"+idB, object{"method": "authenticator", "secret": secret.Secret, "code": twofactortest.AppCode(app, 6, time.Now())}).Want(200)
		if status, in := h.login(object{"loginId": "bob@example.com"}); status != 242 || in.EmailVerificationID != "" {
			t.Errorf("%d %+v", status, in)
		}
		var second wire.TwoFactorStartResponse
		h.Call("POST", "/api/two-factor/start", object{"userId": idB}).Want(200).Decode(&second)
		h.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": second.TwoFactorID, "code": second.Code}).Want(212).Decode(&in)
		if in.EmailVerificationID != bob.EmailVerificationID || in.IdentityVerificationID != bob.EmailVerificationID || in.Token != "" {
			t.Errorf("after the second factor: %+v", in)
		}
		h.Seen = len(h.Strings(`SELECT type FROM event`))

		// The registration is gated apart from the address.
		var r wire.RegistrationResponse
		h.Call("POST", "/api/user/registration/"+idA, object{"registration": object{"applicationId": shop}}).Want(200).Decode(&r)
		m = h.mailed(1)["Verify your registration"]
		if m.id != r.RegistrationVerificationID || m.code != r.RegistrationVerificationOneTimeCode || len(m.code) != 6 {
			t.Errorf("registered %+v, told %+v", r, m)
		}
		if status, in := h.login(object{"applicationId": shop}); status != 213 || in.RegistrationVerificationID != m.id || in.EmailVerificationID != "" || in.IdentityVerificationID != "" {
			t.Errorf("%d %+v", status, in)
		}
		for range 5 {
			wantCodes(t, h.anonymous("POST", "/api/user/verify-registration/"+m.id, object{"oneTimeCode": wrong(m.code)}), "[invalid]oneTimeCode")
		}
		h.anonymous("POST", "/api/user/verify-registration/"+m.id, object{"oneTimeCode": m.code}).Want(404)
		status, in = h.login(object{"applicationId": shop})
		if m = h.mailed(1)["Verify your registration"]; status != 213 || m.id != in.RegistrationVerificationID {
			t.Errorf("%d %+v, told %+v", status, in, m)
		}
		h.anonymous("POST", "/api/user/verify-registration/"+m.id, object{"oneTimeCode": m.code}).Want(200)
		h.published("verify the registration", "user.registration.verified")
		if status, _ := h.login(object{"applicationId": shop}); status != 200 {
			t.Errorf("status %d", status)
		}
	})
}

// With links the answers to logins have no ids: they are in the messages alone.
func TestVerify_LoginWithLinks(t *testing.T) {
	eachProof(t, "ClickableLink", func(t *testing.T, h *proofs) {
		h.Call("POST", "/api/user/registration/"+idA, object{"user": object{"email": proofMail, "password": proofPassword}, "registration": object{"applicationId": shop}}).Want(200)
		h.mailed(2)
		if status, in := h.login(object{"applicationId": shop}); status != 212 || in.EmailVerificationID+in.IdentityVerificationID+in.RegistrationVerificationID != "" {
			t.Errorf("%d %+v", status, in)
		}
		h.Call("POST", "/api/user/verify-email", object{"userId": idA}).Want(200)
		if status, in := h.login(object{"applicationId": shop}); status != 213 || in.EmailVerificationID+in.IdentityVerificationID+in.RegistrationVerificationID != "" {
			t.Errorf("%d %+v", status, in)
		}
		// Whom the tenant, and the application, allow in unverified is in.
		h.configure(object{"emailConfiguration": object{"unverified": object{"behavior": "Allow"}}})
		h.Call("PATCH", "/api/application/"+shop, object{"application": object{"unverified": object{"behavior": "Allow"}}}).Want(200)
		if status, _ := h.login(object{"applicationId": shop}); status != 200 {
			t.Errorf("status %d", status)
		}
	})
}

// An id ends when its time is over, and with what it is about.
func TestVerify_Ends(t *testing.T) {
	eachProof(t, "ClickableLink", func(t *testing.T, h *proofs) {
		h.configure(object{"externalIdentifierConfiguration": object{
			"emailVerificationIdTimeToLiveInSeconds": 600, "registrationVerificationIdTimeToLiveInSeconds": 60, "setupPasswordIdTimeToLiveInSeconds": 300,
		}})
		var r wire.RegistrationResponse
		h.Call("POST", "/api/user/registration/"+idA, object{
			"user": object{"email": proofMail}, "registration": object{"applicationId": shop}, "sendSetPasswordEmail": true,
		}).Want(200).Decode(&r)
		mails := h.mailed(3)
		first := "/api/user/change-password/" + mails["Choose a password"].id
		h.anonymous("GET", first, nil).Want(200)
		h.ahead.Store(int64(61 * time.Second))
		h.anonymous("POST", "/api/user/verify-registration/"+r.RegistrationVerificationID, nil).Want(404)
		h.anonymous("GET", first, nil).Want(200)
		h.ahead.Store(int64(301 * time.Second))
		h.anonymous("GET", first, nil).Want(404)
		h.Call("GET", "/api/user?verificationId="+r.EmailVerificationID, nil).Want(200)
		h.ahead.Store(int64(601 * time.Second))
		h.anonymous("POST", "/api/user/verify-email/"+r.EmailVerificationID, nil).Want(404)
		var read wire.UserResponse
		h.Call("GET", "/api/user/"+idA, nil).Want(200).Decode(&read)
		if len(read.VerificationIDs) != 0 || read.EmailVerificationID != "" {
			t.Errorf("read %+v", read)
		}

		// The id of an address goes with the address, and that of a user who is deactivated is worth nothing.
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		var moved wire.UserResponse
		h.Call("PATCH", "/api/user/"+idA, object{"user": object{"email": "old@example.com"}}).Want(200).Decode(&moved)
		old := h.mailed(1)["Verify your address"]
		if old.id != moved.EmailVerificationID || old.to != "old@example.com" || moved.User.Verified {
			t.Errorf("moved %+v, told %+v", moved, old)
		}
		h.Call("PATCH", "/api/user/"+idA, object{"user": object{"email": proofMail}}).Want(200).Decode(&moved)
		h.mailed(1)
		h.verify(old.id, "").Want(404)
		h.Call("PATCH", "/api/user/"+idA, object{"user": object{"firstName": "Ada"}}).Want(200).Decode(&read)
		if len(read.VerificationIDs) != 0 {
			t.Errorf("a change of something else asks again: %+v", read)
		}
		h.Call("DELETE", "/api/user/"+idA, nil).Want(200)
		h.verify(moved.EmailVerificationID, "").Want(404)
		h.Call("PUT", "/api/user/"+idA+"?reactivate=true", nil).Want(200)
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		h.verify(moved.EmailVerificationID, "").Want(200)
		h.published("verify", "user.email.verified", "user.identity.verified")

		// A registration that is gone cannot be verified.
		h.Call("DELETE", "/api/user/registration/"+idA+"/"+shop, nil).Want(200)
		h.Call("POST", "/api/user/registration/"+idA, object{"registration": object{"applicationId": shop}}).Want(200).Decode(&r)
		h.mailed(1)
		h.Call("DELETE", "/api/user/registration/"+idA+"/"+shop, nil).Want(200)
		h.anonymous("POST", "/api/user/verify-registration/"+r.RegistrationVerificationID, nil).Want(404)
	})
}

// A change that says so asks nothing of the user.
func TestVerify_Skipped(t *testing.T) {
	eachProof(t, "FormField", func(t *testing.T, h *proofs) {
		var r wire.RegistrationResponse
		h.Call("POST", "/api/user/registration/"+idA, object{
			"user": object{"email": proofMail, "phoneNumber": proofPhone, "password": proofPassword}, "registration": object{"applicationId": shop},
			"skipVerification": true, "skipRegistrationVerification": true,
		}).Want(200).Decode(&r)
		if !r.Registration.Verified || !r.User.Verified || identityOf(*r.User, "email").VerifiedReason != wire.VerifiedSkipped || identityOf(*r.User, "email").Verified ||
			r.RegistrationVerificationID+r.EmailVerificationID != "" || len(r.VerificationIDs) != 0 || r.Token == "" {
			t.Errorf("skipped: %+v", r)
		}
		if left := h.Strings(`SELECT kind FROM ticket`); len(left) != 0 {
			t.Errorf("tickets %v", left)
		}
		if status, _ := h.login(object{"applicationId": shop}); status != 200 {
			t.Errorf("status %d", status)
		}
		if left := h.Strings(`SELECT purpose FROM message`); len(left) != 0 {
			t.Errorf("messages %v", left)
		}
		// Everything else has the tenant's way.
		var u wire.UserResponse
		h.Call("POST", "/api/user/"+idB, object{"user": object{"email": "bob@example.com", "phoneNumber": "+491709999999", "username": "bob", "password": proofPassword, "preferredLanguages": []string{"de"}}}).
			Want(200).Decode(&u)
		if len(u.VerificationIDs) != 2 || u.VerificationIDs[0].Type != "email" || u.VerificationIDs[1].Type != "phoneNumber" || u.VerificationIDs[1].Value != "+491709999999" || u.Token != "" {
			t.Errorf("created %+v", u)
		}
		if m := h.texted(); m.id != u.VerificationIDs[1].ID || m.code != u.VerificationIDs[1].OneTimeCode || m.to != "+491709999999" {
			t.Errorf("told %+v", m)
		}
		if m := h.mailed(1)["Verify your address"]; m.language != "de" || m.id != u.EmailVerificationID {
			t.Errorf("told %+v", m)
		}
	})
}

func (h *proofs) start(body object) (r wire.IdentityVerifyStartResponse) {
	h.t.Helper()
	h.Call("POST", "/api/identity/verify/start", body).Want(200).Decode(&r)
	return r
}

func TestVerify_Identity(t *testing.T) {
	eachProof(t, "ClickableLink", func(t *testing.T, h *proofs) {
		h.Call("POST", "/api/user/"+idA, object{"user": object{"email": proofMail, "phoneNumber": proofPhone, "password": proofPassword, "username": "ada"}}).Want(200)
		h.mailed(1)
		h.texted()
		h.Seen = len(h.Strings(`SELECT type FROM event`))

		// A number: nothing is sent until that is asked for, and the caller's state comes back.
		started := h.start(object{
			"loginId": "+49 170 1234567", "loginIdType": "phoneNumber", "applicationId": shop, "verificationStrategy": "FormField", "state": object{"a": "b"}, "existingUserStrategy": "mustExist",
		})
		if started.VerificationID == "" || len(started.OneTimeCode) != 6 || len(h.sms.Requests()) != h.texts {
			t.Errorf("started %+v, %d messages", started, len(h.sms.Requests()))
		}
		if a := h.Call("POST", "/api/identity/verify/send", object{"verificationId": started.VerificationID}).Want(200); len(a.Body) != 0 {
			t.Errorf("answer %s", a.Body)
		}
		if m := h.texted(); m.id != started.VerificationID || m.code != started.OneTimeCode || m.to != proofPhone {
			t.Errorf("told %+v", m)
		}
		h.published("start and send")
		wantCodes(t, h.Call("POST", "/api/identity/verify/complete", object{"verificationId": started.VerificationID}), "[blank]oneTimeCode")
		var done wire.IdentityVerifyCompleteResponse
		h.Call("POST", "/api/identity/verify/complete", object{"verificationId": started.VerificationID, "oneTimeCode": started.OneTimeCode}).Want(200).Decode(&done)
		if done.State["a"] != "b" {
			t.Errorf("answer %+v", done)
		}
		h.published("a number", "user.identity.verified")
		var e struct {
			Event struct {
				LoginID, LoginIDType string
				LinkedObjectID       wire.ID
				User                 *wire.User
			}
		}
		h.decodeLast("user.identity.verified", &e)
		if e.Event.LoginID != proofPhone || e.Event.LoginIDType != "phoneNumber" || e.Event.LinkedObjectID != idA || e.Event.User == nil || !identityOf(*e.Event.User, "phoneNumber").Verified {
			t.Errorf("event %+v", e)
		}
		u := h.user(idA)
		if i := identityOf(u, "phoneNumber"); !i.Verified || i.VerifiedReason != wire.VerifiedCompleted || u.Verified || identityOf(u, "email").Verified {
			t.Errorf("user %+v", u)
		}
		// The client decodes something although there is no state; what is verified already is no event.
		again := h.start(object{"loginId": proofPhone, "loginIdType": "phoneNumber"})
		if a := h.Call("POST", "/api/identity/verify/complete", object{"verificationId": again.VerificationID}).Want(200); string(a.Body) != "{}" || again.OneTimeCode != "" {
			t.Errorf("answer %s, started %+v", a.Body, again)
		}
		h.published("the number again")

		// An administrator says so.
		if a := h.Call("POST", "/api/identity/verify", object{"loginId": "ADA@example.com", "loginIdType": "email"}).Want(200); len(a.Body) != 0 {
			t.Errorf("answer %s", a.Body)
		}
		h.published("an administrator", "user.email.verified", "user.identity.verified")
		if u := h.user(idA); !u.Verified || identityOf(u, "email").VerifiedReason != wire.VerifiedAdministrative {
			t.Errorf("user %+v", u)
		}
		h.Call("POST", "/api/identity/verify", object{"loginId": proofMail, "loginIdType": "email"}).Want(200)
		h.Call("POST", "/api/user/verify-email", object{"userId": idA}).Want(200)
		h.published("what was verified already")

		for _, c := range []struct {
			path string
			body object
			want string // a code, or a status
		}{
			{"/start", object{}, "[blank]loginId [blank]loginIdType"},
			{"/start", object{"loginId": "ada", "loginIdType": "username"}, "[invalid]loginIdType"},
			{"/start", object{"loginId": "ada", "loginIdType": "email"}, "[notEmail]loginId"},
			{"/start", object{"loginId": "ada", "loginIdType": "phoneNumber"}, "[invalidPhone]loginId"},
			{"/start", object{"loginId": proofMail, "loginIdType": "email", "verificationStrategy": "Pigeon", "existingUserStrategy": "perhaps"}, "[invalid]existingUserStrategy [invalid]verificationStrategy"},
			{"/start", object{"loginId": proofMail, "loginIdType": "email", "applicationId": idX}, "[invalid]applicationId"},
			{"/start", object{"loginId": proofMail, "loginIdType": "email", "existingUserStrategy": "mustNotExist"}, "[duplicate]loginId"},
			{"/start", object{"loginId": "nobody@example.com", "loginIdType": "email"}, "404"},
			{"/start", object{"loginId": 7, "loginIdType": []string{}, "state": "x"}, "[couldNotConvert]loginId [couldNotConvert]loginIdType [couldNotConvert]state"},
			{"/send", object{}, "[blank]verificationId"},
			{"/send", object{"verificationId": "nonsense"}, "404"},
			{"/complete", object{"oneTimeCode": "123456"}, "[blank]verificationId"},
			{"/complete", object{"verificationId": "nonsense", "oneTimeCode": "123456"}, "404"},
			{"/complete", object{"verificationId": again.VerificationID}, "404"}, // was used
			{"", object{"loginIdType": "email"}, "[blank]loginId"},
			{"", object{"loginId": "nobody@example.com", "loginIdType": "email"}, "404"},
			{"", object{"loginId": "ada", "loginIdType": "username"}, "[invalid]loginIdType"},
		} {
			a := h.Call("POST", "/api/identity/verify"+c.path, c.body)
			if c.want == "404" {
				if a.Want(404); len(a.Body) != 0 {
					t.Errorf("%s %v: 404 with %s", c.path, c.body, a.Body)
				}
				continue
			}
			codes := a.Want(400).Codes()
			slices.Sort(codes)
			if got := strings.Join(codes, " "); got != c.want {
				t.Errorf("%s %v: %s, want %s", c.path, c.body, got, c.want)
			}
			h.anonymous("POST", "/api/identity/verify"+c.path, c.body).Want(401)
		}
		h.published("bad input")
	})
}

// An address can be verified before there is a user with it, who then begins with it verified.
func TestVerify_BeforeTheUser(t *testing.T) {
	eachProof(t, "FormField", func(t *testing.T, h *proofs) {
		begin := object{"loginId": "Ada@example.com", "loginIdType": "email", "existingUserStrategy": "mustNotExist", "state": object{"a": "b"}}
		one, phone := h.start(begin), h.start(object{"loginId": proofPhone, "loginIdType": "phoneNumber", "existingUserStrategy": "mustNotExist"})
		for _, s := range []wire.IdentityVerifyStartResponse{one, phone} {
			h.Call("POST", "/api/identity/verify/send", object{"verificationId": s.VerificationID}).Want(200)
		}
		if m := h.mailed(1)["Verify your address"]; m.id != one.VerificationID || m.code != one.OneTimeCode || m.to != proofMail || m.state != "b" {
			t.Errorf("told %+v", m)
		}
		if m := h.texted(); m.code != phone.OneTimeCode {
			t.Errorf("told %+v", m)
		}
		h.Call("GET", "/api/user?verificationId="+one.VerificationID, nil).Want(404)
		body := object{"user": object{"email": proofMail, "password": proofPassword}, "verificationIds": []string{one.VerificationID}}
		wantCodes(t, h.Call("POST", "/api/user/"+idA, body), "[invalid]verificationIds") // not before it is completed
		complete := func(s wire.IdentityVerifyStartResponse) {
			t.Helper()
			h.Call("POST", "/api/identity/verify/complete", object{"verificationId": s.VerificationID, "oneTimeCode": s.OneTimeCode}).Want(200)
		}
		complete(one)
		h.published("nobody's address", "user.identity.verified")
		var e map[string]object
		h.decodeLast("user.identity.verified", &e)
		if e["event"]["loginId"] != proofMail || e["event"]["loginIdType"] != "email" || e["event"]["user"] != nil || e["event"]["linkedObjectId"] != nil {
			t.Errorf("event %v", e)
		}
		complete(one)
		h.published("again")
		for what, bad := range map[string]object{
			"another's address": {"user": object{"email": "bob@example.com", "password": proofPassword}, "verificationIds": []string{one.VerificationID}},
			"no such id":        {"user": object{"email": proofMail, "password": proofPassword}, "verificationIds": []string{one.VerificationID, "nonsense"}},
			"no address":        {"user": object{"username": "ada", "password": proofPassword}, "verificationIds": []string{one.VerificationID}},
			"not completed":     {"user": object{"phoneNumber": proofPhone, "password": proofPassword}, "verificationIds": []string{phone.VerificationID}},
		} {
			if codes := h.Call("POST", "/api/user/"+idA, bad).Want(400).Codes(); !slices.Equal(codes, []string{"[invalid]verificationIds"}) {
				t.Errorf("%s: %v", what, codes)
			}
		}
		many := make([]string, 11)
		for i := range many {
			many[i] = fmt.Sprint(i)
		}
		wantCodes(t, h.Call("POST", "/api/user/"+idA, object{"user": object{"email": proofMail, "password": proofPassword}, "verificationIds": many}), "[tooMany]verificationIds")
		h.published("what was refused")

		// Webhooks that refuse leave the id as good as it was.
		voted := []string{"user.email.verified"}
		h.Enable(wire.AbsoluteMajority, voted...)
		r := egresstest.NewReceiver(t).Script(egresstest.Status(403))
		w := h.Subscribe(r.URL, voted)
		before := h.Rows()
		h.Call("POST", "/api/user/"+idA, body).Want(504)
		h.published("refused", "user.create", "user.email.verified", "user.identity.verified")
		h.Unchanged(before, append([]string{"audience"}, recordTables...)...)
		h.Call("DELETE", "/api/webhook/"+string(w), nil).Want(200)

		var u wire.UserResponse
		h.Call("POST", "/api/user/"+idA, body).Want(200).Decode(&u)
		h.published("create", "user.create", "user.email.verified", "user.identity.verified", "user.create.complete")
		if i := identityOf(*u.User, "email"); !u.User.Verified || !i.Verified || i.VerifiedReason != wire.VerifiedCompleted || len(u.VerificationIDs) != 0 || u.Token == "" {
			t.Errorf("created %+v", u)
		}
		if diff := h.user(idA); !diff.Verified {
			t.Errorf("read back %+v", diff)
		}
		if left := h.Strings(`SELECT hash FROM ticket WHERE user_id IS NULL`); len(left) != 1 {
			t.Errorf("%d ids are left, want that of the number alone", len(left))
		}
		wantCodes(t, h.Call("POST", "/api/user/"+idB, object{"user": object{"email": "b@example.com", "password": proofPassword}, "verificationIds": []string{one.VerificationID}}), "[invalid]verificationIds")

		// Who is there already may get one later; together with a registration the facts come last.
		complete(phone)
		h.published("nobody's number", "user.identity.verified")
		h.Call("PATCH", "/api/user/"+idA, object{"user": object{"phoneNumber": proofPhone}, "verificationIds": []string{phone.VerificationID}}).Want(200).Decode(&u)
		h.published("update", "user.update", "user.identity.verified", "user.update.complete")
		if !identityOf(*u.User, "phoneNumber").Verified || len(u.VerificationIDs) != 0 {
			t.Errorf("updated %+v", u)
		}
		begin["loginId"] = "carol@example.com"
		third := h.start(begin)
		complete(third)
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		h.Call("POST", "/api/user/registration/"+idC, object{
			"user": object{"email": "carol@example.com", "password": proofPassword}, "registration": object{"applicationId": shop}, "verificationIds": []string{third.VerificationID},
		}).Want(200)
		h.published("register", "user.create", "user.registration.create", "user.email.verified", "user.identity.verified", "user.create.complete", "user.registration.create.complete")
		h.mailed(1)
	})
}

func TestVerify_RefusedByWebhooks(t *testing.T) {
	eachProof(t, "FormField", func(t *testing.T, h *proofs) {
		var r wire.RegistrationResponse
		h.Call("POST", "/api/user/registration/"+idA, object{"user": object{"email": proofMail, "password": proofPassword}, "registration": object{"applicationId": shop}}).Want(200).Decode(&r)
		h.mailed(2)
		begun := h.start(object{"loginId": "bob@example.com", "loginIdType": "email", "existingUserStrategy": "mustNotExist"})
		voted := []string{"user.email.verified", "user.identity.verified", "user.registration.verified"}
		h.Enable(wire.AbsoluteMajority, voted...)
		refusing := egresstest.NewReceiver(t)
		w := h.Subscribe(refusing.URL, voted)
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		before := h.Rows()
		for _, c := range []struct {
			path    string
			body    object
			accepts int
			want    []string
		}{
			{"/api/user/verify-email", object{"verificationId": r.EmailVerificationID, "oneTimeCode": r.EmailVerificationOneTimeCode}, 0, voted[:1]},
			{"/api/user/verify-email", object{"verificationId": r.EmailVerificationID, "oneTimeCode": r.EmailVerificationOneTimeCode}, 1, voted[:2]},
			{"/api/user/verify-email", object{"userId": idA}, 1, voted[:2]},
			{"/api/identity/verify", object{"loginId": proofMail, "loginIdType": "email"}, 0, voted[:1]},
			{"/api/identity/verify/complete", object{"verificationId": r.EmailVerificationID, "oneTimeCode": r.EmailVerificationOneTimeCode}, 1, voted[:2]},
			{"/api/identity/verify/complete", object{"verificationId": begun.VerificationID, "oneTimeCode": begun.OneTimeCode}, 0, voted[1:2]},
			{"/api/user/verify-registration", object{"verificationId": r.RegistrationVerificationID, "oneTimeCode": r.RegistrationVerificationOneTimeCode}, 0, voted[2:]},
		} {
			refusing.Forget()
			refusing.Script(append(slices.Repeat([]egresstest.Step{egresstest.Accept()}, c.accepts), egresstest.Status(403))...)
			a := h.Call("POST", c.path, c.body)
			if codes := a.Want(504).Codes(); !slices.Equal(codes, []string{"[WebhookTransactionException]"}) {
				t.Errorf("%s: %v", c.path, codes)
			}
			if asked := refusing.Events(); !slices.Equal(asked, c.want) {
				t.Errorf("%s asked about %v, want %v", c.path, asked, c.want)
			}
			h.Unchanged(before, recordTables...)
		}
		// Nothing was used up.
		h.Call("DELETE", "/api/webhook/"+string(w), nil).Want(200)
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		h.verify(r.EmailVerificationID, r.EmailVerificationOneTimeCode).Want(200)
		h.anonymous("POST", "/api/user/verify-registration", object{"verificationId": r.RegistrationVerificationID, "oneTimeCode": r.RegistrationVerificationOneTimeCode}).Want(200)
		h.Call("POST", "/api/identity/verify/complete", object{"verificationId": begun.VerificationID, "oneTimeCode": begun.OneTimeCode}).Want(200)
		h.published("after that", "user.email.verified", "user.identity.verified", "user.registration.verified", "user.identity.verified")
	})
}

// Of all who bring one id, one wins; and wrong codes are counted exactly, however many come at once.
func TestVerify_AtOnce(t *testing.T) {
	eachProof(t, "FormField", func(t *testing.T, h *proofs) {
		created := h.newUser(idA, proofMail)
		h.mailed(1)
		id, code := created.EmailVerificationID, created.EmailVerificationOneTimeCode
		together := func(n int, call func(i int) apptest.Answer) map[int]int {
			answers := make([]apptest.Answer, n)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = call(i) })
			}
			all.Wait()
			statuses := map[int]int{}
			for _, a := range answers {
				statuses[a.Status]++
			}
			return statuses
		}
		if got := together(8, func(int) apptest.Answer { return h.verify(id, code) }); got[200] != 1 || got[404] != 7 {
			t.Errorf("eight completions: %v", got)
		}
		h.published("one of them", "user.email.verified", "user.identity.verified")

		// While webhooks are asked about one, another is told that the id is taken.
		bob := h.newUser(idB, "bob@example.com")
		h.mailed(1)
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()), egresstest.Accept())
		h.Enable(wire.AbsoluteMajority, "user.identity.verified")
		h.Subscribe(r.URL, []string{"user.identity.verified"})
		first := make(chan int, 1)
		go func() { first <- h.verify(bob.EmailVerificationID, bob.EmailVerificationOneTimeCode).Status }()
		r.WaitFor(1)
		h.verify(bob.EmailVerificationID, bob.EmailVerificationOneTimeCode).Want(404)
		if h.user(idB).Verified {
			t.Error("verified before the webhooks have agreed")
		}
		close(release)
		if status := <-first; status != 200 || !h.user(idB).Verified {
			t.Errorf("status %d", status)
		}

		carol := h.newUserAfter(idC, "carol@example.com")
		got := together(12, func(int) apptest.Answer {
			return h.verify(carol.EmailVerificationID, wrong(carol.EmailVerificationOneTimeCode))
		})
		if got[400] != 5 || got[404] != 7 {
			t.Errorf("twelve wrong codes: %v", got)
		}
		h.verify(carol.EmailVerificationID, carol.EmailVerificationOneTimeCode).Want(404)
	})
}

func (h *proofs) newUserAfter(id, address string) wire.UserResponse {
	h.t.Helper()
	h.Seen = len(h.Strings(`SELECT type FROM event`))
	defer h.mailed(1)
	return h.newUser(id, address)
}

func TestVerify_Again(t *testing.T) {
	eachProof(t, "FormField", func(t *testing.T, h *proofs) {
		h.Call("POST", "/api/user/registration/"+idA, object{
			"user": object{"email": proofMail, "password": proofPassword, "preferredLanguages": []string{"en"}}, "registration": object{"applicationId": shop, "preferredLanguages": []string{"de"}},
		}).Want(200)
		for subject, m := range h.mailed(2) { // the languages of the registration come first
			if m.language != "de" || m.application != "Shop" {
				t.Errorf("%s: %+v", subject, m)
			}
		}
		h.Call("PATCH", "/api/user/"+idA, `{"user":{"preferredLanguages":["de"]}}`, "Content-Type", "application/merge-patch+json").Want(200)
		h.Call("POST", "/api/application/"+proofApp, object{"application": object{"name": "Other", "verifyRegistration": true, "verificationEmailTemplateId": template.RegistrationVerification}}).Want(200)
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		const email, registration = "/api/user/verify-email?email=ADA@example.com", "/api/user/verify-registration?email=ada@example.com&applicationId=" + shop

		// A stranger learns nothing, and cannot keep the message back.
		for path, subject := range map[string]string{email + "&sendVerifyEmail=false": "Verify your address", registration + "&sendVerifyRegistrationEmail=false": "Verify your registration"} {
			if a := h.anonymous("PUT", path, nil).Want(200); len(a.Body) != 0 {
				t.Errorf("a stranger was told %s", a.Body)
			}
			if m := h.mailed(1)[subject]; m.id == "" || len(m.code) != 6 || m.language != "de" {
				t.Errorf("told %+v", m)
			}
		}
		// With a key the answer has all of it, with and without a message.
		for path, subject := range map[string]string{email: "Verify your address", registration: "Verify your registration"} {
			var r wire.VerifyEmailResponse
			h.Call("PUT", path, nil).Want(200).Decode(&r)
			if m := h.mailed(1)[subject]; m.id != r.VerificationID || m.code != r.OneTimeCode || r.VerificationOneTimeCode != r.OneTimeCode {
				t.Errorf("answer %+v, told %+v", r, m)
			}
		}
		for _, quiet := range []string{email + "&sendVerifyEmail=false", registration + "&sendVerifyRegistrationEmail=false", registration + "&sendVerifyPasswordEmail=false"} {
			var r wire.VerifyEmailResponse
			h.Call("PUT", quiet, nil).Want(200).Decode(&r)
			if r.VerificationID == "" || r.OneTimeCode == "" {
				t.Errorf("%s: %+v", quiet, r)
			}
		}
		h.settled()
		if n := len(h.office.Mails()); n != h.mails {
			t.Errorf("%d e-mails, want %d", n, h.mails)
		}
		h.published("more ids")

		for path, want := range map[string]string{
			"/api/user/verify-email":        "[blank]email",
			"/api/user/verify-email?email=": "[blank]email",
			"/api/user/verify-email?email=ada@example.com&sendVerifyEmail=perhaps":          "[couldNotConvert]sendVerifyEmail",
			"/api/user/verify-email?email=ada@example.com&applicationId=7":                  "[couldNotConvert]applicationId",
			"/api/user/verify-email?email=ada@example.com&applicationId=" + idX:             "[invalid]applicationId",
			"/api/user/verify-email?email=nobody@example.com":                               "404",
			"/api/user/verify-email?email=ada%00@example.com":                               "[invalidQuery]",
			"/api/user/verify-registration?email=ada@example.com":                           "[blank]applicationId",
			"/api/user/verify-registration":                                                 "[blank]applicationId [blank]email",
			"/api/user/verify-registration?email=nobody@example.com&applicationId=" + shop:  "404",
			"/api/user/verify-registration?email=ada@example.com&applicationId=" + idX:      "[invalid]applicationId",
			"/api/user/verify-registration?email=ada@example.com&applicationId=" + proofApp: "404", // not registered there
		} {
			for who, a := range map[string]apptest.Answer{"with a key": h.Call("PUT", path, nil), "a stranger": h.anonymous("PUT", path, nil)} {
				if want == "404" {
					if a.Status != 404 || len(a.Body) != 0 {
						t.Errorf("%s, %s: %d %s", path, who, a.Status, a.Body)
					}
					continue
				}
				codes := a.Want(400).Codes()
				slices.Sort(codes)
				if got := strings.Join(codes, " "); got != want && (want != "[invalidQuery]" || a.Status != 400) {
					t.Errorf("%s, %s: %s, want %s", path, who, got, want)
				}
			}
		}

		// Too often, per user.
		h.configure(object{"rateLimitConfiguration": object{
			"sendEmailVerification": object{"enabled": true, "limit": 1, "timePeriodInSeconds": 60}, "sendRegistrationVerification": object{"enabled": true, "limit": 1, "timePeriodInSeconds": 60},
		}})
		for _, path := range []string{email, registration} {
			h.anonymous("PUT", path, nil).Want(200)
			if codes := h.anonymous("PUT", path, nil).Want(429).Codes(); !slices.Equal(codes, []string{"[RateLimitedException]"}) {
				t.Errorf("%s: %v", path, codes)
			}
		}
		h.mailed(2)
		h.ahead.Store(int64(61 * time.Second))
		h.anonymous("PUT", email, nil).Want(200)
		last := h.mailed(1)["Verify your address"]

		// What nobody takes is worth nothing.
		tickets := len(h.Strings(`SELECT hash FROM ticket`))
		h.configure(object{"emailConfiguration": object{"port": 1}, "rateLimitConfiguration": object{"sendEmailVerification": object{"enabled": false}}})
		for _, a := range []apptest.Answer{h.Call("PUT", email, nil), h.anonymous("PUT", email, nil)} {
			if codes := a.Want(400).Codes(); !slices.Equal(codes, []string{"[MessengerError]"}) {
				t.Errorf("nobody took it: %v", codes)
			}
		}
		if n := len(h.Strings(`SELECT hash FROM ticket`)); n != tickets {
			t.Errorf("%d tickets, before %d", n, tickets)
		}
		h.configure(object{"emailConfiguration": object{"port": h.office.Port}})

		// Verified already: nothing to send.
		h.verify(last.id, last.code).Want(200)
		if a := h.Call("PUT", email, nil).Want(200); string(a.Body) != "{}" {
			t.Errorf("answer %s", a.Body)
		}
		if a := h.anonymous("PUT", email, nil).Want(200); len(a.Body) != 0 {
			t.Errorf("answer %s", a.Body)
		}

		// Switched off.
		h.configure(object{"emailConfiguration": object{"verifyEmail": false, "verifyEmailWhenChanged": false}})
		h.Call("PATCH", "/api/application/"+shop, object{"application": object{"verifyRegistration": false}}).Want(200)
		live := h.start(object{"loginId": proofMail, "loginIdType": "email"})
		for _, a := range []apptest.Answer{
			h.Call("PUT", email, nil), h.anonymous("PUT", email, nil), h.Call("PUT", registration, nil), h.Call("POST", "/api/user/verify-email", object{"userId": idA}),
			h.verify(live.VerificationID, live.OneTimeCode),
		} {
			if a.Want(403); len(a.Body) != 0 {
				t.Errorf("403 with %s", a.Body)
			}
		}
		h.Call("POST", "/api/identity/verify/complete", object{"verificationId": live.VerificationID, "oneTimeCode": live.OneTimeCode}).Want(200)
		// Without a template nothing can be sent.
		h.configure(object{"emailConfiguration": object{"verifyEmail": true, "verificationEmailTemplateId": nil}})
		var u wire.UserResponse
		h.Call("POST", "/api/user/"+idB, object{"user": object{"email": "bob@example.com", "password": proofPassword}}).Want(200).Decode(&u)
		if u.EmailVerificationID == "" {
			t.Errorf("created %+v", u)
		}
		h.anonymous("PUT", "/api/user/verify-email?email=bob@example.com", nil).Want(403)
		h.Call("POST", "/api/identity/verify/send", object{"verificationId": u.EmailVerificationID}).Want(403)
		h.verify(u.EmailVerificationID, u.EmailVerificationOneTimeCode).Want(200)
		if n := len(h.office.Mails()); n != h.mails {
			t.Errorf("%d e-mails, want %d", n, h.mails)
		}
	})
}

// proofApp is an application for which Ada is not registered.
const proofApp = "a9000000-0000-4000-8000-000000000003"

func TestVerify_BadInput(t *testing.T) {
	eachProof(t, "FormField", func(t *testing.T, h *proofs) {
		created := h.newUser(idA, proofMail)
		h.mailed(1)
		before := h.Rows()
		const email, registration = "/api/user/verify-email", "/api/user/verify-registration"
		for _, c := range []struct {
			path, body string
			want       int
			codes      string
		}{
			{email, ``, 400, "[blank]verificationId"},
			{email, `{}`, 400, "[blank]verificationId"},
			{email, `{"verificationId":""}`, 400, "[blank]verificationId"},
			{email, `{"verificationId":7,"oneTimeCode":{}}`, 400, "[couldNotConvert]oneTimeCode [couldNotConvert]verificationId"},
			{email, `{"verificationId":"x"`, 400, "[invalidJSON]"},
			{email, `[]`, 400, ""},
			{email, `{"verificationId":"` + strings.Repeat("x", 100_000) + `"}`, 404, ""},
			{email, `{"verificationId":"a b\tc"}`, 404, ""},
			{email + "/nonsense", `{}`, 404, ""},
			{email + "/" + created.EmailVerificationID, `{"verificationId":"nonsense"}`, 404, ""}, // the body wins
			{email + "/" + created.EmailVerificationID, `{"oneTimeCode":""}`, 400, "[blank]oneTimeCode"},
			{email, `{"userId":"7"}`, 400, "[couldNotConvert]userId"},
			{registration, ``, 400, "[blank]verificationId"},
			{registration + "/" + created.EmailVerificationID, `{"oneTimeCode":"` + created.EmailVerificationOneTimeCode + `"}`, 404, ""}, // of another kind
			{registration, `{"verificationId":null,"oneTimeCode":null}`, 400, "[blank]verificationId"},
		} {
			a := h.anonymous("POST", c.path, c.body)
			if a.Want(c.want); c.want == 404 && len(a.Body) != 0 {
				t.Errorf("%s %.100s: 404 with %s", c.path, c.body, a.Body)
			}
			if c.codes != "" {
				codes := a.Codes()
				slices.Sort(codes)
				if got := strings.Join(codes, " "); got != c.codes {
					t.Errorf("%s %.100s: %s, want %s", c.path, c.body, got, c.codes)
				}
			}
		}
		// Whose address it is may be said only with a key, and of a user who has one.
		h.anonymous("POST", email, object{"userId": idA}).Want(401)
		h.Call("POST", email, object{"userId": idX}).Want(404)
		wantCodes(t, h.Call("POST", "/api/user/"+idB, object{"user": object{"email": "b@example.com", "password": proofPassword}, "applicationId": idX}), "[invalid]applicationId")
		wantCodes(t, h.Call("PATCH", "/api/user/"+idA, object{"user": object{"email": "b@example.com"}, "applicationId": idX}), "[invalid]applicationId")
		h.Unchanged(before)

		// Nor does a key of another tenant reach any of it.
		var other wire.TenantResponse
		h.Call("POST", "/api/tenant", object{"tenant": object{"name": "Other"}}).Want(200).Decode(&other)
		header := []string{"Authorization", h.KeyOf(other.Tenant.ID)}
		before = h.Rows()
		id, code := created.EmailVerificationID, created.EmailVerificationOneTimeCode
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{"POST", email, object{"verificationId": id, "oneTimeCode": code}},
			{"POST", email, object{"userId": idA}},
			{"PUT", email + "?email=" + proofMail, nil},
			{"POST", "/api/identity/verify/start", object{"loginId": proofMail, "loginIdType": "email"}},
			{"POST", "/api/identity/verify/send", object{"verificationId": id}},
			{"POST", "/api/identity/verify/complete", object{"verificationId": id, "oneTimeCode": code}},
			{"POST", "/api/identity/verify", object{"loginId": proofMail, "loginIdType": "email"}},
			{"GET", "/api/user?verificationId=" + id, nil},
		} {
			if a := h.Call(c.method, c.path, c.body, header...).Want(404); len(a.Body) != 0 {
				t.Errorf("%s %s: 404 with %s", c.method, c.path, a.Body)
			}
		}
		h.Unchanged(before)
		h.verify(id, code).Want(200)
		for _, row := range h.Strings(`SELECT body FROM event UNION ALL SELECT content FROM ticket UNION ALL SELECT message FROM event_log UNION ALL SELECT document FROM users`) {
			if strings.Contains(row, id) || strings.Contains(row, code) {
				t.Errorf("a secret is in the store: %s", row)
			}
		}
	})
}

func TestSetPassword(t *testing.T) {
	eachProof(t, "ClickableLink", func(t *testing.T, h *proofs) {
		var own wire.EmailTemplateResponse
		h.Call("POST", "/api/email/template", object{"emailTemplate": object{
			"name": "The shop's own", "defaultSubject": "Welcome to ${application.name}", "defaultTextTemplate": "id=${changePasswordId} to=${user.email}", "defaultHtmlTemplate": "<p>${changePasswordId}</p>",
		}}).Want(200).Decode(&own)
		h.Call("POST", "/api/application/"+forum, object{"application": object{"name": "Forum", "emailConfiguration": object{"setPasswordEmailTemplateId": own.EmailTemplate.ID}}}).Want(200)

		// By e-mail: choosing the password proves the address.
		a := h.Call("POST", "/api/user/"+idA, object{"user": object{"email": proofMail, "password": "ignored"}, "sendSetPasswordEmail": true}).Want(200)
		h.published("create", "user.create", "user.create.complete")
		var u wire.UserResponse
		a.Decode(&u)
		mails := h.mailed(2)
		m := mails["Choose a password"]
		if m.id == "" || m.to != proofMail || mails["Verify your address"].id != u.EmailVerificationID || u.Token != "" || strings.Contains(string(a.Body), m.id) {
			t.Errorf("told %+v, answer %s", mails, a.Body)
		}
		h.anonymous("POST", "/api/user/change-password/"+m.id, object{"password": proofPassword}).Want(200)
		h.published("choose", "user.email.verified", "user.identity.verified", "user.password.update", "user.password.reset.success")
		if i := identityOf(h.user(idA), "email"); !i.Verified || i.VerifiedReason != wire.VerifiedImplicit {
			t.Errorf("identity %+v", i)
		}
		if status, _ := h.login(nil); status != 200 {
			t.Errorf("status %d", status)
		}
		h.anonymous("POST", "/api/user/change-password/"+m.id, object{"password": proofPassword}).Want(404)

		// By phone.
		h.configure(object{"phoneConfiguration": object{"verifyPhoneNumber": false}})
		h.Call("POST", "/api/user/"+idB, object{"user": object{"phoneNumber": proofPhone}, "sendSetPasswordIdentityType": "phone"}).Want(200)
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		if m := h.texted(); m.id == "" || m.to != proofPhone {
			t.Errorf("told %+v", m)
		} else {
			h.anonymous("POST", "/api/user/change-password/"+m.id, object{"password": proofPassword}).Want(200)
		}
		h.published("a number that nobody asks about", "user.password.update", "user.password.reset.success")

		// The application has its own text; and nothing is sent that nobody wants.
		h.configure(object{"emailConfiguration": object{"verifyEmail": false}})
		h.Call("POST", "/api/user/registration/"+idC, object{"user": object{"email": "carol@example.com"}, "registration": object{"applicationId": forum}, "sendSetPasswordIdentityType": "email"}).Want(200)
		if m := h.mailed(1)["Welcome to Forum"]; m.id == "" || m.to != "carol@example.com" {
			t.Errorf("told %+v", m)
		}
		h.configure(object{"emailConfiguration": object{"setPasswordEmailTemplateId": nil}})
		tickets := len(h.Strings(`SELECT hash FROM ticket`))
		for _, body := range []object{
			{"user": object{"email": "d@example.com"}, "sendSetPasswordIdentityType": "doNotSend"},
			{"user": object{"email": "e@example.com"}, "sendSetPasswordEmail": true}, // there is no template
		} {
			h.Call("POST", "/api/user", body).Want(200)
		}
		h.settled()
		if n := len(h.office.Mails()); n != h.mails || len(h.Strings(`SELECT hash FROM ticket`)) != tickets {
			t.Errorf("%d e-mails, want %d", n, h.mails)
		}

		// Who has a password and may log in gets a token, which is no login.
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		h.Call("POST", "/api/user", object{"user": object{"email": "f@example.com", "password": proofPassword}}).Want(200).Decode(&u)
		h.published("create", "user.create", "user.create.complete")
		var claims struct {
			JWT struct{ Sub, AuthenticationType string }
		}
		h.Call("GET", "/api/jwt/validate", nil, "Authorization", "Bearer "+u.Token).Want(200).Decode(&claims)
		if claims.JWT.Sub != string(u.User.ID) || claims.JWT.AuthenticationType != "USER_CREATE" || u.TokenExpirationInstant == 0 {
			t.Errorf("claims %+v", claims)
		}
		// Whoever reads himself with it is told no ids.
		if a := h.Call("GET", "/api/user", nil, "Authorization", "Bearer "+u.Token).Want(200); strings.Contains(string(a.Body), "erificationId") {
			t.Errorf("own user %s", a.Body)
		}
	})
}
