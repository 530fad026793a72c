package egress

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/problem"
)

// The members that webhooks and messengers have in common are checked here, each under the path that its problems name.

// maxTimeout bounds what a caller of the API can be made to wait for one receiver.
const maxTimeout = 10 * 60 * 1000 // milliseconds

// Headers are sent with each request.
const (
	mostHeaders    = 100
	longestHeaders = 16 << 10 // bytes, names and values together
)

// CheckURLMember trims the URL and refuses one that is missing or that nothing could be sent to. thing names whose it is, with its article.
func CheckURLMember(v *problem.Validation, path, thing string, url *string) {
	*url = strings.TrimSpace(*url)
	if *url == "" {
		v.Field(path, "blank", "%s needs the URL that it is reached at.", thing)
	} else if err := CheckURL(*url); err != nil {
		v.Field(path, "invalid", "The URL cannot be used: %v.", err)
	}
}

// CheckTimeout refuses a timeout in milliseconds that is missing, negative or longer than ten minutes.
func CheckTimeout(v *problem.Validation, path string, ms int) {
	switch {
	case ms == 0:
		v.Field(path, "missing", "A timeout in milliseconds, greater than 0, is required.")
	case ms < 0 || ms > maxTimeout:
		v.Field(path, "invalid", "A timeout is between 1 and %d milliseconds.", maxTimeout)
	}
}

// CheckHeaders returns the headers with trimmed names and values, nil without any, and refuses what would break the request or pass for a part
// of it that is ours.
func CheckHeaders(v *problem.Validation, path string, headers map[string]string) map[string]string {
	size := 0
	for name, value := range headers {
		size += len(name) + len(value)
	}
	v.Check(len(headers) <= mostHeaders, path, "tooMany", "There are %d headers at most.", mostHeaders)
	v.Check(size <= longestHeaders, path, "tooLong", "The headers are longer than %d bytes together.", longestHeaders)
	if len(headers) > mostHeaders || size > longestHeaders {
		return headers // what there is too much of is not looked at, in a transaction that others wait for
	}
	trimmed, seen := make(map[string]string, len(headers)), make(map[string]bool, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		name, value := strings.TrimSpace(name), strings.TrimSpace(headers[name])
		if err := CheckHeader(name, value); err != nil {
			v.Field(path, "invalid", "This header cannot be sent: %v.", err)
		}
		canonical := http.CanonicalHeaderKey(name)
		v.Check(!seen[canonical], path, "duplicate", "The header %q is there twice; case does not count.", name)
		seen[canonical], trimmed[name] = true, value
	}
	if len(trimmed) == 0 {
		return nil
	}
	return trimmed
}

// CheckLogin trims user name and password of HTTP Basic authentication and refuses what cannot be sent. object is the one that they belong to:
// the paths are object.httpAuthenticationUsername and so on.
func CheckLogin(v *problem.Validation, object string, username, password *string) {
	*username, *password = strings.TrimSpace(*username), strings.TrimSpace(*password)
	v.Check(!strings.Contains(*username, ":"), object+".httpAuthenticationUsername", "invalid",
		"HTTP Basic authentication cannot carry a user name with a colon in it.")
	v.Check(!strings.ContainsFunc(*username+*password, isControl), object+".httpAuthenticationPassword", "invalid",
		"User name and password cannot contain control characters.")
}

// CheckPEM trims a certificate and refuses one that ParsePEM cannot read. An empty one is none.
func CheckPEM(v *problem.Validation, path string, text *string) {
	if *text = strings.TrimSpace(*text); *text == "" {
		return
	}
	if _, err := ParsePEM(*text); err != nil {
		v.Field(path, "invalid", "The text %v.", err)
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
