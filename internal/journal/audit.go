package journal

import (
	"context"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// CreateAuditLog adds an entry in a transaction of its own and returns it as stored. Id and instant are given by the store. What looks like a
// secret in the values and the data is masked. Errors: a problem of kind Invalid when user or message are missing.
func (j *Journal) CreateAuditLog(ctx context.Context, a wire.AuditLog, info *wire.EventInfo) (created wire.AuditLog, err error) {
	err = j.db.Update(ctx, func(tx *db.Tx) error {
		created, err = j.Audit(tx, a, info)
		return err
	})
	return created, err
}

// Audit is CreateAuditLog as part of a transaction.
func (j *Journal) Audit(tx *db.Tx, a wire.AuditLog, info *wire.EventInfo) (wire.AuditLog, error) {
	a.InsertUser, a.Message, a.Reason = tidy(a.InsertUser), tidy(a.Message), tidy(a.Reason)
	var v problem.Validation
	v.Check(a.InsertUser != "", "auditLog.insertUser", "blank", "Say who did it: auditLog.insertUser is required.")
	v.Check(a.Message != "", "auditLog.message", "blank", "Say what was done: auditLog.message is required.")
	if err := v.Err(); err != nil {
		return wire.AuditLog{}, err
	}
	a.InsertInstant = wire.Instant(tx.NowMillis())
	a.OldValue, a.NewValue, a.Data = maskJSON(a.OldValue), maskJSON(a.NewValue), maskObject(a.Data)
	if err := insertAuditLog(tx, &a); err != nil {
		return wire.AuditLog{}, err
	}
	if j.OnAuditLog != nil {
		if err := j.OnAuditLog(tx, a, info); err != nil {
			return wire.AuditLog{}, err
		}
	}
	return a, nil
}

func tidy(text string) string { return strings.TrimSpace(storable(cut(text))) }

// AuditLog returns the entry with that id, or problem.ErrNotFound.
func (j *Journal) AuditLog(ctx context.Context, id int64) (a wire.AuditLog, err error) {
	err = j.db.View(ctx, func(tx *db.Tx) error {
		a, err = loadAuditLog(tx, id)
		return err
	})
	return a, err
}
