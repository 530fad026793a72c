package outbox

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// fill puts n events on record with a delivery each, in the states in turns, one millisecond apart.
func (r *rig) fill(target *webhook.Target, n int, states ...State) (sequences []int64) {
	r.t.Helper()
	r.update(func(tx *db.Tx) error {
		sequences = nil
		events := make([]*webhooklog.Event, n)
		for i := range events {
			events[i] = &webhooklog.Event{
				ID: wire.ID(db.NewID()), Operation: "operation", Type: "user.create.complete", Rule: wire.None, Body: []byte(`{"event":{}}`), Instant: tx.NowMillis() + int64(i),
			}
		}
		if err := r.Log.Insert(tx, events, webhooklog.Succeeded, 0); err != nil {
			return err
		}
		var rows [][]any
		for i, e := range events {
			sequences = append(sequences, e.Sequence)
			rows = append(rows, []any{e.Sequence, target.ID, states[i%len(states)], 1, 0, tx.NowMillis(), 1, nil, nil, tx.NowMillis()})
		}
		return insertDeliveries(tx, rows)
	})
	return sequences
}

// every picks the sequences at these places of each turn.
func every(sequences []int64, turn int, places ...int) (picked []int64) {
	for i, s := range sequences {
		if slices.Contains(places, i%turn) {
			picked = append(picked, s)
		}
	}
	return picked
}

// A walk comes past each delivery once, in the order of events, however many looks it takes, and does not leave its span.
func TestWalk(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target, other := r.hook(""), r.hook("")
		all := []State{Delivered, Dead, Pending, Delivered, Cancelled, Retrying}
		sequences := r.fill(target, 2*mostExamined+1200, all...)
		r.fill(other, 10, all...)
		inside := sequences[6 : len(sequences)-6]
		span := Span{After: sequences[5], Through: inside[len(inside)-1]}
		for _, test := range []struct {
			name   string
			states []State
			want   []int64
			looks  int
		}{
			{"ended", Ended, every(inside, 6, 0, 1, 3, 4), 3},
			{"delivered", []State{Delivered}, every(inside, 6, 0, 3), 3},
			{"failed", []State{Dead, Cancelled}, every(inside, 6, 1, 4), 1},
			{"dead", []State{Dead}, every(inside, 6, 1), 1},
			{"waiting", Waiting, every(inside, 6, 2, 5), 1},
			{"retrying", []State{Retrying}, every(inside, 6, 5), 1},
			{"dead and waiting", []State{Dead, Pending}, every(inside, 6, 1, 2), 1},
		} {
			var got []int64
			looks := 0
			for at := span; at.After < at.Through; looks++ {
				err := r.store.View(t.Context(), func(tx *db.Tx) error {
					found, reached, err := Walk(tx, wire.DeliveryFilter{}, target.ID, test.states, 0, at)
					got = append(got, found...)
					at.After = reached
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, test.want) || looks != test.looks {
				t.Errorf("%s: found %d in %d looks, want %d in %d", test.name, len(got), looks, len(test.want), test.looks)
			}
		}
	})
}

