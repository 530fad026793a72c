package twofactor_test

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// courier is who delivers codes in a scenario.
type courier struct {
	method  string
	address object        // where the first code goes, as the API names it
	known   string        // as the records name it
	read    func() string // the text of the latest message, as the user reads it
	shows   []string      // what else the event log shows of each message
}

var inGerman = regexp.MustCompile(`Ihr Bestätigungscode ist (\d{6})\.`)

func (c courier) code(t *testing.T) string {
	t.Helper()
	text := c.read()
	found := inGerman.FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("there is no code in the message %q", text)
	}
	return found[1]
}

// logIn has a German user switch a second factor on and log in with it, over nothing but the REST API. The code is wrong three times before it is right. Along the way it
// looks at what webhooks hear, and what those who look after Herald can see.
func (h *herald) logIn(c courier) {
	h.t.Helper()
	types := []string{
		"user.two-factor.method.add", "user.two-factor.challenge", "user.two-factor.failed-attempt", "user.two-factor.success", "user.login.success",
	}
	listener := egresstest.NewReceiver(h.t)
	h.Enable(wire.None, types...)
	h.Subscribe(listener.URL, types)
	h.Call("PATCH", "/api/user/"+ada, object{"user": object{"preferredLanguages": []string{"de_AT", "en"}}}).Want(200)
	h.published()

	// A code goes to the address that Ada claims to have, and comes back.
	claim := object{"userId": ada, "method": c.method}
	maps.Copy(claim, c.address)
	h.Call("POST", "/api/two-factor/send", claim).Want(200)
	first := c.code(h.t)
	h.wantEvents("sending a code")
	claim["code"] = first
	h.Call("POST", "/api/user/two-factor/"+ada, claim).Want(200)
	h.wantEvents("enabling", "user.two-factor.method.add")

	// She logs in. Her first factor was right, so the caller asks for the second one.
	login := h.start()
	h.wantEvents("asking for a second factor", "user.two-factor.challenge")
	h.anonymous("POST", "/api/two-factor/send/"+login.TwoFactorID, object{"methodId": login.Methods[0].ID}).Want(200)
	second := c.code(h.t)
	h.wantEvents("sending another code")
	for range 3 {
		h.login(login.TwoFactorID, wrong(second)).Want(421)
		h.wantEvents("a wrong code", "user.two-factor.failed-attempt")
	}
	var done wire.LoginResponse
	h.login(login.TwoFactorID, second).Want(200).Decode(&done)
	h.wantEvents("the right code", "user.login.success", "user.two-factor.success")
	if done.User == nil || done.User.ID != ada || done.User.LastLoginInstant == 0 {
		h.t.Errorf("the login answered %+v", done)
	}
	h.login(login.TwoFactorID, second).Want(404)

	h.Settled(10 * time.Second)
	heard, want := listener.Events(), append(types, "user.two-factor.failed-attempt", "user.two-factor.failed-attempt")
	slices.Sort(heard)
	slices.Sort(want)
	if !slices.Equal(heard, want) {
		h.t.Errorf("the webhook heard %v, want %v", heard, want)
	}

	// One Debug entry for each message, with all that happened but not the code.
	var log wire.EventLogSearchResponse
	h.Call("GET", "/api/system/event-log/search?orderBy=id+ASC", nil).Want(200).Decode(&log)
	if len(log.EventLogs) != 2 {
		h.t.Fatalf("%d entries in the event log: %+v", len(log.EventLogs), log.EventLogs)
	}
	for _, entry := range log.EventLogs {
		shows := append(c.shows, c.known, "sent after 1 attempt(s)", "locale de (", "Ihr Bestätigungscode ist (hidden).", "accepted")
		for _, text := range shows {
			if entry.Type != wire.EventLogDebug || !strings.Contains(entry.Message, text) {
				h.t.Errorf("the %s entry does not say %q:\n%s", entry.Type, text, entry.Message)
			}
		}
	}
	// And one line in the message log.
	var messages wire.MessageSearchResponse
	h.Call("GET", "/api/message/log/search?userId="+ada, nil).Want(200).Decode(&messages)
	if len(messages.Messages) != 2 {
		h.t.Fatalf("%d messages on record", len(messages.Messages))
	}
	for _, m := range messages.Messages {
		if m.State != wire.MessageSent || m.Purpose != "two-factor" || m.Recipient != c.known || m.Locale != "de" || !strings.Contains(m.LocaleReason, "de_AT") || len(m.Attempts) != 1 {
			h.t.Errorf("on record is %+v", m)
		}
	}
	h.nowhere(" "+first, " "+second, `"`+first, `"`+second, login.TwoFactorID)
}

