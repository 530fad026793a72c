//go:build crashpoint

package crashpoint

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	wanted = os.Getenv("HERALD_CRASH_AT")
	signal = syscall.SIGKILL
	passes atomic.Int64 // left before it happens
)

func init() {
	if os.Getenv("HERALD_CRASH_SIGNAL") == "STOP" {
		signal = syscall.SIGSTOP
	}
	if n, err := strconv.Atoi(os.Getenv("HERALD_CRASH_AFTER")); err == nil {
		passes.Store(int64(n))
	}
}

// Here kills the process at once, as `kill -9` does, when HERALD_CRASH_AT names this point. HERALD_CRASH_AFTER is how often it is passed
// unharmed before that. With HERALD_CRASH_SIGNAL=STOP the process is only stopped, once, and goes on from here with SIGCONT.
func Here(point string) {
	if point != wanted || passes.Add(-1) != -1 {
		return
	}
	_ = syscall.Kill(os.Getpid(), signal)
	if signal == syscall.SIGKILL {
		select {}
	}
	// Nobody may get past the point before the signal has reached every thread. A process that is stopped sleeps on.
	time.Sleep(100 * time.Millisecond)
}
