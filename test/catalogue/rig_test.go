package catalogue

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/wire"
)

const patience = 20 * time.Second

type object = map[string]any

// world is what the scenarios of an engine share: a server, whoever listens, and the secrets that nobody may hear.
type world struct {
	schema *schema
	ears   *egresstest.Receiver // a webhook that is asked about everything, and told everything
	sms    *egresstest.Receiver
	mail   *messengertest.PostOffice
	ahead  *atomic.Int64
	shop   string  // an application with roles buyer (the default one) and clerk, whose logins have refresh tokens
	clerk  string  // the id of the role
	base   []byte  // the tenant as each scenario finds it
	ban    string  // a user action that lasts for a time and prevents a login
	warn   string  // one that does not
	boss   string  // who takes actions
	hook   string  // the webhook of ears
	notice wire.ID // a template of e-mails that says nothing secret
	latest string  // the user made last
	verify wire.ID // a template of e-mails with the id of a verification

	secrets []string
	refused map[string]bool // the ids of the events that were
	numbers int
	mails   int // how many there were when the scenario said so
}

// herald is the world as one scenario sees it.
type herald struct {
	*apptest.Server
	*world

	t          *testing.T
	configured bool
	undo       []call
	from       string // where the latest call has come from
}

var accept, refuse = egresstest.Accept(), egresstest.Status(403)

func newHerald(t *testing.T, engine db.Engine) *herald {
	t.Helper()
	w := &world{schema: readSchema(t), ears: egresstest.NewReceiver(t), sms: egresstest.NewReceiver(t), mail: messengertest.NewPostOffice(t), ahead: &atomic.Int64{}, refused: map[string]bool{}}
	h := &herald{t: t, world: w}
	h.Server = apptest.Start(t, engine, func(o *app.Options) {
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	})
	h.plant(apptest.Key)
	h.setUp()
	var tenantTypes, types []string
	for _, d := range event.All() {
		types = append(types, string(d.Type))
		if d.Scope == event.ScopeTenant {
			tenantTypes = append(tenantTypes, string(d.Type))
		}
	}
	h.Enable(wire.AbsoluteMajority, tenantTypes...)
	h.base = h.Call("GET", "/api/tenant/"+string(h.Tenant), nil).Want(200).Body
	h.hook = string(h.Subscribe(w.ears.URL, types))
	return h
}

// in is the same world for one scenario.
func (h *herald) in(t *testing.T) *herald {
	return &herald{Server: h.Server.In(t), world: h.world, t: t}
}

