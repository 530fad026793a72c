package keep

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// A family is its members: it begins with the first one and ends with the last. All are users of one tenant.

// CreateFamily begins a family with its first member, under id, or under a new id if that is empty, and returns it.
func (s *Service) CreateFamily(ctx context.Context, within Within, id wire.ID, first wire.FamilyMember) (f wire.Family, err error) {
	err = s.change(ctx, func(tx *db.Tx) error {
		family := cmp.Or(id, wire.ID(db.NewID()))
		tenant, err := tenantOfFamily(tx, family)
		if err != nil {
			return err
		}
		var v problem.Validation
		v.Check(tenant == "", "familyId", "duplicate", "There is a family with the id %s already.", family)
		f, err = s.join(tx, &v, within, family, first)
		return err
	})
	return f, err
}

// JoinFamily adds a member to a family, or replaces what is known about one, and returns the family. It is problem.ErrNotFound when there is
// no such family.
func (s *Service) JoinFamily(ctx context.Context, within Within, id wire.ID, m wire.FamilyMember) (f wire.Family, err error) {
	err = s.change(ctx, func(tx *db.Tx) error {
		tenant, err := reachFamily(tx, within, id)
		if err != nil {
			return err
		}
		var v problem.Validation
		f, err = s.join(tx, &v, Within{Tenant: tenant}, id, m)
		return err
	})
	return f, err
}

// join checks and stores a member, and returns the family.
func (s *Service) join(tx *db.Tx, v *problem.Validation, within Within, family wire.ID, m wire.FamilyMember) (f wire.Family, err error) {
	m.Role = wire.FamilyRole(strings.TrimSpace(string(m.Role)))
	if m.Role == "" {
		v.Field("familyMember.role", "missing", "A member of a family needs a role.")
	} else {
		search.CheckOneOf(v, "familyMember.role", "role in a family", []wire.FamilyRole{wire.FamilyAdult, wire.FamilyChild, wire.FamilyTeen}, m.Role)
	}
	v.Check(m.UserID != "", "familyMember.userId", "missing", "Say which user is the member.")
	var tenant wire.ID
	if m.UserID != "" {
		tenant, err = s.tenantOf(tx, User, within, m.UserID)
		if errors.Is(err, problem.ErrNotFound) {
			v.Field("familyMember.userId", "invalid", "There is no user with the id %s in the tenant of the family.", m.UserID)
		} else if err != nil {
			return f, err
		}
	}
	if err := v.Err(); err != nil {
		return f, err
	}
	if err := putMember(tx, family, tenant, m); err != nil {
		return f, err
	}
	return loadFamily(tx, family)
}

// LoadFamily returns the family, or problem.ErrNotFound.
func (s *Service) LoadFamily(ctx context.Context, within Within, id wire.ID) (f wire.Family, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		if _, err := reachFamily(tx, within, id); err != nil {
			return err
		}
		f, err = loadFamily(tx, id)
		return err
	})
	return f, err
}

// FamiliesOf returns the families that a user belongs to, the oldest first. It is problem.ErrNotFound when there is no such user.
func (s *Service) FamiliesOf(ctx context.Context, within Within, user wire.ID) (all []wire.Family, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		if _, err := s.tenantOf(tx, User, within, user); err != nil {
			return err
		}
		ids, err := familiesOf(tx, user)
		if err != nil {
			return err
		}
		for _, id := range ids {
			f, err := loadFamily(tx, id)
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		return nil
	})
	return all, err
}

// LeaveFamily removes a member. It is problem.ErrNotFound when the user is none.
func (s *Service) LeaveFamily(ctx context.Context, within Within, id, user wire.ID) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := reachFamily(tx, within, id); err != nil {
			return err
		}
		return removeMember(tx, id, user)
	})
}

// reachFamily returns the tenant of a family. It is problem.ErrNotFound when there is none for this caller.
func reachFamily(tx *db.Tx, within Within, id wire.ID) (wire.ID, error) {
	tenant, err := tenantOfFamily(tx, id)
	if err == nil && (tenant == "" || within.Tenant != "" && tenant != within.Tenant) {
		err = problem.ErrNotFound
	}
	return tenant, err
}

// loadFamily reads a family, whose instants are the first and the last of its members'.
func loadFamily(tx *db.Tx, id wire.ID) (wire.Family, error) {
	all, err := members(tx, id)
	f := wire.Family{ID: id, Members: all}
	for i, m := range all {
		if f.LastUpdateInstant = max(f.LastUpdateInstant, m.LastUpdateInstant); i == 0 {
			f.InsertInstant = m.InsertInstant
		}
	}
	return f, err
}
