package app_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// A template that can never be rendered is not stored, and whoever wrote it learns where it is wrong: when it is saved and in its preview.
func TestBadInput_Templates(t *testing.T) {
	t.Parallel()
	const messages, emails = "/api/message/template", "/api/email/template"
	message := func(text, locale string) object {
		return object{"messageTemplate": object{"type": "SMS", "name": "Bad", "defaultTemplate": text, "localizedTemplates": object{locale: "Ihr Code: ${code}"}}}
	}
	email := func(text, locale string) object {
		return object{"emailTemplate": object{
			"name": "Bad", "defaultSubject": "Code", "defaultTextTemplate": text, "defaultHtmlTemplate": "<p>" + text + "</p>",
			"localizedSubjects": object{locale: "Ihr Code"}, "localizedTextTemplates": object{locale: "${code}"}, "localizedHtmlTemplates": object{locale: "${code}"},
		}}
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		before := s.Rows()
		for what, c := range map[string]struct {
			text, says string
		}{
			"an unclosed tag":          {"Code:\n[#if code??]${code}", "Line 2, column 1: #if is never closed"},
			"an unclosed variable":     {"Code: ${code", "Line 1, column 7: ${ is never closed"},
			"?new":                     {`${"freemarker.template.utility.Execute"?new()("id")}`, "?new cannot be used here"},
			"?api":                     {"${user?api.class}", "?api cannot be used here"},
			"#include":                 {"[#include '/etc/passwd']", "#include cannot be used here"},
			"a directive that is none": {"[#lst codes as c]${c}[/#lst]", "did you mean #list?"},
		} {
			for path, body := range map[string]object{messages: message(c.text, "de"), emails: email(c.text, "de")} {
				wantProblem(t, what, s.Call("POST", path, body), 400, c.says)
				wantProblem(t, what+" in a preview", s.Call("POST", path+"/preview", body), 200, c.says)
			}
			// One that is there already stays as it is.
			wantProblem(t, what, s.Call("PATCH", messages+"/"+string(template.TwoFactorSMS), object{"messageTemplate": object{"localizedTemplates": object{"de": c.text}}}), 400, c.says)
			wantProblem(t, what, s.Call("PATCH", emails+"/"+string(template.TwoFactorEmail), object{"emailTemplate": object{"localizedSubjects": object{"de": c.text}}}), 400, c.says)
		}

		for path, make := range map[string]func(text, locale string) object{messages: message, emails: email} {
			for _, locale := range []string{"no_such_language", "xx-YY-zz", "klingon", "../../etc", "de_CH_#Nope", strings.Repeat("de", 100), ""} {
				wantProblem(t, "the locale "+locale, s.Call("POST", path, make("${code}", locale)), 400, "locale")
			}
			unknown := make("${code}", "de")
			unknown["locale"] = "no such language"
			wantProblem(t, "an unknown locale in a preview", s.Call("POST", path+"/preview", unknown), 200, `"no such language" is no locale`)

			// What loops for ever can be told only when it is rendered, so it is the preview that tells.
			for _, text := range []string{"[#list 1.. as i]x[/#list]", "[#list 1.. as i][/#list]", "[#macro m][@m/][/#macro][@m/]", "[#function f][#return f()][/#function]${f()}"} {
				wantProblem(t, text, s.Call("POST", path+"/preview", make(text, "de")), 200, "Line 1, column")
			}
			wantProblem(t, "a missing variable in a preview", s.Call("POST", path+"/preview", make("Code:\n${cod}", "de")), 200, "Line 2, column 3: cod is missing")

			huge := make(strings.Repeat("x", 10<<20), "de")
			for _, call := range [][2]string{{"POST", path}, {"PUT", path + "/" + nowhere}, {"PATCH", path + "/" + nowhere}, {"POST", path + "/preview"}} {
				if a := s.Call(call[0], call[1], huge).Want(413); !slices.Equal(a.Codes(), []string{"[bodyTooLarge]"}) {
					t.Errorf("%s %s with 10 MB: %s", call[0], call[1], a.Body)
				}
			}
			large := make(strings.Repeat("x", 1<<20), "de")
			if a := s.Call("POST", path, large).Want(400); !strings.HasPrefix(a.Codes()[0], "[tooLong]") {
				t.Errorf("%s with 1 MB: %.300s", path, a.Body)
			}
			wantProblem(t, "1 MB in a preview", s.Call("POST", path+"/preview", large), 200, "[tooLong]")
		}
		languages := object{"user": object{"email": "ada@example.com", "password": "a long password", "preferredLanguages": []string{"de", "no such language"}}}
		if a := s.Call("POST", "/api/user", languages).Want(400); !slices.Equal(a.Codes(), []string{"[couldNotConvert]user.preferredLanguages"}) {
			t.Errorf("a user's unknown language: %s", a.Body)
		}
		s.Unchanged(before)
	})
}

