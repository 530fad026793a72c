package entity

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. All are required.
type Options struct {
	DB      *db.DB
	Events  publish.Doer
	Tenants *tenant.Service
	Keys    *key.Service
	Sealer  *key.Sealer
	// TenantOfUser returns the tenant of a user, or problem.ErrNotFound.
	TenantOfUser func(tx *db.Tx, user wire.ID) (wire.ID, error)
}

// Service manages entities. It is safe for concurrent use.
type Service struct {
	Options
	types     *Types
	grants    *Grants
	positions search.Positions
}

// New returns the entities in o.DB.
func New(o Options) *Service {
	s := &Service{Options: o, types: newTypes(o.DB, o.Keys)}
	s.grants = &Grants{s: s}
	return s
}

// Types are the entity types.
func (s *Service) Types() *Types { return s.types }

// Grants are the grants on entities.
func (s *Service) Grants() *Grants { return s.grants }

// Entity is an entity as stored, its client secret included.
type Entity struct {
	wire.Entity
	version int64
}

// Load returns the entity, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (e *Entity, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		e, err = s.load(tx, id)
		return err
	})
	return e, err
}

// Create makes an entity of a tenant, under id or under a new one if that is empty. info is the origin of the request.
//
// Errors: problem.Invalid with everything that is wrong with the request; publish.ErrRefused. Events: entity.create, entity.create.complete.
func (s *Service) Create(ctx context.Context, tenantID, id wire.ID, given wire.Entity, info *wire.EventInfo) (*Entity, error) {
	given.ClientSecret = cmp.Or(given.ClientSecret, rand.Text()+rand.Text()) // 52 letters and digits, 260 bits
	var e *Entity
	err := s.Events.Do(ctx, publish.Operation{
		Tenant: tenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			e = &Entity{Entity: given, version: 1}
			e.ID, e.TenantID = cmp.Or(id, wire.ID(db.NewID())), tenantID
			e.InsertInstant, e.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
			if err := s.check(tx, plan, &e.Entity, &wire.Entity{}); err != nil {
				return err
			}
			plan.Publish(&event.EntityEvent{Header: event.About(event.EntityCreate, e.ID), Entity: e.Entity})
			return nil
		},
		Commit: func(tx *db.Tx) error {
			// Asked here and not before: whoever deletes the tenant marks it first.
			if exists, err := s.Tenants.ExistsIn(tx, tenantID); err != nil || !exists {
				return cmp.Or(err, tenant.ErrGone)
			}
			return s.insert(tx, &e.Entity)
		},
	})
	return e, err
}

// Update replaces what a caller may set of an entity by what given says; client id and secret stay when given has none. original is the entity
// as loaded before: when somebody else changed it since, the answer is a conflict and nothing happens.
//
// Errors: as of [Service.Create]; problem.Stale. Events: entity.update, entity.update.complete.
func (s *Service) Update(ctx context.Context, original *Entity, given wire.Entity, info *wire.EventInfo) (*Entity, error) {
	var e *Entity
	err := s.Events.Do(ctx, publish.Operation{
		Tenant: original.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			if err := unmoved(tx, original); err != nil {
				return err
			}
			e = &Entity{Entity: given, version: original.version + 1}
			e.ID, e.TenantID = original.ID, original.TenantID
			e.InsertInstant, e.LastUpdateInstant = original.InsertInstant, wire.Instant(tx.NowMillis())
			e.ClientID, e.ClientSecret = cmp.Or(strings.TrimSpace(given.ClientID), original.ClientID), cmp.Or(given.ClientSecret, original.ClientSecret)
			e.Type.ID = cmp.Or(given.Type.ID, original.Type.ID)
			if err := s.check(tx, plan, &e.Entity, &original.Entity); err != nil {
				return err
			}
			plan.Publish(&event.EntityUpdateEvent{Header: event.About(event.EntityUpdate, e.ID), Original: original.Entity, Entity: e.Entity})
			return nil
		},
		Commit: func(tx *db.Tx) error { return s.update(tx, original, &e.Entity) },
	})
	return e, err
}

