// Package journal owns what people read to find out what happened: the event log, in which Herald says what went on inside it, and
// the audit log, in which programs and people record who changed what. It appends, finds, and removes what is older than
// wanted; an entry is never changed.
//
// It does not own the record of events and attempts (package publish) nor the server's own log lines (log/slog).
//
// Each entry is an event of its own, event-log.create or audit-log.create. Publishing is above this package, so it offers hooks; the
// composition root connects them. They run in the transaction of the entry:
//
//	entry written ── OnEventLog / OnAuditLog ── commit ── delivery
//	      ↑                                                  │
//	      └───────── "webhook X gives up" ───────────────────┘   ErrorQuietly: an entry without event, or this would be a circle
package journal

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Journal writes and reads both logs. It is safe for concurrent use once its exported fields are set.
type Journal struct {
	db        *db.DB
	positions search.Positions
	maxSorted int // a test makes it smaller

	// OnEventLog and OnAuditLog announce a new entry in the transaction that writes it. Nil means that nobody is told. To be set before the
	// first use. An error undoes the entry and what was done with it.
	OnEventLog func(tx *db.Tx, e wire.EventLog) error
	OnAuditLog func(tx *db.Tx, a wire.AuditLog, info *wire.EventInfo) error

	// Retention returns what Trim leaves; it is asked each time. To be set before the first use. Defaults to DefaultRetention.
	Retention func(ctx context.Context) (Retention, error)
	// Zone returns the time zone of an export that names none; it is asked each time. To be set before the first use. Defaults to UTC.
	Zone func(ctx context.Context) (*time.Location, error)
}

// New returns a journal in d without hooks.
func New(d *db.DB) *Journal {
	return &Journal{
		db:        d,
		maxSorted: maxSorted,
		Retention: func(context.Context) (Retention, error) { return DefaultRetention, nil },
		Zone:      func(context.Context) (*time.Location, error) { return time.UTC, nil },
	}
}

// Error writes what a person should look at. Like all methods with a transaction, the entry exists if and only if it commits.
func (j *Journal) Error(tx *db.Tx, message string) error {
	return j.write(tx, wire.EventLogError, message, announced)
}

// ErrorQuietly is Error without the event event-log.create. It is for failures of delivering event-log.create and
// audit-log.create: an entry about those must not be announced to the very receiver that fails.
func (j *Journal) ErrorQuietly(tx *db.Tx, message string) error {
	return j.write(tx, wire.EventLogError, message, quiet)
}

// Information writes what is worth knowing and needs no action.
func (j *Journal) Information(tx *db.Tx, message string) error {
	return j.write(tx, wire.EventLogInformation, message, announced)
}

// Debug writes what somebody asked to see by switching on debugging for something.
func (j *Journal) Debug(tx *db.Tx, message string) error {
	return j.write(tx, wire.EventLogDebug, message, announced)
}

// Log writes an entry that belongs to no other change, in a transaction of its own.
func (j *Journal) Log(ctx context.Context, kind wire.EventLogType, message string) error {
	return j.db.Update(ctx, func(tx *db.Tx) error { return j.write(tx, kind, message, announced) })
}

// LogQuietly is Log without the event event-log.create; see ErrorQuietly.
func (j *Journal) LogQuietly(ctx context.Context, kind wire.EventLogType, message string) error {
	return j.db.Update(ctx, func(tx *db.Tx) error { return j.write(tx, kind, message, quiet) })
}

type announcement bool

const (
	announced announcement = true
	quiet     announcement = false
)

// longestMessage in bytes. A receiver's answer or a stack trace may be part of a message; the log is for reading.
const longestMessage = 64 << 10

func (j *Journal) write(tx *db.Tx, kind wire.EventLogType, message string, a announcement) error {
	e := wire.EventLog{Type: kind, Message: storable(cut(message)), InsertInstant: wire.Instant(tx.NowMillis())}
	if err := insertEventLog(tx, &e); err != nil {
		return err
	}
	if a == quiet || j.OnEventLog == nil {
		return nil
	}
	return j.OnEventLog(tx, e)
}

// EventLog returns the entry with that id, or problem.ErrNotFound.
func (j *Journal) EventLog(ctx context.Context, id int64) (e wire.EventLog, err error) {
	err = j.db.View(ctx, func(tx *db.Tx) error {
		e, err = loadEventLog(tx, id)
		return err
	})
	return e, err
}

// storable makes a text that both engines take: valid UTF-8 without NUL, which PostgreSQL refuses.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// cut shortens a text that is too long for the log and marks that it did.
func cut(text string) string {
	if len(text) <= longestMessage {
		return text
	}
	const mark = " …"
	end := longestMessage - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