func (h *herald) setUp() {
	h.t.Helper()
	h.shop, h.clerk = h.id(), h.id()
	h.Call("POST", "/api/application/"+h.shop, object{"application": object{
		"name": "Shop", "roles": []object{{"name": "buyer", "isDefault": true}, {"name": "clerk", "id": h.clerk}},
		"loginConfiguration": object{"generateRefreshTokens": true, "allowTokenRefresh": true}, "passwordlessConfiguration": object{"enabled": true},
		"oauthConfiguration":               object{"enabledGrants": []string{"password", "refresh_token"}, "clientSecret": h.plant("the secret of the shop")},
		"authenticationTokenConfiguration": object{"enabled": true},
	}}).Want(200)
	var m wire.MessengerResponse
	h.Call("POST", "/api/messenger", object{"messenger": object{
		"type": "Generic", "name": "Texts", "url": h.sms.URL, "connectTimeout": 1000, "readTimeout": 5000, "includeCode": true,
	}}).Want(200).Decode(&m)
	text := func(name, variable string) wire.ID {
		var r wire.MessageTemplateResponse
		h.Call("POST", "/api/message/template", object{"messageTemplate": object{"type": "SMS", "name": name, "defaultTemplate": "code: ${" + variable + "}"}}).Want(200).Decode(&r)
		return r.MessageTemplate.ID
	}
	mail := func(name, variable string) wire.ID {
		var r wire.EmailTemplateResponse
		h.Call("POST", "/api/email/template", object{"emailTemplate": object{
			"name": name, "defaultSubject": name, "defaultTextTemplate": "code: ${" + variable + "}", "defaultHtmlTemplate": "<p>code: ${" + variable + "}</p>",
		}}).Want(200).Decode(&r)
		return r.EmailTemplate.ID
	}
	h.notice, h.verify = mail("Notice", "user.id"), mail("Verify", "verificationId")
	h.configure(object{
		"emailConfiguration": object{
			"host": h.mail.Host, "port": h.mail.Port, "security": "NONE", "defaultFromEmail": "herald@example.com",
			"forgotPasswordEmailTemplateId": mail("Forgot", "changePasswordId"), "passwordlessEmailTemplateId": mail("Passwordless", "code"),
			"setPasswordEmailTemplateId": mail("Set", "changePasswordId"),
			"verifyEmail":                false, "verifyEmailWhenChanged": false,
		},
		"phoneConfiguration": object{"messengerId": m.Messenger.ID, "forgotPasswordTemplateId": text("Forgot", "changePasswordId")},
		"multiFactorConfiguration": object{
			"sms":   object{"enabled": true, "messengerId": m.Messenger.ID, "templateId": text("Second factor", "code")},
			"email": object{"enabled": true, "templateId": mail("Second factor", "code")},
		},
		"externalIdentifierConfiguration": object{"twoFactorOneTimeCodeIdGenerator": object{"length": 10, "type": "randomDigits"}},
		"messageLimits":                   object{"perRecipient": object{"limit": 1000, "timePeriodInSeconds": 60}},
	})
	h.ban, h.warn = h.id(), h.id()
	h.Call("POST", "/api/user-action/"+h.ban, object{"userAction": object{
		"name": "Ban", "temporal": true, "preventLogin": true, "userEmailingEnabled": true, "startEmailTemplateId": h.notice, "includeEmailInEventJSON": true, "userNotificationsEnabled": true,
	}}).Want(200)
	h.Call("POST", "/api/user-action/"+h.warn, object{"userAction": object{"name": "Warn", "options": []object{{"name": "mildly"}, {"name": "strongly"}}}}).Want(200)
	h.boss = h.user(nil)
}

// leave undoes what a scenario has set.
func (h *herald) leave() {
	h.t.Helper()
	for _, undo := range h.undo {
		undo()
	}
	if h.configured {
		h.Call("PUT", "/api/tenant/"+string(h.Tenant), h.base).Want(200)
	}
}

// configure changes settings of the tenant until the end of the scenario.
func (h *herald) configure(members object) {
	h.t.Helper()
	h.configured = true
	h.Call("PATCH", "/api/tenant/"+string(h.Tenant), object{"tenant": members}, "Content-Type", "application/merge-patch+json").Want(200)
}

func (h *herald) id() string { return db.NewID() }

// number is another one each time.
func (h *herald) number() int {
	h.numbers++
	return h.numbers
}

func (h *herald) phone() string { return fmt.Sprintf("+4917012%05d", h.number()) }

// plant takes note of a secret, which no event may have.
func (h *herald) plant(secret string) string {
	if secret == "" {
		h.t.Fatal("an empty secret is none")
	}
	h.secrets = append(h.secrets, secret)
	return secret
}

// mayHave are the members in which an event has secrets on purpose: who gets jwt.refresh is told what was exchanged for what.
var mayHave = map[string][]string{string(event.JWTRefresh): {"original", "refreshToken", "token"}}

// searchForSecrets fails the test when one of the secrets so far stands in an event.
func (h *herald) searchForSecrets(e object) {
	h.t.Helper()
	typ := fmt.Sprint(e["type"])
	rest := object{}
	for name, value := range e {
		if !slices.Contains(mayHave[typ], name) {
			rest[name] = value
		}
	}
	b, err := json.Marshal(rest)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, secret := range h.secrets {
		encoded, err := json.Marshal(secret)
		if err != nil {
			h.t.Fatal(err)
		}
		if strings.Contains(string(b), string(encoded[1:len(encoded)-1])) {
			h.t.Errorf("%s has the secret %q: %s", typ, secret, b)
		}
	}
}

// remote is where users are, says a caller who talks to us for them.
const remote = "192.0.2.7"

// to is the call that makes a request. If its body is an object it says that the request comes from remote, unless it says where from itself.
func (h *herald) to(method, path string, body any, header ...string) call {
	from := "127.0.0.1"
	if given, ok := body.(object); ok {
		said := maps.Clone(given)
		if said["eventInfo"] == nil {
			said["eventInfo"] = object{"ipAddress": remote}
		}
		body, from = said, remote
	}
	return func() apptest.Answer {
		h.t.Helper()
		h.from = from
		return h.Call(method, path, body, header...)
	}
}

