package catalogue

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/twofactor/twofactortest"
	"github.com/herald-events/herald/wire"
)

// login is the body of a login of a user with the password that all have. more are pairs of a name and a value.
func login(user string, more ...any) object {
	body := object{"loginId": user, "password": password}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return body
}

// as is how the user of the events authenticated, and for which application.
func as(authentication, application string) func(h *herald, events []object) {
	return func(h *herald, events []object) {
		for _, e := range events {
			want := strings.Replace(application, "shop", h.shop, 1)
			got, _ := e["applicationId"].(string)
			if kind, ok := e["authenticationType"]; ok && (kind != authentication || got != want) {
				h.t.Errorf("%v: %v for %q, want %s for %q", e["type"], kind, got, authentication, want)
			}
		}
	}
}

// counted are the tables in which a failure counts although a webhook refuses the event about it.
var counted = []string{"login_failure"}

var logins = []scenario{
	{
		name: "log in to an application", want: events("user.login.success"), check: as("PASSWORD", "shop"),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/login", login(h.registered(), "applicationId", h.shop))
		},
	},
	{
		name: "log in to an application without a registration", want: events("user.login.success"), status: 202, check: as("PASSWORD", ""),
		prepare: func(h *herald) call { return h.to("POST", "/api/login", login(h.knows(), "applicationId", h.shop)) },
	},
	{
		name: "log in to no application", want: events("user.login.success"), check: as("PASSWORD", ""),
		prepare: func(h *herald) call { return h.to("POST", "/api/login", login(h.knows())) },
	},
	{
		name: "log in with a one-time password", want: events("user.login.success"), check: as("ONE_TIME_PASSWORD", "shop"),
		prepare: func(h *herald) call {
			var changed wire.ChangePasswordResponse
			h.anonymous("POST", "/api/user/change-password/"+h.forgot(h.registered()), object{"password": h.plant("another good password")})().Want(200).Decode(&changed)
			return h.to("POST", "/api/login", object{"oneTimePassword": h.plant(changed.OneTimePassword), "applicationId": h.shop})
		},
	},
	{
		name: "log in with a token for the application", want: events("user.login.success"), check: as("APPLICATION_TOKEN", "shop"),
		prepare: func(h *herald) call {
			id, token := h.user(nil), h.plant("a token for one application")
			h.Call("POST", registrationPath+id, object{"registration": object{"applicationId": h.shop, "authenticationToken": token}}).Want(200)
			return h.to("POST", "/api/login", login(id, "applicationId", h.shop, "password", token))
		},
	},
	{
		name: "log in with the password grant", want: events("user.login.success"), check: as("PASSWORD", "shop"),
		prepare: func(h *herald) call {
			return h.grant(url.Values{"grant_type": {"password"}, "username": {h.registered()}, "password": {password}, "scope": {"openid offline_access"}})
		},
	},
	{
		name: "log in without a password", want: events("user.login.success"), check: as("PASSWORDLESS", "shop"),
		prepare: func(h *herald) call {
			return h.anonymous("POST", "/api/passwordless/login", object{"code": h.passwordless(h.registered())})
		},
	},
	{
		name: "log in with a code that has come to an address nobody has verified", want: events("user.email.verified", "user.identity.verified", "user.login.success"),
		prepare: func(h *herald) call {
			id := h.pending()
			h.register(id, h.shop)
			h.Call("POST", "/api/passwordless/send", object{"code": h.passwordless(id)}).Want(200)
			return h.anonymous("POST", "/api/passwordless/login", object{"code": h.mailed()})
		},
		check: verified("Implicit"),
	},
	{
		name: "log in without a password, on a new device", want: events("user.login.success", "user.login.new-device"), check: as("PASSWORDLESS", "shop"),
		prepare: func(h *herald) call {
			return h.anonymous("POST", "/api/passwordless/login", object{"code": h.passwordless(h.registered()), "newDevice": true})
		},
	},
	{
		name: "report one's own login", want: events("user.login.success"), check: as("PING", "shop"),
		prepare: func(h *herald) call {
			return h.to("PUT", "/api/login?applicationId="+h.shop, nil, "Authorization", "Bearer "+h.token(h.registered()))
		},
	},
	{
		name: "report a login that was elsewhere", want: events("user.login.success"), check: as("PING", "shop"),
		prepare: func(h *herald) call {
			return h.to("PUT", "/api/login/"+h.registered()+"/"+h.shop+"?ipAddress=192.0.2.7", nil)
		},
	},
	{
		name: "report a login to an application without a registration", want: events("user.login.success"), status: 202, check: as("PING", ""),
		prepare: func(h *herald) call { return h.to("PUT", "/api/login/"+h.user(nil)+"/"+h.shop, nil) },
	},
	{
		name: "a wrong password", want: events("user.login.failed"), status: 404, keeps: counted, check: as("PASSWORD", "shop"),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/login", login(h.registered(), "applicationId", h.shop, "password", h.plant("a wrong password")))
		},
	},
	{
		name: "a wrong password with the password grant", want: events("user.login.failed"), status: 400, keeps: counted, check: as("PASSWORD", "shop"),
		prepare: func(h *herald) call {
			return h.grant(url.Values{"grant_type": {"password"}, "username": {h.registered()}, "password": {"a wrong password"}})
		},
	},
	{
		name: "a user nobody knows", status: 404,
		prepare: func(h *herald) call { return h.to("POST", "/api/login", login("nobody")) },
	},
	{
		name: "a user who is deactivated", status: 423,
		prepare: func(h *herald) call {
			id := h.knows()
			h.Call("DELETE", "/api/user/"+id, nil).Want(200)
			return h.to("POST", "/api/login", login(id))
		},
	},
	{
		name: "a user whose time is over", status: 410,
		prepare: func(h *herald) call {
			return h.to("POST", "/api/login", login(h.user(object{"password": password, "expiry": 1000})))
		},
	},
	{
		name: "a user who is banned", status: 409,
		prepare: func(h *herald) call {
			id := h.knows()
			h.banned(id, time.Hour)
			return h.to("POST", "/api/login", login(id))
		},
	},
	{
		name: "a user who has to change the password", status: 203,
		prepare: func(h *herald) call {
			return h.to("POST", "/api/login", login(h.user(object{"password": password, "passwordChangeRequired": true})))
		},
	},
	{
		name: "one wrong password too many", want: events("user.login.failed", "user.action", "jwt.refresh-token.revoke"), status: 404, keeps: counted,
		prepare: func(h *herald) call {
			h.lockout(object{"tooManyAttempts": 1})
			id := h.registered()
			h.session(id, h.shop)
			return h.to("POST", "/api/login", login(id, "password", "a wrong password"))
		},
		check: phase("start"),
	},
	{
		name: "another wrong password while locked out", want: events("user.login.failed", "user.action"), status: 404, keeps: counted,
		prepare: func(h *herald) call {
			h.lockout(object{"tooManyAttempts": 1})
			wrong := h.to("POST", "/api/login", login(h.knows(), "password", "a wrong password"))
			wrong().Want(404)
			h.pass(time.Minute)
			return wrong
		},
		check: phase("modify"),
	},
	{
		name: "a new device", want: events("user.login.success", "user.login.new-device"), check: as("PASSWORD", "shop"),
		prepare: func(h *herald) call {
			id := h.registered()
			h.Call("POST", "/api/login", login(id, "eventInfo", object{"deviceName": "Phone"})).Want(200)
			return h.to("POST", "/api/login", login(id, "eventInfo", object{"deviceName": "Laptop", "ipAddress": remote}, "applicationId", h.shop))
		},
	},
	{
		name: "a new device, says the caller", want: events("user.login.success", "user.login.new-device"),
		prepare: func(h *herald) call { return h.to("POST", "/api/login", login(h.knows(), "newDevice", true)) },
	},
	{
		name: "in two places at once", want: events("user.login.success", "user.login.suspicious"), check: as("PASSWORD", "shop"),
		prepare: func(h *herald) call {
			from := func(latitude, longitude float64) object {
				return object{"ipAddress": remote, "location": object{"latitude": latitude, "longitude": longitude}}
			}
			id := h.registered()
			h.Call("POST", "/api/login", login(id, "eventInfo", from(52.5, 13.4))).Want(200)
			return h.to("POST", "/api/login", login(id, "eventInfo", from(35.7, 139.7), "applicationId", h.shop))
		},
	},
	{
		name: "a stolen password on a new device, by a robot",
		want: events("user.password.breach", "user.login.success", "user.login.new-device", "user.login.suspicious"),
		prepare: func(h *herald) call {
			id := h.user(object{"password": "password1234"})
			h.configure(object{
				"passwordValidationRules": object{"breachDetection": object{"enabled": true, "onLogin": "RecordOnly"}}, "clientRiskConfiguration": object{"enabled": true},
			})
			return h.to("POST", "/api/login", login(id, "password", "password1234", "newDevice", true, "botDetectionScore", 99))
		},
	},
	{
		name: "a stolen password that has to be changed", status: 203,
		prepare: func(h *herald) call {
			id := h.user(object{"password": "password1234"})
			h.configure(object{"passwordValidationRules": object{"breachDetection": object{"enabled": true, "onLogin": "RequireChange"}}})
			return h.to("POST", "/api/login", login(id, "password", "password1234"))
		},
	},
}

