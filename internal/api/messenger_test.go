package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// mailOffice has the e-mail configurations of the tenants, a mail server that takes everything, and the trials that were recorded.
type mailOffice struct {
	*messengertest.PostOffice

	configurations map[wire.ID]string
	password       string

	mu     sync.Mutex
	trials []string // "tenant kind recipient outcome"
}

func (o *mailOffice) Mail(_ context.Context, id wire.ID) (messenger.MailServer, error) {
	text, ok := o.configurations[id]
	if !ok {
		return messenger.MailServer{}, problem.ErrNotFound
	}
	server, err := tenant.ParseMail("tenant.emailConfiguration", json.RawMessage(text))
	server.Password = egress.Secret(o.password)
	return server, err
}

func (o *mailOffice) RecordTest(_ context.Context, tenant wire.ID, kind wire.MessageKind, recipient string, a messenger.Attempt) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trials = append(o.trials, fmt.Sprint(tenant, " ", kind, " ", recipient, " ", a.Outcome))
	return nil
}

// messengers serves the Messenger API with the tenants A and B.
func messengers(t *testing.T, d *db.DB, used func(*db.Tx, wire.ID) ([]string, error)) (*herald, *mailOffice) {
	t.Helper()
	office := &mailOffice{PostOffice: messengertest.NewPostOffice(t), password: "stored-mail-password"}
	office.configurations = map[wire.ID]string{tenantA: fmt.Sprintf(`{"host":"127.0.0.1","port":%d}`, office.Port), tenantB: `{"host":"127.0.0.1","port":1,"username":"b"}`}

	out, err := egress.New(egress.Options{Policy: egress.Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	sealer := key.NewSealer(make([]byte, key.Size))
	h := &herald{t: t, keys: access.New(d, sealer, time.Now, func(_ *db.Tx, id wire.ID) (bool, error) { return id == tenantA || id == tenantB, nil })}
	s := newServer(Services{Keys: h.keys, Tenancy: tenants{tenantA, tenantB}, Log: slog.New(slog.DiscardHandler)})
	service := messenger.New(messenger.Options{DB: d, Sealer: sealer, Egress: out, Clock: time.Now, Used: used})
	server := httptest.NewServer(s.handler(s.messengerRoutes(Messaging{Messengers: service, Mail: office, Trials: office})))
	t.Cleanup(server.Close)
	h.url = server.URL
	h.key(wire.APIKey{Key: superKey})
	return h, office
}

func TestMessengers_API(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		inUse := false
		h, _ := messengers(t, d, func(*db.Tx, wire.ID) ([]string, error) {
			if inUse {
				return []string{"the tenant Default"}, nil
			}
			return nil, nil
		})
		one := "/api/messenger/" + string(someID)
		h.do("GET", "/api/messenger", "").expect(t, 200, `{"messengers":[]}`)
		h.do("POST", "/api/messenger", `{"messenger":{"type":"Generic","name":"m","url":"http://x"}}`).expectCodes(t, 400, "[missing]messenger.connectTimeout [missing]messenger.readTimeout")
		h.do("POST", "/api/messenger", `{"messenger":{"type":"Kafka","name":"m"}}`).expectCodes(t, 400, "[invalid]messenger.type")
		h.do("POST", "/api/messenger", `{"messenger":{"name":"m"}}`).expectCodes(t, 400, "[missing]messenger.type")
		h.do("POST", "/api/messenger/x", `{"messenger":{"name":"m"}}`).expectCodes(t, 400, "[couldNotConvert]messengerId")
		h.do("POST", one, `{"messenger":{"type":"Generic","name":"m","url":"http://example.com/","connectTimeout":1000,"readTimeout":"2000","headers":{"A":"b"},
			"httpAuthenticationUsername":"u","httpAuthenticationPassword":"p","sslCertificate":"","data":{"x":1.10}}}`).has(t, 200, `"transport":"sms"`)
		loaded := h.do("GET", one, "")
		for _, member := range []string{
			`"id":"` + string(someID), `"name":"m"`, `"type":"Generic"`, `"debug":false`, `"data":{"x":1.10}`, `"messageTypes":["SMS"]`, `"connectTimeout":1000`, `"readTimeout":2000`,
			`"headers":{"A":"b"}`, `"httpAuthenticationPassword":"p"`, `"insertInstant":`, `"lastUpdateInstant":`,
		} {
			loaded.has(t, 200, member)
		}
		h.do("POST", "/api/messenger", `{"messenger":{"type":"Twilio","name":"M","url":"https://api.twilio.com","accountSID":"AC1","authToken":"t","fromPhoneNumber":"+1"}}`).expectCodes(t, 400, "[duplicate]messenger.name")
		h.do("POST", "/api/messenger", `{"messenger":{"type":"Twilio","name":"a","url":"https://api.twilio.com","accountSID":"AC1","messagingServiceSid":"MG1"}}`).has(t, 200, `"messagingServiceSid":"MG1"`)
		h.do("GET", "/api/messenger", "").has(t, 200, `"name":"a"`)

		// The set of message types is replaced by a patch of any kind; the rest is merged.
		patch := func(kind, body string) answerTo { return h.do("PATCH", one, body, with("Content-Type", kind)) }
		patch(typeJSON, `{"messenger":{"messageTypes":["Voice"]}}`).has(t, 200, `"messageTypes":["Voice"]`)
		patch(typeJSON, `{"messenger":{"debug":true,"headers":{"B":"c"}}}`).has(t, 200, `"headers":{"A":"b","B":"c"}`)
		patch(typeMergePatch, `{"messenger":{"messageTypes":["SMS"]}}`).has(t, 200, `"messageTypes":["SMS"]`)
		patch(typeJSONPatch, `[{"op":"add","path":"/messenger/messageTypes/-","value":"Voice"}]`).has(t, 200, `"messageTypes":["SMS","Voice"]`)
		patch(typeJSON, `{"messenger":{"name":"other"}}`).has(t, 200, `"messageTypes":["SMS","Voice"]`)
		patch(typeJSON, `{"messenger":{"messageTypes":null}}`).has(t, 200, `"messageTypes":["SMS"]`)
		patch(typeJSON, `{"messenger":{"type":"Twilio"}}`).has(t, 400, "[invalid]messenger.type")
		patch(typeJSON, `{"messenger":{"readTimeout":null}}`).expectCodes(t, 400, "[missing]messenger.readTimeout")

		// Wrong types and broken rules are told in one answer.
		h.do("POST", "/api/messenger", `{"messenger":{"type":"Generic","name":1,"url":["x"],"connectTimeout":"soon","headers":{"A":1,"Host":"x"},"messageTypes":["sms",7],"debug":"maybe"}}`).
			expectCodes(t, 400, "[couldNotConvert]messenger.connectTimeout [couldNotConvert]messenger.debug [couldNotConvert]messenger.headers[A] [couldNotConvert]messenger.messageTypes[1] "+
				"[couldNotConvert]messenger.name [couldNotConvert]messenger.url [invalid]messenger.headers [invalid]messenger.messageTypes [missing]messenger.readTimeout")
		h.do("POST", "/api/messenger", `{"messenger":{"type":1,"name":"A"}}`).expectCodes(t, 400, "[couldNotConvert]messenger.type [duplicate]messenger.name")
		h.do("PUT", one, `{"messenger":{"type":"Twilio","name":"a","url":7,"readTimeout":-1}}`).
			expectCodes(t, 400, "[blank]messenger.accountSID [blank]messenger.fromPhoneNumber [couldNotConvert]messenger.url [duplicate]messenger.name "+
				"[invalid]messenger.readTimeout [invalid]messenger.type")
		patch(typeJSON, `{"messenger":{"readTimeout":"soon","url":"none"}}`).expectCodes(t, 400, "[couldNotConvert]messenger.readTimeout [invalid]messenger.url")
		h.do("PUT", "/api/messenger/"+string(nowhere), `{"messenger":{"url":7}}`).expect(t, 404, "")
		h.do("PUT", one, `{"messenger":`).expectCodes(t, 400, "[invalidJSON]")

		h.do("PUT", one, `{"messenger":{"type":"Generic","name":"m","url":"http://example.com/","connectTimeout":1,"readTimeout":2}}`).has(t, 200, `"debug":false`)
		if got := h.do("GET", one, ""); strings.Contains(got.body, `"headers"`) || strings.Contains(got.body, `"httpAuthenticationPassword"`) {
			t.Errorf("PUT kept what it did not mention: %s", got.body)
		}

		inUse = true
		h.do("DELETE", one, "").expectCodes(t, 400, "[inUse]messengerId")
		inUse = false
		h.do("DELETE", one, "").expect(t, 200, "")
		for _, method := range []string{"GET", "DELETE"} {
			h.do(method, one, "").expect(t, 404, "")
		}
		h.do("PUT", one, `{"messenger":{}}`).expect(t, 404, "")
		h.do("POST", one+"/test", `{"phoneNumber":"+491701234567"}`).expect(t, 404, "")
		for _, call := range []string{"GET /api/messenger/test", "DELETE /api/messenger/test", "PUT /api/messenger", "GET /api/email/test"} {
			method, path, _ := strings.Cut(call, " ")
			h.do(method, path, "").expect(t, http.StatusMethodNotAllowed, "")
		}
		// Messengers belong to no tenant, so keys of tenants have no business with them.
		h.key(wire.APIKey{Key: "of a tenant", TenantID: tenantA})
		for _, call := range []string{"GET /api/messenger", "POST /api/messenger", "PATCH " + one, "POST " + one + "/test", "POST /api/messenger/test"} {
			method, path, _ := strings.Cut(call, " ")
			h.do(method, path, "", withKey("of a tenant")).expect(t, 401, "")
		}
	})
}

