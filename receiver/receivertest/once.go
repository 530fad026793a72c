package receivertest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/herald-events/herald/receiver"
)

// TestOnce tests an implementation of [receiver.Once], which must be empty. It cannot tell whether claims of processes that died end by themselves; for a store that outlives
// its process, test that as well.
func TestOnce(t *testing.T, once receiver.Once) {
	t.Helper()
	claim := func(id string, want receiver.State) {
		t.Helper()
		if got, err := once.Claim(t.Context(), id); err != nil || got != want {
			t.Errorf("Claim(%s) is %v, %v; want %v", id, got, err, want)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	claim("a", receiver.Fresh)
	claim("a", receiver.Busy)
	claim("b", receiver.Fresh) // ids have nothing to do with each other
	ok(once.Release(t.Context(), "a"))
	claim("a", receiver.Fresh) // what failed may be tried again
	ok(once.Commit(t.Context(), "a"))
	claim("a", receiver.Done)
	ok(once.Release(t.Context(), "a")) // too late: what was handled stays so
	claim("a", receiver.Done)
	ok(once.Commit(t.Context(), "b"))
	claim("b", receiver.Done)

	for round := range 20 { // of many who claim at once, one may
		var all sync.WaitGroup
		var mu sync.Mutex
		found := map[receiver.State]int{}
		for range 16 {
			all.Go(func() {
				state, err := once.Claim(t.Context(), fmt.Sprint("round ", round))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				found[state]++
			})
		}
		all.Wait()
		if found[receiver.Fresh] != 1 || found[receiver.Busy] != 15 {
			t.Fatalf("of 16 who claimed one id at once, this many found %v", found)
		}
	}
}
