package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "attempt", path: "/admin/attempt/{attempt}"},
		screen{name: "attempt-refused", path: "/admin/attempt/{attemptRefused}"},
		screen{name: "replay", path: "/admin/replay?webhook={webhook}"},
		screen{name: "log-narrowed", path: "/admin/log?webhook={webhook}&state=delivered&range=day"},
	)
	furnishers = append(furnishers, func(s *stage) {
		s.note("attempt", s.Strings(`SELECT id FROM attempt WHERE outcome = 'accepted' ORDER BY id`)[0])
		s.note("attemptRefused", s.Strings(`SELECT id FROM attempt WHERE status_code = 403`)[0])
	})
}

func TestLog_Lists(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		receiver := egresstest.NewReceiver(t)
		b, admin := h.admin("webhook_event_log_viewer"), h.admin()
		id := h.Subscribe(receiver.URL, []string{"user.create"})
		h.Enable(wire.None, "user.create")
		for range 60 {
			h.Call("POST", "/api/user", map[string]any{"user": map[string]any{"username": "u" + string(id) + time.Now().Format("150405.000000000"), "password": password}}).Want(200)
		}
		h.Settled(10 * time.Second)
		first := b.gets("/admin/log?webhook="+string(id), 200, "Older")
		if n := strings.Count(first, `<td><a href="/admin/log/`); n != 50 {
			t.Errorf("%d events on the first page, want 50", n)
		}
		if strings.Contains(first, "Newest") || strings.Contains(first, "Send all again") {
			t.Error("the first page offers what there is not")
		}
		older := first[strings.Index(first, `rel="next" href="`)+len(`rel="next" href="`):]
		older = strings.ReplaceAll(older[:strings.IndexByte(older, '"')], "&amp;", "&")
		second := b.gets("/admin/log"+older, 200, "Newest")
		if n := strings.Count(second, `<td><a href="/admin/log/`); n != 10 || !strings.Contains(second, `rel="prev"`) {
			t.Errorf("%d events on the second page, want 10", n)
		}
		b.gets("/admin/log?state=dead", 200, "No event matches.")
		b.gets("/admin/log?at=nonsense", 200, "This is no place in this list.")
		b.gets("/admin/log?status=999", 200, "This must be a status from 100 to 599")
		if status, lines, _ := b.send("GET", "/admin/log/export?webhook="+string(id), nil); status != 200 || strings.Count(lines, "\n") != 60 || !strings.HasPrefix(lines, `{"id":"`) {
			t.Errorf("export: %d, %d lines: %.200s", status, strings.Count(lines, "\n"), lines)
		}
		b.gets("/admin/replay?webhook="+string(id), 403, "roles do not open")

		admin.gets("/admin/log?webhook="+string(id), 200, "/admin/replay?webhook=")
		admin.gets("/admin/replay?webhook="+string(id), 200, "60 deliveries")
		got := len(receiver.Requests())
		_, _, to := admin.send("POST", "/admin/replay?webhook="+string(id), url.Values{"rate": {""}})
		if !strings.HasPrefix(to, "/admin/task/") {
			t.Errorf("led to %q", to)
		}
		h.Eventually(20*time.Second, "all are sent again", func() bool { return len(receiver.Requests()) == got+60 })
		if entry := h.audited(); !strings.Contains(entry.Message, "Began to send 60 deliveries again") {
			t.Errorf("audit log: %+v", entry)
		}
	})
}

func TestLog_Event(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		receiver := egresstest.NewReceiver(t)
		b, auditor := h.admin(), h.admin("auditor")
		webhook := string(h.Subscribe(receiver.URL+"/?key=hushhush", []string{"user.create"}, func(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{600}} }))
		h.Enable(wire.None, "user.create")
		receiver.Script(egresstest.Answer(http.StatusForbidden, nil, "not today"), egresstest.Status(http.StatusOK))
		h.Call("POST", "/api/user", map[string]any{"user": map[string]any{"username": "ada", "password": password}}).Want(200)
		h.Eventually(10*time.Second, "the first attempt", func() bool { return len(receiver.Requests()) == 1 })
		h.Eventually(10*time.Second, "its record", func() bool { return len(h.Strings(`SELECT id FROM attempt`)) == 1 })
		event := h.Strings(`SELECT id FROM event WHERE type = 'user.create' ORDER BY sequence DESC`)[0]
		page := b.gets("/admin/log/"+event, 200, "Retrying")
		for _, part := range []string{"Nothing was to be decided", "403", "Send now", "user.create.complete", "&#34;ada&#34;"} {
			if !strings.Contains(page, part) {
				t.Errorf("the page lacks %q", part)
			}
		}
		if strings.Contains(page, "hushhush") || strings.Contains(page, password) {
			t.Error("the page has a secret")
		}
		attempt := b.gets("/admin/attempt/"+h.Strings(`SELECT id FROM attempt`)[0], 200, "not today")
		if strings.Contains(attempt, "hushhush") {
			t.Error("the attempt has a secret")
		}
		to := "/admin/log/" + event + "/" + webhook
		auditor.posts(to+"/run", url.Values{}, 403, "roles do not open")
		b.posts(to+"/run", url.Values{}, 303, "/admin/log/"+event)
		h.Eventually(10*time.Second, "it is delivered", func() bool { return len(receiver.Requests()) == 2 })
		h.Eventually(10*time.Second, "that is recorded", func() bool { return h.Strings(`SELECT state FROM delivery`)[0] == "delivered" })
		b.gets("/admin/log/"+event, 200, "Send again anyway")
		b.posts(to+"/cancel", url.Values{}, 400, "has ended")
		b.posts(to+"/replay", url.Values{}, 303, "/admin/log/"+event)
		h.Eventually(10*time.Second, "it is sent again", func() bool { return len(receiver.Requests()) == 3 })
		if entry := h.audited(); !strings.Contains(entry.Message, "again") || !strings.Contains(entry.Message, event) {
			t.Errorf("audit log: %+v", entry)
		}
	})
}

// From the list to the answer of the receiver, and the event is sent again: by clicking.
func TestBrowser_Log(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := typical(t)
	p := signIn(uitest.New(t, s.URL))
	p.Click("Webhook Log").Choose("Result", "Refused").Choose("Tests", "without tests").Click("Search").Click("user.create").See("Nothing was changed").Within("#content section:has(#receivers) tbody tr:first-child").Click("403").Within("").See("no more customers, please")
}
