package journal

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

// masked stands where a secret was.
const masked = "********"

// A member whose name is one of whole is masked with everything in it; of one whose name contains or ends with one of the others, only
// texts are: passwordValidationRules holds no password. Names are compared in lower case without - and _.
var (
	whole    = []string{"password", "passwords", "passphrase", "secret", "secrets", "token", "tokens", "credential", "credentials", "authorization", "cookie", "key", "salt"}
	contains = []string{"password", "passphrase", "secret", "privatekey", "apikey", "credential", "recoverycode", "onetimecode"}
	endsWith = []string{"token", "tokens", "salt"}
	harmless = []string{"templateid", "keyid", "instant", "encryptionscheme"} // at the end of a name, against the two lists above
)

// Masked is a value as the audit log would keep it, for whoever compares one with what it has kept.
func Masked(value json.RawMessage) json.RawMessage { return maskJSON(value) }

// IsMasked tells that something was left out of a value of the audit log, or that it looks so.
func IsMasked(value json.RawMessage) bool { return bytes.Contains(value, []byte(`"`+masked+`"`)) }

// maskJSON masks a value of any kind. A text that holds a JSON object or array, which is how some callers pass objects, is masked inside.
// It returns nil for null and for what is no JSON.
func maskJSON(raw json.RawMessage) json.RawMessage {
	value, ok := decode(raw)
	if !ok || value == nil {
		return nil
	}
	if text, isText := value.(string); isText {
		if inner, ok := decode([]byte(text)); ok && isContainer(inner) {
			return encode(string(encode(mask(inner))))
		}
	}
	return encode(mask(value))
}

func maskObject(o wire.Object) wire.Object {
	if o == nil {
		return nil
	}
	return mask(map[string]any(o)).(map[string]any)
}

// mask returns a copy of a decoded value without its secrets.
func mask(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[name] = maskMember(name, member)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = mask(element)
		}
		return out
	case string:
		// A PEM block may stand under any name, such as sslCertificate.
		if strings.Contains(v, "PRIVATE KEY-----") {
			return masked
		}
	}
	return value
}

func maskMember(name string, value any) any {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	has := func(match func(s, part string) bool, parts []string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return match(name, part) })
	}
	switch text, isText := value.(string); {
	case name == "url" && isText:
		return maskURL(text)
	case name == "headers":
		return maskHeaders(value)
	case slices.Contains(whole, name):
		return maskAll(value)
	case has(strings.HasSuffix, harmless):
		return mask(value)
	case has(strings.Contains, contains), has(strings.HasSuffix, endsWith):
		return maskTexts(value)
	}
	return mask(value)
}

// maskURL masks what may be secret in the address of a receiver: username and password, and the values of the query.
func maskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil && u.RawQuery == "" {
		return text
	}
	u.User = nil
	pairs := strings.Split(u.RawQuery, "&")
	for i, p := range pairs {
		if name, value, found := strings.Cut(p, "="); found && value != "" {
			pairs[i] = name + "=" + masked
		} else if !found && p != "" { // without a name the whole may be the secret
			pairs[i] = masked
		}
	}
	u.RawQuery = strings.Join(pairs, "&")
	return u.String()
}

// secretHeaders are in the names of headers of a request that are likely to hold a secret.
var secretHeaders = []string{"auth", "token", "secret", "key", "cookie", "signature", "password"}

func maskHeaders(value any) any {
	headers, ok := value.(map[string]any)
	if !ok {
		return mask(value)
	}
	out := make(map[string]any, len(headers))
	for name, value := range headers {
		if out[name] = maskMember(name, value); slices.ContainsFunc(secretHeaders, func(part string) bool { return strings.Contains(strings.ToLower(name), part) }) {
			out[name] = maskTexts(value)
		}
	}
	return out
}

// maskAll masks everything but what says no more than that there is nothing.
func maskAll(value any) any {
	switch v := value.(type) {
	case nil, bool:
		return v
	case string:
		if v == "" {
			return v
		}
	}
	return masked
}

// maskTexts masks a text, and the texts of a list.
func maskTexts(value any) any {
	switch v := value.(type) {
	case string:
		return maskAll(v)
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = maskTexts(element)
		}
		return out
	}
	return mask(value)
}

func isContainer(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// decode keeps the digits of numbers.
func decode(raw []byte) (value any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	return value, !d.More()
}

// encode is for values made by decode, so it cannot fail.
func encode(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(value) != nil {
		return nil
	}
	return bytes.TrimSpace(b.Bytes())
}
