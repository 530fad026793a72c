package db_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

func TestSQLite_IsDurable(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	update(t, d, func(tx *db.Tx) error {
		for name, want := range map[string]string{
			"journal_mode":       "wal",
			"synchronous":        "2", // FULL: a sync per commit
			"fullfsync":          "1",
			"foreign_keys":       "1",
			"page_size":          "4096",
			"wal_autocheckpoint": "0",
			"busy_timeout":       "10000",
		} {
			var got string
			if err := tx.QueryRow("PRAGMA " + name).Scan(&got); err != nil || got != want {
				t.Errorf("the writer's %s is %q, %v, want %s", name, got, err, want)
			}
		}
		return nil
	})
	for name, want := range map[string]string{"query_only": "1", "busy_timeout": "10000", "journal_mode": "wal"} {
		if got, err := d.ReaderPragma(name); err != nil || got != want {
			t.Errorf("a reader's %s is %q, %v, want %s", name, got, err, want)
		}
	}
}

// A store that is thrown away costs no syncs, and only when it is asked for.
func TestSQLite_Unsynced(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite, func(o *db.Options) { o.Unsynced = true })
	update(t, d, func(tx *db.Tx) error {
		for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "0", "fullfsync": "0"} {
			var got string
			if err := tx.QueryRow("PRAGMA " + name).Scan(&got); err != nil || got != want {
				t.Errorf("the writer's %s is %q, %v, want %s", name, got, err, want)
			}
		}
		return nil
	})
}

// What is believed of a store that was stopped while it was small must not count when it has grown.
func TestSQLite_TakesNoStatistics(t *testing.T) {
	t.Parallel()
	o := dbtest.Options(t, db.SQLite)
	for round := range 3 {
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		update(t, d, func(tx *db.Tx) error {
			if found, err := tx.Exists(`SELECT 1 FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'`); err != nil || found {
				t.Errorf("round %d: there are statistics: %t, %v", round, found, err)
			}
			_, err := tx.Exec(fmt.Sprintf(`CREATE TABLE x%d (id TEXT PRIMARY KEY)`, round))
			if err == nil {
				_, err = tx.Exec(fmt.Sprintf(`INSERT INTO x%d SELECT id FROM event UNION SELECT 'a'`, round))
			}
			return err
		})
		if err := d.View(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exists(fmt.Sprintf(`SELECT 1 FROM x%d x JOIN event e ON e.id = x.id WHERE x.id > 'a'`, round))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSQLite_FilesAreForTheirOwner(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder? with 100% #odd & names")
	d, err := db.Open(t.Context(), db.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	update(t, d, func(tx *db.Tx) error { _, err := tx.Exec(`CREATE TABLE x (id TEXT)`); return err })
	for name, want := range map[string]os.FileMode{
		".": 0o700, "herald.db": 0o600, "herald.db-wal": 0o600, "herald.db-shm": 0o600, "herald.lock": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestSQLite_OneProcessPerFolder(t *testing.T) {
	t.Parallel()
	o := dbtest.Options(t, db.SQLite)
	first, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Open(t.Context(), o)
	wantSentence(t, err, "Another Herald is using the data folder", o.Dir)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "herald.db-wal")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close left the write-ahead log: %v", err)
	}
	second, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("the lock outlived its owner: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestSQLite_FolderNotWritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := db.Open(t.Context(), db.Options{Dir: dir})
		wantSentence(t, err, "The data folder", dir, "cannot be written")
	}
	_, err := db.Open(t.Context(), db.Options{})
	wantSentence(t, err, "No data folder is set")
}

func TestSQLite_NotADatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "herald.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time shows that the first released the lock
		_, err := db.Open(t.Context(), db.Options{Dir: dir})
		wantSentence(t, err, "cannot be opened", "not a database")
	}
}

// wantSentence checks that err is for the person who starts Herald: one line that contains the parts.
func wantSentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	startup, ok := errors.AsType[*db.StartupError](err)
	if !ok {
		t.Errorf("error %v is no StartupError", err)
		return
	}
	for _, part := range parts {
		if !strings.Contains(startup.Error(), part) {
			t.Errorf("%q does not contain %q", startup.Error(), part)
		}
	}
	if strings.Contains(startup.Error(), "\n") || !strings.HasSuffix(startup.Error(), ".") {
		t.Errorf("%q is not one sentence", startup.Error())
	}
}

func TestSQLite_CheckpointsKeepTheLogShort(t *testing.T) {
	t.Parallel()
	o := dbtest.Options(t, db.SQLite)
	o.TuneCheckpoints(25)
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	update(t, d, func(tx *db.Tx) error { _, err := tx.Exec(`CREATE TABLE page (body TEXT)`); return err })
	body := strings.Repeat("x", 8000)
	written := 0
	write := func(until func() bool) {
		t.Helper()
		for start := written; !until(); written++ {
			if written > start+20_000 {
				t.Fatalf("it did not happen in 20,000 commits; %+v", d.Stats())
			}
			update(t, d, func(tx *db.Tx) error { _, err := tx.Exec(`INSERT INTO page (body) VALUES ($1)`, body); return err })
		}
	}

	write(func() bool { return d.Stats().Checkpoints > 0 })

	// A reader who stays in an old snapshot keeps the log from being emptied: it grows until the writer takes care of it,
	// which does not work yet, but does not stop anybody either.
	err = d.View(t.Context(), func(tx *db.Tx) error {
		write(func() bool { return d.Stats().Restarts > 0 })
		var n int
		return tx.QueryRow(`SELECT count(*) FROM page`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}

	// With the reader gone the log is used from its beginning again. Its file does not shrink; but it stops growing.
	before := d.Stats().Restarts
	write(func() bool { return d.Stats().Restarts > before || written > 3000 })
	size := walSize(t, o.Dir)
	end := written + 2000
	write(func() bool { return written >= end })
	if after := walSize(t, o.Dir); after > size+1000*8192 {
		t.Errorf("2000 pages made the log grow from %d to %d bytes", size, after)
	}
}

func walSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "herald.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestSQLite_LostTransactionFailsTheBatch(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite)
	results := together(t, d,
		func(tx *db.Tx) error { return insert(tx, "a") },
		func(tx *db.Tx) error {
			_, err := tx.Exec(`ROLLBACK`) // what SQLite does by itself when the disk is full
			return errors.Join(err, fmt.Errorf("the secret of this job: %w", errRefused))
		},
	)
	if results[0] == nil || strings.Contains(results[0].Error(), "secret") {
		t.Errorf("the job whose changes are lost got %v", results[0])
	}
	if !errors.Is(results[1], errRefused) {
		t.Errorf("the culprit got %v", results[1])
	}
	wantIDs(t, d)
	update(t, d, func(tx *db.Tx) error { return insert(tx, "b") })
	wantIDs(t, d, "b")
}

// An IN with more than two values in a CHECK makes SQLite fill a temporary table for every row that is written.
func TestSQLite_ChecksAreCheap(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	err := d.View(t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL`)
		tables, err := db.Collect(rows, err, func(rows *sql.Rows) (table [2]string, err error) { return table, rows.Scan(&table[0], &table[1]) })
		if len(tables) < 10 {
			t.Errorf("only %d tables and indexes", len(tables))
		}
		for _, table := range tables {
			if check := regexp.MustCompile(`CHECK \([^)]* IN \([^),]*,[^),]*,`).FindString(table[1]); check != "" {
				t.Errorf("%s: %s", table[0], check)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