// wantProblem checks that an answer says what is wrong.
func wantProblem(t *testing.T, what string, a apptest.Answer, status int, says string) {
	t.Helper()
	quoted := strings.ReplaceAll(says, `"`, `\"`)
	if a.Status != status || !strings.Contains(string(a.Body), quoted) || !strings.Contains(string(a.Body), `"fieldErrors"`) {
		t.Errorf("%s: %d %.600s; want %d and %s", what, a.Status, a.Body, status, quoted)
	}
}

// What is no phone number is refused wherever one is asked for, before anything is sent or stored.
func TestBadInput_PhoneNumbers(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		receiver := egresstest.NewReceiver(t)
		s.Call("PATCH", "/api/tenant/"+string(s.Tenant), object{"tenant": texts(s, object{"url": receiver.URL}, "")}).Want(200)
		s.Call("POST", "/api/user/"+nowhere, user("ada@example.com")).Want(200)
		before := s.Rows()
		for _, number := range []string{
			"call me", "12", "+", "+1", "++491701234567", "+49 170 1234567 extension 5", "+49170\n1234567", "+49170123456701234567", "1701234567x", "ada@example.com", "１７０１２３４５６７", "-1",
		} {
			for path, c := range map[string]struct {
				body object
				code string
			}{
				"/api/two-factor/send":            {object{"userId": nowhere, "method": "sms", "mobilePhone": number}, "[invalid]mobilePhone"},
				"/api/user/two-factor/" + nowhere: {object{"method": "sms", "mobilePhone": number, "code": "123456"}, "[invalid]mobilePhone"},
				"/api/user":                       {object{"user": object{"phoneNumber": number, "password": "a long password"}}, "[invalidPhone]user.phoneNumber"},
				"/api/messenger/test": {
					object{"phoneNumber": number, "messenger": object{"type": "Generic", "url": receiver.URL, "connectTimeout": 1000, "readTimeout": 1000}}, "[invalidPhone]phoneNumber",
				},
			} {
				if number == "+1" && path == "/api/messenger/test" || number == "+49170123456701234567" && path == "/api/messenger/test" {
					continue // in whatever notation: only the network knows
				}
				if a := s.Call("POST", path, c.body); a.Status != 400 || !slices.Equal(a.Codes(), []string{c.code}) {
					t.Errorf("%s with %q: %d %s, want %s", path, number, a.Status, a.Body, c.code)
				}
			}
			if a := s.Call("POST", "/api/user/forgot-password", object{"loginId": number, "loginIdTypes": []string{"phoneNumber"}}); a.Status != 404 {
				t.Errorf("forgotten by %q: %d %s", number, a.Status, a.Body)
			}
		}
		s.Unchanged(before)
		if n := len(receiver.Requests()); n > 0 {
			t.Errorf("the receiver got %d messages", n)
		}
	})
}

// hopeless is a way of sending that cannot work.
type hopeless struct {
	email    bool                                         // or a text message
	settings func(t *testing.T, s *apptest.Server) object // of the tenant

	state    wire.MessageState
	attempts int
	entry    []string // what the Error entry says
}

