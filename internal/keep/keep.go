// Package keep owns the configuration that Herald keeps without acting on it: themes, forms, lambdas, consents, identity providers and more.
// Whoever moves here from FusionAuth brings them along in kickstart files and Terraform runs; they can be created, read, changed, searched and
// deleted as there, and come back as they were sent.
//
// All kinds share one table and one set of operations; what differs from kind to kind is a row of [Kinds]. Families are no kind, because they
// consist of users.
//
//	kinds.go   the table of kinds
//	keep.go    operations on objects
//	check.go   the rules, and what is changed on save
//	family.go  families
package keep

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Object is an object of any kind: its members, each as it was sent.
type Object map[string]json.RawMessage

// Within is where a caller may reach, and what a list is about. Objects elsewhere do not exist for it. Empty members confine nothing.
type Within struct {
	// Tenant is the only one whose objects are reached, besides those of no tenant.
	Tenant wire.ID
	// Application and User are those whose objects are meant.
	Application, User wire.ID
}

// Service keeps the objects. It is safe for concurrent use once its exported fields are set.
type Service struct {
	db     *db.DB
	sealer sealed.Sealer

	// TenantOf tells the tenant of what objects belong to, per [Owner]: problem.ErrNotFound when that does not exist. All must be set.
	TenantOf map[Owner]func(tx *db.Tx, id wire.ID) (tenant wire.ID, err error)
}

// New returns the objects in d.
func New(d *db.DB, sealer sealed.Sealer) *Service { return &Service{db: d, sealer: sealer} }

// row is an object as it is stored.
type row struct {
	id                        wire.ID
	tenant, application, user wire.ID // what it belongs to
	parent                    wire.ID
	object                    Object
	version                   int64
	inserted, updated         wire.Instant
}

// Create stores o under id, or under a new id if that is empty, and returns it as stored. With source, all but the name comes from the object
// with that id; the kind must be one whose objects can be copied.
func (s *Service) Create(ctx context.Context, k *Kind, within Within, id, source wire.ID, o Object) (created Object, err error) {
	err = s.change(ctx, func(tx *db.Tx) error {
		var v problem.Validation
		r := row{id: id, version: 1, inserted: wire.Instant(tx.NowMillis()), updated: wire.Instant(tx.NowMillis())}
		if id == "" {
			r.id = wire.ID(db.NewID())
		}
		taken, err := exists(tx, k, r.id)
		if err != nil {
			return err
		}
		v.Check(!taken, k.ID, "duplicate", "There is %s with the id %s already.", k.Noun, r.id)
		r.object = maps.Clone(o)
		if source != "" {
			original, err := s.load(tx, k, Within{}, source)
			switch {
			case errors.Is(err, problem.ErrNotFound):
				v.Field(k.Copies, "invalid", "There is no such object to copy: %s.", source)
			case err != nil:
				return err
			default:
				r.object = original.object
				r.object["name"] = o["name"]
			}
		}
		if err := s.place(tx, &v, k, within, &r, nil); err != nil {
			return err
		}
		if err := s.insert(tx, k, r); err != nil {
			return err
		}
		created, err = s.shown(tx, k, r)
		return err
	})
	return created, err
}

// Load returns the object, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, k *Kind, within Within, id wire.ID) (o Object, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		o, err = s.LoadIn(tx, k, within, id)
		return err
	})
	return o, err
}

// LoadIn is [Service.Load] as tx sees it.
func (s *Service) LoadIn(tx *db.Tx, k *Kind, within Within, id wire.ID) (Object, error) {
	r, err := s.load(tx, k, within, id)
	if err != nil {
		return nil, err
	}
	return s.shown(tx, k, r)
}

// List returns all objects by name, or those of one type. Those of an application or a user need that in within, and are problem.ErrNotFound
// when it does not exist.
func (s *Service) List(ctx context.Context, k *Kind, within Within, ofType string) (all []Object, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		if err := s.reachable(tx, k, within); err != nil {
			return err
		}
		rows, err := s.all(tx, k, within, ofType)
		if err != nil {
			return err
		}
		all, err = s.shownAll(tx, k, rows)
		return err
	})
	return all, err
}

