package twofactor

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what RFC 6238 and every app have as their default
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"time"

	"github.com/herald-events/herald/wire"
)

// totpWindow is how many time steps a clock may be off, in both directions. RFC 6238 section 5.2 recommends one.
const totpWindow = 1

// totp is how the app of one method makes its codes.
type totp struct {
	new    func() hash.Hash
	digits int
	step   time.Duration
}

func totpOf(a *wire.TwoFactorAuthenticator) totp {
	t := totp{new: sha1.New, digits: 6, step: 30 * time.Second}
	if a == nil {
		return t
	}
	switch a.Algorithm {
	case "HmacSHA256":
		t.new = sha256.New
	case "HmacSHA512":
		t.new = sha512.New
	}
	if a.CodeLength > 0 {
		t.digits = a.CodeLength
	}
	if a.TimeStep > 0 {
		t.step = time.Duration(a.TimeStep) * time.Second
	}
	return t
}

// counter is the number of the time step that an instant is in.
func (t totp) counter(now time.Time) int64 { return now.Unix() / int64(t.step/time.Second) }

// code is that of a time step: RFC 4226 section 5.3.
func (t totp) code(secret []byte, counter int64) string {
	mac := hmac.New(t.new, secret)
	var message [8]byte
	binary.BigEndian.PutUint64(message[:], uint64(counter))
	mac.Write(message[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:offset+4]) & 0x7fffffff
	modulus := uint32(1)
	for range t.digits {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", t.digits, number%modulus)
}

// verify returns the time step that a code is of. Steps up to last were used and count no more; -1 stands for none. It takes the same time
// whatever the code is.
func (t totp) verify(secret []byte, code string, now time.Time, last int64) (counter int64, ok bool) {
	middle := t.counter(now)
	for c := middle - totpWindow; c <= middle+totpWindow; c++ {
		if subtle.ConstantTimeCompare([]byte(t.code(secret, c)), []byte(code)) == 1 && c > last && !ok {
			counter, ok = c, true
		}
	}
	return counter, ok
}
