package app_test

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/twofactor/twofactortest"
	"github.com/herald-events/herald/wire"
)

// TestSecrets plants a secret of every kind, lets all happen that can happen to it, failures above all, and then looks for it in all that the server keeps and tells: every
// column of every table, the files of the store, the log, every answer, every event that a webhook gets.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := &secretStory{vault: newVault(t, engine, quickRetries)}
			s.keys()
			s.webhooks()
			s.sinks()
			s.tenantAndUser()
			s.clients()
			s.messengers()
			s.secondFactors()
			s.newPasswords()
			s.messagesThatFail()
			s.verifications()
			s.logins()
			s.mistakes()
			s.records()
			s.search(s.heard(), secretsThatMayBeRead...)
		})
	}
}

// secretsThatMayBeRead are all places where a secret stands on purpose. That one reaches the receiver that it is for needs no permit: what is sent to receivers of messages, and the
// headers that webhooks get, are no places that are searched.
var secretsThatMayBeRead = []permit{
	{"API key", "answer POST /api/api-key 200", "shown when it is made; afterwards only its hash is left"},
	{"retrievable API key", "answer (POST|GET) /api/api-key.* 200", "the caller asked for a key that can be shown again; it is sealed at rest"},
	{"(webhook (password|header).*|private key for a webhook)", "answer (POST|GET) /api/webhook.* 200", "compatible: who manages webhooks sees their credentials; they are sealed at rest"},
	{"token in the URL of a webhook", "answer (POST|GET) /api/webhook.* 200|table webhook.document", "webhooks are searched by their URL, so it stands in clear; credentials belong into headers"},
	{
		"(messenger (password|header).*|private key for a messenger|Twilio token)", "answer (POST|GET) /api/messenger.* 200",
		"compatible: who manages messengers sees their credentials; they are sealed at rest",
	},
	{"token in the URL of a messenger", "answer (POST|GET) /api/messenger.* 200|table messenger.document", "as that of a webhook"},
	{"(captcha key|private key for the mail server)", "answer (PATCH|GET) /api/tenant/{} 200", "clients compare what they read with what they sent; sealed at rest. The SMTP password is not among them"},
	{"client secret|secret of an identity provider|password of a connector", "answer POST /api/(application|identity-provider|connector)(/{})? 200", "compatible; sealed at rest"},
	{"authenticator secret", "answer GET /api/two-factor/secret 200", "has just been made, for the app to scan; nothing is stored yet"},
	{"recovery code", "answer POST /api/user/two-factor.* 200", "shown to the user this once"},
	{"two-factor id|code (that was given out|of the caller)", "answer POST /api/two-factor/start 200", "the caller is a trusted one, with an API key, and may deliver the code itself"},
	{"two-factor id", "answer POST /api/login 242", "the first factor was right; now the second one is wanted"},
	{"trust token", "answer POST /api/two-factor/login 200", "the proof of the second factor, for the one who has just given it"},
	{"trusted computer", "answer POST /api/two-factor/login 200", "for the computer that asked for it"},
	{"trusted computer", "answer (GET|POST) /api/two-factor/status.* 200", "repeats what the caller has sent"},
	{"change-password id of the caller", "answer POST /api/user/forgot-password 200", "repeats what the caller has sent, who has an API key"},
	{"change-password id", "answer POST /api/two-factor/login 203", "the login goes on with the choice of another password"},
	{
		"verification (id|code)", "answer (POST /api/user/registration|POST /api/identity/verify/start|PUT /api/user/verify-(email|registration)|GET /api/user).* 200",
		"the caller is a trusted one, with an API key, and may deliver them itself",
	},
	{"verification id", "answer POST /api/login 21[23]", "for the form in which the user types the code of the message in"},
	{"(access|refresh) token", "answer POST /(api/(login|jwt/refresh|passwordless/login)|oauth2/token) 200", "for the one who has just proved who he is"},
	{"(access|refresh) token", "event jwt.refresh", "as documented: its webhooks are trusted with tokens"},
	{"(access|refresh) token", "table event.body|file .*", "the event is delivered as it was, for as long as that may take; the log shows it without tokens"},
	{"passwordless code", "answer POST /api/passwordless/start 200", "the caller has an API key, and may deliver the code itself"},
	{"(salt|hash) of an import", "table users.password_hash|file .*", "what passwords are checked against; in no answer and no event"},
	{"given secret of an entity", "answer (POST|GET) /api/entity/{} 200", "compatible: who manages entities sees their credentials; sealed at rest"},
	{"token of a link", "answer (POST|GET) /api/identity-provider/link 200", "compatible: who manages links acts for the account; sealed at rest"},
	{"one-time password", "answer POST /api/user/change-password.* 200", "logs the one in who has just chosen a password"},
}

// secretStory is a vault with everybody on the other side.
type secretStory struct {
	*vault

	listener *egresstest.Receiver // a webhook that hears everything
	echo     *egresstest.Receiver // a webhook that refuses everything, and says all it was sent
	sms      *egresstest.Receiver
	twilio   *messengertest.Twilio
	office   *messengertest.PostOffice

	generic, viaTwilio, slow wire.ID // messengers
	mail                     object  // the e-mail configuration
}

const (
	secretUser  = "a0000000-0000-4000-8000-00000000000a"
	secretMail  = "ada@example.com"
	secretPhone = "+491701234567"
)

// odd is a new secret with the characters that some encoding or other writes in its own way.
func (s *secretStory) odd(what string) string {
	return s.plant(what, rand.Text()[:10]+`"\<&>+/=%`+rand.Text()[:10])
}

// even is a new secret of letters and digits.
func (s *secretStory) even(what string) string { return s.plant(what, rand.Text()) }

// basic plants what HTTP makes of a user name and a password.
func (s *secretStory) basic(what, username, password string) {
	s.plant(what+" as HTTP sends it", base64.StdEncoding.EncodeToString([]byte(username+":"+password)))
}

// client is a certificate with its private key, for a receiver that asks for one. The lines of the key are planted.
func (s *secretStory) client(what string, authority *egresstest.Authority) (pem string) {
	pem = authority.ClientPEM("herald")
	_, private, _ := strings.Cut(pem, "PRIVATE KEY-----\n")
	for _, line := range strings.Split(private, "\n")[:2] { // the last one is short
		s.plant(what, line)
	}
	return pem
}

// keys are the keys of callers, and those that sign.
func (s *secretStory) keys() {
	plain, shown, unknown := s.odd("API key"), s.even("retrievable API key"), s.even("API key that is none")
	s.call("POST", "/api/api-key", object{"apiKey": object{"name": "plain", "key": plain, "retrievable": false}}).Want(200)
	s.call("POST", "/api/api-key", object{"apiKey": object{"name": "plain again", "key": plain}}).Want(400)
	var k wire.APIKeyResponse
	s.call("POST", "/api/api-key", object{"apiKey": object{"name": "shown", "key": shown, "retrievable": true}}).Want(200).Decode(&k)
	s.call("GET", "/api/api-key/"+string(k.APIKey.ID), nil).Want(200)
	s.call("PUT", "/api/api-key/"+string(k.APIKey.ID), object{"apiKey": object{"name": "shown", "key": s.even("API key")}}).Want(400)
	s.call("GET", "/api/tenant", nil, "Authorization", plain).Want(200)
	s.call("GET", "/api/tenant", nil, "Authorization", unknown).Want(401)

	s.call("POST", "/api/key/import", object{"key": object{"name": "hmac", "algorithm": "HS256", "secret": s.odd("HMAC secret")}}).Want(200)
	pair := s.client("private key that signs", egresstest.NewAuthority(s.t))
	at := strings.Index(pair, "-----BEGIN PRIVATE")
	s.call("POST", "/api/key/import", object{"key": object{"name": "pair", "privateKey": pair[at:], "certificate": pair[:at]}}).Want(200)
	s.call("POST", "/api/key/import", object{"key": object{"name": "pair", "privateKey": pair[at:], "certificate": pair[at:]}}).Want(400)
	s.call("GET", "/api/key", nil).Want(200)
}

