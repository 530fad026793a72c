package dbtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/herald-events/herald/internal/db"
)

// ErrNoPostgreSQL says that there is no PostgreSQL to test with.
var ErrNoPostgreSQL = errors.New("initdb and postgres were not found; install PostgreSQL, or set PG_BINDIR or TEST_POSTGRES_DSN")

// server is where the databases of the tests are made.
type server struct {
	address *url.URL // of the database that exists from the start
	copied  string   // what CREATE DATABASE is to copy; nothing on a server that is not ours
	copying sync.Mutex
	stop    func()
}

var (
	shared     *server
	sharedErr  error
	sharedOnce sync.Once
)

// startServer starts the server at the first call, and returns it.
func startServer() (*server, error) {
	sharedOnce.Do(func() { shared, sharedErr = newServer() })
	return shared, sharedErr
}

// stopServer stops it when it was started.
func stopServer() {
	sharedOnce.Do(func() { sharedErr = errors.New("dbtest: the tests have ended") })
	if shared != nil {
		shared.stop()
	}
}

func newServer() (*server, error) {
	if dsn := os.Getenv("TEST_POSTGRES_DSN"); dsn != "" {
		address, err := url.Parse(dsn)
		if err != nil || (address.Scheme != "postgres" && address.Scheme != "postgresql") {
			return nil, errors.New("TEST_POSTGRES_DSN is not of the form postgres://user:password@host:port/database")
		}
		return &server{address: address, stop: func() {}}, nil
	}
	s, err := startCluster()
	if err != nil {
		return nil, err
	}
	if err := s.makeTemplate(); err != nil {
		s.stop()
		return nil, fmt.Errorf("migrate the template: %w", err)
	}
	return s, nil
}

// makeTemplate migrates one database, which the tests get copies of: copying is several times as fast.
func (s *server) makeTemplate() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.exec(ctx, "CREATE DATABASE template_herald"); err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{URL: s.url("template_herald")})
	if err != nil {
		return err
	}
	var version int
	err = d.View(ctx, func(tx *db.Tx) error {
		return tx.QueryRow("SELECT current_setting('server_version_num')::int").Scan(&version)
	})
	s.copied = " TEMPLATE template_herald"
	if version >= 15_00_00 {
		s.copied += " STRATEGY FILE_COPY" // twice as fast as through the log
	}
	return errors.Join(err, d.Close())
}

// database makes a copy of a template that is dropped at the end of the test, and returns its address.
func (s *server) database(t testing.TB, template string) string {
	t.Helper()
	name, err := s.createFrom(t.Context(), template)
	if err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.drop(context.WithoutCancel(t.Context()), name); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	return s.url(name)
}

// create makes an empty, migrated database and returns its name.
func (s *server) create(ctx context.Context) (name string, err error) {
	return s.createFrom(ctx, s.copied)
}

func (s *server) createFrom(ctx context.Context, template string) (name string, err error) {
	name = "t_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	// One copy at a time: the server refuses some that overlap.
	s.copying.Lock()
	defer s.copying.Unlock()
	return name, s.exec(ctx, "CREATE DATABASE "+name+template)
}

func (s *server) drop(ctx context.Context, name string) error {
	return s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
}

// url returns the address of a database on the server, for a pool that leaves connections for parallel tests.
func (s *server) url(database string) string {
	address := *s.address
	address.Path = "/" + database
	query := address.Query()
	query.Set("pool_max_conns", "8")
	address.RawQuery = query.Encode()
	return address.String()
}

// exec runs a statement that concerns databases as such.
func (s *server) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.address.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// programs returns the folder with initdb and postgres.
func programs() (string, error) {
	if dir := os.Getenv("PG_BINDIR"); dir != "" {
		return dir, nil
	}
	var candidates []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/[1-9][0-9]/bin") // two digits: sorted as text, the last is the newest
	for i := range debian {
		candidates = append(candidates, debian[len(debian)-1-i])
	}
	for _, dir := range candidates {
		_, noInit := os.Stat(filepath.Join(dir, "initdb"))
		_, noServer := os.Stat(filepath.Join(dir, "postgres"))
		if noInit == nil && noServer == nil {
			return dir, nil
		}
	}
	return "", ErrNoPostgreSQL
}
