package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/entity"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/idp"
	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/internal/twofactor"
	"github.com/herald-events/herald/internal/webhook"
)

// secrets are all places of the store where something is sealed. A test looks for what is sealed elsewhere.
func secrets() []sealed.Place {
	return slices.Concat(tenant.Sealed, key.Sealed, webhook.Sealed, messenger.Sealed, application.Sealed, entity.Sealed, access.Sealed, ticket.Sealed, identity.Sealed,
		keep.Sealed, sink.Sealed, idp.Sealed, twofactor.Sealed)
}

// Rekey seals all secrets of a store with another key: HERALD_ENCRYPTION_KEY, while HERALD_ENCRYPTION_KEY_PREVIOUS is the one they are sealed with, or, without these, a
// new one that takes the place of that in the data folder. It may be killed at any instant:
//
//   - Before the first secret is touched, the store says that it needs both keys, and no server starts without them.
//   - Each secret is sealed with one of the two at every instant, and servers that have both read either.
//   - When all are done, the store says that it needs the new key alone. A key file takes its place after that.
//
// Whoever begins it again carries on. Servers on PostgreSQL may be running, if all of them have both keys and seal with the new one.
func Rekey(ctx context.Context, store config.Store, told func(place string, done int64)) (done key.Resealed, err error) {
	d, err := db.Open(ctx, db.Options{Dir: store.Data, URL: store.DatabaseURL.Reveal(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	before, after, err := sealers(store)
	if err != nil {
		return done, err
	}
	tenants := tenant.New(d, after)
	check, err := tenants.KeyCheck(ctx, func() (string, error) {
		return "", errors.New("there are no secrets in this store yet: start a server with the new key")
	})
	if err != nil {
		return done, err
	}
	for _, sealed := range strings.Fields(check) {
		if !opensCheck(after, sealed) {
			return done, errors.New("neither key is the one that the secrets in this store are encrypted with")
		}
	}
	if err := everybodyHas(ctx, d, after.ID()); err != nil {
		return done, err
	}
	own, err := sealCheck(after)
	if err != nil {
		return done, err
	}
	both, err := sealCheck(before)
	if err != nil {
		return done, err
	}
	if err := tenants.SetKeyCheck(ctx, both+" "+own); err != nil {
		return done, err
	}
	crashpoint.Here("rekey-both")
	if done, err = key.Reseal(ctx, d, after, secrets(), told); err != nil {
		return done, err
	}
	if err := everybodyHas(ctx, d, after.ID()); err != nil { // one may have started while the store did not yet say what it needs
		return done, err
	}
	if err := d.Compact(ctx); err != nil { // what is sealed with the previous key in the space of rows that are gone goes, too
		return done, err
	}
	crashpoint.Here("rekey-all")
	if err := tenants.SetKeyCheck(ctx, own); err != nil {
		return done, err
	}
	crashpoint.Here("rekey-own")
	if store.EncryptionKey.IsSet() {
		return done, nil
	}
	return done, key.EndChange(store.Data)
}

// sealers are that of the key until now, and that of the next one, which opens what the former has sealed.
func sealers(store config.Store) (before, after *key.Sealer, err error) {
	if _, err := os.Stat(filepath.Join(store.Data, key.File)); err != nil && !store.EncryptionKey.IsSet() {
		return nil, nil, fmt.Errorf("there is no key in %s; give the one of this store as HERALD_ENCRYPTION_KEY_PREVIOUS, and the new one as HERALD_ENCRYPTION_KEY", store.Data)
	}
	master, _, err := key.LoadMaster(store.Data, store.EncryptionKey.Reveal())
	if err != nil {
		return nil, nil, err
	}
	if !store.EncryptionKey.IsSet() {
		next, err := key.BeginChange(store.Data)
		if err != nil {
			return nil, nil, err
		}
		return key.NewSealer(master), key.NewSealer(next, master), nil
	}
	others, err := key.LoadOthers(store.Data, store.EncryptionKeyPrevious.Reveal())
	if err != nil {
		return nil, nil, err
	}
	if !store.EncryptionKeyPrevious.IsSet() {
		return nil, nil, errors.New("HERALD_ENCRYPTION_KEY is the new key; give the one until now as HERALD_ENCRYPTION_KEY_PREVIOUS (or its file as HERALD_ENCRYPTION_KEY_PREVIOUS_FILE)")
	}
	return key.NewSealer(others[0]), key.NewSealer(master, others...), nil
}

// everybodyHas makes sure that the servers that are running seal with a key.
func everybodyHas(ctx context.Context, d *db.DB, id string) error {
	var living []outbox.Living
	err := d.View(ctx, func(tx *db.Tx) (err error) { living, err = outbox.LivingNodes(tx); return err })
	if err != nil {
		return err
	}
	for _, node := range living {
		if first, _, _ := strings.Cut(node.Keys, " "); first != id {
			return fmt.Errorf("the server %s is running without the new key as its HERALD_ENCRYPTION_KEY: start it anew with that one, "+
				"and the one until now as HERALD_ENCRYPTION_KEY_PREVIOUS, or stop it", node.ID)
		}
	}
	return nil
}