// tenantAndUser has a tenant with a mail server, and a German user who can be reached in every way.
func (s *secretStory) tenantAndUser() {
	authority := egresstest.NewAuthority(s.t)
	s.office = messengertest.NewTLSPostOffice(s.t, authority.ServerCertificate("127.0.0.1"))
	s.office.Sender, s.office.Password = messengertest.WantTLS, s.odd("SMTP password")
	for _, form := range []string{s.office.Username + "\x00" + s.office.Password, "\x00" + s.office.Username + "\x00" + s.office.Password} {
		s.plant("SMTP login", base64.StdEncoding.EncodeToString([]byte(form)))
	}
	s.mail = object{
		"host": s.office.Host, "port": s.office.Port, "security": "TLS", "username": s.office.Username, "password": s.office.Password, "debug": true,
		"sslCertificate": authority.PEM() + s.client("private key for the mail server", authority), "defaultFromEmail": "herald@example.com", "readTimeout": 3000,
		"forgotPasswordEmailTemplateId": template.ForgotPasswordEmail, "verifyEmail": true, "verifyEmailWhenChanged": true,
	}
	s.configure(object{
		"emailConfiguration":              s.mail,
		"captchaConfiguration":            object{"enabled": false, "secretKey": s.odd("captcha key")},
		"messageLimits":                   object{"perRecipient": object{"limit": 1000, "timePeriodInSeconds": 60}},
		"externalIdentifierConfiguration": object{"twoFactorOneTimeCodeIdGenerator": object{"length": 10, "type": "randomDigits"}},
	})
	s.call("GET", "/api/tenant/"+string(s.Tenant), nil).Want(200)
	s.call("POST", "/api/user/"+secretUser, object{"user": object{
		"email": secretMail, "phoneNumber": secretPhone, "password": s.odd("password"), "preferredLanguages": []string{"de"},
	}}).Want(200)
}

func (s *secretStory) configure(members object) {
	s.t.Helper()
	s.call("PATCH", "/api/tenant/"+string(s.Tenant), object{"tenant": members}, "Content-Type", "application/merge-patch+json").Want(200)
}

// clients are those that Herald keeps credentials for.
func (s *secretStory) clients() {
	secret := s.odd("client secret")
	s.call("POST", "/api/application", object{"application": object{"name": "Shop", "oauthConfiguration": object{"clientSecret": secret}}}).Want(200)
	s.call("POST", "/api/identity-provider", object{"identityProvider": object{
		"type": "OpenIDConnect", "name": "Corporate", "enabled": true, "oauth2": object{"client_id": "c", "client_secret": s.odd("secret of an identity provider")},
	}}).Want(200)
	s.call("POST", "/api/connector", object{"connector": object{
		"type": "LDAP", "name": "LDAP", "connectTimeout": 1000, "readTimeout": 1000, "systemAccountPassword": s.odd("password of a connector"),
	}}).Want(200)
}

// webhooks are two that want everything. One refuses it and says what it was sent, in the body as well as in the headers.
func (s *secretStory) webhooks() {
	var types, tenantTypes []string
	enabled := object{}
	for _, d := range event.All() {
		types = append(types, string(d.Type))
		enabled[string(d.Type)] = true
		if d.Scope == event.ScopeTenant {
			tenantTypes = append(tenantTypes, string(d.Type))
		}
	}
	s.Enable(wire.None, tenantTypes...)
	s.listener = egresstest.NewReceiver(s.t)
	s.Subscribe(s.listener.URL, types)

	authority, clients := egresstest.NewAuthority(s.t), egresstest.NewAuthority(s.t)
	s.echo = egresstest.NewMutualTLSReceiver(s.t, authority, clients).Script(egresstest.Handle(echo(http.StatusInternalServerError)))
	password := s.odd("webhook password")
	s.basic("webhook password", "herald", password)
	var w wire.WebhookResponse
	s.call("POST", "/api/webhook", object{"webhook": object{
		"url": s.echo.URL + "/hook?token=" + s.even("token in the URL of a webhook"), "global": true, "connectTimeout": 1000, "readTimeout": 5000, "eventsEnabled": enabled,
		"headers": object{"X-Api-Key": s.even("webhook header"), "Authorization-2": "Bearer " + s.even("webhook header with a scheme")}, "httpAuthenticationUsername": "herald", "httpAuthenticationPassword": password,
		"sslCertificate": authority.PEM() + s.client("private key for a webhook", clients), "retryConfiguration": object{"delays": []int{}},
	}}).Want(200).Decode(&w)
	s.call("GET", "/api/webhook/"+string(w.Webhook.ID), nil).Want(200)
	s.call("POST", "/api/webhook/"+string(w.Webhook.ID)+"/test", object{"type": "user.create"}).Want(200)
}

// sinks are one of each type that logs in: where nobody is, and where somebody says all he was sent.
func (s *secretStory) sinks() {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = echo.Close() })
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { // as Redis would refuse it
				defer c.Close()
				buffer := make([]byte, 64<<10)
				for {
					n, err := c.Read(buffer)
					if err != nil {
						return
					}
					_, _ = c.Write([]byte("-ERR " + strings.ReplaceAll(string(buffer[:n]), "\r\n", " ") + "\r\n"))
				}
			}()
		}
	}()
	client := s.client("private key for a sink", egresstest.NewAuthority(s.t))
	at := strings.Index(client, "-----BEGIN PRIVATE")
	for _, address := range []string{"127.0.0.1:1", echo.Addr().String()} {
		for kind, settings := range map[string]object{
			"kafka": {"topic": "t", "producer": object{
				"bootstrap.servers": address, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
				"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="herald" password="` + s.even("password of a sink") + `";`,
			}},
			"nats":     {"servers": []string{address}, "subject": "s", "token": s.odd("token of a sink"), "tls": object{"enabled": true, "certificate": client}},
			"rabbitmq": {"address": address, "exchange": "e", "username": "herald", "password": s.odd("password of a sink")},
			"redis":    {"address": address, "stream": "s", "username": "herald", "password": s.odd("password of a sink")},
		} {
			sink := object{"name": kind + " at " + address, "type": kind, kind: settings, "connectTimeout": 300}
			var r wire.SinkResponse
			s.call("POST", "/api/sink", object{"sink": sink}).Want(200).Decode(&r)
			id := string(r.Sink.ID)
			s.call("GET", "/api/sink/"+id, nil).Want(200)
			s.call("PUT", "/api/sink/"+id, object{"sink": sink}).Want(200)
			s.call("POST", "/api/sink/"+id+"/test", object{"type": "user.create"}).Want(200)
			sink["type"] = "file"
			s.call("PUT", "/api/sink/"+id, object{"sink": sink}).Want(400)
		}
	}
	s.call("GET", "/api/sink", nil).Want(200)
	s.call("PUT", "/api/integration", object{"integrations": object{"kafka": object{"enabled": false, "producer": object{
		"security.protocol": "SSL", "ssl.truststore.certificates": client[:at], "ssl.keystore.certificate.chain": client[:at], "ssl.keystore.key": client[at:],
	}}}}).Want(200)
	s.call("PATCH", "/api/integration", object{"integrations": object{"kafka": object{"producer": object{"ssl.key.password": s.odd("password of a sink")}}}}).Want(400)
}

