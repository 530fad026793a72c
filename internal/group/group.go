// Package group owns groups, their members, and the roles that members get in applications. It does not own users (package identity) or roles
// (package application). User.Memberships comes from here whenever a user is read, see [identity.Groups].
//
//	group.go   operations on groups
//	member.go  operations on members, and what users have from groups
//
// Events, each with its `.complete` twin; a call about several groups has one event for each, in the order of their ids:
//
//	create, update, delete of a group   group.create, group.update, group.delete
//	add                                 group.member.add with those who were added; whoever is in the group already is in no event
//	replace, and remove all             group.member.update with all members the group has then, even if nothing changes
//	remove one or some                  group.member.remove with those who were removed
//
// There are none about the members of a group or of a user that is deleted, nor about groups in which a new user begins.
package group

import (
	"cmp"
	"context"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. All are required.
type Options struct {
	DB           *db.DB
	Events       publish.Doer
	Tenants      *tenant.Service
	Applications *application.Service
	Users        *identity.Service
}

// Service manages groups and their members. It is safe for concurrent use.
type Service struct {
	Options
	positions search.Positions // of the pages of members
}

// New returns the groups in a store.
func New(o Options) *Service { return &Service{Options: o} }

// Group is a group as stored.
type Group struct {
	wire.Group
	// RoleIDs are those of the roles in Roles, in alphabetical order.
	RoleIDs []wire.ID

	version int64
	roster  int64 // how often the whole list of members was replaced
}

// Load returns a group, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (g *Group, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		g, err = s.load(tx, id)
		return err
	})
	return g, err
}

// List returns the groups of a tenant, or of all tenants when that is empty, by name.
func (s *Service) List(ctx context.Context, of wire.ID) (all []wire.Group, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		found, err := s.list(tx, of)
		all = shown(found)
		return err
	})
	return all, err
}

// Search returns one page of the groups that match, of a tenant if one is given, and how many match in all.
func (s *Service) Search(ctx context.Context, of wire.ID, c wire.GroupSearch) (all []wire.Group, total int, err error) {
	var v problem.Validation
	search.CheckText(&v, "search.name", c.Name)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		found, n, err := s.search(tx, of, c)
		all, total = shown(found), n
		return err
	})
	return all, total, err
}

func shown(groups []*Group) []wire.Group {
	all := make([]wire.Group, len(groups))
	for i, g := range groups {
		all[i] = g.Group
	}
	return all
}

// Create makes a group of a tenant, under id or under a new one if that is empty. info is the origin of the request.
//
// Errors: problem.Invalid with everything that is wrong with the request; publish.ErrRefused. Events: group.create, group.create.complete.
func (s *Service) Create(ctx context.Context, tenantID, id wire.ID, req wire.GroupRequest, info *wire.EventInfo) (*Group, error) {
	var g *Group
	err := s.Events.Do(ctx, publish.Operation{
		Tenant: tenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			g = &Group{version: 1}
			g.ID, g.TenantID = cmp.Or(id, wire.ID(db.NewID())), tenantID
			g.InsertInstant, g.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
			if err := s.fill(tx, plan, g, req, &Group{}); err != nil {
				return err
			}
			plan.Publish(&event.GroupEvent{Header: event.About(event.GroupCreate, g.ID), Group: g.Group})
			return nil
		},
		Commit: func(tx *db.Tx) error {
			// Asked here and not before: whoever deletes the tenant marks it first.
			if exists, err := s.Tenants.ExistsIn(tx, tenantID); err != nil || !exists {
				return cmp.Or(err, tenant.ErrGone)
			}
			return insert(tx, g)
		},
	})
	return g, err
}

