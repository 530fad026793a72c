package webhook_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	tenantA = wire.ID("a0000000-0000-4000-8000-000000000000")
	tenantB = wire.ID("b0000000-0000-4000-8000-000000000000")
)

// world is a registry on an empty store that has the tenants A and B.
type world struct {
	*webhook.Service
	t testing.TB
	d *db.DB
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		w := &world{t: t, d: d, Service: newService(t, d)}
		for _, id := range []wire.ID{tenantA, tenantB} {
			w.exec(`INSERT INTO tenant (id, name, name_key, document, secrets, deleting, version, insert_instant, last_update_instant)
				VALUES ($1, $1, $1, '{}', '', FALSE, 1, 1, 1)`, id)
		}
		fn(t, w)
	})
}

func newService(t testing.TB, d *db.DB) *webhook.Service {
	t.Helper()
	out, err := egress.New(egress.Options{Policy: egress.Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	sealer := key.NewSealer(make([]byte, key.Size))
	return webhook.New(webhook.Options{DB: d, Sealer: sealer, Egress: out, Keys: key.NewService(d, sealer, ""), Clock: time.Now})
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	err := w.d.Update(w.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) create(given wire.Webhook) wire.Webhook {
	w.t.Helper()
	if given.URL == "" {
		given.URL = "https://example.com/hook"
	}
	given.ConnectTimeout, given.ReadTimeout = 1000, 5000
	created, err := w.Create(w.t.Context(), given.ID, given)
	if err != nil {
		w.t.Fatalf("create: %v", err)
	}
	return created
}

func (w *world) registry() *webhook.Registry {
	w.t.Helper()
	r, err := w.Registry(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// subscribers are the descriptions of the webhooks that get an event of the tenant.
func (w *world) subscribers(t event.Type, tenant wire.ID) []string {
	w.t.Helper()
	d, ok := event.Lookup(t)
	if !ok {
		w.t.Fatalf("no type %q", t)
	}
	var all []string
	for _, target := range w.registry().Audience(t, d.Scope, tenant).Targets {
		loaded, err := w.Load(w.t.Context(), target.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, loaded.Description)
	}
	slices.Sort(all)
	return all
}

func TestMatch(t *testing.T) {
	t.Parallel()
	off, on := new(bool), new(bool)
	*on = true
	wants := func(types ...event.Type) wire.Map[bool] {
		m := wire.Map[bool]{"user.delete": true}
		for _, one := range types {
			m[string(one)] = true
		}
		return m
	}
	for _, c := range []struct {
		name   string
		w      wire.Webhook
		typ    event.Type
		tenant wire.ID
		want   webhook.Gate
	}{
		{"global", wire.Webhook{Global: true, EventsEnabled: wants("user.create")}, "user.create", tenantA, webhook.Open},
		{"bound", wire.Webhook{TenantIDs: []wire.ID{tenantB, tenantA}, EventsEnabled: wants("user.create")}, "user.create", tenantA, webhook.Open},
		{"enabled in so many words", wire.Webhook{Enabled: on, Global: true, EventsEnabled: wants("user.create")}, "user.create", tenantA, webhook.Open},
		{"bound to another tenant", wire.Webhook{TenantIDs: []wire.ID{tenantB}, EventsEnabled: wants("user.create")}, "user.create", tenantA, webhook.OtherTenant},
		{"neither global nor bound", wire.Webhook{EventsEnabled: wants("user.create")}, "user.create", tenantA, webhook.OtherTenant},
		{"global wins over bindings", wire.Webhook{Global: true, TenantIDs: []wire.ID{tenantB}, EventsEnabled: wants("user.create")}, "user.create", tenantA, webhook.Open},
		{"type absent", wire.Webhook{Global: true, EventsEnabled: wants()}, "user.create", tenantA, webhook.EventDisabled},
		{"type false", wire.Webhook{Global: true, EventsEnabled: wire.Map[bool]{"user.create": false}}, "user.create", tenantA, webhook.EventDisabled},
		{"no types at all", wire.Webhook{Global: true}, "user.create", tenantA, webhook.EventDisabled},
		{"the twin is a type of its own", wire.Webhook{Global: true, EventsEnabled: wants("user.create")}, "user.create.complete", tenantA, webhook.EventDisabled},
		{"switched off", wire.Webhook{Enabled: off, Global: true, EventsEnabled: wants("user.create")}, "user.create", tenantA, webhook.Disabled},

		{"system event, global", wire.Webhook{Global: true, EventsEnabled: wants("kickstart.success")}, "kickstart.success", "", webhook.Open},
		{"system event, bound to a tenant", wire.Webhook{TenantIDs: []wire.ID{tenantA}, EventsEnabled: wants("event-log.create")}, "event-log.create", "", webhook.Open},
		{"system event, no tenant at all", wire.Webhook{EventsEnabled: wants("audit-log.create")}, "audit-log.create", "", webhook.Open},
		{"system event, type absent", wire.Webhook{Global: true, EventsEnabled: wants()}, "audit-log.create", "", webhook.EventDisabled},
		{"system event, switched off", wire.Webhook{Enabled: off, EventsEnabled: wants("audit-log.create")}, "audit-log.create", "", webhook.Disabled},

		{"audit log of a tenant, global", wire.Webhook{Global: true, EventsEnabled: wants("audit-log.create")}, "audit-log.create", tenantA, webhook.Open},
		{"audit log of a tenant, bound", wire.Webhook{TenantIDs: []wire.ID{tenantA}, EventsEnabled: wants("audit-log.create")}, "audit-log.create", tenantA, webhook.Open},
		{"audit log of another tenant", wire.Webhook{TenantIDs: []wire.ID{tenantB}, EventsEnabled: wants("audit-log.create")}, "audit-log.create", tenantA, webhook.OtherTenant},
		{"audit log of a tenant, bound to none", wire.Webhook{EventsEnabled: wants("audit-log.create")}, "audit-log.create", tenantA, webhook.OtherTenant},
	} {
		d, ok := event.Lookup(c.typ)
		if !ok {
			t.Fatalf("no type %q", c.typ)
		}
		if got := webhook.Match(&c.w, c.typ, d.Scope, c.tenant); got != c.want {
			t.Errorf("%s: gate %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRegistry_FollowsChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		expect := func(when string, typ event.Type, tenant wire.ID, want ...string) {
			t.Helper()
			if got := w.subscribers(typ, tenant); !slices.Equal(got, want) {
				t.Errorf("%s: %s of %.1s goes to %v, want %v", when, typ, tenant, got, want)
			}
		}
		expect("at the start", event.UserCreate, tenantA)
		one := w.create(wire.Webhook{Description: "one", Global: true, EventsEnabled: wire.Map[bool]{"user.create": true}})
		two := w.create(wire.Webhook{Description: "two", TenantIDs: []wire.ID{tenantB}, EventsEnabled: wire.Map[bool]{"user.create": true}})
		expect("created", event.UserCreate, tenantA, "one")
		expect("created", event.UserCreate, tenantB, "one", "two")
		old := w.registry()

		update := func(id wire.ID, change func(*wire.Webhook)) {
			t.Helper()
			if _, err := w.Update(t.Context(), id, func(h wire.Webhook) (wire.Webhook, error) { change(&h); return h, nil }); err != nil {
				t.Fatal(err)
			}
		}
		update(one.ID, func(h *wire.Webhook) { h.EventsEnabled = wire.Map[bool]{"user.delete": true} })
		expect("another event", event.UserCreate, tenantB, "two")
		expect("another event", event.UserDelete, tenantA, "one")
		update(one.ID, func(h *wire.Webhook) { h.Enabled = new(bool) })
		expect("switched off", event.UserDelete, tenantA)

		bind := func(tenant wire.ID, ids ...wire.ID) {
			t.Helper()
			if err := w.d.Update(t.Context(), func(tx *db.Tx) error { return w.Bind(tx, tenant, ids) }); err != nil {
				t.Fatal(err)
			}
		}
		bind(tenantA, two.ID, one.ID, two.ID)
		expect("bound", event.UserCreate, tenantA, "two")
		if h, err := w.Load(t.Context(), one.ID); err != nil || len(h.TenantIDs) != 0 {
			t.Errorf("a global webhook was bound: %v, %v", h.TenantIDs, err)
		}
		bind(tenantA)
		expect("unbound", event.UserCreate, tenantA)
		err := w.d.Update(t.Context(), func(tx *db.Tx) error { return w.Bind(tx, tenantB, []wire.ID{"c0000000-0000-4000-8000-000000000000"}) })
		if p, ok := problem.As(err); !ok || len(p.Fields) != 1 || p.Fields[0].Code != "[invalid]webhookIds" {
			t.Errorf("binding an unknown webhook: %v", err)
		}
		expect("after a binding that failed", event.UserCreate, tenantB, "two")

		// What was rolled back was never there.
		w.OnChange = func(*db.Tx, wire.ID) error { return errors.New("no") }
		if err := w.Delete(t.Context(), two.ID); err == nil {
			t.Error("the error of Changed was swallowed")
		}
		w.OnChange = nil
		expect("deletion rolled back", event.UserCreate, tenantB, "two")

		if err := w.Delete(t.Context(), two.ID); err != nil {
			t.Fatal(err)
		}
		expect("deleted", event.UserCreate, tenantB)
		if w.registry().Target(two.ID) != nil || !slices.Equal(w.registry().IDs(), []wire.ID{one.ID}) {
			t.Errorf("still there: %v", w.registry().IDs())
		}
		if old.Target(two.ID) == nil {
			t.Error("a registry in use has changed")
		}
		if err := w.Delete(t.Context(), two.ID); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("deleting it again: %v", err)
		}
	})
}

// A second process has a registry of its own; inside a transaction it sees what the transaction sees, without a delay.
func TestRegistryIn_IsExact(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := newService(t, w.d)
		if _, err := other.Registry(t.Context()); err != nil {
			t.Fatal(err)
		}
		one := w.create(wire.Webhook{Global: true})
		err := w.d.View(t.Context(), func(tx *db.Tx) error {
			r, err := other.RegistryIn(tx)
			if err == nil && r.Target(one.ID) == nil {
				t.Error("the webhook is not in the registry of the other service")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// What must not be readable for somebody who has the database is sealed, and bound to its row.
func TestSecrets_AreSealedAtRest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pem := egresstest.NewAuthority(t).ClientPEM("client at rest")
		secrets := []string{"header-value-at-rest", "password-at-rest", strings.Split(pem, "\n")[1], strings.Split(pem, "\n")[len(strings.Split(pem, "\n"))-3]}
		given := wire.Webhook{
			Description: "in clear", Global: true, Headers: map[string]string{"X-Api-Key": secrets[0]},
			HTTPAuthenticationUsername: "herald", HTTPAuthenticationPassword: secrets[1], SSLCertificate: pem,
		}
		one := w.create(given)
		two := w.create(given)
		for range 2 { // as created, then as changed
			rows := w.rows()
			if len(rows) != 2 || !strings.Contains(rows[0], "in clear") {
				t.Fatalf("rows: %q", rows)
			}
			files := rows
			if dir := dbtest.OptionsOf(t, w.d).Dir; dir != "" {
				files = append(files, contents(t, dir)...)
			}
			for _, secret := range secrets {
				for _, content := range files {
					if strings.Contains(content, secret) {
						t.Errorf("%.20s… is in the store in clear", secret)
					}
				}
			}
			if _, err := w.Update(t.Context(), one.ID, func(h wire.Webhook) (wire.Webhook, error) { return h, nil }); err != nil {
				t.Fatal(err)
			}
		}
		loaded, err := w.Load(t.Context(), one.ID)
		if err != nil || loaded.HTTPAuthenticationPassword != secrets[1] || loaded.Headers["X-Api-Key"] != secrets[0] || loaded.SSLCertificate != strings.TrimSpace(pem) {
			t.Errorf("loaded %+v, %v", loaded, err)
		}

		// Moved to another row the secrets are of no use, so nobody can send them to a webhook of their own.
		w.exec(`UPDATE webhook SET secrets = (SELECT secrets FROM webhook WHERE id = $1) WHERE id = $2`, one.ID, two.ID)
		if h, err := w.Load(t.Context(), two.ID); err == nil {
			t.Errorf("the secrets of one webhook open in another: %q", h.HTTPAuthenticationPassword)
		}
	})
}

func (w *world) rows() (rows []string) {
	w.t.Helper()
	err := w.d.View(w.t.Context(), func(tx *db.Tx) error {
		all, err := tx.Query(`SELECT id || ' ' || url || ' ' || description || ' ' || document || ' ' || secrets FROM webhook`)
		if err != nil {
			return err
		}
		defer all.Close()
		for all.Next() {
			var row string
			if err := all.Scan(&row); err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return all.Err()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

func contents(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the data folder: %v", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(content))
	}
	return all
}

// Whatever a receiver echoes, the attempt holds none of the webhook's secrets.
func TestSend_RecordsNoSecret(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	w := &world{t: t, d: d, Service: newService(t, d)}

	const (
		password = `pass"word\with<odd>&signs`
		apiKey   = "key-0123456789"
		bearer   = "bearer-0123456789"
		longer   = "key-0123456789-and-more" // begins with another secret
		query    = "query secret/0123456789"
		short    = "pw"
	)
	basic := base64.StdEncoding.EncodeToString([]byte("herald:" + password))
	secrets := []string{password, apiKey, bearer, query, basic, "-and-more", "query%20secret%2F0123456789", "query+secret%2F0123456789", inJSON(password), `pass\"word\\with<odd>&signs`, `"` + short + `"`}

	for name, step := range map[string]http.HandlerFunc{
		"headers in the body": func(rw http.ResponseWriter, r *http.Request) {
			for name, values := range r.Header {
				fmt.Fprintf(rw, "%s: %s\n", name, values)
			}
			io.WriteString(rw, r.URL.String())
		},
		"headers in JSON": func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusInternalServerError)
			user, pass, _ := r.BasicAuth()
			_ = json.NewEncoder(rw).Encode(map[string]any{"headers": r.Header, "url": r.URL.String(), "args": r.URL.Query(), "user": user, "password": pass})
		},
		"JSON without HTML escapes": func(rw http.ResponseWriter, r *http.Request) {
			_, pass, _ := r.BasicAuth()
			e := json.NewEncoder(rw)
			e.SetEscapeHTML(false)
			_ = e.Encode(map[string]any{"headers": r.Header, "password": pass})
		},
		"headers in headers": func(rw http.ResponseWriter, r *http.Request) {
			for name, values := range r.Header {
				rw.Header()["X-Echo-"+name] = values
			}
			rw.Header()["Authorization"] = r.Header["Authorization"]
			rw.Header().Set("Location", r.URL.String())
			rw.Header().Set("Set-Cookie", "session=cookie-0123456789")
			rw.WriteHeader(http.StatusFound)
		},
		"the token without its scheme": func(rw http.ResponseWriter, r *http.Request) {
			io.WriteString(rw, "bad token "+strings.TrimPrefix(r.Header.Get("X-Bearer"), "Bearer "))
		},
		"a body that is cut off in the middle of a secret": func(rw http.ResponseWriter, r *http.Request) {
			io.WriteString(rw, strings.Repeat(".", egress.DefaultKeepResponse-8)+r.Header.Get("X-Api-Key")+strings.Repeat(".", 1000))
		},
		"bytes that are no text": func(rw http.ResponseWriter, r *http.Request) {
			io.WriteString(rw, "\xff\x00"+r.Header.Get("X-Api-Key")+"\xff")
		},
		"no HTTP at all": func(rw http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(rw).Hijack()
			if err == nil {
				io.WriteString(c, r.Header.Get("Authorization")+" "+r.Header.Get("X-Api-Key")+"\r\n\r\n")
				_ = c.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := egresstest.NewReceiver(t).Script(egresstest.Handle(step))
			hook := w.create(wire.Webhook{
				URL: receiver.URL + "/hook?token=query%20secret%2F0123456789&v=1", Global: true,
				HTTPAuthenticationUsername: "herald", HTTPAuthenticationPassword: password,
				Headers: map[string]string{"X-Api-Key": apiKey, "X-Bearer": "Bearer " + bearer, "X-Longer": longer, "X-Short": short},
			})
			a := w.registry().Target(hook.ID).Send(t.Context(), webhook.Message{Body: []byte(`{"event":{}}`)})
			if got := receiver.Requests()[0].Header.Get("X-Api-Key"); got != apiKey {
				t.Fatalf("the receiver got %q", got)
			}
			record, err := json.Marshal([]any{a.Detail, a.URL, a.Exception, a.Summary(), a.Wire()})
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{plain(a.Detail), string(record), a.URL, a.Exception, a.Detail.ResponseBody} {
				for _, secret := range append(secrets, "cookie-0123456789", apiKey[:8]) {
					if strings.Contains(text, secret) {
						t.Errorf("%q is in the record: %.2000s", secret, text)
					}
				}
			}
			if a.Outcome != egress.Protocol && !strings.Contains(string(record), "(hidden)") {
				t.Errorf("nothing was echoed: %s", record)
			}
			if a.Detail.RequestHeaders["X-Api-Key"] != "(hidden)" || a.Detail.RequestHeaders["Authorization"] != "Basic (hidden)" {
				t.Errorf("request headers on record: %v", a.Detail.RequestHeaders)
			}
		})
	}
}

func plain(d webhook.Detail) string {
	return fmt.Sprint(d.ResponseBody, " ", d.ResponseHeaders, " ", d.RequestHeaders)
}

func inJSON(v any) string {
	data, _ := json.Marshal(v)
	return strings.Trim(string(data), `"`)
}

// Words that a webhook has in its settings by chance stay readable.
func TestSend_KeepsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	w := &world{t: t, d: d, Service: newService(t, d)}
	const answer = `{"ok":true,"version":"2024","by":"herald"}`
	receiver := egresstest.NewReceiver(t).Script(egresstest.Answer(200, http.Header{"X-Kind": {"a note"}}, answer))
	hook := w.create(wire.Webhook{
		URL: receiver.URL + "/?sync=true&v=2024", HTTPAuthenticationUsername: "herald", HTTPAuthenticationPassword: "by",
		Headers: map[string]string{
			"X-N": "2", "accept": "application/json", "Accept-Language": "note", "Accept-Encoding": "true", "User-Agent": "herald", "Cache-Control": "version",
		},
	})
	a := w.registry().Target(hook.ID).Send(t.Context(), webhook.Message{Body: []byte(`{}`)})
	want := strings.Replace(answer, `"by"`, "(hidden)", 1) // a short password counts where it stands alone
	if a.Detail.ResponseBody != want || a.Detail.ResponseHeaders["X-Kind"] != "a note" {
		t.Errorf("recorded %s %v, want %s", a.Detail.ResponseBody, a.Detail.ResponseHeaders, want)
	}
	if got := receiver.Requests()[0].Header.Get("Accept"); got != "application/json" {
		t.Errorf("the configured header Accept was sent as %q", got)
	}
}

// Of the headers of an answer the record has a beginning, in the order of their names, and how much is missing.
func TestSend_KeepsSomeHeaders(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	w := &world{t: t, d: d, Service: newService(t, d)}
	long := strings.Repeat("ä", 20<<9) // 20 KiB
	receiver := egresstest.NewReceiver(t).Script(egresstest.Answer(200, http.Header{"A": {"first"}, "B": {long}, "Z": {"last", "one"}, "Date": {"D"}}, ""))
	hook := w.create(wire.Webhook{URL: receiver.URL})
	a := w.registry().Target(hook.ID).Send(t.Context(), webhook.Message{Body: []byte(`{}`)})
	got := a.Detail.ResponseHeaders
	rest, cut := strings.CutPrefix(long, got["B"])
	// "A: first\r\n", "B: …\r\n"
	if len(got) != 2 || got["A"] != "first" || !cut || len(got["B"]) != (16<<10-len("A: first\r\n")-len("B: \r\n"))&^1 {
		t.Errorf("of the headers %d are kept, with %d bytes of the long one", len(got), len(got["B"]))
	}
	want := len(rest) + len("Content-Length: 0\r\n") + len("Date: D\r\n") + len("Z: last, one\r\n")
	if a.Detail.ResponseHeadersCut != want || a.Wire().ResponseHeadersTruncated != int64(want) || !utf8.ValidString(got["B"]) {
		t.Errorf("%d bytes are said to be cut off, want %d", a.Detail.ResponseHeadersCut, want)
	}
	if a.ResponseHeader.Get("Z") != "last" {
		t.Error("decisions are made without what is not on record")
	}

	receiver.Script(egresstest.Answer(200, http.Header{"A": {"first"}}, ""))
	a = w.registry().Target(hook.ID).Send(t.Context(), webhook.Message{Body: []byte(`{}`)})
	if a.Detail.ResponseHeadersCut != 0 || a.Detail.ResponseHeaders["A"] != "first" {
		t.Errorf("of few headers %v are kept, %d bytes cut off", a.Detail.ResponseHeaders, a.Detail.ResponseHeadersCut)
	}
}

func TestSend_CancelledIsNoAnswer(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	w := &world{t: t, d: d, Service: newService(t, d)}
	receiver := egresstest.NewReceiver(t).Script(egresstest.Hang())
	hook := w.create(wire.Webhook{URL: receiver.URL})
	ctx, cancel := context.WithCancel(t.Context())
	target, sent := w.registry().Target(hook.ID), make(chan *webhook.Attempt)
	go func() { sent <- target.Send(ctx, webhook.Message{Body: []byte(`{}`)}) }()
	receiver.WaitFor(1)
	cancel()
	a := <-sent
	if a.Outcome != egress.Cancelled || a.StatusCode != 0 || a.Summary() == "" || a.End.Before(a.Start) {
		t.Errorf("attempt %+v", a)
	}
}
