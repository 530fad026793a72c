package receiver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/herald-events/herald/event"
)

// Event is an event as it came.
type Event struct {
	event.Header
	// Raw is the JSON object under "event", byte for byte.
	Raw json.RawMessage
}

// Decode decodes the event into p: the payload of its type, or a struct of your own that embeds [event.Header]. Members that p does not have are ignored.
func (e *Event) Decode(p event.Payload) error {
	if err := json.Unmarshal(e.Raw, p); err != nil {
		return fmt.Errorf("event %.100s: %w", e.Type, err)
	}
	// A member that differs from one of the header only in case, "ID" or "Type", would have replaced it.
	*p.Head() = e.Header
	return nil
}

// longestID bounds what is remembered of an event or message. Ids are UUIDs, of 36 bytes.
const longestID = 200

// parse reads the body {"event": {…}}. The errors are for whoever sends it.
func parse(body []byte) (*Event, error) {
	envelope, err := object(body)
	if err != nil {
		return nil, fmt.Errorf("the body %w", err)
	}
	content, ok := envelope["event"]
	if !ok {
		return nil, errors.New(`the body has no member "event"`)
	}
	members, err := object(content)
	if err != nil {
		return nil, fmt.Errorf(`the member "event" %w`, err)
	}
	e := &Event{Raw: content}
	for name, to := range map[string]any{
		"id": &e.ID, "type": &e.Type, "createInstant": &e.CreateInstant, "tenantId": &e.TenantID, "linkedObjectId": &e.LinkedObjectID, "info": &e.Info,
	} {
		if value, ok := members[name]; ok {
			if err := json.Unmarshal(value, to); err != nil {
				return nil, fmt.Errorf("the member event.%s cannot be read: %w", name, err)
			}
		}
	}
	if e.Type == "" {
		return nil, errors.New("the member event.type is missing")
	}
	if len(e.ID) > longestID {
		return nil, fmt.Errorf("the member event.id has %d bytes, %d at most are taken", len(e.ID), longestID)
	}
	return e, nil
}

// object returns the members of a JSON object. One that is there twice is an error: a program in front of this one may have looked at the other.
func object(text []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	first, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	if first != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("is not JSON: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("is not JSON: %w", err)
		}
		if _, twice := members[name.(string)]; twice {
			return nil, fmt.Errorf("has the member %.100q twice", name)
		}
		members[name.(string)] = value
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("has something behind its JSON")
	}
	return members, nil
}
