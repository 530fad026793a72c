package publish

import (
	"slices"

	"github.com/herald-events/herald/wire"
)

// verdict is what the votes counted so far mean for the change.
type verdict int

const (
	undecided verdict = iota
	passed
	refused
)

// decide counts the votes of one event: n webhooks are asked, yes have agreed, no have not (any answer but 2xx, a timeout, no
// connection). It answers as soon as the outcome is certain, so it may be called after each vote. Fractions are exact: half of three
// is two, two thirds of four are three. With nobody to ask there is no vote and every rule passes.
//
// The rules are those of FusionAuth's "Events & Webhook Overview", transaction settings.
func decide(rule wire.TransactionType, n, yes, no int) verdict {
	needed := Needed(rule, n)
	switch {
	case yes >= needed:
		return passed
	case n-no < needed:
		return refused
	default:
		return undecided
	}
}

// tally counts the votes on one event as they come.
type tally struct {
	asked     int // how many there are to count
	listening int // how many of them are listeners whose answer is still out
	yes, no   int
	came      int // all that came, those of listeners that are gone too
}

// add counts what came of one question. A listener that is gone counts for nothing: as if it had not been asked.
func (t *tally) add(v *vote) {
	t.came++
	if v.listener {
		t.listening--
	}
	switch {
	case v.listener && !v.asked():
		t.asked--
	case v.attempt.Outcome.Success():
		t.yes++
	default:
		t.no++
	}
}

// withoutListeners is the tally without the listeners that have not answered. Time is over, and they block nobody.
func (t *tally) withoutListeners() *tally {
	return &tally{asked: t.asked - t.listening, yes: t.yes, no: t.no, came: t.came}
}

func (t *tally) decide(rule wire.TransactionType) verdict { return decide(rule, t.asked, t.yes, t.no) }

// Needed is the number of webhooks out of n that must agree: 0 when the rule asks for nobody, or there is nobody.
func Needed(rule wire.TransactionType, n int) int {
	if n == 0 {
		return 0
	}
	switch rule {
	case wire.Any:
		return 1
	case wire.SimpleMajority:
		return (n + 1) / 2
	case wire.SuperMajority:
		return (2*n + 2) / 3
	case wire.AbsoluteMajority:
		return n
	default:
		return 0
	}
}

// strictness has the rules in the order in which each asks for at least as many webhooks as those before it.
var strictness = []wire.TransactionType{wire.None, wire.Any, wire.SimpleMajority, wire.SuperMajority, wire.AbsoluteMajority}

// stricter returns the rule whose fulfilment fulfils both.
func stricter(a, b wire.TransactionType) wire.TransactionType {
	if slices.Index(strictness, b) > slices.Index(strictness, a) {
		return b
	}
	return a
}
