package journal

import (
	"context"
	"errors"

	"github.com/herald-events/herald/internal/db"
)

// Retention says what Trim leaves. Zero means that everything stays.
type Retention struct {
	EventLogEntries int // the newest n entries of the event log
	AuditLogDays    int // the audit log of the last n days
}

// DefaultRetention is what a journal keeps that nobody told otherwise: 10,000 entries of the event log, the audit log for ever.
var DefaultRetention = Retention{EventLogEntries: 10_000}

// step is how many entries one transaction removes, few enough that nobody notices the pause on a store with one writer.
const step = 500

// Trim removes what is older than Retention wants, the oldest first. It works in small transactions and stops between two of them when ctx
// ends. When Retention fails, nothing is removed.
func (j *Journal) Trim(ctx context.Context) error {
	keep, err := j.Retention(ctx)
	if err != nil {
		return err
	}
	return errors.Join(j.trimEventLog(ctx, keep.EventLogEntries), j.trimAuditLog(ctx, keep.AuditLogDays))
}

// Trimmable is how many entries of the event log and of the audit log Trim would remove.
func (j *Journal) Trimmable(ctx context.Context) (eventLog, auditLog int64, err error) {
	keep, err := j.Retention(ctx)
	if err != nil {
		return 0, 0, err
	}
	err = j.db.View(ctx, func(tx *db.Tx) error {
		eventLog, auditLog = 0, 0
		if keep.EventLogEntries > 0 {
			newest, err := newestToRemove(tx, keep.EventLogEntries)
			if err != nil {
				return err
			}
			if eventLog, err = countEventLog(tx, newest); err != nil {
				return err
			}
		}
		if keep.AuditLogDays > 0 {
			auditLog, err = countAuditLog(tx, tx.Now().AddDate(0, 0, -keep.AuditLogDays).UnixMilli())
		}
		return err
	})
	return eventLog, auditLog, err
}

func (j *Journal) trimEventLog(ctx context.Context, keep int) error {
	if keep == 0 {
		return nil
	}
	var newest int64
	err := j.db.View(ctx, func(tx *db.Tx) (err error) {
		newest, err = newestToRemove(tx, keep)
		return err
	})
	if err != nil || newest == 0 {
		return err
	}
	return j.inSteps(ctx, func(tx *db.Tx) (int64, error) { return deleteEventLog(tx, newest, step) })
}

func (j *Journal) trimAuditLog(ctx context.Context, days int) error {
	if days == 0 {
		return nil
	}
	return j.inSteps(ctx, func(tx *db.Tx) (int64, error) {
		return deleteAuditLog(tx, tx.Now().AddDate(0, 0, -days).UnixMilli(), step)
	})
}

// inSteps calls remove in a transaction of its own until it finds less than a step to remove.
func (j *Journal) inSteps(ctx context.Context, remove func(*db.Tx) (int64, error)) error {
	for removed := int64(step); removed == step; {
		err := j.db.Update(ctx, func(tx *db.Tx) (err error) {
			removed, err = remove(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