func TestMessengers_Test(t *testing.T) {
	t.Parallel()
	h, office := messengers(t, dbtest.Open(t, db.SQLite), nil)
	receiver := egresstest.NewReceiver(t).Script(egresstest.Answer(202, nil, "queued for +491701234567"), egresstest.Answer(503, nil, "busy"))
	messenger := func(members string) string {
		return `{"type":"Generic","name":"m","url":"` + receiver.URL + `","connectTimeout":1000,"readTimeout":2000` + members + `}`
	}
	one := "/api/messenger/" + string(someID)
	h.do("POST", one, `{"messenger":`+messenger(`,"headers":{"X-Key":"secret-header"}`)+`}`).has(t, 200, "")

	answer := h.do("POST", one+"/test", `{"phoneNumber":" +491701234567 ","textMessage":"Hello"}`)
	for _, text := range []string{`"outcome":"accepted"`, `"statusCode":202`, `"responseBody":"queued for (hidden)"`, `"durationMicros":`, `"messengerId":"` + string(someID)} {
		answer.has(t, 200, text)
	}
	h.do("POST", "/api/messenger/test", `{"messenger":`+messenger(`,"messageTypes":["Voice"]`)+`,"phoneNumber":"+491701234567"}`).has(t, 200, `"outcome":"refused","statusCode":503`)
	got := receiver.Requests()
	if len(got) != 2 || string(got[0].Body) != `{"phoneNumber":"+491701234567","textMessage":"Hello","type":"SMS"}` ||
		string(got[1].Body) != `{"phoneNumber":"+491701234567","message":"This is a test message from Herald.","type":"Voice"}` || got[0].Header.Get("X-Key") != "secret-header" ||
		got[0].Header.Get("Idempotency-Key") == "" {
		t.Errorf("the receiver got %v", got)
	}
	if want := []string{" SMS +491701234567 accepted", " Voice +491701234567 refused"}; !slices.Equal(office.trials, want) {
		t.Errorf("recorded %q, want %q", office.trials, want)
	}
	h.do("GET", "/api/messenger", "").has(t, 200, `"messageTypes":["SMS"]`) // the one that was tried without being stored is not there

	for _, c := range []struct {
		path, body string
		want       string
	}{
		{one + "/test", `{}`, "[blank]phoneNumber"},
		{one + "/test", `{"phoneNumber":"ada@example.com","messageType":"Voice"}`, "[invalidPhone]phoneNumber [invalid]messageType"},
		{one + "/test", `{"phoneNumber":"112","messageType":"Email"}`, "[invalid]messageType"},
		{one + "/test", `{"phoneNumber":"112","messenger":{}}`, "[invalid]messenger"},
		{"/api/messenger/test", `{"phoneNumber":"112"}`, "[missing]messenger"},
		{"/api/messenger/test", `{"messenger":{"type":"Generic"}}`, "[blank]messenger.url [blank]phoneNumber [missing]messenger.connectTimeout [missing]messenger.readTimeout"},
	} {
		h.do("POST", c.path, c.body).expectCodes(t, 400, c.want)
	}
	if len(receiver.Requests()) != 2 || len(office.trials) != 2 {
		t.Error("something was sent")
	}
}

