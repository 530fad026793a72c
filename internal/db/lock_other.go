//go:build !unix

package db

import (
	"errors"
	"os"
)

var errLocked = errors.New("the file is locked by another process")

// lockFile refuses: without a lock that ends with the process two of them could write to the same file.
func lockFile(*os.File) error {
	return errors.New("the SQLite store needs a system with file locks (flock); use PostgreSQL here")
}

func unlockFile(*os.File) error { return nil }
