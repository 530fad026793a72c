package api

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func TestEventLog_API(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		for _, message := range []string{"Webhook A failed", "Webhook B failed"} {
			if err := w.journal.Log(t.Context(), wire.EventLogError, message); err != nil {
				t.Fatal(err)
			}
		}
		var found wire.EventLogSearchResponse
		a := w.do("POST", "/api/system/event-log/search", `{"search":{"message":"webhook b","type":"Error"}}`)
		if err := json.Unmarshal([]byte(a.body), &found); err != nil || found.Total != 1 || found.EventLogs[0].Message != "Webhook B failed" {
			t.Fatalf("%d %s: %v", a.status, a.body, err)
		}
		one := w.do("GET", fmt.Sprintf("/api/system/event-log/%d", found.EventLogs[0].ID), "").member(t, "eventLog")
		if one["message"] != "Webhook B failed" || one["type"] != "Error" {
			t.Errorf("eventLog = %v", one)
		}
		w.do("GET", "/api/system/event-log/search?message=zzz", "").expect(t, 200, `{"eventLogs":[],"total":0}`)
		w.do("GET", "/api/system/event-log/search?type=Warning", "").expectCodes(t, 400, "[invalid]search.type")
		w.do("GET", "/api/system/event-log/search?start=yesterday", "").expectCodes(t, 400, "[couldNotConvert]start")
		w.do("GET", "/api/system/event-log/999", "").expect(t, 404, "")
		w.do("GET", "/api/system/event-log/abc", "").expectCodes(t, 400, "[couldNotConvert]eventLogId")
		w.do("GET", "/api/system/event-log/99999999999999999999", "").expectCodes(t, 400, "[couldNotConvert]eventLogId")
		w.do("DELETE", "/api/system/event-log/1", "").expect(t, 405, "")
	})
}

func TestAuditLog_API(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		var origin *wire.EventInfo
		w.journal.OnAuditLog = func(_ *db.Tx, _ wire.AuditLog, info *wire.EventInfo) error {
			origin = info
			return nil
		}
		const path = "/api/system/audit-log"
		created := w.do("POST", path, `{"auditLog":{"insertUser":" admin ","message":"Changed it","oldValue":"before","newValue":{"password":"s3cret","n":1.50}},"eventInfo":{"ipAddress":"192.0.2.7"}}`)
		entry := created.member(t, "auditLog")
		id := entry["id"].(json.Number).String()
		w.do("GET", path+"/"+id, "").expect(t, 200, created.body)
		created.without(t, "id", "insertInstant").expect(t, 200,
			`{"auditLog":{"insertUser":"admin","message":"Changed it","oldValue":"before","newValue":{"n":1.50,"password":"********"}}}`)
		if origin == nil || origin.IPAddress != "192.0.2.7" {
			t.Errorf("the event's origin is %+v, want what the caller sent", origin)
		}
		w.do("GET", path+"/search?user=ADM", "").expect(t, 200, `{"auditLogs":[`+encoded(t, entry)+`],"total":1}`)
		w.do("POST", path+"/search", `{"search":{"message":"nothing like it"}}`).expect(t, 200, `{"auditLogs":[],"total":0}`)

		w.do("POST", path, `{"auditLog":{"message":" "}}`).expectCodes(t, 400, "[blank]auditLog.insertUser [blank]auditLog.message")
		w.do("POST", path, `{"auditLog":{"insertUser":"u","message":"m","tenantId":"`+string(nowhere)+`"}}`).expectCodes(t, 400, "[invalid]auditLog.tenantId")
		w.do("POST", path, `{"auditLog":{"insertUser":"u","message":"m","data":5}}`).expectCodes(t, 400, "[couldNotConvert]auditLog.data")
		w.do("GET", path+"/999", "").expect(t, 404, "")
		w.do("GET", path+"/x", "").expectCodes(t, 400, "[couldNotConvert]auditLogId")
	})
}

