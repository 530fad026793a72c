package identity

import (
	"crypto/md5" //nolint:gosec // only to check passwords that other systems have hashed with it
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/herald-events/herald/internal/nearest"
	"github.com/herald-events/herald/internal/problem"
)

// schemeFusionAuth is FusionAuth's default.
const schemeFusionAuth scheme = "salted-pbkdf2-hmac-sha256"

// foreignScheme is a way in which another system has hashed passwords, under the name that FusionAuth gives it. They are understood so that users can be
// brought along; no password is hashed so here.
type foreignScheme struct {
	factor, maxFactor int // where an import says none; the most that one may take
	// sum makes a hash of length bytes. Such hashes are stored as factor$salt$hash, salt and hash in base64. Nil is bcrypt, stored as everywhere.
	length int
	sum    func(password string, salt []byte, factor, length int) []byte
}

var foreign = map[scheme]foreignScheme{
	schemeFusionAuth:                {24_000, maxFactor, sha256.Size, derived(sha256.New)},
	"salted-pbkdf2-hmac-sha256-512": {24_000, maxFactor, sha512.Size, derived(sha256.New)},
	"salted-pbkdf2-hmac-sha512-512": {24_000, maxFactor, sha512.Size, derived(sha512.New)},
	"salted-sha256":                 {1, maxFactor, sha256.Size, digested(sha256.New)},
	"salted-md5":                    {1, maxFactor, md5.Size, digested(md5.New)},
	"bcrypt":                        {bcrypt.DefaultCost, 16, 0, nil},
}

// maxFactor is how many rounds a hash may take, so that none occupies the machine for more than some seconds. For bcrypt it is the logarithm.
const maxFactor = 10_000_000

// derived is PBKDF2 with a factor of iterations, RFC 8018.
func derived(h func() hash.Hash) func(string, []byte, int, int) []byte {
	return func(password string, salt []byte, factor, length int) []byte {
		sum, _ := pbkdf2.Key(h, password, salt, factor, length) // fails for absurd lengths only, and then nothing matches
		return sum
	}
}

// digested is the digest of the password followed by the salt, then of what came out, a factor of times in all.
func digested(h func() hash.Hash) func(string, []byte, int, int) []byte {
	return func(password string, salt []byte, factor, _ int) []byte {
		digest := h()
		digest.Write([]byte(password))
		digest.Write(salt)
		sum := digest.Sum(nil)
		for range factor - 1 {
			digest.Reset()
			digest.Write(sum)
			sum = digest.Sum(sum[:0])
		}
		return sum
	}
}

func (f foreignScheme) comparison(c credential, password string) (same func() bool, err error) {
	if f.sum == nil {
		if cost, err := bcrypt.Cost([]byte(c.encoded)); err != nil || cost > f.maxFactor {
			return nil, c.unreadable()
		}
		return func() bool { return bcrypt.CompareHashAndPassword([]byte(c.encoded), []byte(password)) == nil }, nil
	}
	parts := strings.Split(c.encoded, "$")
	if len(parts) != 3 {
		return nil, c.unreadable()
	}
	factor, errFactor := strconv.Atoi(parts[0])
	salt, errSalt := base64.StdEncoding.DecodeString(parts[1])
	want, errHash := base64.StdEncoding.DecodeString(parts[2])
	if errFactor != nil || errSalt != nil || errHash != nil || factor < 1 || factor > f.maxFactor || len(want) != f.length {
		return nil, c.unreadable()
	}
	return func() bool { return subtle.ConstantTimeCompare(f.sum(password, salt, factor, f.length), want) == 1 }, nil
}

// hashed is a password as another system has it.
type hashed struct {
	scheme     scheme
	factor     int    // 0 is the default of the scheme
	salt, hash string // base64; for bcrypt in its own alphabet, or no salt and the whole of what bcrypt makes as hash
}

// readHashed makes the credential of a hash from elsewhere and adds what is wrong with it. path is that of the user.
func readHashed(v *problem.Validation, path string, h hashed) credential {
	f, known := foreign[h.scheme]
	if !known {
		v.Field(path+".encryptionScheme", "invalid", "There is no scheme %.64q. %s", h.scheme, nearest.Known(slices.Sorted(maps.Keys(foreign))))
		return credential{}
	}
	if h.factor == 0 {
		h.factor = f.factor
	}
	v.Check(h.factor > 0 && h.factor <= f.maxFactor, path+".factor", "invalid", "The factor of %s is between 1 and %d.", h.scheme, f.maxFactor)
	if f.sum == nil {
		return readBcrypt(v, path, h)
	}
	salt, ok := decoded(h.salt)
	v.Check(ok && len(salt) > 0, path+".salt", "invalid", "The salt is written in base64.")
	sum, ok := decoded(h.hash)
	v.Check(ok && len(sum) == f.length, path+".password", "invalid", "The password is a hash of %d bytes in base64.", f.length)
	return credential{h.scheme, strconv.Itoa(h.factor) + "$" + base64.StdEncoding.EncodeToString(salt) + "$" + base64.StdEncoding.EncodeToString(sum)}
}

// decoded reads base64, with or without padding.
func decoded(text string) ([]byte, bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	return b, err == nil
}

func readBcrypt(v *problem.Validation, path string, h hashed) credential {
	encoded := h.hash
	if !strings.HasPrefix(encoded, "$2") {
		cost := strconv.Itoa(h.factor)
		if len(cost) == 1 {
			cost = "0" + cost
		}
		encoded = "$2a$" + cost + "$" + h.salt + h.hash
	}
	cost, err := bcrypt.Cost([]byte(encoded))
	ok := err == nil && len(encoded) == 60 && cost <= foreign[h.scheme].maxFactor && !strings.ContainsFunc(encoded[29:], notBcrypt)
	v.Check(ok || v.Has(path+".factor"), path+".password", "invalid", "The password is a hash of bcrypt: 31 characters beside a salt of 22, or all 60.")
	return credential{h.scheme, encoded}
}

// notBcrypt finds what is not in bcrypt's alphabet.
func notBcrypt(r rune) bool { return r != '.' && r != '/' && !alphanumeric(string(r)) }
