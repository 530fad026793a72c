package ui_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens, screen{name: "live", path: "/admin/live", prepare: func(p *uitest.Page, _ *stage) { p.See("Connected.") }},
		screen{name: "live-narrowed", path: "/admin/live?result=bad&type={text}", prepare: func(p *uitest.Page, _ *stage) { p.See("Connected.") }})
}

// watching is a stream that is being read.
type watching struct {
	t      *testing.T
	answer *http.Response
	lines  chan string
	last   string // the id of the last message
}

func (b *browser) watch(path string, header ...string) *watching {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), "GET", b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := b.client.Do(r) //nolint:bodyclose // below
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = answer.Body.Close() })
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || kind != "text/event-stream" {
		b.t.Fatalf("%d %s", answer.StatusCode, kind)
	}
	w := &watching{b.t, answer, make(chan string, 1000), ""}
	go func() {
		defer close(w.lines)
		for all := bufio.NewScanner(answer.Body); all.Scan(); {
			w.lines <- all.Text()
		}
	}()
	return w
}

// until reads to a line with a text in it; "" is the end of the stream.
func (w *watching) until(text string) {
	w.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case line, more := <-w.lines:
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				w.last = id
			}
			if !more && text == "" || more && text != "" && strings.Contains(line, text) {
				return
			}
			if !more {
				w.t.Fatalf("the stream ended before %q", text)
			}
		case <-late:
			w.t.Fatalf("the stream has no %q", text)
		}
	}
}

func (h *house) newcomer(name string) (id wire.ID) {
	h.t.Helper()
	var made wire.UserResponse
	h.Call("POST", "/api/user", `{"user":{"username":"`+name+`","password":"`+password+`"}}`).Want(200).Decode(&made)
	return made.User.ID
}

func TestLive(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin("webhook_event_log_viewer")
		h.Enable(wire.None, "user.create", "user.delete")
		page := b.gets("/admin/live", 200, "data-live=")
		_, rest, _ := strings.Cut(page, `data-live="`)
		stream, _, _ := strings.Cut(rest, `"`)
		stream = strings.ReplaceAll(stream, "&amp;", "&")
		slow := b.watch("/admin/live/stream") // nobody reads what it gets
		w := b.watch(stream)
		_ = slow
		ada := h.newcomer("ada")
		w.until("<code>user.create</code>")
		cursor := w.last
		if cursor == "" {
			t.Fatal("a message without an id")
		}
		_ = w.answer.Body.Close()

		// It goes on where it was cut, and a filter holds for it.
		h.Call("DELETE", "/api/user/"+string(ada)+"?hardDelete=true", nil).Want(200)
		h.newcomer("grace")
		again := b.watch("/admin/live/stream?type=user.delete&after=0-0", "Last-Event-ID", cursor)
		again.until("<code>user.delete</code>")
		for range len(again.lines) {
			if line := <-again.lines; strings.Contains(line, "user.create") {
				t.Errorf("what was not asked for: %s", line)
			}
		}

		h.browser().gets("/admin/live/stream", 303, "/admin/sign-in?next=%2Fadmin%2Flive%2Fstream")
		h.admin("messenger_manager").gets("/admin/live/stream", 403, "")

		// A session has a few streams, and other sessions as many.
		for range 10 {
			r, err := http.NewRequestWithContext(t.Context(), "GET", b.url+"/admin/live/stream", nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := b.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode == http.StatusTooManyRequests {
				break
			}
			if answer.StatusCode != 200 {
				t.Fatal(answer.Status)
			}
			t.Log("another stream")
		}
		other := h.admin("auditor").watch("/admin/live/stream")

		// It ends for who has signed out, after a minute at most; the others go on.
		b.posts("/admin/sign-out", nil, 303, "/admin/sign-in")
		h.ahead.Add(int64(61 * time.Second))
		h.newcomer("linus")
		again.until("event: over")
		again.until("")
		other.until("<code>user.create</code>")

		// And with the server, at once.
		h.Stop()
		other.until("")
	})
}

// A page that is left open does not keep its session from ending.
func TestLive_IsNoUse(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin("webhook_event_log_viewer")
		h.Enable(wire.None, "user.create")
		h.ahead.Add(int64(7 * time.Hour))
		w := b.watch("/admin/live/stream")
		w.until("retry")
		if status, _, _ := b.send("GET", "/admin/live", nil, "Herald-By-Itself", "true"); status != 200 {
			t.Errorf("a page that asks by itself: %d", status)
		}
		h.ahead.Add(int64(61 * time.Second))
		h.newcomer("ada") // the rights are looked at again
		w.until("<code>user.create</code>")
		h.ahead.Add(int64(time.Hour))
		b.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")
	})
}

// Rows come by themselves, wait while the page is paused, and are there when it goes on.
func TestBrowser_Live(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	s.Enable(wire.None, "user.create", "user.delete", "user.update")
	p := signIn(uitest.New(t, s.URL)).Open("/admin/live").See("Connected.")
	ada := s.newcomer("ada")
	p.Within(".live").See("user.create")
	p.Within("").Eval("document.activeElement.blur()", nil).Press(" ").See("Paused.")
	s.Call("DELETE", "/api/user/"+string(ada)+"?hardDelete=true", nil).Want(200)
	p.Click("Resume").See("Connected.").Within(".live").See("user.delete")
}

// The keys are told of by one of them; the focus comes back.
func TestBrowser_Keys(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	p := signIn(uitest.New(t, s.URL)).Open("/admin/log")
	p.Eval("document.querySelector('.brand').focus()", nil).Press("?").See("Next row, row before").Press("Escape").NotSee("Next row, row before")
	back := false
	if p.Eval("document.activeElement === document.querySelector('.brand')", &back); !back {
		t.Error("the focus is elsewhere")
	}
}
