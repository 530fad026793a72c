package twofactor_test

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/wire"
)

// postOffice is a mail server that takes nothing in clear.
func postOffice(t *testing.T, authority *egresstest.Authority) *messengertest.PostOffice {
	t.Helper()
	office := messengertest.NewTLSPostOffice(t, authority.ServerCertificate("127.0.0.1"))
	office.Sender = messengertest.WantTLS
	return office
}

// after is what follows the mark in the latest mail.
func after(t *testing.T, office *messengertest.PostOffice, mark string) string {
	t.Helper()
	text := office.Last(t).Open(t).Text
	_, found, ok := strings.Cut(text, mark)
	if !ok {
		t.Fatalf("%q is not in the mail: %s", mark, text)
	}
	return found
}

func TestEmail_FromTheFirstCodeToANewPassword(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		authority := egresstest.NewAuthority(t)
		office := postOffice(t, authority)
		template := func(name, text string) wire.ID {
			var r wire.EmailTemplateResponse
			h.Call("POST", "/api/email/template", object{"emailTemplate": object{
				"name": name, "defaultSubject": name, "defaultTextTemplate": text, "defaultHtmlTemplate": "<p>" + text + "</p>",
			}}).Want(200).Decode(&r)
			return r.EmailTemplate.ID
		}
		h.configure(object{
			"multiFactorConfiguration": object{"email": object{"enabled": true, "templateId": template("Code by mail", "Your code is ${code}")}},
			"emailConfiguration": object{
				"host": "127.0.0.1", "port": office.Port, "security": "TLS", "sslCertificate": authority.PEM(), "defaultFromEmail": "herald@example.com",
				"verifyEmail": true, "verifyEmailWhenChanged": true, "forgotPasswordEmailTemplateId": template("Forgot by mail", "Your id is ${changePasswordId}"),
			},
		})
		const address = "countess@example.com"
		h.Call("PATCH", "/api/user/"+ada, object{"user": object{"email": address}}).Want(200)
		wantCodes(t, h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "email", "email": "x"}), "[notEmail]email")
		h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "email", "email": "Countess@Example.com"}).Want(200)
		code := after(t, office, "Your code is ")
		wantCodes(t, h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "email", "email": mail, "code": code}), "[mismatch]email")
		h.published()
		h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "email", "email": address, "code": code}).Want(200)
		h.wantEvents("enabling", "user.email.verified", "user.identity.verified", "user.two-factor.method.add")
		u := h.user()
		if !u.Verified || u.VerifiedInstant == 0 {
			t.Errorf("the address is not verified: %+v", u)
		}

		started := h.start("trustChallenge", "why")
		h.anonymous("POST", "/api/two-factor/send/"+started.TwoFactorID, object{"methodId": u.TwoFactor.Methods[0].ID}).Want(200)
		second := after(t, office, "Your code is ")
		h.login(started.TwoFactorID, wrong(second)).Want(421)
		var login wire.LoginResponse
		h.login(started.TwoFactorID, second).Want(200).Decode(&login)
		if e := h.last("user.two-factor.success"); e.Method != "email" || e.MessageType != "" {
			t.Errorf("success by %v %q", e.Method, e.MessageType)
		}

		h.published()
		h.anonymous("POST", "/api/user/forgot-password", object{"loginId": address}).Want(200)
		id := after(t, office, "Your id is ")
		h.wantEvents("forgot", "user.password.reset.start", "user.password.reset.send")
		h.anonymous("POST", "/api/user/change-password/"+id, object{
			"password": "battery staple", "trustToken": login.TrustToken, "trustChallenge": "why",
		}).Want(200)
		h.wantEvents("change", "user.password.update", "user.password.reset.success")
		h.nowhere(" "+code, " "+second, id, login.TrustToken)
	})
}
