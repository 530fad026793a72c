// Package heraldtest runs a whole Herald inside a Go test, on a store of its own and over real HTTP. It starts in well under a tenth of a second (go test -bench Start
// ./heraldtest), and leaves nothing behind. Tests may run in parallel, each with a server of its own.
//
//	func TestNobodyFromBlocked(t *testing.T) {
//		h := heraldtest.Start(t)
//		h.Enable(wire.AbsoluteMajority, event.UserCreate)                         // all webhooks must agree
//		h.Subscribe(wire.Webhook{URL: h.Serve(newReceiver())}, event.UserCreate) // yours is one
//
//		_, err := h.CreateUser("eve@blocked.example")
//		if !errors.Is(err, client.ErrRefused) { … }
//	}
//
// Who tests what an application publishes, and has no receiver, takes an [Inbox].
//
// To test a receiver without a server, with requests of every type and forged ones, use package receivertest.
package heraldtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

// TB is what this package needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	TempDir() string
	Context() context.Context
}

// Herald is a running server. Its methods fail the test when something goes wrong. They may be called concurrently, except for Restart.
type Herald struct {
	// URL is where it listens, on a free port of the loopback interface, without a slash at its end.
	URL string
	// Key is an API key that may do everything.
	Key string
	// Tenant is the default tenant.
	Tenant wire.ID
	// Client has the key.
	Client *client.Client

	t      TB
	o      Options
	data   string
	master string // encrypts secrets at rest
	app    *app.App
}

// Options change how a server is started. The zero value is that of [Start].
type Options struct {
	// Kickstart is the path of a kickstart file to run.
	Kickstart string
	// DatabaseURL is a PostgreSQL database to use, which should be empty. Empty means SQLite in a folder that is removed after the test.
	DatabaseURL string
	// Clock tells the server what time it is. Nil means what it is.
	Clock func() time.Time
	// Log hears what the server logs. Nil means that nobody does.
	Log *slog.Logger
}

// Start starts a server on an empty store. It stops at the end of the test, and its data goes with it.
func Start(t TB) *Herald {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is [Start] with options.
func StartWith(t TB, o Options) *Herald {
	t.Helper()
	h := &Herald{t: t, o: o, data: t.TempDir(), Key: rand.Text() + rand.Text(), master: newMaster()}
	if err := h.prepare(); err != nil {
		t.Fatalf("heraldtest: make a store: %v", err)
	}
	h.start()
	t.Cleanup(h.stop)
	if _, err := h.app.CreateKey(t.Context(), app.NewKey{Key: h.Key, Name: "heraldtest", Manager: true}); err != nil {
		t.Fatalf("heraldtest: %v", err)
	}
	h.connect()
	var err error
	if h.Tenant, err = h.app.DefaultTenant(t.Context()); err != nil {
		t.Fatalf("heraldtest: %v", err)
	}
	return h
}

// Restart stops the server in good order and starts it again on the same store. Its URL is another one afterwards.
func (h *Herald) Restart() {
	h.t.Helper()
	h.stop()
	h.start()
	h.connect()
}

// newMaster makes an encryption key. It is given to the server, as one that the server makes itself is a file that has to reach the disk.
func newMaster() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see its documentation
	return hex.EncodeToString(b)
}

// prepare puts a migrated database into the folder, which takes a tenth of the time that migrating one takes.
func (h *Herald) prepare() error {
	if h.o.DatabaseURL != "" {
		return nil
	}
	content, err := dbtest.SQLiteFile()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(h.data, db.SQLiteFile), content, 0o600)
}

func (h *Herald) start() {
	h.t.Helper()
	started, err := app.New(h.t.Context(), app.Options{
		Settings: config.Serve{
			Store:              config.Store{Data: h.data, DatabaseURL: config.NewSecret(h.o.DatabaseURL), EncryptionKey: config.NewSecret(h.master)},
			Addr:               "127.0.0.1:0",
			Kickstart:          h.o.Kickstart,
			TransactionTimeout: 10 * time.Second,
		},
		Version: "heraldtest", Clock: h.o.Clock, Logger: h.o.Log, Unsynced: true,
	})
	if err == nil {
		err = started.Start(h.t.Context())
	}
	if err != nil {
		h.t.Fatalf("heraldtest: Herald does not start: %v", err)
	}
	h.app, h.URL = started, "http://"+started.Addr()
}

// connect makes the client for the address of now.
func (h *Herald) connect() {
	h.t.Helper()
	c, err := client.New(client.Options{URL: h.URL, APIKey: h.Key, Retries: -1})
	if err != nil {
		h.t.Fatalf("heraldtest: %v", err)
	}
	h.Client = c
}