// verified is why the identity of the user in user.email.verified and user.identity.verified is verified.
func verified(reason string) func(h *herald, events []object) {
	return func(h *herald, events []object) {
		for _, e := range events {
			if !strings.HasSuffix(fmt.Sprint(e["type"]), ".verified") {
				continue
			}
			identity := e["user"].(object)["identities"].([]any)[0].(object)
			if identity["verified"] != true || identity["verifiedReason"] != reason || e["type"] == "user.identity.verified" && e["loginId"] != identity["value"] {
				h.t.Errorf("event %v", e)
			}
		}
	}
}

// pending makes a user with a password whose address waits for its verification, and nothing else.
func (h *herald) pending() string {
	h.t.Helper()
	h.configure(object{"emailConfiguration": object{"verifyEmail": true, "verifyEmailWhenChanged": true}})
	id := h.id()
	h.Call("POST", "/api/user/"+id, object{"user": object{"email": id + "@example.com", "password": h.plant(password)}}).Want(200)
	return id
}

// passwordless starts a login without a password and returns its code.
func (h *herald) passwordless(user string) string {
	h.t.Helper()
	var started struct{ Code string }
	h.Call("POST", "/api/passwordless/start", object{"applicationId": h.shop, "loginId": user + "@example.com"}).Want(200).Decode(&started)
	return h.plant(started.Code)
}

