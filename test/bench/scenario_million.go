package main

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-events/herald/wire"
)

// idle is how long a server is watched while nobody calls it.
const idle = 2 * time.Second

// measureMillion lets a million events wait for a webhook that hangs, and looks at another webhook before and meanwhile, and at the memory all the
// time. In the end the server is started again on what still waits.
func measureMillion(ctx context.Context, t *turn) error {
	const rate = 500
	n := int(2 * t.each.Seconds() * rate)
	w, err := t.build(ctx, plan{kind: eventType, setting: wire.None, webhooks: 1, events: 2*n + 1000})
	if err != nil {
		return err
	}
	defer w.close()
	h := w.servers[0]
	if _, err := h.tenant(ctx, wire.None, secondType); err != nil {
		return err
	}
	if err := w.add(ctx, newHangingReceiver, secondType); err != nil {
		return err
	}
	if err := w.warm(ctx); err != nil {
		return err
	}

	without, err := t.other(ctx, w, rate, n)
	if err != nil {
		return err
	}
	t.add("the other webhook, nothing waits: request → arrived", without)

	filling := values{}
	watch := watchMemory(h.pid)
	began := time.Now()
	err = w.fill(ctx, newEvents(secondType, w.tenant), t.large)
	watch.end(filling)
	if err != nil {
		return err
	}
	filling[eventsPerSecond] = float64(t.large) / time.Since(began).Seconds()
	t.add(fmt.Sprintf("%d events are taken in", t.large), filling)

	with, err := t.other(ctx, w, rate, n)
	if err != nil {
		return err
	}
	with[timesBefore] = with[p99] / without[p99]
	t.add(fmt.Sprintf("the other webhook, %d wait: request → arrived", t.large), with)

	h.stop()
	again, err := t.start(ctx, w.store, true)
	if err != nil {
		return err
	}
	w.servers[0] = again
	v := values{startMillis: float64(again.took.Microseconds()) / 1000}
	watch = watchMemory(again.pid)
	err = sleep(ctx, min(t.each, idle))
	watch.end(v)
	t.add(fmt.Sprintf("started again, %d wait", t.large), v)
	return err
}

// other measures the webhook that answers.
func (t *turn) other(ctx context.Context, w *world, rate, n int) (values, error) {
	watch := watchMemory(w.servers[0].pid)
	s, err := w.steady(ctx, rate, n)
	v := latencies(s.until(w.receivers[:1], s.began))
	watch.end(v)
	return v, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
