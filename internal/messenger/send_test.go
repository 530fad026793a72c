package messenger_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/wire"
)

const (
	number = "+491701234567"
	code   = "918273"
)

func sms() messenger.Message {
	return messenger.Message{
		Kind: wire.KindSMS, PhoneNumber: number, Text: "Grüße <b> & Co. Your code is 918273, or 918 273.", Locale: "de", Code: code,
		UserID: "e0000000-0000-4000-8000-00000000000e", Key: "key-of-the-message",
	}
}

func target(t *testing.T, s *messenger.Service, m wire.Messenger) *messenger.Target {
	t.Helper()
	found, err := s.Unsaved(m)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What a Generic receiver gets, byte for byte: three members, and more of them only for those who ask.
func TestGeneric_Request(t *testing.T) {
	t.Parallel()
	s := once(t)
	receiver := egresstest.NewReceiver(t)
	m := generic("receiver")
	m.URL = receiver.URL + "/fusionauth-generic-messenger?token=of-the-query"
	m.Headers = map[string]string{"X-Api-Key": "API-KEY"}
	m.HTTPAuthenticationUsername, m.HTTPAuthenticationPassword = "herald", "password"
	m.MessageTypes = []wire.MessageType{wire.SMS, wire.Voice}
	generous := m
	generous.IncludeCode, generous.IncludeUserID = true, true
	spoken := sms()
	spoken.Kind = wire.KindVoice
	noLocale := spoken
	noLocale.Locale, noLocale.Code, noLocale.UserID, noLocale.Text = "", "", "", ""
	empty := sms()
	empty.Text, empty.PhoneNumber, empty.Key = "", "(303) 555-1212", ""

	for i, c := range []struct {
		m       wire.Messenger
		message messenger.Message
		want    string
	}{
		{m, sms(), `{"phoneNumber":"+491701234567","textMessage":"Grüße <b> & Co. Your code is 918273, or 918 273.","type":"SMS"}`},
		{m, empty, `{"phoneNumber":"(303) 555-1212","textMessage":"","type":"SMS"}`},
		{m, spoken, `{"phoneNumber":"+491701234567","message":"Grüße <b> & Co. Your code is 918273, or 918 273.","locale":"de","type":"Voice"}`},
		{generous, noLocale, `{"phoneNumber":"+491701234567","message":"","type":"Voice"}`},
		{generous, sms(), `{"phoneNumber":"+491701234567","textMessage":"Grüße <b> & Co. Your code is 918273, or 918 273.","type":"SMS","code":"918273","userId":"e0000000-0000-4000-8000-00000000000e"}`},
	} {
		a := target(t, s, c.m).Send(t.Context(), c.message)
		if !a.Accepted() || a.Outcome != "accepted" || a.StatusCode != 200 || a.Unknown || a.Again || a.Exception != "" || a.Debug != "" || a.StartInstant == 0 ||
			a.DurationMicros <= 0 || a.MessengerName != "receiver" || a.URL != receiver.URL+"/fusionauth-generic-messenger?token=…" {
			t.Errorf("%d: attempt %+v", i, a)
		}
		got := receiver.Requests()[i]
		if string(got.Body) != c.want {
			t.Errorf("%d: sent %s, want %s", i, got.Body, c.want)
		}
		user, password, _ := (&http.Request{Header: got.Header}).BasicAuth()
		if got.Method != "POST" || got.Path != "/fusionauth-generic-messenger?token=of-the-query" || got.Header.Get("Content-Type") != "application/json" ||
			got.Header.Get("X-Api-Key") != "API-KEY" || user != "herald" || password != "password" || got.Header.Get("Idempotency-Key") != c.message.Key {
			t.Errorf("%d: request %+v", i, got)
		}
	}
}

func TestSend_Outcomes(t *testing.T) {
	t.Parallel()
	s := once(t)
	later := http.Header{"Retry-After": {"60"}}
	for name, c := range map[string]struct {
		step           egresstest.Step
		want           egress.Outcome
		status         int
		unknown, again bool
	}{
		"200":                           {egresstest.Status(200), egress.Accepted, 200, false, false},
		"299":                           {egresstest.Status(299), egress.Accepted, 299, false, false},
		"204":                           {egresstest.Status(204), egress.Accepted, 204, false, false},
		"400":                           {egresstest.Status(400), egress.Refused, 400, false, false},
		"401":                           {egresstest.Status(401), egress.Refused, 401, false, false},
		"408":                           {egresstest.Status(408), egress.Refused, 408, false, true},
		"429":                           {egresstest.Status(429), egress.Refused, 429, false, true},
		"429, but much later":           {egresstest.Answer(429, later, ""), egress.Refused, 429, false, false},
		"500":                           {egresstest.Status(500), egress.Refused, 500, false, true},
		"501":                           {egresstest.Status(501), egress.Refused, 501, false, false},
		"503":                           {egresstest.Status(503), egress.Refused, 503, false, true},
		"504":                           {egresstest.Status(504), egress.Refused, 504, true, false},
		"a redirect":                    {egresstest.Redirect("https://example.com"), egress.Redirect, 302, false, false},
		"no answer":                     {egresstest.Hang(), egress.Timeout, 0, true, false},
		"an answer that comes too late": {egresstest.Slow(time.Second, egresstest.Status(200)), egress.Timeout, 0, true, false},
		"cut off":                       {egresstest.Reset(), egress.Reset, 0, true, false},
		"closed":                        {egresstest.Close(), egress.Reset, 0, true, false},
		"half a header":                 {egresstest.HalfHeader(), egress.Reset, 0, true, false},
		"no HTTP":                       {egresstest.Garbage(), egress.Protocol, 0, true, false},
		"a header without end":          {egresstest.EndlessHeader(), egress.TooLarge, 0, true, false},
		"yes, and half a body":          {egresstest.HalfAnswer(), egress.Accepted, 200, false, false},
		"yes, and a body without end":   {egresstest.Drip(10 * time.Millisecond), egress.Accepted, 200, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := egresstest.NewReceiver(t).Script(c.step)
			m := generic("m")
			m.URL, m.ReadTimeout = receiver.URL, 300
			a := target(t, s, m).Send(t.Context(), sms())
			if a.Outcome != string(c.want) || a.StatusCode != c.status || a.Unknown != c.unknown || a.Again != c.again || a.Accepted() != (c.want == egress.Accepted) {
				t.Errorf("attempt %+v", a)
			}
			if n := len(receiver.Requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestSend_NotSent(t *testing.T) {
	t.Parallel()
	s := once(t)
	authority := egresstest.NewAuthority(t)
	receiver := egresstest.NewTLSReceiver(t, authority)
	hardened := newService(t, dbtest.Open(t, db.SQLite), egress.Options{Resolver: egresstest.NewResolver(t, func(string) []netip.Addr { return nil })})
	m := func(url string) wire.Messenger {
		m := generic("m")
		m.URL, m.SSLCertificate, m.ConnectTimeout = url, authority.PEM(), 300
		return m
	}
	if a := target(t, s, m(receiver.URL)).Send(t.Context(), sms()); !a.Accepted() {
		t.Fatalf("with its certificate: %+v", a)
	}
	untrusted, stored := m(receiver.URL), m(receiver.URL)
	untrusted.SSLCertificate = egresstest.NewAuthority(t).PEM()
	stored.SSLCertificate = "0a1b2c3d-0000-4000-8000-000000000000"
	voice, nobody := sms(), sms()
	voice.Kind, nobody.PhoneNumber = wire.KindVoice, "ada@example.com"
	email := sms()
	email.Kind = wire.KindEmail
	tlsConfig := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	other := egresstest.NewTLSReceiverWith(t, tlsConfig(authority.ServerCertificate("other.example.com")))
	expired := egresstest.NewTLSReceiverWith(t, tlsConfig(authority.ExpiredCertificate("127.0.0.1")))

	for name, c := range map[string]struct {
		target  *messenger.Target
		message messenger.Message
		want    egress.Outcome
		again   bool
		text    string
	}{
		"a certificate that is not trusted":   {target(t, s, untrusted), sms(), egress.TLS, false, "unknown authority"},
		"an expired certificate":              {target(t, s, m(expired.URL)), sms(), egress.TLS, false, "expired"},
		"a certificate for another host":      {target(t, s, m(other.URL)), sms(), egress.TLS, false, "not valid for host 127.0.0.1"},
		"a stored text that is no PEM":        {messenger.Stored(s, stored), sms(), egress.TLS, false, "the certificate of the messenger cannot be used"},
		"nobody listens":                      {target(t, s, m("http://"+egresstest.UnusedAddress(t).String())), sms(), egress.Connect, true, "connection refused"},
		"an address that is not allowed":      {target(t, hardened, m(receiver.URL)), sms(), egress.Blocked, false, "loopback"},
		"a name that does not exist":          {target(t, hardened, m("https://nowhere.example.com")), sms(), egress.DNS, true, "nowhere.example.com was not found"},
		"TLS that never comes":                {target(t, s, m("https://"+egresstest.SilentListener(t).String())), sms(), egress.Timeout, true, "connect timeout of 300 ms"},
		"a kind that it does not carry":       {target(t, s, m(receiver.URL)), voice, egress.Invalid, false, "does not carry messages of the type Voice"},
		"an e-mail":                           {target(t, s, m(receiver.URL)), email, egress.Invalid, false, "does not carry messages of the type Email"},
		"a recipient that is no number":       {target(t, s, m(receiver.URL)), nobody, egress.Invalid, false, "not a phone number"},
		"a stored type that is not supported": {messenger.Stored(s, wire.Messenger{Type: wire.Kafka}), sms(), egress.Invalid, false, "Kafka"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.target.Send(t.Context(), c.message)
			if a.Outcome != string(c.want) || a.StatusCode != 0 || a.Unknown || a.Again != c.again || !strings.Contains(a.Exception, c.text) || a.StartInstant == 0 {
				t.Errorf("attempt %+v", a)
			}
		})
	}
	if n := len(receiver.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Whoever waits may go; what was under way then is unknown.
func TestSend_CallerGoes(t *testing.T) {
	t.Parallel()
	s := once(t)
	receiver := egresstest.NewReceiver(t).Script(egresstest.Hang())
	m := generic("m")
	m.URL = receiver.URL
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan messenger.Attempt)
	go func() { sent <- target(t, s, m).Send(ctx, sms()) }()
	receiver.WaitFor(1)
	cancel()
	if a := <-sent; a.Outcome != string(egress.Cancelled) || !a.Unknown || a.Again {
		t.Errorf("attempt %+v", a)
	}
	if a := target(t, s, m).Send(ctx, sms()); a.Outcome != string(egress.Cancelled) || a.Unknown || a.Again {
		t.Errorf("an attempt that never began: %+v", a)
	}
}

// A receiver that dies while it works on a message has perhaps sent it: the message must not be repeated behind the back of who decides that, not
// even when the connection was an old one.
func TestSend_NeverRepeats(t *testing.T) {
	t.Parallel()
	s := once(t)
	got := make(chan string, 10)
	receiver := egresstest.NewWire(t, func(c *egresstest.WireConn) {
		for i := 0; ; i++ {
			if !c.ReadRequest() {
				return
			}
			got <- fmt.Sprintf("connection %d, request %d", c.Number, i)
			if i == 1 {
				return
			}
			c.Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	m := generic("m")
	m.URL = receiver.URL
	to := target(t, s, m)
	if a := to.Send(t.Context(), sms()); !a.Accepted() {
		t.Fatalf("attempt %+v", a)
	}
	if a := to.Send(t.Context(), sms()); !a.Unknown || a.Outcome != string(egress.Reset) || a.Again {
		t.Errorf("attempt %+v", a)
	}
	var saw []string
	for len(got) > 0 { // the receiver says what it saw before it answers or closes
		saw = append(saw, <-got)
	}
	if !slices.Equal(saw, []string{"connection 0, request 0", "connection 0, request 1"}) {
		t.Errorf("the receiver saw %q", saw)
	}
}

// Whatever a receiver repeats, and whatever goes wrong: no record holds the code, the whole number, the text or a credential.
func TestSend_RecordsNoSecret(t *testing.T) {
	t.Parallel()
	s := once(t)
	const password, header, query = `pass"word\with<odd>&signs`, "header-0123456789", "query-0123456789"
	basic := base64.StdEncoding.EncodeToString([]byte("herald:" + password))
	quoted, _ := json.Marshal(password)
	planted := []string{password, strings.Trim(string(quoted), `"`), basic, header, query, code, "918 273", number, number[1:], url.QueryEscape(number), "1701234567", "Grüße <b>"}

	for name, step := range map[string]http.HandlerFunc{
		"everything": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, pass, _ := r.BasicAuth()
			_ = json.NewEncoder(w).Encode(map[string]any{"headers": r.Header, "url": r.URL.String(), "body": string(body), "password": pass})
		},
		"everything, as a refusal": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, "%s\n", r.URL)
			_ = r.Write(w)
		},
		"the number in other words": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "01701234567 00491701234567 491701234567 %2B491701234567")
		},
		"as a form": func(w http.ResponseWriter, r *http.Request) {
			m := sms()
			_, _ = io.WriteString(w, url.Values{"To": {m.PhoneNumber}, "Body": {m.Text}, "Code": {m.Code}}.Encode())
		},
		"cut off in the middle of the number": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(".", egress.DefaultKeepResponse-9)+number+strings.Repeat(".", 1000))
		},
		"no HTTP at all": func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(c, number+" "+code+"\r\n\r\n")
				_ = c.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := egresstest.NewReceiver(t).Script(egresstest.Handle(step))
			m := generic("m")
			m.URL = receiver.URL + "/?token=" + query
			m.Headers = map[string]string{"X-Api-Key": header}
			m.HTTPAuthenticationUsername, m.HTTPAuthenticationPassword = "herald", password
			m.IncludeCode, m.Debug = true, true
			a := target(t, s, m).Send(t.Context(), sms())
			if got := receiver.Requests()[0]; !strings.Contains(string(got.Body), code) || got.Header.Get("X-Api-Key") != header {
				t.Fatalf("the receiver got %s", got.Body)
			}
			record, err := json.Marshal(a.MessageAttempt)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{string(record), a.ResponseBody, a.Exception, a.URL, a.Debug} {
				for i, secret := range planted {
					if i == len(planted)-1 && text == a.Debug { // the text is what people want to see there
						continue
					}
					if strings.Contains(text, secret) {
						t.Errorf("%q is in %s", secret, text)
					}
				}
			}
			if strings.Contains(string(record), "+4917") {
				t.Errorf("the beginning of the number is in %s", record)
			}
		})
	}
}

