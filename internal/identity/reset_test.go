package identity_test

import (
	"encoding/json"
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
	"github.com/herald-events/herald/wire"
)

// resets is a server with a user who can be reached by phone, and a clock that can be moved on.
type resets struct {
	*herald

	sms   *egresstest.Receiver
	texts int
	ahead *atomic.Int64
}

const (
	resetMail  = "ada@example.com"
	resetPhone = "+491701234567"
)

func eachReset(t *testing.T, fn func(t *testing.T, h *resets)) {
	t.Helper()
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			ahead := &atomic.Int64{}
			s := apptest.Start(t, engine, func(o *app.Options) {
				o.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			})
			h := &resets{herald: &herald{Server: s, t: t}, sms: egresstest.NewReceiver(t), ahead: ahead}
			var m wire.MessengerResponse
			h.Call("POST", "/api/messenger", object{"messenger": object{
				"type": "Generic", "name": "Texts", "url": h.sms.URL, "connectTimeout": 1000, "readTimeout": 5000,
			}}).Want(200).Decode(&m)
			var template wire.MessageTemplateResponse
			h.Call("POST", "/api/message/template", object{"messageTemplate": object{
				"type": "SMS", "name": "Forgot", "defaultTemplate": "Your id is ${changePasswordId}",
			}}).Want(200).Decode(&template)
			h.configure(object{
				"phoneConfiguration": object{"messengerId": m.Messenger.ID, "forgotPasswordTemplateId": template.MessageTemplate.ID},
				"messageLimits":      object{"perRecipient": object{"limit": 1000}},
			})
			h.Call("POST", "/api/user/"+idA, object{"user": object{"email": resetMail, "phoneNumber": resetPhone, "password": "correct horse"}}).Want(200)
			h.Seen = len(h.Strings(`SELECT type FROM event`))
			fn(t, h)
		})
	}
}

func (h *resets) configure(members object) {
	h.t.Helper()
	h.Call("PATCH", "/api/tenant/"+string(h.Tenant), object{"tenant": members}, "Content-Type", "application/merge-patch+json").Want(200)
}

func (h *resets) anonymous(method, path string, body any) apptest.Answer {
	h.t.Helper()
	return h.Call(method, path, body, "Authorization", "")
}

// forgot asks for an id by phone without an API key and returns the one in the message.
func (h *resets) forgot() string {
	h.t.Helper()
	a := h.anonymous("POST", "/api/user/forgot-password", object{"loginId": resetPhone, "loginIdTypes": []string{"phoneNumber"}, "state": object{"a": "b"}}).Want(200)
	if len(a.Body) > 0 {
		h.t.Errorf("a stranger was told %s", a.Body)
	}
	return h.received()
}

func (h *resets) received() string {
	h.t.Helper()
	var m struct{ TextMessage string }
	if err := json.Unmarshal(h.sms.WaitFor(h.texts + 1)[h.texts].Body, &m); err != nil {
		h.t.Fatal(err)
	}
	h.texts++
	_, id, ok := strings.Cut(m.TextMessage, "Your id is ")
	if !ok {
		h.t.Fatalf("the receiver got %q", m.TextMessage)
	}
	return id
}

// knows tells whether a password is Ada's.
func (h *resets) knows(password string) bool {
	h.t.Helper()
	a := h.Call("PUT", "/api/user/"+idA, object{"user": object{"email": resetMail, "phoneNumber": resetPhone}, "currentPassword": password})
	h.Seen = len(h.Strings(`SELECT type FROM event`))
	return a.Status == 200
}

