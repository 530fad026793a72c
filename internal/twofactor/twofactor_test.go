package twofactor_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/twofactor/twofactortest"
	"github.com/herald-events/herald/wire"
)

var secret = []byte("the planted secret!!")

func TestSMS_FromTheFirstCodeToTheLogin(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "sms", "mobilePhone": "+49 170 1234567"}).Want(200)
		got := h.received()
		if got.PhoneNumber != phone || len(got.Code) != 6 || got.TextMessage != "Your code is "+got.Code {
			t.Errorf("the receiver got %+v", got)
		}
		h.wantEvents("sending a code")
		h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": phone, "code": wrong(got.Code)}).Want(421)
		h.wantEvents("a wrong code")
		var enabled wire.TwoFactorResponse
		h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": phone, "code": got.Code}).Want(200).Decode(&enabled)
		h.wantEvents("enabling", "user.two-factor.method.add")
		if len(enabled.RecoveryCodes) != 10 || len(enabled.RecoveryCodes[0]) != 11 {
			t.Errorf("recovery codes %v", enabled.RecoveryCodes)
		}
		methods := h.user().TwoFactor.Methods
		if len(methods) != 1 || methods[0].Method != "sms" || methods[0].MobilePhone != phone || methods[0].ID == "" {
			t.Fatalf("methods %+v", methods)
		}

		started := h.start("state", object{"back": "here"})
		h.wantEvents("start", "user.two-factor.challenge")
		if len(started.Methods) != 1 || len(started.Code) != 6 || len(started.TwoFactorID) < 43 {
			t.Errorf("started %+v", started)
		}
		h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": methods[0].ID}).Want(200)
		sent := h.received()
		h.login(started.TwoFactorID, started.Code).Want(421) // sending voids the code that start gave out
		for range 2 {
			h.login(started.TwoFactorID, wrong(sent.Code)).Want(421)
		}
		h.wantEvents("three wrong codes", "user.two-factor.failed-attempt", "user.two-factor.failed-attempt", "user.two-factor.failed-attempt")
		if e := h.last("user.two-factor.failed-attempt"); e.Method != "sms" || e.MessageType != "SMS" {
			t.Errorf("failed attempt by %v %v", e.Method, e.MessageType)
		}
		var login wire.LoginResponse
		h.login(started.TwoFactorID, " "+sent.Code[:3]+" "+sent.Code[3:]+" ").Want(200).Decode(&login)
		h.wantEvents("login", "user.login.success", "user.two-factor.success")
		if e := h.last("user.two-factor.success"); e.Method != "sms" || e.MessageType != "SMS" || len(e.User.TwoFactor.RecoveryCodes) > 0 {
			t.Errorf("success by %+v", e)
		}
		if e := h.last("user.login.success"); e.User.LastLoginInstant == 0 || e.IPAddress == "" {
			t.Errorf("login event %+v", e)
		}
		if login.User == nil || login.User.LastLoginInstant == 0 || login.State["back"] != "here" {
			t.Errorf("login answered %+v", login)
		}
		if u := h.user(); u.LastLoginInstant == 0 || !u.TwoFactor.Methods[0].LastUsed {
			t.Errorf("the user has not logged in: %+v", u)
		}
		h.login(started.TwoFactorID, sent.Code).Want(404)
		h.wantEvents("the same code again")
		planted := append([]string{got.Code + `"`, started.TwoFactorID}, enabled.RecoveryCodes...)
		h.nowhere(append(planted, " "+got.Code, " "+sent.Code)...)

		// The second method brings no codes, and removing it by one of them removes all.
		if _, second := h.enableApp(secret); len(second.RecoveryCodes) > 0 {
			t.Errorf("the second method has recovery codes: %v", second.RecoveryCodes)
		}
		h.published()
		h.disable(methods[0].ID, strings.ToLower(strings.ReplaceAll(enabled.RecoveryCodes[3], "-", ""))).Want(200)
		h.wantEvents("a recovery code", "user.two-factor.method.remove", "user.two-factor.method.remove")
		if m := h.user().TwoFactor.Methods; len(m) > 0 {
			t.Errorf("left: %+v", m)
		}
		if left := h.Strings(`SELECT codes FROM two_factor_recovery`); len(left) > 0 {
			t.Error("recovery codes are left without a method")
		}
	})
}

