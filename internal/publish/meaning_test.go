package publish

import (
	"testing"
	"time"

	"github.com/herald-events/herald/wire"
)

func TestMean(t *testing.T) {
	t.Parallel()
	well := func(seconds int) Voter { return Voter{Patience: time.Duration(seconds) * time.Second} }
	down, paused := Voter{Patience: 9 * time.Second, Unreachable: true}, Voter{Patience: 9 * time.Second, Paused: true}
	for _, c := range []struct {
		name    string
		rule    wire.TransactionType
		voters  []Voter
		asked   int
		needed  int
		spare   int
		wait    time.Duration
		one     bool
		now     bool
		refuses int // how many of the five settings would refuse everything now
	}{
		{"nobody", wire.AbsoluteMajority, nil, 0, 0, 0, 0, false, false, 0},
		{"no rule", "", []Voter{well(3)}, 1, 0, 1, 0, false, false, 0},
		{"none", wire.None, []Voter{well(3), down}, 2, 0, 2, 0, false, false, 2},
		{"all of three", wire.AbsoluteMajority, []Voter{well(1), well(3), well(2)}, 3, 3, 0, 3 * time.Second, true, false, 0},
		{"all of three, one down", wire.AbsoluteMajority, []Voter{well(1), well(3), down}, 3, 3, 0, 3 * time.Second, true, true, 1},
		{"half of three, one down", wire.SimpleMajority, []Voter{well(1), well(3), down}, 3, 2, 1, 3 * time.Second, false, false, 1},
		{"two thirds of four, two down", wire.SuperMajority, []Voter{well(1), well(1), down, down}, 4, 3, 1, time.Second, false, true, 2},
		{"any, the only one down", wire.Any, []Voter{down}, 1, 1, 0, 0, true, true, 4},
		{"any of two", wire.Any, []Voter{well(1), well(2)}, 2, 1, 1, 2 * time.Second, false, false, 0},
		{"paused ones do not count", wire.AbsoluteMajority, []Voter{well(1), paused}, 1, 1, 0, time.Second, true, false, 0},
		{"only paused ones", wire.AbsoluteMajority, []Voter{paused, paused}, 0, 0, 0, 0, false, false, 0},
		{"longer than the deadline", wire.Any, []Voter{well(60)}, 1, 1, 0, 10 * time.Second, true, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := Mean(c.rule, c.voters, 10*time.Second)
			refuses := 0
			for _, r := range m.Rules {
				if r.RefusesNow {
					refuses++
				}
			}
			if m.Asked != c.asked || m.Needed != c.needed || m.Spare != c.spare || m.WorstWait != c.wait || m.OneRefuses != c.one || m.RefusesNow != c.now || refuses != c.refuses {
				t.Errorf("%+v; %d settings would refuse", m, refuses)
			}
			if len(m.Rules) != 5 || m.Paused+m.Asked != len(c.voters) {
				t.Errorf("%d settings, %d asked, %d paused", len(m.Rules), m.Asked, m.Paused)
			}
		})
	}
}