func TestForgotPassword_ByPhone(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		id := h.forgot()
		h.published("forgot", "user.password.reset.start", "user.password.reset.send")
		h.anonymous("GET", "/api/user/change-password/"+id, nil).Want(200)
		h.anonymous("GET", "/api/user/change-password?changePasswordId="+id, nil).Want(200)
		found := user(h.Call("GET", "/api/user?changePasswordId="+id, nil).Want(200))
		if found.ID != idA {
			t.Errorf("the id is that of %s", found.ID)
		}
		wantCodes(t, h.anonymous("POST", "/api/user/change-password/"+id, object{"password": "short"}), "[tooShort]password")
		wantCodes(t, h.anonymous("POST", "/api/user/change-password/"+id, object{}), "[blank]password")
		h.anonymous("POST", "/api/user/change-password/"+id, object{"password": planted, "currentPassword": "wrong"}).Want(404)
		wantCodes(t, h.Call("POST", "/api/user/change-password/"+id, object{"password": planted, "currentPassword": "wrong"}), "[invalid]currentPassword")
		h.published("what was refused")
		other := h.forgot()
		h.Seen += 2
		var res wire.ChangePasswordResponse
		h.anonymous("POST", "/api/user/change-password/nonsense", object{"changePasswordId": id, "password": planted}).Want(200).Decode(&res)
		h.published("change", "user.password.update", "user.password.reset.success")
		if res.OneTimePassword == "" || res.State["a"] != "b" {
			t.Errorf("answer %+v", res)
		}
		if !h.knows(planted) || h.knows("correct horse") {
			t.Error("the password is not the new one")
		}
		// Neither this id nor any other that was made before is worth anything now.
		for _, used := range []string{id, other, "unknown"} {
			h.anonymous("POST", "/api/user/change-password/"+used, object{"password": "another password"}).Want(404)
			h.anonymous("GET", "/api/user/change-password/"+used, nil).Want(404)
		}
		for _, row := range h.Strings(`SELECT body FROM event UNION ALL SELECT content FROM ticket UNION ALL SELECT message FROM event_log UNION ALL SELECT document FROM users`) {
			for _, secret := range []string{id, planted, res.OneTimePassword} {
				if strings.Contains(row, secret) {
					t.Errorf("%q is in the store: %s", secret, row)
				}
			}
		}

		late := h.forgot()
		h.ahead.Add(int64(601 * time.Second))
		h.anonymous("POST", "/api/user/change-password/"+late, object{"password": "another password"}).Want(404)
	})
}

func TestChangePassword_OneIDIsGoodOnce(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		id := h.forgot()
		h.Restart()
		var wait sync.WaitGroup
		var mu sync.Mutex
		var statuses []int
		for range 6 {
			wait.Go(func() {
				a := h.anonymous("POST", "/api/user/change-password/"+id, object{"password": "a new password"})
				mu.Lock()
				defer mu.Unlock()
				statuses = append(statuses, a.Status)
			})
		}
		wait.Wait()
		slices.Sort(statuses)
		if !slices.Equal(statuses, []int{200, 404, 404, 404, 404, 404}) {
			t.Errorf("six at once: %v", statuses)
		}
	})
}

func TestForgotPassword_WithAKey(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		forgot := func(body object) apptest.Answer { return h.Call("POST", "/api/user/forgot-password", body) }
		// No template for e-mail: switched off, unless nothing is to be sent.
		forgot(object{"loginId": resetMail}).Want(403)
		h.anonymous("POST", "/api/user/forgot-password", object{"loginId": resetMail, "sendForgotPasswordMessage": false}).Want(403)
		h.published("switched off")
		var res wire.ForgotPasswordResponse
		forgot(object{"loginId": resetMail, "sendForgotPasswordMessage": false, "sendForgotPasswordEmail": false}).Want(200).Decode(&res)
		h.published("an id for the caller", "user.password.reset.start")
		if res.ChangePasswordID == "" || len(h.sms.Requests()) > 0 {
			t.Errorf("answer %+v, and %d messages", res, len(h.sms.Requests()))
		}
		forgot(object{"email": resetMail, "sendForgotPasswordEmail": false, "changePasswordId": "my own id"}).Want(200).Decode(&res)
		if res.ChangePasswordID != "my own id" {
			t.Errorf("answer %+v", res)
		}
		h.Seen++
		h.create(idB, object{"username": "bob"})
		wantCodes(t, forgot(object{"username": "bob", "sendForgotPasswordEmail": false, "changePasswordId": "my own id"}), "[duplicate]changePasswordId")
		h.anonymous("POST", "/api/user/change-password", object{"changePasswordId": "my own id", "password": "a new password"}).Want(200)
		h.published("change", "user.password.update", "user.password.reset.success")

		var template wire.EmailTemplateResponse
		h.Call("POST", "/api/email/template", object{"emailTemplate": object{
			"name": "Forgot by mail", "defaultSubject": "s", "defaultTextTemplate": "t", "defaultHtmlTemplate": "h",
		}}).Want(200).Decode(&template)
		h.configure(object{"emailConfiguration": object{"forgotPasswordEmailTemplateId": template.EmailTemplate.ID, "host": "127.0.0.1", "port": 1}})
		forgot(object{"loginId": "bob"}).Want(422)
		h.published("a user without an address")
		wantCodes(t, forgot(object{"loginId": resetMail}), "[MessengerError]")
		if events := h.Strings(`SELECT type FROM event WHERE type LIKE 'user.password.reset.%' ORDER BY sequence`); len(events) != 3 {
			t.Errorf("a message that nobody took began something: %v", events)
		}
		forgot(object{"loginId": "nobody@example.com"}).Want(404)
		h.anonymous("POST", "/api/user/forgot-password", object{"loginId": resetPhone}).Want(404) // a number is looked for only when it is asked for
		wantCodes(t, forgot(object{}), "[blank]loginId")
		wantCodes(t, forgot(object{"loginId": resetMail, "applicationId": idX}), "[invalid]applicationId")
		wantCodes(t, forgot(object{"loginId": "x", "loginIdTypes": []string{"shoeSize"}}), "[invalid]loginIdTypes")
		h.Call("POST", "/api/user/forgot-password", object{"loginId": resetMail}, "Authorization", "no such key").Want(401)

		h.configure(object{"rateLimitConfiguration": object{"forgotPassword": object{"enabled": true, "limit": 2, "timePeriodInSeconds": 60}}})
		for range 2 {
			forgot(object{"loginId": resetMail, "sendForgotPasswordMessage": false}).Want(200)
		}
		forgot(object{"loginId": resetMail, "sendForgotPasswordMessage": false}).Want(429)
	})
}

