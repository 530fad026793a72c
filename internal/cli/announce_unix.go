//go:build unix

package cli

import (
	"os"
	"syscall"
)

// lock takes the lock on a file, which ends with the process.
func lock(file *os.File) error { return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// locked tells whether a process has the lock.
func locked(file *os.File) bool {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil {
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
	}
	return err == syscall.EWOULDBLOCK //nolint:errorlint // system calls return it as it is
}

// ours tells whether the file belongs to this user and nobody else can read it.
func ours(file *os.File) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}
