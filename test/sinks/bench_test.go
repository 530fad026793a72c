package sinks

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

// BenchmarkSink drains a backlog of 10,000 events of 1.5 KB into each type of sink, of 1,000 objects, in order for each of them or without any. Everything runs on this machine, and what is
// delivered is on record. The figure to look at is that of events per second.
func BenchmarkSink(b *testing.B) {
	brokers := map[string]func(testing.TB) broker{
		"kafka":    func(t testing.TB) broker { return newKafka(t) },
		"nats":     func(t testing.TB) broker { return startNATS(t) },
		"rabbitmq": func(t testing.TB) broker { return startRabbitMQ(t) },
		"redis":    func(t testing.TB) broker { return startRedis(t) },
		"file":     func(t testing.TB) broker { return &fileBroker{t: t} },
	}
	for name, start := range brokers {
		b.Run(name, func(b *testing.B) {
			broker := start(b)
			for _, ordering := range []wire.SinkOrdering{wire.SinkOrderedByLinkedObject, wire.SinkUnordered} {
				b.Run(string(ordering), func(b *testing.B) {
					s := &suite{t: b, b: broker}
					s.Server = apptest.Start(b, dbtest.Engines()[0], func(o *app.Options) { o.Logger = nil })
					if f, ok := broker.(*fileBroker); ok {
						f.dir = func() string { return filepath.Join(s.Data(), "sinks") }
					}
					s.Enable(wire.None, kind)
					w := broker.sink()
					w.Ordering = ordering
					id := s.create(w)
					s.wait(s.publish(1, 10)) // the connection is there
					took := time.Duration(0)
					for b.Loop() {
						if err := s.App.Outbox().Pause(b.Context(), id, ""); err != nil {
							b.Fatal(err)
						}
						for range backlog / 1000 {
							s.publishAbout(1000, 1300, 1000)
						}
						begin := time.Now()
						if err := s.App.Outbox().Resume(b.Context(), id); err != nil {
							b.Fatal(err)
						}
						for len(s.Strings(`SELECT webhook_id FROM delivery WHERE state <> 'delivered' AND state IN ('pending', 'retrying') LIMIT 1`)) > 0 {
							time.Sleep(5 * time.Millisecond)
						}
						took += time.Since(begin)
					}
					if failed := s.Strings(`SELECT exception FROM attempt WHERE outcome <> 'accepted' LIMIT 3`); len(failed) > 0 {
						b.Errorf("not all went well: %s", strings.Join(failed, "; "))
					}
					b.ReportMetric(float64(b.N*backlog)/took.Seconds(), "events/s")
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

const backlog = 10_000
