// Package kickstart sets up an untouched server from a file: API keys first, then API requests, strictly in sequence.
//
// It owns the file format (variables, includes, escapes: the format of FusionAuth's Kickstart), the checks a file must pass
// before anything runs, the replay of its requests, and the writing of such a file. It knows no rules and no storage: keys are created and
// requests are answered by a [Target] it is given, and every rule about an object is the API's.
//
// [Load] and [Run] are separate, so that a file can be checked without a server:
//
//	read the JSON, keeping lines        source.go
//	set variables, insert files         expand.go, substitute.go
//	check keys and requests             load.go
//	create keys, replay requests        run.go
//	write a file of a set-up            export.go
//
// # Values
//
//   - #{name} is a variable of the file or a built-in, #{ENV.NAME} an environment variable, #{UUID()} a new random id at each
//     place it is written. A variable defined as #{UUID()} has one value wherever the variable is used.
//   - A string that is "@{path}" as a whole becomes the text of that file, "&{path}" becomes the JSON of that file. Paths are
//     relative to the kickstart file and cannot leave its folder, not even through a symbolic link.
//   - Variables are set in included files too, text or JSON. In a text file as in a JSON string, \#{ stands for a literal #{ (in
//     JSON source that is written \\#{), and a string that begins with \@{ or \&{ is no include but the text without the backslash.
//   - Values are set into parsed strings, so a quote in a variable cannot break the JSON, and what a variable, the environment
//     or a text file contributes is data: it is never read again as a variable or an include.
//
// Literal values of a file are secrets as likely as not. Problems and reports name lines, members, variables and paths, never values.
package kickstart

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/herald-events/herald/wire"
)

// File is a kickstart file that passed all checks, with every variable and include in place. It is not changed by Run.
type File struct {
	// Path is the file it was read from, as given to Load.
	Path string
	// Variables are the file's own variables with their values. They hold secrets.
	Variables map[string]string
	// APIKeys has at least one element; the first is global and unrestricted and authorizes the requests.
	APIKeys []APIKey
	// Requests in the order in which they run. May be empty.
	Requests []Request
	// Settings bound the requests.
	Settings Settings
	// Warnings are things that are allowed but rarely meant, in the order of the file.
	Warnings []Problem
}

// The variables that mean something by themselves.
const (
	defaultTenantVariable = "defaultTenantId"
	tenantManagerVariable = "tenantManagerApplicationId"
)

// tenantBuiltIn is the built-in that follows the variable defaultTenantId when the file defines it.
const tenantBuiltIn = "FUSIONAUTH_TENANT_ID"

// DefaultTenantID is the id the default tenant shall have, in lower case, empty when the file leaves it as it is.
func (f *File) DefaultTenantID() string { return strings.ToLower(f.Variables[defaultTenantVariable]) }

// TenantManagerApplicationID is the id the tenant manager application shall have, empty when the file says nothing about it.
func (f *File) TenantManagerApplicationID() string { return f.Variables[tenantManagerVariable] }

// String tells the size of the file. It exists so that a File printed by accident shows no secret.
func (f File) String() string {
	return fmt.Sprintf("kickstart file %s with %s and %s", f.Path, count(len(f.APIKeys), "key"), count(len(f.Requests), "request"))
}

// GoString is String, for %#v.
func (f File) GoString() string { return f.String() }

// LogValue is String, for slog.
func (f File) LogValue() slog.Value { return slog.StringValue(f.String()) }

// APIKey is one API key to create. Members that FusionAuth does not know in a kickstart file but its API key object has (id, name,
// retrievable, expirationInstant) are accepted too.
type APIKey struct {
	// ID is a UUID; empty lets the target choose one.
	ID string
	// Key is the secret itself, never empty.
	Key string
	// Name and Description are for people; both may be empty.
	Name, Description string
	// KeyManager lets the key manage other keys.
	KeyManager bool
	// TenantID limits the key to one tenant; empty means global. The tenant may be one that a request creates later.
	TenantID string
	// Permissions maps endpoint to methods. Empty means all endpoints and methods.
	Permissions map[string][]string
	// IPAccessControlListID is kept as it was given.
	IPAccessControlListID string
	// ExpirationInstant of zero means that the key does not expire.
	ExpirationInstant wire.Instant
	// Retrievable is nil when the file does not say; the API's default is true.
	Retrievable *bool
}

