package token

import (
	"cmp"
	"context"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Bounds of an import.
const (
	maxImport       = 10_000
	longestImported = 4096 // bytes
)

// Import stores refresh tokens of another system, all or none. Each names its user, its application and its value.
//
// Errors: problem.Invalid.
func (s *Service) Import(ctx context.Context, of wire.ID, req wire.RefreshTokenImportRequest) error {
	return s.DB.Update(ctx, func(tx *db.Tx) error {
		all, err := s.Applications.RegistryIn(tx)
		if err != nil {
			return err
		}
		settings, err := s.Tenants.SettingsIn(tx)
		if err != nil {
			return err
		}
		flows, ok := settings.Flows(of)
		if !ok {
			return ErrNoTenant
		}
		var v problem.Validation
		v.Check(len(req.RefreshTokens) > 0, "refreshTokens", "missing", "There is nothing to import.")
		v.Check(len(req.RefreshTokens) <= maxImport, "refreshTokens", "tooMany", "At most %d tokens can be imported at once.", maxImport)
		if err := v.Err(); err != nil {
			return err
		}
		now := wire.Instant(tx.NowMillis())
		for i, given := range req.RefreshTokens {
			path := fmt.Sprintf("refreshTokens[%d].", i)
			a := all.In(of, given.ApplicationID)
			v.Check(given.ApplicationID == "" || a != nil, path+"applicationId", "invalid", "There is no application with the id %s in the tenant.", given.ApplicationID)
			exists, err := userExists(tx, of, given.UserID)
			if err != nil {
				return err
			}
			v.Check(exists, path+"userId", "invalid", "There is no user with the id %s in the tenant.", given.UserID)
			v.Check(given.Token != "", path+"token", "blank", "The value of the token is missing.")
			v.Check(len(given.Token) <= longestImported, path+"token", "tooLong", "A token has at most %d bytes.", longestImported)
			if v.Err() != nil {
				continue
			}
			r := &Refresh{RefreshToken: given.RefreshToken, hash: hashOf(given.Token)}
			r.ID = cmp.Or(given.ID, wire.ID(db.NewID()))
			r.StartInstant = cmp.Or(given.StartInstant, now)
			r.InsertInstant = cmp.Or(given.InsertInstant, r.StartInstant)
			r.Expires = r.StartInstant + wire.Instant(Rules(flows, a).RefreshToken.Milliseconds())
			inserted, err := insertNew(tx, r)
			if err != nil {
				return err
			}
			v.Check(inserted, path+"token", "duplicate", "A token with this value or id is stored already.")
		}
		return v.Err()
	})
}
