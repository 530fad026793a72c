package receiver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
	"github.com/herald-events/herald/wire"
)

const notAuthorized = `{"errors":[{"code":"[notAuthorized]"}]}`

// open are options that let everybody in, and say nothing.
func open() receiver.Options {
	return receiver.Options{Checks: []receiver.Check{receiver.Anyone()}, Log: slog.New(slog.DiscardHandler)}
}

// logged makes the options write their log into a buffer.
func logged(o receiver.Options) (receiver.Options, *bytes.Buffer) {
	var b bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&b, nil))
	return o, &b
}

func want(t *testing.T, what string, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || w.Body.String() != body {
		t.Errorf("%s: %d %s, want %d %s", what, w.Code, w.Body, status, body)
	}
	if body != "" && w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s: the Content-Type is %q", what, w.Header().Get("Content-Type"))
	}
}

func TestReceiver_Dispatch(t *testing.T) {
	t.Parallel()
	type lean struct {
		event.Header
		User struct{ Email string }
	}
	type order struct {
		event.Header
		Amount json.Number
	}
	var got []string
	r := receiver.New(open())
	receiver.On(r, event.UserCreate, func(_ context.Context, e *event.UserEvent) error {
		got = append(got, "create "+e.User.Email+" "+string(e.ID))
		return nil
	})
	receiver.On(r, event.UserDelete, func(_ context.Context, e *lean) error {
		got = append(got, "delete "+e.User.Email+" "+string(e.ID))
		return nil
	})
	receiver.On(r, "custom.order.paid", func(_ context.Context, e *order) error {
		got = append(got, "paid "+e.Amount.String()+" "+string(e.TenantID))
		return nil
	})
	receiver.On(r, "custom.order.sent", func(_ context.Context, e *event.CustomEvent) error {
		got = append(got, "sent "+string(e.Members["parcels"]))
		return nil
	})
	r.Default(func(_ context.Context, e *receiver.Event) error {
		got = append(got, fmt.Sprintf("other %s %s", e.Type, e.Raw))
		return nil
	})

	created := receivertest.Example(event.UserCreate).(*event.UserEvent)
	created.User.Email = "ada@example.com"
	deleted := receivertest.Example(event.UserDelete).(*event.UserEvent)
	deleted.User.Email = "bob@example.com"
	s := receivertest.Sender{}
	for _, q := range []*http.Request{
		s.Payload(created),
		s.Payload(deleted),
		s.Body("1", []byte(`{"event":{"type":"custom.order.paid","id":"1","tenantId":"t","amount":12345678901234567890.10}}`)),
		s.Body("2", []byte(`{"event":{"type":"custom.order.sent","id":"2","parcels":[1,2]}}`)),
		s.Body("3", []byte(`{"more":1,"event":{"type":"user.teleported","id":"3","to":"mars"}}`)), // a type of tomorrow
	} {
		want(t, "an event", receivertest.Do(r, q), 200, "")
	}
	for i, w := range []string{
		"create ada@example.com " + string(created.ID), "delete bob@example.com " + string(deleted.ID), "paid 12345678901234567890.10 t", "sent [1,2]",
		`other user.teleported {"type":"user.teleported","id":"3","to":"mars"}`,
	} {
		if i >= len(got) || got[i] != w {
			t.Errorf("call %d: %q, want %q", i, got, w)
		}
	}

	r = receiver.New(open())
	want(t, "an event without a handler", receivertest.Do(r, s.Event(event.GroupCreate)), 200, "")
	r.Default(receiver.RefuseOthers)
	want(t, "one that is refused", receivertest.Do(r, s.Event(event.GroupCreate)), 422, `{"errors":[{"code":"[refused]","message":"this receiver does not handle group.create"}]}`)
}

