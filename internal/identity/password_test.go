package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestHash_VerifiesOnlyItsPassword(t *testing.T) {
	t.Parallel()
	h := newHasher()
	first, err := h.hash(t.Context(), "a long password")
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.hash(t.Context(), "a long password")
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes of one password are equal: the salt is not random")
	}
	for password, want := range map[string]bool{"a long password": true, "a long passwore": false, "": false} {
		if got, err := h.verify(t.Context(), first, password); err != nil || got != want {
			t.Errorf("verify(%q) = %v, %v, want %v", password, got, err, want)
		}
	}
}

// The vectors were made by other tools: the reference implementation of Argon2, and Python's hashlib.pbkdf2_hmac.
func TestVerify_Vectors(t *testing.T) {
	t.Parallel()
	h := newHasher()
	for _, row := range []struct {
		credential credential
		password   string
	}{
		{credential{schemeArgon2id, "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"}, "password"},
		{credential{schemeFusionAuth, "24000$c2l4dGVlbiBieXRlIHNhbHQgYW5kIG1vcmUgc2FsdCE=$FQvY4sR3umqfbdT8BewwS5Knuxvv2m1lbBSCE0lZIQI="}, "pässword one"},
	} {
		if ok, err := h.verify(t.Context(), row.credential, row.password); err != nil || !ok {
			t.Errorf("%s: the right password: %v, %v", row.credential.scheme, ok, err)
		}
		if ok, err := h.verify(t.Context(), row.credential, row.password+" "); err != nil || ok {
			t.Errorf("%s: a wrong password: %v, %v", row.credential.scheme, ok, err)
		}
	}
}

func TestVerify_WithoutPassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "anything"} {
		if ok, err := newHasher().verify(t.Context(), credential{}, password); ok || err != nil {
			t.Errorf("verify(%q) of a user without a password = %v, %v", password, ok, err)
		}
	}
}

func TestVerify_Unreadable(t *testing.T) {
	t.Parallel()
	for _, c := range []credential{
		{"md5", "x"},
		{schemeArgon2id, ""},
		{schemeArgon2id, "$argon2id$v=19$m=65536,t=2,p=1$c29tc2FsdA$"},
		{schemeArgon2id, "$argon2id$v=16$m=65536,t=2,p=1$c29tc2FsdA$CTFh"},
		{schemeArgon2id, "$argon2id$v=19$m=65536,t=0,p=1$c29tc2FsdA$CTFh"},
		{schemeArgon2id, "$argon2id$v=19$m=65536,t=2,p=0$c29tc2FsdA$CTFh"},
		{schemeArgon2id, "$argon2id$v=19$m=4000000000,t=2,p=1$c29tc2FsdA$CTFh"},
		{schemeFusionAuth, "24000$c29tc2FsdA=="},
		{schemeFusionAuth, "0$c29tc2FsdA==$CTFh"},
		{schemeFusionAuth, "99999999999$c29tc2FsdA==$CTFh"},
		{schemeFusionAuth, "24000$c29tc2FsdA==$!"},
	} {
		ok, err := newHasher().verify(t.Context(), c, "secret password")
		if ok || err == nil {
			t.Errorf("%s %q: %v, %v, want an error", c.scheme, c.encoded, ok, err)
			continue
		}
		if strings.Contains(err.Error(), "secret password") || c.encoded != "" && c.encoded != "x" && strings.Contains(err.Error(), c.encoded) {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

// As many at a time as there are slots; whoever gives up waiting gets the error of the context.
func TestHash_WaitsForASlot(t *testing.T) {
	t.Parallel()
	h := hasher{make(chan struct{}, 1)}
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.hash(ctx, "a long password"); !errors.Is(err, context.Canceled) {
		t.Errorf("hash without a slot: %v", err)
	}
	<-h.slots
	if _, err := h.hash(t.Context(), "a long password"); err != nil {
		t.Errorf("hash with a slot: %v", err)
	}
}

func TestCredential_PrintsAsPlaceholder(t *testing.T) {
	t.Parallel()
	u := &User{password: credential{schemeArgon2id, "the-hash"}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, u.password); strings.Contains(text, "the-hash") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
