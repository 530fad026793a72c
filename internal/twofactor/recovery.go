package twofactor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// recoveryCount is how many codes a user gets.
const recoveryCount = 10

// newRecoveryCodes returns codes as they are shown: XXXXX-XXXXX.
func newRecoveryCodes() []string {
	codes := make([]string, recoveryCount)
	for i := range codes {
		codes[i] = tenant.RandomText(readable, 5) + "-" + tenant.RandomText(readable, 5)
	}
	return codes
}

// hashRecoveryCode is what is kept of a code. It is the same however the code is typed.
func hashRecoveryCode(user wire.ID, code string) string {
	sum := sha256.Sum256([]byte(string(user) + "/" + strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))))
	return hex.EncodeToString(sum[:])
}

// hashes are the codes that are left. They are sealed in the store: fifty bits could be found by trying if only their hashes were there.
type hashes []string

// contains may take a time that depends on the hash: that tells nothing about the code.
func (h hashes) contains(hash string) bool { return slices.Contains(h, hash) }

func recoveryPlace(user wire.ID) string { return "two_factor_recovery/" + string(user) }

// recoveryCodes returns the codes that a user has left. With lock, others that want them wait.
func (s *Service) recoveryCodes(tx *db.Tx, user wire.ID, lock bool) (left hashes, err error) {
	text, err := loadRecovery(tx, user, lock)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = sealed.OpenJSON(s.o.Sealer, recoveryPlace(user), text, &left)
	return left, err
}

func (s *Service) storeRecoveryCodes(tx *db.Tx, user wire.ID, left hashes) error {
	text, err := sealed.SealJSON(s.o.Sealer, recoveryPlace(user), left)
	if err != nil {
		return err
	}
	return storeRecovery(tx, user, text)
}

// giveRecoveryCodes replaces the codes of a user by new ones.
func (s *Service) giveRecoveryCodes(tx *db.Tx, user wire.ID, codes []string) error {
	left := make(hashes, len(codes))
	for i, code := range codes {
		left[i] = hashRecoveryCode(user, code)
	}
	return s.storeRecoveryCodes(tx, user, left)
}

func (s *Service) useRecoveryCode(tx *db.Tx, user wire.ID, hash string) error {
	left, err := s.recoveryCodes(tx, user, true)
	if err != nil {
		return err
	}
	i := slices.Index(left, hash)
	if i < 0 {
		return ErrWrongCode
	}
	return s.storeRecoveryCodes(tx, user, slices.Delete(left, i, i+1))
}

// NewRecoveryCodes replaces the recovery codes of a user, who must have a second factor. The codes are shown this once.
//
// Errors: problem.Invalid, problem.ErrNotFound.
func (s *Service) NewRecoveryCodes(ctx context.Context, id wire.ID) ([]string, error) {
	codes := newRecoveryCodes()
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		u, err := s.o.Users.LoadIn(tx, id)
		if err != nil {
			return err
		}
		if len(u.TwoFactor.Methods) == 0 {
			var v problem.Validation
			v.Field("userId", "notConfigured", "Recovery codes are for users who have a second factor.")
			return v.Err()
		}
		// The user's row is written too, so that this and the removal of the last method cannot both succeed.
		if err := s.o.Users.WriteIn(tx, u, u.Copy()); err != nil {
			return err
		}
		return s.giveRecoveryCodes(tx, id, codes)
	})
	return codes, err
}
