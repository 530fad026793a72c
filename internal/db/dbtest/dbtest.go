// Package dbtest opens empty, migrated stores for tests: SQLite files in temporary folders, and databases on a PostgreSQL
// server that it starts for the test binary and throws away with it.
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
//
//	func TestCreate(t *testing.T) {
//		t.Parallel()
//		dbtest.Each(t, func(t *testing.T, d *db.DB) { … })
//	}
//
// It finds PostgreSQL by PG_BINDIR, by pg_config, or where Debian installs it. TEST_POSTGRES_DSN names a server to use
// instead; it needs the right to create databases. Without PostgreSQL its subtests are skipped with a reason, and fail when
// CI=true.
package dbtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
)

// Main runs the tests of a package and stops what they started. It is all a TestMain needs. Without it the server is
// stopped as well, a moment after the process has ended.
func Main(m *testing.M) {
	os.Exit(Run(m))
}

// Run is Main without the exit, for a TestMain that has more to do. It returns the exit status.
func Run(m *testing.M) int {
	defer stopServer()
	return m.Run()
}

// Option changes how a store is opened.
type Option func(*db.Options)

// WithClock makes clock the source of the transactions' instants.
func WithClock(clock func() time.Time) Option {
	return func(o *db.Options) { o.Clock = clock }
}

// Engines returns the engines a storage test has to pass on.
func Engines() []db.Engine { return []db.Engine{db.SQLite, db.PostgreSQL} }

// Each runs fn as a subtest on every engine, each time with an empty store of its own that is closed at the end. fn may
// call t.Parallel.
func Each(t *testing.T, fn func(t *testing.T, d *db.DB), options ...Option) {
	t.Helper()
	for _, engine := range Engines() {
		t.Run(string(engine), func(t *testing.T) {
			fn(t, Open(t, engine, options...))
		})
	}
}

// Open opens an empty store and closes it at the end of the test.
func Open(t testing.TB, engine db.Engine, options ...Option) *db.DB {
	t.Helper()
	o := Options(t, engine)
	for _, option := range options {
		option(&o)
	}
	return open(t, o)
}

// Reopen closes d, which [Open], [Each] or Reopen opened, and opens the same store with the same options: what a restart
// does. The new one is closed at the end of the test.
func Reopen(t testing.TB, d *db.DB, options ...Option) *db.DB {
	t.Helper()
	o := OptionsOf(t, d)
	for _, option := range options {
		option(&o)
	}
	if err := d.Close(); err != nil {
		t.Fatalf("close the store: %v", err)
	}
	return open(t, o)
}

// OptionsOf returns what d was opened with by [Open], [Each] or [Reopen]. On PostgreSQL the same store can be opened with
// them a second time, as another process would.
func OptionsOf(t testing.TB, d *db.DB) db.Options {
	t.Helper()
	o, ok := opened.Load(d)
	if !ok {
		t.Fatal("dbtest: this store was not opened by dbtest")
	}
	return o.(db.Options)
}

// opened remembers how stores were opened, for Reopen.
var opened sync.Map // *db.DB → db.Options

func open(t testing.TB, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	opened.Store(d, o)
	t.Cleanup(func() {
		opened.Delete(d)
		if err := d.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return d
}

// Options returns what opens a store of the test's own, for tests that open it themselves or have a program do it. It is
// migrated already, and on PostgreSQL dropped at the end of the test.
func Options(t testing.TB, engine db.Engine) db.Options {
	t.Helper()
	if engine == db.PostgreSQL {
		return db.Options{URL: URL(t)}
	}
	migrated, err := SQLiteFile()
	dir := t.TempDir()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, db.SQLiteFile), migrated, 0o600)
	}
	if err != nil {
		t.Fatalf("make a store: %v", err)
	}
	return db.Options{Dir: dir}
}

// SQLiteFile returns a migrated store with nothing in it, the content of herald.db, which the tests get copies of: copying is many times as fast. Nobody may change it.
var SQLiteFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "herald-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	d, err := db.Open(context.Background(), db.Options{Dir: dir, Unsynced: true})
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil { // after which the file alone is the store
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, db.SQLiteFile))
})

// URL returns the address of an empty, migrated PostgreSQL database that is dropped at the end of the test. The test is
// skipped when there is no PostgreSQL.
func URL(t testing.TB) string {
	t.Helper()
	s := needServer(t)
	return s.database(t, s.copied)
}

// Bare is [URL] for a database in which nothing has been made yet.
func Bare(t testing.TB) string {
	t.Helper()
	return needServer(t).database(t, "")
}

func needServer(t testing.TB) *server {
	t.Helper()
	s, err := startServer()
	switch {
	case errors.Is(err, ErrNoPostgreSQL) && os.Getenv("CI") != "true":
		t.Skip("needs PostgreSQL: " + err.Error())
	case err != nil:
		t.Fatal(err)
	}
	return s
}

// durable makes the server keep what was committed through a loss of power, at the price that it has in production.
var durable bool

// Temporary is Options for benchmarks: on PostgreSQL the server is durable then, which that of the tests is not. remove drops the
// store. The error is ErrNoPostgreSQL when there is none.
func Temporary(ctx context.Context, engine db.Engine) (o db.Options, remove func(), err error) {
	if engine == db.SQLite {
		dir, err := os.MkdirTemp("", "herald-")
		return db.Options{Dir: dir}, func() { _ = os.RemoveAll(dir) }, err
	}
	durable = true
	s, err := startServer()
	if err != nil {
		return db.Options{}, nil, err
	}
	name, err := s.create(ctx)
	return db.Options{URL: s.url(name)}, func() { _ = s.drop(ctx, name) }, err
}

// Stop ends the server, for programs that have no Main.
func Stop() { stopServer() }
