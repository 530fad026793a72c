// Package wire holds the JSON objects of Herald's API and of its events: one definition for requests, responses, event
// bodies, the Go client, receivers and kickstart files. It has shapes and documentation, no behaviour beyond JSON.
//
// Shapes are compatible with FusionAuth's public API. What must never leave the server (a password hash, a session token) has no
// place here, so it cannot be encoded by mistake. Documentation that says "ours" marks a member that FusionAuth does not have.
//
// # Absent, empty and null
//
// Responses leave out what is absent: an empty string, a zero number, instant or id, a nil list or map. A list or map that is empty
// but not nil is kept as [] or {}, so decoding and encoding again changes nothing. Members of type [List], [Map] and [Object] without
// the omitzero option are always present. Booleans are always present where clients expect them.
//
// Values of this package are plain data: safe to read concurrently, not to change concurrently.
package wire

import (
	"bytes"
	"encoding/json"
	"time"
)

// ID is a UUID in its lower-case form of 36 characters. The zero value means "none".
type ID string

// Instant is a moment in milliseconds since the Unix epoch, UTC. Zero means "never".
type Instant int64

// LastInstant is the last millisecond of the year 9999. Who means later ones has most likely taken another unit than milliseconds.
const LastInstant Instant = 253402300799999

// Shown is the instant for people, to the second: "2026-01-02T15:04:05Z". In JSON, and to package fmt, it is its number.
func (i Instant) Shown() string { return time.UnixMilli(int64(i)).UTC().Format(time.RFC3339) }

// Object is a free-form JSON object, kept as it was sent. Numbers decode to [json.Number], so that a large id keeps its digits.
//
// A nil Object encodes as {} where it is encoded at all.
type Object map[string]any

// MarshalJSON encodes nil as {}.
func (o Object) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("{}"), nil
	}
	return encode(map[string]any(o))
}

// UnmarshalJSON decodes a JSON object; null means nil.
func (o *Object) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode((*map[string]any)(o))
}

// List is a JSON array that is never null: nil encodes as [].
type List[T any] []T

// MarshalJSON encodes nil as [].
func (l List[T]) MarshalJSON() ([]byte, error) {
	if len(l) == 0 {
		return []byte("[]"), nil
	}
	return encode([]T(l))
}

// Map is a JSON object with values of one kind that is never null: nil encodes as {}.
type Map[V any] map[string]V

// MarshalJSON encodes nil as {}.
func (m Map[V]) MarshalJSON() ([]byte, error) {
	if len(m) == 0 {
		return []byte("{}"), nil
	}
	return encode(map[string]V(m))
}

// encode leaves <, > and & alone. Whether they are escaped is the choice of the outermost encoder, which escapes what is still
// plain but could not take an escape back.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
