package access_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	tenantA = wire.ID("a0000000-0000-4000-8000-000000000000")
	tenantB = wire.ID("b0000000-0000-4000-8000-000000000000")
	nowhere = wire.ID("c0000000-0000-4000-8000-000000000000")
	idOne   = wire.ID("00000000-0000-4000-8000-000000000001")
	idTwo   = wire.ID("00000000-0000-4000-8000-000000000002")
)

// now is the instant of every test until it moves the clock.
var now = time.UnixMilli(1_700_000_000_000)

// world is a service on an empty store, with the tenants A and B.
type world struct {
	*access.Service
	t      *testing.T
	d      *db.DB
	millis atomic.Int64
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		w := &world{t: t, d: d}
		w.millis.Store(now.UnixMilli())
		clock := func() time.Time { return time.UnixMilli(w.millis.Load()) }
		exists := func(_ *db.Tx, id wire.ID) (bool, error) { return id == tenantA || id == tenantB, nil }
		w.Service = access.New(d, key.NewSealer(make([]byte, key.Size)), clock, exists)
		fn(t, w)
	}, dbtest.WithClock(func() time.Time { return now }))
}

// create makes a key as Herald itself.
func (w *world) create(given wire.APIKey) wire.APIKey {
	w.t.Helper()
	k, err := w.Create(w.t.Context(), nil, "", given, access.CreateOptions{AllowKeyManager: true})
	if err != nil {
		w.t.Fatalf("create %+v: %v", given, err)
	}
	return k
}

// holder makes a key and proves to hold it.
func (w *world) holder(given wire.APIKey) *access.Key {
	w.t.Helper()
	k, err := w.Authenticate(w.t.Context(), w.create(given).Key)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

func may(endpoints map[string][]string) wire.APIKeyPermissions {
	return wire.APIKeyPermissions{Endpoints: endpoints}
}

// codes are the codes of an invalid request, in order.
func codes(err error) string {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	if p.Kind != problem.Invalid {
		return string(p.Kind)
	}
	var all []string
	for _, f := range p.Fields {
		all = append(all, f.Code)
	}
	return strings.Join(all, " ")
}

func TestCreate_GivesARandomKeyThatOpens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one, two := w.create(wire.APIKey{}), w.create(wire.APIKey{})
		if len(one.Key) < 40 || one.Key == two.Key {
			t.Fatalf("keys of %d characters, equal: %t", len(one.Key), one.Key == two.Key)
		}
		if one.Retrievable == nil || !*one.Retrievable || one.InsertInstant != wire.Instant(now.UnixMilli()) {
			t.Errorf("created %+v", one)
		}
		k, err := w.Authenticate(t.Context(), one.Key)
		if err != nil || k.ID() != one.ID || k.Tenant() != "" || !k.May("DELETE", "/api/anything") || k.MayManage("GET") {
			t.Errorf("authenticated as %+v, %v", k, err)
		}
		loaded, err := w.Load(t.Context(), nil, one.ID)
		if diff := cmp.Diff(one, loaded); err != nil || diff != "" {
			t.Errorf("load: %v, %s", err, diff)
		}
	})
}

func TestCreate_KeepsEverything(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		given := wire.APIKey{
			Key: "any string, spaces and : too", Name: "  CI  ", TenantID: tenantA, KeyManager: true,
			Permissions:           may(map[string][]string{"/api/user": {"GET", "POST"}}),
			MetaData:              wire.APIKeyMetaData{Attributes: map[string]string{"description": "for CI"}},
			IPAccessControlListID: nowhere, ExpirationInstant: wire.Instant(now.UnixMilli() + 1),
		}
		created := w.create(given)
		want := given
		want.ID, want.Name, want.Retrievable = created.ID, "CI", new(true)
		want.InsertInstant, want.LastUpdateInstant = wire.Instant(now.UnixMilli()), wire.Instant(now.UnixMilli())
		loaded, err := w.Load(t.Context(), nil, created.ID)
		if diff := cmp.Diff(want, loaded); err != nil || diff != "" {
			t.Errorf("load: %v, %s", err, diff)
		}
	})
}

