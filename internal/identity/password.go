package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/herald-events/herald/internal/db"
)

// scheme says how a password was hashed, as stored.
type scheme string

// schemeArgon2id is what new passwords get: RFC 9106, encoded as $argon2id$v=19$m=…,t=…,p=…$salt$hash. Those of other systems are in foreign.go.
const schemeArgon2id scheme = "argon2id"

// Cost of a new hash: the second choice of RFC 9106 has too much memory for small machines, this is OWASP's minimum of 2023.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonHash    = 32 // bytes
)

// Bounds for hashes that come from elsewhere, so that one of them cannot occupy the machine.
const (
	maxArgonMemory = 1 << 20 // KiB
	maxArgonTime   = 64
)

// credential is a hashed password. The zero value is that of a user without one. It prints as a placeholder.
type credential struct {
	scheme  scheme
	encoded string
}

func (credential) String() string   { return "[password]" }
func (credential) GoString() string { return "[password]" }

// hasher hashes passwords, one fewer at a time than there are processors: each takes much memory and all of one processor, and whoever asks for something else
// meanwhile would wait until one is taken off it.
type hasher struct{ slots chan struct{} }

func newHasher() hasher { return hasher{make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))} }

// use runs work when a slot is free. Errors: that of ctx when it ends first.
func (h hasher) use(ctx context.Context, work func()) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.slots }()
	work()
	return nil
}

// hash returns the credential of a new password. It takes tens of milliseconds: never call it inside a transaction.
func (h hasher) hash(ctx context.Context, password string) (c credential, err error) {
	err = h.use(ctx, func() {
		salt := make([]byte, argonSalt)
		_, _ = rand.Read(salt) // never fails
		sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonHash)
		c = credential{schemeArgon2id, fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
			base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))}
	})
	return c, err
}

// CheckPassword tells whether a password is the user's. Without a user it takes as long as with one, so that nobody can tell by the time whether there is
// one. Never call it inside a transaction.
func (s *Service) CheckPassword(ctx context.Context, u *User, password string) (bool, error) {
	if u == nil || u.password == (credential{}) {
		_, err := s.hasher.hash(ctx, password)
		return false, err
	}
	return s.hasher.verify(ctx, u.password, password)
}

// SamePassword tells whether both have the same password set, unchanged since.
func (u *User) SamePassword(other *User) bool { return u.password == other.password }

// StillHasPassword tells whether the user is stored with the password that u has.
func (s *Service) StillHasPassword(tx *db.Tx, u *User) (bool, error) { return hasPassword(tx, u) }

// verify tells whether password is the one that c was made from. A user without a password has none that is right. Errors: that of ctx;
// a hash that cannot be read.
func (h hasher) verify(ctx context.Context, c credential, password string) (ok bool, err error) {
	if c == (credential{}) {
		return false, nil
	}
	same, err := c.comparison(password)
	if err != nil {
		return false, err
	}
	err = h.use(ctx, func() { ok = same() })
	return ok, err
}

// comparison reads the credential and returns the slow part of comparing it with a password.
func (c credential) comparison(password string) (same func() bool, err error) {
	if c.scheme == schemeArgon2id {
		return c.argon2id(password)
	}
	if f, ok := foreign[c.scheme]; ok {
		return f.comparison(c, password)
	}
	return nil, fmt.Errorf("identity: a password is stored in the unknown scheme %q", c.scheme)
}

// unreadable says that what is stored does not fit its scheme.
func (c credential) unreadable() error {
	return fmt.Errorf("identity: a stored password of the scheme %s cannot be read", c.scheme)
}

func (c credential) argon2id(password string) (same func() bool, err error) {
	parts := strings.Split(c.encoded, "$") // "", argon2id, v=, m=,t=,p=, salt, hash
	var version, memory, time, threads uint32
	if len(parts) != 6 {
		return nil, c.unreadable()
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads); err != nil {
		return nil, c.unreadable()
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	want, errHash := base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errHash != nil || len(want) == 0 || version != argon2.Version ||
		memory > maxArgonMemory || time == 0 || time > maxArgonTime || threads == 0 || threads > 255 {
		return nil, c.unreadable()
	}
	return func() bool {
		got := argon2.IDKey([]byte(password), salt, time, memory, uint8(threads), uint32(len(want)))
		return subtle.ConstantTimeCompare(got, want) == 1
	}, nil
}