// echo answers with all it was sent.
func echo(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		for name, values := range q.Header {
			if !strings.ContainsAny(strings.Join(values, ""), "\r\n") {
				w.Header().Set("X-Echo-"+name, strings.Join(values, ", "))
			}
		}
		w.Header().Set("X-Echo-Url", q.URL.String())
		w.WriteHeader(status)
		username, password, _ := q.BasicAuth()
		_ = json.NewEncoder(w).Encode(object{"url": q.URL.String(), "headers": q.Header, "username": username, "password": password})
		_ = q.Write(w) // the request as it came, form or JSON
	}
}

// messengers are one of each type, and one that never answers.
func (s *secretStory) messengers() {
	authority, clients := egresstest.NewAuthority(s.t), egresstest.NewAuthority(s.t)
	s.sms = egresstest.NewMutualTLSReceiver(s.t, authority, clients)
	password := s.odd("messenger password")
	s.basic("messenger password", "herald", password)
	generic := object{
		"type": "Generic", "name": "Own", "url": s.sms.URL + "/sms?token=" + s.even("token in the URL of a messenger"), "connectTimeout": 1000, "readTimeout": 5000, "debug": true, "includeCode": true,
		"headers":                    object{"X-Api-Key": s.odd("messenger header"), "Authorization-2": "Bearer " + s.even("messenger header with a scheme")},
		"httpAuthenticationUsername": "herald", "httpAuthenticationPassword": password, "sslCertificate": authority.PEM() + s.client("private key for a messenger", clients),
	}
	s.generic = s.create(generic)
	s.call("GET", "/api/messenger/"+string(s.generic), nil).Want(200)
	s.call("GET", "/api/messenger", nil).Want(200)
	generic["name"], generic["url"], generic["readTimeout"] = "Slow", egresstest.NewReceiver(s.t).Script(egresstest.Hang()).URL+"/sms", 100
	s.slow = s.create(generic)

	s.twilio = messengertest.NewTwilio(s.t)
	s.plant("Twilio token", messengertest.TwilioToken)
	s.basic("Twilio token", messengertest.TwilioSID, messengertest.TwilioToken)
	s.viaTwilio = s.create(object{
		"type": "Twilio", "name": "Twilio", "url": s.twilio.URL, "accountSID": messengertest.TwilioSID, "authToken": messengertest.TwilioToken, "fromPhoneNumber": "+15005550006", "debug": true,
	})
}

func (s *secretStory) create(messenger object) wire.ID {
	s.t.Helper()
	var m wire.MessengerResponse
	s.call("POST", "/api/messenger", object{"messenger": messenger}).Want(200).Decode(&m)
	return m.Messenger.ID
}

// through makes a messenger and templates the ones for second factors and forgotten passwords.
func (s *secretStory) through(messenger, code wire.ID) {
	s.t.Helper()
	s.configure(object{
		"multiFactorConfiguration": object{
			"sms":           object{"enabled": true, "messengerId": messenger, "templateId": code},
			"email":         object{"enabled": true, "templateId": template.TwoFactorEmail},
			"authenticator": object{"enabled": true, "codeLength": 8},
		},
		"phoneConfiguration": object{"messengerId": messenger, "forgotPasswordTemplateId": template.ForgotPasswordSMS},
	})
}

var (
	longCode  = regexp.MustCompile(`\b\d{10}\b`)
	idOfReset = regexp.MustCompile(`/password/change/([\w-]{43})`)
)

// texted plants the code, or the id, of the latest text message.
func (s *secretStory) texted(what string, form *regexp.Regexp) string {
	s.t.Helper()
	all := s.sms.Requests()
	var m struct{ TextMessage string }
	if err := json.Unmarshal(all[len(all)-1].Body, &m); err != nil {
		s.t.Fatal(err)
	}
	return s.plant(what, cut(s.t, form, m.TextMessage))
}

// mailed plants the code, or the id, of the latest e-mail.
func (s *secretStory) mailed(what string, form *regexp.Regexp) string {
	s.t.Helper()
	return s.plant(what, cut(s.t, form, s.office.Last(s.t).Open(s.t).Text))
}

// cut returns what the form finds, or its group.
func cut(t *testing.T, form *regexp.Regexp, text string) string {
	t.Helper()
	found := form.FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("there is no %s in %q", form, text)
	}
	return found[len(found)-1]
}

// secondFactors are switched on, used and switched off, in all ways.
func (s *secretStory) secondFactors() {
	s.through(s.generic, template.TwoFactorSMS)
	enable := func(claim object, code string) (r wire.TwoFactorResponse) {
		s.t.Helper()
		claim["code"] = code
		s.call("POST", "/api/user/two-factor/"+secretUser, claim).Want(200).Decode(&r)
		for _, recovery := range r.RecoveryCodes {
			s.plantRecovery(recovery)
		}
		return r
	}

	sms := object{"userId": secretUser, "method": "sms", "mobilePhone": secretPhone}
	s.call("POST", "/api/two-factor/send", sms).Want(200)
	code := s.texted("code that was sent", longCode)
	s.call("POST", "/api/user/two-factor/"+secretUser, object{"method": "sms", "mobilePhone": secretPhone, "code": s.plant("code that was wrong", "0123498765")}).Want(421)
	recovery := enable(sms, code).RecoveryCodes
	email := object{"userId": secretUser, "method": "email", "email": secretMail}
	s.call("POST", "/api/two-factor/send", email).Want(200)
	enable(email, s.mailed("code that was sent", longCode))
	app := s.newApp()
	enable(object{"method": "authenticator", "secret": base64.StdEncoding.EncodeToString(app)}, s.shown(app, 0))

	// Logins: with a code that the caller brings, that is sent, that the app shows, from the paper.
	methods := s.methods()
	login := s.start(object{"code": s.even("code of the caller")})
	s.finish(login.TwoFactorID, login.Code, object{"trustComputer": true})
	login = s.start(object{"trustChallenge": s.even("trust challenge")})
	s.anonymous("POST", "/api/two-factor/send/"+login.TwoFactorID, object{"methodId": methods["email"]}).Want(200)
	code = s.mailed("code that was sent", longCode)
	for range 3 {
		s.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": login.TwoFactorID, "code": "0123498765"}).Want(421)
	}
	s.finish(login.TwoFactorID, code, object{"newDevice": true})
	s.finish(s.start(object{}).TwoFactorID, s.shown(app, 30*time.Second), nil)
	s.finish(s.start(object{}).TwoFactorID, strings.ToLower(recovery[0]), nil)

	// What is tried too often, and what is thrown away.
	login = s.start(object{})
	for range 5 {
		s.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": login.TwoFactorID, "code": "0123498765"}).Want(421)
	}
	s.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": login.TwoFactorID, "code": login.Code}).Want(404)
	s.call("DELETE", "/api/user/two-factor/"+secretUser+"?methodId="+methods["sms"]+"&code=0123498765", nil).Want(421)
	var renewed wire.TwoFactorRecoveryCodeResponse
	s.call("POST", "/api/user/two-factor/recovery-code/"+secretUser, nil).Want(200).Decode(&renewed)
	for _, recovery := range renewed.RecoveryCodes {
		s.plantRecovery(recovery)
	}
	s.call("GET", "/api/user/two-factor/recovery-code/"+secretUser, nil).Want(200)
	s.call("DELETE", "/api/user/two-factor/"+secretUser+"?methodId="+methods["authenticator"]+"&code="+renewed.RecoveryCodes[0], nil).Want(200)

	// Some are needed for what comes.
	app = s.newApp()
	enable(object{"method": "authenticator", "secretBase32Encoded": base32.StdEncoding.EncodeToString(app)}, s.shown(app, 0))
	s.call("POST", "/api/two-factor/send", object{"userId": secretUser, "method": "sms", "mobilePhone": secretPhone}).Want(200)
	enable(sms, s.texted("code that was sent", longCode))
}

