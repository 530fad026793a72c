package outbox

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// A start frees what no living process has claimed, and a process what another one had claimed whose lease is over; names of nodes that begin
// alike are not taken for each other.
func TestNode_FreesClaims(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.PostgreSQL)
	target := r.hook("")
	all := r.owe(target, 5)
	for i, claimer := range []string{"alive/1", "alive-2/1", "dead/1", "gone/1", "a/1"} {
		r.exec(`UPDATE delivery SET claimed_by = $1, due_instant = $2, claim = claim + 1 WHERE event_sequence = $3`, claimer, int64(carried), all[i])
	}
	now := r.now.Load()
	for node, expire := range map[string]int64{"alive": now + 1000, "alive-2": now + 1000, "dead": now - 1, "a": now - 1} {
		r.exec(`INSERT INTO node (id, started_instant, expire_instant) VALUES ($1, 0, $2)`, node, expire)
	}
	if err := r.node.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.node.expiry.Stop()
	if claims := r.rows(`SELECT claimed_by FROM delivery WHERE due_instant = $1 ORDER BY event_sequence`, int64(carried)); !slices.Equal(claims, []string{"alive/1", "alive-2/1"}) {
		t.Errorf("still claimed: %v", claims)
	}
	if nodes := r.rows(`SELECT id FROM node WHERE id IN ('dead', 'a')`); len(nodes) != 0 {
		t.Errorf("leases that are over and still there: %v", nodes)
	}
	if claims := r.rows(`SELECT CAST(claim AS TEXT) FROM delivery ORDER BY event_sequence`); !slices.Equal(claims, []string{"2", "2", "3", "3", "3"}) {
		t.Errorf("claims: %v; those that were taken away must not be able to store a result", claims)
	}
}

// Names sort by the rules of the database's language. Whatever these are, claims are found by the name of their node.
func TestNode_WhateverTheCollation(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("")
		r.owe(target, 4)
		for i, claimer := range []string{"rig/0", "rig/12345", "rig0/1", "Rig/1"} {
			r.exec(`UPDATE delivery SET claimed_by = $1, due_instant = $2 WHERE event_sequence = (SELECT MIN(event_sequence) + $3 FROM delivery)`, claimer, int64(carried), i)
		}
		if r.store.Engine() == db.PostgreSQL && len(r.rows(`SELECT collname FROM pg_collation WHERE collname = 'und-x-icu'`)) == 1 {
			r.exec(`CREATE COLLATION passing_over_signs (provider = icu, locale = 'und-u-ka-shifted')`)
			r.exec(`ALTER TABLE delivery ALTER COLUMN claimed_by TYPE TEXT COLLATE passing_over_signs`)
		}
		var mine []int64
		var freed int64
		r.update(func(tx *db.Tx) (err error) {
			if mine, err = claimedBy(tx, target.ID, "rig"); err != nil {
				return err
			}
			freed, err = freeClaims(tx, "rig", all)
			return err
		})
		if len(mine) != 2 || freed != 2 {
			t.Errorf("%d claims were found, %d freed, want 2", len(mine), freed)
		}
	})
}

// A process that could not renew its lease sends nothing until it has a new one; then it goes on.
func TestNode_LeaseLostAndRegained(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.PostgreSQL)
	release := make(chan struct{})
	receiver := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
	target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Concurrency = 1 })
	r.start()
	r.owe(target, 20)
	receiver.WaitFor(1)
	r.node.lose()
	close(release)
	r.eventually("all but the one under way are given back", func() bool {
		return r.count(Delivered) == 1 && len(r.rows(`SELECT claimed_by FROM delivery WHERE claimed_by IS NOT NULL`)) == 0
	})
	r.owe(target, 1)
	if n := len(receiver.Requests()); n != 1 {
		t.Errorf("%d requests, although the lease was lost after the first", n)
	}
	r.exec(`DELETE FROM node`) // another one has swept it up
	if err := r.node.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.eventually("all are delivered", func() bool { return r.count(Delivered) == 21 })
	if n := len(receiver.Requests()); n != 21 {
		t.Errorf("%d requests for 21 deliveries", n)
	}
	if nodes := r.rows(`SELECT id FROM node`); !slices.Equal(nodes, []string{"rig"}) {
		t.Errorf("leases: %v", nodes)
	}
}

