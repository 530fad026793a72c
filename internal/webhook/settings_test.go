package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

func TestSettings_OfDeliveries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			given  wire.Webhook
			delays []time.Duration
		}{
			"defaults": {wire.Webhook{}, nil},
			"all": {
				wire.Webhook{RetryConfiguration: &wire.RetryConfiguration{Delays: []int{1, 604800}}, Concurrency: 256, RateLimit: 0.5, Ordering: "linkedObject"},
				[]time.Duration{time.Second, 7 * 24 * time.Hour},
			},
			"no retries":    {wire.Webhook{RetryConfiguration: &wire.RetryConfiguration{Delays: []int{}}, Concurrency: 1, RateLimit: 10_000}, []time.Duration{}},
			"fifty retries": {wire.Webhook{RetryConfiguration: &wire.RetryConfiguration{Delays: slices.Repeat([]int{60}, 50)}}, slices.Repeat([]time.Duration{time.Minute}, 50)},
		} {
			created := w.create(c.given)
			loaded, err := w.Load(t.Context(), created.ID)
			if diff := cmp.Diff(inJSON(created), inJSON(loaded)); err != nil || diff != "" {
				t.Errorf("%s: %v (-created +loaded)\n%s", name, err, diff)
			}
			target := w.registry().Target(created.ID)
			if !slices.Equal(target.Delays(), c.delays) || (target.Delays() == nil) != (c.delays == nil) || target.Concurrency() != c.given.Concurrency ||
				target.RateLimit() != c.given.RateLimit || target.Ordered() != (c.given.Ordering != "") {
				t.Errorf("%s: %v %d %v %v", name, target.Delays(), target.Concurrency(), target.RateLimit(), target.Ordered())
			}
		}
		// What is at its default is absent; a configuration that says nothing is at its default.
		text, err := json.Marshal(w.create(wire.Webhook{RetryConfiguration: &wire.RetryConfiguration{}}))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"retryConfiguration", "concurrency", "rateLimit", "ordering", "disabled", "claims", "standardWebhooks", "secondary"} {
			if strings.Contains(string(text), name) {
				t.Errorf("%s is in %s", name, text)
			}
		}
		for name, c := range map[string]struct {
			given wire.Webhook
			want  string
		}{
			"delay of nothing":  {wire.Webhook{RetryConfiguration: &wire.RetryConfiguration{Delays: []int{5, 0}}}, "[invalid]webhook.retryConfiguration.delays"},
			"negative delay":    {wire.Webhook{RetryConfiguration: &wire.RetryConfiguration{Delays: []int{-1}}}, "[invalid]webhook.retryConfiguration.delays"},
			"more than a week":  {wire.Webhook{RetryConfiguration: &wire.RetryConfiguration{Delays: []int{604801}}}, "[invalid]webhook.retryConfiguration.delays"},
			"too many":          {wire.Webhook{RetryConfiguration: &wire.RetryConfiguration{Delays: slices.Repeat([]int{1}, 51)}}, "[tooMany]webhook.retryConfiguration.delays"},
			"concurrency":       {wire.Webhook{Concurrency: 257}, "[invalid]webhook.concurrency"},
			"negative":          {wire.Webhook{Concurrency: -1, RateLimit: -1}, "[invalid]webhook.concurrency [invalid]webhook.rateLimit"},
			"too fast":          {wire.Webhook{RateLimit: 10_000.5}, "[invalid]webhook.rateLimit"},
			"next to never":     {wire.Webhook{RateLimit: math.SmallestNonzeroFloat64}, "[invalid]webhook.rateLimit"},
			"no number":         {wire.Webhook{RateLimit: math.NaN()}, "[invalid]webhook.rateLimit"},
			"ordering":          {wire.Webhook{Ordering: "linkedobject"}, "[invalid]webhook.ordering"},
			"custom type names": {wire.Webhook{EventsEnabled: wire.Map[bool]{"custom.Order": true, "custom.": true, "customer.x": false}}, "[invalid]webhook.eventsEnabled [invalid]webhook.eventsEnabled [invalid]webhook.eventsEnabled"},
		} {
			c.given.URL, c.given.ConnectTimeout, c.given.ReadTimeout = "https://example.com", 1, 1
			if _, err := w.Create(t.Context(), "", c.given); problemCodes(err) != c.want {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
	})
}

