package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "attempts", path: "/admin/attempt"},
		screen{name: "attempts-narrowed", path: "/admin/attempt?result=Success&status=404"},
		screen{name: "backlog", path: "/admin/backlog"},
		screen{name: "backlog-cancel", path: "/admin/backlog/{webhook}/cancel"},
		screen{name: "deliveries", path: "/admin/delivery"},
	)
}

func TestBacklog(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/backlog", 200, "Nothing is waiting.")
		b.gets("/admin/attempt", 200, "Nothing was sent to a receiver yet.")
		b.gets("/admin/delivery", 200, "Nothing was owed")
		receiver := egresstest.NewReceiver(t)
		receiver.Script(egresstest.Status(http.StatusInternalServerError))
		id := string(h.Subscribe(receiver.URL, []string{"user.create"}, func(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{3600}} }))
		h.Enable(wire.None, "user.create")
		h.Call("POST", "/api/user", map[string]any{"user": map[string]any{"username": "ada", "password": password}}).Want(200)
		h.Eventually(10*time.Second, "it waits for another try", func() bool { return h.Strings(`SELECT state FROM delivery`)[0] == "retrying" })
		b.gets("/admin/backlog", 200, "Drop all")
		b.gets("/admin/delivery?state=retrying&webhook="+id, 200, "Retrying")
		b.gets("/admin/delivery", 200, "1 of 2")
		b.gets("/admin/delivery?state=odd", 200, `class="problem"`)
		b.gets("/admin/attempt?status=5xx", 200, "user.create")
		b.gets("/admin/attempt?result=Success", 200, "No attempt matches.")
		b.gets("/admin/attempt?at=!", 200, "no place in this list")
		b.gets("/admin/backlog/"+id+"/cancel", 200, "1 delivery")
		_, _, to := b.send("POST", "/admin/backlog/"+id+"/cancel", url.Values{})
		if !strings.HasPrefix(to, "/admin/task/") {
			t.Errorf("led to %q", to)
		}
		h.Eventually(10*time.Second, "it is cancelled", func() bool { return h.Strings(`SELECT state FROM delivery`)[0] == "cancelled" })
		if entry := h.audited(); !strings.Contains(entry.Message, "cancel all deliveries that wait for the webhook "+id) {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets("/admin/backlog/"+nobody+"/cancel", 404, "nothing at this address")
		b.posts("/admin/backlog/"+nobody+"/cancel", url.Values{}, 404, "nothing at this address")
		if tasks := h.Strings(`SELECT id FROM task`); len(tasks) != 1 {
			t.Errorf("tasks: %v", tasks)
		}
		h.ahead.Add(int64(11 * time.Minute)) // the password was given long ago
		b.posts("/admin/backlog/"+id+"/cancel", url.Values{}, 400, "enter the password")
		b.posts("/admin/backlog/"+id+"/cancel", url.Values{"password-again": {"wrong"}}, 400, "enter the password")
		if _, _, to := b.send("POST", "/admin/backlog/"+id+"/cancel", url.Values{"password-again": {password}}); !strings.HasPrefix(to, "/admin/task/") {
			t.Errorf("with the password: to %q", to)
		}
	})
}