// Scopes returns the scopes of applications by the ids of those, each by name: of the one in within, or of all that are reached.
func (s *Service) Scopes(ctx context.Context, within Within) (map[wire.ID][]Object, error) {
	scopes, k := map[wire.ID][]Object{}, kindNamed("scope")
	err := s.db.View(ctx, func(tx *db.Tx) error {
		rows, err := s.all(tx, k, within, "")
		for _, r := range rows {
			if err == nil {
				var o Object
				o, err = s.shown(tx, k, r)
				scopes[r.application] = append(scopes[r.application], o)
			}
		}
		return err
	})
	return scopes, err
}

// Search returns a page of the objects that match, and how many match in all. Criteria that the kind does not list find everything.
func (s *Service) Search(ctx context.Context, k *Kind, within Within, c wire.KeptSearch) (found []Object, total int, err error) {
	var v problem.Validation
	search.CheckText(&v, "search.name", c.Name)
	search.CheckText(&v, "search.body", c.Body)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		var rows []row
		if rows, total, err = s.find(tx, k, within, c); err != nil {
			return err
		}
		found, err = s.shownAll(tx, k, rows)
		return err
	})
	return found, total, err
}

// Update replaces the object by what change makes of it. change gets the object as callers see it, may run more than once, and may fail.
func (s *Service) Update(ctx context.Context, k *Kind, within Within, id wire.ID, change func(current Object) (Object, error)) (o Object, err error) {
	err = s.change(ctx, func(tx *db.Tx) error {
		current, err := s.load(tx, k, within, id)
		if err != nil {
			return err
		}
		if err := k.refuseDefault(id); err != nil {
			return err
		}
		before, err := s.shown(tx, k, current)
		if err != nil {
			return err
		}
		r := current
		if r.object, err = change(before); err != nil {
			return err
		}
		r.object = maps.Clone(r.object)
		r.version, r.updated = current.version+1, wire.Instant(tx.NowMillis())
		var v problem.Validation
		if err := s.place(tx, &v, k, within, &r, &current); err != nil {
			return err
		}
		if err := s.update(tx, k, r, current.version); err != nil {
			return err
		}
		o, err = s.shown(tx, k, r)
		return err
	})
	return o, err
}

// Delete removes the object and what means nothing without it. An object of a kind that is revoked stays, with that status.
func (s *Service) Delete(ctx context.Context, k *Kind, within Within, id wire.ID) error {
	if k.Revoked {
		_, err := s.Update(ctx, k, within, id, func(o Object) (Object, error) {
			o["status"] = json.RawMessage(`"Revoked"`)
			return o, nil
		})
		return err
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := s.load(tx, k, within, id); err != nil {
			return err
		}
		if err := k.refuseDefault(id); err != nil {
			return err
		}
		return remove(tx, k, id)
	})
}

// Bootstrap stores the objects that every installation has. Several processes may call it at once.
func (s *Service) Bootstrap(ctx context.Context) error {
	for _, k := range Kinds {
		for id, o := range k.Defaults {
			if err := s.storeDefault(ctx, k, id, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) storeDefault(ctx context.Context, k *Kind, id wire.ID, o Object) error {
	there := false
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		there, err = exists(tx, k, id)
		return err
	})
	if err != nil || there {
		return err
	}
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		now := wire.Instant(tx.NowMillis())
		return s.insert(tx, k, row{id: id, object: o, version: 1, inserted: now, updated: now})
	})
	if db.IsDuplicate(err) { // another process was faster
		return nil
	}
	return err
}

// change runs fn in a transaction. Between a look and a write of fn somebody may have taken the id or the name, or removed what the object
// belongs to: the second time that is found.
func (s *Service) change(ctx context.Context, fn func(tx *db.Tx) error) (err error) {
	for range 2 {
		err = s.db.Update(ctx, fn)
		if !db.IsDuplicate(err) && !db.IsForeignKey(err) {
			break
		}
	}
	return err
}

