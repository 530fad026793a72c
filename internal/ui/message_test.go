package ui_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
)

func init() {
	screens = append(
		screens,
		screen{name: "messages", path: "/admin/message"},
		screen{name: "messages-none", path: "/admin/message?recipient={text}&kind=Voice"},
		screen{name: "messages-refused", path: "/admin/message?state={text}"},
		screen{name: "message", path: "/admin/message/{message}"},
	)
}

func TestMessages(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin("messenger_manager")
		b.gets("/admin/message", 200, "No message yet")
		good := h.messenger("Good", egresstest.NewReceiver(t).URL, nil)
		bad := h.messenger("Bad", egresstest.NewReceiver(t).Script(egresstest.Answer(http.StatusForbidden, nil, "<b>blocked</b>")).URL, nil)
		h.Call("POST", "/api/messenger/"+string(good)+"/test", map[string]any{"phoneNumber": "+49 170 1234567"}).Want(200)
		h.Call("POST", "/api/messenger/"+string(bad)+"/test", map[string]any{"phoneNumber": "+49 171 7654321"}).Want(200)
		list := b.gets("/admin/message", 200, "49…21")
		if !strings.Contains(list, "49…67") || strings.Contains(list, "7654321") {
			t.Errorf("recipients:\n%s", list)
		}
		for query, want := range map[string]bool{"messenger=" + string(bad): true, "state=failed": true, "state=sent": false, "kind=Voice": false, "recipient=" + url.QueryEscape("+491717654321"): true} {
			if page := b.gets("/admin/message?"+query, 200, "Messages"); strings.Contains(page, "49…21") != want || strings.Contains(page, "49…67") != (query == "state=sent") {
				t.Errorf("%s:\n%s", query, page)
			}
		}
		b.gets("/admin/message?kind=Voice", 200, "No message matches")
		b.gets("/admin/message?state=gone", 200, "state of a message")
		id := h.Strings(`SELECT id FROM message WHERE state = 'failed'`)[0]
		one := b.gets("/admin/message/"+id, 200, "refused 403")
		if !strings.Contains(one, "&lt;b&gt;blocked") || strings.Contains(one, "7654321") {
			t.Error(one)
		}
		b.gets("/admin/message/"+string(good), 404, "nothing at this address")
		h.admin("webhook_manager").gets("/admin/message", 403, "roles do not open")
	})
}
