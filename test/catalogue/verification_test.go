package catalogue

import (
	"net/url"

	"github.com/herald-events/herald/wire"
)

const verifyPath = "/api/identity/verify"

// asked starts the verification of an address or a number and returns its id and its code. Nobody is sent them.
func (h *herald) asked(kind, value string, more ...any) (id, code string) {
	h.t.Helper()
	body := object{"loginIdType": kind, "loginId": value, "verificationStrategy": "FormField"}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	var r wire.VerifyEmailResponse
	h.Call("POST", verifyPath+"/start", body).Want(200).Decode(&r)
	return h.plant(r.VerificationID), h.plant(r.OneTimeCode)
}

// foreseen verifies an address that nobody has yet, and returns the id that proves it.
func (h *herald) foreseen(address string) string {
	h.t.Helper()
	id, code := h.asked("email", address, "existingUserStrategy", "mustNotExist")
	h.Call("POST", verifyPath+"/complete", object{"verificationId": id, "oneTimeCode": code}).Want(200)
	return id
}

// unproved makes a user with a number that waits for its verification, and returns the number.
func (h *herald) unproved() string {
	h.t.Helper()
	h.configure(object{"phoneConfiguration": object{"verifyPhoneNumber": true}})
	number := h.phone()
	h.Call("POST", "/api/user", object{"user": object{"phoneNumber": number}, "sendSetPasswordIdentityType": "doNotSend"}).Want(200)
	return number
}

// unprovedRegistration registers a user for an application that wants proof of it, and returns the id of the verification, which is in the mail by then.
func (h *herald) unprovedRegistration() string {
	h.t.Helper()
	application := h.application(object{"verifyRegistration": true, "verificationEmailTemplateId": h.notice})
	mails := len(h.mail.Mails())
	var r wire.RegistrationResponse
	h.Call("POST", registrationPath+h.user(nil), object{"registration": object{"applicationId": application}}).Want(200).Decode(&r)
	h.sent(mails)
	return h.plant(r.RegistrationVerificationID)
}

// ownAddress asks for an id with which a user verifies the address.
func (h *herald) ownAddress(user string) string {
	h.t.Helper()
	var r wire.VerifyEmailResponse
	h.Call("PUT", "/api/user/verify-email?sendVerifyEmail=false&email="+url.QueryEscape(user+"@example.com"), nil).Want(200).Decode(&r)
	return h.plant(r.VerificationID)
}