// newApp is the secret of an authenticator app.
func (s *secretStory) newApp() []byte {
	s.t.Helper()
	var made wire.TwoFactorSecretResponse
	s.call("GET", "/api/two-factor/secret", nil).Want(200).Decode(&made)
	raw, err := base64.StdEncoding.DecodeString(made.Secret)
	if err != nil {
		s.t.Fatal(err)
	}
	s.plant("authenticator secret", string(raw), made.SecretBase32Encoded)
	return raw
}

// shown is the code that an app shows after a while.
func (s *secretStory) shown(app []byte, after time.Duration) string {
	return s.plant("authenticator code", twofactortest.AppCode(app, 8, time.Now().Add(after)))
}

func (s *secretStory) plantRecovery(code string) {
	bare := strings.ReplaceAll(code, "-", "")
	s.plant("recovery code", code, bare, strings.ToLower(code), strings.ToLower(bare))
}

// methods are the ids of the user's second factors by their kinds.
func (s *secretStory) methods() map[string]string {
	s.t.Helper()
	var u wire.UserResponse
	s.call("GET", "/api/user/"+secretUser, nil).Want(200).Decode(&u)
	ids := map[string]string{}
	for _, m := range u.User.TwoFactor.Methods {
		ids[m.Method] = m.ID
	}
	return ids
}

func (s *secretStory) start(request object) (r wire.TwoFactorStartResponse) {
	s.t.Helper()
	request["userId"] = secretUser
	s.call("POST", "/api/two-factor/start", request).Want(200).Decode(&r)
	s.plant("two-factor id", r.TwoFactorID)
	s.plant("code that was given out", r.Code)
	return r
}

// finish completes a login and returns its trust token.
func (s *secretStory) finish(id, code string, more object) string {
	s.t.Helper()
	request := object{"twoFactorId": id, "code": code}
	for name, value := range more {
		request[name] = value
	}
	a := s.anonymous("POST", "/api/two-factor/login", request)
	var r wire.LoginResponse
	a.Decode(&r)
	if a.Status != 200 {
		s.t.Fatalf("the login answered %d: %s", a.Status, a.Body)
	}
	if r.TwoFactorTrustID != "" {
		s.plant("trusted computer", r.TwoFactorTrustID)
		s.call("GET", "/api/two-factor/status/"+r.TwoFactorTrustID+"?userId="+secretUser, nil).Want(200)
		s.call("POST", "/api/two-factor/status", object{"userId": secretUser, "twoFactorTrustId": r.TwoFactorTrustID}).Want(200)
	}
	if r.TrustToken != "" {
		s.plant("trust token", r.TrustToken)
	}
	return r.TrustToken
}

// newPasswords are chosen in all ways.
func (s *secretStory) newPasswords() {
	const forgot, change = "/api/user/forgot-password", "/api/user/change-password"
	byPhone := object{"loginId": secretPhone, "loginIdTypes": []string{"phoneNumber"}}
	s.anonymous("POST", forgot, byPhone).Want(200)
	id := s.texted("change-password id", idOfReset)
	s.anonymous("GET", change+"/"+id, nil).Want(400) // there is a second factor
	challenge := s.even("trust challenge")
	login := s.start(object{"trustChallenge": challenge})
	token := s.finish(login.TwoFactorID, login.Code, nil)
	s.anonymous("GET", change+"?changePasswordId="+id+"&trustToken="+token+"&trustChallenge="+challenge, nil).Want(200)
	s.anonymous("POST", change+"/"+id, object{"password": s.even("new password"), "trustToken": token, "trustChallenge": "another"}).Want(400)
	password := s.odd("new password")
	var r wire.ChangePasswordResponse
	s.anonymous("POST", change+"/"+id, object{"password": password, "trustToken": token, "trustChallenge": challenge}).Want(200).Decode(&r)
	s.plant("one-time password", r.OneTimePassword)
	s.anonymous("POST", change+"/"+id, object{"password": s.even("new password")}).Want(404)

	s.anonymous("POST", forgot, object{"loginId": secretMail}).Want(200)
	id = s.mailed("change-password id", idOfReset)
	s.call("POST", change, object{"changePasswordId": id, "password": s.odd("new password"), "currentPassword": s.odd("current password")}).Want(400)
	s.call("POST", change, object{"changePasswordId": id, "password": s.odd("new password"), "currentPassword": password}).Want(200).Decode(&r)
	s.plant("one-time password", r.OneTimePassword)

	own := s.even("change-password id of the caller")
	s.call("POST", forgot, object{"loginId": secretMail, "changePasswordId": own, "sendForgotPasswordMessage": true}).Want(200)
	s.call("POST", change+"/"+own, object{"password": s.odd("new password")}).Want(200).Decode(&r)
	s.plant("one-time password", r.OneTimePassword)
	s.call("POST", change, object{"loginId": secretMail, "password": s.odd("new password")}).Want(200)
	password = s.odd("new password")
	s.call("PATCH", "/api/user/"+secretUser, object{"user": object{"password": password}}).Want(200)
	var asked wire.LoginResponse
	s.call("POST", "/api/login", object{"loginId": secretMail, "password": password}).Want(242).Decode(&asked)
	s.plant("two-factor id", asked.TwoFactorID)

	// A login may end with such an id, too.
	s.call("PATCH", "/api/user/"+secretUser, object{"user": object{"passwordChangeRequired": true}}).Want(200)
	login = s.start(object{})
	var l wire.LoginResponse
	s.anonymous("POST", "/api/two-factor/login", object{"twoFactorId": login.TwoFactorID, "code": login.Code}).Want(203).Decode(&l)
	s.plant("change-password id", l.ChangePasswordID)
	s.call("PATCH", "/api/user/"+secretUser, object{"user": object{"passwordChangeRequired": false}}).Want(200)
}

