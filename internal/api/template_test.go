package api

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// eachTemplates serves the template APIs on every engine.
func eachTemplates(t *testing.T, fn func(t *testing.T, h *herald, templates *template.Service)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		exists := func(_ *db.Tx, id wire.ID) (bool, error) { return id == tenantA, nil }
		h := &herald{t: t, keys: access.New(d, key.NewSealer(make([]byte, key.Size)), time.Now, exists)}
		s := newServer(Services{Keys: h.keys, Tenancy: tenants{tenantA, tenantB}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		service := template.New(d)
		server := httptest.NewServer(s.handler(templateRoutes(service)))
		t.Cleanup(server.Close)
		h.url = server.URL
		h.key(wire.APIKey{Key: superKey})
		fn(t, h, service)
	})
}

const template1 = "/" + string(someID)

func TestMessageTemplates(t *testing.T) {
	eachTemplates(t, func(t *testing.T, h *herald, templates *template.Service) {
		const path = "/api/message/template"
		h.do("GET", path, "").expect(t, 200, `{"messageTemplates":[]}`)
		h.do("POST", path+template1, `{"messageTemplate":{"name":"Code","type":"SMS","defaultTemplate":" Code: ${code} ","localizedTemplates":{"de-de":"Ihr Code: ${code}"}}}`).
			has(t, 200, `"defaultTemplate":"Code: ${code}","localizedTemplates":{"de_DE":"Ihr Code: ${code}"},"data":{}`)
		h.do("POST", path+template1, `{"messageTemplate":{"name":"code","type":"SMS","defaultTemplate":"${"}}`).
			expectCodes(t, 400, "[duplicate]messageTemplate.name [duplicate]messageTemplateId [invalid]messageTemplate.defaultTemplate")
		h.do("POST", path, `{"messageTemplate":{"name":1,"type":"SMS","localizedTemplates":{"de":["x"]}}}`).
			expectCodes(t, 400, "[blank]messageTemplate.defaultTemplate [couldNotConvert]messageTemplate.localizedTemplates[de] [couldNotConvert]messageTemplate.name")
		h.do("POST", path, `{}`).expectCodes(t, 400, "[blank]messageTemplate.defaultTemplate [blank]messageTemplate.name [missing]messageTemplate.type")
		h.do("GET", path+template1, "").has(t, 200, `{"messageTemplate":{"id":"`+string(someID)+`","name":"Code","type":"SMS"`)
		h.do("GET", path, "").has(t, 200, `{"messageTemplates":[{"id":"`+string(someID))

		// The three ways to change it.
		h.do("PATCH", path+template1, `{"messageTemplate":{"localizedTemplates":{"de_DE":null,"fr":"Code : ${code}"},"data":{"a":1}}}`).
			has(t, 200, `"defaultTemplate":"Code: ${code}","localizedTemplates":{"fr":"Code : ${code}"},"data":{"a":1}`)
		h.do("PATCH", path+template1, `[{"op":"add","path":"/messageTemplate/localizedTemplates/it","value":"Codice ${code}"}]`, with("Content-Type", "application/json-patch+json")).
			has(t, 200, `{"fr":"Code : ${code}","it":"Codice ${code}"}`)
		h.do("PATCH", path+template1, `{"messageTemplate":{"type":"Voice","defaultTemplate":1,"localizedTemplates":{"it":"${"}}}`).
			expectCodes(t, 400, "[couldNotConvert]messageTemplate.defaultTemplate [invalid]messageTemplate.localizedTemplates[it] [invalid]messageTemplate.type")
		h.do("PATCH", path+template1, `{"messageTemplate":{"type":"Voice"}}`).expectCodes(t, 400, "[invalid]messageTemplate.type")
		h.do("PATCH", path+template1, `{"messageTemplate":{"localizedTemplates":{"FR":"x"}}}`).expectCodes(t, 400, "[duplicate]messageTemplate.localizedTemplates[fr]")
		h.do("PUT", path+template1, `{"messageTemplate":{"name":"Other","type":"SMS","defaultTemplate":"x"}}`).has(t, 200, `"name":"Other","type":"SMS","defaultTemplate":"x","localizedTemplates":{},"data":{}`)
		h.do("PUT", path+template1, `{"messageTemplate":{"name":"Other","defaultTemplate":"x"}}`).expectCodes(t, 400, "[missing]messageTemplate.type")

		templates.MessageUsed = func(*db.Tx, wire.ID) ([]string, error) { return []string{"the tenant T"}, nil }
		h.do("DELETE", path+template1, "").expectCodes(t, 400, "[inUse]messageTemplateId")
		templates.MessageUsed = nil
		h.do("DELETE", path+template1, "").expect(t, 200, "")
		for _, method := range []string{"GET", "DELETE"} {
			h.do(method, path+template1, "").expect(t, 404, "")
		}
		h.do("PATCH", path+template1, `{}`).expect(t, 404, "")
		h.do("GET", path+"/x", "").expectCodes(t, 400, "[couldNotConvert]messageTemplateId")
	})
}

