package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// patience is how long a call may take, and how long a scenario waits while nothing moves. Nothing that is measured comes near it.
const patience = 60 * time.Second

// newClient keeps a connection per caller. Its timeout costs what Herald's own timeouts cost.
func newClient(callers int) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: callers, DisableCompression: true}}
}

// send posts a body and fails on every answer but 200.
func send(ctx context.Context, client *http.Client, url, key string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Authorization", key)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("POST %s: %s %s", url, response.Status, text)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// load is what callers did.
type load struct {
	latencies []time.Duration // sorted
	began     time.Time
	took      time.Duration
}

func (l load) rate() float64 { return float64(len(l.latencies)) / l.took.Seconds() }

// abreast runs do n times at once and waits for all. The first error ends them and is returned.
func abreast(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := do(ctx, i); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// hammer lets callers call one after the other for a while, as fast as they are answered. The first error ends it.
func hammer(ctx context.Context, callers int, each time.Duration, do func(context.Context) error) (load, error) {
	l := load{began: time.Now()}
	of := make([][]time.Duration, callers)
	err := abreast(ctx, callers, func(ctx context.Context, caller int) error {
		for ctx.Err() == nil && time.Since(l.began) < each {
			began := time.Now()
			if err := do(ctx); err != nil {
				return err
			}
			of[caller] = append(of[caller], time.Since(began))
		}
		return nil
	})
	l.took = time.Since(l.began)
	l.latencies = slices.Concat(of...)
	slices.Sort(l.latencies)
	if err == nil && len(l.latencies) == 0 {
		err = errors.New("no call ended in time")
	}
	return l, err
}

// pace begins do n times at a steady rate, whether or not those before have ended: a server that stalls does not slow its callers down, as it would
// not in life. It returns when all have ended. The first error ends them.
func pace(ctx context.Context, perSecond, n int, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		timer := time.NewTimer(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			if err := do(ctx, i); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// wait polls until done. The interval is short beside anything that is timed with it.
func wait(ctx context.Context, what string, done func() (bool, error)) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		if ok, err := done(); err != nil || ok {
			return err
		}
		select {
		case <-tick.C:
		case <-late.C:
			return fmt.Errorf("%s: not within %v", what, patience)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
