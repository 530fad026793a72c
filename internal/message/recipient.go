package message

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/wire"
)

// Valid tells whether text can be the recipient of a message of that kind: a phone number, or the bare address of an e-mail. It says nothing about
// whether somebody is there.
func Valid(kind wire.MessageKind, text string) bool {
	if kind != wire.KindEmail {
		return messenger.IsPhoneNumber(text)
	}
	return messenger.IsEmailAddress(text)
}

// separators are what people write between the digits of a phone number.
var separators = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "/", "", "\u00a0", "")

// normal is the form in which recipients are compared. Only an e-mail address has an @.
func normal(recipient string) string {
	recipient = strings.TrimSpace(recipient)
	if strings.Contains(recipient, "@") {
		return strings.ToLower(recipient)
	}
	return separators.Replace(recipient)
}

// hash finds a recipient without telling who it is: phone numbers are few enough to be tried out, so it takes a key.
func hash(key []byte, recipient string) string {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(normal(recipient)))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
