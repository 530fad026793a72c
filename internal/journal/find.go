package journal

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// SearchEventLog returns one page of the entries that match, and how many match in all.
func (j *Journal) SearchEventLog(ctx context.Context, c wire.EventLogSearch) (entries []wire.EventLog, total int, err error) {
	var v problem.Validation
	checkText(&v, "search.message", c.Message)
	switch c.Type {
	case "", wire.EventLogInformation, wire.EventLogDebug, wire.EventLogError:
	default:
		v.Field("search.type", "invalid", "The type of an event log entry is Information, Debug or Error.")
	}
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = j.db.View(ctx, func(tx *db.Tx) error {
		entries, total, err = searchEventLog(tx, c)
		return err
	})
	return entries, total, err
}

// SearchAuditLog returns one page of the entries that match, and how many match in all.
func (j *Journal) SearchAuditLog(ctx context.Context, c wire.AuditLogSearch) (entries []wire.AuditLog, total int, err error) {
	if err := checkAuditLogSearch("search.", c); err != nil {
		return nil, 0, err
	}
	err = j.db.View(ctx, func(tx *db.Tx) error {
		entries, total, err = searchAuditLog(tx, c)
		return err
	})
	return entries, total, err
}

func checkAuditLogSearch(prefix string, c wire.AuditLogSearch) error {
	var v problem.Validation
	checkText(&v, prefix+"message", c.Message)
	checkText(&v, prefix+"user", c.User)
	checkText(&v, prefix+"reason", c.Reason)
	checkText(&v, prefix+"oldValue", c.OldValue)
	checkText(&v, prefix+"newValue", c.NewValue)
	return v.Err()
}

// longestSearch in bytes; SQLite refuses to compare with patterns of more than 50,000.
const longestSearch = 1000

func checkText(v *problem.Validation, path, text string) {
	v.Check(len(text) <= longestSearch, path, "tooLong", "The text to search for has at most %d bytes.", longestSearch)
}
