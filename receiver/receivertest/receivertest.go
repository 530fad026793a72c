// Package receivertest tests receivers without a server: it makes the requests that Herald would send, for every type of event and with every way to say who
// sends them, and those that somebody else would send who should not get through.
//
//	sender := receivertest.Sender{Header: map[string]string{"Authorization": "some-secret"}}
//	answer := receivertest.Do(handler, sender.Event(event.UserCreate))
//	if answer.Code != http.StatusOK { … }
//
// What a sender is given is what a webhook or messenger would be configured with. To see a receiver work with a real server, use package heraldtest.
package receivertest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/wire"
)

// Sender makes requests as one webhook or messenger would. The zero value sends them without saying who it is. It does not change while it is used, and may be used
// concurrently.
type Sender struct {
	// URL is where requests go. Defaults to http://receiver.example/, which is enough for [Do].
	URL string
	// Header is added to each request.
	Header map[string]string
	// Username and Password are for HTTP Basic authentication. Both empty means none.
	Username, Password string
	// JWT signs with the header X-FusionAuth-Signature-JWT, SecondaryJWT with X-Herald-Signature-JWT-Secondary. Nil means no such header.
	JWT, SecondaryJWT *Key
	// StandardWebhooks signs as Standard Webhooks says, with an HMAC or Ed25519 key. Nil means no such headers.
	StandardWebhooks *Key
	// At is when requests are sent, and events created. Zero means now.
	At time.Time
}

// Expired is s, but all it sends is as old as age: its events were created then, and its requests signed.
func (s Sender) Expired(age time.Duration) Sender {
	s.At = s.now().Add(-age)
	return s
}

// Forged is s without its secrets: its keys have the same names and kinds, but are others. Header and HTTP Basic authentication stay.
func (s Sender) Forged() Sender {
	s.JWT, s.SecondaryJWT, s.StandardWebhooks = s.JWT.forged(), s.SecondaryJWT.forged(), s.StandardWebhooks.forged()
	return s
}

// Event is the request for a new event of type t, made from its example in the catalogue. Each call is another event. It panics when there is no such type.
func (s Sender) Event(t event.Type) *http.Request {
	p := Example(t)
	p.Head().CreateInstant = wire.Instant(s.now().UnixMilli())
	return s.Payload(p)
}

// Payload is the request for an event of your making. It panics when p cannot be encoded; see [event.Encode].
func (s Sender) Payload(p event.Payload) *http.Request {
	body, err := event.Encode(p)
	if err != nil {
		panic("receivertest: " + err.Error())
	}
	return s.Body(p.Head().ID, body)
}

// Body is a request with any body, signed like an event with this id.
func (s Sender) Body(id wire.ID, body []byte) *http.Request {
	r := s.request(body)
	for name, k := range map[string]*Key{"X-FusionAuth-Signature-JWT": s.JWT, "X-Herald-Signature-JWT-Secondary": s.SecondaryJWT} {
		if k != nil {
			sum := sha256.Sum256(body)
			r.Header.Set(name, k.JWT(map[string]any{"request_body_sha256": base64.StdEncoding.EncodeToString(sum[:])}))
		}
	}
	if s.StandardWebhooks != nil {
		at := strconv.FormatInt(s.now().Unix(), 10)
		r.Header.Set("webhook-id", string(id))
		r.Header.Set("webhook-timestamp", at)
		r.Header.Set("webhook-signature", s.StandardWebhooks.standard(slices.Concat([]byte(id), []byte("."), []byte(at), []byte("."), body)))
	}
	return r
}

// Message is the request for a message, as a Generic messenger makes it. Messages are not signed. An empty Key sends none, an empty Type means SMS.
func (s Sender) Message(m receiver.Message) *http.Request {
	if m.Type == "" {
		m.Type = wire.SMS
	}
	members := map[string]any{"phoneNumber": m.PhoneNumber, "type": m.Type}
	if m.Type == wire.Voice {
		members["message"], members["locale"] = m.Text, m.Locale
	} else {
		members["textMessage"] = m.Text
	}
	if m.Code != "" {
		members["code"] = m.Code
	}
	if m.UserID != "" {
		members["userId"] = m.UserID
	}
	body, _ := json.Marshal(members) // texts can always be encoded
	r := s.request(body)
	if m.Key != "" {
		r.Header.Set("Idempotency-Key", m.Key)
	}
	return r
}

func (s Sender) request(body []byte) *http.Request {
	url := s.URL
	if url == "" {
		url = "http://receiver.example/"
	}
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic("receivertest: " + err.Error())
	}
	for name, value := range s.Header {
		r.Header.Set(name, value)
	}
	if s.Username != "" || s.Password != "" {
		r.SetBasicAuth(s.Username, s.Password)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (s Sender) now() time.Time {
	if s.At.IsZero() {
		return time.Now()
	}
	return s.At
}

// Example is the example of the catalogue for type t as an event that has just happened: its id is a new one, its createInstant now. A custom type has no members beyond
// those. It panics when there is no such type.
func Example(t event.Type) event.Payload {
	d, ok := event.Lookup(t)
	if !ok {
		panic(fmt.Sprintf("receivertest: there is no event type %q", t))
	}
	p := d.New()
	if body, err := event.Example(t); err == nil {
		if p, err = event.Decode(body); err != nil {
			panic("receivertest: " + err.Error())
		}
	}
	h := p.Head()
	h.Type, h.ID, h.CreateInstant = t, newID(), wire.Instant(time.Now().UnixMilli())
	return p
}

// Types are all types of the catalogue.
func Types() (all []event.Type) {
	for _, d := range event.All() {
		all = append(all, d.Type)
	}
	return all
}

// Again is r once more, byte for byte: what a retry looks like to a receiver, and what somebody sends who has recorded the first.
func Again(r *http.Request) *http.Request {
	again := r.Clone(r.Context())
	setBody(again, bodyOf(r))
	return again
}

// Tampered is r with one byte of its body changed, which leaves it JSON of the same meaning.
func Tampered(r *http.Request) *http.Request {
	tampered := r.Clone(r.Context())
	setBody(tampered, append(bodyOf(r), ' '))
	return tampered
}

// bodyOf reads the body and puts it back.
func bodyOf(r *http.Request) []byte {
	body := io.Reader(r.Body)
	if r.GetBody != nil {
		fresh, err := r.GetBody()
		if err != nil {
			panic("receivertest: " + err.Error())
		}
		return must(io.ReadAll(fresh))
	}
	all := must(io.ReadAll(body))
	setBody(r, all)
	return all
}

func setBody(r *http.Request, body []byte) {
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, r.ContentLength = must(r.GetBody()), int64(len(body))
}

// Do has the handler serve r and returns its answer.
func Do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newID() wire.ID {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return wire.ID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("receivertest: " + err.Error())
	}
	return v
}