// String names the key without its value.
func (k APIKey) String() string {
	if label := firstOf(k.Name, k.Description); label != "" {
		return "API key " + quote(label)
	}
	return "API key"
}

// GoString is String, for %#v.
func (k APIKey) GoString() string { return k.String() }

// LogValue is String, for slog.
func (k APIKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Request is one API request to make.
type Request struct {
	// Method is POST, PUT or PATCH.
	Method string
	// URL is relative to the server: a path that begins with a slash, perhaps with a query.
	URL string
	// Body is JSON as it will be sent, or, when ContentType is not a JSON type and the file gave a string, that text. Empty means no body.
	Body []byte
	// TenantID is sent as X-FusionAuth-TenantId; empty sends no such header.
	TenantID string
	// ContentType is never empty when there is a body. Defaults to application/json.
	ContentType string

	secrets []string // values in the body that must not show up in an error
}

// String is the method and the path. A query is left out because it may hold anything, and so is the body.
func (r Request) String() string {
	path, _, query := strings.Cut(r.URL, "?")
	if query {
		path += "?…"
	}
	return r.Method + " " + path
}

// GoString is String, for %#v.
func (r Request) GoString() string { return r.String() }

// LogValue is String, for slog.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Settings are the time limits of the requests. The file gives them in milliseconds.
type Settings struct {
	// ConnectTimeout is accepted for compatibility. Requests do not cross a network, so there is nothing it could bound. Defaults to 5 seconds.
	ConnectTimeout time.Duration
	// ReadTimeout bounds each request. Defaults to 5 seconds.
	ReadTimeout time.Duration
}

// BuiltIns are the names every file may use without defining them. The zero value has no names and makes random ids.
type BuiltIns struct {
	// Values by name, such as FUSIONAUTH_APPLICATION_ID. When a file defines the variable defaultTenantId, FUSIONAUTH_TENANT_ID has
	// that value instead of the one given here.
	Values map[string]string
	// NewUUID makes the value of #{UUID()}. Defaults to a random UUID, version 4.
	NewUUID func() string
}

// Problem is one thing wrong with a file, or doubtful in it.
type Problem struct {
	// File is the path of the file it is in: the kickstart file or one that it includes.
	File string
	// Line counts from 1; zero means that the problem belongs to no line.
	Line int
	// Where names the member, such as "request 3 body.user.email". May be empty.
	Where string
	// Message is a sentence without the place.
	Message string
}

// String is one line: file, line, member and message, as far as known.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Where != "" {
		b.WriteString(p.Where + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// LoadError says everything that is wrong with a file. Load returns no other error.
type LoadError struct {
	// Path is the kickstart file.
	Path string
	// Problems has at least one element.
	Problems []Problem
	// Warnings often explain the problems.
	Warnings []Problem
}

func (e *LoadError) Error() string {
	if len(e.Problems) == 1 && len(e.Warnings) == 0 && e.Problems[0].File == e.Path {
		return "kickstart file " + e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "kickstart file %s has %s:", e.Path, count(len(e.Problems), "problem"))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	for _, w := range e.Warnings {
		b.WriteString("\n  warning: " + w.String())
	}
	return b.String()
}

// count is a number with its noun: "1 key", "2 keys".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// quote makes a name from the file fit for one line of an error: quoted, without control characters, at most 80 characters.
func quote(name string) string {
	if r := []rune(name); len(r) > 80 {
		name = string(r[:79]) + "…"
	}
	b, err := json.Marshal(name)
	if err != nil {
		return `""`
	}
	return string(b)
}
