package webhooklog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// calendar is a clock that tests set. Each look at it is counted, which tells how many transactions have begun, and may have a consequence.
type calendar struct {
	now   time.Time
	looks int
	at    map[int]func()
}

func (c *calendar) clock() time.Time {
	c.looks++
	if then := c.at[c.looks]; then != nil {
		then()
	}
	return c.now
}

// stored is an event of a test, so old.
type stored struct {
	age      time.Duration
	result   Result
	attempts int
	// states of deliveries, one webhook each, that were last changed so long ago
	states  []string
	changed time.Duration
	ended   time.Duration // of the attempts, ago
	decided time.Duration // after it happened
}

// store writes the events and returns their sequences.
func store(t *testing.T, l *Log, all ...stored) []int64 {
	t.Helper()
	sequences := make([]int64, len(all))
	err := l.db.Update(t.Context(), func(tx *db.Tx) error {
		for i, s := range all {
			e := &Event{
				ID: wire.ID(db.NewID()), Operation: "operation", Type: event.UserCreate, Rule: wire.None, Body: []byte(`{"event":{}}`), Audience: s.audience(),
				Instant: today.Add(-s.age).UnixMilli(),
			}
			if s.result == "" {
				s.result = Succeeded
			}
			if err := l.Insert(tx, []*Event{e}, s.result, 0); err != nil {
				return err
			}
			if _, err := tx.Exec(`UPDATE event SET last_update_instant = insert_instant + $1 WHERE sequence = $2`, s.decided.Milliseconds(), e.Sequence); err != nil {
				return err
			}
			sequences[i] = e.Sequence
			var deliveries [][]any
			for k, state := range s.states {
				deliveries = append(deliveries, []any{e.Sequence, fmt.Sprint("webhook-", k), state, today.Add(-s.changed).UnixMilli()})
			}
			_, err := tx.ExecEach(`INSERT INTO delivery (event_sequence, webhook_id, state, attempts, replays, due_instant, claim, insert_instant, last_update_instant)
				VALUES ($1, $2, $3, 1, 0, 0, 1, 0, $4)`, deliveries)
			if err != nil {
				return err
			}
			var attempts []Attempt
			for range s.attempts {
				ended := today.Add(-s.ended)
				a, err := l.Attempt(e.Sequence, webhook.Delivery, &webhook.Attempt{Webhook: "webhook-0", Start: ended, End: ended})
				if err != nil {
					return err
				}
				attempts = append(attempts, a)
			}
			if err := l.Record(tx, attempts); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sequences
}

func (s stored) audience() string { return "audience-" + s.age.String() }

// left counts the rows that are there, and lists the events.
func left(t *testing.T, l *Log) (events []int64, attempts, deliveries int) {
	t.Helper()
	err := l.db.View(t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT sequence FROM event ORDER BY sequence`)
		if err != nil {
			return err
		}
		for rows.Next() {
			var s int64
			if err := rows.Scan(&s); err != nil {
				return err
			}
			events = append(events, s)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT (SELECT COUNT(*) FROM attempt), (SELECT COUNT(*) FROM delivery)`).Scan(&attempts, &deliveries)
	})
	if err != nil {
		t.Fatal(err)
	}
	return events, attempts, deliveries
}

const day = 24 * time.Hour

func TestTrim_WhatGoes(t *testing.T) {
	t.Parallel()
	every := []stored{
		{age: 40 * day, states: []string{"delivered", "dead", "cancelled"}, changed: 39 * day, attempts: 3, ended: 39 * day},
		{age: 40 * day, states: []string{"delivered", "pending"}, changed: 39 * day, attempts: 1, ended: 39 * day},
		{age: 40 * day, states: []string{"retrying", "dead"}, changed: time.Second, attempts: 2, ended: time.Second},
		{age: 40 * day, result: Running},
		{age: 40 * day, result: Failed, attempts: 1, ended: 40 * day},
		{age: 40 * day},
		{age: 31 * day, states: []string{"delivered"}, changed: time.Second, attempts: 1, ended: time.Second},
		{age: 29 * day, states: []string{"delivered"}, changed: 29 * day, attempts: 1, ended: 29 * day},
		{age: 2 * time.Minute, states: []string{"delivered", "dead"}, changed: 2 * time.Minute, attempts: 2, ended: 2 * time.Minute},
		{age: 2 * time.Minute, states: []string{"delivered"}, changed: 59 * time.Second, attempts: 1, ended: 59 * time.Second},
		{age: 59 * time.Second, states: []string{"delivered"}, changed: 59 * time.Second, attempts: 1, ended: 59 * time.Second},
		{age: 2 * time.Minute, result: Failed, decided: 61 * time.Second},
	}
	for name, c := range map[string]struct {
		keep                 Retention
		events               []int // of every
		attempts, deliveries int
	}{
		"everything stays":     {Retention{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 13, 13},
		"thirty days":          {Retention{Days: 30}, []int{1, 2, 3, 7, 8, 9, 10, 11}, 8, 9},
		"a year":               {Retention{Days: 365}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 13, 13},
		"switched off":         {Retention{Off: true}, []int{1, 2, 3, 6, 9, 10, 11}, 5, 7},
		"switched off, though": {Retention{Days: 30, Off: true}, []int{1, 2, 3, 6, 9, 10, 11}, 5, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c2 := calendar{now: today}
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				l := New(d, "node")
				sequences := store(t, l, every...)
				foretold, err := l.Trimmable(t.Context(), c.keep)
				if gone := (Trimmable{int64(len(every) - len(c.events)), int64(13 - c.attempts), int64(13 - c.deliveries)}); err != nil || foretold != gone {
					t.Errorf("foretold are %+v, want %+v: %v", foretold, gone, err)
				}
				for range 2 {
					if err := l.Trim(t.Context(), c.keep); err != nil {
						t.Fatal(err)
					}
				}
				var want []int64
				for _, i := range c.events {
					want = append(want, sequences[i])
				}
				events, attempts, deliveries := left(t, l)
				if !slices.Equal(events, want) || attempts != c.attempts || deliveries != c.deliveries {
					t.Errorf("left: %v, %d attempts, %d deliveries; want %v, %d, %d", events, attempts, deliveries, want, c.attempts, c.deliveries)
				}
			}, dbtest.WithClock(func() time.Time { return c2.now }))
		})
	}
}

