package ui_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/ui"
	"github.com/herald-events/herald/wire"
)

// Lists of which all is read show a page at a time, and what is looked for.
func TestLists_Pages(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		for i := range 55 {
			name := fmt.Sprintf("made %02d", i)
			h.Call("POST", "/api/api-key", map[string]any{"apiKey": map[string]any{"name": name}}).Want(200)
			h.Call("POST", "/api/messenger", map[string]any{"messenger": map[string]any{"name": name, "type": "Generic", "url": "https://sms.example.com/", "connectTimeout": 1000, "readTimeout": 2000, "messageTypes": []string{"SMS"}}}).Want(200)
			h.Call("POST", "/api/message/template", map[string]any{"messageTemplate": map[string]any{"name": name, "type": "SMS", "defaultTemplate": "x"}}).Want(200)
			h.Call("POST", "/api/key/generate", map[string]any{"key": map[string]any{"name": name, "algorithm": "HS256"}}).Want(200)
		}
		for _, path := range []string{"/admin/api-key", "/admin/messenger", "/admin/message-template", "/admin/key"} {
			first := b.gets(path, 200, `rel="next"`)
			if n := strings.Count(first, "<tr>") - 1; n != 50 {
				t.Errorf("%s: %d rows", path, n)
			}
			second := b.gets(path+"?from=50", 200, `rel="prev"`)
			if n := strings.Count(second, "<tr>") - 1; n < 5 || n > 45 || strings.Contains(second, `rel="next"`) {
				t.Errorf("%s: %d rows at the end", path, n)
			}
			if one := b.gets(path+"?text=MADE+07", 200, "made 07"); strings.Count(one, "<tr>") != 2 {
				t.Errorf("%s: what is looked for is not alone:\n%s", path, one)
			}
			b.gets(path+"?text=nothing+of+that+kind", 200, "Nothing matches.")
			b.gets(path+"?from=9999999999999999999999", 200, "made")
			b.gets(path+"?from=-5", 200, "made")
			b.gets(path+"?from=5000", 200, "made")
		}
	})
}

// Of many webhooks a filter suggests some, and knows the one that is meant.
func TestLists_ManyWebhooks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin("webhook_event_log_viewer")
		var last wire.ID
		for i := range 101 {
			last = h.Subscribe(fmt.Sprintf("https://%03d.example.com/?key=pl4nted", i), []string{"user.create"}, func(w *wire.Webhook) {
				if i < 2 {
					w.Description = "Twins"
				}
			})
			if i == 99 {
				b.gets("/admin/log", 200, `<select id="webhook"`)
			}
		}
		for _, path := range []string{"/admin/log", "/admin/attempt", "/admin/delivery", "/admin/live"} {
			page := b.gets(path, 200, `<input id="webhook"`)
			if strings.Contains(page, "050.example.com") {
				t.Errorf("%s lists all webhooks", path)
			}
			b.gets(path+"?webhook=100.EXAMPLE&result=", 303, path+"?result=&webhook="+string(last))
			b.gets(path+"?webhook="+string(last), 200, `value="https://100.example.com/`)
			b.gets(path+"?webhook=https://09", 200, "10 receivers may be meant")
			b.gets(path+"?webhook=Twins", 200, "2 receivers may be meant")
			if page := b.gets(path+"?webhook=nobody", 200, "No receiver is called so."); strings.Contains(page, "pl4nted") {
				t.Error("a secret of a webhook")
			}
		}
		if names := b.gets("/admin/log/webhooks?webhook=example", 200, "002"); strings.Count(names, "<option") != 20 {
			t.Errorf("suggested: %s", names)
		}
		if names := b.gets("/admin/log/webhooks?webhook=", 200, ""); strings.Contains(names, "<option") {
			t.Errorf("suggested for nothing: %s", names)
		}
		if names := b.gets("/admin/log/webhooks?webhook=twins", 200, "Twins</option>"); strings.Contains(names, `value="Twins"`) {
			t.Errorf("twins cannot be told apart: %s", names)
		}
	})
}

// Who writes a query has it read as a whole, beside what else the list is narrowed to.
func TestLists_UserQuery(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		h.Call("POST", "/api/user", `{"user":{"username":"ada or grace","password":"`+password+`"}}`).Want(200)
		var off wire.UserResponse
		h.Call("POST", "/api/user", `{"user":{"username":"grace","email":"grace@example.com","password":"`+password+`"}}`).Want(200).Decode(&off)
		h.Call("DELETE", "/api/user/"+string(off.User.ID), nil).Want(200)
		for query, want := range map[string]string{
			"ada OR grace":                          "ada or grace", // the beginning of a name
			"username:ada* OR username:grace":       "OR and NOT are not supported",
			"username:ada* OR":                      "OR and NOT are not supported",
			"username:ada* AND":                     "An operator has a term before and after it",
			`username:"ada`:                         "A quote is not closed",
			`username:ada\`:                         "It is not clear what connects",
			"username:grace AND email:grace@*":      "No user matches",
			"username:grace || email:grace@*":       "OR and NOT are not supported",
			"username:ada* AND username:*r*":        "ada or grace",
			`username:"ada or grace" AND email:x@y`: "No user matches",
		} {
			page := b.gets("/admin/user?state=active&text="+url.QueryEscape(query), 200, want)
			if strings.Contains(page, ">grace</bdi>") {
				t.Errorf("%s: finds who is not active", query)
			}
		}
	})
}

// A file of events takes as long as its reader does, however long that is.
func TestLog_ExportAsLongAsItIsRead(t *testing.T) { //nolint:paralleltest // it changes what all pages have
	h := newHouse(t, db.SQLite)
	h.Enable(wire.None, "user.login.success")
	b := h.admin("webhook_event_log_viewer")
	const events = 80
	for i := range events {
		h.Call("POST", "/api/event", fmt.Sprintf(`{"event":{"type":"user.login.success","id":"0198c5d2-5f4c-7b0e-9d0a-%012d","user":{"id":"6a1f2a1e-5f4c-4b0e-9d0a-1b2c3d4e5f60"},"filler":%q}}`, i, strings.Repeat("x", 200_000))).Want(200)
	}
	before := ui.SetRequestTime(2 * time.Second)
	defer ui.SetRequestTime(before)
	r, err := http.NewRequestWithContext(t.Context(), "GET", b.url+"/admin/log/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	<-time.After(3 * time.Second) // nothing else is what a reader that takes its time does
	all, err := io.ReadAll(answer.Body)
	if n := strings.Count(string(all), `"filler"`); err != nil || n != events {
		t.Errorf("%d events of %d: %v", n, events, err)
	}
}
