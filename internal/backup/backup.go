// Package backup handles a whole store at once: it backs it up, restores it, and copies it to the other engine.
//
// A backup is one file and always the same thing, whatever the store is: a SQLite database with Herald's tables. That of a SQLite store is a
// compacted copy; that of PostgreSQL is filled from one snapshot. So a backup can be looked into with any SQLite tool, a server starts on it when it
// lies in a folder as herald.db, and restoring to PostgreSQL, backing PostgreSQL up and moving between the engines are one operation: every
// row of every table goes from one side to the other, and is read again there to compare number and sum.
//
// Nothing is ever half there. A file appears under its name when it is complete and on the disk; PostgreSQL is filled in one transaction, which commits
// after the comparison. The encryption key is in none of them: who has a backup alone cannot read the secrets in it.
//
//	backup.go         the operations
//	transfer.go       rows from one side to the other, and the comparison
//	sqlite_sql.go     a SQLite file as a side, its catalogue
//	postgres_sql.go   PostgreSQL as a side
//	status_sql.go     what is in a store
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
)

// Store names a store: the address of a PostgreSQL database or, without one, the folder of a SQLite database.
type Store struct {
	Dir string
	URL string
}

func (s Store) engine() db.Engine {
	if s.URL != "" {
		return db.PostgreSQL
	}
	return db.SQLite
}

func (s Store) file() string { return filepath.Join(s.Dir, db.SQLiteFile) }

// Progress is told how many of a table's rows have been copied. It is called from one goroutine at a time, at the beginning and the end of
// each table and now and then between them.
type Progress func(table string, done, total int64)

// Summary is what was copied.
type Summary struct {
	Tables  int
	Rows    int64
	Version int64 // of the schema
}

// Backup writes the store to a new file. Servers may go on working: what the file holds is one instant of the store. The folder of the file must exist, the
// file must not. The file is for its owner only.
func Backup(ctx context.Context, from Store, file string, progress Progress) (s Summary, err error) {
	if _, err := os.Lstat(file); err == nil {
		return s, fmt.Errorf("the file %s exists already; choose another name, nothing is overwritten", file)
	}
	part, err := newPart(filepath.Dir(file))
	if err != nil {
		return s, fmt.Errorf("the backup cannot be written: %w", err)
	}
	defer part.remove()
	if from.engine() == db.SQLite {
		s, err = snapshotSQLite(ctx, from.file(), part.file(), progress)
	} else {
		s, err = fromPostgres(ctx, from, part, progress)
	}
	if err != nil {
		return s, err
	}
	return s, part.publish(file)
}

// Restore fills an empty store from a backup. It refuses a store that holds anything, or that a server is using. A backup of an older Herald is
// brought up to date, one of a newer Herald is refused.
func Restore(ctx context.Context, file string, to Store, progress Progress) (s Summary, err error) {
	if err := checkBackup(ctx, file); err != nil {
		return s, err
	}
	if to.engine() == db.SQLite {
		return toFolder(ctx, to, func(part *part) (Summary, error) {
			if err := copyFile(file, part.file()); err != nil {
				return s, fmt.Errorf("copy the backup: %w", err)
			}
			return countSQLite(ctx, part.file(), progress)
		})
	}
	// The rows go to tables of this program's version. An older backup is brought there in a copy.
	source := file
	version, err := sqliteVersion(ctx, file)
	if err != nil {
		return s, err
	}
	if version != db.Version() {
		part, err := newPart("")
		if err != nil {
			return s, err
		}
		defer part.remove()
		if err := copyFile(file, part.file()); err != nil {
			return s, fmt.Errorf("copy the backup: %w", err)
		}
		if err := part.migrate(ctx); err != nil {
			return s, err
		}
		source = part.file()
	}
	return toPostgres(ctx, source, to, progress)
}

// Copy moves a store to the other engine: everything in from is then in to as well, which must be empty. No server may be using either. Both have to be at this
// program's version of the schema; [db.Open] brings a store there.
func Copy(ctx context.Context, from, to Store, progress Progress) (s Summary, err error) {
	switch {
	case from.engine() == to.engine():
		return s, errors.New("a copy goes from one engine to the other; use backup and restore to move a store within one")
	case from.engine() == db.PostgreSQL:
		if err := noServers(ctx, from); err != nil {
			return s, err
		}
		return toFolder(ctx, to, func(part *part) (Summary, error) { return fromPostgres(ctx, from, part, progress) })
	}
	if _, err := os.Stat(from.file()); err != nil {
		return s, fmt.Errorf("there is no store to copy: %w", err)
	}
	unlock, err := db.Lock(from.Dir)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return toPostgres(ctx, from.file(), to, progress)
}

// fromPostgres fills the file of part from a snapshot of a PostgreSQL store.
func fromPostgres(ctx context.Context, from Store, part *part, progress Progress) (s Summary, err error) {
	if err := part.migrate(ctx); err != nil { // the tables, empty
		return s, err
	}
	target, err := openFile(ctx, part.file())
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	source, err := openSnapshot(ctx, from.URL)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	return transfer(ctx, target.tables, source, target, progress)
}

