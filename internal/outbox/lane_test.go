package outbox

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// TestLane_Take is who gets the next place: so many lines wait, so many workers are at retries.
func TestLane_Take(t *testing.T) {
	t.Parallel()
	const first, retry, none = "first", "retry", "none"
	for name, c := range map[string]struct {
		first, again, retrying, workers, concurrency int
		firsts                                       int // begun since the last retry
		want                                         string
	}{
		"nothing waits":                                      {0, 0, 0, 1, 16, 9, none},
		"first attempts before retries":                      {5, 5, 1, 4, 16, 9, first},
		"but one place of several is for retries":            {5, 5, 0, 4, 16, 0, retry},
		"with one place first attempts come first":           {5, 5, 0, 1, 1, 0, first},
		"four of them":                                       {5, 5, 0, 1, 1, 3, first},
		"then a retry has its turn":                          {5, 5, 0, 1, 1, 4, retry},
		"and is not waited for":                              {5, 0, 0, 1, 1, 9, first},
		"then retries":                                       {0, 5, 0, 1, 1, 0, retry},
		"three quarters of the places may have retries":      {0, 5, 11, 12, 16, 0, retry},
		"and no more":                                        {0, 5, 12, 13, 16, 9, none},
		"though first attempts may":                          {1, 5, 12, 13, 16, 9, first},
		"one of two places":                                  {0, 5, 1, 2, 2, 9, none},
		"a worker too many ends although there is something": {5, 5, 0, 5, 4, 9, none},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLane(New(Options{DB: dbOfNobody(t)}), "hook")
			l.retrying, l.workers, l.firsts = c.retrying, c.workers, c.firsts
			for range c.first {
				l.first.push([]*delivery{{}})
			}
			for range c.again {
				l.again.push([]*delivery{{attempts: 1}})
			}
			line, again := l.take(c.concurrency)
			got := none
			switch {
			case again:
				got = retry
			case line != nil:
				got = first
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			wantWorkers, wantRetrying := c.workers, c.retrying
			switch got {
			case none:
				wantWorkers--
			case retry:
				wantRetrying++
			}
			if l.workers != wantWorkers || l.retrying != wantRetrying {
				t.Errorf("then %d workers, %d at retries; want %d, %d", l.workers, l.retrying, wantWorkers, wantRetrying)
			}
		})
	}
}

// Where there is only one place, every fifth turn is a retry's as long as any wait.
func TestLane_TakeInTurns(t *testing.T) {
	t.Parallel()
	l := newLane(New(Options{DB: dbOfNobody(t)}), "hook")
	l.workers = 1
	for range 11 {
		l.first.push([]*delivery{{}})
	}
	for range 4 {
		l.again.push([]*delivery{{attempts: 1}})
	}
	turns := ""
	for line, retry := l.take(1); line != nil; line, retry = l.take(1) {
		if turns += "f"; retry {
			turns = turns[:len(turns)-1] + "r"
			l.retrying--
		}
	}
	if want := "ffffrffffrfffrr"; turns != want {
		t.Errorf("turns %s, want %s", turns, want)
	}
}

// A backlog of retries leaves room for first attempts, and the other way round.
func TestLane_Rooms(t *testing.T) {
	t.Parallel()
	l := newLane(New(Options{DB: dbOfNobody(t), Queue: 40}), "hook")
	if first, retries := l.roomForFirst(), l.roomForRetries(); first != 30 || retries != 10 {
		t.Fatalf("an empty queue has room for %d and %d", first, retries)
	}
	load := func(n, attempts int) {
		for range n {
			d := &delivery{sequence: int64(len(l.loaded)), attempts: attempts}
			l.loaded[d.sequence] = d
			if attempts > 0 {
				l.again.push([]*delivery{d})
			} else {
				l.first.push([]*delivery{d})
			}
		}
	}
	load(10, 1)
	if first, retries := l.roomForFirst(), l.roomForRetries(); first != 30 || retries != 0 {
		t.Errorf("with ten retries there is room for %d and %d", first, retries)
	}
	load(30, 0)
	if first := l.roomForFirst(); first != 0 {
		t.Errorf("when it is full there is room for %d first attempts", first)
	}
	l.again.pop()
	l.retrying++
	if retries := l.roomForRetries(); retries != 0 {
		t.Errorf("a retry under way leaves room for %d", retries)
	}
	for _, behind := range []bool{true, false} {
		for _, late := range []bool{true, false} {
			l.behind, l.late = behind, late
			if l.hungry() {
				t.Errorf("a full lane is hungry: behind %v, late %v", behind, late)
			}
		}
	}
	l.retrying--
	for range 6 {
		delete(l.loaded, l.again.pop()[0].sequence)
	}
	l.behind, l.late = true, true
	if !l.hungry() {
		t.Error("a lane with room for retries is not hungry for them")
	}
	l.late = false
	if l.hungry() {
		t.Error("a lane without room for first attempts is hungry for them")
	}
}

