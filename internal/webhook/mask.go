package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

// hidden stands for a secret in everything that is recorded.
const hidden = "(hidden)"

// shortest is the length in bytes from which on a secret is looked for anywhere. A shorter one would be found in the middle of words, so it
// counts only where it stands alone: between quotes, or as all of a header's value.
const shortest = 4

// masker takes a webhook's secrets out of what its receiver answers: one that echoes requests must not carry them into our records.
type masker struct {
	secrets  []string // in every form in which they are looked for, the longest first
	replacer *strings.Replacer
}

// newMasker returns a masker for the given secrets.
func newMasker(secrets []string) *masker {
	m := &masker{}
	for _, secret := range secrets {
		for _, form := range []string{secret, inJSON(secret, false), inJSON(secret, true)} {
			switch {
			case len(form) >= shortest:
				m.secrets = append(m.secrets, form)
			case form != "":
				m.secrets = append(m.secrets, `"`+form+`"`, `'`+form+`'`)
			}
		}
	}
	// The longest first, so that none leaves a rest of another that it is a part of.
	slices.SortFunc(m.secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, secret := range m.secrets {
		pairs = append(pairs, secret, hidden)
	}
	m.replacer = strings.NewReplacer(pairs...)
	return m
}

// inJSON is the text as the inside of a JSON string. Encoders differ in whether they escape what HTML would take for a tag.
func inJSON(text string, escapeHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	if e.Encode(text) != nil { // never: text can always be encoded
		return ""
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	return quoted[1 : len(quoted)-1]
}

// text returns s without secrets, as valid UTF-8.
func (m *masker) text(s string) string {
	return strings.ToValidUTF8(m.replacer.Replace(s), "\uFFFD")
}

// beginning is text for the beginning of something longer: it also takes out the first part of a secret that is cut off at the end.
func (m *masker) beginning(s string) string {
	s = m.replacer.Replace(s)
	for _, secret := range m.secrets {
		for n := min(len(secret)-1, len(s)); n >= shortest; n-- {
			if rest, found := strings.CutSuffix(s, secret[:n]); found {
				return strings.ToValidUTF8(rest+hidden, "\uFFFD")
			}
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// value is text for the whole value of a header.
func (m *masker) value(s string) string {
	if len(s) < shortest && slices.Contains(m.secrets, `"`+s+`"`) {
		return hidden
	}
	return m.text(s)
}

// ordinary are headers whose values are no secrets: "application/json" is in many an answer.
var ordinary = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true, "Content-Type": true, "User-Agent": true,
}

// secretsOf are the parts of w that nobody may find in a record. basic is the value of the Authorization header behind its scheme.
func secretsOf(w *wire.Webhook, basic string) []string {
	secrets := []string{w.HTTPAuthenticationPassword, basic}
	for name, value := range w.Headers {
		if ordinary[http.CanonicalHeaderKey(name)] {
			continue
		}
		secrets = append(secrets, value)
		if _, behindScheme, found := strings.Cut(value, " "); found { // "Bearer abc": the receiver may know it as "abc"
			secrets = append(secrets, strings.TrimSpace(behindScheme))
		}
	}
	// Values of the query are left out of the recorded URL, so they must not come back with the answer. Short ones are flags.
	const flag = 8
	if u, err := url.Parse(w.URL); err == nil {
		for pair := range strings.SplitSeq(u.RawQuery, "&") {
			name, value, found := strings.Cut(pair, "=")
			if !found {
				value = name
			}
			if plain, err := url.QueryUnescape(value); err == nil && len(plain) >= flag {
				secrets = append(secrets, value, plain)
			}
		}
	}
	return secrets
}
