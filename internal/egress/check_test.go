package egress_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"http://example.com", "https://example.com/", "https://example.com:8443/a/b?c=d", "http://127.0.0.1:9012/hook",
		"http://[::1]:80/", "https://bücher.example/", "HTTPS://EXAMPLE.COM/", "http://host_with_underscore/",
	} {
		if err := egress.CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	tests := []struct{ url, want string }{
		{"", "missing"},
		{"example.com/hook", "begin with http"},
		{"/hook", "begin with http"},
		{"//example.com/", "begin with http"},
		{"ftp://example.com/", "begin with http"},
		{"file:///etc/passwd", "begin with http"},
		{"gopher://example.com/", "begin with http"},
		{"javascript:alert(1)", "begin with http"},
		{"unix:///var/run/docker.sock", "begin with http"},
		{"http:example.com", "no host"},
		{"http://", "no host"},
		{"http:///path", "no host"},
		{"http://:80/", "no host"},
		{"https://user:s3cret@example.com/", "username or password"},
		{"https://user@example.com/", "username or password"},
		{"https://example.com/#part", "fragment"},
		{"https://example.com/#", "fragment"},
		{"https://example.com:0/", "port"},
		{"https://example.com:65536/", "port"},
		{"https://example.com:99999999999999999999/", "port"},
		{"https://example.com:s3cret/", "cannot be read"},
		{"https://exa mple.com/", "spaces"},
		{" https://example.com/", "spaces"},
		{"https://example.com/\r\nHost: evil", "control characters"},
		{"https://example.com/\x00", "control characters"},
		{"https://example.com\\@evil.example/", "backslashes"},
		{"http://[fe80::1%25eth0]/", "not valid"},
		{"http://[::1", "cannot be read"},
		{"http://" + strings.Repeat("a", 300) + "/", "not valid"},
	}
	for _, tt := range tests {
		err := egress.CheckURL(tt.url)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want …%s…", tt.url, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the error shows the password: %v", tt.url, err)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"http://example.com/", "https://u:p@h:1/?q#f", "http://[::1%25x]/", "http://a\r\nb/", "https://\u212a/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		redacted := egress.RedactURL(s)
		if err := egress.CheckURL(s); err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q: %q", s, err)
			}
			return
		}
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			t.Fatalf("%q passed", s)
		}
		if strings.ContainsAny(s, "\r\n\x00 ") {
			t.Errorf("%q passed", s)
		}
		if err := egress.CheckURL(redacted); err != nil {
			t.Errorf("%q became %q: %v", s, redacted, err)
		}
	})
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ url, want string }{
		{"https://example.com/a/b", "https://example.com/a/b"},
		{"https://user:s3cret@example.com/a", "https://example.com/a"},
		{"https://s3cret@example.com/a", "https://example.com/a"},
		{"https://example.com/a?token=s3cret&x=s3cret", "https://example.com/a?token=…&x=…"},
		{"https://example.com/a?s3cret", "https://example.com/a?…"},
		{"https://example.com/a?t=a=s3cret;s3cret", "https://example.com/a?t=…"},
		{"https://example.com/a#s3cret", "https://example.com/a"},
		{"mailto:s3cret", "(unreadable URL)"},
		{"http://example.com:s3cret/", "(unreadable URL)"},
	}
	for _, tt := range tests {
		if got := egress.RedactURL(tt.url); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.url, got, tt.want)
		}
	}
}

func TestCheckHeader(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-Api-Key", "Authorization", "accept", "X_Under", "Cookie", "X-FusionAuth-Tenant-Id", "Webhook-Source", "webhook-"} {
		if err := egress.CheckHeader(name, "some\tvalue é"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := egress.CheckHeader("X-Empty", ""); err != nil {
		t.Error(err)
	}
	tests := []struct{ name, value, want string }{
		{"", "s3cret", "needs a name"},
		{"X Key", "s3cret", "letters"},
		{"X-Key:", "s3cret", "letters"},
		{"X-Kéy", "s3cret", "letters"},
		{"X-Key\r\nHost", "s3cret", "letters"},
		{"X-Key", "s3cret\r\nHost: evil", "line breaks"},
		{"X-Key", "s3cret\n", "line breaks"},
		{"X-Key", "s3cret\x00", "line breaks"},
		{"X-Key", "s3cret\x7f", "line breaks"},
		{"Host", "s3cret", "URL decides"},
		{"hOsT", "s3cret", "URL decides"},
		{"Content-Length", "s3cret", "follows from the body"},
		{"Content-Type", "s3cret", "always JSON"},
		{"Connection", "s3cret", "connection"},
		{"Keep-Alive", "s3cret", "connection"},
		{"Transfer-Encoding", "s3cret", "connection"},
		{"TE", "s3cret", "connection"},
		{"Trailer", "s3cret", "connection"},
		{"Upgrade", "s3cret", "connection"},
		{"Expect", "s3cret", "connection"},
		{"Proxy-Connection", "s3cret", "connection"},
		{"Proxy-Authorization", "s3cret", "connection"},
		{"X-FusionAuth-Signature-JWT", "s3cret", "signature"},
		{"webhook-id", "s3cret", "signature"},
		{"WEBHOOK-TIMESTAMP", "s3cret", "signature"},
		{"X-Herald-Signature-JWT-Secondary", "s3cret", "signature"},
		{"Webhook-Signature", "s3cret", "signature"},
	}
	for _, tt := range tests {
		err := egress.CheckHeader(tt.name, tt.value)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %q: %v, want …%s…", tt.name, tt.value, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the error shows the value: %v", tt.name, err)
		}
	}
}

func TestSecret_DoesNotPrint(t *testing.T) {
	t.Parallel()
	p := egress.Proxy{Host: "proxy", Port: 3128, Username: "u", Password: "s3cret"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(format, p); strings.Contains(got, "s3cret") {
			t.Errorf("%s: %s", format, got)
		}
	}
	if got, err := json.Marshal(p); err != nil || strings.Contains(string(got), "s3cret") {
		t.Errorf("%s, %v", got, err)
	}
}
