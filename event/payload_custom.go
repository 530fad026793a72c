package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
)

// CustomEvent is an event of a custom type. What it carries is between whoever publishes it and its receivers.
type CustomEvent struct {
	Header
	// Members holds everything but the header, by name and exactly as it was sent. Nil when there is nothing else.
	Members map[string]json.RawMessage
}

var customType = reflect.TypeFor[*CustomEvent]()

// UnmarshalJSON decodes the header and keeps all other members.
func (e *CustomEvent) UnmarshalJSON(data []byte) error {
	var header Header
	if err := json.Unmarshal(data, &header); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	for _, name := range headerMembers {
		delete(members, name)
	}
	if len(members) == 0 {
		members = nil
	}
	*e = CustomEvent{Header: header, Members: members}
	return nil
}

// MarshalJSON puts the header and Members into one object, in alphabetical order. The header wins over a member with the name of one of its own.
func (e CustomEvent) MarshalJSON() ([]byte, error) {
	all := maps.Clone(e.Members)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	for _, name := range headerMembers {
		delete(all, name)
	}
	header, err := plain(e.Header)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Type, err)
	}
	if err := json.Unmarshal(header, &all); err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Type, err)
	}
	return plain(all)
}

// headerMembers are the names of the members of a header.
var headerMembers = []string{"id", "type", "createInstant", "tenantId", "linkedObjectId", "info"}

// plain encodes without escaping what only HTML would need escaped.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