// messagesThatFail are told about in every record there is. Their receivers say what they were sent.
func (s *secretStory) messagesThatFail() {
	sms := s.methods()["sms"]
	toPhone := object{"userId": secretUser, "methodId": sms}
	toMail := object{"userId": secretUser, "method": "email", "email": secretMail}
	refused := func(a apptest.Answer) {
		s.t.Helper()
		a.Want(400)
	}
	byPhone := object{"loginId": secretPhone, "loginIdTypes": []string{"phoneNumber"}}

	// A receiver that fails, one that refuses, and one that speaks no HTTP.
	for _, step := range []egresstest.Step{
		egresstest.Handle(echo(http.StatusInternalServerError)), egresstest.Handle(echo(http.StatusForbidden)), egresstest.Handle(func(w http.ResponseWriter, q *http.Request) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = q.Write(c)
				_ = c.Close()
			}
		}),
	} {
		s.sms.Script(step)
		refused(s.call("POST", "/api/two-factor/send", toPhone))
		s.texted("code that was not sent", longCode)
		refused(s.anonymous("POST", "/api/user/forgot-password", byPhone))
		s.texted("change-password id that was not sent", idOfReset)
	}
	s.call("POST", "/api/messenger/"+string(s.generic)+"/test", object{"phoneNumber": secretPhone}).Want(200)
	s.call("POST", "/api/messenger/test", object{"phoneNumber": secretPhone, "messenger": object{
		"type": "Generic", "name": "Tried", "url": egresstest.NewReceiver(s.t).Script(egresstest.Handle(echo(http.StatusBadGateway))).URL, "connectTimeout": 1000, "readTimeout": 5000,
		"debug": true, "headers": object{"X-Api-Key": s.even("header of a messenger that is tried")},
	}}).Want(200)
	s.sms.Script()

	// One that does not answer.
	s.through(s.slow, template.TwoFactorSMS)
	refused(s.call("POST", "/api/two-factor/send", toPhone))

	// Twilio, which repeats the message in its answer anyhow.
	s.through(s.viaTwilio, template.TwoFactorSMS)
	s.call("POST", "/api/two-factor/send", toPhone).Want(200)
	forms := s.twilio.Forms()
	s.plant("code that was sent", cut(s.t, longCode, forms[len(forms)-1].Get("Body")))
	s.twilio.Script(egresstest.Handle(echo(http.StatusUnauthorized)))
	refused(s.call("POST", "/api/two-factor/send", toPhone))

	// A template that stumbles over the code itself.
	var broken wire.MessageTemplateResponse
	s.call("POST", "/api/message/template", object{"messageTemplate": object{
		"type": "SMS", "name": "Broken", "defaultTemplate": "${code} ${code.nothing} ${(code + 'x')?number}",
	}}).Want(200).Decode(&broken)
	s.through(s.generic, broken.MessageTemplate.ID)
	refused(s.call("POST", "/api/two-factor/send", toPhone))
	s.call("PATCH", "/api/message/template/"+string(broken.MessageTemplate.ID), object{"messageTemplate": object{"defaultTemplate": "${(code + 'x')?number}"}}).Want(200)
	refused(s.call("POST", "/api/two-factor/send", toPhone))
	s.through(s.generic, template.TwoFactorSMS)

	// A mail server that refuses the e-mail with all of it, and one that refuses the login with the password.
	s.office.Content = func(m messengertest.Mail) error {
		text := m.Open(s.t).Text
		for what, form := range map[string]*regexp.Regexp{"code that was not sent": longCode, "change-password id that was not sent": idOfReset} {
			if found := form.FindStringSubmatch(text); found != nil {
				s.plant(what, found[len(found)-1])
			}
		}
		return messengertest.Refuse(554, "not this:\n"+strings.ReplaceAll(m.Content, "\r\n", "\n"))(m)
	}
	refused(s.call("POST", "/api/two-factor/send", toMail))
	refused(s.anonymous("POST", "/api/user/forgot-password", object{"loginId": secretMail}))
	s.office.Content = nil
	right := s.mail["password"]
	s.mail["password"] = s.odd("SMTP password that is wrong")
	s.configure(object{"emailConfiguration": s.mail})
	refused(s.call("POST", "/api/two-factor/send", toMail))
	s.call("POST", "/api/email/test", object{"to": secretMail}).Want(200)
	s.mail["password"] = s.odd("SMTP password that is tried")
	s.call("POST", "/api/email/test", object{"to": secretMail, "emailConfiguration": s.mail}).Want(200)
	s.mail["password"] = right
	s.configure(object{"emailConfiguration": s.mail})
}

