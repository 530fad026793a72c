package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/cli"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/wire"
)

// herald runs the command against a server.
func herald(s *apptest.Server, args ...string) (status int, stdout, stderr string) {
	var out, talk bytes.Buffer
	status = cli.Main("v0.0.0", append(args, "--url", s.URL, "--api-key", apptest.Key), strings.NewReader(""), &out, &talk)
	return status, out.String(), talk.String()
}

// Every type of event that there is for real can be caused on a server as it comes, but for that of a mail, which takes a mail server, and that of a kickstart.
func TestTrigger_EveryType(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	mail := messengertest.NewPostOffice(t)
	var made wire.EmailTemplateResponse
	s.Call("POST", "/api/email/template", map[string]any{"emailTemplate": map[string]any{
		"name": "Forgot", "defaultSubject": "Forgot", "defaultTextTemplate": "${changePasswordId}", "defaultHtmlTemplate": "<p>${changePasswordId}</p>",
	}}).Want(200).Decode(&made)
	s.Call("PATCH", "/api/tenant/"+string(s.Tenant), map[string]any{"tenant": map[string]any{"emailConfiguration": map[string]any{
		"host": mail.Host, "port": mail.Port, "security": "NONE", "defaultFromEmail": "herald@example.com", "forgotPasswordEmailTemplateId": made.EmailTemplate.ID,
	}}}).Want(200)
	for _, d := range event.All() {
		status, stdout, stderr := herald(s, "trigger", string(d.Type), "-o", "json")
		if d.Type == event.KickstartSuccess || d.Type == event.UserIdentityUpdate {
			if status != 1 || !strings.Contains(stderr, "cannot be caused") {
				t.Errorf("%s: status %d, %s", d.Type, status, stderr)
			}
			continue
		}
		var said struct {
			Events []wire.WebhookEventLog `json:"webhookEventLogs"`
		}
		if status != 0 || json.Unmarshal([]byte(stdout), &said) != nil {
			t.Errorf("%s: status %d\n%s%s", d.Type, status, stdout, stderr)
			continue
		}
		if !slices.ContainsFunc(said.Events, func(e wire.WebhookEventLog) bool {
			return e.EventType == string(d.Type) && e.EventResult == wire.EventSucceeded
		}) {
			t.Errorf("%s is not among %s", d.Type, stdout)
		}
		if d.Type == event.UserDelete || d.Type == event.UserLoginSuccess {
			if status, _, stderr := herald(s, "trigger", string(d.Type), "--inject"); status != 0 {
				t.Errorf("%s --inject: status %d, %s", d.Type, status, stderr)
			}
		}
	}
	var tenants wire.TenantsResponse
	if s.Call("GET", "/api/tenant", nil).Want(200).Decode(&tenants); len(tenants.Tenants) != 1 {
		t.Errorf("%d tenants are left", len(tenants.Tenants))
	}
}

// What is refused has a status of its own; the users are as the command line says.
func TestTrigger_Refused(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.SQLite)
	no := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(no.Close)
	if status, stdout, _ := herald(s, "trigger", "user.create", "--user", "email=ana@example.com", "--user", "firstName=Ana", "-o", "table", "--count", "1"); status != 0 ||
		!strings.Contains(stdout, "POST /api/user → 200 in ") || !strings.Contains(stdout, "no webhooks") {
		t.Errorf("status %d\n%s", status, stdout)
	}
	s.Call("GET", "/api/user?email=ana@example.com", nil).Want(200)
	s.Enable(wire.AbsoluteMajority, "user.create")
	s.Subscribe(no.URL, []string{"user.create"})
	if status, stdout, _ := herald(s, "trigger", "user.create", "-o", "table"); status != 6 || !strings.Contains(stdout, "→ 504") || !strings.Contains(stdout, "rolled back") || !strings.Contains(stdout, "0/1 webhooks") {
		t.Errorf("status %d\n%s", status, stdout)
	}
	for args, want := range map[string]int{"user.creat": 2, "custom.order.paid": 2, "user.create --count 0": 2} {
		if status, _, stderr := herald(s, append([]string{"trigger"}, strings.Fields(args)...)...); status != want {
			t.Errorf("%s: status %d, %s", args, status, stderr)
		}
	}
}
