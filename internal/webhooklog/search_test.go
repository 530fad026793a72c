package webhooklog_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// uuid is an id that is easy to tell from others.
func uuid(n int) wire.ID { return wire.ID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)) }

// given is an event for a test and what came of it.
type given struct {
	webhooklog.Event

	result     webhooklog.Result // Succeeded when empty
	deliveries map[wire.ID]string
	attempts   []*webhook.Attempt
}

// put stores events; what they do not say is made up. Their sequences are returned.
func put(t testing.TB, d *db.DB, all ...given) []int64 {
	t.Helper()
	log := webhooklog.New(d, "node")
	sequences := make([]int64, len(all))
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		for i, g := range all {
			e := g.Event
			e.ID, e.Type, e.Rule = cmp.Or(e.ID, wire.ID(db.NewID())), cmp.Or(e.Type, event.UserCreate), cmp.Or(e.Rule, wire.None)
			e.Operation, e.Instant = cmp.Or(e.Operation, db.NewID()), cmp.Or(e.Instant, tx.NowMillis())
			if e.Body == nil {
				e.Body = []byte(`{"event":{}}`)
			}
			if err := log.Insert(tx, []*webhooklog.Event{&e}, cmp.Or(g.result, webhooklog.Succeeded), 0); err != nil {
				return err
			}
			sequences[i] = e.Sequence
			for id, state := range g.deliveries {
				_, err := tx.Exec(`INSERT INTO delivery (event_sequence, webhook_id, state, attempts, replays, due_instant, claim, insert_instant, last_update_instant)
					VALUES ($1, $2, $3, 1, 0, $4, 1, $4, $4)`, e.Sequence, id, state, tx.NowMillis())
				if err != nil {
					return err
				}
			}
			var attempts []webhooklog.Attempt
			for _, a := range g.attempts {
				row, err := log.Attempt(e.Sequence, webhook.Delivery, a)
				if err != nil {
					return err
				}
				attempts = append(attempts, row)
			}
			if err := log.Record(tx, attempts); err != nil {
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

// attempt is one that began so long after noon.
func attempt(id wire.ID, outcome egress.Outcome, status int, after time.Duration) *webhook.Attempt {
	start := noon.Add(after)
	return &webhook.Attempt{Webhook: id, URL: "https://example.com", Outcome: outcome, StatusCode: status, Start: start, End: start.Add(2 * time.Millisecond)}
}

func find(t testing.TB, r *webhooklog.Reader, c wire.WebhookEventLogSearch) (sequences []int64, total int) {
	t.Helper()
	found, total, err := r.Search(t.Context(), c)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	for _, e := range found {
		sequences = append(sequences, e.Sequence)
	}
	return sequences, total
}

// Whatever the order, pages neither overlap nor leave gaps, and all together are all there is.
func TestSearch_OrderAndPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		types := []event.Type{event.UserCreate, event.UserUpdate, event.GroupCreate}
		results := []webhooklog.Result{webhooklog.Succeeded, webhooklog.Failed, webhooklog.Running}
		var all []given
		for i := range 60 {
			g := given{
				Event:  webhooklog.Event{ID: uuid(i * 37 % 60), Type: types[i%3], Instant: noon.Add(-time.Duration(i*7%20) * time.Minute).UnixMilli()},
				result: results[i/2%3],
			}
			if i%4 == 0 {
				g.LinkedObject = uuid(i % 5)
			}
			for k := range i % 3 {
				g.attempts = append(g.attempts, attempt(uuid(1), egress.Accepted, 200, time.Duration(i*11%13+k)*time.Second))
			}
			all = append(all, g)
		}
		sequences := put(t, d, all...)
		at := func(s int64) given { return all[slices.Index(sequences, s)] }
		last := func(s int64) (latest int64) {
			for _, a := range at(s).attempts {
				latest = max(latest, a.Start.UnixMilli())
			}
			return latest
		}
		columns := map[string]func(a, b int64) int{
			"eventResult":        func(a, b int64) int { return cmp.Compare(at(a).result, at(b).result) },
			"eventType":          func(a, b int64) int { return cmp.Compare(at(a).Type, at(b).Type) },
			"id":                 func(a, b int64) int { return cmp.Compare(at(a).ID, at(b).ID) },
			"insertInstant":      func(a, b int64) int { return cmp.Compare(at(a).Instant, at(b).Instant) },
			"lastAttemptInstant": func(a, b int64) int { return cmp.Compare(last(a), last(b)) },
			"linkedObjectId":     func(a, b int64) int { return cmp.Compare(at(a).LinkedObject, at(b).LinkedObject) },
			"sequence":           cmp.Compare[int64],
		}
		for name, compare := range columns {
			for _, direction := range []string{"ASC", "DESC"} {
				want := slices.Clone(sequences)
				slices.SortFunc(want, func(a, b int64) int {
					by := cmp.Or(compare(a, b), cmp.Compare(a, b))
					if direction == "DESC" {
						by = -by
					}
					return by
				})
				r := webhooklog.NewReader(d)
				var got []int64
				for len(got) < len(want) {
					page, total := find(t, r, wire.WebhookEventLogSearch{Page: wire.Page{OrderBy: name + " " + direction, NumberOfResults: 7, StartRow: len(got)}})
					if total != len(all) || len(page) == 0 {
						t.Fatalf("%s %s: %d events at row %d, %d in all", name, direction, len(page), len(got), total)
					}
					got = append(got, page...)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s %s:\n%v, want\n%v", name, direction, got, want)
				}
			}
		}
		byTime, _ := find(t, webhooklog.NewReader(d), wire.WebhookEventLogSearch{Page: wire.Page{OrderBy: "insertInstant DESC"}})
		for _, order := range []string{"", "name", "sequence; DROP TABLE event", "sequence up"} {
			if got, _ := find(t, webhooklog.NewReader(d), wire.WebhookEventLogSearch{Page: wire.Page{OrderBy: order}}); !slices.Equal(got, byTime) {
				t.Errorf("order %q: %v, want that of %v", order, got, byTime)
			}
		}
	}, dbtest.WithClock(func() time.Time { return noon }))
}

