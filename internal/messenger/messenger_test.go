package messenger_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

func TestMain(m *testing.M) { dbtest.Main(m) }

const someID = wire.ID("d0000000-0000-4000-8000-00000000000d")

// world is the messengers on an empty store.
type world struct {
	*messenger.Service
	t testing.TB
	d *db.DB
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		fn(t, &world{newService(t, d, egress.Options{Policy: egress.Policy{AllowPrivate: true}}), t, d})
	})
}

// once is a service for what does not depend on the store.
func once(t *testing.T) *messenger.Service {
	t.Helper()
	return newService(t, dbtest.Open(t, db.SQLite), egress.Options{Policy: egress.Policy{AllowPrivate: true}})
}

func newService(t testing.TB, d *db.DB, o egress.Options) *messenger.Service {
	t.Helper()
	out, err := egress.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	return messenger.New(messenger.Options{DB: d, Sealer: key.NewSealer(make([]byte, key.Size)), Egress: out, Clock: time.Now})
}

func generic(name string) wire.Messenger {
	return wire.Messenger{Name: name, Type: wire.Generic, URL: "https://example.com/sms", ConnectTimeout: 1000, ReadTimeout: 2000}
}

func twilio(name string) wire.Messenger {
	return wire.Messenger{
		Name: name, Type: wire.Twilio, URL: "https://api.twilio.com", AccountSID: messengertest.TwilioSID, AuthToken: messengertest.TwilioToken, FromPhoneNumber: "+15005550006",
	}
}

func (w *world) create(m wire.Messenger) wire.Messenger {
	w.t.Helper()
	created, err := w.Create(w.t.Context(), m.ID, m)
	if err != nil {
		w.t.Fatalf("create: %v", err)
	}
	return created
}

// codes are those of a problem, nil for no error.
func codes(t testing.TB, err error) (all []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	p, ok := problem.As(err)
	if !ok {
		t.Fatalf("not a problem: %v", err)
	}
	for _, f := range p.Fields {
		all = append(all, f.Code)
	}
	for _, g := range p.General {
		all = append(all, g.Code)
	}
	return all
}

func TestMessengers_LiveAndDie(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		given := generic("  Zürich ")
		given.Data = wire.Object{"a": "b"}
		given.Headers = map[string]string{" X-Api-Key ": " secret "}
		given.MessageTypes = []wire.MessageType{wire.Voice, wire.SMS, wire.Voice}
		given.AccountSID, given.AuthToken = "AC1", "of another type"
		one := w.create(given)
		if one.ID == "" || one.Name != "Zürich" || one.Transport != "sms" || one.Headers["X-Api-Key"] != "secret" || one.AuthToken != "" || one.AccountSID != "" ||
			!slices.Equal(one.MessageTypes, []wire.MessageType{wire.SMS, wire.Voice}) || one.InsertInstant == 0 || one.LastUpdateInstant != one.InsertInstant {
			t.Errorf("created %+v", one)
		}
		two := twilio("alpha")
		two.Data = wire.Object{}
		two.ID, two.Headers, two.HTTPAuthenticationPassword, two.IncludeCode = someID, map[string]string{"X": "y"}, "p", true
		two = w.create(two)
		if two.ID != someID || two.Headers != nil || two.HTTPAuthenticationPassword != "" || two.IncludeCode || two.ConnectTimeout != 0 ||
			!slices.Equal(two.MessageTypes, []wire.MessageType{wire.SMS}) {
			t.Errorf("created %+v", two)
		}
		list, err := w.List(t.Context())
		if err != nil || !cmp.Equal(list, []wire.Messenger{two, one}) {
			t.Errorf("list: %v, %s", err, cmp.Diff(list, []wire.Messenger{two, one}))
		}

		changed, err := w.Update(t.Context(), one.ID, func(m wire.Messenger) (wire.Messenger, error) {
			m.URL, m.ID, m.InsertInstant, m.Transport = "https://example.com/other", someID, 1, "push"
			return m, nil
		})
		if err != nil || changed.ID != one.ID || changed.InsertInstant != one.InsertInstant || changed.Transport != "sms" || changed.Headers["X-Api-Key"] != "secret" {
			t.Errorf("changed %+v, %v", changed, err)
		}
		if loaded, err := w.Load(t.Context(), one.ID); err != nil || !cmp.Equal(loaded, changed) {
			t.Errorf("loaded %v, %s", err, cmp.Diff(loaded, changed))
		}

		// Names are unique, whatever their case; ids too. All that is wrong is said at once.
		_, err = w.Create(t.Context(), someID, generic("ZÜRICH"))
		if got := codes(t, err); !slices.Equal(got, []string{"[duplicate]messengerId", "[duplicate]messenger.name"}) {
			t.Errorf("a second one: %q", got)
		}
		rename := func(id wire.ID, name string) error {
			_, err := w.Update(t.Context(), id, func(m wire.Messenger) (wire.Messenger, error) { m.Name = name; return m, nil })
			return err
		}
		if got := codes(t, rename(someID, "zürich")); !slices.Equal(got, []string{"[duplicate]messenger.name"}) {
			t.Errorf("renamed to another's name: %q", got)
		}
		if err := rename(one.ID, "zürich"); err != nil {
			t.Errorf("another spelling of its own name: %v", err)
		}
		_, err = w.Update(t.Context(), someID, func(wire.Messenger) (wire.Messenger, error) { return generic("b"), nil })
		if got := codes(t, err); !slices.Equal(got, []string{"[invalid]messenger.type"}) {
			t.Errorf("another type: %q", got)
		}

		w.Used = func(_ *db.Tx, id wire.ID) ([]string, error) {
			if id == one.ID {
				return []string{"the tenant Default", "the tenant Other"}, nil
			}
			return nil, nil
		}
		err = w.Delete(t.Context(), one.ID)
		if got := codes(t, err); !slices.Equal(got, []string{"[inUse]messengerId"}) || !strings.Contains(err.Error(), "the tenant Default, the tenant Other") {
			t.Errorf("deleting one in use: %v", err)
		}
		if _, err := w.Load(t.Context(), one.ID); err != nil {
			t.Errorf("it is gone: %v", err)
		}
		if err := w.Delete(t.Context(), someID); err != nil {
			t.Error(err)
		}
		for _, err := range []error{w.Delete(t.Context(), someID), rename(someID, "x")} {
			if !errors.Is(err, problem.ErrNotFound) {
				t.Errorf("after its deletion: %v", err)
			}
		}
	})
}

