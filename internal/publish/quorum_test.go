package publish

import (
	"testing"

	"github.com/herald-events/herald/wire"
)

func TestNeeded(t *testing.T) {
	t.Parallel()
	// The table of the original's transaction settings, one column per number of webhooks from 0 to 7.
	for rule, want := range map[wire.TransactionType][8]int{
		wire.None:             {0, 0, 0, 0, 0, 0, 0, 0},
		wire.Any:              {0, 1, 1, 1, 1, 1, 1, 1},
		wire.SimpleMajority:   {0, 1, 1, 2, 2, 3, 3, 4},
		wire.SuperMajority:    {0, 1, 2, 2, 3, 4, 4, 5},
		wire.AbsoluteMajority: {0, 1, 2, 3, 4, 5, 6, 7},
	} {
		for n, want := range want {
			if got := Needed(rule, n); got != want {
				t.Errorf("%s of %d webhooks: %d needed, want %d", rule, n, got, want)
			}
		}
	}
}

// Whatever the order in which votes come in, an early decision is the one that all votes together would have led to.
func TestDecide_EarlyIsFinal(t *testing.T) {
	t.Parallel()
	for _, rule := range []wire.TransactionType{wire.None, wire.Any, wire.SimpleMajority, wire.SuperMajority, wire.AbsoluteMajority} {
		for n := range 8 {
			for votes := range 1 << n {
				yes, no, early := 0, 0, decide(rule, n, 0, 0)
				for i := range n {
					if votes>>i&1 == 1 {
						yes++
					} else {
						no++
					}
					if early == undecided {
						early = decide(rule, n, yes, no)
					}
				}
				final := refused
				if yes >= Needed(rule, n) {
					final = passed
				}
				if early != final {
					t.Fatalf("%s, %d webhooks, votes %0*b: decided %v early, %v in the end", rule, n, n, votes, early, final)
				}
			}
		}
	}
}

// The stricter of two rules passes exactly when both do.
func TestStricter_IsBoth(t *testing.T) {
	t.Parallel()
	for _, a := range strictness {
		for _, b := range strictness {
			for n := range 8 {
				for yes := range n + 1 {
					both := decide(a, n, yes, n-yes) == passed && decide(b, n, yes, n-yes) == passed
					if got := decide(stricter(a, b), n, yes, n-yes) == passed; got != both {
						t.Errorf("%s and %s, %d of %d: passed is %v, want %v", a, b, yes, n, got, both)
					}
				}
			}
		}
		if got := stricter(a, ""); got != a {
			t.Errorf("%s and no rule: %s", a, got)
		}
	}
}
