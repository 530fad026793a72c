package backup_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/backup"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func silent(string, int64, int64) {}

func at(o db.Options) backup.Store { return backup.Store{Dir: o.Dir, URL: o.URL} }

// everything are the rows of a store in which every table has some: a table that is new is not forgotten.
func everything(t *testing.T, o db.Options) map[string][]string {
	t.Helper()
	rows := dbtest.Alike(t, o)
	for table, lines := range rows {
		if len(lines) == 0 {
			t.Errorf("there is nothing in table %s", table)
		}
	}
	return rows
}

// numbers are the last ones that a SQLite store has given.
func numbers(t *testing.T, o db.Options) (all string) {
	t.Helper()
	pool := dbtest.Raw(t, o)
	defer pool.Close()
	err := pool.QueryRow(`SELECT group_concat(name || ' ' || seq, ', ') FROM (SELECT * FROM sqlite_sequence WHERE name <> $1 ORDER BY name)`, db.VersionTable).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCopy_Everything moves a store with rows in every table to PostgreSQL and back.
func TestCopy_Everything(t *testing.T) {
	t.Parallel()
	from, middle, back := dbtest.Options(t, db.SQLite), db.Options{URL: dbtest.Bare(t)}, db.Options{Dir: t.TempDir()}
	dbtest.Fill(t, from)
	want := everything(t, from)
	exec(t, from, `UPDATE sqlite_sequence SET seq = seq + 100`) // the newest rows have been removed
	for _, step := range []struct{ from, to db.Options }{{from, middle}, {middle, back}} {
		told := map[string]int64{}
		done, err := backup.Copy(t.Context(), at(step.from), at(step.to), func(table string, done, _ int64) { told[table] = done })
		if err != nil {
			t.Fatal(err)
		}
		got := everything(t, step.to)
		dbtest.Differ(t, "copied", want, got)
		var rows int64
		for table, lines := range got {
			rows += int64(len(lines))
			if told[table] != int64(len(lines)) {
				t.Errorf("table %s has %d rows and %d were announced", table, len(lines), told[table])
			}
		}
		if rows != done.Rows || len(got) != done.Tables || done.Version != db.Version() {
			t.Errorf("%d rows of %d tables are there, reported was %+v", rows, len(got), done)
		}
		if _, err := backup.Copy(t.Context(), at(step.from), at(step.to), silent); err == nil || !strings.Contains(err.Error(), "holds a store already") {
			t.Errorf("copied where there is a store: %v", err)
		}
		dbtest.Differ(t, "refused", want, everything(t, step.to))
	}
	if before, after := numbers(t, from), numbers(t, back); before != after {
		t.Errorf("the numbers were %s and go on from %s", before, after)
	}
}

func exec(t *testing.T, o db.Options, statements ...string) {
	t.Helper()
	pool := dbtest.Raw(t, o)
	defer pool.Close()
	for _, statement := range statements {
		if _, err := pool.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCopy_NotEmpty refuses a database that has a row in any of its tables.
func TestCopy_NotEmpty(t *testing.T) {
	t.Parallel()
	from, to := dbtest.Options(t, db.SQLite), dbtest.Options(t, db.PostgreSQL)
	dbtest.Fill(t, to)
	tables := slices.Sorted(maps.Keys(everything(t, to)))
	exec(t, to, `DELETE FROM node`)
	for some := range slices.Chunk(tables, 8) { // the first that has rows is named
		_, err := backup.Copy(t.Context(), at(from), at(to), silent)
		if err == nil || !strings.Contains(err.Error(), "holds a store already (there are rows in table "+some[0]+")") {
			t.Errorf("copied although there are rows in %s: %v", some[0], err)
		}
		statements := []string{`SET session_replication_role = replica`} // whatever refers to the rows
		for _, table := range some {
			statements = append(statements, `DELETE FROM `+table)
		}
		exec(t, to, statements...)
	}
	if _, err := backup.Copy(t.Context(), at(from), at(to), silent); err != nil {
		t.Errorf("copied to where there is nothing any more: %v", err)
	}
}

// TestRestore_Older brings backups of older Heralds, with rows in every table that they had, to both engines: there is what is in the store itself once a server of today has
// brought it up to date.
func TestRestore_Older(t *testing.T) {
	t.Parallel()
	for _, version := range []int64{16, 30, db.Version() - 1} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			older := dbtest.Older(t, db.SQLite, version)
			file := filepath.Join(t.TempDir(), "herald.backup")
			done, err := backup.Backup(t.Context(), at(older), file, silent)
			if err != nil || done.Version != version {
				t.Fatalf("the backup: %+v, %v", done, err)
			}
			want := dbtest.Alike(t, older)
			for _, engine := range dbtest.Engines() {
				t.Run(string(engine), func(t *testing.T) {
					to := db.Options{Dir: t.TempDir()}
					if engine == db.PostgreSQL {
						to = db.Options{URL: dbtest.Bare(t)}
					}
					if _, err := backup.Restore(t.Context(), file, at(to), silent); err != nil {
						t.Fatal(err)
					}
					if filled := dbtest.Differ(t, "restored", want, dbtest.Alike(t, to)); filled < 20 {
						t.Errorf("only %d tables have rows", filled)
					}
				})
			}
		})
	}
}