// grant is the call that asks for tokens as the shop.
func (h *herald) grant(form url.Values) call {
	form.Set("client_id", h.shop)
	form.Set("client_secret", "the secret of the shop")
	return h.to("POST", "/oauth2/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "")
}

// lockout makes the tenant lock users out.
func (h *herald) lockout(change object) {
	h.t.Helper()
	settings := object{"userActionId": h.ban, "actionDuration": 10, "actionDurationUnit": "MINUTES", "actionCancelPolicy": object{"onPasswordReset": true}}
	for name, value := range change {
		settings[name] = value
	}
	h.configure(object{"failedAuthenticationConfiguration": settings})
}

// phase is that of the user.action among the events.
func phase(want string) func(h *herald, events []object) {
	return func(h *herald, events []object) {
		for _, e := range events {
			if e["type"] == "user.action" && e["phase"] != want {
				h.t.Errorf("the phase is %v, want %s", e["phase"], want)
			}
		}
	}
}

const userTwoFactor = "/api/user/two-factor/"

// addPhone makes text messages a second factor of a user, and addApp an authenticator. They return the id of the method.
func (h *herald) addPhone(user string) (method string, recovery []string) {
	h.t.Helper()
	number := h.phone()
	h.sms.Forget()
	h.Call("POST", "/api/two-factor/send", object{"userId": user, "method": "sms", "mobilePhone": number}).Want(200)
	return h.add(user, object{"method": "sms", "mobilePhone": number, "code": h.texted()})
}

func (h *herald) addApp(user string) (method string, recovery []string) {
	h.t.Helper()
	return h.add(user, h.authenticator())
}

func (h *herald) add(user string, body object) (method string, recovery []string) {
	h.t.Helper()
	var r wire.TwoFactorResponse
	h.Call("POST", userTwoFactor+user, body).Want(200).Decode(&r)
	for _, code := range r.RecoveryCodes {
		h.plant(code)
	}
	var u wire.UserResponse
	h.Call("GET", "/api/user/"+user, nil).Want(200).Decode(&u)
	methods := u.User.TwoFactor.Methods
	return methods[len(methods)-1].ID, r.RecoveryCodes
}

// authenticator is the body that makes an authenticator a second factor.
func (h *herald) authenticator() object {
	secret := []byte(h.id()[:20])
	h.plant(string(secret))
	h.plant(base64.StdEncoding.EncodeToString(secret))
	return object{"method": "authenticator", "secret": secret, "code": twofactortest.AppCode(secret, 6, h.now())}
}

// challenged starts a challenge of a user with a phone, and returns its id and the code that was sent.
func (h *herald) challenged(user string) (id, code string) {
	h.t.Helper()
	method, _ := h.addPhone(user)
	var started wire.TwoFactorStartResponse
	h.Call("POST", "/api/two-factor/start", object{"userId": user, "applicationId": h.shop}).Want(200).Decode(&started)
	h.plant(started.TwoFactorID)
	h.sms.Forget()
	h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": method})().Want(200)
	return started.TwoFactorID, h.texted()
}

var twoFactor = []scenario{
	{
		name: "log in with a second factor to come", want: events("user.two-factor.challenge"), status: 242,
		prepare: func(h *herald) call {
			id := h.registered()
			h.addPhone(id)
			return h.to("POST", "/api/login", login(id, "applicationId", h.shop))
		},
	},
	{
		name: "start a challenge", want: events("user.two-factor.challenge"),
		prepare: func(h *herald) call {
			id := h.knows()
			h.addApp(id)
			return h.to("POST", "/api/two-factor/start", object{"userId": id})
		},
	},
	{
		name: "the right code", want: events("user.login.success", "user.two-factor.success"), check: as("PASSWORD", "shop"),
		prepare: func(h *herald) call {
			id, code := h.challenged(h.registered())
			return h.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": id, "code": code, "applicationId": h.shop})
		},
	},
	{
		name: "the right code, on a new device, by a robot", want: events("user.login.success", "user.login.new-device", "user.login.suspicious", "user.two-factor.success"),
		prepare: func(h *herald) call {
			id, code := h.challenged(h.registered())
			h.configure(object{"clientRiskConfiguration": object{"enabled": true}})
			return h.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": id, "code": code, "newDevice": true, "botDetectionScore": 99})
		},
	},
	{
		name: "a recovery code", want: events("user.login.success", "user.two-factor.success"),
		prepare: func(h *herald) call {
			user := h.registered()
			_, recovery := h.addApp(user)
			var started wire.TwoFactorStartResponse
			h.Call("POST", "/api/two-factor/start", object{"userId": user}).Want(200).Decode(&started)
			return h.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": h.plant(started.TwoFactorID), "code": recovery[0]})
		},
		check: func(h *herald, events []object) {
			if got := events[1]["method"]; got != "recoveryCode" {
				h.t.Errorf("the method is %v", got)
			}
		},
	},
	{
		name: "the right code of a user who has to change the password", want: events("user.two-factor.success"), status: 203,
		prepare: func(h *herald) call {
			id, code := h.challenged(h.user(object{"password": password, "passwordChangeRequired": true, "registrations": []object{{"applicationId": h.shop}}}))
			return h.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": id, "code": code})
		},
	},
	{
		name: "a wrong code", want: events("user.two-factor.failed-attempt"), status: 421, keeps: []string{"ticket"},
		prepare: func(h *herald) call {
			id, code := h.challenged(h.registered())
			return h.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": id, "code": code + "0"})
		},
	},
	{
		name: "one wrong code too many", want: events("user.two-factor.failed-attempt", "user.action", "jwt.refresh-token.revoke"), status: 421,
		first: events("user.two-factor.failed-attempt"), keeps: []string{"login_failure", "ticket", "delivery"},
		prepare: func(h *herald) call {
			user := h.registered()
			id, code := h.challenged(user)
			h.session(user, h.shop)
			h.lockout(object{"tooManyAttempts": 1})
			return h.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": id, "code": code + "0"})
		},
		check: phase("start"),
	},
	{
		name: "add a phone", want: events("user.two-factor.method.add"),
		prepare: func(h *herald) call {
			id, number := h.knows(), h.phone()
			h.sms.Forget()
			h.Call("POST", "/api/two-factor/send", object{"userId": id, "method": "sms", "mobilePhone": number}).Want(200)
			return h.to("POST", userTwoFactor+id, object{"method": "sms", "mobilePhone": number, "code": h.texted()})
		},
	},
	{
		name: "add a second method", want: events("user.two-factor.method.add"),
		prepare: func(h *herald) call {
			id := h.knows()
			h.addPhone(id)
			return h.to("POST", userTwoFactor+id, h.authenticator())
		},
	},
	{
		name: "add the first method of a user with a session", want: events("jwt.refresh-token.revoke", "user.two-factor.method.add"),
		prepare: func(h *herald) call {
			h.configure(object{"jwtConfiguration": object{"refreshTokenRevocationPolicy": object{"onMultiFactorEnable": true}}})
			id := h.registered()
			h.session(id, h.shop)
			return h.to("POST", userTwoFactor+id, h.authenticator())
		},
	},
	{
		name: "add an address nobody has verified", want: events("user.email.verified", "user.identity.verified", "user.two-factor.method.add"),
		prepare: func(h *herald) call {
			id := h.pending()
			h.Call("POST", "/api/two-factor/send", object{"userId": id, "method": "email", "email": id + "@example.com"}).Want(200)
			return h.to("POST", userTwoFactor+id, object{"method": "email", "email": id + "@example.com", "code": h.mailed()})
		},
		check: verified("Implicit"),
	},
	{
		name: "add with a wrong code", status: 421,
		prepare: func(h *herald) call {
			body := h.authenticator()
			body["code"] = "12"
			return h.to("POST", userTwoFactor+h.knows(), body)
		},
	},
	{
		name: "remove one method of two", want: events("user.two-factor.method.remove"),
		prepare: func(h *herald) call {
			id := h.knows()
			method, _ := h.addPhone(id)
			h.addApp(id)
			h.sms.Forget()
			h.Call("POST", "/api/two-factor/send", object{"userId": id, "methodId": method}).Want(200)
			return h.to("DELETE", userTwoFactor+id+"?methodId="+method+"&code="+h.texted(), nil)
		},
	},
	{
		name: "remove all with a recovery code", want: events("user.two-factor.method.remove", "user.two-factor.method.remove"),
		prepare: func(h *herald) call {
			id := h.knows()
			method, recovery := h.addPhone(id)
			h.addApp(id)
			return h.to("DELETE", userTwoFactor+id, object{"methodId": method, "code": recovery[0]})
		},
	},
}

const forgotPath, changePath = "/api/user/forgot-password", "/api/user/change-password"

// forgot is an id with which a user can change the password, which nobody was sent.
func (h *herald) forgot(user string) string {
	h.t.Helper()
	var r wire.ForgotPasswordResponse
	h.Call("POST", forgotPath, object{"loginId": user, "sendForgotPasswordMessage": false}).Want(200).Decode(&r)
	return h.plant(r.ChangePasswordID)
}

// newPassword is the body that changes a password.
func (h *herald) newPassword(more ...any) object {
	return login("", append([]any{"loginId", nil, "password", h.plant("another good password")}, more...)...)
}

var passwords = []scenario{
	{
		name: "forgot the password, by phone", want: events("user.password.reset.start", "user.password.reset.send"),
		prepare: func(h *herald) call {
			number := h.phone()
			h.user(object{"phoneNumber": number, "password": password})
			return h.anonymous("POST", forgotPath, object{"loginId": number, "loginIdTypes": []string{"phoneNumber"}})
		},
		check: func(h *herald, _ []object) { h.texted() },
	},
	{
		name: "forgot the password, by mail", want: events("user.password.reset.start", "user.password.reset.send"),
		prepare: func(h *herald) call { return h.to("POST", forgotPath, object{"loginId": h.knows()}) },
	},
	{
		name: "forgot the password, and the caller tells the user", want: events("user.password.reset.start"),
		prepare: func(h *herald) call {
			return h.to("POST", forgotPath, object{"loginId": h.knows(), "sendForgotPasswordMessage": false})
		},
	},
	{
		name: "forgot the password, and the message is not taken", want: events("event-log.create"), status: 400, nobody: true, keeps: failedMessage,
		prepare: func(h *herald) call {
			h.refuseTexts()
			number := h.phone()
			h.user(object{"phoneNumber": number, "password": password})
			return h.anonymous("POST", forgotPath, object{"loginId": number, "loginIdTypes": []string{"phoneNumber"}})
		},
	},
	{
		name: "forgot the password, and nobody knows the user", status: 404,
		prepare: func(h *herald) call { return h.to("POST", forgotPath, object{"loginId": "nobody"}) },
	},
	{
		name: "change the password with an id", want: events("user.password.update", "user.password.reset.success"),
		prepare: func(h *herald) call { return h.anonymous("POST", changePath+"/"+h.forgot(h.knows()), h.newPassword()) },
	},
	{
		name: "change the password with an id that has come to an address nobody has verified",
		want: events("user.email.verified", "user.identity.verified", "user.password.update", "user.password.reset.success"),
		prepare: func(h *herald) call {
			h.anonymous("POST", forgotPath, object{"loginId": h.pending() + "@example.com"})().Want(200)
			return h.anonymous("POST", changePath, h.newPassword("changePasswordId", h.mailed()))
		},
		check: verified("Implicit"),
	},
	{
		name: "choose a password with an id that has come to an address nobody has verified",
		want: events("user.email.verified", "user.identity.verified", "user.password.update", "user.password.reset.success"),
		prepare: func(h *herald) call {
			h.configure(object{"emailConfiguration": object{"verifyEmail": true}})
			mails := len(h.mail.Mails())
			h.Call("POST", "/api/user", object{"user": object{"email": h.id() + "@example.com"}, "sendSetPasswordEmail": true}).Want(200)
			h.sent(mails)
			return h.anonymous("POST", changePath, h.newPassword("changePasswordId", h.mailed()))
		},
		check: verified("Implicit"),
	},
	{
		name: "change the password of a user who is locked out and has a session",
		want: events("user.action", "jwt.refresh-token.revoke", "user.password.update", "user.password.reset.success"),
		prepare: func(h *herald) call {
			h.lockout(object{"tooManyAttempts": 1})
			id := h.registered()
			h.Call("POST", "/api/login", login(id, "password", "a wrong password")).Want(404)
			h.session(id, h.shop)
			return h.anonymous("POST", changePath+"/"+h.forgot(id), h.newPassword())
		},
		check: phase("cancel"),
	},
	{
		name: "change the password of a user", want: events("user.password.update"),
		prepare: func(h *herald) call { return h.to("POST", changePath, h.newPassword("loginId", h.knows())) },
	},
	{
		name: "change one's own password", want: events("jwt.refresh-token.revoke", "user.password.update"),
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			return h.to("POST", changePath, h.newPassword("currentPassword", password, "loginId", nil), "Authorization", "Bearer "+h.token(id))
		},
	},
}

