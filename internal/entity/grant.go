package entity

import (
	"context"
	"errors"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Grants say who may do what with an entity. They are safe for concurrent use.
type Grants struct {
	s         *Service
	positions search.Positions
}

// Recipient is who has a grant: a user or an entity, one of them.
type Recipient struct{ UserID, EntityID wire.ID }

// Check adds what is wrong with r. prefix is put before the names of the members ("grant." for a grant in a body).
func (r Recipient) Check(v *problem.Validation, prefix string) {
	switch {
	case r == Recipient{}:
		v.Field(prefix+"userId", "missing", "Say who has the grant: userId or recipientEntityId.")
	case r.UserID != "" && r.EntityID != "":
		v.Field(prefix+"recipientEntityId", "invalid", "A grant is either a user's or an entity's: give userId or recipientEntityId, not both.")
	}
}

// Put makes the grant that given says on an entity, in the place of the one that its recipient has.
//
// A grant that names no permissions has those that are default. Errors: problem.Invalid with everything that is wrong; problem.Stale.
func (g *Grants) Put(ctx context.Context, on *Entity, given wire.EntityGrant) error {
	to := Recipient{given.UserID, given.RecipientEntityID}
	return g.write(ctx, on, to, func(*wire.EntityGrant) (wire.EntityGrant, error) { return given, nil })
}

// Patch replaces the grant that to has on an entity by what change makes of it. change gets it as it is, may run more than once, and may fail. It is
// problem.ErrNotFound without such a grant; otherwise errors are as of [Grants.Put].
func (g *Grants) Patch(ctx context.Context, on *Entity, to Recipient, change func(current wire.EntityGrant) (wire.EntityGrant, error)) error {
	var v problem.Validation
	to.Check(&v, "grant.")
	if err := v.Err(); err != nil {
		return err
	}
	return g.write(ctx, on, to, func(current *wire.EntityGrant) (wire.EntityGrant, error) {
		if current == nil {
			return wire.EntityGrant{}, problem.ErrNotFound
		}
		return change(*current)
	})
}

// write replaces the grant that to has on an entity, nil without one, by what change makes of it.
func (g *Grants) write(ctx context.Context, on *Entity, to Recipient, change func(current *wire.EntityGrant) (wire.EntityGrant, error)) error {
	return g.s.DB.Update(ctx, func(tx *db.Tx) error {
		var v problem.Validation
		to.Check(&v, "grant.")
		var current *grant
		if v.Err() == nil {
			var err error
			if current, err = g.load(tx, on, to); err != nil && !errors.Is(err, problem.ErrNotFound) {
				return err
			}
			if err := g.checkRecipient(tx, &v, on, to); err != nil {
				return err
			}
		}
		var before *wire.EntityGrant
		if current != nil {
			before = &current.EntityGrant
		}
		after, err := change(before)
		if err != nil {
			return err
		}
		permissions, err := g.permissions(tx, &v, on, after.Permissions)
		if err != nil {
			return err
		}
		if err := v.Err(); err != nil {
			return err
		}
		if current == nil {
			return insertGrant(tx, on.ID, to, after.Data, permissions)
		}
		return updateGrant(tx, current, after.Data, permissions)
	})
}

// checkRecipient adds that there is no such user or entity in the tenant of the entity that the grant is on.
func (g *Grants) checkRecipient(tx *db.Tx, v *problem.Validation, on *Entity, to Recipient) error {
	path, what, id, find := "grant.userId", "user", to.UserID, g.s.TenantOfUser
	if to.UserID == "" {
		path, what, id, find = "grant.recipientEntityId", "entity", to.EntityID, tenantOf
	}
	tenant, err := find(tx, id)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return err
	}
	v.Check(err == nil && tenant == on.TenantID, path, "invalid", "There is no %s with the id %s in the tenant of the entity.", what, id)
	return nil
}

// permissions returns the ids of the permissions with these names, or of those that are default.
func (g *Grants) permissions(tx *db.Tx, v *problem.Validation, on *Entity, names []string) ([]wire.ID, error) {
	types, err := g.s.types.cache.LoadIn(tx)
	if err != nil {
		return nil, err
	}
	var ids []wire.ID
	var known []string
	for _, p := range types.of(on.Type.ID).Permissions {
		known = append(known, p.Name)
		if slices.Contains(names, p.Name) || len(names) == 0 && p.IsDefault {
			ids = append(ids, p.ID)
		}
	}
	search.CheckOneOf(v, "grant.permissions", "permission of the entity's type", known, names...)
	return ids, nil
}

// Load returns the grant that to has on an entity, or problem.ErrNotFound.
func (g *Grants) Load(ctx context.Context, on *Entity, to Recipient) (found wire.EntityGrant, err error) {
	err = g.s.DB.View(ctx, func(tx *db.Tx) error {
		one, err := g.load(tx, on, to)
		if err == nil {
			found = one.EntityGrant
		}
		return err
	})
	return found, err
}

// List returns all grants on an entity, the oldest first.
func (g *Grants) List(ctx context.Context, on *Entity) (all []wire.EntityGrant, err error) {
	err = g.s.DB.View(ctx, func(tx *db.Tx) error {
		found, err := listGrants(tx, on.ID)
		if err != nil {
			return err
		}
		all, err = g.open(tx, found)
		return err
	})
	return all, err
}

// Search returns a page of grants, and how many match in all: exactly up to search.MaxCount, beyond it at least so many. scope confines it to a
// tenant; empty means all. Errors: problem.Invalid.
func (g *Grants) Search(ctx context.Context, scope wire.ID, c wire.EntityGrantSearch) (all []wire.EntityGrant, total int, err error) {
	var v problem.Validation
	search.CheckText(&v, "search.name", c.Name)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = g.s.DB.View(ctx, func(tx *db.Tx) error {
		var found []*grant
		if found, total, err = findGrants(tx, &g.positions, scope, c); err != nil {
			return err
		}
		all, err = g.open(tx, found)
		return err
	})
	return all, total, err
}

// Delete takes the grant away that to has on an entity. It is problem.ErrNotFound without one.
func (g *Grants) Delete(ctx context.Context, on *Entity, to Recipient) error {
	return g.s.DB.Update(ctx, func(tx *db.Tx) error { return deleteGrant(tx, on.ID, to) })
}

// load returns the grant that to has on an entity, complete, or problem.ErrNotFound.
func (g *Grants) load(tx *db.Tx, on *Entity, to Recipient) (*grant, error) {
	found, err := loadGrant(tx, on.ID, to)
	if err != nil {
		return nil, err
	}
	all, err := g.open(tx, []*grant{found})
	if err != nil {
		return nil, err
	}
	found.EntityGrant = all[0]
	return found, nil
}

// open returns grants as clients see them: with their permissions, and with the entity but for its secret.
func (g *Grants) open(tx *db.Tx, found []*grant) ([]wire.EntityGrant, error) {
	types, err := g.s.types.cache.LoadIn(tx)
	if err != nil {
		return nil, err
	}
	granted, err := permissionsOf(tx, found)
	if err != nil {
		return nil, err
	}
	all := make([]wire.EntityGrant, len(found))
	for i, one := range found {
		all[i] = one.EntityGrant
		all[i].Permissions = granted[one.ID]
		on := one.on.Entity.Entity
		on.Type = types.of(on.Type.ID)
		all[i].Entity = &on
	}
	return all, nil
}
