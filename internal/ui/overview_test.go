package ui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// The overview says in numbers what the last hour was like, and leads to its events.
func TestOverview_Figures(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/", 200, "Create a sample user")
		h.Enable(wire.AbsoluteMajority, "user.create")
		h.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden), egresstest.Status(200)).URL, []string{"user.create"})
		for i, status := range []int{504, 200, 200} {
			h.Call("POST", "/api/user", `{"user":{"username":"user`+string(rune('a'+i))+`","password":"`+password+`"}}`).Want(status)
		}
		h.Settled(10 * time.Second)
		h.Eventually(10*time.Second, "the overview tells of it", func() bool { // figures are remembered for a moment
			_, page, _ := b.send("GET", "/admin/", nil)
			return strings.Contains(page, "<dt>Refused transactions</dt><dd>1</dd>")
		})
		page := b.gets("/admin/", 200, "<dt>Accepted at once</dt><dd>66.7 %</dd>")
		for _, want := range []string{"<dt>Backlog</dt><dd>0</dd>", "/admin/log?from=", "2 accepted, 0 to be tried again, 1 refused or given up", "chart."} {
			if !strings.Contains(page, want) {
				t.Errorf("the overview lacks %q", want)
			}
		}
		if page := h.admin("messenger_manager").gets("/admin/", 200, "Accepted at once"); strings.Contains(page, "/admin/log?from=") {
			t.Error("links that lead nowhere")
		}
	})
}
