package journal

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// SearchEventLog returns one page of the entries that match, and how many match in all: exactly up to search.MaxCount, beyond it at least so many.
func (j *Journal) SearchEventLog(ctx context.Context, c wire.EventLogSearch) (entries []wire.EventLog, total int, err error) {
	if err := checkEventLogSearch(c); err != nil {
		return nil, 0, err
	}
	err = j.db.View(ctx, func(tx *db.Tx) error {
		entries, total, err = searchEventLog(tx, &j.positions, c)
		return err
	})
	return entries, total, err
}

// PageEventLog returns one page of the entries that match as a list for people, the newest first, from a cursor on. OrderBy and StartRow mean nothing. Errors are
// those of SearchEventLog, and a problem of kind Invalid for a cursor of another list.
func (j *Journal) PageEventLog(ctx context.Context, c wire.EventLogSearch, at search.Cursor) (entries []wire.EventLog, links search.Links, err error) {
	if err := checkEventLogSearch(c); err != nil {
		return nil, links, err
	}
	err = j.db.View(ctx, func(tx *db.Tx) error {
		entries, links, err = db.List(tx, listEventLog(c), at, scanEventLog)
		return err
	})
	return entries, links, err
}

func checkEventLogSearch(c wire.EventLogSearch) error {
	var v problem.Validation
	search.CheckText(&v, "search.message", c.Message)
	switch c.Type {
	case "", wire.EventLogInformation, wire.EventLogDebug, wire.EventLogError:
	default:
		v.Field("search.type", "invalid", "The type of an event log entry is Information, Debug or Error.")
	}
	return v.Err()
}

// PageAuditLog is PageEventLog for the audit log.
func (j *Journal) PageAuditLog(ctx context.Context, c wire.AuditLogSearch, at search.Cursor) (entries []wire.AuditLog, links search.Links, err error) {
	if err := checkAuditLogSearch("search.", c); err != nil {
		return nil, links, err
	}
	err = j.db.View(ctx, func(tx *db.Tx) error {
		entries, links, err = db.List(tx, listAuditLog(c), at, scanAuditLog)
		return err
	})
	return entries, links, err
}

// PageAuditLogOf is PageAuditLog of the entries about an object: a page has as many as the page says. It is fast in a log of any size.
func (j *Journal) PageAuditLogOf(ctx context.Context, o Object, page wire.Page, at search.Cursor) (entries []wire.AuditLog, links search.Links, err error) {
	err = j.db.View(ctx, func(tx *db.Tx) error {
		entries, links, err = db.List(tx, listAuditLogOf(o, page), at, scanAuditLog)
		return err
	})
	return entries, links, err
}

// SearchAuditLog returns one page of the entries that match, and how many match in all: exactly up to search.MaxCount, beyond it at least so many.
func (j *Journal) SearchAuditLog(ctx context.Context, c wire.AuditLogSearch) (entries []wire.AuditLog, total int, err error) {
	if err := checkAuditLogSearch("search.", c); err != nil {
		return nil, 0, err
	}
	err = j.db.View(ctx, func(tx *db.Tx) error {
		entries, total, err = searchAuditLog(tx, &j.positions, c)
		return err
	})
	return entries, total, err
}

func checkAuditLogSearch(prefix string, c wire.AuditLogSearch) error {
	var v problem.Validation
	search.CheckText(&v, prefix+"message", c.Message)
	search.CheckText(&v, prefix+"user", c.User)
	search.CheckText(&v, prefix+"reason", c.Reason)
	search.CheckText(&v, prefix+"oldValue", c.OldValue)
	search.CheckText(&v, prefix+"newValue", c.NewValue)
	return v.Err()
}