func TestCreate_Refuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			change func(m *wire.Messenger)
			from   wire.Messenger
			want   []string
		}{
			"nothing at all":    {nil, wire.Messenger{}, []string{"[blank]messenger.name", "[missing]messenger.type"}},
			"a Generic one":     {nil, wire.Messenger{Type: wire.Generic}, []string{"[blank]messenger.name", "[blank]messenger.url", "[missing]messenger.connectTimeout", "[missing]messenger.readTimeout"}},
			"a Twilio one":      {nil, wire.Messenger{Type: wire.Twilio}, []string{"[blank]messenger.name", "[blank]messenger.url", "[blank]messenger.accountSID", "[blank]messenger.fromPhoneNumber"}},
			"Kafka":             {func(m *wire.Messenger) { m.Type = wire.Kafka }, generic("n"), []string{"[invalid]messenger.type"}},
			"an unknown type":   {func(m *wire.Messenger) { m.Type = "generic" }, generic("n"), []string{"[invalid]messenger.type"}},
			"a blank name":      {func(m *wire.Messenger) { m.Name = " \t" }, generic(""), []string{"[blank]messenger.name"}},
			"a long name":       {func(m *wire.Messenger) { m.Name = strings.Repeat("ü", 192) }, generic(""), []string{"[tooLong]messenger.name"}},
			"a name with NUL":   {func(m *wire.Messenger) { m.Name = "a\x00b" }, generic(""), []string{"[invalid]messenger.name"}},
			"no URL":            {func(m *wire.Messenger) { m.URL = "mail.example.com" }, generic("n"), []string{"[invalid]messenger.url"}},
			"a URL with login":  {func(m *wire.Messenger) { m.URL = "https://u:p@example.com" }, generic("n"), []string{"[invalid]messenger.url"}},
			"negative timeouts": {func(m *wire.Messenger) { m.ConnectTimeout, m.ReadTimeout = -1, 600_001 }, generic("n"), []string{"[invalid]messenger.connectTimeout", "[invalid]messenger.readTimeout"}},
			"headers":           {func(m *wire.Messenger) { m.Headers = map[string]string{"Host": "x", "x y": "", "A": "1", "a": "2"} }, generic("n"), []string{"[duplicate]messenger.headers", "[invalid]messenger.headers", "[invalid]messenger.headers"}},
			"long headers":      {func(m *wire.Messenger) { m.Headers = map[string]string{"A": strings.Repeat("x", 33<<10)} }, generic("n"), []string{"[tooLong]messenger.headers"}},
			"our header":        {func(m *wire.Messenger) { m.Headers = map[string]string{"idempotency-key": "x"} }, generic("n"), []string{"[invalid]messenger.headers"}},
			"a colon":           {func(m *wire.Messenger) { m.HTTPAuthenticationUsername = "a:b" }, generic("n"), []string{"[invalid]messenger.httpAuthenticationUsername"}},
			"a line break":      {func(m *wire.Messenger) { m.HTTPAuthenticationPassword = "a\nb" }, generic("n"), []string{"[invalid]messenger.httpAuthenticationPassword"}},
			"no certificate":    {func(m *wire.Messenger) { m.SSLCertificate = "0a1b2c3d-0000-4000-8000-000000000000" }, generic("n"), []string{"[invalid]messenger.sslCertificate"}},
			"message types":     {func(m *wire.Messenger) { m.MessageTypes = []wire.MessageType{"SMS", "sms"} }, generic("n"), []string{"[invalid]messenger.messageTypes"}},
			"Twilio's timeout":  {func(m *wire.Messenger) { m.ReadTimeout = -1 }, twilio("n"), []string{"[invalid]messenger.readTimeout"}},
			"Twilio's account":  {func(m *wire.Messenger) { m.AccountSID = "AC/../x" }, twilio("n"), []string{"[invalid]messenger.accountSID"}},
			"Twilio's token":    {func(m *wire.Messenger) { m.AuthToken = "a\nb" }, twilio("n"), []string{"[invalid]messenger.authToken"}},
			"Twilio's URL":      {func(m *wire.Messenger) { m.URL += "/?a=b" }, twilio("n"), []string{"[invalid]messenger.url"}},
			"a service that calls": {func(m *wire.Messenger) {
				m.FromPhoneNumber, m.MessagingServiceSID, m.MessageTypes = "", "MG1", []wire.MessageType{wire.Voice}
			}, twilio("n"), []string{"[blank]messenger.fromPhoneNumber"}},
		} {
			m := c.from
			if c.change != nil {
				c.change(&m)
			}
			_, err := w.Create(t.Context(), "", m)
			if got := codes(t, err); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(c.want))) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
			// Without a name it could be tried out before it has one.
			_, err = w.Unsaved(m)
			want := slices.DeleteFunc(slices.Clone(c.want), func(code string) bool { return strings.HasSuffix(code, "messenger.name") })
			if got := codes(t, err); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
				t.Errorf("%s, unsaved: %q, want %q", name, got, want)
			}
		}
		if list, err := w.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("something was stored: %v, %v", list, err)
		}
	})
}

