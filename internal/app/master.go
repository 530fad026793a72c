package app

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/tenant"
)

// loadMasters returns the keys that secrets are sealed with: the first for what is written, all for what is read.
func loadMasters(store config.Store) ([][]byte, error) {
	master, _, err := key.LoadMaster(store.Data, store.EncryptionKey.Reveal())
	if err != nil {
		return nil, err
	}
	others, err := key.LoadOthers(store.Data, store.EncryptionKeyPrevious.Reveal())
	return append([][]byte{master}, others...), err
}

// The key check is a known word.
const checkPlace, checkWord = "instance/check", "herald"

func sealCheck(sealer *key.Sealer) (string, error) { return sealer.Seal(checkPlace, []byte(checkWord)) }

func opensCheck(sealer *key.Sealer, sealed string) bool {
	plain, err := sealer.Open(checkPlace, sealed)
	return err == nil && string(plain) == checkWord
}

// checkMaster makes sure that this process has the key that the secrets in the store were encrypted with. Found out at the first start of a
// second server, it is a sentence; found out later, it is webhooks that can no longer be sent to.
func (a *App) checkMaster(ctx context.Context, sealer *key.Sealer) error {
	checks, err := a.tenants.KeyCheck(ctx, func() (string, error) { return sealCheck(sealer) })
	if err != nil {
		return err
	}
	for _, sealed := range strings.Fields(checks) {
		// Beside other servers, one that goes on sealing with the previous key would leave secrets behind that nobody can read once that is gone.
		if opensCheck(sealer, sealed) && (a.store.Engine() == db.SQLite || sealer.Made(checks[strings.LastIndex(checks, " ")+1:]) || !strings.Contains(checks, " ")) {
			continue
		}
		if strings.Contains(checks, " ") {
			return errors.New("the secrets in this store are being encrypted with another key; give this server both keys " +
				"(HERALD_ENCRYPTION_KEY is the new one, HERALD_ENCRYPTION_KEY_PREVIOUS the one until now), or end the change with `herald db rekey`")
		}
		return errors.New("the encryption key is not the one that the secrets in this store were encrypted with; " +
			"give this server the same HERALD_ENCRYPTION_KEY, or the same herald.key file, as the one that created the store")
	}
	return nil
}

// recipientKey is what the hashes of recipients in the message log are made with. It is derived from the first key that the store had, and kept, so that equal recipients
// are still found when that key has been replaced.
func (a *App) recipientKey(ctx context.Context, sealer *key.Sealer, masters [][]byte) ([]byte, error) {
	checks, err := a.tenants.KeyCheck(ctx, nil) // checkMaster has seen to it that there is one
	if err != nil {
		return nil, err
	}
	first := masters[0]
	for _, master := range masters {
		if opensCheck(key.NewSealer(master), strings.Fields(checks)[0]) {
			first = master
		}
	}
	plain, err := hkdf.Key(sha256.New, first, nil, "herald message recipient v1", 32)
	if err != nil {
		return nil, err
	}
	sealed, err := a.tenants.RecipientKey(ctx, func() (string, error) { return sealer.Seal(tenant.RecipientKeyPlace, plain) })
	if err != nil {
		return nil, err
	}
	return sealer.Open(tenant.RecipientKeyPlace, sealed)
}
