package db

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Lock makes the folder of a SQLite store this process' own without opening the store, for whoever reads or replaces the file as a whole. The
// folder is made when it is missing. The error is a [*StartupError] when another Herald has it.
func Lock(dir string) (unlock func() error, err error) {
	file, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(unlockFile(file), file.Close()) }, nil
}

// Version is the number of the newest migration this program knows: what an open store is at.
func Version() (newest int64) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, entry := range entries {
		number, _, _ := strings.Cut(path.Base(entry.Name()), "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}

// Migrations are the files of an engine's migrations, NNNN_x.sql.
func Migrations(engine Engine) fs.FS { return overlay{migrationFiles, engine} }

// VersionTable is where both engines keep which migrations have run.
const VersionTable = "schema_version"
