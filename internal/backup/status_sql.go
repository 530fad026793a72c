package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/herald-events/herald/internal/db"
)

// Status is what is in a store, seen from outside: it is neither opened for work nor brought up to date.
type Status struct {
	Engine  db.Engine `json:"engine"`
	Version int64     `json:"version"` // of its schema
	Newest  int64     `json:"newest"`  // that this program knows; a server brings the store there when it starts
	Bytes   int64     `json:"bytes"`
	Servers int64     `json:"servers"` // that are running on it
	Owed    int64     `json:"owed"`    // deliveries that are still to be made
	Dead    int64     `json:"dead"`    // those that were given up
	// Rows are those of the tables that grow.
	Rows map[string]int64 `json:"rows"`
}

// growing are the tables that grow with what happens, and how people call what is in them.
var growing = []string{"event", "attempt", "delivery", "event_log", "audit_log", "message", "login_record", "users"}

// Inspect looks at a store, which servers may be using.
func Inspect(ctx context.Context, at Store) (s Status, err error) {
	s = Status{Engine: at.engine(), Newest: db.Version(), Rows: map[string]int64{}}
	if s.Engine == db.SQLite {
		return s, s.sqlite(ctx, at)
	}
	return s, s.postgres(ctx, at)
}

// fill counts.
func (s *Status) fill(has func(table string) (bool, error), count func(query string) (int64, error)) (err error) {
	for _, name := range growing {
		exists, err := has(name)
		if err != nil {
			return err
		}
		if !exists { // an older schema
			continue
		}
		if s.Rows[name], err = count(`SELECT COUNT(*) FROM ` + quote(name)); err != nil {
			return err
		}
	}
	if s.Version < 9 { // before deliveries had the states they have now
		return nil
	}
	if s.Owed, err = count(`SELECT COUNT(*) FROM delivery WHERE state IN ('pending', 'retrying')`); err == nil {
		s.Dead, err = count(`SELECT COUNT(*) FROM delivery WHERE state = 'dead'`)
	}
	return err
}

func (s *Status) sqlite(ctx context.Context, at Store) error {
	pool, err := open(at.file())
	if err != nil {
		return err
	}
	defer pool.Close()
	if s.Version, err = versionIn(ctx, pool); err != nil {
		return fmt.Errorf("the file %s is no store of Herald: %w", at.file(), err)
	}
	for _, name := range []string{at.file(), at.file() + "-wal"} {
		info, err := os.Stat(name)
		if err == nil {
			s.Bytes += info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if unlock, err := db.Lock(at.Dir); err != nil {
		s.Servers = 1
	} else if err := unlock(); err != nil {
		return err
	}
	one := func(query string, args ...any) (n int64, err error) {
		return n, pool.QueryRowContext(ctx, query, args...).Scan(&n)
	}
	return s.fill(func(table string) (bool, error) {
		n, err := one(`SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = $1`, table)
		return n > 0, err
	}, func(query string) (int64, error) { return one(query) })
}

func (s *Status) postgres(ctx context.Context, at Store) (err error) {
	conn, err := connect(ctx, at.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.Background())) }()
	one := func(query string, args ...any) (n int64, err error) {
		return n, conn.QueryRow(ctx, query, args...).Scan(&n)
	}
	has := func(table string) (bool, error) {
		n, err := one(`SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1`, table)
		return n > 0, err
	}
	switch exists, err := has(db.VersionTable); {
	case err != nil:
		return err
	case !exists:
		return nil // an empty database: nothing has been made yet
	}
	if s.Version, err = one(`SELECT COALESCE(MAX(version_id), 0) FROM ` + db.VersionTable); err != nil {
		return err
	}
	if s.Bytes, err = one(`SELECT pg_database_size(current_database())`); err != nil {
		return err
	}
	if exists, err := has("node"); err != nil {
		return err
	} else if exists {
		if s.Servers, err = livingServers(ctx, conn); err != nil {
			return err
		}
	}
	return s.fill(has, func(query string) (int64, error) { return one(query) })
}