// Update replaces what a caller may set of a group by what req says. original is the group as loaded before: when somebody else changed it since,
// the answer is a conflict and nothing happens.
//
// Errors: as of [Service.Create]; problem.Stale. Events: group.update, group.update.complete.
func (s *Service) Update(ctx context.Context, original *Group, req wire.GroupRequest, info *wire.EventInfo) (*Group, error) {
	var g *Group
	err := s.Events.Do(ctx, publish.Operation{
		Tenant: original.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			if err := unmoved(tx, original); err != nil {
				return err
			}
			g = &Group{version: original.version + 1, roster: original.roster}
			g.ID, g.TenantID = original.ID, original.TenantID
			g.InsertInstant, g.LastUpdateInstant = original.InsertInstant, wire.Instant(tx.NowMillis())
			if err := s.fill(tx, plan, g, req, original); err != nil {
				return err
			}
			plan.Publish(&event.GroupUpdateEvent{Header: event.About(event.GroupUpdate, g.ID), Original: original.Group, Group: g.Group})
			return nil
		},
		Commit: func(tx *db.Tx) error { return update(tx, original, g) },
	})
	return g, err
}

// fill sets what a caller may set of g, which is about to replace original, and claims its id and its name for the operation. original is empty
// for a new group. Errors: problem.Invalid with everything that is wrong.
func (s *Service) fill(tx *db.Tx, plan *publish.Plan, g *Group, req wire.GroupRequest, original *Group) error {
	var v problem.Validation
	g.Name, g.Data = req.Group.Name, req.Group.Data
	if g.Data == nil {
		g.Data = wire.Object{}
	}
	fit := v.Name("group.name", "A group", &g.Name)
	if err := s.setRoles(tx, &v, g, req.RoleIDs); err != nil {
		return err
	}
	if original.ID == "" {
		var taken problem.Validation
		taken.Field("groupId", "duplicate", "There is a group with the id %s already.", g.ID)
		if err := v.Merge(plan.Claim(tx, "group/id/"+string(g.ID), taken.Err(), func() (bool, error) { return exists(tx, g.ID) })); err != nil {
			return err
		}
	}
	if fit && search.Fold(g.Name) != search.Fold(original.Name) {
		var taken problem.Validation
		taken.Field("group.name", "duplicate", "There is a group with the name %q already; case does not count.", g.Name)
		name := "group/name/" + string(g.TenantID) + "/" + search.Fold(g.Name)
		if err := v.Merge(plan.Claim(tx, name, taken.Err(), func() (bool, error) { return nameTaken(tx, g) })); err != nil {
			return err
		}
	}
	return v.Err()
}

// setRoles gives g the roles with these ids, each once, and adds ids that are of no role in the tenant.
func (s *Service) setRoles(tx *db.Tx, v *problem.Validation, g *Group, ids []wire.ID) error {
	all, err := s.Applications.RegistryIn(tx)
	if err != nil {
		return err
	}
	g.RoleIDs = nil
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		role, ok := all.Role(id)
		if ok = ok && role.Application.TenantID == g.TenantID; ok {
			g.RoleIDs = append(g.RoleIDs, id)
		}
		v.Check(ok || v.Has("roleIds"), "roleIds", "invalid", "There is no role with the id %s in the applications of the tenant.", id)
	}
	g.showRoles(all)
	return nil
}

// showRoles makes of RoleIDs what callers see: the roles of each application, by name.
func (g *Group) showRoles(all *application.Registry) {
	g.Roles = map[wire.ID][]wire.ApplicationRole{}
	for _, id := range g.RoleIDs {
		if role, ok := all.Role(id); ok {
			g.Roles[role.Application.ID] = append(g.Roles[role.Application.ID], role.ApplicationRole)
		}
	}
	for _, roles := range g.Roles {
		slices.SortFunc(roles, func(a, b wire.ApplicationRole) int { return cmp.Compare(a.Name, b.Name) })
	}
}

// Delete removes a group, and with it its members' memberships.
//
// Errors: problem.ErrNotFound when it is gone meanwhile; problem.Stale; publish.ErrRefused. Events: group.delete, group.delete.complete.
func (s *Service) Delete(ctx context.Context, original *Group, info *wire.EventInfo) error {
	var g *Group
	return s.Events.Do(ctx, publish.Operation{
		Tenant: original.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if g, err = s.load(tx, original.ID); err != nil {
				return err
			}
			plan.Publish(&event.GroupEvent{Header: event.About(event.GroupDelete, g.ID), Group: g.Group})
			return nil
		},
		Commit: func(tx *db.Tx) error { return remove(tx, g) },
	})
}
