package heraldtest

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/wire"
)

// Inbox is a webhook that agrees to everything and keeps what it gets. It is safe for concurrent use.
type Inbox struct {
	// Webhook is the webhook in Herald.
	Webhook *wire.Webhook

	h       *Herald
	mu      sync.Mutex
	all     []event.Payload
	arrived chan struct{} // closed, and replaced, when something has arrived
}

// Inbox enables the types at the default tenant, without a vote, unless they are enabled already, and subscribes an inbox to them.
func (h *Herald) Inbox(types ...event.Type) *Inbox {
	h.t.Helper()
	tenant, err := h.Client.Tenants.Load(h.t.Context(), h.Tenant)
	if err != nil {
		h.t.Fatalf("heraldtest: %v", err)
	}
	var missing []event.Type
	for _, t := range types {
		if !tenant.EventConfiguration.Events[string(t)].Enabled {
			missing = append(missing, t)
		}
	}
	if len(missing) > 0 {
		h.Enable(wire.None, missing...)
	}

	in := &Inbox{h: h, arrived: make(chan struct{})}
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Anyone()}, Once: receiver.Memory(0), Log: slog.New(slog.DiscardHandler)})
	r.Default(in.keep)
	in.Webhook = h.Subscribe(wire.Webhook{URL: h.Serve(r), Description: "Inbox of a test"}, types...)
	return in
}

func (in *Inbox) keep(_ context.Context, e *receiver.Event) error {
	d, ok := event.Lookup(e.Type)
	if !ok {
		return receiver.Refuse("a type that is not in the catalogue")
	}
	p := d.New()
	if err := e.Decode(p); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.all = append(in.all, p)
	close(in.arrived)
	in.arrived = make(chan struct{})
	return nil
}

// Next takes the first event of type t out of the inbox, and waits for it if there is none. The test fails when none comes within 20 seconds. The result has the Go
// type that goes with t.
func (in *Inbox) Next(t event.Type) event.Payload {
	in.h.t.Helper()
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		p, more := in.take(t)
		if p != nil {
			return p
		}
		select {
		case <-more:
		case <-over.C:
			in.h.t.Fatalf("heraldtest: no %s has come within %v; there are %v", t, patience, in.types())
			return nil
		}
	}
}

// take returns the first event of type t, or a channel that is closed when there may be one.
func (in *Inbox) take(t event.Type) (event.Payload, <-chan struct{}) {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := slices.IndexFunc(in.all, func(p event.Payload) bool { return p.Head().Type == t })
	if i < 0 {
		return nil, in.arrived
	}
	p := in.all[i]
	in.all = slices.Delete(in.all, i, i+1)
	return p, nil
}

func (in *Inbox) types() (all []event.Type) {
	for _, p := range in.All() {
		all = append(all, p.Head().Type)
	}
	return all
}

// All are the events that have arrived and were not taken out. To look at what has not come, call [Herald.Settle] before.
func (in *Inbox) All() []event.Payload {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.all)
}