func TestCreate_Refuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if _, err := w.Create(t.Context(), nil, idOne, wire.APIKey{Key: "taken", Name: "taken"}, access.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		past := wire.Instant(now.UnixMilli())
		for name, test := range map[string]struct {
			id    wire.ID
			given wire.APIKey
			want  string
		}{
			"everything at once": {
				idOne,
				wire.APIKey{Key: "taken", Name: "taken", TenantID: nowhere, KeyManager: true, ExpirationInstant: past},
				"[invalid]apiKey.keyManager [invalid]apiKey.expirationInstant [invalid]apiKey.tenantId " +
					"[duplicate]keyId [duplicate]apiKey.key [duplicate]apiKey.name",
			},
			"no name":           {"", wire.APIKey{Retrievable: new(false), Name: " "}, "[blank]apiKey.name"},
			"long name":         {"", wire.APIKey{Name: strings.Repeat("x", 192)}, "[tooLong]apiKey.name"},
			"spaces at the end": {"", wire.APIKey{Key: "x "}, "[invalid]apiKey.key"},
			"only a space":      {"", wire.APIKey{Key: " "}, "[invalid]apiKey.key"},
			"line break":        {"", wire.APIKey{Key: "a\r\nX-Evil: 1"}, "[invalid]apiKey.key"},
			"not ASCII":         {"", wire.APIKey{Key: "schlüssel"}, "[invalid]apiKey.key"},
			"too long":          {"", wire.APIKey{Key: strings.Repeat("k", 1025)}, "[tooLong]apiKey.key"},
			"another scheme":    {"", wire.APIKey{Key: "Bearer x"}, "[invalid]apiKey.key"},
			"expired long ago":  {"", wire.APIKey{ExpirationInstant: 1}, "[invalid]apiKey.expirationInstant"},
			"before 1970":       {"", wire.APIKey{ExpirationInstant: -1}, "[invalid]apiKey.expirationInstant"},
			"no method":         {"", wire.APIKey{Permissions: may(map[string][]string{"/api/user": {"get"}})}, "[invalid]apiKey.permissions.endpoints"},
			"no endpoint":       {"", wire.APIKey{Permissions: may(map[string][]string{"user": {"GET"}})}, "[invalid]apiKey.permissions.endpoints"},
			"ids":               {"x", wire.APIKey{TenantID: "y"}, "[couldNotConvert]keyId [couldNotConvert]apiKey.tenantId"},
		} {
			_, err := w.Create(t.Context(), nil, test.id, test.given, access.CreateOptions{})
			if got := codes(err); got != test.want {
				t.Errorf("%s: %s, want %s", name, got, test.want)
			}
			if secret := test.given.Key; len(secret) > 3 && secret != "taken" && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats the key", name)
			}
		}
		if n := count(t, w.d); n != 1 {
			t.Errorf("%d keys are stored", n)
		}
	})
}

func TestCreate_OfAKickstartMayNameALaterTenant(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.Create(t.Context(), nil, "", wire.APIKey{Key: "k", TenantID: nowhere}, access.CreateOptions{AllowUnknownTenant: true})
		if err != nil {
			t.Fatal(err)
		}
		if k, err := w.Authenticate(t.Context(), "k"); err != nil || k.Tenant() != nowhere {
			t.Errorf("authenticated as %+v, %v", k, err)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		expires := now.UnixMilli() + 1000
		w.create(wire.APIKey{Key: "Secret", ExpirationInstant: wire.Instant(expires)})
		check := func(text string, want error) {
			t.Helper()
			if _, err := w.Authenticate(t.Context(), text); !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", text, err, want)
			}
		}
		check("Secret", nil)
		for _, text := range []string{"", "secret", "Secre", "Secret ", "Secret\x00", strings.Repeat("x", 100_000)} {
			check(text, problem.ErrUnauthenticated)
		}
		w.millis.Store(expires - 1)
		check("Secret", nil)
		w.millis.Store(expires)
		check("Secret", problem.ErrUnauthenticated)
	})
}