// token is an access token of a user for the shop.
func (h *herald) token(user string) string {
	h.t.Helper()
	var in wire.LoginResponse
	h.Call("POST", "/api/login", login(user, "applicationId", h.shop)).Want(200).Decode(&in)
	h.plant(in.RefreshToken)
	return h.plant(in.Token)
}

const refreshPath = "/api/jwt/refresh"

// tokenID is the id of the only refresh token of a user.
func (h *herald) tokenID(user string) string {
	h.t.Helper()
	var r wire.RefreshTokenResponse
	h.Call("GET", refreshPath+"?userId="+user, nil).Want(200).Decode(&r)
	if len(r.RefreshTokens) != 1 {
		h.t.Fatalf("tokens %+v", r.RefreshTokens)
	}
	return string(r.RefreshTokens[0].ID)
}

// The four forms of jwt.refresh-token.revoke: which members it has, and for how many applications it tells how long their tokens live.
var (
	ofOne  = revoked(1, "applicationId", "refreshToken", "user", "userId", "linkedObjectId")
	ofUser = func(applications int) func(*herald, []object) {
		return revoked(applications, "user", "userId", "linkedObjectId")
	}
	ofUserInApplication = revoked(1, "applicationId", "user", "userId", "linkedObjectId")
	ofApplication       = revoked(1, "applicationId")
)

