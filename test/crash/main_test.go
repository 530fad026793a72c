// Package crash kills the real binary, and the database under it, and looks at what is made of that afterwards: every committed event
// arrives, no refused change is announced, nothing stays open.
//
//	kill_test.go     at each named instant, once, with one change under way
//	commands_test.go the commands that work on a whole store (herald db …), at each named instant and at random
//	storm_test.go    at random and at named instants, under load, many times in a row
//	cluster_test.go  two processes on one database, a process that is late, a database that crashes
//
// Each test has a world (world_test.go): a store, webhooks whose receiver keeps a ledger (receiver_test.go), processes
// (process_test.go), and callers who remember what they were answered (load_test.go). When the dust has settled, audit_test.go
// compares what receiver and callers remember with what is in the store.
//
// CRASH_ROUNDS says how often a storm kills, on each engine; by default a few times.
package crash

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/herald-events/herald/internal/db/dbtest"
)

var (
	binary  string // of a Herald that knows the named points
	scratch string // a folder that is gone after the tests, whatever ends them
	group   int    // the process group of everything that is started
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "herald-crash-")
		if err != nil {
			panic(err)
		}
		if err := os.Chmod(folder, 0o711); err != nil { // PostgreSQL may run as somebody else
			panic(err)
		}
		scratch = folder
		farewell, err := startReaper(folder)
		if err != nil {
			panic(err)
		}
		defer farewell()
		binary = filepath.Join(folder, "herald")
		build := exec.Command("go", "build", "-tags", "crashpoint", "-o", binary, "../../cmd/herald")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		// These tests wait more than they work.
		flag.Parse()
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
		return dbtest.Run(m)
	}())
}

// reaper waits for the end of the test process, however it comes, and then ends what that has left running in the reaper's process group.
// QUIT lets a PostgreSQL server end its own children, CONT reaches who was stopped.
const reaper = `trap '' QUIT
cat >/dev/null
kill -QUIT 0
kill -CONT 0
rm -rf "$1"
kill -KILL 0`

// startReaper starts the reaper, which leads the group of all other processes. The function it returns lets it do its work.
func startReaper(folder string) (farewell func(), err error) {
	cmd := exec.Command("/bin/sh", "-c", reaper, "reaper", folder)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var pipe io.Closer
	if pipe, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	group = cmd.Process.Pid
	return func() {
		_ = pipe.Close()
		_ = cmd.Wait()
	}, nil
}

// rounds is how often a storm kills on each engine. A few rounds may go on beside other tests; many have the machine for themselves.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CRASH_ROUNDS")
	if text == "" {
		t.Parallel()
		return 6
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CRASH_ROUNDS=%s is not a number of rounds", text)
	}
	return n
}