// An alarm for something that becomes due while the feeder looks is not put off by what the look has found.
func TestLane_AlarmDuringALook(t *testing.T) {
	r := newRig(t, db.SQLite)
	l := newLane(r.Outbox, r.hook("").ID)
	for _, c := range []struct{ told, found, want int64 }{
		{0, 5000, 5000}, {3000, 5000, 3000}, {5000, 3000, 3000},
	} {
		l.next = 0
		now := r.now.Load()
		if c.told != 0 {
			l.dueAt(now + c.told)
		}
		l.looked(found{next: now + c.found})
		if l.next != now+c.want {
			t.Errorf("told of %d ms, found %d ms: the alarm is set to %d ms", c.told, c.found, l.next-now)
		}
	}
}

// dbOfNobody is a store for outboxes that never use it.
func dbOfNobody(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// The picker of SQLite goes through the table without marking what it has taken. Whatever becomes due, is settled and comes back in whatever order: it takes what is due and
// nothing twice, and in the end nothing is left.
func TestPicker_SkipsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.SQLite)
	target := r.hook("")
	l := newLane(r.Outbox, target.ID)
	random := rand.New(rand.NewPCG(7, 7))
	loaded, settled, written := map[int64]bool{}, 0, 0
	write := func(n int) {
		for _, s := range r.owe(target, n) {
			state, due := Pending, r.now.Load()
			if random.IntN(3) == 0 {
				state, due = Retrying, due+random.Int64N(50)
			}
			r.exec(`UPDATE delivery SET state = $1, due_instant = $2 WHERE event_sequence = $3`, state, due, s)
			written++
		}
	}
	pick := func() (picked int) {
		passed := map[int64]bool{}
		for s := range loaded {
			passed[s] = true
		}
		err := r.store.View(t.Context(), func(tx *db.Tx) error {
			for _, state := range []State{Pending, Retrying} {
				due, err := l.picker(passed)(tx, target.ID, state, "", false, 1+random.IntN(6))
				if err != nil {
					return err
				}
				for _, d := range due {
					if loaded[d.sequence] {
						t.Errorf("%d was picked twice", d.sequence)
					}
					if d.place.due > r.now.Load() {
						t.Errorf("%d was picked before it was due", d.sequence)
					}
					loaded[d.sequence] = true
					picked++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return picked
	}
	settle := func() {
		for s := range loaded {
			switch random.IntN(4) {
			case 0: // goes on
				continue
			case 1: // fails
				r.exec(`UPDATE delivery SET state = 'retrying', due_instant = $1 WHERE event_sequence = $2`, r.now.Load()+random.Int64N(40), s)
			case 2: // is given back
				r.exec(`UPDATE delivery SET due_instant = $1, claim = claim + 1 WHERE event_sequence = $2`, r.now.Load(), s)
			default:
				r.exec(`UPDATE delivery SET state = 'delivered' WHERE event_sequence = $1`, s)
				settled++
			}
			delete(loaded, s)
		}
	}
	for range 60 {
		write(random.IntN(8))
		pick()
		settle()
		r.advance(time.Duration(random.IntN(20)) * time.Millisecond)
	}
	for range 400 {
		pick()
		settle()
		r.advance(5 * time.Millisecond)
	}
	if settled != written || len(loaded) != 0 {
		t.Errorf("of %d deliveries %d were settled, %d are still loaded", written, settled, len(loaded))
	}
}

// A look at the table finds everything that is due, unless there is no room for it, which it says.
func TestPicker_Room(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.SQLite)
	target := r.hook("")
	all := r.owe(target, 20)
	l := newLane(r.Outbox, target.ID)
	passed := map[int64]bool{}
	for _, c := range []struct{ limit, want int }{{7, 7}, {7, 7}, {6, 6}, {5, 0}, {5, 0}} {
		var picked []*delivery
		err := r.store.View(t.Context(), func(tx *db.Tx) (err error) {
			picked, err = l.picker(passed)(tx, target.ID, Pending, "", false, c.limit)
			return err
		})
		if err != nil || len(picked) != c.want {
			t.Fatalf("picked %d with room for %d, want %d; %v", len(picked), c.limit, c.want, err)
		}
		for _, d := range picked {
			if d.sequence != all[0] {
				t.Errorf("picked %d, want %d", d.sequence, all[0])
			}
			all = all[1:]
		}
	}
}

// A webhook whose queue is full of deliveries to a receiver that hangs gives them back when the webhook is switched off.
func TestLane_Disabled(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		receiver := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Concurrency = 2 })
		r.start()
		r.owe(target, 50)
		receiver.WaitFor(2)
		if _, err := r.Webhooks.Update(t.Context(), target.ID, func(w wire.Webhook) (wire.Webhook, error) {
			w.Enabled = new(bool)
			return w, nil
		}); err != nil {
			t.Fatal(err)
		}
		claims := func() int { return len(r.rows(`SELECT claimed_by FROM delivery WHERE claimed_by IS NOT NULL`)) }
		r.eventually("all but those under way are given back", func() bool {
			b, err := r.Backlog(t.Context())
			return err == nil && b.Queued == 0 && claims() <= 2
		})
		close(release)
		r.eventually("what was under way is delivered", func() bool { return r.count(Delivered) == 2 })
		if n := claims(); n != 0 {
			t.Errorf("%d deliveries are claimed although nobody carries them", n)
		}
		if n := len(receiver.Requests()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

func sequencesOf(all []*delivery) (sequences []int64) {
	for _, d := range all {
		sequences = append(sequences, d.sequence)
	}
	return sequences
}

// What a claim returns, in which order, and what it leaves alone, on both engines.
func TestClaimDue(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target, other := r.hook(""), r.hook("")
		s := r.owe(target, 6)
		r.owe(other, 3)
		r.exec(`UPDATE delivery SET due_instant = due_instant - 10 WHERE event_sequence = $1`, s[4]) // the longest due
		r.exec(`UPDATE delivery SET due_instant = due_instant + 1 WHERE event_sequence = $1`, s[0])  // not yet
		r.exec(`UPDATE delivery SET state = 'retrying', attempts = 1 WHERE event_sequence = $1`, s[1])
		claim := func(state State, claimer string, limit int) (got []*delivery) {
			r.update(func(tx *db.Tx) (err error) {
				got, err = claimDue(tx, target.ID, state, claimer, false, limit)
				return err
			})
			return got
		}
		if got := sequencesOf(claim(Pending, "rig/1", 2)); !slices.Equal(got, []int64{s[2], s[4]}) {
			t.Errorf("claimed %v of %v, want the longest due in the order of their events", got, s)
		}
		if got := sequencesOf(claim(Pending, "rig/2", 10)); !slices.Equal(got, []int64{s[3], s[5]}) {
			t.Errorf("then claimed %v of %v", got, s)
		}
		if got := claim(Retrying, "rig/3", 10); len(got) != 1 || got[0].sequence != s[1] || got[0].attempts != 1 || got[0].claim != 2 {
			t.Errorf("claimed retries %v", sequencesOf(got))
		}
		if got := claim(Pending, "rig/4", 10); len(got) != 0 {
			t.Errorf("claimed %v twice", sequencesOf(got))
		}
	})
}

// What was committed late, with a due time that the feeder has already passed, is found in the look that comes to the end of the table.
func TestPicker_LooksBehindItself(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.SQLite)
	target := r.hook("")
	all := r.owe(target, 10)
	l := newLane(r.Outbox, target.ID)
	passed := map[int64]bool{}
	pick := func(limit int) (picked []*delivery) {
		err := r.store.View(t.Context(), func(tx *db.Tx) (err error) {
			picked, err = l.picker(passed)(tx, target.ID, Pending, "", false, limit)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return picked
	}
	pick(4)
	r.exec(`UPDATE delivery SET due_instant = due_instant - 5 WHERE event_sequence = $1`, all[9])
	if got := sequencesOf(pick(50)); !slices.Equal(got, []int64{all[4], all[5], all[6], all[7], all[8], all[9]}) {
		t.Errorf("picked %v of %v, want those that are left", got, all)
	}
}
