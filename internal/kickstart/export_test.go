package kickstart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/wire"
)

// What is exported is read back as what it was, but for what the file leaves out.
func TestExport(t *testing.T) {
	t.Parallel()
	const (
		home, other, leaving = wire.ID("11111111-0000-4000-8000-000000000001"), wire.ID("11111111-0000-4000-8000-000000000002"), wire.ID("11111111-0000-4000-8000-000000000003")
		theme                = wire.ID("22222222-0000-4000-8000-000000000001")
		key                  = wire.ID("22222222-0000-4000-8000-000000000002")
	)
	off := false
	file, err := Export(SetUp{
		DefaultTenant: home,
		Tenants: []wire.Tenant{
			{ID: other, Name: "A #{b} <c>", State: wire.Active, Extra: map[string]json.RawMessage{
				"emailConfiguration":                json.RawMessage(`{"host":"mail","port":25,"forgotPasswordEmailTemplateId":"x","sslCertificate":"-----BEGIN RSA PRIVATE KEY-----planted"}`),
				"captchaConfiguration":              json.RawMessage(`{"secretKey":"planted"}`),
				"jwtConfiguration":                  json.RawMessage(`{"accessTokenKeyId":"` + string(key) + `","refreshTokenUsagePolicy":"Reusable","big":12345678901234567890}`),
				"failedAuthenticationConfiguration": json.RawMessage(`{"userActionId":"` + string(key) + `"}`),
				"themeId":                           json.RawMessage(`"` + string(theme) + `"`),
			}},
			{ID: leaving, Name: "Leaving", State: wire.PendingDelete},
			{ID: home, Name: "Default", State: wire.Active},
		},
		MailPasswords: []wire.ID{other},
		Webhooks: []wire.Webhook{
			{ID: "w1", URL: "https://a.example/?token=planted", TenantIDs: []wire.ID{home, leaving}, Enabled: &off, DisabledReason: "gone", Headers: map[string]string{"X-A": "planted", "X_A": "planted"}, HTTPAuthenticationUsername: "u", HTTPAuthenticationPassword: "planted"},
			{ID: "w2", URL: "https://b.example/path", Description: "@{file}", SSLCertificate: "-----BEGIN CERTIFICATE-----", HTTPAuthenticationUsername: "planted", SSLCertificateKeyID: key, SignatureConfiguration: wire.SignatureConfiguration{Enabled: true, SigningKeyID: key}},
		},
		Sinks: []wire.Sink{
			{ID: "s1", Name: "Stream", Type: wire.SinkRedis, TenantIDs: []wire.ID{other, leaving}, Redis: &wire.RedisSink{Address: "a:1", TLS: &wire.SinkTLS{Enabled: true}}},
			{ID: "s2", Name: "Kafka", Type: wire.SinkKafka, BuiltIn: true, Global: true, Enabled: &off, Kafka: &wire.KafkaSink{Topic: "t", Producer: wire.Map[string]{"acks": "1"}}},
			{ID: "s3", Name: "Kafka of one", Type: wire.SinkKafka, BuiltIn: true, TenantIDs: []wire.ID{home}, Kafka: &wire.KafkaSink{}},
			{ID: "s4", Name: "Kafka of another", Type: wire.SinkKafka, BuiltIn: true, TenantIDs: []wire.ID{leaving}, Kafka: &wire.KafkaSink{}},
		},
		SinkSecrets:     map[wire.ID][][]string{"s1": {{"redis", "password"}, {"redis", "tls", "certificate"}}, "s2": {{"kafka", "producer", "ssl.keystore.key"}}},
		Messengers:      []wire.Messenger{{ID: "m1", Name: `\@{x} #{y}`, AuthToken: "planted", URL: "https://u:planted@c.example"}},
		Messages:        []wire.MessageTemplate{{ID: "t3", Name: "new"}, {ID: "t1", Name: "same", InsertInstant: 7}, {ID: "t2", Name: "changed", LocalizedTemplates: wire.Map[string]{"@{#{z}}": `\@{#{z}}`}}},
		InitialMessages: []wire.MessageTemplate{{ID: "t1", Name: "same"}, {ID: "t2", Name: "new"}},
		BuiltIn:         []wire.ID{theme},
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(file), "planted") {
		t.Errorf("a secret is in the file:\n%s", file)
	}
	path := filepath.Join(t.TempDir(), "kickstart.json")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	var asked []string
	loaded, err := Load(path, func(name string) (string, bool) {
		asked = append(asked, name)
		return "value of " + name, true
	}, BuiltIns{})
	if err != nil {
		t.Fatal(err)
	}
	wantAsked := []string{
		"HERALD_API_KEY", "INTEGRATIONS_2_KAFKA_PRODUCER_SSL_KEYSTORE_KEY", "MESSENGER_1_AUTH_TOKEN", "MESSENGER_1_URL", "SINK_1_REDIS_PASSWORD", "SINK_1_REDIS_TLS_CERTIFICATE", "TENANT_1_CAPTCHA_SECRET_KEY", "TENANT_1_EMAIL_PASSWORD", "TENANT_1_EMAIL_SSL_CERTIFICATE",
		"WEBHOOK_1_HEADER_X_A", "WEBHOOK_1_HEADER_X_A_2", "WEBHOOK_1_PASSWORD", "WEBHOOK_1_URL", "WEBHOOK_2_USERNAME",
	}
	if slices.Sort(asked); !slices.Equal(asked, wantAsked) {
		t.Errorf("variables %q, want %q", asked, wantAsked)
	}
	var got []string
	for _, r := range loaded.Requests {
		got = append(got, r.Method+" "+r.URL)
	}
	want := []string{
		"POST /api/messenger/m1", "PUT /api/message/template/t2", "POST /api/message/template/t3", "PUT /api/tenant/" + string(home), "POST /api/tenant/" + string(other),
		"POST /api/webhook/w1", "POST /api/webhook/w2", "POST /api/sink/s1", "PUT /api/integration", "PUT /api/integration?tenantId=" + string(home),
	}
	if !slices.Equal(got, want) {
		t.Fatalf("requests %q, want %q", got, want)
	}
	if loaded.DefaultTenantID() != string(home) || loaded.APIKeys[0].Key != "value of HERALD_API_KEY" {
		t.Errorf("default tenant %s, key %s", loaded.DefaultTenantID(), loaded.APIKeys[0].Key)
	}
	holds := func(request int, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(string(loaded.Requests[request].Body), part) {
				t.Errorf("%s has no %s in %s", got[request], part, loaded.Requests[request].Body)
			}
		}
	}
	lacks := func(request int, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if strings.Contains(string(loaded.Requests[request].Body), part) {
				t.Errorf("%s has %s in %s", got[request], part, loaded.Requests[request].Body)
			}
		}
	}
	holds(0, `"name":"\\@{x} #{y}"`)
	holds(1, `"@{#{z}}":"\\@{#{z}}"`)
	holds(4, `"A #{b} <c>"`, `"password":"value of TENANT_1_EMAIL_PASSWORD"`, `"forgotPasswordEmailTemplateId":"x"`, `"Reusable"`, `12345678901234567890`, string(theme))
	lacks(4, string(key))
	holds(5, `"tenantIds":["`+string(home)+`"]`, `"url":"value of WEBHOOK_1_URL"`, `"enabled":false`, `"httpAuthenticationUsername":"u"`)
	lacks(5, "disabledReason", string(leaving))
	holds(6, `"@{file}"`, "BEGIN CERTIFICATE", "https://b.example/path", `"signatureConfiguration":{"enabled":false}`)
	lacks(6, string(key))
	holds(7, `"tenantIds":["`+string(other)+`"]`, `"password":"value of SINK_1_REDIS_PASSWORD"`, `"certificate":"value of SINK_1_REDIS_TLS_CERTIFICATE"`, `"enabled":true`)
	holds(8, `"defaultTopic":"t"`, `"enabled":false`, `"acks":"1"`, `"ssl.keystore.key":"value of INTEGRATIONS_2_KAFKA_PRODUCER_SSL_KEYSTORE_KEY"`)
	holds(9, `"enabled":true`)
}