func TestOn_Mistakes(t *testing.T) {
	t.Parallel()
	ok := func(context.Context, *event.UserEvent) error { return nil }
	for what, c := range map[string]struct {
		do   func(r *receiver.Receiver)
		says string
	}{
		"a type that is none":     {func(r *receiver.Receiver) { receiver.On(r, "user.creat", ok) }, `did you mean "user.create"?`},
		"another payload":         {func(r *receiver.Receiver) { receiver.On(r, event.GroupCreate, ok) }, "the payload of group.create is a *event.GroupEvent, not a *event.UserEvent"},
		"the same type twice":     {func(r *receiver.Receiver) { receiver.On(r, event.UserCreate, ok); receiver.On(r, event.UserCreate, ok) }, "two handlers"},
		"no handler":              {func(r *receiver.Receiver) { receiver.On[event.UserEvent](r, event.UserCreate, nil) }, "no handler"},
		"no other handler":        {func(r *receiver.Receiver) { r.Default(nil) }, "no handler"},
		"no checks":               {func(*receiver.Receiver) { receiver.New(receiver.Options{}) }, "receiver.Anyone()"},
		"a header without value":  {func(*receiver.Receiver) { receiver.Header("Authorization", "") }, "empty"},
		"no password":             {func(*receiver.Receiver) { receiver.Basic("herald", "") }, "empty"},
		"an empty secret":         {func(*receiver.Receiver) { receiver.Secret("") }, "empty"},
		"a secret that is broken": {func(*receiver.Receiver) { receiver.Secret("whsec_§") }, "base64"},
		"no keys":                 {func(*receiver.Receiver) { receiver.Signature(nil) }, "keys"},
		"no keys either":          {func(*receiver.Receiver) { receiver.StandardWebhooks(nil, 0) }, "keys"},
		"a public key as secret":  {func(*receiver.Receiver) { receiver.Secret(receivertest.NewKey("ES256").PublicPEM()) }, "PublicKeys"},
		"a value from a file":     {func(*receiver.Receiver) { receiver.Header("Authorization", "some-secret\n") }, "line break"},
		"no key set":              {func(*receiver.Receiver) { receiver.Signature((*receiver.JWKS)(nil)) }, "nil"},
		"a key set at no address": {func(*receiver.Receiver) { receiver.Signature(&receiver.JWKS{}) }, "JWKS.URL is no URL"},
		"one at an open address":  {func(*receiver.Receiver) { receiver.StandardWebhooks(&receiver.JWKS{URL: "http://herald.example/"}, 0) }, "https"},
		"nothing to choose":       {func(*receiver.Receiver) { receiver.Any() }, "choose"},
		"no check of one's own":   {func(*receiver.Receiver) { receiver.Custom(nil) }, "no check"},
		"nobody who sends":        {func(*receiver.Receiver) { receiver.Messages(open(), nil) }, "send"},
	} {
		func() {
			defer func() {
				if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "receiver: ") || !strings.Contains(v, c.says) {
					t.Errorf("%s: it panics with %s, want %s", what, v, c.says)
				}
			}()
			c.do(receiver.New(open()))
		}()
	}
}

func TestReceiver_Answers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		says   func() error
		status int
		body   string
		log    string
	}{
		{"yes", func() error { return nil }, 200, "", ""},
		{"no", func() error { return receiver.Refuse(`the domain is "blocked"`) }, 422, `{"errors":[{"code":"[refused]","message":"the domain is \"blocked\""}]}`, "blocked"},
		{"no, wrapped", func() error { return fmt.Errorf("in: %w", receiver.Refuse("blocked")) }, 422, `{"errors":[{"code":"[refused]","message":"blocked"}]}`, "blocked"},
		{"an error", func() error { return errors.New("password=hunter2") }, 500, `{"errors":[{"code":"[notHandled]"}]}`, "hunter2"},
		{"later", func() error { return receiver.RetryAfter(1500*time.Millisecond, "moving house") }, 503, `{"errors":[{"code":"[later]","message":"moving house"}]}`, "moving house"},
		{"unsure", func() error { return receiver.Unsure(errors.New("no answer")) }, 504, `{"errors":[{"code":"[notHandled]"}]}`, "no answer"},
		{"a panic", func() error { panic("oh") }, 500, `{"errors":[{"code":"[notHandled]"}]}`, "receiver_test.go"},
		{"a mistake", func() error { return []error{nil}[len(notAuthorized)] }, 500, `{"errors":[{"code":"[notHandled]"}]}`, "index out of range"},
	} {
		o, log := logged(open())
		r := receiver.New(o)
		receiver.On(r, event.UserCreate, func(context.Context, *event.UserEvent) error { return c.says() })
		w := receivertest.Do(r, receivertest.Sender{}.Event(event.UserCreate))
		want(t, c.name, w, c.status, c.body)
		if !strings.Contains(log.String(), c.log) || (c.log == "") != (log.Len() == 0) {
			t.Errorf("%s: the log says %q, want %q", c.name, log, c.log)
		}
		if retry := w.Header().Get("Retry-After"); (c.status == 503) != (retry != "") || c.status == 503 && retry != "2" {
			t.Errorf("%s: Retry-After is %q", c.name, retry)
		}
	}
	if receiver.Unsure(nil) != nil {
		t.Error("no error is unsure")
	}
}