func TestScenario_SMSThroughAReceiverOfOnesOwn(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		receiver := egresstest.NewReceiver(t)
		var messenger wire.MessengerResponse
		h.Call("POST", "/api/messenger", object{"messenger": object{
			"type": "Generic", "name": "Our receiver", "url": receiver.URL + "/fusionauth-generic-messenger", "connectTimeout": 1000, "readTimeout": 2000,
			"headers": object{"Authorization": "API-KEY"}, "debug": true,
		}}).Want(200).Decode(&messenger)
		h.configure(object{"multiFactorConfiguration": object{"sms": object{"enabled": true, "messengerId": messenger.Messenger.ID, "templateId": template.TwoFactorSMS}}})

		read := func() string { return decoded(t, receiver.Requests()).TextMessage }
		h.logIn(courier{
			method: "sms", address: object{"mobilePhone": "+49 170 1234567"}, known: "+49…67", read: read,
			shows: []string{`messenger "Our receiver"`, "POST " + receiver.URL + "/fusionauth-generic-messenger", "Authorization: (hidden)", `"phoneNumber":"+49…67"`, "status 200"},
		})

		for _, r := range receiver.Requests() {
			text := decoded(t, []egresstest.Recorded{r}).TextMessage
			want := fmt.Sprintf(`{"phoneNumber":"+491701234567","textMessage":"%s","type":"SMS"}`, text)
			if string(r.Body) != want || !inGerman.MatchString(text) {
				t.Errorf("the receiver got %s, want %s", r.Body, want)
			}
			if r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "API-KEY" {
				t.Errorf("the receiver got %s with %v", r.Method, r.Header)
			}
		}
	})
}

func TestScenario_Email(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		authority := egresstest.NewAuthority(t)
		office := postOffice(t, authority)
		h.configure(object{
			"multiFactorConfiguration": object{"email": object{"enabled": true, "templateId": template.TwoFactorEmail}},
			"emailConfiguration": object{
				"host": office.Host, "port": office.Port, "security": "TLS", "sslCertificate": authority.PEM(), "username": office.Username, "password": office.Password,
				"defaultFromEmail": "herald@example.com", "defaultFromName": "Herald", "debug": true,
			},
		})

		h.logIn(courier{
			method: "email", address: object{"email": mail}, known: "a…@example.com", read: func() string { return office.Last(t).Open(t).Text },
			shows: []string{"the mail server of the tenant", "security TLS", "Subject: Ihr Bestätigungscode", "To: a…@example.com", "250 "},
		})

		for _, m := range office.Mails() {
			opened := m.Open(t)
			if !m.TLS || m.User != office.Username || m.From != "herald@example.com" || !slices.Equal(m.To, []string{mail}) {
				t.Errorf("the post office took %+v", m)
			}
			code := inGerman.FindStringSubmatch(opened.Text)[1]
			if opened.Subject != "Ihr Bestätigungscode" || opened.Header.Get("From") != `"Herald" <herald@example.com>` || !strings.Contains(opened.HTML, "<strong>"+code+"</strong>") {
				t.Errorf("the mail is %+v", opened)
			}
		}
	})
}

func TestScenario_SMSThroughTwilio(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		twilio := messengertest.NewTwilio(t)
		var messenger wire.MessengerResponse
		h.Call("POST", "/api/messenger", object{"messenger": object{
			"type": "Twilio", "name": "Twilio", "url": twilio.URL, "accountSID": messengertest.TwilioSID, "authToken": messengertest.TwilioToken,
			"fromPhoneNumber": "+1 500 555 0006", "debug": true,
		}}).Want(200).Decode(&messenger)
		h.configure(object{"multiFactorConfiguration": object{"sms": object{"enabled": true, "messengerId": messenger.Messenger.ID, "templateId": template.TwoFactorSMS}}})

		latest := func() url.Values {
			all := twilio.Forms()
			if len(all) == 0 {
				t.Fatalf("Twilio has taken nothing, but got %+v", twilio.Requests())
			}
			return all[len(all)-1]
		}
		h.logIn(courier{
			method: "sms", address: object{"mobilePhone": phone}, known: "+49…67", read: func() string { return latest().Get("Body") },
			shows: []string{`messenger "Twilio"`, "/Accounts/" + messengertest.TwilioSID + "/Messages.json", "Authorization: Basic (hidden)", "To=+49…67", "status 201"},
		})
		for _, form := range twilio.Forms() {
			want := url.Values{"To": {phone}, "From": {"+15005550006"}, "Body": {form.Get("Body")}}
			if form.Encode() != want.Encode() {
				t.Errorf("Twilio got %v, want %v", form, want)
			}
		}

		// With a messaging service it is that which sends.
		h.Call("PATCH", "/api/messenger/"+string(messenger.Messenger.ID), object{"messenger": object{"messagingServiceSid": "MG77"}}).Want(200)
		h.Call("POST", "/api/two-factor/send", object{"userId": ada, "methodId": h.user().TwoFactor.Methods[0].ID}).Want(200)
		if form := latest(); form.Get("MessagingServiceSid") != "MG77" || form.Has("From") || !inGerman.MatchString(form.Get("Body")) {
			t.Errorf("Twilio got %v", form)
		}
		h.nowhere(messengertest.TwilioToken)
	})
}
