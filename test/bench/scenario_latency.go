package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/herald-events/herald/wire"
)

// timings are the instants of events that were published at a steady rate, by their numbers; see sinceBegin.
type timings struct {
	first, last     int // numbers
	began, answered []int64
}

// steady publishes n events one by one at a steady rate and waits until all have arrived.
func (w *world) steady(ctx context.Context, perSecond, n int) (timings, error) {
	first := int(w.events.count.Load()) + 1
	s := timings{first: first, last: first + n - 1, began: make([]int64, first+n), answered: make([]int64, first+n)}
	err := pace(ctx, perSecond, n, func(ctx context.Context, _ int) error {
		number, body := w.events.next()
		s.began[number] = sinceBegin()
		err := w.servers[0].publish(ctx, body)
		s.answered[number] = sinceBegin()
		return err
	})
	if err != nil {
		return s, err
	}
	return s, w.settled(ctx)
}

// until is how long each event took from the given instants to the receivers, sorted. An event may arrive before its publisher has read the answer: that is 0.
func (s timings) until(receivers []*receiver, from []int64) (all []time.Duration) {
	for _, r := range receivers {
		for n := s.first; n <= s.last; n++ {
			all = append(all, time.Duration(max(r.arrived(n)-from[n], 0)))
		}
	}
	slices.Sort(all)
	return all
}

// calls is how long the calls took, sorted.
func (s timings) calls() (all []time.Duration) {
	for n := s.first; n <= s.last; n++ {
		all = append(all, time.Duration(s.answered[n]-s.began[n]))
	}
	slices.Sort(all)
	return all
}

func latencies(all []time.Duration) values {
	v := values{}
	v.percentiles(all)
	return v
}

// measureLatency publishes 500 events per second. An event is committed when its publisher has the answer.
func measureLatency(ctx context.Context, t *turn) error {
	const rate = 500
	n := int(2 * t.each.Seconds() * rate)
	w, err := t.build(ctx, plan{kind: eventType, setting: wire.None, webhooks: 1, events: n + rate + 200})
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.warm(ctx); err != nil {
		return err
	}
	if _, err := w.steady(ctx, rate, rate/4); err != nil {
		return err
	}
	s, err := w.steady(ctx, rate, n)
	if err != nil {
		return err
	}
	t.add("committed → arrived", latencies(s.until(w.receivers, s.answered)))
	t.add("request → arrived", latencies(s.until(w.receivers, s.began)))
	t.add("request → committed", latencies(s.calls()))
	return nil
}

// measureDead compares nine webhooks that answer beside a tenth that does, and beside one that hangs. Each event goes to all ten. In every other run
// the hanging one comes first.
func measureDead(ctx context.Context, t *turn) error {
	var beside [2]values
	for i := range beside {
		hanging := (i + t.number) % 2
		v, err := t.nine(ctx, hanging == 1)
		if err != nil {
			return err
		}
		beside[hanging] = v
	}
	beside[1][timesBefore] = beside[1][p99] / beside[0][p99]
	t.add("the tenth answers: request → arrived", beside[0])
	t.add("the tenth hangs: request → arrived", beside[1])
	return nil
}

func (t *turn) nine(ctx context.Context, hanging bool) (values, error) {
	const rate, webhooks = 200, 10
	n := int(2 * t.each.Seconds() * rate)
	w, err := t.build(ctx, plan{kind: eventType, setting: wire.None, webhooks: webhooks, hanging: hanging, events: n + rate + 200})
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.warm(ctx); err != nil {
		return nil, err
	}
	if _, err := w.steady(ctx, rate, rate/4); err != nil {
		return nil, err
	}
	s, err := w.steady(ctx, rate, n)
	if err != nil {
		return nil, err
	}
	if last := w.receivers[webhooks-1]; hanging && last.requests.Load() == 0 {
		return nil, fmt.Errorf("nothing was sent to the webhook that hangs")
	}
	return latencies(s.until(w.receivers[:webhooks-1], s.began)), nil
}