func TestCodes_AreRightForOneOfAllWhoTry(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const callers = 8
		h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "sms", "mobilePhone": phone}).Want(200)
		code := h.received().Code
		got := h.atOnce(callers, func(int) apptest.Answer {
			return h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": phone, "code": code})
		})
		if got[200] != 1 || got[500] > 0 {
			t.Errorf("enabling: %v", got)
		}
		methods := h.user().TwoFactor.Methods
		if len(methods) != 1 {
			t.Fatalf("methods %+v", methods)
		}

		started := h.start()
		got = h.atOnce(callers, func(int) apptest.Answer { return h.login(started.TwoFactorID, started.Code) })
		if got[200] != 1 || got[404] != callers-1 {
			t.Errorf("login: %v", got)
		}
		if n := len(slices.DeleteFunc(h.published(), func(e string) bool { return e != "user.login.success" })); n != 1 {
			t.Errorf("%d logins", n)
		}

		// One code of an authenticator, for as many logins.
		id, _ := h.enableApp(secret)
		h.pass(2 * time.Minute)
		var ids [callers]string
		for i := range ids {
			ids[i] = h.start().TwoFactorID
		}
		app := twofactortest.AppCode(secret, 6, h.now())
		got = h.atOnce(callers, func(i int) apptest.Answer { return h.login(ids[i], app) })
		if got[200] != 1 || got[421] != callers-1 {
			t.Errorf("one code of an app: %v", got)
		}

		// A recovery code, for as many logins.
		var codes wire.TwoFactorRecoveryCodeResponse
		h.Call("POST", "/api/user/two-factor/recovery-code/"+ada, nil).Want(200).Decode(&codes)
		for i := range ids {
			ids[i] = h.start().TwoFactorID
		}
		got = h.atOnce(callers, func(i int) apptest.Answer { return h.login(ids[i], codes.RecoveryCodes[0]) })
		if got[200] != 1 || got[421] != callers-1 {
			t.Errorf("one recovery code: %v", got)
		}
		// Different ones do not get into each other's way.
		for i := range ids {
			ids[i] = h.start().TwoFactorID
		}
		got = h.atOnce(callers, func(i int) apptest.Answer { return h.login(ids[i], codes.RecoveryCodes[1+i]) })
		if got[200] != callers {
			t.Errorf("different recovery codes: %v", got)
		}
		for i := range callers {
			h.login(h.start().TwoFactorID, codes.RecoveryCodes[1+i]).Want(421) // each of them is used up
		}

		h.pass(2 * time.Minute)
		app = twofactortest.AppCode(secret, 6, h.now())
		got = h.atOnce(callers, func(int) apptest.Answer { return h.disable(id, app) })
		if got[200] != 1 || got[500] > 0 {
			t.Errorf("disabling: %v", got)
		}
		if m := h.user().TwoFactor.Methods; len(m) != 1 {
			t.Errorf("left: %+v", m)
		}
	})
}

func TestCodes_FiveWrongTriesAreTheEnd(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		method, _ := h.enableSMS()
		started := h.start()
		got := h.atOnce(30, func(int) apptest.Answer { return h.login(started.TwoFactorID, wrong(started.Code)) })
		if got[421] != 5 || got[404] != 25 {
			t.Errorf("thirty wrong codes for a login: %v", got)
		}
		h.login(started.TwoFactorID, started.Code).Want(404)
		h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": method}).Want(404) // no way round

		// A new code for the same login leaves the count as it is.
		started = h.start()
		for range 4 {
			h.login(started.TwoFactorID, wrong(started.Code)).Want(421)
		}
		h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": method}).Want(200)
		code := h.received().Code
		h.login(started.TwoFactorID, wrong(code)).Want(421)
		h.login(started.TwoFactorID, code).Want(404)

		// Enabling.
		send := object{"userId": ada, "method": "sms", "mobilePhone": "+14155550123"}
		enable := func(code string) apptest.Answer {
			return h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": "+14155550123", "code": code})
		}
		h.Call("POST", "/api/two-factor/send", send).Want(200)
		code = h.received().Code
		h.atOnce(10, func(int) apptest.Answer { return enable(wrong(code)).Want(421) })
		enable(code).Want(421)
		h.Call("POST", "/api/two-factor/send", send).Want(200)
		enable(h.received().Code).Want(200)

		// An authenticator needs no code to be sent, and cannot be guessed all the same.
		app, _ := h.enableApp(secret)
		h.pass(2 * time.Minute)
		h.atOnce(10, func(int) apptest.Answer { return h.disable(app, "000000") })
		h.disable(app, twofactortest.AppCode(secret, 6, h.now())).Want(421)
		h.pass(2 * time.Minute)
		h.disable(app, twofactortest.AppCode(secret, 6, h.now())).Want(200)
	})
}

