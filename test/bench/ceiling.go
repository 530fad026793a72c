package main

import (
	"context"
	"time"
)

// ceilingCallers is the number of callers whose rate is the ceiling that everything is divided by.
const ceilingCallers = 64

// ceiling measures what nobody who delivers over HTTP on this machine can beat by far: net/http posting an event of 1.5 KB to a net/http receiver in the same
// process, over kept connections, under a timeout, as Herald's own deliveries are. The receiver is the one of the scenarios.
func ceiling(ctx context.Context, callers int, each time.Duration) (values, error) {
	receiver, err := newReceiver(0)
	if err != nil {
		return nil, err
	}
	defer receiver.close()
	client := newClient(callers)
	defer client.CloseIdleConnections()
	events := newEvents(eventType, "00000000-0000-4000-8000-000000000001")
	post := func(ctx context.Context) error {
		_, body := events.next()
		return send(ctx, client, receiver.url, "", body)
	}
	if _, err := hammer(ctx, callers, max(each/10, 50*time.Millisecond), post); err != nil {
		return nil, err
	}
	cpu := cpuOfSelf()
	l, err := hammer(ctx, callers, max(each, 100*time.Millisecond), post)
	if err != nil {
		return nil, err
	}
	v := values{perSecond: l.rate()}
	v.percentiles(l.latencies)
	v[cpuMicros] = float64((cpuOfSelf() - cpu).Microseconds()) / float64(len(l.latencies))
	return v, nil
}

// beside runs what measures a rate in w between two looks at the ceiling, and notes how much of it was reached: by rate, and by CPU time, in which
// neighbours on the machine show less.
func (t *turn) beside(ctx context.Context, w *world, measure func() (values, error)) (values, error) {
	before, err := ceiling(ctx, ceilingCallers, t.each/3)
	if err != nil {
		return nil, err
	}
	began, used := time.Now(), w.cpu(ctx)
	v, err := measure()
	if err != nil {
		return nil, err
	}
	n := v[perSecond] * time.Since(began).Seconds() // what was done
	used.until(w.cpu(ctx)).note(v, n)
	after, err := ceiling(ctx, ceilingCallers, t.each/3)
	if err != nil {
		return nil, err
	}
	t.report.addCeiling(ceilingCallers, before)
	t.report.addCeiling(ceilingCallers, after)
	v[ceilingRatio] = v[perSecond] / ((before[perSecond] + after[perSecond]) / 2)
	v[cpuRatio] = (before[cpuMicros] + after[cpuMicros]) / 2 / v[allCPUMicros]
	return v, nil
}
