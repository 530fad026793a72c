package event_test

import (
	"testing"

	"github.com/herald-events/herald/event"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern string
		name    event.Type
		want    bool
	}{
		{"user.create", "user.create", true},
		{"user.create", "user.create.complete", false},
		{"user.*", "user.create.complete", true},
		{"user.*", "user.", true},
		{"user.*", "group.create", false},
		{"*", "user.create", true},
		{"**", "user.create", true},
		{"*.complete", "user.create.complete", true},
		{"*.complete", "user.create", false},
		{"user.*.complete", "user.create.complete", true},
		{"user.*.complete", "user.complete", false}, // nothing is counted twice
		{"*create*", "user.create.complete", true},
		{"*.create.*", "user.create", false},
		{"u*e*e", "user.update", true},
		{"u*e*e*z", "user.update", false},
		{"user.creat?", "user.create", false}, // no other sign has a meaning
		{"user.[a-z]*", "user.create", false},
		{"", "user.create", false},
	} {
		if got := event.Matches(test.pattern, test.name); got != test.want {
			t.Errorf("%q names %s: %v", test.pattern, test.name, got)
		}
	}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	got := event.Matching("group.*.complete")
	if len(got) != 6 || got[0] != event.GroupCreateComplete {
		t.Errorf("they are %v", got)
	}
	if all := event.Matching("*"); len(all) != len(event.All()) {
		t.Errorf("* names %d of %d", len(all), len(event.All()))
	}
}

func TestCanMatch(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		"user.create": true, "user.creat": false, "user.*": true, "usr.*": false, "*": true, "*.complete": true, "*.complet": false, "custom.order.paid": true, "custom.order.*": true,
		"cust*": true, "c*": true, "x*": false, "": false, "custom.": false,
	} {
		if got := event.CanMatch(pattern); got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}