func TestChangePassword_ByLoginID(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		change := func(body object) apptest.Answer { return h.Call("POST", "/api/user/change-password", body) }
		if a := change(object{"loginId": resetMail, "password": planted, "currentPassword": "correct horse"}).Want(200); len(a.Body) > 0 {
			t.Errorf("answer %s", a.Body)
		}
		h.published("change", "user.password.update")
		if !h.knows(planted) {
			t.Error("the password is not the new one")
		}
		wantCodes(t, change(object{"loginId": resetMail, "password": planted, "currentPassword": "correct horse"}), "[invalid]currentPassword")
		wantCodes(t, change(object{"password": planted}), "[blank]loginId")
		change(object{"loginId": "nobody", "password": planted}).Want(404)
		h.anonymous("POST", "/api/user/change-password", object{"loginId": resetMail, "password": planted}).Want(401)
		h.Call("POST", "/api/user/change-password", object{"currentPassword": "x", "password": planted}, "Authorization", "Bearer abc").Want(401)
		h.Call("GET", "/api/user/change-password?loginId="+resetMail, nil).Want(200)
		h.Call("GET", "/api/user/change-password?loginId=nobody", nil).Want(404)
	})
}

func TestChangePassword_OfAUserWithASecondFactor(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		h.configure(object{"phoneConfiguration": object{"verifyPhoneNumber": true}})
		var m wire.MessengersResponse
		h.Call("GET", "/api/messenger", nil).Want(200).Decode(&m)
		var template wire.MessageTemplateResponse
		h.Call("POST", "/api/message/template", object{"messageTemplate": object{"type": "SMS", "name": "Code", "defaultTemplate": "Your id is ${code}"}}).
			Want(200).Decode(&template)
		h.configure(object{"multiFactorConfiguration": object{"sms": object{
			"enabled": true, "messengerId": m.Messengers[0].ID, "templateId": template.MessageTemplate.ID,
		}}})
		h.Call("PATCH", "/api/messenger/"+string(m.Messengers[0].ID), object{"messenger": object{"includeCode": true}}).Want(200)
		h.Call("POST", "/api/two-factor/send", object{"userId": idA, "method": "sms", "mobilePhone": "+14155550123"}).Want(200)
		var sms struct{ Code string }
		if err := json.Unmarshal(h.sms.WaitFor(1)[0].Body, &sms); err != nil {
			t.Fatal(err)
		}
		h.texts = 1
		h.Call("POST", "/api/user/two-factor/"+idA, object{"method": "sms", "mobilePhone": "+14155550123", "code": sms.Code}).Want(200)

		id := h.forgot()
		body := object{"password": "a new password"}
		wantCodes(t, h.anonymous("POST", "/api/user/change-password/"+id, body), "[TrustTokenRequired]")
		wantCodes(t, h.anonymous("GET", "/api/user/change-password/"+id, nil), "[TrustTokenRequired]")
		h.Call("GET", "/api/user/change-password/"+id, nil).Want(200) // a key is trust enough
		prove := func() string {
			var started wire.TwoFactorStartResponse
			h.Call("POST", "/api/two-factor/start", object{"userId": idA, "trustChallenge": "why"}).Want(200).Decode(&started)
			var login wire.LoginResponse
			h.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": started.TwoFactorID, "code": started.Code}).Want(200).Decode(&login)
			return login.TrustToken
		}
		body["trustToken"] = prove()
		wantCodes(t, h.anonymous("POST", "/api/user/change-password/"+id, body), "[TrustTokenRequired]") // the challenge belongs to it
		body["trustChallenge"] = "why"
		h.anonymous("GET", "/api/user/change-password/"+id+"?trustChallenge=why&trustToken="+body["trustToken"].(string), nil).Want(200)
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		h.anonymous("POST", "/api/user/change-password/"+id, body).Want(200)
		h.published("change", "user.password.update", "user.password.reset.success")
		id = h.forgot()
		wantCodes(t, h.anonymous("POST", "/api/user/change-password/"+id, body), "[TrustTokenRequired]") // good once
	})
}

