package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// debugTransport shows what goes over the wire, without secrets.
type debugTransport struct {
	next http.RoundTripper
	talk io.Writer
}

func (d debugTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	fmt.Fprintf(d.talk, "> %s %s\n", r.Method, maskQuery(r.URL.String()))
	d.headers("> ", r.Header)
	if r.Body != nil && r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			text, _ := io.ReadAll(body)
			d.body("> ", text)
		}
	}
	began := time.Now()
	response, err := d.next.RoundTrip(r)
	if err != nil {
		fmt.Fprintf(d.talk, "< %v\n", err)
		return nil, err
	}
	fmt.Fprintf(d.talk, "< %s in %d ms\n", response.Status, time.Since(began).Milliseconds())
	d.headers("< ", response.Header)
	if kind := response.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/event-stream") || strings.HasPrefix(kind, "application/x-ndjson") {
		return response, nil // it does not end
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text), failing{err}))
	d.body("< ", text)
	return response, nil
}

// failing ends as the body that it stands in for did.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

func (d debugTransport) headers(mark string, h http.Header) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := strings.Join(h[name], ", ")
		if name == "Authorization" || name == "Set-Cookie" || name == "Cookie" {
			value = hidden
		}
		fmt.Fprintf(d.talk, "%s%s: %s\n", mark, name, value)
	}
}

func (d debugTransport) body(mark string, text []byte) {
	if len(text) > 0 {
		fmt.Fprintf(d.talk, "%s%s\n", mark, bytes.TrimRight(maskJSON(text), "\n"))
	}
}

const hidden = "•••"

// secretMember is how members are called whose values are nobody's business, whatever object they are in.
var secretMember = regexp.MustCompile(`(?i)password$|secret|token$|^code$|oneTimeCode|privateKey$|^key$|^apiKey$|authorization|authToken|recoveryCodes|VerificationId$|changePasswordId|twoFactorId|signature|jwt$|sslCertificate$`)

// maskJSON replaces the secrets in a JSON text. What is no JSON may be anything, and is not shown at all.
func maskJSON(text []byte) []byte {
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return fmt.Appendf(nil, "(%d bytes that are no JSON)", len(text))
	}
	return mustJSON(maskValue(value))
}

func maskValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			_, isObject := member.(map[string]any)
			if name == "headers" && isObject || !isObject && secretMember.MatchString(name) && !isErrorCode(name, member) {
				v[name] = hidden
			} else {
				v[name] = maskValue(member)
			}
		}
	case []any:
		for i := range v {
			v[i] = maskValue(v[i])
		}
	}
	return value
}

// isErrorCode tells the code of an error, such as [blank]user.email, from those that let somebody in.
func isErrorCode(name string, value any) bool {
	text, _ := value.(string)
	return name == "code" && strings.HasPrefix(text, "[") && strings.Contains(text, "]")
}

var queryValue = regexp.MustCompile(`([?&](?:loginId|email|username|password|token|code|changePasswordId)=)[^&]*`)

func maskQuery(url string) string { return queryValue.ReplaceAllString(url, "$1"+hidden) }

// errDryRun ends a command where it would have changed something.
var errDryRun = errors.New("nothing was done")

// dryTransport lets pass what only reads, and tells of anything else instead of doing it.
type dryTransport struct {
	next http.RoundTripper
	out  *output
}

func (d dryTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	path := r.URL.Path
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead || strings.HasSuffix(path, "/search") || strings.HasSuffix(path, "/preview")
	var body []byte
	if !reads && r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		var counts struct {
			DryRun bool `json:"dryRun"`
		}
		reads = json.Unmarshal(body, &counts) == nil && counts.DryRun // the server does not do it either
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if reads {
		return d.next.RoundTrip(r)
	}
	fmt.Fprintf(d.out, "would %s %s\n", r.Method, maskQuery(r.URL.RequestURI()))
	if len(body) > 0 {
		var pretty bytes.Buffer
		if json.Indent(&pretty, maskJSON(body), "", "  ") == nil {
			fmt.Fprintf(d.out, "%s\n", pretty.Bytes())
		}
	}
	return nil, errDryRun
}
