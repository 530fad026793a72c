package group

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

// Members are memberships by the id of their group.
type Members map[wire.ID][]wire.GroupMember

// Add puts users into groups, of whom given has UserID and Data. Whoever is in a group already keeps the membership as it is. scope confines
// the call to the groups of a tenant; empty means any, but all groups must be of the same one then. It returns the memberships of all users
// that are given.
//
// Errors: problem.Invalid with everything that is wrong with the request; problem.Stale; publish.ErrRefused. Events: group.member.add and
// group.member.add.complete for each group that gets members.
func (s *Service) Add(ctx context.Context, scope wire.ID, given Members, info *wire.EventInfo) (Members, error) {
	var after Members
	var added []wire.GroupMember
	err := s.changeMembers(ctx, scope, given, info,
		func(tx *db.Tx, plan *publish.Plan, groups []*Group) error {
			after, added = Members{}, nil
			for _, g := range groups {
				before, err := membersWho(tx, g.ID, usersOf(given[g.ID]))
				if err != nil {
					return err
				}
				kept, fresh := merge(g.ID, before, given[g.ID], wire.Instant(tx.NowMillis()))
				after[g.ID], added = slices.Concat(kept, fresh), append(added, fresh...)
				if len(fresh) > 0 {
					plan.Publish(memberEvent(event.GroupMemberAdd, g, fresh))
				}
			}
			return nil
		},
		func(tx *db.Tx) error { return insertMembers(tx, added) })
	return after, err
}

// Replace makes of the members of groups those that given has, by UserID and Data; none empties the group. Whoever was in a group before keeps
// the membership, with the data given now. It returns the members of the groups.
//
// Scope and errors: as of [Service.Add]. Events: group.member.update and group.member.update.complete for each group.
func (s *Service) Replace(ctx context.Context, scope wire.ID, given Members, info *wire.EventInfo) (Members, error) {
	var after Members
	var rosters []roster
	err := s.changeMembers(ctx, scope, given, info,
		func(tx *db.Tx, plan *publish.Plan, groups []*Group) error {
			after, rosters = Members{}, nil
			for _, g := range groups {
				before, err := membersOf(tx, g.ID)
				if err != nil {
					return err
				}
				r := newRoster(g, before, given[g.ID], wire.Instant(tx.NowMillis()))
				after[g.ID], rosters = slices.Concat(r.kept, r.added), append(rosters, r)
				plan.Publish(memberEvent(event.GroupMemberUpdate, g, after[g.ID]))
			}
			return nil
		},
		func(tx *db.Tx) error {
			for _, r := range rosters {
				if err := r.write(tx); err != nil {
					return err
				}
			}
			return nil
		})
	return after, err
}

// RemoveAll empties a group. Errors and events: as of [Service.Replace].
func (s *Service) RemoveAll(ctx context.Context, g *Group, info *wire.EventInfo) error {
	_, err := s.Replace(ctx, g.TenantID, Members{g.ID: nil}, info)
	return err
}

// roster is a list of members that takes the place of another one.
type roster struct {
	group       *Group
	kept, added []wire.GroupMember
	removed     []wire.ID // memberships
}

func newRoster(g *Group, before, given []wire.GroupMember, now wire.Instant) roster {
	r := roster{group: g}
	r.kept, r.added = merge(g.ID, before, given, now)
	data := map[wire.ID]wire.Object{}
	for _, m := range given {
		data[m.UserID] = m.Data
	}
	for i := range r.kept {
		r.kept[i].Data = filled(data[r.kept[i].UserID])
	}
	stay := usersOf(r.kept)
	for _, m := range before {
		if !stay[m.UserID] {
			r.removed = append(r.removed, m.ID)
		}
	}
	return r
}

// merge returns the memberships of the given users in a group, each once: those from before, and fresh ones for the others.
func merge(group wire.ID, before, given []wire.GroupMember, now wire.Instant) (kept, fresh []wire.GroupMember) {
	wanted := usersOf(given)
	for _, m := range before {
		if wanted[m.UserID] {
			kept = append(kept, m)
			delete(wanted, m.UserID)
		}
	}
	for _, m := range given {
		if wanted[m.UserID] {
			fresh = append(fresh, NewMember(group, m.UserID, m.Data, now))
			delete(wanted, m.UserID)
		}
	}
	return kept, fresh
}