// texts are the settings for text messages through a messenger, with a template.
func texts(s *apptest.Server, messenger object, text string) object {
	var m wire.MessengerResponse
	all := object{"type": "Generic", "name": "Texts", "connectTimeout": 500, "readTimeout": 200, "headers": object{"X-Api-Key": "planted-api-key"}, "retryUnknown": false}
	for name, value := range messenger {
		all[name] = value
	}
	s.Call("POST", "/api/messenger", object{"messenger": all}).Want(200).Decode(&m)
	code, reset := template.TwoFactorSMS, template.ForgotPasswordSMS
	if text != "" {
		var r wire.MessageTemplateResponse
		s.Call("POST", "/api/message/template", object{"messageTemplate": object{
			"type": "SMS", "name": "Texts", "defaultTemplate": "${code!changePasswordId}", "localizedTemplates": object{"de": text},
		}}).Want(200).Decode(&r)
		code, reset = r.MessageTemplate.ID, r.MessageTemplate.ID
	}
	return object{
		"multiFactorConfiguration": object{"sms": object{"enabled": true, "messengerId": m.Messenger.ID, "templateId": code}},
		"phoneConfiguration":       object{"messengerId": m.Messenger.ID, "forgotPasswordTemplateId": reset},
	}
}

// mails are the settings for e-mails through a mail server.
func mails(host string, port int, more object) object {
	server := object{
		"host": host, "port": port, "username": messengertest.MailUser, "password": messengertest.MailPassword, "defaultFromEmail": "herald@example.com",
		"connectTimeout": 500, "readTimeout": 1000, "forgotPasswordEmailTemplateId": template.ForgotPasswordEmail,
	}
	for name, value := range more {
		server[name] = value
	}
	return object{"multiFactorConfiguration": object{"email": object{"enabled": true, "templateId": template.TwoFactorEmail}}, "emailConfiguration": server}
}