// Two at once want the same name: one gets it, the other a plain answer.
func TestCreate_TwoAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		results := make(chan error, 8)
		for range cap(results) {
			go func() {
				_, err := w.Create(t.Context(), "", generic("one"))
				results <- err
			}()
		}
		created := 0
		for range cap(results) {
			if err := <-results; err == nil {
				created++
			} else if got := codes(t, err); !slices.Equal(got, []string{"[duplicate]messenger.name"}) {
				t.Errorf("%v", err)
			}
		}
		if created != 1 {
			t.Errorf("%d were created", created)
		}
	})
}

func TestCarries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := generic("one")
		m.ID = someID
		w.create(m)
		err := w.d.Update(t.Context(), func(tx *db.Tx) error {
			for id, carried := range map[wire.ID][]wire.MessageType{someID: {wire.SMS}, "d0000000-0000-4000-8000-00000000000e": nil} {
				for _, what := range []wire.MessageType{wire.SMS, wire.Voice} {
					if carries, err := w.Carries(tx, id, what); err != nil || carries != slices.Contains(carried, what) {
						t.Errorf("%s carries %s: %v, %v", id, what, carries, err)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Of one who deletes a messenger and a tenant that begins to name it, at the same moment, only one can win.
func TestDelete_RaceWithUse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tenants := tenant.New(w.d, w.Sealer)
		tenants.HasMessenger, w.Used = w.Carries, tenants.UsesMessenger
		if err := tenants.Bootstrap(t.Context(), someID); err != nil {
			t.Fatal(err)
		}
		name := func(id wire.ID) error {
			_, err := tenants.Update(t.Context(), someID, func(named wire.Tenant) (wire.Tenant, []wire.ID, error) {
				named.Extra = map[string]json.RawMessage{"phoneConfiguration": fmt.Appendf(nil, `{"messengerId": %q}`, id)}
				return named, nil, nil
			})
			return err
		}
		for round := range 50 {
			id := w.create(generic(fmt.Sprint(round))).ID
			var named, deleted error
			var both sync.WaitGroup
			both.Go(func() { named = name(id) })
			both.Go(func() { deleted = w.Delete(t.Context(), id) })
			both.Wait()
			switch {
			case named == nil && slices.Equal(codes(t, deleted), []string{"[inUse]messengerId"}):
			case deleted == nil && slices.Equal(codes(t, named), []string{"[invalid]tenant.phoneConfiguration.messengerId"}):
			default:
				t.Errorf("named: %v, deleted: %v", named, deleted)
			}
		}
	})
}

func TestRegistry_FollowsChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := func(id wire.ID) *messenger.Target {
			t.Helper()
			r, err := w.Registry(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return r.Target(id)
		}
		if at(someID) != nil {
			t.Error("a target of nothing")
		}
		m := generic("one")
		m.ID, m.Debug, m.RetryUnknown = someID, true, true
		w.create(m)
		target := at(someID)
		if target == nil || target.Name != "one" || !target.Debug || !target.RetryUnknown || target.Type != wire.Generic || !target.Can(wire.KindSMS) ||
			target.Can(wire.KindVoice) || target.Can(wire.KindEmail) || target.Patience() != 3*time.Second {
			t.Fatalf("target %+v", target)
		}
		if _, err := w.Update(t.Context(), someID, func(m wire.Messenger) (wire.Messenger, error) {
			m.Name, m.MessageTypes = "two", []wire.MessageType{wire.Voice}
			return m, nil
		}); err != nil {
			t.Fatal(err)
		}
		if now := at(someID); now.Name != "two" || now.Can(wire.KindSMS) || !now.Can(wire.KindVoice) || target.Name != "one" {
			t.Errorf("target %+v", now)
		}
		// Another process sees it at once inside of a transaction.
		other := newService(t, w.d, egress.Options{})
		if err := w.d.View(t.Context(), func(tx *db.Tx) error {
			r, err := other.RegistryIn(tx)
			if err == nil && r.Target(someID).Name != "two" {
				t.Error("the other process has an old name")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := w.Delete(t.Context(), someID); err != nil || at(someID) != nil {
			t.Errorf("after the deletion: %v", err)
		}
	})
}

// What must not be readable for somebody who has the database is sealed, and bound to its row.
func TestSecrets_AreSealedAtRest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pem := egresstest.NewAuthority(t).ClientPEM("client at rest")
		lines := strings.Split(strings.TrimSpace(pem), "\n")
		planted := []string{"header-value-at-rest", "password-at-rest", "token-at-rest", lines[1], lines[len(lines)-2]}
		first := generic("in clear")
		first.Headers, first.HTTPAuthenticationUsername, first.HTTPAuthenticationPassword = map[string]string{"X-Api-Key": planted[0]}, "herald", planted[1]
		first.SSLCertificate = pem
		one := w.create(first)
		second := twilio("two")
		second.AuthToken = planted[2]
		two := w.create(second)
		for range 2 { // as created, then as changed
			files := w.rows()
			if len(files) != 2 || !strings.Contains(files[0], "in clear") {
				t.Fatalf("rows: %q", files)
			}
			if dir := dbtest.OptionsOf(t, w.d).Dir; dir != "" {
				names, err := filepath.Glob(filepath.Join(dir, "*"))
				if err != nil || len(names) == 0 {
					t.Fatalf("no files in the data folder: %v", err)
				}
				for _, name := range names {
					content, err := os.ReadFile(name)
					if err != nil {
						t.Fatal(err)
					}
					files = append(files, string(content))
				}
			}
			for _, secret := range planted {
				if slices.ContainsFunc(files, func(content string) bool { return strings.Contains(content, secret) }) {
					t.Errorf("%.20s… is in the store in clear", secret)
				}
			}
			for _, id := range []wire.ID{one.ID, two.ID} {
				if _, err := w.Update(t.Context(), id, func(m wire.Messenger) (wire.Messenger, error) { return m, nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		if m, err := w.Load(t.Context(), two.ID); err != nil || m.AuthToken != planted[2] {
			t.Errorf("loaded %+v, %v", m, err)
		}
		// Moved to another row the secrets are of no use, so nobody can have them sent to a place of their own.
		if err := w.d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE messenger SET secrets = (SELECT secrets FROM messenger WHERE id = $1) WHERE id = $2`, string(one.ID), string(two.ID))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if m, err := w.Load(t.Context(), two.ID); err == nil {
			t.Errorf("the secrets of one messenger open in another: %q", m.HTTPAuthenticationPassword)
		}
	})
}

func (w *world) rows() (rows []string) {
	w.t.Helper()
	if err := w.d.View(w.t.Context(), func(tx *db.Tx) error {
		all, err := tx.Query(`SELECT id || ' ' || name || ' ' || document || ' ' || secrets FROM messenger ORDER BY name`)
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
	}); err != nil {
		w.t.Fatal(err)
	}
	return rows
}
