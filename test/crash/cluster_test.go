package crash

import (
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// TestOneOfTwo takes one of two processes away under load, again and again: killed, or only held up for longer than it is believed to be
// alive. The other one goes on meanwhile, and in the end has to finish alone what both have begun.
func TestOneOfTwo(t *testing.T) {
	left := max(4, rounds(t)/3)
	w := newWorld(t, db.Options{URL: dbtest.URL(t)}, everybody()...)
	both := []*process{w.begin(), w.start()}
	load := w.load(callers)
	for round := range left {
		time.Sleep(rand.N(600 * time.Millisecond))
		i := rand.N(2)
		if round%4 == 3 {
			both[i].freeze(func() { time.Sleep(lease + rand.N(lease)) })
			continue
		}
		both[i].kill()
		time.Sleep(rand.N(300 * time.Millisecond))
		both[i] = w.launch()
		if rand.N(2) == 0 { // else the next round may find it before it serves
			both[i].awaitReady()
		}
	}
	both[1].awaitReady()
	both[0].kill()
	load.stop()
	w.check(w.settle())
}

// TestLate holds a process up with requests under way, until another one has done its work. When it goes on, what it comes to know is
// late: failures of deliveries that have arrived meanwhile, yeses to changes that were closed as failed. None of it may count.
func TestLate(t *testing.T) {
	t.Parallel()
	const each = 12
	var came sync.Map // ids of events
	release := make(chan struct{})
	// hold lets the first request about each user of a name wait for its answer, until it is late.
	hold := func(name string, late int) func(received) int {
		return func(e received) int {
			if _, again := came.LoadOrStore(e.ID, true); again || !strings.HasPrefix(e.User.Email, name) {
				return http.StatusOK
			}
			<-release
			return late
		}
	}
	told := newHook("told", hold("gone-", http.StatusInternalServerError), event.UserDeleteComplete)
	asked := newHook("asked", hold("new-", http.StatusOK), event.UserCreate)
	told.timeout, asked.timeout = patience, patience
	w := newWorld(t, db.Options{URL: dbtest.URL(t)}, told, asked)

	a := w.begin()
	for range each {
		a.createAndRemove("gone-")
	}
	var voting sync.WaitGroup
	for range each {
		voting.Go(func() { a.create("new-") })
	}
	w.eventually("all requests are under way", func() bool {
		return w.count(event.UserDeleteComplete, 0) == each && w.count(event.UserCreate, 0) == each
	})

	var b *process
	a.freeze(func() {
		b = w.start()
		w.eventually("the other process has delivered", func() bool { return w.count(event.UserDeleteComplete, http.StatusOK) == each })
		w.eventually("the other process has closed what nobody decides", func() bool { return w.open() == 0 })
		close(release)
		w.eventually("the first requests are answered", func() bool { return w.count(event.UserDeleteComplete, 0)+w.count(event.UserCreate, 0) == 0 })
	})
	voting.Wait()
	// It is a full member again.
	a.createAndRemove("other-")
	b.createAndRemove("other-")
	s := w.settle()
	w.check(s)
	if len(s.users) != 0 {
		t.Errorf("%d users exist: a change was committed after it had been closed as failed", len(s.users))
	}
	if n := w.count(event.UserDeleteComplete, http.StatusOK); n != each+2 {
		t.Errorf("%d events were taken, want %d: what was delivered must not come again", n, each+2)
	}
}

// TestLateAt lets a process stop itself at a named point, until another one has done its work.
func TestLateAt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		point   string
		commits bool // whether the change must exist afterwards
		before  int  // how often it is announced until the process goes on
		after   int  // and in the end, at most
	}{
		{"answered", false, 0, 0}, // with every yes, and no time left to commit
		{"claimed", true, 1, 2},   // it cannot know that it has no time left to send
		{"sent", true, 2, 2},      // the first of them by this process
	} {
		t.Run(test.point, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, db.Options{URL: dbtest.URL(t)}, newHook("hook", accept, event.UserCreate, event.UserCreateComplete))
			w.begin().stop()
			a := w.start("HERALD_CRASH_AT="+test.point, "HERALD_CRASH_SIGNAL=STOP")
			created := make(chan int, 1)
			w.interrupted("freeze", func() {
				go func() { created <- a.create("somebody-") }()
				w.eventually("the process has stopped itself", a.isStopped)
				w.start() // not before: it would be free to send what the first one is to be late with
				w.eventually("the other process has done its work", func() bool {
					return w.count(event.UserCreateComplete, http.StatusOK) == test.before && w.open() == 0
				})
				_ = a.cmd.Process.Signal(syscall.SIGCONT)
			})
			if done := <-created == http.StatusOK; done != test.commits {
				t.Errorf("the change was committed: %v, want %v", done, test.commits)
			}
			s := w.settle()
			w.check(s)
			if exists := len(s.users) == 1; exists != test.commits {
				t.Errorf("the user exists: %v, want %v", exists, test.commits)
			}
			if n := w.count(event.UserCreateComplete, http.StatusOK); n < test.before || n > test.after {
				t.Errorf("the change was announced %d times, want %d to %d", n, test.before, test.after)
			}
		})
	}
}

// TestDatabase takes the database away under load, again and again, for a moment or for longer than processes are believed to be alive: as a
// crash does, and as an administrator does. Now and then the process goes with it.
func TestDatabase(t *testing.T) {
	left := max(4, rounds(t)/5)
	s := newServer(t)
	w := newWorld(t, db.Options{URL: s.url()}, everybody()...)
	p := w.begin()
	load := w.load(callers)
	for round := range left {
		time.Sleep(rand.N(time.Second))
		signal := []os.Signal{syscall.SIGQUIT, syscall.SIGINT}[round%2]
		w.interrupted("database", func() {
			s.stop(signal)
			time.Sleep(rand.N(300 * time.Millisecond))
			switch rand.N(6) {
			case 0:
				p.kill()
			case 1:
				time.Sleep(lease)
			}
			s.start()
		})
		if p.isDoomed() {
			p = w.start()
		}
	}
	load.stop()
	w.check(w.settle())
}
