package app_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

// Several servers share the work: each delivery has one winner, so each event arrives once.
func TestCluster_OneWinner(t *testing.T) {
	all := shopCluster(t, 3, smallQueue)
	w := newWitness(t, nil)
	hook := all[0].Subscribe(w.URL, []string{sale})
	var ids []wire.ID
	var mu sync.Mutex
	var sales sync.WaitGroup
	for _, s := range all {
		s.Eventually(patience, "every server knows the webhook", func() bool { return knows(s, hook) })
	}
	for _, s := range all {
		sales.Go(func() {
			for range 3 {
				sold := sell(t, s, 200)
				mu.Lock()
				ids = append(ids, sold...)
				mu.Unlock()
			}
		})
	}
	sales.Wait()
	w.untilAll(t, ids)
	all[0].Settled(patience)
	w.onceEach(t, ids)
	if nodes := all[0].Strings(`SELECT DISTINCT node FROM attempt`); len(nodes) != 3 {
		t.Errorf("of three servers %d have delivered something", len(nodes))
	}
}

// knows tells whether a server has heard of a webhook.
func knows(s *apptest.Server, hook wire.ID) bool {
	var found wire.WebhookExplainResponse
	a := s.Call("GET", "/api/webhook/"+string(hook)+"/explain?eventType="+sale+"&tenantId="+string(s.Tenant), nil)
	if a.Status != 200 {
		return false
	}
	a.Decode(&found)
	return true
}

// A webhook that one server has just made is unknown to the other for a moment. What it is owed in that moment is not taken for that of a webhook that is gone.
func TestCluster_NewWebhook(t *testing.T) {
	all := shopCluster(t, 2)
	w := newWitness(t, nil)
	var ids []wire.ID
	for range 15 {
		s := all[0]
		hook := s.Subscribe(w.URL, []string{sale})
		ids = append(ids, sell(t, s, 1)...)
		w.untilAll(t, ids)
		untilCount(s, hook, "delivered", 1)
		if n := count(s, hook, "cancelled"); n != 0 {
			t.Fatalf("%d deliveries to a new webhook were cancelled", n)
		}
		s.Call("DELETE", "/api/webhook/"+string(hook), nil).Want(200)
	}
}

