package doctor

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

const (
	megabyte = 1 << 20
	// longLog is how long SQLite's write-ahead log may be: it shrinks to 64 MB by itself.
	longLog = 512 * megabyte
	// A disk with less than tightDisk free, or a twentieth, is worth a word; with less than fullDisk it is an emergency.
	tightDisk = 2 << 30
	fullDisk  = 200 * megabyte
	// checkTime is how long the search for damage may take.
	checkTime = 2 * time.Second
	// largeLog is from which size a log that is kept for ever is worth a word.
	largeLog = 1 << 30
)

func (s *Service) lookAtStore(ctx context.Context, found *findings) error {
	about := Subject{Kind: Store, Name: string(s.o.DB.Engine())}
	if err := s.o.DB.Ping(ctx); err != nil {
		found.add(StoreUnreachable, about)
		return nil
	}
	var facts storeFacts
	err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		facts, err = readFacts(tx)
		return err
	})
	if err != nil {
		return err
	}
	integrity := "checked by its server"
	if s.o.DB.Engine() == db.SQLite {
		if integrity, err = s.lookForDamage(ctx, found, about); err != nil {
			return err
		}
		file := filepath.Join(s.o.Setup.Data, db.SQLiteFile)
		if log, err := os.Stat(file + "-wal"); err == nil && log.Size() > longLog {
			found.add(StoreLongLog, about, "megabytes", log.Size()/megabyte)
		}
		if free, total, ok := diskOf(s.o.Setup.Data); ok {
			diskFindings(found, about, free, total)
		}
	}
	found.add(StoreWell, about, "engine", facts.engine, "version", facts.version, "megabytes", facts.bytes/megabyte, "integrity", integrity)
	return nil
}

func diskFindings(found *findings, about Subject, free, total int64) {
	switch {
	case free < fullDisk:
		found.add(StoreDiskFull, about, "megabytes", free/megabyte, "total", total/megabyte)
	case free < tightDisk || free < total/20:
		found.add(StoreDiskTight, about, "megabytes", free/megabyte, "total", total/megabyte)
	}
}

// lookForDamage has SQLite look through its file, for a limited time.
func (s *Service) lookForDamage(ctx context.Context, found *findings, about Subject) (integrity string, err error) {
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var damage string
	err = s.o.DB.View(limited, func(tx *db.Tx) (err error) {
		damage, err = quickCheck(tx)
		return err
	})
	switch {
	case limited.Err() != nil && ctx.Err() == nil:
		found.add(StoreNotChecked, about, "seconds", int64(checkTime.Seconds()))
		return "not checked for damage", nil
	case err != nil:
		return "", err
	case damage != "":
		found.add(StoreDamaged, about, "problem", damage)
		return "damaged", nil
	}
	return "integrity ok", nil
}

// lookAtRetention estimates how large the log of events is, and what is to be removed of it.
func (s *Service) lookAtRetention(ctx context.Context, found *findings) error {
	settings, err := s.o.System.Settings(ctx)
	if err != nil {
		return err
	}
	var facts storeFacts
	var log logFacts
	now := s.o.DB.Now()
	limit := int64(0)
	if days := settings.WebhookLog.RetainDays; days > 0 {
		limit = now.AddDate(0, 0, -days).UnixMilli()
	}
	err = s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		if facts, err = readFacts(tx); err != nil {
			return err
		}
		log, err = readLog(tx, limit)
		return err
	})
	if err != nil || log.events == 0 {
		return err
	}
	about := Subject{Kind: Store, Name: string(s.o.DB.Engine())}
	days := settings.WebhookLog.RetainDays
	switch {
	case days == 0 && settings.WebhookLog.Enabled && facts.bytes > largeLog:
		found.add(LogForEver, about, "megabytes", facts.bytes/megabyte)
	case days > 0 && log.oldest < limit-2*24*time.Hour.Milliseconds() && log.removable > 10_000: // those that are still owed stay
		found.add(LogBehind, about, "days", days, "since", wire.Instant(log.oldest), "removable", log.removable)
	}
	found.add(LogSize, about, "events", log.events, "since", wire.Instant(log.oldest), "megabytes", facts.bytes/megabyte, "removable", log.removable, "days", days)
	return nil
}

// lookAtTasks finds tasks that failed in the last week.
func (s *Service) lookAtTasks(ctx context.Context, found *findings) error {
	return s.o.DB.View(ctx, func(tx *db.Tx) error {
		failed, err := failedTasks(tx, tx.Now().AddDate(0, 0, -7).UnixMilli())
		for _, t := range failed {
			found.add(TaskFailed, Subject{Task, t.id, t.kind}, "kind", t.kind, "at", t.at, "error", t.reason)
		}
		return err
	})
}
