package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
)

func TestAbbreviates(t *testing.T) {
	t.Parallel()
	const id = "019ac3f2-5d37-7a51-8f6c-3a9d2b1c7d1e"
	for given, want := range map[string]bool{
		id: true, "019ac3f2": true, "019A": true, "019ac3f2…7d1e": true, "019ac3f2..7d1e": true, "..2b1c7d1e": true, "0..7d1e": true,
		"019": false, "": false, "..": false, "..d1e": false, "7d1e": false, "019ac3f2..7d1f": false, "ac3f2": false, id + "0": false,
	} {
		if got := abbreviates(given, id); got != want {
			t.Errorf("%q abbreviates it: %v", given, got)
		}
	}
}

func TestParseAge(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]time.Duration{"90m": 90 * time.Minute, "2h": 2 * time.Hour, "7d": 7 * 24 * time.Hour, "0.5d": 12 * time.Hour, "0s": 0} {
		if got, ok := parseAge(given); !ok || got != want {
			t.Errorf("%q is %v", given, got)
		}
	}
	for _, given := range []string{"", "d", "-1h", "-1d", "yesterday", "2026-11-20", "NaNd"} {
		if got, ok := parseAge(given); ok {
			t.Errorf("%q is %v", given, got)
		}
	}
	var m moment
	for _, given := range []string{"2026-11-20", "2026-11-20T09:00Z", "2026-11-20T09:00:00+01:00", "2026-11-20 09:00"} {
		if err := m.UnmarshalText([]byte(given)); err != nil || m.Year() != 2026 {
			t.Errorf("%q is %v: %v", given, m, err)
		}
	}
}

// What comes from receivers and users cannot move the cursor, and takes the width that it is given.
func TestCells(t *testing.T) {
	t.Parallel()
	if got := printable("a\x1b[31mb\r\nc\x7f\u009bd"); strings.ContainsAny(got, "\x1b\r\n\x7f\u009b") {
		t.Errorf("printable leaves %q", got)
	}
	for _, text := range []string{"", "short", "a longer text", "日本語のテキスト", "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦"} {
		for width := range 9 {
			if got := cut(text, max(1, width)); uniseg.StringWidth(got) > max(1, width) {
				t.Errorf("%q cut to %d is %q, %d wide", text, width, got, uniseg.StringWidth(got))
			}
		}
	}
	for _, test := range []struct{ widths, want []int }{
		{[]int{5, 50, 20}, []int{5, 31, 20}}, {[]int{5, 10}, []int{5, 10}}, {[]int{40, 40}, []int{29, 29}}, {[]int{11, 11, 11, 11, 11, 11}, []int{11, 11, 11, 11, 11, 11}},
	} {
		got := slices.Clone(test.widths)
		if fit(got, 60); !slices.Equal(got, test.want) {
			t.Errorf("%v fits into 60 as %v, want %v", test.widths, got, test.want)
		}
	}
}

// Nothing that is secret in a request or an answer of the API is shown.
func TestMaskJSON(t *testing.T) {
	t.Parallel()
	const secret = "pl4nted"
	for _, text := range []string{
		`{"user":{"password":"pl4nted"}}`, `{"apiKey":{"key":"pl4nted"}}`, `{"key":{"secret":"pl4nted","privateKey":"pl4nted"}}`, `{"webhook":{"headers":{"X-Key":"pl4nted"}}}`,
		`{"webhook":{"httpAuthenticationPassword":"pl4nted"}}`, `{"messenger":{"authToken":"pl4nted"}}`, `{"token":"pl4nted","refreshToken":"pl4nted","twoFactorId":"pl4nted"}`,
		`{"code":"pl4nted"}`, `[{"recoveryCodes":["pl4nted"]}]`, `{"changePasswordId":"pl4nted","emailVerificationId":"pl4nted"}`, `pl4nted`, `{"password":"pl4nted"`,
		`{"requestHeaders":{"Authorization":"pl4nted","X-FusionAuth-Signature-JWT":"pl4nted"}}`,
	} {
		if got := string(maskJSON([]byte(text))); strings.Contains(got, secret) {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
	if got := string(maskJSON([]byte(`{"key":{"name":"a","kid":"b"},"keyId":"c","n":12345678901234567890}`))); got != `{"key":{"kid":"b","name":"a"},"keyId":"c","n":12345678901234567890}` {
		t.Errorf("what is no secret is shown as %s", got)
	}
	if got := string(maskJSON([]byte(`{"generalErrors":[{"code":"[blank]user.email"}],"code":"123456"}`))); got != `{"code":"•••","generalErrors":[{"code":"[blank]user.email"}]}` {
		t.Errorf("an error is shown as %s", got)
	}
	if got := maskQuery("http://h/api/user?loginId=pl4nted&x=1&token=pl4nted"); strings.Contains(got, secret) || !strings.Contains(got, "x=1") {
		t.Errorf("the query is shown as %s", got)
	}
}

func TestYAML(t *testing.T) {
	t.Parallel()
	got, err := yamlOf([]byte(`{"b":1,"a":[],"text":"x\ny\n","list":[{"on":"yes","n":"12"}],"o":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = "b: 1\na: []\ntext: |\n  x\n  y\nlist:\n  - \"on\": \"yes\"\n    \"n\": \"12\"\no: {}\n"
	if string(got) != want {
		t.Errorf("it is\n%swant\n%s", got, want)
	}
}

// Below a table stands how much of how many it shows, and of which time.
func TestShown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		n, total int
		more     bool
		span     string
		want     string
	}{
		{2, 2, false, "24 h", "2 of 2 · 24 h"},
		{25, 1284, true, "", "25 of 1 284 · --limit 0 shows all"},
		{25, 10_001, true, "1 h", "25 of more than 10 000 · 1 h · --limit 0 shows all"},
		{12_000, 12_000, false, "", "12 000 of 12 000"},
		{25, 25, true, "", "The first 25 · --limit 0 shows all"},
		{0, 0, false, "24 h", "None · 24 h"},
	} {
		if got := shown(test.n, test.total, test.more, test.span); got != test.want {
			t.Errorf("it says %q, want %q", got, test.want)
		}
	}
}

// What is said to people cannot move the cursor either, whoever has chosen a name in it.
func TestSay(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	(&output{talk: &b}).say("Removed %s.\nDone.", "a\x1b[2Jb\u009b")
	if b.String() != "Removed a[2Jb.\nDone.\n" {
		t.Errorf("it says %q", b.String())
	}
	if got := indented("{\"a\":\"x\u009b2J\"}"); strings.Contains(got, "\u009b") {
		t.Errorf("a body is shown as %q", got)
	}
}

// Where there is no terminal, a long task says now and then how far it is.
func TestProgress_Lines(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := newProgress(&b)
	if p.told("users", 10, 2000); b.Len() > 0 {
		t.Errorf("at once it says %q", b.String())
	}
	p.shown = p.shown.Add(-lineEvery)
	p.told("users", 1000, 2000)
	p.told("users", 1001, 2000)
	if p.end(); b.String() != "users: 1 000 of 2 000\n" {
		t.Errorf("it says %q", b.String())
	}
}