func TestCodes_End(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		send := object{"userId": ada, "method": "sms", "mobilePhone": phone}
		enable := func(code string) apptest.Answer {
			return h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": phone, "code": code})
		}
		h.Call("POST", "/api/two-factor/send", send).Want(200)
		first := h.received().Code
		h.pass(61 * time.Second)
		enable(first).Want(421)
		h.Call("POST", "/api/two-factor/send", send).Want(200)
		second := h.received().Code
		h.Call("POST", "/api/two-factor/send", send).Want(200)
		third := h.received().Code
		if second != third {
			enable(second).Want(421)
		}
		wantCodes(t, h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": "+14155550123", "code": third}), "[mismatch]mobilePhone")
		h.Restart()
		enable(third).Want(200)
		enable(third).Want(400) // the number is a method now

		started := h.start()
		h.pass(299 * time.Second)
		h.login(started.TwoFactorID, wrong(started.Code)).Want(421)
		h.pass(2 * time.Second)
		h.login(started.TwoFactorID, started.Code).Want(404)
		h.login("unknown", "123456").Want(404)
	})
}

func TestAuthenticator(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		var made wire.TwoFactorSecretResponse
		h.Call("GET", "/api/two-factor/secret", nil).Want(200).Decode(&made)
		key, err := base64.StdEncoding.DecodeString(made.Secret)
		if err != nil || len(key) != 20 {
			t.Fatalf("secret %+v", made)
		}
		body := object{"method": "authenticator", "secretBase32Encoded": made.SecretBase32Encoded, "code": "12345"}
		h.Call("POST", "/api/user/two-factor/"+ada, body).Want(421)
		// In the middle of a time step, so that the steps around it do not depend on when the test runs.
		h.pass(time.Duration(45-h.now().Unix()%30) * time.Second)
		enabled := h.now()
		body["code"], body["name"] = twofactortest.AppCode(key, 6, enabled), "My phone"
		h.Call("POST", "/api/user/two-factor/"+ada, body).Want(200)
		m := h.user().TwoFactor.Methods[0]
		if m.Authenticator == nil || *m.Authenticator != (wire.TwoFactorAuthenticator{Algorithm: "HmacSHA1", CodeLength: 6, TimeStep: 30}) || m.Name != "My phone" {
			t.Errorf("method %+v", m)
		}
		h.login(h.start().TwoFactorID, twofactortest.AppCode(key, 6, enabled)).Want(421) // it enabled the method, and is used up
		h.login(h.start().TwoFactorID, twofactortest.AppCode(key, 6, enabled.Add(30*time.Second))).Want(200)
		h.login(h.start().TwoFactorID, twofactortest.AppCode(key, 6, enabled.Add(60*time.Second))).Want(421) // two steps ahead
		h.pass(90 * time.Second)
		h.login(h.start().TwoFactorID, twofactortest.AppCode(key, 6, enabled.Add(60*time.Second))).Want(200) // one step behind
		late := h.start().TwoFactorID
		h.login(late, twofactortest.AppCode(key, 6, enabled.Add(30*time.Second))).Want(421)
		h.Restart()
		h.login(late, twofactortest.AppCode(key, 6, enabled.Add(60*time.Second))).Want(421) // used before the restart
		h.login(late, twofactortest.AppCode(key, 6, enabled.Add(90*time.Second))).Want(200)
		h.nowhere(made.Secret, made.SecretBase32Encoded, string(key))

		h.Call("PUT", "/api/user/two-factor/"+ada+"?methodId="+m.ID, object{"name": "Old phone"}).Want(200)
		if name := h.user().TwoFactor.Methods[0].Name; name != "Old phone" {
			t.Errorf("name %q", name)
		}
		h.Call("PUT", "/api/user/two-factor/"+ada, object{"methodId": m.ID, "name": "Very old phone"}).Want(200) // as the clients do
		if name := h.user().TwoFactor.Methods[0].Name; name != "Very old phone" {
			t.Errorf("name %q", name)
		}
		h.Call("PUT", "/api/user/two-factor/"+ada+"?methodId=none", object{"name": "x"}).Want(404)
		h.disable("none", "123456").Want(404)
		h.disable(m.ID, twofactortest.AppCode(key, 6, enabled.Add(90*time.Second))).Want(421)
		h.published()
		h.disable(m.ID, twofactortest.AppCode(key, 6, enabled.Add(120*time.Second))).Want(200)
		h.wantEvents("disabling", "user.two-factor.method.remove")
	})
}

