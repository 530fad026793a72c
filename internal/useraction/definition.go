package useraction

import (
	"context"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// Definitions say what can be done to users. They are safe for concurrent use once their exported fields are set.
type Definitions struct {
	db        *db.DB
	templates *template.Service

	// Used tells in words who locks users out with an action (`tenant "Default": …`). Such an action stays as it has to be for that. Nil means nobody.
	Used func(tx *db.Tx, id wire.ID) (by []string, err error)
}

// Create stores d under id, or under a new one if that is empty, and returns it as stored. Errors: problem.Invalid with everything that is wrong.
func (s *Definitions) Create(ctx context.Context, id wire.ID, d wire.UserAction) (created wire.UserAction, err error) {
	err = secondLook(func() error {
		return s.db.Update(ctx, func(tx *db.Tx) error {
			created = d
			if created.ID = id; id == "" {
				created.ID = wire.ID(db.NewID())
			}
			created.Active, created.InsertInstant, created.LastUpdateInstant = true, wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
			var v problem.Validation
			taken, err := definitionExists(tx, created.ID)
			if err != nil {
				return err
			}
			v.Check(!taken, "userActionId", "duplicate", "There is a user action with the id %s already.", created.ID)
			if err := s.check(tx, &v, &created); err != nil {
				return err
			}
			if err := v.Err(); err != nil {
				return err
			}
			return insertDefinition(tx, &created)
		})
	})
	return created, err
}

// Load returns the user action, or problem.ErrNotFound.
func (s *Definitions) Load(ctx context.Context, id wire.ID) (d wire.UserAction, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		found, err := loadDefinition(tx, id)
		d = found.UserAction
		return err
	})
	return d, err
}

// List returns those that can be taken, or those that cannot any more, by name.
func (s *Definitions) List(ctx context.Context, active bool) (all []wire.UserAction, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		all, err = listDefinitions(tx, active)
		return err
	})
	return all, err
}

// Update replaces the user action by what change makes of it. change gets it as it is, may run more than once, and may fail. What was taken on users
// keeps its names; whether it prevents a login, and what is told at its end, follows the change.
//
// Errors: problem.Invalid, also when something uses the action as it was: `[inUse]userAction.temporal`; problem.ErrNotFound; problem.Stale.
func (s *Definitions) Update(ctx context.Context, id wire.ID, change func(current wire.UserAction) (wire.UserAction, error)) (d wire.UserAction, err error) {
	err = secondLook(func() error {
		return s.db.Update(ctx, func(tx *db.Tx) error {
			current, err := loadDefinition(tx, id)
			if err != nil {
				return err
			}
			if d, err = change(current.UserAction); err != nil {
				return err
			}
			d.ID, d.Active, d.InsertInstant, d.LastUpdateInstant = id, current.Active, current.InsertInstant, wire.Instant(tx.NowMillis())
			var v problem.Validation
			if err := s.check(tx, &v, &d); err != nil {
				return err
			}
			if err := v.Err(); err != nil {
				return err
			}
			// First, because it waits for those that begin to use it; undone if there are any.
			if err := updateDefinition(tx, &d, current.version); err != nil {
				return err
			}
			if d.Temporal != current.Temporal {
				taken, err := wasTaken(tx, id)
				if err != nil {
					return err
				}
				v.Check(!taken, "userAction.temporal", "inUse", "This action was taken on users. Make another one instead.")
			}
			if current.locks() && !(definition{UserAction: d}).locks() {
				by, err := s.usedBy(tx, id)
				if err != nil {
					return err
				}
				v.Check(len(by) == 0, "userAction.preventLogin", "inUse", "Users are locked out with this action by %s.", strings.Join(by, ", "))
			}
			return v.Err()
		})
	})
	return d, err
}

// Deactivate keeps the action from being taken. What was taken stays. Errors: problem.ErrNotFound; `[inUse]userActionId`.
func (s *Definitions) Deactivate(ctx context.Context, id wire.ID) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		if err := activateDefinition(tx, id, false); err != nil {
			return err
		}
		return s.unused(tx, id)
	})
}

// Reactivate undoes [Definitions.Deactivate] and returns the action.
func (s *Definitions) Reactivate(ctx context.Context, id wire.ID) (d wire.UserAction, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		if err := activateDefinition(tx, id, true); err != nil {
			return err
		}
		found, err := loadDefinition(tx, id)
		d = found.UserAction
		return err
	})
	return d, err
}

// Delete removes the action. One that was ever taken on a user who is still there stays, as does one that users are locked out with:
// `[inUse]userActionId`.
func (s *Definitions) Delete(ctx context.Context, id wire.ID) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		taken, err := wasTaken(tx, id)
		if err != nil {
			return err
		}
		if !taken {
			err = deleteDefinition(tx, id)
			taken = db.IsForeignKey(err) // after we looked
		}
		if taken {
			return inUse("This action was taken on users. Deactivate it instead.")
		}
		if err != nil {
			return err
		}
		return s.unused(tx, id)
	})
}

// unused is for changes that end the use of an action, which are undone when it is used.
func (s *Definitions) unused(tx *db.Tx, id wire.ID) error {
	by, err := s.usedBy(tx, id)
	if err != nil || len(by) == 0 {
		return err
	}
	return inUse("Users are locked out with this action by " + strings.Join(by, ", ") + ".")
}

func (s *Definitions) usedBy(tx *db.Tx, id wire.ID) ([]string, error) {
	if s.Used == nil {
		return nil, nil
	}
	return s.Used(tx, id)
}

func inUse(why string) error {
	var v problem.Validation
	v.Field("userActionId", "inUse", "%s", why)
	return v.Err()
}

// CanLock tells whether users can be locked out with the action. It stays so until tx, which must be an Update, has ended: what tx stores about it is
// then seen by whoever wants to change it.
func (s *Definitions) CanLock(tx *db.Tx, id wire.ID) (bool, error) {
	found, err := holdDefinition(tx, id)
	if err != nil || !found {
		return false, err
	}
	d, err := loadDefinition(tx, id)
	return err == nil && d.locks(), err
}

// UsesEmailTemplate returns the actions that name an e-mail template, each as a phrase such as `user action "Ban": startEmailTemplateId`.
func (s *Definitions) UsesEmailTemplate(tx *db.Tx, id wire.ID) (by []string, err error) {
	for _, active := range []bool{true, false} {
		all, err := listDefinitions(tx, active)
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			for _, t := range templatesOf(&d) {
				if t.id == id {
					by = append(by, `user action "`+d.Name+`": `+t.member)
				}
			}
		}
	}
	return by, nil
}

// definition is a user action as stored.
type definition struct {
	wire.UserAction

	version int64
}

// locks tells whether users can be locked out with it.
func (d definition) locks() bool { return d.Active && d.Temporal && d.PreventLogin }

// secondLook repeats an update that met a duplicate: between its look and its write somebody took a name, which the second look finds.
func secondLook(update func() error) error {
	err := update()
	if db.IsDuplicate(err) {
		err = update()
	}
	return err
}
