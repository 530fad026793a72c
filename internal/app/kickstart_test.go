package app_test

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/kickstart"
	"github.com/herald-events/herald/wire"
)

// kickstartFiles is a set-up as users of FusionAuth write it, with everything that the format has.
var kickstartFiles = map[string]string{
	"kickstart.json": `{
		"variables": {
			"defaultTenantId": "30663132-6464-6665-3032-326466613934",
			"otherTenantId": "aaaaaaaa-6464-6665-3032-326466613934",
			"domain": "example.com",
			"adminEmail": "admin@#{domain}",
			"adminPassword": "correct \"horse\" \\#{battery}",
			"userId": "#{UUID()}",
			"receiver": "RECEIVER"
		},
		"apiKeys": [
			{"key": "the-first-key-may-do-everything", "description": "Unrestricted"},
			{"key": "a-key-of-the-other-tenant", "tenantId": "#{otherTenantId}", "permissions": {"endpoints": {"/api/user": ["GET"]}}},
			{"key": "a-key-that-makes-keys", "keyManager": true, "description": "For the pipeline"}
		],
		"requests": [
			{"method": "PATCH", "url": "/api/tenant/#{FUSIONAUTH_TENANT_ID}", "body": "&{requests/events.json}"},
			"&{requests/webhook.json}",
			{"method": "POST", "url": "/api/user/#{userId}", "body": {"user": {
				"email": "#{adminEmail}", "password": "#{adminPassword}", "data": {
					"id": "#{userId}", "app": "#{FUSIONAUTH_APPLICATION_ID}", "path": "#{ENV.PATH}", "literal": "\\#{domain}", "noInclude": "\\@{x}",
					"text": "@{texts/greeting.txt}", "fresh": ["#{UUID()}", "#{UUID()}"], "count": 12345678901234567
				}}}},
			{"method": "POST", "url": "/api/tenant/#{otherTenantId}", "body": {"tenant": {"name": "Other"}}},
			{"method": "POST", "url": "/api/user", "tenantId": "#{otherTenantId}", "body": {"user": {"email": "#{adminEmail}", "password": "#{adminPassword}"}}},
			{"method": "PATCH", "url": "/api/user/#{userId}", "tenantId": "#{defaultTenantId}", "contentType": "application/json-patch+json",
				"body": [{"op": "add", "path": "/user/firstName", "value": "Ada"}]}
		],
		"settings": {"connectTimeout": 1000, "readTimeout": 20000}
	}`,
	"requests/events.json": `{"tenant": {"eventConfiguration": {"events": {
		"user.create": {"enabled": true, "transactionType": "AbsoluteMajority"}}}}}`,
	"requests/webhook.json": `{"method": "POST", "url": "/api/webhook", "body": {"webhook": {
		"url": "#{receiver}", "global": true, "connectTimeout": 1000, "readTimeout": 2000,
		"eventsEnabled": {"user.create": true, "kickstart.success": true}}}}`,
	"texts/greeting.txt": "Dear \"#{adminEmail}\",\n\ta literal \\#{x} and ${user.name}.\n",
}

// writeKickstart writes the files into a folder and returns the path of kickstart.json. replace are pairs of old and new, as for
// strings.NewReplacer.
func writeKickstart(t *testing.T, files map[string]string, replace ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.NewReplacer(replace...).Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "kickstart.json")
}

func TestKickstart(t *testing.T) {
	t.Parallel()
	const (
		tenant = "30663132-6464-6665-3032-326466613934"
		other  = "aaaaaaaa-6464-6665-3032-326466613934"
	)
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			r := egresstest.NewReceiver(t)
			file := writeKickstart(t, kickstartFiles, "RECEIVER", r.URL)
			s := apptest.Start(t, engine, func(o *app.Options) { o.Settings.Kickstart = file })

			// The default tenant has the id that the file wants, for its built-in application too.
			var tenants wire.TenantsResponse
			s.Call("GET", "/api/tenant", nil).Want(200).Decode(&tenants)
			names := map[string]string{}
			for _, one := range tenants.Tenants {
				names[string(one.ID)] = one.Name
			}
			if diff := gocmp.Diff(map[string]string{tenant: "Default", other: "Other"}, names); diff != "" {
				t.Errorf("tenants (-want +got):\n%s", diff)
			}

			// Variables, built-ins, the environment, included text and escapes are what they stand for.
			var found wire.UserResponse
			s.Call("GET", "/api/user?email=admin@example.com", nil, "X-FusionAuth-TenantId", tenant).Want(200).Decode(&found)
			var body struct {
				User struct {
					FirstName string `json:"firstName"`
					Data      struct {
						ID, App, Path, Literal, NoInclude, Text string
						Fresh                                   []string
						Count                                   int64
					} `json:"data"`
				} `json:"user"`
			}
			s.Call("GET", "/api/user/"+string(found.User.ID), nil, "X-FusionAuth-TenantId", tenant).Want(200).Decode(&body)
			data := body.User.Data
			if data.ID != string(found.User.ID) || len(data.Fresh) != 2 || data.Fresh[0] == data.Fresh[1] || slices.Contains(data.Fresh, data.ID) {
				t.Errorf("the user %s has data.id %s and fresh ids %v", found.User.ID, data.ID, data.Fresh)
			}
			got := []any{body.User.FirstName, data.App, data.Path, data.Literal, data.NoInclude, data.Text, data.Count}
			want := []any{
				"Ada", "3c219e58-ed0e-4b18-ad48-f4f92793ae32", os.Getenv("PATH"), "#{domain}", "@{x}",
				"Dear \"admin@example.com\",\n\ta literal #{x} and ${user.name}.\n", int64(12345678901234567),
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("the user (-want +got):\n%s", diff)
			}

			// The tenant header led to the other tenant, whose key was there before the tenant.
			s.Call("GET", "/api/user?email=admin@example.com", nil, "X-FusionAuth-TenantId", other).Want(200)
			s.Call("GET", "/api/user?email=admin@example.com", nil, "Authorization", "a-key-of-the-other-tenant").Want(200)
			s.Call("POST", "/api/user", user("x@example.com"), "Authorization", "a-key-of-the-other-tenant").Want(401)
			s.Call("GET", "/api/user/"+string(found.User.ID), nil, "Authorization", "a-key-of-the-other-tenant").Want(404)
			newKey := map[string]any{"apiKey": map[string]any{"name": "made by a key"}}
			s.Call("POST", "/api/api-key", newKey, "Authorization", "a-key-that-makes-keys").Want(200)
			s.Call("POST", "/api/api-key", newKey, "Authorization", "the-first-key-may-do-everything").Want(401)

			// The webhook of the file was asked about the user that follows it, and hears of the end. Nothing else is switched on; it is
			// on record all the same.
			r.WaitFor(2)
			s.Settled(patience)
			if got := r.Events(); !slices.Equal(got, []string{"user.create", "kickstart.success"}) {
				t.Errorf("the webhook got %v", got)
			}
			events := s.Published()
			if want := []string{
				"user.create Succeeded", "user.create.complete Succeeded", "user.create Succeeded", "user.create.complete Succeeded",
				"user.update Succeeded", "user.update.complete Succeeded", "kickstart.success Succeeded",
			}; !slices.Equal(events, want) {
				t.Errorf("events: %v", events)
			}

			// The setting may stay after the file has gone.
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			s.Restart()
			s.Call("GET", "/api/user?email=admin@example.com", nil, "Authorization", "a-key-of-the-other-tenant").Want(200)
			if got := s.Published(); !slices.Equal(got, events) {
				t.Errorf("after the second start the events are %v", got)
			}
		})
	}
}