func TestStore_HoldsNoKeyInClear(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const secret = "the-planted-secret"
		shown := w.create(wire.APIKey{Key: secret + "-1"})
		hidden := w.create(wire.APIKey{Key: secret + "-2", Name: "n", Retrievable: new(false)})
		if hidden.Key != secret+"-2" {
			t.Error("the answer to the creation lacks the key")
		}
		err := w.d.View(t.Context(), func(tx *db.Tx) error {
			for _, k := range []wire.APIKey{shown, hidden} {
				var hash, sealed, rest string
				if err := tx.QueryRow(`SELECT hash, sealed, permissions || document FROM api_key WHERE id = $1`, k.ID).Scan(&hash, &sealed, &rest); err != nil {
					return err
				}
				sum := sha256.Sum256([]byte(k.Key))
				if hash != hex.EncodeToString(sum[:]) || strings.Contains(sealed+rest, secret) || (sealed == "") == *k.Retrievable {
					t.Errorf("stored %q, %q, %q", hash, sealed, rest)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[wire.ID]string{shown.ID: shown.Key, hidden.ID: ""} {
			if k, err := w.Load(t.Context(), nil, id); err != nil || k.Key != want {
				t.Errorf("load: %q, %v, want %q", k.Key, err, want)
			}
		}
		if k, err := w.Authenticate(t.Context(), hidden.Key); err != nil || strings.Contains(fmt.Sprintf("%+v %#v", k, k), secret) {
			t.Errorf("authenticated: %v, or the key shows its text", err)
		}
	})
}

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		created := w.create(wire.APIKey{Key: "k", Name: "old", ExpirationInstant: wire.Instant(now.UnixMilli() + 5), TenantID: tenantA})
		updated, err := w.Update(t.Context(), nil, created.ID, func(current wire.APIKey) (wire.APIKey, error) {
			if diff := cmp.Diff(created, current); diff != "" {
				t.Error(diff)
			}
			return wire.APIKey{Name: "new", Retrievable: new(false), Permissions: may(map[string][]string{"/api/user": {"GET"}})}, nil
		})
		want := created
		want.Name, want.ExpirationInstant, want.Permissions = "new", 0, may(map[string][]string{"/api/user": {"GET"}})
		if diff := cmp.Diff(want, updated); err != nil || diff != "" {
			t.Fatalf("update: %v, %s", err, diff)
		}
		if loaded, err := w.Load(t.Context(), nil, created.ID); err != nil || !cmp.Equal(want, loaded) {
			t.Errorf("load: %v, %s", err, cmp.Diff(want, loaded))
		}
		if k, err := w.Authenticate(t.Context(), "k"); err != nil || k.May("POST", "/api/user") || !k.May("GET", "/api/user") {
			t.Errorf("the change is not in force: %v", err)
		}
	})
}

func TestUpdate_Refuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.create(wire.APIKey{Name: "taken"})
		id := w.create(wire.APIKey{Key: "k", Name: "mine"}).ID
		for name, test := range map[string]struct {
			wanted wire.APIKey
			want   string
		}{
			"another text":   {wire.APIKey{Key: "other"}, "[invalid]apiKey.key"},
			"another tenant": {wire.APIKey{TenantID: tenantB}, "[invalid]apiKey.tenantId"},
			"manager":        {wire.APIKey{KeyManager: true}, "[invalid]apiKey.keyManager"},
			"name":           {wire.APIKey{Name: "taken"}, "[duplicate]apiKey.name"},
			"same":           {wire.APIKey{Key: "k", Name: "mine"}, "<nil>"},
		} {
			_, err := w.Update(t.Context(), nil, id, func(wire.APIKey) (wire.APIKey, error) { return test.wanted, nil })
			if got := codes(err); got != test.want {
				t.Errorf("%s: %s, want %s", name, got, test.want)
			}
		}
		hidden := w.create(wire.APIKey{Key: "hidden", Name: "hidden", Retrievable: new(false)}).ID
		for text, want := range map[string]string{"hidden": "<nil>", "other": "[invalid]apiKey.key"} {
			_, err := w.Update(t.Context(), nil, hidden, func(k wire.APIKey) (wire.APIKey, error) {
				k.Key = text
				return k, nil
			})
			if got := codes(err); got != want {
				t.Errorf("the text %q for one that is not retrievable: %s, want %s", text, got, want)
			}
		}
		if _, err := w.Update(t.Context(), nil, idTwo, nil); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("unknown id: %v", err)
		}
	})
}

func TestUpdate_KeepsTheFlagOfAManager(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.create(wire.APIKey{Key: "m", KeyManager: true}).ID
		updated, err := w.Update(t.Context(), nil, id, func(wire.APIKey) (wire.APIKey, error) { return wire.APIKey{Name: "x"}, nil })
		if err != nil || !updated.KeyManager {
			t.Errorf("updated to %+v, %v", updated, err)
		}
	})
}