// What is wrong with a template is a part of the answer, and the answer a success.
func TestMessageTemplates_Preview(t *testing.T) {
	eachTemplates(t, func(t *testing.T, h *herald, _ *template.Service) {
		const path = "/api/message/template/preview"
		given := `{"type":"SMS","defaultTemplate":"Code: ${code}","localizedTemplates":{"de":"Ihr Code: ${code}","fr":"${code"}}`
		h.do("POST", path, `{"messageTemplate":`+given+`}`).
			expect(t, 200, `{"errors":{},"previewMessage":"Code: 123456","message":{"textMessage":"Code: 123456","type":"SMS"},"sms":{"segments":1,"encoding":"GSM-7","characters":12}}`)
		h.do("POST", path, `{"messageTemplate":`+given+`,"locale":"de_AT"}`).
			expect(t, 200, `{"errors":{},"previewMessage":"Ihr Code: 123456","message":{"textMessage":"Ihr Code: 123456","type":"SMS"},"locale":"de","sms":{"segments":1,"encoding":"GSM-7","characters":16}}`)
		h.do("POST", path, `{"messageTemplate":{"type":"Voice","defaultTemplate":"${user.firstName} ${user.data.n} ${tenant.name}"},"values":{"user":{"firstName":"Ana","data":{"n":12}}}}`).
			expect(t, 200, `{"errors":{},"previewMessage":"Ana 12 Example"}`)
		h.do("POST", path, `{"messageTemplate":`+given+`,"values":[]}`).expectCodes(t, 400, "[couldNotConvert]values")
		h.do("POST", path, `{"messageTemplate":`+strings.Replace(given, "SMS", "Voice", 1)+`}`).expect(t, 200, `{"errors":{},"previewMessage":"Code: 123456"}`)
		h.do("POST", path, `{"messageTemplate":`+given+`,"locale":"fr"}`).has(t, 200, `{"errors":{"fieldErrors":{"messageTemplate.localizedTemplates[fr]":[{"code":"[invalid]messageTemplate.localizedTemplates[fr]","message":"Line 1, column `)
		h.do("POST", path, `{"messageTemplate":{"type":"SMS","defaultTemplate":"Hello\n  ${usr.name}"}}`).has(t, 200, `"message":"Line 2, column 5: usr`)
		h.do("POST", path, `{"messageTemplate":{"type":"SMS","defaultTemplate":"[#list 1.. as i]x[/#list]"}}`).has(t, 200, `{"errors":{"fieldErrors":{"messageTemplate.defaultTemplate":`)
		h.do("POST", path, `{"messageTemplate":{"type":"SMS","defaultTemplate":"${'freemarker.template.utility.Execute'?new()('id')}"}}`).has(t, 200, `"[invalid]messageTemplate.defaultTemplate"`)
		h.do("POST", path, `{}`).has(t, 200, `"[missing]messageTemplate.type"`)
		h.do("POST", path, `{"messageTemplate":[]}`).expectCodes(t, 400, "[couldNotConvert]messageTemplate")
		h.do("POST", path, `{"messageTemplate":{"defaultTemplate":"`+strings.Repeat("x", 10<<20)+`"}}`).has(t, 413, "[bodyTooLarge]")
		h.do("GET", "/api/message/template", "").expect(t, 200, `{"messageTemplates":[]}`)
	})
}

