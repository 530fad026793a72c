package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/herald-events/herald/internal/db"
)

// Older returns a store as a Herald left it that knew the migrations up to version, with the rows of [Fill]. On PostgreSQL it is dropped at the end of the test.
func Older(t testing.TB, engine db.Engine, version int64) db.Options {
	t.Helper()
	o := db.Options{Dir: t.TempDir()}
	if engine == db.PostgreSQL {
		o = db.Options{URL: Bare(t)}
	}
	migrateTo(t, o, version)
	Fill(t, o)
	return o
}

// migrateTo brings an empty store to an older version.
func migrateTo(t testing.TB, o db.Options, version int64) {
	t.Helper()
	pool, engine, dialect := Raw(t, o), db.SQLite, goose.DialectSQLite3
	defer pool.Close()
	if o.URL != "" {
		engine, dialect = db.PostgreSQL, goose.DialectPostgres
	}
	migrations, err := goose.NewProvider(dialect, pool, db.Migrations(engine), goose.WithDisableGlobalRegistry(true), goose.WithTableName(db.VersionTable))
	if err == nil {
		_, err = migrations.UpTo(t.Context(), version)
	}
	if err != nil {
		t.Fatalf("make a store of version %d: %v", version, err)
	}
}

// Raw opens one connection to a store that is neither locked nor brought up to date. The caller closes it.
func Raw(t testing.TB, o db.Options) *sql.DB {
	t.Helper()
	var pool *sql.DB
	var err error
	if o.URL == "" {
		pool, err = sql.Open("sqlite", filepath.Join(o.Dir, db.SQLiteFile)+"?_pragma=foreign_keys(1)&_pragma=synchronous(0)")
	} else {
		var config *pgxpool.Config
		if config, err = pgxpool.ParseConfig(o.URL); err == nil {
			pool = stdlib.OpenDB(*config.ConnConfig)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	return pool
}

// Fill puts a few rows into every table of a store that nobody uses, whatever tables there are at its version: with all that columns may hold, NULL where they allow it, and rows that refer to
// each other. They mean nothing: no server can work with them.
func Fill(t testing.TB, o db.Options) {
	t.Helper()
	pool := Raw(t, o)
	defer pool.Close()
	var version int64
	if err := pool.QueryRow(`SELECT MAX(version_id) FROM ` + db.VersionTable).Scan(&version); err != nil {
		t.Fatal(err)
	}
	for _, table := range filling(t, version) {
		for i := range 2 {
			if err := table.insert(t.Context(), pool, i); err != nil {
				t.Fatalf("fill table %s: %v", table.name, err)
			}
		}
	}
}

// fillable is a table to be filled.
type fillable struct {
	name     string
	text     string // that made it
	columns  []fillableColumn
	foreign  []foreign
	numbered bool // rows have numbers that the engine gives
}

type fillableColumn struct {
	name, kind  string
	null, key   bool
	permissible []string // the only texts that it takes
}

// foreign is what a row refers to.
type foreign struct {
	table    string
	from, to []string
}

// filling returns the tables of a version in an order in which they can be filled. SQLite's catalogue is the easier one to read, and has the same tables.
func filling(t testing.TB, version int64) (ordered []fillable) {
	t.Helper()
	o := db.Options{Dir: t.TempDir()}
	if version == db.Version() {
		file, err := SQLiteFile()
		if err == nil {
			err = os.WriteFile(filepath.Join(o.Dir, db.SQLiteFile), file, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	} else {
		migrateTo(t, o, version)
	}
	pool := Raw(t, o)
	defer pool.Close()
	left := map[string]fillable{}
	for _, row := range rowsOf(t, pool, `SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> '`+db.VersionTable+`'`) {
		table := fillable{name: row[0], text: row[1], numbered: strings.Contains(row[1], "AUTOINCREMENT")}
		for _, c := range rowsOf(t, pool, `SELECT name, type, "notnull", pk FROM pragma_table_info('`+table.name+`') ORDER BY cid`) {
			table.columns = append(table.columns, fillableColumn{name: c[0], kind: c[1], null: c[2] == "0", key: c[3] != "0", permissible: permissible(table.text, c[0])})
		}
		id := ""
		for _, f := range rowsOf(t, pool, `SELECT id, "table", "from", "to" FROM pragma_foreign_key_list('`+table.name+`') ORDER BY id, seq`) {
			if f[0] != id {
				table.foreign = append(table.foreign, foreign{table: f[1]})
				id = f[0]
			}
			last := &table.foreign[len(table.foreign)-1]
			last.from, last.to = append(last.from, f[2]), append(last.to, f[3])
		}
		left[table.name] = table
	}
	for len(left) > 0 {
		before := len(left)
	next:
		for name, table := range left {
			for _, f := range table.foreign {
				if _, waits := left[f.table]; waits && f.table != name {
					continue next
				}
			}
			ordered = append(ordered, table)
			delete(left, name)
		}
		if len(left) == before {
			t.Fatalf("tables refer to each other in a circle: %v", left)
		}
	}
	return ordered
}

func rowsOf(t testing.TB, pool *sql.DB, text string) (all [][]string) {
	t.Helper()
	rows, err := pool.Query(text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, places := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			places[i] = &row[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

var quoted = regexp.MustCompile(`'([^']*)'`)

// permissible are the texts that a column's CHECK names.
func permissible(table, column string) (texts []string) {
	for _, check := range regexp.MustCompile(`CHECK \(`+column+` (IN|=) [^\n]*`).FindAllString(table, -1) {
		for _, text := range quoted.FindAllStringSubmatch(check, -1) {
			texts = append(texts, text[1])
		}
	}
	return texts
}

// insert puts the row with the number i into the table. The first one leaves out what may be left out.
func (table fillable) insert(ctx context.Context, pool *sql.DB, i int) error {
	values := map[string]any{}
	for n, c := range table.columns {
		values[c.name] = c.value(table.name, n, i)
	}
	for _, f := range table.foreign {
		row, places := make([]any, len(f.to)), make([]any, len(f.to))
		for n := range row {
			places[n] = &row[n]
		}
		of := i
		if f.table == table.name {
			of = 0
		}
		err := pool.QueryRowContext(ctx, fmt.Sprintf(`SELECT %s FROM %s ORDER BY 1 LIMIT 1 OFFSET %d`, strings.Join(f.to, ", "), f.table, of)).Scan(places...)
		if err == sql.ErrNoRows { // in the table itself
			continue
		}
		if err != nil {
			return err
		}
		for n, name := range f.from {
			values[name] = row[n]
		}
	}
	switch {
	case table.name == "entity_grant": // to a user or to an entity
		values[[]string{"recipient_entity_id", "user_id"}[i]] = nil
	case values["singleton"] != nil:
		if values["singleton"] = int64(1); i > 0 {
			return nil
		}
	}
	var names, places []string
	var args []any
	for _, c := range table.columns {
		args = append(args, values[c.name])
		names, places = append(names, c.name), append(places, fmt.Sprintf("$%d", len(args)))
	}
	_, err := pool.ExecContext(ctx, `INSERT INTO `+table.name+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(places, ", ")+`)`, args...)
	return err
}

// value is what the column, the nth one of a table, holds in a row.
func (c fillableColumn) value(table string, n, i int) any {
	switch {
	case c.null && !c.key && i == 0:
		return nil
	case len(c.permissible) > 0:
		return c.permissible[i%len(c.permissible)]
	}
	switch c.kind {
	case "BOOLEAN":
		return i == 1
	case "DOUBLE PRECISION":
		return 0.1 + float64(i)
	case "BLOB":
		return []byte{0, 0xff, '\'', byte(n), byte(i)}
	case "TEXT":
		return fmt.Sprintf("%s.%s %d: \\ \"'%%\tü \U0001F426\n", table, c.name, i)
	default:
		return int64(9_007_199_254_740_993) + int64(1000*n+i) // no float64 has it
	}
}
