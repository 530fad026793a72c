package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// openWithExtra decodes data, an object, into typed, which has the members called names, and returns all other members as they were sent: nil
// when there are none. null is no object: ok is false and typed is untouched.
func openWithExtra(data []byte, typed any, names []string) (extra map[string]json.RawMessage, ok bool, err error) {
	if bytes.Equal(data, []byte("null")) {
		return nil, false, nil
	}
	if err := json.Unmarshal(data, typed); err != nil {
		return nil, false, err
	}
	if err := json.Unmarshal(data, &extra); err != nil {
		return nil, false, err
	}
	for _, name := range names {
		delete(extra, name)
	}
	if len(extra) == 0 {
		extra = nil
	}
	return extra, true, nil
}

// encodeWithExtra puts the members of typed, which are called names, and those of extra into one object, in alphabetical order. A typed member
// wins over an entry of extra with its name. what is for error messages.
func encodeWithExtra(what string, typed any, names []string, extra map[string]json.RawMessage) ([]byte, error) {
	all := make(map[string]json.RawMessage, len(extra)+len(names))
	maps.Copy(all, extra)
	for _, name := range names {
		delete(all, name)
	}
	text, err := encode(typed)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	return encode(all)
}