// Whatever there is to remove, a transaction removes few rows, so that others have their turn soon; and it is all removed in the end.
func TestTrim_SmallSteps(t *testing.T) {
	t.Parallel()
	var webhooks []string
	for range 700 {
		webhooks = append(webhooks, "delivered")
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		l := New(d, "node")
		var all []stored
		for i := range 1300 {
			s := stored{age: 40*day - time.Duration(i)*time.Second, attempts: 1, states: []string{"delivered"}}
			switch {
			case i%100 == 7:
				s.states = webhooks
			case i%500 == 9:
				s.attempts = mostRows*2 + 3
			case i%10 == 3:
				s.states = []string{"retrying"} // stays
			}
			all = append(all, s)
		}
		store(t, l, all...)
		limit := ageLimit{before: today.UnixMilli()}
		steps, from, more := 0, place{}, true
		count := func(tx *db.Tx) (rows int64) {
			if err := tx.QueryRow(`SELECT (SELECT COUNT(*) FROM event) + (SELECT COUNT(*) FROM attempt) + (SELECT COUNT(*) FROM delivery)`).Scan(&rows); err != nil {
				t.Fatal(err)
			}
			return rows
		}
		for more {
			var found []span
			err := d.View(t.Context(), func(tx *db.Tx) (err error) {
				found, from, more, err = removable(tx, from, limit)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for len(found) > 0 {
				err := d.Update(t.Context(), func(tx *db.Tx) (err error) {
					before := count(tx)
					if found, err = removeSome(tx, found, limit); err != nil {
						return err
					}
					if n := before - count(tx); n <= 0 || n > mostRows {
						t.Errorf("step %d removed %d rows", steps, n)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				steps++
			}
		}
		events, attempts, deliveries := left(t, l)
		if len(events) != 130 || attempts != 130 || deliveries != 130 || steps < 10 {
			t.Errorf("left after %d steps: %d events, %d attempts, %d deliveries", steps, len(events), attempts, deliveries)
		}
		var orphans int
		err := d.View(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM delivery d WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.sequence = d.event_sequence)`).Scan(&orphans)
		})
		if err != nil || orphans != 0 {
			t.Errorf("%d deliveries without event, %v", orphans, err)
		}
	}, dbtest.WithClock(func() time.Time { return today }))
}

// Trim looks behind what has to stay, ends between two transactions, and goes on the next time. Other writers come in between.
func TestTrim_EndsBetweenSteps(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			c := &calendar{now: today, at: map[int]func(){}}
			l := New(dbtest.Open(t, engine, dbtest.WithClock(c.clock)), "node")
			var all []stored
			for i := range 2 * mostEvents {
				all = append(all, stored{age: 50*day - time.Duration(i)*time.Second, states: []string{"pending"}})
			}
			for i := range 3*mostEvents + 1 {
				all = append(all, stored{age: 40*day - time.Duration(i)*time.Second})
			}
			store(t, l, all...)
			ctx, cancel := context.WithCancel(t.Context())
			// The looks: one of Trim itself, then of each look and of each step in turn.
			c.looks, c.at[3] = 0, cancel
			if err := l.Trim(ctx, Retention{Days: 30}); !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v", err)
			}
			c.at = nil
			events, _, _ := left(t, l)
			if n := len(all) - len(events); engine == db.SQLite && n != mostEvents || n > mostEvents {
				t.Errorf("%d events were removed before the end", n)
			}
			if err := l.Trim(ctx, Retention{Days: 30}); !errors.Is(err, context.Canceled) {
				t.Errorf("with a context that has ended: %v", err)
			}
			if err := l.Trim(t.Context(), Retention{Days: 30}); err != nil {
				t.Error(err)
			}
			if events, _, deliveries := left(t, l); len(events) != 2*mostEvents || deliveries != 2*mostEvents {
				t.Errorf("left: %d events, %d deliveries", len(events), deliveries)
			}
		})
	}
}

// What has become owed again between the look and the removal stays.
func TestTrim_LooksAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		l := New(d, "node")
		sequences := store(t, l, stored{age: 40 * day, states: []string{"dead"}, attempts: 1}, stored{age: 40 * day, states: []string{"dead"}, attempts: 1})
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			found, _, more, err := removable(tx, place{}, ageLimit{before: today.UnixMilli()})
			if err != nil || len(found) != 1 || more {
				return fmt.Errorf("found %v, more %v, %w", found, more, err)
			}
			if _, err := tx.Exec(`UPDATE delivery SET state = 'pending' WHERE event_sequence = $1`, sequences[0]); err != nil {
				return err
			}
			rest, err := removeSome(tx, found, ageLimit{before: today.UnixMilli()})
			if len(rest) > 0 {
				return fmt.Errorf("rest %v, %w", rest, err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if events, attempts, deliveries := left(t, l); !slices.Equal(events, sequences[:1]) || attempts != 1 || deliveries != 1 {
			t.Errorf("left: %v, %d attempts, %d deliveries", events, attempts, deliveries)
		}
	}, dbtest.WithClock(func() time.Time { return today }))
}

// An audience stays as long as there may be events that refer to it.
func TestTrim_Audiences(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		l := New(d, "node")
		trim := func(keep Retention, want ...string) {
			t.Helper()
			if err := l.Trim(t.Context(), keep); err != nil {
				t.Fatal(err)
			}
			var ids []string
			err := d.View(t.Context(), func(tx *db.Tx) error {
				rows, err := tx.Query(`SELECT id FROM audience ORDER BY last_used_instant`)
				for err == nil && rows.Next() {
					var id string
					err = rows.Scan(&id)
					ids = append(ids, id)
				}
				return err
			})
			if err != nil || !slices.Equal(ids, want) {
				t.Errorf("left %v, want %v; %v", ids, want, err)
			}
		}
		use := func(id string, ago time.Duration) {
			t.Helper()
			err := d.Update(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO audience (id, document, last_used_instant) VALUES ($1, '[]', $2)`, id, today.Add(-ago).UnixMilli())
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		use("a", 60*day)
		use("b", 41*day+time.Hour)
		use("c", 40*day+23*time.Hour)
		use("d", 30*day+time.Hour)
		use("e", time.Hour)
		open := store(t, l, stored{age: 40 * day, states: []string{"pending"}})
		trim(Retention{Days: 30}, "c", "d", "e")
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE delivery SET state = 'dead' WHERE event_sequence = $1`, open[0])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		trim(Retention{Days: 30}, "d", "e") // the day of its last use is not over for d
		trim(Retention{Off: true}, "e")
	}, dbtest.WithClock(func() time.Time { return today }))
}

func TestSpansOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sequences []int64
		want      []span
	}{{nil, nil}, {[]int64{5}, []span{{5, 5}}}, {[]int64{3, 1, 2}, []span{{1, 3}}}, {[]int64{9, 4, 2, 1, 8}, []span{{1, 2}, {4, 4}, {8, 9}}}} {
		if got := spansOf(c.sequences); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.sequences, got, c.want)
		}
	}
}

func TestBeginning(t *testing.T) {
	t.Parallel()
	whole := strings.Repeat("x", keptRequest-1)
	for text, want := range map[string]int{"": 0, whole: len(whole), whole + "y": keptRequest, whole + "yz": keptRequest, whole + "ü": keptRequest - 1, whole + "💡x": keptRequest - 1} {
		shown, cut := beginning(text)
		if len(shown) != want || int(cut) != len(text)-want || !strings.HasPrefix(text, shown) {
			t.Errorf("of %d bytes %d are shown, %d cut; want %d", len(text), len(shown), cut, want)
		}
	}
}