func TestEmailTemplates(t *testing.T) {
	eachTemplates(t, func(t *testing.T, h *herald, templates *template.Service) {
		const path = "/api/email/template"
		h.do("GET", path, "").expect(t, 200, `{"emailTemplates":[]}`)
		body := `{"emailTemplate":{"name":"Code","defaultSubject":"Code","defaultTextTemplate":"${code}","defaultHtmlTemplate":"<b>${code}</b>","fromEmail":"us@example.com"}}`
		h.do("POST", path+template1, body).has(t, 200, `"defaultHtmlTemplate":"<b>${code}</b>","fromEmail":"us@example.com","localizedSubjects":{},"localizedTextTemplates":{},"localizedHtmlTemplates":{},"localizedFromNames":{},"data":{}`)
		h.do("POST", path, body).expectCodes(t, 400, "[duplicate]emailTemplate.name")
		h.do("POST", path, `{"emailTemplate":{"localizedSubjects":{"de":"${"}}}`).expectCodes(t, 400, "[blank]emailTemplate.defaultHtmlTemplate [blank]emailTemplate.defaultSubject [blank]emailTemplate.defaultTextTemplate [blank]emailTemplate.localizedHtmlTemplates[de] [blank]emailTemplate.localizedTextTemplates[de] [blank]emailTemplate.name [invalid]emailTemplate.localizedSubjects[de]")
		h.do("PATCH", path+template1, `{"emailTemplate":{"localizedSubjects":{"de":"a"},"localizedTextTemplates":{"de":"b"},"localizedHtmlTemplates":{"de":"c"}}}`).
			has(t, 200, `"localizedSubjects":{"de":"a"},"localizedTextTemplates":{"de":"b"},"localizedHtmlTemplates":{"de":"c"}`)
		h.do("PUT", path+template1, strings.Replace(body, `"Code"`, `"New"`, 1)).has(t, 200, `"name":"New"`)
		h.do("GET", path+template1, "").has(t, 200, `"name":"New"`)

		h.do("GET", path+"/search?name=n*w", "").has(t, 200, `"total":1}`)
		h.do("POST", path+"/search", `{"search":{"name":"nothing","numberOfResults":1}}`).expect(t, 200, `{"emailTemplates":[],"total":0}`)
		h.do("POST", path+"/search", `{"search":{"numberOfResults":-1}}`).expectCodes(t, 400, "[invalid]search.numberOfResults")

		h.do("POST", path+"/preview", body).expect(t, 200, `{"email":{"from":{"address":"us@example.com"},"subject":"Code","html":"<b>123456</b>","text":"123456"},"errors":{}}`)
		h.do("POST", path+"/preview", `{"emailTemplate":{"defaultSubject":"${nothing}","defaultTextTemplate":"t","defaultHtmlTemplate":"h"}}`).
			has(t, 200, `{"email":{"html":"h","text":"t"},"errors":{"fieldErrors":{"emailTemplate.defaultSubject":[{"code":"[invalid]emailTemplate.defaultSubject"`)

		h.do("POST", path+"/preview", `{"emailTemplate":{"defaultSubject":"${user.firstName}","defaultTextTemplate":"t","defaultHtmlTemplate":"h","localizedSubjects":{"de":"Für ${user.firstName}"},`+
			`"localizedTextTemplates":{"de":"t"},"localizedHtmlTemplates":{"de":"h"}},"locale":"de","values":{"user":{"firstName":"Ana"}}}`).
			expect(t, 200, `{"email":{"subject":"Für Ana","html":"h","text":"t"},"errors":{},"locale":"de"}`)

		templates.EmailUsed = func(*db.Tx, wire.ID) ([]string, error) { return []string{"the tenant T"}, nil }
		h.do("DELETE", path+template1, "").expectCodes(t, 400, "[inUse]emailTemplateId")
		templates.EmailUsed = nil
		h.do("DELETE", path+template1, "").expect(t, 200, "")
		h.do("GET", path+template1, "").expect(t, 404, "")
		h.do("PUT", path+template1, body).expect(t, 404, "")
	})
}

// Templates belong to no tenant, so only keys of the whole installation manage them.
func TestTemplates_WhoMayDoWhat(t *testing.T) {
	eachTemplates(t, func(t *testing.T, h *herald, _ *template.Service) {
		h.key(wire.APIKey{Key: "of a tenant", TenantID: tenantA})
		h.key(wire.APIKey{Key: "may preview", Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{
			"/api/message/template/preview": {"POST"}, "/api/email/template/preview": {"POST"},
		}}})
		for _, base := range []string{"/api/message/template", "/api/email/template"} {
			calls := []string{"POST ", "GET ", "POST " + template1, "GET " + template1, "PUT " + template1, "PATCH " + template1, "DELETE " + template1, "POST /preview"}
			if strings.Contains(base, "email") {
				calls = append(calls, "GET /search", "POST /search")
			}
			for _, call := range calls {
				method, rest, _ := strings.Cut(call, " ")
				sent := "{}"
				if method == "GET" || method == "DELETE" {
					sent = ""
				}
				for _, who := range []string{"", "unknown", "of a tenant", "may preview"} {
					if who == "may preview" && rest == "/preview" {
						h.do(method, base+rest, sent, withKey(who)).has(t, 200, `"errors":{"fieldErrors"`)
						continue
					}
					h.do(method, base+rest, sent, withKey(who)).expect(t, 401, "")
				}
			}
			// The tenant header means nothing here.
			h.do("GET", base, "", with(tenantHeader, string(nowhere))).has(t, 200, `[]`)
			for _, call := range []string{"GET /preview", "DELETE /preview", "PUT ", "PATCH "} {
				method, rest, _ := strings.Cut(call, " ")
				h.do(method, base+rest, "").expect(t, 405, "")
			}
		}
	})
}
