package entity

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Types are the entity types and their permissions. They are safe for concurrent use.
type Types struct {
	db    *db.DB
	keys  *key.Service
	cache *db.Cache[*catalogue]
}

// topic of the cached catalogue.
const topic = "entity-type"

func newTypes(d *db.DB, keys *key.Service) *Types {
	return &Types{db: d, keys: keys, cache: db.NewCache(d, topic, readCatalogue)}
}

// catalogue is all types with their permissions. It is shared, so nobody may change it.
type catalogue struct {
	byName []*kind
	byID   map[wire.ID]*kind
}

// kind is an entity type as stored.
type kind struct {
	wire.EntityType
	version int64 // of the type and its permissions together
}

// of returns the type with that id, as much as is known of it: an entity that is read while it and its type are deleted may have lost it.
func (c *catalogue) of(id wire.ID) wire.EntityType {
	if k := c.byID[id]; k != nil {
		return k.EntityType
	}
	return wire.EntityType{ID: id}
}

// find returns the type with that id, or problem.ErrNotFound.
func (c *catalogue) find(id wire.ID) (*kind, error) {
	if k := c.byID[id]; k != nil {
		return k, nil
	}
	return nil, problem.ErrNotFound
}

// named returns the type that has the name, in any case.
func (c *catalogue) named(name string) *kind {
	for _, k := range c.byName {
		if search.Fold(k.Name) == search.Fold(name) {
			return k
		}
	}
	return nil
}

// hasPermission tells whether any type has a permission with that id.
func (c *catalogue) hasPermission(id wire.ID) bool {
	return slices.ContainsFunc(c.byName, func(k *kind) bool { return k.permission(id) != nil })
}

