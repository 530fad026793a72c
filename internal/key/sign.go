package key

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/herald-events/herald/wire"
)

// Key is one signing key or certificate, ready to be used. It is immutable and safe for concurrent use.
//
// What is secret of it is opened when it is first needed. The errors of its methods say that this failed, or that the key is not of a kind
// that can do what was asked; they never hold any of the secret.
type Key struct {
	wire.Key

	// Mark is different for any two keys there ever were, also if one was deleted and another has its id now. What was made with a key can
	// be kept under it.
	Mark [32]byte

	hidden  func() ([]byte, error)
	private func() (crypto.Signer, error)
	signer  func() (jose.Signer, error)
}

func (s *Service) newKey(r row) (*Key, error) {
	shown, err := r.key()
	if err != nil {
		return nil, err
	}
	k := &Key{Key: shown, Mark: sha256.Sum256([]byte(shown.ID + " " + wire.ID(r.sealed)))} // no text is sealed twice the same way
	k.hidden = sync.OnceValues(func() ([]byte, error) {
		if r.sealed == "" {
			return nil, fmt.Errorf("the key %s has no private part", k.ID)
		}
		return s.sealer.Open(place(k.ID), r.sealed)
	})
	k.private = sync.OnceValues(k.openPrivate)
	k.signer = sync.OnceValues(k.newSigner)
	return k, nil
}

// CanSign tells whether there is a private key or the secret of an HMAC.
func (k *Key) CanSign() bool { return k.HasPrivateKey || k.Type == wire.KeyTypeHMAC }

// CanSignStandard tells whether Standard Webhooks knows a signature of this kind of key.
func (k *Key) CanSignStandard() bool {
	return k.Type == wire.KeyTypeHMAC || k.Type == wire.KeyTypeOKP && k.HasPrivateKey
}

// JWT signs claims, a JSON object, and returns the compact form. The header has alg, kid and typ.
func (k *Key) JWT(claims []byte) (string, error) {
	signer, err := k.signer()
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign with the key %s: %w", k.ID, err)
	}
	return signed.CompactSerialize()
}

// Verify checks the signature of a JWT in its compact form against this key, and nothing else of it, and returns its claims, a JSON object. The
// algorithm is the key's, whatever the header says.
func (k *Key) Verify(compact string) (claims []byte, err error) {
	a, ok := algorithmOf(k.Algorithm)
	if !ok || !k.CanSign() {
		return nil, fmt.Errorf("the key %s verifies nothing", k.ID)
	}
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{a.jose})
	if err != nil {
		return nil, err
	}
	var by any
	if a.family == wire.KeyTypeHMAC {
		by, err = k.padded(a)
	} else {
		var private crypto.Signer
		if private, err = k.private(); err == nil {
			by = private.Public()
		}
	}
	if err != nil {
		return nil, err
	}
	return signed.Verify(by)
}

// padded is the secret of an HMAC. An HMAC fills a short key up with zeros itself, so the signature is the same. The library wants to see no
// short ones, which other systems have all the same.
func (k *Key) padded(a algorithm) ([]byte, error) {
	text, err := k.hidden()
	if len(text) < a.hash {
		text = slices.Concat(text, make([]byte, a.hash-len(text)))
	}
	return text, err
}

func (k *Key) openPrivate() (crypto.Signer, error) {
	if !k.HasPrivateKey {
		return nil, fmt.Errorf("the key %s has no private part", k.ID)
	}
	der, err := k.hidden()
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return nil, fmt.Errorf("the private part of the key %s cannot be read", k.ID)
	}
	return private, nil
}

func (k *Key) newSigner() (jose.Signer, error) {
	a, ok := algorithmOf(k.Algorithm)
	if !ok || !k.CanSign() {
		return nil, fmt.Errorf("the key %s cannot sign", k.ID)
	}
	var secret any
	var err error
	if a.family == wire.KeyTypeHMAC {
		secret, err = k.padded(a)
	} else {
		secret, err = k.private()
	}
	if err != nil {
		return nil, err
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", k.KID)
	return jose.NewSigner(jose.SigningKey{Algorithm: a.jose, Key: secret}, options)
}

// Standard signs content as Standard Webhooks asks for: "v1," and an HMAC with SHA-256, whatever hash the key is for otherwise, or "v1a," and a
// signature with Ed25519; in base64 both. Source: the specification of Standard Webhooks 1.0, signature scheme.
func (k *Key) Standard(content []byte) (string, error) {
	switch {
	case k.Type == wire.KeyTypeHMAC:
		text, err := k.hidden()
		if err != nil {
			return "", err
		}
		secret, err := standardSecret(text)
		if err != nil {
			return "", err
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write(content)
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
	case k.Type == wire.KeyTypeOKP:
		private, err := k.private()
		if err != nil {
			return "", err
		}
		signature, err := private.Sign(nil, content, crypto.Hash(0))
		if err != nil {
			return "", fmt.Errorf("sign with the key %s: %w", k.ID, err)
		}
		return "v1a," + base64.StdEncoding.EncodeToString(signature), nil
	}
	return "", fmt.Errorf("the key %s is neither an HMAC secret nor an Ed25519 key", k.ID)
}

// standardPrefix begins a secret as the libraries of Standard Webhooks write it.
const standardPrefix = "whsec_"

// standardSecret is the key of a Standard Webhooks HMAC: what stands in base64 behind the prefix, or all of a text without it.
func standardSecret(text []byte) ([]byte, error) {
	encoded, found := strings.CutPrefix(string(text), standardPrefix)
	if !found {
		return text, nil
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(secret) == 0 {
		return nil, errors.New("the secret has the prefix of Standard Webhooks but is not base64")
	}
	return secret, nil
}

// PEM is the certificate, with those of its issuers if they were imported, and behind it the private key if there is one.
func (k *Key) PEM() (string, error) {
	if k.Certificate == "" {
		return "", fmt.Errorf("the key %s has no certificate", k.ID)
	}
	if !k.HasPrivateKey {
		return k.Certificate, nil
	}
	der, err := k.hidden()
	if err != nil {
		return "", err
	}
	return k.Certificate + "\n" + encodePEM(pemPrivate, der), nil
}
