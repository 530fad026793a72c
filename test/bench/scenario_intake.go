package main

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-events/herald/wire"
)

// measureSingle publishes events one by one, as fast as callers are answered. The clock stops when the last one is delivered and recorded, so a server
// that takes in more than it delivers gains nothing by it. The latencies are those of the calls: when they end, the event is durable.
func measureSingle(ctx context.Context, t *turn) error {
	for _, callers := range []int{1, 32, 128} {
		if err := t.singleOf(ctx, callers); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) singleOf(ctx context.Context, callers int) error {
	w, err := t.build(ctx, plan{kind: eventType, setting: wire.None, webhooks: 1, events: int(t.each.Seconds()*100_000) + 1000})
	if err != nil {
		return err
	}
	defer w.close()
	publish := func(ctx context.Context) error {
		_, body := w.events.next()
		return w.servers[0].publish(ctx, body)
	}
	if _, err := hammer(ctx, callers, t.each/10, publish); err != nil {
		return err
	}
	if err := w.settled(ctx); err != nil {
		return err
	}
	v, err := t.beside(ctx, w, func() (values, error) {
		l, err := hammer(ctx, callers, t.each, publish)
		if err == nil {
			err = w.settled(ctx)
		}
		v := values{perSecond: float64(len(l.latencies)) / time.Since(l.began).Seconds()}
		v.percentiles(l.latencies)
		w.duplicates(v)
		return v, err
	})
	if err != nil {
		return err
	}
	t.add(count(callers, "caller"), v)
	return nil
}

// measureBatch publishes events 1,000 at a time from two callers; the clock stops when the last one is delivered and recorded.
func measureBatch(ctx context.Context, t *turn) error {
	for _, webhooks := range []int{1, 10} {
		if err := t.batchOf(ctx, webhooks); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) batchOf(ctx context.Context, webhooks int) error {
	n := max(int(t.each.Seconds()*20)/webhooks, 2) * 1000
	w, err := t.build(ctx, plan{kind: eventType, setting: wire.None, webhooks: webhooks, events: n + 200})
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.warm(ctx); err != nil {
		return err
	}
	v, err := t.beside(ctx, w, func() (values, error) {
		began := time.Now()
		err := w.fill(ctx, w.events, n)
		if err == nil {
			err = w.settled(ctx)
		}
		took := time.Since(began).Seconds()
		v := values{perSecond: float64(n*webhooks) / took, eventsPerSecond: float64(n) / took}
		w.duplicates(v)
		return v, err
	})
	if err != nil {
		return err
	}
	t.add(fmt.Sprintf("%s, %d events", count(webhooks, "webhook"), n), v)
	return nil
}