// anonymous is the call that makes a request without an API key.
func (h *herald) anonymous(method, path string, body any) call {
	return h.to(method, path, body, "Authorization", "")
}

// user makes a user, who knows no password unless one is given, and returns the id. The user has an address and a name that are made of the id.
func (h *herald) user(members object) string {
	h.t.Helper()
	id := h.id()
	u := object{"id": id, "email": id + "@example.com", "username": id, "active": true}
	for name, value := range members {
		u[name] = value
	}
	if given, ok := u["password"].(string); ok { // which need not be hard to guess, but quick to check
		h.plant(given)
		salt := sha256.Sum256([]byte(id))
		hash := h.plant(base64.StdEncoding.EncodeToString(sum(given, salt[:])))
		u["password"], u["salt"], u["encryptionScheme"] = hash, h.plant(base64.StdEncoding.EncodeToString(salt[:])), "salted-sha256"
	}
	h.Call("POST", "/api/user/import", object{"users": []object{u}}).Want(200)
	h.latest = id
	return id
}

func sum(password string, salt []byte) []byte {
	hash := sha256.Sum256(append([]byte(password), salt...))
	return hash[:]
}

const password = "correct horse battery"

// knows makes a user with a password.
func (h *herald) knows() string { return h.user(object{"password": password}) }

// registered makes a user with a password who is registered for the shop.
func (h *herald) registered() string {
	h.t.Helper()
	return h.user(object{"password": password, "registrations": []object{{"applicationId": h.shop, "roles": []string{"clerk"}}}})
}

// register lets a user without a password use an application.
func (h *herald) register(user, application string) {
	h.t.Helper()
	h.Call("POST", "/api/user/registration/"+user, object{"registration": object{"applicationId": application}}).Want(200)
}

// session gives a user a refresh token for an application and returns its value.
func (h *herald) session(user, application string) (value string) {
	h.t.Helper()
	value = h.plant("refresh-" + h.id())
	token := object{"userId": user, "token": value}
	if application != "" {
		token["applicationId"] = application
	}
	h.Call("POST", "/api/user/refresh-token/import", object{"refreshTokens": []object{token}}).Want(200)
	return value
}

// application makes another application and returns its id.
func (h *herald) application(members object) string {
	h.t.Helper()
	id := h.id()
	a := object{"name": "Application " + id}
	for name, value := range members {
		a[name] = value
	}
	h.Call("POST", "/api/application/"+id, object{"application": a}).Want(200)
	return id
}

// texted is the code in the latest text message.
func (h *herald) texted() string {
	h.t.Helper()
	all := h.sms.WaitFor(1)
	var m struct{ TextMessage string }
	if err := json.Unmarshal(all[len(all)-1].Body, &m); err != nil {
		h.t.Fatal(err)
	}
	return h.codeIn(m.TextMessage)
}

// mailed is the code in the latest e-mail.
func (h *herald) mailed() string {
	h.t.Helper()
	return h.codeIn(h.mail.Last(h.t).Open(h.t).Text)
}

func (h *herald) codeIn(text string) string {
	h.t.Helper()
	_, code, ok := strings.Cut(text, "code: ")
	if !ok {
		h.t.Fatalf("no code in %q", text)
	}
	return h.plant(strings.TrimSpace(code))
}

// refuseTexts has the receiver of text messages refuse them until the end of the scenario.
func (h *herald) refuseTexts() {
	h.sms.Script(refuse)
	h.undo = append(h.undo, func() (none apptest.Answer) { h.sms.Script(accept); return none })
}

// sent waits for the e-mail that comes after so many others, which is sent after the call that caused it was answered.
func (h *herald) sent(others int) {
	h.t.Helper()
	h.Eventually(patience, "the mail is sent", func() bool {
		return len(h.mail.Mails()) > others && len(h.Strings(`SELECT id FROM message WHERE state = 'sending'`)) == 0
	})
}

// pass moves the server's clock on.
func (h *herald) pass(d time.Duration) { h.ahead.Add(int64(d)) }

func (h *herald) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// after is the instant after a while, on the server's clock.
func (h *herald) after(d time.Duration) wire.Instant { return wire.Instant(h.now().Add(d).UnixMilli()) }