// What a process that died had claimed is freed to the last, however much it is, in transactions of their own; only then its row goes.
func TestNode_SweepsInSteps(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.PostgreSQL)
	r.owe(r.hook(""), 2*stepSize+500)
	r.exec(`UPDATE delivery SET claimed_by = 'dead/1', due_instant = $1, claim = claim + 1`, int64(carried))
	r.exec(`INSERT INTO node (id, started_instant, expire_instant) VALUES ('dead', 0, $1)`, r.now.Load()-1)
	if err := r.node.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if claims := r.rows(`SELECT claimed_by FROM delivery WHERE claimed_by IS NOT NULL OR due_instant > $1`, r.now.Load()); len(claims) != 0 {
		t.Errorf("%d deliveries are still claimed", len(claims))
	}
	if nodes := r.rows(`SELECT id FROM node`); len(nodes) != 0 {
		t.Errorf("leases: %v", nodes)
	}
	if steps := r.rows(`SELECT DISTINCT CAST(xmin AS TEXT) FROM delivery`); len(steps) != 3 {
		t.Errorf("it took %d transactions, want 3", len(steps))
	}
}

// A lease that ends later than anybody means was written under a clock that was ahead: its process is dead.
func TestNode_ClockWasAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.PostgreSQL)
	all := r.owe(r.hook(""), 2)
	for i, node := range []string{"ahead", "slow"} {
		expire := r.now.Load() + []int64{(3 * 365 * 24 * time.Hour).Milliseconds(), time.Hour.Milliseconds()}[i]
		r.exec(`UPDATE delivery SET claimed_by = $1, due_instant = $2, claim = claim + 1 WHERE event_sequence = $3`, node+"/1", int64(carried), all[i])
		r.exec(`INSERT INTO node (id, started_instant, expire_instant) VALUES ($1, 0, $2)`, node, expire)
	}
	if err := r.node.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if nodes := r.rows(`SELECT id FROM node`); !slices.Equal(nodes, []string{"slow"}) {
		t.Errorf("leases: %v", nodes)
	}
	if claims := r.rows(`SELECT claimed_by FROM delivery WHERE claimed_by IS NOT NULL`); !slices.Equal(claims, []string{"slow/1"}) {
		t.Errorf("claims: %v", claims)
	}
}

// A process whose lease has ended and of whose claims others have freed a part begins anew, although its row is still there: what it had in its queue is theirs.
func TestNode_HalfSwept(t *testing.T) {
	t.Parallel()
	r := newRig(t, db.PostgreSQL)
	release := make(chan struct{})
	receiver := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
	target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Concurrency = 1 })
	r.start()
	r.resumed(target, 20)
	underWay := string(receiver.WaitFor(1)[0].Body)
	r.eventually("the queue is full", func() bool { return r.loaded(target.ID) == 20 })
	// Another process is at the sweep, and has already taken what it has freed.
	r.exec(`UPDATE node SET expire_instant = $1`, r.now.Load()-1)
	r.exec(`INSERT INTO node (id, started_instant, expire_instant) VALUES ('other', 0, $1)`, r.now.Load()+time.Hour.Milliseconds())
	r.exec(`UPDATE delivery SET claim = claim + 2, claimed_by = 'other/1' WHERE event_sequence IN (SELECT event_sequence FROM delivery ORDER BY event_sequence DESC LIMIT 8)`)
	theirs := r.rows(`SELECT e.body FROM delivery d JOIN event e ON e.sequence = d.event_sequence WHERE d.claimed_by = 'other/1'`)
	if err := r.node.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(release)
	r.eventually("its own are delivered", func() bool { return r.count(Delivered) == 12 })
	got := sent(receiver)
	if len(got) != 12 || !slices.Contains(got, underWay) {
		t.Errorf("%d requests, want 12", len(got))
	}
	for _, body := range theirs {
		if slices.Contains(got, body) {
			t.Errorf("%s was sent, although another process has it", body)
		}
	}
	if nodes := r.rows(`SELECT id FROM node WHERE expire_instant > $1 ORDER BY id`, r.now.Load()); !slices.Equal(nodes, []string{"other", "rig"}) {
		t.Errorf("leases: %v", nodes)
	}
}

