// Package key owns the keys of this installation.
//
// The master key seals secrets before they reach the store, so that a copy of the database alone is worth nothing. The sealer does not
// know what the secrets are or where they are stored; the owner of a table seals what it writes and opens what it reads.
//
//	master, created, err := key.LoadMaster(dataDir, os.Getenv("HERALD_ENCRYPTION_KEY"))
//	sealer := key.NewSealer(master)
//	text, err := sealer.Seal("webhook/secrets/"+id, plain)
//	plain, err := sealer.Open("webhook/secrets/"+id, text)
//
// The signing keys are objects of the API: pairs of a private and a public key, shared secrets, certificates. Others name them by id and
// ask the current set for them. What they have signed can be verified with the public keys of the key set, which is open to everybody.
//
//	master.go, seal.go  the master key, secrets at rest
//	change.go           another master key
//	keys.go             operations on signing keys
//	input.go            what may be generated and imported
//	material.go         PEM, certificates, generation
//	set.go              all keys, ready to be used; the public key set
//	sign.go             what one key can do
package key

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Size is the length of a master key in bytes.
const Size = 32

var (
	// ErrOtherKey says that a text was sealed with a master key that is not this one.
	ErrOtherKey = errors.New("sealed with another master key")
	// ErrCorrupt says that a text is no sealed one, was changed, or belongs to another context.
	ErrCorrupt = errors.New("not a sealed text of this place, or damaged")
)

// Sealer encrypts secrets for the store, and opens also what was sealed with other keys than its own while those are being replaced. It is safe for
// concurrent use.
type Sealer struct {
	own    cipherOf
	others []cipherOf
}

// cipherOf is what a master key encrypts with.
type cipherOf struct {
	id   string // names the key, reveals nothing about it
	aead cipher.AEAD
}

// NewSealer returns the sealer of a master key, which opens what others have sealed as well. It panics when a key does not have Size bytes; LoadMaster gives
// no others.
func NewSealer(master []byte, others ...[]byte) *Sealer {
	s := &Sealer{own: newCipher(master)}
	for _, other := range others {
		if c := newCipher(other); c.id != s.own.id {
			s.others = append(s.others, c)
		}
	}
	return s
}

// ID names the key that seals, and reveals nothing about it.
func (s *Sealer) ID() string { return s.own.id }

// IDs are the names of all keys that can open, with blanks between them.
func (s *Sealer) IDs() string {
	ids := []string{s.own.id}
	for _, other := range s.others {
		ids = append(ids, other.id)
	}
	return strings.Join(ids, " ")
}

// Made tells whether the key that seals has sealed a text.
func (s *Sealer) Made(sealed string) bool { return strings.HasPrefix(sealed, version+"."+s.own.id+".") }

// newCipher derives what a master key encrypts with: the master key encrypts nothing itself (HKDF, RFC 5869), so that later uses get keys of their own.
func newCipher(master []byte) cipherOf {
	if len(master) != Size {
		panic(fmt.Sprintf("key: a master key has %d bytes, this one has %d", Size, len(master)))
	}
	block, err := aes.NewCipher(derive(master, "herald seal v1", Size))
	if err != nil {
		panic(err) // only for a wrong key length
	}
	// A random nonce of 96 bits is safe for 2³² texts under one key (NIST SP 800-38D section 8.3), far more than secrets are ever written.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for another block size than that of AES
	}
	return cipherOf{id: hex.EncodeToString(derive(master, "herald key id v1", 4)), aead: aead}
}

func derive(master []byte, purpose string, size int) []byte {
	out, err := hkdf.Key(sha256.New, master, nil, purpose, size)
	if err != nil {
		panic(err) // only for absurd sizes
	}
	return out
}

// version starts every sealed text. Another algorithm gets another one.
const version = "v1"

// Seal encrypts plain into a printable text: version, key id and ciphertext, separated by dots. The context is the place the text is stored
// at (table, column, row id). It is not part of the text, but a text opens only with the context it was sealed with, so nobody who can
// write to the database can move a secret to a row from which it is shown or sent elsewhere.
func (s *Sealer) Seal(context string, plain []byte) (string, error) {
	if context == "" {
		return "", errors.New("key: seal without a context")
	}
	return version + "." + s.own.id + "." + base64.RawURLEncoding.EncodeToString(s.own.aead.Seal(nil, nil, plain, s.own.data(context))), nil
}

// Open returns what Seal was given. Errors: ErrOtherKey, ErrCorrupt; neither text holds any part of the secret.
func (s *Sealer) Open(context, sealed string) ([]byte, error) {
	v, rest, ok := strings.Cut(sealed, ".")
	id, body, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || v != version {
		return nil, fmt.Errorf("open %s: %w", context, ErrCorrupt)
	}
	by := s.own
	for _, other := range s.others {
		if id == other.id {
			by = other
		}
	}
	if id != by.id {
		return nil, fmt.Errorf("open %s: %w (%q, ours is %q)", context, ErrOtherKey, id, s.IDs())
	}
	ciphertext, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", context, ErrCorrupt)
	}
	plain, err := by.aead.Open(nil, nil, ciphertext, by.data(context))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", context, ErrCorrupt)
	}
	return plain, nil
}

// data is what is authenticated beside the secret: everything of the text that is not encrypted, and the context.
func (c cipherOf) data(context string) []byte {
	return []byte(version + "." + c.id + "." + context)
}