func usersOf(members []wire.GroupMember) map[wire.ID]bool {
	users := make(map[wire.ID]bool, len(members))
	for _, m := range members {
		users[m.UserID] = true
	}
	return users
}

func filled(data wire.Object) wire.Object {
	if data == nil {
		return wire.Object{}
	}
	return data
}

// memberEvent is an event about some members of a group. Seen from the group, they do not say which one it is.
func memberEvent(t event.Type, g *Group, members []wire.GroupMember) *event.GroupMemberEvent {
	members = slices.Clone(members)
	for i := range members {
		members[i].GroupID = ""
	}
	return &event.GroupMemberEvent{Header: event.About(t, g.ID), Group: g.Group, Members: members}
}

// changeMembers takes a change of members through its operation, once it is certain that the groups and the users that are given exist, all in
// one tenant. plan gets the groups in the order of their ids.
func (s *Service) changeMembers(ctx context.Context, scope wire.ID, given Members, info *wire.EventInfo,
	plan func(tx *db.Tx, plan *publish.Plan, groups []*Group) error, commit func(tx *db.Tx) error,
) error {
	ids := slices.Sorted(maps.Keys(given))
	var of wire.ID
	err := s.DB.View(ctx, func(tx *db.Tx) error {
		groups, err := s.groups(tx, scope, ids)
		if err == nil {
			of = groups[0].TenantID
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.Events.Do(ctx, publish.Operation{
		Tenant: of,
		Info:   info,
		Prepare: func(tx *db.Tx, p *publish.Plan) error {
			groups, err := s.groups(tx, of, ids)
			if err != nil {
				return err
			}
			if err := s.checkUsers(tx, of, ids, given); err != nil {
				return err
			}
			return plan(tx, p, groups)
		},
		Commit: commit,
	})
}

// groups returns the groups with these ids, which must exist, all in one tenant: scope, unless that is empty.
func (s *Service) groups(tx *db.Tx, scope wire.ID, ids []wire.ID) ([]*Group, error) {
	var v problem.Validation
	v.Check(len(ids) > 0, "members", "missing", "Say whom to put into which group.")
	found, err := s.loadMany(tx, ids)
	if err != nil {
		return nil, err
	}
	there := map[wire.ID]bool{}
	for _, g := range found {
		there[g.ID] = scope == "" || g.TenantID == scope
	}
	for _, id := range ids {
		v.Check(there[id], fmt.Sprintf("members[%s]", id), "invalid", "There is no group with the id %s.", id)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	return found, sameTenant(found)
}

func sameTenant(groups []*Group) error {
	for _, g := range groups {
		if g.TenantID != groups[0].TenantID {
			return problem.New(problem.Invalid, "[TenantIdRequired]",
				"These groups belong to several tenants. Name one of them with the header X-FusionAuth-TenantId.")
		}
	}
	return nil
}

// manyErrors is how many wrong users are told. Who has given thousands of them has seen enough.
const manyErrors = 100

// checkUsers adds who is no user of the tenant.
func (s *Service) checkUsers(tx *db.Tx, of wire.ID, groups []wire.ID, given Members) error {
	all := map[wire.ID]bool{}
	for _, members := range given {
		maps.Copy(all, usersOf(members))
	}
	present, err := s.Users.Present(tx, of, slices.Collect(maps.Keys(all)))
	if err != nil {
		return err
	}
	var v problem.Validation
	wrong := 0
	for _, id := range groups {
		for i, m := range given[id] {
			if present[m.UserID] {
				continue
			}
			if wrong++; wrong > manyErrors {
				return v.Err()
			}
			path := fmt.Sprintf("members[%s][%d].userId", id, i)
			if m.UserID == "" {
				v.Field(path, "missing", "Say which user.")
				continue
			}
			v.Field(path, "invalid", "There is no user with the id %s in the tenant of the group.", m.UserID)
		}
	}
	return v.Err()
}

// Remove ends memberships: those with the given ids, and those of the given users in groups. Whoever is not a member is skipped. scope is as
// of [Service.Add]. It returns how many memberships have ended.
//
// Errors: problem.Invalid, problem.Stale; publish.ErrRefused. Events: group.member.remove and group.member.remove.complete for each group that
// loses members.
func (s *Service) Remove(ctx context.Context, scope wire.ID, ids []wire.ID, users map[wire.ID][]wire.ID, info *wire.EventInfo) (int, error) {
	var groups []*Group
	var members Members
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		groups, members, err = s.named(tx, scope, ids, users)
		return err
	})
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	of, total := groups[0].TenantID, 0
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: of,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if groups, members, err = s.named(tx, of, ids, users); err != nil {
				return err
			}
			for _, g := range groups {
				plan.Publish(memberEvent(event.GroupMemberRemove, g, members[g.ID]))
			}
			return nil
		},
		Commit: func(tx *db.Tx) error {
			var ended []wire.ID
			for _, g := range groups {
				for _, m := range members[g.ID] {
					ended = append(ended, m.ID)
				}
			}
			total = len(ended)
			removed, err := deleteMembers(tx, ended)
			if err == nil && removed != total {
				err = problem.Stale("group")
			}
			return err
		},
	})
	return total, err
}

