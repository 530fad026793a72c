package cli

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/wire"
)

func testEar(c listenCommand) *ear {
	return &ear{session: &session{output: &output{Writer: io.Discard, talk: io.Discard}}, c: &c, forward: newForwarder("http://localhost:3000")}
}

func heardOf(eventType, email string, status int) *heard {
	return &heard{
		exchange: wire.ListenerExchange{EventID: "01a22a9f-0000-7000-8000-00000000b78b", EventType: eventType, TransactionType: wire.Any, Body: `{"event":{"user":{"email":"` + email + `"}}}`},
		answer:   wire.ListenerAnswer{StatusCode: status, Body: "TypeError: roles is undefined\n  at", DurationMicros: 104_000}, at: time.Date(2026, 11, 30, 14, 32, 41, 0, time.UTC),
	}
}

func TestListen_Line(t *testing.T) {
	t.Parallel()
	e := testEar(listenCommand{})
	for _, test := range []struct {
		h    *heard
		want string
	}{
		{heardOf("user.create", "ana@example.com", 200), `14:32:41  user.create             TX  200   104 ms  ana@example.com  01a22a9f…b78b`},
		{heardOf("user.create.complete", "ana@example.com", 200), `14:32:41  user.create.complete        200   104 ms  ana@example.com  01a22a9f…b78b`},
		{heardOf("user.login.success", `a\u001b[31m@b`, 500), `14:32:41  user.login.success      TX  500   104 ms  a[31m@b  01a22a9f…b78b  "TypeError: roles is undefined"`},
	} {
		if got := e.line(test.h); got != test.want {
			t.Errorf("\n%s, want\n%s", got, test.want)
		}
	}
	if got := e.noteOn(heardOf("user.login.success", "a", 500)); got != "receiver said no. With --transactional this login could have been refused (504)." {
		t.Error(got)
	}
}

// Keys move in a list that stands still, narrow it, and lead back.
func TestListen_Keys(t *testing.T) {
	t.Parallel()
	e := testEar(listenCommand{})
	var b browser
	for _, email := range []string{"ana", "bob", "eve"} {
		b.add(heardOf("user.create", email, 200))
	}
	browsing := false
	press := func(keys ...string) (last action) {
		for _, k := range keys {
			last = b.key(k, browsing)
			browsing = last == browse || browsing && last != goLive
		}
		return last
	}
	about := func() string { return aboutOf(&b.selected().exchange) }
	if press("up"); about() != "bob" {
		t.Errorf("one up is %s", about())
	}
	b.add(heardOf("user.create", "new", 200))
	if press("up", "up", "up"); about() != "ana" {
		t.Errorf("the first is %s", about())
	}
	if view := b.view(e, 60, 12, ""); len(view) != 12 || !strings.Contains(view[0], "1 new") || !strings.HasPrefix(view[1], "> ") {
		t.Errorf("%q", view)
	}
	if press("/", "e", "v", "x", "back", "enter"); len(b.visible()) != 1 || about() != "eve" {
		t.Errorf("%d are left", len(b.visible()))
	}
	if press("d"); !strings.Contains(strings.Join(b.view(e, 80, 40, "said"), "\n"), "transaction setting Any") {
		t.Error("there are no details")
	}
	if press("down", "down"); b.line != 2 || about() != "eve" {
		t.Errorf("two lines down in the details it shows line %d of %s", b.line, about())
	}
	if b.line = 1000; len(b.view(e, 80, 12, "")) != 12 || b.line >= 1000 {
		t.Errorf("the details end before line %d", b.line)
	}
	for _, row := range []struct {
		key  string
		want action
	}{{"r", sendAgain}, {"o", open}, {"c", copyCurl}, {"escape", browse}, {"escape", browse}, {"escape", goLive}, {"q", quit}, {"interrupt", quit}, {"x", nothing}} {
		if got := press(row.key); got != row.want {
			t.Errorf("%s asks for %d, want %d", row.key, got, row.want)
		}
	}
}

func TestListen_Curl(t *testing.T) {
	t.Parallel()
	x := &wire.ListenerExchange{Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"a":"it's"}`}
	want := "curl -X POST 'http://localhost:3000/hooks' \\\n  -H 'Content-Type: application/json' \\\n  --data-binary '{\"a\":\"it'\\''s\"}'"
	if got := curlOf(x, "http://localhost:3000/hooks"); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

func TestListen_Usage(t *testing.T) {
	t.Parallel()
	for _, c := range []listenCommand{{ForwardTo: "localhost:3000"}, {Transactional: true}, {Count: -1}, {remote: remote{Output: yamlF}}} {
		if c.Validate() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