// emptyStore are the options of a server that a test starts itself, because it may fail.
func emptyStore(t *testing.T, engine db.Engine) app.Options {
	t.Helper()
	store := dbtest.Options(t, engine)
	return app.Options{Settings: config.Serve{
		Store: config.Store{Data: cmp.Or(store.Dir, t.TempDir()), DatabaseURL: config.NewSecret(store.URL)},
		Addr:  "127.0.0.1:0", TransactionTimeout: patience,
	}}
}

// started starts a Herald on the store with a kickstart file, and stops it when it could be started.
func started(t *testing.T, store app.Options, file string) error {
	t.Helper()
	store.Settings.Kickstart = file
	a, err := app.New(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	err = a.Start(t.Context())
	return errors.Join(err, a.Stop(t.Context()))
}

// A webhook of the same file refuses: the server does not start, says where it stopped, and stays as it was then.
func TestKickstart_Refused(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			r := egresstest.NewReceiver(t).On("user.create", egresstest.Status(403))
			file := writeKickstart(t, kickstartFiles, "RECEIVER", r.URL)
			options := emptyStore(t, engine)
			err := started(t, options, file)
			if err == nil {
				t.Fatal("the server started")
			}
			for _, part := range []string{
				"kickstart stopped at request 3 of 6 (POST /api/user/", "504: [WebhookTransactionException] One or more webhooks",
				"\n3 keys and 2 of 6 requests were applied and remain", "begin with an empty store",
			} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "horse") {
				t.Errorf("the error holds the password: %v", err)
			}
			if got := r.Events(); !slices.Equal(got, []string{"user.create"}) {
				t.Errorf("the webhook got %v, want no kickstart.success", got)
			}

			// What was applied is there, and the next start leaves it alone.
			if err := started(t, options, file); err != nil {
				t.Errorf("the next start: %v", err)
			}
			if got := r.Events(); !slices.Equal(got, []string{"user.create"}) {
				t.Errorf("after the next start the webhook got %v", got)
			}
		})
	}
}

// A file that cannot be read leaves the store untouched: the next start, with a better one, runs it.
func TestKickstart_MistakesLeaveTheStoreUntouched(t *testing.T) {
	t.Parallel()
	const good = `{"apiKeys": [{"key": "the-only-key"}], "requests": [{"method": "POST", "url": "/api/user", "body": {"user": {"email": "a@example.com", "password": "a long password"}}}]}`
	options := emptyStore(t, db.SQLite)
	for name, text := range map[string]string{
		"unknown variable": `{"apiKeys": [{"key": "k"}], "requests": [{"method": "POST", "url": "/api/user/#{id}"}]}`,
		"outside":          `{"apiKeys": [{"key": "k"}], "requests": ["&{../kickstart.json}"]}`,
		"no key":           `{"requests": []}`,
	} {
		err := started(t, options, writeKickstart(t, map[string]string{"kickstart.json": text}))
		if _, ok := errors.AsType[*kickstart.LoadError](err); !ok {
			t.Errorf("%s: %v, want what is wrong with the file", name, err)
		}
	}
	if err := started(t, options, writeKickstart(t, map[string]string{"kickstart.json": good})); err != nil {
		t.Fatal(err)
	}
	s := apptest.Start(t, db.SQLite, func(o *app.Options) { o.Settings.Store = options.Settings.Store })
	s.Call("GET", "/api/user?email=a@example.com", nil, "Authorization", "the-only-key").Want(200)
}
