package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// ceilingCallers is the number of callers whose rate is the ceiling that everything is divided by.
const ceilingCallers = 64

// ceiling measures what nobody who delivers over HTTP on this machine can beat by far: net/http posting an event of 1.5 KB to a net/http receiver, over kept
// connections, under a timeout, as Herald's own deliveries are. The receiver is the one of the scenarios, and the client is where the server under test is:
// in a process of its own, or inside this one for a profile.
func (b *bench) ceiling(ctx context.Context, callers int, each time.Duration) (values, error) {
	receiver, err := newReceiver(0)
	if err != nil {
		return nil, err
	}
	defer receiver.close()
	ask := askBare
	if b.profile != "" {
		ask = postBare
	}
	cpu := cpuOfSelf()
	l, err := ask(ctx, receiver.url, callers, max(each, 100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return values{
		perSecond: l.Rate, p50: l.P50, p99: l.P99,
		cpuMicros: float64((cpuOfSelf() - cpu + l.elsewhere).Microseconds()) / float64(l.Requests),
	}, nil
}

// bare is what the bare client found.
type bare struct {
	Rate, P50, P99 float64
	Requests       int // with those of the warm-up

	elsewhere time.Duration // CPU time of its process, when that is another one
}

// postBare is the bare client.
func postBare(ctx context.Context, url string, callers int, each time.Duration) (b bare, err error) {
	client := newClient(callers)
	defer client.CloseIdleConnections()
	events := newEvents(eventType, "00000000-0000-4000-8000-000000000001")
	post := func(ctx context.Context) error {
		_, body := events.next()
		return send(ctx, client, url, "", body)
	}
	warm, err := hammer(ctx, callers, max(each/10, 50*time.Millisecond), post)
	if err != nil {
		return b, err
	}
	l, err := hammer(ctx, callers, each, post)
	if err != nil {
		return b, err
	}
	v := values{}
	v.percentiles(l.latencies)
	return bare{Rate: l.rate(), P50: v[p50], P99: v[p99], Requests: len(warm.latencies) + len(l.latencies)}, nil
}

// bareCommand is the first argument of a process that is nothing but the bare client. Its other arguments are those of postBare.
const bareCommand = "bare"

// askBare runs the bare client in a process of its own.
func askBare(ctx context.Context, url string, callers int, each time.Duration) (b bare, err error) {
	self, err := os.Executable()
	if err != nil {
		return b, err
	}
	child := exec.CommandContext(ctx, self, bareCommand, url, strconv.Itoa(callers), each.String())
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		return b, err
	}
	b.elsewhere = child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	return b, json.Unmarshal(out, &b)
}

// runBare is the whole life of such a process.
func runBare(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("%s takes a URL, the number of callers and a duration", bareCommand)
	}
	callers, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	each, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	b, err := postBare(ctx, args[0], callers, each)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(b)
}

// beside runs what measures a rate in w between two looks at the ceiling, and notes how much of it was reached: by rate, and by CPU time, in which
// neighbours on the machine show less.
func (t *turn) beside(ctx context.Context, w *world, measure func() (values, error)) (values, error) {
	before, err := t.ceiling(ctx, ceilingCallers, t.each/3)
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
	after, err := t.ceiling(ctx, ceilingCallers, t.each/3)
	if err != nil {
		return nil, err
	}
	t.report.addCeiling(ceilingCallers, before)
	t.report.addCeiling(ceilingCallers, after)
	v[ceilingRatio] = v[perSecond] / ((before[perSecond] + after[perSecond]) / 2)
	v[cpuRatio] = (before[cpuMicros] + after[cpuMicros]) / 2 / v[allCPUMicros]
	return v, nil
}
