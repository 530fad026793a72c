package tenant

import (
	"cmp"
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

const (
	// DefaultSigningKeyID names the key that signs tokens unless a tenant or an application names another.
	DefaultSigningKeyID wire.ID = "7d1c3e52-61a8-4c0f-9b1e-2f5a4d8e6c70"
	// DefaultThemeID names the theme that exists from the first start, which tenants have unless they name another. It is FusionAuth's, because kickstart
	// files copy it.
	DefaultThemeID wire.ID = "75a068fd-e94b-451a-9aeb-3ddb9a3b5987"
)

// Bootstrap gives an empty store its identity and the default tenant, with the given id, or a new one if that is empty. On any other store it does
// nothing. Several processes may call it at once: one of them does it.
func (s *Service) Bootstrap(ctx context.Context, defaultTenant wire.ID) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		if i, err := loadInstance(tx); err != nil || i.id != "" {
			return err
		}
		now := wire.Instant(tx.NowMillis())
		t := wire.Tenant{ID: cmp.Or(defaultTenant, wire.ID(db.NewID())), Name: "Default", InsertInstant: now, LastUpdateInstant: now}
		var v problem.Validation
		check(&v, &t)
		if err := v.Err(); err != nil {
			return err
		}
		r, err := s.seal(t, nil)
		if err != nil {
			return err
		}
		// The name is unique, so a second process waits here for the first one's commit, and then has nothing to do.
		inserted, err := insertTenant(tx, r)
		if err != nil || !inserted {
			return err
		}
		if err := insertInstance(tx, instance{id: wire.ID(db.NewID()), defaultTenant: t.ID}); err != nil {
			return err
		}
		return tx.Bump(Topic)
	})
}

// SetDefaultID gives the default tenant another id, which a kickstart file may ask for. It is refused once there is another tenant or
// anything that refers to the default one; only the built-in application follows it.
func (s *Service) SetDefaultID(ctx context.Context, id wire.ID) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		rows, err := allTenants(tx)
		if err != nil {
			return err
		}
		switch {
		case len(rows) == 1 && rows[0].id == id:
			return nil
		case len(rows) != 1:
			return problem.New(problem.Invalid, "[invalid]defaultTenantId", "The default tenant's id cannot change any more: there are other tenants.")
		}
		old := rows[0]
		values, err := s.openSecrets(old)
		if err != nil {
			return err
		}
		sealed, err := s.sealSecrets(id, values) // a sealed text belongs to one id
		if err != nil {
			return err
		}
		if err := renameTenant(tx, old.id, id, sealed); err != nil {
			if db.IsForeignKey(err) {
				return problem.New(problem.Invalid, "[invalid]defaultTenantId", "The default tenant's id cannot change any more: the tenant is in use.")
			}
			return err
		}
		return tx.Bump(Topic)
	})
}

// KeyCheck returns a text that was sealed with the master key this store belongs to: what the first call ever stored, which seal made.
// Whoever can open it has that key.
// While secrets are being sealed with another key there are two such texts, with a blank between them, and who works on the store must open both.
func (s *Service) KeyCheck(ctx context.Context, seal func() (string, error)) (sealed string, err error) {
	return s.once(ctx, func(i instance) string { return i.keyCheck }, storeKeyCheck, seal)
}

// SetKeyCheck replaces what KeyCheck returns.
func (s *Service) SetKeyCheck(ctx context.Context, sealed string) error {
	return s.db.Update(ctx, func(tx *db.Tx) error { return replaceKeyCheck(tx, sealed) })
}

// RecipientKey returns what the first call ever stored, which seal made: the sealed key of the hashes of recipients.
func (s *Service) RecipientKey(ctx context.Context, seal func() (string, error)) (sealed string, err error) {
	return s.once(ctx, func(i instance) string { return i.recipientKey }, storeRecipientKey, seal)
}

// once returns what is stored, and stores what seal makes where nothing is. Of several processes all get what one has stored.
func (s *Service) once(ctx context.Context, stored func(instance) string, store func(tx *db.Tx, sealed string) error, seal func() (string, error)) (sealed string, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		i, err := loadInstance(tx)
		if err != nil {
			return err
		}
		if sealed = stored(i); sealed != "" {
			return nil
		}
		if sealed, err = seal(); err != nil {
			return err
		}
		if err = store(tx, sealed); err != nil {
			return err
		}
		i, err = loadInstance(tx) // another process may have been faster
		sealed = stored(i)
		return err
	})
	return sealed, err
}

// Sealed are the places where secrets of tenants and of the installation stand. The key check is none: it says which keys there are.
var Sealed = []sealed.Place{
	{Table: "tenant", Column: "secrets", Key: []string{"id"}, Context: func(key []string) string { return place(wire.ID(key[0])) }},
	{Table: "instance", Column: "recipient_key", Key: []string{"id"}, Context: func([]string) string { return RecipientKeyPlace }},
}

// RecipientKeyPlace is what the key of the hashes of recipients is bound to.
const RecipientKeyPlace = "instance/recipient_key"