// A debug entry shows what was sent and what came back.
func TestSend_Debug(t *testing.T) {
	t.Parallel()
	s := once(t)
	receiver := egresstest.NewReceiver(t).Script(egresstest.Answer(202, nil, `{"queued":true,"code":"918273"}`), egresstest.Reset())
	m := generic("My receiver")
	m.URL, m.Debug, m.IncludeCode, m.IncludeUserID = receiver.URL+"/sms", true, true, true
	m.Headers = map[string]string{"x-api-key": "secret"}
	to := target(t, s, m)
	a := to.Send(t.Context(), sms())
	took := a.Debug[strings.Index(a.Debug, "after ")+6:]
	took = took[:strings.Index(took, "\n")]
	want := `Messenger: My receiver (Generic, )

Request: POST ` + receiver.URL + `/sms
  Content-Type: application/json
  X-Api-Key: (hidden)
  Idempotency-Key: key-of-the-message
{"phoneNumber":"+49…67","textMessage":"Grüße <b> & Co. Your code is (hidden), or (hidden).","type":"SMS","code":"(hidden)","userId":"e0000000-0000-4000-8000-00000000000e"}

Answer: status 202 after ` + took + `
{"queued":true,"code":"(hidden)"}

Outcome: accepted
`
	if a.Debug != want {
		t.Errorf("debug is\n%s\nwant\n%s", a.Debug, want)
	}
	if _, err := time.ParseDuration(took); err != nil {
		t.Errorf("it took %q", took)
	}
	a = to.Send(t.Context(), sms())
	for _, text := range []string{"No answer after", "Outcome: reset, the receiver closed"} {
		if !strings.Contains(a.Debug, text) {
			t.Errorf("debug has no %q:\n%s", text, a.Debug)
		}
	}
	none := sms()
	none.PhoneNumber = ""
	if a := to.Send(t.Context(), none); !strings.Contains(a.Debug, "Nothing was sent: the recipient is not a phone number") {
		t.Errorf("debug is\n%s", a.Debug)
	}
}

