package outbox

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// BenchmarkOrdered delivers a backlog to a webhook that wants the events of each object in sequence: of few objects, whose events wait for each other, and of many.
func BenchmarkOrdered(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		for _, objects := range []int{50, orderedBacklog} {
			b.Run(fmt.Sprintf("%s, %d objects", engine, objects), func(b *testing.B) { benchmarkOrdered(b, engine, objects) })
		}
	}
}

const orderedBacklog = 20_000

func benchmarkOrdered(b *testing.B, engine db.Engine, objects int) {
	var took time.Duration
	for b.Loop() {
		b.StopTimer()
		r := newRig(b, engine)
		var came atomic.Int64
		all := make(chan struct{})
		receiver := egresstest.NewReceiver(b).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			if came.Add(1) == orderedBacklog {
				close(all)
			}
		}))
		target := r.hook(receiver.URL, func(w *wire.Webhook) { w.Ordering = wire.OrderedByLinkedObject })
		for part := range orderedBacklog / 1000 {
			about := make([]wire.ID, 1000)
			for i := range about {
				about[i] = objectNo((part*1000 + i) % objects)
			}
			r.oweAbout(target, about...)
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
	b.ReportMetric(float64(orderedBacklog*b.N)/took.Seconds(), "deliveries/s")
}
