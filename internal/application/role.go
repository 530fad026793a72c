package application

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

const longestDescription = 255

// checkRole brings a role into the form in which it is stored and adds what is wrong with it. path is that of the role.
func checkRole(v *problem.Validation, path string, r *wire.ApplicationRole) {
	r.Name, r.Description = strings.TrimSpace(r.Name), strings.TrimSpace(r.Description)
	switch {
	case r.Name == "":
		v.Field(path+".name", "blank", "A role needs a name.")
	case !utf8.ValidString(r.Name) || strings.ContainsRune(r.Name, 0):
		v.Field(path+".name", "invalid", "The name holds bytes that are no text.")
	case utf8.RuneCountInString(r.Name) > longestName:
		v.Field(path+".name", "tooLong", "A role's name has at most %d characters.", longestName)
	}
	v.Check(utf8.RuneCountInString(r.Description) <= longestDescription, path+".description", "tooLong", "A description has at most %d characters.", longestDescription)
	v.Check(utf8.ValidString(r.Description) && !strings.ContainsRune(r.Description, 0), path+".description", "invalid", "The description holds bytes that are no text.")
}

// checkRoles checks the roles of a new application.
func (d *draft) checkRoles(tx *db.Tx, v *problem.Validation) error {
	names, ids := map[string]bool{}, map[wire.ID]bool{}
	given := d.Roles
	d.Roles = make([]wire.ApplicationRole, len(given))
	for i, r := range given {
		path := fmt.Sprintf("application.roles[%d]", i)
		checkRole(v, path, &r)
		v.Check(!names[r.Name] || r.Name == "", path+".name", "duplicate", "Another of the roles has the name %q.", r.Name)
		taken := ids[r.ID]
		if r.ID != "" && !taken {
			var err error
			if taken, err = roleExists(tx, r.ID); err != nil {
				return err
			}
		}
		v.Check(!taken, path+".id", "duplicate", "There is a role with the id %s already.", r.ID)
		names[r.Name], ids[r.ID] = true, r.ID != ""
		r.ID = cmp.Or(r.ID, wire.ID(db.NewID()))
		r.InsertInstant, r.LastUpdateInstant = d.InsertInstant, d.InsertInstant
		d.Roles[i] = r
	}
	return nil
}

// CreateRole gives an application a role, under id or under a new one if that is empty.
func (s *Service) CreateRole(ctx context.Context, application, id wire.ID, r wire.ApplicationRole) (created wire.ApplicationRole, err error) {
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		if exists, err := applicationExists(tx, application); err != nil || !exists {
			return cmp.Or(err, error(problem.ErrNotFound))
		}
		created = r
		created.ID = cmp.Or(id, wire.ID(db.NewID()))
		created.InsertInstant, created.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
		var v problem.Validation
		taken, err := roleExists(tx, created.ID)
		if err != nil {
			return err
		}
		v.Check(!taken, "roleId", "duplicate", "There is a role with the id %s already.", created.ID)
		if err := checkRoleOf(tx, &v, application, &created); err != nil {
			return err
		}
		if err := insertRole(tx, application, created); err != nil {
			return err
		}
		return tx.Bump(tenant.Topic)
	})
	if db.IsDuplicate(err) { // made by somebody else after we looked
		err = problem.Stale("application")
	}
	return created, err
}

// checkRoleOf is checkRole for one that is stored by itself.
func checkRoleOf(tx *db.Tx, v *problem.Validation, application wire.ID, r *wire.ApplicationRole) error {
	checkRole(v, "role", r)
	if !v.Has("role.name") {
		taken, err := roleNameTaken(tx, application, r.Name, r.ID)
		if err != nil {
			return err
		}
		v.Check(!taken, "role.name", "duplicate", "The application has a role with the name %q already.", r.Name)
	}
	return v.Err()
}

// UpdateRole replaces a role by what change makes of it. A role that is called otherwise from now on is so in every registration that has it.
func (s *Service) UpdateRole(ctx context.Context, application, id wire.ID, change func(current wire.ApplicationRole) (wire.ApplicationRole, error)) (updated wire.ApplicationRole, err error) {
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		current, err := loadRole(tx, application, id)
		if err != nil {
			return err
		}
		if updated, err = change(current); err != nil {
			return err
		}
		updated.ID, updated.InsertInstant, updated.LastUpdateInstant = id, current.InsertInstant, wire.Instant(tx.NowMillis())
		var v problem.Validation
		if err := checkRoleOf(tx, &v, application, &updated); err != nil {
			return err
		}
		if err := updateRole(tx, updated); err != nil {
			return err
		}
		return tx.Bump(tenant.Topic)
	})
	if db.IsDuplicate(err) {
		err = problem.Stale("application")
	}
	return updated, err
}

// DeleteRole takes a role from an application, and from everybody who has it.
func (s *Service) DeleteRole(ctx context.Context, application, id wire.ID) error {
	return s.DB.Update(ctx, func(tx *db.Tx) error {
		if err := deleteRole(tx, application, id); err != nil {
			return err
		}
		return tx.Bump(tenant.Topic)
	})
}
