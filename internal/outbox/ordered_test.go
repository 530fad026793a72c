package outbox

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

func inOrder(w *wire.Webhook) { w.Ordering = wire.OrderedByLinkedObject }

func objectNo(n int) wire.ID { return wire.ID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)) }

var ada, bob, eve = objectNo(1), objectNo(2), objectNo(3)

// handFed is the lane of a webhook whose feeder looks when the test says so, and that sends nothing.
type handFed struct {
	*lane
	r *rig
}

func (r *rig) handFed(target *webhook.Target) handFed {
	l := handFed{newLane(r.Outbox, target.ID), r}
	l.workers = 1000 // so that none is begun
	return l
}

// finds lets the feeder look, and checks the sequences of what that loads.
func (l handFed) finds(when string, want ...int64) {
	l.r.t.Helper()
	l.feed(l.r.t.Context())
	if got := sequencesOf(l.drop()); !slices.Equal(got, want) {
		l.r.t.Errorf("%s the feeder finds %v, want %v", when, got, want)
	}
}

// ends stores what became of loaded deliveries and tells the lane.
func (l handFed) ends(state State, due time.Time, sequences ...int64) {
	l.r.t.Helper()
	for _, sequence := range sequences {
		d := l.loaded[sequence]
		if d == nil {
			l.r.t.Fatalf("%d is not loaded", sequence)
		}
		l.r.exec(`UPDATE delivery SET state = $1, due_instant = $2, claimed_by = NULL WHERE event_sequence = $3`, string(state), due.UnixMilli(), sequence)
		l.settled(d, fate{state, due})
	}
}

// What follows in a sequence and what is new is found without a look through all; what nobody has said, by such a look, which is made when it is asked for and has not been
// made just before.
func TestOrdered_Turns(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("", inOrder)
		now := r.store.Now()
		s := r.oweAbout(target, ada, ada, bob, ada, bob)
		l := r.handFed(target)
		l.finds("at first", s[0], s[2])
		l.rested = r.store.Now().Add(longestWait)
		l.finds("before anything has ended")
		l.ends(Delivered, now, s[0])
		l.finds("after the first of an object", s[1])
		l.ends(Dead, now, s[1])
		l.ends(Delivered, now, s[2])
		l.finds("after one of each", s[3], s[4])
		l.ends(Retrying, now.Add(time.Second), s[3])
		l.ends(Delivered, now, s[4])
		l.finds("while one waits to be tried again")

		s = append(s, r.oweAbout(target, ada, bob, "", "")...)
		l.owed([]wire.ID{ada, bob})
		l.finds("when something new is owed", s[6])
		r.advance(time.Second)
		l.finds("when it is time to try again", s[3])
		l.ends(Delivered, now, s[3])
		l.finds("after that", s[5])

		l.finds("of what nobody has said")
		l.wake()
		l.finds("before it may look through all again")
		if wait := time.Duration(l.next-r.now.Load()) * time.Millisecond; wait != longestWait-time.Second || !l.behind {
			t.Errorf("it looks again in %v, behind %v", wait, l.behind)
		}
		l.rested = time.Time{}
		l.finds("in a look through all", s[7], s[8])
		if !l.rested.After(time.Time{}) || l.behind {
			t.Errorf("after it has come past everything it may look again at %v, behind %v", l.rested, l.behind)
		}
	})
}

// What was not sent after all is found again, also when it was owed before the webhook wanted an order.
func TestOrdered_NotSent(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("", inOrder)
		s := r.oweAbout(target, ada, bob)
		r.exec(`UPDATE delivery SET ordering_key = NULL WHERE event_sequence = $1`, s[0])
		l := r.handFed(target)
		l.finds("at first", s...)
		l.ends(Pending, r.store.Now(), s...)
		l.rested = time.Time{}
		l.finds("then", s...)
	})
}

// What was tried before has its turn as well, also while a look through all has come past no more than a part.
func TestOrdered_TurnOfARetry(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("", inOrder)
		s := r.oweAbout(target, ada, bob, eve, objectNo(4), objectNo(5), objectNo(6), objectNo(7), ada)
		r.exec(`UPDATE delivery SET state = 'retrying', attempts = 1 WHERE event_sequence = $1`, s[7])
		l := r.handFed(target)
		l.finds("at first", s[:6]...)
		l.ends(Delivered, r.store.Now(), s[:2]...)
		l.finds("after two have ended", s[6], s[7])
	}, func(o *Options) { o.Queue = 8 })
}

