package app

import (
	"context"
	"fmt"
	"os"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/kickstart"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// kickstart sets up an untouched store from the configured file, through the same handler that serves the API.
func (a *App) kickstart(ctx context.Context) error {
	path := a.o.Settings.Kickstart
	if path == "" {
		return nil
	}
	defaultTenant, err := a.tenants.DefaultID(ctx)
	if err != nil {
		return err
	}
	file, err := kickstart.Load(path, os.LookupEnv, kickstart.BuiltIns{Values: map[string]string{
		"FUSIONAUTH_APPLICATION_ID":         string(tenant.AdminApplicationID),
		"FUSIONAUTH_TENANT_ID":              string(defaultTenant),
		"FUSIONAUTH_DEFAULT_SIGNING_KEY_ID": string(tenant.DefaultSigningKeyID),
	}})
	if err != nil {
		return err
	}
	_, err = kickstart.Run(ctx, file, kickstart.Target{
		Untouched:     a.untouched,
		DefaultTenant: func(ctx context.Context, id string) error { return a.tenants.SetDefaultID(ctx, wire.ID(id)) },
		CreateKey:     a.createKey,
		Handler:       a.handler,
		Success:       a.announceKickstart,
	}, a.log)
	return err
}

// untouched tells whether nobody has used the store: no keys, no users. The default tenant and the built-in application do not count.
func (a *App) untouched(ctx context.Context) (untouched bool, err error) {
	err = a.store.View(ctx, func(tx *db.Tx) error {
		keys, err := a.keys.Any(tx)
		if err != nil {
			return err
		}
		users, err := a.users.Any(tx)
		untouched = !keys && !users
		return err
	})
	return untouched, err
}

func (a *App) createKey(ctx context.Context, k kickstart.APIKey) error {
	given := wire.APIKey{
		Key: k.Key, Name: k.Name, KeyManager: k.KeyManager, TenantID: wire.ID(k.TenantID),
		Permissions:           wire.APIKeyPermissions{Endpoints: k.Permissions},
		IPAccessControlListID: wire.ID(k.IPAccessControlListID),
		ExpirationInstant:     k.ExpirationInstant,
		Retrievable:           k.Retrievable,
	}
	if k.Description != "" {
		given.MetaData.Attributes = map[string]string{"description": k.Description}
	}
	// A request of the same file may create the key's tenant later.
	_, err := a.keys.Create(ctx, nil, wire.ID(k.ID), given, access.CreateOptions{AllowKeyManager: true, AllowUnknownTenant: true})
	return err
}

// announceKickstart tells the webhooks, those that the kickstart created among them.
func (a *App) announceKickstart(ctx context.Context) error {
	return a.store.Update(ctx, func(tx *db.Tx) error {
		instance, err := a.tenants.InstanceID(tx)
		if err != nil {
			return err
		}
		e := &event.KickstartSuccessEvent{Header: event.Header{Type: event.KickstartSuccess}, InstanceID: instance}
		if err := a.events.Announce(tx, "", nil, e); err != nil {
			return fmt.Errorf("announce %s: %w", event.KickstartSuccess, err)
		}
		return nil
	})
}
