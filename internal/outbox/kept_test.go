package outbox

import (
	"slices"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// When more bodies wait than memory is to hold, those of others are read when they are sent. Whatever becomes of the deliveries: what was counted for them is counted
// back.
func TestKeep(t *testing.T) {
	for name, end := range map[string]func(r *rig, target *webhook.Target, sequences []int64, release func()){
		"delivered": func(_ *rig, _ *webhook.Target, _ []int64, release func()) { release() },
		"cancelled": func(r *rig, target *webhook.Target, sequences []int64, release func()) {
			r.update(func(tx *db.Tx) error {
				_, err := r.Cancel(tx, target.ID, sequences)
				return err
			})
			release()
		},
		"given back": func(r *rig, target *webhook.Target, _ []int64, release func()) {
			if err := r.Pause(r.t.Context(), target.ID, ""); err != nil {
				r.t.Fatal(err)
			}
			release()
		},
		"with the webhook": func(r *rig, target *webhook.Target, _ []int64, release func()) {
			if err := r.Webhooks.Delete(r.t.Context(), target.ID); err != nil {
				r.t.Fatal(err)
			}
			r.wake(target.ID)
			r.eventually("what it is owed is cancelled", func() bool { return r.count(Cancelled) == 40 })
			release()
		},
	} {
		t.Run(name, func(t *testing.T) {
			rigs(t, func(t *testing.T, r *rig) {
				gate := make(chan struct{})
				receiver := egresstest.NewReceiver(t).Script(egresstest.Hold(gate, egresstest.Accept()))
				target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Concurrency = 2 })
				r.start()
				size := int64(len(`{"event":{"number":11}}`))
				r.events = 10 // so that all bodies are of one size
				full := mostKept - 7*size - 1
				r.kept.Store(full) // other webhooks have a lot to do
				sequences := r.resumed(target, 40)
				receiver.WaitFor(2)
				r.eventually("all are loaded", func() bool { return r.loaded(target.ID) == 40 })
				if kept := r.kept.Load(); kept != full+7*size {
					t.Errorf("%d bytes wait, want %d", kept-full, 7*size)
				}
				l := r.lane(target.ID)
				l.mu.Lock()
				bodies := 0
				for _, d := range l.loaded {
					if d.body != nil {
						bodies++
					}
				}
				l.mu.Unlock()
				if bodies != 7 {
					t.Errorf("%d bodies wait, want 7", bodies)
				}
				end(r, target, sequences, func() { close(gate) })
				r.eventually("nothing is loaded", func() bool {
					r.mu.Lock()
					l := r.lanes[target.ID]
					r.mu.Unlock()
					if l == nil {
						return true
					}
					l.mu.Lock()
					defer l.mu.Unlock()
					return len(l.loaded) == 0 && l.workers == 0
				})
				r.eventually("what they took is counted back", func() bool { return r.kept.Load() == full })
				if name != "delivered" {
					return
				}
				want := r.rows(`SELECT body FROM event ORDER BY body`)
				slices.Sort(want)
				if got := sent(receiver); !slices.Equal(got, want) {
					t.Errorf("sent %v, want %v", got, want)
				}
			})
		})
	}
}
