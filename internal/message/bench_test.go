package message_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/wire"
)

// BenchmarkSend sends to a receiver on this machine, with a thousand messages of the tenant within the last minute. It shows what sending adds to the
// attempt itself, as the median: rendering, limits and two commits.
func BenchmarkSend(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			now := &atomic.Int64{}
			now.Store(noon.UnixMilli())
			d := dbtest.Open(b, engine)
			r := newRig(b, d, now, "node-1")
			if err := r.tenants.Bootstrap(b.Context(), home); err != nil {
				b.Fatal(err)
			}
			r.limit(`{"perTenant":{"limit":100000}}`)
			id := r.messenger("Main", egresstest.NewReceiver(b))
			target, err := r.messengers.Registry(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			measure := func(do func(i int) error) time.Duration {
				times := make([]time.Duration, 500)
				for i := range times {
					begin := time.Now()
					if err := do(i); err != nil {
						b.Fatal(err)
					}
					times[i] = time.Since(begin)
				}
				slices.Sort(times)
				return times[len(times)/2]
			}
			for range b.N {
				send := func(i int) error {
					q := request(id)
					q.To = fmt.Sprint("+49170", 1000000+i)
					_, err := r.Send(b.Context(), q)
					return err
				}
				for range 2 {
					_ = measure(send)
				}
				bare := measure(func(int) error {
					if a := target.Target(id).Send(b.Context(), messenger.Message{Kind: wire.KindSMS, PhoneNumber: number, Text: "x"}); !a.Accepted() {
						return message.ErrNotSent
					}
					return nil
				})
				whole := measure(send)
				b.ReportMetric(float64((whole - bare).Microseconds()), "added-µs")
				b.ReportMetric(float64(bare.Microseconds()), "attempt-µs")
			}
		})
	}
}
