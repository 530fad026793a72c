package receiver

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Check decides whether a request comes from where it should. The zero value lets nobody in.
type Check struct {
	// One of the two is set.
	early func(*http.Request) error         // needs no body
	late  func(*http.Request, []byte) error // looks at the body as well
}

func (c Check) isZero() bool { return c.early == nil && c.late == nil }

// Header wants the header to have exactly this value: the one that is set among the headers of the webhook or messenger. FusionAuth's examples use
// Authorization. It panics when the value is empty, as an unset variable would be, or one that no header can have, as what was read from a file with its line break.
func Header(name, value string) Check {
	if name == "" || value == "" {
		panic("receiver: Header: the name or the value is empty")
	}
	if strings.TrimSpace(value) != value || strings.ContainsAny(value, "\r\n") {
		panic("receiver: Header: the value has a line break, or a space at an end, which no header can have")
	}
	want := sha256.Sum256([]byte(value))
	return Check{early: func(r *http.Request) error {
		got, err := only(r, name)
		if err != nil {
			return err
		}
		if !same(got, want) {
			return fmt.Errorf("the header %s has another value than it should", name)
		}
		return nil
	}}
}

// Basic wants HTTP Basic authentication with this name and password. It panics when either is empty.
func Basic(username, password string) Check {
	if username == "" || password == "" {
		panic("receiver: Basic: the name or the password is empty")
	}
	wantName, wantPassword := sha256.Sum256([]byte(username)), sha256.Sum256([]byte(password))
	return Check{early: func(r *http.Request) error {
		if _, err := only(r, "Authorization"); err != nil {
			return err
		}
		name, password, ok := r.BasicAuth()
		if !ok {
			return errors.New("the header Authorization is no HTTP Basic authentication")
		}
		rightName, rightPassword := same(name, wantName), same(password, wantPassword) // both are compared, whatever comes of the first
		if !rightName || !rightPassword {
			return errors.New("the name or the password of the HTTP Basic authentication is wrong")
		}
		return nil
	}}
}

// Any holds when one of its checks does. It is for changing a secret: let the receiver take the old and the new one, change it at the sender, drop the old.
func Any(checks ...Check) Check {
	if len(checks) == 0 {
		panic("receiver: Any: there is nothing to choose from")
	}
	one := func(r *http.Request, body []byte) error {
		var all []error
		for _, c := range checks {
			err := c.Verify(r, body)
			if err == nil {
				return nil
			}
			all = append(all, err)
		}
		return errors.Join(all...)
	}
	if slices.ContainsFunc(checks, func(c Check) bool { return c.late != nil }) {
		return Check{late: one}
	}
	return Check{early: func(r *http.Request) error { return one(r, nil) }}
}

// Custom is a check of your own: of a client certificate, say, or of an address. body is the body as it came. The error goes to the log and nowhere else; a check that
// panics does not hold. Custom panics when check is nil.
func Custom(check func(r *http.Request, body []byte) error) Check {
	if check == nil {
		panic("receiver: Custom: there is no check")
	}
	return Check{late: func(r *http.Request, body []byte) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("a check panicked: %v", v)
			}
		}()
		return check(r, body)
	}}
}

// Anyone lets everybody in, for trying things out and where something else has checked already.
func Anyone() Check { return Check{early: func(*http.Request) error { return nil }} }

// unavailable is why it cannot be told whether a request passes a check: what that takes is out of reach at the moment.
type unavailable struct{ err error }

func (e *unavailable) Error() string { return e.err.Error() }
func (e *unavailable) Unwrap() error { return e.err }

// Verify tells whether a request with this body passes the check: nil, or why it does not. A handler of this package does so by itself.
func (c Check) Verify(r *http.Request, body []byte) error {
	if c.isZero() {
		return errors.New("one of the checks is a receiver.Check{}, which nothing passes")
	}
	if c.early != nil {
		return c.early(r)
	}
	return c.late(r, body)
}

// only returns the value of a header that is there once. Of two, a proxy may have looked at the other.
func only(r *http.Request, name string) (string, error) {
	switch values := r.Header.Values(name); len(values) {
	case 0:
		return "", fmt.Errorf("the header %s is missing", name)
	case 1:
		return values[0], nil
	default:
		return "", fmt.Errorf("the header %s is there %d times", name, len(values))
	}
}

// same compares in a time that tells nothing about where texts differ, or about their lengths.
func same(got string, want [sha256.Size]byte) bool {
	sum := sha256.Sum256([]byte(got))
	return subtle.ConstantTimeCompare(sum[:], want[:]) == 1
}