// Delete removes an entity, with the grants on it and those it has. One that others belong to stays: `[inUse]entityId`.
//
// Errors: problem.ErrNotFound when it is gone meanwhile; problem.Stale; publish.ErrRefused. Events: entity.delete, entity.delete.complete.
func (s *Service) Delete(ctx context.Context, original *Entity, info *wire.EventInfo) error {
	var e *Entity
	err := s.Events.Do(ctx, publish.Operation{
		Tenant: original.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if e, err = s.load(tx, original.ID); err != nil {
				return err
			}
			has, err := hasChildren(tx, e.ID)
			if err != nil {
				return err
			}
			if has {
				return parentInUse()
			}
			plan.Publish(&event.EntityEvent{Header: event.About(event.EntityDelete, e.ID), Entity: e.Entity})
			return nil
		},
		Commit: func(tx *db.Tx) error { return remove(tx, e) },
	})
	if db.IsForeignKey(err) { // another entity began to belong to it while the webhooks were asked
		return parentInUse()
	}
	return err
}

func parentInUse() error {
	var v problem.Validation
	v.Field("entityId", "inUse", "Other entities belong to this one (parentId). Delete them first, or give them another parent.")
	return v.Err()
}

// check brings e, which is about to replace original, into canonical form, gives it the whole of its type, and claims its id and client id for
// the operation. original is empty for a new entity. Errors: problem.Invalid with everything that is wrong.
func (s *Service) check(tx *db.Tx, plan *publish.Plan, e, original *wire.Entity) error {
	types, err := s.types.cache.LoadIn(tx)
	if err != nil {
		return err
	}
	var v problem.Validation
	checkMembers(&v, e)
	checkType(&v, types, e, original)
	if original.ID == "" {
		free, err := claim(tx, plan, "entity/id/"+string(e.ID), func() (bool, error) { return exists(tx, e.ID) })
		if err != nil {
			return err
		}
		v.Check(free, "entityId", "duplicate", "There is an entity with the id %s already.", e.ID)
	}
	if e.ClientID != original.ClientID && !v.Has("entity.clientId") {
		free, err := claim(tx, plan, "entity/client/"+string(e.TenantID)+"/"+search.Fold(e.ClientID), func() (bool, error) { return clientIDTaken(tx, e, original.ID) })
		if err != nil {
			return err
		}
		v.Check(free, "entity.clientId", "duplicate", "There is an entity with the client id %q already; case does not count.", e.ClientID)
	}
	if e.ParentID != original.ParentID {
		if err := checkParent(tx, &v, e); err != nil {
			return err
		}
	}
	return v.Err()
}

// checkType puts the type in the place of its id.
func checkType(v *problem.Validation, types *catalogue, e, original *wire.Entity) {
	const path = "entity.type.id"
	k := types.byID[e.Type.ID]
	switch {
	case e.Type.ID == "":
		v.Field(path, "missing", "An entity needs a type.")
	case original.Type.ID != "" && e.Type.ID != original.Type.ID:
		v.Field(path, "invalid", "The type of an entity cannot change: this one is %s.", original.Type.ID)
	case k == nil:
		v.Field(path, "invalid", "There is no entity type with the id %s.", e.Type.ID)
	default:
		e.Type = k.EntityType
	}
}

// checkParent adds what stands against the parent of e.
func checkParent(tx *db.Tx, v *problem.Validation, e *wire.Entity) error {
	if e.ParentID == "" {
		return nil
	}
	tenant, err := tenantOf(tx, e.ParentID)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return err
	}
	v.Check(tenant == e.TenantID || e.ParentID == e.ID, "entity.parentId", "invalid", "There is no entity with the id %s in this tenant.", e.ParentID)
	if v.Has("entity.parentId") {
		return nil
	}
	below, err := belongsTo(tx, e.ParentID, e.ID)
	if err != nil {
		return err
	}
	v.Check(!below, "entity.parentId", "invalid", "An entity cannot belong to itself, nor to one that belongs to it.")
	return nil
}

// claim keeps a name for the operation and tells whether nobody else has it. It reserves first and looks then: between the commit of another
// operation and its release of the name there is no gap.
func claim(tx *db.Tx, plan *publish.Plan, name string, taken func() (bool, error)) (free bool, err error) {
	switch err := plan.Reserve(tx, name, errTaken); {
	case errors.Is(err, errTaken):
		return false, nil
	case err != nil:
		return false, err
	}
	has, err := taken()
	return !has, err
}

var errTaken = errors.New("entity: the name is reserved")
