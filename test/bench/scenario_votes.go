package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// measureVotes creates users without a password, which would cost more than everything else together, while all of 0, 1 and 10 webhooks must agree.
// What is added is the difference to the bare round trip with as many callers, measured right before.
func measureVotes(ctx context.Context, t *turn) error {
	for _, webhooks := range []int{0, 1, 10} {
		if err := t.votesOf(ctx, webhooks); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) votesOf(ctx context.Context, webhooks int) error {
	w, err := t.build(ctx, plan{kind: event.UserCreate, setting: wire.AbsoluteMajority, webhooks: webhooks})
	if err != nil {
		return err
	}
	defer w.close()
	h := w.servers[0]
	var users atomic.Int64
	create := func(ctx context.Context) error {
		n := users.Add(1)
		return send(ctx, h.client, h.url+"/api/user", key, fmt.Appendf(nil,
			`{"sendSetPasswordEmail":true,"user":{"email":"user%d@example.com","firstName":"Ada","lastName":"Lovelace"}}`, n))
	}
	for _, callers := range []int{1, 16, 64} {
		v, err := t.callsOf(ctx, w, callers, create)
		if err != nil {
			return err
		}
		t.add(fmt.Sprintf("%s, %s", count(webhooks, "webhook"), count(callers, "caller")), v)
	}
	return nil
}

// callsOf lets callers make calls that are answered when they are durable, one after the other. What is added is the difference to the bare round trip with
// as many callers, measured right before.
func (t *turn) callsOf(ctx context.Context, w *world, callers int, call func(context.Context) error) (values, error) {
	bare, err := t.ceiling(ctx, callers, t.each/3)
	if err != nil {
		return nil, err
	}
	if callers != ceilingCallers {
		t.report.addCeiling(callers, bare)
	}
	if _, err := hammer(ctx, callers, t.each/10, call); err != nil {
		return nil, err
	}
	return t.beside(ctx, w, func() (values, error) {
		l, err := hammer(ctx, callers, t.each, call)
		if err != nil {
			return nil, err
		}
		v := values{perSecond: l.rate()}
		v.percentiles(l.latencies)
		v[addedP50], v[addedP99] = v[p50]-bare[p50], v[p99]-bare[p99]
		return v, nil
	})
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
