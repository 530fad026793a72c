package outbox

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// BenchmarkOrdered delivers a backlog to a webhook that wants the events of each object in sequence: of few objects, whose events wait for each other, and of many.
func BenchmarkOrdered(b *testing.B) {
	const backlog = 20_000
	for _, objects := range []int{50, backlog} {
		b.Run(fmt.Sprint(objects, " objects"), func(b *testing.B) {
			var took time.Duration
			for b.Loop() {
				b.StopTimer()
				r := newRig(b, db.SQLite)
				var came atomic.Int64
				all := make(chan struct{})
				receiver := egresstest.NewReceiver(b).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusOK)
					if came.Add(1) == backlog {
						close(all)
					}
				}))
				target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Ordering = wire.OrderedByLinkedObject })
				for part := range backlog / 1000 {
					r.update(func(tx *db.Tx) error {
						var owed []Owed
						for i, e := range r.record(tx, 1000) {
							e.LinkedObject = wire.ID(fmt.Sprintf("00000000-0000-4000-8000-%012d", (part*1000+i)%objects))
							if _, err := tx.Exec(`UPDATE event SET linked_object_id = $1 WHERE sequence = $2`, e.LinkedObject, e.Sequence); err != nil {
								return err
							}
							owed = append(owed, Owed{Event: e, Shares: []Share{{Target: target}}})
						}
						return r.Owe(tx, owed)
					})
				}
				b.StartTimer()
				began := time.Now()
				r.start()
				<-all
				took += time.Since(began)
				b.StopTimer()
				r.Stop(b.Context())
				b.StartTimer()
			}
			b.ReportMetric(float64(backlog*b.N)/took.Seconds(), "deliveries/s")
		})
	}
}