// A long answer is kept to its beginning.
func TestSend_LongAnswer(t *testing.T) {
	t.Parallel()
	s := once(t)
	receiver := egresstest.NewReceiver(t).Script(egresstest.Answer(200, nil, strings.Repeat("ü", 100_000)))
	m := generic("m")
	m.URL = receiver.URL
	a := target(t, s, m).Send(t.Context(), sms())
	if want := strings.Repeat("ü", 2048) + "…"; !a.Accepted() || a.ResponseBody != want {
		t.Errorf("%d bytes, %.20s", len(a.ResponseBody), a.ResponseBody)
	}
}

// Through the proxy of the installation, like everything that is sent.
func TestSend_ThroughProxy(t *testing.T) {
	t.Parallel()
	proxy := egresstest.NewProxy(t, "user", "proxy-password")
	authority := egresstest.NewAuthority(t)
	receiver := egresstest.NewTLSReceiver(t, authority)
	s := newService(t, dbtest.Open(t, db.SQLite), egress.Options{
		Policy: egress.Policy{AllowPrivate: true},
		Proxy:  &egress.Proxy{Host: "127.0.0.1", Port: int(proxy.Addr.Port()), Username: "user", Password: "proxy-password"},
	})
	m := generic("m")
	m.URL, m.SSLCertificate = receiver.URL, authority.PEM()
	if a := target(t, s, m).Send(t.Context(), sms()); !a.Accepted() {
		t.Errorf("attempt %+v", a)
	}
	if got := proxy.Targets(); len(got) != 1 || got[0] != "CONNECT "+strings.TrimPrefix(receiver.URL, "https://") {
		t.Errorf("the proxy was asked for %q", got)
	}
}

func TestTwilio_Form(t *testing.T) {
	t.Parallel()
	s := once(t)
	theirs := messengertest.NewTwilio(t)
	from := twilio("from a number")
	from.URL, from.MessageTypes = theirs.URL+"/", []wire.MessageType{wire.SMS, wire.Voice}
	service := twilio("from a service")
	service.URL, service.MessagingServiceSID, service.FromPhoneNumber = theirs.URL, "MG77", ""
	both := from
	both.MessagingServiceSID = "MG77"
	spoken := sms()
	spoken.Kind, spoken.PhoneNumber = wire.KindVoice, "+49 (170) 123-4567"
	const account = "/2010-04-01/Accounts/" + messengertest.TwilioSID

	for i, c := range []struct {
		m       wire.Messenger
		message messenger.Message
		path    string
		want    url.Values
	}{
		{from, sms(), "/Messages.json", url.Values{"To": {number}, "From": {"+15005550006"}, "Body": {sms().Text}}},
		{service, sms(), "/Messages.json", url.Values{"To": {number}, "MessagingServiceSid": {"MG77"}, "Body": {sms().Text}}},
		{both, sms(), "/Messages.json", url.Values{"To": {number}, "MessagingServiceSid": {"MG77"}, "Body": {sms().Text}}},
		{both, spoken, "/Calls.json", url.Values{
			"To": {number}, "From": {"+15005550006"},
			"Twiml": {`<Response><Say language="de-DE">Grüße &lt;b&gt; &amp; Co. Your code is 918273, or 918 273.</Say></Response>`},
		}},
	} {
		a := target(t, s, c.m).Send(t.Context(), c.message)
		if !a.Accepted() || a.StatusCode != 201 || a.URL != theirs.URL+account+c.path || a.Exception != "" || !strings.Contains(a.ResponseBody, `"to":"(hidden)"`) {
			t.Fatalf("%d: attempt %+v", i, a)
		}
		if got := theirs.Forms()[i]; got.Encode() != c.want.Encode() {
			t.Errorf("%d: form %v, want %v", i, got, c.want)
		}
	}

	// What the real one refuses is refused here as well, with its number.
	stranger := from
	stranger.AuthToken = "another"
	if a := target(t, s, stranger).Send(t.Context(), sms()); a.StatusCode != 401 || a.Exception != "Twilio error 20003: Authenticate" {
		t.Errorf("attempt %+v", a)
	}
	national := sms()
	national.PhoneNumber = "0170 1234567"
	if a := target(t, s, from).Send(t.Context(), national); a.StatusCode != 400 || a.Exception != "Twilio error 21211: The 'To' number (hidden) is not a valid phone number." {
		t.Errorf("attempt %+v", a)
	}
}