// toPostgres fills an empty PostgreSQL store from a SQLite file of this program's version.
func toPostgres(ctx context.Context, file string, to Store, progress Progress) (s Summary, err error) {
	source, err := openFile(ctx, file)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	if err := sameVersion("the store that is copied", source.version); err != nil {
		return s, err
	}
	empty, err := db.Open(ctx, db.Options{URL: to.URL}) // makes the tables of a new database, and refuses a newer one
	if err != nil {
		return s, err
	}
	if err := empty.Close(); err != nil {
		return s, err
	}
	target, err := openEmpty(ctx, to.URL, source.tables)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	return transfer(ctx, source.tables, source, target, progress)
}

// toFolder makes a store in an empty folder: fill writes the file, which gets its name at the very end.
func toFolder(ctx context.Context, to Store, fill func(*part) (Summary, error)) (s Summary, err error) {
	unlock, err := db.Lock(to.Dir)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := vacant(to); err != nil {
		return s, err
	}
	part, err := newPart(to.Dir)
	if err != nil {
		return s, fmt.Errorf("the store cannot be written: %w", err)
	}
	defer part.remove()
	if s, err = fill(part); err != nil {
		return s, err
	}
	return s, part.publish(to.file())
}

// Check makes sure that Restore can fill the store from the file, without doing it.
func Check(ctx context.Context, file string, to Store) error {
	if err := checkBackup(ctx, file); err != nil {
		return err
	}
	if to.engine() == db.SQLite {
		return vacant(to)
	}
	st, err := Inspect(ctx, to)
	for name, rows := range st.Rows {
		if rows > 0 {
			return fmt.Errorf("the database is not empty: %s has %d rows; nothing is overwritten", name, rows)
		}
	}
	return err
}

// vacant makes sure that there is no store in the folder. A log without its database belongs to one that was moved away by hand: SQLite would take it for that of a new file.
func vacant(at Store) error {
	for _, name := range []string{at.file(), at.file() + "-wal", at.file() + "-shm", at.file() + "-journal"} {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("the folder %s holds a store already (%s); choose another folder, nothing is overwritten", at.Dir, name)
		}
	}
	return nil
}

// checkBackup makes sure that a file is a sound store that this program can read.
func checkBackup(ctx context.Context, file string) error {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("the backup cannot be read: %w", err)
	}
	version, err := sqliteVersion(ctx, file)
	if err != nil {
		return fmt.Errorf("the file %s is no backup of Herald: %w", file, err)
	}
	if version > db.Version() {
		return fmt.Errorf("the backup was made by a newer Herald (its version is %d, this program knows up to %d): use that one or a later one", version, db.Version())
	}
	return checkSound(ctx, file)
}

func sameVersion(what string, version int64) error {
	if version == db.Version() {
		return nil
	}
	return fmt.Errorf("%s has version %d of the schema and this program has %d: bring it there with this program's `herald db migrate`, or use the program it belongs to",
		what, version, db.Version())
}

// part is a folder in which a file is made before it gets its name. It lies beside that name, so that a link is enough. Who makes the file holds the lock of the folder; one that
// nobody holds was left by somebody who was killed.
type part struct {
	dir    string
	unlock func() error
}

const partName = ".herald-part-"

// newPart makes one, and removes those that were left. beside may be "", for the system's folder for temporary files.
func newPart(beside string) (*part, error) {
	if beside == "" {
		beside = os.TempDir()
	}
	left, err := os.ReadDir(beside)
	if err != nil {
		return nil, err
	}
	for _, entry := range left {
		dir := filepath.Join(beside, entry.Name())
		if !strings.HasPrefix(entry.Name(), partName) || !ours(dir) {
			continue
		}
		if unlock, err := db.Lock(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = unlock()
		}
	}
	for range 3 { // somebody who begins at the same moment may take one for left over that we have made and not locked yet
		p := &part{}
		if p.dir, err = os.MkdirTemp(beside, partName); err != nil { // 0700
			return nil, err
		}
		if p.unlock, err = db.Lock(p.dir); err != nil {
			continue
		}
		if err = os.Mkdir(filepath.Dir(p.file()), 0o700); err == nil {
			crashpoint.Here("part-begun")
			return p, nil
		}
		p.remove()
	}
	return nil, err
}

// file is named as a store's, so that its folder is one.
func (p *part) file() string { return filepath.Join(p.dir, "store", db.SQLiteFile) }

// migrate makes or updates the tables in the file.
func (p *part) migrate(ctx context.Context) error {
	d, err := db.Open(ctx, db.Options{Dir: filepath.Dir(p.file())})
	if err != nil {
		return err
	}
	return d.Close()
}

// publish gives the file its name, once it is on the disk. It replaces nothing.
func (p *part) publish(name string) error {
	err := syncPath(p.file())
	crashpoint.Here("part-filled")
	if err == nil {
		err = os.Link(p.file(), name)
	}
	crashpoint.Here("part-published")
	if err == nil {
		err = syncPath(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("the file cannot be put in its place: %w", err)
	}
	return nil
}

func (p *part) remove() {
	_ = os.RemoveAll(p.dir)
	_ = p.unlock()
}

func syncPath(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// copyFile makes a file for its owner only.
func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}
