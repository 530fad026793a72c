package receiver

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"

	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
)

// Keys verify signatures. They come from [Secret], from [PublicKeys], or from a [JWKS].
type Keys interface {
	// check returns an error when there can never be a key.
	check() error
	// candidates are the keys that a signature named kid may be from. An empty kid names none: all of them are.
	candidates(ctx context.Context, kid string) ([]key, error)
	// renewed are all keys when they may be others than a moment ago, for a signature that is from none of those and does not name its key; else none.
	renewed(ctx context.Context) []key
}

// key is one key that verifies. What kind of key it is says what algorithms it may be used with, never a token.
type key struct {
	kid       string
	algorithm string // the only one, if it is known; else all of the kind
	material  any    // secret, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// mustBeUsable panics for keys that nothing will ever be verified with, as an unset variable would make them.
func mustBeUsable(check string, keys Keys) {
	if keys == nil {
		panic("receiver: " + check + ": there are no keys")
	}
	if err := keys.check(); err != nil {
		panic("receiver: " + check + ": " + err.Error())
	}
}

// secret is that of an HMAC.
type secret struct {
	text     []byte // for JWT
	standard []byte // for Standard Webhooks, which writes its secrets in base64 behind a prefix
}

// given are keys that the receiver was built with. Whatever name a token has for its key, it has to be one of them.
type given []key

func (g given) check() error                                      { return nil }
func (g given) candidates(context.Context, string) ([]key, error) { return g, nil }
func (g given) renewed(context.Context) []key                     { return nil }

// Secret is [ParseSecret] for secrets that a program is started with. It panics where that returns an error.
func Secret(text string) Keys {
	keys, err := ParseSecret(text)
	if err != nil {
		panic("receiver: Secret: " + err.Error())
	}
	return keys
}

// ParseSecret returns the secret of an HMAC key, as it was given to the sender. It verifies HS256, HS384 and HS512, and v1 of Standard Webhooks. The text is used as it
// stands; for Standard Webhooks only what follows the prefix whsec_ is, decoded from base64, if it begins with that.
//
// It is an error when the text is empty, when base64 should follow and does not, and when it is a key or certificate in PEM: whoever knows a public key could
// sign with it as a secret.
func ParseSecret(text string) (Keys, error) {
	if text == "" {
		return nil, errors.New("the text is empty")
	}
	if strings.Contains(text, "-----BEGIN ") {
		return nil, errors.New("the text is PEM and no secret: give it to PublicKeys")
	}
	s := secret{text: []byte(text), standard: []byte(text)}
	if encoded, found := strings.CutPrefix(text, "whsec_"); found {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(decoded) == 0 {
			return nil, errors.New("the text begins with whsec_, but what follows is not base64")
		}
		s.standard = decoded
	}
	return given{{material: s}}, nil
}

// PublicKeys are the public keys, or certificates, in a PEM text: RSA, EC on P-256, P-384 or P-521, or Ed25519. Each verifies the algorithms of its kind only.
func PublicKeys(text string) (Keys, error) {
	var keys given
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		public, err := publicKey(block)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", len(keys)+1, err)
		}
		if err := unsuitable(public); err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", len(keys)+1, err)
		}
		keys = append(keys, key{material: public})
	}
	if len(keys) == 0 {
		return nil, errors.New("the text holds no PEM block, such as -----BEGIN PUBLIC KEY-----")
	}
	return keys, nil
}

// MustPublicKeys is [PublicKeys] for texts that are part of the program. It panics where that returns an error.
func MustPublicKeys(text string) Keys {
	keys, err := PublicKeys(text)
	if err != nil {
		panic("receiver: PublicKeys: " + err.Error())
	}
	return keys
}

func publicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	if strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, errors.New("it is a private key, which should be where requests are signed and nowhere else: give the public one")
	}
	return nil, fmt.Errorf("it is a %.40q, not a public key or certificate", block.Type)
}

// Shorter keys can be forged, longer ones take an attacker's time out of ours.
const (
	minRSA = 2048
	maxRSA = 8192
)

// unsuitable tells why nothing can be verified with a public key.
func unsuitable(public any) error {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < minRSA || bits > maxRSA {
			return fmt.Errorf("it is an RSA key of %d bits; keys of %d to %d are taken", bits, minRSA, maxRSA)
		}
		if p.E < 3 || p.E%2 == 0 {
			return errors.New("it is an RSA key with an exponent that is none")
		}
	case *ecdsa.PublicKey:
		if ecAlgorithm(p.Curve) == "" {
			return fmt.Errorf("it is a key on the curve %s; P-256, P-384 and P-521 are taken", p.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return errors.New("it is neither RSA nor EC nor Ed25519")
	}
	return nil
}

func ecAlgorithm(curve elliptic.Curve) string {
	switch curve {
	case elliptic.P256():
		return "ES256"
	case elliptic.P384():
		return "ES384"
	case elliptic.P521():
		return "ES512"
	}
	return ""
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// verify checks the signature of a JWS. algorithm is what the token says; the key decides whether that is one of its own.
func (k key) verify(algorithm string, signed, signature []byte) error {
	if !k.takes(algorithm) {
		return fmt.Errorf("the algorithm %.20q is not one of the key", algorithm)
	}
	right := false
	switch m := k.material.(type) {
	case secret:
		mac := hmac.New(hashes[algorithm[2:]].New, m.text)
		mac.Write(signed)
		right = hmac.Equal(mac.Sum(nil), signature)
	case *rsa.PublicKey:
		hash := hashes[algorithm[2:]]
		right = rsa.VerifyPKCS1v15(m, hash, digest(hash, signed), signature) == nil
	case *ecdsa.PublicKey:
		size := (m.Curve.Params().BitSize + 7) / 8
		if len(signature) == 2*size {
			r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
			right = ecdsa.Verify(m, digest(hashes[algorithm[2:]], signed), r, s)
		}
	case ed25519.PublicKey:
		right = ed25519.Verify(m, signed, signature)
	}
	if !right {
		return errors.New("the signature is wrong")
	}
	return nil
}

// takes tells whether a key of this kind verifies the algorithm.
func (k key) takes(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch m := k.material.(type) {
	case secret:
		return algorithm == "HS256" || algorithm == "HS384" || algorithm == "HS512"
	case *rsa.PublicKey:
		return algorithm == "RS256" || algorithm == "RS384" || algorithm == "RS512"
	case *ecdsa.PublicKey:
		return algorithm == ecAlgorithm(m.Curve)
	case ed25519.PublicKey:
		return algorithm == "EdDSA" || algorithm == "Ed25519"
	}
	return false
}

func digest(hash crypto.Hash, content []byte) []byte {
	h := hash.New()
	h.Write(content)
	return h.Sum(nil)
}
