// Package loose reads and checks settings that are kept exactly as clients sent them, because clients write and compare whole objects: of a
// tenant, of an application. As everywhere in the API a number or a boolean may be sent as a text, a whole number may be written 60.0 or 6e1, and
// null says that a member is absent, as an empty text does where a number, a boolean or an id belongs.
//
// What reads has no errors: a member that is absent or cannot be read has its default. What checks, before such settings are stored, adds to a
// [problem.Validation] what cannot be read or is out of bounds.
package loose

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// IsNull tells whether a member is absent.
func IsNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

// Members decodes an object; anything else has no members.
func Members(raw json.RawMessage) (members map[string]json.RawMessage) {
	if IsNull(raw) || json.Unmarshal(raw, &members) != nil {
		return nil
	}
	return members
}

// Elements decodes an array; anything else has no elements.
func Elements(raw json.RawMessage) (elements []json.RawMessage) {
	if IsNull(raw) || json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	return elements
}

// Text returns a text, and whether it is one.
func Text(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(raw, &text) == nil
}

// Texts returns the texts in an array.
func Texts(raw json.RawMessage) (texts []string) {
	for _, element := range Elements(raw) {
		if text, ok := Text(element); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// written is a boolean or a number without the quotes that it may be sent in, empty when it is absent.
func written(raw json.RawMessage) string {
	if IsNull(raw) {
		return ""
	}
	if text, ok := Text(raw); ok {
		return strings.TrimSpace(text)
	}
	return string(bytes.TrimSpace(raw))
}

// ParseBool returns a boolean, and whether it is one.
func ParseBool(raw json.RawMessage) (value, ok bool) {
	switch written(raw) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// Bool returns a boolean.
func Bool(raw json.RawMessage, fallback bool) bool {
	if value, ok := ParseBool(raw); ok {
		return value
	}
	return fallback
}

// ParseInt returns a whole number, and whether it is one.
func ParseInt(raw json.RawMessage) (int, bool) {
	text := written(raw)
	if n, err := strconv.Atoi(text); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	const exact = 1 << 53 // up to there a float64 knows whether it is whole
	if err != nil || !json.Valid([]byte(text)) || math.Abs(f) > exact || f != math.Trunc(f) {
		return 0, false
	}
	return int(f), true
}

// Int returns a whole number within bounds.
func Int(raw json.RawMessage, fallback, least, most int) int {
	if n, ok := ParseInt(raw); ok && n >= least && n <= most {
		return n
	}
	return fallback
}

// ID returns an id in the form in which ids are compared, or "".
func ID(raw json.RawMessage) wire.ID {
	text, _ := Text(raw)
	return wire.ID(strings.ToLower(text))
}

// OneOf returns one of the values in all.
func OneOf[T ~string](raw json.RawMessage, fallback T, all []T) T {
	text, _ := Text(raw)
	if slices.Contains(all, T(text)) {
		return T(text)
	}
	return fallback
}

// Encode makes an object of members that were decoded before.
func Encode(members map[string]json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(members) != nil { // cannot be: they were JSON
		return nil
	}
	return bytes.TrimSpace(b.Bytes())
}

// CheckObject decodes a member that is an object where it is present. ok is false when it is absent; anything but an object is added to v.
func CheckObject(v *problem.Validation, path string, raw json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	if IsNull(raw) {
		return nil, false
	}
	if err := json.Unmarshal(raw, &members); err != nil {
		v.Field(path, "couldNotConvert", "%s must be an object.", path)
		return nil, false
	}
	return members, true
}

// CheckID tells whether there is an id. What is there and is none is added to v.
func CheckID(v *problem.Validation, path string, raw json.RawMessage) bool {
	id, isText := Text(raw)
	switch {
	case IsNull(raw), isText && id == "":
		return false
	case !isText || len(id) != len(uuid.UUID{}.String()) || uuid.Validate(id) != nil:
		v.Field(path, "couldNotConvert", "%s must be a UUID.", path[strings.LastIndexByte(path, '.')+1:])
		return false
	}
	return true
}

// CheckBool adds what is there and is no boolean.
func CheckBool(v *problem.Validation, path string, raw json.RawMessage) {
	_, ok := ParseBool(raw)
	v.Check(ok || written(raw) == "", path, "couldNotConvert", "This is true or false.")
}

// CheckText adds what is there and is no text.
func CheckText(v *problem.Validation, path string, raw json.RawMessage) {
	_, ok := Text(raw)
	v.Check(ok || IsNull(raw), path, "couldNotConvert", "This is a text.")
}

// CheckNumber returns a whole number, and whether there is one. What is there and is none is added to v.
func CheckNumber(v *problem.Validation, path string, raw json.RawMessage) (n int, ok bool) {
	n, ok = ParseInt(raw)
	v.Check(ok || written(raw) == "", path, "couldNotConvert", "This is a whole number.")
	return n, ok
}

// CheckInt adds what is there and is no whole number from least to most.
func CheckInt(v *problem.Validation, path string, raw json.RawMessage, least, most int) {
	if n, ok := CheckNumber(v, path, raw); ok {
		v.Check(n >= least && n <= most, path, "invalid", "This is a number from %d to %d.", least, most)
	}
}

// CheckList returns the elements of an array where there is one. Anything else is added to v.
func CheckList(v *problem.Validation, path string, raw json.RawMessage) (elements []json.RawMessage) {
	if !IsNull(raw) && json.Unmarshal(raw, &elements) != nil {
		v.Field(path, "couldNotConvert", "%s must be a list.", path)
	}
	return elements
}

// CheckOneOf adds what is there, is not empty, and is none of the values in all.
func CheckOneOf[T ~string](v *problem.Validation, path string, raw json.RawMessage, all []T) {
	text, isText := Text(raw)
	if IsNull(raw) || isText && (text == "" || slices.Contains(all, T(text))) {
		return
	}
	names := make([]string, len(all))
	for i, value := range all {
		names[i] = string(value)
	}
	v.Field(path, "invalid", "This is one of %s.", strings.Join(names, ", "))
}