// verifications are asked for, sent or not, failed and completed.
func (s *secretStory) verifications() {
	const grace, shop = "b0000000-0000-4000-8000-00000000000b", "a9000000-0000-4000-8000-000000000001"
	const address, number, email, registration = "grace@example.com", "+491709876543", "/api/user/verify-email", "/api/user/verify-registration"
	typed := object{"unverified": object{"behavior": "Gated"}, "verificationStrategy": "FormField"}
	with := func(more object) object {
		maps.Copy(more, typed)
		return more
	}
	long := object{"length": 12, "type": "randomAlphaNumeric"}
	s.configure(object{
		"emailConfiguration": with(object{"verificationEmailTemplateId": template.EmailVerification, "setPasswordEmailTemplateId": template.SetPasswordEmail}),
		"phoneConfiguration": with(object{"verifyPhoneNumber": true, "verificationTemplateId": template.VerificationSMS}),
		"externalIdentifierConfiguration": object{
			"emailVerificationOneTimeCodeGenerator": long, "phoneVerificationOneTimeCodeGenerator": long, "registrationVerificationOneTimeCodeGenerator": long,
		},
	})
	s.call("POST", "/api/application/"+shop, object{"application": with(object{
		"name": "Verified", "verifyRegistration": true, "verificationEmailTemplateId": template.RegistrationVerification,
	})}).Want(200)
	settled := func() {
		s.t.Helper()
		s.Eventually(10*time.Second, "no message is under way", func() bool { return len(s.Strings(`SELECT id FROM message WHERE state = 'sending'`)) == 0 })
	}
	both := func(id, code string) (string, string) {
		return s.plant("verification id", id), s.plant("verification code", code)
	}

	// With the change that makes them necessary. The message to the phone is refused by a receiver that repeats it.
	s.sms.Script(egresstest.Handle(echo(http.StatusForbidden)))
	password := s.odd("password")
	var r wire.RegistrationResponse
	before := len(s.office.Mails())
	s.call("POST", "/api/user/registration/"+grace, object{
		"user": object{"email": address, "phoneNumber": number, "password": password}, "registration": object{"applicationId": shop},
	}).Want(200).Decode(&r)
	for _, v := range r.VerificationIDs {
		both(v.ID, v.OneTimeCode)
	}
	both(r.RegistrationVerificationID, r.RegistrationVerificationOneTimeCode)
	s.Eventually(10*time.Second, "the messages were sent", func() bool {
		return len(s.office.Mails()) == before+2 && len(s.Strings(`SELECT id FROM message WHERE purpose = 'phone-verification' AND state = 'failed'`)) == 1
	})
	settled()
	s.sms.Script()
	s.call("GET", "/api/user/"+grace, nil).Want(200)
	s.call("GET", "/api/user?verificationId="+r.EmailVerificationID, nil).Want(200)
	s.call("POST", "/api/login", object{"loginId": address, "password": password}).Want(212)

	// Asked for again, by a stranger and by somebody with a key, and with a mail server that refuses it.
	s.anonymous("PUT", email+"?email="+address, nil).Want(200)
	s.plant("verification code", cut(s.t, twelve, s.office.Last(s.t).Open(s.t).Text))
	var again wire.VerifyEmailResponse
	s.call("PUT", email+"?email="+address, nil).Want(200).Decode(&again)
	id, code := both(again.VerificationID, again.OneTimeCode)
	s.office.Content = func(m messengertest.Mail) error {
		s.plant("verification code that was not sent", cut(s.t, twelve, m.Open(s.t).Text))
		return messengertest.Refuse(554, "not this:\n"+strings.ReplaceAll(m.Content, "\r\n", "\n"))(m)
	}
	s.call("PUT", registration+"?email="+address+"&applicationId="+shop, nil).Want(400)
	s.office.Content = nil
	for range 4 {
		s.anonymous("POST", email+"/"+id, object{"oneTimeCode": s.even("verification code that was wrong")}).Want(400)
	}
	s.anonymous("POST", email+"/"+id, object{"oneTimeCode": code}).Want(200)
	s.anonymous("POST", email+"/"+id, object{"oneTimeCode": code}).Want(404)
	s.anonymous("POST", registration, object{"verificationId": r.RegistrationVerificationID, "oneTimeCode": s.even("verification code that was wrong")}).Want(400)

	// A number, and somebody who is no user yet.
	for _, start := range []object{
		{"loginId": number, "loginIdType": "phoneNumber"}, {"loginId": "henry@example.com", "loginIdType": "email", "existingUserStrategy": "mustNotExist"},
	} {
		var begun wire.IdentityVerifyStartResponse
		s.call("POST", "/api/identity/verify/start", start).Want(200).Decode(&begun)
		id, code := both(begun.VerificationID, begun.OneTimeCode)
		s.call("POST", "/api/identity/verify/send", object{"verificationId": id}).Want(200)
		s.call("POST", "/api/identity/verify/complete", object{"verificationId": id, "oneTimeCode": s.even("verification code that was wrong")}).Want(400)
		s.call("POST", "/api/identity/verify/complete", object{"verificationId": id, "oneTimeCode": code}).Want(200)
		s.call("POST", "/api/user", object{"user": object{"email": "henry@example.com", "password": "short"}, "verificationIds": []string{id, s.even("verification id that is none")}}).Want(400)
	}
	s.call("POST", "/api/login", object{"loginId": address, "password": password, "applicationId": shop}).Want(213)
	s.anonymous("POST", registration, object{"verificationId": r.RegistrationVerificationID, "oneTimeCode": r.RegistrationVerificationOneTimeCode}).Want(200)

	// A first password.
	before = len(s.office.Mails())
	s.call("POST", "/api/user", object{"user": object{"email": "ida@example.com"}, "sendSetPasswordEmail": true, "skipVerification": true}).Want(200)
	s.Eventually(10*time.Second, "the message was sent", func() bool { return len(s.office.Mails()) > before })
	settled()
	var chosen wire.ChangePasswordResponse
	s.anonymous("POST", "/api/user/change-password/"+s.mailed("id for a first password", idOfReset), object{"password": s.odd("new password")}).Want(200).Decode(&chosen)
	s.plant("one-time password", chosen.OneTimePassword)
	s.configure(object{"emailConfiguration": object{"verificationEmailTemplateId": nil, "verificationStrategy": nil, "unverified": nil}})
}

// twelve are the codes of verifications.
var twelve = regexp.MustCompile(`(?m)^[0-9A-Za-z]{12}$`)

// logins are those of somebody without a second factor, in all ways, with what they lead to and what becomes of it.
func (s *secretStory) logins() {
	const ned, shop, device, provider = "b0000000-0000-4000-8000-00000000000d", "a9000000-0000-4000-8000-00000000000d", "e0000000-0000-4000-8000-00000000000d", "d0000000-0000-4000-8000-00000000000d"
	const mail = "ned@example.com"
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	client, password := s.even("client secret"), s.odd("password")
	s.call("POST", "/api/application/"+shop, object{"application": object{
		"name": "Log in", "loginConfiguration": object{"generateRefreshTokens": true, "allowTokenRefresh": true}, "passwordlessConfiguration": object{"enabled": true},
		"oauthConfiguration": object{"clientSecret": client, "enabledGrants": []string{"password", "refresh_token"}},
	}}).Want(200)
	s.call("POST", "/api/user/registration/"+ned, object{
		"user": object{"email": mail, "password": password}, "registration": object{"applicationId": shop}, "skipVerification": true,
	}).Want(200)
	var in wire.LoginResponse
	enter := func(a apptest.Answer) wire.LoginResponse {
		s.t.Helper()
		in = wire.LoginResponse{}
		a.Want(200).Decode(&in)
		s.plant("access token", in.Token)
		if in.RefreshToken != "" {
			s.plant("refresh token", in.RefreshToken)
		}
		return in
	}
	s.call("POST", "/api/login", object{"loginId": mail, "password": s.odd("password that is wrong"), "applicationId": shop}).Want(404)
	enter(s.call("POST", "/api/login", object{"loginId": mail, "password": password, "applicationId": shop}))

	// Refreshed, once by a webhook's leave and once in vain; used, and ended in all ways.
	refresh := func(body object) wire.LoginResponse {
		s.t.Helper()
		return enter(s.anonymous("POST", "/api/jwt/refresh", body))
	}
	refresh(object{"refreshToken": in.RefreshToken, "token": in.Token})
	s.anonymous("POST", "/api/jwt/refresh", object{"refreshToken": s.even("refresh token that is none")}).Want(400)
	bearer := []string{"Authorization", "Bearer " + in.Token}
	s.call("GET", "/api/user", nil, bearer...).Want(200)
	s.call("GET", "/api/jwt/validate", nil, bearer...).Want(200)
	s.call("GET", "/api/jwt/validate", nil, "Authorization", "Bearer "+in.Token+"x").Want(401)
	s.call("GET", "/api/jwt/refresh?userId="+ned, nil).Want(200)
	s.call("DELETE", "/api/jwt/refresh?token="+url.QueryEscape(in.RefreshToken), nil).Want(200)
	s.anonymous("POST", "/api/jwt/refresh", object{"refreshToken": in.RefreshToken}).Want(400)
	enter(s.call("POST", "/api/login", object{"loginId": mail, "password": password, "applicationId": shop}))
	s.anonymous("POST", "/api/logout?global=true&refreshToken="+url.QueryEscape(in.RefreshToken), object{}).Want(200)
	moved := s.even("refresh token from elsewhere") + s.even("refresh token from elsewhere")
	s.call("POST", "/api/user/refresh-token/import", object{"refreshTokens": []object{{"userId": ned, "applicationId": shop, "token": moved}}}).Want(200)
	s.call("POST", "/api/user/refresh-token/import", object{"refreshTokens": []object{{"userId": ned, "applicationId": shop, "token": moved}}}).Want(400)

	// Without a password, and with one that counts once.
	var started wire.PasswordlessStartResponse
	s.call("POST", "/api/passwordless/start", object{"loginId": mail, "applicationId": shop}).Want(200).Decode(&started)
	s.plant("passwordless code", started.Code)
	s.anonymous("POST", "/api/passwordless/send", object{"code": started.Code})
	s.anonymous("POST", "/api/passwordless/login", object{"code": s.even("passwordless code that is none"), "applicationId": shop}).Want(404)
	enter(s.anonymous("POST", "/api/passwordless/login", object{"code": started.Code, "applicationId": shop}))
	s.anonymous("POST", "/api/passwordless/login", object{"code": started.Code, "applicationId": shop}).Want(404)
	s.call("POST", "/api/login", object{"oneTimePassword": s.even("one-time password that is none"), "applicationId": shop}).Want(404)

	// OAuth.
	token := func(status int, fields url.Values, header ...string) {
		s.t.Helper()
		var r struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
		}
		a := s.call("POST", "/oauth2/token", fields.Encode(), append(append(form, "Authorization", ""), header...)...).Want(status)
		if status != 200 {
			return
		}
		a.Decode(&r)
		s.plant("access token", r.AccessToken)
		if r.RefreshToken != "" {
			s.plant("refresh token", r.RefreshToken)
		}
	}
	granted := url.Values{"grant_type": {"password"}, "client_id": {shop}, "client_secret": {client}, "username": {mail}, "password": {password}, "scope": {"offline_access"}}
	token(200, granted)
	granted.Set("client_secret", s.even("client secret that is wrong"))
	token(401, granted)

	// What acts for others: entities, and accounts elsewhere.
	given := s.even("given secret of an entity")
	var kind wire.EntityTypeResponse
	s.call("POST", "/api/entity/type", object{"entityType": object{"name": "Device"}}).Want(200).Decode(&kind)
	s.call("POST", "/api/entity/"+device, object{"entity": object{"name": "Printer", "type": object{"id": kind.EntityType.ID}, "clientSecret": given}}).Want(200)
	s.call("GET", "/api/entity/"+device, nil).Want(200)
	s.call("POST", "/api/entity/"+device+"/grant", object{"grant": object{"recipientEntityId": device}}).Want(200)
	token(200, url.Values{"grant_type": {"client_credentials"}, "client_id": {device}, "client_secret": {given}, "scope": {"target-entity:" + device}})
	token(401, url.Values{"grant_type": {"client_credentials"}, "client_id": {device}, "client_secret": {s.even("secret of an entity that is wrong")}})
	s.call("POST", "/api/identity-provider/"+provider, object{"identityProvider": object{"type": "OpenIDConnect", "name": "Elsewhere", "enabled": true}}).Want(200)
	link := object{"identityProviderId": provider, "identityProviderUserId": "ned", "userId": ned, "token": s.odd("token of a link")}
	s.call("POST", "/api/identity-provider/link", object{"identityProviderLink": link}).Want(200)
	s.call("GET", "/api/identity-provider/link?identityProviderId="+provider+"&userId="+ned, nil).Want(200)
	s.call("DELETE", "/api/identity-provider/link?identityProviderId="+provider+"&identityProviderUserId=ned&userId="+ned, nil).Want(200)

	// Whole hashes come from elsewhere.
	salt := s.plant("salt of an import", base64.StdEncoding.EncodeToString([]byte(rand.Text())))
	hash := s.plant("hash of an import", base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())[:32]))
	user := object{"email": "otto@example.com", "encryptionScheme": "salted-pbkdf2-hmac-sha256", "factor": 1, "password": hash, "salt": salt}
	s.call("POST", "/api/user/import", object{"users": []object{user}}).Want(200)
	s.call("POST", "/api/user/import", object{"users": []object{user, {"email": "pia@example.com", "password": s.odd("password of an import")}}}).Want(400)
}

