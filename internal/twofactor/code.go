package twofactor

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/herald-events/herald/internal/tenant"
)

const (
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	// readable leaves out what people mistake for something else.
	readable = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
)

// generate returns a random code.
func generate(g tenant.Generator) string {
	switch g.Type {
	case tenant.RandomAlpha:
		return random(upper+lower, g.Length)
	case tenant.RandomAlphaNumeric:
		return random(upper+lower+digits, g.Length)
	case tenant.RandomBytes:
		b := make([]byte, g.Length)
		_, _ = rand.Read(b) // never fails
		return hex.EncodeToString(b)
	default:
		return random(digits, g.Length)
	}
}

// random returns a text of n characters, each as likely as the others.
func random(alphabet string, n int) string {
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

// same compares codes in a time that tells nothing about either. An empty code is none.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && a != ""
}

// typed is a code as somebody typed it, without the blanks that apps show in the middle.
func typed(code string) string { return strings.ReplaceAll(strings.TrimSpace(code), " ", "") }

// maxCode bounds what is looked at as a code, in bytes.
const maxCode = 255
