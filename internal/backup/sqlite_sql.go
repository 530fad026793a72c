package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/herald-events/herald/internal/db"
)

// file is a SQLite file, read in one transaction, or filled in one.
type file struct {
	pool    *sql.DB
	conn    *sql.Conn
	version int64
	tables  []table
}

// openFile begins a transaction on the file.
func openFile(ctx context.Context, name string) (_ *file, err error) {
	f := &file{}
	if f.pool, err = open(name); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.close()
		}
	}()
	if f.conn, err = f.pool.Conn(ctx); err != nil {
		return nil, err
	}
	if f.version, err = versionIn(ctx, f.conn); err != nil {
		return nil, err
	}
	// Rows refer to each other in their own table as well; what refers to nothing is looked for at the end.
	if _, err = f.conn.ExecContext(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
		return nil, err
	}
	if _, err = f.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return nil, err
	}
	f.tables, err = catalogue(ctx, f.conn)
	return f, err
}

// open does not touch a file before its first statement. As a URI, because a path may contain what the driver would take for parameters.
func open(name string) (*sql.DB, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(name); err != nil {
		return nil, fmt.Errorf("there is no store: %w", err)
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(name), RawQuery: "_pragma=busy_timeout(10000)"}
	pool, err := sql.Open("sqlite", uri.String())
	if err == nil {
		pool.SetMaxOpenConns(1)
	}
	return pool, err
}

func (f *file) close() error {
	var errs []error
	if f.conn != nil {
		_, _ = f.conn.ExecContext(context.Background(), "ROLLBACK") // of nothing, after a commit
		errs = append(errs, f.conn.Close())
	}
	return errors.Join(append(errs, f.pool.Close())...)
}

func (f *file) count(ctx context.Context, t table) (n int64, err error) {
	return n, f.conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+quote(t.name)).Scan(&n)
}

func (f *file) read(ctx context.Context, t table, row func([]any) error) error {
	rows, err := f.conn.QueryContext(ctx, `SELECT `+t.list()+` FROM `+quote(t.name))
	if err != nil {
		return err
	}
	defer rows.Close()
	values, places := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		if err := t.asRow(values); err != nil {
			return err
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (f *file) last(ctx context.Context, t table) (n int64, err error) {
	err = f.conn.QueryRowContext(ctx, `SELECT seq FROM sqlite_sequence WHERE name = $1`, t.name).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func (f *file) write(ctx context.Context, t table, next func() ([]any, bool, error)) error {
	places := make([]string, len(t.columns))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	insert, err := f.conn.PrepareContext(ctx, `INSERT INTO `+quote(t.name)+` (`+t.list()+`) VALUES (`+strings.Join(places, ", ")+`)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for {
		values, more, err := next()
		if err != nil || !more {
			return err
		}
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
}

func (f *file) countFrom(ctx context.Context, t table, number int64) error {
	if _, err := f.conn.ExecContext(ctx, `DELETE FROM sqlite_sequence WHERE name = $1`, t.name); err != nil {
		return err
	}
	_, err := f.conn.ExecContext(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)`, t.name, number)
	return err
}

func (f *file) commit(ctx context.Context) error {
	rows, err := f.conn.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	broken := rows.Next()
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if broken {
		return errors.New("rows refer to others that are not there; nothing is kept")
	}
	if _, err := f.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	_, err = f.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)") // the file alone is the store
	return err
}

// catalogue is what tables there are, but for the engine's own and that of the migrations.
func catalogue(ctx context.Context, conn *sql.Conn) (tables []table, err error) {
	names, err := texts(ctx, conn, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> '`+db.VersionTable+`' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	counted, err := texts(ctx, conn, `SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'`)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t := table{name: name}
		if t.refers, err = texts(ctx, conn, `SELECT DISTINCT "table" FROM pragma_foreign_key_list('`+name+`')`); err != nil {
			return nil, err
		}
		rows, err := conn.QueryContext(ctx, `SELECT name, type, pk FROM pragma_table_info('`+name+`') ORDER BY cid`)
		if err != nil {
			return nil, err
		}
		t.columns, err = db.Collect(rows, nil, func(rows *sql.Rows) (c column, err error) {
			var declared string
			var key int
			if err := rows.Scan(&c.name, &declared, &key); err != nil {
				return c, err
			}
			if key > 0 && slices.Contains(counted, name) {
				t.counter = c.name
			}
			kinds := map[string]kind{"TEXT": text, "BIGINT": integer, "INTEGER": integer, "BOOLEAN": boolean, "DOUBLE PRECISION": float, "BLOB": bytes}
			known := false
			if c.kind, known = kinds[declared]; !known {
				return c, fmt.Errorf("column %s.%s has the type %s, which nobody has taught the copy", name, c.name, declared)
			}
			return c, nil
		})
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func texts(ctx context.Context, conn *sql.Conn, query string) ([]string, error) {
	rows, err := conn.QueryContext(ctx, query)
	return db.Collect(rows, err, func(rows *sql.Rows) (one string, err error) { return one, rows.Scan(&one) })
}

// versionIn is the version of the schema of an open store.
func versionIn(ctx context.Context, conn interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (version int64, err error) {
	err = conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+db.VersionTable).Scan(&version)
	return version, err
}

func sqliteVersion(ctx context.Context, name string) (version int64, err error) {
	pool, err := open(name)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	return versionIn(ctx, pool)
}

// checkSound reads all of a file.
func checkSound(ctx context.Context, name string) error {
	pool, err := open(name)
	if err != nil {
		return err
	}
	defer pool.Close()
	var verdict string
	if err := pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("the file %s cannot be read: %w", name, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("the file %s is damaged: %s", name, verdict)
	}
	return nil
}

// snapshotSQLite writes a compacted copy of the database, beside whoever works on it. It is a reader: nobody waits for it.
func snapshotSQLite(ctx context.Context, from, to string, progress Progress) (s Summary, err error) {
	pool, err := open(from)
	if err != nil {
		return s, err
	}
	defer pool.Close()
	// The file is there before, empty and for its owner only; SQLite would make it readable for others.
	if f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return s, err
	} else if err := f.Close(); err != nil {
		return s, err
	}
	if _, err := pool.ExecContext(ctx, "VACUUM INTO $1", to); err != nil {
		return s, fmt.Errorf("copy the database: %w", err)
	}
	return countSQLite(ctx, to, progress)
}

// countSQLite makes sure that a copy can be read, and says what is in it.
func countSQLite(ctx context.Context, name string, progress Progress) (s Summary, err error) {
	if err := checkSound(ctx, name); err != nil {
		return s, err
	}
	f, err := openFile(ctx, name)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	s.Version = f.version
	for _, t := range f.tables {
		n, err := f.count(ctx, t)
		if err != nil {
			return s, err
		}
		progress(t.name, n, n)
		s.Tables, s.Rows = s.Tables+1, s.Rows+n
	}
	return s, nil
}
