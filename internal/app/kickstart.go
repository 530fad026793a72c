package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/kickstart"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// KickstartBuiltIns are the names that every kickstart file may use. Without an id of a default tenant it has a made-up one, which is enough to check a file.
func KickstartBuiltIns(defaultTenant string) kickstart.BuiltIns {
	return kickstart.BuiltIns{Values: map[string]string{
		"FUSIONAUTH_APPLICATION_ID":         string(application.AdminID),
		"FUSIONAUTH_TENANT_ID":              cmp.Or(defaultTenant, "00000000-0000-4000-8000-000000000000"),
		"FUSIONAUTH_DEFAULT_SIGNING_KEY_ID": string(tenant.DefaultSigningKeyID),
	}}
}

// exportSetUp is the set-up as a kickstart file, without secrets.
func (a *App) exportSetUp(ctx context.Context) ([]byte, error) {
	all := kickstart.SetUp{BuiltIn: []wire.ID{tenant.DefaultSigningKeyID, tenant.DefaultThemeID}}
	var err error
	if all.InitialMessages, all.InitialEmails, err = template.Defaults(); err != nil {
		return nil, err
	}
	if all.DefaultTenant, err = a.tenants.DefaultID(ctx); err != nil {
		return nil, err
	}
	// What names others is read before them, so that all it names is there.
	if all.Webhooks, err = a.webhooks.List(ctx); err != nil {
		return nil, err
	}
	if all.Sinks, err = a.sinks.List(ctx); err != nil {
		return nil, err
	}
	all.SinkSecrets = map[wire.ID][][]string{}
	for _, w := range all.Sinks {
		there, err := a.sinks.Secrets(ctx, w.ID)
		if errors.Is(err, problem.ErrNotFound) { // deleted a moment ago: it is exported all the same, without
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, setting := range sink.Settings(w.Type) {
			if slices.Contains(there, setting.Name) {
				all.SinkSecrets[w.ID] = append(all.SinkSecrets[w.ID], setting.Place(w.Type))
			}
		}
	}
	if all.Tenants, err = a.tenants.List(ctx); err != nil {
		return nil, err
	}
	for _, t := range all.Tenants {
		server, err := a.tenants.Mail(ctx, t.ID)
		if _, ok := problem.As(err); err != nil && !ok && !errors.Is(err, problem.ErrNotFound) { // a server that cannot be used may have a password
			return nil, err
		}
		if server.Password != "" {
			all.MailPasswords = append(all.MailPasswords, t.ID)
		}
	}
	if all.Messengers, err = a.messengers.List(ctx); err != nil {
		return nil, err
	}
	if all.Messages, err = a.templates.Messages().List(ctx); err != nil {
		return nil, err
	}
	if all.Emails, err = a.templates.Emails().List(ctx); err != nil {
		return nil, err
	}
	return kickstart.Export(all)
}

// loadKickstart reads and checks the configured file; nil when there is nothing to set up. On a store in use the file is not even read: the
// setting may stay after the file, or the environment that it reads, has gone.
func (a *App) loadKickstart(ctx context.Context) (*kickstart.File, error) {
	path := a.o.Settings.Kickstart
	if path == "" {
		return nil, nil //nolint:nilnil // no file is no error
	}
	untouched, err := a.untouched(ctx)
	if err != nil {
		return nil, err
	}
	if !untouched {
		a.logger.InfoContext(ctx, "kickstart skipped: the server already has users or API keys", "file", path)
		return nil, nil //nolint:nilnil // as above
	}
	defaultTenant, err := a.tenants.DefaultID(ctx)
	if err != nil {
		return nil, err
	}
	return kickstart.Load(path, os.LookupEnv, KickstartBuiltIns(string(defaultTenant)))
}

// runKickstart sets up an untouched store, through the same handler that serves the API.
func (a *App) runKickstart(ctx context.Context, file *kickstart.File) error {
	report, err := kickstart.Run(ctx, file, kickstart.Target{
		Untouched:     a.untouched,
		DefaultTenant: func(ctx context.Context, id string) error { return a.tenants.SetDefaultID(ctx, wire.ID(id)) },
		CreateKey:     a.createKey,
		Handler:       a.handler,
		Success:       a.announceKickstart,
	}, a.logger)
	if err != nil && len(report.Done) > 0 {
		// Not even an interrupt is an orderly end now: half of the set-up remains, and no later start goes on with it.
		return errors.New(err.Error())
	}
	if err != nil || report.Skipped {
		return err
	}
	for i, k := range file.APIKeys {
		if exists, err := a.tenants.Exists(ctx, wire.ID(k.TenantID)); k.TenantID != "" && err == nil && !exists {
			a.logger.Warn("an API key of the kickstart file belongs to a tenant that does not exist, so it can do nothing", "key", i+1, "tenant", k.TenantID)
		}
	}
	return nil
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
