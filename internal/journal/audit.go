package journal

import (
	"context"
	"maps"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// CreateAuditLog adds an entry in a transaction of its own and returns it as stored. Id and instant are given by the store. What looks like a
// secret in the values and the data is masked. Errors: a problem of kind Invalid when user or message are missing.
func (j *Journal) CreateAuditLog(ctx context.Context, a wire.AuditLog, info *wire.EventInfo) (created wire.AuditLog, err error) {
	return j.CreateAuditLogOf(ctx, Object{}, a, info)
}

// CreateAuditLogOf is AuditOf in a transaction of its own.
func (j *Journal) CreateAuditLogOf(ctx context.Context, o Object, a wire.AuditLog, info *wire.EventInfo) (created wire.AuditLog, err error) {
	err = j.db.Update(ctx, func(tx *db.Tx) error {
		created, err = j.AuditOf(tx, o, a, info)
		return err
	})
	return created, err
}

// Audit is CreateAuditLog as part of a transaction.
func (j *Journal) Audit(tx *db.Tx, a wire.AuditLog, info *wire.EventInfo) (wire.AuditLog, error) {
	return j.AuditOf(tx, Object{}, a, info)
}

// Object is what an entry of the audit log is about: "webhook" and its id. Empty means nothing in particular.
type Object struct {
	Kind string
	ID   wire.ID
}

func (o Object) String() string {
	if o == (Object{}) {
		return ""
	}
	return o.Kind + " " + string(o.ID)
}

// ParseObject reads what String makes. A text that names no object is one that nothing was ever written about.
func ParseObject(text string) Object {
	at := strings.LastIndexByte(text, ' ')
	return Object{Kind: text[:max(at, 0)], ID: wire.ID(text[at+1:])}
}

// AuditOf is Audit for a change that Herald itself made or saw: the entry is found among those about the object, and names it in its data, as object
// and objectId. What clients of the API write is about no object, so that nobody forges the history of one.
func (j *Journal) AuditOf(tx *db.Tx, o Object, a wire.AuditLog, info *wire.EventInfo) (wire.AuditLog, error) {
	a.InsertUser, a.Message, a.Reason = tidy(a.InsertUser), tidy(a.Message), tidy(a.Reason)
	var v problem.Validation
	v.Check(a.InsertUser != "", "auditLog.insertUser", "blank", "Say who did it: auditLog.insertUser is required.")
	v.Check(a.Message != "", "auditLog.message", "blank", "Say what was done: auditLog.message is required.")
	if err := v.Err(); err != nil {
		return wire.AuditLog{}, err
	}
	a.InsertInstant = wire.Instant(tx.NowMillis())
	a.OldValue, a.NewValue, a.Data = maskJSON(a.OldValue), maskJSON(a.NewValue), maskObject(a.Data)
	if o != (Object{}) {
		data := wire.Object{"object": o.Kind, "objectId": string(o.ID)}
		maps.Copy(data, a.Data)
		a.Data = data
	}
	if err := insertAuditLog(tx, o, &a); err != nil {
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

// AuditLogOf is AuditLog of the entries about an object.
func (j *Journal) AuditLogOf(ctx context.Context, o Object, id int64) (a wire.AuditLog, err error) {
	err = j.db.View(ctx, func(tx *db.Tx) error {
		a, err = loadAuditLogOf(tx, o, id)
		return err
	})
	return a, err
}

// AuditLog returns the entry with that id, or problem.ErrNotFound.
func (j *Journal) AuditLog(ctx context.Context, id int64) (a wire.AuditLog, err error) {
	err = j.db.View(ctx, func(tx *db.Tx) error {
		a, err = loadAuditLog(tx, id)
		return err
	})
	return a, err
}