func TestChangePassword_VerifiesTheAddressThatTheIDCameFrom(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		h.configure(object{"phoneConfiguration": object{"verifyPhoneNumber": true}})
		h.Call("PATCH", "/api/user/"+idA, object{"user": object{"phoneNumber": "+14155550123"}}).Want(200)
		h.anonymous("POST", "/api/user/forgot-password", object{"loginId": "+14155550123", "loginIdTypes": []string{"phoneNumber"}}).Want(200)
		id := h.received()
		h.Seen = len(h.Strings(`SELECT type FROM event`))
		voter := egresstest.NewReceiver(t)
		h.Enable(wire.AbsoluteMajority, "user.identity.verified")
		h.Subscribe(voter.URL, []string{"user.identity.verified"})
		voter.Script(egresstest.Status(500))
		h.anonymous("POST", "/api/user/change-password/"+id, object{"password": "a new password"}).Want(504)
		h.published("a refusal", "user.identity.verified")
		voter.Script()
		h.anonymous("POST", "/api/user/change-password/"+id, object{"password": "a new password"}).Want(200)
		h.published("change", "user.identity.verified", "user.password.update", "user.password.reset.success")
	})
}

func TestForgotPassword_WithoutAKeyTheHeaderNamesTheTenant(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		var other wire.TenantResponse
		h.Call("POST", "/api/tenant", object{"tenant": object{"name": "Other"}}).Want(200).Decode(&other)
		body := object{"loginId": resetPhone, "loginIdTypes": []string{"phoneNumber"}}
		forgot := func(tenant wire.ID) apptest.Answer {
			return h.Call("POST", "/api/user/forgot-password", body, "Authorization", "", "X-FusionAuth-TenantId", string(tenant))
		}
		wantCodes(t, h.anonymous("POST", "/api/user/forgot-password", body), "[TenantIdRequired]")
		forgot(other.Tenant.ID).Want(404)
		forgot(h.Tenant).Want(200)
		id := h.received()
		change := object{"password": "a new password"}
		h.Call("POST", "/api/user/change-password/"+id, change, "Authorization", "", "X-FusionAuth-TenantId", string(other.Tenant.ID)).Want(404)
		h.anonymous("POST", "/api/user/change-password/"+id, change).Want(200)
	})
}

func TestForgotPassword_NobodyTakesTheMessage(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		h.sms.Script(egresstest.Status(400))
		wantCodes(t, h.anonymous("POST", "/api/user/forgot-password", object{"loginId": resetPhone, "loginIdTypes": []string{"phoneNumber"}}), "[MessengerError]")
		id := h.received()
		h.anonymous("POST", "/api/user/change-password/"+id, object{"password": "a new password"}).Want(404)
		if events := h.Strings(`SELECT type FROM event WHERE type LIKE 'user.password%'`); len(events) > 0 {
			t.Errorf("events %v", events)
		}
	})
}

// An application's own text wins over the tenant's, which others keep.
func TestForgotPassword_TextOfTheApplication(t *testing.T) {
	eachReset(t, func(t *testing.T, h *resets) {
		const app, plain = "a9000000-0000-4000-8000-000000000001", "a9000000-0000-4000-8000-000000000002"
		var own wire.MessageTemplateResponse
		h.Call("POST", "/api/message/template", object{"messageTemplate": object{
			"type": "SMS", "name": "Own", "defaultTemplate": "At the shop: Your id is ${changePasswordId}",
		}}).Want(200).Decode(&own)
		h.Call("POST", "/api/application/"+app, object{"application": object{
			"name": "Shop", "phoneConfiguration": object{"forgotPasswordTemplateId": own.MessageTemplate.ID},
		}}).Want(200)
		h.Call("POST", "/api/application/"+plain, object{"application": object{"name": "Plain"}}).Want(200)
		for application, want := range map[string]string{app: "At the shop: Your id is ", plain: "Your id is ", "": "Your id is "} {
			request := object{"loginId": resetPhone, "loginIdTypes": []string{"phoneNumber"}}
			if application != "" {
				request["applicationId"] = application
			}
			h.anonymous("POST", "/api/user/forgot-password", request).Want(200)
			var m struct{ TextMessage string }
			if err := json.Unmarshal(h.sms.WaitFor(h.texts + 1)[h.texts].Body, &m); err != nil {
				t.Fatal(err)
			}
			h.texts++
			if !strings.HasPrefix(m.TextMessage, want) {
				t.Errorf("%q: the text is %q", application, m.TextMessage)
			}
		}
	})
}