// Lists have bounds, and what is beyond them is neither looked at nor reported one by one.
func TestSettings_OfLists(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		types := func(n int) wire.Map[bool] {
			all := wire.Map[bool]{}
			for i := range n {
				all[fmt.Sprintf("custom.type-%d", i)] = true
			}
			return all
		}
		unknown := func(n int) wire.Map[bool] {
			all := wire.Map[bool]{}
			for i := range n {
				all[fmt.Sprintf("user.craete%d", i)] = true
			}
			return all
		}
		tenants := func(n int) (ids []wire.ID) {
			for range n {
				ids = append(ids, wire.ID(db.NewID()))
			}
			return ids
		}
		headers := func(n, size int) map[string]string {
			all := map[string]string{}
			for i := range n {
				all[fmt.Sprintf("X-%03d", i)] = strings.Repeat("v", size-5)
			}
			return all
		}
		for name, c := range map[string]struct {
			given wire.Webhook
			want  string // code
			n     int    // of problems
		}{
			"as many types as there may be":   {wire.Webhook{EventsEnabled: types(1000)}, "", 0},
			"one type more":                   {wire.Webhook{EventsEnabled: types(1001)}, "[tooMany]webhook.eventsEnabled", 1},
			"types that nobody knows":         {wire.Webhook{EventsEnabled: unknown(1000)}, "[invalid]webhook.eventsEnabled", 21},
			"very many of them":               {wire.Webhook{EventsEnabled: unknown(100_000)}, "[tooMany]webhook.eventsEnabled", 1},
			"tenants that there are not":      {wire.Webhook{TenantIDs: tenants(30)}, "[invalid]webhook.tenantIds", 21},
			"more tenants than there may be":  {wire.Webhook{TenantIDs: tenants(10_001)}, "[tooMany]webhook.tenantIds", 1},
			"as many headers as there may be": {wire.Webhook{Headers: headers(100, 163)}, "", 0},
			"one header more":                 {wire.Webhook{Headers: headers(101, 6)}, "[tooMany]webhook.headers", 1},
			"headers as long as they may be":  {wire.Webhook{Headers: headers(1, 16<<10)}, "", 0},
			"longer headers":                  {wire.Webhook{Headers: headers(1, 16<<10+1)}, "[tooLong]webhook.headers", 1},
		} {
			c.given.URL, c.given.ConnectTimeout, c.given.ReadTimeout = "https://example.com", 1, 1
			_, err := w.Create(t.Context(), "", c.given)
			if err == nil && c.n == 0 {
				continue
			}
			if codes := strings.Fields(problemCodes(err)); len(codes) != c.n || codes[0] != c.want {
				t.Errorf("%s: %d problems, %.200v, want %d of %s", name, len(codes), err, c.n, c.want)
			}
		}
	})
}

func TestDisable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		disable := func(id wire.ID, reason string) error {
			return w.d.Update(t.Context(), func(tx *db.Tx) error { return w.Disable(tx, id, reason) })
		}
		// Nobody but the server says why.
		hook := w.create(wire.Webhook{Description: "hook", Global: true, EventsEnabled: wire.Map[bool]{"user.create": true}, TenantIDs: []wire.ID{tenantA}, DisabledReason: "mine", DisabledInstant: 1})
		if hook.DisabledReason != "" || hook.DisabledInstant != 0 {
			t.Errorf("created %+v", hook)
		}
		w.registry()
		var changed []wire.ID
		w.OnChange = func(_ *db.Tx, id wire.ID) error { changed = append(changed, id); return nil }
		if err := disable(hook.ID, "the receiver answered 410 Gone"); err != nil {
			t.Fatal(err)
		}
		off, err := w.Load(t.Context(), hook.ID)
		if err != nil || off.Enabled == nil || *off.Enabled || off.DisabledReason != "the receiver answered 410 Gone" || off.DisabledInstant == 0 ||
			off.LastUpdateInstant != off.DisabledInstant || !slices.Equal(off.TenantIDs, hook.TenantIDs) {
			t.Errorf("disabled: %+v, %v", off, err)
		}
		if target := w.registry().Target(hook.ID); target.Enabled() || !slices.Equal(changed, []wire.ID{hook.ID}) {
			t.Errorf("enabled %v, changed %v", target.Enabled(), changed)
		}
		// Again: the first reason counts.
		if err := disable(hook.ID, "another reason"); err != nil {
			t.Fatal(err)
		}
		if again, err := w.Load(t.Context(), hook.ID); err != nil || cmp.Diff(off, again) != "" || len(changed) != 1 {
			t.Errorf("disabled again: %+v, %v, changed %v", again, err, changed)
		}
		update := func(change func(*wire.Webhook)) wire.Webhook {
			t.Helper()
			after, err := w.Update(t.Context(), hook.ID, func(h wire.Webhook) (wire.Webhook, error) { change(&h); return h, nil })
			if err != nil {
				t.Fatal(err)
			}
			return after
		}
		// Other changes leave the reason alone; clients cannot write it.
		if h := update(func(h *wire.Webhook) { h.Description, h.DisabledReason, h.DisabledInstant = "changed", "", 7 }); h.DisabledReason != off.DisabledReason || h.DisabledInstant != off.DisabledInstant {
			t.Errorf("changed while disabled: %+v", h)
		}
		if h := update(func(h *wire.Webhook) { h.Enabled = new(true) }); h.Enabled != nil || h.DisabledReason != "" || h.DisabledInstant != 0 {
			t.Errorf("enabled: %+v", h)
		}
		if h := update(func(h *wire.Webhook) { h.Enabled = new(false) }); h.DisabledReason != "" {
			t.Errorf("switched off by hand: %+v", h)
		}
		if err := disable("c0000000-0000-4000-8000-000000000000", "x"); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("unknown webhook: %v", err)
		}
	})
}

