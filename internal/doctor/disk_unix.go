//go:build linux || darwin

package doctor

import "syscall"

// diskOf is how many bytes are free for us on the disk of a folder, and how many it has.
func diskOf(dir string) (free, total int64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), true
}