// mistakes are requests that are refused, with a secret in them.
func (s *secretStory) mistakes() {
	const user, key, webhook, messenger, tenant = "/api/user", "/api/api-key", "/api/webhook", "/api/messenger", "/api/tenant"
	bad := func(what string) string { return s.even("secret in a bad request: " + what) }
	patch := []string{"Content-Type", "application/json-patch+json"}
	hook := func(name string, value any) object {
		return object{"webhook": object{"url": "https://example.com", "connectTimeout": 1, "readTimeout": 1, name: value}}
	}
	sender := func(name string, value any) object {
		return object{"messenger": object{"type": "Generic", "name": "m", "url": "https://example.com", "connectTimeout": 1, "readTimeout": 1, name: value}}
	}
	mailServer := func(name string, value any) object {
		return object{"tenant": object{"emailConfiguration": object{name: value}}}
	}
	for _, c := range []struct {
		method, path string
		body         any
		header       []string
		status       int
	}{
		{"POST", user, object{"user": object{"email": secretMail, "password": bad("taken")}}, nil, 400},
		{"POST", user, `{"user":{"password":"` + bad("no JSON") + `","email":}}`, nil, 400},
		{"POST", user, `{"user":{"password":"` + bad("twice") + `","password":"` + bad("twice") + `"}}`, nil, 400},
		{"POST", user, object{"user": object{"email": "b@example.com", "password": object{"text": bad("an object")}}}, nil, 400},
		{"POST", user, object{"user": object{"email": "b@example.com", "password": strings.Repeat(bad("too long"), 20)}}, nil, 400},
		{"POST", user, object{"user": object{"email": "b@example.com", "password": bad("other type")}}, []string{"Content-Type", "text/" + bad("a type")}, 400},
		{"PUT", user + "/" + secretUser, object{"user": object{"email": secretMail}, "currentPassword": bad("current password")}, nil, 400},
		{"PATCH", user + "/" + secretUser, `[{"op":"test","path":"/user/firstName","value":"` + bad("a test") + `"}]`, patch, 400},
		{"PATCH", user + "/" + secretUser, `[{"op":"replace","path":"/user/password/` + bad("a path") + `","value":"` + bad("a value") + `"}]`, patch, 400},
		{"POST", key, object{"apiKey": object{"key": []string{bad("a list")}}}, nil, 400},
		{"POST", key, object{"apiKey": object{"key": bad("too long") + strings.Repeat("x", 10_000)}}, nil, 400},
		{"GET", user, nil, []string{"Authorization", "Bearer " + bad("a key")}, 401},
		{"GET", "/api/user?loginId=x&password=" + bad("a query") + "%zz", nil, nil, 400},
		{"POST", webhook, hook("headers", object{"X-Key": "a\n" + bad("a line")}), nil, 400},
		{"POST", webhook, hook("headers", object{"X-Key": []string{bad("a list")}}), nil, 400},
		{"POST", webhook, hook("headers", object{bad("a name") + ":": "x"}), nil, 400},
		{"POST", webhook, hook("httpAuthenticationPassword", "a\n"+bad("a line")), nil, 400},
		{"POST", webhook, hook("url", "https://herald:"+bad("in a URL")+"@example.com"), nil, 400},
		{"POST", webhook, hook("url", "ftp://example.com/"+bad("in a URL")), nil, 400},
		{"POST", webhook, hook("sslCertificate", "-----BEGIN PRIVATE KEY-----\n"+bad("a PEM")+"\n-----END PRIVATE KEY-----"), nil, 400},
		{"POST", messenger, sender("headers", object{"X-Key": "a\n" + bad("a line")}), nil, 400},
		{"POST", messenger, sender("httpAuthenticationPassword", "a\n"+bad("a line")), nil, 400},
		{"POST", messenger, sender("url", "https://herald:"+bad("in a URL")+"@example.com"), nil, 400},
		{"POST", messenger, sender("sslCertificate", "-----BEGIN PRIVATE KEY-----\n"+bad("a PEM")+"\n-----END PRIVATE KEY-----"), nil, 400},
		{"POST", messenger, object{"messenger": object{"type": "Twilio", "name": "m", "authToken": "a\n" + bad("a line"), "accountSID": "AC/" + bad("a SID")}}, nil, 400},
		{"POST", messenger + "/test", sender("authToken", object{"text": bad("an object")}), nil, 400},
		{"PATCH", tenant + "/" + string(s.Tenant), mailServer("password", []string{bad("a list")}), nil, 400},
		{"POST", "/api/email/test", object{"to": secretMail, "emailConfiguration": object{"username": "a\nb", "password": "a\n" + bad("a line")}}, nil, 400},
		{"POST", "/api/key/import", object{"key": object{"name": "k", "privateKey": "-----BEGIN PRIVATE KEY-----\n" + bad("a PEM") + "\n-----END PRIVATE KEY-----"}}, nil, 400},
		{"POST", "/api/key/import", object{"key": object{"name": "k", "algorithm": "RS256", "secret": bad("of another kind")}}, nil, 400},
		{"POST", "/api/event", object{"event": object{"type": "user.create", "user": object{"password": bad("in an event"), "twoFactor": object{"recoveryCodes": []string{bad("in an event")}}}}}, nil, 400},
		{"POST", "/api/login", object{"loginId": secretMail, "password": bad("a password")}, nil, 404},
		{"POST", "/api/two-factor/start", object{"userId": secretUser, "code": strings.Repeat(bad("a long code"), 20)}, nil, 400},
		{"POST", "/api/two-factor/login", object{"twoFactorId": bad("a two-factor id"), "code": bad("a code")}, nil, 404},
		{"POST", "/api/two-factor/login", object{"twoFactorId": bad("a two-factor id"), "code": strings.Repeat(bad("a long code"), 20)}, nil, 400},
		{"POST", "/api/two-factor/send/" + bad("a two-factor id"), object{"methodId": bad("a method")}, nil, 404},
		{"GET", "/api/two-factor/status/" + bad("a trust id"), nil, nil, 404},
		{"POST", "/api/user/two-factor/" + secretUser, object{"method": "authenticator", "code": bad("a code"), "secret": bad("a secret") + "!"}, nil, 400},
		{"POST", "/api/user/two-factor/" + secretUser, object{"method": "authenticator", "code": object{"text": bad("a code")}, "secretBase32Encoded": "1" + bad("a secret")}, nil, 400},
		{"DELETE", "/api/user/two-factor/" + secretUser + "?methodId=x&code=" + strings.Repeat(bad("a long code"), 20), nil, nil, 400},
		{"POST", "/api/user/change-password/" + bad("an id"), object{"password": bad("a password")}, nil, 404},
		{"POST", "/api/user/change-password", object{"loginId": secretMail, "password": strings.Repeat(bad("a long password"), 20)}, nil, 400},
		{"POST", "/api/user/change-password", object{"loginId": secretMail, "password": bad("a password"), "currentPassword": bad("a password")}, nil, 400},
		{"POST", "/api/user/forgot-password", object{"loginId": secretMail, "changePasswordId": strings.Repeat(bad("a long id"), 10)}, nil, 400},
		// What callers put on record themselves.
		{"POST", "/api/system/audit-log", object{"auditLog": object{
			"insertUser": "me", "message": "changed", "oldValue": object{"password": bad("audited"), "headers": object{"Authorization": bad("audited")}},
			"newValue": object{"apiKey": bad("audited"), "sslCertificate": "-----BEGIN PRIVATE KEY-----\n" + bad("audited")}, "data": object{"authToken": bad("audited"), "recoveryCodes": []string{bad("audited")}},
		}}, nil, 200},
	} {
		if a := s.call(c.method, c.path, c.body, c.header...); a.Status != c.status {
			s.t.Errorf("%s %s with %v: status %d, want %d: %s", c.method, c.path, c.body, a.Status, c.status, a.Body)
		}
	}
}

