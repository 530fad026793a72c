package publish

import (
	"time"

	"github.com/herald-events/herald/wire"
)

// Voter is a webhook that a transactional event would be put to.
type Voter struct {
	ID  wire.ID
	URL string // without credentials and query values
	// Patience is the longest that it may take: its connect and its read timeout.
	Patience time.Duration
	// Unreachable counts as no without being asked, Paused is not asked and does not count.
	Unreachable, Paused bool
	// Failures is how many requests to it failed in the last 24 hours, below zero when that is not known.
	Failures int64
}

// Meaning is what a transaction setting comes to with the webhooks that would be asked now. It is facts; the words are the caller's.
type Meaning struct {
	Rule   wire.TransactionType
	Voters []Voter
	// Asked is how many count: all but the paused ones. Needed is how many of them must agree.
	Asked, Needed int
	// Paused and Unreachable are how many of the voters are.
	Paused, Unreachable int
	// WorstWait is the longest that a caller may wait for the answer: the slowest of those that are asked may decide. Zero without a vote.
	WorstWait time.Duration
	// Spare is how many of those asked may say no, or fail, without anything being refused.
	Spare int
	// OneRefuses says that a single webhook that fails refuses everything.
	OneRefuses bool
	// RefusesNow says that everything is refused at this moment, because too many cannot be reached.
	RefusesNow bool
	// Rules is what each of the settings would do, from the most lenient to the strictest.
	Rules []RuleMeaning
}

// RuleMeaning is what one setting would do now.
type RuleMeaning struct {
	Rule          wire.TransactionType
	Needed, Spare int
	RefusesNow    bool
}

// Mean tells what a rule means for an event that these webhooks would get. deadline bounds the votes of one API call, as Options.Deadline. It decides as real
// votes are decided. An empty rule is None.
func Mean(rule wire.TransactionType, voters []Voter, deadline time.Duration) Meaning {
	if rule == "" {
		rule = wire.None
	}
	m := Meaning{Rule: rule, Voters: voters}
	var slowest time.Duration
	for _, v := range voters {
		switch {
		case v.Paused:
			m.Paused++
			continue
		case v.Unreachable:
			m.Unreachable++
		default:
			slowest = max(slowest, v.Patience)
		}
		m.Asked++
	}
	for _, r := range strictness {
		is := RuleMeaning{Rule: r, Needed: Needed(r, m.Asked), RefusesNow: Refuses(r, m.Asked, m.Unreachable)}
		is.Spare = m.Asked - is.Needed
		m.Rules = append(m.Rules, is)
		if r == rule {
			m.Needed, m.Spare, m.RefusesNow = is.Needed, is.Spare, is.RefusesNow
		}
	}
	m.OneRefuses = m.Asked > 0 && Refuses(rule, m.Asked, 1)
	if m.Needed > 0 {
		m.WorstWait = min(slowest, deadline)
	}
	return m
}

// Refuses tells whether an event is refused for certain when so many of the webhooks that are asked say no.
func Refuses(rule wire.TransactionType, asked, no int) bool {
	return decide(rule, asked, 0, no) == refused
}
