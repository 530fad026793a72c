package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"modernc.org/sqlite"
)

// sqliteReaders is how many snapshots can be read at a time. Each connection has a page cache of its own.
const sqliteReaders = 8

// What each connection is told, in this order: first that it may wait, and the page size before anything can write.
var (
	writerSetup = []string{
		"PRAGMA busy_timeout = 10000",
		// Small pages: what a lone commit costs is the pages it touches, and an API call touches one in each of a dozen trees.
		"PRAGMA page_size = 4096",
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL", // every commit is synced: it survives a power loss, not only a crash
		"PRAGMA fullfsync = ON",     // macOS: a sync that reaches the disk; nothing elsewhere
		"PRAGMA foreign_keys = ON",
		"PRAGMA wal_autocheckpoint = 0",        // checkpoint.go does it, outside of the commits
		"PRAGMA journal_size_limit = 67108864", // after a burst the log shrinks back to 64 MB
		"PRAGMA temp_store = MEMORY",
		"PRAGMA cache_size = -24576",
	}
	readerSetup = []string{
		"PRAGMA busy_timeout = 10000",
		"PRAGMA query_only = ON",
		"PRAGMA temp_store = MEMORY",
		"PRAGMA cache_size = -8192",
	}
	checkpointerSetup = []string{
		"PRAGMA busy_timeout = 10000",
		"PRAGMA synchronous = FULL",
		"PRAGMA fullfsync = ON",
		"PRAGMA wal_autocheckpoint = 0",
	}
)

// SQLiteFile is the name of the database in its folder.
const SQLiteFile = "herald.db"

// sqliteStore is a folder: herald.db with its write-ahead log, and herald.lock.
type sqliteStore struct {
	d          *DB
	lock       *os.File
	writing    *sql.DB // one connection, the writer's
	reading    *sql.DB
	writer     *writer
	checkpoint *checkpointer
}

func openSQLite(ctx context.Context, d *DB, dir string) (_ *sqliteStore, err error) {
	if dir == "" {
		return nil, &StartupError{Sentence: "No data folder is set, and no PostgreSQL database either."}
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &sqliteStore{d: d, lock: lock}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
			// A sentence stays a sentence: what went wrong while cleaning up adds nothing to it.
			if startup, ok := errors.AsType[*StartupError](err); ok {
				err = startup
			}
		}
	}()

	file := filepath.Join(dir, SQLiteFile)
	if err := touch(file); err != nil {
		return nil, notWritable(dir, err)
	}
	if s.writing, err = openPool(file, d.synced(writerSetup), 1); err != nil {
		return nil, err
	}
	conn, err := s.writing.Conn(ctx)
	if err != nil {
		return nil, &StartupError{Sentence: fmt.Sprintf("The database %s cannot be opened: %s.", file, err), Err: err}
	}
	_ = conn.Close() // back to the pool of one, for the migrations
	if err = d.migrateSQLite(ctx, s.writing); err != nil {
		return nil, err
	}
	if s.reading, err = openPool(file, readerSetup, sqliteReaders); err != nil {
		return nil, err
	}
	if conn, err = s.writing.Conn(ctx); err != nil {
		return nil, err
	}
	if s.checkpoint, err = startCheckpointer(ctx, d, file); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.writer = &writer{
		d: d, conn: conn, checkpoint: s.checkpoint,
		jobs: make(chan *job, maxBatchJobs), stopped: make(chan struct{}),
	}
	go s.writer.run()
	return s, nil
}

// migrateSQLite migrates without a sync for each migration. A power loss may take back the latest, and the next start runs them again. The first commit of anything else
// syncs them as well.
func (d *DB) migrateSQLite(ctx context.Context, pool *sql.DB) error {
	if d.unsynced {
		return d.migrate(ctx, pool, migrationFiles)
	}
	if _, err := pool.ExecContext(ctx, "PRAGMA synchronous = NORMAL"); err != nil {
		return err
	}
	if err := d.migrate(ctx, pool, migrationFiles); err != nil {
		return err
	}
	_, err := pool.ExecContext(ctx, "PRAGMA synchronous = FULL")
	return err
}