// records reads all logs through the API, which is remembered, and makes sure that there is something in them.
func (s *secretStory) records() {
	s.Settled(patience)
	var events wire.WebhookEventLogSearchResponse
	s.call("POST", eventLogPath+"search", object{"search": object{"numberOfResults": 500}}).Want(200).Decode(&events)
	hidden := 0
	for _, e := range events.WebhookEventLogs {
		s.call("GET", eventLogPath+string(e.ID), nil).Want(200)
		for _, a := range e.Attempts {
			one := s.call("GET", attemptLogPath+string(a.ID), nil).Want(200)
			hidden += strings.Count(string(one.Body), "(hidden)")
		}
	}
	if len(events.WebhookEventLogs) < 50 || hidden < 500 {
		s.t.Errorf("%d events are on record, with %d secrets hidden in the answers of webhooks", len(events.WebhookEventLogs), hidden)
	}
	var messages wire.MessageSearchResponse
	s.call("POST", "/api/message/log/search", object{"search": object{"numberOfResults": 500}}).Want(200).Decode(&messages)
	states := map[wire.MessageState]int{}
	for _, m := range messages.Messages {
		states[m.State]++
		s.call("GET", "/api/message/log/"+string(m.ID), nil).Want(200)
	}
	if states[wire.MessageSent] < 5 || states[wire.MessageFailed] < 8 || states[wire.MessageUnknown] < 1 {
		s.t.Errorf("messages on record: %v", states)
	}
	var entries wire.EventLogSearchResponse
	s.call("POST", "/api/system/event-log/search", object{"search": object{"numberOfResults": 500}}).Want(200).Decode(&entries)
	kinds := map[wire.EventLogType]int{}
	for _, e := range entries.EventLogs {
		kinds[e.Type]++
	}
	if kinds[wire.EventLogDebug] < 10 || kinds[wire.EventLogError] < 10 {
		s.t.Errorf("entries in the event log: %v", kinds)
	}
	s.call("POST", "/api/system/audit-log/search", object{"search": object{"numberOfResults": 500}}).Want(200)
	s.call("POST", "/api/system/audit-log/export", object{}).Want(200)
	s.call("POST", "/api/delivery/search", object{"search": object{"numberOfResults": 500}}).Want(200)
	s.call("GET", "/api/prometheus/metrics", nil).Want(200)
}

// heard is what the webhook that hears everything has got.
func (s *secretStory) heard() (all []place) {
	for _, r := range s.listener.Requests() {
		all = append(all, place{"event " + r.Event(), string(r.Body)})
	}
	for _, kind := range []string{
		"event-log.create", "audit-log.create", "user.create", "user.password.update", "user.password.reset.send", "user.two-factor.method.add", "user.two-factor.method.remove",
		"user.two-factor.challenge", "user.two-factor.failed-attempt", "user.two-factor.success", "user.login.success", "jwt.refresh", "jwt.refresh-token.revoke", "user.bulk.create", "entity.create",
		"user.identity-provider.link",
	} {
		if !slices.ContainsFunc(all, func(p place) bool { return p.name == "event "+kind }) {
			s.t.Errorf("no webhook has heard of %s", kind)
		}
	}
	return all
}
