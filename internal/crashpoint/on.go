//go:build crashpoint

package crashpoint

import (
	"os"
	"sync"
	"syscall"
)

var (
	wanted = os.Getenv("HERALD_CRASH_AT")
	freeze = os.Getenv("HERALD_CRASH_SIGNAL") == "STOP"
	once   sync.Once
)

// Here kills the process at once, as `kill -9` does, when HERALD_CRASH_AT names this point. With HERALD_CRASH_SIGNAL=STOP it stops it instead, the first time, as a machine
// that is suspended does; SIGCONT lets it go on.
func Here(point string) {
	if point != wanted {
		return
	}
	if freeze {
		once.Do(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) })
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
