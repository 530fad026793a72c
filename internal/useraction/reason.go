package useraction

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// Reasons say why actions are taken. They are safe for concurrent use.
type Reasons struct{ db *db.DB }

// Create stores r under id, or under a new one if that is empty, and returns it as stored. Errors: problem.Invalid with everything that is wrong.
func (s *Reasons) Create(ctx context.Context, id wire.ID, r wire.UserActionReason) (created wire.UserActionReason, err error) {
	err = secondLook(func() error {
		return s.db.Update(ctx, func(tx *db.Tx) error {
			created = r
			if created.ID = id; id == "" {
				created.ID = wire.ID(db.NewID())
			}
			created.InsertInstant, created.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
			var v problem.Validation
			taken, err := reasonExists(tx, created.ID)
			if err != nil {
				return err
			}
			v.Check(!taken, "userActionReasonId", "duplicate", "There is a reason with the id %s already.", created.ID)
			if err := checkReason(tx, &v, &created); err != nil {
				return err
			}
			return insertReason(tx, &created)
		})
	})
	return created, err
}

// Load returns the reason, or problem.ErrNotFound.
func (s *Reasons) Load(ctx context.Context, id wire.ID) (r wire.UserActionReason, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		r, _, err = loadReason(tx, id)
		return err
	})
	return r, err
}

// List returns all reasons by their text.
func (s *Reasons) List(ctx context.Context) (all []wire.UserActionReason, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		all, err = listReasons(tx)
		return err
	})
	return all, err
}

// Update replaces the reason by what change makes of it. change gets it as it is, may run more than once, and may fail. Actions that were taken for it
// keep the text they were taken with.
func (s *Reasons) Update(ctx context.Context, id wire.ID, change func(current wire.UserActionReason) (wire.UserActionReason, error)) (r wire.UserActionReason, err error) {
	err = secondLook(func() error {
		return s.db.Update(ctx, func(tx *db.Tx) error {
			current, version, err := loadReason(tx, id)
			if err != nil {
				return err
			}
			if r, err = change(current); err != nil {
				return err
			}
			r.ID, r.InsertInstant, r.LastUpdateInstant = id, current.InsertInstant, wire.Instant(tx.NowMillis())
			var v problem.Validation
			if err := checkReason(tx, &v, &r); err != nil {
				return err
			}
			return updateReason(tx, &r, version)
		})
	})
	return r, err
}

// Delete removes the reason, or is problem.ErrNotFound. Actions that were taken for it keep its text.
func (s *Reasons) Delete(ctx context.Context, id wire.ID) error {
	return s.db.Update(ctx, func(tx *db.Tx) error { return deleteReason(tx, id) })
}

// checkReason normalizes a reason and returns everything that is wrong with it, or was before.
func checkReason(tx *db.Tx, v *problem.Validation, r *wire.UserActionReason) error {
	const path = "userActionReason"
	code, text := required(v, path+".code", &r.Code), required(v, path+".text", &r.Text)
	sameCode, sameText, err := reasonsLike(tx, r)
	if err != nil {
		return err
	}
	v.Check(!sameCode || !code, path+".code", "duplicate", "There is a reason with the code %q already; case does not count.", r.Code)
	v.Check(!sameText || !text, path+".text", "duplicate", "There is a reason with the text %q already; case does not count.", r.Text)
	r.LocalizedTexts = template.CheckNames(v, path+".localizedTexts", r.LocalizedTexts)
	return v.Err()
}