func TestEmail_Test(t *testing.T) {
	t.Parallel()
	h, office := messengers(t, dbtest.Open(t, db.SQLite), nil)
	h.key(wire.APIKey{Key: "of A", TenantID: tenantA})
	of := func(id wire.ID) string { return `{"tenantId":"` + string(id) + `","to":"ada@example.org"` }

	h.do("POST", "/api/email/test", of(tenantA)+`}`).has(t, 200, `"outcome":"accepted","statusCode":250`)
	h.do("POST", "/api/email/test", `{"to":"ada@example.org"}`, withKey("of A")).has(t, 200, `"outcome":"accepted"`)
	h.do("POST", "/api/email/test", `{"to":"ada@example.org"}`, with(tenantHeader, string(tenantA))).has(t, 200, `"outcome":"accepted"`)
	h.do("POST", "/api/email/test", of(tenantB)+`}`).has(t, 200, `"outcome":"connect"`)
	given := fmt.Sprintf(`,"emailConfiguration":{"host":"127.0.0.1","port":"%d"}}`, office.Port)
	h.do("POST", "/api/email/test", of(tenantB)+given).has(t, 200, `"outcome":"accepted"`)
	mails := office.Mails()
	if len(mails) != 4 || !slices.Equal(mails[0].To, []string{"ada@example.org"}) || mails[0].Open(t).Subject != "Test e-mail from Herald" {
		t.Errorf("mails %+v", mails)
	}
	if len(office.trials) != 5 || office.trials[0] != string(tenantA)+" Email ada@example.org accepted" || office.trials[3] != string(tenantB)+" Email ada@example.org connect" {
		t.Errorf("recorded %q", office.trials)
	}

	h.do("POST", "/api/email/test", `{"to":"ada@example.org"}`).expectCodes(t, 400, "[TenantIdRequired]")
	h.do("POST", "/api/email/test", of(nowhere)+`}`).expectCodes(t, 400, "[invalid]tenantId")
	h.do("POST", "/api/email/test", of(tenantB)+`}`, withKey("of A")).expectCodes(t, 400, "[invalid]tenantId")
	h.do("POST", "/api/email/test", `{"tenantId":"`+string(tenantA)+`","emailConfiguration":{"port":-1,"host":7}}`).
		expectCodes(t, 400, "[blank]to [couldNotConvert]emailConfiguration.host [invalid]emailConfiguration.port")
	h.do("POST", "/api/email/test", `{"tenantId":"`+string(tenantA)+`","to":"ada"}`).expectCodes(t, 400, "[notEmail]to")

	// The stored password goes nowhere but where it was stored for.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	thief := fmt.Sprintf(`"host":"127.0.0.1","port":%d,"username":"b"`, listener.Addr().(*net.TCPAddr).Port)
	h.do("POST", "/api/email/test", of(tenantB)+`,"emailConfiguration":{`+thief+`}}`).expectCodes(t, 400, "[missing]emailConfiguration.password")
	h.do("POST", "/api/email/test", of(tenantB)+`,"emailConfiguration":{"host":"127.0.0.1","port":1,"username":"c"}}`).expectCodes(t, 400, "[missing]emailConfiguration.password")
	h.do("POST", "/api/email/test", of(tenantB)+`,"emailConfiguration":{"host":"127.0.0.1","port":1,"username":"b","defaultFromName":"New"}}`).has(t, 200, `"outcome":"connect"`)
	h.do("POST", "/api/email/test", of(tenantB)+`,"emailConfiguration":{"host":"127.0.0.1","port":1,"username":"c","password":"mine"}}`).has(t, 200, `"outcome":"connect"`)

	// A stored configuration that cannot be used, as a restored store may have one, says so, and keeps nobody from trying another.
	office.configurations[tenantB] = `{"host":"127.0.0.1","security":"STARTTLS"}`
	h.do("POST", "/api/email/test", of(tenantB)+`}`).expectCodes(t, 400, "[invalid]tenant.emailConfiguration.security")
	h.do("POST", "/api/email/test", of(tenantB)+given).has(t, 200, `"outcome":"accepted"`)
}
