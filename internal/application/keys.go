package application

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// publicKeys are the ids of the keys with a public part that verify the tokens of an application: none for secrets, which only whoever signs can verify
// with.
func publicKeys(keys *key.Set, jwt tenant.JWT) (ids [2]wire.ID) {
	for i, id := range []wire.ID{jwt.AccessTokenKeyID, jwt.IDTokenKeyID} {
		if k := keys.Key(id); k != nil && k.HasPrivateKey {
			ids[i] = id
		}
	}
	return ids
}

// planKeys publishes jwt.public-key.update when the change of an application (was is nil for a new one) has its tokens verified with other keys.
func (s *Service) planKeys(tx *db.Tx, plan *publish.Plan, was *wire.Application, d *draft) error {
	keys, err := s.Keys.SetIn(tx)
	if err != nil {
		return err
	}
	settings, err := s.Tenants.SettingsIn(tx)
	if err != nil {
		return err
	}
	flows, ok := settings.Flows(d.tenant)
	if !ok {
		return tenant.ErrGone
	}
	before, after := [2]wire.ID{}, publicKeys(keys, settingsOf(&d.Application, flows).JWT)
	if was != nil {
		before = publicKeys(keys, settingsOf(was, flows).JWT)
	}
	if before != after {
		plan.Publish(&event.JWTPublicKeyUpdateEvent{Header: event.Header{Type: event.JWTPublicKeyUpdate}, ApplicationIDs: wire.List[wire.ID]{d.ID}})
	}
	return nil
}

// UpdateTenant replaces a tenant by what change makes of it. It is here because the keys of a tenant sign for the applications that have none of their
// own.
//
// Errors: those of tenant.Service.Update; publish.ErrRefused. Event: jwt.public-key.update.
func (s *Service) UpdateTenant(ctx context.Context, id wire.ID, info *wire.EventInfo, change tenant.Change) (updated wire.Tenant, err error) {
	var d *tenant.Draft
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: id,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if d, err = s.Tenants.Draft(tx, id, change); err != nil {
				return err
			}
			const path = "tenant.jwtConfiguration"
			var v problem.Validation
			before, after := d.Current.Extra["jwtConfiguration"], d.Changed.Extra["jwtConfiguration"]
			if tenant.JWTOf(before, tenant.JWT{}) != tenant.JWTOf(after, tenant.JWT{}) {
				if err := s.checkKeys(tx, &v, path, after); err != nil {
					return err
				}
			}
			if err := v.Err(); err != nil {
				return err
			}
			concerned, err := s.concerned(tx, d)
			if err != nil || len(concerned) == 0 {
				return err
			}
			plan.Publish(&event.JWTPublicKeyUpdateEvent{Header: event.Header{Type: event.JWTPublicKeyUpdate}, ApplicationIDs: concerned})
			return nil
		},
		Commit: func(tx *db.Tx) error {
			updated, err = d.Write(tx)
			return err
		},
	})
	return updated, err
}

// concerned are the applications of a tenant whose tokens are verified with other keys once d is written.
func (s *Service) concerned(tx *db.Tx, d *tenant.Draft) (ids []wire.ID, err error) {
	keys, err := s.Keys.SetIn(tx)
	if err != nil {
		return nil, err
	}
	rows, err := rowsOfTenant(tx, d.Current.ID)
	if err != nil {
		return nil, err
	}
	all, err := s.openAll(rows)
	if err != nil {
		return nil, err
	}
	was, will := tenant.FlowsOf(&d.Current), tenant.FlowsOf(&d.Changed)
	for _, a := range all {
		if publicKeys(keys, settingsOf(&a, was).JWT) != publicKeys(keys, settingsOf(&a, will).JWT) {
			ids = append(ids, a.ID)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// checkKeys adds the keys of a jwtConfiguration that do not exist or cannot sign.
func (s *Service) checkKeys(tx *db.Tx, v *problem.Validation, path string, raw json.RawMessage) error {
	m := loose.Members(raw)
	keys, err := s.Keys.SetIn(tx)
	if err != nil {
		return err
	}
	for _, name := range []string{"accessTokenKeyId", "idTokenKeyId"} {
		id := loose.ID(m[name])
		if id == "" || v.Has(path+"."+name) {
			continue
		}
		k := keys.Key(id)
		v.Check(k != nil, path+"."+name, "invalid", "There is no key with the id %s.", id)
		v.Check(k == nil || k.CanSign(), path+"."+name, "invalid", "The key %s cannot sign: it has no private part.", id)
	}
	return nil
}
