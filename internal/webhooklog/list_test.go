package webhooklog_test

import (
	"fmt"
	"slices"
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

// A list finds what the search finds, page by page and back, without bodies.
func TestPage(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		var all []given
		for i := range 90 {
			g := given{Event: webhooklog.Event{
				Type: []event.Type{event.UserCreate, event.UserDelete}[i%2], Tenant: uuid(i % 3), LinkedObject: uuid(i % 5), Instant: noon.Add(-time.Duration(i/4) * time.Second).UnixMilli(),
				Body: fmt.Appendf(nil, `{"event":{"number":"n%d"}}`, i%7),
			}}
			if i%3 == 0 {
				g.result = webhooklog.Failed
			}
			if i%4 == 0 {
				g.deliveries = map[wire.ID]string{uuid(1): "dead", uuid(2): "delivered"}
				g.attempts = append(g.attempts, attempt(uuid(1), egress.Refused, 503, time.Second), attempt(uuid(2), egress.Accepted, 200, 0))
			}
			all = append(all, g)
		}
		put(t, d, all...)
		r := webhooklog.NewReader(d)
		for _, c := range []wire.WebhookEventLogSearch{
			{},
			{EventType: "user.delete"},
			{TenantID: uuid(1), LinkedObjectID: uuid(2)},
			{EventResult: wire.EventFailed},
			{WebhookID: uuid(1), DeliveryState: "dead"},
			{WebhookID: uuid(1), StatusCode: "5xx"},
			{WebhookID: uuid(2)},
			{Event: "N3"},
			{Event: "nowhere"},
			{Period: wire.Period{Start: wire.Instant(noon.Add(-10 * time.Second).UnixMilli()), End: wire.Instant(noon.Add(-5 * time.Second).UnixMilli())}},
		} {
			want, _ := find(t, r, func() wire.WebhookEventLogSearch { c := c; c.NumberOfResults = 1000; return c }())
			c.NumberOfResults = 4
			var got []int64
			var at search.Cursor
			for {
				page, links, err := r.Page(t.Context(), c, at)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page {
					got = append(got, e.Sequence)
					full, err := r.Event(t.Context(), e.ID)
					if err != nil || e.Event != nil || e.EventType != full.EventType || e.TenantID != full.TenantID || e.LastUpdateInstant != full.LastUpdateInstant ||
						len(e.Attempts) != len(full.Attempts) || e.FailedAttempts != full.FailedAttempts || !slices.Equal(e.Deliveries, full.Deliveries) {
						t.Errorf("%+v is listed as %+v, %v", full, e, err)
					}
				}
				if len(got) > 4 && at != "" {
					back, _, err := r.Page(t.Context(), c, links.Newer)
					if first := len(got) - len(page) - 4; err != nil || len(back) != 4 || back[0].Sequence != got[first] {
						t.Errorf("%+v: back from %s %+v, %v", c, at, back, err)
					}
				}
				if at = links.Older; at == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v: %v, want %v", c, got, want)
			}
		}
		for _, test := range []struct {
			c  wire.WebhookEventLogSearch
			at search.Cursor
		}{{wire.WebhookEventLogSearch{StatusCode: "9xx"}, ""}, {wire.WebhookEventLogSearch{}, "o1"}} {
			if _, _, err := r.Page(t.Context(), test.c, test.at); !isInvalid(err) {
				t.Errorf("%+v %s: %v", test.c, test.at, err)
			}
		}
	}, dbtest.WithClock(func() time.Time { return noon }))
}

func TestPageAttempts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		var all []given
		for i := range 30 {
			g := given{Event: webhooklog.Event{ID: uuid(i), Type: []event.Type{event.UserCreate, event.UserDelete}[i%2], Instant: noon.Add(time.Duration(i) * time.Second).UnixMilli()}}
			if i%3 > 0 {
				g.attempts = append(g.attempts, attempt(uuid(i%2), []egress.Outcome{egress.Accepted, egress.Refused, egress.Cancelled}[i/3%3], 200+i, time.Duration(i)*time.Second))
			}
			all = append(all, g)
		}
		put(t, d, all...)
		r := webhooklog.NewReader(d)
		for name, test := range map[string]struct {
			filter webhooklog.AttemptFilter
			is     func(int, *webhook.Attempt) bool
		}{
			"all":     {is: func(int, *webhook.Attempt) bool { return true }},
			"webhook": {webhooklog.AttemptFilter{WebhookID: uuid(1)}, func(_ int, a *webhook.Attempt) bool { return a.Webhook == uuid(1) }},
			"success": {webhooklog.AttemptFilter{Result: wire.AttemptSuccess}, func(_ int, a *webhook.Attempt) bool { return a.Outcome == egress.Accepted }},
			"failure": {webhooklog.AttemptFilter{Result: wire.AttemptFailure}, func(_ int, a *webhook.Attempt) bool { return a.Outcome == egress.Refused }},
			"unknown": {webhooklog.AttemptFilter{Result: wire.AttemptUnknown}, func(_ int, a *webhook.Attempt) bool { return a.Outcome == egress.Cancelled }},
			"outcome": {webhooklog.AttemptFilter{Outcome: "refused"}, func(_ int, a *webhook.Attempt) bool { return a.Outcome == egress.Refused }},
			"status":  {webhooklog.AttemptFilter{StatusCode: "205"}, func(_ int, a *webhook.Attempt) bool { return a.StatusCode == 205 }},
			"class":   {webhooklog.AttemptFilter{StatusCode: "2xx", Kind: webhook.Delivery}, func(int, *webhook.Attempt) bool { return true }},
			"kind":    {webhooklog.AttemptFilter{Kind: webhook.Vote}, func(int, *webhook.Attempt) bool { return false }},
			"period": {webhooklog.AttemptFilter{Period: wire.Period{Start: wire.Instant(noon.UnixMilli() + 5000), End: wire.Instant(noon.UnixMilli() + 20_000)}}, func(i int, _ *webhook.Attempt) bool {
				return i >= 5 && i < 20
			}},
			"long ago": {webhooklog.AttemptFilter{Period: wire.Period{End: wire.Instant(noon.UnixMilli() - 1)}}, func(int, *webhook.Attempt) bool { return false }},
		} {
			var want []wire.ID
			for i := len(all) - 1; i >= 0; i-- {
				if len(all[i].attempts) > 0 && test.is(i, all[i].attempts[0]) {
					want = append(want, uuid(i))
				}
			}
			dbtest.Pages(t, name, want, func(at search.Cursor) (page []wire.ID, links search.Links, err error) {
				found, links, err := r.PageAttempts(t.Context(), test.filter, 3, at)
				for _, a := range found {
					page = append(page, a.WebhookEventLogID)
					if full, err := r.Attempt(t.Context(), a.ID); err != nil || full.AttemptResult != a.AttemptResult || a.EventType == "" || a.EventInstant != a.StartInstant {
						t.Errorf("%s: %+v of %+v, %v", name, a, full, err)
					}
				}
				return page, links, err
			})
		}
		_, _, err := r.PageAttempts(t.Context(), webhooklog.AttemptFilter{Kind: "k", Result: "r", Outcome: "o", StatusCode: "s", Period: wire.Period{Start: -1}}, 0, "")
		if p, ok := problem.As(err); !ok || len(p.Fields) != 5 {
			t.Errorf("nonsense: %v", err)
		}
	}, dbtest.WithClock(func() time.Time { return noon }))
}

func isInvalid(err error) bool {
	p, ok := problem.As(err)
	return ok && p.Kind == problem.Invalid
}