func TestAuditLog_TenantOfTheCallerWins(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		const path = "/api/system/audit-log"
		w.do("POST", "/api/tenant/"+string(tenantB), `{"tenant":{"name":"B"}}`)
		b := withKey(w.key(wire.APIKey{TenantID: tenantB}))
		ids := map[string]string{}
		for name, how := range map[string]struct {
			tenantID string
			option   option
			want     any
		}{
			"none":       {"", withKey(superKey), nil},
			"in the log": {string(tenantA), withKey(superKey), string(tenantA)},
			"header":     {string(tenantA), with(tenantHeader, string(tenantB)), string(tenantB)},
			"key":        {string(tenantA), b, string(tenantB)},
		} {
			entry := w.do("POST", path, `{"auditLog":{"insertUser":"u","message":"`+name+`","tenantId":"`+how.tenantID+`"}}`, how.option).member(t, "auditLog")
			if entry["tenantId"] != how.want {
				t.Errorf("%s: tenantId %v, want %v", name, entry["tenantId"], how.want)
			}
			ids[name] = entry["id"].(json.Number).String()
		}
		for name, status := range map[string]int{"none": 404, "in the log": 404, "header": 200, "key": 200} {
			if a := w.do("GET", path+"/"+ids[name], "", b); a.status != status {
				t.Errorf("%s: %d for the tenant's key, want %d", name, a.status, status)
			}
		}
		found := tree(t, w.do("POST", path+"/search", `{"search":{"tenantId":"`+string(tenantA)+`"}}`, b).body).(map[string]any)
		if found["total"] != json.Number("2") {
			t.Errorf("a tenant's key finds %v entries, want the two of its tenant", found["total"])
		}
		w.do("POST", path, `{"auditLog":{"insertUser":"u","message":"m"}}`, with(tenantHeader, string(nowhere))).expectCodes(t, 400, "[invalid]tenantId")
	})
}

func TestAuditLog_Export(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	w := newWorld(t, db.SQLite)
	for _, user := range []string{"adam", "eve"} {
		w.do("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"`+user+`","message":"m"}}`)
	}
	for _, a := range []answerTo{
		w.do("GET", "/api/system/audit-log/export?user=adam&zoneId=Europe/Berlin&dateTimeSecondsFormat=yyyy", ""),
		w.do("POST", "/api/system/audit-log/export", `{"criteria":{"user":"adam"},"zoneId":"Europe/Berlin","dateTimeSecondsFormat":"yyyy"}`),
	} {
		if a.status != 200 || a.header.Get("Content-Type") != "application/zip" {
			t.Fatalf("%d %s %s", a.status, a.header.Get("Content-Type"), a.body)
		}
		archive, err := zip.NewReader(bytes.NewReader([]byte(a.body)), int64(len(a.body)))
		if err != nil {
			t.Fatal(err)
		}
		f, err := archive.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil || len(rows) != 2 || rows[1][2] != "adam" || len(rows[1][1]) != 4 {
			t.Errorf("rows = %q, %v; want the head and adam's", rows, err)
		}
	}
	w.do("GET", "/api/system/audit-log/export?zoneId=Nowhere", "").expectCodes(t, 400, "[invalid]zoneId")
	if made, err := filepath.Glob(filepath.Join(temp, "herald-export-*")); err != nil || len(made) != 0 {
		t.Errorf("temporary files left: %q, %v", made, err)
	}
}

func TestAuditLog_FailingHookStoresNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		w.journal.OnAuditLog = func(*db.Tx, wire.AuditLog, *wire.EventInfo) error {
			return problem.New(problem.Unavailable, "[busy]", "later")
		}
		if a := w.do("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"u","message":"m"}}`); a.status != 503 || !strings.Contains(a.body, "[busy]") {
			t.Errorf("%d %s", a.status, a.body)
		}
		w.do("GET", "/api/system/audit-log/search", "").expect(t, 200, `{"auditLogs":[],"total":0}`)
	})
}