// synced is what a connection that writes is told.
func (d *DB) synced(setup []string) []string {
	if !d.unsynced {
		return setup
	}
	return append(slices.Clone(setup), "PRAGMA synchronous = OFF", "PRAGMA fullfsync = OFF")
}

func (s *sqliteStore) update(ctx context.Context, fn func(*Tx) error) ([]func(), error) {
	return s.writer.update(ctx, fn)
}

func (s *sqliteStore) view(ctx context.Context, fn func(*Tx) error) error {
	conn, err := s.reading.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Without ctx, whose end would roll back on another goroutine while fn still runs: the statements end with it anyway.
	sqlTx, err := conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer sqlTx.Rollback()

	tx := s.d.newTx(ctx, sqlTx, false)
	defer tx.end()
	// BEGIN alone takes no snapshot, the first read does. It happens here, between two looks at the count of bumps, so that
	// Cache knows which commits the snapshot contains.
	before := s.d.bumps.now()
	if _, err := sqlTx.ExecContext(context.WithoutCancel(ctx), "SELECT 1 FROM revision LIMIT 1"); err != nil {
		return fmt.Errorf("take a snapshot: %w", err)
	}
	after := s.d.bumps.now()
	tx.seen = snapshot{number: before.number, stable: before.stable && before == after}
	return fn(tx)
}

func (s *sqliteStore) ping(ctx context.Context) error {
	var one int
	return s.reading.QueryRowContext(ctx, "SELECT 1 FROM sqlite_schema LIMIT 1").Scan(&one)
}

func (s *sqliteStore) close() error {
	s.writer.stop()
	s.checkpoint.stop()
	// Everything goes into the one file, so that it can be copied. No statistics are taken: those of a store that was stopped while it was small are still
	// believed when it has a million rows, and then whole tables are read. Queries are written for an engine that knows nothing.
	if err := s.writer.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		s.d.logger.Warn("closing the database", "error", err)
	}
	return errors.Join(s.writer.close(), s.release())
}

// release closes what is open, the lock last.
func (s *sqliteStore) release() error {
	var errs []error
	for _, pool := range []*sql.DB{s.reading, s.writing} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(append(errs, unlockFile(s.lock), s.lock.Close())...)
}

// openPool returns a pool of up to size connections to the file, which it keeps.
func openPool(file string, setup []string, size int) (*sql.DB, error) {
	// As a URI, because a path may contain what the driver would take for parameters.
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(file)}
	connector, err := sqlite.NewConnector(uri.String())
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(cachingConnector{Connector: connector, setup: setup})
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool, nil
}

// lockFolder makes the folder when it is missing and makes it this process' own until the file is closed.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, notWritable(dir, err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "herald.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, notWritable(dir, err)
	}
	if err := lockFile(file); err != nil {
		file.Close()
		if errors.Is(err, errLocked) {
			return nil, &StartupError{
				Sentence: fmt.Sprintf("Another Herald is using the data folder %s (it holds the lock on %s): stop it first, or choose another folder.", dir, file.Name()),
				Err:      err,
			}
		}
		return nil, &StartupError{Sentence: fmt.Sprintf("The data folder %s cannot be locked: %s.", dir, err), Err: err}
	}
	return file, nil
}

func notWritable(dir string, err error) error {
	reason := err
	if e, ok := errors.AsType[*os.PathError](err); ok {
		reason = e.Err
	}
	return &StartupError{Sentence: fmt.Sprintf("The data folder %s cannot be written: %s. Choose another one with --data, or let this user write there.", dir, reason), Err: err}
}

// Compact gives the space that removed rows have left back to the disk; nothing of what was in them is left in the file. Who writes meanwhile waits. PostgreSQL sees to its own space.
func (d *DB) Compact(ctx context.Context) error {
	return d.use(func() error {
		s, ok := d.store.(*sqliteStore)
		if !ok {
			return nil
		}
		pool, err := openPool(filepath.Join(filepath.Dir(s.lock.Name()), SQLiteFile), d.synced(checkpointerSetup), 1)
		if err != nil {
			return err
		}
		_, err = pool.ExecContext(ctx, "VACUUM")
		return errors.Join(err, pool.Close())
	})
}

// touch makes the file for its owner only. SQLite gives its log the same permissions, and syncs the folder with it.
func touch(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
