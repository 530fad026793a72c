package identity

import (
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/problem"
)

const vectorSalt = "c2l4dGVlbiBieXRlIHNhbHQgYW5kIG1vcmUgc2FsdCE="

// The vectors were made by other tools: Python's hashlib, and the tests of crypt_blowfish.
func TestReadHashed_Vectors(t *testing.T) {
	t.Parallel()
	h := newHasher()
	for _, row := range []struct {
		hashed
		password string
	}{
		{hashed{"salted-pbkdf2-hmac-sha256", 1000, vectorSalt, "aiVUVqdJ+QMv+n5vlNrYGWTrJpikvjpeVRjC7931A1Q="}, "pässword one"},
		{hashed{"salted-pbkdf2-hmac-sha256", 0, vectorSalt, "FQvY4sR3umqfbdT8BewwS5Knuxvv2m1lbBSCE0lZIQI"}, "pässword one"}, // 24,000 rounds, without padding
		{hashed{"salted-pbkdf2-hmac-sha256-512", 1000, vectorSalt, "aiVUVqdJ+QMv+n5vlNrYGWTrJpikvjpeVRjC7931A1QXef1X+FTjAdbjYNI48b1nqiVkk6Nj9MU1m7KGQhaVug=="}, "pässword one"},
		{hashed{"salted-pbkdf2-hmac-sha512-512", 1000, vectorSalt, "kSk2mBXlQHKv4zO12mBR2uGCKlT7IclnCitv7z21tR0GutDyc1LiNQY782HsvGDIeOQJxsMYJs/n0uF8kFgS8Q=="}, "pässword one"},
		{hashed{"salted-sha256", 0, vectorSalt, "BbzsQFUUkHpifoknUCALaMy8OxGr4malY7v2bVdNUeU="}, "pässword one"},
		{hashed{"salted-sha256", 5, vectorSalt, "WKSbxzYIoLF7H7QL4KEL1isYc4FM0qEq6+1H7dnUgpw="}, "pässword one"},
		{hashed{"salted-md5", 1, vectorSalt, "L/eo1UWqgadGZz5lo1gD8w=="}, "pässword one"},
		{hashed{"salted-md5", 5, vectorSalt, "NFK/OE4K08XGzxbI6JIQsw=="}, "pässword one"},
		{hashed{"bcrypt", 5, "CCCCCCCCCCCCCCCCCCCCC.", "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, "U*U"},
		{hashed{"bcrypt", 0, "", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, "U*U"},
		{hashed{"bcrypt", 0, "", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, "U*U"},
	} {
		var v problem.Validation
		c := readHashed(&v, "users[0]", row.hashed)
		if err := v.Err(); err != nil {
			t.Errorf("%s: %v", row.scheme, err)
			continue
		}
		if ok, err := h.verify(t.Context(), c, row.password); err != nil || !ok {
			t.Errorf("%s with %d: the right password: %v, %v", row.scheme, row.factor, ok, err)
		}
		if ok, err := h.verify(t.Context(), c, row.password+" "); err != nil || ok {
			t.Errorf("%s with %d: a wrong password: %v, %v", row.scheme, row.factor, ok, err)
		}
	}
}

func TestReadHashed_Unreadable(t *testing.T) {
	t.Parallel()
	const hash = "aiVUVqdJ+QMv+n5vlNrYGWTrJpikvjpeVRjC7931A1Q="
	for _, row := range []struct {
		hashed
		want []string
	}{
		{hashed{"phpass-md5", 1, vectorSalt, hash}, []string{"[invalid]users[0].encryptionScheme"}},
		{hashed{"argon2id", 1, vectorSalt, hash}, []string{"[invalid]users[0].encryptionScheme"}},
		{hashed{"salted-pbkdf2-hmac-sha256", -1, vectorSalt, hash}, []string{"[invalid]users[0].factor"}},
		{hashed{"salted-pbkdf2-hmac-sha256", maxFactor + 1, vectorSalt, hash}, []string{"[invalid]users[0].factor"}},
		{hashed{"salted-pbkdf2-hmac-sha256", 1, "", hash}, []string{"[invalid]users[0].salt"}},
		{hashed{"salted-pbkdf2-hmac-sha256", 1, "not base64!", "neither is this"}, []string{"[invalid]users[0].salt", "[invalid]users[0].password"}},
		{hashed{"salted-pbkdf2-hmac-sha256-512", 1, vectorSalt, hash}, []string{"[invalid]users[0].password"}},
		{hashed{"bcrypt", 17, "CCCCCCCCCCCCCCCCCCCCC.", "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, []string{"[invalid]users[0].factor"}},
		{hashed{"bcrypt", 0, "", "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, []string{"[invalid]users[0].password"}},
		{hashed{"bcrypt", 5, "CCCCCCCCCCCCCCCCCCCCC", "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, []string{"[invalid]users[0].password"}},
		{hashed{"bcrypt", 5, "CCCCCCCCCCCCCCCCCCCCC.", "E5YPO9kmyuRGyh0XouQYb4YMJKvyOe$"}, []string{"[invalid]users[0].password"}},
		{hashed{"bcrypt", 5, "", ""}, []string{"[invalid]users[0].password"}},
	} {
		var v problem.Validation
		readHashed(&v, "users[0]", row.hashed)
		var got []string
		if p, ok := problem.As(v.Err()); ok {
			for _, f := range p.Fields {
				got = append(got, f.Code)
				if strings.Contains(f.Message, row.hash) && row.hash != "" {
					t.Errorf("the message tells the hash: %s", f.Message)
				}
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%v: %v, want %v", row.scheme, got, row.want)
		}
	}
}