// What a webhook allows at once and per second is divided among the living processes, and whole again when one is gone.
func TestNode_DividesLimits(t *testing.T) {
	t.Parallel()
	a := newRig(t, db.PostgreSQL)
	target := a.hook("", func(w *wire.Webhook) { w.Concurrency, w.RateLimit = 5, 1000 })
	a.start()
	share := func(r *rig, concurrency int, perSecond float64) {
		t.Helper()
		if err := r.node.renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := r.lane(target.ID)
		l.wait(target)
		if got, limit := l.concurrency(), float64(l.limiter.Limit()); got != concurrency || limit != perSecond {
			t.Errorf("%s has %d places and %v a second, want %d and %v", r.Node, got, limit, concurrency, perSecond)
		}
	}
	share(a, 5, 1000)
	b := a.join("rig-b")
	b.start()
	share(b, 2, 500)
	share(a, 2, 500)
	c := a.join("rig-c")
	c.start()
	share(c, 1, 1000.0/3)
	share(b, 1, 1000.0/3)
	share(a, 1, 1000.0/3)
	c.Stop(t.Context()) // in good order
	share(a, 2, 500)
	b.exec(`UPDATE node SET expire_instant = $1 WHERE id = 'rig-b'`, b.now.Load()-1) // dead
	share(a, 5, 1000)
}

// Rows that look as if this process carried them are freed when they have been seen twice; what is carried, or on its way into the lane, is left alone.
func TestHeal_Strays(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		receiver := egresstest.NewReceiver(t)
		target := r.hook(receiver.URL)
		r.start()
		kept := r.carriedBy(target, 1)
		stray := r.carriedBy(target, 1)[0]
		l := r.lane(target.ID)
		l.mu.Lock()
		delete(l.loaded, stray.Sequence) // its commit seemed to have failed
		l.mu.Unlock()
		heal := func() {
			t.Helper()
			if err := r.heal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		heal()
		if claims := r.rows(`SELECT claimed_by FROM delivery WHERE due_instant = $1`, int64(carried)); len(claims) != 2 {
			t.Errorf("after one look %d are claimed, want both", len(claims))
		}
		heal()
		r.eventually("the stray is delivered", func() bool { return r.count(Delivered) == 1 })
		heal()
		heal()
		if claims := r.rows(`SELECT CAST(event_sequence AS TEXT) FROM delivery WHERE due_instant = $1`, int64(carried)); !slices.Equal(claims, []string{fmt.Sprint(kept[0].Sequence)}) {
			t.Errorf("claimed: %v, want the one that is carried", claims)
		}
	})
}

// A clock that was an hour, or years, ahead has written due times that nobody can have meant.
func TestHeal_ClockWasAhead(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("")
		r.advance(time.Hour)
		s := r.owe(target, 3)
		r.exec(`UPDATE delivery SET state = 'retrying', due_instant = due_instant + 5000 WHERE event_sequence = $1`, s[1]) // may be meant so
		r.exec(`UPDATE delivery SET state = 'retrying', due_instant = $1 WHERE event_sequence = $2`, r.now.Load()+(20*365*24*time.Hour).Milliseconds(), s[2])
		r.advance(-time.Hour)
		r.lanes[target.ID] = newLane(r.Outbox, target.ID) // which delivers nothing, as nothing is started
		if err := r.heal(t.Context()); err != nil {
			t.Fatal(err)
		}
		due := r.rows(`SELECT CAST(event_sequence AS TEXT) FROM delivery WHERE due_instant <= $1 ORDER BY event_sequence`, r.now.Load())
		if want := []string{fmt.Sprint(s[0]), fmt.Sprint(s[2])}; !slices.Equal(due, want) {
			t.Errorf("due are %v, want %v", due, want)
		}
	})
}