func TestWalkMissed(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target, other := r.hook(""), r.hook("")
		sequences := r.fill(target, mostExamined+600, Delivered, Dead, Pending)
		never := r.fill(other, 30, Delivered)
		r.exec(`UPDATE event SET result = 'Failed' WHERE sequence = $1`, never[3])
		r.exec(`UPDATE event SET result = 'Running' WHERE sequence = $1`, never[4])
		r.exec(`UPDATE event SET test = TRUE WHERE sequence = $1`, never[5])
		period := wire.Period{Start: wire.Instant(r.now.Load() + 3), End: wire.Instant(r.now.Load() + mostExamined + 300)}
		got := map[State]int{}
		first := int64(0)
		err := r.store.View(t.Context(), func(tx *db.Tx) error {
			span, err := SpanOf(tx, period)
			if err != nil {
				return err
			}
			if span.After != sequences[3]-1 || span.Through != sequences[mostExamined+299] && span.Through != never[len(never)-1] {
				t.Errorf("the span of the period is %+v", span)
			}
			for span.After < span.Through {
				missed, reached, err := WalkMissed(tx, period, target.ID, span)
				if err != nil {
					return err
				}
				for _, m := range missed {
					if got[m.State]++; first == 0 {
						first = m.Sequence
					}
				}
				span.After = reached
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// Of the events that others had, three are left out for their time, and three for what they are.
		inside := sequences[3 : mostExamined+300]
		want := map[State]int{Dead: len(every(inside, 3, 1)), Pending: len(every(inside, 3, 2)), "": len(never) - 6}
		if !maps.Equal(got, want) || first != sequences[4] {
			t.Errorf("missed: %v, the first %d; want %v, the first %d", got, first, want, sequences[4])
		}
	})
}

// Bounds of a list follow from its period, also when a clock has jumped, and whichever way it is read.
func TestSearch_ClockThatJumps(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("")
		begin := r.now.Load()
		ahead := r.fill(target, 10, Delivered)
		r.now.Store(begin - 5000) // it was wrong, and is set
		behind := r.fill(target, 10, Delivered)
		for _, test := range []struct {
			start, end int64
			want       []int64
		}{
			{begin, 0, ahead},
			{0, begin, behind},
			{begin - 4995, begin + 5, slices.Concat(behind[5:], ahead[:5])},
			{begin + 10, 0, nil},
		} {
			for _, order := range []string{"insertInstant ASC", "insertInstant DESC"} {
				var got []wire.ID
				err := r.store.View(t.Context(), func(tx *db.Tx) error {
					found, total, err := Search(tx, &search.Positions{}, wire.DeliverySearch{
						Page: wire.Page{OrderBy: order}, DeliveryFilter: wire.DeliveryFilter{Period: wire.Period{Start: wire.Instant(test.start), End: wire.Instant(test.end)}},
					})
					for _, d := range found {
						got = append(got, d.EventID)
					}
					if total != len(test.want) {
						t.Errorf("%d to %d: %d in all, want %d", test.start, test.end, total, len(test.want))
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				want := slices.Clone(test.want)
				if slices.Sort(want); order == "insertInstant DESC" {
					slices.Reverse(want)
				}
				if ids := r.idsOf(want); !slices.Equal(got, ids) {
					t.Errorf("%d to %d, %s: found %v, want %v", test.start, test.end, order, got, ids)
				}
			}
		}
	})
}

// Where a list ends follows from what is stored, and its pages stay pages of one list.
func TestSearch_PagesWhileEventsCome(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("")
		begin := r.now.Load()
		want := r.fill(target, 6, Delivered)
		slices.Reverse(want)
		var positions search.Positions
		var got []wire.ID
		for page := range 3 {
			err := r.store.View(t.Context(), func(tx *db.Tx) error {
				found, _, err := Search(tx, &positions, wire.DeliverySearch{
					Page: wire.Page{StartRow: 2 * page, NumberOfResults: 2}, DeliveryFilter: wire.DeliveryFilter{Period: wire.Period{Start: wire.Instant(begin)}},
				})
				for _, d := range found {
					got = append(got, d.EventID)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			r.fill(target, 3, Delivered)
		}
		if ids := r.idsOf(want); !slices.Equal(got, ids) {
			t.Errorf("the pages have %v, want %v", got, ids)
		}
	})
}

// A list has what the search has, whichever way leads to it.
func TestPage(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target, other := r.hook(""), r.hook("")
		begin := r.now.Load()
		all := []State{Delivered, Dead, Pending, Delivered, Cancelled, Retrying}
		r.fill(target, 60, all...)
		r.fill(other, 13, all...)
		r.update(func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO delivery SELECT event_sequence, $1, state, attempts, replays, due_instant, claim, claimed_by, ordering_key, insert_instant, last_update_instant
				FROM delivery WHERE event_sequence % 3 = 0`, wire.ID(db.NewID()))
			return err
		})
		one := wire.ID(r.rows(`SELECT id FROM event WHERE sequence % 3 = 0`)[0])
		type key struct{ event, webhook wire.ID }
		check := func(f wire.DeliveryFilter) {
			t.Helper()
			var want []key
			r.look(func(tx *db.Tx) error {
				found, _, err := Search(tx, nil, wire.DeliverySearch{DeliveryFilter: f, Page: wire.Page{NumberOfResults: 1000}})
				for _, d := range found {
					want = append(want, key{d.EventID, d.WebhookID})
				}
				return err
			})
			if len(want) == 0 {
				t.Errorf("%+v finds nothing", f)
			}
			dbtest.Pages(t, fmt.Sprintf("%+v", f), want, func(at search.Cursor) (page []key, links search.Links, err error) {
				r.look(func(tx *db.Tx) error {
					var found []wire.Delivery
					found, links, err = Page(tx, wire.DeliverySearch{DeliveryFilter: f, Page: wire.Page{NumberOfResults: 7}}, at)
					for _, d := range found {
						page = append(page, key{d.EventID, d.WebhookID})
					}
					return nil
				})
				return page, links, err
			})
		}
		within := wire.Period{Start: wire.Instant(begin + 5), End: wire.Instant(begin + 31)}
		for _, states := range [][]wire.DeliveryState{nil, {"dead"}, {"dead", "cancelled"}, {"pending"}, {"pending", "retrying", "dead"}, {"delivered"}} {
			for _, f := range []wire.DeliveryFilter{{}, {Period: within}, {WebhookID: target.ID}, {EventTypes: []string{"user.create.complete"}}, {Period: wire.Period{Start: within.Start}}} {
				f.States = states
				check(f)
			}
		}
		check(wire.DeliveryFilter{EventID: one})
		r.fill(target, mostOpenSorted+1, Pending)
		check(wire.DeliveryFilter{States: []wire.DeliveryState{"pending"}, Period: within})
	})
}

func (r *rig) look(fn func(tx *db.Tx) error) {
	r.t.Helper()
	if err := r.store.View(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// idsOf are the ids of the events.
func (r *rig) idsOf(sequences []int64) (ids []wire.ID) {
	r.t.Helper()
	for _, s := range sequences {
		ids = append(ids, wire.ID(r.rows(`SELECT id FROM event WHERE sequence = $1`, s)[0]))
	}
	return ids
}

// Of a long period only that end is sought where the list begins.
func TestSpanOfList(t *testing.T) {
	rigs(t, func(t *testing.T, r *rig) {
		target := r.hook("")
		begin := r.now.Load()
		all := r.fill(target, 20, Delivered)
		for _, test := range []struct {
			descending bool
			start, end int64
			few        int64
			want       Span
		}{
			{true, begin + 5, begin + 15, 100, Span{all[4], all[14]}},
			{true, begin + 5, begin + 15, 3, Span{0, all[14]}},
			{false, begin + 5, begin + 15, 3, Span{all[4], 1<<63 - 1}},
			{true, begin + 5, 0, 3, Span{0, 1<<63 - 1}},
			{false, 0, begin + 5, 3, Span{0, 1<<63 - 1}},
			{true, 0, 0, 3, Span{0, 1<<63 - 1}},
		} {
			err := r.store.View(t.Context(), func(tx *db.Tx) error {
				got, some, err := spanOfList(tx, wire.Period{Start: wire.Instant(test.start), End: wire.Instant(test.end)}, test.descending, test.few)
				if got != test.want || !some {
					t.Errorf("%+v: %+v", test, got)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