func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		k := w.create(wire.APIKey{})
		if err := w.Delete(t.Context(), nil, k.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Authenticate(t.Context(), k.Key); !errors.Is(err, problem.ErrUnauthenticated) {
			t.Errorf("still works: %v", err)
		}
		if err := w.Delete(t.Context(), nil, k.ID); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("again: %v", err)
		}
	})
}

func TestDeleteOfTenant(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for text, tenant := range map[string]wire.ID{"a": tenantA, "b": tenantB, "global": ""} {
			w.create(wire.APIKey{Key: text, TenantID: tenant})
		}
		if err := w.d.Update(t.Context(), func(tx *db.Tx) error { return w.Service.DeleteOfTenant(tx, tenantA) }); err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]error{"a": problem.ErrUnauthenticated, "b": nil, "global": nil} {
			if _, err := w.Authenticate(t.Context(), text); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", text, err, want)
			}
		}
	})
}

// TestAuthority has every kind of manager do everything to every kind of key.
func TestAuthority(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		users := may(map[string][]string{"/api/user": {"GET", "POST"}})
		fewer := may(map[string][]string{"/api/user": {"GET"}})
		none := may(map[string][]string{"/api/user": {}})
		other := may(map[string][]string{"/api/group": {"GET"}})
		managers := map[string]*access.Key{
			"super":       w.holder(wire.APIKey{KeyManager: true}),
			"users":       w.holder(wire.APIKey{KeyManager: true, Permissions: users}),
			"super of A":  w.holder(wire.APIKey{KeyManager: true, TenantID: tenantA}),
			"users of A":  w.holder(wire.APIKey{KeyManager: true, TenantID: tenantA, Permissions: users}),
			"nobody of A": w.holder(wire.APIKey{KeyManager: true, TenantID: tenantA, Permissions: none}),
		}
		keys := map[string]wire.APIKey{
			"super":      {},
			"users":      {Permissions: users},
			"fewer":      {Permissions: fewer},
			"none":       {Permissions: none},
			"other":      {Permissions: other},
			"super of A": {TenantID: tenantA},
			"fewer of A": {TenantID: tenantA, Permissions: fewer},
			"super of B": {TenantID: tenantB},
			"none of B":  {TenantID: tenantB, Permissions: none},
		}
		allowed := map[string][]string{
			"super":       {"super", "users", "fewer", "none", "other", "super of A", "fewer of A", "super of B", "none of B"},
			"users":       {"users", "fewer", "none", "fewer of A", "none of B"},
			"super of A":  {"super of A", "fewer of A"},
			"users of A":  {"fewer of A"},
			"nobody of A": {},
		}
		for by, manager := range managers {
			for name, given := range keys {
				want := slices.Contains(allowed[by], name)
				existing := w.create(given)
				_, err := w.Load(t.Context(), manager, existing.ID)
				if (err == nil) != want {
					t.Errorf("%s loads %s: %v", by, name, err)
				}
				hidden := manager.Tenant() != "" && manager.Tenant() != given.TenantID
				if !want && errors.Is(err, problem.ErrNotFound) != hidden {
					t.Errorf("%s loads %s: %v, hidden: %t", by, name, err, hidden)
				}
				_, err = w.Update(t.Context(), manager, existing.ID, func(k wire.APIKey) (wire.APIKey, error) { return k, nil })
				if (err == nil) != want {
					t.Errorf("%s updates %s: %v", by, name, err)
				}
				_, err = w.Copy(t.Context(), manager, existing.ID, "", wire.APIKey{})
				if (err == nil) != want {
					t.Errorf("%s copies %s: %v", by, name, err)
				}
				if err = w.Delete(t.Context(), manager, existing.ID); (err == nil) != want {
					t.Errorf("%s deletes %s: %v", by, name, err)
				}
				// Creating is different in one way: without a tenant, a tenant's key makes one of its own tenant.
				if given.TenantID == "" && manager.Tenant() == tenantA {
					want = by == "super of A" || by == "users of A" && (name == "users" || name == "fewer" || name == "none") || name == "none"
				}
				created, err := w.Create(t.Context(), manager, "", given, access.CreateOptions{})
				if (err == nil) != want {
					t.Errorf("%s creates %s: %v", by, name, err)
				}
				if err == nil && manager.Tenant() != "" && created.TenantID != manager.Tenant() {
					t.Errorf("%s made a key of tenant %q", by, created.TenantID)
				}
			}
		}
		// Nobody gives away more with an update than with a creation.
		id := w.create(wire.APIKey{Permissions: fewer}).ID
		for _, wider := range []wire.APIKeyPermissions{{}, other} {
			_, err := w.Update(t.Context(), managers["users"], id, func(k wire.APIKey) (wire.APIKey, error) {
				k.Permissions = wider
				return k, nil
			})
			if got := codes(err); got != "[invalid]apiKey.permissions.endpoints" {
				t.Errorf("widen to %v: %s", wider, got)
			}
		}
	})
}

