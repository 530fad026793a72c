// Package kickstart starts Herald with the kickstart files beside this one, which together use all of the API that a kickstart file can, and the
// liberties that such files take.
package kickstart

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
)

const patience = 30 * time.Second

// TestMain sets what the files take from the environment: a receiver that agrees with everything, and a password.
func TestMain(m *testing.M) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, value := range map[string]string{"KICKSTART_RECEIVER": receiver.URL, "KICKSTART_PASSWORD": `a "password" from outside`} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	dbtest.Main(m)
}

// check says what a member of an answer is once the file has been run. The path leads through objects, and by index through arrays.
type check struct{ url, path, want string }

// checks has some for each file.
var checks = map[string][]check{
	"first-steps.json": {
		{"/api/tenant/d7d09513-a3f5-401c-9685-34ab6c552453", "tenant.issuer", "https://example.com"},
		{"/api/application/e9fdb985-9173-4e01-9d73-ac2d60d1dc8e", "application.roles.1.description", "Everybody"},
		{"/api/application/e9fdb985-9173-4e01-9d73-ac2d60d1dc8e", "application.oauthConfiguration.clientId", "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e"},
		{"/api/application", "applications.1.active", "true"},
		{"/api/application", "applications.2", "<nil>"}, // one of the file, and the built-in one
		{"/api/user?email=admin@example.com", "user.registrations.0.roles.0", "admin"},
		{"/api/user/00000000-0000-0000-0000-111111111111", "user.registrations.0.data.favoriteColor", "chartreuse"},
		{"/api/user/00000000-0000-0000-0000-111111111111", "user.registrations.0.roles.0", "user"},
	},
	"tenants.json": {
		{"/api/tenant/30663132-6464-6665-3032-326466613934", "tenant.failedAuthenticationConfiguration.tooManyAttempts", "5"},
		{"/api/tenant/30663132-6464-6665-3032-326466613934", "tenant.ssoConfiguration.deviceTrustTimeToLiveInSeconds", "31536000"},
		{"/api/tenant/6825d48e-4df4-f83e-1055-f1d42e3749fc", "tenant.issuer", "other.example.com"},
		{"/api/tenant/6825d48e-4df4-f83e-1055-f1d42e3749fc", "tenant.name", "Another"},
		{"/api/tenant/6825d48e-4df4-f83e-1055-f1d42e3749fc", "tenant.data.list.0", "3"},
		{"/api/user/search?queryString=stranger", "total", "2"},
	},
	"applications.json": {
		{"/api/key/22222222-aaaa-4aaa-8aaa-222222222222", "key.name", "Elliptic curve"},
		{"/api/key/44444444-aaaa-4aaa-8aaa-444444444444", "key.kid", "from-file"},
		{"/api/key/44444444-aaaa-4aaa-8aaa-444444444444", "key.hasPrivateKey", "true"},
		{"/api/application/55555555-aaaa-4aaa-8aaa-555555555555", "application.oauthConfiguration.clientSecret", "a secret of the shop"},
		{"/api/application/55555555-aaaa-4aaa-8aaa-555555555555", "application.roles.2.name", "writer"},
		{"/api/application/55555555-aaaa-4aaa-8aaa-555555555555/scope/88888888-aaaa-4aaa-8aaa-888888888888", "scope.required", "false"},
		{"/api/application/66666666-aaaa-4aaa-8aaa-666666666666", "application.name", "Back office"},
	},
	"users.json": {
		{"/api/user/aaaaaaaa-2222-4222-8222-aaaaaaaaaaaa", "user.data.engines", "[analytical difference]"},
		{"/api/user/aaaaaaaa-2222-4222-8222-aaaaaaaaaaaa", "user.imageUrl", "<nil>"},
		{"/api/user/aaaaaaaa-2222-4222-8222-aaaaaaaaaaaa", "user.registrations.0.roles", "[reader writer]"},
		{"/api/user/registration/aaaaaaaa-2222-4222-8222-aaaaaaaaaaaa/aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa", "registration.data.plan", "gold"},
		{"/api/user/aaaaaaaa-3333-4333-8333-aaaaaaaaaaaa", "user.email", "bob@example.org"},
		{"/api/user?username=guest", "user.registrations.0.roles", "[reader]"},
		{"/api/system/login-record/search?userId=aaaaaaaa-2222-4222-8222-aaaaaaaaaaaa", "total", "4"},
		{"/api/jwt/refresh?userId=aaaaaaaa-2222-4222-8222-aaaaaaaaaaaa", "refreshTokens", "[]"},
	},
	"groups.json": {
		{"/api/group/bbbbbbbb-3333-4333-8333-bbbbbbbbbbbb", "group.roles.bbbbbbbb-1111-4111-8111-bbbbbbbbbbbb.0.name", "editor"},
		{"/api/group/bbbbbbbb-4444-4444-8444-bbbbbbbbbbbb", "group.data", "map[badge:red coffee:true]"},
		{"/api/group/member/search?groupId=bbbbbbbb-3333-4333-8333-bbbbbbbbbbbb", "total", "2"},
		{"/api/group/member/search?groupId=bbbbbbbb-4444-4444-8444-bbbbbbbbbbbb", "members.0.data.vip", "yes"},
	},
	"entities.json": {
		{"/api/entity/type/cccccccc-1111-4111-8111-cccccccccccc", "entityType.name", "Sensor"},
		{"/api/entity/cccccccc-3333-4333-8333-cccccccccccc", "entity.data.side", "left"},
		{"/api/entity/cccccccc-4444-4444-8444-cccccccccccc", "entity.clientSecret", "secret-of-the-hub"},
		{"/api/entity/cccccccc-3333-4333-8333-cccccccccccc/grant?userId=cccccccc-5555-4555-8555-cccccccccccc", "grant.permissions", "[read write]"},
		{"/api/entity/cccccccc-3333-4333-8333-cccccccccccc/grant?recipientEntityId=cccccccc-4444-4444-8444-cccccccccccc", "grant.permissions", "[read write]"},
	},
	"messages.json": {
		{"/api/messenger/dddddddd-1111-4111-8111-dddddddddddd", "messenger.name", "SMS gateway"},
		{"/api/messenger/dddddddd-2222-4222-8222-dddddddddddd", "messenger.messagingServiceSid", "MG123"},
		{"/api/message/template/dddddddd-3333-4333-8333-dddddddddddd", "messageTemplate.localizedTemplates.de", "Ihr Code ist ${code}"},
		{"/api/email/template/dddddddd-4444-4444-8444-dddddddddddd", "emailTemplate.localizedFromNames.de", "Herold"},
		{"/api/message/log/search", "total", "3"},
	},
	"webhooks.json": {
		{"/api/webhook/eeeeeeee-2222-4222-8222-eeeeeeeeeeee", "webhook.signatureConfiguration.signingKeyId", "eeeeeeee-1111-4111-8111-eeeeeeeeeeee"},
		{"/api/webhook/eeeeeeee-3333-4333-8333-eeeeeeeeeeee", "webhook.description", "One tenant"},
		{"/api/user/eeeeeeee-4444-4444-8444-eeeeeeeeeeee", "user.username", "ada"},
		{"/api/system/webhook-event-log/search?eventType=user.create", "total", "1"},
		{"/api/system/webhook-event-log/search?eventType=kickstart.success", "total", "1"},
		{"/api/system/webhook-event-log/search?eventType=custom.greeting", "webhookEventLogs.0.eventResult", "Succeeded"},
	},
	"kept.json": {
		{"/api/theme/ffffffff-2222-4222-8222-ffffffffffff", "theme.defaultMessages", "title=Welcome to ffffffff-1111-4111-8111-ffffffffffff"},
		{"/api/form/field/ffffffff-3333-4333-8333-ffffffffffff", "field.name", "Favorite color"},
		{"/api/form/ffffffff-4444-4444-8444-ffffffffffff", "form.data.version", "2"},
		{"/api/lambda/ffffffff-5555-4555-8555-ffffffffffff", "lambda.name", "Adds groups"},
		{"/api/consent/ffffffff-6666-4666-8666-ffffffffffff", "consent.countryMinimumAgeForSelfConsent.de", "16"},
		{"/api/identity-provider/ffffffff-7777-4777-8777-ffffffffffff", "identityProvider.oauth2.client_secret", "secret of the provider"},
		{"/api/connector/ffffffff-8888-4888-8888-ffffffffffff", "connector.name", "Older system"},
		{"/api/ip-acl/ffffffff-9999-4999-8999-ffffffffffff", "ipAccessControlList.data.owner", "it"},
		{"/api/user/family/ffffffff-cccc-4ccc-8ccc-ffffffffffff", "family.members.1.role", "Child"},
		{"/api/user/consent/ffffffff-dddd-4ddd-8ddd-ffffffffffff", "userConsent.data.by", "phone"},
		{"/api/identity-provider/link?userId=ffffffff-aaaa-4aaa-8aaa-ffffffffffff", "identityProviderLinks.0.identityProviderUserId", "parent-42"},
	},
	"user-actions.json": {
		{"/api/user-action/abababab-1111-4111-8111-abababababab", "userAction.includeEmailInEventJSON", "true"},
		{"/api/user-action/abababab-2222-4222-8222-abababababab", "userAction.options.1.name", "strong"},
		{"/api/user-action-reason/abababab-3333-4333-8333-abababababab", "userActionReason.localizedTexts.de", "Werbung"},
		{"/api/user/action?userId=abababab-4444-4444-8444-abababababab&preventingLogin=true", "actions.0.reason", "Spam"},
		{"/api/user/action?userId=abababab-4444-4444-8444-abababababab&active=false", "actions.0.option", "mild"},
	},
	"includes.json": {
		{"/api/user/search?queryString=admin@example.com", "users.0.firstName", `Ad"min`},
		{"/api/user/search?queryString=admin@example.com", "users.0.data.text", "Dear \"admin@example.com\",\n\twith tabs, and a backslash \\ too.\n"},
		{"/api/user/search?queryString=admin@example.com", "users.0.data.nested", "map[deeper:[one 2 map[three:<nil>]] of:example.com]"},
		{"/api/user/search?queryString=admin@example.com", "users.0.data.number", "42"},
		{"/api/user/search?queryString=admin@example.com", "users.0.data.literal", "#{domain}"},
		{"/api/user/search?queryString=admin@example.com", "users.0.data.no include", "@{x}"},
		{"/api/user/search?queryString=admin@example.com", "users.0.data.template", "${domain?upper_case}"},
		{"/api/tenant/cdcdcdcd-1111-4111-8111-cdcdcdcdcdcd", "tenant.name", "Tenant of example.com"},
		{"/api/api-key/cdcdcdcd-3333-4333-8333-cdcdcdcdcdcd", "apiKey.key", "includes-other-tenant-0123456789"},
		{"/api/api-key/cdcdcdcd-4444-4444-8444-cdcdcdcdcdcd", "apiKey.name", "Changed by a request"},
	},
	"system.json": {
		{"/api/system-configuration", "systemConfiguration.reportTimezone", "Europe/Berlin"},
		{"/api/system-configuration", "systemConfiguration.corsConfiguration.allowedMethods", "[GET POST]"},
		{"/api/system-configuration", "systemConfiguration.webhookEventLogConfiguration.delete.numberOfDaysToRetain", "14"},
		{"/api/system/audit-log/search?user=kickstart", "auditLogs.0.message", "Set up"},
	},
	"import.json": {
		{"/api/user/dcdcdcdc-3333-4333-8333-dcdcdcdcdcdc", "user.insertInstant", "1400000000000"},
		{"/api/user/dcdcdcdc-3333-4333-8333-dcdcdcdcdcdc", "user.memberships.0.groupId", "dcdcdcdc-2222-4222-8222-dcdcdcdcdcdc"},
		{"/api/user/dcdcdcdc-3333-4333-8333-dcdcdcdcdcdc", "user.twoFactor.methods.0.method", "authenticator"},
		{"/api/user?email=gone@example.com", "user.active", "false"},
		{"/api/jwt/refresh?userId=dcdcdcdc-3333-4333-8333-dcdcdcdcdcdc", "refreshTokens.0.applicationId", "dcdcdcdc-1111-4111-8111-dcdcdcdcdcdc"},
	},
	"verification.json": {
		{"/api/user/efefefef-3333-4333-8333-efefefefefef", "user.verified", "true"},
		{"/api/user/efefefef-4444-4444-8444-efefefefefef", "user.registrations.0.verified", "true"},
		{"/api/user/efefefef-4444-4444-8444-efefefefefef", "user.identities.0.verifiedReason", "Administrative"},
	},
	"traps.json": {
		{"/api/tenant/abcdefab-cdef-4abc-8def-abcdefabcdef", "tenant.jwtConfiguration.timeToLiveInSeconds", "1800"},
		{"/api/application/aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "application.loginConfiguration.requireAuthentication", "false"},
		{"/api/application/aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "application.name", "Trapped"},
		{"/api/user/bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee", "user.email", "traps@example.com"},
		{"/api/user/bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee", "user.data.first", "2"},
		{"/api/webhook", "webhooks.0.readTimeout", "2000"},
		{"/api/group", "groups.0.name", "Größe ≥ 1 🎉"},
	},
}

// Each file is run by the first start of a server, and changes nothing at the second.
func TestFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) < 10 || len(files) != len(checks) {
		t.Fatalf("%d files and checks for %d: %v", len(files), len(checks), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".json"), func(t *testing.T) {
			t.Parallel()
			apptest.Each(t, func(t *testing.T, s *apptest.Server) {
				if done := slices.Contains(s.Published(), "kickstart.success Succeeded"); !done {
					t.Errorf("the file was not run to its end; events: %v", s.Published())
				}
				for _, c := range checks[file] {
					var answer any
					s.Call("GET", c.url, nil).Want(http.StatusOK).Decode(&answer)
					if got := member(answer, c.path); got != c.want {
						t.Errorf("GET %s: %s is %s, want %s", c.url, c.path, got, c.want)
					}
				}
				s.Settled(patience)
				before := s.Rows()
				s.Restart()
				s.Settled(patience)
				s.Unchanged(before)
			}, func(o *app.Options) { o.Settings.Kickstart = file })
		})
	}
}