// patience is how long things that happen in the background may take.
const patience = 20 * time.Second

func (h *Herald) stop() {
	// The context of the test has ended when its cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.app.Stop(ctx); err != nil {
		h.t.Errorf("heraldtest: stop Herald: %v", err)
	}
}

// Serve serves a receiver until the end of the test and returns its URL.
func (h *Herald) Serve(receiver http.Handler) string {
	server := httptest.NewServer(receiver)
	h.t.Cleanup(server.Close)
	return server.URL
}

// Enable has the default tenant send events of these types, and says how many of their webhooks must agree before a change is committed. Types that
// are sent after it have no vote whatever the rule.
func (h *Herald) Enable(rule wire.TransactionType, types ...event.Type) {
	h.t.Helper()
	events := map[event.Type]any{}
	for _, t := range types {
		if d, ok := event.Lookup(t); ok && d.Scope != event.ScopeTenant {
			continue // these need no tenant
		}
		events[t] = map[string]any{"enabled": true, "transactionType": rule}
	}
	if _, err := h.Client.Tenants.Patch(h.t.Context(), h.Tenant, map[string]any{"eventConfiguration": map[string]any{"events": events}}); err != nil {
		h.t.Fatalf("heraldtest: enable %v: %v", types, err)
	}
}

// Subscribe makes a webhook that gets events of these types, as long as they are enabled; see [Herald.Enable]. Of w only the URL is needed: by default a webhook gets
// the events of all tenants, and five seconds to connect and to answer.
func (h *Herald) Subscribe(w wire.Webhook, types ...event.Type) *wire.Webhook {
	h.t.Helper()
	w.Global = w.Global || len(w.TenantIDs) == 0
	w.ConnectTimeout, w.ReadTimeout = cmp.Or(w.ConnectTimeout, 5000), cmp.Or(w.ReadTimeout, 5000)
	wanted := wire.Map[bool]{}
	for _, t := range types {
		wanted[string(t)] = true
	}
	w.EventsEnabled = wanted
	made, err := h.Client.Webhooks.Create(h.t.Context(), w)
	if err != nil {
		h.t.Fatalf("heraldtest: subscribe %s to %v: %v", w.URL, types, err)
	}
	return made
}

// CreateUser creates a user of the default tenant with this e-mail address, and a password that nobody knows. The error is that of the client: [client.ErrRefused] when webhooks
// did not agree. For anything else about users there is Client.Users.
func (h *Herald) CreateUser(email string) (*wire.User, error) {
	made, err := h.Client.Users.Create(h.t.Context(), "", wire.UserRequest{User: wire.UserInput{User: wire.User{Email: email}, Password: rand.Text()}})
	if err != nil {
		return nil, err
	}
	return made.User, nil
}

// Secret makes a key for signatures from the secret of an HMAC, and returns its id, for [wire.SignatureConfiguration].
func (h *Herald) Secret(text string) wire.ID {
	h.t.Helper()
	k, err := h.Client.Keys.Import(h.t.Context(), "", wire.KeyInput{Name: "heraldtest " + rand.Text()[:8], Algorithm: wire.HS256, Secret: text})
	if err != nil {
		h.t.Fatalf("heraldtest: import a secret: %v", err)
	}
	return k.ID
}

// JWKS is where the public keys are that verify signatures.
func (h *Herald) JWKS() string { return h.URL + "/.well-known/jwks.json" }

// Events are the types of all events on record, in the order in which they came about.
func (h *Herald) Events() (all []event.Type) {
	h.t.Helper()
	for e, err := range h.Client.Events.List(h.t.Context(), wire.WebhookEventLogSearch{Page: wire.Page{OrderBy: "sequence ASC"}}) {
		if err != nil {
			h.t.Fatalf("heraldtest: read the record: %v", err)
		}
		all = append(all, event.Type(e.EventType))
	}
	return all
}

// Settle waits until every event has reached every webhook that it was for, or was given up, and fails the test when that takes longer than 20 seconds.
func (h *Herald) Settle() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	for {
		owed := 0
		backlogs, err := h.Client.Webhooks.Backlogs(ctx)
		for _, b := range backlogs {
			owed += int(b.Pending) + int(b.Retrying)
		}
		if err == nil && owed == 0 {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond): // what happens in the background of a whole server has no signal
		case <-ctx.Done():
			h.t.Fatalf("heraldtest: after %v there are still %d deliveries to be made (%v)", patience, owed, err)
			return
		}
	}
}