func revoked(applications int, want ...string) func(h *herald, events []object) {
	return func(h *herald, events []object) {
		e := events[0]
		for _, name := range []string{"applicationId", "refreshToken", "user", "userId", "linkedObjectId"} {
			if _, ok := e[name]; ok != slices.Contains(want, name) {
				h.t.Errorf("the event has %s: %v", name, ok)
			}
		}
		lifetimes := e["applicationTimeToLiveInSeconds"].(object)
		if len(lifetimes) != applications {
			h.t.Errorf("lifetimes %v, want those of %d applications", lifetimes, applications)
		}
		for _, seconds := range lifetimes {
			if seconds != 3600.0 {
				h.t.Errorf("lifetimes %v", lifetimes)
			}
		}
	}
}

var tokens = []scenario{
	{
		name: "refresh", want: events("jwt.refresh"),
		prepare: func(h *herald) call {
			id := h.registered()
			value := h.session(id, h.shop)
			return h.anonymous("POST", refreshPath, object{"refreshToken": value, "token": h.token(id)})
		},
		check: func(h *herald, events []object) {
			if e := events[0]; e["original"] == nil || e["token"] == nil || e["refreshToken"] == nil || e["applicationId"] != h.shop {
				h.t.Errorf("event %v", e)
			}
		},
	},
	{
		name: "refresh with the refresh grant", want: events("jwt.refresh"),
		prepare: func(h *herald) call {
			return h.grant(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {h.session(h.registered(), h.shop)}})
		},
		check: func(h *herald, events []object) {
			if e := events[0]; e["original"] != nil {
				h.t.Errorf("event %v", e)
			}
		},
	},
	{
		name: "refresh with a token that can be used once", want: events("jwt.refresh"),
		prepare: func(h *herald) call {
			h.configure(object{"jwtConfiguration": object{"refreshTokenUsagePolicy": "OneTimeUse"}})
			return h.anonymous("POST", refreshPath, object{"refreshToken": h.session(h.registered(), h.shop)})
		},
	},
	{
		name: "refresh with a token that was used", want: events("jwt.refresh-token.revoke"), status: 400, refused: 400, check: ofOne,
		prepare: func(h *herald) call {
			h.configure(object{"jwtConfiguration": object{"refreshTokenUsagePolicy": "OneTimeUse", "refreshTokenRevocationPolicy": object{"onOneTimeTokenReuse": true}}})
			refresh := h.anonymous("POST", refreshPath, object{"refreshToken": h.session(h.registered(), h.shop)})
			refresh().Want(200)
			return refresh
		},
	},
	{
		name: "refresh with a token that is none", status: 400,
		prepare: func(h *herald) call { return h.anonymous("POST", refreshPath, object{"refreshToken": "none"}) },
	},
	{
		name: "revoke a token by its id", want: events("jwt.refresh-token.revoke"), check: ofOne,
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			return h.to("DELETE", refreshPath+"/"+h.tokenID(id), nil)
		},
	},
	{
		name: "revoke a token by its value", want: events("jwt.refresh-token.revoke"), check: ofOne,
		prepare: func(h *herald) call {
			return h.to("DELETE", refreshPath+"?token="+h.session(h.registered(), h.shop), nil)
		},
	},
	{
		name: "revoke one's own token", want: events("jwt.refresh-token.revoke"), check: ofOne,
		prepare: func(h *herald) call {
			id := h.registered()
			return h.to("DELETE", refreshPath, object{"token": h.session(id, h.shop)}, "Authorization", "Bearer "+h.token(id))
		},
	},
	{
		name: "revoke the tokens of a user for two applications", want: events("jwt.refresh-token.revoke"), check: ofUser(2),
		prepare: func(h *herald) call {
			id, other := h.registered(), h.application(nil)
			h.register(id, other)
			for _, application := range []string{h.shop, h.shop, other} {
				h.session(id, application)
			}
			return h.to("DELETE", refreshPath+"?userId="+id, nil)
		},
	},
	{
		name: "revoke the tokens of a user for an application", want: events("jwt.refresh-token.revoke"), check: ofUserInApplication,
		prepare: func(h *herald) call {
			id, other := h.registered(), h.application(nil)
			h.register(id, other)
			h.session(id, h.shop)
			h.session(id, other)
			return h.to("DELETE", refreshPath, object{"userId": id, "applicationId": other})
		},
	},
	{
		name: "revoke the tokens for an application", want: events("jwt.refresh-token.revoke"), check: ofApplication,
		prepare: func(h *herald) call {
			application := h.application(nil)
			for range 2 {
				id := h.user(nil)
				h.register(id, application)
				h.session(id, application)
			}
			return h.to("DELETE", refreshPath+"?applicationId="+application, nil)
		},
	},
	{
		name:    "revoke the tokens of a user who has none",
		prepare: func(h *herald) call { return h.to("DELETE", refreshPath+"?userId="+h.registered(), nil) },
	},
	{
		name:    "revoke the tokens for an application that has none",
		prepare: func(h *herald) call { return h.to("DELETE", refreshPath+"?applicationId="+h.application(nil), nil) },
	},
	{
		name: "revoke a token that is none", status: 404,
		prepare: func(h *herald) call { return h.to("DELETE", refreshPath+"/"+h.id(), nil) },
	},
	{
		name: "log out", want: events("jwt.refresh-token.revoke"), told: true, check: ofOne,
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			return h.anonymous("POST", "/api/logout", object{"refreshToken": h.session(id, h.shop)})
		},
	},
	{
		name: "log out everywhere", want: events("jwt.refresh-token.revoke"), told: true, check: ofUser(1),
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			return h.anonymous("POST", "/api/logout?global=true&refreshToken="+h.session(id, h.shop), nil)
		},
	},
	{
		name:    "log out without a token",
		prepare: func(h *herald) call { return h.anonymous("POST", "/api/logout", nil) },
	},
	{
		name: "issue a token for an application",
		prepare: func(h *herald) call {
			return h.to("GET", "/api/jwt/issue?applicationId="+h.shop, nil, "Authorization", "Bearer "+h.token(h.registered()))
		},
	},
}

