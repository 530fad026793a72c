package message_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func TestLimits_OfRecipient(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t)
		q := request(r.messenger("Main", to))
		for i := range 5 {
			q.To = []string{"+491701234567", "+49 170 1234567", "+49 (170) 123-45.67"}[i%3]
			r.send(q, wire.MessageSent, "")
			r.pass(time.Minute)
		}
		m := r.send(q, wire.MessageLimited, "[TooManyMessages]")
		if !strings.Contains(m.Failure, "this recipient has had 5 messages within 10m0s; the next is allowed in 5m0s") || len(m.Attempts) != 0 {
			t.Errorf("the failure is %q", m.Failure)
		}
		r.send(q, wire.MessageLimited, "[TooManyMessages]")
		r.wantEntry(wire.EventLogError, "was not sent: this recipient", "raise messageLimits") // one for both
		_, err := r.Send(t.Context(), q)
		if p, _ := problem.As(err); p == nil || p.Kind != problem.TooMany || !strings.Contains(p.Error(), "Try again in 5m0s") {
			t.Errorf("the error is %v", err)
		}

		q.To = "+491701234568"
		r.send(q, wire.MessageSent, "")
		q.To = number
		r.pass(5 * time.Minute)
		r.send(q, wire.MessageSent, "") // the first is forgotten, and what was limited does not count
		r.send(q, wire.MessageLimited, "[TooManyMessages]")
		r.pass(time.Hour)
		for i := range 14 {
			r.send(q, wire.MessageSent, "")
			if i%4 == 3 {
				r.pass(time.Hour)
			}
		}
		if m := r.send(q, wire.MessageLimited, "[TooManyMessages]"); !strings.Contains(m.Failure, "20 messages within 24h0m0s") {
			t.Errorf("the failure is %q", m.Failure)
		}
		if got := len(to.Requests()); got != 21 {
			t.Errorf("the receiver got %d messages, want 20 and one for somebody else", got)
		}
		if got := len(r.entries(wire.EventLogError)); got != 2 {
			t.Errorf("%d entries, want one for each ten minutes in which a limit was reached", got)
		}
	})
}

func TestLimits_WhatReachedNobodyDoesNotCount(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t).Script(egresstest.Status(400))
		q := request(r.messenger("Main", to))
		for range 7 {
			r.send(q, wire.MessageFailed, "[MessengerError]")
		}
		to.Script(egresstest.Close())
		for range 5 { // may have arrived
			r.send(q, wire.MessageUnknown, "[MessengerError]")
		}
		r.send(q, wire.MessageLimited, "[TooManyMessages]")
	})
}

func TestLimits_OfTenant(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.limit(`{"perTenant":{"limit":3,"timePeriodInSeconds":10}}`)
		q := request(r.messenger("Main", egresstest.NewReceiver(t)))
		for i := range 3 {
			q.To = fmt.Sprint("+4917000000", i)
			r.send(q, wire.MessageSent, "")
		}
		for i := range 6 { // of an attack, no more is recorded than could have been sent
			q.To = fmt.Sprint("+4917100000", i)
			if m := r.send(q, wire.MessageLimited, "[TooManyMessages]"); (m.ID != "") != (i < 3) {
				t.Errorf("limited message %d has the id %q", i, m.ID)
			}
		}
		r.wantEntry(wire.EventLogError, "the tenant has had 3 messages within 10s")
		r.pass(10 * time.Second)
		r.send(q, wire.MessageSent, "")

		r.limit(`{"perRecipient":{"limit":2,"timePeriodInSeconds":5}}`)
		r.send(q, wire.MessageSent, "")
		r.send(q, wire.MessageLimited, "[TooManyMessages]")
		// Nobody can store what is not valid; but should it be there, the limit is that of everybody.
		err := r.d.Update(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec(`UPDATE tenant SET document = REPLACE(document, '"limit":2,', '"limit":"many",')`); err != nil {
				return err
			}
			return tx.Bump("tenant")
		})
		if err != nil {
			t.Fatal(err)
		}
		r.send(q, wire.MessageSent, "")
	})
}

