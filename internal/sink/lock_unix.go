//go:build unix

package sink

import (
	"os"
	"syscall"
)

// lock waits until no other process has the file, which a process that ends gives back however it ends. Some file systems have no locks; there several processes must not
// write into one file.
func lock(f *os.File) {
	for syscall.Flock(int(f.Fd()), syscall.LOCK_EX) == syscall.EINTR { //nolint:revive // again
	}
}

func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
