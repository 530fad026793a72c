package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
)

const (
	// mostTries is how many passwords may be tried for a name from an address within tryTime.
	mostTries = 10
	tryTime   = 5 * time.Minute
	// mostCounted is for how many names and addresses tries are counted, the latest. Who wants to be forgotten has to try as many other names.
	mostCounted = 10_000
)

// try counts that somebody tries to sign in, and is a problem of kind TooMany after too many tries. All names are counted alike, so that nobody learns from it
// whose they are.
func (s *Service) try(ctx context.Context, name, address string) error {
	sum := sha256.Sum256([]byte("admin try/" + strings.ToLower(strings.TrimSpace(name)) + "\x00" + address))
	var used int
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		over := tx.Now().Add(-tryTime).UnixMilli()
		if used, err = countTry(tx, hex.EncodeToString(sum[:]), over); err == nil && used == 1 {
			err = trimTries(tx, over, mostCounted)
		}
		return err
	})
	if err == nil && used > mostTries {
		err = problem.New(problem.TooMany, "[tooManyTries]", "This was tried too often.")
	}
	return err
}
