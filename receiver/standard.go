package receiver

import (
	"cmp"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usualWindow is the tolerance of the libraries of Standard Webhooks.
const usualWindow = 5 * time.Minute

// mostSignatures bounds how many signatures of one header are looked at. Two are there while a key is changed.
const mostSignatures = 16

// StandardWebhooks wants the headers of Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature, signed by one of the keys and sent within the window before or
// after now. Zero means five minutes. The sender stamps each attempt, so a retry is not too old, while a request that somebody kept is.
//
// The keys are secrets ([Secret]; "whsec_…" as other libraries write it, or any text) for signatures v1, or Ed25519 keys for v1a, which may be those of a [JWKS]. It panics
// when keys is nil, or a JWKS without a URL that it may fetch from.
//
// Source: the specification of Standard Webhooks 1.0, www.standardwebhooks.com.
func StandardWebhooks(keys Keys, window time.Duration) Check {
	mustBeUsable("StandardWebhooks", keys)
	window = cmp.Or(max(window, 0), usualWindow)
	return Check{late: func(r *http.Request, body []byte) error {
		id, err := only(r, headerID)
		if err != nil {
			return err
		}
		at, err := only(r, headerTimestamp)
		if err != nil {
			return err
		}
		signatures, err := only(r, headerSignature)
		if err != nil {
			return err
		}
		seconds, err := strconv.ParseInt(at, 10, 64)
		if err != nil || len(at) > 12 { // within the years that a Duration can tell apart
			return fmt.Errorf("the header %s is no time in seconds", headerTimestamp)
		}
		if age := time.Since(time.Unix(seconds, 0)); age > window || age < -window {
			return fmt.Errorf("the request was sent at another time: %v ago, %v at most are taken", age.Round(time.Second), window)
		}
		candidates, err := keys.candidates(r.Context(), "")
		if err != nil {
			return err
		}
		content := slices.Concat([]byte(id), []byte("."), []byte(at), []byte("."), body)
		all := strings.Fields(signatures)
		all = all[:min(len(all), mostSignatures)]
		if !anyStandard(candidates, content, all) && !anyStandard(keys.renewed(r.Context()), content, all) {
			return errors.New("no signature of Standard Webhooks is right")
		}
		return nil
	}}
}

// anyStandard tells whether one of the signatures is by one of the keys.
func anyStandard(keys []key, content []byte, signatures []string) bool {
	for _, one := range signatures {
		version, encoded, _ := strings.Cut(one, ",")
		signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, k := range keys {
			if k.verifyStandard(version, content, signature) {
				return true
			}
		}
	}
	return false
}

func (k key) verifyStandard(version string, content, signature []byte) bool {
	switch m := k.material.(type) {
	case secret:
		if version != "v1" {
			return false
		}
		mac := hmac.New(sha256.New, m.standard)
		mac.Write(content)
		return hmac.Equal(mac.Sum(nil), signature)
	case ed25519.PublicKey:
		return version == "v1a" && ed25519.Verify(m, content, signature)
	}
	return false
}