// Attempts are found for events however large their sequence is.
func TestSearch_LargeSequences(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		put(t, d, given{attempts: []*webhook.Attempt{attempt(uuid(1), egress.Refused, 404, 0)}}) // makes SQLite's row of the last sequence
		for i, sequence := range []int64{9, 254, 65534, 65540, 1<<32 - 1, 1 << 40, 1<<47 + 12345} {
			set := `UPDATE sqlite_sequence SET seq = $1 WHERE name = 'event'`
			if d.Engine() == db.PostgreSQL {
				set = `SELECT setval('event_sequence_seq', $1)`
			}
			err := d.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(set, sequence); return err })
			if err != nil {
				t.Fatal(err)
			}
			id := uuid(100 + i)
			put(t, d, given{Event: webhooklog.Event{ID: id}, attempts: []*webhook.Attempt{attempt(id, egress.Refused, 500+i, time.Second), attempt(id, egress.Accepted, 200, 2*time.Second)}}, given{})
			r := webhooklog.NewReader(d)
			for _, c := range []wire.WebhookEventLogSearch{{StatusCode: fmt.Sprint(500 + i)}, {WebhookID: id, Outcome: "accepted"}, {Page: wire.Page{OrderBy: "lastAttemptInstant DESC, sequence DESC", NumberOfResults: 1}}} {
				found, _, err := r.Search(t.Context(), c)
				if err != nil || len(found) != 1 || found[0].Sequence != sequence+1 || len(found[0].Attempts) != 2 || found[0].SuccessfulAttempts != 1 ||
					found[0].FailedAttempts != 1 || found[0].LastAttemptInstant != wire.Instant(noon.Add(2*time.Second).UnixMilli()) {
					t.Fatalf("%+v, sequence %d: %+v %v", c, sequence+1, found, err)
				}
				a, err := r.Attempt(t.Context(), found[0].Attempts[0].ID)
				if err != nil || a.WebhookEventLogID != id || a.WebhookCallResponse.StatusCode != 500+i {
					t.Errorf("attempt %+v, %v", a, err)
				}
			}
		}
	}, dbtest.WithClock(func() time.Time { return noon }))
}