// What one server changes, the others act upon within about a second: webhooks, tenants, API keys, pauses.
func TestCluster_ChangesAreSeen(t *testing.T) {
	all := shopCluster(t, 2)
	a, b := all[0], all[1]
	w := newWitness(t, nil)
	hook := a.Subscribe(w.URL, []string{sale})
	b.Eventually(patience, "the other server knows the webhook", func() bool { return knows(b, hook) })
	w.untilAll(t, sell(t, b, 1))

	key := createKey(a, wire.APIKey{})
	b.Eventually(patience, "the other server knows the key", func() bool { return b.Call("GET", "/api/tenant", nil, "Authorization", key).Status == 200 })

	if err := a.App.Outbox().Pause(t.Context(), hook, "for both"); err != nil {
		t.Fatal(err)
	}
	b.Eventually(patience, "the other server knows of the pause", func() bool { return b.App.Outbox().Flow(hook).Paused })
	before := w.count()
	ids := sell(t, b, 3)
	if n := count(b, hook, "pending"); n != 3 || w.count() != before {
		t.Errorf("%d of 3 deliveries wait, %d requests came", n, w.count()-before)
	}
	if err := b.App.Outbox().Resume(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	w.untilAll(t, ids)
	a.Eventually(patience, "the first server knows that it is over", func() bool { return !a.App.Outbox().Flow(hook).Paused })

	other := newWitness(t, nil)
	patch(a, hook, map[string]any{"url": other.URL})
	b.Eventually(patience, "the other server sends to the new address", func() bool {
		sell(t, b, 1)
		return other.count() > 0
	})
	a.Enable(wire.None) // nothing is switched off by that
	a.Call("PATCH", "/api/tenant/"+string(a.Tenant), map[string]any{"tenant": map[string]any{"eventConfiguration": map[string]any{"events": map[string]any{
		sale: map[string]any{"enabled": false},
	}}}}).Want(200)
	b.Eventually(patience, "the other server owes nobody this event any more", func() bool {
		id := sell(t, b, 1)[0]
		return len(b.Strings(`SELECT d.webhook_id FROM delivery d JOIN event e ON e.sequence = d.event_sequence WHERE e.id = $1`, id)) == 0
	})
}

// The state of a breaker is that of all servers: one finds out, the others neither send nor ask.
func TestCluster_Breaker(t *testing.T) {
	clock := newHandClock()
	all := shopCluster(t, 2, clock.drive)
	a, b := all[0], all[1]
	a.Enable(wire.AbsoluteMajority, "user.create")
	w := newWitness(t, func(notice) int { return unreachable })
	hook := a.Subscribe(w.URL, []string{sale, "user.create"}, func(w *wire.Webhook) { w.Concurrency = 1 })
	b.Eventually(patience, "the other server knows the webhook", func() bool { return knows(b, hook) })
	for i := range 10 {
		a.Call("POST", "/api/user", user(fmt.Sprint("u", i, "@example.com"))).Want(504)
	}
	b.Eventually(patience, "the other server knows that the receiver cannot be reached", func() bool { return b.App.Outbox().Flow(hook).Open })
	before := w.count()
	b.Call("POST", "/api/user", user("closed@example.com")).Want(504)
	ids := sell(t, b, 20)
	if n := w.count(); n != before {
		t.Errorf("%d requests came from the server that had not found out itself", n-before)
	}
	w.answers(nil)
	clock.advance(time.Minute)
	// The next vote is the probe, unless a delivery is faster; then one after it succeeds.
	b.Eventually(patience, "a vote is asked again", func() bool { return b.Call("POST", "/api/user", user("probe@example.com")).Status == 200 })
	a.Eventually(patience, "the first server knows that it is back", func() bool { return !a.App.Outbox().Flow(hook).Open })
	w.untilAll(t, ids)
	a.Settled(patience)
	// It takes ten failures in a row again, also where the first ten were counted.
	w.answers(func(notice) int { return unreachable })
	for i := range 9 {
		a.Call("POST", "/api/user", user(fmt.Sprint("v", i, "@example.com"))).Want(504)
	}
	asked := w.count()
	a.Call("POST", "/api/user", user("tenth@example.com")).Want(504)
	if w.count() != asked+1 {
		t.Error("a webhook that failed nine times was not asked any more")
	}
}

// The order of one object's events holds across servers.
func TestCluster_Ordered(t *testing.T) {
	all := shopCluster(t, 2, smallQueue, quickRetries)
	w := newWitness(t, func(n notice) int {
		if n.Number%6 == 2 && n.Time == 1 {
			return 500
		}
		return 200
	})
	hook := all[0].Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.Ordering = wire.OrderedByLinkedObject })
	all[1].Eventually(patience, "the other server knows the webhook", func() bool { return knows(all[1], hook) })
	var ids []wire.ID
	for part := range 6 { // by turns, so that both have something to do with each object
		ids = append(ids, sell(t, all[part%2], 60, func(number int, e map[string]any) {
			e["linkedObjectId"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", number%20)
			e["number"] = part*60 + number
		})...)
	}
	w.untilAll(t, ids)
	all[0].Settled(patience)
	inSequence(t, w)
}

// A server that is stopped finishes what it has begun; the rest is taken by the other at once, and nothing comes twice.
func TestCluster_StopHandsOver(t *testing.T) {
	all := shopCluster(t, 1, unpatrolled)
	gate := make(chan struct{})
	w := newWitness(t, nil)
	w.answer = func(n notice) int {
		if n.Number < 4 {
			w.hold(gate)
		}
		return 200
	}
	all[0].Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.Concurrency, w.ReadTimeout = 4, 60_000 })
	ids := sell(t, all[0], 200)
	w.until(t, "four are under way", func() bool { return w.open == 4 })
	all = append(all, all[0].Join()) // which finds nothing to do, as the first one has claimed everything
	var stop sync.WaitGroup
	stop.Go(all[0].Stop)
	close(gate)
	stop.Wait()
	w.untilAll(t, ids)
	all[1].Settled(patience)
	w.onceEach(t, ids)
	if attempts := all[1].Strings(`SELECT node FROM attempt GROUP BY node HAVING COUNT(*) < 200`); len(attempts) != 2 {
		t.Errorf("%d servers have delivered a part of it, want both", len(attempts))
	}
	if nodes := all[1].Strings(`SELECT id FROM node`); len(nodes) != 1 {
		t.Errorf("%d servers have a lease, want the one that is left", len(nodes))
	}
}

