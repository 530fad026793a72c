// Package problem is the one vocabulary for what went wrong, as far as a caller may know it.
//
// Domain packages create a problem where the rule is; every edge translates it once: the REST API into a status and the
// compatible errors document, the command line into text and an exit status. An error that is no problem is internal: the
// caller learns nothing but that, the log gets all of it.
package problem

import (
	"errors"
	"fmt"
	"strings"
)

// Kind classifies a problem by what the caller can do about it.
type Kind string

const (
	Invalid         Kind = "invalid"         // the request must change: 400
	Unauthenticated Kind = "unauthenticated" // no key, or one that may not do this: 401
	NotFound        Kind = "not found"       // 404
	Conflict        Kind = "conflict"        // somebody else changed the same thing: read again, try again: 409
	TooLarge        Kind = "too large"       // 413
	Refused         Kind = "refused"         // the webhooks did not agree: 504
	TooMany         Kind = "too many"        // asked for too often, try again later: 429
	Unavailable     Kind = "unavailable"     // try again later: 503
)

// Detail is one thing wrong: a stable code for programs, a sentence for people.
type Detail struct {
	Code    string
	Message string
}

// FieldDetail is a Detail about one member of the request, named by its dotted path (`webhook.url`).
type FieldDetail struct {
	Field string
	Detail
}

// Error is a problem. Fields are in the order they were found, which is the order of the object's members.
type Error struct {
	Kind    Kind
	Fields  []FieldDetail
	General []Detail
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Kind))
	sep := ": "
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "%s%s %s", sep, f.Code, f.Message)
		sep = "; "
	}
	for _, g := range e.General {
		fmt.Fprintf(&b, "%s%s %s", sep, g.Code, g.Message)
		sep = "; "
	}
	return b.String()
}

// Is makes errors.Is(err, ErrNotFound) and ErrUnauthenticated true for every problem of that kind.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && len(t.Fields) == 0 && len(t.General) == 0 && t.Kind == e.Kind
}

var (
	// ErrNotFound says that the object does not exist, or not for this caller.
	ErrNotFound = &Error{Kind: NotFound}
	// ErrUnauthenticated says that the key is missing, unknown, expired or may not do this. It never says which.
	ErrUnauthenticated = &Error{Kind: Unauthenticated}
)

// New makes a problem with one general detail. The code is given with its brackets: `[TenantIdRequired]`.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, General: []Detail{{Code: code, Message: fmt.Sprintf(format, args...)}}}
}

// Stale is the conflict of a change whose object moved between reading and writing it. The code tells the official clients to try again.
func Stale(what string) *Error {
	return New(Conflict, "[retryableConflict]", "The %s was changed by another request at the same moment. Read it again and repeat your change.", what)
}

// As returns the problem in err, if there is one.
func As(err error) (*Error, bool) { return errors.AsType[*Error](err) }

// Validation collects field errors so that a caller learns all of them at once. The zero value is ready to use.
type Validation struct {
	err Error
}

// Field adds a problem with one member; kind is the word in the code's brackets: Field("webhook.url", "blank", …) has the code `[blank]webhook.url`.
func (v *Validation) Field(path, kind, format string, args ...any) {
	v.err.Fields = append(v.err.Fields, FieldDetail{path, Detail{"[" + kind + "]" + path, fmt.Sprintf(format, args...)}})
}

// Check adds the field problem when ok is false.
func (v *Validation) Check(ok bool, path, kind, format string, args ...any) {
	if !ok {
		v.Field(path, kind, format, args...)
	}
}

// General adds a problem that belongs to no member.
func (v *Validation) General(code, format string, args ...any) {
	v.err.General = append(v.err.General, Detail{code, fmt.Sprintf(format, args...)})
}

// Has tells whether the member already has a problem, so that a follow-up check need not add a second one.
func (v *Validation) Has(path string) bool {
	for _, f := range v.err.Fields {
		if f.Field == path {
			return true
		}
	}
	return false
}

// Merge adds the field and general details of err when it is an invalid request, and returns every other error.
func (v *Validation) Merge(err error) error {
	if err == nil {
		return nil
	}
	p, ok := As(err)
	if !ok || p.Kind != Invalid {
		return err
	}
	v.err.Fields = append(v.err.Fields, p.Fields...)
	v.err.General = append(v.err.General, p.General...)
	return nil
}

// Err is nil when nothing was added, else a problem of kind Invalid.
func (v *Validation) Err() error {
	if len(v.err.Fields) == 0 && len(v.err.General) == 0 {
		return nil
	}
	e := v.err
	e.Kind = Invalid
	return &e
}