func TestCopy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		source := w.create(wire.APIKey{Name: "source", TenantID: tenantA, IPAccessControlListID: nowhere, Permissions: may(map[string][]string{"/api/user": {"GET"}})})
		copied, err := w.Copy(t.Context(), nil, source.ID, idTwo, wire.APIKey{Name: "copy"})
		want := source
		want.ID, want.Key, want.Name = idTwo, copied.Key, "copy"
		if diff := cmp.Diff(want, copied); err != nil || diff != "" || copied.Key == source.Key {
			t.Errorf("copy: %v, %s", err, diff)
		}
		manager := w.create(wire.APIKey{KeyManager: true})
		for _, id := range []wire.ID{manager.ID, idOne} {
			if _, err := w.Copy(t.Context(), nil, id, "", wire.APIKey{}); codes(err) != "[invalid]sourceKeyId" {
				t.Errorf("copy %s: %v", id, err)
			}
		}
	})
}

// TestCreate_ConcurrentlyWithOneName: exactly one wins, the others learn which member was taken.
func TestCreate_ConcurrentlyWithOneName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var won atomic.Int32
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				_, err := w.Create(context.WithoutCancel(t.Context()), nil, "", wire.APIKey{Name: "one"}, access.CreateOptions{})
				switch codes(err) {
				case "<nil>":
					won.Add(1)
				case "[duplicate]apiKey.name":
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 || count(t, w.d) != 1 {
			t.Errorf("%d won, %d stored", won.Load(), count(t, w.d))
		}
	})
}

// TestUpdate_ConcurrentlyLosesNothing: of updates that read the same key, those that came too late are told so.
func TestUpdate_ConcurrentlyLosesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.create(wire.APIKey{}).ID
		var done atomic.Int32
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				_, err := w.Update(context.WithoutCancel(t.Context()), nil, id, func(k wire.APIKey) (wire.APIKey, error) {
					k.Name += "x"
					return k, nil
				})
				switch {
				case err == nil:
					done.Add(1)
				case codes(err) != string(problem.Conflict):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		k, err := w.Load(t.Context(), nil, id)
		if err != nil || len(k.Name) != int(done.Load()) || done.Load() == 0 {
			t.Errorf("%d updates made the name %q, %v", done.Load(), k.Name, err)
		}
	})
}

func TestAny(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, want := range []bool{false, true} {
			err := w.d.View(t.Context(), func(tx *db.Tx) error {
				if got, err := w.Any(tx); got != want || err != nil {
					t.Errorf("Any is %t, %v, want %t", got, err, want)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			w.create(wire.APIKey{})
		}
	})
}

func TestKey_MayManage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, test := range map[string]struct {
			given wire.APIKey
			want  string
		}{
			"super key, no manager": {wire.APIKey{}, ""},
			"manager":               {wire.APIKey{KeyManager: true}, "DELETE GET PATCH POST PUT"},
			"of something else":     {wire.APIKey{KeyManager: true, Permissions: may(map[string][]string{"/api/user": {"GET"}})}, "DELETE GET PATCH POST PUT"},
			"limited":               {wire.APIKey{KeyManager: true, Permissions: may(map[string][]string{"/api/api-key": {"GET"}})}, "GET"},
			"no manager":            {wire.APIKey{Permissions: may(map[string][]string{"/api/api-key": {"GET"}})}, ""},
		} {
			var got []string
			k := w.holder(test.given)
			for _, method := range []string{"DELETE", "GET", "PATCH", "POST", "PUT"} {
				if k.MayManage(method) {
					got = append(got, method)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s: %v, want %s", name, got, test.want)
			}
		}
	})
}

func count(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	err := d.View(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM api_key`).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}
