package twofactor_test

import (
	"encoding/json"
	"net/url"
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
	"github.com/herald-events/herald/internal/twofactor/twofactortest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	ada   = "a0000000-0000-4000-8000-00000000000a"
	phone = "+491701234567"
	mail  = "ada@example.com"
)

type object = map[string]any

// herald is a whole server whose tenant sends codes by text message to a receiver, and whose clock can be moved on.
type herald struct {
	*apptest.Server

	t      *testing.T
	sms    *egresstest.Receiver
	texts  int // how many messages the test has seen
	events int // how many events the test has seen
	ahead  *atomic.Int64
}

func each(t *testing.T, fn func(t *testing.T, h *herald)) {
	t.Helper()
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			ahead := &atomic.Int64{}
			s := apptest.Start(t, engine, func(o *app.Options) {
				o.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			})
			h := &herald{Server: s, t: t, sms: egresstest.NewReceiver(t), ahead: ahead}
			h.setUp()
			fn(t, h)
		})
	}
}

func (h *herald) setUp() {
	h.t.Helper()
	messenger := h.messenger("Texts", h.sms.URL)
	template := h.template("Codes", "Your code is ${code}")
	h.configure(object{
		"multiFactorConfiguration": object{"sms": object{"enabled": true, "messengerId": messenger, "templateId": template}},
		"messageLimits":            object{"perRecipient": object{"limit": 1000, "timePeriodInSeconds": 60}},
	})
	h.Call("POST", "/api/user/"+ada, object{"user": object{"email": mail, "phoneNumber": phone, "password": "correct horse"}}).Want(200)
	h.published()
}

func (h *herald) configure(members object) {
	h.t.Helper()
	h.Call("PATCH", "/api/tenant/"+string(h.Tenant), object{"tenant": members}, "Content-Type", "application/merge-patch+json").Want(200)
}

func (h *herald) messenger(name, url string) string {
	h.t.Helper()
	var r wire.MessengerResponse
	h.Call("POST", "/api/messenger", object{"messenger": object{
		"type": "Generic", "name": name, "url": url, "connectTimeout": 1000, "readTimeout": 5000, "includeCode": true,
	}}).Want(200).Decode(&r)
	return string(r.Messenger.ID)
}

func (h *herald) template(name, text string) string {
	h.t.Helper()
	var r wire.MessageTemplateResponse
	h.Call("POST", "/api/message/template", object{"messageTemplate": object{
		"type": "SMS", "name": name, "defaultTemplate": text,
	}}).Want(200).Decode(&r)
	return string(r.MessageTemplate.ID)
}

// text is a message as the receiver got it.
type text struct{ PhoneNumber, TextMessage, Code string }

// received returns the next message.
func (h *herald) received() text {
	h.t.Helper()
	all := h.sms.WaitFor(h.texts + 1)
	h.texts++
	return decoded(h.t, all[:h.texts])
}