func TestMethod_ThatIsAddedDuringALoginFinishesIt(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		started := h.start()
		var res wire.TwoFactorResponse
		h.Call("POST", "/api/user/two-factor/"+ada, object{
			"method": "authenticator", "secret": secret, "code": twofactortest.AppCode(secret, 6, h.now()), "twoFactorId": started.TwoFactorID,
		}).Want(200).Decode(&res)
		if len(res.RecoveryCodes) != 10 || res.Code == "" {
			t.Fatalf("answer %+v", res)
		}
		h.login(started.TwoFactorID, started.Code).Want(421)
		h.login(started.TwoFactorID, res.Code).Want(200)
		if e := h.last("user.two-factor.success"); e.Method != "authenticator" {
			t.Errorf("success by %v", e.Method)
		}
	})
}

func TestSend_NobodyTakesTheMessage(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		method, _ := h.enableSMS()
		h.sms.Script(egresstest.Status(400))
		body := object{"userId": ada, "method": "sms", "mobilePhone": "+14155550123"}
		wantCodes(t, h.Call("POST", "/api/two-factor/send", body), "[PushTwoFactorFailed]")
		code := h.received().Code
		h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": "+14155550123", "code": code}).Want(421)
		started := h.start()
		wantCodes(t, h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": method}), "[PushTwoFactorFailed]")
		code = h.received().Code
		h.login(started.TwoFactorID, code).Want(421)
		if errors := h.Strings(`SELECT message FROM event_log WHERE type = 'Error'`); len(errors) != 2 {
			t.Errorf("%d errors in the event log: %v", len(errors), errors)
		}
		h.nowhere(" " + code)

		// The next messenger helps out.
		h.sms.Script(egresstest.Status(503))
		second := egresstest.NewReceiver(t)
		h.configure(object{"multiFactorConfiguration": object{"sms": object{"fallbackMessengerIds": []string{h.messenger("Second", second.URL)}}}})
		h.sms.Script(egresstest.Status(400))
		h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": method}).Want(200)
		if n := len(second.Requests()); n != 1 {
			t.Errorf("the second messenger got %d messages", n)
		}
	})
}

// A receiver that was cut off has perhaps sent the message: the caller is told that nobody knows, and the user may well bring the code.
func TestSend_WhatMayHaveArrived(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.sms.Script(egresstest.Close())
		wantCodes(t, h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "sms", "mobilePhone": phone}), "[PushTwoFactorFailed]")
		h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": phone, "code": h.received().Code}).Want(200)
		if n := len(h.sms.Requests()); n != 1 {
			t.Errorf("the message was sent %d times", n)
		}
		started := h.start()
		wantCodes(t, h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": started.Methods[0].ID}), "[PushTwoFactorFailed]")
		h.login(started.TwoFactorID, h.received().Code).Want(200)
	})
}