// What is no event is turned away with a sentence that says what is wrong.
func TestReceiver_BadRequests(t *testing.T) {
	t.Parallel()
	o := open()
	o.MaxBody = 1000
	r := receiver.New(o)
	called := 0
	receiver.On(r, event.UserCreate, func(_ context.Context, e *event.UserEvent) error {
		called++
		if e.ID != "1" || e.Type != event.UserCreate {
			t.Errorf("the header is %+v", e.Header)
		}
		return nil
	})
	s := receivertest.Sender{}
	const good = `{"event":{"id":"1","type":"user.create","user":{}}}`
	for _, c := range []struct {
		body   string
		change func(*http.Request)
		status int
		says   string
	}{
		{good, nil, 200, ""},
		{`{"event":{"id":"1","type":"user.create","ID":"2","Type":"user.delete","user":{}}}`, nil, 200, ""}, // the exact names count
		{"", nil, 400, "not JSON"},
		{"null", nil, 400, "not a JSON object"},
		{`[]`, nil, 400, "not a JSON object"},
		{`{"event":`, nil, 400, "not JSON"},
		{`{"event":{"type":"user.create"`, nil, 400, "not JSON"},
		{good + "{}", nil, 400, "behind"},
		{good + "x", nil, 400, "behind"},
		{`{"Event":{"type":"user.create"}}`, nil, 400, `no member \"event\"`},
		{`{"event":7}`, nil, 400, `\"event\" is not a JSON object`},
		{`{"event":null}`, nil, 400, `\"event\" is not a JSON object`},
		{`{"event":{}}`, nil, 400, "event.type is missing"},
		{`{"event":{"type":7}}`, nil, 400, "event.type cannot be read"},
		{`{"event":{"id":{},"type":"user.create"}}`, nil, 400, "event.id cannot be read"},
		{`{"event":{"id":"` + strings.Repeat("x", 201) + `","type":"user.create"}}`, nil, 400, "event.id has 201 bytes"},
		{`{"event":{"type":"user.create","user":7}}`, nil, 400, "user.create"},
		// Of members that are there twice somebody else may have looked at the other one.
		{`{"event":{"type":"user.login.success"},"event":{"id":"1","type":"user.create"}}`, nil, 400, "twice"},
		{`{"event":{"type":"user.login.success","id":"1","type":"user.create"}}`, nil, 400, "twice"},
		{`{"event":{"type":"user.login.success","id":"1","\u0074ype":"user.create"}}`, nil, 400, "twice"},
		{strings.Repeat(" ", 1000) + good, nil, 413, "1000 bytes"},
		{strings.Repeat(" ", 1000) + good, func(q *http.Request) { q.ContentLength = -1 }, 413, "1000 bytes"},
		{good, func(q *http.Request) { q.Method = "GET" }, 405, "POST"},
		{good, func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") }, 415, "application/json"},
		{good, func(q *http.Request) { q.Header.Del("Content-Type") }, 415, "application/json"},
		{good, func(q *http.Request) { q.Header.Add("Content-Type", "text/plain") }, 415, "application/json"},
		{good, func(q *http.Request) { q.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200, ""},
		{good, func(q *http.Request) { q.Header.Set("Content-Encoding", "gzip") }, 415, "Content-Encoding"},
		{good, func(q *http.Request) { q.Body = io.NopCloser(io.MultiReader(strings.NewReader(good[:9]), broken{})) }, 400, "whole"},
	} {
		q := s.Body("1", []byte(c.body))
		if c.change != nil {
			c.change(q)
		}
		before := called
		w := receivertest.Do(r, q)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || called-before != map[bool]int{true: 1}[c.status == 200] {
			t.Errorf("%.100s: %d %s, and %d calls; want %d %s", c.body, w.Code, w.Body, called-before, c.status, c.says)
		}
		if c.status != 200 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%.100s: the answer is no JSON: %s", c.body, w.Body)
		}
	}
}

// A body that says it is too long is not even looked at.
func TestReceiver_TooLongIsNotRead(t *testing.T) {
	t.Parallel()
	q := receivertest.Sender{}.Event(event.UserCreate)
	q.Body, q.ContentLength = io.NopCloser(unread{t}), 1<<20+1
	if w := receivertest.Do(receiver.New(open()), q); w.Code != 413 {
		t.Errorf("status %d", w.Code)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A webhook that wants imports gets a body for them, unless its owner has set a limit.
func TestReceiver_BulkCreateIsLarge(t *testing.T) {
	t.Parallel()
	large := []byte(`{"event":{"id":"1","type":"user.bulk.create","users":[]}}` + strings.Repeat(" ", 2<<20))
	for _, limit := range []int64{0, 1 << 20} {
		o := open()
		o.MaxBody = limit
		r := receiver.New(o)
		if w := receivertest.Do(r, receivertest.Sender{}.Body("1", large)); w.Code != 413 {
			t.Errorf("without a handler: %d", w.Code)
		}
		receiver.On(r, event.UserBulkCreate, func(context.Context, *event.UserBulkCreateEvent) error { return nil })
		if w := receivertest.Do(r, receivertest.Sender{}.Body("1", large)); (w.Code == 200) != (limit == 0) {
			t.Errorf("with one and MaxBody %d: %d", limit, w.Code)
		}
	}
}

func TestReceiver_MaxAge(t *testing.T) {
	t.Parallel()
	o, log := logged(open())
	o.MaxAge = time.Hour
	r := receiver.New(o)
	s := receivertest.Sender{}
	for _, c := range []struct {
		name   string
		q      *http.Request
		status int
		says   string
	}{
		{"a new one", s.Event(event.UserCreate), 200, ""},
		{"one of half an hour", s.Expired(30 * time.Minute).Event(event.UserCreate), 200, ""},
		{"one of two hours", s.Expired(2 * time.Hour).Event(event.UserCreate), 401, "2h0m0s ago"},
		{"one whose clock is a minute ahead", s.Expired(-time.Minute).Event(event.UserCreate), 200, ""},
		{"one of tomorrow", s.Expired(-24 * time.Hour).Event(event.UserCreate), 401, "will be created"},
		{"one without an instant", s.Body("1", []byte(`{"event":{"type":"user.create"}}`)), 401, "when it was created"},
		{"one of the end of time", s.Body("1", []byte(`{"event":{"type":"user.create","createInstant":9223372036854775807}}`)), 401, "will be"},
		{"one of its beginning", s.Body("1", []byte(`{"event":{"type":"user.create","createInstant":-9223372036854775808}}`)), 401, "ago"},
	} {
		log.Reset()
		body := ""
		if c.status != 200 {
			body = notAuthorized
		}
		want(t, c.name, receivertest.Do(r, c.q), c.status, body)
		if !strings.Contains(log.String(), c.says) {
			t.Errorf("%s: the log says %s", c.name, log)
		}
	}
}

// Each type gets through with each way to say who sends it, and arrives as it was sent.
func TestReceiver_EveryTypeWithEveryCheck(t *testing.T) {
	t.Parallel()
	hmac, rsa, ed := receivertest.NewKey("HS512"), receivertest.NewKey("RS256"), receivertest.NewKey("EdDSA")
	set := httptest.NewServer(receivertest.KeySet(rsa, ed))
	defer set.Close()
	jwks := &receiver.JWKS{URL: set.URL}
	if err := jwks.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := receivertest.Sender{Header: map[string]string{"X-Key": "some-secret"}, Username: "herald", Password: "pw"}
	for name, c := range map[string]struct {
		change func(*receivertest.Sender)
		checks []receiver.Check
	}{
		"HMAC and Standard": {func(s *receivertest.Sender) { s.JWT, s.StandardWebhooks = hmac, hmac }, []receiver.Check{receiver.Signature(hmac.Keys()), receiver.StandardWebhooks(hmac.Keys(), 0)}},
		"RSA":               {func(s *receivertest.Sender) { s.JWT = rsa }, []receiver.Check{receiver.Signature(jwks)}},
		"Ed25519":           {func(s *receivertest.Sender) { s.JWT, s.StandardWebhooks = ed, ed }, []receiver.Check{receiver.Signature(ed.Keys()), receiver.StandardWebhooks(ed.Keys(), 0)}},
		"Standard by JWKS":  {func(s *receivertest.Sender) { s.StandardWebhooks = ed }, []receiver.Check{receiver.StandardWebhooks(jwks, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s
			c.change(&s)
			o := open()
			o.Checks = append(c.checks, receiver.Header("X-Key", "some-secret"), receiver.Basic("herald", "pw"))
			o.Once = receiver.Memory(0)
			r := receiver.New(o)
			var got event.Type
			r.Default(func(_ context.Context, e *receiver.Event) error {
				d, _ := event.Lookup(e.Type)
				p := d.New()
				if err := e.Decode(p); err != nil {
					return err
				}
				again, err := event.Encode(p)
				if string(again) != `{"event":`+string(e.Raw)+`}` {
					t.Errorf("%s: %s was decoded as %s (%v)", e.Type, e.Raw, again, err)
				}
				got = e.Type
				return nil
			})
			for _, typ := range append(receivertest.Types(), "custom.order.paid") {
				q := s.Event(typ)
				want(t, string(typ), receivertest.Do(r, q), 200, "")
				if got != typ {
					t.Errorf("%s arrived as %s", typ, got)
				}
				want(t, string(typ)+" again", receivertest.Do(r, receivertest.Again(q)), 200, `{"duplicate":true}`)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	o, log := logged(receiver.Options{Checks: []receiver.Check{receiver.Header("Authorization", "some-secret")}, Once: receiver.Memory(0), MaxAge: time.Minute})
	var got []receiver.Message
	var says error
	h := receiver.Messages(o, func(_ context.Context, m *receiver.Message) error {
		got = append(got, *m)
		return says
	})
	s := receivertest.Sender{Header: map[string]string{"Authorization": "some-secret"}}
	sms := receiver.Message{PhoneNumber: "3035551212", Text: "Two Factor Code: 111111", Type: wire.SMS, Key: "1"}
	voice := receiver.Message{PhoneNumber: "3035551212", Text: "Ihr Kode: 1", Type: wire.Voice, Locale: "de", Code: "1", UserID: "u", Key: "2"}

	want(t, "a message", receivertest.Do(h, s.Message(sms)), 200, "")
	want(t, "the same again", receivertest.Do(h, s.Message(sms)), 200, `{"duplicate":true}`)
	want(t, "a call", receivertest.Do(h, s.Message(voice)), 200, "")
	want(t, "of somebody else", receivertest.Do(h, receivertest.Sender{}.Message(sms)), 401, notAuthorized)
	if len(got) != 2 || got[0] != sms || got[1] != voice {
		t.Errorf("sent: %+v", got)
	}
	sms.Key = "" // FusionAuth sends none
	got = nil
	receivertest.Do(h, s.Message(sms))
	receivertest.Do(h, s.Message(sms))
	if len(got) != 2 {
		t.Errorf("without keys, of two messages were sent: %+v", got)
	}

	sms.Key = "3"
	for _, c := range []struct {
		err    error
		status int
	}{
		{errors.New("the provider is down"), 500},
		{receiver.Refuse("the number is blocked"), 422},
		{receiver.RetryAfter(time.Second, "slow down"), 503},
		{receiver.Unsure(context.DeadlineExceeded), 504},
		{nil, 200}, // the key was given back each time
	} {
		says = c.err
		if w := receivertest.Do(h, s.Message(sms)); w.Code != c.status {
			t.Errorf("%v: %d, want %d", c.err, w.Code, c.status)
		}
	}
	got = nil
	receivertest.Do(h, s.Body("1", []byte(`{"type":"SMS","phoneNumber":"1","textMessage":"to read","message":"to speak"}`)))
	if len(got) != 1 || got[0].Text != "to read" {
		t.Errorf("of two texts was sent: %+v", got)
	}
	for body, part := range map[string]string{
		`not JSON`: "not JSON", `{"type":"SMS","textMessage":"x"}`: "phoneNumber", `{"type":"SMS","phoneNumber":"1"}`: "textMessage", `{"phoneNumber":"1","textMessage":"x"}`: "type",
		`{"phoneNumber":1,"textMessage":"x","type":"SMS"}`: "phoneNumber", `{"phoneNumber":"1","phoneNumber":"2","textMessage":"x","type":"SMS"}`: "twice",
	} {
		if w := receivertest.Do(h, s.Body("1", []byte(body))); w.Code != 400 || !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s: %d %s, want 400 about %s", body, w.Code, w.Body, part)
		}
	}
	q := s.Message(sms)
	q.Header.Set("Idempotency-Key", strings.Repeat("x", 201))
	if w := receivertest.Do(h, q); w.Code != 400 {
		t.Errorf("a long key: %d", w.Code)
	}
	q = s.Message(sms)
	q.Header.Add("Idempotency-Key", "another")
	if w := receivertest.Do(h, q); w.Code != 400 {
		t.Errorf("two keys: %d", w.Code)
	}
	if strings.Contains(log.String(), "111111") || strings.Contains(log.String(), "3035551212") {
		t.Errorf("the log tells the message: %s", log)
	}
}
