package egress

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Hidden stands for a secret in everything that is recorded.
const Hidden = "(hidden)"

// shortest is the length in bytes from which on a secret is looked for anywhere. A shorter one would be found in the middle of words, so it
// counts only where it stands alone: between quotes, or as all of a header's value.
const shortest = 4

// Masker takes secrets out of what a receiver answers: one that echoes requests must not carry them into our records. It is safe for
// concurrent use.
type Masker struct {
	secrets  []string // in every form in which they are looked for, the longest first
	replacer *strings.Replacer
}

// NewMasker returns a masker for the given secrets. Those after the first argument are taken out wherever they stand, however short they are.
// Empty ones are none.
func NewMasker(secrets []string, anywhere ...string) *Masker {
	m := &Masker{}
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
	for _, secret := range anywhere {
		if secret != "" {
			m.secrets = append(m.secrets, secret)
		}
	}
	// The longest first, so that none leaves a rest of another that it is a part of.
	slices.SortFunc(m.secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, secret := range m.secrets {
		pairs = append(pairs, secret, Hidden)
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

// Text returns s without secrets, as valid UTF-8.
func (m *Masker) Text(s string) string {
	if s == "" { // the first replacement costs the most
		return ""
	}
	return strings.ToValidUTF8(m.replacer.Replace(s), "\uFFFD")
}

// Beginning is Text for the beginning of something longer: it also takes out the first part of a secret that is cut off at the end.
func (m *Masker) Beginning(s string) string {
	if s == "" {
		return ""
	}
	s = m.replacer.Replace(s)
	for _, secret := range m.secrets {
		for n := min(len(secret)-1, len(s)); n >= shortest; n-- {
			if rest, found := strings.CutSuffix(s, secret[:n]); found {
				return strings.ToValidUTF8(rest+Hidden, "\uFFFD")
			}
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Value is Text for the whole value of a header.
func (m *Masker) Value(s string) string {
	if len(s) < shortest && slices.Contains(m.secrets, `"`+s+`"`) {
		return Hidden
	}
	return m.Text(s)
}

// Body is what was kept of an answer's body, without secrets.
func (m *Masker) Body(r Result) string {
	if r.BodyTruncated {
		return m.Beginning(string(r.Body))
	}
	return m.Text(string(r.Body))
}

// ordinary are headers whose values are no secrets: "application/json" is in many an answer.
var ordinary = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true, "Content-Type": true, "User-Agent": true,
}

// Secrets are the parts of a receiver's settings that nobody may find in a record: the values of its headers and of the query of its URL.
func Secrets(rawURL string, headers map[string]string) []string {
	var secrets []string
	for name, value := range headers {
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
	if u, err := url.Parse(rawURL); err == nil {
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
