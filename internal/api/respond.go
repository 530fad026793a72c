package api

import (
	"fmt"
	"net/http"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/problem"
)

// status as the result of a handler answers with that code and no body.
type status int

// errorsDocument is the body of an answer that says what was wrong.
type errorsDocument struct {
	FieldErrors   map[string][]errorDetail `json:"fieldErrors,omitempty"`
	GeneralErrors []errorDetail            `json:"generalErrors,omitempty"`
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// statusOf has every kind of problem. Where the body of the answer is empty for all of a kind, the clients rely on it.
var statusOf = map[problem.Kind]struct {
	code  int
	empty bool
}{
	problem.Invalid:         {http.StatusBadRequest, false},
	problem.Unauthenticated: {http.StatusUnauthorized, true},
	problem.NotFound:        {http.StatusNotFound, true},
	problem.Conflict:        {http.StatusConflict, false},
	problem.TooLarge:        {http.StatusRequestEntityTooLarge, false},
	problem.TooMany:         {http.StatusTooManyRequests, false},
	problem.Refused:         {http.StatusGatewayTimeout, false},
	problem.Unavailable:     {http.StatusServiceUnavailable, false},
}

// sender is a result of a handler that writes its answer itself.
type sender interface {
	send(w http.ResponseWriter) error
}

// respond writes the result of a handler.
func respond(w http.ResponseWriter, result any) error {
	switch v := result.(type) {
	case nil:
		w.WriteHeader(http.StatusOK)
		return nil
	case status:
		w.WriteHeader(int(v))
		return nil
	case sender:
		return v.send(w)
	}
	return writeJSON(w, http.StatusOK, result)
}

// respondError writes the answer to a failed request. It returns the errors the caller learns nothing about: they are for the log.
func respondError(w http.ResponseWriter, err error) error {
	p, ok := problem.As(err)
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		return err
	}
	to, ok := statusOf[p.Kind]
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		return fmt.Errorf("no status for a problem of kind %q: %w", p.Kind, err)
	}
	if to.empty || len(p.Fields)+len(p.General) == 0 {
		w.WriteHeader(to.code)
		return nil
	}
	var doc errorsDocument
	for _, f := range p.Fields {
		if doc.FieldErrors == nil {
			doc.FieldErrors = map[string][]errorDetail{}
		}
		doc.FieldErrors[f.Field] = append(doc.FieldErrors[f.Field], errorDetail{f.Code, f.Message})
	}
	for _, g := range p.General {
		doc.GeneralErrors = append(doc.GeneralErrors, errorDetail{g.Code, g.Message})
	}
	return writeJSON(w, to.code, doc)
}

// writeJSON encodes before it writes the status, so that what cannot be encoded becomes a 500 and not half a 200.
func writeJSON(w http.ResponseWriter, code int, v any) error {
	text, err := body.Encode(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return err
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(code)
	_, _ = w.Write(text) // the caller hung up: there is nobody left to tell
	return nil
}