func TestSearch_Window(t *testing.T) {
	t.Parallel()
	now := noon.Add(30*time.Second + 500*time.Millisecond)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		at := func(instant time.Time) given { return given{Event: webhooklog.Event{Instant: instant.UnixMilli()}} }
		all := put(t, d, at(noon.Add(-5*time.Hour)), at(noon.Add(-time.Hour-time.Millisecond)), at(noon.Add(-time.Hour)), at(now), at(noon.Add(time.Minute-time.Millisecond)),
			at(noon.Add(time.Minute)))
		instant := func(t time.Time) wire.Instant { return wire.Instant(t.UnixMilli()) }
		for name, c := range map[string]struct {
			period wire.Period
			want   []int64
		}{
			"the last hour, to the whole minute":                        {wire.Period{}, all[2:5]},
			"from an instant on":                                        {wire.Period{Start: instant(noon.Add(-time.Hour - time.Millisecond))}, all[1:5]},
			"everything":                                                {wire.Period{Start: 1, End: instant(noon.Add(time.Hour))}, all},
			"until an instant of the last hour":                         {wire.Period{End: instant(now)}, all[2:3]},
			"until an instant before that: the hour before it":          {wire.Period{End: instant(noon.Add(-time.Hour))}, all[1:2]},
			"until long ago":                                            {wire.Period{End: instant(noon.Add(-5*time.Hour + time.Millisecond))}, all[:1]},
			"the start counts, the end does not":                        {wire.Period{Start: instant(noon.Add(-time.Hour)), End: instant(now)}, all[2:3]},
			"no time at all":                                            {wire.Period{Start: instant(now), End: instant(now)}, nil},
			"an end within the first hour that there was, in the 70ies": {wire.Period{End: 1000}, nil},
		} {
			got, total := find(t, webhooklog.NewReader(d), wire.WebhookEventLogSearch{Period: c.period, Page: wire.Page{OrderBy: "insertInstant"}})
			if !slices.Equal(got, c.want) || total != len(c.want) {
				t.Errorf("%s: %v of %d, want %v", name, got, total, c.want)
			}
		}
	}, dbtest.WithClock(func() time.Time { return now }))
}

// The bounds that time has by default move with the clock, and the pages of one search stay pages of one search.
func TestSearch_PagesWhileTheClockMoves(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now.Store(noon.UnixMilli())
		at := func() given { return given{Event: webhooklog.Event{Instant: now.Load()}} }
		all := put(t, d, at(), at(), at(), at(), at(), at())
		slices.Reverse(all)
		r := webhooklog.NewReader(d)
		var got []int64
		for page := range 3 {
			some, _ := find(t, r, wire.WebhookEventLogSearch{Page: wire.Page{StartRow: 2 * page, NumberOfResults: 2}})
			got = append(got, some...)
			now.Add(time.Minute.Milliseconds())
			put(t, d, at(), at(), at())
		}
		if !slices.Equal(got, all) {
			t.Errorf("the pages have %v, want %v", got, all)
		}
	}, dbtest.WithClock(func() time.Time { return time.UnixMilli(now.Load()) }))
}

// Text is found in any case, beyond ASCII as well, and nothing in it means anything to the store but the asterisk.
func TestSearch_Body(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		all := put(t, d,
			given{Event: webhooklog.Event{Body: []byte(`{"event":{"user":{"lastName":"Östergård ÇELİK","email":"Ada@Example.com"}}}`)}},
			given{Event: webhooklog.Event{Body: []byte(`{"event":{"user":{"lastName":"Ван Дер Ваальс-ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ","note":"100%_\\ 'it''s'"}}}`)}},
		)
		for text, want := range map[string][]int64{
			"ada@example": all[:1], "ADA*COM": nil, "*ADA*com*": all[:1], "östergård": all[:1], "ÖSTERGÅRD": all[:1], "Östergård": all[:1], "*çel*": all[:1],
			"østergård": nil, "ван дер ваальс": all[1:], "ВАН ДЕР": all[1:], "αβγδεζηθικλμ": all[1:], "100%_": all[1:], "100x": nil, `\\ 'it''s'`: all[1:],
			`"lastName":"`: {all[1], all[0]}, "'": all[1:], "' OR '1'='1": nil, "{*}": {all[1], all[0]}, "*": {all[1], all[0]}, " ": {all[1], all[0]},
			strings.Repeat("ä", 500): nil,
		} {
			if got, _ := find(t, webhooklog.NewReader(d), wire.WebhookEventLogSearch{Event: text}); !slices.Equal(got, want) {
				t.Errorf("%q: %v, want %v", text, got, want)
			}
		}
	}, dbtest.WithClock(func() time.Time { return noon }))
}

