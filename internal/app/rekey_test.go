package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// TestRekey plants a secret in every place there is, changes the key, is interrupted, and carries on: nothing is sealed with the previous key any more, everything can
// still be read, and servers are only let in with the keys that they need.
func TestRekey(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := &secretStory{vault: newVault(t, engine, quickRetries)}
			s.keys()
			s.webhooks()
			s.sinks()
			s.tenantAndUser()
			s.clients()
			s.messengers()
			s.secondFactors()
			s.logins()
			const shop = "a9000000-0000-4000-8000-00000000000e"
			s.call("POST", "/api/application/"+shop, object{"application": object{"name": "Tokens", "authenticationTokenConfiguration": object{"enabled": true}}}).Want(200)
			s.call("POST", "/api/user/registration/"+secretUser, object{"registration": object{"applicationId": shop}, "generateAuthenticationToken": true}).Want(200)
			s.call("POST", "/api/identity-provider/link", object{"identityProviderLink": object{
				"identityProviderId": "d0000000-0000-4000-8000-00000000000d", "identityProviderUserId": "ada", "userId": secretUser, "token": "token of a link",
			}}).Want(200)
			if engine == db.SQLite {
				rekeyFile(t, s.Server)
			} else {
				rekeyCluster(t, s.Server)
			}
		})
	}
}

var sealedText = regexp.MustCompile(`\bv1\.([0-9a-f]{8})\.`)

// sealedBy counts the sealed texts in the store by the names of their keys. There have to be some in each place that another key has to reach, and none elsewhere.
func sealedBy(t *testing.T, store config.Store) (keys map[string]int) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Dir: store.Data, URL: store.DatabaseURL.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	keys = map[string]int{}
	left := map[string]bool{"instance.key_check": true} // which says what key the others have
	for _, place := range app.Secrets() {
		left[place.Table+"."+place.Column] = true
	}
	found := map[string]bool{}
	for _, table := range dbtest.Everything(t, d) {
		for _, row := range table.Rows {
			for i, value := range row {
				for _, match := range sealedText.FindAllStringSubmatch(value, -1) {
					keys[match[1]]++
					found[table.Name+"."+table.Columns[i]] = true
				}
			}
		}
	}
	for place := range left {
		if !found[place] {
			t.Errorf("the test has planted no secret in %s", place)
		}
	}
	for place := range found {
		if !left[place] {
			t.Errorf("there are sealed texts in %s, which is in no variable Sealed, or not in rekey.go", place)
		}
	}
	return keys
}

// TestSecrets_AreListed looks for packages that seal something and do not say where it is, so that no change of the key would reach it.
func TestSecrets_AreListed(t *testing.T) {
	t.Parallel()
	seals := regexp.MustCompile(`(?i)\bsealer\.Seal\(|\bsealed\.Seal(JSON)?\(`)
	listed, err := os.ReadFile("rekey.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]bool{"app": true} // it seals the checks of the key itself
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if packages[name] || strings.HasSuffix(file, "_test.go") || !seals.Match(text) {
			continue
		}
		packages[name] = true
		if !strings.Contains(string(listed), name+".Sealed") {
			t.Errorf("%s seals something, and rekey.go knows nothing of it", file)
		}
	}
	if len(packages) < 12 {
		t.Errorf("only %d packages were found to seal something", len(packages))
	}
}

func quiet(string, int64) {}

// reads makes sure that a server can read what is sealed: it sends to a webhook that wants credentials, and signs.
func reads(t *testing.T, s *apptest.Server) {
	t.Helper()
	var w struct {
		Webhooks []struct {
			ID      string            `json:"id"`
			Headers map[string]string `json:"headers"`
		} `json:"webhooks"`
	}
	s.Call("GET", "/api/webhook", nil).Want(200).Decode(&w)
	headers := 0
	for _, one := range w.Webhooks {
		headers += len(one.Headers)
	}
	if headers == 0 {
		t.Error("the headers of the webhooks are gone")
	}
	for _, id := range s.Strings(`SELECT id FROM api_key WHERE sealed <> ''`) {
		s.Call("GET", "/api/api-key/"+id, nil).Want(200)
	}
	for _, kind := range []string{"identity-provider", "connector", "messenger", "application", "key"} {
		s.Call("GET", "/api/"+kind, nil).Want(200)
	}
	s.Call("POST", "/api/login", object{"loginId": secretMail, "password": "not this one"}).Want(404)
}