// hopelesses are the ways, by what is wrong with them.
var hopelesses = map[string]hopeless{
	"a missing variable": {
		settings: func(t *testing.T, s *apptest.Server) object {
			return texts(s, object{"url": egresstest.NewReceiver(t).URL}, "Hallo,\nIhr Code, ${user.nickName}: ${code!changePasswordId}")
		},
		state: wire.MessageFailed, entry: []string{`the template "Texts", localizedTemplates[de], line 2, column 13: user.nickName is missing`, "Open the template, render its preview, and correct it."},
	},
	"an endless loop": {
		settings: func(t *testing.T, s *apptest.Server) object {
			return texts(s, object{"url": egresstest.NewReceiver(t).URL}, "${code!changePasswordId}[#list 1.. as i][/#list]")
		},
		state: wire.MessageFailed, entry: []string{"localizedTemplates[de], line 1, column", "did not come to its end", "Open the template"},
	},
	"a macro that calls itself": {
		settings: func(t *testing.T, s *apptest.Server) object {
			return texts(s, object{"url": egresstest.NewReceiver(t).URL}, "[#macro m x]${x}[@m x+x/][/#macro][@m code!changePasswordId/]")
		},
		state: wire.MessageFailed, entry: []string{"localizedTemplates[de], line 1, column", "Open the template"},
	},
	"a certificate for another host": {
		settings: func(t *testing.T, s *apptest.Server) object {
			authority := egresstest.NewAuthority(t)
			receiver := egresstest.NewTLSReceiverWith(t, &tls.Config{Certificates: []tls.Certificate{authority.ServerCertificate("other.example.com")}})
			return texts(s, object{"url": receiver.URL, "sslCertificate": authority.PEM()}, "")
		},
		state: wire.MessageFailed, attempts: 1, entry: []string{`messenger "Texts"`, "tls, ", "not valid for host 127.0.0.1", "Check certificate and security in the messenger"},
	},
	"a certificate that is not the messenger's": {
		settings: func(t *testing.T, s *apptest.Server) object {
			receiver := egresstest.NewTLSReceiver(t, egresstest.NewAuthority(t))
			return texts(s, object{"url": receiver.URL, "sslCertificate": egresstest.NewAuthority(t).PEM()}, "")
		},
		state: wire.MessageFailed, attempts: 1, entry: []string{"tls, ", "unknown authority", "When it has a certificate, no other is trusted."},
	},
	"a receiver that answers too late": {
		settings: func(t *testing.T, s *apptest.Server) object {
			late := make(chan struct{})
			t.Cleanup(func() { close(late) })
			return texts(s, object{"url": egresstest.NewReceiver(t).Script(egresstest.Hold(late, egresstest.Accept())).URL}, "")
		},
		state: wire.MessageUnknown, attempts: 1,
		entry: []string{"may not have arrived", "timeout, ", "read timeout of 200 ms", "raise readTimeout of the messenger", "retryUnknown"},
	},
	"a mail server that refuses the sender": {
		email: true,
		settings: func(t *testing.T, _ *apptest.Server) object {
			office := messengertest.NewPostOffice(t)
			office.Sender = messengertest.Refuse(550, "we do not know herald@example.com")
			return mails(office.Host, office.Port, nil)
		},
		state: wire.MessageFailed, attempts: 1, entry: []string{"the mail server refused the sender: 550", "Check the sender in emailConfiguration of the tenant and in the template"},
	},
	"a mail server that closes before the e-mail": {
		email: true,
		settings: func(t *testing.T, _ *apptest.Server) object {
			host, port := messengertest.NewScript(t, messengertest.Ready, messengertest.EHLO, messengertest.OK, messengertest.OK)
			return mails(host, port, object{"username": ""})
		},
		state: wire.MessageFailed, attempts: 3, entry: []string{"closed the connection instead of an answer about the e-mail", "Look into its own log; debug of emailConfiguration of the tenant shows"},
	},
	"a mail server that closes after the e-mail": {
		email: true,
		settings: func(t *testing.T, _ *apptest.Server) object {
			host, port := messengertest.NewScript(t, messengertest.Ready, messengertest.EHLO, messengertest.OK, messengertest.OK, messengertest.Data, messengertest.WholeMail)
			return mails(host, port, object{"username": ""})
		},
		state: wire.MessageUnknown, attempts: 1, entry: []string{"may not have arrived", "closed the connection instead of an answer about the e-mail", "The recipient can ask for another message."},
	},
	"a mail server without TLS": {
		email: true,
		settings: func(t *testing.T, _ *apptest.Server) object {
			office := messengertest.NewPostOffice(t)
			return mails(office.Host, office.Port, object{"security": "TLS"})
		},
		state: wire.MessageFailed, attempts: 1, entry: []string{"does not offer STARTTLS, and without TLS nothing is sent", "Check certificate and security in emailConfiguration of the tenant"},
	},
	"a mail server whose certificate nobody trusts": {
		email: true,
		settings: func(t *testing.T, _ *apptest.Server) object {
			office := messengertest.NewImplicitTLSPostOffice(t, egresstest.NewAuthority(t).ServerCertificate("127.0.0.1"))
			return mails(office.Host, office.Port, object{"security": "SSL"})
		},
		state: wire.MessageFailed, attempts: 1, entry: []string{"tls, ", "unknown authority", "Check certificate and security in emailConfiguration of the tenant"},
	},
}

// anyCode is a code of the length that the test below sets: longer than instants and phone numbers are.
var anyCode = regexp.MustCompile(`\b\d{14}\b`)

