package db

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestOverlay(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"migrations/0001_both.sql":            {Data: []byte("both")},
		"migrations/0002_differ.sqlite.sql":   {Data: []byte("sqlite")},
		"migrations/0002_differ.postgres.sql": {Data: []byte("postgres")},
		"migrations/0003_special.sql":         {Data: []byte("both")},
		"migrations/0003_special.sqlite.sql":  {Data: []byte("sqlite")},
		"migrations/0004_only.postgres.sql":   {Data: []byte("postgres")},
	}
	for engine, want := range map[Engine]map[string]string{
		SQLite:     {"0001_both.sql": "both", "0002_differ.sql": "sqlite", "0003_special.sql": "sqlite"},
		PostgreSQL: {"0001_both.sql": "both", "0002_differ.sql": "postgres", "0003_special.sql": "both", "0004_only.sql": "postgres"},
	} {
		shown := overlay{files, engine}
		names, err := fs.Glob(shown, "*.sql")
		if err != nil || !slices.Equal(names, slices.Sorted(maps.Keys(want))) {
			t.Errorf("%s lists %q, %v", engine, names, err)
		}
		for name, text := range want {
			if got, err := fs.ReadFile(shown, name); err != nil || string(got) != text {
				t.Errorf("%s shows %s as %q, %v, want %q", engine, name, got, err, text)
			}
		}
		if _, err := fs.ReadFile(shown, "0009_missing.sql"); err == nil {
			t.Error("a migration that is missing can be read")
		}
	}
}

// Both engines must arrive at the same version, or a store could not say which program it fits.
func TestMigrations_EnginesHaveTheSame(t *testing.T) {
	t.Parallel()
	names := func(engine Engine) []string {
		names, err := fs.Glob(overlay{migrationFiles, engine}, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if sqlite, postgres := names(SQLite), names(PostgreSQL); !slices.Equal(sqlite, postgres) {
		t.Errorf("SQLite has %q, PostgreSQL %q", sqlite, postgres)
	}
	seen := map[string]string{}
	for _, name := range names(SQLite) {
		number, _, _ := strings.Cut(name, "_")
		if len(number) != 4 || seen[number] != "" {
			t.Errorf("%s: the number has not four digits, or is the one of %s", name, seen[number])
		}
		seen[number] = name
	}
}
