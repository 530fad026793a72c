package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// NewKey is an API key to be made offline. The zero value is a random global key that may do everything.
type NewKey struct {
	Key, Name, Tenant string
	Manager           bool
}

// CreateKey makes an API key in the store itself and returns the key. On SQLite no server may be running on the store.
func CreateKey(ctx context.Context, store config.Store, k NewKey) (key string, err error) {
	a, err := New(ctx, Options{Settings: config.Serve{Store: store}})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, a.Stop(ctx)) }()
	return a.CreateKey(ctx, k)
}

// Prune removes from the logs of a store what is older than its settings want, or, of what was sent, than days when that is not 0. On SQLite no server may
// be running on the store, and the space is given back to the disk.
func Prune(ctx context.Context, store config.Store, days int) (err error) {
	a, err := New(ctx, Options{Settings: config.Serve{Store: store}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Stop(context.WithoutCancel(ctx))) }()
	if err := a.trimTo(ctx, days); err != nil {
		return err
	}
	return a.store.Compact(ctx)
}

// Prunable is how many rows of each table Prune would remove. It changes nothing in a store that is up to date.
func Prunable(ctx context.Context, store config.Store, days int) (rows map[string]int64, err error) {
	a, err := New(ctx, Options{Settings: config.Serve{Store: store}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Stop(context.WithoutCancel(ctx))) }()
	return a.trimmable(ctx, days)
}

// Migrate brings a store up to date without starting anything, and returns the version of its schema.
func Migrate(ctx context.Context, store config.Store, logger *slog.Logger) (version int64, err error) {
	d, err := db.Open(ctx, db.Options{Dir: store.Data, URL: store.DatabaseURL.Reveal(), Logger: logger})
	if err != nil {
		return 0, err
	}
	return db.Version(), d.Close()
}

// CreateKey makes an API key and returns it.
func (a *App) CreateKey(ctx context.Context, k NewKey) (string, error) {
	created, err := a.keys.Create(ctx, nil, "", wire.APIKey{Key: k.Key, Name: k.Name, TenantID: wire.ID(k.Tenant), KeyManager: k.Manager},
		access.CreateOptions{AllowKeyManager: true})
	return created.Key, err
}

// LocalKey makes the API key that the commands on this machine use; see access.Service.Local.
func (a *App) LocalKey() string { return a.keys.Local() }

// Created tells whether the store is new: there was none when this process started.
func (a *App) Created() bool { return a.store.Created() }

// Fresh tells whether nobody has used the store yet: there is no API key and no user.
func (a *App) Fresh(ctx context.Context) (bool, error) { return a.untouched(ctx) }

// DefaultTenant is the tenant that every installation has.
func (a *App) DefaultTenant(ctx context.Context) (wire.ID, error) { return a.tenants.DefaultID(ctx) }

// SetUpToken is the right to make the first administrator with the admin UI, for half an hour; "" when there is one.
func (a *App) SetUpToken(ctx context.Context) (string, error) { return a.admins.SetUpToken(ctx) }

// Store is the store, for tests that look behind the API.
func (a *App) Store() *db.DB { return a.store }