// Passwords that were imported as hashes log in, and so does the one from the environment.
func TestFiles_Logins(t *testing.T) {
	t.Parallel()
	type login struct {
		loginID, password string
		status            int
	}
	for file, logins := range map[string][]login{
		"import.json":   {{"plain@example.com", "correct horse battery", 242}, {"hashed", "correct horse battery", 200}},
		"includes.json": {{"admin@example.com", `a "password" from outside`, 200}},
		"users.json":    {{"ada", "correct horse battery", 200}, {"eve@example.com", "an even newer correct horse battery", 200}},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			apptest.Each(t, func(t *testing.T, s *apptest.Server) {
				for _, l := range logins {
					body := map[string]string{"loginId": l.loginID, "password": l.password}
					s.Call("POST", "/api/login", body, "X-FusionAuth-TenantId", string(s.Tenant)).Want(l.status)
				}
			}, func(o *app.Options) { o.Settings.Kickstart = file })
		})
	}
}

// member is the text of the member at the end of the path, <nil> when there is none.
func member(v any, path string) string {
	for _, name := range strings.Split(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(in) {
				return "<nil>"
			}
			v = in[i]
		default:
			return "<nil>"
		}
	}
	if n, ok := v.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	if text, ok := v.(string); ok {
		return text
	}
	return fmt.Sprint(v)
}
