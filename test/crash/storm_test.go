package crash

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
)

// everybody are the webhooks of a storm: one that is never in the way, one that has an opinion, one that fails at times, one that hangs
// at times, one that wants what it gets in sequence and fails at times.
func everybody() []*hook {
	return []*hook{
		newHook("accepts", accept, event.UserCreate, event.UserCreateComplete, event.UserUpdate, event.UserUpdateComplete, event.UserDelete,
			event.UserDeleteComplete, event.UserLoginSuccess, event.UserLoginNewDevice),
		newHook("judges", judge, event.UserCreate, event.UserCreateComplete, event.UserUpdate, event.UserLoginNewDevice),
		newHook("fails", fail, event.UserCreateComplete, event.UserUpdateComplete, event.UserDelete, event.UserLoginSuccess),
		newHook("hangs", hang, event.UserUpdate, event.UserDeleteComplete, event.UserLoginSuccess),
		newHook("sorts", fail, event.UserCreateComplete, event.UserUpdateComplete, event.UserDeleteComplete, event.UserLoginSuccess).inOrder(),
	}
}

// TestStorm kills the only process again and again under load: at a random instant of its life, which may be before it serves, or at a named
// point, which it may have passed a few times before.
func TestStorm(t *testing.T) {
	total := rounds(t)
	eachEngine(t, func(t *testing.T, store db.Options) {
		w := newWorld(t, store, everybody()...)
		w.begin().kill()
		const leg = 50 // rounds between two looks at the store
		named := 0
		for left := total; left > 0 && !t.Failed(); left -= leg {
			load := w.load(callers)
			for round := range min(leg, left) {
				if round%2 == 0 {
					w.killAtRandom()
				} else if w.killAt(selfKilling[rand.N(len(selfKilling))]) {
					named++
				}
			}
			w.start()
			load.stop()
			w.check(w.settle())
		}
		t.Logf("killed %d times, %d of them at a named point", total, named)
	})
}

// selfKilling are the named points at which a process kills itself.
var selfKilling = func() (names []string) {
	for _, point := range points {
		if point.during == "" {
			names = append(names, point.name)
		}
	}
	return names
}()

// killAtRandom starts a process and kills it some time after.
func (w *world) killAtRandom() {
	p := w.launch()
	time.Sleep(rand.N(900 * time.Millisecond))
	p.kill()
}

// killAt starts a process that kills itself when it comes by a named point, and tells whether it has. If it does not, it is killed like
// the others.
func (w *world) killAt(point string) bool {
	p := w.launch("HERALD_CRASH_AT="+point, fmt.Sprintf("HERALD_CRASH_AFTER=%d", rand.N(20)))
	p.doom()
	if p.waitForDeath(1500 * time.Millisecond) {
		return true
	}
	p.kill()
	return false
}