func TestTwilio_Errors(t *testing.T) {
	t.Parallel()
	s := once(t)
	for name, c := range map[string]struct {
		step           egresstest.Step
		want           egress.Outcome
		unknown, again bool
		text           string
	}{
		"no phone number": {
			egresstest.Answer(400, nil, `{"code":21211,"message":"The 'To' number +491701234567 is not a valid phone number.","more_info":"https://www.twilio.com/docs/errors/21211","status":400}`),
			egress.Refused, false, false, "Twilio error 21211: The 'To' number (hidden) is not a valid phone number.",
		},
		"a wrong token": {egresstest.Answer(401, nil, `{"code":20003,"message":"Authenticate","status":401}`), egress.Refused, false, false, "Twilio error 20003: Authenticate"},
		"too many":      {egresstest.Answer(429, nil, `{"code":20429,"message":"Too Many Requests","status":429}`), egress.Refused, false, true, "Twilio error 20429: Too Many Requests"},
		"in trouble":    {egresstest.Answer(500, nil, `<html>`), egress.Refused, false, true, ""},
		"taken, and failed at once": {
			egresstest.Answer(201, nil, `{"sid":"SM1","status":"failed","error_code":30006,"error_message":"Landline or unreachable carrier"}`),
			egress.Refused, false, false, "Twilio error 30006: Landline or unreachable carrier",
		},
		"taken, and nothing said": {egresstest.Answer(201, nil, ``), egress.Accepted, false, false, ""},
		"no answer":               {egresstest.Hang(), egress.Timeout, true, false, "read timeout of 300 ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := egresstest.NewReceiver(t).Script(c.step)
			m := twilio("m")
			m.URL, m.ReadTimeout, m.Debug = receiver.URL, 300, true
			a := target(t, s, m).Send(t.Context(), sms())
			if a.Outcome != string(c.want) || a.Unknown != c.unknown || a.Again != c.again || !strings.Contains(a.Exception, c.text) || c.text == "" && a.Exception != "" {
				t.Errorf("attempt %+v", a)
			}
			basic := base64.StdEncoding.EncodeToString([]byte(messengertest.TwilioSID + ":" + messengertest.TwilioToken))
			for _, secret := range []string{code, number, url.QueryEscape(number), basic, messengertest.TwilioToken} {
				if strings.Contains(fmt.Sprintf("%+v", a), secret) {
					t.Errorf("%q is in %+v", secret, a)
				}
			}
			for _, text := range []string{"To=+49…67", "Body=Grüße <b> & Co. Your code is (hidden), or (hidden).", "From=+15005550006"} {
				if !strings.Contains(a.Debug, text) {
					t.Errorf("debug has no %q:\n%s", text, a.Debug)
				}
			}
		})
	}
}