// named returns the memberships that are meant and the groups they are in, in the order of their ids.
func (s *Service) named(tx *db.Tx, scope wire.ID, ids []wire.ID, users map[wire.ID][]wire.ID) ([]*Group, Members, error) {
	found, err := membersByID(tx, ids)
	if err != nil {
		return nil, nil, err
	}
	for group, of := range users {
		wanted := make(map[wire.ID]bool, len(of))
		for _, id := range of {
			wanted[id] = true
		}
		more, err := membersWho(tx, group, wanted)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, more...)
	}
	members, seen := Members{}, map[wire.ID]bool{}
	for _, m := range found {
		if !seen[m.ID] {
			seen[m.ID] = true
			members[m.GroupID] = append(members[m.GroupID], m)
		}
	}
	groups, err := s.loadMany(tx, slices.Sorted(maps.Keys(members)))
	if err != nil {
		return nil, nil, err
	}
	groups = slices.DeleteFunc(groups, func(g *Group) bool { return scope != "" && g.TenantID != scope })
	return groups, members, sameTenant(groups)
}

// SearchMembers returns one page of the members that match, of the groups of a tenant if one is given, and how many match in all, exactly up to
// search.MaxCount.
func (s *Service) SearchMembers(ctx context.Context, of wire.ID, c wire.GroupMemberSearch) (all []wire.GroupMember, total int, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		all, total, err = searchMembers(tx, of, c, &s.positions)
		return err
	})
	return all, total, err
}

// NewMember is a membership that begins now.
func NewMember(group, user wire.ID, data wire.Object, now wire.Instant) wire.GroupMember {
	return wire.GroupMember{ID: wire.ID(db.NewID()), GroupID: group, UserID: user, Data: filled(data), InsertInstant: now}
}

// Memberships returns the memberships of each of the users, in the order in which they began. They do not say whose they are.
func (s *Service) Memberships(tx *db.Tx, users []wire.ID) (map[wire.ID][]wire.GroupMember, error) {
	return membershipsOf(tx, users)
}

// Exist returns those of the ids that are groups of a tenant.
func (s *Service) Exist(tx *db.Tx, of wire.ID, ids []wire.ID) (map[wire.ID]bool, error) {
	found, err := s.loadMany(tx, ids)
	there := make(map[wire.ID]bool, len(found))
	for _, g := range found {
		there[g.ID] = g.TenantID == of
	}
	return there, err
}

// Join stores new memberships, without events. It is problem.Stale when a group is gone, or a user is in it already.
func (s *Service) Join(tx *db.Tx, members []wire.GroupMember) error {
	return insertMembers(tx, members)
}

// Roles returns the names of the roles that a user has in an application through groups, each once.
func (s *Service) Roles(tx *db.Tx, u *wire.User, of wire.ID) (names []string, err error) {
	if len(u.Memberships) == 0 {
		return nil, nil
	}
	ids, err := rolesOf(tx, u.ID)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	all, err := s.Applications.RegistryIn(tx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if role, ok := all.Role(id); ok && role.Application.ID == of {
			names = append(names, role.Name)
		}
	}
	slices.SortFunc(names, cmp.Compare[string])
	return slices.Compact(names), nil
}
