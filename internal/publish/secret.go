package publish

import (
	"strings"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/rawjson"
)

// hideout is where secrets may stand in an object: the names of the members that are secret (nil), and of those that hold more. Arrays are looked through.
//
// Case does not count, as it does not to many decoders: what they would take for a password is one.
type hideout map[string]hideout // by names in lower case

// at tells whether the member with that name is secret or may hold what is, and where.
func (h hideout) at(name []byte) (inside hideout, suspect bool) {
	var lower [32]byte // none of ours is longer
	for i, c := range name {
		switch {
		case c >= utf8.RuneSelf: // some letters beyond ASCII count as one of ASCII in another case
			for known, inside := range h {
				if strings.EqualFold(known, string(name)) {
					return inside, true
				}
			}
			return nil, false
		case i >= len(lower):
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	if len(name) > len(lower) {
		return nil, false
	}
	inside, suspect = h[string(lower[:len(name)])]
	return inside, suspect
}

// lowered is h with its names in lower case.
func (h hideout) lowered() hideout {
	if h == nil {
		return nil
	}
	all := make(hideout, len(h))
	for name, inside := range h {
		all[strings.ToLower(name)] = inside.lowered()
	}
	return all
}

// secrets is where they may stand in an event: the members that event.Encode takes out of Herald's own events, and those that its users and keys do not even have.
//
// Other systems' events are not mended silently: what a sender shows to this server it shows to others as well, and should know. A member that is there but says nothing
// is no secret; Herald's own events have such.
var secrets = func() hideout {
	var (
		registration = hideout{"authenticationToken": nil, "tokens": nil}
		method       = hideout{"secret": nil}
		user         = hideout{
			"password": nil, "salt": nil, "twoFactorSecret": nil,
			"registrations": registration, "twoFactor": {"recoveryCodes": nil, "methods": method},
		}
		entity = hideout{"clientSecret": nil}
	)
	original := hideout{} // of a user, a registration, an entity
	for _, kind := range []hideout{user, registration, entity} {
		for name, inside := range kind {
			original[name] = inside
		}
	}
	all := hideout{
		"user": user, "users": user, "existing": user, "original": original, "registration": registration, "entity": entity, "method": method,
		"identityProviderLink": {"token": nil}, "refreshToken": {"token": nil},
	}
	return all.lowered()
}()

// find returns the paths of the secrets in the value.
func (h hideout) find(value []byte) (found []string) {
	switch value[0] {
	case '[':
		for element := range rawjson.Elements(value) {
			found = append(found, h.find(element)...)
		}
	case '{':
		for m := range rawjson.Members(value) {
			inside, suspect := h.at(m.Name)
			switch {
			case !suspect:
			case inside == nil && !blank(m.Value):
				found = append(found, string(m.Name))
			default:
				for _, path := range inside.find(m.Value) {
					found = append(found, string(m.Name)+"."+path)
				}
			}
		}
	}
	return found
}

// blank tells whether there is nothing in the value: null, "", [], {}.
func blank(value []byte) bool {
	switch value[0] {
	case '[':
		for range rawjson.Elements(value) {
			return false
		}
		return true
	case '{':
		for range rawjson.Members(value) {
			return false
		}
		return true
	}
	return absent(value)
}
