package traffic

import (
	"cmp"
	"log/slog"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// Result is what is counted. All up to Failed are attempts, one request to one webhook each, counted for the webhook and for all of them; the others are counted for
// the whole installation. Tests of webhooks are not counted, nor what was given up without another attempt.
type Result int

const (
	Accepted  Result = iota // a webhook voted yes; it has its event with that
	Refused                 // a webhook voted no, or did not answer its vote properly or in time
	Delivered               // a webhook took an event at the first attempt to deliver it
	Late                    // a webhook took an event that had failed before, or that was sent again
	Retried                 // an attempt failed, and there will be another
	Failed                  // an attempt failed, and it was the last

	Published  // an event happened
	Committed  // an operation that webhooks were asked about was carried out
	RolledBack // an operation that webhooks were asked about was not carried out

	alive // some process was there to count
	results
)

// attempts is how many of the results are.
const attempts = Failed + 1

// names are what the results are called in the store.
var names = [results]string{
	Accepted: "accepted", Refused: "refused", Delivered: "delivered", Late: "late", Retried: "retried", Failed: "failed",
	Published: "published", Committed: "committed", RolledBack: "rolledBack", alive: "alive",
}

func (r Result) String() string { return names[r] }

// Options are what a Traffic is made of. Only DB is required.
type Options struct {
	DB     *db.DB
	Logger *slog.Logger
	// Every is how often the sums are written to the store. Defaults to 5 s.
	Every time.Duration
	// Fresh is how long an answer is given again instead of asking the store. Defaults to 5 s; below zero nothing is given again.
	Fresh time.Duration
}

// Traffic counts and tells. It is safe for concurrent use. Those methods that count do nothing on a nil Traffic.
type Traffic struct {
	o Options

	mu    sync.Mutex
	open  map[place]*sums // what was counted since the last flush
	spare []*sums         // empty ones, so that counting makes none

	// turn is held by whoever moves sums towards the store, or reads them together with those in the store.
	turn   chan struct{}
	kept   map[place]*sums // counted, and not in the store yet
	serves bool            // Start was called: a program that only opens the store for a moment does not count as alive
	marked int64           // the last minute that alive was counted in
	failed bool            // the last flush was not possible

	answers answers

	stop    chan struct{}
	stopped sync.WaitGroup
}

// place is what sums are of: a minute since 1970 of a webhook, or of none.
type place struct {
	minute  int64
	webhook wire.ID
}

// sums are what happened at a place.
type sums struct {
	counts    [results]int64
	durations [attempts]histogram
}

// of is how long what came out so took, nil for a result that takes no time.
func (s *sums) of(r Result) *histogram {
	if r < attempts {
		return &s.durations[r]
	}
	return nil
}

func (s *sums) add(other *sums) {
	for i, n := range other.counts {
		s.counts[i] += n
	}
	for i := range other.durations {
		s.durations[i].add(&other.durations[i])
	}
}

// New returns a Traffic that counts. Start makes it write.
func New(o Options) *Traffic {
	o.Every, o.Fresh = cmp.Or(o.Every, 5*time.Second), cmp.Or(o.Fresh, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Traffic{
		o: o, open: map[place]*sums{}, kept: map[place]*sums{}, turn: make(chan struct{}, 1), stop: make(chan struct{}), answers: answers{all: map[question]answer{}},
	}
}

// Vote counts a request that asked a webhook for its vote.
func (t *Traffic) Vote(webhook wire.ID, yes bool, took time.Duration) {
	if yes {
		t.attempt(webhook, Accepted, took)
	} else {
		t.attempt(webhook, Refused, took)
	}
}

// Taken counts a request with which a webhook took an event. first tells that there was none before for this event.
func (t *Traffic) Taken(webhook wire.ID, first bool, took time.Duration) {
	if first {
		t.attempt(webhook, Delivered, took)
	} else {
		t.attempt(webhook, Late, took)
	}
}

// NotTaken counts a request with which a webhook did not take an event. again tells that there will be another.
func (t *Traffic) NotTaken(webhook wire.ID, again bool, took time.Duration) {
	if again {
		t.attempt(webhook, Retried, took)
	} else {
		t.attempt(webhook, Failed, took)
	}
}

// Published counts an event that has happened. Those of operations that were not carried out have not.
func (t *Traffic) Published() { t.count(Published) }

// Transaction counts an operation that webhooks were asked about.
func (t *Traffic) Transaction(committed bool) {
	if committed {
		t.count(Committed)
	} else {
		t.count(RolledBack)
	}
}

func (t *Traffic) attempt(webhook wire.ID, r Result, took time.Duration) {
	if t == nil {
		return
	}
	at, slot := place{t.minute(), webhook}, slotOf(took)
	t.mu.Lock()
	s := t.sums(at)
	s.counts[r]++
	s.durations[r][slot]++
	t.mu.Unlock()
}

func (t *Traffic) count(r Result) {
	if t == nil {
		return
	}
	at := place{minute: t.minute()}
	t.mu.Lock()
	t.sums(at).counts[r]++
	t.mu.Unlock()
}

func (t *Traffic) minute() int64 { return t.o.DB.Now().Unix() / 60 }

// sums are those of a place. t.mu is held.
func (t *Traffic) sums(at place) *sums {
	s := t.open[at]
	if s == nil {
		if last := len(t.spare) - 1; last >= 0 {
			s, t.spare = t.spare[last], t.spare[:last]
		} else {
			s = &sums{}
		}
		t.open[at] = s
	}
	return s
}