var verifications = []scenario{
	{
		name: "verify one's own address", want: events("user.email.verified", "user.identity.verified"), check: verified("Completed"),
		prepare: func(h *herald) call {
			return h.anonymous("POST", "/api/user/verify-email/"+h.ownAddress(h.pending()), nil)
		},
	},
	{
		name: "say that a user's address is verified", want: events("user.email.verified", "user.identity.verified"), check: verified("Administrative"),
		prepare: func(h *herald) call { return h.to("POST", "/api/user/verify-email", object{"userId": h.pending()}) },
	},
	{
		name: "say that an address is verified that is",
		prepare: func(h *herald) call {
			body := object{"userId": h.pending()}
			h.Call("POST", "/api/user/verify-email", body).Want(200)
			return h.to("POST", "/api/user/verify-email", body)
		},
	},
	{
		name: "ask for another id",
		prepare: func(h *herald) call {
			return h.to("PUT", "/api/user/verify-email?sendVerifyEmail=false&email="+h.pending()+"@example.com", nil)
		},
	},
	{
		name: "verify an address with a code", want: events("user.email.verified", "user.identity.verified"), check: verified("Completed"),
		prepare: func(h *herald) call {
			id, code := h.asked("email", h.pending()+"@example.com")
			return h.to("POST", verifyPath+"/complete", object{"verificationId": id, "oneTimeCode": code})
		},
	},
	{
		name: "verify an address with a wrong code", status: 400, keeps: []string{"ticket"},
		prepare: func(h *herald) call {
			id, code := h.asked("email", h.pending()+"@example.com")
			return h.to("POST", verifyPath+"/complete", object{"verificationId": id, "oneTimeCode": code + "x"})
		},
	},
	{
		name: "verify a number with a code", want: events("user.identity.verified"), check: verified("Completed"),
		prepare: func(h *herald) call {
			id, code := h.asked("phoneNumber", h.unproved())
			return h.to("POST", verifyPath+"/complete", object{"verificationId": id, "oneTimeCode": code})
		},
	},
	{
		name: "say that a number is verified", want: events("user.identity.verified"), check: verified("Administrative"),
		prepare: func(h *herald) call {
			return h.to("POST", verifyPath, object{"loginId": h.unproved(), "loginIdType": "phoneNumber"})
		},
	},
	{
		name: "verify an address that nobody has yet", want: events("user.identity.verified"),
		prepare: func(h *herald) call {
			id, code := h.asked("email", h.id()+"@example.com", "existingUserStrategy", "mustNotExist")
			return h.to("POST", verifyPath+"/complete", object{"verificationId": id, "oneTimeCode": code})
		},
		check: func(h *herald, events []object) {
			if e := events[0]; e["user"] != nil || e["linkedObjectId"] != nil || e["loginIdType"] != "email" {
				h.t.Errorf("event %v", e)
			}
		},
	},
	{
		name:  "create a user whose address is verified",
		want:  events("user.create", "user.email.verified", "user.identity.verified", "user.create.complete"),
		check: verified("Completed"),
		prepare: func(h *herald) call {
			body := fresh(h)
			body["verificationIds"] = []string{h.foreseen(body["user"].(object)["email"].(string))}
			return h.to("POST", "/api/user", body)
		},
	},
	{
		name:  "register a new user whose address is verified",
		want:  events("user.create", "user.registration.create", "user.email.verified", "user.identity.verified", "user.create.complete", "user.registration.create.complete"),
		check: verified("Completed"),
		prepare: func(h *herald) call {
			body := fresh(h)
			body["verificationIds"] = []string{h.foreseen(body["user"].(object)["email"].(string))}
			body["registration"] = object{"applicationId": h.shop}
			return h.to("POST", registrationPath+h.id(), body)
		},
	},
	{
		name: "another address that has to be verified", want: events("user.update", "user.update.complete", "user.email.update"),
		prepare: func(h *herald) call {
			id := h.pending()
			return h.to("PATCH", "/api/user/"+id, object{"user": object{"email": "new-" + id + "@example.com"}})
		},
	},
	{
		name: "verify one's own registration", want: events("user.registration.verified"),
		prepare: func(h *herald) call {
			return h.anonymous("POST", "/api/user/verify-registration", object{"verificationId": h.unprovedRegistration()})
		},
		check: func(h *herald, events []object) {
			if r := events[0]["registration"].(object); r["verified"] != true || r["verifiedInstant"] == nil || r["applicationId"] != events[0]["applicationId"] {
				h.t.Errorf("registration %v", r)
			}
		},
	},
	{
		name: "ask for another id of a registration",
		prepare: func(h *herald) call {
			h.unprovedRegistration()
			var u wire.UserResponse
			h.Call("GET", "/api/user/"+h.latest, nil).Want(200).Decode(&u)
			return h.to("PUT", "/api/user/verify-registration?sendVerifyRegistrationEmail=false&email="+u.User.Email+"&applicationId="+string(u.User.Registrations[0].ApplicationID), nil)
		},
	},
	{
		name: "a login with an address that has to be verified", status: 212,
		prepare: func(h *herald) call {
			id := h.pending()
			h.configure(object{"emailConfiguration": object{"unverified": object{"behavior": "Gated"}}})
			return h.to("POST", "/api/login", login(id+"@example.com"))
		},
	},
}
