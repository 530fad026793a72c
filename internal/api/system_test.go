package api

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/wire"
)

const systemPath = "/api/system-configuration"

// eachSystem is the API of the system configuration on a store of its own.
func eachSystem(t *testing.T, fn func(t *testing.T, h *herald)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		h := &herald{t: t, log: make(logLines, 1000)}
		exists := func(_ *db.Tx, id wire.ID) (bool, error) { return id == tenantA, nil }
		h.keys = access.New(d, key.NewSealer(make([]byte, key.Size)), time.Now, exists)
		s := newServer(Services{Keys: h.keys, Tenancy: tenants{tenantA}})
		server := httptest.NewServer(s.handler(s.systemRoutes(system.New(d))))
		t.Cleanup(server.Close)
		h.url = server.URL
		h.key(wire.APIKey{Key: superKey})
		fn(t, h)
	})
}

const systemDefaults = `{"systemConfiguration":{"auditLogConfiguration":{"delete":{"enabled":false,"numberOfDaysToRetain":365}},"data":{},
	"eventLogConfiguration":{"numberToRetain":10000},"loginRecordConfiguration":{"delete":{"enabled":false,"numberOfDaysToRetain":365}},
	"reportTimezone":"Etc/UTC","trustedProxyConfiguration":{"trustPolicy":"All","trusted":[]},
	"webhookEventLogConfiguration":{"delete":{"enabled":true,"numberOfDaysToRetain":30},"enabled":true}}}`

func TestSystemConfiguration_API(t *testing.T) {
	eachSystem(t, func(t *testing.T, h *herald) {
		h.do("GET", systemPath, "").expect(t, 200, systemDefaults)

		// What FusionAuth's Go client sends: all booleans, no zero numbers; and what other clients make of numbers.
		const sent = `{"systemConfiguration":{"auditLogConfiguration":{"delete":{"enabled":true,"numberOfDaysToRetain":"90"}},
			"corsConfiguration":{"allowCredentials":false,"allowedMethods":["GET","PUT"],"enabled":true,"preflightMaxAgeInSeconds":1.50},
			"data":{"owner":"ops","big":12345678901234567890},"eventLogConfiguration":{},"loginRecordConfiguration":{"delete":{"enabled":false}},
			"reportTimezone":"America/Denver","trustedProxyConfiguration":{"trustPolicy":"OnlyConfigured","trusted":["10.0.0.0/8"]},
			"uiConfiguration":{"headerColor":"#000","logoURL":"https://x?a=1&b=<2>"},"usageDataConfiguration":{"enabled":false,"numberOfDaysToRetain":0},
			"webhookEventLogConfiguration":{"delete":{"enabled":false},"enabled":false},"somethingNew":{"a":1},"insertInstant":1,"lastUpdateInstant":1}}`
		const stored = `{"systemConfiguration":{"auditLogConfiguration":{"delete":{"enabled":true,"numberOfDaysToRetain":90}},
			"corsConfiguration":{"allowCredentials":false,"allowedMethods":["GET","PUT"],"enabled":true,"preflightMaxAgeInSeconds":1.50},
			"data":{"owner":"ops","big":12345678901234567890},"eventLogConfiguration":{"numberToRetain":10000},
			"loginRecordConfiguration":{"delete":{"enabled":false,"numberOfDaysToRetain":365}},
			"reportTimezone":"America/Denver","trustedProxyConfiguration":{"trustPolicy":"OnlyConfigured","trusted":["10.0.0.0/8"]},
			"uiConfiguration":{"headerColor":"#000","logoURL":"https://x?a=1&b=<2>"},"usageDataConfiguration":{"enabled":false,"numberOfDaysToRetain":0},
			"webhookEventLogConfiguration":{"delete":{"enabled":false,"numberOfDaysToRetain":30},"enabled":false}}}`
		for _, method := range []string{"PUT", "POST"} {
			answer := h.do(method, systemPath, sent)
			if insert := answer.member(t, "systemConfiguration")["insertInstant"]; insert == nil || encoded(t, insert) == "1" {
				t.Errorf("%s: insertInstant %v is not the server's", method, insert)
			}
			withoutInstants(t, answer).expect(t, 200, stored)
			h.do("GET", systemPath, "").expect(t, 200, answer.body)
		}

		answer := h.do("PUT", systemPath, `{"systemConfiguration":{"reportTimezone":"Etc/UTC"}}`) // the rest goes back to its defaults
		withoutInstants(t, answer).expect(t, 200, systemDefaults)

		h.do("DELETE", systemPath, "").expect(t, 405, "")
	})
}

func withoutInstants(t *testing.T, a answerTo) answerTo {
	t.Helper()
	members := a.member(t, "systemConfiguration")
	delete(members, "insertInstant")
	delete(members, "lastUpdateInstant")
	a.body = `{"systemConfiguration":` + encoded(t, members) + `}`
	return a
}