// TestSend_LeavesTheCodeBefore: who asks for one code too many keeps the one that arrived.
func TestSend_LeavesTheCodeBefore(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		method, _ := h.enableSMS()
		h.ahead.Add(int64(2 * time.Minute))
		for code, limits := range map[string]object{
			"[TooManyMessages]":      {"messageLimits": object{"perRecipient": object{"limit": 1, "timePeriodInSeconds": 60}}},
			"[RateLimitedException]": {"rateLimitConfiguration": object{"sendTwoFactor": object{"enabled": true, "limit": 1, "timePeriodInSeconds": 60}}},
		} {
			h.configure(object{"messageLimits": nil, "rateLimitConfiguration": nil})
			h.configure(limits)
			started := h.start()
			send := func() apptest.Answer {
				return h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": method})
			}
			send().Want(200)
			sent := h.received().Code
			if body := send().Want(429).Body; !strings.Contains(string(body), code) {
				t.Errorf("the answer is %s, want %s", body, code)
			}
			h.login(started.TwoFactorID, sent).Want(200)
			h.ahead.Add(int64(2 * time.Minute))
		}
	})
}

func TestTrust(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		status := func(id string) apptest.Answer { return h.Call("GET", "/api/two-factor/status/"+id+"?userId="+ada, nil) }
		status("unknown").Want(200) // nobody is asked who has no method
		method, _ := h.enableSMS()
		status("unknown").Want(242)
		var login wire.LoginResponse
		started := h.start("applicationId", application.AdminID)
		h.login(started.TwoFactorID, started.Code, "trustComputer", true).Want(202).Decode(&login) // not registered
		if login.TwoFactorTrustID == "" {
			t.Fatal("no trust")
		}
		if e := h.last("user.login.success"); e.ApplicationID != "" {
			t.Errorf("the user is logged in to %s without a registration", e.ApplicationID)
		}
		var s wire.TwoFactorStatusResponse
		status(login.TwoFactorTrustID).Want(200).Decode(&s)
		if s.TwoFactorTrustID != login.TwoFactorTrustID || len(s.Trusts) != 1 || s.Trusts[0].ApplicationID != application.AdminID ||
			s.Trusts[0].Expiration-s.Trusts[0].StartInstant != 30*24*3600*1000 {
			t.Errorf("status %+v", s)
		}
		h.Call("GET", "/api/two-factor/status/"+login.TwoFactorTrustID, nil).Want(200)
		h.Call("POST", "/api/two-factor/status", object{"userId": ada, "twoFactorTrustId": login.TwoFactorTrustID}).Want(200)
		h.Call("POST", "/api/two-factor/status", object{"userId": ada}).Want(242)
		wantCodes(t, h.Call("POST", "/api/two-factor/status", object{}), "[missing]userId")
		h.configure(object{"multiFactorConfiguration": object{"loginPolicy": "Disabled"}})
		status("unknown").Want(200)
		h.configure(object{"multiFactorConfiguration": object{"loginPolicy": "Required"}})
		status("unknown").Want(242)

		h.Call("POST", "/api/two-factor/send", object{"userId": ada, "methodId": method}).Want(200)
		h.disable(method, h.received().Code).Want(200)
		status(login.TwoFactorTrustID).Want(242) // trust ends with the last method
	})
}

