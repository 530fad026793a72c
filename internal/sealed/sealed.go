// Package sealed keeps the secret members of an object apart from the rest of it, unreadable at rest. The rest is stored as JSON for everybody to
// see who sees the store; the secrets are one sealed text beside it. [Members] do that for objects that are kept as clients sent them; a package
// with a type of its own for the secrets uses [SealJSON].
package sealed

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
)

// Sealer keeps secrets unreadable at rest. The context binds a sealed text to its place.
type Sealer interface {
	Seal(context string, plain []byte) (string, error)
	Open(context, sealed string) ([]byte, error)
}

// Place is a column of sealed texts, for whoever has to seal them anew with another key.
type Place struct {
	Table, Column string
	// Key are columns that together find a row and say what its text is bound to. All are texts and none is empty.
	Key []string
	// Context makes the context of a row's text of the values of Key.
	Context func(key []string) string
}

// Member is a secret text in a member of an object: Parent is the name of the member, Name that of the secret within it. Without a Parent it is
// a member of the object itself.
type Member struct {
	Parent, Name string
	// Hidden members are in no answer. A change that does not mention one keeps it, an empty text removes it.
	Hidden bool
}

// Key names a secret: parent.name.
func (m Member) Key() string {
	if m.Parent == "" {
		return m.Name
	}
	return m.Parent + "." + m.Name
}

// Members are the secrets of one kind of object.
type Members []Member

// Check adds what is no text. root is the path of the object in the request.
func (all Members) Check(v *problem.Validation, root string, object map[string]json.RawMessage) {
	parents := map[string]map[string]json.RawMessage{"": object} // each is checked once
	for _, m := range all {
		members, known := parents[m.Parent]
		if !known {
			members, _ = loose.CheckObject(v, root+"."+m.Parent, object[m.Parent])
			parents[m.Parent] = members
		}
		loose.CheckText(v, root+"."+m.Key(), members[m.Name])
	}
}

// Split returns object without its secrets, and those by their keys. kept lends the hidden ones that object does not mention; it may be nil.
func (all Members) Split(object map[string]json.RawMessage, kept map[string]string) (rest map[string]json.RawMessage, values map[string]string, err error) {
	rest, values = maps.Clone(object), map[string]string{}
	for _, m := range all {
		members := rest
		if m.Parent != "" {
			members = nil
			if raw := rest[m.Parent]; !loose.IsNull(raw) {
				if err := json.Unmarshal(raw, &members); err != nil {
					return nil, nil, fmt.Errorf("decode %s: %w", m.Parent, err)
				}
			}
		}
		value, mentioned := loose.Text(members[m.Name])
		if !mentioned && m.Hidden {
			value = kept[m.Key()]
		}
		if value != "" {
			values[m.Key()] = value
		}
		if members[m.Name] != nil && (value != "" || m.Hidden) {
			delete(members, m.Name)
			if m.Parent != "" {
				rest[m.Parent] = loose.Encode(members)
			}
		}
	}
	return rest, values, nil
}

// Join puts the secrets that are not hidden back into object.
func (all Members) Join(object map[string]json.RawMessage, values map[string]string) error {
	for _, m := range all {
		value, ok := values[m.Key()]
		if !ok || m.Hidden {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if m.Parent == "" {
			object[m.Name] = text
			continue
		}
		members := map[string]json.RawMessage{}
		if err := json.Unmarshal(object[m.Parent], &members); err != nil {
			return fmt.Errorf("decode %s: %w", m.Parent, err)
		}
		members[m.Name] = text
		object[m.Parent] = loose.Encode(members)
	}
	return nil
}

// Seal makes one text of the secrets, "" of none.
func Seal(s Sealer, place string, values map[string]string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	return SealJSON(s, place, values)
}

// Open undoes [Seal].
func Open(s Sealer, place, text string) (map[string]string, error) {
	values := map[string]string{}
	if text == "" {
		return values, nil
	}
	err := OpenJSON(s, place, text, &values)
	return values, err
}

// SealJSON makes one text of what v is as JSON.
func SealJSON(s Sealer, place string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return s.Seal(place, plain)
}

// OpenJSON undoes [SealJSON]. Its errors tell the place and nothing of what is sealed.
func OpenJSON(s Sealer, place, text string, into any) error {
	plain, err := s.Open(place, text)
	if err != nil {
		return err
	}
	if json.Unmarshal(plain, into) != nil {
		return fmt.Errorf("open %s: what is sealed there is something else", place)
	}
	return nil
}