// permission returns the permission with that id, nil without one.
func (k *kind) permission(id wire.ID) *wire.EntityTypePermission {
	i := slices.IndexFunc(k.Permissions, func(p wire.EntityTypePermission) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return &k.Permissions[i]
}

// Create stores given under id, or under a new id if that is empty, together with the permissions it lists, and returns it as stored.
func (t *Types) Create(ctx context.Context, id wire.ID, given wire.EntityType) (created wire.EntityType, err error) {
	err = t.write(ctx, func(tx *db.Tx, all *catalogue) error {
		now := wire.Instant(tx.NowMillis())
		created = given
		created.ID = cmp.Or(id, wire.ID(db.NewID()))
		created.InsertInstant, created.LastUpdateInstant = now, now
		var v problem.Validation
		v.Check(all.byID[created.ID] == nil, "entityTypeId", "duplicate", "There is an entity type with the id %s already.", created.ID)
		if err := t.check(tx, &v, all, &created, ""); err != nil {
			return err
		}
		created.Permissions = newPermissions(&v, all, given.Permissions, now)
		if err := v.Err(); err != nil {
			return err
		}
		if err := insertType(tx, &created); err != nil {
			return err
		}
		for i := range created.Permissions {
			if err := insertPermission(tx, created.ID, &created.Permissions[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return created, err
}

// Load returns the type, or problem.ErrNotFound.
func (t *Types) Load(ctx context.Context, id wire.ID) (wire.EntityType, error) {
	all, err := t.stored(ctx)
	if err != nil {
		return wire.EntityType{}, err
	}
	k, err := all.find(id)
	if err != nil {
		return wire.EntityType{}, err
	}
	return k.EntityType, nil
}

// List returns all types by name.
func (t *Types) List(ctx context.Context) ([]wire.EntityType, error) {
	all, err := t.stored(ctx)
	if err != nil {
		return nil, err
	}
	types := make([]wire.EntityType, len(all.byName))
	for i, k := range all.byName {
		types[i] = k.EntityType
	}
	return types, nil
}

// stored is the catalogue as it is now, changes of other processes included.
func (t *Types) stored(ctx context.Context) (all *catalogue, err error) {
	err = t.db.View(ctx, func(tx *db.Tx) error {
		all, err = t.cache.LoadIn(tx)
		return err
	})
	return all, err
}

// Search returns a page of the types that match, and how many match in all.
func (t *Types) Search(ctx context.Context, c wire.EntityTypeSearch) (types []wire.EntityType, total int, err error) {
	var v problem.Validation
	search.CheckText(&v, "search.name", c.Name)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = t.db.View(ctx, func(tx *db.Tx) error {
		all, err := t.cache.LoadIn(tx)
		if err != nil {
			return err
		}
		var ids []wire.ID
		if ids, total, err = findTypes(tx, c); err != nil {
			return err
		}
		for _, id := range ids {
			types = append(types, all.of(id))
		}
		return nil
	})
	return types, total, err
}

// Update replaces the type by what change makes of it. change gets the type as it is, may run more than once, and may fail. The permissions stay
// as they are: they have operations of their own, and grants that name them.
func (t *Types) Update(ctx context.Context, id wire.ID, change func(current wire.EntityType) (wire.EntityType, error)) (updated wire.EntityType, err error) {
	err = t.write(ctx, func(tx *db.Tx, all *catalogue) error {
		current, err := all.find(id)
		if err != nil {
			return err
		}
		if updated, err = change(current.EntityType); err != nil {
			return err
		}
		updated.ID, updated.InsertInstant, updated.LastUpdateInstant = id, current.InsertInstant, wire.Instant(tx.NowMillis())
		updated.Permissions = current.Permissions
		var v problem.Validation
		if err := t.check(tx, &v, all, &updated, id); err != nil {
			return err
		}
		if err := v.Err(); err != nil {
			return err
		}
		return updateType(tx, &updated, current.version)
	})
	return updated, err
}

// Check reports what Update would say about given in the place of the type with that id, or Create without one, and stores nothing.
func (t *Types) Check(ctx context.Context, id wire.ID, given wire.EntityType) error {
	return t.db.View(ctx, func(tx *db.Tx) error {
		all, err := t.cache.LoadIn(tx)
		if err != nil {
			return err
		}
		var v problem.Validation
		if err := t.check(tx, &v, all, &given, id); err != nil {
			return err
		}
		if id == "" {
			newPermissions(&v, all, given.Permissions, 0)
		}
		return v.Err()
	})
}

// Delete removes the type and its permissions. One that any entity has stays: `[inUse]entityTypeId`.
func (t *Types) Delete(ctx context.Context, id wire.ID) error {
	err := t.write(ctx, func(tx *db.Tx, all *catalogue) error {
		if _, err := all.find(id); err != nil {
			return err
		}
		used, err := entitiesOfType(tx, id)
		if err != nil {
			return err
		}
		if used > 0 {
			return typeInUse(fmt.Sprintf("%d", used))
		}
		return deleteType(tx, id)
	})
	if db.IsForeignKey(err) { // an entity was created after we looked
		return typeInUse("one or more")
	}
	return err
}

func typeInUse(by string) error {
	var v problem.Validation
	v.Field("entityTypeId", "inUse", "The entity type is in use: entities of it there are %s. Delete them first.", by)
	return v.Err()
}

// CreatePermission adds a permission to a type, under id, else under the id it names itself, else under a new one, and returns it as stored.
func (t *Types) CreatePermission(ctx context.Context, of, id wire.ID, given wire.EntityTypePermission) (created wire.EntityTypePermission, err error) {
	err = t.writePermissions(ctx, of, func(tx *db.Tx, all *catalogue, k *kind) error {
		created = given
		created.ID = cmp.Or(id, given.ID, wire.ID(db.NewID()))
		created.InsertInstant, created.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
		var v problem.Validation
		v.Check(!all.hasPermission(created.ID), "permissionId", "duplicate", "There is a permission with the id %s already.", created.ID)
		v.Check(len(k.Permissions) < maxPermissions, "permission", "tooMany", "An entity type has at most %d permissions.", maxPermissions)
		checkPermission(&v, "permission", &created, k.Permissions)
		if err := v.Err(); err != nil {
			return err
		}
		return insertPermission(tx, of, &created)
	})
	return created, err
}

// UpdatePermission replaces a permission by what change makes of it. change gets it as it is, may run more than once, and may fail. Grants follow a
// new name.
func (t *Types) UpdatePermission(ctx context.Context, of, id wire.ID, change func(current wire.EntityTypePermission) (wire.EntityTypePermission, error)) (updated wire.EntityTypePermission, err error) {
	err = t.writePermissions(ctx, of, func(tx *db.Tx, _ *catalogue, k *kind) error {
		current := k.permission(id)
		if current == nil {
			return problem.ErrNotFound
		}
		if updated, err = change(*current); err != nil {
			return err
		}
		updated.ID, updated.InsertInstant, updated.LastUpdateInstant = id, current.InsertInstant, wire.Instant(tx.NowMillis())
		var v problem.Validation
		checkPermission(&v, "permission", &updated, k.Permissions)
		if err := v.Err(); err != nil {
			return err
		}
		return updatePermission(tx, &updated)
	})
	return updated, err
}

// DeletePermission removes a permission, from all grants as well.
func (t *Types) DeletePermission(ctx context.Context, of, id wire.ID) error {
	return t.writePermissions(ctx, of, func(tx *db.Tx, _ *catalogue, k *kind) error {
		if k.permission(id) == nil {
			return problem.ErrNotFound
		}
		return deletePermission(tx, id)
	})
}

// write runs fn in a transaction that changes types. Between fn's look and its insert somebody may have taken an id or a name: the second time that
// is found.
func (t *Types) write(ctx context.Context, fn func(tx *db.Tx, all *catalogue) error) (err error) {
	for range 2 {
		err = t.db.Update(ctx, func(tx *db.Tx) error {
			all, err := t.cache.LoadIn(tx)
			if err != nil {
				return err
			}
			if err := fn(tx, all); err != nil {
				return err
			}
			return tx.Bump(topic)
		})
		if !db.IsDuplicate(err) {
			break
		}
	}
	return err
}

// writePermissions is write for the permissions of one type, which change one after the other.
func (t *Types) writePermissions(ctx context.Context, of wire.ID, fn func(tx *db.Tx, all *catalogue, k *kind) error) error {
	return t.write(ctx, func(tx *db.Tx, all *catalogue) error {
		k, err := all.find(of)
		if err != nil {
			return err
		}
		if err := claimType(tx, of, k.version); err != nil {
			return err
		}
		return fn(tx, all, k)
	})
}
