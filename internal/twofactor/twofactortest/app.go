// Package twofactortest has what users have besides a phone and a mailbox: an authenticator app.
package twofactortest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// AppCode is what an app with the usual settings (RFC 6238: HMAC-SHA-1, steps of 30 s) shows at a time. It is written anew from the RFC, so that it can
// tell whether the server is right.
func AppCode(secret []byte, digits int, at time.Time) string {
	var step [8]byte
	binary.BigEndian.PutUint64(step[:], uint64(at.Unix()/30))
	h := hmac.New(sha1.New, secret)
	h.Write(step[:])
	sum := h.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & math.MaxInt32
	return fmt.Sprintf("%0*d", digits, uint64(number)%uint64(math.Pow10(digits)))
}
