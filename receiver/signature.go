package receiver

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The headers that carry signatures.
const (
	headerJWT          = "X-FusionAuth-Signature-JWT"
	headerSecondaryJWT = "X-Herald-Signature-JWT-Secondary"
	headerID           = "webhook-id"
	headerTimestamp    = "webhook-timestamp"
	headerSignature    = "webhook-signature"
)

// Signature wants the header X-FusionAuth-Signature-JWT: a JWT, signed by one of the keys, whose claim request_body_sha256 is the hash of the body as it came. While
// the sender changes keys, the same signed by the other key, in X-Herald-Signature-JWT-Secondary, is as good.
//
// It panics when keys is nil, or a [JWKS] without a URL that it may fetch from.
//
// The signature says who made the event, not when it was sent: use Options.Once against requests that are sent again, and Options.MaxAge to bound how long they can be.
func Signature(keys Keys) Check {
	mustBeUsable("Signature", keys)
	return Check{late: func(r *http.Request, body []byte) error {
		hash := sha256.Sum256(body)
		first := verifyHeader(r, headerJWT, keys, hash)
		if first == nil || len(r.Header.Values(headerSecondaryJWT)) == 0 {
			return first
		}
		second := verifyHeader(r, headerSecondaryJWT, keys, hash)
		if second == nil {
			return nil
		}
		return errors.Join(first, second)
	}}
}

func verifyHeader(r *http.Request, name string, keys Keys, hash [sha256.Size]byte) error {
	token, err := only(r, name)
	if err != nil {
		return err
	}
	if err := verifyJWT(r, token, keys, hash); err != nil {
		return fmt.Errorf("the header %s: %w", name, err)
	}
	return nil
}

// longestToken bounds what is looked at of a header. A token signed with the longest RSA key has 1,600 bytes.
const longestToken = 8 << 10

// verifyJWT takes nothing from the token but what its signature covers, and of its header only the name of the algorithm, which has to be one of the key's, and the
// name of the key, which has to be one of ours.
func verifyJWT(r *http.Request, token string, keys Keys, hash [sha256.Size]byte) error {
	if len(token) > longestToken {
		return fmt.Errorf("it has %d bytes", len(token))
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("it is no JWT in compact form")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return errors.New("it is no JWT: a part of it is not base64url")
		}
	}
	header, err := object(decoded[0])
	if err != nil {
		return fmt.Errorf("the header of the JWT %w", err)
	}
	if _, ok := header["crit"]; ok {
		return errors.New("the JWT demands extensions (crit) that are not known here")
	}
	var algorithm, kid string
	if json.Unmarshal(header["alg"], &algorithm) != nil {
		return errors.New("the JWT names no algorithm")
	}
	if raw, ok := header["kid"]; ok && json.Unmarshal(raw, &kid) != nil {
		return errors.New("the kid of the JWT is no text")
	}
	candidates, err := keys.candidates(r.Context(), kid)
	if err != nil {
		return err
	}
	signed := []byte(token[:len(parts[0])+1+len(parts[1])])
	err = verifyWith(candidates, algorithm, signed, decoded[2])
	if err != nil && kid == "" { // it may be from a key that is newer than those
		if renewed := keys.renewed(r.Context()); len(renewed) > 0 {
			err = verifyWith(renewed, algorithm, signed, decoded[2])
		}
	}
	if err != nil {
		return err
	}
	return checkClaims(decoded[1], hash)
}

// verifyWith returns nil when one of the keys has made the signature.
func verifyWith(keys []key, algorithm string, signed, signature []byte) error {
	err := errors.New("there is no key to verify it with")
	for _, k := range keys {
		if err = k.verify(algorithm, signed, signature); err == nil {
			return nil
		}
	}
	return err
}

func checkClaims(payload []byte, hash [sha256.Size]byte) error {
	claims, err := object(payload)
	if err != nil {
		return fmt.Errorf("what the JWT signs %w", err)
	}
	var text string
	if json.Unmarshal(claims["request_body_sha256"], &text) != nil {
		return errors.New("the JWT has no claim request_body_sha256")
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || subtle.ConstantTimeCompare(sum, hash[:]) != 1 {
		return errors.New("the body is not the one that was signed")
	}
	// Neither FusionAuth nor Herald sets these. Who does means them.
	now := float64(time.Now().Unix())
	for _, c := range []struct {
		name string
		ok   func(at float64) bool
	}{
		{"exp", func(at float64) bool { return now < at }},
		{"nbf", func(at float64) bool { return now >= at-ahead.Seconds() }},
	} {
		if raw, there := claims[c.name]; there {
			var at float64
			if json.Unmarshal(raw, &at) != nil || !c.ok(at) {
				return fmt.Errorf("the JWT is not valid at this time (%s)", c.name)
			}
		}
	}
	return nil
}