// What a webhook allows at once it allows all servers together. When one is gone, the other has the whole of it.
func TestCluster_Concurrency(t *testing.T) {
	all := shopCluster(t, 2, smallQueue, apptest.QuickLease, patrolled)
	a, b := all[0], all[1]
	w := newWitness(t, nil)
	turns := make(chan struct{})
	w.answer = func(notice) int { w.hold(turns); return 200 }
	a.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.Concurrency, w.ReadTimeout = 4, 60_000 })
	leases := func() []string { return a.Strings(`SELECT CAST(expire_instant AS TEXT) FROM node ORDER BY id`) }
	first := leases()
	a.Eventually(patience, "each has renewed its lease, and seen that of the other", func() bool {
		now := leases()
		return len(first) == 2 && len(now) == 2 && now[0] != first[0] && now[1] != first[1]
	})
	underWay := func(s *apptest.Server) int {
		backlog, err := s.App.Outbox().Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return backlog.UnderWay
	}
	ids := append(sell(t, a, 60), sell(t, b, 60)...)
	a.Eventually(patience, "each has its share under way", func() bool { return underWay(a) == 2 && underWay(b) == 2 })
	for range 20 {
		turns <- struct{}{}
	}
	w.until(t, "four are open again", func() bool { return w.open == 4 && len(w.notices) == 24 })
	if n := w.peak(); n != 4 {
		t.Errorf("%d requests were open at once, want 4", n)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		b.Stop()
	}()
	for gone := false; !gone; {
		select {
		case turns <- struct{}{}:
		case <-stopped:
			gone = true
		}
	}
	w.until(t, "four are open at the one that is left", func() bool { return w.open == 4 })
	if n := w.peak(); n != 4 {
		t.Errorf("%d requests were open at once, want 4", n)
	}
	close(turns)
	w.untilAll(t, ids)
	a.Settled(patience)
	w.onceEach(t, ids)
}

