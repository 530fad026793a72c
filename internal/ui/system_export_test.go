package ui_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/template"
)

// A server that starts with the exported file has the same tenants, webhooks, sinks, integrations, messengers and templates. Not in parallel: the file reads the
// environment, which is the process's.
func TestExport_Repeats(t *testing.T) {
	const (
		other, messenger = "3d0c5a4e-0b6f-4b55-9e0a-2f1f6f0f1c01", "3d0c5a4e-0b6f-4b55-9e0a-2f1f6f0f1c02"
		text             = "3d0c5a4e-0b6f-4b55-9e0a-2f1f6f0f1c03"
		global, bound    = "3d0c5a4e-0b6f-4b55-9e0a-2f1f6f0f1c04", "3d0c5a4e-0b6f-4b55-9e0a-2f1f6f0f1c05"
		mail             = "3d0c5a4e-0b6f-4b55-9e0a-2f1f6f0f1c06"
		queue, archive   = "3d0c5a4e-0b6f-4b55-9e0a-2f1f6f0f1c07", "3d0c5a4e-0b6f-4b55-9e0a-2f1f6f0f1c08"
	)
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			h := newHouse(t, engine)
			b, half, auditor := h.admin(), h.admin("system_manager", "webhook_manager"), h.admin("auditor")
			set := func(method, path, body string) {
				t.Helper()
				h.Call(method, path, body).Want(200)
			}
			set("POST", "/api/messenger/"+messenger, `{"messenger":{"name":"Texts","type":"Generic","url":"https://texts.example/send?key=PLANTED-1","connectTimeout":1000,"readTimeout":2000,
				"headers":{"X-Key":"PLANTED-2"},"httpAuthenticationUsername":"u","httpAuthenticationPassword":"PLANTED-3"}}`)
			set("POST", "/api/message/template/"+text, `{"messageTemplate":{"name":"Code","type":"SMS","defaultTemplate":"Your code: ${code} \\#{x}","localizedTemplates":{"de":"Ihr Code: ${code} #{x}"}}}`)
			set("POST", "/api/email/template/"+mail, `{"emailTemplate":{"name":"Mail","defaultSubject":"S","defaultTextTemplate":"@{x}","defaultHtmlTemplate":"<b>${user.email}</b>"}}`)
			set("PATCH", "/api/message/template/"+string(template.TwoFactorSMS), `{"messageTemplate":{"defaultTemplate":"Changed ${code}"}}`)
			set("PATCH", "/api/tenant/"+string(h.Tenant), `{"tenant":{"name":"Home","eventConfiguration":{"events":{"user.update":{"enabled":true,"transactionType":"SimpleMajority"},"user.delete":{"enabled":true}}},
				"multiFactorConfiguration":{"sms":{"enabled":true,"messengerId":"`+messenger+`","templateId":"`+text+`"}}}}`)
			set("POST", "/api/tenant/"+other, `{"tenant":{"name":"Other","eventConfiguration":{"events":{"user.login.success":{"enabled":true,"transactionType":"Any"}}},
				"emailConfiguration":{"host":"mail.example","port":587,"username":"u","password":"PLANTED-4","forgotPasswordEmailTemplateId":"`+mail+`"},
				"captchaConfiguration":{"secretKey":"PLANTED-5"}}}`)
			set("POST", "/api/webhook/"+global, `{"webhook":{"url":"https://hooks.example/a?token=PLANTED-6","global":true,"connectTimeout":1000,"readTimeout":2000,"eventsEnabled":{"user.update":true},
				"headers":{"Authorization":"PLANTED-7"},"retryConfiguration":{"delays":[1,2]},"data":{"a":["#{b}",1.50]}}}`)
			set("POST", "/api/webhook/"+bound, `{"webhook":{"url":"https://hooks.example/b","tenantIds":["`+other+`","`+string(h.Tenant)+`"],"connectTimeout":1000,"readTimeout":2000,"eventsEnabled":{"user.delete":true},
				"httpAuthenticationUsername":"u","httpAuthenticationPassword":"PLANTED-8"}}`)
			set("POST", "/api/sink/"+queue, `{"sink":{"name":"Queue","type":"nats","enabled":false,"eventsEnabled":{"user.update":true},"tenantIds":["`+other+`"],"retryConfiguration":{"delays":[1]},
				"nats":{"servers":["nats.example:4222"],"subject":"identity.{type}","token":"PLANTED-9","tls":{"enabled":true}}}}`)
			set("POST", "/api/sink/"+archive, `{"sink":{"name":"Archive #{x}","type":"file","allEvents":true,"global":true,"file":{"path":"a/events.jsonl"}}}`)
			jaas := sink.LoginText("PLAIN", "herald", "PLANTED-10")
			set("PUT", "/api/integration?tenantId="+other, `{"integrations":{"kafka":{"defaultTopic":"t","producer":{"bootstrap.servers":"kafka.example:9092","security.protocol":"SASL_SSL",
				"sasl.mechanism":"PLAIN","sasl.jaas.config":`+strconv.Quote(jaas)+`}}}}`)

			b.gets("/admin/system", 200, `href="/admin/system/export"`)
			file := b.gets("/admin/system/export", 200, `"HERALD_API_KEY"`)
			if strings.Contains(file, "PLANTED") {
				t.Errorf("a secret is in the file:\n%s", file)
			}
			if page := half.gets("/admin/system", 200, "<h1"); strings.Contains(page, "/admin/system/export") {
				t.Error("who may not see all of it is offered the file")
			}
			half.gets("/admin/system/export", 403, "roles do not open")
			auditor.gets("/admin/system/export", 200, `"HERALD_API_KEY"`)

			values := map[string]string{
				"HERALD_API_KEY": "the-key-of-the-second-server", "MESSENGER_1_URL": "https://texts.example/send?key=PLANTED-1", "MESSENGER_1_HEADER_X_KEY": "PLANTED-2", "MESSENGER_1_PASSWORD": "PLANTED-3",
				"WEBHOOK_1_URL": "https://hooks.example/a?token=PLANTED-6", "WEBHOOK_1_HEADER_AUTHORIZATION": "PLANTED-7", "WEBHOOK_2_PASSWORD": "PLANTED-8",
				"SINK_1_NATS_TOKEN": "PLANTED-9", "INTEGRATIONS_3_KAFKA_PRODUCER_SASL_JAAS_CONFIG": jaas,
			}
			for name := range values {
				if !strings.Contains(file, `"#{ENV.`+name+`}"`) {
					t.Errorf("the file does not ask for %s", name)
				}
			}
			for _, m := range regexp.MustCompile(`#\{ENV\.([A-Z0-9_]+)\}`).FindAllStringSubmatch(file, -1) {
				value, known := values[m[1]]
				switch {
				case known:
				case strings.HasSuffix(m[1], "_EMAIL_PASSWORD"):
					value = "PLANTED-4"
				case strings.HasSuffix(m[1], "_CAPTCHA_SECRET_KEY"):
					value = "PLANTED-5"
				default:
					t.Errorf("the file asks for %s", m[1])
				}
				t.Setenv(m[1], value)
			}
			path := filepath.Join(t.TempDir(), "kickstart.json")
			if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
				t.Fatal(err)
			}
			second := apptest.Start(t, engine, func(o *app.Options) { o.Settings.Kickstart = path })
			for _, list := range []string{"/api/tenant", "/api/webhook", "/api/sink", "/api/messenger", "/api/message/template", "/api/email/template"} {
				if diff := gocmp.Diff(withoutInstants(t, h.Call("GET", list, nil).Want(200).Body), withoutInstants(t, second.Call("GET", list, nil).Want(200).Body)); diff != "" {
					t.Errorf("%s (-first +second):\n%s", list, diff)
				}
			}
			// The password of the mail server, which no answer has, arrived too: the second server exports the same.
			second.Call("POST", "/api/user/registration", map[string]any{
				"user":         map[string]any{"email": "root@example.com", "password": password},
				"registration": map[string]any{"applicationId": application.AdminID, "roles": []string{"admin"}},
			}, "X-FusionAuth-TenantId", string(h.Tenant)).Want(200)
			b = (&house{second, t, h.ahead}).browser()
			b.signIn("root@example.com", password, 303, "/admin/")
			if diff := gocmp.Diff(file, b.gets("/admin/system/export", 200, "_EMAIL_PASSWORD")); diff != "" {
				t.Errorf("the second server exports another file (-first +second):\n%s", diff)
			}
		})
	}
}

// withoutInstants are the objects of an answer by their ids, without when they were made.
func withoutInstants(t *testing.T, answer []byte) map[string]any {
	t.Helper()
	var lists map[string][]map[string]any
	if err := json.Unmarshal(answer, &lists); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, list := range lists {
		for _, object := range list {
			id, _ := object["id"].(string)
			delete(object, "insertInstant")
			delete(object, "lastUpdateInstant")
			all[id] = object
		}
	}
	return all
}