func TestSay(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]string{
		"": `<Response><Say>a&lt;b</Say></Response>`, "de": `language="de-DE"`, "pt_BR": `language="pt-BR"`, "en-GB": `language="en-GB"`, "en": `language="en-US"`,
		`"><x`: `<Say>`,
	} {
		if got := messenger.Say("a<b", locale); !strings.Contains(got, want) {
			t.Errorf("%q: %s", locale, got)
		}
	}
}

func TestIsPhoneNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"3035551212": true, "+491701234567": true, "+49 (170) 123-45/67": true, "112": true, "(303) 555-1212": true,
		"": false, "12": false, "+": false, "ada@example.com": false, "12345x": false, "123\n456": false, "0049+170123": false, "++491701": false,
		strings.Repeat("1", 41): false, "170 1234567 und": false, "１２３４": false,
	} {
		if got := messenger.IsPhoneNumber(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"+491701234567": "+49…67", "3035551212": "303…12", "112": "…", "": "…", "ada@example.com": "a…@example.com", "a@example.com": "…@example.com",
		"übung@example.com": "ü…@example.com", "@x": "…@x", "something else entirely": "…",
	} {
		if got := messenger.Mask(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Dates are understood as well as seconds, where a receiver asks to be left alone.
func TestClassify_RetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]bool{
		"": true, "0": true, "5": true, "6": false, "9999999999": false, now.Add(2 * time.Second).Format(http.TimeFormat): true, now.Add(time.Minute).Format(http.TimeFormat): false, "soon": true,
	} {
		_, _, again := messenger.Classify(egress.Result{Outcome: egress.Refused, StatusCode: 503, Header: http.Header{"Retry-After": {text}}, RequestSent: true, End: now})
		if again != want {
			t.Errorf("%q: %t", text, again)
		}
	}
	// A login that the proxy refuses, and one at the receiver that needs our certificate, say nothing of the message.
	for _, r := range []egress.Result{{Outcome: egress.Connect, StatusCode: 407, RequestSent: true}, {Outcome: egress.TLS, RequestSent: true}} {
		if outcome, unknown, again := messenger.Classify(r); outcome != r.Outcome || unknown || again {
			t.Errorf("%+v: %t, %t", r, unknown, again)
		}
	}
}
