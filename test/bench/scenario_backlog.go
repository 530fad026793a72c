package main

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-events/herald/wire"
)

// measureBacklog lets events wait for a paused webhook and resumes it. Nobody calls meanwhile, so everything that is used is used for deliveries.
func measureBacklog(ctx context.Context, t *turn) error {
	v, err := t.drain(ctx, 1)
	if err != nil {
		return err
	}
	t.add(fmt.Sprintf("%d events, 1 webhook", t.backlog), v)
	return nil
}

// measureProcesses drains the same backlog with one server and with two. In every other run two come first.
func measureProcesses(ctx context.Context, t *turn) error {
	drained := map[int]values{}
	for i := range 2 {
		servers := 1 + (i+t.number)%2
		v, err := t.drain(ctx, servers)
		if err != nil {
			return err
		}
		drained[servers] = v
	}
	drained[2][timesBefore] = drained[2][perSecond] / drained[1][perSecond]
	t.add("one server", drained[1])
	t.add("two servers", drained[2])
	return nil
}

// drain makes a backlog and measures what becomes of it after the webhook is resumed. Memory is that of the server with
// the most.
func (t *turn) drain(ctx context.Context, servers int) (values, error) {
	w, err := t.build(ctx, plan{kind: eventType, setting: wire.None, servers: servers, webhooks: 1, events: t.backlog + 200})
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.warm(ctx); err != nil {
		return nil, err
	}
	if err := w.servers[0].pause(ctx, w.webhooks[0]); err != nil {
		return nil, err
	}
	if servers > 1 {
		// The others learn of it within a second.
		if err := sleep(ctx, 1500*time.Millisecond); err != nil {
			return nil, err
		}
	}
	if err := w.fill(ctx, w.events, t.backlog); err != nil {
		return nil, err
	}
	if early := w.receivers[0].distinct.Load() - 200; early > 0 {
		return nil, fmt.Errorf("%d events arrived while the webhook was paused", early)
	}

	v, err := t.beside(ctx, w, func() (values, error) { return w.drained(ctx, t.backlog) })
	if err != nil {
		return nil, err
	}
	return v, w.recorded(ctx)
}

// drained resumes the first webhook, for which n events wait, until none does.
func (w *world) drained(ctx context.Context, n int) (values, error) {
	v := values{}
	for _, h := range w.servers {
		watch := watchMemory(h.pid)
		defer watch.end(v)
	}
	began := time.Now()
	if err := w.servers[0].resume(ctx, w.webhooks[0]); err != nil {
		return nil, err
	}
	if err := w.settled(ctx); err != nil {
		return nil, err
	}
	v[perSecond] = float64(n) / time.Since(began).Seconds()
	w.duplicates(v)
	return v, nil
}
