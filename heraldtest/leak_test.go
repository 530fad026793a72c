package heraldtest_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/heraldtest"
)

// A server that has stopped leaves nothing behind: a package of users has hundreds of tests. No other test runs meanwhile, as this one is not parallel.
func TestStart_LeavesNothing(t *testing.T) {
	use := func() {
		ends := &ending{TB: t}
		h := heraldtest.Start(ends)
		in := h.Inbox(event.UserCreateComplete)
		if _, err := h.CreateUser("ada@example.com"); err != nil {
			t.Fatal(err)
		}
		in.Next(event.UserCreateComplete)
		ends.end()
	}
	use() // what is made once for all servers stays
	goroutines, files := runtime.NumGoroutine(), openFiles()
	for range 5 {
		use()
	}
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > goroutines || openFiles() > files {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("of five servers there are %d goroutines left, and %d files:\n%s",
				runtime.NumGoroutine()-goroutines, openFiles()-files, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond) // the end of a connection is no signal to anybody
	}
}

// openFiles is how many files this process has open, where that can be told.
func openFiles() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}