func TestLogin_OutcomesThatAreNoLogin(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		change := func(members object) {
			h.Call("PATCH", "/api/user/"+ada, object{"user": members}).Want(200)
			h.published()
		}
		change(object{"passwordChangeRequired": true})
		started := h.start()
		h.published()
		var res wire.LoginResponse
		h.login(started.TwoFactorID, started.Code).Want(203).Decode(&res)
		h.wantEvents("a password to be changed", "user.two-factor.success")
		if res.ChangePasswordID == "" || res.ChangePasswordReason != wire.PasswordChangeAdministrative || res.User != nil {
			t.Errorf("answer %+v", res)
		}
		h.anonymous("POST", "/api/user/change-password/"+res.ChangePasswordID, object{"password": "battery staple"}).Want(200)
		if h.user().PasswordChangeRequired {
			t.Error("the password is still to be changed")
		}

		change(object{"expiry": 1})
		started = h.start()
		h.login(started.TwoFactorID, started.Code).Want(410)
		h.login(started.TwoFactorID, wrong(started.Code)).Want(421)
		change(object{"expiry": nil})

		started = h.start()
		h.Call("DELETE", "/api/user/"+ada, nil).Want(200)
		h.login(started.TwoFactorID, started.Code).Want(404)
		h.Call("PUT", "/api/user/"+ada+"?reactivate=true", nil).Want(200)
		h.login(started.TwoFactorID, started.Code, "applicationId", "b0000000-0000-4000-8000-00000000000b").Want(400)
		h.login(started.TwoFactorID, started.Code, "newDevice", true, "ipAddress", "192.0.2.7").Want(200)
		if e := h.last("user.login.new-device"); e.IPAddress != "192.0.2.7" {
			t.Errorf("new device at %q", e.IPAddress)
		}

		h.configure(object{"emailConfiguration": object{"verifyEmail": true, "verifyEmailWhenChanged": true, "unverified": object{"behavior": "Gated"}}})
		change(object{"email": "other@example.com"})
		started = h.start()
		h.published()
		h.login(started.TwoFactorID, started.Code).Want(212)
		h.wantEvents("an unverified address", "user.two-factor.success")
	})
}

func TestLogin_RefusedByWebhooksLeavesTheCode(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		voter := egresstest.NewReceiver(t)
		h.Enable(wire.AbsoluteMajority, "user.login.success")
		h.Subscribe(voter.URL, []string{"user.login.success"})
		method, _ := h.enableApp(secret)
		h.pass(2 * time.Minute)
		started := h.start()
		code := twofactortest.AppCode(secret, 6, h.now())
		h.published()
		voter.Script(egresstest.Status(500))
		h.login(started.TwoFactorID, code).Want(504)
		h.wantEvents("a refused login", "user.login.success")
		if u := h.user(); u.LastLoginInstant != 0 || u.TwoFactor.Methods[0].ID != method || u.TwoFactor.Methods[0].LastUsed {
			t.Errorf("something of the login is left: %+v", u)
		}
		voter.Script()
		voter.Forget()
		got := h.atOnce(4, func(int) apptest.Answer { return h.login(started.TwoFactorID, code) })
		if got[200] != 1 || got[404] != 3 {
			t.Errorf("after the refusal: %v", got)
		}
		if n := len(voter.Requests()); n != 1 {
			t.Errorf("webhooks were asked %d times about one login", n)
		}
	})
}

func TestEnable_VerifiesTheAddressThatTheCodeCameFrom(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.configure(object{"phoneConfiguration": object{"verifyPhoneNumber": true}})
		h.Call("PATCH", "/api/user/"+ada, object{"user": object{"phoneNumber": "+14155550123"}}).Want(200)
		h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "sms", "mobilePhone": "+14155550123"}).Want(200)
		h.published()
		h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": "+14155550123", "code": h.received().Code}).Want(200)
		h.wantEvents("enabling", "user.identity.verified", "user.two-factor.method.add")
		if e := h.last("user.identity.verified"); e.LoginID != "+14155550123" {
			t.Errorf("verified %q", e.LoginID)
		}
		for _, i := range h.user().Identities {
			if i.Type == wire.IdentityPhoneNumber && (!i.Verified || i.VerifiedReason != wire.VerifiedImplicit) {
				t.Errorf("identity %+v", i)
			}
		}
	})
}

func TestSend_IsLimitedPerUser(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.configure(object{"rateLimitConfiguration": object{"sendTwoFactor": object{"enabled": true, "limit": 3, "timePeriodInSeconds": 60}}})
		send := func(int) apptest.Answer {
			return h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "sms", "mobilePhone": phone})
		}
		if got := h.atOnce(10, send); got[200] != 3 || got[429] != 7 {
			t.Errorf("ten at once: %v", got)
		}
		if a := send(0); !slices.Contains(a.Codes(), "[RateLimitedException]") {
			t.Errorf("codes %v", a.Codes())
		}
		h.pass(61 * time.Second)
		send(0).Want(200)
	})
}

func TestTwoFactor_BadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const nobody = "00000000-0000-4000-8000-0000000000ff"
		app, _ := h.enableApp(secret)
		sms, _ := h.enableSMS()
		started := h.start()
		for _, c := range []struct {
			what, method, path string
			body               object
			want               []string
		}{
			{"no user", "POST", "/api/two-factor/send", object{"method": "sms", "mobilePhone": phone}, []string{"[missing]userId"}},
			{"nothing", "POST", "/api/two-factor/send", object{"userId": ada}, []string{"[blank]method"}},
			{"no number", "POST", "/api/two-factor/send", object{"userId": ada, "method": "sms"}, []string{"[blank]mobilePhone"}},
			{"a number that is none", "POST", "/api/two-factor/send", object{"userId": ada, "method": "sms", "mobilePhone": "call me"}, []string{"[invalid]mobilePhone"}},
			{"a method that is off", "POST", "/api/two-factor/send", object{"userId": ada, "method": "email", "email": mail}, []string{"[disabled]method"}},
			{"voice that is off", "POST", "/api/two-factor/send", object{"userId": ada, "methodId": sms, "messageType": "Voice"}, []string{"[disabled]messageType"}},
			{"an unknown way", "POST", "/api/two-factor/send", object{"userId": ada, "methodId": sms, "messageType": "Fax"}, []string{"[invalid]messageType"}},
			{"an unknown method", "POST", "/api/two-factor/send", object{"userId": ada, "methodId": "none"}, []string{"[invalid]methodId"}},
			{"an authenticator", "POST", "/api/two-factor/send", object{"userId": ada, "methodId": app}, []string{"[cannotSend]method"}},
			{"a new authenticator", "POST", "/api/two-factor/send", object{"userId": ada, "method": "authenticator"}, []string{"[cannotSend]method"}},
			{"an unknown application", "POST", "/api/two-factor/send", object{"userId": ada, "methodId": sms, "applicationId": nobody}, []string{"[invalid]applicationId"}},
			{"no method for a login", "POST", "/api/two-factor/send/" + started.TwoFactorID, object{}, []string{"[blank]methodId"}},
			{"an authenticator for a login", "POST", "/api/two-factor/send/" + started.TwoFactorID, object{"methodId": app}, []string{"[cannotSend]method"}},
			{"nothing to enable", "POST", "/api/user/two-factor/" + ada, object{}, []string{"[blank]method", "[blank]code"}},
			{"pigeons", "POST", "/api/user/two-factor/" + ada, object{"method": "pigeon", "code": "1"}, []string{"[invalid]method"}},
			{"no secret", "POST", "/api/user/two-factor/" + ada, object{"method": "authenticator", "code": "1"}, []string{"[blank]secret"}},
			{"a bad secret", "POST", "/api/user/two-factor/" + ada, object{"method": "authenticator", "code": "1", "secretBase32Encoded": "1"}, []string{"[invalid]secretBase32Encoded"}},
			{"the same number", "POST", "/api/user/two-factor/" + ada, object{"method": "sms", "mobilePhone": phone, "code": "1"}, []string{"[duplicate]mobilePhone"}},
			{"no method to disable", "DELETE", "/api/user/two-factor/" + ada, object{}, []string{"[blank]methodId", "[blank]code"}},
			{"no method to rename", "PUT", "/api/user/two-factor/" + ada, object{"name": strings.Repeat("x", 256)}, []string{"[blank]methodId", "[tooLong]name"}},
			{"nobody to start", "POST", "/api/two-factor/start", object{}, []string{"[missing]userId"}},
			{"a short code", "POST", "/api/two-factor/start", object{"userId": ada, "code": "12"}, []string{"[invalid]code"}},
			{"no code to log in", "POST", "/api/two-factor/login", object{}, []string{"[blank]twoFactorId", "[blank]code"}},
			{"somebody else's login", "POST", "/api/two-factor/login", object{"twoFactorId": started.TwoFactorID, "code": "1", "userId": nobody}, []string{"[mismatch]userId"}},
		} {
			a := h.Call(c.method, c.path, c.body)
			if a.Status != 400 {
				t.Errorf("%s: status %d", c.what, a.Status)
				continue
			}
			got := a.Codes()
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.what, got, c.want)
			}
		}
		h.Call("POST", "/api/two-factor/start", object{"userId": nobody}).Want(404)
		h.Call("POST", "/api/two-factor/start", object{"loginId": "nobody@example.com"}).Want(404)
		h.Call("POST", "/api/two-factor/start", object{"loginId": strings.ToUpper(mail)}).Want(200)
		h.Call("POST", "/api/two-factor/send", object{"userId": nobody, "method": "sms", "mobilePhone": phone}).Want(404)
		h.anonymous("POST", "/api/two-factor/send/unknown", object{"methodId": sms}).Want(404)
		h.anonymous("POST", "/api/two-factor/send", object{"userId": ada, "methodId": sms}).Want(401)
		h.anonymous("POST", "/api/user/two-factor", object{"method": "sms"}).Want(401)
		h.anonymous("DELETE", "/api/user/two-factor?methodId=x&code=1", nil).Want(401)
		var none wire.TwoFactorRecoveryCodeResponse
		h.Call("GET", "/api/user/two-factor/recovery-code/"+ada, nil).Want(200).Decode(&none)
		if len(none.RecoveryCodes) > 0 {
			t.Errorf("recovery codes are shown twice: %v", none.RecoveryCodes)
		}

		h.Call("POST", "/api/user/"+nobody, object{"user": object{"username": "b"}, "sendSetPasswordIdentityType": "doNotSend"}).Want(200)
		wantCodes(t, h.Call("POST", "/api/user/two-factor/recovery-code/"+nobody, nil), "[notConfigured]userId")
		// A user of another tenant is out of reach.
		var other wire.TenantResponse
		h.Call("POST", "/api/tenant", object{"tenant": object{"name": "Other"}}).Want(200).Decode(&other)
		h.Call("POST", "/api/two-factor/start", object{"userId": ada}, "X-FusionAuth-TenantId", string(other.Tenant.ID)).Want(404)
	})
}

