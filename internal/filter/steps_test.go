package filter

import (
	"testing"
	"time"
)

// Who has done little may take as long as the machine lets him: only much work is ended.
func TestSteps(t *testing.T) {
	t.Parallel()
	ends := func(size, before int) (ended bool) {
		defer func() { ended = recover() != nil }()
		s := &steps{size: size, done: before, begin: time.Now().Add(-time.Hour)}
		return s.step(true) != true
	}
	if ends(2000, 1000) {
		t.Error("a short evaluation on a machine that stood still was ended")
	}
	if !ends(200_000, 1000) {
		t.Error("a long one was not")
	}
}
