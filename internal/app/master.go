package app

import (
	"context"
	"errors"

	"github.com/herald-events/herald/internal/key"
)

// checkMaster makes sure that this process has the key that the secrets in the store were encrypted with. Found out at the first start of a
// second server, it is a sentence; found out later, it is webhooks that can no longer be sent to.
func (a *App) checkMaster(ctx context.Context, sealer *key.Sealer) error {
	const place, word = "instance/check", "herald"
	sealed, err := a.tenants.KeyCheck(ctx, func() (string, error) { return sealer.Seal(place, []byte(word)) })
	if err != nil {
		return err
	}
	if plain, err := sealer.Open(place, sealed); err != nil || string(plain) != word {
		return errors.New("the encryption key is not the one that the secrets in this store were encrypted with; " +
			"give this server the same HERALD_ENCRYPTION_KEY, or the same herald.key file, as the one that created the store")
	}
	return nil
}