// What is counted stops at search.MaxCount; what is read stays within the memory of one answer.
func TestSearch_Bounds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		const many = search.MaxCount + 500
		fill(t, d, many, noon)
		r := webhooklog.NewReader(d)
		page := wire.Page{NumberOfResults: 25, StartRow: many - 10}
		if got, total := find(t, r, wire.WebhookEventLogSearch{Page: page}); len(got) != 10 || total != many {
			t.Errorf("the last page: %d events of %d", len(got), total)
		}
		if got, total := find(t, r, wire.WebhookEventLogSearch{}); len(got) != 25 || total != search.MaxCount+1 {
			t.Errorf("the first page: %d events of %d", len(got), total)
		}
		scattered, _, err := r.Search(t.Context(), wire.WebhookEventLogSearch{EventType: "user.delete", Page: wire.Page{NumberOfResults: 230}})
		whole := func(e wire.WebhookEventLog) bool {
			return len(e.Attempts) == 1 && len(e.Deliveries) == 1 && e.SuccessfulAttempts == 1
		}
		if err != nil || len(scattered) != 230 || slices.ContainsFunc(scattered, func(e wire.WebhookEventLog) bool { return !whole(e) }) {
			t.Errorf("a page of events that are not one after the other: %d, %v", len(scattered), err)
		}
		_, _, err = r.Search(t.Context(), wire.WebhookEventLogSearch{Page: wire.Page{OrderBy: "eventType", StartRow: many - 10}})
		if p, ok := problem.As(err); !ok || p.Fields[0].Code != "[invalid]search.startRow" {
			t.Errorf("a jump in an order without index: %v", err)
		}

		large := []byte(`{"event":{"text":"` + strings.Repeat("x", 2<<20) + `"}}`)
		for range 20 {
			put(t, d, given{Event: webhooklog.Event{Body: large, Type: event.Test}})
		}
		if got, _ := find(t, r, wire.WebhookEventLogSearch{EventType: "test", Page: wire.Page{NumberOfResults: 10}}); len(got) != 10 {
			t.Errorf("ten large events: %d", len(got))
		}
		_, _, err = r.Search(t.Context(), wire.WebhookEventLogSearch{EventType: "test"})
		if p, ok := problem.As(err); !ok || p.Fields[0].Code != "[invalid]search.numberOfResults" {
			t.Errorf("twenty large events: %v", err)
		}
	}, dbtest.WithClock(func() time.Time { return noon }))
}

// One event shows all of its attempts; of very many, the later ones are without what was sent and answered.
func TestEvent_ManyAttempts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		const many = 700
		g := given{Event: webhooklog.Event{ID: uuid(1)}}
		for i := range many {
			a := attempt(uuid(i), egress.Refused, 500, time.Duration(many-i)*time.Second)
			a.Detail = webhook.Detail{RequestSize: 12, ResponseBody: strings.Repeat("x", 16<<10), ResponseSize: 20 << 10, ResponseTruncated: true}
			g.attempts = append(g.attempts, a)
		}
		put(t, d, g)
		e, err := webhooklog.NewReader(d).Event(t.Context(), uuid(1))
		if err != nil || len(e.Attempts) != many || e.FailedAttempts != many {
			t.Fatalf("%d attempts, %v", len(e.Attempts), err)
		}
		shown := 0
		for i, a := range e.Attempts {
			if i > 0 && a.StartInstant <= e.Attempts[i-1].StartInstant {
				t.Fatalf("attempt %d began at %d, the one before at %d", i, a.StartInstant, e.Attempts[i-1].StartInstant)
			}
			if a.Response == nil {
				continue
			}
			if shown++; shown != i+1 || a.Response.Truncated != 4<<10 || a.Request.Size != 12 {
				t.Fatalf("attempt %d has a response, %d before it: %+v", i, shown-1, a.Response)
			}
		}
		if shown < 400 || shown > 600 {
			t.Errorf("%d attempts are shown in full", shown)
		}
		alone, err := webhooklog.NewReader(d).Attempt(t.Context(), e.Attempts[many-1].ID)
		if err != nil || alone.Response == nil || alone.RequestBody != `{"event":{}}` {
			t.Errorf("the last one alone: %+v %v", alone, err)
		}
	}, dbtest.WithClock(func() time.Time { return noon }))
}

