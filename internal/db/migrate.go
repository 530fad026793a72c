package db

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/herald-events/herald/internal/crashpoint"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock is PostgreSQL's advisory lock that lets one Herald migrate while others start. The number means "herald".
const migrationLock = 0x686572616c64

// migrate brings the tables up to date and refuses a database that is ahead of this program.
func (d *DB) migrate(ctx context.Context, pool *sql.DB, files fs.FS) error {
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithSlog(d.logger)}
	dialect := goose.DialectSQLite3
	if d.engine == PostgreSQL {
		dialect = goose.DialectPostgres
		options = append(options, goose.WithSessionLocker(advisoryLock{}))
	}
	versions, err := database.NewStore(dialect, VersionTable)
	if err != nil {
		return err
	}
	options = append(options, goose.WithStore(versionStore{versions.(database.StoreExtender)}))
	provider, err := goose.NewProvider(database.DialectCustom, pool, overlay{files, d.engine}, options...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}

	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	current, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the database: %w", err)
	}
	switch {
	case current > newest:
		return &StartupError{Sentence: fmt.Sprintf(
			"The database was written by a newer Herald (its version is %d, this program knows up to %d): start that one or a later one.",
			current, newest)}
	case current < newest:
		d.created = current == 0
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("migrate the database from version %d to %d: %w", current, newest, err)
		}
	}
	return nil
}

// versionStore remembers which migrations have run, each in the transaction of the migration itself.
type versionStore struct{ database.StoreExtender }

func (s versionStore) Insert(ctx context.Context, tx database.DBTxConn, version database.InsertRequest) error {
	crashpoint.Here("migrating")
	return s.StoreExtender.Insert(ctx, tx, version)
}

// advisoryLock makes processes that start at the same time migrate one after the other. Unlike goose's own locker it waits
// in the server, not in steps of seconds.
type advisoryLock struct{}

func (advisoryLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock)
	return err
}

func (advisoryLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", migrationLock)
	return err
}

// overlay shows the migrations of one engine: NNNN_x.sql is for both, unless NNNN_x.sqlite.sql or NNNN_x.postgres.sql
// takes its place. All are shown as NNNN_x.sql.
type overlay struct {
	files  fs.FS
	engine Engine
}

// ReadDir lists the migrations under the names they are shown as. Only the root has entries.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	entries, err := fs.ReadDir(o.files, "migrations")
	if err != nil {
		return nil, err
	}
	shown := map[string]fs.DirEntry{}
	for _, entry := range entries {
		base, suffix, own := cutEngine(entry.Name())
		switch {
		case own && suffix != o.engine:
			continue
		case own:
			shown[base] = renamed{entry, base}
		case shown[base] == nil:
			shown[base] = entry
		}
	}
	return slices.SortedFunc(func(yield func(fs.DirEntry) bool) {
		for _, entry := range shown {
			if !yield(entry) {
				return
			}
		}
	}, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) }), nil
}

// Open opens a migration by the name it is shown as.
func (o overlay) Open(name string) (fs.File, error) {
	if name == "." {
		return o.files.Open("migrations")
	}
	own := strings.TrimSuffix(name, ".sql") + "." + string(o.engine) + ".sql"
	if file, err := o.files.Open(path.Join("migrations", own)); err == nil {
		return file, nil
	}
	return o.files.Open(path.Join("migrations", name))
}

// cutEngine splits 0007_x.sqlite.sql into the name both engines share, 0007_x.sql, and the engine it is for.
func cutEngine(name string) (base string, engine Engine, own bool) {
	for _, engine := range []Engine{SQLite, PostgreSQL} {
		if stem, ok := strings.CutSuffix(name, "."+string(engine)+".sql"); ok {
			return stem + ".sql", engine, true
		}
	}
	return name, "", false
}

type renamed struct {
	fs.DirEntry
	name string
}

func (r renamed) Name() string { return r.name }