// decoded is the latest of the messages to a receiver.
func decoded(t *testing.T, all []egresstest.Recorded) (m text) {
	t.Helper()
	if len(all) == 0 {
		t.Fatal("no message has come")
	}
	if err := json.Unmarshal(all[len(all)-1].Body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// published returns the events since the last call, without those of the event log.
func (h *herald) published() []string {
	h.t.Helper()
	all := h.Strings(`SELECT type FROM event WHERE type <> 'event-log.create' ORDER BY sequence`)
	defer func() { h.events = len(all) }()
	return all[h.events:]
}

func (h *herald) wantEvents(what string, want ...string) {
	h.t.Helper()
	if got := h.published(); !slices.Equal(got, want) {
		h.t.Errorf("%s published %v, want %v", what, got, want)
	}
}

// last decodes the newest event of a type.
func (h *herald) last(kind string) (e struct {
	Method        any
	MessageType   string
	ApplicationID wire.ID
	User          wire.User
	LoginID       string
	IPAddress     string
},
) {
	h.t.Helper()
	bodies := h.Strings(`SELECT body FROM event WHERE type = $1 ORDER BY sequence DESC LIMIT 1`, kind)
	if len(bodies) == 0 {
		h.t.Fatalf("there is no event %s", kind)
	}
	var all struct{ Event json.RawMessage }
	if err := json.Unmarshal([]byte(bodies[0]), &all); err != nil {
		h.t.Fatal(err)
	}
	if err := json.Unmarshal(all.Event, &e); err != nil {
		h.t.Fatal(err)
	}
	return e
}

func (h *herald) user() wire.User {
	h.t.Helper()
	var r wire.UserResponse
	h.Call("GET", "/api/user/"+ada, nil).Want(200).Decode(&r)
	return *r.User
}

// anonymous is a call without an API key.
func (h *herald) anonymous(method, path string, body any) apptest.Answer {
	h.t.Helper()
	return h.Call(method, path, body, "Authorization", "")
}

// enableSMS makes a text message Ada's second factor and returns the id of the method and what the answer had.
func (h *herald) enableSMS() (id string, res wire.TwoFactorResponse) {
	h.t.Helper()
	h.Call("POST", "/api/two-factor/send", object{"userId": ada, "method": "sms", "mobilePhone": phone}).Want(200)
	h.Call("POST", "/api/user/two-factor/"+ada, object{"method": "sms", "mobilePhone": phone, "code": h.received().Code}).Want(200).Decode(&res)
	methods := h.user().TwoFactor.Methods
	return methods[len(methods)-1].ID, res
}

// enableApp makes an authenticator Ada's second factor and returns the id of the method and its secret.
func (h *herald) enableApp(secret []byte) (id string, res wire.TwoFactorResponse) {
	h.t.Helper()
	body := object{"method": "authenticator", "secret": secret, "code": twofactortest.AppCode(secret, 6, h.now())}
	h.Call("POST", "/api/user/two-factor/"+ada, body).Want(200).Decode(&res)
	methods := h.user().TwoFactor.Methods
	return methods[len(methods)-1].ID, res
}

// now is the time of the server.
func (h *herald) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// pass moves the server's clock on.
func (h *herald) pass(d time.Duration) { h.ahead.Add(int64(d)) }

func (h *herald) start(more ...any) (res wire.TwoFactorStartResponse) {
	h.t.Helper()
	body := object{"userId": ada}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	h.Call("POST", "/api/two-factor/start", body).Want(200).Decode(&res)
	return res
}

func (h *herald) login(id, code string, more ...any) apptest.Answer {
	h.t.Helper()
	body := object{"twoFactorId": id, "code": code}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return h.anonymous("POST", "/api/two-factor/login", body)
}

func (h *herald) disable(method, code string) apptest.Answer {
	h.t.Helper()
	return h.Call("DELETE", "/api/user/two-factor/"+ada+"?methodId="+method+"&code="+url.QueryEscape(code), nil)
}

// atOnce makes the same call n times at the same moment and returns how often each status came.
func (h *herald) atOnce(n int, call func(i int) apptest.Answer) map[int]int {
	h.t.Helper()
	var wait sync.WaitGroup
	var mu sync.Mutex
	begin, statuses := make(chan struct{}), map[int]int{}
	for i := range n {
		wait.Go(func() {
			<-begin
			a := call(i)
			mu.Lock()
			defer mu.Unlock()
			statuses[a.Status]++
		})
	}
	close(begin)
	wait.Wait()
	return statuses
}

// wrong is a code that is not the right one.
func wrong(code string) string {
	if code == "" || code[0] == '9' {
		return "0" + code[min(1, len(code)):]
	}
	return "9" + code[1:]
}

func wantCodes(t *testing.T, a apptest.Answer, want ...string) {
	t.Helper()
	a.Want(400)
	got := a.Codes()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
}

// nowhere fails the test when a text is anywhere in the store.
func (h *herald) nowhere(planted ...string) {
	h.t.Helper()
	for _, table := range dbtest.Everything(h.t, h.App.Store()) {
		for _, row := range table.Lines() {
			for _, p := range planted {
				if strings.Contains(row, p) {
					h.t.Errorf("%q is in table %s: %s", p, table.Name, row)
				}
			}
		}
	}
}