func TestSearch_Mistakes(t *testing.T) {
	t.Parallel()
	r := webhooklog.NewReader(dbtest.Open(t, db.SQLite, dbtest.WithClock(func() time.Time { return noon })))
	for _, c := range []struct {
		wire.WebhookEventLogSearch
		codes, text string
	}{
		{wire.WebhookEventLogSearch{EventResult: "succeeded"}, "[invalid]search.eventResult", `Did you mean "Succeeded"?`},
		{wire.WebhookEventLogSearch{EventResult: "x"}, "[invalid]search.eventResult", `There are "Running", "Succeeded" and "Failed".`},
		{wire.WebhookEventLogSearch{EventType: "user.creat"}, "[invalid]search.eventType", `Did you mean "user.create"?`},
		{wire.WebhookEventLogSearch{EventType: "UserCreate"}, "[invalid]search.eventType", `Did you mean "user.create"?`},
		{wire.WebhookEventLogSearch{EventType: strings.Repeat("zq", 500)}, "[invalid]search.eventType", `There is no type of event "zq`},
		{wire.WebhookEventLogSearch{EventType: "custom.Not Well Formed"}, "[invalid]search.eventType", "There is no type"},
		{wire.WebhookEventLogSearch{EventType: "custom.order.paid"}, "", ""},
		{wire.WebhookEventLogSearch{DeliveryState: "death"}, "[invalid]search.deliveryState", `Did you mean "dead"?`},
		{wire.WebhookEventLogSearch{DeliveryState: "' OR 1=1 --"}, "[invalid]search.deliveryState", "There are"},
		{wire.WebhookEventLogSearch{Outcome: "tooLarge"}, "[invalid]search.outcome", `Did you mean "too large"?`},
		{wire.WebhookEventLogSearch{Outcome: "' OR 1=1 --"}, "[invalid]search.outcome", "There are"},
		{wire.WebhookEventLogSearch{StatusCode: "6xx"}, "[invalid]search.statusCode", "503"},
		{wire.WebhookEventLogSearch{StatusCode: "5x"}, "[invalid]search.statusCode", "503"},
		{wire.WebhookEventLogSearch{StatusCode: "-1x"}, "[invalid]search.statusCode", "503"},
		{wire.WebhookEventLogSearch{StatusCode: "5 5"}, "[invalid]search.statusCode", "503"},
		{wire.WebhookEventLogSearch{StatusCode: "599"}, "", ""},
		{wire.WebhookEventLogSearch{StatusCode: "4XX"}, "", ""},
		{wire.WebhookEventLogSearch{Event: strings.Repeat("x", 1001)}, "[tooLong]search.event", ""},
		{wire.WebhookEventLogSearch{Period: wire.Period{Start: 2000, End: 1000}}, "[invalid]search.end", "1970-01-01T00:00:01Z, is before the start, 1970-01-01T00:00:02Z"},
		{wire.WebhookEventLogSearch{Period: wire.Period{Start: wire.Instant(noon.Add(time.Hour).UnixMilli())}}, "[invalid]search.end", "Without an end it is now."},
		{wire.WebhookEventLogSearch{Period: wire.Period{Start: -1}}, "[invalid]search.start", "milliseconds"},
		{wire.WebhookEventLogSearch{Period: wire.Period{End: wire.Instant(noon.UnixMicro())}}, "[invalid]search.end", "milliseconds"},
		{
			wire.WebhookEventLogSearch{EventType: "x", Outcome: "x", Period: wire.Period{Start: -1, End: -1}},
			"[invalid]search.eventType [invalid]search.outcome [invalid]search.start [invalid]search.end", "",
		},
	} {
		_, _, err := r.Search(t.Context(), c.WebhookEventLogSearch)
		var codes []string
		if p, ok := problem.As(err); ok {
			for _, f := range p.Fields {
				codes = append(codes, f.Code)
			}
			if !strings.Contains(p.Error(), c.text) || len(p.Error()) > 600 {
				t.Errorf("%+v: %v", c.WebhookEventLogSearch, err)
			}
		} else if err != nil {
			t.Errorf("%+v: %v", c.WebhookEventLogSearch, err)
		}
		if got := strings.Join(codes, " "); got != c.codes {
			t.Errorf("%+v: %q, want %q", c.WebhookEventLogSearch, got, c.codes)
		}
	}
	for _, id := range []wire.ID{uuid(1), wire.ID(db.NewID()), "", "no uuid", "00000000-0001-8000-8000-000000000000"} {
		if _, err := r.Attempt(t.Context(), id); err != problem.ErrNotFound {
			t.Errorf("attempt %q: %v", id, err)
		}
		if _, err := r.Event(t.Context(), id); err != problem.ErrNotFound {
			t.Errorf("event %q: %v", id, err)
		}
	}
}