// place checks the object of r, brings it into the form in which it is stored, and finds out what it belongs to. current is nil for a new one.
func (s *Service) place(tx *db.Tx, v *problem.Validation, k *Kind, within Within, r, current *row) error {
	var before Object
	var self wire.ID
	if current != nil {
		before, self = current.object, current.id
	}
	k.check(v, r.object, before)
	if err := s.own(tx, v, k, within, r); err != nil {
		return err
	}
	if k.Refers != "" {
		if r.parent = k.id(r.object, k.reference()); r.parent != "" {
			known, err := exists(tx, kindNamed(k.Refers), r.parent)
			if err != nil {
				return err
			}
			v.Check(known, k.path(k.reference()), "invalid", "There is no %s with the id %s.", k.Refers, r.parent)
		}
	}
	if k.Unique && !v.Has(k.path("name")) {
		taken, err := nameTaken(tx, k, *r, self)
		if err != nil {
			return err
		}
		v.Check(!taken, k.path("name"), "duplicate", "There is %s with the name %q already; case does not count.", k.Noun, k.name(r.object))
	}
	return v.Err()
}

// own finds out what the object of r belongs to. The application is that of the path, so without it nothing is there; user and tenant are
// members of the object.
func (s *Service) own(tx *db.Tx, v *problem.Validation, k *Kind, within Within, r *row) error {
	if k.Owner == Installation {
		return nil
	}
	owner := within.Application
	if k.Owner != Application {
		if owner = k.id(r.object, string(k.Owner)); owner == "" {
			r.tenant = ""
			return nil
		}
	}
	tenant, err := s.tenantOf(tx, k.Owner, within, owner)
	if errors.Is(err, problem.ErrNotFound) && k.Owner != Application {
		v.Field(k.path(string(k.Owner)), "invalid", "There is no %s with the id %s.", k.Owner.noun(), owner)
		return nil
	}
	if err != nil {
		return err
	}
	r.tenant = tenant
	switch k.Owner {
	case Application:
		r.application = owner
	case User:
		r.user = owner
	}
	return nil
}

// tenantOf is problem.ErrNotFound when the owner does not exist, or not for this caller.
func (s *Service) tenantOf(tx *db.Tx, of Owner, within Within, id wire.ID) (wire.ID, error) {
	tenant, err := s.TenantOf[of](tx, id)
	if err == nil && within.Tenant != "" && tenant != within.Tenant {
		err = problem.ErrNotFound
	}
	return tenant, err
}

// reachable is problem.ErrNotFound when those whose objects are to be listed do not exist for this caller.
func (s *Service) reachable(tx *db.Tx, k *Kind, within Within) (err error) {
	switch k.Owner {
	case Application:
		_, err = s.tenantOf(tx, Application, within, within.Application)
	case User:
		_, err = s.tenantOf(tx, User, within, within.User)
	}
	return err
}

// shown is the object as callers see it: with what the server sets, and the object it refers to.
func (s *Service) shown(tx *db.Tx, k *Kind, r row) (Object, error) {
	o := maps.Clone(r.object)
	var err error
	set := func(name string, value any) {
		if err == nil {
			o[name], err = json.Marshal(value)
		}
	}
	set("id", r.id)
	set("insertInstant", r.inserted)
	set("lastUpdateInstant", r.updated)
	if k.Owner == Application {
		set(string(Application), r.application)
	}
	if k.Refers != "" && err == nil {
		var parent Object
		parent, err = s.LoadIn(tx, kindNamed(k.Refers), Within{}, r.parent)
		o[k.Refers] = loose.Encode(parent)
	}
	return o, err
}

func (s *Service) shownAll(tx *db.Tx, k *Kind, rows []row) ([]Object, error) {
	all := make([]Object, len(rows))
	for i, r := range rows {
		var err error
		if all[i], err = s.shown(tx, k, r); err != nil {
			return nil, err
		}
	}
	return all, nil
}
