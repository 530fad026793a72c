package twofactor

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// TestTOTP_RFC6238 has the vectors of appendix B, whose secrets have the length of each hash (errata 2866).
func TestTOTP_RFC6238(t *testing.T) {
	t.Parallel()
	secret := func(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }
	vectors := []struct {
		at                   int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	}
	for _, v := range vectors {
		for algorithm, c := range map[string]struct {
			want string
			key  []byte
		}{"HmacSHA1": {v.sha1, secret(20)}, "HmacSHA256": {v.sha256, secret(32)}, "HmacSHA512": {v.sha512, secret(64)}} {
			app := totpOf(&wire.TwoFactorAuthenticator{Algorithm: algorithm, CodeLength: 8, TimeStep: 30})
			if got := app.code(c.key, app.counter(time.Unix(v.at, 0))); got != c.want {
				t.Errorf("%s at %d: %s, want %s", algorithm, v.at, got, c.want)
			}
		}
	}
}

func TestTOTP_Window(t *testing.T) {
	t.Parallel()
	app := totpOf(nil)
	secret := []byte("12345678901234567890")
	code := app.code(secret, 1000) // shown from second 30000 to 30029
	for _, c := range []struct {
		what string
		at   int64
		last int64
		want bool
	}{
		{"two steps early", 29_969, -1, false},
		{"one step early, at its beginning", 29_970, -1, true},
		{"in its step", 30_000, -1, true},
		{"at the end of its step", 30_029, -1, true},
		{"one step late, at its end", 30_059, -1, true},
		{"two steps late", 30_060, -1, false},
		{"after an earlier code was used", 30_000, 999, true},
		{"used before", 30_000, 1000, false},
		{"after a later code was used", 30_000, 1001, false},
	} {
		counter, ok := app.verify(secret, code, time.Unix(c.at, 0), c.last)
		if ok != c.want || ok && counter != 1000 {
			t.Errorf("%s: %v of step %d, want %v", c.what, ok, counter, c.want)
		}
	}
	if _, ok := app.verify(secret, "", time.Unix(30_000, 0), -1); ok {
		t.Error("an empty code is right")
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	for _, code := range newRecoveryCodes() {
		if len(code) != 11 || code[5] != '-' {
			t.Errorf("a recovery code looks like %q", code)
		}
		if hashRecoveryCode("u", code) != hashRecoveryCode("u", strings.ToLower(strings.ReplaceAll(code, "-", " "))) {
			t.Errorf("%q typed otherwise is another code", code)
		}
		if hashRecoveryCode("u", code) == hashRecoveryCode("v", code) {
			t.Error("two users have the same hash")
		}
	}
	if got := template.Spoken("123"); got != "1 2 3" {
		t.Errorf("spoken: %q", got)
	}
}

func TestNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tenant, of      tenant.LoginPolicy
		method, trusted bool
		want            bool
	}{
		{tenant.ChallengeEnabled, "", true, false, true},
		{tenant.ChallengeEnabled, "", true, true, false},
		{tenant.ChallengeEnabled, "", false, false, false},
		{tenant.ChallengeDisabled, "", true, false, false},
		{tenant.ChallengeRequired, "", false, false, true},
		{tenant.ChallengeRequired, "", true, true, false},
		{tenant.ChallengeOnHighRisk, "", true, false, true},
		{tenant.ChallengeRequired, tenant.ChallengeDisabled, true, false, false},
		{tenant.ChallengeDisabled, tenant.ChallengeEnabled, true, false, true},
	} {
		if got := needed(c.tenant, application.Application{Settings: application.Settings{LoginPolicy: c.of}}, c.method, c.trusted); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	here := application.Application{Application: wire.Application{ID: "here"}}
	for _, c := range []struct {
		policy application.TrustPolicy
		in     wire.ID
		want   bool
	}{{"", "there", true}, {application.TrustAny, "", true}, {application.TrustThis, "there", false}, {application.TrustThis, "here", true}, {application.TrustNone, "here", false}} {
		here.TrustPolicy = c.policy
		if got := trusts(here, c.in); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestSecretOf_HasBothSpellings(t *testing.T) {
	t.Parallel()
	made := (&Service{}).Secret()
	v, w := validation(), validation()
	a := secretOf(v, "", made.Secret, "")
	b := secretOf(w, "", "", strings.ToLower(made.SecretBase32Encoded))
	if v.Err() != nil || w.Err() != nil || len(a) != newSecret || hex.EncodeToString(a) != hex.EncodeToString(b) {
		t.Errorf("%x %x %v %v", a, b, v.Err(), w.Err())
	}
}