// Whatever is in the way of a message: the caller gets the documented error and learns nothing of messengers, the event log has one Error entry that says what to do, and of
// the second factor and the new password that were to be, nothing is left. The code is nowhere, nor is any password.
func TestBadInput_MessagesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	const phone, mail = "+491701234567", "ada@example.com"
	for _, engine := range dbtest.Engines() {
		for what, way := range hopelesses {
			t.Run(string(engine)+"/"+what, func(t *testing.T) {
				t.Parallel()
				v := newVault(t, engine)
				for what, secret := range map[string]string{
					"password": "planted-password", "messenger header": "planted-api-key", "SMTP password": messengertest.MailPassword,
				} {
					v.plant(what, secret)
				}
				settings := way.settings(t, v.Server)
				settings["messageLimits"] = object{"perRecipient": object{"limit": 1000, "timePeriodInSeconds": 60}}
				settings["externalIdentifierConfiguration"] = object{"twoFactorOneTimeCodeIdGenerator": object{"length": 14, "type": "randomDigits"}}
				v.call("PATCH", "/api/tenant/"+string(v.Tenant), object{"tenant": settings}).Want(200)
				v.call("POST", "/api/user/"+nowhere, object{"user": object{"email": mail, "phoneNumber": phone, "password": "planted-password", "preferredLanguages": []string{"de"}}}).Want(200)
				before := v.Rows()

				send, forgot := object{"userId": nowhere, "method": "sms", "mobilePhone": phone}, object{"loginId": phone, "loginIdTypes": []string{"phoneNumber"}}
				if way.email {
					send, forgot = object{"userId": nowhere, "method": "email", "email": mail}, object{"loginId": mail}
				}
				text := "The message could not be sent. The event log says why."
				if way.state == wire.MessageUnknown {
					text = "It is not known whether the message was sent. The event log says why."
				}
				for _, c := range []struct {
					path, code string
					body       object
				}{{"/api/two-factor/send", "[PushTwoFactorFailed]", send}, {"/api/user/forgot-password", "[MessengerError]", forgot}} {
					key := apptest.Key
					if c.code == "[MessengerError]" {
						key = "" // as a user's browser asks
					}
					a := v.call("POST", c.path, c.body, "Authorization", key)
					if want := fmt.Sprintf(`{"generalErrors":[{"code":"%s","message":"%s"}]}`, c.code, text); a.Status != http.StatusBadRequest || string(a.Body) != want {
						t.Errorf("%s answered %d %s, want 400 %s", c.path, a.Status, a.Body, want)
					}
				}

				entries := v.Strings(`SELECT type || ': ' || message FROM event_log ORDER BY id`)
				if len(entries) != 2 {
					t.Fatalf("entries in the event log: %q", entries)
				}
				for i, purpose := range []string{"(two-factor)", "(forgot-password)"} {
					for _, part := range append(way.entry, "Error: The ", purpose, "What to do: ") {
						if !strings.Contains(entries[i], part) {
							t.Errorf("the entry does not say %q:\n%s", part, entries[i])
						}
					}
				}
				var found wire.MessageSearchResponse
				v.call("GET", "/api/message/log/search", nil).Want(200).Decode(&found)
				for _, m := range found.Messages {
					if m.State != way.state || len(m.Attempts) != way.attempts || m.Failure == "" || m.UserID != nowhere {
						t.Errorf("on record is %+v, want %s after %d attempts", m, way.state, way.attempts)
					}
				}

				// Nothing has begun. Only what may have arrived is still good for something, and only that is announced.
				var tickets, events []string
				if way.state == wire.MessageUnknown {
					tickets, events = []string{"changePassword", "code"}, []string{"user.password.reset.start"}
				}
				if got := v.Strings(`SELECT kind FROM ticket ORDER BY kind`); !slices.Equal(got, tickets) {
					t.Errorf("tickets %v, want %v", got, tickets)
				}
				if got := v.Strings(`SELECT type FROM event WHERE type LIKE 'user.two-factor%' OR type LIKE 'user.password%'`); !slices.Equal(got, events) {
					t.Errorf("events %v, want %v", got, events)
				}
				v.Unchanged(before, "ticket", "event", "event_log", "message", "message_gate", "sqlite_sequence")

				for _, p := range append(v.kept(), v.told...) {
					if code := anyCode.FindString(p.content); code != "" && !strings.HasPrefix(p.name, "file") {
						t.Errorf("%s is in %s", code, p.name)
					}
				}
				v.search(nil)
			})
		}
	}
}