func TestSystemConfiguration_Patch(t *testing.T) {
	eachSystem(t, func(t *testing.T, h *herald) {
		h.do("PUT", systemPath, `{"systemConfiguration":{"reportTimezone":"Etc/UTC","trustedProxyConfiguration":{"trusted":["10.0.0.1"]},
			"corsConfiguration":{"enabled":true,"allowedMethods":["GET"]},"eventLogConfiguration":{"numberToRetain":5},"data":{"a":1,"b":2}}}`).member(t, "systemConfiguration")
		for _, test := range []struct{ kind, body, cors, trusted, entries, data string }{
			// Arrays are appended to, null removes, and a removed member is its default.
			{
				typeJSON, `{"systemConfiguration":{"corsConfiguration":{"allowedMethods":["PUT"]},"trustedProxyConfiguration":{"trusted":["10.0.0.2"]},"data":{"a":null}}}`,
				`{"allowedMethods":["GET","PUT"],"enabled":true}`, `{"trustPolicy":"All","trusted":["10.0.0.1","10.0.0.2"]}`, `{"numberToRetain":5}`, `{"b":2}`,
			},
			{
				typeMergePatch, `{"systemConfiguration":{"corsConfiguration":{"allowedMethods":["POST"]},"trustedProxyConfiguration":{"trusted":["10.0.0.3"]},"eventLogConfiguration":null}}`,
				`{"allowedMethods":["POST"],"enabled":true}`, `{"trustPolicy":"All","trusted":["10.0.0.3"]}`, `{"numberToRetain":10000}`, `{"b":2}`,
			},
			{
				typeJSONPatch, `[{"op":"test","path":"/systemConfiguration/reportTimezone","value":"Etc/UTC"},
				{"op":"replace","path":"/systemConfiguration/eventLogConfiguration/numberToRetain","value":7},
				{"op":"add","path":"/systemConfiguration/trustedProxyConfiguration/trusted/0","value":"10.0.0.4"},
				{"op":"remove","path":"/systemConfiguration/corsConfiguration"},{"op":"move","from":"/systemConfiguration/data/b","path":"/systemConfiguration/data/c"}]`,
				`null`, `{"trustPolicy":"All","trusted":["10.0.0.4","10.0.0.3"]}`, `{"numberToRetain":7}`, `{"c":2}`,
			},
		} {
			got := h.do("PATCH", systemPath, test.body, with("Content-Type", test.kind)).member(t, "systemConfiguration")
			for name, want := range map[string]string{
				"corsConfiguration": test.cors, "trustedProxyConfiguration": test.trusted, "eventLogConfiguration": test.entries, "data": test.data,
			} {
				if is := encoded(t, got[name]); is != want {
					t.Errorf("%s: %s is %s, want %s", test.kind, name, is, want)
				}
			}
		}
		h.do("PATCH", systemPath, `{"systemConfiguration":{"reportTimezone":null}}`).expectCodes(t, 400, "[blank]systemConfiguration.reportTimezone")
		h.do("PATCH", systemPath, `{"systemConfiguration":{}}`, with("Content-Type", "text/plain")).expectCodes(t, 400, "[invalidContentType]")
	})
}

func TestSystemConfiguration_Refuses(t *testing.T) {
	eachSystem(t, func(t *testing.T, h *herald) {
		const root = "systemConfiguration."
		for body, codes := range map[string]string{
			`{}`: "[blank]" + root + "reportTimezone",
			`{"systemConfiguration":{"reportTimezone":"Mars/Olympus"}}`: "[invalid]" + root + "reportTimezone",
			`{"systemConfiguration":{"reportTimezone":7,"data":[],"auditLogConfiguration":{"delete":{"numberOfDaysToRetain":1.5,"enabled":"maybe"}},
				"trustedProxyConfiguration":{"trusted":[1]}}}`: "[couldNotConvert]" + root + "auditLogConfiguration.delete.enabled " +
				"[couldNotConvert]" + root + "auditLogConfiguration.delete.numberOfDaysToRetain [couldNotConvert]" + root + "data " +
				"[couldNotConvert]" + root + "reportTimezone [couldNotConvert]" + root + "trustedProxyConfiguration.trusted[0]",
			`{"systemConfiguration":{"reportTimezone":"UTC","webhookEventLogConfiguration":{"delete":{"numberOfDaysToRetain":0}},"uiConfiguration":"red"}}`: "[couldNotConvert]" + root +
				"uiConfiguration [invalid]" + root + "webhookEventLogConfiguration.delete.numberOfDaysToRetain",
			`{"systemConfiguration":{"reportTimezone":"UTC","eventLogConfiguration":{"numberToRetain":1e30}}}`: "[couldNotConvert]" + root + "eventLogConfiguration.numberToRetain",
		} {
			h.do("PUT", systemPath, body).expectCodes(t, 400, codes)
		}
		h.do("PUT", systemPath, "").expectCodes(t, 400, "[invalidJSON]")
		h.do("GET", systemPath, "").expect(t, 200, systemDefaults)

		for name, key := range map[string]string{
			"a tenant's key":  h.key(wire.APIKey{TenantID: tenantA}),
			"another's right": h.key(wire.APIKey{Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{"/api/tenant": {"GET"}}}}),
			"no such key":     "nonsense",
		} {
			if a := h.do("GET", systemPath, "", withKey(key)); a.status != 401 || a.body != "" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		read := h.key(wire.APIKey{Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{systemPath: {"GET"}}}})
		h.do("GET", systemPath, "", withKey(read), with(tenantHeader, string(nowhere))).expect(t, 200, systemDefaults)
		h.do("PATCH", systemPath, `{}`, withKey(read)).expect(t, 401, "")
	})
}