// rekeyFile replaces the key in the data folder.
func rekeyFile(t *testing.T, s *apptest.Server) {
	store := s.Options().Settings.Store
	if _, err := app.Rekey(t.Context(), store, quiet); err == nil || !strings.Contains(err.Error(), "Another Herald is using") {
		t.Errorf("the key was changed under a running server: %v", err)
	}
	s.Stop()
	file := filepath.Join(store.Data, "herald.key")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old := sealedBy(t, store)
	if len(old) != 1 {
		t.Fatalf("sealed with %v before", old)
	}

	// Interrupted in the middle, some are sealed with either key, and a server that finds both works.
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := app.Rekey(ctx, store, func(place string, _ int64) {
		if strings.HasPrefix(place, "webhook.") {
			cancel()
		}
	}); err == nil {
		t.Fatal("it was not interrupted")
	}
	if now, _ := os.ReadFile(file); !bytes.Equal(now, before) {
		t.Error("the key file was replaced before all secrets were")
	}
	if half := sealedBy(t, store); len(half) != 2 {
		t.Errorf("sealed with %v", half)
	}
	next := file + ".next"
	if err := os.Rename(next, next+".away"); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Options(), "are being encrypted with another key")
	if err := os.Rename(next+".away", next); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	reads(t, s)
	s.Stop()

	// Carried on, all are sealed with the new key alone.
	done, err := app.Rekey(t.Context(), store, quiet)
	if err != nil || done.Changed == 0 || len(done.Unreadable) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	now := sealedBy(t, store)
	for name := range now {
		if old[name] > 0 || len(now) > 1 {
			t.Errorf("sealed with %v, before with %v", now, old)
		}
	}
	files, err := filepath.Glob(filepath.Join(store.Data, "herald.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for id := range old {
			if left := bytes.Count(text, []byte("v1."+id+".")); left > 0 {
				t.Errorf("%s still has %d texts that are sealed with the previous key, in the space of rows that are gone", name, left)
			}
		}
	}
	if kept, _ := os.ReadFile(file + ".previous"); !bytes.Equal(kept, before) {
		t.Error("the previous key was not kept")
	}
	if _, err := os.Stat(next); err == nil {
		t.Error("the next key has not taken its place")
	}
	s.Restart()
	reads(t, s)
	s.Stop()
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Options(), "is not the one")
}

// refused makes sure that no server starts.
func refused(t *testing.T, o app.Options, why string) {
	t.Helper()
	a, err := app.New(t.Context(), o)
	if err == nil {
		_ = a.Stop(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("a server started, or was refused for another reason: %v", err)
	}
}

// rekeyCluster replaces the key of several servers, which go on working.
func rekeyCluster(t *testing.T, s *apptest.Server) {
	old, err := os.ReadFile(filepath.Join(s.Options().Settings.Data, "herald.key"))
	if err != nil {
		t.Fatal(err)
	}
	newKey := config.NewSecret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32)))
	oldKey := config.NewSecret(string(old))
	with := func(current, previous config.Secret) func(*app.Options) {
		return func(o *app.Options) {
			o.Settings.EncryptionKey, o.Settings.EncryptionKeyPrevious = current, previous
			o.Outbox.Node = ""
		}
	}
	change := s.Options().Settings.Store
	change.EncryptionKey = newKey
	if _, err := app.Rekey(t.Context(), change, quiet); err == nil || !strings.Contains(err.Error(), "give the one until now") {
		t.Errorf("without the previous key: %v", err)
	}
	change.EncryptionKeyPrevious = newKey
	if _, err := app.Rekey(t.Context(), change, quiet); err == nil || !strings.Contains(err.Error(), "neither key") {
		t.Errorf("with a wrong previous key: %v", err)
	}
	change.EncryptionKeyPrevious = oldKey
	if _, err := app.Rekey(t.Context(), change, quiet); err == nil || !strings.Contains(err.Error(), "is running without the new key") {
		t.Errorf("while a server has the previous key alone: %v", err)
	}

	// One after the other gets both keys, then with the new one first; at no time is there a secret that one of them cannot read.
	reading := s.Join(with(oldKey, newKey))
	s.Stop()
	one := reading.Join(with(newKey, oldKey))
	var created struct{ APIKey struct{ ID string } }
	one.Call("POST", "/api/api-key", object{"apiKey": object{"name": "between", "retrievable": true}}).Want(200).Decode(&created)
	reading.Call("GET", "/api/api-key/"+created.APIKey.ID, nil).Want(200)
	reading.Stop()
	two := one.Join()
	done, err := app.Rekey(t.Context(), change, quiet)
	if err != nil || done.Changed == 0 || len(done.Unreadable) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	reads(t, one)
	reads(t, two)
	if keys := sealedBy(t, change); len(keys) != 1 {
		t.Errorf("sealed with %v", keys)
	}
	one.Stop()
	three := two.Join(with(newKey, config.Secret{}))
	two.Stop()
	reads(t, three)
	o := three.Options()
	with(oldKey, config.Secret{})(&o)
	refused(t, o, "is not the one")
	if again, err := app.Rekey(t.Context(), change, quiet); err != nil || again.Changed > 0 {
		t.Errorf("once more: %+v, %v", again, err)
	}
}
