//go:build unix

package egress

import (
	"io"
	"syscall"
)

const canReadNow = true

// readNow reads what has arrived at a socket. It never waits: Go's sockets are non-blocking underneath.
func readNow(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, errNothingYet
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// writeNow writes what the kernel takes at once and returns how much that was. Why it was not more, the next write will tell.
func writeNow(fd uintptr, p []byte) int {
	n, err := syscall.Write(int(fd), p)
	if err != nil {
		return 0
	}
	return n
}
