package ui_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "audit-log", path: "/admin/audit-log"},
		screen{name: "audit-log-nothing-found", path: "/admin/audit-log?text={text}{text}&range=hour"},
		screen{name: "audit-log-entry", path: "/admin/audit-log/{audit}"},
		screen{name: "event-log", path: "/admin/event-log"},
		screen{name: "event-log-refused", path: "/admin/event-log?type={text}"},
		screen{name: "event-log-entry", path: "/admin/event-log/{entry}"},
		screen{name: "login-records", path: "/admin/login-record"},
	)
	furnishers = append(furnishers, func(s *stage) {
		var made wire.AuditLogResponse
		s.Call("POST", "/api/system/audit-log", map[string]any{"auditLog": map[string]any{
			"insertUser": s.text("ada@example.com", 300), "message": s.text("Changed the mail server", 3000), "reason": s.text("The old one is gone", 3000),
			"oldValue": map[string]any{"host": s.text("mail.example.com", 3000), "port": 25, "ciphers": []string{"a", "b"}},
			"newValue": map[string]any{"host": s.text("relay.example.com", 3000), "port": 587, "ciphers": []string{"b"}, s.text("security", 200): s.text("TLS", 200)},
			"data":     map[string]any{s.text("ticket", 200): s.text("OPS-12", 200)}, "tenantId": s.Tenant,
		}}).Want(200).Decode(&made)
		s.note("audit", strconv.FormatInt(made.AuditLog.ID, 10))
		err := s.App.Journal().Log(s.t.Context(), wire.EventLogError, s.text("The webhook gives up on 3 deliveries.\nThe receiver answered 503.", 10_000))
		if err != nil {
			s.t.Fatal(err)
		}
		s.note("entry", s.Strings(`SELECT CAST(MAX(id) AS TEXT) FROM event_log`)[0])
		s.Call("POST", "/api/login", map[string]any{"loginId": "root@example.com", "password": password, "ipAddress": "192.0.2.7"}).Want(200)
	})
}

func TestAuditLog(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/audit-log", 200, "Nobody has changed anything yet")
		for i := range 60 {
			h.Call("POST", "/api/system/audit-log", map[string]any{"auditLog": map[string]any{
				"insertUser": "ada@example.com", "message": "Change " + strconv.Itoa(i), "oldValue": map[string]any{"n": i, "password": "hush"}, "newValue": map[string]any{"n": i + 1, "x": "<b>"},
			}}).Want(200)
		}
		page := b.gets("/admin/audit-log", 200, "Change 59")
		at := strings.Index(page, `rel="next" href="`)
		if at < 0 || strings.Contains(page, "Change 9<") {
			t.Fatalf("there is no second page:\n%s", page)
		}
		next, _, _ := strings.Cut(page[at+len(`rel="next" href="`):], `"`)
		b.gets("/admin/audit-log"+strings.ReplaceAll(next, "&amp;", "&"), 200, "Change 9<")
		b.gets("/admin/audit-log?text=change+1*&user=ada", 200, "Change 19")
		b.gets("/admin/audit-log?user=bob", 200, "Nothing matches these filters")
		b.gets("/admin/audit-log?until=2001-01-01T00:00", 200, "Nothing matches these filters")
		b.gets("/admin/audit-log?at=nonsense", 200, "no place in this list")
		id := strconv.FormatInt(h.audited().ID, 10)
		page = b.gets("/admin/audit-log/"+id, 200, "<del><code>59</code></del>")
		if !strings.Contains(page, "<ins><code>60</code></ins>") || !strings.Contains(page, "&lt;b&gt;") || strings.Contains(page, "hush") {
			t.Errorf("the entry:\n%s", page)
		}
		b.gets("/admin/audit-log/x", 404, "nothing at this address")

		_, body, _ := b.send("GET", "/admin/audit-log/export?text=change+5*", nil)
		archive, err := zip.NewReader(bytes.NewReader([]byte(body)), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		f, err := archive.Open("audit-log.csv")
		if err != nil {
			t.Fatal(err)
		}
		table, err := io.ReadAll(f)
		if err != nil || strings.Count(string(table), "Change 5") != 11 || strings.Contains(string(table), "Change 4") {
			t.Errorf("exported %v\n%s", err, table)
		}
		h.admin("auditor").gets("/admin/audit-log", 200, "Change 59")
		h.admin("event_log_viewer").gets("/admin/audit-log/export", 403, "roles do not open")
	})
}

func TestEventLogAndLoginRecords(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/event-log", 200, "nothing to tell yet")
		b.gets("/admin/login-record", 200, "Nobody has logged in yet")
		for kind, message := range map[wire.EventLogType]string{wire.EventLogError: "It broke", wire.EventLogInformation: "It works"} {
			if err := h.App.Journal().Log(t.Context(), kind, message); err != nil {
				t.Fatal(err)
			}
		}
		if page := b.gets("/admin/event-log?type=Error", 200, "It broke"); strings.Contains(page, "It works") {
			t.Error("the type is not minded")
		}
		b.gets("/admin/event-log?type=Fatal", 200, "Information, Debug or Error")
		b.gets("/admin/event-log?text=WORKS&range=hour", 200, "It works")
		h.ahead.Store(int64(2 * time.Hour))
		b.gets("/admin/event-log/"+h.Strings(`SELECT CAST(MIN(id) AS TEXT) FROM event_log`)[0], 200, "It ")
		b.gets("/admin/event-log/0", 404, "nothing at this address")
		id := h.person("ada@example.com")
		h.Call("POST", "/api/login", map[string]any{"loginId": "ada@example.com", "password": password, "ipAddress": "192.0.2.7"}).Want(200)
		b.gets("/admin/login-record", 200, "192.0.2.7")
		b.gets("/admin/login-record?user="+string(id), 200, "ada@example.com")
		b.gets("/admin/login-record?application="+string(id), 200, "Nothing matches these filters")
		h.admin("auditor").gets("/admin/login-record", 200, "ada@example.com")
		h.admin("webhook_manager").gets("/admin/login-record", 403, "roles do not open")
	})
}

func TestBrowser_AuditLog(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := typical(t)
	p := signIn(uitest.New(t, s.URL))
	p.Open("/admin/audit-log").Type("Text", "mail").Click("Search").Click("Changed the mail server").See("587").See("nothing")
}
