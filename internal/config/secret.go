package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not be seen. However it is printed, logged or encoded, it shows only whether it is set; the text itself
// is given by Reveal and nothing else. The zero value is unset.
type Secret struct {
	// Unexported and behind a pointer, so that a printer that walks structs by reflection finds an address.
	text *string
}

const redacted = "(set)"

// NewSecret makes a secret of a text. The empty text is the unset secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal is the text itself, empty when unset.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet tells whether there is a text.
func (s Secret) IsSet() bool { return s.text != nil }

// String is "(set)" or "".
func (s Secret) String() string {
	if s.IsSet() {
		return redacted
	}
	return ""
}

// Format is String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, for JSON and other encoders. What it writes cannot be read back, on purpose.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the secret. It never fails, so no parser has a reason to quote what it was given.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