// A retry that becomes due after the feeder has decided that none is, and before it looks at the table, is found by the next look.
func TestOrdered_DueWhileLooking(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("", inOrder)
		s := r.oweAbout(target, ada)
		l := r.handFed(target)
		l.finds("at first", s[0])
		due := r.store.Now().Add(time.Second)
		l.ends(Retrying, due, s[0])
		l.late = false
		decided := r.store.Now().UnixMilli()
		r.advance(2 * time.Second)
		f, err := l.claim(t.Context(), decided)
		if err != nil {
			t.Fatal(err)
		}
		if f.next != due.UnixMilli() {
			t.Errorf("the next look is %d ms after the retry is due, and it was not found by this one", f.next-due.UnixMilli())
		}
	})
}

// Turns in vain do not keep others from theirs, and those that there is no room for wait for it. More than are worth keeping are left to a look through all.
func TestOrdered_ManyTurns(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("", inOrder)
		now := r.store.Now()
		l := r.handFed(target)
		l.finds("without anything")
		l.rested = r.store.Now().Add(longestWait)
		found := func() (all []int64) {
			for len(l.woken) > 0 {
				<-l.woken
				l.feed(t.Context())
				all = append(all, sequencesOf(l.drop())...)
			}
			slices.Sort(all)
			return all
		}
		s := r.oweAbout(target, ada, bob, eve)
		l.owed([]wire.ID{ada, bob, eve, objectNo(4), objectNo(5), objectNo(6), objectNo(7), objectNo(8)}) // of six at once
		if got := found(); !slices.Equal(got, s) || l.behind {
			t.Errorf("found %v of %v, behind %v", got, s, l.behind)
		}
		l.ends(Delivered, now, s...)
		if got := found(); len(got) != 0 {
			t.Errorf("found %v after everything has ended", got)
		}

		objects := make([]wire.ID, 8)
		for n := range objects {
			objects[n] = objectNo(n)
		}
		s = r.oweAbout(target, objects...)
		l.owed(objects)
		got := found()
		if len(got) != 6 {
			t.Errorf("found %d, and there is room for 6", len(got))
		}
		l.ends(Delivered, now, got...)
		got = append(got, found()...)
		if slices.Sort(got); !slices.Equal(got, s) {
			t.Errorf("found %v of %v when there was room for all", got, s)
		}
		if l.owed(make([]wire.ID, 9)); !l.behind {
			t.Error("no look through all is asked for although there were too many turns")
		}
	}, func(o *Options) { o.Queue = 8 })
}

// Turns that nobody can take do not keep the feeder busy: while the webhook is paused, and after it was changed to want no order.
func TestOrdered_IdleTurns(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("", inOrder)
		l := r.handFed(target)
		l.finds("without anything")
		if err := r.Pause(t.Context(), target.ID, ""); err != nil {
			t.Fatal(err)
		}
		s := r.oweAbout(target, ada, ada)
		l.owed([]wire.ID{ada})
		<-l.woken
		l.finds("while it is paused")
		if len(l.woken) > 0 {
			t.Error("the feeder looks again although the webhook is paused")
		}
		if err := r.Resume(t.Context(), target.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Webhooks.Update(t.Context(), target.ID, func(w wire.Webhook) (wire.Webhook, error) {
			w.Ordering = ""
			return w, nil
		}); err != nil {
			t.Fatal(err)
		}
		l.finds("when it wants no order any more", s...)
		if len(l.woken) > 0 || len(l.turns) > 0 {
			t.Errorf("then it looks again, with turns of %v", l.turns)
		}
	})
}

// An object of which much waits does not keep others waiting: what is due for longest is sent first.
func TestOrdered_OldestFirst(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		const busy, rounds = 8, 6 // more objects than the queue has room for
		receiver := egresstest.NewReceiver(t)
		target := r.hook(receiver.URL, inOrder, func(w *wire.Webhook) { w.Concurrency = 1 })
		var about []wire.ID
		for range rounds {
			for n := range busy {
				about = append(about, objectNo(n))
			}
			if len(about) == busy {
				about = append(about, objectNo(busy))
			}
		}
		r.oweAbout(target, about...)
		r.start()
		receiver.WaitFor(len(about))
		at := slices.IndexFunc(receiver.Requests(), func(q egresstest.Recorded) bool {
			return string(q.Body) == fmt.Sprintf(`{"event":{"number":%d}}`, busy+1)
		})
		if at > 3*busy {
			t.Errorf("the %d. event was sent as the %d.", busy+1, at+1)
		}
	}, func(o *Options) { o.Queue = 8 })
}

// When a person cancels what others wait for, they go on.
func TestOrdered_Cancel(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Accept())
		target := r.hook(receiver.URL, inOrder)
		r.start()
		s := r.oweAbout(target, ada, ada)
		r.eventually("the first has failed", func() bool { return r.count(Retrying) == 1 })
		r.update(func(tx *db.Tx) error {
			_, err := r.Cancel(tx, target.ID, s[:1])
			return err
		})
		receiver.WaitFor(2)
		r.eventually("the second is delivered", func() bool { return r.count(Delivered) == 1 })
	})
}
