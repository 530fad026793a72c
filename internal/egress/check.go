package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// CheckURL tells in a sentence, without its capital and full stop, why a request to this URL would never be sent; nil means that
// it would be tried. It does not look at the network: which addresses are allowed is decided when dialling.
func CheckURL(raw string) error {
	_, _, err := parseURL(raw)
	return err
}

// parseURL also returns the host as names are looked up: in ASCII, without port and brackets.
func parseURL(raw string) (*url.URL, string, error) {
	// Go's parser accepts some of these and its errors quote the text, which may hold a password.
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return nil, "", errors.New("the URL must not contain spaces, backslashes or control characters")
	}
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, "", errors.New("the URL is missing")
	case err != nil:
		return nil, "", errors.New("the URL cannot be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "", errors.New("the URL must begin with http:// or https://")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, "", errors.New("the URL has no host")
	case u.User != nil:
		return nil, "", errors.New("the URL must not contain a username or password; use the fields for basic authentication")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, "", errors.New("the URL must not contain a fragment (#)")
	case len(u.Hostname()) > 253 || strings.ContainsAny(u.Hostname(), "%/?#@ "):
		return nil, "", errors.New("the host of the URL is not valid")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, "", errors.New("the port of the URL must be from 1 to 65535")
		}
	}
	host, err := asciiHost(u.Hostname())
	if err != nil || !validHost(host) {
		return nil, "", errors.New("the host of the URL is not valid")
	}
	return u, host, nil
}

// CheckHost returns the form of a host's name or address in which it is looked up and compared with certificates: in ASCII, without brackets.
// The error is a sentence like CheckURL's.
func CheckHost(host string) (ascii string, err error) {
	if inner, found := strings.CutPrefix(host, "["); found {
		host = strings.TrimSuffix(inner, "]")
	}
	if host == "" || len(host) > 253 || strings.ContainsAny(host, "%/?#@ ") {
		return "", errors.New("the host is not valid")
	}
	if ascii, err = asciiHost(host); err != nil || !validHost(ascii) {
		return "", errors.New("the host is not valid")
	}
	return ascii, nil
}

// asciiHost is the form of a host's name that is looked up, sent and compared with certificates. What is not ASCII goes through IDNA,
// which net/http is the only one to know in the standard library; it shows it to those who dial for it.
func asciiHost(host string) (string, error) {
	if !strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return host, nil
	}
	if !utf8.ValidString(host) {
		return "", errors.New("not UTF-8")
	}
	shown := make(chan string, 1)
	transport := &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
		shown <- addr
		return nil, net.ErrClosed
	}}
	answer, err := transport.RoundTrip(&http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: host}, Header: http.Header{}})
	if err == nil {
		_ = answer.Body.Close() // cannot be: nothing was dialled
	}
	select {
	case addr := <-shown:
		ascii, _, err := net.SplitHostPort(addr)
		return ascii, err
	default:
		return "", err
	}
}

// validHost tells whether a host may stand in a Host header (RFC 3986, section 3.2.2), where a colon separates the port.
func validHost(host string) bool {
	if strings.Contains(host, ":") {
		_, err := netip.ParseAddr(host)
		return err == nil
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~!$&'()*+,;=", r))
	})
}

// RedactURL is the URL without what may be secret in it: username, password, the values of the query, the fragment. Paths stay, since
// nothing would be left to recognize it by.
func RedactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return "(unreadable URL)"
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if u.RawQuery != "" {
		pairs := strings.Split(u.RawQuery, "&")
		for i, p := range pairs {
			if name, _, found := strings.Cut(p, "="); found {
				pairs[i] = name + "=…"
			} else {
				pairs[i] = "…" // without a name the whole may be the secret
			}
		}
		u.RawQuery = strings.Join(pairs, "&")
	}
	return u.String()
}

// ownHeaders may not be configured: they are the framing of the request, belong to one hop, or carry our signature.
var ownHeaders = map[string]string{
	"host":                             "the URL decides it",
	"content-length":                   "it follows from the body",
	"content-type":                     "the body is always JSON",
	"transfer-encoding":                "it belongs to the connection",
	"connection":                       "it belongs to the connection",
	"keep-alive":                       "it belongs to the connection",
	"proxy-connection":                 "it belongs to the connection",
	"proxy-authorization":              "it belongs to the connection",
	"proxy-authenticate":               "it belongs to the connection",
	"te":                               "it belongs to the connection",
	"trailer":                          "it belongs to the connection",
	"upgrade":                          "it belongs to the connection",
	"expect":                           "it belongs to the connection",
	"x-fusionauth-signature-jwt":       "it carries the signature",
	"x-herald-signature-jwt-secondary": "it carries the signature",
	"webhook-id":                       "it carries the signature",
	"webhook-timestamp":                "it carries the signature",
	"webhook-signature":                "it carries the signature",
}

// CheckHeader tells in a sentence, like CheckURL's, why this custom header may not be configured; nil means that it may. The value never appears in the
// sentence.
func CheckHeader(name, value string) error {
	if name == "" {
		return errors.New("a header needs a name")
	}
	if !token(name) {
		return errors.New("a header's name may contain letters, digits and !#$%&'*+-.^_`|~ only")
	}
	if why := ownHeaders[strings.ToLower(name)]; why != "" {
		return fmt.Errorf("the header %s cannot be configured: %s", name, why)
	}
	if !fieldValue(value) {
		return fmt.Errorf("the value of the header %s must not contain line breaks or control characters", name)
	}
	return nil
}

// tokenRune tells whether the rune may be in a token (RFC 9110, section 5.6.2).
func tokenRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || strings.ContainsRune("!#$%&'*+.^_`|~", r)
}

// token tells whether s may be a method or the name of a header.
func token(s string) bool {
	for _, r := range s {
		if !tokenRune(r) {
			return false
		}
	}
	return s != ""
}

// fieldValue tells whether s may be the value of a header: no line breaks and no other control characters.
func fieldValue(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
