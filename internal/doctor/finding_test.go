package doctor

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

func TestFinding_Texts(t *testing.T) {
	t.Parallel()
	part := regexp.MustCompile(`\{(\w+)\}`)
	for _, code := range Codes() {
		d := described[code]
		if d.text == "" || d.severity == "" {
			t.Errorf("%s has no text, or no severity", code)
		}
		var params []any
		for _, p := range part.FindAllStringSubmatch(d.text, -1) {
			if p[1] != "subject" {
				params = append(params, p[1], "x")
			}
		}
		if text := newFinding(code, Subject{Name: "y"}, params...).Text(); strings.ContainsAny(text, "{}") {
			t.Errorf("%s: %q", code, text)
		}
	}
	f := newFinding(WebhookEventOff, Subject{Webhook, "1", "{events}"}, "events", few([]string{"1", "2", "3", "4", "5", "6", "7"}))
	if got := f.Text(); got != "{events} wants 1, 2, 3, 4, 5, 2 more, which no tenant of its own sends." {
		t.Errorf("a name is taken for a part of the text, or the list is another: %q", got)
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	const gigabyte = 1 << 30
	for _, c := range []struct {
		free, total int64
		want        Code
	}{{100 * megabyte, 500 * gigabyte, StoreDiskFull}, {gigabyte, 10 * gigabyte, StoreDiskTight}, {20 * gigabyte, 500 * gigabyte, StoreDiskTight}, {200 * gigabyte, 500 * gigabyte, ""}} {
		var found findings
		diskFindings(&found, Subject{}, c.free, c.total)
		if got := only(found); got != c.want {
			t.Errorf("%d of %d free: %q, want %q", c.free, c.total, got, c.want)
		}
	}
	if free, total, ok := diskOf(t.TempDir()); ok && (free <= 0 || total < free) {
		t.Errorf("%d of %d are free", free, total)
	}
}

// only is the code of the only finding, "" without any.
func only(found findings) Code {
	switch len(found) {
	case 0:
		return ""
	case 1:
		return found[0].Code
	}
	return "several"
}

func TestEnds(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	for left, want := range map[time.Duration]Code{0: KeyExpired, -time.Hour: KeyExpired, time.Hour: KeyExpiring, soon: KeyExpiring, soon + time.Second: ""} {
		var found findings
		ends(&found, KeyExpired, KeyExpiring, Subject{}, now.Add(left), now)
		if got := only(found); got != want {
			t.Errorf("%v before its end: %q, want %q", left, got, want)
		}
	}
}

func TestIsPlain(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"https://a.example.com": false, "http://a.example.com": true, "http://10.1.2.3:80/x": true, "http://[2001:db8::1]": true,
		"http://localhost:9000": false, "http://127.0.0.1": false, "http://[::1]:80": false, "http://[::ffff:127.0.0.1]": false,
	} {
		if isPlain(url) != want {
			t.Errorf("%s: plain is %v", url, !want)
		}
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	late := wire.Instant(now.Add(-overdue - time.Second).UnixMilli())
	for _, c := range []struct {
		b    wire.WebhookBacklog
		want Code
	}{{wire.WebhookBacklog{}, ""}, {wire.WebhookBacklog{Pending: 5, OldestDueInstant: wire.Instant(now.UnixMilli())}, ""}, {wire.WebhookBacklog{Pending: 5, OldestDueInstant: late}, WebhookBacklog}, {wire.WebhookBacklog{Dead: 1}, WebhookDead}} {
		var found findings
		if well := backlogFindings(&found, Subject{}, WebhookBacklog, WebhookDead, c.b, now); only(found) != c.want || well != (c.want == "") {
			t.Errorf("%+v: %v", c.b, found)
		}
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	d := dbtest.Open(t, db.SQLite, dbtest.WithClock(func() time.Time { return now.Add(time.Minute) }))
	for ahead, want := range map[time.Duration]Code{0: ClockRight, time.Second: ClockRight, time.Minute: ClockOff, -time.Minute: ClockOff} {
		var found findings
		s := New(Options{DB: d, Clock: func() time.Time { return now.Add(time.Minute - ahead) }})
		if err := s.lookAtClock(context.Background(), &found); err != nil || only(found) != want {
			t.Errorf("%v ahead: %v, %v", ahead, found, err)
		}
	}
}
