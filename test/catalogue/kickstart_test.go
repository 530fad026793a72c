package catalogue

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
)

// TestCatalogue_Kickstart: the requests of a kickstart file are calls like others, and kickstart.success follows the last of them.
func TestCatalogue_Kickstart(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			ears := egresstest.NewReceiver(t)
			file := filepath.Join(t.TempDir(), "kickstart.json")
			text := strings.ReplaceAll(`{"apiKeys": [{"key": "`+password+`"}], "requests": [
				{"method": "POST", "url": "/api/webhook", "body": {"webhook": {"url": "RECEIVER", "global": true, "connectTimeout": 1000, "readTimeout": 5000,
					"eventsEnabled": {"kickstart.success": true, "user.create": true}}}},
				{"method": "PATCH", "url": "/api/tenant/#{FUSIONAUTH_TENANT_ID}", "body": {"tenant": {"eventConfiguration": {"events": {
					"user.create": {"enabled": true, "transactionType": "AbsoluteMajority"}}}}}},
				{"method": "POST", "url": "/api/user", "body": {"user": {"email": "admin@example.com", "password": "`+password+`"}}}]}`, "RECEIVER", ears.URL)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			h := &herald{t: t, world: &world{schema: readSchema(t), ears: ears, secrets: []string{password, apptest.Key}}}
			h.Server = apptest.Start(t, engine, func(o *app.Options) { o.Settings.Kickstart = file })
			ears.WaitFor(2)
			h.Settled(patience)
			h.wantPublished("the kickstart", []string{"user.create Succeeded", "user.create.complete Succeeded", "kickstart.success Succeeded"})
			if got := ears.Events(); !slices.Equal(got, events("user.create", "kickstart.success")) {
				t.Errorf("the receiver got %v", got)
			}
			for _, r := range ears.Requests() {
				e := eventIn(t, r.Body)
				for _, wrong := range h.schema.check(e) {
					t.Errorf("%v: %s", e["type"], wrong)
				}
				h.checkHead(e)
				h.searchForSecrets(e)
			}
		})
	}
}
