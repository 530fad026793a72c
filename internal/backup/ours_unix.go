//go:build unix

package backup

import (
	"os"
	"syscall"
)

// ours tells whether a folder is of the user who runs this, and nobody else can have put anything into it.
func ours(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return false
	}
	about, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(about.Uid) == os.Geteuid()
}