const actionPath = "/api/user/action"

// act is the body of an action by the boss.
func (h *herald) act(action object) object {
	action["actionerUserId"] = h.boss
	return object{"broadcast": true, "action": action}
}

// banned bans a user and returns the id of the ban.
func (h *herald) banned(user string, d time.Duration) string {
	h.t.Helper()
	var r wire.ActionResponse
	h.Call("POST", actionPath, h.act(object{"userActionId": h.ban, "actioneeUserId": user, "expiry": h.after(d)})).Want(200).Decode(&r)
	return string(r.Action.ID)
}

var actions = []scenario{
	{
		name: "take an action", want: events("user.action"), check: phase("start"),
		prepare: func(h *herald) call {
			id, reason := h.user(nil), h.id()
			h.Call("POST", "/api/user-action-reason/"+reason, object{"userActionReason": object{"code": reason, "text": reason}}).Want(200)
			return h.to("POST", actionPath, h.act(object{
				"userActionId": h.ban, "actioneeUserId": id, "expiry": h.after(time.Hour), "comment": "Why not.", "reasonId": reason, "notifyUser": true, "applicationIds": []string{h.shop},
			}))
		},
	},
	{
		name: "take an action that the user is told of by mail", want: events("user.action"),
		prepare: func(h *herald) call {
			h.mails = len(h.mail.Mails())
			return h.to("POST", actionPath, h.act(object{"userActionId": h.ban, "actioneeUserId": h.user(nil), "expiry": wire.Forever, "emailUser": true}))
		},
		check: func(h *herald, events []object) {
			if e := events[0]; e["emailedUser"] != true || e["email"].(object)["subject"] != "Notice" {
				h.t.Errorf("event %v", e)
			}
			h.sent(h.mails)
		},
	},
	{
		name: "take an action that prevents the login of a user with a session", want: events("user.action", "jwt.refresh-token.revoke"), check: phase("start"),
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			return h.to("POST", actionPath, h.act(object{"userActionId": h.ban, "actioneeUserId": id, "expiry": wire.Forever}))
		},
	},
	{
		name: "take an action that does not last", want: events("user.action"), check: phase("start"),
		prepare: func(h *herald) call {
			return h.to("POST", actionPath, h.act(object{"userActionId": h.warn, "actioneeUserId": h.user(nil), "option": "mildly"}))
		},
	},
	{
		name: "take an action and tell nobody",
		prepare: func(h *herald) call {
			body := h.act(object{"userActionId": h.warn, "actioneeUserId": h.user(nil)})
			body["broadcast"] = false
			return h.to("POST", actionPath, body)
		},
	},
	{
		name: "modify an action", want: events("user.action"), check: phase("modify"),
		prepare: func(h *herald) call {
			return h.to("PUT", actionPath+"/"+h.banned(h.user(nil), time.Hour), h.act(object{"expiry": h.after(2 * time.Hour)}))
		},
	},
	{
		name: "cancel an action", want: events("user.action"), check: phase("cancel"),
		prepare: func(h *herald) call {
			return h.to("DELETE", actionPath+"/"+h.banned(h.user(nil), time.Hour), h.act(object{"comment": "Enough."}))
		},
	},
	{
		name: "the end of an action", want: events("user.action"), check: phase("end"), told: true, nobody: true,
		prepare: func(h *herald) call {
			id := h.banned(h.user(nil), time.Minute)
			return func() (answer apptest.Answer) {
				h.pass(time.Minute)
				if _, err := h.App.Actions().EndDue(h.t.Context()); err != nil {
					h.t.Fatal(err)
				}
				h.Eventually(patience, "the end is announced", func() bool { // the server, too, may have been about to do so
					var r wire.ActionResponse
					answer = h.Call("GET", actionPath+"/"+id, nil)
					answer.Want(200).Decode(&r)
					return r.Action.EndEventSent
				})
				return answer
			}
		},
	},
}
