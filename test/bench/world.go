package main

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// world is what a scenario happens in: a fresh store, its servers, receivers with their webhooks, and events to publish.
type world struct {
	store     *store
	servers   []*herald
	receivers []*receiver
	webhooks  []string // ids, in the order of the receivers
	tenant    string
	events    *events
}

// plan says what a world is made of.
type plan struct {
	kind     event.Type
	setting  wire.TransactionType
	servers  int // 0 means 1
	webhooks int
	hanging  bool // the last of them never answers
	events   int  // that are published at most
}

func (t *turn) build(ctx context.Context, p plan) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.store, err = newStore(ctx, t.engine); err != nil {
		return w, err
	}
	for range max(p.servers, 1) {
		h, err := t.start(ctx, w.store, true)
		if err != nil {
			return w, err
		}
		w.servers = append(w.servers, h)
	}
	if w.tenant, err = w.servers[0].tenant(ctx, p.setting, p.kind); err != nil {
		return w, err
	}
	for i := range p.webhooks {
		listen := func() (*receiver, error) { return newReceiver(p.events) }
		if p.hanging && i == p.webhooks-1 {
			listen = newHangingReceiver
		}
		if err := w.add(ctx, listen, p.kind); err != nil {
			return w, err
		}
	}
	w.events = newEvents(p.kind, w.tenant)
	return w, nil
}

// add makes a receiver and its webhook.
func (w *world) add(ctx context.Context, listen func() (*receiver, error), kind event.Type) error {
	r, err := listen()
	if err != nil {
		return err
	}
	w.receivers = append(w.receivers, r)
	id, err := w.servers[0].subscribe(ctx, r, kind)
	w.webhooks = append(w.webhooks, id)
	return err
}

func (w *world) close() {
	for _, r := range w.receivers {
		r.close() // first: servers wait for requests under way, and some receivers hang
	}
	for _, h := range w.servers {
		h.stop()
	}
	if w.store != nil {
		w.store.close()
	}
}

// warm publishes a few events: connections and caches are there when it counts.
func (w *world) warm(ctx context.Context) error {
	for range 200 {
		_, body := w.events.next()
		if err := w.servers[0].publish(ctx, body); err != nil {
			return err
		}
	}
	return w.settled(ctx)
}

// fill publishes n events, 1,000 at a time, from two callers.
func (w *world) fill(ctx context.Context, events *events, n int) error {
	const size, callers = 1000, 2
	return abreast(ctx, callers, func(ctx context.Context, caller int) error {
		for i := caller * size; i < n; i += callers * size {
			if err := w.servers[0].publishBatch(ctx, events.batch(min(size, n-i))); err != nil {
				return err
			}
		}
		return nil
	})
}

// settled waits until every event that was published has arrived at every receiver that answers, and is on record as delivered. It gives up when nothing
// has arrived for a long time.
func (w *world) settled(ctx context.Context) error {
	published := w.events.count.Load()
	for i, r := range w.receivers {
		if r.hangs {
			continue
		}
		err := w.arrived(ctx, r, published)
		if err == nil {
			err = wait(ctx, "the deliveries are on record", func() (bool, error) {
				owes, err := w.store.owes(ctx, w.webhooks[i])
				return !owes, err
			})
		}
		if err != nil {
			return fmt.Errorf("webhook %d: %w; %s", i+1, err, w.store.describe(ctx, w.webhooks[i]))
		}
	}
	return nil
}

// arrived waits until so many events have arrived, as long as it goes on.
func (w *world) arrived(ctx context.Context, r *receiver, published int64) error {
	for {
		before := r.distinct.Load()
		if before >= published {
			return nil
		}
		err := wait(ctx, fmt.Sprintf("%d of %d events have arrived; the next one", before, published), func() (bool, error) {
			return r.distinct.Load() > before, nil
		})
		if err != nil {
			return err
		}
	}
}

// recorded checks that each delivery has its attempt on record. It reads the whole log.
func (w *world) recorded(ctx context.Context) error {
	published := w.events.count.Load()
	for i := range w.receivers {
		n, err := w.store.attempts(ctx, w.webhooks[i])
		if err != nil {
			return err
		}
		if n < published {
			return fmt.Errorf("%d of %d attempts are on record", n, published)
		}
	}
	return nil
}

// duplicates notes how many requests came more than once.
func (w *world) duplicates(v values) {
	var more int64
	for _, r := range w.receivers {
		if !r.hangs {
			more += r.requests.Load() - r.distinct.Load()
		}
	}
	if more > 0 {
		v[duplicates] = float64(more)
	}
}

// usage is user and system time.
type usage struct {
	ours     time.Duration // callers and receivers, and a server in this process
	servers  time.Duration
	database time.Duration

	serversKnown, databaseKnown bool
}

// cpu is what everybody has used so far.
func (w *world) cpu(ctx context.Context) usage {
	u := usage{ours: cpuOfSelf(), serversKnown: true}
	for _, h := range w.servers {
		used, ok := cpuOf(h.pid)
		u.servers += used
		u.serversKnown = u.serversKnown && ok && h.pid > 0
	}
	u.database, u.databaseKnown = w.store.cpu(ctx)
	return u
}

func (u usage) until(later usage) usage {
	u.ours, u.servers, u.database = later.ours-u.ours, later.servers-u.servers, later.database-u.database
	return u
}

// note notes the usage for each of n.
func (u usage) note(v values, n float64) {
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / n }
	if u.serversKnown {
		v[cpuMicros] = each(u.servers)
	}
	if u.databaseKnown {
		v[databaseMicros] = each(u.database)
	}
	v[allCPUMicros] = each(u.ours + u.servers + u.database)
}
