package dbtest

import "syscall"

// memoryDir returns a folder in memory, where a database is copied ten times as fast as on a disk, or "" when there is none
// with a gigabyte to spare. In containers it is often tiny.
func memoryDir() string {
	const dir, tmpfs = "/dev/shm", 0x01021994
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil || int64(fs.Type) != tmpfs {
		return ""
	}
	if fs.Bavail*uint64(fs.Bsize) < 1<<30 {
		return ""
	}
	return dir
}