func TestAudience(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		wants := wire.Map[bool]{"user.create": true, "custom.order.paid": true, "audit-log.create": true}
		for i, h := range []wire.Webhook{
			{ID: "50000000-0000-4000-8000-000000000000", Global: true, EventsEnabled: wants},
			{ID: "10000000-0000-4000-8000-000000000000", TenantIDs: []wire.ID{tenantA}, EventsEnabled: wants, URL: "https://example.com/x?token=secret"},
			{ID: "40000000-0000-4000-8000-000000000000", Global: true},
			{ID: "30000000-0000-4000-8000-000000000000", Global: true, Enabled: new(false), EventsEnabled: wants},
			{ID: "20000000-0000-4000-8000-000000000000", EventsEnabled: wants},
		} {
			if created := w.create(h); created.ID != h.ID {
				t.Fatalf("webhook %d has the id %s", i, created.ID)
			}
		}
		r := w.registry()
		letters := func(t event.Type, tenant wire.ID) string {
			d, _ := event.Lookup(t)
			a := r.Audience(t, d.Scope, tenant)
			text := ""
			for _, target := range a.Targets {
				text += string(target.ID[:1])
			}
			for _, one := range a.Withheld {
				text += " " + string(one.WebhookID[:1]) + ":" + string(one.Gate)
			}
			return text
		}
		for _, c := range []struct {
			t      event.Type
			tenant wire.ID
			want   string
		}{
			{"user.create", tenantA, "15 2:other tenant 3:disabled 4:event disabled"},
			{"user.create", tenantB, "5 1:other tenant 2:other tenant 3:disabled 4:event disabled"},
			{"custom.order.paid", tenantA, "15 2:other tenant 3:disabled 4:event disabled"},
			{"audit-log.create", "", "125 3:disabled 4:event disabled"},
			{"audit-log.create", tenantA, "15 2:other tenant 3:disabled 4:event disabled"},
			{"user.delete", tenantA, " 1:event disabled 2:event disabled 3:disabled 4:event disabled 5:event disabled"},
		} {
			for range 2 { // computed, then remembered
				if got := letters(c.t, c.tenant); got != c.want {
					t.Errorf("%s of %.1s: %q, want %q", c.t, c.tenant, got, c.want)
				}
			}
		}
		first := r.Audience("user.create", event.ScopeTenant, tenantB)
		if first != r.Audience("user.create", event.ScopeTenant, tenantB) {
			t.Error("it is computed each time")
		}
		if got := first.Withheld[0].URL; got != "https://example.com/x?token=…" || r.Target(first.Withheld[0].WebhookID).URL() != got {
			t.Errorf("URL %s", got)
		}
		w.create(wire.Webhook{ID: "00000000-0000-4000-8000-000000000000", Global: true, EventsEnabled: wants})
		if r = w.registry(); letters("user.create", tenantB) != "05 1:other tenant 2:other tenant 3:disabled 4:event disabled" {
			t.Errorf("after another webhook: %s", letters("user.create", tenantB))
		}
	})
}

// What is remembered has a bound, and beyond it the answers are still right.
func TestAudience_Bounded(t *testing.T) {
	t.Parallel()
	w := alone(t)
	for range 10 {
		w.create(wire.Webhook{Global: true, EventsEnabled: wire.Map[bool]{"user.create": true}})
	}
	r := w.registry()
	for range 30_000 {
		if a := r.Audience("user.create", event.ScopeTenant, wire.ID(db.NewID())); len(a.Targets) != 10 || len(a.Withheld) != 0 {
			t.Fatalf("%d and %d", len(a.Targets), len(a.Withheld))
		}
	}
	if n := webhook.Remembered(r); n > 20_000 {
		t.Errorf("%d audiences are remembered", n)
	}
}
