// Package webhooktest is the other side of a signature: what somebody writes who gets signed webhooks. It shares no code with what makes the
// signatures, and uses the standard library only, so that a mistake on one side does not hide one on the other.
package webhooktest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes that crypto.Hash finds
	_ "crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Key is what a receiver knows about a key of the sender.
type Key struct {
	KID string
	// Algorithm is the only one that is accepted with this key, whatever a token says: RS256, ES384, HS512, EdDSA and so on.
	Algorithm string
	// Public is an *rsa.PublicKey, an *ecdsa.PublicKey, an ed25519.PublicKey, or the secret of an HMAC as []byte.
	Public any
}

// ParseJWKS reads a public key set.
func ParseJWKS(data []byte) ([]Key, error) {
	var set struct {
		Keys []struct {
			KTY, KID, Alg, Use, N, E, CRV, X, Y, D, K string
		}
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, err
	}
	var keys []Key
	for _, k := range set.Keys {
		if k.D != "" || k.K != "" {
			return nil, fmt.Errorf("key %q: the set holds a secret", k.KID)
		}
		key := Key{KID: k.KID, Algorithm: k.Alg}
		switch {
		case k.Use != "sig":
			return nil, fmt.Errorf("key %q: use is %q", k.KID, k.Use)
		case k.KTY == "RSA":
			key.Public = &rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}
		case k.KTY == "EC":
			curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.CRV]
			if curve == nil {
				return nil, fmt.Errorf("key %q: curve %q", k.KID, k.CRV)
			}
			x, _ := decode(k.X)
			y, _ := decode(k.Y)
			public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
			if err != nil {
				return nil, fmt.Errorf("key %q: %w", k.KID, err)
			}
			key.Public = public
		case k.KTY == "OKP" && k.CRV == "Ed25519":
			x, err := decode(k.X)
			if err != nil || len(x) != ed25519.PublicKeySize {
				return nil, fmt.Errorf("key %q: x is %d bytes, %v", k.KID, len(x), err)
			}
			key.Public = ed25519.PublicKey(x)
		default:
			return nil, fmt.Errorf("key %q: kty is %q", k.KID, k.KTY)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// number is 0 for what is none; such a key verifies nothing.
func number(text string) *big.Int {
	b, err := decode(text)
	if err != nil {
		return new(big.Int)
	}
	return new(big.Int).SetBytes(b)
}

// decode reads base64url in its only valid form. Go's decoder skips line breaks, and there could be many texts for one signature then.
func decode(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("a line break in base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// Header is the JOSE header of a token.
type Header struct {
	Algorithm string `json:"alg"`
	KID       string `json:"kid"`
	Type      string `json:"typ"`
}

// VerifyJWT checks that the token was signed with one of the keys, for exactly this body, and returns its header and all of its claims.
func VerifyJWT(token string, body []byte, keys []Key) (h Header, claims map[string]any, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return h, nil, fmt.Errorf("the token has %d parts", len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		if decoded[i], err = decode(part); err != nil {
			return h, nil, fmt.Errorf("part %d: %w", i, err)
		}
	}
	if err := json.Unmarshal(decoded[0], &h); err != nil {
		return h, nil, fmt.Errorf("header: %w", err)
	}
	signed := []byte(parts[0] + "." + parts[1])
	err = errors.New("no key has this kid and algorithm")
	for _, k := range keys {
		if k.KID == h.KID && k.Algorithm == h.Algorithm {
			if err = k.verify(signed, decoded[2]); err == nil {
				break
			}
		}
	}
	if err != nil {
		return h, nil, err
	}
	if err := json.Unmarshal(decoded[1], &claims); err != nil {
		return h, nil, fmt.Errorf("claims: %w", err)
	}
	sum := crypto.SHA256.New()
	sum.Write(body)
	want := base64.StdEncoding.EncodeToString(sum.Sum(nil))
	if got, _ := claims["request_body_sha256"].(string); subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return h, nil, errors.New("the token is for another body")
	}
	return h, claims, nil
}

var hashes = map[string]crypto.Hash{
	"RS256": crypto.SHA256, "RS384": crypto.SHA384, "RS512": crypto.SHA512, "ES256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512,
	"HS256": crypto.SHA256, "HS384": crypto.SHA384, "HS512": crypto.SHA512,
}

var errWrong = errors.New("the signature is wrong")

func (k Key) verify(signed, signature []byte) error {
	hash, known := hashes[k.Algorithm]
	var digest []byte
	if known {
		sum := hash.New()
		sum.Write(signed)
		digest = sum.Sum(nil)
	}
	ok := false
	switch public := k.Public.(type) {
	case *rsa.PublicKey:
		ok = known && rsa.VerifyPKCS1v15(public, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		size := (public.Curve.Params().BitSize + 7) / 8
		ok = known && len(signature) == 2*size &&
			ecdsa.Verify(public, digest, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	case ed25519.PublicKey:
		ok = k.Algorithm == "EdDSA" && ed25519.Verify(public, signed, signature)
	case []byte:
		if known {
			mac := hmac.New(hash.New, public)
			mac.Write(signed)
			ok = hmac.Equal(mac.Sum(nil), signature)
		}
	}
	if !ok {
		return errWrong
	}
	return nil
}

// tolerance is what the specification's own libraries allow.
const tolerance = 5 * time.Minute

// VerifyStandard checks a request that was signed as Standard Webhooks: with an HMAC secret (the raw bytes) or an Ed25519 key, not long before
// or after now. signatures is the header webhook-signature, of which one must be right for one of the keys.
func VerifyStandard(id, timestamp, signatures string, body []byte, keys []Key, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errors.New("the timestamp is no number")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return fmt.Errorf("the request is %v old", age)
	}
	signed := bytes.Join([][]byte{[]byte(id), []byte(timestamp), body}, []byte("."))
	for text := range strings.FieldsSeq(signatures) {
		version, encoded, _ := strings.Cut(text, ",")
		signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, k := range keys {
			switch public := k.Public.(type) {
			case []byte:
				mac := hmac.New(crypto.SHA256.New, public)
				mac.Write(signed)
				if version == "v1" && hmac.Equal(mac.Sum(nil), signature) {
					return nil
				}
			case ed25519.PublicKey:
				if version == "v1a" && ed25519.Verify(public, signed, signature) {
					return nil
				}
			}
		}
	}
	return errWrong
}
