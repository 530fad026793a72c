package doctor

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// Extent is about how much there is of a log.
type Extent struct {
	// Entries is an estimate: nothing is counted, and what was removed in between is not known.
	Entries int64
	// Oldest is when its oldest entry was written, 0 without any.
	Oldest wire.Instant
	// Removable is how many of the entries are older than what is kept, and will be removed.
	Removable int64
}

// LogSizes are the extents of what is kept, and that of the whole database in bytes.
type LogSizes struct {
	Webhook, Event, Audit Extent
	Bytes                 int64
}

// LogSizes estimates how much there is of each log. It looks at the ends of indexes only.
func (s *Service) LogSizes(ctx context.Context) (sizes LogSizes, err error) {
	settings, err := s.o.System.Settings(ctx)
	if err != nil {
		return sizes, err
	}
	limit := int64(0)
	if days := settings.WebhookLog.RetainDays; days > 0 {
		limit = s.o.DB.Now().AddDate(0, 0, -days).UnixMilli()
	}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		facts, err := readFacts(tx)
		if err != nil {
			return err
		}
		log, err := readLog(tx, limit)
		if err != nil {
			return err
		}
		sizes.Bytes, sizes.Webhook = facts.bytes, Extent{log.events, wire.Instant(log.oldest), log.removable}
		if sizes.Event, err = readJournal(tx, "event_log"); err != nil {
			return err
		}
		sizes.Event.Removable = max(sizes.Event.Entries-int64(settings.EventLogEntries), 0)
		sizes.Audit, err = readJournal(tx, "audit_log")
		return err
	})
	return sizes, err
}
