package heraldtest_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/heraldtest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
	"github.com/herald-events/herald/wire"
)

// What Herald signs, package receiver believes: with each kind of key, in each of the headers. And what Herald sends arrives as what it is.
func TestHerald_IsUnderstood(t *testing.T) {
	t.Parallel()
	h := heraldtest.Start(t)
	hmac, rsa, ed, standard := receivertest.NewKey("HS256"), receivertest.NewKey("RS256"), receivertest.NewKey("EdDSA"), receivertest.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	private := func(k *receivertest.Key, algorithm wire.KeyAlgorithm) wire.ID {
		made, err := h.Client.Keys.Import(t.Context(), "", wire.KeyInput{Name: k.ID, KID: k.ID, Algorithm: algorithm, PublicKey: k.PublicPEM(), PrivateKey: k.PrivatePEM()})
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	hmacID, rsaID, edID, standardID := h.Secret(hmac.Secret()), private(rsa, wire.RS256), private(ed, wire.Ed25519), h.Secret(standard.Secret())
	jwks := &receiver.JWKS{URL: h.JWKS()}
	types := []event.Type{event.UserCreate, event.UserCreateComplete}
	h.Enable(wire.AbsoluteMajority, types...)
	for name, c := range map[string]struct {
		signs  wire.SignatureConfiguration
		checks []receiver.Check
	}{
		"HMAC": {wire.SignatureConfiguration{Enabled: true, SigningKeyID: hmacID}, []receiver.Check{receiver.Signature(hmac.Keys())}},
		"RSA":  {wire.SignatureConfiguration{Enabled: true, SigningKeyID: rsaID}, []receiver.Check{receiver.Signature(jwks), receiver.Signature(rsa.Keys())}},
		"EdDSA with claims": {
			wire.SignatureConfiguration{Enabled: true, SigningKeyID: edID, Claims: true}, []receiver.Check{receiver.Signature(jwks), receiver.Signature(ed.Keys())},
		},
		"keys that are changed": {wire.SignatureConfiguration{Enabled: true, SigningKeyID: rsaID, SecondarySigningKeyID: hmacID}, []receiver.Check{receiver.Signature(hmac.Keys())}},
		"Standard Webhooks": {
			wire.SignatureConfiguration{StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: standardID, SecondarySigningKeyID: edID}},
			[]receiver.Check{receiver.StandardWebhooks(standard.Keys(), 0), receiver.StandardWebhooks(jwks, 0)},
		},
	} {
		o := receiver.Options{Checks: append(c.checks, receiver.Header("X-Key", "some-secret"), receiver.Basic("herald", "pw")), Once: receiver.Memory(0), MaxAge: time.Hour}
		r := receiver.New(o)
		got := make(chan *event.UserEvent, 10)
		take := func(_ context.Context, e *event.UserEvent) error {
			got <- e
			return nil
		}
		receiver.On(r, event.UserCreate, take)
		receiver.On(r, event.UserCreateComplete, take)
		w := h.Subscribe(wire.Webhook{
			URL: h.Serve(r), Headers: map[string]string{"X-Key": "some-secret"}, HTTPAuthenticationUsername: "herald", HTTPAuthenticationPassword: "pw", SignatureConfiguration: c.signs,
		}, types...)
		made, err := h.CreateUser("ada" + string(w.ID) + "@example.com")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, want := range types {
			select {
			case e := <-got:
				if e.Type != want || e.User.ID != made.ID || e.TenantID != h.Tenant {
					t.Errorf("%s: %+v arrived, want %s", name, e, want)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: %s has not arrived", name, want)
			}
		}
		if err := h.Client.Webhooks.Delete(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// A handler that refuses stops the change, and the reason is on record.
func TestHerald_Refused(t *testing.T) {
	t.Parallel()
	h := heraldtest.Start(t)
	h.Enable(wire.AbsoluteMajority, event.UserCreate)
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Anyone()}, Log: slog.New(slog.DiscardHandler)})
	receiver.On(r, event.UserCreate, func(context.Context, *event.UserEvent) error { return receiver.Refuse("nobody is let in today") })
	h.Subscribe(wire.Webhook{URL: h.Serve(r)}, event.UserCreate)
	in := h.Inbox(event.UserCreate, event.UserCreateComplete)

	_, err := h.CreateUser("eve@example.com")
	if e, ok := errors.AsType[*client.Error](err); !errors.Is(err, client.ErrRefused) || !ok || e.Status != http.StatusGatewayTimeout {
		t.Errorf("creating gives %v", err)
	}
	if _, err := h.Client.Users.ByLoginID(t.Context(), "eve@example.com"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("the user who was refused: %v", err)
	}
	h.Settle()
	in.Next(event.UserCreate) // it was asked as well
	if rest := in.All(); len(rest) != 0 || !slices.Equal(h.Events(), []event.Type{event.UserCreate}) {
		t.Errorf("more was sent: %v; on record are %v", rest, h.Events())
	}
	reasons := 0
	for e, err := range h.Client.Events.List(t.Context(), wire.WebhookEventLogSearch{}) {
		if err != nil {
			t.Fatal(err)
		}
		one, err := h.Client.Events.Load(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range one.Attempts {
			if a.Response != nil && a.Response.Body == `{"errors":[{"code":"[refused]","message":"nobody is let in today"}]}` {
				reasons++
			}
		}
	}
	if reasons != 1 {
		t.Errorf("the reason is on record %d times", reasons)
	}
}

// A message comes to package receiver from a real messenger.
func TestHerald_Message(t *testing.T) {
	t.Parallel()
	h := heraldtest.Start(t)
	got := make(chan *receiver.Message, 1)
	r := receiver.Messages(receiver.Options{Checks: []receiver.Check{receiver.Header("Authorization", "some-secret")}, Once: receiver.Memory(0)}, func(_ context.Context, m *receiver.Message) error {
		got <- m
		return nil
	})
	m, err := h.Client.Messengers.Create(t.Context(), wire.Messenger{
		Type: "Generic", Name: "Texts", URL: h.Serve(r), ConnectTimeout: 1000, ReadTimeout: 5000, Headers: map[string]string{"Authorization": "some-secret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Client.Messengers.Test(t.Context(), m.ID, wire.MessengerTestRequest{PhoneNumber: "+13035551212"}); err != nil {
		t.Fatal(err)
	}
	if m := <-got; m.PhoneNumber != "+13035551212" || m.Text == "" || m.Type != wire.SMS || m.Key == "" {
		t.Errorf("%+v arrived", m)
	}
}

func TestMain(m *testing.M) { dbtest.Main(m) }

// The same on PostgreSQL, where the data outlives the server.
func TestStartWith_PostgreSQL(t *testing.T) {
	t.Parallel()
	h := heraldtest.StartWith(t, heraldtest.Options{DatabaseURL: dbtest.URL(t)})
	in := h.Inbox(event.UserCreateComplete)
	made, err := h.CreateUser("ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if e := in.Next(event.UserCreateComplete).(*event.UserEvent); e.User.ID != made.ID {
		t.Errorf("%+v has come", e)
	}
}

func TestHerald_Restart(t *testing.T) {
	t.Parallel()
	h := heraldtest.Start(t)
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Anyone()}, Log: slog.New(slog.DiscardHandler)})
	w := h.Subscribe(wire.Webhook{URL: h.Serve(r), ReadTimeout: 100}, event.UserCreate, event.AuditLogCreate)
	before := h.URL
	h.Restart()
	again, err := h.Client.Webhooks.Load(t.Context(), w.ID)
	if err != nil || h.URL == before || again.ReadTimeout != 100 || !again.Global {
		t.Errorf("after a restart at %s, before %s: %+v, %v", h.URL, before, again, err)
	}
}

func TestStartWith(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/kickstart.json"
	kickstart := `{"apiKeys": [{"key": "a-key-of-the-kickstart-file-0123456789"}], "requests": [{"method": "POST", "url": "/api/tenant", "body": {"tenant": {"name": "A tenant"}}}, {"method": "POST", "url": "/api/user", "body": {"user": {"email": "ada@example.com", "password": "correct horse"}}, "tenantId": "#{FUSIONAUTH_TENANT_ID}"}]}`
	if err := os.WriteFile(file, []byte(kickstart), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	h := heraldtest.StartWith(t, heraldtest.Options{Kickstart: file, Clock: func() time.Time { return at }})
	in := h.Inbox(event.UserDeleteComplete) // at the default tenant, which is not the only one, nor the first in the list
	var users []wire.User
	for u, err := range h.Client.Users.List(t.Context(), wire.UserSearch{QueryString: "ada@example.com"}) {
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u)
	}
	if len(users) != 1 || users[0].InsertInstant != wire.Instant(at.UnixMilli()) || users[0].TenantID != h.Tenant {
		t.Fatalf("the users are %+v", users)
	}
	if err := h.Client.Users.Delete(t.Context(), users[0].ID, true); err != nil {
		t.Fatal(err)
	}
	in.Next(event.UserDeleteComplete)
}

// BenchmarkStart is how long it takes to have a server that answers, and to be rid of it.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		ends := &ending{TB: b}
		heraldtest.Start(ends)
		b.StopTimer()
		ends.end()
		b.StartTimer()
	}
}

// ending is a test that ends when it is told to.
type ending struct {
	testing.TB
	last []func()
}

func (e *ending) Cleanup(f func()) { e.last = append(e.last, f) }

func (e *ending) end() {
	for _, f := range slices.Backward(e.last) {
		f()
	}
}