// TestLimits_TwoProcesses sends to one recipient from many sides at once, on PostgreSQL through two stores: exactly so many arrive as may.
func TestLimits_TwoProcesses(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t)
		id := r.messenger("Main", to)
		senders := []*rig{r, r}
		if r.d.Engine() == db.PostgreSQL {
			o := dbtest.OptionsOf(t, r.d)
			o.Logger = slog.New(slog.DiscardHandler)
			other, err := db.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.Close() })
			senders[1] = newRig(t, other, r.now, "node-2")
		}
		const many = 24
		var wg sync.WaitGroup
		states := make(chan wire.MessageState, many)
		for i := range many {
			wg.Go(func() {
				m, err := senders[i%2].Send(context.WithoutCancel(t.Context()), request(id))
				if err != nil && !errors.Is(err, message.ErrLimited) {
					t.Error(err)
				}
				states <- m.State
			})
		}
		wg.Wait()
		close(states)
		count := map[wire.MessageState]int{}
		for s := range states {
			count[s]++
		}
		if count[wire.MessageSent] != 5 || count[wire.MessageLimited] != many-5 || len(to.Requests()) != 5 {
			t.Errorf("%v, and the receiver got %d; want 5 sent", count, len(to.Requests()))
		}
	})
}

// TestLimits_CountAsTheyMove: whatever happens, what a tenant has had is counted as if somebody counted it anew each time.
func TestLimits_CountAsTheyMove(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		to := egresstest.NewReceiver(t)
		q := request(r.messenger("Main", to))
		period := time.Minute
		chance := rand.New(rand.NewPCG(1, 2))
		seen := map[wire.MessageState]int{}
		for i := range 250 {
			what := ""
			switch chance.IntN(12) {
			case 0:
				period = time.Duration(1+chance.IntN(100)) * time.Second
				r.limit(fmt.Sprintf(`{"perTenant":{"limit":%d,"timePeriodInSeconds":%d}}`, 5+chance.IntN(20), int(period.Seconds())))
			case 1:
				period = 24 * time.Hour
				r.limit(`{"perTenant":{"limit":100,"timePeriodInSeconds":86400}}`)
			case 2:
				what = "the clock of this process is behind, "
				r.pass(-time.Duration(chance.IntN(30)) * time.Second)
			case 3:
				what = "hours later, "
				r.pass(time.Duration(chance.IntN(40)) * time.Hour)
			case 4:
				what = "what is old is gone, "
				r.pass(time.Duration(chance.IntN(20)) * time.Hour)
				if err := r.Tend(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
			default:
				r.pass(time.Duration(chance.IntN(20_000)) * time.Millisecond)
			}
			to.Script(egresstest.Status([]int{200, 200, 400}[chance.IntN(3)]))
			q.To = fmt.Sprint("+4917000000", i)
			q.Test = chance.IntN(10) == 0
			m, _ := r.Send(t.Context(), q)
			seen[m.State]++
			counts := r.strings(`SELECT counted || ' since ' || counted_since FROM message_gate`)
			anew := r.strings(`SELECT COUNT(m.id) || ' since ' || g.counted_since FROM message_gate g LEFT JOIN message m
				ON m.tenant_id = g.tenant_id AND m.insert_instant > g.counted_since AND m.counted = TRUE GROUP BY g.counted_since`)
			if len(counts) == 1 && strings.HasSuffix(counts[0], " since 0") {
				continue // nobody knows how many, and the next one counts
			}
			if !slices.Equal(counts, anew) {
				t.Fatalf("message %d: %sa message is %s (%s), within %v: counted %s, there are %s", i, what, m.State, m.Failure, period, counts, anew)
			}
		}
		if seen[wire.MessageLimited] == 0 || seen[wire.MessageFailed] == 0 || seen[wire.MessageSent] == 0 {
			t.Errorf("there should be some of each kind: %v", seen)
		}
	})
}

func TestTenantDeleted(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.send(request(r.messenger("Main", egresstest.NewReceiver(t))), wire.MessageSent, "")
		if err := r.d.Update(t.Context(), func(tx *db.Tx) error { return r.TenantDeleted(tx, home) }); err != nil {
			t.Fatal(err)
		}
		if gates, messages := r.strings(`SELECT tenant_id FROM message_gate`), r.strings(`SELECT id FROM message`); len(gates) != 0 || len(messages) != 1 {
			t.Errorf("left are the gates %s and %d messages", gates, len(messages))
		}
	})
}
