package egress_test

import (
	"testing"

	"github.com/herald-events/herald/internal/egress"
)

func TestMasker(t *testing.T) {
	t.Parallel()
	m := egress.NewMasker([]string{"secret", "", "secretly", `q"<`, "pw"}, "42", "")
	for text, want := range map[string]string{
		"":                        "",
		"a secret, kept secretly": "a (hidden), kept (hidden)",
		`pw "pw" 'pw'`:            "pw (hidden) (hidden)",    // a short one counts where it stands alone
		"1421 and 42":             "1(hidden)1 and (hidden)", // unless it must never be seen
		`q"< q\"< "q\"\u003c"`:    `q"< (hidden) "(hidden)"`,
		"\xffsecret":              "\uFFFD(hidden)",
		"nothing":                 "nothing",
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := m.Beginning("cut in the middle of a secre"); got != "cut in the middle of a (hidden)" {
		t.Errorf("%q", got)
	}
	if got, whole := m.Value("pw"), m.Text("pw"); got != "(hidden)" || whole != "pw" {
		t.Errorf("%q, %q", got, whole)
	}
	if got := m.Body(egress.Result{Body: []byte("secr"), BodyTruncated: true}); got != "(hidden)" {
		t.Errorf("%q", got)
	}
	if got := m.Body(egress.Result{Body: []byte("secr")}); got != "secr" {
		t.Errorf("%q", got)
	}
}

func TestCheckHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"mail.example.com": "mail.example.com", "127.0.0.1": "127.0.0.1", "::1": "::1", "[::1]": "::1", "bücher.example": "xn--bcher-kva.example",
		"": "", "a b": "", "mail.example.com:25": "", "user@host": "", "a/b": "", "a\r\nb": "",
	} {
		got, err := egress.CheckHost(host)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", host, got, err)
		}
	}
}
