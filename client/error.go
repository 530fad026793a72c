package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/wire"
)

// What errors are about, for [errors.Is].
var (
	ErrInvalid     = errors.New("the request is wrong")
	ErrForbidden   = errors.New("the API key may not do this")
	ErrNotFound    = errors.New("there is no such object")
	ErrConflict    = errors.New("somebody else was faster")
	ErrRefused     = errors.New("webhooks have refused the change")
	ErrUnreachable = errors.New("the server cannot be reached")
)

// Error is an answer that is no success.
type Error struct {
	// Status is that of the answer.
	Status int
	// Method and Path are of the request, without its query.
	Method, Path string
	// Errors are what the server says is wrong: with members of the request, and in general. Both may be empty: 401 and 404 have no body.
	wire.Errors
	// RequestID is what the server's log calls the request. Empty when something between here and there has answered.
	RequestID string
	// RetryAfter is how long the server wants to be left alone. Zero when it did not say.
	RetryAfter time.Duration
}

func newError(r *http.Request, response *http.Response, body []byte) *Error {
	e := &Error{
		Status: response.StatusCode, Method: r.Method, Path: r.URL.Path, RequestID: response.Header.Get("X-Request-Id"),
		RetryAfter: retryAfter(response.Header.Get("Retry-After")),
	}
	if json.Unmarshal(body, &e.Errors) != nil {
		e.Errors = wire.Errors{} // a page of some proxy
	}
	return e
}

func retryAfter(text string) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// Error is one line: what is wrong, else what the status means. The codes are for programs.
func (e *Error) Error() string { return strings.Join(append(e.Messages(), e.request()...), " ") }

// Messages are sentences, one for each thing that is wrong: members in the order of their names, then the general ones. There is at least one.
func (e *Error) Messages() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(e.FieldErrors)) {
		for _, wrong := range e.FieldErrors[name] {
			all = append(all, name+": "+wrong.Message)
		}
	}
	for _, wrong := range e.GeneralErrors {
		all = append(all, wrong.Message)
	}
	if len(all) > 0 {
		return all
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return []string{"The API key is unknown, has expired or may not do this (" + strconv.Itoa(e.Status) + ")."}
	case http.StatusNotFound:
		return []string{"There is no such object (404)."}
	default:
		return []string{fmt.Sprintf("The server answered %s %s with %d %s.", e.Method, e.Path, e.Status, http.StatusText(e.Status))}
	}
}

func (e *Error) request() []string {
	if e.RequestID == "" {
		return nil
	}
	return []string{"(request " + e.RequestID + ")"}
}

// Has tells whether the server gave this code, such as "[duplicate]user.email".
func (e *Error) Has(code string) bool {
	same := func(wrong wire.Error) bool { return wrong.Code == code }
	for _, all := range e.FieldErrors {
		if slices.ContainsFunc(all, same) {
			return true
		}
	}
	return slices.ContainsFunc(e.GeneralErrors, same)
}

// Is tells what the error is about.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrInvalid:
		return e.Status == http.StatusBadRequest
	case ErrForbidden:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrConflict:
		return e.Status == http.StatusConflict
	case ErrRefused: // a proxy that gave up waiting answers 504, too
		return e.Status == http.StatusGatewayTimeout && e.Has("[WebhookTransactionException]")
	}
	return false
}

// UnreachableError says that there was no answer. A request that changes something may have been carried out all the same.
type UnreachableError struct {
	URL string // of the server
	Err error  // of the connection
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the server at %s cannot be reached: %v", e.URL, e.Err)
}

// Unwrap is the error of the connection.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Is tells that it is [ErrUnreachable].
func (e *UnreachableError) Is(target error) bool { return target == ErrUnreachable }
