package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// ErrMalformed is wrapped by the errors of [Decode] about a body that is not an event at all.
var ErrMalformed = errors.New("malformed event")

// UnknownTypeError is about a type that is not in the catalogue.
type UnknownTypeError struct {
	Type Type
	// Suggestion is the type that was probably meant. Empty when none is close.
	Suggestion Type
}

// Error says which type is unknown, and what it may have been.
func (e *UnknownTypeError) Error() string {
	if e.Suggestion == "" {
		return fmt.Sprintf("unknown event type %.64q", e.Type)
	}
	return fmt.Sprintf("unknown event type %.64q, did you mean %q?", e.Type, e.Suggestion)
}

func unknown(t Type) error { return &UnknownTypeError{Type: t, Suggestion: Suggest(string(t))} }

// Encode returns the body to send, {"event": {…}}, compact and without a line break at the end. Secrets that p may hold are left out;
// p itself does not change.
//
// Errors: [UnknownTypeError]; an error that says so when the type in the header does not go with the Go type of p, or when p holds
// JSON that is none.
func Encode(p Payload) ([]byte, error) {
	t := p.Head().Type
	d, ok := Lookup(t)
	if !ok {
		return nil, unknown(t)
	}
	if reflect.TypeOf(p) != d.goType {
		return nil, fmt.Errorf("event %s: the payload is a %T, not a %v", t, p, d.goType)
	}
	if o, ok := p.(outgoer); ok {
		p = o.outgoing()
	}
	var b bytes.Buffer
	b.Grow(2048) // most events fit
	b.WriteString(`{"event":`)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		return nil, fmt.Errorf("event %s: %w", t, err)
	}
	b.Truncate(b.Len() - 1) // the encoder ends with a line break
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Decode returns the payload of a body {"event": {…}}, of the Go type that goes with event.type. Members it does not know are ignored,
// so receivers outlive additions.
//
// Errors: one that wraps [ErrMalformed] and says what is missing; [UnknownTypeError], which a receiver may want to answer with success;
// a [json.UnmarshalTypeError] when a member is of the wrong kind.
func Decode(body []byte) (Payload, error) {
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, fmt.Errorf("%w: the body is not a JSON object", ErrMalformed)
		}
		return nil, fmt.Errorf("%w: the body is not JSON: %w", ErrMalformed, err)
	}
	content, ok := envelope["event"]
	if !ok {
		return nil, fmt.Errorf("%w: the body has no member \"event\"", ErrMalformed)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(content, &members); err != nil || members == nil {
		return nil, fmt.Errorf("%w: \"event\" is not a JSON object", ErrMalformed)
	}
	var t *Type
	if err := json.Unmarshal(members["type"], &t); err != nil && members["type"] != nil {
		return nil, fmt.Errorf("%w: \"event.type\" is not a string", ErrMalformed)
	}
	if t == nil || *t == "" {
		return nil, fmt.Errorf("%w: \"event.type\" is missing", ErrMalformed)
	}
	d, ok := Lookup(*t)
	if !ok {
		return nil, unknown(*t)
	}
	p := d.New()
	if err := json.Unmarshal(content, p); err != nil {
		return nil, fmt.Errorf("event %s: %w", *t, err)
	}
	p.Head().Type = *t // a later member spelled "Type" would have replaced it
	return p, nil
}
