//go:build unix

package db

import (
	"errors"
	"os"
	"syscall"
)

var errLocked = errors.New("the file is locked by another process")

// lockFile takes the lock on file that ends with the process, however it ends. It returns errLocked when another has it.
func lockFile(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// unlockFile gives the lock back. Closing the file would not be enough: a program that is just being started from this process
// holds a copy of it for a moment.
func unlockFile(file *os.File) error { return syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }
