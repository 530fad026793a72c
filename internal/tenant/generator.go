package tenant

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"math/big"

	"github.com/herald-events/herald/internal/loose"
)

// Generator is the form of a code.
type Generator struct {
	// Length in characters, or in bytes before their encoding.
	Length int
	Type   GeneratorType
}

// GeneratorType says what a code is made of.
type GeneratorType string

// The types.
const (
	RandomDigits       GeneratorType = "randomDigits"
	RandomAlpha        GeneratorType = "randomAlpha"
	RandomAlphaNumeric GeneratorType = "randomAlphaNumeric"
	RandomBytes        GeneratorType = "randomBytes" // in hexadecimal
)

const (
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
)

// New returns a random code.
func (g Generator) New() string {
	switch g.Type {
	case RandomAlpha:
		return RandomText(upper+lower, g.Length)
	case RandomAlphaNumeric:
		return RandomText(upper+lower+digits, g.Length)
	case RandomBytes:
		b := make([]byte, g.Length)
		_, _ = rand.Read(b) // never fails
		return hex.EncodeToString(b)
	default:
		return RandomText(digits, g.Length)
	}
}

// RandomText returns a text of n characters, each as likely as the others.
func RandomText(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		b[i] = alphabet[k.Int64()]
	}
	return string(b)
}

// generatorOf reads a generator of codes that people type in.
func generatorOf(raw json.RawMessage, fallback GeneratorType) Generator {
	m := loose.Members(raw)
	return Generator{Length: loose.Int(m["length"], 6, minCodeLength, maxCodeLength), Type: loose.OneOf(m["type"], fallback, generatorTypes)}
}