// A second factor makes no password good that has to be changed, and what is to be told about it is told at the end of the login.
func TestLogin_PasswordsThatAreJudged(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.enableApp(secret)
		password := "correct horse"
		begin := func() (res wire.LoginResponse) {
			t.Helper()
			h.pass(2 * time.Minute)
			h.Call("POST", "/api/login", object{"loginId": mail, "password": password}).Want(242).Decode(&res)
			return res
		}
		complete := func(status int) (res wire.LoginResponse) {
			t.Helper()
			id := begin().TwoFactorID
			h.login(id, twofactortest.AppCode(secret, 6, h.now())).Want(status).Decode(&res)
			return res
		}
		complete(200)
		h.configure(object{"maximumPasswordAge": object{"enabled": true, "days": 1}})
		h.pass(25 * time.Hour)
		if res := complete(203); res.ChangePasswordReason != wire.PasswordChangeExpired || res.Token != "" {
			t.Errorf("a password that is too old: %+v", res)
		}
		h.configure(object{"maximumPasswordAge": object{"enabled": false}})

		list := object{"enabled": true, "matchMode": "High", "onLogin": "RecordOnly"}
		password = "password1234"
		h.Call("PATCH", "/api/user/"+ada, object{"user": object{"password": password}}).Want(200)
		h.configure(object{"passwordValidationRules": object{"breachDetection": list}})
		h.published()
		complete(200)
		h.wantEvents("a password that is known to be stolen", "user.two-factor.challenge", "user.password.breach", "user.login.success", "user.two-factor.success")
		if u := h.user(); u.BreachedPasswordStatus == "" || u.BreachedPasswordStatus == wire.BreachedNone || !u.TwoFactor.Methods[0].LastUsed {
			t.Errorf("user %+v", u)
		}

		// A login that has begun with a password ends with it.
		waits := begin()
		h.Call("PATCH", "/api/user/"+ada, object{"user": object{"password": "battery staple"}}).Want(200)
		h.login(waits.TwoFactorID, twofactortest.AppCode(secret, 6, h.now())).Want(404)
	})
}