// What a server had claimed that is dead is taken by others when its lease is over, and not before.
func TestCluster_DeadServer(t *testing.T) {
	all := shopCluster(t, 2, apptest.QuickLease)
	a, b := all[0], all[1]
	w := newWitness(t, nil)
	hook := a.Subscribe(w.URL, []string{sale})
	b.Eventually(patience, "the other server knows the webhook", func() bool { return knows(b, hook) })
	if err := a.App.Outbox().Pause(t.Context(), hook, ""); err != nil {
		t.Fatal(err)
	}
	b.Eventually(patience, "the other server knows of the pause", func() bool { return b.App.Outbox().Flow(hook).Paused })
	ids, kept := sell(t, a, 10), sell(t, a, 5)
	claim := func(node string, expire time.Duration, events []wire.ID) {
		for _, id := range events {
			a.Exec(`UPDATE delivery SET claimed_by = $1, due_instant = 9223372036854775807, claim = claim + 1
				WHERE event_sequence = (SELECT sequence FROM event WHERE id = $2)`, node+"/3", id)
		}
		// Last, because whoever is dead is swept away at once, and with it only what it has claimed by then.
		a.Exec(`INSERT INTO node (id, started_instant, expire_instant) VALUES ($1, 0, $2)`, node, time.Now().Add(expire).UnixMilli())
	}
	claim("alive-1a2b", time.Hour, kept)
	claim("dead-3c4d", -time.Second, ids)
	if err := a.App.Outbox().Resume(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	w.untilAll(t, ids)
	untilCount(a, hook, "delivered", len(ids))
	w.onceEach(t, ids)
	if left := a.Strings(`SELECT id FROM node WHERE id IN ('dead-3c4d', 'alive-1a2b')`); !slices.Equal(left, []string{"alive-1a2b"}) {
		t.Errorf("leases: %v", left)
	}
	a.Exec(`UPDATE node SET expire_instant = 0 WHERE id = 'alive-1a2b'`)
	w.untilAll(t, kept)
	a.Settled(patience)
	w.onceEach(t, append(ids, kept...))
}

// A server that was taken for dead has lost what it was at. When it comes back with a result, a newer one stands; and it begins anew.
func TestCluster_LateResult(t *testing.T) {
	all := shopCluster(t, 2, apptest.QuickLease, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{time.Hour} })
	a, b := all[0], all[1]
	gate := make(chan struct{})
	w := newWitness(t, nil)
	w.answer = func(n notice) int {
		switch {
		case n.Number == 0 && n.Time == 1:
			w.hold(gate)
		case n.Number == 0:
			return 500
		}
		return 200
	}
	hook := a.Subscribe(w.URL, []string{sale}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
	b.Eventually(patience, "the other server knows the webhook", func() bool { return knows(b, hook) })
	ids := sell(t, a, 1)
	w.until(t, "it is under way", func() bool { return w.open == 1 })
	node := a.Strings(`SELECT SUBSTR(claimed_by, 1, LENGTH(claimed_by) - 2) FROM delivery`)[0]
	// What others do who find its lease ended. Its own renewal cannot come in between.
	err := a.App.Store().Update(t.Context(), func(tx *db.Tx) error {
		for _, statement := range []string{`DELETE FROM node WHERE id = $1`, `UPDATE delivery SET due_instant = 0, claim = claim + 1, claimed_by = NULL WHERE claimed_by LIKE $1 || '/%'`} {
			if _, err := tx.Exec(statement, node); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.until(t, "it has come a second time", func() bool { return w.times[ids[0]] == 2 })
	untilCount(a, hook, "retrying", 1)
	close(gate)
	a.Eventually(patience, "both attempts are on record", func() bool { return len(a.Strings(`SELECT id FROM attempt`)) == 2 })
	if got := a.Strings(`SELECT state || ' ' || attempts FROM delivery`); !slices.Equal(got, []string{"retrying 1"}) {
		t.Errorf("after the late result the delivery is %v", got)
	}
	a.Eventually(patience, "it has a lease again", func() bool { return len(a.Strings(`SELECT id FROM node WHERE id = $1`, node)) == 1 })
	w.untilAll(t, sell(t, a, 5, func(number int, e map[string]any) { e["number"] = number + 1 }))
	untilCount(a, hook, "delivered", 5)
}

// Two servers under a crowd of callers have more to do than there are connections to the database, for longer than what they know of webhooks stays fresh.
func TestCluster_MoreCallersThanConnections(t *testing.T) {
	all := shopCluster(t, 2)
	w := newWitness(t, nil)
	all[0].Subscribe(w.URL, []string{sale})
	var calls sync.WaitGroup
	end := time.Now().Add(2500 * time.Millisecond)
	for i := range 48 {
		calls.Go(func() {
			for n := 0; time.Now().Before(end) || n == 0; n++ {
				s := all[i%2]
				if a := s.Call("POST", "/api/event", map[string]any{"event": map[string]any{"type": sale, "tenantId": s.Tenant}}); a.Status != 200 {
					t.Errorf("status %d %s", a.Status, a.Body)
				}
			}
		})
	}
	calls.Wait()
	all[0].Settled(patience)
}

// TestCluster_FirstStart starts servers at the same moment on a database in which nothing has been made yet.
func TestCluster_FirstStart(t *testing.T) {
	t.Parallel()
	store := config.Store{DatabaseURL: config.NewSecret(dbtest.Bare(t)), EncryptionKey: config.NewSecret(base64.StdEncoding.EncodeToString(make([]byte, 32)))}
	var all sync.WaitGroup
	for range 5 {
		one := store
		one.Data = t.TempDir()
		all.Go(func() {
			a, err := app.New(t.Context(), app.Options{Settings: config.Serve{Store: one}})
			if err == nil {
				err = a.Stop(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
